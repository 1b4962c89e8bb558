"""Contour lines with their values written on them, as one item."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import QRectF, Qt
from PyQt6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen, QTransform
from PyQt6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from thalweg.app.views.label_places import Area, Place, along, dense, label_places, without
from thalweg.app.views.slope_arrows import SlopeArrows
from thalweg.app.views.whole_view import WholeViewItem
from thalweg.core.landscape.contours import lines_of_levels

NONE = np.empty((0, 2))


class Lines(WholeViewItem):
    """All contour lines as one path; 1 px cosmetic, where antialiasing costs nothing.

    A line is interrupted where its value stands on it, so that no plate hides the bands. Where the values stand depends
    on how large the picture is, so it is found out when it is painted, once for each size.
    """

    def __init__(self, above: SlopeArrows) -> None:
        """``above``: arrows that are drawn over the lines, where no value is to stand."""
        super().__init__()
        self._above = above
        self._pen, self._font = pg.mkPen("#000000", width=1), QFont()
        self._lines: list[np.ndarray] = []
        self._levels: list[int] = []
        self._values = np.empty(0)
        self._texts: list[str] = []
        self._inks: Sequence[QColor] = ()
        self._markers, self._course = np.empty((0, 3)), np.empty((0, 2))
        self._path = QPainterPath()
        self._places: list[Place] = []
        self._held: list[tuple[float, float, float]] = []  # level, x, y of the values as last written
        self._placed_for: tuple[float, ...] | None = None

    def set(
        self,
        x: np.ndarray,
        y: np.ndarray,
        z: np.ndarray,
        levels: np.ndarray,
        texts: Sequence[str] = (),
        inks: Sequence[QColor] = (),
    ) -> None:
        """Draw the lines of these levels of z[j, i] at (x[i], y[j]); with ``texts``, one for each, in these colours."""
        found = lines_of_levels(x, y, z, levels) if len(levels) else []
        self.prepareGeometryChange()
        self._lines = [line for group in found for line in group]
        self._levels = [k for k, group in enumerate(found) for _ in group]
        self._values, self._texts, self._inks = levels, list(texts), inks
        self._path, self._places, self._placed_for = _joined(self._lines), [], None
        self.update()

    def _of(self, place: Place) -> int:
        return self._levels[place.line]

    def set_course(self, points: np.ndarray, radius: float, rings: np.ndarray = NONE, ring: float = 0.0) -> None:
        """The path drawn over the lines [n, 2]: no value stands where its two ends have their round markers.

        Nor where there are ``rings`` [m, 2], whose radius is ``ring``.
        """
        finite = points[np.isfinite(points).all(axis=1)]
        ends = finite[[0, -1]] if len(finite) else finite
        self._course = finite
        radii = np.r_[np.full(len(ends), radius), np.full(len(rings), ring)]
        self._markers = np.column_stack([np.concatenate([ends, rings]), radii])

    def set_style(self, pen: QPen, font: QFont) -> None:
        """Draw with this pen, write with this font."""
        self._pen, self._font, self._placed_for = pen, font, None
        self.update()

    def labels(self) -> list[tuple[str, Place]]:
        """The values as they were last written, and where, in logical pixels."""
        return [(self._texts[self._of(p)], p) for p in self._places]

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        transform = QTransform(painter.worldTransform())
        if self._texts:
            self._place(transform)
        painter.setPen(self._pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(self._path)
        if self._places:
            self._write(painter)

    def _write(self, painter: QPainter) -> None:
        painter.save()
        painter.resetTransform()
        painter.setFont(self._font)
        for place in self._places:
            size = QRectF(-100, -50, 200, 100)
            painter.save()
            painter.translate(place.x, place.y)
            painter.rotate(place.angle)
            painter.setPen(self._inks[self._of(place)])
            painter.drawText(size, Qt.AlignmentFlag.AlignCenter, self._texts[self._of(place)])
            painter.restore()
        painter.restore()

    def _place(self, t: QTransform) -> None:
        scale, offset = np.array([t.m11(), t.m22()]), np.array([t.dx(), t.dy()])
        markers = self._markers.copy()
        markers[:, :2] = markers[:, :2] * scale + offset
        key = (*scale.tolist(), *offset.tolist())
        if key == self._placed_for and not self._covered(markers):
            return
        self._placed_for = key
        metrics = QFontMetricsF(self._font)
        sizes = np.array([(metrics.horizontalAdvance(text), metrics.height()) for text in self._texts])
        view = t.mapRect(self.viewRect() or QRectF())
        area = Area(view.left(), view.top(), view.right(), view.bottom(), markers, self._taken(t, view))
        lines = [line * scale + offset for line in self._lines]
        self._places = label_places(lines, self._levels, sizes, area, self._before())
        self._held = [(float(self._values[self._of(p)]), p.x, p.y) for p in self._places]
        gaps: dict[int, list[tuple[float, float]]] = {}
        for place in self._places:
            gaps.setdefault(place.line, []).append((place.start, place.stop))
        cut = (without(v, along(lines[k]), gaps[k]) if k in gaps else v for k, v in enumerate(self._lines))
        self._path = _joined(list(cut))

    def _taken(self, t: QTransform, view: QRectF) -> np.ndarray:
        """Points of what is drawn over the lines [n, 2], in logical pixels: the path, and the arrows."""
        course = self._course * [t.m11(), t.m22()] + [t.dx(), t.dy()]
        x, y = course.T
        course = course[(x > view.left()) & (x < view.right()) & (y > view.top()) & (y < view.bottom())]
        middles, courses = self._above.on_screen(t)
        shafts = middles[:, None] + courses[:, None] * np.linspace(-0.5, 0.5, 9)[:, None]
        return np.concatenate([dense(course, along(course)) if len(course) else course, shafts.reshape(-1, 2)])

    def _before(self) -> np.ndarray:
        """Where values stand already [n, 3]: the number that their level has now, x, y."""
        now = {float(v): k for k, v in enumerate(self._values)}
        return np.array([(now[v], x, y) for v, x, y in self._held if v in now] or np.empty((0, 3)), dtype=float)

    def _covered(self, markers: np.ndarray) -> bool:
        """Whether a marker has come over a value since the values were placed."""
        if not self._places or not len(markers):
            return False
        at = np.array([(p.x, p.y, 0.5 * (p.stop - p.start)) for p in self._places])
        apart = np.hypot(at[:, :1] - markers[:, 0], at[:, 1:2] - markers[:, 1])
        return bool((apart < at[:, 2:] + markers[:, 2]).any())


def ink_on(*grounds: QColor) -> QColor:
    """Black or white, whichever reads better on all of these colours (WCAG 2.1 contrast ratio)."""
    light = [_luminance(c) + 0.05 for c in grounds]
    return QColor("black") if min(light) / 0.05 > 1.05 / max(light) else QColor("white")


def _luminance(colour: QColor) -> float:
    linear = [
        (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4) for v in colour.getRgbF()[:3] if v is not None
    ]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def _joined(lines: Sequence[np.ndarray]) -> QPainterPath:
    """Lines as one path; NaN within a line interrupts it."""
    if not lines:
        return QPainterPath()
    gap = np.full((1, 2), np.nan)
    points = np.concatenate([part for line in lines for part in (line, gap)])
    path: QPainterPath = pg.arrayToQPath(points[:, 0], points[:, 1], connect="finite")
    return path
