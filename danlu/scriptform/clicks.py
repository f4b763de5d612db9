"""click: commands, groups, options and arguments, as decorators declare them."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from typing import Any

from danlu.scriptform.calls import Calls, Handler
from danlu.scriptform.draft import Draft, summary_of
from danlu.scriptform.kinds import choices_of, kind_of_value, type_of, with_default
from danlu.scriptform.model import Kind, Option, ScriptForm
from danlu.scriptform.scope import Call, Function, Thing
from danlu.scriptform.values import Ref, Unknown

_MISSING = object()


class ClickType(Thing):
    """A type such as Choice or IntRange."""

    def __init__(
        self, kind: Kind, choices: tuple[Any, ...] = (), bounds: tuple[Any, Any] = (None, None)
    ) -> None:
        super().__init__()
        self.kind_of = kind
        self.choices = choices
        self.bounds = bounds


class Command(Thing):
    """A command or a group of commands.

    Attributes:
        function: that it runs.
        options: in the order of the source.
        commands: of a group, by name.
        summary: its help.
        within: it belongs to a group.
        called: the script runs it.
    """

    def __init__(self, function: Function, call: Call, *, group: bool) -> None:
        super().__init__()
        self.function = function
        # Decorators apply from the last one to the first.
        self.options: list[Option] = function.declared[::-1]
        self.commands: dict[str, Command] = {}
        self.group = group
        self.within = False
        self.called = False
        node = function.node
        docstring = ast.get_docstring(node) if not isinstance(node, ast.Lambda) else None
        self.summary = summary_of(call.text("help") or docstring or "")
        given = call.get(1, "name")
        self.name = given if isinstance(given, str) else _command_name(function.name)

    def call(self, name: str, call: Call) -> Any:
        """Run it, or add a command to it."""
        if name in {"__call__", "main"}:
            self.called = True
        elif name in {"@command", "@group"} and isinstance(call.args[0], Function | Command):
            return self._add(_made(call, group=name == "@group"))
        elif name == "add_command" and call.args and isinstance(call.args[0], Command):
            given = call.get(1, "name")
            self._add(call.args[0], given if isinstance(given, str) else "")
        return Unknown()

    def _add(self, command: Command, name: str = "") -> Command:
        command.within = True
        self.commands[name or command.name] = command
        return command


def _command_name(name: str) -> str:
    """The name that click gives to a function's command: train_cmd is train, fine_tune is fine-tune."""
    return re.sub(r"_(command|cmd|group|grp)$", "", name).replace("_", "-").lower()


def _made(call: Call, *, group: bool) -> Command:
    what = call.args[0]
    return what if isinstance(what, Command) else Command(what, call, group=group)


def _command(*, group: bool) -> Handler:
    def handle(calls: Calls, call: Call) -> Any:
        if not isinstance(call.args[0], Function):
            return call.args[0]
        command = Command(call.args[0], call, group=group)
        calls.records.append(command)
        return command

    return handle


def _declare(calls: Calls, call: Call) -> Any:
    """`@click.option(…)` and `@click.argument(…)`."""
    what = call.args[0]
    target = what.function if isinstance(what, Command) else what
    if isinstance(target, Function):
        positional = _is_argument(call)
        found = option_of(Call(call.args[1:], call.kwargs, call.node, call.scope), positional=positional)
        if found is not None and isinstance(what, Command):
            what.options.insert(0, found)
        elif found is not None:
            target.declared.append(found)
    return what


def _is_argument(call: Call) -> bool:
    function = call.node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    value = call.scope.get(name) if isinstance(function, ast.Name) else None
    return (value.name if isinstance(value, Ref) else name).endswith("argument")


def option_of(call: Call, *, positional: bool) -> Option | None:
    """The option of one declaration; None where its name is not known."""
    words = [word for word in call.args if isinstance(word, str) and word]
    flags, off, name = _declared(words)
    if not name:
        return None
    kwargs = call.kwargs
    option = Option(name=name, positional=positional, flags=tuple(flags), off=tuple(off), group="")
    option = _typed(option, kwargs)
    default = kwargs.get("default", _MISSING)
    text = next(
        (call.scope.source.cut(item.value) for item in call.node.keywords if item.arg == "default"), ""
    )
    required = kwargs.get("required")
    if positional:
        required = required is not False and default is _MISSING and option.nargs != "*"
    option = replace(option, required=required is True)
    if kwargs.get("is_flag") is True or off or kwargs.get("flag_value") is not None:
        # One that is on already stays on: what its flag does differs from one release of click to the next.
        option = replace(option, kind="boolean", style="boolean_optional" if off else "store_true")
        default = False if default is _MISSING or (default is None and not off) else default
    elif kwargs.get("count") is True:
        option = replace(option, kind="integer", style="count")
        default = 0 if default is _MISSING else default
    if default is _MISSING and option.kind == "list" and (option.style == "append" or option.nargs == "*"):
        default = []
    if default is not _MISSING and not option.required:
        option = with_default(option, default, text)
    said = kwargs.get("help")
    return replace(option, help=" ".join(said.split()) if isinstance(said, str) else "")


def _declared(words: list[str]) -> tuple[list[str], list[str], str]:
    """(flags, flags that say no, name) of a declaration such as "--shout/--no-shout", "-s", "loud"."""
    flags: list[str] = []
    off: list[str] = []
    name = ""
    for word in words:
        if not word.lstrip(" /").startswith("-"):
            name = word
            continue
        first, slash, second = word.partition("/")
        flags += [first.strip()] if first.strip() else []
        if slash and second.strip():
            off.append(second.strip())
    if not name and flags:
        name = (
            max(flags, key=lambda flag: len(flag) - len(flag.lstrip("-")))
            .lstrip("-")
            .replace("-", "_")
            .lower()
        )
    return flags, off, name.replace("-", "_") if flags else name.replace("-", "_").lower()


def _typed(option: Option, kwargs: dict[str, Any]) -> Option:
    given = kwargs.get("type")
    nargs = kwargs.get("nargs")
    default = kwargs.get("default")
    inner = _type(given, default)
    lists = (
        kwargs.get("multiple") is True
        or (isinstance(nargs, int) and nargs not in {0, 1})
        or isinstance(given, tuple)
    )
    if not lists:
        low, high = inner.bounds
        choices = inner.choices if inner.kind_of == "choice" else ()
        return replace(option, kind=inner.kind_of, choices=choices, minimum=low, maximum=high)
    item: Kind = inner.kind_of if inner.kind_of != "list" else "text"
    count: int | str | None = (
        len(given) if isinstance(given, tuple) else nargs if isinstance(nargs, int) else None
    )
    multiple = kwargs.get("multiple") is True
    return replace(
        option,
        kind="list",
        item="text" if isinstance(given, tuple) else item,
        choices=inner.choices,
        nargs=None if multiple else "*" if count == -1 else count,
        style="append" if multiple else "value",
    )


def _type(given: Any, default: Any) -> ClickType:
    if isinstance(given, ClickType):
        return given
    if isinstance(given, list):
        return ClickType("choice", choices_of(given))
    if isinstance(given, Ref):
        named: dict[str, Kind] = {"INT": "integer", "FLOAT": "number", "BOOL": "boolean", "STRING": "text"}
        last = given.name.rpartition(".")[2]
        if given.name == "builtins.bool":
            return ClickType("boolean")
        return ClickType(named.get(last) or type_of(given).kind or "text")
    first = default[0] if isinstance(default, list | tuple) and default else default
    kind = kind_of_value(first)
    return ClickType(kind if given is None and kind is not None and kind != "list" else "text")


def _choice(calls: Calls, call: Call) -> Any:
    choices = choices_of(call.get(0, "choices"))
    return ClickType("choice" if choices else "text", tuple(str(choice) for choice in choices))


def _range(kind: Kind) -> Handler:
    def handle(calls: Calls, call: Call) -> Any:
        low, high = call.get(0, "min"), call.get(1, "max")
        numbers = tuple(item if isinstance(item, int | float) else None for item in (low, high))
        return ClickType(kind, bounds=(numbers[0], numbers[1]))

    return handle


def _text(calls: Calls, call: Call) -> Any:
    return ClickType("text")


def form_of(commands: list[Command]) -> ScriptForm | None:
    """The form of the command that the script runs, or that nothing else contains."""
    roots = [command for command in commands if not command.within]
    main = next((command for command in roots if command.called), None)
    main = main or next((command for command in roots if command.commands), roots[-1] if roots else None)
    if main is None:
        return None
    draft = Draft()
    for option in main.options:
        draft.add(option)
    if main.commands:
        draft.add(_chooser(tuple(main.commands)))
        for name, command in main.commands.items():
            for option in command.options:
                draft.add(replace(option, subcommand=name))
            if command.commands:
                draft.notes.append(f"{name} has subcommands of its own; put those into the arguments.")
    return draft.form("click", main.summary, tuple(main.commands)) if draft.options else None


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


HANDLERS: dict[str, Handler] = {}
for _module in ("click", "rich_click", "asyncclick"):
    HANDLERS |= {
        f"@{_module}.command": _command(group=False),
        f"@{_module}.group": _command(group=True),
        f"@{_module}.option": _declare,
        f"@{_module}.argument": _declare,
        f"{_module}.Choice": _choice,
        f"{_module}.IntRange": _range("integer"),
        f"{_module}.FloatRange": _range("number"),
        f"{_module}.Path": _text,
        f"{_module}.File": _text,
        f"{_module}.DateTime": _text,
    }
