/* Many threads: nothing decoded twice, nothing wrong, nothing waiting for itself. */
#include "support.h"

#include <stdatomic.h>

/* What the threads of a test share; each notes what it found for the main thread to assert. */
typedef struct {
  source *s;
  tc_cache *cache;
  tc_provider *p[8];
  tc_tile *tiles[64];
  int64_t tile_side, cols, rows;
  int rounds;
  bool wrong[64];
} work;

static bool shows(work *w, const tc_tile *tile, int64_t row, int64_t col)
{
  tc_pixels pixels;
  tc_tile_pixels(tile, &pixels);
  return pixels_match(w->s, &pixels, col * w->tile_side, row * w->tile_side, 0, NULL);
}

static bool read_tile(work *w, tc_provider *p, int64_t row, int64_t col)
{
  tc_tile *tile = NULL;
  bool right = provider_get_block(p, row, col, 0, NULL, 0, &tile, NULL) == TC_OK && shows(w, tile, row, col);
  tc_tile_release(tile);
  return right;
}

static void assert_none_wrong(const work *w)
{
  for (size_t i = 0; i < COUNT(w->wrong); i++)
    assert_false(w->wrong[i]);
}

/* ---- single flight ---- */

static void take_same(void *user, int index)
{
  work *w = user;
  w->wrong[index] = provider_get_block(w->p[0], 0, 0, 0, NULL, 0, &w->tiles[index], NULL) != TC_OK ||
                    !shows(w, w->tiles[index], 0, 0);
}

static void eight_threads_on_one_tile_decode_each_block_once(void **state)
{
  (void)state;
  enum { THREADS = 8 };
  source s;
  work w = {.s = &s, .tile_side = 64};
  source_init(&s, 64, 64, 20, 20, 1, TC_U8);
  s.decode_ms = 5;
  w.cache = new_cache(1 << 20);
  tc_provider *from = open_source(&s);
  w.p[0] = retiled(from, 64, 64, 0, w.cache);
  in_threads(THREADS, take_same, &w);
  assert_none_wrong(&w);
  assert_int_equal(decodes(&s), 16);
  assert_int_equal(most_decodes(&s), 1);
  assert_true(s.most_inside > 1); /* who waits for the tile decodes another block of it */
  for (int i = 0; i < THREADS; i++)
    assert_ptr_equal(data_of(w.tiles[i]), data_of(w.tiles[0]));
  for (int i = 0; i < THREADS; i++)
    tc_tile_release(w.tiles[i]);
  assert_books(w.cache);
  provider_release(from);
  provider_release(w.p[0]);
  tc_release(w.cache);
  source_done(&s);
}

static void read_own_column(void *user, int index)
{
  work *w = user;
  w->wrong[index] = !read_tile(w, w->p[0], 0, index);
}

/* Tiles of one row over the same strips: the threads share the strips out, with a cache that keeps
 * tiles and with one that keeps nothing. */
static void neighbours_share_the_decodes(void **state)
{
  (void)state;
  static const struct { int threads; uint64_t budget; } rows[] = {{2, 1 << 20}, {8, 1 << 20}, {2, 0}, {8, 0}};
  for (size_t i = 0; i < COUNT(rows); i++) {
    source s;
    work w = {.s = &s, .tile_side = 32};
    source_init(&s, 32 * rows[i].threads, 32, 32 * rows[i].threads, 2, 1, TC_U8);
    s.decode_ms = 5;
    w.cache = new_cache(rows[i].budget);
    tc_provider *from = open_source(&s);
    w.p[0] = retiled(from, 32, 32, 0, w.cache);
    in_threads(rows[i].threads, read_own_column, &w);
    assert_none_wrong(&w);
    assert_true(s.most_inside > 1);
    if (rows[i].budget != 0)
      assert_int_equal(decodes(&s), 16);
    else /* who comes after a block is gone must decode it again, but those who meet share it */
      assert_true(decodes(&s) < 16 * rows[i].threads);
    assert_books(w.cache);
    provider_release(from);
    provider_release(w.p[0]);
    tc_release(w.cache);
    source_done(&s);
  }
}

/* ---- pressure ---- */

static void read_at_random(void *user, int index)
{
  work *w = user;
  uint64_t seed = (uint64_t)index * 977;
  for (int n = 0; n < w->rounds; n++) {
    uint32_t row = random_below(&seed, (uint32_t)w->rows), col = random_below(&seed, (uint32_t)w->cols);
    if (!read_tile(w, w->p[0], row, col))
      w->wrong[index] = true;
    tc_cache_stats stats;
    memset(&stats, 0, sizeof stats);
    stats.struct_size = sizeof stats;
    if (tc_statistics(w->cache, &stats, NULL) != TC_OK || stats.idle + stats.held + stats.reusable > stats.budget ||
        stats.resident > stats.budget)
      w->wrong[index] = true;
    if (index == 0 && n % 16 == 0)
      tc_clear(w->cache, NULL);
    if (index == 1 && n % 8 == 0)
      tc_set_budget(w->cache, random_below(&seed, 12000), NULL);
  }
}

static void random_reads_under_a_tiny_budget_show_the_image(void **state)
{
  (void)state;
  static const struct { int64_t bw, bh; bool both; } rows[] = {{200, 7, false}, {30, 30, false}, {30, 30, true}};
  for (size_t i = 0; i < COUNT(rows); i++) {
    source s;
    work w = {.s = &s, .tile_side = 24, .cols = 9, .rows = 7, .rounds = scaled(1000)};
    source_init(&s, 200, 150, rows[i].bw, rows[i].bh, 1, TC_U8);
    w.cache = new_cache(4000);
    tc_provider *from = open_source(&s);
    tc_provider *below = rows[i].both ? cached(from, w.cache) : provider_retain(from);
    w.p[0] = retiled(below, 24, 24, 0, w.cache);
    in_threads(8, read_at_random, &w);
    assert_none_wrong(&w);
    assert_books(w.cache);
    provider_release(from);
    provider_release(below);
    provider_release(w.p[0]);
    tc_release(w.cache);
    source_done(&s);
  }
}

static void hold_one_and_read_nine(void *user, int index)
{
  work *w = user;
  tc_tile *held = NULL;
  int64_t row = index % w->rows, col = index % w->cols;
  for (int n = 0; n < w->rounds; n++) {
    static const int64_t side = 40;
    unsigned char window[40 * 40];
    tc_target into = {window, 0, 0, 0, side, side, 1, TC_U8};
    if (provider_get_block(w->p[0], row, col, 0, NULL, 0, &held, NULL) != TC_OK ||
        provider_read_window(w->p[0], 14 + index, 14 + n, 0, NULL, 0, &into, NULL) != TC_OK || !shows(w, held, row, col))
      w->wrong[index] = true;
    tc_pixels pixels = {window, side, side, side, side * side, side, side, 1, TC_U8, 0, 0};
    if (!pixels_match(w->s, &pixels, 14 + index, 14 + n, 0, NULL))
      w->wrong[index] = true;
    tc_tile_release(held);
    held = NULL;
  }
}

/* A budget of two tiles and sixteen threads that each hold one: nobody waits for what he holds. */
static void pins_beyond_the_budget_hold_nobody_up(void **state)
{
  (void)state;
  source s;
  work w = {.s = &s, .tile_side = 16, .cols = 10, .rows = 10, .rounds = scaled(100)};
  source_init(&s, 160, 160, 16, 16, 1, TC_U8);
  w.cache = new_cache(room(2, 16 * 16));
  tc_provider *from = open_source(&s);
  w.p[0] = cached(from, w.cache);
  in_threads(16, hold_one_and_read_nine, &w);
  assert_none_wrong(&w);
  assert_books(w.cache);
  provider_release(from);
  provider_release(w.p[0]);
  tc_release(w.cache);
  source_done(&s);
}

/* ---- one identity, many handles ---- */

static void read_all_of_own(void *user, int index)
{
  work *w = user;
  for (int64_t row = 0; row < w->rows; row++)
    for (int64_t col = 0; col < w->cols; col++)
      if (!read_tile(w, w->p[index], row, col))
        w->wrong[index] = true;
}

static void one_name_opened_eight_times_is_decoded_once(void **state)
{
  (void)state;
  enum { OPENED = 8 };
  static source s[OPENED];
  tc_provider *from[OPENED];
  work w = {.s = &s[0], .tile_side = 16, .cols = 6, .rows = 6};
  int total = 0;
  w.cache = new_cache(1 << 20);
  for (int i = 0; i < OPENED; i++) {
    source_init(&s[i], 96, 96, 16, 16, 1, TC_U8);
    s[i].key = "scene";
    s[i].decode_ms = 1;
    from[i] = open_source(&s[i]);
    w.p[i] = cached(from[i], w.cache);
  }
  in_threads(OPENED, read_all_of_own, &w);
  assert_none_wrong(&w);
  for (int i = 0; i < OPENED; i++) {
    total += decodes(&s[i]);
    provider_release(from[i]);
    provider_release(w.p[i]);
    source_done(&s[i]);
  }
  assert_int_equal(total, 36);
  tc_release(w.cache);
}

/* ---- handles made, shared and dropped by all threads ---- */

static void make_and_drop(void *user, int index)
{
  work *w = user;
  for (int n = 0; n < w->rounds; n++) {
    tc_retile_options options;
    tc_provider *p = NULL;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.tile_width = options.tile_height = 24;
    if (provider_retile(w->p[0], &options, w->cache, &p, NULL) != TC_OK) {
      w->wrong[index] = true;
      continue;
    }
    tc_tile *tile = NULL;
    if (provider_get_block(p, n % 4, index % 4, 0, NULL, 0, &tile, NULL) != TC_OK)
      w->wrong[index] = true;
    provider_release(p);
    if (tile == NULL || !shows(w, tile, n % 4, index % 4))
      w->wrong[index] = true;
    tc_tile_release(tile);
  }
}

static void operators_come_and_go_on_all_threads(void **state)
{
  (void)state;
  source s;
  work w = {.s = &s, .tile_side = 24, .rounds = scaled(500)};
  source_init(&s, 96, 96, 40, 40, 1, TC_U8);
  w.cache = new_cache(8000);
  w.p[0] = open_source(&s);
  in_threads(8, make_and_drop, &w);
  assert_none_wrong(&w);
  assert_books(w.cache);
  provider_release(w.p[0]);
  tc_release(w.cache);
  source_done(&s);
}

/* ---- sources that read ---- */

typedef struct { tc_provider *from; tc_status status; } nested;

/* A source whose block is the block of another provider, in whichever cache that is. */
static tc_status read_nested(void *user, void *session, int64_t row, int64_t col, int32_t level, const int32_t *bands,
                             const tc_target *into, tc_error *error)
{
  nested *n = user;
  tc_tile *tile = NULL;
  (void)session, (void)bands;
  tc_status status = provider_get_block(n->from, row, col, level, NULL, 0, &tile, error);
  if (status == TC_OK)
    status = tc_tile_copy(tile, 0, 0, NULL, 0, into, error);
  __atomic_store_n(&n->status, status, __ATOMIC_RELAXED); /* by several threads */
  tc_tile_release(tile);
  return status;
}

static tc_provider *open_nested(nested *n, const tc_image_info *image)
{
  tc_source t;
  tc_provider *p = NULL;
  memset(&t, 0, sizeof t);
  t.struct_size = sizeof t;
  t.threading = TC_CONCURRENT;
  t.user = n;
  t.image = image;
  t.read_block = read_nested;
  ok(provider_from_source(&t, &p, &err));
  return p;
}

/* C is computed from B and B from A, all in one small cache. */
static void sources_may_read_through_the_same_cache(void **state)
{
  (void)state;
  for (uint64_t tiles = 1; tiles <= 4; tiles++) {
    source s;
    work w = {.s = &s, .tile_side = 16, .cols = 4, .rows = 4};
    source_init(&s, 64, 64, 16, 16, 1, TC_U8);
    w.cache = new_cache(room(tiles, 16 * 16));
    tc_provider *a = open_source(&s);
    nested from_a = {cached(a, w.cache), 0};
    tc_provider *b = open_nested(&from_a, &s.image);
    nested from_b = {cached(b, w.cache), 0};
    tc_provider *c = open_nested(&from_b, &s.image);
    w.p[0] = cached(c, w.cache);
    for (int i = 1; i < 8; i++)
      w.p[i] = w.p[0];
    in_threads(8, read_all_of_own, &w);
    assert_none_wrong(&w);
    assert_books(w.cache);
    tc_provider *release[] = {a, b, c, from_a.from, from_b.from, w.p[0]};
    for (size_t i = 0; i < COUNT(release); i++)
      provider_release(release[i]);
    tc_release(w.cache);
    source_done(&s);
  }
}

static void a_block_that_needs_itself_is_an_error(void **state)
{
  (void)state;
  source s; /* for its description only */
  nested itself = {NULL, 0};
  tc_tile *tile = NULL;
  source_init(&s, 32, 32, 16, 16, 1, TC_U8);
  pthread_mutex_destroy(&s.lock);
  tc_cache *cache = new_cache(1 << 16);
  tc_provider *p = open_nested(&itself, &s.image);
  itself.from = cached(p, cache);
  assert_int_not_equal(provider_get_block(itself.from, 1, 1, 0, NULL, 0, &tile, &err), TC_OK);
  assert_null(tile);
  assert_int_equal(itself.status, TC_E_REENTRANT);
  assert_books(cache);
  provider_release(p);
  provider_release(itself.from);
  tc_release(cache);
}

/* ---- levels with grids of their own ---- */

/* An image whose samples are the number of their level, and whose levels have grids of their own, as the
 * overviews of a file have. A block of level 1 waits until level 2 was asked for as well. */
typedef struct {
  tc_provider *tiles;
  atomic_int in_level_1, level_2_asked;
  bool wrong[3];
} two_levels;

/* Waits until `flag` is set, or for two seconds. */
static void await(atomic_int *flag)
{
  for (int i = 0; i < 2000 && !atomic_load(flag); i++)
    sleep_ms(1);
}

static tc_status fill_with_level(void *user, void *session, int64_t row, int64_t col, int32_t level,
                                 const int32_t *bands, const tc_target *into, tc_error *error)
{
  (void)session, (void)row, (void)col, (void)bands, (void)error;
  two_levels *w = user;
  if (level == 1 && !atomic_exchange(&w->in_level_1, 1)) {
    await(&w->level_2_asked);
    sleep_ms(50); /* for the other thread to join, if it can */
  }
  for (int64_t y = 0; y < into->height; y++)
    memset((char *)into->data + y * into->row_stride, level, (size_t)into->width);
  return TC_OK;
}

static void read_a_level(void *user, int index)
{
  two_levels *w = user;
  int level = index + 1;
  tc_tile *tile = NULL;
  tc_pixels pixels = {0};
  if (level == 2) {
    await(&w->in_level_1);
    atomic_store(&w->level_2_asked, 1);
  }
  w->wrong[level] = provider_get_block(w->tiles, 0, 0, level, NULL, 0, &tile, NULL) != TC_OK;
  if (!w->wrong[level])
    tc_tile_pixels(tile, &pixels);
  for (int64_t y = 0; y < pixels.height; y++)
    for (int64_t x = 0; x < pixels.width; x++)
      w->wrong[level] |= ((const uint8_t *)pixels.data)[y * pixels.row_stride + x] != level;
  tc_tile_release(tile);
}

static void levels_keep_to_their_own_blocks(void **state)
{
  (void)state;
  two_levels w = {0};
  tc_level levels[] = {{1024, 1024, 64, 64}, {512, 512, 64, 64}, {256, 256, 64, 64}};
  tc_image_info image = {.struct_size = sizeof image, .dtype = TC_U8, .width = 1024, .height = 1024,
                         .block_width = 64, .block_height = 64, .bands = 1, .levels = COUNT(levels)};
  tc_source callbacks = {.struct_size = sizeof callbacks, .threading = TC_CONCURRENT, .user = &w, .image = &image,
                         .levels = levels, .read_block = fill_with_level};
  tc_provider *from = NULL;
  tc_cache *cache = new_cache(4 << 20);
  ok(provider_from_source(&callbacks, &from, &err));
  w.tiles = retiled(from, 512, 512, 0, cache);
  in_threads(2, read_a_level, &w);
  assert_false(w.wrong[1]);
  assert_false(w.wrong[2]);
  provider_release(w.tiles);
  provider_release(from);
  tc_release(cache);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(eight_threads_on_one_tile_decode_each_block_once),
    cmocka_unit_test(neighbours_share_the_decodes),
    cmocka_unit_test(random_reads_under_a_tiny_budget_show_the_image),
    cmocka_unit_test(pins_beyond_the_budget_hold_nobody_up),
    cmocka_unit_test(one_name_opened_eight_times_is_decoded_once),
    cmocka_unit_test(operators_come_and_go_on_all_threads),
    cmocka_unit_test(sources_may_read_through_the_same_cache),
    cmocka_unit_test(a_block_that_needs_itself_is_an_error),
    cmocka_unit_test(levels_keep_to_their_own_blocks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
