"""One `add_argument` of argparse: as it stands in the script, and the option that it is."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from typing import Any

from danlu.scriptform.kinds import Typed, choices_of, kind_of_value, type_of, with_default
from danlu.scriptform.model import Kind, Option, storable
from danlu.scriptform.scope import Call
from danlu.scriptform.values import Ref, Unknown, known

_MISSING = object()
_NOTHING = "==SUPPRESS=="
_FORMAT = re.compile(r"%\((\w+)\)[a-z]|%%")
_STATIC_ACTIONS = {"help", "version"}


class Argument:
    """What one `add_argument` was given."""

    def __init__(self, flags: list[str], kwargs: dict[str, Any], texts: dict[str, str], action: str) -> None:
        self.flags = flags
        self.kwargs = kwargs
        self.texts = texts
        self.action = action
        self.group = ""
        self.rivals: list[Argument] = []

    @property
    def positional(self) -> bool:
        """Whether it has a name and no flags."""
        return not self.flags or (len(self.flags) == 1 and not self.flags[0].startswith("-"))

    @property
    def dest(self) -> str:
        """The name of its value; "" where it is not known."""
        given = self.kwargs.get("dest")
        if isinstance(given, str) and given:
            return given
        if not self.flags:
            return ""
        if self.positional:
            return self.flags[0]
        long = next((flag for flag in self.flags if flag.startswith("--")), self.flags[0])
        return long.lstrip("-").replace("-", "_")


def argument(call: Call) -> Argument:
    """Take the call apart."""
    flags = [flag for flag in call.args if isinstance(flag, str) and flag]
    texts = {item.arg: call.scope.source.cut(item.value) for item in call.node.keywords if item.arg}
    helps = next((item.value for item in call.node.keywords if item.arg == "help"), None)
    if helps is not None and isinstance(call.kwargs.get("help"), Unknown):
        call.kwargs["help"] = _known_parts(helps)
    action = call.kwargs.get("action")
    if isinstance(action, Ref) and action.name.endswith("BooleanOptionalAction"):
        action = "boolean_optional"
    elif action is None:
        action = "store"
    return Argument(flags, call.kwargs, texts, action if isinstance(action, str) else "custom")


def _known_parts(node: ast.expr) -> str:
    """The texts in an expression of which other parts are not known: "architecture: … (default: resnet18)"."""
    parts = [part for part in ast.walk(node) if isinstance(part, ast.Constant)]
    texts = [part.value for part in sorted(parts, key=lambda part: (part.lineno, part.col_offset))]
    return " … ".join(text.strip() for text in texts if isinstance(text, str) and len(text.strip()) > 3)


def option_of(found: Argument, defaults: dict[str, Any]) -> Option | None:
    """The option; None for one that sets nothing (help, version), or whose name is not known."""
    if not found.dest or found.action in _STATIC_ACTIONS:
        return None
    kwargs = found.kwargs
    default = defaults.get(found.dest, kwargs.get("default", _MISSING))
    option = Option(
        name=found.dest,
        flags=() if found.positional else tuple(found.flags),
        positional=found.positional,
        required=_required(found),
        group=found.group,
    )
    option = _SWITCHES[found.action](option, kwargs) if found.action in _SWITCHES else _valued(option, found)
    option = _defaulted(option, found, default)
    return replace(option, help=help_text(kwargs.get("help"), option))


def _required(found: Argument) -> bool:
    if found.positional:
        return found.kwargs.get("nargs") not in {"?", "*", "..."} if found.action == "store" else True
    return found.kwargs.get("required") is True


def _defaulted(option: Option, found: Argument, default: Any) -> Option:
    text = found.texts.get("default", "")
    if default is _MISSING:
        default = {"store_true": False, "store_false": True}.get(option.style)
        if found.action == "store_const":
            default = False
        if option.positional and option.nargs == "*":
            default = []
    if default == _NOTHING:
        return replace(option, computed="left out")
    if option.required and default is None:
        return option
    if option.kind == "boolean" and default is None and option.style in {"store_true", "store_false"}:
        return option
    if option.positional and option.required:
        return option
    separator = type_of(found.kwargs.get("type")).separator
    if separator and isinstance(default, list | tuple) and known(default):
        default = separator.join(map(str, default))
    return with_default(option, default, text)


def _valued(option: Option, found: Argument) -> Option:
    """An option that takes a value: store, append, extend, or an action of the script's own."""
    kwargs = found.kwargs
    typed = type_of(kwargs.get("type")) if "type" in kwargs else Typed(None)
    choices = choices_of(kwargs.get("choices"))
    nargs = kwargs.get("nargs")
    nargs = nargs if isinstance(nargs, int | str) else None
    item = typed.kind or _guess(kwargs.get("default"), choices)
    words = typed.words
    if typed.kind is None and item == "boolean" and type_of(kwargs.get("type")).words == ("True", "False"):
        # Without a type every text is true, except the empty one.
        words = ("True", "") if "type" not in kwargs else typed.words
    if choices and typed.kind != "boolean":
        item = "choice"
    lists = nargs in {"*", "+", "..."} or (isinstance(nargs, int) and nargs > 0)
    extends = found.action in {"append", "extend"}
    if found.action == "append" and lists:
        # A list of lists: each time its flag stands, one list; the form has its texts.
        return replace(option, kind="list", nargs=nargs, choices=choices, item=_item(item))
    if lists or extends:
        nargs = nargs if lists else None
        return replace(
            option,
            kind="list",
            item=_item(item),
            choices=choices,
            nargs=nargs,
            style="append" if found.action == "append" else "value",
            extends=extends,
        )
    const = kwargs.get("const") if nargs == "?" and not option.positional else None
    if isinstance(const, bool) and isinstance(kwargs.get("default", False), bool) and typed.kind is None:
        # A switch that takes any text too, of which none but the empty one is false.
        item, words = "boolean", ("True", "")
    return _bounded(
        replace(
            option,
            kind=item,
            choices=choices if item == "choice" else (),
            nargs="?" if nargs == "?" else None,
            words=words,
            const=const if storable(const) else None,
        ),
        kwargs.get("choices"),
    )


def _bounded(option: Option, choices: Any) -> Option:
    """A long range is two bounds."""
    if option.kind == "integer" and isinstance(choices, range) and choices and choices.step == 1:
        return replace(option, minimum=choices[0], maximum=choices[-1])
    return option


def _item(kind: Kind) -> Kind:
    return kind if kind != "list" else "text"


def _guess(default: Any, choices: tuple[Any, ...]) -> Kind:
    """The kind where no type is given: the default's, though argparse itself would keep a text."""
    first = default[0] if isinstance(default, list | tuple) and default else default
    found = kind_of_value(choices[0] if choices else first)
    return found if found is not None and found != "list" else "text"


def _flag(style: Any) -> Any:
    def make(option: Option, kwargs: dict[str, Any]) -> Option:
        return replace(option, kind="boolean", style=style)

    return make


def _boolean_optional(option: Option, kwargs: dict[str, Any]) -> Option:
    off = tuple("--no-" + flag[2:] for flag in option.flags if flag.startswith("--"))
    return replace(option, kind="boolean", style="boolean_optional", off=off)


def _count(option: Option, kwargs: dict[str, Any]) -> Option:
    return replace(option, kind="integer", style="count", minimum=0)


def _const(option: Option, kwargs: dict[str, Any]) -> Option:
    """A flag that stores a constant: switched on, or not. Several of them may share one dest."""
    const = kwargs.get("const")
    if isinstance(const, bool):
        return replace(option, kind="boolean", style="store_true" if const else "store_false")
    long = next(
        (flag for flag in option.flags if flag.startswith("--")), option.flags[0] if option.flags else ""
    )
    return replace(option, name=long.lstrip("-").replace("-", "_"), kind="boolean", style="store_true")


_SWITCHES = {
    "store_true": _flag("store_true"),
    "store_false": _flag("store_false"),
    "boolean_optional": _boolean_optional,
    "count": _count,
    "store_const": _const,
    "append_const": _const,
}


def help_text(value: Any, option: Option) -> str:
    """The help, with what argparse would put into it."""
    if not isinstance(value, str) or value == _NOTHING:
        return ""
    fields = {
        "default": option.computed or option.default,
        "dest": option.name,
        "type": {"integer": "int", "number": "float", "text": "str"}.get(option.kind, option.kind),
        "choices": ", ".join(map(str, option.choices)),
    }
    text = _FORMAT.sub(lambda m: "%" if m[0] == "%%" else str(fields.get(m[1], m[0])), value)
    return " ".join(text.split())[:2000]
