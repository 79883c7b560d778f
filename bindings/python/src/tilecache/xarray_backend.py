"""Images as datasets of xarray: `xarray.open_dataset("scene.tif", engine="tilecache", chunks={})`.

The variable is `band_data` (band, y, x), as that of rioxarray, with coordinates of the centres of pixels and the
reference system in `spatial_ref`. Pixels are read when they are asked for, through one cache.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray, BackendEntrypoint
from xarray.core import indexing

from .cache import Cache
from .provider import Provider
from .samples import Array
from .sources import open as open_image

_EXTENSIONS = (".tif", ".tiff", ".jp2", ".j2k", ".ntf", ".nitf", ".nsf", ".png", ".jpg", ".jpeg")

# For datasets whose caller gave none; a pickle of it is one cache in each process.
_cache: Cache | None = None


def _default_cache() -> Cache:
    global _cache
    if _cache is None or _cache.closed:
        _cache = Cache()
    return _cache


def _forget_parent() -> None:
    """A child makes its own cache."""
    global _cache
    _cache = None


os.register_at_fork(after_in_child=_forget_parent)


class Backend(BackendEntrypoint):
    """The engine "tilecache"."""

    description = "Images of TIFF, JPEG 2000, NITF, PNG and JPEG through one cache of tiles"
    open_dataset_parameters = ("filename_or_obj", "drop_variables", "tile_cache", "level", "image", "mask_and_scale")

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        tile_cache: Cache | None = None,
        level: int = 0,
        image: int = 0,
        mask_and_scale: bool = True,
    ) -> xr.Dataset:
        """A dataset of a file or of a provider.

        tile_cache: keeps its blocks; by default one that all such datasets share. level: a resolution level.
        mask_and_scale: nodata becomes NaN, as far as all bands have the same.
        """
        given = isinstance(filename_or_obj, Provider)
        provider = filename_or_obj if given else open_image(filename_or_obj, image=image)
        kept = provider if given else provider.cached(_default_cache() if tile_cache is None else tile_cache)
        dataset = dataset_of(kept.level(level) if level else kept)
        if mask_and_scale:
            dataset = xr.conventions.decode_cf(dataset, decode_times=False, decode_coords="all")
        dropped = [drop_variables] if isinstance(drop_variables, str) else list(drop_variables or ())
        return dataset.drop_vars(dropped, errors="ignore")

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        try:
            return bool(os.fspath(filename_or_obj).lower().endswith(_EXTENSIONS))
        except (TypeError, AttributeError):
            return False


class _Pixels(BackendArray):
    """Pixels of a provider, read by windows."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.shape = provider.shape
        self.dtype = provider.dtype

    def __getitem__(self, key: Any) -> Array:
        read: Array = indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)
        return read

    def _read(self, key: tuple[Any, ...]) -> Array:
        """One window that has all that is asked for, and of it just that."""
        bands, rows, columns = (_numbers(side, length) for side, length in zip(key, self.shape))
        if bands.size and rows.size and columns.size:
            top, left = int(rows.min()), int(columns.min())
            width, height = int(columns.max()) - left + 1, int(rows.max()) - top + 1
            window = self.provider.read_window(left, top, width, height, bands=bands.tolist())
            found = window[:, rows - top][:, :, columns - left]
        else:
            found = np.empty((bands.size, rows.size, columns.size), self.dtype)
        # A single number takes its axis away.
        pixels: Array = found[tuple(0 if isinstance(side, (int, np.integer)) else slice(None) for side in key)]
        return pixels


def _numbers(side: Any, length: int) -> Any:
    """The numbers that one part of an outer index names."""
    if isinstance(side, slice):
        return np.arange(length)[side]
    return np.atleast_1d(np.asarray(side)) % length


def dataset_of(provider: Provider) -> xr.Dataset:
    """A dataset that reads the pixels of a provider when they are asked for."""
    info, georef = provider.info, provider.georef()
    attributes: dict[str, Any] = {}
    names = [provider.metadata(band).get("DESCRIPTION", "") for band in range(info.bands)]
    if any(names):
        attributes["long_name"] = names if info.bands > 1 else names[0]
    nodata = {provider.band_info(band).nodata for band in range(info.bands)}
    if len(nodata) == 1 and None not in nodata:
        attributes["_FillValue"] = info.dtype.type(nodata.pop())
    variable = xr.Variable(
        ("band", "y", "x"),
        indexing.LazilyIndexedArray(_Pixels(provider)),
        attributes,
        {"preferred_chunks": {"band": info.bands, "y": info.block_height, "x": info.block_width}},
    )
    dataset = xr.Dataset({"band_data": variable}, {"band": np.arange(1, info.bands + 1)})
    spatial: dict[str, Any] = {} if georef.wkt is None else {"crs_wkt": georef.wkt, "spatial_ref": georef.wkt}
    transform = georef.transform
    if transform is not None:
        spatial["GeoTransform"] = " ".join(repr(float(number)) for number in transform)
        if transform[2] == transform[4] == 0:
            dataset = dataset.assign_coords(
                x=transform[0] + transform[1] * (np.arange(info.width) + 0.5),
                y=transform[3] + transform[5] * (np.arange(info.height) + 0.5),
            )
    if spatial:
        dataset = dataset.assign_coords(spatial_ref=xr.Variable((), 0, spatial))
        dataset["band_data"].encoding["grid_mapping"] = "spatial_ref"
    return dataset
