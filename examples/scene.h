/* A scene to try things on: hills, rivers, fields and woods, as a sensor of four bands of 16 bits would see them. */
#ifndef SCENE_H
#define SCENE_H

#include <stdint.h>

/* Writes a TIFF of size x size pixels: four bands (blue, green, red, near infrared, and the file tells their wavelengths) of
 * 16 bits, interleaved by pixel, LZW with differences, in strips over its full width of 16 rows each, which is how many large
 * images come and what makes them slow to look at.
 * progress, if not NULL, is told now and then how much is done, from 0 to 1.
 * Returns 0, or an errno. */
int scene_write(const char *path, int32_t size, void (*progress)(double done));

#endif
