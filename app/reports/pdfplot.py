"""A chart in a PDF: the drawing of `app.reports.plot` as vectors, on white."""

from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.platypus import Flowable

from app.reports import fonts
from app.reports.curves import Chart
from app.reports.plot import Area, Dot, Line, Words, draw
from app.reports.style import AXIS, GRID, INK, RUNS

COLOURS = {"axis": AXIS, "grid": GRID, "ink": INK} | {
    f"run-{place}": pair[0] for place, pair in enumerate(RUNS)
}
SCALE = 0.78
"""Points per CSS pixel: a chart of 640 pixels fills the width of a page."""
TEXT = 11.0
TALLEST = 680.0
"""Points that a page has for a chart below its title."""


class Plot(Flowable):  # type: ignore[misc]
    """One chart."""

    def __init__(self, chart: Chart, width: float, height: float) -> None:
        super().__init__()
        self.drawing = draw(chart, width / SCALE, height)
        too_much = self.drawing.height - TALLEST / SCALE
        if too_much > 0:
            self.drawing = draw(chart, width / SCALE, height - too_much)
        self.width, self.height = width, self.drawing.height * SCALE

    def wrap(self, *_room: float) -> tuple[float, float]:
        """Its size, whatever room there is."""
        return self.width, self.height

    def draw(self) -> None:
        """Paint it at the origin of the canvas."""
        canvas, made = self.canv, self.drawing
        canvas.saveState()
        canvas.translate(0, self.height)
        canvas.scale(SCALE, SCALE)
        canvas.setLineJoin(1)
        for item in made.frame:
            _paint(canvas, item)
        canvas.saveState()
        left, top, right, bottom = made.clip
        clip = canvas.beginPath()
        clip.rect(left, -bottom - 2, right - left, bottom - top + 4)
        canvas.clipPath(clip, stroke=0, fill=0)
        for shape in made.curves:
            _paint(canvas, shape)
        canvas.restoreState()
        for entry in made.legend:
            _paint(canvas, entry)
        canvas.restoreState()


def _paint(canvas: Any, item: Line | Area | Dot | Words) -> None:
    colour = HexColor(COLOURS[item.colour])
    if isinstance(item, Words):
        _words(canvas, item, colour)
        return
    if isinstance(item, Dot):
        canvas.setFillColor(colour)
        canvas.circle(item.at[0], -item.at[1], 2, stroke=0, fill=1)
        return
    path = canvas.beginPath()
    path.moveTo(item.points[0][0], -item.points[0][1])
    for x, y in item.points[1:]:
        path.lineTo(x, -y)
    if isinstance(item, Area):
        path.close()
        canvas.setFillColor(colour, alpha=0.18)
        canvas.drawPath(path, stroke=0, fill=1)
        canvas.setFillAlpha(1)
        return
    canvas.setLineWidth(item.width)
    canvas.setDash(list(item.dash))
    canvas.setStrokeColor(colour, alpha=0.3 if item.faint else 1)
    canvas.drawPath(path, stroke=1, fill=0)


def _words(canvas: Any, item: Words, colour: Any) -> None:
    font = fonts.BOLD if item.bold else fonts.SANS
    x, y = item.at[0], -item.at[1]
    size = TEXT * 0.9
    wide = fonts.width(item.text, size, font)
    x -= {"start": 0.0, "middle": wide / 2, "end": wide}[item.anchor]
    canvas.setFillColor(colour)
    for name, piece in fonts.pieces(item.text, font):
        canvas.setFont(name, size)
        canvas.drawString(x, y, piece)
        x += fonts.width(piece, size, name) if name in fonts.FILES else canvas.stringWidth(piece, name, size)
