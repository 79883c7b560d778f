// The C++ header as most use it, with exceptions: what it gives, and what bad use gets. tests scene.tif
#include "check.hpp"
#include "../tier/memory.h"

#include <atomic>
#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace tilecache;

static std::string scene;

// An exception that the library has never heard of.
struct Trouble : std::runtime_error {
    explicit Trouble(int number) : std::runtime_error("trouble"), number(number) {}
    int number;
};

template <class E, class F>
static E thrown_by(F f)
{
    try {
        f();
    } catch (const E &e) {
        return e;
    } catch (const std::exception &e) {
        std::fprintf(stderr, "another exception: %s\n", e.what());
        std::abort();
    }
    std::fprintf(stderr, "nothing was thrown\n");
    std::abort();
}

static tc_status status_of(const std::function<void()> &f)
{
    return thrown_by<Error>(f).status();
}

// What is given.

static void a_tile_is_read_where_it_lies()
{
    auto cache = Cache::create(64 << 20);
    auto image = Provider::from_source(bytes_source()).cached(cache);
    auto tile = image.get_block(1, 1);
    auto view = tile.view<uint8_t>();
    CHECK(view.data() == tile.pixels().data);
    CHECK((view.shape() == std::array<int64_t, 3>{1, 256, 256}));
    CHECK(view(0, 3, 5) == (256 + 5 + 2 * (256 + 3)) % 251);
    CHECK(image.get_block(1, 1).view<uint8_t>().data() == view.data());
    long sum = 0;
    view.for_each([&](uint8_t sample) { sum += sample; });
    CHECK(sum > 256 * 256);
    const void *visited = nullptr;
    size_t size = tile.pixels().visit([&](auto samples) {
        visited = samples.data();
        return sizeof samples(0, 0, 0);
    });
    CHECK(visited == view.data() && size == 1);
    CHECK(image.try_block(1, 1)->get() != nullptr);
    CHECK(!image.try_block(0, 0));
    CHECK(!image.peek_block(0, 0));
    CHECK(cache.find(image.key(), 1, 1)->view<uint8_t>().data() == view.data());
    CHECK(!cache.find("no such key", 0, 0));
    CHECK(cache.statistics().held > 0);
}

static void windows_are_converted_into_any_strides()
{
    auto file = open(scene);
    auto shorts = file.read_window<uint16_t>(10, 20, 7, 5);
    auto floats = file.read_window<float>(10, 20, 7, 5, 0, {2, 0});
    CHECK(shorts.bands() == 3 && floats.bands() == 2);
    CHECK(shorts(2, 4, 6) == (3 * 16 + 3 * 24) % 1000);
    CHECK(floats(0, 4, 6) == float(shorts(2, 4, 6)) && floats(1, 4, 6) == float(shorts(0, 4, 6)));
    // Interleaved by pixel.
    std::vector<int32_t> interleaved(7 * 5 * 3);
    file.read_window(10, 20, 0, View<int32_t>(interleaved.data(), 3, 5, 7, 1, 7 * 3, 3));
    CHECK(interleaved[size_t((4 * 7 + 6) * 3 + 2)] == shorts(2, 4, 6));
    Array<uint16_t> part(1, 2, 2);
    file.get_block(0, 0).copy(10, 20, part, {1});
    CHECK(part(0, 1, 1) == shorts(1, 1, 1));
}

static void memory_is_lent_without_a_copy()
{
    auto samples = std::make_shared<std::vector<float>>(64 * 64, 1.5f);
    std::weak_ptr<std::vector<float>> alive = samples;
    View<float> view(samples->data(), 1, 64, 64);
    {
        auto image = Provider::from_memory(view, samples);
        CHECK(image.get_block(0, 0).view<float>().data() == samples->data());
        samples.reset();
        CHECK(!alive.expired());
    }
    CHECK(alive.expired());

    auto more = std::make_shared<std::vector<float>>(64 * 64, 2.5f);
    alive = more;
    auto cache = Cache::create(1 << 20);
    View<const float> lent(more->data(), 1, 64, 64);
    cache.lend("mine", 0, 0, Pixels::of(lent), more);
    more.reset();
    CHECK(!alive.expired() && cache.find("mine", 0, 0)->view<float>()(0, 63, 63) == 2.5f);
    cache.put("mine", 0, 1, Pixels::of(lent));
    CHECK(cache.remove("mine", 0, 0) && !cache.remove("mine", 0, 0));
    CHECK(alive.expired());
    CHECK(cache.find("mine", 0, 1)->view<float>()(0, 0, 0) == 2.5f);
    cache.trim(UINT64_MAX);
    CHECK(cache.statistics().entries == 0);
}

static void images_are_made_of_functions()
{
    auto cache = Cache::create(64 << 20);
    auto image = Provider::from_source(bytes_source()).cached(cache);
    MapOptions twice;
    twice.dtype = TC_U16;
    twice.name = "twice";
    twice.map = [](const Block &, const Pixels &in, const Target &out) {
        auto from = in.view<uint8_t>();
        auto to = out.view<uint16_t>();
        for (int64_t y = 0; y < from.height(); y++)
            for (int64_t x = 0; x < from.width(); x++)
                to(0, y, x) = uint16_t(2 * from(0, y, x));
    };
    auto doubled = image.map(twice, cache);
    CHECK(doubled.get_block(2, 3).view<uint16_t>()(0, 1, 2) == 2 * image.get_block(2, 3).view<uint8_t>()(0, 1, 2));

    // The sum of a pixel and its right neighbour, of an image and another one.
    ComputeOptions sum;
    sum.image = image.info();
    sum.image->dtype = TC_F32;
    sum.compute = [](const tc_place &place, const std::vector<Pixels> &in, const Target &out) {
        auto a = in[0].view<uint8_t>();
        auto b = in[1].view<uint16_t>();
        auto to = out.view<float>();
        CHECK(to.width() == place.width && a.width() == place.width + 1);
        for (int64_t y = 0; y < place.height; y++)
            for (int64_t x = 0; x < place.width; x++)
                to(0, y, x) = float(a(0, y, x + 1) + b(0, y, x));
    };
    Input first, second;
    first.source = &image;
    first.right = 1;
    second.source = &doubled;
    auto summed = Provider::compute({first, second}, sum, cache);
    CHECK(summed.read_window<float>(255, 255, 1, 1)(0, 0, 0) ==
          float((256 + 2 * 255) % 251 + 2 * ((255 + 2 * 255) % 251)));

    // Sources with sessions, levels, texts and a place.
    std::atomic<int> opened{0}, closed{0};
    {
        Source source = bytes_source();
        source.threading = TC_SESSIONS;
        source.max_sessions = 2;
        source.texts = {{-1, "MADE_BY", "tests"}};
        source.band_infos.resize(1);
        source.band_infos[0].colour = TC_COLOUR_GREEN;
        source.georef.emplace();
        source.georef->transform = {{500000, 10, 0, 4000000, 0, -10}};
        source.georef->epsg = 32632;
        source.open_session = [&]() -> std::shared_ptr<void> {
            opened++;
            return std::shared_ptr<int>(new int(7), [&](int *session) {
                closed++;
                delete session;
            });
        };
        source.has_block = [](const Block &block) { return block.row != 0; };
        source.read_block = [](const BlockToRead &block, const Target &into) {
            CHECK(*static_cast<int *>(block.session) == 7);
            into.view<uint8_t>().for_each([](uint8_t &sample) { sample = 9; });
        };
        auto made = Provider::from_source(std::move(source));
        CHECK(made.get_block(1, 0).view<uint8_t>()(0, 0, 0) == 9);
        CHECK(made.get_block(0, 0).pixels().absent() && !made.has_block(0, 0) && made.has_block(1, 0));
        CHECK(*made.metadata("MADE_BY") == "tests" && !made.metadata("OTHER"));
        CHECK(made.metadata_names() == std::vector<std::string>{"MADE_BY"});
        CHECK(made.band_info(0).colour == TC_COLOUR_GREEN);
        CHECK(made.georef().epsg == 32632 && (*made.georef().transform)[1] == 10 && !made.georef().wkt.empty());
        CHECK((made.place_of({{{0.5, 0.5}}})[0] == std::array<double, 2>{500005, 3999995}));
        CHECK((made.pixel_of({{{500005, 3999995}}})[0] == std::array<double, 2>{0.5, 0.5}));
        CHECK(made.place_of({}).empty());
        Georef elsewhere = made.georef();
        elsewhere.gcps = {{0.5, 0.5, 1, 2, 3, "first", ""}};
        auto moved = made.with_georef(elsewhere);
        CHECK(moved.georef().gcps.at(0).id == "first" && moved.georef().gcps[0].z == 3);
    }
    CHECK(opened == 1 && closed == 1);
}

static void bytes_of_ones_own_are_opened()
{
    std::ifstream stream(scene, std::ios::binary);
    auto content = std::make_shared<std::string>(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
    Bytes bytes;
    bytes.size = int64_t(content->size());
    bytes.read_at = [content](int64_t offset, void *into, size_t n) { std::memcpy(into, &(*content)[size_t(offset)], n); };
    OpenOptions options;
    std::vector<std::string> asked;
    options.open_beside = [&](std::string_view suffix) -> std::optional<Bytes> {
        asked.emplace_back(suffix);
        return std::nullopt;
    };
    auto image = Provider::open(bytes, options);
    CHECK(!asked.empty() && Provider::image_count(bytes) == 1 && Provider::image_count(scene) == 1);
    CHECK(image.read_window<uint16_t>(5, 6, 1, 1)(1, 0, 0) == 2 * 5 + 3 * 6);
    options.open_beside = [](std::string_view) -> std::optional<Bytes> { throw Trouble(8); };
    CHECK(thrown_by<Trouble>([&] { Provider::open(bytes, options); }).number == 8);
    bytes.read_at = [](int64_t, void *, size_t) { throw Trouble(3); };
    CHECK(thrown_by<Trouble>([&] { Provider::open(bytes); }).number == 3);
    CHECK(content.use_count() == 2); // `image` and here: what failed to open let go.
}

static void operators_stand_one_upon_another()
{
    auto cache = Cache::create(64 << 20);
    auto file = open(scene);
    RetileOptions small;
    small.tile_width = 100;
    small.tile_height = 50;
    auto tiles = file.retile(small, cache);
    CHECK(tiles.info().block_width == 100 && tiles.info().block_height == 50);
    LevelOptions options;
    options.filter = TC_FILTER_NEAREST;
    options.levels = 4;
    auto pyramid = tiles.pyramid(options, cache);
    CHECK(pyramid.info().levels == 4 && pyramid.level(2).info().width == 150);
    options.levels = 0;
    options.factor = 4;
    CHECK(file.downsample(options, cache).info().width == 150);
    CHECK(file.mask().get_block(0, 0).view<uint8_t>()(0, 0, 0) == 255);

    auto shifted = Transform::affine({{10, 1, 0, 20, 0, 1}});
    WarpOptions warp;
    warp.filter = TC_FILTER_NEAREST;
    warp.width = 50;
    warp.height = 40;
    CHECK(file.warp(shifted, warp, cache).read_window<uint16_t>(3, 4, 1, 1)(0, 0, 0) == 13 + 3 * 24);
    auto own = Transform::of([](const Points &points) {
        for (int i = 0; i < points.size(); i++)
            points.set(i, points.x(i) + 10, points.y(i) + 20);
    }, Calls::copies);
    CHECK(file.warp(own, warp).read_window<uint16_t>(3, 4, 1, 1)(0, 0, 0) == 13 + 3 * 24);
    std::vector<double> x{1, 2}, y{3, 4};
    own.points(x, y);
    CHECK(x[1] == 12 && y[1] == 24);
    auto nowhere = Transform::of([](const Points &points) { points.nowhere(0); });
    x = {1}, y = {3};
    nowhere.points(x, y);
    CHECK(std::isnan(x[0]));
    std::vector<tc_tie_point> ties{{0, 0, 10, 20}, {9, 0, 19, 20}, {0, 9, 10, 29}, {9, 9, 19, 29}};
    x = {1}, y = {3};
    Transform::polynomial(ties, 1).points(x, y);
    Transform::spline(ties).clone().points(x, y);
    CHECK(std::abs(x[0] - 21) < 1e-9 && std::abs(y[0] - 43) < 1e-9);
    CHECK(status_of([] { Transform::rpc(tc_rpc{}, {{0, 1, 0, 0, 0, 1}}, 0); }) == TC_E_RANGE);
    tc_rpc rpc{};
    rpc.line_scale = rpc.samp_scale = rpc.lat_scale = rpc.long_scale = rpc.height_scale = 1;
    rpc.line_den[0] = rpc.samp_den[0] = rpc.samp_num[1] = rpc.samp_num[3] = rpc.line_num[2] = 1;
    HeightsOptions high;
    high.flags = TC_HEIGHTS_HAS_TRANSFORM | TC_HEIGHTS_HAS_MISSING;
    high.transform = {{0, 1, 0, 0, 0, 1}}, high.scale = 0.5, high.offset = 2, high.missing = 10;
    x = {-5}, y = {-3};
    Transform::rpc(rpc, high.transform, file, high, cache).points(x, y);
    CHECK(x[0] == -5 + 10 * 0.5 + 2 + 0.5 && y[0] == -2.5);
    CHECK(status_of([&] { Transform::rpc(rpc, high.transform, Provider(), high); }) == TC_E_ARGUMENT);

    auto part = [](const Provider &provider, int64_t at) {
        MosaicPart made;
        made.provider = &provider;
        made.x = at;
        return made;
    };
    MosaicOptions mosaic;
    mosaic.image = file.info();
    mosaic.image.width = 1200, mosaic.image.grid_cols = mosaic.image.grid_rows = 0;
    auto two = Provider::mosaic({part(file, 0), part(file, 600)}, mosaic, cache);
    CHECK(two.read_window<uint16_t>(601, 1, 1, 1)(0, 0, 0) == 1 + 3);
    MosaicPart later;
    later.key = "later", later.width = 600, later.height = 400;
    mosaic.open = [](size_t number) {
        CHECK(number == 0);
        return open(scene);
    };
    CHECK(Provider::mosaic({later}, mosaic).read_window<uint16_t>(1, 1, 1, 1)(0, 0, 0) == 1 + 3);

    PassOptions columns;
    columns.order = TC_PASS_COLUMNS;
    auto pass = tiles.pass(columns);
    CHECK(pass.get_block(0, 0).view<uint16_t>()(0, 0, 0) == 0);
    ReaderOptions filled;
    filled.flags = TC_READ_FILL;
    filled.fill = ImageInfo::bytes(uint16_t(77));
    CHECK(file.reader(filled).read_window<uint16_t>(-1, -1, 1, 1)(0, 0, 0) == 77);
    CHECK(tiles.counters().amplification >= 1);
    file.invalidate();
    tiles.counters();
    CHECK(cache.statistics().entries < 20);
}

static void pictures_and_statistics()
{
    auto file = open(scene);
    std::vector<double> heard;
    SampleOptions sample;
    sample.progress = [&](double done) {
        heard.push_back(done);
        return true;
    };
    auto stats = file.pixel_stats(sample);
    CHECK(!heard.empty() && heard.back() == 1);
    CHECK(stats.band(0).maximum == 999 && stats.info().bands == 3);
    CHECK(stats.percentile(0, 100).value == 999);
    auto histogram = stats.histogram(0, 0, 1000, 10);
    long all = 0;
    for (int64_t count : histogram.counts)
        all += count;
    CHECK(all == 600 * 400 && !histogram.approximate);
    auto chain = Chain::parse("bands=0|stretch=2..98%|u8");
    CHECK(chain.info().flags & TC_CHAIN_NEEDS_STATS);
    CHECK(status_of([&] { file.display(chain); }) == TC_E_ARGUMENT);
    auto resolved = chain.resolve(file, stats);
    CHECK(file.display(resolved).info().bands == 1);
    CHECK(!Chain::automatic(file).why().empty() && Chain::automatic(file, sample).text() != "");
    CHECK(file.display().info().dtype == TC_U8);
    std::vector<uint16_t> in(16, 500);
    std::vector<uint8_t> out(16), mask(16, 255);
    mask[3] = 0;
    auto half = Chain::parse("stretch=0..1000").compose(Chain::parse("u8"));
    half.apply(Pixels::of(View<const uint16_t>(in.data(), 1, 4, 4)), Pixels::of(View<const uint8_t>(mask.data(), 1, 4, 4)),
               View<uint8_t>(out.data(), 1, 4, 4));
    CHECK(out[0] == 128 && out[3] == 0);
    half.apply(Pixels::of(View<const uint16_t>(in.data(), 1, 4, 4)), View<uint8_t>(out.data(), 1, 4, 4));
    CHECK(out[3] == 128);
    ConvertOptions convert;
    convert.high = 1000;
    convert.bands = {1};
    CHECK(file.convert(convert).info().bands == 1);
    CHECK(status_of([&] { file.palette(); }) == TC_E_NOT_FOUND);

    char folder[] = "/tmp/tilecacheXXXXXX";
    CHECK(mkdtemp(folder));
    const std::string built = std::string(folder) + "/built.tif";
    BuildOptions build;
    build.compression = TC_BUILD_LZW;
    build.levels = 2;
    build.progress = [&](double) -> bool { throw Trouble(5); };
    CHECK(thrown_by<Trouble>([&] { file.build_pyramid(built, build); }).number == 5);
    CHECK(access(built.c_str(), F_OK) != 0);
    build.progress = [](double) { return false; };
    CHECK(status_of([&] { file.build_pyramid(built, build); }) == TC_E_CANCELLED);
    build.progress = nullptr;
    file.build_pyramid(built, build);
    CHECK(open(built).info().levels == 2);
    unlink(built.c_str());
    rmdir(folder);
}

static void about_the_library()
{
    CHECK(library_version() == TC_LIBRARY_VERSION);
    CHECK(default_budget() <= memory_limit());
    set_open_files(0);
    set_index_bytes(32 << 20);
    run_releases();
    decoded_beneath(1);
    bool tiff = false;
    for (const tc_format &format : formats())
        tiff = tiff || std::string(format.name) == "TIFF";
    CHECK(tiff);
    auto cache = Cache::create(1 << 20);
    cache.set_budget(2 << 20);
    cache.set_share("key", 1 << 20, 1 << 10);
    cache.clear();
    CHECK(cache.statistics().budget == 2 << 20);
    CHECK(status_of([&] { cache.set_share("key", 1, 2); }) == TC_E_ARGUMENT);
}

static void a_log_hears_of_loads_that_fail()
{
    std::weak_ptr<int> alive;
    std::vector<std::string> heard;
    {
        auto held = std::make_shared<int>(0);
        alive = held;
        CacheOptions options;
        options.log.emplace();
        options.log->level = TC_LOG_INFO;
        options.log->write = [&heard, held](const LogMessage &message) {
            if (message.event == TC_LOG_FAILED)
                heard.emplace_back(message.text);
            throw Trouble(1);
        };
        auto cache = Cache::create(1 << 20, options);
        Source source = bytes_source();
        source.read_block = [](const BlockToRead &, const Target &) { throw Trouble(2); };
        thrown_by<Trouble>([&] { Provider::from_source(source).cached(cache).get_block(0, 0); });
    }
    CHECK(heard.size() == 1 && heard[0].find("trouble") != std::string::npos);
    CHECK(alive.expired());
    // Whether the library refuses the arguments or the file, the log goes.
    for (uint32_t level : {uint32_t(TC_LOG_INFO), uint32_t(99)}) {
        auto held = std::make_shared<int>(0);
        alive = held;
        OpenOptions options;
        options.log.emplace();
        options.log->level = level;
        options.log->write = [held](const LogMessage &) {};
        held.reset();
        status_of([&] { open("/no/such/file.tif", options); });
        options.log.reset();
        CHECK(alive.expired());
    }
}

// Requests.

static void requests_answer_by_function_and_future()
{
    auto cache = Cache::create(64 << 20);
    auto image = Provider::from_source(bytes_source()).cached(cache);
    auto heard = std::make_shared<std::promise<int>>();
    image.request_block(0, 1, 0, {}, [=](Result<Tile> tile) { heard->set_value(tile->view<uint8_t>()(0, 0, 0)); });
    CHECK(heard->get_future().get() == 256 % 251);
    CHECK(image.request_block(0, 2).get().view<uint8_t>()(0, 0, 0) == 512 % 251);
    CHECK(status_of([&] { image.request_block(9, 9); }) == TC_E_RANGE);
    auto ahead = std::make_shared<std::promise<Prefetched>>();
    image.prefetch(0, 0, 1000, 600, 0, {}, [=](const Prefetched &prefetched) { ahead->set_value(prefetched); });
    Prefetched prefetched = ahead->get_future().get();
    CHECK(!prefetched.error && prefetched.how_far.ready == 12);
    image.prefetch(0, 0, 10, 10);
    // What a function throws that hears of a request goes to stderr, and ends nothing.
    auto threw = std::make_shared<std::promise<void>>();
    image.request_block(0, 0, 0, {}, [=](Result<Tile>) {
        threw->set_value();
        throw Trouble(1);
    });
    threw->get_future().get();
    CHECK(image.request_block(0, 0).get());
}

#if defined(TILECACHE_COROUTINES)
struct Task {
    struct promise_type {
        Task get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
};

static Task sum_of_blocks(const Provider &image, std::shared_ptr<std::promise<long>> sum)
{
    long total = 0;
    for (int64_t col = 0; col < 4; col++)
        total += (co_await image.block(0, col)).template view<uint8_t>()(0, 0, 0);
    sum->set_value(total);
}

static Task number_of_trouble(const Provider &image, std::shared_ptr<std::promise<int>> number)
{
    try {
        co_await image.block(0, 0);
    } catch (const Trouble &trouble) {
        number->set_value(trouble.number);
    }
}

static void coroutines_wait_for_blocks()
{
    auto cache = Cache::create(64 << 20);
    auto image = Provider::from_source(bytes_source()).cached(cache);
    for (int round = 0; round < 2; round++) { // Misses, then hits.
        auto sum = std::make_shared<std::promise<long>>();
        sum_of_blocks(image, sum);
        CHECK(sum->get_future().get() == 0 + 256 % 251 + 512 % 251 + 768 % 251);
    }
    Source source = bytes_source();
    source.read_block = [](const BlockToRead &, const Target &) { throw Trouble(12); };
    auto number = std::make_shared<std::promise<int>>();
    number_of_trouble(Provider::from_source(source), number);
    CHECK(number->get_future().get() == 12);
}
#endif

// Bad use.

static void what_was_closed_or_moved_is_an_error()
{
    auto cache = Cache::create(1 << 20);
    auto image = Provider::from_source(bytes_source());
    auto moved = std::move(image);
    CHECK(!image && moved);
    CHECK(status_of([&] { image.info(); }) == TC_E_ARGUMENT); // NOLINT: of what was moved
    CHECK(status_of([&] { image.get_block(0, 0); }) == TC_E_ARGUMENT);
    CHECK(status_of([&] { image.read_window<uint8_t>(0, 0, 1, 1); }) == TC_E_ARGUMENT);
    CHECK(status_of([&] { image.retile({}, cache); }) == TC_E_ARGUMENT);
    CHECK(status_of([&] { image.request_block(0, 0); }) == TC_E_ARGUMENT);
    CHECK(status_of([&] { Chain::automatic(image); }) == TC_E_ARGUMENT);
    CHECK(image.key().empty() && image.format().empty() && image.metadata_names().empty());
    moved.close();
    moved.close();
    CHECK(status_of([&] { moved.info(); }) == TC_E_ARGUMENT);
    auto tile = Tile();
    CHECK(status_of([&] { tile.view<uint8_t>(); }) == TC_E_ARGUMENT);
    Array<uint8_t> into(1, 1, 1);
    CHECK(status_of([&] { tile.copy(0, 0, into); }) == TC_E_ARGUMENT);
    auto file = open(scene);
    cache.close();
    CHECK(status_of([&] { cache.statistics(); }) == TC_E_ARGUMENT);
    CHECK(status_of([&] { file.cached(cache); }) == TC_E_ARGUMENT);
    CHECK(status_of([&] { file.retile({}, cache); }) == TC_E_ARGUMENT);
    CHECK(status_of([&] { file.display(Chain()); }) == TC_E_ARGUMENT);
    CHECK(status_of([&] { file.warp(Transform(), {}); }) == TC_E_ARGUMENT);
    CHECK(!Load().is_cancelled() && !Load::current());
    auto same = file.clone();
    file = std::move(same);
    auto *itself = &file;
    file = std::move(*itself);
    CHECK(file.info().width == 600);
}

static void arguments_that_c_could_not_tell_are_errors()
{
    CHECK(std::string(thrown_by<Error>([] { open(std::string("a\0b", 3)); }).message()).find("NUL at byte 1") != std::string::npos);
    auto file = open(scene);
    const Error other = thrown_by<Error>([&] { file.get_block(0, 0).view<uint8_t>(); });
    CHECK(std::string(other.what()) == "TC_E_ARGUMENT: samples of TC_U16 were asked for as TC_U8");
    CHECK(status_of([&] { file.read_window<uint8_t>(0, 0, -1, 1); }) == TC_E_RANGE);
    CHECK(status_of([&] { file.read_window<uint8_t>(0, 0, INT64_MAX, 2); }) == TC_E_LIMIT);
    Source source = bytes_source();
    source.band_infos.resize(2);
    CHECK(status_of([&] { Provider::from_source(source); }) == TC_E_ARGUMENT);
    source = bytes_source();
    source.image.levels = 3;
    source.levels.resize(2);
    CHECK(status_of([&] { Provider::from_source(source); }) == TC_E_ARGUMENT);
    source = bytes_source();
    source.read_block = nullptr;
    CHECK(status_of([&] { Provider::from_source(source); }) == TC_E_ARGUMENT);
    source = bytes_source();
    source.texts = {{-1, "name", std::string("a\0b", 3)}};
    CHECK(status_of([&] { Provider::from_source(source); }) == TC_E_ARGUMENT);
    const Error error = thrown_by<Error>([&] { file.get_block(99, 0); });
    CHECK(error.status() == TC_E_RANGE && std::string(error.what()) == std::string("TC_E_RANGE: ") + error.message());
}

static void what_a_callback_throws_comes_out_as_itself()
{
    auto cache = Cache::create(64 << 20);
    Source source = bytes_source();
    source.read_block = [](const BlockToRead &block, const Target &) {
        if (block.col == 0)
            throw Trouble(int(block.row) + 40);
        if (block.col == 1)
            throw 7; // NOLINT: not even an exception
        if (block.col == 2)
            open(scene).get_block(99, 0);
        throw Error(TC_E_SOURCE, "the sensor said no", 42);
    };
    auto image = Provider::from_source(source).cached(cache);
    LevelOptions two;
    two.levels = 2;
    auto pyramid = image.pyramid(two, cache);
    CHECK(thrown_by<Trouble>([&] { image.get_block(0, 0); }).number == 40);
    CHECK(thrown_by<Trouble>([&] { image.get_block(2, 0); }).number == 42);
    CHECK(thrown_by<Trouble>([&] { pyramid.read_window<uint8_t>(0, 0, 1, 1, 1); }).number == 40);
    CHECK(thrown_by<Trouble>([&] { pyramid.pixel_stats(); }).number == 40);
    CHECK(thrown_by<Trouble>([&] { image.request_block(1, 0).get(); }).number == 41);
    try {
        image.get_block(0, 1);
        CHECK(false);
    } catch (int seven) {
        CHECK(seven == 7);
    }
    CHECK(status_of([&] { image.get_block(0, 2); }) == TC_E_RANGE);
    const Error own = thrown_by<Error>([&] { image.get_block(0, 3); });
    CHECK(own.status() == TC_E_SOURCE && own.source_code() == 42);
    CHECK(std::string(own.message()).find("the sensor said no") != std::string::npos);

    auto fine = Provider::from_source(bytes_source());
    MapOptions map;
    map.map = [](const Block &, const Pixels &, const Target &) { throw Trouble(1); };
    CHECK(thrown_by<Trouble>([&] { fine.map(map).get_block(0, 0); }).number == 1);
    ComputeOptions compute;
    compute.compute = [](const tc_place &, const std::vector<Pixels> &, const Target &) { throw Trouble(2); };
    Input input;
    input.source = &fine;
    CHECK(thrown_by<Trouble>([&] { Provider::compute({input}, compute, cache).get_block(0, 0); }).number == 2);
    WarpOptions warp;
    warp.width = warp.height = 10;
    auto transform = Transform::of([](const Points &) { throw Trouble(3); });
    CHECK(thrown_by<Trouble>([&] { fine.warp(transform, warp).get_block(0, 0); }).number == 3);
    MosaicOptions mosaic;
    mosaic.image = fine.info();
    mosaic.open = [](size_t) -> Provider { throw Trouble(4); };
    MosaicPart part;
    part.key = "part", part.width = 1000, part.height = 600;
    CHECK(thrown_by<Trouble>([&] { Provider::mosaic({part}, mosaic).get_block(0, 0); }).number == 4);
    source = bytes_source();
    source.has_block = [](const Block &) -> bool { throw Trouble(5); };
    CHECK(thrown_by<Trouble>([&] { Provider::from_source(source).has_block(0, 0); }).number == 5);
    source = bytes_source();
    source.threading = TC_SESSIONS;
    source.open_session = []() -> std::shared_ptr<void> { throw Trouble(6); };
    CHECK(thrown_by<Trouble>([&] { Provider::from_source(source).get_block(0, 0); }).number == 6);
    source = bytes_source();
    source.read_block = [](const BlockToRead &, const Target &) { throw std::bad_alloc(); };
    thrown_by<std::bad_alloc>([&] { Provider::from_source(source).get_block(0, 0); });

    // Expected-style, with exceptions in reach.
    auto result = attempt([&] { return image.get_block(0, 0); });
    CHECK(!result && result.error().status() == TC_E_SOURCE && result.error().cause());
    thrown_by<Trouble>([&] { result.value(); });
    CHECK(attempt([&] { return fine.get_block(0, 0); }).value().pixels().width == 256);
}

// All that wait for a block get what its load threw.
static void everyone_who_waits_gets_the_exception()
{
    auto cache = Cache::create(64 << 20);
    std::atomic<int> loads{0}, caught{0};
    Source source = bytes_source();
    source.read_block = [&](const BlockToRead &, const Target &) {
        loads++;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        throw Trouble(loads);
    };
    auto image = Provider::from_source(source).cached(cache);
    std::vector<std::thread> threads;
    for (int i = 0; i < 6; i++)
        threads.emplace_back([&] {
            thrown_by<Trouble>([&] { image.get_block(0, 0); });
            caught++;
        });
    for (auto &thread : threads)
        thread.join();
    CHECK(caught == 6 && loads <= 6);
}

static void a_call_while_an_exception_is_in_flight()
{
    Source source = bytes_source();
    source.read_block = [](const BlockToRead &, const Target &) { throw Trouble(2); };
    auto image = Provider::from_source(source);
    int found = 0;
    struct Guard {
        const Provider &image;
        int &found;
        ~Guard()
        {
            CHECK(std::uncaught_exceptions() == 1);
            found = thrown_by<Trouble>([&] { image.get_block(0, 0); }).number;
        }
    };
    const auto outer = thrown_by<Trouble>([&] {
        Guard guard{image, found};
        throw Trouble(1);
    });
    CHECK(outer.number == 1 && found == 2);
}

static void a_cache_reports_what_it_does()
{
    CacheOptions options;
    options.flags = TC_CACHE_OBSERVE;
    auto cache = Cache::create(1 << 20, options);
    auto image = Provider::from_source(bytes_source()).cached(cache);
    image.get_block(0, 1);
    const std::string json = cache.statistics_json(), page = cache.report();
    CHECK(json.front() == '{' && json.back() == '}' && json.find("\"advice\"") != json.npos);
    CHECK(json.find("\"key\":\"" + std::string(image.key()) + "\"") != json.npos);
    CHECK(image.counters_json().find("\"misses\":1") != json.npos);
    CHECK(page.find("<svg") != page.npos && page.find("</html>") != page.npos);
    CHECK(cache.statistics().observation > 0);
}

static void a_view_outlives_everything()
{
    auto view = [] {
        auto cache = Cache::create(1 << 20);
        auto image = Provider::from_source(bytes_source()).cached(cache);
        auto tile = image.get_block(0, 1);
        auto kept = tile.view<uint8_t>();
        cache.clear();
        return kept;
    }();
    CHECK(view(0, 0, 7) == (256 + 7) % 251);
    TileView<uint8_t> moved = std::move(view);
    CHECK(moved(0, 255, 255) == (256 + 255 + 2 * 255) % 251 && moved.tile().pixels().data == moved.data());
}

static void handles_cross_threads()
{
    auto cache = Cache::create(1 << 20);
    auto image = Provider::from_source(bytes_source()).cached(cache);
    std::vector<std::thread> threads;
    std::mutex mutex;
    std::vector<Tile> tiles;
    for (int i = 0; i < 8; i++)
        threads.emplace_back([&, i] {
            for (int n = 0; n < 60; n++) {
                auto tile = image.get_block((n + i) % 3, n % 4);
                CHECK(tile.view<uint8_t>()(0, 1, 1) == ((n % 4) * 256 + 1 + 2 * (((n + i) % 3) * 256 + 1)) % 251);
                std::lock_guard<std::mutex> lock(mutex);
                tiles.push_back(std::move(tile));
                if (tiles.size() > 20)
                    tiles.erase(tiles.begin(), tiles.begin() + 10); // Mostly those of other threads.
            }
        });
    for (auto &thread : threads)
        thread.join();
}

static void a_load_is_cancelled_in_its_midst()
{
    std::atomic<bool> begun{false}, noticed{false};
    Source source = bytes_source();
    source.read_block = [&](const BlockToRead &, const Target &into) {
        begun = true;
        auto load = Load::current();
        auto same = load.clone();
        for (int i = 0; i < 5000 && !same.is_cancelled(); i++)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        noticed = same.is_cancelled();
        into.view<uint8_t>().for_each([](uint8_t &sample) { sample = 0; });
    };
    auto image = Provider::from_source(source);
    auto reader = image.reader();
    std::thread waits([&] { CHECK(status_of([&] { reader.get_block(0, 0); }) == TC_E_CANCELLED); });
    while (!begun)
        std::this_thread::yield();
    reader.cancel();
    waits.join();
    CHECK(noticed);
    CHECK(status_of([&] { image.cancel(); }) == TC_E_ARGUMENT);
}

static void the_child_of_a_fork_may_not_use_what_its_parent_made()
{
    auto cache = Cache::create(1 << 20);
    auto image = Provider::from_source(bytes_source()).cached(cache);
    auto view = image.get_block(0, 0).view<uint8_t>();
    int said[2];
    CHECK(pipe(said) == 0);
    pid_t child = fork();
    if (child == 0) {
        CHECK(status_of([&] { image.get_block(0, 0); }) == TC_E_ARGUMENT);
        CHECK(status_of([&] { cache.statistics(); }) == TC_E_ARGUMENT);
        CHECK(view(0, 0, 5) == 5);
        image.close();
        cache.close();
        auto own = Provider::from_source(bytes_source()).cached(Cache::create(1 << 20));
        CHECK(own.get_block(0, 0).view<uint8_t>()(0, 0, 5) == 5);
        // Told so, since a tool that looks for leaks may find what the child has of its parent.
        CHECK(write(said[1], "+", 1) == 1);
        _exit(0);
    }
    close(said[1]);
    char passed = 0;
    CHECK(read(said[0], &passed, 1) == 1 && passed == '+');
    close(said[0]);
    CHECK(waitpid(child, nullptr, 0) == child);
    CHECK(image.get_block(0, 0).view<uint8_t>().data() == view.data());
}

static void exceptions_that_nobody_fetches_are_not_kept_for_ever()
{
    Source source = bytes_source();
    std::weak_ptr<int> alive;
    source.read_block = [&](const BlockToRead &, const Target &) {
        struct Heavy : Trouble {
            Heavy() : Trouble(1), held(std::make_shared<int>(0)) {}
            std::shared_ptr<int> held;
        } heavy;
        if (alive.expired())
            alive = heavy.held;
        throw heavy;
    };
    auto image = Provider::from_source(source);
    thrown_by<Trouble>([&] { image.get_block(0, 0); });
    CHECK(!alive.expired());
    auto first = alive;
    source.read_block = [](const BlockToRead &, const Target &) { throw Trouble(1); };
    auto other = Provider::from_source(source);
    for (int i = 0; i < 1100; i++)
        thrown_by<Trouble>([&] { other.get_block(0, 0); });
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    thrown_by<Trouble>([&] { other.get_block(0, 0); });
    CHECK(first.expired());
}

static void another_tier_has_what_was_decoded()
{
    std::atomic<int> decoded{0};
    Source source = bytes_source();
    source.read_block = [&decoded, read = source.read_block](const BlockToRead &block, const Target &into) {
        decoded++;
        return read(block, into);
    };
    source.fleet_id = "bytes, version 1";
    auto with_tier = [] {
        auto cache = Cache::create(64 << 20);
        cache.set_tier(*memory_tier());
        return cache;
    };
    auto first = with_tier(), second = with_tier();
    auto image = Provider::from_source(source).cached(first), other = Provider::from_source(source).cached(second);
    for (const Provider *each : {&image, &other})
        CHECK(each->get_block(1, 1).view<uint8_t>()(0, 3, 5) == (256 + 5 + 2 * (256 + 3)) % 251);
    CHECK(decoded == 1);
    auto stats = second.tier_statistics();
    CHECK(stats.gets == 1 && stats.hits == 1 && stats.hit_bytes == 256 * 256 && stats.state == TC_TIER_CLOSED);
    CHECK(first.tier_statistics().puts == 1);
    first.flush_tier(std::chrono::minutes(1));

    memory_tier_away(1);
    auto error = thrown_by<Error>([&] { image.invalidate_fleet(); });
    CHECK(error.status() == TC_E_UNREACHABLE && std::strstr(error.message(), "the store is away"));
    CHECK(first.tier_statistics().purges_failed == 1 && first.tier_statistics().state == TC_TIER_OPEN);
    memory_tier_away(0);
    image.invalidate_fleet();
    CHECK(first.tier_statistics().purges == 1);
    image.get_block(1, 1);
    CHECK(decoded == 2);

    // A file by its name, and one that has none.
    OpenOptions named;
    named.fleet_id = "scene, version 1";
    for (int i = 0; i < 2; i++) {
        auto cache = with_tier();
        auto file = open(scene, named);
        file.retile({}, cache).get_block(0, 0);
        CHECK((file.counters().stats.loads > 0) == (i == 0));
    }
    auto third = with_tier();
    open(scene).retile({}, third).get_block(0, 0);
    CHECK(third.tier_statistics().gets == 0 && third.tier_statistics().unnamed > 0);

    CHECK(status_of([&] { third.set_tier(tc_tier{}); }) == TC_E_ARGUMENT);
    CHECK(status_of([&] { Cache::create(1 << 20).tier_statistics(); }) == TC_E_NOT_FOUND);
    CHECK(status_of([&] { Cache::create(1 << 20).flush_tier(std::chrono::seconds(1)); }) == TC_E_NOT_FOUND);
    CHECK(status_of([] { Provider::from_source(bytes_source()).invalidate_fleet(); }) == TC_E_UNSUPPORTED);
    named.fleet_id = std::string("a\0b", 3);
    CHECK(status_of([&] { open(scene, named); }) == TC_E_ARGUMENT);
    source.fleet_id = named.fleet_id;
    CHECK(status_of([&] { Provider::from_source(source); }) == TC_E_ARGUMENT);
}

static void an_error_is_kept_until_it_has_come_out()
{
    detail::Kept kept(1024, std::chrono::hours(1));
    const int32_t number = kept.keep(Error(TC_E_SOURCE, "the first"));
    std::vector<int32_t> others;
    for (int i = 0; i < 20000; i++)
        others.push_back(kept.keep(Error(TC_E_SOURCE, std::to_string(i))));
    for (int turn = 0; turn < 2; turn++) {
        CHECK(kept.find(number, "at (0, 0): the first")->message() == std::string("the first"));
        for (int i = 0; i < 20000; i++)
            CHECK(kept.find(others[i], std::to_string(i))->message() == std::to_string(i));
    }
    CHECK(!kept.find(number, "another one of that number") && !kept.find(42, "the first"));
    detail::Kept few(10, std::chrono::seconds(0), std::chrono::hours(1)), none(10, {}, {});
    for (int i = 0; i < 100; i++) {
        CHECK(few.find(few.keep(Error(TC_E_SOURCE, "x")), "x"));
        none.keep(Error(TC_E_SOURCE, "nobody waits"));
        std::this_thread::sleep_for(std::chrono::microseconds(10));
    }
    CHECK(few.size() == 10 && none.size() == 1);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    scene = argv[1];
    a_tile_is_read_where_it_lies();
    windows_are_converted_into_any_strides();
    memory_is_lent_without_a_copy();
    images_are_made_of_functions();
    bytes_of_ones_own_are_opened();
    operators_stand_one_upon_another();
    pictures_and_statistics();
    about_the_library();
    another_tier_has_what_was_decoded();
    a_log_hears_of_loads_that_fail();
    requests_answer_by_function_and_future();
#if defined(TILECACHE_COROUTINES)
    coroutines_wait_for_blocks();
#endif
    what_was_closed_or_moved_is_an_error();
    arguments_that_c_could_not_tell_are_errors();
    what_a_callback_throws_comes_out_as_itself();
    everyone_who_waits_gets_the_exception();
    a_call_while_an_exception_is_in_flight();
    a_cache_reports_what_it_does();
    a_view_outlives_everything();
    handles_cross_threads();
    a_load_is_cancelled_in_its_midst();
    the_child_of_a_fork_may_not_use_what_its_parent_made();
    exceptions_that_nobody_fetches_are_not_kept_for_ever();
    an_error_is_kept_until_it_has_come_out();
    return 0;
}
