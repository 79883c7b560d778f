/* This library, through its C API, as a program would call it.
 *   (none)  tiles of a retiled provider over the file, kept in the cache, without a copy
 *   stack   the blocks of the file are cached too, in the same cache
 *   blocks  windows are copied out of cached blocks
 *   passing tiles of cached blocks are put together anew each time, and not kept
 *   mapped  the file is opened by TC_OPEN_MAPPED
 *   beside  files beside it are looked for
 *   codec   threads that the harness may use beside its own help to decode
 *   rows    each thread takes whole rows of tiles */
#include "library.h"

const char *peer_name()
{
    return "ours";
}

std::string peer_version()
{
    uint32_t version = tc_library_version();
    return std::to_string(version >> 16) + "." + std::to_string(version >> 8 & 255) + "." + std::to_string(version & 255);
}

static int sample_bytes(int32_t type)
{
    switch (type) {
    case TC_U8: case TC_I8: return 1;
    case TC_U16: case TC_I16: return 2;
    case TC_U32: case TC_I32: case TC_F32: return 4;
    default: return 8;
    }
}

/* One for all files of a program. */
static tc_cache *the_cache(int64_t budget)
{
    static tc_cache *cache = nullptr;
    tc_error error;
    if (!cache) check(tc_create(budget, nullptr, &cache, &error), error);
    return cache;
}

struct Ours : Source {
    tc_cache *cache;
    tc_provider *file = nullptr, *cached = nullptr, *tiles = nullptr;
    tc_image_info info{};
    int tile, bytes, band;
    bool blocks;
    std::vector<std::vector<uint8_t>> buffers;

    explicit Ours(const Config &c)
        : cache(the_cache(c.budget)), tile(c.tile), band(c.band - 1), blocks(c.has("blocks")), buffers(c.threads)
    {
        tc_error error;
        tc_open_options opening{};
        opening.struct_size = sizeof opening;
        opening.flags = (c.has("mapped") ? TC_OPEN_MAPPED : 0) | (c.has("beside") ? 0 : TC_OPEN_ALONE);
        opening.threads = c.has("codec") ? c.threads - 1 : 0;
        opening.image = c.page ? c.page - 1 : 0;
        check(provider_open(c.file.c_str(), &opening, &file, &error), error);
        if (blocks || c.has("stack") || c.has("passing")) check(provider_cached(file, cache, &cached, &error), error);
        tc_retile_options options{};
        options.struct_size = sizeof options;
        options.tile_width = options.tile_height = c.tile;
        tc_cache *keeps = c.has("passing") ? nullptr : cache;
        check(provider_retile(cached ? cached : file, &options, keeps, &tiles, &error), error);
        info.struct_size = sizeof info;
        check(provider_info(file, &info, &error), error);
        bytes = sample_bytes(info.dtype);
        if (c.band) info.bands = 1;
    }

    ~Ours() override
    {
        g_decodes += loads();
        provider_release(tiles);
        provider_release(cached);
        provider_release(file);
    }

    /* The band that is wanted, if it is one. */
    const int32_t *chosen() const { return band < 0 ? nullptr : &band; }
    static int at_level(int64_t size, int level) { return (int)((size + (1ll << level) - 1) >> level); }
    int width(int level) override { return at_level(info.width, level); }
    int height(int level) override { return at_level(info.height, level); }

    void get(int thread, const Rect &r, View &v) override
    {
        v.width = r.width, v.height = r.height;
        v.bands = info.bands, v.sample_bytes = bytes, v.pixel = bytes;
        tc_error error;
        if (blocks || r.x % tile || r.y % tile || r.level) {
            auto &buffer = buffers[thread];
            size_t row = (size_t)r.width * bytes, plane = row * r.height;
            if (buffer.size() < plane * info.bands) buffer.resize(plane * info.bands);
            tc_target target{buffer.data(), bytes, (int64_t)row, (int64_t)plane, r.width, r.height, info.bands, 0};
            check(provider_read_window(blocks ? cached : tiles, r.x, r.y, r.level, chosen(), band >= 0, &target, &error), error);
            v.data = buffer.data(), v.row = row, v.band = plane;
            return;
        }
        tc_tile *made;
        tc_pixels pixels;
        check(provider_get_block(tiles, r.y / tile, r.x / tile, r.level, chosen(), band >= 0, &made, &error), error);
        tc_tile_pixels(made, &pixels);
        v.data = (const uint8_t *)pixels.data, v.row = pixels.row_stride, v.band = pixels.band_stride, v.handle = made;
    }

    void release(int, View &v) override { tc_tile_release((tc_tile *)v.handle); }

    /* With those of files that were closed. */
    long decodes() override { return g_decodes + loads(); }

    long loads()
    {
        tc_cache_stats stats{};
        stats.struct_size = sizeof stats;
        tc_error error;
        check(provider_counters(file, &stats, nullptr, &error), error);
        return (long)stats.loads;
    }
};

std::unique_ptr<Source> open_source(const Config &c)
{
    return std::make_unique<Ours>(c);
}
