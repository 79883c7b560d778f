"""What is made on threads of the library, as futures."""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NamedTuple

from . import _callbacks
from ._raw import ffi, lib
from .errors import failure
from .tile import Tile, owned


class Prefetched(NamedTuple):
    """How far a prefetch came."""

    tiles: int
    """Tiles that the rectangle touches."""
    ready: int
    """Those of them that are there, in row order."""
    failed: int
    """Those that could not be made."""
    full: bool
    """Whether it stopped because there was no more room for what is made ahead."""


class _Pending(Future[Any]):
    """A future whose work is cancelled with it.

    A function that the library has called may not wait for a thread of the library, which may be the one that called
    it, or wait for it. So `result` and `exception` without a time limit do there, on this thread, what was asked for:
    the library then sees on whose behalf, and a circle is an error.
    """

    def __init__(self, reader: Any, now: Callable[[], Any]) -> None:
        super().__init__()
        self._reader = reader
        self._now = now
        # Who takes what is in it settles the future: the library, or who does the work himself.
        self._settles = [True]

    def result(self, timeout: float | None = None) -> Any:
        self._not_awaited_in_callback(timeout)
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        self._not_awaited_in_callback(timeout)
        return super().exception(timeout)

    def _not_awaited_in_callback(self, timeout: float | None) -> None:
        if timeout is not None or self.done() or not _in_callback():
            return
        result, raised = None, None
        try:
            result = self._now()
        except BaseException as failed:
            raised = failed
        # First, for what the library tells of a request that was cancelled is no outcome of this one.
        self._settle(result, raised)
        # The library need not do it once more.
        lib.provider_cancel(self._reader, ffi.NULL)

    def _settle(self, result: Any, raised: BaseException | None) -> None:
        try:
            self._settles.pop()
        except IndexError:
            return
        if not self.set_running_or_notify_cancel():
            return
        if raised is None:
            self.set_result(result)
        else:
            self.set_exception(raised)

    def cancel(self) -> bool:
        """Cancels the work, and tells whether that was in time. Nobody else sees any of it."""
        cancelled = super().cancel()
        if cancelled:
            lib.provider_cancel(self._reader, ffi.NULL)
        return cancelled


def _in_callback() -> bool:
    load: Any = lib.tc_load_current()
    lib.tc_load_release(load)
    return bool(load)


# What the library still has to call back for.
_pending: dict[int, _Pending] = {}


def begin(pending: _Pending) -> Any:
    """The `user` of a request."""
    user = _callbacks.enter(pending)
    _pending[_callbacks._number(user)] = pending
    return user


def never_begun(user: Any) -> None:
    """The request was refused, and nobody will call back."""
    _callbacks.forget(user)
    _pending.pop(_callbacks._number(user), None)


def _ended(user: Any) -> _Pending:
    number = _callbacks._number(user)
    _callbacks.forget(user)
    return _pending.pop(number)


@ffi.def_extern()
def python_done(user: Any, status: int, pointer: Any, error: Any) -> None:
    tile: Tile | None = owned(pointer) if pointer else None
    _ended(user)._settle(tile, failure(error) if status else None)


@ffi.def_extern()
def python_prefetched(user: Any, status: int, how_far: Any, error: Any) -> None:
    came = Prefetched(how_far.tiles, how_far.ready, how_far.failed, bool(how_far.full))
    _ended(user)._settle(came, failure(error) if status else None)


@atexit.register
def _end_all() -> None:
    """Nothing may call Python once it ends: cancels what is pending, and waits for what cannot be cancelled."""
    for pending in list(_pending.values()):
        pending.cancel()
        lib.provider_cancel(pending._reader, ffi.NULL)
    while _pending:
        time.sleep(0.001)


# The threads of the parent are not in its child, and will not call back there.
os.register_at_fork(after_in_child=_pending.clear)
