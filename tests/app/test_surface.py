"""The surface: that it agrees with the map, that it turns, and that files hold what the window shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PyQt6.QtCore import QEvent, QPoint, QPointF, QRectF, Qt
from PyQt6.QtGui import QKeyEvent, QWheelEvent
from PyQt6.QtPdf import QPdfDocument
from PyQt6.QtWidgets import QApplication

from thalweg.app import captions
from thalweg.app.export.figure import export
from thalweg.app.intents import Edit
from thalweg.app.reduce import reduce
from thalweg.app.theme import THEMES
from thalweg.app.views.axes_box import HEIGHT, Axis
from thalweg.app.views.camera import Camera, Placing
from thalweg.app.views.figure import Figure
from thalweg.app.views.height_field import HeightField
from thalweg.app.views.level_bands import level_bands
from thalweg.app.views.surface import SETTLE, SurfaceFigure, height_field
from thalweg.app.views.surface_items import SHADES, stretches
from thalweg.core.scene import SpecError, dumps, loads
from thalweg.core.scene.view import CameraSpec

from .figures import Draw
from .rig import a_map, bowl, path, tiny_scene
from .test_views import HOLES, picture, place, shown_state

pytestmark = [
    pytest.mark.usefixtures("qapp"),
    pytest.mark.qt_log_level_fail("WARNING"),
    pytest.mark.qt_log_ignore(r"This plugin does not support \w+\(\)"),
]

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def surface(draw: Draw) -> Callable[..., SurfaceFigure]:
    """Draws surfaces."""

    def make(*args: object, **changes: object) -> SurfaceFigure:
        figure = draw("surface", *(args or (shown_state(**changes),)))
        assert isinstance(figure, SurfaceFigure)
        return figure

    return make


def map_colours(figure: Figure) -> list[tuple[int, ...]]:
    """The colours of a figure's scale."""
    return [c.getRgb()[:3] for c in figure.bar._stack.colours]  # type: ignore[attr-defined]


# --- what is drawn ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("colour", ["linear", "log"])
def test_bands_and_scale_are_those_of_the_map(draw: Draw, colour: str) -> None:
    """The same edges, colours, marks and words; and heights as the scale says."""
    state = shown_state(view__plane__colour=colour)
    flat, surface = draw("landscape", state), draw("surface", state)
    assert isinstance(surface, SurfaceFigure)
    assert surface.bar._stack.edges == pytest.approx(flat.bar._stack.edges)  # type: ignore[attr-defined]
    assert map_colours(surface) == map_colours(flat)
    for figure in (flat, surface):
        assert colour in figure.bar.getAxis("right").labelText  # type: ignore[attr-defined]
    assert {k: v.tolist() for k, v in surface.table().items()}.keys() == flat.table().keys()
    assert state.map is not None
    edges = surface.bar._stack.edges
    z = np.log10(state.map.loss) if colour == "log" else state.map.loss
    assert surface._field is not None
    assert surface._field.z == pytest.approx(HEIGHT * (z - edges[0]) / (edges[-1] - edges[0]))


def test_seen_from_above_each_place_has_its_bands_colour(surface: Callable[..., SurfaceFigure]) -> None:
    """In one of its shades: the colour does not lie, however the light falls."""
    state = replace(shown_state(), path=None)
    figure = surface(reduce(Edit("view.camera", CameraSpec(azimuth=0.0, elevation=90.0)), state))
    assert state.map is not None
    pixels, sheet, edges = picture(figure), figure.stage.sheet, figure.bar._stack.edges
    assert sheet._placing is not None
    z, checked = state.map.loss, 0
    for j, i in np.ndindex(z.shape):
        if np.abs(edges - z[j, i]).min() < 0.02 * (edges[-1] - edges[0]) or min(i, j) == 0 or max(i, j) == len(z) - 1:
            continue
        x, y = sheet._placing.pixels(np.array([i / (len(z) - 1) - 0.5, j / (len(z) - 1) - 0.5, 0.0])).tolist()
        at = figure.stage.mapToScene(QPointF(x, y))
        found = pixels[round(at.y()), round(at.x()), :3][::-1].astype(int)
        band = int(np.searchsorted(edges, z[j, i])) - 1
        shades = [b.color().getRgb()[:3] for b in sheet._brushes[2 * SHADES * band : 2 * SHADES * band + SHADES]]
        checked += min(np.abs(found - s).max() for s in shades) <= 3
    assert checked >= 15


def test_heights_keep_their_order_on_the_screen(surface: Callable[..., SurfaceFigure]) -> None:
    """The loss axis reads upwards, and a tick stands as high as the surface where it has that loss."""
    figure = surface()
    axis: Axis = figure.stage.box._axes[2]
    shares = [share for share, _ in axis.ticks]
    assert shares == sorted(shares)
    assert all(0 <= s <= 1 for s in shares)
    edges = figure.bar._stack.edges
    for share, text in axis.ticks:
        assert edges[0] + share * (edges[-1] - edges[0]) == pytest.approx(float(text), rel=0.05)


@pytest.mark.parametrize("colour", ["linear", "log"])
@pytest.mark.parametrize("hole", HOLES)
def test_where_the_loss_is_not_finite_there_is_a_hole(
    surface: Callable[..., SurfaceFigure], hole: str, colour: str
) -> None:
    """No triangle has such a corner, and the caption counts the points."""
    z = HOLES[hole](bowl(17)[2])
    state = shown_state(view__plane__colour=colour)
    figure = surface(replace(state, map=a_map(0, loss=z)))
    picture(figure)
    bad = ~np.isfinite(z)
    text = captions.surface(replace(state, map=a_map(0, loss=z)))
    assert (f"at {bad.sum()} of 289 points the loss is not finite" in text) == bad.any()
    if figure._field is not None:
        corners, _ = figure._field.triangles()
        assert np.isfinite(corners).all()
        assert len(corners) <= 2 * 16 * 16 - bad.any()


@pytest.mark.parametrize("value", [0.0, 2.3])
@pytest.mark.parametrize("colour", ["linear", "log"])
def test_a_flat_surface_is_drawn(surface: Callable[..., SurfaceFigure], value: float, colour: str) -> None:
    """In one colour, without an error."""
    state = shown_state(view__plane__colour=colour)
    figure = surface(replace(state, map=a_map(0, loss=np.full((9, 9), value))))
    assert len(np.unique(picture(figure).reshape(-1, 4), axis=0)) > 3


def test_the_path_stands_on_the_surface(surface: Callable[..., SurfaceFigure]) -> None:
    """Its current point is marked where its coordinates and the loss drawn there say."""
    state = reduce(Edit("view.camera", CameraSpec(azimuth=0.0, elevation=60.0)), shown_state())
    figure = surface(state)
    assert state.map is not None
    assert state.path is not None
    assert figure._field is not None
    m, p, placing = state.map, state.path, figure.stage.sheet._placing
    assert placing is not None
    x, y = ((w[-1] - a[0]) / (a[-1] - a[0]) - 0.5 for w, a in ((p.alpha, m.x), (p.beta, m.y)))
    z = figure._field.height_at(np.array([x]), np.array([y]))[0]
    at = figure.stage.mapToScene(QPointF(*placing.pixels(np.array([x, y, z])).tolist()))
    marker = picture(figure)[round(at.y()), round(at.x()), :3][::-1]
    assert np.abs(marker.astype(int) - (0xFF, 0x5A, 0x1F)).max() < 12


@pytest.mark.parametrize("far", [1e6, 1e30, 1e300])
def test_a_path_that_leaves_the_axes_is_drawn_as_far_as_it_is_on_them(
    surface: Callable[..., SurfaceFigure], far: float
) -> None:
    """However far it goes, and where it is not finite; the caption says so."""
    way = path(0, (0.0, 1.0, far, -far, np.nan), (0.0, far, 1.0, np.inf, 0.0))
    state = replace(shown_state(), path=way)
    figure = surface(state)
    picture(figure)
    assert "What leaves the axes is not drawn" in captions.surface(state)
    assert "What leaves" not in captions.surface(shown_state())


def test_stretches_are_hidden_behind_a_wall_and_seen_before_it() -> None:
    """A line across a wall, looked at along it: seen up to the crest, hidden beyond, with no gap between."""
    z = np.zeros((21, 21))
    z[10, :] = 1.0
    n = np.linspace(-0.5, 0.5, 21)
    field = HeightField(n, n, z)
    draped = field.drape(np.zeros(2), np.array([-0.5, 0.5]))
    found = stretches(field, draped, Placing(Camera(0.0, 30.0), 300.0, (0.0, 0.0)))
    assert [hidden for _, hidden in found] == [False, True]
    assert found[0][0][-1] == pytest.approx(found[1][0][0])


# --- texts -----------------------------------------------------------------------------------------------------------

ANGLES = [(a, e) for a in (-180, -135, -91, -45, -10, 0, 20, 45, 90, 125, 170) for e in (5, 20, 45, 75, 90)]


@pytest.mark.parametrize("dress", THEMES)
@pytest.mark.parametrize("size", [(563, 634), (850, 560), (900, 720)])
def test_texts_never_touch_and_are_never_cut(draw: Draw, dress: str, size: tuple[int, int]) -> None:
    """From any side; both axes of the plane are named from every side, the loss axis unless seen from high above."""
    figure = draw("surface", shown_state(), size, dress)
    assert isinstance(figure, SurfaceFigure)
    for azimuth, elevation in ANGLES:
        figure.set_camera(float(azimuth), float(elevation), 1.0)
        texts = figure.stage.box.texts
        area = QRectF(figure.stage.boundingRect())
        words = " / ".join(" ".join(t.lines) for t in texts)
        for k, text in enumerate(texts):
            assert area.contains(text.rect), (azimuth, elevation, text)
            for other in texts[k + 1 :]:
                assert not text.rect.intersects(other.rect), (azimuth, elevation, text, other)
        for name in ("layer 1", "layer 2"):
            assert name in words, (azimuth, elevation, words)
        if elevation <= 45:
            assert "training loss" in words, (azimuth, elevation, words)


def test_the_box_stays_in_its_room_while_it_is_turned(surface: Callable[..., SurfaceFigure]) -> None:
    """All eight corners, from every side."""
    figure = surface()
    box = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (0, HEIGHT)])
    for azimuth, elevation in ANGLES:
        figure.set_camera(float(azimuth), float(elevation), 1.0)
        placing = figure.stage.sheet._placing
        assert placing is not None
        for x, y in placing.pixels(box).tolist():
            assert figure.stage.boundingRect().contains(QPointF(x, y)), (azimuth, elevation)


# --- turning ---------------------------------------------------------------------------------------------------------


def middle(figure: SurfaceFigure) -> QPoint:
    """Of the stage, in the viewport."""
    return figure.mapFromScene(place(figure.stage).center())


def test_a_drag_turns_and_says_so_once_at_its_end(qtbot: object, surface: Callable[..., SurfaceFigure]) -> None:
    """The front follows the mouse; no more than straight down."""
    figure, heard = surface(), []
    figure.turned.connect(lambda *camera: heard.append(camera))
    start, at = CameraSpec(), middle(figure)
    view = figure.viewport()
    qtbot.mousePress(view, LEFT, pos=at)  # type: ignore[attr-defined]
    for k in range(1, 6):
        qtbot.mouseMove(view, at + QPoint(10 * k, 5 * k))  # type: ignore[attr-defined]
    assert heard == []
    assert figure.camera == pytest.approx((start.azimuth - 20, start.elevation + 10, 1.0))
    qtbot.mouseRelease(view, LEFT, pos=at + QPoint(50, 25))  # type: ignore[attr-defined]
    assert heard == [figure.camera]
    qtbot.mousePress(view, LEFT, pos=at)  # type: ignore[attr-defined]
    qtbot.mouseMove(view, at + QPoint(0, 900))  # type: ignore[attr-defined]
    qtbot.mouseRelease(view, LEFT, pos=at)  # type: ignore[attr-defined]
    assert figure.camera[1] == 90.0


def test_a_camera_from_elsewhere_waits_while_the_mouse_turns(
    qtbot: object, surface: Callable[..., SurfaceFigure]
) -> None:
    """So that a new map in the middle of a drag does not throw the surface about."""
    figure = surface()
    qtbot.mousePress(figure.viewport(), LEFT, pos=middle(figure))  # type: ignore[attr-defined]
    before = figure.camera
    figure.set_camera(0.0, 10.0, 2.0)
    assert figure.camera == before
    qtbot.mouseRelease(figure.viewport(), LEFT, pos=middle(figure))  # type: ignore[attr-defined]
    figure.set_camera(0.0, 10.0, 2.0)
    assert figure.camera == (0.0, 10.0, 2.0)


def test_the_wheel_magnifies_and_a_double_click_resets(qtbot: object, surface: Callable[..., SurfaceFigure]) -> None:
    """Said once, when the wheel has come to rest."""
    figure, heard = surface(), []
    figure.turned.connect(lambda *camera: heard.append(camera))
    at = QPointF(middle(figure))
    for _ in range(3):
        event = QWheelEvent(
            at, figure.viewport().mapToGlobal(at), QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(figure.viewport(), event)
    assert figure.camera[2] == pytest.approx(1.33, abs=0.02)
    qtbot.waitUntil(lambda: heard == [figure.camera], timeout=20 * SETTLE)  # type: ignore[attr-defined]
    qtbot.mouseDClick(figure.viewport(), LEFT, pos=middle(figure))  # type: ignore[attr-defined]
    start = CameraSpec()
    assert figure.camera == (start.azimuth, start.elevation, start.zoom) == heard[-1]


def test_arrow_keys_turn_what_has_the_focus(qtbot: object, surface: Callable[..., SurfaceFigure]) -> None:
    """They are taken from the shortcuts, other keys are not; a click takes no focus from the player."""
    figure = surface()
    azimuth, elevation, _ = figure.camera
    qtbot.keyClick(figure, Qt.Key.Key_Right)  # type: ignore[attr-defined]
    qtbot.keyClick(figure, Qt.Key.Key_Down)  # type: ignore[attr-defined]
    assert figure.camera[:2] == pytest.approx((azimuth - 5, elevation + 5))
    for key, taken in ((Qt.Key.Key_Right, True), (Qt.Key.Key_Space, False)):
        event = QKeyEvent(QEvent.Type.ShortcutOverride, key, Qt.KeyboardModifier.NoModifier)
        event.ignore()
        QApplication.sendEvent(figure, event)
        assert event.isAccepted() is taken
    assert not figure.focusPolicy() & Qt.FocusPolicy.ClickFocus


# --- the scene and files ---------------------------------------------------------------------------------------------


def test_the_camera_round_trips_through_the_scenes_file() -> None:
    """And a camera below the floor is refused with what would be accepted."""
    scene = tiny_scene().edited({"view.camera": CameraSpec(azimuth=-33.5, elevation=71.0, zoom=1.5)})
    assert loads(dumps(scene)) == scene
    assert "azimuth = -33.5" in dumps(scene)
    with pytest.raises(SpecError, match=r"view.camera.elevation: .*4.* from 5 to 90"):
        loads("[view.camera]\nelevation = 4.0")


@pytest.mark.parametrize("suffix", [".pdf", ".svg"])
def test_files_are_vectors_with_text(surface: Callable[..., SurfaceFigure], tmp_path: Path, suffix: str) -> None:
    """No raster, the axes' words as words, and afterwards the screen keeps its pixels again."""
    figure = surface()
    target = tmp_path / f"a{suffix}"
    mode = figure.stage.sheet.cacheMode()
    export(figure, target)
    assert figure.stage.sheet.cacheMode() == mode
    content = target.read_bytes()
    assert b"/Subtype /Image" not in content
    assert b"<image" not in content
    if suffix == ".svg":
        text = content.decode()
        assert "training loss" in text
        assert len(re.findall("<path", text)) > 128  # two triangles for each cell, at least
        words = re.sub("<[^>]*>", " ", text)
    else:
        document = QPdfDocument(None)
        document.load(str(target))
        words = document.getAllText(0).text()
        document.close()
    assert "negative gradient" in words
    assert "Loss surface at step 40" in words


def test_a_file_shows_no_seams(surface: Callable[..., SurfaceFigure], tmp_path: Path) -> None:
    """A flat surface from above, rasterised with smoothing, is one colour inside."""
    state = replace(shown_state(), path=None, map=a_map(0, loss=np.full((9, 9), 2.3)))
    figure = surface(reduce(Edit("view.camera", CameraSpec(azimuth=20.0, elevation=90.0)), state))
    export(figure, tmp_path / "a.pdf")
    document = QPdfDocument(None)
    document.load(str(tmp_path / "a.pdf"))
    image = document.render(0, figure.size() * 2)
    document.close()
    placing = figure.stage.sheet._placing
    assert placing is not None
    at = 2 * figure.stage.mapToScene(QPointF(*placing.pixels(np.array([0, 0, HEIGHT / 2])).tolist()))
    reach = int(0.6 * placing.scale)  # of twice as many pixels, inside the tilted square
    found = [
        image.pixelColor(round(at.x()) + dx, round(at.y()) + dy).getRgb()[:3]
        for dx in range(-reach, reach, 3)
        for dy in range(-reach, reach, 3)
    ]
    assert np.ptp(found, axis=0).max() <= 2


def test_a_line_of_the_map_that_is_moved_is_drawn_where_it_is() -> None:
    """A plane over a grid with one line out of step is still a plane."""
    x, y = np.linspace(0, 8, 9), np.linspace(0, 4, 5)
    x[3] = 3.4
    plane = 2.0 + x[None, :] + 0.5 * y[:, None]
    heights = height_field(level_bands(plane, 8, False), x, y).z
    assert np.diff(heights, axis=1) == pytest.approx(np.full((5, 8), heights[0, 1] - heights[0, 0]))
