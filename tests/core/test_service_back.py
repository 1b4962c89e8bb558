"""Going back, aside and to files through the training service: exact, and never at the cost of what there is."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from thalweg.core.landscape.service import LandscapeService
from thalweg.core.messages import (
    Acknowledge,
    Advance,
    Focus,
    Frame,
    Limit,
    MapRequest,
    Move,
    NotOpened,
    Open,
    Opened,
    PlaneLaid,
    Play,
    Progress,
    SessionCommand,
    Show,
    Start,
    Started,
    Tune,
)
from thalweg.core.scene import AxisSpec, PaceSpec, PlaneSpec, RunSpec, Scene
from thalweg.core.store.run_file import VERSION, write
from thalweg.core.training.recorder import record
from thalweg.core.training.service import TrainingService

from .toys import OPTIMISERS, Uninterrupted, tiny_run, tiny_scene

ADAM = tiny_run(optimiser=OPTIMISERS["adam"].model_dump())
FLAT_OUT = PaceSpec()


class Ticking:
    """A clock on which every look takes a moment."""

    def __init__(self, tick: float = 1e-3) -> None:
        self.time, self.tick = 0.0, tick

    def __call__(self) -> float:
        self.time += self.tick
        return self.time


def service_of(run: RunSpec = ADAM, memory: int = 512 * 2**20, tick: float = 1e-3) -> TrainingService:
    """A service with a run at step 0."""
    service = TrainingService(now=Ticking(tick))
    *_, frame = service.handle(Start(1, (run,), memory))
    assert isinstance(frame, Frame)
    return service


def say(service: TrainingService, *commands: SessionCommand) -> None:
    """Commands, and all of the training and the ways that they ask for."""
    for command in commands:
        assert list(service.handle(command)) == []
        while service.wait() == 0.0:
            service.work(1.0)


def frame_of(service: TrainingService, generation: int = 1) -> Frame:
    """The frame now, with parameters."""
    list(service.handle(Acknowledge(generation, True)))
    frame = service.frame()
    assert frame is not None
    return frame


# --- one and the same run --------------------------------------------------------------------------------------------


def looked_at(service: TrainingService, scene: Scene) -> None:
    """A map at the current point, on a plane of the path's components, as the window asks for it."""
    axes = (AxisSpec(kind="principal"), AxisSpec(kind="update"))
    list(service.handle(Acknowledge(1, True, axes)))
    frame = service.frame()
    assert frame is not None
    view = PlaneSpec(x=axes[0], y=axes[1], resolution=5, examples=20)
    point, ends = frame.parameters, (-1.0, 1.0)
    request = MapRequest(1, 1, scene.run, view, 1, frame.step, point, frame.step, point, ends, ends, given=frame.given)
    for event in LandscapeService().answer(request):
        if isinstance(event, PlaneLaid):
            list(service.handle(event))


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_a_thousand_steps_are_the_same_however_they_are_come_to(optimiser: str) -> None:
    """Played, stepped, paused, gone back and forth, with little memory, looked at or not: not one bit differs."""
    run = tiny_run(optimiser=OPTIMISERS[optimiser].model_dump())
    played = service_of(run)
    list(played.handle(Play(1, True, FLAT_OUT)))
    while played.runs.front.step_count < 990:
        played.work(0.01)
    say(played, Play(1, False, FLAT_OUT), Advance(1, 1000 - played.runs.front.step_count))

    restless = service_of(run, memory=500_000)
    while restless.runs.front.line.head < 1000:
        here = restless.runs.front.line.head
        list(restless.handle(Play(1, True, PaceSpec(step="batches", batches=7))))
        restless.work(0.02)
        say(restless, Play(1, False, FLAT_OUT))
        if here % 5 == 0:
            looked_at(restless, Scene(run=run, view=tiny_scene().view))
        head = restless.runs.front.line.head
        say(restless, Show(1, head // 2), Move(1, -3), Show(1, head - 10 if head > 10 else 0), Show(1, None))
        say(restless, Advance(1, min(60, 1000 - head)))
    say(restless, Show(1, 1000))
    exact = Uninterrupted(run).at(1000).parameters.numpy()
    for service in (played, restless):
        frame = frame_of(service)
        assert (frame.step, len(frame.lines)) == (1000, 1)
        assert np.array_equal(frame.parameters, exact)


def test_training_goes_on_from_the_step_that_is_seen() -> None:
    """Also where what was looked at is not recorded any more: what the frame shows is where the next step begins."""
    for change in ([Limit(1, 1)], [Play(1, True, FLAT_OUT), Play(1, False, FLAT_OUT)]):
        service = service_of(memory=2_000_000)
        say(service, Advance(1, 20))
        if len(change) == 1:
            say(service, Show(1, 7), *change)
        else:
            list(service.handle(change[0]))
            list(service.handle(Show(1, 7)))
            while service.runs.front.line.at(7) is not None:
                service.work(0.1)
            say(service, change[1])
        seen = frame_of(service).step
        say(service, Advance(1, 1))
        assert frame_of(service).step == seen + 1


def test_a_long_way_back_is_told() -> None:
    """From half a second on, again and again: where it is, and where it leads to; no frame until it is there."""
    service = service_of(memory=1, tick=0.05)
    say(service, Advance(1, 60))
    target = max(s for s in range(60) if service.runs.front.line.at(s) is None)
    list(service.handle(Show(1, target)))
    told = []
    while service.wait() == 0.0:
        list(service.handle(Acknowledge(1, True)))
        assert service.frame() is None
        if (event := service.work(0.2)) is not None:
            told.append(event)
    assert told
    for event in told:
        assert isinstance(event, Progress)
        assert (event.job, event.total, event.unit) == (f"To step {target}", target, "steps")
        assert 0 <= event.done <= target
    assert [event.done for event in told] == sorted(event.done for event in told)
    assert frame_of(service).step == target


def test_what_trains_waits_until_it_is_there() -> None:
    """Play, Advance and Tune in the middle of a way: it is come to first, and they hold from that step on."""
    slower = ADAM.optimiser.model_copy(update={"learning_rate": 0.002})
    for command, step in ((Play(1, True, FLAT_OUT), None), (Advance(1, 2), 43), (Tune(1, 1, slower), 41)):
        service = service_of(memory=1)
        say(service, Advance(1, 60))
        list(service.handle(Show(1, 41)))
        assert service.wait() == 0.0
        list(service.handle(command))
        assert service.runs.front.step_count == 41
        service.work(0.01)
        list(service.handle(Play(1, False, FLAT_OUT)))
        frame = frame_of(service)
        assert frame.step == step or (step is None and frame.step > 41)
        assert np.array_equal(
            frame.parameters, Uninterrupted(ADAM).at(frame.step, frame.line.changes).parameters.numpy()
        )
        assert (frame.line.parent is None) == (command != Tune(1, 1, slower))


def test_putting_a_line_in_front_pauses() -> None:
    """What was being played or stepped is given up."""
    service = service_of()
    list(service.handle(Play(1, True, FLAT_OUT)))
    service.work(0.02)
    list(service.handle(Focus(1, 0, 3)))
    frame = frame_of(service)
    assert (frame.step, frame.stepping) == (3, False)
    assert service.work(1.0) is None
    assert service.runs.front.step_count == 3


# --- files -----------------------------------------------------------------------------------------------------------


def damaged(path: Path, kind: str) -> Path:
    """A file that cannot be taken up."""
    if kind == "missing":
        return path
    if kind == "text":
        path.write_text("hello")
        return path
    scene = tiny_scene().edited({"run.optimiser": OPTIMISERS["adam"].model_dump()})
    write(path, record(scene, 25))
    with h5py.File(path, "r+") as h:
        line = h["lines/0"]
        if kind == "foreign":
            h.attrs["format"] = "a surface"
        if kind == "newer":
            h.attrs["version"] = VERSION + 1
        if kind == "data":
            h.attrs["scene"] = np.bytes_(h.attrs["scene"].replace(b'name = "digits"', b'name = "mnist"'))
        if kind == "streams":
            del line["checkpoints/streams"]
            line["checkpoints/streams"] = np.zeros((len(line["checkpoints/passes"]), 3), np.uint8)
        if kind == "changes":
            line["changes/steps"][0] = 9
        if kind == "head":
            line.attrs["head"] = 24
        if kind == "memory":
            del line["checkpoints/memory/exp_avg"]
        if kind == "values":
            values = line["checkpoints/memory/exp_avg/values"]
            shape = values.shape
            del line["checkpoints/memory/exp_avg/values"]
            line["checkpoints/memory/exp_avg/values"] = np.zeros(shape[0], np.float32)
    return path


KINDS = ["missing", "text", "foreign", "newer", "data", "streams", "changes", "head", "memory", "values"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_opened_leaves_what_there_is(kind: str, tmp_path: Path) -> None:
    """One sentence with the file's name; the run that was there stays in front and goes on, bit for bit."""
    service, path = TrainingService(now=Ticking(), cache=tmp_path / "cache"), damaged(tmp_path / "run.h5", kind)
    list(service.handle(Start(1, (ADAM,))))
    say(service, Advance(1, 15), Show(1, 6))
    (said,) = service.handle(Open(2, str(path)))
    assert isinstance(said, NotOpened)
    assert (said.generation, said.path, said.foreign) == (2, str(path), kind == "foreign")
    assert "\n" not in said.sentence
    assert ("run.h5" in said.sentence) or kind == "data"
    frame = frame_of(service)
    assert (frame.generation, frame.step, frame.line.head) == (1, 6, 15)
    say(service, Advance(1, 14))
    frame = frame_of(service)
    assert frame.step == 20
    assert np.array_equal(frame.parameters, Uninterrupted(ADAM).at(20).parameters.numpy())


def test_an_opened_file_takes_the_place_of_what_there_is(tmp_path: Path) -> None:
    """Paused at its head with its scene; what is meant for the old runs does not reach it; it goes back and on."""
    service, scene = service_of(tiny_run(seed=9)), tiny_scene()
    write(tmp_path / "run.h5", record(scene, 25))
    list(service.handle(Play(1, True, FLAT_OUT)))
    service.work(0.01)
    opened, started, first = service.handle(Open(2, str(tmp_path / "run.h5")))
    assert opened == Opened(2, str(tmp_path / "run.h5"), scene)
    assert isinstance(started, Started)
    assert isinstance(first, Frame)
    assert (first.generation, first.step, first.stepping) == (2, 25, False)
    assert list(service.handle(Advance(1, 5))) == []
    assert service.work(1.0) is None
    plain = Uninterrupted(scene.run)
    for command, step in ((Show(2, 3), 3), (Advance(2, 2), 5), (Show(2, None), 25), (Advance(2, 9), 34)):
        say(service, command)
        frame = frame_of(service, generation=2)
        assert frame.step == step
        assert np.array_equal(frame.parameters, plain.at(step).parameters.numpy())
    assert len(frame.after(first).series["step"]) > 25


def test_a_service_without_a_run_opens_one(tmp_path: Path) -> None:
    """As at the start of the program; before that, a failure leaves it without."""
    service = TrainingService(now=Ticking())
    (said,) = service.handle(Open(1, str(tmp_path / "run.h5")))
    assert isinstance(said, NotOpened)
    assert service.work(1.0) is None
    write(tmp_path / "run.h5", record(tiny_scene(), 5))
    assert [type(event) for event in service.handle(Open(1, str(tmp_path / "run.h5")))] == [Opened, Started, Frame]
    assert torch.equal(service.runs.front.session.parameters, Uninterrupted(tiny_scene().run).at(5).parameters)
