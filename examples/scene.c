/* The scene: a landscape from noise at a quarter of the resolution, and fine grain over it. */
#include "scene.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEP = 4, ROWS_PER_STRIP = 16, BANDS = 4 };
static const float KM_PER_STEP = 0.004f * STEP;

/* What the file tells of its bands. */
static const char ABOUT[] =
    "<GDALMetadata>"
    "<Item name=\"CENTRAL_WAVELENGTH_UM\" sample=\"0\">0.490</Item>"
    "<Item name=\"CENTRAL_WAVELENGTH_UM\" sample=\"1\">0.560</Item>"
    "<Item name=\"CENTRAL_WAVELENGTH_UM\" sample=\"2\">0.665</Item>"
    "<Item name=\"CENTRAL_WAVELENGTH_UM\" sample=\"3\">0.842</Item>"
    "</GDALMetadata>";

/* ---- noise ---- */

static uint32_t hash(int32_t x, int32_t y, uint32_t seed)
{
    uint32_t h = (uint32_t)x * 0x9E3779B1u ^ (uint32_t)y * 0x85EBCA77u ^ seed * 0xC2B2AE3Du;
    h = (h ^ h >> 15) * 0x2C1B3C6Du;
    h = (h ^ h >> 12) * 0x297A2D39u;
    return h ^ h >> 15;
}

static float uniform(int32_t x, int32_t y, uint32_t seed) /* 0 to 1 */
{
    return (float)(hash(x, y, seed) >> 8) / 16777216.0f;
}

static float clamp(float value, float low, float high)
{
    return value < low ? low : value > high ? high : value;
}

static float mix(float a, float b, float t)
{
    return a + (b - a) * t;
}

static float smooth(float from, float to, float value) /* 0 up to from, 1 after to */
{
    float t = clamp((value - from) / (to - from), 0, 1);
    return t * t * (3 - 2 * t);
}

static float slope_at(int32_t x, int32_t y, uint32_t seed, float dx, float dy)
{
    static const float along[8] = {1, 0.7071f, 0, -0.7071f, -1, -0.7071f, 0, 0.7071f};
    uint32_t way = hash(x, y, seed) >> 29;
    return along[way] * dx + along[(way + 6) & 7] * dy;
}

static float noise(float x, float y, uint32_t seed) /* gradient noise, about -0.7 to 0.7 */
{
    float left = floorf(x), top = floorf(y), dx = x - left, dy = y - top;
    int32_t i = (int32_t)left, j = (int32_t)top;
    float u = dx * dx * dx * (dx * (dx * 6 - 15) + 10), v = dy * dy * dy * (dy * (dy * 6 - 15) + 10);
    float upper = mix(slope_at(i, j, seed, dx, dy), slope_at(i + 1, j, seed, dx - 1, dy), u);
    float lower = mix(slope_at(i, j + 1, seed, dx, dy - 1), slope_at(i + 1, j + 1, seed, dx - 1, dy - 1), u);
    return mix(upper, lower, v);
}

static float fractal(float x, float y, uint32_t seed, int octaves)
{
    float sum = 0, weight = 1;
    for (int octave = 0; octave < octaves; octave++) {
        sum += weight * noise(x, y, seed + (uint32_t)octave);
        weight *= 0.5f;
        x = 2 * x + 17.3f;
        y = 2 * y - 9.1f;
    }
    return sum;
}

/* ---- the landscape; positions in kilometres, as if a pixel were four metres ---- */

typedef struct place {
    float height; /* 0 is the water's level, 1 the highest rock */
    float river;  /* 1 in the middle of a river */
} place;

static place place_at(float x, float y)
{
    float bend_x = fractal(x * 0.4f, y * 0.4f, 11, 3), bend_y = fractal(x * 0.4f, y * 0.4f, 23, 3);
    float wx = x + 0.5f * bend_x, wy = y + 0.5f * bend_y;
    float crest = 1 - 1.8f * fabsf(fractal(wx * 0.17f, wy * 0.17f, 31, 7));
    float relief = smooth(-0.2f, 0.5f, fractal(wx * 0.09f, wy * 0.09f, 47, 2));
    float height = 0.16f + 0.09f * fractal(wx * 0.3f, wy * 0.3f, 53, 6) + 0.75f * relief * crest * crest;
    /* A river follows a level line of slow noise and cuts its valley; side streams are thinner. */
    float rx = x + 1.2f * bend_x, ry = y + 1.2f * bend_y;
    float main_line = fabsf(fractal(rx * 0.085f, ry * 0.085f, 61, 2));
    float side_line = fabsf(fractal(rx * 0.21f, ry * 0.21f, 71, 2)) * 2.4f;
    float line = fminf(main_line, side_line);
    height *= smooth(-0.05f, 0.16f, line);
    place result = {height, 1 - smooth(0.0035f, 0.0065f, line + 0.002f * smooth(0.2f, 0.6f, height))};
    return result;
}

/* Fields: districts, each with its own direction and its own size of parcel; roads between them. */
static float fields_at(float x, float y, float *road)
{
    float nearest = 1e9f, second = 1e9f;
    int32_t ix = (int32_t)floorf(x), iy = (int32_t)floorf(y), district_x = 0, district_y = 0;
    for (int32_t j = iy - 1; j <= iy + 1; j++)
        for (int32_t i = ix - 1; i <= ix + 1; i++) {
            float dx = (float)i + uniform(i, j, 81) - x, dy = (float)j + uniform(i, j, 82) - y;
            float distance = dx * dx + dy * dy;
            if (distance < nearest) {
                second = nearest;
                nearest = distance;
                district_x = i;
                district_y = j;
            } else if (distance < second) {
                second = distance;
            }
        }
    *road = 1 - smooth(0.006f, 0.016f, sqrtf(second) - sqrtf(nearest));
    float turn = 3.1416f * uniform(district_x, district_y, 83), c = cosf(turn), s = sinf(turn);
    float along = (c * x + s * y) * (5 + 7 * uniform(district_x, district_y, 84));
    float across = (c * y - s * x) * (9 + 14 * uniform(district_x, district_y, 85));
    along += 0.5f * (float)((int32_t)floorf(across) & 1);
    int32_t row = (int32_t)floorf(across), parcel = (int32_t)floorf(along);
    float colour = uniform(parcel + 977 * district_x, row + 613 * district_y, 86);
    float edge = fminf(fabsf(along - (float)parcel - 0.5f), 1) * 2;
    edge = fmaxf(edge, fabsf(across - (float)row - 0.5f) * 2);
    float furrows = 0.04f * sinf(across * 50) * (colour > 0.5f);
    float hedge = smooth(0.90f, 0.97f, edge) * 0.2f;
    return 0.34f + 0.34f * colour * colour + furrows - hedge;
}

static void survey_row(place *places, int32_t n, int32_t row)
{
    for (int32_t i = 0; i < n; i++)
        places[i] = place_at(KM_PER_STEP * (float)i, KM_PER_STEP * (float)row);
}

/* What a thing reflects, band by band, when it is bright. */
typedef struct colour {
    float bands[BANDS];
} colour;

static const colour MEADOW = {{0.62f, 0.95f, 0.74f, 2.3f}}, SOIL = {{0.70f, 0.90f, 1.12f, 1.4f}},
                    ROCK = {{0.92f, 0.98f, 1.02f, 1.1f}}, WOOD = {{0.66f, 1.05f, 0.62f, 3.1f}},
                    SNOW = {{1.04f, 1.0f, 1.0f, 0.9f}}, WATER = {{2.2f, 1.7f, 0.9f, 0.25f}};

static void blend(colour *into, const colour *with, float brightness, float part)
{
    for (int band = 0; band < BANDS; band++)
        into->bands[band] = mix(into->bands[band], brightness * with->bands[band], part);
}

/* What the sensor sees of a row, in its counts, with the haze of the air; below is the next row to the south. The sun
 * stands in the north-west. */
static void paint_row(colour *counts, const place *here, const place *below, int32_t n, int32_t row)
{
    float y = KM_PER_STEP * (float)row;
    for (int32_t i = 0; i + 1 < n; i++) {
        float x = KM_PER_STEP * (float)i, height = here[i].height, road = 0;
        float east = (here[i + 1].height - height) / KM_PER_STEP, south = (below[i].height - height) / KM_PER_STEP;
        float steep = sqrtf(east * east + south * south);
        float light = 0.2f + 0.8f * clamp((0.75f + 0.8f * (east + south)) / sqrtf(1 + 2 * steep * steep), 0, 1.3f);
        float patches = fractal(x * 1.3f, y * 1.3f, 91, 4);
        float wood = smooth(0.06f, 0.13f, patches + 0.3f * steep - 0.08f) * (1 - smooth(0.42f, 0.55f, height));
        float parcel = fields_at(x * 0.9f, y * 0.9f, &road), low = 1 - smooth(0.25f, 0.6f, steep);
        colour ground = {{0}};
        blend(&ground, &MEADOW, 0.40f + 0.15f * patches, 1);
        blend(&ground, parcel > 0.5f ? &SOIL : &MEADOW, parcel, low);
        blend(&ground, &ROCK, 0.50f + 0.2f * patches, smooth(0.32f, 0.5f, height));
        blend(&ground, &WOOD, 0.19f + 0.10f * noise(x * 40, y * 40, 95), wood);
        blend(&ground, &ROCK, 0.85f, road * (1 - wood) * (1 - smooth(0.2f, 0.4f, height)));
        blend(&ground, &SNOW, 1.05f, smooth(0.60f, 0.68f, height + 0.1f * patches - 0.04f * steep));
        float water = fmaxf(here[i].river, 1 - smooth(0.028f, 0.034f, height));
        static const float haze[BANDS] = {520, 330, 210, 120};
        for (int band = 0; band < BANDS; band++) {
            float reflected = mix(ground.bands[band] * light, WATER.bands[band] * (0.05f + 0.01f * patches), water);
            counts[i].bands[band] = haze[band] + 1700 * reflected;
        }
    }
    counts[n - 1] = counts[n - 2];
}

/* ---- the file ---- */

static void put16(unsigned char **at, uint32_t value)
{
    uint16_t number = (uint16_t)value;
    memcpy(*at, &number, 2);
    *at += 2;
}

static void put32(unsigned char **at, uint32_t value)
{
    memcpy(*at, &value, 4);
    *at += 4;
}

enum tag_type { ASCII = 2, SHORT = 3, LONG = 4 };

/* One or more numbers or characters; `value` is the number, or where they are if they are more than four bytes. */
static void put_tag(unsigned char **at, uint32_t tag, enum tag_type type, uint32_t count, uint32_t value)
{
    put16(at, tag);
    put16(at, type);
    put32(at, count);
    if (type == SHORT && count == 1) {
        put16(at, value);
        put16(at, 0);
    } else {
        put32(at, value);
    }
}

/* Header, directory, and the tables of the strips, in the machine's own byte order. */
static int write_head(FILE *file, uint32_t size, const uint32_t *strips, uint32_t n_strips)
{
    enum { TAGS = 14 };
    unsigned char head[8 + 2 + 12 * TAGS + 4], *at = head;
    uint32_t shorts = sizeof head, about = shorts + 2 * 2 * BANDS, tables = about + sizeof ABOUT + sizeof ABOUT % 2;
    const uint16_t order = 1;
    memcpy(at, *(const unsigned char *)&order ? "II" : "MM", 2);
    at += 2;
    put16(&at, 42);
    put32(&at, 8);
    put16(&at, TAGS);
    put_tag(&at, 256, LONG, 1, size);  /* width */
    put_tag(&at, 257, LONG, 1, size);  /* height */
    put_tag(&at, 258, SHORT, BANDS, shorts);  /* bits */
    put_tag(&at, 259, SHORT, 1, 5);  /* LZW */
    put_tag(&at, 262, SHORT, 1, 1);  /* 0 is black */
    put_tag(&at, 273, LONG, n_strips, n_strips == 1 ? strips[0] : tables);  /* where the strips are */
    put_tag(&at, 277, SHORT, 1, BANDS);
    put_tag(&at, 278, LONG, 1, ROWS_PER_STRIP);
    put_tag(&at, 279, LONG, n_strips, n_strips == 1 ? strips[1] : tables + n_strips * 4);  /* how long they are */
    put_tag(&at, 284, SHORT, 1, 1);  /* interleaved by pixel */
    put_tag(&at, 317, SHORT, 1, 2);  /* differences of neighbours */
    put_tag(&at, 338, SHORT, BANDS - 1, shorts + 2 * BANDS);  /* what the bands behind the first are */
    put_tag(&at, 42112, ASCII, sizeof ABOUT, about);
    put32(&at, 0);  /* no further image */
    uint16_t numbers[2 * BANDS] = {16, 16, 16, 16};
    return fseek(file, 0, SEEK_SET) == 0 && fwrite(head, sizeof head, 1, file) == 1 &&
           fwrite(numbers, sizeof numbers, 1, file) == 1 && fwrite(ABOUT, sizeof ABOUT, 1, file) == 1 &&
           fwrite("", sizeof ABOUT % 2, 1, file) == sizeof ABOUT % 2 &&
           fwrite(strips, sizeof *strips, 2 * (size_t)n_strips, file) == 2 * (size_t)n_strips;
}

/* LZW as TIFF has it: codes of 9 to 12 bits, the highest bit first. */
struct packer {
    unsigned char *at;
    uint32_t pending, n_pending, code_bits, next_code;
    uint32_t strings[16384]; /* by hash: a string's prefix, last byte and code, as 12, 8 and 12 bits; or 0 */
};

enum { CLEAR = 256, END = 257, FIRST = 258, FULL = 4094 };

static void put_code(struct packer *packer, uint32_t code)
{
    packer->pending = packer->pending << packer->code_bits | code;
    packer->n_pending += packer->code_bits;
    while (packer->n_pending >= 8) {
        packer->n_pending -= 8;
        *packer->at++ = (unsigned char)(packer->pending >> packer->n_pending);
    }
}

/* After each code the table has one string more; when it is full it begins anew. */
static void grow(struct packer *packer)
{
    packer->next_code++;
    if (packer->next_code == FULL)
        put_code(packer, CLEAR);
    if (packer->next_code == FULL || packer->next_code == FIRST) {
        memset(packer->strings, 0, sizeof packer->strings);
        packer->next_code = FIRST;
        packer->code_bits = 9;
    } else if (packer->next_code == 1u << packer->code_bits) {
        packer->code_bits++;
    }
}

/* Packs `bytes` bytes, at least 1; `out` must hold one and a half times as many, and a few. Returns how many it
 * took. */
static size_t pack(struct packer *packer, const unsigned char *in, size_t bytes, unsigned char *out)
{
    packer->at = out;
    packer->n_pending = 0;
    packer->code_bits = 9;
    put_code(packer, CLEAR);
    packer->next_code = FIRST - 1;
    grow(packer);
    uint32_t prefix = in[0];
    for (size_t i = 1; i < bytes; i++) {
        uint32_t string = prefix << 8 | in[i], slot = (string * 0x9E3779B1u) >> 18;
        while (packer->strings[slot] && packer->strings[slot] >> 12 != string)
            slot = (slot + 1) & 16383;
        if (packer->strings[slot]) {
            prefix = packer->strings[slot] & 4095;
            continue;
        }
        packer->strings[slot] = string << 12 | packer->next_code;
        put_code(packer, prefix);
        grow(packer);
        prefix = in[i];
    }
    put_code(packer, prefix);
    grow(packer);
    put_code(packer, END);
    if (packer->n_pending)
        *packer->at++ = (unsigned char)(packer->pending << (8 - packer->n_pending));
    return (size_t)(packer->at - out);
}

/* One row of pixels between two rows of the landscape, with grain and the noise of the sensor. */
static void expose(uint16_t *pixels, int32_t size, int32_t row, const colour *upper, const colour *lower)
{
    float v = (float)(row % STEP) / STEP;
    for (int32_t x = 0; x < size; x++) {
        float u = (float)(x % STEP) / STEP, grain = (float)(hash(x / 2, row / 2, 5) & 255) / 255 - 0.5f;
        const colour *above = &upper[x / STEP], *under = &lower[x / STEP];
        for (int32_t band = 0; band < BANDS; band++) {
            float counts = mix(mix(above[0].bands[band], above[1].bands[band], u),
                               mix(under[0].bands[band], under[1].bands[band], u), v);
            uint32_t random = hash(x, row, 7 + (uint32_t)band);
            float shot = (float)((random & 255) + (random >> 8 & 255) + (random >> 16 & 255)) / 255 - 1.5f;
            counts += 0.05f * counts * grain + 0.8f * sqrtf(counts) * shot;
            *pixels++ = (uint16_t)clamp(counts, 1, 8191);
        }
    }
}

/* Packs and writes a strip; tells where it went and how long it is. */
static int write_strip(FILE *file, struct packer *packer, uint16_t *pixels, int32_t size, int32_t rows, unsigned char *packed,
                       uint32_t *where, uint32_t *length)
{
    for (int32_t row = 0; row < rows; row++)
        for (int32_t i = size * BANDS - 1; i >= BANDS; i--) {
            uint16_t *here = pixels + (size_t)row * (size_t)size * BANDS + i;
            *here = (uint16_t)(here[0] - here[-BANDS]);
        }
    size_t bytes = pack(packer, (const unsigned char *)pixels, sizeof *pixels * (size_t)(rows * size) * BANDS, packed);
    *where = (uint32_t)ftell(file);
    *length = (uint32_t)bytes;
    return fwrite(packed, 1, bytes, file) == bytes;
}

int scene_write(const char *path, int32_t size, void (*progress)(double done))
{
    int32_t n = size / STEP + 2, n_strips = (size + ROWS_PER_STRIP - 1) / ROWS_PER_STRIP;
    size_t strip = (size_t)size * ROWS_PER_STRIP * BANDS;
    uint16_t *pixels = malloc(sizeof *pixels * strip);
    unsigned char *packed = malloc(sizeof *pixels * strip * 3 / 2 + 16);
    uint32_t *strips = calloc((size_t)n_strips, 2 * sizeof *strips); /* first where they are, then how long */
    colour *counts = malloc(sizeof *counts * 2 * (size_t)n), *upper = counts, *lower = counts + n;
    place *places = malloc(sizeof *places * 2 * (size_t)n), *here = places, *below = places + n;
    struct packer *packer = malloc(sizeof *packer);
    FILE *file = fopen(path, "wb");
    int good = file && pixels && packed && strips && counts && places && packer;
    good = good && write_head(file, (uint32_t)size, strips, (uint32_t)n_strips);
    if (good) {
        survey_row(here, n, 0);
        survey_row(below, n, 1);
        paint_row(lower, here, below, n, 0);
    }
    for (int32_t row = 0; good && row < size; row++) {
        if (row % STEP == 0) {
            colour *painted = upper;
            place *surveyed = here;
            upper = lower, lower = painted;
            here = below, below = surveyed;
            survey_row(below, n, row / STEP + 2);
            paint_row(lower, here, below, n, row / STEP + 1);
        }
        int32_t in_strip = row % ROWS_PER_STRIP, i = row / ROWS_PER_STRIP;
        expose(pixels + (size_t)in_strip * (size_t)size * BANDS, size, row, upper, lower);
        if (in_strip + 1 == ROWS_PER_STRIP || row + 1 == size) {
            good = write_strip(file, packer, pixels, size, in_strip + 1, packed, &strips[i], &strips[n_strips + i]);
            if (progress)
                progress((double)(row + 1) / size);
        }
    }
    good = good && write_head(file, (uint32_t)size, strips, (uint32_t)n_strips);
    int error = good ? 0 : errno ? errno : ENOMEM;
    if (file && fclose(file) != 0 && good)
        error = errno;
    free(pixels);
    free(packed);
    free(strips);
    free(counts);
    free(places);
    free(packer);
    return error;
}
