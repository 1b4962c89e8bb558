"""Where a loss is not finite any more: a cross at the upper edge of a plot, above the step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg

from thalweg.app.theme import Theme


class LostMarks:
    """Crosses for the points of curves whose value is infinite or not a number."""

    def __init__(self, plot: pg.PlotItem) -> None:
        self._box = plot.getViewBox()
        self._marks = pg.ScatterPlotItem(symbol="x", size=9)
        self._marks.setZValue(30)
        plot.addItem(self._marks, ignoreBounds=True)
        self._label = pg.TextItem("not finite", anchor=(1.1, 0))
        self._label.setZValue(30)
        plot.addItem(self._label, ignoreBounds=True)
        self._label.hide()
        self.places = np.empty(0)
        self._box.sigRangeChanged.connect(self._place)

    def dress(self, theme: Theme) -> None:
        """Take the theme's colours."""
        self._marks.setPen(theme.pen(theme.error, 1.5))
        self._label.setColor(theme.error)
        self._label.setFont(theme.font(0.88))

    def set(self, curves: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
        """Mark the points of these curves (where they are drawn, and their values) that have a place and no value."""
        found = [x[np.isfinite(x) & ~np.isfinite(values)] for x, values in curves]
        self.places = np.unique(np.concatenate(found)) if found else np.empty(0)
        self._place()

    def _place(self) -> None:
        top = self._box.viewRange()[1][1]
        down = 0.04 * (top - self._box.viewRange()[1][0])
        self._marks.setData(x=self.places, y=np.full(len(self.places), top - down))
        self._label.setVisible(bool(len(self.places)))
        if len(self.places):
            left, right = self._box.viewRange()[0]
            early = self.places[0] < (left + right) / 2  # then there is room after the last cross
            self._label.setAnchor((-0.1, 0) if early else (1.1, 0))
            self._label.setPos(float(self.places[-1 if early else 0]), top)
