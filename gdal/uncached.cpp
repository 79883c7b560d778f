#include "uncached.h"

#include <algorithm>

namespace {

// The pixels along one side of a window of `size` pixels from `begin` on, for so many of a buffer. GDAL adds step to
// step along a row, and multiplies down a column, which is not the same after many steps.
std::vector<int> along(double begin, double size, int count, int all, bool isRow)
{
  constexpr double epsilon = 1e-10;
  const double step = size / count, last = all - 1;
  std::vector<int> places;
  places.reserve(static_cast<size_t>(count));
  double added = 0.5 * step + begin + epsilon;
  for (int i = 0; i < count; i++, added += step) {
    const double place = isRow ? added : (i + 0.5) * step + begin + epsilon;
    places.push_back(static_cast<int>(std::clamp(place, 0.0, last)));
  }
  return places;
}

// Whether a read takes the nearest neighbours among the pixels of the band itself, and not of one of its overviews.
bool isNearest(GDALRasterBand *band, const Window &from, int dataWidth, int dataHeight, const GDALRasterIOExtraArg *extra)
{
  if (extra->eResampleAlg != GRIORA_NearestNeighbour)
    return false;
  if ((dataWidth >= from.width && dataHeight >= from.height) || band->GetOverviewCount() == 0)
    return true;
  // It changes what it is given.
  Window within = from;
  GDALRasterIOExtraArg more = *extra;
  return GDALBandGetBestOverviewLevel2(band, within.x, within.y, within.width, within.height, dataWidth, dataHeight,
                                       &more) < 0;
}

} // namespace

bool isAsStored(const Window &from, int dataWidth, int dataHeight, const GDALRasterIOExtraArg *extra)
{
  if (from.width != dataWidth || from.height != dataHeight)
    return false;
  return !extra->bFloatingPointWindowValidity || (extra->dfXOff == from.x && extra->dfYOff == from.y &&
                                                  extra->dfXSize == from.width && extra->dfYSize == from.height);
}

CPLErr readUncached(GDALRasterBand *band, const Tiles &tiles, const Window &from, int dataWidth, int dataHeight,
                    const std::vector<int32_t> &bands, const Buffer &into, const GDALRasterIOExtraArg *extra)
{
  const GDALDataType stored = band->GetRasterDataType();
  if (isAsStored(from, dataWidth, dataHeight, extra))
    return tiles.read(from, bands, stored, into);
  if (!isNearest(band, from, dataWidth, dataHeight, extra))
    return CE_Warning;
  double x = from.x, y = from.y, width = from.width, height = from.height;
  if (extra->bFloatingPointWindowValidity) {
    x = extra->dfXOff;
    y = extra->dfYOff;
    width = extra->dfXSize;
    height = extra->dfYSize;
  }
  const CPLErr read = tiles.readCrossings(along(x, width, dataWidth, band->GetXSize(), true),
                                          along(y, height, dataHeight, band->GetYSize(), false), bands, stored, into);
  const bool goesOn = read != CE_None || extra->pfnProgress == nullptr ||
                      extra->pfnProgress(1, "", extra->pProgressData) != FALSE;
  return goesOn ? read : CE_Failure;
}
