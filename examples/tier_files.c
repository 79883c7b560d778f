/* Another tier of a user's own: decoded blocks as files of a directory, one file each. Who opens the image again, also
 * after a restart, gets the blocks from there and decodes nothing.
 *
 *     tier_files image.tif directory
 *
 * One thread of the tier does all reading and writing. A file appears under its name when it is complete, so any number of
 * processes may use the directory. */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tilecache.h"

/* A block that is to be read or written. */
typedef struct job {
    struct job *next;
    char name[33];
    size_t material_bytes, pixel_bytes;
    void *material;
    uint64_t ticket; /* 0: `parcel` is written */
    uint64_t parcel;
    tc_pixels pixels;
} job;

typedef struct files {
    const char *directory;
    tc_tier_link *link;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more;
    job *gets, *puts; /* those that somebody waits for go first */
    bool ends;
    uint64_t read, written;
} files;

/* Two 64-bit FNV-1a hashes as a name. The file holds the whole material, so that two blocks are never taken for one. */
static void name_of(const void *material, size_t bytes, char *name)
{
    uint64_t hashes[2] = {0xcbf29ce484222325u, 0x84222325cbf29ce4u};
    for (size_t at = 0; at < bytes; at++)
        for (int i = 0; i < 2; i++)
            hashes[i] = (hashes[i] ^ ((const uint8_t *)material)[at]) * 0x100000001b3u;
    snprintf(name, 33, "%016llx%016llx", (unsigned long long)hashes[0], (unsigned long long)hashes[1]);
}

static void free_job(job *j)
{
    if (j != NULL)
        free(j->material);
    free(j);
}

/* A job for a block; NULL without memory. */
static job *job_of(const tc_tier_block *block)
{
    job *made = calloc(1, sizeof *made);
    if (made == NULL || (made->material = malloc(block->material_bytes)) == NULL) {
        free_job(made);
        return NULL;
    }
    memcpy(made->material, block->material, block->material_bytes);
    made->material_bytes = block->material_bytes;
    made->pixel_bytes = (size_t)(block->width * block->height) * (size_t)block->bands * block->sample_bytes;
    name_of(block->material, block->material_bytes, made->name);
    return made;
}

static void enqueue(files *f, job **queue, job *new)
{
    pthread_mutex_lock(&f->lock);
    while (*queue != NULL)
        queue = &(*queue)->next;
    *queue = new;
    pthread_cond_signal(&f->more);
    pthread_mutex_unlock(&f->lock);
}

static bool read_all(int file, void *into, size_t bytes)
{
    for (ssize_t n; bytes > 0; bytes -= (size_t)n, into = (char *)into + n)
        if ((n = read(file, into, bytes)) <= 0)
            return false;
    return true;
}

static bool write_all(int file, const void *from, size_t bytes)
{
    for (ssize_t n; bytes > 0; bytes -= (size_t)n, from = (const char *)from + n)
        if ((n = write(file, from, bytes)) <= 0)
            return false;
    return true;
}

/* Whether a file begins with the material of the block. */
static bool is_of(int file, const job *j)
{
    uint64_t bytes = 0;
    void *material = malloc(j->material_bytes);
    bool is = material != NULL && read_all(file, &bytes, sizeof bytes) && bytes == j->material_bytes
              && read_all(file, material, j->material_bytes) && memcmp(material, j->material, j->material_bytes) == 0;
    free(material);
    return is;
}

/* Answers a ticket out of the file of its block: the pixels go straight into the memory of the tile. */
static void answer(files *f, const job *j, const char *path)
{
    tc_target into;
    char beyond;
    int file = open(path, O_RDONLY);
    bool found = file >= 0 && is_of(file, j) && tc_tier_room(f->link, j->ticket, &into, NULL) == TC_OK;
    found = found && read_all(file, into.data, j->pixel_bytes) && read(file, &beyond, 1) == 0;
    if (file >= 0)
        close(file);
    tc_tier_answer(f->link, j->ticket, found ? TC_TIER_PIXELS : TC_TIER_MISS, 0, NULL, NULL);
    f->read += found;
}

/* Writes a block under another name, and gives it its own when it is complete. */
static void keep(files *f, const job *j, const char *path)
{
    char other[4096];
    snprintf(other, sizeof other, "%s.%ld", path, (long)getpid());
    int file = open(other, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    uint64_t bytes = j->material_bytes;
    bool whole = file >= 0 && write_all(file, &bytes, sizeof bytes) && write_all(file, j->material, j->material_bytes);
    size_t row = j->pixel_bytes / (size_t)(j->pixels.height * j->pixels.bands);
    for (int32_t band = 0; band < j->pixels.bands; band++)
        for (int64_t y = 0; y < j->pixels.height; y++)
            whole = whole && write_all(file, (const char *)j->pixels.data + band * j->pixels.band_stride
                                             + y * j->pixels.row_stride, row);
    tc_tier_taken(f->link, j->parcel);
    if (file >= 0)
        whole = close(file) == 0 && whole;
    if (whole && rename(other, path) == 0)
        f->written++;
    else
        unlink(other);
}

static void *work(void *user)
{
    files *f = user;
    for (;;) {
        pthread_mutex_lock(&f->lock);
        while (f->gets == NULL && f->puts == NULL && !f->ends)
            pthread_cond_wait(&f->more, &f->lock);
        job **queue = f->gets != NULL ? &f->gets : &f->puts, *next = *queue;
        if (next != NULL)
            *queue = next->next;
        pthread_mutex_unlock(&f->lock);
        if (next == NULL)
            return NULL;
        char path[4000];
        snprintf(path, sizeof path, "%s/%s", f->directory, next->name);
        if (next->ticket != 0)
            answer(f, next, path);
        else
            keep(f, next, path);
        free_job(next);
    }
}

static void attach(void *user, tc_tier_link *link)
{
    ((files *)user)->link = link;
}

static void get(void *user, const tc_tier_block *block, uint64_t deadline_ns, uint64_t ticket)
{
    files *f = user;
    job *new = job_of(block);
    (void)deadline_ns;
    if (new == NULL) {
        tc_tier_answer(f->link, ticket, TC_TIER_MISS, 0, NULL, NULL);
        return;
    }
    new->ticket = ticket;
    enqueue(f, &f->gets, new);
}

static void put(void *user, const tc_tier_block *block, uint64_t lease, const tc_pixels *pixels, uint64_t parcel)
{
    files *f = user;
    job *new = job_of(block);
    (void)lease;
    if (new == NULL) {
        tc_tier_taken(f->link, parcel);
        return;
    }
    new->pixels = *pixels;
    new->parcel = parcel;
    enqueue(f, &f->puts, new);
}

/* The cache is gone, and with it all jobs are done. It may go on the thread of the tier, so that waits for nothing. */
static void release(void *user)
{
    files *f = user;
    pthread_mutex_lock(&f->lock);
    f->ends = true;
    pthread_cond_signal(&f->more);
    pthread_mutex_unlock(&f->lock);
}

static tc_error problem;

static void must(tc_status status)
{
    if (status != TC_OK) {
        fprintf(stderr, "%s: %s\n", tc_status_name(status), problem.message);
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: tier_files image.tif directory\n");
        return EXIT_FAILURE;
    }
    files f = {.directory = argv[2], .lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};
    tc_tier tier = {.struct_size = sizeof tier, .user = &f, .attach = attach, .get = get, .put = put, .release = release,
                    .get_ns = 10000000000};
    tc_open_options opening = {.struct_size = sizeof opening, .flags = TC_OPEN_FLEET_DIGEST};
    tc_image_info info = {.struct_size = sizeof info};
    tc_cache *cache;
    tc_provider *file, *tiles;
    must(tc_create(tc_default_budget(), NULL, &cache, &problem));
    must(tc_set_tier(cache, &tier, &problem));
    if (pthread_create(&f.thread, NULL, work, &f) != 0)
        return EXIT_FAILURE;
    must(provider_open(argv[1], &opening, &file, &problem));
    must(provider_retile(file, &(tc_retile_options){.struct_size = sizeof(tc_retile_options), .tile_width = 256,
                                                    .tile_height = 256}, cache, &tiles, &problem));
    must(provider_info(tiles, &info, &problem));
    for (int64_t row = 0; row < info.grid_rows; row++)
        for (int64_t col = 0; col < info.grid_cols; col++) {
            tc_tile *tile;
            must(provider_get_block(tiles, row, col, 0, NULL, 0, &tile, &problem));
            tc_tile_release(tile);
        }
    tc_cache_stats counted = {.struct_size = sizeof counted};
    must(provider_counters(file, &counted, NULL, &problem));
    provider_release(file);
    provider_release(tiles);
    tc_release(cache);
    pthread_join(f.thread, NULL);
    tc_tier_link_release(f.link);
    printf("blocks decoded: %llu, read from files: %llu, written: %llu\n", (unsigned long long)counted.loads,
           (unsigned long long)f.read, (unsigned long long)f.written);
    return EXIT_SUCCESS;
}
