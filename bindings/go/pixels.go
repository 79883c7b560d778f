package tilecache

// #include "bridge.h"
import "C"

import (
	"fmt"
	"math"
	"unsafe"
)

// ComplexI16 is a sample of CI16: real part, imaginary part.
type ComplexI16 [2]int16

// ComplexI32 is a sample of CI32.
type ComplexI32 [2]int32

// Sample is any type of one sample.
type Sample interface {
	uint8 | int8 | uint16 | int16 | uint32 | int32 | uint64 | int64 | float32 | float64 |
		ComplexI16 | ComplexI32 | complex64 | complex128
}

// TypeOf is the sample type of T.
func TypeOf[T Sample]() DType {
	var sample T
	switch any(sample).(type) {
	case uint8:
		return U8
	case int8:
		return I8
	case uint16:
		return U16
	case int16:
		return I16
	case uint32:
		return U32
	case int32:
		return I32
	case uint64:
		return U64
	case int64:
		return I64
	case float32:
		return F32
	case float64:
		return F64
	case ComplexI16:
		return CI16
	case ComplexI32:
		return CI32
	case complex64:
		return CF32
	default:
		return CF64
	}
}

// Size is the bytes of a sample, 0 of a type that there is not.
func (d DType) Size() int {
	switch d {
	case U8, I8:
		return 1
	case U16, I16:
		return 2
	case U32, I32, F32, CI16:
		return 4
	case U64, I64, F64, CI32, CF32:
		return 8
	case CF64:
		return 16
	}
	return 0
}

// String is the name of the type in Go.
func (d DType) String() string {
	names := map[DType]string{U8: "uint8", I8: "int8", U16: "uint16", I16: "int16", U32: "uint32", I32: "int32",
		U64: "uint64", I64: "int64", F32: "float32", F64: "float64", CI16: "ComplexI16", CI32: "ComplexI32",
		CF32: "complex64", CF64: "complex128"}
	if name, is := names[d]; is {
		return name
	}
	return fmt.Sprintf("DType(%d)", int32(d))
}

// Value is one sample of any type, as its bytes.
type Value [16]byte

// ValueOf is a sample as a Value.
func ValueOf[T Sample](sample T) Value {
	var value Value
	*(*T)(unsafe.Pointer(&value)) = sample
	return value
}

// Float is the sample, of a complex one its real part.
func (v Value) Float(d DType) float64 {
	at := unsafe.Pointer(&v)
	switch d {
	case U8:
		return float64(*(*uint8)(at))
	case I8:
		return float64(*(*int8)(at))
	case U16:
		return float64(*(*uint16)(at))
	case I16, CI16:
		return float64(*(*int16)(at))
	case U32:
		return float64(*(*uint32)(at))
	case I32, CI32:
		return float64(*(*int32)(at))
	case U64:
		return float64(*(*uint64)(at))
	case I64:
		return float64(*(*int64)(at))
	case F32, CF32:
		return float64(*(*float32)(at))
	case F64, CF64:
		return *(*float64)(at)
	}
	return math.NaN()
}

func (v Value) toC() (to [16]C.uint8_t) {
	return *(*[16]C.uint8_t)(unsafe.Pointer(&v))
}

func valueFrom(from [16]C.uint8_t) Value {
	return *(*Value)(unsafe.Pointer(&from))
}

// Pixels are samples in memory: band after band, the samples of a row side by side. Rows and bands may lie apart.
type Pixels struct {
	Width, Height, Bands int
	DType                DType
	// RowStride is the bytes from a row to the next, BandStride those from a band to the next.
	RowStride, BandStride int
	// ValidWidth and ValidHeight are what lies inside the image, less than Width and Height in a padded edge tile.
	ValidWidth, ValidHeight int
	// Absent says that nothing was stored here, and all samples are pad.
	Absent bool

	data unsafe.Pointer
}

func pixelsFrom(p *C.tc_pixels) Pixels {
	return Pixels{Width: int(p.width), Height: int(p.height), Bands: int(p.bands), DType: DType(p.dtype),
		RowStride: int(p.row_stride), BandStride: int(p.band_stride), ValidWidth: int(p.valid_width),
		ValidHeight: int(p.valid_height), Absent: p.flags&C.TC_PIXELS_ABSENT != 0, data: p.data}
}

// newPixels are packed pixels in memory of Go, all 0.
func newPixels(width, height, bands int, dtype DType) Pixels {
	row := width * dtype.Size()
	data := make([]uint64, (row*height*bands+7)/8)
	return Pixels{Width: width, Height: height, Bands: bands, DType: dtype, RowStride: row, BandStride: row * height,
		ValidWidth: width, ValidHeight: height, data: unsafe.Pointer(unsafe.SliceData(data))}
}

func (p Pixels) size() int {
	if p.data == nil {
		return 0
	}
	return (p.Bands-1)*p.BandStride + (p.Height-1)*p.RowStride + p.Width*p.DType.Size()
}

// Bytes are all bytes from the first sample to the last, without a copy.
func (p Pixels) Bytes() []byte { return unsafe.Slice((*byte)(p.data), p.size()) }

// Row are the samples of a row of a band, without a copy. It panics, as an index out of range does, if T is not the
// type of the pixels or there is no such row or band.
func Row[T Sample](p Pixels, y, band int) []T {
	mustBe[T](p)
	if y < 0 || y >= p.Height || band < 0 || band >= p.Bands {
		panic(outside("row %d of band %d, of %d rows and %d bands", y, band, p.Height, p.Bands))
	}
	return unsafe.Slice((*T)(unsafe.Add(p.data, band*p.BandStride+y*p.RowStride)), p.Width)
}

// Plane are all samples of a band, row by row, without a copy. It panics as Row does, and if the rows lie apart.
func Plane[T Sample](p Pixels, band int) []T {
	row := Row[T](p, 0, band)
	if p.Height > 1 && p.RowStride != p.Width*p.DType.Size() {
		panic(invalid("rows of %d bytes lie %d apart", p.Width*p.DType.Size(), p.RowStride))
	}
	return unsafe.Slice(unsafe.SliceData(row), p.Width*p.Height)
}

func mustBe[T Sample](p Pixels) {
	if want := TypeOf[T](); p.DType != want {
		panic(invalid("samples are %v, not %v", p.DType, want))
	}
}

// copyTo copies samples to pixels of the same size and type.
func (p Pixels) copyTo(to Pixels) {
	row := p.Width * p.DType.Size()
	if p.RowStride == row && p.BandStride == row*p.Height && to.RowStride == row && to.BandStride == row*to.Height {
		copy(to.Bytes(), p.Bytes())
		return
	}
	for band := range p.Bands {
		for y := range p.Height {
			from := unsafe.Add(p.data, band*p.BandStride+y*p.RowStride)
			into := unsafe.Add(to.data, band*to.BandStride+y*to.RowStride)
			copy(unsafe.Slice((*byte)(into), row), unsafe.Slice((*byte)(from), row))
		}
	}
}

// Array describes memory of yours as pixels: a slice of samples with strides. ArrayOf and InterleavedOf make the usual
// ones; Strides makes any other.
type Array struct {
	Width, Height, Bands int
	// DType is the type of the samples of the slice.
	DType DType
	// PixelStride, RowStride and BandStride are the bytes from a sample to that of the next column, row and band. They
	// may be negative.
	PixelStride, RowStride, BandStride int
	// First is the byte of the slice at which sample (0, 0) of the first band begins.
	First int

	data unsafe.Pointer
	size int
}

// ArrayOf is a slice as pixels, band after band, without gaps.
func ArrayOf[T Sample](data []T, width, height, bands int) Array {
	size := TypeOf[T]().Size()
	return Strides(data, width, height, bands, size, width*size, width*height*size)
}

// InterleavedOf is a slice as pixels whose bands lie side by side, as in an image.NRGBA.
func InterleavedOf[T Sample](data []T, width, height, bands int) Array {
	size := TypeOf[T]().Size()
	return Strides(data, width, height, bands, bands*size, width*bands*size, size)
}

// Strides is a slice as pixels with strides of any kind, in bytes.
func Strides[T Sample](data []T, width, height, bands, pixelStride, rowStride, bandStride int) Array {
	dtype := TypeOf[T]()
	return Array{Width: width, Height: height, Bands: bands, DType: dtype, PixelStride: pixelStride,
		RowStride: rowStride, BandStride: bandStride, data: unsafe.Pointer(unsafe.SliceData(data)),
		size: len(data) * dtype.Size()}
}

// check says whether all samples lie inside the slice, so that the library writes nowhere else.
func (a Array) check() error {
	sample := a.DType.Size()
	if a.Width < 1 || a.Height < 1 || a.Bands < 1 || a.Bands > math.MaxInt32 {
		return outside("an array of %d x %d pixels and %d bands", a.Width, a.Height, a.Bands)
	}
	if sample == 0 || a.Height > a.size/sample || a.Bands > a.size/sample/a.Height ||
		a.Width > a.size/sample/a.Height/a.Bands {
		return outside("an array of %d x %d pixels and %d bands of %v does not fit a slice of %d bytes", a.Width, a.Height,
			a.Bands, a.DType, a.size)
	}
	first, last := a.First, a.First
	for _, side := range [...]struct{ n, stride int }{
		{a.Width, a.PixelStride}, {a.Height, a.RowStride}, {a.Bands, a.BandStride},
	} {
		if side.n == 1 {
			continue
		}
		if side.stride == 0 || side.stride > a.size || side.stride < -a.size { // all 0 would be packed to the library
			return outside("strides of %d, %d and %d bytes for %d x %d pixels and %d bands, in a slice of %d bytes", a.PixelStride,
				a.RowStride, a.BandStride, a.Width, a.Height, a.Bands, a.size)
		}
		if extent := (side.n - 1) * side.stride; extent < 0 {
			first += extent
		} else {
			last += extent
		}
	}
	if first < 0 || last > a.size-sample {
		return outside("an array of %d x %d pixels and %d bands takes bytes %d to %d of a slice of %d", a.Width, a.Height,
			a.Bands, first, last+sample-1, a.size)
	}
	return nil
}

// checkRows says whether the samples of a row lie side by side, as in tiles.
func (a Array) checkRows() error {
	if a.PixelStride != a.DType.Size() && a.Width > 1 {
		return invalid("PixelStride is %d; samples of %v must lie side by side", a.PixelStride, a.DType)
	}
	return nil
}

func (a Array) begin() unsafe.Pointer { return unsafe.Add(a.data, a.First) }

func (a Array) toC() C.tc_target {
	return C.tc_target{pixel_stride: C.int64_t(a.PixelStride), row_stride: C.int64_t(a.RowStride),
		band_stride: C.int64_t(a.BandStride), width: C.int64_t(a.Width), height: C.int64_t(a.Height),
		bands: C.int32_t(a.Bands), dtype: C.tc_dtype(a.DType)}
}
