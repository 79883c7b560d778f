// A band in strips as wide as the raster, as which GDAL reads what it resamples: in windows as wide, which take of the
// strips beneath tiles each once, where it reads a band in tiles in narrow windows.
#ifndef TILECACHE_GDAL_STRIPS_H
#define TILECACHE_GDAL_STRIPS_H

#include <algorithm>

#include <gdal_priv.h>

class Strips final : public GDALRasterBand {
public:
  // Of `shown`, which outlives it and answers all but the size of its blocks.
  Strips(GDALRasterBand &shown, int rows) : m_shown(shown)
  {
    poDS = shown.GetDataset();
    nBand = shown.GetBand();
    eAccess = GA_ReadOnly;
    eDataType = shown.GetRasterDataType();
    nRasterXSize = nBlockXSize = shown.GetXSize();
    nRasterYSize = shown.GetYSize();
    nBlockYSize = rows;
  }

  int GetOverviewCount() override { return m_shown.GetOverviewCount(); }
  GDALRasterBand *GetOverview(int level) override { return m_shown.GetOverview(level); }
  int GetMaskFlags() override { return m_shown.GetMaskFlags(); }
  GDALRasterBand *GetMaskBand() override { return m_shown.GetMaskBand(); }
  GDALColorInterp GetColorInterpretation() override { return m_shown.GetColorInterpretation(); }
  GDALColorTable *GetColorTable() override { return m_shown.GetColorTable(); }
  double GetNoDataValue(int *has) override { return m_shown.GetNoDataValue(has); }
  int64_t GetNoDataValueAsInt64(int *has) override { return m_shown.GetNoDataValueAsInt64(has); }
  uint64_t GetNoDataValueAsUInt64(int *has) override { return m_shown.GetNoDataValueAsUInt64(has); }
  const char *GetMetadataItem(const char *name, const char *domain) override
  {
    return m_shown.GetMetadataItem(name, domain);
  }

protected:
  CPLErr IReadBlock(int, int row, void *into) override
  {
    const int y = row * nBlockYSize, height = std::min(nBlockYSize, nRasterYSize - y);
    return m_shown.RasterIO(GF_Read, 0, y, nRasterXSize, height, into, nRasterXSize, height, eDataType, 0, 0, nullptr);
  }

  CPLErr IRasterIO(GDALRWFlag flag, int x, int y, int width, int height, void *data, int dataWidth, int dataHeight,
                   GDALDataType type, GSpacing pixelSpace, GSpacing lineSpace, GDALRasterIOExtraArg *extra) override
  {
    if (width == dataWidth && height == dataHeight)
      return m_shown.RasterIO(flag, x, y, width, height, data, dataWidth, dataHeight, type, pixelSpace, lineSpace, extra);
    return GDALRasterBand::IRasterIO(flag, x, y, width, height, data, dataWidth, dataHeight, type, pixelSpace, lineSpace,
                                     extra);
  }

private:
  GDALRasterBand &m_shown;
};

#endif
