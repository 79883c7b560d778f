/*
 * Decodes a JPEG file and a JPEG 2000 codestream by the system's libraries and by ours, and fails where
 * the pixels are not the same: main PICTURE.jpg CODESTREAM.j2k [shared]
 *
 * With a third argument the system's libraries are shared ones; then what is called of them must lie in them.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <openjpeg.h>
#include <tilecache.h>
#include <zlib.h>

#define SIDE 300
#define BANDS 3
#define BYTES ((size_t)SIDE * SIDE * BANDS)

static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static void by_libjpeg(const char *path, unsigned char *out)
{
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr error;
    FILE *file = fopen(path, "rb");
    if (!file)
        fail(path);
    cinfo.err = jpeg_std_error(&error);
    jpeg_create_decompress(&cinfo);
    jpeg_stdio_src(&cinfo, file);
    jpeg_read_header(&cinfo, TRUE);
    jpeg_start_decompress(&cinfo);
    if (cinfo.output_width != SIDE || cinfo.output_height != SIDE || cinfo.output_components != BANDS)
        fail("libjpeg: another size");
    while (cinfo.output_scanline < SIDE) {
        JSAMPROW row = out + (size_t)cinfo.output_scanline * SIDE * BANDS;
        jpeg_read_scanlines(&cinfo, &row, 1);
    }
    jpeg_finish_decompress(&cinfo);
    jpeg_destroy_decompress(&cinfo);
    fclose(file);
}

static void by_openjpeg(const char *path, unsigned char *out)
{
    opj_dparameters_t parameters;
    opj_codec_t *codec = opj_create_decompress(OPJ_CODEC_J2K);
    opj_stream_t *stream = opj_stream_create_default_file_stream(path, OPJ_TRUE);
    opj_image_t *image = NULL;
    opj_set_default_decoder_parameters(&parameters);
    if (!stream || !opj_setup_decoder(codec, &parameters) || !opj_read_header(stream, codec, &image)
        || !opj_decode(codec, stream, image))
        fail("OpenJPEG does not decode");
    for (size_t i = 0; i < BYTES; i++)
        out[i] = (unsigned char)image->comps[i % BANDS].data[i / BANDS];
    opj_image_destroy(image);
    opj_stream_destroy(stream);
    opj_destroy_codec(codec);
}

static void by_us(const char *path, unsigned char *out)
{
    tc_error err;
    tc_provider *provider;
    tc_target into = {0};
    into.data = out;
    into.pixel_stride = BANDS;
    into.row_stride = SIDE * BANDS;
    into.band_stride = 1;
    into.width = into.height = SIDE;
    into.bands = BANDS;
    into.dtype = TC_U8;
    if (provider_open(path, NULL, &provider, &err) || provider_read_window(provider, 0, 0, 0, NULL, 0, &into, &err))
        fail(err.message);
    provider_release(provider);
}

static void compare(const char *path, void (*theirs)(const char *, unsigned char *))
{
    unsigned char *a = malloc(BYTES), *b = malloc(BYTES);
    memset(a, 1, BYTES);
    memset(b, 2, BYTES);
    theirs(path, a);
    by_us(path, b);
    theirs(path, a);
    if (memcmp(a, b, BYTES))
        fail(path);
    free(a);
    free(b);
}

static void lies_in(void *function, const char *library)
{
    Dl_info info;
    if (!dladdr(function, &info) || !strstr(info.dli_fname, library)) {
        fprintf(stderr, "%s is taken from %s\n", library, info.dli_fname);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    unsigned char packed[64], text[64];
    uLongf packed_len = sizeof packed, text_len = sizeof text;
    if (argc < 3)
        fail("the files");
    compare(argv[1], by_libjpeg);
    compare(argv[2], by_openjpeg);
    if (compress(packed, &packed_len, (const Bytef *)"neighbours", 11) != Z_OK
        || uncompress(text, &text_len, packed, packed_len) != Z_OK || strcmp((const char *)text, "neighbours"))
        fail("zlib");
    if (argc > 3) {
        lies_in((void *)(uintptr_t)jpeg_std_error, "libjpeg.so");
        lies_in((void *)(uintptr_t)opj_create_decompress, "libopenjp2.so");
        lies_in((void *)(uintptr_t)compress, "libz.so");
    }
    return 0;
}
