"""Libraries that make a command line of a dataclass or of a function: their calls, and the form of each."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

from danlu.scriptform.annotations import Subcommand, annotation_of
from danlu.scriptform.argparses import Parser
from danlu.scriptform.calls import Calls, Handler
from danlu.scriptform.dialects import (
    FIRE,
    JSONARGPARSE,
    PYRALLIS,
    SIMPLE,
    TAP,
    TYRO,
    Dialect,
    TyroArg,
    add_class,
    add_field,
)
from danlu.scriptform.draft import Draft, summary_of
from danlu.scriptform.fields import MISSING, Field, is_dataclass, parameters_of
from danlu.scriptform.model import Option, ScriptForm
from danlu.scriptform.scope import Call, Class, Function, Thing
from danlu.scriptform.values import Unknown


class Reads(Thing):
    """A library's call that reads the command line.

    Attributes:
        dialect: of the library.
        targets: what it reads it for: one class or function, or several by their subcommands.
        default: an instance whose values are the defaults.
        description: that the script gives.
    """

    def __init__(
        self, dialect: Dialect, targets: dict[str, Any], default: Any, description: str = ""
    ) -> None:
        super().__init__()
        self.dialect = dialect
        self.targets = targets
        self.default = default
        self.description = description


class Told(Thing):
    """A library that is known not to be readable: what to tell."""

    def __init__(self, note: str) -> None:
        super().__init__()
        self.note = note


def form_of(calls: Calls, found: Reads) -> ScriptForm | None:
    """The form of such a call; None where its target is not known."""
    draft = Draft()
    summary = found.description
    several = len(found.targets) > 1
    if several:
        draft.add(_chooser(found))
    for name, target in found.targets.items():
        sub = name if several else ""
        if isinstance(target, Class):
            constructs = target.method("__init__")
            if constructs is not None and not is_dataclass(target):
                _add_function(draft, calls, constructs, found.dialect, sub)
            else:
                add_class(draft, calls, target, found.dialect, default=found.default, subcommand=sub)
            text = ast.get_docstring(target.node)
        elif isinstance(target, Function) and not isinstance(target.node, ast.Lambda):
            _add_function(draft, calls, target, found.dialect, sub)
            text = ast.get_docstring(target.node)
        else:
            continue
        summary = summary or ("" if several else summary_of(text))
    if not draft.options:
        return None
    draft.notes.append(f"Read by {found.dialect.name}.")
    return draft.form("dataclass", summary_of(summary), tuple(found.targets) if several else ())


def _chooser(found: Reads) -> Option:
    return Option(
        name="command",
        kind="choice",
        choices=tuple(found.targets),
        positional=True,
        style="subcommand",
        required=True,
        help="What the script is to do.",
    )


def _add_function(draft: Draft, calls: Calls, function: Function, dialect: Dialect, subcommand: str) -> None:
    for field in parameters_of(calls, function):
        add_field(draft, calls, _loose(field, dialect), dialect, subcommand=subcommand)


def _loose(field: Field, dialect: Dialect) -> Field:
    """Fire looks at no annotation, so that each parameter can be written, if only as a text."""
    if dialect is not FIRE or field.annotation.takes:
        return field
    field.annotation = replace(field.annotation, takes=True, kind="text", nested=None)
    return field


# Handlers.


def _reads(dialect: Dialect, target: str) -> Handler:
    """A call whose first argument, or that of the given name, is what is read."""

    def handle(calls: Calls, call: Call) -> Any:
        value = call.get(0, target)
        node = call.node.args[0] if call.node.args else _keyword(call.node, target)
        targets = _targets(calls, call, value, node)
        default = call.kwargs.get("default", MISSING)
        record = Reads(dialect, targets, default, call.text("description"))
        calls.records.append(record)
        calls.found()
        only = next(iter(targets.values()), None)
        # The script goes on with what was read: a function is called with it.
        if isinstance(only, Function) and len(targets) == 1:
            calls.call(only, Call([], {}, call.node, call.scope))
        return Thing(only) if isinstance(only, Class) else Unknown()

    return handle


def _keyword(node: ast.Call, name: str) -> ast.expr | None:
    return next((item.value for item in node.keywords if item.arg == name), None)


def _targets(calls: Calls, call: Call, value: Any, node: ast.expr | None) -> dict[str, Any]:
    """What is read, by subcommand; one of them alone has no subcommand."""
    if isinstance(value, Class | Function):
        return {"": value}
    if isinstance(value, dict):
        return {str(key): item for key, item in value.items()}
    if isinstance(value, list | tuple):
        return {_called(item): item for item in value if isinstance(item, Class | Function)}
    if value is None and node is None:
        # Without an argument: the functions of the script itself.
        top = call.scope.top
        own = [item for item in top.names.values() if isinstance(item, Function) and item.scope is top]
        return {item.name: item for item in own if not item.name.startswith("_")}
    said = annotation_of(calls, node, call.scope)
    if said.several:
        return dict(said.several)
    return {"": said.nested} if said.nested is not None else {}


def _called(item: Class | Function) -> str:
    return item.node.name if isinstance(item, Class) else item.name


def _wrap(calls: Calls, call: Call) -> Any:
    """`@pyrallis.wrap()`: the class of the first parameter is read."""
    function = call.args[0]
    if isinstance(function, Function):
        fields = parameters_of(calls, function)
        if fields and fields[0].annotation.nested is not None:
            calls.records.append(Reads(PYRALLIS, {"": fields[0].annotation.nested}, MISSING))
    return function


def _transformers(calls: Calls, call: Call) -> Any:
    parser = Parser(calls, "transformers")
    parser.call("__init__", call)
    given = call.get(0, "dataclass_types")
    given = list(given) if isinstance(given, list | tuple) else [given]
    parser.classes = [(item, "") for item in given if item is not None]
    calls.records.append(parser)
    return parser


class TapParser(Thing):
    """An instance of a typed-argument-parser."""

    def __init__(self, calls: Calls) -> None:
        super().__init__()
        self.calls = calls

    def call(self, name: str, call: Call) -> Any:
        """`parse_args` reads the fields of the class."""
        if name == "parse_args" and self.kind is not None:
            self.calls.records.append(Reads(TAP, {"": self.kind}, MISSING))
            return self
        return Unknown()


def _tap(calls: Calls, call: Call) -> Any:
    return TapParser(calls)


def _tyro_arg(calls: Calls, call: Call) -> Any:
    aliases = call.kwargs.get("aliases")
    listed = (
        tuple(item for item in aliases if isinstance(item, str)) if isinstance(aliases, list | tuple) else ()
    )
    return TyroArg(call.text("name"), listed, call.text("help"))


def _tyro_subcommand(calls: Calls, call: Call) -> Any:
    given = call.get(0, "name")
    return Subcommand(given if isinstance(given, str) else "")


def _tell(note: str) -> Handler:
    def handle(calls: Calls, call: Call) -> Any:
        calls.records.append(Told(note))
        return call.args[0] if call.args and isinstance(call.args[0], Function) else Unknown()

    return handle


_HYDRA = "The script is configured by Hydra: write overrides such as optimizer.lr=0.1 into the arguments."
_LIGHTNING = (
    "The script is configured by LightningCLI: write a subcommand and options such as fit --trainer.max_epochs 3 into the "
    "arguments."
)
HANDLERS: dict[str, Handler] = {
    "tyro.cli": _reads(TYRO, "f"),
    "tyro.extras.subcommand_cli_from_dict": _reads(TYRO, "subcommands"),
    "tyro.conf.arg": _tyro_arg,
    "tyro.conf.subcommand": _tyro_subcommand,
    "transformers.HfArgumentParser": _transformers,
    "transformers.hf_argparser.HfArgumentParser": _transformers,
    "trl.TrlParser": _transformers,
    "simple_parsing.parse": _reads(SIMPLE, "config_class"),
    "pyrallis.parse": _reads(PYRALLIS, "config_class"),
    "draccus.parse": _reads(PYRALLIS, "config_class"),
    "@pyrallis.wrap": _wrap,
    "@draccus.wrap": _wrap,
    "jsonargparse.CLI": _reads(JSONARGPARSE, "components"),
    "jsonargparse.auto_cli": _reads(JSONARGPARSE, "components"),
    "fire.Fire": _reads(FIRE, "component"),
    "tap.Tap": _tap,
    "tap.tapify": _reads(TAP, "class_or_function"),
    "@hydra.main": _tell(_HYDRA),
    "lightning.pytorch.cli.LightningCLI": _tell(_LIGHTNING),
    "pytorch_lightning.cli.LightningCLI": _tell(_LIGHTNING),
}
