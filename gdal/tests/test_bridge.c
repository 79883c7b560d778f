/* GDAL in: what tilecache_gdal.h makes of GDAL's rasters has their pixels, leaves nothing in GDAL's block
 * cache, and says what GDAL said. Files are made here, in the current directory. */
#include "support.h"

#include "tilecache_gdal.h"

#include <unistd.h>

enum { WIDTH = 300, HEIGHT = 201 };

/* A side of a large picture, shorter where the harness says that samples are slow. */
static int64_t side(int64_t n)
{
  return scaled(2) == 2 ? n : n / 3;
}

static const struct { tc_dtype dtype; GDALDataType type; } types[] = {
  {TC_U8, GDT_Byte},       {TC_I8, GDT_Byte},       {TC_U16, GDT_UInt16},     {TC_I16, GDT_Int16},
  {TC_U32, GDT_UInt32},    {TC_I32, GDT_Int32},     {TC_U64, GDT_UInt64},     {TC_I64, GDT_Int64},
  {TC_F32, GDT_Float32},   {TC_F64, GDT_Float64},   {TC_CI16, GDT_CInt16},    {TC_CI32, GDT_CInt32},
  {TC_CF32, GDT_CFloat32}, {TC_CF64, GDT_CFloat64},
};

static GDALDataType type_of(tc_dtype dtype)
{
  for (size_t i = 0; i < COUNT(types); i++)
    if (types[i].dtype == dtype)
      return types[i].type;
  return GDT_Unknown;
}

/* ---- making rasters ---- */

/* A picture of `bands` bands by the formula of support.h. */
static source picture(int64_t width, int64_t height, int32_t bands, tc_dtype dtype)
{
  source s;
  source_init(&s, width, height, width, height, bands, dtype);
  return s;
}

static void *samples_of(const source *s)
{
  size_t size = sample_size(s->image.dtype), n = 0;
  char *all = malloc((size_t)(s->image.width * s->image.height * s->image.bands) * size);
  assert_non_null(all);
  for (int32_t band = 0; band < s->image.bands; band++)
    for (int64_t y = 0; y < s->image.height; y++)
      for (int64_t x = 0; x < s->image.width; x++)
        sample_at(s, x, y, band, 0, all + size * n++);
  return all;
}

static GDALDatasetH filled(const source *s, const char *driver, const char *name, const char *creation)
{
  char **options = CSLTokenizeString(creation);
  if (s->image.dtype == TC_I8)
    options = CSLAddString(options, "PIXELTYPE=SIGNEDBYTE");
  int width = (int)s->image.width, height = (int)s->image.height, bands = s->image.bands;
  GDALDataType type = type_of(s->image.dtype);
  GDALDatasetH dataset = GDALCreate(GDALGetDriverByName(driver), name, width, height, bands, type, options);
  assert_non_null(dataset);
  CSLDestroy(options);
  void *all = samples_of(s);
  assert_int_equal(GDALDatasetRasterIO(dataset, GF_Write, 0, 0, width, height, all, width, height, type, bands, NULL, 0,
                                       0, 0), CE_None);
  free(all);
  return dataset;
}

static void write_tiff(const source *s, const char *name, const char *creation)
{
  GDALClose(filled(s, "GTiff", name, creation));
}

/* A copy in another format. */
static void copy_to(const char *driver, const char *from, const char *to, const char *creation)
{
  char **options = CSLTokenizeString(creation);
  GDALDatasetH source = GDALOpen(from, GA_ReadOnly);
  assert_non_null(source);
  GDALDatasetH copy = GDALCreateCopy(GDALGetDriverByName(driver), to, source, FALSE, options, NULL, NULL);
  assert_non_null(copy);
  GDALClose(copy);
  GDALClose(source);
  CSLDestroy(options);
}

static void build_overviews(const char *name)
{
  int factors[] = {2, 4};
  GDALDatasetH dataset = GDALOpen(name, GA_Update);
  assert_non_null(dataset);
  assert_int_equal(GDALBuildOverviews(dataset, "NEAREST", 2, factors, 0, NULL, NULL, NULL), CE_None);
  GDALClose(dataset);
}

static tc_provider *opened(const char *path, const tc_gdal_options *options)
{
  tc_provider *p = NULL;
  ok(tc_gdal_open(path, options, &p, &err));
  return p;
}

static void assert_all_blocks(const source *s, tc_provider *p)
{
  tc_image_info info = info_of(p);
  for (int64_t row = 0; row < info.grid_rows; row++)
    for (int64_t col = 0; col < info.grid_cols; col++) {
      tc_tile *tile = get(p, row, col, 0);
      assert_tile(s, tile, cell(info.width, info.height, info.block_width, info.block_height, row, col, 0), 0, NULL,
                  info.bands);
      tc_tile_release(tile);
    }
}

/* ---- pixels ---- */

static void every_type_in_every_layout(void **state)
{
  (void)state;
  static const char *const layouts[] = {"INTERLEAVE=BAND", "INTERLEAVE=PIXEL COMPRESS=DEFLATE",
                                        "INTERLEAVE=PIXEL TILED=YES BLOCKXSIZE=128 BLOCKYSIZE=64",
                                        "INTERLEAVE=BAND TILED=YES BLOCKXSIZE=64 BLOCKYSIZE=128 COMPRESS=LZW"};
  for (size_t i = 0; i < COUNT(types); i += scaled(2) == 2 ? 1 : 5)
    for (size_t j = 0; j < COUNT(layouts); j++) {
      source s = picture(WIDTH, HEIGHT, 2, types[i].dtype);
      write_tiff(&s, "types.tif", layouts[j]);
      tc_provider *p = opened("types.tif", NULL);
      assert_int_equal(info_of(p).dtype, types[i].dtype);
      assert_all_blocks(&s, p);
      tc_provider *tiles = retiled(p, 100, 77, 0, NULL);
      assert_all_blocks(&s, tiles);
      provider_release(tiles);
      provider_release(p);
      assert_int_equal(GDALGetCacheUsed64(), 0);
    }
}

static void bands_in_any_order(void **state)
{
  (void)state;
  static const char *const layouts[] = {"INTERLEAVE=BAND TILED=YES", "INTERLEAVE=PIXEL TILED=YES"};
  for (size_t i = 0; i < COUNT(layouts); i++) {
    source s = picture(WIDTH, HEIGHT, 4, TC_U16);
    write_tiff(&s, "bands.tif", layouts[i]);
    tc_provider *p = opened("bands.tif", NULL);
    const int32_t bands[] = {3, 0, 3};
    tc_tile *tile = NULL;
    ok(provider_get_block(p, 0, 1, 0, bands, 3, &tile, &err));
    assert_tile(&s, tile, (area){256, 0, 44, 201}, 0, bands, 3);
    tc_tile_release(tile);
    provider_release(p);
  }
}

/* A level has GDAL's pixels for that overview, and its blocks. */
static void assert_overview(GDALDatasetH dataset, tc_provider *p, int32_t level, int overview)
{
  tc_provider *shown = NULL;
  ok(provider_level(p, level, &shown, &err));
  tc_image_info info = info_of(shown);
  for (int band = 0; band < info.bands; band++) {
    GDALRasterBandH b = GDALGetRasterBand(dataset, band + 1);
    b = level == 0 ? b : GDALGetOverview(b, overview);
    assert_int_equal(info.width, GDALGetRasterBandXSize(b));
    assert_int_equal(info.height, GDALGetRasterBandYSize(b));
    unsigned char *want = malloc((size_t)(info.width * info.height)), *got = malloc((size_t)(info.width * info.height));
    assert_int_equal(GDALRasterIO(b, GF_Read, 0, 0, (int)info.width, (int)info.height, want, (int)info.width,
                                  (int)info.height, GDT_Byte, 0, 0), CE_None);
    tc_target into = {got, 0, 0, 0, info.width, info.height, 1, TC_U8};
    ok(provider_read_window(p, 0, 0, level, &band, 1, &into, &err));
    assert_memory_equal(got, want, (size_t)(info.width * info.height));
    ok(provider_read_window(shown, 0, 0, 0, &band, 1, &into, &err));
    assert_memory_equal(got, want, (size_t)(info.width * info.height));
    free(want);
    free(got);
  }
  provider_release(shown);
}

static void overviews_are_levels(void **state)
{
  (void)state;
  static const char *const layouts[] = {"INTERLEAVE=BAND TILED=YES BLOCKXSIZE=128 BLOCKYSIZE=64",
                                        "INTERLEAVE=PIXEL TILED=YES BLOCKXSIZE=128 BLOCKYSIZE=64 COMPRESS=DEFLATE"};
  for (size_t i = 0; i < COUNT(layouts); i++) {
    source s = picture(side(1201), side(943), 3, TC_U8);
    write_tiff(&s, "levels.tif", layouts[i]);
    build_overviews("levels.tif");
    tc_provider *p = opened("levels.tif", NULL), *level = NULL;
    assert_int_equal(info_of(p).levels, 3);
    ok(provider_level(p, 1, &level, &err));
    assert_int_equal(info_of(level).block_width, 128); /* as it is stored, not half of level 0's */
    assert_int_equal(info_of(level).levels, 2);
    provider_release(level);
    GDALDatasetH dataset = GDALOpen("levels.tif", GA_ReadOnly);
    for (int32_t l = 0; l < 3; l++)
      assert_overview(dataset, p, l, l - 1);
    GDALClose(dataset);
    assert_int_equal(GDALGetCacheUsed64(), 0);
    /* One dataset served all levels of this one thread. */
    GDALDatasetH *all;
    int open;
    GDALGetOpenDatasets(&all, &open);
    assert_in_range(open, 1, 4); /* its overviews count as datasets */
    provider_release(p);
  }
}

/* Levels that are left out below others have no block. */
static void overviews_may_leave_out_levels(void **state)
{
  (void)state;
  source s = picture(side(1201), side(943), 3, TC_U8);
  write_tiff(&s, "gaps.tif", "INTERLEAVE=PIXEL TILED=YES BLOCKXSIZE=128 BLOCKYSIZE=64");
  int factors[] = {4, 16};
  GDALDatasetH dataset = GDALOpen("gaps.tif", GA_Update);
  assert_int_equal(GDALBuildOverviews(dataset, "NEAREST", 2, factors, 0, NULL, NULL, NULL), CE_None);
  GDALClose(dataset);
  tc_provider *p = opened("gaps.tif", NULL);
  assert_int_equal(info_of(p).levels, 5);
  dataset = GDALOpen("gaps.tif", GA_ReadOnly);
  for (int32_t level = 0; level < 5; level++) {
    int32_t has = -1;
    tc_tile *tile = NULL;
    ok(provider_has_block(p, 0, 0, level, &has, &err));
    assert_int_equal(has, level % 2 == 0);
    if (has)
      assert_overview(dataset, p, level, level / 2 - 1);
    else
      fails(TC_E_NOT_FOUND, "is not there", provider_get_block(p, 0, 0, level, NULL, 0, &tile, &err));
  }
  GDALClose(dataset);
  provider_release(p);
}

static void flat_blocks_are_put_together(void **state)
{
  (void)state;
  source s = picture(WIDTH, HEIGHT, 3, TC_U8);
  write_tiff(&s, "flat.tif", "BLOCKYSIZE=1 INTERLEAVE=PIXEL");
  copy_to("PNG", "flat.tif", "flat.png", "");
  const char *const paths[] = {"flat.tif", "flat.png"};
  for (size_t i = 0; i < COUNT(paths); i++) {
    tc_provider *p = opened(paths[i], NULL);
    assert_int_equal(info_of(p).block_width, WIDTH);
    assert_int_equal(info_of(p).block_height, HEIGHT);
    assert_all_blocks(&s, p);
    provider_release(p);
  }
}

/* A strip that is the image: decoded once for all tiles; with windows, right as well. */
static void one_huge_block(void **state)
{
  (void)state;
  source s = picture(side(900), side(900), 2, TC_F32);
  write_tiff(&s, "strip.tif", "BLOCKYSIZE=900 COMPRESS=DEFLATE INTERLEAVE=PIXEL");
  tc_cache *cache = new_cache(64 << 20);
  tc_provider *p = opened("strip.tif", NULL), *tiles = retiled(p, 256, 256, 0, cache);
  assert_int_equal(info_of(p).block_height, s.image.height);
  assert_int_equal(info_of(p).flags & TC_IMAGE_WINDOWED, 0);
  assert_all_blocks(&s, tiles);
  tc_cache_stats stats = {.struct_size = sizeof stats};
  double amplification;
  ok(provider_counters(tiles, &stats, &amplification, &err));
  assert_true(amplification == 1);
  provider_release(tiles);
  provider_release(p);

  tc_gdal_options options = {.struct_size = sizeof options, .windows = TC_GDAL_WINDOWS_ALWAYS};
  p = opened("strip.tif", &options);
  assert_int_equal(info_of(p).flags & TC_IMAGE_WINDOWED, TC_IMAGE_WINDOWED);
  tiles = retiled(p, 256, 256, 0, NULL);
  assert_all_blocks(&s, tiles);
  assert_int_equal(GDALGetCacheUsed64(), 0);
  provider_release(tiles);
  provider_release(p);
  tc_release(cache);
}

static void other_formats(void **state)
{
  (void)state;
  static const struct { const char *driver, *name, *creation; } formats[] = {
    {"JP2OpenJPEG", "other.jp2", "REVERSIBLE=YES QUALITY=100 BLOCKXSIZE=700 BLOCKYSIZE=600"},
    {"PNG", "other.png", ""}, {"ENVI", "other.img", "INTERLEAVE=BIP"}, {"HFA", "other.hfa", "COMPRESSED=YES"},
    {"VRT", "other.vrt", ""}};
  source s = picture(WIDTH, HEIGHT, 3, TC_U8);
  write_tiff(&s, "other.tif", "TILED=YES INTERLEAVE=PIXEL");
  for (size_t i = 0; i < COUNT(formats); i++) {
    copy_to(formats[i].driver, "other.tif", formats[i].name, formats[i].creation);
    tc_gdal_options options = {.struct_size = sizeof options, .windows = TC_GDAL_WINDOWS_ALWAYS};
    for (int windows = 0; windows < 2; windows++) {
      tc_provider *p = opened(formats[i].name, windows ? &options : NULL), *tiles = retiled(p, 64, 64, 0, NULL);
      assert_string_equal(provider_metadata(p, -1, "GDAL:DRIVER"), formats[i].driver);
      assert_all_blocks(&s, p);
      assert_all_blocks(&s, tiles);
      provider_release(tiles);
      provider_release(p);
      assert_int_equal(GDALGetCacheUsed64(), 0);
    }
  }
}

/* ---- descriptions ---- */

static void what_is_known_comes_through(void **state)
{
  (void)state;
  source s = picture(WIDTH, HEIGHT, 3, TC_I16);
  GDALDatasetH dataset = filled(&s, "GTiff", "known.tif", "PHOTOMETRIC=RGB");
  double transform[6] = {1000.5, 2, 0, 5000, 0, -2};
  assert_int_equal(GDALSetGeoTransform(dataset, transform), CE_None);
  OGRSpatialReferenceH srs = OSRNewSpatialReference(NULL);
  assert_int_equal(OSRImportFromEPSG(srs, 32632), OGRERR_NONE);
  assert_int_equal(GDALSetSpatialRef(dataset, srs), CE_None);
  OSRDestroySpatialReference(srs);
  GDALSetMetadataItem(dataset, "TITLE", "Z\xfcrich", NULL); /* Latin-1 */
  GDALSetMetadataItem(dataset, "CLOUD", "7", "QUALITY");
  for (int band = 1; band <= 3; band++)
    assert_int_equal(GDALSetRasterNoDataValue(GDALGetRasterBand(dataset, band), -300), CE_None);
  GDALSetDescription(GDALGetRasterBand(dataset, 2), "near");
  assert_int_equal(GDALSetRasterScale(GDALGetRasterBand(dataset, 2), 0.25), CE_None);
  GDALClose(dataset);

  tc_provider *p = opened("known.tif", NULL);
  tc_image_info info = info_of(p);
  int16_t nodata = -300;
  assert_int_equal(info.flags & TC_IMAGE_HAS_NODATA, TC_IMAGE_HAS_NODATA);
  assert_memory_equal(info.nodata, &nodata, 2);
  assert_memory_equal(info.pad, &nodata, 2);
  tc_band_info band = {.struct_size = sizeof band};
  ok(provider_band_info(p, 2, &band, &err));
  assert_int_equal(band.colour, TC_COLOUR_BLUE);
  assert_int_equal(band.flags, TC_BAND_HAS_NODATA);
  assert_string_equal(provider_metadata(p, -1, "TITLE"), "Z\xc3\xbcrich");
  assert_string_equal(provider_metadata(p, -1, "QUALITY:CLOUD"), "7");
  assert_string_equal(provider_metadata(p, -1, "IMAGE_STRUCTURE:INTERLEAVE"), "PIXEL");
  assert_string_equal(provider_metadata(p, -1, "GDAL:GEOTRANSFORM"), "1000.5 2 0 5000 0 -2");
  assert_non_null(strstr(provider_metadata(p, -1, "GDAL:SRS"), "32632"));
  assert_string_equal(provider_metadata(p, 1, "GDAL:DESCRIPTION"), "near");
  assert_string_equal(provider_metadata(p, 1, "GDAL:SCALE"), "0.25");
  assert_null(provider_metadata(p, 0, "GDAL:DESCRIPTION"));

  /* What lies outside is pad. */
  int16_t outside[4];
  tc_target into = {outside, 0, 0, 0, 2, 2, 1, TC_I16};
  ok(provider_read_window(p, -5, -5, 0, (int32_t[]){0}, 1, &into, &err));
  assert_int_equal(outside[3], -300);
  provider_release(p);
}

static void control_points_and_colours_come_through(void **state)
{
  (void)state;
  source s = picture(WIDTH, HEIGHT, 1, TC_U8);
  GDALDatasetH dataset = filled(&s, "GTiff", "points.tif", "");
  GDAL_GCP points[4];
  GDALInitGCPs(4, points);
  for (int i = 0; i < 4; i++) {
    points[i].dfGCPPixel = i % 2 * WIDTH;
    points[i].dfGCPLine = i / 2 * HEIGHT + 0.5;
    points[i].dfGCPX = 7.25 + i;
    points[i].dfGCPY = -45.125;
  }
  OGRSpatialReferenceH srs = OSRNewSpatialReference(NULL);
  assert_int_equal(OSRImportFromEPSG(srs, 4326), OGRERR_NONE);
  assert_int_equal(GDALSetGCPs2(dataset, 4, points, srs), CE_None);
  OSRDestroySpatialReference(srs);
  GDALDeinitGCPs(4, points);
  GDALColorTableH table = GDALCreateColorTable(GPI_RGB);
  for (short i = 0; i < 256; i++)
    GDALSetColorEntry(table, i, &(GDALColorEntry){i, (short)(255 - i), 7, 255});
  assert_int_equal(GDALSetRasterColorTable(GDALGetRasterBand(dataset, 1), table), CE_None);
  GDALDestroyColorTable(table);
  GDALClose(dataset);
  tc_provider *p = opened("points.tif", NULL);
  assert_string_equal(provider_metadata(p, -1, "GDAL:GCPS"), "0 0.5 7.25 -45.125 0\n300 0.5 8.25 -45.125 0\n"
                                                             "0 201.5 9.25 -45.125 0\n300 201.5 10.25 -45.125 0\n");
  assert_non_null(strstr(provider_metadata(p, -1, "GDAL:GCP_SRS"), "4326"));
  assert_null(provider_metadata(p, -1, "GDAL:SRS"));
  const char *colours = provider_metadata(p, 0, "GDAL:COLOR_TABLE");
  assert_memory_equal(colours, "0 255 7 255\n1 254 7 255\n", 24);
  assert_non_null(strstr(colours, "\n255 0 7 255\n"));
  provider_release(p);
}

static void nodata_that_the_type_lacks_is_none(void **state)
{
  (void)state;
  static const struct { double value; tc_dtype dtype; int has; } cases[] = {
    {255, TC_U8, 1}, {256, TC_U8, 0}, {-1, TC_U8, 0}, {0.5, TC_U8, 0}, {-32768, TC_I16, 1}, {NAN, TC_I16, 0},
    {NAN, TC_F32, 1}, {INFINITY, TC_F32, 1}, {-3.4028234663852886e38, TC_F32, 1}, {-3.40282347e38, TC_F32, 1},
    {1e39, TC_F32, 0}, {1e39, TC_F64, 1}, {4294967295.0, TC_U32, 1}, {4294967296.0, TC_U32, 0}};
  for (size_t i = 0; i < COUNT(cases); i++) {
    uint8_t sample[16];
    assert_int_equal(tcgdal_sample(cases[i].value, cases[i].dtype, sample), cases[i].has);
  }
}

static void a_mask_comes_through(void **state)
{
  (void)state;
  source s = picture(WIDTH, HEIGHT, 3, TC_U8);
  GDALDatasetH dataset = filled(&s, "GTiff", "masked.tif", "TILED=YES");
  assert_int_equal(GDALCreateDatasetMaskBand(dataset, GMF_PER_DATASET), CE_None);
  unsigned char *mask = malloc(WIDTH * HEIGHT);
  for (int i = 0; i < WIDTH * HEIGHT; i++)
    mask[i] = i % 7 < 3 ? 255 : 0;
  assert_int_equal(GDALRasterIO(GDALGetMaskBand(GDALGetRasterBand(dataset, 1)), GF_Write, 0, 0, WIDTH, HEIGHT, mask,
                                WIDTH, HEIGHT, GDT_Byte, 0, 0), CE_None);
  GDALClose(dataset);
  tc_provider *p = opened("masked.tif", NULL), *shown = NULL;
  assert_int_equal(info_of(p).flags & TC_IMAGE_HAS_MASK, TC_IMAGE_HAS_MASK);
  assert_all_blocks(&s, p);
  ok(provider_mask(p, &shown, &err));
  provider_release(p); /* the mask stays with what it needs */
  unsigned char *got = malloc(WIDTH * HEIGHT);
  tc_target into = {got, 0, 0, 0, WIDTH, HEIGHT, 1, TC_U8};
  ok(provider_read_window(shown, 0, 0, 0, NULL, 0, &into, &err));
  assert_memory_equal(got, mask, WIDTH * HEIGHT);
  assert_int_equal(GDALGetCacheUsed64(), 0);
  provider_release(shown);
  free(mask);
  free(got);
}

/* A mask of its own for each band, and the values between 0 and 255 that a mask may have. */
static void masks_of_bands_are_an_image(void **state)
{
  (void)state;
  for (int per_band = 0; per_band < 2; per_band++) {
    source s = picture(side(WIDTH), side(HEIGHT), 2, TC_U16), masks = picture(side(WIDTH), side(HEIGHT), 2, TC_U8);
    int width = (int)s.image.width, height = (int)s.image.height;
    size_t n = (size_t)width * (size_t)height;
    CPLSetConfigOption("GDAL_TIFF_INTERNAL_MASK", "NO");
    GDALDatasetH dataset = filled(&s, "GTiff", "masks.tif", "TILED=YES");
    unsigned char *values = samples_of(&masks), *got = malloc(n * 2);
    if (!per_band)
      assert_int_equal(GDALCreateDatasetMaskBand(dataset, GMF_PER_DATASET), CE_None);
    for (int band = 0; band < (per_band ? 2 : 1); band++) {
      GDALRasterBandH h = GDALGetRasterBand(dataset, band + 1);
      if (per_band)
        assert_int_equal(GDALCreateMaskBand(h, 0), CE_None);
      assert_int_equal(GDALRasterIO(GDALGetMaskBand(h), GF_Write, 0, 0, width, height, values + n * (size_t)band, width,
                                    height, GDT_Byte, 0, 0), CE_None);
    }
    GDALClose(dataset);
    CPLSetConfigOption("GDAL_TIFF_INTERNAL_MASK", NULL);
    tc_gdal_options options = {.struct_size = sizeof options, .flags = TC_GDAL_MASKS, .key = "mine"};
    tc_provider *p = opened("masks.tif", &options);
    tc_image_info info = info_of(p);
    assert_string_equal(provider_key(p), "mine-masks:image:0");
    assert_int_equal(info.bands, 2);
    assert_int_equal(info.dtype, TC_U8);
    assert_int_equal(info.flags & TC_IMAGE_HAS_MASK, 0);
    tc_target into = {got, 0, 0, 0, width, height, 2, TC_U8};
    ok(provider_read_window(p, 0, 0, 0, NULL, 0, &into, &err));
    assert_memory_equal(got, values, n);
    assert_memory_equal(got + n, values + (per_band ? n : 0), n);
    assert_int_equal(GDALGetCacheUsed64(), 0);
    provider_release(p);
    free(values);
    free(got);
    remove("masks.tif.msk");
  }
}

static void types_that_no_type_holds_are_refused(void **state)
{
  (void)state;
  source whole = picture(WIDTH, HEIGHT, 1, TC_I64), real = picture(WIDTH, HEIGHT, 1, TC_F32);
  write_tiff(&whole, "whole.tif", "");
  write_tiff(&real, "real.tif", "");
  static const char *const vrt =
    "<VRTDataset rasterXSize='300' rasterYSize='201'>"
    "<VRTRasterBand dataType='Float32' band='1'><SimpleSource><SourceFilename>real.tif</SourceFilename>"
    "<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>"
    "<VRTRasterBand dataType='Int64' band='2'><SimpleSource><SourceFilename>whole.tif</SourceFilename>"
    "<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>";
  tc_provider *p = NULL;
  fails(TC_E_UNSUPPORTED, "no type holds Int64, as band 2", tc_gdal_open(vrt, NULL, &p, &err));
  assert_null(p);
}

static void bands_of_several_types_become_one(void **state)
{
  (void)state;
  source bytes = picture(WIDTH, HEIGHT, 1, TC_U8), shorts = picture(WIDTH, HEIGHT, 1, TC_I16);
  write_tiff(&bytes, "a.tif", "");
  write_tiff(&shorts, "b.tif", "");
  static const char *const vrt =
    "<VRTDataset rasterXSize='300' rasterYSize='201'>"
    "<VRTRasterBand dataType='Byte' band='1'><SimpleSource><SourceFilename>a.tif</SourceFilename>"
    "<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>"
    "<VRTRasterBand dataType='Int16' band='2'><SimpleSource><SourceFilename>b.tif</SourceFilename>"
    "<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>";
  tc_provider *p = opened(vrt, NULL);
  assert_int_equal(info_of(p).dtype, TC_I16);
  int16_t *got = malloc(WIDTH * HEIGHT * 2 * sizeof *got);
  tc_target into = {got, 0, 0, 0, WIDTH, HEIGHT, 2, TC_I16};
  ok(provider_read_window(p, 0, 0, 0, NULL, 0, &into, &err));
  for (int y = 0; y < HEIGHT; y++)
    for (int x = 0; x < WIDTH; x++) {
      uint8_t byte;
      int16_t number;
      sample_at(&bytes, x, y, 0, 0, &byte);
      sample_at(&shorts, x, y, 0, 0, &number);
      assert_int_equal(got[y * WIDTH + x], byte);
      assert_int_equal(got[WIDTH * HEIGHT + y * WIDTH + x], number);
    }
  free(got);
  provider_release(p);
}

/* ---- keys ---- */

static void opening_twice_shares(void **state)
{
  (void)state;
  source s = picture(WIDTH, HEIGHT, 1, TC_U8);
  write_tiff(&s, "twice.tif", "TILED=YES");
  tc_cache *cache = new_cache(16 << 20);
  tc_provider *a = opened("twice.tif", NULL), *b = opened("./twice.tif", NULL);
  tc_provider *ca = cached(a, cache), *cb = cached(b, cache);
  read_all(ca, 0);
  uint64_t loads = stats_of(cache).loads;
  read_all(cb, 0);
  assert_int_equal(stats_of(cache).loads, loads);
  static const char *const numbers[] = {"NUM_THREADS=1", NULL};
  tc_gdal_options options = {.struct_size = sizeof options, .open_options = numbers};
  tc_provider *c = opened("twice.tif", &options);
  assert_string_not_equal(provider_key(c), provider_key(a));
  tc_gdal_options named = {.struct_size = sizeof named, .key = "mine"};
  tc_provider *d = opened("twice.tif", &named);
  assert_string_equal(provider_key(d), "mine:image:0");
  provider_release(a);
  provider_release(b);
  provider_release(c);
  provider_release(d);
  provider_release(ca);
  provider_release(cb);
  tc_release(cache);
}

static void a_changed_file_is_noticed(void **state)
{
  (void)state;
  source s = picture(WIDTH, HEIGHT, 1, TC_U8), other = picture(WIDTH, HEIGHT, 1, TC_U8);
  other.seed = 5;
  write_tiff(&s, "changed.tif", "TILED=YES");
  tc_provider *p = opened("changed.tif", NULL);
  touch(p, 0, 0, 0);
  char *before = CPLStrdup(provider_key(p));
  write_tiff(&other, "changed.tif", "TILED=YES");
  tc_tile *tile;
  fails(TC_E_SOURCE, "changed.tif has changed", provider_get_block(p, 0, 0, 0, NULL, 0, &tile, &err));
  provider_release(p);
  p = opened("changed.tif", NULL);
  assert_string_not_equal(provider_key(p), before);
  assert_all_blocks(&other, p);
  provider_release(p);
  CPLFree(before);
}

/* ---- errors ---- */

static void CPL_STDCALL count_said(CPLErr kind, CPLErrorNum number, const char *text)
{
  (void)number;
  (void)text;
  if (kind >= CE_Failure)
    ++*(int *)CPLGetErrorHandlerUserData();
}

static void errors_carry_what_gdal_said(void **state)
{
  (void)state;
  int said = 0;
  tc_provider *p = NULL;
  CPLPushErrorHandlerEx(count_said, &said);
  fails(TC_E_SOURCE, "nowhere.tif", tc_gdal_open("nowhere.tif", NULL, &p, &err));
  assert_int_equal(err.source_code, CPLE_OpenFailed);
  assert_null(p);
  assert_int_equal(tc_gdal_open("nowhere.tif", NULL, &p, NULL), TC_E_SOURCE);

  source s = picture(WIDTH, HEIGHT, 1, TC_U8);
  write_tiff(&s, "cut.tif", "COMPRESS=DEFLATE TILED=YES BLOCKXSIZE=128 BLOCKYSIZE=128");
  assert_int_equal(truncate("cut.tif", 20000), 0);
  p = opened("cut.tif", NULL);
  tc_tile *tile = NULL;
  fails(TC_E_SOURCE, "cut.tif", provider_get_block(p, 1, 2, 0, NULL, 0, &tile, &err));
  assert_non_null(strstr(err.message, "IReadBlock failed"));
  assert_int_equal(err.source_code, CPLE_AppDefined);
  assert_null(tile);
  touch(p, 0, 0, 0); /* other blocks are unharmed */
  provider_release(p);
  CPLPopErrorHandler();
  assert_int_equal(said, 0);
  assert_int_equal(GDALGetCacheUsed64(), 0);
}

static void bad_arguments_are_refused(void **state)
{
  (void)state;
  tc_provider *p = NULL;
  refuses(TC_E_ARGUMENT, "path", tc_gdal_open(NULL, NULL, &p, e));
  refuses(TC_E_ARGUMENT, "path", tc_gdal_open("", NULL, &p, e));
  refuses(TC_E_ARGUMENT, "provider", tc_gdal_open("a.tif", NULL, NULL, e));
  refuses(TC_E_ARGUMENT, "dataset", tc_gdal_from_dataset(NULL, NULL, NULL, NULL, &p, e));
  tc_gdal_options options = {0};
  const size_t sizes[] = {0, 4, sizeof(void *), sizeof options - 1, sizeof options + 1, 8192};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    options.struct_size = (uint32_t)sizes[i];
    refuses(TC_E_ARGUMENT, "struct_size", tc_gdal_open("a.tif", &options, &p, e));
  }
  options.struct_size = sizeof options;
  options.windows = 3;
  refuses(TC_E_ARGUMENT, "windows is 3", tc_gdal_open("a.tif", &options, &p, e));
  options.windows = 0;
  options.flags = 4;
  refuses(TC_E_ARGUMENT, "flags", tc_gdal_open("a.tif", &options, &p, e));
  options.flags = 0;
  options.max_sessions = -1;
  refuses(TC_E_RANGE, "max_sessions", tc_gdal_open("a.tif", &options, &p, e));
}

/* ---- datasets ---- */

static void a_dataset_becomes_a_provider(void **state)
{
  (void)state;
  source s = picture(WIDTH, HEIGHT, 2, TC_U16);
  write_tiff(&s, "handle.tif", "TILED=YES");
  int released = 0;
  tc_provider *p = NULL;

  /* What can be opened again is not needed any more. */
  GDALDatasetH dataset = GDALOpen("handle.tif", GA_ReadOnly);
  ok(tc_gdal_from_dataset(dataset, NULL, count_release, &released, &p, &err));
  assert_int_equal(released, 1);
  GDALClose(dataset);
  assert_all_blocks(&s, p);
  provider_release(p);

  /* What may have pixels that no file has is kept. */
  dataset = GDALOpen("handle.tif", GA_Update);
  ok(tc_gdal_from_dataset(dataset, NULL, count_release, &released, &p, &err));
  assert_int_equal(released, 1);
  assert_all_blocks(&s, p);
  provider_release(p);
  assert_int_equal(released, 2);
  GDALClose(dataset);
}

/* ---- threads ---- */

typedef struct { const source *s; tc_provider *p; int wrong; } reading;

static void read_shuffled(void *arg, int index)
{
  reading *r = arg;
  tc_image_info info = {.struct_size = sizeof info};
  if (provider_info(r->p, &info, NULL) != TC_OK)
    r->wrong = 1;
  int64_t n = info.grid_rows * info.grid_cols;
  for (int64_t i = 0; i < n; i++) {
    int64_t at = (i * 7 + index * 5) % n;
    int64_t row = at / info.grid_cols, col = at % info.grid_cols;
    tc_tile *tile = NULL;
    tc_pixels pixels;
    if (provider_get_block(r->p, row, col, 0, NULL, 0, &tile, NULL) != TC_OK)
      r->wrong = 1;
    tc_tile_pixels(tile, &pixels);
    if (tile == NULL || !pixels_match(r->s, &pixels, col * info.block_width, row * info.block_height, 0, NULL))
      r->wrong = 1;
    tc_tile_release(tile);
  }
}

static void eight_threads(void **state)
{
  (void)state;
  source s = picture(side(1111), side(907), 3, TC_U8);
  write_tiff(&s, "threads.tif", "TILED=YES BLOCKXSIZE=128 BLOCKYSIZE=128 COMPRESS=DEFLATE INTERLEAVE=PIXEL");
  GDALDatasetH memory = filled(&s, "MEM", "", "");
  for (int kept = 0; kept < 2; kept++) {
    tc_gdal_options options = {.struct_size = sizeof options, .max_sessions = 4};
    tc_provider *p = NULL;
    int released = 0;
    if (kept)
      ok(tc_gdal_from_dataset(memory, NULL, count_release, &released, &p, &err));
    else
      p = opened("threads.tif", &options);
    tc_cache *cache = new_cache(64 << 20);
    tc_provider *blocks = cached(p, cache);
    reading r = {&s, retiled(blocks, 100, 100, 1, cache), 0};
    in_threads(8, read_shuffled, &r);
    assert_int_equal(r.wrong, 0);
    tc_cache_stats stats = {.struct_size = sizeof stats};
    tc_image_info info = info_of(p);
    ok(provider_counters(blocks, &stats, NULL, &err));
    assert_int_equal(stats.loads, info.grid_rows * info.grid_cols); /* each block once */
    GDALDatasetH *all;
    int open;
    GDALGetOpenDatasets(&all, &open);
    assert_in_range(open, 1, 5); /* four sessions and `memory` */
    assert_int_equal(GDALGetCacheUsed64(), 0);
    provider_release(r.p);
    provider_release(blocks);
    provider_release(p);
    assert_int_equal(released, kept);
    tc_release(cache);
  }
  GDALClose(memory);
  GDALDatasetH *all;
  int open;
  GDALGetOpenDatasets(&all, &open);
  assert_int_equal(open, 0);
}

/* ---- files of GDAL's file systems ---- */

static void our_readers_read_gdals_files(void **state)
{
  (void)state;
  static const struct { const char *driver, *name, *creation; } formats[] = {
    {"GTiff", "scene.tif", "TILED=YES BLOCKXSIZE=64 BLOCKYSIZE=64 COMPRESS=DEFLATE"},
    {"JP2OpenJPEG", "scene.jp2", "REVERSIBLE=YES QUALITY=100 BLOCKXSIZE=128 BLOCKYSIZE=128"},
    {"NITF", "scene.ntf", "BLOCKXSIZE=64 BLOCKYSIZE=64"}};
  static const char *const systems[] = {"/vsizip/scenes.zip", "/vsimem/scenes"};
  source s = picture(WIDTH, HEIGHT, 3, TC_U8);
  write_tiff(&s, "scene.tif", "TILED=YES");
  remove("scenes.zip");
  for (size_t i = 0; i < COUNT(formats); i++) {
    copy_to(formats[i].driver, "scene.tif", "from", formats[i].creation);
    for (size_t j = 0; j < COUNT(systems); j++) {
      char path[64];
      snprintf(path, sizeof path, "%s/%s", systems[j], formats[i].name);
      assert_int_equal(CPLCopyFile(path, "from"), 0);
      tc_provider *p = NULL;
      ok(tc_gdal_open_vsi(path, NULL, &p, &err));
      assert_null(provider_metadata(p, -1, "GDAL:DRIVER"));
      assert_all_blocks(&s, p);
      tc_provider *tiles = retiled(p, 100, 77, 0, NULL);
      provider_release(p);
      reading r = {&s, tiles, 0};
      in_threads(4, read_shuffled, &r);
      assert_int_equal(r.wrong, 0);
      provider_release(tiles);
    }
  }
}

static void a_file_that_fails_says_why(void **state)
{
  (void)state;
  tc_provider *p = NULL;
  refuses(TC_E_ARGUMENT, "path", tc_gdal_open_vsi(NULL, NULL, &p, e));
  refuses(TC_E_ARGUMENT, "path", tc_gdal_open_vsi("", NULL, &p, e));
  refuses(TC_E_ARGUMENT, "provider", tc_gdal_open_vsi("/vsimem/a", NULL, NULL, e));
  int said = 0;
  CPLPushErrorHandlerEx(count_said, &said);
  fails(TC_E_SOURCE, "/vsimem/nowhere", tc_gdal_open_vsi("/vsimem/nowhere", NULL, &p, &err));
  assert_int_equal(err.source_code, CPLE_OpenFailed);
  assert_null(p);
  source s = picture(WIDTH, HEIGHT, 1, TC_U8);
  write_tiff(&s, "/vsimem/cut.tif", "TILED=YES BLOCKXSIZE=64 BLOCKYSIZE=64");
  ok(tc_gdal_open_vsi("/vsimem/cut.tif", NULL, &p, &err));
  vsi_l_offset size = 0;
  GByte *bytes = VSIGetMemFileBuffer("/vsimem/cut.tif", &size, FALSE);
  GByte *all = malloc((size_t)size);
  memcpy(all, bytes, (size_t)size);
  VSILFILE *file = VSIFOpenL("/vsimem/cut.tif", "rb+");
  assert_int_equal(VSIFTruncateL(file, size / 2), 0);
  tc_tile *tile = NULL;
  fails(TC_E_SOURCE, "/vsimem/cut.tif", provider_get_block(p, 3, 4, 0, NULL, 0, &tile, &err));
  assert_non_null(strstr(err.message, "cannot be read"));
  assert_int_equal(err.source_code, CPLE_FileIO);
  touch(p, 0, 0, 0);
  assert_int_equal(VSIFSeekL(file, 0, SEEK_SET), 0);
  assert_int_equal(VSIFWriteL(all, 1, (size_t)size, file), size);
  VSIFCloseL(file);
  assert_all_blocks(&s, p); /* nothing was remembered */
  provider_release(p);
  file = VSIFOpenL("/vsimem/text", "wb");
  assert_int_equal(VSIFWriteL("no image at all", 1, 15, file), 15);
  VSIFCloseL(file);
  fails(TC_E_UNSUPPORTED, "is not TIFF", tc_gdal_open_vsi("/vsimem/text", NULL, &p, &err));
  CPLPopErrorHandler();
  assert_int_equal(said, 0);
  free(all);
}

/* ---- the second copy ---- */

static GIntBig left_by(const char *path, uint32_t flags, uint64_t *kept)
{
  tc_gdal_options options = {.struct_size = sizeof options, .flags = flags, .key = path};
  tc_cache *cache = new_cache(256 << 20);
  tc_provider *p = opened(path, &options), *tiles = retiled(p, 256, 256, 0, cache);
  for (int32_t level = 0; level < info_of(tiles).levels; level++) {
    tc_provider *shown = NULL, *at = NULL;
    ok(provider_level(p, level, &shown, &err));
    at = retiled(shown, 256, 256, 0, cache);
    read_all(at, 0);
    provider_release(shown);
    provider_release(at);
  }
  GIntBig left = GDALGetCacheUsed64();
  *kept = stats_of(cache).resident;
  provider_release(tiles);
  provider_release(p);
  tc_release(cache);
  return left;
}

static void no_second_copy_stays(void **state)
{
  (void)state;
  source s = picture(side(900), side(780), 4, TC_U16);
  write_tiff(&s, "pixel.tif", "TILED=YES INTERLEAVE=PIXEL COMPRESS=DEFLATE ZLEVEL=1");
  build_overviews("pixel.tif");
  write_tiff(&s, "band.tif", "TILED=YES INTERLEAVE=BAND COMPRESS=DEFLATE ZLEVEL=1");
  write_tiff(&s, "rows.tif", "INTERLEAVE=PIXEL");
  copy_to("JP2OpenJPEG", "rows.tif", "copy.jp2", "BLOCKXSIZE=512 BLOCKYSIZE=512");
  copy_to("VRT", "band.tif", "copy.vrt", "");
  const char *const paths[] = {"pixel.tif", "band.tif", "rows.tif", "copy.jp2", "copy.vrt"};
  for (size_t i = 0; i < COUNT(paths); i++) {
    uint64_t kept;
    GIntBig otherwise = left_by(paths[i], TC_GDAL_KEEP_BLOCKS, &kept), left = left_by(paths[i], 0, &kept);
    print_message("%s: tilecache %.1f MiB, GDAL's cache %.1f MiB; left alone, %.1f MiB\n", paths[i],
                  (double)kept / (1 << 20), (double)left / (1 << 20), (double)otherwise / (1 << 20));
    /* A VRT keeps blocks of its sources for what it reads next, as long as it is open. */
    assert_true(strstr(paths[i], ".vrt") != NULL ? left <= TCGDAL_VRT_KEPT : left == 0);
    assert_int_equal(GDALGetCacheUsed64(), 0);
  }
}

/* ---- what a VRT costs beneath ---- */

/* A file system of GDAL over that of the system, "/vsicounted/", which counts the bytes that are read. */
static uint64_t counted;

static void *counted_open(void *user, const char *name, const char *access)
{
  (void)user;
  return fopen(name, access);
}

static int counted_stat(void *user, const char *name, VSIStatBufL *stat, int flags)
{
  (void)user;
  return VSIStatExL(name, stat, flags);
}

static vsi_l_offset counted_tell(void *file)
{
  return (vsi_l_offset)ftell(file);
}

static int counted_seek(void *file, vsi_l_offset offset, int whence)
{
  return fseek(file, (long)offset, whence);
}

static size_t counted_read(void *file, void *into, size_t size, size_t n)
{
  size_t got = fread(into, size, n, file);
  counted += got * size;
  return got;
}

static int counted_eof(void *file)
{
  return feof((FILE *)file);
}

static int counted_close(void *file)
{
  return fclose(file);
}

static void install_counted(void)
{
  VSIFilesystemPluginCallbacksStruct *calls = VSIAllocFilesystemPluginCallbacksStruct();
  calls->stat = counted_stat;
  calls->open = counted_open;
  calls->tell = counted_tell;
  calls->seek = counted_seek;
  calls->read = counted_read;
  calls->eof = counted_eof;
  calls->close = counted_close;
  assert_int_equal(VSIInstallPluginHandler("/vsicounted/", calls), 0);
  VSIFreeFilesystemPluginCallbacksStruct(calls);
}

static void a_vrt_reads_its_source_once(void **state)
{
  (void)state;
  install_counted();
  source s = picture(1500, 1100, 1, TC_U8);
  /* With its first pixel so far beyond that of the source, blocks lie across those of the source. */
  const struct { const char *layout; int64_t width, height; int shift; } rows[] = {
    {"BLOCKYSIZE=1", 1500, 256, 0},
    {"TILED=YES BLOCKXSIZE=512 BLOCKYSIZE=512", 512, 512, 0},
    {"TILED=YES BLOCKXSIZE=512 BLOCKYSIZE=512", 512, 512, 200},
    {"TILED=YES BLOCKXSIZE=16 BLOCKYSIZE=16", 128, 128, 0},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    write_tiff(&s, "beneath.tif", rows[i].layout);
    FILE *file = fopen("over.vrt", "w");
    assert_non_null(file);
    (void)fprintf(file,
                  "<VRTDataset rasterXSize='1500' rasterYSize='1100'><VRTRasterBand dataType='Byte' band='1'>"
                  "<SimpleSource><SourceFilename>/vsicounted/beneath.tif</SourceFilename><SourceBand>1</SourceBand>"
                  "<SrcRect xOff='%d' yOff='0' xSize='%d' ySize='1100'/><DstRect xOff='0' yOff='0' xSize='%d' "
                  "ySize='1100'/></SimpleSource></VRTRasterBand></VRTDataset>",
                  rows[i].shift, 1500 - rows[i].shift, 1500 - rows[i].shift);
    (void)fclose(file);
    tc_cache *cache = new_cache(4 << 20);
    tc_provider *p = opened("over.vrt", NULL), *tiles = retiled(p, 200, 200, 0, cache);
    assert_int_equal(info_of(p).block_width, rows[i].width);
    assert_int_equal(info_of(p).block_height, rows[i].height);
    counted = 0;
    if (rows[i].shift == 0)
      assert_all_blocks(&s, tiles);
    else
      read_all(tiles, 0);
    tc_cache_stats stats = {.struct_size = sizeof stats};
    double amplification = 0;
    ok(provider_counters(p, &stats, &amplification, &err));
    print_message("%s: %.2f times the pixels are read, amplification %.2f\n", rows[i].layout,
                  (double)counted / (1500 * 1100), amplification);
    assert_true(counted < 1500 * 1100 * 3 / 2);
    assert_true(amplification > 0.9 && amplification < 1.1);
    provider_release(tiles);
    provider_release(p);
    tc_release(cache);
    assert_int_equal(GDALGetCacheUsed64(), 0);
  }
}

/* A block of the VRT that lies across many of its source is as dear as all of them. */
static void what_a_vrt_decodes_beneath_is_counted(void **state)
{
  (void)state;
  source s = picture(4096, 512, 1, TC_U8);
  /* Larger than what blocks are put together to. */
  write_tiff(&s, "wide.tif", "BLOCKYSIZE=512 COMPRESS=DEFLATE ZLEVEL=1");
  copy_to("VRT", "wide.tif", "wide.vrt", "");
  tc_provider *p = opened("wide.vrt", NULL);
  tc_image_info info = info_of(p);
  tc_cache_stats stats = {.struct_size = sizeof stats};
  double first = 0, all = 0;
  touch(p, 0, 0, 0);
  ok(provider_counters(p, &stats, &first, &err));
  read_all(p, 0);
  ok(provider_counters(p, &stats, &all, &err));
  double whole = 4096.0 * 512 / (double)(info.block_width * info.block_height);
  assert_int_equal(info.block_width, 128);
  print_message("blocks of %d x %d: %.2f for the first, %.2f for all\n", (int)info.block_width, (int)info.block_height,
                first, all);
  assert_true(first > 0.99 * whole && first < 1.01 * whole);
  assert_true(all > 0.99 && all < 1.01);
  provider_release(p);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_type_in_every_layout),
    cmocka_unit_test(bands_in_any_order),
    cmocka_unit_test(overviews_are_levels),
    cmocka_unit_test(overviews_may_leave_out_levels),
    cmocka_unit_test(flat_blocks_are_put_together),
    cmocka_unit_test(one_huge_block),
    cmocka_unit_test(other_formats),
    cmocka_unit_test(what_is_known_comes_through),
    cmocka_unit_test(control_points_and_colours_come_through),
    cmocka_unit_test(nodata_that_the_type_lacks_is_none),
    cmocka_unit_test(a_mask_comes_through),
    cmocka_unit_test(masks_of_bands_are_an_image),
    cmocka_unit_test(bands_of_several_types_become_one),
    cmocka_unit_test(types_that_no_type_holds_are_refused),
    cmocka_unit_test(opening_twice_shares),
    cmocka_unit_test(a_changed_file_is_noticed),
    cmocka_unit_test(errors_carry_what_gdal_said),
    cmocka_unit_test(bad_arguments_are_refused),
    cmocka_unit_test(a_dataset_becomes_a_provider),
    cmocka_unit_test(our_readers_read_gdals_files),
    cmocka_unit_test(a_file_that_fails_says_why),
    cmocka_unit_test(eight_threads),
    cmocka_unit_test(no_second_copy_stays),
    cmocka_unit_test(a_vrt_reads_its_source_once),
    cmocka_unit_test(what_a_vrt_decodes_beneath_is_counted),
  };
  GDALAllRegister();
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  GDALDestroyDriverManager();
  return failed;
}
