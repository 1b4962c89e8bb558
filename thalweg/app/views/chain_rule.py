"""The chain rule of backpropagation: the signal at each layer, and the two factors that make it up."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import QRectF
from PyQt6.QtGui import QColor, QFontMetricsF, QResizeEvent

from thalweg.app.factors import Factors
from thalweg.app.theme import LINE_STYLES, Theme
from thalweg.app.views.axes import FittingAxis, SwitchableAxis, log10
from thalweg.app.views.figure import Figure, dress_axes, dress_legend, fit_legend, label_axis

PLOTS: dict[str, tuple[str, tuple[tuple[str, str, int, int], ...]]] = {
    # plot: (label, curves as (name, what it is called, colour, line style))
    "signal": ("signal", (("signal", "product of the factors", 0, 0),)),
    "slope": (
        "derivative",
        (("slope", "as the signal meets it", 0, 0), ("mean_slope", "mean", 1, 1), ("bound", "largest there is", 3, 2)),
    ),
    "gain": (
        "weights",
        (("gain", "as the signal meets it", 0, 0), ("frobenius", "in the mean", 1, 1), ("spectral", "largest", 3, 2)),
    ),
    "both": (
        "Jacobian",
        (("product", "as the signal meets it", 0, 0), ("middle", "median", 1, 1), ("stretch", "largest", 3, 2)),
    ),
}

LOWEST = "both"

ROOMY = 38
"""Height of the figure, in font sizes, from which on there is room for the names of the curves ..."""

WIDE = 34
"""... and its width."""

ROOM = 34.0
"""Pixels between two layers from which on the factor is written between them."""

DERIVATIVES = tuple(name for name, *_ in PLOTS["slope"][1])

BESIDE = 0.4
"""Room before the first layer and after the last, in layers."""

MARGIN = 4.0
"""Pixels around a text, which a text item has itself."""

MOST_ROOM = 0.5
"""Part of its plot's height that the bound of the derivative may take above its line."""

LEAST_SPAN = 0.1
"""Powers of ten below the bound that are in view at least."""

PADDING = 0.08
"""Room below the lowest value, and above the highest where nothing is written there, as a part of the values' range."""


class ChainRuleFigure(Figure):
    """Over the layers: the signal, what the activations make of it, what the weights do, and what both do together."""

    title = "Chain rule"

    def __init__(self) -> None:
        super().__init__()
        self.plots: dict[str, pg.PlotItem] = {}
        self.legends: dict[str, pg.LegendItem] = {}
        self.curves: dict[str, pg.PlotCurveItem] = {}
        for row, (name, (_, curves)) in enumerate(PLOTS.items()):
            left = SwitchableAxis("left")
            left.set_logarithmic(True)
            plot = self.body.addPlot(row=row, col=0, axisItems={"left": left, "bottom": _LayerAxis("bottom")})
            plot.showGrid(x=True, y=True, alpha=0.25)
            plot.hideButtons()
            plot.getViewBox().setMouseEnabled(False, False)
            legend = pg.LegendItem(colCount=1, verSpacing=-4)
            self.body.addItem(legend, row=row, col=1)
            for curve, words, _, _ in curves:
                self.curves[curve] = pg.PlotCurveItem(connect="finite", skipFiniteCheck=False)
                plot.addItem(self.curves[curve])
                legend.addItem(self.curves[curve], words)
            if row:
                plot.setXLink(self.plots["signal"])
            if name != LOWEST:
                plot.getAxis("bottom").setStyle(showValues=False)
            self.plots[name], self.legends[name] = plot, legend
        self.points = {name: pg.ScatterPlotItem(size=7, pen=None) for name in self.curves}
        for name, points in self.points.items():
            self._plot_of(name).addItem(points)
        self.measured = pg.ScatterPlotItem(size=11, brush=None)
        self.plots["signal"].addItem(self.measured)
        self.legends["signal"].addItem(self.measured, "measured")
        self.texts: list[pg.TextItem] = []
        self.bound = pg.TextItem(anchor=(0.5, 1))
        self.plots["slope"].addItem(self.bound, ignoreBounds=True)
        self._bound = ""
        self._factors: Factors | None = None
        self._named = True
        self.plots["signal"].getViewBox().sigResized.connect(self._write)
        self.plots["slope"].getViewBox().sigResized.connect(self._write_bound)
        label_axis(self.plots[LOWEST], "bottom", "layer (the signal comes from the right)")

    def _plot_of(self, curve: str) -> pg.PlotItem:
        return next(self.plots[plot] for plot, (_, curves) in PLOTS.items() if curve in [c[0] for c in curves])

    def set_theme(self, theme: Theme) -> None:
        """Dress the plots."""
        super().set_theme(theme)
        for name, (label, curves) in PLOTS.items():
            plot = self.plots[name]
            dress_axes(plot, theme)
            plot.getAxis("left").setWidth(theme.font_size * 6)
            label_axis(plot, "left", label)
            for curve, _, colour, style in curves:
                shade = QColor(theme.series[colour])
                self.curves[curve].setPen(theme.pen(shade, 1.2 if not style else 1.0, LINE_STYLES[style]))
                self.points[curve].setBrush(pg.mkBrush(shade))
                self.points[curve].setSize(self._dot)
            dress_legend(self.legends[name], theme)
            fit_legend(self.legends[name])
        self.measured.setPen(theme.pen(theme.text, 1.0))
        self.measured.setSize(8 + 3.5 * theme.line_width)
        for text in (*self.texts, self.bound):
            self._dress_text(text)
        self._fit_names()
        self._write_bound()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Leave the names out where the plots need their room."""
        super().resizeEvent(event)
        if hasattr(self, "_named") and not self.closed:
            self._fit_names()

    def _fit_names(self) -> None:
        size = self.theme.font_size
        roomy = self.height() >= ROOMY * size and self.width() >= WIDE * size
        if roomy == self._named:
            return
        self._named = roomy
        for row, legend in enumerate(self.legends.values()):
            legend.setVisible(roomy)
            if roomy:
                self.body.addItem(legend, row=row, col=1)
            else:
                self.body.removeItem(legend)

    def _dress_text(self, text: pg.TextItem) -> None:
        text.setColor(self.theme.text)
        text.setFont(self.theme.font(0.9))

    def set_factors(self, factors: Factors | None) -> None:
        """Draw the factors of one step; None where there are none."""
        self._factors = factors
        self.set_empty(factors is None)
        if factors is None:
            return
        layers, links = np.arange(1.0, len(factors.signal) + 1), np.arange(1.0, len(factors.signal))
        self._draw("signal", layers, factors.signal)
        for name, values in (*factors.by_link.items(), ("product", factors.products)):
            if name in self.curves:
                self._draw(name, links + 0.5, values)
        self.measured.setData(*_finite(layers, log10(factors.measured)))
        self.plots["signal"].setXRange(*_ends(factors), padding=0)
        for plot in self.plots.values():
            plot.enableAutoRange(y=True)
        self._write()
        self._write_bound()

    def set_bound(self, words: str) -> None:
        """Write what the derivative is at most on its line; in brackets what is left out where there is no room."""
        self._bound = words
        self._write_bound()

    def _draw(self, name: str, x: np.ndarray, values: np.ndarray) -> None:
        y = log10(values)
        self.curves[name].setData(x, y)
        self.points[name].setData(*_finite(x, y))

    def _write(self) -> None:
        """Write what the signal is multiplied with between each two layers, where there is room."""
        factors = self._factors
        if factors is None or self.closed:
            return
        count = len(factors.signal) - 1
        place = QRectF(self.plots["signal"].getViewBox().sceneBoundingRect())
        wanted = count if count and place.width() / (count + 1) >= ROOM * self.theme.font_size / 9 else 0
        plot = self.plots["signal"]
        while len(self.texts) > wanted:
            plot.removeItem(self.texts.pop())
        while len(self.texts) < wanted:
            text = pg.TextItem(anchor=(0.5, 0.5))
            self._dress_text(text)
            plot.addItem(text, ignoreBounds=True)
            self.texts.append(text)
        heights = log10(factors.signal)
        for k, text in enumerate(self.texts):
            text.setText(f"×{factors.products[k]:.2g}")
            text.setPos(k + 1.5, float(np.mean(heights[k : k + 2])))
            text.setAnchor((1.1, 0.6) if heights[k + 1] > heights[k] else (-0.1, 0.6))  # beside the line
            text.setVisible(bool(np.isfinite(heights[k : k + 2]).all()))

    def _write_bound(self) -> None:
        """Write the bound of the derivative above its line, with room for it there; in a low plot behind its end."""
        if self.closed:
            return
        plot = self.plots["slope"]
        shown = [log10(self._factors.by_link[name]) for name in DERIVATIVES] if self._factors else []
        heights = np.concatenate(shown) if shown else np.empty(0)
        heights = heights[np.isfinite(heights)]
        if not self._bound or not len(heights):
            self._leave_bound_out()
            return
        assert self._factors is not None
        place, metrics = plot.getViewBox().sceneBoundingRect(), QFontMetricsF(self.theme.font(0.9))
        wide, tall = max(place.width(), 1.0), max(place.height(), 1.0)
        left, right = _ends(self._factors)
        line, end = float(heights.max()), right - BESIDE - 0.5
        share = (metrics.height() + 2 * MARGIN + self._dot / 2) / tall
        above = share <= MOST_ROOM
        room = (wide if above else wide * (right - end) / (right - left) - self._dot / 2) - 2 * MARGIN
        words = [w for w in (self._bound, self._bound.partition(" (")[0]) if metrics.horizontalAdvance(w) <= room]
        if not words or metrics.height() > tall:
            self._leave_bound_out()
            return
        span = max(line - float(heights.min()), LEAST_SPAN)
        lowest = line - (1 + PADDING) * span
        top = (line - share * lowest) / (1 - share) if above else line + PADDING * span
        plot.setYRange(lowest, top, padding=0)
        self.bound.setText(words[0])
        self.bound.setVisible(True)
        if above:
            self.bound.setAnchor((0.5, 1.0))
            self.bound.setPos((left + right) / 2, line + self._dot / 2 / tall * (top - lowest))
        else:
            rest = (top - line) / (top - lowest) * tall
            self.bound.setAnchor((0.0, min(0.5, (rest + MARGIN) / (metrics.height() + 2 * MARGIN))))
            self.bound.setPos(end + self._dot / 2 / wide * (right - left), line)

    def _leave_bound_out(self) -> None:
        self.bound.setVisible(False)
        self.plots["slope"].enableAutoRange(y=True)

    @property
    def _dot(self) -> float:
        """Pixels across the dots on the curves."""
        return 4 + 2.5 * self.theme.line_width

    def table(self) -> dict[str, np.ndarray]:
        """One row for each layer; the factors of the last are not a number."""
        if self._factors is None:
            return {}
        f = self._factors
        layers = np.arange(1, len(f.signal) + 1)
        columns = {name: np.append(values, np.nan) for name, values in f.by_link.items()}
        return {"layer": layers, "signal": f.signal, "measured": f.measured} | columns


class _LayerAxis(FittingAxis):
    """Whole numbers alone, as many as there is room for."""

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        first, last = int(np.ceil(low)), int(np.floor(high))
        every = max(1, int(np.ceil((last - first + 1) * 2.2 * self._text_height() / max(size, 1.0))))
        return [(float(every), [float(k) for k in range(first, last + 1, every)])]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        return [f"{v:.0f}" for v in values]


def _ends(factors: Factors) -> tuple[float, float]:
    """Where the axis of the layers begins and ends."""
    return 1 - BESIDE, len(factors.signal) + BESIDE


def _finite(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    kept = np.isfinite(y)
    return x[kept], y[kept]
