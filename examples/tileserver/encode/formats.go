// Package encode encodes tiles, in C.
package encode

// #cgo CFLAGS: -std=c11 -O2 -Wall -Wextra
// #cgo LDFLAGS: -ldeflate -ljpeg
// #cgo pkg-config: libwebp
// #include <stdlib.h>
// #include "encode.h"
import "C"

import (
	"fmt"
	"unsafe"
)

// Format is how a tile is encoded.
type Format struct {
	Name, MediaType string
	encode          func(rgba *C.uint8_t, width, height C.int, opaque bool, size *C.size_t) *C.uint8_t
}

const quality = 80 // of JPEG and WebP

// Formats are known by the extension of a path.
var Formats = map[string]*Format{
	"png": {"png", "image/png", func(p *C.uint8_t, w, h C.int, opaque bool, n *C.size_t) *C.uint8_t {
		flag := C.int(0)
		if opaque {
			flag = 1
		}
		return C.encode_png(p, w, h, flag, n)
	}},
	"jpg": {"jpg", "image/jpeg", func(p *C.uint8_t, w, h C.int, _ bool, n *C.size_t) *C.uint8_t {
		return C.encode_jpeg(p, w, h, quality, n)
	}},
	"webp": {"webp", "image/webp", func(p *C.uint8_t, w, h C.int, _ bool, n *C.size_t) *C.uint8_t {
		return C.encode_webp(p, w, h, quality, n)
	}},
}

// Encode encodes interleaved pixels with straight alpha.
func (f *Format) Encode(rgba []byte, width, height int) ([]byte, error) {
	if width < 1 || height < 1 || len(rgba) != 4*width*height {
		return nil, fmt.Errorf("%d bytes for %d x %d pixels", len(rgba), width, height)
	}
	var size C.size_t
	made := f.encode((*C.uint8_t)(&rgba[0]), C.int(width), C.int(height), isOpaque(rgba), &size)
	if made == nil {
		return nil, fmt.Errorf("a tile of %d x %d pixels cannot be encoded as %s", width, height, f.Name)
	}
	defer C.free(unsafe.Pointer(made))
	return C.GoBytes(unsafe.Pointer(made), C.int(size)), nil
}

func isOpaque(rgba []byte) bool {
	for i := 3; i < len(rgba); i += 4 {
		if rgba[i] != 255 {
			return false
		}
	}
	return true
}
