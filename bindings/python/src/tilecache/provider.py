"""An image as a grid of blocks, and the operators over it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy.typing as npt

from . import _callbacks
from ._callbacks import Place, Progress
from ._handles import address, encoded, made
from ._raw import ffi, lib
from .cache import Cache
from .chain import Chain, chain_of
from .constants import BuildCompression, BuildLayout, BuildPredictor, PassOrder
from .describe import BandInfo, Georef, Texts, band_structs, text_structs
from .errors import call
from .load import Load
from .reading import Reading
from .recipes import Recipe, recorded
from .samples import Array, Sample, band_list, code_of, dtype_of, write_sample
from .stats import PixelStats, ProgressFunction, sample_options
from .transform import Transform
from .window import chosen, filter_of

Layout = Literal["tiled", "cog", "overviews"]
Compression = Literal["deflate", "plain", "zstd", "lzw", "jpeg"]
Predictor = Literal["samples", "differences", "floats"]
Order = Literal["rows", "columns", "hilbert", "list"]
Border = Literal["pad", "nearest", "mirrored"]


def flags(*chosen: tuple[bool, int]) -> int:
    """The bits of what is wanted."""
    return sum(bit for wanted, bit in chosen if wanted)


def sized(kind: str) -> Any:
    """A size-led struct, zeros but for its size."""
    struct = ffi.new(f"{kind} *")
    struct.struct_size = ffi.sizeof(kind)
    return struct


class Provider(Reading):
    """An image as a grid of blocks: a file, memory, functions of yours, or an operator over another provider.

    All answer the same calls, from any number of threads at once. A provider keeps alive what it is made from, and
    closing one leaves what was made from it. Pickled, it is opened again by path and options where the pickle comes.
    """

    __slots__ = ("_cache", "_recipe")
    _what = "provider"
    _cache: Cache | None
    _recipe: Recipe | None

    @classmethod
    def _made(cls, pointer: Any, cache: Cache | None = None) -> Provider:
        provider = cls.__new__(cls)
        provider._hold(ffi.gc(pointer, lib.provider_release), address(pointer))
        provider._cache, provider._recipe = cache, None
        return provider

    def _over(self, function: Any, cache: Cache | None, *arguments: Any) -> Provider:
        """A provider over this one, from a call that takes a cache."""
        keeps = ffi.NULL if cache is None else cache._open
        return Provider._made(made(function, "tc_provider", *arguments, keeps), cache)

    def close(self) -> None:
        """Gives the reference up. What was made from the provider stays usable. Twice is nothing."""
        super().close()
        self._cache = self._recipe = None

    def __reduce__(self) -> tuple[Any, ...]:
        self._open
        return _itself, (self._recipe or Recipe(),)

    def __dask_tokenize__(self) -> Any:
        return "tilecache", self.key

    def __repr__(self) -> str:
        if self.closed:
            return "<tilecache.Provider, closed>"
        info = self.info
        return (
            f"<tilecache.Provider {info.width} x {info.height}, bands: {info.bands}, {info.dtype}, "
            f"blocks of {info.block_width} x {info.block_height}, levels: {info.levels}, {self.key}>"
        )

    # Operators.

    @recorded
    def cached(self, cache: Cache) -> Provider:
        """The same image, its blocks kept in a cache."""
        return self._over(lib.provider_cached, cache, self._open)

    @recorded
    def retile(
        self, tile_width: int = 1024, tile_height: int = 1024, *, pad_edges: bool = False, cache: Cache | None = None
    ) -> Provider:
        """The same image on a uniform grid of tiles of any size."""
        options = sized("tc_retile_options")
        options.tile_width, options.tile_height, options.pad_edges = tile_width, tile_height, pad_edges
        if tile_width == 0 or tile_height == 0:
            raise ValueError(f"tiles of {tile_width} x {tile_height} pixels are empty")
        return self._over(lib.provider_retile, cache, self._open, options)

    @recorded
    def map(
        self,
        function: Callable[[Place, Array], npt.ArrayLike],
        *,
        dtype: npt.DTypeLike | None = None,
        bands: int = 0,
        source_bands: Sequence[int] | None = None,
        name: str | None = None,
        bits: int = 0,
        pad: Sample = None,
        band_infos: Sequence[BandInfo] | None = None,
        texts: Texts = None,
        keep_bands: bool = True,
        keep_texts: bool = True,
        keep_mask: bool = True,
        keep_georef: bool = True,
        cache: Cache | None = None,
    ) -> Provider:
        """Every block passed through `function(place, pixels)`, which returns the pixels of the output.

        Maps of the same `name` over the same source with the same options must give the same pixels; without a name
        each is one of its own. The function is called from several threads; what it raises comes out of the read.
        """
        options, held = sized("tc_map_options"), []  # type: Any, list[Any]
        options.dtype, options.bands, options.bits = 0 if dtype is None else code_of(dtype), bands, bits
        samples = self.dtype if dtype is None else dtype_of(options.dtype)
        if pad is not None:
            write_sample(options.pad, pad, samples, "pad")
        options.flags = flags(
            (pad is not None, lib.TC_MAP_HAS_PAD),
            (not keep_bands, lib.TC_MAP_DROP_BANDS),
            (not keep_texts, lib.TC_MAP_DROP_TEXTS),
            (not keep_mask, lib.TC_MAP_DROP_MASK),
            (not keep_georef, lib.TC_MAP_DROP_GEOREF),
        )
        listed, count = band_list(source_bands)
        named, infos = encoded(name), band_structs(band_infos, samples, bands)
        options.source_bands, options.n_source_bands, options.name, options.band_infos = listed, count, named, infos
        options.texts, options.n_texts = text_structs(texts, held)
        options.map, options.release = lib.python_map, lib.python_release
        options.user = _callbacks.enter(_callbacks.Map(function))
        try:
            return self._over(lib.provider_map, cache, self._open, options)
        except BaseException:
            _callbacks.forget(options.user)
            raise

    @recorded
    def level(self, level: int) -> Provider:
        """A resolution level as an image of its own."""
        return Provider._made(made(lib.provider_level, "tc_provider", self._open, level), self._cache)

    @recorded
    def mask(self) -> Provider:
        """Where the pixels are data: one band, 255 where they are and 0 where not."""
        return Provider._made(made(lib.provider_mask, "tc_provider", self._open), self._cache)

    @recorded
    def downsample(
        self,
        factor: int = 0,
        *,
        width: int = 0,
        height: int = 0,
        filter: Any = None,
        levels: int = 0,
        tile_width: int = 0,
        tile_height: int = 0,
        native: bool = True,
        cache: Cache | None = None,
    ) -> Provider:
        """The image made smaller: by a power of two (2 by default), or to `width` and `height`.

        `native=False` computes levels too that the source has.
        """
        options = sized("tc_level_options")
        options.filter, options.levels, options.factor = filter_of(filter), levels, factor
        options.width, options.height, options.tile_width, options.tile_height = width, height, tile_width, tile_height
        options.flags = flags((not native, lib.TC_LEVEL_NO_NATIVE))
        return self._over(lib.provider_downsample, cache, self._open, options)

    @recorded
    def pyramid(
        self,
        *,
        filter: Any = None,
        levels: int = 0,
        tile_width: int = 0,
        tile_height: int = 0,
        native: bool = True,
        cache: Cache | None = None,
    ) -> Provider:
        """The image with every level down to one tile; those that it does not have are made when they are asked for."""
        options = sized("tc_level_options")
        options.filter, options.levels = filter_of(filter), levels
        options.tile_width, options.tile_height = tile_width, tile_height
        options.flags = flags((not native, lib.TC_LEVEL_NO_NATIVE))
        return self._over(lib.provider_pyramid, cache, self._open, options)

    @recorded
    def warp(
        self,
        transform: Transform,
        *,
        width: int,
        height: int,
        filter: Any = None,
        levels: int = 0,
        source_level: int | None = None,
        max_error: float = 0.0,
        scale_x: float = 0.0,
        scale_y: float = 0.0,
        tile_width: int = 0,
        tile_height: int = 0,
        period: int = 0,
        exact: bool = False,
        cache: Cache | None = None,
    ) -> Provider:
        """The image seen through a transformation from pixels of the output to those of the source."""
        options = sized("tc_warp_options")
        options.filter, options.levels, options.source_level = filter_of(filter), levels, source_level or 0
        options.flags = flags((exact, lib.TC_WARP_EXACT), (source_level is not None, lib.TC_WARP_FIXED_LEVEL))
        options.max_error, options.scale_x, options.scale_y = max_error, scale_x, scale_y
        options.width, options.height, options.period = width, height, period
        options.tile_width, options.tile_height = tile_width, tile_height
        return self._over(lib.provider_warp, cache, self._open, transform._open, options)

    @recorded
    def display(
        self, chain: Chain | str | None = None, *, stats: PixelStats | None = None, cache: Cache | None = None
    ) -> Provider:
        """The picture that a chain makes of the image; None is the chain that the library finds.

        A chain with limits from statistics takes those of `stats`, or of windows at fixed places.
        """
        resolved = chain_of(chain, self, stats)
        return self._over(lib.provider_display, cache, self._open, ffi.NULL if resolved is None else resolved._open)

    @recorded
    def convert(
        self,
        dtype: npt.DTypeLike = "uint8",
        *,
        low: float = 0.0,
        high: float = 0.0,
        low_percent: float = 0.0,
        high_percent: float = 0.0,
        gamma: float = 0.0,
        bands: Sequence[int] | None = None,
        common: bool = False,
        invert: bool = False,
        alpha: bool = False,
        stats: PixelStats | None = None,
        cache: Cache | None = None,
    ) -> Provider:
        """The image in another type, by limits or percentiles and gamma."""
        options = sized("tc_convert_options")
        options.dtype, options.gamma = code_of(dtype), gamma
        options.low, options.high, options.low_percent, options.high_percent = low, high, low_percent, high_percent
        options.flags = flags(
            (common, lib.TC_CONVERT_COMMON), (invert, lib.TC_CONVERT_INVERT), (alpha, lib.TC_CONVERT_ALPHA)
        )
        listed, count = band_list(bands)
        options.bands, options.n_bands = listed, count
        options.stats = ffi.NULL if stats is None else stats._open
        return self._over(lib.provider_convert, cache, self._open, options)

    @recorded
    def with_georef(self, georef: Georef | None) -> Provider:
        """The same image, which lies where you say; None is nowhere."""
        held: list[Any] = []
        struct = ffi.NULL if georef is None else georef._struct(held)
        return Provider._made(made(lib.provider_with_georef, "tc_provider", self._open, struct), self._cache)

    # Readers.

    def reader(
        self, *, streaming: bool = False, bypass: bool = False, fill: Sample = None, load: Load | None = None
    ) -> Provider:
        """The same image, read in a way of its own, which `cancel` ends.

        `streaming`: a pass that nobody repeats. `bypass`: what is loaded is not kept. `fill`: what `read_window` writes
        outside the image. `load`: on whose behalf it reads, see `load_current`.
        """
        options = sized("tc_reader_options")
        options.flags = flags(
            (streaming, lib.TC_READ_STREAMING), (bypass, lib.TC_READ_BYPASS), (fill is not None, lib.TC_READ_FILL)
        )
        if fill is not None:
            write_sample(options.fill, fill, self.dtype, "fill")
        if load is not None:
            options.load = load._open
        return Provider._made(made(lib.provider_reader, "tc_provider", self._open, options), self._cache)

    def pass_(
        self,
        order: Order | None = None,
        *,
        level: int = 0,
        threads: int = 0,
        bands: Sequence[int] | None = None,
        tiles: Sequence[tuple[int, int]] | None = None,
    ) -> Provider:
        """A reader whose order is known ahead, so that its cache keeps what it will use next.

        `tiles`: pairs of a row and a column, in the order in which they will be asked for.
        """
        options = sized("tc_pass_options")
        options.order, options.level, options.threads = chosen(PassOrder, order, "order"), level, threads
        listed, count = band_list(bands)
        options.bands, options.n_bands = listed, count
        at = ffi.NULL if tiles is None else ffi.new("tc_pass_tile[]", [(row, col) for row, col in tiles])
        options.tiles, options.n_tiles = at, 0 if tiles is None else len(tiles)
        return Provider._made(made(lib.provider_pass, "tc_provider", self._open, options), self._cache)

    # Long calls.

    def pixel_stats(
        self,
        *,
        level: int = 0,
        threads: int = 0,
        windows: bool = False,
        exact: bool | Sequence[float] = False,
        power: bool = False,
        stored: bool = False,
        progress: ProgressFunction | None = None,
    ) -> PixelStats:
        """Statistics of all bands: of all pixels, or with `windows` of 64 windows at fixed places.

        `exact`: percentiles of types of 32 and 64 bits are made exact, the usual ones or those that are listed.
        `progress` is called with the part that is done; where it returns False or raises, the call ends.
        """
        held: list[Any] = []
        with Progress(progress) as hears:
            options = sample_options(
                hears, held, level=level, threads=threads, windows=windows, exact=exact, power=power, stored=stored
            )
            return PixelStats._owning(
                made(lib.provider_pixel_stats, "tc_pixel_stats", self._open, options), lib.tc_pixel_stats_release
            )

    def auto_chain(
        self,
        *,
        level: int = 0,
        threads: int = 0,
        windows: bool = True,
        exact: bool | Sequence[float] = False,
        power: bool = False,
        stored: bool = False,
        progress: ProgressFunction | None = None,
    ) -> Chain:
        """The chain that shows the image, made from what is known of it and from statistics; see `Chain.why`."""
        held: list[Any] = []
        with Progress(progress) as hears:
            options = sample_options(
                hears, held, level=level, threads=threads, windows=windows, exact=exact, power=power, stored=stored
            )
            return Chain._owning(made(lib.tc_chain_auto, "tc_chain", self._open, options), lib.tc_chain_release)

    def build_pyramid(
        self,
        path: str | os.PathLike[str],
        layout: Layout | None = None,
        *,
        compression: Compression | None = None,
        predictor: Predictor | None = None,
        effort: int = 0,
        quality: int = 0,
        filter: Any = None,
        levels: int = 0,
        threads: int = 0,
        tile_width: int = 0,
        tile_height: int = 0,
        native: bool = True,
        big: bool | None = None,
        sync: bool = True,
        cache: Cache | None = None,
        progress: ProgressFunction | None = None,
    ) -> None:
        """Writes the image with all its levels to a file, which appears when it is complete.

        `layout`: a tiled GeoTIFF, a cloud-optimised one, or the overviews alone. `big`: BigTIFF or not; None is as
        needed. `progress` as for `pixel_stats`.
        """
        options = sized("tc_build_options")
        options.layout = chosen(BuildLayout, layout, "layout")
        options.compression = chosen(BuildCompression, compression, "compression")
        options.predictor = chosen(BuildPredictor, predictor, "predictor")
        options.effort, options.quality, options.filter = effort, quality, filter_of(filter)
        options.levels, options.threads = levels, threads
        options.tile_width, options.tile_height = tile_width, tile_height
        options.flags = flags(
            (not native, lib.TC_BUILD_NO_NATIVE),
            (big is True, lib.TC_BUILD_BIG),
            (big is False, lib.TC_BUILD_SMALL),
            (not sync, lib.TC_BUILD_NO_SYNC),
        )
        with Progress(progress) as hears:
            hears.put(options)
            call(
                lib.tc_build_pyramid, self._open, path_bytes(path), options, ffi.NULL if cache is None else cache._open
            )  # fmt: skip


class Input(NamedTuple):
    """Which pixels of an image a block of an operator's output is computed from: `tc_input`."""

    source: Provider
    bands: Sequence[int] | None = None
    level: int = 0
    border: Border = "pad"
    scale_x: int = 0
    scale_y: int = 0
    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0
    transposed: bool = False
    flipped_x: bool = False
    flipped_y: bool = False


def _itself(provider: Provider) -> Provider:
    """What a recipe in a pickle has become."""
    return provider


def path_bytes(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> Any:
    """A path for C."""
    data = os.fsencode(path)
    if b"\0" in data:
        raise ValueError(f"the path {path!r} has a NUL character")
    return ffi.new("char[]", data)
