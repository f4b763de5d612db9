"""The typed form of a script: only what somebody changed becomes a param."""

import pytest

from app.runs import script_fields
from app.runs.forms import Field, Values
from danlu.scriptform import command, params_of, read_form

SOURCE = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1e-3)
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--amp", action="store_true")
parser.add_argument("--optimizer", choices=["sgd", "adam"], default="adam")
parser.add_argument("--steps", type=int, nargs="*", default=[30, 60])
parser.add_argument("--name", default=None)
parser.add_argument("data")
parser.parse_args()
"""
FORM = read_form(SOURCE)


def sent(fields: list[Field], **typed: str) -> Values:
    """What a browser sends of the form as it was shown, with some of it typed over."""
    values = {f"d.{field.name}": field.default for field in fields}
    values |= {field.input_name: field.default for field in fields if field.kind != "boolean"}
    values["p.data"] = "here"
    return values | {f"p.{name}": text for name, text in typed.items()}


def test_the_fields_stand_with_the_scripts_defaults() -> None:
    fields = {field.name: field for field in script_fields.fields_of(FORM, {})}
    assert {name: field.default for name, field in fields.items()} == {
        "lr": "0.001", "epochs": "10", "amp": "false", "optimizer": "adam", "steps": "30 60", "name": "", "data": "",
    }  # fmt: skip
    assert (fields["lr"].label, fields["data"].label) == ("--lr", "data")
    assert fields["data"].required
    assert not fields["name"].required


@pytest.mark.parametrize(
    ("typed", "arguments"),
    [
        ({}, ["here"]),
        ({"lr": "0.1"}, ["here", "--lr", "0.1"]),
        ({"amp": "true", "optimizer": "sgd"}, ["here", "--amp", "--optimizer", "sgd"]),
        ({"steps": "1 2"}, ["here", "--steps", "1", "2"]),
        ({"name": "a b"}, ["here", "--name", "a b"]),
        ({"lr": "0.001"}, ["here"]),
    ],
)
def test_only_what_was_changed_becomes_an_argument(typed: dict[str, str], arguments: list[str]) -> None:
    fields = script_fields.fields_of(FORM, {})
    params, errors = script_fields.changes(fields, sent(fields, **typed))
    assert errors == {}
    written = command(FORM, params)
    assert sorted(written) == sorted(arguments)
    # and they mean the same to the script
    assert params_of(FORM, written)[0] == params


def test_what_cannot_be_read_or_is_missing_is_told_beside_its_field() -> None:
    fields = script_fields.fields_of(FORM, {})
    _, errors = script_fields.changes(fields, sent(fields, lr="fast", steps="1 x", data=""))
    assert errors == {
        "p.lr": "must be a number, such as 0.001 or 1e-3",
        "p.steps": "must be a whole number",
        "p.data": "is needed",
    }


def test_a_default_that_changed_in_the_source_is_shown_unless_somebody_typed_over_it() -> None:
    before = script_fields.fields_of(FORM, {})
    after = script_fields.fields_of(
        read_form(SOURCE.replace("default=10", "default=20").replace("1e-3", "1e-4")), {}
    )
    values = sent(before, lr="0.5")
    shown = script_fields.shown(after, values)
    assert (shown["p.epochs"], shown["p.lr"]) == ("20", "0.5")
    assert script_fields.changes(after, values)[0] == {"lr": 0.5, "data": "here"}


def test_a_subcommand_brings_its_own_fields() -> None:
    form = read_form(
        """
import argparse
parser = argparse.ArgumentParser()
commands = parser.add_subparsers(dest="mode", required=True)
train = commands.add_parser("train")
train.add_argument("--lr", type=float, default=1.0)
test = commands.add_parser("test")
test.add_argument("--limit", type=int, default=3)
parser.parse_args()
"""
    )
    names = [field.name for field in script_fields.fields_of(form, {"p.mode": "test"})]
    assert names == ["mode", "limit"]


def test_params_come_back_as_if_they_had_been_typed() -> None:
    fields = script_fields.fields_of(FORM, {})
    params = {"lr": 0.5, "steps": [1, 2], "amp": True, "data": "here", "unknown": 1}
    values = script_fields.texts_of(fields, params)
    del params["unknown"]
    assert script_fields.changes(fields, values) == (params, {})
