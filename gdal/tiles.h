// A raster, one of its levels, or masks, on a grid of tiles.
#ifndef TILECACHE_GDAL_TILES_H
#define TILECACHE_GDAL_TILES_H

#include <string>
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
  // Retiles `source`, whose reference is taken and whose samples have about so many bytes; false after an error was
  // said.
  bool open(tc_provider *source, int sampleBytes, const Options &options, tc_cache *cache);
  void close()
  {
    m_blocks.reset();
    m_provider.reset();
  }
  bool isOpen() const { return m_provider != nullptr; }
  const tc_image_info &info() const { return m_info; }

  // How many rows the strips have that the raster is read in; 0 if in none, or in strips of tiles.
  int stripRows() const { return m_stripRows; }

  // What was done for it so far, as provider_counters_json has it; empty if that cannot be told.
  std::string counters() const;

  // What a band shows.
  GDALColorInterp colour(int32_t band) const;

  // Fills `into` with bands, counted from 0, without GDAL's block cache. `stored` is the type that GDAL has for
  // their samples, and what is converted from it is as GDAL converts it. CE_None if it did, CE_Failure after an
  // error, CE_Warning if GDAL has to.
  CPLErr read(const Window &from, const std::vector<int32_t> &bands, GDALDataType stored, const Buffer &into) const;

  // Fills `into` with bands at the crossings of columns and rows, both in rising order, as `read` does.
  CPLErr readCrossings(const std::vector<int> &columns, const std::vector<int> &rows, const std::vector<int32_t> &bands,
                       GDALDataType stored, const Buffer &into) const;

  // Fills a block of GDAL with one band.
  CPLErr readBlock(int col, int row, int32_t band, GDALDataType type, bool signedBytes, void *into) const;

private:
  CPLErr readConverted(const Window &from, const std::vector<int32_t> &bands, GDALDataType stored,
                       const Buffer &into) const;
  CPLErr readAs(tc_dtype dtype, const Window &from, const std::vector<int32_t> &bands, const Buffer &into) const;

  CPLErr readTile(int col, int row, int32_t band, tc_target &into) const;
  // What windows are read from.
  tc_provider *windows() const { return m_readsBlocks ? m_blocks.get() : m_provider.get(); }

  Provider m_provider;
  // The blocks of the raster in the same cache, where places are better read from these; NULL where from tiles.
  Provider m_blocks;
  bool m_readsBlocks = false; // for windows
  int m_stripRows = 0;
  tc_image_info m_info{};
};

#endif
