/* The vegetation index of two files: (infrared - red) / (infrared + red), as 32-bit floats. The files may have
 * blocks of any sizes, and the infrared one pixels several times as large.
 *
 *     ndvi red.tif infrared.tif column row */
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

static double sample(const tc_pixels *of, int64_t x, int64_t y)
{
    const char *row = (const char *)of->data + y * of->row_stride;
    return of->dtype == TC_U8 ? ((const uint8_t *)row)[x] : ((const uint16_t *)row)[x];
}

/* Pixel x of a block has its infrared in that pixel of the window in which the block's column x lies. */
static tc_status index_of(void *user, const tc_place *place, const tc_pixels *in, size_t n, const tc_target *out,
                          tc_error *e)
{
    int64_t times = *(const int64_t *)user;
    (void)n, (void)e;
    for (int64_t y = 0; y < out->height; y++)
        for (int64_t x = 0; x < out->width; x++) {
            double red = sample(&in[0], x, y);
            double infrared = sample(&in[1], (place->x + x) / times - place->x / times,
                                     (place->y + y) / times - place->y / times);
            float *to = (float *)((char *)out->data + y * out->row_stride + x * out->pixel_stride);
            *to = red + infrared == 0 ? 0 : (float)((infrared - red) / (infrared + red));
        }
    return TC_OK;
}

/* The index of two images of unsigned bytes or 16-bit integers. */
static tc_provider *ndvi(tc_provider *red, tc_provider *infrared, tc_cache *cache)
{
    tc_image_info r = {.struct_size = sizeof r}, i = {.struct_size = sizeof i}, image = {.struct_size = sizeof image};
    must(provider_info(red, &r, &problem));
    must(provider_info(infrared, &i, &problem));
    int64_t *times = malloc(sizeof *times);
    if (times == NULL || (r.dtype != TC_U8 && r.dtype != TC_U16) || (i.dtype != TC_U8 && i.dtype != TC_U16)) {
        fprintf(stderr, "these are no images of unsigned bytes or 16-bit integers\n");
        exit(EXIT_FAILURE);
    }
    *times = (r.width + i.width - 1) / i.width;
    tc_input inputs[] = {{.source = red}, {.source = infrared}};
    inputs[0].n_bands = inputs[1].n_bands = 1;
    inputs[0].bands = inputs[1].bands = (const int32_t[]){0};
    inputs[1].scale_x = inputs[1].scale_y = (int32_t)-*times;
    image.dtype = TC_F32, image.width = r.width, image.height = r.height, image.bands = image.levels = 1;
    image.block_width = image.block_height = 256;
    tc_compute_options options = {.struct_size = sizeof options, .image = &image, .name = "ndvi", .compute = index_of,
                                  .user = times, .release = free};
    tc_provider *made;
    must(provider_compute(inputs, 2, &options, cache, &made, &problem));
    return made;
}

int main(int argc, char **argv)
{
    tc_cache *cache;
    tc_provider *red, *infrared;
    if (argc != 5) {
        fprintf(stderr, "usage: ndvi red.tif infrared.tif column row\n");
        return EXIT_FAILURE;
    }
    must(tc_create(tc_default_budget(), NULL, &cache, &problem));
    must(provider_open(argv[1], NULL, &red, &problem));
    must(provider_open(argv[2], NULL, &infrared, &problem));
    tc_provider *index = ndvi(red, infrared, cache);
    float value;
    tc_target into = {&value, 0, 0, 0, 1, 1, 1, TC_F32};
    must(provider_read_window(index, atoll(argv[3]), atoll(argv[4]), 0, NULL, 0, &into, &problem));
    printf("%g\n", value);
    provider_release(red);
    provider_release(infrared);
    provider_release(index);
    tc_release(cache);
    return EXIT_SUCCESS;
}
