/* Every function with NULL and absurd arguments: it says no, names what was wrong, and leaves its outputs empty. */
#include "support.h"

/* One of everything, to be passed where the argument under test is another one. */
static source image;
static tc_cache *cache;
static tc_provider *from, *p;
static tc_tile *tile;
static const int32_t bands[] = {0, 1};
static unsigned char memory[64 * 64 * 2];

static int open_fixture(void **state)
{
  (void)state;
  source_init(&image, 64, 64, 32, 32, 2, TC_U8);
  cache = new_cache(1 << 16);
  from = open_source(&image);
  p = cached(from, cache);
  tile = get(p, 0, 0, 0);
  return 0;
}

static int close_fixture(void **state)
{
  (void)state;
  tc_tile_release(tile);
  provider_release(from);
  provider_release(p);
  tc_release(cache);
  source_done(&image);
  return 0;
}

/* The call is refused and its output is NULL, whatever was there before. */
#define yields_no(output, status, text, call) \
  do { \
    (output) = (void *)memory; \
    refuses(status, text, call); \
    assert_null(output); \
  } while (0)

static tc_cache *opened;
static tc_provider *made;
static tc_tile *got;

static const char not_utf8[] = "\xff\xfe";

/* ---- cache ---- */

static void creating_a_cache(void **state)
{
  (void)state;
  tc_cache_options o = {.struct_size = sizeof o, .unread_percent = 101};
  refuses(TC_E_ARGUMENT, "cache", tc_create(1, NULL, NULL, e));
  yields_no(opened, TC_E_RANGE, "101", tc_create(1, &o, &opened, e));
  o = (tc_cache_options){.struct_size = sizeof o, .flags = 10};
  yields_no(opened, TC_E_ARGUMENT, "0xa", tc_create(1, &o, &opened, e));
  for (o.flags = 0; o.flags <= (TC_CACHE_CHEAP_FIRST | TC_CACHE_FREQUENCY); o.flags++) {
    ok(tc_create(1, &o, &opened, &err));
    tc_release(opened);
  }
  ok(tc_create(UINT64_MAX, NULL, &opened, &err)); /* only a number */
  tc_release(opened);
}

static void using_a_cache(void **state)
{
  (void)state;
  tc_cache_stats stats;
  memset(&stats, 0, sizeof stats);
  stats.struct_size = sizeof stats;
  refuses(TC_E_ARGUMENT, "cache", tc_set_budget(NULL, 1, e));
  uint64_t given_back = 9;
  refuses(TC_E_ARGUMENT, "cache", tc_trim(NULL, 1, &given_back, e));
  assert_int_equal(given_back, 0);
  refuses(TC_E_ARGUMENT, "cache", tc_set_share(NULL, "k", 1, 1, e));
  refuses(TC_E_ARGUMENT, "cache", tc_clear(NULL, e));
  refuses(TC_E_ARGUMENT, "cache", tc_statistics(NULL, &stats, e));
  refuses(TC_E_ARGUMENT, "stats", tc_statistics(cache, NULL, e));
  assert_null(tc_retain(NULL));
  tc_release(NULL);
}

typedef tc_status (*lookup)(tc_cache *, const char *, int64_t, int64_t, int32_t, const int32_t *, size_t, tc_tile **,
                            tc_error *);

static void looking_up_by_key(void **state)
{
  (void)state;
  static const lookup calls[] = {tc_get, tc_peek};
  const char *key = provider_key(p);
  static const int32_t wild[] = {0, -5};
  for (size_t i = 0; i < COUNT(calls); i++) {
    lookup f = calls[i];
    refuses(TC_E_ARGUMENT, "tile", f(cache, key, 0, 0, 0, NULL, 0, NULL, e));
    yields_no(got, TC_E_ARGUMENT, "cache", f(NULL, key, 0, 0, 0, NULL, 0, &got, e));
    yields_no(got, TC_E_ARGUMENT, "key", f(cache, NULL, 0, 0, 0, NULL, 0, &got, e));
    yields_no(got, TC_E_ARGUMENT, "key", f(cache, "", 0, 0, 0, NULL, 0, &got, e));
    yields_no(got, TC_E_ARGUMENT, "key", f(cache, not_utf8, 0, 0, 0, NULL, 0, &got, e));
    yields_no(got, TC_E_RANGE, "row is -1", f(cache, key, -1, 0, 0, NULL, 0, &got, e));
    yields_no(got, TC_E_RANGE, "col is -2", f(cache, key, 0, -2, 0, NULL, 0, &got, e));
    yields_no(got, TC_E_RANGE, "level is -3", f(cache, key, 0, 0, -3, NULL, 0, &got, e));
    yields_no(got, TC_E_RANGE, "-5", f(cache, key, 0, 0, 0, wild, 2, &got, e));
    yields_no(got, TC_E_ARGUMENT, "bands", f(cache, key, 0, 0, 0, NULL, 2, &got, e));
    yields_no(got, TC_E_ARGUMENT, "bands", f(cache, key, 0, 0, 0, bands, 0, &got, e));
    yields_no(got, TC_E_NOT_RESIDENT, "", f(cache, key, INT64_MAX, INT64_MAX, INT32_MAX, NULL, 0, &got, e));
    yields_no(got, TC_E_NOT_RESIDENT, "", f(cache, "nobody's", 0, 0, 0, NULL, 0, &got, e));
  }
}

static void removing_by_key(void **state)
{
  (void)state;
  const char *key = provider_key(p);
  refuses(TC_E_ARGUMENT, "cache", tc_remove(NULL, key, 0, 0, 0, NULL, 0, e));
  refuses(TC_E_ARGUMENT, "key", tc_remove(cache, NULL, 0, 0, 0, NULL, 0, e));
  refuses(TC_E_RANGE, "row is -1", tc_remove(cache, key, -1, 0, 0, NULL, 0, e));
  refuses(TC_E_RANGE, "col is -2", tc_remove(cache, key, 0, -2, 0, NULL, 0, e));
  refuses(TC_E_RANGE, "level is -3", tc_remove(cache, key, 0, 0, -3, NULL, 0, e));
  refuses(TC_E_ARGUMENT, "bands", tc_remove(cache, key, 0, 0, 0, NULL, 1, e));
  refuses(TC_E_NOT_RESIDENT, "", tc_remove(cache, "nobody's", 0, 0, 0, NULL, 0, e));
  assert_int_equal(stats_of(cache).entries, 1); /* what is there was not touched */
}

static tc_pixels good_pixels(void)
{
  tc_pixels pixels = {memory, 32, 32, 32, 1024, 32, 32, 2, TC_U8, 0, 0};
  return pixels;
}

static void putting_by_key(void **state)
{
  (void)state;
  int released = 0;
  tc_pixels good = good_pixels();
#define put(c, k, r, l, px) tc_put(c, k, r, 0, l, NULL, 0, px, count_release, &released, e)
  refuses(TC_E_ARGUMENT, "cache", put(NULL, "mine", 0, 0, &good));
  refuses(TC_E_ARGUMENT, "key", put(cache, NULL, 0, 0, &good));
  refuses(TC_E_ARGUMENT, "pixels", put(cache, "mine", 0, 0, NULL));
  refuses(TC_E_RANGE, "row is -1", put(cache, "mine", -1, 0, &good));
  refuses(TC_E_RANGE, "level is -1", put(cache, "mine", 0, -1, &good));
  refuses(TC_E_ARGUMENT, "bands", tc_put(cache, "mine", 0, 0, 0, NULL, 3, &good, NULL, NULL, e));
#define bad(member, value, status, text) \
  do { \
    tc_pixels wrong = good; \
    wrong.member = (value); \
    refuses(status, text, put(cache, "mine", 0, 0, &wrong)); \
  } while (0)
  bad(data, NULL, TC_E_ARGUMENT, "data");
  bad(width, 0, TC_E_RANGE, "width");
  bad(width, -3, TC_E_RANGE, "-3");
  bad(height, INT64_MIN, TC_E_RANGE, "height");
  bad(bands, 0, TC_E_RANGE, "bands");
  bad(bands, -1, TC_E_RANGE, "bands");
  bad(dtype, 9, TC_E_ARGUMENT, "9");
  bad(row_stride, INT64_MAX, TC_E_LIMIT, "");
  bad(band_stride, INT64_MIN, TC_E_LIMIT, "");
  bad(row_stride, 0, TC_E_ARGUMENT, "row_stride");
  bad(valid_width, 33, TC_E_RANGE, "valid_width");
  bad(valid_height, -1, TC_E_RANGE, "valid_height");
  bad(flags, 0x80, TC_E_ARGUMENT, "flags");
#undef bad
#undef put
  assert_int_equal(released, 0); /* what is refused stays the caller's */
  fails(TC_E_NOT_RESIDENT, "", tc_get(cache, "mine", 0, 0, 0, NULL, 0, &got, &err));
}

/* ---- sources ---- */

static tc_status read_nothing(void *user, int64_t offset, void *into, size_t size, tc_error *error)
{
  (void)user, (void)offset, (void)into, (void)size, (void)error;
  return 1;
}

static void opening_files(void **state)
{
  (void)state;
  int32_t count = 77;
  tc_open_options o = {.struct_size = sizeof o, .image = -4}, named = {.struct_size = sizeof named, .key = not_utf8};
  tc_open_options empty = {.struct_size = sizeof empty, .key = ""}, format = {.struct_size = sizeof format, .format = not_utf8};
  tc_open_options flags = {.struct_size = sizeof flags, .flags = 64}, threads = {.struct_size = sizeof threads, .threads = 1025};
  refuses(TC_E_ARGUMENT, "provider", provider_open("some", NULL, NULL, e));
  yields_no(made, TC_E_ARGUMENT, "path", provider_open(NULL, NULL, &made, e));
  yields_no(made, TC_E_ARGUMENT, "path", provider_open("", NULL, &made, e));
  yields_no(made, TC_E_RANGE, "-4", provider_open("some", &o, &made, e));
  yields_no(made, TC_E_ARGUMENT, "key", provider_open("some", &named, &made, e));
  yields_no(made, TC_E_ARGUMENT, "key", provider_open("some", &empty, &made, e));
  yields_no(made, TC_E_ARGUMENT, "format", provider_open("some", &format, &made, e));
  yields_no(made, TC_E_ARGUMENT, "flags of options is 0x40", provider_open("some", &flags, &made, e));
  yields_no(made, TC_E_RANGE, "threads is 1025", provider_open("some", &threads, &made, e));
  format.format = "";
  yields_no(made, TC_E_ARGUMENT, "format", provider_open("some", &format, &made, e));
  yields_no(made, TC_E_NOT_FOUND, "\xef\xbf\xbd", provider_open(not_utf8, NULL, &made, e)); /* but still UTF-8 */
  refuses(TC_E_ARGUMENT, "count", provider_image_count("some", NULL, e));
  refuses(TC_E_ARGUMENT, "path", provider_image_count(NULL, &count, e));
  assert_int_equal(count, 0);
}

static void asking_for_readers(void **state)
{
  (void)state;
  tc_format reader = {.struct_size = sizeof reader, .name = "left over"};
  refuses(TC_E_ARGUMENT, "format", tc_format_info(0, NULL, e));
  refuses(TC_E_RANGE, "index", tc_format_info(tc_format_count(), &reader, e));
  assert_null(reader.name);
  refuses(TC_E_RANGE, "index", tc_format_info(SIZE_MAX, &reader, e));
  reader.struct_size = 0;
  refuses(TC_E_ARGUMENT, "struct_size", tc_format_info(0, &reader, e));
}

static void opening_bytes(void **state)
{
  (void)state;
  int32_t count = 77;
  int released = 0;
  const tc_io good = {sizeof good, 0, &released, 100, read_nothing, count_release};
  refuses(TC_E_ARGUMENT, "provider", provider_open_io(&good, NULL, NULL, e));
  yields_no(made, TC_E_ARGUMENT, "io", provider_open_io(NULL, NULL, &made, e));
  refuses(TC_E_ARGUMENT, "io", provider_image_count_io(NULL, &count, e));
  assert_int_equal(count, 0);
  refuses(TC_E_ARGUMENT, "count", provider_image_count_io(&good, NULL, e));
#define bad(member, value, status, text) \
  do { \
    tc_io wrong = good; \
    wrong.member = value; \
    yields_no(made, status, text, provider_open_io(&wrong, NULL, &made, e)); \
    refuses(status, text, provider_image_count_io(&wrong, &count, e)); \
  } while (0)
  bad(read_at, NULL, TC_E_ARGUMENT, "read_at");
  bad(size, -1, TC_E_RANGE, "-1");
  bad(flags, 4, TC_E_ARGUMENT, "flags");
#undef bad
  yields_no(made, TC_E_SOURCE, "read_at", provider_open_io(&good, NULL, &made, e));
  assert_int_equal(released, 0);
}

/* Descriptions that no image can have. */
static const struct { size_t at; int bytes; int64_t value; tc_status status; const char *names; } descriptions[] = {
#define member(name, value, status, text) \
  {offsetof(tc_image_info, name), (int)sizeof(((tc_image_info *)0)->name), value, status, text}
  member(width, 0, TC_E_RANGE, "0"),
  member(width, -7, TC_E_RANGE, "width is -7"),
  member(width, INT64_MAX, TC_E_RANGE, "9223372036854775807"),
  member(height, 0, TC_E_RANGE, "0"),
  member(height, INT64_MIN, TC_E_RANGE, "height is -9223372036854775808"),
  member(block_width, -1, TC_E_RANGE, "block_width is -1"),
  member(block_height, INT64_MAX, TC_E_RANGE, "9223372036854775807"),
  member(bands, -2, TC_E_RANGE, "bands is -2"),
  member(bands, INT32_MAX, TC_E_RANGE, "2147483647"),
  member(levels, -1, TC_E_RANGE, "levels is -1"),
  member(levels, 33, TC_E_RANGE, "33"),
  member(bits, -1, TC_E_RANGE, "bits is -1"),
  member(bits, 9, TC_E_RANGE, "9"),
  member(dtype, 0, TC_E_ARGUMENT, "0"),
  member(dtype, 9, TC_E_ARGUMENT, "9"),
  member(dtype, -1, TC_E_ARGUMENT, "-1"),
  member(grid_cols, 3, TC_E_ARGUMENT, "grid_cols"),
  member(grid_rows, -1, TC_E_RANGE, "grid_rows"),
  member(flags, 0x40000000, TC_E_ARGUMENT, "flags"),
#undef member
};

static void describing_a_source(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT(descriptions); i++) {
    source wrong = image;
    int64_t value = descriptions[i].value;
    int32_t narrow = (int32_t)value;
    memcpy((char *)&wrong.image + descriptions[i].at, descriptions[i].bytes == 4 ? (void *)&narrow : (void *)&value,
           (size_t)descriptions[i].bytes);
    tc_source t = source_struct(&wrong);
    yields_no(made, descriptions[i].status, descriptions[i].names, provider_from_source(&t, &made, e));
    tc_target array = {memory, 0, 0, 0, 64, 64, 2, TC_U8};
    yields_no(made, descriptions[i].status, descriptions[i].names,
              provider_from_memory(&array, &wrong.image, NULL, NULL, NULL, &made, e));
    assert_int_equal(wrong.released, 0);
  }
}

static void making_a_source(void **state)
{
  (void)state;
  const tc_source good = source_struct(&image);
  refuses(TC_E_ARGUMENT, "provider", provider_from_source(&good, NULL, e));
  yields_no(made, TC_E_ARGUMENT, "source", provider_from_source(NULL, &made, e));
#define bad(member, value, status, text) \
  do { \
    tc_source wrong = good; \
    wrong.member = value; \
    yields_no(made, status, text, provider_from_source(&wrong, &made, e)); \
  } while (0)
  bad(image, NULL, TC_E_ARGUMENT, "image");
  bad(read_block, NULL, TC_E_ARGUMENT, "read_block");
  bad(threading, 0, TC_E_ARGUMENT, "threading");
  bad(threading, 4, TC_E_ARGUMENT, "4");
  bad(threading, TC_SESSIONS, TC_E_ARGUMENT, "open_session");
  bad(max_sessions, -1, TC_E_RANGE, "max_sessions");
  bad(max_sessions, 2, TC_E_ARGUMENT, "sessions");
  bad(flags, 0x100, TC_E_ARGUMENT, "flags");
  bad(key, "", TC_E_ARGUMENT, "key");
  bad(key, not_utf8, TC_E_ARGUMENT, "key");
#undef bad
}

static void lending_memory(void **state)
{
  (void)state;
  int released = 0;
  const tc_target good = {memory, 0, 0, 0, 64, 64, 2, TC_U8};
#define from_memory(array, key) provider_from_memory(array, &image.image, key, count_release, &released, &made, e)
  refuses(TC_E_ARGUMENT, "provider",
          provider_from_memory(&good, NULL, NULL, count_release, &released, NULL, e));
  yields_no(made, TC_E_ARGUMENT, "array", from_memory(NULL, NULL));
  yields_no(made, TC_E_ARGUMENT, "key", from_memory(&good, ""));
  yields_no(made, TC_E_ARGUMENT, "key", from_memory(&good, not_utf8));
#define bad(member, value, status, text) \
  do { \
    tc_target wrong = good; \
    wrong.member = value; \
    yields_no(made, status, text, from_memory(&wrong, NULL)); \
  } while (0)
  bad(data, NULL, TC_E_ARGUMENT, "data");
  bad(width, 63, TC_E_ARGUMENT, "63");
  bad(height, 65, TC_E_ARGUMENT, "65");
  bad(bands, 1, TC_E_ARGUMENT, "bands");
  bad(dtype, TC_U16, TC_E_ARGUMENT, "type");
  bad(pixel_stride, 1, TC_E_ARGUMENT, "stride");
#undef bad
#undef from_memory
  assert_int_equal(released, 0);
}

/* ---- operators ---- */

static tc_status map_nothing(void *user, int64_t row, int64_t col, int32_t level, const tc_pixels *in,
                             const tc_target *out, tc_error *error)
{
  (void)user, (void)row, (void)col, (void)level, (void)in, (void)out, (void)error;
  return TC_OK;
}

static void making_operators(void **state)
{
  (void)state;
  const tc_retile_options retile = {sizeof retile, 0, 16, 16};
  tc_map_options map;
  memset(&map, 0, sizeof map);
  map.struct_size = sizeof map;
  map.map = map_nothing;
  refuses(TC_E_ARGUMENT, "provider", provider_cached(from, cache, NULL, e));
  yields_no(made, TC_E_ARGUMENT, "source", provider_cached(NULL, cache, &made, e));
  yields_no(made, TC_E_ARGUMENT, "cache", provider_cached(from, NULL, &made, e));

  refuses(TC_E_ARGUMENT, "provider", provider_retile(from, &retile, cache, NULL, e));
  yields_no(made, TC_E_ARGUMENT, "source", provider_retile(NULL, &retile, cache, &made, e));
#define bad_retile(member, value, status, text) \
  do { \
    tc_retile_options wrong = retile; \
    wrong.member = value; \
    yields_no(made, status, text, provider_retile(from, &wrong, cache, &made, e)); \
  } while (0)
  bad_retile(tile_width, -1, TC_E_RANGE, "tile_width is -1");
  bad_retile(tile_height, INT64_MIN, TC_E_RANGE, "tile_height");
  bad_retile(tile_width, INT64_MAX, TC_E_RANGE, "9223372036854775807");
  bad_retile(pad_edges, 2, TC_E_ARGUMENT, "pad_edges");

  refuses(TC_E_ARGUMENT, "provider", provider_map(from, &map, cache, NULL, e));
  yields_no(made, TC_E_ARGUMENT, "source", provider_map(NULL, &map, cache, &made, e));
  yields_no(made, TC_E_ARGUMENT, "options", provider_map(from, NULL, cache, &made, e));
  static const int32_t wild[] = {2}, negative[] = {-1};
#define bad_map(member, value, status, text) \
  do { \
    tc_map_options wrong = map; \
    wrong.n_source_bands = 1; \
    wrong.source_bands = bands; \
    wrong.member = value; \
    yields_no(made, status, text, provider_map(from, &wrong, cache, &made, e)); \
  } while (0)
  bad_map(map, NULL, TC_E_ARGUMENT, "map");
  bad_map(dtype, 9, TC_E_ARGUMENT, "9");
  bad_map(bands, -1, TC_E_RANGE, "bands");
  bad_map(bands, INT32_MAX, TC_E_RANGE, "2147483647");
  bad_map(flags, 32, TC_E_ARGUMENT, "flags of options is 0x20");
  bad_map(n_texts, 1, TC_E_ARGUMENT, "texts is NULL, but n_texts is 1");
  bad_map(reserved, 7, TC_E_ARGUMENT, "reserved of options is 7");
  bad_map(bits, -1, TC_E_RANGE, "bits is -1");
  bad_map(bits, 65, TC_E_RANGE, "bits is 65");
  bad_map(name, "", TC_E_ARGUMENT, "name");
  bad_map(name, not_utf8, TC_E_ARGUMENT, "name");
  bad_map(source_bands, NULL, TC_E_ARGUMENT, "bands");
  bad_map(n_source_bands, 0, TC_E_ARGUMENT, "bands");
  bad_map(source_bands, wild, TC_E_RANGE, "2");
  bad_map(source_bands, negative, TC_E_RANGE, "-1");
#undef bad_retile
#undef bad_map

  const tc_level_options levels = {.struct_size = sizeof levels};
  refuses(TC_E_ARGUMENT, "provider", provider_downsample(from, &levels, cache, NULL, e));
  yields_no(made, TC_E_ARGUMENT, "source", provider_downsample(NULL, &levels, cache, &made, e));
  refuses(TC_E_ARGUMENT, "provider", provider_pyramid(from, NULL, cache, NULL, e));
  yields_no(made, TC_E_ARGUMENT, "source", provider_pyramid(NULL, NULL, NULL, &made, e));

  const tc_warp_options warp = {.struct_size = sizeof warp, .width = 9, .height = 9};
  const double same[6] = {0, 1, 0, 0, 0, 1};
  const tc_tie_point tie = {0, 0, 0, 0};
  const tc_rpc rpc = {.line_scale = 1};
  const tc_rpc whole = {.line_scale = 1, .samp_scale = 1, .lat_scale = 1, .long_scale = 1, .height_scale = 1};
  double place = 0;
  tc_transform *transform = NULL;
  refuses(TC_E_ARGUMENT, "transform", tc_transform_affine(same, NULL, e));
  yields_no(transform, TC_E_ARGUMENT, "m is NULL", tc_transform_affine(NULL, &transform, e));
  refuses(TC_E_ARGUMENT, "transform", tc_transform_polynomial(&tie, 1, 1, NULL, e));
  yields_no(transform, TC_E_ARGUMENT, "points", tc_transform_polynomial(NULL, 0, 1, &transform, e));
  refuses(TC_E_ARGUMENT, "transform", tc_transform_spline(&tie, 1, NULL, e));
  yields_no(transform, TC_E_ARGUMENT, "points", tc_transform_spline(NULL, 0, &transform, e));
  refuses(TC_E_ARGUMENT, "transform", tc_transform_rpc(&rpc, same, 0, NULL, e));
  yields_no(transform, TC_E_ARGUMENT, "rpc is NULL", tc_transform_rpc(NULL, same, 0, &transform, e));
  refuses(TC_E_ARGUMENT, "transform", tc_transform_rpc_heights(&rpc, same, from, NULL, NULL, NULL, e));
  yields_no(transform, TC_E_ARGUMENT, "rpc is NULL",
            tc_transform_rpc_heights(NULL, same, from, NULL, NULL, &transform, e));
  yields_no(transform, TC_E_ARGUMENT, "ground is NULL",
            tc_transform_rpc_heights(&whole, NULL, from, NULL, NULL, &transform, e));
  yields_no(transform, TC_E_ARGUMENT, "heights is NULL",
            tc_transform_rpc_heights(&whole, same, NULL, NULL, NULL, &transform, e));
  yields_no(transform, TC_E_ARGUMENT, "does not say where it lies",
            tc_transform_rpc_heights(&whole, same, from, NULL, NULL, &transform, e));
  refuses(TC_E_ARGUMENT, "transform", tc_transform_callback(NULL, NULL, NULL, NULL, NULL, NULL, e));
  yields_no(transform, TC_E_ARGUMENT, "function is NULL",
            tc_transform_callback(NULL, NULL, NULL, NULL, NULL, &transform, e));
  ok(tc_transform_affine(same, &transform, &err));
  refuses(TC_E_ARGUMENT, "transform is NULL", tc_transform_points(NULL, &place, &place, 1, e));
  refuses(TC_E_ARGUMENT, "x is NULL", tc_transform_points(transform, NULL, &place, 1, e));
  refuses(TC_E_ARGUMENT, "y is NULL", tc_transform_points(transform, &place, NULL, 1, e));
  refuses(TC_E_ARGUMENT, "provider", provider_warp(from, transform, &warp, cache, NULL, e));
  yields_no(made, TC_E_ARGUMENT, "source", provider_warp(NULL, transform, &warp, cache, &made, e));
  yields_no(made, TC_E_ARGUMENT, "transform", provider_warp(from, NULL, &warp, cache, &made, e));
  yields_no(made, TC_E_ARGUMENT, "options", provider_warp(from, transform, NULL, cache, &made, e));
  assert_null(tc_transform_retain(NULL));
  tc_transform_release(NULL);
  tc_transform_release(transform);

  refuses(TC_E_ARGUMENT, "provider", provider_level(from, 0, NULL, e));
  yields_no(made, TC_E_ARGUMENT, "source", provider_level(NULL, 0, &made, e));
  yields_no(made, TC_E_RANGE, "level is -1", provider_level(from, -1, &made, e));
  yields_no(made, TC_E_RANGE, "1", provider_level(from, 1, &made, e));
  refuses(TC_E_ARGUMENT, "provider", provider_mask(from, NULL, e));
  yields_no(made, TC_E_ARGUMENT, "source", provider_mask(NULL, &made, e));
}

/* ---- every provider ---- */

static void describing_a_provider(void **state)
{
  (void)state;
  tc_image_info info = {.struct_size = sizeof info};
  tc_band_info band = {.struct_size = sizeof band};
  tc_cache_stats stats = {.struct_size = sizeof stats};
  refuses(TC_E_ARGUMENT, "provider", provider_info(NULL, &info, e));
  refuses(TC_E_ARGUMENT, "info", provider_info(p, NULL, e));
  refuses(TC_E_ARGUMENT, "provider", provider_band_info(NULL, 0, &band, e));
  refuses(TC_E_ARGUMENT, "info", provider_band_info(p, 0, NULL, e));
  refuses(TC_E_RANGE, "band is -1", provider_band_info(p, -1, &band, e));
  refuses(TC_E_RANGE, "band 2", provider_band_info(p, 2, &band, e));
  refuses(TC_E_ARGUMENT, "provider", provider_invalidate(NULL, e));
  refuses(TC_E_ARGUMENT, "provider", provider_counters(NULL, &stats, NULL, e));
  refuses(TC_E_ARGUMENT, "stats", provider_counters(p, NULL, NULL, e));
  assert_null(provider_key(NULL));
  assert_null(provider_format(NULL));
  assert_null(provider_format(p)); /* made of callbacks */
  assert_null(provider_retain(NULL));
  provider_release(NULL);
  assert_null(provider_metadata(NULL, -1, "x"));
  assert_null(provider_metadata(p, -1, NULL));
  assert_null(provider_metadata(p, INT32_MIN, "x"));
  assert_null(provider_metadata(p, 2, not_utf8));
  assert_int_equal(provider_metadata_count(NULL, -1), 0);
  assert_int_equal(provider_metadata_count(p, INT32_MAX), 0);
  assert_int_equal(provider_metadata_count(p, INT32_MIN), 0);
  assert_null(provider_metadata_name(NULL, -1, 0));
  assert_null(provider_metadata_name(p, -1, SIZE_MAX));
}

static void asking_whether_a_block_is_there(void **state)
{
  (void)state;
  int32_t has = 77;
  refuses(TC_E_ARGUMENT, "has", provider_has_block(p, 0, 0, 0, NULL, e));
  refuses(TC_E_ARGUMENT, "provider", provider_has_block(NULL, 0, 0, 0, &has, e));
  assert_int_equal(has, 0);
  refuses(TC_E_RANGE, "row is -1", provider_has_block(p, -1, 0, 0, &has, e));
  refuses(TC_E_RANGE, "col is -1", provider_has_block(p, 0, -1, 0, &has, e));
  refuses(TC_E_RANGE, "level is -1", provider_has_block(p, 0, 0, -1, &has, e));
}

typedef tc_status (*getter)(tc_provider *, int64_t, int64_t, int32_t, const int32_t *, size_t, tc_tile **, tc_error *);

static void getting_a_block(void **state)
{
  (void)state;
  static const getter calls[] = {provider_get_block, provider_peek_block, provider_try_block};
  static const int32_t high[] = {0, 2}, negative[] = {-1};
  for (size_t i = 0; i < COUNT(calls); i++) {
    getter f = calls[i];
    refuses(TC_E_ARGUMENT, "tile", f(p, 0, 0, 0, NULL, 0, NULL, e));
    yields_no(got, TC_E_ARGUMENT, "provider", f(NULL, 0, 0, 0, NULL, 0, &got, e));
    yields_no(got, TC_E_RANGE, "row is -1", f(p, -1, 0, 0, NULL, 0, &got, e));
    yields_no(got, TC_E_RANGE, "col is -9223372036854775808", f(p, 0, INT64_MIN, 0, NULL, 0, &got, e));
    yields_no(got, TC_E_RANGE, "level is -1", f(p, 0, 0, -1, NULL, 0, &got, e));
    yields_no(got, TC_E_RANGE, "2", f(p, 2, 0, 0, NULL, 0, &got, e));
    yields_no(got, TC_E_RANGE, "9223372036854775807", f(p, 0, INT64_MAX, 0, NULL, 0, &got, e));
    yields_no(got, TC_E_RANGE, "level 1", f(p, 0, 0, 1, NULL, 0, &got, e));
    yields_no(got, TC_E_RANGE, "band 2", f(p, 0, 0, 0, high, 2, &got, e));
    yields_no(got, TC_E_RANGE, "band -1", f(p, 0, 0, 0, negative, 1, &got, e));
    yields_no(got, TC_E_ARGUMENT, "bands", f(p, 0, 0, 0, NULL, 1, &got, e));
    yields_no(got, TC_E_ARGUMENT, "bands", f(p, 0, 0, 0, bands, 0, &got, e));
    yields_no(got, TC_E_RANGE, "n_bands", f(p, 0, 0, 0, bands, SIZE_MAX, &got, e));
  }
  yields_no(got, TC_E_NOT_RESIDENT, "", provider_peek_block(p, 1, 1, 0, NULL, 0, &got, e));
  yields_no(got, TC_E_NOT_RESIDENT, "", provider_try_block(p, 1, 1, 0, NULL, 0, &got, e));
}

/* ---- readers ---- */

static void note_nothing(void *user, tc_status status, tc_tile *unused, const tc_error *error)
{
  (void)user, (void)status, (void)unused, (void)error;
}

static void reading_apart(void **state)
{
  (void)state;
  tc_reader_options both = {.struct_size = sizeof both, .flags = TC_READ_STREAMING | TC_READ_BYPASS};
  tc_reader_options unknown = {.struct_size = sizeof unknown, .flags = 8};
  tc_reader_options unsaid = {.struct_size = sizeof unsaid, .fill = {7}};
  refuses(TC_E_ARGUMENT, "reader", provider_reader(p, NULL, NULL, e));
  yields_no(made, TC_E_ARGUMENT, "source", provider_reader(NULL, NULL, &made, e));
  yields_no(made, TC_E_ARGUMENT, "0x3", provider_reader(p, &both, &made, e));
  yields_no(made, TC_E_ARGUMENT, "0x8", provider_reader(p, &unknown, &made, e));
  yields_no(made, TC_E_ARGUMENT, "TC_READ_FILL is not", provider_reader(p, &unsaid, &made, e));
  refuses(TC_E_ARGUMENT, "reader", provider_cancel(NULL, e));
  refuses(TC_E_ARGUMENT, "no", provider_cancel(p, e));
  refuses(TC_E_ARGUMENT, "provider", provider_request_block(NULL, 0, 0, 0, NULL, 0, note_nothing, NULL, e));
  refuses(TC_E_ARGUMENT, "done", provider_request_block(p, 0, 0, 0, NULL, 0, NULL, NULL, e));
  refuses(TC_E_RANGE, "row is -1", provider_request_block(p, -1, 0, 0, NULL, 0, note_nothing, NULL, e));
  refuses(TC_E_RANGE, "2", provider_request_block(p, 2, 0, 0, NULL, 0, note_nothing, NULL, e));
  refuses(TC_E_ARGUMENT, "bands", provider_request_block(p, 0, 0, 0, bands, 0, note_nothing, NULL, e));
  assert_null(tc_load_current());
  assert_null(tc_load_retain(NULL));
  assert_int_equal(tc_load_is_cancelled(NULL), 0);
  tc_load_release(NULL);
  tc_decoded_beneath(-1); /* outside a callback it does nothing */
}

/* ---- copies ---- */

static const struct { tc_target into; tc_status status; const char *names; } targets[] = {
  {{NULL, 0, 0, 0, 1, 1, 2, 0}, TC_E_ARGUMENT, "data"},
  {{memory, 0, 0, 0, 0, 1, 2, 0}, TC_E_RANGE, "width"},
  {{memory, 0, 0, 0, 1, -2, 2, 0}, TC_E_RANGE, "height is -2"},
  {{memory, 0, 0, 0, 1, 1, 0, 0}, TC_E_RANGE, "bands"},
  {{memory, 0, 0, 0, 1, 1, 3, 0}, TC_E_ARGUMENT, "3"},
  {{memory, 0, 0, 0, 1, 1, 2, 9}, TC_E_ARGUMENT, "9"},
  {{memory, 0, 0, 0, 1, 1, 2, -1}, TC_E_ARGUMENT, "-1"},
  {{memory, 0, 8, 64, 8, 8, 2, 0}, TC_E_ARGUMENT, "pixel_stride"},
  {{memory, 1, 0, 64, 8, 8, 2, 0}, TC_E_ARGUMENT, "row_stride"},
  {{memory, 1, 8, 0, 8, 8, 2, 0}, TC_E_ARGUMENT, "band_stride"},
  {{memory, INT64_MIN, 8, 64, 8, 8, 2, 0}, TC_E_LIMIT, ""},
  {{memory, 1, INT64_MAX, 64, 8, 8, 2, 0}, TC_E_LIMIT, ""},
  {{memory, 0, 0, 0, INT64_MAX, INT64_MAX, 2, 0}, TC_E_LIMIT, ""},
};

static void copying_out(void **state)
{
  (void)state;
  static const int32_t high[] = {0, 2}, low[] = {0, -2};
  const tc_target good = {memory, 0, 0, 0, 8, 8, 2, 0};
  memset(memory, 0x5a, sizeof memory);
  refuses(TC_E_ARGUMENT, "tile", tc_tile_copy(NULL, 0, 0, NULL, 0, &good, e));
  refuses(TC_E_ARGUMENT, "into", tc_tile_copy(tile, 0, 0, NULL, 0, NULL, e));
  refuses(TC_E_RANGE, "x is -1", tc_tile_copy(tile, -1, 0, NULL, 0, &good, e));
  refuses(TC_E_RANGE, "y is -1", tc_tile_copy(tile, 0, -1, NULL, 0, &good, e));
  refuses(TC_E_RANGE, "25", tc_tile_copy(tile, 25, 0, NULL, 0, &good, e));
  refuses(TC_E_RANGE, "band 2", tc_tile_copy(tile, 0, 0, high, 2, &good, e));
  refuses(TC_E_RANGE, "band -2", tc_tile_copy(tile, 0, 0, low, 2, &good, e));
  refuses(TC_E_ARGUMENT, "1 bands", tc_tile_copy(tile, 0, 0, bands, 1, &good, e));
  refuses(TC_E_ARGUMENT, "bands", tc_tile_copy(tile, 0, 0, NULL, 1, &good, e));
  refuses(TC_E_ARGUMENT, "provider", provider_read_window(NULL, 0, 0, 0, NULL, 0, &good, e));
  refuses(TC_E_ARGUMENT, "into", provider_read_window(p, 0, 0, 0, NULL, 0, NULL, e));
  refuses(TC_E_RANGE, "level is -1", provider_read_window(p, 0, 0, -1, NULL, 0, &good, e));
  refuses(TC_E_RANGE, "level 1", provider_read_window(p, 0, 0, 1, NULL, 0, &good, e));
  refuses(TC_E_RANGE, "band 2", provider_read_window(p, 0, 0, 0, high, 2, &good, e));
  refuses(TC_E_ARGUMENT, "bands", provider_read_window(p, 0, 0, 0, bands, 0, &good, e));
  for (size_t i = 0; i < COUNT(targets); i++) {
    refuses(targets[i].status, targets[i].names, tc_tile_copy(tile, 0, 0, NULL, 0, &targets[i].into, e));
    refuses(targets[i].status, targets[i].names, provider_read_window(p, 0, 0, 0, NULL, 0, &targets[i].into, e));
  }
  for (size_t at = 0; at < sizeof memory; at++)
    assert_int_equal(memory[at], 0x5a);
}

static void looking_at_no_tile(void **state)
{
  (void)state;
  tc_pixels pixels, none;
  memset(&pixels, 0x5a, sizeof pixels);
  memset(&none, 0, sizeof none);
  tc_tile_pixels(NULL, &pixels);
  assert_memory_equal(&pixels, &none, sizeof none);
  tc_tile_pixels(tile, NULL);
  tc_tile_pixels(NULL, NULL);
  assert_null(tc_tile_retain(NULL));
  tc_tile_release(NULL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(creating_a_cache),
    cmocka_unit_test(using_a_cache),
    cmocka_unit_test(looking_up_by_key),
    cmocka_unit_test(removing_by_key),
    cmocka_unit_test(putting_by_key),
    cmocka_unit_test(opening_files),
    cmocka_unit_test(asking_for_readers),
    cmocka_unit_test(opening_bytes),
    cmocka_unit_test(describing_a_source),
    cmocka_unit_test(making_a_source),
    cmocka_unit_test(lending_memory),
    cmocka_unit_test(making_operators),
    cmocka_unit_test(describing_a_provider),
    cmocka_unit_test(asking_whether_a_block_is_there),
    cmocka_unit_test(getting_a_block),
    cmocka_unit_test(reading_apart),
    cmocka_unit_test(copying_out),
    cmocka_unit_test(looking_at_no_tile),
  };
  return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
