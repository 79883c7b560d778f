// Package tilecache gives any raster image as a grid of read-only tiles, decoded once, under one budget of bytes.
//
// It is the binding of the C library tilecache, whose header is the manual: the doc of each function here says what there
// is to say in Go, and names are those of C in Go's way. README.md of this folder has examples.
//
// Objects are closed with Close, in any order, from any goroutine; what is not closed is closed by the collector. Calls
// that run go on to their end, later ones fail with ErrClosed. Close never waits for a load, and always returns nil;
// closing twice is closing once, and closing nil is nothing.
//
// All calls may be made from any number of goroutines. Those that wait take a context. Errors are of type *Error, and
// errors.Is knows their Status.
package tilecache

// #cgo pkg-config: tilecache
// #cgo CFLAGS: -std=c11 -Wall -Wextra -Wno-unused-parameter
// #include "bridge.h"
import "C"
