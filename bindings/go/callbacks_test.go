package tilecache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

type ownError struct{ number int }

func (e *ownError) Error() string { return fmt.Sprintf("own error %d", e.number) }

func TestErrorsAndPanicsOfFunctionsComeOut(t *testing.T) {
	own := &ownError{7}
	cases := map[string]struct {
		read func(ctx, Block, Pixels) error
		says string
		is   func(error) bool
	}{
		"error": {func(ctx, Block, Pixels) error { return fmt.Errorf("wrapped: %w", own) }, "wrapped: own error 7",
			func(err error) bool { var e *ownError; return errors.As(err, &e) && e == own }},
		"panic": {func(ctx, Block, Pixels) error { panic("at the disco") }, "panic: at the disco",
			func(err error) bool {
				var e *PanicError
				return errors.As(err, &e) && e.Value == "at the disco" && bytes.Contains(e.Stack, []byte("callbacks_test"))
			}},
		"panic with an error": {func(ctx, Block, Pixels) error { panic(own) }, "own error 7",
			func(err error) bool { return errors.Is(err, own) }},
		"index out of range": {func(_ ctx, _ Block, p Pixels) error { Row[uint8](p, p.Height, 0)[0] = 1; return nil },
			"row 64 of band 0", func(err error) bool { return errors.Is(err, ErrRange) }},
		"wrong type": {func(_ ctx, _ Block, p Pixels) error { Row[uint16](p, 0, 0)[0] = 1; return nil },
			"samples are uint8, not uint16", func(err error) bool { return errors.Is(err, ErrArgument) }},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := scene(128, 128, 64, 1, nil)
			s.ReadBlock = c.read
			cache := newCache(t, 1<<20)
			source := closing(t, must[*Provider](t)(NewSource(s)))
			tiles := closing(t, must[*Provider](t)(source.Retile(cache, WithTileSize(100, 100))))
			check := func(call string, err error) {
				t.Helper()
				var e *Error
				if !errors.As(err, &e) || e.Status != ErrSource || !errors.Is(err, ErrSource) || !c.is(err) ||
					!strings.Contains(err.Error(), c.says) {
					t.Errorf("%s: %v", call, err)
				}
			}
			_, err := tiles.Block(background, 0, 0, 0) // on a thread of the library
			check("Block", err)
			err = tiles.ReadWindow(background, ArrayOf(make([]uint8, 100), 10, 10, 1), 60, 60, 0) // on this one
			check("ReadWindow", err)
			_, err = source.PixelStats(background)
			check("PixelStats", err)
			err = tiles.BuildPyramid(background, filepath.Join(t.TempDir(), "no.tif"), nil)
			check("BuildPyramid", err)
		})
	}
}

func TestAllWhoWaitForATileLearnOfItsError(t *testing.T) {
	own := &ownError{1}
	begun, end := make(chan struct{}), make(chan struct{})
	s := scene(64, 64, 64, 1, nil)
	s.ReadBlock = func(ctx, Block, Pixels) error {
		close(begun)
		<-end
		return own
	}
	cache := newCache(t, 1<<20)
	tiles := closing(t, must[*Provider](t)(closing(t, must[*Provider](t)(NewSource(s))).Cached(cache)))
	errs := make(chan error, 8)
	get := func() { _, err := tiles.Block(background, 0, 0, 0); errs <- err }
	go get()
	soon(t, "the first read", begun)
	for range 7 {
		go get()
	}
	for must[Stats](t)(cache.Stats()).Waits == 0 {
		runtime.Gosched()
	}
	close(end)
	for range 8 {
		// One that came after the failure begins anew, and panics on the closed channel.
		if err := <-errs; !errors.Is(err, own) && !strings.Contains(err.Error(), "close of closed channel") {
			t.Fatal(err)
		}
	}
}

func TestFailuresOfTheLibraryAreHandedOn(t *testing.T) {
	s := scene(64, 64, 64, 1, nil)
	s.ReadBlock = func(ctx, Block, Pixels) error { return &Error{Status: ErrCorrupt, Message: "as it was beneath"} }
	_, err := closing(t, must[*Provider](t)(NewSource(s))).Block(background, 0, 0, 0)
	if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "as it was beneath") {
		t.Fatal(err)
	}
}

func TestAKeptBufferIsHarmless(t *testing.T) {
	var kept []Pixels
	var mutex sync.Mutex
	keep := func(p Pixels) {
		mutex.Lock()
		kept = append(kept, p)
		mutex.Unlock()
	}
	s := scene(256, 256, 64, 1, nil)
	plain := s.ReadBlock
	s.ReadBlock = func(c ctx, b Block, into Pixels) error { keep(into); return plain(c, b, into) }
	cache := newCache(t, 1<<20)
	source := closing(t, must[*Provider](t)(NewSource(s)))
	inverse := closing(t, must[*Provider](t)(source.Map(func(_ ctx, _ Block, in, out Pixels) error {
		keep(in)
		keep(out)
		for i, sample := range Plane[uint8](in, 0) {
			Plane[uint8](out, 0)[i] = 255 - sample
		}
		return nil
	}, cache)))
	var tiles []*Tile
	for i := range 16 {
		tiles = append(tiles, must[*Tile](t)(inverse.Block(background, i/4, i%4, 0)))
		defer tiles[i].Close()
	}
	for _, p := range kept {
		clear(p.Bytes())
	}
	for i, tile := range tiles {
		v := must[View[uint8]](t)(ViewOf[uint8](tile))
		if got, want := v.At(9, 9, 0), 255-uint8(sampleAt(i%4*64+9, i/4*64+9, 0, 0)); got != want {
			t.Fatalf("tile %d has %d, not %d", i, got, want)
		}
	}
}

func TestDirectFunctionsSeeTheTileItself(t *testing.T) {
	var at atomic.Uintptr
	s := scene(64, 64, 64, 1, nil)
	plain := s.ReadBlock
	s.Direct = true
	s.ReadBlock = func(c ctx, b Block, into Pixels) error { at.Store(uintptr(into.data)); return plain(c, b, into) }
	cache := newCache(t, 1<<20)
	tiles := closing(t, must[*Provider](t)(closing(t, must[*Provider](t)(NewSource(s))).Cached(cache)))
	tile := must[*Tile](t)(tiles.Block(background, 0, 0, 0))
	defer tile.Close()
	if at.Load() != tileAddress(tile) {
		t.Fatal("the function wrote elsewhere")
	}
}

func TestAContextEndsALoadInTheMiddle(t *testing.T) {
	begun, unwanted := make(chan struct{}), make(chan struct{})
	s := scene(64, 64, 64, 1, nil)
	plain := s.ReadBlock
	first := true
	s.ReadBlock = func(c ctx, b Block, into Pixels) error {
		if !first {
			return plain(c, b, into)
		}
		first = false
		close(begun)
		<-c.Done() // nobody wants it any more
		close(unwanted)
		return c.Err()
	}
	cache := newCache(t, 1<<20)
	tiles := closing(t, must[*Provider](t)(closing(t, must[*Provider](t)(NewSource(s))).Cached(cache)))
	for name, read := range map[string]func(ctx) error{
		"Block": func(c ctx) error {
			tile, err := tiles.Block(c, 0, 0, 0)
			_ = tile.Close()
			return err
		},
		"ReadWindow": func(c ctx) error {
			return tiles.ReadWindow(c, ArrayOf(make([]uint8, 16), 4, 4, 1), 1, 1, 0)
		},
		"PixelStats": func(c ctx) error { _, err := tiles.PixelStats(c); return err },
		"Prefetch":   func(c ctx) error { _, err := tiles.Prefetch(c, 0, 0, 64, 64, 0); return err },
	} {
		t.Run(name, func(t *testing.T) {
			fails(t, tiles.Invalidate())
			first, begun, unwanted = true, make(chan struct{}), make(chan struct{})
			why := errors.New("the client has left")
			c, cancel := context.WithCancelCause(background)
			ended := make(chan error)
			go func() { ended <- read(c) }()
			soon(t, "the load", begun)
			cancel(why)
			select {
			case err := <-ended:
				if !errors.Is(err, context.Canceled) || !errors.Is(err, ErrCancelled) || !errors.Is(err, why) {
					t.Error(err)
				}
			case <-time.After(time.Minute):
				t.Fatal("the call does not end")
			}
			soon(t, "the end of the callback", unwanted)
			if err := read(c); !errors.Is(err, why) {
				t.Error(err)
			}
			fails(t, read(background))
		})
	}
	if stats := must[Stats](t)(cache.Stats()); stats.Held+stats.OverBudget+stats.InFlight != 0 {
		t.Fatalf("%+v", stats)
	}
}

// Upon 127 others no reader can be made, so that the load goes on; its tile, which nobody waits for, is given back.
func TestATileThatComesTooLateIsGivenBack(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	s := scene(64, 64, 64, 1, nil)
	plain := s.ReadBlock
	s.ReadBlock = func(c ctx, b Block, into Pixels) error {
		close(begun)
		<-end
		return plain(c, b, into)
	}
	cache := newCache(t, 1<<20)
	top := closing(t, must[*Provider](t)(closing(t, must[*Provider](t)(NewSource(s))).Cached(cache)))
	for {
		next, err := top.Reader()
		if err != nil {
			if !errors.Is(err, ErrLimit) {
				t.Fatal(err)
			}
			break
		}
		top = closing(t, next)
	}
	c, cancel := context.WithCancel(background)
	ended := make(chan error)
	go func() { _, err := top.Block(c, 0, 0, 0); ended <- err }()
	soon(t, "the load", begun)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	close(end)
	collected(t, "that the tile is there and not held", func() bool {
		stats := must[Stats](t)(cache.Stats())
		return stats.Entries == 1 && stats.Held+stats.OverBudget+stats.InFlight == 0
	})
}

func TestALoadThatOthersWantGoesOn(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	s := scene(64, 64, 64, 1, nil)
	plain := s.ReadBlock
	s.ReadBlock = func(c ctx, b Block, into Pixels) error {
		close(begun)
		<-end
		return plain(c, b, into)
	}
	cache := newCache(t, 1<<20)
	tiles := closing(t, must[*Provider](t)(closing(t, must[*Provider](t)(NewSource(s))).Cached(cache)))
	leaving, leave := context.WithCancel(background)
	left, stayed := make(chan error), make(chan error)
	go func() { _, err := tiles.Block(leaving, 0, 0, 0); left <- err }()
	soon(t, "the load", begun)
	go func() {
		tile, err := tiles.Block(background, 0, 0, 0)
		if err == nil {
			_ = tile.Close()
		}
		stayed <- err
	}()
	for must[Stats](t)(cache.Stats()).Waits == 0 {
		runtime.Gosched()
	}
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	close(end)
	fails(t, <-stayed)
}

// What a function asks of other providers, on its goroutine and on others, is part of its load.
func TestFunctionsReadOtherProviders(t *testing.T) {
	cache := newCache(t, 1<<22, WithThreads(1)) // a request inside of one would wait for ever
	beneath := closing(t, must[*Provider](t)(newScene(t, 256, 256, 64, 1).Cached(cache)))
	s := scene(256, 256, 64, 1, nil)
	s.Inputs = []*Provider{beneath}
	s.ReadBlock = func(c ctx, b Block, into Pixels) error {
		asked := []ctx{background, c, context.WithValue(c, ownError{}, 1)}
		if b.Col%2 == 1 {
			derived, cancel := context.WithTimeout(c, time.Minute)
			defer cancel()
			asked = append(asked, derived)
		}
		errs := make(chan error)
		for _, c := range asked {
			tile, err := beneath.Block(c, b.Row, b.Col, b.Level)
			if err != nil {
				return err
			}
			tile.pixels.copyTo(into)
			_ = tile.Close()
		}
		go func() { // to a tile that is not there yet
			tile, err := beneath.Block(c, b.Row, (b.Col+2)%4, b.Level)
			if err == nil {
				err = tile.Close()
			}
			errs <- errors.Join(err, beneath.ReadWindow(c, ArrayOf(make([]uint8, 64), 8, 8, 1), 8, 8, 0))
		}()
		return <-errs
	}
	over := closing(t, must[*Provider](t)(closing(t, must[*Provider](t)(NewSource(s))).Cached(cache)))
	var all sync.WaitGroup
	for i := range 16 {
		all.Add(1)
		go func() {
			defer all.Done()
			tile, err := over.Block(background, i/4, i%4, 0)
			if err != nil {
				t.Error(err)
				return
			}
			defer tile.Close()
			if got := Row[uint8](must[Pixels](t)(tile.Pixels()), 3, 0)[4]; got != uint8(sampleAt(i%4*64+4, i/4*64+3, 0, 0)) {
				t.Errorf("tile %d has %d", i, got)
			}
		}()
	}
	all.Wait()
}

func TestAFunctionThatWaitsForItselfLearnsSo(t *testing.T) {
	cache := newCache(t, 1<<22)
	var over *Provider
	elsewhere := false
	s := scene(64, 64, 64, 1, nil)
	s.ReadBlock = func(c ctx, b Block, into Pixels) error {
		if !elsewhere {
			_, err := over.Block(c, 0, 0, 0)
			return err
		}
		errs := make(chan error)
		go func() { _, err := over.Block(c, 0, 0, 0); errs <- err }()
		return <-errs
	}
	over = closing(t, must[*Provider](t)(closing(t, must[*Provider](t)(NewSource(s))).Cached(cache)))
	for _, elsewhere = range []bool{false, true} {
		if _, err := over.Block(background, 0, 0, 0); !errors.Is(err, ErrReentrant) {
			t.Fatal(err)
		}
	}
}

func TestAContextOfAFunctionEndsWithIt(t *testing.T) {
	var kept ctx
	s := scene(64, 64, 64, 1, nil)
	plain := s.ReadBlock
	s.ReadBlock = func(c ctx, b Block, into Pixels) error { kept = c; return plain(c, b, into) }
	source := closing(t, must[*Provider](t)(NewSource(s)))
	tile := must[*Tile](t)(source.Block(background, 0, 0, 0))
	defer tile.Close()
	if kept.Err() == nil {
		t.Fatal("it goes on")
	}
	soon(t, "Done", kept.Done())
	if _, err := source.Block(kept, 0, 0, 0); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := source.ReadWindow(kept, ArrayOf(make([]uint8, 1), 1, 1, 1), 0, 0, 0); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestSessionsAreOpenedAndClosed(t *testing.T) {
	var open, most, closed atomic.Int64
	released := make(chan struct{})
	s := scene(512, 512, 64, 1, nil)
	plain := s.ReadBlock
	s.MaxSessions = 2
	s.OpenSession = func() (any, error) {
		for now := open.Add(1); ; {
			if old := most.Load(); old >= now || most.CompareAndSwap(old, now) {
				return new(int), nil
			}
		}
	}
	s.CloseSession = func(session any) { closed.Add(int64(*session.(*int))) }
	s.ReadBlock = func(c ctx, b Block, into Pixels) error { *b.Session.(*int)++; return plain(c, b, into) }
	s.Release = func() { close(released) }
	source := must[*Provider](t)(NewSource(s))
	var all sync.WaitGroup
	for i := range 64 {
		all.Add(1)
		go func() {
			defer all.Done()
			tile, err := source.Block(background, i/8, i%8, 0)
			if err != nil {
				t.Error(err)
				return
			}
			_ = tile.Close()
		}()
	}
	all.Wait()
	fails(t, source.Close())
	soon(t, "Release", released)
	if most.Load() > 2 || closed.Load() != 64 {
		t.Fatalf("%d sessions at once, %d blocks read in those that were closed", most.Load(), closed.Load())
	}
	s.OpenSession = func() (any, error) { return nil, fs.ErrPermission }
	s.Release = nil
	refused := closing(t, must[*Provider](t)(NewSource(s)))
	if _, err := refused.Block(background, 0, 0, 0); !errors.Is(err, fs.ErrPermission) {
		t.Fatal(err)
	}
}

// bytesOf is a file in memory that knows when it is closed.
type bytesOf struct {
	*bytes.Reader
	reads  atomic.Int64
	closed chan struct{}
	fail   error
}

func (b *bytesOf) ReadAt(p []byte, at int64) (int, error) {
	b.reads.Add(1)
	if b.fail != nil {
		return 0, b.fail
	}
	return b.Reader.ReadAt(p, at)
}

func (b *bytesOf) Close() error { close(b.closed); return nil }

func TestFilesInBytesOfYours(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scene.tif")
	fails(t, newScene(t, 600, 400, 200, 3).BuildPyramid(background, path, nil, WithLevels(1), WithTileSize(128, 128)))
	file := must[[]byte](t)(os.ReadFile(path))
	from := &bytesOf{Reader: bytes.NewReader(file), closed: make(chan struct{})}
	if n := must[int](t)(ImageCountReaderAt(bytes.NewReader(file), int64(len(file)))); n != 1 {
		t.Errorf("%d images", n)
	}
	suffixes := map[string]bool{}
	image := must[*Provider](t)(OpenReaderAt(from, int64(len(file)), WithBeside(func(suffix string) (io.ReaderAt, int64, error) {
		suffixes[suffix] = true
		return nil, 0, fs.ErrNotExist
	})))
	if !suffixes[".ovr"] || !suffixes[".aux.xml"] {
		t.Errorf("files looked for: %v", suffixes)
	}
	var window [3 * 10 * 10]uint8
	fails(t, image.ReadWindow(background, ArrayOf(window[:], 10, 10, 3), 300, 200, 0))
	if window[205] != uint8(sampleAt(305, 200, 2, 0)) {
		t.Fatalf("a sample is %d", window[205])
	}
	from.fail = &ownError{9}
	_, err := image.Block(background, 0, 0, 0)
	if own := (*ownError)(nil); !errors.As(err, &own) || own != from.fail {
		t.Fatal(err)
	}
	fails(t, image.Close())
	soon(t, "Close of the bytes", from.closed)
	_, err = OpenReaderAt(from, int64(len(file)), WithBeside(func(string) (io.ReaderAt, int64, error) { return nil, 0, fs.ErrPermission }))
	if own := (*ownError)(nil); !errors.As(err, &own) && !errors.Is(err, fs.ErrPermission) {
		t.Fatal(err)
	}
	if _, err := OpenReaderAt(bytes.NewReader([]byte("no image")), 8); !errors.Is(err, ErrUnsupported) || !errors.Is(err, errors.ErrUnsupported) {
		t.Fatal(err)
	}
}

func TestProgressEndsABuild(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scene.tif")
	source := newScene(t, 2048, 2048, 256, 1)
	var heard []float64
	fails(t, source.BuildPyramid(background, path, nil, WithProgress(func(done float64) { heard = append(heard, done) })))
	if len(heard) < 3 || heard[len(heard)-1] != 1 {
		t.Fatalf("heard %v", heard)
	}
	fails(t, os.Remove(path))
	c, cancel := context.WithCancel(background)
	err := source.BuildPyramid(c, path, nil, WithProgress(func(float64) { cancel() }))
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	err = source.BuildPyramid(background, path, nil, WithProgress(func(float64) { panic(&ownError{3}) }))
	if own := (*ownError)(nil); !errors.As(err, &own) || own.number != 3 {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(path + "*"); left != nil {
		t.Fatalf("left behind: %v", left)
	}
}
