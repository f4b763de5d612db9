"""typer: applications and their commands, as signatures declare them."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

from danlu.scriptform.calls import Calls, Handler
from danlu.scriptform.draft import Draft, summary_of
from danlu.scriptform.fields import MISSING, Field, parameters_of
from danlu.scriptform.kinds import kind_of_value, with_default
from danlu.scriptform.model import Option, ScriptForm
from danlu.scriptform.scope import Call, Function, Thing
from danlu.scriptform.values import Unknown, known


class Declared(Thing):
    """What `typer.Option(…)` or `typer.Argument(…)` returns."""

    def __init__(self, call: Call, *, positional: bool) -> None:
        super().__init__()
        self.positional = positional
        self.said = call


class App(Thing):
    """A typer.Typer.

    Attributes:
        commands: functions by the name of their command.
        main: the function of the callback.
        within: it was added to another one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.commands: dict[str, Function | App] = {}
        self.main: Function | None = None
        self.within = False

    def call(self, name: str, call: Call) -> Any:
        """Declare a command, or add an application."""
        if name == "@command" and isinstance(call.args[0], Function):
            given = call.get(1, "name")
            self.commands[
                given if isinstance(given, str) else call.args[0].name.replace("_", "-").lower()
            ] = call.args[0]
        elif name == "command" and not call.args:
            return self  # app.command()(function)
        elif name == "__call__" and call.args and isinstance(call.args[0], Function):
            self.commands[call.args[0].name.replace("_", "-").lower()] = call.args[0]
        elif name == "@callback" and isinstance(call.args[0], Function):
            self.main = call.args[0]
        elif name == "add_typer" and call.args and isinstance(call.args[0], App):
            call.args[0].within = True
            self.commands[call.text("name") or f"app{len(self.commands)}"] = call.args[0]
        return Unknown()


def _app(calls: Calls, call: Call) -> Any:
    app = App()
    calls.records.append(app)
    return app


def _run(calls: Calls, call: Call) -> Any:
    app = App()
    if call.args and isinstance(call.args[0], Function):
        app.commands["main"] = call.args[0]
        calls.records.append(app)
    return Unknown()


def _declare(*, positional: bool) -> Handler:
    def handle(calls: Calls, call: Call) -> Any:
        return Declared(call, positional=positional)

    return handle


def form_of(calls: Calls, apps: list[App]) -> ScriptForm | None:
    """The form of the outermost application."""
    app = next((app for app in apps if not app.within and (app.commands or app.main)), None)
    if app is None:
        return None
    draft = Draft()
    several = len(app.commands) > 1 or (app.main is not None and bool(app.commands))
    summary = ""
    if app.main is not None:
        summary = _add(draft, calls, app.main, "")
    if several:
        draft.add(_chooser(tuple(app.commands)))
    for name, command in app.commands.items():
        if isinstance(command, Function):
            said = _add(draft, calls, command, name if several else "")
            summary = summary or ("" if several else said)
        else:
            draft.notes.append(f"{name} has subcommands of its own; put those into the arguments.")
    return draft.form("typer", summary, tuple(app.commands) if several else ()) if draft.options else None


def _chooser(names: tuple[str, ...]) -> Option:
    return Option(
        name="command",
        kind="choice",
        choices=names,
        positional=True,
        style="subcommand",
        required=True,
        help="What the script is to do.",
    )


def _add(draft: Draft, calls: Calls, function: Function, subcommand: str) -> str:
    for field in parameters_of(calls, function):
        if "Context" in field.annotation.marks or not field.annotation.takes:
            continue
        draft.add(replace(option_of(field), subcommand=subcommand))
    node = function.node
    return summary_of(ast.get_docstring(node)) if not isinstance(node, ast.Lambda) else ""


def option_of(field: Field) -> Option:
    """The option of one parameter."""
    said = field.annotation
    declared = next((extra for extra in said.extras if isinstance(extra, Declared)), None)
    default: Any = field.default
    text = field.text
    if isinstance(default, Declared):
        declared = default
        default = declared.said.get(0, "default")
        if default is None and not (declared.said.args or "default" in declared.said.kwargs):
            default = MISSING
        nodes = declared.said.node.args
        text = declared.said.scope.source.cut(nodes[0]) if nodes else ""
    if _is_required(text):
        default = MISSING
    positional = declared.positional if declared is not None else default is MISSING
    kind = said.kind or kind_of_value(default if known(default) else None) or "text"
    option = Option(
        name=field.name,
        kind=kind,
        choices=tuple(said.members.values()) if said.members else said.choices,
        item=said.item if kind == "list" else "text",
        positional=positional,
        required=default is MISSING,
        help=field.help,
    )
    option = _written(option, declared, said.nargs)
    if default is MISSING:
        return option
    members = said.members
    last = text.rpartition(".")[2]
    if members and last in members and not known(default):
        default = members[last]
    return with_default(option, default, text)


def _is_required(text: str) -> bool:
    return text == "..."


def _written(option: Option, declared: Declared | None, nargs: int | None) -> Option:
    """How it is written on the command line."""
    call = declared.said if declared is not None else None
    words = [word for word in call.args if isinstance(word, str) and word.startswith("-")] if call else []
    if call is not None:
        numbers = {name: call.kwargs.get(name) for name in ("min", "max")}
        low, high = (value if isinstance(value, int | float) else None for value in numbers.values())
        said = " ".join(call.text("help").split())
        option = replace(option, minimum=low, maximum=high, help=said or option.help)
    if option.positional:
        several = option.kind == "list"
        return replace(option, nargs=(nargs or ("+" if option.required else "*")) if several else None)
    dashed = "--" + option.name.replace("_", "-").lower()
    flags = [word.partition("/")[0] for word in words if word.partition("/")[0]] or [dashed]
    off = [word.partition("/")[2] for word in words if word.partition("/")[2]]
    option = replace(option, flags=tuple(flags))
    if option.kind == "boolean":
        if words and not off:
            return replace(option, style="store_true")
        return replace(option, style="boolean_optional", off=tuple(off or ["--no-" + dashed[2:]]))
    if call is not None and call.kwargs.get("count") is True:
        return replace(option, style="count")
    if option.kind == "list":
        return replace(option, nargs=nargs) if nargs else replace(option, style="append")
    return option


HANDLERS: dict[str, Handler] = {
    "typer.Typer": _app,
    "typer.run": _run,
    "typer.Option": _declare(positional=False),
    "typer.Argument": _declare(positional=True),
}
