/* Reports: statistics as JSON and the page of a cache, while it stands still and while others read. */
#include "support.h"

#include <ctype.h>

enum { SIDE = 64, TILES = 8, BYTES = SIDE * SIDE };

/* ---- JSON (RFC 8259), just to see that it is some ---- */

static const char *value(const char *at);

static const char *space(const char *at)
{
  while (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r') at++;
  return at;
}

static const char *text(const char *at)
{
  if (*at++ != '"') return NULL;
  for (; *at != '"'; at++) {
    if ((unsigned char)*at < 0x20) return NULL;
    if (*at != '\\') continue;
    at++;
    if (*at == 'u') {
      for (int i = 0; i < 4; i++)
        if (!isxdigit((unsigned char)*++at)) return NULL;
    } else if (!strchr("\"\\/bfnrt", *at)) {
      return NULL;
    }
  }
  return at + 1;
}

static const char *members(const char *at, char close, bool named)
{
  at = space(at + 1);
  if (*at == close) return at + 1;
  for (;;) {
    if (named) {
      at = text(space(at));
      if (!at || *(at = space(at)) != ':') return NULL;
      at++;
    }
    at = value(space(at));
    if (!at) return NULL;
    at = space(at);
    if (*at == close) return at + 1;
    if (*at++ != ',') return NULL;
  }
}

static const char *value(const char *at)
{
  char *end = NULL;
  switch (*at) {
  case '{': return members(at, '}', true);
  case '[': return members(at, ']', false);
  case '"': return text(at);
  case 'n': return strncmp(at, "null", 4) ? NULL : at + 4;
  default: strtod(at, &end); return end == at ? NULL : end;
  }
}

static void assert_json(const char *json)
{
  const char *end = value(json);
  assert_non_null(end);
  assert_int_equal(*end, 0);
}

/* The number of a member of an object that begins at `at`. */
static double number_of(const char *at, const char *name)
{
  char quoted[64];
  snprintf(quoted, sizeof quoted, "\"%s\":", name);
  const char *found = strstr(at, quoted);
  assert_non_null(found);
  return strtod(found + strlen(quoted), NULL);
}

static char *json_of(tc_cache *cache)
{
  size_t bytes = 0;
  ok(tc_statistics_json(cache, NULL, 0, &bytes, &err));
  assert_true(bytes > 2);
  size_t room = bytes + 1000; /* counters may have grown */
  char *json = malloc(room);
  assert_non_null(json);
  ok(tc_statistics_json(cache, json, room, &bytes, &err));
  assert_int_equal(strlen(json) + 1, bytes);
  assert_json(json);
  return json;
}

/* ---- pages ---- */

typedef struct { char *text; size_t size; int parts, fail_at; } page;

static tc_status take(void *user, const char *part, size_t bytes, tc_error *error)
{
  page *p = user;
  if (++p->parts == p->fail_at) {
    snprintf(error->message, sizeof error->message, "the disk is full");
    return 28;
  }
  char *grown = realloc(p->text, p->size + bytes + 1);
  if (!grown) return TC_E_NO_MEMORY;
  p->text = grown;
  memcpy(p->text + p->size, part, bytes);
  p->size += bytes;
  p->text[p->size] = 0;
  return TC_OK;
}

static page page_of(tc_cache *cache)
{
  page p = {0};
  ok(tc_report(cache, take, &p, &err));
  assert_non_null(p.text);
  assert_int_equal(strncmp(p.text, "<!DOCTYPE html>", 15), 0);
  assert_non_null(strstr(p.text, "</html>"));
  /* Nothing runs, and nothing comes from elsewhere. */
  assert_null(strstr(p.text, "<script"));
  assert_null(strstr(p.text, "http"));
  assert_null(strstr(p.text, "url("));
  assert_null(strstr(p.text, "@import"));
  /* As many tags are closed as are opened. */
  static const char *const tags[] = {"svg", "table", "div", "figure", "p", "h2", "h3", "title", "span"};
  for (size_t i = 0; i < COUNT(tags); i++) {
    char open[16], closed[16];
    snprintf(open, sizeof open, "<%s", tags[i]);
    snprintf(closed, sizeof closed, "</%s>", tags[i]);
    int depth = 0;
    for (const char *at = p.text; (at = strstr(at, open)); at++)
      depth += at[strlen(open)] == ' ' || at[strlen(open)] == '>';
    for (const char *at = p.text; (at = strstr(at, closed)); at++) depth--;
    assert_int_equal(depth, 0);
  }
  return p;
}

static tc_cache *observed_cache(uint64_t budget)
{
  tc_cache_options o = {.struct_size = sizeof o, .flags = TC_CACHE_OBSERVE};
  tc_cache *cache = NULL;
  ok(tc_create(budget, &o, &cache, &err));
  return cache;
}

static void statistics_are_the_same_as_json(void **state)
{
  (void)state;
  source s;
  source_init(&s, TILES * SIDE, SIDE, SIDE, SIDE, 1, TC_U8);
  s.key = "a \"key\"\n";
  tc_cache *cache = new_cache(room(4, BYTES));
  tc_provider *from = open_source(&s), *p = cached(from, cache);
  read_all(p, 0);
  read_all(p, 0);
  touch(p, 0, TILES - 1, 0);
  char *json = json_of(cache);
  tc_cache_stats stats = stats_of(cache);
  const char *of_cache = strstr(json, "\"cache\":");
  assert_non_null(of_cache);
  const struct { const char *name; uint64_t number; } all[] = {
    {"budget", stats.budget}, {"resident", stats.resident}, {"idle", stats.idle}, {"held", stats.held},
    {"reusable", stats.reusable}, {"over_budget", stats.over_budget}, {"orphaned", stats.orphaned},
    {"in_flight", stats.in_flight}, {"peak", stats.peak}, {"entries", stats.entries}, {"hits", stats.hits},
    {"misses", stats.misses}, {"waits", stats.waits}, {"loads", stats.loads}, {"load_errors", stats.load_errors},
    {"evictions", stats.evictions}, {"rejected", stats.rejected}, {"siblings", stats.siblings},
    {"load_nanoseconds", stats.load_nanoseconds}, {"max_in_flight", stats.max_in_flight}, {"queued", stats.queued},
    {"overdue", stats.overdue}, {"lent", stats.lent}, {"lent_counted", stats.lent_counted},
    {"observation", stats.observation},
  };
  for (size_t i = 0; i < COUNT(all); i++)
    assert_true(number_of(of_cache, all[i].name) == (double)all[i].number);
  const char *sources = strstr(json, "\"sources\":[{");
  assert_non_null(sources);
  assert_true(number_of(sources, "blocks_decoded") == decodes(&s));
  assert_true(number_of(sources, "distinct_blocks_decoded") == TILES);
  assert_true(number_of(sources, "amplification") == decodes(&s) / (double)TILES);
  assert_null(strstr(json, "\"advice\""));
  free(json);
  /* Of a provider. */
  size_t bytes = 0;
  char own[4096];
  double amplification = 0;
  ok(provider_counters_json(p, own, sizeof own, &bytes, &err));
  assert_int_equal(strlen(own) + 1, bytes);
  assert_json(own);
  stats = (tc_cache_stats){.struct_size = sizeof stats};
  ok(provider_counters(p, &stats, &amplification, &err));
  assert_true(number_of(own, "hits") == (double)stats.hits);
  assert_true(number_of(own, "resident") == (double)stats.resident);
  assert_true(number_of(own, "amplification") == amplification);
  assert_non_null(strstr(own, "a \\\"key\\\"\\u000a"));
  provider_release(p);
  provider_release(from);
  tc_release(cache);
  source_done(&s);
}

static void what_is_asked_wrongly_is_refused(void **state)
{
  (void)state;
  tc_cache *cache = new_cache(1 << 16);
  char into[8] = "unset";
  size_t bytes = 77;
  refuses(TC_E_ARGUMENT, "cache is NULL", tc_statistics_json(NULL, NULL, 0, &bytes, e));
  assert_int_equal(bytes, 0);
  refuses(TC_E_ARGUMENT, "bytes is NULL", tc_statistics_json(cache, NULL, 0, NULL, e));
  refuses(TC_E_ARGUMENT, "room is 5", tc_statistics_json(cache, NULL, 5, &bytes, e));
  refuses(TC_E_ARGUMENT, "room is 0", tc_statistics_json(cache, into, 0, &bytes, e));
  assert_string_equal(into, "unset");
  refuses(TC_E_LIMIT, "room is 8", tc_statistics_json(cache, into, sizeof into, &bytes, e));
  assert_int_equal(into[0], 0);
  assert_true(bytes > sizeof into);
  refuses(TC_E_ARGUMENT, "provider is NULL", provider_counters_json(NULL, NULL, 0, &bytes, e));
  refuses(TC_E_ARGUMENT, "cache is NULL", tc_report(NULL, take, NULL, e));
  refuses(TC_E_ARGUMENT, "write is NULL", tc_report(cache, NULL, NULL, e));
  page p = {.fail_at = 1};
  fails(TC_E_SOURCE, "the disk is full", tc_report(cache, take, &p, &err));
  assert_int_equal(err.source_code, 28);
  free(p.text);
  p = page_of(cache); /* nothing was ever in it */
  assert_non_null(strstr(p.text, "TC_CACHE_OBSERVE"));
  free(p.text);
  tc_release(cache);
}

static void names_cannot_write_into_a_page_or_a_text(void **state)
{
  (void)state;
  source s;
  source_init(&s, TILES * SIDE, SIDE, SIDE, SIDE, 1, TC_U8);
  s.key = "<script>alert('\"&\x01')</script><b";
  tc_cache *cache = observed_cache(room(3, BYTES));
  tc_provider *from = open_source(&s), *p = cached(from, cache);
  read_all(p, 0);
  read_all(p, 0);
  page html = page_of(cache);
  assert_non_null(strstr(html.text, "&lt;script&gt;alert"));
  assert_null(strstr(html.text, "<b<"));
  assert_null(strchr(html.text, 1));
  free(html.text);
  free(json_of(cache));
  provider_release(p);
  provider_release(from);
  tc_release(cache);
  source_done(&s);
}

static void a_page_shows_what_is_there_and_advises(void **state)
{
  (void)state;
  source s;
  source_init(&s, TILES * SIDE, SIDE, SIDE, SIDE, 1, TC_U8);
  s.key = "scene";
  tc_cache *cache = observed_cache(room(4, BYTES));
  tc_provider *from = open_source(&s), *p = cached(from, cache);
  for (int i = 0; i < 7; i++) read_all(p, 0); /* in a circle that does not fit */
  tc_cache_stats before = stats_of(cache);
  assert_true(before.observation > 0);
  page html = page_of(cache);
  assert_non_null(strstr(html.text, "are decoded 7.0 times each"));
  assert_non_null(strstr(html.text, "level 0: 4 of 8 blocks"));
  free(html.text);
  char *json = json_of(cache);
  const char *advice = strstr(json, "\"advice\":");
  assert_non_null(advice);
  assert_true(number_of(advice, "decodes_of_a_block") == 7);
  uint64_t budget = (uint64_t)number_of(advice, "ending_budget");
  free(json);
  /* To look is no use. */
  tc_cache_stats after = stats_of(cache);
  assert_int_equal(after.hits, before.hits);
  assert_int_equal(after.entries, before.entries);
  /* Followed, it comes true; a few per cent more than the blocks take are asked for. */
  assert_true(budget >= TILES * BYTES && budget < TILES * BYTES * 5 / 4);
  ok(tc_set_budget(cache, budget, &err));
  read_all(p, 0);
  int once = decodes(&s);
  for (int i = 0; i < 3; i++) read_all(p, 0);
  assert_int_equal(decodes(&s), once);
  provider_release(p);
  provider_release(from);
  tc_release(cache);
  source_done(&s);
}

/* Tiles may be kept for long after their file was closed. */
static void what_is_closed_is_told_by_its_name(void **state)
{
  (void)state;
  source s;
  source_init(&s, TILES * SIDE, SIDE, SIDE, SIDE, 1, TC_U8);
  tc_provider *from = open_source(&s);
  ok(tc_build_pyramid(from, "harbour.tif", NULL, NULL, &err));
  provider_release(from);
  tc_cache *cache = observed_cache(64 * room(TILES, BYTES));
  for (int opened = 0; opened < 3; opened++) {
    tc_provider *file = NULL;
    ok(provider_open("harbour.tif", NULL, &file, &err));
    tc_provider *p = cached(file, cache);
    if (opened < 2) read_all(p, 0);
    for (int closed = 0; closed < 2; closed++) {
      page html = page_of(cache);
      char *json = json_of(cache);
      assert_non_null(strstr(html.text, "<h3 title"));
      assert_non_null(strstr(html.text, ">harbour.tif</h3>"));
      assert_int_equal(strstr(html.text, "harbour.tif (closed)") != NULL, closed);
      const char *sources = strstr(json, "\"sources\":[{");
      assert_non_null(sources);
      assert_non_null(strstr(sources, "harbour.tif"));
      assert_int_equal(number_of(sources, "closed"), closed);
      free(json);
      free(html.text);
      if (closed == 0) {
        provider_release(p);
        provider_release(file);
      }
    }
  }
  tc_release(cache);
  source_done(&s);
}

/* The pixel on the right, so that a block needs its neighbour too. */
static tc_status shift(void *user, const tc_place *place, const tc_pixels *inputs, size_t n_inputs, const tc_target *out,
                       tc_error *error)
{
  (void)user, (void)place, (void)n_inputs, (void)error;
  for (int64_t y = 0; y < out->height; y++)
    memcpy((char *)out->data + y * out->row_stride, (const char *)inputs[0].data + y * inputs[0].row_stride + 1,
           (size_t)out->width);
  return TC_OK;
}

static tc_provider *shifted(tc_provider *source, tc_cache *cache)
{
  const tc_input input = {.source = source, .right = 1, .border = TC_BORDER_NEAREST};
  const tc_compute_options o = {.struct_size = sizeof o, .name = "shift", .compute = shift};
  tc_provider *made = NULL;
  ok(provider_compute(&input, 1, &o, cache, &made, &err));
  return made;
}

static void where_no_budget_helps_it_is_said_what_does(void **state)
{
  (void)state;
  source s;
  source_init(&s, TILES * SIDE, SIDE, SIDE, SIDE, 1, TC_U8);
  s.key = "scene";
  tc_cache *cache = observed_cache(1 << 20);
  tc_provider *from = open_source(&s), *p = shifted(from, cache);
  read_all(p, 0);
  assert_int_equal(decodes(&s), 2 * TILES - 1); /* the last has no neighbour */
  char *json = json_of(cache);
  const char *advice = strstr(json, "\"advice\":");
  assert_non_null(advice);
  assert_true(number_of(advice, "decodes_of_a_block") == (2 * TILES - 1) / (double)TILES);
  assert_null(strstr(advice, "\"ending_budget\""));
  uint64_t budget = (uint64_t)number_of(advice, "ending_budget_with_blocks_cached");
  assert_true(number_of(advice, "decodes_then") == 1);
  free(json);
  page html = page_of(cache);
  assert_non_null(strstr(html.text, "No budget ends that"));
  assert_non_null(strstr(html.text, "provider_cached"));
  free(html.text);
  provider_release(p);
  tc_release(cache);
  /* Followed. */
  cache = observed_cache(budget);
  tc_provider *kept = cached(from, cache);
  p = shifted(kept, cache);
  int before = decodes(&s);
  read_all(p, 0);
  assert_int_equal(decodes(&s), before + TILES);
  provider_release(p);
  provider_release(kept);
  provider_release(from);
  tc_release(cache);
  source_done(&s);
}

typedef struct { tc_cache *cache; tc_provider *p; int wrong; } shared;

static void read_or_report(void *arg, int index)
{
  shared *all = arg;
  for (int i = 0; i < scaled(40); i++) {
    tc_tile *tile = NULL;
    tc_status status = TC_OK;
    if (index == 0) {
      page html = {0};
      status = tc_report(all->cache, take, &html, NULL);
      free(html.text);
    } else if (index == 1) {
      size_t bytes = 0;
      status = tc_statistics_json(all->cache, NULL, 0, &bytes, NULL);
    } else {
      status = provider_get_block(all->p, 0, (i * 5 + index) % TILES, 0, NULL, 0, &tile, NULL);
      tc_tile_release(tile);
      if (index == 2 && i % 10 == 9) status = tc_clear(all->cache, NULL);
    }
    if (status) __atomic_add_fetch(&all->wrong, 1, __ATOMIC_SEQ_CST);
  }
}

static void reports_disturb_no_reader(void **state)
{
  (void)state;
  source s;
  source_init(&s, TILES * SIDE, SIDE, SIDE, SIDE, 1, TC_U8);
  s.key = "scene";
  tc_cache *cache = observed_cache(room(4, BYTES));
  tc_provider *from = open_source(&s);
  shared all = {cache, cached(from, cache), 0};
  in_threads(5, read_or_report, &all);
  assert_int_equal(all.wrong, 0);
  provider_release(all.p);
  provider_release(from);
  assert_books(cache);
  tc_release(cache);
  source_done(&s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(statistics_are_the_same_as_json),
      cmocka_unit_test(what_is_asked_wrongly_is_refused),
      cmocka_unit_test(names_cannot_write_into_a_page_or_a_text),
      cmocka_unit_test(a_page_shows_what_is_there_and_advises),
      cmocka_unit_test(what_is_closed_is_told_by_its_name),
      cmocka_unit_test(where_no_budget_helps_it_is_said_what_does),
      cmocka_unit_test(reports_disturb_no_reader),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
