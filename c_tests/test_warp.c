/* Warps: transformations of all kinds, a turned image with every sample told once more here, callbacks that are cloned,
 * fail and are waited for, and what is refused. */
#include <math.h>

#include "support.h"

enum { WIDTH = 90, HEIGHT = 70 };

static const tc_warp_options plain = {
  .struct_size = sizeof plain, .filter = TC_FILTER_NEAREST, .width = HEIGHT, .height = WIDTH, .tile_width = 32,
  .tile_height = 16};

static tc_provider *warped(tc_provider *from, tc_transform *by, const tc_warp_options *options, tc_cache *cache)
{
  tc_provider *made = NULL;
  ok(provider_warp(from, by, options, cache, &made, &err));
  return made;
}

/* A quarter turn, after which rows are columns. */
static tc_transform *quarter(void)
{
  const double m[6] = {0, 0, 1, HEIGHT, -1, 0};
  tc_transform *made = NULL;
  ok(tc_transform_affine(m, &made, &err));
  return made;
}

/* The output shows the source a quarter turned. */
static void assert_turned(const source *s, tc_provider *provider)
{
  uint16_t *pixels = malloc(WIDTH * HEIGHT * sizeof *pixels), expected;
  assert_non_null(pixels);
  tc_target into = {pixels, 2, 2 * HEIGHT, 2 * WIDTH * HEIGHT, HEIGHT, WIDTH, 1, TC_U16};
  ok(provider_read_window(provider, 0, 0, 0, NULL, 0, &into, &err));
  for (int64_t y = 0; y < WIDTH; y++)
    for (int64_t x = 0; x < HEIGHT; x++) {
      sample_at(s, y, HEIGHT - 1 - x, 0, 0, &expected);
      assert_int_equal(pixels[y * HEIGHT + x], expected);
    }
  free(pixels);
}

/* ---- a transformation of ours ---- */

typedef struct user {
  pthread_mutex_t lock;
  struct user *of;      /* what it is a clone of */
  int inside, most_inside, calls, clones, released;
  int fails;            /* so many calls */
  tc_provider *reads;   /* in each call, if not NULL */
  tc_status read;
  tc_provider *cancels; /* in each call, if not NULL */
} user;

static int turn(void *p, int to_source, int n, double *x, double *y, double *z, int *good)
{
  user *u = p, *all = u->of ? u->of : u;
  pthread_mutex_lock(&all->lock);
  all->calls++;
  int inside = ++u->inside, failing = all->fails > 0 ? all->fails-- : 0;
  all->most_inside = inside > all->most_inside ? inside : all->most_inside;
  pthread_mutex_unlock(&all->lock);
  if (all->reads) {
    tc_tile *tile = NULL;
    all->read = provider_get_block(all->reads, 0, 0, 0, NULL, 0, &tile, NULL);
    tc_tile_release(tile);
  }
  if (all->cancels)
    provider_cancel(all->cancels, NULL);
  for (int i = 0; i < n; i++) {
    const double column = y[i], row = HEIGHT - x[i];
    good[i] = to_source == 1 && z[i] == 0;
    x[i] = column, y[i] = row;
  }
  pthread_mutex_lock(&all->lock);
  u->inside--;
  pthread_mutex_unlock(&all->lock);
  return failing ? -5 : 1;
}

static void *clone_user(void *p)
{
  user *u = p, *made = calloc(1, sizeof *made);
  if (made != NULL)
    made->of = u, u->clones++;
  return made;
}

static void release_user(void *p)
{
  user *u = p;
  if (u->of != NULL) {
    u->of->released++;
    free(u);
  } else {
    u->released += 1000;
  }
}

static void *no_clone(void *p)
{
  (void)p;
  return NULL;
}

static tc_transform *callback(user *u, bool clones)
{
  tc_transform *made = NULL;
  memset(u, 0, sizeof *u);
  pthread_mutex_init(&u->lock, NULL);
  ok(tc_transform_callback(turn, u, clones ? clone_user : NULL, release_user, "turn", &made, &err));
  return made;
}

static void touch_one(void *p, int index)
{
  tc_tile *tile = NULL;
  if (provider_get_block(p, index % 6, index % 3, 0, NULL, 0, &tile, NULL) == TC_OK)
    tc_tile_release(tile);
}

/* ---- tests ---- */

static void every_kind_of_transformation_turns_the_image(void **state)
{
  (void)state;
  source s;
  source_init(&s, WIDTH, HEIGHT, 40, 30, 1, TC_U16);
  tc_provider *from = open_source(&s);
  tc_tie_point points[20];
  for (int i = 0; i < 20; i++) {
    points[i].x = i % 5 * 17, points[i].y = i / 5 * 29;
    points[i].source_x = points[i].y, points[i].source_y = HEIGHT - points[i].x;
  }
  /* Longitudes and latitudes are pixels here, and the polynomials are 1 and a variable. */
  tc_rpc rpc = {.line_scale = 1, .samp_scale = 1, .lat_scale = 1, .long_scale = 1, .height_scale = 1,
                .line_off = HEIGHT - 0.5, .samp_off = -0.5, .line_den = {1}, .samp_den = {1}, .line_num = {0, -1},
                .samp_num = {0, 0, 1}};
  const double same[6] = {0, 1, 0, 0, 0, 1};
  for (int kind = 0; kind < 5; kind++) {
    user u;
    tc_transform *t = NULL;
    switch (kind) {
    case 0: t = quarter(); break;
    case 1: ok(tc_transform_polynomial(points, 20, 2, &t, &err)); break;
    case 2: ok(tc_transform_spline(points, 20, &t, &err)); break;
    case 3: ok(tc_transform_rpc(&rpc, same, 320, &t, &err)); break;
    default: t = callback(&u, false);
    }
    double x[2] = {3, 10}, y[2] = {4, 60};
    ok(tc_transform_points(t, x, y, 2, &err));
    assert_true(fabs(x[0] - 4) < 1e-6 && fabs(y[0] - (HEIGHT - 3)) < 1e-6);
    assert_true(fabs(x[1] - 60) < 1e-6 && fabs(y[1] - (HEIGHT - 10)) < 1e-6);
    ok(tc_transform_points(t, x, y, 0, &err));
    tc_cache *cache = kind % 2 ? new_cache(1 << 20) : NULL;
    tc_provider *made = warped(from, t, &plain, cache);
    /* What is made of it keeps it. */
    assert_ptr_equal(tc_transform_retain(t), t);
    tc_transform_release(t);
    tc_transform_release(t);
    assert_turned(&s, made);
    const tc_image_info info = info_of(made);
    assert_int_equal(info.levels, 4);
    assert_int_equal(info.block_width, 32);
    assert_string_not_equal(provider_key(made), provider_key(from));
    provider_release(made);
    tc_release(cache);
    if (kind == 4) {
      assert_int_equal(u.released, 1000);
      assert_int_equal(u.most_inside, 1);
      pthread_mutex_destroy(&u.lock);
    }
  }
  provider_release(from);
  source_done(&s);
}

static void callbacks_are_called_as_they_were_declared(void **state)
{
  (void)state;
  for (int clones = 0; clones < 2; clones++) {
    source s;
    source_init(&s, WIDTH, HEIGHT, 40, 30, 1, TC_U16);
    user u;
    tc_provider *from = open_source(&s);
    tc_transform *t = callback(&u, clones);
    tc_provider *made = warped(from, t, &plain, NULL);
    in_threads(4, touch_one, made);
    assert_turned(&s, made);
    assert_int_equal(u.most_inside, 1); /* by each clone too */
    provider_release(made);
    assert_int_equal(u.released, 0);
    tc_transform_release(t);
    assert_int_equal(u.released, 1000 + u.clones);
    assert_true(clones ? u.clones >= 1 : u.clones == 0);
    pthread_mutex_destroy(&u.lock);
    provider_release(from);
    source_done(&s);
  }
}

static void a_callback_that_fails_fails_its_tile(void **state)
{
  (void)state;
  source s;
  source_init(&s, WIDTH, HEIGHT, 40, 30, 1, TC_U16);
  user u;
  tc_tile *tile = NULL;
  tc_provider *from = open_source(&s);
  tc_cache *cache = new_cache(1 << 20);
  tc_transform *t = callback(&u, false), *none = NULL;
  tc_provider *made = warped(from, t, &plain, cache);
  u.fails = 1;
  fails(TC_E_SOURCE, "the transformation returned -5", provider_get_block(made, 0, 0, 0, NULL, 0, &tile, &err));
  assert_int_equal(err.source_code, -5);
  assert_null(tile);
  double x = 1, y = 1;
  u.fails = 1;
  fails(TC_E_SOURCE, "returned -5", tc_transform_points(t, &x, &y, 1, &err));
  assert_turned(&s, made);
  provider_release(made);
  /* It may read other images, but not the one that is made by it. */
  made = warped(from, t, &plain, NULL);
  u.reads = from;
  touch(made, 0, 0, 0);
  assert_int_equal(u.read, TC_OK);
  provider_release(made);
  made = warped(from, t, &plain, NULL);
  u.reads = made;
  touch(made, 0, 0, 0);
  assert_int_equal(u.read, TC_E_REENTRANT);
  provider_release(made);
  tc_transform_release(t);
  pthread_mutex_destroy(&u.lock);
  ok(tc_transform_callback(turn, &u, no_clone, NULL, NULL, &none, &err));
  fails(TC_E_SOURCE, "clone of a transformation gave NULL", tc_transform_points(none, &x, &y, 1, &err));
  tc_transform_release(none);
  tc_release(cache);
  provider_release(from);
  source_done(&s);
}

static void a_tile_that_nobody_wants_ends(void **state)
{
  (void)state;
  source s;
  source_init(&s, WIDTH, HEIGHT, 40, 30, 1, TC_U16);
  user u;
  tc_tile *tile = NULL;
  tc_provider *from = open_source(&s), *reader = NULL;
  tc_transform *t = callback(&u, false);
  tc_provider *made = warped(from, t, &plain, NULL);
  ok(provider_reader(made, NULL, &reader, &err));
  u.cancels = reader;
  fails(TC_E_CANCELLED, "", provider_get_block(reader, 0, 0, 0, NULL, 0, &tile, &err));
  assert_int_equal(decodes(&s), 0);
  u.cancels = NULL;
  assert_turned(&s, made);
  provider_release(reader);
  provider_release(made);
  tc_transform_release(t);
  pthread_mutex_destroy(&u.lock);
  provider_release(from);
  source_done(&s);
}

static void ground_that_is_not_level_moves_the_image(void **state)
{
  (void)state;
  source s, high;
  source_init(&s, WIDTH, HEIGHT, 40, 30, 1, TC_U16);
  source_init(&high, WIDTH, HEIGHT, 30, 30, 2, TC_U8);
  tc_provider *from = open_source(&s), *heights = open_source(&high);
  tc_cache *cache = new_cache(1 << 20);
  /* Longitudes and latitudes are pixels here, and a hundred metres move a point by a column. */
  const tc_rpc rpc = {.line_scale = 1, .samp_scale = 1, .lat_scale = 1, .long_scale = 1, .height_scale = 100,
                      .line_off = -0.5, .samp_off = -0.5, .line_den = {1}, .samp_den = {1}, .line_num = {0, 0, 1},
                      .samp_num = {0, 1, 0, 1}};
  const double same[6] = {0, 1, 0, 0, 0, 1};
  const tc_heights_options options = {.struct_size = sizeof options, .flags = TC_HEIGHTS_HAS_TRANSFORM, .band = 1,
                                      .transform = {0, 1, 0, 0, 0, 1}, .scale = 10, .offset = -300};
  tc_transform *t = NULL;
  ok(tc_transform_rpc_heights(&rpc, same, heights, &options, cache, &t, &err));
  tc_warp_options warp = plain;
  warp.width = WIDTH, warp.height = HEIGHT, warp.flags = TC_WARP_EXACT;
  tc_provider *made = warped(from, t, &warp, cache);
  assert_non_null(strstr(provider_key(made), provider_key(heights)));
  uint16_t *pixels = malloc(WIDTH * HEIGHT * sizeof *pixels), expected;
  assert_non_null(pixels);
  for (int pass = 0; pass < 2; pass++) {
    tc_target into = {pixels, 2, 2 * WIDTH, 2 * WIDTH * HEIGHT, WIDTH, HEIGHT, 1, TC_U16};
    ok(provider_read_window(made, 0, 0, 0, NULL, 0, &into, &err));
    int seen = 0;
    for (int64_t y = 0; y < HEIGHT; y++)
      for (int64_t x = 0; x < WIDTH; x++) {
        uint8_t height;
        sample_at(&high, x, y, 1, 0, &height);
        const double column = x + 0.5 + (height * 10.0 - 300) / 100;
        /* At a centre of a pixel the height is that of the pixel. */
        if (column < 0 || column >= WIDTH || fabs(column - round(column)) < 1e-6)
          continue;
        sample_at(&s, (int64_t)column, y, 0, 0, &expected);
        assert_int_equal(pixels[y * WIDTH + x], expected);
        seen++;
      }
    assert_true(seen > WIDTH * HEIGHT / 2);
    /* The ground changes. */
    high.seed++;
    ok(provider_invalidate(heights, &err));
  }
  free(pixels);
  double x = -5, y = 3;
  ok(tc_transform_points(t, &x, &y, 1, &err));
  assert_true(isnan(x) && isnan(y));
  provider_release(made);
  tc_transform_release(t);
  provider_release(heights);
  provider_release(from);
  tc_release(cache);
  source_done(&high);
  source_done(&s);
}

static void bad_heights_are_refused(void **state)
{
  (void)state;
  source s;
  source_init(&s, WIDTH, HEIGHT, 40, 30, 1, TC_U16);
  tc_provider *from = open_source(&s);
  tc_transform *none = NULL;
  const tc_rpc rpc = {.line_scale = 1, .samp_scale = 1, .lat_scale = 1, .long_scale = 1, .height_scale = 1};
  const double same[6] = {0, 1, 0, 0, 0, 1}, bad[6] = {0, INFINITY, 0, 0, 0, 0};
  tc_heights_options options;
#define BAD(status, text, ...) \
  do { \
    options = (tc_heights_options){.struct_size = sizeof options, .flags = TC_HEIGHTS_HAS_TRANSFORM, \
                                   .transform = {0, 1, 0, 0, 0, 1}, __VA_ARGS__}; \
    refuses(status, text, tc_transform_rpc_heights(&rpc, same, from, &options, NULL, &none, e)); \
    assert_null(none); \
  } while (0)
  BAD(TC_E_RANGE, "band is -1", .band = -1);
  BAD(TC_E_RANGE, "band 1 of an image with 1 bands", .band = 1);
  BAD(TC_E_ARGUMENT, "reserved 0x1", .reserved = 1);
  BAD(TC_E_RANGE, "the scale of heights is", .scale = NAN);
  BAD(TC_E_RANGE, "the offset of heights is inf", .offset = INFINITY);
  BAD(TC_E_ARGUMENT, "missing is set, but TC_HEIGHTS_HAS_MISSING is not", .missing = 1);
  options = (tc_heights_options){.struct_size = sizeof options, .flags = 4};
  refuses(TC_E_ARGUMENT, "flags 0x4", tc_transform_rpc_heights(&rpc, same, from, &options, NULL, &none, e));
  options.flags = 0, options.transform[0] = 1;
  refuses(TC_E_ARGUMENT, "transform is set, but TC_HEIGHTS_HAS_TRANSFORM is not",
          tc_transform_rpc_heights(&rpc, same, from, &options, NULL, &none, e));
  options.flags = TC_HEIGHTS_HAS_TRANSFORM;
  refuses(TC_E_ARGUMENT, "puts many pixels in one place",
          tc_transform_rpc_heights(&rpc, same, from, &options, NULL, &none, e));
#undef BAD
  refuses(TC_E_RANGE, "a number of the ground is inf",
          tc_transform_rpc_heights(&rpc, bad, from, &(tc_heights_options){.struct_size = sizeof options,
          .flags = TC_HEIGHTS_HAS_TRANSFORM, .transform = {0, 1, 0, 0, 0, 1}}, NULL, &none, e));
  assert_null(none);
  provider_release(from);
  source_done(&s);
}

static void a_source_that_changes_is_warped_anew(void **state)
{
  (void)state;
  source s;
  source_init(&s, WIDTH, HEIGHT, 40, 30, 1, TC_U16);
  s.key = "changing";
  tc_provider *from = open_source(&s);
  tc_cache *cache = new_cache(1 << 20);
  tc_transform *t = quarter();
  tc_provider *made = warped(from, t, &plain, cache), *again = warped(from, t, &plain, cache);
  assert_string_equal(provider_key(made), provider_key(again));
  assert_turned(&s, made);
  const int once = decodes(&s);
  assert_turned(&s, again); /* out of the cache */
  assert_int_equal(decodes(&s), once);
  s.seed++;
  ok(provider_invalidate(from, &err));
  assert_turned(&s, made);
  assert_turned(&s, again);
  tc_transform_release(t);
  provider_release(again);
  provider_release(made);
  tc_release(cache);
  provider_release(from);
  source_done(&s);
}

static void what_comes_from_elsewhere_is_no_data(void **state)
{
  (void)state;
  source s;
  source_init(&s, WIDTH, HEIGHT, 40, 30, 1, TC_U16);
  tc_provider *from = open_source(&s), *mask = NULL;
  const double m[6] = {-40.5, 1, 0, 0, 0, 1};
  tc_transform *t = NULL;
  ok(tc_transform_affine(m, &t, &err));
  tc_warp_options options = plain;
  options.width = WIDTH, options.height = HEIGHT;
  tc_provider *made = warped(from, t, &options, NULL);
  ok(provider_mask(made, &mask, &err));
  for (int level = 0; level < 2; level++) {
    uint8_t pixels[WIDTH];
    tc_target into = {pixels, 1, WIDTH, WIDTH, WIDTH >> level, 1, 1, TC_U8};
    ok(provider_read_window(mask, 0, 20, level, NULL, 0, &into, &err));
    for (int i = 0; i < WIDTH >> level; i++)
      assert_int_equal(pixels[i], (i + 0.5) * (1 << level) < 40.5 ? 0 : 255);
  }
  provider_release(mask);
  provider_release(made);
  /* Round and round. */
  options.period = WIDTH;
  made = warped(from, t, &options, NULL);
  ok(provider_mask(made, &mask, &err));
  uint8_t first = 0;
  tc_target into = {&first, 1, 1, 1, 1, 1, 1, TC_U8};
  ok(provider_read_window(mask, 0, 0, 0, NULL, 0, &into, &err));
  assert_int_equal(first, 255);
  provider_release(mask);
  provider_release(made);
  tc_transform_release(t);
  provider_release(from);
  source_done(&s);
}

static void bad_warps_are_refused(void **state)
{
  (void)state;
  source s;
  source_init(&s, WIDTH, HEIGHT, 40, 30, 1, TC_U16);
  tc_provider *from = open_source(&s), *made = NULL;
  tc_transform *t = quarter(), *none = NULL;
  tc_warp_options options;
#define BAD(status, text, ...) \
  do { \
    options = (tc_warp_options){.struct_size = sizeof options, .width = 9, .height = 9, __VA_ARGS__}; \
    refuses(status, text, provider_warp(from, t, &options, NULL, &made, e)); \
    assert_null(made); \
  } while (0)
  BAD(TC_E_ARGUMENT, "filter of options is 13", .filter = 13);
  BAD(TC_E_UNSUPPORTED, "the filter gauss for a warped image", .filter = TC_FILTER_GAUSS);
  BAD(TC_E_ARGUMENT, "flags 0x4", .flags = 4);
  BAD(TC_E_ARGUMENT, "reserved 0x1", .reserved = 1);
  BAD(TC_E_RANGE, "levels is -1", .levels = -1);
  BAD(TC_E_RANGE, "levels is 33; it must be 1 to 32", .levels = 33);
  BAD(TC_E_ARGUMENT, "source_level is 1, but TC_WARP_FIXED_LEVEL is not set", .source_level = 1);
  BAD(TC_E_RANGE, "level 1 of an image with 1 levels", .source_level = 1, .flags = TC_WARP_FIXED_LEVEL);
  BAD(TC_E_RANGE, "max_error is -1", .max_error = -1);
  BAD(TC_E_RANGE, "scale_x is 0.5", .scale_x = 0.5);
  BAD(TC_E_RANGE, "scale_y is", .scale_y = NAN);
  BAD(TC_E_RANGE, "tile_width is -7", .tile_width = -7);
  BAD(TC_E_RANGE, "period is -1", .period = -1);
  options = (tc_warp_options){.struct_size = sizeof options, .width = 9};
  refuses(TC_E_RANGE, "9 x 0 pixels", provider_warp(from, t, &options, NULL, &made, e));
  options.width = -9;
  refuses(TC_E_RANGE, "width is -9", provider_warp(from, t, &options, NULL, &made, e));
#undef BAD
  const tc_tie_point line[] = {{0, 0, 0, 0}, {1, 1, 1, 1}, {2, 2, 2, 2}, {2, 2, 3, 3}, {NAN, 0, 0, 0}};
  refuses(TC_E_RANGE, "order is 0; it must be 1 to 3", tc_transform_polynomial(line, 4, 0, &none, e));
  refuses(TC_E_RANGE, "order is -1", tc_transform_polynomial(line, 4, -1, &none, e));
  refuses(TC_E_RANGE, "2 points for a polynomial of order 1; it takes at least 3",
          tc_transform_polynomial(line, 2, 1, &none, e));
  refuses(TC_E_ARGUMENT, "no polynomial of order 1 follows", tc_transform_polynomial(line, 3, 1, &none, e));
  refuses(TC_E_ARGUMENT, "points is NULL, and n_points 3", tc_transform_polynomial(NULL, 3, 1, &none, e));
  refuses(TC_E_RANGE, "n_points is", tc_transform_spline(line, SIZE_MAX, &none, e));
  refuses(TC_E_ARGUMENT, "points 2 and 3 of the output are one", tc_transform_spline(line, 4, &none, e));
  refuses(TC_E_ARGUMENT, "lie on a line", tc_transform_spline(line, 3, &none, e));
  refuses(TC_E_RANGE, "point 4 of the output is", tc_transform_spline(line, 5, &none, e));
  const double bad[6] = {0, INFINITY, 0, 0, 0, 0};
  refuses(TC_E_RANGE, "affine transformation is inf", tc_transform_affine(bad, &none, e));
  const tc_rpc zero = {.line_scale = 1};
  refuses(TC_E_RANGE, "samp_scale of rpc is 0", tc_transform_rpc(&zero, bad, 0, &none, e));
  assert_null(none);
  tc_transform_release(t);
  provider_release(from);
  source_done(&s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_kind_of_transformation_turns_the_image),
      cmocka_unit_test(callbacks_are_called_as_they_were_declared),
      cmocka_unit_test(a_callback_that_fails_fails_its_tile),
      cmocka_unit_test(a_tile_that_nobody_wants_ends),
      cmocka_unit_test(ground_that_is_not_level_moves_the_image),
      cmocka_unit_test(bad_heights_are_refused),
      cmocka_unit_test(a_source_that_changes_is_warped_anew),
      cmocka_unit_test(what_comes_from_elsewhere_is_no_data),
      cmocka_unit_test(bad_warps_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
