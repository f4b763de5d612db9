"""The fields of a dataclass and the parameters of a function, with their defaults and what is said of them."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Any

from danlu.scriptform.annotations import Annotation, annotation_of
from danlu.scriptform.calls import Calls, Handler
from danlu.scriptform.scope import Call, Class, Function, Scope, Thing
from danlu.scriptform.values import Ref, Unknown

MISSING = object()
"""The default of a field that has none."""


class FieldSpec(Thing):
    """What `field(default=…, metadata=…)` returns."""

    def __init__(self, default: Any, metadata: dict[str, Any], *, init: bool) -> None:
        super().__init__()
        self.default = default
        self.metadata = metadata
        self.init = init


@dataclass(slots=True)
class Field:
    """One field or parameter.

    Attributes:
        name: in the source.
        annotation: its type.
        default: its value, Unknown where only running tells, `MISSING` where it has none.
        text: the default's source.
        help: from metadata, the docstring below it, or the comment beside or above it.
        metadata: of a dataclass's field.
        keyword_only: a parameter behind the star.
    """

    name: str
    annotation: Annotation
    default: Any = MISSING
    text: str = ""
    help: str = ""
    metadata: dict[str, Any] | None = None
    keyword_only: bool = False


def field_spec(calls: Calls, call: Call) -> Any:
    """The handler of dataclasses.field, and of the functions of other libraries that are like it."""
    default = call.kwargs.get("default", MISSING)
    factory = call.kwargs.get("default_factory", call.kwargs.get("factory"))
    if factory is not None:
        if isinstance(factory, Ref) and factory.name in {"builtins.list", "builtins.dict", "builtins.tuple"}:
            default = [] if factory.name != "builtins.dict" else {}
        else:
            default = calls.call(factory, Call([], {}, call.node, call.scope))
    elif default is MISSING and call.args and not _is_dataclasses(call):
        default = call.args[0]
    if default is ...:
        default = MISSING
    metadata = call.kwargs.get("metadata")
    found = dict(metadata) if isinstance(metadata, dict) else {}
    for name in ("help", "description"):
        if isinstance(call.kwargs.get(name), str):
            found.setdefault("help", call.kwargs[name])
    for name in ("alias", "aliases", "choices", "positional"):
        if name in call.kwargs:
            found.setdefault(name, call.kwargs[name])
    return FieldSpec(default, found, init=call.kwargs.get("init") is not False)


def _is_dataclasses(call: Call) -> bool:
    return isinstance(call.node.func, ast.Name) and call.node.func.id == "field"


def is_dataclass(kind: Class) -> bool:
    """Whether its annotated names are fields: a dataclass, an attrs or pydantic class, or one like these."""
    if any(_TELLING.search(root) for root in kind.roots()):
        return True
    for item in kind.lineage():
        for decorator in item.node.decorator_list:
            target = decorator.func if isinstance(decorator, ast.Call) else decorator
            name = target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")
            if _TELLING.search(name):
                return True
    return False


_TELLING = re.compile(
    r"dataclass|configclass|(^|\.)(define|frozen|attrs?|s)$|BaseModel|BaseSettings|\bTap$|PrintableConfig"
)


def fields_of(calls: Calls, kind: Class) -> list[Field]:
    """The fields of a class and of those of the script from which it comes, bases first."""
    found: dict[str, Field] = {}
    for item in reversed(kind.lineage()):
        source = item.scope.source
        scope = Scope(source, item.scope, item.scope.module)
        scope.names.update(item.attributes)
        for place, node in enumerate(item.node.body):
            if (
                isinstance(node, ast.Assign)
                and isinstance(node.targets[0], ast.Name)
                and node.targets[0].id in found
            ):
                before = found[node.targets[0].id]  # a subclass's other default
                before.default, before.text = (
                    item.attributes.get(before.name, Unknown()),
                    source.cut(node.value),
                )
            if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
                continue
            name = node.target.id
            if "ClassVar" in ast.dump(node.annotation)[:200]:
                continue
            value = item.attributes.get(name, MISSING) if node.value is not None else MISSING
            text = source.cut(node.value) if node.value is not None else ""
            metadata: dict[str, Any] = {}
            if isinstance(value, FieldSpec):
                if not value.init:
                    continue
                value, metadata = value.default, value.metadata
            field = Field(name, annotation_of(calls, node.annotation, scope), value, text, metadata=metadata)
            field.help = _help(metadata, item, place, node)
            found.pop(name, None)
            found[name] = field
    return list(found.values())


def _help(metadata: dict[str, Any], kind: Class, place: int, node: ast.AnnAssign) -> str:
    given = metadata.get("help")
    if isinstance(given, str):
        return _line(given)
    body = kind.node.body
    below = body[place + 1] if place + 1 < len(body) else None
    if (
        isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    ):
        return _line(below.value.value)
    source = kind.scope.source
    comments = source.comments()
    beside = comments.get(node.end_lineno or node.lineno)
    if beside:
        return beside
    said = documented(ast.get_docstring(kind.node) or "")
    if isinstance(node.target, ast.Name) and node.target.id in said:
        return said[node.target.id]
    above: list[str] = []
    line = node.lineno - 1
    while line > 0 and line in comments and source.lines[line - 1].lstrip().startswith("#"):
        above.insert(0, comments[line])
        line -= 1
    return _line(" ".join(above))


def _line(text: str) -> str:
    return " ".join(text.split())[:2000]


def parameters_of(calls: Calls, function: Function) -> list[Field]:
    """The parameters of a function, without `self`, `*args` and `**kwargs`."""
    node, scope = function.node, function.scope
    spec = node.args
    said = documented(ast.get_docstring(node) or "") if not isinstance(node, ast.Lambda) else {}
    comments = scope.source.comments()
    plain = [*spec.posonlyargs, *spec.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(spec.defaults)) + list(spec.defaults)
    found = []
    for item, default, keyword in [
        *((item, default, False) for item, default in zip(plain, defaults, strict=True)),
        *((item, default, True) for item, default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True)),
    ]:
        if item.arg in {"self", "cls"}:
            continue
        field = Field(item.arg, annotation_of(calls, item.annotation, scope), keyword_only=keyword)
        if default is not None:
            field.default, field.text = calls.value(default, scope), scope.source.cut(default)
        alone = sum(other.lineno == item.lineno for other in (*plain, *spec.kwonlyargs)) == 1
        field.help = said.get(item.arg) or (comments.get(item.lineno, "") if alone else "")
        found.append(field)
    return found


_GOOGLE = re.compile(r"^(\s+)(\*{0,2}\w+)\s*(?:\([^)\n]*\))?\s*:\s*(.*)$")
_SPHINX = re.compile(r":param\s+(?:[\w\[\], ]+\s)?(\w+):\s*(.*)")
_SECTION = re.compile(r"^\s*(Args|Arguments|Parameters|Attributes)\s*:?\s*$")


def documented(docstring: str) -> dict[str, str]:
    """What a docstring says of each parameter: Google's and Sphinx's ways of writing it."""
    found = {match[1]: _line(match[2]) for match in _SPHINX.finditer(docstring)}
    inside, indent, name = False, 0, ""
    for line in docstring.splitlines():
        if _SECTION.match(line):
            inside, indent, name = True, 0, ""
            continue
        if not inside:
            continue
        match = _GOOGLE.match(line)
        depth = len(line) - len(line.lstrip())
        if match and (not indent or depth <= indent):
            indent, name = depth, match[2].lstrip("*")
            found[name] = _line(match[3])
        elif line.strip() and depth <= indent and not match:
            inside = depth > 0 and not indent
        elif line.strip() and name:
            found[name] = _line(f"{found[name]} {line}")
    return found


FIELD_HANDLERS: dict[str, Handler] = dict.fromkeys(
    (
        "dataclasses.field", "simple_parsing.field", "simple_parsing.helpers.field", "simple_parsing.helpers.fields.field",
        "pydantic.Field", "pydantic.fields.Field", "attr.ib", "attr.field", "attrs.field", "draccus.field", "pyrallis.field",
        "simple_parsing.mutable_field", "simple_parsing.list_field",
    ),
    field_spec,
)  # fmt: skip
