/* Display chains from C: their text, what they make of pixels and of images, and what they refuse. */
#include "support.h"

static tc_chain *parsed(const char *text)
{
  tc_chain *chain = NULL;
  ok(tc_chain_parse(text, &chain, &err));
  assert_non_null(chain);
  return chain;
}

static tc_chain_about about_of(const tc_chain *chain)
{
  tc_chain_about about;
  memset(&about, 0xa5, sizeof about);
  about.struct_size = sizeof about;
  ok(tc_chain_info(chain, &about, &err));
  return about;
}

/* ---- text ---- */

static void a_chain_is_its_text(void **state)
{
  (void)state;
  tc_chain *chain = parsed("bands=3,1,0|stretch=02..98.0%|gamma=1.20|u8|alpha");
  assert_string_equal(tc_chain_text(chain), "bands=3,1,0|stretch=2..98%|gamma=1.2|u8|alpha");
  tc_chain *again = parsed(tc_chain_text(chain));
  assert_string_equal(tc_chain_text(again), tc_chain_text(chain));
  tc_chain_about about = about_of(chain);
  assert_int_equal(about.flags, TC_CHAIN_NEEDS_STATS | TC_CHAIN_ALPHA);
  assert_int_equal(about.least_bands, 4);
  assert_int_equal(about.most_bands, 0);
  assert_int_equal(about.bands, 4);
  assert_int_equal(about.dtype, TC_U8);
  static const tc_colour colours[] = {TC_COLOUR_RED, TC_COLOUR_GREEN, TC_COLOUR_BLUE, TC_COLOUR_ALPHA};
  assert_memory_equal(about.colours, colours, sizeof colours);

  tc_chain *then = parsed("u8"), *both = NULL;
  fails(TC_E_ARGUMENT, "step 6 of the chain", tc_chain_compose(chain, again, &both, &err));
  assert_null(both);
  ok(tc_chain_compose(then, then, &both, &err));
  assert_string_equal(tc_chain_text(both), "u8|u8");
  assert_int_equal(about_of(both).flags, TC_CHAIN_RESOLVED);
  assert_int_equal(about_of(both).bands, 0);
  /* It outlives what it was made of. */
  assert_ptr_equal(tc_chain_retain(both), both);
  tc_chain_release(both);
  tc_chain_release(chain);
  tc_chain_release(again);
  tc_chain_release(then);
  assert_string_equal(tc_chain_text(both), "u8|u8");
  tc_chain_release(both);
}

static void a_mistake_is_told_with_its_place(void **state)
{
  (void)state;
  static const struct { const char *text, *message; } rows[] = {
    {"", "wrong at byte 0: it is empty"},
    {"bands=0|stretch=1..x|u8", "wrong at byte 19: \"x\" is no number"},
    {"bands=0|gamma=2", "wrong at byte 8: gamma: it needs values from 0 to 1: put a stretch before it"},
    {"stretch=98..2%", "wrong at byte 8: 98 percent is not below 2"},
    {"\xc3\xa9", "wrong at byte 0"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    tc_chain *chain = (tc_chain *)rows;
    refuses(TC_E_ARGUMENT, rows[i].message, tc_chain_parse(rows[i].text, &chain, e));
    assert_null(chain);
  }
}

/* ---- pixels ---- */

/* What a stretch makes of a sample, told once more. */
static unsigned char code(double value, double low, double high)
{
  double t = (value - low) / (high - low);
  t = t < 0 ? 0 : t > 1 ? 1 : t;
  return (unsigned char)(t * 255 + 0.5);
}

static tc_pixels pixels_of(const void *data, int64_t width, int64_t height, int32_t bands, tc_dtype dtype)
{
  tc_pixels pixels;
  memset(&pixels, 0, sizeof pixels);
  pixels.data = data, pixels.width = width, pixels.height = height, pixels.bands = bands, pixels.dtype = dtype;
  return pixels;
}

static tc_target target_of(void *data, int64_t width, int64_t height, int32_t bands, tc_dtype dtype)
{
  tc_target target;
  memset(&target, 0, sizeof target);
  target.data = data, target.width = width, target.height = height, target.bands = bands, target.dtype = dtype;
  return target;
}

enum { SIDE = 40 };

static void pixels_become_what_the_formula_says_in_any_strides(void **state)
{
  (void)state;
  static uint16_t in[2][SIDE][SIDE + 3];
  static unsigned char mask[SIDE][SIDE], out[SIDE][SIDE][4];
  for (int b = 0; b < 2; b++)
    for (int y = 0; y < SIDE; y++)
      for (int x = 0; x < SIDE; x++) {
        in[b][y][x] = (uint16_t)(b * 1000 + y * 67 + x * 5);
        mask[y][x] = (x + y) % 3 ? 255 : 0;
      }
  tc_chain *chain = parsed("bands=1,0,1|stretch=100..2500|alpha|u8");
  tc_pixels from = pixels_of(in, SIDE, SIDE, 2, TC_U16), where = pixels_of(mask, SIDE, SIDE, 1, TC_U8);
  from.row_stride = sizeof in[0][0], from.band_stride = sizeof in[0];
  /* Interleaved, bottom-up. */
  tc_target into = target_of(out[SIDE - 1], SIDE, SIDE, 4, 0);
  into.pixel_stride = 4, into.row_stride = -(int64_t)sizeof out[0], into.band_stride = 1;
  ok(tc_chain_apply(chain, &from, &where, &into, &err));
  for (int y = 0; y < SIDE; y++)
    for (int x = 0; x < SIDE; x++) {
      const unsigned char *found = out[SIDE - 1 - y][x];
      unsigned char one = mask[y][x] ? code(in[1][y][x], 100, 2500) : 0;
      unsigned char two = mask[y][x] ? code(in[0][y][x], 100, 2500) : 0;
      assert_int_equal(found[0], one);
      assert_int_equal(found[1], two);
      assert_int_equal(found[2], one);
      assert_int_equal(found[3], mask[y][x]);
    }

  memset(out, 0xa5, sizeof out);
  unsigned char before[sizeof out];
  memcpy(before, out, sizeof out);
  refuses(TC_E_ARGUMENT, "chain", tc_chain_apply(NULL, &from, NULL, &into, e));
  refuses(TC_E_ARGUMENT, "input is NULL", tc_chain_apply(chain, NULL, NULL, &into, e));
  refuses(TC_E_ARGUMENT, "out is NULL", tc_chain_apply(chain, &from, NULL, NULL, e));
  where.width--;
  refuses(TC_E_ARGUMENT, "the mask has 39 x 40", tc_chain_apply(chain, &from, &where, &into, e));
  into.bands = 3;
  refuses(TC_E_ARGUMENT, "the target has 40 x 40 pixels of 3 bands", tc_chain_apply(chain, &from, NULL, &into, e));
  into.bands = 4, into.dtype = TC_U16;
  refuses(TC_E_ARGUMENT, "of 4 bands of u16; the chain gives", tc_chain_apply(chain, &from, NULL, &into, e));
  into.dtype = 0, from.bands = 1;
  refuses(TC_E_ARGUMENT, "step 1 of the chain, bands=1,0,1", tc_chain_apply(chain, &from, NULL, &into, e));
  from.dtype = 9;
  refuses(TC_E_ARGUMENT, "input: ", tc_chain_apply(chain, &from, NULL, &into, e));
  assert_memory_equal(out, before, sizeof out);
  tc_chain_release(chain);
  chain = parsed("stretch=2..98%|u8");
  from = pixels_of(in, SIDE, SIDE, 1, TC_U16);
  refuses(TC_E_ARGUMENT, "step 1 of the chain, stretch=2..98%: it needs statistics",
          tc_chain_apply(chain, &from, NULL, &into, e));
  tc_chain_release(chain);
}

/* ---- images ---- */

static tc_pixels pixels_in(const tc_tile *tile)
{
  tc_pixels pixels;
  tc_tile_pixels(tile, &pixels);
  return pixels;
}

static double sample_of(const source *s, int64_t x, int64_t y, int32_t band)
{
  uint16_t value;
  sample_at(s, x, y, band, 0, &value);
  return value;
}

static void main_job(void **state)
{
  (void)state;
  source s;
  source_init(&s, 150, 110, 64, 48, 5, TC_U16);
  s.picks_bands = true;
  tc_cache *cache = new_cache(1 << 22);
  tc_provider *file = open_source(&s), *blocks = cached(file, cache), *tiles = retiled(blocks, 50, 50, 0, cache);
  tc_pixel_stats *stats = NULL;
  ok(provider_pixel_stats(file, NULL, &stats, &err));
  tc_chain *open = parsed("bands=3,1,0|minmax=common|u8"), *chain = NULL;
  tc_provider *display = NULL;
  refuses(TC_E_ARGUMENT, "it needs statistics: resolve the chain first",
          provider_display(tiles, open, cache, &display, e));
  assert_null(display);
  refuses(TC_E_ARGUMENT, "it needs statistics, and none are given", tc_chain_resolve(open, tiles, NULL, &chain, e));
  assert_null(chain);
  ok(tc_chain_resolve(open, tiles, stats, &chain, &err));
  assert_int_equal(about_of(chain).flags, TC_CHAIN_RESOLVED);

  double low = 1e9, high = -1;
  static const int32_t bands[] = {3, 1, 0};
  for (size_t b = 0; b < COUNT(bands); b++) {
    tc_band_stats band = {0};
    ok(tc_pixel_stats_band(stats, bands[b], &band, &err));
    low = band.minimum < low ? band.minimum : low;
    high = band.maximum > high ? band.maximum : high;
  }
  char text[100];
  snprintf(text, sizeof text, "bands=3,1,0|stretch=%.0f..%.0f|u8", low, high);
  assert_string_equal(tc_chain_text(chain), text);

  int before = decodes(&s);
  ok(provider_display(tiles, chain, cache, &display, &err));
  assert_string_equal(provider_metadata(display, -1, "TC:CHAIN"), text);
  assert_non_null(strstr(provider_key(display), ":mapped:bands=3%2C1%2C0|stretch="));
  tc_image_info info = info_of(display);
  assert_int_equal(info.dtype, TC_U8);
  assert_int_equal(info.bands, 3);
  assert_int_equal(info.bits, 8);
  for (int64_t row = 0; row < info.grid_rows; row++)
    for (int64_t col = 0; col < info.grid_cols; col++) {
      tc_tile *tile = get(display, row, col, 0), *same = get(display, row, col, 0);
      assert_ptr_equal(data_of(tile), data_of(same));
      area where = cell(150, 110, 50, 50, row, col, 0);
      unsigned char *rgba = malloc((size_t)(where.width * where.height * 4));
      tc_target into = target_of(rgba, where.width, where.height, 4, 0);
      into.pixel_stride = 4, into.row_stride = 4 * where.width, into.band_stride = 1;
      static const int32_t order[] = {0, 1, 2, TC_BAND_OPAQUE};
      ok(tc_tile_copy(tile, 0, 0, order, 4, &into, &err));
      for (int64_t y = 0; y < where.height; y++)
        for (int64_t x = 0; x < where.width; x++) {
          const unsigned char *found = rgba + 4 * (y * where.width + x);
          for (int b = 0; b < 3; b++)
            assert_int_equal(found[b], code(sample_of(&s, where.x + x, where.y + y, bands[b]), low, high));
          assert_int_equal(found[3], 255);
        }
      /* As three, the other way round, of a part. */
      static const int32_t turned[] = {2, 1, 0};
      into = target_of(rgba, where.width - 3, where.height - 2, 3, 0);
      into.pixel_stride = 3, into.row_stride = 3 * where.width, into.band_stride = 1;
      ok(tc_tile_copy(tile, 3, 2, turned, 3, &into, &err));
      const tc_pixels all = pixels_in(tile);
      for (int64_t y = 2; y < where.height; y++)
        for (int64_t x = 3; x < where.width; x++)
          for (int b = 0; b < 3; b++)
            assert_int_equal(rgba[3 * (where.width * (y - 2) + x - 3) + b],
                             ((const unsigned char *)all.data)[(2 - b) * all.band_stride + y * all.row_stride + x]);
      free(rgba);
      tc_tile_release(tile);
      tc_tile_release(same);
    }
  /* Once for all tiles that need it. */
  assert_int_equal(decodes(&s) - before, 9);
  tc_chain_release(open);
  tc_chain_release(chain);
  tc_pixel_stats_release(stats);
  provider_release(file);
  provider_release(blocks);
  provider_release(tiles);
  touch(display, 0, 0, 0);
  provider_release(display);
  tc_release(cache);
  source_done(&s);
}

/* Without a chain, that of the image itself: of samples alone, and the same each time. */
static void no_chain_is_the_automatic_one(void **state)
{
  (void)state;
  source s;
  source_init(&s, 3000, 2000, 64, 64, 1, TC_U16);
  tc_cache *cache = new_cache(1 << 22);
  tc_provider *file = open_source(&s), *one = NULL, *two = NULL;
  ok(provider_display(file, NULL, cache, &one, &err));
  int looked = decodes(&s);
  /* At most 64 windows of 256 x 256, of 32 x 47 blocks. */
  assert_true(looked > 0 && looked <= 64 * 36);
  ok(provider_display(file, NULL, cache, &two, &err));
  assert_string_equal(provider_key(one), provider_key(two));
  assert_non_null(strstr(provider_metadata(one, -1, "TC:CHAIN"), "stretch="));
  assert_int_equal(info_of(one).dtype, TC_U8);
  tc_tile *first = get(one, 3, 4, 0), *second = get(two, 3, 4, 0);
  assert_ptr_equal(data_of(first), data_of(second));
  tc_tile_release(first);
  tc_tile_release(second);
  provider_release(file);
  provider_release(one);
  provider_release(two);
  tc_release(cache);
  source_done(&s);
}

static void conversions_are_made_of_numbers(void **state)
{
  (void)state;
  source s;
  source_init(&s, 60, 50, 32, 32, 2, TC_U16);
  tc_cache *cache = new_cache(1 << 20);
  tc_provider *p = open_source(&s), *made = NULL;
  /* 16 bits do not come out white. */
  ok(provider_convert(p, NULL, cache, &made, &err));
  assert_string_equal(provider_metadata(made, -1, "TC:CHAIN"), "stretch=0..65535|u8");
  tc_tile *tile = get(made, 0, 0, 0);
  const unsigned char *data = data_of(tile);
  for (int x = 0; x < 32; x++)
    assert_int_equal(data[x], code(sample_of(&s, x, 0, 0), 0, 65535));
  tc_tile_release(tile);
  provider_release(made);

  tc_pixel_stats *stats = NULL;
  ok(provider_pixel_stats(p, NULL, &stats, &err));
  static const int32_t second[] = {1};
  tc_convert_options o = {.struct_size = sizeof o, .dtype = TC_U16, .flags = TC_CONVERT_INVERT | TC_CONVERT_ALPHA, .low = 3,
                          .high = 90.5, .gamma = 1.5, .bands = second, .n_bands = 1};
  ok(provider_convert(p, &o, cache, &made, &err));
  assert_string_equal(provider_metadata(made, -1, "TC:CHAIN"), "bands=1|stretch=3..90.5|gamma=1.5|invert|u16|alpha");
  assert_int_equal(info_of(made).bands, 2);
  provider_release(made);
  o = (tc_convert_options){.struct_size = sizeof o, .flags = TC_CONVERT_COMMON, .low_percent = 0, .high_percent = 100};
  refuses(TC_E_ARGUMENT, "it needs statistics, and none are given", provider_convert(p, &o, cache, &made, e));
  assert_null(made);
  o.stats = stats;
  ok(provider_convert(p, &o, cache, &made, &err));
  provider_release(made);

  static const int32_t third[] = {2};
  static const struct { tc_convert_options o; tc_status status; const char *text; } rows[] = {
    {{.struct_size = 3}, TC_E_ARGUMENT, "struct_size"},
    {{.struct_size = sizeof o, .dtype = TC_I16}, TC_E_ARGUMENT, "dtype is i16"},
    {{.struct_size = sizeof o, .dtype = 9}, TC_E_ARGUMENT, "9 is not a sample type"},
    {{.struct_size = sizeof o, .flags = 8}, TC_E_ARGUMENT, "flags of options is 0x8"},
    {{.struct_size = sizeof o, .reserved = 1}, TC_E_ARGUMENT, "reserved 1"},
    {{.struct_size = sizeof o, .low = 5, .high = 4}, TC_E_RANGE, "low is 5 and high 4"},
    {{.struct_size = sizeof o, .low = 1, .high = 4, .high_percent = 5}, TC_E_ARGUMENT, "both limits and percents"},
    {{.struct_size = sizeof o, .low_percent = 98, .high_percent = 2}, TC_E_RANGE, "low_percent is 98"},
    {{.struct_size = sizeof o, .low_percent = 98, .high_percent = 200}, TC_E_RANGE, "200 percent"},
    {{.struct_size = sizeof o, .gamma = -1}, TC_E_RANGE, "gamma is -1"},
    {{.struct_size = sizeof o, .bands = third, .n_bands = 1}, TC_E_RANGE, "band 2 of an image with 2 bands"},
    {{.struct_size = sizeof o, .bands = third}, TC_E_ARGUMENT, "bands"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    made = (tc_provider *)&s;
    refuses(rows[i].status, rows[i].text, provider_convert(p, &rows[i].o, cache, &made, e));
    assert_null(made);
  }
  tc_pixel_stats_release(stats);
  provider_release(p);
  tc_release(cache);
  source_done(&s);
}

static void palettes_are_told_as_colours(void **state)
{
  (void)state;
  unsigned char data[16] = {0, 1, 1, 0};
  tc_source source = {0};
  struct source s;
  source_init(&s, 4, 4, 4, 4, 1, TC_U8);
  source = source_struct(&s);
  tc_band_info band = {.struct_size = sizeof band, .colour = TC_COLOUR_PALETTE};
  tc_text text = {.band = 0, .name = "COLORTABLE", .text = "1,2,3,255\n200,100,50,128\n"};
  source.band_infos = &band, source.texts = &text, source.n_texts = 1;
  tc_provider *p = NULL;
  ok(provider_from_source(&source, &p, &err));
  size_t count = 9;
  ok(provider_palette(p, 0, NULL, 0, &count, &err));
  assert_int_equal(count, 2);
  tc_rgba colours[3];
  memset(colours, 0xa5, sizeof colours);
  ok(provider_palette(p, 0, colours, 3, &count, &err));
  static const tc_rgba right[] = {{1, 2, 3, 255}, {200, 100, 50, 128}, {0xa5, 0xa5, 0xa5, 0xa5}};
  assert_memory_equal(colours, right, sizeof right);
  memset(colours, 0xa5, sizeof colours);
  ok(provider_palette(p, 0, colours, 1, &count, &err));
  assert_int_equal(count, 2);
  assert_int_equal(colours[1].red, 0xa5);
  refuses(TC_E_RANGE, "band is -1", provider_palette(p, -1, NULL, 0, &count, e));
  assert_int_equal(count, 0);
  refuses(TC_E_RANGE, "band 1 of an image with 1 bands", provider_palette(p, 1, NULL, 0, &count, e));
  refuses(TC_E_ARGUMENT, "colours is NULL, but n_colours is 2", provider_palette(p, 0, NULL, 2, &count, e));
  refuses(TC_E_ARGUMENT, "count is NULL", provider_palette(p, 0, NULL, 0, NULL, e));

  tc_chain *open = parsed("palette|u8"), *chain = NULL;
  ok(tc_chain_resolve(open, p, NULL, &chain, &err));
  assert_string_equal(tc_chain_text(chain), "palette=rgba:AQID/8hkMoA=|u8");
  unsigned char out[4][16];
  tc_pixels from = pixels_of(data, 4, 4, 1, TC_U8);
  tc_target into = target_of(out, 4, 4, 4, 0);
  ok(tc_chain_apply(chain, &from, NULL, &into, &err));
  assert_int_equal(out[0][1], 200);
  assert_int_equal(out[3][1], 128);
  assert_int_equal(out[2][0], 3);
  tc_chain_release(open);
  tc_chain_release(chain);
  provider_release(p);
  source_done(&s);

  source_init(&s, 4, 4, 4, 4, 1, TC_U8);
  p = open_source(&s);
  refuses(TC_E_NOT_FOUND, "band 0 has no palette", provider_palette(p, 0, NULL, 0, &count, e));
  provider_release(p);
  source_done(&s);
}

static void nothing_is_refused_by_name(void **state)
{
  (void)state;
  tc_chain *chain = parsed("u8"), *made = chain;
  tc_provider *none = NULL;
  tc_chain_about about = {.struct_size = sizeof about};
  source s;
  source_init(&s, 8, 8, 8, 8, 1, TC_U8);
  tc_provider *p = open_source(&s);
  refuses(TC_E_ARGUMENT, "text is NULL", tc_chain_parse(NULL, &made, e));
  assert_null(made);
  refuses(TC_E_ARGUMENT, "chain is NULL", tc_chain_parse("u8", NULL, e));
  refuses(TC_E_ARGUMENT, "not UTF-8", tc_chain_parse("\xff", &made, e));
  refuses(TC_E_ARGUMENT, "chain is NULL", tc_chain_resolve(NULL, p, NULL, &made, e));
  refuses(TC_E_ARGUMENT, "source is NULL", tc_chain_resolve(chain, NULL, NULL, &made, e));
  refuses(TC_E_ARGUMENT, "resolved is NULL", tc_chain_resolve(chain, p, NULL, NULL, e));
  refuses(TC_E_ARGUMENT, "first is NULL", tc_chain_compose(NULL, chain, &made, e));
  refuses(TC_E_ARGUMENT, "then is NULL", tc_chain_compose(chain, NULL, &made, e));
  refuses(TC_E_ARGUMENT, "chain is NULL", tc_chain_compose(chain, chain, NULL, e));
  refuses(TC_E_ARGUMENT, "chain is NULL", tc_chain_info(NULL, &about, e));
  refuses(TC_E_ARGUMENT, "about is NULL", tc_chain_info(chain, NULL, e));
  about.struct_size = 7;
  refuses(TC_E_ARGUMENT, "struct_size of about is 7", tc_chain_info(chain, &about, e));
  refuses(TC_E_ARGUMENT, "source is NULL", provider_display(NULL, chain, NULL, &none, e));
  refuses(TC_E_ARGUMENT, "provider is NULL", provider_display(p, chain, NULL, NULL, e));
  refuses(TC_E_ARGUMENT, "source is NULL", provider_convert(NULL, NULL, NULL, &none, e));
  assert_null(none);
  assert_null(tc_chain_text(NULL));
  assert_null(tc_chain_retain(NULL));
  tc_chain_release(NULL);
  tc_chain_release(chain);
  provider_release(p);
  source_done(&s);
}

/* ---- threads ---- */

typedef struct shared {
  tc_provider *tiles;
  tc_cache *cache;
  const char *wrong;
} shared;

static void show(void *arg, int index)
{
  shared *all = arg;
  char text[60];
  snprintf(text, sizeof text, "bands=%d|stretch=0..%d|alpha|u8", index % 3, 50 + index % 2);
  tc_chain *chain = NULL;
  tc_provider *display = NULL;
  if (tc_chain_parse(text, &chain, NULL) || provider_display(all->tiles, chain, all->cache, &display, NULL))
    all->wrong = "no display";
  tc_chain_release(chain);
  for (int i = 0; i < 40 && !all->wrong; i++) {
    tc_tile *tile = NULL;
    if (provider_get_block(display, i % 3, i / 3 % 4, 0, NULL, 0, &tile, NULL))
      all->wrong = "no tile";
    tc_tile_release(tile);
  }
  provider_release(display);
}

static void many_threads_show_one_image(void **state)
{
  (void)state;
  source s;
  source_init(&s, 160, 120, 64, 48, 3, TC_U16);
  tc_cache *cache = new_cache(1 << 18);
  tc_provider *file = open_source(&s), *tiles = retiled(file, 40, 40, 0, cache);
  shared all = {tiles, cache, NULL};
  for (int i = 0; i < scaled(20); i++)
    in_threads(6, show, &all);
  assert_null(all.wrong);
  provider_release(file);
  provider_release(tiles);
  assert_books(cache);
  tc_release(cache);
  source_done(&s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_chain_is_its_text),
    cmocka_unit_test(a_mistake_is_told_with_its_place),
    cmocka_unit_test(pixels_become_what_the_formula_says_in_any_strides),
    cmocka_unit_test(main_job),
    cmocka_unit_test(no_chain_is_the_automatic_one),
    cmocka_unit_test(conversions_are_made_of_numbers),
    cmocka_unit_test(palettes_are_told_as_colours),
    cmocka_unit_test(nothing_is_refused_by_name),
    cmocka_unit_test(many_threads_show_one_image),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
