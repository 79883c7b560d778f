/* An overview of an image, put together from its tiles as they come by, and written as a PNG. */
#ifndef PICTURE_H
#define PICTURE_H

#include <stdint.h>

#include "tilecache.h"

struct picture;

/* Of an image of width x height pixels, in 1 band (grey) or 3 (colour), at most max_side pixels wide and high.
 * NULL: no memory. */
struct picture *picture_new(int64_t width, int64_t height, int bands, int max_side);
void picture_free(struct picture *picture);

/* A tile whose first pixel lies at (x, y) of the image; of any type. Pixels that are not data stay black.
 * Returns 0, or an errno. */
int picture_add(struct picture *picture, const tc_image_info *image, const tc_tile *tile, int64_t x, int64_t y);

/* Contrast stretched from the darkest to the brightest 2 %, with the grid of the tiles drawn over it.
 * Returns 0, or an errno. */
int picture_write(struct picture *picture, const char *path, int64_t tile_width, int64_t tile_height);

#endif
