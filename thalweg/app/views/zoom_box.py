"""A plot's area on which the mouse zooms and pans; the ranges come from above."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from PyQt6.QtCore import QPointF, QRectF, Qt, QTimer, pyqtSignal
from PyQt6.QtWidgets import QApplication

GRASP = 14.0
"""Logical pixels around a handle within which it is taken hold of."""

LEAST_DRAG = 8.0
"""Logical pixels; a shorter drag is a click with an unsteady hand."""

NOTCH = 1.25
"""What one notch of the wheel does to the ranges."""


class ZoomBox(pg.ViewBox):
    """Must not change state: it asks for other ranges, and shows those that it is given."""

    zoom_requested = pyqtSignal(object, object)
    """The person wants to see these ranges (low, high) of x and of y."""
    whole_requested = pyqtSignal()
    """The person double-clicked."""
    place_requested = pyqtSignal(float, float, bool)
    """The person clicked here, or drags the handle here; whether that has ended."""

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self.setMouseEnabled(False, False)
        self.setDefaultPadding(0)
        self._home, self._moving = QRectF(), False
        self.handle: QPointF | None = None
        """A point that can be dragged."""
        self._held, self._clicked, self._click = False, QPointF(), QTimer(self)
        self._click.setSingleShot(True)
        self._click.timeout.connect(lambda: self.place_requested.emit(self._clicked.x(), self._clicked.y(), True))

    def show_ranges(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        """Show exactly these ranges; a drag goes on while they stay as they are."""
        home = QRectF(QPointF(x[0], y[0]), QPointF(x[1], y[1]))
        if home != self._home or not self._moving:
            self._home = home
            self.setRange(xRange=x, yRange=y, padding=0, disableAutoRange=True)

    def mouseDragEvent(self, ev: Any, axis: int | None = None) -> None:
        """Left: a rectangle to zoom into; middle or right: move the picture."""
        ev.accept()
        if ev.button() == Qt.MouseButton.LeftButton and self._grabs(ev.buttonDownPos()):
            at = self.mapToView(ev.pos())
            self._held = not ev.isFinish()
            self.place_requested.emit(at.x(), at.y(), ev.isFinish())
        elif ev.button() == Qt.MouseButton.LeftButton:
            self._frame(ev)
        else:
            self._pan(ev)

    def wheelEvent(self, ev: Any, axis: int | None = None) -> None:
        """Zoom in or out around the pointer."""
        ev.accept()
        if self._home.isEmpty() or not ev.delta():
            return
        factor = NOTCH ** (-ev.delta() / 120)
        at = self.mapToView(ev.pos())
        corner = at + (self._home.topLeft() - at) * factor
        self._ask(QRectF(corner, self._home.size() * factor))

    def mouseClickEvent(self, ev: Any) -> None:
        """A double click asks for the whole plane."""
        if ev.double() and ev.button() == Qt.MouseButton.LeftButton:
            ev.accept()
            self._click.stop()
            self.whole_requested.emit()
        elif not ev.double() and ev.button() == Qt.MouseButton.LeftButton:
            self._clicked = self.mapToView(ev.pos())
            self._click.start(QApplication.doubleClickInterval())  # it may be the first of two

    def _grabs(self, begun: QPointF) -> bool:
        """Whether a drag that began here, in pixels, moves the handle; it does until it ends."""
        if self._held or self.handle is None:
            return self._held
        apart = self.mapFromView(self.handle) - begun
        return bool(max(abs(apart.x()), abs(apart.y())) <= GRASP)

    def _frame(self, ev: Any) -> None:
        drawn = QRectF(ev.buttonDownPos(), ev.pos()).normalized().intersected(self.rect())
        if not ev.isFinish():
            self.updateScaleBox(drawn.topLeft(), drawn.bottomRight())
            return
        self.rbScaleBox.hide()
        if min(drawn.width(), drawn.height()) >= LEAST_DRAG:
            self._ask(self.childGroup.mapRectFromParent(drawn))

    def _pan(self, ev: Any) -> None:
        moved = self.mapToView(ev.buttonDownPos()) - self.mapToView(ev.pos())
        there = self._home.translated(moved)
        self._moving = not ev.isFinish()
        if ev.isFinish():  # back to what was given from above, which is where it stays if the wish is refused
            self._show(self._home)
            self._ask(there)
        else:
            self._show(there)

    def _show(self, there: QRectF) -> None:
        x, y = _ranges(there)
        self.setRange(xRange=x, yRange=y, padding=0, disableAutoRange=True)

    def _ask(self, there: QRectF) -> None:
        if not there.isEmpty():
            self.zoom_requested.emit(*_ranges(there))


def _ranges(area: QRectF) -> tuple[tuple[float, float], tuple[float, float]]:
    """The ranges of x and y, low before high, whichever way up the area is."""
    area = area.normalized()
    return (area.left(), area.right()), (area.top(), area.bottom())
