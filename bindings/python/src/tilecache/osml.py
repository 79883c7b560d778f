"""The class names of osml-imagery-toolkit and osml-imagery-io over this library: one changed import.

    from tilecache.osml import IO, CachedImageProvider, RetiledImageProvider, TileCache

Names, defaults, shapes and the order of arguments are theirs. What this library does better stays so: keys name what
they stand for, so that no two images share tiles by accident; blocks are decoded once for all threads; arrays are
read-only whatever the budget; what is outside an image, and a level that is not there, is an error instead of pad.
Exceptions are those of this package: `RangeError` is an IndexError and a ValueError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

import numpy as np

from . import provider as _provider
from . import sources
from .cache import Cache
from .chain import Chain
from .constants import Filter
from .errors import NotFoundError, NotResidentError
from .samples import Array

__all__ = [
    "IO",
    "CachedImageProvider",
    "DisplayChainFactory",
    "DownsampledImageProvider",
    "ImageProvider",
    "MappedImageProvider",
    "PixelType",
    "RetiledImageProvider",
    "TileCache",
    "WarpedImageProvider",
]


class PixelType(Enum):
    """The types of samples, by their names there."""

    UInt8 = "uint8"
    UInt16 = "uint16"
    UInt32 = "uint32"
    UInt64 = "uint64"
    Int8 = "int8"
    Int16 = "int16"
    Int32 = "int32"
    Int64 = "int64"
    Float32 = "float32"
    Float64 = "float64"
    Complex64 = "complex64"
    Complex128 = "complex128"

    def to_numpy_dtype(self) -> str:
        return str(self.value)

    def bytes_per_pixel(self) -> int:
        return np.dtype(self.value).itemsize


class TileCache:
    """A cache of `max_bytes`, 5 GiB by default."""

    def __init__(self, max_bytes: int = 5 * 1024**3) -> None:
        if max_bytes < 0:
            raise ValueError(f"max_bytes is {max_bytes}, which is below 0")
        self.cache = Cache(max_bytes)

    @property
    def max_bytes(self) -> int:
        return self.cache.budget

    @property
    def current_bytes(self) -> int:
        return self.cache.statistics().resident

    def get(self, key: tuple[str, int, int, int, tuple[int, ...] | None]) -> Array | None:
        """The array under (key, row, col, level, bands), or None."""
        name, row, col, level, bands = key
        try:
            return self.cache.get(name, row, col, level, bands).array
        except NotResidentError:
            return None

    def put(self, key: tuple[str, int, int, int, tuple[int, ...] | None], array: Array) -> None:
        """Keeps a copy of an array."""
        name, row, col, level, bands = key
        self.cache.put(name, row, col, array, level=level, bands=bands)

    def clear(self) -> None:
        self.cache.clear()


class ImageProvider:
    """What all providers there have; `native` is the provider of this package."""

    def __init__(self, native: _provider.Provider) -> None:
        self.native = native

    @property
    def key(self) -> str:
        return self.native.key

    @property
    def num_rows(self) -> int:
        return self.native.height

    @property
    def num_columns(self) -> int:
        return self.native.width

    @property
    def num_bands(self) -> int:
        return self.native.bands

    @property
    def num_pixels_per_block_horizontal(self) -> int:
        return self.native.info.block_width

    @property
    def num_pixels_per_block_vertical(self) -> int:
        return self.native.info.block_height

    @property
    def num_resolution_levels(self) -> int:
        return self.native.levels

    @property
    def block_grid_size(self) -> tuple[int, int]:
        return self.native.grid_shape

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return self.native.shape

    @property
    def block_shape(self) -> tuple[int, int, int]:
        return (self.num_bands, *self.native.block_shape)

    @property
    def pixel_value_type(self) -> PixelType:
        return PixelType(str(self.native.dtype))

    @property
    def num_bits_per_pixel(self) -> int:
        return 8 * self.native.dtype.itemsize

    @property
    def actual_bits_per_pixel(self) -> int:
        return self.native.info.bits

    @property
    def pad_pixel_value(self) -> float:
        return float(self.native.info.pad)

    @property
    def metadata(self) -> dict[str, str]:
        return self.native.metadata()

    def has_block(self, block_row: int, block_col: int, resolution_level: int = 0) -> bool:
        return self.native.has_block(block_row, block_col, resolution_level)

    def get_block(
        self, block_row: int, block_col: int, resolution_level: int = 0, bands: Sequence[int] | None = None
    ) -> Array:
        """A block as a read-only array (band, row, column), without a copy."""
        return self.native.get_block(block_row, block_col, resolution_level, bands).array


class CachedImageProvider(ImageProvider):
    """The same image, its blocks kept in a cache."""

    def __init__(self, source: ImageProvider, cache: TileCache | None = None) -> None:
        super().__init__(source.native if cache is None else source.native.cached(cache.cache))


class RetiledImageProvider(ImageProvider):
    """The same image in tiles of 1024 x 1024 or any other size, those at the edge cut or padded."""

    def __init__(
        self,
        source: ImageProvider,
        tile_width: int = 1024,
        tile_height: int = 1024,
        pad_edges: bool = False,
        cache: TileCache | None = None,
    ) -> None:
        super().__init__(source.native.retile(tile_width, tile_height, pad_edges=pad_edges, cache=_native(cache)))


class MappedImageProvider(ImageProvider):
    """Every block passed through `func(array)`, which returns the block of the output."""

    def __init__(
        self,
        source: ImageProvider,
        func: Callable[[Array], Array],
        cache: TileCache | None = None,
        name: str | None = None,
        num_bands: int | None = None,
        pixel_value_type: PixelType | None = None,
        source_bands: Sequence[int] | None = None,
    ) -> None:
        bands = num_bands if num_bands is not None else len(source_bands) if source_bands is not None else 0
        super().__init__(
            source.native.map(
                lambda place, block: func(block),
                dtype=None if pixel_value_type is None else pixel_value_type.to_numpy_dtype(),
                bands=bands,
                source_bands=source_bands,
                name=name,
                cache=_native(cache),
            )
        )


class DownsampledImageProvider(ImageProvider):
    """The image made smaller by a power of two, by the filter of SIPS or another one."""

    def __init__(
        self,
        source: ImageProvider,
        scale_factor: int = 2,
        resample_func: Filter | str = Filter.SIPS,
        tile_width: int | None = None,
        tile_height: int | None = None,
        cache: TileCache | None = None,
    ) -> None:
        if scale_factor < 1 or scale_factor & (scale_factor - 1):
            raise ValueError(f"scale_factor is {scale_factor}, which is no power of two")
        info = source.native.info
        super().__init__(
            source.native.downsample(
                scale_factor,
                filter=resample_func,
                tile_width=tile_width or -(-info.block_width // scale_factor),
                tile_height=tile_height or -(-info.block_height // scale_factor),
                cache=_native(cache),
            )
        )


class WarpedImageProvider(ImageProvider):
    """The image seen through a transformation, which takes the place of a grid builder there."""

    def __init__(
        self,
        source: ImageProvider,
        transform: Any,
        width: int,
        height: int,
        tile_width: int = 256,
        tile_height: int = 256,
        cache: TileCache | None = None,
    ) -> None:
        super().__init__(
            source.native.warp(
                transform,
                width=width,
                height=height,
                tile_width=tile_width,
                tile_height=tile_height,
                cache=_native(cache),
            )
        )


class DisplayChainFactory:
    """Finds the chain that shows an image."""

    @staticmethod
    def build(
        source: ImageProvider,
        stats: Any = None,
        range_adjustment: str = "dra",
        band_selection: Sequence[int] | None = None,
        output_dtype: Any = np.uint8,
        **ignored: Any,
    ) -> Callable[[Array], Array]:
        """A function from arrays (band, row, column) to their picture; `chain` of it is the chain itself.

        Images that are ready to be shown, 8 bits of one or three bands, are shown as they are.
        """
        if range_adjustment not in ("dra", "minmax"):
            raise ValueError(f"range_adjustment is {range_adjustment!r}; it may be 'dra' or 'minmax'")
        native = source.native
        chain = native.auto_chain()
        if band_selection is not None or range_adjustment != "dra" or np.dtype(output_dtype) != np.uint8:
            bands = band_selection if band_selection is not None else _bands_of(chain.text, native.bands)
            steps = [f"bands={','.join(map(str, bands))}"]
            if native.dtype.kind == "c":
                steps.append("quarter")
            if native.dtype != np.uint8:
                steps.append(range_adjustment)
            code = {"uint8": "u8", "uint16": "u16", "float32": "f32", "float64": "f64"}[np.dtype(output_dtype).name]
            known = stats if stats is not None else native.pixel_stats(windows=True)
            if native.dtype == np.uint8 and code != "u8":
                steps.append("stretch=full")
            chain = Chain("|".join([*steps, code])).resolve(native, known)

        def show(pixels: Array) -> Array:
            return chain.apply(pixels)

        show.chain = chain  # type: ignore[attr-defined]
        return show


def _bands_of(text: str, bands: int) -> list[int]:
    first = text.split("|")[0]
    return [int(band) for band in first[6:].split(",")] if first.startswith("bands=") else list(range(min(bands, 3)))


def _native(cache: TileCache | None) -> Cache | None:
    return None if cache is None else cache.cache


class _Reader:
    """The images of a file, by keys `image:0`, `image:1`, and so on."""

    def __init__(self, path: Any) -> None:
        self._path = path
        self._count = sources.image_count(path)
        self.closed = False

    def get_asset_keys(self) -> list[str]:
        return [f"image:{number}" for number in range(self._count)]

    def get_asset(self, key: str) -> ImageProvider:
        if self.closed:
            raise OSError("the reader was closed")
        name, _, number = key.partition(":")
        if name != "image" or not number.isdigit():
            raise KeyError(key)
        try:
            return ImageProvider(sources.open(self._path, image=int(number)))
        except NotFoundError:
            raise KeyError(key) from None

    def close(self) -> None:
        """Providers that it gave stay usable."""
        self.closed = True

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, *ignored: object) -> None:
        self.close()


class IO:
    """Opens files for reading."""

    @staticmethod
    def open(source: Any, mode: str = "r", format: str | None = None) -> _Reader:
        """A reader of a path, bytes or a binary file; the format is known by the content."""
        if mode != "r":
            raise ValueError(f"mode is {mode!r}; files are opened for reading, and written by Provider.build_pyramid")
        return _Reader(source)
