"""Providers in other processes: by path and options."""

import concurrent.futures
import gc
import multiprocessing
import os
import pickle
import threading
import weakref

import numpy as np
import pytest
from conftest import Ramp, pixels

import tilecache


def double(place, block):
    return block * 2


def read(provider, window):
    """Runs in another process."""
    return os.getpid(), provider.read(window=window)


def test_a_provider_comes_through_a_pickle(scene, cache):
    provider = tilecache.open(scene)
    tiles = provider.cached(cache).retile(100, 100, cache=cache).map(double, name="double", cache=cache)
    again = pickle.loads(pickle.dumps(tiles))
    assert again.key == tiles.key
    assert again.get_block(1, 1).address == tiles.get_block(1, 1).address, "the cache is another one"
    assert np.array_equal(again.get_block(1, 1).array, pixels(100, 100, 100, 100) * 2)
    # What was closed meanwhile makes no difference.
    data = pickle.dumps(tiles)
    provider.close(), tiles.close()
    assert pickle.loads(data).get_block(0, 0).shape == (3, 100, 100)
    for derived in (
        again.level(0), again.mask(), again.downsample(), again.pyramid(), again.display("u16"),
        again.convert("uint16"),
        again.with_georef(tilecache.Georef(epsg=4326)), tilecache.mosaic([(again, 0, 0)]),
        tilecache.compute([tilecache.Input(again, bands=[0])], _first),
    ):  # fmt: skip
        assert np.array_equal(pickle.loads(pickle.dumps(derived)).read(), derived.read())
    assert pickle.loads(pickle.dumps(tilecache.Chain("bands=1|u16"))).text == "bands=1|u16"


def test_what_was_closed_is_refused_and_what_was_made_of_it_is_not(scene):
    function = Counted()
    with tilecache.open(scene) as provider, provider.map(function, name="counted") as mapped:
        whole = tilecache.mosaic([(mapped, 0, 0), tilecache.Part(provider, 0, 0)])
        alone = provider.map(Counted())
    for closed in (provider, mapped):
        with pytest.raises(tilecache.ClosedError, match="provider was closed"):
            pickle.dumps(closed)
    first, again = pickle.loads(pickle.dumps((whole, whole)))
    assert first is again and np.array_equal(first.read(), whole.read())
    # A closed one keeps nothing of how it was made.
    gone = weakref.ref(alone._recipe._call[1][1])
    alone.close()
    gc.collect()
    assert gone() is None
    # Memory of this process is refused beneath others, too.
    with pytest.raises(TypeError, match="in this process"):
        pickle.dumps(tilecache.from_memory(np.zeros((2, 2))).retile(1, 1))


class Counted:
    def __call__(self, place, block):
        return block


def _first(place, array):
    return array


def test_what_is_in_this_process_alone_is_refused(ramp):
    with pytest.raises(TypeError, match="in this process"):
        pickle.dumps(tilecache.from_memory(np.zeros((2, 2))))
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        pickle.dumps(ramp.provider.map(lambda place, block: block))
    for handle in (ramp.provider.get_block(0, 0), ramp.provider.pixel_stats()):
        with pytest.raises(TypeError):
            pickle.dumps(handle)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_other_processes_open_it_anew(scene, method):
    cache = tilecache.Cache(32 << 20)
    tiles = tilecache.open(scene).retile(100, 100, cache=cache)
    tiles.get_block(0, 0)
    windows = [((row, row + 50), (0, 600)) for row in range(0, 400, 50)]
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        for (process, array), ((top, _), _) in zip(pool.map(read, [tiles] * 8, windows), windows):
            assert process != os.getpid()
            assert np.array_equal(array, pixels(0, top, 600, 50))


def test_a_cache_is_one_in_each_process():
    cache = tilecache.Cache(1 << 20, frequency=True)
    cache.budget = 2 << 20
    data = pickle.dumps(cache)
    assert pickle.loads(data) is cache
    del cache
    other = pickle.loads(data)
    assert other.budget == 2 << 20 and pickle.loads(data) is other
    other.close()
    assert pickle.loads(data).budget == 2 << 20
    made = []
    threads = [threading.Thread(target=lambda: made.append(pickle.loads(data))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(each) for each in made}) == 1


def test_a_fork_in_the_middle_of_other_threads():
    """Children that are forked while threads read go on by themselves."""
    provider = Ramp(1000, 1000, 50).provider.cached(tilecache.Cache(1 << 20))
    stop = threading.Event()

    def work():
        while not stop.is_set():
            for row in range(20):
                provider.get_block(row, row)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            child = os.fork()
            if child == 0:
                good = np.array_equal(Ramp().provider.cached(tilecache.Cache(1 << 20)).read(), pixels(0, 0, 300, 200))
                os._exit(0 if good else 1)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()
