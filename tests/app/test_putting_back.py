"""A layer put back to its start, from the menu to the legend: the state, what the worker is told, names and undo."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from thalweg.app import marks, theory
from thalweg.app.actions import BY_ID
from thalweg.app.intents import ForgetLine, PutLayerBack, Redo, SetPlaying, StepOn, Undo
from thalweg.app.overlay import drawn_lines, line_names
from thalweg.app.putting_back import layers
from thalweg.app.reduce import reduce
from thalweg.app.state import AppState
from thalweg.app.wishes import session_commands
from thalweg.core.messages import Focus, Play, PutBack
from thalweg.core.scene import RunSpec, Scene

from .inline_desk import Inline
from .rig import frame, line, started, tiny_scene
from .test_state import after, running


def at(step: int, head: int, **changes: Any) -> AppState:
    """A run that is looked at there."""
    moment = frame(1, step, lines=(line(0, step, head=head),))
    state = reduce(replace(moment, following=step == head, apart=step != head), running())
    return replace(state, **changes)


def test_the_layers_are_the_choices_from_the_first_step_on() -> None:
    """Not at the start, nor before there is a run, nor of one layer alone; their ids are their numbers."""
    action = BY_ID["put-back"]
    assert action.choices is not None
    assert [(c.id, c.title) for c in action.choices(at(3, 9))] == [("1", "Layer 1"), ("2", "Layer 2")]
    assert action.enabled(at(3, 9))
    flat = tiny_scene(run__network__hidden=())
    alone = replace(at(3, 9), started=replace(started(), runs=flat.runs()))
    for state in (at(0, 9), running(), replace(running(), frame=None), alone, at(3, 9, dead=("training", "gone"))):
        assert layers(state) == () == action.choices(state)
        assert not action.enabled(state)
        assert reduce(PutLayerBack(1), state) is state
    two = at(3, 9)
    assert reduce(PutLayerBack(3), two) is two


@pytest.mark.parametrize(("step", "head"), [(20, 40), (40, 40)])
def test_it_pauses_and_names_the_step_that_is_looked_at(step: int, head: int) -> None:
    """The pause is told first, so that training does not run ahead of it."""
    before = reduce(SetPlaying(True), at(step, head))
    now = reduce(PutLayerBack(2), before)
    assert not now.playing
    assert session_commands(before, now) == [Play(1, False, now.scene.pace), PutBack(1, 2, 0, step)]
    assert now.scene == before.scene
    assert BY_ID["undo"].names(now) == "layer 2 put back to its start"


def test_undo_puts_the_line_in_front_that_was_left_and_redo_the_branch() -> None:
    """Where it was left and where it begins; a branch that was forgotten is begun again."""
    put = reduce(PutLayerBack(1), at(20, 40))
    branch = line(1, 23, start=20, parent=0, put_back=((20, 1),))
    there = reduce(frame(1, 23, lines=(line(0, 40, live=False), branch), focus=1), put)
    back = reduce(Undo(), there)
    assert session_commands(there, back) == [Focus(1, 0, 20)]
    assert (back.scene, BY_ID["redo"].names(back)) == (there.scene, "layer 1 put back to its start")
    again = reduce(Redo(), back)
    assert session_commands(back, again) == [Focus(1, 1, 20)]
    assert BY_ID["undo"].names(again) == "layer 1 put back to its start"
    gone = reduce(frame(1, 20, lines=(line(0, 20, head=40),)), back)
    assert session_commands(gone, reduce(Redo(), gone)) == [PutBack(1, 1, 0, 20)]


def test_in_another_run_undo_of_it_goes_nowhere() -> None:
    """The line that was left is not there any more."""
    put = reduce(PutLayerBack(1), at(20, 40))
    other = reduce(frame(2, 5), replace(put, generation=2, started=replace(started(), generation=2)))
    assert session_commands(other, reduce(Undo(), other)) == []


# --- names -----------------------------------------------------------------------------------------------------------


def test_the_name_of_the_branch_tells_which_layers_are_as_at_the_start() -> None:
    """Those of a branch that it left at the same step too, not of one that it left later; in a run's own words."""
    first = tiny_scene().run.optimiser
    lines = [
        line(0, 40),
        line(1, 40, start=20, parent=0, put_back=((20, 2),)),
        line(2, 40, start=20, parent=1, put_back=((20, 2), (20, 1))),
        line(
            3,
            40,
            start=30,
            parent=2,
            put_back=((20, 2), (20, 1)),
            changes=((0, first), (30, first.model_copy(update={"learning_rate": 0.25}))),
        ),
    ]
    names = line_names(lines, tiny_scene().runs())
    assert names == {
        0: "original",
        1: "from 20, layer 2 as at the start",
        2: "from 20, layer 1 and layer 2 as at the start",
        3: "from 30, learning rate 0.25",
    }
    runs = (RunSpec(name="all layers"), RunSpec(seed=2))
    assert line_names(lines[:2], runs)[1] == "all layers: from 20, layer 2 as at the start"


def test_branches_with_another_layer_put_back_are_no_fan() -> None:
    """Seeds of one run that began branches at the same step share a style only where they began alike."""
    scene = tiny_scene(run__seeds=2)
    two = [line(n, 40, run=n) for n in range(2)]

    def fans(*layers: int) -> list[int]:
        branches = [
            line(2 + n, 40, run=n, start=20, parent=n, put_back=((20, layer),)) for n, layer in enumerate(layers)
        ]
        found = drawn_lines(frame(1, 40, lines=(*two, *branches)), scene.runs(), scene, frozenset())
        return [m.fan for m in found][2:]

    assert fans(1, 2) == [-1, -1]
    assert fans(1, 1) == [1, 1]


def test_the_timeline_marks_where_the_layer_was_put_back() -> None:
    """In the words of the layer's name."""
    both = (line(0, 40, live=False), line(1, 40, start=20, parent=0, put_back=((20, 1),)))
    state = reduce(frame(1, 40, lines=both, focus=1), running())
    assert [m.words for m in marks.marks(state)] == ["Step 20: this line leaves another here, layer 1 as at the start"]


# --- with the real services ------------------------------------------------------------------------------------------


def scene() -> Scene:
    """Two layers, curves alone."""
    return tiny_scene(view__panels=("curves",))


def test_a_layer_is_put_back_trained_on_taken_back_and_done_again() -> None:
    """The line in front has the layer as at the start, its measures there are its own, and undo leaves it."""
    desk = Inline(scene())
    desk.until(lambda s: s.frame is not None)
    start = desk.parameters
    desk.controller.dispatch(StepOn(30))
    desk.until(lambda s: s.frame is not None and s.frame.step == 30)
    trained = desk.parameters
    desk.controller.dispatch(PutLayerBack(1))
    state = desk.until(lambda s: s.frame is not None and len(s.frame.lines) == 2)
    assert state.frame is not None
    span = slice(0, 784 * 8 + 8)
    np.testing.assert_array_equal(desk.parameters[span], start[span])
    np.testing.assert_array_equal(desk.parameters[span.stop :], trained[span.stop :])
    left, branch = state.frame.lines
    assert left.series is not None and branch.series is not None
    assert branch.series["step"].tolist() == [30] and left.series["step"][-1] == 30
    assert branch.series["train_loss"][-1] > left.series["train_loss"][-1]
    assert [e.name for e in marks.entries(state)] == ["original", "from 30, layer 1 as at the start"]
    desk.controller.dispatch(StepOn(4))
    desk.until(lambda s: s.frame is not None and s.frame.step == 34)
    desk.controller.dispatch(Undo())
    state = desk.until(lambda s: s.frame is not None and s.frame.focus == 0 and s.frame.step == 30)
    np.testing.assert_array_equal(desk.parameters, trained)
    desk.controller.dispatch(Redo())
    state = desk.until(lambda s: s.frame is not None and s.frame.focus == 1 and s.frame.step == 30)
    np.testing.assert_array_equal(desk.parameters[span], start[span])
    assert state.frame is not None and len(state.frame.lines) == 2
    desk.controller.dispatch(Undo())
    desk.until(lambda s: s.frame is not None and s.frame.focus == 0)
    desk.controller.dispatch(ForgetLine(1))
    desk.until(lambda s: s.frame is not None and len(s.frame.lines) == 1)
    desk.controller.dispatch(Redo())
    state = desk.until(lambda s: s.frame is not None and len(s.frame.lines) == 2)
    np.testing.assert_array_equal(desk.parameters[span], start[span])
    assert after(state, Undo()).order == Focus(state.generation, 0, 30)


def test_what_is_known_in_closed_form_is_not_of_a_branch_that_began_elsewhere() -> None:
    """The formula begins at the start and knows of no jump."""
    desk = Inline(
        Scene()
        .edited({"run.network.kind": "surface"})
        .edited({"run.network.surface": "ravine", "run.optimiser.learning_rate": 0.01, "view.theory": True})
    )
    state = desk.until(lambda s: s.frame is not None and s.frame.step == 0)
    desk.controller.dispatch(StepOn(5))
    state = desk.until(lambda s: s.frame is not None and s.frame.step > 0 and not s.frame.stepping)
    assert theory.loss(state.frame, state.started, state.scene) is not None
    desk.controller.dispatch(PutLayerBack(1))
    state = desk.until(lambda s: s.frame is not None and s.frame.line.put_back)
    assert theory.loss(state.frame, state.started, state.scene) is None
