package tilecache

// #include "bridge.h"
import "C"

import (
	"context"
	"unsafe"
)

// PixelStats are statistics of the bands of an image. They never change.
type PixelStats struct{ reference }

func (s *PixelStats) ref() *reference {
	if s == nil {
		return nil
	}
	return &s.reference
}

// Close gives the statistics up. Closing twice is closing once; it never fails.
func (s *PixelStats) Close() error { return s.ref().close() }

func (s *PixelStats) c() *C.tc_pixel_stats {
	if s == nil {
		return nil
	}
	return (*C.tc_pixel_stats)(s.object)
}

func releaseStats(object unsafe.Pointer) { C.tc_pixel_stats_release((*C.tc_pixel_stats)(object)) }

// BandStats are the numbers of a band. See tc_band_stats.
type BandStats struct {
	Count, Valid, NaN, Infinite       int64
	Minimum, Maximum, Mean, Deviation float64
}

// PixelStats takes the statistics of all bands, of all pixels unless flags say otherwise. It ends with the context.
//
// Options: WithFlags of SampleFlags, WithThreads, WithLevel, WithPercents, WithProgress.
func (p *Provider) PixelStats(ctx context.Context, options ...Option) (*PixelStats, error) {
	var object *C.tc_pixel_stats
	err := p.sampled(ctx, "PixelStats", options, func(from *C.tc_provider, set *C.tc_sample_options, e *C.tc_error) C.tc_status {
		return C.provider_pixel_stats(from, set, &object, e)
	})
	if err != nil {
		return nil, err
	}
	s := new(PixelStats)
	hold(s, &s.reference, unsafe.Pointer(object), releaseStats)
	return s, nil
}

func (p *Provider) sampled(ctx context.Context, call string, options []Option, take func(*C.tc_provider, *C.tc_sample_options, *C.tc_error) C.tc_status) error {
	s, err := gather(call, options, SampleFlags(0), "Threads", "Level", "Percents", "Progress")
	if err != nil {
		return err
	}
	var m scratch
	defer m.done()
	set := C.tc_sample_options{struct_size: C.sizeof_tc_sample_options, flags: C.uint32_t(s.flags), threads: C.uint32_t(s.threads)}
	if set.level, err = narrow("Level", s.level); err != nil {
		return err
	}
	percents, n := pinned(&m, s.percents)
	set.percents, set.n_percents = (*C.double)(percents), n
	return p.long(ctx, &m, s.progress, func(from *C.tc_provider, heard unsafe.Pointer, e *C.tc_error) C.tc_status {
		set.progress, set.progress_user = (*[0]byte)(C.tcgo_progress), heard
		return take(from, &set, e)
	})
}

// long makes a long call, which ends with the context and of which somebody may hear how far it came.
func (p *Provider) long(ctx context.Context, m *scratch, hear func(float64), call func(*C.tc_provider, unsafe.Pointer, *C.tc_error) C.tc_status) error {
	progress := &userProgress{ctx: ctx, hear: hear}
	heard := newUser(progress)
	m.forgotten = append(m.forgotten, heard)
	err := p.waiting(ctx, func(from *C.tc_provider, e *C.tc_error) C.tc_status { return call(from, heard, e) })
	if err != nil && progress.fell != nil {
		own := *err.(*Error)
		own.Status, own.Message, own.cause = ErrSource, progress.fell.Error(), []error{progress.fell}
		return &own
	}
	return err
}

func (s *PixelStats) call(f func(*C.tc_pixel_stats, *C.tc_error) C.tc_status) error {
	if s == nil {
		return invalid("the statistics are nil")
	}
	if err := s.acquire(); err != nil {
		return err
	}
	defer s.done()
	var cErr C.tc_error
	return failure(f(s.c(), &cErr), &cErr)
}

// Bands says how many bands there are, of which level, and by which of SampleWindows and SampleStored they were taken.
func (s *PixelStats) Bands() (bands, level int, flags SampleFlags, err error) {
	var about C.tc_pixel_stats_about
	err = s.call(func(s *C.tc_pixel_stats, e *C.tc_error) C.tc_status { return C.tc_pixel_stats_info(s, &about, e) })
	return int(about.bands), int(about.level), SampleFlags(about.flags), err
}

// Band are the numbers of a band.
func (s *PixelStats) Band(band int) (BandStats, error) {
	b, err := narrow("band", band)
	if err != nil {
		return BandStats{}, err
	}
	var n C.tc_band_stats
	err = s.call(func(s *C.tc_pixel_stats, e *C.tc_error) C.tc_status { return C.tc_pixel_stats_band(s, b, &n, e) })
	return BandStats{Count: int64(n.count), Valid: int64(n.valid), NaN: int64(n.nan), Infinite: int64(n.infinite),
		Minimum: float64(n.minimum), Maximum: float64(n.maximum), Mean: float64(n.mean), Deviation: float64(n.deviation)}, err
}

// Percentile is a percentile of a band, known to lie from low to high, which are equal where it is exact.
func (s *PixelStats) Percentile(band int, percent float64) (value, low, high float64, err error) {
	b, err := narrow("band", band)
	if err != nil {
		return 0, 0, 0, err
	}
	var v, l, h C.double
	err = s.call(func(s *C.tc_pixel_stats, e *C.tc_error) C.tc_status {
		return C.tc_pixel_stats_percentile(s, b, C.double(percent), &v, &l, &h, e)
	})
	return float64(v), float64(l), float64(h), err
}

// Histogram counts the valid pixels of a band in bins of equal width, from low to high; both 0 are minimum and maximum.
// `approximate` says that some may be in a bin beside theirs.
func (s *PixelStats) Histogram(band int, low, high float64, bins int) (counts []int64, approximate bool, err error) {
	b, err := narrow("band", band)
	if err != nil {
		return nil, false, err
	}
	if bins < 1 || bins > 65536 {
		return nil, false, outside("bins is %d; it must be 1 to 65536", bins)
	}
	counts = make([]int64, bins)
	var near C.uint32_t
	err = s.call(func(s *C.tc_pixel_stats, e *C.tc_error) C.tc_status {
		return C.tc_pixel_stats_histogram(s, b, C.double(low), C.double(high), (*C.int64_t)(&counts[0]), C.size_t(bins), &near, e)
	})
	if err != nil {
		return nil, false, err
	}
	return counts, near != 0, nil
}
