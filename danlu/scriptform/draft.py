"""A form in the making."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from danlu.scriptform.model import FormKind, Option, ScriptForm
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

    def form(self, kind: FormKind, summary: str, subcommands: tuple[str, ...] = ()) -> ScriptForm:
        """The form, in which each option has a name of its own."""
        if self.unread:
            some = "an option" if self.unread == 1 else f"{self.unread} options"
            self.notes.append(
                f"The names of {some} are made while the script runs; put those into the arguments."
            )
        options = _named(list(self.options.values()))
        if len({option.group for option in options}) == 1:
            options = [replace(option, group="") for option in options]
        return ScriptForm(
            kind=kind if options else "none",
            options=tuple(options),
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


def summary_of(text: object) -> str:
    """A description as a summary: its first paragraph."""
    if not isinstance(text, str) or not known(text):
        return ""
    first = text.strip().split("\n\n")[0]
    return " ".join(first.split())[:500]
