"""A command line as params: which options it sets, and what is left over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from danlu.scriptform.argv import is_number
from danlu.scriptform.kinds import from_text
from danlu.scriptform.model import Option, ScriptForm

_FAILED = object()


def params_of(form: ScriptForm, args: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """The params that a command line sets, typed, and the words that none of the form's options takes.

    Never raises: a value that does not fit its option is left over, with its flag.
    """
    words = [str(word) for word in args]
    if form.kind in {"none", "constants"}:
        return {}, words
    reading = _Reading(form)
    reading.read(words)
    return reading.params, reading.left


class _Reading:
    """One command line on its way through the form."""

    def __init__(self, form: ScriptForm) -> None:
        self.form = form
        self.clicks = form.kind in {"click", "typer"}
        self.params: dict[str, Any] = {}
        self.left: list[str] = []
        self.free: list[str] = []
        self.subcommand = ""
        self._enter("")

    def _enter(self, subcommand: str) -> None:
        self.subcommand = subcommand
        self.options = [
            option
            for option in self.form.options
            if option.subcommand == subcommand and option.style != "subcommand"
        ]
        self.flags = {flag: (option, True) for option in self.options for flag in option.flags}
        self.flags |= {flag: (option, False) for option in self.options for flag in option.off}
        self.positionals = [option for option in self.options if option.positional]
        self.chooser = next(
            (option for option in self.form.options if option.style == "subcommand" and not subcommand), None
        )

    def read(self, words: list[str]) -> None:
        place = 0
        while place < len(words):
            word = words[place]
            if word == "--":
                self.free += words[place + 1 :]
                break
            if not self._is_flag(word):
                if self._chooses(word):
                    self._settle()
                    self._enter(word)
                else:
                    self.free.append(word)
                place += 1
                continue
            place = self._flag(words, place)
        self._settle()

    def _is_flag(self, word: str) -> bool:
        if word in self.flags:
            return True
        if not word.startswith("-") or word == "-":
            return False
        return not is_number(word) and (self.clicks or " " not in word.partition("=")[0])

    def _chooses(self, word: str) -> bool:
        """Whether a free word is the subcommand: the first one after the script's own positionals."""
        if self.chooser is None or word not in self.chooser.choices:
            return False
        if len(self.free) < sum(_least(option) for option in self.positionals):
            return False
        self.params[self.chooser.name] = word
        return True

    # --- flags

    def _flag(self, words: list[str], place: int) -> int:
        """Read a flag with its values; returns the place of the next word."""
        word = words[place]
        name, given = self._split(word)
        if name not in self.flags:
            if self._bundle(word):
                return place + 1
            self.left.append(word)
            place += 1
            while (
                place < len(words)
                and not self._is_flag(words[place])
                and words[place] != "--"
                and "=" not in word
            ):
                self.left.append(words[place])
                place += 1
            return place
        option, positive = self.flags[name]
        if option.style in {"store_true", "store_false", "boolean_optional"} or not positive:
            if given is not None:
                self.left.append(word)
            else:
                self.params[option.name] = positive and option.style != "store_false"
            return place + 1
        if option.style == "count":
            self.params[option.name] = self.params.get(option.name, option.default or 0) + 1
            return place + 1
        end = place + 1 if given is not None else self._end(option, words, place + 1)
        values = [given] if given is not None else words[place + 1 : end]
        if not self._take(option, values):
            self.left += words[place:end]
        return end

    def _split(self, word: str) -> tuple[str, str | None]:
        """A word's flag, spelled out, and the value behind its `=`."""
        if word in self.flags:
            return word, None
        name, equals, given = word.partition("=")
        if name not in self.flags and name.startswith("--") and not self.clicks:
            longer = [flag for flag in self.flags if flag.startswith(name)]
            if len({id(self.flags[flag][0]) for flag in longer}) == 1 and len(name) > 2:
                name = longer[0]
        if name not in self.flags and not name.startswith("--") and name[:2] in self.flags and len(word) > 2:
            option = self.flags[name[:2]][0]
            if option.style in {"value", "append"}:
                return name[:2], word[2:]
        return name, given if equals else None

    def _bundle(self, word: str) -> bool:
        """Short switches in one word, such as `-vvx`."""
        parts = [f"-{char}" for char in word[1:]]
        if word.startswith("--") or not parts or any(part not in self.flags for part in parts):
            return False
        if any(self.flags[part][0].style in {"value", "append"} for part in parts):
            return False
        for part in parts:
            self._flag([part], 0)
        return True

    def _end(self, option: Option, words: list[str], start: int) -> int:
        """Where the values of a flag end."""
        if option.nargs == "...":
            return len(words)
        most = (
            len(words) if option.nargs in {"*", "+"} else option.nargs if isinstance(option.nargs, int) else 1
        )
        end = start
        while end < len(words) and end - start < most:
            if words[end] == "--" or (
                self._is_flag(words[end]) and not (self.clicks and option.nargs is None)
            ):
                break
            end += 1
        return end

    def _take(self, option: Option, values: list[str]) -> bool:
        """Set an option from its words; False where they do not fit."""
        if option.nargs == "?" and not values:
            if option.const is None:
                return False
            self.params[option.name] = option.const
            return True
        if option.kind != "list":
            found = value_of(option, option.kind, values[0]) if len(values) == 1 else _FAILED
            if found is _FAILED:
                return False
            self.params[option.name] = found
            return True
        items = [value_of(option, "choice" if option.choices else option.item, word) for word in values]
        few = (option.nargs == "+" or option.style == "append") and not items
        wrong = isinstance(option.nargs, int) and option.style != "append" and len(items) != option.nargs
        if few or wrong or any(item is _FAILED for item in items):
            return False
        if option.style == "append" or option.extends:
            first = list(option.default or []) if option.extends else []
            items = [*self.params.get(option.name, first), *items]
        self.params[option.name] = items
        return True

    # --- positionals

    def _settle(self) -> None:
        """Give the free words to the positionals, as argparse does: each as many as leave enough for the others."""
        free, self.free = self.free, []
        for place, option in enumerate(self.positionals):
            rest = sum(_least(other) for other in self.positionals[place + 1 :])
            count = max(min(_most(option), len(free) - rest), 0)
            if count < _least(option) or (count == 0 and option.kind != "list"):
                continue
            words, free = free[:count], free[count:]
            if (words or option.required) and not self._take(option, words):
                self.left += words
        self.left += free


def _least(option: Option) -> int:
    if isinstance(option.nargs, int):
        return option.nargs
    return 0 if option.nargs in {"?", "*", "..."} or not option.required else 1


def _most(option: Option) -> int:
    if isinstance(option.nargs, int):
        return option.nargs
    return 1 << 30 if option.nargs in {"*", "+", "..."} else 1


def value_of(option: Option, kind: Any, word: str) -> Any:
    """The value that a word stands for, or `_FAILED`."""
    if option.none and word == option.none:
        return None
    if kind == "choice":
        return next((choice for choice in option.choices if str(choice) == word), _FAILED)
    found = from_text(kind, word, option.words)
    if found is None or (
        isinstance(found, int) and not isinstance(found, bool) and not -(2**63) <= found < 2**63
    ):
        return _FAILED
    if not isinstance(found, bool | str):
        if option.minimum is not None and found < option.minimum:
            return _FAILED
        if option.maximum is not None and found > option.maximum:
            return _FAILED
    return found
