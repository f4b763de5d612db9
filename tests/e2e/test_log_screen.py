"""What the log makes of control characters: the screen of a terminal, in the browser's own engine, and never HTML."""

import random
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from reports import running
from rest import Rest

from app.runs.logfile import LogWriter

pytestmark = pytest.mark.browser

SHOWN = """async (printed) => {
  const { Screen } = await import("/static/js/log_screen.js");
  return printed.map(([text, size]) => {
    const rows = [];
    const screen = new Screen(() => { rows.push(null); return rows.length - 1; }, (row) => { rows[row.element] = row.pieces(); });
    const characters = [...text];
    for (let at = 0; at < characters.length; at += size) {
      screen.write(characters.slice(at, at + size).join(""));
      screen.draw();
    }
    return rows;
  });
}"""
BAR = "█" * 5

SCREENS = [
    ("plain\n\nlines\n", ["plain", "", "lines"]),
    ("10%\r100%\rdone", ["done"]),
    ("100% done\rready", ["ready" + "done"]),  # as a terminal has it: what is not written over stays
    ("100% done\r\x1b[Kready", ["ready"]),
    ("a bar\r     \rnext", ["next"]),
    ("a bar\r     \r\nnext", ["", "next"]),
    ("abc\b\bX", ["aXc"]),
    ("\b\b\bX", ["X"]),
    # Nested bars: the inner one is drawn below, and the cursor goes up again.
    (
        f"outer {BAR} 1/3\n\rinner 1/9\x1b[A\n\rinner 9/9\x1b[A\router {BAR} 2/3",
        [f"outer {BAR} 2/3", "inner 9/9"],
    ),
    ("one\ntwo\nthree\x1b[2A\rONE\x1b[2B\rTHREE", ["ONE", "two", "THREE"]),
    ("one\ntwo\x1b[99A\rtop", ["top", "two"]),
    ("one\ntwo\x1b[F\x1b[2Kup", ["up", "two"]),
    ("one\ntwo\nthree\x1b[2A\x1b[J", ["one", "", ""]),
    ("abcdef\x1b[3D\x1b[1K|", ["   |ef"]),
    ("abcdef\x1b[2G\x1b[2P|", ["a|ef"]),
    ("ab\x1b[5Gcd", ["ab  cd"]),
    # What clears a terminal, moves its window or asks it something does nothing.
    ("kept\n\x1b[2J\x1b[H\x1b[?25l\x1b]0;title\x07\x1b(B\x1b[6n\x1bPq\x1b\\after", ["kept", "qafter"]),
    ("\x00\x07nothing\x7f", ["nothing"]),
    ("日本\r国", ["国本"]),
    ("😀😀\r😎", ["😎😀"]),
    ("x" * 30_000, ["x" * 20_000 + " … (30,000 characters)"]),
]


def text_of(rows: list[list[dict[str, Any]]]) -> list[str]:
    return ["".join(piece["text"] for piece in row) for row in rows]


@pytest.fixture
def blank(page: Page) -> Page:
    page.goto("/workers")
    return page


@pytest.mark.parametrize("size", [100_000, 1])
def test_screens(blank: Page, size: int) -> None:
    shown = blank.evaluate(SHOWN, [[printed, max(size, len(printed) // 50)] for printed, _ in SCREENS])
    assert [text_of(rows) for rows in shown] == [expected for _, expected in SCREENS]


def test_where_the_output_is_cut_into_pieces_makes_no_difference(blank: Page) -> None:
    parts = [
        "a", "bc", "日本", "😀", "\r", "\n", "\b", "\x1b[A", "\x1b[B", "\x1b[K", "\x1b[1K", "\x1b[2K", "\x1b[31m", "\x1b[0m",
        "\x1b[3C", "\x1b[2D", "\x1b[5G", "\x1b[J", "\x1b[38;5;99m", "\x1b]0;t\x07", "\x1b(B", "\x1b[?25l", "\x1b[2P", "\x1b[2X",
        "\x1b", "\x1b[", "    ",
    ]  # fmt: skip
    choice = random.Random(7)
    printed = ["".join(choice.choices(parts, k=40)) for _ in range(500)]
    whole = blank.evaluate(SHOWN, [[text, 9999] for text in printed])
    assert blank.evaluate(SHOWN, [[text, choice.randint(1, 5)] for text in printed]) == whole


COLOURS: list[tuple[str, dict[str, str]]] = [
    ("31", {"classes": "ansi-1"}),
    ("1;94;42", {"classes": "ansi-bold ansi-12 ansi-on-2"}),
    ("38;5;9", {"classes": "ansi-9"}),
    ("38;5;196", {"classes": "", "colour": "rgb(255 0 0)"}),
    ("48;5;250", {"classes": "", "background": "rgb(188 188 188)"}),
    ("38;2;1;2;300", {"classes": "", "colour": "rgb(1 2 255)"}),
    ("38:2::1:2:3", {"classes": "", "colour": "rgb(1 2 3)"}),
    ("38:5:4;3", {"classes": "ansi-italic ansi-4"}),
    ("4:3", {"classes": "ansi-underline"}),
    ("1;31;22;39", {"classes": ""}),
    ("31;0", {"classes": ""}),
    ("31;;", {"classes": ""}),
    ("38;9;1", {"classes": "ansi-bold"}),
]


def test_colours(blank: Page) -> None:
    shown = blank.evaluate(SHOWN, [[f"\x1b[{codes}mx", 1000] for codes, _ in COLOURS])
    assert shown == [[[{"text": "x", "look": look}]] for _, look in COLOURS]


def test_nested_bars_and_colours_in_the_page(page: Page, rest: Rest) -> None:
    run, _ = running(rest)
    writer = LogWriter(rest.folder(run), 1 << 20)
    writer.write(b"<b>start</b>\n")
    page.goto(f"/runs/{run['id']}")
    lines = page.locator(".log-line")
    expect(lines).to_have_text(["<b>start</b>"])
    for outer in range(3):
        writer.write(f"\router {outer}/3".encode())
        for inner in range(50):
            writer.write(f"\n\r\x1b[38;2;255;0;0minner {inner}/50\x1b[0m\x1b[A".encode())
    expect(lines).to_have_text(["<b>start</b>", "outer 2/3", "inner 49/50"])
    expect(lines.nth(2).locator("span")).to_have_attribute(
        "style", "color: color-mix(in oklab, rgb(255 0 0) 62%, var(--log-ink));"
    )
    writer.write(b"\n\n\x1b[35;1mover\x1b[0m\n")
    expect(lines).to_have_text(["<b>start</b>", "outer 2/3", "inner 49/50", "over"])
    expect(page.locator("danlu-log b")).to_have_count(0)
    # Reading on from the middle, as a page does that is opened now, shows the same.
    page.reload()
    expect(lines).to_have_text(["<b>start</b>", "outer 2/3", "inner 49/50", "over"])
    writer.close()
