// Package chit is what the tests do in C: hits, to which they compare those of Go, and references.
package chit

/*
#cgo pkg-config: tilecache
#include <tilecache.h>

static long hits(tc_provider *provider, long n, int side)
{
  long sum = 0;
  for (long i = 0; i < n; i++) {
    tc_tile *tile;
    tc_pixels pixels;
    if (provider_try_block(provider, i / side % side, i % side, 0, NULL, 0, &tile, NULL) != TC_OK)
      return -1;
    tc_tile_pixels(tile, &pixels);
    sum += *(const unsigned char *)pixels.data;
    tc_tile_release(tile);
  }
  return sum;
}
*/
import "C"

import "unsafe"

// Hits gets n tiles of a grid of side x side, one after the other, and sums their first samples; -1 if one is not there.
func Hits(provider unsafe.Pointer, n, side int) int {
	return int(C.hits((*C.tc_provider)(provider), C.long(n), C.int(side)))
}

// Retained is one more reference to a provider.
func Retained(provider unsafe.Pointer) unsafe.Pointer {
	return unsafe.Pointer(C.provider_retain((*C.tc_provider)(provider)))
}
