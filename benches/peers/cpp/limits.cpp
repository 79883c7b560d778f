/* What the memory of this machine allows: limits THREADS MIB. Prints payload, counted once, in GB/s: lines of JSON.
 *
 * Copies between memory that is touched already, and into fresh pages; tiles of 1024 x 1024 out of an image in memory,
 * without and with the separation of their bands. */
#include "costs.h"
#include "separate.h"
#include <algorithm>
#include <chrono>
#include <cstring>
#include <sys/mman.h>

static uint8_t *fresh(size_t size)
{
    void *memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) fail("no memory");
    return (uint8_t *)memory;
}

static double run(int threads, const std::function<void(int)> &work)
{
    auto begin = std::chrono::steady_clock::now();
    on_threads(threads, work);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

int main(int argc, char **argv)
{
    if (argc != 3) fail("usage: limits THREADS MIB");
    int threads = atoi(argv[1]);
    size_t size = (size_t)atoi(argv[2]) << 20, part = size / threads;
    uint8_t *from = fresh(size), *to = fresh(size);
    memset(from, 7, size), memset(to, 1, size);
    auto print = [&](const char *name, double seconds) {
        printf("{\"peer\":\"limit\",\"workload\":\"limits\",\"variant\":\"%s\",\"mode\":\"\",\"threads\":%d,\"seconds\":%.6f,"
               "\"bytes\":%zu}\n", name, threads, seconds, size);
    };
    auto best = [&](const std::function<void(int)> &work) {
        double least = 1e9;
        for (int i = 0; i < 5; i++)
            least = std::min(least, run(threads, work));
        return least;
    };
    print("read", best([&](int i) {
              volatile uint64_t sum = sum_bytes(from + i * part, part);
              (void)sum;
          }));
    print("copy", best([&](int i) { memcpy(to + i * part, from + i * part, part); }));
    double least = 1e9;
    for (int i = 0; i < 3; i++) {
        uint8_t *pages = fresh(size);
        least = std::min(least, run(threads, [&](int i) { memcpy(pages + i * part, from + i * part, part); }));
        munmap(pages, size);
    }
    print("copy into fresh pages", least);
    /* An image of 8192 columns; each thread fills tiles of its own, again and again in the same memory. */
    for (int bands : {1, 3, 4}) {
        size_t row = 8192 * bands, tile = (size_t)1024 * 1024 * bands;
        int rows = (int)(part / row) / 1024;
        if (!rows) continue;
        double seconds = best([&](int i) {
            std::vector<uint8_t> memory(tile);
            for (int y = 0; y < rows * 1024; y += 1024)
                for (int x = 0; x < 8192; x += 1024) {
                    View v{from + i * part + y * row + (size_t)x * bands, 1024, 1024, bands, 1};
                    v.pixel = bands, v.row = row, v.band = 1;
                    separate(v, memory);
                }
        });
        std::string name = "tiles of " + std::to_string(bands) + " bands";
        printf("{\"peer\":\"limit\",\"workload\":\"limits\",\"variant\":\"%s\",\"mode\":\"\",\"threads\":%d,\"seconds\":%.6f,"
               "\"bytes\":%zu}\n", name.c_str(), threads, seconds, (size_t)rows * 1024 * row * threads);
    }
    return 0;
}
