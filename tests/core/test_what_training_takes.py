"""Gradients and time are counted, and the counts of a step are what they were whenever it is come to again."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st

from thalweg.core import data as datasets
from thalweg.core.curvature.hvp import HessianOperator
from thalweg.core.history import MEMORY
from thalweg.core.problem import build
from thalweg.core.scene import RunSpec
from thalweg.core.store.run_file import read, write
from thalweg.core.training import session as of_session
from thalweg.core.training.recorder import record
from thalweg.core.training.run import Run
from thalweg.core.training.runs_record import recording_of, runs_of
from thalweg.core.training.session import Session

from .toys import Uninterrupted, changes_of, dataset, same_moment, tiny_run, tiny_scene, training

PLAIN = ("sgd", "nesterov", "adagrad", "rmsprop", "adam", "adamw", "radam", "qhm", "qhadam", "lars", "lamb")
PROBLEMS: dict[str, dict[str, Any]] = {
    "surface": {"network": {"kind": "surface", "surface": "rosenbrock", "x_start": -1.2, "y_start": 1.0}},
    "network": tiny_run().model_dump(),
}


def run_of(kind: str, name: str) -> RunSpec:
    """A run on a surface or a network with this optimiser."""
    optimiser = {"name": name, "learning_rate": 1e-3, "batch_size": 10}
    return RunSpec.model_validate(PROBLEMS[kind] | {"optimiser": optimiser})


def session_of(run: RunSpec) -> Session:
    """A session at its start."""
    return Session(run, build(run, datasets.load_for(run)))


# --- gradients -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PROBLEMS)
@pytest.mark.parametrize(("name", "each"), [*((name, 1) for name in PLAIN), ("sam", 2)])
def test_a_step_takes_one_gradient_or_two(kind: str, name: str, each: int) -> None:
    """Two where the gradient is taken uphill of where the step begins; what is measured does not count."""
    run = Run(1, run_of(kind, name), datasets.load_for(run_of(kind, name)), "cpu")
    assert run.session.evaluations == 0
    for step in range(1, 13):
        run.step()
        run.measure()
        assert run.session.evaluations == step * each == run.session.moment().evaluations
    columns = run.line.series.columns()
    assert columns["evaluations"].tolist() == (columns["step"] * each).tolist()


@pytest.mark.parametrize("kind", PROBLEMS)
def test_a_product_with_the_hessian_counts_as_a_gradient(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step of Newton's method: the gradient, that of the curvature, and each product that was made of it."""
    made = [0]
    plain = HessianOperator.__call__

    def counted(self: HessianOperator, v: Any) -> Any:
        made[0] += 1
        return plain(self, v)

    monkeypatch.setattr(HessianOperator, "__call__", counted)
    session = session_of(run_of(kind, "newton"))
    for step in range(1, 5):
        session.step()
        assert session.evaluations == 2 * step + made[0]
    assert made[0] >= 4


@pytest.mark.parametrize("name", ["sgd", "sam", "newton"])
def test_gradients_are_those_of_a_run_that_only_went_forward(name: str, tmp_path: Path) -> None:
    """After stepping back and on, on a branch, and out of a file: the count belongs to the step, not to the session."""
    scene = tiny_scene().edited({"run.optimiser.name": name, "run.optimiser.batch_size": 25})
    made = record(scene, 9)
    write(tmp_path / "run.h5", made)
    (found,) = runs_of(read(tmp_path / "run.h5"), 1, dataset(scene.run.data), "cpu", MEMORY).all
    plain = Uninterrupted(scene.run)
    assert made.front.evaluations.tolist() == [plain.at(step).evaluations for step in range(10)]
    for step in (9, 3, 7, 0, 9):
        found.go_to(step)
        assert same_moment(found.session.moment(), plain.at(step))
    found.go_to(4)
    found.tune(scene.run.optimiser.model_copy(update={"learning_rate": 0.01}))
    for step in range(5, 9):
        found.step()
        assert found.session.moment().evaluations == plain.at(step, changes_of(found.line)).evaluations


# --- time ------------------------------------------------------------------------------------------------------------


def test_the_time_is_that_of_the_steps_alone() -> None:
    """It grows with each step and with nothing else, and is no more than what passed meanwhile."""
    began = perf_counter()
    run = training(tiny_run())
    assert run.session.seconds == 0
    for _ in range(20):
        before = run.session.seconds
        run.step()
        after = run.session.seconds
        assert before < after < perf_counter() - began
        run.measure()
        assert run.session.seconds == after == run.session.moment().seconds
    seconds = run.line.series.columns()["seconds"]
    assert (np.diff(seconds) > 0).all()
    assert seconds[-1] == run.session.seconds


@pytest.mark.usefixtures("a_second_for_each_step")
@given(path=st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=6))
@trials(max_examples=10)
def test_time_spent_again_is_not_counted_again(path: list[tuple[int, bool]]) -> None:
    """Where each step takes a second, a step's time is its number, on whatever way and branch it was come to."""
    run = training(tiny_run(), memory=16)
    for k, (step, branches) in enumerate(path):
        while run.step_count < step:
            run.step()
        run.go_to(step // 2)
        if branches:
            run.tune(run.spec.optimiser.model_copy(update={"learning_rate": 0.1 + k / 10}))
        run.step()
        run.measure()
        assert run.session.seconds == run.step_count
        for line in run.all_lines:
            columns = line.series.columns()
            assert columns["seconds"].tolist() == columns["step"].tolist()


def uneven(seed: int) -> Callable[[], float]:
    """A clock on which no two steps take the same time."""
    random = Random(seed)
    return accumulate(random.expovariate(1.0) for _ in iter(int, 1)).__next__


@given(path=st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=8), seed=st.integers(0, 99))
@trials(max_examples=15)
@pytest.mark.parametrize("memory", [16, MEMORY])
def test_time_never_runs_backwards(memory: int, path: list[tuple[int, bool]], seed: int) -> None:
    """Along every line and in its moments, where steps that are repeated take longer or shorter than the first time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(of_session, "perf_counter", uneven(seed))
        run = training(tiny_run(), memory=memory)
        for k, (step, branches) in enumerate(path):
            while run.step_count < step:
                run.step()
                if run.step_count % 3 == 0:
                    run.measure()
            run.go_to((step + 2 * k) % (run.line.head + 1))
            if branches:
                run.tune(run.spec.optimiser.model_copy(update={"learning_rate": 0.1 + k / 10}))
            run.step()
            run.measure()
    for line in run.all_lines:
        assert (np.diff(line.series.columns()["seconds"]) > 0).all()
        seconds = [m.seconds for m in line.moments(line.head)]
        assert seconds == sorted(seconds)


@pytest.mark.parametrize("seed", range(5))
def test_time_does_not_run_backwards_where_a_run_ends(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last steps are repeated then, to find the last that is finite."""
    monkeypatch.setattr(of_session, "perf_counter", uneven(seed))
    changes = {"network.activation": "relu", "objective.loss": "squared-error", "optimiser.learning_rate": 1000.0}
    made = record(tiny_scene().edited({f"run.{k}": v for k, v in changes.items()}), 400)
    assert made.front.ended is not None
    assert made.series["step"][-1] > made.front.head
    assert (np.diff(made.series["seconds"]) > 0).all()
    assert (np.diff(made.series["evaluations"]) == np.diff(made.series["step"])).all()


# --- files that do not know ------------------------------------------------------------------------------------------


def test_a_file_without_the_counts_is_opened_and_gone_on_with(tmp_path: Path) -> None:
    """Written before they were counted: its curves know steps alone, and so does what is added and written again."""
    path, scene = tmp_path / "run.h5", tiny_scene()
    write(path, record(scene, 12))
    whole = read(path)
    assert whole.front.evaluations.tolist() == list(range(13))
    assert whole.front.seconds.tolist() == sorted(whole.front.seconds.tolist())
    with h5py.File(path, "r+") as h:
        line = h["lines/0"]
        names = [n for n in whole.series if n not in ("evaluations", "seconds")]
        line["series"].attrs["names"] = str(names).replace("'", '"')
        for name in ("evaluations", "seconds"):
            del line["trajectory"][name], line["series"][name]
    old = read(path)
    assert (len(old.front.evaluations), len(old.front.seconds)) == (0, 0)
    runs = runs_of(old, 1, dataset(scene.run.data), "cpu", MEMORY)
    for _ in range(5):
        runs.step()
        runs.measure()
    assert list(runs.front.line.series.columns()) == names
    again = tmp_path / "again.h5"
    write(again, recording_of(scene, runs))
    with h5py.File(again) as h:
        assert not {"evaluations", "seconds"} & (h["lines/0/trajectory"].keys() | h["lines/0/series"].keys())
    assert read(again).front.head == 17
