"""Constants of a module as a form, and their values replaced in its source."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from danlu.scriptform import values
from danlu.scriptform.kinds import kind_of_value, with_default
from danlu.scriptform.model import Option, ScriptForm, storable
from danlu.scriptform.source import Source
from danlu.scriptform.values import Unknown, known

_UPPER = re.compile(r"[A-Z][A-Z0-9_]*\Z")
_USUAL = re.compile(
    r"(n_|num_|max_|min_)?(lr|learning_rate|batch_size|epochs?|steps|iters|iterations|hidden(_size|_dim|_units)?|seed|"
    r"momentum|weight_decay|dropout|gamma|beta[12]?|alpha|eps(ilon)?|temperature|layers|heads|n_?layer|n_?head|n_?embd|"
    r"embed(ding)?_dim|block_size|warmup(_steps|_iters)?|grad_clip|patience|image_size|latent_dim|sequence_length)\Z"
)
_CONFIGURATOR = re.compile(r"exec\(\s*open\(\s*['\"][^'\"]*configurator\.py['\"]")
_LONGEST = 2000


class Constant:
    """A name that is given a literal, once, at the top of a module."""

    def __init__(self, name: str, node: ast.expr, value: Any, line: int) -> None:
        self.name = name
        self.node = node
        self.value = value
        self.line = line


def constants_of(source: Source) -> list[Constant]:
    """The literals that top-level names of a module stand for, in order; those bound twice are left out."""
    found: dict[str, Constant] = {}
    for statement in source.tree.body:
        target, node = _assignment(statement)
        if target and node is not None and target not in found:
            value = literal(node)
            if not isinstance(value, Unknown):
                found[target] = Constant(target, node, value, statement.lineno)
    bound = _bound(source.tree)
    return [constant for name, constant in found.items() if bound[name] == 1]


def _assignment(statement: ast.stmt) -> tuple[str, ast.expr | None]:
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign):
        target = statement.target
    else:
        return "", None
    return (target.id, statement.value) if isinstance(target, ast.Name) else ("", None)


def _bound(tree: ast.Module) -> dict[str, int]:
    """How often each name is bound in the module's own scope."""
    count: dict[str, int] = {}
    todo: list[ast.AST] = list(tree.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Global):
            names = node.names
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            names = [node.id]
        else:
            names = []
        for name in names:
            count[name] = count.get(name, 0) + 1
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            todo += [inner for inner in ast.walk(node) if isinstance(inner, ast.Global)]
        else:
            todo += ast.iter_child_nodes(node)
    return count


def literal(node: ast.expr, depth: int = 0) -> Any:
    """A literal's value: numbers and their arithmetic, texts, booleans, flat lists of these; else Unknown."""
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float | str):
        return node.value if storable(node.value) else Unknown()
    if isinstance(node, ast.List | ast.Tuple) and depth == 0:
        items = [literal(item, 1) for item in node.elts]
        return list(items) if items and known(items) else Unknown()
    if depth > 20:
        return Unknown()
    if isinstance(node, ast.UnaryOp):
        return _number(values.unary(node.op, literal(node.operand, depth + 1)))
    if isinstance(node, ast.BinOp):
        left, right = literal(node.left, depth + 1), literal(node.right, depth + 1)
        return _number(values.binary(node.op, left, right))
    return Unknown()


def _number(value: Any) -> Any:
    return value if isinstance(value, int | float) and storable(value) else Unknown()


def constants_form(source: Source) -> ScriptForm | None:
    """The constants of a script without a command line; None where it has none.

    UPPER_CASE names; names that hyper-parameters usually have; and, before nanoGPT's configurator, all of them.
    """
    match = _CONFIGURATOR.search(source.text)
    until = source.text.count("\n", 0, match.start()) + 1 if match else 0
    options = [_option(source, item) for item in constants_of(source) if _offered(item, until)]
    if not options:
        return None
    notes = ["The script reads no command line; these are constants of its source, replaced when it is run."]
    if match:
        notes = [
            "These are variables of the script's source, replaced when it is run; its configurator reads --name=value too."
        ]
    return ScriptForm(kind="constants", options=tuple(options), summary=_summary(source), notes=tuple(notes))


def _offered(item: Constant, until: int) -> bool:
    if isinstance(item.value, str) and len(item.value) > _LONGEST:
        return False
    if _UPPER.match(item.name) or item.line < until:
        return not item.name.startswith("_")
    return bool(_USUAL.match(item.name)) and not isinstance(item.value, str)


def _option(source: Source, item: Constant) -> Option:
    kind = kind_of_value(item.value) or "text"
    option = Option(name=item.name, kind=kind, help=source.comments().get(item.line, ""))
    if kind == "list":
        kinds = {kind_of_value(part) for part in item.value}
        inner = kinds.pop() if len(kinds) == 1 else "number" if kinds == {"integer", "number"} else "text"
        option = replace(option, item=inner or "text")
    return with_default(option, item.value)


def _summary(source: Source) -> str:
    text = ast.get_docstring(source.tree) or ""
    return " ".join(text.split("\n\n")[0].split())[:500]


def patch_constants(source: str, values: Mapping[str, Any]) -> str:
    """The source with the literals of top-level names replaced; nothing else changes, and every line keeps its number.

    Args:
        source: a script.
        values: integers, numbers, booleans, texts, or lists of these, by name.

    Raises:
        ScriptError: the source is no Python.
        ValueError: a name that is no constant of it, or a value of another kind; the message names it.
    """
    parsed = Source(source, "script")
    known_here = {constant.name: constant for constant in constants_of(parsed)}
    edits: list[tuple[int, int, str]] = []
    for name, value in values.items():
        constant = known_here.get(name)
        if constant is None:
            listed = ", ".join(known_here) or "none"
            raise ValueError(f"{name} is not a constant at the top of the script (it has {listed})")
        if value == constant.value and type(value) is type(constant.value):
            continue
        start, end = parsed.span(constant.node)
        edits.append((start, end, _written(constant, value, parsed.text[start:end])))
    text = parsed.text
    for start, end, written in sorted(edits, reverse=True):
        text = text[:start] + written + text[end:]
    return "\ufeff" + text if source.startswith("\ufeff") else text


def _written(constant: Constant, value: Any, before: str) -> str:
    """The new literal, which takes as many lines as the old one."""
    if not _fits(constant.value, value):
        raise ValueError(
            f"{constant.name} must be of the kind of {constant.value!r} in the script; got {value!r}"
        )
    if isinstance(constant.value, float) and isinstance(value, int):
        value = float(value)
    if isinstance(constant.node, ast.Tuple):
        text = repr(tuple(value))
        text = text if before.startswith("(") else f"({text})"
    else:
        text = repr(value)
    ends = re.findall(r"\r\n|\r|\n", before)
    return f"({text}{''.join(ends)})" if ends else text


def _fits(old: Any, new: Any) -> bool:
    if isinstance(old, list):
        scalar = all(isinstance(item, bool | int | float | str) and storable(item) for item in new or ())
        return isinstance(new, list) and scalar
    if isinstance(old, bool) or isinstance(new, bool):
        return isinstance(old, bool) and isinstance(new, bool)
    if isinstance(old, float):
        return isinstance(new, int | float) and storable(new)
    return isinstance(new, type(old)) and storable(new)
