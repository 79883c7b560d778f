/* Operators of callers: what a function is given of its inputs, against the formula of the images. */
#include "support.h"

/* ---- where pixels come from, told once more ---- */

/* The pixel of `0 .. length-1` that stands at `at` beyond an edge; -1 for pad. */
static int64_t beyond(int64_t at, int64_t length, uint32_t border)
{
  while (border == TC_BORDER_MIRRORED && (at < 0 || at >= length))
    at = at < 0 ? -1 - at : 2 * length - 1 - at;
  if (border == TC_BORDER_NEAREST)
    at = at < 0 ? 0 : at >= length ? length - 1 : at;
  return at < 0 || at >= length ? -1 : at;
}

static unsigned pixel(const source *s, int64_t x, int64_t y, int32_t band, int32_t level, uint32_t border)
{
  unsigned char value = s->image.pad[0];
  x = beyond(x, halved(s->image.width, level), border);
  y = beyond(y, halved(s->image.height, level), border);
  if (x >= 0 && y >= 0)
    sample_at(s, x, y, band, level, &value);
  return value;
}

static int64_t scaled_down(int64_t n, int32_t scale)
{
  return scale > 0 ? (n + scale - 1) / scale : scale < 0 ? n * -scale : n;
}

/* The pixel of the input that goes with pixel `at` of the output. */
static int64_t scaled_up(int64_t at, int32_t scale)
{
  return scale > 0 ? at * scale : scale < 0 ? at / -scale : at;
}

/* ---- an operator that shows what it was given ---- */

typedef struct operation {
  tc_input input;
  int64_t width, height; /* of the output, at level 0 */
  int calls, released;
  tc_status status;
} operation;

static const unsigned char *window_pixel(const tc_pixels *in, int32_t band, int64_t x, int64_t y)
{
  assert_true(x >= 0 && y >= 0 && x < in->width && y < in->height);
  return (const unsigned char *)in->data + band * in->band_stride + y * in->row_stride + x;
}

/* Of each pixel: itself, its neighbour at the far end of the left margin, and that of the bottom margin. */
static tc_status show(void *user, const tc_place *place, const tc_pixels *inputs, size_t n_inputs, const tc_target *out,
                      tc_error *error)
{
  operation *o = user;
  const tc_input *rule = &o->input;
  __atomic_fetch_add(&o->calls, 1, __ATOMIC_RELAXED);
  if (o->status != TC_OK) {
    snprintf(error->message, sizeof error->message, "no light in the tunnel");
    return o->status;
  }
  if (n_inputs != 1 || out->width != place->width || out->height != place->height)
    return TC_E_INTERNAL;
  const tc_pixels *in = &inputs[0];
  int64_t width = halved(o->width, place->level), height = halved(o->height, place->level);
  for (int64_t y = 0; y < out->height; y++)
    for (int64_t x = 0; x < out->width; x++) {
      /* The window begins where that of the first or, flipped, of the last pixel does. */
      bool fx = rule->flags & TC_INPUT_FLIPPED_X, fy = rule->flags & TC_INPUT_FLIPPED_Y;
      int64_t cx = fx ? width - 1 - (place->x + x) : place->x + x, cy = fy ? height - 1 - (place->y + y) : place->y + y;
      int64_t x0 = fx ? width - place->x - place->width : place->x, y0 = fy ? height - place->y - place->height : place->y;
      if (rule->flags & TC_INPUT_TRANSPOSED) {
        int64_t swap = cx;
        cx = cy, cy = swap;
        swap = x0, x0 = y0, y0 = swap;
      }
      int64_t wx = scaled_up(cx, rule->scale_x) - scaled_up(x0, rule->scale_x) + rule->left;
      int64_t wy = scaled_up(cy, rule->scale_y) - scaled_up(y0, rule->scale_y) + rule->top;
      for (int32_t b = 0; b < out->bands; b++) {
        unsigned value = *window_pixel(in, b, wx, wy) + 3u * *window_pixel(in, b, wx - rule->left, wy) +
                         5u * *window_pixel(in, b, wx, wy + rule->bottom);
        *((unsigned char *)out->data + b * out->band_stride + y * out->row_stride + x * out->pixel_stride) = value % 251;
      }
    }
  return TC_OK;
}

static unsigned shown(const operation *o, const source *s, int64_t x, int64_t y, int32_t band, int32_t level)
{
  const tc_input *rule = &o->input;
  int64_t width = halved(o->width, level), height = halved(o->height, level);
  x = rule->flags & TC_INPUT_FLIPPED_X ? width - 1 - x : x;
  y = rule->flags & TC_INPUT_FLIPPED_Y ? height - 1 - y : y;
  if (rule->flags & TC_INPUT_TRANSPOSED) {
    int64_t swap = x;
    x = y, y = swap;
  }
  x = scaled_up(x, rule->scale_x), y = scaled_up(y, rule->scale_y);
  int32_t from = level + rule->level;
  return (pixel(s, x, y, band, from, rule->border) + 3 * pixel(s, x - rule->left, y, band, from, rule->border) +
          5 * pixel(s, x, y + rule->bottom, band, from, rule->border)) % 251;
}

static void note_release(void *user)
{
  ((operation *)user)->released++;
}

static tc_compute_options options_of(operation *o)
{
  tc_compute_options options = {0};
  options.struct_size = sizeof options;
  options.compute = show;
  options.user = o;
  options.release = note_release;
  return options;
}

/* Every way to turn, scale and widen an input, over blocks and tiles of other sizes, with a cache and without. */
static void a_function_is_given_the_window_that_its_input_names(void **state)
{
  (void)state;
  static const struct { uint32_t flags; int32_t level, sx, sy; int64_t left, top, right, bottom; uint32_t border; } rows[] = {
    {0, 0, 0, 0, 0, 0, 0, 0, TC_BORDER_PAD},
    {0, 0, 1, 1, 1, 1, 1, 1, TC_BORDER_MIRRORED},
    {0, 1, 0, 0, 2, 0, 0, 3, TC_BORDER_NEAREST},
    {0, 0, 2, 2, 0, 0, 0, 0, TC_BORDER_NEAREST},
    {0, 0, 3, 5, 4, 1, 2, 7, TC_BORDER_MIRRORED},
    {0, 1, -2, -3, 1, 0, 0, 1, TC_BORDER_PAD},
    {TC_INPUT_TRANSPOSED, 0, 0, 0, 1, 2, 3, 4, TC_BORDER_PAD},
    {TC_INPUT_TRANSPOSED | TC_INPUT_FLIPPED_X, 0, 0, 0, 0, 0, 0, 0, TC_BORDER_PAD}, /* a turn to the right */
    {TC_INPUT_TRANSPOSED | TC_INPUT_FLIPPED_Y, 0, 0, 0, 5, 0, 0, 5, TC_BORDER_MIRRORED},
    {TC_INPUT_FLIPPED_X | TC_INPUT_FLIPPED_Y, 0, 0, 0, 1, 0, 1, 0, TC_BORDER_NEAREST},
    {TC_INPUT_FLIPPED_X, 1, 0, 0, 0, 200, 0, 200, TC_BORDER_MIRRORED},
    {TC_INPUT_TRANSPOSED | TC_INPUT_FLIPPED_X | TC_INPUT_FLIPPED_Y, 0, 2, -2, 3, 0, 0, 1, TC_BORDER_PAD},
  };
  for (size_t i = 0; i < COUNT(rows); i++)
    for (int way = 0; way < 3; way++) {
      source s;
      source_init(&s, 61, 47, 17, 13, 2, TC_U8);
      s.image.levels = 2;
      s.image.pad[0] = 7;
      tc_cache *cache = way == 0 ? NULL : new_cache(way == 1 ? 3000 : 1 << 20);
      tc_provider *from = open_source(&s), *below = way == 2 ? cached(from, cache) : provider_retain(from), *made = NULL;
      operation o = {0};
      o.input = (tc_input){below,       NULL,         0,          rows[i].level,  rows[i].border, rows[i].sx, rows[i].sy,
                           rows[i].left, rows[i].top, rows[i].right, rows[i].bottom, rows[i].flags, 0};
      int64_t width = halved(61, rows[i].level), height = halved(47, rows[i].level);
      width = scaled_down(width, rows[i].sx), height = scaled_down(height, rows[i].sy);
      bool turned = rows[i].flags & TC_INPUT_TRANSPOSED;
      o.width = turned ? height : width, o.height = turned ? width : height;
      tc_compute_options options = options_of(&o);
      ok(provider_compute(&o.input, 1, &options, cache, &made, &err));
      tc_image_info info = info_of(made);
      assert_int_equal(info.width, o.width);
      assert_int_equal(info.height, o.height);
      assert_int_equal(info.bands, 2);
      assert_int_equal(info.dtype, TC_U8);
      tc_provider *tiles = retiled(made, 16, 11, 0, cache);
      for (int32_t level = 0; level < info.levels; level++)
        for (int over = 0; over < 2; over++) {
          static unsigned char all[2 * 256 * 256];
          int64_t w = halved(o.width, level), h = halved(o.height, level);
          tc_target into = {all, 1, w, w * h, w, h, 2, TC_U8};
          ok(provider_read_window(over ? tiles : made, 0, 0, level, NULL, 0, &into, &err));
          for (int32_t b = 0; b < 2; b++)
            for (int64_t y = 0; y < h; y++)
              for (int64_t x = 0; x < w; x++)
                assert_int_equal(all[b * w * h + y * w + x], shown(&o, &s, x, y, b, level));
        }
      provider_release(from);
      provider_release(below);
      provider_release(tiles);
      assert_int_equal(o.released, 0);
      provider_release(made);
      assert_int_equal(o.released, 1);
      if (cache != NULL)
        tc_release(cache);
      source_done(&s);
    }
}

/* ---- several inputs ---- */

/* The normalised difference of two bands, of images with grids of their own. */
static tc_status ndvi(void *user, const tc_place *place, const tc_pixels *in, size_t n, const tc_target *out, tc_error *error)
{
  (void)user, (void)place, (void)n, (void)error;
  for (int64_t y = 0; y < out->height; y++)
    for (int64_t x = 0; x < out->width; x++) {
      float near = *window_pixel(&in[0], 0, x, y), red = *window_pixel(&in[1], 0, x, y);
      float *to = (float *)((char *)out->data + y * out->row_stride + x * out->pixel_stride);
      *to = near + red == 0 ? 0 : (near - red) / (near + red);
    }
  return TC_OK;
}

static void assert_ndvi(tc_provider *made, const source *near, const source *red)
{
  static float all[90 * 70];
  for (int32_t level = 0; level < 2; level++) {
    int64_t w = halved(90, level), h = halved(70, level);
    tc_target into = {all, 4, 4 * w, 4 * w * h, w, h, 1, TC_F32};
    ok(provider_read_window(made, 0, 0, level, NULL, 0, &into, &err));
    for (int64_t y = 0; y < h; y++)
      for (int64_t x = 0; x < w; x++) {
        float a = pixel(near, x, y, 2, level, 0), b = pixel(red, x, y, 0, level, 0);
        float expected = a + b == 0 ? 0 : (a - b) / (a + b);
        assert_memory_equal(&all[y * w + x], &expected, sizeof expected);
      }
  }
}

static void two_images_of_other_grids_give_one_that_follows_both(void **state)
{
  (void)state;
  source near, red;
  source_init(&near, 90, 70, 32, 32, 3, TC_U8);
  source_init(&red, 90, 70, 90, 7, 1, TC_U8);
  near.image.levels = red.image.levels = 2;
  red.seed = 99;
  tc_cache *cache = new_cache(1 << 20);
  tc_provider *a = open_source(&near), *b = open_source(&red), *made = NULL, *again = NULL;
  int32_t third = 2;
  tc_input inputs[2] = {{a, &third, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, {b, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}};
  tc_image_info info = {0};
  info.struct_size = sizeof info;
  info.dtype = TC_F32, info.width = 90, info.height = 70, info.bands = 1, info.levels = 2;
  info.block_width = info.block_height = 40;
  tc_compute_options options = {0};
  options.struct_size = sizeof options;
  options.image = &info;
  options.name = "ndvi";
  options.compute = ndvi;
  ok(provider_compute(inputs, 2, &options, cache, &made, &err));
  ok(provider_compute(inputs, 2, &options, cache, &again, &err));
  assert_string_equal(provider_key(made), provider_key(again));
  assert_ndvi(made, &near, &red);
  int before = decodes(&near) + decodes(&red);
  assert_ndvi(again, &near, &red);
  assert_int_equal(decodes(&near) + decodes(&red), before);
  /* Either changes. */
  near.seed = 5;
  ok(provider_invalidate(a, &err));
  assert_ndvi(made, &near, &red);
  red.seed = 6;
  ok(provider_invalidate(b, &err));
  assert_ndvi(again, &near, &red);
  provider_release(a);
  provider_release(b);
  assert_ndvi(made, &near, &red);
  provider_release(made);
  provider_release(again);
  tc_release(cache);
  source_done(&near);
  source_done(&red);
}

/* ---- what it keeps of its first input ---- */

static void an_operator_keeps_what_it_is_told_to(void **state)
{
  (void)state;
  source s;
  source_init(&s, 64, 64, 16, 16, 2, TC_U8);
  s.sparse = true;
  tc_source callbacks = source_struct(&s);
  tc_band_info infos[2] = {{0}, {0}};
  for (int b = 0; b < 2; b++) {
    infos[b].struct_size = sizeof *infos;
    infos[b].flags = TC_BAND_HAS_NODATA;
    infos[b].nodata[0] = (unsigned char)(40 + b);
    infos[b].colour = b == 0 ? TC_COLOUR_RED : TC_COLOUR_BLUE;
  }
  tc_text text = {-1, 0, "TITLE", "a picture"};
  callbacks.band_infos = infos;
  callbacks.texts = &text;
  callbacks.n_texts = 1;
  tc_provider *from = NULL, *made = NULL;
  ok(provider_from_source(&callbacks, &from, &err));
  int32_t second = 1;
  operation o = {0};
  o.input = (tc_input){from, &second, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  o.width = o.height = 64;
  tc_compute_options options = options_of(&o);
  options.flags = TC_COMPUTE_KEEP_BANDS | TC_COMPUTE_KEEP_TEXTS | TC_COMPUTE_SPARSE;
  ok(provider_compute(&o.input, 1, &options, NULL, &made, &err));
  tc_band_info kept = {0};
  kept.struct_size = sizeof kept;
  ok(provider_band_info(made, 0, &kept, &err));
  assert_int_equal(kept.flags, TC_BAND_HAS_NODATA);
  assert_int_equal(kept.nodata[0], 41);
  assert_int_equal(kept.colour, TC_COLOUR_BLUE);
  assert_string_equal(provider_metadata(made, -1, "TITLE"), "a picture");
  int32_t has = 7;
  ok(provider_has_block(made, 0, 1, 0, &has, &err));
  assert_int_equal(has, 0);
  ok(provider_has_block(made, 1, 1, 0, &has, &err));
  assert_int_equal(has, 1);
  int before = o.calls;
  touch(made, 0, 1, 0);
  assert_int_equal(o.calls, before);
  touch(made, 1, 1, 0);
  assert_int_equal(o.calls, before + 1);
  provider_release(made);
  options.flags = TC_COMPUTE_KEEP_BANDS;
  o.input.bands = NULL, o.input.n_bands = 0;
  tc_image_info info = {0};
  info.struct_size = sizeof info;
  info.dtype = TC_U8, info.width = info.height = 64, info.bands = 3;
  options.image = &info;
  fails(TC_E_ARGUMENT, "3 bands", provider_compute(&o.input, 1, &options, NULL, &made, &err));
  info.bands = 2, info.width = 65;
  options.flags = TC_COMPUTE_KEEP_MASK;
  fails(TC_E_ARGUMENT, "the mask is to be that of inputs[0]", provider_compute(&o.input, 1, &options, NULL, &made, &err));
  assert_int_equal(o.released, 1);
  provider_release(from);
  source_done(&s);
}

/* ---- what fails ---- */

static void bad_operators_are_refused_and_lose_nothing(void **state)
{
  (void)state;
  source s;
  source_init(&s, 64, 64, 16, 16, 2, TC_U8);
  s.image.levels = 2;
  tc_provider *from = open_source(&s), *made = from;
  operation o = {0};
  tc_compute_options options = options_of(&o);
  const tc_input good = {from, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  tc_input in = good;
  refuses(TC_E_ARGUMENT, "inputs is NULL", provider_compute(NULL, 1, &options, NULL, &made, e));
  assert_null(made);
  refuses(TC_E_RANGE, "n_inputs is 0", provider_compute(&in, 0, &options, NULL, &made, e));
  refuses(TC_E_RANGE, "n_inputs is", provider_compute(&in, SIZE_MAX, &options, NULL, &made, e));
  refuses(TC_E_ARGUMENT, "options is NULL", provider_compute(&in, 1, NULL, NULL, &made, e));
  refuses(TC_E_ARGUMENT, "provider is NULL", provider_compute(&in, 1, &options, NULL, NULL, e));
#define BAD(status, text, change) \
  do { \
    in = good; \
    change; \
    refuses(status, text, provider_compute(&in, 1, &options, NULL, &made, e)); \
    assert_null(made); \
  } while (0)
  int32_t ninth = 9;
  BAD(TC_E_ARGUMENT, "inputs[0]", in.source = NULL);
  BAD(TC_E_RANGE, "inputs[0]: band", (in.bands = &ninth, in.n_bands = 1));
  BAD(TC_E_ARGUMENT, "inputs[0]", in.n_bands = 1);
  BAD(TC_E_ARGUMENT, "border is 3", in.border = 3);
  BAD(TC_E_ARGUMENT, "flags is 0x8", in.flags = 8);
  BAD(TC_E_ARGUMENT, "reserved 1", in.reserved = 1);
  BAD(TC_E_RANGE, "level is -1", in.level = -1);
  BAD(TC_E_RANGE, "level", in.level = 2);
  BAD(TC_E_RANGE, "level", in.level = INT32_MAX);
  BAD(TC_E_RANGE, "left is -1", in.left = -1);
  BAD(TC_E_RANGE, "margin", in.bottom = INT64_MAX);
  BAD(TC_E_RANGE, "scale", in.scale_x = INT32_MAX);
  BAD(TC_E_RANGE, "scale", in.scale_y = INT32_MIN);
  /* An image is flipped about its middle, so there must be one; and no sum of coordinates overflows. */
  tc_image_info other = {.struct_size = sizeof other, .dtype = TC_U8, .width = 65, .height = 64};
  options.image = &other;
  BAD(TC_E_ARGUMENT, "level 0 of the output has 65 x 64 pixels", in.flags = TC_INPUT_FLIPPED_X);
  other.width = INT64_C(1) << 48;
  BAD(TC_E_RANGE, "281474976710656 pixels along a side, made from 1048576 for each", in.scale_x = 1 << 20);
  options = options_of(&o);
  options.flags = 32;
  BAD(TC_E_ARGUMENT, "flags of options is 0x20", (void)0);
  options = options_of(&o);
  options.compute = NULL;
  BAD(TC_E_ARGUMENT, "compute of options is NULL", (void)0);
  options = options_of(&o);
  options.struct_size = 3;
  BAD(TC_E_ARGUMENT, "struct_size", (void)0);
  options = options_of(&o);
  options.name = "";
  BAD(TC_E_ARGUMENT, "name", (void)0);
  options = options_of(&o);
  assert_int_equal(o.released, 0);
  /* An input of a million pixels for each is an error of the block, and no abort. */
  in = good;
  in.scale_x = in.scale_y = 1 << 20;
  tc_image_info info = {0};
  info.struct_size = sizeof info;
  info.dtype = TC_U8, info.width = info.height = 1 << 20, info.bands = 2;
  options.image = &info;
  ok(provider_compute(&in, 1, &options, NULL, &made, &err));
  tc_tile *tile = NULL;
  assert_int_not_equal(provider_get_block(made, 0, 0, 0, NULL, 0, &tile, &err), TC_OK);
  assert_null(tile);
  provider_release(made);
  assert_int_equal(o.released, 1);
  provider_release(from);
  source_done(&s);
}

static void a_function_that_fails_fails_its_block_as_it_says(void **state)
{
  (void)state;
  source s;
  source_init(&s, 64, 64, 16, 16, 1, TC_U8);
  tc_cache *cache = new_cache(1 << 20);
  tc_provider *from = open_source(&s), *made = NULL;
  operation o = {0};
  o.input = (tc_input){from, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  o.width = o.height = 64;
  o.status = 77;
  tc_compute_options options = options_of(&o);
  options.name = "tunnel";
  ok(provider_compute(&o.input, 1, &options, cache, &made, &err));
  tc_tile *tile = NULL;
  fails(TC_E_SOURCE, "no light in the tunnel", provider_get_block(made, 0, 0, 0, NULL, 0, &tile, &err));
  assert_int_equal(err.source_code, 77);
  assert_non_null(strstr(err.message, "the operator tunnel: block (row 0, column 0) of level 0"));
  o.status = TC_OK;
  touch(made, 0, 0, 0);
  /* An input that fails is told as it is. */
  s.fail_times = 1, s.fail_row = 1, s.fail_col = 1, s.fail_code = 78;
  fails(TC_E_SOURCE, "the tape is torn", provider_get_block(made, 1, 1, 0, NULL, 0, &tile, &err));
  touch(made, 1, 1, 0);
  provider_release(from);
  provider_release(made);
  tc_release(cache);
  source_done(&s);
}

/* ---- what a key says ---- */

/* Copies the key of an operator of one name over one image, read in one way. */
static void key_of(tc_input in, tc_provider *from, const char *name, char key[256])
{
  tc_provider *made = NULL;
  operation o = {0};
  tc_compute_options options = options_of(&o);
  options.name = name;
  in.source = from;
  ok(provider_compute(&in, 1, &options, NULL, &made, &err));
  snprintf(key, 256, "%s", provider_key(made));
  provider_release(made);
}

static void operators_that_read_in_different_ways_have_different_keys(void **state)
{
  (void)state;
  source s;
  source_init(&s, 64, 64, 16, 16, 3, TC_U8);
  s.image.levels = 2;
  s.key = "dem";
  tc_provider *from = open_source(&s), *above = NULL;
  static const int32_t last[] = {2}, two[] = {2, 0};
  const tc_input ways[] = {
    {0},
    {.bands = last, .n_bands = 1},
    {.bands = two, .n_bands = 2},
    {.level = 1},
    {.border = TC_BORDER_NEAREST},
    {.border = TC_BORDER_MIRRORED},
    {.scale_x = 2},
    {.scale_y = 2},
    {.scale_x = -2},
    {.left = 1},
    {.top = 1},
    {.right = 1},
    {.bottom = 1},
    {.flags = TC_INPUT_FLIPPED_X},
    {.flags = TC_INPUT_FLIPPED_Y},
    {.flags = TC_INPUT_TRANSPOSED},
  };
  char keys[COUNT(ways)][256], key[256];
  for (size_t i = 0; i < COUNT(ways); i++) {
    key_of(ways[i], from, "slope", keys[i]);
    for (size_t j = 0; j < i; j++)
      assert_string_not_equal(keys[i], keys[j]);
  }
  assert_string_equal(keys[0], "compute:slope(dem:image:0)");
  assert_string_equal(keys[2], "compute:slope(dem:image:0[bands:2+0])");
  tc_input all = {.level = 1, .border = TC_BORDER_NEAREST, .scale_x = 3, .scale_y = -2, .left = 1, .bottom = 9,
                  .flags = TC_INPUT_TRANSPOSED | TC_INPUT_FLIPPED_Y};
  key_of(all, from, "a:b(c)", key);
  assert_string_equal(key, "compute:a%3Ab%28c%29(dem:image:0[level:1;turned:ty;scale:3x-2;margin:1+0+0+9;border:nearest])");
  /* What is the default, said in another way, is the same. */
  key_of((tc_input){.scale_x = 1, .scale_y = -1}, from, "slope", key);
  assert_string_equal(key, keys[0]);
  /* One over another: keys within keys are as they are. */
  operation o = {0};
  tc_provider *first = NULL;
  tc_compute_options options = options_of(&o);
  options.name = "slope";
  tc_input in = {.source = from};
  ok(provider_compute(&in, 1, &options, NULL, &first, &err));
  tc_input inputs[] = {{.source = first, .top = 1}, {.source = from}};
  ok(provider_compute(inputs, 2, &options, NULL, &above, &err));
  assert_string_equal(provider_key(above), "compute:slope(compute:slope(dem:image:0)[margin:0+1+0+0],dem:image:0)");
  provider_release(first);
  provider_release(above);
  provider_release(from);
  source_done(&s);
}

/* A source may be called as operators are. */
static void a_source_named_like_an_operator_is_a_source(void **state)
{
  (void)state;
  source s;
  source_init(&s, 64, 64, 16, 16, 1, TC_U8);
  s.key = "compute";
  tc_cache *cache = new_cache(1 << 20);
  tc_provider *from = open_source(&s), *tiles = retiled(from, 32, 32, 0, cache);
  touch(tiles, 0, 0, 0);
  s.seed = 3;
  ok(provider_invalidate(from, &err));
  tc_tile *tile = get(tiles, 0, 0, 0);
  assert_tile(&s, tile, (area){0, 0, 32, 32}, 0, NULL, 1);
  tc_tile_release(tile);
  provider_release(from);
  provider_release(tiles);
  tc_release(cache);
  source_done(&s);
}

/* ---- outputs of other sizes than their inputs, and levels with grids of their own ---- */

static void an_output_may_be_smaller_or_larger_than_its_input(void **state)
{
  (void)state;
  static const int64_t sizes[][2] = {{20, 20}, {61, 100}, {150, 10}, {130, 90}};
  for (size_t i = 0; i < COUNT(sizes); i++)
    for (uint32_t border = 0; border < 3; border++) {
      source s;
      source_init(&s, 61, 47, 17, 13, 1, TC_U8);
      s.image.pad[0] = 9;
      tc_provider *from = open_source(&s), *made = NULL;
      operation o = {0};
      o.input = (tc_input){.source = from, .border = border, .left = 2, .bottom = 3};
      o.width = sizes[i][0], o.height = sizes[i][1];
      tc_image_info info = {.struct_size = sizeof info, .dtype = TC_U8, .width = o.width, .height = o.height,
                            .block_width = 40, .block_height = 11};
      tc_compute_options options = options_of(&o);
      options.image = &info;
      ok(provider_compute(&o.input, 1, &options, NULL, &made, &err));
      static unsigned char all[150 * 100];
      tc_target into = {all, 1, o.width, o.width * o.height, o.width, o.height, 1, TC_U8};
      ok(provider_read_window(made, 0, 0, 0, NULL, 0, &into, &err));
      for (int64_t y = 0; y < o.height; y++)
        for (int64_t x = 0; x < o.width; x++)
          assert_int_equal(all[y * o.width + x], shown(&o, &s, x, y, 0, 0));
      provider_release(from);
      provider_release(made);
      source_done(&s);
    }
}

/* Writes where the block says that it is: row, column, level, and place of each pixel. */
static tc_status say_place(void *user, const tc_place *place, const tc_pixels *in, size_t n, const tc_target *out,
                           tc_error *error)
{
  (void)in, (void)n, (void)error;
  __atomic_fetch_add((int *)user, 1, __ATOMIC_RELAXED);
  for (int64_t y = 0; y < out->height; y++)
    for (int64_t x = 0; x < out->width; x++) {
      int32_t says[5] = {(int32_t)place->row, (int32_t)place->col, place->level, (int32_t)(place->x + x), (int32_t)(place->y + y)};
      for (int32_t b = 0; b < 5; b++)
        memcpy((char *)out->data + b * out->band_stride + y * out->row_stride + x * out->pixel_stride, &says[b], 4);
    }
  return TC_OK;
}

static void levels_are_made_in_full_blocks_and_told_one_place_by_every_call(void **state)
{
  (void)state;
  source s;
  source_init(&s, 100, 75, 16, 8, 1, TC_U8);
  s.image.levels = 4;
  tc_cache *cache = new_cache(1 << 20);
  tc_provider *from = open_source(&s), *made = NULL;
  int calls = 0;
  tc_input in = {.source = from};
  tc_image_info info = {.struct_size = sizeof info, .dtype = TC_I32, .width = 100, .height = 75, .bands = 5, .levels = 4,
                        .block_width = 16, .block_height = 8};
  tc_compute_options options = {.struct_size = sizeof options, .image = &info, .compute = say_place, .user = &calls};
  ok(provider_compute(&in, 1, &options, cache, &made, &err));
  tc_provider *tiles = retiled(made, 9, 10, 0, NULL);
  for (int32_t level = 0; level < 4; level++) {
    tc_provider *alone = NULL;
    ok(provider_level(made, level, &alone, &err));
    int64_t w = halved(100, level), h = halved(75, level);
    tc_image_info of = info_of(alone);
    assert_int_equal(of.width, w);
    assert_int_equal(of.levels, 4 - level);
    assert_int_equal(of.block_width, 16);
    assert_int_equal(of.block_height, 8);
    int before = calls;
    for (int way = 0; way < 3; way++) {
      static int32_t all[5 * 100 * 75];
      tc_target into = {all, 4, 4 * w, 4 * w * h, w, h, 5, TC_I32};
      tc_provider *read = way == 0 ? made : way == 1 ? tiles : alone;
      touch(read, 0, 0, way == 2 ? 0 : level);
      ok(provider_read_window(read, 0, 0, way == 2 ? 0 : level, NULL, 0, &into, &err));
      for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < w; x++) {
          int64_t expected[5] = {y / 8, x / 16, level, x, y};
          for (int32_t b = 0; b < 5; b++)
            assert_int_equal(all[(b * h + y) * w + x], expected[b]);
        }
    }
    assert_int_equal(calls - before, ((w + 15) / 16) * ((h + 7) / 8));
    provider_release(alone);
  }
  provider_release(tiles);
  provider_release(made);
  provider_release(from);
  tc_release(cache);
  source_done(&s);
}

/* Levels in grids of their own, of which one is rounded down. */
static const tc_level own_levels[] = {{129, 97, 32, 32}, {64, 48, 30, 16}, {33, 25, 16, 8}};

static tc_status read_own_grid(void *user, void *session, int64_t row, int64_t col, int32_t level, const int32_t *bands,
                               const tc_target *into, tc_error *error)
{
  (void)session, (void)bands, (void)error;
  const tc_level *of = &own_levels[level];
  for (int64_t y = 0; y < into->height; y++)
    for (int64_t x = 0; x < into->width; x++)
      sample_at(user, col * of->block_width + x, row * of->block_height + y, 0, level,
                (char *)into->data + y * into->row_stride + x * into->pixel_stride);
  return TC_OK;
}

static void inputs_may_have_levels_with_grids_of_their_own(void **state)
{
  (void)state;
  source s;
  source_init(&s, 129, 97, 32, 32, 1, TC_U8);
  s.image.levels = 3;
  s.image.pad[0] = 5;
  tc_source callbacks = source_struct(&s);
  callbacks.levels = own_levels;
  callbacks.read_block = read_own_grid;
  tc_cache *cache = new_cache(1 << 20);
  tc_provider *from = NULL, *made = NULL;
  ok(provider_from_source(&callbacks, &from, &err));
  tc_provider *below = cached(from, cache);
  operation o = {0};
  o.input = (tc_input){.source = below, .left = 3, .bottom = 2};
  o.width = 129, o.height = 97;
  tc_compute_options options = options_of(&o);
  ok(provider_compute(&o.input, 1, &options, cache, &made, &err));
  assert_int_equal(info_of(made).levels, 3);
  for (int32_t level = 0; level < 3; level++) {
    tc_provider *alone = NULL;
    ok(provider_level(made, level, &alone, &err));
    int64_t w = own_levels[level].width, h = own_levels[level].height;
    assert_int_equal(info_of(alone).width, w);
    assert_int_equal(info_of(alone).height, h);
    for (int way = 0; way < 2; way++) {
      static unsigned char all[129 * 97];
      tc_target into = {all, 1, w, w * h, w, h, 1, TC_U8};
      touch(way ? alone : made, 0, 0, way ? 0 : level);
      ok(provider_read_window(way ? alone : made, 0, 0, way ? 0 : level, NULL, 0, &into, &err));
      for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < w; x++) {
          unsigned char at[3] = {0, 5, 5};
          sample_at(&s, x, y, 0, level, &at[0]);
          if (x >= 3)
            sample_at(&s, x - 3, y, 0, level, &at[1]);
          if (y + 2 < h)
            sample_at(&s, x, y + 2, 0, level, &at[2]);
          assert_int_equal(all[y * w + x], (at[0] + 3u * at[1] + 5u * at[2]) % 251);
        }
    }
    provider_release(alone);
  }
  provider_release(from);
  provider_release(below);
  provider_release(made);
  tc_release(cache);
  source_done(&s);
}

/* ---- absent blocks ---- */

/* Of each input whether it is stored, in a bit; the pixels of absent ones must be the pad. */
static tc_status say_stored(void *user, const tc_place *place, const tc_pixels *in, size_t n, const tc_target *out,
                            tc_error *error)
{
  (void)place;
  __atomic_fetch_add((int *)user, 1, __ATOMIC_RELAXED);
  unsigned stored = 0;
  for (size_t i = 0; i < n; i++) {
    bool absent = in[i].flags & TC_PIXELS_ABSENT;
    stored |= absent ? 0 : 1u << i;
    for (int64_t y = 0; absent && y < in[i].height; y++)
      for (int64_t x = 0; x < in[i].width; x++)
        if (*window_pixel(&in[i], 0, x, y) != 40 + i) {
          snprintf(error->message, sizeof error->message, "an absent input is not its pad");
          return 99;
        }
  }
  for (int64_t y = 0; y < out->height; y++)
    memset((char *)out->data + y * out->row_stride, (int)stored, (size_t)out->width);
  return TC_OK;
}

static void a_block_is_absent_where_all_its_inputs_are(void **state)
{
  (void)state;
  for (int sparse = 0; sparse < 2; sparse++) {
    source a, b;
    source_init(&a, 64, 64, 16, 16, 1, TC_U8); /* absent where row + column is odd */
    source_init(&b, 64, 64, 32, 32, 1, TC_U8);
    a.sparse = b.sparse = true;
    a.image.pad[0] = 40, b.image.pad[0] = 41;
    int calls = 0;
    tc_cache *cache = new_cache(1 << 20);
    tc_provider *inputs[2] = {open_source(&a), open_source(&b)}, *made = NULL;
    tc_input in[2] = {{.source = inputs[0]}, {.source = inputs[1]}};
    tc_image_info info = info_of(inputs[0]);
    info.pad[0] = 77;
    info.flags = 0;
    tc_compute_options options = {.struct_size = sizeof options, .image = &info, .compute = say_stored, .user = &calls,
                                  .flags = sparse ? TC_COMPUTE_SPARSE : 0};
    ok(provider_compute(in, 2, &options, cache, &made, &err));
    assert_int_equal((info_of(made).flags & TC_IMAGE_SPARSE) != 0, sparse);
    int expected_calls = 0;
    for (int64_t row = 0; row < 4; row++)
      for (int64_t col = 0; col < 4; col++) {
        bool has_a = (row + col) % 2 == 0, has_b = (row / 2 + col / 2) % 2 == 0, has = has_a || has_b || !sparse;
        int32_t says = 7;
        ok(provider_has_block(made, row, col, 0, &says, &err));
        assert_int_equal(says, has);
        tc_tile *tile = get(made, row, col, 0);
        tc_pixels p;
        tc_tile_pixels(tile, &p);
        assert_int_equal((p.flags & TC_PIXELS_ABSENT) != 0, !has);
        for (int64_t y = 0; y < p.height; y++)
          for (int64_t x = 0; x < p.width; x++)
            assert_int_equal(*window_pixel(&p, 0, x, y), has ? has_a + 2 * has_b : 77);
        tc_tile_release(tile);
        expected_calls += has;
      }
    assert_int_equal(calls, expected_calls);
    provider_release(made);
    /* With a margin a block needs its neighbours too, so none is absent; one that reaches over the edge is no reason. */
    in[0].left = in[0].right = 1;
    options.flags = TC_COMPUTE_SPARSE;
    ok(provider_compute(in, 1, &options, cache, &made, &err));
    int32_t says = 0;
    ok(provider_has_block(made, 0, 1, 0, &says, &err));
    assert_int_equal(says, 1);
    provider_release(made);
    in[0].left = in[0].right = 0, in[0].bottom = 16, in[0].top = 16, in[0].border = TC_BORDER_MIRRORED;
    ok(provider_compute(in, 1, &options, cache, &made, &err));
    ok(provider_has_block(made, 0, 0, 0, &says, &err));
    assert_int_equal(says, 1);
    provider_release(made);
    provider_release(inputs[0]);
    provider_release(inputs[1]);
    tc_release(cache);
    source_done(&a);
    source_done(&b);
  }
}

/* ---- masks and texts ---- */

static void an_output_keeps_the_mask_of_its_first_input_whatever_says_it(void **state)
{
  (void)state;
  for (int how = 0; how < 3; how++) { /* by nodata, by alpha, by a mask of its own */
    source s, m;
    source_init(&s, 64, 48, 16, 16, 2, TC_U8);
    source_init(&m, 64, 48, 20, 20, 1, TC_U8);
    m.seed = 12;
    tc_source callbacks = source_struct(&s);
    tc_band_info infos[2] = {{.struct_size = sizeof *infos}, {.struct_size = sizeof *infos}};
    for (int b = 0; b < 2; b++)
      infos[b].flags = how == 0 ? TC_BAND_HAS_NODATA : 0, infos[b].nodata[0] = 200;
    infos[1].colour = how == 1 ? TC_COLOUR_ALPHA : TC_COLOUR_UNDEFINED;
    callbacks.band_infos = infos;
    tc_provider *mask = how == 2 ? open_source(&m) : NULL, *from = NULL, *made = NULL, *expected = NULL, *kept = NULL;
    callbacks.mask = mask;
    ok(provider_from_source(&callbacks, &from, &err));
    operation o = {0};
    int32_t first = 0;
    o.input = (tc_input){.source = from, .bands = &first, .n_bands = 1, .left = 1};
    o.width = 64, o.height = 48;
    tc_image_info info = {.struct_size = sizeof info, .dtype = TC_U8, .width = 64, .height = 48, .block_width = 24,
                          .block_height = 24};
    tc_compute_options options = options_of(&o);
    options.image = &info;
    options.flags = TC_COMPUTE_KEEP_MASK;
    ok(provider_compute(&o.input, 1, &options, NULL, &made, &err));
    assert_true(info_of(made).flags & TC_IMAGE_HAS_MASK);
    ok(provider_mask(from, &expected, &err));
    ok(provider_mask(made, &kept, &err));
    assert_int_equal(info_of(kept).block_width, 24);
    static unsigned char all[2][64 * 48];
    tc_provider *masks[2] = {expected, kept};
    for (int i = 0; i < 2; i++) {
      tc_target into = {all[i], 1, 64, 64 * 48, 64, 48, 1, TC_U8};
      ok(provider_read_window(masks[i], 0, 0, 0, NULL, 0, &into, &err));
    }
    assert_memory_equal(all[0], all[1], sizeof all[0]);
    provider_release(kept);
    provider_release(expected);
    provider_release(made);
    provider_release(from);
    provider_release(mask);
    source_done(&s);
    if (mask != NULL)
      source_done(&m);
  }
}

static void an_output_keeps_the_texts_of_the_bands_that_it_is_made_from(void **state)
{
  (void)state;
  source s;
  source_init(&s, 64, 64, 16, 16, 3, TC_U8);
  tc_source callbacks = source_struct(&s);
  tc_text texts[] = {{-1, 0, "TITLE", "three bands"}, {0, 0, "NAME", "red"}, {1, 0, "NAME", "green"}, {2, 0, "NAME", "blue"}};
  callbacks.texts = texts;
  callbacks.n_texts = COUNT(texts);
  tc_provider *from = NULL, *made = NULL;
  ok(provider_from_source(&callbacks, &from, &err));
  int32_t bands[] = {2, 0};
  operation o = {0};
  o.input = (tc_input){.source = from, .bands = bands, .n_bands = 2};
  tc_text own = {1, 0, "NAME", "of its own"};
  tc_compute_options options = options_of(&o);
  options.flags = TC_COMPUTE_KEEP_TEXTS;
  ok(provider_compute(&o.input, 1, &options, NULL, &made, &err));
  assert_string_equal(provider_metadata(made, -1, "TITLE"), "three bands");
  assert_string_equal(provider_metadata(made, 0, "NAME"), "blue");
  assert_string_equal(provider_metadata(made, 1, "NAME"), "red");
  provider_release(made);
  options.texts = &own;
  options.n_texts = 1;
  ok(provider_compute(&o.input, 1, &options, NULL, &made, &err));
  assert_string_equal(provider_metadata(made, 0, "NAME"), "blue");
  assert_string_equal(provider_metadata(made, 1, "NAME"), "of its own");
  provider_release(made);
  /* Of one band out of two it is not known which text goes where. */
  tc_image_info info = info_of(from);
  info.bands = 1;
  options.image = &info;
  options.n_texts = 0, options.texts = NULL;
  ok(provider_compute(&o.input, 1, &options, NULL, &made, &err));
  assert_string_equal(provider_metadata(made, -1, "TITLE"), "three bands");
  assert_null(provider_metadata(made, 0, "NAME"));
  provider_release(made);
  options.flags = 0;
  ok(provider_compute(&o.input, 1, &options, NULL, &made, &err));
  assert_null(provider_metadata(made, -1, "TITLE"));
  provider_release(made);
  provider_release(from);
  source_done(&s);
}

/* ---- threads ---- */

/* An image whose every pixel is the version that it is of. */
typedef struct edition {
  int version, published;
  tc_image_info image;
} edition;

static tc_status read_edition(void *user, void *session, int64_t row, int64_t col, int32_t level, const int32_t *bands,
                              const tc_target *into, tc_error *error)
{
  (void)session, (void)row, (void)col, (void)level, (void)bands, (void)error;
  int version = __atomic_load_n(&((edition *)user)->version, __ATOMIC_SEQ_CST);
  for (int64_t y = 0; y < into->height; y++)
    memset((char *)into->data + y * into->row_stride, version, (size_t)into->width);
  return TC_OK;
}

static tc_provider *open_edition(edition *e, int64_t block)
{
  tc_provider *p = NULL;
  memset(e, 0, sizeof *e);
  e->image = (tc_image_info){.struct_size = sizeof e->image, .dtype = TC_U8, .width = 128, .height = 128,
                             .block_width = block, .block_height = block};
  tc_source t = {.struct_size = sizeof t, .threading = TC_CONCURRENT, .user = e, .image = &e->image, .read_block = read_edition};
  ok(provider_from_source(&t, &p, &err));
  return p;
}

/* One band for each input. */
static tc_status both(void *user, const tc_place *place, const tc_pixels *in, size_t n, const tc_target *out, tc_error *error)
{
  (void)user, (void)place, (void)error;
  for (size_t i = 0; i < n; i++)
    for (int64_t y = 0; y < out->height; y++)
      memcpy((char *)out->data + (int64_t)i * out->band_stride + y * out->row_stride, window_pixel(&in[i], 0, 0, y + 1) + 1,
             (size_t)out->width);
  return TC_OK;
}

typedef struct race {
  edition images[2];
  tc_provider *from[2], *read[3];
  int running, wrong;
} race;

static void change_or_read(void *arg, int index)
{
  race *r = arg;
  if (index < 2) {
    edition *e = &r->images[index];
    for (int version = 1; version <= scaled(200) && version < 250; version++) {
      __atomic_store_n(&e->version, version, __ATOMIC_SEQ_CST);
      if (provider_invalidate(r->from[index], NULL) != TC_OK)
        __atomic_store_n(&r->wrong, -1, __ATOMIC_SEQ_CST);
      __atomic_store_n(&e->published, version, __ATOMIC_SEQ_CST);
    }
    __atomic_fetch_sub(&r->running, 1, __ATOMIC_SEQ_CST);
    return;
  }
  uint64_t random = (uint64_t)index;
  while (__atomic_load_n(&r->running, __ATOMIC_SEQ_CST) > 0 && __atomic_load_n(&r->wrong, __ATOMIC_SEQ_CST) == 0) {
    int least[2];
    for (int i = 0; i < 2; i++)
      least[i] = __atomic_load_n(&r->images[i].published, __ATOMIC_SEQ_CST);
    tc_tile *tile = NULL;
    tc_pixels p;
    tc_provider *from = r->read[random_below(&random, 3)];
    if (provider_get_block(from, random_below(&random, 4), random_below(&random, 4), 0, NULL, 0, &tile, NULL) != TC_OK) {
      __atomic_store_n(&r->wrong, -2, __ATOMIC_SEQ_CST);
      return;
    }
    tc_tile_pixels(tile, &p);
    for (int32_t b = 0; b < 2; b++)
      for (int64_t y = 0; y < p.height; y++)
        for (int64_t x = 0; x < p.width; x++)
          if (*((const unsigned char *)p.data + b * p.band_stride + y * p.row_stride + x) < least[b])
            __atomic_store_n(&r->wrong, 1 + b, __ATOMIC_SEQ_CST);
    tc_tile_release(tile);
  }
}

/* The inputs are kept in one cache, the output in another one and, retiled, in both. */
static void no_read_that_begins_after_one_of_two_inputs_changed_sees_it_as_it_was(void **state)
{
  (void)state;
  race r = {0};
  r.from[0] = open_edition(&r.images[0], 32);
  r.from[1] = open_edition(&r.images[1], 20);
  tc_cache *first = new_cache(1 << 20), *second = new_cache(1 << 20);
  tc_provider *below[2] = {cached(r.from[0], first), retiled(r.from[1], 48, 48, 0, first)};
  tc_input in[2] = {{below[0], NULL, 0, 0, TC_BORDER_NEAREST, 0, 0, 1, 1, 1, 1, 0, 0},
                    {below[1], NULL, 0, 0, TC_BORDER_NEAREST, 0, 0, 1, 1, 1, 1, 0, 0}};
  tc_image_info info = {.struct_size = sizeof info, .dtype = TC_U8, .width = 128, .height = 128, .bands = 2,
                        .block_width = 32, .block_height = 32};
  tc_compute_options options = {.struct_size = sizeof options, .image = &info, .compute = both};
  ok(provider_compute(in, 2, &options, second, &r.read[0], &err));
  r.read[1] = retiled(r.read[0], 30, 30, 0, second);
  r.read[2] = retiled(r.read[0], 31, 33, 0, first);
  r.running = 2;
  in_threads(6, change_or_read, &r);
  assert_int_equal(r.wrong, 0);
  for (int i = 0; i < 3; i++) {
    tc_tile *tile = get(r.read[i], 1, 1, 0);
    tc_pixels p;
    tc_tile_pixels(tile, &p);
    for (int b = 0; b < 2; b++)
      assert_int_equal(*((const unsigned char *)p.data + b * p.band_stride), r.images[b].version);
    tc_tile_release(tile);
    provider_release(r.read[i]);
  }
  for (int i = 0; i < 2; i++) {
    provider_release(below[i]);
    provider_release(r.from[i]);
  }
  assert_books(first);
  assert_books(second);
  tc_release(first);
  tc_release(second);
}

/* What is put into an input is what comes out. */
static void what_is_put_into_an_input_is_what_the_output_is_made_from(void **state)
{
  (void)state;
  edition e, other;
  tc_provider *from[2] = {open_edition(&e, 32), open_edition(&other, 32)}, *made = NULL;
  tc_cache *cache = new_cache(1 << 20);
  tc_provider *below = cached(from[0], cache);
  tc_input in[2] = {{below, NULL, 0, 0, TC_BORDER_NEAREST, 0, 0, 1, 1, 1, 1, 0, 0},
                    {from[1], NULL, 0, 0, TC_BORDER_NEAREST, 0, 0, 1, 1, 1, 1, 0, 0}};
  tc_image_info info = {.struct_size = sizeof info, .dtype = TC_U8, .width = 128, .height = 128, .bands = 2,
                        .block_width = 64, .block_height = 64};
  tc_compute_options options = {.struct_size = sizeof options, .image = &info, .compute = both};
  ok(provider_compute(in, 2, &options, cache, &made, &err));
  touch(made, 0, 0, 0);
  static unsigned char pixels[32 * 32];
  memset(pixels, 9, sizeof pixels);
  tc_pixels array = {.data = pixels, .width = 32, .height = 32, .row_stride = 32, .band_stride = 32 * 32, .valid_width = 32,
                     .valid_height = 32, .bands = 1, .dtype = TC_U8};
  ok(tc_put(cache, provider_key(below), 1, 1, 0, NULL, 0, &array, NULL, NULL, &err));
  tc_tile *tile = get(made, 0, 0, 0);
  tc_pixels p;
  tc_tile_pixels(tile, &p);
  assert_int_equal(*window_pixel(&p, 0, 31, 31), 0);
  assert_int_equal(*window_pixel(&p, 0, 32, 32), 9);
  tc_tile_release(tile);
  provider_release(made);
  provider_release(below);
  provider_release(from[0]);
  provider_release(from[1]);
  tc_release(cache);
}

static void get_block_0(void *arg, int index)
{
  (void)index;
  tc_tile *tile = NULL;
  if (provider_get_block(arg, 0, 0, 0, NULL, 0, &tile, NULL) == TC_OK)
    tc_tile_release(tile);
}

/* A function that takes its time, until nobody wants what it makes. */
typedef struct slow {
  int inside, calls, gave_up;
  bool waits;
} slow;

static tc_status take_time(void *user, const tc_place *place, const tc_pixels *in, size_t n, const tc_target *out,
                           tc_error *error)
{
  slow *s = user;
  (void)place, (void)in, (void)n, (void)error;
  __atomic_fetch_add(&s->calls, 1, __ATOMIC_SEQ_CST);
  __atomic_store_n(&s->inside, 1, __ATOMIC_SEQ_CST);
  tc_load *load = tc_load_current();
  for (int ms = 0; __atomic_load_n(&s->waits, __ATOMIC_SEQ_CST) && ms < 20000; ms++) {
    if (tc_load_is_cancelled(load)) {
      __atomic_fetch_add(&s->gave_up, 1, __ATOMIC_SEQ_CST);
      tc_load_release(load);
      return 55;
    }
    sleep_ms(1);
  }
  tc_load_release(load);
  if (!s->waits)
    sleep_ms(20);
  for (int64_t y = 0; y < out->height; y++)
    memset((char *)out->data + y * out->row_stride, 1, (size_t)out->width);
  return TC_OK;
}

static void many_threads_that_want_a_block_have_it_computed_once(void **state)
{
  (void)state;
  source s;
  source_init(&s, 64, 64, 16, 16, 1, TC_U8);
  tc_provider *from = open_source(&s), *made = NULL;
  for (int with = 0; with < 2; with++) {
    slow function = {0};
    tc_cache *cache = with ? new_cache(1 << 20) : NULL;
    tc_input in = {.source = from};
    tc_compute_options options = {.struct_size = sizeof options, .compute = take_time, .user = &function};
    ok(provider_compute(&in, 1, &options, cache, &made, &err));
    int before = decodes(&s);
    in_threads(8, get_block_0, made);
    /* Without a cache a thread that comes late computes it anew. */
    assert_in_range(function.calls, 1, with ? 1 : 8);
    assert_int_equal(decodes(&s) - before, function.calls);
    provider_release(made);
    if (with)
      tc_release(cache);
  }
  provider_release(from);
  source_done(&s);
}

typedef struct cancelled {
  tc_provider *reader;
  slow *function;
  tc_status status;
} cancelled;

static void read_or_cancel(void *arg, int index)
{
  cancelled *c = arg;
  if (index == 0) {
    tc_tile *tile = NULL;
    c->status = provider_get_block(c->reader, 0, 0, 0, NULL, 0, &tile, NULL);
    tc_tile_release(tile);
    return;
  }
  for (int ms = 0; !__atomic_load_n(&c->function->inside, __ATOMIC_SEQ_CST) && ms < 20000; ms++)
    sleep_ms(1);
  provider_cancel(c->reader, NULL);
}

static void a_function_hears_that_nobody_wants_its_block(void **state)
{
  (void)state;
  source s;
  source_init(&s, 64, 64, 16, 16, 1, TC_U8);
  tc_cache *cache = new_cache(1 << 20);
  tc_provider *from = open_source(&s), *made = NULL, *reader = NULL;
  slow function = {.waits = true};
  tc_input in = {.source = from};
  tc_compute_options options = {.struct_size = sizeof options, .compute = take_time, .user = &function};
  ok(provider_compute(&in, 1, &options, cache, &made, &err));
  ok(provider_reader(made, NULL, &reader, &err));
  cancelled c = {reader, &function, TC_OK};
  in_threads(2, read_or_cancel, &c);
  assert_int_equal(c.status, TC_E_CANCELLED);
  for (int ms = 0; !__atomic_load_n(&function.gave_up, __ATOMIC_SEQ_CST) && ms < 20000; ms++)
    sleep_ms(1);
  assert_int_equal(function.gave_up, 1);
  function.waits = false;
  touch(made, 0, 0, 0); /* others notice nothing */
  provider_release(reader);
  provider_release(made);
  provider_release(from);
  assert_books(cache);
  tc_release(cache);
  source_done(&s);
}

/* ---- circles ---- */

typedef struct circle {
  tc_provider *self, *from;
  tc_status status;
} circle;

static tc_status read_itself(void *user, const tc_place *place, const tc_pixels *in, size_t n, const tc_target *out,
                             tc_error *error)
{
  circle *c = user;
  (void)in, (void)n, (void)error;
  tc_tile *tile = NULL;
  c->status = provider_get_block(c->self, place->row, place->col, place->level, NULL, 0, &tile, NULL);
  tc_tile_release(tile);
  /* Another image is no circle. */
  if (provider_get_block(c->from, place->row, place->col, 0, NULL, 0, &tile, NULL) != TC_OK)
    return 66;
  tc_tile_release(tile);
  for (int64_t y = 0; y < out->height; y++)
    memset((char *)out->data + y * out->row_stride, 1, (size_t)out->width);
  return TC_OK;
}

static void a_function_that_asks_for_its_own_block_is_told_so(void **state)
{
  (void)state;
  source s;
  source_init(&s, 64, 64, 16, 16, 1, TC_U8);
  tc_cache *cache = new_cache(1 << 20);
  circle c = {.from = open_source(&s)};
  tc_input in = {.source = c.from};
  tc_compute_options options = {.struct_size = sizeof options, .compute = read_itself, .user = &c};
  ok(provider_compute(&in, 1, &options, cache, &c.self, &err));
  touch(c.self, 1, 1, 0);
  assert_int_equal(c.status, TC_E_REENTRANT);
  provider_release(c.self);
  provider_release(c.from);
  tc_release(cache);
  source_done(&s);
}

/* ---- one image as several inputs ---- */

static tc_status sum_of_all(void *user, const tc_place *place, const tc_pixels *in, size_t n, const tc_target *out,
                            tc_error *error)
{
  (void)user, (void)place, (void)error;
  for (int64_t y = 0; y < out->height; y++)
    for (int64_t x = 0; x < out->width; x++) {
      unsigned sum = 0;
      for (size_t i = 0; i < n; i++)
        sum += *window_pixel(&in[i], 0, x, y);
      *((unsigned char *)out->data + y * out->row_stride + x) = (unsigned char)sum;
    }
  return TC_OK;
}

static void an_image_that_is_several_inputs_is_decoded_once_and_counted_once(void **state)
{
  (void)state;
  source s;
  source_init(&s, 64, 64, 16, 16, 1, TC_U8);
  tc_cache *cache = new_cache(1 << 20);
  tc_provider *from = open_source(&s), *below = cached(from, cache), *made = NULL;
  tc_input in[3] = {{.source = below}, {.source = below, .right = 1}, {.source = below, .flags = TC_INPUT_FLIPPED_X}};
  tc_compute_options options = {.struct_size = sizeof options, .compute = sum_of_all};
  ok(provider_compute(in, 3, &options, cache, &made, &err));
  read_all(made, 0);
  assert_int_equal(most_decodes(&s), 1);
  assert_int_equal(decodes(&s), 16);
  /* Beside one whose blocks are decoded twice, it counts once: 16 of 16 and 32 of 16. */
  source other;
  source_init(&other, 64, 64, 16, 16, 1, TC_U8);
  tc_provider *twice = open_source(&other);
  read_all(twice, 0);
  read_all(twice, 0);
  in[2].source = twice;
  tc_provider *both_of_them = NULL;
  double amplification = 0;
  tc_cache_stats counted = {.struct_size = sizeof counted};
  ok(provider_compute(in, 3, &options, cache, &both_of_them, &err));
  ok(provider_counters(both_of_them, &counted, &amplification, &err));
  assert_true(amplification == 1.5);
  provider_release(twice);
  provider_release(both_of_them);
  source_done(&other);
  provider_release(from);
  provider_release(below);
  provider_release(made);
  tc_release(cache);
  source_done(&s);
}

static tc_status one_and_two(void *user, const tc_place *place, const tc_pixels *in, size_t n, const tc_target *out,
                             tc_error *error)
{
  (void)user, (void)place, (void)n, (void)error;
  for (int64_t y = 0; y < out->height; y++)
    for (int64_t x = 0; x < out->width; x++)
      *((unsigned char *)out->data + y * out->row_stride + x) =
        (unsigned char)(*window_pixel(&in[0], 0, x, y) + 2 * *window_pixel(&in[1], 0, x, y));
  return TC_OK;
}

/* A key names all images beneath, so it doubles with each operator here; what cannot be named is refused. */
static void an_operator_over_two_of_one_image_each_ends_at_a_limit_and_follows_its_source(void **state)
{
  (void)state;
  source s;
  source_init(&s, 32, 32, 16, 16, 1, TC_U8);
  tc_cache *cache = new_cache(1 << 20);
  tc_provider *from = open_source(&s), *top = provider_retain(from);
  tc_status status = TC_OK;
  int n = 0;
  for (; n < 64; n++) {
    tc_input in[2] = {{.source = top}, {.source = top, .right = 1}};
    tc_compute_options options = {.struct_size = sizeof options, .compute = one_and_two, .name = "sum"};
    tc_provider *made = NULL;
    status = provider_compute(in, 2, &options, cache, &made, &err);
    if (status != TC_OK)
      break;
    provider_release(top);
    top = made;
  }
  assert_int_equal(status, TC_E_LIMIT);
  assert_non_null(strstr(err.message, "a key of more than 65536 bytes"));
  assert_in_range(n, 8, 16);
  for (int change = 0; change < 2; change++) {
    tc_tile *tile = get(top, 1, 1, 0);
    tc_pixels p;
    unsigned char expected;
    tc_tile_pixels(tile, &p);
    sample_at(&s, 16, 16, 0, 0, &expected);
    for (int i = 0; i < n; i++)
      expected = (unsigned char)(3 * expected);
    assert_int_equal(*window_pixel(&p, 0, 0, 0), expected);
    tc_tile_release(tile);
    s.seed = 8;
    ok(provider_invalidate(from, &err));
  }
  provider_release(top);
  provider_release(from);
  tc_release(cache);
  source_done(&s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_function_is_given_the_window_that_its_input_names),
    cmocka_unit_test(an_output_may_be_smaller_or_larger_than_its_input),
    cmocka_unit_test(levels_are_made_in_full_blocks_and_told_one_place_by_every_call),
    cmocka_unit_test(inputs_may_have_levels_with_grids_of_their_own),
    cmocka_unit_test(two_images_of_other_grids_give_one_that_follows_both),
    cmocka_unit_test(an_image_that_is_several_inputs_is_decoded_once_and_counted_once),
    cmocka_unit_test(an_operator_over_two_of_one_image_each_ends_at_a_limit_and_follows_its_source),
    cmocka_unit_test(operators_that_read_in_different_ways_have_different_keys),
    cmocka_unit_test(a_source_named_like_an_operator_is_a_source),
    cmocka_unit_test(an_operator_keeps_what_it_is_told_to),
    cmocka_unit_test(an_output_keeps_the_mask_of_its_first_input_whatever_says_it),
    cmocka_unit_test(an_output_keeps_the_texts_of_the_bands_that_it_is_made_from),
    cmocka_unit_test(a_block_is_absent_where_all_its_inputs_are),
    cmocka_unit_test(bad_operators_are_refused_and_lose_nothing),
    cmocka_unit_test(a_function_that_fails_fails_its_block_as_it_says),
    cmocka_unit_test(no_read_that_begins_after_one_of_two_inputs_changed_sees_it_as_it_was),
    cmocka_unit_test(what_is_put_into_an_input_is_what_the_output_is_made_from),
    cmocka_unit_test(many_threads_that_want_a_block_have_it_computed_once),
    cmocka_unit_test(a_function_hears_that_nobody_wants_its_block),
    cmocka_unit_test(a_function_that_asks_for_its_own_block_is_told_so),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
