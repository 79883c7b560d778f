"""Decoded pixels that never change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _tiles
from ._handles import Handle, address
from ._raw import ffi, lib
from .errors import call, fail_at
from .samples import TYPES, Array, band_list, filled, samples_of


class Tile(_tiles.Tile, Handle):
    """Pixels of a block, read-only, with the axes (band, row, column).

    `array`, `numpy.asarray(tile)` and `numpy.from_dlpack(tile)` are the tile's own memory, without a copy, and stay
    valid as long as they are used: after the tile was closed, evicted, and its provider and cache released. May be
    used by any number of threads.
    """

    __slots__ = ()
    _what = "tile"

    @property
    def __array_interface__(self) -> dict[str, Any]:
        interface: dict[str, Any] = self._lend().__array_interface__
        return interface

    @property
    def __array_struct__(self) -> Any:
        return self._lend().__array_struct__

    def _lend(self) -> Any:
        """The array, for one that has this object as its base: the pixels stay as long as that lives, closed or not."""
        self._lent = self.array
        return self._lent

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a tile cannot be pickled; its array can, which copies the pixels")

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
        pixels = self._open  # holds them, should another thread close the tile
        listed, count = band_list(bands)
        if out is None:
            shape = (
                count or self.bands,
                self.height - y if height is None else height,
                self.width - x if width is None else width,
            )
            if min(shape) < 1:
                raise ValueError(
                    f"the part of {shape[2]} x {shape[1]} pixels at ({x}, {y}) is empty or leaves the tile"
                )
            out = np.empty(shape, self.dtype if dtype is None else samples_of(dtype))
        elif dtype is not None or width is not None or height is not None:
            raise TypeError("out has a type and a shape of its own; dtype, width and height cannot be given with it")
        writable(out)
        with filled(out, "out") as target:
            call(lib.tc_tile_copy, ffi.cast("tc_tile *", pixels.address), x, y, listed, count, target)
        return out

    def __repr__(self) -> str:
        if self.closed:
            return "<tilecache.Tile, closed>"
        bands, rows, columns = self.shape
        return f"<tilecache.Tile {columns} x {rows}, bands: {bands}, {self.dtype}{', absent' * self.absent}>"


def writable(out: Array) -> None:
    """Refuses an array that cannot be written to."""
    if not out.flags.writeable:
        raise ValueError("out is read-only")


def owned(pointer: Any) -> Tile:
    """A tile for a reference that is now ours."""
    return _tiles.owned(address(pointer))


_tiles.set_up(Tile, TYPES, fail_at)
