"""Items that draw on the whole view, whatever their points are: their sizes are pixels, and reach beyond the points."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import QRectF
from PyQt6.QtGui import QPainter


class WholeViewItem(pg.GraphicsObject):
    """An item whose area is the view's, and follows it."""

    def viewTransformChanged(self) -> None:
        """The area drawn on is the whole view."""
        super().viewTransformChanged()  # which forgets the view as it was
        self.prepareGeometryChange()

    def boundingRect(self) -> QRectF:
        return self.viewRect() or QRectF()


def in_pixels(painter: QPainter, points: np.ndarray) -> np.ndarray:
    """Where a painter's transform leads points of the view [..., 2]; float64 [..., 2]."""
    t = painter.worldTransform()
    found: np.ndarray = points @ np.array([[t.m11(), t.m12()], [t.m21(), t.m22()]]) + [t.dx(), t.dy()]
    return found
