package main

import (
	"context"
	"errors"
	"math"
	"sync"

	"tilecache"
)

// A layer shows an image as tiles of 256 x 256 pixels, at every zoom: of Web Mercator where the image says where it lies,
// else of the image itself.
type layer struct {
	Name       string
	Generation string // changes with the pixels
	MaxZoom    int
	Flat       bool // not on the map
	Width      int  // of a flat image
	Height     int
	// West, South, East, North are in degrees, of a flat image in pixels of MaxZoom.
	West, South, East, North float64
	Why                      string            // of its colours
	LeftOut                  map[string]string // of a mosaic: the files that are not seen in it, and why

	zooms     []*tilecache.Provider // by zoom, their blocks the tiles
	providers []*tilecache.Provider
	bands     []int    // red, green, blue and alpha
	keys      []string // in the cache, of the levels of the picture; a mosaic has none of its own
	picture   *tilecache.Provider
	projected *projection
}

// overzoom is by how many zooms a layer goes beyond its own pixels.
const overzoom = 2

// newLayer shows an image, which it closes in the end.
func newLayer(ctx context.Context, name, generation string, image *tilecache.Provider, cache *tilecache.Cache) (made *layer, err error) {
	l := &layer{Name: name, Generation: generation}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	l.keep(image)
	info, err := image.Info()
	if err != nil {
		return nil, err
	}
	pyramid, err := l.made(image.Pyramid(cache))
	if err != nil {
		return nil, err
	}
	chain, err := pictureChain(ctx, pyramid)
	if err != nil {
		return nil, err
	}
	defer chain.Close()
	l.Why = chain.String()
	picture, err := l.made(pyramid.Display(ctx, chain, cache))
	if err != nil {
		return nil, err
	}
	shown, err := picture.Info()
	if err != nil {
		return nil, err
	}
	for level := range shown.Levels {
		one, err := picture.Level(level)
		if err != nil {
			return nil, err
		}
		l.keys = append(l.keys, one.Key())
		_ = one.Close()
	}
	place, err := image.Georef(0)
	if err != nil {
		return nil, err
	}
	projected, err := newProjection(place, info.Width, info.Height)
	if err != nil {
		return nil, err
	}
	if projected == nil {
		err = l.showFlat(picture, info, cache)
	} else {
		err = l.showMap(picture, projected, info, cache)
	}
	if err != nil {
		return nil, err
	}
	return l, l.chooseBands()
}

func (l *layer) keep(p *tilecache.Provider) { l.providers = append(l.providers, p) }

func (l *layer) made(p *tilecache.Provider, err error) (*tilecache.Provider, error) {
	if err == nil {
		l.keep(p)
	}
	return p, err
}

func (l *layer) close() {
	for _, p := range l.providers {
		_ = p.Close()
	}
}

// pictureChain is the automatic chain, of which the last band is opacity.
func pictureChain(ctx context.Context, image *tilecache.Provider) (*tilecache.Chain, error) {
	found, err := image.AutoChain(ctx)
	if err != nil {
		return nil, err
	}
	about, err := found.Info()
	if err != nil || about.Flags&tilecache.ChainAlpha != 0 {
		return found, err
	}
	defer found.Close()
	parsed, err := tilecache.ParseChain(found.String() + "|alpha")
	if err != nil {
		return nil, err
	}
	defer parsed.Close()
	return parsed.Resolve(image, nil)
}

func (l *layer) showMap(picture *tilecache.Provider, projected *projection, info tilecache.ImageInfo, cache *tilecache.Cache) error {
	west, south, east, north, pixel, err := projected.bounds(info.Width, info.Height)
	if err != nil {
		return err
	}
	l.West, l.South = toDegrees(west, south)
	l.East, l.North = toDegrees(east, north)
	l.West, l.East = math.Max(l.West, -180), math.Min(l.East, 180) // which rounding exceeds
	own := int(math.Ceil(math.Log2(2*halfWorld/tileSize/pixel) - 0.1))
	l.MaxZoom = min(max(own, 0)+overzoom, mostZoom)
	l.picture, l.projected = picture, projected
	world, err := l.warped(picture, projected, l.MaxZoom, cache)
	if err != nil {
		return err
	}
	return l.split(world, l.MaxZoom, nil)
}

// warped is the world, with an image where it lies, of which level n is a zoom of n less than the finest.
func (l *layer) warped(picture *tilecache.Provider, projected *projection, finest int, cache *tilecache.Cache) (*tilecache.Provider, error) {
	transform, err := projected.warp(finest)
	if err != nil {
		return nil, err
	}
	defer transform.Close()
	side := tileSize << finest
	return l.made(picture.Warp(transform, side, side, cache, tilecache.WithTileSize(tileSize, tileSize), tilecache.WithLevels(finest+1)))
}

func (l *layer) showFlat(picture *tilecache.Provider, info tilecache.ImageInfo, cache *tilecache.Cache) error {
	levels := 1
	for side := max(info.Width, info.Height); side > tileSize; side = (side + 1) / 2 {
		levels++
	}
	shown, err := picture.Info()
	if err != nil {
		return err
	}
	if shown.Levels < levels { // the pyramid ends where one of its larger tiles does
		if picture, err = l.made(picture.Pyramid(cache, tilecache.WithLevels(levels))); err != nil {
			return err
		}
	}
	l.Flat, l.Width, l.Height, l.MaxZoom = true, info.Width, info.Height, levels-1
	l.East, l.South = float64(info.Width), float64(info.Height)
	return l.split(picture, levels-1, cache)
}

// split has each level as an image of its own, the finest last, of which it has tiles, if need be by a cache.
func (l *layer) split(image *tilecache.Provider, finest int, retiled *tilecache.Cache) error {
	for zoom := range finest + 1 {
		level, err := l.made(image.Level(finest - zoom))
		if err == nil && retiled != nil {
			level, err = l.made(level.Retile(retiled, tilecache.WithTileSize(tileSize, tileSize)))
		}
		if err != nil {
			return err
		}
		l.zooms = append(l.zooms, level)
	}
	return nil
}

func (l *layer) chooseBands() error {
	info, err := l.zooms[0].Info()
	if err != nil {
		return err
	}
	opaque := int(tilecache.BandOpaque)
	choices := map[int][]int{1: {0, 0, 0, opaque}, 2: {0, 0, 0, 1}, 3: {0, 1, 2, opaque}, 4: {0, 1, 2, 3}}
	l.bands = choices[info.Bands]
	if l.bands == nil || info.DType != tilecache.U8 {
		return unshowable("its picture would have %d bands of %v", info.Bands, info.DType)
	}
	return nil
}

var errNoTile = errors.New("no such tile")

// has says whether there is a tile at all.
func (l *layer) has(zoom, x, y int) bool {
	if zoom < 0 || zoom > l.MaxZoom || x < 0 || y < 0 {
		return false
	}
	if l.Flat {
		info, err := l.zooms[zoom].Info()
		return err == nil && x < info.GridCols && y < info.GridRows
	}
	return x < 1<<zoom && y < 1<<zoom
}

// covers says whether something of the image may be seen in a tile.
func (l *layer) covers(zoom, x, y int) bool {
	if l.Flat {
		return true
	}
	x0, y0 := toGround(zoom, float64(x)*tileSize, float64(y)*tileSize)
	x1, y1 := toGround(zoom, float64(x+1)*tileSize, float64(y+1)*tileSize)
	west, south := fromDegrees(l.West, l.South)
	east, north := fromDegrees(l.East, l.North)
	margin := (x1 - x0) / tileSize
	return x0-margin < east && x1+margin > west && y1-margin < north && y0+margin > south
}

// centre is the middle of a layer on the map in degrees, and the zoom at which all of it is seen in 1024 x 1024 pixels.
func (l *layer) centre() [3]float64 {
	west, south := fromDegrees(l.West, l.South)
	east, north := fromDegrees(l.East, l.North)
	longitude, latitude := toDegrees((west+east)/2, (south+north)/2)
	extent := math.Max(east-west, north-south)
	zoom := math.Floor(math.Log2(2 * halfWorld / extent * 1024 / tileSize))
	return [3]float64{longitude, latitude, math.Min(math.Max(zoom, 0), float64(l.MaxZoom))}
}

// render makes a tile, of 256 pixels a side times the scale, 1 or 2, to be given back by dropCanvas. Nothing is seen where
// `empty`.
func (l *layer) render(ctx context.Context, zoom, x, y, scale int) (rgba []byte, empty bool, err error) {
	if scale == 2 && zoom == l.MaxZoom { // of which there is no next one
		small, empty, err := l.render(ctx, zoom, x, y, 1)
		defer dropCanvas(small)
		return doubled(small), empty, err
	}
	side := tileSize * scale
	rgba = newCanvas(side)
	for i := range scale * scale {
		col, row := i%scale, i/scale
		if err := l.copyBlock(ctx, rgba, side, zoom+scale-1, x*scale+col, y*scale+row, col, row); err != nil {
			return nil, false, err
		}
	}
	for i := 3; i < len(rgba); i += 4 {
		if rgba[i] != 0 {
			return rgba, false, nil
		}
	}
	return rgba, true, nil
}

// Canvases are used again, for they are most of what the collector would see.
var canvases [2]sync.Pool

func newCanvas(side int) []byte {
	if kept, _ := canvases[side/tileSize-1].Get().(*[]byte); kept != nil {
		clear(*kept)
		return *kept
	}
	return make([]byte, 4*side*side)
}

func dropCanvas(rgba []byte) {
	switch len(rgba) {
	case 4 * tileSize * tileSize:
		canvases[0].Put(&rgba)
	case 16 * tileSize * tileSize:
		canvases[1].Put(&rgba)
	}
}

// doubled is a tile with each pixel four times.
func doubled(small []byte) []byte {
	const row = 4 * tileSize
	large := newCanvas(2 * tileSize)[:0]
	for ; len(small) > 0; small = small[row:] {
		for range 2 {
			for x := 0; x < row; x += 4 {
				large = append(append(large, small[x:x+4]...), small[x:x+4]...)
			}
		}
	}
	return large
}

func (l *layer) copyBlock(ctx context.Context, rgba []byte, side, zoom, x, y, col, row int) error {
	if l.Flat {
		if info, err := l.zooms[zoom].Info(); err != nil || x >= info.GridCols || y >= info.GridRows {
			return err
		}
	}
	tile, err := l.zooms[zoom].Block(ctx, y, x, 0)
	if err != nil {
		return err
	}
	defer tile.Close()
	into := tilecache.Strides(rgba, tile.Width(), tile.Height(), 4, 4, 4*side, 1)
	into.First = 4 * tileSize * (row*side + col)
	return tile.CopyTo(into, 0, 0, l.bands...)
}

// newMosaic shows all images of a map together, later ones over earlier ones. It keeps what it needs of their layers.
func newMosaic(name, generation string, of []*layer, leftOut map[string]string, cache *tilecache.Cache) (made *layer, err error) {
	l := &layer{Name: name, Generation: generation, West: 180, South: 90, East: -180, North: -90, bands: []int{0, 1, 2, 3}, LeftOut: leftOut}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if len(of) == 0 {
		return nil, unshowable("none of %d images is on the map", len(leftOut))
	}
	for _, part := range of {
		l.MaxZoom = max(l.MaxZoom, part.MaxZoom)
		l.West, l.South = math.Min(l.West, part.West), math.Min(l.South, part.South)
		l.East, l.North = math.Max(l.East, part.East), math.Max(l.North, part.North)
		l.Why += part.Name + ": " + part.Why + "\n"
	}
	side := tileSize << l.MaxZoom
	colours, err := tilecache.ParseChain("bands=0,0,0,1")
	if err != nil {
		return nil, err
	}
	defer colours.Close()
	parts := make([]tilecache.Part, len(of))
	for i, part := range of {
		world, err := l.warped(part.picture, part.projected, l.MaxZoom, cache)
		if err != nil {
			return nil, err
		}
		if len(part.bands) == 4 && part.bands[1] == 0 { // grey
			if world, err = l.made(world.Display(context.Background(), colours, nil)); err != nil {
				return nil, err
			}
		}
		parts[i].Provider = world
	}
	world, err := l.made(tilecache.Mosaic(parts, tilecache.ImageInfo{DType: tilecache.U8, Width: side, Height: side,
		BlockWidth: tileSize, BlockHeight: tileSize, Bands: 4, Levels: l.MaxZoom + 1}, cache,
		tilecache.WithBandInfos(tilecache.BandInfo{Colour: tilecache.ColourRed}, tilecache.BandInfo{Colour: tilecache.ColourGreen},
			tilecache.BandInfo{Colour: tilecache.ColourBlue}, tilecache.BandInfo{Colour: tilecache.ColourAlpha})))
	if err != nil {
		return nil, err
	}
	return l, l.split(world, l.MaxZoom, nil)
}
