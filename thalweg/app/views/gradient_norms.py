"""The norm of the gradient in each layer against steps, on a logarithmic axis."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg

from thalweg.app.theme import Theme
from thalweg.app.views.axes import SwitchableAxis, log10
from thalweg.app.views.curve import Curve
from thalweg.app.views.figure import Figure, dress_axes, dress_legend, fit_legend, label_axis

PREFIX = "gradient_"

MANY = 10
"""Layers beyond which the curves are coloured by depth, and only some of them named."""

NAMED = 5
"""So many then, evenly spaced from the first to the last."""


class GradientNormsFigure(Figure):
    """One curve for each layer; the first layer is the first. Those of many layers are coloured by depth."""

    title = "Gradient norms"

    def __init__(self) -> None:
        super().__init__()
        self._left, self._bottom = SwitchableAxis("left"), SwitchableAxis("bottom")
        self._left.set_logarithmic(True)
        self.plot = self.body.addPlot(row=0, col=0, axisItems={"left": self._left, "bottom": self._bottom})
        self.plot.showGrid(x=True, y=True, alpha=0.25)
        self.plot.hideButtons()
        self.plot.setLimits(xMin=0)  # steps, or their logarithms
        self.legend = pg.LegendItem(colCount=1, verSpacing=-4)
        self.body.addItem(self.legend, row=0, col=1)
        self._curves: dict[str, Curve] = {}
        self._layers: tuple[str, ...] = ()
        self._series: dict[str, np.ndarray] = {}
        label_axis(self.plot, "left", "gradient norm")
        label_axis(self.plot, "bottom", "step")

    def set_theme(self, theme: Theme) -> None:
        """Dress the plot."""
        super().set_theme(theme)
        dress_axes(self.plot, theme)
        self.plot.getAxis("left").setWidth(theme.font_size * 6)
        dress_legend(self.legend, theme)
        fit_legend(self.legend)
        for curve in self._curves.values():
            curve.dress(theme)

    def set_series(
        self, series: dict[str, np.ndarray], log_steps: bool, unit: str, layers: tuple[str, ...] = ()
    ) -> None:
        """Draw the columns ``gradient_1``, ``gradient_2`` ... over ``step``, under the names of the layers."""
        again = bool(self._series and series and series["step"][-1] < self._series["step"][-1])
        self._series = series
        self.set_empty(not series)
        if not series:
            return
        if again:  # another run has begun: a single point does not set a range
            self.plot.setXRange(0, 1)
            self.plot.enableAutoRange()
        label_axis(
            self.plot, "left", f"gradient norm ({unit} per unit of distance)" if unit != "1" else "gradient norm"
        )
        names = [n for n in series if n.startswith(PREFIX)]
        if (names, layers) != (list(self._curves), self._layers):
            self._rebuild(names, layers)
        if log_steps != self._bottom.logarithmic:
            self._bottom.set_logarithmic(log_steps)
            self.plot.enableAutoRange()
            label_axis(self.plot, "bottom", "step (logarithmic; step 0 left out)" if log_steps else "step")
        steps = log10(series["step"].astype(float)) if log_steps else series["step"].astype(float)
        for name, curve in self._curves.items():
            curve.set(steps, log10(series[name]))

    def _rebuild(self, names: list[str], layers: tuple[str, ...]) -> None:
        for curve in self._curves.values():
            curve.remove()
        self.legend.clear()
        self._layers = layers
        shown = layers if len(layers) == len(names) else [f"layer {n.removeprefix(PREFIX)}" for n in names]
        many = len(names) > MANY
        self._curves = {
            n: Curve(self.plot, i, word, i / (len(names) - 1) if many else None)
            for i, (n, word) in enumerate(zip(names, shown, strict=True))
        }
        named = set(np.linspace(0, len(names) - 1, NAMED).round()) if many else range(len(names))
        for curve in self._curves.values():
            curve.dress(self.theme)
            if curve.number in named:
                self.legend.addItem(curve.item, curve.name)
        dress_legend(self.legend, self.theme)
        fit_legend(self.legend)

    def table(self) -> dict[str, np.ndarray]:
        """Step and the norm of each layer's gradient (loss unit per unit of parameter)."""
        return {k: v for k, v in self._series.items() if k == "step" or k.startswith(PREFIX)}
