"""Slugs: safe on disk and in URLs, whatever the name."""

import re

import pytest

from app.experiments.slugs import MAX_SLUG, slugify, unique_slug

SAFE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
NAMES = [
    "rings", "Two Rings", "..", ".", "a/b", "../../etc/passwd", "丹炉", "🔥", "=cmd()", "--bind_all", "-h", "a\nb",
    "%s", "x" * 4000, "CON", "nul", "com1", "new", "İstanbul", "straße", "\u202e", " ", "a" * 63 + "-" + "b" * 9, "_", "\\",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_name_makes_a_safe_slug(name: str) -> None:
    slug = slugify(name)
    assert SAFE.fullmatch(slug)
    assert len(slug) <= MAX_SLUG + 11  # a reserved one grows by its suffix
    assert slug not in {"con", "nul", "com1", "new"}


def test_case_alone_makes_no_other_slug() -> None:
    assert slugify("ПЕЧЬ") == slugify("печь") != slugify("печи")
    assert slugify("STRASSE") == slugify("straße")


def test_counters_fill_in() -> None:
    taken = {"a", "a-2", "a-3"}
    assert unique_slug("a", taken.__contains__) == "a-4"
    assert unique_slug("b", taken.__contains__) == "b"
