"""The loss on a plane through the parameters: bands, contour lines, and the optimiser's path."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PyQt6.QtGui import QColor

from thalweg.app.theme import Theme
from thalweg.app.views.axes import FittingAxis
from thalweg.app.views.colour_bar import ColourBar
from thalweg.app.views.contour_items import Bands, Lines, PathLine
from thalweg.app.views.figure import Figure, dress_axes, label_axis
from thalweg.core.landscape.contours import levels
from thalweg.core.messages import Map, Path


class LandscapeFigure(Figure):
    """A filled contour map with its colour scale."""

    title = "Landscape"

    def __init__(self) -> None:
        super().__init__()
        self.plot = self.body.addPlot(
            row=0, col=0, enableMenu=False, axisItems={side: FittingAxis(side) for side in ("left", "bottom")}
        )
        self.bar = ColourBar()
        self.body.addItem(self.bar, row=0, col=1)
        self.body.layout.setColumnStretchFactor(0, 1)
        self._bands, self._lines, self.path = Bands(), Lines(), PathLine()
        for item in (self._bands, self._lines, self.path):
            self.plot.addItem(item)
        self.plot.hideButtons()
        self.plot.setMouseEnabled(False, False)
        self.plot.getViewBox().setDefaultPadding(0)
        self._map: Map | None = None
        self._path: Path | None = None
        self._log, self._count, self._unit = False, 16, "1"
        self._levels = np.empty(0)

    def set_theme(self, theme: Theme) -> None:
        """Dress map, lines and path."""
        super().set_theme(theme)
        dress_axes(self.plot, theme)
        self.bar.set_theme(theme)
        self._colours = pg.colormap.get(theme.colour_map)
        self._lines.set_pen(pg.mkPen(QColor(0, 0, 0, 150), width=1))
        self.path.set_style(0.3 + theme.line_width)
        if self._map:
            self._draw(self._map, self._log, self._count)

    def set_map(self, found: Map | None, log: bool, count: int, unit: str) -> None:
        """Draw a landscape with about ``count`` levels; None clears the picture."""
        self._map, self._unit, self._log, self._count = found, unit, log, count
        self.set_empty(found is None)
        if found is None:
            self._bands.clear()
            self._lines.set(np.empty(0), np.empty(0), np.empty((0, 0)), np.empty(0))
            return
        for name, label, axis_unit in zip(("bottom", "left"), found.labels, found.units, strict=True):
            label_axis(self.plot, name, f"{label} ({axis_unit})")
        self.plot.setRange(
            xRange=(found.x[0], found.x[-1]),
            yRange=(found.y[0], found.y[-1]),
            padding=0,
            disableAutoRange=True,
        )
        self.bar.align(self.plot)
        self._draw(found, log, count)

    def set_path(self, path: Path | None) -> None:
        """Draw the path; None clears it."""
        self._path = path
        if path is None:
            self.path.set(np.empty(0), np.empty(0))
        else:
            self.path.set(path.alpha, path.beta)

    def _draw(self, found: Map, log: bool, count: int) -> None:
        z = found.loss
        log = log and bool((z[np.isfinite(z)] > 0).any())
        values = self._levels = levels(z, count, log)
        positive = z[np.isfinite(z) & (z > 0)]
        # a loss of exactly zero has no logarithm but is no fault: it is drawn with the lowest
        shown = np.log10(np.where(np.isfinite(z), np.maximum(z, positive.min()), z)) if log else z
        inner = np.log10(values) if log else values
        finite = shown[np.isfinite(shown)]
        if not finite.size:  # all hatched
            nothing = np.empty(0)
            self._bands.set(found.x, found.y, shown, nothing, [])
            self._lines.set(found.x, found.y, shown, nothing)
            self.bar.set_bands(np.array([0.0, 1.0]), [QColor(self.theme.base)], [], "loss is not finite")
            return
        edges = _edges(inner, float(finite.min()), float(finite.max()))
        colours = [QColor(*c) for c in self._colours.map(np.linspace(0, 1, len(edges) - 1))]
        self._bands.set(found.x, found.y, shown, edges, colours)
        self._lines.set(found.x, found.y, shown, inner)
        every = max(1, len(values) // 9)
        ticks = list(zip(inner[::every].tolist(), told_apart(values[::every]), strict=True))
        unit = f", {self._unit}" if self._unit != "1" else ""
        self.bar.set_bands(edges, colours, ticks, f"training loss ({'log' if log else 'linear'} levels{unit})")

    def table(self) -> dict[str, np.ndarray]:
        """One row for each grid point and each point of the path, whose loss is not known here (NaN)."""
        if self._map is None:
            return {}
        m = self._map
        x, y = np.meshgrid(m.x, m.y)
        columns = {
            "alpha": x.ravel(),
            "beta": y.ravel(),
            "loss": m.loss.ravel(),
            "accuracy": m.accuracy.ravel(),
        }
        kind = np.full(x.size, "grid")
        step = np.full(x.size, m.step)
        if self._path is not None:
            n = len(self._path.steps)
            columns["alpha"] = np.r_[columns["alpha"], self._path.alpha]
            columns["beta"] = np.r_[columns["beta"], self._path.beta]
            for name in ("loss", "accuracy"):
                columns[name] = np.r_[columns[name], np.full(n, np.nan)]
            kind, step = np.r_[kind, np.full(n, "path")], np.r_[step, self._path.steps]
        return {"part": kind, "step": step, **columns}


def told_apart(values: np.ndarray) -> list[str]:
    """The values as short texts with as many digits as it takes to tell them apart, at least two."""
    texts: list[str] = []
    for digits in range(2, 12):
        texts = [f"{v:.{digits}g}" for v in values]
        if len(set(texts)) == len(texts) and np.allclose(
            [float(t) for t in texts], values, rtol=2e-2 / max(1, len(texts))
        ):
            break
    return texts


def _edges(inner: np.ndarray, low: float, high: float) -> np.ndarray:
    """The edges of all bands: the levels, and one more on each side where values lie beyond them."""
    if len(inner) == 0:
        span = abs(low) * 1e-3 + 1e-12
        return np.array([low - span, high + span])
    step = inner[1] - inner[0] if len(inner) > 1 else max(high - low, 1e-12)
    # a little below the least, so that it is covered too
    below = [min(inner[0] - step, low - 1e-9 * step)] if low < inner[0] else []
    above = [max(inner[-1] + step, high)] if high > inner[-1] else []
    return np.array([*below, *inner, *above])
