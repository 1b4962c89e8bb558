"""The parts of a surface in space: the sheet of bands and contour lines, and the optimiser's path on it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import QPointF, QRectF, Qt
from PyQt6.QtGui import QBrush, QColor, QPainter, QPen, QPolygonF
from PyQt6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from thalweg.app.views.camera import Placing
from thalweg.app.views.contour_items import ARROW_SPACING, PathLine, arrow_heads
from thalweg.app.views.height_field import HeightField, cut, slopes

SHADES = 16
"""Steps of brightness, on the upper side and on the lower side."""

LIGHT = np.array([-0.45, 0.65, 0.6]) / np.linalg.norm([-0.45, 0.65, 0.6])
"""Where the light comes from, as the viewer sees it: right, up, towards the viewer."""

FLUID = 61
"""Grid points along an axis, beyond which the sheet is drawn more coarsely while it is turned."""

LINE_DARKER = 220
"""How much darker than its band a contour line is, in per cent."""

DASH = 4.0
"""Length of a dash, and of the gap after it, in logical pixels."""

APART = 2.5
"""Logical pixels: points of the path closer than this on the screen are drawn as one."""

SEAM = 0.6
"""Width of the line, in its own colour, that closes the seam between neighbours in readers that smooth edges."""


class _Pieces:
    """The sheet's pieces of one colour each, in no order yet."""

    def __init__(self, field: HeightField, edges: np.ndarray) -> None:
        corners, cells = field.triangles()
        points, bands, owner, lined = cut(corners, edges)
        rims, whose = field.rims(cells)
        # a rim is a piece without an area, painted after those of its triangle
        self.points = np.concatenate([points, rims[:, [0, 1, 1, 1, 1]]])
        self.bands = np.r_[bands, np.zeros(len(rims), dtype=int)]
        self.lined = np.r_[lined, np.ones(len(rims), dtype=bool)]
        owner = np.r_[owner, whose]
        self._field, self._cells, self._normals = field, cells[owner], slopes(corners)[owner]

    def order(self, towards: np.ndarray) -> np.ndarray:
        return self._field.back_to_front(self._cells, towards)

    def shades(self, axes: np.ndarray) -> np.ndarray:
        """Brightness 0 to SHADES - 1 of each piece; SHADES more where its lower side is seen."""
        seen = self._normals @ axes.T
        below = seen[:, 2] < 0
        lit = np.clip(np.where(below[:, None], -seen, seen) @ LIGHT, 0.0, 1.0)
        shade: np.ndarray = np.minimum((lit * SHADES).astype(int), SHADES - 1) + SHADES * below
        return shade


class Sheet(pg.GraphicsObject):
    """The surface, painted from back to front; kept as pixels on screen, so that the path can move on it cheaply."""

    def __init__(self) -> None:
        super().__init__()
        self._field: HeightField | None = None
        self._edges = np.empty(0)
        self._placing: Placing | None = None
        self._rect, self._turning, self._exporting = QRectF(), False, False
        self._brushes: list[QBrush] = []
        self._lines: list[QPen] = []
        self._pieces: dict[int, _Pieces] = {}

    def set(self, field: HeightField | None, edges: np.ndarray, colours: list[QColor]) -> None:
        """Show this field in bands of these colours; None shows nothing."""
        self._field, self._edges, self._pieces = field, edges, {}
        self._brushes = [QBrush(_shaded(c, k)) for c in colours for k in range(2 * SHADES)]
        # lines are opaque: where two of them meet, half-transparent ones would show a dot
        self._lines = [QPen(QColor(_shaded(c, 0).darker(LINE_DARKER)), 1.0) for c in colours]
        self.update()

    def set_placing(self, placing: Placing, area: QRectF, turning: bool) -> None:
        """Look from here, within this area; ``turning`` asks for speed."""
        if area != self._rect:
            self.prepareGeometryChange()
        self._placing, self._rect, self._turning = placing, area, turning
        self._keep_pixels(not turning)
        self.update()

    def setExportMode(self, on: bool, options: object = None) -> None:
        """Paint every piece itself, for a file."""
        self._exporting = on
        self._keep_pixels(not on)

    def _keep_pixels(self, keep: bool) -> None:
        mode = self.CacheMode.DeviceCoordinateCache if keep else self.CacheMode.NoCache
        if mode != self.cacheMode():
            self.setCacheMode(mode)

    def boundingRect(self) -> QRectF:
        return self._rect

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        if self._field is None or self._placing is None or len(self._edges) < 2:
            return
        camera = self._placing.camera
        pieces = self._cut(self._field)
        order = pieces.order(camera.towards)
        pixels = self._placing.pixels(pieces.points[order])
        # one long polygon made at once, then sliced: five times as fast as one polygon at a time
        polygon = pg.functions.arrayToQPolygonF(pixels[..., 0].ravel(), pixels[..., 1].ravel())
        colours = (pieces.bands * 2 * SHADES + pieces.shades(camera.axes))[order].tolist()
        lined = pieces.lined[order].tolist()
        smooth, nothing = QPainter.RenderHint.Antialiasing, QPen(Qt.PenStyle.NoPen)
        seams = [_seam(b.color()) for b in self._brushes] if self._exporting else []
        # areas are filled without smoothing, which would show a seam between each two of them; lines are smoothed
        painter.setRenderHint(smooth, False)
        painter.setPen(nothing)
        for k, (colour, line) in enumerate(zip(colours, lined, strict=True)):
            painter.setBrush(self._brushes[colour])
            if seams:
                painter.setPen(seams[colour])
            painter.drawConvexPolygon(polygon[5 * k : 5 * k + 5])
            if line:
                painter.setRenderHint(smooth, True)
                painter.setPen(self._lines[colour // (2 * SHADES)])
                painter.drawLine(polygon[5 * k], polygon[5 * k + 1])
                painter.setPen(nothing)
                painter.setRenderHint(smooth, False)

    def _cut(self, field: HeightField) -> _Pieces:
        stride = -(-max(field.z.shape) // FLUID) if self._turning else 1
        if stride not in self._pieces:
            self._pieces[stride] = _Pieces(coarser(field, stride), self._edges)
        return self._pieces[stride]


def coarser(field: HeightField, stride: int) -> HeightField:
    """About every ``stride``-th point of a field, both ends included."""
    if stride == 1:
        return field
    j, i = (np.linspace(0, n - 1, (n - 2) // stride + 2).round().astype(int) for n in field.z.shape)
    x, y = np.linspace(field.x[0], field.x[-1], len(i)), np.linspace(field.y[0], field.y[-1], len(j))
    return HeightField(x, y, field.z[np.ix_(j, i)])


def _shaded(colour: QColor, shade: int) -> QColor:
    """A band's colour in one of the shades of the upper side, or of the lower side, which is always darker."""
    lit = (shade % SHADES + 0.5) / SHADES
    share = 0.70 + 0.30 * lit if shade < SHADES else 0.38 + 0.14 * lit
    return QColor(*(round(share * c) for c in colour.getRgb()[:3]))


def _seam(colour: QColor) -> QPen:
    pen = QPen(colour, SEAM)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)  # pointed joins of slivers would stick out
    return pen


class DrapedPath(PathLine):
    """The path laid onto the surface: solid where it is seen, dashed and fainter where the surface hides it."""

    def __init__(self) -> None:
        super().__init__()
        self._field: HeightField | None = None
        self._placing: Placing | None = None
        self._rect = QRectF()
        self._draped = np.empty((0, 3))

    def lay(self, field: HeightField | None, alpha: np.ndarray, beta: np.ndarray) -> None:
        """Lay the path through these coordinates onto a field; the last is the current point."""
        self._field = field
        finite = np.isfinite(alpha) & np.isfinite(beta)
        self._ends_here = bool(len(finite) and finite[-1])
        on = field is not None and finite.any()
        self._draped = field.drape(alpha[finite], beta[finite]) if on and field else np.empty((0, 3))
        self.update()

    def set_placing(self, placing: Placing, area: QRectF) -> None:
        """Look from here, within this area."""
        if area != self._rect:
            self.prepareGeometryChange()
        self._placing, self._rect = placing, area
        self.update()

    def boundingRect(self) -> QRectF:
        return self._rect

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        if self._field is None or self._placing is None or not len(self._draped):
            return
        found = stretches(self._field, self._draped, self._placing)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for pen, of_hidden in self._pens():
            painter.setPen(pen)
            for pixels, hidden in found:
                if hidden is of_hidden:
                    painter.drawPolyline(_polygon(pixels))
        painter.setPen(QPen(self._core, 1.0))
        painter.setBrush(self._halo)
        for pixels, hidden in found:
            if not hidden:
                for head in arrow_heads(pixels, ARROW_SPACING, 6.0 + 2.2 * self._width):
                    painter.drawPolygon(_polygon(head))
        self._mark_both(painter, self._field, self._placing)
        painter.restore()

    def _pens(self) -> list[tuple[QPen, bool]]:
        """The pens to draw with, one after the other, each with whether it is for what is hidden."""
        made = []
        for colour, width, hidden in (
            (QColor(0, 0, 0, 120), self._width + 1.2, True),
            (self._core, self._width, True),
            (QColor(0, 0, 0, 150), self._width + 1.6, False),
            (self._core, self._width, False),
        ):
            pen = QPen(colour, width)
            pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
            if hidden:
                pen.setCapStyle(Qt.PenCapStyle.FlatCap)
                pen.setDashPattern([length / width for length in (DASH, DASH)])
            made.append((pen, hidden))
        return made

    def _mark_both(self, painter: QPainter, field: HeightField, placing: Placing) -> None:
        ends = self._draped[[0, -1]]
        hidden = field.hidden(ends[:, 0], ends[:, 1], placing.camera.towards)
        for mark, point, faint in zip((self._mark_start, self._mark_now), ends, hidden, strict=True):
            if np.isfinite(point).all() and (mark == self._mark_start or self._ends_here):
                painter.setOpacity(0.6 if faint else 1.0)
                mark(painter, placing.pixels(point))
        painter.setOpacity(1.0)


def stretches(field: HeightField, draped: np.ndarray, placing: Placing) -> list[tuple[np.ndarray, bool]]:
    """A line on a field as polylines of pixels [n, 2], each with whether the field hides it; none where it has gaps."""
    pixels = placing.pixels(draped)
    finite = np.isfinite(pixels).all(axis=1)
    places = np.floor(np.where(finite[:, None], pixels, -1e9) / APART)
    kept = np.r_[True, (np.diff(places, axis=0) != 0).any(axis=1)]
    kept[1:] |= finite[1:] & ~finite[:-1]
    kept[:-1] |= finite[:-1] & ~finite[1:]
    kept[-1] = True
    pixels, there, at = pixels[kept], finite[kept], draped[kept, :2]
    middle = (at[:-1] + at[1:]) / 2
    hidden = field.hidden(middle[:, 0], middle[:, 1], placing.camera.towards)
    kind = np.where(there[:-1] & there[1:], hidden.astype(int), -1)
    starts = np.r_[0, np.flatnonzero(np.diff(kind)) + 1, len(kind)] if len(kind) else np.zeros(1, dtype=int)
    return [(pixels[a : b + 1], bool(kind[a])) for a, b in pairwise(starts.tolist()) if kind[a] >= 0]


def _polygon(pixels: np.ndarray) -> QPolygonF:
    return QPolygonF([QPointF(*p) for p in pixels.tolist()])
