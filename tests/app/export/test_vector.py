"""PDF and SVG: the right size, text as text, lines as lines, nothing outside, the view as it was."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pyqtgraph as pg
import pytest
from PyQt6.QtCore import QBuffer, QByteArray, QIODevice, QPointF, QRectF
from PyQt6.QtGui import QColor, QFontInfo, QPainter, QPolygonF
from PyQt6.QtPdf import QPdfDocument

from thalweg.app.export.svg_mend import mended_svg_exporter
from thalweg.app.export.vector import to_pdf, to_svg

from .sample_figure import THEMES

SVG = "{http://www.w3.org/2000/svg}"
LABELS = ["direction α (γ₁)", "direction β, 10⁻³", "loss", "step", "pixel", "minimum", "train", "1e-2"]


@pytest.fixture
def opened():
    """Load PDF bytes; the buffers live as long as the test."""
    kept = []

    def load(pdf: bytes) -> QPdfDocument:
        content = QByteArray(pdf)
        buffer = QBuffer(content)
        buffer.open(QIODevice.OpenModeFlag.ReadOnly)
        document = QPdfDocument(None)
        document.load(buffer)
        kept.append((document, buffer, content))
        assert document.status() == QPdfDocument.Status.Ready
        return document

    yield load
    for document, _, _ in kept:
        document.close()


def numbers(path_data: str) -> np.ndarray:
    """The points of path data."""
    return np.array([float(v) for v in re.findall(r"[-+]?[\d.]+(?:e[-+]?\d+)?", path_data)]).reshape(-1, 2)


def test_pdf_page_is_the_view(make_figure, opened):
    """One page, as large as the widget at its logical resolution."""
    view = make_figure()
    document = opened(to_pdf(view))
    assert document.pageCount() == 1
    points = document.pagePointSize(0)
    assert points.width() == pytest.approx(view.width() * 72 / view.logicalDpiX(), abs=0.5)
    assert points.height() == pytest.approx(view.height() * 72 / view.logicalDpiX(), abs=0.5)


def test_pdf_text_is_text(make_figure, opened):
    """Every label can be searched for."""
    text = opened(to_pdf(make_figure())).getAllText(0).text()
    assert [label for label in LABELS if label not in text] == []


@pytest.mark.parametrize(("image", "count"), [(True, 1), (False, 0)])
def test_pdf_holds_no_raster_but_the_images(make_figure, image, count):
    """Bands, lines, arrows and scatter symbols are vectors; the image is lossless."""
    pdf = to_pdf(make_figure(image=image))
    assert len(re.findall(rb"/Subtype\s*/Image", pdf)) == count
    assert b"DCTDecode" not in pdf


def test_svg_size_and_text(make_figure):
    """The document parses, has the view's size, and its labels are <text>."""
    view = make_figure()
    root = ET.fromstring(to_svg(view))
    assert (root.get("width"), root.get("height")) == ("900", "600")
    assert root.get("viewBox") == "0 0 900 600"
    texts = "".join("".join(node.itertext()) for node in root.iter(f"{SVG}text"))  # Qt splits at Greek letters
    families = {node.get("font-family") for node in root.iter(f"{SVG}text")}
    assert families == {f'"{QFontInfo(view.font()).family()}", sans-serif'}
    assert [label for label in LABELS if label not in texts] == []
    assert len(list(root.iter(f"{SVG}image"))) == 1


@pytest.mark.parametrize("theme", THEMES)
def test_svg_background(make_figure, theme):
    """The first thing drawn is the theme's opaque background."""
    ground = next(ET.fromstring(to_svg(make_figure(theme))).iter(f"{SVG}rect"))
    assert ground.get("fill") == THEMES[theme][0]
    assert float(ground.get("fill-opacity")) == 1


def test_svg_nothing_outside(make_figure):
    """What is not clipped lies in the picture, and every clip does; some unclipped data would lie outside."""
    view = make_figure()
    root = ET.fromstring(to_svg(view))
    clipped_outside = 0

    def walk(node: ET.Element, clipped: bool) -> None:
        nonlocal clipped_outside
        clipped = clipped or node.get("clip-path") is not None
        if node.tag == f"{SVG}path" and node.get("d"):
            points = numbers(node.get("d"))
            outside = bool(np.any(points < -1) or np.any(points > np.array([901, 601])))
            assert clipped or not outside, node.attrib
            clipped_outside += outside
        for child in node:
            walk(child, clipped)

    walk(root, False)
    assert clipped_outside > 0
    clips = list(root.iter(f"{SVG}clipPath"))
    assert len(clips) >= 3
    used = set(re.findall(r"url\(#([^)]*)\)", to_svg(view).decode()))
    assert {clip.get("id") for clip in clips} == used


def test_svg_closed_paths_stay_closed(make_figure):
    """Closed contours keep their Z, and no stroke depends on how a reader scales it."""
    svg = to_svg(make_figure()).decode()
    assert re.search(r' d="M[^"]*Z', svg)
    assert "vector-effect" not in svg
    assert "nan" not in svg


class Shapes(pg.GraphicsObject):
    """Shapes that share one group in Qt's SVG."""

    def boundingRect(self) -> QRectF:
        """In data coordinates."""
        return QRectF(0, 0, 10, 10)

    def paint(self, painter: QPainter, *args: object) -> None:
        """A rectangle, an ellipse, a polygon and a polyline with one pen."""
        painter.setPen(pg.mkPen("r", width=2))
        painter.setBrush(QColor("#00ff00"))
        painter.drawRect(QRectF(1, 1, 2, 3))
        painter.drawEllipse(QPointF(6, 6), 1, 2)
        painter.drawPolygon(QPolygonF([QPointF(0, 0), QPointF(1, 0), QPointF(0, 1)]))
        painter.drawPolyline(QPolygonF([QPointF(0, 0), QPointF(10, 10)]))


def test_svg_every_shape_is_moved_into_the_scene(bare_view):
    """Rectangles, ellipses and polygons land where the view shows them, with their line width."""
    plot = bare_view.addPlot()
    plot.addItem(item := Shapes())
    plot.setRange(QRectF(0, 0, 10, 10), padding=0)
    root = ET.fromstring(to_svg(bare_view))
    group = next(node for node in root.iter(f"{SVG}g") if (node.get("id") or "").startswith("Shapes"))
    found = [numbers(path.get("d")) for path in group.iter(f"{SVG}path")]
    expected = [QRectF(1, 1, 2, 3), QRectF(5, 4, 2, 4), QRectF(0, 0, 1, 1), QRectF(0, 0, 10, 10)]
    assert len(found) == len(expected)
    for points, rect in zip(found, expected, strict=True):
        there = item.mapRectToScene(rect)
        assert points.min(0) == pytest.approx([there.left(), there.top()], abs=0.01)
        assert points.max(0) == pytest.approx([there.right(), there.bottom()], abs=0.01)
    widths = {g.get("stroke-width") for g in group.iter(f"{SVG}g") if g.find(f"{SVG}path") is not None}
    assert widths == {"2"}


def test_svg_keeps_opacity(bare_view):
    """An item that is half transparent in the window is so in the file."""
    curve = bare_view.addPlot().plot([0, 1], [0, 1])
    curve.curve.setOpacity(0.25)
    assert 'opacity="0.25"' in to_svg(bare_view).decode()


def test_mend_removes_itself(monkeypatch):
    """The exporter is itself again afterwards, also after an error, and another pyqtgraph is left alone."""
    import sys

    import pyqtgraph.exporters.SVGExporter  # noqa: F401

    module = sys.modules["pyqtgraph.exporters.SVGExporter"]
    original = module.correctCoordinates
    with pytest.raises(ZeroDivisionError), mended_svg_exporter():
        assert module.correctCoordinates is not original
        raise ZeroDivisionError
    assert module.correctCoordinates is original
    monkeypatch.setattr(pg, "__version__", "0.15.0")
    with mended_svg_exporter():
        assert module.correctCoordinates is original


@pytest.mark.parametrize("route", [to_pdf, to_svg])
def test_view_is_left_as_it_was(make_figure, route):
    """The window shows the same pixels before and after."""
    view = make_figure()
    before = view.grab().toImage()
    route(view)
    assert view.grab().toImage() == before
    assert not any(getattr(item, "_exportOpts", False) for item in view.scene().items())


def test_hidden_view_gives_the_same_svg(make_figure):
    """A figure that was never shown is laid out as one that was."""
    assert to_svg(make_figure(shown=False)) == to_svg(make_figure(shown=True))
