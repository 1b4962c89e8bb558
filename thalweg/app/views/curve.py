"""One curve of a plot: thinned to what can be seen, with a line style of its own."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg

from thalweg.app.theme import LINE_STYLES, Theme

COLUMN = 2.5
"""Width in pixels of the columns that a curve is thinned to; each keeps its least and its greatest value."""


def thinned(x: np.ndarray, y: np.ndarray, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """At most two points for each of ``columns`` equal parts of the range of x: those of least and greatest y."""
    if len(x) <= 2 * columns:
        return x, y
    finite_x = x[np.isfinite(x)]
    low, high = finite_x.min(), finite_x.max()
    where = np.clip(((x - low) / (high - low or 1) * columns), 0, columns - 1)
    part = np.where(np.isfinite(where), where, 0).astype(np.int64)
    order = np.lexsort((y, part))
    starts = np.flatnonzero(np.r_[True, np.diff(part[order]) > 0])
    ends = np.r_[starts[1:], len(order)] - 1
    kept = np.unique(np.r_[order[starts], order[ends], 0, len(x) - 1])
    return x[kept], y[kept]


class Curve:
    """A named curve in a plot, in the colour and line style of its number."""

    def __init__(self, plot: pg.PlotItem, number: int, name: str) -> None:
        self.number, self.name, self._plot = number, name, plot
        self.item = pg.PlotCurveItem(connect="finite", skipFiniteCheck=False, name=name)
        plot.addItem(self.item)

    def dress(self, theme: Theme) -> None:
        """Take the theme's colour and width."""
        colour = theme.series[self.number % len(theme.series)]
        self.item.setPen(theme.pen(colour, 1.0, LINE_STYLES[self.number % len(LINE_STYLES)]))

    def set(self, x: np.ndarray, y: np.ndarray) -> None:
        """Draw these points; non-finite ones are gaps."""
        self.item.setData(*thinned(x, y, max(50, int(self._plot.getViewBox().width() / COLUMN))))
