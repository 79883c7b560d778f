"""What is made on threads of the library, as futures."""

from __future__ import annotations

import atexit
import os
import time
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
    """A future whose work is cancelled with it."""

    def __init__(self, reader: Any) -> None:
        super().__init__()
        self._reader = reader

    def cancel(self) -> bool:
        """Cancels the work, and tells whether that was in time. Nobody else sees any of it."""
        cancelled = super().cancel()
        if cancelled:
            lib.provider_cancel(self._reader, ffi.NULL)
        return cancelled


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


def _tell(pending: _Pending, status: int, error: Any, result: Any) -> None:
    if not pending.set_running_or_notify_cancel():
        return
    if status:
        raised = failure(error)
        pending.set_exception(raised)
    else:
        pending.set_result(result)


@ffi.def_extern()
def python_done(user: Any, status: int, pointer: Any, error: Any) -> None:
    tile: Tile | None = owned(pointer) if pointer else None
    _tell(_ended(user), status, error, tile)


@ffi.def_extern()
def python_prefetched(user: Any, status: int, how_far: Any, error: Any) -> None:
    came = Prefetched(how_far.tiles, how_far.ready, how_far.failed, bool(how_far.full))
    _tell(_ended(user), status, error, came)


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
