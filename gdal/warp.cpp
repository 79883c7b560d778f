#include "warp.h"

#include <algorithm>
#include <climits>
#include <string>

#include <cpl_conv.h>
#include <gdal_alg.h>

namespace {

// The transformer between the pixels of a raster and those of a grid.
class Transformer {
public:
  Transformer(GDALDataset *twin, const char *wkt)
  {
    CPLStringList how;
    how.SetNameValue("DST_SRS", wkt);
    m_transformer = GDALCreateGenImgProjTransformer2(GDALDataset::ToHandle(twin), nullptr, how.List());
  }
  Transformer(const Transformer &) = delete;
  Transformer &operator=(const Transformer &) = delete;
  ~Transformer()
  {
    if (m_transformer != nullptr)
      GDALDestroyGenImgProjTransformer(m_transformer);
  }

  void *get() const { return m_transformer; }
  void release() { m_transformer = nullptr; }

private:
  void *m_transformer;
};

std::string wktOf(const OGRSpatialReference *srs)
{
  char *wkt = nullptr;
  std::string text;
  if (srs != nullptr && srs->exportToWkt(&wkt) == OGRERR_NONE)
    text = wkt;
  CPLFree(wkt);
  return text;
}

std::string textOf(const double *transform)
{
  std::string text;
  for (int i = 0; i < 6; i++)
    text += CPLSPrintf("%.17g ", transform[i]);
  return text;
}

// What tells the transformer in keys; empty where more than two transforms and systems make it.
std::string nameOf(GDALDataset *twin, const Place &place)
{
  double from[6];
  if (twin->GetGeoTransform(from) != CE_None)
    return "";
  return textOf(from) + wktOf(twin->GetSpatialRef()) + " to " + textOf(place.transform.data()) + wktOf(&place.srs);
}

} // namespace

Provider openWarped(const Options &options, GDALDataset *twin, tc_provider *source, tc_cache *cache, Place &place)
{
  if (place.srs.SetFromUserInput(options.srs.c_str()) != OGRERR_NONE) {
    CPLError(CE_Failure, CPLE_IllegalArg, "TILECACHE: srs=%s is not understood", options.srs.c_str());
    return nullptr;
  }
  place.srs.SetAxisMappingStrategy(OAMS_TRADITIONAL_GIS_ORDER);
  Transformer transformer(twin, wktOf(&place.srs).c_str());
  int width = 0, height = 0;
  double *const to = place.transform.data();
  if (transformer.get() == nullptr ||
      GDALSuggestedWarpOutput(GDALDataset::ToHandle(twin), GDALGenImgProjTransform, transformer.get(), to, &width,
                              &height) != CE_None)
    return nullptr;
  if (options.resolutionX > 0) {
    const double columns = width * to[1] / options.resolutionX + 0.5;
    const double rows = -height * to[5] / options.resolutionY + 0.5;
    if (!(columns < INT_MAX && rows < INT_MAX)) {
      CPLError(CE_Failure, CPLE_IllegalArg, "TILECACHE: GDAL has no rasters of that size");
      return nullptr;
    }
    width = std::max(1, static_cast<int>(columns));
    height = std::max(1, static_cast<int>(rows));
    to[1] = options.resolutionX;
    to[5] = -options.resolutionY;
  }
  GDALSetGenImgProjTransformerDstGeoTransform(transformer.get(), to);
  const std::string name = nameOf(twin, place);
  tc_transform *transform = nullptr;
  tc_error err;
  if (tc_gdal_transform(transformer.get(), name.empty() ? nullptr : name.c_str(), &transform, &err) != TC_OK) {
    fail(err);
    return nullptr;
  }
  transformer.release();
  tc_warp_options warp{};
  warp.struct_size = sizeof warp;
  warp.filter = options.resampling;
  warp.width = width;
  warp.height = height;
  warp.tile_width = options.tileWidth;
  warp.tile_height = options.tileHeight;
  tc_provider *warped = nullptr;
  if (provider_warp(source, transform, &warp, cache, &warped, &err) != TC_OK)
    fail(err);
  tc_transform_release(transform);
  return Provider(warped);
}
