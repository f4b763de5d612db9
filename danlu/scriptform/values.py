"""Values that are known without running anything, and what can safely be computed from them.

Numbers stay small, texts and lists short: `10**10**10` in somebody's script must cost nothing here.
"""

from __future__ import annotations

import ast
import math
import operator
import textwrap
from collections.abc import Callable, Iterable
from typing import Any

MOST = 10_000
"""Characters of a text, items of a list, bits of an integer."""


class Unknown:
    """A value that only running the script could tell; `text` is its source."""

    def __init__(self, text: str = "") -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"Unknown({self.text!r})"


class Ref:
    """Something imported, or built in, by its dotted name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"Ref({self.name!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ref) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)


NUMBER = (int, float)
PLAIN = (int, float, str, bool, bytes, type(None))
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.Invert: operator.invert,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}


def known(value: Any) -> bool:
    """Whether it is a plain value, or a collection of such, that is not too large to be looked at."""
    todo = [value]
    weight = 0
    while todo:
        item = todo.pop()
        weight += 1 + len(item) // 10 if isinstance(item, str | bytes) else 1
        if weight > 2 * MOST:
            return False  # a list that holds another one twice, forty times over, has no end
        if isinstance(item, list | tuple | set | frozenset):
            todo += item
        elif isinstance(item, dict):
            todo += [*item.keys(), *item.values()]
        elif not isinstance(item, (*PLAIN, range)):
            return False
    return True


def binary(kind: ast.operator, left: Any, right: Any) -> Any:
    """The result of an operator; Unknown where it fails or would be large."""
    function = _BINARY.get(type(kind))
    if function is None or not (known(left) and known(right)) or not _small(kind, left, right):
        return Unknown()
    return attempt(lambda: function(left, right))


def _small(kind: ast.operator, left: Any, right: Any) -> bool:
    if isinstance(left, NUMBER) and isinstance(right, NUMBER):
        if isinstance(kind, ast.Pow) and isinstance(left, int):
            return abs(right) * max(left.bit_length(), 1) <= MOST
        if isinstance(kind, ast.LShift):
            return isinstance(right, int) and right <= 64
        return True
    if isinstance(kind, ast.Mult):
        times = left if isinstance(left, int) else right
        items = right if isinstance(left, int) else left
        return isinstance(times, int) and hasattr(items, "__len__") and len(items) * max(times, 0) <= MOST
    if isinstance(kind, ast.Mod):
        # A width in the format makes a text of any length.
        return isinstance(left, str) and not any(char.isdigit() or char == "*" for char in left)
    return True


def unary(kind: ast.unaryop, value: Any) -> Any:
    """The result of an operator; Unknown where it fails."""
    if not known(value):
        return Unknown()
    return attempt(lambda: _UNARY[type(kind)](value))


def compare(kind: ast.cmpop, left: Any, right: Any) -> Any:
    """The result of a comparison; Unknown where it fails."""
    if not known(left) or not (known(right) or isinstance(right, dict)):
        return Unknown()
    return attempt(lambda: _COMPARE[type(kind)](left, right))


def attempt(function: Callable[[], Any]) -> Any:
    """What it returns; Unknown where it raises or returns something large."""
    try:
        value = function()
    except Exception:  # noqa: BLE001 - whatever a script's expression would raise, its value is not known
        return Unknown()
    if isinstance(value, int) and value.bit_length() > MOST:
        return Unknown()
    if isinstance(value, complex) or (hasattr(value, "__len__") and len(value) > MOST):
        return Unknown()
    return value


def _join(*parts: Any) -> str:
    """os.path.join of texts, as on the machines that train."""
    found = ""
    for part in parts:
        if part.startswith("/"):
            found = part
        else:
            found = found + part if not found or found.endswith("/") else f"{found}/{part}"
    return found


def _listed(values: Iterable[Any] = ()) -> list[Any]:
    items = range(len(values)) if isinstance(values, range) else values
    if isinstance(values, range) and len(values) > MOST:
        raise ValueError(items)
    return list(values)


def _split(path: str) -> tuple[str, str]:
    """A path without its suffix, and that suffix."""
    stem, dot, suffix = path.rpartition(".")
    return (stem, dot + suffix) if stem and "/" not in suffix else (path, "")


def _path(*parts: Any) -> str:
    joined = _join(*parts)
    return joined.removeprefix("./") or "."


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "builtins.list": _listed,
    "builtins.tuple": lambda values=(): tuple(_listed(values)),
    "builtins.set": lambda values=(): dict.fromkeys(_listed(values)),
    "builtins.sorted": lambda values, reverse=False: sorted(_listed(values), reverse=reverse),
    "builtins.reversed": lambda values: _listed(values)[::-1],
    "builtins.range": range,
    "builtins.dict": lambda values=(), **more: {**dict(values), **more},
    "builtins.len": len,
    "builtins.int": int,
    "builtins.float": float,
    "builtins.str": str,
    "builtins.bool": bool,
    "builtins.abs": abs,
    "builtins.min": min,
    "builtins.max": max,
    "builtins.sum": sum,
    "builtins.round": round,
    "builtins.enumerate": lambda values: list(enumerate(_listed(values))),
    "builtins.zip": lambda *values: list(zip(*values, strict=False)),
    "os.path.join": _join,
    "os.path.basename": lambda path: path.rpartition("/")[2],
    "os.path.splitext": lambda path: list(_split(path)),
    "pathlib.Path": _path,
    "pathlib.PurePath": _path,
    "math.sqrt": math.sqrt,
    "math.log": math.log,
    "math.exp": math.exp,
    "textwrap.dedent": textwrap.dedent,
    "copy.deepcopy": lambda value: value,
    "copy.copy": lambda value: value,
    "types.SimpleNamespace": dict,
}
CONSTANTS: dict[str, Any] = {
    "math.pi": math.pi,
    "math.e": math.e,
    "math.inf": math.inf,
    "numpy.pi": math.pi,
    "numpy.inf": math.inf,
    "os.sep": "/",
    "os.path.sep": "/",
    "argparse.SUPPRESS": "==SUPPRESS==",
    "argparse.REMAINDER": "...",
    "argparse.PARSER": "A...",
    "argparse.OPTIONAL": "?",
    "argparse.ZERO_OR_MORE": "*",
    "argparse.ONE_OR_MORE": "+",
    "typing.TYPE_CHECKING": False,
}
_TEXT = frozenset(
    {
        "lower",
        "upper",
        "strip",
        "lstrip",
        "rstrip",
        "split",
        "title",
        "capitalize",
        "replace",
        "startswith",
        "endswith",
        "removeprefix",
        "removesuffix",
    }
)
_DICT = frozenset({"keys", "values", "items", "get"})


def method(value: Any, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """The result of a harmless method of a text, dict or list; Unknown for any other."""
    if isinstance(value, str) and known(args) and not kwargs:
        if name in _TEXT and (name != "replace" or len(value) * sum(map(len, map(str, args))) <= 100 * MOST):
            return attempt(lambda: getattr(value, name)(*args))
        if name == "join" and len(args) == 1:
            return attempt(lambda: value.join(args[0]))
    if isinstance(value, str) and name == "format" and known(args) and known(kwargs) and ":" not in value:
        return attempt(lambda: value.format(*map(str, args), **{k: str(v) for k, v in kwargs.items()}))
    if isinstance(value, dict) and name in _DICT and not kwargs:
        found = attempt(lambda: getattr(value, name)(*args))
        return found if isinstance(found, Unknown) or name == "get" else list(found)
    if isinstance(value, list) and name in {"append", "extend", "copy"} and len(value) < MOST:
        return attempt(lambda: getattr(value, name)(*args))
    return Unknown()
