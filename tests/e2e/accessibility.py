"""axe-core in a page: 15 lines instead of a package that bundles an older one."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

SCRIPT = (Path(__file__).parents[1] / "vendor" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
# wcag22aa has to be named: its rule target-size is off by default
RULES = 'type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]'
COLOURS = 'type: "rule", values: ["color-contrast", "link-in-text-block"]'


def violations(page: Page, *, theme: str = "") -> list[str]:
    """What axe finds wrong on the page, each with its rule, element and reason.

    Args:
        theme: `dark` where the same test sees the same elements in light, too: only the rules about colours.
    """
    # page.evaluate goes through the debugger, so the Content-Security-Policy stays on
    page.evaluate(f"() => {{ {SCRIPT} }}")
    rules = COLOURS if theme == "dark" else RULES
    found: list[dict[str, Any]] = page.evaluate(
        f"() => axe.run(document, {{preload: false, runOnly: {{{rules}}}}})"
    )["violations"]
    return [
        f"{rule['id']}: {node['html'][:200]} ({node.get('failureSummary', '')[:200]})"
        for rule in found
        for node in rule["nodes"]
    ]


def overflow(page: Page) -> int:
    """By how many CSS pixels the page can be scrolled sideways."""
    wide: int = page.evaluate(
        "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return wide
