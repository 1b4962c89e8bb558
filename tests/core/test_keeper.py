"""Run files are written beside training, and what is written is what there was when it was asked for."""

from __future__ import annotations

import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from thalweg.core.history import MEMORY
from thalweg.core.messages import Advance, Frame, Open, Opened, Save, Saved, Start, Started
from thalweg.core.scene import Scene, StopSpec
from thalweg.core.store.run_file import read, write
from thalweg.core.store.surfaces.surface import Surface
from thalweg.core.training.keeper import KEPT_STEPS, Keeper
from thalweg.core.training.runs import Runs
from thalweg.core.training.runs_record import recording_of, runs_of
from thalweg.core.training.service import TrainingService

from .toys import (
    NETWORKS,
    OPTIMISERS,
    Uninterrupted,
    changes_of,
    dataset,
    in_lock_step,
    same_moment,
    tiny_run,
    tiny_scene,
)

SCENE = tiny_scene().edited({"run.optimiser": OPTIMISERS["adam"].model_dump()})


def trained(steps: int, scene: Scene = SCENE) -> Runs:
    """The runs of a scene after so many steps, the first with a branch."""
    runs = in_lock_step(*scene.runs())
    for step in range(steps):
        if step == steps // 2:
            for _ in runs.going_to(step - 3):
                pass
            optimiser = runs.front.line.optimiser_at(step - 3)
            runs.tune(0, optimiser.model_copy(update={"learning_rate": 0.005}), StopSpec())
        runs.step()
    return runs


def written(keeper: Keeper) -> list[Saved]:
    """What it says until there is nothing left to write."""
    found: list[Saved] = []
    while keeper.busy:
        found += keeper.news()
        time.sleep(0.001)
    return found


def surface() -> Surface:
    """A landscape of three by two points."""
    return Surface(
        x=np.arange(3.0),
        y=np.arange(2.0),
        loss=np.arange(6.0).reshape(2, 3),
        accuracy=np.ones((2, 3)) / 2,
        evaluated=np.ones((2, 3), dtype=bool),
    )


def test_a_file_is_that_of_the_moment_it_was_asked_for(tmp_path: Path) -> None:
    """However training goes on meanwhile, back and aside too: byte for byte what is written at once."""
    runs, keeper = trained(40), Keeper()
    write(tmp_path / "now.h5", recording_of(SCENE, runs))
    keeper.save(Save(1, str(tmp_path / "beside.h5"), SCENE), runs)
    for k in range(30):
        runs.step()
        if k % 10 == 9:
            for _ in runs.going_to(k):
                pass
            runs.restrict(1)
    (found,) = written(keeper)
    assert found == Saved(1, str(tmp_path / "beside.h5"), kept=False, step=37)
    assert (tmp_path / "beside.h5").read_bytes() == (tmp_path / "now.h5").read_bytes()


def test_orders_are_carried_out_one_after_another(tmp_path: Path) -> None:
    """Each file is of its own moment, the last of two for one file stays; the news come in their order, each once."""
    runs, keeper = trained(10), Keeper()
    assert keeper.news() == []
    assert not keeper.busy
    names = ["a.h5", "b.h5", "a.h5", "c.h5"]
    for k, name in enumerate(names):
        keeper.save(Save(k, str(tmp_path / name), SCENE), runs)
        runs.step()
    assert keeper.busy
    assert [(s.generation, Path(s.path).name, s.sentence) for s in written(keeper)] == [
        (k, name, "") for k, name in enumerate(names)
    ]
    assert keeper.news() == []
    heads = {name: read(tmp_path / name).front.head for name in ("a.h5", "b.h5", "c.h5")}
    first = heads["b.h5"] - 1
    assert heads == {"a.h5": first + 2, "b.h5": first + 1, "c.h5": first + 3}


@pytest.mark.parametrize("network", NETWORKS)
def test_the_file_of_the_last_session_is_small_and_as_exact(network: str, tmp_path: Path) -> None:
    """Of every line about so many steps; it goes on from its head and from anywhere as it would have."""
    steps = 3 * KEPT_STEPS - 90
    scene = Scene(run=tiny_run(network=NETWORKS[network], optimiser=OPTIMISERS["adam"].model_dump()), view=SCENE.view)
    runs, keeper = trained(steps, scene), Keeper()
    keeper.save(Save(1, str(tmp_path / "kept.h5"), scene, kept=True), runs)
    keeper.save(Save(1, str(tmp_path / "whole.h5"), scene), runs)
    assert [s.kept for s in written(keeper)] == [True, False]
    kept, whole = read(tmp_path / "kept.h5"), read(tmp_path / "whole.h5")
    assert max(len(line.steps) for line in kept.lines) <= KEPT_STEPS + 3
    assert max(len(line.steps) for line in whole.lines) > KEPT_STEPS + 3
    found = runs_of(kept, 2, dataset(scene.run.data), "cpu", MEMORY)
    for _, run, line in list(found.lines):
        plain = Uninterrupted(run.spec)
        for step in (line.head, line.head - 1, line.start + 5, 2):
            run.go_to(step, line)
            for k in range(3):
                assert same_moment(run.session.moment(), plain.at(step + k, changes_of(line)))
                run.step()


def test_landscapes_go_into_the_file(tmp_path: Path) -> None:
    """Those that were on screen, as the field lays them out; the runs are read as without."""
    runs, keeper = trained(8), Keeper()
    keeper.save(Save(1, str(tmp_path / "run.h5"), SCENE, (surface(), surface())), runs)
    assert [s.sentence for s in written(keeper)] == [""]
    with h5py.File(tmp_path / "run.h5") as h:
        assert list(h["landscapes"]) == ["0", "1"]
        assert np.array_equal(h["landscapes/1/train_loss"][()], surface().loss)
    assert read(tmp_path / "run.h5").front.head == runs.front.line.head


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    """With the path; the old file is as it was, and the next order is carried out."""
    runs, keeper = trained(8), Keeper()
    (tmp_path / "folder.h5").mkdir()
    for name in ("missing/run.h5", "folder.h5", "run.h5"):
        keeper.save(Save(1, str(tmp_path / name), SCENE), runs)
    found = written(keeper)
    assert [bool(s.sentence) for s in found] == [True, True, False]
    for said in found[:2]:
        assert said.sentence.startswith(f"{said.path}: ")
        assert "\n" not in said.sentence
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder.h5", "run.h5"]


def test_a_service_saves_while_it_trains_and_opens_what_it_saved(tmp_path: Path) -> None:
    """Save says nothing but news; another service opens the file and stands where the first stood."""
    service, other = (TrainingService(now=lambda: 0.0) for _ in range(2))
    list(service.handle(Start(1, SCENE.runs())))
    list(service.handle(Advance(1, 25)))
    service.work(1.0)
    path = str(tmp_path / "run.h5")
    assert list(service.handle(Save(1, path, SCENE, kept=True))) == []
    list(service.handle(Advance(1, 5)))
    service.work(1.0)
    news: list[Saved] = []
    while not news:
        news = service.news()
        time.sleep(0.001)
    assert news == [Saved(1, path, kept=True, step=25)]
    opened, started, frame = other.handle(Open(3, path))
    assert opened == Opened(3, path, SCENE)
    assert isinstance(started, Started)
    assert started.runs == SCENE.runs()
    assert isinstance(frame, Frame)
    assert (frame.generation, frame.step, frame.following) == (3, 25, True)
    assert np.array_equal(frame.parameters, Uninterrupted(SCENE.run).at(25).parameters)
    list(other.handle(Advance(3, 5)))
    other.work(1.0)
    assert service.runs
    assert other.runs
    assert same_moment(other.runs.front.session.moment(), service.runs.front.session.moment())
