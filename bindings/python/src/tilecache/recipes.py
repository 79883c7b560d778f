"""How a provider was made, so that a pickle makes it again where it is opened: by path and options."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def recorded(function: Callable[P, T]) -> Callable[P, T]:
    """Notes in the provider that a function or method returns how it came about."""

    @functools.wraps(function)
    def recording(*arguments: P.args, **options: P.kwargs) -> T:
        made: Any = function(*arguments, **options)
        if made._recipe is None:
            made._recipe = recording, arguments, options
        return made  # type: ignore[no-any-return]

    return recording


def again(function: Callable[..., T], arguments: tuple[Any, ...], options: dict[str, Any]) -> T:
    """Makes the provider of a pickle."""
    return function(*arguments, **options)
