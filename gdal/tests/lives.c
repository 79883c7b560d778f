/* Datasets that are open when GDAL ends: each test is a life of GDAL, from its first driver to
 * GDALDestroyDriverManager, that leaves some of them open. With the driver TILECACHE; run under valgrind. Files
 * are made here, in the current directory. */
#include "support.h"

#include "tilecache_gdal.h"

#include <gdal_utils.h>
#include <gdalwarper.h>

enum { WIDTH = 200, HEIGHT = 150 };

/* One raster by each way that datasets stand on others. */
static const char *const names[] = {
  "plain.tif",
  "beside.tif",                 /* with .ovr and .msk */
  "sources.vrt",                /* over both */
  "own.vrt",                    /* over the driver */
  "TILECACHE:plain.tif",
  "TILECACHE:beside.tif",
  "TILECACHE:plain.tif?source=gdal",
  "TILECACHE:beside.tif?source=gdal",
  "TILECACHE:sources.vrt",
  "TILECACHE:own.vrt",
};

static void born(void)
{
  GDALAllRegister();
  assert_non_null(GDALGetDriverByName("TILECACHE"));
}

static GDALDatasetH opened(const char *name)
{
  GDALDatasetH dataset = GDALOpen(name, GA_ReadOnly);
  assert_non_null(dataset);
  return dataset;
}

static void read_band(GDALRasterBandH band)
{
  unsigned char pixels[32 * 32];
  assert_int_equal(GDALRasterIO(band, GF_Read, 0, 0, 32, 32, pixels, 32, 32, GDT_Byte, 0, 0), CE_None);
}

/* Uses all that a dataset may open for itself: pixels, by blocks and smaller too, overviews, masks. */
static void use(GDALDatasetH dataset)
{
  unsigned char pixels[20 * 15];
  GDALRasterBandH band = GDALGetRasterBand(dataset, 1);
  read_band(band);
  read_band(GDALGetMaskBand(band));
  for (int i = 0; i < GDALGetOverviewCount(band); i++) {
    read_band(GDALGetOverview(band, i));
    read_band(GDALGetMaskBand(GDALGetOverview(band, i)));
  }
  assert_int_equal(GDALRasterIO(band, GF_Read, 0, 0, WIDTH, HEIGHT, pixels, 20, 15, GDT_Byte, 0, 0), CE_None);
  assert_true(GDALChecksumImage(band, 0, 0, WIDTH, HEIGHT) > 0);
}

/* ---- datasets ---- */

static void left_open(void **state)
{
  (void)state;
  born();
  for (size_t i = 0; i < COUNT(names); i++) {
    (void)opened(names[i]);
    use(opened(names[i]));
  }
  GDALDestroyDriverManager();
}

/* What QGIS does when a layer's provider is cloned: the raster is opened again, a warped dataset may stand
 * over each, and they go in any order or never. */
static void cloned(void **state)
{
  (void)state;
  for (int left = 0; left < 4; left++) {
    born();
    for (size_t i = 0; i < COUNT(names); i++) {
      GDALDatasetH first = opened(names[i]), second = opened(names[i]);
      GDALReferenceDataset(first);
      GDALDatasetH warped = GDALAutoCreateWarpedVRT(second, NULL, NULL, GRA_NearestNeighbour, 0.125, NULL);
      assert_non_null(warped); /* holds a reference of `second` */
      use(first);
      read_band(GDALGetRasterBand(warped, 1));
      if (left != 3)
        GDALReleaseDataset(first);
      if (left < 2)
        GDALReleaseDataset(second);
      if (left == 0) {
        GDALReleaseDataset(first);
        GDALReleaseDataset(warped);
      }
    }
    GDALDestroyDriverManager();
  }
}

static void shared(void **state)
{
  (void)state;
  born();
  for (size_t i = 0; i < COUNT(names); i++) {
    GDALDatasetH first = GDALOpenShared(names[i], GA_ReadOnly), second = GDALOpenShared(names[i], GA_ReadOnly);
    assert_ptr_equal(first, second);
    use(first);
    GDALClose(second);
  }
  GDALDestroyDriverManager();
}

/* Datasets as sources of others, which go first or with GDAL. Without masks: what the mask of a VRT stands on,
 * GDAL 3.6 itself closes twice. */
static void sources_of_others(void **state)
{
  (void)state;
  for (int left = 0; left < 3; left++) {
    born();
    for (size_t i = 0; i < COUNT(names); i++) {
      if (strstr(names[i], "beside.tif") != NULL)
        continue;
      GDALClose(GDALBuildVRT("/vsimem/mosaic.vrt", 1, NULL, &names[i], NULL, NULL));
      GDALDatasetH from = opened(names[i]), mosaic = opened("/vsimem/mosaic.vrt");
      GDALDatasetH over = GDALCreateCopy(GDALGetDriverByName("VRT"), "", from, FALSE, NULL, NULL, NULL);
      use(mosaic);
      use(over);
      if (left < 2)
        GDALReleaseDataset(from); /* `over` holds a reference */
      if (left == 0) {
        GDALClose(mosaic);
        GDALClose(over);
      }
    }
    GDALDestroyDriverManager();
  }
}

/* ---- providers ---- */

static tc_provider *provider_of(const char *name)
{
  tc_provider *p = NULL;
  ok(tc_gdal_open(name, NULL, &p, &err));
  return p;
}

/* Uses a provider's datasets: one for each of two threads, its levels and its mask. */
static void use_block(void *provider, int index)
{
  tc_tile *tile = NULL;
  (void)provider_get_block(provider, 0, index, 0, NULL, 0, &tile, NULL);
  tc_tile_release(tile);
}

static void use_provider(tc_provider *p)
{
  tc_provider *mask = NULL;
  in_threads(2, use_block, p);
  for (int32_t level = 0; level < info_of(p).levels; level++)
    touch(p, 0, 0, level);
  ok(provider_mask(p, &mask, &err));
  touch(mask, 0, 0, 0);
  provider_release(mask);
}

static void closed_says_so(tc_provider *p)
{
  tc_tile *tile = NULL;
  fails(TC_E_SOURCE, "closed by GDALDestroyDriverManager", provider_get_block(p, 0, 0, 0, NULL, 0, &tile, &err));
  assert_null(tile);
}

static void providers_outlive_gdal(void **state)
{
  (void)state;
  tc_provider *before[COUNT(names)], *used[COUNT(names)], *unused[COUNT(names)], *again[COUNT(names)];
  born();
  for (size_t i = 0; i < COUNT(names); i++) {
    before[i] = provider_of(names[i]);
    used[i] = provider_of(names[i]);
    unused[i] = provider_of(names[i]);
    use_provider(before[i]);
    use_provider(used[i]);
    provider_release(before[i]);
  }
  GDALDestroyDriverManager();
  for (size_t i = 0; i < COUNT(names); i++) {
    closed_says_so(used[i]);
    closed_says_so(unused[i]);
    provider_release(unused[i]);
  }
  /* In the next life their datasets are as gone, whatever lies where they lay. */
  born();
  for (size_t i = 0; i < COUNT(names); i++) {
    again[i] = provider_of(names[i]);
    use_provider(again[i]);
    closed_says_so(used[i]);
  }
  for (size_t i = 0; i < COUNT(names); i++) {
    provider_release(used[i]);
    use_provider(again[i]);
    provider_release(again[i]);
  }
  GDALDestroyDriverManager();
}

/* A tile stays when everything else has gone. */
static void tiles_outlive_gdal(void **state)
{
  (void)state;
  born();
  tc_cache *cache = new_cache(16 << 20);
  tc_provider *p = provider_of("beside.tif"), *tiles = retiled(p, 64, 64, 0, cache);
  tc_tile *tile = get(tiles, 0, 0, 0);
  unsigned char first = *(const unsigned char *)data_of(tile);
  GDALDestroyDriverManager();
  touch(tiles, 0, 0, 0); /* out of the cache */
  tc_tile *other = NULL;
  fails(TC_E_SOURCE, "closed", provider_get_block(tiles, 1, 1, 0, NULL, 0, &other, &err));
  provider_release(tiles);
  provider_release(p);
  tc_release(cache);
  assert_int_equal(*(const unsigned char *)data_of(tile), first);
  tc_tile_release(tile);
}

/* Over datasets of the program: one that is opened again by name, and one that is kept. */
static void datasets_of_the_program(void **state)
{
  (void)state;
  born();
  tc_provider *reopened = NULL, *kept = NULL;
  int released = 0;
  ok(tc_gdal_from_dataset(opened("TILECACHE:beside.tif"), NULL, count_release, &released, &reopened, &err));
  GDALDatasetH update = GDALOpen("plain.tif", GA_Update);
  ok(tc_gdal_from_dataset(update, NULL, count_release, &released, &kept, &err));
  assert_int_equal(released, 1);
  use_provider(reopened);
  touch(kept, 0, 0, 0);
  GDALDestroyDriverManager();
  closed_says_so(reopened);
  closed_says_so(kept);
  provider_release(reopened);
  provider_release(kept);
  assert_int_equal(released, 2);
}

/* Files of GDAL's file systems. */
static void files_outlive_gdal(void **state)
{
  (void)state;
  static const char *const files[] = {"plain.tif", "/vsimem/plain.tif", "/vsizip/plain.zip/plain.tif",
                                      "/vsigzip/plain.tif.gz", "/vsisubfile/0_100000,plain.tif"};
  born();
  remove("plain.zip");
  assert_int_equal(CPLCopyFile("/vsimem/plain.tif", "plain.tif"), 0);
  assert_int_equal(CPLCopyFile("/vsizip/plain.zip/plain.tif", "plain.tif"), 0);
  assert_int_equal(CPLCopyFile("/vsigzip/plain.tif.gz", "plain.tif"), 0);
  tc_provider *all[COUNT(files)];
  for (size_t i = 0; i < COUNT(files); i++) {
    ok(tc_gdal_open_vsi(files[i], NULL, &all[i], &err));
    touch(all[i], 0, 0, 0);
  }
  GDALDestroyDriverManager();
  for (size_t i = 0; i < COUNT(files); i++) {
    closed_says_so(all[i]);
    provider_release(all[i]);
  }
}

/* ---- files ---- */

static void make(const char *name, int beside)
{
  char **options = CSLTokenizeString("TILED=YES BLOCKXSIZE=64 BLOCKYSIZE=64 COMPRESS=DEFLATE");
  double transform[6] = {500000, 10, 0, 5000000, 0, -10};
  unsigned char pixels[WIDTH * HEIGHT];
  GDALDatasetH dataset = GDALCreate(GDALGetDriverByName("GTiff"), name, WIDTH, HEIGHT, 1, GDT_Byte, options);
  assert_non_null(dataset);
  CSLDestroy(options);
  for (int i = 0; i < WIDTH * HEIGHT; i++)
    pixels[i] = (unsigned char)(1 + i % 251);
  assert_int_equal(GDALRasterIO(GDALGetRasterBand(dataset, 1), GF_Write, 0, 0, WIDTH, HEIGHT, pixels, WIDTH, HEIGHT,
                                GDT_Byte, 0, 0), CE_None);
  assert_int_equal(GDALSetGeoTransform(dataset, transform), CE_None);
  GDALClose(dataset);
  if (!beside)
    return;
  int factors[] = {2, 4};
  CPLSetConfigOption("GDAL_TIFF_INTERNAL_MASK", "NO");
  dataset = GDALOpen(name, GA_ReadOnly);
  assert_int_equal(GDALCreateDatasetMaskBand(dataset, GMF_PER_DATASET), CE_None);
  assert_int_equal(GDALRasterIO(GDALGetMaskBand(GDALGetRasterBand(dataset, 1)), GF_Write, 0, 0, WIDTH, HEIGHT, pixels,
                                WIDTH, HEIGHT, GDT_Byte, 0, 0), CE_None);
  assert_int_equal(GDALBuildOverviews(dataset, "NEAREST", 2, factors, 0, NULL, NULL, NULL), CE_None);
  GDALClose(dataset);
}

static void write_vrt(const char *name, const char *const *sources, int n)
{
  FILE *file = fopen(name, "w");
  assert_non_null(file);
  fprintf(file, "<VRTDataset rasterXSize='%d' rasterYSize='%d'>"
                "<GeoTransform>500000,10,0,5000000,0,-10</GeoTransform><VRTRasterBand dataType='Byte' band='1'>",
          WIDTH, HEIGHT);
  for (int i = 0; i < n; i++)
    fprintf(file, "<SimpleSource><SourceFilename>%s</SourceFilename><SourceBand>1</SourceBand></SimpleSource>",
            sources[i]);
  fputs("</VRTRasterBand></VRTDataset>", file);
  fclose(file);
}

static int make_files(void **state)
{
  static const char *const files[] = {"plain.tif", "beside.tif"};
  static const char *const own[] = {"TILECACHE:plain.tif", "TILECACHE:beside.tif?source=gdal"};
  (void)state;
  born();
  make("plain.tif", 0);
  make("beside.tif", 1);
  write_vrt("sources.vrt", files, 2);
  write_vrt("own.vrt", own, 2);
  GDALDestroyDriverManager();
  return 0;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(left_open),
    cmocka_unit_test(cloned),
    cmocka_unit_test(shared),
    cmocka_unit_test(sources_of_others),
    cmocka_unit_test(providers_outlive_gdal),
    cmocka_unit_test(tiles_outlive_gdal),
    cmocka_unit_test(datasets_of_the_program),
    cmocka_unit_test(files_outlive_gdal),
  };
  return cmocka_run_group_tests(tests, make_files, NULL);
}
