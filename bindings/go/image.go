package tilecache

import (
	"context"
	"encoding/binary"
	"image"
	"image/color"
	"math/bits"
	"runtime"
)

// The bands of an image of Go: one is grey, two are grey and alpha, three are red, green and blue, four have alpha too,
// which is straight.
func pictured(dtype DType, bands int) error {
	if dtype != U8 && dtype != U16 {
		return &Error{Status: ErrUnsupported, Message: "an image of Go has samples of uint8 or uint16, not " + dtype.String()}
	}
	if bands < 1 || bands > 4 {
		return invalid("an image of Go has 1 to 4 bands, not %d", bands)
	}
	return nil
}

// Image is the tile as an image, without a copy. It outlives the tile, the provider and the cache; the collector gives it
// back. Samples must be of uint8 or uint16; of 1 to 4 bands. Encoders read the images of ReadImage faster.
func (t *Tile) Image() (image.Image, error) {
	if err := pictured(t.pixels.DType, t.pixels.Bands); err != nil {
		return nil, err
	}
	held, err := holdPixels(t)
	if err != nil {
		return nil, err
	}
	return &tileImage{held}, nil
}

type tileImage struct{ held *pixelsHeld }

func (i *tileImage) Bounds() image.Rectangle {
	return image.Rect(0, 0, i.held.pixels.Width, i.held.pixels.Height)
}

func (i *tileImage) ColorModel() color.Model {
	eight, grey := i.held.pixels.DType == U8, i.held.pixels.Bands == 1
	switch {
	case eight && grey:
		return color.GrayModel
	case grey:
		return color.Gray16Model
	case eight:
		return color.NRGBAModel
	}
	return color.NRGBA64Model
}

// sample is one of 16 bits, or one of 8 in both bytes.
func (i *tileImage) sample(x, y, band int) uint16 {
	p := i.held.pixels
	if p.DType == U16 {
		return Row[uint16](p, y, band)[x]
	}
	return uint16(Row[uint8](p, y, band)[x]) * 0x101
}

func (i *tileImage) at(x, y int) color.NRGBA64 {
	if !(image.Point{x, y}.In(i.Bounds())) {
		return color.NRGBA64{}
	}
	defer runtime.KeepAlive(i.held)
	c := color.NRGBA64{A: 0xffff}
	c.R = i.sample(x, y, 0)
	c.G, c.B = c.R, c.R
	bands := i.held.pixels.Bands
	if bands >= 3 {
		c.G, c.B = i.sample(x, y, 1), i.sample(x, y, 2)
	}
	if bands%2 == 0 {
		c.A = i.sample(x, y, bands-1)
	}
	return c
}

func (i *tileImage) RGBA64At(x, y int) color.RGBA64 {
	r, g, b, a := i.at(x, y).RGBA()
	return color.RGBA64{R: uint16(r), G: uint16(g), B: uint16(b), A: uint16(a)}
}

func (i *tileImage) At(x, y int) color.Color {
	c := i.at(x, y)
	switch i.ColorModel() {
	case color.GrayModel:
		return color.Gray{Y: uint8(c.R >> 8)}
	case color.Gray16Model:
		return color.Gray16{Y: c.R}
	case color.NRGBAModel:
		return color.NRGBA{R: uint8(c.R >> 8), G: uint8(c.G >> 8), B: uint8(c.B >> 8), A: uint8(c.A >> 8)}
	}
	return c
}

// ReadImage reads a rectangle of a level as an *image.Gray, *image.NRGBA, *image.Gray16 or *image.NRGBA64, by the type
// and the number of the bands: those given, else all. The pixels are the library's, interleaved in one copy.
func (p *Provider) ReadImage(ctx context.Context, x, y, width, height, level int, bands ...int) (image.Image, error) {
	info, err := p.Info()
	if err != nil {
		return nil, err
	}
	if len(bands) == 0 {
		for band := range info.Bands {
			bands = append(bands, band)
		}
	}
	if err := pictured(info.DType, len(bands)); err != nil {
		return nil, err
	}
	if width < 1 || height < 1 || width > 1<<20 || height > 1<<20 {
		return nil, outside("an image of %d x %d pixels", width, height)
	}
	switch len(bands) {
	case 2:
		bands = []int{bands[0], bands[0], bands[0], bands[1]}
	case 3:
		bands = append(bands[:3:3], int(BandOpaque))
	}
	area, size := image.Rect(0, 0, width, height), info.DType.Size()
	var made image.Image
	var bytes []byte
	switch {
	case len(bands) == 1 && size == 1:
		grey := image.NewGray(area)
		made, bytes = grey, grey.Pix
	case len(bands) == 1:
		grey := image.NewGray16(area)
		made, bytes = grey, grey.Pix
	case size == 1:
		colours := image.NewNRGBA(area)
		made, bytes = colours, colours.Pix
	default:
		colours := image.NewNRGBA64(area)
		made, bytes = colours, colours.Pix
	}
	into := InterleavedOf(bytes, width, height, len(bands))
	into.DType = info.DType
	into.PixelStride, into.RowStride, into.BandStride = into.PixelStride*size, into.RowStride*size, size
	if err := p.ReadWindow(ctx, into, x, y, level, bands...); err != nil {
		return nil, err
	}
	if size == 2 && nativeIsLittle {
		for i := 0; i < len(bytes); i += 2 { // images of Go are big-endian
			sample := bits.ReverseBytes16(binary.BigEndian.Uint16(bytes[i:]))
			binary.BigEndian.PutUint16(bytes[i:], sample)
		}
	}
	return made, nil
}

var nativeIsLittle = binary.NativeEndian.Uint16([]byte{1, 0}) == 1
