/* Statistics of pixels through the C face: what they are, what they speak of, how they are ended, and what is
 * refused. */
#include "support.h"

#include <math.h>

enum { WIDTH = 157, HEIGHT = 83, PIXELS = WIDTH * HEIGHT };

static const tc_dtype dtypes[] = {TC_U8, TC_I16, TC_U16, TC_U32, TC_I32, TC_F32, TC_F64};

static double number(tc_dtype dtype, const unsigned char *sample)
{
  uint16_t u16;
  int16_t i16;
  uint32_t u32;
  int32_t i32;
  float f32;
  double f64;
  switch (dtype) {
  case TC_U8: return sample[0];
  case TC_U16: return memcpy(&u16, sample, 2), u16;
  case TC_I16: return memcpy(&i16, sample, 2), i16;
  case TC_U32: return memcpy(&u32, sample, 4), u32;
  case TC_I32: return memcpy(&i32, sample, 4), i32;
  case TC_F32: return memcpy(&f32, sample, 4), f32;
  default: return memcpy(&f64, sample, 8), f64;
  }
}

static int by_value(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The values of a band in ascending order. */
static void sorted(const source *s, int32_t band, double values[PIXELS])
{
  for (int64_t i = 0; i < PIXELS; i++) {
    unsigned char sample[16];
    sample_at(s, i % WIDTH, i / WIDTH, band, 0, sample);
    values[i] = number(s->image.dtype, sample);
  }
  qsort(values, PIXELS, sizeof *values, by_value);
}

static tc_pixel_stats *take(tc_provider *p, uint32_t flags, uint32_t threads)
{
  tc_sample_options o = {.struct_size = sizeof o, .flags = flags, .threads = threads};
  tc_pixel_stats *stats = NULL;
  ok(provider_pixel_stats(p, &o, &stats, &err));
  assert_non_null(stats);
  return stats;
}

static tc_band_stats band_of(const tc_pixel_stats *stats, int32_t band)
{
  tc_band_stats numbers;
  ok(tc_pixel_stats_band(stats, band, &numbers, &err));
  return numbers;
}

static void assert_near(double found, double right)
{
  if (!(fabs(found - right) <= 1e-12 * fabs(right)))
    fail_msg("%.17g is not %.17g", found, right);
}

/* ---- what they are ---- */

static double values[PIXELS];

static void assert_of(const source *s, tc_pixel_stats *stats, bool is_exact)
{
  for (int32_t band = 0; band < s->image.bands; band++) {
    sorted(s, band, values);
    double sum = 0, squares = 0;
    for (int i = 0; i < PIXELS; i++)
      sum += values[i];
    for (int i = 0; i < PIXELS; i++)
      squares += (values[i] - sum / PIXELS) * (values[i] - sum / PIXELS);
    tc_band_stats b = band_of(stats, band);
    assert_int_equal(b.count, PIXELS);
    assert_int_equal(b.valid, PIXELS);
    assert_int_equal(b.nan + b.infinite, 0);
    assert_true(b.minimum == values[0] && b.maximum == values[PIXELS - 1]);
    assert_near(b.mean, sum / PIXELS);
    assert_near(b.deviation, sqrt(squares / PIXELS));
    static const int tenths[] = {0, 1, 20, 25, 500, 980, 999, 1000};
    for (size_t i = 0; i < COUNT(tenths); i++) {
      int rank = (PIXELS * tenths[i] + 999) / 1000;
      double right = values[rank == 0 ? 0 : rank - 1], value, low, high;
      ok(tc_pixel_stats_percentile(stats, band, tenths[i] / 10.0, &value, &low, &high, &err));
      assert_true(low <= right && right <= high && low <= value && value <= high);
      if (is_exact)
        assert_true(value == right && low == right && high == right);
      ok(tc_pixel_stats_percentile(stats, band, tenths[i] / 10.0, &high, NULL, NULL, &err));
      assert_true(high == value);
    }
    int64_t counts[300], all = 0;
    uint32_t approximate = 7;
    ok(tc_pixel_stats_histogram(stats, band, 0, 0, counts, COUNT(counts), &approximate, &err));
    for (size_t i = 0; i < COUNT(counts); i++)
      all += counts[i];
    assert_int_equal(all, PIXELS);
    assert_true(approximate <= (sample_size(s->image.dtype) > 2));
  }
}

static void they_are_those_of_all_pixels(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT(dtypes); i++)
    for (int kind = 0; kind < 4; kind++) {
      source s;
      source_init(&s, WIDTH, HEIGHT, 32, 20, 2, dtypes[i]);
      tc_cache *cache = new_cache(1 << 16);
      tc_provider *from = open_source(&s), *own = cached(from, cache);
      tc_provider *p = kind < 2 ? own : retiled(own, 50, 41, (uint32_t)kind & 1, cache);
      uint32_t flags = kind & 1 ? TC_SAMPLE_EXACT : 0;
      bool is_exact = (kind & 1) || sample_size(dtypes[i]) < 4;
      tc_pixel_stats *stats = take(p, flags, 1 + (uint32_t)kind);
      assert_of(&s, stats, is_exact);
      assert_int_equal(most_decodes(&s), (kind & 1) && sample_size(dtypes[i]) > 2 ? 2 : 1);
      tc_pixel_stats_about about;
      ok(tc_pixel_stats_info(stats, &about, &err));
      assert_int_equal(about.bands, 2);
      assert_int_equal(about.flags | (uint32_t)about.level, 0);
      assert_true(about.table_bytes > 0);
      /* They need neither the image nor the cache, and every reference keeps them. */
      tc_pixel_stats *same = tc_pixel_stats_retain(stats);
      assert_ptr_equal(same, stats);
      tc_pixel_stats_release(stats);
      if (p != own)
        provider_release(p);
      provider_release(own);
      provider_release(from);
      tc_release(cache);
      source_done(&s);
      assert_of(&s, same, is_exact);
      tc_pixel_stats_release(same);
    }
}

/* A map that changes nothing, so that its options may say what the pixels are. */
static tc_status same(void *user, int64_t row, int64_t col, int32_t level, const tc_pixels *in, const tc_target *out,
                      tc_error *e)
{
  (void)user, (void)row, (void)col, (void)level, (void)e;
  for (int32_t b = 0; b < in->bands; b++)
    for (int64_t y = 0; y < in->height; y++)
      memcpy((char *)out->data + b * out->band_stride + y * out->row_stride,
             (const char *)in->data + b * in->band_stride + y * in->row_stride,
             (size_t)in->width * sample_size(in->dtype));
  return TC_OK;
}

static tc_provider *with_texts(tc_provider *from, const tc_band_info *band, const tc_text *texts, size_t n)
{
  tc_map_options o = {.struct_size = sizeof o, .name = "same", .map = same, .band_infos = band, .texts = texts,
                      .n_texts = n};
  tc_provider *p = NULL;
  ok(provider_map(from, &o, NULL, &p, &err));
  return p;
}

static void nodata_is_left_out_and_constants_have_numbers(void **state)
{
  (void)state;
  static const float nodata = -9999;
  static float rows[][6] = {
    {NAN, INFINITY, -9999, 2.5f, -9999, 3.5f}, {7, 7, 7, 7, -9999, 7}, {-9999, -9999, -9999, -9999, -9999, -9999},
  };
  static const int64_t right[][3] = {{2, 1, 1}, {5, 0, 0}, {0, 0, 0}};
  for (size_t i = 0; i < COUNT(rows); i++) {
    tc_band_info band = {.struct_size = sizeof band, .flags = TC_BAND_HAS_NODATA};
    memcpy(band.nodata, &nodata, sizeof nodata);
    tc_target array = {rows[i], 4, 12, 24, 3, 2, 1, TC_F32};
    tc_provider *from = NULL;
    ok(provider_from_memory(&array, NULL, NULL, NULL, NULL, &from, &err));
    tc_provider *p = with_texts(from, &band, NULL, 0);
    tc_pixel_stats *stats = take(p, 0, 0);
    tc_band_stats b = band_of(stats, 0);
    assert_int_equal(b.count, 6);
    assert_int_equal(b.valid, right[i][0]);
    assert_int_equal(b.nan, right[i][1]);
    assert_int_equal(b.infinite, right[i][2]);
    double value;
    ok(tc_pixel_stats_percentile(stats, 0, 50, &value, NULL, NULL, &err));
    if (i == 0)
      assert_true(b.minimum == 2.5 && b.maximum == 3.5 && b.mean == 3 && b.deviation == 0.5 && value == 2.5);
    if (i == 1)
      assert_true(b.minimum == 7 && b.maximum == 7 && b.mean == 7 && b.deviation == 0 && value == 7);
    if (i == 2)
      assert_true(isnan(b.minimum) && isnan(b.mean) && isnan(b.deviation) && isnan(value));
    tc_pixel_stats_release(stats);
    provider_release(p);
    provider_release(from);
  }
}

static void stored_ones_are_taken_only_when_asked_for_and_pass_no_operator(void **state)
{
  (void)state;
  source s;
  source_init(&s, 64, 64, 16, 16, 1, TC_U8);
  static const tc_text texts[] = {
    {0, 0, "STATISTICS_MINIMUM", "1"}, {0, 0, "STATISTICS_MAXIMUM", "9"}, {0, 0, "STATISTICS_MEAN", "4.5"},
    {0, 0, "STATISTICS_STDDEV", "2"},
  };
  tc_provider *from = open_source(&s), *told = with_texts(from, NULL, texts, COUNT(texts));
  tc_provider *over = with_texts(told, NULL, NULL, 0), *small = NULL, *coarse = NULL;
  const tc_level_options least = {.struct_size = sizeof least, .filter = TC_FILTER_MIN};
  ok(provider_downsample(told, &least, NULL, &small, &err));
  ok(provider_pyramid(told, &least, NULL, &coarse, &err));
  tc_pixel_stats_about about;
  tc_pixel_stats *stats = take(told, TC_SAMPLE_STORED, 0);
  tc_band_stats b = band_of(stats, 0);
  assert_true(b.minimum == 1 && b.maximum == 9 && b.mean == 4.5 && b.deviation == 2 && b.count == 0);
  ok(tc_pixel_stats_info(stats, &about, &err));
  assert_int_equal(about.flags, TC_SAMPLE_STORED);
  assert_int_equal(about.table_bytes, 0);
  assert_int_equal(decodes(&s), 0);
  double value = 5;
  int64_t counts[2];
  fails(TC_E_NOT_FOUND, "percentiles", tc_pixel_stats_percentile(stats, 0, 2, &value, NULL, NULL, &err));
  assert_true(value == 0);
  fails(TC_E_NOT_FOUND, "histogram", tc_pixel_stats_histogram(stats, 0, 0, 0, counts, 2, NULL, &err));
  tc_pixel_stats_release(stats);
  /* Neither without being asked, nor those of another image. */
  tc_provider *all[] = {told, over, small};
  for (size_t i = 0; i < COUNT(all); i++) {
    stats = take(all[i], i == 0 ? 0 : TC_SAMPLE_STORED, 0);
    ok(tc_pixel_stats_info(stats, &about, &err));
    assert_int_equal(about.flags, 0);
    assert_int_equal(band_of(stats, 0).count, i == 2 ? 32 * 32 : 64 * 64);
    tc_pixel_stats_release(stats);
  }
  assert_string_equal(provider_metadata(coarse, 0, "STATISTICS_MEAN"), "4.5");
  assert_null(provider_metadata(small, 0, "STATISTICS_MEAN"));
  provider_release(coarse);
  provider_release(small);
  provider_release(over);
  provider_release(told);
  provider_release(from);
  source_done(&s);
}

/* ---- how they are ended, and what they leave alone ---- */

typedef struct { double last; int calls, end_at; bool is_wrong; pthread_t thread; } told;

static int hear(double done, const char *text, void *user)
{
  told *t = user;
  t->is_wrong |= done < t->last || done > 1 || text == NULL || !pthread_equal(t->thread, pthread_self());
  t->last = done;
  return ++t->calls != t->end_at;
}

static void progress_is_told_and_ends_it(void **state)
{
  (void)state;
  for (uint32_t threads = 0; threads < 4; threads += 3)
    for (int end_at = 0; end_at < 4; end_at++) {
      source s;
      source_init(&s, 128, 128, 16, 16, 1, TC_F32);
      tc_cache *cache = new_cache(1 << 20);
      tc_provider *from = open_source(&s), *p = cached(from, cache);
      told t = {.end_at = end_at > 2 && threads > 0 ? 2 : end_at, .thread = pthread_self()};
      tc_sample_options o = {.struct_size = sizeof o, .threads = threads, .progress = hear, .progress_user = &t};
      tc_pixel_stats *stats = (tc_pixel_stats *)&o;
      if (end_at == 0) {
        ok(provider_pixel_stats(p, &o, &stats, &err));
        assert_true(t.last == 1);
        tc_pixel_stats_release(stats);
      } else {
        fails(TC_E_CANCELLED, "progress", provider_pixel_stats(p, &o, &stats, &err));
        assert_null(stats);
        assert_int_equal(t.calls, t.end_at);
        if (threads == 0)
          assert_int_equal(decodes(&s), end_at - 1);
      }
      assert_false(t.is_wrong);
      assert_int_equal(stats_of(cache).in_flight, 0);
      provider_release(p);
      provider_release(from);
      tc_release(cache);
      source_done(&s);
    }
}

static void a_decode_that_fails_is_told_and_the_next_call_works(void **state)
{
  (void)state;
  for (uint32_t threads = 0; threads < 4; threads += 3) {
    source s;
    source_init(&s, 128, 128, 16, 16, 1, TC_U8);
    tc_provider *p = open_source(&s);
    s.fail_row = 5;
    s.fail_col = 3;
    s.fail_times = 1;
    tc_sample_options o = {.struct_size = sizeof o, .threads = threads};
    tc_pixel_stats *stats = NULL;
    fails(TC_E_SOURCE, "the tape is torn", provider_pixel_stats(p, &o, &stats, &err));
    assert_null(stats);
    ok(provider_pixel_stats(p, &o, &stats, &err));
    assert_int_equal(band_of(stats, 0).count, 128 * 128);
    tc_pixel_stats_release(stats);
    provider_release(p);
    source_done(&s);
  }
}

static void a_pass_takes_the_room_of_one_tile_from_those_in_use(void **state)
{
  (void)state;
  source hot, large;
  source_init(&hot, 256, 256, 64, 64, 1, TC_U8);
  source_init(&large, 1024, 1024, 64, 64, 1, TC_U8);
  tc_cache *cache = new_cache(16 * 5000 + 3000);
  tc_provider *from = open_source(&hot), *other = open_source(&large);
  tc_provider *p = cached(from, cache), *q = cached(other, cache);
  read_all(p, 0);
  int before = decodes(&hot);
  tc_pixel_stats *stats = take(q, 0, 0);
  assert_int_equal(decodes(&large), 256);
  uint64_t hits = stats_of(cache).hits;
  read_all(p, 0);
  assert_true(decodes(&hot) <= before + 1);
  assert_true(stats_of(cache).hits >= hits + 15);
  tc_pixel_stats_release(stats);
  provider_release(p);
  provider_release(q);
  provider_release(from);
  provider_release(other);
  tc_release(cache);
  source_done(&hot);
  source_done(&large);
}

typedef struct { tc_provider *p; tc_pixel_stats *first; int wrong; } crowd;

static void ask(void *arg, int index)
{
  crowd *c = arg;
  tc_sample_options o = {.struct_size = sizeof o, .threads = (uint32_t)index % 3};
  tc_pixel_stats *stats = NULL;
  tc_band_stats a, b;
  if (provider_pixel_stats(c->p, &o, &stats, NULL) != TC_OK || tc_pixel_stats_band(c->first, 0, &a, NULL) != TC_OK ||
      tc_pixel_stats_band(stats, 0, &b, NULL) != TC_OK || memcmp(&a, &b, sizeof a) != 0)
    __atomic_add_fetch(&c->wrong, 1, __ATOMIC_RELAXED);
  for (double percent = 0; percent <= 100; percent += 12.5) {
    double x = 0, y = 1;
    tc_pixel_stats_percentile(c->first, 0, percent, &x, NULL, NULL, NULL);
    tc_pixel_stats_percentile(stats, 0, percent, &y, NULL, NULL, NULL);
    if (x != y)
      __atomic_add_fetch(&c->wrong, 1, __ATOMIC_RELAXED);
  }
  tc_pixel_stats_release(stats);
}

static void many_threads_get_the_same_bits(void **state)
{
  (void)state;
  source s;
  source_init(&s, 200, 150, 23, 31, 1, TC_F32);
  tc_cache *cache = new_cache(1 << 15);
  tc_provider *from = open_source(&s), *own = cached(from, cache), *p = retiled(own, 40, 40, 0, cache);
  crowd c = {p, take(from, 0, 0), 0};
  in_threads(scaled(6), ask, &c);
  assert_int_equal(c.wrong, 0);
  tc_pixel_stats_release(c.first);
  provider_release(p);
  provider_release(own);
  provider_release(from);
  tc_release(cache);
  source_done(&s);
}

/* ---- what is refused ---- */

static void arguments_are_checked(void **state)
{
  (void)state;
  source s;
  source_init(&s, 20, 20, 20, 20, 2, TC_U8);
  tc_provider *p = open_source(&s);
  tc_pixel_stats *stats = NULL;
  refuses(TC_E_ARGUMENT, "stats", provider_pixel_stats(p, NULL, NULL, e));
#define no_stats(status, text, provider, options) \
  do { \
    stats = (tc_pixel_stats *)&s; \
    refuses(status, text, provider_pixel_stats(provider, options, &stats, e)); \
    assert_null(stats); \
  } while (0)
  no_stats(TC_E_ARGUMENT, "provider", NULL, NULL);
  static const double wrong[] = {2, 100.5}, right[] = {0, 100};
  tc_sample_options o = {.struct_size = 12};
  no_stats(TC_E_ARGUMENT, "struct_size", p, &o);
  o = (tc_sample_options){.struct_size = sizeof o, .flags = 0x12};
  no_stats(TC_E_ARGUMENT, "0x12", p, &o);
  o = (tc_sample_options){.struct_size = sizeof o, .level = -2};
  no_stats(TC_E_RANGE, "level is -2", p, &o);
  o.level = 1;
  no_stats(TC_E_RANGE, "level 1", p, &o);
  o = (tc_sample_options){.struct_size = sizeof o, .threads = 1025};
  no_stats(TC_E_RANGE, "1025 threads", p, &o);
  o = (tc_sample_options){.struct_size = sizeof o, .percents = right, .n_percents = 2};
  no_stats(TC_E_ARGUMENT, "TC_SAMPLE_EXACT", p, &o);
  o.flags = TC_SAMPLE_EXACT;
  o.n_percents = 0;
  no_stats(TC_E_RANGE, "n_percents is 0", p, &o);
  o.n_percents = 1001;
  no_stats(TC_E_RANGE, "n_percents is 1001", p, &o);
  o = (tc_sample_options){.struct_size = sizeof o, .flags = TC_SAMPLE_EXACT, .n_percents = 2};
  no_stats(TC_E_ARGUMENT, "percents is NULL", p, &o);
  o.percents = wrong;
  no_stats(TC_E_RANGE, "100.5 percent", p, &o);
  assert_int_equal(decodes(&s), 0);
  o.percents = right;
  ok(provider_pixel_stats(p, &o, &stats, &err));

  tc_band_stats b;
  refuses(TC_E_ARGUMENT, "numbers", tc_pixel_stats_band(stats, 0, NULL, e));
  refuses(TC_E_ARGUMENT, "stats", tc_pixel_stats_band(NULL, 0, &b, e));
  refuses(TC_E_RANGE, "band is -1", tc_pixel_stats_band(stats, -1, &b, e));
  memset(&b, 1, sizeof b);
  refuses(TC_E_RANGE, "band 2", tc_pixel_stats_band(stats, 2, &b, e));
  assert_true(b.count == 0 && b.mean == 0);
  tc_pixel_stats_about about;
  refuses(TC_E_ARGUMENT, "about", tc_pixel_stats_info(stats, NULL, e));
  refuses(TC_E_ARGUMENT, "stats", tc_pixel_stats_info(NULL, &about, e));
  double value, low, high = 3;
  refuses(TC_E_ARGUMENT, "value", tc_pixel_stats_percentile(stats, 0, 2, NULL, &low, &high, e));
  assert_true(high == 0);
  refuses(TC_E_ARGUMENT, "stats", tc_pixel_stats_percentile(NULL, 0, 2, &value, NULL, NULL, e));
  refuses(TC_E_RANGE, "band 7", tc_pixel_stats_percentile(stats, 7, 2, &value, NULL, NULL, e));
  refuses(TC_E_RANGE, "-1 percent", tc_pixel_stats_percentile(stats, 0, -1, &value, NULL, NULL, e));
  refuses(TC_E_RANGE, "NaN percent", tc_pixel_stats_percentile(stats, 0, NAN, &value, NULL, NULL, e));
  int64_t counts[4] = {1, 1, 1, 1};
  refuses(TC_E_ARGUMENT, "counts", tc_pixel_stats_histogram(stats, 0, 0, 0, NULL, 4, NULL, e));
  refuses(TC_E_ARGUMENT, "stats", tc_pixel_stats_histogram(NULL, 0, 0, 0, counts, 4, NULL, e));
  assert_int_equal(counts[0] | counts[3], 0);
  refuses(TC_E_RANGE, "0 bins", tc_pixel_stats_histogram(stats, 0, 0, 0, counts, 0, NULL, e));
  refuses(TC_E_RANGE, "band 2", tc_pixel_stats_histogram(stats, 2, 0, 0, counts, 4, NULL, e));
  refuses(TC_E_RANGE, "from 3 to 2", tc_pixel_stats_histogram(stats, 0, 3, 2, counts, 4, NULL, e));
  refuses(TC_E_RANGE, "from 0 to inf", tc_pixel_stats_histogram(stats, 0, 0, INFINITY, counts, 4, NULL, e));
  assert_null(tc_pixel_stats_retain(NULL));
  tc_pixel_stats_release(NULL);
  tc_pixel_stats_release(stats);
  provider_release(p);
  source_done(&s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(they_are_those_of_all_pixels),
    cmocka_unit_test(nodata_is_left_out_and_constants_have_numbers),
    cmocka_unit_test(stored_ones_are_taken_only_when_asked_for_and_pass_no_operator),
    cmocka_unit_test(progress_is_told_and_ends_it),
    cmocka_unit_test(a_decode_that_fails_is_told_and_the_next_call_works),
    cmocka_unit_test(a_pass_takes_the_room_of_one_tile_from_those_in_use),
    cmocka_unit_test(many_threads_get_the_same_bits),
    cmocka_unit_test(arguments_are_checked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
