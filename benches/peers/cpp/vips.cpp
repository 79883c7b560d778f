/* libvips: a region for each thread, on images that all share.
 *   seq     in order from top to bottom, with a cache of as many rows of tiles as the budget holds
 *   tiled   any order, with a cache of tiles; `small` has it keep tiles of 256
 *   (none)  any order, without one; of strips the whole image is decoded first, on disk where it exceeds the budget */
#include "harness.h"
#include <vips/vips.h>

const char *peer_name()
{
    return "vips";
}

std::string peer_version()
{
    return vips_version_string();
}

struct Vips : Source {
    std::vector<VipsImage *> levels;
    std::vector<std::vector<VipsRegion *>> regions;
    int bands, bytes;

    [[noreturn]] static void give_up() { fail(std::string("libvips: ") + vips_error_buffer()); }

    explicit Vips(const Config &c)
    {
        setenv("VIPS_DISC_THRESHOLD", (std::to_string(c.budget >> 20) + "m").c_str(), 1);
        if (VIPS_INIT("peer")) give_up();
        vips_concurrency_set(c.threads);
        vips_cache_set_max(0);
        int last = c.order == "walkers" ? 3 : c.level;
        for (int level = 0; level <= last; level++)
            levels.push_back(open(c, level, last > 0));
        for (int i = 0; i < c.threads; i++)
            regions.emplace_back(levels.size(), nullptr);
        bands = levels[0]->Bands, bytes = (int)VIPS_IMAGE_SIZEOF_ELEMENT(levels[0]);
    }

    ~Vips() override
    {
        for (auto &of_thread : regions)
            for (auto region : of_thread)
                if (region) g_object_unref(region);
        for (auto image : levels)
            g_object_unref(image);
    }

    static VipsImage *open(const Config &c, int level, bool has_levels)
    {
        const char *path = c.file.c_str();
        VipsImage *file = c.has("seq") ? vips_image_new_from_file(path, "access", VIPS_ACCESS_SEQUENTIAL, nullptr)
                                       : vips_image_new_from_file(path, "page", level, nullptr);
        if (!file) give_up();
        /* The finest of several levels gets half of the budget. */
        int64_t budget = !has_levels ? c.budget : level == 0 ? c.budget / 2 : c.budget / 6;
        int width = c.has("seq") ? file->Xsize : c.has("small") ? 256 : c.tile;
        int height = c.has("small") ? 256 : c.tile;
        int count = (int)(budget / ((int64_t)VIPS_IMAGE_SIZEOF_PEL(file) * width * height));
        VipsImage *made = file;
        if (c.has("seq") || c.has("tiled")) {
            VipsAccess access = c.has("seq") ? VIPS_ACCESS_SEQUENTIAL : VIPS_ACCESS_RANDOM;
            if (vips_tilecache(file, &made, "tile_width", width, "tile_height", height, "max_tiles", count > 1 ? count : 1,
                               "threaded", TRUE, "access", access, nullptr))
                give_up();
            g_object_unref(file);
        }
        return made;
    }

    int width(int level) override { return levels[level]->Xsize; }
    int height(int level) override { return levels[level]->Ysize; }

    void get(int thread, const Rect &r, View &v) override
    {
        VipsRegion *&region = regions[thread][r.level];
        if (!region) region = vips_region_new(levels[r.level]);
        VipsRect wanted{r.x, r.y, r.width, r.height};
        if (vips_region_prepare(region, &wanted)) give_up();
        v = {VIPS_REGION_ADDR(region, r.x, r.y), r.width, r.height, bands, bytes};
        v.pixel = VIPS_REGION_SIZEOF_PEL(region), v.row = VIPS_REGION_LSKIP(region), v.band = bytes;
    }
};

std::unique_ptr<Source> open_source(const Config &c)
{
    return std::make_unique<Vips>(c);
}
