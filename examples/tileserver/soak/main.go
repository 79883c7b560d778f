// Soak asks a tile server for everything that clients ask for, for a long time at a limited rate, and says whether its
// memory, descriptors and threads stay flat: soak/run starts both.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type layer struct {
	name    string
	MaxZoom int
	Flat    bool
	Bounds  [4]float64
	Width   int
	Height  int
}

type load struct {
	base, host  string
	client      *http.Client
	layers      []layer
	unexpected  atomic.Int64
	asked, left atomic.Int64
	codes       [600]atomic.Int64
	said        sync.Map // the first reply of each unexpected kind
}

func main() {
	base := flag.String("server", "http://127.0.0.1:8080", "the server")
	process := flag.Int("process", 0, "its process")
	minutes := flag.Float64("minutes", 60, "how long")
	connections := flag.Int("connections", 64, "connections")
	rate := flag.Float64("rate", 100, "requests in a second, of all")
	folder := flag.String("folder", "", "the folder that is served, in which a file changes and another comes and goes")
	every := flag.Duration("every", 5*time.Second, "how often is looked at the process")
	flag.Parse()

	l := &load{base: *base, host: strings.TrimPrefix(*base, "http://"), client: &http.Client{Timeout: time.Minute,
		Transport: &http.Transport{MaxIdleConnsPerHost: *connections, MaxConnsPerHost: *connections}}}
	if err := l.findLayers(); err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Duration(*minutes*float64(time.Minute)))
	defer stop()
	var all sync.WaitGroup
	pace := time.Duration(float64(*connections) / *rate * float64(time.Second))
	begin := func(work func()) {
		all.Add(1)
		go func() { defer all.Done(); work() }()
	}
	for range *connections {
		begin(func() { l.visitor(ctx, pace) })
	}
	begin(func() { l.halfOpen(ctx) })
	if *folder != "" {
		begin(func() { change(ctx, *folder) })
	}
	samples := watch(ctx, *process, *every, l)
	all.Wait()
	if !judge(samples, l) {
		os.Exit(1)
	}
}

func (l *load) findLayers() error {
	var names []string
	if err := l.decoded("/layers.json", &names); err != nil {
		return err
	}
	for _, name := range names {
		one := layer{name: name}
		if err := l.decoded("/tiles/"+url.PathEscape(name)+".json", &one); err != nil {
			return err
		}
		l.layers = append(l.layers, one)
	}
	if len(l.layers) == 0 {
		return fmt.Errorf("there are no layers")
	}
	return nil
}

func (l *load) decoded(path string, into any) error {
	reply, err := l.client.Get(l.base + path)
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	if reply.StatusCode != 200 {
		return fmt.Errorf("%s: %s", path, reply.Status)
	}
	return json.NewDecoder(reply.Body).Decode(into)
}

// visitor asks for one thing after the other, as often as the rate allows.
func (l *load) visitor(ctx context.Context, pace time.Duration) {
	random := rand.New(rand.NewPCG(rand.Uint64(), 1))
	etags := map[string]string{}
	for {
		wait := time.Duration(random.ExpFloat64() * float64(pace))
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		l.one(ctx, random, etags)
	}
}

// one is a request of some kind: most are for tiles.
func (l *load) one(ctx context.Context, random *rand.Rand, etags map[string]string) {
	of := l.layers[random.IntN(len(l.layers))]
	tile := of.tile(random)
	switch kind := random.IntN(100); {
	case kind < 60:
		l.get(ctx, tile, etags, 200, 304, 503)
	case kind < 68: // a browser that pans on
		left, leave := context.WithTimeout(ctx, time.Duration(random.IntN(20))*time.Millisecond)
		l.get(left, tile, nil, 200, 503)
		leave()
	case kind < 74:
		wmts := url.Values{"SERVICE": {"WMTS"}, "REQUEST": {"GetTile"}, "VERSION": {"1.0.0"}, "LAYER": {of.name}, "FORMAT": {"image/jpeg"},
			"TILEMATRIXSET": {"WebMercatorQuad"}, "TILEMATRIX": {"2"}, "TILEROW": {strconv.Itoa(random.IntN(4))}, "TILECOL": {strconv.Itoa(random.IntN(4))}}
		l.get(ctx, "/wmts?"+wmts.Encode(), nil, 200, 400, 503)
	case kind < 80:
		wrong := []string{"/tiles/nothing/0/0/0.png", "/tiles/" + url.PathEscape(of.name) + "/99/0/0.png", "/tiles/..%2f..%2fetc%2fpasswd/0/0/0.png",
			"/tiles/" + url.PathEscape(of.name) + "/1/7/7.webp", "/no/such/page"}
		l.get(ctx, wrong[random.IntN(len(wrong))], nil, 404)
	case kind < 86:
		l.get(ctx, "/tiles/"+url.PathEscape(of.name)+".json", nil, 200, 503)
	case kind < 90:
		l.get(ctx, "/tiles/comes-and-goes/0/0/0.png", nil, 200, 404, 422, 500, 503) // 422, 500: half written
	case kind < 94:
		l.get(ctx, "/tiles/changes/0/0/0.png", etags, 200, 304, 404, 422, 500, 503)
	case kind < 96:
		l.get(ctx, "/wmts/1.0.0/WMTSCapabilities.xml", nil, 200)
	case kind < 97:
		l.get(ctx, "/cache", nil, 200)
	case kind < 99:
		l.get(ctx, "/metrics", nil, 200)
	default:
		l.get(ctx, "/", nil, 200)
	}
}

// tile is the path of one, more often of a coarse zoom and near the middle than elsewhere.
func (of *layer) tile(random *rand.Rand) string {
	zoom := int(math.Pow(random.Float64(), 1.5) * float64(of.MaxZoom+1))
	across, down := random.NormFloat64()/6+0.5, random.NormFloat64()/6+0.5
	within := func(share, from, to float64) int {
		first, last := int(from), int(math.Max(math.Ceil(to)-1, from))
		return min(max(int(from+share*(to-from)), first), last)
	}
	var col, row int
	if of.Flat {
		scale := math.Exp2(float64(of.MaxZoom-zoom)) * 256
		col, row = within(across, 0, float64(of.Width)/scale), within(down, 0, float64(of.Height)/scale)
	} else {
		n := math.Exp2(float64(zoom))
		x := func(longitude float64) float64 { return math.Min(math.Max((longitude+180)/360*n, 0), n-1e-9) }
		y := func(latitude float64) float64 {
			latitude = math.Min(math.Max(latitude, -85.05), 85.05)
			return math.Min(math.Max((1-math.Asinh(math.Tan(latitude*math.Pi/180))/math.Pi)/2*n, 0), n-1e-9)
		}
		col, row = within(across, x(of.Bounds[0]), x(of.Bounds[2])), within(down, y(of.Bounds[3]), y(of.Bounds[1]))
	}
	form := []string{".png", ".jpg", ".webp", "@2x.png"}[random.IntN(4)]
	return fmt.Sprintf("/tiles/%s/%d/%d/%d%s", url.PathEscape(of.name), zoom, col, row, form)
}

func (l *load) get(ctx context.Context, path string, etags map[string]string, expected ...int) {
	request, err := http.NewRequestWithContext(ctx, "GET", l.base+path, nil)
	if err != nil {
		log.Fatal(err)
	}
	if tag := etags[path]; tag != "" {
		request.Header.Set("If-None-Match", tag)
	}
	l.asked.Add(1)
	reply, err := l.client.Do(request)
	if err != nil {
		if ctx.Err() == nil {
			l.wonder("no reply", path, err.Error())
		} else {
			l.left.Add(1)
		}
		return
	}
	body, err := io.ReadAll(reply.Body)
	_ = reply.Body.Close()
	if err != nil && ctx.Err() != nil {
		l.left.Add(1)
		return
	}
	l.codes[min(reply.StatusCode, 599)].Add(1)
	if (reply.StatusCode == 500 || reply.StatusCode == 422) && strings.HasPrefix(path, "/tiles/changes") {
		return // it was read while it was written
	}
	for _, code := range expected {
		if reply.StatusCode == code {
			if etags != nil && len(etags) < 1000 && reply.Header.Get("ETag") != "" {
				etags[path] = reply.Header.Get("ETag")
			}
			return
		}
	}
	l.wonder(reply.Status, path, string(body[:min(len(body), 200)]))
}

func (l *load) wonder(kind, path, text string) {
	l.unexpected.Add(1)
	if _, known := l.said.LoadOrStore(kind, true); !known {
		log.Printf("unexpected: %s for %s: %s", kind, path, text)
	}
}

// halfOpen opens connections that never say all that they have to.
func (l *load) halfOpen(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
		connection, err := net.DialTimeout("tcp", l.host, 10*time.Second)
		if err != nil {
			l.wonder("no connection", "", err.Error())
			continue
		}
		_, _ = connection.Write([]byte("GET /tiles/"))
		go func() { // until the server hangs up
			_, _ = io.Copy(io.Discard, connection)
			_ = connection.Close()
		}()
	}
}

// change writes a file anew every few seconds, another one now and then half, and takes it away.
func change(ctx context.Context, folder string) {
	whole, err := os.ReadFile(filepath.Join(folder, "changes.tif"))
	if err != nil {
		log.Print("no file changes: ", err)
		return
	}
	comes := filepath.Join(folder, "comes-and-goes.tif")
	for turn := 0; ; turn++ {
		select {
		case <-ctx.Done():
			_ = os.Remove(comes)
			return
		case <-time.After(3 * time.Second):
		}
		switch turn % 4 {
		case 0:
			err = os.WriteFile(comes, whole, 0o644)
		case 1:
			err = os.WriteFile(comes, whole[:len(whole)/2], 0o644)
		case 2:
			err = os.Remove(comes)
		case 3:
			err = os.WriteFile(filepath.Join(folder, "changes.tif"), whole, 0o644)
		}
		if err != nil {
			log.Print(err)
		}
	}
}

type sample struct {
	at                                time.Duration
	resident                          float64 // MiB
	descriptors, threads, goroutines  float64
	asked, cacheEntries, cacheMissing float64
	goMiB, mallocMiB, unusedMiB       float64 // of the resident ones
}

// watch looks at the process until the end, and prints what it sees.
func watch(ctx context.Context, process int, every time.Duration, l *load) []sample {
	var samples []sample
	begin := time.Now()
	fmt.Println("minutes,resident_mib,descriptors,threads,goroutines,asked,cache_entries,cache_misses,go_mib,malloc_used_mib,malloc_unused_mib")
	for {
		select {
		case <-ctx.Done():
			return samples
		case <-time.After(every):
		}
		told := l.metrics()
		s := sample{at: time.Since(begin), resident: status(process, "VmRSS:") / 1024, threads: status(process, "Threads:"),
			goroutines: told["tileserver_goroutines"], asked: float64(l.asked.Load()), cacheEntries: told["tileserver_cache_entries"],
			cacheMissing: told["tileserver_cache_misses_total"], goMiB: told["tileserver_go_memory_bytes"] / (1 << 20),
			mallocMiB: told["tileserver_malloc_used_bytes"] / (1 << 20), unusedMiB: told["tileserver_malloc_unused_bytes"] / (1 << 20)}
		if open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", process)); err == nil {
			s.descriptors = float64(len(open))
		}
		if s.resident == 0 {
			log.Fatal("the server is gone")
		}
		samples = append(samples, s)
		fmt.Printf("%.2f,%.1f,%.0f,%.0f,%.0f,%.0f,%.0f,%.0f,%.1f,%.1f,%.1f\n", s.at.Minutes(), s.resident, s.descriptors, s.threads, s.goroutines,
			s.asked, s.cacheEntries, s.cacheMissing, s.goMiB, s.mallocMiB, s.unusedMiB)
	}
}

func (l *load) metrics() map[string]float64 {
	told := map[string]float64{}
	reply, err := l.client.Get(l.base + "/metrics")
	if err != nil {
		return told
	}
	defer reply.Body.Close()
	for lines := bufio.NewScanner(reply.Body); lines.Scan(); {
		if name, text, is := strings.Cut(lines.Text(), " "); is && !strings.HasPrefix(name, "#") {
			told[name], _ = strconv.ParseFloat(text, 64)
		}
	}
	return told
}

// status is a number of /proc/PID/status.
func status(process int, name string) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", process))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), name)
	number, _ := strconv.ParseFloat(strings.Fields(rest + " 0")[0], 64)
	return number
}

// judge compares the last third with the one before it; the first is for caches to fill. It says how steep the line
// through both is.
func judge(samples []sample, l *load) bool {
	third := len(samples) / 3
	if third < 5 {
		log.Print("too few samples to judge")
		return false
	}
	before, after := samples[third:2*third], samples[2*third:]
	flat := true
	for _, one := range []struct {
		name         string
		of           func(sample) float64
		share, least float64 // by which the mean may grow, of itself and at least
	}{
		{"resident MiB", func(s sample) float64 { return s.resident }, 0.05, 8},
		{"descriptors", func(s sample) float64 { return s.descriptors }, 0.1, 8},
		{"threads", func(s sample) float64 { return s.threads }, 0.1, 4},
		{"goroutines", func(s sample) float64 { return s.goroutines }, 0.1, 16},
		{"Go MiB", func(s sample) float64 { return s.goMiB }, 0.1, 16},
		{"malloc MiB", func(s sample) float64 { return s.mallocMiB }, 0.05, 8},
	} {
		a, b := mean(before, one.of), mean(after, one.of)
		word := "flat"
		if b > a+math.Max(a*one.share, one.least) {
			word, flat = "GROWS", false
		}
		fmt.Printf("%-13s %-5s: %.1f in the mean of the second third, %.1f in that of the last; %+.2f an hour; at most %.0f\n", one.name, word, a, b,
			slope(samples[third:], one.of), most(samples, one.of))
	}
	fmt.Printf("%d requests, of which %d left before their reply; by status:", l.asked.Load(), l.left.Load())
	for code := range l.codes {
		if n := l.codes[code].Load(); n > 0 {
			fmt.Printf(" %d: %d", code, n)
		}
	}
	fmt.Printf("; unexpected: %d\n", l.unexpected.Load())
	return flat && l.unexpected.Load() == 0
}

func mean(samples []sample, of func(sample) float64) float64 {
	sum := 0.0
	for _, s := range samples {
		sum += of(s)
	}
	return sum / float64(len(samples))
}

func most(samples []sample, of func(sample) float64) float64 {
	found := 0.0
	for _, s := range samples {
		found = math.Max(found, of(s))
	}
	return found
}

// slope is that of the line of least squares, by the hour.
func slope(samples []sample, of func(sample) float64) float64 {
	hours := func(s sample) float64 { return s.at.Hours() }
	x, y := mean(samples, hours), mean(samples, of)
	above, below := 0.0, 0.0
	for _, s := range samples {
		above += (hours(s) - x) * (of(s) - y)
		below += (hours(s) - x) * (hours(s) - x)
	}
	return above / below
}
