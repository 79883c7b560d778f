/* What a cache holds, gives back and counts. */
#include "support.h"

enum { SIDE = 64, TILE = SIDE * SIDE };

/* An image of `n` one-band u8 blocks in one row, and a cache over it. */
typedef struct { source s; tc_cache *cache; tc_provider *from, *p; } rig;

static void rig_init(rig *r, int n, uint64_t budget)
{
  source_init(&r->s, n * SIDE, SIDE, SIDE, SIDE, 1, TC_U8);
  r->cache = new_cache(budget);
  r->from = open_source(&r->s);
  r->p = cached(r->from, r->cache);
}

static void rig_done(rig *r)
{
  assert_books(r->cache);
  provider_release(r->from);
  provider_release(r->p);
  tc_release(r->cache);
  source_done(&r->s);
}

static bool resident(tc_provider *p, int64_t col)
{
  tc_tile *tile = NULL;
  poison_error();
  tc_status status = provider_peek_block(p, 0, col, 0, NULL, 0, &tile, &err);
  assert_true(status == TC_OK || status == TC_E_NOT_RESIDENT);
  assert_int_equal(status == TC_OK, tile != NULL);
  tc_tile_release(tile);
  return status == TC_OK;
}

static void library_describes_itself(void **state)
{
  (void)state;
  assert_int_equal(tc_library_version(), TC_LIBRARY_VERSION);
  assert_true(tc_default_budget() <= UINT64_C(5) << 30);
  assert_true(tc_default_budget() <= tc_memory_limit() / 2);
  assert_true(tc_default_budget() > 0);
  for (tc_status status = TC_OK; status <= TC_E_INTERNAL; status++)
    assert_non_null(tc_status_name(status));
  assert_non_null(tc_status_name(12345)); /* a status of a later library */
}

static void a_hit_is_the_same_tile(void **state)
{
  (void)state;
  rig r;
  rig_init(&r, 2, room(2, TILE));
  tc_tile *first = get(r.p, 0, 0, 0), *again = get(r.p, 0, 0, 0);
  assert_ptr_equal(data_of(first), data_of(again));
  assert_int_equal((uintptr_t)data_of(first) % 64, 0);
  assert_tile(&r.s, again, (area){0, 0, SIDE, SIDE}, 0, NULL, 1);
  tc_cache_stats stats = stats_of(r.cache);
  assert_int_equal(stats.hits, 1);
  assert_int_equal(stats.misses, 1);
  assert_int_equal(stats.loads, 1);
  assert_int_equal(stats.entries, 1);
  assert_in_range(stats.held, TILE, TILE + 512);
  assert_int_equal(stats.over_budget, 0);
  tc_tile_release(first);
  tc_tile_release(again);
  assert_int_equal(decodes(&r.s), 1);
  rig_done(&r);
}

/* Against a model that is a list in order of last use, with random gets and peeks. */
static void eviction_is_exactly_least_recent(void **state)
{
  (void)state;
  enum { KEPT = 8, BLOCKS = 14 };
  int order[KEPT], kept = 0; /* the most recent first */
  uint64_t seed = 1;
  rig r;
  rig_init(&r, BLOCKS, room(KEPT, TILE));
  for (int n = scaled(2000), decoded = 0; n > 0; n--) {
    int col = (int)random_below(&seed, BLOCKS), at = 0;
    while (at < kept && order[at] != col)
      at++;
    if (random_below(&seed, 4) == 0) { /* looking is no use */
      assert_int_equal(resident(r.p, col), at < kept);
      continue;
    }
    if (at == kept) {
      decoded++;
      if (kept < KEPT)
        kept++;
      else
        at = KEPT - 1;
    }
    memmove(order + 1, order, (size_t)at * sizeof *order);
    order[0] = col;
    touch(r.p, 0, col, 0);
    assert_int_equal(decodes(&r.s), decoded);
    tc_cache_stats stats = stats_of(r.cache);
    assert_true(stats.resident <= stats.budget);
    assert_int_equal(stats.entries, kept);
    assert_int_equal(stats.evictions, decoded - kept);
  }
  rig_done(&r);
}

/* Whether a block is had at once; its pixels are checked. */
static bool tried(rig *r, int64_t col)
{
  tc_tile *tile = NULL;
  poison_error();
  tc_status status = provider_try_block(r->p, 0, col, 0, NULL, 0, &tile, &err);
  assert_true(status == TC_OK || status == TC_E_NOT_RESIDENT);
  assert_int_equal(status == TC_OK, tile != NULL);
  if (tile) assert_tile(&r->s, tile, (area){col * SIDE, 0, SIDE, SIDE}, 0, NULL, 1);
  tc_tile_release(tile);
  return status == TC_OK;
}

static void trying_is_a_hit_and_a_use_or_a_miss_without_a_load(void **state)
{
  (void)state;
  rig r;
  rig_init(&r, 3, room(2, TILE));
  assert_false(tried(&r, 0));
  assert_int_equal(decodes(&r.s), 0);
  touch(r.p, 0, 0, 0);
  touch(r.p, 0, 1, 0);
  assert_true(tried(&r, 0));
  assert_true(tried(&r, 0));
  tc_cache_stats stats = stats_of(r.cache);
  assert_int_equal(stats.hits, 2);
  assert_int_equal(stats.misses, 3);
  assert_int_equal(stats.loads, 2);
  /* It was used later than the other, which goes. */
  touch(r.p, 0, 2, 0);
  assert_true(tried(&r, 0));
  assert_false(tried(&r, 1));
  assert_int_equal(decodes(&r.s), 3);
  rig_done(&r);
}

/* A tile of two bands, tried through what passes it on. */
static void trying_goes_through_readers_levels_and_tiles(void **state)
{
  (void)state;
  source s;
  source_init(&s, 2 * SIDE, SIDE, SIDE, SIDE, 2, TC_U8);
  tc_cache *cache = new_cache(room(16, 2 * TILE));
  tc_provider *from = open_source(&s), *kept = cached(from, cache), *reader = NULL, *tiles = NULL;
  tc_retile_options half = {.struct_size = sizeof half, .tile_width = SIDE / 2, .tile_height = SIDE / 2};
  ok(provider_reader(kept, NULL, &reader, &err));
  ok(provider_retile(kept, &half, cache, &tiles, &err));
  tc_tile *tile = NULL;
  int32_t second = 1;
  tc_provider *empty[] = {from, kept, reader, tiles};
  for (size_t i = 0; i < sizeof empty / sizeof *empty; i++)
    fails(TC_E_NOT_RESIDENT, "", provider_try_block(empty[i], 0, 0, 0, NULL, 0, &tile, &err));
  assert_int_equal(decodes(&s), 0);
  touch(kept, 0, 0, 0);
  touch(tiles, 0, 1, 0);
  ok(provider_try_block(reader, 0, 0, 0, NULL, 0, &tile, &err));
  assert_tile(&s, tile, (area){0, 0, SIDE, SIDE}, 0, NULL, 2);
  tc_tile_release(tile);
  ok(provider_try_block(kept, 0, 0, 0, &second, 1, &tile, &err));
  assert_tile(&s, tile, (area){0, 0, SIDE, SIDE}, 0, &second, 1);
  tc_tile_release(tile);
  ok(provider_try_block(tiles, 0, 1, 0, NULL, 0, &tile, &err));
  assert_tile(&s, tile, (area){SIDE / 2, 0, SIDE / 2, SIDE / 2}, 0, NULL, 2);
  tc_tile_release(tile);
  assert_int_equal(decodes(&s), 1);
  assert_books(cache);
  tc_provider *all[] = {tiles, reader, kept, from};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    provider_release(all[i]);
  tc_release(cache);
  source_done(&s);
}

static void budget_zero_keeps_nothing_but_shares_what_is_held(void **state)
{
  (void)state;
  rig r;
  rig_init(&r, 1, 0);
  tc_tile *held = get(r.p, 0, 0, 0), *shared = get(r.p, 0, 0, 0);
  assert_ptr_equal(data_of(held), data_of(shared));
  assert_int_equal(decodes(&r.s), 1);
  tc_cache_stats stats = stats_of(r.cache);
  assert_int_equal(stats.resident, 0);
  assert_true(stats.over_budget >= TILE);
  tc_tile_release(held);
  tc_tile_release(shared);
  assert_int_equal(stats_of(r.cache).over_budget, 0);
  assert_false(resident(r.p, 0));
  touch(r.p, 0, 0, 0);
  assert_int_equal(decodes(&r.s), 2);
  rig_done(&r);
}

static void a_held_tile_is_never_forked(void **state)
{
  (void)state;
  rig r;
  rig_init(&r, 17, room(8, TILE));
  tc_tile *held = get(r.p, 0, 0, 0);
  for (int col = 1; col < 17; col++)
    touch(r.p, 0, col, 0);
  tc_tile *again = get(r.p, 0, 0, 0);
  assert_ptr_equal(data_of(held), data_of(again));
  assert_int_equal(decodes_of(&r.s, 0, 0, 0), 1);
  assert_in_range(stats_of(r.cache).held, TILE, TILE + 512);
  tc_tile_release(held);
  tc_tile_release(again);
  rig_done(&r);
}

/* Where held tiles fill the budget, newcomers are served beside it and evict nothing. */
static void held_tiles_leave_newcomers_outside(void **state)
{
  (void)state;
  enum { KEPT = 4, HELD = 8 };
  tc_tile *held[HELD];
  rig r;
  rig_init(&r, HELD, room(KEPT, TILE));
  for (int col = 0; col < HELD; col++)
    held[col] = get(r.p, 0, col, 0);
  tc_cache_stats stats = stats_of(r.cache);
  assert_int_equal(stats.evictions, 0);
  assert_in_range(stats.held, KEPT * TILE, KEPT * (TILE + 512));
  assert_in_range(stats.over_budget, (HELD - KEPT) * TILE, (HELD - KEPT) * (TILE + 512));
  for (int col = 0; col < HELD; col++) {
    tc_tile *again = get(r.p, 0, col, 0);
    assert_ptr_equal(data_of(again), data_of(held[col]));
    tc_tile_release(again);
  }
  assert_int_equal(decodes(&r.s), HELD);
  for (int col = 0; col < HELD; col++)
    tc_tile_release(held[col]);
  rig_done(&r);
}

static void shrinking_evicts_at_once_and_spares_what_is_held(void **state)
{
  (void)state;
  rig r;
  rig_init(&r, 8, room(8, TILE));
  read_all(r.p, 0);
  tc_tile *held = get(r.p, 0, 3, 0);
  ok(tc_set_budget(r.cache, room(2, TILE), &err));
  assert_true(stats_of(r.cache).resident <= room(2, TILE));
  ok(tc_set_budget(r.cache, 0, &err));
  tc_cache_stats stats = stats_of(r.cache);
  assert_int_equal(stats.budget, 0);
  assert_int_equal(stats.resident, 0);
  assert_true(stats.over_budget >= TILE);
  tc_tile *again = get(r.p, 0, 3, 0); /* pushed out, but still to be found */
  assert_ptr_equal(data_of(again), data_of(held));
  assert_tile(&r.s, held, (area){3 * SIDE, 0, SIDE, SIDE}, 0, NULL, 1);
  assert_int_equal(decodes_of(&r.s, 0, 3, 0), 1);
  tc_tile_release(held);
  tc_tile_release(again);
  ok(tc_set_budget(r.cache, room(8, TILE), &err));
  touch(r.p, 0, 0, 0);
  assert_true(resident(r.p, 0));
  rig_done(&r);
}

static void a_share_keeps_a_key_in_and_others_out(void **state)
{
  (void)state;
  rig r;
  rig_init(&r, 8, room(4, TILE));
  ok(tc_set_share(r.cache, provider_key(r.p), room(2, TILE), 0, &err));
  for (int col = 0; col < 8; col++)
    touch(r.p, 0, col, 0);
  assert_int_equal(stats_of(r.cache).entries, 2);
  assert_true(resident(r.p, 6) && resident(r.p, 7));
  ok(tc_set_share(r.cache, provider_key(r.p), 0, 0, &err));
  for (int col = 0; col < 8; col++)
    touch(r.p, 0, col, 0);
  assert_int_equal(stats_of(r.cache).entries, 4);
  fails(TC_E_ARGUMENT, "18446744073709551615", tc_set_share(r.cache, "k", 0, UINT64_MAX, &err));
  fails(TC_E_ARGUMENT, "maximum of 5", tc_set_share(r.cache, "k", 5, 6, &err));
  fails(TC_E_ARGUMENT, "key", tc_set_share(r.cache, NULL, 5, 5, &err));
  rig_done(&r);
}

static void clear_and_remove_detach_what_is_held(void **state)
{
  (void)state;
  rig r;
  rig_init(&r, 3, room(3, TILE));
  tc_tile *cleared = get(r.p, 0, 0, 0);
  touch(r.p, 0, 1, 0);
  ok(tc_clear(r.cache, &err));
  assert_false(resident(r.p, 0));
  assert_false(resident(r.p, 1));
  tc_cache_stats stats = stats_of(r.cache);
  assert_int_equal(stats.entries, 0);
  assert_int_equal(stats.resident, 0);
  assert_true(stats.orphaned >= TILE);
  tc_tile *removed = get(r.p, 0, 0, 0); /* a new decode, beside the old one */
  assert_ptr_not_equal(data_of(removed), data_of(cleared));
  ok(tc_remove(r.cache, provider_key(r.p), 0, 0, 0, NULL, 0, &err));
  assert_false(resident(r.p, 0));
  fails(TC_E_NOT_RESIDENT, "", tc_remove(r.cache, provider_key(r.p), 0, 0, 0, NULL, 0, &err));
  assert_tile(&r.s, cleared, (area){0, 0, SIDE, SIDE}, 0, NULL, 1);
  assert_tile(&r.s, removed, (area){0, 0, SIDE, SIDE}, 0, NULL, 1);
  tc_tile_release(cleared);
  tc_tile_release(removed);
  assert_int_equal(decodes(&r.s), 3);
  rig_done(&r);
}

static void entries_are_found_by_text(void **state)
{
  (void)state;
  rig r;
  tc_tile *found = NULL;
  rig_init(&r, 2, room(2, TILE));
  const char *key = provider_key(r.p);
  fails(TC_E_NOT_RESIDENT, "", tc_peek(r.cache, key, 0, 1, 0, NULL, 0, &found, &err));
  assert_null(found);
  fails(TC_E_NOT_RESIDENT, "", tc_get(r.cache, key, 0, 1, 0, NULL, 0, &found, &err));
  assert_null(found);
  tc_tile *tile = get(r.p, 0, 1, 0);
  ok(tc_peek(r.cache, key, 0, 1, 0, NULL, 0, &found, &err));
  assert_ptr_equal(data_of(found), data_of(tile));
  tc_tile_release(found);
  ok(tc_get(r.cache, key, 0, 1, 0, NULL, 0, &found, &err));
  assert_ptr_equal(data_of(found), data_of(tile));
  tc_tile_release(found);
  tc_tile_release(tile);
  assert_int_equal(decodes(&r.s), 1);
  rig_done(&r);
}

/* A get by text is a use, a peek is none. */
static void get_refreshes_and_peek_does_not(void **state)
{
  (void)state;
  static const struct { bool peek; bool stays; } rows[] = {{true, false}, {false, true}};
  for (size_t i = 0; i < COUNT(rows); i++) {
    rig r;
    tc_tile *tile = NULL;
    rig_init(&r, 3, room(2, TILE));
    touch(r.p, 0, 0, 0);
    touch(r.p, 0, 1, 0);
    ok((rows[i].peek ? tc_peek : tc_get)(r.cache, provider_key(r.p), 0, 0, 0, NULL, 0, &tile, &err));
    tc_tile_release(tile);
    touch(r.p, 0, 2, 0);
    assert_int_equal(resident(r.p, 0), rows[i].stays);
    rig_done(&r);
  }
}

static tc_pixels packed(const void *data, int64_t width, int64_t height, int32_t bands)
{
  tc_pixels p;
  memset(&p, 0, sizeof p);
  p.data = data;
  p.width = p.valid_width = width;
  p.height = p.valid_height = height;
  p.row_stride = width;
  p.band_stride = width * height;
  p.bands = bands;
  p.dtype = TC_U8;
  return p;
}

static void put_copies_or_borrows(void **state)
{
  (void)state;
  static unsigned char mine[TILE];
  for (int borrow = 0; borrow < 2; borrow++) {
    int released = 0;
    tc_tile *tile = NULL;
    tc_cache *cache = new_cache(room(2, TILE));
    memset(mine, 42, sizeof mine);
    tc_pixels p = packed(mine, SIDE, SIDE, 1);
    ok(tc_put(cache, "mine", 0, 0, 0, NULL, 0, &p, borrow ? count_release : NULL, &released, &err));
    ok(tc_get(cache, "mine", 0, 0, 0, NULL, 0, &tile, &err));
    assert_int_equal(data_of(tile) == mine, borrow);
    assert_memory_equal(data_of(tile), mine, TILE);
    if (borrow)
      assert_in_range(stats_of(cache).resident, 0, room(1, 0)); /* no pixel bytes */
    else
      assert_in_range(stats_of(cache).resident, TILE, room(1, TILE));
    ok(tc_clear(cache, &err));
    tc_release(cache);
    assert_int_equal(released, 0); /* the tile holds it */
    tc_tile_release(tile);
    assert_int_equal(released, borrow);
  }
}

static void put_replaces_and_must_fit(void **state)
{
  (void)state;
  static const unsigned char mine[2 * TILE] = {7};
  rig r;
  rig_init(&r, 2, room(4, TILE));
  const char *key = provider_key(r.p);
  tc_tile *old = get(r.p, 0, 0, 0);
  tc_pixels p = packed(mine, SIDE, SIDE, 1);
  ok(tc_put(r.cache, key, 0, 0, 0, NULL, 0, &p, NULL, NULL, &err));
  tc_tile *new = get(r.p, 0, 0, 0);
  assert_memory_equal(data_of(new), mine, TILE);
  assert_tile(&r.s, old, (area){0, 0, SIDE, SIDE}, 0, NULL, 1);
  tc_tile_release(old);
  tc_tile_release(new);

  tc_pixels narrow = packed(mine, SIDE - 1, SIDE, 1), two_bands = packed(mine, SIDE, SIDE, 2), wide_type = p;
  wide_type.dtype = TC_U16;
  wide_type.row_stride *= 2;
  const tc_pixels *misfits[] = {&narrow, &two_bands, &wide_type};
  for (size_t i = 0; i < COUNT(misfits); i++)
    assert_int_not_equal(tc_put(r.cache, key, 0, 1, 0, NULL, 0, misfits[i], NULL, NULL, NULL), TC_OK);
  assert_false(resident(r.p, 1));
  assert_int_not_equal(tc_put(r.cache, key, 0, 2, 0, NULL, 0, &p, NULL, NULL, NULL), TC_OK); /* no such cell */
  rig_done(&r);
}

/* The pixels have just the bands that are named, each of them once, and such as an image can have. */
static void put_names_the_bands_of_its_pixels(void **state)
{
  (void)state;
  static const unsigned char mine[3 * TILE] = {7};
  static const int32_t three[] = {0, 1, 2}, twice[] = {1, 0, 1}, below[] = {-1}, beyond[] = {65536}, last[] = {65535};
  static const struct {
    const int32_t *bands;
    size_t n;
    int32_t has;
    tc_status status;
    const char *text;
  } rows[] = {
    {three, 3, 1, TC_E_ARGUMENT, "pixels of 1 bands for 3"}, {three, 2, 3, TC_E_ARGUMENT, "pixels of 3 bands for 2"},
    {twice, 3, 3, TC_E_ARGUMENT, "band 1 is named twice"},   {below, 1, 1, TC_E_RANGE, "band -1"},
    {beyond, 1, 1, TC_E_RANGE, "band 65536"},                {last, 1, 1, TC_OK, NULL},
    {three, 3, 3, TC_OK, NULL},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    tc_cache *cache = new_cache(1 << 20);
    tc_pixels p = packed(mine, SIDE, SIDE, rows[i].has), found;
    tc_tile *tile = NULL;
    int released = 0;
    if (rows[i].status == TC_OK) {
      ok(tc_put(cache, "mine", 0, 0, 0, rows[i].bands, rows[i].n, &p, NULL, NULL, &err));
      ok(tc_get(cache, "mine", 0, 0, 0, rows[i].bands, rows[i].n, &tile, &err));
      tc_tile_pixels(tile, &found);
      assert_int_equal(found.bands, rows[i].has);
      tc_tile_release(tile);
    } else {
      fails(rows[i].status, rows[i].text,
            tc_put(cache, "mine", 0, 0, 0, rows[i].bands, rows[i].n, &p, count_release, &released, &err));
      assert_int_equal(released, 0);
      assert_int_equal(stats_of(cache).entries, 0);
    }
    tc_release(cache);
  }
  rig r; /* where the image is known, its own bands are the bound */
  rig_init(&r, 1, 1 << 20);
  tc_pixels p = packed(mine, SIDE, SIDE, 1);
  fails(TC_E_RANGE, "band 1 of an image with 1", tc_put(r.cache, provider_key(r.p), 0, 0, 0, three + 1, 1, &p, NULL,
                                                       NULL, &err));
  rig_done(&r);
}

/* Of a tile under a key of one's own that has more bands, those asked for are given. */
static void bands_are_chosen_from_what_was_put(void **state)
{
  (void)state;
  static unsigned char mine[3 * TILE];
  static const int32_t three[] = {4, 0, 2}, one[] = {2}, other[] = {2, 4}, missing[] = {1};
  for (size_t i = 0; i < sizeof mine; i++)
    mine[i] = (unsigned char)(i / TILE);
  tc_cache *cache = new_cache(1 << 20);
  tc_pixels p = packed(mine, SIDE, SIDE, 3), found;
  tc_tile *tile = NULL;
  ok(tc_put(cache, "mine", 0, 0, 0, three, 3, &p, NULL, NULL, &err));
  ok(tc_get(cache, "mine", 0, 0, 0, one, 1, &tile, &err));
  tc_tile_pixels(tile, &found);
  assert_int_equal(found.bands, 1);
  assert_int_equal(*(const unsigned char *)found.data, 2);
  tc_tile_release(tile);
  ok(tc_peek(cache, "mine", 0, 0, 0, other, 2, &tile, &err));
  tc_tile_pixels(tile, &found);
  assert_int_equal(found.bands, 2);
  assert_int_equal(*(const unsigned char *)found.data, 2);
  assert_int_equal(((const unsigned char *)found.data)[found.band_stride], 0);
  tc_tile_release(tile);
  fails(TC_E_NOT_RESIDENT, "", tc_get(cache, "mine", 0, 0, 0, missing, 1, &tile, &err));
  /* And of one that was put as a whole, as far as it has them. */
  ok(tc_put(cache, "whole", 0, 0, 0, NULL, 0, &p, NULL, NULL, &err));
  ok(tc_get(cache, "whole", 0, 0, 0, one, 1, &tile, &err));
  tc_tile_pixels(tile, &found);
  assert_int_equal(found.bands, 1);
  assert_int_equal(*(const unsigned char *)found.data, 2);
  tc_tile_release(tile);
  uint64_t hits = stats_of(cache).hits;
  fails(TC_E_NOT_RESIDENT, "", tc_get(cache, "whole", 0, 0, 0, other, 2, &tile, &err));
  fails(TC_E_NOT_RESIDENT, "", tc_peek(cache, "whole", 0, 0, 0, other, 2, &tile, &err));
  assert_int_equal(stats_of(cache).hits, hits);
  tc_release(cache);
}

/* A get that finds nothing is a miss, also where nothing has the key; looking is neither. */
static void gets_of_unknown_keys_are_misses(void **state)
{
  (void)state;
  static const unsigned char mine[TILE] = {7};
  tc_cache *cache = new_cache(1 << 20);
  tc_pixels p = packed(mine, SIDE, SIDE, 1);
  tc_tile *tile = NULL;
  for (int known = 0; known < 2; known++) {
    for (int i = 0; i < 5; i++) {
      fails(TC_E_NOT_RESIDENT, "", tc_get(cache, "mine", 0, i, 0, NULL, 0, &tile, &err));
      fails(TC_E_NOT_RESIDENT, "", tc_peek(cache, "mine", 0, i, 0, NULL, 0, &tile, &err));
    }
    assert_int_equal(stats_of(cache).misses, 5 * (known + 1));
    ok(tc_put(cache, "mine", 9, 9, 0, NULL, 0, &p, NULL, NULL, &err));
  }
  assert_int_equal(stats_of(cache).hits, 0);
  tc_release(cache);
}

/* The budget is one number: three tiles of a quarter of it stay, wherever their keys fall. */
static void large_tiles_share_the_whole_budget(void **state)
{
  (void)state;
  source s;
  source_init(&s, 3 * 512, 512, 512, 512, 1, TC_U8);
  tc_cache *cache = new_cache(4 * 512 * 512);
  tc_provider *from = open_source(&s), *p = cached(from, cache);
  for (int n = scaled(1000); n > 0; n--)
    read_all(p, 0);
  assert_int_equal(decodes(&s), 3);
  provider_release(from);
  provider_release(p);
  tc_release(cache);
  source_done(&s);
}

static void a_tile_larger_than_the_budget_disturbs_nothing(void **state)
{
  (void)state;
  rig r;
  source large;
  rig_init(&r, 10, room(12, TILE));
  read_all(r.p, 0);
  source_init(&large, 512, 512, 512, 512, 1, TC_U8);
  tc_provider *from = open_source(&large), *p = cached(from, r.cache);
  tc_tile *tile = get(p, 0, 0, 0);
  assert_tile(&large, tile, (area){0, 0, 512, 512}, 0, NULL, 1);
  assert_true(stats_of(r.cache).over_budget >= 512 * 512);
  tc_tile_release(tile);
  tc_cache_stats stats = stats_of(r.cache);
  assert_int_equal(stats.rejected, 1);
  assert_int_equal(stats.evictions, 0);
  read_all(r.p, 0);
  assert_int_equal(decodes(&r.s), 10);
  provider_release(from);
  provider_release(p);
  source_done(&large);
  rig_done(&r);
}

static void a_band_selection_is_served_from_its_superset(void **state)
{
  (void)state;
  static const struct { int32_t bands[3]; size_t n; bool view; } rows[] = {
    {{2}, 1, true}, {{1, 2}, 2, true}, {{0, 2}, 2, true}, {{1, 2, 3}, 3, true},
    {{2, 0}, 2, false}, {{1, 1}, 2, false}, {{3, 0, 1}, 3, false},
  };
  source s;
  source_init(&s, 32, 32, 32, 32, 4, TC_U16);
  tc_cache *cache = new_cache(1 << 20);
  tc_provider *from = open_source(&s), *p = cached(from, cache);
  tc_tile *all = get(p, 0, 0, 0);
  tc_pixels pixels;
  tc_tile_pixels(all, &pixels);
  for (size_t i = 0; i < COUNT(rows); i++) {
    tc_tile *some = NULL;
    ok(provider_get_block(p, 0, 0, 0, rows[i].bands, rows[i].n, &some, &err));
    assert_tile(&s, some, (area){0, 0, 32, 32}, 0, rows[i].bands, (int32_t)rows[i].n);
    const char *band = (const char *)pixels.data + rows[i].bands[0] * pixels.band_stride;
    assert_int_equal(data_of(some) == band, rows[i].view);
    tc_tile_release(some);
  }
  assert_int_equal(decodes(&s), 1);
  tc_tile_release(all);
  provider_release(from);
  provider_release(p);
  tc_release(cache);
  source_done(&s);
}

static void a_key_fixes_its_geometry(void **state)
{
  (void)state;
  rig r;
  source other;
  tc_provider *refused = NULL;
  rig_init(&r, 2, room(2, TILE));
  source a, b;
  source_init(&a, 100, 100, 50, 50, 1, TC_U8);
  source_init(&b, 100, 100, 50, 50, 2, TC_U8);
  source_init(&other, 100, 100, 50, 50, 1, TC_U8);
  a.key = b.key = "scene";
  other.key = "scene:2";
  tc_provider *from_a = open_source(&a), *from_b = open_source(&b), *from_other = open_source(&other);
  tc_provider *p = cached(from_a, r.cache), *q = cached(from_other, r.cache);
  fails(TC_E_ARGUMENT, "is in use for another image: 100 x 100 u8 of 1 bands in blocks of 50 x 50, ",
        provider_cached(from_b, r.cache, &refused, &err));
  assert_null(refused);
  tc_provider *release[] = {from_a, from_b, from_other, p, q};
  for (size_t i = 0; i < COUNT(release); i++)
    provider_release(release[i]);
  source_done(&a);
  source_done(&b);
  source_done(&other);
  rig_done(&r);
}

/* Tiles of all sizes: the sum of what is idle, held and reusable never exceeds the budget. */
static void the_budget_holds_at_every_step(void **state)
{
  (void)state;
  enum { IMAGES = 4, HELD = 6 };
  static const int64_t sides[IMAGES] = {8, 33, 64, 100};
  static source s[IMAGES];
  tc_provider *from[IMAGES], *p[IMAGES];
  tc_tile *held[HELD] = {NULL};
  uint64_t seed = 7;
  tc_cache *cache = new_cache(40000);
  for (int i = 0; i < IMAGES; i++) {
    source_init(&s[i], 16 * sides[i] - 3, sides[i], sides[i], sides[i], 1, TC_U8);
    from[i] = open_source(&s[i]);
    p[i] = cached(from[i], cache);
  }
  for (int n = scaled(3000); n > 0; n--) {
    uint32_t slot = random_below(&seed, HELD), image = random_below(&seed, IMAGES), col = random_below(&seed, 16);
    tc_tile_release(held[slot]);
    held[slot] = NULL;
    tc_tile *tile = get(p[image], 0, col, 0);
    if (random_below(&seed, 2) == 0)
      held[slot] = tile;
    else
      tc_tile_release(tile);
    if (random_below(&seed, 50) == 0)
      ok(tc_set_budget(cache, random_below(&seed, 60000), &err));
    tc_cache_stats stats = stats_of(cache);
    assert_int_equal(stats.resident, stats.idle + stats.held + stats.reusable);
    assert_true(stats.resident <= stats.budget);
    assert_int_equal(stats.in_flight, 0);
  }
  for (int i = 0; i < HELD; i++)
    tc_tile_release(held[i]);
  assert_books(cache);
  for (int i = 0; i < IMAGES; i++) {
    provider_release(from[i]);
    provider_release(p[i]);
    source_done(&s[i]);
  }
  tc_release(cache);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(library_describes_itself),
    cmocka_unit_test(a_hit_is_the_same_tile),
    cmocka_unit_test(trying_is_a_hit_and_a_use_or_a_miss_without_a_load),
    cmocka_unit_test(trying_goes_through_readers_levels_and_tiles),
    cmocka_unit_test(eviction_is_exactly_least_recent),
    cmocka_unit_test(budget_zero_keeps_nothing_but_shares_what_is_held),
    cmocka_unit_test(a_held_tile_is_never_forked),
    cmocka_unit_test(held_tiles_leave_newcomers_outside),
    cmocka_unit_test(shrinking_evicts_at_once_and_spares_what_is_held),
    cmocka_unit_test(a_share_keeps_a_key_in_and_others_out),
    cmocka_unit_test(clear_and_remove_detach_what_is_held),
    cmocka_unit_test(entries_are_found_by_text),
    cmocka_unit_test(get_refreshes_and_peek_does_not),
    cmocka_unit_test(put_copies_or_borrows),
    cmocka_unit_test(put_replaces_and_must_fit),
    cmocka_unit_test(put_names_the_bands_of_its_pixels),
    cmocka_unit_test(bands_are_chosen_from_what_was_put),
    cmocka_unit_test(gets_of_unknown_keys_are_misses),
    cmocka_unit_test(large_tiles_share_the_whole_budget),
    cmocka_unit_test(a_tile_larger_than_the_budget_disturbs_nothing),
    cmocka_unit_test(a_band_selection_is_served_from_its_superset),
    cmocka_unit_test(a_key_fixes_its_geometry),
    cmocka_unit_test(the_budget_holds_at_every_step),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
