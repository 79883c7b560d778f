package tilecache

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"tilecache/internal/chit"
	"time"
)

// raced is whether the race detector runs, under which all takes ten times as long.
var raced = false

func scaled(n int) int {
	if raced {
		return n / 10
	}
	return n
}

func osThreads(t testing.TB) int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("no /proc: ", err)
	}
	_, after, _ := bytes.Cut(status, []byte("Threads:"))
	count, _, _ := bytes.Cut(after, []byte("\n"))
	n, err := strconv.Atoi(string(bytes.TrimSpace(count)))
	fails(t, err)
	return n
}

func TestThousandsOfGoroutines(t *testing.T) {
	var reads atomic.Int64
	cache := newCache(t, 64*4608) // a quarter of the tiles
	source := closing(t, must[*Provider](t)(NewSource(scene(1024, 1024, 64, 1, &reads))))
	tiles := closing(t, must[*Provider](t)(source.Cached(cache)))
	collect, collecting := context.WithCancel(background)
	defer collecting()
	go func() {
		for collect.Err() == nil {
			runtime.GC()
			time.Sleep(5 * time.Millisecond)
		}
	}()
	elsewhere := make(chan *Tile, 64) // are released on other threads
	var releasers, all sync.WaitGroup
	for range 4 {
		releasers.Add(1)
		go func() {
			defer releasers.Done()
			runtime.LockOSThread()
			for tile := range elsewhere {
				_ = tile.Close()
			}
		}()
	}
	for i := range 4000 {
		all.Add(1)
		go func() {
			defer all.Done()
			random := rand.New(rand.NewPCG(uint64(i), 1))
			for range 10 {
				row, col := random.IntN(16), random.IntN(16)
				c, cancel := context.WithCancel(background)
				if random.IntN(4) == 0 {
					go cancel()
				}
				tile, err := tiles.Block(c, row, col, 0)
				if err != nil {
					if c.Err() == nil {
						t.Error(err)
					}
					cancel()
					continue
				}
				cancel()
				x, y := random.IntN(64), random.IntN(64)
				view, err := ViewOf[uint8](tile)
				if err != nil || view.At(x, y, 0) != uint8(sampleAt(col*64+x, row*64+y, 0, 0)) {
					t.Error("a sample is another", err)
				}
				switch random.IntN(3) {
				case 0: // left to the collector
				case 1:
					elsewhere <- tile
				default:
					_ = tile.Close()
				}
			}
		}()
	}
	all.Wait()
	close(elsewhere)
	releasers.Wait()
	collected(t, "that no tile is held", func() bool {
		stats := must[Stats](t)(cache.Stats())
		return stats.Held+stats.OverBudget+stats.InFlight == 0
	})
}

// A miss is made on a thread of the library, and the goroutines that wait for it keep none.
func TestNoThreadWaitsForABlock(t *testing.T) {
	begun, end := make(chan struct{}, 8), make(chan struct{})
	s := scene(64*64, 64*64, 64, 1, nil)
	plain := s.ReadBlock
	s.ReadBlock = func(c ctx, b Block, into Pixels) error {
		select {
		case begun <- struct{}{}:
		default:
		}
		<-end
		return plain(c, b, into)
	}
	cache := newCache(t, 64<<20, WithThreads(2))
	tiles := closing(t, must[*Provider](t)(closing(t, must[*Provider](t)(NewSource(s))).Cached(cache)))
	before := osThreads(t)
	var all, asked sync.WaitGroup
	for i := range 4000 {
		all.Add(1)
		asked.Add(1)
		go func() {
			defer all.Done()
			asked.Done()
			tile, err := tiles.Block(background, i/64, i%64, 0)
			if err != nil {
				t.Error(err)
				return
			}
			_ = tile.Close()
		}()
	}
	asked.Wait()
	<-begun
	for must[Stats](t)(cache.Stats()).Misses < 4000 {
		time.Sleep(time.Millisecond)
	}
	if more := osThreads(t) - before; more > 40 {
		t.Errorf("4000 goroutines wait with %d threads more", more)
	}
	close(end)
	all.Wait()
}

// Windows are read on threads of Go, of which only so many wait.
func TestFewThreadsWaitForWindows(t *testing.T) {
	end := make(chan struct{})
	s := scene(64*64, 64*64, 64, 1, nil)
	plain := s.ReadBlock
	s.ReadBlock = func(c ctx, b Block, into Pixels) error { <-end; return plain(c, b, into) }
	source := closing(t, must[*Provider](t)(NewSource(s)))
	before := osThreads(t)
	var all sync.WaitGroup
	c, cancel := context.WithCancel(background)
	for i := range 2000 {
		all.Add(1)
		go func() {
			defer all.Done()
			c := c
			if i%2 == 0 {
				c = background
			}
			if err := source.ReadWindow(c, ArrayOf(make([]uint8, 4), 2, 2, 1), i/64*64, i%64*64, 0); err != nil && c.Err() == nil {
				t.Error(err)
			}
		}()
	}
	for len(turns) < waitAtMost {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(20 * time.Millisecond)
	if more := osThreads(t) - before; more > waitAtMost+40 {
		t.Errorf("2000 goroutines wait with %d threads more", more)
	}
	cancel()
	close(end)
	all.Wait()
}

func TestAMillionTilesAreLeftToTheCollector(t *testing.T) {
	n := scaled(1_000_000)
	cache := newCache(t, 1<<20)
	tiles := closing(t, must[*Provider](t)(newScene(t, 32*8, 32*8, 8, 1).Cached(cache)))
	memory := func() int {
		statm, err := os.ReadFile("/proc/self/statm")
		fails(t, err)
		pages, err := strconv.Atoi(string(bytes.Fields(statm)[1]))
		fails(t, err)
		return pages * os.Getpagesize()
	}
	var first int
	sum := 0
	for i := range n {
		tile, err := tiles.Block(background, i/32%32, i%32, 0)
		fails(t, err)
		sum += tile.Width()
		if i == n/2 {
			runtime.GC()
			first = memory()
		}
	}
	if sum != 8*n {
		t.Fatal(sum)
	}
	collected(t, "that no tile is held", func() bool { return must[Stats](t)(cache.Stats()).Held == 0 })
	runtime.GC()
	if more := memory() - first; more > 64<<20 {
		t.Errorf("the second half of the tiles took %d bytes", more)
	}
}

func TestProvidersAreLeftToTheCollector(t *testing.T) {
	n := int64(scaled(20_000))
	var released atomic.Int64
	for range n {
		s := scene(64, 64, 64, 1, nil)
		s.Release = func() { released.Add(1) }
		source := must[*Provider](t)(NewSource(s))
		must[*Provider](t)(source.Map(func(ctx, Block, Pixels, Pixels) error { return nil }, nil, WithRelease(func() { released.Add(1) })))
	}
	collected(t, "that all functions are released", func() bool { return released.Load() == 2*n })
}

func TestFailedCallsForgetTheirFunctions(t *testing.T) {
	s := scene(64, 64, 64, 1, nil)
	s.Image.Bands = -1
	gone := make(chan struct{})
	func() {
		held := new([1 << 20]byte)
		runtime.AddCleanup(held, func(int) { close(gone) }, 0)
		s.ReadBlock = func(ctx, Block, Pixels) error { held[0]++; return nil }
		s.Release = func() { t.Error("Release after a failure") }
		if _, err := NewSource(s); err == nil {
			t.Fatal("-1 bands")
		}
		s.ReadBlock = nil
	}()
	collected(t, "that the function is forgotten", func() bool {
		select {
		case <-gone:
			return true
		default:
			return false
		}
	})
}

// processorTime is what all threads have used, whoever else uses the machine.
func processorTime(t testing.TB) time.Duration {
	var used syscall.Rusage
	fails(t, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// What a hit costs beside one in C in processor time, as a median of ratios of turns one after the other.
func TestAHitCostsLittleMoreThanInC(t *testing.T) {
	if raced {
		t.Skip("the race detector costs more than a hit")
	}
	const side, n = 32, 20_000
	cache := newCache(t, 16<<20)
	tiles := closing(t, must[*Provider](t)(newScene(t, side*64, side*64, 64, 1).Cached(cache)))
	for i := range side * side {
		_ = must[*Tile](t)(tiles.Block(background, i/side, i%side, 0)).Close()
	}
	sum := 0
	ways := []struct {
		name string
		hits func()
	}{
		{"UseBlock", func() {
			for i := range n {
				fails(t, tiles.UseBlock(background, i/side%side, i%side, 0, func(p Pixels) error {
					sum += int(p.Bytes()[0])
					return nil
				}))
			}
		}},
		{"Block, Close", func() {
			for i := range n {
				tile, err := tiles.Block(background, i/side%side, i%side, 0)
				fails(t, err)
				sum += int(Row[uint8](tile.pixels, 0, 0)[0])
				_ = tile.Close()
			}
		}},
		{"Block, left to the collector", func() {
			for i := range n {
				tile, err := tiles.Block(background, i/side%side, i%side, 0)
				fails(t, err)
				sum += int(Row[uint8](tile.pixels, 0, 0)[0])
			}
		}},
	}
	ratios := make([][]float64, len(ways))
	var inC []float64
	for range 15 {
		begin := processorTime(t)
		want := chit.Hits(objectOf(tiles), n, side)
		c := processorTime(t) - begin
		inC = append(inC, float64(c.Nanoseconds())/n)
		for i, way := range ways {
			sum = 0
			begin = processorTime(t)
			way.hits()
			ratios[i] = append(ratios[i], float64(processorTime(t)-begin)/float64(c))
			if sum != want || want < 0 {
				t.Fatalf("sums are %d and %d", sum, want)
			}
		}
	}
	slices.Sort(inC)
	for i, way := range ways {
		slices.Sort(ratios[i])
		t.Logf("%s: %.1f times a hit in C (median of 15; %.0f ns)", way.name, ratios[i][7], inC[7])
	}
}
