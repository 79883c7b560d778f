/* Operators over operators: what they decode, what they tell of what is beneath, and whose their memory is. */
#include "support.h"

static tc_cache_stats counters_of(tc_provider *p)
{
  tc_cache_stats stats = {.struct_size = sizeof stats};
  ok(provider_counters(p, &stats, NULL, &err));
  return stats;
}

/* ---- the in-flight cap ---- */

/* Returns the provider if it gave the tile. */
static void *wait_for_it(void *provider)
{
  tc_tile *tile = NULL;
  tc_status status = provider_get_block(provider, 0, 0, 0, NULL, 0, &tile, NULL);
  tc_tile_release(tile);
  return status == TC_OK ? provider : NULL;
}

static int inside(source *s)
{
  pthread_mutex_lock(&s->lock);
  int n = s->inside;
  pthread_mutex_unlock(&s->lock);
  return n;
}

/* Two hundred threads wait for one tile; a load of another image does not wait for them. */
static void waiters_of_one_tile_do_not_fill_the_cap(void **state)
{
  (void)state;
  enum { WAITERS = 200 };
  int waiters = scaled(WAITERS);
  for (int mode = 0; mode < 3; mode++) {
    source slow, other;
    source_init(&slow, 1024, 1024, 1024, 1024, 1, TC_U8);
    slow.is_held = 1;
    source_init(&other, 256, 256, 256, 256, 1, TC_U8);
    tc_cache *cache = new_cache(64 << 20);
    tc_provider *from = open_source(&slow), *blocks = mode == 1 ? provider_retain(from) : cached(from, cache);
    tc_provider *awaited = mode == 0 ? provider_retain(blocks) : retiled(blocks, 256, 256, 0, cache);
    tc_provider *unrelated = open_source(&other), *kept = cached(unrelated, cache);
    pthread_t threads[WAITERS];
    for (int i = 0; i < waiters; i++)
      assert_int_equal(pthread_create(&threads[i], NULL, wait_for_it, awaited), 0);
    while (stats_of(cache).misses < (uint64_t)waiters || inside(&slow) == 0)
      sleep_ms(1);
    touch(kept, 0, 0, 0);
    bool still_waited = inside(&slow) == 1;
    pthread_mutex_lock(&slow.lock);
    slow.is_held = 0;
    pthread_mutex_unlock(&slow.lock);
    int given = 0;
    for (int i = 0; i < waiters; i++) {
      void *from_whom = NULL;
      pthread_join(threads[i], &from_whom);
      given += from_whom != NULL;
    }
    assert_true(still_waited);
    assert_int_equal(given, waiters);
    assert_int_equal(decodes(&slow), 1);
    assert_int_equal(stats_of(cache).overdue, 0);
    provider_release(from);
    provider_release(blocks);
    provider_release(awaited);
    provider_release(unrelated);
    provider_release(kept);
    tc_release(cache);
    source_done(&slow);
    source_done(&other);
  }
}

/* ---- whose memory it is ---- */

/* Blocks that straddle tiles are kept by the retiled provider, and count as its own. */
static void kept_blocks_belong_to_the_tiles(void **state)
{
  (void)state;
  source s;
  source_init(&s, 1024, 1024, 64, 64, 1, TC_U8);
  s.key = "straddling";
  tc_cache *cache = new_cache(64 << 20);
  tc_provider *from = open_source(&s), *tiles = retiled(from, 75, 75, 0, cache);
  for (int64_t row = 0; row < 5; row++)
    for (int64_t col = 0; col < 14; col++)
      touch(tiles, row, col, 0);
  tc_cache_stats all = stats_of(cache), own = counters_of(tiles);
  assert_true(all.entries > 5 * 14);
  assert_int_equal(own.entries, all.entries);
  assert_int_equal(own.idle, all.idle);
  /* A share bounds them with the tiles. */
  ok(tc_set_share(cache, provider_key(tiles), 100000, 0, &err));
  read_all(tiles, 0);
  assert_true(counters_of(tiles).idle <= 100000 + 4096);
  assert_int_equal(counters_of(tiles).idle, stats_of(cache).idle);
  provider_release(from);
  provider_release(tiles);
  tc_release(cache);
  source_done(&s);
}

/* What one cache keeps of the blocks, another that keeps the tiles does not keep again. */
static void two_caches_keep_a_block_once(void **state)
{
  (void)state;
  source s;
  source_init(&s, 1024, 1024, 64, 64, 1, TC_U8);
  tc_cache *of_blocks = new_cache(64 << 20), *of_tiles = new_cache(1 << 20);
  tc_provider *from = open_source(&s), *blocks = cached(from, of_blocks), *tiles = retiled(blocks, 75, 75, 0, of_tiles);
  uint64_t chance = 8;
  for (int i = 0; i < 400; i++)
    touch(tiles, random_below(&chance, 14), random_below(&chance, 14), 0);
  assert_int_equal(most_decodes(&s), 1);
  assert_int_equal(stats_of(of_blocks).entries, counters_of(blocks).entries);
  assert_int_equal(stats_of(of_tiles).entries, counters_of(tiles).entries);
  assert_true(stats_of(of_tiles).entries <= 14 * 14);
  provider_release(from);
  provider_release(blocks);
  provider_release(tiles);
  tc_release(of_blocks);
  tc_release(of_tiles);
  source_done(&s);
}

/* Absent tiles of many images are one buffer for each shape and value. */
static void absent_tiles_of_all_images_share_their_pad(void **state)
{
  (void)state;
  const void *inside = NULL, *edge = NULL;
  for (int image = 0; image < 3; image++) {
    source s;
    source_init(&s, 100, 100, 64, 64, 1, TC_U8);
    s.sparse = true;
    s.image.pad[0] = image < 2 ? 9 : 10;
    tc_provider *from = open_source(&s), *tiles = retiled(from, 64, 64, 1, NULL);
    tc_tile *of_source = get(from, 0, 1, 0), *of_tiles = get(tiles, 1, 0, 0);
    if (image == 0) {
      inside = data_of(of_tiles);
      edge = data_of(of_source);
    }
    assert_int_equal(data_of(of_tiles) == inside, image < 2);
    assert_int_equal(data_of(of_source) == edge, image < 2);
    tc_tile_release(of_source);
    tc_tile_release(of_tiles);
    provider_release(from);
    provider_release(tiles);
    source_done(&s);
  }
}

/* ---- what operators tell of what is beneath ---- */

static tc_status same_pixels(void *user, int64_t row, int64_t col, int32_t level, const tc_pixels *in,
                             const tc_target *out, tc_error *e)
{
  (void)user, (void)row, (void)col, (void)level, (void)e;
  for (int64_t y = 0; y < out->height; y++)
    memcpy((char *)out->data + y * out->row_stride, (const char *)in->data + y * in->row_stride, (size_t)out->width);
  return TC_OK;
}

static tc_provider *mapped(tc_provider *from, tc_cache *cache)
{
  tc_map_options options = {.struct_size = sizeof options, .map = same_pixels};
  tc_provider *p = NULL;
  ok(provider_map(from, &options, cache, &p, &err));
  return p;
}

static tc_provider *level_of(tc_provider *from, int32_t level)
{
  tc_provider *p = NULL;
  ok(provider_level(from, level, &p, &err));
  return p;
}

/* A level of a cached image finds what is resident. */
static void a_level_peeks_into_the_cache(void **state)
{
  (void)state;
  source s;
  source_init(&s, 128, 128, 32, 32, 1, TC_U8);
  s.image.levels = 2;
  tc_cache *cache = new_cache(1 << 20);
  tc_provider *from = open_source(&s), *blocks = cached(from, cache), *half = level_of(blocks, 1);
  tc_tile *tile = NULL, *peeked = NULL;
  assert_int_equal(provider_peek_block(half, 1, 1, 0, NULL, 0, &peeked, &err), TC_E_NOT_RESIDENT);
  tile = get(half, 1, 1, 0);
  ok(provider_peek_block(half, 1, 1, 0, NULL, 0, &peeked, &err));
  assert_ptr_equal(data_of(tile), data_of(peeked));
  tc_tile_release(tile);
  tc_tile_release(peeked);
  provider_release(from);
  provider_release(blocks);
  provider_release(half);
  tc_release(cache);
  source_done(&s);
}

/* A map has the mask of what it was made over, at every level. */
static void a_map_keeps_the_mask(void **state)
{
  (void)state;
  static unsigned char nothing[64 * 64];
  tc_target array = {.data = nothing, .width = 64, .height = 64, .bands = 1, .dtype = TC_U8};
  tc_provider *beside = NULL, *from = NULL, *mask = NULL;
  ok(provider_from_memory(&array, NULL, NULL, NULL, NULL, &beside, &err));
  source s;
  source_init(&s, 64, 64, 64, 64, 1, TC_U8);
  tc_source callbacks = source_struct(&s);
  callbacks.mask = beside;
  ok(provider_from_source(&callbacks, &from, &err));
  tc_provider *map = mapped(from, NULL), *tiles = retiled(map, 32, 32, 0, NULL);
  ok(provider_mask(tiles, &mask, &err));
  tc_tile *tile = get(mask, 1, 1, 0);
  assert_int_equal(*(const unsigned char *)data_of(tile), 0);
  tc_tile_release(tile);
  provider_release(from);
  provider_release(beside);
  provider_release(map);
  provider_release(tiles);
  provider_release(mask);
  source_done(&s);
}

/* Eight strips as tiles, through what is between them: how often they are decoded in small caches and in one
 * with room for all. */
static void stacks_decode_strips_a_few_times_and_once_where_there_is_room(void **state)
{
  (void)state;
  enum { CACHED, MAPPED, MAPPED_KEPT, RETILED, RETILED_KEPT, LEVEL, LEVEL_CACHED, KINDS };
  for (int kind = 0; kind < KINDS; kind++)
    for (int size = 0; size < 4; size++) {
      const uint64_t budgets[] = {148 << 10, 172 << 10, 196 << 10, 560 << 10};
      source s;
      source_init(&s, 1024, 512, 1024, 64, 1, TC_U8);
      s.image.levels = 2;
      tc_cache *cache = new_cache(budgets[size]);
      tc_provider *from = open_source(&s), *blocks = cached(from, cache), *below = NULL;
      switch (kind) {
      case CACHED: below = provider_retain(blocks); break;
      case MAPPED: below = mapped(from, NULL); break;
      case MAPPED_KEPT: below = mapped(from, cache); break;
      case RETILED: below = retiled(from, 1024, 75, 0, NULL); break;
      case RETILED_KEPT: below = retiled(from, 1024, 75, 0, cache); break;
      case LEVEL: below = level_of(from, 1); break;
      default: below = level_of(blocks, 1);
      }
      int64_t side = kind < LEVEL ? 96 : 48;
      tc_provider *tiles = retiled(below, side, side, 0, cache);
      read_all(tiles, 0);
      assert_in_range(decodes(&s), 1, size == 3 ? 9 : 24);
      provider_release(from);
      provider_release(blocks);
      provider_release(below);
      provider_release(tiles);
      tc_release(cache);
      source_done(&s);
    }
}

/* Windows with a margin of three pixels, in row order, over blocks and over tiles of other sizes: each block
 * is decoded once where the budget has room for the rows that they touch, one more, and two rows of blocks. */
static void windows_with_a_margin_decode_each_block_once_in_the_room_that_is_stated(void **state)
{
  (void)state;
  enum { MARGIN = 3, WIDTH = 1024, HEIGHT = 512, ENTRY = 256 };
  const struct {
    int64_t block_width, block_height, tile, window;
  } cases[] = {{WIDTH, 64, 64, 64}, {64, 64, 60, 60}, {64, 64, 56, 64}, {64, 64, 60, 16}, {WIDTH, 64, 60, 64}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    for (int kind = 0; kind < 3; kind++) {
      int64_t block = cases[i].block_height, tile = kind == 0 ? block : cases[i].tile;
      int64_t side = cases[i].window + 2 * MARGIN, rows = (side + tile - 2) / tile + 1;
      int64_t entries = (rows + 3) * (WIDTH / 56 + 1);
      source s;
      source_init(&s, WIDTH, HEIGHT, cases[i].block_width, block, 1, TC_U8);
      tc_cache *cache = new_cache((uint64_t)(WIDTH * ((rows + 1) * tile + 2 * block) + entries * ENTRY));
      tc_provider *from = open_source(&s), *blocks = kind == 1 ? provider_retain(from) : cached(from, cache);
      tc_provider *read = kind == 0 ? provider_retain(blocks) : retiled(blocks, tile, tile, 0, cache);
      unsigned char pixels[70 * 70];
      for (int64_t y = 0; y < HEIGHT; y += cases[i].window)
        for (int64_t x = 0; x < WIDTH; x += cases[i].window) {
          tc_target into = {pixels, 1, side, side * side, side, side, 1, TC_U8};
          ok(provider_read_window(read, x - MARGIN, y - MARGIN, 0, NULL, 0, &into, &err));
          for (int64_t at = 0; at < side * side; at++) {
            int64_t px = x - MARGIN + at % side, py = y - MARGIN + at / side;
            unsigned char expected = 0;
            if (px >= 0 && py >= 0 && px < WIDTH && py < HEIGHT)
              sample_at(&s, px, py, 0, 0, &expected);
            assert_int_equal(pixels[at], expected);
          }
        }
      assert_int_equal(decodes(&s), WIDTH / cases[i].block_width * (HEIGHT / block));
      provider_release(from);
      provider_release(blocks);
      provider_release(read);
      tc_release(cache);
      source_done(&s);
    }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(waiters_of_one_tile_do_not_fill_the_cap),
    cmocka_unit_test(kept_blocks_belong_to_the_tiles),
    cmocka_unit_test(two_caches_keep_a_block_once),
    cmocka_unit_test(absent_tiles_of_all_images_share_their_pad),
    cmocka_unit_test(a_level_peeks_into_the_cache),
    cmocka_unit_test(a_map_keeps_the_mask),
    cmocka_unit_test(stacks_decode_strips_a_few_times_and_once_where_there_is_room),
    cmocka_unit_test(windows_with_a_margin_decode_each_block_once_in_the_room_that_is_stated),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
