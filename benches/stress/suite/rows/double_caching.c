/* A raster through the bridge to GDAL, with the size of GDAL's own cache given:
 *
 *     double_caching PATH SIDE
 *     double_caching PATH SIDE TILE BUDGET GDAL_CACHE
 *
 * The first makes PATH, of SIDE x SIDE bytes in strips of 16 rows. The second reads it as tiles in row order
 * and looks at every byte. Says its numbers in lines that begin with "@", and goes on when it gets an empty
 * line: decodes of a block in millionths, wrong bytes, bytes in GDAL's cache. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tilecache_gdal.h"

static unsigned char sample(int64_t x, int64_t y)
{
  return (unsigned char)((uint64_t)(x * 2654435761 + y * 40503 + (x ^ y)) >> 7);
}

static void check(int holds, const char *what)
{
  if (!holds) {
    fprintf(stderr, "%s\n", what);
    exit(1);
  }
}

static void make(const char *path, int side)
{
  char **options = CSLSetNameValue(NULL, "BLOCKYSIZE", "16");
  GDALDatasetH made = GDALCreate(GDALGetDriverByName("GTiff"), path, side, side, 1, GDT_Byte, options);
  check(made != NULL, "cannot make the raster");
  unsigned char *row = malloc((size_t)side);
  check(row != NULL, "no memory");
  for (int y = 0; y < side; y++) {
    for (int x = 0; x < side; x++)
      row[x] = sample(x, y);
    GDALRasterBandH band = GDALGetRasterBand(made, 1);
    check(GDALRasterIO(band, GF_Write, 0, y, side, 1, row, side, 1, GDT_Byte, 0, 0) == CE_None, "cannot write");
  }
  free(row);
  GDALClose(made);
  CSLDestroy(options);
}

static uint64_t read_all(tc_provider *tiles, int64_t side, int64_t tile_side)
{
  uint64_t wrong = 0;
  for (int64_t row = 0; row * tile_side < side; row++)
    for (int64_t col = 0; col * tile_side < side; col++) {
      tc_tile *tile = NULL;
      tc_error err;
      if (provider_get_block(tiles, row, col, 0, NULL, 0, &tile, &err))
        check(0, err.message);
      tc_pixels at;
      tc_tile_pixels(tile, &at);
      for (int64_t y = 0; y < at.height; y++)
        for (int64_t x = 0; x < at.width; x++)
          wrong += ((const unsigned char *)at.data)[y * at.row_stride + x] != sample(col * tile_side + x, row * tile_side + y);
      tc_tile_release(tile);
    }
  return wrong;
}

int main(int argc, char **argv)
{
  check(argc == 3 || argc == 6, "two arguments or five");
  const char *path = argv[1];
  int side = atoi(argv[2]);
  GDALAllRegister();
  if (argc == 3) {
    make(path, side);
    return 0;
  }
  int tile_side = atoi(argv[3]);
  GDALSetCacheMax64(strtoll(argv[5], NULL, 10));
  tc_cache *cache = NULL;
  tc_provider *file = NULL, *tiles = NULL;
  tc_error err;
  tc_retile_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.tile_width = options.tile_height = tile_side;
  if (tc_create(strtoull(argv[4], NULL, 10), NULL, &cache, &err) || tc_gdal_open(path, NULL, &file, &err) ||
      provider_retile(file, &options, cache, &tiles, &err))
    check(0, err.message);
  printf("@\n");
  fflush(stdout);
  getchar();
  uint64_t wrong = read_all(tiles, side, tile_side);
  tc_cache_stats stats;
  memset(&stats, 0, sizeof stats);
  stats.struct_size = sizeof stats;
  double amplification = 0;
  if (provider_counters(file, &stats, &amplification, &err))
    check(0, err.message);
  printf("@%.0f %llu %lld\n", amplification * 1e6, (unsigned long long)wrong, (long long)GDALGetCacheUsed64());
  fflush(stdout);
  getchar();
  provider_release(tiles);
  provider_release(file);
  tc_release(cache);
  return 0;
}
