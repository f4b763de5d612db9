"""The form of a script whose parsers are argparse's."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from danlu.scriptform.argparses import Parser
from danlu.scriptform.arguments import Argument, option_of
from danlu.scriptform.model import Option, ScriptForm
from danlu.scriptform.values import known


@dataclass(slots=True)
class Draft:
    """A form in the making.

    Attributes:
        options: by subcommand and name, in order.
        notes: sentences for the reader.
        unread: how many options have a name that is not known.
    """

    options: dict[tuple[str, str], Option] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    unread: int = 0

    def add(self, option: Option) -> None:
        """Add an option, or join it with the one that sets the same."""
        key = (option.subcommand, option.name)
        before = self.options.get(key)
        if before is None:
            self.options[key] = option
        elif joined := _joined(before, option):
            self.options[key] = joined
        elif before.flags != option.flags and option.flags:
            name = max(option.flags, key=len).lstrip("-").replace("-", "_")
            self.options.setdefault((option.subcommand, name), replace(option, name=name))

    def form(self, kind: Any, summary: str, subcommands: tuple[str, ...] = ()) -> ScriptForm:
        """The form, in which each option has a name of its own."""
        if self.unread:
            some = "an option" if self.unread == 1 else f"{self.unread} options"
            self.notes.append(
                f"The names of {some} are made while the script runs; put those into the arguments."
            )
        return ScriptForm(
            kind=kind,
            options=tuple(_named(list(self.options.values()))),
            summary=summary,
            subcommands=subcommands,
            notes=tuple(dict.fromkeys(self.notes)),
        )


def _joined(one: Option, other: Option) -> Option | None:
    """`--cuda` and `--no-cuda` of one dest are one boolean; None where the two are something else."""
    styles = {one.style, other.style}
    if styles != {"store_true", "store_false"}:
        return None
    on, off = (one, other) if one.style == "store_true" else (other, one)
    default = one.default
    return replace(one, style="boolean_optional", flags=on.flags, off=off.flags, default=default)


def _named(options: list[Option]) -> list[Option]:
    """Names that options of several subcommands share get the subcommand's name before them."""
    count: dict[str, int] = {}
    for option in options:
        count[option.name] = count.get(option.name, 0) + 1
    return [
        replace(option, name=f"{option.subcommand}.{option.name}")
        if option.subcommand and count[option.name] > 1
        else option
        for option in options
    ]


def chosen(parsers: list[Parser]) -> list[Parser]:
    """The parsers that read the command line: those that the script lets parse it, else those that could."""
    parsing = [parser for parser in parsers if parser.parsed]
    if parsing:
        return parsing
    return [parser for parser in parsers if not parser.within and not parser.deaf and _has_options(parser)]


def _has_options(parser: Parser) -> bool:
    return bool(parser.arguments or parser.subparsers or parser.classes)


def form_of(parsers: list[Parser]) -> ScriptForm | None:
    """The form of these parsers; None where they have no options."""
    draft = Draft()
    subcommands: list[str] = []
    for parser in parsers:
        add_parser(draft, parser)
        subcommands += [name for name in parser.subparsers if name not in subcommands]
    if not draft.options and not draft.unread:
        return None
    if any(parser.deaf for parser in parsers):
        draft.notes.append(
            "The script gives one of its parsers a list of its own instead of the command line."
        )
    described = [parser.description for parser in parsers if isinstance(parser.description, str)]
    return draft.form("argparse", summary_of(described[-1] if described else ""), tuple(subcommands))


def add_parser(draft: Draft, parser: Parser, subcommand: str = "") -> None:
    """Add a parser's options and those of its subcommands."""
    draft.notes += parser.notes
    rivals: list[list[Argument]] = []
    for found in parser.arguments:
        option = option_of(found, parser.defaults)
        if option is None:
            draft.unread += not found.dest
            continue
        draft.add(replace(option, subcommand=subcommand))
        if found.rivals and found.rivals not in rivals:
            rivals.append(found.rivals)
    for group in rivals:
        names = [max(found.flags, key=len) for found in group if found.flags]
        if len(names) > 1:
            draft.notes.append(f"Give at most one of {', '.join(names)}.")
    if parser.subparsers and not subcommand:
        name = parser.dest or "command"
        choice = Option(
            name=name,
            kind="choice",
            choices=tuple(parser.subparsers),
            positional=True,
            style="subcommand",
            required=parser.needs_subcommand,
            help="What the script is to do.",
        )
        draft.add(choice)
        for name, below in parser.subparsers.items():
            add_parser(draft, below, name)
    elif parser.subparsers:
        listed = ", ".join(parser.subparsers)
        draft.notes.append(
            f"{subcommand} has subcommands of its own ({listed}); put those into the arguments."
        )


def summary_of(text: Any) -> str:
    """A description as a summary: its first paragraph."""
    if not isinstance(text, str) or not known(text):
        return ""
    first = text.strip().split("\n\n")[0]
    return " ".join(first.split())[:500]
