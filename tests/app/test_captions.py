"""What the figures say about themselves, word by word: nothing that is not true of the picture above it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from thalweg.app import captions
from thalweg.app.state import AppState, Edit, OpenScene, SetPlaying, Undo, reduce
from thalweg.core.messages import DataMissing, Failed

from .rig import a_map, frame, path, started, tiny_scene
from .test_state import after, running


def at(step: int, state: AppState | None = None) -> AppState:
    """A run at a step, with its map of the same step."""
    state = state or running()
    state = reduce(a_map(state.plane, state.map_number, state.generation, step), state)
    return reduce(frame(state.generation, step, path(state.plane, np.linspace(0, 1, step + 1))), state)


# --- the optimiser ---------------------------------------------------------------------------------------------------


def test_the_optimiser_as_it_was_started() -> None:
    """Name, learning rate, batch size; momentum where it counts."""
    assert captions.optimiser(at(5)) == "SGD, learning rate 0.5, batch size 10"


def test_a_live_change_is_told_with_its_step() -> None:
    """The curves left of it belong to the old value."""
    now = reduce(Edit("run.optimiser.learning_rate", 0.25), at(20))
    assert captions.optimiser(now) == "SGD, learning rate 0.5, batch size 10; learning rate 0.25 from step 20"
    assert captions.optimiser(now) in captions.curves(now)
    later = reduce(Edit("run.optimiser.batch_size", 7), at(30, now))
    assert captions.optimiser(later).endswith("; learning rate 0.25 from step 20; batch size 7 from step 30")


def test_a_change_before_the_first_step_is_the_runs_own() -> None:
    """The caption names the learning rate that trains."""
    now = reduce(Edit("run.optimiser.learning_rate", 0.25), at(0))
    assert "learning rate 0.25" in captions.optimiser(now)


def test_a_change_while_the_run_is_being_loaded_is_not_told_with_a_step_of_the_run_before() -> None:
    """That run's last frame is still on screen."""
    loading = after(at(20), OpenScene(tiny_scene(run__seed=9), "other"))
    now = reduce(Edit("run.optimiser.learning_rate", 0.25), loading)
    here = after(now, started(now.generation), frame(now.generation, 0))
    assert "from step 20" not in captions.optimiser(here)


def test_a_change_that_is_taken_back_is_told_too() -> None:
    """Undo changes the learning rate of a running run as well."""
    now = reduce(Edit("run.optimiser.learning_rate", 0.25), at(20))
    back = reduce(Undo(), at(30, now))
    assert captions.optimiser(back).endswith("learning rate 0.5 from step 30")


# --- whose run -------------------------------------------------------------------------------------------------------


def test_captions_are_of_the_run_on_screen_until_another_has_started() -> None:
    """The scene is ahead of the pictures while its run is being loaded."""
    other = tiny_scene(run__seed=9, run__network__activation="tanh")
    now = reduce(OpenScene(other, "other"), at(20))
    for text in (captions.landscape(now), captions.curves(now), captions.gradient_norms(now)):
        assert "sigmoid, seed 0" in text
        assert "tanh" not in text
    there = after(now, replace(started(now.generation), run=other.run), frame(now.generation, 0))
    assert "tanh, seed 9" in captions.curves(there)


@pytest.mark.parametrize("message", [DataMissing(2, "mnist", "Not here."), Failed(2, "No memory.")])
def test_a_start_that_failed_has_no_captions(message: object) -> None:
    """There is no picture either."""
    now = after(at(20), OpenScene(tiny_scene(run__seed=9), "other"), message)
    for text in (captions.landscape(now), captions.curves(now), captions.gradient_norms(now), captions.weight_map(now)):
        assert "seed 0" not in text
        assert "step 20" not in text


def test_a_draft_is_no_run() -> None:
    """It is not what trains."""
    now = reduce(Edit("run.seed", 9), at(20))
    assert "seed 0" in captions.curves(now)


# --- the landscape ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cosine", "told"), [(0.0, False), (0.005, False), (0.4, True), (-0.4, True)])
def test_axes_that_are_not_perpendicular_are_said_to_be_oblique(cosine: float, told: bool) -> None:
    """They are drawn at right angles all the same."""
    state = running()
    state = reduce(replace(a_map(state.plane, 1), cosine=cosine), state)
    text = captions.landscape(state)
    assert ("oblique" in text) is told
    assert (f"cosine {cosine:.2f}" in text) is told


def test_a_coarse_map_says_how_much_of_it_is_computed() -> None:
    """The rest is interpolated."""
    state = running()
    coarse = replace(a_map(state.plane, 1, complete=False), evaluated=25)
    assert "25 of 9×9 points so far" in captions.landscape(reduce(coarse, state))
    assert "so far" not in captions.landscape(at(3))


# --- the status line -------------------------------------------------------------------------------------------------


def test_the_status_says_what_is_going_on() -> None:
    """Loading, at rest, playing, or in a long step."""
    state = at(20)
    assert captions.status(state)[2] == "paused"
    assert captions.status(reduce(SetPlaying(True), state))[2] == "12 steps/s"
    assert captions.status(reduce(frame(step=21, stepping=True), state))[2] == "12 steps/s"
    assert captions.status(replace(state, started=None, frame=None))[2] == "loading"
    closed = reduce(Edit("view.panels", ("curves",)), state)
    assert captions.status(closed)[3] == "landscapes off"
