/* Misses under callgrind, beside many images whose tiles nothing has read yet, or many tiles that were hit:
 * tests/costs.rs.
 *
 * miss_cost images IMAGES MISSES: each image has tiles made ahead, then another image is read block by block.
 * miss_cost hits ROWS MISSES: rows of 100 tiles fill the cache and are hit, then another image is read.
 * miss_cost mosaic PARTS MISSES: one of the parts of a mosaic is read block by block.
 * miss_cost mosaics PARTS TIMES: as many mosaics are made of the same parts. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tilecache.h"

static tc_status read_block(void *user, void *session, int64_t row, int64_t col, int32_t level, const int32_t *bands,
                            const tc_target *into, tc_error *err) {
  (void)user, (void)session, (void)row, (void)col, (void)level, (void)bands, (void)err;
  for (int64_t y = 0; y < into->height; y++) memset((char *)into->data + y * into->row_stride, 7, (size_t)into->width);
  return TC_OK;
}

static tc_provider *image(int64_t width, int64_t height, int64_t block) {
  tc_image_info info = {.struct_size = sizeof info};
  info.width = width;
  info.height = height;
  info.block_width = info.block_height = block;
  info.bands = 1;
  info.dtype = TC_U8;
  tc_source described = {.struct_size = sizeof described};
  described.threading = TC_CONCURRENT;
  described.image = &info;
  described.read_block = read_block;
  tc_provider *provider;
  if (provider_from_source(&described, &provider, NULL) != TC_OK) exit(3);
  return provider;
}

static tc_status get(tc_provider *provider, int64_t row, int64_t col) {
  tc_tile *tile;
  tc_status status = provider_get_block(provider, row, col, 0, NULL, 0, &tile, NULL);
  tc_tile_release(tile);
  return status;
}

/* Misses of a retiled image beside many others. */
static int beside_images(long images, long misses) {
  tc_cache *cache;
  if (tc_create(1u << 30, NULL, &cache, NULL) != TC_OK) return 3;
  tc_retile_options tiles = {.struct_size = sizeof tiles, .tile_width = 16, .tile_height = 16};
  for (long i = 0; i < images; i++) {
    tc_provider *source = image(64, 64, 64), *retiled;
    if (provider_retile(source, &tiles, cache, &retiled, NULL) != TC_OK) return 3;
    provider_release(source);
    if (get(retiled, 0, 0) != TC_OK) return 4;
  }
  tc_provider *source = image(64 * 16, 64 * 16, 64), *retiled;
  if (provider_retile(source, &tiles, cache, &retiled, NULL) != TC_OK) return 3;
  /* A miss for each block of four by four tiles. */
  for (long i = 0; i < misses; i++)
    if (get(retiled, i / 16 * 4, i % 16 * 4) != TC_OK) return 4;
  return 0;
}

/* Misses in a full cache whose tiles were all hit since the last one. */
static int after_hits(long rows, long misses) {
  tc_cache *cache;
  tc_provider *hit, *missed;
  tc_cache_stats stats = {.struct_size = sizeof stats};
  if (tc_create(1u << 30, NULL, &cache, NULL) != TC_OK) return 3;
  if (provider_cached(image(100 * 16, rows * 16, 16), cache, &hit, NULL) != TC_OK) return 3;
  if (provider_cached(image(1024, 1024, 16), cache, &missed, NULL) != TC_OK) return 3;
  if (get(missed, 0, 0) != TC_OK) return 4;
  for (int sweep = 0; sweep < 2; sweep++) {
    for (long at = 0; at < rows * 100; at++)
      if (get(hit, at / 100, at % 100) != TC_OK) return 4;
    if (tc_statistics(cache, &stats, NULL) != TC_OK) return 3;
    if (tc_set_budget(cache, stats.resident, NULL) != TC_OK) return 3;
  }
  for (long i = 1; i <= misses; i++)
    if (get(missed, i / 64, i % 64) != TC_OK) return 4;
  if (tc_statistics(cache, &stats, NULL) != TC_OK) return 3;
  return stats.evictions == (uint64_t)misses ? 0 : 5;
}

enum { PART = 1024, PARTS_A_ROW = 100 };

static tc_status open_part(void *user, size_t part, tc_provider **provider, tc_error *err) {
  (void)user, (void)part, (void)err;
  *provider = image(PART, PART, 64);
  return TC_OK;
}

static tc_provider *mosaic_of(long parts, tc_cache *cache) {
  tc_mosaic_part *all = calloc((size_t)parts, sizeof *all);
  char(*keys)[32] = calloc((size_t)parts, sizeof *keys);
  for (long i = 0; i < parts; i++) {
    snprintf(keys[i], sizeof keys[i], "part-%ld", i);
    all[i] = (tc_mosaic_part){.key = keys[i], .width = PART, .height = PART};
    all[i].x = i % PARTS_A_ROW * PART;
    all[i].y = i / PARTS_A_ROW * PART;
  }
  tc_image_info info = {.struct_size = sizeof info};
  info.width = (int64_t)PARTS_A_ROW * PART;
  info.height = (parts + PARTS_A_ROW - 1) / PARTS_A_ROW * PART;
  info.block_width = info.block_height = 64;
  info.bands = 1;
  info.dtype = TC_U8;
  tc_mosaic_options options = {.struct_size = sizeof options, .image = &info, .open = open_part};
  tc_provider *mosaic;
  if (provider_mosaic(all, (size_t)parts, &options, cache, &mosaic, NULL) != TC_OK) exit(3);
  free(keys);
  free(all);
  return mosaic;
}

static int of_mosaic(long parts, long misses) {
  tc_cache *cache;
  if (tc_create(1u << 30, NULL, &cache, NULL) != TC_OK) return 3;
  tc_provider *mosaic = mosaic_of(parts, cache);
  for (long i = 0; i <= misses; i++)
    if (get(mosaic, i / 16, i % 16) != TC_OK) return 4;
  return 0;
}

/* All stay: those that are made anew find what the first one made known. */
static int mosaics(long parts, long times) {
  for (long i = 0; i < times; i++) mosaic_of(parts, NULL);
  return 0;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  long many = atol(argv[2]), times = atol(argv[3]);
  if (strcmp(argv[1], "hits") == 0) return after_hits(many, times);
  if (strcmp(argv[1], "mosaic") == 0) return of_mosaic(many, times);
  if (strcmp(argv[1], "mosaics") == 0) return mosaics(many, times);
  return beside_images(many, times);
}
