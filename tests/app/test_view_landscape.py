"""What can be read off the landscape and done with it: values on lines, arrows, accuracy, readout, zoom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyqtgraph as pg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PyQt6.QtCore import QEvent, QPoint, QPointF, Qt
from PyQt6.QtGui import QColor, QWheelEvent
from PyQt6.QtWidgets import QApplication

from thalweg.app.export.vector import to_svg
from thalweg.app.theme import THEMES
from thalweg.app.views.contour_lines import _luminance, ink_on
from thalweg.app.views.landscape import LandscapeFigure, quantity_of
from thalweg.app.views.readout import near_step, reading
from thalweg.app.views.slope_arrows import arrows, outlines
from thalweg.core.landscape.between import value_at
from thalweg.core.landscape.slope import full_slope, slope
from thalweg.core.messages import Map

from .rig import a_map, bowl, path

pytestmark = [
    pytest.mark.usefixtures("qapp"),
    pytest.mark.qt_log_level_fail("WARNING"),
    pytest.mark.qt_log_ignore(
        r"This plugin does not support \w+\(\)", r"Mouse event .* not accepted by receiving widget"
    ),
]

FINE = a_map(0, loss=bowl(41)[2])


@pytest.fixture
def figure(qtbot: object) -> Iterator[LandscapeFigure]:
    """A landscape figure as large as in a window of 1280 x 720, with a map and a path."""
    made = LandscapeFigure()
    made.resize(563, 634)
    made.set_theme(THEMES["light"])
    made.show()
    made.set_path(path(0, (0.0, 0.5, 1.0), (2.0, 1.0, 0.6)))
    made.set_map(FINE, False, 16, "nats")
    settle()
    yield made
    made.close()
    made.deleteLater()
    QApplication.sendPostedEvents(made, QEvent.Type.DeferredDelete)


def settle() -> None:
    """Layouts come to rest, and what is to be painted is."""
    for _ in range(4):
        QApplication.processEvents()


def there(figure: LandscapeFigure, x: float, y: float) -> QPoint:
    """The pixel of the viewport at coordinates of the plane."""
    return figure.mapFromScene(figure.box.mapViewToScene(pg.Point(x, y)))


def loss_read(figure: LandscapeFigure) -> float:
    """The loss that the readout says."""
    return float(figure.readout.text().split("loss ≈ ")[1].split(",")[0])


# --- values on the lines ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("dress", THEMES)
def test_the_value_on_a_line_is_the_loss_there(figure: LandscapeFigure, dress: str, log: bool) -> None:
    """In every theme, for linear and logarithmic levels; inside the plot and off the ends of the path."""
    figure.set_theme(THEMES[dress])
    figure.set_map(FINE, log, 16, "nats")
    settle()
    found = figure._lines.labels()
    assert len(found) >= 4
    for text, place in found:
        scene = QPointF(place.x, place.y)
        assert figure.box.sceneBoundingRect().contains(scene)
        at = figure.box.mapSceneToView(scene)
        assert value_at(FINE.x, FINE.y, FINE.loss, (at.x(), at.y())) == pytest.approx(float(text), rel=0.03, abs=0.01)
        for end in ((0.0, 2.0), (1.0, 0.6)):
            marker = figure.box.mapViewToScene(pg.Point(*end))
            assert np.hypot(marker.x() - place.x, marker.y() - place.y) > figure.path.reach


def test_a_marker_that_comes_over_a_value_drives_it_away(figure: LandscapeFigure) -> None:
    """The map is still the same."""
    _, place = figure._lines.labels()[0]
    at = figure.box.mapSceneToView(QPointF(place.x, place.y))
    figure.set_path(path(0, (0.0, at.x()), (2.0, at.y())))
    settle()
    gaps = [np.hypot(p.x - place.x, p.y - place.y) for _, p in figure._lines.labels()]
    assert min(gaps) > figure.path.reach


def test_values_are_switched_off_and_are_few_in_a_small_figure(figure: LandscapeFigure) -> None:
    """A line without its value has no gap."""
    many = len(figure._lines.labels())
    whole = figure._lines._path.elementCount()
    figure.set_map(FINE, False, 16, "nats", labels=False)
    settle()
    assert figure._lines.labels() == []
    assert figure._lines._path.elementCount() < whole
    figure.set_map(FINE, False, 16, "nats")
    figure.resize(260, 240)
    settle()
    assert len(figure._lines.labels()) < many / 2


def test_values_are_text_in_a_file_and_the_readout_is_in_none(figure: LandscapeFigure) -> None:
    """In an SVG they can be searched for."""
    figure._point_at(figure.box.mapViewToScene(pg.Point(1, 1)))
    assert "loss ≈" in figure.readout.text()
    svg = to_svg(figure).decode()
    for text, _ in figure._lines.labels():
        assert f">{text}<" in svg.replace("\n", "")
    assert "≈" not in svg


@given(*[st.integers(0, 255)] * 3)
def test_a_value_can_be_read_on_any_colour(red: int, green: int, blue: int) -> None:
    """Contrast of at least 4.5 to 1 (WCAG 2.1, AA)."""
    ground = QColor(red, green, blue)
    pair = sorted(_luminance(c) + 0.05 for c in (ground, ink_on(ground)))
    assert pair[1] / pair[0] >= 4.5


# --- arrows ----------------------------------------------------------------------------------------------------------


@given(*[st.floats(-3, 3)] * 5, st.floats(5, 200), st.floats(5, 200))
def test_arrows_have_the_direction_of_the_analytic_gradient(
    c1: float, c2: float, c3: float, c4: float, c5: float, px: float, py: float
) -> None:
    """On a quadratic surface, put on screen as any step in the coordinates is."""
    x, y = np.linspace(-2, 4, 21), np.linspace(-1, 3, 17)
    a, b = np.meshgrid(x, y)
    z = c1 * a + c2 * b + c3 * a * a + c4 * a * b + c5 * b * b
    full = full_slope(x, y, z)
    if full < 1e-6:
        return
    points, courses = arrows(x, y, slope(x, y, z), full, np.array([px, -py]), 46.0)
    downhill = -np.stack(
        [c1 + 2 * c3 * points[:, 0] + c4 * points[:, 1], c2 + c4 * points[:, 0] + 2 * c5 * points[:, 1]]
    )
    on_screen = (downhill * [[px], [-py]]).T
    length = np.hypot(*courses.T)
    assert (length <= 1 + 1e-9).all()
    assert length == pytest.approx(np.sqrt(np.minimum(1, np.hypot(*downhill) / full)), rel=1e-6)
    assert (courses * on_screen).sum(axis=1) == pytest.approx(length * np.hypot(*on_screen.T), rel=1e-6)
    if px == py:  # at right angles to the contour line on screen, whose direction is (-f_b, f_a)
        line = np.stack([downhill[1], -downhill[0]]).T * [px, -py]
        assert (courses * line).sum(axis=1) == pytest.approx(0, abs=1e-6 * px * full)


@given(st.floats(0.1, 6.2), st.floats(0.2, 1))
def test_an_arrow_is_as_long_as_its_course_and_points_along_it(angle: float, size: float) -> None:
    """Its middle is at its grid point."""
    course = 30 * size * np.array([[np.cos(angle), np.sin(angle)]])
    (outline,) = outlines(np.array([[5.0, 7.0]]), course, 1.0)
    tail, tip = (outline[0] + outline[6]) / 2, outline[3]
    assert tip - tail == pytest.approx(course[0])
    assert (tip + tail) / 2 == pytest.approx([5, 7])


@given(st.integers(3, 201), st.floats(0.5, 80))
def test_arrows_stand_as_far_from_one_border_as_from_the_other(count: int, pixels: float) -> None:
    """There is one at least, none on a border, and no two nearer than the spacing."""
    x = np.arange(count, dtype=float)
    flat = np.ones((count, count, 2))
    points, _ = arrows(x, x, flat, 1.0, np.array([pixels, -pixels]), 46.0)
    at = np.unique(points[:, 0])
    assert len(at) >= 1
    assert at[0] > 0
    assert at[-1] < count - 1
    assert abs(at[0] - (count - 1 - at[-1])) <= 1
    assert len(at) < 2 or np.diff(at).min() * pixels >= 46 * (1 - 1e-9)


def test_arrows_are_drawn_apart_and_none_is_under_a_value(figure: LandscapeFigure) -> None:
    """One item; a flat map has none, nor has one without finite values."""
    figure.set_map(FINE, False, 16, "nats", arrows=True)
    settle()
    t = figure._arrows.sceneTransform()
    middles = figure._arrows.on_screen(t)[0]
    assert 20 <= len(middles) <= 150
    assert np.hypot(*(middles[:1] - middles[1:]).T).min() >= 40
    assert figure._lines.labels()
    for _, place in figure._lines.labels():
        assert np.hypot(*(middles - [place.x, place.y]).T).min() > 5
    for z in (np.ones((9, 9)), np.full((9, 9), np.nan)):
        figure.set_map(a_map(0, loss=z), False, 16, "nats", arrows=True)
        settle()
        assert len(figure._arrows.on_screen(t)[0]) == 0


# --- accuracy --------------------------------------------------------------------------------------------------------


def with_accuracy(complete: bool = True) -> Map:
    """A map whose accuracy falls from 1 at the left to 0 at the right; every second point if it is not complete."""
    x, y, z = bowl(17)
    accuracy = np.tile(np.linspace(1, 0, 17), (17, 1))
    if not complete:
        known = np.zeros((17, 17), dtype=bool)
        known[::4, ::4] = True
        accuracy = np.where(known, accuracy, np.nan)
    return replace(a_map(0, loss=z, complete=complete), x=x, y=y, accuracy=accuracy)


def test_the_accuracy_is_drawn_in_per_cent(figure: LandscapeFigure) -> None:
    """With linear levels, whatever the loss has."""
    figure.set_map(with_accuracy(), True, 16, "nats", quantity="accuracy")
    settle()
    assert figure.bar.getAxis("right").labelText == "training accuracy (%)"
    assert np.diff(figure._levels) == pytest.approx(figure._levels[1] - figure._levels[0])
    assert 80 < figure._levels[-1] < 100
    for text, place in figure._lines.labels():
        x = figure.box.mapSceneToView(QPointF(place.x, place.y)).x()
        assert float(text) == pytest.approx(100 * (4 - x) / 6, abs=0.5)


def test_a_coarse_accuracy_is_that_of_the_points_computed() -> None:
    """Nothing is hatched that is only not there yet; what has no finite loss is."""
    x, y, z = quantity_of(with_accuracy(complete=False), "accuracy")
    assert (len(x), len(y)) == (5, 5)
    assert np.isfinite(z).all()
    assert (x[0], x[-1], y[0], y[-1]) == (-2, 4, -2, 4)
    whole = with_accuracy()
    whole.loss[3, 4] = np.inf
    assert np.argwhere(np.isnan(quantity_of(whole, "accuracy")[2])).tolist() == [[3, 4]]
    assert quantity_of(whole, "loss")[2] is whole.loss


# --- the readout -----------------------------------------------------------------------------------------------------


def test_what_is_read_at_a_place() -> None:
    """Coordinates to the pixel, loss, accuracy, and the step where the path is near."""
    on = path(0, (0.0, 0.5, 1.0), (2.0, 1.0, 0.6))
    pixel = (0.014, 0.013)
    assert reading(FINE, on, (1.0, 0.55), pixel) == "(1.00, 0.55)\nloss ≈ 0.305, accuracy ≈ 50 %\npath at step 2"
    assert "step" not in reading(FINE, on, (3.0, 0.55), pixel)
    assert "step" not in reading(FINE, path(1, (1.0,), (0.55,)), (1.0, 0.55), pixel), "a path on another plane"
    assert reading(FINE, None, (9.0, 0.5), pixel) == "(9.00, 0.50)"
    coarse = replace(FINE, complete=False)
    assert "accuracy" not in reading(coarse, on, (1.0, 0.55), pixel)
    holes = replace(FINE, loss=np.full((41, 41), np.nan), accuracy=np.full((41, 41), np.nan))
    assert reading(holes, None, (1.0, 0.5), pixel) == "(1.00, 0.50)\nloss not finite"


def test_the_nearest_step_is_measured_in_pixels() -> None:
    """Not in units, which differ; what is not finite is nowhere."""
    on = path(0, (0.0, 1.0, np.nan), (0.0, 1.0, 0.0))
    assert near_step(on, 0, (0.9, 0.0), (0.1, 0.1)) == 0
    assert near_step(on, 0, (0.9, 0.0), (0.02, 0.1)) == 1
    assert near_step(on, 0, (0.9, 0.0), (0.001, 0.001)) is None


def test_the_readout_follows_the_pointer_and_goes_with_it(figure: LandscapeFigure, qtbot) -> None:
    """It makes room for the pointer, and follows the map."""
    qtbot.mouseMove(figure.viewport(), there(figure, 1.0, 0.5))
    qtbot.wait(20)
    qtbot.mouseMove(figure.viewport(), there(figure, 1.5, 0.5))
    assert figure.readout.isVisible()
    assert loss_read(figure) == pytest.approx(0.55, abs=0.02)
    corner = figure.readout.geometry()
    figure.set_map(replace(FINE, loss=FINE.loss + 1), False, 16, "nats")
    assert loss_read(figure) == pytest.approx(1.55, abs=0.02)
    figure._point_at(figure.mapToScene(corner.center()))
    assert not figure.readout.geometry().contains(corner.center())
    QApplication.sendEvent(figure.viewport(), QEvent(QEvent.Type.Leave))
    assert not figure.readout.isVisible()


# --- zoom ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def asked(figure: LandscapeFigure) -> list[object]:
    """What the figure has asked for since."""
    found: list[object] = []
    figure.zoom_requested.connect(lambda x, y: found.append((x, y)))
    figure.whole_requested.connect(lambda: found.append("whole"))
    return found


def drag(figure: LandscapeFigure, qtbot, points: list[QPoint], button: Qt.MouseButton) -> None:
    """Press at the first point, move through the others, let go at the last."""
    qtbot.mousePress(figure.viewport(), button, pos=points[0])
    for point in points[1:]:
        qtbot.wait(15)  # moves that follow each other faster are passed over
        qtbot.mouseMove(figure.viewport(), point)
    qtbot.wait(15)
    qtbot.mouseRelease(figure.viewport(), button, pos=points[-1])


def test_a_rectangle_asks_for_its_ranges(figure: LandscapeFigure, asked: list, qtbot) -> None:
    """Whichever corner it began in; the view itself waits for its setter."""
    corners = [there(figure, *p) for p in ((3.0, -1.0), (2.0, 0.0), (1.5, 0.5), (0.0, 2.0))]
    drag(figure, qtbot, corners, Qt.MouseButton.LeftButton)
    ((x, y),) = asked
    assert (*x, *y) == pytest.approx((0, 3, -1, 2), abs=0.03)
    assert figure.box.viewRange()[0] == [-2, 4]
    figure.set_zoom((x, y))
    assert figure.box.viewRange() == [list(x), list(y)]
    assert "double-click" in figure.readout.text()
    figure.set_map(FINE, False, 16, "nats")  # still the old one, stretched
    assert figure.box.viewRange() == [list(x), list(y)]
    figure.set_zoom(None)
    assert figure.box.viewRange()[0] == [-2, 4]


def test_a_click_is_no_zoom_and_a_double_click_shows_the_whole(figure: LandscapeFigure, asked: list, qtbot) -> None:
    """A hand that trembles by a few pixels clicks."""
    at = there(figure, 1, 1)
    drag(figure, qtbot, [at, at + QPoint(3, 2), at + QPoint(5, 6)], Qt.MouseButton.LeftButton)
    assert asked == []
    qtbot.mouseDClick(figure.viewport(), Qt.MouseButton.LeftButton, pos=at)
    qtbot.mouseRelease(figure.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert asked == ["whole"]


@pytest.mark.parametrize("button", [Qt.MouseButton.MiddleButton, Qt.MouseButton.RightButton])
def test_a_drag_with_another_button_moves_the_picture(
    figure: LandscapeFigure, asked: list, qtbot, button: Qt.MouseButton
) -> None:
    """By as much as the pointer; without a setter that follows, it goes back."""
    figure.set_zoom(((0.0, 2.0), (0.0, 2.0)))
    settle()
    drag(figure, qtbot, [there(figure, *p) for p in ((1.0, 1.0), (1.2, 1.1), (1.4, 1.2), (1.5, 1.25))], button)
    ((x, y),) = asked
    assert (*x, *y) == pytest.approx((-0.5, 1.5, -0.25, 1.75), abs=0.02)
    assert figure.box.viewRange() == [[0, 2], [0, 2]]


@pytest.mark.parametrize(("notches", "width"), [(1, 4.8), (-1, 7.5)])
def test_the_wheel_zooms_around_the_pointer(figure: LandscapeFigure, asked: list, notches: int, width: float) -> None:
    """What is under the pointer stays under it."""
    at = QPointF(there(figure, 1.0, 2.5))
    event = QWheelEvent(at, QPointF(figure.mapToGlobal(at.toPoint())), QPoint(), QPoint(0, 120 * notches),
                        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase,
                        False)  # fmt: skip
    QApplication.sendEvent(figure.viewport(), event)
    ((x, y),) = asked
    assert x[1] - x[0] == pytest.approx(width)
    assert y[1] - y[0] == pytest.approx(width)
    assert (1.0 - x[0]) / width == pytest.approx(0.5, abs=0.01)
    assert (2.5 - y[0]) / width == pytest.approx(0.75, abs=0.01)


def test_path_and_lines_cover_the_view_as_it_is(figure: LandscapeFigure) -> None:
    """After each zoom; what an item does not claim is not drawn."""
    for x, y in (((0.0, 1.0), (0.0, 2.0)), ((3.0, 5.0), (-4.0, 4.0))):
        figure.set_zoom((x, y))
        settle()
        for item in (figure.path, figure._lines):
            area = item.boundingRect()
            assert (area.left(), area.right(), area.top(), area.bottom()) == pytest.approx((*x, *y))


def test_the_old_map_far_stretched_is_drawn(figure: LandscapeFigure) -> None:
    """A moment long, before the map of the narrow ranges arrives."""
    for width in (1e-3, 1e-6, 6e-9):
        figure.set_zoom(((1.0, 1.0 + width), (1.0, 1.0 + width)))
        figure._point_at(figure.box.sceneBoundingRect().center())
        settle()
        figure.grab()
        assert loss_read(figure) == pytest.approx(0.8, abs=0.02)
