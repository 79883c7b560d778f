"""Sources, maps, operators, mosaics and transformations from functions, and what they raise."""

import contextlib
import sys
import threading
import traceback
import weakref

import numpy as np
import pytest
from conftest import Ramp, pixels

import tilecache
from tilecache import Input, Part, _callbacks


class Mine(Exception):
    pass


def failing(place=None, *rest):
    raise Mine("that is mine", 7)


def test_a_source_is_a_function(ramp, cache):
    assert np.array_equal(ramp.provider.retile(100, 100, cache=cache).get_block(1, 2).array, pixels(200, 100, 100, 100))
    assert sorted(set(ramp.asked)) == sorted(ramp.asked)


def test_some_bands_are_asked_for_where_the_source_has_them():
    asked = []

    def read_block(place):
        asked.append(place.bands)
        return np.full(place.shape, 5, np.uint8)

    provider = tilecache.from_source(read_block, width=8, height=8, dtype="uint8", bands=4, some_bands=True)
    assert provider.get_block(0, 0, bands=[3, 1]).shape == (2, 8, 8)
    assert asked == [(3, 1)]


def test_a_source_has_sessions_windows_and_levels():
    opened, closed, asked = [], [], []

    def open_session():
        opened.append(object())
        return opened[-1]

    def read(place):
        assert place.session in opened
        asked.append((place.row, place.level, place.x, place.shape))
        return np.full(place.shape, place.level, np.uint8)

    provider = tilecache.from_source(
        read, read_window=read, open_session=open_session, close_session=closed.append, threading="sessions",
        max_sessions=2, width=1000, height=1000, dtype="uint8",
        level_sizes=[tilecache.LevelSize(1000, 1000), tilecache.LevelSize(500, 500, 250, 250)],
    )  # fmt: skip
    assert provider.get_block(0, 0, 1).array[0, 0, 0] == 1
    assert provider.level(1).block_shape == (250, 250)
    provider.read_window(100, 0, 10, 10)
    quarters = [(row, 1, 250 * col, (1, 250, 250)) for row in range(2) for col in range(2)]
    assert asked == [*quarters, (-1, 0, 100, (1, 10, 10))]
    provider.close()
    assert closed == opened and len(opened) <= 2


def test_places_of_levels_are_those_of_their_grid():
    places = []

    def read_block(place):
        places.append((place.level, place.y, place.x, place.shape[1:]))
        return np.zeros(place.shape, np.uint8)

    common = tilecache.from_source(
        read_block, width=101, height=75, dtype="uint8", block_width=25, block_height=30, levels=3
    )
    common.get_block(1, 3, 1)
    common.get_block(2, 1, 2)
    # Columns of level l begin at ceil(25 col / 2^l).
    assert places == [(1, 15, 38, (15, 12)), (2, 15, 7, (4, 6))]


def test_a_map_a_compute_and_a_mosaic(ramp, cache):
    source = ramp.provider
    doubled = source.map(lambda place, block: block * 2, name="doubled", cache=cache)
    assert np.array_equal(doubled.get_block(0, 1).array, pixels(64, 0, 64, 64) * 2)
    assert ":mapped:doubled" in doubled.key
    one = source.map(lambda place, block: block[0].astype(np.float32) / 4, dtype="float32", bands=1, source_bands=[1])
    assert np.array_equal(one.get_block(0, 0).array[0], pixels(0, 0, 64, 64)[1] / np.float32(4))

    def difference(place, here, wide):
        assert wide.shape == (1, place.shape[1], place.shape[2] + 2)
        return here[0].astype(np.int32) - wide[0, :, 2:]

    computed = tilecache.compute(
        [Input(source, bands=[0]), Input(source, bands=[0], left=1, right=1, border="nearest")],
        difference, width=300, height=200, dtype="int32", block_width=100, block_height=100, cache=cache,
    )  # fmt: skip
    block = computed.get_block(0, 0).array[0]
    assert (block == -3).all()
    as_first = tilecache.compute([source], lambda place, array: array + 1, name="next", keep_texts=True)
    assert as_first.info.dtype == np.uint16 and np.array_equal(as_first.get_block(0, 0).array, pixels(0, 0, 64, 64) + 1)
    turned = tilecache.compute(
        [Input(source, transposed=True, flipped_x=True)], lambda place, array: array.transpose(0, 2, 1)[:, :, ::-1]
    )
    assert turned.shape == (3, 300, 200)
    assert np.array_equal(turned.read(), np.rot90(pixels(0, 0, 300, 200), -1, (1, 2)))

    opened = []

    def open_part(part):
        opened.append(part)
        return Ramp(100, 100).provider

    whole = tilecache.mosaic(
        [Part(None, 0, 0, 100, 100, key="west"), Part(None, 100, 0, 100, 100, key="east"), (source, 0, 100)],
        open=open_part, cache=cache,
    )  # fmt: skip
    assert whole.shape == (3, 300, 300)
    assert np.array_equal(whole.read_window(90, 10, 20, 5), np.concatenate(
        [pixels(90, 10, 10, 5), pixels(0, 10, 10, 5)], 2))  # fmt: skip
    assert sorted(opened) == [0, 1]


def test_a_transformation_is_a_function(ramp):
    def shift(x, y):
        return np.where(x < 50, np.nan, x + 10), y

    transform = tilecache.Transform.callback(shift, name="shift 10")
    x, y = transform.points([10.0, 60.0], [0.0, 1.0])
    assert np.isnan(x[0]) and np.isnan(y[0]) and (x[1], y[1]) == (70.0, 1.0)
    warped = ramp.provider.warp(transform, width=100, height=50, filter="nearest", exact=True)
    assert np.array_equal(warped.read()[:, :, 50:], pixels(60, 0, 50, 50))
    assert (warped.read()[:, :, :50] == 0).all()
    failed = ramp.provider.warp(tilecache.Transform.callback(failing), width=10, height=10)
    with pytest.raises(Mine):
        failed.get_block(0, 0)
    short = tilecache.Transform.callback(lambda x, y: (x[:1], y))
    with pytest.raises(ValueError, match="shapes"):
        short.points([1.0, 2.0], [1.0, 2.0])


def providers_that_fail():
    source = Ramp().provider
    yield "read_block", lambda: tilecache.from_source(failing, width=8, height=8, dtype="uint8").get_block(0, 0)
    yield (
        "read_window",
        lambda: tilecache.from_source(
            lambda place: 0, read_window=failing, width=4096, height=4096, dtype="uint8"
        ).read_window(0, 0, 2, 2),
    )
    yield "has_block", lambda: Ramp(has_block=lambda row, col, level: failing()).provider.get_block(0, 0)
    yield "open_session", lambda: Ramp(threading="sessions", open_session=failing).provider.get_block(0, 0)
    yield "map", lambda: source.map(failing).get_block(0, 0)
    yield "compute", lambda: tilecache.compute([source], failing).get_block(0, 0)
    yield (
        "open_part",
        lambda: tilecache.mosaic([Part(None, 0, 0, 8, 8, "k")], open=failing, dtype="uint8", bands=1).get_block(0, 0),
    )
    yield "read_at", lambda: tilecache.open((failing, 100))
    yield "read_at of image_count", lambda: tilecache.image_count((failing, 100))
    yield "beside", lambda: tilecache.open(png(), beside=failing)
    yield "beneath", lambda: source.map(failing).retile(50, 50, cache=tilecache.Cache(1 << 20)).display("u16").read(0)
    yield "statistics", lambda: source.map(failing).pixel_stats()
    yield "progress", lambda: source.pixel_stats(progress=failing)
    yield "request", lambda: source.map(failing).request_block(0, 0).result(30)
    yield "prefetch", lambda: source.map(failing, cache=tilecache.Cache(1 << 20)).prefetch(0, 0, 9, 9).result(30)


def png():
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 2, 2, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0\1\2" * 2))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(("name", "call"), list(providers_that_fail()), ids=[name for name, _ in providers_that_fail()])
def test_an_exception_of_a_callback_comes_out_as_itself(name, call):
    with pytest.raises(Mine) as caught:
        call()
    assert caught.value.args == ("that is mine", 7)
    # It says where it was raised first, though C lies between.
    assert traceback.extract_tb(caught.value.__traceback__)[-1].name == "failing"


def test_the_same_object_comes_out_however_often_and_its_trace_does_not_grow():
    raised = Mine("one object")

    def read_block(place):
        raise raised.with_traceback(None)

    provider = tilecache.from_source(read_block, width=8, height=8, dtype="uint8")
    lengths = []
    for _ in range(5):
        with pytest.raises(Mine) as caught:
            provider.get_block(0, 0)
        assert caught.value is raised
        lengths.append(len(traceback.extract_tb(raised.__traceback__)))
    assert len(set(lengths)) == 1, lengths


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit, StopIteration, MemoryError])
def test_exceptions_that_are_none_come_out_too(kind):
    def read_block(place):
        raise kind()

    with pytest.raises(kind):
        tilecache.from_source(read_block, width=8, height=8, dtype="uint8").get_block(0, 0)


def test_an_error_of_the_library_keeps_its_status_through_a_callback(ramp):
    def cancelled(place):
        with ramp.provider.reader() as reader:
            reader.cancel()
            return reader.get_block(0, 0).array

    with pytest.raises(tilecache.CancelledError) as caught:
        tilecache.from_source(cancelled, width=64, height=64, dtype="uint16", bands=3).get_block(0, 0)
    assert caught.value.status == tilecache.Status.E_CANCELLED
    with pytest.raises(tilecache.RangeError, match="row"):
        ramp.provider.map(lambda place, block: ramp.provider.get_block(99, 0).array).get_block(0, 0)
    outer = ramp.provider.map(lambda place, block: inner.get_block(0, 0).array)
    inner = ramp.provider.map(failing)
    with pytest.raises(Mine):
        outer.get_block(0, 0)


def test_a_callback_that_asks_for_itself_is_told_so():
    def read_block(place):
        return provider.get_block(0, 0).array

    provider = tilecache.from_source(read_block, width=8, height=8, dtype="uint8").cached(tilecache.Cache(1 << 20))
    with pytest.raises(tilecache.ReentrantError):
        provider.get_block(0, 0)


def test_an_exception_that_is_forgotten_is_still_an_error_with_its_message(monkeypatch):
    monkeypatch.setattr(tilecache.errors, "_again", lambda number: None)
    with pytest.raises(tilecache.SourceError, match="Mine: .*that is mine") as caught:
        tilecache.from_source(failing, width=8, height=8, dtype="uint8").get_block(0, 0)
    assert caught.value.source_code != 0


def test_exceptions_are_kept_until_they_come_out_and_not_much_longer(monkeypatch):
    errors = tilecache.errors
    monkeypatch.setattr(errors, "_raised", {})
    monkeypatch.setattr(errors, "_likenesses", {})
    monkeypatch.setattr(errors, "_OUT_SECONDS", 1000.0)
    first = errors.number_of(Mine("the first"))
    others = [errors.number_of(Mine(number)) for number in range(20_000)]
    assert errors._again(first).args == ("the first",)
    assert [errors._again(number).args[0] for number in others] == list(range(20_000))
    assert errors._again(first).args == ("the first",), "for another one who waited"
    assert not errors._raised
    monkeypatch.setattr(errors, "_OUT_SECONDS", -1.0)
    assert errors._again(errors.number_of(Mine("the last"))).args == ("the last",)
    assert len(errors._likenesses) == errors._OUT
    abandoned = errors.number_of(Mine("nobody waits"))
    monkeypatch.setattr(errors, "_WAITING", -1.0)
    errors.number_of(Mine("another"))
    assert errors._again(abandoned) is None and len(errors._raised) == 1


def test_an_exception_comes_out_of_each_of_many_calls_that_fail_at_once():
    provider = tilecache.from_source(failing, width=8, height=8, dtype="uint8")
    others = []

    def fails():
        for _ in range(200):
            try:
                provider.get_block(0, 0)
            except Mine:
                continue
            except BaseException as other:
                others.append(other)

    threads = [threading.Thread(target=fails) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert others == []


def test_an_exception_that_was_caught_holds_nothing_of_who_caught_it():
    class Held:
        pass

    provider = tilecache.from_source(failing, width=8, height=8, dtype="uint8")
    alive = []

    def catches():
        held = Held()
        alive.append(weakref.ref(held))
        with contextlib.suppress(Mine):
            provider.get_block(0, 0)

    for _ in range(5):
        catches()
    assert [ref() for ref in alive] == [None] * 5


@pytest.mark.parametrize(
    ("returned", "error", "says"),
    [
        (np.zeros((1, 8, 7), np.uint8), ValueError, r"shape \(1, 8, 7\), where \(1, 8, 8\)"),
        (np.zeros((8, 8), np.int64), TypeError, "returned int64, where uint8 is needed"),
        (np.zeros((8, 8), np.float32), TypeError, "float32"),
        (None, ValueError, "shape"),
        ("pixels", ValueError, "shape"),
        ([[1, 2], [3]], ValueError, "inhomogeneous"),
    ],
)
def test_what_a_function_returns_is_checked(returned, error, says):
    provider = tilecache.from_source(lambda place: returned, width=8, height=8, dtype="uint8")
    with pytest.raises(error, match=says):
        provider.get_block(0, 0)


def test_types_that_hold_all_values_and_narrower_floats_are_taken():
    for returned, dtype in ((np.ones((8, 8), bool), "uint8"), (np.ones((8, 8), np.uint8), "int32"),
                            (np.ones((8, 8)), "float32"), (np.ones((8, 8), np.int16), "float64")):  # fmt: skip
        provider = tilecache.from_source(lambda place, told=returned: told, width=8, height=8, dtype=dtype)
        assert (provider.get_block(0, 0).array == 1).all()


def test_arrays_that_a_function_keeps_stay_valid(ramp):
    kept = []

    def keep(place, *arrays):
        kept.extend(arrays)
        return arrays[0]

    cache = tilecache.Cache(1 << 20)
    mapped = ramp.provider.map(keep, cache=cache)
    computed = tilecache.compute([ramp.provider], keep, cache=cache)
    for row in range(3):
        for provider in (mapped, computed):
            provider.get_block(row, 0)
    mapped.close(), computed.close(), cache.close()
    for row, (first, second) in enumerate(zip(kept[::2], kept[1::2])):
        assert np.array_equal(first, pixels(0, 64 * row, 64, 64)) and np.array_equal(second, first)
        first[...] = 0


def test_functions_and_arrays_are_let_go_of():
    import gc
    import weakref

    gc.collect()
    before = _callbacks.entered()

    class Function:
        def __call__(self, place, *arrays):
            return np.zeros(place.shape, place.dtype)

    functions = [Function() for _ in range(5)]
    gone = [weakref.ref(function) for function in functions]
    cache = tilecache.Cache(1 << 20)
    source = tilecache.from_source(functions[0], width=8, height=8, dtype="uint8")
    mapped = source.map(functions[1], cache=cache)
    computed = tilecache.compute([mapped], functions[2], cache=cache)
    array = np.zeros((1, 8, 8), np.uint8)
    memory = tilecache.from_memory(array)
    gone.append(weakref.ref(array))
    tile, lent = computed.get_block(0, 0), memory.get_block(0, 0)
    assert _callbacks.entered() == before + 4
    # The options of calls that are refused are let go of at once.
    for refused in (
        lambda: source.map(functions[3], bands=-1),
        lambda: tilecache.from_source(functions[4], width=-1, height=8, dtype="uint8"),
        lambda: tilecache.compute([source], functions[4], width=-1, height=8, dtype="uint8"),
        lambda: cache.put("k", -1, 0, array, copy=False),
        lambda: tilecache.open(b"no image"),
    ):
        with pytest.raises(tilecache.Error):
            refused()
    assert _callbacks.entered() == before + 4
    refused = None
    functions.clear()
    computed.close(), mapped.close(), source.close(), memory.close(), cache.close(), tile.close()
    computed = mapped = source = array = None
    assert _callbacks.entered() == before + 1
    lent.close()
    gc.collect()
    assert _callbacks.entered() == before
    assert not any(reference() for reference in gone)


def test_what_an_error_refers_to_goes_with_it(cache):
    import gc

    gc.collect()
    gc.disable()
    try:
        before = _callbacks.entered()
        provider = tilecache.from_source(failing, width=8, height=8, dtype="uint8")
        for call in (
            lambda: provider.get_block(9, 9),
            lambda: provider.get_block(9, 9, 0, [0]),
            lambda: provider.retile(-1),
            lambda: provider.pixel_stats(level=7),
            lambda: tilecache.Chain("nonsense"),
        ):
            with pytest.raises(tilecache.Error):
                call()
        with pytest.raises(tilecache.CancelledError):
            tilecache.from_memory(np.zeros((4, 4))).pixel_stats(progress=lambda done: False)
        with pytest.raises(ZeroDivisionError):
            tilecache.from_memory(np.zeros((4, 4))).pixel_stats(progress=lambda done: 1 / 0)
        provider.close()
        assert _callbacks.entered() == before
    finally:
        gc.enable()


def test_a_source_that_holds_its_provider_goes_when_that_is_closed():
    import gc
    import weakref

    ramp = Ramp()
    gone = weakref.ref(ramp)
    ramp.provider.close()
    del ramp
    gc.collect()
    assert gone() is None


def test_callbacks_run_on_several_threads_at_once():
    both = threading.Barrier(2, timeout=30)

    def read_block(place):
        both.wait()
        return np.zeros(place.shape, place.dtype)

    provider = tilecache.from_source(read_block, width=16, height=8, dtype="uint8", block_width=8)
    threads = [threading.Thread(target=provider.get_block, args=(0, col)) for col in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_the_load_of_a_callback(ramp):
    seen = []

    def read_block(place):
        load = tilecache.Load.current()
        reader = ramp.provider.reader(load=load)
        seen.append((load.is_cancelled(), reader.get_block(0, 0).shape))
        tilecache.decoded_beneath(2.5)
        return np.zeros(place.shape, place.dtype)

    provider = tilecache.from_source(read_block, width=8, height=8, dtype="uint8").cached(tilecache.Cache(1 << 20))
    provider.get_block(0, 0)
    assert seen == [(False, (3, 64, 64))] and tilecache.Load.current() is None
    assert provider.amplification == 2.5


def test_a_recursion_that_is_too_deep_is_an_error():
    provider = Ramp().provider
    with pytest.raises(tilecache.LimitError):
        for _ in range(200):
            provider = provider.map(lambda place, block: block)
    assert sys.getrecursionlimit() > 0
