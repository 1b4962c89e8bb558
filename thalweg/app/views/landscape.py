"""The loss, or the accuracy, on a plane through the parameters: bands, contour lines, and the optimiser's path."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import QEvent, QPointF, QRect, pyqtSignal
from PyQt6.QtGui import QColor

from thalweg.app.telling import Phase
from thalweg.app.theme import LINE_STYLES, ON_MAP, Theme
from thalweg.app.views.axes import FittingAxis
from thalweg.app.views.colour_bar import ColourBar
from thalweg.app.views.contour_items import Bands, PathLine
from thalweg.app.views.contour_lines import Lines, ink_on
from thalweg.app.views.figure import Figure, axis_text, dress_axes, label_axis
from thalweg.app.views.level_bands import level_bands, told_apart
from thalweg.app.views.map_table import map_table
from thalweg.app.views.readout import Readout, reading
from thalweg.app.views.rings import Rings
from thalweg.app.views.slope_arrows import SlopeArrows
from thalweg.app.views.step_arrows import StepArrows
from thalweg.app.views.zoom_box import ZoomBox
from thalweg.core.messages import Map, Path

Ranges = tuple[tuple[float, float], tuple[float, float]]

WAY_BACK = "zoomed in; double-click shows the whole plane"


class LandscapeFigure(Figure):
    """A filled contour map with its colour scale."""

    title = "Landscape"
    zoom_requested = pyqtSignal(object, object)
    """The person wants these ranges (low, high) of the horizontal and of the vertical axis."""
    start_requested = pyqtSignal(float, float, bool)
    """On a surface: descend from here; whether that is where it is to stay."""
    whole_requested = pyqtSignal()
    """The person wants the whole plane again."""

    def __init__(self) -> None:
        super().__init__()
        self.box = ZoomBox()
        self.plot = self.body.addPlot(
            row=0,
            col=0,
            enableMenu=False,
            viewBox=self.box,
            axisItems={side: FittingAxis(side) for side in ("left", "bottom")},
        )
        self.bar = ColourBar()
        self.body.addItem(self.bar, row=0, col=1)
        self.body.layout.setColumnStretchFactor(0, 1)
        self._bands, self._arrows, self.path = Bands(), SlopeArrows(), PathLine()
        self.rings, self.step = Rings(), StepArrows()
        self._lines = Lines(self._arrows)
        for item in (self._bands, self._lines, self._arrows, self.path, self.rings, self.step):
            self.plot.addItem(item)
        self.step.setZValue(2)
        self.plot.hideButtons()
        self.readout = Readout(self.viewport())
        self._pointer: QPointF | None = None
        self.scene().sigMouseMoved.connect(self._point_at)
        self.box.sigResized.connect(self._read)
        self.box.zoom_requested.connect(self.zoom_requested)
        self.box.place_requested.connect(self._start_at)
        self.box.whole_requested.connect(self.whole_requested)
        self.others: list[PathLine] = []
        self._beside: tuple[tuple[Path, int], ...] = ()
        self._map: Map | None = None
        self._path: Path | None = None
        self._zoom: Ranges | None = None
        self._log, self._count, self._unit = False, 16, "1"
        self._quantity, self._labels, self._downhill = "loss", True, False
        self._levels = np.empty(0)

    def set_theme(self, theme: Theme) -> None:
        """Dress map, lines and path."""
        super().set_theme(theme)
        dress_axes(self.plot, theme)
        self.bar.set_theme(theme)
        self.readout.set_theme(theme)
        self._colours = pg.colormap.get(theme.colour_map)
        self._lines.set_style(pg.mkPen(QColor(0, 0, 0, 150), width=1), theme.font(0.88))
        self._arrows.set_scale(theme.font_size / 9)
        self.path.set_style(0.3 + theme.line_width)
        self.step.set_style(0.3 + theme.line_width, theme.font())
        self.rings.set_style(0.3 + theme.line_width, self.path.reach)
        self._dress_others()
        if self._map:
            self._draw(self._map)

    def set_map(
        self,
        found: Map | None,
        log: bool,
        count: int,
        unit: str,
        quantity: str = "loss",
        labels: bool = True,
        arrows: bool = False,
    ) -> None:
        """Draw loss or accuracy with about ``count`` levels, their values on the lines, arrows; None clears."""
        self._map, self._unit, self._log, self._count = found, unit, log, count
        self._quantity, self._labels, self._downhill = quantity, labels, arrows
        self.set_empty(found is None)
        if found is None:
            self._bands.clear()
            self._arrows.clear()
            self._lines.set(np.empty(0), np.empty(0), np.empty((0, 0)), np.empty(0))
        else:
            for name, label, axis_unit in zip(("bottom", "left"), found.labels, found.units, strict=True):
                label_axis(self.plot, name, axis_text(label, axis_unit))
            self._look()
            self.bar.align(self.plot)
            self._draw(found)
        self._read()

    def set_path(self, path: Path | None) -> None:
        """Draw the path; None clears it."""
        self._path = path
        points = _points(path)
        self.path.set(*points.T)
        self._clear_values()
        held = self._map is not None and self._map.surface and len(points) > 0
        self.box.handle = QPointF(*points[0]) if held else None
        self._read()

    def set_theory(self, places: np.ndarray | None) -> None:
        """Draw rings at the places [n, 2] where theory puts the steps of the path; None for none."""
        self.rings.set(np.empty((0, 2)) if places is None else places)
        self._clear_values()

    def _clear_values(self) -> None:
        """Have no value on a line where a marker or a ring is."""
        self._lines.set_course(_points(self._path), self.path.reach, self.rings.points, self.rings.reach)

    def set_phase(self, phase: Phase | None) -> None:
        """Draw the arrows of this phase of a step; None: nothing."""
        self.step.set(phase)

    def set_equal(self, equal: bool) -> None:
        """Whether a unit is equally long on both axes, so that right angles look right."""
        self.box.setAspectLocked(equal, 1.0)
        self._look()
        self._read()

    def set_others(self, paths: tuple[tuple[Path, int], ...]) -> None:
        """Draw the paths of other lines of training, each with the number of its style, behind the path."""
        self._beside = paths
        while len(self.others) > len(paths):
            self.plot.removeItem(self.others.pop())
        while len(self.others) < len(paths):
            self.others.append(PathLine())
            self.others[-1].setZValue(0.5)
            self.plot.addItem(self.others[-1])
        for item, (path, _) in zip(self.others, paths, strict=True):
            item.set(path.alpha, path.beta)
        for front in (self.path, self.rings):
            front.setZValue(1)
        self._dress_others()

    def _dress_others(self) -> None:
        for item, (_, style) in zip(self.others, self._beside, strict=True):
            colour = QColor(ON_MAP[style % len(ON_MAP)])
            item.set_style(0.1 + self.theme.line_width, colour, LINE_STYLES[style % len(LINE_STYLES)], style)

    def set_zoom(self, zoom: Ranges | None) -> None:
        """Show these ranges, with what there is of the map until one of them arrives; None: the whole map."""
        self._zoom = zoom
        self._look()
        self._read()

    def _look(self) -> None:
        if self._map is not None:
            m = self._map
            self.box.show_ranges(*(self._zoom or ((m.x[0], m.x[-1]), (m.y[0], m.y[-1]))))

    def _draw(self, found: Map) -> None:
        x, y, z = quantity_of(found, self._quantity)
        bands = level_bands(z, self._count, self._log and self._quantity == "loss")
        shown, inner, edges, self._levels = bands.shown, bands.inner, bands.edges, bands.values
        if self._downhill:
            self._arrows.set(found.x, found.y, found.loss)
        else:
            self._arrows.clear()
        if not len(edges):  # all hatched
            nothing = np.empty(0)
            self._bands.set(x, y, shown, nothing, [])
            self._lines.set(x, y, shown, nothing)
            self.bar.set_bands(np.array([0.0, 1.0]), [QColor(self.theme.base)], [], f"{self._quantity} is not finite")
            return
        colours = [QColor(*c) for c in self._colours.map(np.linspace(0, 1, len(edges) - 1))]
        self._bands.set(x, y, shown, edges, colours)
        between = np.searchsorted(edges, inner).tolist()  # the number of the band above each level
        inks = [ink_on(*colours[max(0, k - 1) : k + 1]) for k in between]
        self._lines.set(x, y, shown, inner, told_apart(bands.values) if self._labels else (), inks)
        self.bar.set_bands(edges, colours, bands.ticks(), self._bar_label(bands.log))

    def _start_at(self, x: float, y: float, done: bool) -> None:
        if self._map is not None and self._map.surface:
            self.start_requested.emit(x, y, done)

    def _bar_label(self, log: bool) -> str:
        if self._map is not None and self._map.surface:
            return f"C(x, y) ({'log' if log else 'linear'} levels)"
        if self._quantity == "accuracy":
            return "training accuracy (%)"
        unit = f", {self._unit}" if self._unit != "1" else ""
        return f"training loss ({'log' if log else 'linear'} levels{unit})"

    # --- what is read under the pointer ------------------------------------------------------------------------------

    def _point_at(self, where: QPointF) -> None:
        self._pointer = where
        self._read()

    def viewportEvent(self, event: QEvent | None) -> bool:
        """Nothing is pointed at once the pointer has left."""
        if event is not None and event.type() == QEvent.Type.Leave:
            self._pointer = None
            self._read()
        return bool(super().viewportEvent(event))

    def _read(self) -> None:
        if self.closed:  # the scene is gone, and what was in it
            return
        area = self.box.sceneBoundingRect()
        place = QRect(self.mapFromScene(area.topLeft()), self.mapFromScene(area.bottomRight()))
        lines, pointer = [], None
        if self._pointer is not None and self._map is not None and area.contains(self._pointer):
            pointer = self.mapFromScene(self._pointer)
            at = self.box.mapSceneToView(self._pointer)
            pixel = self.box.viewPixelSize()
            lines = [reading(self._map, self._path, (at.x(), at.y()), pixel), *[WAY_BACK] * (self._zoom is not None)]
        self.readout.show_text("\n".join(lines), place, pointer)

    def table(self) -> dict[str, np.ndarray]:
        """One row for each grid point and each point of the path, whose loss is not known here (NaN)."""
        return map_table(self._map, self._path)


def _points(path: Path | None) -> np.ndarray:
    return np.empty((0, 2)) if path is None else np.stack([path.alpha, path.beta], axis=1)


def quantity_of(found: Map, quantity: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Grid lines x and y, and the loss, or the accuracy in per cent, at their crossings.

    The accuracy is known only where it was computed, so until a map is complete its grid is the coarse one. Where the
    loss is not finite the outputs are no scores, and there is no accuracy either.
    """
    if quantity == "loss":
        return found.x, found.y, found.loss
    known = np.isfinite(found.accuracy)
    rows, columns = known.any(axis=1), known.any(axis=0)
    if not found.complete and rows.sum() > 1 and columns.sum() > 1:
        part = np.ix_(rows, columns)
        return found.x[columns], found.y[rows], _per_cent(found.accuracy[part], found.loss[part])
    return found.x, found.y, _per_cent(found.accuracy, found.loss)


def _per_cent(accuracy: np.ndarray, loss: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(loss), 100 * accuracy, np.nan)
