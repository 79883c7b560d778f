/* Readers, requests, cancellation and circles as C sees them. */
#include "support.h"

/* ---- something that happens, and callbacks that stop for it ---- */

typedef struct event {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  int times;
} event;

static void event_init(event *e)
{
  pthread_mutex_init(&e->lock, NULL);
  pthread_cond_init(&e->changed, NULL);
  e->times = 0;
}

static void event_done(event *e)
{
  pthread_cond_destroy(&e->changed);
  pthread_mutex_destroy(&e->lock);
}

static void happen(event *e)
{
  pthread_mutex_lock(&e->lock);
  e->times++;
  pthread_cond_broadcast(&e->changed);
  pthread_mutex_unlock(&e->lock);
}

static void await(event *e, int times)
{
  pthread_mutex_lock(&e->lock);
  while (e->times < times)
    pthread_cond_wait(&e->changed, &e->lock);
  pthread_mutex_unlock(&e->lock);
}

static int times(event *e)
{
  pthread_mutex_lock(&e->lock);
  int n = e->times;
  pthread_mutex_unlock(&e->lock);
  return n;
}

/* An image of 8 x 8 blocks of 16 x 16; what its callback does is up to the test. */
typedef struct stop {
  tc_image_info image;
  event inside, go;
  int (*step)(struct stop *s, int64_t row, int64_t col);
  tc_provider *from;       /* what the callback reads, if the step says so */
  struct stop *other;
  int decodes, told, most, users;
  tc_status seen;
} stop;

enum { FINE = 0, GAVE_UP = 41 };

static tc_status read_stop(void *user, void *session, int64_t row, int64_t col, int32_t level, const int32_t *bands,
                           const tc_target *into, tc_error *error)
{
  stop *s = user;
  (void)session, (void)level, (void)bands, (void)error;
  pthread_mutex_lock(&s->inside.lock);
  s->decodes++;
  s->most = ++s->users > s->most ? s->users : s->most;
  pthread_mutex_unlock(&s->inside.lock);
  for (int64_t y = 0; y < into->height; y++)
    memset((char *)into->data + y * into->row_stride, (int)(row * 8 + col), (size_t)into->width);
  int outcome = s->step == NULL ? FINE : s->step(s, row, col);
  pthread_mutex_lock(&s->inside.lock);
  s->users--;
  pthread_mutex_unlock(&s->inside.lock);
  return outcome;
}

static tc_provider *open_stop(stop *s, uint32_t threading)
{
  tc_source t;
  tc_provider *p = NULL;
  memset(&s->image, 0, sizeof s->image);
  s->image.struct_size = sizeof s->image;
  s->image.dtype = TC_U8;
  s->image.width = s->image.height = 128;
  s->image.block_width = s->image.block_height = 16;
  s->image.bands = s->image.levels = 1;
  event_init(&s->inside);
  event_init(&s->go);
  memset(&t, 0, sizeof t);
  t.struct_size = sizeof t;
  t.threading = threading;
  t.user = s;
  t.image = &s->image;
  t.read_block = read_stop;
  ok(provider_from_source(&t, &p, &err));
  return p;
}

static void stop_done(stop *s)
{
  event_done(&s->inside);
  event_done(&s->go);
}

static tc_provider *reader_with(tc_provider *source, uint32_t flags, tc_load *load)
{
  tc_reader_options options;
  tc_provider *reader = NULL;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.flags = flags;
  options.load = load;
  if (provider_reader(source, &options, &reader, NULL) != TC_OK)
    return NULL;
  return reader;
}

/* ---- a get on another thread ---- */

typedef struct {
  tc_provider *provider;
  int64_t row, col;
  tc_status status;
  bool right;
  pthread_t thread;
} getting;

static void *run_get(void *user)
{
  getting *g = user;
  tc_tile *tile = NULL;
  g->status = provider_get_block(g->provider, g->row, g->col, 0, NULL, 0, &tile, NULL);
  if (tile != NULL) { /* its first pixel is that of a block */
    tc_pixels pixels;
    tc_tile_pixels(tile, &pixels);
    int64_t row = g->row * pixels.height / 16, col = g->col * pixels.width / 16;
    g->right = *(const unsigned char *)pixels.data == row * 8 + col;
  }
  tc_tile_release(tile);
  return NULL;
}

static getting *begin_get(getting *g, tc_provider *provider, int64_t row, int64_t col)
{
  *g = (getting){.provider = provider, .row = row, .col = col};
  assert_int_equal(pthread_create(&g->thread, NULL, run_get, g), 0);
  return g;
}

static tc_status end_get(getting *g)
{
  pthread_join(g->thread, NULL);
  return g->status;
}

static void await_waits(tc_provider *provider, uint64_t waits)
{
  tc_cache_stats stats;
  do {
    memset(&stats, 0, sizeof stats);
    stats.struct_size = sizeof stats;
    ok(provider_counters(provider, &stats, NULL, &err));
    sleep_ms(1);
  } while (stats.waits < waits);
}

/* ---- circles ---- */

/* Goes in together with the callback of the other source, and asks for that one's block. */
static int read_the_other(stop *s, int64_t row, int64_t col)
{
  tc_tile *tile = NULL;
  if (times(&s->go) != 0)
    return FINE;
  happen(&s->inside);
  await(&s->other->inside, 1);
  s->seen = provider_get_block(s->from, row, col, 0, NULL, 0, &tile, NULL);
  tc_tile_release(tile);
  return s->seen;
}

static void blocks_of_two_threads_that_need_each_other_are_an_error(void **state)
{
  (void)state;
  static const uint32_t threading[] = {TC_CONCURRENT, TC_ONE_AT_A_TIME};
  for (size_t i = 0; i < COUNT(threading); i++) {
    stop a = {.step = read_the_other}, b = {.step = read_the_other};
    getting of_a, of_b;
    tc_cache *one = new_cache(1 << 20), *two = new_cache(1 << 20);
    tc_provider *from_a = open_stop(&a, threading[i]), *from_b = open_stop(&b, threading[i]);
    tc_provider *pa = cached(from_a, one), *pb = cached(from_b, two);
    a.from = pb, a.other = &b;
    b.from = pa, b.other = &a;
    begin_get(&of_a, pa, 0, 0);
    begin_get(&of_b, pb, 0, 0);
    tc_status ended_a = end_get(&of_a), ended_b = end_get(&of_b);
    assert_int_equal(ended_a, TC_E_SOURCE);
    assert_int_equal(ended_b, TC_E_SOURCE);
    assert_true(a.seen == TC_E_REENTRANT || b.seen == TC_E_REENTRANT);
    happen(&a.go);
    happen(&b.go);
    touch(pa, 0, 0, 0);
    touch(pb, 0, 0, 0);
    assert_books(one);
    assert_books(two);
    tc_provider *release[] = {from_a, from_b, pa, pb};
    for (size_t n = 0; n < COUNT(release); n++)
      provider_release(release[n]);
    tc_release(one);
    tc_release(two);
    stop_done(&a);
    stop_done(&b);
  }
}

/* Lets another thread ask for the very block, which passes on the load that this one works for. */
static int ask_on_another_thread(stop *s, int64_t row, int64_t col)
{
  getting g;
  tc_load *load = tc_load_current();
  tc_provider *reader = load == NULL ? NULL : reader_with(s->from, 0, load);
  tc_load_release(load);
  g = (getting){.provider = reader, .row = row, .col = col};
  if (reader == NULL || pthread_create(&g.thread, NULL, run_get, &g) != 0)
    return GAVE_UP;
  s->seen = end_get(&g);
  provider_release(reader);
  return FINE;
}

static void a_circle_over_a_thread_of_the_callers_is_an_error(void **state)
{
  (void)state;
  stop s = {.step = ask_on_another_thread};
  tc_cache *cache = new_cache(1 << 20);
  tc_provider *from = open_stop(&s, TC_CONCURRENT), *p = cached(from, cache);
  s.from = p;
  touch(p, 2, 3, 0);
  assert_int_equal(s.seen, TC_E_REENTRANT);
  assert_null(tc_load_current());
  provider_release(from);
  provider_release(p);
  tc_release(cache);
  stop_done(&s);
}

/* ---- cancellation ---- */

/* The first decode waits until it is told that nobody wants it, or to go on. */
static int wait_first(stop *s, int64_t row, int64_t col)
{
  (void)row, (void)col;
  pthread_mutex_lock(&s->inside.lock);
  bool first = s->decodes == 1;
  pthread_mutex_unlock(&s->inside.lock);
  if (!first)
    return FINE;
  tc_load *load = tc_load_current();
  happen(&s->inside);
  while (times(&s->go) == 0 && !tc_load_is_cancelled(load))
    sleep_ms(1);
  s->told = tc_load_is_cancelled(load);
  tc_load_release(load);
  return s->told ? GAVE_UP : FINE;
}

typedef tc_provider *(*over)(tc_provider *source, tc_cache *cache);

static tc_provider *in_small_tiles(tc_provider *source, tc_cache *cache)
{
  return retiled(source, 8, 8, 0, cache);
}

static tc_provider *in_large_tiles(tc_provider *source, tc_cache *cache)
{
  return retiled(source, 32, 32, 0, cache);
}

static const over overs[] = {cached, in_small_tiles};
static const over crowded[] = {cached, in_small_tiles, in_large_tiles};

static void a_cancelled_waiter_leaves_and_the_load_goes_on(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT(overs); i++) {
    stop s = {.step = wait_first};
    getting first, second, third;
    tc_cache *cache = new_cache(1 << 20);
    tc_provider *from = open_stop(&s, TC_CONCURRENT), *p = overs[i](from, cache);
    tc_provider *reader = reader_with(p, 0, NULL), *level = NULL;
    ok(provider_level(reader, 0, &level, &err));
    begin_get(&first, p, 0, 0);
    await(&s.inside, 1);
    begin_get(&second, reader, 0, 0);
    begin_get(&third, level, 0, 0);
    await_waits(p, 2);
    ok(provider_cancel(reader, &err));
    assert_int_equal(end_get(&second), TC_E_CANCELLED);
    assert_int_equal(end_get(&third), TC_E_CANCELLED);
    happen(&s.go);
    assert_int_equal(end_get(&first), TC_OK);
    assert_true(first.right);
    assert_false(s.told);
    assert_int_equal(s.decodes, 1);

    /* For good, and for it alone. */
    tc_tile *tile = NULL;
    int32_t has = 1;
    unsigned char window[4];
    tc_target into = {window, 0, 0, 0, 2, 2, 1, TC_U8};
    fails(TC_E_CANCELLED, "cancelled", provider_get_block(reader, 0, 0, 0, NULL, 0, &tile, &err));
    fails(TC_E_CANCELLED, "cancelled", provider_peek_block(reader, 0, 0, 0, NULL, 0, &tile, &err));
    fails(TC_E_CANCELLED, "cancelled", provider_try_block(reader, 0, 0, 0, NULL, 0, &tile, &err));
    fails(TC_E_CANCELLED, "cancelled", provider_has_block(reader, 0, 0, 0, &has, &err));
    fails(TC_E_CANCELLED, "cancelled", provider_read_window(reader, 0, 0, 0, NULL, 0, &into, &err));
    fails(TC_E_CANCELLED, "cancelled", provider_read_window(reader, -9, -9, 0, NULL, 0, &into, &err));
    assert_null(tile);
    assert_int_equal(has, 0);
    assert_string_equal(provider_key(reader), provider_key(p));
    touch(p, 0, 0, 0);
    fails(TC_E_ARGUMENT, "reader", provider_cancel(p, &err));
    assert_books(cache);
    tc_provider *release[] = {from, p, reader, level};
    for (size_t n = 0; n < COUNT(release); n++)
      provider_release(release[n]);
    tc_release(cache);
    stop_done(&s);
  }
}

static void a_load_that_nobody_wants_may_fail_and_nobody_sees_it(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT(overs); i++) {
    stop s = {.step = wait_first};
    getting first;
    tc_cache *cache = new_cache(1 << 20);
    tc_provider *from = open_stop(&s, TC_CONCURRENT), *p = overs[i](from, cache);
    tc_provider *reader = reader_with(p, 0, NULL);
    begin_get(&first, reader, 0, 0);
    await(&s.inside, 1);
    ok(provider_cancel(reader, &err));
    assert_int_equal(end_get(&first), TC_E_CANCELLED);
    assert_true(s.told);
    touch(p, 0, 0, 0);
    assert_int_equal(s.decodes, 2);
    assert_books(cache);
    provider_release(from);
    provider_release(p);
    provider_release(reader);
    tc_release(cache);
    stop_done(&s);
  }
}

/* Readers come, wait and are cancelled on all threads; whoever is not cancelled gets the truth. */
typedef struct { tc_provider *p; int rounds; bool wrong[16]; } crowd;

static void come_and_go(void *user, int index)
{
  crowd *c = user;
  uint64_t seed = (uint64_t)index + 5;
  for (int n = 0; n < c->rounds; n++) {
    getting g = {.row = random_below(&seed, 2), .col = random_below(&seed, 2)};
    bool cancels = index % 2 == 0;
    g.provider = reader_with(c->p, random_below(&seed, 3), NULL);
    if (g.provider == NULL || pthread_create(&g.thread, NULL, run_get, &g) != 0) {
      c->wrong[index] = true;
      continue;
    }
    if (random_below(&seed, 2) == 0)
      sleep_ms(1);
    if (cancels && provider_cancel(g.provider, NULL) != TC_OK)
      c->wrong[index] = true;
    tc_status status = end_get(&g);
    if (status == TC_OK ? !g.right : !(cancels && status == TC_E_CANCELLED))
      c->wrong[index] = true;
    provider_release(g.provider);
  }
}

static int take_a_while(stop *s, int64_t row, int64_t col)
{
  (void)s, (void)row, (void)col;
  tc_load *load = tc_load_current();
  int told = 0;
  for (int i = 0; i < 2 && !told; i++) {
    sleep_ms(1);
    told = tc_load_is_cancelled(load);
  }
  tc_load_release(load);
  return told ? GAVE_UP : FINE;
}

static void cancelled_readers_never_spoil_it_for_others(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT(crowded); i++) {
    stop s = {.step = take_a_while};
    crowd c = {.rounds = scaled(60)};
    tc_cache *cache = new_cache(0);
    tc_provider *from = open_stop(&s, TC_CONCURRENT);
    tc_provider *blocks = cached(from, cache);
    c.p = crowded[i](blocks, cache);
    in_threads(8, come_and_go, &c);
    for (size_t n = 0; n < COUNT(c.wrong); n++)
      assert_false(c.wrong[n]);
    assert_books(cache);
    provider_release(from);
    provider_release(blocks);
    provider_release(c.p);
    tc_release(cache);
    stop_done(&s);
  }
}

/* ---- requests ---- */

typedef struct receipt {
  event *called;
  int calls;
  int order;
  tc_status status;
  bool right;
  unsigned char expected;
  tc_provider *next;       /* asked for the same block, from within the callback */
  struct receipt *receipt_of_next;
} receipt;

static int calls_in_order;

static void receive(void *user, tc_status status, tc_tile *tile, const tc_error *error)
{
  receipt *r = user;
  r->calls++;
  r->order = __atomic_add_fetch(&calls_in_order, 1, __ATOMIC_SEQ_CST);
  r->status = status;
  r->right = (status == TC_OK) == (tile != NULL) && error != NULL && error->code == status &&
             (tile == NULL || *(const unsigned char *)data_of(tile) == r->expected);
  tc_tile_release(tile);
  if (r->next != NULL &&
      provider_request_block(r->next, r->expected / 8, r->expected % 8, 0, NULL, 0, receive, r->receipt_of_next, NULL) != TC_OK)
    r->right = false;
  provider_release(r->next);
  happen(r->called);
}

static tc_cache *cache_with_threads(uint64_t budget, uint32_t threads)
{
  tc_cache_options options;
  tc_cache *cache = NULL;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.threads = threads;
  ok(tc_create(budget, &options, &cache, &err));
  return cache;
}

static void request(tc_provider *p, int block, receipt *r, event *called)
{
  *r = (receipt){.called = called, .expected = (unsigned char)block};
  ok(provider_request_block(p, block / 8, block % 8, 0, NULL, 0, receive, r, &err));
}

static int rest(stop *s, int64_t row, int64_t col)
{
  (void)s, (void)row, (void)col;
  sleep_ms(1);
  return row == 7 ? GAVE_UP : FINE;
}

static void every_request_calls_back_once_within_the_threads(void **state)
{
  (void)state;
  enum { BLOCKS = 64 };
  for (uint32_t threads = 1; threads <= 3; threads++) {
    int before = threads_of_process();
    stop s = {.step = rest};
    receipt receipts[BLOCKS];
    event called;
    event_init(&called);
    tc_cache *cache = cache_with_threads(1 << 20, threads);
    tc_provider *from = open_stop(&s, TC_CONCURRENT), *p = cached(from, cache);
    calls_in_order = 0;
    for (int i = 0; i < BLOCKS; i++)
      request(p, i, &receipts[i], &called);
    tc_error e;
    assert_int_equal(provider_request_block(p, 99, 0, 0, NULL, 0, receive, NULL, &e), TC_E_RANGE);
    /* The last ones who know of the image and the cache are the requests. */
    provider_release(from);
    provider_release(p);
    tc_release(cache);
    await(&called, BLOCKS);
    for (int i = 0; i < BLOCKS; i++) {
      assert_int_equal(receipts[i].calls, 1);
      assert_int_equal(receipts[i].status, i / 8 == 7 ? TC_E_SOURCE : TC_OK);
      assert_true(receipts[i].right);
      if (threads == 1)
        assert_int_equal(receipts[i].order, i + 1);
    }
    assert_true(s.most <= (int)threads);
    assert_threads_end(before);
    assert_int_equal(times(&called), BLOCKS);
    event_done(&called);
    stop_done(&s);
  }
}

static void cancelled_requests_call_back_while_all_threads_are_busy(void **state)
{
  (void)state;
  enum { QUEUED = 20 };
  int before = threads_of_process();
  stop s = {.step = wait_first};
  receipt busy, mine[QUEUED], others[QUEUED];
  event called, of_busy, of_others;
  event_init(&called);
  event_init(&of_busy);
  event_init(&of_others);
  tc_cache *cache = cache_with_threads(1 << 20, 1);
  tc_provider *from = open_stop(&s, TC_CONCURRENT), *p = cached(from, cache);
  tc_provider *reader = reader_with(p, 0, NULL), *over = reader_with(reader, 0, NULL);
  request(p, 0, &busy, &of_busy);
  await(&s.inside, 1);
  for (int i = 0; i < QUEUED; i++) {
    request(i % 2 == 0 ? reader : over, i, &mine[i], &called);
    request(p, i, &others[i], &of_others);
  }
  ok(provider_cancel(reader, &err));
  ok(provider_cancel(over, &err));
  await(&called, QUEUED);
  assert_int_equal(times(&of_busy) + times(&of_others), 0);
  assert_true(threads_of_process() <= before + 2);
  for (int i = 0; i < QUEUED; i++) {
    assert_int_equal(mine[i].calls, 1);
    assert_int_equal(mine[i].status, TC_E_CANCELLED);
    assert_true(mine[i].right);
  }
  /* From now on the call itself fails. */
  fails(TC_E_CANCELLED, "cancelled", provider_request_block(over, 0, 0, 0, NULL, 0, receive, &mine[0], &err));
  happen(&s.go);
  await(&of_others, QUEUED);
  await(&of_busy, 1);
  assert_int_equal(mine[0].calls, 1);
  assert_int_equal(busy.status, TC_OK);
  for (int i = 0; i < QUEUED; i++)
    assert_true(others[i].calls == 1 && others[i].status == TC_OK && others[i].right);
  tc_provider *release[] = {from, p, reader, over};
  for (size_t n = 0; n < COUNT(release); n++)
    provider_release(release[n]);
  tc_release(cache);
  assert_threads_end(before);
  event *done[] = {&called, &of_busy, &of_others};
  for (size_t n = 0; n < COUNT(done); n++)
    event_done(done[n]);
  stop_done(&s);
}

static event tell_on;

/* Stays with its thread until it is let on. */
static void receive_slowly(void *user, tc_status status, tc_tile *tile, const tc_error *error)
{
  receive(user, status, tile, error);
  await(&tell_on, 1);
}

static int wait_all(stop *s, int64_t row, int64_t col)
{
  (void)row, (void)col;
  happen(&s->inside);
  await(&s->go, 1);
  return FINE;
}

/* Readers are cancelled one after the other while a thread still tells a request of the first so. */
static void one_thread_more_tells_cancelled_requests(void **state)
{
  (void)state;
  enum { THREADS = 2, READERS = 12, QUEUED = 8 };
  int before = threads_of_process();
  stop s = {.step = wait_all};
  receipt busy[THREADS], mine[READERS], others[QUEUED];
  tc_provider *readers[READERS];
  event called, of_others;
  event_init(&called);
  event_init(&of_others);
  event_init(&tell_on);
  tc_cache *cache = cache_with_threads(1 << 20, THREADS);
  tc_provider *from = open_stop(&s, TC_CONCURRENT), *p = cached(from, cache);
  for (int i = 0; i < THREADS; i++)
    request(p, i, &busy[i], &of_others);
  await(&s.inside, THREADS);
  for (int i = 0; i < READERS; i++) {
    readers[i] = reader_with(p, 0, NULL);
    mine[i] = (receipt){.called = &called};
    ok(provider_request_block(readers[i], 1, i % 8, 0, NULL, 0, receive_slowly, &mine[i], &err));
  }
  for (int i = 0; i < QUEUED; i++)
    request(p, 16 + i, &others[i], &of_others);
  for (int i = 0; i < READERS; i++) {
    ok(provider_cancel(readers[i], &err));
    provider_release(readers[i]);
  }
  await(&called, 1);
  assert_true(threads_of_process() <= before + THREADS + 1);
  assert_int_equal(times(&called), 1);
  happen(&tell_on);
  await(&called, READERS);
  assert_int_equal(times(&s.inside), THREADS);
  happen(&s.go);
  await(&of_others, THREADS + QUEUED);
  assert_true(s.most <= THREADS);
  for (int i = 0; i < READERS; i++)
    assert_true(mine[i].calls == 1 && mine[i].status == TC_E_CANCELLED && mine[i].right);
  provider_release(from);
  provider_release(p);
  tc_release(cache);
  assert_threads_end(before);
  event_done(&called);
  event_done(&of_others);
  event_done(&tell_on);
  stop_done(&s);
}

/* The request that runs is cancelled too, and its callback told. */
static void a_running_request_is_cancelled(void **state)
{
  (void)state;
  int before = threads_of_process();
  stop s = {.step = wait_first};
  receipt r;
  event called;
  event_init(&called);
  tc_provider *p = open_stop(&s, TC_CONCURRENT), *reader = reader_with(p, 0, NULL);
  request(reader, 9, &r, &called);
  await(&s.inside, 1);
  ok(provider_cancel(reader, &err));
  provider_release(reader);
  provider_release(p);
  await(&called, 1);
  assert_true(s.told);
  assert_int_equal(r.status, TC_E_CANCELLED);
  assert_threads_end(before);
  assert_int_equal(r.calls, 1);
  event_done(&called);
  stop_done(&s);
}

static void a_callback_may_make_the_next_request(void **state)
{
  (void)state;
  enum { CHAIN = 16 };
  int before = threads_of_process();
  stop s = {0};
  receipt chain[CHAIN];
  event called;
  event_init(&called);
  tc_cache *cache = cache_with_threads(0, 1);
  tc_provider *from = open_stop(&s, TC_CONCURRENT), *p = cached(from, cache);
  for (int i = 0; i < CHAIN; i++)
    chain[i] = (receipt){.called = &called,
                         .expected = 11,
                         .next = i + 1 < CHAIN ? provider_retain(p) : NULL,
                         .receipt_of_next = i + 1 < CHAIN ? &chain[i + 1] : NULL};
  ok(provider_request_block(p, 1, 3, 0, NULL, 0, receive, &chain[0], &err));
  provider_release(from);
  provider_release(p);
  tc_release(cache);
  await(&called, CHAIN);
  for (int i = 0; i < CHAIN; i++)
    assert_true(chain[i].calls == 1 && chain[i].status == TC_OK && chain[i].right);
  assert_threads_end(before);
  event_done(&called);
  stop_done(&s);
}

/* ---- release callbacks that are put off ---- */

typedef struct { int calls; pthread_t on; } release_note;

static void note_release(void *user)
{
  release_note *note = user;
  note->calls++;
  note->on = pthread_self();
}

static void *release_tile(void *tile)
{
  tc_tile_release(tile);
  return NULL;
}

static void deferred_releases_run_when_asked_for(void **state)
{
  (void)state;
  unsigned char pixels[16] = {0};
  tc_pixels of = {pixels, 4, 4, 4, 16, 4, 4, 1, TC_U8, TC_PIXELS_DEFER_RELEASE, 0};
  release_note notes[2] = {{0}};
  tc_cache *cache = new_cache(1 << 20);
  assert_int_equal(tc_run_releases(), 0);
  for (int i = 0; i < 2; i++) {
    tc_tile *tile = NULL;
    pthread_t thread;
    ok(tc_put(cache, "mine", 0, i, 0, NULL, 0, &of, note_release, &notes[i], &err));
    ok(tc_get(cache, "mine", 0, i, 0, NULL, 0, &tile, &err));
    ok(tc_clear(cache, &err));
    assert_int_equal(pthread_create(&thread, NULL, release_tile, tile), 0);
    pthread_join(thread, NULL);
    assert_int_equal(notes[i].calls, 0);
  }
  assert_int_equal(tc_run_releases(), 2);
  assert_int_equal(tc_run_releases(), 0);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(notes[i].calls, 1);
    assert_true(pthread_equal(notes[i].on, pthread_self()));
  }
  tc_release(cache);
}

/* Beyond the image lies what the reader fills windows with, through its levels and the readers over it too;
 * inside, and for all others, nothing changes. */
static void windows_are_filled_as_the_reader_says(void **state)
{
  (void)state;
  source s;
  source_init(&s, 40, 40, 16, 16, 2, TC_U16);
  s.image.levels = 2;
  s.image.pad[0] = 9;
  tc_provider *p = open_source(&s), *filled = NULL, *over = NULL, *level = NULL, *own = NULL;
  tc_reader_options options = {.struct_size = sizeof options, .flags = TC_READ_FILL | TC_READ_STREAMING};
  const uint16_t fill = 0x1234, other = 5;
  memcpy(options.fill, &fill, sizeof fill);
  ok(provider_reader(p, &options, &filled, &err));
  ok(provider_reader(filled, NULL, &over, &err));
  ok(provider_level(over, 1, &level, &err));
  memcpy(options.fill, &other, sizeof other);
  ok(provider_reader(over, &options, &own, &err));
  const struct { tc_provider *p; int32_t level; float beyond; } rows[] = {
    {p, 0, 9}, {filled, 0, fill}, {filled, 1, fill}, {over, 0, fill}, {level, 0, fill}, {own, 0, other},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    float got[3][2][50], inside[50];
    const int32_t bands[] = {1, TC_BAND_OPAQUE};
    tc_target into = {got, 0, 0, 0, 50, 3, 2, TC_F32};
    into.pixel_stride = sizeof(float), into.row_stride = sizeof got[0], into.band_stride = sizeof got[0][0];
    ok(provider_read_window(rows[i].p, -5, -1, rows[i].level, bands, 2, &into, &err));
    tc_target row = {inside, sizeof(float), sizeof inside, sizeof inside, 15, 1, 1, TC_F32};
    ok(provider_read_window(p, 0, 0, rows[i].level | (rows[i].p == level), bands, 1, &row, &err));
    for (int x = 0; x < 50; x++) {
      assert_true(got[0][0][x] == rows[i].beyond && got[0][1][x] == got[1][1][7]);
      assert_true(x >= 5 || got[1][0][x] == rows[i].beyond);
      assert_true(x < 5 || x >= 20 || got[1][0][x] == inside[x - 5]);
    }
  }
  provider_release(own);
  provider_release(level);
  provider_release(over);
  provider_release(filled);
  provider_release(p);
  source_done(&s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(blocks_of_two_threads_that_need_each_other_are_an_error),
    cmocka_unit_test(a_circle_over_a_thread_of_the_callers_is_an_error),
    cmocka_unit_test(a_cancelled_waiter_leaves_and_the_load_goes_on),
    cmocka_unit_test(a_load_that_nobody_wants_may_fail_and_nobody_sees_it),
    cmocka_unit_test(cancelled_readers_never_spoil_it_for_others),
    cmocka_unit_test(every_request_calls_back_once_within_the_threads),
    cmocka_unit_test(cancelled_requests_call_back_while_all_threads_are_busy),
    cmocka_unit_test(one_thread_more_tells_cancelled_requests),
    cmocka_unit_test(a_running_request_is_cancelled),
    cmocka_unit_test(a_callback_may_make_the_next_request),
    cmocka_unit_test(deferred_releases_run_when_asked_for),
    cmocka_unit_test(windows_are_filled_as_the_reader_says),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
