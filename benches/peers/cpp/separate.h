/* One conversion of interleaved samples into bands, as the compiler makes it. */
#pragma once
#include "harness.h"

template <typename Sample, int Bands>
static void separate_row(const Sample *__restrict from, Sample *__restrict const *to, int width)
{
    Sample *__restrict a = to[0];
    Sample *__restrict b = to[Bands > 1 ? 1 : 0];
    Sample *__restrict c = to[Bands > 2 ? 2 : 0];
    Sample *__restrict d = to[Bands > 3 ? 3 : 0];
    for (int x = 0; x < width; x++) {
        a[x] = from[x * Bands];
        if (Bands > 1) b[x] = from[x * Bands + 1];
        if (Bands > 2) c[x] = from[x * Bands + 2];
        if (Bands > 3) d[x] = from[x * Bands + 3];
    }
}

template <typename Sample> static void separate_samples(const View &v, uint8_t *memory, ptrdiff_t row, ptrdiff_t band)
{
    for (int y = 0; y < v.height; y++) {
        const Sample *from = (const Sample *)(v.data + y * v.row);
        Sample *to[4] = {};
        for (int i = 0; i < v.bands; i++)
            to[i] = (Sample *)(memory + i * band + y * row);
        switch (v.bands) {
        case 1: separate_row<Sample, 1>(from, to, v.width); break;
        case 3: separate_row<Sample, 3>(from, to, v.width); break;
        case 4: separate_row<Sample, 4>(from, to, v.width); break;
        default: fail("no floor for so many bands");
        }
    }
}

/* Puts an interleaved view where rows and bands lie so many bytes apart. */
static inline void separate_into(const View &v, uint8_t *memory, ptrdiff_t row, ptrdiff_t band)
{
    if (v.sample_bytes == 1) separate_samples<uint8_t>(v, memory, row, band);
    else separate_samples<uint16_t>(v, memory, row, band);
}

/* Makes a view one of bands that follow each other in `memory`. */
static inline void lies_in_bands(View &v, const uint8_t *memory)
{
    v.data = memory;
    v.pixel = v.sample_bytes;
    v.row = (ptrdiff_t)v.width * v.sample_bytes;
    v.band = v.row * v.height;
}

/* Replaces an interleaved view by one of bands in `memory`. */
static inline void separate(View &v, std::vector<uint8_t> &memory)
{
    View from = v;
    memory.resize((size_t)v.width * v.height * v.bands * v.sample_bytes);
    lies_in_bands(v, memory.data());
    separate_into(from, memory.data(), v.row, v.band);
}
