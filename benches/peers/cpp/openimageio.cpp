/* OpenImageIO: one ImageCache, with a handle of the file and the thread's own state.
 *   gettile  tiles of the cache without a copy, where its tiles are the ones asked for
 *   (none)   windows copied out of them
 *   rows     each thread takes whole rows of tiles */
#include "harness.h"
#include <OpenImageIO/imagecache.h>
#include <OpenImageIO/imageio.h>
using namespace OIIO;

const char *peer_name()
{
    return "openimageio";
}

std::string peer_version()
{
    return OIIO_VERSION_STRING;
}

struct Oiio : Source {
    ImageCache *cache;
    ImageCache::ImageHandle *handle;
    TypeDesc type;
    int bands, bytes;
    bool gettile, has_mip = false;
    std::vector<std::vector<uint8_t>> buffers;

    explicit Oiio(const Config &c) : gettile(c.has("gettile")), buffers(c.threads)
    {
        OIIO::attribute("threads", c.threads);
        OIIO::attribute("limits:imagesize_MB", 1 << 20);
        cache = ImageCache::create(false);
        cache->attribute("max_memory_MB", (float)(c.budget >> 20));
        cache->attribute("forcefloat", 0);
        cache->attribute("autotile", c.tile);
        cache->attribute("autoscanline", 0);
        cache->attribute("automip", 0);
        cache->attribute("accept_untiled", 1);
        cache->attribute("accept_unmipped", 1);
        ustring name(c.file);
        handle = cache->get_image_handle(name, state());
        const ImageSpec *spec = spec_of(0);
        type = spec->format, bytes = (int)spec->format.size(), bands = spec->nchannels;
        int levels = 1;
        cache->get_image_info(name, 0, 0, ustring("miplevels"), TypeDesc::INT, &levels);
        has_mip = levels > 1;
    }

    ~Oiio() override { ImageCache::destroy(cache); }

    [[noreturn]] void give_up() { fail("OpenImageIO: " + cache->geterror()); }
    ImageCache::Perthread *state()
    {
        thread_local ImageCache::Perthread *own = cache->get_perthread_info();
        return own;
    }
    /* Overviews are levels of one image, or images of their own. */
    int image(int level) { return has_mip ? 0 : level; }
    int mip(int level) { return has_mip ? level : 0; }
    const ImageSpec *spec_of(int level)
    {
        const ImageSpec *spec = cache->imagespec(handle, state(), image(level), mip(level));
        if (!spec) give_up();
        return spec;
    }
    int width(int level) override { return spec_of(level)->width; }
    int height(int level) override { return spec_of(level)->height; }

    void get(int thread, const Rect &r, View &v) override
    {
        v = {nullptr, r.width, r.height, bands, bytes};
        v.pixel = (ptrdiff_t)bands * bytes, v.band = bytes;
        if (gettile) {
            ImageCache::Tile *tile = cache->get_tile(handle, state(), image(r.level), mip(r.level), r.x, r.y, 0);
            if (!tile) give_up();
            TypeDesc format;
            v.data = (const uint8_t *)cache->tile_pixels(tile, format);
            v.handle = tile;
            ROI place = cache->tile_roi(tile);
            bool covers = place.xbegin <= r.x && place.ybegin <= r.y && place.xend >= r.x + r.width &&
                          place.yend >= r.y + r.height && format == type;
            if (!covers) fail("OpenImageIO: its tiles are others");
            v.row = v.pixel * place.width();
            v.data += (r.y - place.ybegin) * v.row + (r.x - place.xbegin) * v.pixel;
            return;
        }
        auto &buffer = buffers[thread];
        v.row = v.pixel * r.width;
        if (buffer.size() < (size_t)v.row * r.height) buffer.resize((size_t)v.row * r.height);
        if (!cache->get_pixels(handle, state(), image(r.level), mip(r.level), r.x, r.x + r.width, r.y, r.y + r.height, 0, 1,
                               0, bands, type, buffer.data(), v.pixel, v.row, AutoStride))
            give_up();
        v.data = buffer.data();
    }

    void release(int, View &v) override
    {
        if (v.handle) cache->release_tile((ImageCache::Tile *)v.handle);
    }
};

std::unique_ptr<Source> open_source(const Config &c)
{
    return std::make_unique<Oiio>(c);
}
