"""Display chains: steps from the samples of an image to a picture, told by a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ._handles import Held, encoded, made, text
from ._raw import ffi, lib
from .constants import Colour
from .errors import call
from .samples import Array, code_of, dtype_of, filled, without_halves
from .tile import writable

if TYPE_CHECKING:
    from .provider import Provider
    from .stats import PixelStats


class ChainInfo(NamedTuple):
    """What a chain takes and gives, as its text alone tells: `tc_chain_about`."""

    resolved: bool
    """All constants are in the text."""
    needs_stats: bool
    """To resolve it takes statistics."""
    alpha: bool
    """The last band of the output is opacity."""
    least_bands: int
    most_bands: int
    bands: int
    """The bands of the output; 0 where that depends on the source."""
    dtype: np.dtype[Any] | None
    """The type of the output; None is that of the source."""
    colours: tuple[Colour, ...]


class Chain(Held):
    """A chain such as `Chain("bands=3,1,0|stretch=2..98%|gamma=1.2|u8")`; the steps are told at `tc_chain_parse`."""

    __slots__ = ()
    _what = "chain"

    def __init__(self, text: str) -> None:
        self._h = ffi.gc(made(lib.tc_chain_parse, "tc_chain", encoded(text)), lib.tc_chain_release)

    @property
    def text(self) -> str:
        """The canonical text: parsed, it gives the same chain."""
        return text(lib.tc_chain_text(self._open))

    @property
    def why(self) -> str:
        """Why an automatic chain is as it is, a line for each decision; else empty."""
        return text(lib.tc_chain_why(self._open))

    @property
    def info(self) -> ChainInfo:
        """What it takes and gives."""
        about = ffi.new("tc_chain_about *")
        about.struct_size = ffi.sizeof("tc_chain_about")
        call(lib.tc_chain_info, self._open, about)
        return ChainInfo(
            bool(about.flags & lib.TC_CHAIN_RESOLVED),
            bool(about.flags & lib.TC_CHAIN_NEEDS_STATS),
            bool(about.flags & lib.TC_CHAIN_ALPHA),
            about.least_bands,
            about.most_bands,
            about.bands,
            dtype_of(about.dtype) if about.dtype else None,
            tuple(Colour(colour) for colour in about.colours),
        )

    def resolve(self, source: Provider, stats: PixelStats | None = None) -> Chain:
        """The chain with all constants put in that the image and its statistics tell."""
        known = ffi.NULL if stats is None else stats._open
        return Chain._owning(
            made(lib.tc_chain_resolve, "tc_chain", self._open, source._open, known), lib.tc_chain_release
        )

    def __or__(self, then: Chain | str) -> Chain:
        """This chain, then another over its output."""
        second = Chain(then) if isinstance(then, str) else then
        return Chain._owning(made(lib.tc_chain_compose, "tc_chain", self._open, second._open), lib.tc_chain_release)

    def apply(self, pixels: npt.ArrayLike, mask: npt.ArrayLike | None = None, *, out: Array | None = None) -> Array:
        """Applies a resolved chain to an array (band, row, column). Where `mask` is 0 nothing is data."""
        pointer, about = self._open, self.info
        given = _rows(np.asarray(pixels), "pixels")
        masked = ffi.NULL
        if mask is not None:
            covered = np.asarray(mask)
            if covered.dtype == np.bool_:
                covered = covered.astype(np.uint8) * np.uint8(255)
            covered = _rows(covered if covered.ndim == 3 else covered[np.newaxis], "mask")
            masked = _pixels_of(covered)
        if out is None:
            bands = about.bands or given.shape[0] + about.alpha
            out = np.empty((bands, *given.shape[1:]), about.dtype or given.dtype)
        writable(out)
        with filled(out, "out") as target:
            call(lib.tc_chain_apply, pointer, _pixels_of(given), masked, target)
        return out

    def __reduce__(self) -> tuple[Any, ...]:
        return Chain, (self.text,)

    def __repr__(self) -> str:
        return "<tilecache.Chain, closed>" if self.closed else f"Chain({self.text!r})"


def _rows(array: Array, what: str) -> Array:
    if array.ndim == 2:
        array = array[np.newaxis]
    if array.ndim != 3 or 0 in array.shape:
        raise ValueError(f"{what} has the shape {array.shape}; three axes are needed: band, row, column")
    array = without_halves(array)
    code_of(array.dtype)
    return np.ascontiguousarray(array)


def _pixels_of(array: Array) -> Any:
    """A tc_pixels over packed pixels, which must be held as long as it is used."""
    pixels = ffi.new("tc_pixels *")
    pixels.data = ffi.cast("void *", array.__array_interface__["data"][0])
    pixels.bands, pixels.height, pixels.width = array.shape
    pixels.valid_height, pixels.valid_width = array.shape[1:]
    pixels.band_stride, pixels.row_stride = array.strides[:2]
    pixels.dtype = code_of(array.dtype)
    return pixels


def chain_of(chain: Chain | str | None, source: Provider, stats: PixelStats | None) -> Chain | None:
    """A chain that can be put on a provider: parsed and resolved, as far as that takes no pass over pixels."""
    if chain is None:
        return None
    parsed = Chain(chain) if isinstance(chain, str) else chain
    about = parsed.info
    if about.resolved:
        return parsed
    if about.needs_stats and stats is None:
        with source.pixel_stats(windows=True) as sampled:
            return parsed.resolve(source, sampled)
    return parsed.resolve(source, stats)
