"""A quantity of each layer over all steps as a strip, with its profile over the layers and one layer's course.

What there is of each time step of a network has those in the layers' place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import QPointF, Qt, pyqtSignal
from PyQt6.QtGui import QFontMetricsF

from thalweg.app.overlay import DrawnLine, fans_of
from thalweg.app.strip import Strip, beyond, fan_strip_of, robust_range, row_name, strip_of
from thalweg.app.theme import Theme
from thalweg.app.views.axes import FittingAxis, SwitchableAxis, log10, step_place, step_places
from thalweg.app.views.colour_bar import ColourBar
from thalweg.app.views.fan_curve import Member
from thalweg.app.views.figure import Figure, dress_axes, dress_legend, fit_legend, label_axis
from thalweg.app.views.numbers import power_of_ten, short
from thalweg.app.views.overlaid import Overlaid
from thalweg.app.views.strip_image import StripImage
from thalweg.app.views.strip_stack import Place, fits, gap_for, place_at, places_of, stacked
from thalweg.core.scene.depth import DepthSpec

BANDS = 64
"""Colours of the scale beside the strip."""

NAME_SHARE = 0.22
"""Part of the figure's width that the layers' names take at most; longer ones are cut."""

LEAST_HEIGHT, LEAST_WIDTH, LEAST_SCALE = 170.0, 330.0, 260.0
"""Pixels of the picture below which there is no room for the course, for the profile, and for the colours' scale.

For the smallest of the themes' fonts.
"""

STRIPS_SHARE, COURSE_AXES, STRIP_AXES = 0.88, 14.8, 5.2
"""Several strips have this part of the height with a course below them, less so many sizes of the font for the axes of
both; alone, all of it less so many for their own. As measured in all themes, a little less."""

SINGLE = 0.01
"""Part of the plot's width that a strip of a single step is wide."""

LONGEST = 26
"""Letters of a line's name in the legend at most, so that it leaves room for the plots."""

DOT = 8.0
"""Pixels between two layers of the profile from which on each has a dot, for the smallest of the themes' fonts."""

Ends = tuple[float, float]


class DepthFigure(Figure):
    """Top left the strips of all lines on one scale; beside them the profile at the step, below a layer's course.

    Profile and course are of all lines, in their colours and line styles; of a fan they are median and band. Must not
    change state.
    """

    title = "Layers over time"
    layer_requested = pyqtSignal(int)
    """The person clicked on a layer, in the strip or beside it."""
    step_requested = pyqtSignal(int)
    """The person clicked on a measured step, in the strip or below it."""

    def __init__(self) -> None:
        super().__init__()
        self._bottom, self._below = SwitchableAxis("bottom"), SwitchableAxis("bottom")
        self._across, self._left = SwitchableAxis("bottom"), SwitchableAxis("left")
        self._names = FittingAxis("left")
        self.strip = self._plot(0, 0, {"left": self._names, "bottom": self._bottom})
        self.bar = ColourBar()
        self.body.addItem(self.bar, row=0, col=1)
        self.profile = self._plot(0, 2, {"bottom": self._across})
        self.profile.getAxis("left").setStyle(showValues=False)
        self.course = self._plot(1, 0, {"left": self._left, "bottom": self._below})
        self.legend = pg.LegendItem(colCount=1, verSpacing=-4)
        self.body.addItem(self.legend, row=1, col=1, colspan=2)
        for plot in (self.strip, self.profile):
            plot.invertY(True)  # the first layer is at the top
        for plot in (self.profile, self.course):
            plot.showGrid(x=True, y=True, alpha=0.25)
        self.profile.getAxis("left").setWidth(6)
        self.body.layout.setColumnStretchFactor(0, 12)
        self.body.layout.setColumnStretchFactor(1, 1)
        self.body.layout.setRowStretchFactor(0, 3)
        self.images = [StripImage(self.strip)]
        self._titles: list[pg.TextItem] = []
        self._stack: list[Place] = []
        self._named = False
        self._span, self._depth = (0.0, 1.0), (0.5, 1.5)
        self.profiles, self.courses = Overlaid(self.profile, upright=True), Overlaid(self.course)
        self._reference = pg.ScatterPlotItem(size=9, symbol="d", brush=None)
        self.profile.addItem(self._reference)
        self._now = pg.InfiniteLine(angle=90)
        self.course.addItem(self._now, ignoreBounds=True)
        self._lines: tuple[DrawnLine, ...] = ()
        self._strips: dict[int, Strip] = {}
        self._texts_fitted: list[tuple[int, str]] = []
        self._spec, self._drawn = DepthSpec(), tuple[object, ...]()
        self._texts: list[tuple[int, str]] = []
        self._ticks: list[tuple[float, str]] = []
        self.scene().sigMouseClicked.connect(self._clicked)
        self.scene().sigMouseMoved.connect(self._point_at)
        self.body.geometryChanged.connect(self._fit)
        self.strip.getViewBox().sigResized.connect(self._stack_again)

    def _plot(self, row: int, column: int, axes: dict[str, pg.AxisItem]) -> pg.PlotItem:
        plot = self.body.addPlot(row=row, col=column, enableMenu=False, axisItems=axes)
        plot.hideButtons()
        plot.setMouseEnabled(False, False)
        plot.getViewBox().setDefaultPadding(0.0)
        return plot

    # --- setters -----------------------------------------------------------------------------------------------------

    def set_theme(self, theme: Theme) -> None:
        """Dress all plots."""
        super().set_theme(theme)
        for plot in (self.strip, self.profile, self.course):
            dress_axes(plot, theme)
        self.bar.set_theme(theme)
        for image in self.images:
            image.dress(theme)
        self._reference.setPen(theme.pen(theme.text, 1.2))
        self._now.setPen(theme.pen(theme.text, 1.0))
        for curves in (self.profiles, self.courses):
            curves.dress(theme)
        dress_legend(self.legend, theme)
        self._redraw()

    def set_lines(self, lines: Sequence[DrawnLine], spec: DepthSpec, log_steps: bool, label: str) -> None:
        """Draw a quantity of these lines of training; ``label`` is what it is called on axes, with its unit."""
        self._lines = tuple(line for line in lines if line.series)
        self._spec, self._label, self._log_steps = spec, label, log_steps
        self._strips = {line.number: strip_of(line, spec.quantity) for line in self._lines}
        self._redraw()

    def set_reference(self, values: Sequence[float]) -> None:
        """Mark values of the first layers in the profile, to compare with."""
        x = self._scaled(np.array(values, dtype=float))
        self._reference.setData(x=x, y=np.arange(1, len(values) + 1, dtype=float))

    def set_compact(self, compact: bool) -> None:
        """Without profile and course too."""
        super().set_compact(compact)
        self._redraw()

    # --- drawing -----------------------------------------------------------------------------------------------------

    def _redraw(self) -> None:
        known = self._known
        places = [step_places(s.steps, self._log_steps) for s in known]
        placed = np.concatenate(places) if places else np.empty(0)
        placed = placed[np.isfinite(placed)]
        self.set_empty(not len(placed))
        if not len(placed):
            self._named = False  # nothing is drawn that another height would change
            return
        for axis in (self._bottom, self._below):
            axis.set_logarithmic(self._log_steps)
        for axis in (self._left, self._across):
            axis.set_logarithmic(self._spec.logarithmic)
        low, high = float(placed.min()), float(placed.max())
        span = (low, high) if high > low else (low - 0.5, high + 0.5)
        numbers = [n for s in known for n in s.numbers]
        depth = (min(numbers) - 0.5, max(numbers) + 0.5)
        ends = self._ends(known)
        self._rebuild()
        self._span, self._depth = span, depth
        self._name_layers()
        self._draw_strips(ends)
        self._draw_curves(ends)
        for plot in (self.strip, self.course):
            plot.setXRange(*span, padding=0)
        self.profile.setYRange(*depth, padding=0)
        self._fit()

    @property
    def _known(self) -> list[Strip]:
        return [s for s in self._strips.values() if s.known]

    def _ends(self, known: Sequence[Strip]) -> Ends:
        if self._spec.lock:
            return self._spec.low, self._spec.high
        return robust_range(known, self._spec.logarithmic) or (0.1, 1.0)

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        """Values as they stand on axes: not a number where they have no place."""
        return log10(values) if self._spec.logarithmic else np.where(np.isfinite(values), values, np.nan)

    @property
    def _front(self) -> DrawnLine:
        return next((line for line in self._lines if line.front), self._lines[0])

    def _draw_strips(self, ends: Ends) -> None:
        """The strips of all lines, one below the other, and the scale of their colours."""
        lines = [line for line in stacked(self._lines) if self._strips[line.number].numbers] or [self._front]
        self._named = len(lines) > 1
        if not fits(len(lines), self._depth[1] - self._depth[0], self.strip.getViewBox().height(), self._text_height):
            lines = [self._front]
        low, high = self._scaled(np.array(ends))
        self._stack_up(lines)
        for place, image in zip(self._stack, self.images, strict=False):
            self._draw_strip(place, image, low, high)
        here, span = step_place(self._front.step, self._log_steps), self._span
        self._now.setVisible(bool(span[0] <= here <= span[1]))
        self._now.setPos(here if np.isfinite(here) else span[0])
        edges = np.linspace(low, high, BANDS + 1)
        shown = [self._strips[line.number] for line in lines]
        self._ticks = scale_ticks(*ends, beyond(shown, *ends), self._spec.logarithmic)
        self.bar.set_bands(edges, self.images[0].colours(np.linspace(0, 1, BANDS)), self._ticks, "")

    def _draw_strip(self, place: Place, image: StripImage, low: float, high: float) -> None:
        line, offset, span = place.line, place.offset, self._span
        strip = self._strips[line.number]
        places = step_places(strip.steps, self._log_steps)
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.log10(np.maximum(strip.values, 0)) if self._spec.logarithmic else strip.values
        shares = np.where(np.isfinite(strip.values), np.clip((values - low) / (high - low), 0, 1), np.nan)
        there = places[np.isfinite(places)]
        image.set(strip, places, _extent(there, span), shares, offset)
        here = step_place(line.step, self._log_steps)
        depth = self._depth[0] + offset, self._depth[1] + offset
        image.mark(here if span[0] <= here <= span[1] else np.inf, span, self._spec.layer + offset, depth)

    def _stack_up(self, lines: Sequence[DrawnLine]) -> None:
        """Places for the strips of these lines, and their names above them where there are several."""
        count, high = len(lines), self._depth[1] - self._depth[0]
        gap = gap_for(count, high, self.strip.getViewBox().height(), self._text_height) if self._named else 0.0
        self._stack = places_of(lines, high, gap)
        while len(self.images) < count:
            self.images.append(StripImage(self.strip))
            self.images[-1].dress(self.theme)
        for image in self.images[count:]:
            image.clear()
        while len(self._titles) < count:
            self._titles.append(pg.TextItem(anchor=(0.0, 1.0)))
            self.strip.addItem(self._titles[-1], ignoreBounds=True)
        for title in self._titles:
            title.setVisible(False)
        for place, title in zip(self._stack if self._named else (), self._titles, strict=False):
            font = self.theme.font(0.92)
            font.setBold(place.line.front)
            title.setFont(font)
            title.setText(place.line.name, self.courses.item(place.line).opts["pen"].color())
            title.setPos(self._span[0], self._depth[0] + place.offset)
            title.setVisible(True)
        self.strip.setYRange(self._depth[0] - gap, self._depth[1] + self._stack[-1].offset, padding=0)

    @property
    def _text_height(self) -> float:
        """Pixels that the name of a line takes."""
        return 1.25 * QFontMetricsF(self.theme.font(0.92)).height()

    def _stack_again(self) -> None:
        """Names of lines are as high as their text, whatever the height of the picture."""
        if self._named and self._strips and not self.closed:
            self._draw_strips(self._ends(self._known))
        self._thin_texts()

    def _draw_curves(self, ends: Ends) -> None:
        for number in self.courses.curves:
            line = next(m for m in self._lines if m.number == number)
            strip, here = self._strips[number], step_place(line.step, self._log_steps)
            self.profiles.set_line(number, *self._profile(strip, line.step))
            self.courses.set_line(number, *self._course(strip), here)
        fans = fans_of(self._lines)
        for fan in self.courses.fans:
            self._draw_fan(fan, fans[fan])
        if self._spec.lock:
            low, high = self._scaled(np.array(ends))
            self.profile.setXRange(low, high, padding=0.04)
            self.course.setYRange(low, high, padding=0.04)
        else:
            self.profile.getViewBox().enableAutoRange(x=True)
            self.course.getViewBox().enableAutoRange(y=True)
        label_axis(self.profile, "bottom", self._label)
        label_axis(self.course, "left", f"{'row' if self._spec.by_time else 'layer'} {self._spec.layer}")

    def _draw_fan(self, fan: int, members: Sequence[DrawnLine]) -> None:
        step = max(m.step for m in members)
        found = fan_strip_of(members, self._spec.quantity)
        parts = (found.low, found.median, found.high)
        each = [(m, self._strips[m.number]) for m in members]
        ways = (
            (self.profiles, [self._profile(p, step) for p in parts], [self._profile(s, m.step) for m, s in each]),
            (self.courses, [self._course(p) for p in parts], [self._course(s) for _, s in each]),
        )
        for curves, drawn, own in ways:
            low, median, high = (values for _, values in drawn)
            named = [Member(m.name, *points) for m, points in zip(members, own, strict=True)]
            curves.set_fan(fan, drawn[0][0], (low, median, high), named, step_place(step, self._log_steps))

    def _profile(self, strip: Strip, step: int) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of the layers, and the values there at the last measured step up to ``step``, as they stand."""
        if not strip.known:
            return np.empty(0), np.empty(0)
        return np.array(strip.numbers, dtype=float), self._scaled(strip.values[:, strip.nearest(step)])

    def _course(self, strip: Strip) -> tuple[np.ndarray, np.ndarray]:
        """The places of the steps, and the chosen layer's values there, as they stand."""
        if not strip.known:
            return np.empty(0), np.empty(0)
        return step_places(strip.steps, self._log_steps), self._scaled(strip.row(self._spec.layer))

    def _rebuild(self) -> None:
        wanted = tuple((m.number, m.style, m.past, m.fan, m.name) for m in self._lines)
        if wanted == self._drawn:
            return
        self._drawn = wanted
        for curves in (self.profiles, self.courses):
            curves.rebuild(self._lines, self.theme)
        self.legend.clear()
        first = {m.style: m for m in reversed(self._lines)}
        for style in dict.fromkeys(m.style for m in self._lines) if len(first) > 1 else ():
            name = self.courses.name(first[style])
            self.legend.addItem(
                self.courses.item(first[style]), name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
            )
        dress_legend(self.legend, self.theme)
        fit_legend(self.legend)

    # --- room --------------------------------------------------------------------------------------------------------

    def _name_layers(self) -> None:
        deepest = max(self._lines, key=lambda m: max(self._strips[m.number].numbers, default=0))
        numbers = sorted({n for s in self._strips.values() for n in s.numbers})
        self._texts = [(n, row_name(n, self._spec.quantity, deepest.layers)) for n in numbers]
        label_axis(self.strip, "left", "time step" if self._spec.by_time else "")

    def _fit(self) -> None:
        """Leave out what there is no room for, and write as many names of layers as there is room for."""
        if not self._texts or self.closed:
            return
        size = self.theme.font_size
        metrics = QFontMetricsF(self.theme.font(0.92))
        room = NAME_SHARE * self.width()
        texts = [(n, metrics.elidedText(text, Qt.TextElideMode.ElideRight, room)) for n, text in self._texts]
        beside = 2.8 * size + (metrics.height() if self._spec.by_time else 0.0)
        width = max(7.0 * size, max(metrics.horizontalAdvance(t) for _, t in texts) + beside)
        for axis in (self._names, self._left):
            axis.setWidth(width)
        many = len(self._stack) > 1  # then the profile's layers stand at other heights than the strips'
        self.profile.getAxis("left").setStyle(showValues=many)
        self.profile.getAxis("left").setWidth(2.6 * size if many else 6)
        whole = self.body.size()
        with_course = not self._compact and whole.height() >= LEAST_HEIGHT * size / 9
        with_course = with_course and not self._wants_all(whole.height())
        with_profile = not self._compact and whole.width() >= LEAST_WIDTH * size / 9
        with_scale = whole.width() >= LEAST_SCALE * size / 9
        self._place(self.bar, 0, 1, with_scale)
        self._place(self.profile, 0, 2, with_profile)
        self._place(self.course, 1, 0, with_course)
        self._place(self.legend, 1, 1, with_course and len(self.legend.items) > 1)
        self.body.layout.setRowStretchFactor(0, 6 if self._named else 3)  # several strips want more height
        self.body.layout.setRowStretchFactor(1, 2 if with_course else 0)
        self.body.layout.setColumnStretchFactor(2, 5 if with_profile else 0)
        steps = "training step" if self._spec.by_time else "step"
        steps += " (logarithmic; step 0 left out)" if self._log_steps else ""
        label_axis(self.course, "bottom", steps)
        label_axis(self.strip, "bottom", "" if with_course else steps)
        height = (2.2 if with_course and not with_profile else 4.2) * size
        for axis in (self._bottom, self._across):
            axis.setHeight(height)
        self.bar.align(self.strip)
        self._texts_fitted = texts
        self._thin_texts()

    def _wants_all(self, height: float) -> bool:
        """Whether the strips of all lines fit, but not with a course below them: then that gives way."""
        count, high = len(stacked(self._lines)), self._depth[1] - self._depth[0]
        size, text = self.theme.font_size, self._text_height
        beside = STRIPS_SHARE * height - COURSE_AXES * size
        room = not fits(count, high, beside, text) and fits(count, high, height - STRIP_AXES * size, text)
        return count > 1 and room

    def _place(self, item: pg.GraphicsWidget, row: int, column: int, shown: bool) -> None:
        """Put a part into its place, or take it out: hidden, it would still take its room."""
        if shown == (item in self.body.items):
            return
        item.setVisible(shown)
        if not shown:
            self.body.removeItem(item)
            return
        self.body.addItem(item, row=row, col=column, colspan=2 if item is self.legend else 1)
        for side in ("left", "bottom") if isinstance(item, pg.PlotItem) and item is not self.bar else ():
            item.getAxis(side).show()  # dressed while it was away, an axis has no size until it is shown

    def _thin_texts(self) -> None:
        """Leave out names of layers, and values beside the colours, that would touch others."""
        if not self._ticks or self.closed:
            return
        tall = self.strip.getViewBox().height()
        line = QFontMetricsF(self.theme.font(0.92)).height()
        low, high = (at for at, _ in self._ticks[:2])
        apart = 1.1 * line / max(tall, 1.0)
        rows = self._depth[1] - self._depth[0]
        self.profiles.show_points(self.profile.getViewBox().height() / rows >= DOT * self.theme.font_size / 9)
        texts = [*self._texts_fitted[:1], *self._texts_fitted[1:][-1:], *self._texts_fitted[1:-1]]  # the ends first
        bottom, top = self.strip.viewRange()[1]
        names = _spaced([(n + p.offset, t) for p in self._stack for n, t in texts], apart * (top - bottom))
        self._names.setTicks([names, []])
        many = len(self._stack) > 1
        alone = _spaced([(n, str(n)) for n, _ in texts], apart * rows)
        self.profile.getAxis("left").setTicks([alone if many else [(n, "") for n, _ in names], []])
        self.bar.getAxis("right").setTicks([_spaced(self._ticks, apart * (high - low)), []])

    # --- what the person does ----------------------------------------------------------------------------------------

    def _point_at(self, where: QPointF) -> None:
        """Show the member of a fan that the pointer is at."""
        for curves in (self.profiles, self.courses):
            curves.point_at(where)

    def _clicked(self, event: Any) -> None:
        if event.button() != Qt.MouseButton.LeftButton or not self._texts:
            return
        where: QPointF = event.scenePos()
        in_strip = self.strip.getViewBox().sceneBoundingRect().contains(where)
        placed = [i for i in (self.profile, self.course) if i in self.body.items]
        beside = any(i.sceneBoundingRect().contains(where) for i in (self._names, *placed) if i is not self.course)
        below = self.course in placed and self.course.getViewBox().sceneBoundingRect().contains(where)
        if in_strip or beside:
            in_profile = not in_strip and self.profile.sceneBoundingRect().contains(where)
            row = (self.profile if in_profile else self.strip).getViewBox().mapSceneToView(where).y()
            places = self._stack[:1] if in_profile else self._stack
            numbers = [n for n, _ in self._texts]
            self.layer_requested.emit(place_at(places, row, numbers[0], numbers[-1])[1])
        if in_strip or below:
            strip = self._strips[self._front.number]
            away = np.abs(step_places(strip.steps, self._log_steps) - self.strip.getViewBox().mapSceneToView(where).x())
            if np.isfinite(away).any():
                self.step_requested.emit(int(strip.steps[int(np.nanargmin(away))]))

    def table(self) -> dict[str, np.ndarray]:
        """Step, and the quantity in each layer; several lines in turn."""
        strips = [(m.name, self._strips[m.number]) for m in self._lines]
        strips = [(name, s) for name, s in strips if s.numbers]
        if not strips:
            return {}
        found: dict[str, np.ndarray] = {}
        if len(self._lines) > 1:
            found["run"] = np.concatenate([np.full(len(s.steps), name) for name, s in strips])
        found["step"] = np.concatenate([s.steps for _, s in strips])
        for n in sorted({n for _, s in strips for n in s.numbers}):
            found[f"{self._spec.quantity}_{n}"] = np.concatenate([s.row(n) for _, s in strips])
        return found


def _spaced(ticks: Sequence[tuple[float, str]], apart: float) -> list[tuple[float, str]]:
    """The first of these, and of the others those that are so far from all that came before.

    >>> _spaced([(1.0, "a"), (5.0, "b"), (1.5, "c"), (3.0, "d")], 1.0)
    [(1.0, 'a'), (5.0, 'b'), (3.0, 'd')]
    """
    found: list[tuple[float, str]] = []
    for at, text in ticks:
        if all(abs(at - other) >= apart for other, _ in found):
            found.append((at, text))
    return found


def _extent(places: np.ndarray, span: Ends) -> Ends:
    """From where to where a strip goes whose steps stand at these places, in a plot that goes from end to end of span.

    One of a single step is a narrow column there, unless there is no other step in the plot.
    """
    if not len(places):
        return span
    low, high = float(places.min()), float(places.max())
    if high > low:
        return low, high
    if span == (low - 0.5, low + 0.5):
        return span
    half = SINGLE * (span[1] - span[0])
    return max(span[0], low - half), min(span[1], low + half)


def scale_ticks(low: float, high: float, outside: tuple[bool, bool], logarithmic: bool) -> list[tuple[float, str]]:
    """Places and texts beside the colours from ``low`` to ``high``: the ends, and between them what is round.

    ``outside``: whether values below and above are drawn in the colours of the ends, which is said then.

    >>> scale_ticks(0.5, 200.0, (True, False), True)
    [(-0.301..., '≤ 0.5'), (2.301..., '200'), (0.0, '1'), (1.0, '10'), (2.0, '100')]
    """
    first, last = (np.log10(low), np.log10(high)) if logarithmic else (low, high)
    below, above = ("≤ " * outside[0], "≥ " * outside[1])
    found = [(float(first), below + short(float(f"{low:.2g}"))), (float(last), above + short(float(f"{high:.2g}")))]
    if logarithmic:
        every = max(1, int(np.ceil((last - first) / 4)))
        between = [(float(e), power_of_ten(e)) for e in range(int(np.ceil(first)), int(last) + 1) if e % every == 0]
    else:
        between = [(first + k * (last - first) / 4, f"{first + k * (last - first) / 4:.2g}") for k in (1, 2, 3)]
    return found + [(at, text) for at, text in between if first < at < last]
