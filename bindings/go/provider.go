package tilecache

// #include "bridge.h"
import "C"

import (
	"runtime"
	"unsafe"
)

// Provider is an image as a grid of blocks: a file, memory, functions of yours, or an operator over other providers. All
// answer the same calls, from any number of goroutines.
type Provider struct{ reference }

// ImageInfo is what an image is. See tc_image_info: of what is given to the library, 0 is the default.
type ImageInfo struct {
	DType                   DType
	Width, Height           int
	BlockWidth, BlockHeight int
	GridCols, GridRows      int
	Bands, Levels           int
	// Bits is the significant bits of a sample.
	Bits  int
	Flags ImageFlags
	// Pad is what fills absent blocks and all outside the image.
	Pad Value
	// Nodata is, with ImageHasNodata, the sample that is no data in any band.
	Nodata Value
}

// BandInfo is what a band is.
type BandInfo struct {
	Colour Colour
	// Nodata is the sample that is no data, nil if there is none.
	Nodata *Value
}

// Text is a text that came with an image, of the whole image where Band is -1.
type Text struct {
	Band       int
	Name, Text string
}

func newProvider(object *C.tc_provider) *Provider {
	p := new(Provider)
	hold(p, &p.reference, unsafe.Pointer(object), releaseProvider)
	return p
}

func releaseProvider(object unsafe.Pointer) { C.provider_release((*C.tc_provider)(object)) }

func (p *Provider) ref() *reference {
	if p == nil {
		return nil
	}
	return &p.reference
}

// Close gives the provider up; with the last operator over it, its source is closed. Closing twice is closing once; it never fails.
func (p *Provider) Close() error { return p.ref().close() }

func (p *Provider) c() *C.tc_provider {
	if p == nil {
		return nil
	}
	return (*C.tc_provider)(p.object)
}

func (p *Provider) enter() error {
	if p == nil {
		return invalid("the provider is nil")
	}
	return p.acquire()
}

// made is the provider that a call makes of others, all of which it holds meanwhile.
func made(call func(made **C.tc_provider, err *C.tc_error) C.tc_status, of ...*reference) (*Provider, error) {
	if err := fits(); err != nil {
		return nil, err
	}
	done, err := acquireAll(of...)
	if err != nil {
		return nil, err
	}
	defer done()
	var object *C.tc_provider
	var cErr C.tc_error
	if err := failure(call(&object, &cErr), &cErr); err != nil {
		return nil, err
	}
	return newProvider(object), nil
}

func infoFrom(i *C.tc_image_info) ImageInfo {
	return ImageInfo{DType: DType(i.dtype), Width: int(i.width), Height: int(i.height), BlockWidth: int(i.block_width),
		BlockHeight: int(i.block_height), GridCols: int(i.grid_cols), GridRows: int(i.grid_rows), Bands: int(i.bands),
		Levels: int(i.levels), Bits: int(i.bits), Flags: ImageFlags(i.flags), Pad: valueFrom(i.pad),
		Nodata: valueFrom(i.nodata)}
}

func (i *ImageInfo) toC() (C.tc_image_info, error) {
	info := C.tc_image_info{struct_size: C.sizeof_tc_image_info, dtype: C.tc_dtype(i.DType), width: C.int64_t(i.Width),
		height: C.int64_t(i.Height), block_width: C.int64_t(i.BlockWidth), block_height: C.int64_t(i.BlockHeight),
		grid_cols: C.int64_t(i.GridCols), grid_rows: C.int64_t(i.GridRows), flags: C.uint32_t(i.Flags), pad: i.Pad.toC(),
		nodata: i.Nodata.toC()}
	var err error
	if info.bands, err = narrow("Bands", i.Bands); err == nil {
		if info.levels, err = narrow("Levels", i.Levels); err == nil {
			info.bits, err = narrow("Bits", i.Bits)
		}
	}
	return info, err
}

// Info is what the image is.
func (p *Provider) Info() (ImageInfo, error) {
	if err := p.enter(); err != nil {
		return ImageInfo{}, err
	}
	defer p.done()
	info := C.tc_image_info{struct_size: C.sizeof_tc_image_info}
	var cErr C.tc_error
	err := failure(C.provider_info(p.c(), &info, &cErr), &cErr)
	return infoFrom(&info), err
}

// BandInfo is what a band is.
func (p *Provider) BandInfo(band int) (BandInfo, error) {
	b, err := narrow("band", band)
	if err != nil {
		return BandInfo{}, err
	}
	if err := p.enter(); err != nil {
		return BandInfo{}, err
	}
	defer p.done()
	info := C.tc_band_info{struct_size: C.sizeof_tc_band_info}
	var cErr C.tc_error
	if err := failure(C.provider_band_info(p.c(), b, &info, &cErr), &cErr); err != nil {
		return BandInfo{}, err
	}
	told := BandInfo{Colour: Colour(info.colour)}
	if info.flags&C.TC_BAND_HAS_NODATA != 0 {
		value := valueFrom(info.nodata)
		told.Nodata = &value
	}
	return told, nil
}

// Nodata is the value of a band that is no data, if it has one.
func (p *Provider) Nodata(band int) (value float64, has bool, err error) {
	told, err := p.BandInfo(band)
	if err != nil || told.Nodata == nil {
		return 0, false, err
	}
	info, err := p.Info()
	return told.Nodata.Float(info.DType), err == nil, err
}

// Key is what caches know the image by: same key, same pixels. Empty after Close.
func (p *Provider) Key() string {
	if p.enter() != nil {
		return ""
	}
	defer p.done()
	return C.GoString(C.provider_key(p.c()))
}

// Format is the format of the file that the pixels come from, empty where there is none and after Close.
func (p *Provider) Format() string {
	if p.enter() != nil {
		return ""
	}
	defer p.done()
	return C.GoString(C.provider_format(p.c()))
}

// Metadata is a text that came with the image, of the band -1 of the whole image.
func (p *Provider) Metadata(band int, name string) (text string, has bool) {
	b, err := narrow("band", band)
	if err != nil || p.enter() != nil {
		return "", false
	}
	defer p.done()
	key, err := cString("name", name)
	if err != nil {
		return "", false
	}
	defer C.free(unsafe.Pointer(key))
	found := C.provider_metadata(p.c(), b, key)
	return C.GoString(found), found != nil
}

// Texts are all texts of a band, -1 those of the whole image.
func (p *Provider) Texts(band int) []Text {
	b, err := narrow("band", band)
	if err != nil || p.enter() != nil {
		return nil
	}
	defer p.done()
	texts := make([]Text, C.provider_metadata_count(p.c(), b))
	for i := range texts {
		name := C.provider_metadata_name(p.c(), b, C.size_t(i))
		texts[i] = Text{band, C.GoString(name), C.GoString(C.provider_metadata(p.c(), b, name))}
	}
	return texts
}

// RGBA is a colour of a palette.
type RGBA struct{ Red, Green, Blue, Alpha uint8 }

// Palette are the colours that the samples of a band are indices of; the error is ErrNotFound if it has none.
func (p *Provider) Palette(band int) ([]RGBA, error) {
	b, err := narrow("band", band)
	if err != nil {
		return nil, err
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.done()
	var n C.size_t
	var cErr C.tc_error
	if err := failure(C.provider_palette(p.c(), b, nil, 0, &n, &cErr), &cErr); err != nil || n == 0 {
		return nil, err
	}
	colours := make([]RGBA, n)
	status := C.provider_palette(p.c(), b, (*C.tc_rgba)(unsafe.Pointer(&colours[0])), n, &n, &cErr)
	return colours, failure(status, &cErr)
}

// Stats tells what this provider has done and has in its cache, and how often each block beneath was decoded.
func (p *Provider) Stats() (stats Stats, amplification float64, err error) {
	if err := p.enter(); err != nil {
		return Stats{}, 0, err
	}
	defer p.done()
	told := C.tc_cache_stats{struct_size: C.sizeof_tc_cache_stats}
	var factor C.double
	var cErr C.tc_error
	err = failure(C.provider_counters(p.c(), &told, &factor, &cErr), &cErr)
	return statsFrom(&told), float64(factor), err
}

// Invalidate forgets the pixels of the sources of the image, and all that was built on them, everywhere.
func (p *Provider) Invalidate() error {
	if err := p.enter(); err != nil {
		return err
	}
	defer p.done()
	var cErr C.tc_error
	return failure(C.provider_invalidate(p.c(), &cErr), &cErr)
}

// InvalidateFleet is Invalidate on all machines that share another tier.
func (p *Provider) InvalidateFleet() error {
	if err := p.enter(); err != nil {
		return err
	}
	defer p.done()
	var cErr C.tc_error
	return failure(C.provider_invalidate_fleet(p.c(), &cErr), &cErr)
}

// HasBlock says whether a block is stored.
func (p *Provider) HasBlock(row, col, level int) (bool, error) {
	l, err := narrow("level", level)
	if err != nil {
		return false, err
	}
	if err := p.enter(); err != nil {
		return false, err
	}
	defer p.done()
	var has C.int32_t
	var cErr C.tc_error
	err = failure(C.provider_has_block(p.c(), C.int64_t(row), C.int64_t(col), l, &has, &cErr), &cErr)
	return has != 0, err
}

// Open opens an image file by its content, whatever its name.
//
// Options: WithImage, WithKey, WithFormat, WithThreads, WithLayers, WithFleetID, WithBeside, WithLog, WithFlags of OpenFlags.
func Open(path string, options ...Option) (*Provider, error) {
	var m scratch
	defer m.done()
	set, s, err := openOptions("Open", options, &m)
	if err != nil {
		return nil, err
	}
	name, err := m.always("path", path)
	if err != nil {
		return nil, err
	}
	log, failed := s.logOf(&m)
	set.log = log
	p, err := made(func(p **C.tc_provider, e *C.tc_error) C.tc_status { return C.provider_open(name, set, p, e) })
	failed(err)
	return p, err
}

func openOptions(call string, options []Option, m *scratch, more ...string) (*C.tc_open_options, *settings, error) {
	names := append([]string{"Image", "Key", "Format", "Threads", "Layers", "FleetID", "Beside", "Log"}, more...)
	s, err := gather(call, options, OpenFlags(0), names...)
	if err != nil {
		return nil, nil, err
	}
	set := &C.tc_open_options{struct_size: C.sizeof_tc_open_options, flags: C.uint32_t(s.flags), threads: C.uint32_t(s.threads), layers: C.uint32_t(s.layers)}
	if set.image, err = narrow("Image", s.image); err != nil {
		return nil, nil, err
	}
	if set.key, err = m.text("Key", s.key); err != nil {
		return nil, nil, err
	}
	if set.format, err = m.text("Format", s.format); err != nil {
		return nil, nil, err
	}
	if set.fleet_id, err = m.text("FleetID", s.fleetID); err != nil {
		return nil, nil, err
	}
	if s.beside != nil {
		set.user = newUser(&userBeside{s.beside})
		set.open_beside = (*[0]byte)(C.tcgo_open_beside)
		m.forgotten = append(m.forgotten, set.user)
	}
	return set, s, nil
}

// ImageCount says how many images a file holds.
func ImageCount(path string) (int, error) {
	name, err := cString("path", path)
	if err != nil {
		return 0, err
	}
	defer C.free(unsafe.Pointer(name))
	var n C.int32_t
	var cErr C.tc_error
	err = failure(C.provider_image_count(name, &n, &cErr), &cErr)
	return int(n), err
}

// FromMemory is an image of a copy of an array of yours. `image` says what else is known of it, see tc_image_info.
//
// Options: WithKey, WithInfo.
func FromMemory(array Array, options ...Option) (*Provider, error) {
	s, err := gather("FromMemory", options, nil, "Key", "Info")
	if err != nil {
		return nil, err
	}
	if err := array.check(); err != nil {
		return nil, err
	}
	var m scratch
	defer m.done()
	var info *C.tc_image_info
	if s.info != nil {
		given, err := s.info.toC()
		if err != nil {
			return nil, err
		}
		info = &given
	}
	key, err := m.text("Key", s.key)
	if err != nil {
		return nil, err
	}
	return made(func(p **C.tc_provider, e *C.tc_error) C.tc_status {
		status := C.tcgo_from_memory(array.begin(), array.toC(), C.size_t(array.DType.Size()), info, key, p, e)
		runtime.KeepAlive(array)
		return status
	})
}

// Format is a file format that Open reads.
type Format struct {
	Name, LongName, Extensions, MediaTypes, Reads, Lacks string
	Flags                                                FormatFlags
}

// Formats are the file formats that Open reads.
func Formats() []Format {
	formats := make([]Format, 0, C.tc_format_count())
	for i := range cap(formats) {
		told := C.tc_format{struct_size: C.sizeof_tc_format}
		if C.tc_format_info(C.size_t(i), &told, nil) == C.TC_OK {
			formats = append(formats, Format{Name: C.GoString(told.name), LongName: C.GoString(told.long_name),
				Extensions: C.GoString(told.extensions), MediaTypes: C.GoString(told.media_types),
				Reads: C.GoString(told.reads), Lacks: C.GoString(told.lacks), Flags: FormatFlags(told.flags)})
		}
	}
	return formats
}
