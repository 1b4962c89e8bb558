"""What every route out of the window does first: bring the scene up to date, switch its items to export."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyqtgraph as pg
from PyQt6.QtCore import QRect, Qt
from PyQt6.QtGui import QColor, QImage, QPainter
from PyQt6.QtWidgets import QGraphicsScene, QGraphicsView
from pyqtgraph.exporters.Exporter import Exporter

from thalweg.app.export.errors import ExportError

SIDE_OF_ENLARGED_IMAGE = 1024  # pixels; images larger than half of this are left as they are
MOST_ENLARGED = 16


def settled_scene(view: QGraphicsView) -> QGraphicsScene:
    """The scene of a view, laid out as the window would show it, even if the view was never shown."""
    scene: Any = view.scene()
    if scene is None or view.width() < 1 or view.height() < 1:
        raise ExportError("this figure is empty, so there is nothing to export")
    view.grab(QRect(0, 0, 1, 1))  # delivers the resize and layout events that a hidden view has pending
    if hasattr(scene, "prepareForPaint"):
        scene.prepareForPaint()  # pyqtgraph brings axis ranges up to date only here
    settled: QGraphicsScene = scene
    return settled


def background(view: QGraphicsView) -> QColor:
    """The colour behind the figure, opaque; white where the view has none."""
    brush = view.backgroundBrush()
    if brush.style() == Qt.BrushStyle.NoBrush:
        return QColor(Qt.GlobalColor.white)
    colour = QColor(brush.color())
    colour.setAlpha(255)
    return colour


@contextmanager
def export_mode(scene: QGraphicsScene, painter: QPainter, colour: QColor) -> Iterator[None]:
    """Tell the items that they are painted for a file: symbols become vectors, hover buttons vanish."""
    exporter = Exporter(scene)
    options = {"antialias": True, "background": colour, "painter": painter, "resolutionScale": 1.0}
    try:
        exporter.setExportMode(True, options)
        yield
    finally:
        exporter.setExportMode(False)


@contextmanager
def crisp_images(scene: QGraphicsScene) -> Iterator[None]:
    """Enlarge small images in whole steps, so that readers which smooth images leave their pixels square."""
    kept: list[tuple[Any, Any]] = []
    try:
        for item in scene.items():
            if isinstance(item, pg.ImageItem) and item.isVisible() and item.image is not None:
                item.render()
                kept.append((item, item.qimage))
                item.qimage = _enlarged(item.qimage)
        yield
    finally:
        for item, image in kept:
            item.qimage = image


def _enlarged(image: QImage | None) -> QImage | None:
    if image is None or image.isNull():
        return image
    times = min(MOST_ENLARGED, SIDE_OF_ENLARGED_IMAGE // max(image.width(), image.height()))
    return image.scaled(image.width() * times, image.height() * times) if times > 1 else image
