/* Hits under callgrind, which counts what happens inside the three calls of one: tests/costs.rs.
 *
 * hit_cost OPERATOR [frequency] [tier | strict] [one] HITS: 1,024 tiles, resident, got in random order through `cached` or
 * `retiled`, in a cache that may have TC_CACHE_FREQUENCY, and another tier that tells the generation of the source, perhaps
 * with TC_TIER_STRICT. With `one` there is one tile, so that nothing depends on where tiles happen to stand. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tilecache.h"

enum { SIDE = 32, TILE = 64 };

static tc_status read_block(void *user, void *session, int64_t row, int64_t col, int32_t level, const int32_t *bands,
                            const tc_target *into, tc_error *err) {
  (void)user, (void)session, (void)level, (void)bands, (void)err;
  for (int64_t y = 0; y < into->height; y++)
    memset((char *)into->data + y * into->row_stride, (int)(row * 7 + col * 13) & 255, (size_t)into->width);
  return TC_OK;
}

/* Gets a tile, reads a byte of it and releases it; whether the byte is right. */
static int hit(tc_provider *provider, int64_t row, int64_t col) {
  tc_error err;
  tc_tile *tile;
  tc_pixels pixels;
  if (provider_get_block(provider, row, col, 0, NULL, 0, &tile, &err) != TC_OK) return 0;
  tc_tile_pixels(tile, &pixels);
  int right = *(const unsigned char *)pixels.data == (unsigned char)(row * 7 + col * 13);
  tc_tile_release(tile);
  return right;
}

/* Another tier, which has nothing, and says once what generation the source has. */
typedef struct tier { tc_tier_link *link; } tier;

static void attach(void *user, tc_tier_link *link) { ((tier *)user)->link = link; }

static void get(void *user, const tc_tier_block *block, uint64_t deadline, uint64_t ticket) {
  (void)block, (void)deadline;
  tc_tier_answer(((tier *)user)->link, ticket, TC_TIER_MISS, 0, NULL, NULL);
}

static void generation(void *user, const char *source, int32_t watched) {
  const tc_generation first = {1, 1};
  if (watched) tc_tier_confirmed(((tier *)user)->link, source, &first, INT64_MAX, NULL);
}

static void release(void *user) { tc_tier_link_release(((tier *)user)->link); }

static int is_told(int argc, char **argv, const char *word) {
  for (int i = 2; i < argc - 1; i++)
    if (strcmp(argv[i], word) == 0) return 1;
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  const int is_strict = is_told(argc, argv, "strict"), is_one = is_told(argc, argv, "one");
  tc_image_info image = {.struct_size = sizeof image};
  image.width = image.height = SIDE * TILE;
  image.block_width = image.block_height = TILE;
  image.bands = 1;
  image.dtype = TC_U8;
  tc_source described = {.struct_size = sizeof described};
  described.threading = TC_CONCURRENT;
  described.fleet_id = "scene";
  described.image = &image;
  described.read_block = read_block;
  tc_retile_options tiles = {.struct_size = sizeof tiles};
  tiles.tile_width = tiles.tile_height = TILE;
  tc_cache *cache;
  tc_provider *source, *provider;
  tc_cache_options options = {.struct_size = sizeof options};
  if (is_told(argc, argv, "frequency")) options.flags = TC_CACHE_FREQUENCY;
  if (tc_create(64 << 20, &options, &cache, NULL) != TC_OK) return 3;
  tier own;
  tc_tier table = {.struct_size = sizeof table, .user = &own, .attach = attach, .get = get, .generation = generation,
                   .release = release};
  if (is_strict) table.flags = TC_TIER_STRICT;
  if ((is_strict || is_told(argc, argv, "tier")) && tc_set_tier(cache, &table, NULL) != TC_OK) return 3;
  if (provider_from_source(&described, &source, NULL) != TC_OK) return 3;
  tc_status made = strcmp(argv[1], "cached") == 0 ? provider_cached(source, cache, &provider, NULL)
                                                  : provider_retile(source, &tiles, cache, &provider, NULL);
  if (made != TC_OK) return 3;
  /* Twice, for with the first hit of a tile a thread makes itself known there. */
  for (int at = 0; at < 2 * SIDE * SIDE; at++)
    if (!hit(provider, is_one ? 0 : at / SIDE % SIDE, is_one ? 0 : at % SIDE)) return 4;
  uint64_t random = 0x9e3779b97f4a7c15u;
  for (long left = atol(argv[argc - 1]); left > 0; left--) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    const int64_t at = is_one ? 0 : (int64_t)(random >> 54);
    if (!hit(provider, at / SIDE, at % SIDE)) return 4;
  }
  provider_release(provider);
  provider_release(source);
  tc_release(cache);
  return 0;
}
