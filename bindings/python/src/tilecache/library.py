"""The library as a whole: its version, its formats and what it keeps for the process."""

from __future__ import annotations

from typing import NamedTuple

from ._handles import text
from ._raw import ffi, lib
from .errors import call

_FLAGS = ("images", "levels", "windows", "concurrent", "bands", "sparse", "masks", "georeference", "io")


class Format(NamedTuple):
    """A file format that `open` reads."""

    name: str
    long_name: str
    extensions: tuple[str, ...]
    media_types: tuple[str, ...]
    reads: str
    lacks: str
    features: frozenset[str]
    """What is read of it, of: images, levels, windows, concurrent, bands, sparse, masks, georeference, io."""


def formats() -> list[Format]:
    """The formats that `open` reads."""
    listed = []
    for index in range(lib.tc_format_count()):
        about = ffi.new("tc_format *")
        about.struct_size = ffi.sizeof("tc_format")
        call(lib.tc_format_info, index, about)
        features = (name for name in _FLAGS if about.flags & getattr(lib, f"TC_FORMAT_{name.upper()}"))
        listed.append(
            Format(
                text(about.name),
                text(about.long_name),
                tuple(text(about.extensions).split()),
                tuple(text(about.media_types).split()),
                text(about.reads),
                text(about.lacks),
                frozenset(features),
            )
        )
    return listed


def library_version() -> tuple[int, int, int]:
    """The version of the library that runs."""
    version = lib.tc_library_version()
    return version >> 16, version >> 8 & 255, version & 255


def memory_limit() -> int:
    """The bytes of memory that this process may use; 2**64 - 1 where nothing is known."""
    return int(lib.tc_memory_limit())


def default_budget() -> int:
    """A budget in bytes that suits most programs."""
    return int(lib.tc_default_budget())


def set_open_files(most: int) -> None:
    """How many files the library keeps open at most; 0 is half of what the system allows."""
    lib.tc_set_open_files(most)


def set_index_bytes(most: int) -> None:
    """How many bytes of the indexes of files the library keeps at most."""
    lib.tc_set_index_bytes(most)


def run_releases() -> int:
    """Gives up memory whose release was put off by programs in other languages that share the library; how much."""
    return int(lib.tc_run_releases())
