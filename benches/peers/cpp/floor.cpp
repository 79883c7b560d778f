/* No peer but a lower bound: every block is decoded just once, nothing is cached, and windows are views where that goes.
 *   libtiff     by libtiff; of strips each thread decodes a row of tiles at a time
 *   libdeflate  the same, inflated by libdeflate out of the mapped file
 *   mmap        views of the mapped file, of uncompressed strips that follow each other
 *   openjpeg    one decode of the whole image with as many codec threads as are allowed
 *   bands       windows are copied once more, band by band, as the library delivers them
 *   rows        each thread takes whole rows of tiles */
#include "harness.h"
#include "separate.h"
#include <algorithm>
#include <cstring>
#include <fcntl.h>
#include <libdeflate.h>
#include <openjpeg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <tiffio.h>

const char *peer_name()
{
    return "floor";
}

std::string peer_version()
{
    return "libtiff " + std::to_string(TIFFLIB_VERSION) + ", libdeflate " LIBDEFLATE_VERSION_STRING ", OpenJPEG " + opj_version();
}

struct Floor : Source {
    struct Thread {
        TIFF *tiff;
        libdeflate_decompressor *inflater;
        std::vector<uint8_t> window, block, bands;
        int row = -1; /* where the strips in `window` begin */
    };
    std::vector<Thread> threads;
    uint32_t image_width, image_height, block_width, block_height;
    uint16_t bands = 1, bits = 8, predictor = 1;
    int tile, pixel;
    bool tiled, inflates, views, separates, planar;
    const uint8_t *mapped = nullptr;
    std::vector<uint64_t> offsets, lengths;

    explicit Floor(const Config &c)
        : threads(c.threads), tile(c.tile), inflates(c.has("libdeflate")), views(c.has("mmap")), separates(c.has("bands"))
    {
        for (auto &thread : threads) {
            thread.tiff = TIFFOpen(c.file.c_str(), "r");
            if (!thread.tiff) fail("libtiff does not open " + c.file);
            thread.inflater = libdeflate_alloc_decompressor();
        }
        TIFF *t = threads[0].tiff;
        TIFFGetField(t, TIFFTAG_IMAGEWIDTH, &image_width);
        TIFFGetField(t, TIFFTAG_IMAGELENGTH, &image_height);
        TIFFGetFieldDefaulted(t, TIFFTAG_SAMPLESPERPIXEL, &bands);
        TIFFGetFieldDefaulted(t, TIFFTAG_BITSPERSAMPLE, &bits);
        TIFFGetFieldDefaulted(t, TIFFTAG_PREDICTOR, &predictor);
        uint16_t order = PLANARCONFIG_CONTIG;
        TIFFGetFieldDefaulted(t, TIFFTAG_PLANARCONFIG, &order);
        planar = order == PLANARCONFIG_SEPARATE && bands > 1;
        if (planar && !views) fail("bands that stand apart are read by mmap alone");
        pixel = (planar ? 1 : bands) * bits / 8;
        tiled = TIFFIsTiled(t);
        block_width = image_width;
        if (tiled) {
            TIFFGetField(t, TIFFTAG_TILEWIDTH, &block_width);
            TIFFGetField(t, TIFFTAG_TILELENGTH, &block_height);
        } else {
            TIFFGetFieldDefaulted(t, TIFFTAG_ROWSPERSTRIP, &block_height);
        }
        if (inflates || views) map(c.file);
    }

    void map(const std::string &path)
    {
        TIFF *t = threads[0].tiff;
        uint32_t count = tiled ? TIFFNumberOfTiles(t) : TIFFNumberOfStrips(t);
        uint64_t *table;
        TIFFGetField(t, tiled ? TIFFTAG_TILEOFFSETS : TIFFTAG_STRIPOFFSETS, &table);
        offsets.assign(table, table + count);
        TIFFGetField(t, tiled ? TIFFTAG_TILEBYTECOUNTS : TIFFTAG_STRIPBYTECOUNTS, &table);
        lengths.assign(table, table + count);
        for (uint32_t i = 1; views && i < count; i++)
            if (offsets[i] != offsets[i - 1] + lengths[i - 1]) fail("the strips do not follow each other");
        int file = open(path.c_str(), O_RDONLY);
        struct stat state;
        if (file < 0 || fstat(file, &state)) fail("cannot open " + path);
        mapped = (const uint8_t *)mmap(nullptr, state.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, file, 0);
        if (mapped == MAP_FAILED) fail("cannot map " + path);
    }

    int width(int) override { return image_width; }
    int height(int) override { return image_height; }

    /* Running sums over three interleaved bands of bytes. */
    void undo_predictor(uint8_t *data, size_t size)
    {
        size_t row = (size_t)block_width * 3;
        for (uint8_t *p = data; p + row <= data + size; p += row) {
            uint8_t a = 0, b = 0, c = 0;
            for (size_t i = 0; i < row; i += 3)
                p[i] = a += p[i], p[i + 1] = b += p[i + 1], p[i + 2] = c += p[i + 2];
        }
    }

    void decode(Thread &thread, uint32_t block, uint8_t *to, size_t size)
    {
        g_decodes.fetch_add(1, std::memory_order_relaxed);
        if (inflates) {
            size_t written;
            if (libdeflate_zlib_decompress(thread.inflater, mapped + offsets[block], lengths[block], to, size, &written))
                fail("libdeflate does not inflate");
            if (predictor == 2) undo_predictor(to, size);
        } else if (tiled ? TIFFReadEncodedTile(thread.tiff, block, to, size) < 0
                         : TIFFReadEncodedStrip(thread.tiff, block, to, size) < 0) {
            fail("libtiff does not decode");
        }
    }

    void get_of_strips(Thread &thread, const Rect &r, View &v)
    {
        size_t row_bytes = (size_t)image_width * pixel;
        v.row = row_bytes;
        if (thread.row != r.y) {
            thread.window.resize(tile * row_bytes);
            for (int y = r.y; y < r.y + r.height; y += block_height) {
                size_t rows = std::min(block_height, image_height - y);
                decode(thread, y / block_height, thread.window.data() + (y - r.y) * row_bytes, rows * row_bytes);
            }
            thread.row = r.y;
        }
        v.data = thread.window.data() + (size_t)r.x * pixel;
    }

    void get_of_tiles(Thread &thread, const Rect &r, View &v)
    {
        int wide = block_width, high = block_height, across = (image_width + wide - 1) / wide;
        size_t size = (size_t)wide * high * pixel;
        thread.block.resize(size);
        thread.window.resize((size_t)tile * tile * pixel);
        v.row = (ptrdiff_t)r.width * pixel;
        v.data = thread.window.data();
        for (int row = r.y / high; row * high < r.y + r.height; row++)
            for (int column = r.x / wide; column * wide < r.x + r.width; column++) {
                decode(thread, row * across + column, thread.block.data(), size);
                int left = std::max(r.x, column * wide), right = std::min(r.x + r.width, (column + 1) * wide);
                int top = std::max(r.y, row * high), bottom = std::min(r.y + r.height, (row + 1) * high);
                for (int y = top; y < bottom; y++)
                    memcpy(thread.window.data() + (y - r.y) * v.row + (size_t)(left - r.x) * pixel,
                           thread.block.data() + ((size_t)(y - row * high) * wide + left - column * wide) * pixel,
                           (size_t)(right - left) * pixel);
            }
    }

    void get(int number, const Rect &r, View &v) override
    {
        Thread &thread = threads[number];
        v = {nullptr, r.width, r.height, bands, bits / 8};
        v.pixel = pixel, v.band = bits / 8;
        if (views) {
            v.row = (ptrdiff_t)image_width * pixel;
            v.data = mapped + offsets[0] + ((size_t)r.y * image_width + r.x) * pixel;
            if (planar) v.band = (ptrdiff_t)(offsets[offsets.size() / bands] - offsets[0]);
        } else if (tiled) {
            get_of_tiles(thread, r, v);
        } else {
            get_of_strips(thread, r, v);
        }
        if (separates) separate(v, thread.bands);
    }
};

/* JPEG 2000 of one component: windows are packed out of the decoder's plane of 32-bit samples. */
struct Plane : Source {
    opj_image_t *image = nullptr;
    int bytes;
    std::vector<std::vector<uint8_t>> buffers;

    explicit Plane(const Config &c) : buffers(c.threads)
    {
        opj_stream_t *stream = opj_stream_create_default_file_stream(c.file.c_str(), OPJ_TRUE);
        opj_codec_t *codec = opj_create_decompress(OPJ_CODEC_JP2);
        opj_dparameters_t parameters;
        opj_set_default_decoder_parameters(&parameters);
        if (!opj_setup_decoder(codec, &parameters)) fail("OpenJPEG");
        if (c.threads > 1) opj_codec_set_threads(codec, c.threads);
        if (!opj_read_header(stream, codec, &image) || !opj_decode(codec, stream, image)) fail("OpenJPEG does not decode");
        g_decodes++;
        bytes = image->comps[0].prec > 8 ? 2 : 1;
    }

    int width(int) override { return image->comps[0].w; }
    int height(int) override { return image->comps[0].h; }

    void get(int thread, const Rect &r, View &v) override
    {
        auto &buffer = buffers[thread];
        buffer.resize((size_t)r.width * r.height * bytes);
        for (int y = 0; y < r.height; y++) {
            const int32_t *from = image->comps[0].data + (size_t)(r.y + y) * width(0) + r.x;
            uint8_t *to = buffer.data() + (size_t)y * r.width * bytes;
            for (int x = 0; x < r.width; x++) {
                to[x * bytes] = (uint8_t)from[x];
                if (bytes == 2) to[x * 2 + 1] = (uint8_t)(from[x] >> 8);
            }
        }
        v = {buffer.data(), r.width, r.height, 1, bytes};
        v.pixel = bytes, v.row = (ptrdiff_t)r.width * bytes;
    }
};

std::unique_ptr<Source> open_source(const Config &c)
{
    if (c.has("openjpeg")) return std::make_unique<Plane>(c);
    return std::make_unique<Floor>(c);
}
