/* No peer but a lower bound: every block is decoded just once but with `blocks`, and windows are views where that goes.
 *   libtiff     by libtiff; of strips each thread decodes a row of tiles at a time
 *   libdeflate  the same, inflated by libdeflate out of the mapped file
 *   slices      uncompressed strips that follow each other are read, so few rows at a time that the processor's cache holds them
 *   mmap        views of the mapped file, of such strips
 *   openjpeg    one decode of the whole image with as many codec threads as are allowed
 *   bands       windows are copied once more, band by band, as the library delivers them
 *   keeps       of bands: they come from each block straight into windows, whose memory is kept within the budget
 *   blocks      of libdeflate and bands: windows are copied out of blocks, of which the last used are kept within the budget
 *   huge        what is kept lies in huge pages
 *   rows        each thread takes whole rows of tiles */
#include "floor_blocks.h"
#include <openjpeg.h>
#include <sys/stat.h>

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
        std::vector<uint8_t *> tiles; /* kept ones, of a row of them */
        int row = -1;                 /* where what is in `window` or `tiles` begins */
    };
    std::vector<Thread> threads;
    std::unique_ptr<Directory> image;
    std::unique_ptr<Kept> kept;
    int tile;
    bool inflates, slices, views, separates;
    int file;
    const uint8_t *mapped = nullptr;

    explicit Floor(const Config &c)
        : threads(c.threads), tile(c.tile), inflates(c.has("libdeflate")), slices(c.has("slices")), views(c.has("mmap")),
          separates(c.has("bands")), file(open(c.file.c_str(), O_RDONLY))
    {
        for (auto &thread : threads) {
            /* Reads take less than the page faults of a mapping. */
            thread.tiff = TIFFOpen(c.file.c_str(), "rm");
            if (!thread.tiff || file < 0) fail("cannot open " + c.file);
            thread.inflater = libdeflate_alloc_decompressor();
        }
        image = std::make_unique<Directory>(threads[0].tiff);
        if (image->planar && !views) fail("bands that stand apart are read by mmap alone");
        if (c.has("keeps")) kept = std::make_unique<Kept>(c.budget, (size_t)tile * tile * image->pixel, c.has("huge"));
        for (size_t i = 1; (slices || views) && i < image->offsets.size(); i++)
            if (image->offsets[i] != image->offsets[i - 1] + image->lengths[i - 1]) fail("the strips do not follow each other");
        if (slices) image->block_height = 8;
        if (inflates || views) map(c.file);
    }

    void map(const std::string &path)
    {
        struct stat state;
        if (fstat(file, &state)) fail("cannot open " + path);
        mapped = (const uint8_t *)mmap(nullptr, state.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, file, 0);
        if (mapped == MAP_FAILED) fail("cannot map " + path);
    }

    int width(int) override { return image->width; }
    int height(int) override { return image->height; }

    void decode(Thread &thread, uint32_t block, uint8_t *to, size_t size)
    {
        g_decodes.fetch_add(1, std::memory_order_relaxed);
        if (inflates) {
            size_t written;
            if (libdeflate_zlib_decompress(thread.inflater, mapped + image->offsets[block], image->lengths[block], to, size, &written))
                fail("libdeflate does not inflate");
            size_t row = (size_t)image->block_width * 3;
            if (image->predictor == 2) undo_predictor(to, size / row, row);
        } else if (slices) {
            if (pread(file, to, size, image->offsets[0] + block * image->block_bytes()) != (ssize_t)size) fail("cannot read");
        } else if (image->tiled ? TIFFReadEncodedTile(thread.tiff, block, to, size) < 0
                                : TIFFReadEncodedStrip(thread.tiff, block, to, size) < 0) {
            fail("libtiff does not decode");
        }
    }

    /* A rectangle of the image as it lies in memory that begins with another one. */
    View interleaved(const Rect &r, const uint8_t *memory, const Rect &all)
    {
        View v{nullptr, r.width, r.height, image->bands, image->bits / 8};
        v.pixel = image->pixel, v.band = image->bits / 8;
        v.row = (ptrdiff_t)all.width * v.pixel;
        v.data = memory + (r.y - all.y) * v.row + (r.x - all.x) * v.pixel;
        return v;
    }

    /* Calls `each` with all blocks over a rectangle and with where they lie. */
    template <typename Each> void for_blocks(const Rect &r, const Each &each)
    {
        int wide = image->block_width, high = image->block_height;
        for (int row = r.y / high; row * high < r.y + r.height; row++)
            for (int column = r.x / wide; column * wide < r.x + r.width; column++) {
                int height = image->tiled ? high : std::min(high, (int)image->height - row * high);
                each(row * image->across() + column, Rect{0, column * wide, row * high, wide, height});
            }
    }

    static Rect common(const Rect &a, const Rect &b)
    {
        int x = std::max(a.x, b.x), y = std::max(a.y, b.y);
        return {0, x, y, std::min(a.x + a.width, b.x + b.width) - x, std::min(a.y + a.height, b.y + b.height) - y};
    }

    View get_of_strips(Thread &thread, const Rect &r)
    {
        size_t row_bytes = (size_t)image->width * image->pixel;
        Rect all{0, 0, r.y, (int)image->width, r.height};
        if (thread.row != r.y) {
            thread.window.resize(tile * row_bytes);
            for_blocks(all, [&](uint32_t block, const Rect &of) {
                decode(thread, block, thread.window.data() + (of.y - r.y) * row_bytes, of.height * row_bytes);
            });
            thread.row = r.y;
        }
        return interleaved(r, thread.window.data(), all);
    }

    View get_of_tiles(Thread &thread, const Rect &r)
    {
        size_t size = image->block_bytes();
        thread.block.resize(size);
        thread.window.resize((size_t)tile * tile * image->pixel);
        View window = interleaved(r, thread.window.data(), r);
        for_blocks(r, [&](uint32_t block, const Rect &of) {
            decode(thread, block, thread.block.data(), size);
            Rect part = common(of, r);
            View from = interleaved(part, thread.block.data(), of), to = interleaved(part, thread.window.data(), r);
            for (int y = 0; y < part.height; y++)
                memcpy((uint8_t *)to.data + y * to.row, from.data + y * from.row, part.width * from.pixel);
        });
        return window;
    }

    /* Fills windows that lie side by side from the blocks over them. */
    void fill(Thread &thread, const std::vector<Rect> &windows, const std::vector<uint8_t *> &memory)
    {
        Rect all = windows.front();
        all.width = windows.back().x + windows.back().width - all.x;
        thread.block.resize(image->block_bytes());
        for_blocks(all, [&](uint32_t block, const Rect &of) {
            decode(thread, block, thread.block.data(), (size_t)of.width * of.height * image->pixel);
            for (size_t i = 0; i < windows.size(); i++) {
                const Rect &window = windows[i];
                Rect part = common(of, window);
                if (part.width <= 0) continue;
                View to{nullptr, window.width, window.height, image->bands, image->bits / 8};
                lies_in_bands(to, memory[i]);
                separate_into(interleaved(part, thread.block.data(), of),
                              memory[i] + (part.y - window.y) * to.row + (part.x - window.x) * to.pixel, to.row, to.band);
            }
        });
    }

    /* Of strips a row of windows is filled at a time, and stays until the next one. */
    void get_kept(Thread &thread, const Rect &r, View &v)
    {
        if (image->tiled) {
            v.handle = kept->take();
            fill(thread, {r}, {(uint8_t *)v.handle});
            lies_in_bands(v, (uint8_t *)v.handle);
            return;
        }
        if (thread.row != r.y) {
            for (auto memory : thread.tiles)
                kept->give_back(memory);
            thread.tiles.clear();
            std::vector<Rect> windows;
            for (int x = 0; x < (int)image->width; x += tile) {
                windows.push_back({0, x, r.y, std::min(tile, (int)image->width - x), r.height});
                thread.tiles.push_back(kept->take());
            }
            fill(thread, windows, thread.tiles);
            thread.row = r.y;
        }
        lies_in_bands(v, thread.tiles[r.x / tile]);
    }

    void get(int number, const Rect &r, View &v) override
    {
        Thread &thread = threads[number];
        if (kept) {
            v = {nullptr, r.width, r.height, image->bands, image->bits / 8};
            get_kept(thread, r, v);
            return;
        }
        if (views) {
            v = interleaved(r, mapped + image->offsets[0], {0, 0, 0, (int)image->width, (int)image->height});
            if (image->planar) v.band = (ptrdiff_t)(image->offsets[image->offsets.size() / image->bands] - image->offsets[0]);
        } else {
            v = image->tiled ? get_of_tiles(thread, r) : get_of_strips(thread, r);
        }
        if (separates) separate(v, thread.bands);
    }

    void release(int, View &v) override
    {
        if (v.handle) kept->give_back((uint8_t *)v.handle);
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
    if (c.has("blocks")) return std::make_unique<Windows>(c);
    return std::make_unique<Floor>(c);
}
