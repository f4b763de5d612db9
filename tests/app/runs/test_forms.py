"""Recipe schemas as form fields, and typed text back as params."""

from typing import Literal

import pytest
from pydantic import BaseModel, Field

from app.runs import forms


class Inner(BaseModel):
    width: int = 3


class Sample(BaseModel):
    """Every kind of parameter that a recipe may have."""

    lr: float = Field(1e-3, gt=0, le=1, description="Step size.")
    batch: int = Field(16, ge=1, lt=100)
    graph: bool = True
    monitor: Literal["val_acc", "val_loss"] = "val_acc"
    level: Literal[1, 2] = 2
    patience: int | None = Field(10, ge=1)
    folder: str | None = None
    title: str = Field("", max_length=20)
    widths: list[int] = [16, 16]
    inner: Inner = Inner()
    steps: int = Field(ge=1)


FIELDS = forms.fields_of(Sample.model_json_schema())
BY_NAME = {field.name: field for field in FIELDS}


def test_each_type_gets_its_input() -> None:
    kinds = {name: field.kind for name, field in BY_NAME.items()}
    assert kinds == {
        "lr": "number", "batch": "integer", "graph": "boolean", "monitor": "choice", "level": "choice",
        "patience": "integer", "folder": "text", "title": "text", "widths": "json", "inner": "json",
        "steps": "integer",
    }  # fmt: skip
    assert BY_NAME["lr"].help == "Step size."
    assert BY_NAME["lr"].bounds == "0 < x ≤ 1"
    assert BY_NAME["batch"].bounds == "1 ≤ x < 100"
    assert (BY_NAME["batch"].minimum, BY_NAME["batch"].maximum) == (1, 99)
    assert BY_NAME["patience"].bounds == "≥ 1"
    assert BY_NAME["patience"].nullable
    assert BY_NAME["steps"].required


def test_untouched_form_means_the_defaults() -> None:
    params, errors = forms.parse(FIELDS, forms.texts_of(FIELDS, {"steps": 5}))
    assert not errors
    assert Sample.model_validate(params, strict=True) == Sample(steps=5)


def test_typed_text_becomes_typed_values() -> None:
    typed = {"p.lr": "1e-4", "p.batch": " 32 ", "p.monitor": "val_loss", "p.level": "1", "p.patience": "",
             "p.folder": "data/x", "p.widths": "[1, 2]", "p.inner": '{"width": 4}', "p.steps": "7"}  # fmt: skip
    params, errors = forms.parse(FIELDS, typed)
    assert not errors
    assert params == {
        "lr": 1e-4, "batch": 32, "graph": False, "monitor": "val_loss", "level": 1, "patience": None,
        "folder": "data/x", "widths": [1, 2], "inner": {"width": 4}, "steps": 7,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("batch", "1.5", "whole number"),
        ("batch", "²", "whole number"),
        ("lr", "fast", "must be a number"),
        ("lr", "NaN", "finite"),
        ("lr", "inf", "finite"),
        ("lr", "1e999", "finite"),
        ("lr", "1_0", "finite"),
        ("monitor", "<script>", "one of val_acc, val_loss"),
        ("widths", "[1,", "is not JSON"),
        ("widths", "[NaN]", "must not hold NaN"),
        ("widths", "[" * 60_000, "nested too deeply"),
        ("steps", "", "is needed"),
        ("steps", "x" * 100_000, "too long"),
    ],
)
def test_what_cannot_be_read_is_said_beside_its_field(name: str, text: str, says: str) -> None:
    _, errors = forms.parse(FIELDS, {"p.steps": "1", f"p.{name}": text})
    assert says in errors[f"p.{name}"]
    assert list(errors) == [f"p.{name}"]


@pytest.mark.parametrize("value", [0.1, 1e-5, 1e22, 3.0, 123456789.123, -0.5])
def test_numbers_survive_the_form(value: float) -> None:
    params, _ = forms.parse(FIELDS, {"p.steps": "1", "p.lr": forms.as_text(value)})
    assert params["lr"] == value


def test_a_schema_that_turns_in_circles_ends() -> None:
    schema = {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"$ref": "#/$defs/A"}}}
    assert forms.fields_of(schema)[0].kind == "json"
