"""Loss and accuracy against steps, gradients or time, on training and test examples, of one run or of several."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import QPointF
from PyQt6.QtGui import QResizeEvent

from thalweg.app.overlay import AGAINST, DrawnLine, fan_of, fans_of
from thalweg.app.theme import Theme
from thalweg.app.views.axes import FittingAxis, SwitchableAxis, log10_from, lowest_of, step_places
from thalweg.app.views.closed_form import ClosedFormCurve
from thalweg.app.views.curve import Curve
from thalweg.app.views.fan_curve import FanCurve, Member, fan_name
from thalweg.app.views.figure import Figure, dress_axes, dress_legend, fit_legend, label_axis, legend_columns
from thalweg.app.views.lost import LostMarks

MEASURES = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")

SPENT = {"gradient_evaluations": "evaluations", "training_seconds": "seconds"}
"""Columns of the table, and the series that they are."""

SPLITS = {"both": ("train", "test"), "training": ("train",), "test": ("test",)}
"""Which curves are drawn, by the view's choice."""

LABELS = {
    ("steps", False): "step",
    ("steps", True): "step (logarithmic; step 0 left out)",
    ("evaluations", False): "gradient evaluations",
    ("evaluations", True): "gradient evaluations (logarithmic; 0 left out)",
    ("seconds", False): "training time (s)",
    ("seconds", True): "training time (s, logarithmic; 0 left out)",
}
"""What stands below the plots: by what the curves are against, and whether that is logarithmic."""

ROOMY = 28
"""Height of the figure, in font sizes, from which on there is room for the names of lines: the window has them too."""

Key = tuple[int, str]
"""Number of a line (or -1 - fan), and a measure."""


class CurvesFigure(Figure):
    """Two plots over the same horizontal axis: loss above, accuracy below."""

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
        self.curves: dict[Key, Curve] = {}
        self.fans: dict[Key, FanCurve] = {}
        self.lost = LostMarks(self.loss)
        self.theory = ClosedFormCurve(self.loss)
        self.accuracy.setYRange(0, 100, padding=0.03)
        self.accuracy.setLimits(yMin=-4, yMax=104)
        for plot in (self.loss, self.accuracy):
            plot.showGrid(x=True, y=True, alpha=0.25)
            plot.hideButtons()
            plot.setLimits(xMin=0)  # steps, evaluations, seconds; of the first two the logarithms too
            plot.getAxis("left").setWidth(52)
        self.loss.getAxis("bottom").setStyle(showValues=False)
        self.scene().sigMouseMoved.connect(self._point_at)
        self._lines: tuple[DrawnLine, ...] = ()
        self._drawn: tuple[object, ...] = ()
        self._log = (False, False)
        self._against = "steps"
        self._lowest = -np.inf
        self._classifies = True
        self._legend_place, self._single = (0, 1), True
        label_axis(self.accuracy, "left", "accuracy (%)")
        self._label_below()

    def _all(self) -> list[Curve | FanCurve]:
        return [*self.curves.values(), *self.fans.values()]

    def set_theme(self, theme: Theme) -> None:
        """Dress the plots."""
        super().set_theme(theme)
        for plot in (self.loss, self.accuracy):
            dress_axes(plot, theme)
            plot.getAxis("left").setWidth(theme.font_size * 6)
        for curve in self._all():
            curve.dress(theme)
        self.lost.dress(theme)
        self.theory.dress(theme)
        dress_legend(self.legend, theme)
        fit_legend(self.legend)

    def set_lines(
        self,
        lines: Sequence[DrawnLine],
        unit: str,
        log_loss: bool,
        log_steps: bool,
        which: str = "both",
        against: str = "steps",
    ) -> None:
        """Draw the measures of lines of training; runs that differ in their seed alone as median and band.

        ``against`` steps, gradient evaluations or seconds; lines whose file did not count those are left out, and
        ``log_steps`` is of what is there instead of steps.
        """
        lines = tuple(line for line in lines if line.series)
        again = bool(self._lines and lines and _last(lines) < _last(self._lines))
        self._lines = lines
        drawn = tuple(line for line in lines if AGAINST[against] in line.series)
        self.set_empty(not drawn)
        if lines and not drawn:
            self._rebuild((), which)  # nor are they named
        if not drawn:
            return
        if again:  # another run has begun: a single point does not set a range
            self.loss.setXRange(0, 1)
            for plot in (self.loss, self.accuracy):
                plot.enableAutoRange(x=True)
        classifies = any(np.isfinite(line.series["train_accuracy"]).any() for line in drawn)
        name = "loss" if classifies else "C(x, y)"
        label_axis(self.loss, "left", f"{name} ({unit})" if unit != "1" else name)
        self._scale(log_loss, log_steps, against)
        self._show_accuracy(classifies)
        self._rebuild(drawn, which)
        self._lowest = lowest_of(line.series[n] for line in drawn for n in MEASURES if n.endswith("loss"))
        for line in drawn:
            for name in MEASURES:
                if (line.number, name) in self.curves:
                    x, y = self._points(line, name)
                    self.curves[line.number, name].set(x, y, _mark(x, line.series["step"], line.step))
        for (key, name), fan in self.fans.items():
            self._set_fan(fan, [m for m in drawn if m.fan == -1 - key], name)
        self.lost.set([(self._points(m, "train_loss")[0], m.series["train_loss"]) for m in drawn])

    def set_theory(self, loss: np.ndarray | None) -> None:
        """Draw the closed form of the loss [n] at the rows of the line in front; None for none."""
        front = next((line for line in self._lines if line.front), None)
        if front is None or loss is None or AGAINST[self._against] not in front.series:
            self.theory.set(np.empty(0), np.empty(0))
        else:
            self.theory.set(self._points(front, "train_loss")[0], self._values(loss, "train_loss"))
        if self.theory.drawn != (loss is not None):
            self.theory.drawn = loss is not None
            if self.theory.drawn:
                self.legend.addItem(self.theory.item, self.theory.name)
            else:
                self.legend.removeItem(self.theory.item)
            self._place_legend(self._single)

    def _show_accuracy(self, there: bool) -> None:
        """The lower plot, where anything is classified; without it the steps stand below the loss."""
        if there == self._classifies:
            return
        self._classifies = there
        self.accuracy.setVisible(there)
        self.accuracy.setMaximumHeight(16777215 if there else 0)
        self.loss.getAxis("bottom").setStyle(showValues=not there)
        self._label_below()

    def _label_below(self) -> None:
        """Say what the horizontal axis is, below the lowest plot."""
        text = LABELS[self._against, self._log[1]]
        label_axis(self.accuracy, "bottom", text)
        label_axis(self.loss, "bottom", "" if self._classifies else text)

    def _scale(self, log_loss: bool, log_steps: bool, against: str) -> None:
        if (log_loss, log_steps, against) == (*self._log, self._against):
            return
        self._log, self._against = (log_loss, log_steps), against
        self._axes["loss"].set_logarithmic(log_loss)
        self._axes["a"].set_logarithmic(log_steps)
        self._axes["b"].set_logarithmic(log_steps)
        least = None if log_steps and against == "seconds" else 0  # logarithms of less than a second are negative
        for plot in (self.loss, self.accuracy):
            plot.setLimits(xMin=least)
            plot.enableAutoRange(x=True)
        self.loss.enableAutoRange(y=True)
        self._label_below()

    def _points(self, line: DrawnLine, name: str) -> tuple[np.ndarray, np.ndarray]:
        """A measure of a line as it is drawn: x and y."""
        return step_places(line.series[AGAINST[self._against]], self._log[1]), self._values(line.series[name], name)

    def _values(self, values: np.ndarray, name: str) -> np.ndarray:
        if name.endswith("accuracy"):
            return 100 * values
        return log10_from(values, self._lowest) if self._log[0] else values

    def _set_fan(self, fan: FanCurve, members: Sequence[DrawnLine], name: str) -> None:
        found = fan_of(members, name)
        low, median, high = (self._values(v, name) for v in (found.low, found.median, found.high))
        each = [Member(m.name, *self._points(m, name)) for m in members]
        going = [m for m in members if not m.ended] or members  # the same ones at all steps: x must not fall
        x = step_places(fan_of(going, AGAINST[self._against]).median, self._log[1])
        fan.set(x, low, median, high, each, _mark(x, found.steps, max(m.step for m in members)))

    def _rebuild(self, lines: tuple[DrawnLine, ...], which: str) -> None:
        """Make the curves that these lines need; those of one line alone tell training and test by colour."""
        splits = SPLITS[which]
        wanted = (splits, self._classifies, tuple((m.number, m.style, m.past, m.fan, m.name) for m in lines))
        if wanted == self._drawn:
            return
        self._drawn = wanted
        for curve in self._all():
            curve.remove()
        self.curves, self.fans = {}, {}
        self.legend.clear()
        fans = fans_of(lines)
        alone = [m for m in lines if m.fan not in fans]
        single = len(alone) == 1 and not fans
        for line in alone:
            for name in MEASURES:
                split, _, kind = name.partition("_")
                if split in splits:
                    plot, second = self.loss if kind == "loss" else self.accuracy, split == "test"
                    number = int(second) if single else line.style
                    pale = not single and (line.past or (second and len(splits) > 1))
                    of = ("training", "test")[second] if self._classifies else "descent"
                    words = of if single else line.name
                    self.curves[line.number, name] = Curve(plot, number, words, pale=pale)
        for fan, members in fans.items():
            for name in MEASURES:
                split, _, kind = name.partition("_")
                if split == splits[0]:  # bands over bands would hide each other
                    plot = self.loss if kind == "loss" else self.accuracy
                    style = members[0].style
                    self.fans[-1 - fan, name] = FanCurve(plot, style, style, fan_name(len(members)))
        for curve in self._all():
            curve.dress(self.theme)
        self._name_lines(splits, single)

    def _name_lines(self, splits: tuple[str, ...], single: bool) -> None:
        named = [f"{split}_loss" for split in (splits if single else splits[:1])]
        for (_, name), curve in self.curves.items():
            if name in named:
                self.legend.addItem(curve.item, curve.name)
        for (_, name), fan in self.fans.items():
            if name == f"{splits[0]}_loss":
                self.legend.addItem(fan.item, fan.median.name)
        if self.theory.drawn:
            self.legend.addItem(self.theory.item, self.theory.name)
        self._single = single
        self._place_legend(single)

    def _place_legend(self, single: bool) -> None:
        """Beside the heading, or in a row of its own where names of lines need the room."""
        place = (0, 1) if single else (1, 0)
        if place != self._legend_place:
            self.top.removeItem(self.legend)
            self.top.addItem(self.legend, row=place[0], col=place[1])
            self._legend_place = place
        dress_legend(self.legend, self.theme)
        self.legend.setVisible(not self._compact and (single or self.height() > ROOMY * self.theme.font_size))
        if single:
            self.legend.setColumnCount(2)
        else:
            legend_columns(self.legend, self.width() - 24)
        fit_legend(self.legend)

    def set_compact(self, compact: bool) -> None:
        """Without the legend too."""
        super().set_compact(compact)
        self.legend.setVisible(not compact)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Write the legend in as many rows as the new width takes."""
        if hasattr(self, "_legend_place") and self._legend_place == (1, 0) and not self.closed:
            self._place_legend(False)  # before the layout takes its width
        super().resizeEvent(event)

    def _point_at(self, where: QPointF) -> None:
        """Show the member of a fan that the pointer is at."""
        for (_, name), fan in self.fans.items():
            plot = self.loss if name.endswith("loss") else self.accuracy
            if plot.getViewBox().sceneBoundingRect().contains(where):
                fan.point_at(where)
            else:
                fan.leave()

    def table(self) -> dict[str, np.ndarray]:
        """Step, losses (in the objective's unit) and accuracies (0 to 1); of several lines, one after the other.

        Gradient evaluations and seconds of training too, where a line has them.
        """
        names = ("step", *MEASURES)
        found = {n: np.concatenate([m.series[n] for m in self._lines]) for n in names} if self._lines else {}
        for column, name in SPENT.items():
            if any(name in m.series for m in self._lines):
                nothing = [np.full(len(m.series["step"]), np.nan) for m in self._lines]
                parts = [m.series.get(name, none) for m, none in zip(self._lines, nothing, strict=True)]
                found[column] = np.concatenate(parts)
        if len(self._lines) > 1:
            run = np.concatenate([np.full(len(m.series["step"]), m.name) for m in self._lines])
            return {"run": run} | found
        return found


def _mark(x: np.ndarray, steps: np.ndarray, step: int) -> float:
    """The place among ``x`` [n] of the last of the ``steps`` [n] that is no later than ``step``."""
    at = int(np.count_nonzero(steps <= step)) - 1
    return float(x[at]) if at >= 0 and np.isfinite(x[at]) else -np.inf


def _last(lines: Sequence[DrawnLine]) -> int:
    return max(int(m.series["step"][-1]) for m in lines)
