/* The main job: a TIFF, however it is laid out, read as tiles of 1024 x 1024 through one cache.
 *
 *     main_job [image.tif [overview.png]]
 *
 * Reads every tile and then a viewport, tells what that took, and draws an overview. Without an image it
 * first writes one: scene.tif, 8192 x 8192 pixels of 16 bits, packed in strips over the full width. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "picture.h"
#include "scene.h"
#include "tilecache.h"

static const int64_t TILE = 1024;

static tc_error err;

/* Every call that can fail returns a status; what went wrong stands in the error that it was given. */
static void must(tc_status status)
{
    if (status != TC_OK) {
        fprintf(stderr, "%s: %s\n", tc_status_name(status), err.message);
        exit(EXIT_FAILURE);
    }
}

static void must_write(int error, const char *path)
{
    if (error) {
        fprintf(stderr, "%s: %s\n", path, strerror(error));
        exit(EXIT_FAILURE);
    }
}

static void progress(double done) /* from 0 to 1, for people only */
{
    static const char bar[] = "########################################";
    if (!isatty(STDERR_FILENO))
        return;
    fprintf(stderr, "\r[%-40.*s] %3.0f %%", (int)(done * 40), bar, done * 100);
    if (done == 1)
        fprintf(stderr, "\r%48s\r", "");
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double mib(uint64_t bytes)
{
    return (double)bytes / (1 << 20);
}

static tc_cache_stats counters(tc_provider *provider)
{
    tc_cache_stats stats = {.struct_size = sizeof stats};
    must(provider_counters(provider, &stats, NULL, &err));
    return stats;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "scene.tif", *picture_path = argc > 2 ? argv[2] : "overview.png";
    if (argc < 2)
        must_write(scene_write(path, 8192, progress), path);

    /* One cache; over the file a provider that caches its blocks, and over that one that cuts tiles. Each keeps
     * alive what it stands on, so that only the last one matters in the end. */
    tc_cache *cache;
    tc_provider *file, *blocks, *tiles;
    tc_retile_options grid = {.struct_size = sizeof grid, .tile_width = TILE, .tile_height = TILE};
    must(tc_create(512 << 20, NULL, &cache, &err));
    must(provider_open(path, NULL, &file, &err));
    must(provider_cached(file, cache, &blocks, &err));
    must(provider_retile(blocks, &grid, cache, &tiles, &err));

    tc_image_info in = {.struct_size = sizeof in}, out = {.struct_size = sizeof out};
    must(provider_info(file, &in, &err));
    must(provider_info(tiles, &out, &err));
    int64_t n_blocks = in.grid_rows * in.grid_cols, n_tiles = out.grid_rows * out.grid_cols;
    printf("%s\n", path);
    printf("  image      %" PRId64 " x %" PRId64 " pixels, bands: %d, bits: %d\n", in.width, in.height, in.bands, in.bits);
    printf("  blocks     %" PRId64 " of %" PRId64 " x %" PRId64 "\n", n_blocks, in.block_width, in.block_height);
    printf("  tiles      %" PRId64 " of %" PRId64 " x %" PRId64 "\n\n", n_tiles, TILE, TILE);

    /* Every tile, row by row. Only the reading is timed, not the drawing. */
    struct picture *picture = picture_new(in.width, in.height, in.bands < 3 ? 1 : 3, 1024);
    must_write(picture ? 0 : ENOMEM, picture_path);
    double reading = 0;
    for (int64_t row = 0; row < out.grid_rows; row++)
        for (int64_t col = 0; col < out.grid_cols; col++) {
            tc_tile *tile;
            double start = seconds();
            must(provider_get_block(tiles, row, col, 0, NULL, 0, &tile, &err));
            reading += seconds() - start;
            must_write(picture_add(picture, &in, tile, col * TILE, row * TILE), picture_path);
            tc_tile_release(tile);
            progress((double)(row * out.grid_cols + col + 1) / (double)n_tiles);
        }
    tc_cache_stats read = counters(tiles), decoded = counters(blocks);

    /* A viewport in the middle, as a viewer would ask for it: any rectangle, into memory of its own. */
    tc_target view = {.width = in.width < 1920 ? in.width : 1920, .height = in.height < 1080 ? in.height : 1080,
                      .bands = in.bands, .dtype = TC_F32};
    view.data = malloc((size_t)(view.width * view.height * view.bands) * sizeof(float));
    must_write(view.data ? 0 : ENOMEM, "viewport");
    double start = seconds();
    must(provider_read_window(tiles, (in.width - view.width) / 2, (in.height - view.height) / 2, 0, NULL, 0, &view, &err));
    double viewing = seconds() - start;
    tc_cache_stats again = counters(tiles), decoded_again = counters(blocks);
    free(view.data);

    printf("                     time     tiles      hits    blocks decoded\n");
    printf("  all tiles   %8.1f ms  %8" PRId64 "  %8" PRIu64 "    %" PRIu64 " of %" PRId64 "\n", reading * 1e3, n_tiles,
           read.hits, decoded.loads, n_blocks);
    printf("  a viewport  %8.1f ms  %8" PRIu64 "  %8" PRIu64 "    %" PRIu64 "\n\n", viewing * 1e3,
           again.hits + again.misses - read.hits - read.misses, again.hits - read.hits, decoded_again.loads - decoded.loads);

    tc_cache_stats now = {.struct_size = sizeof now};
    must(tc_statistics(cache, &now, &err));
    printf("  cache      %.1f of %.0f MiB: idle %.1f, held %.1f, reusable %.1f; outside it %.1f\n", mib(now.resident),
           mib(now.budget), mib(now.idle), mib(now.held), mib(now.reusable), mib(now.over_budget + now.in_flight));

    must_write(picture_write(picture, picture_path, TILE, TILE), picture_path);
    printf("  picture    %s\n", picture_path);
    picture_free(picture);

    provider_release(tiles);
    provider_release(blocks);
    provider_release(file);
    tc_release(cache);
    return EXIT_SUCCESS;
}
