"""Decoded pixels that never change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ._handles import Handle
from ._raw import ffi, lib
from .errors import call
from .samples import INTERFACES, SIZES, Array, band_list, code_of, dtype_of, target_of

_release = lib.tc_tile_release
_gc = ffi.gc
_new = object.__new__
_cast = ffi.cast
_ADDRESS = ffi.typeof("uintptr_t")
_PIXELS = ffi.typeof("tc_pixels *")


class _Pixels:
    """What arrays over a tile have as their base: it keeps the pixels, whatever becomes of the tile."""

    __slots__ = ("_h", "__array_interface__")

    def __init__(self, pointer: Any, interface: dict[str, Any]) -> None:
        self._h = pointer
        self.__array_interface__ = interface


class Tile(Handle):
    """Pixels of a block, read-only, with the axes (band, row, column).

    `array`, `numpy.asarray(tile)` and `numpy.from_dlpack(tile)` are the tile's own memory, without a copy, and stay
    valid as long as they are used: after the tile was closed, evicted, and its provider and cache released. May be
    used by any number of threads.
    """

    __slots__ = ("_pixels", "_array", "_lent")
    _what = "tile"

    @property
    def _at(self) -> Any:
        """Where the pixels are, asked once."""
        pixels: Any = getattr(self, "_pixels", None)
        if pixels is None:
            pixels = ffi.new(_PIXELS)
            lib.tc_tile_pixels(self._open, pixels)
            self._pixels: Any = pixels
        return pixels

    @property
    def shape(self) -> tuple[int, int, int]:
        """Bands, rows and columns."""
        at = self._at
        return at.bands, at.height, at.width

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the samples."""
        return dtype_of(self._at.dtype)

    @property
    def width(self) -> int:
        """Columns."""
        return int(self._at.width)

    @property
    def height(self) -> int:
        """Rows."""
        return int(self._at.height)

    @property
    def bands(self) -> int:
        """Bands."""
        return int(self._at.bands)

    @property
    def valid_width(self) -> int:
        """Columns inside the image: fewer than `width` in a padded tile at an edge."""
        return int(self._at.valid_width)

    @property
    def valid_height(self) -> int:
        """Rows inside the image."""
        return int(self._at.valid_height)

    @property
    def absent(self) -> bool:
        """Whether nothing was stored here, so that all pixels are pad."""
        return bool(self._at.flags & lib.TC_PIXELS_ABSENT)

    @property
    def address(self) -> int:
        """Where sample (0, 0) of the first band lies in memory."""
        return int(ffi.cast("uintptr_t", self._at.data))

    @property
    def __array_interface__(self) -> dict[str, Any]:
        # Whoever asks has this object as the base of an array: the pixels stay as long as it lives, closed or not.
        self._lent: Any = self._open
        interface: dict[str, Any] = self.array.__array_interface__
        return interface

    @property
    def array(self) -> Array:
        """The pixels as a read-only array, without a copy."""
        array: Array | None = getattr(self, "_array", None)
        if array is not None:
            return array
        at = self._at
        code = at.dtype
        interface = {
            "version": 3,
            "shape": (at.bands, at.height, at.width),
            "strides": (at.band_stride, at.row_stride, SIZES[code]),
            "data": (int(_cast(_ADDRESS, at.data)), True),
            **INTERFACES[code],
        }
        array = np.asarray(_Pixels(self._open, interface))
        self._array: Array | None = array
        return array

    def close(self) -> None:
        """Gives the tile up. Arrays over it keep their pixels. Twice is nothing."""
        self._h = self._array = self._pixels = None

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: Any = None,
        copy: bool | None = None,
    ) -> Any:
        """A DLPack capsule of version 1 with its flag for read-only; BufferError for who knows no such flag."""
        if not copy and (max_version is None or max_version < (1, 0)):
            raise BufferError("a tile is read-only, which DLPack before version 1.0 cannot say")
        exporter: Any = self.array
        return exporter.__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0

    def copy(
        self,
        x: int = 0,
        y: int = 0,
        width: int | None = None,
        height: int | None = None,
        *,
        bands: Sequence[int] | None = None,
        dtype: npt.DTypeLike | None = None,
        out: Array | None = None,
    ) -> Array:
        """Part of the tile as an array of your own, in any type and with any strides.

        `bands` counts in the tile and may have `tilecache.OPAQUE`. With `out` the shape and the type are those of it.
        With another type, samples are rounded to nearest and clamped.
        """
        pointer = self._open
        listed, count = band_list(bands)
        if out is None:
            at = self._at
            shape = (
                count or at.bands,
                at.height - y if height is None else height,
                at.width - x if width is None else width,
            )
            if min(shape) < 1:
                raise ValueError(
                    f"the part of {shape[2]} x {shape[1]} pixels at ({x}, {y}) is empty or leaves the tile"
                )
            out = np.empty(shape, dtype_of(at.dtype if dtype is None else code_of(dtype)))
        elif dtype is not None or width is not None or height is not None:
            raise TypeError("out has a type and a shape of its own; dtype, width and height cannot be given with it")
        writable(out)
        call(lib.tc_tile_copy, pointer, x, y, listed, count, target_of(out, "out"))
        return out

    def __repr__(self) -> str:
        if self._h is None:
            return "<tilecache.Tile, closed>"
        bands, rows, columns = self.shape
        return f"<tilecache.Tile {columns} x {rows}, bands: {bands}, {self.dtype}{', absent' * self.absent}>"


def writable(out: Array) -> None:
    """Refuses an array that cannot be written to."""
    if not out.flags.writeable:
        raise ValueError("out is read-only")


def owned(pointer: Any) -> Tile:
    """A tile for a reference that is now ours."""
    tile = _new(Tile)
    tile._h = _gc(pointer, _release)
    return tile
