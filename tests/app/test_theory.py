"""The closed form over what was trained: where it is drawn, when it is not, and what the captions say of it."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PyQt6.QtGui import QImage, QPainter

from thalweg.app import captions, surface_captions, theory
from thalweg.app.bindings import bindings
from thalweg.app.intents import Edit, LookAt, StepOn
from thalweg.app.reduce import reduce
from thalweg.app.state import AppState
from thalweg.app.theme import THEMES
from thalweg.app.views.curves import CurvesFigure
from thalweg.app.views.figure import Figure
from thalweg.app.views.landscape import LandscapeFigure
from thalweg.app.views.rings import spread
from thalweg.core.scene import Scene

from .inline_desk import Inline

pytestmark = [
    pytest.mark.usefixtures("qapp"),
    pytest.mark.qt_log_level_fail("WARNING"),
    pytest.mark.qt_log_ignore(r"This plugin does not support \w+\(\)"),
]


def scene_of(**edits: object) -> Scene:
    """The ravine as the forms make it, from (-1, 1), 12 steps at once."""
    scene = Scene().edited({"run.network.kind": "surface"}).edited({"view.instant": 12, "view.log_loss": True})
    return scene.edited({path.replace("__", "."): value for path, value in edits.items()})


def trained(scene: Scene, count: int = 12) -> AppState:
    """The state of a window in which the descent has taken its steps."""
    run = Inline(scene)
    run.controller.dispatch(Edit("run.network.y_start", 0.5))
    return run.until(lambda s: s.map and s.map.complete and s.path and s.path.steps[-1] == count)


@pytest.fixture(scope="module")
def state() -> AppState:
    """Plain descent at 0.009, 12 steps."""
    return trained(scene_of())


def landscape(figure: Figure) -> LandscapeFigure:
    """The figure, which is one of a landscape."""
    assert isinstance(figure, LandscapeFigure)
    return figure


def curves(figure: Figure) -> CurvesFigure:
    """The figure, which is one of curves."""
    assert isinstance(figure, CurvesFigure)
    return figure


def legend(figure: CurvesFigure) -> list[str]:
    """What the legend names."""
    return [label.text for _, label in figure.legend.items]


# --- what is drawn ---------------------------------------------------------------------------------------------------


def test_rings_and_dots_are_where_training_went(draw: Callable[..., Figure], state: AppState) -> None:
    """One ring for each step of the path, and the curve at each row of measures, in the legend."""
    figure = landscape(draw("landscape", state))
    assert state.path is not None
    assert len(figure.rings.points) == 13
    assert figure.rings.points == pytest.approx(np.stack([state.path.alpha, state.path.beta], axis=1), abs=1e-6)
    below = curves(draw("curves", state))
    x, y = below.theory.item.getData()
    measured = below.curves[0, "train_loss"].item.getData()
    assert x == pytest.approx(measured[0])
    assert y == pytest.approx(measured[1], abs=1e-5)
    assert legend(below) == ["descent", "closed form"]


@pytest.mark.parametrize("dress", THEMES)
def test_the_last_ring_goes_around_the_current_point(draw: Callable[..., Figure], state: AppState, dress: str) -> None:
    """In every theme: it does not touch its marker."""
    figure = landscape(draw("landscape", state, dress=dress))
    assert figure.rings._around - 0.6 * figure.rings._width - 0.9 >= figure.path.reach - 1e-9
    assert figure.rings._radius < figure.rings._around


def test_both_are_switched_off(draw: Callable[..., Figure], state: AppState) -> None:
    """And on again; the legend has the curve only while it is drawn."""
    off = reduce(Edit("view.theory", False), state)
    assert not len(landscape(draw("landscape", off)).rings.points)
    figure = curves(draw("curves", off))
    assert not len(figure.theory.item.getData()[0] if figure.theory.item.getData()[0] is not None else [])
    assert legend(figure) == ["descent"]
    values = theory.loss(state.frame, state.started, state.scene)
    figure.set_theory(values)
    assert legend(figure) == ["descent", "closed form"]
    figure.set_theory(None)
    assert legend(figure) == ["descent"]
    assert "losed form" not in captions.landscape(off) + captions.curves(off)


@pytest.mark.parametrize(
    "edits",
    [
        {"run__optimiser__name": "adam"},
        {"run__network__surface": "himmelblau"},
        {"run__network__surface": "noisy-ravine"},
    ],
)
def test_where_nothing_is_known_nothing_is_drawn(draw: Callable[..., Figure], edits: dict[str, object]) -> None:
    """Of other optimisers and surfaces, and where a step depends on the batch."""
    found = trained(scene_of(**edits))
    assert not len(landscape(draw("landscape", found)).rings.points)
    assert legend(curves(draw("curves", found))) == ["descent"]
    assert "losed form" not in captions.landscape(found) + captions.curves(found)
    assert surface_captions.stability(found) == ""


def test_a_branch_with_another_rate_has_its_own_closed_form(draw: Callable[..., Figure]) -> None:
    """From where it leaves; momentum goes on across the change."""
    run = Inline(scene_of(view__instant=0, run__optimiser__momentum=0.5))
    run.until(lambda s: s.current)
    run.controller.dispatch(StepOn(20))
    run.until(lambda s: s.frame and s.frame.step == 20)
    run.controller.dispatch(LookAt(8))
    run.until(lambda s: s.frame and s.frame.step == 8)
    run.controller.dispatch(Edit("run.optimiser.learning_rate", 0.004))
    run.controller.dispatch(StepOn(10))
    found = run.until(
        lambda s: s.path and s.path.steps[-1] == 18 and s.line and len(s.line.changes) == 2 and s.map and s.map.complete
    )
    assert found.line is not None
    assert [step for step, _ in found.line.changes] == [0, 8]
    assert found.line.parent is not None
    figure = landscape(draw("landscape", found))
    assert found.path is not None
    assert figure.rings.points == pytest.approx(np.stack([found.path.alpha, found.path.beta], axis=1), abs=1e-5)


def test_while_new_runs_begin_the_rings_are_those_of_the_old_path(draw: Callable[..., Figure], state: AppState) -> None:
    """From another start: both move together, once the new path is there."""
    assert state.frame is not None
    assert state.started is not None
    runs = scene_of(run__network__x_start=0.3).runs()
    begun = replace(state, started=replace(state.started, runs=runs, generation=state.frame.generation + 1))
    for name in ("landscape", "curves"):
        figure = draw(name, state)
        before = _drawn(figure)
        for binding in bindings({name: figure}):
            binding.show(replace(begun, settings=begun.settings.model_copy(update={"theme": "light"})), 0.0)
        assert _drawn(figure) == pytest.approx(before)
    now = replace(begun, frame=replace(state.frame, generation=state.frame.generation + 1))
    assert landscape(draw("landscape", now)).rings.points[0] == pytest.approx([0.3, 1.0])


def _drawn(figure: Figure) -> np.ndarray:
    if isinstance(figure, LandscapeFigure):
        return figure.rings.points
    return np.array(curves(figure).theory.item.getData())


def test_what_training_cannot_hold_is_not_drawn(draw: Callable[..., Figure]) -> None:
    """A descent that diverges has rings as far as its numbers go, and says so without a warning."""
    found = trained(scene_of(run__optimiser__learning_rate=0.5, view__log_loss=False), 9)
    assert found.frame is not None
    series = {name: np.append(values, values[-1]) for name, values in found.frame.series.items()}
    series["step"] = np.append(found.frame.series["step"], 10_000)  # long after the last that is finite
    line = replace(found.frame.line, series=series)
    found = replace(found, frame=replace(found.frame, lines=(line,)))
    figure = landscape(draw("landscape", found))
    assert np.isfinite(figure.rings.points).all()
    value = theory.loss(found.frame, found.started, found.scene)
    assert value is not None
    assert np.isfinite(value[:10]).all()
    assert np.isnan(value[-1])
    draw("curves", found)


def test_dots_differ_from_a_measured_curve_without_colour(draw: Callable[..., Figure], state: AppState) -> None:
    """Along the curve dark and light alternate, in grey too: the dots are in the colour of the text, with gaps."""
    for dress in THEMES:
        figure = curves(draw("curves", state, dress=dress))
        pen, under = figure.theory.item.opts["pen"], figure.curves[0, "train_loss"].item.opts["pen"]
        assert pen.widthF() > under.widthF()
        assert pen.color().name() == THEMES[dress].text
        assert pen.dashPattern() == [1.0, 2.5]
        assert abs(pen.color().lightness() - under.color().lightness()) > 40


def test_rings_are_hollow_and_have_a_light_and_a_dark_line(draw: Callable[..., Figure], state: AppState) -> None:
    """So that they stand out on any part of the map."""
    for dress in THEMES:
        figure = landscape(draw("landscape", state, dress=dress))
        image = QImage(figure.size(), QImage.Format.Format_RGB32)
        painter = QPainter(image)
        figure.render(painter)
        painter.end()
        at = figure.mapFromScene(figure.box.mapViewToScene(_point(*figure.rings.points[1])))
        line = [image.pixelColor(at.x(), at.y() - k).lightness() for k in range(2, 2 + int(figure.rings.reach) + 2)]
        assert max(line) > 220
        assert min(line) < 80


def _point(x: float, y: float) -> object:
    import pyqtgraph as pg

    return pg.Point(x, y)


@given(
    hnp.arrays(np.float64, st.tuples(st.integers(1, 40), st.just(2)), elements=st.floats(0, 100)),
    st.floats(1, 10),
)
def test_rings_that_are_drawn_are_apart(points: np.ndarray, radius: float) -> None:
    """The last is always drawn; one that is left out has a drawn one near it."""
    radii = np.full(len(points), radius)
    kept = spread(points, radii)
    assert kept[-1] == len(points) - 1
    gaps = np.hypot(*(points[kept][:, None] - points[kept]).T) + 1e9 * np.eye(len(kept))
    assert gaps.min() >= 1.6 * radius
    nearest = np.hypot(*(points[:, None] - points[kept]).transpose(2, 0, 1)).min(axis=1)
    assert (nearest < 1.6 * radius)[np.setdiff1d(np.arange(len(points)), kept)].all()


# --- what is said ----------------------------------------------------------------------------------------------------


def said(**optimiser: object) -> str:
    """What is said of an optimiser on the ravine before a run begins."""
    found = Inline(scene_of(**{f"run__optimiser__{name}": value for name, value in optimiser.items()})).state
    return surface_captions.stability(found)


@pytest.mark.parametrize(
    ("rate", "verdict", "courses"),
    [
        (0.001, "η = 0.001 is below 1/λmax = 0.005: stable.", "0.8 (shrinks), y by 1 − 2bη = 0.998 (creeps)."),
        (0.005, "η = 1/λmax = 0.005: stable.", "0 (is there at once), y by 1 − 2bη = 0.99 (creeps)."),
        (0.0095, "is between 1/λmax = 0.005 and 2/λmax = 0.01: stable.", "−0.9 (zigzags), y by 1 − 2bη = 0.981"),
        (0.01, "η = 2/λmax = 0.01: the edge of stability.", "−1 (jumps to and fro), y by 1 − 2bη = 0.98 (creeps)."),
        (0.0102, "η = 0.0102 is above 2/λmax = 0.01: not stable.", "−1.04 (grows), y by 1 − 2bη = 0.9796 (creeps)."),
    ],
)
def test_the_caption_says_which_case_holds(rate: float, verdict: str, courses: str) -> None:
    """Creeping, in one step, zigzag, the edge, and what grows."""
    text = said(learning_rate=rate)
    assert verdict in text
    assert f"Each step multiplies x by 1 − 2aη = {courses}" in text


def test_the_caption_speaks_of_momentum_and_layer_rates() -> None:
    """Each with its own limit, and with the largest root."""
    text = said(learning_rate=2 / 121, momentum=(9 / 11) ** 2)
    assert "η = 0.01653 is below (2 + 2m)/λmax = 0.01669: stable." in text
    assert "multiplies x by 0.8182 in size in the long run, and y by 0.8182." in text
    assert "above (2 + 2m)/((1 + 2m) λmax) = 0.006786: not stable." in said(learning_rate=0.009, name="nesterov")
    assert "η·λ is 1 in x and 1 in y, below 2: stable." in said(learning_rate=0.01, layer_rates=(0.5, 50.0))
    assert "η·λ is 1 in x and 4 in y, not below 2: not stable." in said(learning_rate=0.01, layer_rates=(0.5, 200.0))


def test_the_rate_is_that_of_the_step_that_is_looked_at(state: AppState) -> None:
    """Of a line whose rate was changed on its way."""
    assert state.frame is not None
    old = state.frame.line
    new = old.changes[0][1].model_copy(update={"learning_rate": 0.0102})
    for step, expected in ((4, "η = 0.009 is between"), (5, "η = 0.0102 is above")):
        line = replace(old, changes=(*old.changes, (5, new)), step=step)
        assert expected in surface_captions.stability(replace(state, frame=replace(state.frame, lines=(line,))))


def test_examples_in_the_docstrings() -> None:
    """The examples are true."""
    assert doctest.testmod(surface_captions).failed == 0
