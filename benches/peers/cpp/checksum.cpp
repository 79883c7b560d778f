/* A checksum of pixels that does not depend on interleave, on the order of windows or on the number of threads. */
#include "harness.h"

static uint64_t next_random(uint64_t &state)
{
    state += 0x9e3779b97f4a7c15ull;
    uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

uint64_t sum_bytes(const uint8_t *data, size_t count)
{
    /* Short sums, so that the compiler adds bytes of a vector pairwise. */
    uint64_t total = 0;
    while (count) {
        size_t part = count < 4096 ? count : 4096;
        uint32_t sum = 0;
        for (size_t i = 0; i < part; i++)
            sum += data[i];
        total += sum;
        data += part;
        count -= part;
    }
    return total;
}

static uint64_t sum_row(const View &v, int y, int band)
{
    const uint8_t *row = v.data + y * v.row + band * v.band;
    if (v.pixel == v.sample_bytes)
        return sum_bytes(row, (size_t)v.width * v.sample_bytes);
    uint64_t sum = 0;
    for (int x = 0; x < v.width; x++)
        sum += sum_bytes(row + x * v.pixel, v.sample_bytes);
    return sum;
}

void add_checksum(const View &v, const Rect &rect, uint64_t sums[2])
{
    bool interleaved = v.pixel == (ptrdiff_t)v.bands * v.sample_bytes && (v.bands == 1 || v.band == v.sample_bytes);
    for (int y = 0; y < v.height; y++) {
        if (interleaved)
            sums[0] += sum_bytes(v.data + y * v.row, (size_t)v.width * v.pixel);
        else
            for (int band = 0; band < v.bands; band++)
                sums[0] += sum_row(v, y, band);
    }
    uint64_t state = ((uint64_t)rect.level << 60) ^ ((uint64_t)rect.y << 30) ^ (uint64_t)rect.x;
    for (int i = 0; i < 16; i++) {
        uint64_t place = next_random(state);
        int x = (int)((place & 0xfffff) % v.width), y = (int)(((place >> 20) & 0xfffff) % v.height);
        int band = (int)((place >> 40) % v.bands);
        const uint8_t *sample = v.data + band * v.band + y * v.row + x * v.pixel;
        uint64_t value = v.sample_bytes == 2 ? (uint64_t)(sample[0] | (sample[1] << 8)) : sample[0];
        sums[1] += (value + 1) * (next_random(state) | 1);
    }
}
