/* Prefetch as C sees it. What is counted is exact; no test waits for a clock. */
#include "support.h"

enum { SIDE = 16, COLS = 8, BLOCKS = COLS * COLS, BYTES = SIDE * SIDE };

/* ---- the end of a prefetch, or of a request ---- */

typedef struct heard {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  int calls;
  tc_status status;
  tc_prefetched how_far;
  tc_error error;
  source *counted;   /* whose decodes are noted in `decodes` */
  int decodes;
} heard;

static void heard_init(heard *h)
{
  memset(h, 0, sizeof *h);
  pthread_mutex_init(&h->lock, NULL);
  pthread_cond_init(&h->changed, NULL);
}

static void tell(heard *h)
{
  pthread_mutex_lock(&h->lock);
  h->calls++;
  pthread_cond_signal(&h->changed);
  pthread_mutex_unlock(&h->lock);
}

static void hear(void *user, tc_status status, const tc_prefetched *how_far, const tc_error *error)
{
  heard *h = user;
  h->status = status;
  h->how_far = *how_far;
  h->error = *error;
  tell(h);
}

static void receive(void *user, tc_status status, tc_tile *tile, const tc_error *error)
{
  heard *h = user;
  (void)error;
  h->status = status;
  h->decodes = decodes(h->counted);
  tc_tile_release(tile);
  tell(h);
}

/* Waits for the one call, and destroys the rest. */
static void until_heard(heard *h)
{
  pthread_mutex_lock(&h->lock);
  while (h->calls == 0)
    pthread_cond_wait(&h->changed, &h->lock);
  pthread_mutex_unlock(&h->lock);
  assert_int_equal(h->calls, 1);
  pthread_cond_destroy(&h->changed);
  pthread_mutex_destroy(&h->lock);
}

/* ---- short forms ---- */

static tc_cache *cache_of(uint64_t budget, uint32_t threads, uint64_t max_in_flight)
{
  tc_cache_options o = {.struct_size = sizeof o, .threads = threads, .max_in_flight = max_in_flight};
  tc_cache *cache = NULL;
  ok(tc_create(budget, &o, &cache, &err));
  return cache;
}

/* 8 x 8 blocks of 16 x 16 pixels of one byte. */
static tc_provider *open_image(source *s, uint64_t seed)
{
  source_init(s, SIDE * COLS, SIDE * COLS, SIDE, SIDE, 1, TC_U8);
  s->seed = seed;
  return open_source(s);
}

/* Begins to prefetch the blocks of so many rows, from one on. */
static void begin(tc_provider *p, int64_t row, int64_t rows, heard *h)
{
  heard_init(h);
  ok(provider_prefetch(p, 0, row * SIDE, SIDE * COLS, rows * SIDE, 0, NULL, hear, h, &err));
}

static void hold(source *s, int is_held)
{
  pthread_mutex_lock(&s->lock);
  s->is_held = is_held;
  pthread_mutex_unlock(&s->lock);
}

/* Waits until a block is being decoded. */
static void until_decoding(source *s)
{
  int inside;
  do {
    sleep_ms(1);
    pthread_mutex_lock(&s->lock);
    inside = s->inside;
    pthread_mutex_unlock(&s->lock);
  } while (inside == 0);
}

static bool is_resident(tc_provider *p, int64_t row, int64_t col)
{
  tc_tile *tile = NULL;
  tc_status status = provider_peek_block(p, row, col, 0, NULL, 0, &tile, NULL);
  tc_tile_release(tile);
  return status == TC_OK;
}

static int residents(tc_provider *p, int64_t row, int64_t rows)
{
  int n = 0;
  for (int64_t at = row * COLS; at < (row + rows) * COLS; at++)
    n += is_resident(p, at / COLS, at % COLS);
  return n;
}

static void assert_far(const heard *h, int64_t tiles, int64_t ready, int64_t failed, int64_t full)
{
  assert_int_equal(h->how_far.tiles, tiles);
  assert_int_equal(h->how_far.ready, ready);
  assert_int_equal(h->how_far.failed, failed);
  assert_int_equal(h->how_far.full, full);
}

/* The last handle of a prefetch goes a moment after its callback has returned. */
static void released(source *s)
{
  for (int ms = 0; s->released == 0 && ms < 20000; ms++)
    sleep_ms(1);
  assert_threads_end(1);
  source_done(s);
}

/* ---- the tests ---- */

static void what_is_asked_for_later_is_there(void **state)
{
  (void)state;
  for (uint32_t threads = 1; threads <= 3; threads++) {
    source s;
    heard h;
    tc_cache *cache = cache_of(1 << 20, threads, 0);
    tc_provider *from = open_image(&s, 1), *p = cached(from, cache);
    begin(p, 0, COLS, &h);
    until_heard(&h);
    assert_int_equal(h.status, TC_OK);
    assert_far(&h, BLOCKS, BLOCKS, 0, 0);
    assert_int_equal(decodes(&s), BLOCKS);
    assert_int_equal(stats_of(cache).hits + stats_of(cache).misses, 0);
    for (int i = 0; i < BLOCKS; i++) {
      tc_tile *tile = get(p, i / COLS, i % COLS, 0);
      assert_tile(&s, tile, cell(128, 128, SIDE, SIDE, i / COLS, i % COLS, 0), 0, NULL, 1);
      tc_tile_release(tile);
    }
    assert_int_equal(decodes(&s), BLOCKS);
    assert_int_equal(stats_of(cache).hits, BLOCKS);
    /* What is there is not made again. */
    begin(p, 2, 3, &h);
    until_heard(&h);
    assert_far(&h, 3 * COLS, 3 * COLS, 0, 0);
    assert_int_equal(decodes(&s), BLOCKS);
    assert_books(cache);
    provider_release(from);
    provider_release(p);
    tc_release(cache);
    released(&s);
  }
}

/* Tiles across blocks: each block is decoded once, and the tiles that it completes need not be asked for. */
static void tiles_of_another_grid_decode_each_block_once(void **state)
{
  (void)state;
  static const int64_t sides[] = {8, 24, 32, 40};
  for (size_t i = 0; i < COUNT(sides); i++) {
    source s;
    heard h;
    tc_cache *cache = cache_of(1 << 20, 2, 0);
    tc_provider *from = open_image(&s, 2), *p = retiled(from, sides[i], sides[i], 0, cache);
    int64_t n = (SIDE * COLS + sides[i] - 1) / sides[i];
    heard_init(&h);
    ok(provider_prefetch(p, -5, -5, 1000, 1000, 0, NULL, hear, &h, &err));
    until_heard(&h);
    assert_far(&h, n * n, n * n, 0, 0);
    assert_int_equal(most_decodes(&s), 1);
    read_all(p, 0);
    assert_int_equal(decodes(&s), BLOCKS);
    assert_books(cache);
    provider_release(from);
    provider_release(p);
    tc_release(cache);
    released(&s);
  }
}

static void it_stops_at_the_unread_share_and_says_how_far_it_came(void **state)
{
  (void)state;
  source s;
  heard h;
  tc_cache *cache = cache_of(room(16, BYTES), 1, 0);
  tc_provider *from = open_image(&s, 3), *p = cached(from, cache);
  begin(p, 0, COLS, &h);
  until_heard(&h);
  assert_int_equal(h.status, TC_OK);
  int64_t most = (int64_t)(room(16, BYTES) * 3 / 4 / (BYTES + 256));
  assert_far(&h, BLOCKS, most, 0, 1);
  /* Nothing was decoded in vain, and it stopped where row order says. */
  assert_int_equal(decodes(&s), most);
  for (int i = 0; i < BLOCKS; i++)
    assert_int_equal(is_resident(p, i / COLS, i % COLS), i < most);
  assert_books(cache);
  provider_release(from);
  provider_release(p);
  tc_release(cache);
  released(&s);
}

/* What is looked at moves on: what was made for where it was before does not stand in the way. */
static void what_an_earlier_one_made_gives_way(void **state)
{
  (void)state;
  source s;
  tc_cache *cache = cache_of(room(20, BYTES), 1, 0);
  tc_provider *from = open_image(&s, 9), *p = cached(from, cache);
  for (int64_t col = 0; col < COLS; col++) /* in use all the time */
    touch(p, 0, col, 0);
  for (int64_t row = 1; row + 1 < COLS; row++) {
    heard h;
    for (int64_t col = 0; col < COLS; col++)
      touch(p, 0, col, 0);
    begin(p, row, 1, &h);
    until_heard(&h);
    assert_far(&h, COLS, COLS, 0, 0);
    assert_int_equal(residents(p, row, 1), COLS);
    assert_int_equal(residents(p, 0, 1), COLS);
  }
  assert_int_equal(most_decodes(&s), 1);
  /* But it takes no room of what it has made itself. */
  heard h;
  begin(p, 1, COLS - 1, &h);
  until_heard(&h);
  assert_int_equal(h.how_far.full, 1);
  assert_in_range(h.how_far.ready, 1, residents(p, 1, COLS - 1));
  assert_books(cache);
  provider_release(from);
  provider_release(p);
  tc_release(cache);
  released(&s);
}

/* What is there already is wanted as much as what is made: a viewer may prefetch the same again, or half of it. */
static void what_is_wanted_again_stays(void **state)
{
  (void)state;
  source s;
  tc_cache *cache = cache_of(room(44, BYTES), 1, 0);
  tc_provider *from = open_image(&s, 11), *p = cached(from, cache);
  const int64_t first[] = {0, 0, 0, 2, 4, 4, 2};
  int before = 0;
  for (size_t i = 0; i < COUNT(first); i++) {
    heard h;
    begin(p, first[i], 4, &h);
    until_heard(&h);
    assert_far(&h, 4 * COLS, 4 * COLS, 0, 0);
    assert_int_equal(residents(p, first[i], 4), 4 * COLS);
    int new_rows = i == 0 ? 4 : abs((int)(first[i] - first[i - 1]));
    assert_in_range(decodes(&s) - before, 0, new_rows * COLS);
    before = decodes(&s);
  }
  /* More than there is room for, again and again: what came first stays, and is told. */
  heard all;
  ok(tc_clear(cache, &err));
  for (int i = 0; i < 3; i++) {
    before = decodes(&s);
    begin(p, 0, COLS, &all);
    until_heard(&all);
    assert_int_equal(all.how_far.full, 1);
    assert_in_range(all.how_far.ready, 4 * COLS, 44);
    assert_int_equal(residents(p, 0, COLS), all.how_far.ready);
    for (int at = 0; at < all.how_far.ready; at++)
      assert_true(is_resident(p, at / COLS, at % COLS));
    assert_true(i == 0 || decodes(&s) == before);
  }
  assert_books(cache);
  provider_release(from);
  provider_release(p);
  tc_release(cache);
  released(&s);
}

static void what_was_used_since_it_began_stays(void **state)
{
  (void)state;
  source old, hot, ahead;
  heard h;
  tc_cache *cache = cache_of(room(16, BYTES) + room(0, 0), 1, 0); /* of three keys */
  tc_provider *froms[] = {open_image(&old, 4), open_image(&hot, 5), open_image(&ahead, 6)}, *over[3];
  for (int i = 0; i < 3; i++)
    over[i] = cached(froms[i], cache);
  /* A quarter of the budget is old, half of it is hot, and twice the budget is to come. */
  for (int i = 0; i < 12; i++)
    touch(over[i < 4 ? 0 : 1], i < 4 ? 0 : (i - 4) / COLS, i < 4 ? i : (i - 4) % COLS, 0);
  hold(&ahead, 1);
  begin(over[2], 0, 4, &h);
  until_decoding(&ahead);
  for (int i = 0; i < 8; i++)
    touch(over[1], 0, i, 0);
  hold(&ahead, 0);
  until_heard(&h);
  assert_int_equal(decodes(&hot), 8);
  assert_int_equal(residents(over[1], 0, 1), 8);
  assert_int_equal(residents(over[0], 0, 1), 0);
  assert_int_equal(h.how_far.full, 1);
  assert_int_equal(h.how_far.ready, residents(over[2], 0, COLS));
  assert_in_range(h.how_far.ready, 7, 9);
  assert_int_equal(decodes(&ahead), h.how_far.ready);
  assert_books(cache);
  for (int i = 0; i < 3; i++) {
    provider_release(froms[i]);
    provider_release(over[i]);
  }
  tc_release(cache);
  released(&old);
  released(&hot);
  released(&ahead);
}

typedef struct joining {
  tc_provider *provider;
  tc_status status;
  pthread_t thread;
} joining;

static void *join_first(void *user)
{
  joining *j = user;
  tc_tile *tile = NULL;
  j->status = provider_get_block(j->provider, 0, 0, 0, NULL, 0, &tile, NULL);
  tc_tile_release(tile);
  return NULL;
}

/* A tile that is asked for while it is made ahead is decoded once, and takes no more of the unread share. */
static void a_get_that_joins_raises_the_tile(void **state)
{
  (void)state;
  for (int over_grid = 0; over_grid < 2; over_grid++) {
    source s;
    heard h;
    joining j;
    tc_cache *cache = cache_of(room(16, BYTES), 1, 0);
    tc_provider *from = open_image(&s, 7);
    /* Tiles of 16 x 16 put together from those of 8 x 8, or the blocks themselves. */
    tc_provider *small = retiled(from, 8, 8, 0, NULL);
    tc_provider *p = over_grid ? retiled(small, SIDE, SIDE, 0, cache) : cached(from, cache);
    hold(&s, 1);
    begin(p, 0, COLS, &h);
    until_decoding(&s);
    j = (joining){.provider = p};
    assert_int_equal(pthread_create(&j.thread, NULL, join_first, &j), 0);
    while (stats_of(cache).waits == 0)
      sleep_ms(1);
    hold(&s, 0);
    pthread_join(j.thread, NULL);
    until_heard(&h);
    assert_int_equal(j.status, TC_OK);
    assert_int_equal(decodes_of(&s, 0, 0, 0), 1);
    int64_t most = (int64_t)(room(16, BYTES) * 3 / 4 / (BYTES + 256));
    assert_int_equal(h.how_far.ready, most + 1);
    assert_true(is_resident(p, 0, 0));
    assert_books(cache);
    provider_release(from);
    provider_release(small);
    provider_release(p);
    tc_release(cache);
    released(&s);
  }
}

static void cancelling_the_reader_stops_what_is_queued(void **state)
{
  (void)state;
  source s;
  heard first, second, other;
  tc_cache *cache = cache_of(1 << 20, 1, 0);
  tc_provider *from = open_image(&s, 10), *p = cached(from, cache), *reader = NULL;
  ok(provider_reader(p, NULL, &reader, &err));
  hold(&s, 1);
  begin(reader, 0, 2, &first);
  until_decoding(&s);
  begin(reader, 2, 2, &second);
  begin(p, 4, 1, &other);
  ok(provider_cancel(reader, &err));
  /* What was not begun ends though the only thread is busy. */
  until_heard(&second);
  assert_int_equal(second.status, TC_E_CANCELLED);
  assert_string_equal(second.error.message, "the reader was cancelled");
  assert_far(&second, 2 * COLS, 0, 0, 0);
  hold(&s, 0);
  until_heard(&first);
  assert_int_equal(first.status, TC_E_CANCELLED);
  assert_int_equal(first.how_far.failed, 0);
  /* Others notice nothing. */
  until_heard(&other);
  assert_int_equal(other.status, TC_OK);
  assert_far(&other, COLS, COLS, 0, 0);
  assert_int_equal(decodes(&s), 1 + COLS);
  fails(TC_E_CANCELLED, "cancelled", provider_prefetch(reader, 0, 0, 1, 1, 0, NULL, hear, NULL, &err));
  assert_books(cache);
  provider_release(from);
  provider_release(reader);
  provider_release(p);
  tc_release(cache);
  released(&s);
}

static int asked_for_has;

static tc_status count_has(void *user, int64_t row, int64_t col, int32_t level, int32_t *has, tc_error *error)
{
  (void)user, (void)row, (void)col, (void)level, (void)error;
  __atomic_add_fetch(&asked_for_has, 1, __ATOMIC_SEQ_CST);
  *has = 1;
  return TC_OK;
}

/* One thread, and no more bytes may be in flight: the request that comes later is served first. */
static void a_request_goes_before_a_prefetch_that_waits_for_its_turn(void **state)
{
  (void)state;
  source s;
  heard ahead, asked;
  joining j;
  tc_cache *cache = cache_of(1 << 20, 1, 1);
  tc_provider *from = NULL;
  source_init(&s, SIDE * COLS, SIDE * COLS, SIDE, SIDE, 1, TC_U8);
  tc_source callbacks = source_struct(&s);
  callbacks.has_block = count_has;
  ok(provider_from_source(&callbacks, &from, &err));
  tc_provider *p = cached(from, cache);
  hold(&s, 1);
  j = (joining){.provider = p};
  assert_int_equal(pthread_create(&j.thread, NULL, join_first, &j), 0);
  until_decoding(&s);
  int before = __atomic_load_n(&asked_for_has, __ATOMIC_SEQ_CST);
  begin(p, 1, 2, &ahead);
  while (__atomic_load_n(&asked_for_has, __ATOMIC_SEQ_CST) == before)
    sleep_ms(1);
  heard_init(&asked);
  asked.counted = &s;
  ok(provider_request_block(p, 7, 7, 0, NULL, 0, receive, &asked, &err));
  /* The request waits at the cap, so the prefetch, which was begun before, has left the thread. */
  while (stats_of(cache).queued == 0)
    sleep_ms(1);
  hold(&s, 0);
  until_heard(&asked);
  assert_int_equal(asked.status, TC_OK);
  assert_int_equal(asked.decodes, 2);
  until_heard(&ahead);
  assert_far(&ahead, 2 * COLS, 2 * COLS, 0, 0);
  assert_int_equal(stats_of(cache).queued, 1);
  pthread_join(j.thread, NULL);
  assert_books(cache);
  provider_release(from);
  provider_release(p);
  tc_release(cache);
  released(&s);
}

/* And one that comes while a tile is made waits for that one only. */
static void a_request_goes_before_the_tiles_that_are_not_begun(void **state)
{
  (void)state;
  source s;
  heard ahead, asked;
  tc_cache *cache = cache_of(1 << 20, 1, 0);
  tc_provider *from = open_image(&s, 12), *p = cached(from, cache);
  hold(&s, 1);
  begin(p, 0, 4, &ahead);
  until_decoding(&s);
  heard_init(&asked);
  asked.counted = &s;
  ok(provider_request_block(p, 7, 7, 0, NULL, 0, receive, &asked, &err));
  hold(&s, 0);
  until_heard(&asked);
  assert_int_equal(asked.decodes, 2);
  until_heard(&ahead);
  assert_far(&ahead, 4 * COLS, 4 * COLS, 0, 0);
  provider_release(from);
  provider_release(p);
  tc_release(cache);
  released(&s);
}

static void a_tile_that_fails_is_told_and_the_others_are_made(void **state)
{
  (void)state;
  source s;
  heard h;
  tc_cache *cache = cache_of(1 << 20, 1, 0);
  tc_provider *from = open_image(&s, 13), *p = cached(from, cache);
  s.fail_times = 1, s.fail_row = 1, s.fail_col = 2, s.fail_code = 77, s.fail_message = "no such luck";
  begin(p, 0, 3, &h);
  until_heard(&h);
  assert_int_equal(h.status, TC_E_SOURCE);
  assert_int_equal(h.error.source_code, 77);
  assert_non_null(strstr(h.error.message, "no such luck"));
  assert_far(&h, 3 * COLS, 3 * COLS - 1, 1, 0);
  touch(p, 1, 2, 0);
  assert_int_equal(decodes_of(&s, 1, 2, 0), 2);
  provider_release(from);
  provider_release(p);
  tc_release(cache);
  released(&s);
}

static void what_is_absent_or_outside_costs_nothing(void **state)
{
  (void)state;
  source s;
  heard h;
  tc_cache *cache = cache_of(1 << 20, 1, 0);
  source_init(&s, SIDE * COLS, SIDE * COLS, SIDE, SIDE, 1, TC_U8);
  s.sparse = true;
  tc_provider *from = open_source(&s), *p = cached(from, cache);
  begin(p, 0, COLS, &h);
  until_heard(&h);
  assert_far(&h, BLOCKS, BLOCKS, 0, 0);
  assert_int_equal(decodes(&s), BLOCKS / 2);
  static const struct { int64_t x, y, width, height, tiles; } rects[] = {
    {0, 0, 0, 5, 0}, {128, 0, 9, 9, 0}, {-9, -9, 9, 9, 0}, {15, 15, 2, 2, 4}, {-1, 127, INT64_MAX, INT64_MAX, COLS},
    {INT64_MIN, INT64_MIN, INT64_MAX, INT64_MAX, 0}, {INT64_MAX, 0, INT64_MAX, 1, 0},
  };
  for (size_t i = 0; i < COUNT(rects); i++) {
    heard_init(&h);
    ok(provider_prefetch(p, rects[i].x, rects[i].y, rects[i].width, rects[i].height, 0, NULL, hear, &h, &err));
    until_heard(&h);
    assert_far(&h, rects[i].tiles, rects[i].tiles, 0, 0);
  }
  assert_int_equal(decodes(&s), BLOCKS / 2);
  provider_release(from);
  provider_release(p);
  tc_release(cache);
  released(&s);
}

static void arguments_are_checked(void **state)
{
  (void)state;
  source s;
  int32_t bands[] = {0, 1};
  tc_cache *cache = cache_of(1 << 20, 1, 0);
  tc_provider *from = open_image(&s, 14), *p = cached(from, cache);
  tc_prefetch_options o = {.struct_size = 3};
  refuses(TC_E_ARGUMENT, "provider", provider_prefetch(NULL, 0, 0, 1, 1, 0, NULL, hear, NULL, e));
  refuses(TC_E_ARGUMENT, "cache", provider_prefetch(from, 0, 0, 1, 1, 0, NULL, hear, NULL, e));
  refuses(TC_E_RANGE, "width is -1", provider_prefetch(p, 0, 0, -1, 1, 0, NULL, hear, NULL, e));
  refuses(TC_E_RANGE, "height is -2", provider_prefetch(p, 0, 0, 1, -2, 0, NULL, hear, NULL, e));
  refuses(TC_E_RANGE, "level", provider_prefetch(p, 0, 0, 1, 1, 1, NULL, hear, NULL, e));
  refuses(TC_E_RANGE, "level", provider_prefetch(p, 0, 0, 1, 1, -1, NULL, hear, NULL, e));
  refuses(TC_E_ARGUMENT, "struct_size", provider_prefetch(p, 0, 0, 1, 1, 0, &o, hear, NULL, e));
  o = (tc_prefetch_options){.struct_size = sizeof o, .bands = bands, .n_bands = 2};
  refuses(TC_E_RANGE, "band 1", provider_prefetch(p, 0, 0, 1, 1, 0, &o, hear, NULL, e));
  /* Without a callback it is only a wish; what it keeps alive goes with it. */
  o.n_bands = 1;
  ok(provider_prefetch(p, 0, 0, 1, 1, 0, &o, NULL, NULL, &err));
  while (!is_resident(p, 0, 0))
    sleep_ms(1);
  provider_release(from);
  provider_release(p);
  tc_release(cache);
  released(&s);
}

/* Gets of all kinds while tiles are made ahead in a cache that has room for a part: every pixel is right. */
typedef struct crowd {
  source *s;
  tc_provider *p;
  int wrong;
} crowd;

static void read_at_random(void *user, int index)
{
  crowd *c = user;
  uint64_t random = 99 + (uint64_t)index;
  for (int n = scaled(400); n > 0; n--) {
    int64_t row = random_below(&random, 6), col = random_below(&random, 6);
    tc_tile *tile = NULL;
    tc_pixels pixels;
    if (provider_get_block(c->p, row, col, 0, NULL, 0, &tile, NULL) != TC_OK) {
      __atomic_add_fetch(&c->wrong, 1, __ATOMIC_SEQ_CST);
      continue;
    }
    tc_tile_pixels(tile, &pixels);
    if (!pixels_match(c->s, &pixels, col * 24, row * 24, 0, NULL))
      __atomic_add_fetch(&c->wrong, 1, __ATOMIC_SEQ_CST);
    tc_tile_release(tile);
    if (n % 40 == 0 && provider_prefetch(c->p, 0, 0, 128, 128, 0, NULL, NULL, NULL, NULL) != TC_OK)
      __atomic_add_fetch(&c->wrong, 1, __ATOMIC_SEQ_CST);
  }
}

static void pixels_are_right_in_a_crowd(void **state)
{
  (void)state;
  static const uint64_t rooms[] = {3, 12, 100};
  for (size_t i = 0; i < COUNT(rooms); i++) {
    source s;
    heard h;
    tc_cache *cache = cache_of(room(rooms[i], 24 * 24), 2, 4096);
    tc_provider *from = open_image(&s, 15), *p = retiled(from, 24, 24, 0, cache);
    crowd c = {.s = &s, .p = p};
    in_threads(3, read_at_random, &c);
    assert_int_equal(c.wrong, 0);
    /* The one that was begun last ends last of all on one thread. */
    tc_prefetch_options o = {.struct_size = sizeof o, .threads = 1};
    heard_init(&h);
    ok(provider_prefetch(p, 0, 0, 128, 128, 0, &o, hear, &h, &err));
    until_heard(&h);
    provider_release(from);
    provider_release(p);
    tc_release(cache);
    released(&s);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_is_asked_for_later_is_there),
    cmocka_unit_test(tiles_of_another_grid_decode_each_block_once),
    cmocka_unit_test(it_stops_at_the_unread_share_and_says_how_far_it_came),
    cmocka_unit_test(what_an_earlier_one_made_gives_way),
    cmocka_unit_test(what_is_wanted_again_stays),
    cmocka_unit_test(what_was_used_since_it_began_stays),
    cmocka_unit_test(a_get_that_joins_raises_the_tile),
    cmocka_unit_test(cancelling_the_reader_stops_what_is_queued),
    cmocka_unit_test(a_request_goes_before_a_prefetch_that_waits_for_its_turn),
    cmocka_unit_test(a_request_goes_before_the_tiles_that_are_not_begun),
    cmocka_unit_test(a_tile_that_fails_is_told_and_the_others_are_made),
    cmocka_unit_test(what_is_absent_or_outside_costs_nothing),
    cmocka_unit_test(arguments_are_checked),
    cmocka_unit_test(pixels_are_right_in_a_crowd),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
