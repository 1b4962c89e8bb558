"""Directions that are read off a run: components of its path, its last update, its earlier points."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from thalweg.core import data as datasets
from thalweg.core.messages import Acknowledge, Frame, GivenAxis, Play, Start
from thalweg.core.plane.from_history import SNAPSHOTS, Recorded, given_axes
from thalweg.core.scene import AxisSpec, PaceSpec
from thalweg.core.store.recorder import record
from thalweg.core.store.replay import Replay
from thalweg.core.training.run import Run
from thalweg.core.training.service import TrainingService

from .toys import tiny_run, tiny_scene

pytestmark = pytest.mark.usefixtures("one_thread")

FIRST, SECOND = AxisSpec(kind="principal"), AxisSpec(kind="principal", rank=2)
UPDATE, START = AxisSpec(kind="update"), AxisSpec(kind="towards")


def trained(steps: int) -> Run:
    """A run after so many steps."""
    spec = tiny_run()
    run = Run(1, spec, datasets.load(spec.data), "cpu")
    for _ in range(steps):
        run.step()
    return run


def vector(found: GivenAxis | None) -> np.ndarray:
    """The direction, which has to be there."""
    assert found is not None
    assert found.reason == ""
    return found.vector


def test_components_are_those_of_scikit_learn() -> None:
    """Of the recorded points, up to the sign; the share is in the label."""
    run = trained(30)
    pca = PCA(2).fit(run.trajectory.rows.double().numpy())
    for found, axis, share in zip(
        run.given((FIRST, SECOND)), pca.components_, pca.explained_variance_ratio_, strict=True
    ):
        assert abs(vector(found) @ axis) == pytest.approx(1, abs=1e-5)
        assert f"{100 * share:.1f} %" in found.label


def test_the_last_update_is_the_last_step() -> None:
    """Along the difference of the last two points, whether or not all are recorded."""
    run = trained(5)
    before, after = run.trajectory.rows[-2:]
    (found,) = run.given((UPDATE,))
    assert vector(found) == pytest.approx(((after - before) / (after - before).norm()).numpy(), abs=1e-6)
    run = trained(2 * len(trained(0).trajectory._rows) - 1)
    (missing,) = run.given((UPDATE,))
    assert missing is not None
    assert missing.reason == "the last update is known once another step was taken"
    before = run.session.snapshot()
    run.step()
    moved = run.session.snapshot() - before
    assert vector(run.given((UPDATE,))[0]) == pytest.approx((moved / moved.norm()).numpy(), abs=1e-6)


def test_towards_an_earlier_point_of_the_run() -> None:
    """At 1 stands the start, or the recorded step nearest to the one that was named."""
    run = trained(12)
    now = run.session.snapshot()
    for towards, row, name in (("start", 0, "the start"), ("4", 4, "step 4"), ("900", -1, None)):
        (found,) = run.given((AxisSpec(kind="towards", towards=towards),))
        assert found is not None
        if name is None:
            assert found.reason == "the run has not come to step 900; it is at step 12"
        else:
            assert now.numpy() + vector(found) == pytest.approx(run.trajectory.rows[row].numpy(), abs=1e-6)
            assert name in found.label


def test_axes_of_other_kinds_are_not_asked_for() -> None:
    """They are the landscape's own affair."""
    run = trained(3)
    assert run.given((AxisSpec(kind="random"), AxisSpec(kind="towards", towards="a.h5"))) == (None, None)


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
    (_, first) = service.handle(Start(1, spec))
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
    assert service.run is not None
    start = service.run.trajectory.rows[0].numpy()
    assert frame.parameters + vector(frame.given[0]) == pytest.approx(start, abs=1e-6)
    list(service.handle(Acknowledge(1, True)))
    later = service.frame()
    assert later is not None
    assert later.given == ()


def test_a_replay_lays_such_a_plane_where_the_history_is_behind_it() -> None:
    """At the moment shown, with the path up to there."""
    recording = record(tiny_scene(), 20)
    replay = Replay(recording, 15)
    list(replay.handle(Start(1, recording.scene.run)))
    (frame,) = replay.handle(Acknowledge(1, True, (FIRST, UPDATE)))
    assert isinstance(frame, Frame)
    assert frame.step == 15
    pca = PCA(1).fit(recording.parameters[:16].astype(float))
    assert abs(vector(frame.given[0]) @ pca.components_[0]) == pytest.approx(1, abs=1e-5)
    moved = recording.parameters[15] - recording.parameters[14]
    assert vector(frame.given[1]) == pytest.approx(moved / np.linalg.norm(moved), abs=1e-6)
