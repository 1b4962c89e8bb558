"""The parts of a contour map: filled bands, and the optimiser's path with its arrows."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import QPointF, QRectF, Qt
from PyQt6.QtGui import QBrush, QColor, QPainter, QPainterPath, QPen, QPolygonF
from PyQt6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from thalweg.app.views.markers import marker_path
from thalweg.app.views.whole_view import WholeViewItem, in_pixels
from thalweg.core.landscape.contours import bands

ARROW_SPACING = 42.0
"""Logical pixels between two arrow heads."""


class Bands(pg.GraphicsObject):
    """Areas between neighbouring levels, each in its colour; hatched where the loss is not finite.

    The areas are stacked: each reaches from its level to the highest value and covers those below it. Areas side by
    side would show seams in every reader of the exported file that smooths edges.
    """

    def __init__(self) -> None:
        super().__init__()
        self._areas: list[tuple[QPainterPath, QBrush]] = []
        self._rect = QRectF()
        self._hatch: QBrush | None = None

    def set(self, x: np.ndarray, y: np.ndarray, z: np.ndarray, edges: np.ndarray, colours: list[QColor]) -> None:
        """Draw z[j, i] at (x[i], y[j]), one colour between each two edges."""
        self.prepareGeometryChange()
        self._rect = QRectF(QPointF(x[0], y[0]), QPointF(x[-1], y[-1])).normalized()
        self._hatch = None if np.isfinite(z).all() else QBrush(QColor("#888888"), Qt.BrushStyle.BDiagPattern)
        self._areas = []
        areas = bands(x, y, z, [(low, np.inf) for low in edges[:-1]])
        for area, colour in zip(areas, colours, strict=True):
            path = QPainterPath()
            for points, offsets in area:
                for start, stop in pairwise(offsets):
                    path.addPolygon(QPolygonF([QPointF(*p) for p in points[start:stop].tolist()]))
            if not path.isEmpty():
                self._areas.append((path, QBrush(colour)))
        self.update()

    def clear(self) -> None:
        """Draw nothing."""
        self._areas, self._hatch = [], None
        self.update()

    def boundingRect(self) -> QRectF:
        return self._rect

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(Qt.PenStyle.NoPen)
        if self._hatch is not None:
            painter.fillRect(self._rect, self._hatch)
        for path, brush in self._areas:
            painter.setBrush(brush)
            painter.drawPath(path)


class PathLine(WholeViewItem):
    """A path with arrow heads along it, its start and its current point; all sizes in logical pixels."""

    def __init__(self) -> None:
        super().__init__()
        self._points, self._ends_here = np.empty((0, 2)), False
        self._dashes, self._marker = Qt.PenStyle.SolidLine, 0
        self._width, self._core, self._halo, self._mark = (
            1.6,
            QColor("white"),
            QColor("black"),
            QColor("#ff5a1f"),
        )

    def set(self, alpha: np.ndarray, beta: np.ndarray) -> None:
        """Draw the path through these coordinates; the last is the current point."""
        points = np.stack([alpha, beta], axis=1)
        finite = np.isfinite(points).all(axis=1)
        self._points, self._ends_here = points[finite], bool(len(points) and finite[-1])
        self.prepareGeometryChange()
        self.update()

    def set_style(
        self,
        width: float,
        colour: QColor | None = None,
        style: Qt.PenStyle = Qt.PenStyle.SolidLine,
        marker: int = 0,
    ) -> None:
        """Width of the line, with which arrows and markers grow; its colour (None: white), dashes and marker."""
        self._width, self._dashes, self._marker = width, style, marker
        self._core, self._mark = colour or QColor("white"), colour or QColor("#ff5a1f")
        self.update()

    @property
    def reach(self) -> float:
        """Radius of the larger of the two markers at its ends, in logical pixels."""
        return 1.5 * self._size + 1.0

    @property
    def _size(self) -> float:
        return 3.4 + 1.1 * self._width

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        if not len(self._points):
            return
        pixels = _apart(in_pixels(painter, self._points))
        painter.save()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = QPolygonF([QPointF(*p) for p in pixels.tolist()])
        painter.setBrush(Qt.BrushStyle.NoBrush)
        solid = Qt.PenStyle.SolidLine
        for colour, width, style in (
            (QColor(0, 0, 0, 150), self._width + 1.6, solid),
            (self._core, self._width, self._dashes),
        ):
            pen = QPen(colour, width, style)
            pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
            painter.setPen(pen)
            painter.drawPolyline(line)
        painter.setPen(QPen(self._core, 1.0))
        painter.setBrush(self._halo)
        for head in arrow_heads(pixels, ARROW_SPACING, 6.0 + 2.2 * self._width):
            painter.drawPolygon(QPolygonF([QPointF(*p) for p in head.tolist()]))
        self._mark_ends(painter, pixels)
        painter.restore()

    def _mark_ends(self, painter: QPainter, pixels: np.ndarray) -> None:
        self._mark_start(painter, pixels[0])
        if self._ends_here:  # else the current point is not finite, so it is nowhere on the plane
            self._mark_now(painter, pixels[-1])

    def _mark_start(self, painter: QPainter, at: np.ndarray) -> None:
        side = 1.6 * self._size
        painter.setPen(QPen(self._halo, 1.2))
        painter.setBrush(self._core)
        painter.drawRect(QRectF(at[0] - side / 2, at[1] - side / 2, side, side))

    def _mark_now(self, painter: QPainter, at: np.ndarray) -> None:
        x, y = at.tolist()
        painter.setPen(QPen(self._core, 1.6))
        painter.setBrush(self._halo)
        painter.drawPath(marker_path(self._marker, x, y, 1.5 * self._size))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._mark)
        painter.drawPath(marker_path(self._marker, x, y, 0.9 * self._size))


def _apart(points: np.ndarray, least: float = 0.7) -> np.ndarray:
    """The points without those in the same cell of ``least`` pixels as the one before; the ends stay."""
    cells = np.floor(points / least)
    kept = np.r_[True, (np.diff(cells, axis=0) != 0).any(axis=1)]
    kept[-1] = True
    return points[kept]


def arrow_heads(pixels: np.ndarray, spacing: float, length: float) -> list[np.ndarray]:
    """Triangles [3, 2] on a polyline [n, 2], each pointing from the one before to where the path has got since.

    They are ``spacing`` apart as the crow flies, so that a path that trembles on the spot gets none.
    """
    heads: list[np.ndarray] = []
    (x0, y0), *others = pixels.tolist()
    for x, y in others:
        distance = math.hypot(x - x0, y - y0)
        if distance >= spacing:
            forward = np.array([x - x0, y - y0]) / distance
            across = np.array([-forward[1], forward[0]]) * 0.42 * length
            tip = np.array([x, y])
            heads.append(np.stack([tip, *(tip - forward * length + s * across for s in (1, -1))]))
            x0, y0 = x, y
    return heads
