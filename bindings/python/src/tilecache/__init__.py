"""Any raster as a grid of read-only tiles, decoded once, under one byte budget.

    import tilecache

    cache = tilecache.Cache(512 << 20)
    with tilecache.open("scene.tif") as scene:
        tiles = scene.retile(256, 256, cache=cache)
        pixels = tiles.get_block(0, 0).array  # (band, row, column), read-only, without a copy

The manual is the header `tilecache.h`; the names here are those of C without `tc_` and `provider_`, and its options are
keywords.
"""

from . import _version  # noqa: F401  The library must fit before anything is made.
from ._callbacks import Place
from .cache import Cache, CacheStats, TierStats
from .chain import Chain, ChainInfo
from .constants import (
    Border,
    BuildCompression,
    BuildLayout,
    BuildPredictor,
    Colour,
    Filter,
    ImageFlags,
    LogEvent,
    LogLevel,
    PassOrder,
    Status,
    Threading,
    TierState,
)
from .describe import BandInfo, Gcp, Georef, ImageInfo, Rgba, Rpc
from .errors import (
    ArgumentError,
    CancelledError,
    ChangedError,
    ClosedError,
    CorruptError,
    Error,
    InternalError,
    IoError,
    LimitError,
    NoMemoryError,
    NoSuchFileError,
    NotFoundError,
    NotResidentError,
    RangeError,
    ReentrantError,
    SourceError,
    UnreachableError,
    UnsupportedError,
    status_name,
)
from .library import (
    Format,
    default_budget,
    formats,
    library_version,
    memory_limit,
    run_releases,
    set_index_bytes,
    set_open_files,
)
from .load import Load, decoded_beneath
from .log import Log
from .provider import Input, Provider
from .requests import Prefetched
from .samples import complex_int16, complex_int32
from .sources import LevelSize, Part, compute, from_memory, from_source, image_count, mosaic, open
from .stats import BandStats, PixelStats
from .tile import Tile
from .transform import Transform
from .window import OPAQUE, Window

__version__ = ".".join(map(str, library_version()))

__all__ = [
    "ArgumentError",
    "BandInfo",
    "BandStats",
    "Border",
    "BuildCompression",
    "BuildLayout",
    "BuildPredictor",
    "Cache",
    "CacheStats",
    "CancelledError",
    "Chain",
    "ChainInfo",
    "ChangedError",
    "ClosedError",
    "Colour",
    "complex_int16",
    "complex_int32",
    "compute",
    "CorruptError",
    "decoded_beneath",
    "default_budget",
    "Error",
    "Filter",
    "Format",
    "formats",
    "from_memory",
    "from_source",
    "Gcp",
    "Georef",
    "image_count",
    "ImageFlags",
    "ImageInfo",
    "Input",
    "InternalError",
    "IoError",
    "LevelSize",
    "library_version",
    "LimitError",
    "Load",
    "Log",
    "LogEvent",
    "LogLevel",
    "memory_limit",
    "mosaic",
    "NoMemoryError",
    "NoSuchFileError",
    "NotFoundError",
    "NotResidentError",
    "OPAQUE",
    "open",
    "Part",
    "PassOrder",
    "PixelStats",
    "Place",
    "Prefetched",
    "Provider",
    "RangeError",
    "ReentrantError",
    "Rgba",
    "Rpc",
    "run_releases",
    "set_index_bytes",
    "set_open_files",
    "SourceError",
    "Status",
    "status_name",
    "Threading",
    "TierState",
    "TierStats",
    "Tile",
    "Transform",
    "UnreachableError",
    "UnsupportedError",
    "Window",
]
