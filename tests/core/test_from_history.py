"""Directions that are read off a run: components of its path, its last update, its earlier points."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from thalweg.core import history
from thalweg.core.messages import Acknowledge, Frame, GivenAxis, Play, Start
from thalweg.core.plane.from_history import SNAPSHOTS, Recorded, given_axes
from thalweg.core.scene import AxisSpec, OptimiserSpec, PaceSpec
from thalweg.core.training.recorder import record
from thalweg.core.training.replay import Replay
from thalweg.core.training.run import Run
from thalweg.core.training.service import TrainingService

from .toys import tiny_run, tiny_scene, training

pytestmark = pytest.mark.usefixtures("one_thread")

FIRST, SECOND = AxisSpec(kind="principal"), AxisSpec(kind="principal", rank=2)
UPDATE, START = AxisSpec(kind="update"), AxisSpec(kind="towards")


def trained(steps: int) -> Run:
    """A run after so many steps."""
    run = training(tiny_run())
    for _ in range(steps):
        run.step()
    return run


def rows(run: Run) -> torch.Tensor:
    """The recorded parameters, [n, size]."""
    return torch.stack([m.parameters for m in run.line.trajectory.moments])


def given_of(run: Run, *axes: AxisSpec) -> tuple[GivenAxis | None, ...]:
    """The directions of axes where the run stands."""
    return run.given(axes, run.step_count, run.session.parameters.detach())


def vector(found: GivenAxis | None) -> np.ndarray:
    """The direction, which has to be there."""
    assert found is not None
    assert found.reason == ""
    return found.vector


def test_components_are_those_of_scikit_learn() -> None:
    """Of the recorded points, up to the sign; the share is in the label."""
    run = trained(30)
    pca = PCA(2).fit(rows(run).double().numpy())
    for found, axis, share in zip(
        given_of(run, FIRST, SECOND), pca.components_, pca.explained_variance_ratio_, strict=True
    ):
        assert abs(vector(found) @ axis) == pytest.approx(1, abs=1e-5)
        assert f"{100 * share:.1f} %" in found.label


def test_the_last_update_is_the_last_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Along the difference of the last two points, whether or not all are recorded."""
    run = trained(5)
    before, after = rows(run)[-2:]
    (found,) = given_of(run, UPDATE)
    assert vector(found) == pytest.approx(((after - before) / (after - before).norm()).numpy(), abs=1e-6)
    monkeypatch.setattr(history, "ROWS", 16)
    run = trained(31)
    assert run.line.at(30) is not None
    run.step()
    assert run.line.at(31) is None
    run.go_to(32)  # what was before the last step is not known any more
    (missing,) = given_of(run, UPDATE)
    assert missing is not None
    assert missing.reason == "the last update is known once another step was taken"
    before = run.session.snapshot()
    run.step()
    moved = run.session.snapshot() - before
    assert vector(given_of(run, UPDATE)[0]) == pytest.approx((moved / moved.norm()).numpy(), abs=1e-6)


def test_towards_an_earlier_point_of_the_run() -> None:
    """At 1 stands the start, or the recorded step nearest to the one that was named."""
    run = trained(12)
    now = run.session.snapshot()
    for towards, row, name in (("start", 0, "the start"), ("4", 4, "step 4"), ("900", -1, None)):
        (found,) = given_of(run, AxisSpec(kind="towards", towards=towards))
        assert found is not None
        if name is None:
            assert found.reason == "the run has not come to step 900; it is at step 12"
        else:
            assert now.numpy() + vector(found) == pytest.approx(rows(run)[row].numpy(), abs=1e-6)
            assert name in found.label


def test_directions_where_the_run_went_back_to_are_those_it_had_there() -> None:
    """Components, update and the way to an earlier point are of the past up to the step that is looked at."""
    run, axes = trained(20), (FIRST, UPDATE, START, AxisSpec(kind="towards", towards="4"))
    then = [vector(g) for g in given_of(run, *axes)]
    for _ in range(15):
        run.step()
    now = given_of(run, *axes)
    moment = run.line.at(20)
    assert moment is not None
    looked_at = run.given(axes, 20, moment.parameters)
    run.go_to(20)
    for found in (looked_at, given_of(run, *axes)):
        for mine, was, later in zip(found, then, now, strict=True):
            assert vector(mine) == pytest.approx(was, abs=1e-6)
            assert abs(vector(mine) - vector(later)).max() > 1e-3
    (missing,) = run.given((AxisSpec(kind="towards", towards="25"),), 20, moment.parameters)
    assert missing is not None
    assert missing.reason == "the run has not come to step 25; it is at step 20"


def test_directions_of_a_branch_are_of_its_own_past() -> None:
    """What its parent recorded before it, and what it recorded itself; nothing of its parent's later steps."""
    run = trained(20)
    run.go_to(10)
    run.tune(OptimiserSpec(learning_rate=0.1))
    while run.step_count < 18:
        run.step()
    past = torch.stack(
        [run.lines[0].at(s).parameters for s in range(10)] + [run.line.at(s).parameters for s in range(10, 19)]
    )
    pca = PCA(2).fit(past.double().numpy())
    for found, axis in zip(given_of(run, FIRST, SECOND), pca.components_, strict=True):
        assert abs(vector(found) @ axis) == pytest.approx(1, abs=1e-5)
    for towards, row in (("start", 0), ("4", 4), ("10", 10), ("13", 13)):
        (found,) = given_of(run, AxisSpec(kind="towards", towards=towards))
        assert past[-1].numpy() + vector(found) == pytest.approx(past[row].numpy(), abs=1e-6)
    moved = (past[-1] - past[-2]).numpy()
    assert vector(given_of(run, UPDATE)[0]) == pytest.approx(moved / np.linalg.norm(moved), abs=1e-6)


def test_axes_of_other_kinds_are_not_asked_for() -> None:
    """They are the landscape's own affair."""
    run = trained(3)
    assert given_of(run, AxisSpec(kind="random"), AxisSpec(kind="towards", towards="a.h5")) == (None, None)


@pytest.mark.parametrize("kind", ["principal", "update", "towards"])
def test_layers_that_the_network_does_not_have_are_a_reason(kind: str) -> None:
    """As may be of a scene's other runs, whose networks have fewer: no direction, and why."""
    for found in given_of(trained(5), AxisSpec(kind=kind, layers=(3,)), AxisSpec(kind=kind, layers=(1, 3))):
        assert found is not None
        assert found.vector.size == 0
        assert "layer" in found.reason


def test_a_long_path_is_thinned_evenly() -> None:
    """At most a few hundred snapshots, the current point among them."""
    generator = torch.Generator().manual_seed(1)
    layout = trained(0).problem.layout
    rows = torch.randn(4 * SNAPSHOTS, layout.size, generator=generator)
    past = Recorded(np.arange(len(rows)) * 3, rows)
    (found,) = given_axes((FIRST,), past, int(past.steps[-1]) + 1, rows[0] + 1, None, layout)
    assert found is not None
    assert f"{SNAPSHOTS + 1} snapshots" in found.label


def test_a_frame_brings_the_directions_that_were_asked_for() -> None:
    """With the parameters of the same step, and a reason where there is none yet."""
    service = TrainingService()
    spec = tiny_run()
    (_, first) = service.handle(Start(1, (spec,)))
    assert isinstance(first, Frame)
    list(service.handle(Acknowledge(1, True, (FIRST, SECOND))))
    frame = service.frame()
    assert frame is not None
    assert frame.axes == (FIRST, SECOND)
    assert all(g is not None and "needs 2" in g.reason for g in frame.given)
    list(service.handle(Play(1, True, PaceSpec())))
    service.work(0.2)
    list(service.handle(Acknowledge(1, True, (START, AxisSpec(kind="random")))))
    frame = service.frame()
    assert frame is not None
    assert frame.parameters is not None
    assert frame.given[1] is None
    assert service.runs is not None
    start = rows(service.runs.front)[0].numpy()
    assert frame.parameters + vector(frame.given[0]) == pytest.approx(start, abs=1e-6)
    list(service.handle(Acknowledge(1, True)))
    later = service.frame()
    assert later is not None
    assert later.given == ()


def test_a_replay_lays_such_a_plane_where_the_history_is_behind_it() -> None:
    """At the moment shown, with the path up to there."""
    recording = record(tiny_scene(), 20)
    replay = Replay(recording, 15)
    list(replay.handle(Start(1, recording.scene.runs())))
    (frame,) = replay.handle(Acknowledge(1, True, (FIRST, UPDATE)))
    assert isinstance(frame, Frame)
    assert frame.step == 15
    pca = PCA(1).fit(recording.parameters[:16].astype(float))
    assert abs(vector(frame.given[0]) @ pca.components_[0]) == pytest.approx(1, abs=1e-5)
    moved = recording.parameters[15] - recording.parameters[14]
    assert vector(frame.given[1]) == pytest.approx(moved / np.linalg.norm(moved), abs=1e-6)
