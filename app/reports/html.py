"""HTML of a report: for its page, where charts live, and as a file of its own, where they are drawn in."""

import json
from collections.abc import Iterator
from html import escape
from typing import Any

from app.reports import markdown
from app.reports.blocks import Kind
from app.reports.gather import Filled
from app.reports.shown import Shown
from app.reports.style import STYLE
from app.reports.svg import line_chart
from app.reports.table import Cell, Table, runs_table

Json = dict[str, Any]
ROW = (
    "id",
    "name",
    "state",
    "params",
    "colour",
    "experiment",
    "recipe",
    "entrypoint",
    "snapshot",
    "args",
    "owner",
    "seed",
)
"""What of a run the charts of the page need: for its name, its colour, and the group that it belongs to."""


def page_html(body: str, blocks: list[Filled]) -> str:
    """What stands below the title on the report's page; a chart is an element that draws itself."""
    return markdown.to_html(body, _in_turn(blocks, live=True, origin=""))


def file_html(report: Json, blocks: list[Filled], *, origin: str, exported: str) -> str:
    """The report as one file that needs nothing else: no script, no request, light and dark."""
    body = markdown.to_html(report["body"], _in_turn(blocks, live=False, origin=origin), origin=origin)
    title = escape(report["title"])
    about = " · ".join(filter(None, [report["experiment"], report["owner"], f"exported {exported}"]))
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><meta name="generator" content="Danlu">'
        '<link rel="icon" href="data:,">'
        f"<title>{title}</title><style>{STYLE}</style></head>\n<body><main>"
        f'<header><h1>{title}</h1><p class="about">{escape(about)}</p></header>\n{body}</main></body></html>\n'
    )


def _in_turn(blocks: list[Filled], *, live: bool, origin: str) -> markdown.Figure:
    turn: Iterator[Filled] = iter(blocks)

    def figure(kind: Kind, _text: str) -> str:
        block = next(turn)
        if block.shown is None:
            return _problem(block.problem)
        if kind == "danlu-runs":
            return _frame(block.shown, _table(runs_table(block.shown), origin), origin)
        inner = _live(block.shown) if live else _drawn(block)
        return _frame(block.shown, inner, origin)

    return figure


def _problem(why: str) -> str:
    return f'<p class="report-problem" role="note">This block shows nothing: {escape(why)}.</p>\n'


def _frame(shown: Shown, inner: str, origin: str) -> str:
    words = shown.block.title or shown.block.view or ""
    gone = ""
    if shown.missing:
        ids = ", ".join(f"#{number}" for number in shown.missing[:10])
        gone = f'<p class="report-gone">Deleted meanwhile: {escape(ids)}.</p>'
    link = f'<a class="report-open" href="{escape(origin + shown.link)}">Open in the workbench</a>'
    caption = f"<figcaption><span>{escape(words)}</span>{link}</figcaption>"
    return f'<figure class="report-figure">{caption}{inner}{gone}</figure>\n'


def _live(shown: Shown) -> str:
    if not shown.runs:
        return '<p class="report-gone">No run matches.</p>'
    rows = json.dumps([_row(run) for run in shown.runs], ensure_ascii=False)
    return (
        f'<danlu-report-chart data-rows="{escape(rows)}" data-query="{escape(shown.query)}" '
        f'data-tags="{escape(shown.tags)}" data-height="{shown.block.height}"></danlu-report-chart>'
    )


def _row(run: Json) -> Json:
    return {key: run[key] for key in ROW} | {"device": run["resolved_device"] or run["device"]}


def _drawn(block: Filled) -> str:
    shown = block.shown
    assert shown is not None  # noqa: S101 - the caller has looked
    if block.problem:
        return _problem(block.problem)
    if not block.charts and not block.left_out:
        return '<p class="report-gone">No curve.</p>'
    charts = "".join(line_chart(one, height=float(shown.block.height)) for one in block.charts)
    more = f'<p class="report-gone">And {block.left_out} more charts.</p>' if block.left_out else ""
    return f'<div class="plots">{charts}</div>{more}'


def _table(table: Table, origin: str) -> str:
    if not table.rows:
        return '<p class="report-gone">No run matches.</p>'
    head = "".join(f'<th scope="col"{_side(one)}>{escape(one.text)}</th>' for one in table.head)
    rows = "".join(f"<tr>{''.join(_cell(one, origin) for one in row)}</tr>" for row in table.rows)
    return (
        '<div class="table-wrap" tabindex="0" role="region" aria-label="Runs"><table class="table">'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cell(cell: Cell, origin: str) -> str:
    text = f"<bdi>{escape(cell.text)}</bdi>"
    if cell.link:
        text = f'<a href="{escape(origin + cell.link)}">{text}</a>'
    return f"<td{_side(cell)}>{text}</td>"


def _side(cell: Cell) -> str:
    return ' class="num"' if cell.number else ""
