"""Going on after the training worker was killed: from the step that was kept, exactly. With real processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from thalweg.app import notices
from thalweg.app.compute.process import session_worker
from thalweg.app.controller import Controller
from thalweg.app.intents import Edit, LookAt, PutAhead, SetPlaying
from thalweg.app.keeping import Keeping
from thalweg.app.state import AppState
from thalweg.core.messages import Acknowledge
from thalweg.core.scene import Scene
from thalweg.core.store.run_file import read
from thalweg.core.training.recorder import record

from .processes import children, none_left, wait
from .rig import FakeEngine, state_of, tiny_scene

pytestmark = pytest.mark.usefixtures("one_thread")

RATE = "run.optimiser.learning_rate"


class Kept:
    """A controller over a real training worker, whose run is kept in a file every few moments."""

    def __init__(self, scene: Scene, file: Path) -> None:
        state = replace(state_of(scene), keeping=Keeping(path=str(file)))
        often = state.settings.model_copy(update={"autosave": 0.1})  # a person can choose whole seconds only
        self.controller = Controller(replace(state, settings=often), session_worker("cpu"), FakeEngine("landscape"))
        self.file = file

    @property
    def state(self) -> AppState:
        """The controller's."""
        return self.controller.state

    @property
    def kept(self) -> int:
        """The step of the file, as far as it was said; -1 before that."""
        done = self.state.keeping.done
        return done.step if done is not None else -1

    def see(self, done: Callable[[AppState], object], what: str) -> None:
        """Look at the worker until it is so."""

        def there() -> bool:
            self.controller.tick()
            return bool(done(self.state))

        wait(there, f"{what}: {notices.banner(self.state)[0]}")

    def kill(self) -> None:
        """End the worker as a full machine does, and see it."""
        os.kill(self.controller._session.pid, signal.SIGKILL)
        self.see(lambda s: s.dead, "the sentence about it")

    def go_on(self) -> None:
        """Press the button."""
        assert notices.banner(self.state)[1] == (("restart", "Go on from there"),)
        before = self.state.generation
        self.controller.restart_session()
        self.see(lambda s: s.dead is None and s.current and s.generation > before, "the run's return")

    def parameters(self, step: int) -> np.ndarray:
        """Those of a step that the run has come to."""
        self.controller.dispatch(SetPlaying(False))
        self.controller.dispatch(LookAt(step))
        self.see(lambda s: s.frame and s.frame.step == step, f"step {step}")
        self.controller.tell_session(Acknowledge(self.state.generation, True))
        self.see(lambda s: s.parameters and s.parameters.step == step, f"the parameters of step {step}")
        assert self.state.parameters is not None
        return self.state.parameters.parameters


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No test leaves a process behind."""
    before = children()
    yield
    assert none_left(children() - before)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Callable[[Scene], Kept]]:
    """Begins runs that are kept, and ends their workers."""
    made: list[Kept] = []

    def begin(scene: Scene) -> Kept:
        made.append(Kept(scene, tmp_path / "session.h5"))
        made[-1].see(lambda s: s.current, "the run")
        return made[-1]

    yield begin
    for one in made:
        one.controller.close()


def head(state: AppState) -> int:
    """The newest step of the line in front."""
    return state.current.line.head if state.current else -1


def test_a_killed_run_goes_on_from_the_kept_step_bit_for_bit(kept: Callable[[Scene], Kept]) -> None:
    """Twice in a row; in the end it is the run that nothing ever happened to."""
    scene = tiny_scene(run__optimiser__name="adam", run__optimiser__learning_rate=0.01, pace__speed=500.0)
    run = kept(scene)
    for least in (60, 200):
        run.controller.dispatch(SetPlaying(True))
        run.see(lambda s, least=least: run.kept >= least and head(s) > run.kept, f"a file of step {least}")
        run.kill()
        there = run.kept
        assert f"last kept at step {there:,}" in notices.banner(run.state)[0]
        run.go_on()
        assert head(run.state) == read(run.file).front.head >= there
        assert run.state.scene == scene
    run.controller.dispatch(SetPlaying(True))
    run.see(lambda s: head(s) >= 600, "step 600")
    assert np.array_equal(run.parameters(600), record(scene, 600).parameters[-1])
    assert np.array_equal(run.parameters(137), record(scene, 137).parameters[-1])


def test_branches_changes_and_variants_come_back_too(kept: Callable[[Scene], Kept]) -> None:
    """Every line as it was, with the one in front in front, and what can be undone."""
    scene = tiny_scene(pace__speed=500.0)
    scene = scene.edited({"variants": [scene.edited({"run.seed": 4}).run.model_dump()]})
    run = kept(scene)
    run.controller.dispatch(SetPlaying(True))
    run.see(lambda s: head(s) >= 120, "step 120")
    run.controller.dispatch(SetPlaying(False))
    run.controller.dispatch(LookAt(50))
    run.see(lambda s: s.frame and s.frame.step == 50, "step 50")
    run.controller.dispatch(Edit(RATE, 0.125))
    run.see(lambda s: s.frame and len(s.frame.lines) == 3, "a branch")
    run.controller.dispatch(SetPlaying(True))
    run.see(lambda s: head(s) >= 90, "step 90 of it")
    run.controller.dispatch(SetPlaying(False))
    run.controller.dispatch(PutAhead(1))
    run.see(lambda s: s.frame and s.frame.focus == 1 and not s.frame.stepping, "the variant in front")
    run.see(lambda s: s.keeping.done and not s.keeping.busy and s.keeping.done.step == head(s), "the file of it")
    before = run.state
    assert before.frame is not None
    run.kill()
    run.go_on()
    now = run.state
    assert now.frame is not None
    assert now.frame.focus == 1
    assert now.form == 1
    assert [(m.number, m.run, m.start, m.head, m.parent, m.changes) for m in now.frame.lines] == [
        (m.number, m.run, m.start, m.head, m.parent, m.changes) for m in before.frame.lines
    ]
    for one, other in zip(before.frame.lines, now.frame.lines, strict=True):
        assert one.series is not None
        assert other.series is not None
        for name, values in one.series.items():
            assert np.array_equal(values, other.series[name], equal_nan=True), name
    assert [k.what for k in now.past] == [k.what for k in before.past] == ["learning rate 0.5 to 0.125"]
    assert now.scene == before.scene


def test_after_going_on_the_forms_follow_the_step_that_is_looked_at(kept: Callable[[Scene], Kept]) -> None:
    """As they did before the worker died."""
    run = kept(tiny_scene(pace__speed=500.0))
    run.controller.dispatch(SetPlaying(True))
    run.see(lambda s: head(s) >= 40, "step 40")
    run.controller.dispatch(Edit(RATE, 0.125))
    run.see(lambda s: run.kept >= 80 and head(s) > run.kept, "a file with the change in it")
    run.kill()
    run.go_on()
    for step, rate in ((10, 0.5), (75, 0.125)):
        run.controller.dispatch(LookAt(step))
        run.see(lambda s, step=step: s.frame and s.frame.step == step, f"step {step}")
        assert run.state.seen_scene.run.optimiser.learning_rate == rate
