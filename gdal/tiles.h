// A raster, one of its levels, or masks, on a grid of tiles.
#ifndef TILECACHE_GDAL_TILES_H
#define TILECACHE_GDAL_TILES_H

#include <vector>

#include "options.h"
#include "provider.h"

struct Window {
  int x, y, width, height;
};

// Memory of a reader, as GDAL describes it.
struct Buffer {
  void *data;
  GDALDataType type;
  GSpacing pixelSpace, lineSpace, bandSpace;
};

class Tiles {
public:
  // Retiles `source`, whose reference is taken; false after an error was said.
  bool open(tc_provider *source, const Options &options, tc_cache *cache);
  void close() { m_provider.reset(); }
  bool isOpen() const { return m_provider != nullptr; }
  const tc_image_info &info() const { return m_info; }

  // What a band shows.
  GDALColorInterp colour(int32_t band) const;

  // Fills `into` with bands, counted from 0, without GDAL's block cache. `stored` is the type that GDAL has for
  // their samples, and what is converted from it is as GDAL converts it. CE_None if it did, CE_Failure after an
  // error, CE_Warning if GDAL has to.
  CPLErr read(const Window &from, const std::vector<int32_t> &bands, GDALDataType stored, const Buffer &into) const;

  // Fills a block of GDAL with one band.
  CPLErr readBlock(int col, int row, int32_t band, GDALDataType type, bool signedBytes, void *into) const;

private:
  CPLErr readConverted(const Window &from, const std::vector<int32_t> &bands, GDALDataType stored,
                       const Buffer &into) const;
  CPLErr readAs(tc_dtype dtype, const Window &from, const std::vector<int32_t> &bands, const Buffer &into) const;

  Provider m_provider;
  tc_image_info m_info{};
};

#endif
