package tilecache

// #include "bridge.h"
import "C"

import (
	"context"
	"runtime/cgo"
	"sync/atomic"
)

// Block is a block as a tile; without bands of all bands in order. What the cache has comes at once. Else the tile is made
// on a thread of the library, and no thread of Go waits for it; inside a function of yours that the library has called,
// on that goroutine. When the context ends, Block returns at once, and what nobody else wants is not made.
func (p *Provider) Block(ctx context.Context, row, col, level int, bands ...int) (*Tile, error) {
	got, err := p.block(ctx, row, col, level, bands)
	if err != nil {
		return nil, err
	}
	return newTile(got), nil
}

// UseBlock calls a function with the pixels of a block, which are valid during the call. It makes no Tile, which is the
// least that a hit can cost.
func (p *Provider) UseBlock(ctx context.Context, row, col, level int, use func(Pixels) error, bands ...int) error {
	got, err := p.block(ctx, row, col, level, bands)
	if err != nil {
		return err
	}
	defer C.tc_tile_release(got.tile)
	return use(pixelsFrom(&got.pixels))
}

// TryBlock is a block if it can be had at once, else the error is ErrNotResident.
func (p *Provider) TryBlock(row, col, level int, bands ...int) (*Tile, error) {
	return p.atOnce(C.TCGO_TRY, row, col, level, bands)
}

// PeekBlock is TryBlock without being a use.
func (p *Provider) PeekBlock(row, col, level int, bands ...int) (*Tile, error) {
	return p.atOnce(C.TCGO_PEEK, row, col, level, bands)
}

func (p *Provider) atOnce(how C.int, row, col, level int, bands []int) (*Tile, error) {
	list, n, err := bandList(bands)
	if err != nil {
		return nil, err
	}
	l, err := narrow("level", level)
	if err != nil {
		return nil, err
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.done()
	var cErr C.tc_error
	got := C.tcgo_block(how, p.c(), C.int64_t(row), C.int64_t(col), l, list, n, &cErr)
	if err := failure(got.status, &cErr); err != nil {
		return nil, err
	}
	return newTile(got), nil
}

func (p *Provider) block(ctx context.Context, row, col, level int, bands []int) (C.tcgo_got, error) {
	if ctx.Err() != nil {
		return C.tcgo_got{}, ended(ctx)
	}
	list, n, err := bandList(bands)
	if err != nil {
		return C.tcgo_got{}, err
	}
	l, err := narrow("level", level)
	if err != nil {
		return C.tcgo_got{}, err
	}
	if err := p.enter(); err != nil {
		return C.tcgo_got{}, err
	}
	defer p.done()
	got := C.tcgo_block(C.TCGO_TRY, p.c(), C.int64_t(row), C.int64_t(col), l, list, n, nil)
	if got.status == C.TC_OK {
		return got, nil
	}
	return p.load(ctx, row, col, l, list, n)
}

// load has a block made, or says why not.
func (p *Provider) load(ctx context.Context, row, col int, level C.int32_t, bands *C.int32_t, n C.size_t) (C.tcgo_got, error) {
	var cErr C.tc_error
	if C.tcgo_is_loading() != 0 || ctx.Value(loadKey{}) != nil {
		// A request would wait for a thread that may be this one's.
		var got C.tcgo_got
		err := p.waiting(ctx, func(reader *C.tc_provider, e *C.tc_error) C.tc_status {
			got = C.tcgo_block(C.TCGO_GET, reader, C.int64_t(row), C.int64_t(col), level, bands, n, e)
			return got.status
		})
		return got, err
	}
	from := p.c()
	if ctx.Done() != nil {
		var reader *C.tc_provider
		if C.provider_reader(from, nil, &reader, &cErr) == C.TC_OK {
			defer C.provider_release(reader)
			from = reader
		} // else it is the 128th of a stack, and what is made for nobody is made to its end
	}
	asked := &request{answer: make(chan answer, 1)}
	handle := cgo.NewHandle(asked)
	status := C.tcgo_request(from, C.int64_t(row), C.int64_t(col), level, bands, n, C.uintptr_t(handle), &cErr)
	if err := failure(status, &cErr); err != nil {
		handle.Delete()
		return C.tcgo_got{}, err
	}
	select {
	case told := <-asked.answer:
		return told.got, told.err
	case <-ctx.Done():
		if asked.settled.CompareAndSwap(false, true) {
			if from != p.c() {
				C.provider_cancel(from, nil)
			}
			return C.tcgo_got{}, ended(ctx)
		}
		told := <-asked.answer
		return told.got, told.err
	}
}

type answer struct {
	got C.tcgo_got
	err error
}

// request is one whose answer comes on a thread of the library, unless nobody waits for it any more.
type request struct {
	settled atomic.Bool
	answer  chan answer
}

//export tilecacheGoDone
func tilecacheGoDone(handle C.uintptr_t, got *C.tcgo_got, err *C.tc_error) {
	asked := valueOf[*request](handle)
	cgo.Handle(handle).Delete()
	if asked.settled.CompareAndSwap(false, true) {
		asked.answer <- answer{*got, failure(got.status, err)}
	} else {
		C.tc_tile_release(got.tile)
	}
}

// Calls that wait in the library keep a thread of Go each, of which a process may have 10,000. So many wait at a time,
// and others for their turn.
const waitAtMost = 64

var turns = make(chan struct{}, waitAtMost)

// waiting makes a call that waits in the library, through a reader that ends with the context.
func (p *Provider) waiting(ctx context.Context, call func(*C.tc_provider, *C.tc_error) C.tc_status) error {
	if ctx.Err() != nil {
		return ended(ctx)
	}
	if err := p.enter(); err != nil {
		return err
	}
	defer p.done()
	inside := C.tcgo_is_loading() != 0
	within, _ := ctx.Value(loadKey{}).(*loadContext)
	if !inside && within == nil { // what a load needs never waits for a turn
		select {
		case turns <- struct{}{}:
			defer func() { <-turns }()
		case <-ctx.Done():
			return ended(ctx)
		}
	}
	var cErr C.tc_error
	from := p.c()
	var reader *C.tc_provider
	switch {
	case within != nil && !inside: // of a function of yours, on another goroutine
		status, runs := within.reader(from, &reader, &cErr)
		if !runs {
			return ended(ctx)
		}
		if err := failure(status, &cErr); err != nil {
			return err
		}
	case within != nil && ctx == context.Context(within): // ends with the load by itself
	case ctx.Done() != nil:
		if C.provider_reader(from, nil, &reader, &cErr) != C.TC_OK {
			reader = nil
		}
	}
	if reader != nil {
		defer C.provider_release(reader)
		from = reader
		C.provider_retain(reader)
		stop := context.AfterFunc(ctx, func() {
			C.provider_cancel(reader, nil)
			C.provider_release(reader)
		})
		defer func() {
			if stop() {
				C.provider_release(reader)
			}
		}()
	}
	err := failure(call(from, &cErr), &cErr)
	if err != nil && ctx.Err() != nil && err.(*Error).Status == ErrCancelled {
		return ended(ctx)
	}
	return err
}

// ReadWindow copies the rectangle of a level that begins at column x and row y and has the size of `into` to memory of
// yours, with samples converted. Outside the image there is pad. Bands are all in order if none are given; BandOpaque is
// opaque alpha. If it fails, `into` may be partly written.
func (p *Provider) ReadWindow(ctx context.Context, into Array, x, y, level int, bands ...int) error {
	if err := into.check(); err != nil {
		return err
	}
	list, n, err := bandList(bands)
	if err != nil {
		return err
	}
	l, err := narrow("level", level)
	if err != nil {
		return err
	}
	return p.waiting(ctx, func(from *C.tc_provider, e *C.tc_error) C.tc_status {
		return C.tcgo_read_window(from, C.int64_t(x), C.int64_t(y), l, list, n, into.begin(), into.toC(), e)
	})
}

// Reader is the same image, read in a way of its own, which Cancel ends.
//
// Options: WithFlags of ReaderFlags, WithFill.
func (p *Provider) Reader(options ...Option) (*Provider, error) {
	s, err := gather("Reader", options, ReaderFlags(0), "Fill")
	if err != nil {
		return nil, err
	}
	set := C.tc_reader_options{struct_size: C.sizeof_tc_reader_options, flags: C.uint32_t(s.flags)}
	if s.fill != nil {
		set.flags |= C.TC_READ_FILL
		set.fill = s.fill.toC()
	}
	return made(func(reader **C.tc_provider, e *C.tc_error) C.tc_status {
		return C.provider_reader(p.c(), &set, reader, e)
	}, p.ref())
}

// Cancel ends a reader for good: calls that wait through it, and all later ones that ask for pixels, fail with
// ErrCancelled.
func (p *Provider) Cancel() error {
	if err := p.enter(); err != nil {
		return err
	}
	defer p.done()
	var cErr C.tc_error
	return failure(C.provider_cancel(p.c(), &cErr), &cErr)
}

// Pass is a reader whose order is known ahead, so that caches keep what it uses next.
//
// Options: WithOrder, WithLevel, WithThreads, WithBands, WithTiles.
func (p *Provider) Pass(options ...Option) (*Provider, error) {
	s, err := gather("Pass", options, nil, "Order", "Level", "Threads", "Bands", "Tiles")
	if err != nil {
		return nil, err
	}
	var m scratch
	defer m.done()
	set := C.tc_pass_options{struct_size: C.sizeof_tc_pass_options, order: C.uint32_t(s.order), threads: C.uint32_t(s.threads)}
	if set.level, err = narrow("Level", s.level); err != nil {
		return nil, err
	}
	if set.bands, set.n_bands, err = m.bands(s.bands); err != nil {
		return nil, err
	}
	tiles := make([]C.tc_pass_tile, len(s.tiles))
	for i, tile := range s.tiles {
		tiles[i] = C.tc_pass_tile{row: C.int64_t(tile[0]), col: C.int64_t(tile[1])}
	}
	set.tiles, set.n_tiles = pinned(&m, tiles)
	return made(func(reader **C.tc_provider, e *C.tc_error) C.tc_status {
		return C.provider_pass(p.c(), &set, reader, e)
	}, p.ref())
}

// Prefetched tells how far a prefetch came. See tc_prefetched.
type Prefetched struct {
	Tiles, Ready, Failed int
	// Full says that it stopped because there was no more room for what is made ahead.
	Full bool
}

type prefetchDone struct {
	answer chan prefetchAnswer
}

type prefetchAnswer struct {
	far Prefetched
	err error
}

//export tilecacheGoPrefetched
func tilecacheGoPrefetched(handle C.uintptr_t, status C.tc_status, far *C.tc_prefetched, err *C.tc_error) {
	asked := valueOf[*prefetchDone](handle)
	cgo.Handle(handle).Delete()
	asked.answer <- prefetchAnswer{Prefetched{int(far.tiles), int(far.ready), int(far.failed), far.full != 0}, failure(status, err)}
}

// Prefetch has the tiles over a rectangle of a level made, on threads of the library, and returns when that has ended; to
// go on meanwhile, call it on a goroutine of its own. When the context ends, so does the prefetch. The provider must have
// a cache.
//
// Options: WithThreads, WithBands.
func (p *Provider) Prefetch(ctx context.Context, x, y, width, height, level int, options ...Option) (Prefetched, error) {
	s, err := gather("Prefetch", options, nil, "Threads", "Bands")
	if err != nil {
		return Prefetched{}, err
	}
	if ctx.Err() != nil {
		return Prefetched{}, ended(ctx)
	}
	var m scratch
	defer m.done()
	set := C.tc_prefetch_options{struct_size: C.sizeof_tc_prefetch_options, threads: C.uint32_t(s.threads)}
	if set.bands, set.n_bands, err = m.bands(s.bands); err != nil {
		return Prefetched{}, err
	}
	l, err := narrow("level", level)
	if err != nil {
		return Prefetched{}, err
	}
	if err := p.enter(); err != nil {
		return Prefetched{}, err
	}
	defer p.done()
	var cErr C.tc_error
	var reader *C.tc_provider
	if err := failure(C.provider_reader(p.c(), nil, &reader, &cErr), &cErr); err != nil {
		return Prefetched{}, err
	}
	defer C.provider_release(reader)
	asked := &prefetchDone{make(chan prefetchAnswer, 1)}
	handle := cgo.NewHandle(asked)
	status := C.tcgo_prefetch(reader, C.int64_t(x), C.int64_t(y), C.int64_t(width), C.int64_t(height), l, &set,
		C.uintptr_t(handle), &cErr)
	if err := failure(status, &cErr); err != nil {
		handle.Delete()
		return Prefetched{}, err
	}
	select {
	case told := <-asked.answer:
		return told.far, told.err
	case <-ctx.Done():
		C.provider_cancel(reader, nil)
		return Prefetched{}, ended(ctx)
	}
}
