// The GDAL driver TILECACHE: any raster, retiled, with one cache for all datasets of the process.
//
// Pixels come from tilecache, read by its own reader where that gives exactly what GDAL gives, else by
// GDAL, through tilecache_gdal.h. Everything else that GDAL knows of the raster is asked of GDAL, of a
// dataset of the same name. Reads that do not resample go past GDAL's own block cache, straight from
// the tiles to the reader's memory; those that do resample, and readers of blocks, leave a second copy
// of what they touch in GDAL's cache, within GDAL_CACHEMAX. Smaller versions that GDAL makes from less than
// all pixels (reader.h) are left to it.
//
// The plugin also exports the functions of tilecache_gdal.h for languages that cannot use a header.

#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

#include <gdal_priv.h>

#include "options.h"
#include "provider.h"
#include "reader.h"
#include "tiles.h"

namespace {

// ---- the cache ----

std::mutex cacheLock;
tc_cache *theCache = nullptr;
uint64_t theBudget = 0;

// The cache of the process, made for the first dataset; NULL after an error was said.
tc_cache *sharedCache(const Options &options)
{
  const std::lock_guard<std::mutex> guard(cacheLock);
  const char *configured = CPLGetConfigOption("TILECACHE_CACHE", nullptr);
  uint64_t budget = options.hasCache ? options.cache : tc_default_budget();
  if (configured != nullptr && !parseBytes(configured, budget)) {
    CPLError(CE_Failure, CPLE_IllegalArg, "TILECACHE_CACHE=%s is not a number of bytes", configured);
    return nullptr;
  }
  if (theCache == nullptr) {
    tc_error err;
    if (tc_create(budget, nullptr, &theCache, &err) != TC_OK) {
      fail(err);
      return nullptr;
    }
    theBudget = budget;
  } else if (options.hasCache && options.cache != theBudget) {
    CPLError(CE_Warning, CPLE_AppDefined,
             "TILECACHE: the cache of this process has %llu bytes already; cache=%llu is ignored",
             static_cast<unsigned long long>(theBudget), static_cast<unsigned long long>(options.cache));
  }
  return theCache;
}

void unload(GDALDriver *)
{
  const std::lock_guard<std::mutex> guard(cacheLock);
  tc_release(theCache);
  theCache = nullptr;
}

// ---- rasters ----

class Dataset;

class Band final : public GDALRasterBand {
public:
  // Band `number` of a dataset, from 1, or a mask, number 0; in the tiles it is band `index`. `twin` is the same
  // band as GDAL reads it, for what is no pixel, and `shown` is it at this level: each NULL if there is none.
  Band(Dataset *dataset, const Tiles &tiles, int number, int index, GDALDataType type, GDALRasterBand *twin,
       GDALRasterBand *shown);

  // Whether the tiles have its samples in the type that it has for GDAL.
  bool isStored() const { return m_tiles.info().dtype == dtypeOf(eDataType, m_signedBytes); }
  void dropTwin() { m_twin = m_shown = nullptr; }

  int GetOverviewCount() override;
  GDALRasterBand *GetOverview(int level) override;
  int GetMaskFlags() override;
  GDALRasterBand *GetMaskBand() override;
  bool IsMaskBand() const override { return m_shown ? m_shown->IsMaskBand() : GDALRasterBand::IsMaskBand(); }

  char **GetMetadataDomainList() override;
  char **GetMetadata(const char *domain) override;
  const char *GetMetadataItem(const char *name, const char *domain) override;
  GDALColorInterp GetColorInterpretation() override;
  GDALColorTable *GetColorTable() override { return m_twin ? m_twin->GetColorTable() : nullptr; }
  char **GetCategoryNames() override { return m_twin ? m_twin->GetCategoryNames() : nullptr; }
  GDALRasterAttributeTable *GetDefaultRAT() override { return m_twin ? m_twin->GetDefaultRAT() : nullptr; }
  const char *GetUnitType() override { return m_twin ? m_twin->GetUnitType() : ""; }
  double GetNoDataValue(int *has) override;
  int64_t GetNoDataValueAsInt64(int *has) override;
  uint64_t GetNoDataValueAsUInt64(int *has) override;
  double GetOffset(int *has) override;
  double GetScale(int *has) override;

protected:
  CPLErr IReadBlock(int col, int row, void *into) override;
  CPLErr IRasterIO(GDALRWFlag flag, int x, int y, int width, int height, void *data, int dataWidth, int dataHeight,
                   GDALDataType type, GSpacing pixelSpace, GSpacing lineSpace,
                   GDALRasterIOExtraArg *extra) override;

private:
  Dataset *m_dataset;
  const Tiles &m_tiles;
  const int m_index;
  GDALRasterBand *m_twin, *m_shown;
  const bool m_signedBytes;
  const int m_maskFlags; // of a mask that is read
};

class Dataset final : public GDALDataset {
public:
  static GDALDataset *open(GDALOpenInfo *info);
  static int identify(GDALOpenInfo *info) { return STARTS_WITH_CI(info->pszFilename, connectionPrefix); }

  ~Dataset() override
  {
    FlushCache(true);
    Dataset::CloseDependentDatasets();
  }

  // Closes what GDAL would close a second time when it ends: the twin, and the datasets of the sources.
  int CloseDependentDatasets() override;

  const std::vector<std::unique_ptr<Dataset>> &overviews() const { return m_overviews; }
  // The mask of a band, from 1; NULL if it is made from the pixels.
  Band *maskOf(int band) const
  {
    if (m_masks.empty())
      return nullptr;
    return m_masks.size() == 1 ? m_masks[0].get() : m_masks[static_cast<size_t>(band - 1)].get();
  }
  // Whether a read that resamples is GDAL's.
  bool isForwarded(int width, int height, int dataWidth, int dataHeight) const
  {
    return m_forwards && (width != dataWidth || height != dataHeight);
  }
  // Whether bands show what the file has, and not what GDAL makes of it.
  bool showsStored() const { return m_showsStored; }

  CPLErr GetGeoTransform(double *transform) override;
  const OGRSpatialReference *GetSpatialRef() const override { return m_twin ? m_twin->GetSpatialRef() : nullptr; }
  int GetGCPCount() override { return m_twin ? m_twin->GetGCPCount() : 0; }
  const OGRSpatialReference *GetGCPSpatialRef() const override
  {
    return m_twin ? m_twin->GetGCPSpatialRef() : nullptr;
  }
  const GDAL_GCP *GetGCPs() override { return m_twin ? m_twin->GetGCPs() : nullptr; }
  char **GetFileList() override { return m_twin ? m_twin->GetFileList() : nullptr; }
  char **GetMetadataDomainList() override;
  char **GetMetadata(const char *domain) override;
  const char *GetMetadataItem(const char *name, const char *domain) override;

protected:
  CPLErr IRasterIO(GDALRWFlag flag, int x, int y, int width, int height, void *data, int dataWidth, int dataHeight,
                   GDALDataType type, int bandCount, int *bands, GSpacing pixelSpace, GSpacing lineSpace,
                   GSpacing bandSpace, GDALRasterIOExtraArg *extra) override;

private:
  // What a level is made from: its pixels, its masks or NULL, and the raster as GDAL reads it.
  struct Source {
    tc_provider *pixels, *masks;
    GDALDataset *twin;
  };

  bool fill(const Source &from, const Options &options, tc_cache *cache);
  bool fillMasks(const Source &from, const Options &options, tc_cache *cache);
  bool fillOverviews(const Source &from, const Options &options, tc_cache *cache);

  GDALDatasetUniquePtr m_twin; // the raster as GDAL reads it, for what is no pixel; NULL in overviews
  Tiles m_tiles, m_maskTiles;
  std::vector<std::unique_ptr<Band>> m_masks; // one of all bands, or one for each
  std::vector<std::unique_ptr<Dataset>> m_overviews;
  bool m_forwards = false, m_showsStored = false;
};

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

// ---- bands ----

Band::Band(Dataset *dataset, const Tiles &tiles, int number, int index, GDALDataType type, GDALRasterBand *twin,
           GDALRasterBand *shown)
    : m_dataset(dataset), m_tiles(tiles), m_index(index), m_twin(twin), m_shown(shown),
      m_signedBytes(hasSignedBytes(twin)), m_maskFlags(shown != nullptr ? shown->GetMaskFlags() : GMF_ALL_VALID)
{
  poDS = dataset;
  nBand = number;
  eAccess = GA_ReadOnly;
  eDataType = type;
  nRasterXSize = static_cast<int>(tiles.info().width);
  nRasterYSize = static_cast<int>(tiles.info().height);
  nBlockXSize = static_cast<int>(tiles.info().block_width);
  nBlockYSize = static_cast<int>(tiles.info().block_height);
  if (twin != nullptr)
    GDALRasterBand::SetDescription(twin->GetDescription());
}

int Band::GetOverviewCount()
{
  const int all = static_cast<int>(m_dataset->overviews().size());
  if (nBand > 0)
    return all;
  // GDAL may have overviews of a band whose masks are not overviews of its mask.
  return m_shown != nullptr ? std::min(all, m_shown->GetOverviewCount()) : 0;
}

GDALRasterBand *Band::GetOverview(int level)
{
  if (level < 0 || level >= GetOverviewCount())
    return nullptr;
  Dataset &overview = *m_dataset->overviews()[static_cast<size_t>(level)];
  return nBand > 0 ? overview.GetRasterBand(nBand) : overview.maskOf(m_index + 1);
}

int Band::GetMaskFlags()
{
  if (nBand == 0)
    return GMF_ALL_VALID;
  return m_dataset->maskOf(nBand) != nullptr ? m_maskFlags : GDALRasterBand::GetMaskFlags();
}

GDALRasterBand *Band::GetMaskBand()
{
  Band *mask = nBand > 0 ? m_dataset->maskOf(nBand) : nullptr;
  return mask != nullptr ? mask : GDALRasterBand::GetMaskBand();
}

char **Band::GetMetadataDomainList()
{
  return m_twin ? m_twin->GetMetadataDomainList() : GDALRasterBand::GetMetadataDomainList();
}

char **Band::GetMetadata(const char *domain)
{
  return m_twin ? m_twin->GetMetadata(domain) : GDALRasterBand::GetMetadata(domain);
}

const char *Band::GetMetadataItem(const char *name, const char *domain)
{
  return m_twin ? m_twin->GetMetadataItem(name, domain) : GDALRasterBand::GetMetadataItem(name, domain);
}

GDALColorInterp Band::GetColorInterpretation()
{
  if (m_twin == nullptr)
    return GCI_Undefined;
  return m_dataset->showsStored() ? m_tiles.colour(m_index) : m_twin->GetColorInterpretation();
}

double Band::GetNoDataValue(int *has)
{
  return m_twin ? m_twin->GetNoDataValue(has) : GDALRasterBand::GetNoDataValue(has);
}

int64_t Band::GetNoDataValueAsInt64(int *has)
{
  return m_twin ? m_twin->GetNoDataValueAsInt64(has) : GDALRasterBand::GetNoDataValueAsInt64(has);
}

uint64_t Band::GetNoDataValueAsUInt64(int *has)
{
  return m_twin ? m_twin->GetNoDataValueAsUInt64(has) : GDALRasterBand::GetNoDataValueAsUInt64(has);
}

double Band::GetOffset(int *has)
{
  return m_twin ? m_twin->GetOffset(has) : GDALRasterBand::GetOffset(has);
}

double Band::GetScale(int *has)
{
  return m_twin ? m_twin->GetScale(has) : GDALRasterBand::GetScale(has);
}

CPLErr Band::IReadBlock(int col, int row, void *into)
{
  return m_tiles.readBlock(col, row, m_index, eDataType, m_signedBytes, into);
}

CPLErr Band::IRasterIO(GDALRWFlag flag, int x, int y, int width, int height, void *data, int dataWidth,
                       int dataHeight, GDALDataType type, GSpacing pixelSpace, GSpacing lineSpace,
                       GDALRasterIOExtraArg *extra)
{
  if (flag == GF_Read && m_shown != nullptr && m_dataset->isForwarded(width, height, dataWidth, dataHeight))
    return m_shown->RasterIO(flag, x, y, width, height, data, dataWidth, dataHeight, type, pixelSpace, lineSpace,
                             extra);
  if (flag == GF_Read && isStored() && width == dataWidth && height == dataHeight) {
    const CPLErr read = m_tiles.read({x, y, width, height}, {m_index}, eDataType,
                                     {data, type, pixelSpace, lineSpace, 0});
    if (read != CE_Warning)
      return read;
  }
  return GDALRasterBand::IRasterIO(flag, x, y, width, height, data, dataWidth, dataHeight, type, pixelSpace,
                                   lineSpace, extra);
}

// ---- datasets ----

CPLErr Dataset::IRasterIO(GDALRWFlag flag, int x, int y, int width, int height, void *data, int dataWidth,
                          int dataHeight, GDALDataType type, int bandCount, int *bands, GSpacing pixelSpace,
                          GSpacing lineSpace, GSpacing bandSpace, GDALRasterIOExtraArg *extra)
{
  if (flag == GF_Read && m_twin != nullptr && isForwarded(width, height, dataWidth, dataHeight))
    return m_twin->RasterIO(flag, x, y, width, height, data, dataWidth, dataHeight, type, bandCount, bands, pixelSpace,
                            lineSpace, bandSpace, extra);
  bool stored = flag == GF_Read && width == dataWidth && height == dataHeight;
  std::vector<int32_t> list;
  for (int i = 0; i < bandCount; i++) {
    list.push_back(bands[i] - 1);
    stored = stored && static_cast<Band *>(GetRasterBand(bands[i]))->isStored();
  }
  if (stored) {
    const CPLErr read = m_tiles.read({x, y, width, height}, list, GetRasterBand(bands[0])->GetRasterDataType(),
                                     {data, type, pixelSpace, lineSpace, bandSpace});
    if (read != CE_Warning)
      return read;
  }
  return GDALDataset::IRasterIO(flag, x, y, width, height, data, dataWidth, dataHeight, type, bandCount, bands,
                                pixelSpace, lineSpace, bandSpace, extra);
}

int Dataset::CloseDependentDatasets()
{
  const int base = GDALDataset::CloseDependentDatasets();
  if (!m_tiles.isOpen())
    return base;
  for (const auto &overview : m_overviews)
    overview->CloseDependentDatasets();
  for (int i = 1; i <= nBands; i++)
    static_cast<Band *>(GetRasterBand(i))->dropTwin();
  for (const auto &mask : m_masks)
    if (mask != nullptr)
      mask->dropTwin();
  m_tiles.close();
  m_maskTiles.close();
  m_twin.reset();
  return TRUE;
}

CPLErr Dataset::GetGeoTransform(double *transform)
{
  return m_twin ? m_twin->GetGeoTransform(transform) : GDALDataset::GetGeoTransform(transform);
}

char **Dataset::GetMetadataDomainList()
{
  return m_twin ? m_twin->GetMetadataDomainList() : GDALDataset::GetMetadataDomainList();
}

char **Dataset::GetMetadata(const char *domain)
{
  return m_twin ? m_twin->GetMetadata(domain) : GDALDataset::GetMetadata(domain);
}

const char *Dataset::GetMetadataItem(const char *name, const char *domain)
{
  return m_twin ? m_twin->GetMetadataItem(name, domain) : GDALDataset::GetMetadataItem(name, domain);
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
  GDALDatasetUniquePtr twin(GDALDataset::Open(options.path.c_str(), GDAL_OF_RASTER | GDAL_OF_VERBOSE_ERROR));
  if (twin == nullptr)
    return nullptr;
  if (twin->GetRasterCount() == 0) {
    CPLError(CE_Failure, CPLE_NotSupported, "TILECACHE: %s has no bands", options.path.c_str());
    return nullptr;
  }
  const Provider pixels = openPixels(options, twin.get());
  Provider masks;
  tc_cache *cache = nullptr;
  if (pixels != nullptr && openMasks(options, twin.get(), pixels.get(), masks))
    cache = sharedCache(options);
  auto dataset = std::make_unique<Dataset>();
  const Source from = {pixels.get(), masks.get(), twin.get()};
  if (cache == nullptr || !dataset->fill(from, options, cache) || !dataset->fillOverviews(from, options, cache))
    return nullptr;
  dataset->m_twin = std::move(twin);
  dataset->SetDescription(info->pszFilename);
  return dataset.release();
}

// Makes the bands of a level and their masks.
bool Dataset::fill(const Source &from, const Options &options, tc_cache *cache)
{
  eAccess = GA_ReadOnly;
  m_showsStored = options.reader == Reader::tilecache;
  m_forwards = !m_showsStored && readsSmaller(from.twin);
  if (!m_tiles.open(provider_retain(from.pixels), options, cache))
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
    SetBand(i, new Band(this, m_tiles, i, i - 1, band->GetRasterDataType(), band, atLevel(band, info)));
  }
  return from.masks == nullptr || fillMasks(from, options, cache);
}

bool Dataset::fillMasks(const Source &from, const Options &options, tc_cache *cache)
{
  if (!m_maskTiles.open(provider_retain(from.masks), options, cache))
    return false;
  std::vector<GDALRasterBand *> shown;
  for (int i = 1; i <= nBands; i++) {
    shown.push_back(atLevel(from.twin->GetRasterBand(i), m_tiles.info()));
    if (shown.back() == nullptr || !isRead(shown.back()->GetMaskFlags()))
      shown.back() = nullptr;
  }
  if (std::all_of(shown.begin(), shown.end(), [](GDALRasterBand *band) {
        return band != nullptr && band->GetMaskFlags() == GMF_PER_DATASET;
      }))
    shown.resize(1);
  for (size_t i = 0; i < shown.size(); i++)
    m_masks.push_back(shown[i] == nullptr ? nullptr
                                          : std::make_unique<Band>(this, m_maskTiles, 0, static_cast<int>(i), GDT_Byte,
                                                                   nullptr, shown[i]->GetMaskBand()));
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
    if (!m_overviews.back()->fill({pixelsOf, masksOf, from.twin}, options, cache))
      return false;
  }
  return true;
}

} // namespace

extern "C" {

CPL_DLL void GDALRegister_TILECACHE();

// tc_gdal_open, tc_gdal_from_dataset and tc_gdal_open_vsi of tilecache_gdal.h, as symbols.
CPL_DLL tc_status tilecache_gdal_open(const char *path, const tc_gdal_options *options, tc_provider **provider,
                                      tc_error *err);
CPL_DLL tc_status tilecache_gdal_from_dataset(GDALDatasetH dataset, const tc_gdal_options *options,
                                              tc_release_fn release, void *user, tc_provider **provider,
                                              tc_error *err);
CPL_DLL tc_status tilecache_gdal_open_vsi(const char *path, const tc_open_options *options, tc_provider **provider,
                                          tc_error *err);

void GDALRegister_TILECACHE()
{
  if (!GDAL_CHECK_VERSION("TILECACHE") || GDALGetDriverByName("TILECACHE") != nullptr)
    return;
  auto driver = std::make_unique<GDALDriver>();
  driver->SetDescription("TILECACHE");
  driver->SetMetadataItem(GDAL_DCAP_RASTER, "YES");
  driver->SetMetadataItem(GDAL_DMD_LONGNAME, "Any raster in cached tiles (TILECACHE:path?tile=512&pad=0&cache=1GiB)");
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
      "</OpenOptionList>");
  driver->pfnIdentify = Dataset::identify;
  driver->pfnOpen = Dataset::open;
  driver->pfnUnloadDriver = unload;
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

} // extern "C"
