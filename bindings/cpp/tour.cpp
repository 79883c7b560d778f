// The tour in C++: docs/bindings.md has it beside those in other languages.
#include <cstdlib>
#include <iostream>
#include <tilecache.hpp>

using namespace tilecache;

// Three windows.
// The sum of the samples of a window of bytes.
static unsigned long sum_of(const Provider &image, int64_t x, int64_t y, int32_t level)
{
    unsigned long sum = 0;
    for (uint8_t sample : image.read_window<uint8_t>(x, y, 64, 48, level).samples())
        sum += sample;
    return sum;
}

// End.
static void tour(const std::string &path)
{
    // Open.
    auto cache = Cache::create(64 << 20);
    auto file = open(path);
    auto info = file.info();
    std::cout << "open: " << file.format() << ", " << info.width << " x " << info.height << ", " << info.bands
              << " bands\n";

    // Pyramid.
    LevelOptions levels;
    levels.filter = TC_FILTER_AVERAGE;
    levels.levels = 3;
    levels.tile_width = levels.tile_height = 128;
    auto pyramid = file.pyramid(levels, cache);
    std::cout << "pyramid: " << pyramid.info().levels << " levels\n";

    // Display.
    auto chain = Chain::parse("bands=2,1,0|stretch=0..1000|u8").resolve(pyramid);
    auto picture = pyramid.display(chain, cache);
    std::cout << "display: " << chain.text() << "\n";

    // Three windows.
    for (int32_t level = 0; level < 3; level++)
        std::cout << "window at level " << level << ": " << sum_of(picture, 80 >> level, 40 >> level, level) << "\n";

    // A provider of one's own.
    // Sample (x, y) is (x + 2 y) mod 251. In block (1, 1) it cancels the reader, if there is one.
    Provider reader;
    Source source;
    source.threading = TC_CONCURRENT;
    source.image.dtype = TC_U8;
    source.image.width = 1000;
    source.image.height = 600;
    source.image.block_width = source.image.block_height = 256;
    source.read_block = [&](const BlockToRead &block, const Target &into) {
        auto samples = into.view<uint8_t>();
        for (int64_t y = 0; y < samples.height(); y++)
            for (int64_t x = 0; x < samples.width(); x++)
                samples(0, y, x) = uint8_t((block.col * 256 + x + 2 * (block.row * 256 + y)) % 251);
        if (block.row == 1 && block.col == 1 && reader) {
            reader.cancel();
            std::cout << "wanted after the cancel: " << (Load::current().is_cancelled() ? "no" : "yes") << "\n";
            throw Error(TC_E_CANCELLED, "not wanted any more");
        }
    };
    auto own = Provider::from_source(source);
    std::cout << "own:";
    for (int sample : own.read_window<uint8_t>(254, 255, 3, 2).samples())
        std::cout << " " << sample;
    std::cout << "\n";

    // An error.
    try {
        own.read_window<uint8_t>(0, 0, 3, 2, 9);
    } catch (const Error &error) {
        std::cout << "error: " << error.what() << "\n";
    }

    // A cancel.
    reader = own.reader();
    try {
        reader.read_window<uint8_t>(300, 300, 3, 2);
    } catch (const Error &error) {
        std::cout << "cancel: " << tc_status_name(error.status()) << "\n";
    }
    // End.
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        std::cerr << "usage: tour scene.tif\n";
        return EXIT_FAILURE;
    }
    try {
        tour(argv[1]);
        return EXIT_SUCCESS;
    } catch (const std::exception &problem) {
        std::cerr << problem.what() << "\n";
        return EXIT_FAILURE;
    }
}
