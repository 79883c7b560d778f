#include "reader.h"

#include <cstring>

namespace {

const char *structure(GDALMajorObject *object, const char *name)
{
  const char *value = object->GetMetadataItem(name, "IMAGE_STRUCTURE");
  return value != nullptr ? value : "";
}

bool isJpeg(GDALDataset *twin)
{
  // The driver of JPEG does not say so of grey pictures; others say "YCbCr JPEG" too.
  const char *compression = structure(twin, "COMPRESSION");
  return EQUAL(twin->GetDriver()->GetDescription(), "JPEG") ||
         (strstr(compression, "JPEG") != nullptr && strstr(compression, "JPEG2000") == nullptr);
}

// Colours that GDAL may show converted to others.
bool isConverted(tc_colour colour)
{
  return colour >= TC_COLOUR_CYAN;
}

// Whether the twin shows an alpha band of one bit as 0 and 255, as drivers of JPEG 2000 do unless told not to.
bool promotesAlpha(const Options &options, GDALDataset *twin)
{
  static const char *const option = "1BIT_ALPHA_PROMOTION";
  const int last = twin->GetRasterCount();
  const char *known = twin->GetDriver()->GetMetadataItem(GDAL_DMD_OPENOPTIONLIST);
  if (twin->GetRasterBand(last)->GetColorInterpretation() != GCI_AlphaBand || known == nullptr ||
      strstr(known, option) == nullptr)
    return false;
  CPLStringList drivers, asStored;
  drivers.AddString(twin->GetDriver()->GetDescription());
  asStored.SetNameValue(option, "NO");
  const GDALDatasetUniquePtr stored(
      GDALDataset::Open(options.path.c_str(), GDAL_OF_RASTER, drivers.List(), asStored.List()));
  return stored == nullptr || stored->GetRasterCount() != last ||
         EQUAL(structure(stored->GetRasterBand(last), "NBITS"), "1");
}

// Levels that the file has, the full one included.
int storedLevels(tc_provider *provider, int32_t levels)
{
  int count = 0;
  for (int32_t level = 0; level < levels; level++)
    count += !isMissing(provider, level);
  return count;
}

// Whether the own reader shows the raster as GDAL does, with all its overviews.
bool agrees(tc_provider *provider, const Options &options, GDALDataset *twin)
{
  tc_image_info info{};
  info.struct_size = sizeof info;
  GDALRasterBand *first = twin->GetRasterBand(1);
  if (provider_info(provider, &info, nullptr) != TC_OK || info.width != twin->GetRasterXSize() ||
      info.height != twin->GetRasterYSize() || info.bands != twin->GetRasterCount() ||
      storedLevels(provider, info.levels) - 1 < first->GetOverviewCount())
    return false;
  // An item of the file may call the inks something else.
  if (structure(twin, "SOURCE_COLOR_SPACE")[0] != '\0' && first->GetColorInterpretation() == GCI_RedBand)
    return false;
  for (int i = 0; i < info.bands; i++) {
    GDALRasterBand *band = twin->GetRasterBand(i + 1);
    tc_band_info about{};
    about.struct_size = sizeof about;
    if (dtypeOf(band->GetRasterDataType(), hasSignedBytes(band)) != info.dtype ||
        provider_band_info(provider, i, &about, nullptr) != TC_OK)
      return false;
    const tc_colour shown = tcgdal_colour(band->GetColorInterpretation());
    if (about.colour != shown && (isConverted(about.colour) || isConverted(shown)))
      return false;
  }
  // Of damaged JPEG GDAL shows what there is. JPEG 2000 in NITF is read by one of several drivers.
  return !isJpeg(twin) && strstr(structure(twin, "COMPRESSION"), "JPEG") == nullptr && !promotesAlpha(options, twin);
}

} // namespace

bool isMissing(tc_provider *provider, int32_t level)
{
  int32_t has = 0;
  tc_tile *tile = nullptr;
  // The first block costs no decode where it is absent.
  if (provider_has_block(provider, 0, 0, level, &has, nullptr) != TC_OK || has)
    return false;
  const tc_status status = provider_get_block(provider, 0, 0, level, nullptr, 0, &tile, nullptr);
  tc_tile_release(tile);
  return status == TC_E_NOT_FOUND;
}

Provider openPixels(const Options &options, GDALDataset *twin)
{
  tc_provider *provider = nullptr;
  tc_error err;
  if (options.reader != Reader::gdal) {
    const char *path = options.path.c_str();
    tc_open_options open{};
    open.struct_size = sizeof open;
    open.flags = options.rgb ? TC_OPEN_RGB : 0;
    open.layers = options.layers;
    // Files of GDAL's own file systems are not the system's.
    const bool opened = (STARTS_WITH(path, "/vsi") ? tc_gdal_open_vsi(path, &open, &provider, &err)
                                                   : provider_open(path, &open, &provider, &err)) == TC_OK;
    if (opened && (options.reader == Reader::tilecache || agrees(provider, options, twin)))
      return Provider(provider);
    provider_release(provider);
    if (!opened && options.reader == Reader::tilecache) {
      fail(err);
      return nullptr;
    }
  }
  if (options.layers > 0) {
    CPLError(CE_Failure, CPLE_NotSupported, "TILECACHE: layers=%u is not for %s, which is read by GDAL",
             static_cast<unsigned>(options.layers), options.path.c_str());
    return nullptr;
  }
  provider = nullptr;
  if (tc_gdal_open(options.path.c_str(), nullptr, &provider, &err) != TC_OK)
    fail(err);
  return Provider(provider);
}

bool openMasks(const Options &options, GDALDataset *twin, tc_provider *pixels, tc_cache *cache, Provider &masks)
{
  bool any = false, ofDataset = true, ofOneBit = true;
  for (int i = 1; i <= twin->GetRasterCount(); i++) {
    GDALRasterBand *band = twin->GetRasterBand(i);
    any = any || isRead(band->GetMaskFlags());
    ofDataset = ofDataset && band->GetMaskFlags() == GMF_PER_DATASET;
    ofOneBit = ofOneBit && EQUAL(structure(band->GetMaskBand(), "NBITS"), "1");
  }
  if (!any)
    return true;
  tc_image_info info{};
  info.struct_size = sizeof info;
  tc_provider *provider = nullptr;
  tc_error err;
  tc_status status = provider_info(pixels, &info, &err);
  if (status == TC_OK && ofDataset && ofOneBit && (info.flags & TC_IMAGE_HAS_MASK) != 0) {
    status = provider_mask(pixels, &provider, &err);
  } else if (status == TC_OK) {
    tc_gdal_options asMasks{};
    asMasks.struct_size = sizeof asMasks;
    asMasks.flags = TC_GDAL_MASKS;
    status = tc_gdal_open(options.path.c_str(), &asMasks, &provider, &err);
  }
  masks.reset(provider);
  if (status != TC_OK) {
    fail(err);
    return false;
  }
  // The mask of the pixels has their overviews already.
  if (options.computes && !(ofDataset && ofOneBit && (info.flags & TC_IMAGE_HAS_MASK) != 0))
    masks = withOverviews(provider, options, cache);
  return masks != nullptr;
}

bool openOwnMask(tc_provider *pixels, Provider &mask)
{
  tc_image_info info{};
  info.struct_size = sizeof info;
  tc_provider *provider = nullptr;
  tc_error err;
  tc_status status = provider_info(pixels, &info, &err);
  if (status == TC_OK && (info.flags & TC_IMAGE_HAS_MASK) != 0)
    status = provider_mask(pixels, &provider, &err);
  mask.reset(provider);
  if (status != TC_OK)
    fail(err);
  return status == TC_OK;
}

Provider withOverviews(tc_provider *source, const Options &options, tc_cache *cache)
{
  tc_level_options levels{};
  levels.struct_size = sizeof levels;
  levels.filter = options.filter;
  levels.flags = options.usesNative ? 0 : TC_LEVEL_NO_NATIVE;
  levels.levels = options.overviews + 1;
  levels.tile_width = options.tileWidth;
  levels.tile_height = options.tileHeight;
  tc_provider *provider = nullptr;
  tc_error err;
  if (provider_pyramid(source, &levels, cache, &provider, &err) != TC_OK)
    fail(err);
  return Provider(provider);
}

Provider openOverview(const Options &options, int overview, bool areMasks)
{
  CPLStringList which;
  which.SetNameValue("OVERVIEW_LEVEL", CPLSPrintf("%donly", overview));
  tc_gdal_options asOverview{};
  asOverview.struct_size = sizeof asOverview;
  asOverview.open_options = which.List();
  asOverview.flags = areMasks ? TC_GDAL_MASKS : 0;
  tc_provider *provider = nullptr;
  tc_error err;
  if (tc_gdal_open(options.path.c_str(), &asOverview, &provider, &err) != TC_OK)
    fail(err);
  return Provider(provider);
}

bool readsSmaller(GDALDataset *twin)
{
  return isJpeg(twin) || EQUAL(twin->GetDriver()->GetDescription(), "VRT");
}
