"""A colour scale beside a picture: bands between levels, or a continuous scale."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import QRectF
from PyQt6.QtGui import QColor, QFontMetricsF, QPainter
from PyQt6.QtWidgets import QApplication, QStyleOptionGraphicsItem, QWidget

from thalweg.app.theme import Theme
from thalweg.app.views.figure import dress_axes, label_axis


class _Stack(pg.GraphicsObject):
    """Rectangles of full width, one above the other."""

    def __init__(self) -> None:
        super().__init__()
        self.edges: np.ndarray = np.array([0.0, 1.0])
        self.colours: list[QColor] = [QColor("white")]

    def boundingRect(self) -> QRectF:
        return QRectF(0, float(self.edges[0]), 1, float(self.edges[-1] - self.edges[0]))

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        top = float(self.edges[-1])
        for low, colour in zip(self.edges[:-1], self.colours, strict=True):  # stacked, so that no seams show
            painter.fillRect(QRectF(0, float(low), 1, top - float(low)), colour)


class ColourBar(pg.PlotItem):
    """A narrow plot whose right axis carries the values."""

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self._size = 9.0
        self._stack = _Stack()
        self.addItem(self._stack)
        self.hideButtons()
        self.setMouseEnabled(False, False)
        for side in ("left", "top"):
            self.showAxis(side, False)
        bottom = self.getAxis("bottom")  # empty, but as high as its neighbour's, so that both end on one line
        bottom.setStyle(showValues=False, tickLength=0)
        bottom.setTicks([[], []])
        self.showAxis("right")
        self.getViewBox().setDefaultPadding(0)
        self.setXRange(0, 1, padding=0)
        self.getViewBox().setFixedWidth(16)

    def set_theme(self, theme: Theme) -> None:
        """Dress the axis."""
        dress_axes(self, theme)
        self.getAxis("bottom").setPen(pg.mkPen(None))
        self.getViewBox().setFixedWidth(theme.font_size * 1.6)
        self._size = theme.font_size
        self._make_room([])

    def align(self, neighbour: pg.PlotItem) -> None:
        """End at the bottom where the neighbour's plot does."""
        self.getAxis("bottom").setHeight(neighbour.getAxis("bottom").minimumHeight())

    def set_bands(self, edges: np.ndarray, colours: list[QColor], ticks: list[tuple[float, str]], label: str) -> None:
        """Show one colour between each two edges; ``ticks`` are (place, text)."""
        self._stack.prepareGeometryChange()
        self._stack.edges, self._stack.colours = edges, colours
        self._stack.update()
        self.setYRange(float(edges[0]), float(edges[-1]), padding=0)
        self.getAxis("right").setTicks([ticks, []])
        label_axis(self, "right", label)
        self._make_room([text for _, text in ticks])

    def _make_room(self, texts: list[str]) -> None:
        """As wide as the texts beside the scale and the label beside them need."""
        axis = self.getAxis("right")
        metrics = QFontMetricsF(axis.style["tickFont"] or QApplication.font())
        widest = max((metrics.horizontalAdvance(text) for text in texts), default=0.0)
        width = max(6.0 * self._size, widest + axis.label.boundingRect().height() + 1.4 * self._size)
        axis.setWidth(width)
        self.setMaximumWidth(width + 2 * self._size)
