/* The tour: what a program does with the library, the same in all languages. docs/bindings.md has them side by side.
 *
 *     tour scene.tif */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tilecache.h>

static tc_error problem;

static void must(tc_status status)
{
    if (status != TC_OK) {
        fprintf(stderr, "%s: %s\n", tc_status_name(status), problem.message);
        exit(EXIT_FAILURE);
    }
}

/* Three windows. */
/* The sum of the samples of a window of bytes. */
static unsigned long sum_of(tc_provider *image, int64_t x, int64_t y, int32_t level)
{
    static unsigned char samples[3][48][64];
    const tc_target into = {.data = samples, .width = 64, .height = 48, .bands = 3, .dtype = TC_U8};
    unsigned long sum = 0;
    must(provider_read_window(image, x, y, level, NULL, 0, &into, &problem));
    for (size_t i = 0; i < sizeof samples; i++)
        sum += ((unsigned char *)samples)[i];
    return sum;
}

/* A provider of one's own. */
/* Sample (x, y) is (x + 2 y) mod 251. In block (1, 1) it cancels the reader, if there is one. */
static tc_status read_block(void *user, void *session, int64_t row, int64_t col, int32_t level, const int32_t *bands,
                            const tc_target *into, tc_error *err)
{
    tc_provider *const *reader = user;
    (void)session, (void)level, (void)bands;
    for (int64_t y = 0; y < into->height; y++)
        for (int64_t x = 0; x < into->width; x++)
            ((unsigned char *)into->data)[y * into->row_stride + x] =
                (unsigned char)((col * 256 + x + 2 * (row * 256 + y)) % 251);
    if (row == 1 && col == 1 && *reader != NULL) {
        must(provider_cancel(*reader, err));
        tc_load *load = tc_load_current();
        printf("wanted after the cancel: %s\n", tc_load_is_cancelled(load) ? "no" : "yes");
        tc_load_release(load);
        return TC_E_CANCELLED;
    }
    return TC_OK;
}

/* End. */
int main(int argc, char **argv)
{
    tc_cache *cache;
    tc_provider *file, *pyramid, *picture, *own, *reader = NULL;
    tc_chain *chain, *resolved;
    tc_image_info info = {.struct_size = sizeof info};
    if (argc != 2) {
        fprintf(stderr, "usage: tour scene.tif\n");
        return EXIT_FAILURE;
    }

    /* Open. */
    must(tc_create(64 << 20, NULL, &cache, &problem));
    must(provider_open(argv[1], NULL, &file, &problem));
    must(provider_info(file, &info, &problem));
    printf("open: %s, %d x %d, %d bands\n", provider_format(file), (int)info.width, (int)info.height, info.bands);

    /* Pyramid. */
    const tc_level_options levels = {.struct_size = sizeof levels, .filter = TC_FILTER_AVERAGE, .levels = 3,
                                     .tile_width = 128, .tile_height = 128};
    must(provider_pyramid(file, &levels, cache, &pyramid, &problem));
    must(provider_info(pyramid, &info, &problem));
    printf("pyramid: %d levels\n", info.levels);

    /* Display. */
    must(tc_chain_parse("bands=2,1,0|stretch=0..1000|u8", &chain, &problem));
    must(tc_chain_resolve(chain, pyramid, NULL, &resolved, &problem));
    must(provider_display(pyramid, resolved, cache, &picture, &problem));
    printf("display: %s\n", tc_chain_text(resolved));
    /* Three windows. */
    for (int32_t level = 0; level < 3; level++)
        printf("window at level %d: %lu\n", level, sum_of(picture, 80 >> level, 40 >> level, level));

    /* A provider of one's own. */
    const tc_image_info image = {.struct_size = sizeof image, .dtype = TC_U8, .width = 1000, .height = 600,
                                 .block_width = 256, .block_height = 256};
    const tc_source source = {.struct_size = sizeof source, .threading = TC_CONCURRENT, .user = &reader,
                              .image = &image, .read_block = read_block};
    unsigned char six[6];
    tc_target into = {.data = six, .width = 3, .height = 2, .bands = 1, .dtype = TC_U8};
    must(provider_from_source(&source, &own, &problem));
    must(provider_read_window(own, 254, 255, 0, NULL, 0, &into, &problem));
    printf("own: %d %d %d %d %d %d\n", six[0], six[1], six[2], six[3], six[4], six[5]);

    /* An error. */
    tc_status status = provider_read_window(own, 0, 0, 9, NULL, 0, &into, &problem);
    printf("error: %s: %s\n", tc_status_name(status), problem.message);

    /* A cancel. */
    must(provider_reader(own, NULL, &reader, &problem));
    status = provider_read_window(reader, 300, 300, 0, NULL, 0, &into, &problem);
    printf("cancel: %s\n", tc_status_name(status));

    /* End. */
    provider_release(reader), provider_release(own), provider_release(picture);
    tc_chain_release(resolved), tc_chain_release(chain);
    provider_release(pyramid), provider_release(file), tc_release(cache);
    return EXIT_SUCCESS;
}
