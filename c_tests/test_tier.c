/* Another tier behind the memory of a cache, as a program in C writes one: what it gives and keeps, and what becomes of
 * answers that are late, wrong, double or none. */
#include "support.h"

#include <time.h>

enum { SIDE = 96, BLOCK = 32, BLOCKS = 9, MOST = 256 };

/* How a store answers. */
typedef enum {
  IN_CALL,      /* inside the call */
  IN_ROOM,      /* inside the call, into the memory of the tile */
  BY_THREAD,    /* later, from another thread */
  TOO_LATE,     /* from another thread, after the deadline */
  NEVER,
  TWICE,
  WRONG_SIZE,
  WRONG_TYPE,
  NO_OUTCOME,   /* with a number that is none */
  NO_ROOM,      /* pixels that nobody wrote */
  LEASE_TO_GET,
  WITHOUT_NUMBER, /* leased, without a lease */
  WAYS
} way;

typedef struct value {
  unsigned char *key;
  size_t key_bytes;
  tc_generation generation;
  unsigned char *pixels; /* NULL: only a lease */
  uint64_t lease;
} value;

typedef struct question { uint64_t ticket; size_t at; tc_pixels shown; } question;

/* A store in memory, which several caches share, each by a side of its own. */
typedef struct store {
  pthread_mutex_t lock;
  value values[MOST];
  size_t n;
  uint64_t leases;
} store;

typedef struct side {
  store *of;
  way how;
  bool takes, has_generations, is_lazy; /* lazy: keeps its parcels until `let_go` */
  tc_generation generation;
  tc_status purge_status;
  tc_tier_link *link;
  pthread_t thread;
  bool ends;
  question asked[MOST];
  size_t n_asked;
  uint64_t parcels[MOST];
  size_t n_parcels;
  int gets, puts, watched, unleased, flushed, settled, released;
  const char *broken;
} side;

static uint64_t monotonic(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static size_t bytes_of(const tc_tier_block *b)
{
  return (size_t)(b->width * b->height) * (size_t)b->bands * b->sample_bytes;
}

/* The place of a block in the store; to be called under its lock. */
static size_t find(store *s, const tc_tier_block *b)
{
  size_t i;
  for (i = 0; i < s->n; i++) {
    value *v = &s->values[i];
    if (v->key_bytes == b->material_bytes && memcmp(v->key, b->material, b->material_bytes) == 0
        && v->generation.counter == b->generation_counter && v->generation.random == b->generation_random)
      return i;
  }
  if (s->n == MOST)
    abort();
  s->values[i] = (value){.key_bytes = b->material_bytes, .generation = {b->generation_counter, b->generation_random}};
  s->values[i].key = malloc(b->material_bytes);
  memcpy(s->values[i].key, b->material, b->material_bytes);
  s->n++;
  return i;
}

static tc_pixels shown(const tc_tier_block *b, const unsigned char *pixels)
{
  int64_t row = b->width * (int64_t)b->sample_bytes;
  return (tc_pixels){.data = pixels, .width = b->width, .height = b->height, .row_stride = row,
                     .band_stride = row * b->height, .bands = b->bands, .dtype = b->dtype};
}

static void expect(side *d, bool holds, const char *promise)
{
  if (!holds && d->broken == NULL)
    d->broken = promise;
}

static void attach(void *user, tc_tier_link *link)
{
  side *d = user;
  d->link = link;
}

/* Writes the pixels of a block to the memory of its tile. */
static void write_room(side *d, uint64_t ticket, const tc_tier_block *b, const unsigned char *pixels)
{
  tc_target into;
  tc_error e;
  if (tc_tier_room(d->link, ticket, &into, &e) != TC_OK) {
    expect(d, e.code == TC_E_NOT_FOUND, "room for an open ticket");
    return;
  }
  expect(d, into.width == b->width && into.height == b->height && into.bands == b->bands && into.dtype == b->dtype
            && into.row_stride == b->width * (int64_t)b->sample_bytes, "room for the block");
  memcpy(into.data, pixels, bytes_of(b));
  expect(d, tc_tier_answer(d->link, ticket, TC_TIER_PIXELS, 0, NULL, &e) == TC_OK || e.code == TC_E_NOT_FOUND,
         "an answer from the memory of the tile");
}

static void refused(side *d, uint64_t ticket, int32_t outcome, uint64_t lease, const tc_pixels *pixels, const char *text)
{
  tc_error e;
  tc_status status = tc_tier_answer(d->link, ticket, outcome, lease, pixels, &e);
  expect(d, status == TC_E_ARGUMENT && strstr(e.message, text) != NULL, text);
  expect(d, tc_tier_answer(d->link, ticket, TC_TIER_MISS, 0, NULL, NULL) == TC_E_NOT_FOUND, "a ticket ends when it is refused");
}

static void get_block(void *user, const tc_tier_block *b, uint64_t deadline, uint64_t ticket)
{
  side *d = user;
  static const unsigned char nothing[4 * BLOCK * BLOCK];
  expect(d, b->struct_size == sizeof *b && b->bands > 0 && b->material_bytes > 0, "a block says what it is");
  expect(d, deadline > monotonic() - 60000000000u, "the deadline is on the monotonic clock");
  pthread_mutex_lock(&d->of->lock);
  size_t at = find(d->of, b);
  const unsigned char *pixels = d->of->values[at].pixels;
  d->gets++;
  bool is_later = d->how == BY_THREAD || d->how == TOO_LATE || d->how == NEVER;
  if (is_later && d->n_asked < MOST)
    d->asked[d->n_asked++] = (question){ticket, at, shown(b, NULL)};
  pthread_mutex_unlock(&d->of->lock);
  tc_pixels p = shown(b, pixels == NULL ? nothing : pixels);
  switch (d->how) {
  case IN_CALL: case TWICE:
    tc_tier_answer(d->link, ticket, pixels ? TC_TIER_PIXELS : TC_TIER_MISS, 0, pixels ? &p : NULL, NULL);
    if (d->how == TWICE)
      expect(d, tc_tier_answer(d->link, ticket, TC_TIER_MISS, 0, NULL, NULL) == TC_E_NOT_FOUND, "the second answer is refused");
    break;
  case IN_ROOM:
    if (pixels)
      write_room(d, ticket, b, pixels);
    else
      tc_tier_answer(d->link, ticket, TC_TIER_MISS, 0, NULL, NULL);
    break;
  case WRONG_SIZE:
    p.width--;
    refused(d, ticket, TC_TIER_PIXELS, 0, &p, "were asked for");
    break;
  case WRONG_TYPE:
    p.dtype = p.dtype == TC_U8 ? TC_I8 : TC_U8;
    p.row_stride = 0, p.band_stride = 0;
    p = shown(b, nothing), p.dtype = TC_I8;
    refused(d, ticket, TC_TIER_PIXELS, 0, &p, "were asked for");
    break;
  case NO_OUTCOME: refused(d, ticket, 77, 0, NULL, "77"); break;
  case NO_ROOM: refused(d, ticket, TC_TIER_PIXELS, 0, NULL, "memory of the tile"); break;
  case LEASE_TO_GET: refused(d, ticket, TC_TIER_LEASED, 5, NULL, "lease"); break;
  case WITHOUT_NUMBER: refused(d, ticket, TC_TIER_LEASED, 0, NULL, "lease is 0"); break;
  default: break;
  }
}

static void put_block(void *user, const tc_tier_block *b, uint64_t lease, const tc_pixels *p, uint64_t parcel)
{
  side *d = user;
  pthread_mutex_lock(&d->of->lock);
  d->puts++;
  value *v = &d->of->values[find(d->of, b)];
  expect(d, lease == 0 || v->lease == lease, "the lease of a put is that of its block");
  if (v->pixels == NULL) {
    v->pixels = malloc(bytes_of(b));
    size_t row = (size_t)b->width * b->sample_bytes;
    for (int32_t band = 0; band < b->bands; band++)
      for (int64_t y = 0; y < b->height; y++)
        memcpy(v->pixels + (size_t)(band * b->height + y) * row,
               (const char *)p->data + band * p->band_stride + y * p->row_stride, row);
  }
  v->lease = 0;
  bool is_lazy = d->is_lazy && d->n_parcels < MOST;
  if (is_lazy)
    d->parcels[d->n_parcels++] = parcel;
  pthread_mutex_unlock(&d->of->lock);
  if (!is_lazy)
    tc_tier_taken(d->link, parcel);
}

static void lease_block(void *user, const tc_tier_block *b, int32_t waits, uint64_t deadline, uint64_t ticket)
{
  side *d = user;
  for (;;) {
    pthread_mutex_lock(&d->of->lock);
    value *v = &d->of->values[find(d->of, b)];
    const unsigned char *pixels = v->pixels;
    uint64_t lease = v->lease == 0 && pixels == NULL ? (v->lease = ++d->of->leases) : 0;
    pthread_mutex_unlock(&d->of->lock);
    tc_pixels p = shown(b, pixels);
    /* Put since `get` looked for it. */
    if (pixels)
      tc_tier_answer(d->link, ticket, TC_TIER_PIXELS, 0, &p, NULL);
    else if (lease)
      tc_tier_answer(d->link, ticket, TC_TIER_LEASED, lease, NULL, NULL);
    else if (!waits)
      tc_tier_answer(d->link, ticket, TC_TIER_BUSY, 0, NULL, NULL);
    else if (monotonic() > deadline || !tc_tier_is_wanted(d->link, ticket))
      tc_tier_answer(d->link, ticket, TC_TIER_MISS, 0, NULL, NULL);
    else {
      sleep_ms(1);
      continue;
    }
    return;
  }
}

static void end_lease(void *user, const tc_tier_block *b, uint64_t lease)
{
  side *d = user;
  pthread_mutex_lock(&d->of->lock);
  value *v = &d->of->values[find(d->of, b)];
  expect(d, v->lease == lease, "a lease that ends is that of its block");
  v->lease = 0;
  d->unleased++;
  pthread_mutex_unlock(&d->of->lock);
}

static void watch(void *user, const char *source, int32_t watched)
{
  side *d = user;
  expect(d, strncmp(source, "id:", 3) == 0, "a source is called by its identity");
  d->watched += watched ? 1 : -1;
  if (watched)
    tc_tier_changed(d->link, source, &d->generation, NULL);
}

static tc_status purge(void *user, const char *source, tc_error *e)
{
  side *d = user;
  if (d->purge_status != TC_OK) {
    /* The status that it returns says enough. */
    *e = (tc_error){.code = 0};
    snprintf(e->message, sizeof e->message, "the store is away");
    return d->purge_status;
  }
  d->generation.counter++;
  return tc_tier_changed(d->link, source, &d->generation, e);
}

static void tell_health(void *user, tc_tier_account *health)
{
  (void)user;
  health->state = TC_TIER_HALF_OPEN;
  health->garbage = 3;
}

static void flush(void *user)
{
  side *d = user;
  pthread_mutex_lock(&d->of->lock);
  d->flushed++;
  pthread_mutex_unlock(&d->of->lock);
}

static int32_t settle(void *user, uint64_t timeout)
{
  side *d = user;
  expect(d, timeout <= 60000000000u, "no more time than the caller has");
  d->settled++;
  return d->purge_status == TC_OK;
}

static void release_side(void *user)
{
  side *d = user;
  d->released++;
}

/* Answers what was asked in the opposite order. */
static void *answer_later(void *user)
{
  side *d = user;
  for (;;) {
    sleep_ms(1);
    pthread_mutex_lock(&d->of->lock);
    bool ends = d->ends;
    size_t n = d->how == NEVER ? 0 : d->n_asked;
    question all[MOST];
    memcpy(all, d->asked, n * sizeof *all);
    d->n_asked -= n;
    unsigned char *pixels[MOST];
    for (size_t i = 0; i < n; i++)
      pixels[i] = d->of->values[all[i].at].pixels;
    pthread_mutex_unlock(&d->of->lock);
    if (d->how == TOO_LATE && n > 0)
      sleep_ms(60);
    while (n-- > 0) {
      tc_pixels p = all[n].shown;
      p.data = pixels[n];
      tc_status status = tc_tier_answer(d->link, all[n].ticket, pixels[n] ? TC_TIER_PIXELS : TC_TIER_MISS, 0,
                                        pixels[n] ? &p : NULL, NULL);
      expect(d, d->how != TOO_LATE || status == TC_E_NOT_FOUND, "a late answer comes to nothing");
    }
    if (ends)
      return NULL;
  }
}

static void store_init(store *s)
{
  memset(s, 0, sizeof *s);
  pthread_mutex_init(&s->lock, NULL);
}

static void store_done(store *s)
{
  for (size_t i = 0; i < s->n; i++)
    free(s->values[i].key), free(s->values[i].pixels);
  pthread_mutex_destroy(&s->lock);
}

static tc_tier table(side *d)
{
  tc_tier t = {.struct_size = sizeof t, .user = d, .get_ns = 20000000000u, .attach = attach, .get = get_block,
               .health = tell_health, .release = release_side, .flush = flush};
  if (d->how == TOO_LATE || d->how == NEVER)
    t.get_ns = 20000000;
  if (d->takes)
    t.put = put_block;
  if (d->has_generations)
    t.generation = watch, t.purge = purge;
  return t;
}

static tc_cache *cache_with(side *d, const tc_tier *t)
{
  tc_cache *c = new_cache(1 << 22);
  ok(tc_set_tier(c, t, &err));
  assert_non_null(d->link);
  if (d->how == BY_THREAD || d->how == TOO_LATE || d->how == NEVER)
    pthread_create(&d->thread, NULL, answer_later, d);
  return c;
}

static void side_done(side *d)
{
  pthread_mutex_lock(&d->of->lock);
  d->ends = true;
  pthread_mutex_unlock(&d->of->lock);
  if (d->how == BY_THREAD || d->how == TOO_LATE || d->how == NEVER)
    pthread_join(d->thread, NULL);
  if (d->broken)
    fail_msg("%s", d->broken);
  assert_int_equal(d->released, 1);
  /* What a tier says when its cache is gone comes to nothing. */
  assert_int_equal(tc_tier_answer(d->link, 1, TC_TIER_MISS, 0, NULL, NULL), TC_E_NOT_FOUND);
  assert_int_equal(tc_tier_is_wanted(d->link, 1), 0);
  ok(tc_tier_changed(d->link, NULL, NULL, &err));
  tc_tier_taken(d->link, 1);
  tc_tier_link_release(d->link);
}

static void image_init(source *s)
{
  source_init(s, SIDE, SIDE, BLOCK, BLOCK, 2, TC_U8);
}

static tc_provider *open_named(source *s, const char *fleet_id)
{
  tc_source from = source_struct(s);
  from.fleet_id = fleet_id;
  tc_provider *p = NULL;
  ok(provider_from_source(&from, &p, &err));
  return p;
}

static tc_tier_stats tier_of(const tc_cache *c)
{
  tc_tier_stats stats = {.struct_size = sizeof stats};
  ok(tc_tier_statistics(c, &stats, &err));
  return stats;
}

/* Every pixel of every tile. */
static void check_all(const source *s, tc_provider *p, int64_t tile)
{
  for (int64_t row = 0; row * tile < SIDE; row++)
    for (int64_t col = 0; col * tile < SIDE; col++) {
      tc_tile *t = get(p, row, col, 0);
      assert_tile(s, t, cell(SIDE, SIDE, tile, tile, row, col, 0), 0, NULL, 2);
      tc_tile_release(t);
    }
}

/* Reads all tiles of this size through a new cache over the store; how many blocks were decoded. */
static int decodes_with(side *d, int64_t tile, bool is_cached, const char *fleet_id, tc_tier_stats *stats)
{
  source s;
  image_init(&s);
  tc_tier t = table(d);
  tc_cache *c = cache_with(d, &t);
  tc_provider *from = open_named(&s, fleet_id), *blocks = is_cached ? cached(from, c) : NULL;
  tc_provider *view = retiled(is_cached ? blocks : from, tile, tile, 0, c);
  check_all(&s, view, tile);
  int first = decodes(&s);
  check_all(&s, view, tile);
  assert_int_equal(decodes(&s), first);
  *stats = tier_of(c);
  char json[1 << 14], said[64];
  size_t bytes;
  ok(tc_statistics_json(c, json, sizeof json, &bytes, &err));
  snprintf(said, sizeof said, "\"tier\":{\"gets\":%llu,\"hits\":%llu,", (unsigned long long)stats->gets,
           (unsigned long long)stats->hits);
  assert_non_null(strstr(json, said));
  provider_release(from), provider_release(blocks), provider_release(view);
  assert_int_equal(stats_of(c).in_flight, 0);
  tc_release(c);
  side_done(d);
  source_done(&s);
  return first;
}

/* The store has all blocks. */
static void fill(store *st)
{
  side d = {.of = st, .takes = true};
  tc_tier_stats stats;
  assert_int_equal(decodes_with(&d, BLOCK, true, "scene", &stats), BLOCKS);
  assert_int_equal(d.puts, BLOCKS);
  assert_int_equal(stats.puts, BLOCKS);
  assert_int_equal(stats.misses, BLOCKS);
  assert_int_equal(stats.hits, 0);
}

static void what_one_cache_decoded_another_one_gets(void **state)
{
  (void)state;
  store st;
  store_init(&st);
  fill(&st);
  static const int64_t tiles[] = {BLOCK, 16, 40, SIDE};
  static const way ways[] = {IN_CALL, IN_ROOM, BY_THREAD};
  for (size_t w = 0; w < COUNT(ways); w++)
    for (size_t i = 0; i < COUNT(tiles); i++)
      for (int is_cached = 0; is_cached < 2; is_cached++) {
        side d = {.of = &st, .how = ways[w], .takes = true};
        tc_tier_stats stats;
        assert_int_equal(decodes_with(&d, tiles[i], is_cached, "scene", &stats), 0);
        assert_int_equal(d.puts, 0);
        assert_true(stats.hits >= BLOCKS && stats.hits == stats.gets);
        assert_int_equal(stats.hit_bytes, stats.hits * BLOCK * BLOCK * 2);
        assert_int_equal(stats.state, TC_TIER_HALF_OPEN);
        assert_int_equal(stats.garbage, 3);
        assert_true(d.flushed > 0 && d.flushed <= d.gets);
      }
  /* Another source is another source. */
  side d = {.of = &st, .takes = true};
  tc_tier_stats stats;
  assert_int_equal(decodes_with(&d, BLOCK, true, "scene 2", &stats), BLOCKS);
  store_done(&st);
}

static void answers_that_cannot_be_are_misses(void **state)
{
  (void)state;
  store st;
  store_init(&st);
  fill(&st);
  for (way w = TOO_LATE; w < WAYS; w++) {
    side d = {.of = &st, .how = w};
    tc_tier_stats stats;
    int decoded = decodes_with(&d, 40, true, "scene", &stats);
    bool is_good = w == TWICE;
    assert_int_equal(decoded, is_good ? 0 : BLOCKS);
    assert_int_equal(stats.hits, is_good ? BLOCKS : 0);
    bool is_late = w == TOO_LATE || w == NEVER;
    assert_int_equal(stats.late, is_late ? BLOCKS : 0);
    assert_int_equal(stats.refused, is_good || is_late ? 0 : BLOCKS);
  }
  store_done(&st);
}

static void sources_without_an_identity_go_nowhere(void **state)
{
  (void)state;
  store st;
  store_init(&st);
  side d = {.of = &st, .takes = true};
  tc_tier_stats stats;
  assert_int_equal(decodes_with(&d, BLOCK, true, NULL, &stats), BLOCKS);
  assert_int_equal(d.gets + d.puts, 0);
  assert_int_equal(stats.unnamed, BLOCKS);
  store_done(&st);
}

/* ---- leases ---- */

typedef struct crowd { source *s; tc_provider *views[2]; } crowd;

static void read_view(void *arg, int index)
{
  crowd *c = arg;
  for (int64_t i = 0; i < 9; i++) {
    int64_t at = index / 2 % 2 ? 8 - i : i;
    tc_tile *tile = NULL;
    if (provider_get_block(c->views[index % 2], at / 3, at % 3, 0, NULL, 0, &tile, NULL) == TC_OK)
      tc_tile_release(tile);
  }
}

static void two_caches_decode_no_block_twice(void **state)
{
  (void)state;
  for (int n = scaled(20); n > 0; n--) {
    store st;
    source s;
    store_init(&st);
    image_init(&s);
    s.decode_ms = 1;
    side d[2] = {{.of = &st, .takes = true}, {.of = &st, .takes = true}};
    tc_cache *c[2];
    crowd all = {.s = &s};
    tc_provider *from[2];
    for (int i = 0; i < 2; i++) {
      tc_tier t = table(&d[i]);
      t.lease = lease_block, t.unlease = end_lease;
      c[i] = cache_with(&d[i], &t);
      from[i] = open_named(&s, "scene");
      /* The blocks lie across the tiles. */
      all.views[i] = retiled(from[i], 40, 40, 0, c[i]);
    }
    in_threads(6, read_view, &all);
    assert_int_equal(decodes(&s), BLOCKS);
    for (int i = 0; i < 2; i++)
      check_all(&s, all.views[i], 40);
    assert_int_equal(decodes(&s), BLOCKS);
    assert_int_equal(tier_of(c[0]).leases_won + tier_of(c[1]).leases_won, BLOCKS);
    for (int i = 0; i < 2; i++) {
      provider_release(all.views[i]), provider_release(from[i]);
      tc_release(c[i]);
      side_done(&d[i]);
    }
    /* Both opened it. */
    assert_int_equal(s.released, 2);
    s.released = 1;
    source_done(&s);
    store_done(&st);
  }
}

static void a_decode_that_fails_gives_its_lease_back(void **state)
{
  (void)state;
  store st;
  source s;
  store_init(&st);
  image_init(&s);
  /* It is tried for the lease, and once more for the request. */
  s.fail_times = 2, s.fail_row = 1, s.fail_col = 1, s.fail_code = 7, s.fail_message = "no such block";
  side d = {.of = &st, .takes = true};
  tc_tier t = table(&d);
  t.lease = lease_block, t.unlease = end_lease;
  tc_cache *c = cache_with(&d, &t);
  tc_provider *from = open_named(&s, "scene"), *p = cached(from, c);
  tc_tile *tile = NULL;
  fails(TC_E_SOURCE, "no such block", provider_get_block(p, 1, 1, 0, NULL, 0, &tile, &err));
  assert_int_equal(d.unleased, 1);
  for (size_t i = 0; i < st.n; i++)
    assert_int_equal(st.values[i].lease, 0);
  check_all(&s, p, BLOCK);
  provider_release(from), provider_release(p);
  tc_release(c);
  side_done(&d);
  source_done(&s);
  store_done(&st);
}

/* Says that another process has the lease, whatever it is asked. */
static void never_free(void *user, const tc_tier_block *b, int32_t waits, uint64_t deadline, uint64_t ticket)
{
  side *d = user;
  (void)b, (void)deadline;
  if (waits)
    refused(d, ticket, TC_TIER_BUSY, 0, NULL, "waits for what is busy");
  else
    expect(d, tc_tier_answer(d->link, ticket, TC_TIER_BUSY, 0, NULL, NULL) == TC_OK, "a lease that another process has");
}

/* Waits until nobody wants the answer any more. */
static void never_answered(void *user, const tc_tier_block *b, int32_t waits, uint64_t deadline, uint64_t ticket)
{
  side *d = user;
  (void)b, (void)deadline;
  if (!waits)
    tc_tier_answer(d->link, ticket, TC_TIER_BUSY, 0, NULL, NULL);
}

static void who_waits_for_a_lease_in_vain_decodes(void **state)
{
  (void)state;
  for (int never = 0; never < 2; never++) {
    store st;
    source s;
    store_init(&st);
    image_init(&s);
    side d = {.of = &st, .takes = true};
    tc_tier t = table(&d);
    t.lease = never ? never_answered : never_free, t.unlease = end_lease;
    t.lease_ns = never ? 1000000 : 0;
    tc_cache *c = cache_with(&d, &t);
    tc_provider *from = open_named(&s, "scene"), *p = cached(from, c);
    check_all(&s, p, BLOCK);
    assert_int_equal(decodes(&s), BLOCKS);
    tc_tier_stats stats = tier_of(c);
    assert_int_equal(stats.refused, never ? 0 : BLOCKS);
    assert_int_equal(stats.late, never ? BLOCKS : 0);
    assert_int_equal(stats.leases_given_up, never ? BLOCKS : 0);
    assert_int_equal(stats.leases_waited + stats.leases_won, 0);
    provider_release(from), provider_release(p);
    tc_release(c);
    side_done(&d);
    source_done(&s);
    store_done(&st);
  }
}

static void read_first(void *arg, int index)
{
  (void)index;
  tc_tile_release(get(arg, 0, 0, 0));
}

static void a_question_that_many_wait_for_in_vain_goes_with_the_last(void **state)
{
  (void)state;
  store st;
  source s;
  store_init(&st);
  image_init(&s);
  side d = {.of = &st, .how = NEVER};
  tc_tier t = table(&d);
  t.get_ns = 150000000;
  tc_cache *c = cache_with(&d, &t);
  tc_provider *from = open_named(&s, "scene"), *p = cached(from, c);
  in_threads(4, read_first, p);
  assert_int_equal(decodes(&s), 1);
  assert_int_equal(d.gets, 1);
  assert_int_equal(tier_of(c).late, 1);
  provider_release(from), provider_release(p);
  tc_release(c);
  /* Nothing holds the cache, or it would still have its tier. */
  side_done(&d);
  source_done(&s);
  store_done(&st);
}

/* ---- generations ---- */

static void memory_is_used_while_the_generation_is_known(void **state)
{
  (void)state;
  store st;
  source s;
  store_init(&st);
  image_init(&s);
  side d = {.of = &st, .takes = true, .has_generations = true, .generation = {1, 11}};
  tc_tier t = table(&d);
  tc_cache *c = cache_with(&d, &t);
  tc_provider *from = open_named(&s, "scene"), *p = cached(from, c);
  assert_int_equal(d.watched, 1);
  check_all(&s, p, BLOCK);
  check_all(&s, p, BLOCK);
  assert_int_equal(decodes(&s), BLOCKS);
  /* Confirmed: nothing changes. */
  ok(tc_tier_changed(d.link, "id:scene", &d.generation, &err));
  check_all(&s, p, BLOCK);
  assert_int_equal(decodes(&s), BLOCKS);
  /* Not known: neither memory nor the tier is used. */
  int gets = d.gets;
  ok(tc_tier_changed(d.link, NULL, NULL, &err));
  check_all(&s, p, BLOCK);
  check_all(&s, p, BLOCK);
  assert_int_equal(decodes(&s), 3 * BLOCKS);
  assert_int_equal(d.gets, gets);
  assert_int_equal(tier_of(c).suspect, 2 * BLOCKS);
  assert_int_equal(tier_of(c).suspicions, 1);
  /* Known again: all comes from the tier. */
  ok(tc_tier_changed(d.link, "id:scene", &d.generation, &err));
  check_all(&s, p, BLOCK);
  assert_int_equal(decodes(&s), 3 * BLOCKS);
  /* Another machine has changed the pixels. */
  s.seed++;
  d.generation.counter++;
  ok(tc_tier_changed(d.link, "id:scene", &d.generation, &err));
  check_all(&s, p, BLOCK);
  assert_int_equal(decodes(&s), 4 * BLOCKS);
  assert_int_equal(tier_of(c).changes, 1);
  /* What is said of unknown sources does nothing. */
  ok(tc_tier_changed(d.link, "id:other", NULL, &err));
  fails(TC_E_ARGUMENT, "source is NULL", tc_tier_changed(d.link, NULL, &d.generation, &err));
  provider_release(from), provider_release(p);
  tc_release(c);
  side_done(&d);
  source_done(&s);
  store_done(&st);
}

/* The clock of confirmations. */
static uint64_t since_boot(void)
{
  struct timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static const uint64_t HOUR = 3600000000000u;

static void in_the_strict_grade_nothing_is_believed_beyond_the_moment_that_was_named(void **state)
{
  (void)state;
  for (int is_strict = 0; is_strict < 2; is_strict++) {
    store st;
    source s;
    store_init(&st);
    image_init(&s);
    side d = {.of = &st, .has_generations = true, .generation = {1, 11}};
    tc_tier t = table(&d);
    t.flags = is_strict ? TC_TIER_STRICT : 0;
    tc_cache *c = cache_with(&d, &t);
    tc_provider *from = open_named(&s, "scene"), *p = cached(from, c), *across = retiled(from, 40, 40, 0, c);
    tc_tile *tile = NULL;
    /* Without a moment, as long as nothing else is said. */
    check_all(&s, p, BLOCK);
    check_all(&s, across, 40);
    check_all(&s, p, BLOCK);
    assert_int_equal(decodes(&s), BLOCKS);
    ok(tc_tier_confirmed(d.link, "id:scene", &d.generation, since_boot() + HOUR, &err));
    check_all(&s, p, BLOCK);
    check_all(&s, across, 40);
    assert_int_equal(decodes(&s), BLOCKS);
    /* The moment passes, and nobody says anything: who looks at no clock uses memory still. */
    ok(tc_tier_confirmed(d.link, "id:scene", &d.generation, since_boot() + 1000000, &err));
    sleep_ms(2);
    if (is_strict) {
      refuses(TC_E_NOT_RESIDENT, "", provider_peek_block(p, 0, 0, 0, NULL, 0, &tile, e));
      refuses(TC_E_NOT_RESIDENT, "", provider_try_block(across, 0, 0, 0, NULL, 0, &tile, e));
    }
    check_all(&s, p, BLOCK);
    check_all(&s, p, BLOCK);
    assert_int_equal(decodes(&s), is_strict ? 3 * BLOCKS : BLOCKS);
    assert_int_equal(tier_of(c).suspicions, is_strict);
    /* It is said in vain what is past already. */
    ok(tc_tier_confirmed(d.link, "id:scene", &d.generation, since_boot(), &err));
    check_all(&s, p, BLOCK);
    assert_int_equal(decodes(&s), is_strict ? 4 * BLOCKS : BLOCKS);
    /* Confirmed anew. */
    ok(tc_tier_confirmed(d.link, "id:scene", &d.generation, since_boot() + HOUR, &err));
    check_all(&s, p, BLOCK);
    int decoded = decodes(&s);
    check_all(&s, p, BLOCK);
    assert_int_equal(decodes(&s), decoded);
    assert_int_equal(tier_of(c).changes, 0);
    refuses(TC_E_ARGUMENT, "link", tc_tier_confirmed(NULL, "id:scene", &d.generation, 0, e));
    refuses(TC_E_ARGUMENT, "source", tc_tier_confirmed(d.link, NULL, &d.generation, 0, e));
    refuses(TC_E_ARGUMENT, "generation", tc_tier_confirmed(d.link, "id:scene", NULL, 0, e));
    ok(tc_tier_confirmed(d.link, "id:other", &d.generation, 0, &err));
    provider_release(from), provider_release(p), provider_release(across);
    tc_release(c);
    side_done(&d);
    source_done(&s);
    store_done(&st);
  }
}

typedef struct reading { source *s; tc_provider *views[2]; int old; } reading;

static void read_new_pixels(void *arg, int index)
{
  reading *r = arg;
  int64_t side = index % 2 ? 40 : BLOCK;
  for (int64_t i = 0; i < 9; i++) {
    int64_t at = index / 2 % 2 ? 8 - i : i;
    tc_tile *tile = NULL;
    tc_pixels pixels;
    if (provider_get_block(r->views[index % 2], at / 3, at % 3, 0, NULL, 0, &tile, NULL) != TC_OK)
      continue;
    tc_tile_pixels(tile, &pixels);
    if (!pixels_match(r->s, &pixels, at % 3 * side, at / 3 * side, 0, NULL))
      __atomic_fetch_add(&r->old, 1, __ATOMIC_SEQ_CST);
    tc_tile_release(tile);
  }
}

static void of_many_who_look_at_the_clock_at_once_nobody_gets_old_pixels(void **state)
{
  (void)state;
  store st;
  source s;
  store_init(&st);
  image_init(&s);
  side d = {.of = &st, .takes = true, .has_generations = true, .generation = {1, 11}};
  tc_tier t = table(&d);
  t.flags = TC_TIER_STRICT;
  tc_cache *c = cache_with(&d, &t);
  tc_provider *from = open_named(&s, "scene");
  reading r = {.s = &s, .views = {cached(from, c), retiled(from, 40, 40, 0, c)}};
  /* The store has room for so many generations. */
  for (int n = scaled(MOST / BLOCKS - 2); n > 0; n--) {
    ok(tc_tier_confirmed(d.link, "id:scene", &d.generation, since_boot() + HOUR, &err));
    read_new_pixels(&r, 0), read_new_pixels(&r, 1);
    int decoded = decodes(&s);
    read_new_pixels(&r, 0), read_new_pixels(&r, 1);
    assert_int_equal(decodes(&s), decoded);
    /* Somebody else changes the pixels, and waits until nobody may believe the old ones. */
    ok(tc_tier_confirmed(d.link, "id:scene", &d.generation, since_boot(), &err));
    s.seed++;
    d.generation.counter++;
    in_threads(6, read_new_pixels, &r);
    assert_int_equal(r.old, 0);
    ok(tc_tier_confirmed(d.link, "id:scene", &d.generation, since_boot() + HOUR, &err));
    in_threads(6, read_new_pixels, &r);
    assert_int_equal(r.old, 0);
  }
  provider_release(from), provider_release(r.views[0]), provider_release(r.views[1]);
  tc_release(c);
  side_done(&d);
  source_done(&s);
  store_done(&st);
}

static tc_status same(void *user, int64_t row, int64_t col, int32_t level, const tc_pixels *in, const tc_target *out, tc_error *e)
{
  (void)user, (void)row, (void)col, (void)level, (void)e;
  for (int32_t band = 0; band < out->bands; band++)
    for (int64_t y = 0; y < out->height; y++)
      memcpy((char *)out->data + band * out->band_stride + y * out->row_stride,
             (const char *)in->data + band * in->band_stride + y * in->row_stride, (size_t)out->width);
  return TC_OK;
}

static void what_is_computed_from_a_source_that_no_cache_keeps_changes_with_it(void **state)
{
  (void)state;
  for (int is_strict = 0; is_strict < 2; is_strict++) {
    store st;
    source s;
    store_init(&st);
    image_init(&s);
    side d = {.of = &st, .takes = true, .has_generations = true, .generation = {1, 11}};
    tc_tier t = table(&d);
    t.flags = is_strict ? TC_TIER_STRICT : 0;
    tc_cache *c = cache_with(&d, &t);
    tc_map_options map = {.struct_size = sizeof map, .map = same};
    tc_provider *from = open_named(&s, "scene"), *p;
    ok(provider_map(from, &map, c, &p, &err));
    assert_int_equal(d.watched, 1);
    check_all(&s, p, BLOCK);
    check_all(&s, p, BLOCK);
    assert_int_equal(decodes(&s), BLOCKS);
    s.seed++;
    d.generation.counter++;
    ok(tc_tier_changed(d.link, "id:scene", &d.generation, &err));
    check_all(&s, p, BLOCK);
    assert_int_equal(decodes(&s), 2 * BLOCKS);
    ok(tc_tier_confirmed(d.link, "id:scene", &d.generation, since_boot(), &err));
    s.seed += is_strict;
    check_all(&s, p, BLOCK);
    assert_int_equal(decodes(&s), is_strict ? 3 * BLOCKS : 2 * BLOCKS);
    provider_release(from), provider_release(p);
    tc_release(c);
    side_done(&d);
    source_done(&s);
    store_done(&st);
  }
}

static void a_change_goes_to_the_fleet_or_the_source_leaves_the_tier(void **state)
{
  (void)state;
  store st;
  source s;
  store_init(&st);
  image_init(&s);
  side d = {.of = &st, .takes = true, .has_generations = true, .generation = {1, 11}};
  tc_tier t = table(&d);
  tc_cache *c = cache_with(&d, &t);
  tc_provider *from = open_named(&s, "scene");
  fails(TC_E_UNSUPPORTED, "fleet identity", provider_invalidate_fleet(from, &err));
  tc_provider *p = cached(from, c);
  check_all(&s, p, BLOCK);
  /* Told to this process alone: the tier has old pixels, and is not asked. */
  s.seed++;
  ok(provider_invalidate(from, &err));
  int gets = d.gets, puts = d.puts;
  check_all(&s, p, BLOCK);
  assert_int_equal(d.gets - gets + d.puts - puts, 0);
  assert_int_equal(tier_of(c).left, BLOCKS);
  /* The store is away: the same. */
  s.seed++;
  d.purge_status = TC_E_UNREACHABLE;
  fails(TC_E_UNREACHABLE, "the store is away", provider_invalidate_fleet(p, &err));
  check_all(&s, p, BLOCK);
  assert_int_equal(d.gets - gets + d.puts - puts, 0);
  assert_int_equal(tier_of(c).purges_failed, 1);
  /* It is there again. */
  d.purge_status = TC_OK;
  ok(provider_invalidate_fleet(p, &err));
  int decoded = decodes(&s);
  check_all(&s, p, BLOCK);
  assert_int_equal(decodes(&s), decoded + BLOCKS);
  assert_int_equal(d.puts - puts, BLOCKS);
  ok(tc_clear(c, &err));
  check_all(&s, p, BLOCK);
  assert_int_equal(decodes(&s), decoded + BLOCKS);
  provider_release(from), provider_release(p);
  tc_release(c);
  side_done(&d);
  source_done(&s);
  store_done(&st);
}

/* ---- the queue, and what is refused ---- */

static void what_waits_to_be_put_is_bounded(void **state)
{
  (void)state;
  store st;
  source s;
  store_init(&st);
  image_init(&s);
  side d = {.of = &st, .takes = true, .is_lazy = true};
  tc_tier t = table(&d);
  t.queue_bytes = 3 * 2 * BLOCK * BLOCK;
  tc_cache *c = cache_with(&d, &t);
  tc_provider *from = open_named(&s, "scene"), *p = cached(from, c);
  check_all(&s, p, BLOCK);
  tc_tier_stats stats = tier_of(c);
  assert_int_equal(stats.puts, 3);
  assert_int_equal(stats.puts_dropped, BLOCKS - 3);
  assert_int_equal(stats.queued, t.queue_bytes);
  for (size_t i = 0; i < d.n_parcels; i++)
    tc_tier_taken(d.link, d.parcels[i]), tc_tier_taken(d.link, d.parcels[i]);
  assert_int_equal(tier_of(c).queued, 0);
  provider_release(from), provider_release(p);
  tc_release(c);
  side_done(&d);
  source_done(&s);
  store_done(&st);
}

/* By option blocks are put when they leave the memory, or when that is asked for. */
static void what_leaves_the_memory_is_put(void **state)
{
  (void)state;
  enum { BYTES = BLOCK * BLOCK * 2 };
  store st;
  store_init(&st);
  side d = {.of = &st, .takes = true, .is_lazy = true};
  source s;
  image_init(&s);
  tc_tier t = table(&d);
  t.flags = TC_TIER_PUT_EVICTED, t.queue_bytes = 4 * BYTES, t.settle = settle;
  t.lease = lease_block, t.unlease = end_lease;
  tc_cache *c = cache_with(&d, &t);
  tc_provider *from = open_named(&s, "scene"), *p = cached(from, c);
  check_all(&s, p, BLOCK);
  assert_int_equal(d.puts, 0);
  assert_int_equal(tier_of(c).owed, BLOCKS * BYTES);
  /* A tier that takes its time is waited for. */
  fails(TC_E_UNREACHABLE, "10240 bytes in memory", tc_flush_tier(c, 0, &err));
  assert_int_equal(d.puts, 4);
  assert_int_equal(tier_of(c).queued, 4 * BYTES);
  while (d.n_parcels > 0)
    tc_tier_taken(d.link, d.parcels[--d.n_parcels]);
  d.is_lazy = false;
  d.purge_status = TC_E_UNREACHABLE;
  fails(TC_E_UNREACHABLE, "0 bytes in memory", tc_flush_tier(c, 60000000000u, &err));
  assert_int_equal(d.settled, 1);
  d.purge_status = TC_OK;
  ok(tc_flush_tier(c, 60000000000u, &err));
  assert_int_equal(d.puts, BLOCKS);
  assert_int_equal(d.settled, 2);
  check_all(&s, p, BLOCK);
  assert_int_equal(decodes(&s), BLOCKS);
  /* Nobody was to wait for a block. */
  assert_int_equal(tier_of(c).leases_won, 0);
  assert_int_equal(tier_of(c).puts_dropped, 0);
  provider_release(from), provider_release(p);
  tc_release(c);
  assert_int_equal(d.puts, BLOCKS);
  side_done(&d);

  /* The cache goes, with more than the queue takes at once. */
  side last = {.of = &st, .takes = true, .is_lazy = true};
  t = table(&last);
  t.flags = TC_TIER_PUT_EVICTED, t.queue_bytes = 4 * BYTES;
  c = cache_with(&last, &t);
  source again;
  image_init(&again);
  from = open_named(&again, "scene, version 2"), p = cached(from, c);
  check_all(&again, p, BLOCK);
  provider_release(from), provider_release(p);
  tc_release(c);
  assert_int_equal(last.puts, 4);
  assert_int_equal(last.released, 0);
  while (last.n_parcels > 0)
    tc_tier_taken(last.link, last.parcels[--last.n_parcels]);
  side_done(&last);

  c = new_cache(1 << 20);
  refuses(TC_E_NOT_FOUND, "tier", tc_flush_tier(c, 0, e));
  refuses(TC_E_ARGUMENT, "cache", tc_flush_tier(NULL, 0, e));
  t.put = NULL, t.lease = NULL, t.unlease = NULL;
  refuses(TC_E_ARGUMENT, "TC_TIER_PUT_EVICTED", tc_set_tier(c, &t, e));
  tc_release(c);
  source_done(&s), source_done(&again);
  store_done(&st);
}

static void tables_that_cannot_be_are_refused(void **state)
{
  (void)state;
  store st;
  store_init(&st);
  side d = {.of = &st, .takes = true};
  tc_tier good = table(&d), t = good;
  tc_cache *c = new_cache(1 << 20), *used = new_cache(1 << 20);
  source s;
  image_init(&s);
  tc_provider *from = open_named(&s, "scene"), *p = cached(from, used);
  refuses(TC_E_ARGUMENT, "cache", tc_set_tier(NULL, &t, e));
  refuses(TC_E_ARGUMENT, "tier", tc_set_tier(c, NULL, e));
  t = good, t.struct_size = 8;
  refuses(TC_E_ARGUMENT, "struct_size", tc_set_tier(c, &t, e));
  t = good, t.flags = 12;
  refuses(TC_E_ARGUMENT, "0xc", tc_set_tier(c, &t, e));
  t = good, t.flags = TC_TIER_STRICT;
  refuses(TC_E_ARGUMENT, "generation", tc_set_tier(c, &t, e));
  t = good, t.attach = NULL;
  refuses(TC_E_ARGUMENT, "attach", tc_set_tier(c, &t, e));
  t = good, t.get = NULL;
  refuses(TC_E_ARGUMENT, "get", tc_set_tier(c, &t, e));
  t = good, t.release = NULL;
  refuses(TC_E_ARGUMENT, "release", tc_set_tier(c, &t, e));
  t = good, t.lease = lease_block;
  refuses(TC_E_ARGUMENT, "unlease", tc_set_tier(c, &t, e));
  t.unlease = end_lease, t.put = NULL;
  refuses(TC_E_ARGUMENT, "put", tc_set_tier(c, &t, e));
  refuses(TC_E_ARGUMENT, "used before", tc_set_tier(used, &good, e));
  assert_null(d.link);
  tc_tier_stats stats = {.struct_size = sizeof stats};
  refuses(TC_E_NOT_FOUND, "tier", tc_tier_statistics(c, &stats, e));
  ok(tc_set_tier(c, &good, &err));
  side other = {.of = &st};
  tc_tier second = table(&other);
  refuses(TC_E_ARGUMENT, "already", tc_set_tier(c, &second, e));
  assert_int_equal(other.released, 0);
  tc_target into;
  refuses(TC_E_NOT_FOUND, "ticket 99", tc_tier_room(d.link, 99, &into, e));
  refuses(TC_E_ARGUMENT, "into", tc_tier_room(d.link, 99, NULL, e));
  refuses(TC_E_NOT_FOUND, "ticket 99", tc_tier_answer(d.link, 99, TC_TIER_MISS, 0, NULL, e));
  refuses(TC_E_ARGUMENT, "link", tc_tier_answer(NULL, 99, TC_TIER_MISS, 0, NULL, e));
  refuses(TC_E_ARGUMENT, "link", tc_tier_changed(NULL, "id:scene", NULL, e));
  refuses(TC_E_ARGUMENT, "provider", provider_invalidate_fleet(NULL, e));
  fails(TC_E_UNSUPPORTED, "identity", provider_invalidate_fleet(p, &err));
  assert_int_equal(tc_tier_is_wanted(NULL, 1), 0);
  tc_tier_taken(NULL, 1);
  tc_tier_link_release(NULL);
  provider_release(from), provider_release(p);
  tc_release(used), tc_release(c);
  side_done(&d);
  source_done(&s);
  store_done(&st);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_one_cache_decoded_another_one_gets),
    cmocka_unit_test(answers_that_cannot_be_are_misses),
    cmocka_unit_test(sources_without_an_identity_go_nowhere),
    cmocka_unit_test(two_caches_decode_no_block_twice),
    cmocka_unit_test(a_decode_that_fails_gives_its_lease_back),
    cmocka_unit_test(who_waits_for_a_lease_in_vain_decodes),
    cmocka_unit_test(a_question_that_many_wait_for_in_vain_goes_with_the_last),
    cmocka_unit_test(memory_is_used_while_the_generation_is_known),
    cmocka_unit_test(in_the_strict_grade_nothing_is_believed_beyond_the_moment_that_was_named),
    cmocka_unit_test(of_many_who_look_at_the_clock_at_once_nobody_gets_old_pixels),
    cmocka_unit_test(what_is_computed_from_a_source_that_no_cache_keeps_changes_with_it),
    cmocka_unit_test(a_change_goes_to_the_fleet_or_the_source_leaves_the_tier),
    cmocka_unit_test(what_waits_to_be_put_is_bounded),
    cmocka_unit_test(what_leaves_the_memory_is_put),
    cmocka_unit_test(tables_that_cannot_be_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
