package tilecache

// #include "bridge.h"
import "C"

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"runtime/cgo"
	"sync"
	"time"
	"unsafe"
)

// What the library calls of Go. A function of yours is a number to it, which lies in memory of C.

// newUser is what the library passes to callbacks, for a value that they find.
func newUser(value any) unsafe.Pointer {
	user := (*C.tcgo_user)(C.malloc(C.sizeof_tcgo_user))
	user.handle = C.uintptr_t(cgo.NewHandle(value))
	return unsafe.Pointer(user)
}

func valueOf[T any](handle C.uintptr_t) T { return cgo.Handle(handle).Value().(T) }

// released is what of a user hears that the library needs it no more.
type released interface{ released() }

//export tilecacheGoRelease
func tilecacheGoRelease(handle C.uintptr_t) {
	value := cgo.Handle(handle).Value()
	cgo.Handle(handle).Delete()
	if log, is := value.(*userLog); is {
		log.gone.Store(true)
	}
	if ends, is := value.(released); is {
		go ends.released() // a release may run inside any call, where no function of yours may
	}
}

// loadContext is the context of a callback. It ends when nobody wants what the callback makes any more, and when the
// callback returns.
type loadContext struct {
	mutex sync.Mutex
	load  *C.tc_load // borrowed from the callback; nil once that has returned
	ended bool
	over  chan struct{}
}

type loadKey struct{}

func (c *loadContext) Deadline() (time.Time, bool) { return time.Time{}, false }

func (c *loadContext) Value(key any) any {
	if key == (loadKey{}) {
		return c
	}
	return nil
}

func (c *loadContext) Err() error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.ended || c.load != nil && C.tc_load_is_cancelled(c.load) != 0 {
		return context.Canceled
	}
	return nil
}

// Done is closed within some milliseconds of the end: the library does not tell, it is asked.
func (c *loadContext) Done() <-chan struct{} {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.over == nil {
		c.over = make(chan struct{})
		if c.ended {
			close(c.over)
		} else {
			go c.watch(c.over)
		}
	}
	return c.over
}

func (c *loadContext) watch(over chan struct{}) {
	for c.Err() == nil {
		time.Sleep(2 * time.Millisecond)
	}
	close(over)
}

// reader is a reader of a provider on behalf of the load, while the callback runs.
func (c *loadContext) reader(of *C.tc_provider, reader **C.tc_provider, err *C.tc_error) (C.tc_status, bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.ended {
		return 0, false
	}
	options := C.tc_reader_options{struct_size: C.sizeof_tc_reader_options, load: c.load}
	return C.provider_reader(of, &options, reader, err), true
}

// during calls a function of yours with the context of a load.
func during(load *C.tc_load, err *C.tc_error, call func(ctx context.Context) error) C.tc_status {
	ctx := &loadContext{load: load}
	defer func() {
		ctx.mutex.Lock()
		ctx.load, ctx.ended = nil, true
		ctx.mutex.Unlock()
	}()
	return guarded(err, func() error { return call(ctx) })
}

// output is where a function of yours writes a block: memory of Go, unless it promised not to keep it.
func output(into *C.tc_target, direct bool) (given, real Pixels) {
	real = Pixels{Width: int(into.width), Height: int(into.height), Bands: int(into.bands), DType: DType(into.dtype),
		RowStride: int(into.row_stride), BandStride: int(into.band_stride), ValidWidth: int(into.width),
		ValidHeight: int(into.height), data: into.data}
	if direct {
		return real, real
	}
	return newPixels(real.Width, real.Height, real.Bands, real.DType), real
}

// input are pixels that a function of yours reads, likewise.
func input(in *C.tc_pixels, direct bool) Pixels {
	real := pixelsFrom(in)
	if direct {
		return real
	}
	given := newPixels(real.Width, real.Height, real.Bands, real.DType)
	given.ValidWidth, given.ValidHeight, given.Absent = real.ValidWidth, real.ValidHeight, real.Absent
	real.copyTo(given)
	return given
}

// written calls a function of yours that writes pixels, and hands them on.
func written(into *C.tc_target, direct bool, call func(Pixels) error) error {
	given, real := output(into, direct)
	if err := call(given); err != nil {
		return err
	}
	if !direct {
		given.copyTo(real)
	}
	return nil
}

func bandsAsked(bands *C.int32_t, n C.int32_t) []int {
	if bands == nil {
		return nil
	}
	list := make([]int, n)
	for i, band := range unsafe.Slice(bands, n) {
		list[i] = int(band)
	}
	return list
}

//export tilecacheGoHasBlock
func tilecacheGoHasBlock(user C.uintptr_t, load *C.tc_load, row, col C.int64_t, level C.int32_t, has *C.int32_t, err *C.tc_error) C.tc_status {
	source := valueOf[*userSource](user)
	return during(load, err, func(ctx context.Context) error {
		is, err := source.HasBlock(ctx, int(row), int(col), int(level))
		if is {
			*has = 1
		}
		return err
	})
}

//export tilecacheGoReadBlock
func tilecacheGoReadBlock(user C.uintptr_t, load *C.tc_load, session C.uintptr_t, row, col C.int64_t, level C.int32_t, bands *C.int32_t, into *C.tc_target, err *C.tc_error) C.tc_status {
	source := valueOf[*userSource](user)
	return during(load, err, func(ctx context.Context) error {
		return written(into, source.Direct, func(p Pixels) error {
			return source.ReadBlock(ctx, Block{Row: int(row), Col: int(col), Level: int(level),
				Bands: bandsAsked(bands, into.bands), Session: sessionOf(session)}, p)
		})
	})
}

//export tilecacheGoReadWindow
func tilecacheGoReadWindow(user C.uintptr_t, load *C.tc_load, session C.uintptr_t, x, y C.int64_t, level C.int32_t, bands *C.int32_t, into *C.tc_target, err *C.tc_error) C.tc_status {
	source := valueOf[*userSource](user)
	return during(load, err, func(ctx context.Context) error {
		return written(into, source.Direct, func(p Pixels) error {
			return source.ReadWindow(ctx, Window{X: int(x), Y: int(y), Level: int(level),
				Bands: bandsAsked(bands, into.bands), Session: sessionOf(session)}, p)
		})
	})
}

func sessionOf(session C.uintptr_t) any {
	if session == 0 {
		return nil
	}
	return cgo.Handle(session).Value()
}

//export tilecacheGoOpenSession
func tilecacheGoOpenSession(user C.uintptr_t, session *C.uintptr_t, err *C.tc_error) C.tc_status {
	source := valueOf[*userSource](user)
	return guarded(err, func() error {
		opened, err := source.OpenSession()
		if err == nil {
			*session = C.uintptr_t(cgo.NewHandle(opened))
		}
		return err
	})
}

//export tilecacheGoCloseSession
func tilecacheGoCloseSession(user, session C.uintptr_t) {
	opened := sessionOf(session)
	cgo.Handle(session).Delete()
	if source := valueOf[*userSource](user); source.CloseSession != nil {
		source.closing.Add(1)
		go func() {
			defer source.closing.Done()
			source.CloseSession(opened)
		}()
	}
}

// userBytes are bytes of yours.
type userBytes struct {
	from    io.ReaderAt
	release func()
}

func (b *userBytes) released() {
	if closer, is := b.from.(io.Closer); is && b.release == nil {
		_ = closer.Close()
	}
	if b.release != nil {
		b.release()
	}
}

//export tilecacheGoReadAt
func tilecacheGoReadAt(user C.uintptr_t, offset C.int64_t, into unsafe.Pointer, bytes C.size_t, err *C.tc_error) C.tc_status {
	from := valueOf[*userBytes](user).from
	return guarded(err, func() error {
		given := make([]byte, bytes) // a reader may write to it after it has failed
		n, err := from.ReadAt(given, int64(offset))
		if n == len(given) {
			copy(unsafe.Slice((*byte)(into), bytes), given)
			return nil
		}
		if err == nil || errors.Is(err, io.EOF) {
			err = fmt.Errorf("%d of %d bytes at %d: %w", n, bytes, offset, io.ErrUnexpectedEOF)
		}
		return err
	})
}

// userBeside opens files that lie beside one.
type userBeside struct {
	open func(suffix string) (io.ReaderAt, int64, error)
}

//export tilecacheGoOpenBeside
func tilecacheGoOpenBeside(user C.uintptr_t, suffix *C.char, opened *C.uintptr_t, size *C.int64_t, err *C.tc_error) C.tc_status {
	beside := valueOf[*userBeside](user)
	missing := false
	status := guarded(err, func() error {
		from, bytes, err := beside.open(C.GoString(suffix))
		if missing = errors.Is(err, fs.ErrNotExist); err != nil {
			return err
		}
		if from == nil {
			return invalid("the reader of a file beside it is nil")
		}
		*opened, *size = C.uintptr_t(cgo.NewHandle(&userBytes{from: from})), C.int64_t(bytes)
		return nil
	})
	if missing {
		return C.TC_E_NOT_FOUND
	}
	return status
}

// userMap is a function of Map.
type userMap struct {
	f      MapFunc
	direct bool
	after  func()
}

func (m *userMap) released() {
	if m.after != nil {
		m.after()
	}
}

//export tilecacheGoMap
func tilecacheGoMap(user C.uintptr_t, load *C.tc_load, row, col C.int64_t, level C.int32_t, in *C.tc_pixels, out *C.tc_target, err *C.tc_error) C.tc_status {
	m := valueOf[*userMap](user)
	return during(load, err, func(ctx context.Context) error {
		return written(out, m.direct, func(p Pixels) error {
			return m.f(ctx, Block{Row: int(row), Col: int(col), Level: int(level)}, input(in, m.direct), p)
		})
	})
}

// userCompute is a function of Compute.
type userCompute struct {
	f      ComputeFunc
	direct bool
	after  func()
}

func (c *userCompute) released() {
	if c.after != nil {
		c.after()
	}
}

//export tilecacheGoCompute
func tilecacheGoCompute(user C.uintptr_t, load *C.tc_load, place *C.tc_place, inputs *C.tc_pixels, n C.size_t, out *C.tc_target, err *C.tc_error) C.tc_status {
	c := valueOf[*userCompute](user)
	return during(load, err, func(ctx context.Context) error {
		given := make([]Pixels, n)
		for i := range given {
			given[i] = input(&unsafe.Slice(inputs, n)[i], c.direct)
		}
		return written(out, c.direct, func(p Pixels) error {
			return c.f(ctx, Place{Row: int(place.row), Col: int(place.col), X: int(place.x), Y: int(place.y),
				Width: int(place.width), Height: int(place.height), Level: int(place.level)}, given, p)
		})
	})
}

// userParts opens the parts of a mosaic.
type userParts struct {
	open  func(ctx context.Context, part int) (*Provider, error)
	after func()
}

func (u *userParts) released() {
	if u.after != nil {
		u.after()
	}
}

//export tilecacheGoOpenPart
func tilecacheGoOpenPart(user C.uintptr_t, load *C.tc_load, part C.size_t, provider **C.tc_provider, err *C.tc_error) C.tc_status {
	u := valueOf[*userParts](user)
	return during(load, err, func(ctx context.Context) error {
		opened, err := u.open(ctx, int(part))
		if err != nil {
			return err
		}
		if err := opened.enter(); err != nil {
			return err
		}
		defer opened.done()
		*provider = C.provider_retain(opened.c())
		return nil
	})
}

// userTransform is a function of TransformFunc.
type userTransform struct {
	f     func(x, y []float64) error
	after func()
}

func (u *userTransform) released() {
	if u.after != nil {
		u.after()
	}
}

//export tilecacheGoTransform
func tilecacheGoTransform(user C.uintptr_t, n C.int, x, y *C.double, ok *C.int) C.int {
	u := valueOf[*userTransform](user)
	xs, ys := unsafe.Slice((*float64)(x), n), unsafe.Slice((*float64)(y), n)
	gx, gy := append([]float64(nil), xs...), append([]float64(nil), ys...)
	var told C.tc_error
	if guarded(&told, func() error { return u.f(gx, gy) }) != C.TC_OK {
		if told.source_code == 0 {
			told.source_code = C.int32_t(told.code)
		}
		return C.int(-told.source_code)
	}
	for i := range unsafe.Slice(ok, n) {
		if !math.IsNaN(gx[i]) && !math.IsNaN(gy[i]) {
			xs[i], ys[i] = gx[i], gy[i]
			unsafe.Slice(ok, n)[i] = 1
		}
	}
	return 1
}

// userProgress hears of a long call, and ends it when a context ends.
type userProgress struct {
	ctx  context.Context
	hear func(float64)
	fell error // what the function panicked with
}

//export tilecacheGoProgress
func tilecacheGoProgress(user C.uintptr_t, done C.double) C.int {
	u := valueOf[*userProgress](user)
	if u.ctx.Err() != nil {
		return 0
	}
	if u.hear != nil {
		var told C.tc_error
		if guarded(&told, func() error { u.hear(float64(done)); return nil }) != C.TC_OK {
			u.fell = kept.find(int32(told.source_code))
			return 0
		}
	}
	return 1
}
