#include "picture.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct picture {
    int64_t step;       /* pixels of the image in one of the picture, each way */
    int32_t width, height, bands;
    double *sums;       /* by row, column, band */
    uint32_t *counts;
};

struct picture *picture_new(int64_t width, int64_t height, int bands, int max_side)
{
    struct picture *made = calloc(1, sizeof *made);
    if (!made)
        return NULL;
    int64_t longest = width > height ? width : height;
    made->step = (longest + max_side - 1) / max_side;
    made->width = (int32_t)((width + made->step - 1) / made->step);
    made->height = (int32_t)((height + made->step - 1) / made->step);
    made->bands = bands;
    size_t values = (size_t)made->width * (size_t)made->height * (size_t)bands;
    made->sums = calloc(values, sizeof *made->sums);
    made->counts = calloc(values, sizeof *made->counts);
    if (!made->sums || !made->counts) {
        picture_free(made);
        return NULL;
    }
    return made;
}

void picture_free(struct picture *picture)
{
    if (!picture)
        return;
    free(picture->sums);
    free(picture->counts);
    free(picture);
}

static void add_band(struct picture *picture, int32_t band, const tc_pixels *tile, int64_t x, int64_t y,
                     const float *values, float nodata)
{
    for (int64_t row = 0; row < tile->height; row++) {
        int64_t first = (y + row) / picture->step * picture->width;
        for (int64_t column = 0; column < tile->width; column++) {
            float value = *values++;
            if (!isfinite(value) || value == nodata)
                continue;
            size_t at = (size_t)(first + (x + column) / picture->step) * (size_t)picture->bands + (size_t)band;
            picture->sums[at] += value;
            picture->counts[at]++;
        }
    }
}

static float nodata_of(const tc_image_info *image)
{
    uint16_t u16;
    float f32;
    memcpy(&u16, image->nodata, sizeof u16);
    memcpy(&f32, image->nodata, sizeof f32);
    if (!(image->flags & TC_IMAGE_HAS_NODATA))
        return NAN;
    return image->dtype == TC_U8 ? image->nodata[0] : image->dtype == TC_U16 ? u16 : image->dtype == TC_F32 ? f32 : NAN;
}

int picture_add(struct picture *picture, const tc_image_info *image, const tc_tile *tile, int64_t x, int64_t y)
{
    tc_pixels pixels;
    tc_tile_pixels(tile, &pixels);
    float *values = malloc((size_t)(pixels.width * pixels.height) * sizeof *values);
    tc_target into = {.data = values, .width = pixels.width, .height = pixels.height, .bands = 1, .dtype = TC_F32};
    int error = values ? 0 : ENOMEM;
    for (int32_t band = 0; !error && band < picture->bands; band++) {
        if (tc_tile_copy(tile, 0, 0, &band, 1, &into, NULL) != TC_OK)
            error = EINVAL;
        else
            add_band(picture, band, &pixels, x, y, values, nodata_of(image));
    }
    free(values);
    return error;
}

/* ---- contrast ---- */

/* The least and the greatest sample, of all bands to keep the colours. */
static void range_of(const struct picture *picture, float *low, float *high)
{
    size_t values = (size_t)picture->width * (size_t)picture->height * (size_t)picture->bands, n = 0;
    for (size_t i = 0; i < values; i++) {
        if (!picture->counts[i])
            continue;
        float value = (float)(picture->sums[i] / picture->counts[i]);
        *low = n == 0 || value < *low ? value : *low;
        *high = n == 0 || value > *high ? value : *high;
        n++;
    }
    if (n == 0 || *high <= *low) { /* all the same: grey */
        *low -= 1;
        *high = *low + 2;
    }
}

/* ---- PNG, stored without compression ---- */

struct png {
    FILE *file;
    uint32_t crc, crcs[256], adler_a, adler_b;
};

static void put(struct png *png, const void *data, size_t bytes)
{
    const unsigned char *at = data;
    for (size_t i = 0; i < bytes; i++)
        png->crc = png->crcs[(png->crc ^ at[i]) & 255] ^ png->crc >> 8;
    fwrite(data, 1, bytes, png->file);
}

static void put32(struct png *png, uint32_t value)
{
    unsigned char bytes[4] = {(unsigned char)(value >> 24), (unsigned char)(value >> 16), (unsigned char)(value >> 8),
                              (unsigned char)value};
    put(png, bytes, 4);
}

static void start_chunk(struct png *png, uint32_t bytes, const char *name)
{
    put32(png, bytes);
    png->crc = 0xFFFFFFFFu;
    put(png, name, 4);
}

static void end_chunk(struct png *png)
{
    put32(png, ~png->crc);
}

static void put_row(struct png *png, const unsigned char *row, uint32_t bytes, int last)
{
    unsigned char head[5] = {(unsigned char)last, (unsigned char)bytes, (unsigned char)(bytes >> 8),
                             (unsigned char)~bytes, (unsigned char)(~bytes >> 8)};
    put(png, head, 5);
    put(png, row, bytes);
    for (uint32_t i = 0; i < bytes; i++) {
        png->adler_a = (png->adler_a + row[i]) % 65521;
        png->adler_b = (png->adler_b + png->adler_a) % 65521;
    }
}

static void paint_row(const struct panel *panel, int32_t y, float low, float high, unsigned char *rgb)
{
    static const unsigned char line[3] = {255, 176, 0};
    const struct picture *picture = panel->picture;
    int64_t step = picture->step, tall = panel->tile_height, wide = panel->tile_width;
    int across = tall > 0 && y > 0 && y * step / tall != (y - 1) * step / tall;
    for (int32_t x = 0; x < picture->width; x++, rgb += 3) {
        int down = wide > 0 && x > 0 && x * step / wide != (x - 1) * step / wide;
        for (int32_t colour = 0; colour < 3; colour++) {
            size_t at = ((size_t)y * (size_t)picture->width + (size_t)x) * (size_t)picture->bands;
            at += (size_t)(picture->bands == 3 ? colour : 0);
            float value = 0;
            if (picture->counts[at])
                value = 255 * ((float)(picture->sums[at] / picture->counts[at]) - low) / (high - low);
            rgb[colour] = (unsigned char)(value < 0 ? 0 : value > 255 ? 255 : value + 0.5f);
            if (across || down)
                rgb[colour] = (unsigned char)((rgb[colour] + 2 * line[colour]) / 3);
        }
    }
}

enum { MAX_PANELS = 4 };

int picture_write(const struct panel *panels, int n_panels, const char *path)
{
    uint32_t width = 0, height = (uint32_t)panels[0].picture->height;
    float low[MAX_PANELS] = {0}, high[MAX_PANELS];
    for (int i = 0; i < n_panels && i < MAX_PANELS; i++) {
        width += (uint32_t)panels[i].picture->width;
        high[i] = 255;
        if (!panels[i].as_is)
            range_of(panels[i].picture, &low[i], &high[i]);
    }
    uint32_t bytes = 1 + 3 * width;
    unsigned char *row = calloc(1, bytes);
    struct png png = {.file = fopen(path, "wb"), .adler_a = 1};
    int error = !png.file ? errno : !row ? ENOMEM : n_panels > MAX_PANELS || bytes > 65535 ? EINVAL : 0;
    if (!error) {
        for (uint32_t i = 0; i < 256; i++) {
            png.crcs[i] = i;
            for (int bit = 0; bit < 8; bit++)
                png.crcs[i] = png.crcs[i] & 1 ? 0xEDB88320u ^ png.crcs[i] >> 1 : png.crcs[i] >> 1;
        }
        put(&png, "\x89PNG\r\n\x1a\n", 8);
        start_chunk(&png, 13, "IHDR");
        put32(&png, width);
        put32(&png, height);
        put(&png, "\x08\x02\0\0\0", 5); /* 8 bits, RGB */
        end_chunk(&png);
        start_chunk(&png, 2 + height * (5 + bytes) + 4, "IDAT");
        put(&png, "\x78\x01", 2);
        for (uint32_t y = 0; y < height; y++) {
            unsigned char *rgb = row + 1;
            for (int i = 0; i < n_panels; i++) {
                paint_row(&panels[i], (int32_t)y, low[i], high[i], rgb);
                rgb += 3 * panels[i].picture->width;
            }
            put_row(&png, row, bytes, y + 1 == height);
        }
        put32(&png, png.adler_b << 16 | png.adler_a);
        end_chunk(&png);
        start_chunk(&png, 0, "IEND");
        end_chunk(&png);
        error = ferror(png.file) ? EIO : 0;
    }
    if (png.file && fclose(png.file) != 0 && !error)
        error = errno;
    free(row);
    return error;
}
