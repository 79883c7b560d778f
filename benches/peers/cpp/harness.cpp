/* Runs one peer through one workload and prints a line of JSON. */
#include "costs.h"
#include "harness.h"
#include "marks.h"
#include <algorithm>
#include <chrono>
#include <filesystem>

std::atomic<long> g_decodes{0};

long Source::decodes()
{
    return g_decodes;
}

static Config read_arguments(int argc, char **argv)
{
    Config c;
    for (int i = 1; i + 1 < argc; i += 2) {
        std::string key = argv[i], value = argv[i + 1];
        if (key == "--workload") c.workload = value;
        else if (key == "--variant") c.variant = value;
        else if (key == "--file") c.file = value;
        else if (key == "--order") c.order = value;
        else if (key == "--trace") c.trace = value;
        else if (key == "--mode") c.mode = value;
        else if (key == "--budget-mib") c.budget = (int64_t)(atof(value.c_str()) * (1 << 20));
        else if (key == "--tile") c.tile = atoi(value.c_str());
        else if (key == "--threads") c.threads = atoi(value.c_str());
        else if (key == "--columns") c.columns = atoi(value.c_str());
        else if (key == "--level") c.level = atoi(value.c_str());
        else if (key == "--page") c.page = atoi(value.c_str());
        else if (key == "--band") c.band = atoi(value.c_str());
        else if (key == "--shift") c.shift = atoi(value.c_str());
        else if (key == "--warmups") c.warmups = atoi(value.c_str());
        else fail("unknown option " + key);
    }
    return c;
}

static std::vector<Rect> read_trace(const std::string &path)
{
    FILE *file = fopen(path.c_str(), "rb");
    if (!file) fail("cannot open " + path);
    std::vector<Rect> windows;
    int32_t place[3];
    while (fread(place, sizeof place, 1, file) == 1)
        windows.push_back({place[0], place[1], place[2], 512, 512});
    fclose(file);
    return windows;
}

static std::vector<Rect> list_tiles(Source &source, const Config &c)
{
    int width = source.width(c.level), height = source.height(c.level), tile = c.tile;
    int columns = (width + tile - 1) / tile, rows = (height + tile - 1) / tile;
    std::vector<Rect> tiles;
    auto add = [&](int row, int column) {
        int x = column * tile + c.shift, y = row * tile + c.shift;
        if (x < width && y < height) tiles.push_back({c.level, x, y, std::min(tile, width - x), std::min(tile, height - y)});
    };
    if (c.order == "rows" || c.order == "late" || c.order == "counted") {
        for (int row = 0; row < rows; row++)
            for (int column = 0; column < columns; column++)
                add(row, column);
    } else if (c.order == "columns") {
        if (c.columns) columns = std::min(columns, c.columns);
        for (int column = 0; column < columns; column++)
            for (int row = 0; row < rows; row++)
                add(row, column);
    } else if (c.order == "open") {
        add(rows / 2, columns / 2);
    } else {
        fail("unknown order " + c.order);
    }
    return tiles;
}

/* What threads deliver; a line of the processor's cache for each. */
struct alignas(128) Totals {
    uint64_t sums[2] = {0, 0};
    int64_t count = 0, bytes = 0, blocks = 0;
    std::vector<double> waits;
};

using Clock = std::chrono::steady_clock;

static double since(Clock::time_point begin)
{
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

/* Gets a window, reads every byte of it once, and gives it back. */
static void consume(Source &source, int thread, const Rect &rect, Totals &totals)
{
    View view;
    auto begin = Clock::now();
    source.get(thread, rect, view);
    totals.waits.push_back(since(begin));
    add_checksum(view, rect, totals.sums);
    totals.count++;
    totals.bytes += (int64_t)rect.width * rect.height * view.bands * view.sample_bytes;
    auto blocks = [](int at, int size) { return (at + size - 1) / 256 - at / 256 + 1; };
    totals.blocks += (int64_t)blocks(rect.x, rect.width) * blocks(rect.y, rect.height);
    source.release(thread, view);
}

/* Each thread takes `grain` windows at a time. */
static void consume_all(Source &source, const std::vector<Rect> &windows, size_t grain, std::vector<Totals> &totals)
{
    std::atomic<size_t> next{0};
    on_threads((int)totals.size(), [&](int thread) {
        for (size_t begin; (begin = next.fetch_add(grain)) < windows.size();)
            for (size_t i = begin; i < std::min(windows.size(), begin + grain); i++)
                consume(source, thread, windows[i], totals[thread]);
    });
}

/* The first thread gets again and again what it got before, while others get what nobody has yet, until it is done. */
static void consume_late(Source &source, const std::vector<Rect> &windows, std::vector<Totals> &totals)
{
    const size_t resident = std::min<size_t>(64, windows.size() / 4), gets = 20000;
    if (!resident || totals.size() < 2) fail("an image of too few tiles, or one thread alone");
    for (size_t i = 0; i < resident; i++)
        consume(source, 0, windows[i], totals[0]);
    std::atomic<bool> done{false};
    auto miss = [&](int thread) {
        size_t others = windows.size() - resident, part = others / (totals.size() - 1);
        for (size_t i = 0; !done; i++) {
            View view;
            const Rect &rect = windows[resident + ((thread - 1) * part + i) % others];
            source.get(thread, rect, view);
            source.release(thread, view);
        }
    };
    std::vector<std::thread> threads;
    for (size_t i = 1; i < totals.size(); i++)
        threads.emplace_back(miss, (int)i);
    totals[0].waits.clear();
    for (size_t i = 0; i < gets; i++) {
        View view;
        auto begin = Clock::now();
        source.get(0, windows[i % resident], view);
        totals[0].waits.push_back(since(begin));
        source.release(0, view);
    }
    done = true;
    for (auto &thread : threads)
        thread.join();
}

/* Gets all windows again and again, and says when others are to count; gives the page faults of that last pass. */
static long count_all(Source &source, const std::vector<Rect> &windows, int warmups, Totals &totals)
{
    auto get_all = [&] {
        for (auto &rect : windows) {
            View view;
            source.get(0, rect, view);
            source.release(0, view);
        }
    };
    for (int i = 0; i < warmups; i++)
        get_all();
    mark(0);
    Cost before = costs();
    mark(1);
    get_all();
    mark(0);
    long faults = (costs() - before).faults;
    /* What was counted were these pixels. */
    for (auto &rect : windows)
        consume(source, 0, rect, totals);
    return faults;
}

/* The files of a folder, in the order of their names. */
static std::vector<std::string> files_of(const std::string &folder)
{
    std::vector<std::string> files;
    for (auto &entry : std::filesystem::directory_iterator(folder))
        files.push_back(entry.path().string());
    std::sort(files.begin(), files.end());
    return files;
}

int main(int argc, char **argv)
{
    Config c = read_arguments(argc, argv);
    std::vector<Rect> windows;
    if (!c.trace.empty()) windows = read_trace(c.trace);

    Cost before = costs();
    auto begin = Clock::now();
    std::vector<Totals> of_files(1);
    if (c.order == "files") {
        /* All but the last; that is opened as any other file. */
        auto files = files_of(c.file);
        c.order = "open";
        c.file = files.back();
        files.pop_back();
        for (auto &file : files) {
            Config of_file = c;
            of_file.file = file;
            auto source = open_source(of_file);
            for (auto &rect : list_tiles(*source, of_file))
                consume(*source, 0, rect, of_files[0]);
        }
    }
    std::unique_ptr<Source> source = open_source(c);
    double opening = since(begin);
    size_t grain = 1;
    if (windows.empty()) {
        windows = list_tiles(*source, c);
        /* Threads that take whole rows do not want the same strips at once. */
        if (c.has("rows")) grain = (source->width(c.level) + c.tile - 1) / c.tile;
    }
    std::vector<Totals> totals(source->consumers(c));
    /* Each walker goes its own way. */
    if (c.order == "walkers") grain = windows.size() / totals.size();
    long counted = 0;
    if (c.order == "late") consume_late(*source, windows, totals);
    else if (c.order == "counted") counted = count_all(*source, windows, c.warmups, totals[0]);
    else consume_all(*source, windows, grain, totals);
    totals.insert(totals.end(), of_files.begin(), of_files.end());
    double elapsed = since(begin);
    Cost took = costs() - before;
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);

    Totals all;
    for (auto &part : totals) {
        all.sums[0] += part.sums[0], all.sums[1] += part.sums[1];
        all.count += part.count, all.bytes += part.bytes, all.blocks += part.blocks;
        all.waits.insert(all.waits.end(), part.waits.begin(), part.waits.end());
    }
    std::sort(all.waits.begin(), all.waits.end());
    double late = all.waits[(all.waits.size() - 1) * 99 / 100];
    long decodes = source->decodes();
    long faults = c.order == "counted" ? counted : took.faults;
    if (c.order == "counted") print_stack();
    printf("{\"peer\":\"%s\",\"version\":\"%s\",\"workload\":\"%s\",\"variant\":\"%s\",\"mode\":\"%s\",\"threads\":%d,"
           "\"seconds\":%.6f,\"opening\":%.6f,\"late\":%.9f,\"cpu\":%.6f,\"count\":%lld,\"bytes\":%lld,\"blocks\":%lld,"
           "\"decodes\":%ld,\"faults\":%ld,\"peak_mib\":%.1f,\"checksum\":\"%016llx-%016llx\"%s}\n",
           peer_name(), peer_version().c_str(), c.workload.c_str(), c.variant.c_str(), c.mode.c_str(), c.threads,
           elapsed, opening, late, took.seconds, (long long)all.count, (long long)all.bytes, (long long)all.blocks,
           decodes, faults, usage.ru_maxrss / 1024.0,
           (unsigned long long)all.sums[0], (unsigned long long)all.sums[1], source->extra().c_str());
    return 0;
}
