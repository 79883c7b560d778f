/* Warps beside those of GDAL: gdalwarp as one chunk, without approximation and overviews, its scales given, and
 * provider_warp through the same transformer. Prints how far apart they are. */
#include <math.h>

#include "support.h"

#include <gdal_utils.h>

#include "tilecache_gdal.h"

enum { SIDE = 600, OUT = 300 };

/* What goes from where to where. */
static const struct {
  const char *name, *from, *to;
  double source[6], output[6];
  int period;   /* columns of the world */
  double scale; /* pixels of the source for one of the output, so that kernels are as wide */
} cases[] = {
  {"UTM to geographic", "EPSG:32632", "EPSG:4326", {500000, 100, 0, 5300000, 0, -100},
   {9.02, 0.0015, 0, 47.83, 0, -0.00105}, 0, 1},
  {"geographic to Web Mercator", "EPSG:4326", "EPSG:3857", {5, 0.01, 0, 60, 0, -0.01},
   {560000, 1250, 0, 8390000, 0, -1350}, 0, 1},
  {"geographic to polar", "EPSG:4326", "EPSG:3995", {-180, 0.6, 0, 90, 0, -0.06},
   {-2500000, 10000, 0, 2500000, 0, -10000}, 600, 1},
  {"across the antimeridian", "EPSG:4326", "EPSG:32601", {170, 0.02, 0, 10, 0, -0.02},
   {-200000, 2000, 0, 1050000, 0, -2000}, 0, 1},
  {"UTM to geographic, reduced", "EPSG:32632", "EPSG:4326", {500000, 100, 0, 5300000, 0, -100},
   {8.7, 0.0035, 0, 48.1, 0, -0.0024}, 0, 2.5},
};

static const struct {
  const char *name;
  uint32_t filter;
  double reach;
} kernels[] = {
  {"near", TC_FILTER_NEAREST, 0},
  {"bilinear", TC_FILTER_BILINEAR, 1},
  {"cubic", TC_FILTER_CUBIC, 2},
  {"lanczos", TC_FILTER_LANCZOS, 3},
};

static char *wkt_of(const char *code)
{
  char *wkt = NULL;
  OGRSpatialReferenceH srs = OSRNewSpatialReference(NULL);
  assert_int_equal(OSRSetFromUserInput(srs, code), OGRERR_NONE);
  assert_int_equal(OSRExportToWkt(srs, &wkt), OGRERR_NONE);
  OSRDestroySpatialReference(srs);
  return wkt;
}

/* A dataset in a file, so that it can be opened by more than one. */
static GDALDatasetH create(const char *path, const char *code, const double *transform, int side)
{
  char *wkt = wkt_of(code), *tiled[] = {(char *)"TILED=YES", (char *)"BLOCKXSIZE=128", (char *)"BLOCKYSIZE=128", NULL};
  GDALDatasetH dataset = GDALCreate(GDALGetDriverByName("GTiff"), path, side, side, 1, GDT_Byte, tiled);
  assert_non_null(dataset);
  assert_int_equal(GDALSetGeoTransform(dataset, (double *)transform), CE_None);
  assert_int_equal(GDALSetProjection(dataset, wkt), CE_None);
  CPLFree(wkt);
  return dataset;
}

/* Waves of some pixels, hills, and a little noise; the same at both sides of the world. */
static void draw(GDALDatasetH dataset)
{
  static uint8_t pixels[SIDE * SIDE];
  uint64_t seed = 7;
  const double turn = 2 * 3.14159265358979 / SIDE;
  for (int y = 0; y < SIDE; y++)
    for (int x = 0; x < SIDE; x++)
      pixels[y * SIDE + x] = (uint8_t)(120 + 60 * sin(x * turn * 40) * cos(y * 0.31) + 50 * sin(x * turn * 3 + y * 0.02) +
                                       random_below(&seed, 10));
  assert_int_equal(GDALDatasetRasterIO(dataset, GF_Write, 0, 0, SIDE, SIDE, pixels, SIDE, SIDE, GDT_Byte, 1, NULL, 0, 0, 0),
                   CE_None);
}

/* What gdalwarp makes, in one chunk. */
static void by_gdal(GDALDatasetH from, int number, const char *kernel, uint8_t *pixels, uint8_t *valid)
{
  char path[64], scale[2][32];
  snprintf(path, sizeof path, "out-%d-%s.tif", number, kernel);
  for (int i = 0; i < 2; i++)
    snprintf(scale[i], sizeof scale[i], "%cSCALE=%.17g", 'X' + i, 1 / cases[number].scale);
  GDALDatasetH out = create(path, cases[number].to, cases[number].output, OUT);
  char *arguments[] = {(char *)"-et", (char *)"0", (char *)"-ovr", (char *)"NONE", (char *)"-r", (char *)kernel,
                       (char *)"-wm", (char *)"500", (char *)"-wo", scale[0], (char *)"-wo", scale[1],
                       (char *)"-wo", (char *)"UNIFIED_SRC_NODATA=NO", (char *)"-wo", (char *)"SOURCE_EXTRA=50",
                       (char *)"-wo", (char *)"SAMPLE_GRID=YES", NULL};
  GDALWarpAppOptions *options = GDALWarpAppOptionsNew(arguments, NULL);
  int usage = 0;
  assert_ptr_equal(GDALWarp(NULL, out, 1, &from, options, &usage), out);
  GDALWarpAppOptionsFree(options);
  assert_int_equal(GDALDatasetRasterIO(out, GF_Read, 0, 0, OUT, OUT, pixels, OUT, OUT, GDT_Byte, 1, NULL, 0, 0, 0), CE_None);
  for (int i = 0; i < OUT * OUT; i++)
    valid[i] = pixels[i] != 0;
  GDALClose(out);
}

static void warps_are_those_of_gdal(void **state)
{
  (void)state;
  static uint8_t gdal[OUT * OUT], valid[OUT * OUT], ours[OUT * OUT], data[OUT * OUT];
  for (int number = 0; number < (int)COUNT(cases); number++) {
    char path[32], to[32];
    snprintf(path, sizeof path, "in-%d.tif", number);
    snprintf(to, sizeof to, "to-%d.tif", number);
    GDALDatasetH from = create(path, cases[number].from, cases[number].source, SIDE);
    draw(from);
    GDALClose(from);
    from = GDALOpen(path, GA_ReadOnly);
    GDALDatasetH out = create(to, cases[number].to, cases[number].output, OUT);
    for (size_t k = 0; k < COUNT(kernels); k++) {
      /* Before 3.10 GDAL's wide Lanczos lies about the middle of a pixel, and not about the position. */
      if (GDAL_VERSION_NUM < GDAL_COMPUTE_VERSION(3, 10, 0) && kernels[k].filter == TC_FILTER_LANCZOS &&
          cases[number].scale > 1)
        continue;
      by_gdal(from, number, kernels[k].name, gdal, valid);
      tc_provider *source = NULL, *made = NULL, *mask = NULL;
      tc_transform *transform = NULL;
      ok(tc_gdal_from_dataset(from, NULL, NULL, NULL, &source, &err));
      ok(tc_gdal_transform(GDALCreateGenImgProjTransformer2(from, out, NULL), NULL, &transform, &err));
      const tc_warp_options options = {
        .struct_size = sizeof options, .filter = kernels[k].filter, .flags = TC_WARP_EXACT | TC_WARP_FIXED_LEVEL,
        .scale_x = cases[number].scale, .scale_y = cases[number].scale, .width = OUT, .height = OUT, .tile_width = 200, .tile_height = 130,
        .period = cases[number].period};
      ok(provider_warp(source, transform, &options, NULL, &made, &err));
      ok(provider_mask(made, &mask, &err));
      tc_target into = {ours, 1, OUT, OUT * OUT, OUT, OUT, 1, TC_U8};
      ok(provider_read_window(made, 0, 0, 0, NULL, 0, &into, &err));
      into.data = data;
      ok(provider_read_window(mask, 0, 0, 0, NULL, 0, &into, &err));
      int both = 0, differ = 0, one = 0, edge = 0, worst = 0;
      const double margin = kernels[k].reach * cases[number].scale + 1;
      double *x = malloc(OUT * OUT * sizeof *x), *y = malloc(OUT * OUT * sizeof *y);
      assert_true(x != NULL && y != NULL);
      for (int i = 0; i < OUT * OUT; i++)
        x[i] = i % OUT + 0.5, y[i] = i / OUT + 0.5;
      ok(tc_transform_points(transform, x, y, OUT * OUT, &err));
      for (int i = 0; i < OUT * OUT; i++) {
        if (valid[i] != (data[i] != 0))
          edge++;
        if (!valid[i] || !data[i])
          continue;
        /* GDAL has other kernels near the edges of the source. */
        if (x[i] < margin || x[i] > SIDE - margin || y[i] < margin || y[i] > SIDE - margin)
          continue;
        const int apart = abs(gdal[i] - ours[i]);
        /* And another pixel where a position is an edge to a millionth. */
        if (kernels[k].reach == 0 && (fabs(x[i] - round(x[i])) < 1e-5 || fabs(y[i] - round(y[i])) < 1e-5))
          continue;
        both++;
        differ += apart > 0;
        one += apart > 1;
        worst = apart > worst ? apart : worst;
      }
      free(x), free(y);
      printf("%s, %s: %d pixels, %d differ, %d by more than 1, at most by %d; %d at an edge\n", cases[number].name,
             kernels[k].name, both, differ, one, worst, edge);
      /* GDAL adds in floats of 32 bits in some places. */
      assert_true(both > OUT * OUT / 8 && worst <= 1 && differ <= both / 1000 && edge <= 2);
      provider_release(mask);
      provider_release(made);
      provider_release(source);
      tc_transform_release(transform);
    }
    GDALClose(out);
    GDALClose(from);
  }
}

/* ---- rational polynomials over a raster of heights ---- */

enum { HIGH = 70 };

/* A scene of one and a half degrees, which heights move by some pixels. */
static GDALDatasetH rpc_scene(const char *path)
{
  static const char *const polynomials[] = {
    "LINE_NUM_COEFF=0.002 0.01 -0.99 0.06 0.003 0.001 0.002 0.001 -0.002 0 0 0 0 0 0 0 0 0 0 0",
    "LINE_DEN_COEFF=1 0.001 0.002 0.0005 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0",
    "SAMP_NUM_COEFF=-0.001 0.98 0.02 -0.05 0.002 0.001 0 0.003 0 0 0.0005 0 0 0 0 0 0 0 0 0",
    "SAMP_DEN_COEFF=1 0.002 0.001 0.0007 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0",
    "LINE_OFF=299.5", "SAMP_OFF=299.5", "LAT_OFF=46.5", "LONG_OFF=8.25", "HEIGHT_OFF=500", "LINE_SCALE=300",
    "SAMP_SCALE=300", "LAT_SCALE=0.75", "LONG_SCALE=0.75", "HEIGHT_SCALE=500", NULL};
  char *tiled[] = {(char *)"TILED=YES", (char *)"BLOCKXSIZE=128", (char *)"BLOCKYSIZE=128", NULL};
  GDALDatasetH dataset = GDALCreate(GDALGetDriverByName("GTiff"), path, SIDE, SIDE, 1, GDT_Byte, tiled);
  assert_non_null(dataset);
  assert_int_equal(GDALSetMetadata(dataset, (char **)polynomials, "RPC"), CE_None);
  draw(dataset);
  GDALClose(dataset);
  return GDALOpen(path, GA_ReadOnly);
}

/* Hills with a hole, over most of the scene. */
static GDALDatasetH hills(const char *path)
{
  static int16_t heights[HIGH * HIGH];
  char *wkt = wkt_of("EPSG:4326");
  double place[6] = {7.7, 0.017, 0, 47.1, 0, -0.015};
  GDALDatasetH dataset = GDALCreate(GDALGetDriverByName("GTiff"), path, HIGH, HIGH, 1, GDT_Int16, NULL);
  assert_non_null(dataset);
  for (int i = 0; i < HIGH * HIGH; i++) {
    const int x = i % HIGH, y = i / HIGH;
    heights[i] = (int16_t)(x > 20 && x < 26 && y > 30 && y < 35 ? -32768 : 450 + 400 * sin(x * 0.21) * cos(y * 0.17));
  }
  assert_int_equal(GDALSetGeoTransform(dataset, place), CE_None);
  assert_int_equal(GDALSetProjection(dataset, wkt), CE_None);
  assert_int_equal(GDALSetRasterNoDataValue(GDALGetRasterBand(dataset, 1), -32768), CE_None);
  assert_int_equal(GDALDatasetRasterIO(dataset, GF_Write, 0, 0, HIGH, HIGH, heights, HIGH, HIGH, GDT_Int16, 1, NULL, 0, 0, 0),
                   CE_None);
  CPLFree(wkt);
  GDALClose(dataset);
  return GDALOpen(path, GA_ReadOnly);
}

static void heights_are_those_of_gdal(void **state)
{
  (void)state;
  static uint8_t gdal[OUT * OUT], ours[OUT * OUT], data[OUT * OUT];
  const double map[6] = {7.6, 0.0045, 0, 47.15, 0, -0.0043};
  GDALDatasetH from = rpc_scene("scene.tif"), ground = hills("hills.tif");
  tc_provider *source = NULL, *raster = NULL;
  ok(tc_gdal_from_dataset(from, NULL, NULL, NULL, &source, &err));
  ok(tc_gdal_from_dataset(ground, NULL, NULL, NULL, &raster, &err));
  tc_georef georef = {.struct_size = sizeof georef};
  ok(provider_georef(source, 0, &georef, &err));
  assert_non_null(georef.rpc);
  for (int is_filled = 0; is_filled < 2; is_filled++) {
    char missing[64];
    snprintf(missing, sizeof missing, "RPC_DEM_MISSING_VALUE=%d", 321);
    char *options[] = {(char *)"RPC_DEM=hills.tif", (char *)"RPC_HEIGHT=40", is_filled ? missing : NULL, NULL};
    GDALRPCInfoV2 info;
    assert_true(GDALExtractRPCInfoV2(GDALGetMetadata(from, "RPC"), &info));
    void *transformer = GDALCreateRPCTransformerV2(&info, FALSE, 0, options);
    assert_non_null(transformer);
    const tc_heights_options heights = {.struct_size = sizeof heights, .offset = 40,
                                        .flags = is_filled ? TC_HEIGHTS_HAS_MISSING : 0, .missing = is_filled ? 321 : 0};
    tc_cache *cache = new_cache(1 << 20);
    tc_transform *transform = NULL;
    ok(tc_transform_rpc_heights(georef.rpc, map, raster, &heights, cache, &transform, &err));
    double *x = malloc(OUT * OUT * sizeof *x), *y = malloc(OUT * OUT * sizeof *y);
    assert_true(x != NULL && y != NULL);
    int nowhere = 0, seen = 0;
    double worst = 0;
    for (int i = 0; i < OUT * OUT; i++)
      x[i] = i % OUT + 0.5, y[i] = i / OUT + 0.5;
    ok(tc_transform_points(transform, x, y, OUT * OUT, &err));
    for (int i = 0; i < OUT * OUT; i++) {
      double column = map[0] + (i % OUT + 0.5) * map[1], row = map[3] + (i / OUT + 0.5) * map[5], z = 0;
      const double p = (column - 7.7) / 0.017, q = (47.1 - row) / 0.015;
      const int done = GDALRPCTransform(transformer, TRUE, 1, &column, &row, &z, &(int){0}) && isfinite(column);
      /* Older ones have other heights within half a pixel of the edge, and beyond. */
      if (fmin(fabs(p), fabs(p - HIGH)) < 1.6 || fmin(fabs(q), fabs(q - HIGH)) < 1.6)
        continue;
      assert_int_equal(done, isfinite(x[i]));
      nowhere += !done;
      if (done) {
        seen++;
        worst = fmax(worst, fmax(fabs(column - x[i]), fabs(row - y[i])));
      }
    }
    printf("RPC over heights%s: %d points, %d from nowhere, at most %g pixels apart\n", is_filled ? ", filled" : "", seen,
           nowhere, worst);
    assert_true(seen > OUT * OUT / 2 && worst < 1e-6 && (is_filled ? nowhere == 0 : nowhere > 1000));
    GDALDestroyRPCTransformer(transformer);
    /* And the pixels. */
    GDALDatasetH out = create("over.tif", "EPSG:4326", map, OUT);
    char *arguments[] = {(char *)"-et", (char *)"0", (char *)"-rpc", (char *)"-r", (char *)"bilinear", (char *)"-to",
                         (char *)"RPC_DEM=hills.tif", (char *)"-to", (char *)"RPC_HEIGHT=40", (char *)"-wm", (char *)"500",
                         (char *)"-wo", (char *)"XSCALE=1", (char *)"-wo", (char *)"YSCALE=1", (char *)"-wo",
                         (char *)"SOURCE_EXTRA=50", (char *)"-wo", (char *)"SAMPLE_GRID=YES",
                         is_filled ? (char *)"-to" : NULL, missing, NULL};
    GDALWarpAppOptions *warping = GDALWarpAppOptionsNew(arguments, NULL);
    int usage = 0;
    assert_ptr_equal(GDALWarp(NULL, out, 1, &from, warping, &usage), out);
    GDALWarpAppOptionsFree(warping);
    assert_int_equal(GDALDatasetRasterIO(out, GF_Read, 0, 0, OUT, OUT, gdal, OUT, OUT, GDT_Byte, 1, NULL, 0, 0, 0), CE_None);
    GDALClose(out);
    const tc_warp_options warp = {.struct_size = sizeof warp, .filter = TC_FILTER_BILINEAR, .scale_x = 1, .scale_y = 1,
                                  .flags = TC_WARP_EXACT | TC_WARP_FIXED_LEVEL, .width = OUT, .height = OUT,
                                  .tile_width = 200, .tile_height = 130};
    tc_provider *made = NULL, *mask = NULL;
    ok(provider_warp(source, transform, &warp, cache, &made, &err));
    ok(provider_mask(made, &mask, &err));
    tc_target into = {ours, 1, OUT, OUT * OUT, OUT, OUT, 1, TC_U8};
    ok(provider_read_window(made, 0, 0, 0, NULL, 0, &into, &err));
    into.data = data;
    ok(provider_read_window(mask, 0, 0, 0, NULL, 0, &into, &err));
    int both = 0, differ = 0, more = 0;
    for (int i = 0; i < OUT * OUT; i++) {
      if (!data[i] || !gdal[i] || x[i] < 2 || x[i] > SIDE - 2 || y[i] < 2 || y[i] > SIDE - 2)
        continue;
      const double p = (map[0] + (i % OUT + 0.5) * map[1] - 7.7) / 0.017, q = (47.1 - map[3] - (i / OUT + 0.5) * map[5]) / 0.015;
      if (fmin(fabs(p), fabs(p - HIGH)) < 1.6 || fmin(fabs(q), fabs(q - HIGH)) < 1.6)
        continue;
      both++;
      differ += gdal[i] != ours[i];
      more += abs(gdal[i] - ours[i]) > 1;
    }
    printf("its pixels: %d, %d differ, %d by more than 1\n", both, differ, more);
    assert_true(both > OUT * OUT / 2 && more == 0 && differ <= both / 1000);
    free(x), free(y);
    provider_release(mask);
    provider_release(made);
    tc_transform_release(transform);
    tc_release(cache);
  }
  provider_release(raster);
  provider_release(source);
  GDALClose(ground);
  GDALClose(from);
}

static void what_is_no_transformer_of_gdal_is_refused(void **state)
{
  (void)state;
  tc_transform *made = NULL;
  const char *nothing = "nothing of GDAL's at all, but long enough to be looked at as if it were; 64 bytes";
  fails(TC_E_ARGUMENT, "transformer is NULL", tc_gdal_transform(NULL, NULL, &made, &err));
  fails(TC_E_UNSUPPORTED, "none of GDAL's", tc_gdal_transform((void *)nothing, NULL, &made, &err));
  double same[6] = {0, 1, 0, 0, 0, 1};
  void *exact = GDALCreateGenImgProjTransformer3(NULL, same, NULL, same);
  assert_non_null(exact);
  void *near = GDALCreateApproxTransformer(GDALGenImgProjTransform, exact, 0.125);
  fails(TC_E_UNSUPPORTED, "approximates", tc_gdal_transform(near, NULL, &made, &err));
  assert_null(made);
  assert_int_equal(tc_gdal_transform(exact, NULL, NULL, NULL), TC_E_ARGUMENT);
  GDALDestroyApproxTransformer(near);
  /* It is destroyed with the transformation. */
  ok(tc_gdal_transform(exact, "same", &made, &err));
  double x = 3, y = 4;
  ok(tc_transform_points(made, &x, &y, 1, &err));
  assert_true(x == 3 && y == 4);
  tc_transform_release(made);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(warps_are_those_of_gdal),
    cmocka_unit_test(heights_are_those_of_gdal),
    cmocka_unit_test(what_is_no_transformer_of_gdal_is_refused),
  };
  GDALAllRegister();
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  GDALDestroyDriverManager();
  return failed;
}
