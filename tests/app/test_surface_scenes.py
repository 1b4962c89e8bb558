"""Surfaces in the window: where the descent begins is the person's to choose, and the whole way is there at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from thalweg.app import captions
from thalweg.app.intents import ApplyDraft, Edit, Redo, SetPlaying, StartAt, Undo
from thalweg.app.panels.applies import applies, shown
from thalweg.app.reduce import reduce
from thalweg.app.state import AppState
from thalweg.app.wishes import session_commands
from thalweg.core.messages import Advance, Focus, Play, Start
from thalweg.core.scene import Scene

from .inline_desk import Inline
from .rig import frame, line, started
from .test_state import running


def ravine(**edits: object) -> Scene:
    """The ravine as the forms make it, with two runs."""
    scene = Scene().edited({"run.network.kind": "surface"})
    scene = scene.edited({"variants": [scene.edited({"run.optimiser.learning_rate": 0.004}).run.model_dump()]})
    return scene.edited({path.replace("__", "."): value for path, value in edits.items()})


# --- the state -------------------------------------------------------------------------------------------------------


def test_all_runs_begin_where_the_person_points() -> None:
    """Anew, playing as before; it can be undone; on a network it is nothing."""
    before = reduce(SetPlaying(True), running(ravine()))
    now = reduce(StartAt(0.25, -1.23456), before)
    assert [(r.network.x_start, r.network.y_start) for r in now.scene.runs()] == [(0.25, -1.235)] * 2
    assert now.generation == before.generation + 1
    assert now.playing
    assert reduce(Undo(), now).scene == before.scene
    network = running()
    assert reduce(StartAt(0.5, 0.5), network) is network
    same = reduce(StartAt(-1.0, 1.0), before)
    assert same.generation == before.generation, "it stands there already"


def test_a_drag_is_one_change() -> None:
    """However many places it goes through; the next one is another; undo goes to where it began, redrawn at once."""
    state = running(ravine(view__instant=40))
    first = state.scene
    for k in range(30):
        state = reduce(StartAt(k / 100, 0.5, done=k == 29), state)
    dragged = state.scene
    state = reduce(StartAt(-0.5, 0.5, done=False), state)
    assert [kept.scene for kept in state.past] == [first, dragged]
    back = reduce(Undo(), reduce(Undo(), state))
    assert back.scene == first
    assert told(state, back) == [Start, Play, Advance]


def test_what_is_looked_at_stays_while_the_start_is_dragged() -> None:
    """Zoom, hidden lines, the form and the line in front; the pictures until new ones are there."""
    before = running(ravine(view__instant=40))
    lines = tuple(line(n, 4, run=n) for n in range(2))
    seen = reduce(frame(before.generation, 4, lines=lines, focus=1), before)
    seen = replace(seen, zoom=((-1.0, 0.0), (0.0, 1.0)), hidden=frozenset({0}))
    assert seen.form == 1
    moved = reduce(StartAt(0.5, 0.5), seen)
    assert (moved.zoom, moved.hidden, moved.form) == (seen.zoom, seen.hidden, 1)
    assert session_commands(seen, moved)[2] == Focus(moved.generation, 1)
    begun = reduce(replace(started(moved.generation), runs=moved.scene.runs()), moved)
    assert begun.frame is seen.frame
    assert begun.map is seen.map
    first = reduce(frame(moved.generation, 0, lines=tuple(line(n, 0, run=n) for n in range(2))), begun)
    assert first.form == 1, "the first frame is of the first run"
    again = reduce(frame(moved.generation, 0, lines=tuple(line(n, 0, run=n) for n in range(2)), focus=1), first)
    assert again.form == 1


def test_undo_of_a_live_field_begins_the_descent_anew_too() -> None:
    """Else caption and path would not be of one learning rate."""
    before = running(ravine(view__instant=40))
    tuned = reduce(Edit("run.optimiser.learning_rate", 0.002), before)
    back = reduce(Undo(), tuned)
    assert back.scene == before.scene
    assert told(tuned, back) == [Start, Play, Advance]
    assert told(back, reduce(Redo(), back)) == [Start, Play, Advance]


def test_a_kind_that_is_chosen_and_taken_back_leaves_nothing() -> None:
    """Plane, panels and optimiser are as they were, whatever they were."""
    scene = Scene().edited({"run.optimiser.learning_rate": 0.3, "view.plane.colour": "log", "view.log_loss": True})
    there = reduce(Edit("run.network.kind", "surface"), running(scene))
    assert there.draft is not None
    back = reduce(Edit("run.network.kind", "mlp"), there)
    assert back.draft is None or back.draft == scene


def told(before: AppState, now: AppState) -> list[type]:
    """The kinds of what the worker is told."""
    return [type(c) for c in session_commands(before, now)]


def test_the_whole_way_is_taken_at_once_with_each_change() -> None:
    """So many steps after each change of the start or of a run; without the wish a live change is one of the run."""
    before = running(ravine(view__instant=40))
    moved = reduce(StartAt(0.5, 0.5), before)
    assert told(before, moved) == [Start, Play, Advance]
    assert session_commands(before, moved)[-1] == Advance(moved.generation, 40)
    tuned = reduce(Edit("run.optimiser.learning_rate", 0.002), before)
    assert tuned.scene.run.optimiser.learning_rate == 0.002
    assert told(before, tuned) == [Start, Play, Advance]
    steeper = reduce(Edit("run.network.a", 50.0), before)
    assert steeper.draft is None
    assert [run.network.a for run in steeper.scene.runs()] == [50.0, 50.0]
    assert [run.optimiser.learning_rate for run in tuned.scene.runs()] == [0.002, 0.004]
    slow = running(ravine())
    assert reduce(Edit("run.optimiser.learning_rate", 0.002), slow).generation == slow.generation
    assert reduce(Edit("run.network.a", 50.0), slow).draft is not None


def test_what_is_refused_at_once_is_told_at_its_field() -> None:
    """The last good picture stays."""
    before = running(ravine(view__instant=40, run__network__surface="formula"))
    wrong = reduce(Edit("run.network.formula", "3x"), before)
    assert wrong.generation == before.generation
    assert wrong.field_error is not None
    path, sentence = wrong.field_error
    assert path == "run.network.formula"
    assert "at character 2" in sentence


# --- the forms -------------------------------------------------------------------------------------------------------


def test_the_forms_show_what_counts_for_a_surface() -> None:
    """No data, no layers; of the surfaces each has its own fields."""
    scene, network = ravine(), Scene()
    for path in ("run.data.name", "run.objective.loss", "run.network.hidden", "run.network.initialisation"):
        assert shown(path, network)
        assert not shown(path, scene)
    assert shown("run.network.a", scene)
    assert not shown("run.network.a", network)
    assert not shown("run.network.formula", scene)
    formula = scene.edited({"run.network.surface": "formula"})
    assert shown("run.network.formula", formula)
    assert not shown("run.network.a", formula)
    assert not applies("run.optimiser.batch_size", scene)
    assert applies("run.optimiser.batch_size", scene.edited({"run.network.surface": "noisy-ravine"}))
    assert applies("view.instant", scene)
    assert not applies("view.instant", network)
    assert applies("view.theory", scene)
    for other in (network, formula, scene.edited({"run.network.surface": "noisy-ravine"})):
        assert not applies("view.theory", other)


# --- the worker ------------------------------------------------------------------------------------------------------


def test_a_surface_from_the_forms_to_its_picture() -> None:
    """Chosen, applied, descended on: the map is C(x, y) in its own coordinates and the path the closed form's."""
    run = Inline(Scene())
    run.controller.dispatch(Edit("run.network.kind", "surface"))
    run.controller.dispatch(ApplyDraft())
    run.controller.dispatch(Edit("view.instant", 4))
    run.controller.dispatch(StartAt(-1.0, 0.5))
    state = run.until(lambda s: s.map and s.map.complete and s.path and s.path.steps[-1] == 4)
    assert state.map is not None
    assert state.path is not None
    assert state.map.surface
    j, i = (int(np.abs(axis - at).argmin()) for axis, at in ((state.map.y, 1.0), (state.map.x, -1.0)))
    assert state.map.loss[j, i] == pytest.approx(100 * state.map.x[i] ** 2 + state.map.y[j] ** 2, rel=1e-6)
    assert state.path.alpha.tolist() == pytest.approx([-((-0.8) ** k) for k in range(5)], abs=1e-6)
    assert state.path.beta.tolist() == pytest.approx([0.5 * 0.982**k for k in range(5)], abs=1e-6)
    words = captions.landscape(state)
    assert "C(x, y) = 100·x² + y²" in words
    assert "η = 0.009 is between 1/λmax = 0.005 and 2/λmax = 0.01: stable." in words
    assert "x by 1 − 2aη = −0.8 (zigzags), y by 1 − 2bη = 0.982 (creeps). □" in words
    assert "○: closed form." in words
    assert captions.CAVEAT in words
    assert "examples" not in words + captions.curves(state) + captions.gradient_norms(state)
    faster = replace(state, frame=None)
    assert captions.CAVEAT in captions.landscape(faster)
