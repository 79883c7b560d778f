// The GDAL driver TILECACHE: any raster, retiled, with one cache for all datasets of the process.
//
// Pixels come from tilecache, read by its own reader where that gives exactly what GDAL gives, else by
// GDAL, through tilecache_gdal.h. Everything else that GDAL knows of the raster is asked of GDAL, of a
// dataset of the same name. Reads that do not resample go past GDAL's own block cache, straight from
// the tiles to the reader's memory; those that do resample, and readers of blocks, leave a second copy
// of what they touch in GDAL's cache, within GDAL_CACHEMAX.
//
// The plugin also exports the functions of tilecache_gdal.h for languages that cannot use a header.

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gdal_priv.h>

#include "options.h"
#include "tilecache_gdal.h"

namespace {

struct Release {
  void operator()(tc_provider *provider) const { provider_release(provider); }
  void operator()(tc_tile *tile) const { tc_tile_release(tile); }
};

using Provider = std::unique_ptr<tc_provider, Release>;
using Tile = std::unique_ptr<tc_tile, Release>;

CPLErr fail(const tc_error &err)
{
  CPLError(CE_Failure, CPLE_AppDefined, "TILECACHE: %s", err.message);
  return CE_Failure;
}

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

// ---- types ----

// How tilecache names samples that GDAL stores like this; 0 if it has no such type.
tc_dtype dtypeOf(GDALDataType type, bool signedBytes)
{
  GDALDataType stored = type;
  const tc_dtype dtype = tcgdal_dtype(&stored, signedBytes);
  return stored == type ? dtype : 0;
}

bool isReal(tc_dtype dtype)
{
  return dtype != 0 && dtype < TC_CI16;
}

// ---- rasters ----

// A level of an image, or its mask: its description and its tiles.
struct Tiles {
  Provider provider;
  tc_image_info info{};

  // Retiles `source`, whose reference is taken.
  bool open(tc_provider *source, const Options &options, tc_cache *cache)
  {
    const Provider from(source);
    tc_retile_options retile{};
    tc_provider *tiles = nullptr;
    tc_error err;
    retile.struct_size = sizeof retile;
    retile.pad_edges = options.pad ? 1 : 0;
    retile.tile_width = options.tileWidth;
    retile.tile_height = options.tileHeight;
    info.struct_size = sizeof info;
    tc_status status = provider_retile(source, &retile, cache, &tiles, &err);
    provider.reset(tiles);
    if (status == TC_OK)
      status = provider_info(tiles, &info, &err);
    if (status != TC_OK)
      fail(err);
    return status == TC_OK;
  }
};

class Dataset;

class Band final : public GDALRasterBand {
public:
  Band(Dataset *dataset, const Tiles &tiles, int number, GDALDataType type, GDALRasterBand *twin);

  tc_dtype dtype() const { return m_dtype; }
  void dropTwin() { m_twin = nullptr; }

  int GetOverviewCount() override;
  GDALRasterBand *GetOverview(int level) override;
  int GetMaskFlags() override;
  GDALRasterBand *GetMaskBand() override;

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
  GDALRasterBand *m_twin; // the same band as GDAL reads it, for what is no pixel; NULL in masks
  tc_dtype m_dtype;
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
  Band *mask() const { return m_maskBand.get(); }

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

  // Fills `data` with pixels of some bands, counted from 1, without GDAL's block cache. CE_None if it
  // did, CE_Failure after an error, CE_Warning if GDAL has to.
  CPLErr readDirectly(const Tiles &tiles, int x, int y, int width, int height, void *data, int dataWidth,
                      int dataHeight, GDALDataType type, int bandCount, const int *bands, GSpacing pixelSpace,
                      GSpacing lineSpace, GSpacing bandSpace);

protected:
  CPLErr IRasterIO(GDALRWFlag flag, int x, int y, int width, int height, void *data, int dataWidth, int dataHeight,
                   GDALDataType type, int bandCount, int *bands, GSpacing pixelSpace, GSpacing lineSpace,
                   GSpacing bandSpace, GDALRasterIOExtraArg *extra) override;

private:
  bool fill(tc_provider *source, GDALDataset *twin, const Options &options, tc_cache *cache);
  bool fillOverviews(tc_provider *source, GDALDataset *twin, const Options &options, tc_cache *cache);

  GDALDatasetUniquePtr m_twin; // the raster as GDAL reads it, for what is no pixel; NULL in overviews
  Tiles m_tiles, m_mask;
  std::unique_ptr<Band> m_maskBand;
  std::vector<std::unique_ptr<Dataset>> m_overviews;
};

// ---- bands ----

bool hasSignedBytes(GDALRasterBand *band)
{
  return band != nullptr && tcgdal_signed_bytes(GDALRasterBand::ToHandle(band)) != 0;
}

Band::Band(Dataset *dataset, const Tiles &tiles, int number, GDALDataType type, GDALRasterBand *twin)
    : m_dataset(dataset), m_tiles(tiles), m_twin(twin), m_dtype(dtypeOf(type, hasSignedBytes(twin)))
{
  poDS = dataset;
  nBand = number;
  eAccess = GA_ReadOnly;
  eDataType = type;
  nRasterXSize = static_cast<int>(tiles.info.width);
  nRasterYSize = static_cast<int>(tiles.info.height);
  nBlockXSize = static_cast<int>(tiles.info.block_width);
  nBlockYSize = static_cast<int>(tiles.info.block_height);
  if (twin != nullptr)
    GDALRasterBand::SetDescription(twin->GetDescription());
}

int Band::GetOverviewCount()
{
  return static_cast<int>(m_dataset->overviews().size());
}

GDALRasterBand *Band::GetOverview(int level)
{
  const auto &overviews = m_dataset->overviews();
  if (level < 0 || static_cast<size_t>(level) >= overviews.size())
    return nullptr;
  Dataset &overview = *overviews[static_cast<size_t>(level)];
  return nBand > 0 ? overview.GetRasterBand(nBand) : overview.mask();
}

int Band::GetMaskFlags()
{
  if (nBand == 0)
    return GMF_ALL_VALID;
  return m_dataset->mask() != nullptr ? GMF_PER_DATASET : GDALRasterBand::GetMaskFlags();
}

GDALRasterBand *Band::GetMaskBand()
{
  if (nBand > 0 && m_dataset->mask() != nullptr)
    return m_dataset->mask();
  return GDALRasterBand::GetMaskBand();
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
  return m_twin ? m_twin->GetColorInterpretation() : GCI_Undefined;
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
  // Where bands come together, the tile of all of them serves the next bands too.
  const bool together = (m_tiles.info.flags & TC_IMAGE_BANDS_TOGETHER) != 0;
  const int32_t band = nBand > 0 ? nBand - 1 : 0, first = 0;
  tc_tile *got = nullptr;
  tc_error err;
  if (provider_get_block(m_tiles.provider.get(), row, col, 0, together ? nullptr : &band, together ? 0 : 1, &got,
                         &err) != TC_OK)
    return fail(err);
  const Tile tile(got);
  tc_pixels pixels;
  tc_tile_pixels(got, &pixels);
  tc_target target{};
  target.data = into;
  target.pixel_stride = GDALGetDataTypeSizeBytes(eDataType);
  target.row_stride = target.pixel_stride * nBlockXSize;
  target.band_stride = target.row_stride * nBlockYSize;
  target.width = pixels.width;
  target.height = pixels.height;
  target.bands = 1;
  target.dtype = m_dtype;
  // GDAL does not look at what lies beyond the edge, but it copies it.
  if (pixels.width < nBlockXSize || pixels.height < nBlockYSize)
    memset(into, 0, static_cast<size_t>(target.band_stride));
  if (tc_tile_copy(got, 0, 0, together ? &band : &first, 1, &target, &err) != TC_OK)
    return fail(err);
  return CE_None;
}

CPLErr Band::IRasterIO(GDALRWFlag flag, int x, int y, int width, int height, void *data, int dataWidth,
                       int dataHeight, GDALDataType type, GSpacing pixelSpace, GSpacing lineSpace,
                       GDALRasterIOExtraArg *extra)
{
  const int number = nBand > 0 ? nBand : 1;
  const CPLErr read = flag != GF_Read ? CE_Warning
                                      : m_dataset->readDirectly(m_tiles, x, y, width, height, data, dataWidth,
                                                                dataHeight, type, 1, &number, pixelSpace, lineSpace, 0);
  if (read != CE_Warning)
    return read;
  return GDALRasterBand::IRasterIO(flag, x, y, width, height, data, dataWidth, dataHeight, type, pixelSpace,
                                   lineSpace, extra);
}

// ---- datasets ----

CPLErr Dataset::readDirectly(const Tiles &tiles, int x, int y, int width, int height, void *data, int dataWidth,
                             int dataHeight, GDALDataType type, int bandCount, const int *bands, GSpacing pixelSpace,
                             GSpacing lineSpace, GSpacing bandSpace)
{
  if (width != dataWidth || height != dataHeight)
    return CE_Warning;
  const bool isMask = &tiles == &m_mask;
  // Bytes that are signed by metadata only are signed in the buffers of GDAL's callers too.
  const bool signedBytes = tiles.info.dtype == TC_I8 && type == GDT_Byte;
  const tc_dtype dtype = dtypeOf(type, signedBytes);
  std::vector<int32_t> list;
  for (int i = 0; i < bandCount; i++) {
    list.push_back(bands[i] - 1);
    // Samples must be what the band has, or become it as GDAL would make them.
    const tc_dtype stored = isMask ? static_cast<tc_dtype>(TC_U8) : static_cast<Band *>(GetRasterBand(bands[i]))->dtype();
    if (stored != tiles.info.dtype || !(dtype == stored || (isReal(dtype) && isReal(stored))))
      return CE_Warning;
  }
  tc_target target{};
  target.data = data;
  target.pixel_stride = pixelSpace;
  target.row_stride = lineSpace;
  target.band_stride = bandSpace;
  target.width = width;
  target.height = height;
  target.bands = bandCount;
  target.dtype = dtype;
  // Memory that overlaps itself is GDAL's to make sense of.
  if (pixelSpace == 0 || (lineSpace == 0 && height > 1) || (bandSpace == 0 && bandCount > 1))
    return CE_Warning;
  tc_error err;
  if (provider_read_window(tiles.provider.get(), x, y, 0, list.data(), list.size(), &target, &err) != TC_OK)
    return fail(err);
  return CE_None;
}

CPLErr Dataset::IRasterIO(GDALRWFlag flag, int x, int y, int width, int height, void *data, int dataWidth,
                          int dataHeight, GDALDataType type, int bandCount, int *bands, GSpacing pixelSpace,
                          GSpacing lineSpace, GSpacing bandSpace, GDALRasterIOExtraArg *extra)
{
  const CPLErr read = flag != GF_Read ? CE_Warning
                                      : readDirectly(m_tiles, x, y, width, height, data, dataWidth, dataHeight, type,
                                                     bandCount, bands, pixelSpace, lineSpace, bandSpace);
  if (read != CE_Warning)
    return read;
  return GDALDataset::IRasterIO(flag, x, y, width, height, data, dataWidth, dataHeight, type, bandCount, bands,
                                pixelSpace, lineSpace, bandSpace, extra);
}

int Dataset::CloseDependentDatasets()
{
  const int base = GDALDataset::CloseDependentDatasets();
  if (m_tiles.provider == nullptr)
    return base;
  for (const auto &overview : m_overviews)
    overview->CloseDependentDatasets();
  for (int i = 1; i <= nBands; i++)
    static_cast<Band *>(GetRasterBand(i))->dropTwin();
  m_tiles.provider.reset();
  m_mask.provider.reset();
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

// Whether the own reader shows the raster as GDAL does, with all its overviews.
bool agrees(tc_provider *provider, GDALDataset *twin)
{
  tc_image_info info{};
  info.struct_size = sizeof info;
  GDALRasterBand *first = twin->GetRasterBand(1);
  if (provider_info(provider, &info, nullptr) != TC_OK || info.width != twin->GetRasterXSize() ||
      info.height != twin->GetRasterYSize() || info.bands != twin->GetRasterCount() ||
      info.levels - 1 < first->GetOverviewCount())
    return false;
  for (int i = 0; i < info.bands; i++) {
    GDALRasterBand *band = twin->GetRasterBand(i + 1);
    tc_band_info about{};
    about.struct_size = sizeof about;
    if (dtypeOf(band->GetRasterDataType(), hasSignedBytes(band)) != info.dtype ||
        provider_band_info(provider, i, &about, nullptr) != TC_OK)
      return false;
    // Colours that GDAL converts, such as YCbCr, are other pixels.
    const tc_colour shown = tcgdal_colour(band->GetColorInterpretation());
    if (about.colour != shown && about.colour >= TC_COLOUR_LUMA)
      return false;
  }
  // Two decoders of JPEG round differently.
  const char *compression = twin->GetMetadataItem("COMPRESSION", "IMAGE_STRUCTURE");
  if (compression != nullptr && strstr(compression, "JPEG") != nullptr)
    return false;
  return first->GetMaskFlags() != GMF_PER_DATASET || (info.flags & TC_IMAGE_HAS_MASK) != 0;
}

// The pixels of the raster: read by tilecache where it can and shows the same, else by GDAL.
Provider openSource(const Options &options, GDALDataset *twin)
{
  tc_provider *provider = nullptr;
  tc_error err;
  if (options.reader != Reader::gdal) {
    const char *path = options.path.c_str();
    // Files of GDAL's own file systems are not the system's.
    const bool opened = (STARTS_WITH(path, "/vsi") ? tc_gdal_open_vsi(path, nullptr, &provider, &err)
                                                   : provider_open(path, nullptr, &provider, &err)) == TC_OK;
    if (opened && (options.reader == Reader::tilecache || agrees(provider, twin)))
      return Provider(provider);
    provider_release(provider);
    if (!opened && options.reader == Reader::tilecache) {
      fail(err);
      return nullptr;
    }
  }
  provider = nullptr;
  if (tc_gdal_open(options.path.c_str(), nullptr, &provider, &err) != TC_OK)
    fail(err);
  return Provider(provider);
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
  Provider source = openSource(options, twin.get());
  tc_cache *cache = source != nullptr ? sharedCache(options) : nullptr;
  auto dataset = std::make_unique<Dataset>();
  if (cache == nullptr || !dataset->fill(source.get(), twin.get(), options, cache) ||
      !dataset->fillOverviews(source.get(), twin.get(), options, cache))
    return nullptr;
  dataset->m_twin = std::move(twin);
  dataset->SetDescription(info->pszFilename);
  return dataset.release();
}

// Makes the bands and the mask of `source`, described by the bands of `twin`.
bool Dataset::fill(tc_provider *source, GDALDataset *twin, const Options &options, tc_cache *cache)
{
  eAccess = GA_ReadOnly;
  if (!m_tiles.open(provider_retain(source), options, cache))
    return false;
  if (m_tiles.info.width > INT_MAX || m_tiles.info.height > INT_MAX) {
    CPLError(CE_Failure, CPLE_NotSupported, "TILECACHE: GDAL has no rasters of that size");
    return false;
  }
  nRasterXSize = static_cast<int>(m_tiles.info.width);
  nRasterYSize = static_cast<int>(m_tiles.info.height);
  for (int i = 1; i <= m_tiles.info.bands; i++) {
    GDALRasterBand *band = twin->GetRasterBand(i);
    if (band == nullptr || dtypeOf(band->GetRasterDataType(), hasSignedBytes(band)) == 0) {
      CPLError(CE_Failure, CPLE_NotSupported, "TILECACHE: band %d is not one that tilecache reads", i);
      return false;
    }
    SetBand(i, new Band(this, m_tiles, i, band->GetRasterDataType(), band));
  }
  if ((m_tiles.info.flags & TC_IMAGE_HAS_MASK) == 0)
    return true;
  tc_provider *mask = nullptr;
  tc_error err;
  if (provider_mask(source, &mask, &err) != TC_OK) {
    fail(err);
    return false;
  }
  if (!m_mask.open(mask, options, cache))
    return false;
  m_maskBand = std::make_unique<Band>(this, m_mask, 0, GDT_Byte, nullptr);
  return true;
}

bool Dataset::fillOverviews(tc_provider *source, GDALDataset *twin, const Options &options, tc_cache *cache)
{
  for (int32_t level = 1; level < m_tiles.info.levels; level++) {
    tc_provider *shown = nullptr;
    tc_error err;
    if (provider_level(source, level, &shown, &err) != TC_OK) {
      fail(err);
      return false;
    }
    const Provider owned(shown);
    m_overviews.push_back(std::make_unique<Dataset>());
    if (!m_overviews.back()->fill(shown, twin, options, cache))
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
