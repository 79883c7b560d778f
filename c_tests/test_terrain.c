/* The chain of examples/terrain.c is what the same formulas make of whole images. */
#include "support.h"

int terrain_main(int argc, char **argv);
#define main terrain_main
#include "../examples/terrain.c"
#undef main

typedef struct whole { int64_t width, height, bands; uint8_t *pixels; } whole;

static whole new_whole(int64_t width, int64_t height, int64_t bands)
{
  whole w = {width, height, bands, calloc((size_t)(width * height * bands), 1)};
  assert_non_null(w.pixels);
  return w;
}

static uint8_t *pixel(const whole *w, int64_t x, int64_t y, int64_t band)
{
  x = x < w->width ? x : w->width - 1;
  y = y < w->height ? y : w->height - 1;
  return &w->pixels[(band * w->height + y) * w->width + x];
}

static int64_t clamp(int64_t at, int64_t size)
{
  return at < 0 ? 0 : at < size ? at : size - 1;
}

/* The same image as of the chain, each step made of all of the one before. */
static whole whole_terrain(const float *heights, int64_t width, int64_t height)
{
  whole shaded = new_whole(width, height, 1), turned = new_whole(height, width, 3);
#define HEIGHT(x, y) heights[clamp((y), height) * width + clamp((x), width)]
  for (int64_t y = 0; y < height; y++)
    for (int64_t x = 0; x < width; x++) {
      double dx = (HEIGHT(x + 1, y) - HEIGHT(x - 1, y)) / 2.0, dy = (HEIGHT(x, y + 1) - HEIGHT(x, y - 1)) / 2.0;
      double light = (dx + dy + 1) / sqrt(3 * (dx * dx + dy * dy + 1));
      unsigned v = light > 0 ? (unsigned)(light * 255 + 0.5) : 0;
      *pixel(&shaded, x, y, 0) = (uint8_t)v;
      uint8_t rgb[] = {(uint8_t)(v * v / 255), (uint8_t)v, (uint8_t)(128 + v / 2 - v * v / 65025)};
      for (int b = 0; b < 3; b++)
        *pixel(&turned, height - 1 - y, x, b) = rgb[b];
    }
  free(shaded.pixels);
  for (int step = 0; step < 5; step++) {
    whole half = new_whole((turned.width + 1) / 2, (turned.height + 1) / 2, 3);
    for (int64_t b = 0; b < 3; b++)
      for (int64_t y = 0; y < half.height; y++)
        for (int64_t x = 0; x < half.width; x++) {
          unsigned sum = 2;
          for (int i = 0; i < 4; i++)
            sum += *pixel(&turned, 2 * x + i % 2, 2 * y + i / 2, b);
          *pixel(&half, x, y, b) = (uint8_t)(sum / 4);
        }
    free(turned.pixels);
    turned = half;
  }
  return turned;
}

static void the_chain_is_what_whole_images_give(void **state)
{
  (void)state;
  static const struct { int64_t width, height, block_width, block_height, tile; uint64_t budget; } rows[] = {
    {700, 450, 700, 16, 7, 64 << 20}, {401, 633, 64, 64, 16, 1 << 20}, {333, 222, 100, 7, 5, 0},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    const int64_t width = rows[i].width, height = rows[i].height;
    uint64_t random = 7 + i;
    float *heights = malloc((size_t)(width * height) * sizeof *heights);
    assert_non_null(heights);
    for (int64_t at = 0; at < width * height; at++)
      heights[at] = (float)(at % width + 2 * (at / width)) / 9 + (float)random_below(&random, 1000) / 300;
    tc_image_info info = {.struct_size = sizeof info, .dtype = TC_F32, .width = width, .height = height, .bands = 1,
                          .levels = 1, .block_width = rows[i].block_width, .block_height = rows[i].block_height};
    tc_target array = {heights, 0, 0, 0, width, height, 1, TC_F32};
    tc_provider *from = NULL;
    ok(provider_from_memory(&array, &info, NULL, NULL, NULL, &from, &err));
    tc_cache *cache = new_cache(rows[i].budget);
    tc_provider *image = terrain(from, cache);
    whole right = whole_terrain(heights, width, height);
    tc_image_info made = info_of(image);
    assert_int_equal(made.width, right.width);
    assert_int_equal(made.height, right.height);
    assert_int_equal(made.bands, 3);
    tc_provider *tiles = retiled(image, rows[i].tile, rows[i].tile, 0, cache);
    made = info_of(tiles);
    for (int64_t row = 0; row < made.grid_rows; row++)
      for (int64_t col = 0; col < made.grid_cols; col++) {
        tc_tile *tile = get(tiles, row, col, 0);
        tc_pixels p;
        tc_tile_pixels(tile, &p);
        for (int32_t b = 0; b < 3; b++)
          for (int64_t y = 0; y < p.height; y++)
            for (int64_t x = 0; x < p.width; x++)
              assert_int_equal(((const uint8_t *)p.data)[b * p.band_stride + y * p.row_stride + x],
                               *pixel(&right, col * rows[i].tile + x, row * rows[i].tile + y, b));
        tc_tile_release(tile);
      }
    provider_release(tiles);
    provider_release(image);
    tc_release(cache);
    free(right.pixels);
    free(heights);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_chain_is_what_whole_images_give),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
