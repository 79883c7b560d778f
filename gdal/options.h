// What a connection string and open options say.
#ifndef TILECACHE_GDAL_OPTIONS_H
#define TILECACHE_GDAL_OPTIONS_H

#include <cstdint>
#include <string>

enum class Reader { automatic, tilecache, gdal };

struct Options {
  std::string path;
  int64_t tileWidth = 512, tileHeight = 512;
  bool pad = false;
  bool hasCache = false;
  uint64_t cache = 0;
  Reader reader = Reader::automatic;
  // Whether the own reader makes red, green and blue of what GDAL shows so.
  bool rgb = false;
  // The quality layers of JPEG 2000 that are decoded; 0 for all.
  uint32_t layers = 0;
  // Whether overviews are computed that the raster lacks, so many in all or as many as end in one tile, and how.
  bool computes = false;
  int32_t overviews = -1;
  uint32_t filter = 0;
  bool usesNative = true;
  // The reference system that it is seen in, if another one is asked for, the size of a pixel there, or 0, and how
  // samples are found.
  std::string srs;
  double resolutionX = 0, resolutionY = 0;
  uint32_t resampling = 0;
};

extern const char *const connectionPrefix;

// Reads TILECACHE:<path>?<name>=<value>&... and then `openOptions`, which come first where both speak.
// On failure, says what is wrong to GDAL's error handler.
bool readOptions(const char *connection, char **openOptions, Options &options);

// A number of bytes: 1073741824, 1GiB, 1G, 512MB...
bool parseBytes(const char *text, uint64_t &bytes);

#endif
