"""Windows and resampling, as users of rasterio write them."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

from .constants import Band, Filter


def chosen(kind: type[IntEnum], wanted: Any, what: str) -> int:
    """The number of a value of an enumeration, which may be told by its name; None is the library's default, 0."""
    if wanted is None:
        return 0
    if isinstance(wanted, kind):
        return int(wanted)
    found = kind.__members__.get(wanted.upper()) if isinstance(wanted, str) else None
    if found is None:
        raise ValueError(f"{what} is {wanted!r}; it may be {', '.join(value.name.lower() for value in kind)}")
    return int(found)


# Names of rasterio that are others here.
_ALSO = {"med": "median"}


def filter_of(wanted: Any) -> int:
    """The number of a filter: a Filter, its name, or a Resampling of rasterio."""
    if wanted is not None and not isinstance(wanted, (str, Filter)):
        wanted = getattr(wanted, "name", wanted)
    return chosen(Filter, _ALSO.get(wanted, wanted), "the filter")


class Window(NamedTuple):
    """A rectangle of pixels of an image, which may begin and end within pixels and outside the image."""

    col_off: float
    row_off: float
    width: float
    height: float

    @classmethod
    def of(cls, window: Any, rows: int, columns: int) -> Window:
        """From a Window, rasterio's too; from ((row begin, end), (column begin, end)); from a pair of slices."""
        if window is None:
            return cls(0, 0, columns, rows)
        if all(hasattr(window, name) for name in cls._fields):
            made = cls(window.col_off, window.row_off, window.width, window.height)
        elif isinstance(window, (tuple, list)) and len(window) == 2:
            (top, bottom), (left, right) = (
                _range(side, length) for side, length in zip(window, (rows, columns), strict=True)
            )
            made = cls(left, top, right - left, bottom - top)
        else:
            raise TypeError(f"{window!r} is no window: take a Window, or ((row, row), (column, column))")
        if not (made.width > 0 and made.height > 0):
            raise ValueError(f"the window of {made.width} x {made.height} pixels is empty")
        return made

    def clipped(self, rows: int, columns: int) -> Window:
        """The part of it that lies in an image."""
        left, top = max(self.col_off, 0), max(self.row_off, 0)
        right, bottom = min(self.col_off + self.width, columns), min(self.row_off + self.height, rows)
        if right <= left or bottom <= top:
            raise ValueError(
                f"the window of {self.width} x {self.height} pixels at ({self.col_off}, {self.row_off}) lies outside "
                f"the image of {columns} x {rows}; boundless=True reads it as pad"
            )
        return Window(left, top, right - left, bottom - top)

    def whole(self) -> tuple[int, int, int, int]:
        """Its numbers as whole ones, which they must be."""
        numbers = tuple(int(number) for number in self)
        if numbers != tuple(self):
            raise ValueError(f"{self} begins or ends within pixels; out_shape says to how many it is to be resampled")
        return numbers[0], numbers[1], numbers[2], numbers[3]


def _range(side: Any, length: int) -> tuple[float, float]:
    if isinstance(side, slice):
        if side.step not in (None, 1):
            raise ValueError(f"{side} has a step; out_shape resamples")
        begin, end = side.start or 0, length if side.stop is None else side.stop
    else:
        begin, end = side
        begin, end = begin or 0, length if end is None else end
    return begin, end


OPAQUE = int(Band.OPAQUE)
"""In a list of bands of `read`, `read_window` and `Tile.copy`: opaque alpha instead of a band."""
