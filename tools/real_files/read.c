/* Writes what the library reads of a file: read FILE. A line "columns rows bands type levels", and then the samples
   of level 0 of its first image, band by band. On failure the name of the status and the message, with exit status 2. */
#include <stdio.h>
#include <stdlib.h>
#include <tilecache.h>

/* Rows that are read at once. */
enum { ROWS = 256 };

/* What a sample is called, and its bytes. */
static const struct {
    const char *name;
    int64_t size;
} types[] = {[TC_U8] = {"u8", 1},    [TC_I8] = {"i8", 1},    [TC_U16] = {"u16", 2},   [TC_I16] = {"i16", 2},
             [TC_U32] = {"u32", 4},  [TC_I32] = {"i32", 4},  [TC_U64] = {"u64", 8},   [TC_I64] = {"i64", 8},
             [TC_F32] = {"f32", 4},  [TC_F64] = {"f64", 8},  [TC_CI16] = {"ci16", 4}, [TC_CI32] = {"ci32", 8},
             [TC_CF32] = {"cf32", 8}, [TC_CF64] = {"cf64", 16}};

static int told(tc_status status, const tc_error *err)
{
    fprintf(stderr, "%s: %s\n", tc_status_name(status), err->message);
    return 2;
}

int main(int argc, char **argv)
{
    tc_image_info info = {.struct_size = sizeof info};
    tc_provider *file = NULL, *kept = NULL;
    tc_cache *cache = NULL;
    tc_error err;
    tc_status status;
    if (argc != 2)
        return 1;
    status = provider_open(argv[1], NULL, &file, &err);
    if (!status)
        status = tc_create(tc_default_budget(), NULL, &cache, &err);
    if (!status)
        status = provider_cached(file, cache, &kept, &err);
    if (!status)
        status = provider_info(kept, &info, &err);
    if (status)
        return told(status, &err);
    printf("%lld %lld %d %s %d\n", (long long)info.width, (long long)info.height, (int)info.bands, types[info.dtype].name,
           (int)info.levels);
    const int64_t size = types[info.dtype].size;
    unsigned char *rows = malloc((size_t)(info.width * size * ROWS));
    if (rows == NULL)
        return 1;
    for (int32_t band = 0; band < info.bands; band++) {
        for (int64_t y = 0; y < info.height; y += ROWS) {
            const int64_t height = info.height - y < ROWS ? info.height - y : ROWS;
            const tc_target into = {rows, size, info.width * size, info.width * size * ROWS, info.width, height, 1, info.dtype};
            status = provider_read_window(kept, 0, y, 0, &band, 1, &into, &err);
            if (status)
                return told(status, &err);
            fwrite(rows, (size_t)size, (size_t)(info.width * height), stdout);
        }
    }
    free(rows);
    provider_release(kept);
    provider_release(file);
    tc_release(cache);
    return 0;
}
