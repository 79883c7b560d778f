"""Functions of Python that the library calls.

C knows each object by a number in a table. An object leaves the table when the library says that it has done with it,
by the release function that was given with the number. No exception leaves a callback: it becomes the failure of the
call that waits for it, see `errors`.

Arrays that a function of the user gets are its own. The memory that the library lends to a callback is valid during the
call only, and an array cannot be taken away from who kept it; so pixels are copied, once each way.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ._raw import ffi, lib
from .errors import hand_over, number_of
from .samples import Array, dtype_of, fitted, lent_view

_numbers = itertools.count(1)
_objects: dict[int, Any] = {}


def enter(item: Any) -> Any:
    """A `void *user` for an object, which the release callback forgets."""
    number = next(_numbers)
    _objects[number] = item
    return ffi.cast("void *", number)


def forget(user: Any) -> None:
    """Takes an object out of the table whose number the library did not take."""
    _objects.pop(_number(user), None)


def entered() -> int:
    """How many objects the library still knows."""
    return len(_objects)


def _number(user: Any) -> int:
    return int(ffi.cast("intptr_t", user))


def _object(user: Any) -> Any:
    return _objects[_number(user)]


class Place(NamedTuple):
    """Which pixels a function is to make."""

    row: int
    """The row of the block in the grid of its level."""
    col: int
    """Its column."""
    level: int
    """The resolution level."""
    x: int
    """The first column of pixels."""
    y: int
    """The first row of pixels."""
    shape: tuple[int, int, int]
    """Bands, rows and columns of what is to be returned."""
    dtype: np.dtype[Any]
    """The type of its samples."""
    bands: tuple[int, ...] | None
    """The bands of the image that are asked for, in this order; None is all."""
    session: Any
    """What `open_session` returned, of a source that has sessions; else None."""


def _copied(pixels: Any) -> Array:
    """Pixels that the library lends, as an array of its own."""
    dtype = dtype_of(pixels.dtype)
    shape = pixels.bands, pixels.height, pixels.width
    return lent_view(pixels.data, dtype, shape, (pixels.band_stride, pixels.row_stride, dtype.itemsize)).copy()


def _write(target: Any, result: Any, who: str) -> None:
    """What a function returned, into the memory where it is wanted."""
    dtype = dtype_of(target.dtype)
    shape = target.bands, target.height, target.width
    array = fitted(result, dtype, shape, who)
    lent_view(target.data, dtype, shape, (target.band_stride, target.row_stride, target.pixel_stride))[...] = array


def _shape(target: Any) -> tuple[int, int, int]:
    return target.bands, target.height, target.width


# What a callback returns if not even its handler could run.
_LOST = 13


@ffi.def_extern()
def python_release(user: Any) -> None:
    _objects.pop(_number(user), None)


class Bytes:
    """Bytes of an image file: `read_at(offset, size)` gives all `size` bytes from `offset` on."""

    def __init__(self, read_at: Callable[[int, int], Any], size: int) -> None:
        self.read_at = read_at
        self.size = size

    @classmethod
    def of(cls, source: Any) -> Bytes:
        """Of bytes, of an open binary file, or of a pair of a function and a size."""
        if isinstance(source, Bytes):
            return source
        if isinstance(source, tuple):
            read_at, size = source
            return cls(read_at, int(size))
        if isinstance(source, (bytes, bytearray, memoryview)):
            held = bytes(source)
            return cls(lambda offset, size: held[offset : offset + size], len(held))
        if hasattr(source, "read") and hasattr(source, "seek"):
            # A file has one position, and reads come from several threads.
            lock = threading.Lock()

            def read_at(offset: int, size: int) -> Any:
                with lock:
                    source.seek(offset)
                    return source.read(size)

            with lock:
                return cls(read_at, source.seek(0, 2))
        raise TypeError(f"an image cannot be read from a {type(source).__name__}")


@ffi.def_extern(error=_LOST)
def python_io_read_at(user: Any, offset: int, into: Any, size: int, error: Any) -> int:
    try:
        data = memoryview(_object(user).read_at(offset, size)).cast("B")
        if len(data) != size:
            raise EOFError(f"{len(data)} bytes came of {size} from {offset} on")
        ffi.memmove(into, data, size)
        return 0
    except BaseException as raised:
        return hand_over(raised, error)


@ffi.def_extern(error=_LOST)
def python_open_options_open_beside(user: Any, suffix: Any, io: Any, error: Any) -> int:
    try:
        found = _object(user)(ffi.string(suffix).decode("utf-8", "replace"))
        if found is None:
            return int(lib.TC_E_NOT_FOUND)
        fill_io(io, Bytes.of(found))
        return 0
    except BaseException as raised:
        return hand_over(raised, error)


def fill_io(io: Any, data: Bytes) -> None:
    """A tc_io over bytes, which the table holds from then on."""
    io.user = enter(data)
    io.size = data.size
    io.read_at = lib.python_io_read_at
    io.release = lib.python_release


class Source(NamedTuple):
    """The functions of a source of blocks."""

    read_block: Callable[[Place], Any]
    read_window: Callable[[Place], Any] | None
    has_block: Callable[[int, int, int], bool] | None
    open_session: Callable[[], Any] | None
    close_session: Callable[[Any], None] | None
    block_shape: tuple[int, int]
    level_blocks: list[tuple[int, int]] | None
    """Rows and columns of a block of each level, of a source whose levels have grids of their own."""

    def corner(self, row: int, col: int, level: int) -> tuple[int, int]:
        """The first row and column of pixels of a block."""
        if self.level_blocks is not None:
            height, width = self.level_blocks[level]
            return row * height, col * width
        # Of the common grid: ceil(first pixel / 2^level).
        height, width = self.block_shape
        return -(-row * height >> level), -(-col * width >> level)


@ffi.def_extern(error=_LOST)
def python_source_has_block(user: Any, row: int, col: int, level: int, has: Any, error: Any) -> int:
    try:
        has[0] = 1 if _object(user).has_block(row, col, level) else 0
        return 0
    except BaseException as raised:
        return hand_over(raised, error)


def _asked(bands: Any, target: Any) -> tuple[int, ...] | None:
    return tuple(ffi.unpack(bands, target.bands)) if bands else None


def _session(session: Any) -> Any:
    return _object(session) if session else None


@ffi.def_extern(error=_LOST)
def python_source_read_block(
    user: Any, session: Any, row: int, col: int, level: int, bands: Any, into: Any, error: Any
) -> int:
    try:
        source = _object(user)
        y, x = source.corner(row, col, level)
        place = Place(
            row, col, level, x, y, _shape(into), dtype_of(into.dtype), _asked(bands, into), _session(session)
        )  # fmt: skip
        _write(into, source.read_block(place), "read_block")
        return 0
    except BaseException as raised:
        return hand_over(raised, error)


@ffi.def_extern(error=_LOST)
def python_source_read_window(
    user: Any, session: Any, x: int, y: int, level: int, bands: Any, into: Any, error: Any
) -> int:
    try:
        place = Place(
            -1, -1, level, x, y, _shape(into), dtype_of(into.dtype), _asked(bands, into), _session(session)
        )  # fmt: skip
        _write(into, _object(user).read_window(place), "read_window")
        return 0
    except BaseException as raised:
        return hand_over(raised, error)


@ffi.def_extern(error=_LOST)
def python_source_open_session(user: Any, session: Any, error: Any) -> int:
    try:
        session[0] = enter(_object(user).open_session())
        return 0
    except BaseException as raised:
        return hand_over(raised, error)


@ffi.def_extern()
def python_source_close_session(user: Any, session: Any) -> None:
    opened = _objects.pop(_number(session), None)
    close = _object(user).close_session
    if close is not None:
        close(opened)


class Map(NamedTuple):
    """The function of a map."""

    function: Callable[[Place, Array], Any]


@ffi.def_extern(error=_LOST)
def python_map(user: Any, row: int, col: int, level: int, pixels: Any, out: Any, error: Any) -> int:
    try:
        place = Place(row, col, level, -1, -1, _shape(out), dtype_of(out.dtype), None, None)
        _write(out, _object(user).function(place, _copied(pixels)), "the function of the map")
        return 0
    except BaseException as raised:
        return hand_over(raised, error)


class Compute(NamedTuple):
    """The function of an operator, and how many inputs it has."""

    function: Callable[..., Any]


@ffi.def_extern(error=_LOST)
def python_compute(user: Any, at: Any, inputs: Any, n_inputs: int, out: Any, error: Any) -> int:
    try:
        place = Place(at.row, at.col, at.level, at.x, at.y, _shape(out), dtype_of(out.dtype), None, None)
        arrays = [_copied(inputs[index]) for index in range(n_inputs)]
        _write(out, _object(user).function(place, *arrays), "the function of the operator")
        return 0
    except BaseException as raised:
        return hand_over(raised, error)


@ffi.def_extern(error=_LOST)
def python_open_part(user: Any, part: int, provider: Any, error: Any) -> int:
    try:
        # Ours stays ours: the library gets a reference of its own.
        provider[0] = lib.provider_retain(_object(user)(part)._open)
        return 0
    except BaseException as raised:
        return hand_over(raised, error)


@ffi.def_extern(error=-_LOST)
def python_transform(user: Any, to_source: int, n: int, x: Any, y: Any, z: Any, ok: Any) -> int:
    try:
        given = [np.frombuffer(ffi.buffer(side, 8 * n), np.float64) for side in (x, y)]
        told = _object(user)(given[0].copy(), given[1].copy())
        columns, rows = (np.asarray(side, np.float64) for side in told)
        if columns.shape != (n,) or rows.shape != (n,):
            raise ValueError(f"the transformation returned shapes {columns.shape} and {rows.shape} for {n} points")
        known = np.isfinite(columns) & np.isfinite(rows)
        given[0][...], given[1][...] = columns, rows
        np.frombuffer(ffi.buffer(ok, ffi.sizeof("int") * n), np.intc)[...] = known
        return 1
    except BaseException as raised:
        return -number_of(raised)


@ffi.def_extern()
def python_clone(user: Any) -> Any:
    # A function of Python may run on several threads at once; each of them has a number that is released by itself.
    return enter(_object(user))


@ffi.def_extern(error=0)
def python_progress(done: float, text: Any, user: Any) -> int:
    progress = _object(user)
    try:
        return 1 if progress.function(done) is not False else 0
    except BaseException as raised:
        progress.raised = raised
        return 0


class Progress:
    """Hears of a long call, lets the signals of Python through, and keeps what its function raised."""

    def __init__(self, function: Callable[[float], Any] | None) -> None:
        self.function = function or (lambda done: None)
        self.raised: BaseException | None = None

    def __enter__(self) -> Progress:
        self.user = enter(self)
        return self

    def __exit__(self, kind: Any, raised: BaseException | None, place: Any) -> None:
        forget(self.user)
        if self.raised is not None:
            came, self.raised = self.raised, None
            try:
                raise came from None
            finally:
                del came

    def put(self, options: Any) -> None:
        """Into a struct of options."""
        options.progress = lib.python_progress
        options.progress_user = self.user
