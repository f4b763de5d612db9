"""Rules of the templates that the Content-Security-Policy and htmx 4 ask for, checked on their text."""

import re
from pathlib import Path

import pytest

from app.paths import static_dir, templates_dir

TEMPLATES = sorted(templates_dir().rglob("*.html"))
RULES = {
    "inline script": re.compile(r"<script(?![^>]*\bsrc=)", re.IGNORECASE),
    "inline style": re.compile(r"<style|\sstyle=", re.IGNORECASE),
    "inline handler": re.compile(r"\son[a-z]+=|hx-on", re.IGNORECASE),
    "javascript that htmx would evaluate": re.compile(r"[\"']js:|hx-trigger=\"[^\"]*\["),
    "unescaped output": re.compile(r"\|\s*safe|autoescape\s+false", re.IGNORECASE),
    "something from elsewhere": re.compile(r"(?:src|href)=\"(?:https?:)?//", re.IGNORECASE),
}


@pytest.mark.parametrize("rule", RULES)
def test_templates_hold_nothing_that_the_policy_refuses(rule: str) -> None:
    found = {
        str(path.relative_to(templates_dir())): RULES[rule].findall(path.read_text(encoding="utf-8"))
        for path in TEMPLATES
    }
    assert {path: hits for path, hits in found.items() if hits} == {}


def test_our_scripts_evaluate_and_insert_no_text_as_code() -> None:
    forbidden = re.compile(
        r"\beval\(|new Function|innerHTML|insertAdjacentHTML|outerHTML\s*=|document\.write"
    )
    ours: list[Path] = sorted((static_dir() / "js").glob("*.js"))
    assert ours
    assert {path.name: hits for path in ours if (hits := forbidden.findall(path.read_text("utf-8")))} == {}
