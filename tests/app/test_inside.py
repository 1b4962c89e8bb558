"""Inside one step: the keys lead through its phases, whose numbers are right, and whose arrows stand as they should."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from PyQt6.QtCore import QPointF

from thalweg.app import captions, inside
from thalweg.app.intents import Edit, LookInside, LookOutside, SetPlaying, StartAt, StepBack, StepOn
from thalweg.app.state import AppState
from thalweg.app.telling import Phase
from thalweg.app.views.figure import Figure
from thalweg.app.views.landscape import LandscapeFigure
from thalweg.core.landscape.contours import lines
from thalweg.core.scene import Scene
from thalweg.core.scene.training import OPTIMISERS

from .inline_desk import Inline
from .rig import tiny_scene

MINUS = "−"


def ravine(**edits: object) -> Scene:
    """The ravine as the forms make it, on a coarse map."""
    scene = Scene().edited({"run.network.kind": "surface"})
    scene = scene.edited({"view.plane.resolution": 31, "run.optimiser.learning_rate": 0.009})
    return scene.edited({path.replace("__", "."): value for path, value in edits.items()})


def looking(scene: Scene, steps: int = 0) -> Inline:
    """At the first phase of the step after so many."""
    desk = Inline(scene)
    desk.until(lambda s: s.map is not None and s.map.complete)
    if steps:
        desk.controller.dispatch(StepOn(steps))
        desk.until(lambda s: s.frame and s.frame.step == steps and not s.frame.stepping)
    desk.controller.dispatch(LookInside())
    desk.until(lambda s: s.one_step is not None)
    return desk


def told(desk: Inline) -> list[Phase]:
    """All phases, one press after the other."""
    found = []
    for _ in inside.phases_of(desk.state):
        phase = inside.phase_of(desk.state)
        assert phase is not None
        found.append(phase)
        desk.controller.dispatch(LookInside())
    return found


def test_the_phases_of_plain_descent_in_the_ravine() -> None:
    """Slopes, gradient, step, landing: each with its numbers put in; the press after the last takes the step."""
    desk = looking(ravine())
    found = told(desk)
    assert [phase.title for phase in found] == ["Slopes along the axes", "The gradient", "The step", "Landing"]
    slopes, gradient, step, landing = (phase.formula for phase in found)
    assert f"∂C/∂x = {MINUS}200, ∂C/∂y = 2." in slopes
    assert f"|∇C| = √(({MINUS}200)² + 2²) = 200." in gradient
    assert "90.0°" in found[1].sentence
    assert f"Δ = {MINUS}η·∇C = {MINUS}0.009·({MINUS}200, 2) = (1.8, {MINUS}0.018)." in step
    assert "C: 101 → 64.96; a slope that stayed as it was would have led to" in landing
    assert "Landed at (0.8, 0.982)" in landing
    desk.until(lambda s: s.frame and s.frame.step == 1 and s.one_step is not None)
    assert desk.state.inside == 0
    assert desk.parameters == pytest.approx([0.8, 0.982])


def test_the_keys_go_on_and_back_and_out() -> None:
    """Back from the first phase is out; so is playing; while a step is being taken apart a press does nothing."""
    desk = looking(ravine())
    dispatch = desk.controller.dispatch
    dispatch(LookInside())
    assert desk.state.inside == 1
    dispatch(LookInside(-1))
    dispatch(LookInside(-1))
    assert desk.state.inside is None
    dispatch(LookInside(-1))
    assert desk.state.inside is None, "there is nothing to go back to"
    for out in (LookOutside(), SetPlaying(True)):
        dispatch(LookInside())
        assert desk.state.inside == 0
        dispatch(out)
        assert desk.state.inside is None
    dispatch(LookInside())
    assert not desk.state.playing, "what plays, pauses"
    desk.until(lambda s: s.one_step is not None)


def test_a_press_while_the_step_is_being_taken_apart_is_too_early() -> None:
    """It changes nothing, and what is there says so."""
    desk = Inline(ravine())
    desk.until(lambda s: s.map is not None and s.map.complete)
    desk.controller.dispatch(LookInside())
    assert desk.state.one_step is None
    assert "being taken apart" in captions.landscape_heading(desk.state)
    desk.controller.dispatch(LookInside())
    assert desk.state.inside == 0


def test_the_step_is_that_of_here_and_now() -> None:
    """After a step back, another learning rate or another start it is taken apart anew."""
    desk = looking(ravine(), steps=3)
    dispatch = desk.controller.dispatch
    assert desk.state.one_step is not None
    assert desk.state.one_step.step == 3
    dispatch(StepBack())
    found = desk.until(lambda s: s.one_step is not None and s.one_step.step == 2).one_step
    assert found is not None
    assert found.start == pytest.approx(((1 - 1.8) ** 2 * -1, (1 - 0.018) ** 2))
    dispatch(Edit("run.optimiser.learning_rate", 0.001))
    desk.until(lambda s: s.one_step is not None and s.one_step.rate == pytest.approx(0.001))
    assert desk.state.line is not None
    assert desk.state.line.start == 2, "on a branch"


def test_with_the_whole_way_at_once_a_drag_of_the_start_goes_on_inside() -> None:
    """The next step of wherever the descent has come to is taken apart again."""
    desk = looking(ravine(view__instant=4))
    assert desk.state.one_step is not None
    assert desk.state.one_step.step == 4
    desk.controller.dispatch(StartAt(0.5, 0.5))
    found = desk.until(lambda s: s.one_step is not None and s.one_step.step == 4).one_step
    assert found is not None
    assert found.start == pytest.approx((0.5 * 0.8**4, 0.5 * 0.982**4), rel=1e-5)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_every_method_is_told_in_phases_of_its_own(name: str) -> None:
    """From slopes to landing, at the third step, with numbers that are numbers, and arrows from the point on."""
    network = name == "gauss-newton"
    settings = {"run.optimiser.name": name, "run.optimiser.momentum": 0.5, "run.optimiser.learning_rate": 0.004}
    scene = (tiny_scene() if network else ravine()).edited(settings)
    found = told(looking(scene, steps=3))
    titles = [phase.title for phase in found]
    assert titles[:2] == ["Slopes along the axes", "The gradient"]
    assert titles[-2:] == ["The step", "Landing"]
    assert len(set(titles)) == len(titles)
    plain = name == "sgd"
    assert len(titles) > 4 - (name in ("steepest",)), titles
    assert ("Momentum" in titles) == (plain or name in ("nesterov", "rmsprop"))
    for phase in found:
        assert phase.sentence.endswith(".")
        assert "nan" not in phase.formula
        assert phase.arrows
        assert phase.landing or any(not arrow.pale for arrow in phase.arrows)
        assert np.isfinite([[*a.start, *a.end] for a in phase.arrows]).all()


def test_a_rate_for_each_layer_is_a_phase() -> None:
    """With both remedies' numbers: what the plain step would be, and what it becomes."""
    desk = looking(ravine(run__optimiser__learning_rate=1.0, run__optimiser__layer_rates=(0.005, 0.5)))
    found = {phase.title: phase for phase in told(desk)}
    own = found["A rate for each layer"]
    assert "0.005, 0.5" in own.sentence
    assert f"(200, {MINUS}2) becomes (1, {MINUS}1)" in own.formula
    assert found["Landing"].landing == pytest.approx((0, 0), abs=1e-6)


def test_a_gradient_that_is_too_long_is_clipped_in_a_phase_of_its_own() -> None:
    """Shortened to the limit, and the step is made of what is left; one that is short enough has no such phase."""
    desk = looking(ravine(run__optimiser__clip=1.0, run__optimiser__learning_rate=0.5))
    found = {phase.title: phase for phase in told(desk)}
    clipping = found["Clipping"]
    assert "longer than 1: it is shortened to that" in clipping.sentence
    assert f"g = 1·∇C/|∇C| = 1/200·∇C = ({MINUS}1, 0.01)." in clipping.formula
    assert f"Δ = {MINUS}η·g = {MINUS}0.5·({MINUS}1, 0.01) = (0.5, {MINUS}0.005)" in found["The step"].formula
    assert math.dist(clipping.arrows[0].start, clipping.arrows[0].end) > 100 * math.dist(
        clipping.arrows[1].start, clipping.arrows[1].end
    )
    desk = looking(ravine(run__optimiser__clip=1.0, run__optimiser__momentum=0.5))
    assert "v = 0.5·v + g = " in {phase.title: phase for phase in told(desk)}["Momentum"].formula
    assert "Clipping" not in {phase.title for phase in told(looking(ravine(run__optimiser__clip=1e4)))}


def test_a_penalty_on_large_weights_is_a_phase_of_its_own() -> None:
    """What is added and what comes of it, which the step is made of, and which is clipped; a surface has none."""
    desk = looking(tiny_scene(run__optimiser__l2=0.25))
    d, found = desk.state.one_step, {phase.title: phase for phase in told(desk)}
    assert d is not None
    parts = d.parts
    penalty = found["The penalty"]
    assert penalty.sentence.startswith("0.25 of each weight is added to the gradient, biases not")
    assert penalty.formula.startswith("g = ∇L + 0.25·w = (")
    for axis in (0, 1):
        assert parts["penalised"].slope[axis] == pytest.approx(
            parts["gradient"].slope[axis] + parts["penalty"].slope[axis], abs=1e-6
        )
    assert f"Δ = {MINUS}η·g = " in found["The step"].formula
    assert [arrow.label for arrow in penalty.arrows] == ["", "", "−g"], "too short to be named"
    for axis in (0, 1):
        gradient, added, both = (arrow.end[axis] - arrow.start[axis] for arrow in penalty.arrows)
        assert both == pytest.approx(gradient + added, abs=1e-6)
    large = {phase.title: phase for phase in told(looking(tiny_scene(run__optimiser__l2=100.0)))}
    assert [arrow.label for arrow in large["The penalty"].arrows] == ["−∇L", "−100·w", "−g"]
    clipped = looking(tiny_scene(run__optimiser__l2=0.25, run__optimiser__clip=0.1))
    phases = told(clipped)
    assert [phase.title for phase in phases][2:4] == ["The penalty", "Clipping"]
    assert "the gradient with what was added to it is longer than 0.1" in phases[3].sentence
    assert phases[3].formula.startswith("g = 0.1·g/|g| = 0.1/")
    for surface in (ravine(run__optimiser__l2=0.25), ravine()):
        assert "The penalty" not in {phase.title for phase in told(looking(surface))}


def test_on_a_network_the_phases_say_what_the_plane_shows() -> None:
    """The batch's own angle to the contour line, and how much of gradient and step is in the plane at all."""
    desk = looking(tiny_scene(), steps=2)
    found = {phase.title: phase for phase in told(desk)}
    d = desk.state.one_step
    assert "∂L/∂α" in found["Slopes along the axes"].formula or d is None
    gradient = found["The gradient"]
    assert "to the contour line, which is that of 50 examples" in gradient.sentence
    assert "all parameters together" in gradient.formula
    assert "its length as a whole" in found["The step"].formula
    assert "over 50 examples" in found["Landing"].formula
    assert "of this batch" in found["Landing"].sentence


def test_a_step_that_leads_to_infinity_says_so() -> None:
    """Its landing is nowhere, and nothing is drawn there."""
    scene = ravine(run__network__surface="formula", run__network__formula="exp(x**2) + y**2")
    found = told(looking(scene.edited({"run.optimiser.learning_rate": 900.0, "run.network.x_start": 2.0})))
    assert "not finite" in found[-1].sentence


def test_at_a_minimum_there_is_no_gradient() -> None:
    """No angle, and a step of no length."""
    found = told(looking(ravine(run__network__x_start=0.0, run__network__y_start=0.0)))
    assert "no direction leads downhill" in found[1].sentence
    assert "(0, 0)" in found[2].formula


# --- drawn -----------------------------------------------------------------------------------------------------------


def on_screen(figure: LandscapeFigure, places: np.ndarray) -> np.ndarray:
    """Places [n, 2] of the map, in pixels."""
    points = [figure.box.mapViewToScene(QPointF(*p)) for p in places.tolist()]
    return np.array([(p.x(), p.y()) for p in points])


Draw = Callable[..., Figure]


@pytest.mark.parametrize("size", [(560, 420), (900, 380)])
@pytest.mark.parametrize("start", [(-1.0, 1.0), (0.3, -0.8), (0.05, 1.2)])
def test_the_gradients_arrow_is_at_right_angles_to_the_contour_line(
    draw: Draw, size: tuple[int, int], start: tuple[float, float]
) -> None:
    """As both are drawn, within a degree, whatever the figure's shape."""
    x, y = start
    desk = looking(ravine(run__network__x_start=x, run__network__y_start=y, view__plane__resolution=201))
    desk.controller.dispatch(LookInside())
    state, m = desk.state, desk.state.map
    figure = draw("landscape", state, size)
    assert isinstance(figure, LandscapeFigure)
    phase = figure.step.phase
    assert phase is not None
    assert m is not None
    arrow = next(a for a in phase.arrows if not a.pale)
    way = np.diff(on_screen(figure, np.array([arrow.start, arrow.end])), axis=0)[0]
    found = lines(m.x, m.y, m.loss, 100 * x * x + y * y)
    parts = [(p, q) for line in found for p, q in pairwise(line)]
    p, q = min(parts, key=lambda pq: math.dist((pq[0] + pq[1]) / 2, start))
    along = np.diff(on_screen(figure, np.array([p, q])), axis=0)[0]
    angle = math.degrees(math.acos(abs(way @ along) / (np.linalg.norm(way) * np.linalg.norm(along))))
    assert angle == pytest.approx(90, abs=1)


def test_equal_scales_are_a_wish_of_their_own(draw: Draw) -> None:
    """A unit is as long upwards as sideways, and the whole map is seen; without the wish the map fills its place."""
    for equal in (True, False):
        desk = Inline(ravine(view__plane__equal=equal))
        desk.until(lambda s: s.map is not None and s.map.complete)
        figure = draw("landscape", desk.state, (800, 400))
        assert isinstance(figure, LandscapeFigure)
        width, height = figure.box.viewPixelSize()
        assert (width == pytest.approx(height, rel=1e-6)) == equal
        seen, m = figure.box.viewRect(), desk.state.map
        assert m is not None
        assert seen.left() <= m.x[0] + 1e-9
        assert seen.right() >= m.x[-1] - 1e-9
        assert seen.top() <= m.y[0] + 1e-9
        assert seen.bottom() >= m.y[-1] - 1e-9


def test_heading_and_caption_inside(draw: Draw) -> None:
    """The heading counts phases and has sentence and formula; the caption still says what the map is."""
    desk = looking(ravine())
    state: AppState = desk.state
    assert captions.landscape_heading(state).startswith("Inside step 1 · 1 of 4 · Slopes along the axes: how fast C")
    assert "∂C/∂x" in captions.landscape_heading(state)
    assert "100·x² + y²" in captions.landscape(state)
    figure = draw("landscape", state)
    assert isinstance(figure, LandscapeFigure)
    assert figure.step.phase is not None
    desk.controller.dispatch(LookOutside())
    figure.set_phase(inside.phase_of(desk.state))
    assert figure.step.phase is None


def test_short_steps_are_drawn_longer_but_never_land_where_they_do_not() -> None:
    """The step says how much longer on the arrow itself; the landing is at its true place."""
    found = {phase.title: phase for phase in told(looking(ravine(run__optimiser__learning_rate=1e-5)))}
    (step,) = found["The step"].arrows
    assert step.label.startswith("step ×")
    landing = found["Landing"]
    assert landing.note == ""
    assert landing.arrows[0].end == landing.landing
    assert landing.landing == pytest.approx((-0.998, 0.99998), abs=1e-5)


EQUATIONS = ("adam", "adam-uncorrected", "adamw", "radam", "qhadam", "qhm", "adagrad", "rmsprop", "lamb", "newton")


@pytest.mark.parametrize("name", EQUATIONS)
def test_every_equation_holds_with_its_own_numbers(name: str) -> None:
    """What is divided by the root, blended, decayed, shortened and damped is what is written behind the sign."""
    settings = {"run.optimiser.name": name, "run.optimiser.learning_rate": 0.004, "run.optimiser.momentum": 0.5}
    desk = looking(ravine().edited(settings | {"run.optimiser.decay": 1.0, "run.optimiser.damping": 100.0}), steps=8)
    d = desk.state.one_step
    assert d is not None
    parts = {key: np.array(part.along) for key, part in d.parts.items()}
    above = parts.get("blend", parts.get("mean", parts["gradient"]))
    if "blend" in parts:
        assert above == pytest.approx(0.3 * parts["gradient"] + 0.7 * parts["mean"], rel=1e-4)
    if "root" in parts:
        assert parts["scaled"] == pytest.approx(-above / parts["root"], rel=1e-4)
    if name == "adamw":
        assert parts["direction"] == pytest.approx(parts["scaled"] - np.array(d.start), rel=1e-4)
    if name == "rmsprop":
        assert parts["velocity"] == pytest.approx(parts["kept"] - parts["scaled"], rel=1e-4)
        assert parts["direction"] == pytest.approx(-parts["velocity"], rel=1e-4)
    if name == "newton":
        assert (np.array([200, 2]) + 100) * parts["direction"] == pytest.approx(-parts["gradient"], rel=1e-4)
    assert d.rate * parts["direction"] == pytest.approx(parts["step"], rel=2e-3)


def test_a_batch_is_not_called_the_surface() -> None:
    """On a noisy ravine slopes and loss are the batch's, and the landing has those of C itself beside them."""
    noisy = ravine(run__network__surface="noisy-ravine", run__optimiser__batch_size=4)
    found = told(looking(noisy.edited({"run.network.x_start": -0.01, "run.network.y_start": 1.0})))
    assert "C of this batch" in found[0].sentence
    assert "C itself: 1.01 →" in found[-1].formula


def test_where_the_slope_is_below_rounding_the_step_says_so() -> None:
    """The plateau's tiny derivative: the formula has its own numbers, and what numbers of seven digits make of them."""
    flat = ravine(run__network__surface="plateau").edited({"run.network.x_start": 4.0, "run.network.y_start": 3.0})
    step = told(looking(flat.edited({"run.optimiser.learning_rate": 0.01})))[2]
    assert "in numbers of seven digits" in step.formula
