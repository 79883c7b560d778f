/* What tiles of resident blocks take beside a plain copy of the same rows: stitch THREADS BITS BANDS BLOCK TILE [SIDE [ROUNDS]].
 *
 * All blocks of an image of SIDE x SIDE pixels are resident, and every tile is put together from them without being kept: by a
 * reader with TC_READ_BYPASS over tiles of the same cache, and by tiles that have no cache. The limit is a loop of memcpy from rows
 * of blocks that lie as those of the library do, which are packed, into rows of one packed tile for each thread, whose memory is
 * used again. All three take turns in one process; prints the medians of processor time as a line of JSON, with the page faults of
 * one round. */
#include "costs.h"
#include "library.h"
#include <algorithm>
#include <cstring>

struct Shape {
    int64_t side;
    int bytes, bands, block, tile, threads;
    int64_t blocks() const { return (side + block - 1) / block; }
    int64_t tiles() const { return (side + tile - 1) / tile; }
    /* Pixels of a block or tile along one direction. */
    int64_t extent(int64_t at, int size) const { return std::min<int64_t>(size, side - at * size); }
};

static uint8_t sample_at(int64_t row, int64_t column, int band, int64_t y)
{
    return (uint8_t)(row * 31 + column * 17 + band * 5 + y);
}

static tc_status fill(void *, void *, int64_t row, int64_t column, int32_t, const int32_t *, const tc_target *into, tc_error *)
{
    for (int32_t band = 0; band < into->bands; band++)
        for (int64_t y = 0; y < into->height; y++)
            memset((uint8_t *)into->data + band * into->band_stride + y * into->row_stride, sample_at(row, column, band, y),
                   into->width * into->pixel_stride);
    return TC_OK;
}

/* The tiles of the library, all blocks of which are resident. */
struct Library : CachedBlocks {
    tc_provider *tiles = nullptr, *passing = nullptr, *uncached = nullptr;

    explicit Library(const Shape &shape)
        : CachedBlocks(shape.side, shape.block, shape.bands, shape.bytes == 1 ? TC_U8 : TC_U16, fill, (uint64_t)4 << 30)
    {
        tc_error error;
        tc_retile_options options{};
        options.struct_size = sizeof options;
        options.tile_width = options.tile_height = shape.tile;
        check(provider_retile(cached, &options, cache, &tiles, &error), error);
        check(provider_retile(cached, &options, nullptr, &uncached, &error), error);
        tc_reader_options reading{};
        reading.struct_size = sizeof reading;
        reading.flags = TC_READ_BYPASS;
        check(provider_reader(tiles, &reading, &passing, &error), error);
        for (int64_t row = 0; row < shape.blocks(); row++)
            for (int64_t column = 0; column < shape.blocks(); column++)
                get_and_release(cached, row, column);
    }

    int64_t loads()
    {
        tc_cache_stats stats{};
        stats.struct_size = sizeof stats;
        tc_error error;
        check(provider_counters(source, &stats, nullptr, &error), error);
        return (int64_t)stats.loads;
    }
};

/* A plain loop over rows: the limit. */
struct Rows {
    const Shape &shape;
    std::vector<std::vector<uint8_t>> blocks, tiles;

    explicit Rows(const Shape &shape) : shape(shape)
    {
        for (int64_t row = 0; row < shape.blocks(); row++)
            for (int64_t column = 0; column < shape.blocks(); column++) {
                size_t row_bytes = shape.extent(column, shape.block) * shape.bytes;
                blocks.emplace_back(row_bytes * shape.extent(row, shape.block) * shape.bands, (uint8_t)(row + column));
            }
        tiles.resize(shape.threads, std::vector<uint8_t>((size_t)shape.tile * shape.tile * shape.bands * shape.bytes, 1));
    }

    void make(int thread, int64_t row, int64_t column)
    {
        int64_t left = column * shape.tile, top = row * shape.tile;
        int64_t width = shape.extent(column, shape.tile), height = shape.extent(row, shape.tile);
        for (int64_t down = top / shape.block; down * shape.block < top + height; down++)
            for (int64_t across = left / shape.block; across * shape.block < left + width; across++) {
                int64_t x0 = std::max(left, across * shape.block), x1 = std::min(left + width, (across + 1) * shape.block);
                int64_t y0 = std::max(top, down * shape.block), y1 = std::min(top + height, (down + 1) * shape.block);
                int64_t from_row = shape.extent(across, shape.block) * shape.bytes, to_row = width * shape.bytes;
                int64_t from_band = from_row * shape.extent(down, shape.block), to_band = to_row * height;
                const uint8_t *from = blocks[down * shape.blocks() + across].data();
                from += (y0 - down * shape.block) * from_row + (x0 - across * shape.block) * shape.bytes;
                uint8_t *to = tiles[thread].data() + (y0 - top) * to_row + (x0 - left) * shape.bytes;
                for (int band = 0; band < shape.bands; band++)
                    for (int64_t y = 0; y < y1 - y0; y++)
                        memcpy(to + band * to_band + y * to_row, from + band * from_band + y * from_row, (x1 - x0) * shape.bytes);
            }
        __asm__ volatile("" : : "r"(tiles[thread].data()) : "memory");
    }
};

static Cost cost_of(const Shape &shape, const std::function<void(int, int64_t, int64_t)> &make)
{
    int64_t count = shape.tiles() * shape.tiles();
    Cost before = costs();
    on_threads(shape.threads, [&](int thread) {
        for (int64_t i = thread; i < count; i += shape.threads)
            make(thread, i / shape.tiles(), i % shape.tiles());
    });
    return costs() - before;
}

static Cost median(std::vector<Cost> costs)
{
    std::sort(costs.begin(), costs.end(), [](const Cost &a, const Cost &b) { return a.seconds < b.seconds; });
    return costs[costs.size() / 2];
}

/* The median over the rounds of what one takes of the other. */
static double ratio(const std::vector<Cost> &of, const std::vector<Cost> &to)
{
    std::vector<double> all;
    for (size_t i = 0; i < of.size(); i++)
        all.push_back(of[i].seconds / to[i].seconds);
    std::sort(all.begin(), all.end());
    return all[all.size() / 2];
}

int main(int argc, char **argv)
{
    if (argc < 6) fail("usage: stitch THREADS BITS BANDS BLOCK TILE [SIDE [ROUNDS]]");
    Shape shape{argc > 6 ? atoll(argv[6]) : 4096, atoi(argv[2]) / 8, atoi(argv[3]), atoi(argv[4]), atoi(argv[5]), atoi(argv[1])};
    int rounds = argc > 7 ? atoi(argv[7]) : 9;
    Library library(shape);
    Rows rows(shape);
    int64_t loads = library.loads();
    auto tiles_of = [&](tc_provider *from) {
        return [from](int, int64_t row, int64_t column) { get_and_release(from, row, column); };
    };
    std::vector<Cost> limit, passing, uncached;
    for (int i = 0; i <= rounds; i++) {
        limit.push_back(cost_of(shape, [&](int thread, int64_t row, int64_t column) { rows.make(thread, row, column); }));
        passing.push_back(cost_of(shape, tiles_of(library.passing)));
        uncached.push_back(cost_of(shape, tiles_of(library.uncached)));
    }
    if (library.loads() != loads) fail("blocks went while they were needed");
    /* The first round is where memory is taken from the system. */
    for (auto *costs : {&limit, &passing, &uncached})
        costs->erase(costs->begin());
    double bytes = (double)shape.side * shape.side * shape.bands * shape.bytes;
    printf("{\"peer\":\"ours\",\"workload\":\"stitch\",\"variant\":\"%d to %d, bands: %d, bits: %d\",\"mode\":\"\",\"threads\":%d,"
           "\"limit\":%.6f,\"reader\":%.6f,\"uncached\":%.6f,\"reader_of_limit\":%.3f,\"uncached_of_limit\":%.3f,"
           "\"gb_per_s\":%.2f,\"faults\":%ld}\n",
           shape.block, shape.tile, shape.bands, shape.bytes * 8, shape.threads, median(limit).seconds, median(passing).seconds,
           median(uncached).seconds, ratio(limit, passing), ratio(limit, uncached), bytes / median(passing).seconds / 1e9,
           median(passing).faults);
    return 0;
}
