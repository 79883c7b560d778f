/* What every program here shares: the traces, the threads, the clock, the checksum and the line of results.
 *
 * A peer implements Source and open_source(). It gets windows of pixels, in whatever interleave suits it. */
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

/* A read-only window of pixels; strides are in bytes. */
struct View {
    const uint8_t *data = nullptr;
    int width = 0, height = 0, bands = 0, sample_bytes = 1;
    ptrdiff_t pixel = 0, row = 0, band = 0;
    void *handle = nullptr;
};

struct Rect {
    int level, x, y, width, height;
};

/* What one run is to do. */
struct Config {
    std::string workload, variant;
    std::string file;
    std::string order; /* rows | columns | windows | walkers | open | files | late | counted */
    std::string trace; /* windows of 512 x 512: level, x, y as 32-bit numbers */
    std::string mode;  /* words between commas, each peer's own */
    int64_t budget = 512ll << 20;
    int tile = 1024;
    int threads = 1;  /* cores that the peer may use, by its threads or by ours */
    int columns = 0;  /* only so many columns of tiles; 0 is all */
    int level = 0;
    int page = 0; /* of the file, from 1; 0 is the file as it is */
    int band = 0; /* only this one, from 1; 0 is all of them */
    int shift = 0; /* windows lie so many pixels to the right of tiles and below them, as far as the image goes */
    int warmups = 3; /* passes before the one that is counted */

    bool has(const char *word) const { return ("," + mode + ",").find("," + std::string(word) + ",") != std::string::npos; }
};

struct Source {
    virtual ~Source() {}
    virtual int width(int level) = 0;
    virtual int height(int level) = 0;
    /* How many threads the harness starts. A peer with threads of its own says 1. */
    virtual int consumers(const Config &config) { return config.threads; }
    virtual void get(int thread, const Rect &rect, View &view) = 0;
    virtual void release(int thread, View &view) { (void)thread, (void)view; }
    /* Blocks that a codec decoded so far, by those who count themselves. */
    virtual long decodes();
    /* More members of the line of results, each with a comma before it. */
    virtual std::string extra() { return ""; }
};

const char *peer_name();
std::string peer_version();
std::unique_ptr<Source> open_source(const Config &config);

/* Ends the program with a message. */
[[noreturn]] void fail(const std::string &message);

/* Decodes that count.cpp saw go to libtiff and OpenJPEG, where it is linked. */
extern std::atomic<long> g_decodes;

/* Adds to sums[0] all bytes, and to sums[1] sixteen samples of the window, weighted by their places. */
void add_checksum(const View &view, const Rect &rect, uint64_t sums[2]);
uint64_t sum_bytes(const uint8_t *data, size_t count);
