package tilecache

// #include "bridge.h"
import "C"

import (
	"fmt"
	"sync"
	"time"
	"unsafe"
)

// Cache keeps tiles within a budget of bytes, for any number of providers and goroutines.
type Cache struct{ reference }

// Stats tells what a cache holds and has done, or what one provider has. See tc_cache_stats.
type Stats struct {
	Budget, Resident, Idle, Held, Reusable, OverBudget, Orphaned, InFlight, Peak   uint64
	Entries, Hits, Misses, Waits, Loads, LoadErrors, Evictions, Rejected, Siblings uint64
	LoadNanoseconds, MaxInFlight, Queued, Overdue, Index, Lent, LentCounted        uint64
	Observation                                                                    uint64
}

func statsFrom(s *C.tc_cache_stats) Stats {
	return Stats{Budget: uint64(s.budget), Resident: uint64(s.resident), Idle: uint64(s.idle), Held: uint64(s.held),
		Reusable: uint64(s.reusable), OverBudget: uint64(s.over_budget), Orphaned: uint64(s.orphaned),
		InFlight: uint64(s.in_flight), Peak: uint64(s.peak), Entries: uint64(s.entries), Hits: uint64(s.hits),
		Misses: uint64(s.misses), Waits: uint64(s.waits), Loads: uint64(s.loads), LoadErrors: uint64(s.load_errors),
		Evictions: uint64(s.evictions), Rejected: uint64(s.rejected), Siblings: uint64(s.siblings),
		LoadNanoseconds: uint64(s.load_nanoseconds), MaxInFlight: uint64(s.max_in_flight), Queued: uint64(s.queued),
		Overdue: uint64(s.overdue), Index: uint64(s.index), Lent: uint64(s.lent), LentCounted: uint64(s.lent_counted),
		Observation: uint64(s.observation)}
}

// NewCache makes a cache of at most so many bytes; DefaultBudget suits most programs.
//
// Options: WithUnreadPercent, WithViewLimit, WithMaxInFlight, WithThreads, WithLog, WithFlags of CacheFlags.
func NewCache(budget uint64, options ...Option) (*Cache, error) {
	if err := fits(); err != nil {
		return nil, err
	}
	s, err := gather("NewCache", options, CacheFlags(0), "UnreadPercent", "ViewLimit", "MaxInFlight", "Threads", "Log")
	if err != nil {
		return nil, err
	}
	var made *C.tc_cache
	var cErr C.tc_error
	set := C.tc_cache_options{struct_size: C.sizeof_tc_cache_options, unread_percent: C.uint32_t(s.unreadPercent),
		view_limit: C.uint64_t(s.viewLimit), max_in_flight: C.uint64_t(s.maxInFlight), threads: C.uint32_t(s.threads),
		flags: C.uint32_t(s.flags)}
	var m scratch
	defer m.done()
	log, failed := s.logOf(&m)
	set.log = log
	err = failure(C.tc_create(C.uint64_t(budget), &set, &made, &cErr), &cErr)
	if failed(err); err != nil {
		return nil, err
	}
	c := new(Cache)
	hold(c, &c.reference, unsafe.Pointer(made), releaseCache)
	return c, nil
}

func releaseCache(object unsafe.Pointer) { C.tc_release((*C.tc_cache)(object)) }

// ref is the reference of a cache that may be nil.
func (c *Cache) ref() *reference {
	if c == nil {
		return nil
	}
	return &c.reference
}

// Close gives the cache up; with the last provider made with it, it goes. Closing twice is closing once; it never fails.
func (c *Cache) Close() error { return c.ref().close() }

func (c *Cache) c() *C.tc_cache {
	if c == nil {
		return nil
	}
	return (*C.tc_cache)(c.object)
}

func (c *Cache) call(f func(*C.tc_cache, *C.tc_error) C.tc_status) error {
	if c == nil {
		return invalid("the cache is nil")
	}
	if err := c.acquire(); err != nil {
		return err
	}
	defer c.done()
	var cErr C.tc_error
	return failure(f(c.c(), &cErr), &cErr)
}

// SetBudget changes the budget; a smaller one evicts at once.
func (c *Cache) SetBudget(bytes uint64) error {
	return c.call(func(c *C.tc_cache, e *C.tc_error) C.tc_status { return C.tc_set_budget(c, C.uint64_t(bytes), e) })
}

// Trim gives at least so many bytes back now, if there is so much that nobody holds, and says how many.
func (c *Cache) Trim(bytes uint64) (uint64, error) {
	var given C.uint64_t
	err := c.call(func(c *C.tc_cache, e *C.tc_error) C.tc_status { return C.tc_trim(c, C.uint64_t(bytes), &given, e) })
	return uint64(given), err
}

// SetShare gives the tiles of one key (Provider.Key) a share of their own: at most, and at least guaranteed, so many
// bytes; 0 is none.
func (c *Cache) SetShare(key string, maximum, guarantee uint64) error {
	text, err := cString("key", key)
	if err != nil {
		return err
	}
	defer C.free(unsafe.Pointer(text))
	return c.call(func(c *C.tc_cache, e *C.tc_error) C.tc_status {
		return C.tc_set_share(c, text, C.uint64_t(maximum), C.uint64_t(guarantee), e)
	})
}

// Clear forgets all tiles. Those that you hold stay valid.
func (c *Cache) Clear() error {
	return c.call(func(c *C.tc_cache, e *C.tc_error) C.tc_status { return C.tc_clear(c, e) })
}

// Stats tells what the cache holds and has done.
func (c *Cache) Stats() (Stats, error) {
	stats := C.tc_cache_stats{struct_size: C.sizeof_tc_cache_stats}
	err := c.call(func(c *C.tc_cache, e *C.tc_error) C.tc_status { return C.tc_statistics(c, &stats, e) })
	return statsFrom(&stats), err
}

// SetTier gives a new cache another tier behind its memory: the address of a tc_tier, which a library of tiers fills in
// and SetTier copies. A tier is written in C, C++ or Rust.
func (c *Cache) SetTier(tier unsafe.Pointer) error {
	return c.call(func(c *C.tc_cache, e *C.tc_error) C.tc_status { return C.tc_set_tier(c, (*C.tc_tier)(tier), e) })
}

// FlushTier has the tier store all that it is still to get, and waits for that: before the process ends, for what waits then is
// lost. After the timeout the error is ErrUnreachable; without a tier it is ErrNotFound.
func (c *Cache) FlushTier(timeout time.Duration) error {
	wait := C.uint64_t(max(timeout, 0))
	return c.call(func(c *C.tc_cache, e *C.tc_error) C.tc_status { return C.tc_flush_tier(c, wait, e) })
}

// TierStats tells what happened between a cache and its tier. See tc_tier_stats.
type TierStats struct {
	State                                                       TierState
	Gets, Hits, HitBytes, HitNanoseconds, Misses, Late, Refused uint64
	LeasesWon, LeasesWaited, LeasesGivenUp                      uint64
	Puts, PutBytes, PutsDropped, Queued                         uint64
	Unnamed, Left, Suspect, Changes, Suspicions                 uint64
	Purges, PurgesFailed                                        uint64
	Unreachable, StoreLate, Garbage, Forged, Full, Denied       uint64
	RoundTrips, BytesSent, BytesReceived, Skipped, Owed         uint64
}

// TierStats tells what happened between the cache and its tier so far; without a tier the error is ErrNotFound.
func (c *Cache) TierStats() (TierStats, error) {
	s := C.tc_tier_stats{struct_size: C.sizeof_tc_tier_stats}
	err := c.call(func(c *C.tc_cache, e *C.tc_error) C.tc_status { return C.tc_tier_statistics(c, &s, e) })
	return TierStats{State: TierState(s.state), Gets: uint64(s.gets), Hits: uint64(s.hits), HitBytes: uint64(s.hit_bytes),
		HitNanoseconds: uint64(s.hit_nanoseconds), Misses: uint64(s.misses), Late: uint64(s.late),
		Refused: uint64(s.refused), LeasesWon: uint64(s.leases_won), LeasesWaited: uint64(s.leases_waited),
		LeasesGivenUp: uint64(s.leases_given_up), Puts: uint64(s.puts), PutBytes: uint64(s.put_bytes),
		PutsDropped: uint64(s.puts_dropped), Queued: uint64(s.queued), Unnamed: uint64(s.unnamed), Left: uint64(s.left),
		Suspect: uint64(s.suspect), Changes: uint64(s.changes), Suspicions: uint64(s.suspicions),
		Purges: uint64(s.purges), PurgesFailed: uint64(s.purges_failed), Unreachable: uint64(s.unreachable),
		StoreLate: uint64(s.store_late), Garbage: uint64(s.garbage), Forged: uint64(s.forged), Full: uint64(s.full),
		Denied: uint64(s.denied), RoundTrips: uint64(s.round_trips), BytesSent: uint64(s.bytes_sent),
		BytesReceived: uint64(s.bytes_received), Skipped: uint64(s.skipped), Owed: uint64(s.owed)}, err
}

// Get is a tile by the key of its image, if the cache has it; else the error is ErrNotResident.
func (c *Cache) Get(key string, row, col, level int, bands ...int) (*Tile, error) {
	return c.find(C.TCGO_GET, key, row, col, level, bands)
}

// Peek is Get without being a use.
func (c *Cache) Peek(key string, row, col, level int, bands ...int) (*Tile, error) {
	return c.find(C.TCGO_PEEK, key, row, col, level, bands)
}

func (c *Cache) find(how C.int, key string, row, col, level int, bands []int) (*Tile, error) {
	text, err := cString("key", key)
	if err != nil {
		return nil, err
	}
	defer C.free(unsafe.Pointer(text))
	list, n, err := bandList(bands)
	if err != nil {
		return nil, err
	}
	l, err := narrow("level", level)
	if err != nil {
		return nil, err
	}
	var got C.tcgo_got
	err = c.call(func(c *C.tc_cache, e *C.tc_error) C.tc_status {
		got = C.tcgo_cached(how, c, text, C.int64_t(row), C.int64_t(col), l, list, n, e)
		return got.status
	})
	if err != nil {
		return nil, err
	}
	return newTile(got), nil
}

// Put puts a copy of pixels under a key: one of yours, or Provider.Key of a provider of this cache, whose tile must be
// of the same size, type and bands. Samples of a row must lie side by side.
func (c *Cache) Put(key string, row, col, level int, pixels Array, bands ...int) error {
	if err := pixels.check(); err != nil {
		return err
	}
	if err := pixels.checkRows(); err != nil {
		return err
	}
	text, err := cString("key", key)
	if err != nil {
		return err
	}
	defer C.free(unsafe.Pointer(text))
	list, n, err := bandList(bands)
	if err != nil {
		return err
	}
	l, err := narrow("level", level)
	if err != nil {
		return err
	}
	return c.call(func(c *C.tc_cache, e *C.tc_error) C.tc_status {
		return C.tcgo_put(c, text, C.int64_t(row), C.int64_t(col), l, list, n, pixels.begin(), pixels.toC(), e)
	})
}

// Remove forgets a tile of just these bands.
func (c *Cache) Remove(key string, row, col, level int, bands ...int) error {
	text, err := cString("key", key)
	if err != nil {
		return err
	}
	defer C.free(unsafe.Pointer(text))
	list, n, err := bandList(bands)
	if err != nil {
		return err
	}
	l, err := narrow("level", level)
	if err != nil {
		return err
	}
	return c.call(func(c *C.tc_cache, e *C.tc_error) C.tc_status {
		return C.tc_remove(c, text, C.int64_t(row), C.int64_t(col), l, list, n, e)
	})
}

// DefaultBudget is a budget that suits most programs: the smaller of 5 GiB and half of MemoryLimit.
func DefaultBudget() uint64 { return uint64(C.tc_default_budget()) }

// MemoryLimit is the bytes of memory that this process may use.
func MemoryLimit() uint64 { return uint64(C.tc_memory_limit()) }

// SetOpenFiles says how many files the library keeps open at most, in the whole process; 0 is half of what the system
// allows.
func SetOpenFiles(most uint64) { C.tc_set_open_files(C.uint64_t(most)) }

// SetIndexBytes says how many bytes of the indexes of files the library keeps at most, in the whole process.
func SetIndexBytes(most uint64) { C.tc_set_index_bytes(C.uint64_t(most)) }

// Version is that of the library that runs.
func Version() (major, minor, patch int) { return parts(uint32(C.tc_library_version())) }

func parts(version uint32) (major, minor, patch int) {
	return int(version >> 16), int(version >> 8 & 255), int(version & 255)
}

// fits says whether the library that runs is one for which this was compiled.
var fits = sync.OnceValue(func() error { return fitsVersions(C.TC_LIBRARY_VERSION, uint32(C.tc_library_version())) })

func fitsVersions(compiled, runs uint32) error {
	major, minor, patch := parts(compiled)
	runsMajor, runsMinor, runsPatch := parts(runs)
	if major != runsMajor || major == 0 && minor != runsMinor {
		return &Error{Status: ErrUnsupported, Message: fmt.Sprintf("this program was compiled for tilecache %d.%d.%d, and the library is %d.%d.%d",
			major, minor, patch, runsMajor, runsMinor, runsPatch)}
	}
	return nil
}
