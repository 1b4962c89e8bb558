"""Back, aside and on again with the real services in this process: what the person does, and what the run is then."""

from __future__ import annotations

import numpy as np
import pytest

from thalweg.app import captions, marks, notices
from thalweg.app.intents import Edit, ForgetLine, LookAt, PutAhead, Redo, Rescue, SetPlaying, StepBack, StepOn, Undo
from thalweg.core.scene import Scene
from thalweg.core.training.recorder import record

from .inline_desk import Inline
from .rig import tiny_scene

pytestmark = pytest.mark.usefixtures("one_thread")

RATE = "run.optimiser.learning_rate"


def at(step: int, scene: Scene | None = None) -> Inline:
    """A run that was stepped on to a step."""
    run = Inline(scene or tiny_scene(), landscape_share=0.0)
    run.until(lambda s: s.current)
    run.controller.dispatch(StepOn(step))
    run.until(lambda s: s.frame and s.frame.step == step)
    return run


def look(run: Inline, step: int | None) -> None:
    """Look at a step, and see it."""
    run.controller.dispatch(LookAt(step))
    run.until(lambda s: s.frame and s.frame.step == (s.frame.line.head if step is None else step))


def on(run: Inline, steps: int) -> None:
    """Go so many steps on from where it is looked at, and see that."""
    assert run.state.frame is not None
    aim = run.state.frame.step + steps
    run.controller.dispatch(StepOn(steps))
    run.until(lambda s: s.frame and s.frame.step == aim and not s.frame.stepping)


@pytest.mark.parametrize("by", [1, 10])
def test_so_many_steps_back_and_on_again_is_the_same_place(by: int) -> None:
    """Bit for bit, and no branch begins."""
    run = at(40, tiny_scene(run__optimiser__name="adam", run__optimiser__learning_rate=0.01))
    before = run.parameters
    run.controller.dispatch(StepBack(by))
    run.until(lambda s: s.frame and s.frame.step == 40 - by)
    on(run, by)
    assert np.array_equal(run.parameters, before)
    assert len(run.state.frame.lines) == 1
    on(run, 5)
    assert np.array_equal(run.parameters, record(run.state.scene, 45).parameters[-1])


def test_a_change_in_the_past_begins_a_line_beside_the_first() -> None:
    """The first stays as it was; the second has its past, the change, and its own future."""
    run = at(40)
    first = run.parameters
    look(run, 20)
    run.controller.dispatch(Edit(RATE, 0.125))
    run.until(lambda s: len(s.frame.lines) == 2)
    on(run, 20)
    frame = run.state.frame
    assert frame is not None
    assert (frame.focus, frame.line.parent, frame.line.start, frame.line.head) == (1, 0, 20, 40)
    assert not np.array_equal(run.parameters, first)
    assert "learning rate 0.125 from step 20" in captions.curves(run.state)
    assert [e.name for e in marks.entries(run.state)] == ["original", "from 20, learning rate 0.125"]
    run.controller.dispatch(PutAhead(0))
    run.until(lambda s: s.frame.focus == 0 and s.frame.step == 40)
    assert np.array_equal(run.parameters, first)
    assert run.state.scene.run.optimiser.learning_rate == 0.5
    run.controller.dispatch(ForgetLine(1))
    run.until(lambda s: len(s.frame.lines) == 1)


def test_undo_of_a_change_is_the_run_without_it_and_redo_the_run_with_it() -> None:
    """From the step where it was made, bit for bit, whatever was trained since."""
    run = at(20)
    run.controller.dispatch(Edit(RATE, 0.125))
    run.until(lambda s: s.frame.tuned == s.tunes)
    on(run, 20)
    with_it = run.parameters
    run.controller.dispatch(Undo())
    run.until(lambda s: s.frame.step == 20 and s.frame.tuned == s.tunes)
    on(run, 20)
    assert np.array_equal(run.parameters, record(tiny_scene(), 40).parameters[-1])
    assert run.state.scene.run.optimiser.learning_rate == 0.5
    run.controller.dispatch(Redo())
    run.until(lambda s: s.frame.step == 20 and s.frame.tuned == s.tunes)
    on(run, 20)
    assert np.array_equal(run.parameters, with_it)
    assert run.state.scene.run.optimiser.learning_rate == 0.125


def test_a_change_at_step_0_is_what_the_run_has_from_the_start() -> None:
    """The caption does not name a learning rate that never trained."""
    run = at(0)
    run.controller.dispatch(Edit(RATE, 0.125))
    run.until(lambda s: s.frame.tuned == s.tunes)
    on(run, 5)
    assert "learning rate 0.125" in captions.curves(run.state)
    assert "learning rate 0.5" not in captions.curves(run.state)
    assert np.array_equal(run.parameters, record(tiny_scene(run__optimiser__learning_rate=0.125), 5).parameters[-1])


def test_a_change_before_the_worker_was_there_is_followed_like_any_other() -> None:
    """What was set while torch was loading, and what was changed later, are shown at their steps."""
    run = Inline(tiny_scene(), landscape_share=0.0)
    run.controller.dispatch(Edit(RATE, 0.25))
    run.until(lambda s: s.current)
    on(run, 10)
    run.controller.dispatch(Edit("view.log_loss", True))
    look(run, 5)
    assert run.state.seen_scene.run.optimiser.learning_rate == 0.25
    look(run, None)
    run.controller.dispatch(Edit(RATE, 0.125))
    run.until(lambda s: s.frame.tuned == s.tunes)
    on(run, 5)
    look(run, 5)
    assert run.state.seen_scene.run.optimiser.learning_rate == 0.25
    assert run.state.scene.run.optimiser.learning_rate == 0.125


def test_every_variant_takes_each_step_and_is_the_run_that_it_would_be_alone() -> None:
    """In lock-step, bit for bit."""
    scene = tiny_scene()
    other = scene.edited({"run.optimiser.learning_rate": 0.125, "run.seed": 7})
    both = scene.edited({"variants": [other.run.model_dump()]})
    run = at(30, both)
    assert [m.head for m in run.state.frame.lines] == [30, 30]
    assert np.array_equal(run.parameters, record(scene, 30).parameters[-1])
    run.controller.dispatch(PutAhead(1))
    run.until(lambda s: s.frame.focus == 1)
    assert np.array_equal(run.parameters, record(other, 30).parameters[-1])
    look(run, 12)
    assert [m.step for m in run.state.frame.lines] == [12, 12]
    assert run.state.form == 1


def test_a_run_that_was_lost_goes_on_with_a_third_of_its_rate() -> None:
    """The offer stands above the figures; taken, the run stands before its end, and undo gives the rate back."""
    wild = tiny_scene(run__network__activation="relu", run__objective__loss="squared-error",
                      run__optimiser__learning_rate=1000.0, pace__speed=100.0)  # fmt: skip
    run = Inline(wild, landscape_share=0.0)
    run.until(lambda s: s.current)
    run.controller.dispatch(SetPlaying(True))
    state = run.until(lambda s: s.stopped, ticks=500, seconds=0.01)
    assert state.stopped is not None
    assert state.stopped.rescue is not None
    back, rate = state.stopped.rescue
    sentence, answers, _ = notices.banner(state)
    assert "1000" in sentence
    assert answers[0] == ("rescue", f"Back to step {back:,} with learning rate {rate:.3g}")
    assert (state.frame.step, state.playing) == (state.frame.line.head, False)
    assert np.isfinite(run.parameters).all()
    run.controller.dispatch(Rescue())
    run.until(lambda s: s.frame.step == back and s.frame.tuned == s.tunes)
    now = run.state
    assert notices.banner(now)[0] == ""
    assert now.scene.run.optimiser.learning_rate == pytest.approx(rate, rel=5e-3)
    run.controller.dispatch(Undo())
    run.until(lambda s: s.frame.tuned == s.tunes)
    assert run.state.scene.run.optimiser.learning_rate == 1000.0
