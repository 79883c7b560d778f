/* What a hit and a miss of this library cost as work grows: growth entries COUNT | pixels SIDE | threads COUNT.
 *
 * A callback makes the blocks: of 8 x 8 bytes where entries are counted, else of 64 x 64, so that little but the library's
 * own work is seen. Prints nanoseconds of processor time, which other programs disturb less than the clock, for a get of a
 * block that is resident, and of one that is not and that another has to go for. */
#include "costs.h"
#include "library.h"
#include <algorithm>
#include <cmath>
#include <cstring>

static tc_status fill(void *, void *, int64_t row, int64_t column, int32_t, const int32_t *, const tc_target *into, tc_error *)
{
    for (int64_t y = 0; y < into->height; y++)
        memset((uint8_t *)into->data + y * into->row_stride, (int)(row + column), into->width);
    return TC_OK;
}

struct Image : CachedBlocks {
    int64_t side; /* blocks in a row, and rows of them */

    Image(int64_t blocks, int block, uint64_t budget) : CachedBlocks(blocks * block, block, 1, TC_U8, fill, budget), side(blocks) {}

    void get(int64_t at) { get_and_release(cached, at / side, at % side); }
};

static double nanoseconds(int threads, int64_t count, const std::function<void(int, int64_t)> &get)
{
    Cost before = costs();
    on_threads(threads, [&](int thread) {
        for (int64_t i = 0; i < count; i++)
            get(thread, i);
    });
    return (costs() - before).seconds * 1e9 / (count * threads);
}

/* Places that jump about: steps that share no divisor with the number of places. */
static int64_t jump(int64_t i, int64_t count)
{
    return (int64_t)((unsigned __int128)i * 0x9e3779b97f4a7c15ull % (uint64_t)count);
}

int main(int argc, char **argv)
{
    if (argc != 3) fail("usage: growth entries COUNT | pixels SIDE | threads COUNT");
    std::string what = argv[1];
    int64_t at = atoll(argv[2]);
    int64_t resident = what == "entries" ? at : 1024;
    int threads = what == "threads" ? (int)at : 1;
    int block = what == "entries" ? 8 : 64;
    int64_t side = what == "pixels" ? (at + block - 1) / block : (int64_t)std::ceil(std::sqrt(2.0 * resident + 65536));
    Image image(side, block, (uint64_t)64 << 30);
    int64_t all = side * side;
    resident = std::min(resident, all / 4);
    /* The last in use are those of the highest places, so that the others are missed. */
    for (int64_t i = 0; i < resident; i++)
        image.get(i);
    double hit = nanoseconds(threads, 200000, [&](int thread, int64_t i) { image.get(jump(i + thread * 1013, resident)); });
    tc_error error;
    check(tc_set_budget(image.cache, image.statistics().resident, &error), error);
    int64_t before = (int64_t)image.statistics().loads;
    /* Each thread has places of its own. In a small image they come round when they have gone again. */
    int64_t others = all - resident, each = 65536 / threads;
    double miss = nanoseconds(threads, each, [&](int thread, int64_t i) {
        image.get(resident + jump(thread * each + i, others));
    });
    int64_t loads = (int64_t)image.statistics().loads - before;
    if (loads < each * threads * 9 / 10) fail("hits among the misses");
    printf("{\"peer\":\"ours\",\"workload\":\"growth\",\"variant\":\"%s\",\"mode\":\"\",\"threads\":%d,\"at\":%lld,\"hit\":%.1f,"
           "\"miss\":%.1f}\n", what.c_str(), threads, (long long)(what == "pixels" ? at * at : at), hit, miss);
    return 0;
}
