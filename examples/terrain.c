/* Hillshade, colour, rotation and five halvings of a file of heights (32-bit floats): one image, whose blocks are
 * computed when they are asked for, each once however many threads want it.
 *
 *     terrain heights.tif > overview.ppm */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tilecache.h"

static tc_error problem;

static void must(tc_status status)
{
    if (status != TC_OK) {
        fprintf(stderr, "%s: %s\n", tc_status_name(status), problem.message);
        exit(EXIT_FAILURE);
    }
}

/* ---- what is computed: the pixels of a block, from those of its window ---- */

static float height(const tc_pixels *in, int64_t x, int64_t y)
{
    return ((const float *)in->data)[y * (in->row_stride / 4) + x];
}

static unsigned byte(const tc_pixels *in, int64_t x, int64_t y, int32_t band)
{
    return ((const uint8_t *)in->data)[band * in->band_stride + y * in->row_stride + x];
}

static void put(const tc_target *out, int64_t x, int64_t y, int32_t band, unsigned value)
{
    ((uint8_t *)out->data)[band * out->band_stride + y * out->row_stride + x * out->pixel_stride] = (uint8_t)value;
}

#define FUNCTION(name) \
    static tc_status name(void *user, const tc_place *place, const tc_pixels *in, size_t n, const tc_target *out, tc_error *e)
#define UNUSED (void)user, (void)place, (void)n, (void)e
#define EACH_PIXEL for (int64_t y = 0; y < out->height; y++) for (int64_t x = 0; x < out->width; x++)
#define EACH_BAND for (int32_t b = 0; b < out->bands; b++)

FUNCTION(shade) /* with light from the upper left; the window has one more pixel on each side */
{
    UNUSED;
    EACH_PIXEL {
        double dx = (height(in, x + 2, y + 1) - height(in, x, y + 1)) / 2.0;
        double dy = (height(in, x + 1, y + 2) - height(in, x + 1, y)) / 2.0;
        double light = (dx + dy + 1) / sqrt(3 * (dx * dx + dy * dy + 1));
        put(out, x, y, 0, light > 0 ? (unsigned)(light * 255 + 0.5) : 0);
    }
    return TC_OK;
}

FUNCTION(colour) /* from blue through green to white */
{
    UNUSED;
    EACH_PIXEL {
        unsigned v = byte(in, x, y, 0);
        put(out, x, y, 0, v * v / 255);
        put(out, x, y, 1, v);
        put(out, x, y, 2, 128 + v / 2 - v * v / 65025);
    }
    return TC_OK;
}

FUNCTION(turn) /* clockwise: the window lies as it does in the input */
{
    UNUSED;
    EACH_BAND EACH_PIXEL put(out, x, y, b, byte(in, y, in->height - 1 - x, b));
    return TC_OK;
}

FUNCTION(halve)
{
    UNUSED;
    EACH_BAND EACH_PIXEL {
        unsigned above = byte(in, 2 * x, 2 * y, b) + byte(in, 2 * x + 1, 2 * y, b);
        unsigned below = byte(in, 2 * x, 2 * y + 1, b) + byte(in, 2 * x + 1, 2 * y + 1, b);
        put(out, x, y, b, (above + below + 2) / 4);
    }
    return TC_OK;
}

/* ---- the chain ---- */

/* What a function makes of an image, which it takes over. With `bands` the output has the size of the image, and so
 * many bands of bytes; else it is what `how` makes of the image. */
static tc_provider *step(tc_provider *of, const char *name, tc_compute_fn function, tc_input how, int32_t bands,
                         tc_cache *cache)
{
    tc_compute_options options = {.struct_size = sizeof options, .name = name, .compute = function};
    tc_image_info info = {.struct_size = sizeof info}, image = {.struct_size = sizeof image};
    tc_provider *made;
    must(provider_info(of, &info, &problem));
    image.dtype = TC_U8, image.width = info.width, image.height = info.height, image.bands = bands, image.levels = 1;
    image.block_width = image.block_height = 256;
    options.image = bands > 0 ? &image : NULL;
    how.source = of;
    must(provider_compute(&how, 1, &options, cache, &made, &problem));
    provider_release(of); /* which the output keeps alive */
    return made;
}

static tc_provider *terrain(tc_provider *heights, tc_cache *cache)
{
    tc_input around = {.left = 1, .top = 1, .right = 1, .bottom = 1, .border = TC_BORDER_NEAREST};
    tc_input turned = {.flags = TC_INPUT_TRANSPOSED | TC_INPUT_FLIPPED_X};
    tc_input twice = {.scale_x = 2, .scale_y = 2, .border = TC_BORDER_NEAREST};
    tc_provider *image = step(heights, "shade", shade, around, 1, cache);
    image = step(image, "colour", colour, (tc_input){0}, 3, cache);
    image = step(image, "turn", turn, turned, 0, cache);
    for (int i = 0; i < 5; i++)
        image = step(image, "halve", halve, twice, 0, cache);
    return image;
}

int main(int argc, char **argv)
{
    tc_cache *cache;
    tc_provider *file;
    tc_image_info info = {.struct_size = sizeof info};
    must(tc_create(tc_default_budget(), NULL, &cache, &problem));
    must(provider_open(argc > 1 ? argv[1] : "heights.tif", NULL, &file, &problem));
    must(provider_info(file, &info, &problem));
    if (info.dtype != TC_F32) {
        fprintf(stderr, "the heights are no 32-bit floats\n");
        return EXIT_FAILURE;
    }
    tc_provider *image = terrain(file, cache);
    must(provider_info(image, &info, &problem));
    size_t size = (size_t)(info.width * info.height) * 3;
    uint8_t *pixels = malloc(size);
    if (pixels == NULL)
        return EXIT_FAILURE;
    tc_target into = {pixels, 3, info.width * 3, 1, info.width, info.height, 3, TC_U8};
    must(provider_read_window(image, 0, 0, 0, NULL, 0, &into, &problem));
    printf("P6 %lld %lld 255\n", (long long)info.width, (long long)info.height);
    fwrite(pixels, 1, size, stdout);
    free(pixels);
    provider_release(image);
    tc_release(cache);
    return EXIT_SUCCESS;
}
