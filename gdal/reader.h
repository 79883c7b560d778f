// Who reads a raster: tilecache's own readers where they show what GDAL shows, else GDAL.
#ifndef TILECACHE_GDAL_READER_H
#define TILECACHE_GDAL_READER_H

#include "options.h"
#include "provider.h"

// The pixels of the raster that GDAL shows as `twin`; NULL after an error was said.
Provider openPixels(const Options &options, GDALDataset *twin);

// Whether the raster leaves out the level, and has one above it.
bool isMissing(tc_provider *provider, int32_t level);

// Whether masks of this kind are read, and not made from the pixels.
inline bool isRead(int maskFlags)
{
  return maskFlags == 0 || maskFlags == GMF_PER_DATASET;
}

// The masks of the raster as a band that holds for all bands, or as a band for each, all with the values that
// GDAL gives. NULL if none is read: false after an error was said.
bool openMasks(const Options &options, GDALDataset *twin, tc_provider *pixels, tc_cache *cache, Provider &masks);

// The mask that pixels have themselves, if they have one; false after an error was said.
bool openOwnMask(tc_provider *pixels, Provider &mask);

// The same raster or masks with the overviews that the options ask for; NULL after an error was said.
Provider withOverviews(tc_provider *source, const Options &options, tc_cache *cache);

// An overview of the raster, from 0, as GDAL reads it, or its masks; NULL after an error was said.
Provider openOverview(const Options &options, int overview, bool areMasks);

// Whether GDAL itself reads smaller versions of the raster from less than all of its pixels, which are other
// ones than those that are sampled from the pixels.
bool readsSmaller(GDALDataset *twin);

#endif
