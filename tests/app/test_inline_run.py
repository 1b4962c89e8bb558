"""From a scene to its landscape with the real services and the built-in digits, in this process."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from thalweg.app.intents import Edit, LayPlane, NewSeed, Reset, SetPlaying, StepOn
from thalweg.core import data as datasets
from thalweg.core.curvature.steps import finish
from thalweg.core.plane.lay import lay
from thalweg.core.problem import build
from thalweg.core.training.recorder import record

from .inline_desk import Inline, settled
from .rig import tiny_scene

pytestmark = pytest.mark.usefixtures("one_thread")

STEPS = 23


def advanced(**changes: object) -> Inline:
    """A run that took its steps one by one, looked at after each."""
    made = Inline(tiny_scene(**changes))
    made.until(lambda s: s.started)
    for _ in range(STEPS):
        made.controller.dispatch(StepOn())
        made.controller.tick()
    return made


def test_a_scene_comes_to_a_map_on_its_plane() -> None:
    """Laid at step 0 by the spec, its numbers those of a plain evaluation there."""
    run = Inline()
    state = run.until(settled)
    m, laid = state.map, state.plane_laid
    assert m is not None
    assert laid is not None
    assert (m.step, m.laid_step, laid.step, laid.plane) == (0, 0, 0, state.plane)
    scene = state.scene
    problem = build(scene.run, datasets.load(scene.run.data))
    plane = finish(lay(problem, problem.start, scene.view.plane))
    assert np.array_equal(laid.x, plane.x.vector.numpy())
    assert np.array_equal(laid.y, plane.y.vector.numpy())
    assert m.labels == (plane.x.label, plane.y.label)
    inputs, labels = problem.first(50)
    for j, i in ((0, 0), (8, 3), (4, 8)):
        with torch.no_grad():
            scores = torch.func.functional_call(
                problem.module, problem.layout.views(plane.at(m.x[i], m.y[j])), (inputs,)
            )
        assert m.loss[j, i] == pytest.approx(float(problem.objective.mean(scores, labels)), rel=1e-4)


@pytest.mark.parametrize("mode", ["fixed", "follow", "re-aim"])
def test_the_map_follows_the_run_in_its_mode(mode: str) -> None:
    """After some steps the map is of the newest step, laid where the mode says, the path's end at its point."""
    run = advanced(view__plane__mode=mode)
    state = run.until(settled)
    m, path = state.map, state.path
    assert m is not None
    assert path is not None
    assert m.step == STEPS
    assert m.laid_step == (STEPS if mode == "re-aim" else 0)
    assert (path.alpha[-1], path.beta[-1]) == pytest.approx(m.point, abs=1e-4)
    if mode == "re-aim":
        assert m.point == pytest.approx((0, 0), abs=1e-6)
    if mode != "fixed":
        assert m.loss_at_projection == pytest.approx(m.loss_at_point, rel=1e-4)
    assert state.frame is not None
    assert 0 <= path.share <= 1


def test_the_path_stays_inside_the_axes() -> None:
    """They grow with it."""
    run = advanced(view__plane__x__low=-0.01, view__plane__x__high=0.01, view__plane__y__low=-0.01,
                   view__plane__y__high=0.01)  # fmt: skip
    state = run.until(lambda s: settled(s) and s.map and (s.map.x[0], s.map.x[-1]) == s.ranges[0])
    m, path = state.map, state.path
    assert m is not None
    assert path is not None
    assert path.alpha.max() > 0.01
    for values, axis in ((path.alpha, m.x), (path.beta, m.y)):
        assert axis[0] <= values.min()
        assert values.max() <= axis[-1]


def test_laying_the_plane_here_lays_it_at_the_current_point() -> None:
    """With the directions as they are there."""
    run = advanced()
    before = run.until(settled).plane_laid
    run.controller.dispatch(LayPlane())
    state = run.until(settled)
    assert state.map is not None
    assert state.plane_laid is not None
    assert before is not None
    assert state.map.laid_step == state.plane_laid.step == STEPS
    assert not np.array_equal(state.plane_laid.x, before.x)
    assert np.array_equal(state.plane_laid.origin, run.parameters)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"view__panels": ("curves",)},
        {"view__plane__mode": "re-aim"},
        {"view__plane__resolution": 17},
        {"run__optimiser__name": "adam", "run__optimiser__learning_rate": 0.01},
    ],
)
def test_the_parameters_do_not_depend_on_what_is_looked_at(changes: dict[str, object]) -> None:
    """Landscapes on or off, played, stepped or recorded without a window: the same, bit for bit."""
    stepped = advanced(**changes)
    scene = stepped.state.scene
    recorded = record(scene, STEPS).parameters[-1]
    assert np.array_equal(stepped.parameters, recorded)
    for share in (0.0, 1.0):
        played = Inline(scene.edited({"pace.speed": 100.0}), landscape_share=share)
        played.until(lambda s: s.started)
        played.controller.dispatch(SetPlaying(True))
        played.until(lambda s, p=played: p.step == STEPS, seconds=0.01)
        assert np.array_equal(played.parameters, recorded)
        if share and "landscape" in scene.view.panels:
            assert played.state.map is not None
    assert not np.array_equal(recorded, record(scene, STEPS - 1).parameters[-1])


def test_epochs_and_groups_of_batches_are_the_same_run() -> None:
    """Only where it pauses differs."""
    run = Inline(tiny_scene(pace__step="batches", pace__batches=STEPS))
    run.until(lambda s: s.started)
    run.controller.dispatch(StepOn())
    # work() gives up its slice by the clock, which stands still here: one look trains it all
    run.until(lambda s: run.step == STEPS)
    assert np.array_equal(run.parameters, advanced().parameters)


def test_reset_gives_the_same_run_again_and_a_new_seed_another() -> None:
    """Bit for bit."""
    run = advanced()
    first = run.parameters
    run.controller.dispatch(Reset())
    run.until(lambda s: s.frame and s.frame.generation == s.generation)
    start = run.parameters
    assert not np.array_equal(start, first)
    for _ in range(STEPS):
        run.controller.dispatch(StepOn())
        run.controller.tick()
    assert np.array_equal(run.parameters, first)
    run.controller.dispatch(NewSeed(99))
    run.until(lambda s: s.frame and s.frame.generation == s.generation)
    assert not np.array_equal(run.parameters, start)
    run.controller.dispatch(NewSeed(0))
    run.until(lambda s: s.frame and s.frame.generation == s.generation)
    assert np.array_equal(run.parameters, start)


def test_a_run_that_diverges_stops_says_so_and_leaves_a_picture() -> None:
    """The window goes on; the sentence names the learning rate."""
    run = Inline(
        tiny_scene(run__network__activation="relu", run__objective__loss="squared-error",
                   run__optimiser__learning_rate=1000.0, pace__speed=100.0)
    )  # fmt: skip
    run.until(lambda s: s.started)
    run.controller.dispatch(SetPlaying(True))
    state = run.until(lambda s: s.sentence, ticks=500, seconds=0.01)
    assert not state.playing
    assert "1000" in state.sentence
    state = run.until(lambda s: not s.busy and s.map and s.frame and s.map.step == s.frame.step)
    assert state.scene.run.optimiser.learning_rate == 1000.0


def test_parallel_axes_are_explained_where_the_map_would_be() -> None:
    """And mending the axis brings the map."""
    run = Inline(tiny_scene(view__plane__y__layers=(1,)))
    state = run.until(lambda s: s.map_error)
    assert "parallel" in state.map_error
    assert state.map is None
    run.controller.dispatch(Edit("view.plane.y.layers", (2,)))
    assert not run.until(settled).map_error


def test_a_plane_of_the_path_waits_until_there_is_one() -> None:
    """At step 0 a sentence says why there is no landscape; later the plane comes by itself, and holds the path."""
    axes = {f"view__plane__{a}__{k}": v for a in "xy" for k, v in (("kind", "principal"), ("layers", ()))}
    run = Inline(tiny_scene(view__plane__mode="re-aim", view__plane__y__rank=2, **axes))
    state = run.until(lambda s: s.map_error)
    assert state.map_error.startswith("No landscape yet: the path has 1 snapshot so far")
    for _ in range(3):
        run.controller.tick()
    assert run.state.laid is None
    for _ in range(STEPS):
        run.controller.dispatch(StepOn())
        run.controller.tick()
    state = run.until(settled)
    assert state.map_error == ""
    assert state.map is not None
    assert state.path is not None
    assert state.map.laid_step == STEPS
    assert "principal component 1" in state.map.labels[0]
    assert "principal component 2" in state.map.labels[1]
    assert state.path.share > 0.5
    assert state.path.alpha[-1] == pytest.approx(0, abs=1e-5)
    assert state.map.x[0] <= state.path.alpha.min() <= state.path.alpha.max() <= state.map.x[-1]


@pytest.mark.parametrize(("kind", "words"), [("towards", "towards the start"), ("update", "last update")])
def test_a_plane_from_the_run_is_laid_with_what_was_asked_for(kind: str, words: str) -> None:
    """Chosen in mid-run: the parameters on their way without its direction do not lay it."""
    run = advanced()
    run.until(settled)
    run.controller.dispatch(Edit("view.plane.x.kind", kind))
    run.controller.dispatch(Edit("view.plane.x.layers", ()))
    state = run.until(settled)
    assert state.map is not None
    assert words in state.map.labels[0]
    assert state.laid is not None
    assert state.laid[0] == STEPS


def test_eigenvectors_as_axes() -> None:
    """The two largest: the loss at the map's middle is that of the point."""
    axes = {f"view__plane__{a}__{k}": v for a in "xy" for k, v in (("kind", "hessian"), ("layers", ()))}
    state = Inline(tiny_scene(view__plane__y__rank=2, **axes)).until(settled)
    m = state.map
    assert m is not None
    assert "2nd largest eigenvalue" in m.labels[1]
    assert abs(m.cosine) < 1e-4
