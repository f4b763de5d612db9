"""The form of a script whose parsers are argparse's."""

from __future__ import annotations

import re
from dataclasses import replace

from danlu.scriptform.argparses import Parser
from danlu.scriptform.arguments import Argument, option_of
from danlu.scriptform.calls import Calls
from danlu.scriptform.dialects import SIMPLE, TRANSFORMERS, add_class
from danlu.scriptform.draft import Draft, summary_of
from danlu.scriptform.model import FormKind, Option, ScriptForm
from danlu.scriptform.scope import Class
from danlu.scriptform.trainingarguments import TRAINING_ARGUMENTS
from danlu.scriptform.values import Ref

_TRAINING = re.compile(r"(TrainingArguments|^trl\..*(SFT|DPO|GRPO|Reward|KTO|RLOO|PPO|ORPO|CPO)Config)$")


def chosen(parsers: list[Parser]) -> list[Parser]:
    """The parsers that read the command line: those that the script lets parse it, else those that could."""
    parsing = [parser for parser in parsers if parser.parsed]
    if parsing:
        return parsing
    return [parser for parser in parsers if not parser.within and not parser.deaf and _has_options(parser)]


def _has_options(parser: Parser) -> bool:
    return bool(parser.arguments or parser.subparsers or parser.classes)


def form_of(calls: Calls, parsers: list[Parser]) -> ScriptForm | None:
    """The form of these parsers; None where they have no options."""
    draft = Draft()
    subcommands: list[str] = []
    for parser in parsers:
        add_parser(draft, calls, parser)
        subcommands += [name for name in parser.subparsers if name not in subcommands]
    if not draft.options and not draft.unread and not draft.notes:
        return None
    if any(parser.deaf for parser in parsers):
        draft.notes.append(
            "The script gives one of its parsers a list of its own instead of the command line."
        )
    described = [parser.description for parser in parsers if isinstance(parser.description, str)]
    kind: FormKind = "dataclass" if any(parser.classes for parser in parsers) else "argparse"
    return draft.form(kind, summary_of(described[-1] if described else ""), tuple(subcommands))


def add_parser(draft: Draft, calls: Calls, parser: Parser, subcommand: str = "") -> None:
    """Add a parser's options and those of its subcommands."""
    draft.notes += parser.notes
    for target, _ in parser.classes:
        add_fields(draft, calls, parser, target, subcommand)
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
            add_parser(draft, calls, below, name)
    elif parser.subparsers:
        listed = ", ".join(parser.subparsers)
        draft.notes.append(
            f"{subcommand} has subcommands of its own ({listed}); put those into the arguments."
        )


def add_fields(draft: Draft, calls: Calls, parser: Parser, target: object, subcommand: str) -> None:
    """Add the fields of a dataclass that the parser reads; of transformers' own, those that everybody sets."""
    if isinstance(target, Class):
        roots = target.roots()
        add_class(
            draft,
            calls,
            target,
            TRANSFORMERS if parser.library == "transformers" else SIMPLE,
            subcommand=subcommand,
        )
    else:
        roots = {target.name} if isinstance(target, Ref) else set()
    name = next((root.rpartition(".")[2] for root in sorted(roots) if _TRAINING.search(root)), "")
    if name:
        for option in TRAINING_ARGUMENTS:
            own = (
                option
                if name == "TrainingArguments"
                else replace(option, default=None, computed=f"that of {name}")
            )
            draft.add(replace(own, group=name, subcommand=subcommand))
        draft.notes.append(
            f"The script also takes the options of {name}, of which the form has the usual ones; put others into the "
            "arguments, as --name value."
        )
    elif isinstance(target, Ref):
        last = target.name.rpartition(".")[2]
        draft.notes.append(
            f"The options of {last}, which is imported, are not read; put them into the arguments."
        )
    elif not isinstance(target, Class):
        draft.notes.append(
            "The script takes the fields of a class that cannot be known; put them into the arguments."
        )
