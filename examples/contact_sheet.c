/* What the library shows without being told how: six kinds of images, each as its samples stretched from the least to the
 * greatest, and as displayed.
 *
 *     contact_sheet sheet.png
 *
 * Prints a row of a table for each: the kind, the chain, and its reasons. The images are made here, of noise. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "picture.h"
#include "scene.h"
#include "tilecache.h"

enum { SIDE = 256, MAX_BANDS = 8, MAX_TEXTS = 9 };

static tc_error err;

static void must(tc_status status)
{
    if (status != TC_OK) {
        fprintf(stderr, "%s: %s\n", tc_status_name(status), err.message);
        exit(EXIT_FAILURE);
    }
}

/* A kind of image: what is known of it, and a sample of a band. */
typedef struct kind {
    const char *name;
    tc_dtype dtype;
    int32_t bands, bits;
    void (*sample)(int32_t x, int32_t y, int32_t band, double value[2]);
    const double *nodata;
    tc_text texts[MAX_TEXTS];
} kind;

/* ---- what is seen: 0 to 1 ---- */

static double relief(int32_t x, int32_t y)
{
    return 0.5 + 0.6 * scene_noise((float)x / 90, (float)y / 90, 3, 6);
}

static double light(int32_t x, int32_t y)
{
    double slope = (relief(x + 1, y) - relief(x, y)) + (relief(x, y + 1) - relief(x, y));
    double fields = 0.15 * scene_noise(floorf((float)x / 17), floorf((float)y / 11), 9, 1);
    return fmin(fmax(0.35 + 9 * slope + fields, 0), 1);
}

static int is_water(int32_t x, int32_t y)
{
    return relief(x, y) < 0.33;
}

/* ---- samples ---- */

/* Most of 2,048 values are not used, and a few glints take the last one. */
static void panchromatic(int32_t x, int32_t y, int32_t band, double value[2])
{
    (void)band;
    value[0] = is_water(x, y) ? 170 : 190 + 420 * light(x, y);
    if (scene_noise((float)x / 1.7f, (float)y / 1.7f, 77, 1) > 0.62f)
        value[0] = 2047;
}

/* Eight bands from violet to infrared; plants are bright beyond red. */
static void multispectral(int32_t x, int32_t y, int32_t band, double value[2])
{
    static const double haze[MAX_BANDS] = {900, 700, 430, 330, 270, 230, 170, 120};
    static const double plants[MAX_BANDS] = {0.3, 0.35, 0.8, 0.5, 0.35, 1.4, 2.6, 2.7};
    static const double soil[MAX_BANDS] = {0.5, 0.6, 0.9, 1.1, 1.25, 1.3, 1.4, 1.5};
    double part = fmin(fmax(0.5 + 1.5 * scene_noise((float)x / 40, (float)y / 40, 21, 4), 0), 1);
    double reflected = part * plants[band] + (1 - part) * soil[band];
    if (is_water(x, y))
        reflected = 0.7 * exp(-0.6 * band);
    value[0] = haze[band] + 1200 * reflected * (0.3 + light(x, y));
}

static const double NO_HEIGHT = -32768;

static void elevation(int32_t x, int32_t y, int32_t band, double value[2])
{
    (void)band;
    int32_t dx = x - 200, dy = y - 60;
    value[0] = dx * dx + dy * dy < 1200 ? NO_HEIGHT : 412.5 + 380 * relief(x, y);
}

/* Hundredths of a decibel. */
static void decibels(int32_t x, int32_t y, int32_t band, double value[2])
{
    (void)band;
    double speckle = scene_noise((float)x / 1.3f, (float)y / 1.3f, 5, 1);
    value[0] = round(100 * ((is_water(x, y) ? -24 : -15 + 9 * light(x, y)) + 4 * speckle));
}

static void radar(int32_t x, int32_t y, int32_t band, double value[2])
{
    (void)band;
    double amplitude = (is_water(x, y) ? 4 : 60 * light(x, y) + 8) * exp(1.6 * scene_noise((float)x / 1.3f, (float)y / 1.3f, 5, 1));
    double angle = 40 * scene_noise((float)x / 1.1f, (float)y / 1.1f, 6, 1);
    if (x % 83 < 2 && y % 71 < 2)
        amplitude = 9000; /* a corner reflector */
    value[0] = round(amplitude * cos(angle));
    value[1] = round(amplitude * sin(angle));
}

static void classes(int32_t x, int32_t y, int32_t band, double value[2])
{
    (void)band;
    double height = relief(x, y);
    value[0] = is_water(x, y) ? 0 : height < 0.45 ? 1 : height < 0.6 ? 2 : height < 0.75 ? 3 : 4;
}

static const kind KINDS[] = {
    {"11-bit panchromatic", TC_U16, 1, 11, panchromatic, NULL, {{0}}},
    {"eight bands, 16 bits", TC_U16, 8, 0, multispectral, NULL,
     {{-1, 0, "WAVELENGTH_UNITS", "nm"}, {0, 0, "WAVELENGTH", "427"}, {1, 0, "WAVELENGTH", "478"},
      {2, 0, "WAVELENGTH", "546"}, {3, 0, "WAVELENGTH", "608"}, {4, 0, "WAVELENGTH", "659"},
      {5, 0, "WAVELENGTH", "724"}, {6, 0, "WAVELENGTH", "833"}, {7, 0, "WAVELENGTH", "949"}}},
    {"heights, f32 with nodata", TC_F32, 1, 0, elevation, &NO_HEIGHT, {{0}}},
    {"hundredths of a decibel, i16", TC_I16, 1, 0, decibels, NULL, {{0}}},
    {"complex radar, cf32", TC_CF32, 1, 0, radar, NULL, {{0}}},
    {"classes with a palette", TC_U8, 1, 0, classes, NULL,
     {{0, 0, "COLORTABLE", "40,70,120,255\n60,110,50,255\n150,160,80,255\n140,110,80,255\n240,240,240,255\n"}}},
};
enum { N_KINDS = sizeof KINDS / sizeof KINDS[0] };

static tc_status read_block(void *user, void *session, int64_t row, int64_t col, int32_t level, const int32_t *bands,
                            const tc_target *into, tc_error *error)
{
    const kind *of = user;
    (void)session, (void)row, (void)col, (void)level, (void)error;
    for (int32_t i = 0; i < into->bands; i++)
        for (int32_t y = 0; y < into->height; y++)
            for (int32_t x = 0; x < into->width; x++) {
                double value[2] = {0, 0};
                of->sample(x, y, bands ? bands[i] : i, value);
                char *at = (char *)into->data + i * into->band_stride + y * into->row_stride + x * into->pixel_stride;
                uint8_t u8 = (uint8_t)value[0];
                uint16_t u16 = (uint16_t)value[0];
                int16_t i16 = (int16_t)value[0];
                float f32[2] = {(float)value[0], (float)value[1]};
                switch (of->dtype) {
                case TC_U8: memcpy(at, &u8, sizeof u8); break;
                case TC_U16: memcpy(at, &u16, sizeof u16); break;
                case TC_I16: memcpy(at, &i16, sizeof i16); break;
                case TC_F32: memcpy(at, f32, sizeof f32[0]); break;
                default: memcpy(at, f32, sizeof f32); break;
                }
            }
    return TC_OK;
}

static tc_provider *image_of(const kind *of)
{
    tc_image_info image = {.struct_size = sizeof image, .dtype = of->dtype, .width = SIDE, .height = SIDE,
                           .block_width = SIDE, .block_height = SIDE, .bands = of->bands, .bits = of->bits};
    if (of->nodata) {
        float value = (float)*of->nodata;
        image.flags |= TC_IMAGE_HAS_NODATA;
        memcpy(image.nodata, &value, sizeof value);
    }
    size_t n_texts = 0;
    while (n_texts < MAX_TEXTS && of->texts[n_texts].name)
        n_texts++;
    tc_band_info palette = {.struct_size = sizeof palette, .colour = TC_COLOUR_PALETTE};
    tc_source source = {.struct_size = sizeof source, .threading = TC_CONCURRENT, .image = &image, .user = (void *)(uintptr_t)of,
                        .read_block = read_block, .texts = n_texts ? of->texts : NULL, .n_texts = n_texts};
    if (of->sample == classes)
        source.band_infos = &palette;
    tc_provider *made;
    must(provider_from_source(&source, &made, &err));
    return made;
}

static struct picture *picture_of(tc_provider *provider)
{
    tc_image_info info = {.struct_size = sizeof info};
    tc_tile *tile;
    must(provider_info(provider, &info, &err));
    must(provider_get_block(provider, 0, 0, 0, NULL, 0, &tile, &err));
    struct picture *picture = picture_new(SIDE, SIDE, info.bands < 3 ? 1 : 3, SIDE);
    if (!picture || picture_add(picture, &info, tile, 0, 0) != 0)
        exit(EXIT_FAILURE);
    tc_tile_release(tile);
    return picture;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return EXIT_FAILURE;
    struct picture *pictures[2 * N_KINDS];
    struct panel panels[2 * N_KINDS];
    for (int i = 0; i < N_KINDS; i++) {
        tc_provider *image = image_of(&KINDS[i]), *shown;
        tc_chain *chain;
        must(tc_chain_auto(image, NULL, &chain, &err));
        must(provider_display(image, chain, NULL, &shown, &err));
        printf("| %s | `", KINDS[i].name);
        for (const char *at = tc_chain_text(chain); *at; at++)
            printf("%s%c", *at == '|' ? "\\" : "", *at); /* a bar would end the column */
        printf("` | ");
        for (const char *at = tc_chain_why(chain); *at; at++)
            if (*at != '\n')
                putchar(*at);
            else if (at[1])
                printf("<br>");
        printf(" |\n");
        pictures[2 * i] = picture_of(image);
        pictures[2 * i + 1] = picture_of(shown);
        panels[2 * i] = (struct panel){pictures[2 * i], 0, 0, 0};
        panels[2 * i + 1] = (struct panel){pictures[2 * i + 1], 1, 0, 0};
        tc_chain_release(chain);
        provider_release(shown);
        provider_release(image);
    }
    int error = picture_write(panels, 2 * N_KINDS, 4, argv[1]);
    for (int i = 0; i < 2 * N_KINDS; i++)
        picture_free(pictures[i]);
    if (error)
        fprintf(stderr, "%s: %s\n", argv[1], strerror(error));
    return error ? EXIT_FAILURE : EXIT_SUCCESS;
}
