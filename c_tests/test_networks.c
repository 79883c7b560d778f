/* Networks of operators over several images, drawn at random: functions of one and of two images, mosaics, sources that
 * read others, tiles, levels, maps and caches, which many threads read while images change in between. Every pixel is
 * compared with what the definitions say of the whole image; where there is room for all, blocks are decoded once. */
#include "support.h"

enum { IMAGES = 3, NODES = 16, THREADS = 6, BANDS = 2, LEVELS = 3, STEPS = 60, MOST_BLOCKS = 128 };

typedef struct image {
  int number;
  tc_image_info info;
  tc_provider *provider;
  /* Changed and read atomically: careless threads read while it changes. */
  uint32_t generation;
  int decodes[LEVELS][MOST_BLOCKS]; /* since the last change */
} image;

typedef enum { IMAGE, CACHED, TILES, LEVEL, MAP, BOX, PAIR, HALF, TURN, MOSAIC, LINK, KINDS } kind;

typedef struct node {
  kind kind;
  const struct node *a, *b;
  image *of;
  tc_provider *provider, *inputs[1];
  uint32_t border, flags;
  int64_t x[2], y[2]; /* of the parts of a mosaic */
  tc_image_info info;
  /* The whole image at each level, as it was at this version of the world. */
  uint32_t version[LEVELS];
  uint16_t *samples[LEVELS];
} node;

typedef struct world {
  uint64_t seed;
  tc_cache *cache;
  image images[IMAGES];
  node nodes[NODES];
  int n_nodes, first; /* where blocks are counted, nothing goes past what keeps them */
  bool is_wide, is_careless;
  uint32_t version;
  pthread_rwlock_t changes; /* held for reading by who compares pixels */
  pthread_mutex_t lock;     /* of what is below, and of the samples of the nodes */
  char wrong[256];
} world;

static uint16_t sample_of(const image *of, int64_t x, int64_t y, int32_t band, int32_t level, uint32_t generation)
{
  uint64_t z = (uint64_t)x * 0x9e3779b97f4a7c15u + (uint64_t)y * 0xbf58476d1ce4e5b9u +
               ((uint64_t)of->number << 40 ^ (uint64_t)generation << 8 ^ (uint64_t)band << 4 ^ (uint64_t)level);
  z = (z ^ z >> 30) * 0x94d049bb133111ebu;
  return (uint16_t)(z >> 33);
}

static tc_status read_image(void *user, void *session, int64_t row, int64_t col, int32_t level, const int32_t *bands,
                            const tc_target *into, tc_error *error)
{
  (void)session, (void)bands, (void)error;
  image *of = user;
  uint32_t generation = __atomic_load_n(&of->generation, __ATOMIC_SEQ_CST);
  area at = cell(of->info.width, of->info.height, of->info.block_width, of->info.block_height, row, col, level);
  int64_t columns = (of->info.width + of->info.block_width - 1) / of->info.block_width;
  __atomic_add_fetch(&of->decodes[level][row * columns + col], 1, __ATOMIC_SEQ_CST);
  for (int32_t b = 0; b < BANDS; b++)
    for (int64_t y = 0; y < into->height; y++)
      for (int64_t x = 0; x < into->width; x++) {
        uint16_t sample = sample_of(of, at.x + x, at.y + y, b, level, generation);
        memcpy((char *)into->data + b * into->band_stride + y * into->row_stride + x * into->pixel_stride, &sample, 2);
      }
  return TC_OK;
}

/* ---- the functions of the operators ---- */

static uint16_t in_at(const tc_pixels *in, int64_t x, int64_t y, int32_t band)
{
  uint16_t sample;
  memcpy(&sample, (const char *)in->data + band * in->band_stride + y * in->row_stride + x * 2, 2);
  return sample;
}

/* Nothing stays nothing, as where nothing is stored. */
static uint16_t changed(uint16_t sample)
{
  return (uint16_t)(sample * 3);
}

static tc_status map(void *user, int64_t row, int64_t col, int32_t level, const tc_pixels *in, const tc_target *out,
                     tc_error *e)
{
  (void)user, (void)row, (void)col, (void)level, (void)e;
  for (int32_t b = 0; b < BANDS; b++)
    for (int64_t y = 0; y < out->height; y++)
      for (int64_t x = 0; x < out->width; x++) {
        uint16_t sample = changed(in_at(in, x, y, b));
        memcpy((char *)out->data + b * out->band_stride + y * out->row_stride + x * out->pixel_stride, &sample, 2);
      }
  return TC_OK;
}

/* `user` is the node. */
static tc_status compute(void *user, const tc_place *place, const tc_pixels *in, size_t n_inputs, const tc_target *out,
                         tc_error *e)
{
  const node *n = user;
  (void)place, (void)n_inputs, (void)e;
  for (int32_t b = 0; b < BANDS; b++)
    for (int64_t y = 0; y < out->height; y++)
      for (int64_t x = 0; x < out->width; x++) {
        uint32_t sum = 0;
        int64_t column = n->flags & TC_INPUT_FLIPPED_X ? out->width - 1 - x : x;
        int64_t line = n->flags & TC_INPUT_FLIPPED_Y ? out->height - 1 - y : y;
        switch (n->kind) {
        case BOX:
          for (int i = 0; i < 9; i++)
            sum += in_at(in, x + i % 3, y + i / 3, b) * (uint32_t)(i + 1);
          break;
        case PAIR: sum = in_at(&in[0], x, y, b) + 7u * in_at(&in[1], x, y, b); break;
        case HALF:
          for (int i = 0; i < 4; i++)
            sum += in_at(in, 2 * x + i % 2, 2 * y + i / 2, b) * (uint32_t)(i + 1);
          break;
        default: sum = n->flags & TC_INPUT_TRANSPOSED ? in_at(in, line, column, b) : in_at(in, column, line, b);
        }
        uint16_t sample = (uint16_t)sum;
        memcpy((char *)out->data + b * out->band_stride + y * out->row_stride + x * out->pixel_stride, &sample, 2);
      }
  return TC_OK;
}

/* A source that reads another image by windows, and changes what it reads. */
static tc_status read_link(void *user, void *session, int64_t row, int64_t col, int32_t level, const int32_t *bands,
                           const tc_target *into, tc_error *error)
{
  const node *n = user;
  (void)session, (void)bands;
  area at = cell(n->info.width, n->info.height, n->info.block_width, n->info.block_height, row, col, level);
  tc_status status = provider_read_window(n->inputs[0], at.x, at.y, level, NULL, 0, into, error);
  for (int32_t b = 0; status == TC_OK && b < BANDS; b++)
    for (int64_t y = 0; y < into->height; y++)
      for (int64_t x = 0; x < into->width; x++) {
        char *place = (char *)into->data + b * into->band_stride + y * into->row_stride + x * into->pixel_stride;
        uint16_t sample;
        memcpy(&sample, place, 2);
        sample = (uint16_t)~changed(sample);
        memcpy(place, &sample, 2);
      }
  return status;
}

/* ---- what they show, by their definitions ---- */

static int64_t inside(int64_t at, int64_t length, uint32_t border)
{
  if (border == TC_BORDER_NEAREST)
    return at < 0 ? 0 : at >= length ? length - 1 : at;
  while (at < 0 || at >= length)
    at = at < 0 ? -1 - at : 2 * length - 1 - at;
  return at;
}

static const uint16_t *shown(world *w, node *n, int32_t level);

static uint16_t shown_at(world *w, const node *of, int32_t level, int64_t x, int64_t y, int32_t band, uint32_t border)
{
  int64_t width = halved(of->info.width, level), height = halved(of->info.height, level);
  bool is_inside = x >= 0 && y >= 0 && x < width && y < height;
  if (!is_inside && border == TC_BORDER_PAD)
    return 0;
  x = inside(x, width, border);
  y = inside(y, height, border);
  return shown(w, (node *)of, level)[(band * height + y) * width + x];
}

/* The last part of a mosaic with data at a pixel, whose place in it replaces that; NULL in a gap. */
static const node *part_at(const node *n, int32_t level, int64_t *x, int64_t *y);

/* Gaps show through whatever keeps the mask of its source. */
static bool is_data(const node *n, int32_t level, int64_t x, int64_t y)
{
  switch (n->kind) {
  case CACHED:
  case TILES:
  case MAP: return is_data(n->a, level, x, y);
  case LEVEL: return is_data(n->a, level + 1, x, y);
  case MOSAIC: return part_at(n, level, &x, &y) != NULL;
  default: return true;
  }
}

static const node *part_at(const node *n, int32_t level, int64_t *x, int64_t *y)
{
  const node *parts[] = {n->a, n->b};
  for (int i = 1; i >= 0; i--) {
    int64_t column = *x - n->x[i] / (1 << level), line = *y - n->y[i] / (1 << level);
    const tc_image_info *of = &parts[i]->info;
    if (column >= 0 && line >= 0 && column < halved(of->width, level) && line < halved(of->height, level) &&
        is_data(parts[i], level, column, line)) {
      *x = column, *y = line;
      return parts[i];
    }
  }
  return NULL;
}

static uint16_t defined(world *w, const node *n, int32_t level, int64_t x, int64_t y, int32_t b)
{
  uint32_t sum = 0;
  const node *part = n->kind == MOSAIC ? part_at(n, level, &x, &y) : NULL;
  switch (n->kind) {
  case IMAGE: return sample_of(n->of, x, y, b, level, n->of->generation);
  case CACHED:
  case TILES: return shown_at(w, n->a, level, x, y, b, TC_BORDER_PAD);
  case LEVEL: return shown_at(w, n->a, level + 1, x, y, b, TC_BORDER_PAD);
  case MAP: return changed(shown_at(w, n->a, level, x, y, b, TC_BORDER_PAD));
  case MOSAIC: return part == NULL ? 0 : shown_at(w, part, level, x, y, b, TC_BORDER_PAD);
  case LINK: return (uint16_t)~changed(shown_at(w, n->a, level, x, y, b, TC_BORDER_PAD));
  case BOX:
    for (int i = 0; i < 9; i++)
      sum += shown_at(w, n->a, level, x + i % 3 - 1, y + i / 3 - 1, b, n->border) * (uint32_t)(i + 1);
    return (uint16_t)sum;
  case PAIR:
    return (uint16_t)(shown_at(w, n->a, level, x, y, b, n->border) + 7u * shown_at(w, n->b, level, x, y, b, n->border));
  case HALF:
    for (int i = 0; i < 4; i++)
      sum += shown_at(w, n->a, level, 2 * x + i % 2, 2 * y + i / 2, b, n->border) * (uint32_t)(i + 1);
    return (uint16_t)sum;
  default: break;
  }
  int64_t width = halved(n->info.width, level), height = halved(n->info.height, level);
  int64_t column = n->flags & TC_INPUT_FLIPPED_X ? width - 1 - x : x;
  int64_t line = n->flags & TC_INPUT_FLIPPED_Y ? height - 1 - y : y;
  bool turned = n->flags & TC_INPUT_TRANSPOSED;
  return shown_at(w, n->a, level, turned ? line : column, turned ? column : line, b, TC_BORDER_PAD);
}

/* The whole image at a level, made once for each version; under the lock. */
static const uint16_t *shown(world *w, node *n, int32_t level)
{
  if (n->version[level] == w->version)
    return n->samples[level];
  int64_t width = halved(n->info.width, level), height = halved(n->info.height, level);
  if (n->samples[level] == NULL)
    n->samples[level] = malloc((size_t)(BANDS * width * height) * sizeof(uint16_t));
  for (int32_t b = 0; b < BANDS; b++)
    for (int64_t y = 0; y < height; y++)
      for (int64_t x = 0; x < width; x++)
        n->samples[level][(b * height + y) * width + x] = defined(w, n, level, x, y, b);
  n->version[level] = w->version;
  return n->samples[level];
}

/* ---- the world ---- */

static tc_image_info info_for(int64_t width, int64_t height, int64_t bw, int64_t bh, int32_t levels)
{
  return (tc_image_info){.struct_size = sizeof(tc_image_info), .dtype = TC_U16, .width = width, .height = height,
                         .bands = BANDS, .levels = levels, .block_width = bw, .block_height = bh};
}

static int64_t between(uint64_t *seed, int64_t least, int64_t most)
{
  return least + random_below(seed, (uint32_t)(most - least + 1));
}

static tc_provider *computed(node *n, tc_cache *cache, int margin, int scale)
{
  tc_input in[2] = {{.source = n->a->provider, .border = n->border, .scale_x = scale, .scale_y = scale,
                     .left = margin, .top = margin, .right = margin, .bottom = margin, .flags = n->flags}};
  if (n->b != NULL)
    in[1] = (tc_input){.source = n->b->provider, .border = n->border};
  tc_compute_options options = {.struct_size = sizeof options, .compute = compute, .user = n};
  tc_provider *made = NULL;
  ok(provider_compute(in, n->b == NULL ? 1 : 2, &options, cache, &made, &err));
  return made;
}

static tc_provider *put_together(node *n, uint64_t *seed, tc_cache *cache)
{
  tc_mosaic_part parts[2] = {{.provider = n->a->provider}, {.provider = n->b->provider}};
  for (int i = 0; i < 2; i++) {
    parts[i].x = n->x[i] = between(seed, -5, 20) * 4;
    parts[i].y = n->y[i] = between(seed, -5, 20) * 4;
  }
  n->info = info_for(between(seed, 20, 140), between(seed, 20, 140), between(seed, 20, 80), between(seed, 20, 80),
                     n->a->info.levels);
  tc_mosaic_options options = {.struct_size = sizeof options, .image = &n->info};
  tc_provider *made = NULL;
  ok(provider_mosaic(parts, 2, &options, cache, &made, &err));
  return made;
}

/* A node over nodes that are there, if they have what it takes. */
static void add(world *w, uint64_t *seed, kind kind)
{
  node *n = &w->nodes[w->n_nodes];
  const node *a = &w->nodes[between(seed, w->first, w->n_nodes - 1)];
  tc_cache *cache = random_below(seed, 3) == 0 ? NULL : w->cache;
  if (kind == LEVEL && a->info.levels == 1)
    return;
  *n = (node){.kind = kind, .a = a, .border = random_below(seed, 3)};
  int64_t width = a->info.width, height = a->info.height;
  int32_t levels = a->info.levels;
  switch (kind) {
  case CACHED: n->provider = cached(a->provider, w->cache); break;
  case TILES: n->provider = retiled(a->provider, between(seed, 9, 90), between(seed, 9, 90), 0, cache); break;
  case LEVEL:
    ok(provider_level(a->provider, 1, &n->provider, &err));
    width = halved(width, 1), height = halved(height, 1), levels--;
    break;
  case MAP: {
    tc_map_options options = {.struct_size = sizeof options, .map = map};
    ok(provider_map(a->provider, &options, cache, &n->provider, &err));
    break;
  }
  case BOX: n->provider = computed(n, cache, 1, 1); break;
  case PAIR:
    n->b = &w->nodes[between(seed, w->first, w->n_nodes - 1)];
    levels = levels < n->b->info.levels ? levels : n->b->info.levels;
    n->provider = computed(n, cache, 0, 1);
    break;
  case HALF:
    n->provider = computed(n, cache, 0, 2);
    width = halved(width, 1), height = halved(height, 1);
    break;
  case TURN:
    n->flags = random_below(seed, 8);
    n->provider = computed(n, cache, 0, 1);
    if (n->flags & TC_INPUT_TRANSPOSED)
      width = a->info.height, height = a->info.width;
    break;
  case MOSAIC:
    n->b = &w->nodes[between(seed, w->first, w->n_nodes - 1)];
    if (n->b->info.levels != levels)
      n->b = a;
    n->provider = put_together(n, seed, cache);
    width = n->info.width, height = n->info.height;
    break;
  default: {
    n->info = info_for(width, height, between(seed, 20, 80), between(seed, 20, 80), levels);
    n->inputs[0] = a->provider;
    tc_source s = {.struct_size = sizeof s, .threading = TC_CONCURRENT, .user = n, .image = &n->info,
                   .read_block = read_link, .inputs = n->inputs, .n_inputs = 1};
    ok(provider_from_source(&s, &n->provider, &err));
  }
  }
  n->info = info_of(n->provider);
  assert_int_equal(n->info.width, width);
  assert_int_equal(n->info.height, height);
  assert_int_equal(n->info.levels, levels);
  w->n_nodes++;
}

static void make_world(world *w, uint64_t seed)
{
  static const uint64_t tight[] = {0, 30 << 10, 100 << 10, 400 << 10};
  memset(w, 0, sizeof *w);
  w->seed = seed;
  w->is_wide = random_below(&seed, 2) == 0;
  w->is_careless = random_below(&seed, 2) == 0;
  w->version = 1;
  w->cache = new_cache(w->is_wide ? 256 << 20 : tight[random_below(&seed, COUNT(tight))]);
  pthread_rwlock_init(&w->changes, NULL);
  pthread_mutex_init(&w->lock, NULL);
  for (int i = 0; i < IMAGES; i++) {
    image *of = &w->images[i];
    of->number = i;
    of->info = info_for(between(&seed, 20, 110), between(&seed, 20, 110), between(&seed, 12, 70), between(&seed, 12, 70),
                        (int32_t)between(&seed, 1, LEVELS));
    tc_source s = {.struct_size = sizeof s, .threading = TC_CONCURRENT, .user = of, .image = &of->info,
                   .read_block = read_image};
    ok(provider_from_source(&s, &of->provider, &err));
    of->info = info_of(of->provider);
    w->nodes[w->n_nodes++] = (node){.kind = IMAGE, .of = of, .provider = provider_retain(of->provider), .info = of->info};
  }
  for (int i = 0; i < IMAGES && w->is_wide; i++) {
    node *n = &w->nodes[w->n_nodes++];
    *n = (node){.kind = CACHED, .a = &w->nodes[i], .provider = cached(w->nodes[i].provider, w->cache)};
    n->info = info_of(n->provider);
  }
  w->first = w->is_wide ? IMAGES : 0;
  while (w->n_nodes < NODES)
    add(w, &seed, CACHED + random_below(&seed, KINDS - CACHED));
}

static void end_world(world *w)
{
  for (int i = 0; i < w->n_nodes; i++) {
    provider_release(w->nodes[i].provider);
    for (int level = 0; level < LEVELS; level++)
      free(w->nodes[i].samples[level]);
  }
  for (int i = 0; i < IMAGES; i++)
    provider_release(w->images[i].provider);
  assert_books(w->cache);
  tc_release(w->cache);
  pthread_rwlock_destroy(&w->changes);
  pthread_mutex_destroy(&w->lock);
}

/* ---- what the threads do ---- */

static void complain(world *w, const node *n, int32_t level, const char *what, const char *message)
{
  pthread_mutex_lock(&w->lock);
  if (w->wrong[0] == '\0')
    snprintf(w->wrong, sizeof w->wrong, "seed %llu, node %d of kind %d, level %d: %s%.80s", (unsigned long long)w->seed,
             (int)(n - w->nodes), (int)n->kind, level, what, message);
  pthread_mutex_unlock(&w->lock);
}

/* Compares packed or tiled pixels from (x, y) on with what the node shows; beyond the image they are 0. */
static bool is_right(world *w, node *n, int32_t level, int64_t x, int64_t y, const tc_pixels *got)
{
  bool right = true;
  pthread_mutex_lock(&w->lock);
  for (int32_t b = 0; b < BANDS && right; b++)
    for (int64_t j = 0; j < got->height && right; j++)
      for (int64_t i = 0; i < got->width && right; i++)
        right = in_at(got, i, j, b) == shown_at(w, n, level, x + i, y + j, b, TC_BORDER_PAD);
  pthread_mutex_unlock(&w->lock);
  return right;
}

static void read_block(world *w, node *n, int32_t level, uint64_t *seed, bool compares)
{
  tc_tile *tile = NULL;
  tc_error error = {.code = TC_OK};
  int64_t row = random_below(seed, (uint32_t)n->info.grid_rows), col = random_below(seed, (uint32_t)n->info.grid_cols);
  area at = cell(n->info.width, n->info.height, n->info.block_width, n->info.block_height, row, col, level);
  tc_status status = provider_get_block(n->provider, row, col, level, NULL, 0, &tile, &error);
  if (at.width <= 0 || at.height <= 0) { /* a block too small to have a pixel at this level */
    if (status != TC_E_RANGE)
      complain(w, n, level, "a block without pixels", "");
  } else if (status != TC_OK) {
    complain(w, n, level, "a block failed: ", error.message);
  } else {
    tc_pixels pixels;
    tc_tile_pixels(tile, &pixels);
    if (pixels.width != at.width || pixels.height != at.height)
      complain(w, n, level, "a block of another size", "");
    else if (compares && !is_right(w, n, level, at.x, at.y, &pixels))
      complain(w, n, level, "wrong pixels in a block", "");
  }
  tc_tile_release(tile);
}

static void read_part(world *w, node *n, int32_t level, uint64_t *seed, bool compares)
{
  uint16_t samples[BANDS * 60 * 60];
  tc_error error = {.code = TC_OK};
  int64_t width = between(seed, 1, 60), height = between(seed, 1, 60);
  int64_t x = between(seed, -20, halved(n->info.width, level)), y = between(seed, -20, halved(n->info.height, level));
  tc_target into = {.data = samples, .width = width, .height = height, .bands = BANDS};
  tc_pixels got = {.data = samples, .width = width, .height = height, .row_stride = 2 * width,
                   .band_stride = 2 * width * height};
  if (provider_read_window(n->provider, x, y, level, NULL, 0, &into, &error) != TC_OK)
    complain(w, n, level, "a window failed: ", error.message);
  else if (compares && !is_right(w, n, level, x, y, &got))
    complain(w, n, level, "wrong pixels in a window", "");
}

/* Another generation of an image, or an invalidation of something over it that has not changed. */
static void change(world *w, uint64_t *seed)
{
  image *of = &w->images[random_below(seed, IMAGES)];
  pthread_rwlock_wrlock(&w->changes);
  tc_provider *forgets = of->provider;
  if (random_below(seed, 4) == 0)
    forgets = w->nodes[random_below(seed, (uint32_t)w->n_nodes)].provider;
  else
    __atomic_add_fetch(&of->generation, 1, __ATOMIC_SEQ_CST);
  for (int i = 0; i < IMAGES; i++)
    for (int level = 0; level < LEVELS; level++)
      for (int block = 0; block < MOST_BLOCKS; block++)
        __atomic_store_n(&w->images[i].decodes[level][block], 0, __ATOMIC_SEQ_CST);
  if (provider_invalidate(forgets, NULL) != TC_OK)
    complain(w, w->nodes, 0, "an invalidation failed", "");
  w->version++;
  pthread_rwlock_unlock(&w->changes);
}

static void live(void *arg, int index)
{
  world *w = arg;
  uint64_t seed = w->seed * 64 + (uint64_t)index;
  bool compares = !w->is_careless || index % 2 == 0;
  for (int step = 0; step < STEPS; step++) {
    node *n = &w->nodes[between(&seed, w->first, w->n_nodes - 1)];
    int32_t level = (int32_t)random_below(&seed, (uint32_t)n->info.levels);
    if (compares && random_below(&seed, 12) == 0)
      change(w, &seed);
    if (compares)
      pthread_rwlock_rdlock(&w->changes);
    (random_below(&seed, 2) == 0 ? read_block : read_part)(w, n, level, &seed, compares);
    if (compares)
      pthread_rwlock_unlock(&w->changes);
  }
}

static void every_pixel_of_every_operator_is_right_whatever_changes_beneath(void **state)
{
  (void)state;
  static world w;
  for (int number = 0, worlds = scaled(40); number < worlds; number++) {
    make_world(&w, (uint64_t)number);
    in_threads(THREADS, live, &w);
    if (w.wrong[0] != '\0')
      fail_msg("%s", w.wrong);
    if (w.is_wide && !w.is_careless)
      for (int i = 0; i < IMAGES; i++)
        for (int level = 0; level < LEVELS; level++)
          for (int block = 0; block < MOST_BLOCKS; block++)
            assert_in_range(w.images[i].decodes[level][block], 0, 1);
    end_world(&w);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_pixel_of_every_operator_is_right_whatever_changes_beneath),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
