// What a hit costs through the C++ header, beside the same hit through C: hits scene.tif
#include "check.hpp"

#include <algorithm>
#include <chrono>

template <class F>
static double seconds(F f)
{
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 100000; i++)
        f();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    auto cache = tilecache::Cache::create(64 << 20);
    auto image = tilecache::open(argv[1]).cached(cache);
    unsigned long sum = 0;
    const auto by_c = [&] {
        tc_error err;
        tc_tile *tile;
        tc_pixels pixels;
        CHECK(provider_get_block(image.get(), 0, 0, 0, nullptr, 0, &tile, &err) == TC_OK);
        tc_tile_pixels(tile, &pixels);
        sum += *static_cast<const uint16_t *>(pixels.data);
        tc_tile_release(tile);
    };
    const auto by_cpp = [&] { sum += *static_cast<const uint16_t *>(image.get_block(0, 0).pixels().data); };
    // In turns, and the shortest rounds of each, which other programs of the machine disturbed least.
    double c = 1e9, cpp = 1e9;
    for (int round = 0; round < 15; round++) {
        c = std::min(c, seconds(by_c));
        cpp = std::min(cpp, seconds(by_cpp));
    }
    std::printf("a hit through C++ takes %.2f times as long as through C (the shortest of 15 rounds each)\n", cpp / c);
    CHECK(sum == 0);       // The first sample is 0.
    CHECK(cpp / c < 1.5);  // Nothing is copied or allocated.
    return 0;
}
