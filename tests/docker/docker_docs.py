"""The commands and configurations of docs/deployment.md that tests run or check, by the name in the comment above each."""

import re
from pathlib import Path

PAGE = Path(__file__).parent.parent.parent / "docs" / "deployment.md"


def blocks() -> dict[str, str]:
    """Name → commands of every fenced block that follows `<!-- tested: name -->`."""
    text = PAGE.read_text(encoding="utf-8")
    return dict(re.findall(r"<!-- tested: ([a-z-]+) -->\n+```\w*\n(.*?)```", text, re.DOTALL))
