package tilecache

// #include "bridge.h"
import "C"

import (
	"context"
	"unsafe"
)

// BuildPyramid writes the image with all its levels to a file, which appears under its name when it is complete. It ends
// with the context, and leaves nothing then. The cache, which may be nil, gives the budget of the work.
//
// Options: WithLayout, WithCompression, WithPredictor, WithEffort, WithQuality, WithFilter, WithLevels, WithThreads,
// WithTileSize, WithProgress, WithFlags of BuildFlags.
func (p *Provider) BuildPyramid(ctx context.Context, path string, cache *Cache, options ...Option) error {
	s, err := gather("BuildPyramid", options, BuildFlags(0), "Layout", "Compression", "Predictor", "Effort", "Quality", "Filter",
		"Levels", "Threads", "TileSize", "Progress")
	if err != nil {
		return err
	}
	var m scratch
	defer m.done()
	name, err := m.always("path", path)
	if err != nil {
		return err
	}
	set := C.tc_build_options{struct_size: C.sizeof_tc_build_options, flags: C.uint32_t(s.flags), layout: C.uint32_t(s.layout),
		compression: C.uint32_t(s.compression), predictor: C.uint32_t(s.predictor), effort: C.uint32_t(s.effort),
		quality: C.uint32_t(s.quality), filter: C.uint32_t(s.filter), threads: C.uint32_t(s.threads),
		tile_width: C.int64_t(s.tileWidth), tile_height: C.int64_t(s.tileHeight)}
	if set.levels, err = narrow("Levels", s.levels); err != nil {
		return err
	}
	done, err := acquireAll(cache.ref())
	if err != nil {
		return err
	}
	defer done()
	return p.long(ctx, &m, s.progress, func(from *C.tc_provider, heard unsafe.Pointer, e *C.tc_error) C.tc_status {
		set.progress, set.progress_user = (*[0]byte)(C.tcgo_progress), heard
		return C.tc_build_pyramid(from, name, &set, cache.c(), e)
	})
}
