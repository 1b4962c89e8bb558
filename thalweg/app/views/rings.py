"""Hollow rings at places on a map, which let be seen what they are laid over."""

from __future__ import annotations

import numpy as np
from PyQt6.QtCore import QPointF, Qt
from PyQt6.QtGui import QColor, QPainter, QPen
from PyQt6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from thalweg.app.views.whole_view import WholeViewItem, in_pixels


class Rings(WholeViewItem):
    """Light rings with dark rims; the last is larger than the marker of the current point. Sizes in logical pixels.

    Where rings would lie over one another, some are left out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.points = np.empty((0, 2))
        """All places that are finite; [n, 2]."""
        self._last = False
        self._width, self._radius, self._around = 1.3, 6.0, 9.0

    def set(self, points: np.ndarray) -> None:
        """Draw rings at these places [n, 2]; those that are not finite are left out."""
        finite = np.isfinite(points).all(axis=1)
        self.points, self._last = points[finite], bool(len(points) and finite[-1])
        self.prepareGeometryChange()
        self.update()

    def set_style(self, width: float, reach: float) -> None:
        """Width of a path's line, and how far its marker of the current point reaches."""
        self._width, self._radius, self._around = width, 0.85 * reach, reach + 1.5 + width
        self.update()

    @property
    def reach(self) -> float:
        """Radius of a ring with its rim, in logical pixels."""
        return self._radius + 0.6 * self._width + 0.9

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        view = self.boundingRect()
        (left, right), (low, high) = sorted((view.left(), view.right())), sorted((view.top(), view.bottom()))
        x, y = self.points.T
        seen = (x >= left) & (x <= right) & (y >= low) & (y <= high)
        if not seen.any():
            return
        pixels = in_pixels(painter, self.points[seen])
        radii = np.full(len(pixels), self._radius)
        if self._last and seen[-1]:
            radii[-1] = self._around
        kept = spread(pixels, radii)
        painter.save()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, width in ((QColor("black"), 1.2 * self._width + 1.8), (QColor("white"), 1.2 * self._width)):
            painter.setPen(QPen(colour, width))
            for at, radius in zip(pixels[kept].tolist(), radii[kept].tolist(), strict=True):
                painter.drawEllipse(QPointF(*at), radius, radius)
        painter.restore()


def spread(points: np.ndarray, radii: np.ndarray, overlap: float = 0.2) -> np.ndarray:
    """Which of the rings around ``points`` [n, 2] to draw, ascending: the last, and going back each that has room.

    Two rings that are drawn are no closer than the sum of their radii, less the share ``overlap`` of it.
    """
    kept: list[int] = []
    free = np.ones(len(points), dtype=bool)
    for k in range(len(points) - 1, -1, -1):
        if free[k]:
            kept.append(k)
            free[:k] &= np.hypot(*(points[:k] - points[k]).T) >= (1 - overlap) * (radii[:k] + radii[k])
    return np.array(kept[::-1], dtype=np.int64)
