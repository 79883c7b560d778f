/* Mosaics: what is seen of parts that lie over each other, when parts are opened and closed, and what fails. */
#include "support.h"

/* ---- a mosaic whose every pixel is told once more ---- */

enum { PARTS = 5, WIDTH = 300, HEIGHT = 200, PAD = 200, NODATA = 7 };

typedef struct scene scene;

/* An open part; the source comes first, as its callbacks expect. */
typedef struct { source s; scene *of; } open_part;

struct scene {
  source s[PARTS];
  tc_mosaic_part parts[PARTS];
  bool masked[PARTS];
  unsigned char mask[PARTS][HEIGHT * WIDTH];
  int opened[PARTS], open_now, most_open, released;
  tc_status fails;
  bool fails_late; /* with a provider, which the library releases */
  const char *says;
  bool gives_nothing;
  pthread_mutex_t lock;
};

static bool is_masked(int part, int64_t x, int64_t y)
{
  return (x / 7 + y / 5 + part) % 3 == 0;
}

/* A part as a provider, whose callbacks belong to `s`. */
static tc_provider *part_of(scene *of, int part, source *s, tc_release_fn release)
{
  tc_source callbacks = source_struct(s);
  tc_provider *mask = NULL, *made = NULL;
  callbacks.release = release;
  if (of->masked[part]) {
    tc_target array = {of->mask[part], 1, s->image.width, 0, s->image.width, s->image.height, 1, TC_U8};
    for (int64_t y = 0; y < s->image.height; y++)
      for (int64_t x = 0; x < s->image.width; x++)
        of->mask[part][y * s->image.width + x] = is_masked(part, x, y) ? 0 : 255;
    array.band_stride = s->image.width * s->image.height;
    if (provider_from_memory(&array, NULL, NULL, NULL, NULL, &mask, NULL) != TC_OK)
      return NULL;
  }
  callbacks.mask = mask;
  if (provider_from_source(&callbacks, &made, NULL) != TC_OK)
    made = NULL;
  provider_release(mask);
  return made;
}

static void close_part(void *user)
{
  open_part *part = user;
  __atomic_fetch_sub(&part->of->open_now, 1, __ATOMIC_SEQ_CST);
  pthread_mutex_destroy(&part->s.lock);
  free(part);
}

static tc_status open_one(void *user, size_t number, tc_provider **provider, tc_error *error)
{
  scene *of = user;
  if (of->fails != TC_OK) {
    error->code = of->fails;
    snprintf(error->message, sizeof error->message, "%s", of->says);
    return of->fails;
  }
  if (of->gives_nothing)
    return TC_OK;
  open_part *part = malloc(sizeof *part);
  if (part == NULL)
    return TC_E_NO_MEMORY;
  part->s = of->s[number];
  part->of = of;
  pthread_mutex_init(&part->s.lock, NULL);
  pthread_mutex_lock(&of->lock);
  of->opened[number]++;
  int now = __atomic_add_fetch(&of->open_now, 1, __ATOMIC_SEQ_CST);
  of->most_open = now > of->most_open ? now : of->most_open;
  pthread_mutex_unlock(&of->lock);
  *provider = part_of(of, (int)number, &part->s, close_part);
  return *provider == NULL ? 88 : of->fails_late ? 89 : TC_OK;
}

static void note_release(void *user)
{
  ((scene *)user)->released++;
}

/* Plain, sparse and opened later, masked, with nodata and opened later, and at last a small one. */
static scene *new_scene(void)
{
  static const struct { int64_t x, y, width, height; bool late; } places[PARTS] = {
    {0, 0, 120, 90, false}, {60, 40, 100, 100, true}, {-10, 100, 80, 50, false}, {130, -20, 150, 60, true},
    {290, 190, 30, 30, true},
  };
  static const char *keys[PARTS] = {"plain", "sparse", "masked", "nodata", "corner"};
  scene *of = calloc(1, sizeof *of);
  assert_non_null(of);
  pthread_mutex_init(&of->lock, NULL);
  for (int i = 0; i < PARTS; i++) {
    source *s = &of->s[i];
    source_init(s, places[i].width, places[i].height, 20 + i, 15, 1, TC_U8);
    s->key = keys[i];
    s->seed = (uint64_t)i;
    of->parts[i] = (tc_mosaic_part){NULL, NULL, places[i].x, places[i].y, 0, 0};
  }
  of->s[1].sparse = true;
  of->masked[2] = true;
  of->s[3].image.flags = TC_IMAGE_HAS_NODATA;
  of->s[3].image.nodata[0] = NODATA;
  for (int i = 0; i < PARTS; i++) {
    tc_mosaic_part *part = &of->parts[i];
    if (places[i].late)
      part->key = keys[i], part->width = places[i].width, part->height = places[i].height;
    else
      assert_non_null(part->provider = part_of(of, i, &of->s[i], NULL));
  }
  return of;
}

static tc_image_info scene_image(void)
{
  tc_image_info info = {0};
  info.struct_size = sizeof info;
  info.dtype = TC_U8, info.width = WIDTH, info.height = HEIGHT, info.block_width = 64, info.block_height = 48;
  info.pad[0] = PAD;
  return info;
}

static tc_provider *make(scene *of, tc_cache *cache)
{
  tc_image_info info = scene_image();
  tc_mosaic_options options = {.struct_size = sizeof options, .image = &info, .open = open_one, .user = of,
                               .release = note_release, .max_open = 2};
  tc_provider *made = NULL;
  ok(provider_mosaic(of->parts, PARTS, &options, cache, &made, &err));
  return made;
}

static void scene_done(scene *of)
{
  for (int i = 0; i < PARTS; i++) {
    provider_release(of->parts[i].provider);
    pthread_mutex_destroy(&of->s[i].lock);
  }
  assert_int_equal(of->open_now, 0);
  pthread_mutex_destroy(&of->lock);
  free(of);
}

/* The part that is seen at a pixel, or -1. */
static int part_at(const scene *of, int64_t x, int64_t y, unsigned char *sample)
{
  for (int i = PARTS - 1; i >= 0; i--) {
    const source *s = &of->s[i];
    int64_t px = x - of->parts[i].x, py = y - of->parts[i].y;
    if (px < 0 || py < 0 || px >= s->image.width || py >= s->image.height)
      continue;
    sample_at(s, px, py, 0, 0, sample);
    bool absent = s->sparse && (px / s->image.block_width + py / s->image.block_height) % 2 != 0;
    bool hole = (of->masked[i] && is_masked(i, px, py)) || (s->image.flags != 0 && *sample == NODATA);
    if (!absent && !hole)
      return i;
  }
  *sample = PAD;
  return -1;
}

static void assert_shows(const scene *of, tc_provider *made)
{
  static unsigned char all[(WIDTH + 20) * (HEIGHT + 20)];
  int64_t width = WIDTH + 20, height = HEIGHT + 20;
  tc_target into = {all, 1, width, width * height, width, height, 1, TC_U8};
  ok(provider_read_window(made, -10, -10, 0, NULL, 0, &into, &err));
  for (int64_t y = 0; y < height; y++)
    for (int64_t x = 0; x < width; x++) {
      unsigned char expected = PAD;
      if (x >= 10 && y >= 10 && x < WIDTH + 10 && y < HEIGHT + 10)
        part_at(of, x - 10, y - 10, &expected);
      assert_int_equal(all[y * width + x], expected);
    }
}

static void parts_lie_over_each_other_where_they_are_data(void **state)
{
  (void)state;
  for (int way = 0; way < 3; way++) {
    scene *of = new_scene();
    tc_cache *cache = way == 0 ? NULL : new_cache(way == 1 ? 8000 : 1 << 20);
    tc_provider *made = make(of, cache), *tiles = retiled(made, 50, 33, 0, cache), *mask = NULL;
    tc_image_info info = info_of(made);
    assert_int_equal(info.width, WIDTH);
    assert_int_equal(info.block_height, 48);
    assert_true(info.flags & TC_IMAGE_SPARSE && info.flags & TC_IMAGE_HAS_MASK);
    assert_shows(of, made);
    assert_shows(of, tiles);
    assert_true(of->most_open <= 3);
    ok(provider_mask(made, &mask, &err));
    static unsigned char data[WIDTH * HEIGHT];
    tc_target into = {data, 1, WIDTH, WIDTH * HEIGHT, WIDTH, HEIGHT, 1, TC_U8};
    ok(provider_read_window(mask, 0, 0, 0, NULL, 0, &into, &err));
    for (int64_t at = 0; at < WIDTH * HEIGHT; at++) {
      unsigned char sample;
      assert_int_equal(data[at], part_at(of, at % WIDTH, at / WIDTH, &sample) < 0 ? 0 : 255);
    }
    /* A gap has no block, and one with the last part has. */
    int32_t has = 7;
    ok(provider_has_block(made, 3, 3, 0, &has, &err));
    assert_int_equal(has, 0);
    ok(provider_has_block(made, 4, 4, 0, &has, &err));
    assert_int_equal(has, 1);
    assert_int_equal(of->released, 0);
    provider_release(tiles);
    provider_release(mask);
    provider_release(made);
    assert_int_equal(of->released, 1);
    if (cache != NULL) {
      assert_books(cache);
      tc_release(cache);
    }
    scene_done(of);
  }
}

static void a_part_is_forgotten_by_its_key_before_it_is_opened_and_after(void **state)
{
  (void)state;
  scene *of = new_scene();
  tc_cache *cache = new_cache(1 << 20);
  tc_provider *made = make(of, cache);
  assert_shows(of, made);
  for (int i = 0; i < PARTS; i++) {
    tc_provider *part = of->parts[i].provider;
    part = part == NULL ? part_of(of, i, &of->s[i], NULL) : provider_retain(part);
    assert_non_null(part);
    of->s[i].seed += 100;
    /* Another opening shows the new pixels; what is open shows those that it was opened with. */
    provider_release(made);
    ok(provider_invalidate(part, &err));
    made = make(of, cache);
    assert_shows(of, made);
    provider_release(part);
  }
  provider_release(made);
  tc_release(cache);
  scene_done(of);
}

/* ---- many parts, many threads ---- */

enum { SIDE = 24, BLOCK = 30, THREADS = 4 };

typedef struct { scene *of; tc_provider *made; int rows, wrong; } crowd;

/* All parts are the first source at other places. */
static tc_status open_crowd(void *user, size_t number, tc_provider **provider, tc_error *error)
{
  (void)number;
  return open_one(user, 0, provider, error);
}

static void read_crowd(void *arg, int index)
{
  crowd *c = arg;
  uint64_t random = (uint64_t)index;
  for (int i = 0; i < scaled(3000); i++) {
    int64_t row = random_below(&random, (uint32_t)c->rows), col = random_below(&random, (uint32_t)c->rows);
    tc_tile *tile = NULL;
    tc_pixels pixels;
    bool right = provider_get_block(c->made, row, col, 0, NULL, 0, &tile, NULL) == TC_OK;
    if (right) {
      tc_tile_pixels(tile, &pixels);
      const unsigned char *data = pixels.data;
      for (int64_t y = 0; right && y < pixels.height; y += 5)
        for (int64_t x = 0; right && x < pixels.width; x += 3) {
          unsigned char expected;
          sample_at(&c->of->s[0], (col * BLOCK + x) % SIDE, (row * BLOCK + y) % SIDE, 0, 0, &expected);
          right = data[y * pixels.row_stride + x] == expected;
        }
    }
    tc_tile_release(tile);
    if (!right)
      __atomic_fetch_add(&c->wrong, 1, __ATOMIC_RELAXED);
  }
}

static void a_thousand_parts_are_opened_as_they_are_touched(void **state)
{
  (void)state;
  int side = scaled(2) < 2 ? 6 : 34;
  scene *of = calloc(1, sizeof *of);
  tc_mosaic_part *parts = calloc((size_t)(side * side), sizeof *parts);
  char (*keys)[32] = calloc((size_t)(side * side), sizeof *keys);
  assert_true(of != NULL && parts != NULL && keys != NULL);
  pthread_mutex_init(&of->lock, NULL);
  source_init(&of->s[0], SIDE, SIDE, 10, 10, 1, TC_U8);
  for (int i = 0; i < side * side; i++) {
    snprintf(keys[i], sizeof keys[i], "https://scenes/%d", i);
    parts[i] = (tc_mosaic_part){NULL, keys[i], i % side * SIDE, i / side * SIDE, SIDE, SIDE};
  }
  tc_image_info info = scene_image();
  info.width = info.height = side * SIDE;
  info.block_width = info.block_height = BLOCK;
  tc_mosaic_options options = {.struct_size = sizeof options, .image = &info, .open = open_crowd, .user = of,
                               .release = note_release, .max_open = 3};
  tc_cache *cache = new_cache(room(20, BLOCK * BLOCK));
  crowd c = {of, NULL, side * SIDE / BLOCK, 0};
  ok(provider_mosaic(parts, (size_t)(side * side), &options, cache, &c.made, &err));
  free(parts);
  free(keys);
  assert_true(strlen(provider_key(c.made)) < 1200);
  assert_int_equal(of->opened[0], 0);
  touch(c.made, 2, 2, 0); /* from column and row 60 to 90: two parts along each side */
  assert_int_equal(of->opened[0], 4);
  in_threads(THREADS, read_crowd, &c);
  assert_int_equal(c.wrong, 0);
  /* Each thread may have one in use beside those that stay. */
  assert_true(of->most_open <= 3 + THREADS + 1);
  assert_true(of->open_now <= 3);
  provider_release(c.made);
  assert_int_equal(of->open_now, 0);
  assert_int_equal(of->released, 1);
  assert_books(cache);
  tc_release(cache);
  pthread_mutex_destroy(&of->s[0].lock);
  pthread_mutex_destroy(&of->lock);
  free(of);
}

/* ---- what fails ---- */

static void a_part_that_is_not_opened_fails_its_blocks_by_name(void **state)
{
  (void)state;
  scene *of = new_scene();
  tc_provider *made = make(of, NULL);
  tc_tile *tile = NULL;
  of->fails = 42, of->says = "the shelf is empty";
  fails(TC_E_SOURCE, "part 1 of the mosaic: the shelf is empty",
        provider_get_block(made, 1, 2, 0, NULL, 0, &tile, &err));
  assert_int_equal(err.source_code, 42);
  assert_null(tile);
  /* What does not touch it is not disturbed. */
  touch(made, 3, 0, 0);
  of->fails = TC_E_IO, of->says = "the line is dead";
  fails(TC_E_IO, "part 1 of the mosaic: the line is dead", provider_get_block(made, 1, 2, 0, NULL, 0, &tile, &err));
  of->fails = TC_OK;
  of->fails_late = true;
  fails(TC_E_SOURCE, "part 1 of the mosaic", provider_get_block(made, 1, 2, 0, NULL, 0, &tile, &err));
  assert_int_equal(of->open_now, 0);
  of->fails_late = false;
  of->gives_nothing = true;
  fails(TC_E_ARGUMENT, "part 1 of the mosaic: open gave no provider",
        provider_get_block(made, 1, 2, 0, NULL, 0, &tile, &err));
  of->gives_nothing = false;
  of->s[1].image.width++;
  fails(TC_E_ARGUMENT, "part 1 of the mosaic: 101 x 100 pixels where 100 x 100 were said",
        provider_get_block(made, 1, 2, 0, NULL, 0, &tile, &err));
  of->s[1].image.width--;
  assert_shows(of, made);
  provider_release(made);
  scene_done(of);
}

static void bad_mosaics_are_refused_and_lose_nothing(void **state)
{
  (void)state;
  scene *of = new_scene();
  tc_image_info info = scene_image();
  tc_mosaic_options options = {.struct_size = sizeof options, .image = &info, .open = open_one, .user = of,
                               .release = note_release};
  const tc_mosaic_options good = options;
  tc_mosaic_part bad[2] = {of->parts[0], of->parts[1]};
  tc_provider *made = (tc_provider *)of;
  refuses(TC_E_ARGUMENT, "parts is NULL", provider_mosaic(NULL, 1, &options, NULL, &made, e));
  assert_null(made);
  refuses(TC_E_RANGE, "n_parts is 0", provider_mosaic(bad, 0, &options, NULL, &made, e));
  refuses(TC_E_RANGE, "n_parts is", provider_mosaic(bad, SIZE_MAX, &options, NULL, &made, e));
  refuses(TC_E_ARGUMENT, "options is NULL", provider_mosaic(bad, 2, NULL, NULL, &made, e));
  refuses(TC_E_ARGUMENT, "provider is NULL", provider_mosaic(bad, 2, &options, NULL, NULL, e));
#define BAD(status, text, change) \
  do { \
    bad[1] = of->parts[1]; \
    options = good; \
    change; \
    refuses(status, text, provider_mosaic(bad, 2, &options, NULL, &made, e)); \
    assert_null(made); \
  } while (0)
  BAD(TC_E_ARGUMENT, "struct_size", options.struct_size = 3);
  BAD(TC_E_ARGUMENT, "flags of options is 0x2", options.flags = 2);
  BAD(TC_E_ARGUMENT, "reserved 1", options.reserved = 1);
  BAD(TC_E_ARGUMENT, "image", options.image = NULL);
  BAD(TC_E_ARGUMENT, "parts[1]: no provider is given", options.open = NULL);
  BAD(TC_E_ARGUMENT, "parts[1]: neither a provider nor a key", bad[1].key = NULL);
  BAD(TC_E_ARGUMENT, "parts[1]: both a provider and a key", bad[1].provider = of->parts[0].provider);
  BAD(TC_E_ARGUMENT, "parts[1]: key is empty", bad[1].key = "");
  BAD(TC_E_ARGUMENT, "parts[1]: key is not UTF-8", bad[1].key = "\xff");
  BAD(TC_E_RANGE, "parts[1]: width is -1", bad[1].width = -1);
  BAD(TC_E_RANGE, "parts[1]: an image of 100 x 0", bad[1].height = 0);
  BAD(TC_E_RANGE, "parts[1]: x is -9223372036854775808", bad[1].x = INT64_MIN);
  BAD(TC_E_ARGUMENT, "parts[1]: 120 x 90 pixels where 100 x 90 were said",
      (bad[1] = of->parts[0], bad[1].width = 100));
  info.levels = 2;
  BAD(TC_E_ARGUMENT, "parts[0]: the part has 1 levels, the mosaic 2", (void)0);
  info.levels = 0, info.bands = 2;
  BAD(TC_E_ARGUMENT, "parts[0]: 1 bands of u8 in a mosaic of 2 bands of u8", (void)0);
  info.bands = 0, info.width = -1;
  BAD(TC_E_RANGE, "width is -1", (void)0);
  assert_int_equal(of->released, 0);
  /* Without parts that are opened later nothing need open them; the release comes all the same. */
  info = scene_image();
  options = good;
  options.open = NULL;
  ok(provider_mosaic(of->parts, 1, &options, NULL, &made, &err));
  provider_release(made);
  assert_int_equal(of->released, 1);
  scene_done(of);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parts_lie_over_each_other_where_they_are_data),
      cmocka_unit_test(a_part_is_forgotten_by_its_key_before_it_is_opened_and_after),
      cmocka_unit_test(a_thousand_parts_are_opened_as_they_are_touched),
      cmocka_unit_test(a_part_that_is_not_opened_fails_its_blocks_by_name),
      cmocka_unit_test(bad_mosaics_are_refused_and_lose_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
