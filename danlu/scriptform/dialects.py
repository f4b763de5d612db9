"""How each library writes the fields of a dataclass, or a function's parameters, on a command line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from danlu.scriptform.calls import Calls
from danlu.scriptform.draft import Draft
from danlu.scriptform.fields import MISSING, Field, fields_of, is_dataclass
from danlu.scriptform.kinds import choices_of, kind_of_value, with_default
from danlu.scriptform.model import Option
from danlu.scriptform.scope import Class, Thing
from danlu.scriptform.values import Ref, Unknown, known

_NESTED = 6


@dataclass(frozen=True, slots=True)
class Dialect:
    """A library's ways.

    Attributes:
        name: of the library.
        dashes: `--learning-rate` is the flag of `learning_rate`; else `--learning_rate`.
        both: the other one of the two is understood too.
        dotted: a nested field is `--optim.lr`; else `--lr`.
        boolean: `--x/--no-x`; `--x` or `--x False`; a switch away from the default; a word that must be given.
        words: yes and no, where a boolean takes a word.
        none: the word for None; "" for none.
        repeat: how a list is written: nargs, or "" where it is one text in the library's own notation.
        by_name: an Enum's members are called by name; else by value.
        positional: what has no default stands without a flag.
        joined: `--x=value` always.
    """

    name: str
    dashes: bool = False
    both: bool = True
    dotted: bool = False
    boolean: Literal["pair", "bare", "switch", "word"] = "bare"
    words: tuple[str, str] = ("True", "False")
    none: str = ""
    repeat: str = "+"
    by_name: bool = False
    positional: bool = False
    joined: bool = False


TYRO = Dialect("tyro", dashes=True, dotted=True, boolean="pair", none="None", repeat="*", by_name=True)
TRANSFORMERS = Dialect("HfArgumentParser")
SIMPLE = Dialect("simple-parsing", repeat="*", by_name=True)
TAP = Dialect("typed-argument-parser", boolean="switch", repeat="*", both=False)
PYRALLIS = Dialect("pyrallis", dotted=True, boolean="word", words=("true", "false"), repeat="", both=False)
JSONARGPARSE = Dialect(
    "jsonargparse", dotted=True, boolean="word", words=("true", "false"), none="null", repeat="", both=False, positional=True,
    by_name=True,
)  # fmt: skip
FIRE = Dialect("Fire", boolean="word", repeat="", joined=True, both=True)


def add_class(
    draft: Draft,
    calls: Calls,
    kind: Class,
    dialect: Dialect,
    prefix: str = "",
    default: Any = MISSING,
    subcommand: str = "",
    depth: int = 0,
) -> None:
    """Add the fields of a dataclass to a form.

    Args:
        draft: the form in the making.
        calls: evaluates.
        kind: the class.
        dialect: of the library that reads it.
        prefix: before the names, with a dot at its end.
        default: an instance of it that the script makes, whose values are the defaults.
        subcommand: to which the fields belong.
        depth: of the nesting.
    """
    given = default.attributes if isinstance(default, Thing) and default.kind is kind else {}
    for field in fields_of(calls, kind):
        if field.name in given:
            field.default, field.text = given[field.name], ""
        add_field(
            draft,
            calls,
            field,
            dialect,
            prefix,
            kind.node.name if depth == 0 else prefix.rstrip("."),
            subcommand,
            depth,
        )


def add_field(
    draft: Draft,
    calls: Calls,
    field: Field,
    dialect: Dialect,
    prefix: str = "",
    group: str = "",
    subcommand: str = "",
    depth: int = 0,
) -> None:
    """Add one field; that of a nested dataclass are several."""
    said = field.annotation
    whole = prefix + field.name
    nested = said.nested
    instance = field.default if isinstance(field.default, Thing) else None
    if nested is None and said.several:
        draft.notes.append(_choose(whole, said.several, instance))
        nested = instance.kind if instance is not None else None
        if nested is None:
            return
    if nested is not None and is_dataclass(nested) and depth < _NESTED:
        inner = f"{whole}." if dialect.dotted else ""
        add_class(draft, calls, nested, dialect, inner, field.default, subcommand, depth + 1)
        return
    if nested is not None or not said.takes or "Suppress" in said.marks:
        draft.notes.append(f"{whole} has a type that no form can show; put it into the arguments.")
        return
    draft.add(replace(option_of(field, dialect, prefix), group=group, subcommand=subcommand))


def _choose(name: str, several: tuple[tuple[str, Class], ...], instance: Thing | None) -> str:
    listed = ", ".join(item.node.name for _, item in several)
    here = f"; the form shows {instance.kind.node.name}" if instance is not None and instance.kind else ""
    return f"{name} is one of {listed}, chosen by a subcommand in the arguments{here}."


def option_of(field: Field, dialect: Dialect, prefix: str = "") -> Option:
    """The option that a field is."""
    said = field.annotation
    default = None if field.default is MISSING else field.default
    kind = said.kind or kind_of_value(default) or "text"
    choices = said.choices if said.members == {} or dialect.by_name else tuple(said.members.values())
    metadata = field.metadata or {}
    if "choices" in metadata and not choices:
        choices = choices_of(metadata["choices"])
        kind = "choice" if choices and kind != "list" else kind
    positional = (
        field.default is MISSING and dialect.positional and not field.keyword_only and "." not in prefix
    )
    positional = positional or "Positional" in said.marks or metadata.get("positional") is True
    option = Option(
        name=prefix + field.name,
        kind=kind,
        choices=choices if kind in {"choice", "list"} else (),
        item=said.item if kind == "list" else "text",
        flags=() if positional else _flags(prefix + field.name, dialect, metadata),
        positional=positional,
        required=field.default is MISSING,
        help=field.help,
        none=dialect.none if said.optional else "",
        joined=dialect.joined,
    )
    option = _named(option, said.extras)
    option = (
        _list_style(option, said.nargs, dialect) if kind == "list" else _boolean_style(option, field, dialect)
    )
    return _defaulted(option, field, default, dialect)


def _flags(name: str, dialect: Dialect, metadata: dict[str, Any]) -> tuple[str, ...]:
    dashed = "--" + name.replace("_", "-")
    plain = "--" + name
    first, other = (dashed, plain) if dialect.dashes else (plain, dashed)
    aliases = metadata.get("aliases", metadata.get("alias")) or ()
    listed = [aliases] if isinstance(aliases, str) else [item for item in aliases if isinstance(item, str)]
    return tuple(
        dict.fromkeys(
            [
                first,
                *([other] if dialect.both else []),
                *(f if f.startswith("-") else "--" + f for f in listed),
            ]
        )
    )


def _named(option: Option, extras: tuple[Any, ...]) -> Option:
    """What `tyro.conf.arg(name=…, aliases=…, help=…)` says."""
    for extra in extras:
        if not isinstance(extra, TyroArg):
            continue
        option = replace(option, help=extra.help or option.help)
        if extra.name and option.flags:
            before, dot, _ = option.name.rpartition(".")
            option = replace(option, flags=(f"--{before}{dot}{extra.name}",))
        if option.flags:
            option = replace(option, flags=(*option.flags, *extra.aliases))
    return option


class TyroArg(Thing):
    """What `tyro.conf.arg` returns."""

    def __init__(self, name: str, aliases: tuple[str, ...], text: str) -> None:
        super().__init__()
        self.name = name
        self.aliases = aliases
        self.help = text


def _list_style(option: Option, nargs: int | None, dialect: Dialect) -> Option:
    if dialect.repeat:
        return replace(option, nargs=nargs or dialect.repeat)
    return replace(option, kind="text", choices=(), item="text")


def _boolean_style(option: Option, field: Field, dialect: Dialect) -> Option:
    if option.kind != "boolean":
        return option
    if "FlagConversionOff" in field.annotation.marks or option.positional:
        return replace(option, words=dialect.words)
    if dialect.boolean == "word" or (dialect.boolean == "pair" and option.none):
        return replace(option, words=dialect.words)
    if dialect.boolean == "pair":
        return replace(option, style="boolean_optional", off=tuple(_negated(flag) for flag in option.flags))
    if dialect.boolean == "switch":
        return replace(option, style="store_false" if field.default is True else "store_true", required=False)
    off = tuple(f"--no_{option.name}" if "-" not in flag[2:] else f"--no-{flag[2:]}" for flag in option.flags)
    has_off = dialect is TRANSFORMERS and field.default is True
    if dialect is TRANSFORMERS and field.annotation.optional and field.default in (None, MISSING):
        return option  # Optional[bool] without a default of its own wants a word
    return replace(option, nargs="?", const=True, required=False, off=off if has_off else ())


def _negated(flag: str) -> str:
    """The flag `--optim.no-amp` of `--optim.amp`."""
    before, dot, last = flag[2:].rpartition(".")
    return f"--{before}{dot}no{'_' if '_' in last else '-'}{last}"


def _defaulted(option: Option, field: Field, default: Any, dialect: Dialect) -> Option:
    if field.default is MISSING:
        if option.kind == "boolean" and not option.required:
            return replace(option, default=False)
        return option
    members = field.annotation.members
    if members and isinstance(default, Unknown | Ref | str):
        # `Mode.fast` is evaluated to the member's value, and by name it is what some libraries want.
        last = field.text.rpartition(".")[2]
        if last in members:
            default = last if dialect.by_name else members[last]
    if members and dialect.by_name and known(default):
        named = [name for name, value in members.items() if value == default]
        default = named[0] if named and default not in members else default
    if option.kind == "text" and isinstance(default, list | tuple) and known(default) and not dialect.repeat:
        default = str(list(default))
    return with_default(option, default, field.text)
