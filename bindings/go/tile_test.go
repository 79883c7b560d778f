package tilecache

import (
	"errors"
	"image"
	"image/color"
	"io/fs"
	"runtime"
	"testing"
	"tilecache/internal/chit"
	"unsafe"
)

func TestTilesAreReadWithoutACopy(t *testing.T) {
	cache := newCache(t, 1<<20)
	tiles := closing(t, must[*Provider](t)(newScene(t, 300, 200, 128, 2).Retile(cache, WithTileSize(64, 64))))
	tile := must[*Tile](t)(tiles.Block(background, 1, 2, 0))
	defer tile.Close()
	samples := must[[]uint8](t)(Samples[uint8](tile, 1))
	if len(samples) != 64*64 || samples[65] != uint8(sampleAt(2*64+1, 64+1, 1, 0)) {
		t.Fatalf("%d samples, the 65th %d", len(samples), samples[65])
	}
	again := must[*Tile](t)(tiles.Block(background, 1, 2, 0))
	defer again.Close()
	other := must[[]uint8](t)(Samples[uint8](again, 1))
	view := must[View[uint8]](t)(ViewOf[uint8](tile))
	if &samples[0] != &other[0] || &samples[0] != &Row[uint8](view.held.pixels, 0, 1)[0] {
		t.Fatal("the same tile has several addresses")
	}
	if at := tileAddress(tile) + uintptr(tile.pixels.BandStride); at != uintptr(unsafe.Pointer(&samples[0])) {
		t.Fatal("the slice does not begin where the library has the samples")
	}
	if view.At(5, 6, 0) != uint8(sampleAt(2*64+5, 64+6, 0, 0)) {
		t.Fatal("At is wrong")
	}
	n := 0
	for y, row := range view.Rows(1) {
		n += len(row)
		if row[3] != uint8(sampleAt(2*64+3, 64+y, 1, 0)) {
			t.Fatal("Rows is wrong")
		}
	}
	if n != 64*64 {
		t.Fatalf("Rows has %d samples", n)
	}
	if _, err := Samples[uint16](tile, 0); !errors.Is(err, ErrArgument) {
		t.Fatal(err)
	}
	if _, err := Samples[uint8](tile, 2); !errors.Is(err, ErrRange) {
		t.Fatal(err)
	}
	if _, err := ViewOf[float32](tile); !errors.Is(err, ErrArgument) {
		t.Fatal(err)
	}
}

func TestViewsOutliveEverything(t *testing.T) {
	cache := must[*Cache](t)(NewCache(1 << 20))
	source := must[*Provider](t)(NewSource(scene(256, 256, 128, 3, nil)))
	tiles := must[*Provider](t)(source.Cached(cache))
	tile := must[*Tile](t)(tiles.Block(background, 1, 1, 0))
	view := must[View[uint8]](t)(ViewOf[uint8](tile))
	picture := must[image.Image](t)(tile.Image())
	for range 2 {
		for _, c := range []interface{ Close() error }{source, tiles, cache, tile} {
			fails(t, c.Close())
		}
	}
	for range 5 {
		runtime.GC()
	}
	for y := range 128 {
		for x := range 128 {
			want := color.NRGBA{uint8(sampleAt(128+x, 128+y, 0, 0)), uint8(sampleAt(128+x, 128+y, 1, 0)),
				uint8(sampleAt(128+x, 128+y, 2, 0)), 255}
			if view.At(x, y, 1) != want.G || picture.At(x, y) != want {
				t.Fatalf("(%d, %d) is %d and %v, not %v", x, y, view.At(x, y, 1), picture.At(x, y), want)
			}
		}
	}
}

func TestSlicesLastUntilClose(t *testing.T) {
	cache := newCache(t, 1<<20)
	tiles := closing(t, must[*Provider](t)(newScene(t, 256, 256, 128, 1).Cached(cache)))
	slices := make([][]uint8, 4)
	func() {
		for i := range slices { // nobody has the tile any more but through its slice
			slices[i] = must[[]uint8](t)(Samples[uint8](must[*Tile](t)(tiles.Block(background, i/2, i%2, 0)), 0))
		}
	}()
	fails(t, cache.SetBudget(0))
	for range 10 {
		runtime.GC()
	}
	for i, slice := range slices {
		for at, sample := range slice {
			if sample != uint8(sampleAt(i%2*128+at%128, i/2*128+at/128, 0, 0)) {
				t.Fatalf("sample %d of slice %d is %d", at, i, sample)
			}
		}
	}
}

func TestUseAfterClose(t *testing.T) {
	cache := must[*Cache](t)(NewCache(1 << 20))
	source := must[*Provider](t)(NewSource(scene(256, 256, 128, 1, nil)))
	tile := must[*Tile](t)(source.Block(background, 0, 0, 0))
	chain := must[*Chain](t)(ParseChain("u8"))
	stats := must[*PixelStats](t)(source.PixelStats(background))
	transform := must[*Transform](t)(AffineTransform([6]float64{0, 1, 0, 0, 0, 1}))
	closers := []interface{ Close() error }{cache, source, tile, chain, stats, transform}
	for range 3 {
		for _, c := range closers {
			fails(t, c.Close())
		}
	}
	uses := map[string]func() error{
		"Block":      func() error { _, err := source.Block(background, 0, 0, 0); return err },
		"TryBlock":   func() error { _, err := source.TryBlock(0, 0, 0); return err },
		"ReadWindow": func() error { return source.ReadWindow(background, ArrayOf(make([]uint8, 4), 2, 2, 1), 0, 0, 0) },
		"Info":       func() error { _, err := source.Info(); return err },
		"Retile":     func() error { _, err := source.Retile(nil); return err },
		"Georef":     func() error { _, err := source.Georef(0); return err },
		"Invalidate": source.Invalidate,
		"PixelStats": func() error { _, err := source.PixelStats(background); return err },
		"Display":    func() error { _, err := source.Display(background, chain, nil); return err },
		"Pixels":     func() error { _, err := tile.Pixels(); return err },
		"Use":        func() error { return tile.Use(func(Pixels) error { return nil }) },
		"ViewOf":     func() error { _, err := ViewOf[uint8](tile); return err },
		"Image":      func() error { _, err := tile.Image(); return err },
		"CopyTo":     func() error { return tile.CopyTo(ArrayOf(make([]uint8, 1), 1, 1, 1), 0, 0) },
		"Stats":      func() error { _, err := cache.Stats(); return err },
		"Clear":      cache.Clear,
		"Band":       func() error { _, err := stats.Band(0); return err },
		"Points":     func() error { return transform.Points([]float64{1}, []float64{1}) },
		"Compose":    func() error { _, err := chain.Compose(chain); return err },
		"Compute":    func() error { _, err := Compute([]Input{{Source: source}}, nothing, nil); return err },
		"Mosaic": func() error {
			_, err := Mosaic([]Part{{Provider: source}}, ImageInfo{DType: U8, Width: 1, Height: 1}, nil)
			return err
		},
		"Source.Mask": func() error { s := scene(1, 1, 1, 1, nil); s.Mask = source; _, err := NewSource(s); return err },
	}
	for name, use := range uses {
		if err := use(); !errors.Is(err, ErrClosed) || !errors.Is(err, ErrArgument) || !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
	if source.Key() != "" || chain.String() != "" || source.Texts(-1) != nil {
		t.Error("texts after Close")
	}
	var none *Provider
	if _, err := none.Info(); !errors.Is(err, ErrArgument) {
		t.Errorf("Info of nil: %v", err)
	}
	if _, err := none.Retile(nil); !errors.Is(err, ErrArgument) {
		t.Errorf("Retile of nil: %v", err)
	}
	fails(t, none.Close())
}

func TestObjectsOfC(t *testing.T) {
	source := newScene(t, 8, 8, 8, 1)
	var again *Provider
	fails(t, source.UseC(func(object unsafe.Pointer) (err error) {
		again, err = ProviderFromC(chit.Retained(object))
		return err
	}))
	fails(t, source.Close())
	if info := must[ImageInfo](t)(again.Info()); info.Width != 8 {
		t.Fatalf("%+v", info)
	}
	fails(t, again.Close())
	if err := again.UseC(func(unsafe.Pointer) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	for _, err := range []error{second(ProviderFromC(nil)), second(TransformFromC(nil))} {
		if !errors.Is(err, ErrArgument) {
			t.Fatal(err)
		}
	}
}

func TestPixelsStayWhileTheyAreUsedThoughOthersClose(t *testing.T) {
	cache := newCache(t, 0)
	tiles := closing(t, must[*Provider](t)(newScene(t, 4096, 4096, 1024, 1).Cached(cache)))
	for i := range 16 {
		tile := must[*Tile](t)(tiles.Block(background, i/4, i%4, 0))
		fails(t, tile.Use(func(p Pixels) error {
			fails(t, tile.Close())
			if Row[uint8](p, 1023, 0)[1023] != uint8(sampleAt(i%4*1024+1023, i/4*1024+1023, 0, 0)) {
				t.Error("a sample is another")
			}
			return nil
		}))
	}
	if stats := must[Stats](t)(cache.Stats()); stats.Held+stats.OverBudget != 0 {
		t.Fatalf("%+v", stats)
	}
}

func TestImagesOfEightAndSixteenBits(t *testing.T) {
	for _, bands := range []int{1, 2, 3, 4} {
		for _, dtype := range []DType{U8, U16} {
			s := scene(100, 80, 64, bands, nil)
			s.Image.DType = dtype
			if dtype == U16 {
				s.ReadBlock = func(_ ctx, b Block, into Pixels) error {
					fill[uint16](into, b.Col*64, b.Row*64, 0, nil)
					return nil
				}
			}
			source := closing(t, must[*Provider](t)(NewSource(s)))
			tile := must[*Tile](t)(source.Block(background, 1, 1, 0))
			held := must[image.Image](t)(tile.Image())
			read := must[image.Image](t)(source.ReadImage(background, 64, 64, 36, 16, 0))
			if held.Bounds() != read.Bounds() || held.Bounds() != image.Rect(0, 0, 36, 16) {
				t.Fatal(held.Bounds(), read.Bounds())
			}
			for y := range 16 {
				for x := range 36 {
					if held.At(x, y) != read.At(x, y) {
						t.Fatalf("%d bands of %v at (%d, %d): %v and %v", bands, dtype, x, y, held.At(x, y), read.At(x, y))
					}
				}
			}
			want := uint32(sampleAt(64+7, 64+5, 0, 0))
			if dtype == U8 {
				want *= 0x101
			}
			if bands%2 == 1 {
				if r, _, _, a := held.At(7, 5).RGBA(); r != want || a != 0xffff {
					t.Fatalf("%d bands of %v: red is %d, not %d", bands, dtype, r, want)
				}
			}
			if c := held.At(36, 0); c != held.ColorModel().Convert(color.NRGBA64{}) && bands != 1 {
				t.Fatalf("beyond the edge is %v", c)
			}
			fails(t, tile.Close())
		}
	}
	tile := must[*Tile](t)(newScene(t, 8, 8, 8, 5).Block(background, 0, 0, 0))
	if _, err := tile.Image(); !errors.Is(err, ErrArgument) {
		t.Fatal(err)
	}
}
