"""A report as PDF: text, tables and charts as vectors, on A4."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

from markdown_it.token import Token
from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import (
    Flowable,
    HRFlowable,
    KeepTogether,
    ListFlowable,
    ListItem,
    LongTable,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    XPreformatted,
)

from app.reports import fonts, markdown
from app.reports.gather import Filled
from app.reports.pdfplot import Plot
from app.reports.pdftext import inline, mostly_eastern, plain
from app.reports.style import AXIS, GRID, INK
from app.reports.table import runs_table

Json = dict[str, Any]
MARGIN = 48.0
WIDTH = A4[0] - 2 * MARGIN
HEADINGS = {"h2": 16.0, "h3": 13.5, "h4": 12.0, "h5": 11.0, "h6": 10.5}
CODE_COLUMNS = 92
"""Characters of a line of code; longer ones are broken."""
QUOTE = 14.0
LONG_HEADING = 500
"""Characters from which on a heading may be the last thing of a page: it could fill more than one."""
MAX_COLUMNS = 16
"""Of a table; more have no room on a page."""


def file_pdf(report: Json, blocks: list[Filled], *, origin: str, exported: str) -> bytes:
    """The report as a PDF."""
    fonts.register()
    story = _Story(iter(blocks), origin)
    about = " · ".join(filter(None, [report["experiment"], report["owner"], f"exported {exported}"]))
    head: list[Flowable] = [
        story.words(plain(report["title"]), report["title"], 22, bold=True),
        story.note(about),
        Spacer(0, 10),
    ]
    body = story.flow(markdown.tokens(report["body"]))
    sink = BytesIO()
    document = SimpleDocTemplate(
        sink, pagesize=A4, leftMargin=MARGIN, rightMargin=MARGIN, topMargin=MARGIN, bottomMargin=MARGIN + 8,
        title=report["title"], author=report["owner"] or "", creator="Danlu", lang="en",
    )  # fmt: skip
    document.build(head + body, onFirstPage=_foot, onLaterPages=_foot)
    return sink.getvalue()


def _foot(canvas: Any, document: Any) -> None:
    canvas.saveState()
    canvas.setFont(fonts.SANS, 8)
    canvas.setFillColor(HexColor(AXIS))
    canvas.drawRightString(A4[0] - MARGIN, MARGIN - 14, str(document.page))
    canvas.restoreState()


class _Story:
    """Makes flowables of tokens; blocks come in turn."""

    def __init__(self, blocks: Iterator[Filled], origin: str) -> None:
        self.blocks = blocks
        self.origin = origin

    def words(
        self,
        markup: str,
        text: str,
        size: float = 10,
        *,
        bold: bool = False,
        colour: str = INK,
        right: bool = False,
    ) -> Paragraph:
        """A paragraph; `text` is what its markup says, for the rule of its line breaks."""
        style = ParagraphStyle(
            "words", fontName=fonts.BOLD if bold else fonts.SANS, fontSize=size, leading=size * 1.45,
            textColor=HexColor(colour), spaceAfter=size * 0.6, spaceBefore=size * 0.7 if size > 10 else 0,
            wordWrap="CJK" if mostly_eastern(text) else None, alignment=TA_RIGHT if right else 0, splitLongWords=1,
        )  # fmt: skip
        return Paragraph(markup, style)

    def note(self, text: str) -> Paragraph:
        """Small and muted."""
        return self.words(plain(text), text, 8.5, colour=AXIS)

    def flow(self, tokens: list[Token]) -> list[Flowable]:
        """Flowables of a stretch of tokens."""
        made: list[Flowable] = []
        place = 0
        while place < len(tokens):
            end = _end(tokens, place)
            made += self._one(tokens[place], tokens[place + 1 : end])
            place = end + 1 if end > place else place + 1
        return made

    def _one(self, token: Token, inside: list[Token]) -> list[Flowable]:
        if token.type in {"paragraph_open", "heading_open"}:
            content = inside[0]
            size = HEADINGS.get(token.tag, 10.0)
            made = self.words(
                inline(content.children or [], self.origin),
                content.content,
                size,
                bold=token.type == "heading_open",
            )
            made.keepWithNext = token.type == "heading_open" and len(content.content) < LONG_HEADING
            return [made]
        if token.type in {"bullet_list_open", "ordered_list_open"}:
            return [self._list(token, inside), Spacer(0, 4)]
        if token.type == "blockquote_open":
            return [_Quote(self.flow(inside)), Spacer(0, 6)]
        if token.type == "table_open":
            rows = self._rows(inside)
            left_out = len(rows[0]) - MAX_COLUMNS
            more = [self.note(f"And {left_out} more columns.")] if left_out > 0 else []
            return [self._grid([row[:MAX_COLUMNS] for row in rows]), *more, Spacer(0, 10)]
        if token.type == "hr":
            return [HRFlowable(WIDTH, 0.6, color=HexColor(GRID), spaceBefore=6, spaceAfter=8)]
        if markdown.block_of(token):
            return self._block(next(self.blocks))
        return [self._code(token.content)] if token.type in {"fence", "code_block"} else []

    def _list(self, token: Token, inside: list[Token]) -> ListFlowable:
        items = []
        place = 0
        while place < len(inside):
            end = _end(inside, place)
            items.append(ListItem(self.flow(inside[place + 1 : end])))
            place = end + 1
        ordered = token.type == "ordered_list_open"
        start = int(token.attrGet("start") or 1) if ordered else "•"
        return ListFlowable(
            items, bulletType="1" if ordered else "bullet", start=start, bulletFontName=fonts.SANS, leftIndent=18,
            bulletFontSize=9,
        )  # fmt: skip

    def _rows(self, inside: list[Token]) -> list[list[Paragraph]]:
        rows: list[list[Paragraph]] = []
        for place, token in enumerate(inside):
            if token.type == "tr_open":
                rows.append([])
            elif token.type in {"th_open", "td_open"}:
                content = inside[place + 1]
                right = str(token.attrGet("style") or "").endswith("right")
                markup = inline(content.children or [], self.origin)
                rows[-1].append(
                    self._cell(markup, content.content, head=token.type == "th_open", right=right)
                )
        return rows

    def _cell(self, markup: str, text: str, *, head: bool, right: bool) -> Paragraph:
        made = self.words(markup, text, 8, bold=head, right=right)
        made.style.spaceAfter = 0
        return made

    def _grid(self, rows: list[list[Paragraph]]) -> LongTable:
        lines = [("LINEBELOW", (0, 0), (-1, -1), 0.4, HexColor(GRID)), ("VALIGN", (0, 0), (-1, -1), "TOP")]
        tight = [(f"{side}PADDING", (0, 0), (-1, -1), 3) for side in ("LEFT", "RIGHT", "TOP", "BOTTOM")]
        longest = [
            max(24.0, *(fonts.width(row[place].getPlainText(), 8, fonts.BOLD) + 8 for row in rows))
            for place in range(len(rows[0]))
        ]
        share = min(1.0, WIDTH / sum(longest))
        return LongTable(
            rows,
            colWidths=[wide * share for wide in longest],
            style=lines + tight,
            repeatRows=1,
            splitInRow=1,
            hAlign="LEFT",
        )

    def _block(self, block: Filled) -> list[Flowable]:
        if block.shown is None or block.problem:
            return [self.note(f"This block shows nothing: {block.problem}.")]
        words = block.shown.block.title or block.shown.block.view or ""
        head = [self.note(words)] if words else []
        if block.shown.missing:
            head.append(
                self.note(f"Deleted meanwhile: {', '.join(f'#{one}' for one in block.shown.missing[:10])}.")
            )
        if not block.shown.runs:
            return [*head, self.note("No run matches.")]
        if block.kind == "danlu-runs":
            return [*head, self._runs(block), Spacer(0, 10)]
        plots = [Plot(one, WIDTH, float(block.shown.block.height)) for one in block.charts]
        more = [self.note(f"And {block.left_out} more charts.")] if block.left_out else []
        if not plots:
            return [*head, *(more or [self.note("No curve.")])]
        first: list[Flowable] = [KeepTogether([*head, plots[0]]), Spacer(0, 8)]
        return first + [part for plot in plots[1:] for part in (plot, Spacer(0, 8))] + more

    def _runs(self, block: Filled) -> LongTable:
        assert block.shown is not None  # noqa: S101 - the caller has looked
        table = runs_table(block.shown)
        rows = [[self._cell(plain(one.text), one.text, head=True, right=one.number) for one in table.head]]
        rows += [
            [self._cell(plain(one.text), one.text, head=False, right=one.number) for one in row]
            for row in table.rows
        ]
        return self._grid(rows)

    def _code(self, text: str) -> XPreformatted:
        lines = [
            line[at : at + CODE_COLUMNS]
            for line in text.rstrip("\n").split("\n")
            for at in range(0, max(1, len(line)), CODE_COLUMNS)
        ]
        style = ParagraphStyle(
            "code", fontName=fonts.MONO, fontSize=8, leading=11.5, backColor=HexColor("#f5f2ec"), borderPadding=6,
            spaceBefore=8, spaceAfter=14, textColor=HexColor(INK),
        )  # fmt: skip
        return XPreformatted("\n".join(plain(line, fonts.MONO) for line in lines), style)


class _Quote(Flowable):  # type: ignore[misc]
    """Flowables with a line at their left."""

    def __init__(self, inside: list[Flowable]) -> None:
        super().__init__()
        self.inside = inside

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        """All that is inside, below each other."""
        self.sizes = [one.wrapOn(self.canv, width - QUOTE, height)[1] for one in self.inside]
        self.width, self.height = width, sum(self.sizes)
        return self.width, self.height

    def split(self, width: float, height: float) -> list[Flowable]:
        """Where it does not fit, it goes on with the next page."""
        used = 0.0
        for place, one in enumerate(self.inside):
            tall = one.wrapOn(self.canv, width - QUOTE, height)[1]
            if used + tall > height:
                parts = one.splitOn(self.canv, width - QUOTE, height - used)
                before, after = self.inside[:place], self.inside[place + 1 :]
                if isinstance(one, ListFlowable):  # its parts are its items, whatever room there is
                    flat: list[Flowable] = _Quote([*before, *parts, *after]).splitOn(self.canv, width, height)
                    return flat
                before, after = [*before, *parts[:1]], [*(parts[1:] or [one] * (not parts)), *after]
                return [_Quote(before), _Quote(after)] if before else []
            used += tall
        return [self]

    def draw(self) -> None:
        """Line and text."""
        self.canv.setStrokeColor(HexColor(GRID))
        self.canv.setLineWidth(2)
        self.canv.line(2, 4, 2, self.height)
        top = self.height
        for one, tall in zip(self.inside, self.sizes, strict=True):
            top -= tall
            one.drawOn(self.canv, QUOTE, top)


def _end(tokens: list[Token], place: int) -> int:
    """Where what begins here ends; the same place for what has no inside."""
    if tokens[place].nesting != 1:
        return place
    depth = 0
    for at in range(place, len(tokens)):
        depth += tokens[at].nesting
        if depth == 0:
            return at
    return len(tokens) - 1
