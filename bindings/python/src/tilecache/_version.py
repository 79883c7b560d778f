"""Refuses a library that does not fit."""

from __future__ import annotations

from ._raw import lib


def _told(version: int) -> tuple[int, int, int]:
    return version >> 16, version >> 8 & 255, version & 255


def check(ours: int, theirs: int) -> None:
    """Below 1.0 the minor part must be the same too."""
    (major, minor, _), (their_major, their_minor, _) = _told(ours), _told(theirs)
    if major != their_major or (major == 0 and minor != their_minor):
        raise ImportError(
            f"this package is made for version {'.'.join(map(str, _told(ours)))} of the library tilecache, "
            f"and found {'.'.join(map(str, _told(theirs)))}"
        )


check(lib.TC_LIBRARY_VERSION, lib.tc_library_version())
