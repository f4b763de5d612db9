"""The values of a script's expressions, as far as they are known."""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from typing import Any

from danlu.scriptform import values
from danlu.scriptform.scope import Alias, Class, Enough, Function, Scope, Thing
from danlu.scriptform.values import MOST, Ref, Unknown, attempt, known

EFFORT = 200_000
"""Statements and expressions that are looked at for one script."""
_NESTED = 60


class Expressions(ABC):
    """Evaluates expressions in a scope."""

    def __init__(self) -> None:
        self.effort = EFFORT
        self._depth = 0

    @abstractmethod
    def enter(self, function: Function, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """The result of calling a function of the script."""

    @abstractmethod
    def member(self, dotted: str) -> Any:
        """What a dotted name of a module stands for."""

    @abstractmethod
    def bind(self, target: ast.expr, value: Any, scope: Scope) -> None:
        """Give a target its value."""

    def spend(self) -> None:
        """Count one step."""
        self.effort -= 1
        if self.effort < 0:
            raise Enough

    def value(self, node: ast.expr, scope: Scope) -> Any:
        """The value of an expression; Unknown, with its text, where it is not known."""
        self.spend()
        visit = getattr(self, f"_{type(node).__name__.lower()}_value", None)
        if visit is None or self._depth > _NESTED:
            return Unknown(scope.source.cut(node))
        self._depth += 1
        try:
            found = visit(node, scope)
        finally:
            self._depth -= 1
        if isinstance(found, Unknown) and not found.text:
            return Unknown(scope.source.cut(node))
        return found

    def _constant_value(self, node: ast.Constant, scope: Scope) -> Any:
        return Unknown() if isinstance(node.value, complex) or node.value is ... else node.value

    def _name_value(self, node: ast.Name, scope: Scope) -> Any:
        found = scope.get(node.id)
        return self.member(found.name) if isinstance(found, Ref) else found

    def _attribute_value(self, node: ast.Attribute, scope: Scope) -> Any:
        owner = self.value(node.value, scope)
        if isinstance(owner, Ref):
            dotted = f"{owner.name}.{node.attr}"
            return values.CONSTANTS[dotted] if dotted in values.CONSTANTS else self.member(dotted)
        if isinstance(owner, Thing):
            if node.attr in owner.attributes:
                return owner.attributes[node.attr]
            owner_kind = owner.kind
            if owner_kind is None:
                return Unknown()
            return self.of_class(owner_kind, node.attr, bound=owner)
        if isinstance(owner, Class):
            return self.of_class(owner, node.attr, bound=None)
        if isinstance(owner, dict) and node.attr in owner:
            return owner[node.attr]  # a SimpleNamespace, or an easydict
        if isinstance(owner, str) and node.attr in {"stem", "name"}:
            name = owner.rpartition("/")[2]  # a Path, which is a text here
            return name.rpartition(".")[0] or name if node.attr == "stem" else name
        return Unknown()

    def of_class(self, kind: Class, name: str, bound: Thing | None) -> Any:
        """What a class, or an instance of it, has under a name."""
        function = kind.method(name)
        if function is not None:
            if function.decorated("staticmethod"):
                return function
            function.bound = kind if function.decorated("classmethod") else bound
            if function.decorated("property") and bound is not None:
                return self.enter(function, [], {})
            return function
        for item in kind.lineage():
            if name in item.attributes:
                return item.attributes[name]
        return Unknown()

    def _binop_value(self, node: ast.BinOp, scope: Scope) -> Any:
        left, right = self.value(node.left, scope), self.value(node.right, scope)
        if isinstance(node.op, ast.Div) and isinstance(left, str) and isinstance(right, str):
            return values.FUNCTIONS["pathlib.Path"](left, right)
        if isinstance(node.op, ast.BitOr) and any(
            isinstance(part, Class | Alias | Ref) for part in (left, right)
        ):
            return Alias(node, scope)
        return values.binary(node.op, left, right)

    def _unaryop_value(self, node: ast.UnaryOp, scope: Scope) -> Any:
        return values.unary(node.op, self.value(node.operand, scope))

    def _boolop_value(self, node: ast.BoolOp, scope: Scope) -> Any:
        found: Any = Unknown()
        for part in node.values:
            found = self.value(part, scope)
            if not known(found):
                return found if isinstance(found, Thing) else Unknown()
            if bool(found) is isinstance(node.op, ast.Or):
                return found
        return found

    def _compare_value(self, node: ast.Compare, scope: Scope) -> Any:
        left = self.value(node.left, scope)
        for operator, part in zip(node.ops, node.comparators, strict=True):
            right = self.value(part, scope)
            found = values.compare(operator, left, right)
            if isinstance(found, Unknown) or not found:
                return found
            left = right
        return True

    def _ifexp_value(self, node: ast.IfExp, scope: Scope) -> Any:
        test = self.value(node.test, scope)
        if known(test):
            return self.value(node.body if test else node.orelse, scope)
        one, other = self.value(node.body, scope), self.value(node.orelse, scope)
        if known(one) and known(other) and type(one) is type(other) and one == other:
            return one
        return one if isinstance(one, Thing) else other if isinstance(other, Thing) else Unknown()

    def _list_value(self, node: ast.List | ast.Tuple | ast.Set, scope: Scope) -> Any:
        found: list[Any] = []
        for part in node.elts:
            if isinstance(part, ast.Starred):
                inner = self.value(part.value, scope)
                if not isinstance(inner, list | tuple | range | dict) or len(inner) + len(found) > MOST:
                    return Unknown()
                found += inner
            else:
                found.append(self.value(part, scope))
        return tuple(found) if isinstance(node, ast.Tuple) else found

    _tuple_value = _set_value = _list_value

    def _dict_value(self, node: ast.Dict, scope: Scope) -> Any:
        found: dict[Any, Any] = {}
        for key, part in zip(node.keys, node.values, strict=True):
            value = self.value(part, scope)
            name = self.value(key, scope) if key is not None else None
            if key is None:
                if not isinstance(value, dict):
                    return Unknown()
                found |= value
            elif isinstance(name, str | int | float | bool | None | Ref):
                found[name] = value
            else:
                return Unknown()
        return found

    def _subscript_value(self, node: ast.Subscript, scope: Scope) -> Any:
        owner = self.value(node.value, scope)
        if isinstance(owner, Ref):
            return Alias(node, scope)
        if isinstance(node.slice, ast.Slice):
            parts = [
                self.value(p, scope) if p else None
                for p in (node.slice.lower, node.slice.upper, node.slice.step)
            ]
            if isinstance(owner, str | list | tuple | range) and known(parts):
                return attempt(lambda: owner[slice(*parts)])
            return Unknown()
        key = self.value(node.slice, scope)
        if isinstance(owner, str | list | tuple | range | dict) and known(key):
            return attempt(lambda: owner[key])
        return Unknown()

    def _joinedstr_value(self, node: ast.JoinedStr, scope: Scope) -> Any:
        found = ""
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                value = self.value(part.value, scope)
                if not known(value) or part.format_spec is not None or len(found) > MOST:
                    return Unknown()
                found += repr(value) if part.conversion == ord("r") else str(value)
            else:
                found += str(self.value(part, scope))
        return found

    def _lambda_value(self, node: ast.Lambda, scope: Scope) -> Any:
        return Function(node, scope)

    def _namedexpr_value(self, node: ast.NamedExpr, scope: Scope) -> Any:
        found = self.value(node.value, scope)
        self.bind(node.target, found, scope)
        return found

    def _await_value(self, node: ast.Await, scope: Scope) -> Any:
        return self.value(node.value, scope)

    def _listcomp_value(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, scope: Scope) -> Any:
        if len(node.generators) != 1:
            return Unknown()
        (loop,) = node.generators
        items = self.value(loop.iter, scope)
        if not isinstance(items, list | tuple | range | dict | str) or len(items) > 1000:
            return Unknown()
        inner = Scope(scope.source, scope, scope.module)
        found = []
        for item in items:
            self.bind(loop.target, item, inner)
            tests = [self.value(test, inner) for test in loop.ifs]
            if not known(tests):
                return Unknown()
            if all(tests):
                found.append(self.value(node.elt, inner))
        return found

    _setcomp_value = _generatorexp_value = _listcomp_value
