/* Operators against the formula of the image: every tile of every level, cut and padded. */
#include "support.h"

/* Every tile shows its part of the image; where a level is too small to have the tile, it is refused. */
static void assert_grid(source *s, tc_provider *p, bool padded)
{
  tc_image_info info = info_of(p);
  assert_int_equal(info.width, s->image.width);
  assert_int_equal(info.height, s->image.height);
  for (int32_t level = 0; level < info.levels; level++) {
    int64_t area_seen = 0;
    for (int64_t row = 0; row < info.grid_rows; row++)
      for (int64_t col = 0; col < info.grid_cols; col++) {
        int64_t bw = info.block_width, bh = info.block_height;
        area at = cell(info.width, info.height, bw, bh, row, col, level);
        tc_tile *tile = NULL;
        if (at.width <= 0 || at.height <= 0) {
          fails(TC_E_RANGE, "", provider_get_block(p, row, col, level, NULL, 0, &tile, &err));
          assert_null(tile);
          continue;
        }
        tile = get(p, row, col, level);
        assert_tile(s, tile, at, level, NULL, info.bands);
        tc_pixels pixels;
        tc_tile_pixels(tile, &pixels);
        assert_int_equal(pixels.width, padded ? halved((col + 1) * bw, level) - at.x : at.width);
        assert_int_equal(pixels.height, padded ? halved((row + 1) * bh, level) - at.y : at.height);
        area_seen += at.width * at.height;
        tc_tile_release(tile);
      }
    assert_int_equal(area_seen, halved(info.width, level) * halved(info.height, level));
  }
}

static void retiled_shows_the_image(void **state)
{
  (void)state;
  static const struct { int64_t width, height, bw, bh, tw, th; int32_t levels, bands; tc_dtype dtype; } rows[] = {
    {100, 80, 50, 40, 50, 40, 1, 1, TC_U8},     /* grids agree */
    {100, 80, 64, 64, 16, 32, 1, 2, TC_U16},    /* tiles inside blocks */
    {100, 80, 16, 16, 48, 32, 1, 3, TC_U8},     /* blocks inside tiles */
    {90, 70, 90, 3, 32, 32, 1, 1, TC_F32},      /* strips */
    {61, 47, 13, 11, 17, 19, 1, 2, TC_CI16},    /* nothing divides */
    {30, 20, 30, 20, 100, 100, 1, 1, TC_I16},   /* a tile larger than the image */
    {200, 200, 75, 75, 64, 64, 2, 1, TC_U8},    /* levels that the block size does not divide */
    {128, 128, 50, 50, 64, 64, 3, 1, TC_U8},
    {129, 150, 50, 50, 33, 27, 5, 1, TC_U8},
    {9, 5, 1, 1, 2, 3, 4, 1, TC_U8},            /* levels too small for some tiles */
  };
  enum { UNCACHED, CACHED, BOTH_CACHED, TINY, WAYS };
  for (size_t i = 0; i < COUNT(rows); i++)
    for (int way = 0; way < WAYS; way++)
      for (uint32_t pad = 0; pad < 2; pad++) {
        source s;
        source_init(&s, rows[i].width, rows[i].height, rows[i].bw, rows[i].bh, rows[i].bands, rows[i].dtype);
        s.image.levels = rows[i].levels;
        s.image.pad[0] = 99;
        tc_cache *cache = way == UNCACHED ? NULL : new_cache(way == TINY ? 3000 : 1 << 20);
        tc_provider *from = open_source(&s);
        tc_provider *below = way == BOTH_CACHED ? cached(from, cache) : provider_retain(from);
        tc_provider *p = retiled(below, rows[i].tw, rows[i].th, pad, cache);
        assert_grid(&s, p, pad);
        provider_release(from);
        provider_release(below);
        provider_release(p);
        if (cache != NULL)
          assert_books(cache);
        tc_release(cache);
        source_done(&s);
      }
}

static void bands_are_chosen_through_operators(void **state)
{
  (void)state;
  static const int32_t lists[][2] = {{0, 1}, {2, 0}, {3, 3}, {1, 3}};
  source s;
  source_init(&s, 60, 60, 25, 25, 4, TC_U8);
  tc_cache *cache = new_cache(1 << 20);
  tc_provider *from = open_source(&s), *p = retiled(from, 40, 40, 0, cache);
  for (int warm = 0; warm < 2; warm++) { /* served from the source, then from the whole tile */
    for (size_t i = 0; i < COUNT(lists); i++) {
      tc_tile *tile = NULL;
      ok(provider_get_block(p, 0, 1, 0, lists[i], 2, &tile, &err));
      assert_tile(&s, tile, (area){40, 0, 20, 40}, 0, lists[i], 2);
      tc_tile_release(tile);
    }
    touch(p, 0, 1, 0);
  }
  provider_release(from);
  provider_release(p);
  tc_release(cache);
  source_done(&s);
}

static void the_default_tile_is_1024(void **state)
{
  (void)state;
  source s;
  tc_provider *p = NULL;
  source_init(&s, 1030, 20, 30, 20, 1, TC_U8);
  tc_provider *from = open_source(&s);
  ok(provider_retile(from, NULL, NULL, &p, &err));
  tc_image_info info = info_of(p);
  assert_int_equal(info.block_width, 1024);
  assert_int_equal(info.block_height, 1024);
  assert_int_equal(info.grid_cols, 2);
  assert_int_equal(info.grid_rows, 1);
  assert_grid(&s, p, false);
  provider_release(from);
  provider_release(p);
  source_done(&s);
}

static void keys_say_what_was_done(void **state)
{
  (void)state;
  source s;
  source_init(&s, 100, 100, 50, 50, 1, TC_U8);
  s.key = "scene";
  tc_cache *cache = new_cache(1 << 20);
  tc_provider *from = open_source(&s), *same = cached(from, cache);
  tc_provider *cut = retiled(from, 32, 16, 0, cache), *padded = retiled(from, 32, 16, 1, cache);
  assert_string_equal(provider_key(same), "scene:image:0");
  assert_string_equal(provider_key(cut), "scene:image:0:retiled:32x16");
  assert_string_equal(provider_key(padded), "scene:image:0:retiled:32x16:pad");
  tc_provider *release[] = {from, same, cut, padded};
  for (size_t i = 0; i < COUNT(release); i++)
    provider_release(release[i]);
  tc_release(cache);
  source_done(&s);
}

/* Where no pixel has to move, none is copied. */
static void views_share_the_block(void **state)
{
  (void)state;
  enum { BLOCK = 64 * 64 };
  source s;
  source_init(&s, 128, 64, 64, 64, 1, TC_U8);
  tc_cache *cache = new_cache(1 << 16);
  tc_provider *from = open_source(&s), *blocks = cached(from, cache);
  tc_provider *quarters = retiled(blocks, 32, 32, 0, cache), *whole = retiled(blocks, 64, 64, 0, cache);
  tc_tile *block = get(blocks, 0, 1, 0), *same = get(whole, 0, 1, 0), *part = get(quarters, 1, 3, 0);
  assert_ptr_equal(data_of(same), data_of(block));
  assert_ptr_equal(data_of(part), (const char *)data_of(block) + 32 * 64 + 32);
  assert_tile(&s, part, (area){96, 32, 32, 32}, 0, NULL, 1);
  assert_in_range(stats_of(cache).held, BLOCK, BLOCK + 3 * 256 + 512); /* one buffer, counted once */
  assert_int_equal(decodes(&s), 1);
  tc_tile *tiles[] = {block, same, part};
  for (size_t i = 0; i < COUNT(tiles); i++)
    tc_tile_release(tiles[i]);
  tc_provider *release[] = {from, blocks, quarters, whole};
  for (size_t i = 0; i < COUNT(release); i++)
    provider_release(release[i]);
  tc_release(cache);
  source_done(&s);
}

static void views_share_lent_memory(void **state)
{
  (void)state;
  enum { SIDE = 96 };
  source s;
  int released = 0;
  source_init(&s, SIDE, SIDE, SIDE, SIDE, 1, TC_U8);
  pthread_mutex_destroy(&s.lock);
  unsigned char *bytes = malloc(SIDE * SIDE);
  for (int at = 0; at < SIDE * SIDE; at++)
    sample_at(&s, at % SIDE, at / SIDE, 0, 0, bytes + at);
  tc_target array = {bytes, 0, 0, 0, SIDE, SIDE, 1, TC_U8};
  tc_provider *from = NULL;
  ok(provider_from_memory(&array, &s.image, NULL, count_release, &released, &from, &err));
  tc_provider *p = retiled(from, 40, 40, 0, NULL);
  tc_tile *tile = get(p, 1, 2, 0);
  assert_ptr_equal(data_of(tile), bytes + 40 * SIDE + 80);
  assert_tile(&s, tile, (area){80, 40, 16, 40}, 0, NULL, 1);
  provider_release(p);
  provider_release(from);
  assert_int_equal(released, 0);
  tc_tile_release(tile);
  assert_int_equal(released, 1);
  free(bytes);
}

static void a_level_is_an_image(void **state)
{
  (void)state;
  static const struct { int64_t width, height, bw, bh; } rows[] = {
    {128, 96, 32, 32}, {200, 150, 64, 64}, {201, 151, 50, 50}, {97, 55, 97, 5},
  };
  enum { LEVELS = 3 };
  for (size_t i = 0; i < COUNT(rows); i++)
    for (int32_t level = 0; level < LEVELS; level++) {
      source s;
      tc_provider *image = NULL;
      source_init(&s, rows[i].width, rows[i].height, rows[i].bw, rows[i].bh, 1, TC_U8);
      s.image.levels = LEVELS;
      tc_provider *from = open_source(&s);
      ok(provider_level(from, level, &image, &err));
      tc_provider *tiles = retiled(image, 24, 24, 0, NULL);
      tc_image_info info = info_of(tiles);
      assert_int_equal(info.width, halved(rows[i].width, level));
      assert_int_equal(info.height, halved(rows[i].height, level));
      assert_int_equal(info.levels, LEVELS - level);
      for (int32_t above = 0; above < info.levels; above++)
        for (int64_t row = 0; row < info.grid_rows; row++)
          for (int64_t col = 0; col < info.grid_cols; col++) {
            area at = cell(info.width, info.height, 24, 24, row, col, above);
            if (at.width <= 0 || at.height <= 0)
              continue;
            tc_tile *tile = get(tiles, row, col, above);
            assert_tile(&s, tile, at, level + above, NULL, 1);
            tc_tile_release(tile);
          }
      provider_release(from);
      provider_release(image);
      provider_release(tiles);
      source_done(&s);
    }
}

/* ---- mapped ---- */

typedef struct { int calls, released; uint8_t minus; } mapping;

/* The sum of all input bands as u16, less a constant. */
static tc_status sum(void *user, int64_t row, int64_t col, int32_t level, const tc_pixels *in, const tc_target *out,
                     tc_error *error)
{
  mapping *m = user;
  (void)row, (void)col, (void)level, (void)error;
  m->calls++;
  for (int64_t y = 0; y < out->height; y++)
    for (int64_t x = 0; x < out->width; x++) {
      uint16_t total = 0;
      for (int32_t b = 0; b < in->bands; b++)
        total = (uint16_t)(total + ((const uint8_t *)in->data)[b * in->band_stride + y * in->row_stride + x]);
      total = (uint16_t)(total - m->minus);
      memcpy((char *)out->data + y * out->row_stride + x * out->pixel_stride, &total, sizeof total);
    }
  return TC_OK;
}

static void release_mapping(void *user)
{
  ((mapping *)user)->released++;
}

static tc_map_options sum_of(mapping *m, const int32_t *bands, size_t n)
{
  tc_map_options o;
  memset(&o, 0, sizeof o);
  o.struct_size = sizeof o;
  o.dtype = TC_U16;
  o.bands = 1;
  o.source_bands = bands;
  o.n_source_bands = n;
  o.map = sum;
  o.user = m;
  o.release = release_mapping;
  return o;
}

static void mapped_computes_once_per_tile(void **state)
{
  (void)state;
  static const int32_t all[] = {0, 1, 2}, some[] = {2, 0};
  static const struct { const int32_t *asked, *summed; size_t n_asked, n_summed; const char *name, *begins; } rows[] = {
    {NULL, all, 0, 3, "sum", "scene:image:0:mapped:sum"},
    {some, some, 2, 2, "a:mapped:b", NULL},
    {some, some, 2, 2, NULL, NULL},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    source s;
    mapping m = {0, 0, 3};
    tc_provider *p = NULL;
    source_init(&s, 50, 30, 20, 20, 3, TC_U8);
    s.key = "scene";
    tc_cache *cache = new_cache(1 << 20);
    tc_provider *from = open_source(&s);
    tc_map_options options = sum_of(&m, rows[i].asked, rows[i].n_asked);
    options.name = rows[i].name;
    ok(provider_map(from, &options, cache, &p, &err));
    if (rows[i].begins != NULL) /* what else changes the output, the type and the bands, follows */
      assert_memory_equal(provider_key(p), rows[i].begins, strlen(rows[i].begins));
    tc_image_info info = info_of(p);
    assert_int_equal(info.dtype, TC_U16);
    assert_int_equal(info.bands, 1);
    for (int again = 0; again < 2; again++)
      for (int64_t row = 0; row < info.grid_rows; row++)
        for (int64_t col = 0; col < info.grid_cols; col++) {
          area at = cell(50, 30, 20, 20, row, col, 0);
          tc_tile *tile = get(p, row, col, 0);
          tc_pixels pixels;
          tc_tile_pixels(tile, &pixels);
          assert_int_equal(pixels.width, at.width);
          assert_int_equal(pixels.height, at.height);
          for (int64_t y = 0; y < at.height; y++)
            for (int64_t x = 0; x < at.width; x++) {
              unsigned char sample[16];
              uint16_t expected = 0, found;
              for (size_t b = 0; b < rows[i].n_summed; b++) {
                sample_at(&s, at.x + x, at.y + y, rows[i].summed[b], 0, sample);
                expected = (uint16_t)(expected + sample[0]);
              }
              memcpy(&found, (const char *)pixels.data + y * pixels.row_stride + x * 2, sizeof found);
              assert_int_equal(found, (uint16_t)(expected - 3));
            }
          tc_tile_release(tile);
        }
    assert_int_equal(m.calls, 6);
    provider_release(from);
    provider_release(p);
    tc_release(cache);
    assert_int_equal(m.released, 1);
    source_done(&s);
  }
}

/* Over a sparse source the pad goes through the map, unless the map says its own. */
static void a_map_says_its_pad_and_bits(void **state)
{
  (void)state;
  enum { SIDE = 40, BLOCK = 20, PAD = 50, MINUS = 3 };
  static const struct { uint32_t flags; int32_t bits, said; uint16_t pad; } rows[] = {
    {0, 0, 16, PAD - MINUS}, {TC_MAP_HAS_PAD, 9, 9, 300},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    source s;
    mapping m = {0, 0, MINUS};
    tc_provider *p = NULL;
    source_init(&s, SIDE, SIDE, BLOCK, BLOCK, 1, TC_U8);
    s.sparse = true;
    s.image.pad[0] = PAD;
    tc_provider *from = open_source(&s);
    tc_map_options options = sum_of(&m, NULL, 0);
    options.flags = rows[i].flags;
    options.bits = rows[i].bits;
    memcpy(options.pad, &rows[i].pad, sizeof rows[i].pad);
    ok(provider_map(from, &options, NULL, &p, &err));
    assert_int_equal(m.calls, rows[i].flags ? 0 : 1);
    tc_image_info info = info_of(p);
    assert_int_equal(info.bits, rows[i].said);
    assert_memory_equal(info.pad, &rows[i].pad, sizeof rows[i].pad);
    assert_true(info.flags & TC_IMAGE_SPARSE);
    tc_tile *tile = get(p, 0, 1, 0);
    tc_pixels pixels;
    tc_tile_pixels(tile, &pixels);
    assert_true(pixels.flags & TC_PIXELS_ABSENT);
    for (size_t x = 0; x < BLOCK; x++)
      assert_memory_equal((const char *)pixels.data + x * 2, &rows[i].pad, sizeof rows[i].pad);
    tc_tile_release(tile);
    provider_release(from);
    provider_release(p);
    assert_int_equal(m.released, 1);
    source_done(&s);
  }
}

/* Each sample of the bands that are given, plus one: nodata of the source is no nodata value any more. */
static tc_status plus_one(void *user, int64_t row, int64_t col, int32_t level, const tc_pixels *in, const tc_target *out,
                          tc_error *error)
{
  (void)user, (void)row, (void)col, (void)level, (void)error;
  for (int32_t b = 0; b < out->bands; b++)
    for (int64_t y = 0; y < out->height; y++)
      for (int64_t x = 0; x < out->width; x++)
        ((uint8_t *)out->data)[b * out->band_stride + y * out->row_stride + x * out->pixel_stride] =
            (uint8_t)(((const uint8_t *)in->data)[b % in->bands * in->band_stride + y * in->row_stride + x] + 1);
  return TC_OK;
}

/* How many pixels of a 64 x 64 image are data, by its mask. */
static int data_in(tc_provider *p)
{
  static uint8_t pixels[64 * 64];
  tc_provider *mask = NULL;
  ok(provider_mask(p, &mask, &err));
  tc_target into = {pixels, 0, 0, 0, 64, 64, 1, TC_U8};
  ok(provider_read_window(mask, 0, 0, 0, NULL, 0, &into, &err));
  provider_release(mask);
  int n = 0;
  for (size_t i = 0; i < sizeof pixels; i++)
    n += pixels[i] == 255;
  return n;
}

/* How many pixels of a 64 x 64 image have this sample. */
static int with_sample(const source *s, int32_t band, uint8_t wanted)
{
  int n = 0;
  for (int i = 0; i < 64 * 64; i++) {
    uint8_t sample;
    sample_at(s, i % 64, i / 64, band, 0, &sample);
    n += sample == wanted;
  }
  assert_true(n > 0);
  return n;
}

/* Where the source is data, the output is, though its samples are others. */
static void a_map_is_data_where_its_source_is(void **state)
{
  (void)state;
  enum { ALL = 64 * 64 };
  source s;
  source_init(&s, 64, 64, 32, 32, 1, TC_U8);
  s.image.flags = TC_IMAGE_HAS_NODATA;
  s.image.nodata[0] = 4;
  tc_provider *from = open_source(&s);
  const int fours = with_sample(&s, 0, 4), threes = with_sample(&s, 0, 3);
  const struct { uint32_t flags; tc_dtype dtype; int holes; } rows[] = {
    {0, 0, fours}, {TC_MAP_DROP_BANDS, 0, fours}, {0, TC_I8, fours}, {TC_MAP_DROP_MASK, 0, threes},
    {TC_MAP_DROP_MASK | TC_MAP_DROP_BANDS, 0, 0},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    tc_map_options o = {.struct_size = sizeof o, .map = plus_one, .flags = rows[i].flags, .dtype = rows[i].dtype};
    tc_provider *p = NULL, *level = NULL;
    ok(provider_map(from, &o, NULL, &p, &err));
    assert_int_equal(data_in(p), ALL - rows[i].holes);
    ok(provider_level(p, 0, &level, &err));
    assert_int_equal(data_in(level), ALL - rows[i].holes);
    provider_release(p);
    provider_release(level);
  }
  provider_release(from);
  source_done(&s);
}

static void a_map_has_what_its_source_has_or_is_told_otherwise(void **state)
{
  (void)state;
  enum { RED = TC_COLOUR_RED, BLUE = TC_COLOUR_BLUE, ALL = 64 * 64 };
  static const int32_t blue[] = {2};
  source s;
  source_init(&s, 64, 64, 32, 32, 3, TC_U8);
  tc_source callbacks = source_struct(&s);
  tc_band_info infos[3], told = {.struct_size = sizeof told, .colour = RED, .flags = TC_BAND_HAS_NODATA, .nodata = {9}};
  for (int b = 0; b < 3; b++)
    infos[b] = (tc_band_info){.struct_size = sizeof told, .colour = b == 0 ? RED : b == 1 ? TC_COLOUR_GREEN : BLUE,
                              .flags = TC_BAND_HAS_NODATA, .nodata = {(uint8_t)(b + 4)}};
  tc_text texts[] = {{-1, 0, "TITLE", "a scene"}, {0, 0, "NAME", "red"}, {2, 0, "NAME", "blue"}}, own = {0, 0, "NAME", "own"};
  callbacks.band_infos = infos;
  callbacks.texts = texts;
  callbacks.n_texts = COUNT(texts);
  tc_provider *from = NULL;
  ok(provider_from_source(&callbacks, &from, &err));
  int nines = ALL - with_sample(&s, 2, 8);
  const struct {
    uint32_t flags;
    int32_t bands;
    tc_dtype dtype;
    const int32_t *given;
    const tc_band_info *infos;
    const tc_text *texts;
    int colour, nodata, data;
    const char *title, *name;
  } rows[] = {
    /* As many bands of the same type have what the source says of those that are given. */
    {0, 0, 0, NULL, NULL, NULL, RED, 4, ALL, "a scene", "red"},
    {0, 0, 0, blue, NULL, NULL, BLUE, 6, ALL, "a scene", "blue"},
    /* Other bands, or another type, have other values and colours; the mask and the title stay. */
    {0, 2, 0, blue, NULL, NULL, TC_COLOUR_UNDEFINED, -1, ALL, "a scene", NULL},
    {0, 1, TC_I8, blue, NULL, NULL, TC_COLOUR_UNDEFINED, -1, ALL, "a scene", "blue"},
    {TC_MAP_DROP_BANDS, 0, 0, blue, NULL, NULL, TC_COLOUR_UNDEFINED, -1, ALL, "a scene", "blue"},
    {TC_MAP_DROP_TEXTS, 0, 0, blue, NULL, NULL, BLUE, 6, ALL, NULL, NULL},
    {TC_MAP_DROP_TEXTS, 0, 0, blue, NULL, &own, BLUE, 6, ALL, NULL, "own"},
    {0, 0, 0, blue, NULL, &own, BLUE, 6, ALL, "a scene", "own"},
    {TC_MAP_DROP_MASK | TC_MAP_DROP_BANDS, 0, 0, blue, NULL, NULL, TC_COLOUR_UNDEFINED, -1, ALL, "a scene", "blue"},
    {TC_MAP_DROP_MASK, 0, 0, blue, &told, NULL, RED, 9, nines, "a scene", "blue"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    tc_map_options o = {.struct_size = sizeof o, .map = plus_one, .flags = rows[i].flags, .bands = rows[i].bands,
                        .dtype = rows[i].dtype, .source_bands = rows[i].given, .n_source_bands = rows[i].given != NULL,
                        .band_infos = rows[i].infos, .texts = rows[i].texts, .n_texts = rows[i].texts != NULL};
    tc_provider *p = NULL;
    ok(provider_map(from, &o, NULL, &p, &err));
    tc_band_info info = {.struct_size = sizeof info};
    ok(provider_band_info(p, 0, &info, &err));
    assert_int_equal(info.colour, rows[i].colour);
    assert_int_equal(info.flags & TC_BAND_HAS_NODATA, rows[i].nodata < 0 ? 0 : TC_BAND_HAS_NODATA);
    assert_true(rows[i].nodata < 0 || info.nodata[0] == rows[i].nodata);
    assert_int_equal(data_in(p), rows[i].data);
    const char *found[] = {provider_metadata(p, -1, "TITLE"), provider_metadata(p, 0, "NAME")};
    const char *right[] = {rows[i].title, rows[i].name};
    for (int t = 0; t < 2; t++)
      assert_true(found[t] == NULL ? right[t] == NULL : right[t] != NULL && strcmp(found[t], right[t]) == 0);
    provider_release(p);
  }
  provider_release(from);
  source_done(&s);
}

/* ---- mask and windows ---- */

static void a_mask_tells_data_from_nodata(void **state)
{
  (void)state;
  source s;
  tc_provider *mask = NULL;
  source_init(&s, 70, 50, 32, 32, 1, TC_U8);
  s.image.flags = TC_IMAGE_HAS_NODATA;
  s.image.nodata[0] = 5;
  tc_provider *from = open_source(&s);
  ok(provider_mask(from, &mask, &err));
  tc_image_info info = info_of(mask);
  assert_int_equal(info.dtype, TC_U8);
  assert_int_equal(info.bands, 1);
  assert_int_equal(info.grid_cols, 3);
  int holes = 0;
  for (int64_t row = 0; row < info.grid_rows; row++)
    for (int64_t col = 0; col < info.grid_cols; col++) {
      area at = cell(70, 50, 32, 32, row, col, 0);
      tc_tile *tile = get(mask, row, col, 0);
      tc_pixels pixels;
      tc_tile_pixels(tile, &pixels);
      for (int64_t y = 0; y < at.height; y++)
        for (int64_t x = 0; x < at.width; x++) {
          unsigned char sample[16];
          sample_at(&s, at.x + x, at.y + y, 0, 0, sample);
          holes += sample[0] == 5;
          assert_int_equal(((const uint8_t *)pixels.data)[y * pixels.row_stride + x], sample[0] == 5 ? 0 : 255);
        }
      tc_tile_release(tile);
    }
  assert_true(holes > 0);
  provider_release(from);
  provider_release(mask);
  source_done(&s);
}

static void a_window_is_any_rectangle(void **state)
{
  (void)state;
  static const struct { int64_t x, y, width, height; int32_t level; } rows[] = {
    {0, 0, 100, 80, 0},  {13, 7, 50, 60, 0},      {-5, -9, 20, 20, 0},      {90, 70, 30, 30, 0},
    {-4, -4, 120, 100, 0}, {3, 5, 40, 30, 1},     {-2, 30, 60, 20, 1},      {500, 500, 8, 8, 0},
    {INT64_MAX - 9, 0, 8, 8, 0}, {INT64_MIN, INT64_MIN, 8, 8, 0},
  };
  static const int32_t bands[] = {1, 0};
  enum { SOURCE, WINDOWED, RETILED, WAYS };
  for (int way = 0; way < WAYS; way++) {
    source s;
    source_init(&s, 100, 80, 32, 24, 2, TC_U8);
    s.image.levels = 2;
    s.image.pad[0] = 17;
    s.windowed = way == WINDOWED;
    s.image.flags = way == WINDOWED ? TC_IMAGE_WINDOWED : 0;
    tc_cache *cache = new_cache(1 << 20);
    tc_provider *from = open_source(&s);
    tc_provider *p = way == RETILED ? retiled(from, 30, 30, 0, cache) : provider_retain(from);
    for (size_t i = 0; i < COUNT(rows); i++) {
      static unsigned char memory[2 * 120 * 100];
      int64_t w = rows[i].width, h = rows[i].height;
      tc_target into = {memory, 2, w * 2, 1, w, h, 2, TC_U8};
      memset(memory, 0x5a, sizeof memory);
      ok(provider_read_window(p, rows[i].x, rows[i].y, rows[i].level, bands, 2, &into, &err));
      for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < w; x++)
          for (int32_t b = 0; b < 2; b++) {
            unsigned char sample[16] = {17};
            int64_t at_x = rows[i].x + x, at_y = rows[i].y + y;
            if (at_x >= 0 && at_y >= 0 && at_x < halved(100, rows[i].level) && at_y < halved(80, rows[i].level))
              sample_at(&s, at_x, at_y, bands[b], rows[i].level, sample);
            if (memory[(y * w + x) * 2 + b] != sample[0])
              fail_msg("way %d, window %d: band %d, column %d, row %d", way, (int)i, (int)b, (int)x, (int)y);
          }
    }
    provider_release(from);
    provider_release(p);
    tc_release(cache);
    source_done(&s);
  }
}

/* A source with cheap windows is not made to decode a block that is much larger than the tile. */
static void cheap_windows_spare_the_block(void **state)
{
  (void)state;
  source s;
  source_init(&s, 600, 600, 600, 600, 1, TC_U8);
  s.windowed = true;
  s.image.flags = TC_IMAGE_WINDOWED;
  tc_provider *from = open_source(&s), *p = retiled(from, 32, 32, 0, NULL);
  tc_tile *tile = get(p, 7, 9, 0);
  assert_tile(&s, tile, (area){9 * 32, 7 * 32, 32, 32}, 0, NULL, 1);
  assert_int_equal(decodes(&s), 0);
  assert_int_equal(s.windows, 1);
  tc_tile_release(tile);
  provider_release(from);
  provider_release(p);
  source_done(&s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(retiled_shows_the_image),
    cmocka_unit_test(bands_are_chosen_through_operators),
    cmocka_unit_test(the_default_tile_is_1024),
    cmocka_unit_test(keys_say_what_was_done),
    cmocka_unit_test(views_share_the_block),
    cmocka_unit_test(views_share_lent_memory),
    cmocka_unit_test(a_level_is_an_image),
    cmocka_unit_test(mapped_computes_once_per_tile),
    cmocka_unit_test(a_map_says_its_pad_and_bits),
    cmocka_unit_test(a_map_is_data_where_its_source_is),
    cmocka_unit_test(a_map_has_what_its_source_has_or_is_told_otherwise),
    cmocka_unit_test(a_mask_tells_data_from_nodata),
    cmocka_unit_test(a_window_is_any_rectangle),
    cmocka_unit_test(cheap_windows_spare_the_block),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
