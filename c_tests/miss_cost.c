/* Misses under callgrind, beside many images whose tiles nothing has read yet: tests/costs.rs.
 *
 * miss_cost IMAGES MISSES: each image has tiles made ahead, then another image is read block by block. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tilecache.h"

static tc_status read_block(void *user, void *session, int64_t row, int64_t col, int32_t level, const int32_t *bands,
                            const tc_target *into, tc_error *err) {
  (void)user, (void)session, (void)row, (void)col, (void)level, (void)bands, (void)err;
  for (int64_t y = 0; y < into->height; y++) memset((char *)into->data + y * into->row_stride, 7, (size_t)into->width);
  return TC_OK;
}

static tc_provider *image(int64_t side, int64_t block) {
  tc_image_info info = {.struct_size = sizeof info};
  info.width = info.height = side;
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

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  long images = atol(argv[1]), misses = atol(argv[2]);
  tc_cache *cache;
  if (tc_create(1u << 30, NULL, &cache, NULL) != TC_OK) return 3;
  tc_retile_options tiles = {.struct_size = sizeof tiles, .tile_width = 16, .tile_height = 16};
  for (long i = 0; i < images; i++) {
    tc_provider *source = image(64, 64), *retiled;
    if (provider_retile(source, &tiles, cache, &retiled, NULL) != TC_OK) return 3;
    provider_release(source);
    if (get(retiled, 0, 0) != TC_OK) return 4;
  }
  tc_provider *source = image(64 * 16, 64), *retiled;
  if (provider_retile(source, &tiles, cache, &retiled, NULL) != TC_OK) return 3;
  /* A miss for each block of four by four tiles. */
  for (long i = 0; i < misses; i++)
    if (get(retiled, i / 16 * 4, i % 16 * 4) != TC_OK) return 4;
  return 0;
}
