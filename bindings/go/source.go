package tilecache

// #include "bridge.h"
import "C"

import (
	"context"
	"io"
	"sync"
	"unsafe"
)

// Block says which block a function of yours makes.
type Block struct {
	Row, Col, Level int
	// Bands are those of the image that are asked for, in this order; nil is all.
	Bands []int
	// Session is what OpenSession gave, if the source has sessions.
	Session any
}

// Window says where the rectangle begins that a function of yours reads.
type Window struct {
	X, Y, Level int
	Bands       []int
	Session     any
}

// LevelSize is the size of a level with a grid of its own. See tc_level.
type LevelSize struct{ Width, Height, BlockWidth, BlockHeight int }

// Source is an image made of functions of yours. See tc_source.
//
// They are called from any number of goroutines at once, unless Threading says otherwise, with a context that ends when
// nobody wants the pixels any more. What they ask of other providers with that context, or on the goroutine on which
// they were called, is part of their load. They write into memory of Go, which they may keep. Their errors and panics
// come out of the calls that needed the block: errors.Is and errors.As find them there. They must not end their
// goroutine (runtime.Goexit, and so testing.T.FailNow).
type Source struct {
	// Image is what the image is. Required.
	Image ImageInfo
	// Key is what the key of the image begins with: two sources share it only if they have the same pixels.
	Key string
	// FleetID is what the image is called on all machines that share another tier.
	FleetID string
	// Threading says how the functions may be called; 0 is Concurrent, or Sessions where there is OpenSession.
	Threading Threading
	// MaxSessions is the most sessions open at once; 0 is one for each processor.
	MaxSessions int
	// SomeBands says that the functions can read some of the bands; else they are asked for all.
	SomeBands bool
	// Direct gives the functions the memory of the tile instead of memory of Go: see WithDirect.
	Direct bool

	// HasBlock says whether a block is stored. nil: all are.
	HasBlock func(ctx context.Context, row, col, level int) (bool, error)
	// ReadBlock writes all samples of a block. Required.
	ReadBlock func(ctx context.Context, block Block, into Pixels) error
	// ReadWindow writes a rectangle of a level, if part of a block is cheaper than the block.
	ReadWindow func(ctx context.Context, window Window, into Pixels) error
	// OpenSession and CloseSession open and close what one call at a time uses, such as a file.
	OpenSession  func() (any, error)
	CloseSession func(any)
	// Release is called on a goroutine of its own after the last function has returned.
	Release func()

	BandInfos []BandInfo
	Texts     []Text
	Levels    []LevelSize
	// Mask says where pixels are data.
	Mask *Provider
	// Inputs are the images that the functions read, so that this one changes with them.
	Inputs []*Provider
	Georef *Georef
}

type userSource struct {
	Source
	closing sync.WaitGroup
}

func (s *userSource) released() {
	s.closing.Wait()
	if s.Release != nil {
		s.Release()
	}
}

// NewSource is an image made of functions of yours.
func NewSource(source Source) (*Provider, error) {
	var m scratch
	defer m.done()
	if source.ReadBlock == nil {
		return nil, invalid("Source.ReadBlock is nil")
	}
	if source.Threading == 0 {
		source.Threading = Concurrent
		if source.OpenSession != nil {
			source.Threading = Sessions
		}
	}
	image, err := source.Image.toC()
	if err != nil {
		return nil, err
	}
	m.pins.Pin(&image)
	described := C.tc_source{struct_size: C.sizeof_tc_source, threading: C.uint32_t(source.Threading), image: &image,
		read_block: (*[0]byte)(C.tcgo_read_block), release: (*[0]byte)(C.tcgo_release)}
	if described.key, err = m.text("Key", source.Key); err != nil {
		return nil, err
	}
	if described.max_sessions, err = narrow("MaxSessions", source.MaxSessions); err != nil {
		return nil, err
	}
	if source.SomeBands {
		described.flags = C.TC_SOURCE_BANDS
	}
	if source.HasBlock != nil {
		described.has_block = (*[0]byte)(C.tcgo_has_block)
	}
	if source.ReadWindow != nil {
		described.read_window = (*[0]byte)(C.tcgo_read_part)
	}
	if source.OpenSession != nil {
		described.open_session = (*[0]byte)(C.tcgo_open_session)
		described.close_session = (*[0]byte)(C.tcgo_close_session)
	}
	if len(source.BandInfos) > 0 && len(source.BandInfos) != max(source.Image.Bands, 1) {
		return nil, invalid("%d BandInfos of %d bands", len(source.BandInfos), max(source.Image.Bands, 1))
	}
	described.band_infos = m.bandInfos(source.BandInfos)
	if described.texts, described.n_texts, err = m.texts(source.Texts); err != nil {
		return nil, err
	}
	if len(source.Levels) > 0 {
		if len(source.Levels) != max(source.Image.Levels, 1) {
			return nil, invalid("%d Levels of %d", len(source.Levels), max(source.Image.Levels, 1))
		}
		levels := make([]C.tc_level, len(source.Levels))
		for i, level := range source.Levels {
			levels[i] = C.tc_level{width: C.int64_t(level.Width), height: C.int64_t(level.Height),
				block_width: C.int64_t(level.BlockWidth), block_height: C.int64_t(level.BlockHeight)}
		}
		described.levels, _ = pinned(&m, levels)
	}
	of := []*reference{source.Mask.ref()}
	described.mask = source.Mask.c()
	inputs := make([]*C.tc_provider, len(source.Inputs))
	for i, input := range source.Inputs {
		inputs[i] = input.c()
		of = append(of, input.ref())
	}
	described.inputs, described.n_inputs = pinned(&m, inputs)
	if described.fleet_id, err = m.text("FleetID", source.FleetID); err != nil {
		return nil, err
	}
	if described.georef, err = source.Georef.toC(&m); err != nil {
		return nil, err
	}
	described.user = newUser(&userSource{Source: source})
	return m.handedOver(described.user, func() (*Provider, error) {
		return made(func(p **C.tc_provider, e *C.tc_error) C.tc_status {
			return C.provider_from_source(&described, p, e)
		}, of...)
	})
}

// handedOver makes a provider that takes over a function of yours, which is forgotten if that fails.
func (m *scratch) handedOver(user unsafe.Pointer, make func() (*Provider, error)) (*Provider, error) {
	p, err := make()
	if err != nil {
		m.forgotten = append(m.forgotten, user)
	}
	return p, err
}

// OpenReaderAt opens an image file in bytes of yours, such as an object store or an archive. Reads are few and large, and
// come from several goroutines at once. If `from` is an io.Closer, the library closes it after the last read, unless
// there is WithRelease, which is then called instead.
//
// Options: those of Open, and WithRelease.
func OpenReaderAt(from io.ReaderAt, size int64, options ...Option) (*Provider, error) {
	var m scratch
	defer m.done()
	if from == nil {
		return nil, invalid("the reader is nil")
	}
	set, s, err := openOptions("OpenReaderAt", options, &m, "Release")
	if err != nil {
		return nil, err
	}
	io := C.tc_io{struct_size: C.sizeof_tc_io, size: C.int64_t(size), read_at: (*[0]byte)(C.tcgo_read_at),
		release: (*[0]byte)(C.tcgo_release), user: newUser(&userBytes{from, s.release})}
	log, failed := s.logOf(&m)
	set.log = log
	p, err := m.handedOver(io.user, func() (*Provider, error) {
		return made(func(p **C.tc_provider, e *C.tc_error) C.tc_status { return C.provider_open_io(&io, set, p, e) })
	})
	failed(err)
	return p, err
}

// ImageCountReaderAt says how many images a file in bytes of yours holds.
func ImageCountReaderAt(from io.ReaderAt, size int64) (int, error) {
	if from == nil {
		return 0, invalid("the reader is nil")
	}
	var m scratch
	defer m.done()
	io := C.tc_io{struct_size: C.sizeof_tc_io, size: C.int64_t(size), read_at: (*[0]byte)(C.tcgo_read_at), user: newUser(&userBytes{from, nil})}
	m.forgotten = append(m.forgotten, io.user)
	var n C.int32_t
	var cErr C.tc_error
	err := failure(C.provider_image_count_io(&io, &n, &cErr), &cErr)
	return int(n), err
}

// DecodedBeneath says inside ReadBlock or ReadWindow how much a source had to decode for it, see tc_decoded_beneath. To
// be called on the goroutine on which the function was called.
func DecodedBeneath(blocks float64) { C.tc_decoded_beneath(C.double(blocks)) }
