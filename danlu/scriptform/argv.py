"""Params as a command line, and a command line as params."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from danlu.scriptform.checking import check
from danlu.scriptform.model import Option, ScriptForm


def defaults(form: ScriptForm) -> dict[str, Any]:
    """The params with their defaults; without required ones, those that are not known, and subcommands' own."""
    return {
        option.name: option.default
        for option in form.options
        if not option.required and not option.computed and not option.subcommand
    }


def changes(form: ScriptForm, params: Mapping[str, Any]) -> dict[str, Any]:
    """The params that differ from the script's defaults: what its command line has to say."""
    usual = {
        option.name: option.default for option in form.options if not option.required and not option.computed
    }
    return {
        name: value
        for name, value in params.items()
        if name not in usual
        or value != usual[name]
        or isinstance(value, bool) != isinstance(usual[name], bool)
    }


def command(form: ScriptForm, params: Mapping[str, Any], extra: Sequence[str] = ()) -> list[str]:
    """The arguments for these params, without the script's name: positionals, then flags in source order, then `extra`.

    Everything in `params` is written, except what needs no word: None, and a switch in the position that it has anyway.
    Positionals that look like flags stand behind a `--` at the end. Of a form of constants nothing is written, of one
    of kind none neither.

    Raises:
        ValueError: an option that the script does not have, or a value that cannot be said; the message names it.
    """
    if form.kind == "none":
        return list(extra)
    names = {option.name: option for option in form.options}
    for name, value in params.items():
        if name not in names:
            listed = ", ".join(names) or "none"
            raise ValueError(
                f"{name} is not an option that the script reads (it has {listed}); put it into the arguments"
            )
        check(names[name], value)
    if form.kind == "constants":
        return list(extra)
    chosen = _subcommand(form, params)
    own = [option for option in form.options if not option.subcommand and option.style != "subcommand"]
    before, behind = _words(form, own, params)
    if not chosen:
        return [*before, *extra, *behind]
    if behind:
        raise ValueError(f"{_named(own, behind[1])} must not look like a flag before a subcommand")
    below = [option for option in form.options if option.subcommand == chosen]
    inner, last = _words(form, below, params)
    return [*before, chosen, *inner, *extra, *last]


def _subcommand(form: ScriptForm, params: Mapping[str, Any]) -> str:
    """The chosen subcommand; "" for none."""
    option = next((option for option in form.options if option.style == "subcommand"), None)
    chosen = params.get(option.name, option.default) if option else None
    for other in form.options:
        if other.subcommand and other.name in params and other.subcommand != chosen:
            name = option.name if option else "command"
            raise ValueError(
                f"{other.name} belongs to the subcommand {other.subcommand}; {name} is {chosen!r}"
            )
    return str(chosen) if chosen is not None else ""


def _named(options: list[Option], word: str) -> str:
    return next((option.name for option in options if option.positional), word)


def _words(form: ScriptForm, options: list[Option], params: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The words of one parser's options: (those in front, positionals behind a `--`)."""
    places: list[list[str]] = []
    missing = ""
    for option in (option for option in options if option.positional):
        if params.get(option.name) is None:
            if option.default is not None and not option.required:
                places.append(_value_words(option, option.default))
            else:
                missing = option.name
                places.append([])
                continue
        else:
            places.append(_value_words(option, params[option.name]))
        if missing and places[-1] and option.name in params:
            raise ValueError(f"{option.name} stands behind {missing} on the command line; give {missing} too")
    given = [option.name for option in options if option.positional and params.get(option.name) is not None]
    ordered = [option.name for option in options if option.positional]
    last = max((ordered.index(name) for name in given), default=-1)
    positionals = [word for words in places[: last + 1] for word in words]
    flags = [word for option in options if not option.positional for word in _said(form, option, params)]
    if any(word.startswith("-") and word != "-" for word in positionals):
        return flags, ["--", *positionals]
    return [*positionals, *flags], []


def _said(form: ScriptForm, option: Option, params: Mapping[str, Any]) -> list[str]:
    """An option's words; none for a default that cannot be said, and needs not be."""
    try:
        return _flag_words(form, option, params)
    except ValueError:
        if option.required or option.computed or params[option.name] != option.default:
            raise
        return []


def _flag_words(form: ScriptForm, option: Option, params: Mapping[str, Any]) -> list[str]:
    if option.name not in params:
        return []
    value = params[option.name]
    flag = next((flag for flag in option.flags if flag.startswith("--")), option.flags[0])
    if value is None:
        return _none_words(form, option, flag)
    if option.style in {"store_true", "store_false", "boolean_optional"}:
        return _switch(option, value, flag)
    if option.style == "count":
        return _count(option, value, flag)
    if option.kind == "list":
        return _list_words(form, option, value, flag)
    bare = option.nargs == "?" and option.const is not None and value == option.const
    if bare and isinstance(value, bool) == isinstance(option.const, bool):
        return [flag]
    return _pair(form, option, flag, _text(option, value))


def _list_words(form: ScriptForm, option: Option, value: Sequence[Any], flag: str) -> list[str]:
    value = list(value)
    if option.extends and option.default:
        head = option.default
        if value[: len(head)] != head:
            raise ValueError(f"{option.name} can only be added to: it must begin with {head!r}")
        value = value[len(head) :]
        if not value:
            return []
    if option.style == "append":
        if not value and option.default:
            raise ValueError(f"{option.name} cannot be emptied on the command line")
        return [word for item in value for word in _pair(form, option, flag, _text(option, item))]
    return [flag, *_value_words(option, value, flagged=True)]


def _none_words(form: ScriptForm, option: Option, flag: str) -> list[str]:
    if option.none:
        return _pair(form, option, flag, option.none)
    if option.default is None and not option.required:
        return []
    raise ValueError(f"{option.name} cannot be set to nothing on the command line")


def _pair(form: ScriptForm, option: Option, flag: str, text: str) -> list[str]:
    """A flag with its one value, in the way that cannot be misread."""
    if option.joined:
        return [f"{flag}={text}"]
    if (text.startswith("-") or not text) and form.kind not in {"click", "typer"}:
        return [f"{flag}={text}"]
    return [flag, text]


def _switch(option: Option, value: bool, flag: str) -> list[str]:
    turns_on = option.style != "store_false"
    if option.style == "boolean_optional":
        if value:
            return [flag]
        if option.off:
            return [option.off[0]]
    elif value is turns_on:
        return [flag]
    if option.default is (not turns_on) or option.default is None:
        return []
    raise ValueError(f"{option.name} can only be switched {'on' if turns_on else 'off'} by {flag}")


def _count(option: Option, value: int, flag: str) -> list[str]:
    times = value - (option.default or 0)
    if times < 0:
        raise ValueError(f"{option.name} counts from {option.default}; {value} is less")
    short = next((flag for flag in option.flags if len(flag) == 2), "")
    if short and times > 1:
        return ["-" + short[1] * times]
    return [flag] * times


def _value_words(option: Option, value: Any, *, flagged: bool = False) -> list[str]:
    if option.kind != "list":
        return [_text(option, value)]
    words = [_text(option, item) for item in value]
    if not words and option.nargs == "+":
        raise ValueError(f"{option.name} needs at least one item")
    if flagged:
        words = [_plain(word) for word in words]
        bad = next((word for word in words if _looks_like_flag(word)), None)
        if bad is not None:
            raise ValueError(f"{option.name} has the item {bad!r}, which the script would take for a flag")
    return words


def _plain(word: str) -> str:
    """A negative number without an exponent, which argparse would take for a flag."""
    if word.startswith("-") and "e" in word.lower():
        try:
            return format(Decimal(word), "f")
        except ArithmeticError:
            return word
    return word


def _looks_like_flag(word: str) -> bool:
    return word.startswith("-") and word != "-" and not is_number(word) and " " not in word


def is_number(word: str) -> bool:
    """Whether a word that begins with a dash is a negative number rather than a flag."""
    body = word[1:]
    return bool(body) and body.isascii() and body.replace(".", "", 1).isdigit()


def _text(option: Option, value: Any) -> str:
    if value is None:
        return option.none or "None"
    if isinstance(value, bool):
        yes, no = option.words
        return yes if value else no
    if isinstance(value, float):
        # 3.0 as 3, which is as good for a float and good for an int too.
        return repr(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)
