"""A curve that is known in closed form, laid over the one that was measured."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import Qt

from thalweg.app.theme import Theme
from thalweg.app.views.curve import COLUMN, thinned


class ClosedFormCurve:
    """Beads in the colour of the text: they are wider than a measured curve, and their gaps show it.

    What is measured decides the ranges of the plot.
    """

    name = "closed form"

    def __init__(self, plot: pg.PlotItem) -> None:
        self._plot, self.drawn = plot, False
        self.item = pg.PlotCurveItem(connect="finite", skipFiniteCheck=False, name=self.name)
        self.item.setZValue(20)
        plot.addItem(self.item, ignoreBounds=True)

    def dress(self, theme: Theme) -> None:
        """Take the theme's colour and width."""
        pen = theme.pen(theme.text, 1 + 1.1 / theme.line_width, Qt.PenStyle.CustomDashLine)
        pen.setDashPattern([1.0, 2.5])  # in widths of the pen
        self.item.setPen(pen)

    def set(self, x: np.ndarray, y: np.ndarray) -> None:
        """Draw these points; non-finite ones are gaps."""
        self.item.setData(*thinned(x, y, max(50, int(self._plot.getViewBox().width() / COLUMN))))
