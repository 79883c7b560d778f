"""Another tier behind the memory of a cache, as a library in C gives one."""

import ctypes
import pathlib
import shutil

import numpy as np
import pytest
from conftest import Ramp

import tilecache


@pytest.fixture(scope="module")
def memory():
    """The tier of memory of bindings/tier, beside these tests."""
    library = ctypes.CDLL(pathlib.Path(__file__).parents[1] / "memory_tier.so")
    library.memory_tier.restype = ctypes.c_void_p
    yield library
    library.memory_tier_away(0)


@pytest.fixture
def with_tier(memory):
    def make() -> tilecache.Cache:
        cache = tilecache.Cache(64 << 20)
        cache.set_tier(memory.memory_tier())
        return cache

    return make


def test_what_was_decoded_is_decoded_no_more(memory, with_tier):
    ramp, again = Ramp(fleet_id="ramp, version 1"), Ramp(fleet_id="ramp, version 1")
    first, second = with_tier(), with_tier()
    image = ramp.provider.cached(first)
    block = image.get_block(1, 2).array
    assert np.array_equal(again.provider.cached(second).get_block(1, 2).array, block)
    assert ramp.asked == [(1, 2)] and again.asked == []
    stats = second.tier_statistics()
    assert (stats.gets, stats.hits, stats.hit_bytes) == (1, 1, block.nbytes)
    assert stats.state is tilecache.TierState.CLOSED and first.tier_statistics().puts == 1

    first.flush_tier()
    assert first.tier_statistics().owed == 0

    memory.memory_tier_away(1)
    with pytest.raises(tilecache.UnreachableError, match="the store is away"):
        image.invalidate_fleet()
    away = first.tier_statistics()
    assert away.purges_failed == 1 and away.unreachable == 1 and away.state is tilecache.TierState.OPEN
    memory.memory_tier_away(0)
    image.invalidate_fleet()
    image.get_block(1, 2)
    assert ramp.asked == [(1, 2)] * 2 and first.tier_statistics().purges == 1


@pytest.mark.parametrize("named", [{"fleet_id": "scene, version 1"}, {"fleet_digest": True}])
def test_files_are_known_to_tiers(with_tier, scene, tmp_path, named):
    loads = []
    for name in ("one.tif", "copy.tif"):
        shutil.copy(scene, tmp_path / name)
        file = tilecache.open(tmp_path / name, **named)
        file.retile(128, 128, cache=with_tier()).get_block(0, 0)
        loads.append(file.counters().loads)
    assert loads[0] > 0 and loads[1] == 0


def test_what_has_no_name_is_counted(with_tier, ramp):
    cache = with_tier()
    ramp.provider.cached(cache).get_block(0, 0)
    assert cache.tier_statistics().gets == 0 and cache.tier_statistics().unnamed > 0


def test_tiers_that_cannot_be_are_refused(memory, with_tier):
    with pytest.raises(tilecache.ArgumentError):
        tilecache.Cache(1 << 20).set_tier(0)
    with pytest.raises(tilecache.ArgumentError, match="tier"):
        with_tier().set_tier(memory.memory_tier())
    with pytest.raises(tilecache.NotFoundError):
        tilecache.Cache(1 << 20).tier_statistics()
    with pytest.raises(tilecache.NotFoundError):
        tilecache.Cache(1 << 20).flush_tier(0.5)
