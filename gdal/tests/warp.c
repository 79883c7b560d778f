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
    cmocka_unit_test(what_is_no_transformer_of_gdal_is_refused),
  };
  GDALAllRegister();
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  GDALDestroyDriverManager();
  return failed;
}
