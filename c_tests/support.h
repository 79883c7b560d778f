/* What the C tests share: an image whose every sample is known, threads, and assertions.
 *
 * Assertions leave a test by longjmp, which must cross neither a library call nor a thread: callbacks
 * and threads note what they find and return, and the test asserts it afterwards. */
#ifndef TILECACHE_TEST_SUPPORT_H
#define TILECACHE_TEST_SUPPORT_H

#define _POSIX_C_SOURCE 200809L

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "tilecache.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- assertions ---- */

/* The error of the call under test. */
extern tc_error err;

/* The call succeeds, and its error says so. */
#define ok(call) (poison_error(), assert_ok((call), #call, __FILE__, __LINE__))

/* The call, which passes `&err`, fails with this status and a message that holds `text`. */
#define fails(status, text, call) (poison_error(), assert_fails((status), (text), (call), #call, __FILE__, __LINE__))

/* The call, which passes `e`, fails the same way whether or not it is given an error to fill. */
#define refuses(status, text, call) \
  do { \
    tc_error *e = &err; \
    fails(status, text, call); \
    e = NULL; \
    assert_int_equal(call, status); \
  } while (0)

void poison_error(void);
void assert_ok(tc_status status, const char *call, const char *file, int line);
void assert_fails(tc_status expected, const char *text, tc_status status, const char *call, const char *file, int line);

/* ---- scale and threads ---- */

/* `n` repetitions, or fewer where the harness says that each is slow; at least one. */
int scaled(int n);

void sleep_ms(unsigned milliseconds);

/* Calls `body(arg, 0 .. n-1)` on `n` threads that start together, and waits for all. */
void in_threads(int n, void (*body)(void *arg, int index), void *arg);

int threads_of_process(void);

/* A thread of the library ends a little after its last callback. */
void assert_threads_end(int expected);

/* A small random number generator with its state in the caller's hands, the same on every system. */
uint32_t random_below(uint64_t *state, uint32_t limit);

/* ---- files ---- */

/* A square TIFF of 8-bit gray pixels, uncompressed and in one strip. */
void write_grey_tiff(const char *path, uint32_t side, const uint8_t *pixels);

/* ---- the synthetic source ---- */

enum { MAX_LEVELS = 8, MAX_BLOCKS = 4096 };

/* An image over callbacks. Initialise, change what the test needs, then `open_source`. */
typedef struct source {
  tc_image_info image;
  const char *key;      /* NULL: never shared */
  uint32_t threading;
  int32_t max_sessions;
  bool windowed;        /* has read_window */
  bool picks_bands;     /* reads only the bands asked for */
  bool sparse;          /* blocks whose row + column is odd are absent */
  uint64_t seed;        /* another seed, another image */
  unsigned decode_ms;   /* how long a block takes */
  int is_held;          /* blocks wait until this is taken back under `lock` */

  /* The next `fail_times` decodes of block (fail_row, fail_col) fail with this code and message. */
  int fail_times;
  int64_t fail_row, fail_col;
  tc_status fail_code;
  const char *fail_message;

  /* What happened; read with the functions below. */
  pthread_mutex_t lock;
  int decodes[MAX_LEVELS][MAX_BLOCKS];
  int total, bands_read, windows, inside, most_inside, sessions, most_sessions, released;
  const char *broken;   /* the first promise that the library broke towards the callbacks */
} source;

void source_init(source *s, int64_t width, int64_t height, int64_t block_width, int64_t block_height, int32_t bands,
                 tc_dtype dtype);
tc_provider *open_source(source *s);

/* The struct that `open_source` passes, for tests that change it. */
tc_source source_struct(source *s);

/* The library kept its promises towards the callbacks, closed all sessions and released the source once. */
void source_done(source *s);

/* Decodes of all blocks, of one block, and the most of any block. */
int decodes(source *s);
int decodes_of(source *s, int64_t row, int64_t col, int32_t level);
int most_decodes(source *s);

/* ---- geometry and pixels by the formula ---- */

size_t sample_size(tc_dtype dtype);
void sample_at(const source *s, int64_t x, int64_t y, int32_t band, int32_t level, void *sample);

typedef struct area { int64_t x, y, width, height; } area;

/* ceil(n / 2^level) */
int64_t halved(int64_t n, int32_t level);

/* The pixels of a cell of a `width` x `height` image in blocks of `bw` x `bh`, cut at its edge. */
area cell(int64_t width, int64_t height, int64_t bw, int64_t bh, int64_t row, int64_t col, int32_t level);

/* Whether `pixels` show `s` from (x, y) on where they are valid, and its pad value elsewhere. Bands NULL: all. */
bool pixels_match(const source *s, const tc_pixels *pixels, int64_t x, int64_t y, int32_t level, const int32_t *bands);

/* The tile shows exactly `where` at `level`, in ordinary strides; bands NULL: all. */
void assert_tile(const source *s, const tc_tile *tile, area where, int32_t level, const int32_t *bands, int32_t n_bands);

/* ---- short forms ---- */

tc_cache *new_cache(uint64_t budget);
tc_provider *cached(tc_provider *source, tc_cache *cache);
tc_provider *retiled(tc_provider *source, int64_t tile_width, int64_t tile_height, uint32_t pad_edges, tc_cache *cache);
tc_tile *get(tc_provider *provider, int64_t row, int64_t col, int32_t level);
const void *data_of(const tc_tile *tile);
tc_image_info info_of(const tc_provider *provider);
tc_cache_stats stats_of(const tc_cache *cache);

/* Gets a block and lets it go; reads every block of a level in row order. */
void touch(tc_provider *provider, int64_t row, int64_t col, int32_t level);
void read_all(tc_provider *provider, int32_t level);

/* A budget with room for `n` tiles of `bytes` each and their bookkeeping, and for no more as long as a
 * tile is larger than the slack. */
uint64_t room(uint64_t n, uint64_t bytes);

/* A cache whose tiles are all released obeys its own books. */
void assert_books(const tc_cache *cache);

/* A release callback that counts, in an `int` at `user`. */
void count_release(void *user);

#endif
