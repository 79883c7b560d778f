"""One budget of bytes."""

import numpy as np
import pytest
from conftest import Ramp

import tilecache


def test_a_cache_counts_what_it_keeps():
    ramp = Ramp()
    cache = tilecache.Cache(1 << 20, unread_percent=50, threads=1, frequency=True, cheap_first=True)
    provider = ramp.provider.cached(cache)
    for _ in range(3):
        provider.get_block(0, 0)
    stats = cache.statistics()
    assert (stats.budget, stats.entries, stats.hits, stats.misses, stats.loads) == (1 << 20, 1, 2, 1, 1)
    assert stats.resident > 64 * 64 * 6 and stats.held == 0
    counters = provider.counters()
    assert (counters.hits, counters.budget) == (2, 0) and provider.amplification == 1
    assert cache.trim() > 64 * 64 * 6
    assert cache.statistics().resident == 0
    provider.get_block(0, 0)
    cache.budget = 1000
    assert cache.budget == 1000 and cache.statistics().resident <= 1000
    cache.clear()
    assert "0 of 1000 bytes" in repr(cache)
    assert tilecache.Cache().budget == tilecache.default_budget()
    assert tilecache.Cache(0).budget == 0


def test_tiles_are_put_looked_up_and_removed(cache):
    array = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    cache.put("mine", 1, 2, array)
    array[...] = 0
    tile = cache.get("mine", 1, 2)
    assert tile.array[1, 2, 3] == 23
    assert np.array_equal(cache.peek("mine", 1, 2, bands=[1]).array, tile.array[1:])
    cache.put("mine", 1, 2, np.full((3, 4, 2), 5, np.int16).transpose(2, 0, 1))
    assert (cache.get("mine", 1, 2).array == 5).all() and tile.array[1, 2, 3] == 23
    cache.remove("mine", 1, 2)
    for function in (cache.get, cache.peek, cache.remove):
        with pytest.raises(tilecache.NotResidentError):
            function("mine", 1, 2)
    with pytest.raises(tilecache.RangeError):
        cache.get("mine", -1, 0)
    with pytest.raises(ValueError, match="three axes"):
        cache.put("mine", 0, 0, np.zeros((2, 2)))
    with pytest.raises(TypeError):
        cache.put("mine", 0, 0, np.zeros((1, 2, 2), bool))


def test_memory_is_lent_without_a_copy(cache):
    array = np.arange(24, dtype=np.float64).reshape(1, 4, 6)
    cache.put("lent", 0, 0, array, copy=False)
    assert cache.get("lent", 0, 0).address == array.__array_interface__["data"][0]
    assert cache.statistics().lent == array.nbytes and cache.statistics().lent_counted == 0
    cache.put("counted", 0, 0, array, copy=False, counted=True)
    assert cache.statistics().lent_counted == array.nbytes
    cache.clear()
    assert cache.statistics().lent == 0


def test_what_is_put_is_shown(cache):
    provider = Ramp().provider.cached(cache)
    tiles = provider.retile(100, 100, cache=cache)
    assert tiles.get_block(0, 0).array[0, 1, 1] == 10
    cache.put(provider.key, 0, 0, np.full((3, 64, 64), 77, np.uint16))
    assert tiles.get_block(0, 0).array[0, 1, 1] == 77
    with pytest.raises(tilecache.ArgumentError):
        cache.put(provider.key, 0, 0, np.zeros((2, 64, 64), np.uint16))


def test_shares(cache):
    provider = Ramp().provider.cached(cache)
    cache.set_share(provider.key, maximum=30_000)
    for row in range(3):
        provider.get_block(row, 0)
    assert provider.counters().resident <= 30_000
    with pytest.raises(tilecache.ArgumentError, match="guarantee"):
        cache.set_share(provider.key, maximum=1000, guarantee=2000)


def test_what_changed_is_forgotten(cache):
    value = [1]
    source = tilecache.from_source(
        lambda place: np.full(place.shape, value[0], np.uint8), width=100, height=100, dtype="uint8"
    )
    tiles = source.cached(cache).retile(50, 50, cache=cache)
    old = tiles.get_block(0, 0)
    value[0] = 2
    assert tiles.get_block(0, 0).array[0, 0, 0] == 1
    source.invalidate()
    assert tiles.get_block(0, 0).array[0, 0, 0] == 2 and old.array[0, 0, 0] == 1


def test_readers_pass_by(ramp, cache):
    provider = ramp.provider.cached(cache)
    provider.reader(bypass=True).get_block(0, 0)
    assert provider.try_block(0, 0) is None
    provider.reader(streaming=True).get_block(0, 1)
    assert provider.try_block(0, 1) is not None
    filled = provider.reader(fill=7).read_window(-1, 0, 2, 1)
    assert filled[:, 0].tolist() == [[7, 0], [7, 1000], [7, 2000]]
    with pytest.raises(tilecache.ArgumentError):
        provider.reader(streaming=True, bypass=True)
    with pytest.raises(ValueError, match="70000, which is no uint16"):
        provider.reader(fill=70000)


def test_bad_caches_are_refused():
    with pytest.raises(OverflowError):
        tilecache.Cache(-1)
    with pytest.raises(tilecache.RangeError, match="101"):
        tilecache.Cache(1, unread_percent=101)
    with pytest.raises(TypeError):
        tilecache.Cache("1 GB")


def test_the_process_has_limits_too():
    assert tilecache.library_version() == tuple(map(int, tilecache.__version__.split(".")))
    assert 0 < tilecache.default_budget() <= 5 << 30 and tilecache.memory_limit() >= tilecache.default_budget()
    tilecache.set_open_files(0)
    tilecache.set_index_bytes(32 << 20)
    assert tilecache.run_releases() == 0
    names = [format.name for format in tilecache.formats()]
    assert "TIFF" in names and "PNG" in names
    tiff = tilecache.formats()[names.index("TIFF")]
    assert "tif" in tiff.extensions and {"levels", "io"} <= tiff.features and tiff.reads


def test_names_of_statuses():
    assert tilecache.status_name(2) == "TC_E_RANGE" and tilecache.status_name(99) == "unknown status"
