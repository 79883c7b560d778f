/* Eight threads over one GDAL dataset, and over the same file read by tilecache: threads [side]
 *
 * Makes a raster that is slow to decode, reads all its tiles by 1, 2, 4 and 8 threads, in rows and in
 * leaps, compares every pixel with those that were written, and prints how long it took. It needs
 * nothing but GDAL and tilecache, so that it can be built with any sanitizer. */
#include <pthread.h>
#include <time.h>

#include "tilecache_gdal.h"

enum { BANDS = 3, TILE = 256, THREADS = 8 };

typedef struct {
  tc_provider *tiles;
  const unsigned char *expected;
  int64_t width, height, rows, cols;
  volatile int next, failed;
  int order;
} task;

static double now(void)
{
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void die(const char *what)
{
  fprintf(stderr, "%s: %s\n", what, CPLGetLastErrorMsg());
  exit(1);
}

/* Half noise, half smooth: Deflate takes its time and does not give up. */
static unsigned char *make(const char *path, int width, int height)
{
  size_t n = (size_t)width * (size_t)height * BANDS, i;
  unsigned char *all = malloc(n);
  uint32_t random = 7;
  char **options = CSLTokenizeString("TILED=YES BLOCKXSIZE=128 BLOCKYSIZE=128 COMPRESS=DEFLATE INTERLEAVE=PIXEL");
  GDALDatasetH dataset;
  if (all == NULL)
    die("memory");
  for (i = 0; i < n; i++) {
    random = random * 1664525u + 1013904223u;
    all[i] = (unsigned char)(i / 97 + (random >> 28));
  }
  dataset = GDALCreate(GDALGetDriverByName("GTiff"), path, width, height, BANDS, GDT_Byte, options);
  if (dataset == NULL || GDALDatasetRasterIO(dataset, GF_Write, 0, 0, width, height, all, width, height, GDT_Byte,
                                             BANDS, NULL, 0, 0, 0) != CE_None)
    die(path);
  GDALClose(dataset);
  CSLDestroy(options);
  return all;
}

static int is_right(const task *t, const tc_pixels *at, int64_t row, int64_t col)
{
  int64_t y;
  int band;
  for (band = 0; band < BANDS; band++)
    for (y = 0; y < at->height; y++) {
      const unsigned char *got = (const unsigned char *)at->data + band * at->band_stride + y * at->row_stride;
      const unsigned char *want =
        t->expected + (band * t->height + row * TILE + y) * t->width + col * TILE;
      if (memcmp(got, want, (size_t)at->width) != 0)
        return 0;
    }
  return 1;
}

static void *read_tiles(void *arg)
{
  task *t = arg;
  int n = (int)(t->rows * t->cols), i;
  while ((i = __atomic_fetch_add(&t->next, 1, __ATOMIC_RELAXED)) < n) {
    int64_t at = t->order == 0 ? i : (int64_t)i * t->order % n;
    int64_t row = at / t->cols, col = at % t->cols;
    tc_tile *tile = NULL;
    tc_pixels pixels;
    tc_error err;
    if (provider_get_block(t->tiles, row, col, 0, NULL, 0, &tile, &err) != TC_OK) {
      fprintf(stderr, "tile (%d, %d): %s\n", (int)row, (int)col, err.message);
      __atomic_store_n(&t->failed, 1, __ATOMIC_RELAXED);
      continue;
    }
    tc_tile_pixels(tile, &pixels);
    if (!is_right(t, &pixels, row, col)) {
      fprintf(stderr, "tile (%d, %d) is wrong\n", (int)row, (int)col);
      __atomic_store_n(&t->failed, 1, __ATOMIC_RELAXED);
    }
    tc_tile_release(tile);
  }
  return NULL;
}

/* Reads all tiles once by so many threads, out of a cache of so many bytes; the seconds that it took. */
static double pass(tc_provider *file, const unsigned char *expected, int threads, uint64_t budget, int order)
{
  pthread_t all[THREADS];
  tc_image_info info;
  tc_cache *cache = NULL;
  tc_retile_options options = {sizeof options, 0, TILE, TILE};
  task t;
  double begin;
  int i;
  memset(&t, 0, sizeof t);
  memset(&info, 0, sizeof info);
  info.struct_size = sizeof info;
  if (tc_create(budget, NULL, &cache, NULL) != TC_OK ||
      provider_retile(file, &options, cache, &t.tiles, NULL) != TC_OK || provider_info(t.tiles, &info, NULL) != TC_OK)
    die("tiles");
  t.expected = expected;
  t.width = info.width;
  t.height = info.height;
  t.rows = info.grid_rows;
  t.cols = info.grid_cols;
  t.order = order;
  begin = now();
  for (i = 0; i < threads; i++)
    if (pthread_create(&all[i], NULL, read_tiles, &t) != 0)
      die("thread");
  for (i = 0; i < threads; i++)
    pthread_join(all[i], NULL);
  begin = now() - begin;
  provider_release(t.tiles);
  tc_release(cache);
  if (t.failed)
    exit(1);
  return begin;
}

static void by_threads(const char *reader, tc_provider *file, const unsigned char *expected)
{
  double alone = 0;
  int threads;
  for (threads = 1; threads <= THREADS; threads *= 2) {
    /* In rows out of a large cache, then in leaps out of one too small. */
    double took = pass(file, expected, threads, 256 << 20, 0);
    (void)pass(file, expected, threads, 4 << 20, 7);
    alone = threads == 1 ? took : alone;
    printf("%s, %d threads: %.1f ms, %.2f times as fast as one\n", reader, threads, took * 1e3, alone / took);
  }
  provider_release(file);
}

int main(int argc, char **argv)
{
  const int side = argc > 1 ? atoi(argv[1]) : 2048;
  const char *path = "threads.tif";
  tc_gdal_options options;
  tc_provider *by_gdal = NULL, *by_us = NULL, *by_vsi = NULL;
  tc_error err;
  unsigned char *expected;
  GDALAllRegister();
  expected = make(path, side, side - 101);
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.max_sessions = THREADS;
  if (tc_gdal_open(path, &options, &by_gdal, &err) != TC_OK || provider_open(path, NULL, &by_us, &err) != TC_OK ||
      tc_gdal_open_vsi(path, NULL, &by_vsi, &err) != TC_OK) {
    fprintf(stderr, "%s\n", err.message);
    return 1;
  }
  by_threads("GDAL", by_gdal, expected);
  by_threads("tilecache", by_us, expected);
  by_threads("tilecache over VSILFILE", by_vsi, expected);
  free(expected);
  GDALDestroyDriverManager();
  return 0;
}
