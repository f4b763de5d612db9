"""What is known of a script's command line: a form that can be stored as JSON and shown as a JSON Schema."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Literal, Self

FormKind = Literal["argparse", "dataclass", "click", "typer", "constants", "none"]
Kind = Literal["integer", "number", "boolean", "choice", "text", "list"]
Style = Literal["value", "store_true", "store_false", "boolean_optional", "append", "count", "subcommand"]

_TYPES = {"integer": "integer", "number": "number", "boolean": "boolean", "text": "string", "list": "array"}


class ScriptError(Exception):
    """A source that is no Python.

    Attributes:
        message: what is wrong, in a few words.
        line: the first line of it, from 1; 0 where it concerns the whole file.
        column: from 1; 0 where it is not known.
    """

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column

    def __str__(self) -> str:
        """The message with its place."""
        return f"line {self.line}, column {self.column}: {self.message}" if self.line else self.message


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that can be set.

    Attributes:
        name: key in params: argparse's dest, the field's name (dotted in a nested one), the constant's name.
        kind: of its value; a `list` has items of the kind `item`.
        flags: as the script knows them, the one that is written first; none for positionals and constants.
        off: flags that say no, of a boolean.
        default: as the script has it; None where it has none, or one that is not known (see `computed`).
        computed: the source text of a default that cannot be known without running the script; else "".
        required: the script refuses to run without it.
        choices: the values that it takes, of a `choice` and of a list of choices.
        positional: it stands on the command line without a flag.
        nargs: as argparse has it: None, a number, "?", "*", "+" or "...".
        style: how it is written; "subcommand" is the word that chooses a subcommand.
        const: the value of a flag that stands alone, where it may (`nargs` "?").
        words: what stands on the command line for yes and for no, of a boolean with a value.
        none: the word for None; "" where None cannot be said.
        joined: written as `--flag=value` always.
        extends: items on the command line are appended to the default instead of taking its place.
        group: the title under which the script lists it.
        subcommand: the subcommand to which it belongs; "" for the script itself.
        minimum, maximum: inclusive bounds of a number.
    """

    name: str
    kind: Kind = "text"
    flags: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    default: Any = None
    computed: str = ""
    required: bool = False
    choices: tuple[Any, ...] = ()
    help: str = ""
    positional: bool = False
    nargs: int | str | None = None
    style: Style = "value"
    item: Kind = "text"
    const: Any = None
    words: tuple[str, str] = ("True", "False")
    none: str = ""
    joined: bool = False
    extends: bool = False
    group: str = ""
    subcommand: str = ""
    minimum: float | None = None
    maximum: float | None = None

    @property
    def nullable(self) -> bool:
        """Whether None is one of its values."""
        return bool(self.none) or (self.default is None and not self.required and not self.computed)

    def to_dict(self) -> dict[str, Any]:
        """As JSON; what is as usual is left out."""
        found: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.default is MISSING or value != field.default or type(value) is not type(field.default):
                found[field.name] = list(value) if isinstance(value, tuple) else value
        return found

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`; keys of a later version are left out.

        Raises:
            KeyError: it has no name.
        """
        known = {field.name: field.default for field in fields(cls)}
        given = {key: value for key, value in data.items() if key in known}
        tuples = {key: tuple(value) for key, value in given.items() if isinstance(known[key], tuple)}
        return cls(**{"name": data["name"], **given, **tuples})

    def schema(self) -> dict[str, Any]:
        """Its part of the JSON Schema."""
        inner = self._type()
        found: dict[str, Any] = {"title": self.name}
        if self.help:
            found["description"] = self.help
        if self.nullable:
            found["anyOf"] = [inner, {"type": "null"}]
        else:
            found.update(inner)
        if not self.required and not self.computed:
            found["default"] = self.default
        return found

    def _type(self) -> dict[str, Any]:
        if self.kind == "choice":
            return {"enum": list(self.choices)}
        found: dict[str, Any] = {"type": _TYPES[self.kind]}
        if self.kind == "list":
            found["items"] = (
                {"enum": list(self.choices)} if self.choices else {"type": _TYPES.get(self.item, "string")}
            )
            if isinstance(self.nargs, int) and self.style != "append":
                found["minItems"] = found["maxItems"] = self.nargs
        if self.minimum is not None:
            found["minimum"] = self.minimum
        if self.maximum is not None:
            found["maximum"] = self.maximum
        return found


@dataclass(frozen=True, slots=True)
class ScriptForm:
    """A script's command line, as far as it can be read without running it.

    Attributes:
        kind: what reads it: "constants" are values in the source, "none" says that nothing could be read.
        options: in the order of the source.
        summary: what the script says of itself, in a few lines at most.
        subcommands: their names; the option whose style is "subcommand" chooses among them.
        notes: what a person should know who relies on the form, one sentence each.
    """

    kind: FormKind
    options: tuple[Option, ...] = ()
    summary: str = ""
    subcommands: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "kind": self.kind,
            "summary": self.summary,
            "subcommands": list(self.subcommands),
            "notes": list(self.notes),
            "options": [option.to_dict() for option in self.options],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`.

        Raises:
            KeyError: the kind, or an option's name, is missing.
        """
        return cls(
            kind=data["kind"],
            options=tuple(Option.from_dict(option) for option in data.get("options", ())),
            summary=data.get("summary", ""),
            subcommands=tuple(data.get("subcommands", ())),
            notes=tuple(data.get("notes", ())),
        )

    def schema(self) -> dict[str, Any]:
        """A JSON Schema of its params: an object whose properties stand in source order.

        An option without a known default has none here either. Options of subcommands are never required.
        """
        found: dict[str, Any] = {
            "type": "object",
            "properties": {option.name: option.schema() for option in self.options},
        }
        required = [option.name for option in self.options if option.required and not option.subcommand]
        if required:
            found["required"] = required
        if self.summary:
            found["description"] = self.summary
        if self.kind != "none":
            found["additionalProperties"] = False
        return found

    def option(self, name: str) -> Option | None:
        """The option of that name."""
        return next((option for option in self.options if option.name == name), None)


def storable(value: Any) -> bool:
    """Whether it is a JSON value that the database takes: finite, 64 bits, no NUL, no lone surrogate."""
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= char <= "\udfff" for char in value)
    if value is None or isinstance(value, bool):
        return True
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, list) and len(value) <= 1000 and all(storable(item) for item in value)
