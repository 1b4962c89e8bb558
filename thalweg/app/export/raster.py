"""A figure as a picture of pixels, at any resolution."""

from PyQt6.QtCore import QBuffer, QByteArray, QIODevice, QSize
from PyQt6.QtGui import QColor, QImage, QPainter
from PyQt6.QtPdf import QPdfDocument
from PyQt6.QtWidgets import QGraphicsView

from thalweg.app.export.errors import ExportError
from thalweg.app.export.scene import background
from thalweg.app.export.vector import to_pdf

MOST_PIXELS = 100_000_000  # 400 MB while it is drawn
MOST_PER_SIDE = 32_000
LEAST_DPI = 10
METRES_PER_INCH = 0.0254


def to_png(view: QGraphicsView, dpi: float = 96) -> bytes:
    """The figure as a PNG image: at 96 dpi as large as on a common screen, at 288 dpi three times so.

    The PDF of the figure is rasterised, so that line widths and text grow with the resolution.
    """
    size = picture_size(view, dpi)
    image = rasterised(to_pdf(view), size, background(view))
    per_metre = round(dpi / METRES_PER_INCH)
    image.setDotsPerMeterX(per_metre)
    image.setDotsPerMeterY(per_metre)
    return _encoded(image)


def picture_size(view: QGraphicsView, dpi: float) -> QSize:
    """The size in pixels at a resolution; ExportError when it is not a number that a picture can have."""
    scale = dpi / view.logicalDpiX()
    if not LEAST_DPI <= dpi < float("inf"):
        raise ExportError(f"a resolution of {dpi:g} dpi is not possible; it must be at least {LEAST_DPI} dpi")
    width, height = view.width() * scale, view.height() * scale
    most = min((MOST_PIXELS / (width * height)) ** 0.5, MOST_PER_SIDE / max(width, height)) * dpi
    if dpi > most:
        raise ExportError(
            f"at {dpi:g} dpi the picture would be {width:.0f} × {height:.0f} pixels, which is too large; "
            f"up to {int(most)} dpi is possible for this figure"
        )
    return QSize(max(round(width), 1), max(round(height), 1))


def rasterised(pdf: bytes, size: QSize, colour: QColor) -> QImage:
    """The first page of a PDF drawn on an opaque background."""
    content = QByteArray(pdf)
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.ReadOnly)
    document = QPdfDocument(None)
    document.load(buffer)
    if document.status() != QPdfDocument.Status.Ready:
        raise ExportError(f"the PDF of the figure could not be read back ({document.error().name})")
    page = document.render(0, size)
    document.close()
    image = QImage(size, QImage.Format.Format_RGB32)
    if page.isNull() or image.isNull():
        raise ExportError(f"there is not enough memory for a picture of {size.width()} × {size.height()} pixels")
    image.fill(colour)
    painter = QPainter(image)
    painter.drawImage(0, 0, page)
    painter.end()
    return image


def _encoded(image: QImage) -> bytes:
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if not image.save(buffer, "PNG"):
        raise ExportError("the picture could not be written as PNG")
    return bytes(content.data())
