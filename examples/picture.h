/* Overviews of images, put together from its tiles as they come by, and written as a PNG. */
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

/* Pictures of as many rows beside each other. The samples of a picture with `as_is` are 0 to 255; of another they are
 * stretched from the least to the greatest. The grid of the tiles is drawn over the pictures that have one.
 * Returns 0, or an errno. */
struct panel {
    const struct picture *picture;
    int as_is;
    int64_t tile_width, tile_height; /* 0: no grid */
};
int picture_write(const struct panel *panels, int n_panels, const char *path);

#endif
