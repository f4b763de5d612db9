"""Contrast of the colour tokens in both themes, by the WCAG formula, without a browser."""

import re
from itertools import product

import pytest

from app.paths import static_dir

CSS = (static_dir() / "css" / "danlu.css").read_text(encoding="utf-8")
TOKENS = {
    name: (light, dark)
    for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", CSS)
}
SURFACES = ("bg", "surface", "raised", "sunken", "hover")
STATES = ("queued", "running", "succeeded", "failed", "cancelled", "warn", "info")
TEXT = [
    *product(("ink", "muted", "link", "danger-ink"), SURFACES),
    *((f"{state}-ink", f"{state}-bg") for state in STATES),
    ("on-accent", "accent"), ("on-accent", "accent-hover"), ("on-danger", "danger"), ("muted", "bg"),
]  # fmt: skip
GRAPHICS = [
    *product([f"run-{index}" for index in range(10)], ("bg", "surface")),
    *product(("line-strong", "accent", "danger", "focus"), ("bg", "surface", "raised")),
]


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_can_be_read_on_every_surface(theme: int) -> None:
    found = {pair: round(contrast(TOKENS[pair[0]][theme], TOKENS[pair[1]][theme]), 2) for pair in TEXT}
    assert {pair: ratio for pair, ratio in found.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_curves_and_borders_stand_out(theme: int) -> None:
    found = {pair: round(contrast(TOKENS[pair[0]][theme], TOKENS[pair[1]][theme]), 2) for pair in GRAPHICS}
    assert {pair: ratio for pair, ratio in found.items() if ratio < 3} == {}


def test_every_colour_of_a_run_is_a_registered_property() -> None:
    """Charts read them by getComputedStyle, which resolves light-dark() only for registered ones."""
    for index in range(10):
        assert f'@property --run-{index} {{ syntax: "<color>"' in CSS
