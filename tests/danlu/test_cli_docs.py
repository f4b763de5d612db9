import re
from pathlib import Path
from typing import Any

import typer.main

from danlu.cli import app
from danlu.commands.output import Exit

TEXT = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")


def commands(group: Any, path: str = "danlu") -> dict[str, Any]:
    """Every visible command by its whole name."""
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        if getattr(command, "commands", None):
            found |= commands(command, f"{path} {name}")
        elif not command.hidden:
            found[f"{path} {name}"] = command
    return found


def test_every_command_and_option_is_documented() -> None:
    missing = []
    for path, command in commands(typer.main.get_command(app)).items():
        if not re.search(rf"`{path}\b", TEXT) and not re.search(rf"`{path.split()[-1]}\b", TEXT):
            missing.append(path)
        for option in command.params:
            names = [name for name in option.opts + option.secondary_opts if name.startswith("--")]
            if not getattr(option, "hidden", False) and not any(f"{name}" in TEXT for name in names or [""]):
                missing.append(f"{path} {names}")
    assert missing == []


def test_the_exit_codes_are_documented() -> None:
    codes = re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)
    assert [int(code) for code in codes if int(code) < 100] == [code.value for code in Exit]
