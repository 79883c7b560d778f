/* Descriptors: many more files than the process may have open, read in any order by many threads. */
#include "support.h"

#include <dirent.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

enum { SIDE = 16, LIMIT = 1024, FILES = 12000, THREADS = 8 };

/* How many the process may have open: fewer where there are fewer files. */
static int limit(void)
{
  return scaled(FILES) == FILES ? LIMIT : 64;
}

/* An image all of one value. */
static void write_image(const char *path, uint8_t value)
{
  uint8_t pixels[SIDE * SIDE];
  memset(pixels, value, sizeof pixels);
  write_grey_tiff(path, SIDE, pixels);
}

static int descriptors(void)
{
  DIR *all = opendir("/proc/self/fd");
  int count = -1; /* that of the directory itself */
  if (all == NULL)
    return 0;
  while (readdir(all) != NULL)
    count++;
  closedir(all);
  return count - 2; /* "." and ".." */
}

/* The value of an image's pixels; -1 where the block cannot be read or they differ. */
static int value_of(tc_provider *p, tc_error *e)
{
  tc_tile *tile;
  tc_pixels px;
  if (provider_get_block(p, 0, 0, 0, NULL, 0, &tile, e) != TC_OK)
    return -1;
  tc_tile_pixels(tile, &px);
  const uint8_t *pixels = px.data;
  int value = pixels[0];
  for (int i = 0; i < SIDE * SIDE; i++)
    value = pixels[i] == pixels[0] ? value : -1;
  tc_tile_release(tile);
  return value;
}

static tc_provider *open_image(const char *path)
{
  tc_provider *p;
  ok(provider_open(path, NULL, &p, &err));
  return p;
}

typedef struct {
  tc_provider **images;
  int n;
  int reads;
  atomic_int wrong;
  atomic_int most;
} many;

static void read_any(void *arg, int index)
{
  many *m = arg;
  uint64_t state = 77 + (uint64_t)index;
  for (int i = 0; i < m->reads; i++) {
    uint32_t at = random_below(&state, (uint32_t)m->n);
    tc_error e;
    if (value_of(m->images[at], &e) != (int)(at % 251))
      m->wrong++;
    if (index == 0 && descriptors() > m->most)
      m->most = descriptors();
  }
}

static void more_files_than_descriptors_are_read(void **state)
{
  (void)state;
  int n = scaled(FILES);
  char path[64];
  many m = {.images = calloc((size_t)n, sizeof(tc_provider *)), .n = n, .reads = 4 * n / THREADS};
  int before = descriptors();
  for (int i = 0; i < n; i++) {
    (void)snprintf(path, sizeof path, "many-%d.tif", i);
    write_image(path, (uint8_t)(i % 251));
    m.images[i] = open_image(path);
  }
  assert_true(descriptors() <= before + limit() / 2);
  in_threads(THREADS, read_any, &m);
  assert_int_equal(m.wrong, 0);
  assert_true(m.most <= before + limit() / 2 + THREADS);

  tc_set_open_files(4);
  assert_true(descriptors() <= before + 4);
  for (int i = 0; i < n; i += 7)
    assert_int_equal(value_of(m.images[i], &err), i % 251);
  assert_true(descriptors() <= before + 4);
  tc_set_open_files(0);

  for (int i = 0; i < n; i++)
    provider_release(m.images[i]);
  assert_int_equal(descriptors(), before);
  free(m.images);
}

static void descriptors_are_given_back_when_the_program_needs_them(void **state)
{
  (void)state;
  enum { OURS = 24 };
  tc_provider *images[OURS];
  FILE *theirs[LIMIT];
  int n = 0;
  write_image("full.tif", 9);
  for (int i = 0; i < OURS; i++)
    images[i] = open_image("full.tif");
  while (n < limit() && (theirs[n] = fopen("full.tif", "rb")) != NULL)
    n++;
  assert_true(n < limit());
  tc_provider *one_more = open_image("full.tif");
  assert_int_equal(value_of(one_more, &err), 9);
  provider_release(one_more);
  for (int i = 0; i < OURS; i++)
    assert_int_equal(value_of(images[i], &err), 9);
  for (int i = 0; i < n; i++)
    (void)fclose(theirs[i]);
  for (int i = 0; i < OURS; i++)
    provider_release(images[i]);
}

static void a_file_that_was_replaced_reads_on_until_its_descriptor_goes(void **state)
{
  (void)state;
  tc_tile *tile;
  write_image("replaced.tif", 1);
  write_image("deleted.tif", 2);
  write_image("stays.tif", 3);
  tc_provider *replaced = open_image("replaced.tif");
  tc_provider *deleted = open_image("deleted.tif");
  tc_provider *stays = open_image("stays.tif");
  write_image("new.tif", 4);
  assert_int_equal(rename("new.tif", "replaced.tif"), 0);
  assert_int_equal(remove("deleted.tif"), 0);
  assert_int_equal(value_of(replaced, &err), 1);
  assert_int_equal(value_of(deleted, &err), 2);

  tc_set_open_files(1);
  assert_int_equal(value_of(stays, &err), 3);
  fails(TC_E_CHANGED, "replaced", provider_get_block(replaced, 0, 0, 0, NULL, 0, &tile, &err));
  fails(TC_E_CHANGED, "gone", provider_get_block(deleted, 0, 0, 0, NULL, 0, &tile, &err));
  assert_int_equal(value_of(stays, &err), 3);
  tc_set_open_files(0);

  tc_provider *again = open_image("replaced.tif");
  assert_int_equal(value_of(again, &err), 4);
  provider_release(again);
  provider_release(replaced);
  provider_release(deleted);
  provider_release(stays);
}

static void a_path_is_that_of_the_directory_where_it_was_opened(void **state)
{
  (void)state;
  char here[4096];
  assert_non_null(getcwd(here, sizeof here));
  write_image("relative.tif", 5);
  tc_provider *p = open_image("relative.tif");
  tc_set_open_files(1);
  write_image("other.tif", 6);
  tc_provider *other = open_image("other.tif");
  assert_int_equal(chdir("/"), 0);
  assert_int_equal(value_of(p, &err), 5);
  assert_int_equal(chdir(here), 0);
  tc_set_open_files(0);
  provider_release(other);
  provider_release(p);
}

int main(void)
{
  struct rlimit most;
  if (getrlimit(RLIMIT_NOFILE, &most) != 0)
    return 1;
  most.rlim_cur = (rlim_t)limit();
  if (setrlimit(RLIMIT_NOFILE, &most) != 0)
    return 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(more_files_than_descriptors_are_read),
      cmocka_unit_test(descriptors_are_given_back_when_the_program_needs_them),
      cmocka_unit_test(a_file_that_was_replaced_reads_on_until_its_descriptor_goes),
      cmocka_unit_test(a_path_is_that_of_the_directory_where_it_was_opened),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
