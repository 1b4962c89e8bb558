"""Fifty SIGKILLs at random moments, a full disk, a read-only folder: no run file is ever half written, none is lost."""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from thalweg.app.compute import process
from thalweg.app.compute.inline import InlineSession
from thalweg.app.controller import Controller
from thalweg.app.intents import Dismiss, SetPlaying
from thalweg.app.keeping import Keeping
from thalweg.app.kept_runs import KeptRuns
from thalweg.app.state import AppState
from thalweg.core import data as datasets
from thalweg.core.scene import Scene, save
from thalweg.core.store.recording import Recording
from thalweg.core.store.run_file import read
from thalweg.core.training.runs import Runs
from thalweg.core.training.service import TrainingService

from .processes import children, none_left, running, wait
from .rig import FakeEngine, state_of, tiny_scene

pytestmark = pytest.mark.usefixtures("one_thread")

OFTEN = 0.05
"""Seconds between two saves here; a person can choose whole seconds only."""

WORKER_KILLS, PROGRAM_KILLS = 40, 10


def scene_of() -> Scene:
    """A run whose file has all parts: an optimiser with a memory, passes through the data, several lines."""
    return tiny_scene(run__optimiser__name="adam", run__optimiser__learning_rate=0.01, pace__speed=1000.0)


class Truth:
    """The run that nothing ever happens to."""

    def __init__(self, scene: Scene) -> None:
        self._runs = Runs(0, scene.runs(), datasets.load(scene.run.data), "cpu")

    def at(self, step: int) -> np.ndarray:
        """Its parameters at a step, which is not before the last one asked for."""
        while self._runs.front.step_count < step:
            self._runs.step()
        assert self._runs.front.step_count == step
        return self._runs.front.session.snapshot().numpy()


def head(state: AppState) -> int:
    """The newest step of the line in front; -1 before there is a run."""
    return state.current.line.head if state.current else -1


def whole(folder: Path) -> dict[Path, Recording]:
    """The run files of a folder, each of which can be read; all else there is hidden, or a lock."""
    found = {}
    for path in folder.iterdir():
        if path.suffix == ".h5" and not path.name.startswith("."):
            found[path] = read(path)
        else:
            assert path.name.startswith(".session-") or path.name.endswith(".lock"), path.name
    return found


def is_saving(folder: Path) -> bool:
    """Whether something is half written at this moment."""
    return any(folder.glob(".session-*"))


# --- the training worker ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nursery() -> Iterator[BaseContext]:
    """Makes workers by forking a process that has all modules loaded: else a test would do little but load them."""
    before = children()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", "thalweg.core.training.service", "sklearn.datasets", "torch._dynamo"])
    yield context
    forkserver._forkserver._stop()
    assert none_left(children() - before)


class Desk:
    """A controller over a real training worker, whose run is kept in a folder."""

    def __init__(self, folder: Path, every: float = OFTEN) -> None:
        self.folder = folder
        self.kept = KeptRuns(folder)
        state = state_of(scene_of())
        settings = state.settings.model_copy(update={"autosave": every})
        state = replace(state, settings=settings, keeping=Keeping(path=self.kept.begin()))
        self.controller = Controller(state, process.session_worker("cpu"), FakeEngine("landscape"))
        self.see(lambda s: s.current, "the run")

    @property
    def state(self) -> AppState:
        """The controller's."""
        return self.controller.state

    @property
    def pid(self) -> int:
        """The worker's."""
        return self.controller._session.pid

    @property
    def saved(self) -> int:
        """The step that was last said to be in the file; -1 before that."""
        return self.state.keeping.done.step if self.state.keeping.done else -1

    def see(self, done: Callable[[AppState], object], what: str) -> None:
        """Look at the worker until it is so."""

        def there() -> bool:
            self.controller.tick()
            return bool(done(self.state))

        wait(there, f"{what}; at step {head(self.state)}, kept {self.saved}: {self.state.sentence}")

    def play(self) -> None:
        """Train."""
        self.controller.dispatch(SetPlaying(True))


@pytest.fixture
def desk(tmp_path: Path, nursery: BaseContext, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """One at work, whose worker is gone at the end."""
    monkeypatch.setattr(process, "mp", SimpleNamespace(get_context=lambda kind: nursery))
    made = Desk(tmp_path)
    yield made
    made.controller.close()
    wait(lambda: not running(made.pid), "the worker's end")


def test_a_training_worker_that_is_killed_again_and_again_loses_no_file(desk: Desk) -> None:
    """While it trains and while it saves: after each kill the file is whole, is this run, and is what was said."""
    chance, truth, saves_hit = random.Random(4), Truth(scene_of()), 0
    for number in range(WORKER_KILLS):
        desk.play()
        begun, saved = head(desk.state), desk.saved
        desk.see(lambda s, b=begun, k=saved: head(s) > b and desk.saved > k, f"a file after kill {number}")
        if number % 2:
            until = time.monotonic() + chance.uniform(0, 0.15)
            desk.see(lambda s, u=until: time.monotonic() >= u, "the moment")
        else:
            desk.see(lambda s: is_saving(desk.folder), "a save")
        os.kill(desk.pid, signal.SIGKILL)
        saves_hit += is_saving(desk.folder)
        desk.see(lambda s: s.dead, "the sentence about it")
        (found,) = whole(desk.folder).values()
        assert found.front.head >= desk.saved
        assert np.array_equal(found.parameters[-1], truth.at(found.front.head))
        gone = desk.state.generation
        desk.controller.restart_session()
        desk.see(lambda s, g=gone: s.dead is None and s.current and s.generation > g, "the run's return")
        assert head(desk.state) == found.front.head
        desk.controller.dispatch(Dismiss())
    assert saves_hit, "no kill came during a save"
    desk.controller.close()
    desk.kept.leave()
    assert KeptRuns(desk.folder).left() == []
    assert {p.name for p in desk.folder.iterdir()} == {"last-run.h5"}


@contextmanager
def no_file_larger_than(size: int, pid: int) -> Iterator[None]:
    """A process that cannot write more than so many bytes to a file, as on a full disk."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.2, 0.45])
def test_a_full_disk_is_told_once_and_costs_nothing(desk: Desk, share: float) -> None:
    """Wherever in the file it is full: training goes on, the old file is intact, and later it is written again.

    A later file may have half as many steps as one before, and so be half as large.
    """
    desk.play()
    desk.see(lambda s: desk.saved > 150 and not s.keeping.busy, "a file")
    (path,) = whole(desk.folder)
    with no_file_larger_than(int(share * path.stat().st_size), desk.pid):
        desk.see(lambda s: s.sentence, "the sentence about it")
        content = path.read_bytes()
        said, asked = desk.state.sentence, desk.state.keeping.at
        assert str(path) in said
        assert "cannot be written" in said
        assert "Error" not in said, "a name of ours is no reason"
        desk.controller.dispatch(Dismiss())
        begun = head(desk.state)
        desk.see(lambda s: head(s) > begun + 50 and s.keeping.at > asked + 3 * OFTEN, "more steps, and more tries")
        assert desk.state.playing
        assert desk.state.sentence == ""
        assert path.read_bytes() == content
        read(path)
        wait(lambda: not is_saving(desk.folder) or not desk.state.keeping.busy, "the end of a try")
    saved = desk.saved
    desk.see(lambda s: desk.saved > saved, "a newer file")
    whole(desk.folder)
    desk.controller.dispatch(SetPlaying(False))
    desk.see(lambda s: not s.keeping.busy, "the end of the save")
    assert not is_saving(desk.folder), "what could not be written does not stay"


# --- a folder that cannot be written in ------------------------------------------------------------------------------


class Telling(InlineSession):
    """A session in this process that also says what was written."""

    def __init__(self) -> None:
        self.service = TrainingService()
        super().__init__(self.service)

    def poll(self, seconds: float = 0.01) -> list[object]:
        """Train for a moment."""
        return [*super().poll(seconds), *self.service.news()]


@contextmanager
def sealed(folder: Path) -> Iterator[None]:
    """A folder in which nothing can be written: root, whom permissions do not bind, becomes nobody meanwhile."""
    folder.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)


def test_a_read_only_folder_is_told_once_and_costs_nothing() -> None:
    """Training goes on, the old file is intact, and once it can be written again it is."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        path = folder / "session-1.h5"
        state = replace(state_of(scene_of(), landscape_share=0.0), keeping=Keeping(path=str(path)))
        settings = state.settings.model_copy(update={"autosave": OFTEN})
        controller = Controller(replace(state, settings=settings), Telling(), FakeEngine("landscape"))

        def see(done: Callable[[AppState], object], what: str) -> None:
            wait(lambda: (controller.tick(), done(controller.state))[1], what)

        controller.dispatch(SetPlaying(True))
        see(lambda s: s.keeping.done and not s.keeping.busy and path.is_file(), "a file")
        with sealed(folder):
            see(lambda s: s.sentence, "the sentence about it")
            content = path.read_bytes()
            assert "Permission denied" in controller.state.sentence
            assert str(path) in controller.state.sentence
            controller.dispatch(Dismiss())
            begun, asked = head(controller.state), controller.state.keeping.at
            see(lambda s: head(s) > begun + 50 and s.keeping.at > asked + 3 * OFTEN, "more steps, and more tries")
            assert controller.state.playing
            assert controller.state.sentence == ""
            assert path.read_bytes() == content
            see(lambda s: not s.keeping.busy, "the end of a try")
        before = read(path).front.head
        see(lambda s: s.keeping.done and s.keeping.done.step > before and not s.keeping.failed, "a newer file")
        assert read(path).front.head > before
        controller.dispatch(SetPlaying(False))
        see(lambda s: not s.keeping.busy, "the end of the save")


# --- the whole program -----------------------------------------------------------------------------------------------

PROGRAM = """
import sys, time
from dataclasses import replace
from pathlib import Path

from thalweg.app.compute.process import session_worker
from thalweg.app.controller import Controller
from thalweg.app.intents import LeftBehind, OpenRun, SetPlaying
from thalweg.app.kept_runs import KeptRuns
from thalweg.app.settings import Settings
from thalweg.app.state import opened
from thalweg.core.scene import load

class Nothing:
    name = "landscape"
    def send(self, command): pass
    def poll(self): return []
    def restart(self, device=None): pass
    def close(self): pass

def main():
    folder, scene = map(Path, sys.argv[1:])
    kept = KeptRuns(folder)
    state = opened(load(scene), "", Settings(landscape_share=0.0).model_copy(update={"autosave": 0.2}))
    state = replace(state, keeping=replace(state.keeping, path=kept.begin()))
    desk = Controller(state, session_worker("cpu"), Nothing())
    print("worker", desk._session.pid, flush=True)
    left = kept.left()
    if left:
        desk.dispatch(LeftBehind(*left[0]))
        desk.dispatch(OpenRun(left[0][0]))
        while desk.state.opening:
            desk.tick()
    while not desk.state.current:
        desk.tick()
    print("begun", desk.state.current.line.head, flush=True)
    desk.dispatch(SetPlaying(True))
    saved = None
    while True:
        desk.tick()
        if desk.state.sentence:
            print("said", desk.state.sentence, flush=True)
            return
        if desk.state.keeping.done is not saved:
            saved = desk.state.keeping.done
            print("saved", saved.step, flush=True)
        time.sleep(0.002)

if __name__ == "__main__":
    main()
"""


class Program:
    """The program without its window, in processes of its own, and what it has said."""

    def __init__(self, script: Path, folder: Path, scene: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, script, folder, scene], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self.said: list[list[str]] = []
        self._ear = threading.Thread(target=self._hear)
        self._ear.start()

    def _hear(self) -> None:
        assert self.process.stdout is not None
        for text in self.process.stdout:
            self.said.append(text.split(maxsplit=1))

    def values(self, word: str) -> list[int]:
        """The numbers that it has said after a word."""
        assert not [s for s in self.said if s[0] == "said"], self.said
        return [int(s[1]) for s in self.said if s[0] == word]

    def kill(self, alone: bool) -> None:
        """End it with the signal; ``alone``: its worker is to find out by itself."""
        if alone:
            self.process.kill()
        else:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        wait(lambda: not any(running(pid) for pid in self.values("worker")), "the end of its worker")
        self._ear.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


def test_a_program_that_is_killed_again_and_again_loses_no_run(tmp_path: Path) -> None:
    """Alone or with its worker, in training and in saves: the next start offers what was said to be kept, or more."""
    script, scene, folder = tmp_path / "program.py", tmp_path / "scene.toml", tmp_path / "runs"
    script.write_text(PROGRAM)
    save(scene_of(), scene)
    folder.mkdir()
    chance, truth, kept = random.Random(7), Truth(scene_of()), 0
    for number in range(PROGRAM_KILLS):
        program = Program(script, folder, scene)
        try:
            wait(lambda p=program: p.values("begun") or p.process.poll() is not None, "the run")
            assert program.values("begun") == [kept]
            if number != 3:  # one is killed before it has saved anything
                wait(lambda p=program, k=kept: max(p.values("saved"), default=0) > k, "a file")
            if number % 3 == 1:
                wait(lambda: is_saving(folder), "a save")
            else:
                time.sleep(chance.uniform(0, 0.6))
        finally:
            program.kill(alone=bool(number % 2))
        files = whole(folder)
        offered = KeptRuns(folder).left()
        assert {Path(path) for path, _ in offered} == set(files)
        assert not is_saving(folder), "what was half written is tidied up"
        found = files[Path(offered[0][0])]
        assert found.front.head >= max([kept, *program.values("saved")])
        kept = found.front.head
        assert np.array_equal(found.parameters[-1], truth.at(kept))
    assert not list(folder.glob("*.lock"))
