/* Sources that read other providers: kept alive, invalidated with them, and named after them. */
#include "support.h"

enum { SIDE = 64, BLOCK = 16, MOST = 128 };

/* A source whose sample is that of its input at the same level and place, plus one. */
typedef struct link_ {
  tc_provider *from[8]; /* the library keeps them alive */
  int32_t levels;
  int released, calls;
} link_;

static tc_status read_link(void *user, void *session, int64_t row, int64_t col, int32_t level, const int32_t *bands,
                           const tc_target *into, tc_error *error)
{
  link_ *l = user;
  (void)session, (void)bands;
  __atomic_add_fetch(&l->calls, 1, __ATOMIC_SEQ_CST);
  tc_status status = provider_read_window(l->from[level], col * BLOCK, row * BLOCK, 0, NULL, 0, into, error);
  for (int64_t y = 0; status == TC_OK && y < into->height; y++)
    for (int64_t x = 0; x < into->width; x++)
      ((uint8_t *)into->data)[y * into->row_stride + x * into->pixel_stride]++;
  return status;
}

static void release_link(void *user)
{
  ((link_ *)user)->released++;
}

static tc_source source_of(link_ *l, tc_image_info *image, const char *key)
{
  tc_image_info info = {.struct_size = sizeof info, .dtype = TC_U8, .width = SIDE, .height = SIDE, .bands = 1,
                        .block_width = BLOCK, .block_height = BLOCK};
  *image = info;
  image->levels = l->levels = l->levels == 0 ? 1 : l->levels;
  size_t n = (size_t)l->levels;
  return (tc_source){.struct_size = sizeof(tc_source), .threading = TC_CONCURRENT, .user = l, .image = image, .key = key,
                     .read_block = read_link, .release = release_link, .inputs = l->from, .n_inputs = n};
}

static tc_provider *over(link_ *l, const char *key)
{
  tc_image_info image;
  tc_provider *made = NULL;
  tc_source s = source_of(l, &image, key);
  ok(provider_from_source(&s, &made, &err));
  return made;
}

static uint8_t at(tc_provider *p, int64_t x, int64_t y, int32_t level)
{
  uint8_t sample = 0;
  tc_target into = {&sample, 0, 0, 0, 1, 1, 1, TC_U8};
  ok(provider_read_window(p, x, y, level, NULL, 0, &into, &err));
  return sample;
}

static uint8_t *pixels_of(uint8_t value)
{
  uint8_t *pixels = malloc(SIDE * SIDE);
  assert_non_null(pixels);
  memset(pixels, value, SIDE * SIDE);
  return pixels;
}

static tc_provider *open_array(uint8_t *pixels, const char *key)
{
  tc_target array = {pixels, 0, 0, 0, SIDE, SIDE, 1, TC_U8};
  tc_provider *made = NULL;
  ok(provider_from_memory(&array, NULL, key, free, pixels, &made, &err));
  return made;
}

static void inputs_are_kept_alive_and_change_what_is_read_of_them(void **state)
{
  (void)state;
  link_ first = {0}, second = {0};
  uint8_t *pixels = pixels_of(7);
  tc_cache *one = new_cache(1 << 20), *two = new_cache(1 << 20);
  tc_provider *array = open_array(pixels, "array");
  tc_provider *a = NULL, *b = NULL;
  first.from[0] = array;
  tc_provider *plain = over(&first, "a");
  a = cached(plain, one);
  second.from[0] = a;
  tc_provider *other = over(&second, "b");
  b = cached(other, two);
  provider_release(plain);
  provider_release(other);
  provider_release(a);
  assert_string_equal(provider_key(b), "compute:b(compute:a(array:image:0))");
  assert_int_equal(at(b, 3, 3, 0), 9);
  assert_int_equal(at(b, 3, 3, 0), 9);
  assert_int_equal(first.calls, 1);
  assert_int_equal(second.calls, 1);
  /* Through two sources and two caches. */
  memset(pixels, 20, SIDE * SIDE);
  assert_int_equal(at(b, 3, 3, 0), 9);
  ok(provider_invalidate(array, &err));
  assert_int_equal(at(b, 3, 3, 0), 22);
  provider_release(array);
  assert_int_equal(at(b, 40, 40, 0), 22);
  assert_int_equal(first.released + second.released, 0);
  provider_release(b);
  assert_int_equal(first.released, 1);
  assert_int_equal(second.released, 1);
  tc_release(one);
  tc_release(two);
}

/* The mean of four pixels. */
static tc_status halve(void *user, const tc_place *place, const tc_pixels *in, size_t n, const tc_target *out, tc_error *e)
{
  (void)user, (void)place, (void)n, (void)e;
  for (int64_t y = 0; y < out->height; y++)
    for (int64_t x = 0; x < out->width; x++) {
      const uint8_t *from = (const uint8_t *)in->data + 2 * y * in->row_stride + 2 * x;
      unsigned sum = from[0] + from[1] + from[in->row_stride] + from[in->row_stride + 1];
      ((uint8_t *)out->data)[y * out->row_stride + x * out->pixel_stride] = (uint8_t)((sum + 2) / 4);
    }
  return TC_OK;
}

/* A pyramid as one image with levels: each level is computed from the one below, by an operator, and the source
 * hands out what its inputs have. It need not know itself, so that nothing it knows can go before it does. */
static void a_pyramid_is_a_source_over_its_levels(void **state)
{
  (void)state;
  enum { LEVELS = 3 };
  link_ l = {.levels = LEVELS};
  uint8_t *pixels = pixels_of(0);
  for (int i = 0; i < SIDE * SIDE; i++)
    pixels[i] = (uint8_t)(i % SIDE / 4 * 4);
  tc_cache *cache = new_cache(1 << 20);
  tc_provider *array = open_array(pixels, "scene");
  l.from[0] = array;
  for (int level = 1; level < LEVELS; level++) {
    tc_input twice = {.source = l.from[level - 1], .scale_x = 2, .scale_y = 2, .border = TC_BORDER_NEAREST};
    tc_compute_options options = {.struct_size = sizeof options, .name = "half", .compute = halve};
    ok(provider_compute(&twice, 1, &options, cache, &l.from[level], &err));
  }
  tc_level grids[LEVELS];
  for (int level = 0; level < LEVELS; level++)
    grids[level] = (tc_level){SIDE >> level, SIDE >> level, BLOCK, BLOCK};
  tc_image_info image;
  tc_provider *plain = NULL;
  tc_source s = source_of(&l, &image, "pyramid");
  s.levels = grids;
  ok(provider_from_source(&s, &plain, &err));
  tc_provider *pyramid = cached(plain, cache);
  for (int level = 0; level < LEVELS; level++)
    provider_release(l.from[level]);
  provider_release(plain);
  for (int level = 0; level < LEVELS; level++)
    for (int64_t x = 0; x < SIDE >> level; x++)
      assert_int_equal(at(pyramid, x, 5, level), (x << level) / 4 * 4 + 1);
  tc_provider *of_level = NULL;
  ok(provider_level(pyramid, 2, &of_level, &err));
  assert_int_equal(at(of_level, 9, 9, 0), 9 * 4 + 1);
  memset(pixels, 50, SIDE * SIDE);
  tc_provider *again = NULL;
  uint8_t *same = pixels_of(0);
  again = open_array(same, "scene"); /* by its key */
  ok(provider_invalidate(again, &err));
  provider_release(again);
  assert_int_equal(at(of_level, 9, 9, 0), 51);
  provider_release(pyramid);
  assert_int_equal(l.released, 0);
  provider_release(of_level);
  assert_int_equal(l.released, 1);
  tc_release(cache);
}

static void keys_grow_by_as_much_as_a_source_adds(void **state)
{
  (void)state;
  link_ links[9];
  tc_provider *p = open_array(pixels_of(1), "a:b");
  size_t length = strlen(provider_key(p));
  memset(links, 0, sizeof links);
  for (int i = 0; i < 9; i++) {
    links[i].from[0] = p;
    tc_provider *next = over(&links[i], "x:(y)");
    assert_int_equal(strlen(provider_key(next)), length + strlen("compute:x%3A%28y%29()"));
    length = strlen(provider_key(next));
    assert_non_null(strstr(provider_key(next), "(a%3Ab:image:0)"));
    assert_null(strstr(provider_key(next), "%25"));
    provider_release(p);
    p = next;
  }
  assert_int_equal(at(p, 0, 0, 0), 10);
  provider_release(p);
  for (int i = 0; i < 9; i++)
    assert_int_equal(links[i].released, 1);
}

/* Calls `work(user)` on a thread with a small stack. */
static void on_a_small_stack(void *(*work)(void *user), void *user)
{
  pthread_attr_t small;
  pthread_t thread;
  pthread_attr_init(&small);
  assert_int_equal(pthread_attr_setstacksize(&small, 256 << 10), 0);
  assert_int_equal(pthread_create(&thread, &small, work, user), 0);
  pthread_join(thread, NULL);
  pthread_attr_destroy(&small);
}

static void *release_it(void *user)
{
  provider_release(user);
  return NULL;
}

/* A chain with fifty readers between one source and the next is dropped on a stack that would not hold it. */
static void a_long_chain_is_dropped_on_a_small_stack(void **state)
{
  (void)state;
  static link_ links[MOST + 1];
  memset(links, 0, sizeof links);
  tc_provider *p = open_array(pixels_of(1), NULL);
  for (int i = 0; i < MOST; i++) {
    for (int n = 0; n < 50; n++) {
      tc_provider *reader = NULL;
      ok(provider_reader(p, NULL, &reader, &err));
      provider_release(p);
      p = reader;
    }
    links[i].from[0] = p;
    tc_provider *next = over(&links[i], NULL);
    provider_release(p);
    p = next;
  }
  tc_image_info image;
  tc_provider *more = NULL;
  links[MOST].from[0] = p;
  tc_source s = source_of(&links[MOST], &image, NULL);
  fails(TC_E_LIMIT, "128", provider_from_source(&s, &more, &err));
  on_a_small_stack(release_it, p);
  for (int i = 0; i < MOST; i++)
    assert_int_equal(links[i].released, 1);
}

typedef struct put {
  tc_cache *cache;
  char *key;
  tc_status put, got;
} put;

static void *put_and_get(void *user)
{
  put *p = user;
  uint8_t sample = 3;
  tc_pixels pixels = {.data = &sample, .width = 1, .height = 1, .row_stride = 1, .band_stride = 1, .valid_width = 1,
                      .valid_height = 1, .bands = 1, .dtype = TC_U8};
  tc_tile *found = NULL;
  p->put = tc_put(p->cache, p->key, 0, 0, 0, NULL, 0, &pixels, NULL, NULL, NULL);
  p->got = tc_get(p->cache, p->key, 0, 0, 0, NULL, 0, &found, NULL);
  tc_tile_release(found);
  return NULL;
}

/* A key of a caller's may have any number of brackets. */
static void a_key_of_brackets_is_only_a_name(void **state)
{
  (void)state;
  enum { DEEP = 6000 };
  static char key[DEEP * 10 + 1];
  put p = {new_cache(1 << 20), key, TC_E_INTERNAL, TC_E_INTERNAL};
  for (int i = 0; i < DEEP; i++)
    memcpy(key + 9 * i, "compute:(", 9);
  memset(key + 9 * DEEP, ')', DEEP);
  on_a_small_stack(put_and_get, &p);
  assert_int_equal(p.put, TC_OK);
  assert_int_equal(p.got, TC_OK);
  tc_release(p.cache);
}

static void inputs_are_checked(void **state)
{
  (void)state;
  link_ l = {0};
  tc_image_info image;
  tc_provider *made = NULL, *some[2] = {open_array(pixels_of(0), NULL), NULL};
  l.from[0] = some[0];
  tc_source s = source_of(&l, &image, NULL);
  s.n_inputs = 0;
  refuses(TC_E_ARGUMENT, "n_inputs 0", provider_from_source(&s, &made, e));
  s.n_inputs = 1025;
  refuses(TC_E_ARGUMENT, "n_inputs 1025", provider_from_source(&s, &made, e));
  s.n_inputs = 1, s.inputs = NULL;
  refuses(TC_E_ARGUMENT, "inputs of source is NULL", provider_from_source(&s, &made, e));
  s.n_inputs = 2, s.inputs = some;
  refuses(TC_E_ARGUMENT, "inputs[1]", provider_from_source(&s, &made, e));
  s.n_inputs = 1, s.key = "";
  refuses(TC_E_ARGUMENT, "key is empty", provider_from_source(&s, &made, e));
  assert_int_equal(l.released, 0);
  provider_release(some[0]);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(inputs_are_kept_alive_and_change_what_is_read_of_them),
    cmocka_unit_test(a_pyramid_is_a_source_over_its_levels),
    cmocka_unit_test(keys_grow_by_as_much_as_a_source_adds),
    cmocka_unit_test(a_long_chain_is_dropped_on_a_small_stack),
    cmocka_unit_test(a_key_of_brackets_is_only_a_name),
    cmocka_unit_test(inputs_are_checked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
