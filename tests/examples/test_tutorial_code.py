"""The tutorial's sixth part runs as it stands: nothing but imports differs."""

import difflib
import json
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"
IMPORT = re.compile(r"(import|from) (\w+)")


def lines_of(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def script() -> str:
    return (EXAMPLES / "06_callback.py").read_text(encoding="utf-8")


def notebook() -> str:
    """The code of the notebook from the heading of the sixth part on."""
    cells = json.loads((EXAMPLES / "tutorial.ipynb").read_bytes())["cells"]
    sources = [(cell["cell_type"], "".join(cell["source"])) for cell in cells]
    begin = next(number for number, (_, text) in enumerate(sources) if text.startswith("## 六"))
    return "\n".join(text for kind, text in sources[begin:] if kind == "code")


@pytest.mark.parametrize("form", [script, notebook], ids=lambda form: form.__name__)
def test_only_imports_differ(form: object) -> None:
    assert callable(form)
    theirs = lines_of((HERE / "tutorial_part6.txt").read_text(encoding="utf-8"))
    changes = [line for line in difflib.ndiff(theirs, lines_of(form())) if line[0] in "-+"]
    imports = {"-": 0, "+": 0}
    for change in changes:
        sign, line = change[0], change[2:]
        if found := IMPORT.match(line):
            imports[sign] += 1
            assert found[2] in ({"torchkeras", "tensorboard"} if sign == "-" else {"danlu"}), change
        else:  # a script has headings for comments, and no magic
            assert form is script, change
            assert line.startswith(("%", "#!") if sign == "-" else "# "), change
    assert imports == {"-": 6, "+": 6}
