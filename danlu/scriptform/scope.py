"""What names stand for while a script is read: scopes, functions and classes of it."""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass
from typing import Any

from danlu.scriptform.source import Source
from danlu.scriptform.values import Ref, Unknown

_BUILTINS = frozenset(dir(builtins))


class Enough(Exception):
    """The effort for one script is spent."""


class Scope:
    """Names and their values, and the scope around them."""

    def __init__(self, source: Source, around: Scope | None = None, module: str = "__main__") -> None:
        self.source = source
        self.around = around
        self.module = module
        self.names: dict[str, Any] = {}

    def get(self, name: str) -> Any:
        """The value of a name; a Ref for a built-in one, Unknown where nothing binds it."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.around
        return Ref(f"builtins.{name}") if name in _BUILTINS else Unknown(name)

    @property
    def top(self) -> Scope:
        """The module's scope."""
        scope = self
        while scope.around is not None:
            scope = scope.around
        return scope


class Function:
    """A function of the script, or a lambda."""

    def __init__(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, scope: Scope, bound: Any = None
    ) -> None:
        self.node = node
        self.scope = scope
        self.bound = bound
        self.declared: list[Any] = []
        """What decorators have declared of its command line."""

    @property
    def name(self) -> str:
        """Its name; "" for a lambda."""
        return getattr(self.node, "name", "")

    def decorated(self, name: str) -> bool:
        """Whether it has a plain decorator of that name."""
        decorators = getattr(self.node, "decorator_list", ())
        return any(isinstance(item, ast.Name) and item.id == name for item in decorators)


class Class:
    """A class of the script."""

    def __init__(self, node: ast.ClassDef, scope: Scope, bases: list[Any]) -> None:
        self.node = node
        self.scope = scope
        self.bases = bases
        self.attributes: dict[str, Any] = {}

    def lineage(self) -> list[Class]:
        """The class and those of the script from which it comes, the class first."""
        found = [self]
        for base in self.bases:
            if isinstance(base, Class):
                found += [item for item in base.lineage() if item not in found]
        return found

    def roots(self) -> set[str]:
        """The dotted names of the imported classes from which it comes."""
        return {base.name for item in self.lineage() for base in item.bases if isinstance(base, Ref)}

    def annotated(self) -> list[str]:
        """The annotated names of its body and its bases', those first."""
        nodes = [node for item in reversed(self.lineage()) for node in item.node.body]
        targets = [node.target for node in nodes if isinstance(node, ast.AnnAssign)]
        return list(dict.fromkeys(target.id for target in targets if isinstance(target, ast.Name)))

    def method(self, name: str) -> Function | None:
        """A method of it, its own or inherited."""
        for item in self.lineage():
            for node in item.node.body:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
                    return Function(node, item.scope)
        return None


class Alias:
    """A type that is written as an expression and has a name: `Commands = A | B`."""

    def __init__(self, node: ast.expr, scope: Scope) -> None:
        self.node = node
        self.scope = scope


@dataclass(frozen=True, slots=True)
class Call:
    """A call in the script: the values of its arguments, and where it stands."""

    args: list[Any]
    kwargs: dict[str, Any]
    node: ast.Call
    scope: Scope

    def get(self, place: int, name: str) -> Any:
        """The argument at a place or of a name; None where it is not given."""
        return self.args[place] if 0 <= place < len(self.args) else self.kwargs.get(name)

    def text(self, name: str) -> str:
        """The text that is given as `name=`; "" where it is no text that is known."""
        value = self.kwargs.get(name)
        return value if isinstance(value, str) else ""


class Thing:
    """An object that the script makes: an instance of one of its classes, or one of a library that is known here."""

    def __init__(self, kind: Class | None = None) -> None:
        self.kind = kind
        self.attributes: dict[str, Any] = {}

    def handed(self, name: str) -> bool:
        """Whether it may come back, changed, from a function of that name that cannot be read."""
        return False

    def call(self, name: str, call: Call) -> Any:
        """The result of calling a method that the script itself does not define."""
        return Unknown()
