package tilecache

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// heard is a handler that keeps what it hears, and panics on demand.
type heard struct {
	mutex sync.Mutex
	lines []string
	least slog.Level
	panic bool
}

func (h *heard) Enabled(_ context.Context, level slog.Level) bool { return level >= h.least }
func (h *heard) WithAttrs([]slog.Attr) slog.Handler               { return h }
func (h *heard) WithGroup(string) slog.Handler                    { return h }
func (h *heard) Handle(_ context.Context, r slog.Record) error {
	line := r.Level.String()
	r.Attrs(func(a slog.Attr) bool { line += " " + a.Value.String(); return true })
	h.mutex.Lock()
	h.lines = append(h.lines, line+": "+r.Message)
	h.mutex.Unlock()
	if h.panic {
		panic("no log today")
	}
	return nil
}

func (h *heard) has(part string) bool {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return strings.Contains(strings.Join(h.lines, "\n"), part)
}

func TestLogsAreThoseOfGo(t *testing.T) {
	all, few := &heard{least: slog.LevelDebug}, &heard{least: slog.LevelError}
	for _, h := range []*heard{all, few} {
		for _, h.panic = range []bool{false, true} {
			cache := newCache(t, 2*4608, WithLog(slog.New(h), 0))
			s := scene(256, 256, 64, 1, nil)
			plain := s.ReadBlock
			s.ReadBlock = func(c ctx, b Block, into Pixels) error {
				if b.Row == 3 {
					return errors.New("no such row")
				}
				return plain(c, b, into)
			}
			tiles := closing(t, must[*Provider](t)(closing(t, must[*Provider](t)(NewSource(s))).Cached(cache)))
			for i := range 12 {
				_ = must[*Tile](t)(tiles.Block(background, i/4, i%4, 0)).Close()
			}
			if _, err := tiles.Block(background, 3, 0, 0); !strings.Contains(err.Error(), "no such row") {
				t.Fatal(err)
			}
		}
	}
	if !all.has("DEBUG evicted ") || !all.has("INFO failed ") || !all.has("no such row") {
		t.Fatal(all.lines)
	}
	if len(few.lines) > 0 {
		t.Fatal(few.lines)
	}
}

func TestAFailedCallForgetsItsLog(t *testing.T) {
	gone := make(chan struct{}, 3)
	for _, call := range []func(Option) error{
		func(log Option) error { return second(NewCache(1, log, WithUnreadPercent(101))) },
		func(log Option) error { return second(Open(filepath.Join(t.TempDir(), "no.tif"), log)) },
		func(log Option) error { return second(Open("x", log, WithImage(-1))) },
	} {
		h := &heard{}
		runtime.AddCleanup(h, func(int) { gone <- struct{}{} }, 0)
		if call(WithLog(slog.New(h), 0)) == nil {
			t.Fatal("no failure")
		}
	}
	collected(t, "that the logs are forgotten", func() bool { return len(gone) == 3 })
}
