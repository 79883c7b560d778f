/* The main job: a TIFF, however it is laid out, shown as tiles of 1024 x 1024 through one cache.
 *
 *     main_job [image.tif [overview.png]]
 *
 * Four layers, each over the one before: the file, its blocks in the cache, tiles of a uniform grid, and those tiles as a
 * picture of 8 bits, by the chain that the library finds. Shows every tile, tells what that took and why it looks as it
 * does, and draws an overview beside the samples as they are stored. Without an image it first writes one: scene.tif,
 * 4096 x 4096 pixels of four bands of 16 bits, packed in strips over the full width. */
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

enum { TILE = 1024, SIDE = 640 };

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

static tc_image_info info_of(tc_provider *provider)
{
    tc_image_info info = {.struct_size = sizeof info};
    must(provider_info(provider, &info, &err));
    return info;
}

static tc_tile *tile_of(tc_provider *provider, int64_t row, int64_t col)
{
    tc_tile *tile;
    must(provider_get_block(provider, row, col, 0, NULL, 0, &tile, &err));
    return tile;
}

/* What a layer did and keeps. */
static uint64_t tell_layer(const char *name, tc_provider *provider)
{
    tc_cache_stats stats = {.struct_size = sizeof stats};
    must(provider_counters(provider, &stats, NULL, &err));
    printf("  %-10s  %8" PRIu64 "  %8" PRIu64 "  %8" PRIu64 "  %10.1f\n", name, stats.loads, stats.hits, stats.entries,
           mib(stats.resident));
    return stats.loads;
}

/* The text and the reasons of a chain, each line behind its place in the column. */
static void tell_chain(const tc_chain *chain)
{
    printf("  chain      %s\n", tc_chain_text(chain));
    for (const char *line = tc_chain_why(chain); line && *line; line += strcspn(line, "\n"), line += *line == '\n')
        printf("             %.*s\n", (int)strcspn(line, "\n"), line);
    printf("\n");
}

static struct picture *new_picture(const tc_image_info *image, const char *path)
{
    struct picture *picture = picture_new(image->width, image->height, image->bands < 3 ? 1 : 3, SIDE);
    must_write(picture ? 0 : ENOMEM, path);
    return picture;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "scene.tif", *picture_path = argc > 2 ? argv[2] : "overview.png";
    if (argc < 2)
        must_write(scene_write(path, 4096, progress), path);

    /* One cache and the layers over the file. Each keeps alive what it stands on, so that only the last one matters in
     * the end. */
    tc_cache *cache;
    tc_provider *file, *blocks, *tiles, *shown;
    tc_chain *chain;
    tc_retile_options grid = {.struct_size = sizeof grid, .tile_width = TILE, .tile_height = TILE};
    must(tc_create(512 << 20, NULL, &cache, &err));
    must(provider_open(path, NULL, &file, &err));
    must(provider_cached(file, cache, &blocks, &err));
    must(provider_retile(blocks, &grid, cache, &tiles, &err));
    double start = seconds();
    must(tc_chain_auto(tiles, NULL, &chain, &err));
    double finding = seconds() - start;
    must(provider_display(tiles, chain, cache, &shown, &err));

    tc_image_info in = info_of(file), cut = info_of(tiles), out = info_of(shown);
    int64_t n_blocks = in.grid_rows * in.grid_cols, n_tiles = out.grid_rows * out.grid_cols;
    printf("%s\n", path);
    printf("  image      %" PRId64 " x %" PRId64 " pixels, bands: %d, bits: %d\n", in.width, in.height, in.bands, in.bits);
    printf("  blocks     %" PRId64 " of %" PRId64 " x %" PRId64 "\n", n_blocks, in.block_width, in.block_height);
    printf("  tiles      %" PRId64 " of %d x %d\n\n", n_tiles, TILE, TILE);
    tell_chain(chain);

    /* Every tile, row by row. Only what the library does is timed, not the drawing. */
    struct picture *stored = new_picture(&in, picture_path), *picture = new_picture(&out, picture_path);
    double showing = 0, again = 0;
    int same = 1;
    for (int64_t row = 0; row < out.grid_rows; row++)
        for (int64_t col = 0; col < out.grid_cols; col++) {
            start = seconds();
            tc_tile *tile = tile_of(shown, row, col);
            showing += seconds() - start;
            start = seconds();
            tc_tile *second = tile_of(shown, row, col), *samples;
            again += seconds() - start;
            tc_pixels one, other;
            tc_tile_pixels(tile, &one);
            tc_tile_pixels(second, &other);
            same = same && one.data == other.data;
            samples = tile_of(tiles, row, col);
            must_write(picture_add(stored, &cut, samples, col * TILE, row * TILE), picture_path);
            must_write(picture_add(picture, &out, tile, col * TILE, row * TILE), picture_path);
            tc_tile_release(samples);
            tc_tile_release(second);
            tc_tile_release(tile);
            progress((double)(row * out.grid_cols + col + 1) / (double)n_tiles);
        }

    printf("  finding the chain    %8.1f ms\n", finding * 1e3);
    printf("  showing all tiles    %8.1f ms\n", showing * 1e3);
    printf("  the same again       %8.3f ms, %s\n\n", again * 1e3, same ? "at the same addresses" : "at other addresses");
    printf("  layer           made      hits      kept         MiB\n");
    uint64_t decoded = tell_layer("blocks", blocks);
    tell_layer("tiles", tiles);
    tell_layer("displayed", shown);
    tc_cache_stats now = {.struct_size = sizeof now};
    must(tc_statistics(cache, &now, &err));
    printf("\n  blocks decoded: %" PRIu64 " of %" PRId64 "\n", decoded, n_blocks);
    printf("  cache: %.1f of %.0f MiB\n", mib(now.resident), mib(now.budget));

    const struct panel panels[] = {{stored, 0, 0, 0}, {picture, 1, TILE, TILE}};
    must_write(picture_write(panels, 2, picture_path), picture_path);
    printf("  picture: %s, as stored and as displayed\n", picture_path);
    picture_free(stored);
    picture_free(picture);

    tc_chain_release(chain);
    provider_release(shown);
    provider_release(tiles);
    provider_release(blocks);
    provider_release(file);
    tc_release(cache);
    return EXIT_SUCCESS;
}
