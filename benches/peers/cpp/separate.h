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

template <typename Sample> static void separate_samples(View &v, uint8_t *memory)
{
    size_t row_samples = v.width, band_samples = row_samples * v.height;
    for (int y = 0; y < v.height; y++) {
        const Sample *from = (const Sample *)(v.data + y * v.row);
        Sample *to[4] = {};
        for (int band = 0; band < v.bands; band++)
            to[band] = (Sample *)memory + band * band_samples + y * row_samples;
        switch (v.bands) {
        case 1: separate_row<Sample, 1>(from, to, v.width); break;
        case 3: separate_row<Sample, 3>(from, to, v.width); break;
        case 4: separate_row<Sample, 4>(from, to, v.width); break;
        default: fail("no floor for so many bands");
        }
    }
}

/* Replaces an interleaved view by one of bands in `memory`. */
static inline void separate(View &v, std::vector<uint8_t> &memory)
{
    memory.resize((size_t)v.width * v.height * v.bands * v.sample_bytes);
    if (v.sample_bytes == 1) separate_samples<uint8_t>(v, memory.data());
    else separate_samples<uint16_t>(v, memory.data());
    v.data = memory.data();
    v.pixel = v.sample_bytes;
    v.row = (ptrdiff_t)v.width * v.sample_bytes;
    v.band = v.row * v.height;
}
