/* Defects that tile caches have had, each shown to be absent: keys, accounting, repeated work, geometry. */
#include "support.h"

typedef struct { source s; tc_cache *cache; tc_provider *from; } rig;

static void rig_open(rig *r, uint64_t budget)
{
  r->cache = new_cache(budget);
  r->from = open_source(&r->s);
}

static void rig_done(rig *r)
{
  assert_books(r->cache);
  provider_release(r->from);
  tc_release(r->cache);
  source_done(&r->s);
}

/* ---- identity and keys ---- */

/* Two sources alike in all but their pixels, in one cache. */
static void like_sources_do_not_mix(void **state)
{
  (void)state;
  static const char *const keys[][2] = {{NULL, NULL}, {"file:1:image:0", "file:2:image:0"}, {"a", "a:b"}};
  for (size_t i = 0; i < COUNT(keys); i++) {
    rig r;
    source other;
    source_init(&r.s, 32, 32, 32, 32, 1, TC_U8);
    source_init(&other, 32, 32, 32, 32, 1, TC_U8);
    r.s.key = keys[i][0];
    other.key = keys[i][1];
    other.seed = 1;
    rig_open(&r, 1 << 16);
    tc_provider *from = open_source(&other), *a = cached(r.from, r.cache), *b = cached(from, r.cache);
    for (int again = 0; again < 2; again++) {
      tc_tile *left = get(a, 0, 0, 0), *right = get(b, 0, 0, 0);
      assert_tile(&r.s, left, (area){0, 0, 32, 32}, 0, NULL, 1);
      assert_tile(&other, right, (area){0, 0, 32, 32}, 0, NULL, 1);
      tc_tile_release(left);
      tc_tile_release(right);
    }
    provider_release(from);
    provider_release(a);
    provider_release(b);
    source_done(&other);
    rig_done(&r);
  }
}

static void padding_and_size_are_part_of_the_key(void **state)
{
  (void)state;
  static const struct { int64_t tw, th; uint32_t pad; } rows[] = {{64, 64, 0}, {64, 64, 1}, {64, 32, 0}, {32, 64, 1}};
  tc_provider *p[COUNT(rows)];
  rig r;
  source_init(&r.s, 100, 100, 50, 50, 1, TC_U8);
  rig_open(&r, 1 << 20);
  for (size_t i = 0; i < COUNT(rows); i++) {
    p[i] = retiled(r.from, rows[i].tw, rows[i].th, rows[i].pad, r.cache);
    tc_tile *tile = get(p[i], 0, 1, 0);
    tc_pixels pixels;
    tc_tile_pixels(tile, &pixels);
    assert_tile(&r.s, tile, cell(100, 100, rows[i].tw, rows[i].th, 0, 1, 0), 0, NULL, 1);
    assert_int_equal(pixels.width == rows[i].tw, rows[i].pad || rows[i].tw == 32);
    tc_tile_release(tile);
    for (size_t j = 0; j < i; j++)
      assert_string_not_equal(provider_key(p[i]), provider_key(p[j]));
  }
  for (size_t i = 0; i < COUNT(rows); i++)
    provider_release(p[i]);
  rig_done(&r);
}

/* Adds a constant to a band. */
static tc_status add(void *user, int64_t row, int64_t col, int32_t level, const tc_pixels *in, const tc_target *out,
                     tc_error *error)
{
  (void)row, (void)col, (void)level, (void)error;
  for (int64_t y = 0; y < out->height; y++)
    for (int64_t x = 0; x < out->width; x++)
      ((uint8_t *)out->data)[y * out->row_stride + x * out->pixel_stride] =
        (uint8_t)(((const uint8_t *)in->data)[y * in->row_stride + x] + *(const uint8_t *)user);
  return TC_OK;
}

static tc_provider *mapped(tc_provider *from, tc_cache *cache, const char *name, const int32_t *band, const uint8_t *plus)
{
  tc_map_options o;
  tc_provider *p = NULL;
  memset(&o, 0, sizeof o);
  o.struct_size = sizeof o;
  o.bands = 1;
  o.source_bands = band;
  o.n_source_bands = band != NULL;
  o.name = name;
  o.map = add;
  o.user = (void *)(uintptr_t)plus;
  ok(provider_map(from, &o, cache, &p, &err));
  return p;
}

static void assert_added(const source *s, tc_provider *p, int32_t band, uint8_t plus)
{
  tc_tile *tile = get(p, 0, 0, 0);
  for (int64_t x = 0; x < 16; x++) {
    unsigned char sample[16];
    sample_at(s, x, 0, band, 0, sample);
    assert_int_equal(((const uint8_t *)data_of(tile))[x], (uint8_t)(sample[0] + plus));
  }
  tc_tile_release(tile);
}

/* A nameless function at a reused address is another function. */
static void nameless_maps_are_never_taken_for_each_other(void **state)
{
  (void)state;
  rig r;
  source_init(&r.s, 16, 16, 16, 16, 1, TC_U8);
  r.s.key = "scene";
  rig_open(&r, 1 << 16);
  for (uint8_t plus = 0; plus < 50; plus++) {
    tc_provider *p = mapped(r.from, r.cache, NULL, NULL, &plus);
    assert_added(&r.s, p, 0, plus);
    provider_release(p);
  }
  rig_done(&r);
}

static void source_bands_are_part_of_the_key(void **state)
{
  (void)state;
  static const int32_t bands[] = {0, 1, 2};
  static const uint8_t plus = 1;
  tc_provider *p[3];
  rig r;
  source_init(&r.s, 16, 16, 16, 16, 3, TC_U8);
  rig_open(&r, 1 << 16);
  for (int i = 0; i < 3; i++) {
    p[i] = mapped(r.from, r.cache, "plus-one", &bands[i], &plus);
    assert_added(&r.s, p[i], bands[i], plus);
  }
  for (int i = 0; i < 3; i++) {
    assert_added(&r.s, p[i], bands[i], plus);
    provider_release(p[i]);
  }
  rig_done(&r);
}

static void names_cannot_forge_a_key(void **state)
{
  (void)state;
  static const struct { const char *name, *first, *second; } rows[] = {
    {"a:mapped:b", "a", "b"}, {"a%3Amapped%3Ab", "a", "b"}, {"a@0/0/0", "a", "@0/0/0"}, {"a[0]", "a", "[0]"},
  };
  static const uint8_t one = 1, ten = 10;
  for (size_t i = 0; i < COUNT(rows); i++) {
    rig r;
    source_init(&r.s, 16, 16, 16, 16, 1, TC_U8);
    r.s.key = "scene";
    rig_open(&r, 1 << 16);
    tc_provider *forged = mapped(r.from, r.cache, rows[i].name, NULL, &one);
    tc_provider *inner = mapped(r.from, r.cache, rows[i].first, NULL, &ten);
    tc_provider *outer = mapped(inner, r.cache, rows[i].second, NULL, &ten);
    assert_string_not_equal(provider_key(forged), provider_key(outer));
    assert_added(&r.s, forged, 0, 1);
    assert_added(&r.s, outer, 0, 20);
    provider_release(forged);
    provider_release(inner);
    provider_release(outer);
    rig_done(&r);
  }
}

/* ---- accounting and immutability ---- */

/* A small view that keeps a large buffer alive counts as the buffer. */
static void a_view_counts_all_that_it_keeps_alive(void **state)
{
  (void)state;
  enum { BLOCK = 128 * 128 };
  rig r;
  source_init(&r.s, 128, 128, 128, 128, 1, TC_U8);
  rig_open(&r, 16 * BLOCK);
  tc_provider *blocks = cached(r.from, r.cache), *p = retiled(blocks, 16, 16, 0, r.cache);
  tc_tile *block = get(blocks, 0, 0, 0), *view = get(p, 3, 3, 0);
  assert_ptr_equal(data_of(view), (const char *)data_of(block) + 48 * 128 + 48);
  tc_tile_release(block);
  assert_in_range(stats_of(r.cache).held, BLOCK, BLOCK + 2048);
  ok(tc_clear(r.cache, &err));
  assert_in_range(stats_of(r.cache).orphaned, BLOCK, BLOCK + 2048);
  tc_tile_release(view);
  provider_release(blocks);
  provider_release(p);
  rig_done(&r);
}

static void what_was_copied_in_does_not_change_with_its_origin(void **state)
{
  (void)state;
  unsigned char mine[64];
  tc_tile *tile = NULL;
  tc_cache *cache = new_cache(1 << 16);
  memset(mine, 1, sizeof mine);
  tc_pixels pixels = {mine, 8, 8, 8, 64, 8, 8, 1, TC_U8, 0, 0};
  ok(tc_put(cache, "mine", 0, 0, 0, NULL, 0, &pixels, NULL, NULL, &err));
  memset(mine, 9, sizeof mine);
  ok(tc_get(cache, "mine", 0, 0, 0, NULL, 0, &tile, &err));
  for (int at = 0; at < 64; at++)
    assert_int_equal(((const uint8_t *)data_of(tile))[at], 1);
  tc_tile_release(tile);
  tc_release(cache);
}

static void lent_memory_is_left_as_it_is(void **state)
{
  (void)state;
  unsigned char mine[32 * 32], before[32 * 32];
  source s;
  tc_provider *from = NULL;
  source_init(&s, 32, 32, 16, 16, 1, TC_U8);
  pthread_mutex_destroy(&s.lock);
  for (size_t at = 0; at < sizeof mine; at++)
    mine[at] = before[at] = (unsigned char)(at * 7);
  tc_target array = {mine, 0, 0, 0, 32, 32, 1, TC_U8};
  ok(provider_from_memory(&array, &s.image, NULL, NULL, NULL, &from, &err));
  tc_cache *cache = new_cache(1 << 16);
  tc_provider *p = retiled(from, 10, 10, 1, cache);
  read_all(p, 0);
  assert_memory_equal(mine, before, sizeof mine);
  provider_release(from);
  provider_release(p);
  tc_release(cache);
}

/* Whether a tile fits the budget shows in nothing but the books. */
static void tiles_look_the_same_whatever_the_budget(void **state)
{
  (void)state;
  static const uint64_t budgets[] = {0, 100, 1 << 20};
  tc_pixels first;
  for (size_t i = 0; i < COUNT(budgets); i++) {
    rig r;
    tc_pixels pixels;
    source_init(&r.s, 50, 50, 50, 50, 2, TC_U16);
    rig_open(&r, budgets[i]);
    tc_provider *p = retiled(r.from, 33, 33, 1, r.cache);
    tc_tile *tile = get(p, 1, 1, 0);
    tc_tile_pixels(tile, &pixels);
    assert_tile(&r.s, tile, (area){33, 33, 17, 17}, 0, NULL, 2);
    pixels.data = NULL;
    if (i == 0)
      first = pixels;
    assert_memory_equal(&pixels, &first, sizeof pixels);
    tc_tile_release(tile);
    provider_release(p);
    rig_done(&r);
  }
}

/* One buffer under three keys is counted once. */
static void aligned_operators_count_nothing_twice(void **state)
{
  (void)state;
  enum { BLOCK = 100 * 100, BLOCKS = 9 };
  rig r;
  source_init(&r.s, 300, 300, 100, 100, 1, TC_U8);
  rig_open(&r, 2 * BLOCKS * BLOCK);
  tc_provider *blocks = cached(r.from, r.cache), *same = retiled(blocks, 100, 100, 0, r.cache);
  tc_provider *again = retiled(same, 100, 100, 1, r.cache);
  tc_provider *all[] = {blocks, same, again};
  for (size_t i = 0; i < COUNT(all); i++)
    read_all(all[i], 0);
  tc_cache_stats stats = stats_of(r.cache);
  assert_in_range(stats.idle, BLOCKS * BLOCK, BLOCKS * (BLOCK + 64 + 3 * 256) + 1024);
  assert_int_equal(decodes(&r.s), BLOCKS);
  for (size_t i = 0; i < COUNT(all); i++)
    provider_release(all[i]);
  rig_done(&r);
}

/* Entries without pixel bytes cost their bookkeeping, so that they too are bounded. */
static void entries_without_pixels_are_bounded(void **state)
{
  (void)state;
  enum { BUDGET = 8192 };
  static unsigned char bytes[64 * 64];
  source s;
  tc_provider *from = NULL;
  source_init(&s, 64, 64, 1, 1, 1, TC_U8);
  pthread_mutex_destroy(&s.lock);
  tc_target array = {bytes, 0, 0, 0, 64, 64, 1, TC_U8};
  ok(provider_from_memory(&array, &s.image, NULL, NULL, NULL, &from, &err));
  tc_cache *cache = new_cache(BUDGET);
  tc_provider *p = cached(from, cache);
  read_all(p, 0);
  tc_cache_stats stats = stats_of(cache);
  assert_true(stats.entries < BUDGET / 32);
  assert_true(stats.resident <= BUDGET);
  provider_release(from);
  provider_release(p);
  assert_books(cache);
  tc_release(cache);
}

/* What is being decoded is counted while it is. */
typedef struct { tc_cache *cache; uint64_t in_flight; } watcher;

static tc_status watch(void *user, void *session, int64_t row, int64_t col, int32_t level, const int32_t *bands,
                       const tc_target *into, tc_error *error)
{
  watcher *w = user;
  tc_cache_stats stats;
  (void)session, (void)row, (void)col, (void)level, (void)bands, (void)error;
  memset(&stats, 0, sizeof stats);
  stats.struct_size = sizeof stats;
  memset(into->data, 0, (size_t)(into->row_stride * into->height));
  tc_status status = tc_statistics(w->cache, &stats, error);
  w->in_flight = stats.in_flight;
  return status;
}

static void bytes_in_flight_are_counted(void **state)
{
  (void)state;
  enum { BLOCK = 64 * 64 };
  source s;
  tc_source t;
  tc_provider *from = NULL;
  source_init(&s, 64, 64, 64, 64, 1, TC_U8);
  pthread_mutex_destroy(&s.lock);
  watcher w = {new_cache(1 << 20), 0};
  memset(&t, 0, sizeof t);
  t.struct_size = sizeof t;
  t.threading = TC_CONCURRENT;
  t.user = &w;
  t.image = &s.image;
  t.read_block = watch;
  ok(provider_from_source(&t, &from, &err));
  tc_provider *p = cached(from, w.cache), *tiles = retiled(from, 40, 40, 0, w.cache);
  touch(p, 0, 0, 0);
  assert_in_range(w.in_flight, BLOCK, 2 * BLOCK);
  assert_int_equal(stats_of(w.cache).in_flight, 0);
  touch(tiles, 0, 0, 0);
  assert_true(w.in_flight >= 40 * 40); /* the tile under assembly, and the block where it passes through the cache */
  assert_books(w.cache);
  provider_release(from);
  provider_release(p);
  provider_release(tiles);
  tc_release(w.cache);
}

/* ---- work done twice ---- */

static void get_first(void *user, int index)
{
  (void)index;
  tc_tile *tile = NULL;
  provider_get_block(user, 0, 0, 0, NULL, 0, &tile, NULL);
  tc_tile_release(tile);
}

static void eight_misses_are_one_decode(void **state)
{
  (void)state;
  rig r;
  source_init(&r.s, 32, 32, 32, 32, 1, TC_U8);
  r.s.decode_ms = 50;
  rig_open(&r, 1 << 16);
  tc_provider *p = cached(r.from, r.cache);
  in_threads(8, get_first, p);
  assert_int_equal(decodes(&r.s), 1);
  assert_int_equal(stats_of(r.cache).loads, 1);
  provider_release(p);
  rig_done(&r);
}

/* 79 tiles over strips of one row, under a budget of two and a half rows of tiles. */
static void strips_in_row_order_are_decoded_once(void **state)
{
  (void)state;
  int64_t height = scaled(2500);
  rig r;
  source_init(&r.s, 2500, height, 2500, 1, 1, TC_U8);
  rig_open(&r, 256 << 10);
  tc_provider *p = retiled(r.from, 32, 32, 0, r.cache);
  for (int pass = 1; pass <= 2; pass++) { /* cold, then warm with what the end of a pass leaves */
    read_all(p, 0);
    assert_in_range(decodes(&r.s), height, pass * height);
  }
  assert_true(stats_of(r.cache).siblings > 0);
  provider_release(p);
  rig_done(&r);
}

/* One block that 16 tiles share. The share of unread siblings is three quarters of the budget. */
static void a_block_is_not_decoded_for_each_of_its_tiles(void **state)
{
  (void)state;
  enum { TILE = 64 * 64, BLOCK = 16 * TILE };
  static const struct { uint64_t budget; int most; } rows[] = {
    {BLOCK - TILE, 2}, {BLOCK, 2}, {BLOCK + TILE, 2}, {3 * BLOCK / 2, 1}, {4 * BLOCK, 1},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    rig r;
    source_init(&r.s, 256, 256, 256, 256, 1, TC_U8);
    rig_open(&r, rows[i].budget);
    tc_provider *p = retiled(r.from, 64, 64, 0, r.cache);
    read_all(p, 0);
    assert_in_range(decodes(&r.s), 1, rows[i].most);
    provider_release(p);
    rig_done(&r);
  }
}

/* ---- geometry, bounds, pad and absence ---- */

static void levels_are_exact_where_nothing_divides(void **state)
{
  (void)state;
  static const struct { int64_t width, height, block, tile; int32_t level; } rows[] = {
    {200, 200, 75, 64, 1}, {128, 128, 50, 64, 2}, {257, 300, 100, 64, 3},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    rig r;
    int64_t seen = 0;
    source_init(&r.s, rows[i].width, rows[i].height, rows[i].block, rows[i].block, 1, TC_U8);
    r.s.image.levels = rows[i].level + 1;
    rig_open(&r, 1 << 20);
    tc_provider *p = retiled(r.from, rows[i].tile, rows[i].tile, 0, r.cache);
    tc_image_info info = info_of(p);
    for (int64_t row = 0; row < info.grid_rows; row++)
      for (int64_t col = 0; col < info.grid_cols; col++) {
        area at = cell(info.width, info.height, rows[i].tile, rows[i].tile, row, col, rows[i].level);
        if (at.width <= 0 || at.height <= 0)
          continue;
        tc_tile *tile = get(p, row, col, rows[i].level);
        assert_tile(&r.s, tile, at, rows[i].level, NULL, 1);
        tc_tile_release(tile);
        seen += at.width * at.height;
      }
    assert_int_equal(seen, halved(info.width, rows[i].level) * halved(info.height, rows[i].level));
    provider_release(p);
    rig_done(&r);
  }
}

static void what_is_outside_is_an_error_and_leaves_nothing(void **state)
{
  (void)state;
  static const struct { int64_t row, col; int32_t level; const char *names; } rows[] = {
    {0, 0, 1, "1"},   {0, 0, -1, "-1"}, {-1, 0, 0, "-1"},       {0, -1, 0, "-1"},
    {4, 0, 0, "4"},   {0, 5, 0, "5"},   {INT64_MAX, 0, 0, "9223372036854775807"},
    {0, 0, 77, "77"}, {0, 0, INT32_MAX, "2147483647"}, {INT64_MIN, 0, 0, "-9223372036854775808"},
  };
  enum { SOURCE, CACHED, CUT, PADDED, WAYS };
  rig r;
  source_init(&r.s, 80, 70, 20, 20, 1, TC_U8);
  rig_open(&r, 1 << 20);
  tc_provider *p[WAYS] = {provider_retain(r.from), cached(r.from, r.cache), retiled(r.from, 20, 20, 0, r.cache),
                          retiled(r.from, 30, 30, 1, r.cache)};
  for (int way = 0; way < WAYS; way++) {
    for (size_t i = 0; i < COUNT(rows); i++) {
      tc_tile *tile = NULL;
      fails(TC_E_RANGE, rows[i].names,
            provider_get_block(p[way], rows[i].row, rows[i].col, rows[i].level, NULL, 0, &tile, &err));
      assert_null(tile);
    }
    provider_release(p[way]);
  }
  assert_int_equal(stats_of(r.cache).entries, 0);
  assert_int_equal(decodes(&r.s), 0);
  rig_done(&r);
}

static void a_tile_size_is_checked_when_it_is_given(void **state)
{
  (void)state;
  static const struct { int64_t width, height; const char *names; } rows[] = {
    {-1, 64, "-1"}, {64, -5, "-5"}, {INT64_MIN, 64, "-9223372036854775808"}, {INT64_MAX, 64, "9223372036854775807"},
  };
  rig r;
  source_init(&r.s, 80, 80, 20, 20, 1, TC_U8);
  rig_open(&r, 1 << 16);
  for (size_t i = 0; i < COUNT(rows); i++) {
    tc_retile_options o;
    tc_provider *p = NULL;
    memset(&o, 0, sizeof o);
    o.struct_size = sizeof o;
    o.tile_width = rows[i].width;
    o.tile_height = rows[i].height;
    fails(TC_E_RANGE, rows[i].names, provider_retile(r.from, &o, r.cache, &p, &err));
    assert_null(p);
  }
  rig_done(&r);
}

static void padding_does_not_enlarge_the_image(void **state)
{
  (void)state;
  rig r;
  source_init(&r.s, 100, 70, 50, 50, 1, TC_U8);
  rig_open(&r, 1 << 16);
  tc_provider *p = retiled(r.from, 64, 64, 1, r.cache);
  tc_image_info info = info_of(p);
  assert_int_equal(info.width, 100);
  assert_int_equal(info.height, 70);
  tc_tile *tile = get(p, 1, 1, 0);
  tc_pixels pixels;
  tc_tile_pixels(tile, &pixels);
  assert_int_equal(pixels.width, 64);
  assert_int_equal(pixels.height, 64);
  assert_int_equal(pixels.valid_width, 36);
  assert_int_equal(pixels.valid_height, 6);
  tc_tile_release(tile);
  provider_release(p);
  rig_done(&r);
}

/* The source's pad value reaches edge tiles through any number of layers. */
static void the_pad_value_passes_through_layers(void **state)
{
  (void)state;
  rig r;
  static const uint16_t pad = 9999;
  source_init(&r.s, 100, 70, 50, 50, 2, TC_U16);
  memcpy(r.s.image.pad, &pad, sizeof pad);
  rig_open(&r, 1 << 20);
  tc_provider *blocks = cached(r.from, r.cache), *cut = retiled(blocks, 40, 40, 0, r.cache);
  tc_provider *again = cached(cut, r.cache), *p = retiled(again, 64, 64, 1, r.cache);
  tc_image_info info = info_of(p);
  assert_memory_equal(info.pad, r.s.image.pad, sizeof info.pad);
  tc_tile *tile = get(p, 1, 1, 0);
  tc_pixels pixels;
  tc_tile_pixels(tile, &pixels);
  assert_int_equal(pixels.width, 64);
  assert_tile(&r.s, tile, (area){64, 64, 36, 6}, 0, NULL, 2);
  tc_tile_release(tile);
  tc_provider *release[] = {blocks, cut, again, p};
  for (size_t i = 0; i < COUNT(release); i++)
    provider_release(release[i]);
  rig_done(&r);
}

/* Blocks of a chessboard: a tile exists if a block under it does, and what is missing in it is pad. */
static void absence_survives_retiling(void **state)
{
  (void)state;
  enum { SIDE = 64 };
  rig r;
  int exist = 0;
  source_init(&r.s, SIDE, SIDE, 16, 16, 1, TC_U8);
  r.s.sparse = true;
  r.s.image.flags = TC_IMAGE_SPARSE;
  r.s.image.pad[0] = 99;
  rig_open(&r, 1 << 20);
  tc_provider *p = retiled(r.from, 8, 8, 0, r.cache), *wide = retiled(r.from, 24, 24, 0, r.cache);
  assert_true(info_of(p).flags & TC_IMAGE_SPARSE);
  for (int64_t row = 0; row < 8; row++)
    for (int64_t col = 0; col < 8; col++) {
      int32_t has = -1, expected = (row / 2 + col / 2) % 2 == 0;
      tc_pixels pixels;
      tc_tile *tile = get(p, row, col, 0);
      tc_tile_pixels(tile, &pixels);
      ok(provider_has_block(p, row, col, 0, &has, &err));
      assert_int_equal(has, expected);
      assert_int_equal(pixels.flags & TC_PIXELS_ABSENT, expected ? 0 : TC_PIXELS_ABSENT);
      assert_true(pixels_match(&r.s, &pixels, col * 8, row * 8, 0, NULL));
      tc_tile_release(tile);
      exist += has;
    }
  assert_int_equal(exist, 32);
  assert_in_range(decodes(&r.s), 8, 8);
  for (int64_t row = 0; row < 3; row++)
    for (int64_t col = 0; col < 3; col++) {
      area at = cell(SIDE, SIDE, 24, 24, row, col, 0);
      tc_tile *tile = get(wide, row, col, 0);
      const uint8_t *data = data_of(tile);
      tc_pixels pixels;
      tc_tile_pixels(tile, &pixels);
      assert_int_equal(pixels.flags, 0);
      for (int64_t y = 0; y < at.height; y++)
        for (int64_t x = 0; x < at.width; x++) {
          unsigned char sample[16];
          sample_at(&r.s, at.x + x, at.y + y, 0, 0, sample);
          bool there = ((at.x + x) / 16 + (at.y + y) / 16) % 2 == 0;
          assert_int_equal(data[y * pixels.row_stride + x], there ? sample[0] : 99);
        }
      tc_tile_release(tile);
    }
  provider_release(p);
  provider_release(wide);
  rig_done(&r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(like_sources_do_not_mix),
    cmocka_unit_test(padding_and_size_are_part_of_the_key),
    cmocka_unit_test(nameless_maps_are_never_taken_for_each_other),
    cmocka_unit_test(source_bands_are_part_of_the_key),
    cmocka_unit_test(names_cannot_forge_a_key),
    cmocka_unit_test(a_view_counts_all_that_it_keeps_alive),
    cmocka_unit_test(what_was_copied_in_does_not_change_with_its_origin),
    cmocka_unit_test(lent_memory_is_left_as_it_is),
    cmocka_unit_test(tiles_look_the_same_whatever_the_budget),
    cmocka_unit_test(aligned_operators_count_nothing_twice),
    cmocka_unit_test(entries_without_pixels_are_bounded),
    cmocka_unit_test(bytes_in_flight_are_counted),
    cmocka_unit_test(eight_misses_are_one_decode),
    cmocka_unit_test(strips_in_row_order_are_decoded_once),
    cmocka_unit_test(a_block_is_not_decoded_for_each_of_its_tiles),
    cmocka_unit_test(levels_are_exact_where_nothing_divides),
    cmocka_unit_test(what_is_outside_is_an_error_and_leaves_nothing),
    cmocka_unit_test(a_tile_size_is_checked_when_it_is_given),
    cmocka_unit_test(padding_does_not_enlarge_the_image),
    cmocka_unit_test(the_pad_value_passes_through_layers),
    cmocka_unit_test(absence_survives_retiling),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
