"""Failures of the library as exceptions, and exceptions of callbacks on their way through it.

An exception in a callback becomes a failed call of the library, whose message names it, and is raised again, itself,
where that call returns. Until then it stands in a table here, under the number that the callback gave as its code.
Other calls that waited for the same block raise one like it.
"""

from __future__ import annotations

import copy
import itertools
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, NoReturn

from ._raw import ffi, lib
from .constants import Status


class Error(Exception):
    """A call of the library failed.

    `status` says how, `source_code` is the code of a callback that failed, or 0, and `message` names what was wrong,
    with the value.
    """

    status: int = Status.E_INTERNAL

    def __str__(self) -> str:
        return f"{status_name(self.status)}: {self.message}"

    def __init__(self, message: str, source_code: int = 0, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.source_code = source_code
        if status is not None:
            self.status = status

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.source_code, int(self.status))


class ArgumentError(Error, ValueError):
    """An argument is missing, contradicts another one, or is not one of the accepted values."""

    status = Status.E_ARGUMENT


class ClosedError(ArgumentError):
    """The object was closed."""


class RangeError(Error, IndexError, ValueError):
    """A row, column, level, band or size is negative or lies outside what the image has."""

    status = Status.E_RANGE


class NotFoundError(Error, LookupError):
    """There is no such file or image, or nothing of that kind is known of it."""

    status = Status.E_NOT_FOUND


class NoSuchFileError(NotFoundError, FileNotFoundError):
    """There is no such file."""


class NotResidentError(Error, LookupError):
    """The tile is not in the cache, and the call does not load it."""

    status = Status.E_NOT_RESIDENT


class CancelledError(Error):
    """The reader was cancelled."""

    status = Status.E_CANCELLED


class ReentrantError(Error, RuntimeError):
    """The call would have to wait for itself."""

    status = Status.E_REENTRANT


class NoMemoryError(Error, MemoryError):
    """Memory for pixels could not be had."""

    status = Status.E_NO_MEMORY


class LimitError(Error, OverflowError):
    """A size exceeds what the library accepts."""

    status = Status.E_LIMIT


class IoError(Error, OSError):
    """The system failed to read or to write."""

    status = Status.E_IO


class CorruptError(Error):
    """The file contradicts its own format."""

    status = Status.E_CORRUPT


class UnsupportedError(Error):
    """The file is valid but uses a feature that the library does not read."""

    status = Status.E_UNSUPPORTED


class ChangedError(Error):
    """The file changed while it was read."""

    status = Status.E_CHANGED


class SourceError(Error):
    """A callback failed whose exception is not known any more."""

    status = Status.E_SOURCE


class InternalError(Error, RuntimeError):
    """A defect of the library."""

    status = Status.E_INTERNAL


class UnreachableError(Error, ConnectionError):
    """A store that other machines share cannot be reached."""

    status = Status.E_UNREACHABLE


_CLASSES: dict[int, type[Error]] = {
    int(kind.status): kind
    for kind in (
        ArgumentError, RangeError, NotFoundError, NotResidentError, CancelledError, ReentrantError, NoMemoryError,
        LimitError, IoError, CorruptError, UnsupportedError, ChangedError, SourceError, InternalError,
        UnreachableError,
    )
}  # fmt: skip

# Those that a callback which let one pass hands on as what they are; see tc_source in the header.
_HANDED_ON = frozenset(
    (
        Status.E_CANCELLED, Status.E_REENTRANT, Status.E_NO_MEMORY, Status.E_LIMIT, Status.E_IO, Status.E_CORRUPT,
        Status.E_UNSUPPORTED, Status.E_CHANGED, Status.E_INTERNAL,
    )
)  # fmt: skip

# Codes of exceptions lie far from those that sources of other languages give.
_FIRST, _LAST = 0x4000_0000, 0x7FFF_FFFF
_numbers = itertools.count(_FIRST)
# Those that nobody has got yet, each with the place where it was raised, and when. What has not come out by `_WAITING`
# seconds never will: whoever asked has been cancelled.
_raised: dict[int, tuple[BaseException, TracebackType | None, float]] = {}
_WAITING = 600.0
# Likenesses of those that came out, and when, for other calls that waited for the same block: so many of them, and all
# of the last second.
_likenesses: dict[int, tuple[BaseException, float]] = {}
_OUT = 1024
_OUT_SECONDS = 1.0


def _let_go(table: dict[int, Any], most: int, seconds: float) -> None:
    """Lets go of what is older, from the oldest on, as long as there are more."""
    before = time.monotonic() - seconds
    while len(table) > most:
        try:
            oldest = next(iter(table))
            if table[oldest][-1] >= before:
                return
        except (StopIteration, RuntimeError, KeyError):
            return  # another thread is at it, too
        table.pop(oldest, None)


def number_of(exception: BaseException) -> int:
    """A code for an exception, under which it is kept until it comes out."""
    _let_go(_raised, 0, _WAITING)
    number = _FIRST + (next(_numbers) - _FIRST) % (_LAST - _FIRST)
    _raised[number] = exception, exception.__traceback__, time.monotonic()
    return number


def write_message(error: Any, text: str) -> None:
    """A message into a tc_error, cut at a character that fits."""
    data = text.replace("\0", " ").encode("utf-8", "replace")[: len(error.message) - 1]
    data = data.decode("utf-8", "ignore").encode("utf-8")
    ffi.memmove(error.message, data + b"\0", len(data) + 1)


def hand_over(exception: BaseException, error: Any) -> int:
    """Tells the library of an exception in a callback; what the callback is to return."""
    if isinstance(exception, Error) and exception.status in _HANDED_ON:
        write_message(error, exception.message)
        error.source_code = exception.source_code
        error.code = exception.status
        return int(exception.status)
    error.source_code = number_of(exception)
    write_message(error, f"{type(exception).__name__}: {exception}")
    return int(Status.E_SOURCE)


def failure(error: Any) -> BaseException:
    """The exception for a tc_error of a failed call: that of the callback, itself, or one of this module."""
    status, code = int(error.code), int(error.source_code)
    if status == Status.E_SOURCE:
        again = _again(abs(code))
        if again is not None:
            return again
    message = ffi.string(error.message).decode("utf-8", "replace")
    kind = _CLASSES.get(status)
    if kind is None:
        return Error(message, code, status)
    return kind(message, code)


def _again(number: int) -> BaseException | None:
    """The exception of a callback, or one like it where it came out already.

    What comes out holds all frames that it goes through, with what is in them; so nothing holds it here from then on.
    """
    kept = _raised.get(number)
    if kept is not None:
        _keep_likeness(number, kept[0])
        kept = _raised.pop(number, None)
    if kept is not None:
        return kept[0].with_traceback(kept[1])
    likeness = _likenesses.get(number)
    return None if likeness is None else copy.copy(likeness[0])


def _keep_likeness(number: int, exception: BaseException) -> None:
    try:
        likeness = copy.copy(exception)
    except Exception:
        return
    if type(likeness) is type(exception):
        _likenesses[number] = likeness, time.monotonic()
        _let_go(_likenesses, _OUT, _OUT_SECONDS)


def fail(error: Any) -> NoReturn:
    """Raises what `failure` says."""
    raised = failure(error)
    context = raised.__context__
    try:
        raise raised
    finally:
        # An exception of a callback keeps the one that it came from, though another may be handled here.
        raised.__context__ = context or raised.__context__
        # Else it would keep itself, and the handles of its frames, until the collector comes.
        del raised


def fail_at(address: int) -> NoReturn:
    """Raises what `failure` says of the tc_error of a call in C."""
    fail(ffi.cast("tc_error *", address))


# Structs for errors that no call uses now. Taking one and giving it back are single operations of the interpreter.
_free: list[Any] = []
give_back: Callable[[Any], None] = _free.append


def take() -> Any:
    """A tc_error for one call."""
    try:
        return _free.pop()
    except IndexError:
        return ffi.new("tc_error *")


def call(function: Any, *arguments: Any) -> None:
    """Calls a function whose last argument is a tc_error, and raises what went wrong."""
    error = take()
    try:
        if function(*arguments, error):
            fail(error)
    finally:
        give_back(error)


def status_name(status: int) -> str:
    """The name of a status in C, such as "TC_E_RANGE"."""
    name: str = ffi.string(lib.tc_status_name(status)).decode()
    return name
