"""What the figures say about themselves, word by word: nothing that is not true of the picture above it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from thalweg.app import captions
from thalweg.app.intents import Edit, OpenScene, SetPlaying, ShowLine, Zoom
from thalweg.app.reduce import reduce
from thalweg.app.state import AppState
from thalweg.core.landscape.slope import full_slope
from thalweg.core.messages import DataMissing, Failed, MapProgress
from thalweg.core.scene import NetworkSpec

from .rig import a_map, frame, line, path, started, state_of, tiny_scene
from .test_state import after, running


def at(step: int, state: AppState | None = None, *changes: tuple[int, float]) -> AppState:
    """A run at a step, with its map of the same step; ``changes``: from which step on which learning rate."""
    state = state or running()
    state = reduce(a_map(state.plane, state.map_number, state.generation, step), state)
    first = tiny_scene().run.optimiser
    optimisers = tuple((k, first.model_copy(update={"learning_rate": rate})) for k, rate in changes)
    on = path(state.plane, np.linspace(0, 1, step + 1))
    now = line(0, step, on, changes=optimisers or ((0, first),))
    return reduce(frame(state.generation, step, lines=(now,), tuned=state.tunes), state)


# --- the optimiser ---------------------------------------------------------------------------------------------------


def test_the_optimiser_as_it_was_started() -> None:
    """Name, learning rate, batch size; momentum where it counts."""
    assert captions.optimiser(at(5)) == "SGD, learning rate 0.5, batch size 10"


def test_clipping_is_told_where_there_is_some() -> None:
    """After what the method is, before what was changed since; also where it was switched on meanwhile."""
    clipped = state_of(tiny_scene(run__optimiser__clip=0.25))
    assert captions.optimiser(clipped) == "SGD, learning rate 0.5, gradient clipped at 0.25, batch size 10"
    now = at(30)
    assert now.line is not None
    changed = tiny_scene(run__optimiser__clip=2.0).run.optimiser
    line_now = replace(now.line, changes=(*now.line.changes, (20, changed)))
    later = reduce(frame(now.generation, 30, lines=(line_now,)), now)
    assert captions.optimiser(later).endswith("; gradient clipping 2 from step 20")


def test_a_penalty_is_told_where_there_are_weights() -> None:
    """With its size; a surface has none, whatever the field says."""
    penalised = state_of(tiny_scene(run__optimiser__l2=0.005))
    assert captions.optimiser(penalised) == "SGD, learning rate 0.5, L2 penalty 0.005, batch size 10"
    surface = tiny_scene(run__optimiser__l2=0.005).edited({"run.network.kind": "surface", "run.optimiser.l2": 0.005})
    assert "penalty" not in captions.optimiser(state_of(surface))


def test_a_live_change_is_told_with_its_step() -> None:
    """The curves left of it belong to the old value; of many changes the last are told."""
    now = at(30, None, (0, 0.5), (20, 0.25))
    assert captions.optimiser(now) == "SGD, learning rate 0.5, batch size 10; learning rate 0.25 from step 20"
    assert captions.optimiser(now) in captions.curves(now)
    assert now.line is not None
    small = now.line.changes[-1][1].model_copy(update={"batch_size": 7})
    two = replace(now.line, changes=(*now.line.changes, (25, small)))
    later = reduce(frame(now.generation, 30, lines=(two,)), now)
    assert captions.optimiser(later).endswith("; learning rate 0.25 from step 20; batch size 7 from step 25")
    often = at(90, None, (0, 0.5), *((10 * k, 0.01 * k) for k in range(1, 9)))
    assert [f"from step {10 * k}" in captions.optimiser(often) for k in range(1, 9)] == [False] * 5 + [True] * 3


def test_a_change_before_the_first_step_is_the_runs_own() -> None:
    """The caption names the learning rate that trains."""
    now = at(0, None, (0, 0.25))
    assert "learning rate 0.25" in captions.optimiser(now)
    assert "from step" not in captions.optimiser(now)


def test_a_change_while_the_run_is_being_loaded_is_not_told_with_a_step_of_the_run_before() -> None:
    """That run's last frame is still on screen."""
    loading = after(at(20), OpenScene(tiny_scene(run__seed=9), "other"))
    now = reduce(Edit("run.optimiser.learning_rate", 0.25), loading)
    here = after(now, started(now.generation), frame(now.generation, 0))
    assert "from step 20" not in captions.optimiser(here)


def test_a_change_that_is_taken_back_is_told_too() -> None:
    """A branch is told with what it begins with; what its parent did after it is not."""
    back = at(30, None, (0, 0.5), (20, 0.25), (30, 0.5))
    assert captions.optimiser(back).endswith("learning rate 0.5 from step 30")


def test_several_lines_say_which_is_in_front_and_what_is_paler() -> None:
    """Of one alone nothing is said; what is hidden is not counted; the median and range of a fan are named."""
    assert "lines of training" not in captions.curves(at(5))
    scene = tiny_scene(run__seeds=2)
    specs = scene.runs()
    other = (*specs, specs[0].model_copy(update={"network": NetworkSpec(hidden=(9,))}))
    scene = scene.edited({"variants": [other[2].model_dump()]})
    state = replace(running(scene), started=replace(started(), runs=scene.runs()))
    lines = tuple(line(n, 8, run=n) for n in range(3))
    now = reduce(frame(1, 8, lines=lines, focus=2), state)
    text = captions.curves(now)
    assert "3 lines of training; in front: " in text
    assert "median and range of 2 seeds" in text
    assert captions.PALER in text
    assert captions.PALER not in captions.gradient_norms(now)
    assert "3 lines of training" in captions.gradient_norms(now)
    fewer = after(now, ShowLine(0, False), ShowLine(1, False))
    assert "lines of training" not in captions.curves(fewer)


# --- the network -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "784-30-30-30-10 sigmoid"),
        (
            {"activation": "relu", "hidden_norm": "batch", "initialisation": "he"},
            "784-30-30-30-10 ReLU, batch norm, He weights",
        ),
        (
            {"hidden": (30,) * 50, "hidden_skips": True, "hidden_norm": "layer", "activation": "hard-tanh"},
            "784-50×30-10 hard tanh, layer norm, skips",
        ),
        ({"hidden": (30, 20), "hidden_skips": True, "gain": 2.0}, "784-30-20-10 sigmoid, weights × 2"),
        ({"hidden": (), "hidden_norm": "batch"}, "784-10 sigmoid"),
        ({"hidden": (9,), "initialisation": "constant", "constant": 0.5}, "784-9-10 sigmoid, weights 0.5"),
        (
            {"kind": "cnn", "activation": "leaky-relu", "initialisation": "lsuv", "gain": 0.5},
            "convolutional network, 8-16 filters, leaky ReLU, LSUV weights × 0.5",
        ),
        ({"kind": "cnn", "activation": "relu"}, "convolutional network, 8-16 filters, ReLU"),
        (
            {"kind": "residual", "skips": False, "activation": "relu"},
            "residual network, 2 blocks of 16 channels, no skips, batch norm, ReLU",
        ),
        (
            {"kind": "residual", "blocks": 1, "width": 1, "batch_norm": False, "activation": "tanh"},
            "residual network, 1 block of 1 channel, no batch norm, tanh",
        ),
        ({"kind": "lstm"}, "LSTM over rows, 32 units"),
    ],
)
def test_the_architecture_in_words(fields: dict[str, object], words: str) -> None:
    """What counts for it, and no more."""
    assert captions.architecture(NetworkSpec.model_validate(fields)) == words


def of_kind(kind: str) -> AppState:
    """A run of this architecture at step 3, with its map."""
    state = at(3)
    assert state.started is not None
    run = state.started.run.model_copy(update={"network": NetworkSpec(kind=kind)})
    return replace(state, started=replace(state.started, runs=(run,)))


def test_a_normalised_network_says_which_statistics_it_is_measured_with() -> None:
    """In every figure whose numbers depend on them; the others have none."""
    for kind, told in (("residual", True), ("mlp", False), ("lstm", False)):
        state = of_kind(kind)
        for text in (captions.landscape(state), captions.curves(state), captions.gradient_norms(state)):
            assert ("running mean and variance" in text) is told
            assert (captions.network(state).lower() in text.lower()) is True


def test_a_network_without_a_weight_for_each_pixel_says_so() -> None:
    """Why there is no map, and nothing about norms below it."""
    assert captions.no_weight_map(of_kind("mlp")) == ""
    assert "Euclidean norm of the 30 weights" in captions.weight_map(of_kind("mlp"))
    for kind, reason in (("cnn", "a convolution"), ("residual", "a convolution"), ("lstm", "row by row")):
        assert reason in captions.no_weight_map(of_kind(kind))
        assert "norm" not in captions.weight_map(of_kind(kind))


# --- whose run -------------------------------------------------------------------------------------------------------


def test_captions_are_of_the_run_on_screen_until_another_has_started() -> None:
    """The scene is ahead of the pictures while its run is being loaded."""
    other = tiny_scene(run__seed=9, run__network__activation="tanh")
    now = reduce(OpenScene(other, "other"), at(20))
    for text in (captions.landscape(now), captions.curves(now), captions.gradient_norms(now)):
        assert "sigmoid, seed 0" in text
        assert "tanh" not in text
    there = after(now, replace(started(now.generation), runs=other.runs()), frame(now.generation, 0))
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


def test_the_heading_says_what_is_drawn_and_whether_it_is_a_part() -> None:
    """Loss or accuracy, the step, and the zoom."""
    state = at(20)
    assert captions.landscape_heading(state) == "Loss landscape at step 20"
    zoomed = reduce(Zoom((0, 1), (0, 1)), state)
    assert captions.landscape_heading(zoomed) == "Loss landscape at step 20"  # which is still the whole
    assert zoomed.map is not None
    ends = np.array([0.0, 1.0])
    part = replace(zoomed, map=replace(zoomed.map, x=ends, y=ends))
    assert captions.landscape_heading(part) == "Loss landscape at step 20, zoomed in"
    accuracy = reduce(Edit("view.plane.quantity", "accuracy"), state)
    assert captions.landscape_heading(accuracy) == "Accuracy landscape at step 20"
    assert "Accuracy of 784" in captions.landscape(accuracy)
    assert "Cross-entropy of 784" in captions.landscape(state)


def test_arrows_say_what_they_are() -> None:
    """With the slope at which they have their full length; nothing where there are none."""
    state = at(20)
    assert "rrows" not in captions.landscape(state)
    text = captions.landscape(reduce(Edit("view.plane.arrows", True), state))
    assert state.map is not None
    full = full_slope(state.map.x, state.map.y, state.map.loss)
    assert "not the network's whole gradient" in text
    assert f"full from {full:.3g} nats per unit" in text
    flat = reduce(a_map(state.plane, state.map_number, step=20, loss=np.ones((9, 9))), state)
    assert "rrows" not in captions.landscape(reduce(Edit("view.plane.arrows", True), flat))


def test_the_surface_says_what_the_map_says_and_where_its_path_stands() -> None:
    """The height of the path is no loss of the run."""
    state = at(3)
    text = captions.surface(state)
    assert text.startswith(captions.landscape(state))
    assert "loss drawn at its projection" in text
    assert "Holes" not in text
    assert captions.surface_heading(state) == "Loss surface at step 3"
    assert captions.surface(replace(state, map=None)) == captions.landscape(replace(state, map=None))


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
    busy = replace(state, busy=True, map_number=1)
    on_the_way = reduce(MapProgress(busy.generation, 1, 420, 1681, 2.0), busy)
    assert captions.status(on_the_way)[3] == "landscape 25 %, about 6 s left"
    assert captions.status(reduce(MapProgress(busy.generation, 1, 0, 1681, 2.0), busy))[3] == "landscape 0 %"
    assert captions.status(reduce(MapProgress(busy.generation, 0, 420, 1681, 2.0), busy)) == captions.status(busy)
    assert captions.status(reduce(Edit("view.panels", ("surface",)), state))[3] == captions.status(state)[3]


def test_the_surface_speaks_of_the_loss_that_it_draws() -> None:
    """Whatever the map shows, and without the map's arrows."""
    state = reduce(Edit("view.plane.arrows", True), reduce(Edit("view.plane.quantity", "accuracy"), at(20)))
    assert "Cross-entropy of 784" in captions.surface(state)
    assert "rrows" not in captions.surface(state)
    assert "Accuracy of 784" in captions.landscape(state)


def test_brackets_in_a_name_are_no_details() -> None:
    """Only what stands in brackets at the end of a label is."""
    state = at(20)
    assert state.map is not None
    labels = ("towards step 3 of run (1).h5 in all layers", "random direction of layer 2 (filter-normalised, seed 4)")
    text = captions.landscape(replace(state, map=replace(state.map, labels=labels)))
    assert "Vertical: filter-normalised, seed 4. " in text
    assert "Horizontal" not in text.split(". ")[1]


def test_what_each_line_classifies_right_is_told_in_numbers() -> None:
    """Of the last measured step up to the one that is looked at; of many lines it is not, nor before the first."""
    scene = tiny_scene()
    scene = scene.edited({"variants": [scene.run.model_dump() | {"name": "other"}]})
    series = {"step": np.array([0, 10, 20]), "test_accuracy": np.array([0.1, 0.985, 1.0])}
    series |= {"train_accuracy": np.array([0.2, 0.5, 1.0])}
    worse = series | {"test_accuracy": np.array([0.1, 0.7512, 0.9])}
    lines = tuple(replace(line(n, 15, head=20, run=n), series=own) for n, own in enumerate((series, worse)))
    shown = replace(frame(1, 15, lines=lines))
    state = replace(state_of(scene), started=replace(started(), runs=scene.runs()), frame=shown)
    assert captions.curves(state).startswith("Accuracy on the test examples at step 10: run 1 98.5 %, other 75.1 %. ")
    alone = replace(state, frame=replace(shown, lines=lines[:1]), scene=tiny_scene(view__measured_on="training"))
    alone = replace(alone, started=started())
    assert captions.curves(alone).startswith("Accuracy on the training examples at step 10: 50 %. ")
    many = tuple(replace(m, number=k) for k, m in enumerate(lines * 4))
    assert "Accuracy on" not in captions.curves(replace(state, frame=replace(shown, lines=many)))
    unmeasured = replace(lines[0], series={})
    assert "Accuracy on" not in captions.curves(replace(alone, frame=replace(shown, lines=(unmeasured,))))
