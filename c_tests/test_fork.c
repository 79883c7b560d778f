/* Fork without exec, of a process whose threads are inside the library: children work with handles of their own. */
#include "support.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIDE = 64, BLOCK = 16, THREADS = 3, FORKS = 300, SECONDS = 20 };

static const char path[] = "forked.tif";

/* An image whose rows each have their own number. */
static void write_image(void)
{
  uint8_t pixels[SIDE * SIDE];
  for (int y = 0; y < SIDE; y++)
    memset(pixels + y * SIDE, y, SIDE);
  write_grey_tiff(path, SIDE, pixels);
}

static void asked(void *user, tc_status status, tc_tile *tile, const tc_error *e)
{
  (void)e;
  tc_tile_release(tile);
  atomic_store((atomic_int *)user, status == TC_OK ? 1 : -1);
}

/* All that a program does, with handles of its own: whether every pixel is right. */
static bool works(void)
{
  tc_cache *cache = NULL;
  tc_provider *file = NULL, *tiles = NULL;
  tc_retile_options grid = {sizeof grid, 0, BLOCK, BLOCK};
  bool good = tc_create(1 << 16, NULL, &cache, NULL) == TC_OK && provider_open(path, NULL, &file, NULL) == TC_OK &&
              provider_retile(file, &grid, cache, &tiles, NULL) == TC_OK;
  for (int row = 0; good && row < SIDE / BLOCK; row++) {
    tc_tile *tile = NULL;
    tc_pixels px;
    good = provider_get_block(tiles, row, 1, 0, NULL, 0, &tile, NULL) == TC_OK;
    tc_tile_pixels(tile, &px);
    for (int y = 0; good && y < BLOCK; y++)
      good = ((const uint8_t *)px.data)[y * px.row_stride] == row * BLOCK + y;
    tc_tile_release(tile);
  }
  atomic_int answer = 0;
  good = good && provider_request_block(file, 0, 0, 0, NULL, 0, asked, &answer, NULL) == TC_OK;
  while (good && atomic_load(&answer) == 0)
    sleep_ms(1);
  good = good && atomic_load(&answer) == 1;
  provider_release(tiles);
  provider_release(file);
  tc_release(cache);
  return good;
}

typedef struct {
  atomic_bool ends;
  atomic_int failed;
  tc_cache *cache;
  tc_provider *file, *kept;
  tc_tile *tile;
  int children, right;
} family;

/* What a child finds: handles from before the fork are refused, and its own are as ever. */
static bool child(const family *f)
{
  tc_error e;
  tc_tile *tile = NULL;
  tc_provider *over = NULL;
  tc_cache_stats stats = {.struct_size = sizeof stats};
  bool refused = provider_get_block(f->file, 0, 0, 0, NULL, 0, &tile, &e) == TC_E_ARGUMENT &&
                 strstr(e.message, "provider was made before fork") != NULL && tile == NULL &&
                 tc_statistics(f->cache, &stats, &e) == TC_E_ARGUMENT &&
                 provider_retile(f->file, NULL, NULL, &over, &e) == TC_E_ARGUMENT && over == NULL;
  /* What the parent's cache has, too. */
  refused = refused && provider_get_block(f->kept, 0, 0, 0, NULL, 0, &tile, &e) == TC_E_ARGUMENT &&
            strstr(e.message, "provider was made before fork") != NULL && tile == NULL;
  tc_provider *own = NULL;
  refused = refused && provider_open(path, NULL, &own, NULL) == TC_OK &&
            provider_retile(own, NULL, f->cache, &over, &e) == TC_E_ARGUMENT && over == NULL &&
            strstr(e.message, "cache was made before fork") != NULL &&
            provider_display(own, NULL, f->cache, &over, &e) == TC_E_ARGUMENT && over == NULL &&
            provider_downsample(own, NULL, f->cache, &over, &e) == TC_E_ARGUMENT && over == NULL;
  provider_release(own);
  provider_release(provider_retain(f->file));
  provider_release(f->file);
  tc_release(f->cache);
  /* Of the tiles, too, a collector may give up what is not there any more; their pixels are. */
  tc_pixels px;
  tc_tile_release(tc_tile_retain(f->tile));
  for (int i = 0; i < 3; i++)
    tc_tile_release(f->tile);
  tc_tile_pixels(f->tile, &px);
  refused = refused && ((const uint8_t *)px.data)[px.row_stride] == 1;
  return works() && works() && refused;
}

static void forking(family *f)
{
  for (int i = 0; i < f->children; i++) {
    int ends[2], status;
    char answer = 'n';
    if (pipe(ends) != 0)
      return;
    pid_t pid = fork();
    if (pid == 0) {
      (void)alarm(SECONDS);
      answer = child(f) ? 'y' : 'n';
      (void)!write(ends[1], &answer, 1);
      /* Memory of threads that are not there any more would be reported as lost. */
      (void)kill(getpid(), SIGKILL);
    }
    close(ends[1]);
    f->right += pid > 0 && read(ends[0], &answer, 1) == 1 && answer == 'y';
    close(ends[0]);
    if (pid > 0)
      (void)waitpid(pid, &status, 0);
    if (f->right <= i)
      return;
  }
}

static void in_family(void *arg, int index)
{
  family *f = arg;
  if (index == 0) {
    forking(f);
    atomic_store(&f->ends, true);
  }
  while (!atomic_load(&f->ends))
    if (!works())
      f->failed++;
}

static void children_work_with_handles_of_their_own(void **state)
{
  (void)state;
  write_image();
  family f = {.children = scaled(FORKS)};
  ok(tc_create(1 << 20, NULL, &f.cache, &err));
  ok(provider_open(path, NULL, &f.file, &err));
  ok(provider_cached(f.file, f.cache, &f.kept, &err));
  ok(provider_get_block(f.kept, 0, 0, 0, NULL, 0, &f.tile, &err));
  /* From the second on, a thread has its hits without a lock. */
  for (int i = 0; i < 2; i++) {
    tc_tile *again;
    ok(provider_get_block(f.kept, 0, 0, 0, NULL, 0, &again, &err));
    tc_tile_release(again);
  }
  in_threads(1 + THREADS, in_family, &f);
  assert_int_equal(f.right, f.children);
  assert_int_equal(f.failed, 0);
  /* The parent's are as before. */
  tc_tile *tile = NULL;
  ok(provider_get_block(f.file, 0, 0, 0, NULL, 0, &tile, &err));
  tc_tile_release(tile);
  tc_tile_release(f.tile);
  provider_release(f.kept);
  provider_release(f.file);
  tc_release(f.cache);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(children_work_with_handles_of_their_own),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
