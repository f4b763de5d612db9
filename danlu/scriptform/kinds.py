"""Which kind of value an option takes, from what a script says of its type, its default and its choices."""

from __future__ import annotations

import ast
import math
import re
from dataclasses import dataclass, replace
from typing import Any

from danlu.scriptform.model import Kind, Option, storable
from danlu.scriptform.scope import Class, Function
from danlu.scriptform.values import Ref, Unknown, known

MOST_CHOICES = 300
_TYPES: dict[str, Kind] = {
    "builtins.int": "integer",
    "builtins.float": "number",
    "builtins.str": "text",
    "pathlib.Path": "text",
    "typing.Any": "text",
}
_BOOLEAN_WORD = re.compile(r"bool", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Typed:
    """What a type makes of a text.

    Attributes:
        kind: of the value; None where the type does not tell, so that the default may.
        words: what says yes and no, of a boolean.
        separator: between the items of a list that is given as one text; "" where there is none.
    """

    kind: Kind | None
    words: tuple[str, str] = ("True", "False")
    separator: str = ""


def type_of(value: Any) -> Typed:
    """What argparse's `type=` does, as far as its name and its text tell."""
    if isinstance(value, Ref):
        return _of_library(value)
    if isinstance(value, Function):
        return _of_function(value)
    if isinstance(value, Class):
        return Typed("text")
    if isinstance(value, Unknown) and value.text:
        last = value.text.partition("(")[0].rpartition(".")[2]
        return Typed("boolean") if _BOOLEAN_WORD.search(last) else Typed(_by_name(last) or "text")
    return Typed(None)


def _of_library(value: Ref) -> Typed:
    last = value.name.rpartition(".")[2]
    if value.name == "builtins.bool":
        # bool("False") is true: only the empty text is not.
        return Typed("boolean", ("True", ""))
    if value.name in _TYPES:
        return Typed(_TYPES[value.name])
    if _BOOLEAN_WORD.search(last):
        return Typed("boolean")
    if last in {"eval", "literal_eval", "loads"}:
        return Typed(None, ("true", "false") if last == "loads" else ("True", "False"))
    return Typed(_by_name(last) or "text")


def _by_name(name: str) -> Kind | None:
    """What a function is called that turns a text into a number: positive_int, float_range."""
    words = name.lower().split("_")
    if "int" in words or "integer" in words:
        return "integer"
    return "number" if "float" in words else None


def _of_function(function: Function) -> Typed:
    node = function.node
    calls = {
        item.func.id
        for item in ast.walk(node)
        if isinstance(item, ast.Call) and isinstance(item.func, ast.Name)
    }
    texts = [
        item.value
        for item in ast.walk(node)
        if isinstance(item, ast.Constant) and isinstance(item.value, str)
    ]
    methods = {item.attr for item in ast.walk(node) if isinstance(item, ast.Attribute)}
    separator = _separator(node)
    if separator:
        return Typed("text", separator=separator)
    lowered = {text.lower() for text in texts}
    if {"true", "yes", "1"} & lowered and ("true" in lowered or "bool" in function.name.lower()):
        return Typed("boolean", _words(texts, lowers="lower" in methods))
    if any(_BOOLEAN_WORD.search(name) for name in (function.name, *calls)):
        # Either of a text such as bool(strtobool(x)), or of a number.
        return Typed("boolean", ("1", "0") if "int" in calls else ("True", "False"))
    returned = getattr(node, "returns", None)
    named = {"int": "integer", "float": "number"}
    if isinstance(returned, ast.Name) and returned.id in named:
        return Typed("integer" if returned.id == "int" else "number")
    if "float" in calls:
        return Typed("number")
    return Typed("integer" if "int" in calls else _by_name(function.name) or "text")


def _words(texts: list[str], *, lowers: bool) -> tuple[str, str]:
    """The script's own words for yes and no: those that it compares with."""
    if lowers or "True" in texts or "true" not in texts:
        return ("True", "False")
    return ("true", "false")


def _separator(node: ast.AST) -> str:
    for item in ast.walk(node):
        if isinstance(item, ast.Call) and isinstance(item.func, ast.Attribute) and item.func.attr == "split":
            given = item.args[0] if item.args else None
            return given.value if isinstance(given, ast.Constant) and isinstance(given.value, str) else " "
    return ""


def kind_of_value(value: Any) -> Kind | None:
    """The kind that a plain value has; None for None and what is no plain value."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "text"
    return "list" if isinstance(value, list | tuple) and known(value) else None


def choices_of(value: Any) -> tuple[Any, ...]:
    """The choices as JSON values; () where they are not known, or too many to choose from."""
    if isinstance(value, Class):
        value = list(enum_members(value).values())
    if isinstance(value, dict):
        value = list(value)
    if not isinstance(value, list | tuple | range) or not 0 < len(value) <= MOST_CHOICES:
        return ()
    items = list(value)
    if not all(isinstance(item, str | int | float | bool | None) and storable(item) for item in items):
        return ()
    return tuple(item for place, item in enumerate(items) if item not in items[:place])


def enum_members(kind: Class) -> dict[str, Any]:
    """An Enum's names and plain values; {} for any other class."""
    if not any(root.startswith("enum.") or root.endswith("Enum") for root in kind.roots()):
        return {}
    return {
        name: value if known(value) else name.lower()
        for name, value in kind.attributes.items()
        if not name.startswith("_")
    }


def with_default(option: Option, value: Any, text: str = "") -> Option:
    """The option with its default, which is made to fit the kind, or the kind to fit it.

    Args:
        option: without one.
        value: the default, Unknown where only the script can tell.
        text: its source, for a default that cannot be kept as it is.
    """
    if isinstance(value, tuple | range):
        value = list(value)
    if isinstance(value, list):
        value = [list(item) if isinstance(item, tuple) else item for item in value]
    if not known(value) or not storable(value):
        return replace(option, computed=(getattr(value, "text", "") or text or repr(value))[:100])
    if value is None:
        return option
    if option.kind == "choice":
        return _among(option, value)
    if option.kind == "list":
        return _list_default(option, value, text)
    kind = kind_of_value(value)
    if kind == option.kind:
        return replace(option, default=value)
    return _fitted(option, value, kind, text)


def _fitted(option: Option, value: Any, kind: Kind | None, text: str) -> Option:
    if isinstance(value, str) and option.kind != "text":
        found = from_text(option.kind, value)
        if found is not None and storable(found):
            return replace(option, default=found)
    elif option.kind == "number" and kind == "integer":
        return replace(option, default=float(value))
    elif option.kind == "integer" and kind == "number":
        if value.is_integer():
            return replace(option, default=int(value))
        return replace(option, kind="number", default=value)
    elif option.kind == "text" and kind in {"integer", "number"}:
        return replace(option, default=str(value))
    elif option.kind == "boolean" and kind == "integer":
        return replace(option, default=bool(value))
    return replace(option, computed=text[:100] or repr(value)[:100])


def _among(option: Option, value: Any) -> Option:
    """A default among the choices; argparse does not check that it is one."""
    if not any(
        value == choice and isinstance(value, bool) == isinstance(choice, bool) for choice in option.choices
    ):
        same = [choice for choice in option.choices if str(choice) == str(value)]
        if same:
            value = same[0]
        elif isinstance(value, str | int | float):
            return replace(option, choices=(*option.choices, value), default=value)
        else:
            return replace(option, computed=repr(value)[:100])
    return replace(option, default=value)


def _list_default(option: Option, value: Any, text: str) -> Option:
    items = value if isinstance(value, list) else [value]
    kinds = {kind_of_value(item) for item in items}
    if option.item == "number" and kinds <= {"integer", "number"}:
        items = [float(item) for item in items]
    elif option.item == "integer" and kinds == {"number"} and all(item.is_integer() for item in items):
        items = [int(item) for item in items]
    elif option.item == "text" and not option.choices and kinds <= {"integer", "number", "text"}:
        items = [str(item) for item in items]
    elif not option.choices and not kinds <= {option.item}:
        return replace(option, computed=text[:100] or repr(value)[:100])
    if isinstance(option.nargs, int) and option.style != "append" and len(items) != option.nargs:
        return replace(option, computed=text[:100] or repr(value)[:100])
    return replace(option, default=items)


def from_text(kind: Kind, text: str, words: tuple[str, str] = ("True", "False")) -> Any:
    """The value that a word of a command line stands for; None where it is none of that kind."""
    if kind == "integer":
        found = _number(text)
        return int(text) if isinstance(found, int) else None
    if kind == "number":
        number = _number(text)
        return None if number is None else float(number)
    if kind == "boolean":
        if text == words[0]:
            return True
        if text == words[1]:
            return False
        if words[1] == "":
            return True
        return {"true": True, "yes": True, "t": True, "y": True, "1": True, "on": True,
                "false": False, "no": False, "f": False, "n": False, "0": False, "off": False}.get(text.lower())  # fmt: skip
    return text


def _number(text: str) -> int | float | None:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
