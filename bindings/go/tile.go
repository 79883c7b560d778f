package tilecache

// #include "bridge.h"
import "C"

import (
	"iter"
	"runtime"
	"unsafe"
)

// Tile is decoded pixels that never change, whatever becomes of the provider and the cache they came from.
//
// Its memory is the library's. Use reads it without a copy and without care; ViewOf and Image give what reads it as long
// as you have them, after Close too. Pixels, Bytes and Samples give plain slices, which are valid until Close.
type Tile struct {
	reference
	pixels Pixels
}

func (t *Tile) ref() *reference {
	if t == nil {
		return nil
	}
	return &t.reference
}

// Close gives the tile up, and ends the slices of it. Closing twice is closing once; it never fails.
func (t *Tile) Close() error { return t.ref().close() }

func newTile(got C.tcgo_got) *Tile {
	t := &Tile{pixels: pixelsFrom(&got.pixels)}
	hold(t, &t.reference, unsafe.Pointer(got.tile), releaseTile)
	return t
}

func releaseTile(object unsafe.Pointer) { C.tc_tile_release((*C.tc_tile)(object)) }

// Width is the columns of the tile.
func (t *Tile) Width() int { return t.pixels.Width }

// Height is the rows.
func (t *Tile) Height() int { return t.pixels.Height }

// Bands is the bands that were asked for.
func (t *Tile) Bands() int { return t.pixels.Bands }

// DType is the type of the samples.
func (t *Tile) DType() DType { return t.pixels.DType }

// Absent says that nothing was stored here: all samples are pad.
func (t *Tile) Absent() bool { return t.pixels.Absent }

// Use calls a function with the pixels, which are valid during the call, whoever closes the tile meanwhile.
func (t *Tile) Use(f func(Pixels) error) error {
	if err := t.acquire(); err != nil {
		return err
	}
	defer t.done()
	return f(t.pixels)
}

// Pixels gives the pixels without a copy: slices of them are valid until Close. The collector does not know who has such
// slices, so from this call on it leaves the tile alone, and only Close gives it back.
func (t *Tile) Pixels() (Pixels, error) {
	if err := t.acquire(); err != nil {
		return Pixels{}, err
	}
	defer t.done()
	t.net.Stop()
	return t.pixels, nil
}

// Bytes are all bytes of the tile, as Pixels has them.
func (t *Tile) Bytes() ([]byte, error) {
	p, err := t.Pixels()
	return p.Bytes(), err
}

// Samples are those of a band row by row, without a copy, as Pixels has them. The tile must be of T, and its rows lie
// side by side, as they do but for tiles that are part of a larger block.
func Samples[T Sample](t *Tile, band int) (samples []T, err error) {
	p, err := t.Pixels()
	if err != nil {
		return nil, err
	}
	defer func() {
		if wrong, is := recover().(error); is {
			err = wrong
		}
	}()
	return Plane[T](p, band), nil
}

// CopyTo copies the part of the tile that begins at column x and row y and has the size of `into`, with other types
// converted. Bands are those of the tile; BandOpaque is opaque alpha, none are all in order.
func (t *Tile) CopyTo(into Array, x, y int, bands ...int) error {
	if err := into.check(); err != nil {
		return err
	}
	if err := t.acquire(); err != nil {
		return err
	}
	defer t.done()
	list, n, err := bandList(bands)
	if err != nil {
		return err
	}
	var cErr C.tc_error
	status := C.tcgo_tile_copy((*C.tc_tile)(t.object), C.int64_t(x), C.int64_t(y), list, n, into.begin(), into.toC(), &cErr)
	return failure(status, &cErr)
}

// bandList is a list of bands as the library takes it: nil and 0 are all.
func bandList(bands []int) (*C.int32_t, C.size_t, error) {
	if len(bands) == 0 {
		return nil, 0, nil
	}
	list := make([]C.int32_t, len(bands))
	for i, band := range bands {
		var err error
		if list[i], err = narrow("band", band); err != nil {
			return nil, 0, err
		}
	}
	return &list[0], C.size_t(len(list)), nil
}

// pixelsHeld are pixels of a tile that is given back when the collector finds that nobody has them.
type pixelsHeld struct {
	reference
	pixels Pixels
}

func holdPixels(t *Tile) (*pixelsHeld, error) {
	if err := t.acquire(); err != nil {
		return nil, err
	}
	defer t.done()
	got := C.tcgo_again((*C.tc_tile)(t.object))
	held := &pixelsHeld{pixels: pixelsFrom(&got.pixels)}
	hold(held, &held.reference, unsafe.Pointer(got.tile), releaseTile)
	return held, nil
}

// View reads the samples of a tile without a copy. It outlives the tile, the provider and the cache; the collector gives
// it back.
type View[T Sample] struct{ held *pixelsHeld }

// ViewOf is a view of a tile whose samples are of T.
func ViewOf[T Sample](t *Tile) (View[T], error) {
	if t.pixels.DType != TypeOf[T]() {
		return View[T]{}, invalid("samples are %v, not %v", t.pixels.DType, TypeOf[T]())
	}
	held, err := holdPixels(t)
	return View[T]{held}, err
}

// Size is the columns, rows and bands.
func (v View[T]) Size() (width, height, bands int) {
	p := &v.held.pixels
	return p.Width, p.Height, p.Bands
}

// At is a sample. It panics, as an index out of range does, where there is none.
func (v View[T]) At(x, y, band int) T {
	sample := Row[T](v.held.pixels, y, band)[x]
	runtime.KeepAlive(v.held)
	return sample
}

// CopyRow copies the samples of a row to a slice, as many as both have, and says how many.
func (v View[T]) CopyRow(to []T, y, band int) int {
	n := copy(to, Row[T](v.held.pixels, y, band))
	runtime.KeepAlive(v.held)
	return n
}

// Rows goes through the rows of a band. The slices are not to be kept.
func (v View[T]) Rows(band int) iter.Seq2[int, []T] {
	return func(yield func(int, []T) bool) {
		defer runtime.KeepAlive(v.held)
		for y := range v.held.pixels.Height {
			if !yield(y, Row[T](v.held.pixels, y, band)) {
				return
			}
		}
	}
}
