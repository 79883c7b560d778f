/* Encoders of a tile: interleaved RGBA of 8 bits, straight alpha, rows side by side. */
#ifndef TILESERVER_ENCODE_H
#define TILESERVER_ENCODE_H

#include <stddef.h>
#include <stdint.h>

/* Each gives memory to be freed with free(), of *size bytes; NULL if there is none. */
uint8_t *encode_png(const uint8_t *rgba, int width, int height, int opaque, size_t *size);
uint8_t *encode_jpeg(const uint8_t *rgba, int width, int height, int quality, size_t *size);
uint8_t *encode_webp(const uint8_t *rgba, int width, int height, int quality, size_t *size);

#endif
