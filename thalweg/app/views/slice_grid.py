"""The plots of all layers in rows and columns, with one label for all their axes on each side."""

from __future__ import annotations

import math

import pyqtgraph as pg
from PyQt6.QtCore import QRectF
from PyQt6.QtGui import QFontMetricsF
from PyQt6.QtWidgets import QSizePolicy

from thalweg.app.theme import LIGHT, Theme
from thalweg.app.views.slice_plot import SlicePlot, left_axis_width, line_height

ASPECT = 1.5
"""Width of a plot divided by its height, as far as the figure allows."""

SPACING = 4.0
"""Pixels between two plots."""

TALL = 6.0
"""Height of the plots together, in lines of text, from which on there is room for the label below them."""


class SliceGrid(pg.GraphicsWidget):
    """Places the plots itself: all areas of a row and of a column are equally large, which Qt's grids do not promise.

    A number at an axis stands only where no neighbour has it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.left, self.bottom = pg.LabelItem(angle=-90), pg.LabelItem()
        for label in (self.left, self.bottom):
            label.setParentItem(self)
        self.plots: list[SlicePlot] = []
        self.columns = 0
        self._theme, self._half, self._own = LIGHT, 1.0, False
        self._texts = ("", "")

    def set_theme(self, theme: Theme) -> None:
        """Dress the plots and the labels."""
        self._theme = theme
        for plot in self.plots:
            plot.dress(theme)
        self.place()

    def set_layers(self, layers: range) -> None:
        """A plot for each layer of these numbers; 0 stands for all layers together."""
        if [plot.layer for plot in self.plots] == list(layers):
            return
        for plot in self.plots:
            self.scene().removeItem(plot)
        self.plots = [SlicePlot(n, self._theme) for n in layers]
        for plot in self.plots:
            plot.setParentItem(self)

    def set_axes(self, half: float, own: bool, loss: str, movement: str) -> None:
        """``half``: the horizontal axis to each side; ``own``: each plot has its loss scale; and the labels."""
        self._half, self._own, self._texts = half, own, (loss, movement)
        self.place()

    def resizeEvent(self, event: object) -> None:
        """Put the plots in as many columns as suit the new size."""
        self.place()

    def place(self) -> None:
        """Give every plot and label its place."""
        room = self.size()
        if not self.plots or room.width() < 1 or room.height() < 1:
            return
        line = line_height(self._theme)
        area = QRectF(line, 0.0, room.width() - line - 4, room.height())
        if room.height() > (TALL + 1.5) * line:
            area.setHeight(room.height() - 1.2 * line)
            self._write(self.bottom, self._texts[1], QRectF(area.left(), area.bottom(), area.width(), 1.2 * line))
        else:
            self._write(self.bottom, "", area)
        self._write(self.left, self._texts[0], QRectF(0.0, 0.0, line, area.height()))
        self._place_in(area, line)

    def _place_in(self, area: QRectF, line: float) -> None:
        count = len(self.plots)
        columns = self.columns = columns_for(count, area.width(), area.height())
        rows = math.ceil(count / columns)
        numbers = left_axis_width(self._theme)
        width = (area.width() - numbers * (columns if self._own else 1)) / columns - SPACING
        high = (area.height() - 1.4 * line * (2 if count % columns else 1)) / rows - SPACING
        low = high < 3.5 * line  # the layers' names and the numbers below would leave nothing of the plots
        ends = 0 if low else 1.4 * line
        high = (area.height() - ends * (2 if count % columns else 1)) / rows - SPACING
        top = area.top()
        for row in range(rows):
            mine = self.plots[row * columns : (row + 1) * columns]
            numbered = row >= count // columns - 1  # a plot of this row has none below it
            height, left = high + ends * numbered, area.left()
            for n, plot in enumerate(mine):
                axis = numbers if self._own or n == 0 else 0.0
                plot.set_frame(self._half, axis, ends if numbered else 0.0, width, named=not low)
                plot.setGeometry(QRectF(left, top, width + axis, height))
                left += width + axis + SPACING
            top += height + SPACING

    def _write(self, label: pg.LabelItem, text: str, place: QRectF) -> None:
        """The text where it fits, else without its unit, else nothing."""
        length = max(place.width(), place.height())
        metrics = QFontMetricsF(self._theme.font())
        fitting = [t for t in (text, text.partition(" (")[0], "") if metrics.horizontalAdvance(t) < length]
        label.setText(fitting[0], color=self._theme.text, size=f"{self._theme.font_size}pt")
        label.setGeometry(place)


def columns_for(count: int, width: float, height: float) -> int:
    """In how many columns so many plots come closest to their proportions, with few places left empty."""

    def badness(columns: int) -> float:
        rows = math.ceil(count / columns)
        shape = (width / columns) / (height / rows)
        return abs(math.log(shape / ASPECT)) + 1.5 * (rows * columns - count) / count

    return min(range(1, count + 1), key=badness)
