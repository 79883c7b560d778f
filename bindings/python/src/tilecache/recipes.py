"""How a provider was made, so that a pickle makes it again where it is opened: by path and options.

A recipe names the recipes of what the provider is made from, not those providers: so they may be closed meanwhile, and
then keep nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Recipe:
    """A function and what it is called with; in a pickle what it returns. None is what no other process can have."""

    __slots__ = ("_call",)

    def __init__(self, call: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]] | None = None) -> None:
        self._call = call

    def __reduce__(self) -> tuple[Any, ...]:
        if self._call is None:
            raise TypeError("this provider cannot be pickled: its pixels are in this process, and in no file")
        return _again, self._call


def _again(function: Callable[..., T], arguments: tuple[Any, ...], options: dict[str, Any]) -> T:
    return function(*arguments, **options)


def recorded(function: Callable[P, T]) -> Callable[P, T]:
    """Notes in the provider that a function or method returns how it came about."""

    @functools.wraps(function)
    def recording(*arguments: P.args, **options: P.kwargs) -> T:
        made: Any = function(*arguments, **options)
        if made._recipe is None:
            made._recipe = Recipe((recording, _ingredient(arguments), _ingredient(options)))
        return made  # type: ignore[no-any-return]

    return recording


def _ingredient(value: Any) -> Any:
    """What an argument is in a recipe: the recipes of the providers in it."""
    if hasattr(value, "_recipe"):
        return Recipe() if value._recipe is None else value._recipe
    if isinstance(value, dict):
        return {name: _ingredient(each) for name, each in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(_ingredient, value))
    if type(value) in (tuple, list):
        return type(value)(map(_ingredient, value))
    return value
