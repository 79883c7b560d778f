/* This library, as programs here use it. */
#pragma once
#include "harness.h"
#include <tilecache.h>

/* Ends the program where the library fails. */
inline void check(tc_status status, const tc_error &error)
{
    if (status) fail(std::string(tc_status_name(status)) + ": " + error.message);
}

inline void get_and_release(tc_provider *from, int64_t row, int64_t column)
{
    tc_tile *tile;
    tc_error error;
    check(provider_get_block(from, row, column, 0, nullptr, 0, &tile, &error), error);
    tc_tile_release(tile);
}

/* Square blocks of a callback, and a cache that keeps them. */
struct CachedBlocks {
    tc_cache *cache = nullptr;
    tc_provider *source = nullptr, *cached = nullptr;

    CachedBlocks(int64_t side, int block, int bands, int32_t type, decltype(tc_source::read_block) fill, uint64_t budget)
    {
        tc_image_info info{};
        info.struct_size = sizeof info;
        info.dtype = type, info.bands = bands, info.levels = 1;
        info.width = info.height = side;
        info.block_width = info.block_height = block;
        tc_source callbacks{};
        callbacks.struct_size = sizeof callbacks;
        callbacks.threading = TC_CONCURRENT;
        callbacks.image = &info;
        callbacks.read_block = fill;
        tc_error error;
        check(tc_create(budget, nullptr, &cache, &error), error);
        check(provider_from_source(&callbacks, &source, &error), error);
        check(provider_cached(source, cache, &cached, &error), error);
    }

    tc_cache_stats statistics()
    {
        tc_cache_stats stats{};
        stats.struct_size = sizeof stats;
        tc_error error;
        check(tc_statistics(cache, &stats, &error), error);
        return stats;
    }
};
