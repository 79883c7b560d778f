#include "raster.h"

#include <algorithm>

#include "cache.h"
#include "reader.h"
#include "uncached.h"

namespace {

// The band as it is at a level of this size; NULL if GDAL has no such level.
GDALRasterBand *atLevel(GDALRasterBand *band, const tc_image_info &info)
{
  const auto fits = [&](GDALRasterBand *at) {
    return at != nullptr && at->GetXSize() == info.width && at->GetYSize() == info.height;
  };
  if (fits(band))
    return band;
  for (int i = 0; i < band->GetOverviewCount(); i++)
    if (fits(band->GetOverview(i)))
      return band->GetOverview(i);
  return nullptr;
}

} // namespace

CPLErr Dataset::IRasterIO(GDALRWFlag flag, int x, int y, int width, int height, void *data, int dataWidth,
                          int dataHeight, GDALDataType type, int bandCount, int *bands, GSpacing pixelSpace,
                          GSpacing lineSpace, GSpacing bandSpace, GDALRasterIOExtraArg *extra)
{
  if (flag == GF_Read && m_twin != nullptr && isForwarded({x, y, width, height}, dataWidth, dataHeight, extra))
    return m_twin->RasterIO(flag, x, y, width, height, data, dataWidth, dataHeight, type, bandCount, bands, pixelSpace,
                            lineSpace, bandSpace, extra);
  bool stored = flag == GF_Read && bandCount > 0;
  std::vector<int32_t> list;
  for (int i = 0; i < bandCount; i++) {
    list.push_back(bands[i] - 1);
    stored = stored && static_cast<Band *>(GetRasterBand(bands[i]))->isStored();
  }
  if (stored) {
    const Buffer into = {data, type, pixelSpace, lineSpace, bandSpace};
    const CPLErr read = readUncached(GetRasterBand(bands[0]), m_tiles, {x, y, width, height}, dataWidth, dataHeight, list,
                                     into, extra);
    if (read != CE_Warning)
      return read;
  }
  return GDALDataset::IRasterIO(flag, x, y, width, height, data, dataWidth, dataHeight, type, bandCount, bands,
                                pixelSpace, lineSpace, bandSpace, extra);
}

int Dataset::CloseDependentDatasets()
{
  const int base = GDALDataset::CloseDependentDatasets();
  if (!m_tiles.isOpen() && m_twin == nullptr)
    return base;
  // A program that is told to say more says what it took.
  if (m_base == nullptr && m_tiles.isOpen() && CPLGetConfigOption("CPL_DEBUG", nullptr) != nullptr)
    CPLDebug("TILECACHE", "%s: %s", GetDescription(), m_tiles.counters().c_str());
  for (const auto &overview : m_overviews)
    overview->CloseDependentDatasets();
  for (int i = 1; i <= nBands; i++)
    static_cast<Band *>(GetRasterBand(i))->dropTwin();
  for (const auto &mask : m_masks)
    if (mask != nullptr)
      mask->dropTwin();
  m_tiles.close();
  m_maskTiles.close();
  m_later.reset();
  m_twin.reset();
  return TRUE;
}

CPLErr Dataset::GetGeoTransform(double *transform)
{
  if (m_place) {
    std::copy(m_place->transform.begin(), m_place->transform.end(), transform);
    return CE_None;
  }
  return m_twin ? m_twin->GetGeoTransform(transform) : GDALDataset::GetGeoTransform(transform);
}

CPLErr Dataset::IBuildOverviews(const char *resampling, int count, const int *levels, int bandCount, const int *bands,
                                GDALProgressFunc progress, void *progressData, CSLConstList options)
{
  const char *const path = m_options.path.c_str();
  if (count == 0 || !m_overviews.empty() || m_base != nullptr || m_computes || m_warps || m_showsStored) {
    CPLError(CE_Failure, CPLE_NotSupported,
             "%s can only be read, and shows overviews, or other pixels than GDAL: build them of the raster itself",
             GetDescription());
    return CE_Failure;
  }
  // Beside the raster, where GDAL looks for them, from the pixels of the tiles.
  oOvManager.Initialize(this, path);
  if (oOvManager.BuildOverviews(path, resampling, count, levels, bandCount, bands, progress, progressData, options) !=
      CE_None)
    return CE_Failure;
  return showBuilt() ? CE_None : CE_Failure;
}

bool Dataset::showBuilt()
{
  // What GDAL has of them in memory goes into the file.
  oOvManager.CloseDependentDatasets();
  GDALDatasetUniquePtr twin(GDALDataset::Open(m_options.path.c_str(), GDAL_OF_RASTER | GDAL_OF_VERBOSE_ERROR));
  tc_cache *cache = twin != nullptr ? sharedCache(m_options) : nullptr;
  if (cache == nullptr)
    return false;
  const Provider pixels = openPixels(m_options, twin.get());
  Provider masks;
  if (pixels == nullptr || !openMasks(m_options, twin.get(), pixels.get(), cache, masks) ||
      !fillOverviews({pixels.get(), masks.get(), twin.get()}, m_options, cache))
    return false;
  m_later = std::move(twin);
  return true;
}

GDALDataset *Dataset::open(GDALOpenInfo *info)
{
  Options options;
  if (!identify(info) || !readOptions(info->pszFilename, info->papszOpenOptions, options))
    return nullptr;
  if (info->eAccess == GA_Update) {
    CPLError(CE_Failure, CPLE_NotSupported, "TILECACHE: datasets can only be read");
    return nullptr;
  }
  // What GDAL still has of a file of a network that has changed is not to be shown.
  int requests = 0;
  if (STARTS_WITH(options.path.c_str(), "/vsi"))
    CPLFree(tcgdal_identity(options.path.c_str(), &requests));
  GDALDatasetUniquePtr twin(GDALDataset::Open(options.path.c_str(), GDAL_OF_RASTER | GDAL_OF_VERBOSE_ERROR));
  if (twin == nullptr)
    return nullptr;
  if (twin->GetRasterCount() == 0) {
    if (CSLCount(twin->GetMetadata("SUBDATASETS")) == 0) {
      CPLError(CE_Failure, CPLE_NotSupported, "TILECACHE: %s has no bands", options.path.c_str());
      return nullptr;
    }
    auto container = std::make_unique<Dataset>();
    container->fillWithout(std::move(twin));
    container->SetDescription(info->pszFilename);
    return container.release();
  }
  Provider pixels = openPixels(options, twin.get()), masks;
  tc_cache *cache = pixels != nullptr ? sharedCache(options) : nullptr;
  if (cache != nullptr && options.computes) {
    pixels = withOverviews(pixels.get(), options, cache);
    if (pixels == nullptr)
      return nullptr;
  }
  std::unique_ptr<Place> place;
  if (cache != nullptr && !options.srs.empty()) {
    place = std::make_unique<Place>();
    pixels = openWarped(options, twin.get(), pixels.get(), cache, *place);
    if (pixels == nullptr || !openOwnMask(pixels.get(), masks))
      return nullptr;
  } else if (cache != nullptr && !openMasks(options, twin.get(), pixels.get(), cache, masks)) {
    return nullptr;
  }
  auto dataset = std::make_unique<Dataset>();
  dataset->m_place = std::move(place);
  const Source from = {pixels.get(), masks.get(), twin.get()};
  if (cache == nullptr || !dataset->fill(from, options, cache) || !dataset->fillOverviews(from, options, cache))
    return nullptr;
  dataset->m_twin = std::move(twin);
  dataset->m_options = options;
  dataset->SetDescription(info->pszFilename);
  return dataset.release();
}

void Dataset::fillWithout(GDALDatasetUniquePtr twin)
{
  eAccess = GA_ReadOnly;
  nRasterXSize = twin->GetRasterXSize();
  nRasterYSize = twin->GetRasterYSize();
  m_twin = std::move(twin);
}

// Makes the bands of a level and their masks.
bool Dataset::fill(const Source &from, const Options &options, tc_cache *cache)
{
  eAccess = GA_ReadOnly;
  m_showsStored = options.reader == Reader::tilecache;
  m_computes = options.computes;
  m_warps = !options.srs.empty();
  m_forwards = !m_showsStored && !m_computes && readsSmaller(from.twin);
  const GDALDataType type = from.twin->GetRasterBand(1)->GetRasterDataType();
  if (!m_tiles.open(provider_retain(from.pixels), GDALGetDataTypeSizeBytes(type), options, cache))
    return false;
  const tc_image_info &info = m_tiles.info();
  if (info.width > INT_MAX || info.height > INT_MAX) {
    CPLError(CE_Failure, CPLE_NotSupported, "TILECACHE: GDAL has no rasters of that size");
    return false;
  }
  nRasterXSize = static_cast<int>(info.width);
  nRasterYSize = static_cast<int>(info.height);
  for (int i = 1; i <= info.bands; i++) {
    GDALRasterBand *band = from.twin->GetRasterBand(i);
    if (band == nullptr || dtypeOf(band->GetRasterDataType(), hasSignedBytes(band)) == 0) {
      CPLError(CE_Failure, CPLE_NotSupported, "TILECACHE: band %d is not one that tilecache reads", i);
      return false;
    }
    SetBand(i, new Band(this, m_tiles, i, i - 1, band->GetRasterDataType(), band,
                        m_warps ? nullptr : atLevel(band, info)));
  }
  return from.masks == nullptr || fillMasks(from, options, cache);
}

bool Dataset::fillMasks(const Source &from, const Options &options, tc_cache *cache)
{
  if (!m_maskTiles.open(provider_retain(from.masks), 1, options, cache))
    return false;
  if (m_warps) {
    m_masks.push_back(std::make_unique<Band>(this, m_maskTiles, 0, 0, GDT_Byte, nullptr, nullptr));
    return true;
  }
  std::vector<GDALRasterBand *> shown;
  for (int i = 1; i <= nBands; i++) {
    // A level that is computed has the masks of the whole raster, made smaller.
    GDALRasterBand *whole = from.twin->GetRasterBand(i), *level = atLevel(whole, m_tiles.info());
    shown.push_back(level == nullptr && m_computes ? whole : level);
    if (shown.back() == nullptr || !isRead(shown.back()->GetMaskFlags()))
      shown.back() = nullptr;
  }
  if (std::all_of(shown.begin(), shown.end(), [](GDALRasterBand *band) {
        return band != nullptr && band->GetMaskFlags() == GMF_PER_DATASET;
      }))
    shown.resize(1);
  for (size_t i = 0; i < shown.size(); i++) {
    GDALRasterBand *mask = shown[i] != nullptr ? shown[i]->GetMaskBand() : nullptr;
    const bool isAtLevel = mask != nullptr && mask->GetXSize() == nRasterXSize && mask->GetYSize() == nRasterYSize;
    m_masks.push_back(mask == nullptr ? nullptr
                                      : std::make_unique<Band>(this, m_maskTiles, 0, static_cast<int>(i), GDT_Byte,
                                                               nullptr, isAtLevel ? mask : nullptr));
  }
  return true;
}

bool Dataset::fillOverviews(const Source &from, const Options &options, tc_cache *cache)
{
  tc_image_info masks{};
  masks.struct_size = sizeof masks;
  if (from.masks != nullptr)
    provider_info(from.masks, &masks, nullptr);
  for (int32_t level = 1; level < m_tiles.info().levels; level++) {
    if (isMissing(from.pixels, level))
      continue;
    tc_provider *pixelsOf = nullptr, *masksOf = nullptr;
    tc_error err;
    tc_status status = provider_level(from.pixels, level, &pixelsOf, &err);
    const Provider pixels(pixelsOf);
    if (status == TC_OK && level < masks.levels)
      status = provider_level(from.masks, level, &masksOf, &err);
    const Provider ofMasks(masksOf);
    if (status != TC_OK) {
      fail(err);
      return false;
    }
    m_overviews.push_back(std::make_unique<Dataset>());
    m_overviews.back()->m_base = this;
    if (!m_overviews.back()->fill({pixelsOf, masksOf, from.twin}, options, cache))
      return false;
  }
  return m_showsStored || m_computes || m_warps || fillOtherOverviews(from, options, cache);
}

bool Dataset::fillOtherOverviews(const Source &from, const Options &options, tc_cache *cache)
{
  GDALRasterBand *first = from.twin->GetRasterBand(1);
  for (int i = 0; i < first->GetOverviewCount(); i++) {
    GDALRasterBand *shown = first->GetOverview(i);
    const auto has = [&](const std::unique_ptr<Dataset> &overview) {
      return overview->nRasterXSize == shown->GetXSize() && overview->nRasterYSize == shown->GetYSize();
    };
    if (shown == nullptr || std::any_of(m_overviews.begin(), m_overviews.end(), has))
      continue;
    const Provider pixels = openOverview(options, i, false);
    const Provider masks = pixels != nullptr && from.masks != nullptr ? openOverview(options, i, true) : nullptr;
    if (pixels == nullptr || (from.masks != nullptr && masks == nullptr))
      return false;
    m_overviews.push_back(std::make_unique<Dataset>());
    m_overviews.back()->m_base = this;
    if (!m_overviews.back()->fill({pixels.get(), masks.get(), from.twin}, options, cache))
      return false;
  }
  // As GDAL has them: the largest first.
  std::stable_sort(m_overviews.begin(), m_overviews.end(), [](const auto &one, const auto &other) {
    return static_cast<int64_t>(one->nRasterXSize) * one->nRasterYSize >
           static_cast<int64_t>(other->nRasterXSize) * other->nRasterYSize;
  });
  return true;
}
