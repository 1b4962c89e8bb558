"""Loss and accuracy against steps, on training and test examples."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg

from thalweg.app.theme import Theme
from thalweg.app.views.axes import FittingAxis, SwitchableAxis, log10
from thalweg.app.views.curve import Curve
from thalweg.app.views.figure import Figure, dress_axes, dress_legend, fit_legend, label_axis

Series = dict[str, np.ndarray]


class CurvesFigure(Figure):
    """Two plots over the same steps: loss above, accuracy below."""

    title = "Curves"

    def __init__(self) -> None:
        super().__init__()
        self._axes = {name: SwitchableAxis(side) for name, side in (("loss", "left"), ("a", "bottom"), ("b", "bottom"))}
        self.loss = self.body.addPlot(row=0, col=0, axisItems={"left": self._axes["loss"], "bottom": self._axes["a"]})
        self.accuracy = self.body.addPlot(
            row=1, col=0, axisItems={"left": FittingAxis("left"), "bottom": self._axes["b"]}
        )
        self.accuracy.setXLink(self.loss)
        self.legend = pg.LegendItem(colCount=2, verSpacing=-4)
        self.top.addItem(self.legend, row=0, col=1)
        self._curves: dict[str, Curve] = {}
        for number, split in enumerate(("train", "test")):
            name = "training" if split == "train" else "test"
            self._curves[f"{split}_loss"] = Curve(self.loss, number, name)
            self._curves[f"{split}_accuracy"] = Curve(self.accuracy, number, name)
            self.legend.addItem(self._curves[f"{split}_loss"].item, name)
        self.accuracy.setYRange(0, 100, padding=0.03)
        self.accuracy.setLimits(yMin=-4, yMax=104)
        for plot in (self.loss, self.accuracy):
            plot.showGrid(x=True, y=True, alpha=0.25)
            plot.hideButtons()
            plot.setLimits(xMin=0)  # steps, or their logarithms
            plot.getAxis("left").setWidth(52)
        self.loss.getAxis("bottom").setStyle(showValues=False)
        self._series: Series = {}
        self._unit = ""
        self._log = (False, False)
        label_axis(self.accuracy, "left", "accuracy (%)")
        label_axis(self.accuracy, "bottom", "step")

    def set_theme(self, theme: Theme) -> None:
        """Dress the plots."""
        super().set_theme(theme)
        for plot in (self.loss, self.accuracy):
            dress_axes(plot, theme)
            plot.getAxis("left").setWidth(theme.font_size * 6)
        for curve in self._curves.values():
            curve.dress(theme)
        dress_legend(self.legend, theme)
        fit_legend(self.legend)

    def set_series(self, series: Series, unit: str, log_loss: bool, log_steps: bool) -> None:
        """Draw the columns ``train_loss``, ``test_loss``, ``train_accuracy``, ``test_accuracy`` over ``step``."""
        again = bool(self._series and series and series["step"][-1] < self._series["step"][-1])
        self._series, self._unit = series, unit
        self.set_empty(not series)
        if not series:
            return
        if again:  # another run has begun: a single point does not set a range
            self.loss.setXRange(0, 1)
            for plot in (self.loss, self.accuracy):
                plot.enableAutoRange(x=True)
        label_axis(self.loss, "left", f"loss ({unit})" if unit != "1" else "loss")
        if (log_loss, log_steps) != self._log:
            self._log = (log_loss, log_steps)
            self._axes["loss"].set_logarithmic(log_loss)
            self._axes["a"].set_logarithmic(log_steps)
            self._axes["b"].set_logarithmic(log_steps)
            for plot in (self.loss, self.accuracy):
                plot.enableAutoRange(x=True)
            self.loss.enableAutoRange(y=True)
            label_axis(self.accuracy, "bottom", "step (logarithmic; step 0 left out)" if log_steps else "step")
        steps = log10(series["step"].astype(float)) if log_steps else series["step"].astype(float)
        for name, curve in self._curves.items():
            values = series[name]
            if name.endswith("accuracy"):
                values = 100 * values
            elif log_loss:
                values = log10(values)
            curve.set(steps, values)

    def table(self) -> dict[str, np.ndarray]:
        """Step, losses (in the objective's unit) and accuracies (0 to 1)."""
        return {k: v for k, v in self._series.items() if not k.startswith("gradient_")}
