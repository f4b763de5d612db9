"""What a type annotation says of a value: `Optional[Literal["a", "b"]]`, `list[int]`, `tuple[float, float]`."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field, replace
from typing import Any

from danlu.scriptform.expressions import Expressions
from danlu.scriptform.kinds import enum_members, type_of
from danlu.scriptform.model import Kind
from danlu.scriptform.scope import Alias, Class, Scope, Thing
from danlu.scriptform.values import Ref, known

_LISTS = frozenset(
    {
        "list",
        "List",
        "Sequence",
        "Iterable",
        "Collection",
        "set",
        "Set",
        "frozenset",
        "FrozenSet",
        "MutableSequence",
    }
)
_SAME = frozenset({"Final", "ClassVar", "Required", "NotRequired", "Mutable", "Fixed", "SuppressPositional"})
_SKIPPED = frozenset({"dict", "Dict", "Mapping", "Callable", "type", "Type"})


@dataclass(frozen=True, slots=True)
class Annotation:
    """A type, as far as a command line is concerned.

    Attributes:
        kind: of the value; None where the annotation does not tell.
        item: of a list's items.
        nargs: the length of a tuple.
        choices: of a Literal or an Enum, by name for an Enum.
        optional: whether None is one of its values.
        nested: the dataclass that it is.
        several: the alternatives, where more than one is a class, with the name of each: a subcommand for some libraries.
        extras: what stands in an Annotated behind the type.
        marks: names of the wrappers around it, such as tyro.conf.Positional.
        takes: whether the value can be written on a command line at all.
    """

    kind: Kind | None = None
    item: Kind = "text"
    nargs: int | None = None
    choices: tuple[Any, ...] = ()
    members: dict[str, Any] = field(default_factory=dict)
    optional: bool = False
    nested: Class | None = None
    several: tuple[tuple[str, Class], ...] = ()
    extras: tuple[Any, ...] = ()
    marks: tuple[str, ...] = ()
    takes: bool = True


def annotation_of(reader: Expressions, node: ast.expr | None, scope: Scope, depth: int = 0) -> Annotation:
    """Read an annotation in its scope."""
    if node is None or depth > 8:
        return Annotation()
    if isinstance(node, ast.Constant):
        return _of_constant(reader, node, scope, depth)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _union(reader, [node.left, node.right], scope, depth)
    if isinstance(node, ast.Subscript):
        return _of_subscript(reader, node, scope, depth)
    value = reader.value(node, scope)
    if isinstance(value, Alias) and value.node is not node:
        return annotation_of(reader, value.node, value.scope, depth + 1)
    return _of_value(value)


def _of_value(value: Any) -> Annotation:
    if isinstance(value, Class):
        members = enum_members(value)
        if members:
            return Annotation(kind="choice", choices=tuple(members), members=members)
        return Annotation(nested=value)
    if not isinstance(value, Ref):
        return Annotation()
    last = value.name.rpartition(".")[2]
    if value.name == "builtins.bool":
        return Annotation(kind="boolean")
    if last in _LISTS or last in {"tuple", "Tuple"}:
        return Annotation(kind="list")
    if last in _SKIPPED:
        return Annotation(takes=False)
    return Annotation(kind=None if last == "Any" else type_of(value).kind)


def _of_constant(reader: Expressions, node: ast.Constant, scope: Scope, depth: int) -> Annotation:
    if node.value is None:
        return Annotation(optional=True)
    if isinstance(node.value, str) and len(node.value) < 500:
        try:
            inner = ast.parse(node.value, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return Annotation()
        # Its places are those of the text, not of the source: only names in it are looked up.
        for part in ast.walk(inner):
            ast.copy_location(part, node)
        return annotation_of(reader, inner, scope, depth + 1)
    return Annotation()


def _of_subscript(reader: Expressions, node: ast.Subscript, scope: Scope, depth: int) -> Annotation:
    value = reader.value(node.value, scope)
    name = value.name.rpartition(".")[2] if isinstance(value, Ref) else ""
    parts = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
    if name == "Annotated":
        inner = annotation_of(reader, parts[0], scope, depth + 1)
        extras = tuple(reader.value(part, scope) for part in parts[1:])
        marks = tuple(extra.name.rpartition(".")[2] for extra in extras if isinstance(extra, Ref))
        return replace(inner, extras=(*inner.extras, *extras), marks=(*inner.marks, *marks))
    if name == "Optional":
        return replace(annotation_of(reader, parts[0], scope, depth + 1), optional=True)
    if name == "Union":
        return _union(reader, parts, scope, depth)
    if name == "Literal":
        choices = tuple(part for part in (reader.value(part, scope) for part in parts) if known(part))
        real = tuple(choice for choice in choices if choice is not None)
        return Annotation(kind="choice", choices=real, optional=None in choices)
    if name in _LISTS:
        return _listed(annotation_of(reader, parts[0], scope, depth + 1), None)
    if name in {"tuple", "Tuple"}:
        inner = annotation_of(reader, parts[0], scope, depth + 1)
        endless = isinstance(parts[-1], ast.Constant) and parts[-1].value is ...
        kinds = {
            annotation_of(reader, part, scope, depth + 1).kind for part in parts[: None if not endless else 1]
        }
        inner = inner if len(kinds) == 1 else Annotation(kind="text")
        return _listed(inner, None if endless else len(parts))
    if name in _SKIPPED:
        return Annotation(takes=False)
    inner = annotation_of(reader, parts[0], scope, depth + 1)
    return inner if name in _SAME else replace(inner, marks=(*inner.marks, name))


def _listed(inner: Annotation, nargs: int | None) -> Annotation:
    if inner.nested is not None or inner.kind == "list" or not inner.takes:
        return Annotation(takes=False)
    return Annotation(
        kind="list", item=inner.kind or "text", choices=inner.choices, members=inner.members, nargs=nargs
    )


def _union(reader: Expressions, parts: list[ast.expr], scope: Scope, depth: int) -> Annotation:
    found = [annotation_of(reader, part, scope, depth + 1) for part in parts]
    none = [part for part in parts if isinstance(part, ast.Constant) and part.value is None]
    real = [item for item, part in zip(found, parts, strict=True) if part not in none]
    optional = bool(none) or any(item.optional for item in real)
    nested = [(_name_of(item), item.nested) for item in real if item.nested is not None]
    nested += [one for item in real for one in item.several]
    if len(nested) > 1:
        return Annotation(several=tuple(nested), optional=optional)
    if len(real) == 1:
        return replace(real[0], optional=optional)
    kinds = {item.kind for item in real}
    if kinds == {"integer", "number"}:
        return Annotation(kind="number", optional=optional)
    plain = bool(real) and all(item.takes and item.nested is None for item in real)
    return Annotation(kind="text" if plain else None, optional=optional, takes=plain)


class Subcommand(Thing):
    """What `tyro.conf.subcommand` returns."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


def _name_of(said: Annotation) -> str:
    """The subcommand's name of one of several classes: a given one, or TrainConfig as train-config."""
    given = next((extra.name for extra in said.extras if isinstance(extra, Subcommand) and extra.name), "")
    return given or kebab(said.nested.node.name if said.nested else "")


def kebab(name: str) -> str:
    """A class's name in lower case with dashes."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).replace("_", "-").lower()
