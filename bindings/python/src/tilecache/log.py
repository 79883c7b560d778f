"""Where a cache or an opening tells what happens."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

from . import _callbacks
from ._handles import text
from ._raw import ffi, lib
from .constants import LogEvent, LogLevel
from .window import chosen

Write = Callable[[LogLevel, int, str, str], Any]


class Log(NamedTuple):
    """Hears of what happens: `write(level, event, subject, text)`, called from several threads at once.

    `event` is a LogEvent, or a number that a later library has. What `write` raises goes to `sys.unraisablehook`.
    """

    write: Write
    level: LogLevel | str = LogLevel.WARNING
    """What matters less is not told."""
    slow_ms: int = 0
    """Loads that take so many milliseconds or more are told of; 0 is 1,000."""


# A logger of Python, a function, or a Log.
Listener = Log | Write | logging.Logger | None

_LEVELS = {
    LogLevel.ERROR: logging.ERROR,
    LogLevel.WARNING: logging.WARNING,
    LogLevel.INFO: logging.INFO,
    LogLevel.DEBUG: logging.DEBUG,
}


def _log_of(listener: Any) -> Log:
    if isinstance(listener, Log):
        return listener
    if isinstance(listener, logging.Logger):
        logger = listener

        def write(level: LogLevel, event: int, subject: str, text: str) -> None:
            logger.log(_LEVELS[level], "%s: %s", subject, text, extra={"event": event, "subject": subject})

        least = max(level for level in LogLevel if logger.isEnabledFor(_LEVELS[level]) or level is LogLevel.ERROR)
        return Log(write, least)
    if callable(listener):
        return Log(listener)
    raise TypeError(f"log is {listener!r}; it may be a function, a logger or a tilecache.Log")


def log_struct(listener: Listener, held: list[Any]) -> Any:
    """A tc_log, put into `held`; NULL for None."""
    if listener is None:
        return ffi.NULL
    log = _log_of(listener)
    made = ffi.new("tc_log *")
    made.struct_size = ffi.sizeof("tc_log")
    made.level, made.slow_ms = chosen(LogLevel, log.level, "the level of a log"), log.slow_ms
    made.write, made.release = lib.python_log, lib.python_release
    made.user = _callbacks.enter(log)
    held.append(made)
    return made


def forget(log: Any) -> None:
    """After a call that failed: the library has released it, or never will."""
    if log:
        _callbacks.forget(log.user)


@ffi.def_extern()
def python_log(user: Any, level: int, event: int, subject: Any, said: Any) -> None:
    log = _callbacks._object(user)
    known = LogEvent(event) if event in LogEvent._value2member_map_ else event
    log.write(LogLevel(level), known, text(subject), text(said))
