package main

import (
	"fmt"
	"io"
	"runtime"
	runtimemetrics "runtime/metrics"
	"sync"
	"sync/atomic"
	"time"

	"tilecache"
	"tileserver/encode"
)

// Metrics in Prometheus' text format.
type metrics struct {
	mutex    sync.Mutex
	requests map[int]int64 // by code
	buckets  [len(bucketEnds) + 1]int64
	seconds  float64

	rendered, inFlight atomic.Int64
}

var bucketEnds = [...]float64{0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10}

func (m *metrics) took(code int, d time.Duration) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.requests == nil {
		m.requests = map[int]int64{}
	}
	m.requests[code]++
	m.seconds += d.Seconds()
	at := 0
	for at < len(bucketEnds) && d.Seconds() > bucketEnds[at] {
		at++
	}
	m.buckets[at]++
}

func (m *metrics) write(w io.Writer, cache tilecache.Stats, replies *replies, layers, unshown int) {
	value := func(name, kind, help string, value any) {
		fmt.Fprintf(w, "# HELP tileserver_%s %s\n# TYPE tileserver_%s %s\ntileserver_%s %v\n", name, help, name, kind, name, value)
	}
	m.mutex.Lock()
	fmt.Fprint(w, "# HELP tileserver_requests_total Requests for tiles and descriptions, by status.\n# TYPE tileserver_requests_total counter\n")
	for code, n := range m.requests {
		fmt.Fprintf(w, "tileserver_requests_total{code=\"%d\"} %d\n", code, n)
	}
	fmt.Fprint(w, "# HELP tileserver_request_seconds How long requests for tiles and descriptions took.\n# TYPE tileserver_request_seconds histogram\n")
	sum := int64(0)
	for i, end := range bucketEnds {
		sum += m.buckets[i]
		fmt.Fprintf(w, "tileserver_request_seconds_bucket{le=\"%v\"} %d\n", end, sum)
	}
	sum += m.buckets[len(bucketEnds)]
	fmt.Fprintf(w, "tileserver_request_seconds_bucket{le=\"+Inf\"} %d\ntileserver_request_seconds_sum %v\ntileserver_request_seconds_count %d\n",
		sum, m.seconds, sum)
	m.mutex.Unlock()

	value("layers", "gauge", "Layers of the folder.", layers)
	value("layers_unshown", "gauge", "Layers of which it is known that they cannot be shown.", unshown)
	value("in_flight", "gauge", "Requests for tiles and descriptions that run.", m.inFlight.Load())
	value("rendered_total", "counter", "Tiles rendered and encoded.", m.rendered.Load())
	replies.mutex.Lock()
	kept, bytes, hits, misses, joined, abandoned := len(replies.byKey), replies.bytes, replies.hits, replies.misses, replies.joined, replies.abandoned
	replies.mutex.Unlock()
	value("replies", "gauge", "Encoded tiles that are kept.", kept)
	value("replies_bytes", "gauge", "Bytes of encoded tiles that are kept.", bytes)
	value("replies_hits_total", "counter", "Requests answered by an encoded tile that was kept.", hits)
	value("replies_misses_total", "counter", "Requests for which a tile was begun.", misses)
	value("replies_joined_total", "counter", "Requests that joined a tile that was being made.", joined)
	value("replies_abandoned_total", "counter", "Tiles that nobody wanted any more before they were made.", abandoned)
	value("cache_budget_bytes", "gauge", "The budget of the tile cache.", cache.Budget)
	value("cache_resident_bytes", "gauge", "Bytes inside of the budget.", cache.Resident)
	value("cache_over_budget_bytes", "gauge", "Bytes that are held outside of the budget.", cache.OverBudget)
	value("cache_in_flight_bytes", "gauge", "Bytes of tiles that are being made.", cache.InFlight)
	value("cache_entries", "gauge", "Tiles in the cache.", cache.Entries)
	value("cache_hits_total", "counter", "Gets that found their tile.", cache.Hits)
	value("cache_misses_total", "counter", "Gets that did not.", cache.Misses)
	value("cache_waits_total", "counter", "Gets that joined a load.", cache.Waits)
	value("cache_loads_total", "counter", "Blocks decoded and tiles made.", cache.Loads)
	value("cache_load_errors_total", "counter", "Loads that failed.", cache.LoadErrors)
	value("cache_evictions_total", "counter", "Buffers that went to make room.", cache.Evictions)
	value("goroutines", "gauge", "Goroutines.", runtime.NumGoroutine())
	heap, of := goMemory()
	value("go_heap_bytes", "gauge", "Bytes of objects of Go, those among them that nobody uses any more.", heap)
	value("go_memory_bytes", "gauge", "Bytes that Go has from the system.", of)
	if used, unused, known := encode.Malloc(); known {
		value("malloc_used_bytes", "gauge", "Bytes that malloc has given out, tiles of the cache among them.", used)
		value("malloc_unused_bytes", "gauge", "Bytes that malloc keeps for later.", unused)
	}
}

func goMemory() (heap, of uint64) {
	samples := []runtimemetrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"}}
	runtimemetrics.Read(samples)
	return samples[0].Value.Uint64(), samples[1].Value.Uint64() - samples[2].Value.Uint64()
}
