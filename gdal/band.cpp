#include "raster.h"

#include <algorithm>

#include "uncached.h"

Band::Band(Dataset *dataset, const Tiles &tiles, int number, int index, GDALDataType type, GDALRasterBand *twin,
           GDALRasterBand *shown)
    : m_dataset(dataset), m_tiles(tiles), m_index(index), m_shown(shown), m_known(shown != nullptr ? shown : twin),
      m_told(dataset->isWarped() ? nullptr : m_known),
      m_signedBytes(hasSignedBytes(twin)), m_maskFlags(m_known != nullptr ? m_known->GetMaskFlags() : GMF_ALL_VALID)
{
  poDS = dataset;
  nBand = number;
  eAccess = GA_ReadOnly;
  eDataType = type;
  nRasterXSize = static_cast<int>(tiles.info().width);
  nRasterYSize = static_cast<int>(tiles.info().height);
  nBlockXSize = static_cast<int>(tiles.info().block_width);
  nBlockYSize = static_cast<int>(tiles.info().block_height);
  if (m_known != nullptr)
    GDALRasterBand::SetDescription(m_known->GetDescription());
  if (tiles.stripRows() > 0)
    m_strips = std::make_unique<Strips>(*this, tiles.stripRows());
}

int Band::GetOverviewCount()
{
  // GDAL may say that a level has overviews of its own, as of the first one in a file of overviews. It looks for them
  // once more where it has read from that level.
  if (m_dataset->base() != nullptr)
    return m_shown != nullptr && !m_dataset->showsStored() && !m_dataset->computes() ? m_shown->GetOverviewCount() : 0;
  const int all = static_cast<int>(m_dataset->overviews().size());
  if (nBand > 0 || m_dataset->computes())
    return all;
  // GDAL may have overviews of a band whose masks are not overviews of its mask.
  return m_shown != nullptr ? std::min(all, m_shown->GetOverviewCount()) : 0;
}

GDALRasterBand *Band::GetOverview(int level)
{
  if (level < 0 || level >= GetOverviewCount())
    return nullptr;
  const Dataset *base = m_dataset->base();
  if (base == nullptr)
    return at(*m_dataset->overviews()[static_cast<size_t>(level)]);
  GDALRasterBand *shown = m_shown->GetOverview(level);
  for (const auto &overview : base->overviews())
    if (Band *ours = at(*overview); ours != nullptr && shown != nullptr && ours->m_shown == shown)
      return ours;
  // Of a VRT it is none of the levels of the whole raster.
  return shown;
}

Band *Band::at(Dataset &level) const
{
  return nBand > 0 ? static_cast<Band *>(level.GetRasterBand(nBand)) : level.maskOf(m_index + 1);
}

int Band::GetMaskFlags()
{
  if (nBand == 0)
    return GMF_ALL_VALID;
  if (m_dataset->maskOf(nBand) == nullptr)
    return GDALRasterBand::GetMaskFlags();
  return m_dataset->isWarped() ? GMF_PER_DATASET : m_maskFlags;
}

GDALRasterBand *Band::GetMaskBand()
{
  Band *mask = nBand > 0 ? m_dataset->maskOf(nBand) : nullptr;
  return mask != nullptr ? mask : GDALRasterBand::GetMaskBand();
}

int Band::HasArbitraryOverviews()
{
  return m_shown != nullptr && !m_dataset->computes() ? m_shown->HasArbitraryOverviews() : FALSE;
}

GDALColorInterp Band::GetColorInterpretation()
{
  if (m_known == nullptr)
    return GCI_Undefined;
  return m_dataset->showsStored() ? m_tiles.colour(m_index) : m_known->GetColorInterpretation();
}

double Band::GetNoDataValue(int *has)
{
  return m_known ? m_known->GetNoDataValue(has) : GDALRasterBand::GetNoDataValue(has);
}

int64_t Band::GetNoDataValueAsInt64(int *has)
{
  return m_known ? m_known->GetNoDataValueAsInt64(has) : GDALRasterBand::GetNoDataValueAsInt64(has);
}

uint64_t Band::GetNoDataValueAsUInt64(int *has)
{
  return m_known ? m_known->GetNoDataValueAsUInt64(has) : GDALRasterBand::GetNoDataValueAsUInt64(has);
}

double Band::GetOffset(int *has)
{
  return m_known ? m_known->GetOffset(has) : GDALRasterBand::GetOffset(has);
}

double Band::GetScale(int *has)
{
  return m_known ? m_known->GetScale(has) : GDALRasterBand::GetScale(has);
}

// What was set as statistics says more than what the raster came with.
double Band::GetMinimum(int *has)
{
  return isSet("") || m_told == nullptr ? GDALRasterBand::GetMinimum(has) : m_told->GetMinimum(has);
}

double Band::GetMaximum(int *has)
{
  return isSet("") || m_told == nullptr ? GDALRasterBand::GetMaximum(has) : m_told->GetMaximum(has);
}

CPLErr Band::GetDefaultHistogram(double *least, double *most, int *buckets, GUIntBig **counts, int force,
                                 GDALProgressFunc progress, void *progressData)
{
  if (m_histogram != nullptr) {
    const std::vector<GUIntBig> &from = m_histogram->counts;
    *counts = static_cast<GUIntBig *>(VSI_MALLOC2_VERBOSE(std::max<size_t>(1, from.size()), sizeof(GUIntBig)));
    if (*counts == nullptr)
      return CE_Failure;
    std::copy(from.begin(), from.end(), *counts);
    *least = m_histogram->least;
    *most = m_histogram->most;
    *buckets = static_cast<int>(from.size());
    return CE_None;
  }
  // One that the raster came with; what must be counted is counted from the tiles.
  if (m_told != nullptr &&
      m_told->GetDefaultHistogram(least, most, buckets, counts, FALSE, nullptr, nullptr) == CE_None)
    return CE_None;
  return GDALRasterBand::GetDefaultHistogram(least, most, buckets, counts, force, progress, progressData);
}

CPLErr Band::SetDefaultHistogram(double least, double most, int buckets, GUIntBig *counts)
{
  if (buckets < 0 || (buckets > 0 && counts == nullptr)) {
    CPLError(CE_Failure, CPLE_IllegalArg, "TILECACHE: a histogram of %d buckets", buckets);
    return CE_Failure;
  }
  m_histogram = std::make_unique<Histogram>(Histogram{least, most, {counts, counts + buckets}});
  return CE_None;
}

int Band::IGetDataCoverageStatus(int x, int y, int width, int height, int stopAt, double *percent)
{
  if (m_shown != nullptr)
    return m_shown->GetDataCoverageStatus(x, y, width, height, stopAt, percent);
  return GDALRasterBand::IGetDataCoverageStatus(x, y, width, height, stopAt, percent);
}

CPLErr Band::IReadBlock(int col, int row, void *into)
{
  return m_tiles.readBlock(col, row, m_index, eDataType, m_signedBytes, into);
}

CPLErr Band::IRasterIO(GDALRWFlag flag, int x, int y, int width, int height, void *data, int dataWidth,
                       int dataHeight, GDALDataType type, GSpacing pixelSpace, GSpacing lineSpace,
                       GDALRasterIOExtraArg *extra)
{
  if (flag == GF_Read && m_shown != nullptr && m_dataset->isForwarded({x, y, width, height}, dataWidth, dataHeight, extra))
    return m_shown->RasterIO(flag, x, y, width, height, data, dataWidth, dataHeight, type, pixelSpace, lineSpace,
                             extra);
  if (flag == GF_Read && isStored()) {
    const CPLErr read = readUncached(this, m_tiles, {x, y, width, height}, dataWidth, dataHeight, {m_index},
                                     {data, type, pixelSpace, lineSpace, 0}, extra);
    if (read != CE_Warning)
      return read;
  }
  // GDAL has complex samples resampled by what warps, of the dataset.
  const bool resamples = (width != dataWidth || height != dataHeight) && extra->eResampleAlg != GRIORA_NearestNeighbour;
  if (flag == GF_Read && resamples && m_strips != nullptr && !GDALDataTypeIsComplex(eDataType))
    return m_strips->RasterIO(flag, x, y, width, height, data, dataWidth, dataHeight, type, pixelSpace, lineSpace, extra);
  return GDALRasterBand::IRasterIO(flag, x, y, width, height, data, dataWidth, dataHeight, type, pixelSpace,
                                   lineSpace, extra);
}
