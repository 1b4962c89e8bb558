"""One curve of a plot: thinned to what can be seen, with a line style of its own."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PyQt6.QtGui import QColor

from thalweg.app.theme import LINE_STYLES, Theme
from thalweg.app.views.markers import marker

COLUMN = 2.5
"""Width in pixels of the columns that a curve is thinned to; each keeps its least and its greatest value."""


SCALE = 0.85
"""Part of the colour scale that many curves share: its end is too light for lines on white."""


def thinned(x: np.ndarray, y: np.ndarray, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """At most two points for each of ``columns`` equal parts of the range of x: those of least and greatest y.

    Points whose x is not finite are left out; of the others whose y is not, one is kept in each part, so that the
    curve is interrupted there.
    """
    placed = np.isfinite(x)
    x, y = x[placed], y[placed]
    if len(x) <= 2 * columns:
        return x, y
    low, high = x.min(), x.max()
    part = np.clip(((x - low) / (high - low or 1) * columns).astype(np.int64), 0, columns - 1)
    finite = np.isfinite(y)
    where = np.flatnonzero(finite)
    order = where[np.lexsort((y[where], part[where]))]
    first = np.flatnonzero(np.r_[True, np.diff(part[order]) > 0]) if len(order) else np.empty(0, dtype=np.int64)
    last = np.r_[first[1:], len(order)][: len(first)] - 1  # none, where no value is finite
    gaps = np.flatnonzero(~finite)
    breaks = gaps[np.unique(part[gaps], return_index=True)[1]]
    kept = np.unique(np.r_[order[first], order[last], breaks, 0, len(x) - 1].astype(np.int64))
    return x[kept], y[kept]


PALE = 110
"""Opacity, of 255, of a curve that stands back."""


class Curve:
    """A named curve in a plot, in the colour and line style of its number, or in a line style of its own.

    One of very many has its place among them instead, ``share`` from 0 to 1, and takes its colour from a scale.
    ``pale``: it stands back behind others.
    """

    def __init__(
        self,
        plot: pg.PlotItem,
        number: int,
        name: str,
        share: float | None = None,
        style: int | None = None,
        pale: bool = False,
    ) -> None:
        self.number, self.name, self._plot, self._share = number, name, plot, share
        self._style, self._pale = number if style is None else style, pale
        self.item = pg.PlotCurveItem(connect="finite", skipFiniteCheck=False, name=name)
        plot.addItem(self.item)
        self._newest = pg.ScatterPlotItem(size=6, pen=None, symbol=marker(self._style))
        plot.addItem(self._newest)

    def remove(self) -> None:
        """Take it out of the plot."""
        self._plot.removeItem(self.item)
        self._plot.removeItem(self._newest)

    def dress(self, theme: Theme) -> None:
        """Take the theme's colour and width."""
        name, style = theme.series[self.number % len(theme.series)], LINE_STYLES[self._style % len(LINE_STYLES)]
        if self._share is not None:
            name = pg.colormap.get(theme.colour_map).map(SCALE * self._share, "qcolor").name()
            style = LINE_STYLES[self._style % len(LINE_STYLES)] if self._style != self.number else LINE_STYLES[0]
        colour = QColor(name)
        if self._pale:
            colour.setAlpha(PALE)
        self._newest.setBrush(pg.mkBrush(colour))
        self.item.setPen(theme.pen(colour, 1.0, style))
        self.item.setZValue(-1 if self._pale else 0)

    def set(self, x: np.ndarray, y: np.ndarray, mark: float = np.inf) -> None:
        """Draw these points, with a dot at the last at or before ``mark``; non-finite ones are gaps."""
        at = int(np.count_nonzero(~(x > mark))) - 1
        ends = [(x[at], y[at])] if at >= 0 and np.isfinite([x[at], y[at]]).all() else []
        self._newest.setData(pos=np.array(ends).reshape(-1, 2))
        self.item.setData(*thinned(x, y, max(50, int(self._plot.getViewBox().width() / COLUMN))))
