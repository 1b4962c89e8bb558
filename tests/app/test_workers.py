"""The real worker processes: they answer, they may die, and they never outlive the window."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from thalweg.app.compute.process import Worker, landscape_worker, session_worker
from thalweg.app.controller import Controller
from thalweg.app.intents import Edit, Reset, SetPlaying, StepOn
from thalweg.core.messages import (
    Acknowledge,
    Advance,
    Cancel,
    Died,
    Frame,
    Map,
    MapRequest,
    PlaneLaid,
    Play,
    Ready,
    Start,
    Started,
)
from thalweg.core.scene import PaceSpec, RunSpec, Scene
from thalweg.core.training.recorder import record

from .inline_desk import settled
from .processes import children, none_left, running, wait
from .rig import SIZE, state_of, tiny_scene

FLAT_OUT = PaceSpec()


class Ear:
    """A worker and everything that it has said."""

    def __init__(self, worker: Worker) -> None:
        self.worker, self.heard = worker, []

    def wait(self, kind: type, count: int = 1) -> object:
        """The newest event of a kind, once there are so many of them."""

        def there() -> bool:
            self.heard += self.worker.poll()
            return sum(isinstance(e, kind) for e in self.heard) >= count

        wait(there, f"{count} {kind.__name__} from {self.worker.name}")
        return [e for e in self.heard if isinstance(e, kind)][-1]


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No test leaves a process behind."""
    before = children()
    yield
    assert none_left(children() - before)


@pytest.fixture
def session() -> Iterator[Ear]:
    """A training process."""
    ear = Ear(session_worker("cpu"))
    yield ear
    ear.worker.close()


@pytest.fixture
def landscapes() -> Iterator[Ear]:
    """A landscape process that may compute all the time."""
    ear = Ear(landscape_worker("cpu", 1.0))
    yield ear
    ear.worker.close()


@pytest.fixture
def desk() -> Iterator[Controller]:
    """A controller over both."""
    made = Controller(state_of(landscape_share=1.0), session_worker("cpu"), landscape_worker("cpu", 1.0))
    yield made
    made.close()


def see(controller: Controller, done: object, what: str) -> None:
    """Look at the workers until it is so."""

    def there() -> bool:
        controller.tick()
        return bool(done(controller.state))  # type: ignore[operator]

    wait(there, what)


def request(run: RunSpec, size: int, number: int, resolution: int, examples: int = 50) -> MapRequest:
    """A map request of a run, with parameters of zeros and a random plane."""
    axis = {"kind": "random", "layers": ()}
    view = Scene().edited({"view.plane.x": axis, "view.plane.y": axis | {"seed": 2}}).view.plane
    view = view.model_copy(update={"resolution": resolution, "examples": examples})
    point = np.random.default_rng(0).standard_normal(size, dtype=np.float32)
    return MapRequest(1, number, run, view, 0, 0, point, 0, point, (-1.0, 1.0), (-1.0, 1.0))


# --- they answer -----------------------------------------------------------------------------------------------------


def test_a_session_trains_and_answers(session: Ear) -> None:
    """Bit for bit what is recorded without a process."""
    scene = tiny_scene()
    session.wait(Ready)
    session.worker.send(Start(1, scene.runs()))
    found = session.wait(Started)
    assert isinstance(found, Started)
    assert found.run.network.sizes == (784, 8, 10)
    session.wait(Frame)
    session.worker.send(Advance(1, 40))
    for k in range(2, 50):
        session.worker.send(Acknowledge(1, True))
        frame = session.wait(Frame, k)
        assert isinstance(frame, Frame)
        if frame.step == 40:
            break
    assert frame.step == 40
    assert np.array_equal(frame.parameters, record(scene, 40).parameters[-1])


def test_a_landscape_worker_answers_the_newest_request(landscapes: Ear) -> None:
    """Whatever came before; a cancelled one is left."""
    run = tiny_scene().run
    landscapes.wait(Ready)
    for number in range(1, 5):
        landscapes.worker.send(request(run, SIZE, number, 21))
    landscapes.worker.send(Cancel(1))
    landscapes.worker.send(request(run, SIZE, 5, 21))
    wait(
        lambda: any(isinstance(e, Map) and e.number == 5 and e.complete for e in _hear(landscapes)),
        "the map of the newest request",
    )
    numbers = [e.number for e in landscapes.heard if isinstance(e, Map)]
    assert numbers == sorted(numbers)
    assert sum(isinstance(e, PlaneLaid) for e in landscapes.heard) == 1


def _hear(ear: Ear) -> list[object]:
    ear.heard += ear.worker.poll()
    return ear.heard


def test_sending_never_waits_for_the_worker(landscapes: Ear) -> None:
    """A worker that is itself waiting to be read must not hold up the window: each would wait for the other."""
    run = tiny_scene(run__network__hidden=(512,)).run
    size = 785 * 512 + 513 * 10
    landscapes.wait(Ready)
    landscapes.worker.send(request(run, size, 1, 201, examples=1))
    wait(lambda: landscapes.worker._pipe.poll(0), "the first words of the answer")
    thread = threading.Thread(
        target=lambda: [landscapes.worker.send(request(run, size, n, 201, examples=1)) for n in range(2, 9)],
        daemon=True,
    )
    thread.start()
    thread.join(20)
    stuck = thread.is_alive()
    if stuck:
        assert landscapes.worker.pid is not None
        os.kill(landscapes.worker.pid, signal.SIGKILL)
        thread.join()
    assert not stuck


# --- they die --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [session_worker, lambda device: landscape_worker(device, 0.5)])
def test_a_killed_worker_says_so_once_and_can_be_started_again(make: object) -> None:
    """With the signal; commands to it are dropped without an error."""
    ear = Ear(make("cpu"))  # type: ignore[operator]
    try:
        ear.wait(Ready)
        first = ear.worker.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        died = ear.wait(Died)
        assert died == Died(ear.worker.name, f"The {ear.worker.name} process has ended (signal 9).")
        assert not ear.worker.alive
        ear.worker.send(Play(1, True, FLAT_OUT))
        assert ear.worker.poll() == []
        ear.heard.clear()
        ear.worker.restart()
        ear.wait(Ready)
        assert ear.worker.alive
        assert ear.worker.pid != first
        assert not running(first)
    finally:
        ear.worker.close()


def test_the_window_survives_the_death_of_both_workers(desk: Controller) -> None:
    """The pictures and the scene stay; the landscape worker comes back by itself, training when asked for."""
    desk.dispatch(Edit("view.log_loss", True))
    see(desk, settled, "a landscape")
    desk.dispatch(SetPlaying(True))
    see(desk, lambda s: s.frame.step > 20 and s.path and len(s.path.steps) > 20, "twenty steps")
    scene = desk.state.scene
    os.kill(desk._session.pid, signal.SIGKILL)  # type: ignore[attr-defined]
    os.kill(desk._landscapes.pid, signal.SIGKILL)  # type: ignore[attr-defined]
    see(desk, lambda s: s.dead, "the sentence about it")
    assert desk.state.dead is not None
    assert "signal 9" in desk.state.dead[1]
    assert (desk.state.scene, desk.state.playing) == (scene, False)
    assert desk.state.map is not None
    assert desk.state.frame is not None
    see(desk, lambda s: s.ready == {"landscape"}, "the landscape worker's return")
    desk.restart_session()
    see(desk, lambda s: s.dead is None and s.frame and s.frame.step == 0, "the run's new beginning")
    desk.dispatch(StepOn())
    see(desk, lambda s: s.frame.step == 1 and settled(s), "a landscape with the path on it")
    assert desk.state.map is not None
    assert desk.state.map.laid_step <= 1
    assert desk.state.scene == scene


# --- closing ---------------------------------------------------------------------------------------------------------


def idle(desk: Controller) -> None:
    """At rest with everything on screen."""
    see(desk, settled, "a landscape")


def starting(desk: Controller) -> None:
    """Torch is being loaded."""


def reading_data(desk: Controller) -> None:
    """The run has just been begun."""
    see(desk, lambda s: "training" in s.ready, "the training worker")


def flat_out(desk: Controller) -> None:
    """Training as fast as it can, maps all the time."""
    desk.dispatch(SetPlaying(True))
    see(desk, lambda s: s.frame and s.frame.step > 50 and s.map, "some steps and a map")


def in_a_map(desk: Controller) -> None:
    """A large map of all examples is being computed."""
    desk.dispatch(Edit("view.plane.examples", 100))
    desk.dispatch(Edit("view.plane.resolution", 201))
    see(desk, lambda s: s.busy and s.map and not s.map.complete, "the first pass of a large map")


def unread(desk: Controller) -> None:
    """Both workers have said more than the pipes hold and wait for somebody to listen."""
    flat_out(desk)
    desk.dispatch(Edit("view.plane.resolution", 201))
    for _ in range(300):
        desk._session.send(Acknowledge(desk.state.generation, True))
        wait(lambda: desk._session._pipe.poll(0), "the training worker's word")  # type: ignore[attr-defined]
    wait(lambda: desk._landscapes._pipe.poll(0), "the landscape worker's word")  # type: ignore[attr-defined]


def stopped(desk: Controller) -> None:
    """Both are held by the system, as by a debugger or a full machine."""
    see(desk, lambda s: len(s.ready) == 2, "both workers")
    for worker in (desk._session, desk._landscapes):
        os.kill(worker.pid, signal.SIGSTOP)  # type: ignore[attr-defined]


def dead(desk: Controller) -> None:
    """One has been killed and nobody has looked yet."""
    see(desk, lambda s: len(s.ready) == 2, "both workers")
    os.kill(desk._session.pid, signal.SIGKILL)  # type: ignore[attr-defined]


@pytest.mark.parametrize("moment", [idle, starting, reading_data, flat_out, in_a_map, unread, stopped, dead])
def test_closing_at_any_moment_leaves_no_process(moment: object) -> None:
    """Both processes are gone when close returns; closing twice is harmless."""
    before = children()
    desk = Controller(state_of(landscape_share=1.0), session_worker("cpu"), landscape_worker("cpu", 1.0))
    try:
        mine = children() - before
        assert len(mine) == 2
        moment(desk)  # type: ignore[operator]
    finally:
        desk.close()
    assert none_left(mine)
    desk.close()


def test_reset_in_mid_run_is_the_same_run_again(desk: Controller) -> None:
    """Through real pipes: whatever was under way, step 0 has the same parameters, bit for bit."""
    see(desk, lambda s: s.parameters, "the first parameters")
    assert desk.state.parameters is not None
    first = desk.state.parameters[1]
    flat_out(desk)
    desk.dispatch(Reset())
    see(desk, lambda s: s.parameters and s.frame.generation == s.generation, "the first parameters again")
    assert desk.state.parameters[0] == 0
    assert np.array_equal(desk.state.parameters[1], first)


# --- the processes' surroundings -------------------------------------------------------------------------------------

WINDOW = """
import sys
import thalweg.app.window
assert "torch" not in sys.modules, "importing the window loads torch"
import os, time
from thalweg.app.compute.process import landscape_worker, session_worker
from thalweg.app.controller import Controller
from thalweg.app.settings import Settings
from thalweg.app.intents import SetPlaying
from thalweg.app.state import opened
from thalweg.core.scene import Scene

def main():
    desk = Controller(
        opened(Scene(), "", Settings()), session_worker("cpu"), landscape_worker("cpu", 1.0)
    )
    desk.dispatch(SetPlaying(True))
    until = time.monotonic() + 90
    while not (desk.state.map and desk.state.frame.step > 5):
        desk.tick()
        assert time.monotonic() < until
        time.sleep(0.01)
    assert "torch" not in sys.modules, "talking to the workers loads torch"
    print(desk._session.pid, desk._landscapes.pid, flush=True)
    LAST

if __name__ == "__main__":
    main()
"""


def test_the_window_never_loads_torch(tmp_path: object) -> None:
    """Neither when imported nor while maps and frames come in; it is up before torch has loaded."""
    script = tmp_path / "window.py"  # type: ignore[operator]
    script.write_text(WINDOW.replace("LAST", "desk.close()"))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert none_left(set(map(int, done.stdout.split())))


def test_workers_end_by_themselves_when_the_window_is_killed(tmp_path: object) -> None:
    """While they train and compute."""
    script = tmp_path / "window.py"  # type: ignore[operator]
    script.write_text(WINDOW.replace("LAST", "\n    while True: desk.tick(); time.sleep(0.01)"))
    window = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    assert window.stdout is not None
    pids = set(map(int, window.stdout.readline().split()))
    try:
        assert len(pids) == 2
        assert all(running(p) for p in pids)
        window.kill()
        window.wait()
        wait(lambda: none_left(pids), "the end of both workers")
    finally:
        window.kill()
        window.stdout.close()
        for pid in pids:
            if running(pid):
                os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_is_the_windows_to_answer(session: Ear, how: signal.Signals) -> None:
    """A worker ignores it, and ends at SIGTERM."""
    session.wait(Ready)
    session.worker.send(Start(1, tiny_scene().runs()))
    assert session.worker.pid is not None
    os.kill(session.worker.pid, how)
    if how == signal.SIGINT:
        session.wait(Started)
    else:
        session.wait(Died)
