/* Makes the images and traces: make_data FOLDER SHRINK WORKLOAD...
 *
 * Every pixel follows from its place: waves and three bits of noise, of which deflate keeps about half.
 * SHRINK divides the sides. What is there already is left. */
#include <cpl_conv.h>
#include <cpl_string.h>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <gdal.h>
#include <ogr_srs_api.h>
#include <string>
#include <sys/stat.h>
#include <vector>

typedef std::vector<std::string> Options;

static uint32_t noise(uint32_t x, uint32_t y, uint32_t band)
{
    uint32_t h = x * 0x9e3779b1u ^ y * 0x85ebca77u ^ band * 0xc2b2ae3du;
    h ^= h >> 15, h *= 0x2c1b3c6du, h ^= h >> 12, h *= 0x297a2d39u, h ^= h >> 15;
    return h;
}

static uint32_t wave(uint32_t at, uint32_t period)
{
    at %= period;
    return at < period / 2 ? at : period - at;
}

static uint32_t brightness(uint32_t x, uint32_t y, uint32_t band)
{
    return wave(x / 7 + band * 19, 160) + wave(y / 11 + band * 31, 200) + wave((x + y) / 53, 120);
}

static uint8_t sample(uint8_t, uint32_t x, uint32_t y, uint32_t band)
{
    return (uint8_t)(brightness(x, y, band) + (noise(x, y, band) & 7));
}

static bool exists(const std::string &path)
{
    struct stat state;
    return stat(path.c_str(), &state) == 0;
}

[[noreturn]] static void fail(const std::string &path)
{
    fprintf(stderr, "cannot make %s\n", path.c_str());
    exit(1);
}

static char **list(const Options &options)
{
    char **made = nullptr;
    for (auto &option : options)
        made = CSLAddString(made, option.c_str());
    return made;
}

/* Somewhere in the middle of Europe, in pixels of ten metres. */
static void place(GDALDatasetH dataset, const std::string &path)
{
    double at[] = {300000, 10, 0, 5500000, 0, -10};
    OGRSpatialReferenceH system = OSRNewSpatialReference(nullptr);
    if (OSRImportFromEPSG(system, 32633) != OGRERR_NONE || GDALSetSpatialRef(dataset, system) != CE_None ||
        GDALSetGeoTransform(dataset, at) != CE_None)
        fail(path);
    OSRDestroySpatialReference(system);
}

template <typename Sample>
static void make(const std::string &path, int side, int bands, Options options, bool overviews = false, bool placed = false)
{
    if (exists(path)) return;
    fprintf(stderr, "making %s\n", path.c_str());
    std::string partial = path + ".part.tif";
    options.insert(options.end(), {"INTERLEAVE=PIXEL", "PHOTOMETRIC=MINISBLACK", "NUM_THREADS=2", "BIGTIFF=IF_SAFER"});
    char **creation = list(options);
    GDALDataType type = sizeof(Sample) == 1 ? GDT_Byte : GDT_UInt16;
    GDALDatasetH dataset = GDALCreate(GDALGetDriverByName("GTiff"), partial.c_str(), side, side, bands, type, creation);
    CSLDestroy(creation);
    if (!dataset) fail(path);
    if (placed) place(dataset, path);
    const int rows = 256;
    std::vector<Sample> pixels((size_t)side * rows * bands);
    for (int top = 0; top < side; top += rows) {
        Sample *to = pixels.data();
        for (int y = top; y < top + rows; y++)
            for (int x = 0; x < side; x++)
                for (int band = 0; band < bands; band++)
                    *to++ = sample(Sample(), x, y, band);
        GSpacing pixel = sizeof(Sample) * bands;
        int count = side - top < rows ? side - top : rows;
        if (GDALDatasetRasterIOEx(dataset, GF_Write, 0, top, side, count, pixels.data(), side, count, type, bands, nullptr,
                                  pixel, pixel * side, sizeof(Sample), nullptr) != CE_None)
            fail(path);
    }
    GDALClose(dataset);
    if (overviews) {
        for (auto option : {"COMPRESS_OVERVIEW=DEFLATE", "ZLEVEL_OVERVIEW=1", "PREDICTOR_OVERVIEW=2", "GDAL_NUM_THREADS=2",
                            "INTERLEAVE_OVERVIEW=PIXEL", "GDAL_TIFF_OVR_BLOCKSIZE=256", "PHOTOMETRIC_OVERVIEW=MINISBLACK"}) {
            char *key = nullptr;
            const char *value = CPLParseNameValue(option, &key);
            CPLSetConfigOption(key, value);
            CPLFree(key);
        }
        dataset = GDALOpen(partial.c_str(), GA_Update);
        int factors[] = {2, 4, 8};
        if (!dataset || GDALBuildOverviews(dataset, "NEAREST", 3, factors, 0, nullptr, nullptr, nullptr) != CE_None) fail(path);
        GDALClose(dataset);
    }
    rename(partial.c_str(), path.c_str());
}

/* Strips of 64 rows without compression, one band after the other, each in the order of its rows. */
static void make_apart(const std::string &path, int side, int bands)
{
    if (exists(path)) return;
    fprintf(stderr, "making %s\n", path.c_str());
    std::string partial = path + ".part.tif";
    char **creation = list({"INTERLEAVE=BAND", "PHOTOMETRIC=MINISBLACK", "BLOCKYSIZE=64"});
    GDALDatasetH dataset = GDALCreate(GDALGetDriverByName("GTiff"), partial.c_str(), side, side, bands, GDT_Byte, creation);
    CSLDestroy(creation);
    if (!dataset) fail(path);
    std::vector<uint8_t> pixels((size_t)side * 64);
    for (int band = 0; band < bands; band++)
        for (int top = 0; top < side; top += 64) {
            int rows = side - top < 64 ? side - top : 64;
            for (int y = 0; y < rows; y++)
                for (int x = 0; x < side; x++)
                    pixels[(size_t)y * side + x] = sample(uint8_t(), x, top + y, band);
            GDALRasterBandH into = GDALGetRasterBand(dataset, band + 1);
            if (GDALRasterIO(into, GF_Write, 0, top, side, rows, pixels.data(), side, rows, GDT_Byte, 0, 0) != CE_None) fail(path);
            GDALFlushCache(dataset);
        }
    GDALClose(dataset);
    rename(partial.c_str(), path.c_str());
}

static void make_jpeg2000(const std::string &path, const std::string &from, int side)
{
    if (exists(path)) return;
    fprintf(stderr, "making %s\n", path.c_str());
    std::string block = std::to_string(side), partial = path + ".part.jp2";
    char **creation = list({"BLOCKXSIZE=" + block, "BLOCKYSIZE=" + block, "REVERSIBLE=YES", "QUALITY=100", "RESOLUTIONS=6",
                            "NUM_THREADS=2"});
    GDALDatasetH source = GDALOpen(from.c_str(), GA_ReadOnly);
    GDALDatasetH made = GDALCreateCopy(GDALGetDriverByName("JP2OpenJPEG"), partial.c_str(), source, 1, creation, nullptr, nullptr);
    CSLDestroy(creation);
    if (!made) fail(path);
    GDALClose(made);
    GDALClose(source);
    rename(partial.c_str(), path.c_str());
    remove((partial + ".aux.xml").c_str());
}

/* A file of a million tiles of which all but some are absent, as one of an object store would begin. */
static void make_million(const std::string &path, int side)
{
    if (exists(path)) return;
    fprintf(stderr, "making %s\n", path.c_str());
    char **creation = list({"TILED=YES", "BLOCKXSIZE=256", "BLOCKYSIZE=256", "COMPRESS=DEFLATE", "SPARSE_OK=YES", "BIGTIFF=YES"});
    GDALDatasetH dataset = GDALCreate(GDALGetDriverByName("GTiff"), path.c_str(), side, side, 1, GDT_Byte, creation);
    CSLDestroy(creation);
    std::vector<uint8_t> pixels(1024 * 1024);
    for (size_t i = 0; i < pixels.size(); i++)
        pixels[i] = sample(uint8_t(), i % 1024, i / 1024, 0);
    int at = side / 2;
    if (!dataset || GDALDatasetRasterIO(dataset, GF_Write, at, at, 1024, 1024, pixels.data(), 1024, 1024, GDT_Byte, 1, nullptr,
                                        0, 0, 0) != CE_None)
        fail(path);
    GDALClose(dataset);
}

/* Pages of tiles, one behind the other, of the brightness of one band each. */
static void make_pages(const std::string &path, int side, int pages)
{
    if (exists(path)) return;
    fprintf(stderr, "making %s\n", path.c_str());
    std::vector<uint8_t> pixels((size_t)side * side);
    for (int page = 0; page < pages; page++) {
        for (size_t i = 0; i < pixels.size(); i++)
            pixels[i] = sample(uint8_t(), i % side, i / side, page);
        GDALDriverH memory = GDALGetDriverByName("MEM");
        GDALDatasetH from = GDALCreate(memory, "", side, side, 1, GDT_Byte, nullptr);
        if (!from || GDALRasterIO(GDALGetRasterBand(from, 1), GF_Write, 0, 0, side, side, pixels.data(), side, side, GDT_Byte, 0, 0))
            fail(path);
        std::string appends = page ? "APPEND_SUBDATASET=YES" : "APPEND_SUBDATASET=NO";
        char **creation = list({"TILED=YES", "BLOCKXSIZE=256", "BLOCKYSIZE=256", "COMPRESS=DEFLATE", appends});
        GDALDatasetH made = GDALCreateCopy(GDALGetDriverByName("GTiff"), path.c_str(), from, 0, creation, nullptr, nullptr);
        CSLDestroy(creation);
        if (!made) fail(path);
        GDALClose(made);
        GDALClose(from);
    }
}

static void make_copy(const char *driver, const std::string &path, const std::string &from, const Options &options)
{
    if (exists(path)) return;
    fprintf(stderr, "making %s\n", path.c_str());
    char **creation = list(options);
    GDALDatasetH source = GDALOpen(from.c_str(), GA_ReadOnly);
    GDALDatasetH made = GDALCreateCopy(GDALGetDriverByName(driver), path.c_str(), source, 0, creation, nullptr, nullptr);
    CSLDestroy(creation);
    if (!made) fail(path);
    GDALClose(made);
    GDALClose(source);
}

/* Small files, each of one tile. */
static void make_small(const std::string &folder, int count)
{
    if (exists(folder)) return;
    fprintf(stderr, "making %s\n", folder.c_str());
    std::string partial = folder + ".part";
    mkdir(partial.c_str(), 0777);
    const int side = 64;
    std::vector<uint8_t> pixels(side * side);
    for (int i = 0; i < count; i++) {
        for (size_t at = 0; at < pixels.size(); at++)
            pixels[at] = sample(uint8_t(), at % side + i, at / side, 0);
        char name[16];
        snprintf(name, sizeof name, "/%05d.tif", i);
        char **creation = list({"TILED=YES", "BLOCKXSIZE=64", "BLOCKYSIZE=64", "COMPRESS=DEFLATE"});
        GDALDatasetH made = GDALCreate(GDALGetDriverByName("GTiff"), (partial + name).c_str(), side, side, 1, GDT_Byte, creation);
        CSLDestroy(creation);
        if (!made || GDALRasterIO(GDALGetRasterBand(made, 1), GF_Write, 0, 0, side, side, pixels.data(), side, side, GDT_Byte, 0, 0))
            fail(folder);
        GDALClose(made);
    }
    rename(partial.c_str(), folder.c_str());
}

static uint64_t random_state;

static uint64_t next_random()
{
    random_state ^= random_state << 13, random_state ^= random_state >> 7, random_state ^= random_state << 17;
    return random_state;
}

static double next_fraction()
{
    return (next_random() >> 11) * (1.0 / 9007199254740992.0);
}

static void save(const std::string &path, const std::vector<int32_t> &numbers)
{
    FILE *file = fopen(path.c_str(), "wb");
    if (!file || fwrite(numbers.data(), 4, numbers.size(), file) != numbers.size()) fail(path);
    fclose(file);
}

static std::vector<int32_t> viewports(int side)
{
    random_state = 1234567;
    std::vector<int32_t> windows;
    for (int i = 0; i < 40; i++) {
        windows.push_back(0);
        windows.push_back((int)(next_random() % (side - 511)));
        windows.push_back((int)(next_random() % (side - 511)));
    }
    return windows;
}

/* Four viewers who pan with momentum, change the level in six steps of a hundred and jump in one. */
static std::vector<int32_t> walks(int side, int steps)
{
    random_state = 42424242;
    std::vector<int32_t> windows;
    for (int walker = 0; walker < 4; walker++) {
        int level = 0;
        double x = next_fraction() * (side - 512), y = next_fraction() * (side - 512), dx = 0, dy = 0;
        for (int step = 0; step < steps; step++) {
            double what = next_fraction();
            if (what < 0.06) {
                int next = level + ((next_random() & 1) ? 1 : -1);
                if (next >= 0 && next <= 3) {
                    double scale = next > level ? 0.5 : 2;
                    x = (x + 256) * scale - 256, y = (y + 256) * scale - 256;
                    level = next;
                }
            } else if (what < 0.07) {
                x = next_fraction() * (side >> level), y = next_fraction() * (side >> level);
            }
            dx = 0.8 * dx + (next_fraction() - 0.5) * 160, dy = 0.8 * dy + (next_fraction() - 0.5) * 160;
            x += dx, y += dy;
            double most = (side >> level) - 512;
            x = x < 0 ? 0 : x > most ? most : x, y = y < 0 ? 0 : y > most ? most : y;
            windows.insert(windows.end(), {level, (int)x, (int)y});
        }
    }
    return windows;
}

static Options compressed(Options options, const std::string &codec)
{
    options.insert(options.end(), {"COMPRESS=" + codec, codec == "none" ? "PREDICTOR=1" : "PREDICTOR=2"});
    if (codec == "deflate") options.push_back("ZLEVEL=6");
    return options;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: make_data FOLDER SHRINK WORKLOAD...\n");
        return 2;
    }
    GDALAllRegister();
    GDALSetCacheMax64(256 << 20);
    std::string folder = std::string(argv[1]) + "/";
    int shrink = atoi(argv[2]);
    for (int i = 3; i < argc; i++) {
        std::string workload = argv[i];
        bool strips = workload == "strips", tiles = workload == "tiles", mapped = workload == "mapped";
        if (mapped) {
            make_apart(folder + "strips64_one.tif", 16384 / shrink, 1);
            make_apart(folder + "strips64_apart.tif", 16384 / shrink, 3);
        }
        if (strips || mapped) {
            for (std::string codec : {"none", "deflate", "lzw"})
                make<uint8_t>(folder + "strips64_" + codec + ".tif", 16384 / shrink, 3, compressed({"BLOCKYSIZE=64"}, codec));
            make<uint8_t>(folder + "strips1_none.tif", 16384 / shrink, 3, compressed({"BLOCKYSIZE=1"}, "none"));
        }
        if (tiles || mapped) {
            for (std::string codec : {"none", "deflate", "lzw"})
                make<uint8_t>(folder + "tiles256_" + codec + ".tif", 8192 / shrink, 3,
                              compressed({"TILED=YES", "BLOCKXSIZE=256", "BLOCKYSIZE=256"}, codec));
            make<uint8_t>(folder + "tiles1024_none.tif", 8192 / shrink, 3,
                          compressed({"TILED=YES", "BLOCKXSIZE=1024", "BLOCKYSIZE=1024"}, "none"));
        }
        if (workload == "jpeg2000") {
            int side = 8192 / shrink;
            make<uint8_t>(folder + "plain.tif", side, 1, {});
            make_jpeg2000(folder + "one_tile.jp2", folder + "plain.tif", side);
            save(folder + "viewports.i32", viewports(side));
        }
        if (workload == "viewer") {
            int side = 32768 / shrink;
            make<uint8_t>(folder + "levels.tif", side, 3,
                          {"TILED=YES", "BLOCKXSIZE=256", "BLOCKYSIZE=256", "COMPRESS=DEFLATE", "ZLEVEL=1", "PREDICTOR=2"}, true);
            save(folder + "walks.i32", walks(side, 1500 / shrink));
        }
        if (workload == "opening") {
            make_million(folder + "million.tif", 262144 / shrink);
            make_pages(folder + "pages.tif", 1024, 100);
            make_copy("NITF", folder + "scene.ntf", folder + "pages.tif", {"IC=NC", "BLOCKXSIZE=256", "BLOCKYSIZE=256"});
            make_small(folder + "small", 10000 / shrink);
        }
        if (workload == "bands")
            make<uint8_t>(folder + "bands224.tif", 1024, 224,
                          compressed({"TILED=YES", "BLOCKXSIZE=256", "BLOCKYSIZE=256"}, "none"));
        if (workload == "counts") {
            /* Of the same sizes however small the others are; of the smaller ones each access to memory is looked at. */
            for (int side : {2048, 512})
                for (std::string codec : {"none", "deflate"}) {
                    std::string end = "_" + codec + "_" + std::to_string(side) + ".tif";
                    make<uint8_t>(folder + "counts256" + end, side, 3,
                                  compressed({"TILED=YES", "BLOCKXSIZE=256", "BLOCKYSIZE=256"}, codec));
                    make<uint8_t>(folder + "counts64" + end, side, 3, compressed({"BLOCKYSIZE=64"}, codec));
                }
        }
        if (workload == "through") {
            int side = 8192 / shrink;
            for (std::string codec : {"none", "deflate"}) {
                make<uint8_t>(folder + "through1_" + codec + ".tif", side, 3, compressed({"BLOCKYSIZE=1"}, codec), false, true);
                make<uint8_t>(folder + "through16_" + codec + ".tif", side, 3, compressed({"BLOCKYSIZE=16"}, codec), false, true);
            }
            make_copy("COG", folder + "through_cog.tif", folder + "through16_none.tif",
                      {"BLOCKSIZE=512", "COMPRESS=DEFLATE", "PREDICTOR=YES", "OVERVIEWS=IGNORE_EXISTING"});
        }
        if (workload == "late")
            make<uint8_t>(folder + "tiles256_deflate.tif", 8192 / shrink, 3,
                          compressed({"TILED=YES", "BLOCKXSIZE=256", "BLOCKYSIZE=256"}, "deflate"));
    }
    return 0;
}
