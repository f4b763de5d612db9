"""What a script defines and imports."""

from __future__ import annotations

import ast
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from danlu.scriptform.calls import Calls, Handler
from danlu.scriptform.model import ScriptError
from danlu.scriptform.scope import Call, Class, Function, Scope, Thing
from danlu.scriptform.source import Source
from danlu.scriptform.values import Ref

MOST_CHARACTERS = 1_000_000
"""Of the modules beside a script that are read with it."""

Find = Callable[[str], str | None]
"""The source of a module that stands beside the script, by its dotted name; None where there is none."""


class Definitions(Calls):
    """Reads definitions and imports."""

    def __init__(self, handlers: Mapping[str, Handler], find: Find | None) -> None:
        super().__init__(handlers)
        self.find = find
        self.modules: dict[str, Scope | None] = {}
        self.defined: list[Function] = []
        self._room = MOST_CHARACTERS

    @abstractmethod
    def block(self, body: list[ast.stmt], scope: Scope) -> None:
        """Read statements in order; ends at a return."""

    @abstractmethod
    def branch(self, body: list[ast.stmt], scope: Scope) -> None:
        """Read statements that may end a function, or not."""

    def _import(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            if alias.asname:
                scope.names[alias.asname] = Ref(alias.name)
            else:
                first = alias.name.partition(".")[0]
                scope.names[first] = Ref(first)

    def _importfrom(self, node: ast.ImportFrom, scope: Scope) -> None:
        name = self._source_of(node, scope)
        for alias in node.names:
            if alias.name == "*":
                module = self.module(name)
                scope.names.update(module.names if module else {})
            else:
                # Looked up when it is used: most of what is imported has nothing to do with the command line.
                whole = f"{name}.{alias.name}" if name else alias.name
                scope.names[alias.asname or alias.name] = Ref(whole)

    def _source_of(self, node: ast.ImportFrom, scope: Scope) -> str:
        """The module of a `from … import`, by its whole name."""
        name = node.module or ""
        if not node.level:
            return name
        parts = [] if scope.module == "__main__" else scope.module.split(".")
        # A package's own module is one level further down than a module in it.
        whole = ""
        for count in (len(parts) - node.level + 1, len(parts) - node.level):
            whole = ".".join([*parts[: max(count, 0)], *([name] if name else [])])
            if self.find is not None and whole and self.find(whole) is not None:
                break
        return whole

    def member(self, dotted: str) -> Any:
        """What a dotted name of a module stands for, where that module stands beside the script."""
        name, _, last = dotted.rpartition(".")
        module = self.module(name) if name and self.find is not None else None
        if module is None or last not in module.names:
            return Ref(dotted)
        found = module.names[last]
        return self.member(found.name) if isinstance(found, Ref) and found.name != dotted else found

    def module(self, name: str) -> Scope | None:
        """A module beside the script, read like the script; None where there is none."""
        if name in self.modules or self.find is None:
            return self.modules.get(name)
        self.modules[name] = None
        text = self.find(name) if self._room > 0 else None
        if text is None:
            return None
        self._room -= len(text)
        try:
            scope = Scope(Source(text, name), module=name)
        except ScriptError:
            return None  # it is the script that is judged; what it imports fails when it is imported
        scope.names["__name__"] = name
        self.modules[name] = scope
        self.branch(scope.source.tree.body, scope)
        return scope

    def _functiondef(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
        function = Function(node, scope)
        self.defined.append(function)
        scope.names[node.name] = self.decorated(function, node.decorator_list, scope)

    _asyncfunctiondef = _functiondef

    def _classdef(self, node: ast.ClassDef, scope: Scope) -> None:
        found = Class(node, scope, [self.value(base, scope) for base in node.bases])
        body = Scope(scope.source, scope, scope.module)
        for statement in node.body:
            if isinstance(statement, ast.Assign | ast.AnnAssign | ast.ClassDef):
                self.block([statement], body)
            elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                self.defined.append(Function(statement, scope, bound=found))
        found.attributes.update(body.names)
        scope.names[node.name] = self.decorated(found, node.decorator_list, scope)

    def decorated(self, what: Any, decorators: list[ast.expr], scope: Scope) -> Any:
        """What remains under the name of something with decorators."""
        for decorator in reversed(decorators):
            node = decorator if isinstance(decorator, ast.Call) else _called(decorator)
            maker = self.value(node.func, scope)
            call = self.arguments(node, scope)
            call = Call([what, *call.args], call.kwargs, node, scope)
            if isinstance(maker, Ref) and (handler := self.handlers.get(f"@{maker.name}")):
                what = handler(self, call)
            elif isinstance(maker, Function):
                what = self._applied(maker, what, decorator, call)
            elif isinstance(node.func, ast.Attribute):
                # A method of an object, such as `@app.command()`.
                owner = self.value(node.func.value, scope)
                found = owner.call(f"@{node.func.attr}", call) if isinstance(owner, Thing) else None
                what = found if isinstance(found, Thing) else what
        return what

    def _applied(self, maker: Function, what: Any, decorator: ast.expr, call: Call) -> Any:
        """What a decorator of the script's own makes: kept only where it adds options and returns what it was given."""
        if isinstance(decorator, ast.Call):
            inner = self.enter(maker, call.args[1:], call.kwargs)
            found = self.enter(inner, [what], {}) if isinstance(inner, Function) else what
        else:
            found = self.enter(maker, [what], {})
        return found if isinstance(found, Thing) else what


def _called(decorator: ast.expr) -> ast.Call:
    return ast.copy_location(ast.Call(func=decorator, args=[], keywords=[]), decorator)
