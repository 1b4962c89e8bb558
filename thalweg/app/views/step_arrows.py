"""The arrows of one phase of a step, with names at their tips, and a right angle against the contour line."""

from __future__ import annotations

import math

import numpy as np
from PyQt6.QtCore import QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QPolygonF
from PyQt6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from thalweg.app.telling import Arrow, Phase
from thalweg.app.views.whole_view import WholeViewItem, in_pixels

RIGHT_ANGLE = 0.35
"""Degrees off the right angle within which it is marked as one."""

TANGENT = 90.0
"""Half the length of the line along the contour, in logical pixels."""

DARK, LIGHT = QColor(0, 0, 0), QColor(255, 255, 255)


class StepArrows(WholeViewItem):
    """Black arrows with white rims, so that they are no path; what belongs to earlier phases is thin. Pixels for sizes.

    Right angles look right where both axes have the same scale.
    """

    def __init__(self) -> None:
        super().__init__()
        self.phase: Phase | None = None
        self._width, self._font = 1.6, QFont()

    def set(self, phase: Phase | None) -> None:
        """Draw the arrows of this phase; None: nothing."""
        self.phase = phase
        self.prepareGeometryChange()
        self.update()

    def set_style(self, width: float, font: QFont) -> None:
        """Width of a path's line, with which the arrows grow, and the font of their names."""
        self._width, self._font = width, font
        self.update()

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        phase = self.phase
        if phase is None:
            return
        area = painter.worldTransform().mapRect(self.boundingRect())
        at = in_pixels(painter, np.array(phase.point))
        ends = [(a, *in_pixels(painter, np.array([a.start, a.end]))) for a in phase.arrows]
        drawn = [(a, start, end) for a, start, end in ends if np.isfinite([start, end]).all()]
        along = None if phase.tangent is None else in_pixels(painter, np.add(phase.point, phase.tangent)) - at
        landing = None if phase.landing is None else in_pixels(painter, np.array(phase.landing))
        painter.save()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if along is not None:
            self._paint_tangent(painter, at, along, drawn)
        for arrow, start, end in sorted(drawn, key=lambda each: not each[0].pale):
            self._paint_arrow(painter, start, end, arrow.pale)
        if landing is not None and np.isfinite(landing).all():
            self._paint_landing(painter, landing)
        for arrow, start, end in drawn:
            if arrow.label:
                self._paint_label(painter, arrow.label, start, end, area)
        painter.restore()

    def _paint_arrow(self, painter: QPainter, start: np.ndarray, end: np.ndarray, pale: bool) -> None:
        length = math.dist(start, end)
        if length < 1.0:
            return
        core, rim = self._width * (0.8 if pale else 1.7), 1.6
        head = min(6.0 + 4.5 * core, 0.6 * length)
        forward = (end - start) / length
        across = np.array([-forward[1], forward[0]]) * 0.42 * head
        base = end - forward * head
        tip = QPolygonF([QPointF(*p) for p in np.stack([end, base + across, base - across]).tolist()])
        for colour, more in ((LIGHT, 2 * rim), (DARK, 0.0)):
            painter.setPen(QPen(colour, core + more, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
            painter.drawLine(QPointF(*start.tolist()), QPointF(*(end - 0.8 * forward * head).tolist()))
            painter.setPen(QPen(colour, more, Qt.PenStyle.SolidLine) if more else Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            painter.drawPolygon(tip)

    def _paint_tangent(
        self, painter: QPainter, at: np.ndarray, along: np.ndarray, drawn: list[tuple[Arrow, np.ndarray, np.ndarray]]
    ) -> None:
        """A line along the contour through the point, and the mark of a right angle where the arrow stands at one."""
        size = math.hypot(*along)
        if not size > 0:
            return
        along = along / size
        ends = [QPointF(*(at + side * TANGENT * along).tolist()) for side in (-1, 1)]
        for colour, more in ((LIGHT, 2.4), (DARK, 0.0)):
            pen = QPen(colour, self._width + more, Qt.PenStyle.SolidLine if more else Qt.PenStyle.DashLine)
            painter.setPen(pen)
            painter.drawLine(*ends)
        strong = [(start, end) for arrow, start, end in drawn if not arrow.pale]
        if not strong or (length := math.dist(*strong[-1])) < 1:
            return
        forward = (strong[-1][1] - strong[-1][0]) / length
        if abs(math.degrees(math.asin(float(np.clip(forward @ along, -1, 1))))) > RIGHT_ANGLE:
            return
        side = min(9.0 + 2 * self._width, 0.5 * length)
        corner = [at + side * along, at + side * (along + forward), at + side * forward]
        for colour, more in ((LIGHT, 2.4), (DARK, 0.0)):
            painter.setPen(QPen(colour, 0.8 * self._width + more))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawPolyline(QPolygonF([QPointF(*p.tolist()) for p in corner]))

    def _paint_landing(self, painter: QPainter, there: np.ndarray) -> None:
        radius = 5.0 + 2.0 * self._width
        for colour, width in ((LIGHT, self._width + 3.0), (DARK, self._width)):
            painter.setPen(QPen(colour, width))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(QPointF(*there.tolist()), radius, radius)

    def _paint_label(self, painter: QPainter, text: str, start: np.ndarray, end: np.ndarray, area: QRectF) -> None:
        """The name beyond the tip, within the area of the map."""
        metrics = QFontMetricsF(self._font)
        width, height = metrics.horizontalAdvance(text) + 8, metrics.height() + 2
        length = math.dist(start, end) or 1.0
        forward = (end - start) / length
        reach = abs(forward[0]) * width / 2 + abs(forward[1]) * height / 2 + 4
        x, y = (end + forward * reach).tolist()
        x = min(max(x, area.left() + width / 2), area.right() - width / 2)
        y = min(max(y, area.top() + height / 2), area.bottom() - height / 2)
        box = QRectF(x - width / 2, y - height / 2, width, height)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(255, 255, 255, 225))
        painter.drawRoundedRect(box, 3, 3)
        painter.setPen(QPen(DARK))
        painter.setFont(self._font)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
