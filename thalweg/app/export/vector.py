"""A figure as vectors: PDF through Qt's writer, SVG through pyqtgraph's exporter."""

import re
from typing import Any

from PyQt6.QtCore import QBuffer, QByteArray, QIODevice, QMarginsF, QRectF, QSizeF
from PyQt6.QtGui import QPageSize, QPainter, QPdfWriter
from PyQt6.QtWidgets import QGraphicsView
from pyqtgraph.exporters import SVGExporter

from thalweg.app.export.errors import ExportError
from thalweg.app.export.scene import background, crisp_images, export_mode, settled_scene
from thalweg.app.export.svg_mend import mended_svg_exporter

MM_PER_INCH = 25.4


def to_pdf(view: QGraphicsView) -> bytes:
    """The figure as a PDF page of the size of the view, with text as text and lines as lines.

    The page is drawn at the view's own logical resolution: axes replay a recorded picture and cosmetic pens
    are one device pixel wide, so at any other resolution text would be too large and lines too thin.
    """
    scene = settled_scene(view)
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(buffer)
    dpi = view.logicalDpiX()
    writer.setResolution(dpi)
    writer.setCreator("Thalweg")
    writer.setTitle(view.windowTitle())
    size = QSizeF(view.width(), view.height()) * (MM_PER_INCH / dpi)
    exact = QPageSize.SizeMatchPolicy.ExactMatch
    writer.setPageSize(QPageSize(size, QPageSize.Unit.Millimeter, "figure", exact))
    writer.setPageMargins(QMarginsF(0, 0, 0, 0))
    painter = QPainter()
    if not painter.begin(writer):
        raise ExportError("the PDF could not be begun")
    page = QRectF(0, 0, view.width(), view.height())
    try:
        with crisp_images(scene), export_mode(scene, painter, background(view)):
            painter.setRenderHint(QPainter.RenderHint.LosslessImageRendering)  # otherwise images become JPEG
            painter.fillRect(page, background(view))
            scene.render(painter, page, QRectF(view.mapToScene(view.rect()).boundingRect()))
    finally:
        painter.end()
    return bytes(content.data())


def to_svg(view: QGraphicsView) -> bytes:
    """The figure as an SVG image of the size of the view, in pixels, with text as ``<text>``."""
    scene = settled_scene(view)
    exporter: Any = SVGExporter(scene)
    exporter.params["background"] = background(view)
    exporter.params["scaling stroke"] = True  # lines keep their share of the picture when it is enlarged
    with mended_svg_exporter(), crisp_images(scene):
        content: bytes = exporter.export(toBytes=True)
    return _with_header(content.decode(), view).encode()


def _with_header(svg: str, view: QGraphicsView) -> str:
    """Replace pyqtgraph's ``<svg>`` tag, which has no size and claims a profile without clipping."""
    width, height = view.width(), view.height()
    tag = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" version="1.1" '
        f'width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    )
    svg = re.sub(r"<svg [^>]*>", tag, svg, count=1)
    return re.sub(r"<title>.*?</title>\s*<desc>.*?</desc>", "<desc>Made with Thalweg</desc>", svg, count=1)
