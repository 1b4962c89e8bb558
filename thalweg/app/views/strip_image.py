"""The picture of a strip: layers down, steps across, values in colour; what is not finite is crossed out."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import QLineF, QRectF
from PyQt6.QtGui import QColor, QPainter
from PyQt6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from thalweg.app.strip import Strip, sampled
from thalweg.app.theme import Theme

COLUMNS = 1024
"""Columns of the picture; a step that is narrower may be left out of it."""

RIM = 3.0
"""Width of the light rim of lines on the picture, in line widths."""


class StripImage:
    """Adds to a plot the cells of a strip, and the marks of the step and of the layer that are looked at."""

    def __init__(self, plot: pg.PlotItem) -> None:
        self._image, self.crosses = pg.ImageItem(), _Crosses()
        self._rims = (pg.PlotCurveItem(), pg.PlotCurveItem())
        self._lines = (pg.PlotCurveItem(), pg.PlotCurveItem())
        plot.addItem(self._image, ignoreBounds=True)
        plot.addItem(self.crosses, ignoreBounds=True)
        for item in (*self._rims, *self._lines):
            plot.addItem(item, ignoreBounds=True)
        self.cells = np.zeros((0, 0, 4), dtype=np.uint8)
        """The colours, [layers, columns, 4]."""

    def dress(self, theme: Theme) -> None:
        """Take the theme's colours."""
        self._colours = pg.colormap.get(theme.colour_map)
        self.crosses.dress(theme)
        for rim, line in zip(self._rims, self._lines, strict=True):
            rim.setPen(theme.pen(theme.base, RIM))
            line.setPen(theme.pen(theme.text, 1.0))

    def colours(self, shares: np.ndarray) -> list[QColor]:
        """The colours of places from 0 to 1 on the scale."""
        return [QColor(*c) for c in self._colours.map(shares)]

    def clear(self) -> None:
        """Draw nothing."""
        self._image.clear()
        self.crosses.set([])
        for item in (*self._rims, *self._lines):
            item.setData(np.empty(0), np.empty(0))

    def set(
        self, strip: Strip, places: np.ndarray, span: tuple[float, float], shares: np.ndarray, offset: float = 0.0
    ) -> None:
        """Draw the cells of a strip whose steps stand at ``places`` [steps], layer n at the height n + ``offset``.

        ``span`` is where the picture begins and ends; ``shares`` [layers, steps] are the places of the values on the
        colour scale, from 0 to 1, not a number for those that have none.
        """
        if not len(strip.numbers) or not np.isfinite(places).any():
            self.clear()
            return
        first, last = strip.numbers[0], strip.numbers[-1]
        there = np.isfinite(places)
        low, high = span
        columns = sampled(places[there], low, high, COLUMNS)
        rows = np.full((last - first + 1, COLUMNS), np.nan)
        known = [n - first for n in strip.numbers]
        rows[known] = shares[:, there][:, columns]
        self.cells = np.zeros((*rows.shape, 4), dtype=np.uint8)
        finite = np.isfinite(rows)
        self.cells[finite] = self._colours.map(rows[finite], mode="byte")
        self._image.setImage(self.cells, autoLevels=False)
        self._image.setRect(QRectF(low, first - 0.5 + offset, high - low, last - first + 1))
        step = (high - low) / COLUMNS
        self.crosses.set(
            [
                QRectF(low + begin * step, first + k - 0.5 + offset, (end - begin) * step, 1.0)
                for k in known
                for begin, end in _runs(~finite[k])
            ]
        )

    def mark(self, step: float, span: tuple[float, float], layer: float, depth: tuple[float, float]) -> None:
        """A line at the place of a step, from end to end of ``depth``, and a frame around a layer."""
        column = (np.array([step, step]), np.array(depth)) if np.isfinite(step) else (np.empty(0), np.empty(0))
        (left, right), top, bottom = span, layer - 0.5, layer + 0.5
        frame = np.array([left, right, right, left, left]), np.array([top, top, bottom, bottom, top])
        for items in (self._rims, self._lines):
            items[0].setData(*column)
            items[1].setData(*frame)


class _Crosses(pg.GraphicsObject):
    """Cells that have no value: their ground, with a cross from corner to corner."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[QRectF] = []
        self._pen, self._ground = pg.mkPen("black"), QColor("white")

    def dress(self, theme: Theme) -> None:
        self._pen, self._ground = theme.pen(theme.error, 1.0), QColor(theme.base)
        self.update()

    def set(self, cells: list[QRectF]) -> None:
        self.prepareGeometryChange()
        self.cells = cells
        self.update()

    def boundingRect(self) -> QRectF:
        found = QRectF()
        for cell in self.cells:
            found = found.united(cell)
        return found

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        for cell in self.cells:
            painter.fillRect(cell, self._ground)
        painter.setPen(self._pen)
        for cell in self.cells:
            painter.drawLines(QLineF(cell.topLeft(), cell.bottomRight()), QLineF(cell.bottomLeft(), cell.topRight()))


def _runs(marked: np.ndarray) -> list[tuple[int, int]]:
    """Where neighbours that are marked begin and end, the end not included."""
    edges = np.flatnonzero(np.diff(np.r_[False, marked, False].astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
