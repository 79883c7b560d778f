/* What `tilecache warp --to` asks of GDAL: where an image lies in another reference system, and the transformation from
 * there. Everything that GDAL knows of: a transform, control points, rational polynomials. */
#include <tilecache_gdal.h>

#include <gdal_alg.h>
#include <gdal_utils.h>

/* What is asked for, and what is found; the same in gdal.rs. */
typedef struct tool_map {
  const tc_georef *georef; /* of an image of `width` x `height` pixels */
  int64_t width, height;
  const char *system;      /* anything that OSRSetFromUserInput takes */
  int32_t order;           /* of a polynomial through control points; 0 is the thin plate spline */
  double rpc_height;
  double resolution;       /* 0: the one that gdalwarp chooses */
  /* Found: */
  double transform[6];
  int64_t map_width, map_height;
  int32_t epsg;            /* 0: none */
  char *wkt;               /* to be freed by tool_map_free */
  tc_transform *from_map;  /* to be released */
} tool_map;

static char **transformer_options(const tool_map *map)
{
  char **options = CSLSetNameValue(NULL, "DST_SRS", map->system);
  if ((map->georef->flags & TC_GEOREF_HAS_TRANSFORM) != 0)
    return options;
  if (map->georef->n_gcps > 0) {
    options = CSLSetNameValue(options, "METHOD", map->order > 0 ? "GCP_POLYNOMIAL" : "GCP_TPS");
    if (map->order > 0)
      options = CSLSetNameValue(options, "MAX_GCP_ORDER", CPLSPrintf("%d", map->order));
    return options;
  }
  options = CSLSetNameValue(options, "METHOD", "RPC");
  return CSLSetNameValue(options, "RPC_HEIGHT", CPLSPrintf("%.17g", map->rpc_height));
}

/* The extent and size of the map, of pixels of the resolution that is asked for. */
static tc_status choose_size(GDALDatasetH image, void *transformer, tool_map *map, tc_error *err)
{
  double extent[4];
  int width = 0, height = 0;
  if (GDALSuggestedWarpOutput2(image, GDALGenImgProjTransform, transformer, map->transform, &width, &height, extent, 0) != CE_None)
    return tcgdal_fail(err, TC_E_SOURCE, CPLGetLastErrorNo(), "GDAL: %s", CPLGetLastErrorMsg());
  map->map_width = width;
  map->map_height = height;
  if (map->resolution > 0) {
    const double columns = ceil((extent[2] - extent[0]) / map->resolution - 1e-6);
    const double rows = ceil((extent[3] - extent[1]) / map->resolution - 1e-6);
    if (!(columns < INT_MAX && rows < INT_MAX))
      return tcgdal_fail(err, TC_E_RANGE, 0, "a resolution of %g makes a map of %.0f x %.0f pixels", map->resolution, columns, rows);
    map->map_width = columns < 1 ? 1 : (int64_t)columns;
    map->map_height = rows < 1 ? 1 : (int64_t)rows;
    map->transform[0] = extent[0], map->transform[1] = map->resolution, map->transform[2] = 0;
    map->transform[3] = extent[3], map->transform[4] = 0, map->transform[5] = -map->resolution;
  }
  return TC_OK;
}

static tc_status describe_system(OGRSpatialReferenceH system, tool_map *map, tc_error *err)
{
  static const char *const form[] = {"FORMAT=WKT2_2019", NULL};
  const char *authority, *code;
  if (OSRSetFromUserInput(system, map->system) != OGRERR_NONE)
    return tcgdal_fail(err, TC_E_ARGUMENT, 0, "GDAL knows no reference system \"%s\"; such as EPSG:32632 is meant, or its WKT", map->system);
  authority = OSRGetAuthorityName(system, NULL);
  code = OSRGetAuthorityCode(system, NULL);
  if (authority != NULL && code != NULL && EQUAL(authority, "EPSG"))
    map->epsg = atoi(code);
  if (OSRExportToWktEx(system, &map->wkt, form) != OGRERR_NONE)
    return tcgdal_fail(err, TC_E_SOURCE, 0, "GDAL has no WKT of \"%s\"", map->system);
  return TC_OK;
}

static tc_status find(GDALDatasetH image, tool_map *map, tc_error *err)
{
  char **options = transformer_options(map);
  void *transformer = GDALCreateGenImgProjTransformer2(image, NULL, options);
  tc_status status;
  CSLDestroy(options);
  if (transformer == NULL)
    return tcgdal_fail(err, TC_E_SOURCE, CPLGetLastErrorNo(), "GDAL: %s", CPLGetLastErrorMsg());
  status = choose_size(image, transformer, map, err);
  if (status == TC_OK) {
    GDALSetGenImgProjTransformerDstGeoTransform(transformer, map->transform);
    status = tc_gdal_transform(transformer, NULL, &map->from_map, err);
  }
  if (status != TC_OK)
    GDALDestroyTransformer(transformer);
  return status;
}

tc_status tool_map_find(tool_map *map, tc_error *err)
{
  OGRSpatialReferenceH system = OSRNewSpatialReference(NULL);
  GDALDatasetH image = NULL;
  tc_status status;
  if (GDALGetDriverByName("MEM") == NULL)
    GDALAllRegister();
  CPLPushErrorHandler(CPLQuietErrorHandler); /* what it says is in the error */
  CPLErrorReset();
  status = describe_system(system, map, err);
  if (status == TC_OK) {
    if (map->width > INT_MAX || map->height > INT_MAX) {
      status = tcgdal_fail(err, TC_E_UNSUPPORTED, 0, "GDAL has no images of %.0f x %.0f pixels", (double)map->width, (double)map->height);
    } else {
      image = GDALCreate(GDALGetDriverByName("MEM"), "", (int)map->width, (int)map->height, 0, GDT_Byte, NULL);
      status = image == NULL ? tcgdal_fail(err, TC_E_SOURCE, CPLGetLastErrorNo(), "GDAL: %s", CPLGetLastErrorMsg())
                             : tc_gdal_set_georef(image, map->georef, err);
    }
  }
  if (status == TC_OK)
    status = find(image, map, err);
  CPLPopErrorHandler();
  if (image != NULL)
    GDALClose(image);
  OSRDestroySpatialReference(system);
  return status;
}

void tool_map_free(tool_map *map)
{
  CPLFree(map->wkt);
}

/* Leads places to longitudes and latitudes of WGS 84. Gives 0 if that is not possible. */
int tool_to_degrees(const tc_georef *georef, double *x, double *y, int n)
{
  OGRSpatialReferenceH from = NULL, to = OSRNewSpatialReference(NULL);
  OGRCoordinateTransformationH between = NULL;
  int good = 0;
  CPLPushErrorHandler(CPLQuietErrorHandler);
  if (OSRImportFromEPSG(to, 4326) == OGRERR_NONE && tc_gdal_srs(georef, &from, NULL) == TC_OK) {
    OSRSetAxisMappingStrategy(to, OAMS_TRADITIONAL_GIS_ORDER);
    between = OCTNewCoordinateTransformation(from, to);
    good = between != NULL && OCTTransform(between, n, x, y, NULL);
    OCTDestroyCoordinateTransformation(between);
  }
  CPLPopErrorHandler();
  OSRDestroySpatialReference(from);
  OSRDestroySpatialReference(to);
  return good;
}
