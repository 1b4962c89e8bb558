"""The markers that lines of training end in, one for each style: told apart without colour."""

from __future__ import annotations

from PyQt6.QtGui import QPainterPath, QTransform
from pyqtgraph.graphicsItems.ScatterPlotItem import Symbols

MARKERS = ("o", "s", "t1", "d", "p", "h", "star")
"""By the number of a style, in pyqtgraph's words: circle, square, triangle, diamond, pentagon, hexagon, star."""


def marker(style: int) -> str:
    """What a style's marker is called in pyqtgraph."""
    return MARKERS[style % len(MARKERS)]


def marker_path(style: int, x: float, y: float, radius: float) -> QPainterPath:
    """A style's marker around (x, y); a circle has this radius, the others are about as large."""
    size = 2 * radius
    there = QTransform.fromTranslate(x, y)
    there.scale(size, size)
    found: QPainterPath = there.map(Symbols[marker(style)])
    return found
