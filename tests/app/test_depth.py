"""The strip of layers over steps: its numbers, its picture, and what a person does with it."""

from __future__ import annotations

import doctest
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PyQt6.QtCore import QPoint, QPointF, Qt
from PyQt6.QtWidgets import QApplication

from thalweg.app import depth_captions, strip
from thalweg.app.captions import gradient_norms
from thalweg.app.intents import Edit
from thalweg.app.overlay import DrawnLine, lines_of
from thalweg.app.reduce import reduce
from thalweg.app.state import AppState
from thalweg.app.strip import Strip, beyond, fan_strip_of, robust_range, sampled, strip_of
from thalweg.app.views import depth as depth_view
from thalweg.app.views.axes import step_places
from thalweg.app.views.depth import DepthFigure, scale_ticks
from thalweg.app.wishes import session_commands
from thalweg.core.messages import MeasureAlso, Play, Start
from thalweg.core.scene.depth import COSTLY, LINEAR, DepthQuantity, DepthSpec

from .figures import Draw
from .rig import line, started, state_of, tiny_scene

STEPS = np.array([0, 1, 2, 10, 100])
"""Measured at very uneven distances."""

TIMED = "view__depth__quantity"


def series(layers: int = 3, quantity: str = "gradient") -> dict[str, np.ndarray]:
    """A quantity that falls tenfold from layer to layer, and with the steps."""
    return {"step": STEPS} | {f"{quantity}_{n}": 10.0 ** (n - layers) / (1.0 + STEPS) for n in range(1, layers + 1)}


def state_with(found: dict[str, np.ndarray], step: int = 10, **changes: Any) -> AppState:
    """The state of a window that shows this series."""
    from .rig import frame

    shown_so = {"view__panels": ("curves", "depth"), "run__network__hidden": (8, 8)}
    scene = tiny_scene(**(shown_so | changes))
    runs = replace(started(), runs=scene.runs())
    own = replace(line(0, step, head=int(found["step"][-1])), series=found)
    shown = replace(frame(1, step), lines=(own,), costs={"step": 0.001, "gradient": 0.002})
    return replace(state_of(scene), started=runs, frame=shown, generation=1)


def timed_state() -> AppState:
    """The state of an LSTM whose gradient falls tenfold from each row to the row before, and with the steps."""
    return timed_state_of(series(28, "state"))


def fan_state(seeds: int = 5, **changes: Any) -> tuple[AppState, np.ndarray]:
    """The state of so many seeds, and their gradients [seeds, layers, steps], which differ by factors."""
    state = state_with(series(), run__seeds=seeds, **changes)
    assert state.frame is not None
    factors = np.array([3.0, 1.0, 0.5, 8.0, 2.0])[:seeds]
    own = [{n: v if n == "step" else f * v for n, v in series().items()} for f in factors]
    lines = tuple(replace(line(k, 10, head=100), run=k, series=found) for k, found in enumerate(own))
    values = np.array([[found[f"gradient_{n}"] for n in (1, 2, 3)] for found in own])
    return replace(state, frame=replace(state.frame, lines=lines)), values


def figure_of(draw: Draw, state: AppState, size: tuple[int, int] = (700, 420), dress: str = "light") -> DepthFigure:
    """The figure of a state."""
    figure = draw("depth", state, size, dress)
    assert isinstance(figure, DepthFigure)
    return figure


# --- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", [strip, depth_captions])
def test_examples_in_the_docstrings(module: Any) -> None:
    """The examples are true."""
    assert doctest.testmod(module).failed == 0


def test_examples_of_the_figure() -> None:
    """They are true too."""
    assert doctest.testmod(depth_view, optionflags=doctest.ELLIPSIS).failed == 0


def test_each_column_shows_the_nearest_measured_step() -> None:
    """Against a loop over all steps, on even and on logarithmic axes."""
    for log in (False, True):
        places = step_places(STEPS, log)
        places = places[np.isfinite(places)]
        low, high = places[0], places[-1]
        found = sampled(places, low, high, 200)
        for k in range(200):
            middle = low + (k + 0.5) * (high - low) / 200
            away = [abs(p - middle) for p in places]
            assert away[found[k]] == pytest.approx(min(away))
    assert sampled(np.array([3.0]), 2.5, 3.5, 4).tolist() == [0] * 4


def test_the_range_leaves_the_rarest_values_out() -> None:
    """One value that is a million times the others does not take the colours; not finite ones do not count."""
    values = np.r_[np.linspace(1, 2, 200), 1e6, np.nan, np.inf][None]
    found = robust_range([Strip(np.arange(203), (1,), values)], False)
    assert found is not None
    assert 1.0 < found[0] < 1.05 and 1.95 < found[1] < 2.0
    logarithmic = robust_range([Strip(np.arange(203), (1,), values)], True)
    assert logarithmic is not None
    assert logarithmic == pytest.approx(found, rel=0.02)
    assert beyond([Strip(np.arange(203), (1,), values)], *found) == (True, True)
    assert robust_range([], True) is None
    assert robust_range([Strip(np.arange(2), (1,), np.zeros((1, 2)))], True) is None
    flat = robust_range([Strip(np.arange(2), (1,), np.ones((1, 2)))], False)
    assert flat is not None and flat[0] < 1 < flat[1]


def test_steps_that_were_not_measured_are_left_out_and_lost_values_are_not() -> None:
    """A costly measure has rows without numbers; a gradient that is no number is one that was lost."""
    quantities: tuple[DepthQuantity, ...] = (*COSTLY, "ratio", "gradient")
    for quantity in quantities:
        found = series(2, quantity)
        found[f"{quantity}_1"][1] = found[f"{quantity}_2"][1] = np.nan
        found[f"{quantity}_1"][2] = np.nan
        own = strip_of(drawn(found), quantity)
        left = [0, 2, 10, 100] if quantity != "gradient" else STEPS.tolist()
        assert own.steps.tolist() == left
        assert np.isnan(own.row(1)[own.steps == 2]).all()
        assert np.isnan(own.row(7)).all(), "a layer that has none"


def drawn(found: dict[str, np.ndarray]) -> DrawnLine:
    """A line of training with this series."""
    return next(iter(lines_of(state_with(found))))


def test_the_step_that_is_looked_at_is_the_last_measured_one_up_to_it() -> None:
    """Or the first."""
    own = strip_of(drawn(series()), "gradient")
    assert [int(own.steps[own.nearest(k)]) for k in (0, 1, 9, 10, 99, 100, 500)] == [0, 1, 2, 10, 10, 100, 100]
    late = Strip(np.array([5, 6]), (1,), np.ones((1, 2)))
    assert late.nearest(0) == 0


# --- the picture -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("log_steps", [False, True])
def test_cells_have_the_colour_of_their_value_at_their_true_place(draw: Draw, log_steps: bool) -> None:
    """The first layer is the first row; a measured step reaches half way to its neighbours."""
    state = state_with(series(), view__log_steps=log_steps)
    figure = figure_of(draw, state)
    own = strip_of(drawn(series()), "gradient")
    low, high = robust_range([own], True) or (0, 0)
    cells = figure.images[0].cells
    places = step_places(own.steps, log_steps)
    there = np.flatnonzero(np.isfinite(places))
    first, last = places[there[0]], places[there[-1]]
    for row, n in enumerate(own.numbers):
        for k in there:
            share = np.clip(np.log(own.row(n)[k] / low) / np.log(high / low), 0, 1)
            column = min(cells.shape[1] - 1, int((places[k] - first) / (last - first) * cells.shape[1]))
            wanted = figure.images[0].colours(np.array([share]))[0].getRgb()
            assert cells[row, column].tolist() == pytest.approx(list(wanted), abs=1)
    assert figure.strip.getViewBox().yInverted()


def test_what_is_not_finite_is_crossed_out_and_nought_is_below_the_scale(draw: Draw) -> None:
    """Only there; a gradient of exactly 0 has the lowest colour."""
    found = series()
    found["gradient_2"][4] = np.inf
    found["gradient_1"][4] = 0.0
    figure = figure_of(draw, state_with(found))
    (cell,) = figure.images[0].crosses.cells
    assert (cell.top(), cell.bottom()) == (1.5, 2.5)
    assert cell.left() == pytest.approx(55, abs=0.2) and cell.right() == pytest.approx(100)
    lowest = figure.images[0].colours(np.array([0.0]))[0].getRgb()
    assert figure.images[0].cells[0, -1].tolist() == list(lowest)
    assert figure.images[0].cells[1, -1].tolist() == [0, 0, 0, 0]


def test_profile_and_course_are_rows_and_columns_of_the_strip(draw: Draw) -> None:
    """The column of the step that is looked at, the row of the chosen layer; both on the strip's axes."""
    figure = figure_of(draw, state_with(series(), step=12, view__depth__layer=2))
    x, y = figure.profiles.curves[0].item.getData()
    assert y.tolist() == [1, 2, 3]
    assert 10**x == pytest.approx([10.0**-2 / 11, 10.0**-1 / 11, 1 / 11])
    x, y = figure.courses.curves[0].item.getData()
    assert x.tolist() == STEPS.tolist()
    assert 10**y == pytest.approx(0.1 / (1 + STEPS))
    strips, course, profile = (p.getViewBox() for p in (figure.strip, figure.course, figure.profile))
    assert strips.viewRange()[0] == course.viewRange()[0] == [0, 100]
    assert strips.viewRange()[1] == profile.viewRange()[1] == [0.5, 3.5]
    for a, b, vertical in ((strips, course, False), (strips, profile, True)):
        one, other = (v.sceneBoundingRect() for v in (a, b))
        ends = [(r.top(), r.bottom()) if vertical else (r.left(), r.right()) for r in (one, other)]
        assert ends[0] == pytest.approx(ends[1], abs=1.5), "rows and columns stand in one line"


def test_a_locked_range_stays(draw: Draw) -> None:
    """It is that of now; other values have the colours of its ends, and the scale says so."""
    state = reduce(Edit("view.depth.lock", True), state_with(series()))
    spec = state.scene.view.depth
    assert (spec.low, spec.high) == pytest.approx(robust_range([strip_of(drawn(series()), "gradient")], True), rel=0.01)
    larger = {n: v if n == "step" else 1e3 * v for n, v in series().items()}
    figure = figure_of(draw, replace(state_with(larger), scene=state.scene))
    texts = [t for _, t in figure._ticks]
    assert texts[1].startswith("≥ ") and not texts[0].startswith("≤")
    assert figure.course.getViewBox().viewRange()[1][1] < np.log10(spec.high) + 1
    assert "locked" in figure.caption.text
    other = reduce(Edit("view.depth.quantity", "mean"), state)
    assert not other.scene.view.depth.lock, "the range is that of another quantity"


@pytest.mark.parametrize("size", [(700, 420), (420, 214), (240, 120)])
@pytest.mark.parametrize("dress", ["light", "dark", "projector"])
def test_there_is_always_a_strip(draw: Draw, size: tuple[int, int], dress: str) -> None:
    """Profile and course give way where there is no room, as in a tile, which has no caption."""
    figure = figure_of(draw, state_with(series(3)), size, dress)
    figure.set_compact(size == (240, 120))
    for _ in range(4):
        QApplication.processEvents()
    box = figure.strip.getViewBox().sceneBoundingRect()
    assert box.width() > 0.3 * size[0]
    assert box.height() > 0.15 * size[1]
    if size == (240, 120):
        assert not figure.profile.isVisible() and not figure.course.isVisible()


def test_a_row_for_each_time_step_is_named_for_the_row_of_the_image(draw: Draw) -> None:
    """The first and the last always; the axes say what is what, and many rows have no dots that would touch."""
    state = timed_state()
    figure = figure_of(draw, state)
    names = [text for _, text in figure._names._tickLevels[0]]
    assert names[:2] == ["row 1", "row 28"] and len(names) > 5
    places = sorted(at for at, _ in figure._names._tickLevels[0])
    assert min(np.diff(places)) * figure.strip.getViewBox().height() / 28 >= 9
    labels = [figure.strip.getAxis("left"), figure.course.getAxis("left"), figure.course.getAxis("bottom")]
    assert [axis.labelText for axis in labels] == ["time step", "row 28", "training step"]
    assert not any(points.isVisible() for _, points in figure.profiles._points)
    x, y = figure.profiles.curves[0].item.getData()
    assert y.tolist() == list(range(1, 29))
    assert 10 ** (x[-1] - x[0]) == pytest.approx(1e27, rel=1e-6)
    figure.set_lines(lines_of(state_with(series())), DepthSpec(), False, "gradient norm")
    assert figure.strip.getAxis("left").labelText == ""
    assert all(points.isVisible() for _, points in figure.profiles._points)


@pytest.mark.parametrize("log_steps", [False, True])
def test_a_fan_is_median_and_band_in_profile_and_course(draw: Draw, log_steps: bool) -> None:
    """Against numpy over the members; the strip is that of the one in front."""
    state, values = fan_state(view__log_steps=log_steps)
    figure = figure_of(draw, state)
    assert figure.profiles.curves == figure.courses.curves == {}
    (profile,), (course,) = figure.profiles.fans.values(), figure.courses.fans.values()
    middle, low, high = (f(values, axis=0) for f in (np.median, np.min, np.max))
    at = STEPS.tolist().index(10)
    x, y = profile.item.getData()
    assert y.tolist() == [1, 2, 3]
    assert 10**x == pytest.approx(middle[:, at])
    assert 10 ** profile._low.getData()[0] == pytest.approx(low[:, at])
    assert 10 ** profile._high.getData()[0] == pytest.approx(high[:, at])
    kept = slice(1, None) if log_steps else slice(None)
    x, y = course.item.getData()
    assert x == pytest.approx(np.log10(STEPS[kept]) if log_steps else STEPS)
    assert 10**y == pytest.approx(middle[0, kept])
    assert 10 ** course._high.getData()[1] == pytest.approx(high[0, kept])
    assert [image.cells.shape[0] for image in figure.images] == [3]
    own = strip_of(next(m for m in lines_of(state) if m.front), "gradient")
    assert own.values == pytest.approx(values[0])
    assert "strip: seed 0. Curve and band: median and range of 5 seeds." in depth_captions.caption(state)


def test_the_pointer_finds_a_member_of_a_fan_in_profile_and_course(draw: Draw) -> None:
    """In the profile its places go down; one at a time, and none outside."""
    state, _ = fan_state()
    figure = figure_of(draw, state)
    for curves in (figure.profiles, figure.courses):
        (fan,) = curves.fans.values()
        for member in fan._members:
            x, y = (member.y[0], member.x[0]) if curves is figure.profiles else (member.x[-1], member.y[-1])
            figure._point_at(curves._plot.getViewBox().mapViewToScene(QPointF(x, y)))
            assert fan.label.isVisible() and fan.label.toPlainText() == member.name
        figure._point_at(QPointF(-50, -50))
        assert not fan.label.isVisible()


def test_a_fan_whose_members_are_measured_in_turn_has_the_last_value_of_each() -> None:
    """From the first step on at which every member has one; one that ended has none after its end."""
    rows = {0: {0: 1.0, 4: 3.0}, 1: {1: 10.0, 5: 30.0}, 2: {2: 7.0}}
    members = []
    for number, known in rows.items():
        values = np.array([known.get(step, np.nan) for step in range(7)])
        own = drawn({"step": np.arange(7), "noise_1": values})
        members.append(replace(own, number=number, fan=0))
    found = fan_strip_of(members, "noise")
    assert found.median.steps.tolist() == [2, 4, 5]
    assert found.low.row(1).tolist() == [1, 3, 3]
    assert found.median.row(1).tolist() == [7, 7, 7]
    assert found.high.row(1).tolist() == [10, 10, 30]
    ended = [*members[:2], replace(members[2], ended=True)]
    assert fan_strip_of(ended, "noise").median.row(1).tolist() == [7, 6.5, 16.5]
    assert fan_strip_of([members[0], drawn({"step": np.arange(7)})], "noise").median.numbers == ()


def test_linear_quantities_have_linear_scales(draw: Draw) -> None:
    """A mean may be below 0, a share is from 0 to 1; all others go in powers of ten."""
    found = {"step": STEPS, "mean_1": np.linspace(-1, 1, 5), "mean_2": np.linspace(0, 1, 5)}
    figure = figure_of(draw, state_with(found, view__depth__quantity="mean"))
    x, _ = figure.profiles.curves[0].item.getData()
    assert x.tolist() == [0.5, 0.75]
    assert [DepthSpec(quantity=q).logarithmic for q in (*LINEAR, "gradient", "noise")] == [False] * 3 + [True] * 2
    assert scale_ticks(-1.0, 1.0, (False, False), False)[:2] == [(-1.0, "-1"), (1.0, "1")]


def test_a_click_asks_for_layer_and_step(draw: Draw, qtbot: Any) -> None:
    """On a cell for both, on the profile for the layer alone, on the course for the step alone."""
    figure = figure_of(draw, state_with(series()))
    layers: list[int] = []
    steps: list[int] = []
    figure.layer_requested.connect(layers.append)
    figure.step_requested.connect(steps.append)

    def click(plot: Any, x: float, y: float) -> None:
        where = figure.mapFromScene(plot.getViewBox().mapViewToScene(QPointF(x, y)))
        qtbot.mouseClick(figure.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(where.x(), where.y()))
        QApplication.processEvents()

    click(figure.strip, 80.0, 3.0)
    assert (layers, steps) == ([3], [100])
    click(figure.profile, figure.profile.getViewBox().viewRange()[0][0] + 0.2, 1.1)
    assert (layers, steps) == ([3, 1], [100])
    click(figure.course, 12.0, figure.course.getViewBox().viewRange()[1][0] + 0.1)
    assert (layers, steps) == ([3, 1], [100, 10])


def test_the_table_has_every_measured_step(draw: Draw) -> None:
    """With the quantity of each layer in a column."""
    table = figure_of(draw, state_with(series())).table()
    assert list(table) == ["step", "gradient_1", "gradient_2", "gradient_3"]
    assert all(np.array_equal(table[n], v) for n, v in series().items())


# --- words and wishes ------------------------------------------------------------------------------------------------


def test_the_caption_says_what_where_and_at_what_cost() -> None:
    """The quantity, the examples, the step of the profile, the layer of the course, the price in steps."""
    text = depth_captions.caption(state_with(series(), step=12))
    assert text.count("at step 10;") == 1
    for words in ("first 50 training examples", "layer 1", "2nd to 98th percentile", "as 2 steps", "4 %"):
        assert words in text, words
    assert "Crossed out" not in text and "Blank" not in text
    gaps = series()
    del gaps["gradient_2"]
    gaps["gradient_1"][1] = np.inf
    assert "Crossed out: not finite. Blank: layers" in depth_captions.caption(state_with(gaps))
    assert depth_captions.caption(state_with({"step": STEPS})).endswith("not measured so far.")
    assert "strip" not in gradient_norms(state_with(series()))


def test_the_caption_of_time_steps_says_how_much_the_first_gets() -> None:
    """Smaller, larger or about as much; of a network without time steps it says that there are none."""
    state = timed_state()
    for ratio, words in (
        (7763.0, "7,760 times smaller than"),
        (1.05, "about as large as"),
        (0.25, "4 times larger than"),
    ):
        found = series(28, "state") | {"state_1": series(28, "state")["state_28"] / ratio}
        text = depth_captions.caption(timed_state_of(found))
        assert text.startswith(f"After row 1 the gradient is {words} after row 28 at step 10.")
        for part in ("which is a time step", "over the time steps at training step 10;", "below: row 28"):
            assert part in text
    assert depth_captions.heading(state) == "Gradient by time step: rows over training steps"
    flat = state_with({"step": STEPS}, **{TIMED: "cell"})
    assert depth_captions.caption(flat).endswith("only an LSTM reads the image row by row, each row a time step.")


def timed_state_of(found: dict[str, np.ndarray]) -> AppState:
    """The state of an LSTM with this series."""
    return state_with(found, run__network__kind="lstm", **{TIMED: "state", "view__depth__layer": 28})


def test_the_caption_says_what_the_books_marks_are() -> None:
    """Where there are any: of a network of the book's sizes, and of its quantity alone."""
    state = state_with(series(4, "speed"), **{TIMED: "speed"})
    assert "◇" not in depth_captions.caption(state)
    scene = state.scene.edited({"run.network.hidden": (30, 30, 30)})
    state = replace(state, scene=scene, started=replace(state.started, runs=scene.runs()))
    text = depth_captions.caption(state)
    assert len(depth_captions.reference(state)) == 3
    assert (
        "◇: what Nielsen's book measured at the hidden layers of a network of these sizes before its first step" in text
    )


@pytest.mark.parametrize("quantity", depth_captions.KINDS)
def test_every_quantity_has_its_words(quantity: str) -> None:
    """And each is a choice of the form."""
    text = depth_captions.caption(state_with(series(2, quantity), view__depth__quantity=quantity))
    assert len(text.split()) > 12
    state = state_with(series(), view__depth__quantity=quantity)
    assert depth_captions.heading(state) != "" and depth_captions.axis(state)[0].islower()


def test_a_textbooks_values_are_compared_in_full_with_its_own_loss_alone() -> None:
    """With another loss at the outputs it is the ratios that compare, and the caption says so."""
    textbook = {"view__depth__quantity": "speed", "run__network__hidden": (30, 30)}
    for loss, slopes in (("cross-entropy", True), ("sigmoid-cross-entropy", False)):
        text = depth_captions.caption(state_with(series(3, "speed"), **textbook, run__objective__loss=loss))
        assert "◇: what Nielsen's book measured" in text
        assert ("compare how the marks fall from layer to layer" in text) == slopes


def test_what_takes_long_is_measured_only_while_it_is_looked_at() -> None:
    """The worker is told when that begins and ends, and at the start of a run."""
    before = replace(state_with(series()), ready=frozenset({"training"}))
    assert not [c for c in session_commands(before, before) if isinstance(c, MeasureAlso)]
    now = reduce(Edit("view.depth.quantity", "noise"), before)
    assert session_commands(before, now) == [MeasureAlso(1, ("noise",))]
    closed = reduce(Edit("view.panels", ("curves",)), now)
    assert session_commands(now, closed) == [MeasureAlso(1, ())]
    fresh = session_commands(replace(now, ready=frozenset()), now)
    assert [type(c) for c in fresh[:3]] == [Start, MeasureAlso, Play]


def test_the_caption_says_how_batch_norm_is_measured() -> None:
    """Its running statistics are not those of a batch; nothing of it where no run has any."""
    state = state_with(series())
    assert "running mean" not in depth_captions.caption(state)
    assert state.started is not None
    network = state.scene.run.network.model_copy(update={"hidden_norm": "batch"})
    runs = (*state.started.runs, state.scene.run.model_copy(update={"network": network}))
    assert "running mean" in depth_captions.caption(replace(state, started=replace(state.started, runs=runs)))
