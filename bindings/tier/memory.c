#include "memory.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A block of the store, packed. */
typedef struct value {
    struct value *next;
    char *source;
    void *material;
    size_t material_bytes;
    tc_pixels pixels;
} value;

/* What one cache has of the store. */
typedef struct side {
    tc_tier table;
    tc_tier_link *link;
} side;

/* One for the whole process, so it stays until that ends. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static value *values;
static bool is_away;
static uint64_t unreachable;

static value **find(const tc_tier_block *block)
{
    value **at = &values;
    while (*at != NULL && ((*at)->material_bytes != block->material_bytes
                           || memcmp((*at)->material, block->material, block->material_bytes) != 0))
        at = &(*at)->next;
    return at;
}

static void *copy_of(const void *from, size_t bytes)
{
    void *made = malloc(bytes);
    if (made == NULL)
        abort();
    return memcpy(made, from, bytes);
}

static void attach(void *user, tc_tier_link *link)
{
    ((side *)user)->link = link;
}

static void get(void *user, const tc_tier_block *block, uint64_t deadline_ns, uint64_t ticket)
{
    tc_tier_link *link = ((side *)user)->link;
    tc_pixels pixels = {.data = NULL};
    (void)deadline_ns;
    pthread_mutex_lock(&lock);
    value *found = is_away ? NULL : *find(block);
    if (found != NULL) {
        pixels = found->pixels;
        pixels.data = copy_of(pixels.data, (size_t)(pixels.band_stride * pixels.bands));
    }
    pthread_mutex_unlock(&lock);
    tc_tier_answer(link, ticket, found != NULL ? TC_TIER_PIXELS : TC_TIER_MISS, 0, found != NULL ? &pixels : NULL, NULL);
    free((void *)pixels.data);
}

static void put(void *user, const tc_tier_block *block, uint64_t lease, const tc_pixels *pixels, uint64_t parcel)
{
    tc_tier_link *link = ((side *)user)->link;
    size_t row = (size_t)block->width * block->sample_bytes, bytes = row * (size_t)block->height * (size_t)block->bands;
    (void)lease;
    pthread_mutex_lock(&lock);
    value **at = find(block);
    if (!is_away && *at == NULL) {
        char *packed = malloc(bytes);
        value *made = calloc(1, sizeof *made);
        if (packed == NULL || made == NULL)
            abort();
        for (int32_t band = 0; band < block->bands; band++)
            for (int64_t y = 0; y < block->height; y++)
                memcpy(packed + (size_t)(band * block->height + y) * row,
                       (const char *)pixels->data + band * pixels->band_stride + y * pixels->row_stride, row);
        made->source = copy_of(block->source, strlen(block->source) + 1);
        made->material = copy_of(block->material, block->material_bytes);
        made->material_bytes = block->material_bytes;
        made->pixels = (tc_pixels){.data = packed, .width = block->width, .height = block->height,
                                   .row_stride = (int64_t)row, .band_stride = (int64_t)row * block->height,
                                   .bands = block->bands, .dtype = block->dtype};
        *at = made;
    }
    pthread_mutex_unlock(&lock);
    tc_tier_taken(link, parcel);
}

static tc_status purge(void *user, const char *source, tc_error *err)
{
    (void)user;
    pthread_mutex_lock(&lock);
    bool fails = is_away;
    unreachable += fails;
    for (value **at = &values; !fails && *at != NULL;) {
        value *one = *at;
        if (strcmp(one->source, source) != 0) {
            at = &one->next;
            continue;
        }
        *at = one->next;
        free(one->source);
        free(one->material);
        free((void *)one->pixels.data);
        free(one);
    }
    pthread_mutex_unlock(&lock);
    if (!fails)
        return TC_OK;
    err->code = TC_E_UNREACHABLE;
    snprintf(err->message, sizeof err->message, "the store is away");
    return TC_E_UNREACHABLE;
}

static void health(void *user, tc_tier_account *account)
{
    (void)user;
    pthread_mutex_lock(&lock);
    account->state = is_away ? TC_TIER_OPEN : TC_TIER_CLOSED;
    account->unreachable = unreachable;
    pthread_mutex_unlock(&lock);
}

static void release(void *user)
{
    tc_tier_link_release(((side *)user)->link);
    free(user);
}

const tc_tier *memory_tier(void)
{
    side *made = calloc(1, sizeof *made);
    if (made == NULL)
        abort();
    /* Machines that are busy answer late, which no test is about. */
    made->table = (tc_tier){.struct_size = sizeof made->table, .user = made, .attach = attach, .get = get, .put = put,
                            .purge = purge, .health = health, .release = release, .get_ns = 60000000000};
    return &made->table;
}

void memory_tier_away(int32_t away)
{
    pthread_mutex_lock(&lock);
    is_away = away != 0;
    pthread_mutex_unlock(&lock);
}
