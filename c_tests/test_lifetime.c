/* Handles may go in any order: children keep what they need alive, and a tile keeps its pixels. */
#include "support.h"

/* ---- every order ---- */

enum { CACHE, SOURCE, CACHED, RETILED, MASK, BLOCK, TILE, OBJECTS };

static void release_one(void *const *objects, int which)
{
  if (which == CACHE)
    tc_release(objects[which]);
  else if (which < BLOCK)
    provider_release(objects[which]);
  else
    tc_tile_release(objects[which]);
}

static void release_in_order(const int *order)
{
  source s;
  void *objects[OBJECTS];
  tc_provider *mask = NULL;
  source_init(&s, 48, 48, 32, 32, 1, TC_U8);
  s.image.flags = TC_IMAGE_HAS_NODATA;
  objects[CACHE] = new_cache(1 << 16);
  objects[SOURCE] = open_source(&s);
  objects[CACHED] = cached(objects[SOURCE], objects[CACHE]);
  objects[RETILED] = retiled(objects[CACHED], 24, 24, 1, objects[CACHE]);
  ok(provider_mask(objects[RETILED], &mask, &err));
  objects[MASK] = mask;
  objects[BLOCK] = get(objects[CACHED], 0, 1, 0);
  objects[TILE] = get(objects[RETILED], 1, 1, 0);
  bool gone[OBJECTS] = {false};
  for (int n = 0; n < OBJECTS; n++) {
    release_one(objects, order[n]);
    gone[order[n]] = true;
    if (!gone[BLOCK])
      assert_tile(&s, objects[BLOCK], (area){32, 0, 16, 32}, 0, NULL, 1);
    if (!gone[TILE])
      assert_tile(&s, objects[TILE], (area){24, 24, 24, 24}, 0, NULL, 1);
    if (!gone[RETILED]) /* whatever else is gone, the operator works */
      touch(objects[RETILED], 0, 1, 0);
    if (!gone[MASK])
      touch(objects[MASK], 1, 0, 0);
    /* Tiles keep no provider alive: the source goes with the last one. */
    assert_int_equal(s.released, gone[SOURCE] && gone[CACHED] && gone[RETILED] && gone[MASK]);
  }
  source_done(&s);
}

static void swap(int *a, int *b)
{
  int was = *a;
  *a = *b;
  *b = was;
}

/* The next permutation in lexicographic order; false after the last. */
static bool next_order(int *order, int n)
{
  int i = n - 2, j = n - 1;
  while (i >= 0 && order[i] > order[i + 1])
    i--;
  if (i < 0)
    return false;
  while (order[j] < order[i])
    j--;
  swap(&order[i], &order[j]);
  for (int a = i + 1, b = n - 1; a < b; a++, b--)
    swap(&order[a], &order[b]);
  return true;
}

static void every_order_of_release(void **state)
{
  (void)state;
  int order[OBJECTS] = {0, 1, 2, 3, 4, 5, 6}, orders = 0, step = 5040 / scaled(5040);
  do {
    if (orders++ % step == 0)
      release_in_order(order);
  } while (next_order(order, OBJECTS));
  assert_int_equal(orders, 5040);
}

/* ---- pixels ---- */

static void evict(tc_cache *cache, tc_provider *p)
{
  (void)cache;
  read_all(p, 0);
}

static void clear(tc_cache *cache, tc_provider *p)
{
  (void)p;
  ok(tc_clear(cache, &err));
}

static void shrink(tc_cache *cache, tc_provider *p)
{
  (void)p;
  ok(tc_set_budget(cache, 0, &err));
}

static void drop(tc_cache *cache, tc_provider *p)
{
  ok(tc_remove(cache, provider_key(p), 0, 0, 0, NULL, 0, &err));
}

static void replace(tc_cache *cache, tc_provider *p)
{
  static const unsigned char zeros[32 * 32];
  tc_pixels pixels = {zeros, 32, 32, 32, 32 * 32, 32, 32, 1, TC_U8, 0, 0};
  ok(tc_put(cache, provider_key(p), 0, 0, 0, NULL, 0, &pixels, NULL, NULL, &err));
}

static void nothing(tc_cache *cache, tc_provider *p)
{
  (void)cache, (void)p;
}

/* The same address shows the same pixels, and freed memory that is used again is not this tile's. */
static void pixels_outlive_everything(void **state)
{
  (void)state;
  static void (*const happens[])(tc_cache *, tc_provider *) = {evict, clear, shrink, drop, replace, nothing};
  for (size_t i = 0; i < COUNT(happens); i++) {
    source s;
    source_init(&s, 32 * 32, 32, 32, 32, 1, TC_U8);
    tc_cache *cache = new_cache(room(4, 32 * 32));
    tc_provider *from = open_source(&s), *p = cached(from, cache);
    tc_tile *tile = get(p, 0, 0, 0);
    const void *data = data_of(tile);
    happens[i](cache, p);
    assert_tile(&s, tile, (area){0, 0, 32, 32}, 0, NULL, 1);
    ok(tc_set_budget(cache, room(4, 32 * 32), &err));
    for (int64_t col = 1; col < 32; col++)
      touch(p, 0, col, 0);
    assert_tile(&s, tile, (area){0, 0, 32, 32}, 0, NULL, 1);
    provider_release(p);
    provider_release(from);
    assert_int_equal(s.released, 1);
    assert_tile(&s, tile, (area){0, 0, 32, 32}, 0, NULL, 1);
    tc_release(cache);
    assert_tile(&s, tile, (area){0, 0, 32, 32}, 0, NULL, 1);
    assert_ptr_equal(data_of(tile), data);
    tc_tile_release(tile);
    source_done(&s);
  }
}

static void retain_and_release_balance(void **state)
{
  (void)state;
  source s;
  source_init(&s, 32, 32, 32, 32, 1, TC_U8);
  tc_cache *cache = new_cache(1 << 16);
  tc_provider *from = open_source(&s), *p = cached(from, cache);
  tc_tile *tile = get(p, 0, 0, 0);
  for (int n = 0; n < 3; n++) {
    assert_ptr_equal(tc_retain(cache), cache);
    assert_ptr_equal(provider_retain(from), from);
    assert_ptr_equal(provider_retain(p), p);
    assert_ptr_equal(tc_tile_retain(tile), tile);
  }
  for (int n = 0; n < 4; n++) {
    assert_tile(&s, tile, (area){0, 0, 32, 32}, 0, NULL, 1);
    assert_int_equal(s.released, 0);
    assert_non_null(provider_key(from));
    tc_release(cache);
    provider_release(p);
    provider_release(from);
    tc_tile_release(tile);
  }
  source_done(&s);
}

static void releasing_null_does_nothing(void **state)
{
  (void)state;
  tc_release(NULL);
  provider_release(NULL);
  tc_tile_release(NULL);
}

/* The same operator made twice: two handles, one set of entries. */
static void doubled_providers_share_and_part(void **state)
{
  (void)state;
  source s;
  source_init(&s, 64, 64, 32, 32, 1, TC_U8);
  tc_cache *cache = new_cache(1 << 16);
  tc_provider *from = open_source(&s);
  tc_provider *a = retiled(from, 24, 24, 0, cache), *b = retiled(from, 24, 24, 0, cache);
  tc_tile *tile = get(a, 1, 1, 0), *same = get(b, 1, 1, 0);
  assert_ptr_equal(data_of(tile), data_of(same));
  provider_release(a);
  tc_tile *again = get(b, 1, 1, 0);
  assert_ptr_equal(data_of(tile), data_of(again));
  assert_int_equal(decodes(&s), 4);
  tc_tile *tiles[] = {tile, same, again};
  for (size_t i = 0; i < COUNT(tiles); i++)
    tc_tile_release(tiles[i]);
  provider_release(b);
  assert_int_equal(stats_of(cache).entries, 0); /* a nameless source's entries go with its last provider */
  provider_release(from);
  tc_release(cache);
  source_done(&s);
}

/* A buffer in two caches is counted by both, and goes when both and the caller have let go. */
static void two_caches_hold_one_tile(void **state)
{
  (void)state;
  source s;
  source_init(&s, 64, 64, 64, 64, 1, TC_U8);
  tc_cache *lower = new_cache(1 << 16), *upper = new_cache(1 << 16);
  tc_provider *from = open_source(&s), *below = cached(from, lower), *above = cached(below, upper);
  tc_tile *tile = get(above, 0, 0, 0), *beneath = get(below, 0, 0, 0);
  assert_ptr_equal(data_of(tile), data_of(beneath));
  assert_true(stats_of(lower).held >= 64 * 64);
  assert_true(stats_of(upper).held >= 64 * 64);
  ok(tc_clear(lower, &err));
  tc_tile_release(beneath);
  tc_tile_release(tile);
  tile = get(above, 0, 0, 0);
  assert_int_equal(decodes(&s), 1);
  tc_release(lower);
  tc_release(upper);
  provider_release(above);
  provider_release(below);
  provider_release(from);
  assert_tile(&s, tile, (area){0, 0, 64, 64}, 0, NULL, 1);
  tc_tile_release(tile);
  source_done(&s);
}

/* ---- lent memory ---- */

typedef struct { int released; tc_provider *also; } chain;

/* What a release callback may do: release. */
static void release_chain(void *user)
{
  chain *c = user;
  c->released++;
  provider_release(c->also);
}

static void a_release_callback_may_release(void **state)
{
  (void)state;
  static unsigned char bytes[16 * 16];
  source s;
  tc_provider *p = NULL;
  source_init(&s, 16, 16, 16, 16, 1, TC_U8);
  chain c = {0, open_source(&s)};
  tc_target array = {bytes, 0, 0, 0, 16, 16, 1, TC_U8};
  ok(provider_from_memory(&array, &s.image, NULL, release_chain, &c, &p, &err));
  tc_cache *cache = new_cache(1 << 16);
  tc_provider *q = cached(p, cache);
  touch(q, 0, 0, 0);
  tc_tile *tile = get(q, 0, 0, 0);
  provider_release(p);
  provider_release(q);
  tc_release(cache);
  assert_int_equal(c.released, 0);
  tc_tile_release(tile);
  assert_int_equal(c.released, 1);
  source_done(&s);
}

/* Memory that is refused stays the caller's: nobody releases it. */
static void what_is_refused_is_not_released(void **state)
{
  (void)state;
  static unsigned char bytes[16 * 16];
  int released = 0;
  source s;
  tc_provider *p = NULL;
  source_init(&s, 16, 16, 16, 16, 1, TC_U8);
  s.image.width = -16;
  tc_target array = {bytes, 0, 0, 0, 16, 16, 1, TC_U8};
  assert_int_not_equal(provider_from_memory(&array, &s.image, NULL, count_release, &released, &p, NULL), TC_OK);
  tc_source t = source_struct(&s);
  assert_int_not_equal(provider_from_source(&t, &p, NULL), TC_OK);
  assert_null(p);
  assert_int_equal(released, 0);
  assert_int_equal(s.released, 0);
  pthread_mutex_destroy(&s.lock);
}

/* ---- teardown with many handles out, and releases on other threads ---- */

enum { HANDLES = 100 };

static void release_tenth(void *user, int index)
{
  tc_tile **tiles = user;
  for (int i = index; i < HANDLES; i += 10)
    tc_tile_release(tiles[i]);
}

static void tiles_are_released_anywhere_after_the_end(void **state)
{
  (void)state;
  tc_tile *tiles[HANDLES];
  source s;
  source_init(&s, 4000, 16, 16, 16, 1, TC_U8);
  tc_cache *cache = new_cache(1 << 17);
  tc_provider *from = open_source(&s), *p = cached(from, cache);
  read_all(p, 0);
  for (int i = 0; i < HANDLES; i++)
    tiles[i] = get(p, 0, i, 0);
  provider_release(from);
  provider_release(p);
  tc_release(cache);
  for (int i = 0; i < HANDLES; i++)
    assert_tile(&s, tiles[i], (area){16 * i, 0, 16, 16}, 0, NULL, 1);
  in_threads(10, release_tenth, tiles);
  source_done(&s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_order_of_release),
    cmocka_unit_test(pixels_outlive_everything),
    cmocka_unit_test(retain_and_release_balance),
    cmocka_unit_test(releasing_null_does_nothing),
    cmocka_unit_test(doubled_providers_share_and_part),
    cmocka_unit_test(two_caches_hold_one_tile),
    cmocka_unit_test(a_release_callback_may_release),
    cmocka_unit_test(what_is_refused_is_not_released),
    cmocka_unit_test(tiles_are_released_anywhere_after_the_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
