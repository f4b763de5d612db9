"""The guide's example runs."""

import re
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[3] / "docs" / "scripts.md"


def test_the_guides_example(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(
        r"```python\n(from danlu\.scriptform.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL
    )
    exec(block, {})
    assert capsys.readouterr().out.splitlines()[:3] == [
        "Trains a network. {'lr': 0.0003, 'amp': False}",
        "['--lr', '0.1', '--amp']",
        "({'lr': 0.1}, ['--other', 'x'])",
    ]
