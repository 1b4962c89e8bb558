"""PNG: exact sizes, scaled lines, opaque backgrounds."""

import numpy as np
import pyqtgraph as pg
import pytest
from PyQt6.QtGui import QColor, QImage

from thalweg.app.export.errors import ExportError
from thalweg.app.export.raster import picture_size, to_png

from .sample_figure import THEMES


def image(png: bytes) -> QImage:
    """Decode."""
    loaded = QImage()
    assert loaded.loadFromData(png, "PNG")
    return loaded


def grey(picture: QImage) -> np.ndarray:
    """Lightness, height x width."""
    converted = picture.convertToFormat(QImage.Format.Format_Grayscale8)
    flat = np.frombuffer(converted.constBits().asarray(converted.sizeInBytes()), np.uint8).copy()
    return flat.reshape(converted.height(), converted.bytesPerLine())[:, : converted.width()]


@pytest.mark.parametrize("dpi", [48, 96, 150, 288])
def test_size_scales_with_dpi(make_figure, dpi):
    """Pixels and physical resolution follow from the dpi."""
    view = make_figure()
    picture = image(to_png(view, dpi))
    scale = dpi / view.logicalDpiX()
    assert (picture.width(), picture.height()) == (round(900 * scale), round(600 * scale))
    assert picture.dotsPerMeterX() == picture.dotsPerMeterY() == round(dpi / 0.0254)


@pytest.mark.parametrize("theme", THEMES)
def test_background_and_content(make_figure, theme):
    """The picture is opaque, has the theme's background and something on it."""
    picture = image(to_png(make_figure(theme)))
    assert not picture.hasAlphaChannel()
    assert picture.pixelColor(1, 1) == QColor(THEMES[theme][0])
    assert len(np.unique(grey(picture))) > 50


def test_translucent_background_becomes_opaque(bare_view):
    """A picture has no holes, whatever the view has."""
    bare_view.setBackground((200, 100, 50, 10))
    assert image(to_png(bare_view)).pixelColor(5, 5) == QColor(200, 100, 50)


def test_same_picture_as_the_window(make_figure):
    """At the window's own resolution the two differ only along edges."""
    view = make_figure()
    difference = grey(image(to_png(view, view.logicalDpiX()))).astype(float) - grey(view.grab().toImage())
    assert np.mean(np.abs(difference)) < 4
    assert np.mean(np.abs(difference) > 64) < 0.02


@pytest.mark.parametrize("width", [2, 6])
def test_line_widths_scale(bare_view, width):
    """A cosmetic line is as thick, for the picture, at 288 dpi as at 96."""
    box = bare_view.addViewBox()
    box.setRange(xRange=(0, 1), yRange=(0, 1))
    box.addItem(pg.InfiniteLine(0.5, angle=0, pen=pg.mkPen("k", width=width)))
    base = bare_view.logicalDpiX()
    for times in (1, 3):
        ink = 255.0 - grey(image(to_png(bare_view, base * times)))
        assert ink[:, ink.shape[1] // 2].sum() / 255 == pytest.approx(width * times, abs=0.35 * times)


def test_filled_bands_have_no_seams(make_figure):
    """Stacked bands of one colour join without a trace."""
    view = make_figure(image=False)
    plot = view.getItem(0, 0)
    for item in list(plot.items):
        if hasattr(item, "setBrush") and hasattr(item, "path") and item.brush().color() != QColor(0, 0, 0):
            item.setBrush(QColor("#203040"))
            item.setPen(pg.mkPen(None))
        else:
            item.setVisible(False)
    plot.legend.setVisible(False)
    view.resize(600, 600)
    area = plot.vb.sceneBoundingRect().adjusted(20, 20, -20, -20).toRect()
    picture = grey(image(to_png(view, view.logicalDpiX())))
    inside = picture[area.top() : area.bottom(), area.left() : area.right()]
    assert len(np.unique(inside)) == 1


def test_small_image_stays_sharp(bare_view):
    """The squares of an enlarged image have flat colours, not a blend."""
    box = bare_view.addViewBox(enableMenu=False)
    checks = np.indices((4, 4)).sum(0) % 2
    box.addItem(pg.ImageItem(checks.astype(float), axisOrder="row-major"))
    box.setRange(xRange=(0, 4), yRange=(0, 4), padding=0)
    values = grey(image(to_png(bare_view, 288)))[100:-100, 100:-100]
    assert np.mean((values > 8) & (values < 247)) < 0.02


def test_view_is_left_as_it_was(make_figure):
    """The window shows the same pixels before and after."""
    view = make_figure()
    before = view.grab().toImage()
    to_png(view, 150)
    assert view.grab().toImage() == before


def test_too_large_names_the_largest_possible(make_figure):
    """The refusal names a resolution, and that one is accepted."""
    view = make_figure()
    with pytest.raises(ExportError, match=r"9000 dpi.*too large; up to (\d+) dpi") as refusal:
        to_png(view, 9000)
    largest = int(str(refusal.value).split("up to ")[1].split()[0])
    assert picture_size(view, largest).width() > 10_000
    with pytest.raises(ExportError):
        picture_size(view, largest + 1)


@pytest.mark.parametrize("dpi", [0, -96, float("nan"), float("inf"), 0.01, 1e-320])
def test_impossible_resolutions(make_figure, dpi):
    """Said plainly, not drawn."""
    with pytest.raises(ExportError, match="dpi"):
        to_png(make_figure(), dpi)
