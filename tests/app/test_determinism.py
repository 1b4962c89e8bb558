"""The same scene and seed: the same parameters, bit for bit, whatever is looked at and however it is played."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PyQt6.QtWidgets import QApplication

from thalweg.app import theme
from thalweg.app.compute.process import landscape_worker, session_worker
from thalweg.app.controller import Controller
from thalweg.app.desk import Desk
from thalweg.app.intents import LookAt, Reset, SetPlaying, SetSettings, StepBack, StepOn
from thalweg.app.main_window import MainWindow
from thalweg.app.state import AppState
from thalweg.core.messages import Acknowledge
from thalweg.core.scene import Scene
from thalweg.core.training.recorder import record

from .inline_desk import Inline
from .processes import children, none_left, wait
from .rig import state_of, tiny_scene
from .test_window import gone

pytestmark = pytest.mark.usefixtures("one_thread")

STEPS = 1000


def scene_of(name: str = "adam", **changes: object) -> Scene:
    """A run whose optimiser remembers what has been."""
    rate, momentum = {"adam": (0.01, 0.0), "sgd": (0.5, 0.9), "rmsprop": (0.001, 0.5)}[name]
    return tiny_scene(
        run__optimiser__name=name,
        run__optimiser__learning_rate=rate,
        run__optimiser__momentum=momentum,
        pace__speed=500.0,
        **changes,
    )


@pytest.fixture(scope="module")
def expected() -> Callable[[Scene], np.ndarray]:
    """The parameters after these steps, trained in this process, without a window, with nothing looked at."""
    known: dict[str, np.ndarray] = {}

    def parameters(scene: Scene) -> np.ndarray:
        name = scene.run.optimiser.name
        if name not in known:
            recording = record(scene, STEPS)
            assert recording.front.head == STEPS
            known[name] = recording.parameters[-1]
        return known[name]

    return parameters


# --- ways to come to a step ------------------------------------------------------------------------------------------

See = Callable[[Callable[[AppState], object]], None]
Way = Callable[[Controller, See], None]


def head(state: AppState) -> int:
    """The newest step of the run on screen; -1 before there is one."""
    return state.current.line.head if state.current else -1


def played(controller: Controller, see: See) -> None:
    """In one go."""
    controller.dispatch(SetPlaying(True))
    see(lambda s: head(s) >= STEPS)


def stepped(controller: Controller, see: See) -> None:
    """A few steps at a time, each waited for."""
    for size in (1, 2, 7, 90, 100, 300, 500):
        before = head(controller.state)
        controller.dispatch(StepOn(size))
        see(lambda s, before=before, size=size: head(s) == before + size)


def scrubbed_at_play(controller: Controller, see: See) -> None:
    """Earlier steps are looked at while training goes on."""
    controller.dispatch(SetPlaying(True))
    for k, step in enumerate((3, 90, None, 0, 201, None), start=1):
        see(lambda s, k=k: head(s) >= 100 * k)
        controller.dispatch(LookAt(step))
        if step is not None:
            see(lambda s: s.current and not s.current.following)
            for message in (StepOn(), StepBack(10)):
                controller.dispatch(message)
    controller.dispatch(LookAt(None))
    controller.dispatch(SetPlaying(True))
    see(lambda s: head(s) >= STEPS)


def scrubbed_at_rest(controller: Controller, see: See) -> None:
    """Training goes on from earlier steps again and again, which are repeated on the way."""
    for k, step in enumerate((3, 700, None, 0, 401, None), start=1):
        controller.dispatch(SetPlaying(True))
        see(lambda s, k=k: head(s) >= min(STEPS, 120 * k))
        controller.dispatch(StepBack(10))
        for where in (step, 57, step):
            controller.dispatch(LookAt(where))
            controller.dispatch(StepBack())
        see(lambda s: s.frame and not s.frame.stepping)
    controller.dispatch(SetPlaying(True))
    see(lambda s: head(s) >= STEPS)


WAYS = (played, stepped, scrubbed_at_play, scrubbed_at_rest)


def arrived(controller: Controller, see: See) -> np.ndarray:
    """The parameters at the step that is compared, to which the run has come or which it has passed."""
    controller.dispatch(SetPlaying(False))
    controller.dispatch(LookAt(STEPS))
    see(lambda s: s.frame and s.frame.step == STEPS and not s.frame.stepping)

    def there(state: AppState) -> bool:
        here = state.parameters
        if here is None or here.step != STEPS:
            controller.tell_session(Acknowledge(state.generation, True))
        return here is not None and here.step == STEPS

    see(there)
    assert controller.state.parameters is not None
    return controller.state.parameters.parameters


# --- in this process -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("optimiser", "way"), [*(("adam", way) for way in WAYS), ("sgd", scrubbed_at_rest), ("rmsprop", scrubbed_at_rest)]
)
def test_the_same_run_in_this_process(expected: Callable, optimiser: str, way: Way) -> None:
    """Played, stepped, looked back at while it goes on or rests."""
    scene = scene_of(optimiser)
    run = Inline(scene, landscape_share=0.0)
    run.until(lambda s: s.started)
    way(run.controller, lambda done: run.until(done, ticks=4000, seconds=0.01) and None)
    found = arrived(run.controller, lambda done: run.until(done, ticks=4000, seconds=0.01) and None)
    assert len(run.state.frame.lines) == 1
    assert np.array_equal(found, expected(scene))


def test_the_memory_that_it_may_take_is_nothing_to_a_run(expected: Callable) -> None:
    """What was dropped from the record is trained again when it is looked at, and so is what comes after it."""
    scene = scene_of()
    run = Inline(scene, landscape_share=0.0, memory=16)
    run.until(lambda s: s.started)
    scrubbed_at_rest(run.controller, lambda done: run.until(done, ticks=4000, seconds=0.01) and None)
    frame = run.state.frame
    assert frame is not None
    assert len(frame.line.recorded) < STEPS
    found = arrived(run.controller, lambda done: run.until(done, ticks=4000, seconds=0.01) and None)
    assert np.array_equal(found, expected(scene))


# --- in processes of its own -----------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No test leaves a process behind."""
    before = children()
    yield
    assert none_left(children() - before)


def test_the_same_run_in_a_process_with_landscapes_and_without(expected: Callable) -> None:
    """The worker of one session, one way after the other, from the start each time."""
    scene = scene_of()
    controller = Controller(state_of(scene), session_worker("cpu"), landscape_worker("cpu", 1.0))

    def see(done: Callable[[AppState], object]) -> None:
        def there() -> bool:
            controller.tick()
            return bool(done(controller.state))

        wait(there, f"the run, at step {head(controller.state)} of {STEPS}: {controller.state.sentence}")

    try:
        see(lambda s: s.current and s.ready == {"training", "landscape"})
        for share in (0.0, 1.0):
            settings = controller.state.settings.model_copy(update={"landscape_share": share})
            controller.dispatch(SetSettings(settings))
            for way in WAYS:
                controller.dispatch(Reset())
                see(lambda s: head(s) == 0)
                way(controller, see)
                assert np.array_equal(arrived(controller, see), expected(scene)), (way.__name__, share)
            assert (controller.state.map is not None) is bool(share)
    finally:
        controller.close()


@pytest.mark.parametrize("way", [played, scrubbed_at_rest])
def test_the_same_run_with_the_window_open(qtbot, expected: Callable, way: Way) -> None:
    """Every figure drawn, every panel open, the timer of the window alone looking at the workers."""
    panels = ("landscape", "curves", "gradient-norms", "weight-map", "slices")
    scene = scene_of(view__panels=panels)
    controller = Controller(state_of(scene, landscape_share=1.0), session_worker("cpu"), landscape_worker("cpu", 1.0))
    window = MainWindow([])
    try:
        Desk(window, controller)
        window.show()

        def see(done: Callable[[AppState], object]) -> None:
            def there() -> bool:
                QApplication.processEvents()
                return bool(done(controller.state))

            wait(there, f"the run, at step {head(controller.state)} of {STEPS}: {controller.state.sentence}")

        see(lambda s: s.map)
        way(controller, see)
        assert np.array_equal(arrived(controller, see), expected(scene))
    finally:
        window.close()
        gone(window)
        theme.apply(theme.LIGHT, QApplication.instance())
