/* Where images lie on the ground, both ways: what tilecache_gdal.h takes from GDAL's datasets is what GDAL says of them,
 * and datasets that it lets lie where an image does say what the image says. Files are made here, in the current
 * directory. */
#include "support.h"

#include "tilecache_gdal.h"

enum { WIDTH = 64, HEIGHT = 48, MAX_GCPS = 5 };

static uint64_t seed = 20;

static double some(void)
{
  return ((double)random_below(&seed, 2000001) - 1000000) / 128;
}

static bool chance(uint32_t of)
{
  return random_below(&seed, of) == 0;
}

/* ---- something to say ---- */

typedef struct { tc_georef georef; tc_gcp gcps[MAX_GCPS]; tc_rpc rpc; } said;

static const struct { int32_t epsg, vertical; const char *unit; } systems[] = {
  {4326, 0, "m"}, {32632, 0, "ft"}, {2154, 0, NULL}, {3857, 0, "m"}, {32632, 5773, "metre"}, {4258, 0, NULL},
  {25832, 7837, "metre"}, {2056, 5728, "metre"}};

/* A part of all that can be said, never both a transform and points. If it is `plain`, what GDAL leaves in TIFF as it
 * is: not names of points, nor points in pixels that are points, nor what those are beside no system, nor more
 * than 15 digits of polynomials. */
static void say_something(said *s, bool plain)
{
  static const char *const ids[2][MAX_GCPS] = {{"", "1", "third", "Z\xc3\xbcrich", "last one"}, {"1", "2", "3", "4", "5"}};
  memset(s, 0, sizeof *s);
  tc_georef *g = &s->georef;
  g->struct_size = sizeof *g;
  const uint32_t at = random_below(&seed, COUNT(systems) + 1);
  if (at < COUNT(systems)) {
    g->epsg = systems[at].epsg;
    g->vertical_epsg = systems[at].vertical;
    g->vertical_unit = systems[at].unit;
  }
  if (chance(2)) {
    g->flags |= TC_GEOREF_HAS_TRANSFORM;
    const bool turned = chance(3);
    const double t[6] = {some(), 0.5, turned ? 0.25 : 0, some(), turned ? -0.125 : 0, chance(4) ? 2 : -2};
    memcpy(g->transform, t, sizeof t);
  } else if (chance(2)) {
    g->n_gcps = 1 + random_below(&seed, MAX_GCPS);
    g->gcps = s->gcps;
    for (size_t i = 0; i < g->n_gcps; i++)
      s->gcps[i] = (tc_gcp){some(), some(), some(), some(), some(), ids[plain][i],
                            i == 3 && !plain ? "a mast" : ""};
  }
  if (chance(3) && (!plain || (g->epsg != 0 && g->n_gcps == 0)))
    g->flags |= TC_GEOREF_PIXEL_IS_POINT;
  if (chance(3)) {
    tc_rpc *r = &s->rpc;
    *r = (tc_rpc){.err_bias = chance(2) ? -1 : 0.5, .err_rand = -1, .line_off = some(), .samp_off = some(), .lat_off = 47,
                  .long_off = 11.1, .height_off = 500, .line_scale = 19, .samp_scale = 27, .lat_scale = 0.1,
                  .long_scale = 0.2, .height_scale = 400};
    for (int i = 0; i < 20; i++) {
      r->line_num[i] = some() / (plain ? 4 : 3);
      r->line_den[i] = some() / (plain ? 8 : 7);
      r->samp_num[i] = some() / 1e9;
      r->samp_den[i] = some();
    }
    g->rpc = r;
  }
}

static tc_georef georef_of(const tc_provider *provider, int32_t level)
{
  tc_georef g = {.struct_size = sizeof g};
  ok(provider_georef(provider, level, &g, &err));
  return g;
}

static void assert_text(const char *a, const char *b)
{
  assert_string_equal(a != NULL ? a : "", b != NULL ? b : "");
}

static void assert_same(const tc_georef *a, const tc_georef *b)
{
  /* GDAL has a text of its own for what is told by codes. */
  assert_int_equal(a->flags | TC_GEOREF_WKT_OF_CODES, b->flags | TC_GEOREF_WKT_OF_CODES);
  assert_memory_equal(a->transform, b->transform, sizeof a->transform);
  assert_int_equal(a->epsg, b->epsg);
  assert_int_equal(a->vertical_epsg, b->vertical_epsg);
  assert_text(a->vertical_unit, b->vertical_unit);
  assert_int_equal(a->n_gcps, b->n_gcps);
  for (size_t i = 0; i < a->n_gcps; i++) {
    assert_memory_equal(&a->gcps[i], &b->gcps[i], offsetof(tc_gcp, id));
    assert_string_equal(a->gcps[i].id, b->gcps[i].id);
    assert_string_equal(a->gcps[i].info, b->gcps[i].info);
  }
  assert_int_equal(a->rpc != NULL, b->rpc != NULL);
  if (a->rpc != NULL)
    assert_memory_equal(a->rpc, b->rpc, sizeof *a->rpc);
}

/* ---- GDAL's own words ---- */

static GDALDatasetH created(const char *driver, const char *name)
{
  GDALDatasetH dataset = GDALCreate(GDALGetDriverByName(driver), name, WIDTH, HEIGHT, 2, GDT_Float32, NULL);
  assert_non_null(dataset);
  return dataset;
}

/* Whether GDAL says of the dataset what `g` says. */
static void assert_gdal_says(GDALDatasetH dataset, const tc_georef *g)
{
  double t[6];
  const bool has = GDALGetGeoTransform(dataset, t) == CE_None;
  assert_int_equal(has, (g->flags & TC_GEOREF_HAS_TRANSFORM) != 0);
  if (has)
    assert_memory_equal(t, g->transform, sizeof t);
  const char *point = GDALGetMetadataItem(dataset, "AREA_OR_POINT", NULL);
  assert_int_equal(point != NULL && EQUAL(point, "Point"), (g->flags & TC_GEOREF_PIXEL_IS_POINT) != 0);
  assert_int_equal(GDALGetGCPCount(dataset), g->n_gcps);
  const GDAL_GCP *points = GDALGetGCPs(dataset);
  for (size_t i = 0; i < g->n_gcps; i++) {
    const double theirs[5] = {points[i].dfGCPPixel, points[i].dfGCPLine, points[i].dfGCPX, points[i].dfGCPY,
                              points[i].dfGCPZ};
    assert_memory_equal(theirs, &g->gcps[i], sizeof theirs);
    assert_string_equal(points[i].pszId, g->gcps[i].id);
    assert_string_equal(points[i].pszInfo, g->gcps[i].info);
  }
  GDALRPCInfoV2 theirs;
  char **items = GDALGetMetadata(dataset, "RPC");
  assert_int_equal(items != NULL, g->rpc != NULL);
  if (items != NULL) {
    assert_true(GDALExtractRPCInfoV2(items, &theirs));
    assert_memory_equal(&theirs, &g->rpc->line_off, sizeof *g->rpc - offsetof(tc_rpc, line_off));
    assert_true(CPLAtof(CSLFetchNameValue(items, "ERR_BIAS")) == g->rpc->err_bias);
  }
  for (int band = 1; band <= 2; band++)
    assert_text(GDALGetRasterUnitType(GDALGetRasterBand(dataset, band)), g->vertical_unit);
  OGRSpatialReferenceH srs = GDALGetSpatialRef(dataset), ours = NULL;
  srs = srs != NULL ? srs : GDALGetGCPSpatialRef(dataset);
  if (srs == NULL) {
    fails(TC_E_NOT_FOUND, "no coordinate reference system", tc_gdal_srs(g, &ours, &err));
    return;
  }
  ok(tc_gdal_srs(g, &ours, &err));
  assert_true(OSRIsSame(ours, srs));
  OSRDestroySpatialReference(ours);
}

/* ---- the tests ---- */

/* Said of a source, seen through operators, put into a dataset of GDAL's, and taken from there again. */
static void a_dataset_lies_where_an_image_does(void **state)
{
  (void)state;
  static const char *const drivers[] = {"MEM", "GTiff"};
  source s;
  source_init(&s, WIDTH, HEIGHT, 32, 32, 2, TC_F32);
  tc_provider *plain = open_source(&s);
  tc_cache *cache = new_cache(1 << 24);
  for (int n = 0; n < scaled(60); n++) {
    said something;
    say_something(&something, n % 2 != 0);
    tc_provider *placed = NULL, *same = NULL;
    ok(provider_with_georef(plain, &something.georef, &placed, &err));
    tc_provider *tiles = retiled(placed, 20, 30, 1, cache);
    const tc_georef told = georef_of(tiles, 0);
    assert_same(&told, &something.georef);

    const char *driver = drivers[n % 2];
    GDALDatasetH dataset = created(driver, "placed.tif");
    ok(tc_gdal_set_georef(dataset, &told, &err));
    if (strcmp(driver, "GTiff") == 0) {
      GDALClose(dataset);
      dataset = GDALOpen("placed.tif", GA_ReadOnly);
      assert_non_null(dataset);
    }
    assert_gdal_says(dataset, &told);
    ok(tc_gdal_from_dataset(dataset, NULL, NULL, NULL, &same, &err));
    const tc_georef again = georef_of(same, 0);
    assert_same(&again, &told);
    assert_int_equal(again.wkt != NULL, told.epsg != 0);

    /* And from there with its text alone. */
    tc_georef by_text = again;
    by_text.epsg = by_text.vertical_epsg = 0;
    GDALDatasetH other = created("MEM", "");
    ok(tc_gdal_set_georef(other, &by_text, &err));
    assert_gdal_says(other, &told);
    GDALClose(other);

    provider_release(same);
    GDALClose(dataset);
    VSIUnlink("placed.tif");
    VSIUnlink("placed.tif.aux.xml");
    provider_release(tiles);
    provider_release(placed);
  }
  tc_release(cache);
  provider_release(plain);
  source_done(&s);
}

/* What GDAL was told by its own functions. */
static void levels_and_masks_lie_where_the_image_does(void **state)
{
  (void)state;
  CPLSetConfigOption("GDAL_TIFF_INTERNAL_MASK", "YES");
  GDALDatasetH dataset = created("GTiff", "levels.tif");
  double t[6] = {500000.5, 10, 0, 5200000, 0, -20};
  assert_int_equal(GDALSetGeoTransform(dataset, t), CE_None);
  OGRSpatialReferenceH srs = OSRNewSpatialReference(NULL);
  assert_int_equal(OSRImportFromEPSG(srs, 32632), OGRERR_NONE);
  assert_int_equal(GDALSetSpatialRef(dataset, srs), CE_None);
  OSRDestroySpatialReference(srs);
  assert_int_equal(GDALCreateDatasetMaskBand(dataset, GMF_PER_DATASET), CE_None);
  int factors[] = {2, 4};
  assert_int_equal(GDALBuildOverviews(dataset, "NEAREST", 2, factors, 0, NULL, NULL, NULL), CE_None);
  GDALClose(dataset);

  tc_provider *whole = NULL, *mask = NULL, *masks = NULL;
  ok(tc_gdal_open("levels.tif", NULL, &whole, &err));
  ok(provider_mask(whole, &mask, &err));
  tc_gdal_options as_masks = {.struct_size = sizeof as_masks, .flags = TC_GDAL_MASKS};
  ok(tc_gdal_open("levels.tif", &as_masks, &masks, &err));
  tc_provider *const all[] = {whole, mask, masks};
  for (size_t i = 0; i < COUNT(all); i++)
    for (int32_t level = 0; level < 3; level++) {
      const tc_georef g = georef_of(all[i], level);
      const double expected[6] = {t[0], t[1] * (1 << level), 0, t[3], 0, t[5] * (1 << level)};
      assert_int_equal(g.flags, TC_GEOREF_HAS_TRANSFORM);
      assert_memory_equal(g.transform, expected, sizeof expected);
      assert_int_equal(g.epsg, 32632);
    }
  provider_release(masks);
  provider_release(mask);
  provider_release(whole);
}

static tc_provider *from_dataset(GDALDatasetH dataset)
{
  tc_provider *provider = NULL;
  ok(tc_gdal_from_dataset(dataset, NULL, NULL, NULL, &provider, &err));
  return provider;
}

static void what_cannot_be_used_is_left_out(void **state)
{
  (void)state;
  const double bad[][6] = {{0}, {0, 1, 1, 0, 1, 1}, {0, 1, 0, 0, 0, 0}, {NAN, 1, 0, 0, 0, 1}, {0, INFINITY, 0, 0, 0, 1},
                           {0, 1e-320, 0, 0, 0, 1}};
  for (size_t i = 0; i < COUNT(bad); i++) {
    GDALDatasetH dataset = created("MEM", "");
    double t[6];
    memcpy(t, bad[i], sizeof t);
    assert_int_equal(GDALSetGeoTransform(dataset, t), CE_None);
    GDAL_GCP points[3];
    GDALInitGCPs(3, points);
    points[1].dfGCPX = NAN;
    points[2].dfGCPLine = 7;
    CPLFree(points[2].pszInfo);
    points[2].pszInfo = CPLStrdup("Z\xfcrich"); /* Latin-1 */
    assert_int_equal(GDALSetGCPs2(dataset, 3, points, NULL), CE_None);
    GDALDeinitGCPs(3, points);
    assert_int_equal(GDALSetMetadataItem(dataset, "LINE_OFF", "5", "RPC"), CE_None);
    GDALSetRasterUnitType(GDALGetRasterBand(dataset, 1), "K");
    tc_provider *p = from_dataset(dataset);
    const tc_georef g = georef_of(p, 0);
    assert_int_equal(g.flags, 0);
    assert_int_equal(g.n_gcps, 2);
    assert_true(g.gcps[1].line == 7);
    assert_string_equal(g.gcps[1].info, "Z\xc3\xbcrich");
    assert_null(g.rpc);
    assert_null(g.wkt);
    assert_null(g.vertical_unit);
    provider_release(p);
    GDALClose(dataset);
  }

  /* RPCs as some deliver them, and each without one number. */
  said something;
  do
    say_something(&something, false);
  while (something.georef.rpc == NULL);
  GDALDatasetH dataset = created("MEM", "");
  ok(tc_gdal_set_georef(dataset, &something.georef, &err));
  char **items = CSLDuplicate(GDALGetMetadata(dataset, "RPC"));
  for (int i = 0; i < CSLCount(items); i++) {
    const bool is_needed = !STARTS_WITH(items[i], "ERR_");
    char **fewer = CSLRemoveStrings(CSLDuplicate(items), i, 1, NULL);
    assert_int_equal(GDALSetMetadata(dataset, fewer, "RPC"), CE_None);
    tc_provider *p = from_dataset(dataset);
    assert_int_equal(georef_of(p, 0).rpc == NULL, is_needed);
    provider_release(p);
    CSLDestroy(fewer);
  }
  items = CSLSetNameValue(items, "LINE_OFF", "+012.50 pixels");
  items = CSLSetNameValue(items, "HEIGHT_SCALE", "0");
  for (int last = 0; last < 2; last++) {
    assert_int_equal(GDALSetMetadata(dataset, items, "RPC"), CE_None);
    tc_provider *p = from_dataset(dataset);
    const tc_georef g = georef_of(p, 0);
    assert_int_equal(g.rpc != NULL, last);
    if (last)
      assert_true(g.rpc->line_off == 12.5 && g.rpc->height_scale == 3);
    provider_release(p);
    items = CSLSetNameValue(items, "HEIGHT_SCALE", "3 meters");
  }
  CSLDestroy(items);
  GDALClose(dataset);
}

static void bad_arguments_are_refused(void **state)
{
  (void)state;
  tc_georef g = {.struct_size = sizeof g};
  OGRSpatialReferenceH srs = NULL;
  GDALDatasetH dataset = created("MEM", "");
  fails(TC_E_ARGUMENT, "georef is NULL", tc_gdal_srs(NULL, &srs, &err));
  fails(TC_E_ARGUMENT, "srs is NULL", tc_gdal_srs(&g, NULL, &err));
  fails(TC_E_ARGUMENT, "georef is NULL", tc_gdal_set_georef(dataset, NULL, &err));
  fails(TC_E_ARGUMENT, "dataset is NULL", tc_gdal_set_georef(NULL, &g, &err));
  g.struct_size = 8;
  fails(TC_E_ARGUMENT, "struct_size of georef is 8", tc_gdal_srs(&g, &srs, &err));
  fails(TC_E_ARGUMENT, "struct_size of georef is 8", tc_gdal_set_georef(dataset, &g, &err));
  assert_int_equal(tc_gdal_set_georef(dataset, &g, NULL), TC_E_ARGUMENT);
  g.struct_size = sizeof g;
  fails(TC_E_NOT_FOUND, "no coordinate reference system", tc_gdal_srs(&g, &srs, &err));
  g.epsg = 999999;
  fails(TC_E_SOURCE, "GDAL: ", tc_gdal_srs(&g, &srs, &err));
  fails(TC_E_SOURCE, "GDAL: ", tc_gdal_set_georef(dataset, &g, &err));
  g.wkt = "PROJCS[";
  fails(TC_E_SOURCE, "GDAL: ", tc_gdal_srs(&g, &srs, &err));
  assert_null(srs);
  g.wkt = NULL;
  g.epsg = 32632;
  g.vertical_epsg = 32633; /* which is no vertical one */
  fails(TC_E_SOURCE, "GDAL: ", tc_gdal_srs(&g, &srs, &err));
  ok(tc_gdal_set_georef(dataset, &(tc_georef){.struct_size = sizeof g}, &err));
  GDALClose(dataset);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_dataset_lies_where_an_image_does),
    cmocka_unit_test(levels_and_masks_lie_where_the_image_does),
    cmocka_unit_test(what_cannot_be_used_is_left_out),
    cmocka_unit_test(bad_arguments_are_refused),
  };
  GDALAllRegister();
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  GDALDestroyDriverManager();
  return failed;
}
