// Handles of tilecache, and how its types and errors are GDAL's.
#ifndef TILECACHE_GDAL_PROVIDER_H
#define TILECACHE_GDAL_PROVIDER_H

#include <memory>

#include <gdal_priv.h>

#include "tilecache_gdal.h"

struct Release {
  void operator()(tc_provider *provider) const { provider_release(provider); }
  void operator()(tc_tile *tile) const { tc_tile_release(tile); }
};

using Provider = std::unique_ptr<tc_provider, Release>;
using Tile = std::unique_ptr<tc_tile, Release>;

inline CPLErr fail(const tc_error &err)
{
  CPLError(CE_Failure, CPLE_AppDefined, "TILECACHE: %s", err.message);
  return CE_Failure;
}

inline bool hasSignedBytes(GDALRasterBand *band)
{
  return band != nullptr && tcgdal_signed_bytes(GDALRasterBand::ToHandle(band)) != 0;
}

// How tilecache names samples that GDAL stores like this; 0 if it has no such type.
inline tc_dtype dtypeOf(GDALDataType type, bool signedBytes)
{
  GDALDataType stored = type;
  const tc_dtype dtype = tcgdal_dtype(&stored, signedBytes);
  return stored == type ? dtype : 0;
}

#endif
