"""Transformations from the pixels of an output to those of a source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from . import _callbacks
from ._handles import Held, encoded, made
from ._raw import ffi, lib
from .describe import Rpc
from .errors import call

if TYPE_CHECKING:
    from .cache import Cache
    from .provider import Provider

Points = npt.NDArray[np.float64]


class Transform(Held):
    """Where points of an output come from. Positions are in pixels with edges at whole numbers."""

    __slots__ = ()
    _what = "transformation"

    @staticmethod
    def affine(m: Sequence[float]) -> Transform:
        """From six numbers in GDAL's order: column m[0] + m[1] x + m[2] y, row m[3] + m[4] x + m[5] y."""
        return _transform(lib.tc_transform_affine, _six(m, "m"))

    @staticmethod
    def polynomial(points: Iterable[Sequence[float]], order: int = 1) -> Transform:
        """The polynomial nearest to points (x, y, source_x, source_y), of order 1 to 3."""
        ties = _ties(points)
        return _transform(lib.tc_transform_polynomial, ties, len(ties), order)

    @staticmethod
    def spline(points: Iterable[Sequence[float]]) -> Transform:
        """The thin plate spline through points (x, y, source_x, source_y)."""
        ties = _ties(points)
        return _transform(lib.tc_transform_spline, ties, len(ties))

    @staticmethod
    def rpc(rpc: Rpc, ground: Sequence[float], height: float = 0.0) -> Transform:
        """From a map in degrees to an image that rational polynomials describe, all of it at one height.

        `ground`: from pixels of the output to longitude and latitude, six numbers in GDAL's order.
        """
        return _transform(lib.tc_transform_rpc, rpc._struct(), _six(ground, "ground"), height)

    @staticmethod
    def rpc_heights(
        rpc: Rpc,
        ground: Sequence[float],
        heights: Provider,
        *,
        band: int = 0,
        place: Sequence[float] | None = None,
        scale: float = 0.0,
        offset: float = 0.0,
        missing: float | None = None,
        cache: Cache | None = None,
    ) -> Transform:
        """`rpc` over ground that is as high as a raster says, whose blocks are kept in `cache`.

        `place`: from pixels of the raster to longitude and latitude; None is what the raster says itself. Metres are
        `scale` times what the raster says (0: once), and `offset`. `missing` stands where it has no height; None is none.
        """
        options = ffi.new("tc_heights_options *")
        options.struct_size = ffi.sizeof("tc_heights_options")
        options.band, options.scale, options.offset = band, scale, offset
        if place is not None:
            options.flags |= lib.TC_HEIGHTS_HAS_TRANSFORM
            options.transform = _six(place, "place")
        if missing is not None:
            options.flags |= lib.TC_HEIGHTS_HAS_MISSING
            options.missing = missing
        keeps = ffi.NULL if cache is None else cache._open
        return _transform(
            lib.tc_transform_rpc_heights, rpc._struct(), _six(ground, "ground"), heights._open, options, keeps
        )

    @staticmethod
    def callback(
        function: Callable[[Points, Points], tuple[npt.ArrayLike, npt.ArrayLike]], name: str | None = None
    ) -> Transform:
        """From a function of columns and rows of the output, as arrays, to those of the source.

        NaN is a point that comes from nowhere. It must be a pure function of each point, and is called from several
        threads. Transformations of the same `name` are the same function with the same parameters.
        """
        user = _callbacks.enter(function)
        try:
            return _transform(
                lib.tc_transform_callback, lib.python_transform, user, lib.python_clone,
                lib.python_release, encoded(name),
            )  # fmt: skip
        except BaseException:
            _callbacks.forget(user)
            raise

    def points(self, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Points, Points]:
        """Columns and rows of the source for those of the output; NaN both for a point that comes from nowhere."""
        sides = [np.array(side, np.float64, ndmin=1) for side in (x, y)]
        if sides[0].shape != sides[1].shape:
            raise ValueError(f"x has the shape {sides[0].shape} and y {sides[1].shape}")
        call(lib.tc_transform_points, self._open, *(ffi.from_buffer("double[]", side) for side in sides), sides[0].size)
        return sides[0], sides[1]


def _transform(function: Any, *arguments: Any) -> Transform:
    return Transform._owning(made(function, "tc_transform", *arguments), lib.tc_transform_release)


def _six(numbers: Sequence[float], what: str) -> Any:
    listed = [float(number) for number in numbers][:6] if len(numbers) == 6 else None
    if listed is None:
        raise ValueError(f"{what} has {len(numbers)} numbers; it needs 6, in GDAL's order")
    return ffi.new("double[6]", listed)


def _ties(points: Iterable[Sequence[float]]) -> Any:
    listed = [tuple(float(number) for number in point) for point in points]
    for point in listed:
        if len(point) != 4:
            raise ValueError(f"the point {point} has {len(point)} numbers; it needs x, y, source_x and source_y")
    return ffi.new("tc_tie_point[]", listed)
