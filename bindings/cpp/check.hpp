// What the tests of C++ have in common: checks that say where they failed, and an image of their own.
#ifndef CHECK_HPP
#define CHECK_HPP

#include <cstdio>
#include <cstdlib>
#include <tilecache.hpp>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                       \
            std::abort();                                                                                              \
        }                                                                                                              \
    } while (false)

// 1000 x 600 bytes in blocks of 256 x 256: sample (x, y) is (x + 2 y) mod 251.
inline tilecache::Source bytes_source()
{
    tilecache::Source source;
    source.threading = TC_CONCURRENT;
    source.image.dtype = TC_U8;
    source.image.width = 1000;
    source.image.height = 600;
    source.image.block_width = source.image.block_height = 256;
    source.read_block = [](const tilecache::BlockToRead &block, const tilecache::Target &into) {
        auto *row = static_cast<uint8_t *>(into.data);
        for (int64_t y = 0; y < into.height; y++, row += into.row_stride)
            for (int64_t x = 0; x < into.width; x++)
                row[x] = uint8_t((block.col * 256 + x + 2 * (block.row * 256 + y)) % 251);
    };
    return source;
}

#endif
