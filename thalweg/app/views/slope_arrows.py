"""Arrows that point downhill on a landscape, as one item."""

from __future__ import annotations

import math

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import QPointF, QRectF
from PyQt6.QtGui import QColor, QPainter, QPen, QPolygonF, QTransform
from PyQt6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from thalweg.core.landscape.slope import full_slope, slope

SPACING = 46.0
"""Logical pixels between two arrows, at the least."""

LEAST = 0.16
"""Shorter arrows, in shares of the full length, are left out: they would be dots."""


class SlopeArrows(pg.GraphicsObject):
    """One arrow at every few grid points, its middle on the point.

    The arrow at a point is the step -(df/da, df/db) in the plane's coordinates (a, b), put on screen as any step in
    them is. So it tells how the drawn function changes for each unit of either axis, and it is at right angles to the
    contour lines on screen exactly where both axes have the same scale. Where they have not, no picture can keep both
    the step and the right angle, and the step is what is kept. Oblique axes are drawn at right angles like all else
    in the picture: for them, and for axes of unequal units, this is the slope in the coordinates, not steepest descent
    in the space of the parameters.
    """

    def __init__(self) -> None:
        super().__init__()
        self._x = self._y = np.empty(0)
        self._slope, self._full, self._scale = np.empty((0, 0, 2)), 0.0, 1.0

    def set(self, x: np.ndarray, y: np.ndarray, values: np.ndarray) -> None:
        """Draw the slope of values[j, i] at (x[i], y[j])."""
        self.prepareGeometryChange()
        self._x, self._y = x, y
        self._slope, self._full = slope(x, y, values), full_slope(x, y, values)
        self.update()

    def clear(self) -> None:
        """Draw nothing."""
        self._full = 0.0
        self.update()

    def set_scale(self, scale: float) -> None:
        """How large the arrows are, 1 for the normal size."""
        self._scale = scale
        self.update()

    def boundingRect(self) -> QRectF:
        if not len(self._x):
            return QRectF()
        return QRectF(QPointF(self._x[0], self._y[0]), QPointF(self._x[-1], self._y[-1])).normalized()

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        pixels, courses = self.on_screen(painter.worldTransform())
        painter.save()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(0, 0, 0, 190), 1.0))
        painter.setBrush(QColor("white"))
        for outline in outlines(pixels, courses, self._scale):
            painter.drawPolygon(QPolygonF([QPointF(*p) for p in outline.tolist()]))
        painter.restore()

    def on_screen(self, t: QTransform) -> tuple[np.ndarray, np.ndarray]:
        """Middles and courses [n, 2] of the arrows, in logical pixels, where this transform leads to the screen."""
        if not self._full > 0:
            return np.empty((0, 2)), np.empty((0, 2))
        per_unit, spacing = np.array([t.m11(), t.m22()]), SPACING * self._scale
        points, courses = arrows(self._x, self._y, self._slope, self._full, per_unit, spacing)
        return points * per_unit + [t.dx(), t.dy()], courses * 0.75 * spacing


def arrows(
    x: np.ndarray, y: np.ndarray, slopes: np.ndarray, full: float, per_unit: np.ndarray, spacing: float
) -> tuple[np.ndarray, np.ndarray]:
    """Grid points [n, 2] about ``spacing`` pixels apart, and an arrow's course on screen at each [n, 2].

    ``per_unit`` are the pixels for each unit of x and y. The course has the direction of the downhill step on screen;
    its length is the square root of the slope in shares of ``full``, so that gentle slopes are seen too, at most 1.
    """
    i, j = _every(x, per_unit[0], spacing), _every(y, per_unit[1], spacing)
    points = np.stack(np.meshgrid(x[i], y[j]), axis=2).reshape(-1, 2)
    downhill = -slopes[np.ix_(j, i)].reshape(-1, 2)
    size = np.hypot(*downhill.T)
    on_screen = downhill * per_unit
    length = np.sqrt(np.minimum(1.0, size / full))
    drawn = np.isfinite(size) & (length >= LEAST) & (np.hypot(*on_screen.T) > 0)
    course = on_screen[drawn] / np.hypot(*on_screen[drawn].T)[:, None] * length[drawn, None]
    return points[drawn], course


def _every(values: np.ndarray, per_unit: float, spacing: float) -> np.ndarray:
    """Numbers of the grid lines to draw on, evenly spaced, as far from one border as from the other, on neither."""
    stride = max(1, math.ceil(spacing / max(abs(per_unit) * abs(values[1] - values[0]), 1e-9)))
    last = len(values) - 1
    first = (last - (max(1, last // stride) - 1) * stride) // 2
    numbers = np.arange(first, last + 1, stride)
    return numbers[(numbers > 0) & (numbers < last)]


def outlines(pixels: np.ndarray, courses: np.ndarray, scale: float) -> np.ndarray:
    """The outlines [n, 7, 2] of arrows with these middles [n, 2], courses [n, 2] from end to end."""
    long = np.hypot(*courses.T)[:, None]
    forward = courses / long
    across = np.stack([-forward[:, 1], forward[:, 0]], axis=1)
    head = np.minimum(9.0 * scale, 0.6 * long)
    tail, tip = pixels - 0.5 * courses, pixels + 0.5 * courses
    neck, shaft, wing = tip - head * forward, 0.9 * scale * across, 0.42 * head * across
    corners = (tail + shaft, neck + shaft, neck + wing, tip, neck - wing, neck - shaft, tail - shaft)
    return np.stack(corners, axis=1)
