"""Constants of a source: offered, and replaced without a line moved."""

import ast
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from danlu.scriptform import ScriptError, command, defaults, params_of, patch_constants, read_form

SOURCE = '''"""Trains a small network."""
import torch

LR = 3e-4  # learning rate
BATCH_SIZE: int = 2**6
NAME = "rün"; DEBUG = False
SIZES = [
    1,
    2,
]
BETAS = (0.9, 0.99)
TEXT = """a
b"""  # two lines
TWICE = 1
TWICE = 2
_PRIVATE = 1
DEVICE = torch.device("cpu")
hidden_size = 32
other = 5
print(LR, BATCH_SIZE)
'''


def values_of(source: str) -> dict[str, Any]:
    scope: dict[str, Any] = {}
    tree = ast.parse(source)
    tree.body = [
        n
        for n in tree.body
        if isinstance(n, ast.Assign | ast.AnnAssign) and not isinstance(n.value, ast.Call)
    ]
    exec(compile(tree, "x", "exec"), scope)
    return scope


def test_literals_with_a_constants_name_are_offered() -> None:
    found = read_form(SOURCE)
    assert (found.kind, found.summary) == ("constants", "Trains a small network.")
    assert defaults(found) == {
        "LR": 3e-4,
        "BATCH_SIZE": 64,
        "NAME": "rün",
        "DEBUG": False,
        "SIZES": [1, 2],
        "BETAS": [0.9, 0.99],
        "TEXT": "a\nb",
        "hidden_size": 32,
    }
    assert found.options[0].help == "learning rate"
    assert command(found, {"LR": 0.1}, ["x"]) == ["x"]
    assert params_of(found, ["x"]) == ({}, ["x"])
    with pytest.raises(ValueError, match="LR must be a number"):
        command(found, {"LR": "x"})


def test_a_script_with_a_parser_offers_no_constants() -> None:
    found = read_form(
        SOURCE + "import argparse\np = argparse.ArgumentParser()\np.add_argument('--n')\np.parse_args()"
    )
    assert [item.name for item in found.options] == ["n"]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_only_the_literal_is_touched(ends: str) -> None:
    source = "\ufeff" + SOURCE.replace("\n", ends)
    new = {
        "LR": 1,
        "BATCH_SIZE": 8,
        "NAME": "a\"b'c\n",
        "DEBUG": True,
        "SIZES": [3],
        "BETAS": [0.5, 0.6],
        "TEXT": "c",
    }
    patched = patch_constants(source, new)
    assert patched.startswith("\ufeff")
    assert patched.count(ends) == source.count(ends)
    got = values_of(patched.removeprefix("\ufeff"))
    assert {name: got[name] for name in new} == {**new, "BETAS": (0.5, 0.6)}
    assert isinstance(got["LR"], float)
    before, after = source.split(ends), patched.split(ends)
    changed = [place + 1 for place, (old, line) in enumerate(zip(before, after, strict=True)) if old != line]
    assert changed == [4, 5, 6, 7, 8, 9, 10, 11, 12, 13]
    assert after[3] == "LR = 1.0  # learning rate"
    assert after[4] == "BATCH_SIZE: int = 8"


@given(
    st.dictionaries(
        st.sampled_from(["NAME", "TEXT"]),
        st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0")),
    )
)
def test_any_text_becomes_a_literal(new: dict[str, str]) -> None:
    patched = patch_constants(SOURCE, new)
    assert patched.count("\n") == SOURCE.count("\n")
    got = values_of(patched)
    assert {name: got[name] for name in new} == new


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ({"XX": 1}, "XX is not a constant at the top of the script .it has LR"),
        ({"TWICE": 1}, "TWICE is not a constant"),
        ({"LR": "fast"}, "LR must be of the kind of 0.0003"),
        ({"LR": float("nan")}, "LR must be"),
        ({"BATCH_SIZE": True}, "BATCH_SIZE must be"),
        ({"DEBUG": 1}, "DEBUG must be"),
        ({"SIZES": [[1]]}, "SIZES must be"),
        ({"NAME": None}, "NAME must be"),
    ],
)
def test_another_kind_is_refused(new: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        patch_constants(SOURCE, new)


def test_no_python_is_refused() -> None:
    with pytest.raises(ScriptError):
        patch_constants("LR = = 1", {"LR": 1})


def test_all_variables_before_a_configurator() -> None:
    found = read_form(
        "out_dir = 'out'\nn_things = 3\neps = None\nkeys = [k for k in globals()]\nexec(open('configurator.py').read())\nlater = 1\n"
    )
    assert defaults(found) == {"out_dir": "out", "n_things": 3}
    assert "configurator" in found.notes[0]
