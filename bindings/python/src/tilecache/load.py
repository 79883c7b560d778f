"""The load that a callback works for."""

from __future__ import annotations

from typing import Any

from ._handles import Held
from ._raw import lib


class Load(Held):
    """A load that a callback works for: a block that is being decoded, a tile that is being made."""

    __slots__ = ()
    _what = "load"

    @staticmethod
    def current() -> Load | None:
        """The load that this thread works for, inside a callback; None elsewhere.

        Give it to a `reader` that other threads use on behalf of the callback.
        """
        pointer: Any = lib.tc_load_current()
        return Load._owning(pointer, lib.tc_load_release) if pointer else None

    def is_cancelled(self) -> bool:
        """Whether nobody wants it any more: then the callback may raise whatever it likes, for nobody will see it."""
        return bool(lib.tc_load_is_cancelled(self._open))


def decoded_beneath(blocks: float) -> None:
    """Says inside `read_block` how many whole blocks the source had to decode for it, if that is not one."""
    lib.tc_decoded_beneath(blocks)
