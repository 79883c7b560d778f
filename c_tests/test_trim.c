/* Memory given back on demand: what goes first, what stays, and what the call says of it. */
#include "support.h"

enum { SIDE = 64, TILES = 12, BYTES = SIDE * SIDE };

/* An image of one row of blocks, each a tile of its own, and a cache with room for all. */
typedef struct { source s; tc_cache *cache; tc_provider *from, *p; } row;

static void open_row(row *r, uint64_t budget)
{
  source_init(&r->s, TILES * SIDE, SIDE, SIDE, SIDE, 1, TC_U8);
  r->s.key = "row";
  r->cache = new_cache(budget);
  r->from = open_source(&r->s);
  r->p = cached(r->from, r->cache);
}

static void close_row(row *r)
{
  provider_release(r->from);
  provider_release(r->p);
  assert_books(r->cache);
  tc_release(r->cache);
  source_done(&r->s);
}

static bool is_there(const row *r, int64_t col)
{
  tc_tile *tile = NULL;
  tc_status status = provider_peek_block(r->p, 0, col, 0, NULL, 0, &tile, NULL);
  tc_tile_release(tile);
  return status == TC_OK;
}

/* What a trim gives back is what `resident` says, and the budget stays. */
static uint64_t trim(tc_cache *cache, uint64_t bytes)
{
  tc_cache_stats before = stats_of(cache);
  uint64_t given_back = 7;
  ok(tc_trim(cache, bytes, &given_back, &err));
  tc_cache_stats now = stats_of(cache);
  assert_int_equal(given_back, before.resident - now.resident);
  assert_int_equal(now.budget, before.budget);
  return given_back;
}

static void the_oldest_uses_go_first_and_no_more_than_needed(void **state)
{
  (void)state;
  row r;
  open_row(&r, 1 << 20);
  read_all(r.p, 0);
  touch(r.p, 0, 0, 0); /* the oldest is the second now */
  assert_int_equal(trim(r.cache, 0), 0);
  assert_int_equal(stats_of(r.cache).entries, TILES);
  assert_true(trim(r.cache, 1) >= BYTES);
  assert_int_equal(stats_of(r.cache).entries, TILES - 1);
  assert_false(is_there(&r, 1));
  assert_true(trim(r.cache, 2 * BYTES + 1) >= 2 * BYTES + 1);
  for (int64_t col = 0; col < TILES; col++)
    assert_int_equal(is_there(&r, col), col == 0 || col > 3);
  assert_int_equal(stats_of(r.cache).evictions, 3);
  /* All that is left goes, with the key; what is read afterwards is kept again. */
  trim(r.cache, UINT64_MAX);
  assert_int_equal(stats_of(r.cache).resident, 0);
  assert_int_equal(trim(r.cache, UINT64_MAX), 0);
  int before = decodes(&r.s);
  read_all(r.p, 0);
  read_all(r.p, 0);
  assert_int_equal(decodes(&r.s), before + TILES);
  assert_int_equal(stats_of(r.cache).entries, TILES);
  close_row(&r);
}

static void tiles_in_hand_stay(void **state)
{
  (void)state;
  row r;
  open_row(&r, 1 << 20);
  tc_tile *held[TILES];
  for (int64_t col = 0; col < TILES; col++)
    held[col] = get(r.p, 0, col, 0);
  assert_int_equal(trim(r.cache, UINT64_MAX), 0);
  for (int64_t col = 0; col < TILES; col++) {
    area where = {col * SIDE, 0, SIDE, SIDE};
    assert_tile(&r.s, held[col], where, 0, NULL, 1);
    tc_tile *again = get(r.p, 0, col, 0);
    assert_ptr_equal(data_of(again), data_of(held[col]));
    tc_tile_release(again);
    if (col % 2 == 0)
      tc_tile_release(held[col]);
  }
  assert_true(trim(r.cache, UINT64_MAX) >= TILES / 2 * BYTES);
  assert_int_equal(stats_of(r.cache).entries, TILES / 2);
  for (int64_t col = 1; col < TILES; col += 2)
    tc_tile_release(held[col]);
  assert_int_equal(decodes(&r.s), TILES);
  trim(r.cache, UINT64_MAX);
  assert_int_equal(stats_of(r.cache).entries, 0);
  close_row(&r);
}

static void memory_kept_for_the_next_tile_goes_before_any_tile(void **state)
{
  (void)state;
  row r;
  open_row(&r, 1 << 20);
  read_all(r.p, 0);
  for (int64_t col = 0; col < 4; col++)
    ok(tc_remove(r.cache, provider_key(r.p), 0, col, 0, NULL, 0, &err));
  uint64_t kept = stats_of(r.cache).reusable;
  assert_int_equal(kept, 4 * BYTES);
  assert_int_equal(trim(r.cache, BYTES + 1), 2 * BYTES);
  assert_int_equal(stats_of(r.cache).reusable, 2 * BYTES);
  assert_int_equal(stats_of(r.cache).entries, TILES - 4);
  assert_true(trim(r.cache, 2 * BYTES + 1) >= 3 * BYTES);
  assert_int_equal(stats_of(r.cache).reusable, 0);
  assert_int_equal(stats_of(r.cache).entries, TILES - 5);
  close_row(&r);
}

static void what_is_guaranteed_goes_last(void **state)
{
  (void)state;
  row r;
  open_row(&r, 1 << 20);
  ok(tc_set_share(r.cache, provider_key(r.p), 0, room(TILES, BYTES), &err));
  read_all(r.p, 0);
  source other;
  source_init(&other, 4 * SIDE, SIDE, SIDE, SIDE, 1, TC_U8);
  tc_provider *from = open_source(&other), *q = cached(from, r.cache);
  read_all(q, 0);
  trim(r.cache, 4 * BYTES);
  for (int64_t col = 0; col < TILES; col++)
    assert_true(is_there(&r, col));
  assert_int_equal(stats_of(r.cache).entries, TILES);
  trim(r.cache, 1);
  assert_false(is_there(&r, 0));
  assert_int_equal(stats_of(r.cache).entries, TILES - 1);
  provider_release(from);
  provider_release(q);
  close_row(&r);
  source_done(&other);
}

static void lent_memory_that_counts_is_given_back(void **state)
{
  (void)state;
  static unsigned char memory[2][BYTES];
  int released[2] = {0, 0};
  tc_cache *cache = new_cache(1 << 20);
  for (int i = 0; i < 2; i++) {
    tc_pixels pixels = {memory[i], SIDE, SIDE, 0, 0, 0, 0, 1, TC_U8, TC_PIXELS_COUNTED, 0};
    ok(tc_put(cache, "lent", 0, i, 0, NULL, 0, &pixels, count_release, &released[i], &err));
  }
  assert_true(trim(cache, 1) >= BYTES);
  assert_int_equal(released[0], 1);
  assert_int_equal(released[1], 0);
  ok(tc_trim(cache, UINT64_MAX, NULL, &err));
  assert_int_equal(released[1], 1);
  assert_int_equal(stats_of(cache).lent, 0);
  tc_release(cache);
}

/* Pages of this process that are in memory, or 0 where that is not known. */
static int64_t resident_pages(void)
{
  long size = 0, resident = 0;
  FILE *statm = fopen("/proc/self/statm", "r");
  if (statm != NULL && fscanf(statm, "%ld %ld", &size, &resident) != 2)
    resident = 0;
  if (statm != NULL)
    fclose(statm);
  return resident;
}

static void the_memory_of_the_process_shrinks(void **state)
{
  (void)state;
  /* Where the harness slows each step down, memory has another keeper too. */
  if (scaled(2) < 2)
    skip();
  enum { LARGE = 1024, SMALL = 64, HEIGHT = 64 * 1024, PAGE = 4096 };
  for (int64_t side = SMALL; side <= LARGE; side += LARGE - SMALL) {
    source s;
    source_init(&s, side, HEIGHT, side, side, 1, TC_U8);
    tc_cache *cache = new_cache((uint64_t)1 << 30);
    tc_provider *from = open_source(&s), *p = cached(from, cache);
    tc_image_info info = info_of(p);
    for (int64_t r = 0; r < info.grid_rows; r++)
      touch(p, r, 0, 0);
    int64_t before = resident_pages();
    uint64_t kept = stats_of(cache).resident;
    trim(cache, kept / 2);
    int64_t halfway = resident_pages();
    trim(cache, UINT64_MAX);
    int64_t after = resident_pages();
    int64_t pages = (int64_t)(kept / PAGE);
    /* Small tiles lie among others in the allocator's memory. */
    if (side == LARGE)
      assert_true(before - halfway >= pages / 2 * 9 / 10);
    assert_true(before - after >= pages * 8 / 10);
    provider_release(from);
    provider_release(p);
    tc_release(cache);
    source_done(&s);
  }
}

/* ---- threads ---- */

enum { THREADS = 4 };

typedef struct { row *r; int wrong; } readers;

static void read_or_trim(void *arg, int index)
{
  readers *all = arg;
  uint64_t random = (uint64_t)index;
  for (int i = 0; i < scaled(20000); i++) {
    if (index == 0 && i % 8 == 0) {
      uint64_t given_back = 0;
      if (tc_trim(all->r->cache, random_below(&random, 4 * BYTES), &given_back, NULL) != TC_OK)
        __atomic_fetch_add(&all->wrong, 1, __ATOMIC_RELAXED);
      continue;
    }
    int64_t col = random_below(&random, TILES);
    tc_tile *tile = NULL;
    tc_pixels pixels;
    if (provider_get_block(all->r->p, 0, col, 0, NULL, 0, &tile, NULL) != TC_OK) {
      __atomic_fetch_add(&all->wrong, 1, __ATOMIC_RELAXED);
      continue;
    }
    tc_tile_pixels(tile, &pixels);
    if (!pixels_match(&all->r->s, &pixels, col * SIDE, 0, 0, NULL))
      __atomic_fetch_add(&all->wrong, 1, __ATOMIC_RELAXED);
    tc_tile_release(tile);
  }
}

static void trims_disturb_no_reader(void **state)
{
  (void)state;
  row r;
  open_row(&r, room(TILES * 3 / 4, BYTES));
  readers all = {&r, 0};
  in_threads(THREADS, read_or_trim, &all);
  assert_int_equal(all.wrong, 0);
  close_row(&r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_oldest_uses_go_first_and_no_more_than_needed),
      cmocka_unit_test(tiles_in_hand_stay),
      cmocka_unit_test(memory_kept_for_the_next_tile_goes_before_any_tile),
      cmocka_unit_test(what_is_guaranteed_goes_last),
      cmocka_unit_test(lent_memory_that_counts_is_given_back),
      cmocka_unit_test(the_memory_of_the_process_shrinks),
      cmocka_unit_test(trims_disturb_no_reader),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
