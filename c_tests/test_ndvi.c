/* The index of examples/ndvi.c is what its formula makes of whole images, of files of different grids. */
#include "support.h"

int ndvi_main(int argc, char **argv);
#define main ndvi_main
#include "../examples/ndvi.c"
#undef main

enum { SIDE = 301 };

static uint8_t *random_file(const char *path, uint32_t side, uint64_t seed)
{
  uint8_t *pixels = malloc((size_t)side * side);
  assert_non_null(pixels);
  for (size_t i = 0; i < (size_t)side * side; i++)
    pixels[i] = (uint8_t)random_below(&seed, 40);
  write_grey_tiff(path, side, pixels);
  return pixels;
}

static void the_index_is_what_whole_images_give(void **state)
{
  (void)state;
  static const struct { uint32_t times; int64_t red_tile, infrared_tile, tile; uint64_t budget; } rows[] = {
    {1, 100, 64, 97, 64 << 20}, {2, 60, 256, 128, 1 << 20}, {3, 256, 31, 50, 0}, {7, 128, 128, 61, 1 << 18},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    const uint32_t side = (SIDE + rows[i].times - 1) / rows[i].times;
    uint8_t *red = random_file("red.tif", SIDE, 3), *infrared = random_file("infrared.tif", side, 4);
    tc_provider *files[2] = {NULL, NULL};
    ok(provider_open("red.tif", NULL, &files[0], &err));
    ok(provider_open("infrared.tif", NULL, &files[1], &err));
    tc_cache *cache = new_cache(rows[i].budget);
    tc_provider *red_tiles = retiled(files[0], rows[i].red_tile, rows[i].red_tile, 0, cache);
    tc_provider *infrared_tiles = retiled(files[1], rows[i].infrared_tile, rows[i].infrared_tile, 0, cache);
    tc_provider *index = ndvi(red_tiles, infrared_tiles, cache);
    tc_provider *tiles = retiled(index, rows[i].tile, rows[i].tile, 0, cache);
    tc_image_info made = info_of(tiles);
    assert_int_equal(made.width, SIDE);
    assert_int_equal(made.height, SIDE);
    for (int64_t row = 0; row < made.grid_rows; row++)
      for (int64_t col = 0; col < made.grid_cols; col++) {
        tc_tile *tile = get(tiles, row, col, 0);
        tc_pixels p;
        tc_tile_pixels(tile, &p);
        for (int64_t y = 0; y < p.height; y++)
          for (int64_t x = 0; x < p.width; x++) {
            int64_t at_x = col * rows[i].tile + x, at_y = row * rows[i].tile + y;
            double r = red[at_y * SIDE + at_x], n = infrared[at_y / rows[i].times * side + at_x / rows[i].times];
            float right = r + n == 0 ? 0 : (float)((n - r) / (n + r)), found;
            memcpy(&found, (const char *)p.data + y * p.row_stride + x * 4, sizeof found);
            assert_memory_equal(&found, &right, sizeof right);
          }
        tc_tile_release(tile);
      }
    tc_provider *release[] = {tiles, index, red_tiles, infrared_tiles, files[0], files[1]};
    for (size_t n = 0; n < COUNT(release); n++)
      provider_release(release[n]);
    tc_release(cache);
    free(red);
    free(infrared);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_index_is_what_whole_images_give),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
