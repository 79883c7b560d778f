/* What a directory of a TIFF file says of its image and of where its blocks are. */
#pragma once
#include "harness.h"
#include <tiffio.h>

struct Directory {
    uint32_t width, height, block_width, block_height;
    uint16_t bands = 1, bits = 8, predictor = 1;
    bool tiled, planar;
    int pixel; /* bytes from one to the next */
    std::vector<uint64_t> offsets, lengths;

    /* The one that libtiff is at. */
    explicit Directory(TIFF *t)
    {
        TIFFGetField(t, TIFFTAG_IMAGEWIDTH, &width);
        TIFFGetField(t, TIFFTAG_IMAGELENGTH, &height);
        TIFFGetFieldDefaulted(t, TIFFTAG_SAMPLESPERPIXEL, &bands);
        TIFFGetFieldDefaulted(t, TIFFTAG_BITSPERSAMPLE, &bits);
        TIFFGetFieldDefaulted(t, TIFFTAG_PREDICTOR, &predictor);
        uint16_t order = PLANARCONFIG_CONTIG;
        TIFFGetFieldDefaulted(t, TIFFTAG_PLANARCONFIG, &order);
        planar = order == PLANARCONFIG_SEPARATE && bands > 1;
        pixel = (planar ? 1 : bands) * bits / 8;
        tiled = TIFFIsTiled(t);
        block_width = width;
        if (tiled) {
            TIFFGetField(t, TIFFTAG_TILEWIDTH, &block_width);
            TIFFGetField(t, TIFFTAG_TILELENGTH, &block_height);
        } else {
            TIFFGetFieldDefaulted(t, TIFFTAG_ROWSPERSTRIP, &block_height);
        }
        uint32_t count = tiled ? TIFFNumberOfTiles(t) : TIFFNumberOfStrips(t);
        uint64_t *table;
        TIFFGetField(t, tiled ? TIFFTAG_TILEOFFSETS : TIFFTAG_STRIPOFFSETS, &table);
        offsets.assign(table, table + count);
        TIFFGetField(t, tiled ? TIFFTAG_TILEBYTECOUNTS : TIFFTAG_STRIPBYTECOUNTS, &table);
        lengths.assign(table, table + count);
    }

    uint32_t across() const { return (width + block_width - 1) / block_width; }
    size_t block_bytes() const { return (size_t)block_width * block_height * pixel; }
};
