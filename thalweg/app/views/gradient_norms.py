"""The norm of the gradient in each layer against steps, on a logarithmic axis, of one run or of several."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import QPointF, Qt
from PyQt6.QtGui import QFontMetricsF, QResizeEvent

from thalweg.app.overlay import DrawnLine, fan_of
from thalweg.app.theme import LINE_STYLES, Theme
from thalweg.app.views.axes import SwitchableAxis, log10_from, lowest_of, step_place, step_places
from thalweg.app.views.curve import Curve
from thalweg.app.views.fan_curve import FanCurve, Member
from thalweg.app.views.figure import Figure, dress_axes, dress_legend, fit_legend, label_axis

PREFIX = "gradient_"

MANY = 10
"""Layers beyond which the curves are coloured by depth, and only some of them named."""

SAMPLE = 40.0
"""Pixels of a curve's sample and its margin beside a name."""

NAMED = 5
"""So many then, evenly spaced from the first to the last."""

LEGEND_SHARE = 0.4
"""Part of the figure's width that the legend takes at most; longer names are cut."""

Key = tuple[int, str]
"""Number of a line (or -1 - fan), and a measure."""


class GradientNormsFigure(Figure):
    """One curve for each layer; the first layer is the first. Those of many layers are coloured by depth.

    Of several runs the layers have their colours, and the runs their line styles.
    """

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
        self.curves: dict[Key, Curve] = {}
        self.fans: dict[Key, FanCurve] = {}
        self._lines: tuple[DrawnLine, ...] = ()
        self._drawn: tuple[object, ...] = ()
        self._names: list[str] = []
        self._lowest = -np.inf
        self._samples: list[tuple[pg.PlotCurveItem, int]] = []
        self.scene().sigMouseMoved.connect(self._point_at)
        label_axis(self.plot, "left", "gradient norm")
        label_axis(self.plot, "bottom", "step")

    def _all(self) -> list[Curve | FanCurve]:
        return [*self.curves.values(), *self.fans.values()]

    def set_theme(self, theme: Theme) -> None:
        """Dress the plot."""
        super().set_theme(theme)
        dress_axes(self.plot, theme)
        self.plot.getAxis("left").setWidth(theme.font_size * 6)
        for curve in self._all():
            curve.dress(theme)
        for sample, style in self._samples:
            sample.setPen(theme.pen(theme.text, 1.0, LINE_STYLES[style % len(LINE_STYLES)]))
        self._fit_names()

    def set_lines(self, lines: Sequence[DrawnLine], log_steps: bool, unit: str) -> None:
        """Draw the columns ``gradient_1``, ``gradient_2`` ... of lines of training, under the names of the layers."""
        lines = tuple(line for line in lines if line.series)
        again = bool(self._lines and lines and _last(lines) < _last(self._lines))
        self._lines = lines
        self.set_empty(not lines)
        if not lines:
            return
        if again:  # another run has begun: a single point does not set a range
            self.plot.setXRange(0, 1)
            self.plot.enableAutoRange()
        label_axis(
            self.plot, "left", f"gradient norm ({unit} per unit of distance)" if unit != "1" else "gradient norm"
        )
        self._rebuild(lines)
        if log_steps != self._bottom.logarithmic:
            self._bottom.set_logarithmic(log_steps)
            self.plot.enableAutoRange()
            label_axis(self.plot, "bottom", "step (logarithmic; step 0 left out)" if log_steps else "step")
        self._lowest = lowest_of(line.series[name] for line in lines for name in _measures(line))
        for line in lines:
            for name in _measures(line):
                if (line.number, name) in self.curves:
                    self.curves[line.number, name].set(*self._points(line, name), step_place(line.step, log_steps))
        for (key, name), fan in self.fans.items():
            members = [m for m in lines if m.fan == -1 - key]
            found = fan_of(members, name)
            each = [Member(m.name, *self._points(m, name)) for m in members]
            low, median, high = (log10_from(v, self._lowest) for v in (found.low, found.median, found.high))
            fan.set(
                step_places(found.steps, self._bottom.logarithmic),
                low,
                median,
                high,
                each,
                step_place(max(m.step for m in members), log_steps),
            )

    def _points(self, line: DrawnLine, name: str) -> tuple[np.ndarray, np.ndarray]:
        y = log10_from(line.series[name], self._lowest)
        return step_places(line.series["step"], self._bottom.logarithmic), y

    def _rebuild(self, lines: tuple[DrawnLine, ...]) -> None:
        wanted = tuple((m.number, m.style, m.past, m.fan, m.name, m.layers, len(_measures(m))) for m in lines)
        if wanted == self._drawn:
            return
        self._drawn = wanted
        for curve in self._all():
            curve.remove()
        self.curves, self.fans, self._samples = {}, {}, []
        self.legend.clear()
        counts = {fan: sum(m.fan == fan for m in lines) for fan in {m.fan for m in lines} if fan >= 0}
        styles = {style: n for n, style in enumerate(dict.fromkeys(m.style for m in lines))}
        for line in lines:
            names, many = _measures(line), len(_measures(line)) > MANY
            if counts.get(line.fan, 0) > 1:
                for i, name in enumerate(names):
                    key = (-1 - line.fan, name)
                    if key not in self.fans:
                        self.fans[key] = FanCurve(self.plot, i, styles[line.style], _layers(line)[i])
                continue
            for i, name in enumerate(names):
                share = i / (len(names) - 1) if many else None
                style = styles[line.style] if len(styles) > 1 else None
                curve = Curve(self.plot, i, _layers(line)[i], share, style, pale=line.past)
                self.curves[line.number, name] = curve
        for each in self._all():
            each.dress(self.theme)
        self._name_lines(lines, styles)

    def _name_lines(self, lines: tuple[DrawnLine, ...], styles: dict[int, int]) -> None:
        """The layers of the deepest run by colour; of several runs, which line style is whose."""
        first = max(lines, key=lambda m: len(_measures(m)))
        names = _measures(first)
        named = set(np.linspace(0, len(names) - 1, NAMED).round()) if len(names) > MANY else range(len(names))
        for i, name in enumerate(names):
            found = self.curves.get((first.number, name)) or self.fans.get((-1 - first.fan, name))
            if found is not None and i in named:
                self.legend.addItem(found.item, _layers(first)[i])
        if len(styles) > 1:
            for style, number in styles.items():
                sample = pg.PlotCurveItem(
                    pen=self.theme.pen(self.theme.text, 1.0, LINE_STYLES[number % len(LINE_STYLES)])
                )
                own = [m for m in lines if m.style == style]
                self.legend.addItem(sample, own[0].name if len(own) == 1 else f"{len(own)} seeds")
                self._samples.append((sample, number))
        self._names = [label.text for _, label in self.legend.items]
        self._fit_names()

    def _fit_names(self) -> None:
        """Write the names as far as the legend has room for them."""
        metrics = QFontMetricsF(self.theme.font(1.0))
        room = LEGEND_SHARE * self.width() - SAMPLE
        for (_, label), name in zip(self.legend.items, self._names, strict=True):
            label.text = metrics.elidedText(
                name, Qt.TextElideMode.ElideRight, max(room, metrics.horizontalAdvance("…"))
            )
        dress_legend(self.legend, self.theme)
        fit_legend(self.legend)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Write the names anew where there is another width."""
        super().resizeEvent(event)
        if hasattr(self, "_names") and not self.closed:
            self._fit_names()

    def set_compact(self, compact: bool) -> None:
        """Without the legend too."""
        super().set_compact(compact)
        self.legend.setVisible(not compact)
        self.legend.setMaximumWidth(0 if compact else 16777215)

    def _point_at(self, where: QPointF) -> None:
        """Show the member of a fan that the pointer is at, in one layer at a time."""
        inside = self.plot.getViewBox().sceneBoundingRect().contains(where)
        found = False
        for fan in self.fans.values():
            if inside and not found:
                found = fan.point_at(where)
            else:
                fan.leave()

    def table(self) -> dict[str, np.ndarray]:
        """Step and the norm of each layer's gradient (loss unit per unit of parameter); several lines in turn."""
        if not self._lines:
            return {}
        names = max((_measures(m) for m in self._lines), key=len)
        found = {"step": np.concatenate([m.series["step"] for m in self._lines])}
        for name in names:
            missing = [np.full(len(m.series["step"]), np.nan) for m in self._lines]
            parts = [m.series.get(name, nothing) for m, nothing in zip(self._lines, missing, strict=True)]
            found[name] = np.concatenate(parts)
        if len(self._lines) > 1:
            run = np.concatenate([np.full(len(m.series["step"]), m.name) for m in self._lines])
            return {"run": run} | found
        return found


def _measures(line: DrawnLine) -> list[str]:
    return [n for n in line.series if n.startswith(PREFIX)]


def _layers(line: DrawnLine) -> tuple[str, ...]:
    names = _measures(line)
    return line.layers if len(line.layers) == len(names) else tuple(f"layer {n.removeprefix(PREFIX)}" for n in names)


def _last(lines: Sequence[DrawnLine]) -> int:
    return max(int(m.series["step"][-1]) for m in lines)
