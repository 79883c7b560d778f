// The C++ header expected-style, with exceptions or without. expected scene.tif
#include "check.hpp"

#include <condition_variable>
#if defined(TILECACHE_EXCEPTIONS)
#include <stdexcept>
#endif

using namespace tilecache;

static Result<int> sample_of(const std::string &path)
{
    Result<Provider> file = open(path);
    if (!file)
        return file.error();
    Result<Tile> tile = file->get_block(0, 0);
    if (!tile)
        return tile.error();
    auto view = tile->view<uint16_t>();
    if (!view)
        return view.error();
    return int((*view)(1, 3, 2));
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    CHECK(*sample_of(argv[1]) == 2 * 2 + 3 * 3);
    Result<int> none = sample_of("/no/such/file.tif");
    CHECK(!none && none.error().status() == TC_E_NOT_FOUND);
    CHECK(attempt([&] { return sample_of("/no/such/file.tif"); }).error().status() == TC_E_NOT_FOUND);

    Result<Cache> cache = Cache::create(1 << 20);
    CHECK(cache->statistics()->budget == 1 << 20);
    CHECK(cache->set_budget(2 << 20));
    CHECK(!Provider().info() && Provider().info().error().status() == TC_E_ARGUMENT);
    Result<Provider> file = open(argv[1]);
    CHECK(file->get_block(0, 0)->view<uint8_t>().error().status() == TC_E_ARGUMENT);
    CHECK(file->get_block(0, 0)->pixels().visit([](auto samples) { return samples.width(); }).value() == 128);
    CHECK(file->read_window<float>(1, 1, 2, 2)->samples().size() == 12);

    // A callback returns its error, which comes out as it is.
    Source source = bytes_source();
    source.read_block = [&](const BlockToRead &block, const Target &) -> Result<void> {
        if (block.col == 0)
            return Error(TC_E_NOT_FOUND, "no such star");
        if (block.col == 1)
            return Error(TC_E_SOURCE, "the sensor said no", 42);
        return Error(TC_E_IO, "unplugged");
    };
    Result<Provider> image = Provider::from_source(source)->cached(*cache);
    const Error star = image->get_block(0, 0).error();
    CHECK(star.status() == TC_E_NOT_FOUND && std::string(star.message()) == "no such star");
    CHECK(image->get_block(0, 1).error().source_code() == 42);
    CHECK(image->get_block(0, 2).error().status() == TC_E_IO);
    CHECK(image->read_window<uint8_t>(0, 0, 2000, 10).error().status() == TC_E_NOT_FOUND);

    // A request hears of it too.
    std::mutex mutex;
    std::condition_variable heard;
    std::optional<Error> error;
    CHECK(image->request_block(0, 0, 0, {}, [&](Result<Tile> tile) {
        std::lock_guard<std::mutex> lock(mutex);
        error = tile.error();
        heard.notify_one();
    }));
    std::unique_lock<std::mutex> lock(mutex);
    heard.wait(lock, [&] { return error.has_value(); });
    CHECK(error->status() == TC_E_NOT_FOUND);

    // A mosaic whose part cannot be opened.
    MosaicOptions mosaic;
    mosaic.image = *file->info();
    mosaic.open = [](size_t) { return open("/no/such/file.tif"); };
    MosaicPart part;
    part.key = "part", part.width = 600, part.height = 400;
    CHECK(Provider::mosaic({part}, mosaic)->get_block(0, 0).error().status() == TC_E_NOT_FOUND);

#if defined(TILECACHE_EXCEPTIONS)
    // What is thrown all the same is the cause.
    source.read_block = [](const BlockToRead &, const Target &) { throw std::logic_error("thrown"); };
    const Error caught = Provider::from_source(source)->get_block(0, 0).error();
    CHECK(caught.cause() && std::string(caught.message()) == "thrown");
    bool thrown = false;
    try {
        Provider::from_source(source)->get_block(0, 0).value();
    } catch (const std::logic_error &) {
        thrown = true;
    }
    CHECK(thrown);
#endif
#if defined(__cpp_lib_expected)
    std::expected<Tile, Error> tile = file->get_block(0, 0);
    CHECK(tile && tile->pixels().width == 128);
    std::expected<Tile, Error> no_tile = file->get_block(99, 0);
    CHECK(!no_tile && no_tile.error().status() == TC_E_RANGE);
#endif
    return 0;
}
