"""argparse: its parsers, groups and subparsers as objects that a script fills."""

from __future__ import annotations

import re
from typing import Any

from danlu.scriptform.arguments import Argument, argument
from danlu.scriptform.calls import Calls, Handler
from danlu.scriptform.scope import Call, Thing
from danlu.scriptform.values import Unknown

_PARSES = frozenset({
    "parse_args", "parse_known_args", "parse_intermixed_args", "parse_known_intermixed_args",
    "parse_args_into_dataclasses", "parse_typed_args", "parse_args_and_config", "parse",
})  # fmt: skip
_ADDS = frozenset({"add", "add_arg"})
"""configargparse's other names of add_argument."""


class Parser(Thing):
    """An ArgumentParser, or a subparser.

    Attributes:
        library: whose class it is.
        arguments: what was added, in order.
        defaults: of `set_defaults`.
        parsed: whether the script lets it read the command line.
        deaf: whether it is given a list of its own instead, such as `parse_args([])`.
        within: it is a parent or a subparser of another one.
        subparsers: by name.
        dest: the name under which the chosen subcommand is kept.
        classes: dataclasses whose fields it takes, with the name under which each is kept.
    """

    def __init__(self, calls: Calls, library: str = "argparse") -> None:
        super().__init__()
        self.calls = calls
        self.library = library
        self.description: Any = None
        self.arguments: list[Argument] = []
        self.defaults: dict[str, Any] = {}
        self.parsed = False
        self.deaf = False
        self.within = False
        self.subparsers: dict[str, Parser] = {}
        self.dest = ""
        self.needs_subcommand = False
        self.classes: list[tuple[Any, str]] = []
        self.notes: list[str] = []

    def handed(self, name: str) -> bool:
        """A function such as `Trainer.add_argparse_args` adds options, and returns the parser."""
        if not re.search(r"arg|opt|param|pars|flag|config|copy", name.lower()):
            return False
        if "copy" not in name:
            self.notes.append(f"The options that {name} adds are not read; put them into the arguments.")
        return True

    def call(self, name: str, call: Call) -> Any:
        """A method of the parser."""
        if name == "add_argument" or (name in _ADDS and call.args and str(call.args[0]).startswith("-")):
            self.arguments.append(argument(call))
            return Thing()
        if name in {"add_argument_group", "add_mutually_exclusive_group"}:
            title = call.get(0, "title")
            return Group(self, title if isinstance(title, str) else "", exclusive="exclusive" in name)
        if name in {"add_subparsers", "add_subcommands"}:
            self.dest = call.text("dest")
            self.needs_subcommand = call.kwargs.get("required") is True
            return Subparsers(self)
        if name in _PARSES:
            given = call.get(0, "args")
            self.deaf = self.deaf or isinstance(given, list | tuple | str)
            if not isinstance(given, list | tuple | str):
                self.parsed = True
                self.calls.found()
        elif name == "set_defaults":
            self.defaults |= call.kwargs
        elif name == "__init__":
            self._init(call)
        elif name == "add_arguments" and call.args:
            dest = call.get(1, "dest")
            self.classes.append((call.args[0], dest if isinstance(dest, str) else ""))
        elif name.startswith("add_") and "class" in name:
            self.notes.append("The options that the script takes from a class's signature are not read.")
        return Unknown()

    def _init(self, call: Call) -> None:
        place = 2 if self.library == "argparse" else -1
        self.description = call.get(place, "description") or self.description
        for parent in call.kwargs.get("parents") or ():
            if isinstance(parent, Parser):
                parent.within = True
                self.arguments += parent.arguments
                self.defaults |= parent.defaults
                self.notes += parent.notes


class Group(Thing):
    """A titled or an exclusive group: what is added goes to its parser."""

    def __init__(self, parser: Parser, title: str, *, exclusive: bool) -> None:
        super().__init__()
        self.parser = parser
        self.title = title
        self.exclusive = exclusive
        self.members: list[Argument] = []

    def call(self, name: str, call: Call) -> Any:
        """A method of the group."""
        if name in {"add_argument_group", "add_mutually_exclusive_group"}:
            title = call.get(0, "title")
            exclusive = "exclusive" in name
            return Group(self.parser, title if isinstance(title, str) else self.title, exclusive=exclusive)
        before = len(self.parser.arguments)
        found = self.parser.call(name, call)
        for added in self.parser.arguments[before:]:
            added.group = self.title
            if self.exclusive:
                self.members.append(added)
                added.rivals = self.members
        return found


class Subparsers(Thing):
    """What `add_subparsers` returns."""

    def __init__(self, parser: Parser) -> None:
        super().__init__()
        self.parser = parser

    def call(self, name: str, call: Call) -> Any:
        """`add_parser`."""
        if name not in {"add_parser", "add_subcommand"} or not call.args:
            return Unknown()
        given = call.get(1, "parser")
        if name == "add_subcommand" and isinstance(given, Parser):
            found = given
        else:
            found = Parser(self.parser.calls, self.parser.library)
            found.call("__init__", call)
            found.description = call.text("description") or call.text("help")
        found.within = True
        if isinstance(call.args[0], str):
            self.parser.subparsers[call.args[0]] = found
        return found


def make_parser(library: str) -> Handler:
    """The handler for the class of a library that is argparse's, or one like it."""

    def make(calls: Calls, call: Call) -> Parser:
        parser = Parser(calls, library)
        parser.call("__init__", call)
        calls.records.append(parser)
        return parser

    return make


HANDLERS: dict[str, Handler] = {
    name: make_parser("argparse")
    for name in (
        "argparse.ArgumentParser", "configargparse.ArgumentParser", "configargparse.ArgParser", "configargparse.ArgParse",
        "jsonargparse.ArgumentParser", "lightning.pytorch.cli.LightningArgumentParser", "rich_argparse.ArgumentParser",
    )
} | {"simple_parsing.ArgumentParser": make_parser("simple_parsing")}  # fmt: skip
