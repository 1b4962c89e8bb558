"""The loss on a plane through the parameters as a surface in space, with the optimiser's path on it."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import QEvent, QPointF, QRectF, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QColor, QKeyEvent, QMouseEvent, QWheelEvent
from PyQt6.QtWidgets import QGraphicsItem, QSizePolicy

from thalweg.app.theme import Theme
from thalweg.app.views.axes_box import HEIGHT, AxesBox, Axis
from thalweg.app.views.camera import Camera, Placing
from thalweg.app.views.colour_bar import ColourBar
from thalweg.app.views.figure import Figure, axis_text
from thalweg.app.views.height_field import HeightField
from thalweg.app.views.level_bands import LevelBands, level_bands
from thalweg.app.views.map_table import map_table
from thalweg.app.views.surface_items import DrapedPath, Sheet
from thalweg.core.landscape.contours import levels
from thalweg.core.messages import Map, Path
from thalweg.core.scene.spec import bounds_of
from thalweg.core.scene.view import CameraSpec

DEGREES_PER_PIXEL = 0.4
KEYS = {
    Qt.Key.Key_Left: (5.0, 0.0),
    Qt.Key.Key_Right: (-5.0, 0.0),
    Qt.Key.Key_Up: (0.0, -5.0),
    Qt.Key.Key_Down: (0.0, 5.0),
}
"""Degrees of azimuth and elevation: the surface's front goes where the arrow points."""

_LIMITS = {name: bounds_of(field) for name, field in CameraSpec.model_fields.items()}

SETTLE = 350
"""Milliseconds without a turn of the wheel or a key, after which the camera counts as set."""


class Stage(pg.GraphicsWidget):
    """The room that box, sheet and path are drawn in; what leaves it is cut off."""

    resized = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFlag(QGraphicsItem.GraphicsItemFlag.ItemClipsChildrenToShape)
        self.box, self.sheet, self.path = AxesBox(), Sheet(), DrapedPath()
        for item in (self.box, self.sheet, self.path):
            item.setParentItem(self)

    def boundingRect(self) -> QRectF:
        """The area of the widget."""
        return QRectF(self.rect())

    def resizeEvent(self, event: object) -> None:
        """Tell the figure, which places everything anew."""
        self.resized.emit()


class SurfaceFigure(Figure):
    """A surface in parallel projection, with its colour scale; turned by the mouse."""

    title = "3-D surface"
    turned = pyqtSignal(float, float, float)
    """Azimuth, elevation (degrees) and magnification, when the person has finished turning."""

    def __init__(self) -> None:
        super().__init__()
        self.stage, self.bar = Stage(), ColourBar()
        self.body.addItem(self.stage, row=0, col=0)
        self.body.addItem(self.bar, row=0, col=1)
        self.body.layout.setColumnStretchFactor(0, 1)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.stage.setToolTip("Drag to turn, wheel to magnify, double-click to look from where it began")
        self._map: Map | None = None
        self._path: Path | None = None
        self._log, self._count, self._unit = False, 16, "1"
        self._field: HeightField | None = None
        start = CameraSpec()
        self._camera, self._zoom = Camera(start.azimuth, start.elevation), start.zoom
        self._dragged: QPointF | None = None
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.setInterval(SETTLE)
        self._settling.timeout.connect(self._settle)
        self.stage.resized.connect(self._place)

    # --- setters -----------------------------------------------------------------------------------------------------

    def set_theme(self, theme: Theme) -> None:
        """Dress box, sheet and path."""
        super().set_theme(theme)
        self.bar.set_theme(theme)
        self._colours = pg.colormap.get(theme.colour_map)
        self.stage.box.set_theme(theme)
        self.stage.path.set_style(0.3 + theme.line_width)
        if self._map:
            self._draw(self._map)
        self._place()

    def set_map(self, found: Map | None, log: bool, count: int, unit: str) -> None:
        """Draw a landscape with about ``count`` levels, heights linear or logarithmic; None clears the picture."""
        self._map, self._log, self._count, self._unit = found, log, count, unit
        self.set_empty(found is None)
        if found is None:
            self._field = None
            self.stage.sheet.set(None, np.empty(0), [])
            self._lay_path()
        else:
            self._draw(found)

    def set_path(self, path: Path | None) -> None:
        """Draw the path; None clears it."""
        self._path = path
        self._lay_path()

    def set_camera(self, azimuth: float, elevation: float, zoom: float) -> None:
        """Look from here, unless the person is turning the surface just now."""
        if self._dragged is None and not self._settling.isActive():
            self._look(Camera(azimuth, elevation), zoom)

    @property
    def camera(self) -> tuple[float, float, float]:
        """Azimuth, elevation and magnification on screen."""
        return self._camera.azimuth, self._camera.elevation, self._zoom

    def table(self) -> dict[str, np.ndarray]:
        """One row for each grid point and each point of the path, as for the map."""
        return map_table(self._map, self._path)

    # --- drawing -----------------------------------------------------------------------------------------------------

    def _draw(self, found: Map) -> None:
        bands = level_bands(found.loss, self._count, self._log)
        edges = bands.edges
        colours = [QColor(*c) for c in self._colours.map(np.linspace(0, 1, max(len(edges) - 1, 1)))]
        if len(edges):
            name = "C(x, y)" if found.surface else "training loss"
            scale = f"{'log' if bands.log else 'linear'} levels" + (f", {self._unit}" if self._unit != "1" else "")
            self.bar.set_bands(edges, colours, bands.ticks(), f"{name} ({scale})")
        else:
            self.bar.set_bands(np.array([0.0, 1.0]), [QColor(self.theme.base)], [], "loss is not finite")
        self._field = height_field(bands, found.x, found.y)
        self.stage.sheet.set(self._field, _in_box(edges, bands), colours)
        self.stage.box.set_axes(*self._axes(found, bands))
        self._lay_path()
        self._place()

    def _axes(self, found: Map, bands: LevelBands) -> tuple[Axis, Axis, Axis]:
        level = []
        for values, label, unit in zip((found.x, found.y), found.labels, found.units, strict=True):
            low, high = float(values[0]), float(values[-1])
            ticks = levels(np.array([low, high]), 7, False)
            level.append(
                Axis(tuple((float((t - low) / (high - low)), f"{t:g}") for t in ticks), axis_text(label, unit))
            )
        name = "C(x, y)" if found.surface else "training loss"
        if not len(bands.edges):
            return level[0], level[1], Axis()
        shares = [(float(_in_box(np.array([at]), bands)[0] / HEIGHT), text) for at, text in bands.ticks()]
        notes = [self._unit] * (self._unit != "1") + ["log"] * bands.log
        return level[0], level[1], Axis(tuple(shares), name + f" ({', '.join(notes)})" * bool(notes))

    def _lay_path(self) -> None:
        m, path = self._map, self._path
        if m is None or path is None:
            self.stage.path.lay(None, np.empty(0), np.empty(0))
            return
        alpha, beta = ((w - a[0]) / (a[-1] - a[0]) - 0.5 for w, a in ((path.alpha, m.x), (path.beta, m.y)))
        self.stage.path.lay(self._field, alpha, beta)

    def _look(self, camera: Camera, zoom: float) -> None:
        self._camera, self._zoom = camera, zoom
        self._place()

    def _place(self) -> None:
        """The box in the middle of its room, as large as it can be turned round in at this elevation."""
        stage, area = self.stage, self.stage.boundingRect()
        left, top, right, bottom = stage.box.margins()
        width, height = area.width() - left - right, area.height() - top - bottom
        up = float(self._camera.project(np.array([0, 0, HEIGHT]))[1])
        tall = 2**0.5 * self._camera.towards[2] + up
        fitting = max(20.0, min(width / 2**0.5, height / tall)) * self._zoom
        for share in (1.0, 0.9, 0.8, 0.7):  # smaller where large texts would else leave an axis without a name
            scale = share * fitting
            placing = Placing(self._camera, scale, (left + width / 2, top + height / 2 + scale * up / 2))
            stage.box.set_placing(placing, area)
            if stage.box.named or self._zoom > 1:
                break
        stage.sheet.set_placing(placing, area, self._dragged is not None or self._settling.isActive())
        stage.path.set_placing(placing, area)

    # --- turning -----------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Begin to turn."""
        if event and event.button() == Qt.MouseButton.LeftButton and self._on_stage(event.position()):
            self._dragged = event.position()
            self.viewport().setCursor(Qt.CursorShape.ClosedHandCursor)
        else:
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Turn: what is in front follows the mouse."""
        if event is None or self._dragged is None:
            super().mouseMoveEvent(event)
            return
        way = (event.position() - self._dragged) * DEGREES_PER_PIXEL
        self._dragged = event.position()
        self._turn(-way.x(), way.y())

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """Say where the person looks from now."""
        if self._dragged is None:
            super().mouseReleaseEvent(event)
            return
        self._dragged = None
        self.viewport().unsetCursor()
        self._settle()

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        """Look from where a new scene does."""
        if event and self._on_stage(event.position()):
            start = CameraSpec()
            self._dragged = None
            self._look(Camera(start.azimuth, start.elevation), start.zoom)
            self._settle()

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Magnify."""
        if event is None or not self._on_stage(event.position()):
            return
        self._settling.start()
        zoom = self._zoom * 1.1 ** (event.angleDelta().y() / 120)
        self._look(self._camera, round(_within("zoom", zoom), 2))
        event.accept()

    def event(self, event: QEvent | None) -> bool:
        """Keep the arrow keys while the surface has the focus; elsewhere they belong to the player."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride and event.key() in KEYS:
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Turn by five degrees."""
        if event is None or event.key() not in KEYS:
            super().keyPressEvent(event)
            return
        self._settling.start()
        self._turn(*KEYS[Qt.Key(event.key())])

    def _turn(self, azimuth: float, elevation: float) -> None:
        """Further round by these degrees."""
        to = self._camera.elevation + elevation
        around = (self._camera.azimuth + azimuth + 180) % 360 - 180
        self._look(Camera(round(around, 1), round(_within("elevation", to), 1)), self._zoom)

    def _settle(self) -> None:
        self._settling.stop()
        self._place()
        self.turned.emit(*self.camera)

    def _on_stage(self, at: QPointF) -> bool:
        return bool(self.stage.sceneBoundingRect().contains(self.mapToScene(at.toPoint())))


def _within(name: str, value: float) -> float:
    """The value, or the nearest that the camera's field accepts."""
    low, high = _LIMITS[name]
    return min(max(value, low or 0.0), high or value)


def height_field(bands: LevelBands, x: np.ndarray, y: np.ndarray) -> HeightField:
    """The losses at (x[i], y[j]) as heights in a box one by one by HEIGHT.

    The box's own grid is even: a line of the map that is not where an even grid has it is drawn by interpolation.
    """
    heights = _even(_even(_in_box(bands.shown, bands), x).T, y).T
    rows, columns = heights.shape
    return HeightField(np.linspace(-0.5, 0.5, columns), np.linspace(-0.5, 0.5, rows), heights)


def _even(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Values [n, m] at places [m] along each row, at as many evenly spaced places; linear between neighbours."""
    even = np.linspace(places[0], places[-1], len(places))
    if np.allclose(places, even, rtol=0, atol=1e-9 * (places[-1] - places[0])):
        return values
    out: np.ndarray = np.stack([np.interp(even, places, row) for row in values])
    return out


def _in_box(values: np.ndarray, bands: LevelBands) -> np.ndarray:
    """Losses as shown, as heights in the box: from 0 at the lowest edge of the bands to HEIGHT at the highest."""
    if not len(bands.edges):
        return np.full(np.shape(values), np.nan)
    low, high = bands.edges[0], bands.edges[-1]
    with np.errstate(invalid="ignore"):
        heights: np.ndarray = HEIGHT * ((values - low) / (high - low))
    return heights
