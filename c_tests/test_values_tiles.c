/* Copies of a tile into a caller's memory, in any layout, order and type. */
#include "support.h"

enum { W = 24, H = 18, B = 3, GUARD = 0x5a };

/* One tile of W x H with B bands. */
typedef struct { source s; tc_provider *p; tc_tile *tile; } rig;

static void rig_init(rig *r, tc_dtype dtype)
{
  source_init(&r->s, W, H, W, H, B, dtype);
  r->p = open_source(&r->s);
  r->tile = get(r->p, 0, 0, 0);
}

static void rig_done(rig *r)
{
  tc_tile_release(r->tile);
  provider_release(r->p);
  source_done(&r->s);
}

/* Strides of a `w` x `h` target of n bands of `e` bytes, and the offset of its first sample. */
typedef struct { const char *name; int64_t pixel, row, band, origin; } layout;

static int layouts_of(layout *out, int64_t w, int64_t h, int64_t n, int64_t e)
{
  const layout all[] = {
    {"band-sequential", e, w * e, w * h * e, 0},
    {"by line", e, w * n * e, w * e, 0},
    {"by pixel", n * e, w * n * e, e, 0},
    {"bottom-up", e, -w * e, w * h * e, (h - 1) * w * e},
    {"mirrored", -e, w * e, w * h * e, (w - 1) * e},
    {"bands reversed", e, w * e, -w * h * e, (n - 1) * w * h * e},
    {"transposed", h * e, e, w * h * e, 0},
  };
  memcpy(out, all, sizeof all);
  return COUNT(all);
}

static void every_layout_and_part(void **state)
{
  (void)state;
  static const area parts[] = {{0, 0, W, H}, {5, 3, 7, 9}, {W - 1, H - 1, 1, 1}, {0, 4, W, 1}};
  static const int32_t bands[] = {2, 0, 2, 1};
  enum { N = COUNT(bands), E = 2, AROUND = 64 };
  static unsigned char memory[AROUND + W * H * N * E + AROUND];
  rig r;
  rig_init(&r, TC_U16);
  for (size_t part = 0; part < COUNT(parts); part++) {
    area a = parts[part];
    layout layouts[8];
    int n = layouts_of(layouts, a.width, a.height, N, E);
    for (int i = 0; i < n; i++) {
      unsigned char *first = memory + AROUND + layouts[i].origin;
      tc_target into = {first, layouts[i].pixel, layouts[i].row, layouts[i].band, a.width, a.height, N, 0};
      memset(memory, GUARD, sizeof memory);
      ok(tc_tile_copy(r.tile, a.x, a.y, bands, N, &into, &err));
      for (int32_t b = 0; b < N; b++)
        for (int64_t y = 0; y < a.height; y++)
          for (int64_t x = 0; x < a.width; x++) {
            unsigned char sample[16];
            sample_at(&r.s, a.x + x, a.y + y, bands[b], 0, sample);
            if (memcmp(first + b * into.band_stride + y * into.row_stride + x * into.pixel_stride, sample, E) != 0)
              fail_msg("%s: band %d, column %d, row %d", layouts[i].name, (int)b, (int)x, (int)y);
          }
      size_t end = AROUND + (size_t)(a.width * a.height) * N * E;
      for (size_t at = 0; at < sizeof memory; at++)
        if ((at < AROUND || at >= end) && memory[at] != GUARD)
          fail_msg("%s: byte %d outside was written", layouts[i].name, (int)at);
    }
  }
  rig_done(&r);
}

static void no_strides_mean_packed_and_no_list_all_bands(void **state)
{
  (void)state;
  static unsigned char memory[W * H * B];
  rig r;
  tc_pixels pixels;
  rig_init(&r, TC_U8);
  tc_target into = {memory, 0, 0, 0, W, H, B, 0};
  ok(tc_tile_copy(r.tile, 0, 0, NULL, 0, &into, &err));
  memset(&pixels, 0, sizeof pixels);
  pixels.data = memory;
  pixels.width = pixels.valid_width = pixels.row_stride = W;
  pixels.height = pixels.valid_height = H;
  pixels.band_stride = W * H;
  pixels.bands = B;
  pixels.dtype = TC_U8;
  assert_true(pixels_match(&r.s, &pixels, 0, 0, 0, NULL));
  rig_done(&r);
}

static void rgba_in_one_call(void **state)
{
  (void)state;
  static const int32_t rgba[] = {2, 1, 0, TC_BAND_OPAQUE};
  static unsigned char memory[W * H * 4];
  rig r;
  rig_init(&r, TC_U8);
  tc_target into = {memory, 4, W * 4, 1, W, H, 4, TC_U8};
  ok(tc_tile_copy(r.tile, 0, 0, rgba, 4, &into, &err));
  for (int64_t at = 0; at < W * H; at++)
    for (int32_t b = 0; b < 4; b++) {
      unsigned char sample[16] = {255};
      if (rgba[b] != TC_BAND_OPAQUE)
        sample_at(&r.s, at % W, at / W, rgba[b], 0, sample);
      assert_int_equal(memory[at * 4 + b], sample[0]);
    }
  rig_done(&r);
}

static void opaque_is_the_maximum_of_the_type(void **state)
{
  (void)state;
  static const int32_t alpha[] = {TC_BAND_OPAQUE};
  static const float one = 1;
  static const int16_t most = INT16_MAX;
  static const uint16_t white = UINT16_MAX;
  static const struct { tc_dtype dtype; const void *sample; } rows[] = {
    {TC_F32, &one}, {TC_I16, &most}, {TC_U16, &white},
  };
  rig r;
  rig_init(&r, TC_U8);
  for (size_t i = 0; i < COUNT(rows); i++) {
    double memory = 0;
    tc_target into = {&memory, 0, 0, 0, 1, 1, 1, rows[i].dtype};
    ok(tc_tile_copy(r.tile, 0, 0, alpha, 1, &into, &err));
    assert_memory_equal(&memory, rows[i].sample, sample_size(rows[i].dtype));
  }
  rig_done(&r);
}

/* Rounded to nearest and clamped, from a tile of one f64 sample. */
static void conversion_rounds_and_clamps(void **state)
{
  (void)state;
  static const struct { double from; uint8_t u8; int16_t i16; float f32; } rows[] = {
    {0.4, 0, 0, 0.4f},       {0.6, 1, 1, 0.6f},           {254.6, 255, 255, 254.6f}, {255.4, 255, 255, 255.4f},
    {-3, 0, -3, -3},         {-2.6, 0, -3, -2.6f},        {300, 255, 300, 300},      {40000, 255, INT16_MAX, 40000},
    {-1e9, 0, INT16_MIN, -1e9f},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    tc_image_info image;
    tc_provider *p = NULL;
    double sample = rows[i].from;
    uint8_t u8;
    int16_t i16;
    float f32;
    memset(&image, 0, sizeof image);
    image.struct_size = sizeof image;
    image.dtype = TC_F64;
    image.width = image.height = image.block_width = image.block_height = 1;
    image.bands = image.levels = 1;
    tc_target array = {&sample, 0, 0, 0, 1, 1, 1, TC_F64};
    ok(provider_from_memory(&array, &image, NULL, NULL, NULL, &p, &err));
    tc_tile *tile = get(p, 0, 0, 0);
    const struct { void *into; tc_dtype dtype; } targets[] = {{&u8, TC_U8}, {&i16, TC_I16}, {&f32, TC_F32}};
    for (size_t t = 0; t < COUNT(targets); t++) {
      tc_target into = {targets[t].into, 0, 0, 0, 1, 1, 1, targets[t].dtype};
      ok(tc_tile_copy(tile, 0, 0, NULL, 0, &into, &err));
    }
    assert_int_equal(u8, rows[i].u8);
    assert_int_equal(i16, rows[i].i16);
    assert_true(f32 == rows[i].f32);
    tc_tile_release(tile);
    provider_release(p);
  }
}

static void a_part_outside_is_refused_and_writes_nothing(void **state)
{
  (void)state;
  static const struct { int64_t x, y, width, height; const char *names; } rows[] = {
    {-1, 0, 1, 1, "-1"}, {0, -7, 1, 1, "-7"},       {1, 0, W, 1, "24"},
    {0, 1, 1, H, "18"},  {W, 0, 1, 1, "24"},        {INT64_MAX, 0, 1, 1, "9223372036854775807"},
  };
  static unsigned char memory[W * H * B];
  rig r;
  rig_init(&r, TC_U8);
  memset(memory, GUARD, sizeof memory);
  for (size_t i = 0; i < COUNT(rows); i++) {
    tc_target into = {memory, 0, 0, 0, rows[i].width, rows[i].height, B, 0};
    fails(TC_E_RANGE, rows[i].names, tc_tile_copy(r.tile, rows[i].x, rows[i].y, NULL, 0, &into, &err));
  }
  for (size_t at = 0; at < sizeof memory; at++)
    assert_int_equal(memory[at], GUARD);
  rig_done(&r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_layout_and_part),
    cmocka_unit_test(no_strides_mean_packed_and_no_list_all_bands),
    cmocka_unit_test(rgba_in_one_call),
    cmocka_unit_test(opaque_is_the_maximum_of_the_type),
    cmocka_unit_test(conversion_rounds_and_clamps),
    cmocka_unit_test(a_part_outside_is_refused_and_writes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
