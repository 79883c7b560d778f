package tilecache

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

var background = context.Background()

func must[T any](t testing.TB) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func fails(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sampleAt is what every pixel of the scenes of these tests is.
func sampleAt(x, y, band, level int) int { return (x*3 + y*5 + band*71 + level*17) % 251 }

// fill writes the samples of a block of a scene.
func fill[T uint8 | uint16 | float32](into Pixels, x0, y0, level int, bands []int) {
	for b := range into.Bands {
		band := b
		if bands != nil {
			band = bands[b]
		}
		for y := range into.Height {
			for x, row := 0, Row[T](into, y, b); x < len(row); x++ {
				row[x] = T(sampleAt(x0+x, y0+y, band, level))
			}
		}
	}
}

// scene is an image of bytes whose pixels follow from their place, and counts its reads.
func scene(width, height, block, bands int, reads *atomic.Int64) Source {
	return Source{
		Image: ImageInfo{DType: U8, Width: width, Height: height, BlockWidth: block, BlockHeight: block, Bands: bands},
		ReadBlock: func(_ context.Context, b Block, into Pixels) error {
			if reads != nil {
				reads.Add(1)
			}
			fill[uint8](into, b.Col*block, b.Row*block, b.Level, b.Bands)
			return nil
		},
	}
}

func newScene(t testing.TB, width, height, block, bands int) *Provider {
	t.Helper()
	return closing(t, must[*Provider](t)(NewSource(scene(width, height, block, bands, nil))))
}

func newCache(t testing.TB, budget uint64, options ...Option) *Cache {
	t.Helper()
	c := must[*Cache](t)(NewCache(budget, options...))
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func closing(t testing.TB, p *Provider) *Provider {
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// collected runs the collector until something holds.
func collected(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("%s does not come true", what)
		}
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
}

func soon(t testing.TB, what string, channel <-chan struct{}) {
	t.Helper()
	select {
	case <-channel:
	case <-time.After(time.Minute):
		t.Fatalf("%s takes too long", what)
	}
}
