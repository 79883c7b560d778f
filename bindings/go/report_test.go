package tilecache

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

type brokenWriter struct{ err error }

func (b brokenWriter) Write([]byte) (int, error) { return 0, b.err }

func TestReports(t *testing.T) {
	cache := newCache(t, 4*4608, WithFlags(CacheObserve))
	tiles := closing(t, must[*Provider](t)(newScene(t, 512, 512, 64, 1).Cached(cache)))
	for i := range 256 {
		_ = must[*Tile](t)(tiles.Block(background, i/8%8, i%8, 0)).Close()
	}
	if stats := must[Stats](t)(cache.Stats()); stats.Observation == 0 {
		t.Fatalf("%+v", stats)
	}
	var told struct {
		Form      int
		Cache     struct{ Budget, Misses uint64 }
		Providers []struct{ Key string }
		Advice    map[string]any
	}
	if err := json.Unmarshal(must[[]byte](t)(cache.StatsJSON()), &told); err != nil {
		t.Fatal(err)
	}
	if told.Form != 1 || told.Cache.Budget != 4*4608 || told.Cache.Misses < 256 || len(told.Providers) == 0 || told.Advice == nil {
		t.Fatalf("%+v", told)
	}
	var own struct {
		Key     string
		Entries int
	}
	if err := json.Unmarshal(must[[]byte](t)(tiles.StatsJSON()), &own); err != nil || own.Key != tiles.Key() {
		t.Fatal(own, err)
	}
	var page bytes.Buffer
	fails(t, cache.Report(&page))
	if text := page.String(); !strings.Contains(text, "<html") || !strings.HasSuffix(strings.TrimSpace(text), "</html>") {
		t.Fatal(text[:min(len(text), 200)])
	}
	broken := brokenWriter{&ownError{4}}
	if err := cache.Report(broken); !errors.Is(err, broken.err) || !errors.Is(err, ErrSource) {
		t.Fatal(err)
	}
	fails(t, cache.Close())
	for _, err := range []error{cache.Report(&page), second(cache.StatsJSON())} {
		if !errors.Is(err, ErrClosed) {
			t.Fatal(err)
		}
	}
}
