"""What must be an error of Python, and never a crash."""

import gc
import os
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
from conftest import Ramp, pixels

import tilecache


def run(program: str, *arguments: str, seconds: float = 60) -> subprocess.CompletedProcess:
    """Runs a program of its own, which must end by itself."""
    ran = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(program), *arguments],
        capture_output=True, text=True, timeout=seconds,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran


def handles():
    cache = tilecache.Cache(1 << 20)
    provider = Ramp().provider
    yield cache, lambda: cache.statistics()
    yield cache, lambda: provider.cached(cache)
    yield cache, lambda: cache.put("k", 0, 0, np.zeros((1, 2, 2)))
    for call in (
        lambda p: p.get_block(0, 0), lambda p: p.try_block(0, 0), lambda p: p.read(), lambda p: p.key, lambda p: p.info,
        lambda p: p.retile(), lambda p: p.pixel_stats(), lambda p: p.request_block(0, 0), lambda p: p.georef(),
        lambda p: p.mask(), lambda p: p.metadata(), lambda p: tilecache.mosaic([(p, 0, 0)]), lambda p: p.cancel(),
        lambda p: tilecache.compute([p], lambda place, array: array), lambda p: p.__enter__(),
    ):  # fmt: skip
        closed = Ramp().provider
        yield closed, lambda call=call, closed=closed: call(closed)
    tile = provider.get_block(0, 0)
    yield tile, lambda: tile.array
    chain = tilecache.Chain("u8")
    yield chain, lambda: chain.text
    yield chain, lambda: provider.display(chain)
    stats = provider.pixel_stats()
    yield stats, lambda: stats[0]
    transform = tilecache.Transform.affine([0, 1, 0, 0, 0, 1])
    yield transform, lambda: transform.points([1], [1])
    yield transform, lambda: provider.warp(transform, width=9, height=9)


@pytest.mark.parametrize(("handle", "use"), list(handles()))
def test_use_after_close_is_an_error_and_closing_twice_is_not(handle, use):
    handle.close()
    handle.close()
    assert handle.closed and "closed" in repr(handle)
    with pytest.raises(tilecache.ClosedError, match="was closed") as caught:
        use()
    assert caught.value.status == tilecache.Status.E_ARGUMENT
    assert isinstance(caught.value, ValueError)


def test_with_blocks_close():
    with tilecache.Cache(1 << 20) as cache, Ramp().provider as provider, provider.cached(cache).get_block(0, 0) as tile:
        array = tile.array
    assert cache.closed and provider.closed and tile.closed
    assert np.array_equal(array, pixels(0, 0, 64, 64))
    with pytest.raises(ZeroDivisionError), Ramp().provider as provider:
        1 / 0
    assert provider.closed


def test_handles_come_from_functions_alone():
    for kind in (tilecache.Provider, tilecache.Tile, tilecache.PixelStats, tilecache.Transform, tilecache.Load):
        with pytest.raises(TypeError, match="comes from"):
            kind()


def test_a_handle_that_is_closed_while_another_thread_uses_it():
    inside, go_on = threading.Event(), threading.Event()

    def read_block(place):
        inside.set()
        assert go_on.wait(30)
        return np.full(place.shape, 9, np.uint8)

    cache = tilecache.Cache(1 << 20)
    provider = tilecache.from_source(read_block, width=8, height=8, dtype="uint8").cached(cache)
    arrays = []
    thread = threading.Thread(target=lambda: arrays.append(provider.get_block(0, 0).array))
    thread.start()
    assert inside.wait(30)
    provider.close()
    cache.close()
    gc.collect()
    go_on.set()
    thread.join()
    assert (arrays[0] == 9).all()


def test_handles_cross_threads_and_are_released_there():
    tiles = []
    provider = Ramp().provider.cached(tilecache.Cache(1 << 20))
    getting = threading.Thread(target=lambda: tiles.extend(provider.get_block(row, 0) for row in range(3)))
    getting.start()
    getting.join()
    arrays = [tile.array for tile in tiles]
    releasing = threading.Thread(target=lambda: [tile.close() for tile in tiles])
    releasing.start()
    releasing.join()
    assert all(np.array_equal(array, pixels(0, 64 * row, 64, 64)) for row, array in enumerate(arrays))


def test_a_call_in_a_fork_with_open_handles():
    cache = tilecache.Cache(1 << 20)
    provider = Ramp().provider.cached(cache)
    tile = provider.get_block(0, 0)
    array = tile.array
    pending = provider.reader().request_block(1, 1)
    assert pending.result(30).shape == (3, 64, 64)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        said = []
        try:
            # Those of the parent are refused, pixels stay, and closing does nothing.
            for use in (lambda: provider.get_block(0, 0), lambda: cache.statistics(), lambda: provider.retile()):
                try:
                    use()
                    said.append("nothing")
                except tilecache.ArgumentError as refused:
                    said.append("fork" if "fork" in str(refused) else str(refused))
            said.append(bool(np.array_equal(array, pixels(0, 0, 64, 64))))
            provider.close(), cache.close(), tile.close()
            # New ones work as ever.
            own = Ramp().provider.cached(tilecache.Cache(1 << 20))
            said.append(bool(np.array_equal(own.request_block(1, 1).result(30).array, pixels(64, 64, 64, 64))))
        except BaseException as failed:
            said.append(repr(failed))
        os.write(write, repr(said).encode())
        os._exit(0)
    os.close(write)
    assert os.waitpid(child, 0)[1] == 0
    assert os.read(read, 10000).decode() == repr(["fork", "fork", "fork", True, True])
    os.close(read)
    assert provider.get_block(0, 1).shape == (3, 64, 64)


def test_a_reader_that_is_cancelled_in_the_middle_of_a_load():
    inside = threading.Event()
    told = []

    def read_block(place):
        load = tilecache.Load.current()
        inside.set()
        while not load.is_cancelled():
            time.sleep(0.001)
        told.append(True)
        raise TimeoutError("nobody sees this")

    provider = tilecache.from_source(read_block, width=8, height=8, dtype="uint8").cached(tilecache.Cache(1 << 20))
    reader = provider.reader()
    cancelling = threading.Thread(target=lambda: (inside.wait(30), reader.cancel()))
    cancelling.start()
    with pytest.raises((tilecache.CancelledError, TimeoutError)):
        reader.get_block(0, 0)
    cancelling.join()
    assert told == [True]
    with pytest.raises(tilecache.CancelledError):
        reader.get_block(0, 0)
    with pytest.raises(tilecache.ArgumentError, match="reader"):
        provider.cancel()


def test_an_exception_while_another_is_in_flight():
    def read_block(place):
        try:
            raise KeyError("first")
        except KeyError:
            raise ZeroDivisionError("second")  # noqa: B904

    provider = tilecache.from_source(read_block, width=8, height=8, dtype="uint8")
    try:
        raise OSError("outer")
    except OSError:
        with pytest.raises(ZeroDivisionError) as caught:
            provider.get_block(0, 0)
    assert isinstance(caught.value.__context__, KeyError)
    # A release while an exception is on its way.
    try:
        tile = Ramp().provider.get_block(0, 0)
        raise OSError("outer")
    except OSError:
        del tile
        gc.collect()


def test_a_finaliser_of_an_array_that_was_lent_may_use_the_library():
    said = []

    class Array(np.ndarray):
        def __del__(self):
            said.append(Ramp().provider.get_block(0, 0).shape)

    array = np.zeros((1, 8, 8), np.uint8).view(Array)
    provider = tilecache.from_memory(array)
    assert said == []
    provider.get_block(0, 0)
    del array
    provider.close()
    gc.collect()
    assert (3, 64, 64) in said


def test_paths_and_texts_with_nul_are_refused():
    for call in (
        lambda: tilecache.open("a\0b"), lambda: tilecache.open("a.tif", key="a\0b"), lambda: tilecache.Chain("u8\0"),
        lambda: Ramp().provider.build_pyramid("a\0.tif"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="NUL"):
            call()


def test_arrays_that_show_the_same_memory_several_times():
    band = np.arange(20, dtype="u1").reshape(1, 4, 5)
    shown = [
        np.broadcast_to(np.uint8(7), (2, 4, 5)),
        np.broadcast_to(band[:, :1], (2, 4, 5)),
        np.broadcast_to(band[:, :, :1], (1, 4, 5)),
        np.broadcast_to(band, (3, 4, 5)),
    ]
    cache = tilecache.Cache(1 << 20)
    for array in shown:
        assert np.array_equal(tilecache.from_memory(array).read(), array)
        for copy in (True, False):
            cache.put("shown", 0, 0, array, copy=copy)
            assert np.array_equal(cache.get("shown", 0, 0).array, array)
    provider = tilecache.from_memory(band)
    memory = np.zeros(64, "u1")
    for strides in [(0, 0, 0), (20, 0, 1), (20, 5, 0)]:
        out = np.lib.stride_tricks.as_strided(memory, (1, 4, 5), strides)
        with pytest.raises(ValueError, match="one in memory"):
            provider.read_window(0, 0, out=out)
    assert not memory.any()
    for shape, strides in [((1, 4, 5), (0, 5, 1)), ((1, 1, 5), (0, 0, 1)), ((1, 4, 1), (0, 1, 0)), ((1, 1, 1), (0, 0, 0))]:
        out = np.lib.stride_tricks.as_strided(np.zeros(64, "u1"), shape, strides)
        provider.read_window(0, 0, out=out)
        assert np.array_equal(out, band[:, : shape[1], : shape[2]])


def test_a_program_ends_with_requests_under_way():
    run(
        """
        import threading, time, numpy as np, tilecache

        def read_block(place):
            time.sleep(0.05)
            return np.zeros(place.shape, place.dtype)

        source = tilecache.from_source(read_block, width=800, height=800, dtype="uint8", block_width=8, block_height=8)
        provider = source.cached(tilecache.Cache(1 << 20))
        futures = [provider.request_block(row, col) for row in range(20) for col in range(20)]
        futures.append(provider.prefetch(0, 0, 800, 800))
        futures[0].result()
        print("over")
        """
    )


def test_a_program_ends_with_everything_open_and_in_circles():
    run(
        """
        import numpy as np, tilecache

        class Holder:
            pass

        holder = Holder()
        holder.cache = tilecache.Cache(1 << 20)
        holder.source = tilecache.from_source(
            lambda place: (holder, np.zeros(place.shape, place.dtype))[1], width=8, height=8, dtype="uint8")
        holder.provider = holder.source.map(lambda place, block: (holder, block)[1], cache=holder.cache)
        holder.tile = holder.provider.get_block(0, 0)
        holder.array = holder.tile.array
        holder.again = holder
        """
    )


def test_control_c_ends_long_calls():
    run(
        """
        import _thread, os, signal, sys, tempfile, threading, numpy as np, tilecache

        # Where tests run in the background, it is ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)

        def read_block(place):
            if place.row == 3:
                signal.raise_signal(signal.SIGINT)
            return np.zeros(place.shape, place.dtype)

        source = tilecache.from_source(read_block, width=64, height=6400, dtype="uint8", block_height=64)
        with tempfile.TemporaryDirectory() as folder:
            for call in (lambda: source.pixel_stats(), lambda: source.build_pyramid(os.path.join(folder, "a.tif"))):
                try:
                    call()
                    sys.exit("it went on")
                except KeyboardInterrupt:
                    pass
            assert os.listdir(folder) == [], os.listdir(folder)
        """
    )
