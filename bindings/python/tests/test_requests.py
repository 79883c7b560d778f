"""What is made on threads of the library."""

import asyncio
import threading
import time
from concurrent.futures import CancelledError

import numpy as np
import pytest
from conftest import Ramp, pixels

import tilecache


class Slow:
    """A source whose blocks wait until they may."""

    def __init__(self):
        self.go_on = threading.Event()
        self.asked = self.ended = 0
        self.provider = tilecache.from_source(
            self.read_block, width=800, height=800, dtype="uint8", block_width=100, block_height=100
        )

    def read_block(self, place):
        self.asked += 1
        load = tilecache.Load.current()
        while not self.go_on.is_set() and not load.is_cancelled():
            time.sleep(0.001)
        self.ended += 1
        return np.full(place.shape, 3, np.uint8)


def test_a_request_is_a_future(ramp, cache):
    provider = ramp.provider.cached(cache)
    futures = [provider.request_block(row, col, bands=[1]) for row in range(4) for col in range(5)]
    blocks = [future.result(30).array for future in futures]
    assert np.array_equal(blocks[7], pixels(128, 64, 64, 64, [1]))
    assert all(future.done() for future in futures)
    said = []
    provider.request_block(0, 0).add_done_callback(lambda future: said.append(future.result().shape))
    while not said:
        time.sleep(0.001)
    assert said == [(3, 64, 64)]


def test_a_request_is_cancelled_with_its_future():
    slow = Slow()
    provider = slow.provider.cached(tilecache.Cache(1 << 20, threads=1))
    first, second = provider.request_block(0, 0), provider.request_block(0, 1)
    while slow.asked == 0:
        time.sleep(0.001)
    assert second.cancel() and second.cancelled()
    with pytest.raises(CancelledError):
        second.result(30)
    assert first.cancel()
    # The callback hears of it.
    until = time.monotonic() + 30
    while slow.ended < slow.asked and time.monotonic() < until:
        time.sleep(0.001)
    assert slow.ended == slow.asked
    # What is cancelled holds nobody up, and who asks again gets pixels.
    slow.go_on.set()
    assert provider.request_block(0, 0).result(30).array[0, 0, 0] == 3
    assert slow.asked <= 3


def test_coroutines_await_requests(ramp, cache):
    provider = ramp.provider.cached(cache)
    slow = Slow()

    async def main():
        tiles = await asyncio.gather(*(asyncio.wrap_future(provider.request_block(row, 0)) for row in range(4)))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.wrap_future(slow.provider.request_block(0, 0)), 0.05)
        return [tile.shape for tile in tiles]

    assert asyncio.run(main()) == [(3, 64, 64)] * 3 + [(3, 8, 64)]
    slow.go_on.set()


def test_a_prefetch_makes_tiles_ahead(ramp, cache):
    provider = ramp.provider.cached(cache)
    came = provider.prefetch(0, 0, 128, 128).result(30)
    assert came == tilecache.Prefetched(4, 4, 0, False)
    assert provider.try_block(1, 1) is not None and provider.try_block(2, 2) is None
    with pytest.raises(tilecache.ArgumentError, match="cache"):
        ramp.provider.prefetch(0, 0, 10, 10)
    with pytest.raises(tilecache.RangeError):
        provider.prefetch(0, 0, -1, 10)


def test_a_prefetch_is_cancelled():
    slow = Slow()
    provider = slow.provider.cached(tilecache.Cache(1 << 20))
    future = provider.prefetch(0, 0, 800, 800, threads=1)
    while slow.asked == 0:
        time.sleep(0.001)
    assert future.cancel()
    until = time.monotonic() + 30
    while slow.ended < slow.asked and time.monotonic() < until:
        time.sleep(0.001)
    assert slow.ended == slow.asked < 64
    slow.go_on.set()
    with pytest.raises(CancelledError):
        future.result(30)


def test_a_refused_request_leaves_nothing(ramp):
    from tilecache import _callbacks, requests

    before = _callbacks.entered(), len(requests._pending)
    for _ in range(10):
        with pytest.raises(tilecache.RangeError):
            ramp.provider.request_block(99, 0)
    assert (_callbacks.entered(), len(requests._pending)) == before


def test_a_declared_pass_decodes_less():
    def decodes(declare):
        asked = []

        def read_block(place):
            asked.append(place.row)
            return np.zeros(place.shape, np.uint8)

        source = tilecache.from_source(
            read_block, width=1024, height=1024, dtype="uint8", block_width=1024, block_height=16
        )
        cache = tilecache.Cache(160 << 10)
        tiles = source.cached(cache).retile(128, 128, cache=cache)
        reader = tiles.pass_("columns") if declare else tiles
        for col in range(8):
            for row in range(8):
                reader.get_block(row, col)
        return len(asked)

    assert decodes(True) < decodes(False)
    ramp = Ramp()
    listed = ramp.provider.pass_(tiles=[(0, 0), (1, 1)])
    assert listed.get_block(1, 1).shape == (3, 64, 64)
    with pytest.raises(ValueError, match="order is 'spiral'; it may be rows, columns"):
        ramp.provider.pass_("spiral")
    with pytest.raises(tilecache.RangeError):
        ramp.provider.pass_(tiles=[(9, 9)])


@pytest.mark.parametrize("threads", [1, 2])
def test_a_callback_may_ask_a_request_for_its_result(threads, ramp, monkeypatch):
    """Where the request needs the thread that the callback has, and where it needs the very block."""

    class SlowToCancel:
        def __getattr__(self, name):
            return getattr(lib, name)

        def provider_cancel(self, *arguments):
            """Leaves the library the time to tell of it."""
            lib.provider_cancel(*arguments)
            time.sleep(0.05)

    lib = tilecache.requests.lib
    monkeypatch.setattr(tilecache.requests, "lib", SlowToCancel())
    caches = [tilecache.Cache(1 << 20, threads=threads) for _ in range(2)]
    beneath = ramp.provider.cached(caches[0])
    said = []

    def read_block(place):
        if place.col == 1:  # its own block, by several ways
            for provider in (itself[0], itself[0].retile(64, 64)):
                future = provider.request_block(place.row, place.col)
                said.append(type(future.exception()))
                with pytest.raises(tilecache.ReentrantError):
                    future.result()
            itself[0].request_block(place.row, place.col).result()
        if place.col == 2:
            itself[0].prefetch(128, 0, 64, 64).result()  # not the blocks beside it
        if place.col == 3:
            itself[0].request_block(place.row, place.col).result(timeout=0.05)
        tile = beneath.request_block(place.row, 0).result()
        return tile.array[:, : place.shape[1], : place.shape[2]]

    itself = [
        tilecache.from_source(
            read_block, width=300, height=200, bands=3, dtype="uint16", block_width=64, block_height=64
        ).cached(caches[1])
    ]
    assert itself[0].request_block(0, 0).result(30).array[0, 0, 3] == 9
    assert itself[0].get_block(1, 0).array[0, 0, 3] == 9 + 7 * 64
    for get in (itself[0].get_block, lambda row, col: itself[0].request_block(row, col).result(30)):
        for col in (1, 2):
            with pytest.raises(tilecache.ReentrantError):
                get(0, col)
        with pytest.raises(TimeoutError):
            get(0, 3)
    assert said == [tilecache.ReentrantError] * 4
    itself.clear()
