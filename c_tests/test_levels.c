/* Levels: images made smaller and full pyramids, every sample told once more here, and what is refused. */
#include <math.h>

#include "support.h"

enum { WIDTH = 157, HEIGHT = 91, LEVELS = 5 };

/* ---- an array and its halves ---- */

typedef struct { int64_t width, height; double *samples; } plane;

static plane new_plane(int64_t width, int64_t height)
{
  plane made = {width, height, calloc((size_t)(width * height), sizeof(double))};
  assert_non_null(made.samples);
  return made;
}

static double at(const plane *p, int64_t x, int64_t y)
{
  return p->samples[y * p->width + x];
}

/* The mean of the pixels of a half that are not `nodata`, rounded; `nodata` where there are none, and beside it where
 * the mean is just that. */
static plane averaged(const plane *p, double nodata)
{
  plane half = new_plane((p->width + 1) / 2, (p->height + 1) / 2);
  for (int64_t y = 0; y < half.height; y++)
    for (int64_t x = 0; x < half.width; x++) {
      double sum = 0, n = 0;
      for (int64_t j = 2 * y; j < 2 * y + 2 && j < p->height; j++)
        for (int64_t i = 2 * x; i < 2 * x + 2 && i < p->width; i++)
          if (at(p, i, j) != nodata)
            sum += at(p, i, j), n++;
      double mean = n == 0 ? nodata : floor(sum / n + 0.5);
      half.samples[y * half.width + x] = n > 0 && mean == nodata ? mean + 1 : mean;
    }
  return half;
}

/* A level shows a plane of samples of two bytes. */
static void assert_shows(tc_provider *provider, int32_t level, const plane *expected)
{
  size_t n = (size_t)(expected->width * expected->height);
  uint16_t *pixels = malloc(n * sizeof *pixels);
  assert_non_null(pixels);
  tc_target into = {pixels, 2, 2 * expected->width, (int64_t)(2 * n), expected->width, expected->height, 1, TC_U16};
  ok(provider_read_window(provider, 0, 0, level, NULL, 0, &into, &err));
  for (size_t i = 0; i < n; i++)
    assert_int_equal(pixels[i], (int)expected->samples[i]);
  free(pixels);
}

/* An image of callbacks, and its samples. */
static tc_provider *open_image(source *s, plane *all, bool has_nodata, uint16_t nodata)
{
  source_init(s, WIDTH, HEIGHT, 40, 30, 1, TC_U16);
  if (has_nodata) {
    s->image.flags = TC_IMAGE_HAS_NODATA;
    memcpy(s->image.nodata, &nodata, sizeof nodata);
  }
  *all = new_plane(WIDTH, HEIGHT);
  for (int64_t y = 0; y < HEIGHT; y++)
    for (int64_t x = 0; x < WIDTH; x++) {
      uint16_t sample;
      sample_at(s, x, y, 0, 0, &sample);
      all->samples[y * WIDTH + x] = sample;
    }
  return open_source(s);
}

static tc_provider *pyramid(tc_provider *of, const tc_level_options *options, tc_cache *cache)
{
  tc_provider *made = NULL;
  ok(provider_pyramid(of, options, cache, &made, &err));
  return made;
}

static tc_provider *downsampled(tc_provider *of, const tc_level_options *options, tc_cache *cache)
{
  tc_provider *made = NULL;
  ok(provider_downsample(of, options, cache, &made, &err));
  return made;
}

/* ---- tests ---- */

static void every_level_is_the_mean_of_the_one_below(void **state)
{
  (void)state;
  for (int way = 0; way < 6; way++) {
    source s;
    plane level[LEVELS];
    bool has_nodata = way % 2 != 0;
    uint16_t nodata;
    source_init(&s, WIDTH, HEIGHT, 40, 30, 1, TC_U16);
    sample_at(&s, 5, 7, 0, 0, &nodata);
    pthread_mutex_destroy(&s.lock);
    tc_provider *from = open_image(&s, &level[0], has_nodata, nodata);
    for (int i = 1; i < LEVELS; i++)
      level[i] = averaged(&level[i - 1], has_nodata ? nodata : -1);
    tc_cache *cache = way < 2 ? NULL : new_cache(way < 4 ? 10000 : 1 << 22);
    const tc_level_options options = {.struct_size = sizeof options, .tile_width = 16, .tile_height = 11};
    tc_provider *all = pyramid(from, &options, cache);
    tc_image_info info = info_of(all);
    assert_int_equal(info.levels, LEVELS);
    assert_string_equal(provider_metadata(all, -1, "TC:NATIVE_LEVELS"), "1");
    /* The coarsest first, as a viewer does. */
    for (int i = LEVELS - 1; i >= 0; i--) {
      tc_provider *alone = NULL;
      assert_shows(all, i, &level[i]);
      ok(provider_level(all, i, &alone, &err));
      assert_shows(alone, 0, &level[i]);
      info = info_of(alone);
      assert_int_equal(info.width, level[i].width);
      assert_int_equal(info.block_height, i == 0 ? 30 : 11);
      provider_release(alone);
      if (i == 0)
        continue;
      tc_level_options one = {.struct_size = sizeof one, .filter = TC_FILTER_AVERAGE, .factor = (int64_t)1 << i};
      alone = downsampled(from, &one, cache);
      assert_int_equal(info_of(alone).levels, 1);
      assert_shows(alone, 0, &level[i]);
      provider_release(alone);
      one = (tc_level_options){.struct_size = sizeof one, .width = level[i].width, .height = level[i].height};
      alone = downsampled(from, &one, cache);
      assert_shows(alone, 0, &level[i]);
      provider_release(alone);
    }
    provider_release(all);
    provider_release(from);
    if (cache != NULL)
      assert_books(cache);
    tc_release(cache);
    source_done(&s);
    for (int i = 0; i < LEVELS; i++)
      free(level[i].samples);
  }
}

/* The taps of both stages together, from four pixels before an even one to five after it. */
static void sips_has_the_taps_of_the_standard(void **state)
{
  (void)state;
  static const double taps[10] = {.0052083, -.046875, -.0677083, .1614583, .4479167,
                                  .4479167, .1614583, -.0677083, -.046875, .0052083};
  enum { SIDE = 48 };
  static double samples[SIDE * SIDE];
  uint64_t random = 5;
  for (int i = 0; i < SIDE * SIDE; i++)
    samples[i] = random_below(&random, 1000) / 1000.0;
  tc_target array = {samples, 8, 8 * SIDE, 8 * SIDE * SIDE, SIDE, SIDE, 1, TC_F64};
  tc_provider *from = NULL;
  ok(provider_from_memory(&array, NULL, NULL, NULL, NULL, &from, &err));
  const tc_level_options options = {.struct_size = sizeof options, .filter = TC_FILTER_SIPS, .tile_width = 7,
                                    .tile_height = 9};
  tc_provider *half = downsampled(from, &options, NULL);
  static double made[SIDE * SIDE / 4];
  tc_target into = {made, 8, 4 * SIDE, 2 * SIDE * SIDE, SIDE / 2, SIDE / 2, 1, TC_F64};
  ok(provider_read_window(half, 0, 0, 0, NULL, 0, &into, &err));
  for (int y = 3; y < SIDE / 2 - 3; y++)
    for (int x = 3; x < SIDE / 2 - 3; x++) {
      double sum = 0;
      for (int j = 0; j < 10; j++)
        for (int i = 0; i < 10; i++)
          sum += taps[j] * taps[i] * samples[(2 * y + j - 4) * SIDE + 2 * x + i - 4];
      assert_true(fabs(made[y * SIDE / 2 + x] - sum) < 2e-6);
    }
  provider_release(half);
  provider_release(from);
}

/* A tile of every filter, so that each is reached from here; the values are told in tests/levels. */
static void every_filter_has_its_own_pixels(void **state)
{
  (void)state;
  source s;
  plane all;
  tc_provider *from = open_image(&s, &all, false, 0), *made[13] = {NULL};
  for (uint32_t filter = 1; filter <= 12; filter++) {
    const tc_level_options options = {.struct_size = sizeof options, .filter = filter};
    made[filter] = downsampled(from, &options, NULL);
    tc_tile *tile = get(made[filter], 0, 0, 0);
    for (uint32_t other = 1; other < filter; other++) {
      /* Of pixels that all differ the mode is the first. */
      if (filter == TC_FILTER_MODE && other == TC_FILTER_NEAREST)
        continue;
      tc_tile *before = get(made[other], 0, 0, 0);
      size_t bytes = (size_t)(2 * ((WIDTH + 1) / 2) * ((HEIGHT + 1) / 2));
      assert_memory_not_equal(data_of(tile), data_of(before), bytes);
      assert_string_not_equal(provider_key(made[filter]), provider_key(made[other]));
      tc_tile_release(before);
    }
    tc_tile_release(tile);
  }
  for (int filter = 1; filter <= 12; filter++)
    provider_release(made[filter]);
  provider_release(from);
  source_done(&s);
  free(all.samples);
}

static void one_tile_over_many_blocks_decodes_each_once(void **state)
{
  (void)state;
  source s;
  source_init(&s, 320, 320, 20, 10, 1, TC_U8);
  tc_provider *from = open_source(&s);
  /* A row of blocks takes 3,200 bytes, beside what each is charged. */
  tc_cache *cache = new_cache(60000);
  const tc_level_options options = {.struct_size = sizeof options, .filter = TC_FILTER_CUBIC, .tile_width = 20,
                                    .tile_height = 20};
  tc_provider *all = pyramid(from, &options, cache), *top = NULL;
  ok(provider_level(all, 4, &top, &err));
  touch(top, 0, 0, 0);
  assert_int_equal(decodes(&s), 16 * 32);
  assert_int_equal(most_decodes(&s), 1);
  provider_release(top);
  provider_release(all);
  provider_release(from);
  assert_books(cache);
  tc_release(cache);
  source_done(&s);
}

typedef struct { tc_provider *all; int wrong; const unsigned char *right[3]; } shared;

static void read_levels(void *arg, int index)
{
  shared *of = arg;
  for (int i = 0; i < 3; i++) {
    int32_t level = 1 + (i + index) % 3;
    int64_t side = halved(128, level);
    static const int64_t most = 64 * 64;
    unsigned char *pixels = malloc((size_t)most);
    tc_target into = {pixels, 1, side, side * side, side, side, 1, TC_U8};
    if (pixels == NULL || provider_read_window(of->all, 0, 0, level, NULL, 0, &into, NULL) != TC_OK ||
        memcmp(pixels, of->right[level - 1], (size_t)(side * side)) != 0)
      __atomic_add_fetch(&of->wrong, 1, __ATOMIC_SEQ_CST);
    free(pixels);
  }
}

static void threads_see_the_same_pixels(void **state)
{
  (void)state;
  source s;
  source_init(&s, 128, 128, 32, 32, 1, TC_U8);
  tc_provider *from = open_source(&s);
  static unsigned char right[3][64 * 64];
  const tc_level_options options = {.struct_size = sizeof options, .filter = TC_FILTER_LANCZOS, .tile_width = 16,
                                    .tile_height = 16};
  tc_provider *all = pyramid(from, &options, NULL);
  shared of = {NULL, 0, {right[0], right[1], right[2]}};
  for (int32_t level = 1; level < 4; level++) {
    int64_t side = halved(128, level);
    tc_target into = {right[level - 1], 1, side, side * side, side, side, 1, TC_U8};
    ok(provider_read_window(all, 0, 0, level, NULL, 0, &into, &err));
  }
  provider_release(all);
  tc_cache *cache = new_cache(40000);
  of.all = pyramid(from, &options, cache);
  in_threads(4, read_levels, &of);
  assert_int_equal(of.wrong, 0);
  provider_release(of.all);
  provider_release(from);
  assert_books(cache);
  tc_release(cache);
  source_done(&s);
}

static void bad_levels_are_refused(void **state)
{
  (void)state;
  source s;
  source_init(&s, 100, 80, 16, 16, 1, TC_U8);
  tc_provider *from = open_source(&s), *made = NULL;
  tc_level_options options;
#define BAD(call, status, text, ...) \
  do { \
    options = (tc_level_options){.struct_size = sizeof options, __VA_ARGS__}; \
    refuses(status, text, call(from, &options, NULL, &made, e)); \
    assert_null(made); \
  } while (0)
  BAD(provider_downsample, TC_E_RANGE, "factor is 3; it must be a power of two", .factor = 3);
  BAD(provider_downsample, TC_E_RANGE, "factor is -2", .factor = -2);
  BAD(provider_downsample, TC_E_RANGE, "an image halved 40 times; at most 31", .factor = (int64_t)1 << 40);
  BAD(provider_downsample, TC_E_ARGUMENT, "factor is 0, width 5 and height 0", .width = 5);
  BAD(provider_downsample, TC_E_ARGUMENT, "factor is 2, width 5 and height 4", .factor = 2, .width = 5, .height = 4);
  BAD(provider_downsample, TC_E_RANGE, "width is -5", .width = -5, .height = 4);
  BAD(provider_downsample, TC_E_RANGE, "101 x 4 pixels out of an image of 100 x 80", .width = 101, .height = 4);
  BAD(provider_downsample, TC_E_ARGUMENT, "filter of options is 13", .filter = 13);
  BAD(provider_downsample, TC_E_ARGUMENT, "flags of options is 0x2; no such flag", .flags = 2);
  BAD(provider_downsample, TC_E_RANGE, "levels is -1", .levels = -1);
  BAD(provider_downsample, TC_E_RANGE, "levels is 33; it must be 1 to 32", .levels = 33);
  BAD(provider_downsample, TC_E_RANGE, "tile_width is -7", .tile_width = -7);
  BAD(provider_downsample, TC_E_UNSUPPORTED, "30 x 30 pixels are none of 50 x 40", .filter = TC_FILTER_SIPS, .width = 30,
      .height = 30);
  BAD(provider_pyramid, TC_E_ARGUMENT, "factor of options is 2; a pyramid has all sizes", .factor = 2);
  BAD(provider_pyramid, TC_E_ARGUMENT, "height of options is 2", .height = 2);
  BAD(provider_pyramid, TC_E_RANGE, "levels is 33", .levels = 33);
  BAD(provider_pyramid, TC_E_RANGE, "9223372036854775807", .tile_height = INT64_MAX, .levels = 2);
#undef BAD
  provider_release(from);
  source_done(&s);
  source_init(&s, 10, 10, 10, 10, 1, TC_CF32);
  from = open_source(&s);
  options = (tc_level_options){.struct_size = sizeof options, .filter = TC_FILTER_MEDIAN};
  refuses(TC_E_UNSUPPORTED, "the filter median for complex samples (cf32)",
          provider_pyramid(from, &options, NULL, &made, e));
  provider_release(from);
  source_done(&s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_level_is_the_mean_of_the_one_below),
      cmocka_unit_test(sips_has_the_taps_of_the_standard),
      cmocka_unit_test(every_filter_has_its_own_pixels),
      cmocka_unit_test(one_tile_over_many_blocks_decodes_each_once),
      cmocka_unit_test(threads_see_the_same_pixels),
      cmocka_unit_test(bad_levels_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
