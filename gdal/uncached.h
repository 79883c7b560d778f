// Reads that GDAL's block cache has no part in.
#ifndef TILECACHE_GDAL_UNCACHED_H
#define TILECACHE_GDAL_UNCACHED_H

#include <vector>

#include <gdal_priv.h>

#include "tiles.h"

// Whether a read takes the pixels of a window as they are: GDAL resamples also where as many lie between pixels.
bool isAsStored(const Window &from, int dataWidth, int dataHeight, const GDALRasterIOExtraArg *extra);

// Reads a window of tiles, of which `band` has the type and the overviews, past GDAL's block cache: as it is, or the
// nearest neighbours that GDAL would take. CE_None if it did, CE_Failure after an error, CE_Warning if GDAL has to.
CPLErr readUncached(GDALRasterBand *band, const Tiles &tiles, const Window &from, int dataWidth, int dataHeight,
                    const std::vector<int32_t> &bands, const Buffer &into, const GDALRasterIOExtraArg *extra);

#endif
