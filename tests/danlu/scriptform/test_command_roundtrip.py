"""Params become a command line that argparse itself reads, and the same params again."""

import argparse
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from danlu.scriptform import Option, ScriptForm, changes, command, defaults, params_of, read_form

ADDS = """
p.add_argument("data")
p.add_argument("rest", nargs="*", type=int)
p.add_argument("--lr", type=float, default=1)
p.add_argument("--betas", type=float, nargs=2, default=(0.9, 0.99))
p.add_argument("--dims", type=int, nargs="+", default=[])
p.add_argument("--names", nargs="*", default=["a"])
p.add_argument("--amp", type=str2bool, nargs="?", const=True, default=False)
p.add_argument("--plain", default=True, type=bool)
p.add_argument("--every", nargs="?", const=300, type=int)
p.add_argument("--cache", nargs="?", const="ram")
p.add_argument("--opt", choices=["sgd", "adam"], default="sgd")
p.add_argument("--level", type=int, choices=range(3), default=0)
p.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
p.add_argument("--off", action="store_false")
p.add_argument("--on", action="store_true")
p.add_argument("--tag", action="append")
p.add_argument("--ext", action="extend", nargs="+", type=float)
p.add_argument("-v", "--verbose", action="count", default=0)
p.add_argument("-x", type=int, default=3)
"""


def str2bool(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


SOURCE = (
    "import argparse\n"
    "def str2bool(text):\n    return text.lower() == 'true'\n"
    f"p = argparse.ArgumentParser()\n{ADDS}p.parse_args()\n"
)
FORM = read_form(SOURCE)


def real() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    exec(ADDS, {"p": parser, "argparse": argparse, "str2bool": str2bool})
    return parser


TEXT = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=8)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)


def values(option: Option) -> st.SearchStrategy[Any]:
    """Values that can be said: a text that looks like a flag can, behind its `=`, but not in a list."""
    if option.style == "count":
        return st.integers(0, 4)
    if option.kind == "list":
        sizes = (
            {"min_size": option.nargs, "max_size": option.nargs}
            if isinstance(option.nargs, int)
            else {"min_size": 1, "max_size": 3}
        )
        inner = values(replace(option, kind=option.item, nargs=None, positional=True))
        if option.style == "append":
            inner = TEXT
        return st.lists(inner, **sizes)
    if option.kind == "text":
        return TEXT.filter(lambda text: not text.startswith("-")) if option.positional else TEXT
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "integer": st.integers(0 if option.positional and option.name == "rest" else -(2**63), 2**63 - 1),
        "number": NUMBER,
        "boolean": st.booleans(),
    }
    return st.sampled_from(option.choices) if option.kind == "choice" else kinds[option.kind]


PARAMS = st.fixed_dictionaries(
    {option.name: values(option) for option in FORM.options if option.required},
    optional={option.name: values(option) for option in FORM.options if not option.required},
)


@given(PARAMS)
def test_argparse_reads_what_was_meant(params: dict[str, Any]) -> None:
    args = command(FORM, params)
    said = vars(real().parse_args(args))
    said["betas"] = list(said["betas"])
    assert said == defaults(FORM) | params


@given(PARAMS)
def test_the_command_line_gives_the_params_back(params: dict[str, Any]) -> None:
    found, left = params_of(FORM, command(FORM, params))
    assert left == []
    # What is as it is anyway may need no word.
    assert found == {name: value for name, value in params.items() if name in found}
    assert changes(FORM, params).items() <= found.items()


@given(
    st.lists(
        TEXT
        | st.sampled_from(["--lr", "--dims", "-v", "--", "--opt=adam", "1", "-1e5", "--no-compile", "-vx3"])
    )
)
def test_any_command_line_is_read_and_what_was_read_can_be_said(args: list[str]) -> None:
    found, _ = params_of(FORM, args)
    if "data" in found:
        again, left = params_of(FORM, command(FORM, found))
        assert left == []
        assert changes(FORM, found).items() <= again.items()


def test_forms_are_stored_as_json() -> None:
    assert ScriptForm.from_dict(FORM.to_dict()) == FORM
