package tilecache

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"unsafe"
)

// sceneFile is a file of three bands of uint16 with nodata, texts and a place.
func sceneFile(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "scène.tif")
	s := scene(500, 300, 128, 3, nil)
	s.Image.DType = U16
	s.Image.Bits = 11
	s.ReadBlock = func(_ ctx, b Block, into Pixels) error { fill[uint16](into, b.Col*128, b.Row*128, 0, nil); return nil }
	nodata := ValueOf(uint16(250))
	s.BandInfos = []BandInfo{{ColourRed, &nodata}, {ColourGreen, &nodata}, {ColourBlue, &nodata}}
	s.Texts = []Text{{-1, "AUTHOR", "somebody"}, {1, "DESCRIPTION", "grün"}}
	s.Georef = &Georef{Flags: GeorefHasTransform, Transform: [6]float64{600000, 10, 0, 5200000, 0, -10}, EPSG: 32632}
	source := closing(t, must[*Provider](t)(NewSource(s)))
	fails(t, source.BuildPyramid(background, path, newCache(t, 1<<24), WithLayout(BuildCOG), WithCompression(BuildZstd),
		WithTileSize(128, 128), WithLevels(3), WithFilter(FilterNearest), WithThreads(2)))
	return path
}

func TestAFileTellsWhatItIs(t *testing.T) {
	path := sceneFile(t)
	file := closing(t, must[*Provider](t)(Open(path)))
	info := must[ImageInfo](t)(file.Info())
	if info.Width != 500 || info.Height != 300 || info.DType != U16 || info.Bands != 3 || info.Levels != 3 || info.BlockWidth != 128 ||
		info.GridCols != 4 || info.Flags&ImageHasNodata == 0 {
		t.Fatalf("%+v", info)
	}
	if file.Format() != "TIFF" || file.Key() == "" || must[int](t)(ImageCount(path)) != 1 {
		t.Fatal(file.Format(), file.Key())
	}
	if text, _ := file.Metadata(-1, "AUTHOR"); text != "somebody" {
		t.Fatal(file.Texts(-1))
	}
	if _, has := file.Metadata(-1, "NOTHING"); has {
		t.Fatal("a text that is not there")
	}
	if !slices.Contains(file.Texts(1), Text{1, "DESCRIPTION", "grün"}) {
		t.Fatal(file.Texts(1))
	}
	if band := must[BandInfo](t)(file.BandInfo(2)); band.Colour != ColourBlue || band.Nodata == nil {
		t.Fatalf("%+v", band)
	}
	if value, has, err := file.Nodata(0); value != 250 || !has || err != nil {
		t.Fatal(value, has, err)
	}
	if _, err := file.Palette(0); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	place := must[Georef](t)(file.Georef(1))
	if place.EPSG != 32632 || place.Transform[1] != 20 || !strings.Contains(place.WKT, "UTM zone 32N") {
		t.Fatalf("%+v", place)
	}
	points := [][2]float64{{0, 0}, {100, 50}}
	fails(t, file.PlaceOf(0, points))
	if points[1] != [2]float64{601000, 5199500} {
		t.Fatal(points)
	}
	fails(t, file.PixelOf(0, points))
	if points[1] != [2]float64{100, 50} {
		t.Fatal(points)
	}
	moved := closing(t, must[*Provider](t)(file.WithGeoref(&Georef{GCPs: []GCP{{1, 2, 3, 4, 5, "a", ""}, {9, 8, 7, 6, 5, "", "b"}},
		WKT: place.WKT, RPC: &RPC{LineScale: 1, SampScale: 1, LatScale: 1, LongScale: 1, HeightScale: 1, LineDen: [20]float64{1},
			SampDen: [20]float64{1}, LineNum: [20]float64{0, 0, 1}, SampNum: [20]float64{0, 1}}})))
	told := must[Georef](t)(moved.Georef(0))
	if len(told.GCPs) != 2 || told.GCPs[1] != (GCP{9, 8, 7, 6, 5, "", "b"}) || told.RPC == nil || told.RPC.SampNum[1] != 1 {
		t.Fatalf("%+v", told)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "no.tif")); !errors.Is(err, ErrNotFound) || !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if _, err := Open(path, WithFormat("PNG")); !errors.Is(err, ErrUnsupported) {
		t.Fatal(err)
	}
	if _, err := Open(path, WithImage(1)); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	if _, err := Open("a\x00b"); !errors.Is(err, ErrArgument) {
		t.Fatal(err)
	}
	if n := len(Formats()); n < 5 {
		t.Fatalf("%d formats", n)
	}
	if has := must[bool](t)(file.HasBlock(0, 0, 0)); !has {
		t.Fatal("no block")
	}
	if major, minor, _ := Version(); major != 0 || minor != 1 {
		t.Fatal(Version())
	}
}

func TestWindowsIntoArraysOfYours(t *testing.T) {
	source := newScene(t, 200, 150, 64, 3)
	at := func(x, y, band int) int {
		if x < 0 || y < 0 || x >= 200 || y >= 150 {
			return 0
		}
		return sampleAt(x, y, band, 0)
	}
	const w, h = 20, 15
	planar := make([]uint8, 3*w*h)
	fails(t, source.ReadWindow(background, ArrayOf(planar, w, h, 3), 60, 60, 0))
	floats := make([]float32, 2*w*h)
	fails(t, source.ReadWindow(background, InterleavedOf(floats, w, h, 2), 190, -5, 0, 2, 0))
	flipped := make([]uint16, w*h+3)
	upside := Strides(flipped, w, h, 1, 2, -2*w, 0)
	upside.First = 2 * w * (h - 1)
	fails(t, source.ReadWindow(background, upside, 5, 6, 0, 1))
	rgba := make([]uint8, 4*w*h)
	fails(t, source.ReadWindow(background, InterleavedOf(rgba, w, h, 4), 0, 0, 0, 0, 1, 2, int(BandOpaque)))
	for y := range h {
		for x := range w {
			for band := range 3 {
				if got := planar[(band*h+y)*w+x]; int(got) != at(60+x, 60+y, band) {
					t.Fatalf("planar (%d, %d, %d) is %d", x, y, band, got)
				}
			}
			if got := floats[(y*w+x)*2]; int(got) != at(190+x, y-5, 2) {
				t.Fatalf("floats (%d, %d) is %v", x, y, got)
			}
			if got := flipped[(h-1-y)*w+x]; int(got) != at(5+x, 6+y, 1) {
				t.Fatalf("flipped (%d, %d) is %v", x, y, got)
			}
			if got := rgba[(y*w+x)*4+3]; got != 255 {
				t.Fatalf("alpha is %d", got)
			}
		}
	}
	tile := must[*Tile](t)(source.Block(background, 1, 1, 0))
	defer tile.Close()
	part := make([]int16, 4)
	fails(t, tile.CopyTo(ArrayOf(part, 2, 2, 1), 62, 62, 1))
	if part[3] != int16(at(127, 127, 1)) {
		t.Fatal(part)
	}
	for name, err := range map[string]error{
		"a slice too short":   source.ReadWindow(background, ArrayOf(make([]uint8, 99), 10, 10, 1), 0, 0, 0, 0),
		"no pixels":           source.ReadWindow(background, ArrayOf([]uint8{}, 0, 0, 1), 0, 0, 0, 0),
		"strides beyond":      source.ReadWindow(background, Strides(make([]uint8, 100), 10, 10, 1, 1, 11, 0), 0, 0, 0, 0),
		"before the begin":    source.ReadWindow(background, Strides(make([]uint8, 100), 10, 10, 1, 1, -10, 0), 0, 0, 0, 0),
		"an overflow":         source.ReadWindow(background, ArrayOf(make([]uint8, 8), 1<<62, 4, 1), 0, 0, 0, 0),
		"strides that wrap":   source.ReadWindow(background, Strides(make([]uint8, 8), 3, 1, 1, 1<<62, 1, 1), 0, 0, 0, 0),
		"strides of 0":        source.ReadWindow(background, Array{Width: 3, Height: 1, Bands: 1, DType: U8, First: 3, data: unsafe.Pointer(&planar[0]), size: 4}, 0, 0, 0, 0),
		"rows of stride 0":    source.ReadWindow(background, Strides(make([]uint8, 100), 5, 5, 1, 1, 0, 0), 0, 0, 0, 0),
		"a band too many":     source.ReadWindow(background, ArrayOf(make([]uint8, 4), 1, 1, 4), 0, 0, 0, 0, 1, 2, 3),
		"a level beyond":      source.ReadWindow(background, ArrayOf(make([]uint8, 1), 1, 1, 1), 0, 0, 1, 0),
		"a level of 33 bits":  source.ReadWindow(background, ArrayOf(make([]uint8, 1), 1, 1, 1), 0, 0, 1<<32, 0),
		"a part beyond":       tile.CopyTo(ArrayOf(part, 2, 2, 1), 63, 63, 1),
		"an array of nothing": source.ReadWindow(background, Array{Width: 1, Height: 1, Bands: 1}, 0, 0, 0),
	} {
		if !errors.Is(err, ErrRange) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOperatorsOverAFile(t *testing.T) {
	cache := newCache(t, 64<<20, WithFlags(CacheFrequency|CacheCheapFirst), WithUnreadPercent(50))
	file := closing(t, must[*Provider](t)(Open(sceneFile(t))))
	pyramid := closing(t, must[*Provider](t)(file.Pyramid(cache, WithTileSize(100, 100), WithFilter(FilterBilinear))))
	if info := must[ImageInfo](t)(pyramid.Info()); info.Levels < 3 {
		t.Fatalf("%+v", info)
	}
	half := closing(t, must[*Provider](t)(file.Downsample(cache, WithSize(123, 45), WithFilter(FilterLanczos))))
	if info := must[ImageInfo](t)(half.Info()); info.Width != 123 || info.Height != 45 {
		t.Fatalf("%+v", info)
	}
	chain := must[*Chain](t)(file.AutoChain(background))
	if chain.Why() == "" || !strings.Contains(chain.String(), "|u8") {
		t.Fatal(chain, chain.Why())
	}
	shown := closing(t, must[*Provider](t)(pyramid.Display(background, nil, cache)))
	if info := must[ImageInfo](t)(shown.Info()); info.DType != U8 || info.Bands < 3 {
		t.Fatalf("%+v", info)
	}
	picture := must[image.Image](t)(shown.ReadImage(background, 0, 0, 64, 64, 1))
	if _, is := picture.(*image.NRGBA); !is {
		t.Fatalf("%T", picture)
	}
	stats := must[*PixelStats](t)(file.PixelStats(background, WithThreads(2), WithLevel(0)))
	band := must[BandStats](t)(stats.Band(0))
	if band.Count != 500*300 || band.Valid >= band.Count || band.Minimum != 0 || band.Maximum != 249 {
		t.Fatalf("%+v", band)
	}
	if value, low, high, err := stats.Percentile(0, 100); value != 249 || low != high || err != nil {
		t.Fatal(value, low, high, err)
	}
	counts, near, err := stats.Histogram(0, 0, 251, 251)
	sum := int64(0)
	for _, count := range counts {
		sum += count
	}
	if sum != band.Valid || near || err != nil {
		t.Fatal(sum, near, err)
	}
	parsed := must[*Chain](t)(ParseChain("bands=2,1,0|stretch=2..98%|u8"))
	if about := must[ChainInfo](t)(parsed.Info()); about.Flags&ChainNeedsStats == 0 || about.Bands != 3 || about.DType != U8 {
		t.Fatalf("%+v", about)
	}
	if _, err := parsed.Resolve(file, nil); !errors.Is(err, ErrArgument) {
		t.Fatal(err)
	}
	resolved := must[*Chain](t)(parsed.Resolve(file, stats))
	closing(t, must[*Provider](t)(pyramid.Display(background, resolved, cache)))
	closing(t, must[*Provider](t)(file.Convert(cache, WithPercentiles(2, 98, stats), WithGamma(1.2), WithBands(0))))
	eight := closing(t, must[*Provider](t)(file.Convert(cache, WithLimits(0, 250), WithDType(F32))))
	if info := must[ImageInfo](t)(eight.Info()); info.DType != F32 {
		t.Fatalf("%+v", info)
	}
	applied := make([]uint8, 3*2)
	fails(t, resolved.Apply(ArrayOf([]uint16{0, 125, 0, 125, 0, 249}, 2, 1, 3), Array{}, ArrayOf(applied, 2, 1, 3)))
	if applied[0] != 0 || applied[1] != 255 || applied[5] == applied[4] {
		t.Fatal(applied)
	}
	fails(t, resolved.Apply(ArrayOf([]uint16{0, 125, 0, 125, 0, 249}, 2, 1, 3), ArrayOf([]uint8{0, 0}, 2, 1, 1), ArrayOf(applied, 2, 1, 3)))
	if !slices.Equal(applied, make([]uint8, 6)) {
		t.Fatal(applied)
	}
	if err := resolved.Apply(ArrayOf(applied, 2, 1, 3), Array{}, ArrayOf(applied, 1, 1, 3)); !errors.Is(err, ErrArgument) {
		t.Fatal(err)
	}
	if err := resolved.Apply(InterleavedOf(applied, 2, 1, 3), Array{}, ArrayOf(applied, 2, 1, 3)); !errors.Is(err, ErrArgument) {
		t.Fatal(err)
	}
	if _, err := ParseChain("bands=x"); !errors.Is(err, ErrArgument) {
		t.Fatal(err)
	}
	turned := must[*Transform](t)(AffineTransform([6]float64{500, -1, 0, 0, 0, 1}))
	warped := closing(t, must[*Provider](t)(file.Warp(turned, 500, 300, cache, WithFilter(FilterNearest), WithFlags(WarpExact), WithSourceLevel(0))))
	var pixel [3]uint16
	fails(t, warped.ReadWindow(background, ArrayOf(pixel[:], 1, 1, 3), 10, 20, 0))
	if int(pixel[1]) != sampleAt(489, 20, 1, 0) {
		t.Fatal(pixel)
	}
	mirrored := must[*Transform](t)(FuncTransform("mirrored", func(x, y []float64) error {
		for i := range x {
			if y[i] > 100 {
				x[i] = math.NaN()
			}
			x[i] = 500 - x[i]
		}
		return nil
	}))
	own := closing(t, must[*Provider](t)(file.Warp(mirrored, 500, 300, cache, WithFilter(FilterNearest), WithFlags(WarpExact))))
	fails(t, own.ReadWindow(background, ArrayOf(pixel[:], 1, 1, 3), 10, 20, 0))
	if int(pixel[1]) != sampleAt(489, 20, 1, 0) {
		t.Fatal(pixel)
	}
	fails(t, own.ReadWindow(background, ArrayOf(pixel[:], 1, 1, 3), 10, 120, 0))
	if pixel[1] != 250 {
		t.Fatal(pixel)
	}
	broken := must[*Transform](t)(FuncTransform("", func(x, y []float64) error { panic(&ownError{5}) }))
	bad := closing(t, must[*Provider](t)(file.Warp(broken, 500, 300, cache)))
	if _, err := bad.Block(background, 0, 0, 0); !errors.Is(err, ErrSource) {
		t.Fatal(err)
	} else if own := (*ownError)(nil); !errors.As(err, &own) {
		t.Fatal(err)
	}
	x, y := []float64{1}, []float64{2}
	fails(t, turned.Points(x, y))
	if x[0] != 499 || y[0] != 2 {
		t.Fatal(x, y)
	}
	for _, points := range [][]TiePoint{{{0, 0, 0, 0}, {1, 0, 1, 0}, {0, 1, 0, 1}, {1, 1, 1, 1}}, nil} {
		_, one := PolynomialTransform(points, 1)
		_, two := SplineTransform(points)
		if (one == nil) != (points != nil) || (two == nil) != (points != nil) {
			t.Fatal(one, two)
		}
	}
	if _, err := RPCTransform(nil, [6]float64{}, 0); !errors.Is(err, ErrArgument) {
		t.Fatal(err)
	}
	rpc := &RPC{LineScale: 1, SampScale: 1, LatScale: 1, LongScale: 1, HeightScale: 1, LineDen: [20]float64{1},
		SampDen: [20]float64{1}, LineNum: [20]float64{2: 1}, SampNum: [20]float64{1: 1, 3: 1}}
	same, high := [6]float64{0, 1, 0, 0, 0, 1}, 10.0
	over := must[*Transform](t)(RPCHeightsTransform(rpc, same, pyramid, &same, &high, 0, 0.5, 2, nil))
	defer over.Close()
	beyond, row := []float64{-5}, []float64{-3}
	if err := over.Points(beyond, row); err != nil || beyond[0] != -5+10*0.5+2+0.5 || row[0] != -2.5 {
		t.Fatal(err, beyond, row)
	}
	if _, err := RPCHeightsTransform(rpc, same, nil, &same, nil, 0, 0, 0, nil); !errors.Is(err, ErrArgument) {
		t.Fatal(err)
	}
	level := closing(t, must[*Provider](t)(pyramid.Level(1)))
	mask := closing(t, must[*Provider](t)(level.Mask()))
	if info := must[ImageInfo](t)(mask.Info()); info.Bands != 1 || info.Width != 250 {
		t.Fatalf("%+v", info)
	}
	pass := closing(t, must[*Provider](t)(pyramid.Pass(WithOrder(PassList), WithTiles([2]int{0, 0}, [2]int{1, 1}), WithThreads(1))))
	for i := range 2 {
		_ = must[*Tile](t)(pass.Block(background, i, i, 0)).Close()
	}
	far := must[Prefetched](t)(pyramid.Prefetch(background, 0, 0, 500, 300, 0, WithThreads(2)))
	if far.Tiles != 12 || far.Ready != 12 {
		t.Fatalf("%+v", far)
	}
	tile := must[*Tile](t)(pyramid.TryBlock(2, 2, 0))
	_ = tile.Close()
	if _, err := pyramid.PeekBlock(0, 0, 2); !errors.Is(err, ErrNotResident) {
		t.Fatal(err)
	}
	told, amplification, err := pyramid.Stats()
	if told.Entries == 0 || amplification < 1 || err != nil {
		t.Fatal(told, amplification, err)
	}
	reader := closing(t, must[*Provider](t)(file.Reader(WithFlags(ReadStreaming), WithFill(ValueOf(uint16(7))))))
	fails(t, reader.ReadWindow(background, ArrayOf(pixel[:], 1, 1, 3), -1, 0, 0))
	if pixel != [3]uint16{7, 7, 7} {
		t.Fatal(pixel)
	}
	fails(t, reader.Cancel())
	if _, err := reader.Block(background, 0, 0, 0); !errors.Is(err, ErrCancelled) {
		t.Fatal(err)
	}
	if err := file.Cancel(); !errors.Is(err, ErrArgument) {
		t.Fatal(err)
	}
}

func TestOperatorsOfYours(t *testing.T) {
	cache := newCache(t, 16<<20)
	grey := newScene(t, 300, 200, 64, 2)
	double := closing(t, must[*Provider](t)(grey.Map(func(_ ctx, b Block, in, out Pixels) error {
		for y := range in.Height {
			from, to := Row[uint8](in, y, 0), Row[uint16](out, y, 0)
			for x := range from {
				to[x] = 2 * uint16(from[x])
			}
		}
		return nil
	}, cache, WithDType(U16), WithBands(1), WithName("double"), WithBits(9), WithTexts(Text{-1, "A", "b"}))))
	var pixel [1]uint16
	fails(t, double.ReadWindow(background, ArrayOf(pixel[:], 1, 1, 1), 70, 80, 0))
	if int(pixel[0]) != 2*sampleAt(70, 80, 1, 0) {
		t.Fatal(pixel)
	}
	if text, _ := double.Metadata(-1, "A"); text != "b" {
		t.Fatal(double.Texts(-1))
	}
	for _, options := range [][]Option{nil, {WithDirect()}} {
		info := must[ImageInfo](t)(grey.Info())
		info.Bands, info.DType = 1, I16
		slope := closing(t, must[*Provider](t)(Compute([]Input{{Source: grey, Bands: []int{1}, Right: 1, Border: BorderNearest}, {Source: double}},
			func(_ ctx, place Place, in []Pixels, out Pixels) error {
				for y := range out.Height {
					from, twice, to := Row[uint8](in[0], y, 0), Row[uint16](in[1], y, 0), Row[int16](out, y, 0)
					for x := range to {
						to[x] = int16(from[x+1]) - int16(from[x]) + int16(twice[x])
					}
				}
				return nil
			}, cache, append(options, WithInfo(info), WithFlags(ComputeKeepGeoref))...)))
		var three [3]int16
		fails(t, slope.ReadWindow(background, ArrayOf(three[:], 3, 1, 1), 62, 10, 0))
		for i, got := range three {
			if want := sampleAt(63+i, 10, 1, 0) + sampleAt(62+i, 10, 1, 0); int(got) != want {
				t.Fatalf("sample %d is %d, not %d", i, got, want)
			}
		}
	}
	var opened atomic.Int64
	released := make(chan struct{})
	mosaic := must[*Provider](t)(Mosaic([]Part{{Provider: grey}, {Key: "later", X: 300, Width: 300, Height: 200}},
		ImageInfo{DType: U8, Width: 600, Height: 200, BlockWidth: 100, BlockHeight: 100, Bands: 2}, cache,
		WithOpenPart(func(_ ctx, part int) (*Provider, error) {
			if opened.Add(1) == 1 {
				return nil, fmt.Errorf("part %d is not there yet: %w", part, fs.ErrNotExist)
			}
			p, err := NewSource(scene(300, 200, 64, 2, nil))
			t.Cleanup(func() { _ = p.Close() })
			return p, err
		}), WithMaxOpen(1), WithRelease(func() { close(released) })))
	var two [2]uint8
	if err := mosaic.ReadWindow(background, ArrayOf(two[:], 1, 1, 2), 310, 20, 0); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	fails(t, mosaic.ReadWindow(background, ArrayOf(two[:], 1, 1, 2), 310, 20, 0))
	if int(two[1]) != sampleAt(10, 20, 1, 0) {
		t.Fatal(two)
	}
	fails(t, mosaic.Close())
	fails(t, cache.Clear())
	soon(t, "Release", released)
}

func TestTheCache(t *testing.T) {
	cache := newCache(t, 1<<20)
	source := newScene(t, 128, 128, 64, 1)
	tiles := closing(t, must[*Provider](t)(source.Cached(cache)))
	pixels := make([]uint8, 64*64)
	pixels[1] = 77
	fails(t, cache.Put(tiles.Key(), 0, 1, 0, ArrayOf(pixels, 64, 64, 1)))
	pixels[1] = 78 // it was copied
	var two [2]uint8
	fails(t, tiles.ReadWindow(background, ArrayOf(two[:], 2, 1, 1), 64, 0, 0))
	if two[1] != 77 {
		t.Fatal(two)
	}
	tile := must[*Tile](t)(cache.Get(tiles.Key(), 0, 1, 0))
	fails(t, tile.Close())
	tile = must[*Tile](t)(cache.Peek(tiles.Key(), 0, 1, 0))
	fails(t, tile.Close())
	fails(t, cache.Remove(tiles.Key(), 0, 1, 0))
	if _, err := cache.Get(tiles.Key(), 0, 1, 0); !errors.Is(err, ErrNotResident) {
		t.Fatal(err)
	}
	if err := cache.Put(tiles.Key(), 0, 1, 0, ArrayOf(pixels, 32, 32, 1)); !errors.Is(err, ErrArgument) {
		t.Fatal(err)
	}
	if err := cache.Put("own", 0, 0, 0, InterleavedOf(pixels, 32, 32, 4)); !errors.Is(err, ErrArgument) {
		t.Fatal(err)
	}
	fails(t, cache.SetShare(tiles.Key(), 1<<19, 1<<18))
	if err := cache.SetShare(tiles.Key(), 1, 2); !errors.Is(err, ErrArgument) {
		t.Fatal(err)
	}
	_ = must[*Tile](t)(tiles.Block(background, 0, 0, 0)).Close()
	if given := must[uint64](t)(cache.Trim(1)); given == 0 {
		t.Fatal("nothing given back")
	}
	fails(t, cache.SetBudget(1<<16))
	fails(t, tiles.Invalidate())
	if stats := must[Stats](t)(cache.Stats()); stats.Budget != 1<<16 || stats.Misses == 0 {
		t.Fatalf("%+v", stats)
	}
	if DefaultBudget() == 0 || MemoryLimit() < DefaultBudget() {
		t.Fatal("no memory")
	}
	memory := closing(t, must[*Provider](t)(FromMemory(InterleavedOf([]uint8{1, 2, 3, 4, 5, 6}, 1, 3, 2), WithKey("small"))))
	column := make([]uint8, 3)
	fails(t, memory.ReadWindow(background, ArrayOf(column, 1, 3, 1), 0, 0, 0, 1))
	if !slices.Equal(column, []uint8{2, 4, 6}) {
		t.Fatal(column)
	}
	if _, err := FromMemory(ArrayOf([]uint8{1}, 2, 1, 1)); !errors.Is(err, ErrRange) {
		t.Fatal(err)
	}
}

func TestOptionsThatACallDoesNotTake(t *testing.T) {
	source := newScene(t, 8, 8, 8, 1)
	for want, err := range map[string]error{
		`Retile takes no option "Filter", but TileSize, PadEdges`: second(source.Retile(nil, WithFilter(FilterCubic))),
		"Warp takes no flags of ReaderFlags":                      second(source.Warp(nil, 1, 1, nil, WithFlags(ReadBypass))),
		"Pass takes no flags of WarpFlags":                        second(source.Pass(WithFlags(WarpExact))),
		`Open takes no option ""`:                                 second(Open("x", Option{})),
		"2 BandInfos of 1":                                        second(source.Map(func(ctx, Block, Pixels, Pixels) error { return nil }, nil, WithBandInfos(make([]BandInfo, 2)...))),
		"the function is nil":                                     second(source.Map(nil, nil)),
		"Source.ReadBlock is nil":                                 second(NewSource(Source{})),
		"1 Levels of 3":                                           second(NewSource(Source{Image: ImageInfo{DType: U8, Width: 8, Height: 8, Levels: 3}, Levels: []LevelSize{{8, 8, 0, 0}}, ReadBlock: func(ctx, Block, Pixels) error { return nil }})),
		"the reader is nil":                                       second(OpenReaderAt(nil, 1)),
		"transform is NULL":                                       second(source.Warp(nil, 1, 1, nil)),
		"tile_width":                                              second(source.Retile(nil, WithTileSize(-1, 1))),
		"threads":                                                 second(source.PixelStats(background, WithThreads(-1))),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

func TestALibraryOfAnotherVersionIsRefused(t *testing.T) {
	for runs, right := range map[uint32]bool{0x000100: true, 0x000107: true, 0x000200: false, 0x010100: false} {
		err := fitsVersions(0x000100, runs)
		if (err == nil) != right || !right && !strings.Contains(err.Error(), "compiled for tilecache 0.1.0, and the library is") {
			t.Errorf("%#x: %v", runs, err)
		}
	}
	if err := fitsVersions(0x010300, 0x010200); err != nil {
		t.Error(err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestContextsThatEndedBefore(t *testing.T) {
	source := newScene(t, 8, 8, 8, 1)
	c, cancel := context.WithCancel(background)
	cancel()
	_, err := source.Block(c, 0, 0, 0)
	for _, err := range []error{err, source.ReadWindow(c, ArrayOf(make([]uint8, 1), 1, 1, 1), 0, 0, 0),
		source.BuildPyramid(c, filepath.Join(t.TempDir(), "x"), nil), second(source.PixelStats(c)), second(source.AutoChain(c))} {
		if !errors.Is(err, context.Canceled) || !errors.Is(err, ErrCancelled) {
			t.Fatal(err)
		}
	}
}

// Every function of the library is called here, but for those that README.md says are left out.
func TestNothingOfTheLibraryIsMissing(t *testing.T) {
	symbols, err := os.ReadFile("../../include/tilecache.symbols")
	if err != nil {
		t.Skip("outside of the project: ", err)
	}
	var sources strings.Builder
	for _, pattern := range []string{"*.go", "bridge.c"} {
		files := must[[]string](t)(filepath.Glob(pattern))
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") && file != "constants.go" {
				sources.Write(must[[]byte](t)(os.ReadFile(file)))
			}
		}
	}
	readme := string(must[[]byte](t)(os.ReadFile("README.md")))
	_, leftOut, _ := strings.Cut(readme, "## What is left out")
	for _, symbol := range strings.Fields(string(symbols)) {
		called := regexp.MustCompile(`(C\.|[ (])` + symbol + `\b`).MatchString(sources.String())
		if excused := strings.Contains(leftOut, "`"+symbol+"`"); called == excused {
			t.Errorf("%s: called here: %v, left out: %v", symbol, called, excused)
		}
	}
}

// Without another tier a name on all machines is of no use, and nothing hears of a change.
func TestImagesHaveNamesOnAllMachines(t *testing.T) {
	file := closing(t, must[*Provider](t)(Open("../tour/scene.tif", WithFleetID("scene/1"))))
	if err := file.InvalidateFleet(); !errors.Is(err, ErrUnsupported) {
		t.Fatal(err)
	}
	if _, err := Open("../tour/scene.tif", WithFleetID("a\x00b")); !errors.Is(err, ErrArgument) {
		t.Fatal(err)
	}
}
