"""Runs with their lines through a file: they go on from anywhere as they would have without it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thalweg.core.history import MEMORY
from thalweg.core.scene import OptimiserSpec, Scene, StopSpec
from thalweg.core.store.recording import Recording
from thalweg.core.store.run_file import RunFileError, read, write
from thalweg.core.training.recorder import record
from thalweg.core.training.run import Run
from thalweg.core.training.runs import Runs
from thalweg.core.training.runs_record import recording_of, runs_of

from .toys import (
    NETWORKS,
    OPTIMISERS,
    Uninterrupted,
    changes_of,
    dataset,
    in_lock_step,
    same_moment,
    tiny_run,
)

DIVERGING = tiny_run(network__activation="relu", objective__loss="squared-error", optimiser__learning_rate=1000.0)


def scene_of(*runs: object) -> Scene:
    """A scene of these runs."""
    return Scene(run=runs[0], variants=runs[1:], view={"plane": {"x": {"layers": (1,)}, "y": {"layers": (2,)}}})


SCENES = {
    **{o: scene_of(tiny_run(optimiser=s.model_dump())) for o, s in OPTIMISERS.items()},
    **{n: scene_of(tiny_run(network=s, optimiser=OPTIMISERS["adam"].model_dump())) for n, s in NETWORKS.items()},
    "several": scene_of(
        tiny_run(seeds=2), tiny_run(network=NETWORKS["residual"], optimiser=OPTIMISERS["adam"].model_dump())
    ),
    "ended": scene_of(DIVERGING, tiny_run()),
}


def changed(run: Run, **changes: object) -> OptimiserSpec:
    """The optimiser where a run stands, changed."""
    return run.line.optimiser_at(run.step_count).model_copy(update=changes)


def lived(scene: Scene, memory: int = MEMORY) -> Runs:
    """Runs that have gone on, back and aside: two branches of the first, one of them before a change, and a change."""
    runs = in_lock_step(*scene.runs(), memory=memory)

    def steps(count: int) -> None:
        for _ in range(count):
            runs.step()
            runs.measure()

    front = runs.front
    steps(17)
    runs.tune(0, changed(front, learning_rate=front.spec.optimiser.learning_rate / 2, batch_size=12), StopSpec())
    steps(9)
    for step, momentum in ((12, 0.4), (5, 0.7)):
        front.go_to(min(step, front.lines[0].head), front.lines[0])
        runs.tune(0, changed(front, momentum=momentum, batch_size=11), StopSpec())
        steps(8)
    return runs


def put_back(scene: Scene, memory: int = MEMORY) -> Runs:
    """The same, and then with a layer put back, one on that branch at the same step, and one before its head."""
    runs = lived(scene, memory)
    front = runs.front
    if front.line.ended is not None:
        return runs
    for step, layer in ((8, 1), (8, 2), (10, 1)):
        front.go_to(step)
        runs.front.put_back(layer)
        for _ in range(5):
            runs.step()
            runs.measure()
    return runs


def carried(scene: Scene, runs: Runs, path: Path) -> tuple[Recording, Runs]:
    """The runs as they come out of a file."""
    write(path, recording_of(scene, runs))
    found = read(path)
    return found, runs_of(found, 2, dataset(scene.run.data), "cpu", MEMORY)


def exact(runs: Runs) -> None:
    """Every line is at every few steps of it, at its head, and from there on, what it would be without a file."""
    for _, run, line in list(runs.lines):
        plain, made, puts = Uninterrupted(run.spec), changes_of(line), line.layers_put_back
        for step in dict.fromkeys([line.head, line.start, 0, *range(line.head, 0, -5)]):
            run.go_to(step, line)
            assert same_moment(run.session.moment(), plain.at(step, made, puts))
        run.go_to(line.head, line)
        if line.ended is None:
            for step in range(line.head + 1, line.head + 13):
                run.step()
                assert same_moment(run.session.moment(), plain.at(step, made, puts))


@pytest.mark.parametrize("life", [lived, put_back])
@pytest.mark.parametrize("kind", SCENES)
def test_what_comes_out_of_a_file_goes_on_as_it_was(kind: str, life: Callable[[Scene], Runs], tmp_path: Path) -> None:
    """It stands where it stood, with every line, change and measure; bit for bit, from the heads and from anywhere."""
    runs = life(SCENES[kind])
    _, found = carried(SCENES[kind], runs, tmp_path / "run.h5")
    assert found.specs == runs.specs
    assert found.front.line.number == runs.front.line.number
    assert found.front.step_count == runs.front.step_count
    for (k, _, mine), (other, _, line) in zip(runs.lines, found.lines, strict=True):
        assert (k, mine.number, mine.start, mine.head) == (other, line.number, line.start, line.head)
        assert changes_of(mine) == changes_of(line)
        assert mine.layers_put_back == line.layers_put_back
        assert mine.epochs == line.epochs
        assert (mine.parent and mine.parent.number) == (line.parent and line.parent.number)
        assert mine.recorded().tolist() == line.recorded().tolist()
        assert mine.ended is None if line.ended is None else mine.ended.sentence == line.ended.sentence
        columns = line.series.columns()
        assert all(columns[n].tobytes() == v.tobytes() for n, v in mine.series.columns().items())
    exact(found)
    number = max(line.number for _, _, line in found.lines)
    found.front.go_to(1)
    found.tune(found.all.index(found.front), changed(found.front, batch_size=3), StopSpec())
    assert found.front.line.number == number + 1, "numbers go on"


@pytest.mark.usefixtures("a_second_for_each_step")
@pytest.mark.parametrize("kind", SCENES)
def test_the_same_runs_are_the_same_file(kind: str, tmp_path: Path) -> None:
    """Byte for byte but for the time, written twice, trained twice, from anywhere, or read and written again."""
    scene = SCENES[kind]
    for name, runs in (("a", lived(scene)), ("b", lived(scene))):
        write(tmp_path / f"{name}.h5", recording_of(scene, runs))
    for _ in runs.going_to(3):
        pass
    _, found = carried(scene, runs, tmp_path / "c.h5")
    write(tmp_path / "d.h5", recording_of(scene, found))
    first, *others = ((tmp_path / f"{name}.h5").read_bytes() for name in "abcd")
    assert [other == first for other in others] == [True] * 3


@given(kind=st.sampled_from(sorted(SCENES)), most=st.integers(1, 40), memory=st.sampled_from([1, 400_000, MEMORY]))
@settings(max_examples=9)
def test_a_thinned_recording_is_as_exact(kind: str, most: int, memory: int, tmp_path_factory) -> None:
    """However few steps of each line are left, the first and newest among them; whatever was recorded to begin with."""
    scene, path = SCENES[kind], tmp_path_factory.mktemp("run") / "run.h5"
    whole = recording_of(scene, lived(scene, memory))
    thin = Recording(scene, tuple(line.thinned(most) for line in whole.lines), whole.focus)
    for before, after in zip(whole.lines, thin.lines, strict=True):
        assert len(after.steps) <= max(most, 1) + 1
        assert set(after.steps.tolist()) <= set(before.steps.tolist())
        assert {before.start, before.head} <= set(after.steps.tolist())
        rows = {s: k for k, s in enumerate(before.steps.tolist())}
        for k, step in enumerate(after.steps.tolist()):
            assert np.array_equal(after.parameters[k], before.parameters[rows[step]])
    write(path, thin)
    exact(runs_of(read(path), 2, dataset(scene.run.data), "cpu", MEMORY))


@pytest.mark.parametrize("gone", [[0], [1], [0, 1]])
def test_runs_of_which_lines_were_forgotten(gone: list[int], tmp_path: Path) -> None:
    """What they share with those that are left is in the file: it can be read, and is as exact."""
    scene = SCENES["adam"]
    runs = lived(scene)
    for number in gone:
        runs.forget(number)
    recording = recording_of(scene, runs)
    assert recording.steps[0] == 0
    assert recording.steps[-1] == runs.front.line.head
    found, again = carried(scene, runs, tmp_path / "run.h5")
    assert found.focus == runs.front.line.number
    left = [line.number for _, _, line in runs.lines]
    assert [line.number for _, _, line in again.lines] == left
    exact(again)


def test_little_memory_is_kept_to_when_reading(tmp_path: Path) -> None:
    """A file with more than may be held is thinned, and is as exact."""
    scene = SCENES["adam"]
    runs = lived(scene)
    write(tmp_path / "run.h5", recording_of(scene, runs))
    least = runs_of(read(tmp_path / "run.h5"), 2, dataset(scene.run.data), "cpu", 900_000)
    assert sum(line.nbytes for _, _, line in least.lines) <= 900_000 < sum(line.nbytes for _, _, line in runs.lines)
    exact(least)


def test_the_line_in_front_with_all_of_its_past(tmp_path: Path) -> None:
    """Steps and parameters of a branch of a branch begin at 0, each step once, as an uninterrupted run has them."""
    scene = SCENES["adam"]
    runs = lived(scene)
    front = runs.front
    for number, step in ((1, 15), (1, 7)):
        front.go_to(step, front.lines[number])
        runs.tune(0, changed(front, batch_size=step), StopSpec())
        runs.step()
        found, _ = carried(scene, runs, tmp_path / "run.h5")
        plain, made = Uninterrupted(front.spec), changes_of(front.line)
        assert found.steps.tolist() == list(range(step + 2))
        assert found.front.head == step + 1
        for row, s in zip(found.parameters, found.steps.tolist(), strict=True):
            assert np.array_equal(row, plain.at(s, made).parameters)


# --- recorded on -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sgd with momentum", "residual", "several"])
def test_a_recording_is_gone_on_with(kind: str) -> None:
    """So many steps and then so many more are all of them at once: heads, parameters, and the steps that are kept."""
    scene = SCENES[kind]
    once, first = record(scene, 30), record(scene, 18)
    on = record(first, 12)
    assert first.front.head == 18, "what was there is as it was"
    for a, b in zip(once.lines, on.lines, strict=True):
        assert a.head == b.head == 30
        assert a.steps.tolist() == b.steps.tolist()
        assert all(np.array_equal(x, y) for x, y in zip(a.parameters, b.parameters, strict=True))
        assert a.passes.tolist() == b.passes.tolist()


def test_a_recording_of_several_runs_ends_where_a_rule_says() -> None:
    """It is told why, once; each run has its line."""
    scene = scene_of(tiny_run(stop={"steps": 9}, seeds=2), tiny_run(seed=20))
    halts = []
    made = record(scene, 30, halted=halts.append)
    assert [halt.sentence for halt in halts] == ["Stopped at step 9, as the run's stop rule says."]
    assert [(line.run, line.head) for line in made.lines] == [(0, 9), (1, 9), (2, 9)]
    assert made.focus == 0


def test_a_run_of_another_network_is_refused(tmp_path: Path) -> None:
    """A scene that was changed beside its lines is a sentence, when it is read or at the latest when it is taken up."""
    scene = SCENES["adam"]
    recording = recording_of(scene, lived(scene))
    other = Recording(scene_of(tiny_run(network__hidden=(9,))), recording.lines, recording.focus)
    with pytest.raises(ValueError, match="do not fit the network"):
        runs_of(other, 1, dataset(scene.run.data), "cpu", MEMORY)
    write(tmp_path / "run.h5", other)
    with pytest.raises(RunFileError, match="parameters"):
        read(tmp_path / "run.h5")
