"""A store of tiles under one budget of bytes."""

from __future__ import annotations

import os
import uuid
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from . import _callbacks
from ._handles import Held, encoded, made
from ._raw import ffi, lib
from .constants import TierState
from .errors import call
from .log import Listener, forget, log_struct
from .report import json_text, report
from .samples import Array, band_list, code_of, repeats, strides_of, without_halves
from .tile import Tile, owned


@dataclass(frozen=True)
class CacheStats:
    """The state of a cache, or what one provider has done, in bytes and counts: `tc_cache_stats`."""

    budget: int
    resident: int
    idle: int
    held: int
    reusable: int
    over_budget: int
    orphaned: int
    in_flight: int
    peak: int
    entries: int
    hits: int
    misses: int
    waits: int
    loads: int
    load_errors: int
    evictions: int
    rejected: int
    siblings: int
    load_nanoseconds: int
    max_in_flight: int
    queued: int
    overdue: int
    index: int
    lent: int
    lent_counted: int
    observation: int

    @classmethod
    def _of(cls, stats: Any) -> CacheStats:
        return cls(*(getattr(stats, field.name) for field in fields(cls)))


@dataclass(frozen=True)
class TierStats:
    """What happened between a cache and its tier, in bytes and counts: `tc_tier_stats`."""

    state: TierState
    gets: int
    hits: int
    hit_bytes: int
    hit_nanoseconds: int
    misses: int
    late: int
    refused: int
    leases_won: int
    leases_waited: int
    leases_given_up: int
    puts: int
    put_bytes: int
    puts_dropped: int
    queued: int
    unnamed: int
    left: int
    suspect: int
    changes: int
    suspicions: int
    purges: int
    purges_failed: int
    unreachable: int
    store_late: int
    garbage: int
    forged: int
    full: int
    denied: int
    round_trips: int
    bytes_sent: int
    bytes_received: int
    skipped: int
    owed: int

    @classmethod
    def _of(cls, stats: Any) -> TierStats:
        state, *numbers = (getattr(stats, field.name) for field in fields(cls))
        return cls(TierState(state), *numbers)


def stats_struct() -> Any:
    stats = ffi.new("tc_cache_stats *")
    stats.struct_size = ffi.sizeof("tc_cache_stats")
    return stats


# Caches of this process by their name in pickles; those that came in a pickle stay until it ends.
_named: weakref.WeakValueDictionary[str, Cache] = weakref.WeakValueDictionary()
_unpickled: dict[str, Cache] = {}


class Cache(Held):
    """A store of tiles of at most `max_bytes`, for any number of providers, files and threads.

    Without a size it is what suits most programs: the smaller of 5 GiB and half of the memory. 0 keeps nothing.
    Pickled, it is in each process that it comes to one cache of the same budget and options, empty at first.
    """

    __slots__ = ("_options", "_name")
    _what = "cache"

    def __init__(
        self,
        max_bytes: int | None = None,
        *,
        unread_percent: int = 0,
        view_limit: int = 0,
        max_in_flight: int = 0,
        threads: int = 0,
        cheap_first: bool = False,
        frequency: bool = False,
        observe: bool = False,
        log: Listener = None,
    ) -> None:
        self._options = dict(
            unread_percent=unread_percent,
            view_limit=view_limit,
            max_in_flight=max_in_flight,
            threads=threads,
            cheap_first=cheap_first,
            frequency=frequency,
            observe=observe,
            log=log,
        )
        options = ffi.new("tc_cache_options *")
        options.struct_size = ffi.sizeof("tc_cache_options")
        options.unread_percent, options.view_limit = unread_percent, view_limit
        options.max_in_flight, options.threads = max_in_flight, threads
        for wanted, flag in (
            (cheap_first, lib.TC_CACHE_CHEAP_FIRST),
            (frequency, lib.TC_CACHE_FREQUENCY),
            (observe, lib.TC_CACHE_OBSERVE),
        ):
            options.flags |= flag if wanted else 0
        size = lib.tc_default_budget() if max_bytes is None else max_bytes
        held: list[Any] = []
        options.log = log_struct(log, held)
        try:
            self._h = ffi.gc(made(lib.tc_create, "tc_cache", size, options), lib.tc_release)
        except BaseException:
            forget(options.log)
            raise
        self._name: str | None = None

    @property
    def budget(self) -> int:
        """The budget in bytes. A smaller one evicts at once; tiles in your hands stay valid."""
        return self.statistics().budget

    @budget.setter
    def budget(self, max_bytes: int) -> None:
        call(lib.tc_set_budget, self._open, max_bytes)

    def statistics(self) -> CacheStats:
        """What it holds and has done."""
        stats = stats_struct()
        call(lib.tc_statistics, self._open, stats)
        return CacheStats._of(stats)

    def set_tier(self, address: int) -> None:
        """Gives a new cache another tier behind its memory: the address of a `tc_tier`, which is copied.

        A tier is written in C, C++ or Rust, and a library of tiers fills the struct in. A pickled cache has none.
        """
        call(lib.tc_set_tier, self._open, ffi.cast("tc_tier *", address))

    def flush_tier(self, timeout: float | None = None) -> None:
        """Has the tier store all that it is still to get, and waits for that, so many seconds at most.

        To be called before a process ends, for what waits then is lost. UnreachableError if it did not take all in time;
        NotFoundError without a tier.
        """
        nanoseconds = 2**64 - 1 if timeout is None else min(max(int(timeout * 1e9), 0), 2**64 - 1)
        call(lib.tc_flush_tier, self._open, nanoseconds)

    def tier_statistics(self) -> TierStats:
        """What happened between the cache and its tier so far; NotFoundError if it has none."""
        stats = ffi.new("tc_tier_stats *")
        stats.struct_size = ffi.sizeof("tc_tier_stats")
        call(lib.tc_tier_statistics, self._open, stats)
        return TierStats._of(stats)

    def statistics_json(self) -> str:
        """The same of the cache, of each key and of each source, as JSON; made with `observe`, with advice."""
        return json_text(lib.tc_statistics_json, self._open)

    def report(self, write: Callable[[str], Any]) -> None:
        """Has a page of HTML written, part by part, that shows the cache: `cache.report(file.write)`."""
        report(self._open, write)

    def trim(self, max_bytes: int | None = None) -> int:
        """Gives at least so many bytes back now, all that nobody holds by default; how many it were."""
        given_back = ffi.new("uint64_t *")
        call(lib.tc_trim, self._open, 2**64 - 1 if max_bytes is None else max_bytes, given_back)
        return int(given_back[0])

    def set_share(self, key: str, maximum: int = 0, guarantee: int = 0) -> None:
        """Gives the tiles of one key a share of their own, in bytes; 0 is none."""
        call(lib.tc_set_share, self._open, encoded(key), maximum, guarantee)

    def clear(self) -> None:
        """Forgets all tiles. Those in your hands stay valid."""
        call(lib.tc_clear, self._open)

    def get(self, key: str, row: int, col: int, level: int = 0, bands: Sequence[int] | None = None) -> Tile:
        """A tile by the key of its image, if the cache has it; a use. NotResidentError if not."""
        listed, count = band_list(bands)
        return owned(made(lib.tc_get, "tc_tile", self._open, encoded(key), row, col, level, listed, count))

    def peek(self, key: str, row: int, col: int, level: int = 0, bands: Sequence[int] | None = None) -> Tile:
        """`get` without being a use."""
        listed, count = band_list(bands)
        return owned(made(lib.tc_peek, "tc_tile", self._open, encoded(key), row, col, level, listed, count))

    def put(
        self,
        key: str,
        row: int,
        col: int,
        pixels: Array,
        *,
        level: int = 0,
        bands: Sequence[int] | None = None,
        copy: bool = True,
        counted: bool = False,
    ) -> None:
        """Puts pixels (band, row, column) under a key; a use. It replaces a tile that is there.

        With `copy=False` the memory of the array is lent without a copy: it must stay unchanged until the cache and all
        tiles have given it up, and takes nothing from the budget unless it is `counted`.
        """
        array = without_halves(np.asarray(pixels))
        if array.ndim != 3 or 0 in array.shape:
            raise ValueError(f"pixels has the shape {array.shape}; three axes are needed: band, row, column")
        if strides_of(array)[2] != array.itemsize or min(strides_of(array)) < 0 or repeats(array):
            array = np.ascontiguousarray(array)
        struct = ffi.new("tc_pixels *")
        struct.data = ffi.cast("void *", array.__array_interface__["data"][0])
        struct.bands, struct.height, struct.width = array.shape
        struct.band_stride, struct.row_stride, _ = strides_of(array)
        struct.dtype = code_of(array.dtype)
        struct.flags = lib.TC_PIXELS_COUNTED if counted else 0
        listed, count = band_list(bands)
        release, user = ffi.NULL, ffi.NULL
        if not copy:
            release, user = lib.python_release, _callbacks.enter(array)
        try:
            call(lib.tc_put, self._open, encoded(key), row, col, level, listed, count, struct, release, user)
        except BaseException:
            if not copy:
                _callbacks.forget(user)
            raise

    def remove(self, key: str, row: int, col: int, level: int = 0, bands: Sequence[int] | None = None) -> None:
        """Forgets a tile. Whoever holds it keeps it."""
        listed, count = band_list(bands)
        call(lib.tc_remove, self._open, encoded(key), row, col, level, listed, count)

    def __reduce__(self) -> tuple[Any, ...]:
        budget = self.budget
        if self._name is None:
            self._name = uuid.uuid4().hex
            _named[self._name] = self
        return _cache_of, (self._name, budget, self._options)

    def __repr__(self) -> str:
        if self.closed:
            return "<tilecache.Cache, closed>"
        stats = self.statistics()
        return f"<tilecache.Cache, {stats.resident} of {stats.budget} bytes, {stats.entries} tiles>"


def _cache_of(name: str, budget: int, options: dict[str, Any]) -> Cache:
    """The cache of a pickle: that of this process, made if it is the first one of that name here."""
    known = _named.get(name)
    if known is None or known.closed:
        known = Cache(budget, **options)
        known._name = name
        first = _unpickled.setdefault(name, known)
        known = first if not first.closed else known
        _unpickled[name] = _named[name] = known
    return known


def _forget_parent() -> None:
    """A child makes its own caches: those that were made before the fork are its parent's."""
    _named.clear()
    _unpickled.clear()


os.register_at_fork(after_in_child=_forget_parent)
