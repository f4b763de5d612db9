import re
from pathlib import Path

import pytest

from app.config import Settings

DOCS = Path(__file__).parents[2] / "docs"
ROW = re.compile(r"^\| `(\w+)` \| `(DANLU_\w+)` \| (.+?) \| (.+?) \|$", re.MULTILINE)


def rows() -> dict[str, tuple[str, str, str]]:
    found = ROW.findall((DOCS / "settings.md").read_text(encoding="utf-8"))
    assert len({name for name, *_ in found}) == len(found), "a setting stands twice in docs/settings.md"
    return {name: (variable, default, meaning) for name, variable, default, meaning in found}


def test_every_setting_is_documented_and_nothing_else() -> None:
    assert sorted(rows()) == sorted(Settings.model_fields)


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_a_setting_is_documented_as_it_is(name: str) -> None:
    field = Settings.model_fields[name]
    variable, default, meaning = rows()[name]
    expected = {None: "none", "": "empty"}.get(field.default if isinstance(field.default, str | None) else 0)
    assert variable == f"DANLU_{name.upper()}"
    assert default == (expected or f"`{field.default}`")
    assert meaning == field.description
