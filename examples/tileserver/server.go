package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"tilecache"
	"tileserver/encode"
)

//go:embed page
var page embed.FS

// What the server allows.
type limits struct {
	rendering  int           // tiles that are made at a time
	perClient  int           // requests of one address that run at a time
	requests   int           // requests that run at a time, of all
	renderTime time.Duration // for one tile
}

type server struct {
	folder  *folder
	cache   *tilecache.Cache
	replies *replies
	limits  limits
	empty   string // what is answered where nothing is seen: "tile", "204" or "404"
	metrics metrics
	turns   chan struct{}
	running chan struct{}

	mutex   sync.Mutex
	clients map[string]int
}

func newServer(f *folder, cache *tilecache.Cache, replyBytes int, empty string, l limits) *server {
	return &server{folder: f, cache: cache, replies: newReplies(replyBytes), limits: l, empty: empty,
		turns: make(chan struct{}, l.rendering), running: make(chan struct{}, l.requests), clients: map[string]int{}}
}

func (s *server) handler() http.Handler {
	files, err := fs.Sub(page, "page")
	if err != nil {
		panic(err)
	}
	static := http.FileServerFS(files)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("GET /metrics", s.tell)
	mux.HandleFunc("GET /cache", s.counted(s.report))
	mux.HandleFunc("GET /layers.json", s.list)
	mux.HandleFunc("GET /unshown.json", s.counted(s.listUnshown))
	mux.Handle("GET /{$}", static)
	mux.Handle("GET /page/", http.StripPrefix("/page/", static))
	mux.HandleFunc("GET /tiles/{layer}", s.counted(s.describe))
	mux.HandleFunc("GET /tiles/{layer}/{z}/{x}/{file}", s.counted(s.tile))
	mux.HandleFunc("GET /wmts", s.counted(s.wmts))
	mux.HandleFunc("GET /wmts/1.0.0/WMTSCapabilities.xml", s.counted(s.describeAll))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if r.Method == http.MethodOptions {
			w.Header().Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
			w.Header().Set("Access-Control-Allow-Headers", "If-None-Match")
			w.Header().Set("Access-Control-Max-Age", "86400")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (s *server) health(w http.ResponseWriter, _ *http.Request) {
	if _, err := s.folder.names(); err != nil {
		http.Error(w, "the folder cannot be read", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	_, _ = w.Write([]byte("ok\n"))
}

func (s *server) tell(w http.ResponseWriter, _ *http.Request) {
	stats, err := s.cache.Stats()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	layers, unshown := s.folder.count()
	s.metrics.write(w, stats, s.replies, layers, unshown)
}

// report is a picture of the cache as it is now.
func (s *server) report(w http.ResponseWriter, _ *http.Request) {
	var page bytes.Buffer
	if err := s.cache.Report(&page); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(page.Bytes())
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value)
}

func (s *server) list(w http.ResponseWriter, _ *http.Request) {
	names, err := s.folder.names()
	if err != nil {
		http.Error(w, "the folder cannot be read", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Cache-Control", "no-cache")
	answer(w, append([]string{}, names...))
}

// listUnshown are the layers of which the files say themselves that they cannot be shown, and those that failed when they
// were asked for, with the reasons.
func (s *server) listUnshown(w http.ResponseWriter, _ *http.Request) {
	found, err := s.folder.unshown(time.Second)
	if err != nil {
		http.Error(w, "the folder cannot be read", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Cache-Control", "no-cache")
	answer(w, found)
}

// describe is a layer as TileJSON 3.0.0; of one that is not on the map the bounds are columns and rows.
func (s *server) describe(w http.ResponseWriter, r *http.Request) {
	name, is := strings.CutSuffix(r.PathValue("layer"), ".json")
	if !is {
		http.Error(w, "no such page", http.StatusNotFound)
		return
	}
	l, err := s.folder.layer(name)
	if err != nil {
		s.refuse(w, err)
		return
	}
	told := map[string]any{
		"tilejson": "3.0.0", "name": l.Name, "version": "1.0.0", "scheme": "xyz", "minzoom": 0, "maxzoom": l.MaxZoom,
		"tilesize": tileSize, "bounds": [4]float64{l.West, l.South, l.East, l.North},
		"tiles": []string{base(r) + "/tiles/" + url.PathEscape(l.Name) + "/{z}/{x}/{y}.png?v=" + l.Generation},
		"flat":  l.Flat, "chain": l.Why,
	}
	if l.Flat {
		told["bounds"] = [4]float64{-180, -85.051129, 180, 85.051129} // TileJSON knows of the world alone
		told["width"], told["height"] = l.Width, l.Height
	} else {
		told["center"] = l.centre()
	}
	if len(l.LeftOut) > 0 {
		told["left_out"] = l.LeftOut
	}
	w.Header().Set("Cache-Control", "no-cache")
	answer(w, told)
}

// base is what the URLs of this server begin with, for whoever asks.
func base(r *http.Request) string {
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// tileAsked is a tile of a layer, of 256 pixels a side times the scale.
type tileAsked struct {
	name              string
	zoom, x, y, scale int
	format            *encode.Format
}

// place is what the path of a tile says: numbers, "@2x" and an extension.
func place(layer, z, x, file string) (tileAsked, bool) {
	row, extension, _ := strings.Cut(file, ".")
	asked := tileAsked{name: layer, scale: 1, format: encode.Formats[extension]}
	if y, is := strings.CutSuffix(row, "@2x"); is {
		row, asked.scale = y, 2
	}
	var good [3]bool
	asked.zoom, good[0] = whole(z)
	asked.x, good[1] = whole(x)
	asked.y, good[2] = whole(row)
	return asked, asked.format != nil && good == [3]bool{true, true, true}
}

// whole is a number without sign or zeros before it.
func whole(text string) (int, bool) {
	n, err := strconv.ParseUint(text, 10, 31)
	return int(n), err == nil && strconv.FormatUint(n, 10) == text
}

func (s *server) tile(w http.ResponseWriter, r *http.Request) {
	asked, good := place(r.PathValue("layer"), r.PathValue("z"), r.PathValue("x"), r.PathValue("file"))
	if !good {
		http.Error(w, "a tile is /tiles/LAYER/ZOOM/COLUMN/ROW.png, or .jpg, .webp, @2x.png", http.StatusNotFound)
		return
	}
	s.sendTile(w, r, asked)
}

func (s *server) sendTile(w http.ResponseWriter, r *http.Request, asked tileAsked) {
	l, err := s.folder.layer(asked.name)
	if err != nil {
		s.refuse(w, err)
		return
	}
	if !l.has(asked.zoom, asked.x, asked.y) {
		s.refuse(w, errNoTile)
		return
	}
	key := fmt.Sprintf("%s/%s/%d/%d/%d@%d.%s", asked.name, l.Generation, asked.zoom, asked.x, asked.y, asked.scale, asked.format.Name)
	sum := sha256.Sum256([]byte(key))
	tag := `"` + hex.EncodeToString(sum[:12]) + `"`
	w.Header().Set("ETag", tag)
	w.Header().Set("Cache-Control", "no-cache")
	if r.URL.Query().Get("v") == l.Generation {
		w.Header().Set("Cache-Control", "public, max-age=86400, immutable")
	}
	if matches(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	made, err := s.replies.get(r.Context(), key, func(ctx context.Context) ([]byte, bool, error) {
		return s.render(ctx, l, asked)
	})
	if err != nil {
		w.Header().Del("ETag")
		w.Header().Set("Cache-Control", "no-store")
		s.refuse(w, err)
		return
	}
	if made.empty && s.empty != "tile" {
		code, _ := strconv.Atoi(s.empty)
		w.WriteHeader(code)
		return
	}
	w.Header().Set("Content-Type", asked.format.MediaType)
	w.Header().Set("Content-Length", strconv.Itoa(len(made.bytes)))
	_, _ = w.Write(made.bytes)
}

func matches(given, tag string) bool {
	for _, one := range strings.Split(given, ",") {
		one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
		if one == tag || one == "*" {
			return true
		}
	}
	return false
}

// counted has the requests of a handler measured, and only so many of them run, of all clients and of each.
func (s *server) counted(handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		s.metrics.inFlight.Add(1)
		noted := &noted{ResponseWriter: w, code: http.StatusOK}
		defer func() {
			s.metrics.inFlight.Add(-1)
			s.metrics.took(noted.code, time.Since(begin))
		}()
		leave, code := s.enter(r)
		if code != 0 {
			w.Header().Set("Retry-After", "1")
			http.Error(noted, "too many requests at a time", code)
			return
		}
		defer leave()
		handle(noted, r)
	}
}

type noted struct {
	http.ResponseWriter
	code int
}

func (n *noted) WriteHeader(code int) {
	n.code = code
	n.ResponseWriter.WriteHeader(code)
}

// enter begins a request, of which only so many may run.
func (s *server) enter(r *http.Request) (leave func(), code int) {
	client, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		client = r.RemoteAddr
	}
	select {
	case s.running <- struct{}{}:
	default:
		return nil, http.StatusServiceUnavailable
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.clients[client] >= s.limits.perClient {
		<-s.running
		return nil, http.StatusTooManyRequests
	}
	s.clients[client]++
	return func() {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		if s.clients[client]--; s.clients[client] == 0 {
			delete(s.clients, client)
		}
		<-s.running
	}, 0
}

func (s *server) render(ctx context.Context, l *layer, asked tileAsked) ([]byte, bool, error) {
	side := tileSize * asked.scale
	if !l.covers(asked.zoom, asked.x, asked.y) {
		bytes, err := s.blank(asked.format, side)
		return bytes, true, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.limits.renderTime)
	defer cancel()
	select {
	case s.turns <- struct{}{}:
		defer func() { <-s.turns }()
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
	rgba, empty, err := l.render(ctx, asked.zoom, asked.x, asked.y, asked.scale)
	if errors.Is(err, tilecache.ErrChanged) || errors.Is(err, tilecache.ErrClosed) || errors.Is(err, tilecache.ErrNotFound) {
		s.folder.forget(asked.name, l)
	}
	if err != nil {
		return nil, false, err
	}
	defer dropCanvas(rgba)
	s.metrics.rendered.Add(1)
	bytes, err := asked.format.Encode(rgba, side, side)
	return bytes, empty, err
}

// blank is a tile in which nothing is seen.
func (s *server) blank(format *encode.Format, side int) ([]byte, error) {
	made, err := s.replies.get(context.Background(), "blank/"+strconv.Itoa(side)+"."+format.Name, func(context.Context) ([]byte, bool, error) {
		bytes, err := format.Encode(make([]byte, 4*side*side), side, side)
		return bytes, true, err
	})
	if err != nil {
		return nil, err
	}
	return made.bytes, nil
}

// refuse answers with what went wrong, without saying where files lie.
func (s *server) refuse(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, errNoLayer), errors.Is(err, errNoTile):
		http.Error(w, err.Error(), http.StatusNotFound)
	case errors.Is(err, context.DeadlineExceeded):
		http.Error(w, "the tile took too long", http.StatusGatewayTimeout)
	case errors.Is(err, context.Canceled):
		w.WriteHeader(499) // nobody hears it
	case errors.Is(err, tilecache.ErrChanged), errors.Is(err, tilecache.ErrClosed), errors.Is(err, fs.ErrClosed):
		w.Header().Set("Retry-After", "1")
		http.Error(w, "the file changed; ask again", http.StatusServiceUnavailable)
	case errors.Is(err, tilecache.ErrNotFound):
		http.Error(w, "the file is gone", http.StatusNotFound)
	default:
		reason, code := "the log of the server says why", http.StatusInternalServerError
		var of *unshownError
		var told *tilecache.Error
		if errors.As(err, &of) || errors.As(err, &told) {
			why := s.folder.unshownBecause(err)
			reason = why.reason
			if why.permanent {
				code = http.StatusUnprocessableEntity
			}
		}
		if code == http.StatusInternalServerError {
			slog.Warn("a tile failed", "error", err)
		}
		http.Error(w, "the layer cannot be shown: "+reason, code)
	}
}
