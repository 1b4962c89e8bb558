"""The figures, looked at by measuring: what is drawn where, what the axes say, what overlaps, what is cut off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pyqtgraph as pg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PyQt6.QtCore import QRectF
from PyQt6.QtGui import QFontMetricsF, QImage, QPainter
from PyQt6.QtWidgets import QApplication, QGraphicsItem

from thalweg.app.bindings import bindings
from thalweg.app.intents import AskedForMap, Edit
from thalweg.app.reduce import reduce
from thalweg.app.slicing import Slicing
from thalweg.app.state import AppState
from thalweg.app.theme import THEMES
from thalweg.app.views.axes import DECADES, SwitchableAxis, log10, log10_from, lowest_of, power_of_ten
from thalweg.app.views.axes_box import AxesBox
from thalweg.app.views.contour_items import ARROW_SPACING, arrow_heads
from thalweg.app.views.curve import thinned
from thalweg.app.views.curves import CurvesFigure
from thalweg.app.views.figure import Figure
from thalweg.app.views.gallery import FIGURES
from thalweg.app.views.gradient_norms import GradientNormsFigure
from thalweg.app.views.landscape import LandscapeFigure
from thalweg.app.views.surface import Stage
from thalweg.app.views.weight_map import WeightMapFigure
from thalweg.app.wishes import map_request
from thalweg.core.messages import Ready
from thalweg.core.scene import NetworkSpec

from .rig import a_map, bowl, drawn_line, frame, path, slices_drawn, started, state_of, tiny_scene

pytestmark = [
    pytest.mark.usefixtures("qapp"),
    pytest.mark.qt_log_level_fail("WARNING"),
    pytest.mark.qt_log_ignore(r"This plugin does not support \w+\(\)"),
]


def shown_state(**changes: object) -> AppState:
    """A state with everything in it: a run at step 40, a map, a path of 41 points."""
    scene = tiny_scene(**changes)
    state = state_of(scene)
    t = np.linspace(0, 1, 41)
    for message in (Ready("training"), Ready("landscape"), started(), frame(parameters=True)):
        state = reduce(message, state)
    found = map_request(state)
    assert found is not None
    state = reduce(AskedForMap(found[1], found[0].number), state)
    state = reduce(a_map(0, 1, step=40, scene=scene), state)
    state = reduce(frame(step=40, on=path(0, 2.5 * t, 1.5 * np.sin(3 * t))), state)
    return replace(state, slicing=Slicing(shown=slices_drawn(step=40)))


def picture(figure: Figure) -> np.ndarray:
    """The figure's pixels, [height, width, 4]."""
    image = QImage(figure.size(), QImage.Format.Format_RGB32)
    painter = QPainter(image)
    figure.render(painter)
    painter.end()
    pixels = np.frombuffer(image.constBits().asarray(image.sizeInBytes()), np.uint8)
    return pixels.reshape(image.height(), image.width(), 4).copy()


def place(item: QGraphicsItem) -> QRectF:
    """Where an item stands in the figure."""
    return item.mapRectToScene(item.boundingRect())


# --- thinning --------------------------------------------------------------------------------------------------------

CURVES = st.integers(1, 80).flatmap(
    lambda n: st.tuples(
        hnp.arrays(np.int64, n, elements=st.integers(1, 9)).map(lambda gaps: np.cumsum(gaps).astype(float)),
        hnp.arrays(float, n, elements=st.integers(-9, 9).map(float) | st.just(np.nan)),
    )
)


@given(CURVES, st.integers(2, 20))
def test_a_thinned_curve_keeps_the_extremes_of_every_column(curve: tuple[np.ndarray, np.ndarray], columns: int) -> None:
    """No peak of what is drawn is lost, nothing is made up, the order and both ends stay, and it is short."""
    x, y = curve
    tx, ty = thinned(x, y, columns)
    kept = np.isin(x, tx)
    assert np.array_equal(x[kept], tx)
    assert np.array_equal(y[kept], ty, equal_nan=True)
    assert (tx[0], tx[-1]) == (x[0], x[-1])
    assert len(tx) <= 3 * columns + 2
    width = (x[-1] - x[0]) or 1.0
    part = np.clip((x - x[0]) / width * columns, 0, columns - 1).astype(int)
    for column in np.unique(part):
        mine = y[part == column]
        mine = mine[np.isfinite(mine)]
        theirs = ty[np.isin(tx, x[part == column])]
        if mine.size:
            assert mine.min() in theirs
            assert mine.max() in theirs


def test_a_curve_without_any_number_is_thinned_to_gaps() -> None:
    """As the accuracy of a surface, after many steps: some of its points are left, and none is a number."""
    x, y = thinned(np.arange(400.0), np.full(400, np.nan), 50)
    assert 0 < len(x) <= 400
    assert np.isnan(y).all()


def test_what_is_too_small_for_a_logarithmic_plot_lies_on_its_lower_edge() -> None:
    """Sixteen powers of ten below the largest value of all: the plot does not follow rounding to 1e-46 or to 0."""
    values = np.array([100.0, 1e-3, 1e-40, 0.0, np.nan, np.inf, -1.0])
    lowest = lowest_of([values, np.array([1.0]), np.empty(0)])
    assert lowest == 2 - DECADES
    found = log10_from(values, lowest)
    assert found[:4].tolist() == pytest.approx([2, -3, lowest, lowest])
    assert np.isnan(found[4:]).all()
    assert lowest_of([np.zeros(3)]) == -np.inf
    assert np.isnan(log10_from(np.zeros(3), -np.inf)).all()


@given(st.integers(600, 3000))
def test_step_zero_on_a_logarithmic_axis_costs_no_peak(count: int) -> None:
    """Its logarithm is not a number; the greatest loss of the first column is drawn all the same."""
    steps, loss = np.arange(count, dtype=float), np.linspace(3, 1, count)
    x, y = thinned(log10(steps), loss, 3)
    drawn = y[np.isfinite(x)]
    assert drawn.max() == loss[1]
    assert drawn.min() == loss[-1]


# --- arrows ----------------------------------------------------------------------------------------------------------


@given(hnp.arrays(float, st.tuples(st.integers(1, 60), st.just(2)), elements=st.floats(-500, 500)), st.floats(5, 100))
def test_arrow_heads(points: np.ndarray, spacing: float) -> None:
    """Each tip lies on the path, is at least the spacing from the one before, and points away from it."""
    heads = arrow_heads(points, spacing, 10.0)
    last = points[0]
    for head in heads:
        tip, left, right = head
        assert (tip == points).all(axis=1).any()
        way = tip - last
        distance = np.hypot(*way)
        assert distance >= spacing
        base = (left + right) / 2
        assert np.dot(tip - base, way) == pytest.approx(10.0 * distance, rel=1e-6)
        assert np.hypot(*(tip - left)) == pytest.approx(np.hypot(*(tip - right)), rel=1e-6)
        last = tip
    assert all(np.hypot(*(p - last)) < spacing for p in points[np.flatnonzero((points == last).all(axis=1))[-1] :])


def test_a_straight_path_has_evenly_spaced_arrows_and_a_trembling_one_none() -> None:
    """A resting point is no movement."""
    line = np.stack([np.arange(0, 1000.0), np.zeros(1000)], axis=1)
    tips = [h[0][0] for h in arrow_heads(line, ARROW_SPACING, 10.0)]
    assert np.diff(tips) == pytest.approx(ARROW_SPACING)
    angle = np.linspace(0, 100, 1000)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1) * 0.4 * ARROW_SPACING
    assert arrow_heads(circle, ARROW_SPACING, 10.0) == []
    assert arrow_heads(line[:1], ARROW_SPACING, 10.0) == []


# --- axes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exponent", "text"),
    [(-12, "10⁻¹²"), (-3, "10⁻³"), (-2, "0.01"), (-1, "0.1"), (0, "1"), (3, "1000"), (4, "10⁴"), (10, "10¹⁰")],
)
def test_powers_of_ten(exponent: int, text: str) -> None:
    """Small ones as numbers."""
    assert power_of_ten(exponent) == text


@given(st.floats(-30, 30), st.floats(0.01, 12), st.integers(60, 700))
def test_a_logarithmic_axis_can_always_be_read(low: float, span: float, pixels: int) -> None:
    """Its labels are the values at their places, they do not crowd, and there is always at least one."""
    axis = SwitchableAxis("left")
    axis.set_logarithmic(True)
    high = low + span
    axis.setRange(low, high)
    labelled = []
    for spacing, values in axis.tickValues(low, high, pixels):
        assert all(low - 1e-9 <= v <= high + 1e-9 for v in values)
        for value, text in zip(values, axis.tickStrings(values, 1, spacing), strict=True):
            if text:
                labelled.append(value)
                plain = "10" not in text[:2] or text in ("10", "100", "1000")
                if plain:
                    assert np.log10(float(text)) == pytest.approx(value, abs=5e-3)
    assert labelled
    places = np.sort(np.array(labelled)) * pixels / span
    assert len(places) < 2 or np.diff(places).min() > 8


@given(st.floats(-30, 30), st.floats(0.0005, 12), st.integers(60, 700))
def test_numbers_below_a_logarithmic_axis_stand_side_by_side(low: float, span: float, pixels: int) -> None:
    """However little of a decade is in view: there is at least one, and no two texts touch."""
    axis = SwitchableAxis("bottom")
    axis.set_logarithmic(True)
    high = low + span
    axis.setRange(low, high)
    metrics = QFontMetricsF(QApplication.font())
    ends = []
    for spacing, values in axis.tickValues(low, high, pixels):
        for value, text in zip(values, axis.tickStrings(values, 1, spacing), strict=True):
            if text:
                middle, half = (value - low) * pixels / span, metrics.horizontalAdvance(text) / 2
                ends.append((middle - half, middle + half))
    assert ends
    ends.sort()
    assert all(right <= left for (_, right), (left, _) in pairwise(ends))


@given(hnp.arrays(float, st.integers(0, 30)))
def test_logarithms_never_warn(values: np.ndarray) -> None:
    """What has none is a gap."""
    with np.errstate(all="raise"):
        found = log10(values)
    good = np.isfinite(values) & (values > 0)
    assert np.array_equal(np.isfinite(found), good)
    assert found[good] == pytest.approx(np.log10(values[good]))


# --- the landscape ---------------------------------------------------------------------------------------------------


def test_the_path_lies_inside_the_axes_where_its_numbers_say(draw: Callable[..., Figure]) -> None:
    """The current point's marker has its colour at the pixel of its coordinates."""
    state = shown_state()
    figure = draw("landscape", state)
    assert isinstance(figure, LandscapeFigure)
    view = figure.plot.getViewBox()
    assert state.path is not None
    assert state.map is not None
    (x0, x1), (y0, y1) = view.viewRange()
    assert (x0, x1, y0, y1) == pytest.approx((state.map.x[0], state.map.x[-1], state.map.y[0], state.map.y[-1]))
    for x, y in zip(state.path.alpha, state.path.beta, strict=True):
        at = view.mapViewToScene(pg.Point(x, y))
        assert place(view).contains(at)
    marker = picture(figure)[round(at.y()), round(at.x()), :3][::-1]
    assert np.abs(marker.astype(int) - (0xFF, 0x5A, 0x1F)).max() < 12


@pytest.mark.parametrize("colour", ["linear", "log"])
@pytest.mark.parametrize("dress", THEMES)
def test_levels_bands_and_colour_bar_agree(draw: Callable[..., Figure], colour: str, dress: str) -> None:
    """Every level is an edge of the bar; the colour drawn at a point is the bar's colour for its loss."""
    state = shown_state(view__plane__colour=colour)
    figure = draw("landscape", replace(state, path=None), dress=dress)
    assert isinstance(figure, LandscapeFigure)
    edges = figure.bar._stack.edges
    inner = np.log10(figure._levels) if colour == "log" else figure._levels
    assert len(inner) >= 4
    assert all(np.isclose(edges, v).any() for v in inner)
    assert (np.diff(edges) > 0).all()
    assert colour in figure.bar.getAxis("right").labelText
    assert "nats" in figure.bar.getAxis("right").labelText
    assert state.map is not None
    z = np.log10(state.map.loss) if colour == "log" else state.map.loss
    assert edges[0] <= z.min()
    assert z.max() <= edges[-1]
    pixels, view = picture(figure), figure.plot.getViewBox()
    checked = 0
    for j, i in np.ndindex(z.shape):
        if min(i, j) == 0 or max(i, j) == 8 or np.abs(inner - z[j, i]).min() < 0.02 * (edges[-1] - edges[0]):
            continue  # on a line, or on the frame
        at = view.mapViewToScene(pg.Point(state.map.x[i], state.map.y[j]))
        found = pixels[round(at.y()), round(at.x()), :3][::-1]
        band = np.searchsorted(edges, z[j, i]) - 1
        if np.abs(found.astype(int) - figure.bar._stack.colours[band].getRgb()[:3]).max() <= 3:
            checked += 1
    assert checked >= 15


@pytest.mark.parametrize(("low", "high"), [(2.3, 2.301), (2.30258, 2.30259), (1e-9, 2e-9), (0.5, 0.50001)])
@pytest.mark.parametrize("colour", ["linear", "log"])
def test_the_colour_bar_tells_its_levels_apart(
    draw: Callable[..., Figure], low: float, high: float, colour: str
) -> None:
    """On a plateau the losses differ in a late digit: two marks must not read the same."""
    _, _, z = bowl(17)
    z = low + (high - low) * (z - z.min()) / (z.max() - z.min())
    state = shown_state(view__plane__colour=colour)
    figure = draw("landscape", replace(state, map=a_map(0, loss=z)))
    texts = [text for _, text in figure.bar.getAxis("right")._tickLevels[0]]
    assert len(texts) >= 2
    assert len(set(texts)) == len(texts)


HOLES = {
    "one": lambda z: np.where(z > z.max() - 1, np.nan, z),
    "half": lambda z: np.where(np.arange(z.shape[1]) > z.shape[1] // 2, np.inf, z),
    "all": lambda z: np.full_like(z, np.nan),
    "all infinite": lambda z: np.full_like(z, np.inf),
    "all but one": lambda z: np.where(z > z.min(), np.nan, z),
    "huge": lambda z: np.where(z > 5, 1e300, z),
}


@pytest.mark.parametrize("colour", ["linear", "log"])
@pytest.mark.parametrize("hole", HOLES)
def test_where_the_loss_is_not_finite_the_map_is_hatched(draw: Callable[..., Figure], hole: str, colour: str) -> None:
    """Whatever is left; nothing of the map before shows through, and the figure's ground is not taken for a loss."""
    state = shown_state(view__plane__colour=colour)
    figure = draw("landscape", state)
    assert isinstance(figure, LandscapeFigure)
    z = HOLES[hole](bowl(17)[2])
    figure.set_map(a_map(0, loss=z), colour == "log", 16, "nats")
    figure.set_path(None)
    QApplication.processEvents()
    pixels, view = picture(figure), figure.plot.getViewBox()
    bad = ~np.isfinite(z)
    assert (figure._bands._hatch is not None) == bad.any()
    if hole == "all":
        assert figure._lines._path.isEmpty()
    x = y = np.linspace(-2, 4, 17)
    for j, i in np.argwhere(bad & np.roll(bad, 1, 0) & np.roll(bad, 1, 1))[20:60:10]:
        at = view.mapViewToScene(pg.Point(x[i] - 0.15, y[j] - 0.15))
        area = pixels[round(at.y()) - 8 : round(at.y()) + 8, round(at.x()) - 8 : round(at.x()) + 8, :3]
        assert len(np.unique(area.reshape(-1, 3), axis=0)) >= 2


@pytest.mark.parametrize("value", [0.0, 2.3])
def test_a_flat_landscape_is_drawn(draw: Callable[..., Figure], value: float) -> None:
    """In one colour, without an error."""
    for colour in ("linear", "log"):
        state = shown_state(view__plane__colour=colour)
        figure = draw("landscape", replace(state, map=a_map(0, loss=np.full((9, 9), value))))
        assert len(np.unique(picture(figure).reshape(-1, 4), axis=0)) > 3


@pytest.mark.parametrize("far", [1e6, 1e12, 1e30])
def test_a_path_that_leaves_the_axes_is_drawn(draw: Callable[..., Figure], far: float) -> None:
    """However far, and where it is not finite."""
    figure = draw("landscape", shown_state())
    figure.set_path(path(0, (0.0, 1.0, far, -far, np.nan), (0.0, far, 1.0, np.inf, 0.0)))
    QApplication.processEvents()
    picture(figure)
    assert np.isfinite(figure.path._points).all()


def test_the_map_is_as_tall_as_its_numbers(draw: Callable[..., Figure]) -> None:
    """The table has every grid point and every point of the path."""
    state = shown_state()
    figure = draw("landscape", state)
    table = figure.table()
    assert {len(c) for c in table.values()} == {81 + 41}
    grid = table["part"] == "grid"
    assert state.map is not None
    for a, b, loss in zip(table["alpha"][grid], table["beta"][grid], table["loss"][grid], strict=True):
        j, i = np.flatnonzero(state.map.y == b)[0], np.flatnonzero(state.map.x == a)[0]
        assert state.map.loss[j, i] == loss


# --- the other figures -----------------------------------------------------------------------------------------------


def test_curves_draw_their_numbers(draw: Callable[..., Figure]) -> None:
    """Losses in their unit, accuracies in per cent, on linear and logarithmic axes."""
    state = shown_state()
    figure = draw("curves", state)
    assert isinstance(figure, CurvesFigure)
    assert state.frame is not None
    series = state.frame.series
    x, y = figure.curves[0, "train_loss"].item.getData()
    assert np.array_equal(x, series["step"])
    assert np.array_equal(y, series["train_loss"])
    assert np.array_equal(figure.curves[0, "test_accuracy"].item.getData()[1], 100 * series["test_accuracy"])
    figure.set_lines([drawn_line(series)], "nats", True, True)
    x, y = figure.curves[0, "train_loss"].item.getData()
    assert x == pytest.approx(np.log10(series["step"][1:]))
    assert y == pytest.approx(np.log10(series["train_loss"][1:]))
    assert "step 0 left out" in figure.accuracy.getAxis("bottom").labelText
    assert "nats" in figure.loss.getAxis("left").labelText


def test_the_newest_value_has_a_dot(draw: Callable[..., Figure]) -> None:
    """So that a run at step 0, which has no line yet, is seen; none where the newest is no number."""
    state = shown_state()
    figure = draw("curves", state)
    assert isinstance(figure, CurvesFigure)
    assert state.frame is not None
    series = state.frame.series

    def dot() -> tuple[list[float], list[float]]:
        x, y = figure.curves[0, "train_loss"]._newest.getData()
        return x.tolist(), y.tolist()

    assert dot() == ([40], [series["train_loss"][-1]])
    first = {k: v[:1] for k, v in series.items()}
    figure.set_lines([drawn_line(first)], "nats", False, False)
    assert dot() == ([0], [series["train_loss"][0]])
    figure.set_lines([drawn_line(first | {"train_loss": np.array([np.nan])})], "nats", False, False)
    assert dot() == ([], [])


@pytest.mark.parametrize("values", [np.full(41, np.nan), np.r_[np.ones(40), np.inf], np.zeros(41), np.full(41, 1e300)])
def test_measures_that_are_no_numbers_are_gaps(draw: Callable[..., Figure], values: np.ndarray) -> None:
    """A diverged run is drawn to where it diverged."""
    state = shown_state()
    assert state.frame is not None
    for log in (False, True):
        series = {k: (v if k == "step" else values) for k, v in state.frame.series.items()}
        bad = replace(state, frame=replace(state.frame, lines=(replace(state.frame.line, series=series),)))
        bad = reduce(Edit("view.log_loss", log), reduce(Edit("view.log_steps", log), bad))
        for name in ("curves", "gradient-norms"):
            picture(draw(name, bad))


def test_gradient_norms_have_one_curve_for_each_layer(draw: Callable[..., Figure]) -> None:
    """Also when the next run has another number of layers."""
    state = shown_state()
    figure = draw("gradient-norms", state)
    assert isinstance(figure, GradientNormsFigure)
    assert state.frame is not None
    for count in (2, 5, 1):
        series = {"step": state.frame.series["step"]}
        series |= {f"gradient_{k}": np.full(41, float(k)) for k in range(1, count + 1)}
        figure.set_lines([drawn_line(series)], False, "nats")
        assert [c.name for c in figure.curves.values()] == [f"layer {k}" for k in range(1, count + 1)]
        assert [label.text for _, label in figure.legend.items] == [f"layer {k}" for k in range(1, count + 1)]
        drawn = [i for i in figure.plot.items if isinstance(i, pg.PlotCurveItem)]
        assert len(drawn) == count
        for k, curve in enumerate(figure.curves.values(), start=1):
            assert curve.item.getData()[1] == pytest.approx(np.log10(k))


def test_the_weight_map_is_the_right_way_up(draw: Callable[..., Figure]) -> None:
    """Row 0 is the top, column 0 the left, for the norms and for the example."""
    state = shown_state()
    assert state.frame is not None
    norms = np.zeros((28, 28), dtype=np.float32)
    norms[2, 25] = 1
    figure = draw(
        "weight-map",
        replace(state, frame=replace(state.frame, lines=(replace(state.frame.line, weight_map=norms),))),
        (700, 400),
    )
    assert isinstance(figure, WeightMapFigure)
    pixels = picture(figure)
    for plot, item in ((figure.map, figure._image), (figure.example, figure._digit)):
        area = place(plot.getViewBox())
        image = item.mapRectToScene(item.boundingRect())
        assert abs(image.width() - image.height()) < 2
        assert area.adjusted(-2, -2, 2, 2).contains(image)
    box = figure._image.mapRectToScene(QRectF(25, 2, 1, 1)).center()
    spot = pixels[round(box.y()), round(box.x()), :3][::-1]
    ground = pixels[round(box.y()), round(figure._image.mapRectToScene(QRectF(5, 2, 1, 1)).center().x()), :3][::-1]
    assert spot.astype(int).sum() > ground.astype(int).sum() + 200


def without_map(state: AppState) -> AppState:
    """The state as a convolutional network has it."""
    assert state.started is not None
    assert state.frame is not None
    run = state.started.run.model_copy(update={"network": NetworkSpec(kind="cnn")})
    frame = replace(state.frame, lines=(replace(state.frame.line, weight_map=np.empty((0, 0), np.float32)),))
    return replace(state, started=replace(state.started, runs=(run,)), frame=frame)


def test_without_a_weight_map_there_is_a_reason_in_its_place(draw: Callable[..., Figure]) -> None:
    """Beside the example, which is there with its label; and the map comes back with the next network."""
    state = shown_state()
    figure = draw("weight-map", without_map(state))
    assert isinstance(figure, WeightMapFigure)
    assert figure.reason.isVisible()
    assert not figure.map.isVisible()
    assert not figure.bar.isVisible()
    assert "convolution" in figure.reason.text
    reason, digit = place(figure.reason), place(figure.example)
    assert QRectF(figure.rect()).contains(reason)
    assert reason.right() <= digit.left() + 1
    assert digit.width() > 0.3 * figure.width()
    assert figure.example.getAxis("bottom").label.isVisible()
    for binding in bindings({"weight-map": figure}):
        binding.show(state, 0.0)
    for _ in range(4):
        QApplication.processEvents()
    assert figure.map.isVisible()
    assert figure.bar.isVisible()
    assert not figure.reason.isVisible()
    ends = [place(p.getViewBox()).bottom() for p in (figure.map, figure.bar)]
    assert ends[0] == pytest.approx(ends[1], abs=2), "they end on one line"


def test_many_layers_are_coloured_by_depth_and_some_of_them_named(draw: Callable[..., Figure]) -> None:
    """The legend stays in the figure; first and last are among the named, no two colours are the same."""
    state = shown_state()
    figure = draw("gradient-norms", state)
    assert isinstance(figure, GradientNormsFigure)
    names = tuple(f"{k} conv, block {k // 2}" for k in range(1, 52))
    series = {"step": np.arange(41)} | {f"gradient_{k}": np.full(41, float(k)) for k in range(1, 52)}
    figure.set_lines([drawn_line(series, layers=names)], False, "nats")
    QApplication.processEvents()
    shown = [label.text for _, label in figure.legend.items]
    assert (shown[0], shown[-1]) == (names[0], names[-1])
    assert 3 <= len(shown) <= 6
    assert place(figure.legend).height() < figure.height()
    colours = [c.item.opts["pen"].color().name() for c in figure.curves.values()]
    assert len(set(colours)) == 51
    figure.set_lines([drawn_line(series, layers=names[::-1])], False, "nats")
    assert figure.legend.items[0][1].text == names[-1]


@pytest.mark.parametrize("norms", [np.zeros((28, 28)), np.full((28, 28), np.nan), np.full((28, 28), 1e-30)])
def test_weights_without_a_scale_are_drawn(draw: Callable[..., Figure], norms: np.ndarray) -> None:
    """Zero, lost, or tiny."""
    state = shown_state()
    assert state.frame is not None
    picture(
        draw(
            "weight-map",
            replace(state, frame=replace(state.frame, lines=(replace(state.frame.line, weight_map=norms),))),
        )
    )


# --- room ------------------------------------------------------------------------------------------------------------


def texts(figure: Figure) -> list[tuple[str, QRectF]]:
    """All texts beside the pictures that are to be read, and where they stand."""
    found = [("heading", place(figure.heading)), ("caption", place(figure.caption))]
    for plot in (i for i in figure.scene().items() if isinstance(i, pg.PlotItem)):
        for name in ("left", "bottom", "right"):
            axis = plot.getAxis(name)
            if axis.isVisible() and axis.label.isVisible() and axis.label.opacity() > 0 and axis.labelText:
                found.append((axis.labelText, place(axis.label)))
    found += [(label.text, place(label)) for i in figure.scene().items() if isinstance(i, pg.LegendItem)
              for _, label in i.items]  # fmt: skip
    for box in (i for i in figure.scene().items() if isinstance(i, AxesBox)):
        found += [(" ".join(t.lines), box.mapRectToScene(t.rect)) for t in box.texts]
    return [(t, r) for t, r in found if r.height() > 0]


@pytest.mark.parametrize("dress", THEMES)
@pytest.mark.parametrize("name", FIGURES)
def test_nothing_overlaps_and_nothing_is_cut(draw: Callable[..., Figure], name: str, dress: str) -> None:
    """Heading, caption, axis labels and legend at the size that a window of 1280 x 720 leaves."""
    figure = draw(name, shown_state(), dress=dress)
    whole = QRectF(figure.viewport().rect()).adjusted(-2, -2, 2, 2)
    found = texts(figure)
    assert len(found) >= 2
    for text, rect in found:
        assert whole.contains(rect), (text, rect, whole)
    for k, (text, rect) in enumerate(found):
        for other, there in found[k + 1 :]:
            common = rect.intersected(there)
            assert common.width() < 3 or common.height() < 5, (text, other, common)
    for plot in (i for i in figure.scene().items() if isinstance(i, pg.ViewBox)):
        for text, rect in found:
            common = rect.intersected(place(plot))
            assert common.width() < 3 or common.height() < 4, (text, common)


@pytest.mark.parametrize("dress", THEMES)
@pytest.mark.parametrize("name", FIGURES)
def test_the_picture_has_most_of_the_figure(draw: Callable[..., Figure], name: str, dress: str) -> None:
    """Words do not push it aside."""
    figure = draw(name, shown_state(), dress=dress)
    boxes = [place(i) for i in figure.scene().items() if isinstance(i, pg.ViewBox | Stage)]
    share = sum(b.width() * b.height() for b in boxes) / (figure.width() * figure.height())
    assert share > 0.12, share  # texts for the last row of a hall take much of a low screen


@pytest.mark.parametrize("name", FIGURES)
def test_a_caption_that_is_too_long_is_shortened_and_told_in_full_elsewhere(
    draw: Callable[..., Figure], name: str
) -> None:
    """In a small figure; with room it is whole again."""
    figure = draw(name, shown_state(), (300, 160))
    block = figure.caption
    assert place(block).height() <= max(0.26 * 160, 30)
    whole = " ".join(block.text.split())
    if " ".join(block._item.toPlainText().split()) != whole:
        assert block._item.toPlainText().endswith("…")
        assert block.toolTip() == block.text
    figure.resize(900, 700)
    for _ in range(4):
        QApplication.processEvents()
    assert block.toolTip() == ""
    assert " ".join(block._item.toPlainText().split()) == whole


@pytest.mark.parametrize("name", FIGURES)
def test_a_file_has_the_whole_caption(draw: Callable[..., Figure], name: str) -> None:
    """Also of a figure that is small on screen, where it is shortened again afterwards, even after an error."""
    figure = draw(name, shown_state(), (300, 160))
    block = figure.caption
    whole = " ".join(block.text.split())
    short = block._item.toPlainText()
    with pytest.raises(ZeroDivisionError), figure.whole_caption():
        assert " ".join(block._item.toPlainText().split()) == whole
        raise ZeroDivisionError
    assert block._item.toPlainText() == short


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_before_anything_has_loaded(draw: Callable[..., Figure], name: str) -> None:
    """Empty, not broken, in every theme; its table has nothing to say."""
    for dress in THEMES:
        figure = draw(name, state_of(), dress=dress)
        picture(figure)
        assert all(len(column) == 0 for column in figure.table().values())
