// The GDAL driver TILECACHE: any raster, retiled, with one cache for all datasets of the process.
//
// Pixels come from tilecache, read by its own reader where that gives exactly what GDAL gives, else by
// GDAL, through tilecache_gdal.h. Everything else that GDAL knows of the raster is asked of GDAL, of a
// dataset of the same name. Reads that do not resample, or by the nearest neighbour, go past GDAL's own
// block cache, straight from the tiles, or from the blocks of the raster that these would be made of
// (tiles.h), to the reader's memory; so do parts that GDAL reads to resample them otherwise. Readers of
// blocks leave a second copy of what they touch in GDAL's cache, within GDAL_CACHEMAX. Smaller versions that
// GDAL makes from less than all pixels (reader.h) are left to it.
//
// The plugin also exports the functions of tilecache_gdal.h for languages that cannot use a header.

#include <memory>

#include <dlfcn.h>
#include <gdal_priv.h>

#include "cache.h"
#include "raster.h"

namespace {

// Whether the code at `caller` is of another GDAL than the one that the driver is linked to, as in a program that
// brings its own: a driver would be registered where nobody looks, and share no type with the other one.
bool isAnotherGdal(const void *caller)
{
  Dl_info theirs{}, ours{};
  if (dladdr(caller, &theirs) == 0 || dladdr(reinterpret_cast<void *>(&GetGDALDriverManager), &ours) == 0)
    return false;
  void *library = dlopen(theirs.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  if (library == nullptr)
    return false;
  void *manager = dlsym(library, "GetGDALDriverManager");
  dlclose(library);
  Dl_info found{};
  if (manager == nullptr || dladdr(manager, &found) == 0 || found.dli_fbase == ours.dli_fbase)
    return false;
  CPLError(CE_Failure, CPLE_AppDefined,
           "TILECACHE: the driver is built against %s and cannot serve %s, which is another GDAL: build it against that",
           ours.dli_fname, found.dli_fname);
  return true;
}

} // namespace

extern "C" {

CPL_DLL void GDALRegister_TILECACHE();

// The functions of tilecache_gdal.h, as symbols.
CPL_DLL tc_status tilecache_gdal_open(const char *path, const tc_gdal_options *options, tc_provider **provider,
                                      tc_error *err);
CPL_DLL tc_status tilecache_gdal_from_dataset(GDALDatasetH dataset, const tc_gdal_options *options,
                                              tc_release_fn release, void *user, tc_provider **provider,
                                              tc_error *err);
CPL_DLL tc_status tilecache_gdal_open_vsi(const char *path, const tc_open_options *options, tc_provider **provider,
                                          tc_error *err);
CPL_DLL tc_status tilecache_gdal_srs(const tc_georef *georef, OGRSpatialReferenceH *srs, tc_error *err);
CPL_DLL tc_status tilecache_gdal_set_georef(GDALDatasetH dataset, const tc_georef *georef, tc_error *err);
CPL_DLL tc_status tilecache_gdal_transform(void *transformer, const char *name, tc_transform **transform, tc_error *err);

void GDALRegister_TILECACHE()
{
  if (isAnotherGdal(__builtin_return_address(0)) || !GDAL_CHECK_VERSION("TILECACHE") ||
      GDALGetDriverByName("TILECACHE") != nullptr)
    return;
  auto driver = std::make_unique<GDALDriver>();
  driver->SetDescription("TILECACHE");
  driver->SetMetadataItem(GDAL_DCAP_RASTER, "YES");
  driver->SetMetadataItem(GDAL_DMD_LONGNAME, "Any raster in cached tiles (TILECACHE:path?tile=512&cache=1GiB)");
  driver->SetMetadataItem(GDAL_DMD_CONNECTION_PREFIX, connectionPrefix);
  driver->SetMetadataItem(
      GDAL_DMD_OPENOPTIONLIST,
      "<OpenOptionList>"
      "<Option name='TILE' type='string' description='Size of a tile: 512, or 512x256' default='512'/>"
      "<Option name='PAD' type='boolean' description='Whether tiles at the edge are of full size' default='NO'/>"
      "<Option name='CACHE' type='string' description='Bytes of the cache of this process, such as 1GiB; the first "
      "dataset decides, and before it the configuration option TILECACHE_CACHE'/>"
      "<Option name='SOURCE' type='string-select' description='Who reads the raster' default='AUTO'>"
      "<Value>AUTO</Value><Value>TILECACHE</Value><Value>GDAL</Value></Option>"
      "<Option name='RGB' type='boolean' description='Whether CMYK and CIELab come as the three colours that GDAL shows, "
      "by SOURCE=TILECACHE' default='NO'/>"
      "<Option name='LAYERS' type='int' description='Quality layers of JPEG 2000 that are decoded, where the library "
      "reads the raster; 0 for all' default='0'/>"
      "<Option name='OVERVIEWS' type='string' description='Overviews in all, computed where the raster has none: a "
      "number, or ALL for as many as end in one tile'/>"
      "<Option name='FILTER' type='string-select' description='What they are computed by; implies OVERVIEWS=ALL'>"
      "<Value>NEAREST</Value><Value>AVERAGE</Value><Value>BILINEAR</Value><Value>CUBIC</Value><Value>LANCZOS</Value>"
      "<Value>GAUSS</Value><Value>MODE</Value><Value>MIN</Value><Value>MAX</Value><Value>MEDIAN</Value>"
      "<Value>RMS</Value><Value>SIPS</Value></Option>"
      "<Option name='NATIVE' type='boolean' description='Whether those that the raster has are shown as they are, and "
      "others computed from them; implies OVERVIEWS=ALL' default='YES'/>"
      "<Option name='SRS' type='string' description='Reference system that the raster is warped to'/>"
      "<Option name='RESOLUTION' type='string' description='With SRS: size of a pixel, 10 or 10x20; as GDAL suggests "
      "if not given'/>"
      "<Option name='RESAMPLING' type='string-select' description='With SRS' default='BILINEAR'>"
      "<Value>NEAREST</Value><Value>AVERAGE</Value><Value>BILINEAR</Value><Value>CUBIC</Value><Value>LANCZOS</Value>"
      "</Option>"
      "</OpenOptionList>");
  driver->pfnIdentify = Dataset::identify;
  driver->pfnOpen = Dataset::open;
  driver->pfnUnloadDriver = [](GDALDriver *) { releaseCache(); };
  GetGDALDriverManager()->RegisterDriver(driver.release());
}

tc_status tilecache_gdal_open(const char *path, const tc_gdal_options *options, tc_provider **provider, tc_error *err)
{
  return tc_gdal_open(path, options, provider, err);
}

tc_status tilecache_gdal_from_dataset(GDALDatasetH dataset, const tc_gdal_options *options, tc_release_fn release,
                                      void *user, tc_provider **provider, tc_error *err)
{
  return tc_gdal_from_dataset(dataset, options, release, user, provider, err);
}

tc_status tilecache_gdal_open_vsi(const char *path, const tc_open_options *options, tc_provider **provider,
                                  tc_error *err)
{
  return tc_gdal_open_vsi(path, options, provider, err);
}

tc_status tilecache_gdal_srs(const tc_georef *georef, OGRSpatialReferenceH *srs, tc_error *err)
{
  return tc_gdal_srs(georef, srs, err);
}

tc_status tilecache_gdal_set_georef(GDALDatasetH dataset, const tc_georef *georef, tc_error *err)
{
  return tc_gdal_set_georef(dataset, georef, err);
}

tc_status tilecache_gdal_transform(void *transformer, const char *name, tc_transform **transform, tc_error *err)
{
  return tc_gdal_transform(transformer, name, transform, err);
}

} // extern "C"
