"""Messages cross a process boundary: frozen, picklable, numpy inside, no torch."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from thalweg.core import messages
from thalweg.core.landscape.service import LandscapeService
from thalweg.core.messages import (
    Acknowledge,
    Advance,
    Focus,
    Forget,
    Frame,
    Limit,
    Map,
    MapRequest,
    MeasureAlso,
    Move,
    NotOpened,
    Open,
    Opened,
    PlaneLaid,
    Save,
    Saved,
    SaveParameters,
    Show,
    Start,
    Stopped,
    Tune,
)
from thalweg.core.scene import OptimiserSpec, PlaneSpec, StopSpec
from thalweg.core.store.run_file import write
from thalweg.core.store.surfaces.surface import Surface
from thalweg.core.training.recorder import record
from thalweg.core.training.service import TrainingService

from .toys import tiny_run, tiny_scene

UNIONS = ("SessionCommand", "SessionEvent", "LandscapeCommand", "LandscapeEvent")
KINDS = sorted({m for name in UNIONS for m in get_args(getattr(messages, name))}, key=lambda m: m.__name__)


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)
def test_every_message_is_a_frozen_dataclass(kind: type) -> None:
    """What was sent cannot be changed."""
    assert dataclasses.is_dataclass(kind)
    assert kind.__dataclass_params__.frozen


@pytest.mark.parametrize("kind", [k for k in KINDS if k.__name__ != "Share"], ids=lambda k: k.__name__)
def test_every_message_of_a_run_carries_its_generation(kind: type) -> None:
    """The first field says which run it belongs to."""
    assert dataclasses.fields(kind)[0].name == "generation"


def real_messages() -> list[object]:
    """Messages as two services really send them."""
    training, landscape = TrainingService(now=lambda: 0.0), LandscapeService()
    view = PlaneSpec(y={"layers": (2,)}, resolution=5, examples=10)
    run = tiny_run()
    found: list[object] = [Start(1, (run,)), *training.handle(Start(1, (run,)))]
    frame = found[-1]
    assert isinstance(frame, Frame)
    wanted = MapRequest(1, 1, run, view, 1, 0, frame.parameters, 0, frame.parameters, (-1.0, 1.0), (-1.0, 1.0))
    answers = [e for e in landscape.answer(wanted) if e]
    assert [type(e) for e in answers] == [PlaneLaid, Map]
    for command in (answers[0], Advance(1, 1), Acknowledge(1, True)):
        list(training.handle(command))
    last = training.frame()
    assert last is not None
    assert last.path is not None
    return [*found, wanted, *answers, last]


def messages_of_several_lines(folder: Path) -> list[object]:
    """Commands that go back, aside and to files, and what two services say to them."""
    training, other = (TrainingService(now=lambda: 0.0) for _ in range(2))
    scene, path = tiny_scene(), str(folder / "run.h5")
    write(Path(path), record(scene, 3))
    square = np.ones((2, 2))
    surface = Surface(np.arange(2.0), np.arange(2.0), square, square, np.ones((2, 2), dtype=bool))
    commands = [
        Start(1, (scene.run, tiny_run(seed=9))),
        Advance(1, 6),
        Show(1, 3),
        Move(1, -1),
        Tune(1, 1, OptimiserSpec(learning_rate=0.1), StopSpec(steps=4)),
        Advance(1, 2),
        Focus(1, 0, 2),
        Limit(1, 10**6),
        MeasureAlso(1, ("noise",)),
        SaveParameters(1, str(folder / "p.pt")),
        SaveParameters(1, str(folder / "p.txt")),
        Acknowledge(1, True, (), 1),
    ]
    found: list[object] = []
    for command in commands:
        found += [command, *training.handle(command)]
        found += [event for event in [training.work(1.0)] if event]
    frame = training.frame()
    assert frame is not None
    assert len(frame.lines) == 3
    later = [Save(1, path, scene, (surface,)), Forget(1, 2), Open(2, path), Open(2, str(folder / "none.h5"))]
    for command in later[2:]:
        found += other.handle(command)
    found += [*later, frame, frame.after(frame)]
    assert {Stopped, Saved, Opened, NotOpened} <= {type(message) for message in found}
    return found


def equal(a: object, b: object) -> bool:
    """Equality that looks into dataclasses, mappings and arrays."""
    if dataclasses.is_dataclass(a):
        return type(a) is type(b) and all(equal(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))
    if isinstance(a, tuple):
        return type(b) is tuple and len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    return bool(a == b)


def test_messages_come_out_of_a_pipe_as_they_went_in(tmp_path: Path) -> None:
    """Pickled and back: equal in every field, and without a trace of torch."""
    for message in (*real_messages(), *messages_of_several_lines(tmp_path)):
        content = pickle.dumps(message)
        assert b"torch" not in content, type(message)
        assert equal(message, pickle.loads(content)), type(message)


def test_arrays_of_a_message_are_not_the_workers_own() -> None:
    """What a frame holds does not change while training goes on in the same process."""
    training = TrainingService(now=lambda: 0.0)
    _, frame = training.handle(Start(1, (tiny_run(),)))
    assert isinstance(frame, Frame)
    kept = pickle.loads(pickle.dumps(frame))
    list(training.handle(Advance(1, 5)))
    training.work(1.0)
    assert training.runs
    assert not torch.equal(training.runs.front.session.snapshot(), torch.from_numpy(kept.parameters))
    assert equal(frame, kept)
