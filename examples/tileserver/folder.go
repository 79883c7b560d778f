package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tilecache"
)

// A folder has a layer for each image file in it, by its name without extension. Nothing outside of it is opened: names
// of requests are only compared with those that were found, and links that lead out of it are no files of it. It is
// looked at again when a layer is asked for, at most every `settle`.
type folder struct {
	path   string
	root   *os.Root
	only   string // a single file
	mosaic string // the name of the layer of all of them; empty: none
	cache  *tilecache.Cache
	shared uint64 // bytes of the cache of which each layer is guaranteed its part
	settle time.Duration
	retry  time.Duration // after which a file that could not be opened is tried again

	hasStore bool // behind the cache, where files need a name

	mutex  sync.Mutex
	looked time.Time
	files  map[string]*file
	shares map[string]uint64 // what keys are guaranteed now
}

type file struct {
	name, generation string
	parts            []string // of the mosaic
	once             sync.Once
	layer            *layer
	err              error
	opened           atomic.Pointer[layer] // `layer`, for those who do not wait
	failed           atomic.Int64          // when it could not be opened, in nanoseconds; 0: it could, or was not yet
}

// openFolder is a folder, or a single file.
func openFolder(path, mosaic string, cache *tilecache.Cache, shared uint64) (*folder, error) {
	only := ""
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if !info.IsDir() {
		path, only = filepath.Split(path)
		path = filepath.Clean(path)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return &folder{path: path, root: root, only: only, mosaic: mosaic, cache: cache, shared: shared, settle: time.Second,
		retry: 10 * time.Second, files: map[string]*file{}, shares: map[string]uint64{}}, nil
}

// extensions are those of the formats that the library reads.
var extensions = func() map[string]bool {
	all := map[string]bool{}
	for _, format := range tilecache.Formats() {
		for _, extension := range strings.Fields(format.Extensions) {
			all["."+extension] = true
		}
	}
	return all
}()

// look finds what files there are now. Those that changed get a new layer, those that are gone lose theirs.
func (f *folder) look() error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if time.Since(f.looked) < f.settle {
		return nil
	}
	entries, err := fs.ReadDir(f.root.FS(), ".")
	if err != nil {
		return err
	}
	found := map[string]*file{}
	identities := sha256.New()
	var parts []string
	for _, entry := range entries {
		extension := filepath.Ext(entry.Name())
		if f.only != "" && entry.Name() != f.only || f.only == "" && !extensions[strings.ToLower(extension)] {
			continue
		}
		info, err := f.root.Stat(entry.Name()) // of what a link leads to, inside of the folder
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		name := strings.TrimSuffix(entry.Name(), extension)
		if found[name] != nil {
			name = entry.Name() // the second of that name
		}
		identity := fmt.Sprint(entry.Name(), info.Size(), info.ModTime().UnixNano())
		fmt.Fprintln(identities, identity)
		parts = append(parts, name)
		found[name] = f.same(name, &file{name: entry.Name(), generation: digest(identity)})
	}
	if f.mosaic != "" {
		found[f.mosaic] = f.same(f.mosaic, &file{generation: hex.EncodeToString(identities.Sum(nil)[:6]), parts: parts})
	}
	for name, old := range f.files {
		if found[name] != old {
			go old.close() // which may be opening
		}
	}
	f.files, f.looked = found, time.Now()
	f.divide()
	return nil
}

// same is the file of a name as it is known, if it did not change. What could not be opened may have been half written, or
// there were too many files open, so it is tried again.
func (f *folder) same(name string, now *file) *file {
	old := f.files[name]
	if old == nil || old.generation != now.generation {
		return now
	}
	if failed := old.failed.Load(); failed != 0 && time.Since(time.Unix(0, failed)) > f.retry {
		return now
	}
	return old
}

func (f *file) close() {
	f.once.Do(func() { f.err = fs.ErrClosed })
	if f.layer != nil {
		f.layer.close()
	}
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:6])
}

// names are those of all layers.
func (f *folder) names() ([]string, error) {
	if err := f.look(); err != nil {
		return nil, err
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return slices.Sorted(maps.Keys(f.files)), nil
}

// layer is the layer of a name, opened when it is first asked for.
func (f *folder) layer(name string) (*layer, error) {
	if err := f.look(); err != nil {
		return nil, err
	}
	f.mutex.Lock()
	found := f.files[name]
	f.mutex.Unlock()
	if found == nil {
		return nil, errNoLayer
	}
	found.once.Do(func() {
		if found.layer, found.err = f.open(name, found); found.err == nil {
			found.opened.Store(found.layer)
			f.mutex.Lock()
			defer f.mutex.Unlock()
			f.divide()
		}
	})
	return found.layer, found.err
}

var errNoLayer = errors.New("no such layer")

func (f *folder) open(name string, found *file) (opened *layer, err error) {
	defer func() {
		if err != nil {
			found.failed.Store(time.Now().UnixNano())
			slog.Warn("a layer cannot be shown", "layer", name, "error", err)
		}
	}()
	if found.name == "" {
		var layers []*layer
		for _, part := range found.parts {
			if l, err := f.layer(part); err == nil {
				layers = append(layers, l)
			}
		}
		return newMosaic(name, found.generation, layers, f.cache)
	}
	path := filepath.Join(f.path, found.name)
	var options []tilecache.Option
	if f.hasStore {
		known, err := storeName(path)
		if err != nil {
			return nil, err
		}
		options = append(options, tilecache.WithFleetID(known))
	}
	image, err := openImage(path, options...)
	if err != nil {
		return nil, err
	}
	return newLayer(context.Background(), name, found.generation, image, f.cache)
}

// divide guarantees each layer that is open its part of the cache, and layers that are gone nothing. The mutex is locked.
func (f *folder) divide() {
	wanted := map[string]uint64{}
	for _, file := range f.files {
		if l := file.opened.Load(); l != nil {
			for level, key := range l.keys { // each level has a quarter of the pixels; the coarse ones are asked for more
				wanted[key] = f.shared / uint64(len(f.files)) >> (level + 1)
			}
		}
	}
	set := func(key string, bytes uint64) {
		if err := f.cache.SetShare(key, 0, bytes); err != nil {
			slog.Warn("no share for a layer", "key", key, "error", err)
		}
	}
	// Those that get less come first, for there is only so much to be guaranteed.
	for key, bytes := range f.shares {
		if wanted[key] < bytes {
			set(key, wanted[key])
		}
	}
	for key, bytes := range wanted {
		if bytes > f.shares[key] {
			set(key, bytes)
		}
	}
	f.shares = wanted
}

// forget has a file that changed while it was read opened anew.
func (f *folder) forget(name string, of *layer) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if known := f.files[name]; known != nil && known.layer == of {
		delete(f.files, name)
		f.looked = time.Time{}
		f.divide()
		go known.close()
	}
}

func (f *folder) close() {
	f.mutex.Lock()
	files := f.files
	f.files = nil
	f.mutex.Unlock()
	for _, file := range files { // which may be opening, and then takes the mutex
		file.close()
	}
	_ = f.root.Close()
}
