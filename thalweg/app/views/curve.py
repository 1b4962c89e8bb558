"""One curve of a plot: thinned to what can be seen, with a line style of its own."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg

from thalweg.app.theme import LINE_STYLES, Theme

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
    last = np.r_[first[1:], len(order)] - 1
    gaps = np.flatnonzero(~finite)
    breaks = gaps[np.unique(part[gaps], return_index=True)[1]]
    kept = np.unique(np.r_[order[first], order[last], breaks, 0, len(x) - 1].astype(np.int64))
    return x[kept], y[kept]


class Curve:
    """A named curve in a plot, in the colour and line style of its number.

    One of very many has its place among them instead, ``share`` from 0 to 1, and takes its colour from a scale.
    """

    def __init__(self, plot: pg.PlotItem, number: int, name: str, share: float | None = None) -> None:
        self.number, self.name, self._plot, self._share = number, name, plot, share
        self.item = pg.PlotCurveItem(connect="finite", skipFiniteCheck=False, name=name)
        plot.addItem(self.item)
        self._newest = pg.ScatterPlotItem(size=5, pen=None)
        plot.addItem(self._newest)

    def remove(self) -> None:
        """Take it out of the plot."""
        self._plot.removeItem(self.item)
        self._plot.removeItem(self._newest)

    def dress(self, theme: Theme) -> None:
        """Take the theme's colour and width."""
        colour, style = theme.series[self.number % len(theme.series)], LINE_STYLES[self.number % len(LINE_STYLES)]
        if self._share is not None:
            colour, style = pg.colormap.get(theme.colour_map).map(SCALE * self._share, "qcolor").name(), LINE_STYLES[0]
        self._newest.setBrush(pg.mkBrush(colour))
        self.item.setPen(theme.pen(colour, 1.0, style))

    def set(self, x: np.ndarray, y: np.ndarray) -> None:
        """Draw these points, the newest with a dot; non-finite ones are gaps."""
        ends = [(x[-1], y[-1])] if len(x) and np.isfinite([x[-1], y[-1]]).all() else []
        self._newest.setData(pos=np.array(ends).reshape(-1, 2))
        self.item.setData(*thinned(x, y, max(50, int(self._plot.getViewBox().width() / COLUMN))))
