"""Running statistics as one vector, wherever the parameters go."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from thalweg.core import buffers, history
from thalweg.core import data as datasets
from thalweg.core.landscape.service import LandscapeService
from thalweg.core.measures.curves import loss_and_accuracy
from thalweg.core.messages import Acknowledge, Advance, Frame, Map, MapRequest, Play, Start
from thalweg.core.networks.mlp import mlp
from thalweg.core.problem import build
from thalweg.core.scene import AxisSpec, PaceSpec, PlaneSpec, Scene
from thalweg.core.store.recording import Recording
from thalweg.core.store.run_file import RunFileError, read, write
from thalweg.core.training.recorder import record
from thalweg.core.training.replay import Replay
from thalweg.core.training.service import TrainingService

from .toys import made, plain, training

COUNT = 2 * 4 * 3
"""Statistics of the scene's network: mean and variance of four channels in three normalisations."""


def scene_of(**changes: object) -> Scene:
    """A small residual network on a hundred digits, measured on those that the landscape has."""
    tree = {
        "run.data.train": 100,
        "run.data.test": 20,
        "run.data.measured": 50,
        "run.network.kind": "residual",
        "run.network.width": 4,
        "run.network.blocks": 1,
        "run.network.activation": "relu",
        "run.network.initialisation": "he",
        "run.optimiser.learning_rate": 0.1,
        "view.plane.examples": 50,
    }
    return Scene().edited(tree | changes)


def norms(*widths: int) -> nn.Module:
    """Normalisations of these widths, and a linear layer."""
    return nn.Sequential(*(nn.BatchNorm2d(w) for w in widths), made(lambda: nn.Linear(2, 2)))


# --- the vector ------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 5), max_size=4), st.integers(0, 99))
def test_what_was_loaded_is_found(widths: list[int], seed: int) -> None:
    """Load and flatten are inverse; means and variances of each normalisation in turn."""
    module = norms(*widths)
    vector = torch.randn(2 * sum(widths), generator=torch.Generator().manual_seed(seed))
    buffers.load(module, vector)
    assert torch.equal(buffers.flatten(module), vector)
    at = 0
    for part in list(module)[:-1]:
        for held in (part.running_mean, part.running_var):
            assert torch.equal(held, vector[at : at + len(held)])
            at += len(held)


def test_a_network_without_has_none() -> None:
    """An empty vector, which can be loaded."""
    module = made(lambda: mlp((4, 3, 2), "tanh"))
    assert buffers.flatten(module).shape == (0,)
    assert buffers.as_one(module).shape == (0,)
    buffers.load(module, torch.empty(0))


@pytest.mark.parametrize("count", [0, 5, 7])
def test_a_vector_of_another_length_is_refused(count: int) -> None:
    """The sentence has both numbers; the module is as it was."""
    module = norms(3)
    before = buffers.flatten(module)
    with pytest.raises(ValueError, match=rf"buffers: shape \({count},\), expected \(6,\)"):
        buffers.load(module, torch.zeros(count))
    assert torch.equal(buffers.flatten(module), before)


def test_one_vector_follows_the_module() -> None:
    """What a training step does to the statistics is seen in it, and in a copy of the module it is not."""
    module = norms(3)
    vector, other = buffers.as_one(module), copy.deepcopy(module)
    images = torch.rand(4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    module[0].train()(images)
    torch.testing.assert_close(vector[:3], 0.1 * images.mean((0, 2, 3)))
    assert torch.equal(buffers.flatten(module), vector)
    assert buffers.flatten(other).tolist() == [0, 0, 0, 1, 1, 1]


def test_training_mode_ends_with_the_step() -> None:
    """Also with one that fails."""
    module = norms(3).eval()
    with buffers.training(module):
        assert module[0].training
    assert not module[0].training
    with pytest.raises(KeyError), buffers.training(module):
        raise KeyError
    assert not module[0].training


# --- history ---------------------------------------------------------------------------------------------------------


def test_a_trajectory_thins_statistics_with_the_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a step stay beside the parameters of that step, and are not moved by later ones."""
    monkeypatch.setattr(history, "ROWS", 6)
    run = training(scene_of().run)
    there = [(run.session.snapshot(), run.session.buffers.clone())]
    for step in range(1, 40):
        run.step()
        there.append((run.session.snapshot(), run.session.buffers.clone()))
        kept = run.line.trajectory
        assert kept.steps.tolist() == list(range(0, step + 1, kept.stride))
        for m in kept.moments:
            assert torch.equal(m.parameters, there[m.step][0])
            assert torch.equal(m.buffers, there[m.step][1])
    assert len({b.numpy().tobytes() for _, b in there}) == 40


# --- messages --------------------------------------------------------------------------------------------------------


def frame_at(service: TrainingService, step: int) -> Frame:
    """The frame of a service that goes on to this step."""
    list(service.handle(Play(1, False, PaceSpec())))
    assert service.runs
    list(service.handle(Advance(1, step - service.runs.front.step_count)))
    service.work(60.0)
    list(service.handle(Acknowledge(1, True)))
    found = service.frame()
    assert found is not None
    assert found.step == step
    return found


def request(scene: Scene, view: PlaneSpec, frame: Frame, laid: Frame) -> MapRequest:
    """The map at a frame, on the plane that was laid at another."""
    return MapRequest(
        1,
        frame.step,
        scene.run,
        view,
        1,
        laid.step,
        laid.parameters,
        frame.step,
        frame.parameters,
        (-1.0, 1.0),
        (-1.0, 1.0),
        buffers=frame.buffers,
        laid_buffers=laid.buffers,
    )


def answered(service: LandscapeService, wanted: MapRequest) -> Map:
    """The complete map."""
    *_, found = (e for e in service.answer(wanted) if e is not None)
    assert isinstance(found, Map)
    assert found.complete
    return found


@pytest.mark.parametrize("mode", ["follow", "fixed", "re-aim"])
@pytest.mark.parametrize("kind", ["random", "gradient"])
def test_the_landscape_at_the_point_is_the_curve(mode: str, kind: str) -> None:
    """With the statistics of that very step: the point's own loss, and the middle of a map that is laid there."""
    scene, landscapes, service = scene_of(), LandscapeService(), TrainingService(now=lambda: 0.0)
    axes = {"x": AxisSpec(kind=kind, seed=1), "y": AxisSpec(kind="random", seed=2)}
    view = PlaneSpec(**axes, mode=mode, resolution=5, examples=50)
    _, laid = service.handle(Start(1, scene.runs()))
    for step in (1, 30):
        frame = pickle.loads(pickle.dumps(frame_at(service, step)))
        wanted = request(scene, view, frame, frame if mode == "re-aim" else laid)
        found = answered(landscapes, pickle.loads(pickle.dumps(dataclasses.replace(wanted, plane=step))))
        assert found.loss_at_point == frame.series["train_loss"][-1]
        if mode == "re-aim":
            assert found.loss[2, 2] == pytest.approx(frame.series["train_loss"][-1], rel=1e-5)
    stale = dataclasses.replace(request(scene, view, frame, laid), number=99, buffers=laid.buffers)
    assert answered(landscapes, stale).loss_at_point != pytest.approx(found.loss_at_point, rel=1e-2)


def test_a_fixed_map_is_that_of_the_statistics_now() -> None:
    """A copy in float64 with the request's parameters and statistics has its losses; kept until they change."""
    scene, landscapes, service = scene_of(), LandscapeService(), TrainingService(now=lambda: 0.0)
    view = PlaneSpec(x=AxisSpec(kind="random"), y=AxisSpec(kind="random", seed=2), mode="fixed", resolution=5)
    _, laid = service.handle(Start(1, scene.runs()))
    frame = frame_at(service, 20)
    maps = [answered(landscapes, request(scene, view, f, laid)) for f in (laid, frame, frame)]
    assert maps[1].loss is maps[2].loss
    assert not np.array_equal(maps[0].loss, maps[1].loss)
    assert service.runs
    problem = service.runs.front.problem
    buffers.load(problem.module, torch.from_numpy(frame.buffers))
    middle, _, _ = plain(problem, torch.from_numpy(laid.parameters), problem.first(1000))
    assert maps[1].loss[2, 2] == pytest.approx(middle, rel=1e-4)


def test_statistics_are_sent_with_the_parameters_alone() -> None:
    """Copies, float32, and none when nobody asked for parameters."""
    service = TrainingService(now=lambda: 0.0)
    _, first = service.handle(Start(1, scene_of().runs()))
    assert first.buffers.shape == (COUNT,)
    assert first.buffers.dtype == np.float32
    kept = first.buffers.copy()
    list(service.handle(Advance(1, 2)))
    service.work(60.0)
    list(service.handle(Acknowledge(1, False)))
    frame = service.frame()
    assert frame is not None
    assert frame.parameters is None
    assert frame.buffers.size == 0
    assert np.array_equal(first.buffers, kept)
    assert not np.array_equal(frame_at(service, 3).buffers, kept)


# --- run files -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recording() -> Recording:
    """Twelve steps."""
    return record(scene_of(), 12)


def test_a_run_file_keeps_the_statistics(recording: Recording, tmp_path: Path) -> None:
    """Bit for bit, one row for each recorded step."""
    write(tmp_path / "run.h5", recording)
    found = np.stack(list(read(tmp_path / "run.h5").front.buffers))
    written = np.stack(list(recording.front.buffers))
    assert written.shape == (13, COUNT)
    assert found.dtype == np.float32
    assert found.tobytes() == written.tobytes()
    assert len({row.tobytes() for row in found}) == 13


def test_a_recording_gives_back_its_losses(recording: Recording) -> None:
    """Each recorded step's parameters with its statistics have the loss that was measured there."""
    run = recording.scene.run
    problem = build(run, datasets.load(run.data))
    for at, step in enumerate(recording.steps):
        buffers.load(problem.module, torch.from_numpy(np.array(recording.front.buffers_at(at))))
        loss, _ = loss_and_accuracy(problem, torch.from_numpy(recording.parameters[at]), problem.first(50))
        assert loss == recording.series["train_loss"][recording.series["step"] == step]


@pytest.mark.parametrize("step", [0, 7, None])
def test_a_replay_sends_the_statistics_of_its_step(recording: Recording, step: int | None) -> None:
    """First those of step 0, where the plane is laid, as a session does."""
    replay = Replay(recording, step)
    list(replay.handle(Start(1, recording.scene.runs())))
    frames = [next(replay.handle(Acknowledge(1, True))) for _ in range(2)]
    assert np.array_equal(frames[0].buffers, recording.front.buffers_at(0))
    assert np.array_equal(frames[1].buffers, recording.front.buffers_at(12 if step is None else step))


def test_a_network_without_statistics_leaves_no_trace_of_them(tmp_path: Path) -> None:
    """Its file has no place for them, and none are read from it."""
    write(tmp_path / "run.h5", record(scene_of(**{"run.network.batch_norm": False}), 2))
    with h5py.File(tmp_path / "run.h5") as h:
        assert set(h["lines/0/trajectory"]) == {"steps", "parameters", "epoch", "at", "evaluations", "seconds"}
    assert read(tmp_path / "run.h5").front.buffers_at(1).shape == (0,)


@pytest.mark.parametrize(
    "wrong",
    [None, np.zeros((13, COUNT - 1), np.float32), np.zeros((12, COUNT), np.float32), np.zeros((13, COUNT))],
)
def test_a_file_with_wrong_statistics_is_refused(
    recording: Recording, tmp_path: Path, wrong: np.ndarray | None
) -> None:
    """Missing, too few, or of another type."""
    write(tmp_path / "run.h5", recording)
    with h5py.File(tmp_path / "run.h5", "r+") as h:
        del h["lines/0/trajectory/buffers"]
        if wrong is not None:
            h["lines/0/trajectory/buffers"] = wrong
    with pytest.raises(RunFileError, match="buffers"):
        read(tmp_path / "run.h5")
