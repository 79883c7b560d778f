"""What the library tells as text: JSON, and a page of HTML."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import Any

from . import _callbacks
from ._raw import ffi, lib
from .errors import LimitError, call, hand_over

Write = Callable[[str], Any]


def json_text(function: Any, pointer: Any) -> str:
    """The text of a call that writes into memory of the caller and says how much it takes."""
    needed = ffi.new("size_t *")
    call(function, pointer, ffi.NULL, 0, needed)
    while True:
        room = needed[0] + needed[0] // 8
        into = ffi.new("char[]", room)
        try:
            call(function, pointer, into, room, needed)
        except LimitError:
            # It has become longer meanwhile, and says by how much.
            continue
        text: str = ffi.string(into).decode("utf-8")
        return text


class _Writer:
    """Hands text on, whose parts may end within a character, and keeps what its function raised."""

    def __init__(self, write: Write) -> None:
        self.write = write
        self.decoder = codecs.getincrementaldecoder("utf-8")()


@ffi.def_extern(error=_callbacks._LOST)
def python_write(user: Any, part: Any, size: int, error: Any) -> int:
    try:
        writer = _callbacks._object(user)
        writer.write(writer.decoder.decode(bytes(ffi.buffer(part, size))))
        return 0
    except BaseException as raised:
        return hand_over(raised, error)


def report(pointer: Any, write: Write) -> None:
    """Has a cache write its picture."""
    user = _callbacks.enter(_Writer(write))
    try:
        call(lib.tc_report, pointer, lib.python_write, user)
    finally:
        _callbacks.forget(user)
