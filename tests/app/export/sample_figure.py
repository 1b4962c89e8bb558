"""A figure with everything that the views draw, for the tests and for looking at."""

from itertools import pairwise

import contourpy
import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QPainter, QPainterPath, QPolygonF
from PyQt6.QtWidgets import QGraphicsPathItem

THEMES = {
    "light": ("#ffffff", "#222222"),
    "dark": ("#1d2025", "#dddddd"),
    "projector": ("#000000", "#ffffff"),
}
LEVELS = [0.02, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0]


class LogAxis(pg.AxisItem):
    """Ticks at decades, with the data already as log10."""

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        """Decades only."""
        return [(1.0, [float(k) for k in range(int(np.ceil(low)), int(np.floor(high)) + 1)])]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        """Powers of ten as plain text."""
        return [f"1e{v:.0f}" for v in values]


class ArrowHeads(pg.GraphicsObject):
    """Arrow heads of a fixed size in pixels."""

    def __init__(self, starts: np.ndarray, ends: np.ndarray, colour: str) -> None:
        super().__init__()
        self.starts, self.ends, self.colour = starts, ends, colour
        points = np.concatenate([starts, ends])
        low, high = points.min(0), points.max(0)
        self._bounds = QRectF(QPointF(*low), QPointF(*high))

    def boundingRect(self) -> QRectF:
        """In data coordinates."""
        return self._bounds

    def paint(self, painter: QPainter, *args: object) -> None:
        """Map the points to pixels, then paint there."""
        transform = painter.worldTransform()
        painter.save()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self.colour))
        for start, end in zip(self.starts, self.ends, strict=True):
            a, b = transform.map(QPointF(*start)), transform.map(QPointF(*end))
            d = np.array([b.x() - a.x(), b.y() - a.y()])
            d /= np.hypot(*d)
            n = np.array([-d[1], d[0]])
            tip = np.array([b.x(), b.y()])
            corners = [tip, tip - 12 * d + 5 * n, tip - 12 * d - 5 * n]
            painter.drawPolygon(QPolygonF([QPointF(*c) for c in corners]))
        painter.restore()


def landscape() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A surface with a valley."""
    x, y = np.meshgrid(np.linspace(-2, 2, 61), np.linspace(-1, 3, 61))
    return x, y, (1 - x) ** 2 / 8 + (y - x**2) ** 2


def band_path(polygons: list[np.ndarray], offsets: list[np.ndarray]) -> QPainterPath:
    """One path from contourpy's outer boundaries and holes."""
    path = QPainterPath()
    path.setFillRule(Qt.FillRule.OddEvenFill)
    for points, cuts in zip(polygons, offsets, strict=True):
        for a, b in pairwise(cuts):
            path.addPolygon(QPolygonF([QPointF(*p) for p in points[a:b]]))
            path.closeSubpath()
    return path


def sample_figure(theme: str = "light", image: bool = True, stacked: bool = True) -> pg.GraphicsLayoutWidget:
    """Bands, contour lines, arrows and a legend; curves on a log axis, an image and points."""
    ground, ink = THEMES[theme]
    view = pg.GraphicsLayoutWidget()
    view.setBackground(ground)
    view.resize(900, 600)
    pen = pg.mkPen(ink)

    def styled(plot: pg.PlotItem) -> pg.PlotItem:
        for side in ("left", "bottom"):
            plot.getAxis(side).setPen(pen)
            plot.getAxis(side).setTextPen(pen)
        plot.titleLabel.setAttr("color", ink)
        return plot

    left = styled(view.addPlot(0, 0, rowspan=2, title="Loss near the path"))
    left.setLabel("bottom", "direction α (γ₁)")
    left.setLabel("left", "direction β, 10⁻³")
    x, y, z = landscape()
    generator = contourpy.contour_generator(x, y, z, fill_type=contourpy.FillType.OuterOffset)
    colours = pg.colormap.get("viridis").map(np.linspace(0, 1, len(LEVELS) + 1), mode="qcolor")
    edges = [-1.0, *LEVELS, 1e9]
    for k, colour in enumerate(colours):
        upper = 1e9 if stacked else edges[k + 1]
        item = QGraphicsPathItem(band_path(*generator.filled(edges[k], upper)))
        item.setPen(pg.mkPen(None))
        item.setBrush(pg.mkBrush(colour))
        left.addItem(item, ignoreBounds=True)
    lines = QPainterPath()
    for level in LEVELS:
        for line in generator.lines(level):
            lines.addPolygon(QPolygonF([QPointF(*p) for p in line]))
    contours = QGraphicsPathItem(lines)
    contours.setPen(pg.mkPen("#00000080", width=1))
    left.addItem(contours, ignoreBounds=True)
    t = np.linspace(0, 1, 15)
    way = np.column_stack([-1.6 + 2.4 * t, 2.6 - 2 * t + 0.3 * np.sin(9 * t)])
    legend = left.addLegend(offset=(10, 10), brush=ground, pen=ink, labelTextColor=ink)
    left.plot(way[:, 0], way[:, 1], pen=pg.mkPen("#ffffff", width=1), name="SGD, η = 0.1")
    left.addItem(ArrowHeads(way[4:14:4], way[5:15:4], "#ff4040"))
    legend.setZValue(10)
    label = pg.TextItem("minimum", color="#ffffff", anchor=(0.5, 0))
    label.setPos(1, 1)
    left.addItem(label)
    left.setXRange(-1.9, 1.5, padding=0)
    left.setYRange(-0.9, 2.8, padding=0)

    right = styled(view.addPlot(0, 1, axisItems={"left": LogAxis("left")}))
    right.setLabel("left", "loss")
    right.setLabel("bottom", "step")
    right.showGrid(x=True, y=True, alpha=0.2)
    right.addLegend(offset=(-10, 10), labelTextColor=ink)
    s = np.arange(1, 200)
    right.plot(s, 1 - 2 * np.log10(s), pen=pg.mkPen("#e0802f", width=2), name="train")
    dashes = pg.mkPen("#4090e0", width=2, style=Qt.PenStyle.DashLine)
    right.plot(s, 1.2 - 1.5 * np.log10(s), pen=dashes, name="test")
    right.addItem(pg.InfiniteLine(100, pen=pg.mkPen(ink, style=Qt.PenStyle.DotLine)))
    right.setYRange(-3.5, 1.5)
    right.setXRange(20, 180)  # the curves leave the axes on both sides: clipping matters

    below = styled(view.addPlot(1, 1))
    below.setLabel("bottom", "pixel")
    if image:
        rng = np.random.default_rng(0)
        digit = rng.random((28, 28))
        digit[:, 0] = digit[0, :] = 1
        picture = pg.ImageItem(digit, axisOrder="row-major")
        below.addItem(picture)
    spots = pg.ScatterPlotItem(
        [4, 10, 20], [5, 20, 12], symbol="o", size=12, brush="#ff404080", pen=pg.mkPen("#ff0000")
    )
    below.addItem(spots)
    below.addItem(pg.BarGraphItem(x=[32, 34, 36], height=[5, 12, 20], width=1.5, brush="#40a060", pen=ink))
    return view
