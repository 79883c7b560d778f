/* Windows that are copied out of decoded blocks of all levels: the last used of them are kept, within a budget. */
#pragma once
#include "directory.h"
#include "kept.h"
#include "predictor.h"
#include "separate.h"
#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <fcntl.h>
#include <libdeflate.h>
#include <list>
#include <unistd.h>
#include <unordered_map>

/* Blocks by their numbers. Each is decoded once while many want it, and without the lock. */
class Blocks {
public:
    struct Block {
        uint64_t number;
        uint8_t *pixels = nullptr;
        int users = 0;
        bool decoded = false;
    };

    Blocks(size_t budget, size_t size, bool huge) : fresh(budget, size, huge) {}

    /* A block that stays until it is released, decoded by `decode` where it is not there. */
    template <typename Decode> Block *get(uint64_t number, const Decode &decode)
    {
        std::unique_lock<std::mutex> lock(mutex);
        auto [place, is_new] = places.try_emplace(number);
        if (!is_new) {
            Block *block = &*place->second;
            block->users++;
            blocks.splice(blocks.end(), blocks, place->second);
            ended.wait(lock, [&] { return block->decoded; });
            return block;
        }
        uint8_t *pixels = fresh.take();
        bool is_fresh = pixels;
        if (is_fresh) {
            blocks.emplace_back();
        } else {
            auto oldest = std::find_if(blocks.begin(), blocks.end(), [](const Block &block) { return !block.users; });
            if (oldest == blocks.end()) fail("more is in use than the budget has");
            pixels = oldest->pixels;
            places.erase(oldest->number);
            blocks.splice(blocks.end(), blocks, oldest);
        }
        place->second = std::prev(blocks.end());
        Block *block = &blocks.back();
        *block = {number, pixels, 1, false};
        lock.unlock();
        if (is_fresh) fresh.fill(pixels);
        decode(pixels);
        lock.lock();
        block->decoded = true;
        ended.notify_all();
        return block;
    }

    void release(Block *block)
    {
        std::lock_guard<std::mutex> lock(mutex);
        block->users--;
    }

private:
    std::mutex mutex;
    std::condition_variable ended;
    Fresh fresh;
    std::list<Block> blocks; /* those that were used last come last */
    std::unordered_map<uint64_t, std::list<Block>::iterator> places;
};

/* Of tiles with three bands of bytes, deflate and predictor 2. */
struct Windows : Source {
    struct Thread {
        libdeflate_decompressor *inflater = libdeflate_alloc_decompressor();
        std::vector<uint8_t> stored, interleaved, window;
    };
    std::vector<Thread> threads;
    std::vector<Directory> levels;
    std::unique_ptr<Blocks> blocks;
    int file;

    explicit Windows(const Config &c) : threads(c.threads), file(open(c.file.c_str(), O_RDONLY))
    {
        TIFF *t = TIFFOpen(c.file.c_str(), "r");
        if (!t || file < 0) fail("cannot open " + c.file);
        do {
            levels.emplace_back(t);
            const Directory &last = levels.back();
            if (!last.tiled || last.pixel != 3 || last.predictor != 2 || last.block_bytes() != levels[0].block_bytes())
                fail("no bound for such blocks");
        } while (TIFFReadDirectory(t));
        TIFFClose(t);
        blocks = std::make_unique<Blocks>(c.budget, levels[0].block_bytes(), c.has("huge"));
    }

    int width(int level) override { return levels[level].width; }
    int height(int level) override { return levels[level].height; }

    /* What is stored is read, as by all who cannot trust that a file stays, and because the pages of a mapping take more. */
    void decode(Thread &thread, const Directory &level, uint32_t block, uint8_t *to)
    {
        g_decodes.fetch_add(1, std::memory_order_relaxed);
        size_t length = level.lengths[block], size = level.block_bytes(), written;
        if (thread.stored.size() < length) thread.stored.resize(length);
        thread.interleaved.resize(size);
        uint8_t *stored = thread.stored.data(), *data = thread.interleaved.data();
        if (pread(file, stored, length, level.offsets[block]) != (ssize_t)length) fail("cannot read");
        if (libdeflate_zlib_decompress(thread.inflater, stored, length, data, size, &written)) fail("libdeflate does not inflate");
        undo_predictor(data, level.block_height, level.block_width * 3);
        View v{data, (int)level.block_width, (int)level.block_height, 3, 1};
        v.pixel = 3, v.row = level.block_width * 3, v.band = 1;
        separate_into(v, to, level.block_width, (ptrdiff_t)level.block_width * level.block_height);
    }

    /* Rows into wider ones, which the processor hears of beforehand. */
    static void copy(const uint8_t *from, ptrdiff_t from_row, uint8_t *to, ptrdiff_t to_row, int width, int height)
    {
        const int rows_ahead = 8, line = 64;
        for (int y = 0; y < height; y++, from += from_row, to += to_row) {
            for (int x = 0; x < width; x += line)
                __builtin_prefetch(to + rows_ahead * to_row + x, 1);
            memcpy(to, from, width);
        }
    }

    void get(int number, const Rect &r, View &v) override
    {
        Thread &thread = threads[number];
        const Directory &level = levels[r.level];
        if (r.x < 0 || r.y < 0 || r.x + r.width > (int)level.width || r.y + r.height > (int)level.height) fail("a window outside");
        int wide = level.block_width, high = level.block_height;
        thread.window.resize((size_t)r.width * r.height * 3);
        v = {nullptr, r.width, r.height, 3, 1};
        lies_in_bands(v, thread.window.data());
        for (int row = r.y / high; row * high < r.y + r.height; row++)
            for (int column = r.x / wide; column * wide < r.x + r.width; column++) {
                uint32_t at = row * level.across() + column;
                Blocks::Block *block = blocks->get((uint64_t)r.level << 32 | at, [&](uint8_t *to) { decode(thread, level, at, to); });
                int left = std::max(r.x, column * wide), right = std::min(r.x + r.width, (column + 1) * wide);
                int top = std::max(r.y, row * high), bottom = std::min(r.y + r.height, (row + 1) * high);
                for (int band = 0; band < 3; band++) {
                    const uint8_t *from = block->pixels + ((size_t)band * high + top - row * high) * wide + left - column * wide;
                    uint8_t *to = thread.window.data() + band * v.band + (top - r.y) * v.row + left - r.x;
                    copy(from, wide, to, v.row, right - left, bottom - top);
                }
                blocks->release(block);
            }
    }
};
