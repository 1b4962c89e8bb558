"""The slices of one layer: its curves, and around the point their tangents and parabolas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QFontMetricsF, QPen

from thalweg.app.theme import Theme
from thalweg.app.views.axes import FittingAxis
from thalweg.app.views.figure import TextBlock, dress_axes
from thalweg.core.messages import SliceCurve

Key = tuple[str, str]
"""Kind of direction, and values of the other layers."""

STYLES: dict[Key, tuple[int, tuple[float, ...]]] = {
    ("gradient", "now"): (0, ()),
    ("random", "now"): (1, (5, 2, 1, 2)),
    ("gradient", "start"): (2, (6, 3)),
    ("random", "start"): (3, (5, 2, 1, 2, 1, 2)),
    ("gradient", "end"): (4, (2.5, 2.5)),
    ("random", "end"): (5, (9, 2, 1, 2, 1, 2, 1, 2)),
    ("way", "now"): (0, ()),
    ("way", "start"): (2, (6, 3)),
    ("way", "end"): (1, (2.5, 2.5)),
}
"""Number of the theme's colour, and dashes in line widths, of each sort of slice: told apart in grey too."""

GUIDE = 200
"""Points of a tangent or parabola, which reach half as far as the slice."""

SMALL = 0.95
"""Size of the text in the plots, as a share of the theme's."""

X_MARGIN, Y_MARGIN = 0.06, 0.07
"""Room beyond the ends of the axes, as a share of their length."""

Span = tuple[float, float]


@dataclass(frozen=True)
class Guides:
    """Which of them are drawn around the point."""

    tangent: bool
    parabola: bool


def slice_pen(theme: Theme, key: Key) -> QPen:
    """The pen of a sort of slice."""
    number, dashes = STYLES[key]
    pen = theme.pen(theme.series[number])
    if dashes:
        pen.setDashPattern(dashes)
    return pen


def guide_pen(theme: Theme, name: str, colour: str) -> QPen:
    """Tangents are dashed, parabolas dotted, both thin."""
    return theme.pen(colour, 0.8, Qt.PenStyle.DashLine if name == "tangent" else Qt.PenStyle.DotLine)


def loss_span(curves: Sequence[SliceCurve]) -> Span | None:
    """The least and the greatest finite loss of some slices, None where there is none."""
    finite = [c.loss[np.isfinite(c.loss)] for c in curves]
    values = np.concatenate(finite) if finite else np.empty(0)
    return (float(values.min()), float(values.max())) if values.size else None


def notes(curves: Sequence[SliceCurve]) -> str:
    """Why a layer has no slice, and that gaps are losses that are not finite."""
    lines = [f"No {kind} slice: {reason}." for kind, reason in {c.kind: c.reason for c in curves if c.reason}.items()]
    if any(not np.isfinite(c.loss).all() for c in curves):
        lines.append("Gaps: loss not finite.")
    return "\n".join(lines)


class SlicePlot(pg.PlotItem):
    """The slices of one layer in a plot with the layer's name."""

    def __init__(self, layer: int, theme: Theme) -> None:
        super().__init__(enableMenu=False, axisItems={s: FittingAxis(s) for s in ("left", "bottom")})
        self.layer = layer
        self.hideButtons()
        self.setMouseEnabled(False, False)
        self.showGrid(x=True, y=True, alpha=0.25)
        self.note = TextBlock(0.8, quiet=True)
        self.note.setParentItem(self.getViewBox())
        self.note.setZValue(10)
        self.getViewBox().sigResized.connect(self._place_note)
        self.lines: dict[Key, pg.PlotCurveItem] = {}
        self.guides: dict[tuple[Key, str], pg.PlotCurveItem] = {}
        self.points = pg.ScatterPlotItem(size=6, pen=None)
        self.points.setZValue(5)
        self.addItem(self.points)
        self._theme = theme
        self._values: list[float] = []
        self._number = self._notes = ""
        self.dress(theme)

    @property
    def _short(self) -> str:
        return str(self.layer) if self.layer else "all"

    def dress(self, theme: Theme) -> None:
        """Take the theme's colours, widths and fonts."""
        self._theme = theme
        dress_axes(self, theme)
        self.note.set_theme(theme)
        for key, item in self.lines.items():
            item.setPen(slice_pen(theme, key))
        for (key, name), item in self.guides.items():
            item.setPen(guide_pen(theme, name, theme.series[STYLES[key][0]]))
        self._mark()

    def set(self, curves: Sequence[SliceCurve], stretch: dict[str, float], y: Span, guides: Guides) -> None:
        """Draw slices; ``stretch`` is how many units of the axis one unit of a kind of direction is, ``y`` the axis."""
        low, high = _widened(y)
        self.setYRange(low, high, padding=0)
        kept = [c for c in curves if not c.reason]
        for item in (*self.lines.values(), *self.guides.values()):
            self.removeItem(item)
        self.lines, self.guides, self._values = {}, {}, [c.value for c in kept]
        first = kept[0].others if kept else ""
        for c in kept:
            key, scale = (c.kind, c.others), stretch[c.kind]
            self.lines[key] = self._line(c.t * scale, c.loss, slice_pen(self._theme, key))
            self.lines[key].setZValue(2 if c.others == first else 1)
            if c.others == first and np.isfinite(c.value):
                self._add_guides(c, key, scale, (low, high), guides)
        self._mark()
        self._notes = notes(curves)
        self._write()

    def _add_guides(self, c: SliceCurve, key: Key, scale: float, y: Span, guides: Guides) -> None:
        t = np.linspace(c.t[0], c.t[-1], GUIDE) / 2
        tangent = c.value + c.slope * t
        room = y[1] - y[0]
        for name, on, line in (
            ("tangent", guides.tangent, tangent),
            ("parabola", guides.parabola, tangent + c.curvature / 2 * t**2),
        ):
            if on:
                pen = guide_pen(self._theme, name, self._theme.series[STYLES[key][0]])
                # what is far outside would only make Qt's clipping slow
                inside = np.where(np.isfinite(line), np.clip(line, y[0] - room, y[1] + room), np.nan)
                self.guides[key, name] = self._line(t * scale, inside, pen)

    def _line(self, x: np.ndarray, y: np.ndarray, pen: QPen) -> pg.PlotCurveItem:
        item = pg.PlotCurveItem(connect="finite", skipFiniteCheck=False, pen=pen)
        item.setData(x, np.where(np.isfinite(y), y, np.nan))
        self.addItem(item)
        return item

    def _mark(self) -> None:
        found = [(0.0, value) for value in self._values if np.isfinite(value)]
        self.points.setData(pos=np.array(found).reshape(-1, 2), brush=pg.mkBrush(self._theme.text))

    def set_frame(self, half: float, left: float, bottom: float, width: float, named: bool) -> None:
        """Name and axes: ``half`` the width of the axis to each side; room in pixels for the numbers left and below.

        The layer's name stands above the plot, or as a number inside, in ``width`` pixels.
        """
        metrics, font = QFontMetricsF(self._theme.font(SMALL)), self._theme.font_size * SMALL
        name = f"layer {self.layer}" if self.layer else "all layers"
        if metrics.horizontalAdvance(name) > width:
            name = self._short
        self.setTitle(name if named else None, color=self._theme.text, size=f"{font}pt")
        line = metrics.height() + 1 if named else 0.0
        self.titleLabel.setMaximumHeight(line)
        self.layout.setRowFixedHeight(0, line)
        self._number = "" if named else self._short
        self._write()
        margin = (metrics.horizontalAdvance(f"{-half:g}") / 2 + 3) / max(width, 1.0)  # the ends' numbers stay inside
        self.setXRange(-half, half, padding=min(max(X_MARGIN, margin), 0.3))
        ends = [(-half, f"{-half:g}"), (0.0, "0"), (half, f"{half:g}")]
        crowded = 1.3 * sum(metrics.horizontalAdvance(text) for _, text in ends) > width
        axes = self.getAxis("left"), self.getAxis("bottom")
        axes[1].setTicks([[ends[1]] if crowded else ends])
        for axis, room in zip(axes, (left, bottom), strict=True):
            axis.setStyle(showValues=room > 0, tickLength=-3, maxTickLevel=0)
        axes[0].setWidth(max(left, 1))
        axes[1].setHeight(max(bottom, 1))

    def _write(self) -> None:
        self.note.set_text("\n".join(filter(None, (self._number, self._notes))))
        self._place_note()

    def _place_note(self) -> None:
        size = self.getViewBox().rect()
        left = max(2.0, size.width() - 26) if self._number and not self._notes else 2.0
        self.note.setGeometry(left, 0, max(10.0, size.width() - left - 2), max(10.0, size.height()))
        self.note.set_room(size.height())


def line_height(theme: Theme) -> float:
    """The height of a line of text."""
    return QFontMetricsF(theme.font()).height()


def left_axis_width(theme: Theme) -> float:
    """Room for the numbers of a loss."""
    return 4.6 * theme.font_size


def _widened(y: Span) -> Span:
    room = Y_MARGIN * (y[1] - y[0]) or 0.01 * abs(y[0]) or 1.0
    return y[0] - room, y[1] + room
