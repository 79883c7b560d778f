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
	opened           atomic.Pointer[layer]  // `layer`, for those who do not wait
	failed           atomic.Int64           // when it could not be opened, in nanoseconds; 0: it could, or was not yet
	unshown          atomic.Pointer[string] // why it cannot be shown; empty: it can, as far as is known; nil: nobody looked
}

// unshownError is why a file cannot be shown as it is, in words that do not say where it lies.
type unshownError struct {
	reason    string
	permanent bool // the file is well, and this server has no way to show it
	cause     error
}

// unshowable is why a file cannot be shown by this server, however often it is asked for.
func unshowable(format string, values ...any) error {
	return &unshownError{reason: fmt.Sprintf(format, values...), permanent: true}
}

func (e *unshownError) Error() string { return e.reason }

func (e *unshownError) Unwrap() error { return e.cause }

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
		reason := ""
		if err != nil {
			found.failed.Store(time.Now().UnixNano())
			slog.Warn("a layer cannot be shown", "layer", name, "error", err)
			why := f.unshownBecause(err)
			reason, err = why.reason, why
		}
		found.unshown.Store(&reason)
	}()
	if found.name == "" {
		var layers []*layer
		leftOut := map[string]string{}
		for _, part := range found.parts {
			l, err := f.layer(part)
			switch {
			case err != nil:
				leftOut[part] = err.Error()
			case l.Flat:
				leftOut[part] = "it does not say where it lies"
			default:
				layers = append(layers, l)
			}
			if isPassing(err) { // to be looked at again
				found.failed.Store(time.Now().UnixNano())
			}
		}
		return newMosaic(name, found.generation, layers, leftOut, f.cache)
	}
	image, err := openImage(filepath.Join(f.path, found.name))
	if err != nil {
		return nil, err
	}
	return newLayer(context.Background(), name, found.generation, image, f.cache)
}

// unshownBecause says why something cannot be shown, without the path of the folder.
func (f *folder) unshownBecause(err error) *unshownError {
	var known *unshownError
	permanent := errors.As(err, &known) && known.permanent || errors.Is(err, tilecache.ErrUnsupported) || errors.Is(err, tilecache.ErrLimit)
	reason := strings.ReplaceAll(err.Error(), filepath.Clean(f.path)+string(filepath.Separator), "")
	return &unshownError{reason, permanent, err}
}

// isPassing says that a file that stays as it is may be shown the next time.
func isPassing(err error) bool {
	for _, one := range []error{tilecache.ErrIO, tilecache.ErrNoMemory, tilecache.ErrChanged, tilecache.ErrNotFound, tilecache.ErrCancelled, fs.ErrClosed} {
		if errors.Is(err, one) {
			return true
		}
	}
	return false
}

// unshown are the layers that cannot be shown, and why, as far as is known; files that nobody asked for are looked into, for
// as long as `within`.
func (f *folder) unshown(within time.Duration) (map[string]string, error) {
	names, err := f.names()
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for end, i := time.Now().Add(within), 0; i < len(names); i++ {
		f.mutex.Lock()
		one := f.files[names[i]]
		f.mutex.Unlock()
		if one == nil {
			continue
		}
		if one.unshown.Load() == nil && one.name != "" && time.Now().Before(end) {
			reason := ""
			err := lookInto(filepath.Join(f.path, one.name))
			if err != nil {
				reason = f.unshownBecause(err).reason
			}
			if !isPassing(err) {
				one.unshown.CompareAndSwap(nil, &reason)
			}
		}
		if reason := one.unshown.Load(); reason != nil && *reason != "" {
			found[names[i]] = *reason
		}
	}
	return found, nil
}

// count is how many layers there are, and of how many it is known that they cannot be shown.
func (f *folder) count() (all, unshown int) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for _, one := range f.files {
		if reason := one.unshown.Load(); reason != nil && *reason != "" {
			unshown++
		}
	}
	return len(f.files), unshown
}

// lookInto says why a file cannot be shown, as far as what it says of itself tells.
func lookInto(path string) error {
	image, err := openImage(path)
	if err != nil {
		return err
	}
	defer image.Close()
	info, err := image.Info()
	if err != nil {
		return err
	}
	place, err := image.Georef(0)
	if err != nil {
		return err
	}
	projected, err := newProjection(place, info.Width, info.Height)
	if err == nil && projected != nil {
		_, _, _, _, _, err = projected.bounds(info.Width, info.Height)
	}
	return err
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
