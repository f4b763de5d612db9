"""What the calls in a script return, as far as it is known."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from danlu.scriptform import values
from danlu.scriptform.expressions import Expressions
from danlu.scriptform.scope import Call, Class, Function, Scope, Thing
from danlu.scriptform.values import Ref, Unknown, attempt, known

AFTERWARDS = 3000
"""Steps that are still looked at when a command line was read: another one may be read soon after."""


class Calls(Expressions):
    """Evaluates calls.

    Args:
        handlers: what to do at the call of an imported function or class, by its dotted name; behind an "@", at its
            use as a decorator (the first argument is what is decorated).
    """

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        super().__init__()
        self.handlers = handlers
        self.records: list[Any] = []
        self.satisfied = False

    def found(self) -> None:
        """The script reads its command line here: what follows in it matters little."""
        self.satisfied = True
        self.effort = min(self.effort, AFTERWARDS)

    def arguments(self, node: ast.Call, scope: Scope) -> Call:
        """The values of a call's arguments; those behind a `*` or `**` that is not known are left out."""
        args: list[Any] = []
        for part in node.args:
            if isinstance(part, ast.Starred):
                inner = self.value(part.value, scope)
                args += inner if isinstance(inner, list | tuple) and len(inner) <= 1000 else []
            else:
                args.append(self.value(part, scope))
        kwargs: dict[str, Any] = {}
        for keyword in node.keywords:
            value = self.value(keyword.value, scope)
            if keyword.arg is not None:
                kwargs[keyword.arg] = value
            elif isinstance(value, dict):
                kwargs |= {key: item for key, item in value.items() if isinstance(key, str)}
        return Call(args, kwargs, node, scope)

    def _call_value(self, node: ast.Call, scope: Scope) -> Any:
        function = node.func
        if isinstance(function, ast.Name) and function.id == "super" and "self" in scope.names:
            return scope.names["self"]
        if isinstance(function, ast.Attribute):
            owner = self.value(function.value, scope)
            inherited = isinstance(function.value, ast.Call) and _is_super(function.value)
            return self._of(owner, function.attr, self.arguments(node, scope), inherited=inherited)
        if isinstance(function, ast.Call):
            maker = self.value(function.func, scope)
            if isinstance(maker, Ref) and (handler := self.handlers.get(f"@{maker.name}")):
                # A decorator that is applied by hand: click.option("--x")(function).
                what, made = self.arguments(node, scope), self.arguments(function, scope)
                return handler(self, Call([*what.args[:1], *made.args], made.kwargs, function, scope))
        target = self.value(function, scope)
        return self.call(target, self.arguments(node, scope))

    def _of(self, owner: Any, name: str, call: Call, *, inherited: bool) -> Any:
        """The result of `owner.name(…)`."""
        if isinstance(owner, Thing):
            own = owner.attributes.get(name)
            if own is None and owner.kind is not None and not inherited:
                own = self.of_class(owner.kind, name, bound=owner)
            if own is None or isinstance(own, Unknown):
                return owner.call(name, call)
            return self.call(own, call)
        if isinstance(owner, Class):
            return self.call(self.of_class(owner, name, bound=None), call)
        if isinstance(owner, Ref):
            return self.call(self.member(f"{owner.name}.{name}"), call)
        found = values.method(owner, name, call.args, call.kwargs)
        return _handed(name, call) if isinstance(found, Unknown) else found

    def call(self, target: Any, call: Call) -> Any:
        """The result of calling a value."""
        if isinstance(target, Ref):
            return self._of_library(target.name, call)
        if isinstance(target, Function):
            return self.enter(target, call.args, call.kwargs)
        if isinstance(target, Class):
            return self.make(target, call)
        if isinstance(target, Thing):
            return target.call("__call__", call)
        return _handed(getattr(target, "text", ""), call)

    def _of_library(self, name: str, call: Call) -> Any:
        handler = self.handlers.get(name)
        if handler is not None:
            return handler(self, call)
        function = values.FUNCTIONS.get(name)
        if function is None:
            return _handed(name, call)
        if known(call.args) and known(call.kwargs):
            return attempt(lambda: function(*call.args, **call.kwargs))
        if name in _OF_KEYS and call.args and isinstance(call.args[0], dict):
            return attempt(lambda: function(list(call.args[0])))
        return Unknown()

    def make(self, kind: Class, call: Call) -> Any:
        """An instance of a class of the script."""
        thing: Any = Unknown()
        for root in sorted(kind.roots()):
            if root in self.handlers:
                thing = self.handlers[root](self, call)
        if not isinstance(thing, Thing):
            thing = Thing()
        thing.kind = kind
        start = kind.method("__init__")
        if start is not None:
            start.bound = thing
            self.enter(start, call.args, call.kwargs)
        else:
            # A dataclass, or a class of a library that is known here.
            thing.attributes |= dict(zip(kind.annotated(), call.args, strict=False)) | call.kwargs
            thing.call("__init__", call)
        return thing

    def bind_arguments(
        self, function: Function, args: list[Any], kwargs: dict[str, Any], scope: Scope
    ) -> None:
        """Bind a function's parameters in its new scope."""
        spec = function.node.args
        names = [item.arg for item in (*spec.posonlyargs, *spec.args)]
        if function.bound is not None and not isinstance(function.node, ast.Lambda):
            args = [function.bound, *args]
        first_default = len(names) - len(spec.defaults)
        for place, default in enumerate(spec.defaults):
            scope.names[names[first_default + place]] = self.value(default, function.scope)
        for item, standard in zip(spec.kwonlyargs, spec.kw_defaults, strict=True):
            scope.names[item.arg] = self.value(standard, function.scope) if standard else Unknown(item.arg)
        given = dict(zip(names, args, strict=False)) | kwargs
        for name in names:
            scope.names.setdefault(name, Unknown(name))
        known_names = {*names, *(item.arg for item in spec.kwonlyargs)}
        scope.names.update({name: value for name, value in given.items() if name in known_names})
        if spec.vararg:
            scope.names[spec.vararg.arg] = list(args[len(names) :])
        if spec.kwarg:
            scope.names[spec.kwarg.arg] = {k: v for k, v in kwargs.items() if k not in known_names}


Handler = Callable[[Calls, Call], Any]
_OF_KEYS = frozenset({"builtins.list", "builtins.tuple", "builtins.sorted", "builtins.set"})


def _handed(name: str, call: Call) -> Any:
    """What a function that cannot be read returns: the object that it is given, where that is how it is used."""
    for item in (*call.args, *call.kwargs.values()):
        if isinstance(item, Thing) and item.handed(name):
            return item
    return Unknown()


def _is_super(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Name) and node.func.id == "super"
