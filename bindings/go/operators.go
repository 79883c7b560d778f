package tilecache

// #include "bridge.h"
import "C"

import "context"

// Cached is the same image, its blocks kept in a cache.
func (p *Provider) Cached(cache *Cache) (*Provider, error) {
	return made(func(made **C.tc_provider, e *C.tc_error) C.tc_status {
		return C.provider_cached(p.c(), cache.c(), made, e)
	}, p.ref(), cache.ref())
}

// Retile is the same image on a uniform grid of tiles, of 1024 x 1024 without WithTileSize. The cache, which may be nil,
// keeps the tiles.
//
// Options: WithTileSize, WithPadEdges.
func (p *Provider) Retile(cache *Cache, options ...Option) (*Provider, error) {
	s, err := gather("Retile", options, nil, "TileSize", "PadEdges")
	if err != nil {
		return nil, err
	}
	set := C.tc_retile_options{struct_size: C.sizeof_tc_retile_options, tile_width: C.int64_t(s.tileWidth),
		tile_height: C.int64_t(s.tileHeight)}
	if s.padEdges {
		set.pad_edges = 1
	}
	return made(func(made **C.tc_provider, e *C.tc_error) C.tc_status {
		return C.provider_retile(p.c(), &set, cache.c(), made, e)
	}, p.ref(), cache.ref())
}

// Level is a resolution level as an image of its own, and those above it.
func (p *Provider) Level(level int) (*Provider, error) {
	l, err := narrow("level", level)
	if err != nil {
		return nil, err
	}
	return made(func(made **C.tc_provider, e *C.tc_error) C.tc_status {
		return C.provider_level(p.c(), l, made, e)
	}, p.ref())
}

// Mask says where the pixels are data: one band of uint8, 255 or 0.
func (p *Provider) Mask() (*Provider, error) {
	return made(func(made **C.tc_provider, e *C.tc_error) C.tc_status {
		return C.provider_mask(p.c(), made, e)
	}, p.ref())
}

func levelOptions(call string, options []Option, takes ...string) (C.tc_level_options, error) {
	s, err := gather(call, options, LevelFlags(0), append(takes, "Filter", "Levels", "TileSize")...)
	if err != nil {
		return C.tc_level_options{}, err
	}
	set := C.tc_level_options{struct_size: C.sizeof_tc_level_options, filter: C.uint32_t(s.filter),
		flags: C.uint32_t(s.flags), factor: C.int64_t(s.factor), width: C.int64_t(s.width), height: C.int64_t(s.height),
		tile_width: C.int64_t(s.tileWidth), tile_height: C.int64_t(s.tileHeight)}
	set.levels, err = narrow("Levels", s.levels)
	return set, err
}

// Downsample is the image made smaller: by a half, WithFactor or WithSize.
//
// Options: WithFactor, WithSize, WithFilter, WithLevels, WithTileSize, WithFlags of LevelFlags.
func (p *Provider) Downsample(cache *Cache, options ...Option) (*Provider, error) {
	set, err := levelOptions("Downsample", options, "Factor", "Size")
	if err != nil {
		return nil, err
	}
	return made(func(made **C.tc_provider, e *C.tc_error) C.tc_status {
		return C.provider_downsample(p.c(), &set, cache.c(), made, e)
	}, p.ref(), cache.ref())
}

// Pyramid is the image with all its levels; those that it does not have are made when they are asked for.
//
// Options: WithFilter, WithLevels, WithTileSize, WithFlags of LevelFlags.
func (p *Provider) Pyramid(cache *Cache, options ...Option) (*Provider, error) {
	set, err := levelOptions("Pyramid", options)
	if err != nil {
		return nil, err
	}
	return made(func(made **C.tc_provider, e *C.tc_error) C.tc_status {
		return C.provider_pyramid(p.c(), &set, cache.c(), made, e)
	}, p.ref(), cache.ref())
}

// Warp is the image seen through a transformation, as an image of width x height pixels.
//
// Options: WithFilter, WithLevels, WithSourceLevel, WithMaxError, WithScale, WithPeriod, WithTileSize, WithFlags of
// WarpFlags.
func (p *Provider) Warp(t *Transform, width, height int, cache *Cache, options ...Option) (*Provider, error) {
	s, err := gather("Warp", options, WarpFlags(0), "Filter", "Levels", "SourceLevel", "MaxError", "Scale", "Period", "TileSize")
	if err != nil {
		return nil, err
	}
	set := C.tc_warp_options{struct_size: C.sizeof_tc_warp_options, filter: C.uint32_t(s.filter), flags: C.uint32_t(s.flags),
		max_error: C.double(s.maxError), scale_x: C.double(s.scaleX), scale_y: C.double(s.scaleY), width: C.int64_t(width),
		height: C.int64_t(height), tile_width: C.int64_t(s.tileWidth), tile_height: C.int64_t(s.tileHeight),
		period: C.int64_t(s.period)}
	if set.levels, err = narrow("Levels", s.levels); err != nil {
		return nil, err
	}
	if set.source_level, err = narrow("SourceLevel", s.sourceLevel); err != nil {
		return nil, err
	}
	if s.fixedLevel {
		set.flags |= C.TC_WARP_FIXED_LEVEL
	}
	return made(func(made **C.tc_provider, e *C.tc_error) C.tc_status {
		return C.provider_warp(p.c(), t.c(), &set, cache.c(), made, e)
	}, p.ref(), t.ref(), cache.ref())
}

// MapFunc makes a block of output from the same block of input; all samples of `out` must be written. See Source for
// what functions may do.
type MapFunc func(ctx context.Context, block Block, in, out Pixels) error

// Map is an image computed block by block by a function of yours, on the grid of the source.
//
// Options: WithDType and WithBandCount of the output, WithBands of the source, WithName, WithBits, WithPad,
// WithBandInfos, WithTexts, WithDirect, WithRelease, WithFlags of MapFlags.
func (p *Provider) Map(f MapFunc, cache *Cache, options ...Option) (*Provider, error) {
	s, err := gather("Map", options, MapFlags(0), "DType", "BandCount", "Bands", "Name", "Bits", "Pad", "BandInfos", "Texts",
		"Direct", "Release")
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, invalid("the function is nil")
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	info, err := p.Info()
	p.done()
	if err != nil {
		return nil, err
	}
	bands := info.Bands
	if len(s.bands) > 0 {
		bands = len(s.bands)
	}
	if s.bandsN != 0 {
		bands = s.bandsN
	}
	if len(s.bandInfos) > 0 && len(s.bandInfos) != bands {
		return nil, invalid("%d BandInfos of %d bands", len(s.bandInfos), bands)
	}
	var m scratch
	defer m.done()
	set := C.tc_map_options{struct_size: C.sizeof_tc_map_options, dtype: C.tc_dtype(s.dtype), flags: C.uint32_t(s.flags),
		_map: (*[0]byte)(C.tcgo_map), release: (*[0]byte)(C.tcgo_release), band_infos: m.bandInfos(s.bandInfos)}
	if set.bands, err = narrow("BandCount", s.bandsN); err != nil {
		return nil, err
	}
	if set.bits, err = narrow("Bits", s.bits); err != nil {
		return nil, err
	}
	if set.source_bands, set.n_source_bands, err = m.bands(s.bands); err != nil {
		return nil, err
	}
	if set.name, err = m.text("Name", s.name); err != nil {
		return nil, err
	}
	if set.texts, set.n_texts, err = m.texts(s.texts); err != nil {
		return nil, err
	}
	if s.pad != nil {
		set.flags |= C.TC_MAP_HAS_PAD
		set.pad = s.pad.toC()
	}
	set.user = newUser(&userMap{f, s.direct, s.release})
	return m.handedOver(set.user, func() (*Provider, error) {
		return made(func(made **C.tc_provider, e *C.tc_error) C.tc_status {
			return C.provider_map(p.c(), &set, cache.c(), made, e)
		}, p.ref(), cache.ref())
	})
}

// Input says which pixels of an image a block of output is computed from. See tc_input.
type Input struct {
	Source                   *Provider
	Bands                    []int
	Level                    int
	Border                   Border
	ScaleX, ScaleY           int
	Left, Top, Right, Bottom int
	Flags                    InputFlags
}

// Place is the place of a block of output in its level.
type Place struct{ Row, Col, X, Y, Width, Height, Level int }

// ComputeFunc computes a block from the pixels that each Input names; all samples of `out` must be written. See Source
// for what functions may do.
type ComputeFunc func(ctx context.Context, place Place, inputs []Pixels, out Pixels) error

// Compute is an image computed block by block by a function of yours from windows of other images.
//
// Options: WithInfo of the output, WithName, WithBandInfos, WithTexts, WithDirect, WithRelease, WithFlags of
// ComputeFlags.
func Compute(inputs []Input, f ComputeFunc, cache *Cache, options ...Option) (*Provider, error) {
	s, err := gather("Compute", options, ComputeFlags(0), "Info", "Name", "BandInfos", "Texts", "Direct", "Release")
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, invalid("the function is nil")
	}
	var m scratch
	defer m.done()
	of := []*reference{cache.ref()}
	given := make([]C.tc_input, len(inputs))
	for i, input := range inputs {
		of = append(of, input.Source.ref())
		g := &given[i]
		*g = C.tc_input{source: input.Source.c(), border: C.uint32_t(input.Border), left: C.int64_t(input.Left),
			top: C.int64_t(input.Top), right: C.int64_t(input.Right), bottom: C.int64_t(input.Bottom),
			flags: C.uint32_t(input.Flags)}
		if g.bands, g.n_bands, err = m.bands(input.Bands); err != nil {
			return nil, err
		}
		if g.level, err = narrow("Level", input.Level); err != nil {
			return nil, err
		}
		if g.scale_x, err = narrow("ScaleX", input.ScaleX); err != nil {
			return nil, err
		}
		if g.scale_y, err = narrow("ScaleY", input.ScaleY); err != nil {
			return nil, err
		}
	}
	first, n := pinned(&m, given)
	set := C.tc_compute_options{struct_size: C.sizeof_tc_compute_options, flags: C.uint32_t(s.flags),
		compute: (*[0]byte)(C.tcgo_compute), release: (*[0]byte)(C.tcgo_release)}
	if len(s.bandInfos) > 0 && (s.info == nil || len(s.bandInfos) != max(s.info.Bands, 1)) {
		return nil, invalid("%d BandInfos, of an output whose bands WithInfo does not say to be as many", len(s.bandInfos))
	}
	set.band_infos = m.bandInfos(s.bandInfos)
	if s.info != nil {
		info, err := s.info.toC()
		if err != nil {
			return nil, err
		}
		m.pins.Pin(&info)
		set.image = &info
	}
	if set.name, err = m.text("Name", s.name); err != nil {
		return nil, err
	}
	if set.texts, set.n_texts, err = m.texts(s.texts); err != nil {
		return nil, err
	}
	set.user = newUser(&userCompute{f, s.direct, s.release})
	return m.handedOver(set.user, func() (*Provider, error) {
		return made(func(made **C.tc_provider, e *C.tc_error) C.tc_status {
			return C.provider_compute(first, n, &set, cache.c(), made, e)
		}, of...)
	})
}

// Part is an image at its place in a mosaic. Without a Provider it is opened by WithOpenPart, and Key, Width and Height
// are required. See tc_mosaic_part.
type Part struct {
	Provider            *Provider
	Key                 string
	X, Y, Width, Height int
}

// Mosaic is one image made of many, each at its place, later ones over earlier ones.
//
// Options: WithBandInfos, WithTexts, WithOpenPart, WithMaxOpen, WithRelease, WithFlags of MosaicFlags.
func Mosaic(parts []Part, image ImageInfo, cache *Cache, options ...Option) (*Provider, error) {
	s, err := gather("Mosaic", options, MosaicFlags(0), "BandInfos", "Texts", "OpenPart", "MaxOpen", "Release")
	if err != nil {
		return nil, err
	}
	var m scratch
	defer m.done()
	of := []*reference{cache.ref()}
	given := make([]C.tc_mosaic_part, len(parts))
	for i, part := range parts {
		if part.Provider != nil {
			of = append(of, part.Provider.ref())
		}
		given[i] = C.tc_mosaic_part{provider: part.Provider.c(), x: C.int64_t(part.X), y: C.int64_t(part.Y),
			width: C.int64_t(part.Width), height: C.int64_t(part.Height)}
		if given[i].key, err = m.text("Key", part.Key); err != nil {
			return nil, err
		}
	}
	first, n := pinned(&m, given)
	info, err := image.toC()
	if err != nil {
		return nil, err
	}
	m.pins.Pin(&info)
	if len(s.bandInfos) > 0 && len(s.bandInfos) != max(image.Bands, 1) {
		return nil, invalid("%d BandInfos of %d bands", len(s.bandInfos), max(image.Bands, 1))
	}
	set := C.tc_mosaic_options{struct_size: C.sizeof_tc_mosaic_options, flags: C.uint32_t(s.flags), image: &info,
		band_infos: m.bandInfos(s.bandInfos), max_open: C.uint32_t(s.maxOpen), release: (*[0]byte)(C.tcgo_release)}
	if set.texts, set.n_texts, err = m.texts(s.texts); err != nil {
		return nil, err
	}
	if s.openPart != nil {
		set.open = (*[0]byte)(C.tcgo_open_part)
	}
	set.user = newUser(&userParts{s.openPart, s.release})
	return m.handedOver(set.user, func() (*Provider, error) {
		return made(func(made **C.tc_provider, e *C.tc_error) C.tc_status {
			return C.provider_mosaic(first, n, &set, cache.c(), made, e)
		}, of...)
	})
}

// Display is the picture that a chain makes of the image; nil is the chain that AutoChain finds.
func (p *Provider) Display(ctx context.Context, chain *Chain, cache *Cache) (*Provider, error) {
	if chain == nil {
		found, err := p.AutoChain(ctx)
		if err != nil {
			return nil, err
		}
		defer found.Close()
		chain = found
	}
	return made(func(made **C.tc_provider, e *C.tc_error) C.tc_status {
		return C.provider_display(p.c(), chain.c(), cache.c(), made, e)
	}, p.ref(), chain.ref(), cache.ref())
}

// Convert is the image in another sample type, uint8 without WithDType.
//
// Options: WithDType, WithLimits or WithPercentiles, WithGamma, WithBands, WithFlags of ConvertFlags.
func (p *Provider) Convert(cache *Cache, options ...Option) (*Provider, error) {
	s, err := gather("Convert", options, ConvertFlags(0), "DType", "Limits", "Percentiles", "Gamma", "Bands")
	if err != nil {
		return nil, err
	}
	var m scratch
	defer m.done()
	set := C.tc_convert_options{struct_size: C.sizeof_tc_convert_options, dtype: C.tc_dtype(s.dtype),
		flags: C.uint32_t(s.flags), low: C.double(s.low), high: C.double(s.high), low_percent: C.double(s.lowPercent),
		high_percent: C.double(s.highPercent), gamma: C.double(s.gamma), stats: s.stats.c()}
	if set.bands, set.n_bands, err = m.bands(s.bands); err != nil {
		return nil, err
	}
	return made(func(made **C.tc_provider, e *C.tc_error) C.tc_status {
		return C.provider_convert(p.c(), &set, cache.c(), made, e)
	}, p.ref(), cache.ref(), s.stats.ref())
}
