"""Reading any provider: blocks, windows, requests, and what it tells of itself."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
import numpy.typing as npt

from ._handles import Handle, made, text, text_or_none
from ._raw import ffi, lib
from ._tiles import Blocks
from .cache import CacheStats, stats_struct
from .constants import Colour, Filter
from .describe import BandInfo, Georef, ImageInfo, Rgba
from .errors import NotFoundError, NotResidentError, ReentrantError, call
from .report import json_text
from .requests import Prefetched, _Pending, begin, never_begun
from .samples import Array, band_list, filled, read_sample, samples_of
from .tile import Tile, owned, writable
from .transform import Transform
from .window import Window


class Reading(Blocks, Handle):
    """What all providers answer; `get_block`, `try_block` and `peek_block` come from C."""

    __slots__ = ("__weakref__",)

    # What the image is.

    @property
    def key(self) -> str:
        """The key under which caches know the image."""
        return text(lib.provider_key(self._open))

    @property
    def format(self) -> str | None:
        """The format of the file that the pixels come from, such as "TIFF"; None where there is no file."""
        return text_or_none(lib.provider_format(self._open))

    @property
    def info(self) -> ImageInfo:
        """What the image is."""
        info = ffi.new("tc_image_info *")
        info.struct_size = ffi.sizeof("tc_image_info")
        call(lib.provider_info, self._open, info)
        return ImageInfo._of(info)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Bands, rows and columns of level 0."""
        return self.info.shape

    @property
    def width(self) -> int:
        """Columns of level 0."""
        return self.info.width

    @property
    def height(self) -> int:
        """Rows of level 0."""
        return self.info.height

    @property
    def bands(self) -> int:
        """How many bands there are."""
        return self.info.bands

    @property
    def levels(self) -> int:
        """How many resolution levels there are."""
        return self.info.levels

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the samples."""
        return self.info.dtype

    @property
    def block_shape(self) -> tuple[int, int]:
        """Rows and columns of a block."""
        info = self.info
        return info.block_height, info.block_width

    @property
    def grid_shape(self) -> tuple[int, int]:
        """Rows and columns of the grid of blocks."""
        info = self.info
        return info.grid_rows, info.grid_cols

    def level_shape(self, level: int) -> tuple[int, int]:
        """Rows and columns of a level."""
        if level == 0:
            info = self.info
            return info.height, info.width
        pointer = ffi.gc(made(lib.provider_level, "tc_provider", self._open, level), lib.provider_release)
        info_struct = ffi.new("tc_image_info *")
        info_struct.struct_size = ffi.sizeof("tc_image_info")
        call(lib.provider_info, pointer, info_struct)
        return info_struct.height, info_struct.width

    def band_info(self, band: int) -> BandInfo:
        """What a band is, counted from 0."""
        info = ffi.new("tc_band_info *")
        info.struct_size = ffi.sizeof("tc_band_info")
        call(lib.provider_band_info, self._open, band, info)
        known = info.flags & lib.TC_BAND_HAS_NODATA
        return BandInfo(Colour(info.colour), read_sample(info.nodata, self.dtype) if known else None)

    def metadata(self, band: int = -1) -> dict[str, str]:
        """The texts that came with the image, or with a band of it, counted from 0."""
        pointer = self._open
        names = (
            lib.provider_metadata_name(pointer, band, index)
            for index in range(lib.provider_metadata_count(pointer, band))
        )
        return {text(name): text(lib.provider_metadata(pointer, band, name)) for name in names}

    def palette(self, band: int = 0) -> list[Rgba] | None:
        """The colours that the samples of a band are indices of; None if it has no palette."""
        pointer, count = self._open, ffi.new("size_t *")
        try:
            call(lib.provider_palette, pointer, band, ffi.NULL, 0, count)
        except NotFoundError:
            return None
        colours = ffi.new("tc_rgba[]", count[0])
        call(lib.provider_palette, pointer, band, colours, count[0], count)
        return [Rgba(colour.red, colour.green, colour.blue, colour.alpha) for colour in colours]

    def counters(self) -> CacheStats:
        """What this provider has done, and has in its cache."""
        stats = stats_struct()
        call(lib.provider_counters, self._open, stats, ffi.NULL)
        return CacheStats._of(stats)

    def counters_json(self) -> str:
        """The same as JSON, with the blocks decoded beneath."""
        return json_text(lib.provider_counters_json, self._open)

    @property
    def amplification(self) -> float:
        """Blocks decoded, divided by the distinct ones among them: 1 if none was decoded twice, 0 if none was."""
        amplification = ffi.new("double *")
        call(lib.provider_counters, self._open, stats_struct(), amplification)
        return float(amplification[0])

    # Where it lies.

    def georef(self, level: int = 0) -> Georef:
        """Where the pixels of a level lie on the ground, as far as that is known."""
        georef = ffi.new("tc_georef *")
        georef.struct_size = ffi.sizeof("tc_georef")
        pointer = self._open
        call(lib.provider_georef, pointer, level, georef)
        return Georef._of(georef)

    def place_of(self, pixels: npt.ArrayLike, level: int = 0) -> npt.NDArray[np.float64]:
        """Coordinates (x, y) of points (column, row), where (0.5, 0.5) is the centre of the first pixel."""
        return self._placed(lib.provider_place_of, pixels, level)

    def pixel_of(self, places: npt.ArrayLike, level: int = 0) -> npt.NDArray[np.float64]:
        """Points (column, row) at coordinates (x, y)."""
        return self._placed(lib.provider_pixel_of, places, level)

    def _placed(self, function: Any, points: npt.ArrayLike, level: int) -> npt.NDArray[np.float64]:
        given = np.array(points, np.float64, order="C")
        if given.ndim == 0 or given.shape[-1] != 2:
            raise ValueError(f"points has the shape {given.shape}; pairs are needed")
        if given.size:
            at = ffi.from_buffer("double[]", given)
            call(function, self._open, level, at, given.size // 2, at)
        return given

    # Blocks.

    # What the calls in C do where bands are listed, and where the provider was closed.

    def _get_block(self, row: int, col: int, level: int = 0, bands: Sequence[int] | None = None) -> Tile:
        listed, count = band_list(bands)
        return owned(made(lib.provider_get_block, "tc_tile", self._open, row, col, level, listed, count))

    def _try_block(self, row: int, col: int, level: int = 0, bands: Sequence[int] | None = None) -> Tile | None:
        return self._if_resident(lib.provider_try_block, row, col, level, bands)

    def _peek_block(self, row: int, col: int, level: int = 0, bands: Sequence[int] | None = None) -> Tile | None:
        return self._if_resident(lib.provider_peek_block, row, col, level, bands)

    def _if_resident(self, function: Any, row: int, col: int, level: int, bands: Sequence[int] | None) -> Tile | None:
        listed, count = band_list(bands)
        try:
            return owned(made(function, "tc_tile", self._open, row, col, level, listed, count))
        except NotResidentError:
            return None

    def has_block(self, row: int, col: int, level: int = 0) -> bool:
        """Whether a block is stored. Absent ones read as pad without being decoded."""
        has = ffi.new("int32_t *")
        call(lib.provider_has_block, self._open, row, col, level, has)
        return bool(has[0])

    def request_block(self, row: int, col: int, level: int = 0, bands: Sequence[int] | None = None) -> Future[Tile]:
        """`get_block` on a thread of the library: a future at once.

        Cancelling the future cancels the work, if nobody else wants it. In a coroutine await
        `asyncio.wrap_future(provider.request_block(row, col))`. A function that the library has called may ask the
        future for its result, which is then made on that thread; other ways to wait for it there may hang.
        """
        listed, count = band_list(bands)

        def ask(reader: Any, user: Any) -> None:
            call(lib.provider_request_block, reader, row, col, level, listed, count, lib.python_done, user)

        def now(reader: Any) -> Tile:
            return owned(made(lib.provider_get_block, "tc_tile", reader, row, col, level, listed, count))

        return self._begun(ask, now)

    def prefetch(
        self,
        x: int,
        y: int,
        width: int,
        height: int,
        level: int = 0,
        *,
        threads: int = 0,
        bands: Sequence[int] | None = None,
    ) -> Future[Prefetched]:
        """Has the tiles over a rectangle made in the background; the future says how far that came.

        A function that the library has called cannot wait for it, which is a ReentrantError.
        """
        options = ffi.new("tc_prefetch_options *")
        options.struct_size = ffi.sizeof("tc_prefetch_options")
        options.threads = threads
        listed, count = band_list(bands)
        options.bands, options.n_bands = listed, count

        def ask(reader: Any, user: Any) -> None:
            call(
                lib.provider_prefetch, reader, x, y, width, height, level, options, lib.python_prefetched, user
            )  # fmt: skip

        def now(reader: Any) -> Prefetched:
            raise ReentrantError("a function that the library has called waits for a prefetch, which may wait for it")

        return self._begun(ask, now)

    def _begun(self, ask: Any, now: Any) -> Future[Any]:
        # Through a reader of its own, so that it can be cancelled by itself.
        reader = ffi.gc(made(lib.provider_reader, "tc_provider", self._open, ffi.NULL), lib.provider_release)
        pending = _Pending(reader, lambda: now(reader))
        user = begin(pending)
        try:
            ask(reader, user)
        except BaseException:
            never_begun(user)
            raise
        return pending

    # Windows.

    def read_window(
        self,
        x: int,
        y: int,
        width: int | None = None,
        height: int | None = None,
        level: int = 0,
        *,
        bands: Sequence[int] | None = None,
        dtype: npt.DTypeLike | None = None,
        out: Array | None = None,
    ) -> Array:
        """A rectangle of a level as an array of your own (band, row, column). What lies outside the image is pad.

        `out` has any strides; shape and type are then those of it.
        """
        listed, count = band_list(bands)
        if out is None:
            if width is None or height is None:
                raise TypeError("read_window needs width and height, or out")
            if width < 1 or height < 1:
                raise ValueError(f"the window of {width} x {height} pixels is empty")
            info = self.info
            out = np.empty((count or info.bands, height, width), info.dtype if dtype is None else samples_of(dtype))
        elif width is not None or height is not None or dtype is not None:
            raise TypeError("out has a type and a shape of its own; dtype, width and height cannot be given with it")
        writable(out)
        with filled(out, "out") as target:
            call(lib.provider_read_window, self._open, x, y, level, listed, count, target)
        return out

    def read(
        self,
        bands: int | Sequence[int] | None = None,
        window: Any = None,
        *,
        indexes: int | Sequence[int] | None = None,
        level: int = 0,
        out: Array | None = None,
        out_shape: Sequence[int] | None = None,
        out_dtype: npt.DTypeLike | None = None,
        resampling: Any = Filter.NEAREST,
        boundless: bool = False,
        fill_value: Any = None,
        masked: bool = False,
    ) -> Array:
        """Pixels as an array of your own, as rasterio's `read`.

        bands: from 0, in any order; a single number gives an array of two axes. `indexes` counts from 1 instead.
        window: a Window (rasterio's too), or ((row begin, end), (column begin, end)), of `level`. It is cut at the edge
        of the image, unless `boundless`; then what lies outside is pad, or `fill_value`.
        out_shape: rows and columns, with or without bands in front, to which the window is resampled by `resampling`:
        nearest, bilinear, cubic, lanczos or average. It reads the level of the image that is fine enough.
        masked: a masked array, masked where pixels are no data.
        """
        single, listed = _listed(bands, indexes)
        info = self.info
        rows, columns = self.level_shape(level)
        wanted = Window.of(window, rows, columns)
        if fill_value is not None and not boundless:
            raise ValueError("fill_value is what lies outside the image, which needs boundless=True")
        if not boundless:
            wanted = wanted.clipped(rows, columns)
        count = info.bands if listed is None else len(listed)
        if out is not None:
            if out_shape is not None or out_dtype is not None:
                raise TypeError(
                    "out has a type and a shape of its own; out_shape and out_dtype cannot be given with it"
                )
            out_shape = out.shape
        size = _size(out_shape, count, wanted)
        array = (
            out
            if out is not None
            else np.empty((count, *size), info.dtype if out_dtype is None else samples_of(out_dtype))
        )
        writable(array)
        whole = array if array.ndim == 3 else array[np.newaxis]
        if whole.shape != (count, *size):
            raise ValueError(f"out has the shape {array.shape}, where {(count, *size)} is needed")
        source, x, y = self._resampled(wanted, size, level, resampling, fill_value)
        source.read_window(x, y, level=level if source is self else 0, bands=listed, out=whole)
        result = array[0] if single and array.ndim == 3 and out is None else array
        if not masked:
            return result
        mask = self._masked(wanted, size, level, listed, whole)
        return np.ma.MaskedArray(result, mask=mask[0] if result.ndim == 2 else mask)

    def _resampled(
        self, window: Window, size: tuple[int, int], level: int, resampling: Any, fill_value: Any
    ) -> tuple[Reading, int, int]:
        """A provider whose pixels from a corner on are those of the window, in so many rows and columns."""
        from .provider import Provider

        if (window.height, window.width) == size and all(float(number).is_integer() for number in window):
            source: Reading = self
            if fill_value is not None:
                assert isinstance(self, Provider)
                source = self.reader(fill=fill_value)
                if level:
                    source = source.level(level)
            x, y, _, _ = window.whole()
            return source, x, y
        if fill_value is not None:
            raise ValueError("fill_value and out_shape together are not there; what lies outside is no data")
        assert isinstance(self, Provider)
        base = self.level(level) if level else self
        across, down = window.width / size[1], window.height / size[0]
        transform = Transform.affine((window.col_off, across, 0, window.row_off, 0, down))
        return (
            base.warp(
                transform,
                width=size[1],
                height=size[0],
                tile_width=min(size[1], 1024),
                tile_height=min(size[0], 1024),
                levels=1,
                filter=resampling,
                cache=self._cache,
            ),
            0,
            0,
        )

    def _masked(
        self, window: Window, size: tuple[int, int], level: int, bands: Sequence[int] | None, pixels: Array
    ) -> npt.NDArray[np.bool_]:
        """Where pixels are no data: by the mask of the image, and band by band by nodata."""
        from .provider import Provider

        assert isinstance(self, Provider)
        with self.mask() as mask:
            source, x, y = mask._resampled(window, size, level, Filter.NEAREST, None)
            where = source.read_window(x, y, size[1], size[0], level if source is mask else 0)[0] == 0
        masked = np.repeat(where[np.newaxis], pixels.shape[0], axis=0)
        for place, band in enumerate(range(pixels.shape[0]) if bands is None else bands):
            nodata = self.band_info(band).nodata if band >= 0 else None
            if nodata is not None and pixels.dtype.names is None:
                masked[place] |= np.isnan(pixels[place]) if nodata != nodata else pixels[place] == nodata
        return masked

    def invalidate(self) -> None:
        """The pixels of the source have changed: forgets them, and all that is built on them, in every cache."""
        call(lib.provider_invalidate, self._open)

    def invalidate_fleet(self) -> None:
        """`invalidate` on all machines that share another tier."""
        call(lib.provider_invalidate_fleet, self._open)

    def cancel(self) -> None:
        """Cancels a reader for good; see `reader` and `pass_`."""
        call(lib.provider_cancel, self._open)


def _listed(bands: int | Sequence[int] | None, indexes: int | Sequence[int] | None) -> tuple[bool, list[int] | None]:
    """Whether one band is wanted, without an axis; and the bands, from 0."""
    if bands is not None and indexes is not None:
        raise TypeError("bands count from 0 and indexes from 1: give one of them")
    given, first = (bands, 0) if indexes is None else (indexes, 1)
    if given is None:
        return False, None
    single = not isinstance(given, Sequence) and not isinstance(given, np.ndarray)
    numbers: list[Any] = [given] if single else list(given)  # type: ignore[arg-type]
    listed = [int(number) - first for number in numbers]
    if first and min(listed, default=0) < 0:
        raise IndexError(f"indexes count from 1, and {min(listed) + 1} is below")
    return single, listed


def _size(out_shape: Sequence[int] | None, count: int, window: Window) -> tuple[int, int]:
    """Rows and columns of what is read."""
    if out_shape is None:
        _, _, width, height = window.whole()
        return height, width
    if len(out_shape) not in (2, 3):
        raise ValueError(f"out_shape is {tuple(out_shape)}; it needs rows and columns, with or without bands in front")
    if len(out_shape) == 3 and out_shape[0] != count:
        raise ValueError(f"out_shape is {tuple(out_shape)} for {count} bands")
    rows, columns = int(out_shape[-2]), int(out_shape[-1])
    if rows < 1 or columns < 1:
        raise ValueError(f"out_shape is {tuple(out_shape)}, which is empty")
    return rows, columns
