#include "support.h"

#include <dirent.h>
#include <time.h>

tc_error err;

/* ---- assertions ---- */

void poison_error(void)
{
  memset(&err, 0x5a, sizeof err);
}

void assert_ok(tc_status status, const char *call, const char *file, int line)
{
  if (status != TC_OK || err.code != TC_OK || err.message[0] != '\0') {
    err.message[sizeof err.message - 1] = '\0';
    print_error("%s\n  returned %d, code %d: %s\n", call, (int)status, (int)err.code, err.message);
    _fail(file, line);
  }
}

void assert_fails(tc_status expected, const char *text, tc_status status, const char *call, const char *file, int line)
{
  bool ended = memchr(err.message, '\0', sizeof err.message) != NULL;
  err.message[sizeof err.message - 1] = '\0';
  if (status != expected || err.code != expected || !ended || strstr(err.message, text) == NULL) {
    print_error("%s\n  returned %d, code %d: %s\n  expected %d and \"%s\"\n", call, (int)status, (int)err.code,
                err.message, (int)expected, text);
    _fail(file, line);
  }
}

/* ---- scale and threads ---- */

int scaled(int n)
{
  const char *scale = getenv("TILECACHE_TEST_SCALE");
  int by = scale == NULL ? 1 : atoi(scale);
  return by <= 1 ? n : n / by > 1 ? n / by : 1;
}

void sleep_ms(unsigned milliseconds)
{
  struct timespec time = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};
  nanosleep(&time, NULL);
}

typedef struct { void (*body)(void *, int); void *arg; int index; pthread_barrier_t *start; } job;

static void *run_job(void *user)
{
  job *j = user;
  pthread_barrier_wait(j->start);
  j->body(j->arg, j->index);
  return NULL;
}

void in_threads(int n, void (*body)(void *arg, int index), void *arg)
{
  enum { MOST = 64 };
  pthread_t threads[MOST];
  job jobs[MOST];
  pthread_barrier_t start;
  assert_in_range(n, 1, MOST);
  assert_int_equal(pthread_barrier_init(&start, NULL, (unsigned)n), 0);
  for (int i = 0; i < n; i++) {
    jobs[i] = (job){body, arg, i, &start};
    assert_int_equal(pthread_create(&threads[i], NULL, run_job, &jobs[i]), 0);
  }
  for (int i = 0; i < n; i++)
    pthread_join(threads[i], NULL);
  pthread_barrier_destroy(&start);
}

int threads_of_process(void)
{
  int n = 0;
  DIR *tasks = opendir("/proc/self/task");
  for (struct dirent *task; tasks != NULL && (task = readdir(tasks)) != NULL;)
    n += task->d_name[0] != '.';
  closedir(tasks);
  return n;
}

void assert_threads_end(int expected)
{
  for (int i = 0; i < 2000 && threads_of_process() > expected; i++)
    sleep_ms(5);
  assert_int_equal(threads_of_process(), expected);
}

/* The splitmix64 finaliser: every bit of the input changes half of the output. */
static uint64_t mix(uint64_t h)
{
  h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  h = (h ^ (h >> 27)) * UINT64_C(0x94d049bb133111eb);
  return h ^ (h >> 31);
}

uint32_t random_below(uint64_t *state, uint32_t limit)
{
  *state += UINT64_C(0x9e3779b97f4a7c15);
  return (uint32_t)((mix(*state) >> 32) % limit);
}

/* ---- geometry and pixels by the formula ---- */

size_t sample_size(tc_dtype dtype)
{
  static const size_t sizes[] = {[TC_U8] = 1,   [TC_I8] = 1,   [TC_U16] = 2,  [TC_I16] = 2,  [TC_U32] = 4,
                                 [TC_I32] = 4,  [TC_U64] = 8,  [TC_I64] = 8,  [TC_F32] = 4,  [TC_F64] = 8,
                                 [TC_CI16] = 4, [TC_CI32] = 8, [TC_CF32] = 8, [TC_CF64] = 16};
  return sizes[dtype];
}

/* A hash, so that a shifted, swapped or stale pixel cannot look right. */
void sample_at(const source *s, int64_t x, int64_t y, int32_t band, int32_t level, void *sample)
{
  uint64_t h = mix(((uint64_t)x << 32 ^ (uint64_t)y) + mix((uint64_t)band << 8 ^ (uint64_t)level) + s->seed);
  tc_dtype dtype = s->image.dtype;
  float f[2] = {(float)(h & 0xffff), (float)(h >> 16 & 0xffff)};
  double d[2] = {f[0], f[1]};
  bool single = dtype == TC_F32 || dtype == TC_CF32;
  bool dbl = dtype == TC_F64 || dtype == TC_CF64;
  memcpy(sample, single ? (void *)f : dbl ? (void *)d : (void *)&h, sample_size(dtype));
}

int64_t halved(int64_t n, int32_t level)
{
  int64_t step = INT64_C(1) << level;
  return (n + step - 1) / step;
}

static int64_t smaller(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

area cell(int64_t width, int64_t height, int64_t bw, int64_t bh, int64_t row, int64_t col, int32_t level)
{
  area at = {halved(col * bw, level), halved(row * bh, level), 0, 0};
  at.width = smaller(halved((col + 1) * bw, level), halved(width, level)) - at.x;
  at.height = smaller(halved((row + 1) * bh, level), halved(height, level)) - at.y;
  return at;
}

bool pixels_match(const source *s, const tc_pixels *pixels, int64_t x, int64_t y, int32_t level, const int32_t *bands)
{
  size_t size = sample_size(pixels->dtype);
  for (int32_t b = 0; b < pixels->bands; b++)
    for (int64_t j = 0; j < pixels->height; j++) {
      const char *row = (const char *)pixels->data + b * pixels->band_stride + j * pixels->row_stride;
      for (int64_t i = 0; i < pixels->width; i++) {
        unsigned char sample[16];
        const void *expected = s->image.pad;
        if (i < pixels->valid_width && j < pixels->valid_height && !(pixels->flags & TC_PIXELS_ABSENT)) {
          sample_at(s, x + i, y + j, bands == NULL ? b : bands[b], level, sample);
          expected = sample;
        }
        if (memcmp(row + (size_t)i * size, expected, size) != 0)
          return false;
      }
    }
  return true;
}

void assert_tile(const source *s, const tc_tile *tile, area where, int32_t level, const int32_t *bands, int32_t n_bands)
{
  tc_pixels p;
  assert_non_null(tile);
  tc_tile_pixels(tile, &p);
  assert_int_equal(p.dtype, s->image.dtype);
  assert_int_equal(p.valid_width, where.width);
  assert_int_equal(p.valid_height, where.height);
  assert_int_equal(p.bands, n_bands);
  assert_true(p.row_stride >= p.width * (int64_t)sample_size(p.dtype));
  assert_int_equal(p.row_stride % (int64_t)sample_size(p.dtype), 0);
  assert_int_equal(p.band_stride % p.row_stride, 0);
  assert_true(pixels_match(s, &p, where.x, where.y, level, bands));
}

/* ---- files ---- */

static void put(uint8_t **at, uint32_t value, int bytes)
{
  for (int i = 0; i < bytes; i++)
    *(*at)++ = (uint8_t)(value >> (8 * i));
}

void write_grey_tiff(const char *path, uint32_t side, const uint8_t *pixels)
{
  enum { LONG = 4, BEGIN = 128 };
  const uint32_t entries[][2] = {
      {256, side}, {257, side}, {258, 8}, {259, 1}, {262, 1}, {273, BEGIN}, {277, 1}, {278, side}, {279, side * side},
  };
  uint8_t head[BEGIN] = {0};
  uint8_t *at = head;
  put(&at, 0x4949, 2);
  put(&at, 42, 2);
  put(&at, 8, 4);
  put(&at, COUNT(entries), 2);
  for (size_t i = 0; i < COUNT(entries); i++) {
    put(&at, entries[i][0], 2);
    put(&at, LONG, 2);
    put(&at, 1, 4);
    put(&at, entries[i][1], 4);
  }
  put(&at, 0, 4);
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(head, sizeof head, 1, file), 1);
  assert_int_equal(fwrite(pixels, (size_t)side * side, 1, file), 1);
  assert_int_equal(fclose(file), 0);
}

/* ---- the synthetic source ---- */

void source_init(source *s, int64_t width, int64_t height, int64_t block_width, int64_t block_height, int32_t bands,
                 tc_dtype dtype)
{
  memset(s, 0, sizeof *s);
  s->image.struct_size = sizeof s->image;
  s->image.dtype = dtype;
  s->image.width = width;
  s->image.height = height;
  s->image.block_width = block_width;
  s->image.block_height = block_height;
  s->image.bands = bands;
  s->image.levels = 1;
  s->threading = TC_CONCURRENT;
  s->fail_code = 77;
  s->fail_message = "the tape is torn";
  pthread_mutex_init(&s->lock, NULL);
}

static int64_t columns(const source *s)
{
  return (s->image.width + s->image.block_width - 1) / s->image.block_width;
}

static void broken(source *s, const char *what)
{
  if (s->broken == NULL)
    s->broken = what;
}

/* A session is an `int` that counts the calls inside it. */
static void enter(source *s, int *session)
{
  pthread_mutex_lock(&s->lock);
  s->most_inside = ++s->inside > s->most_inside ? s->inside : s->most_inside;
  if (s->threading == TC_ONE_AT_A_TIME && s->inside > 1)
    broken(s, "two calls at once into a source that takes one at a time");
  if (s->threading == TC_SESSIONS && (session == NULL || ++*session > 1))
    broken(s, "a call without a session of its own");
  if (s->released)
    broken(s, "a call after the release");
  /* Not for ever: what waits for the release of this one fails and does not hang. */
  for (int ms = 0; s->is_held && ms < 20000; ms++)
  {
    pthread_mutex_unlock(&s->lock);
    sleep_ms(1);
    pthread_mutex_lock(&s->lock);
  }
  pthread_mutex_unlock(&s->lock);
  if (s->decode_ms != 0)
    sleep_ms(s->decode_ms);
}

static void leave(source *s, int *session)
{
  pthread_mutex_lock(&s->lock);
  s->inside--;
  if (s->threading == TC_SESSIONS && session != NULL)
    --*session;
  pthread_mutex_unlock(&s->lock);
}

static void draw(const source *s, int64_t x, int64_t y, int32_t level, const int32_t *bands, const tc_target *into)
{
  for (int32_t b = 0; b < into->bands; b++)
    for (int64_t j = 0; j < into->height; j++)
      for (int64_t i = 0; i < into->width; i++)
        sample_at(s, x + i, y + j, bands == NULL ? b : bands[b], level,
                  (char *)into->data + b * into->band_stride + j * into->row_stride + i * into->pixel_stride);
}

static tc_status has_block(void *user, int64_t row, int64_t col, int32_t level, int32_t *has, tc_error *error)
{
  (void)level, (void)error;
  *has = !((source *)user)->sparse || (row + col) % 2 == 0;
  return TC_OK;
}

static tc_status read_block(void *user, void *session, int64_t row, int64_t col, int32_t level, const int32_t *bands,
                            const tc_target *into, tc_error *error)
{
  source *s = user;
  area at = cell(s->image.width, s->image.height, s->image.block_width, s->image.block_height, row, col, level);
  int64_t block = row * columns(s) + col;
  enter(s, session);
  pthread_mutex_lock(&s->lock);
  if (level < MAX_LEVELS && block < MAX_BLOCKS)
    s->decodes[level][block]++;
  s->total++;
  s->bands_read += into->bands;
  if (!s->picks_bands && (bands != NULL || into->bands != s->image.bands))
    broken(s, "a choice of bands from a source that reads all");
  if (into->width != at.width || into->height != at.height || into->dtype != s->image.dtype)
    broken(s, "a target of another shape than its block");
  if (s->sparse && (row + col) % 2 != 0)
    broken(s, "a decode of an absent block");
  bool fail = s->fail_times > 0 && row == s->fail_row && col == s->fail_col;
  s->fail_times -= fail;
  pthread_mutex_unlock(&s->lock);
  if (!fail)
    draw(s, at.x, at.y, level, bands, into);
  leave(s, session);
  if (fail && error != NULL)
    snprintf(error->message, sizeof error->message, "%s", s->fail_message);
  return fail ? s->fail_code : TC_OK;
}

static tc_status read_window(void *user, void *session, int64_t x, int64_t y, int32_t level, const int32_t *bands,
                             const tc_target *into, tc_error *error)
{
  source *s = user;
  (void)error;
  enter(s, session);
  pthread_mutex_lock(&s->lock);
  s->windows++;
  const tc_image_info *of = &s->image;
  for (int64_t row = y / of->block_height; s->sparse && level == 0 && row * of->block_height < y + into->height; row++)
    for (int64_t col = x / of->block_width; col * of->block_width < x + into->width; col++)
      if ((row + col) % 2 != 0)
        broken(s, "a window over an absent block");
  pthread_mutex_unlock(&s->lock);
  draw(s, x, y, level, bands, into);
  leave(s, session);
  return TC_OK;
}

static tc_status open_session(void *user, void **session, tc_error *error)
{
  source *s = user;
  (void)error;
  pthread_mutex_lock(&s->lock);
  s->most_sessions = ++s->sessions > s->most_sessions ? s->sessions : s->most_sessions;
  pthread_mutex_unlock(&s->lock);
  *session = calloc(1, sizeof(int));
  return TC_OK;
}

static void close_session(void *user, void *session)
{
  source *s = user;
  pthread_mutex_lock(&s->lock);
  s->sessions--;
  if (*(int *)session != 0)
    broken(s, "a session closed while in use");
  pthread_mutex_unlock(&s->lock);
  free(session);
}

static void release_source(void *user)
{
  source *s = user;
  pthread_mutex_lock(&s->lock);
  s->released++;
  pthread_mutex_unlock(&s->lock);
}

tc_source source_struct(source *s)
{
  tc_source t;
  memset(&t, 0, sizeof t);
  t.struct_size = sizeof t;
  t.threading = s->threading;
  t.user = s;
  t.image = &s->image;
  t.key = s->key;
  t.max_sessions = s->max_sessions;
  t.has_block = s->sparse ? has_block : NULL;
  t.flags = s->picks_bands ? TC_SOURCE_BANDS : 0;
  t.read_block = read_block;
  t.read_window = s->windowed ? read_window : NULL;
  t.open_session = s->threading == TC_SESSIONS ? open_session : NULL;
  t.close_session = s->threading == TC_SESSIONS ? close_session : NULL;
  t.release = release_source;
  return t;
}

tc_provider *open_source(source *s)
{
  tc_source t = source_struct(s);
  tc_provider *provider = NULL;
  ok(provider_from_source(&t, &provider, &err));
  assert_non_null(provider);
  return provider;
}

void source_done(source *s)
{
  if (s->broken != NULL)
    fail_msg("%s", s->broken);
  assert_int_equal(s->inside, 0);
  assert_int_equal(s->sessions, 0);
  assert_int_equal(s->released, 1);
  pthread_mutex_destroy(&s->lock);
}

int decodes(source *s)
{
  pthread_mutex_lock(&s->lock);
  int total = s->total;
  pthread_mutex_unlock(&s->lock);
  return total;
}

int decodes_of(source *s, int64_t row, int64_t col, int32_t level)
{
  return s->decodes[level][row * columns(s) + col];
}

int most_decodes(source *s)
{
  int most = 0;
  for (int level = 0; level < MAX_LEVELS; level++)
    for (int block = 0; block < MAX_BLOCKS; block++)
      most = s->decodes[level][block] > most ? s->decodes[level][block] : most;
  return most;
}

/* ---- short forms ---- */

tc_cache *new_cache(uint64_t budget)
{
  tc_cache *cache = NULL;
  ok(tc_create(budget, NULL, &cache, &err));
  assert_non_null(cache);
  return cache;
}

tc_provider *cached(tc_provider *source, tc_cache *cache)
{
  tc_provider *provider = NULL;
  ok(provider_cached(source, cache, &provider, &err));
  assert_non_null(provider);
  return provider;
}

tc_provider *retiled(tc_provider *source, int64_t tile_width, int64_t tile_height, uint32_t pad_edges, tc_cache *cache)
{
  tc_retile_options options;
  tc_provider *provider = NULL;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.pad_edges = pad_edges;
  options.tile_width = tile_width;
  options.tile_height = tile_height;
  ok(provider_retile(source, &options, cache, &provider, &err));
  assert_non_null(provider);
  return provider;
}

tc_tile *get(tc_provider *provider, int64_t row, int64_t col, int32_t level)
{
  tc_tile *tile = NULL;
  ok(provider_get_block(provider, row, col, level, NULL, 0, &tile, &err));
  assert_non_null(tile);
  return tile;
}

const void *data_of(const tc_tile *tile)
{
  tc_pixels pixels;
  tc_tile_pixels(tile, &pixels);
  return pixels.data;
}

tc_image_info info_of(const tc_provider *provider)
{
  tc_image_info info;
  memset(&info, 0, sizeof info);
  info.struct_size = sizeof info;
  ok(provider_info(provider, &info, &err));
  return info;
}

tc_cache_stats stats_of(const tc_cache *cache)
{
  tc_cache_stats stats;
  memset(&stats, 0, sizeof stats);
  stats.struct_size = sizeof stats;
  ok(tc_statistics(cache, &stats, &err));
  return stats;
}

void touch(tc_provider *provider, int64_t row, int64_t col, int32_t level)
{
  tc_tile_release(get(provider, row, col, level));
}

void read_all(tc_provider *provider, int32_t level)
{
  tc_image_info info = info_of(provider);
  for (int64_t row = 0; row < info.grid_rows; row++)
    for (int64_t col = 0; col < info.grid_cols; col++)
      touch(provider, row, col, level);
}

uint64_t room(uint64_t n, uint64_t bytes)
{
  enum { ENTRY = 256, KEYS = 1280 }; /* what the library says it charges at most, and some key text */
  return n * (bytes + ENTRY) + KEYS;
}

void assert_books(const tc_cache *cache)
{
  tc_cache_stats s = stats_of(cache);
  assert_int_equal(s.resident, s.idle + s.held + s.reusable);
  assert_true(s.resident <= s.budget);
  assert_int_equal(s.held, 0);
  assert_int_equal(s.over_budget, 0);
  assert_int_equal(s.orphaned, 0);
  assert_int_equal(s.in_flight, 0);
  /* What is lent and counts is a part of what is resident; the rest of it is beside that. */
  assert_true(s.lent_counted <= s.lent);
  assert_true(s.lent_counted <= s.resident);
}

void count_release(void *user)
{
  ++*(int *)user;
}
