"""Follows a script as far as its command line goes, without running any of it.

Statements are read in the order in which Python would run them: functions are entered when they are called, both
ways of a branch are taken where its condition is not known, and loops are gone through once, or for each item of a
constant list. What cannot be known is `Unknown`; effort is bounded.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Mapping
from typing import Any

from danlu.scriptform.calls import Handler
from danlu.scriptform.definitions import Definitions, Find
from danlu.scriptform.expressions import EFFORT
from danlu.scriptform.scope import Class, Enough, Function, Scope, Thing
from danlu.scriptform.source import Source
from danlu.scriptform.values import Unknown, binary, known

_LOOP = 64
_DEPTH = 24


class _Returned(Exception):
    """A function's end."""


class Reader(Definitions):
    """Reads one script.

    Args:
        source: the script.
        handlers: see `Calls`.
        find: where modules beside the script are looked up.

    Attributes:
        records: what handlers noted: parsers, calls of libraries.
        defined: the functions and methods, in order.
        entered: the functions that were called, by the id of their node.
        spent: the script was too much to be read to its end.
    """

    def __init__(self, source: Source, handlers: Mapping[str, Handler], find: Find | None = None) -> None:
        super().__init__(handlers, find)
        self.scope = Scope(source)
        self.entered: set[int] = set()
        self.returns: list[list[Any]] = []
        self.spent = False
        self._instances: dict[int, Thing] = {}

    def read(self) -> None:
        """Read the whole script."""
        self.scope.names["__name__"] = "__main__"
        self.scope.names["__file__"] = self.scope.source.filename
        self.scope.names["__doc__"] = ast.get_docstring(self.scope.source.tree)
        try:
            self.branch(self.scope.source.tree.body, self.scope)
        except (Enough, RecursionError):
            self.spent = not self.satisfied
        self.effort = EFFORT

    def read_function(self, function: Function) -> None:
        """Read a function that nothing has called, with unknown arguments; methods of a class share one instance."""
        kind = function.bound
        if isinstance(kind, Class):
            instance = self._instances.setdefault(id(kind.node), Thing(kind))
            function.bound = None if function.decorated("staticmethod") else instance
        try:
            self.enter(function, [], {})
        except (Enough, RecursionError):
            self.spent = not self.satisfied
        self.effort = EFFORT

    def enter(self, function: Function, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """The result of calling a function of the script."""
        node = function.node
        if len(self.returns) >= _DEPTH:
            return Unknown()
        self.entered.add(id(node))
        scope = Scope(function.scope.source, function.scope, function.scope.module)
        self.bind_arguments(function, args, kwargs, scope)
        if isinstance(node, ast.Lambda):
            return self.value(node.body, scope)
        self.returns.append([])
        try:
            self.branch(node.body, scope)
        finally:
            found = self.returns.pop()
        things = [item for item in found if not known(item) and not isinstance(item, Unknown)]
        if things:
            return things[-1]
        same = (
            known(found)
            and found
            and all(type(item) is type(found[0]) and item == found[0] for item in found)
        )
        return found[0] if same else Unknown()

    def block(self, body: list[ast.stmt], scope: Scope) -> None:
        """Read statements in order; ends at a return."""
        for statement in body:
            self.spend()
            visit = getattr(self, f"_{type(statement).__name__.lower()}", None)
            if visit is not None:
                visit(statement, scope)

    def _expr(self, node: ast.Expr, scope: Scope) -> None:
        self.value(node.value, scope)

    def _assign(self, node: ast.Assign, scope: Scope) -> None:
        value = self.value(node.value, scope)
        for target in node.targets:
            self.bind(target, value, scope)

    def _annassign(self, node: ast.AnnAssign, scope: Scope) -> None:
        if node.value is not None:
            self.bind(node.target, self.value(node.value, scope), scope)

    def _augassign(self, node: ast.AugAssign, scope: Scope) -> None:
        if isinstance(node.target, ast.Name):
            before, more = scope.get(node.target.id), self.value(node.value, scope)
            self.bind(node.target, binary(node.op, before, more), scope)
        else:
            self.value(node.value, scope)

    def bind(self, target: ast.expr, value: Any, scope: Scope) -> None:
        """Give a name, an attribute or a tuple of these its value."""
        if isinstance(target, ast.Name):
            scope.names[target.id] = value
        elif isinstance(target, ast.Tuple | ast.List):
            items = value if isinstance(value, list | tuple) and len(value) == len(target.elts) else None
            for place, part in enumerate(target.elts):
                self.bind(part, items[place] if items else Unknown(), scope)
        elif isinstance(target, ast.Starred):
            self.bind(target.value, Unknown(), scope)
        elif isinstance(target, ast.Attribute):
            owner = self.value(target.value, scope)
            if isinstance(owner, Thing | Class):
                owner.attributes[target.attr] = value
        elif isinstance(target, ast.Subscript):
            owner, key = self.value(target.value, scope), self.value(target.slice, scope)
            if isinstance(owner, dict) and isinstance(key, str | int):
                owner[key] = value

    def _if(self, node: ast.If, scope: Scope) -> None:
        test = self.value(node.test, scope)
        if known(test):
            self.block(node.body if test else node.orelse, scope)
            return
        before = dict(scope.names)
        self.branch(node.body, scope)
        one, scope.names = scope.names, dict(before)
        self.branch(node.orelse, scope)
        scope.names = _merged(one, scope.names)

    def branch(self, body: list[ast.stmt], scope: Scope) -> None:
        """Read statements that may end a function, or not."""
        with contextlib.suppress(_Returned):
            self.block(body, scope)

    def _for(self, node: ast.For | ast.AsyncFor, scope: Scope) -> None:
        items = self.value(node.iter, scope)
        adds = any(isinstance(part, ast.Attribute) and part.attr == "add_argument" for part in ast.walk(node))
        if adds and isinstance(items, list | tuple | range | dict) and len(items) <= _LOOP:
            for item in items:
                self.bind(node.target, item, scope)
                self.block(node.body, scope)
        else:
            self.bind(node.target, Unknown(), scope)
            self._once(node.body, scope)
        self.block(node.orelse, scope)

    _asyncfor = _for

    def _while(self, node: ast.While, scope: Scope) -> None:
        self.value(node.test, scope)
        self._once(node.body, scope)
        self.block(node.orelse, scope)

    def _once(self, body: list[ast.stmt], scope: Scope) -> None:
        """A loop that runs nobody knows how often: what it changes is not known."""
        before = dict(scope.names)
        self.branch(body, scope)
        scope.names = _merged(before, scope.names)

    def _with(self, node: ast.With | ast.AsyncWith, scope: Scope) -> None:
        for item in node.items:
            value = self.value(item.context_expr, scope)
            if item.optional_vars is not None:
                self.bind(item.optional_vars, value, scope)
        self.block(node.body, scope)

    _asyncwith = _with

    def _try(self, node: ast.Try, scope: Scope) -> None:
        self.block(node.body, scope)
        before = dict(scope.names)
        for handler in node.handlers:
            self.branch(handler.body, scope)
        # Handlers bind what the body failed to: `except ImportError: tqdm = None`.
        scope.names = {**scope.names, **before}
        self.block(node.orelse, scope)
        self.block(node.finalbody, scope)

    _trystar = _try

    def _match(self, node: ast.Match, scope: Scope) -> None:
        self.value(node.subject, scope)
        for case in node.cases:
            self.branch(case.body, scope)

    def _return(self, node: ast.Return, scope: Scope) -> None:
        value = self.value(node.value, scope) if node.value is not None else None
        if self.returns:
            self.returns[-1].append(value)
        raise _Returned

    def _raise(self, _node: ast.Raise, _scope: Scope) -> None:
        raise _Returned


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Names after two ways: what they agree about, and objects rather than nothing."""
    found = dict(other)
    for name, value in one.items():
        if name not in other or isinstance(other[name], Unknown):
            found[name] = value
        elif (
            value is not other[name]
            and known(value)
            and (type(value) is not type(other[name]) or value != other[name])
        ):
            found[name] = Unknown() if known(other[name]) else other[name]
    return found
