/* GDAL by its C API alone, so that a newer library can be put under it than the headers are of.
 *   handles  a dataset for each thread; also where there is one thread
 *   lock     one dataset behind a mutex
 *   safe     one thread-safe dataset (GDAL 3.10 and later)
 *   mt       one thread, and NUM_THREADS for the decoders
 *   bip      windows interleaved by pixel, and not by band
 *   vmem     GTIFF_VIRTUAL_MEM_IO
 *   beside   files beside the file are looked for
 *   through  this library's driver, which is found where GDAL_DRIVER_PATH says
 *   rows     each thread takes whole rows of tiles */
#include "harness.h"
#include <cpl_conv.h>
#include <gdal.h>
#include <mutex>

#ifndef GDAL_OF_THREAD_SAFE
#define GDAL_OF_THREAD_SAFE 0x800
#endif

const char *peer_name()
{
    return getenv("PEER_NAME") ? getenv("PEER_NAME") : "gdal";
}

std::string peer_version()
{
    return GDALVersionInfo("RELEASE_NAME");
}

struct Gdal : Source {
    std::vector<GDALDatasetH> datasets;
    std::vector<std::vector<uint8_t>> buffers;
    GDALDataType type;
    int bands, bytes, only;
    bool one, mt, lock, interleaved;
    std::mutex mutex;

    explicit Gdal(const Config &c)
        : buffers(c.threads), only(c.band), mt(c.has("mt")), lock(c.has("lock")), interleaved(c.has("bip"))
    {
        GDALAllRegister();
        GDALSetCacheMax64(c.budget);
        if (c.has("vmem")) CPLSetConfigOption("GTIFF_VIRTUAL_MEM_IO", "YES");
        if (!c.has("beside")) CPLSetConfigOption("GDAL_DISABLE_READDIR_ON_OPEN", "EMPTY_DIR");
        CPLSetConfigOption("GDAL_NUM_THREADS", std::to_string(mt ? c.threads : 1).c_str());
        one = mt || lock || c.has("safe") || c.threads == 1;
        int flags = GDAL_OF_RASTER | GDAL_OF_READONLY | (c.has("safe") ? GDAL_OF_THREAD_SAFE : 0);
        for (int i = 0; i < (one ? 1 : c.threads); i++) {
            std::string name = c.page ? "GTIFF_DIR:" + std::to_string(c.page) + ":" + c.file : c.file;
            if (c.has("through")) name = "TILECACHE:" + name;
            GDALDatasetH dataset = GDALOpenEx(name.c_str(), flags, nullptr, nullptr, nullptr);
            if (!dataset) fail("GDAL does not open " + c.file);
            datasets.push_back(dataset);
        }
        bands = only ? 1 : GDALGetRasterCount(datasets[0]);
        type = GDALGetRasterDataType(GDALGetRasterBand(datasets[0], 1));
        bytes = GDALGetDataTypeSizeBytes(type);
    }

    ~Gdal() override
    {
        for (auto dataset : datasets)
            GDALClose(dataset);
    }

    GDALRasterBandH band(GDALDatasetH dataset, int number, int level)
    {
        GDALRasterBandH band = GDALGetRasterBand(dataset, number);
        return level ? GDALGetOverview(band, level - 1) : band;
    }

    int width(int level) override { return GDALGetRasterBandXSize(band(datasets[0], 1, level)); }
    int height(int level) override { return GDALGetRasterBandYSize(band(datasets[0], 1, level)); }
    int consumers(const Config &c) override { return mt ? 1 : c.threads; }

    void get(int thread, const Rect &r, View &v) override
    {
        auto &buffer = buffers[thread];
        size_t size = (size_t)r.width * r.height * bands * bytes;
        if (buffer.size() < size) buffer.resize(size);
        v = {buffer.data(), r.width, r.height, bands, bytes};
        v.pixel = interleaved ? bands * bytes : bytes;
        v.row = v.pixel * r.width;
        v.band = interleaved ? bytes : v.row * r.height;
        std::unique_lock<std::mutex> locked(mutex, std::defer_lock);
        if (lock) locked.lock();
        GDALDatasetH dataset = datasets[one ? 0 : thread];
        CPLErr error = CE_None;
        if (r.level == 0)
            error = GDALDatasetRasterIOEx(dataset, GF_Read, r.x, r.y, r.width, r.height, buffer.data(), r.width, r.height,
                                          type, bands, only ? &only : nullptr, v.pixel, v.row, v.band, nullptr);
        for (int i = 0; r.level && i < bands && error == CE_None; i++)
            error = GDALRasterIOEx(band(dataset, i + 1, r.level), GF_Read, r.x, r.y, r.width, r.height,
                                   buffer.data() + i * v.band, r.width, r.height, type, v.pixel, v.row, nullptr);
        if (error != CE_None) fail("GDAL does not read");
    }
};

std::unique_ptr<Source> open_source(const Config &c)
{
    return std::make_unique<Gdal>(c);
}
