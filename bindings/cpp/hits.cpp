// What a hit costs through the C++ header, beside the same hit through C: hits scene.tif
#include "check.hpp"

#include <algorithm>
#include <chrono>

static size_t allocations = 0;

void *operator new(size_t size)
{
    allocations++;
    if (void *made = std::malloc(size))
        return made;
    throw std::bad_alloc();
}
void operator delete(void *made) noexcept { std::free(made); }
void operator delete(void *made, size_t) noexcept { std::free(made); }

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
    CHECK(sum == 0); // The first sample is 0.
    // Times vary with what else the machine does; what is asked of the allocator does not.
    const size_t before = allocations;
    by_cpp();
    CHECK(allocations == before);
    auto view = image.get_block(0, 0).view<uint16_t>();
    CHECK(allocations == before && view(0, 0, 0) == 0);
    return 0;
}
