/* Files with the levels of an image: what is in them, how the call is ended, and what is refused. */
#include "support.h"

#include <unistd.h>

enum { WIDTH = 70, HEIGHT = 45, BANDS = 2 };

static char path[64];

typedef struct heard {
  int calls, most, wrong;
  double last;
} heard;

static int hear(double done, const char *text, void *user)
{
  heard *h = user;
  h->wrong += done < h->last || done > 1 || text == NULL;
  h->last = done;
  return h->calls++ < h->most;
}

static tc_build_options options_of(uint32_t layout, heard *h)
{
  return (tc_build_options){.struct_size = sizeof(tc_build_options),
                            .layout = layout,
                            .compression = TC_BUILD_ZSTD,
                            .threads = 2,
                            .tile_width = 16,
                            .tile_height = 16,
                            .progress = hear,
                            .progress_user = h};
}

static void read_level(tc_provider *p, int32_t level, unsigned char *pixels)
{
  int64_t width = halved(WIDTH, level), height = halved(HEIGHT, level);
  tc_target into = {pixels, 1, width, width * height, width, height, BANDS, 0};
  ok(provider_read_window(p, 0, 0, level, NULL, 0, &into, &err));
}

static void a_file_has_the_levels_of_the_pyramid(void **state)
{
  tc_cache *cache = new_cache(1 << 20);
  source s;
  (void)state;
  source_init(&s, WIDTH, HEIGHT, 32, 7, BANDS, TC_U8);
  tc_provider *p = open_source(&s);
  for (uint32_t layout = TC_BUILD_TILED; layout <= TC_BUILD_COG; layout++) {
    heard h = {.most = 1 << 20};
    tc_build_options o = options_of(layout, &h);
    int before = decodes(&s);
    ok(tc_build_pyramid(p, path, &o, cache, &err));
    assert_int_equal(decodes(&s) - before, 3 * 7);
    assert_true(h.last == 1 && h.wrong == 0);
    tc_level_options levels = {.struct_size = sizeof levels, .tile_width = 16, .tile_height = 16};
    tc_provider *right, *made;
    ok(provider_pyramid(p, &levels, NULL, &right, &err));
    ok(provider_open(path, NULL, &made, &err));
    assert_int_equal(info_of(made).levels, info_of(right).levels);
    for (int32_t level = 0; level < info_of(made).levels; level++) {
      unsigned char a[WIDTH * HEIGHT * BANDS] = {0}, b[WIDTH * HEIGHT * BANDS] = {0};
      read_level(made, level, a);
      read_level(right, level, b);
      assert_memory_equal(a, b, sizeof a);
    }
    provider_release(made);
    provider_release(right);
    unlink(path);
  }
  provider_release(p);
  tc_release(cache);
  source_done(&s);
}

static void whoever_hears_of_it_can_end_it(void **state)
{
  source s;
  (void)state;
  source_init(&s, WIDTH, HEIGHT, 32, 7, BANDS, TC_U8);
  tc_provider *p = open_source(&s);
  heard h = {.most = 3};
  tc_build_options o = options_of(TC_BUILD_COG, &h);
  fails(TC_E_CANCELLED, "ended", tc_build_pyramid(p, path, &o, NULL, &err));
  assert_int_equal(access(path, F_OK), -1);
  provider_release(p);
  source_done(&s);
}

static void arguments_are_checked(void **state)
{
  source s;
  (void)state;
  source_init(&s, WIDTH, HEIGHT, 32, 7, BANDS, TC_U16);
  tc_provider *p = open_source(&s);
  heard h = {.most = 1 << 20};
  const tc_build_options right = options_of(TC_BUILD_TILED, &h);
  refuses(TC_E_ARGUMENT, "source", tc_build_pyramid(NULL, path, &right, NULL, e));
  refuses(TC_E_ARGUMENT, "path", tc_build_pyramid(p, NULL, &right, NULL, e));
  tc_build_options o = right;
  o.struct_size = 3;
  refuses(TC_E_ARGUMENT, "tc_build_options", tc_build_pyramid(p, path, &o, NULL, e));
#define REFUSED(status, text, member, value) \
  (o = right, o.member = (value)); \
  refuses(status, text, tc_build_pyramid(p, path, &o, NULL, e))
  REFUSED(TC_E_ARGUMENT, "flags of options is 0x10", flags, 16);
  REFUSED(TC_E_ARGUMENT, "both", flags, TC_BUILD_BIG | TC_BUILD_SMALL);
  REFUSED(TC_E_ARGUMENT, "layout of options is 4", layout, 4);
  REFUSED(TC_E_ARGUMENT, "compression of options is 6", compression, 6);
  REFUSED(TC_E_ARGUMENT, "predictor of options is 4", predictor, 4);
  REFUSED(TC_E_ARGUMENT, "filter of options is 13", filter, 13);
  REFUSED(TC_E_RANGE, "levels is -1", levels, -1);
  REFUSED(TC_E_RANGE, "effort of 23", effort, 23);
  REFUSED(TC_E_RANGE, "quality of 1", quality, 1);
  REFUSED(TC_E_RANGE, "1025 threads", threads, 1025);
  REFUSED(TC_E_RANGE, "17 x 16", tile_width, 17);
  REFUSED(TC_E_UNSUPPORTED, "u16", compression, TC_BUILD_JPEG);
  REFUSED(TC_E_UNSUPPORTED, "u16", predictor, TC_BUILD_FLOATS);
  assert_int_equal(access(path, F_OK), -1);
  assert_int_equal(decodes(&s), 0);
  provider_release(p);
  source_done(&s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_file_has_the_levels_of_the_pyramid),
    cmocka_unit_test(whoever_hears_of_it_can_end_it),
    cmocka_unit_test(arguments_are_checked),
  };
  snprintf(path, sizeof path, "/tmp/tilecache-build-%d.tif", (int)getpid());
  return cmocka_run_group_tests(tests, NULL, NULL);
}
