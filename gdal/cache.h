// The cache of the process, which all datasets share.
#ifndef TILECACHE_GDAL_CACHE_H
#define TILECACHE_GDAL_CACHE_H

#include "options.h"
#include "provider.h"

// Made for the first dataset; NULL after an error was said.
tc_cache *sharedCache(const Options &options);

// Gives it up, when the driver goes.
void releaseCache();

#endif
