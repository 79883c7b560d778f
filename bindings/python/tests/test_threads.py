"""Threads of Python and the library together."""

import random
import sys
import threading
import time

import numpy as np
from conftest import Ramp, pixels

import tilecache


def together(count, work):
    """Runs work(number) on so many threads, and raises what one of them raised."""
    raised = []

    def run(number):
        try:
            work(number)
        except BaseException as failed:
            raised.append(failed)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]


def test_a_block_is_decoded_once_for_all_threads(cache):
    ramp = Ramp(1000, 1000, 50)
    tiles = ramp.provider.cached(cache).retile(128, 128, cache=cache)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:

        def work(number):
            order = random.Random(number).sample([(row, col) for row in range(8) for col in range(8)], 64)
            for row, col in order:
                expected = pixels(128 * col, 128 * row, min(128, 1000 - 128 * col), min(128, 1000 - 128 * row))
                assert np.array_equal(tiles.get_block(row, col).array, expected)

        together(16, work)
    finally:
        sys.setswitchinterval(interval)
    assert len(ramp.asked) == len(set(ramp.asked)) == 400


def test_a_tight_budget_with_tiles_held_and_released_anywhere():
    ramp = Ramp(600, 600, 60)
    cache = tilecache.Cache(200_000)
    provider = ramp.provider.cached(cache)
    held = []

    def work(number):
        choose = random.Random(number)
        for _ in range(300):
            row, col = choose.randrange(10), choose.randrange(10)
            tile = provider.get_block(row, col)
            assert tile.array[1, 5, 7] == 1000 + 3 * (60 * col + 7) + 7 * (60 * row + 5)
            held.append(tile.array if choose.random() < 0.5 else tile)
            if len(held) > 20:
                held.pop(choose.randrange(10))

    together(8, work)
    held.clear()
    statistics = cache.statistics()
    assert statistics.held == 0 and statistics.resident <= 200_000 and statistics.over_budget == 0


def test_other_threads_of_python_run_while_the_library_works():
    # One waits in Python for the event, and the others inside the library for that one.
    inside, release = threading.Event(), threading.Event()

    def slow(place):
        inside.set()
        assert release.wait(30)
        return np.zeros(place.shape, np.uint8)

    provider = tilecache.from_source(slow, width=8, height=8, dtype="uint8").cached(tilecache.Cache(1 << 20))
    waiting = [threading.Thread(target=provider.get_block, args=(0, 0)) for _ in range(3)]
    for thread in waiting:
        thread.start()
    assert inside.wait(30)
    counted = 0
    until = time.monotonic() + 0.2
    while time.monotonic() < until:
        counted += 1
    assert counted > 1000
    release.set()
    for thread in waiting:
        thread.join()


def test_joined_loads_fail_with_the_exception_of_the_one_that_loads():
    class Mine(Exception):
        pass

    started = threading.Event()

    def read_block(place):
        started.set()
        time.sleep(0.05)
        raise Mine(place.row)

    provider = tilecache.from_source(read_block, width=8, height=8, dtype="uint8").cached(tilecache.Cache(1 << 20))
    caught = []

    def work(number):
        try:
            provider.get_block(0, 0)
        except Mine as mine:
            caught.append(mine)

    together(6, work)
    assert len(caught) == 6
    assert started.is_set()


def test_open_and_close_on_many_threads(scene, cache):
    def work(number):
        for _ in range(20):
            with tilecache.open(scene) as provider, provider.retile(100, 100, cache=cache) as tiles:
                assert tiles.get_block(number % 4, 0).array[0, 0, 0] == 7 * 100 * (number % 4)

    together(8, work)
