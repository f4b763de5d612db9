"""Whether a value is one that an option takes."""

from __future__ import annotations

import math
from typing import Any

from danlu.scriptform.model import Option


def check(option: Option, value: Any) -> None:
    """Check that a value is one that the option takes.

    Raises:
        ValueError: it is not; the message names the option.
    """
    if value is None:
        if not option.nullable:
            raise ValueError(f"{option.name} cannot be nothing")
        return
    if option.kind == "choice":
        if not any(value == choice and _same(value, choice) for choice in option.choices):
            raise ValueError(f"{option.name} must be one of {_listed(option.choices)}; got {value!r}")
    elif option.kind == "list":
        if not isinstance(value, list | tuple):
            raise ValueError(f"{option.name} must be a list; got {value!r}")
        if isinstance(option.nargs, int) and option.style != "append" and len(value) != option.nargs:
            raise ValueError(f"{option.name} must have {option.nargs} items; got {len(value)}")
        for item in value:
            if option.choices and item not in option.choices:
                raise ValueError(f"{option.name} takes items of {_listed(option.choices)}; got {item!r}")
            if not option.choices:
                _scalar(option, option.item, item)
    else:
        _scalar(option, option.kind, value)


def _same(one: Any, other: Any) -> bool:
    return isinstance(one, bool) == isinstance(other, bool)


def _listed(choices: tuple[Any, ...]) -> str:
    return ", ".join(map(str, choices))


def _scalar(option: Option, kind: str, value: Any) -> None:
    name = option.name
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "boolean" and not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false; got {value!r}")
    if kind in {"integer", "number"}:
        if not number or (isinstance(value, float) and not math.isfinite(value)):
            raise ValueError(
                f"{name} must be {'a whole' if kind == 'integer' else 'a'} number; got {value!r}"
            )
        if kind == "integer" and isinstance(value, float) and not value.is_integer():
            raise ValueError(f"{name} must be a whole number; got {value!r}")
        if option.minimum is not None and value < option.minimum:
            raise ValueError(f"{name} must be at least {option.minimum}; got {value!r}")
        if option.maximum is not None and value > option.maximum:
            raise ValueError(f"{name} must be at most {option.maximum}; got {value!r}")
    if kind in {"text", "choice"} and not isinstance(value, str | int | float):
        raise ValueError(f"{name} must be a text; got {value!r}")
    if isinstance(value, str) and "\0" in value:
        raise ValueError(f"{name} must not have a NUL character")
