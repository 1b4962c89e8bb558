"""A layer put back to its start: the others stay, the branch has its own measures, and everything goes on exactly."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from thalweg.core import data as datasets
from thalweg.core.data import Dataset
from thalweg.core.history import MEMORY
from thalweg.core.measures.curves import curves
from thalweg.core.messages import Acknowledge, Advance, Failed, Frame, Play, PutBack, Show, Start
from thalweg.core.scene import AxisSpec, OptimiserSpec, PaceSpec, RunSpec, Scene
from thalweg.core.scene.training import OPTIMISERS as NAMES
from thalweg.core.store.run_file import RunFileError, read, write
from thalweg.core.training.putting_back import OF_ALL_TOGETHER, put_back
from thalweg.core.training.run import Run
from thalweg.core.training.runs_record import recording_of, runs_of
from thalweg.core.training.service import TrainingService

from .toys import NETWORKS, OPTIMISERS, Uninterrupted, dataset, in_lock_step, same_moment, tiny_run, training

METHODS = [name for name in NAMES if name not in ("newton", "gauss-newton")]
"""All but those that take long and remember nothing."""


def stood(run: RunSpec, steps: int, memory: int = MEMORY) -> Run:
    """A run after so many steps, each of them measured."""
    found = training(run, memory)
    for _ in range(steps):
        found.step()
        found.measure()
    return found


def run_of(optimiser: str = "adam", network: str = "mlp") -> RunSpec:
    """A tiny run with one of the optimisers and networks."""
    return tiny_run(network=NETWORKS[network], optimiser=OPTIMISERS[optimiser].model_dump())


# --- the moment ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", METHODS)
def test_the_layer_begins_anew_and_the_others_stay(name: str) -> None:
    """Its parameters are those of the start, and nothing is remembered of them; of the others everything is."""
    run = stood(tiny_run(optimiser={"name": name, "learning_rate": 0.01, "batch_size": 50}), 4)
    before, start, layer = run.session.moment(), run.problem.start, run.problem.layout.layers[0]
    after = put_back(before, start, layer.span)
    inside = torch.zeros(len(start), dtype=torch.bool)
    inside[layer.span] = True
    assert torch.equal(after.parameters, torch.where(inside, start, before.parameters))
    assert before.memory is not None and after.memory is not None
    if name in OF_ALL_TOGETHER:
        assert before.memory and not after.memory
    else:
        assert after.memory.keys() == before.memory.keys()
        for key, kept in before.memory.items():
            wanted = torch.where(inside, 0, kept) if kept.shape == start.shape else kept
            assert torch.equal(after.memory[key], wanted)
    assert (after.step, after.at, after.epoch, after.optimiser) == (
        before.step,
        before.at,
        before.epoch,
        before.optimiser,
    )
    run.session.restore(after)  # every method goes on from there
    for _ in range(2):
        run.session.step()
    assert run.session.parameters.isfinite().all()


def test_a_moment_that_cannot_be_gone_on_from_is_refused() -> None:
    """What the optimiser remembers of the other layers would be lost."""
    run = stood(run_of(), 3)
    with pytest.raises(ValueError, match="step 3 was kept without the optimiser's memory"):
        put_back(run.session.moment().to_look_at(), run.problem.start, slice(0, 3))


# --- the branch ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("memory", [1, MEMORY], ids=["thinned", "dense"])
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_the_branch_is_what_a_run_is_whose_layer_was_overwritten(optimiser: str, network: str, memory: int) -> None:
    """Bit for bit: at its start, at every step back, across the step at which it begins, and on."""
    spec = run_of(optimiser, network)
    run, plain, made = stood(spec, 20, memory), Uninterrupted(spec), [(0, spec.optimiser)]
    first = run.line
    run.go_to(13)
    line = run.put_back(2)
    assert (line.start, line.head, line.put_back, line.parent) == (13, 13, 2, first)
    for _ in range(9):
        run.step()
    for step in (22, 13, 12, 0, 17, 11):
        run.go_to(step)
        assert same_moment(run.session.moment(), plain.at(step, made, [(13, 2)]))
    for step in range(12, 26):  # over the place where the layer is put back
        run.step()
        assert same_moment(run.session.moment(), plain.at(step, made, [(13, 2)]))
    run.go_to(20, first)
    assert same_moment(run.session.moment(), plain.at(20, made))


def test_its_measures_begin_at_the_step_with_its_own() -> None:
    """At the step those of the network with the layer put back; the line that it left has kept its own."""
    run = stood(run_of(), 12)
    first = run.line
    run.go_to(8)
    line = run.put_back(1)
    mine, its = line.series.columns(), first.series.columns()
    assert mine["step"].tolist() == [8]
    start, there = run.problem.start, first.at(8)
    assert there is not None
    vector = there.parameters.clone()
    vector[run.problem.layout.layers[0].span] = start[run.problem.layout.layers[0].span]
    wanted = curves(run.problem, vector, run.spec.data.measured_count)
    assert {name: mine[name][0] for name in wanted} == pytest.approx(wanted)
    assert mine["train_loss"][0] != its["train_loss"][8]
    assert np.isnan(mine["ratio_1"][0]), "no step of training led there"
    assert its["step"].tolist() == list(range(13))
    run.step()
    run.measure()
    assert not np.isnan(line.series.columns()["ratio_1"][1])


def test_at_the_head_a_branch_begins_too_and_the_line_stays() -> None:
    """Its newest step is found again at once."""
    run = stood(run_of(), 6)
    first, head = run.line, run.session.moment()
    line = run.put_back(1)
    assert line is not first and (line.start, first.head) == (6, 6)
    run.go_to(6, first)
    assert same_moment(run.session.moment(), head)


def test_several_layers_at_one_step_and_a_change_there() -> None:
    """Each on a branch of the last; a branch that begins where its parent did stands where that stands."""
    spec = run_of("sgd with momentum")
    run, plain, made = stood(spec, 10), Uninterrupted(spec), [(0, spec.optimiser)]
    run.put_back(1)
    run.put_back(2)
    for _ in range(4):
        run.step()
    run.go_to(10)
    slower = spec.optimiser.model_copy(update={"learning_rate": 0.02})
    run.tune(slower)
    assert (run.line.start, run.line.put_back) == (10, 0)
    for _ in range(4):
        run.step()
    run.go_to(9)
    for step in range(10, 14):
        run.step()
        assert same_moment(run.session.moment(), plain.at(step, [*made, (10, slower)], [(10, 1), (10, 2)]))


def test_directions_of_the_past_know_of_no_step_to_where_it_was_put() -> None:
    """The last update is that of a step of training, not the way back to the start."""
    run = stood(run_of(), 6)
    run.put_back(1)
    (axis,) = run.given((AxisSpec(kind="update"),), 6, run.session.snapshot())
    assert axis is not None and "another step" in axis.reason
    run.step()
    (axis,) = run.given((AxisSpec(kind="update"),), 7, run.session.snapshot())
    assert axis is not None and not axis.reason


@pytest.mark.parametrize(("layer", "steps", "words"), [(0, 3, "layer: 0"), (3, 3, "layer: 3"), (1, 0, "step: 0")])
def test_what_cannot_be_put_back_is_refused(layer: int, steps: int, words: str) -> None:
    """With the field, its value and what is accepted; nothing has changed then."""
    run = stood(run_of(), steps)
    with pytest.raises(ValueError, match=f"^{words} is "):
        run.put_back(layer)
    assert len(run.lines) == 1


def test_on_a_surface_a_coordinate_is_put_back() -> None:
    """One is where it began, the other where it has come to."""
    network = {"kind": "surface", "surface": "formula", "formula": "x**2 + y**2", "x_start": 2.0, "y_start": 1.0}
    run = Run(
        1, RunSpec.model_validate({"network": network, "optimiser": {"learning_rate": 0.1}}), surface_data(), "cpu"
    )
    for _ in range(5):
        run.step()
    x, y = run.session.parameters.tolist()
    run.put_back(1)
    assert run.session.parameters.tolist() == [2.0, y]
    assert x != 2.0


def surface_data() -> Dataset:
    """What a surface is trained on."""
    return datasets.load_for(RunSpec.model_validate({"network": {"kind": "surface"}}))


# --- files -----------------------------------------------------------------------------------------------------------


def kept(tmp_path: Path, optimiser: str = "adam") -> tuple[Scene, Path]:
    """A file of a run with a layer put back."""
    scene = Scene(run=run_of(optimiser), view={"plane": {"x": {"layers": (1,)}, "y": {"layers": (2,)}}})
    runs = in_lock_step(scene.run)
    for _ in range(9):
        runs.step()
        runs.measure()
    runs.front.put_back(2)
    runs.step()
    write(tmp_path / "run.h5", recording_of(scene, runs))
    return scene, tmp_path / "run.h5"


def test_a_file_without_layers_put_back_is_as_it_was(tmp_path: Path) -> None:
    """The attribute is there of those lines alone; without it no layer was put back."""
    _, path = kept(tmp_path)
    with h5py.File(path) as h:
        assert ["put_back" in h[f"lines/{n}"].attrs for n in (0, 1)] == [False, True]
    assert [line.put_back for line in read(path).lines] == [0, 2]


@pytest.mark.parametrize("layer", [3, -1])
def test_a_file_with_a_layer_that_is_not_there_is_refused(layer: int, tmp_path: Path) -> None:
    """When it is read."""
    _, path = kept(tmp_path)
    with h5py.File(path, "r+") as h:
        h["lines/1"].attrs["put_back"] = layer
    with pytest.raises(RunFileError, match=f"put_back: {layer} is no layer of a branch, from 1 to 2"):
        read(path)


@pytest.mark.parametrize("name", ["lbfgs", "conjugate"])
def test_methods_that_began_anew_come_out_of_a_file(name: str, tmp_path: Path) -> None:
    """Without a memory at the step at which the layer was put back; the steps from there are the same."""
    scene = Scene(
        run=tiny_run(optimiser=OptimiserSpec(name=name, learning_rate=0.1, batch_size=100).model_dump()),
        view={"plane": {"x": {"layers": (1,)}, "y": {"layers": (2,)}}},
    )
    runs = in_lock_step(scene.run)
    for _ in range(5):
        runs.step()
        runs.measure()
    runs.front.put_back(1)
    write(tmp_path / "run.h5", recording_of(scene, runs))
    found = runs_of(read(tmp_path / "run.h5"), 2, dataset(scene.run.data), "cpu", MEMORY)
    for each in (runs, found):
        for _ in range(3):
            each.step()
    assert same_moment(runs.front.session.moment(), found.front.session.moment())


# --- asked of the service --------------------------------------------------------------------------------------------


def service_of(steps: int, *runs: RunSpec) -> TrainingService:
    """A service with these runs, paused after so many steps."""
    service = TrainingService(now=lambda: 0.0)
    list(service.handle(Start(1, runs or (run_of(),))))
    told(service, Advance(1, steps))
    return service


def told(service: TrainingService, *commands: object) -> list[object]:
    """What is said to the commands, and all the training that they ask for."""
    said: list[object] = []
    for command in commands:
        said += service.handle(command)
        while service.wait() == 0.0:
            service.work(1.0)
    return said


def seen(service: TrainingService) -> Frame:
    """The next frame."""
    list(service.handle(Acknowledge(1, True)))
    frame = service.frame()
    assert frame is not None
    return frame


def test_training_pauses_and_the_step_that_is_looked_at_is_where_the_branch_begins() -> None:
    """A recorded one too, that is looked at while training goes on; all runs stand there."""
    service = service_of(12, run_of(), run_of("sgd"))
    list(service.handle(Play(1, True, PaceSpec())))
    list(service.handle(Show(1, 7)))
    assert seen(service).apart
    assert told(service, PutBack(1, 1)) == []
    frame = seen(service)
    assert (frame.step, frame.apart, frame.stepping, frame.following) == (7, False, False, True)
    line = frame.line
    assert (line.number, line.parent, line.start, line.put_back, line.live) == (2, 0, 7, ((7, 1),), True)
    assert line.series is not None and line.series["step"].tolist() == [7]
    assert service.runs is not None and [run.step_count for run in service.runs.all] == [7, 7]
    start = service.runs.front.problem.start
    span = service.runs.front.problem.layout.layers[0].span
    assert frame.parameters is not None
    np.testing.assert_array_equal(frame.parameters[span], start[span].numpy())


def test_the_line_and_the_step_can_be_named() -> None:
    """Wherever it stands; one that is not there any more is a sentence, as is a layer that is not there."""
    service = service_of(12)
    told(service, PutBack(1, 1))
    told(service, Advance(1, 3))
    assert told(service, PutBack(1, 2, line=0, step=4)) == []
    assert [(n.number, n.parent, n.start, n.put_back) for n in seen(service).lines] == [
        (0, None, 0, ()), (1, 0, 12, ((12, 1),)), (2, 0, 4, ((4, 2),)),
    ]  # fmt: skip
    for command, words in (
        (PutBack(1, 2, line=9, step=4), "not there any more"),
        (PutBack(1, 5), "layer: 5 is not between 1 and 2"),
        (PutBack(1, 1, line=0, step=0), "step: 0 is the start itself"),
    ):
        (failed,) = told(service, command)
        assert isinstance(failed, Failed) and words in failed.sentence
        assert len(seen(service).lines) == 3


def test_what_is_shown_of_the_path_leads_through_where_it_was_put() -> None:
    """The recorded moments of the branch are its parent's, then its own: each step once."""
    run = stood(run_of(), 10)
    line = run.put_back(1)
    run.step()
    moments = line.moments(11)
    assert all(a.step < b.step for a, b in pairwise(moments))
    span = run.problem.layout.layers[0].span
    assert torch.equal(next(m for m in moments if m.step == 10).parameters[span], run.problem.start[span])
