"""What images, bands and their places on the ground are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ._handles import encoded, text, text_or_none
from ._raw import ffi, lib
from .constants import Colour, ImageFlags
from .samples import Sample, code_of, dtype_of, read_sample, write_sample


@dataclass(frozen=True)
class ImageInfo:
    """What an image is: `tc_image_info`."""

    dtype: np.dtype[Any]
    width: int
    height: int
    bands: int = 1
    block_width: int = 0
    block_height: int = 0
    grid_cols: int = 0
    grid_rows: int = 0
    levels: int = 1
    bits: int = 0
    flags: ImageFlags = ImageFlags(0)
    pad: Sample = 0
    nodata: Sample = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Bands, rows and columns."""
        return self.bands, self.height, self.width

    @classmethod
    def _of(cls, info: Any) -> ImageInfo:
        dtype = dtype_of(info.dtype)
        return cls(
            dtype,
            info.width,
            info.height,
            info.bands,
            info.block_width,
            info.block_height,
            info.grid_cols,
            info.grid_rows,
            info.levels,
            info.bits,
            ImageFlags(info.flags),
            read_sample(info.pad, dtype),
            read_sample(info.nodata, dtype) if info.flags & lib.TC_IMAGE_HAS_NODATA else None,
        )


def image_struct(
    *,
    dtype: npt.DTypeLike,
    width: int,
    height: int,
    bands: int = 1,
    block_width: int = 0,
    block_height: int = 0,
    levels: int = 1,
    bits: int = 0,
    pad: Sample = None,
    nodata: Sample = None,
) -> Any:
    """A tc_image_info that describes an image to be made."""
    info = ffi.new("tc_image_info *")
    info.struct_size = ffi.sizeof("tc_image_info")
    info.dtype = code_of(dtype)
    info.width, info.height, info.bands, info.levels, info.bits = width, height, bands, levels, bits
    info.block_width, info.block_height = block_width, block_height
    samples = dtype_of(info.dtype)
    if pad is not None:
        write_sample(info.pad, pad, samples, "pad")
    if nodata is not None:
        write_sample(info.nodata, nodata, samples, "nodata")
        info.flags |= lib.TC_IMAGE_HAS_NODATA
    return info


@dataclass(frozen=True)
class BandInfo:
    """What a band is: `tc_band_info`."""

    colour: Colour = Colour.UNDEFINED
    nodata: Sample = None


def band_structs(infos: Sequence[BandInfo] | None, dtype: npt.DTypeLike, bands: int) -> Any:
    """An array of tc_band_info, as many as the image has bands."""
    if infos is None:
        return ffi.NULL
    if bands and len(infos) != bands:
        raise ValueError(f"there are {len(infos)} band_infos for {bands} bands")
    made = ffi.new("tc_band_info[]", len(infos))
    for into, info in zip(made, infos, strict=True):
        into.struct_size = ffi.sizeof("tc_band_info")
        into.colour = int(info.colour)
        if info.nodata is not None:
            into.flags = lib.TC_BAND_HAS_NODATA
            write_sample(into.nodata, info.nodata, dtype_of(code_of(dtype)), "nodata")
    return made


Texts = Mapping[str, str] | Sequence[tuple[int, str, str]] | None


def text_structs(texts: Texts, held: list[Any]) -> tuple[Any, int]:
    """An array of tc_text; what it points to is put into `held`."""
    if not texts:
        return ffi.NULL, 0
    listed = [(-1, name, value) for name, value in texts.items()] if isinstance(texts, Mapping) else list(texts)
    made = ffi.new("tc_text[]", len(listed))
    for into, (band, name, value) in zip(made, listed, strict=True):
        into.band = band
        for member, given in (("name", name), ("text", value)):
            data = encoded(given)
            held.append(data)
            setattr(into, member, data)
    held.append(made)
    return made, len(listed)


class Gcp(NamedTuple):
    """A point of which pixel and coordinates are known. Whole pixel numbers are edges of pixels."""

    pixel: float
    line: float
    x: float
    y: float
    z: float = 0.0
    id: str = ""
    info: str = ""


_RPC_NUMBERS = (
    "err_bias", "err_rand", "line_off", "samp_off", "lat_off", "long_off", "height_off", "line_scale", "samp_scale",
    "lat_scale", "long_scale", "height_scale",
)  # fmt: skip
_RPC_TERMS = ("line_num", "line_den", "samp_num", "samp_den")


@dataclass(frozen=True)
class Rpc:
    """Rational polynomials that tell where a point of the ground appears in the image: `tc_rpc`."""

    err_bias: float
    err_rand: float
    line_off: float
    samp_off: float
    lat_off: float
    long_off: float
    height_off: float
    line_scale: float
    samp_scale: float
    lat_scale: float
    long_scale: float
    height_scale: float
    line_num: tuple[float, ...]
    line_den: tuple[float, ...]
    samp_num: tuple[float, ...]
    samp_den: tuple[float, ...]

    @classmethod
    def _of(cls, rpc: Any) -> Rpc:
        return cls(*(getattr(rpc, name) for name in _RPC_NUMBERS), *(tuple(getattr(rpc, name)) for name in _RPC_TERMS))

    def _struct(self) -> Any:
        made = ffi.new("tc_rpc *")
        for name in _RPC_NUMBERS:
            setattr(made, name, getattr(self, name))
        for name in _RPC_TERMS:
            terms = getattr(self, name)
            if len(terms) != 20:
                raise ValueError(f"{name} has {len(terms)} terms; it needs 20")
            setattr(made, name, list(terms))
        return made


@dataclass(frozen=True)
class Georef:
    """Where the pixels of an image lie on the ground: `tc_georef`.

    `transform` is in GDAL's order: column c and row r lie at x = t[0] + t[1] c + t[2] r and y = t[3] + t[4] c + t[5] r,
    where whole numbers are the edges of pixels.
    """

    transform: tuple[float, float, float, float, float, float] | None = None
    wkt: str | None = None
    epsg: int | None = None
    vertical_epsg: int | None = None
    vertical_unit: str | None = None
    gcps: tuple[Gcp, ...] = field(default=())
    rpc: Rpc | None = None
    pixel_is_point: bool = False
    wkt_of_codes: bool = False
    """The source has codes alone, and `wkt` is what the register of the library has under them."""

    @classmethod
    def _of(cls, georef: Any) -> Georef:
        gcps = (georef.gcps[index] for index in range(georef.n_gcps))
        return cls(
            tuple(georef.transform) if georef.flags & lib.TC_GEOREF_HAS_TRANSFORM else None,
            text_or_none(georef.wkt),
            georef.epsg or None,
            georef.vertical_epsg or None,
            text_or_none(georef.vertical_unit),
            tuple(Gcp(p.pixel, p.line, p.x, p.y, p.z, text(p.id), text(p.info)) for p in gcps),
            Rpc._of(georef.rpc) if georef.rpc else None,
            bool(georef.flags & lib.TC_GEOREF_PIXEL_IS_POINT),
            bool(georef.flags & lib.TC_GEOREF_WKT_OF_CODES),
        )

    def _struct(self, held: list[Any]) -> Any:
        """A tc_georef; what it points to is put into `held`."""
        made = ffi.new("tc_georef *")
        made.struct_size = ffi.sizeof("tc_georef")
        if self.transform is not None:
            if len(self.transform) != 6:
                raise ValueError(f"transform has {len(self.transform)} numbers; it needs 6, in GDAL's order")
            made.transform = [float(number) for number in self.transform]
            made.flags |= lib.TC_GEOREF_HAS_TRANSFORM
        if self.pixel_is_point:
            made.flags |= lib.TC_GEOREF_PIXEL_IS_POINT
        if self.wkt_of_codes:
            made.flags |= lib.TC_GEOREF_WKT_OF_CODES
        made.epsg, made.vertical_epsg = self.epsg or 0, self.vertical_epsg or 0
        for member in ("wkt", "vertical_unit"):
            data = encoded(getattr(self, member))
            held.append(data)
            setattr(made, member, data)
        if self.gcps:
            points = ffi.new("tc_gcp[]", len(self.gcps))
            for into, gcp in zip(points, self.gcps, strict=True):
                into.pixel, into.line, into.x, into.y, into.z = gcp[:5]
                for member in ("id", "info"):
                    data = encoded(getattr(gcp, member))
                    held.append(data)
                    setattr(into, member, data)
            held.append(points)
            made.gcps, made.n_gcps = points, len(self.gcps)
        if self.rpc is not None:
            rpc = self.rpc._struct()
            held.append(rpc)
            made.rpc = rpc
        held.append(made)
        return made


class Rgba(NamedTuple):
    """A colour of a palette, 0 to 255 each."""

    red: int
    green: int
    blue: int
    alpha: int
