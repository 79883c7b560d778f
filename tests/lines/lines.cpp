/* Threads that hit, miss and release in turns, each act between marks of its own: what they write is looked at by
 * benches/peers/cpp/stores.cpp. Prints "own FROM TO" of the stacks of threads and of the pixels of what was missed. */
#include "marks.h"
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>
#include <tilecache.h>
#include <vector>

constexpr int THREADS = 4, SIDE = 16, TILE = 64;

/* Phases: an act, and the thread that does it. */
enum Act { SAME = 10, SAME_RELEASE = 20, OTHER = 30, OTHER_RELEASE = 40, MISS = 50, MISS_RELEASE = 60 };

static tc_provider *provider;

static tc_status read_block(void *, void *, int64_t row, int64_t col, int32_t, const int32_t *, const tc_target *into, tc_error *)
{
    for (int64_t y = 0; y < into->height; y++)
        memset((char *)into->data + y * into->row_stride, (int)(row * 7 + col * 13) & 255, (size_t)into->width);
    return TC_OK;
}

[[noreturn]] static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(3);
}

static tc_tile *get(int64_t at)
{
    tc_tile *tile;
    if (provider_get_block(provider, at / SIDE, at % SIDE, 0, nullptr, 0, &tile, nullptr) != TC_OK) fail("no tile");
    return tile;
}

static void hit(int64_t at)
{
    tc_tile_release(get(at));
}

/* Gets a tile and releases it, in two phases. */
static void act(int thread, int64_t at, int getting, int releasing)
{
    mark(getting + thread);
    tc_tile *tile = get(at);
    mark(0);
    tc_pixels pixels;
    tc_tile_pixels(tile, &pixels);
    if (*(const uint8_t *)pixels.data != (uint8_t)(at / SIDE * 7 + at % SIDE * 13)) fail("another tile");
    if (getting == MISS) print_own(pixels.data, TILE * TILE);
    mark(releasing + thread);
    tc_tile_release(tile);
    mark(0);
}

static std::mutex mutex;
static std::condition_variable changed;
static int turn = 0;

static void work(int thread)
{
    /* One round for each act, so that each thread has done it before the next. */
    for (int round = 0; round < 4; round++) {
        std::unique_lock<std::mutex> lock(mutex);
        changed.wait(lock, [&] { return turn == round * THREADS + thread; });
        /* Resident are the tiles of the first row. A thread makes itself known with the first hit of a tile. */
        if (round == 0) {
            print_stack();
            for (int64_t at = 0; at < 3 * SIDE; at++)
                hit(at % SIDE);
        }
        if (round == 1) act(thread, 0, SAME, SAME_RELEASE);
        /* In nodes that stand far from each other and close to each other. */
        if (round == 2) act(thread, thread < 2 ? 1 + thread : 8 + thread, OTHER, OTHER_RELEASE);
        if (round == 3) {
            /* What is made once is made before. */
            hit(SIDE * (1 + thread));
            act(thread, SIDE * (1 + thread) + 1, MISS, MISS_RELEASE);
        }
        turn++;
        changed.notify_all();
    }
}

int main()
{
    tc_image_info image{};
    image.struct_size = sizeof image;
    image.width = image.height = SIDE * TILE;
    image.block_width = image.block_height = TILE;
    image.bands = 1;
    image.dtype = TC_U8;
    tc_source described{};
    described.struct_size = sizeof described;
    described.threading = TC_CONCURRENT;
    described.image = &image;
    described.read_block = read_block;
    tc_cache *cache;
    tc_provider *source;
    if (tc_create(64 << 20, nullptr, &cache, nullptr) != TC_OK || provider_from_source(&described, &source, nullptr) != TC_OK ||
        provider_cached(source, cache, &provider, nullptr) != TC_OK)
        fail("no provider");
    std::vector<std::thread> threads;
    for (int i = 0; i < THREADS; i++)
        threads.emplace_back(work, i);
    for (auto &thread : threads)
        thread.join();
    provider_release(provider);
    provider_release(source);
    tc_release(cache);
    return 0;
}
