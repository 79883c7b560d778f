"""Handles of the library as objects: closing is releasing, twice is nothing, and use after it is an error."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from ._raw import ffi
from .errors import ClosedError, fail, give_back, take

try:
    from typing import Self
except ImportError:  # Python 3.10
    from typing_extensions import Self


class Handle:
    """What owns one reference to an object of the library.

    The reference is given up when nobody uses the handle any more: by `close`, at the end of a `with` block, or when
    the collector finds it, and never while a call in another thread goes on with it.
    """

    __slots__ = ()
    _what = "object"
    _h: Any

    def __init__(self) -> None:
        raise TypeError(f"a {type(self).__name__} comes from the functions that make one")

    @property
    def _open(self) -> Any:
        """The pointer, of an object that was not closed."""
        pointer = self._h
        if pointer is None:
            raise ClosedError(f"this {self._what} was closed")
        return pointer

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._h is None

    def close(self) -> None:
        """Gives the reference up. What was made from the object stays usable. Twice is nothing."""
        # The pointer releases when the last one who uses it lets go: calls in other threads end first.
        self._h = None

    def __repr__(self) -> str:
        return f"<tilecache.{type(self).__name__}{', closed' * self.closed}>"

    def __enter__(self) -> Self:
        self._open
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, place: TracebackType | None
    ) -> None:
        self.close()


class Held(Handle):
    """A handle of which cffi has the pointer, and all calls are made by that."""

    __slots__ = ("_h", "__weakref__")

    @classmethod
    def _owning(cls, pointer: Any, release: Any) -> Self:
        """An object for a reference that is now ours."""
        made = cls.__new__(cls)
        made._h = ffi.gc(pointer, release)
        return made


def made(function: Any, kind: str, *arguments: Any) -> Any:
    """Calls a function that ends with an out-parameter for a `kind *` and a tc_error; the pointer."""
    out = ffi.new(f"{kind} **")
    error = take()
    try:
        if function(*arguments, out, error):
            fail(error)
    finally:
        give_back(error)
    return out[0]


def address(pointer: Any) -> int:
    """A pointer of cffi as a number."""
    return int(ffi.cast("uintptr_t", pointer))


def encoded(text: str | None) -> Any:
    """A text for C: NULL for None. What it gives must be held during the call."""
    if text is None:
        return ffi.NULL
    data = text.encode("utf-8")
    if b"\0" in data:
        raise ValueError(f"the text {text!r} has a NUL character")
    return ffi.new("char[]", data)


def text(pointer: Any) -> str:
    """A text of the library."""
    decoded: str = ffi.string(pointer).decode("utf-8", "replace")
    return decoded


def text_or_none(pointer: Any) -> str | None:
    return text(pointer) if pointer else None
