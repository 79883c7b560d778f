// Rasters seen in another reference system.
#ifndef TILECACHE_GDAL_WARP_H
#define TILECACHE_GDAL_WARP_H

#include <array>

#include <ogr_spatialref.h>

#include "options.h"
#include "provider.h"

// Where a raster lies.
struct Place {
  std::array<double, 6> transform{};
  OGRSpatialReference srs;
};

// The pixels of a raster, whose levels are those of `source`, in the reference system that the options ask for, and
// where they lie: on the grid that GDAL suggests, or with the resolution asked for. NULL after an error was said.
Provider openWarped(const Options &options, GDALDataset *twin, tc_provider *source, tc_cache *cache, Place &place);

#endif
