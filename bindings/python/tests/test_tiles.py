"""Tiles as arrays: without a copy, read-only, and alive as long as they are looked at."""

import contextlib
import gc
import inspect
import sys
import weakref

import numpy as np
import pytest
from conftest import Ramp, pixels

import tilecache


def test_a_tile_is_an_array_without_a_copy(ramp, cache):
    provider = ramp.provider.cached(cache)
    tile = provider.get_block(1, 2)
    array = tile.array
    assert array.shape == tile.shape == (3, 64, 64)
    assert array.dtype == tile.dtype == np.uint16
    assert array.__array_interface__["data"] == (tile.address, True)
    assert np.asarray(tile).__array_interface__["data"][0] == tile.address
    assert np.from_dlpack(tile).__array_interface__["data"][0] == tile.address
    assert memoryview(array).readonly
    assert np.array_equal(array, pixels(128, 64, 64, 64))
    assert (tile.width, tile.height, tile.bands, tile.valid_width, tile.valid_height) == (64, 64, 3, 64, 64)
    # A second hit is the same memory.
    assert provider.get_block(1, 2).address == tile.address
    assert ramp.asked == [(1, 2)]


@pytest.mark.parametrize(
    "view", [lambda tile: tile.array, np.asarray, np.from_dlpack], ids=["array", "asarray", "dlpack"]
)
def test_it_is_read_only_for_good(ramp, view):
    array = view(ramp.provider.get_block(0, 0))
    with pytest.raises(ValueError, match="read-only"):
        array[0, 0, 0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        array.flags.writeable = True


def test_a_consumer_that_knows_no_read_only_arrays_is_refused(ramp):
    tile = ramp.provider.get_block(0, 0)
    with pytest.raises(BufferError, match="read-only"):
        tile.__dlpack__()
    with pytest.raises(BufferError, match="read-only"):
        tile.__dlpack__(max_version=(0, 8))
    assert tile.__dlpack_device__() == (1, 0)
    copied = np.from_dlpack(tile, copy=True)
    assert copied.__array_interface__["data"][0] != tile.address
    assert np.array_equal(copied, tile.array)


@pytest.mark.parametrize(
    "view", [lambda tile: tile.array, np.asarray, np.from_dlpack], ids=["array", "asarray", "dlpack"]
)
def test_an_array_outlives_tile_provider_and_cache(view):
    cache = tilecache.Cache(1 << 20)
    provider = Ramp().provider.cached(cache)
    tile = provider.get_block(1, 1)
    array = view(tile)
    part = array[1, 3:5]
    held = cache.statistics().held
    assert held >= array.nbytes
    del array
    tile.close()
    provider.close()
    cache.clear()
    cache.close()
    gc.collect()
    # What else is loaded would take the memory if it were free.
    others = [Ramp().provider.get_block(0, 0).array.copy() for _ in range(50)]
    assert np.array_equal(part, pixels(64, 67, 64, 2)[1])
    assert len(others) == 50


def test_a_closed_tile_gives_its_memory_back_when_no_array_looks_at_it(ramp, cache):
    provider = ramp.provider.cached(cache)
    tile = provider.get_block(0, 0)
    array = tile.array
    assert cache.statistics().held > 0
    tile.close()
    assert cache.statistics().held > 0
    del array
    assert cache.statistics().held == 0
    with pytest.raises(tilecache.ClosedError, match="tile was closed"):
        tile.array
    with pytest.raises(tilecache.ClosedError):
        tile.shape
    with pytest.raises(tilecache.ClosedError):
        np.asarray(tile)


def test_a_tile_that_nobody_has_is_released_by_the_collector(ramp, cache):
    provider = ramp.provider.cached(cache)
    tile = provider.get_block(0, 0)
    gone = weakref.ref(tile)
    circle = [tile]
    circle.append(circle)
    del tile, circle
    gc.collect()
    assert gone() is None
    assert cache.statistics().held == 0 and provider.try_block(0, 0) is not None


def test_padded_and_absent_tiles_say_so():
    provider = Ramp(pad=9, has_block=lambda row, col, level: (row, col) != (0, 1)).provider
    absent = provider.get_block(0, 1)
    assert absent.absent and not provider.has_block(0, 1) and provider.has_block(0, 0)
    assert (absent.array == 9).all()
    padded = provider.retile(256, 256, pad_edges=True).get_block(0, 1)
    assert padded.shape == (3, 256, 256) and (padded.valid_width, padded.valid_height) == (44, 200)
    assert (padded.array[:, 200:] == 9).all()
    assert "absent" in repr(absent)


def test_part_of_a_tile_is_copied_in_any_type_and_with_any_strides(ramp):
    tile = ramp.provider.get_block(1, 1)
    assert np.array_equal(tile.copy(), tile.array)
    assert tile.copy().flags.writeable
    part = tile.copy(10, 20, 5, 7, bands=[2, 0], dtype="float32")
    assert part.dtype == np.float32
    assert np.array_equal(part, tile.array[[2, 0], 20:27, 10:15])
    interleaved = np.zeros((7, 5, 4), np.uint8)
    tile.copy(10, 20, bands=[0, 1, 2, tilecache.OPAQUE], out=interleaved.transpose(2, 0, 1))
    assert (interleaved[..., 3] == 255).all()
    expected = np.minimum(tile.array[:, 20:27, 10:15], 255).transpose(1, 2, 0)
    assert np.array_equal(interleaved[..., :3], expected)
    upside_down = np.zeros((1, 64, 64), np.uint16)
    tile.copy(bands=[1], out=upside_down[:, ::-1])
    assert np.array_equal(upside_down[0], tile.array[1, ::-1])


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        ((60, 0, 5, 5), {}, tilecache.RangeError),
        ((-1, 0, 5, 5), {}, tilecache.RangeError),
        ((64, 0), {}, ValueError),
        ((), {"bands": [3]}, tilecache.RangeError),
        ((), {"bands": []}, ValueError),
        ((), {"dtype": ">u2"}, TypeError),
        ((), {"out": np.zeros((2, 4, 4), np.uint16)}, tilecache.Error),
        ((), {"out": np.zeros((4, 4), np.uint16)}, ValueError),
        ((), {"out": np.zeros((3, 0, 4), np.uint16)}, ValueError),
        ((), {"out": np.broadcast_to(np.uint16(0), (3, 4, 4))}, ValueError),
        ((), {"out": np.zeros((3, 4, 4), np.uint16), "dtype": "uint16"}, TypeError),
        ((), {"out": np.zeros((3, 4, 4), ">u2")}, TypeError),
    ],
)
def test_what_cannot_be_copied_is_refused(ramp, arguments, options, error):
    with pytest.raises(error):
        ramp.provider.get_block(0, 0).copy(*arguments, **options)


def test_complex_numbers_of_whole_parts_are_records():
    array = np.zeros((1, 4, 6), tilecache.complex_int16)
    array["real"], array["imag"] = 3, -4
    provider = tilecache.from_memory(array, nodata=(7, 0))
    tile = provider.get_block(0, 0)
    assert tile.dtype == tilecache.complex_int16
    assert tile.array["imag"][0, 3, 5] == -4
    assert provider.info.nodata == 7 + 0j
    assert provider.read_window(0, 0, 6, 4, dtype="complex64")[0, 0, 0] == 3 - 4j
    magnitude = provider.display("magnitude|f32").get_block(0, 0).array
    assert (magnitude == 5).all()
    assert tilecache.from_memory(np.full((2, 2), 1 + 2j, np.complex64)).get_block(0, 0).array[0, 0, 0] == 1 + 2j


def test_every_type_comes_through():
    for dtype in "u1 i1 u2 i2 u4 i4 u8 i8 f4 f8 c8 c16".split():
        array = np.arange(24).reshape(2, 3, 4).astype(dtype)
        tile = tilecache.from_memory(array).get_block(0, 0)
        assert tile.dtype == np.dtype(dtype)
        assert np.array_equal(tile.array, array)
        # Packed memory is shown as it is.
        assert tile.address == array.__array_interface__["data"][0]


def test_halves_come_through_singles():
    array = np.array([[[0.1, -2.5, 1e6, np.inf, np.nan, 3.0]]], np.float32)
    provider = tilecache.from_memory(array)
    with np.errstate(over="ignore"):
        expected = np.where(np.isfinite(array), np.clip(array, -65504, 65504), array).astype(np.float16)
    out = np.zeros((1, 1, 6), np.float16)
    for read in (
        provider.read(out_dtype="float16"),
        provider.read_window(0, 0, 6, 1, dtype=np.float16),
        provider.read_window(0, 0, out=out),
        provider.get_block(0, 0).copy(dtype="float16"),
        tilecache.Chain("f32").resolve(provider).apply(array, out=np.zeros_like(out)),
    ):
        assert read.dtype == np.float16
        assert np.array_equal(read, expected, equal_nan=True)
    halves = np.arange(6, dtype=np.float16).reshape(1, 2, 3)
    assert tilecache.from_memory(halves).read().dtype == np.float32
    assert np.array_equal(tilecache.from_memory(halves).read(), halves)
    cache = tilecache.Cache(1 << 20)
    cache.put("halves", 0, 0, halves)
    assert np.array_equal(cache.get("halves", 0, 0).array, halves)
    with pytest.raises(ValueError, match="one in memory"):
        provider.read_window(0, 0, out=np.lib.stride_tricks.as_strided(np.zeros(6, np.float16), (1, 1, 6), (2, 2, 0)))
    with pytest.raises(TypeError, match="float16"):
        tilecache.from_source(lambda place: None, width=1, height=1, dtype="float16")


def test_blocks_are_asked_for_in_every_way(ramp, cache):
    provider = ramp.provider.cached(cache)
    tile = provider.get_block(1, 2)
    for same in (
        provider.get_block(row=1, col=2), provider.get_block(1, col=2), provider.get_block(1, 2, level=0),
        provider.get_block(1, 2, 0, None), provider.get_block(1, 2, bands=None), provider.try_block(1, 2, 0),
        provider.get_block(np.int64(1), np.uint8(2)), provider.peek_block(col=2, row=1), provider.get_block(True, 2),
    ):  # fmt: skip
        assert same.address == tile.address
    for call in (provider.get_block, provider.try_block, provider.peek_block):
        assert str(inspect.signature(call)) == "(row, col, level=0, bands=None)"
        assert call.__doc__
        for arguments, options in [((1,), {}), ((1, 2, 3, None, 5), {}), ((1, 2), {"row": 1}), ((1, 2), {"rows": 1}),
                                   ((1.0, 2), {}), (("1", 2), {})]:  # fmt: skip
            with pytest.raises(TypeError):
                call(*arguments, **options)
        for place in [(1 << 64, 0), (0, 0, 1 << 32)]:
            with pytest.raises(OverflowError):
                call(*place)
        for place in [(-1, 0), (9, 9), (0, 0, 1)]:
            with pytest.raises(tilecache.RangeError):
                call(*place)
    assert provider.try_block(3, 3) is None and provider.peek_block(3, 3, bands=[1]) is None
    assert provider.get_block(1, 2, bands=[1]).bands == 1


def test_an_array_is_made_once_and_its_base_is_neither_tile_nor_array(ramp):
    tile = ramp.provider.get_block(0, 0)
    assert tile.array is tile.array
    assert not isinstance(tile.array.base, (tilecache.Tile, np.ndarray))
    assert tile.array.flags.aligned and tile.array.flags.c_contiguous and not tile.array.flags.owndata
    with pytest.raises(TypeError):
        type(tile.array.base)()
    empty = tilecache.Tile.__new__(tilecache.Tile)
    assert empty.closed and "closed" in repr(empty)
    with pytest.raises(tilecache.ClosedError):
        empty.array
    with pytest.raises(tilecache.ClosedError):
        tilecache.Provider.__new__(tilecache.Provider).get_block(0, 0)


def test_a_tile_that_goes_while_an_exception_is_raised_may_run_python():
    """The last tile of memory that was lent: giving it up runs the release, and so a finaliser."""
    said = []

    class Array(np.ndarray):
        def __del__(self):
            said.append("gone")

    def fails():
        # The tile goes from the stack of the interpreter, while the exception is on its way.
        return [tilecache.from_memory(np.zeros((1, 8, 8), np.uint8).view(Array)).get_block(0, 0), 1 / 0]

    with pytest.raises(ZeroDivisionError):
        fails()
    assert said == ["gone"]


def test_hits_arrays_and_failures_leave_nothing(ramp, cache):
    provider = ramp.provider.cached(cache)

    def use(times):
        for _ in range(times):
            tile = provider.get_block(0, 0)
            tile.array, np.asarray(tile), tile.dtype, tile.shape, repr(tile), tile.copy(0, 0, 1, 1)
            with provider.try_block(0, 0), contextlib.suppress(tilecache.RangeError):
                provider.get_block(99, 0)
            assert provider.peek_block(3, 3) is None
            array = provider.get_block(0, 0, bands=[0]).array  # noqa: F841
            weakref.ref(tile)

    use(100)
    counted = [*map(sys.getrefcount, (tilecache.Tile, type(tile_of(provider).base), np.dtype(np.uint16), None))]
    blocks = sys.getallocatedblocks()
    use(2000)
    again = [*map(sys.getrefcount, (tilecache.Tile, type(tile_of(provider).base), np.dtype(np.uint16), None))]
    assert all(abs(now - before) < 100 for before, now in zip(counted, again)), (counted, again)
    assert sys.getallocatedblocks() - blocks < 500
    gc.collect()
    assert cache.statistics().held == 0


def tile_of(provider):
    return provider.get_block(0, 0).array
