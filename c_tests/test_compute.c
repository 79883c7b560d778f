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
  tc_text text = {"TITLE", "a picture", -1, 0};
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
  assert_string_equal(provider_metadata(made, "TITLE", -1), "a picture");
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
  fails(TC_E_ARGUMENT, "TC_COMPUTE_KEEP_MASK", provider_compute(&o.input, 1, &options, NULL, &made, &err));
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
  int32_t ninth = 9, twice[2] = {0, 0};
  BAD(TC_E_ARGUMENT, "inputs[0]", in.source = NULL);
  BAD(TC_E_RANGE, "inputs[0]: band", (in.bands = &ninth, in.n_bands = 1));
  BAD(TC_E_ARGUMENT, "inputs[0]", in.n_bands = 1);
  BAD(TC_E_ARGUMENT, "inputs[0]", (in.bands = twice, in.n_bands = 2));
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
  options.flags = 16;
  BAD(TC_E_ARGUMENT, "flags of options is 0x10", (void)0);
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
  assert_non_null(strstr(err.message, "the operator tunnel"));
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

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_function_is_given_the_window_that_its_input_names),
    cmocka_unit_test(two_images_of_other_grids_give_one_that_follows_both),
    cmocka_unit_test(an_operator_keeps_what_it_is_told_to),
    cmocka_unit_test(bad_operators_are_refused_and_lose_nothing),
    cmocka_unit_test(a_function_that_fails_fails_its_block_as_it_says),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
