"""Providers from files, bytes, arrays, functions and other providers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from . import _callbacks, constants
from ._callbacks import Bytes, Place
from ._handles import encoded, made
from ._raw import ffi, lib
from .cache import Cache
from .constants import Border
from .describe import BandInfo, Georef, Texts, band_structs, image_struct, text_structs
from .errors import NoSuchFileError, NotFoundError, call
from .log import Listener, forget, log_struct
from .provider import Input, Provider, flags, path_bytes, sized
from .recipes import recorded
from .samples import Array, Sample, band_list, repeats, target_of, without_halves
from .window import chosen

Threading = Literal["concurrent", "one_at_a_time", "sessions"]
Path = str | bytes | os.PathLike[str] | os.PathLike[bytes]


@recorded
def open(
    file: Any,
    *,
    image: int = 0,
    key: str | None = None,
    format: str | None = None,
    alone: bool = False,
    strict: bool = False,
    mapped: bool = False,
    rgb: bool = False,
    threads: int = 0,
    layers: int = 0,
    fleet_id: str | None = None,
    fleet_digest: bool = False,
    beside: Callable[[str], Any] | None = None,
    log: Listener = None,
) -> Provider:
    """Opens an image by its content: TIFF, JPEG 2000, NITF, PNG or JPEG.

    file: a path; or bytes, an open binary file (such as of fsspec), or a pair of a function `read_at(offset, size)` and
    the number of bytes, which is called from several threads at once.
    image: which image of the file. key: what the key begins with. format: the only reader that may open it.
    alone: nothing that lies beside the file is looked for. strict: damage that can be passed over is an error.
    mapped: you know that the file does not change, so that tiles may be views of it; one that becomes shorter all the
    same ends the process. rgb: CMYK and CIELab of 8 bits in a TIFF come as the red, green and blue that GDAL shows.
    threads: how many may be started to decode large parts of it.
    layers: how many quality layers of a JPEG 2000 image are decoded; 0 for all.
    fleet_id: what the file is called on all machines that share another tier; fleet_digest: it is computed of its content.
    beside: opens a file beside it, by the suffix of its name: returns what `file` may be but for a path, or None.
    log: hears what is wrong with the file: a function, a logger or a Log.
    """
    options = sized("tc_open_options")
    named, reader, everywhere = encoded(key), encoded(format), encoded(fleet_id)
    options.image, options.key, options.format, options.fleet_id = image, named, reader, everywhere
    options.flags = flags(
        (alone, lib.TC_OPEN_ALONE),
        (strict, lib.TC_OPEN_STRICT),
        (mapped, lib.TC_OPEN_MAPPED),
        (rgb, lib.TC_OPEN_RGB),
        (fleet_digest, lib.TC_OPEN_FLEET_DIGEST),
    )
    options.threads, options.layers = threads, layers
    held: list[Any] = []
    options.log = log_struct(log, held)
    user = ffi.NULL
    if beside is not None:
        user = _callbacks.enter(beside)
        options.open_beside, options.user = lib.python_open_options_open_beside, user
    try:
        if isinstance(file, (str, os.PathLike)):
            return _opened(file, lambda: made(lib.provider_open, "tc_provider", path_bytes(file), options))
        io = sized("tc_io")
        _callbacks.fill_io(io, Bytes.of(file))
        try:
            return Provider._made(made(lib.provider_open_io, "tc_provider", io, options))
        except BaseException:
            _callbacks.forget(io.user)
            raise
    except BaseException:
        forget(options.log)
        raise
    finally:
        if beside is not None:
            _callbacks.forget(user)


def _opened(path: Any, opening: Callable[[], Any]) -> Provider:
    try:
        return Provider._made(opening())
    except NotFoundError as failed:
        if os.path.exists(path):
            raise
        raise NoSuchFileError(failed.message) from None


def image_count(file: Any) -> int:
    """How many images a file holds; `file` as for `open`."""
    count = ffi.new("int32_t *")
    if isinstance(file, (str, os.PathLike)):
        try:
            call(lib.provider_image_count, path_bytes(file), count)
        except NotFoundError as failed:
            raise NoSuchFileError(failed.message) from None
    else:
        io = sized("tc_io")
        _callbacks.fill_io(io, Bytes.of(file))
        try:
            call(lib.provider_image_count_io, io, count)
        finally:
            _callbacks.forget(io.user)
    return int(count[0])


def from_memory(
    array: Array,
    *,
    block_width: int = 0,
    block_height: int = 0,
    bits: int = 0,
    pad: Sample = None,
    nodata: Sample = None,
    key: str | None = None,
) -> Provider:
    """An array (band, row, column), or (row, column), as an image.

    Tiles are views of its memory, without a copy, where its rows are packed; so it must stay unchanged as long as
    providers and tiles of it are used. The array itself is kept alive by them. One that shows the same memory several
    times, as `np.broadcast_to` makes it, is copied at once, as is one of float16, which becomes float32.
    """
    whole = np.asarray(array)
    if whole.ndim == 2:
        whole = whole[np.newaxis]
    if repeats(whole):
        whole = np.ascontiguousarray(whole)
    whole = without_halves(whole)
    target = target_of(whole, "array")
    image = image_struct(
        dtype=whole.dtype,
        width=whole.shape[2],
        height=whole.shape[1],
        bands=whole.shape[0],
        block_width=block_width,
        block_height=block_height,
        bits=bits,
        pad=pad,
        nodata=nodata,
    )
    user = _callbacks.enter(whole)
    try:
        return Provider._made(
            made(lib.provider_from_memory, "tc_provider", target, image, encoded(key), lib.python_release, user)
        )
    except BaseException:
        _callbacks.forget(user)
        raise


class LevelSize(NamedTuple):
    """A level of a source, with a grid of its own: `tc_level`. Blocks of 0 are the whole level."""

    width: int
    height: int
    block_width: int = 0
    block_height: int = 0


@recorded
def from_source(
    read_block: Callable[[Place], npt.ArrayLike],
    *,
    width: int,
    height: int,
    dtype: npt.DTypeLike,
    bands: int = 1,
    block_width: int = 0,
    block_height: int = 0,
    levels: int = 1,
    bits: int = 0,
    pad: Sample = None,
    nodata: Sample = None,
    key: str | None = None,
    threading: Threading = "concurrent",
    max_sessions: int = 0,
    some_bands: bool = False,
    has_block: Callable[[int, int, int], bool] | None = None,
    read_window: Callable[[Place], npt.ArrayLike] | None = None,
    open_session: Callable[[], Any] | None = None,
    close_session: Callable[[Any], None] | None = None,
    band_infos: Sequence[BandInfo] | None = None,
    texts: Texts = None,
    level_sizes: Sequence[LevelSize] | None = None,
    mask: Provider | None = None,
    inputs: Sequence[Provider] = (),
    georef: Georef | None = None,
    fleet_id: str | None = None,
) -> Provider:
    """An image made of functions.

    read_block: returns the pixels (band, row, column) that a `Place` names. It is called from several threads at once,
    unless `threading` says otherwise, and what it raises comes out of the call that wanted the block.
    some_bands: it can read some of the bands, those in `place.bands`; else it is asked for all.
    has_block(row, col, level): whether a block is stored. read_window: as read_block for any rectangle, where part of a
    block is cheaper than the block.
    open_session, close_session: with threading="sessions", what `place.session` is.
    key: what the key begins with: two sources may share it only if they give the same pixels.
    fleet_id: what the image is called on all machines that share another tier.
    level_sizes: levels with grids of their own. mask: where pixels are data. inputs: what the functions read.
    """
    source, held = sized("tc_source"), []  # type: Any, list[Any]
    image = image_struct(
        dtype=dtype,
        width=width,
        height=height,
        bands=bands,
        block_width=block_width,
        block_height=block_height,
        levels=len(level_sizes) if level_sizes is not None and levels == 1 else levels,
        bits=bits,
        pad=pad,
        nodata=nodata,
    )
    source.threading = chosen(constants.Threading, threading, "threading")
    named, everywhere, infos = encoded(key), encoded(fleet_id), band_structs(band_infos, dtype, bands)
    source.fleet_id = everywhere
    source.image, source.key, source.max_sessions, source.band_infos = image, named, max_sessions, infos
    source.flags = flags((some_bands, lib.TC_SOURCE_BANDS))
    source.read_block, source.release = lib.python_source_read_block, lib.python_release
    for given, name in (
        (has_block, "has_block"),
        (read_window, "read_window"),
        (open_session, "open_session"),
        (close_session, "close_session"),
    ):
        if given is not None:
            setattr(source, name, getattr(lib, f"python_source_{name}"))
    if open_session is not None:
        # The number of a session goes out of the table when it is closed.
        source.close_session = lib.python_source_close_session
    source.texts, source.n_texts = text_structs(texts, held)
    if level_sizes is not None:
        grids = ffi.new("tc_level[]", [tuple(size) for size in level_sizes])
        held.append(grids)
        source.levels = grids
    if mask is not None:
        source.mask = mask._open
    if inputs:
        read = ffi.new("tc_provider *[]", [provider._open for provider in inputs])
        held.append(read)
        source.inputs, source.n_inputs = read, len(inputs)
    if georef is not None:
        source.georef = georef._struct(held)
    functions = _callbacks.Source(
        read_block,
        read_window,
        has_block,
        open_session,
        close_session,
        (block_height or height, block_width or width),
        None
        if level_sizes is None
        else [(size.block_height or size.height, size.block_width or size.width) for size in level_sizes],
    )
    source.user = _callbacks.enter(functions)
    try:
        return Provider._made(made(lib.provider_from_source, "tc_provider", source))
    except BaseException:
        _callbacks.forget(source.user)
        raise


@recorded
def compute(
    inputs: Sequence[Input | Provider],
    function: Callable[..., npt.ArrayLike],
    *,
    name: str | None = None,
    width: int = 0,
    height: int = 0,
    dtype: npt.DTypeLike | None = None,
    bands: int | None = None,
    block_width: int = 0,
    block_height: int = 0,
    levels: int = 1,
    bits: int = 0,
    pad: Sample = None,
    nodata: Sample = None,
    band_infos: Sequence[BandInfo] | None = None,
    texts: Texts = None,
    keep_bands: bool = False,
    keep_texts: bool = False,
    keep_mask: bool = False,
    keep_georef: bool = False,
    sparse: bool = False,
    cache: Cache | None = None,
) -> Provider:
    """An image computed block by block: `function(place, *arrays)` of the pixels that each `Input` names.

    Without `width`, `height`, `dtype` and `bands` the output is as the first input; else all of `width`, `height` and
    `dtype` are needed. Operators of the same `name` over inputs that are named alike must give the same pixels. The
    function is called from several threads; what it raises comes out of the read.
    """
    options, held = sized("tc_compute_options"), []  # type: Any, list[Any]
    listed = [given if isinstance(given, Input) else Input(given) for given in inputs]
    structs = ffi.new("tc_input[]", len(listed))
    for into, given in zip(structs, listed, strict=True):
        into.source = given.source._open
        numbers, count = band_list(given.bands)
        held.append(numbers)
        into.bands, into.n_bands = numbers, count
        into.border = chosen(Border, given.border, "border")
        for member in ("level", "scale_x", "scale_y", "left", "top", "right", "bottom"):
            setattr(into, member, getattr(given, member))
        into.flags = flags(
            (given.transposed, lib.TC_INPUT_TRANSPOSED),
            (given.flipped_x, lib.TC_INPUT_FLIPPED_X),
            (given.flipped_y, lib.TC_INPUT_FLIPPED_Y),
        )
    if width or height or dtype is not None or bands is not None:
        if not (width and height and dtype is not None):
            raise ValueError("an output of its own needs width, height and dtype")
        image = image_struct(
            dtype=dtype,
            width=width,
            height=height,
            bands=1 if bands is None else bands,
            block_width=block_width,
            block_height=block_height,
            levels=levels,
            bits=bits,
            pad=pad,
            nodata=nodata,
        )
        held.append(image)
        options.image = image
    options.flags = flags(
        (keep_bands, lib.TC_COMPUTE_KEEP_BANDS),
        (keep_texts, lib.TC_COMPUTE_KEEP_TEXTS),
        (keep_mask, lib.TC_COMPUTE_KEEP_MASK),
        (keep_georef, lib.TC_COMPUTE_KEEP_GEOREF),
        (sparse, lib.TC_COMPUTE_SPARSE),
    )
    named = encoded(name)
    infos = band_structs(band_infos, dtype if dtype is not None else listed[0].source.dtype, 0)
    options.name, options.band_infos = named, infos
    options.texts, options.n_texts = text_structs(texts, held)
    options.compute, options.release = lib.python_compute, lib.python_release
    options.user = _callbacks.enter(_callbacks.Compute(function))
    try:
        keeps = ffi.NULL if cache is None else cache._open
        pointer = made(lib.provider_compute, "tc_provider", structs, len(listed), options, keeps)
        return Provider._made(pointer, cache)
    except BaseException:
        _callbacks.forget(options.user)
        raise


class Part(NamedTuple):
    """An image at its place in a mosaic; without a provider one that `open` opens when it is first touched."""

    provider: Provider | None
    x: int
    y: int
    width: int = 0
    height: int = 0
    key: str | None = None


@recorded
def mosaic(
    parts: Iterable[Part | tuple[Provider, int, int]],
    *,
    width: int = 0,
    height: int = 0,
    dtype: npt.DTypeLike | None = None,
    bands: int = 0,
    block_width: int = 0,
    block_height: int = 0,
    levels: int = 1,
    bits: int = 0,
    pad: Sample = None,
    nodata: Sample = None,
    band_infos: Sequence[BandInfo] | None = None,
    texts: Texts = None,
    open: Callable[[int], Provider] | None = None,
    max_open: int = 0,
    some_bands: bool = False,
    cache: Cache | None = None,
) -> Provider:
    """One image made of many, each at its place (x, y); later parts lie over earlier ones.

    Size, type and bands are by default those that hold all parts, of the first part that is given. open(part): opens a
    part that has no provider; `max_open` of them stay open.
    """
    listed = [part if isinstance(part, Part) else Part(*part) for part in parts]
    given = next((part.provider for part in listed if part.provider is not None), None)
    if given is None and (dtype is None or not bands):
        raise ValueError("a mosaic of parts that are all opened later needs dtype and bands")
    options, held = sized("tc_mosaic_options"), []  # type: Any, list[Any]
    structs = ffi.new("tc_mosaic_part[]", len(listed))
    right = bottom = 0
    for into, part in zip(structs, listed, strict=True):
        if part.provider is not None:
            into.provider = part.provider._open
        key = encoded(part.key)
        held.append(key)
        into.key, into.x, into.y, into.width, into.height = key, part.x, part.y, part.width, part.height
        info = None if part.provider is None or (part.width and part.height) else part.provider.info
        right = max(right, part.x + (info.width if info else part.width))
        bottom = max(bottom, part.y + (info.height if info else part.height))
    samples: Any = given.dtype if dtype is None and given is not None else dtype
    image = image_struct(
        dtype=samples,
        width=width or right,
        height=height or bottom,
        bands=bands or (given.bands if given is not None else 1),
        block_width=block_width,
        block_height=block_height,
        levels=levels,
        bits=bits,
        pad=pad,
        nodata=nodata,
    )
    infos = band_structs(band_infos, samples, image.bands)
    options.image, options.band_infos, options.max_open = image, infos, max_open
    options.flags = flags((some_bands, lib.TC_MOSAIC_BANDS))
    options.texts, options.n_texts = text_structs(texts, held)
    user = ffi.NULL
    if open is not None:
        user = _callbacks.enter(open)
        options.open, options.user, options.release = lib.python_open_part, user, lib.python_release
    try:
        keeps = ffi.NULL if cache is None else cache._open
        return Provider._made(made(lib.provider_mosaic, "tc_provider", structs, len(listed), options, keeps), cache)
    except BaseException:
        if open is not None:
            _callbacks.forget(user)
        raise
