/* Logs of caches and openings: what is told, where, how much it matters, and until when. */
#include "support.h"

#include <unistd.h>

enum { SIDE = 64, TILES = 8, BYTES = SIDE * SIDE, MOST = 256 };

typedef struct { int32_t level, event; char subject[160], text[256]; } message;

/* What was told, by any number of threads. */
typedef struct {
  pthread_mutex_t lock;
  message messages[MOST];
  int count, released, after_release;
  tc_provider *asks; /* what the function itself asks for, once */
  tc_status asked;
} told;

static void hear(void *user, int32_t level, int32_t event, const char *subject, const char *text)
{
  told *t = user;
  tc_provider *asks = NULL;
  pthread_mutex_lock(&t->lock);
  if (t->released) t->after_release++;
  if (t->count < MOST) {
    message *m = &t->messages[t->count++];
    m->level = level;
    m->event = event;
    snprintf(m->subject, sizeof m->subject, "%s", subject);
    snprintf(m->text, sizeof m->text, "%s", text);
  }
  asks = t->asks;
  t->asks = NULL;
  pthread_mutex_unlock(&t->lock);
  if (asks) {
    tc_tile *tile = NULL;
    tc_cache_stats stats = {.struct_size = sizeof stats};
    t->asked = provider_get_block(asks, 0, 0, 0, NULL, 0, &tile, NULL);
    if (!t->asked) t->asked = provider_counters(asks, &stats, NULL, NULL);
    tc_tile_release(tile);
  }
}

static void released(void *user)
{
  ((told *)user)->released++;
}

static void init(told *t)
{
  memset(t, 0, sizeof *t);
  pthread_mutex_init(&t->lock, NULL);
}

static tc_log log_to(told *t, uint32_t level)
{
  return (tc_log){.struct_size = sizeof(tc_log), .level = level, .write = hear, .user = t, .release = released};
}

/* How many messages are about this, with this in their text; each matters so much. */
static int heard(const told *t, int32_t level, int32_t event, const char *text)
{
  int found = 0;
  for (int i = 0; i < t->count; i++) {
    const message *m = &t->messages[i];
    if (m->event != event || !strstr(m->text, text)) continue;
    assert_int_equal(m->level, level);
    found++;
  }
  return found;
}

static tc_cache *logging_cache(uint64_t budget, const tc_log *log)
{
  tc_cache_options o = {.struct_size = sizeof o, .log = log};
  tc_cache *cache = NULL;
  ok(tc_create(budget, &o, &cache, &err));
  return cache;
}

static void a_row(source *s)
{
  source_init(s, TILES * SIDE, SIDE, SIDE, SIDE, 1, TC_U8);
  s->key = "row";
}

static void a_cache_tells_of_slow_and_failed_loads(void **state)
{
  (void)state;
  told t;
  source s;
  init(&t);
  a_row(&s);
  s.decode_ms = 30;
  tc_log log = log_to(&t, TC_LOG_INFO);
  log.slow_ms = 20;
  tc_cache *cache = logging_cache(1 << 20, &log);
  tc_provider *from = open_source(&s), *p = cached(from, cache);
  touch(p, 0, 3, 0);
  touch(p, 0, 3, 0); /* a hit */
  assert_int_equal(heard(&t, TC_LOG_WARNING, TC_LOG_SLOW, "column 3"), 1);
  assert_string_equal(t.messages[0].subject, provider_key(p));
  assert_int_equal(t.count, 1);
  s.decode_ms = 0;
  s.fail_times = 1;
  s.fail_row = 0;
  s.fail_col = 4;
  s.fail_code = 7;
  s.fail_message = "the disk is gone";
  tc_tile *tile = NULL;
  fails(TC_E_SOURCE, "the disk is gone", provider_get_block(p, 0, 4, 0, NULL, 0, &tile, &err));
  assert_int_equal(heard(&t, TC_LOG_INFO, TC_LOG_FAILED, "the disk is gone"), 1);
  assert_int_equal(t.released, 0);
  tc_release(cache);
  assert_int_equal(t.released, 0); /* the provider keeps it */
  provider_release(p);
  assert_int_equal(t.released, 1);
  provider_release(from);
  assert_int_equal(t.after_release, 0);
  source_done(&s);
}

static void a_cache_tells_what_went_and_why(void **state)
{
  (void)state;
  told t;
  source s;
  init(&t);
  a_row(&s);
  tc_log log = log_to(&t, TC_LOG_DEBUG);
  tc_cache *cache = logging_cache(room(4, BYTES), &log);
  tc_provider *from = open_source(&s), *p = cached(from, cache);
  read_all(p, 0);
  assert_int_equal(heard(&t, TC_LOG_DEBUG, TC_LOG_EVICTED, "to make room"), TILES - 4);
  ok(tc_trim(cache, 1, NULL, &err));
  assert_int_equal(heard(&t, TC_LOG_INFO, TC_LOG_EVICTED, "1 bytes were to be given back"), 1);
  ok(tc_set_budget(cache, room(1, BYTES), &err));
  assert_int_equal(heard(&t, TC_LOG_INFO, TC_LOG_EVICTED, "the budget is"), 1);
  ok(tc_set_budget(cache, room(4, BYTES), &err));
  read_all(p, 0);
  ok(tc_set_share(cache, provider_key(p), 2 * (BYTES + 256), 0, &err));
  assert_int_equal(heard(&t, TC_LOG_INFO, TC_LOG_EVICTED, "the maximum of the key"), 1);
  ok(tc_set_share(cache, provider_key(p), 0, 0, &err));
  tc_tile *held[TILES];
  for (int i = 0; i < TILES; i++) held[i] = get(p, 0, i, 0);
  assert_true(heard(&t, TC_LOG_INFO, TC_LOG_REJECTED, "find no room") >= TILES - 5);
  for (int i = 0; i < TILES; i++) tc_tile_release(held[i]);
  /* What matters less than was asked for is not told. */
  told quiet;
  init(&quiet);
  log = log_to(&quiet, 0);
  tc_cache *other = logging_cache(room(2, BYTES), &log);
  tc_provider *q = cached(from, other);
  read_all(q, 0);
  ok(tc_trim(other, UINT64_MAX, NULL, &err));
  assert_int_equal(quiet.count, 0);
  provider_release(q);
  tc_release(other);
  provider_release(p);
  provider_release(from);
  tc_release(cache);
  assert_int_equal(quiet.released, 1);
  source_done(&s);
}

static void the_function_may_call_the_library_and_hears_nothing_of_that(void **state)
{
  (void)state;
  told t;
  source s;
  init(&t);
  a_row(&s);
  s.decode_ms = 30;
  tc_log log = log_to(&t, TC_LOG_DEBUG);
  log.slow_ms = 20;
  tc_cache *cache = logging_cache(room(1, BYTES), &log);
  tc_provider *from = open_source(&s), *p = cached(from, cache);
  touch(p, 0, 1, 0);
  t.count = 0;
  t.asks = p; /* another block, whose load is slow too and evicts the first */
  t.asked = 99;
  touch(p, 0, 2, 0);
  assert_int_equal(t.asked, TC_OK);
  assert_int_equal(decodes_of(&s, 0, 0, 0), 1);
  for (int i = 0; i < t.count; i++)
    assert_null(strstr(t.messages[i].text, "column 0"));
  provider_release(p);
  provider_release(from);
  tc_release(cache);
  source_done(&s);
}

typedef struct { tc_provider *p; } shared;

static void read_row(void *arg, int index)
{
  tc_provider *p = ((shared *)arg)->p;
  for (int i = 0; i < scaled(60); i++) {
    tc_tile *tile = NULL;
    provider_get_block(p, 0, (i * 3 + index) % TILES, 0, NULL, 0, &tile, NULL);
    tc_tile_release(tile);
  }
}

static void many_threads_are_told_of_at_once(void **state)
{
  (void)state;
  told t;
  source s;
  init(&t);
  a_row(&s);
  tc_log log = log_to(&t, TC_LOG_DEBUG);
  tc_cache *cache = logging_cache(room(2, BYTES), &log);
  tc_provider *from = open_source(&s);
  shared all = {cached(from, cache)};
  in_threads(4, read_row, &all);
  assert_true(heard(&t, TC_LOG_DEBUG, TC_LOG_EVICTED, "went to make room") > 0);
  provider_release(all.p);
  provider_release(from);
  tc_release(cache);
  assert_int_equal(t.released, 1);
  assert_int_equal(t.after_release, 0);
  source_done(&s);
}

static void write_text(const char *path, const char *text)
{
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  assert_true(fputs(text, f) >= 0);
  fclose(f);
}

static void an_opening_tells_what_it_puts_up_with(void **state)
{
  (void)state;
  told t;
  init(&t);
  uint8_t pixels[4 * 4] = {0};
  write_grey_tiff("odd.tif", 4, pixels);
  write_text("odd.tif.ovr", "no TIFF at all");
  write_text("odd.tfw", "1\n2\nthree\n");
  tc_log log = log_to(&t, 0);
  tc_open_options o = {.struct_size = sizeof o, .log = &log};
  tc_provider *p = NULL;
  ok(provider_open("odd.tif", &o, &p, &err));
  assert_int_equal(heard(&t, TC_LOG_WARNING, TC_LOG_DAMAGE, ".ovr beside the file"), 1);
  assert_int_equal(heard(&t, TC_LOG_WARNING, TC_LOG_GEOREFERENCE, "*.tfw beside the file is left out"), 1);
  assert_string_equal(t.messages[0].subject, "odd.tif");
  assert_int_equal(heard(&t, TC_LOG_WARNING, TC_LOG_DAMAGE, provider_metadata(p, -1, "TC:WARNING:1")), 1);
  /* The log stays with what reads the file. */
  tc_provider *tiles = retiled(p, 2, 2, 0, NULL);
  provider_release(p);
  assert_int_equal(t.released, 0);
  int before = t.count;
  write_grey_tiff("other.tif", 2, pixels);
  assert_int_equal(rename("other.tif", "odd.tif"), 0); /* the opened file is read on */
  touch(tiles, 0, 0, 0);
  assert_int_equal(t.count, before);
  assert_int_equal(truncate("odd.tif", 100), 0);
  provider_release(tiles);
  assert_int_equal(t.released, 1);
  /* A strict opening tells all that is wrong, and the error the first of it. */
  init(&t);
  write_grey_tiff("odd.tif", 4, pixels);
  o.flags = TC_OPEN_STRICT;
  fails(TC_E_CORRUPT, ".ovr beside the file", provider_open("odd.tif", &o, &p, &err));
  assert_int_equal(heard(&t, TC_LOG_ERROR, TC_LOG_DAMAGE, ".ovr beside the file"), 1);
  assert_int_equal(t.released, 1);
  unlink("odd.tif.ovr");
  unlink("odd.tfw");
}

static void an_opening_tells_of_a_file_that_changes(void **state)
{
  (void)state;
  told t;
  init(&t);
  uint8_t pixels[8 * 8] = {0};
  write_grey_tiff("changing.tif", 8, pixels);
  tc_log log = log_to(&t, 0);
  tc_open_options o = {.struct_size = sizeof o, .log = &log};
  tc_provider *p = NULL;
  tc_tile *tile = NULL;
  ok(provider_open("changing.tif", &o, &p, &err));
  FILE *f = fopen("changing.tif", "ab");
  assert_non_null(f);
  assert_int_equal(fwrite(pixels, 1, 8, f), 8);
  fclose(f);
  fails(TC_E_CHANGED, "changing.tif", provider_get_block(p, 0, 0, 0, NULL, 0, &tile, &err));
  assert_int_equal(heard(&t, TC_LOG_WARNING, TC_LOG_CHANGED, ""), 1);
  assert_string_equal(t.messages[0].subject, "changing.tif");
  provider_release(p);
  assert_int_equal(t.released, 1);
}

static void what_a_log_must_be(void **state)
{
  (void)state;
  told t;
  init(&t);
  tc_cache *cache = NULL;
  tc_provider *p = NULL;
  tc_log log = log_to(&t, 5);
  tc_cache_options c = {.struct_size = sizeof c, .log = &log};
  tc_open_options o = {.struct_size = sizeof o, .log = &log};
  fails(TC_E_ARGUMENT, "log.level is 5", tc_create(1, &c, &cache, &err));
  fails(TC_E_ARGUMENT, "log.level is 5", provider_open("none.tif", &o, &p, &err));
  log.level = TC_LOG_DEBUG;
  log.write = NULL;
  fails(TC_E_ARGUMENT, "log.write is NULL", tc_create(1, &c, &cache, &err));
  log.write = hear;
  log.reserved = 3;
  fails(TC_E_ARGUMENT, "log.reserved is 3", tc_create(1, &c, &cache, &err));
  log.reserved = 0;
  log.struct_size = 0;
  fails(TC_E_ARGUMENT, "struct_size of log is 0", tc_create(1, &c, &cache, &err));
  log.struct_size = sizeof log;
  c.unread_percent = 101;
  fails(TC_E_RANGE, "101", tc_create(1, &c, &cache, &err));
  assert_int_equal(t.released, 0); /* refused: still the caller's */
  fails(TC_E_NOT_FOUND, "none.tif", provider_open("none.tif", &o, &p, &err));
  assert_int_equal(t.released, 1); /* the opening failed */
  assert_null(cache);
  assert_null(p);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_cache_tells_of_slow_and_failed_loads),
      cmocka_unit_test(a_cache_tells_what_went_and_why),
      cmocka_unit_test(the_function_may_call_the_library_and_hears_nothing_of_that),
      cmocka_unit_test(many_threads_are_told_of_at_once),
      cmocka_unit_test(an_opening_tells_what_it_puts_up_with),
      cmocka_unit_test(an_opening_tells_of_a_file_that_changes),
      cmocka_unit_test(what_a_log_must_be),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
