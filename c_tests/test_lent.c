/* Memory that callers lend to a cache: what it counts for, and when it is given back. */
#include "support.h"
#include <string.h>

enum { SIDE = 32, BYTES = SIDE * SIDE };

/* Memory to be lent once. Given back, it is spoilt, so that a tile which still shows it is noticed. */
typedef struct { unsigned char bytes[BYTES]; unsigned char value; int released; } piece;

static void give_back(void *user)
{
  piece *p = user;
  p->released++;
  memset(p->bytes, ~p->value, BYTES);
}

static void lend(tc_cache *cache, const char *key, int64_t row, int64_t col, uint32_t flags, piece *p)
{
  memset(p->bytes, p->value, BYTES);
  tc_pixels pixels = {p->bytes, SIDE, SIDE, 0, 0, 0, 0, 1, TC_U8, flags, 0};
  assert_int_equal(tc_put(cache, key, row, col, 0, NULL, 0, &pixels, give_back, p, NULL), TC_OK);
}

static int released(const piece *pieces, int n)
{
  int sum = 0;
  for (int i = 0; i < n; i++)
    sum += pieces[i].released;
  return sum;
}

static tc_tile *find(tc_cache *cache, const char *key, int64_t row, int64_t col)
{
  tc_tile *tile = NULL;
  tc_status status = tc_get(cache, key, row, col, 0, NULL, 0, &tile, NULL);
  assert_true(status == TC_OK || status == TC_E_NOT_RESIDENT);
  return tile;
}

enum { PIECES = 40, FIT = 10 };

static piece *new_pieces(int n)
{
  piece *pieces = calloc((size_t)n, sizeof *pieces);
  assert_non_null(pieces);
  for (int i = 0; i < n; i++)
    pieces[i].value = (unsigned char)i;
  return pieces;
}

static void by_default_it_takes_no_room_whatever_its_size(void **state)
{
  (void)state;
  piece *pieces = new_pieces(PIECES);
  tc_cache *cache = new_cache(room(PIECES, 0));
  for (int i = 0; i < PIECES; i++)
    lend(cache, "k", 0, i, 0, &pieces[i]);
  tc_cache_stats s = stats_of(cache);
  assert_int_equal(s.entries, PIECES);
  assert_int_equal(s.lent, PIECES * BYTES);
  assert_int_equal(s.lent_counted, 0);
  assert_true(s.resident <= room(PIECES, 0));
  assert_books(cache);
  assert_int_equal(released(pieces, PIECES), 0);
  ok(tc_clear(cache, &err));
  assert_int_equal(released(pieces, PIECES), PIECES);
  assert_int_equal(stats_of(cache).lent, 0);
  tc_release(cache);
  free(pieces);
}

static void counted_it_goes_when_its_turn_comes(void **state)
{
  (void)state;
  piece *pieces = new_pieces(PIECES);
  tc_cache *cache = new_cache(room(FIT, BYTES));
  tc_tile *held = NULL;
  for (int i = 0; i < PIECES; i++) {
    lend(cache, "k", 0, i, TC_PIXELS_COUNTED, &pieces[i]);
    if (i == 0)
      held = find(cache, "k", 0, 0);
    tc_cache_stats s = stats_of(cache);
    assert_true(s.resident <= s.budget);
    assert_int_equal(s.lent, s.entries * BYTES);
    assert_int_equal(s.lent_counted, s.lent);
    /* Those that came last, and the one that is held. */
    for (int k = 0; k <= i; k++)
      assert_int_equal(pieces[k].released, k > 0 && k <= i - (FIT - 1));
  }
  assert_int_equal(stats_of(cache).held, BYTES + 256);
  assert_ptr_equal(data_of(held), pieces[0].bytes);
  tc_tile_release(held);
  assert_int_equal(pieces[0].released, 0);
  held = find(cache, "k", 0, PIECES - 1);
  assert_ptr_equal(data_of(held), pieces[PIECES - 1].bytes);
  ok(tc_set_budget(cache, 0, &err));
  assert_int_equal(released(pieces, PIECES), PIECES - 1);
  tc_cache_stats s = stats_of(cache);
  assert_int_equal(s.over_budget, BYTES + 256);
  assert_int_equal(s.lent_counted, BYTES);
  tc_tile_release(held);
  assert_int_equal(pieces[PIECES - 1].released, 1);
  assert_books(cache);
  assert_int_equal(stats_of(cache).lent, 0);
  tc_release(cache);
  assert_int_equal(released(pieces, PIECES), PIECES);
  free(pieces);
}

static void both_kinds_and_own_memory_add_up(void **state)
{
  (void)state;
  piece *pieces = new_pieces(3);
  tc_cache *cache = new_cache(1 << 20);
  lend(cache, "k", 0, 0, TC_PIXELS_COUNTED, &pieces[0]);
  lend(cache, "other", 0, 0, 0, &pieces[1]);
  uint64_t lent = stats_of(cache).resident;
  tc_pixels pixels = {pieces[2].bytes, SIDE, SIDE, 0, 0, 0, 0, 1, TC_U8, TC_PIXELS_COUNTED, 0};
  ok(tc_put(cache, "k", 0, 1, 0, NULL, 0, &pixels, NULL, NULL, &err)); /* a copy counts in any case */
  tc_cache_stats s = stats_of(cache);
  assert_int_equal(s.resident, lent + BYTES + 256);
  assert_int_equal(s.lent, 2 * BYTES);
  assert_int_equal(s.lent_counted, BYTES);
  assert_books(cache);
  /* An orphaned tile keeps its memory. */
  tc_tile *tile = find(cache, "k", 0, 0);
  ok(tc_remove(cache, "k", 0, 0, 0, NULL, 0, &err));
  s = stats_of(cache);
  assert_int_equal(s.orphaned, BYTES);
  assert_int_equal(s.lent_counted, BYTES);
  tc_tile_release(tile);
  assert_int_equal(pieces[0].released, 1);
  assert_int_equal(stats_of(cache).lent, BYTES);
  pixels.flags = 8;
  fails(TC_E_ARGUMENT, "flags", tc_put(cache, "k", 0, 1, 0, NULL, 0, &pixels, NULL, NULL, &err));
  tc_release(cache);
  assert_int_equal(pieces[1].released, 1);
  free(pieces);
}

static void without_room_it_is_given_back_with_its_last_handle(void **state)
{
  (void)state;
  piece *pieces = new_pieces(2);
  tc_cache *cache = new_cache(room(0, BYTES / 4));
  lend(cache, "k", 0, 0, TC_PIXELS_COUNTED, &pieces[0]);
  assert_int_equal(pieces[0].released, 1);
  assert_int_equal(stats_of(cache).rejected, 1);
  lend(cache, "k", 0, 1, TC_PIXELS_COUNTED | TC_PIXELS_DEFER_RELEASE, &pieces[1]);
  assert_int_equal(pieces[1].released, 0);
  assert_int_equal(stats_of(cache).lent, 0); /* it is with those who run what was put off */
  assert_int_equal(tc_run_releases(), 1);
  assert_int_equal(pieces[1].released, 1);
  assert_books(cache);
  tc_release(cache);
  free(pieces);
}

static void arrays_of_sources_are_lent_as_a_whole(void **state)
{
  (void)state;
  static unsigned char bytes[64 * 64];
  source s;
  source_init(&s, 64, 64, 16, 16, 1, TC_U8);
  pthread_mutex_destroy(&s.lock);
  int count = 0;
  tc_target array = {bytes, 0, 0, 0, 64, 64, 1, TC_U8};
  tc_provider *from = NULL;
  ok(provider_from_memory(&array, &s.image, NULL, count_release, &count, &from, &err));
  tc_cache *cache = new_cache(1 << 20);
  tc_provider *p = cached(from, cache);
  provider_release(from);
  assert_int_equal(stats_of(cache).lent, 0);
  read_all(p, 0);
  assert_int_equal(stats_of(cache).lent, sizeof bytes);
  tc_cache_stats own;
  memset(&own, 0, sizeof own);
  own.struct_size = sizeof own;
  ok(provider_counters(p, &own, NULL, &err));
  assert_int_equal(own.lent, sizeof bytes);
  assert_int_equal(own.lent_counted, 0);
  assert_books(cache);
  provider_release(p);
  assert_int_equal(count, 1);
  assert_int_equal(stats_of(cache).lent, 0);
  tc_release(cache);
}

/* ---- threads ---- */

enum { THREADS = 8, HELD = 4, ROWS = 64 };

typedef struct { tc_cache *cache; piece *pieces; int each; } crowd;

static void check(tc_tile **tile)
{
  if (*tile == NULL)
    return;
  const unsigned char *bytes = data_of(*tile);
  for (int i = 1; i < BYTES; i++)
    if (bytes[i] != bytes[0])
      fail_msg("memory was given back under a handle");
  tc_tile_release(*tile);
  *tile = NULL;
}

/* Lends, gets, holds, replaces, removes, clears, and changes the budget. */
static void lend_and_get(void *user, int index)
{
  crowd *c = user;
  tc_tile *held[HELD] = {NULL};
  unsigned chance = (unsigned)index + 1;
  for (int i = 0; i < c->each; i++) {
    chance = chance * 1664525u + 1013904223u;
    int64_t row = chance >> 8 & (ROWS - 1);
    lend(c->cache, index % 2 ? "one" : "two", row, index % 3, TC_PIXELS_COUNTED, &c->pieces[index * c->each + i]);
    check(&held[i % HELD]);
    held[i % HELD] = find(c->cache, chance >> 16 & 1 ? "one" : "two", chance >> 17 & (ROWS - 1), chance >> 24 & 1);
    if (i % 50 == index)
      tc_remove(c->cache, "one", row, 0, 0, NULL, 0, NULL);
    if (i % 400 == 50 * index)
      assert_int_equal(tc_clear(c->cache, NULL), TC_OK);
    if (i % 100 == 10 * index)
      assert_int_equal(tc_set_budget(c->cache, room(i % 3 * FIT, BYTES), NULL), TC_OK);
    tc_cache_stats s;
    memset(&s, 0, sizeof s);
    s.struct_size = sizeof s;
    assert_int_equal(tc_statistics(c->cache, &s, NULL), TC_OK);
    assert_true(s.resident <= s.budget);
    assert_true(s.lent == s.lent_counted);
    assert_true(s.lent_counted <= s.resident + s.over_budget);
  }
  for (int i = 0; i < HELD; i++)
    check(&held[i]);
}

static void whatever_threads_do_each_piece_is_given_back_once_and_never_under_a_handle(void **state)
{
  (void)state;
  int each = scaled(2000);
  crowd c = {new_cache(room(2 * FIT, BYTES)), new_pieces(THREADS * each), each};
  in_threads(THREADS, lend_and_get, &c);
  assert_books(c.cache);
  tc_cache_stats s = stats_of(c.cache);
  assert_int_equal(s.lent, s.entries * BYTES);
  assert_int_equal(released(c.pieces, THREADS * each), THREADS * each - (int)s.entries);
  tc_release(c.cache);
  for (int i = 0; i < THREADS * each; i++)
    assert_int_equal(c.pieces[i].released, 1);
  free(c.pieces);
}

/* A release function may be called by whatever makes room: it may release, and finds no lock held. */
typedef struct { piece memory; tc_tile *also; } with_tile;

static void give_back_both(void *user)
{
  with_tile *w = user;
  give_back(&w->memory);
  tc_tile_release(w->also);
}

static void what_is_evicted_may_release_other_tiles(void **state)
{
  (void)state;
  with_tile last = {{{0}, 1, 0}, NULL};
  piece *pieces = new_pieces(FIT + 1);
  tc_cache *cache = new_cache(room(FIT, BYTES));
  lend(cache, "k", 0, 0, TC_PIXELS_COUNTED, &pieces[0]);
  last.also = find(cache, "k", 0, 0);
  tc_pixels pixels = {last.memory.bytes, SIDE, SIDE, 0, 0, 0, 0, 1, TC_U8, TC_PIXELS_COUNTED, 0};
  ok(tc_put(cache, "k", 0, 100, 0, NULL, 0, &pixels, give_back_both, &last, &err));
  for (int i = 1; i <= FIT; i++)
    lend(cache, "k", 0, i, TC_PIXELS_COUNTED, &pieces[i]);
  assert_int_equal(last.memory.released, 1);
  assert_int_equal(stats_of(cache).held, 0);
  tc_release(cache);
  assert_int_equal(released(pieces, FIT + 1), FIT + 1);
  free(pieces);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(by_default_it_takes_no_room_whatever_its_size),
    cmocka_unit_test(counted_it_goes_when_its_turn_comes),
    cmocka_unit_test(both_kinds_and_own_memory_add_up),
    cmocka_unit_test(without_room_it_is_given_back_with_its_last_handle),
    cmocka_unit_test(arrays_of_sources_are_lent_as_a_whole),
    cmocka_unit_test(whatever_threads_do_each_piece_is_given_back_once_and_never_under_a_handle),
    cmocka_unit_test(what_is_evicted_may_release_other_tiles),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
