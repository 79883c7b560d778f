// Datasets and bands as GDAL sees them: pixels from tiles, and all else from the same raster as GDAL reads it.
#ifndef TILECACHE_GDAL_RASTER_H
#define TILECACHE_GDAL_RASTER_H

#include <memory>
#include <vector>

#include <gdal_priv.h>

#include "annotated.h"
#include "options.h"
#include "provider.h"
#include "strips.h"
#include "tiles.h"
#include "uncached.h"
#include "warp.h"

class Dataset;

class Band final : public Annotated<GDALRasterBand> {
public:
  // Band `number` of a dataset, from 1, or a mask, number 0; in the tiles it is band `index`. `twin` is the same
  // band as GDAL reads it, and `shown` is it at this level: each NULL if there is none.
  Band(Dataset *dataset, const Tiles &tiles, int number, int index, GDALDataType type, GDALRasterBand *twin,
       GDALRasterBand *shown);

  // Whether the tiles have its samples in the type that it has for GDAL.
  bool isStored() const { return m_tiles.info().dtype == dtypeOf(eDataType, m_signedBytes); }
  void dropTwin() { m_known = m_shown = m_told = nullptr; }

  int GetOverviewCount() override;
  GDALRasterBand *GetOverview(int level) override;
  int GetMaskFlags() override;
  GDALRasterBand *GetMaskBand() override;
  bool IsMaskBand() const override { return m_shown ? m_shown->IsMaskBand() : GDALRasterBand::IsMaskBand(); }

  int HasArbitraryOverviews() override;
  GDALColorInterp GetColorInterpretation() override;
  GDALColorTable *GetColorTable() override { return m_known ? m_known->GetColorTable() : nullptr; }
  char **GetCategoryNames() override { return m_known ? m_known->GetCategoryNames() : nullptr; }
  GDALRasterAttributeTable *GetDefaultRAT() override { return m_known ? m_known->GetDefaultRAT() : nullptr; }
  const char *GetUnitType() override { return m_known ? m_known->GetUnitType() : ""; }
  double GetMinimum(int *has) override;
  double GetMaximum(int *has) override;
  CPLErr GetDefaultHistogram(double *least, double *most, int *buckets, GUIntBig **counts, int force,
                             GDALProgressFunc progress, void *progressData) override;
  CPLErr SetDefaultHistogram(double least, double most, int buckets, GUIntBig *counts) override;
  double GetNoDataValue(int *has) override;
  int64_t GetNoDataValueAsInt64(int *has) override;
  uint64_t GetNoDataValueAsUInt64(int *has) override;
  double GetOffset(int *has) override;
  double GetScale(int *has) override;

protected:
  GDALMajorObject *about() const override { return m_told; }
  CPLErr IReadBlock(int col, int row, void *into) override;
  CPLErr IRasterIO(GDALRWFlag flag, int x, int y, int width, int height, void *data, int dataWidth, int dataHeight,
                   GDALDataType type, GSpacing pixelSpace, GSpacing lineSpace,
                   GDALRasterIOExtraArg *extra) override;
  int IGetDataCoverageStatus(int x, int y, int width, int height, int stopAt, double *percent) override;

private:
  // The same band of a level; NULL if it is a mask that the level has not.
  Band *at(Dataset &level) const;

  // How often samples lie in intervals of equal width.
  struct Histogram {
    double least, most;
    std::vector<GUIntBig> counts;
  };

  Dataset *m_dataset;
  const Tiles &m_tiles;
  const int m_index;
  GDALRasterBand *m_shown;
  GDALRasterBand *m_known; // for what is no pixel: the band at this level, or that of the whole raster
  GDALRasterBand *m_told;  // for what is told of its pixels: the same, unless these are warped
  std::unique_ptr<Histogram> m_histogram; // that was set
  std::unique_ptr<Strips> m_strips;       // NULL where the raster has none
  const bool m_signedBytes;
  const int m_maskFlags; // of a mask that is read
};

class Dataset final : public Annotated<GDALDataset> {
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
  // The raster that it is a level of; NULL if it is none.
  const Dataset *base() const { return m_base; }
  // The mask of a band, from 1; NULL if it is made from the pixels.
  Band *maskOf(int band) const
  {
    if (m_masks.empty())
      return nullptr;
    return m_masks.size() == 1 ? m_masks[0].get() : m_masks[static_cast<size_t>(band - 1)].get();
  }
  // Whether a read that resamples is GDAL's.
  bool isForwarded(const Window &from, int dataWidth, int dataHeight, const GDALRasterIOExtraArg *extra) const
  {
    return m_forwards && !isAsStored(from, dataWidth, dataHeight, extra);
  }
  // Whether overviews are computed that the raster lacks.
  bool computes() const { return m_computes; }
  // Whether it is seen in another reference system.
  bool isWarped() const { return m_warps; }
  // Whether bands show what the file has, and not what GDAL makes of it.
  bool showsStored() const { return m_showsStored; }

  CPLErr GetGeoTransform(double *transform) override;
  const OGRSpatialReference *GetSpatialRef() const override
  {
    if (m_place)
      return &m_place->srs;
    return m_twin ? m_twin->GetSpatialRef() : nullptr;
  }
  int GetGCPCount() override { return m_twin && !m_warps ? m_twin->GetGCPCount() : 0; }
  const OGRSpatialReference *GetGCPSpatialRef() const override
  {
    return m_twin && !m_warps ? m_twin->GetGCPSpatialRef() : nullptr;
  }
  const GDAL_GCP *GetGCPs() override { return m_twin && !m_warps ? m_twin->GetGCPs() : nullptr; }
  char **GetFileList() override { return m_twin ? m_twin->GetFileList() : nullptr; }

protected:
  GDALMajorObject *about() const override { return m_warps ? nullptr : m_twin.get(); }
  CPLErr IBuildOverviews(const char *resampling, int count, const int *levels, int bandCount, const int *bands,
                         GDALProgressFunc progress, void *progressData, CSLConstList options) override;
  CPLErr IRasterIO(GDALRWFlag flag, int x, int y, int width, int height, void *data, int dataWidth, int dataHeight,
                   GDALDataType type, int bandCount, int *bands, GSpacing pixelSpace, GSpacing lineSpace,
                   GSpacing bandSpace, GDALRasterIOExtraArg *extra) override;

private:
  // What a level is made from: its pixels, its masks or NULL, and the raster as GDAL reads it.
  struct Source {
    tc_provider *pixels, *masks;
    GDALDataset *twin;
  };

  // A raster without bands, whose metadata names others.
  void fillWithout(GDALDatasetUniquePtr twin);
  bool fill(const Source &from, const Options &options, tc_cache *cache);
  bool fillMasks(const Source &from, const Options &options, tc_cache *cache);
  bool fillOverviews(const Source &from, const Options &options, tc_cache *cache);
  // Shows the overviews that were built beside the raster; false after an error was said.
  bool showBuilt();
  // Those of GDAL's that are no levels, as a third of the size is none.
  bool fillOtherOverviews(const Source &from, const Options &options, tc_cache *cache);

  Options m_options;           // as it was opened; in overviews those of nothing
  GDALDatasetUniquePtr m_twin; // the raster as GDAL reads it, for what is no pixel; NULL in overviews
  GDALDatasetUniquePtr m_later; // the same with the overviews that were built; NULL if none were
  Tiles m_tiles, m_maskTiles;
  std::vector<std::unique_ptr<Band>> m_masks; // one of all bands, or one for each
  std::vector<std::unique_ptr<Dataset>> m_overviews;
  const Dataset *m_base = nullptr;
  bool m_forwards = false, m_showsStored = false, m_computes = false, m_warps = false;
  std::unique_ptr<Place> m_place; // of what is warped; NULL in overviews
};

#endif
