#include "encode.h"

#include <libdeflate.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <webp/encode.h>

/* ---- PNG (ISO/IEC 15948) ---- */

enum { PNG_EFFORT = 4 }; /* of libdeflate: twice as fast as its default, and hardly larger */

static uint8_t *put_chunk(uint8_t *to, const char *type, const uint8_t *data, size_t size)
{
  uint32_t crc;
  for (int i = 0; i < 4; i++)
    to[i] = (uint8_t)(size >> (24 - 8 * i));
  memcpy(to + 4, type, 4);
  if (size > 0 && data != to + 8)
    memcpy(to + 8, data, size);
  crc = libdeflate_crc32(0, to + 4, size + 4);
  for (int i = 0; i < 4; i++)
    to[size + 8 + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
  return to + size + 12;
}

uint8_t *encode_png(const uint8_t *rgba, int width, int height, int opaque, size_t *size)
{
  static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  const int samples = opaque ? 3 : 4;
  const size_t row = (size_t)width * (size_t)samples, filtered_size = (row + 1) * (size_t)height;
  struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(PNG_EFFORT);
  uint8_t *filtered = malloc(filtered_size), *png = NULL, *end;
  uint8_t header[13] = {0};
  size_t bound;
  if (compressor == NULL || filtered == NULL)
    goto done;
  /* The difference to the row above: cheap, and near to the best choice for pictures of the ground. */
  for (int y = 0; y < height; y++) {
    uint8_t *to = filtered + (row + 1) * (size_t)y;
    const uint8_t *from = rgba + (size_t)y * (size_t)width * 4, *above = y == 0 ? NULL : from - (size_t)width * 4;
    *to++ = y == 0 ? 0 : 2;
    for (int x = 0; x < width; x++, from += 4)
      for (int band = 0; band < samples; band++)
        *to++ = (uint8_t)(from[band] - (above == NULL ? 0 : above[4 * x + band]));
  }
  bound = libdeflate_zlib_compress_bound(compressor, filtered_size);
  png = malloc(bound + 8 + 3 * 12 + 13);
  if (png == NULL)
    goto done;
  for (int i = 0; i < 4; i++) {
    header[i] = (uint8_t)((uint32_t)width >> (24 - 8 * i));
    header[4 + i] = (uint8_t)((uint32_t)height >> (24 - 8 * i));
  }
  header[8] = 8;
  header[9] = opaque ? 2 : 6;
  memcpy(png, signature, 8);
  end = put_chunk(png + 8, "IHDR", header, sizeof header);
  bound = libdeflate_zlib_compress(compressor, filtered, filtered_size, end + 8, bound);
  if (bound == 0) {
    free(png);
    png = NULL;
    goto done;
  }
  end = put_chunk(end, "IDAT", end + 8, bound);
  end = put_chunk(end, "IEND", NULL, 0);
  *size = (size_t)(end - png);
done:
  free(filtered);
  libdeflate_free_compressor(compressor);
  return png;
}

/* ---- JPEG ---- */

typedef struct failing {
  struct jpeg_error_mgr errors;
  jmp_buf escape;
} failing;

static void escape(j_common_ptr jpeg)
{
  longjmp(((failing *)jpeg->err)->escape, 1);
}

uint8_t *encode_jpeg(const uint8_t *rgba, int width, int height, int quality, size_t *size)
{
  struct jpeg_compress_struct jpeg;
  failing fail;
  unsigned char *volatile bytes = NULL;
  unsigned char *made = NULL;
  unsigned long length = 0;
  uint8_t *volatile flat = malloc((size_t)width * (size_t)height * 3);
  if (flat == NULL)
    return NULL;
  for (size_t i = 0, n = (size_t)width * (size_t)height; i < n; i++) /* over white */
    for (size_t band = 0; band < 3; band++)
      flat[3 * i + band] = (uint8_t)((rgba[4 * i + band] * rgba[4 * i + 3] + 255 * (255 - rgba[4 * i + 3]) + 127) / 255);
  jpeg.err = jpeg_std_error(&fail.errors);
  fail.errors.error_exit = escape;
  if (setjmp(fail.escape)) {
    jpeg_destroy_compress(&jpeg);
    free(made);
    free(flat);
    return NULL;
  }
  jpeg_create_compress(&jpeg);
  jpeg_mem_dest(&jpeg, &made, &length);
  jpeg.image_width = (JDIMENSION)width;
  jpeg.image_height = (JDIMENSION)height;
  jpeg.input_components = 3;
  jpeg.in_color_space = JCS_RGB;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, quality, TRUE);
  jpeg_start_compress(&jpeg, TRUE);
  while (jpeg.next_scanline < jpeg.image_height) {
    JSAMPROW row = flat + (size_t)jpeg.next_scanline * (size_t)width * 3;
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  free(flat);
  bytes = made;
  *size = length;
  return bytes;
}

/* ---- WebP ---- */

uint8_t *encode_webp(const uint8_t *rgba, int width, int height, int quality, size_t *size)
{
  WebPConfig config;
  WebPPicture picture;
  WebPMemoryWriter writer;
  int good;
  if (!WebPConfigInit(&config) || !WebPPictureInit(&picture))
    return NULL;
  config.quality = (float)quality;
  config.method = 1; /* of 0 to 6: speed before size */
  picture.width = width;
  picture.height = height;
  WebPMemoryWriterInit(&writer);
  picture.writer = WebPMemoryWrite;
  picture.custom_ptr = &writer;
  good = WebPPictureImportRGBA(&picture, rgba, width * 4) && WebPEncode(&config, &picture);
  WebPPictureFree(&picture);
  if (!good) {
    WebPMemoryWriterClear(&writer);
    return NULL;
  }
  *size = writer.size;
  return writer.mem; /* of malloc, in the library of the system */
}
