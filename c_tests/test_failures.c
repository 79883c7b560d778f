/* A failing callback fails the tiles that need its block, once, with its own words, and nothing else. */
#include "support.h"

/* 4 x 4 blocks of 16 x 16 pixels, of which block (1, 1) fails so many times. */
static void failing(source *s, int times)
{
  source_init(s, 64, 64, 16, 16, 1, TC_U8);
  s->fail_times = times;
  s->fail_row = s->fail_col = 1;
}

static void code_and_words_come_through_and_the_next_get_retries(void **state)
{
  (void)state;
  source s;
  tc_tile *tile = NULL;
  failing(&s, 2);
  tc_cache *cache = new_cache(1 << 20);
  tc_provider *from = open_source(&s), *p = cached(from, cache);
  for (int n = 1; n <= 2; n++) {
    fails(TC_E_SOURCE, "the tape is torn", provider_get_block(p, 1, 1, 0, NULL, 0, &tile, &err));
    assert_int_equal(err.source_code, 77);
    assert_null(tile);
    assert_int_equal(decodes(&s), n); /* a failure is not kept */
    assert_int_equal(stats_of(cache).load_errors, n);
    assert_int_equal(stats_of(cache).entries, 0);
  }
  tile = get(p, 1, 1, 0);
  assert_tile(&s, tile, (area){16, 16, 16, 16}, 0, NULL, 1);
  tc_tile_release(tile);
  touch(p, 0, 0, 0);
  assert_books(cache);
  provider_release(from);
  provider_release(p);
  tc_release(cache);
  source_done(&s);
}

static void only_tiles_that_need_the_block_fail(void **state)
{
  (void)state;
  source s;
  failing(&s, 1000);
  tc_cache *cache = new_cache(1 << 20);
  tc_provider *from = open_source(&s), *p = retiled(from, 24, 24, 0, cache);
  for (int again = 0; again < 2; again++)
    for (int64_t row = 0; row < 3; row++)
      for (int64_t col = 0; col < 3; col++) {
        tc_tile *tile = NULL;
        if (row < 2 && col < 2) { /* the block spans 16..32, the first two tiles of each axis 0..48 */
          fails(TC_E_SOURCE, "the tape is torn", provider_get_block(p, row, col, 0, NULL, 0, &tile, &err));
          assert_null(tile);
        } else {
          tile = get(p, row, col, 0);
          assert_tile(&s, tile, cell(64, 64, 24, 24, row, col, 0), 0, NULL, 1);
          tc_tile_release(tile);
        }
      }
  s.fail_times = 0;
  for (int64_t row = 0; row < 3; row++)
    for (int64_t col = 0; col < 3; col++) {
      tc_tile *tile = get(p, row, col, 0);
      assert_tile(&s, tile, cell(64, 64, 24, 24, row, col, 0), 0, NULL, 1);
      tc_tile_release(tile);
    }
  assert_books(cache);
  provider_release(from);
  provider_release(p);
  tc_release(cache);
  source_done(&s);
}

typedef struct { tc_provider *p; tc_status status[16]; int32_t code[16]; bool words[16]; } waiters;

static void wait_for_failure(void *user, int index)
{
  waiters *w = user;
  tc_tile *tile = NULL;
  tc_error error;
  memset(&error, 0, sizeof error);
  w->status[index] = provider_get_block(w->p, 1, 1, 0, NULL, 0, &tile, &error);
  w->code[index] = error.source_code;
  w->words[index] = strstr(error.message, "the tape is torn") != NULL;
  tc_tile_release(tile);
}

/* A waiter gets the error of the decode that it joined, or a later success; never wrong pixels. */
static void all_waiters_hear_of_it(void **state)
{
  (void)state;
  enum { WAITERS = 16 };
  source s;
  waiters w;
  failing(&s, 1);
  s.decode_ms = 100;
  tc_cache *cache = new_cache(1 << 20);
  tc_provider *from = open_source(&s);
  w.p = cached(from, cache);
  in_threads(WAITERS, wait_for_failure, &w);
  int failed = 0;
  for (int i = 0; i < WAITERS; i++)
    if (w.status[i] != TC_OK) {
      failed++;
      assert_int_equal(w.status[i], TC_E_SOURCE);
      assert_int_equal(w.code[i], 77);
      assert_true(w.words[i]);
    }
  assert_true(failed >= 1);
  assert_in_range(decodes(&s), 1, 2);
  tc_tile *tile = get(w.p, 1, 1, 0);
  assert_tile(&s, tile, (area){16, 16, 16, 16}, 0, NULL, 1);
  tc_tile_release(tile);
  assert_books(cache);
  provider_release(from);
  provider_release(w.p);
  tc_release(cache);
  source_done(&s);
}

/* Codes of all kinds are the callback's own; a long message is cut to fit, and a wild one is no matter. */
static void any_code_and_any_message_is_the_callbacks_own(void **state)
{
  (void)state;
  static char large[600];
  static const tc_status codes[] = {1, -1, TC_E_INTERNAL, INT32_MAX, INT32_MIN};
  const char *messages[] = {"", "plain", "caf\xc3\xa9", "\xff\xfe not UTF-8", large};
  memset(large, 'x', sizeof large - 1);
  for (size_t c = 0; c < COUNT(codes); c++)
    for (size_t m = 0; m < COUNT(messages); m++) {
      source s;
      tc_tile *tile = NULL;
      failing(&s, 1);
      s.fail_code = codes[c];
      s.fail_message = messages[m];
      tc_provider *p = open_source(&s);
      fails(TC_E_SOURCE, m == 1 ? "plain" : "", provider_get_block(p, 1, 1, 0, NULL, 0, &tile, &err));
      assert_int_equal(err.source_code, codes[c]);
      assert_null(tile);
      provider_release(p);
      source_done(&s);
    }
}

/* ---- failures of the other callbacks ---- */

static tc_status no_answer(void *user, int64_t row, int64_t col, int32_t level, int32_t *has, tc_error *error)
{
  (void)user, (void)row, (void)col, (void)level, (void)has;
  snprintf(error->message, sizeof error->message, "no answer");
  return 5;
}

static tc_status no_session(void *user, void **session, tc_error *error)
{
  (void)user, (void)session;
  snprintf(error->message, sizeof error->message, "no session");
  return 6;
}

static tc_status no_map(void *user, int64_t row, int64_t col, int32_t level, const tc_pixels *in, const tc_target *out,
                        tc_error *error)
{
  (void)user, (void)row, (void)col, (void)level, (void)in, (void)out;
  snprintf(error->message, sizeof error->message, "no map");
  return 7;
}

static void other_callbacks_fail_alike(void **state)
{
  (void)state;
  int32_t has = -1;
  tc_tile *tile = NULL;
  tc_provider *p = NULL, *mapped = NULL;
  source s;
  failing(&s, 0);
  s.sparse = true;
  tc_source t = source_struct(&s);
  t.has_block = no_answer;
  ok(provider_from_source(&t, &p, &err));
  fails(TC_E_SOURCE, "no answer", provider_has_block(p, 0, 0, 0, &has, &err));
  assert_int_equal(err.source_code, 5);
  assert_int_equal(has, 0);
  provider_release(p);
  source_done(&s);

  failing(&s, 0);
  s.threading = TC_SESSIONS;
  t = source_struct(&s);
  t.open_session = no_session;
  ok(provider_from_source(&t, &p, &err));
  fails(TC_E_SOURCE, "no session", provider_get_block(p, 0, 0, 0, NULL, 0, &tile, &err));
  assert_int_equal(err.source_code, 6);
  provider_release(p);
  source_done(&s);

  failing(&s, 0);
  p = open_source(&s);
  tc_map_options o;
  memset(&o, 0, sizeof o);
  o.struct_size = sizeof o;
  o.map = no_map;
  ok(provider_map(p, &o, NULL, &mapped, &err));
  fails(TC_E_SOURCE, "no map", provider_get_block(mapped, 0, 0, 0, NULL, 0, &tile, &err));
  assert_int_equal(err.source_code, 7);
  provider_release(p);
  provider_release(mapped);
  source_done(&s);
  assert_null(tile);
}

/* ---- stacks that are too high ---- */

enum { MOST = 128 };

static tc_status map_one(void *user, int64_t row, int64_t col, int32_t level, const tc_pixels *in, const tc_target *out,
                         tc_error *error)
{
  (void)user, (void)row, (void)col, (void)level, (void)in, (void)error;
  for (int64_t y = 0; y < out->height; y++)
    memset((char *)out->data + y * out->row_stride, 1, (size_t)out->width);
  return TC_OK;
}

typedef enum { MAPS, MAPS_CACHED, RETILED, READERS, MASKS, LEVELS, CACHES, MIXED, KINDS } kind;

/* One more provider of a kind over `below`. */
static tc_status pile(kind what, int n, tc_provider *below, tc_cache *cache, tc_provider **made)
{
  tc_map_options map;
  memset(&map, 0, sizeof map);
  map.struct_size = sizeof map;
  map.map = map_one;
  tc_retile_options retile = {sizeof retile, 0, 7 + n % 3, 7 + n % 2};
  switch (what) {
  case MAPS: return provider_map(below, &map, NULL, made, &err);
  case MAPS_CACHED: return provider_map(below, &map, cache, made, &err);
  case RETILED: return provider_retile(below, &retile, cache, made, &err);
  case READERS: return provider_reader(below, NULL, made, &err);
  case MASKS: return provider_mask(below, made, &err);
  case LEVELS: return n == MOST ? provider_level(below, 1, made, &err) : provider_reader(below, NULL, made, &err);
  case CACHES: {
    tc_cache *other = new_cache(1 << 20);
    tc_status status = provider_cached(below, other, made, &err);
    tc_release(other);
    return status;
  }
  default: return pile((kind)(n % MASKS), n, below, cache, made);
  }
}

static void get_and_release(void *arg, int index)
{
  tc_provider *p = arg;
  tc_tile *tile = NULL;
  tc_error e;
  (void)index;
  if (provider_get_block(p, 0, 0, 0, NULL, 0, &tile, &e) != TC_OK)
    abort();
  tc_tile_release(tile);
  provider_release(p);
}

/* The highest stack that is allowed works and goes; one more is an error that names the bound. */
static void a_stack_of_operators_is_bounded(void **state)
{
  (void)state;
  for (kind what = MAPS; what < KINDS; what++) {
    source s;
    tc_provider *more = NULL;
    source_init(&s, 20, 20, 9, 9, 1, TC_U8);
    s.image.levels = 2;
    tc_cache *cache = new_cache(1 << 20);
    tc_provider *p = open_source(&s);
    for (int n = 0; n < MOST - 1; n++) {
      tc_provider *made = NULL;
      poison_error();
      assert_int_equal(pile(what, n, p, cache, &made), TC_OK);
      provider_release(p);
      p = made;
    }
    fails(TC_E_LIMIT, "129 providers one upon another; there may be at most 128", pile(what, MOST, p, cache, &more));
    assert_null(more);
    in_threads(1, get_and_release, p);
    tc_release(cache);
    source_done(&s);
  }
}

/* Sources each of which reads the one beneath from its callback. */
typedef struct { tc_provider *beneath; bool by_window; } link;

static tc_status read_beneath(void *user, void *session, int64_t row, int64_t col, int32_t level, const int32_t *bands,
                              const tc_target *into, tc_error *error)
{
  const link *l = user;
  tc_tile *tile = NULL;
  (void)session, (void)bands;
  *(uint8_t *)into->data = 1;
  if (l->beneath == NULL)
    return TC_OK;
  if (l->by_window)
    return provider_read_window(l->beneath, col, row, level, NULL, 0, into, error);
  tc_status status = provider_get_block(l->beneath, row, col, level, NULL, 0, &tile, error);
  tc_tile_release(tile);
  return status;
}

static tc_status has_beneath(void *user, int64_t row, int64_t col, int32_t level, int32_t *has, tc_error *error)
{
  const link *l = user;
  *has = 1;
  return l->beneath == NULL ? TC_OK : provider_has_block(l->beneath, row, col, level, has, error);
}

static void callbacks_that_ask_in_turn_are_bounded(void **state)
{
  (void)state;
  enum { LINKS = 2 * MOST };
  static link links[LINKS];
  static tc_provider *p[LINKS];
  for (int with_cache = 0; with_cache < 2; with_cache++) {
    tc_cache *cache = new_cache(1 << 20);
    for (int i = 0; i < LINKS; i++) {
      tc_image_info image;
      tc_source t;
      memset(&image, 0, sizeof image);
      memset(&t, 0, sizeof t);
      image.struct_size = sizeof image;
      image.dtype = TC_U8;
      image.width = image.height = image.bands = 1;
      links[i].beneath = i == 0 ? NULL : p[i - 1];
      links[i].by_window = i % 2;
      t.struct_size = sizeof t;
      t.threading = TC_CONCURRENT;
      t.user = &links[i];
      t.image = &image;
      t.read_block = read_beneath;
      t.has_block = has_beneath;
      ok(provider_from_source(&t, &p[i], &err));
      if (with_cache) {
        tc_provider *from = p[i];
        p[i] = cached(from, cache);
        provider_release(from);
      }
    }
    const int allowed = MOST / (1 + with_cache) - 1;
    int32_t has = 0;
    tc_tile *tile = NULL;
    fails(TC_E_LIMIT, "at most 128", provider_has_block(p[allowed + 1], 0, 0, 0, &has, &err));
    fails(TC_E_LIMIT, "at most 128", provider_get_block(p[LINKS - 1], 0, 0, 0, NULL, 0, &tile, &err));
    fails(TC_E_LIMIT, "at most 128", provider_get_block(p[allowed + 1], 0, 0, 0, NULL, 0, &tile, &err));
    assert_int_equal(err.source_code, 0);
    ok(provider_has_block(p[allowed], 0, 0, 0, &has, &err));
    ok(provider_get_block(p[allowed], 0, 0, 0, NULL, 0, &tile, &err)); /* what failed has left nothing behind */
    tc_tile_release(tile);
    for (int i = 0; i < LINKS; i++)
      provider_release(p[i]);
    tc_release(cache);
  }
}

/* ---- failures of the library inside callbacks ---- */

/* What a callback asks the library for, and hands on. */
typedef struct asking {
  tc_provider *from;    /* what it reads; its own provider makes a circle */
  int64_t row;
  bool silent;          /* it passes no error on */
  tc_status own;        /* what it returns instead, if that is not 0 */
} asking;

static tc_status ask(const asking *a, tc_error *error)
{
  tc_tile *tile = NULL;
  tc_status status = provider_get_block(a->from, a->row, 0, 0, NULL, 0, &tile, a->silent ? NULL : error);
  tc_tile_release(tile);
  return status == TC_OK || a->own == TC_OK ? status : a->own;
}

static tc_status ask_to_read(void *user, void *session, int64_t row, int64_t col, int32_t level, const int32_t *bands,
                             const tc_target *into, tc_error *error)
{
  (void)session, (void)row, (void)col, (void)level, (void)bands, (void)into;
  return ask(user, error);
}

static tc_status ask_to_map(void *user, int64_t row, int64_t col, int32_t level, const tc_pixels *in, const tc_target *out,
                            tc_error *error)
{
  (void)row, (void)col, (void)level, (void)in, (void)out;
  return ask(user, error);
}

static tc_status ask_to_compute(void *user, const tc_place *place, const tc_pixels *inputs, size_t n, const tc_target *out,
                                tc_error *error)
{
  (void)place, (void)inputs, (void)n, (void)out;
  return ask(user, error);
}

/* A provider whose callback asks, of three kinds. */
static tc_provider *asking_provider(int kind, asking *a, tc_provider *below, tc_cache *cache)
{
  tc_provider *p = NULL;
  if (kind == 0) {
    tc_image_info info = {.struct_size = sizeof info, .dtype = TC_U8, .width = 64, .height = 64, .block_width = 16, .block_height = 16};
    tc_source callbacks = {.struct_size = sizeof callbacks, .threading = TC_CONCURRENT, .user = a, .image = &info, .read_block = ask_to_read};
    ok(provider_from_source(&callbacks, &p, &err));
  } else if (kind == 1) {
    tc_map_options options = {.struct_size = sizeof options, .map = ask_to_map, .user = a};
    ok(provider_map(below, &options, cache, &p, &err));
  } else {
    tc_input in = {.source = below};
    tc_compute_options options = {.struct_size = sizeof options, .compute = ask_to_compute, .user = a};
    ok(provider_compute(&in, 1, &options, cache, &p, &err));
  }
  return p;
}

static tc_status say_changed(void *user, void *session, int64_t row, int64_t col, int32_t level, const int32_t *bands,
                             const tc_target *into, tc_error *error)
{
  (void)user, (void)session, (void)row, (void)col, (void)level, (void)bands, (void)into;
  snprintf(error->message, sizeof error->message, "the scene is another one now");
  return error->code = TC_E_CHANGED;
}

static void what_the_library_says_inside_a_callback_comes_through_as_what_it_is(void **state)
{
  (void)state;
  source s;
  source_init(&s, 64, 64, 16, 16, 1, TC_U8);
  tc_provider *below = open_source(&s), *changed = NULL, *cancelled_reader = NULL;
  ok(provider_reader(below, NULL, &cancelled_reader, &err));
  ok(provider_cancel(cancelled_reader, &err));
  tc_image_info info = {.struct_size = sizeof info, .dtype = TC_U8, .width = 64, .height = 64};
  tc_source callbacks = {.struct_size = sizeof callbacks, .threading = TC_CONCURRENT, .image = &info, .read_block = say_changed};
  ok(provider_from_source(&callbacks, &changed, &err));
  for (int kind = 0; kind < 3; kind++) {
    asking a = {0};
    tc_cache *cache = new_cache(1 << 20);
    tc_provider *p = asking_provider(kind, &a, below, cache), *stack = cached(p, cache), *tiles = retiled(stack, 24, 24, 0, cache);
    const struct { tc_provider *from; int64_t row; bool silent; tc_status own, expected; int32_t code; const char *text; } rows[] = {
      {changed, 0, false, 0, TC_E_CHANGED, 0, "the scene is another one now"},
      {cancelled_reader, 0, false, 0, TC_E_CANCELLED, 0, "cancelled"},
      {tiles, 0, false, 0, TC_E_REENTRANT, 0, ""},
      {below, 9, false, 0, TC_E_SOURCE, TC_E_RANGE, "block (9, 0)"},
      {changed, 0, true, 0, TC_E_SOURCE, TC_E_CHANGED, "returned 12"},
      {changed, 0, false, 41, TC_E_SOURCE, 41, "the scene is another one now"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
      a = (asking){rows[i].from, rows[i].row, rows[i].silent, rows[i].own};
      tc_tile *tile = NULL;
      fails(rows[i].expected, rows[i].text, provider_get_block(tiles, 0, 0, 0, NULL, 0, &tile, &err));
      assert_int_equal(err.source_code, rows[i].code);
      assert_null(tile);
    }
    assert_int_equal(stats_of(cache).entries, 0); /* a failure is not kept */
    provider_release(p);
    provider_release(stack);
    provider_release(tiles);
    assert_books(cache);
    tc_release(cache);
  }
  provider_release(changed);
  provider_release(cancelled_reader);
  provider_release(below);
  source_done(&s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(code_and_words_come_through_and_the_next_get_retries),
    cmocka_unit_test(only_tiles_that_need_the_block_fail),
    cmocka_unit_test(all_waiters_hear_of_it),
    cmocka_unit_test(any_code_and_any_message_is_the_callbacks_own),
    cmocka_unit_test(other_callbacks_fail_alike),
    cmocka_unit_test(a_stack_of_operators_is_bounded),
    cmocka_unit_test(callbacks_that_ask_in_turn_are_bounded),
    cmocka_unit_test(what_the_library_says_inside_a_callback_comes_through_as_what_it_is),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
