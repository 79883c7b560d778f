/* Where images lie on the ground: said by callers, carried through every operator and level, and refused where it
 * cannot be. */
#include "support.h"

#include <math.h>

/* Odd sides, so that levels reach beyond the image. */
enum { WIDTH = 53, HEIGHT = 37, LEVELS = 3, BLOCK = 16, GCPS = 3 };

static const double T[6] = {4000.0, 2.0, 0.5, -700.0, 0.25, -3.0};

static void place(double x, double y, double to[2])
{
  to[0] = T[0] + T[1] * x + T[2] * y;
  to[1] = T[3] + T[4] * x + T[5] * y;
}

/* ---- an image whose two bands are the coordinates of the centre of each pixel, at every level ---- */

static tc_status read_places(void *user, void *session, int64_t row, int64_t col, int32_t level, const int32_t *bands,
                             const tc_target *into, tc_error *error)
{
  (void)user, (void)session, (void)bands, (void)error;
  area a = cell(WIDTH, HEIGHT, BLOCK, BLOCK, row, col, level);
  const double step = 1 << level;
  for (int64_t y = 0; y < into->height; y++)
    for (int64_t x = 0; x < into->width; x++) {
      double at[2];
      place(step * ((double)(a.x + x) + 0.5), step * ((double)(a.y + y) + 0.5), at);
      for (int band = 0; band < 2; band++)
        *(double *)((char *)into->data + band * into->band_stride + y * into->row_stride + x * into->pixel_stride) =
          at[band];
    }
  return TC_OK;
}

static tc_gcp gcps[GCPS];
static tc_rpc rpc;

/* All that can be said. The points lie where the transform has them. */
static tc_georef everything(void)
{
  static const double pixels[GCPS][2] = {{0.5, 0.5}, {52.25, 3.0}, {-7.0, 40.125}};
  static const char *const ids[GCPS] = {"first", "", "third"};
  for (int i = 0; i < GCPS; i++) {
    double at[2];
    place(pixels[i][0], pixels[i][1], at);
    gcps[i] = (tc_gcp){pixels[i][0], pixels[i][1], at[0], at[1], 10.0 * i, ids[i], i == 2 ? "a mast" : NULL};
  }
  rpc = (tc_rpc){.err_bias = -1, .err_rand = 0.5, .line_off = 18, .samp_off = 26, .lat_off = 47, .long_off = 11,
                 .height_off = 500, .line_scale = 19, .samp_scale = 27, .lat_scale = 0.1, .long_scale = 0.2,
                 .height_scale = 400};
  for (int i = 0; i < 20; i++) {
    rpc.line_num[i] = 1 + i;
    rpc.line_den[i] = 100 + i;
    rpc.samp_num[i] = 200 + i;
    rpc.samp_den[i] = 300 + i;
  }
  tc_georef g = {.struct_size = sizeof g, .flags = TC_GEOREF_HAS_TRANSFORM | TC_GEOREF_PIXEL_IS_POINT,
                 .wkt = "LOCAL_CS[\"here\"]", .epsg = 32632, .vertical_epsg = 5773, .vertical_unit = "metre",
                 .gcps = gcps, .n_gcps = GCPS, .rpc = &rpc};
  memcpy(g.transform, T, sizeof T);
  return g;
}

static tc_image_info places_info(void)
{
  return (tc_image_info){.struct_size = sizeof(tc_image_info), .dtype = TC_F64, .width = WIDTH, .height = HEIGHT,
                         .block_width = BLOCK, .block_height = BLOCK, .bands = 2, .levels = LEVELS};
}

static tc_provider *open_places(const tc_georef *georef, const tc_level *levels)
{
  const tc_image_info image = places_info();
  const tc_source s = {.struct_size = sizeof s, .threading = TC_CONCURRENT, .image = &image, .levels = levels,
                       .read_block = read_places, .georef = georef};
  tc_provider *made = NULL;
  ok(provider_from_source(&s, &made, &err));
  return made;
}

static tc_georef georef_of(const tc_provider *provider, int32_t level)
{
  tc_georef g = {.struct_size = sizeof g};
  ok(provider_georef(provider, level, &g, &err));
  return g;
}

static bool near(double a, double b)
{
  return fabs(a - b) <= 1e-9 * (1 + fabs(a) + fabs(b));
}

/* Every pixel of every level shows the coordinates of its own centre, and the points lie where they are, or there are
 * none. Pixels that are made from what lies beyond the input are NaN. */
static void assert_lies(tc_provider *p, bool with_points)
{
  const tc_image_info info = info_of(p);
  assert_int_equal(info.bands, 2);
  for (int32_t level = 0; level < info.levels; level++) {
    tc_provider *of_level = NULL;
    ok(provider_level(p, level, &of_level, &err));
    const tc_image_info own = info_of(of_level);
    const size_t n = (size_t)(own.width * own.height);
    double *pixels = malloc(2 * n * sizeof *pixels), *centres = malloc(2 * n * sizeof *centres);
    assert_non_null(pixels);
    assert_non_null(centres);
    const tc_target into = {pixels, 0, 0, 0, own.width, own.height, 2, TC_F64};
    ok(provider_read_window(p, 0, 0, level, NULL, 0, &into, &err));
    for (size_t i = 0; i < n; i++) {
      centres[2 * i] = (double)(i % (size_t)own.width) + 0.5;
      centres[2 * i + 1] = (double)(i / (size_t)own.width) + 0.5;
    }
    double *places = malloc(2 * n * sizeof *places);
    assert_non_null(places);
    ok(provider_place_of(p, level, centres, n, places, &err));
    size_t seen = 0;
    for (size_t i = 0; i < n; i++) {
      if (isnan(pixels[i]))
        continue;
      seen++;
      if (!near(places[2 * i], pixels[i]) || !near(places[2 * i + 1], pixels[n + i]))
        fail_msg("%s: pixel %zu of level %d lies at (%.17g, %.17g) and shows (%.17g, %.17g)", provider_key(p), i, level,
                 places[2 * i], places[2 * i + 1], pixels[i], pixels[n + i]);
    }
    assert_true(2 * seen > n);
    /* The level as an image lies there too, and the way back leads to the pixel; both in place. */
    ok(provider_place_of(of_level, 0, centres, n, centres, &err));
    assert_memory_equal(centres, places, 2 * n * sizeof *places);
    ok(provider_pixel_of(of_level, 0, places, n, places, &err));
    for (size_t i = 0; i < n; i++)
      assert_true(near(places[2 * i], (double)(i % (size_t)own.width) + 0.5) &&
                  near(places[2 * i + 1], (double)(i / (size_t)own.width) + 0.5));
    /* Points stay on the ground. */
    const tc_georef g = georef_of(of_level, 0), same = georef_of(p, level);
    assert_int_equal(g.flags, TC_GEOREF_HAS_TRANSFORM | TC_GEOREF_PIXEL_IS_POINT);
    assert_memory_equal(g.transform, same.transform, sizeof g.transform);
    assert_int_equal(g.n_gcps, with_points ? GCPS : 0);
    for (size_t i = 0; i < g.n_gcps; i++) {
      double at[2] = {g.gcps[i].pixel, g.gcps[i].line};
      ok(provider_place_of(of_level, 0, at, 1, at, &err));
      assert_true(near(at[0], gcps[i].x) && near(at[1], gcps[i].y));
      assert_true(g.gcps[i].x == gcps[i].x && g.gcps[i].y == gcps[i].y && g.gcps[i].z == gcps[i].z);
      assert_string_equal(g.gcps[i].id, gcps[i].id);
    }
    assert_true((g.rpc != NULL) == with_points);
    assert_string_equal(g.wkt, "LOCAL_CS[\"here\"]");
    free(pixels);
    free(centres);
    free(places);
    provider_release(of_level);
  }
}

static void assert_in_place(tc_provider *p)
{
  assert_lies(p, true);
}

/* ---- what is said ---- */

static void what_is_said_is_told(void **state)
{
  (void)state;
  tc_georef said = everything();
  tc_provider *p = open_places(&said, NULL);
  for (int32_t level = 0; level < LEVELS; level++) {
    const double step = 1 << level;
    const tc_georef g = georef_of(p, level);
    assert_int_equal(g.struct_size, sizeof g);
    assert_int_equal(g.flags, said.flags);
    for (int i = 0; i < 6; i++)
      assert_true(g.transform[i] == T[i] * (i % 3 == 0 ? 1 : step));
    assert_string_equal(g.wkt, said.wkt);
    assert_string_equal(g.vertical_unit, "metre");
    assert_int_equal(g.epsg, 32632);
    assert_int_equal(g.vertical_epsg, 5773);
    assert_int_equal(g.n_gcps, GCPS);
    for (size_t i = 0; i < GCPS; i++) {
      assert_true(g.gcps[i].pixel == gcps[i].pixel / step && g.gcps[i].line == gcps[i].line / step);
      assert_string_equal(g.gcps[i].info, i == 2 ? "a mast" : "");
    }
    assert_true(g.rpc->line_off == (18 + 0.5) / step - 0.5 && g.rpc->samp_off == (26 + 0.5) / step - 0.5);
    assert_true(g.rpc->line_scale == 19 / step && g.rpc->samp_scale == 27 / step);
    tc_rpc back = *g.rpc;
    back.line_off = 18;
    back.samp_off = 26;
    back.line_scale = 19;
    back.samp_scale = 27;
    assert_memory_equal(&back, &rpc, sizeof rpc);
    /* What is borrowed stays where it is. */
    const tc_georef again = georef_of(p, level);
    assert_ptr_equal(again.gcps, g.gcps);
    assert_ptr_equal(again.wkt, g.wkt);
    assert_ptr_equal(again.rpc, g.rpc);
  }
  provider_release(p);
}

static void levels_with_grids_of_their_own_lie_there_too(void **state)
{
  (void)state;
  tc_georef said = everything();
  /* The last level is no half: it covers the same ground all the same. */
  const tc_level levels[LEVELS] = {{WIDTH, HEIGHT, BLOCK, BLOCK}, {27, 18, 10, 20}, {12, 9, 0, 0}};
  tc_provider *p = open_places(&said, levels);
  const tc_georef first = georef_of(p, 1), second = georef_of(p, 2);
  assert_true(first.transform[1] == 2 * T[1] && first.transform[2] == 2 * T[2]);
  assert_true(near(second.transform[1], T[1] * WIDTH / 12) && near(second.transform[4], T[4] * WIDTH / 12));
  assert_true(second.transform[2] == 4 * T[2] && second.transform[5] == 4 * T[5]);
  const double corner[2] = {12, 9};
  double at[2], expected[2];
  ok(provider_place_of(p, 2, corner, 1, at, &err));
  place(WIDTH, 36, expected);
  assert_true(near(at[0], expected[0]) && near(at[1], expected[1]));
  tc_provider *of_level = NULL;
  ok(provider_level(p, 2, &of_level, &err));
  const tc_georef same = georef_of(of_level, 0);
  assert_memory_equal(same.transform, second.transform, sizeof same.transform);
  provider_release(of_level);
  provider_release(p);
}

static void what_is_not_known_is_0(void **state)
{
  (void)state;
  tc_provider *p = open_places(NULL, NULL);
  const tc_georef none = {.struct_size = sizeof none};
  tc_georef g = georef_of(p, 1);
  assert_memory_equal(&g, &none, sizeof g);
  double at[2] = {1, 2};
  fails(TC_E_NOT_FOUND, provider_key(p), provider_place_of(p, 0, at, 1, at, &err));
  fails(TC_E_NOT_FOUND, "no transform", provider_pixel_of(p, 0, at, 1, at, &err));
  assert_true(at[0] == 1 && at[1] == 2);
  /* An empty georeference says as much. */
  tc_provider *same = NULL;
  ok(provider_with_georef(p, &none, &same, &err));
  g = georef_of(same, 0);
  assert_memory_equal(&g, &none, sizeof g);
  provider_release(same);
  provider_release(p);
}

static void an_image_is_given_a_place_and_loses_it(void **state)
{
  (void)state;
  tc_cache *cache = new_cache(1 << 20);
  tc_provider *bare = open_places(NULL, NULL), *kept = cached(bare, cache), *placed = NULL, *lost = NULL;
  tc_georef said = everything();
  ok(provider_with_georef(kept, &said, &placed, &err));
  memset(gcps, 0, sizeof gcps); /* copied */
  said = everything();
  assert_in_place(placed);
  assert_string_equal(provider_key(placed), provider_key(kept));
  tc_tile *one = get(kept, 1, 1, 0), *other = get(placed, 1, 1, 0);
  assert_ptr_equal(data_of(one), data_of(other));
  tc_tile_release(one);
  tc_tile_release(other);
  ok(provider_with_georef(placed, NULL, &lost, &err));
  assert_int_equal(georef_of(lost, 0).flags, 0);
  assert_null(georef_of(lost, 2).gcps);
  /* One code and nothing of what the source had. */
  tc_provider *renamed = NULL;
  const tc_georef code = {.struct_size = sizeof code, .epsg = 4326};
  ok(provider_with_georef(placed, &code, &renamed, &err));
  const tc_georef g = georef_of(renamed, 1);
  assert_int_equal(g.epsg, 4326);
  assert_int_equal(g.flags, TC_GEOREF_WKT_OF_CODES);
  assert_non_null(strstr(g.wkt, "GEOGCRS[\"WGS 84\""));
  /* What was told may be given: the text is no more than the code. */
  tc_provider *again = NULL;
  ok(provider_with_georef(placed, &g, &again, &err));
  assert_int_equal(georef_of(again, 0).flags, TC_GEOREF_WKT_OF_CODES);
  provider_release(again);
  const tc_georef unknown = {.struct_size = sizeof unknown, .epsg = 32767};
  ok(provider_with_georef(placed, &unknown, &again, &err));
  const tc_georef none = georef_of(again, 0);
  assert_true(none.epsg == 32767 && none.flags == 0 && none.wkt == NULL);
  provider_release(again);
  /* An array. */
  static const uint8_t pixels[6];
  const tc_target array = {(void *)(uintptr_t)pixels, 0, 0, 0, 3, 2, 1, TC_U8};
  tc_provider *memory = NULL, *there = NULL;
  ok(provider_from_memory(&array, NULL, NULL, NULL, NULL, &memory, &err));
  ok(provider_with_georef(memory, &said, &there, &err));
  double at[2] = {3, 2}, expected[2];
  ok(provider_place_of(there, 0, at, 1, at, &err));
  place(3, 2, expected);
  assert_memory_equal(at, expected, sizeof at);
  tc_provider *all[] = {bare, kept, placed, lost, renamed, memory, there};
  for (size_t i = 0; i < COUNT(all); i++)
    provider_release(all[i]);
  tc_release(cache);
}

/* ---- operators ---- */

static tc_status copy_block(void *user, int64_t row, int64_t col, int32_t level, const tc_pixels *in,
                            const tc_target *out, tc_error *error)
{
  (void)user, (void)row, (void)col, (void)level, (void)error;
  for (int32_t band = 0; band < out->bands; band++)
    for (int64_t y = 0; y < out->height; y++)
      memcpy((char *)out->data + band * out->band_stride + y * out->row_stride,
             (const char *)in->data + band * in->band_stride + y * in->row_stride, (size_t)out->width * sizeof(double));
  return TC_OK;
}

static void operators_lie_where_their_source_does(void **state)
{
  (void)state;
  tc_cache *cache = new_cache(8 << 20);
  const tc_level levels[LEVELS] = {{WIDTH, HEIGHT, BLOCK, BLOCK}, {27, 19, 27, 5}, {14, 10, 0, 0}};
  const tc_georef said = everything();
  /* With the grid of level 0 alone, what a level reads follows from the rule for that. */
  tc_provider *plain = open_places(&said, NULL);
  assert_in_place(plain);
  tc_provider *own = open_places(&said, levels);
  const tc_map_options options = {.struct_size = sizeof options, .name = "copy", .map = copy_block};
  tc_provider *p[8] = {plain};
  p[1] = cached(plain, cache);
  p[2] = retiled(p[1], 20, 11, 0, cache);
  p[3] = retiled(plain, 32, 32, 1, NULL);
  ok(provider_map(p[2], &options, cache, &p[4], &err));
  ok(provider_reader(p[4], NULL, &p[5], &err));
  p[6] = retiled(p[5], 7, 64, 0, NULL);
  ok(provider_level(p[6], 1, &p[7], &err));
  for (size_t i = 1; i < COUNT(p); i++) {
    assert_in_place(p[i]);
    /* A mask lies where its image does. */
    tc_provider *mask = NULL;
    ok(provider_mask(p[i], &mask, &err));
    for (int32_t level = 0; level < info_of(p[i]).levels; level++) {
      const tc_georef of_mask = georef_of(mask, level), of_image = georef_of(p[i], level);
      assert_memory_equal(of_mask.transform, of_image.transform, sizeof of_mask.transform);
      assert_int_equal(of_mask.epsg, 32632);
    }
    provider_release(mask);
  }
  /* Levels with grids of their own, each an image below. */
  tc_provider *mapped = NULL, *tiles = NULL;
  ok(provider_map(own, &options, NULL, &mapped, &err));
  tiles = retiled(mapped, 8, 8, 0, cache);
  for (int32_t level = 0; level < LEVELS; level++) {
    const tc_georef there = georef_of(own, level), here = georef_of(tiles, level);
    assert_true(there.transform[1] == T[1] * (1 << level));
    assert_memory_equal(there.transform, here.transform, sizeof here.transform);
  }
  provider_release(tiles);
  provider_release(mapped);
  provider_release(own);
  for (size_t i = 0; i < COUNT(p); i++)
    provider_release(p[i]);
  tc_release(cache);
}

/* A mosaic of images at (12, 8) that lie where `said` has them. */
static tc_provider *mosaic_of(const tc_georef *const *said, size_t n, tc_cache *cache)
{
  tc_mosaic_part parts[4] = {0};
  for (size_t i = 0; i < n; i++)
    parts[i] = (tc_mosaic_part){.provider = open_places(said[i], NULL), .x = 12, .y = 8};
  tc_image_info image = places_info();
  image.width = 12 + WIDTH + 20;
  image.height = 8 + HEIGHT;
  const double pad = NAN;
  memcpy(image.pad, &pad, sizeof pad);
  const tc_mosaic_options options = {.struct_size = sizeof options, .image = &image};
  tc_provider *made = NULL;
  ok(provider_mosaic(parts, n, &options, cache, &made, &err));
  for (size_t i = 0; i < n; i++)
    provider_release(parts[i].provider);
  return made;
}

static void a_mosaic_lies_where_its_parts_agree(void **state)
{
  (void)state;
  tc_cache *cache = new_cache(8 << 20);
  tc_georef first = everything(), near_it = first, far = first, elsewhere = first, by_text = first;
  for (int i = 0; i < 2; i++) {
    near_it.transform[3 * i] += 0.49 * T[3 * i + 1];
    far.transform[3 * i] += 0.51 * T[3 * i + 1];
  }
  elsewhere.epsg = 32633;
  by_text.epsg = by_text.vertical_epsg = 0;
  tc_georef same_text = by_text, of_area = first;
  same_text.wkt = "COMPD_CS[\"a\",PROJCS[\"b\",AUTHORITY[\"EPSG\",\"32632\"]],VERT_CS[\"c\",AUTHORITY[\"EPSG\",\"5773\"]]]";
  of_area.flags &= ~(uint32_t)TC_GEOREF_PIXEL_IS_POINT;
  /* What has no transform says nothing, whatever its points. */
  tc_georef points = first;
  points.flags = 0;
  memset(points.transform, 0, sizeof points.transform);
  const tc_georef *const agreed[][3] = {{&first}, {NULL, &first}, {&first, &near_it, &first}, {&points, &first},
                                         {&first, &same_text, &of_area}};
  const size_t n_agreed[] = {1, 2, 3, 2, 3};
  for (size_t i = 0; i < COUNT(agreed); i++) {
    tc_provider *mosaic = mosaic_of(agreed[i], n_agreed[i], i % 2 ? cache : NULL), *tiles, *mask = NULL;
    assert_lies(mosaic, false);
    tiles = retiled(mosaic, 20, 11, 0, cache);
    assert_lies(tiles, false);
    ok(provider_mask(mosaic, &mask, &err));
    const tc_georef of_mask = georef_of(mask, 2), of_image = georef_of(mosaic, 2);
    assert_memory_equal(of_mask.transform, of_image.transform, sizeof of_mask.transform);
    provider_release(mask);
    provider_release(tiles);
    provider_release(mosaic);
  }
  const tc_georef *const not[][2] = {{&first, &far}, {&far, &first}, {&first, &elsewhere}, {&by_text, &first}, {&points}};
  for (size_t i = 0; i < COUNT(not); i++) {
    tc_provider *mosaic = mosaic_of(not[i], i == 4 ? 1 : 2, cache);
    const tc_georef g = georef_of(mosaic, 0);
    assert_true(g.flags == 0 && g.wkt == NULL && g.epsg == 0 && g.n_gcps == 0 && g.rpc == NULL);
    provider_release(mosaic);
  }
  tc_release(cache);
}

static void a_map_may_leave_its_place_behind(void **state)
{
  (void)state;
  const tc_georef said = everything();
  tc_provider *p = open_places(&said, NULL), *made = NULL;
  tc_map_options options = {.struct_size = sizeof options, .map = copy_block, .flags = TC_MAP_DROP_GEOREF};
  ok(provider_map(p, &options, NULL, &made, &err));
  for (int32_t level = 0; level < LEVELS; level++) {
    assert_int_equal(georef_of(made, level).flags, 0);
    assert_int_equal(georef_of(made, level).n_gcps, 0);
  }
  provider_release(made);
  options.flags = 32;
  fails(TC_E_ARGUMENT, "0x20", provider_map(p, &options, NULL, &made, &err));
  provider_release(p);
}

static void a_mask_that_is_said_to_lie_elsewhere_does(void **state)
{
  (void)state;
  const tc_georef said = everything();
  static const uint8_t pixels[WIDTH * HEIGHT];
  const tc_target array = {(void *)(uintptr_t)pixels, 0, 0, 0, WIDTH, HEIGHT, 1, TC_U8};
  tc_image_info image = places_info();
  image.levels = 1;
  for (int own = 0; own < 2; own++) {
    tc_provider *mask = NULL, *p = NULL, *got = NULL;
    ok(provider_from_memory(&array, NULL, NULL, NULL, NULL, &mask, &err));
    const tc_georef code = {.struct_size = sizeof code, .epsg = 4326};
    if (own) {
      tc_provider *bare = mask;
      ok(provider_with_georef(bare, &code, &mask, &err));
      provider_release(bare);
    }
    const tc_source s = {.struct_size = sizeof s, .threading = TC_CONCURRENT, .image = &image,
                         .read_block = read_places, .georef = &said, .mask = mask};
    ok(provider_from_source(&s, &p, &err));
    ok(provider_mask(p, &got, &err));
    assert_int_equal(georef_of(got, 0).epsg, own ? 4326 : 32632);
    provider_release(got);
    provider_release(mask);
    provider_release(p);
  }
}

/* ---- what is computed ---- */

typedef struct turn { int32_t scale; uint32_t flags; } turn;

/* The mean of the pixels that the input names for each, turned as it says. */
static tc_status turned(void *user, const tc_place *where, const tc_pixels *in, size_t n, const tc_target *out,
                        tc_error *error)
{
  (void)where, (void)n, (void)error;
  const turn *t = user;
  for (int32_t band = 0; band < 2; band++)
    for (int64_t y = 0; y < out->height; y++)
      for (int64_t x = 0; x < out->width; x++) {
        int64_t u = t->flags & TC_INPUT_FLIPPED_X ? out->width - 1 - x : x;
        int64_t v = t->flags & TC_INPUT_FLIPPED_Y ? out->height - 1 - y : y;
        int64_t column = t->flags & TC_INPUT_TRANSPOSED ? v : u, row = t->flags & TC_INPUT_TRANSPOSED ? u : v;
        double sum = 0;
        for (int64_t i = 0; i < t->scale; i++)
          for (int64_t j = 0; j < t->scale; j++)
            sum += *(const double *)((const char *)in->data + band * in->band_stride +
                                     (row * t->scale + i) * in->row_stride +
                                     (column * t->scale + j) * (int64_t)sizeof(double));
        *(double *)((char *)out->data + band * out->band_stride + y * out->row_stride + x * out->pixel_stride) =
          sum / (double)(t->scale * t->scale);
      }
  return TC_OK;
}

static void what_is_computed_lies_where_its_input_names(void **state)
{
  (void)state;
  const tc_georef said = everything();
  tc_cache *cache = new_cache(8 << 20);
  const tc_image_info image = places_info();
  /* Beyond the image is NaN. */
  tc_image_info nan_pad = image;
  const double nan = NAN;
  memcpy(nan_pad.pad, &nan, sizeof nan);
  const tc_source s = {.struct_size = sizeof s, .threading = TC_CONCURRENT, .image = &nan_pad,
                       .read_block = read_places, .georef = &said};
  tc_provider *p = NULL;
  ok(provider_from_source(&s, &p, &err));
  for (int32_t scale = 1; scale <= 3; scale++)
    for (uint32_t flags = 0; flags < 8; flags++)
      for (int32_t level = 0; level < 2; level++) {
        turn t = {scale, flags};
        const tc_input in = {.source = p, .level = level, .scale_x = scale, .scale_y = scale, .flags = flags};
        const tc_compute_options options = {.struct_size = sizeof options, .compute = turned, .user = &t,
                                            .flags = TC_COMPUTE_KEEP_GEOREF};
        tc_provider *made = NULL, *tiles = NULL;
        ok(provider_compute(&in, 1, &options, cache, &made, &err));
        assert_in_place(made);
        tiles = retiled(made, 10, 10, 0, NULL);
        assert_in_place(tiles);
        provider_release(tiles);
        provider_release(made);
      }
  provider_release(p);
  tc_release(cache);
}

/* Margins, windows and enlargements: pixel (x, y) of the output is the part of the input that the rule says. */
static void an_enlarged_image_lies_there_too(void **state)
{
  (void)state;
  const tc_georef said = everything();
  tc_provider *p = open_places(&said, NULL), *made = NULL;
  turn t = {1, 0};
  tc_image_info out = places_info();
  out.width = 40;
  out.height = 30;
  out.levels = 1;
  const tc_input in = {.source = p, .scale_x = -4, .scale_y = 2, .left = 3, .bottom = 5};
  tc_compute_options options = {.struct_size = sizeof options, .image = &out, .compute = turned, .user = &t,
                                .flags = TC_COMPUTE_KEEP_GEOREF};
  ok(provider_compute(&in, 1, &options, NULL, &made, &err));
  double at[2] = {10, 7}, expected[2];
  ok(provider_place_of(made, 0, at, 1, at, &err));
  place(2.5, 14, expected);
  assert_true(near(at[0], expected[0]) && near(at[1], expected[1]));
  const tc_georef g = georef_of(made, 0);
  assert_true(g.gcps[1].pixel == 4 * 52.25 && g.gcps[1].line == 1.5);
  provider_release(made);
  /* Nothing is kept that is not asked for, or not there. */
  options.flags = 0;
  ok(provider_compute(&in, 1, &options, NULL, &made, &err));
  assert_int_equal(georef_of(made, 0).flags, 0);
  provider_release(made);
  tc_provider *bare = NULL;
  ok(provider_with_georef(p, NULL, &bare, &err));
  const tc_input of_bare = {.source = bare};
  options.flags = TC_COMPUTE_KEEP_GEOREF;
  ok(provider_compute(&of_bare, 1, &options, NULL, &made, &err));
  assert_int_equal(georef_of(made, 0).flags, 0);
  provider_release(made);
  provider_release(bare);
  provider_release(p);
}

/* ---- many threads ---- */

typedef struct shared { tc_provider *provider; const tc_gcp *seen[LEVELS][8]; const char *wrong; } shared;

static void ask(void *arg, int index)
{
  shared *s = arg;
  for (int32_t level = 0; level < LEVELS; level++) {
    tc_georef g = {.struct_size = sizeof g};
    if (provider_georef(s->provider, level, &g, NULL) != TC_OK || g.n_gcps != GCPS || strcmp(g.gcps[0].id, "first"))
      s->wrong = "what is known";
    s->seen[level][index] = g.gcps;
  }
}

static void all_threads_borrow_the_same(void **state)
{
  (void)state;
  const tc_georef said = everything();
  for (int i = scaled(40); i > 0; i--) {
    shared s = {.provider = open_places(&said, NULL)};
    in_threads(8, ask, &s);
    assert_null(s.wrong);
    for (int level = 0; level < LEVELS; level++)
      for (int thread = 1; thread < 8; thread++)
        assert_ptr_equal(s.seen[level][thread], s.seen[level][0]);
    provider_release(s.provider);
  }
}

/* ---- what is refused ---- */

static void bad_arguments_are_refused(void **state)
{
  (void)state;
  const tc_georef said = everything();
  tc_provider *p = open_places(&said, NULL), *made = NULL;
  tc_georef g = {.struct_size = sizeof g, .epsg = 7};
  refuses(TC_E_ARGUMENT, "provider is NULL", provider_georef(NULL, 0, &g, e));
  assert_int_equal(g.epsg, 0);
  refuses(TC_E_ARGUMENT, "georef is NULL", provider_georef(p, 0, NULL, e));
  refuses(TC_E_RANGE, "level is -1", provider_georef(p, -1, &g, e));
  refuses(TC_E_RANGE, "level 3", provider_georef(p, LEVELS, &g, e));
  refuses(TC_E_RANGE, "level 2147483647", provider_georef(p, INT32_MAX, &g, e));
  g.struct_size = 100;
  refuses(TC_E_ARGUMENT, "sizeof(tc_georef)", provider_georef(p, 0, &g, e));
  double at[2] = {0, 0};
  refuses(TC_E_ARGUMENT, "provider is NULL", provider_place_of(NULL, 0, at, 1, at, e));
  refuses(TC_E_ARGUMENT, "pixels is NULL", provider_place_of(p, 0, NULL, 1, at, e));
  refuses(TC_E_ARGUMENT, "places is NULL", provider_place_of(p, 0, at, 1, NULL, e));
  refuses(TC_E_RANGE, "n is", provider_place_of(p, 0, at, SIZE_MAX / 4, at, e));
  refuses(TC_E_RANGE, "n is", provider_pixel_of(p, 0, at, SIZE_MAX, at, e));
  refuses(TC_E_RANGE, "level 3", provider_place_of(p, 3, at, 1, at, e));
  refuses(TC_E_ARGUMENT, "provider is NULL", provider_pixel_of(NULL, 0, at, 1, at, e));
  refuses(TC_E_ARGUMENT, "places is NULL", provider_pixel_of(p, 0, NULL, 1, at, e));
  refuses(TC_E_ARGUMENT, "pixels is NULL", provider_pixel_of(p, 0, at, 1, NULL, e));
  refuses(TC_E_RANGE, "level is -2", provider_pixel_of(p, -2, at, 1, at, e));
  ok(provider_pixel_of(p, 0, at, 0, at, &err));
  made = p;
  refuses(TC_E_ARGUMENT, "source is NULL", provider_with_georef(NULL, &said, &made, e));
  assert_null(made);
  refuses(TC_E_ARGUMENT, "provider is NULL", provider_with_georef(p, &said, NULL, e));
  provider_release(p);
}

/* What is refused is refused as an operator and in a source. */
static void bad(tc_provider *p, tc_status status, const char *text, const tc_georef *georef)
{
  tc_provider *made = p;
  refuses(status, text, provider_with_georef(p, georef, &made, e));
  assert_null(made);
  const tc_image_info image = places_info();
  const tc_source s = {.struct_size = sizeof s, .threading = TC_CONCURRENT, .image = &image, .read_block = read_places,
                       .georef = georef};
  made = p;
  refuses(status, text, provider_from_source(&s, &made, e));
  assert_null(made);
}

static void bad_georeferences_are_refused(void **state)
{
  (void)state;
  tc_provider *p = open_places(NULL, NULL);
  tc_georef g;
#define REFUSED(status, text, change) \
  do { \
    g = everything(); \
    change; \
    bad(p, status, text, &g); \
  } while (0)
  REFUSED(TC_E_ARGUMENT, "struct_size of georef", g.struct_size = 0);
  REFUSED(TC_E_ARGUMENT, "flags is 0x8", g.flags = 8);
  REFUSED(TC_E_ARGUMENT, "TC_GEOREF_HAS_TRANSFORM is not", g.flags = 0);
  REFUSED(TC_E_RANGE, "transform[2] is NaN", g.transform[2] = NAN);
  REFUSED(TC_E_RANGE, "transform[3] is inf", g.transform[3] = INFINITY);
  REFUSED(TC_E_ARGUMENT, "no inverse", memset(g.transform, 0, sizeof g.transform));
  REFUSED(TC_E_ARGUMENT, "no inverse", (g.transform[4] = 2 * T[1], g.transform[5] = 2 * T[2]));
  REFUSED(TC_E_ARGUMENT, "wkt is empty", g.wkt = "");
  REFUSED(TC_E_ARGUMENT, "wkt is not UTF-8", g.wkt = "\xff");
  REFUSED(TC_E_RANGE, "epsg is -1", g.epsg = -1);
  REFUSED(TC_E_RANGE, "vertical_epsg is -9", g.vertical_epsg = -9);
  REFUSED(TC_E_ARGUMENT, "vertical_unit is empty", g.vertical_unit = "");
  REFUSED(TC_E_ARGUMENT, "n_gcps is 3", g.gcps = NULL);
  REFUSED(TC_E_ARGUMENT, "n_gcps is 0", g.n_gcps = 0);
  REFUSED(TC_E_RANGE, "at most 1048576", g.n_gcps = SIZE_MAX);
  REFUSED(TC_E_RANGE, "pixel of gcps[0] is inf", gcps[0].pixel = INFINITY);
  REFUSED(TC_E_RANGE, "z of gcps[2] is NaN", gcps[2].z = NAN);
  REFUSED(TC_E_ARGUMENT, "id of gcps[1] is not UTF-8", gcps[1].id = "\xc0");
  REFUSED(TC_E_ARGUMENT, "info of gcps[2] is not UTF-8", gcps[2].info = "\xc0");
  REFUSED(TC_E_RANGE, "samp_scale of rpc is 0", rpc.samp_scale = 0);
  REFUSED(TC_E_RANGE, "height_off of rpc is -inf", rpc.height_off = -INFINITY);
  REFUSED(TC_E_RANGE, "samp_den[19] of rpc is NaN", rpc.samp_den[19] = NAN);
  REFUSED(TC_E_RANGE, "err_rand of rpc is NaN", rpc.err_rand = NAN);
  /* The message begins with the struct. */
  g = everything();
  g.epsg = -1;
  tc_provider *made = NULL;
  fails(TC_E_RANGE, "georef: epsg", provider_with_georef(p, &g, &made, &err));
  provider_release(p);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_is_said_is_told),
    cmocka_unit_test(levels_with_grids_of_their_own_lie_there_too),
    cmocka_unit_test(what_is_not_known_is_0),
    cmocka_unit_test(an_image_is_given_a_place_and_loses_it),
    cmocka_unit_test(operators_lie_where_their_source_does),
    cmocka_unit_test(a_mosaic_lies_where_its_parts_agree),
    cmocka_unit_test(a_map_may_leave_its_place_behind),
    cmocka_unit_test(a_mask_that_is_said_to_lie_elsewhere_does),
    cmocka_unit_test(what_is_computed_lies_where_its_input_names),
    cmocka_unit_test(an_enlarged_image_lies_there_too),
    cmocka_unit_test(all_threads_borrow_the_same),
    cmocka_unit_test(bad_arguments_are_refused),
    cmocka_unit_test(bad_georeferences_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
