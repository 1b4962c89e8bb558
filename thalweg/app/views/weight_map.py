"""Which pixels the first layer can see: the norm of each pixel's outgoing weights, and a digit beside it."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QColor

from thalweg.app.theme import Theme
from thalweg.app.views.axes import FittingAxis
from thalweg.app.views.colour_bar import ColourBar
from thalweg.app.views.figure import Figure, TextBlock, dress_axes, label_axis

_STEPS = 64


class WeightMapFigure(Figure):
    """Two pictures of the same pixels: the weights' norms in colour, an example in grey."""

    title = "Input-weight map"
    example_clicked = pyqtSignal(int)
    """The person clicked on the example: 1 for the next one, -1 (right button) for the one before."""

    def __init__(self) -> None:
        super().__init__()
        self._norms = np.zeros((0, 0))
        self._image, self._digit = pg.ImageItem(), pg.ImageItem()
        self.map = self._picture(0, self._image)
        self.bar = ColourBar()
        self.body.addItem(self.bar, row=0, col=1)
        self.reason = TextBlock()
        self.example = self._picture(2, self._digit)
        self.example.showAxis("left", False)
        for column, stretch in ((0, 10), (1, 1), (2, 10)):
            self.body.layout.setColumnStretchFactor(column, stretch)
        self.scene().sigMouseClicked.connect(self._clicked)

    def _picture(self, column: int, item: pg.ImageItem) -> pg.PlotItem:
        axes = {side: FittingAxis(side, within=(0, 28)) for side in ("left", "bottom")}
        plot = self.body.addPlot(row=0, col=column, enableMenu=False, axisItems=axes)
        plot.addItem(item)
        plot.hideButtons()
        plot.setMouseEnabled(False, False)
        plot.getViewBox().setAspectLocked(True)
        plot.getViewBox().setDefaultPadding(0.0)
        plot.invertY(True)  # row 0 of an image is its top
        return plot

    def set_theme(self, theme: Theme) -> None:
        """Dress both pictures."""
        super().set_theme(theme)
        self.bar.set_theme(theme)
        self.reason.set_theme(theme)
        self._colours = pg.colormap.get(theme.colour_map)
        self._image.setColorMap(self._colours)
        for plot in (self.map, self.example):
            dress_axes(plot, theme)
        label_axis(self.map, "bottom", "pixel column")
        label_axis(self.map, "left", "pixel row")

    def set_weights(self, norms: np.ndarray, reason: str = "") -> None:
        """The norm of the outgoing weights of each pixel, [rows, columns]; without any, the reason in its place."""
        self._norms = norms
        self.set_empty(False)
        self._show_map(norms.size > 0)
        self.reason.set_text(reason)
        if not norms.size:
            return
        finite = norms[np.isfinite(norms)]
        high = float(finite.max()) if finite.size and finite.max() > 0 else 1.0
        self._image.setImage(norms, autoLevels=False, levels=(0.0, high))
        edges = np.linspace(0, high, _STEPS + 1)
        colours = [QColor(*c) for c in self._colours.map(np.linspace(0, 1, _STEPS))]
        ticks = [(t, f"{t:.3g}") for t in _round_ticks(high)]
        self.bar.set_bands(edges, colours, ticks, "")

    def _show_map(self, shown: bool) -> None:
        """The map and its colours, or the reason why there is none."""
        if shown == self.map.isVisible():
            return
        if shown:
            self.body.removeItem(self.reason)
            self.body.addItem(self.map, row=0, col=0)
            self.body.addItem(self.bar, row=0, col=1)
        else:
            self.body.removeItem(self.map)
            self.body.removeItem(self.bar)
            self.body.addItem(self.reason, row=0, col=0, colspan=2)
            self.body.layout.setAlignment(self.reason, Qt.AlignmentFlag.AlignVCenter)
        self.body.layout.setColumnStretchFactor(1, 1 if shown else 0)  # no room for a bar that is not there
        for item in (self.map, self.bar):
            item.setVisible(shown)
        self.reason.setVisible(not shown)
        if shown:
            for side in ("left", "bottom"):
                self.map.getAxis(side).show()  # dressed while it was away, an axis has no size until it is shown
            self.bar.align(self.map)

    def set_example(self, image: np.ndarray, label: str) -> None:
        """The example beside the map: uint8 [rows, columns], and its label."""
        self.bar.align(self.map)
        self._digit.setImage(image, autoLevels=False, levels=(0, 255))
        label_axis(self.example, "bottom", label)

    def _clicked(self, event: object) -> None:
        where = event.scenePos()  # type: ignore[attr-defined]
        if self.example.sceneBoundingRect().contains(where):
            right = event.button() == pg.QtCore.Qt.MouseButton.RightButton  # type: ignore[attr-defined]
            self.example_clicked.emit(-1 if right else 1)

    def table(self) -> dict[str, np.ndarray]:
        """Row and column of each pixel, and the norm of its outgoing weights."""
        rows, columns = np.indices(self._norms.shape)
        return {"row": rows.ravel(), "column": columns.ravel(), "norm": self._norms.ravel().astype(float)}


def _round_ticks(high: float, count: int = 4) -> list[float]:
    step = high / count
    power = 10.0 ** np.floor(np.log10(step))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= step)
    return [float(k * step) for k in range(int(high / step) + 1)]
