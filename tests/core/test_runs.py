"""Several runs in lock-step: each is what it would be alone, and they go back together."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from thalweg.core.plane.direction import Direction
from thalweg.core.plane.plane import Plane
from thalweg.core.scene import OptimiserSpec, Scene, StopSpec
from thalweg.core.training.runs import Runs

from .toys import NETWORKS, OPTIMISERS, Uninterrupted, changes_of, in_lock_step, same_moment, tiny_run

SPECS = (
    tiny_run(),
    tiny_run(optimiser=OPTIMISERS["adam"].model_dump(), seed=6),
    tiny_run(network=NETWORKS["residual"], optimiser__batch_size=30),
    tiny_run(network=NETWORKS["lstm"], optimiser=OPTIMISERS["sgd with momentum"].model_dump()),
)
DIVERGING = tiny_run(network__activation="relu", objective__loss="squared-error", optimiser__learning_rate=1000.0)
GONE = tiny_run(network__activation="relu", objective__loss="squared-error", optimiser__learning_rate=300.0, seed=9)


def stand(runs: Runs, *steps: int) -> bool:
    """Whether each run stands at its step exactly as it would alone, along the line that it goes on with."""
    return all(
        same_moment(run.session.moment(), Uninterrupted(run.spec).at(step, changes_of(run.line)))
        for run, step in zip(runs.all, steps, strict=True)
    )


def stepped(runs: Runs, steps: int) -> Runs:
    """The runs after so many steps, which nothing stops."""
    for _ in range(steps):
        assert runs.step() is None
    return runs


def test_each_run_is_what_it_is_alone() -> None:
    """Other optimisers, networks, batch sizes and seeds beside it change not one bit of it."""
    runs = stepped(in_lock_step(*SPECS), 23)
    assert stand(runs, 23, 23, 23, 23)
    for _ in runs.going_to(8):
        pass
    assert stand(runs, 8, 8, 8, 8)
    stepped(runs, 20)
    assert stand(runs, 28, 28, 28, 28)
    assert [line.number for _, _, line in runs.lines] == [0, 1, 2, 3]


def test_a_run_that_ends_beside_others_is_told_once() -> None:
    """Training goes on with the others; when the last has ended, or the one in front, it pauses."""
    runs = in_lock_step(SPECS[0], DIVERGING, SPECS[0].model_copy(update={"seed": 8}))
    asides = []
    for _ in range(40):
        assert runs.step() is None
        asides += runs.take_asides()
    assert [aside.line for aside in asides] == [1]
    assert asides[0].rescue is not None
    assert "is finite" in asides[0].sentence
    assert [run.step_count for run in runs.all][::2] == [40, 40]


def test_seeds_are_runs_of_their_own() -> None:
    """Three seeds of one run are three runs that differ in their seed alone."""
    scene = Scene(run=tiny_run(seeds=3), view={"plane": {"y": {"layers": (2,)}}})
    runs = stepped(in_lock_step(*scene.runs()), 12)
    assert [run.spec for run in runs.all] == [tiny_run(seed=k) for k in (5, 6, 7)]
    assert stand(runs, 12, 12, 12)
    assert len({run.session.snapshot().numpy().tobytes() for run in runs.all}) == 3


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30), st.integers(0, 9)), max_size=5))
@settings(max_examples=20)
def test_a_change_is_one_of_its_run_alone(entries: list[tuple[int, int, int]]) -> None:
    """Wherever they stand: it branches where it is before its head, and the others are untouched."""
    runs = stepped(in_lock_step(*SPECS[:2], tiny_run(seed=9)), 15)
    for number, step, on in entries:
        for _ in runs.going_to(step):
            pass
        kept = [(run.line, run.line.head) for run in runs.all]
        assert [run.step_count for run in runs.all] == [min(step, head) for _, head in kept]
        optimiser = runs.all[number].line.optimiser_at(runs.all[number].step_count)
        runs.tune(number, optimiser.model_copy(update={"batch_size": 7 + on}), StopSpec())
        for k, (run, (line, head)) in enumerate(zip(runs.all, kept, strict=True)):
            assert (run.line is not line) == (k == number and step < head and optimiser.batch_size != 7 + on)
        stepped(runs, on)
    assert stand(runs, *(run.step_count for run in runs.all))
    numbers = [line.number for _, _, line in runs.lines]
    assert numbers == sorted(set(numbers)) == list(range(len(numbers)))


def test_a_change_of_a_run_that_there_is_not_is_none() -> None:
    """As it may come from a form that is a moment behind."""
    runs = stepped(in_lock_step(*SPECS[:2]), 3)
    runs.tune(2, OptimiserSpec(learning_rate=0.01), StopSpec(steps=4))
    stepped(runs, 3)
    assert stand(runs, 6, 6)


def test_a_line_is_put_in_front() -> None:
    """Its run goes on along it, from its head or a step of it; the others stand at the same step, or their last."""
    runs = stepped(in_lock_step(*SPECS[:2]), 20)
    for _ in runs.going_to(10):
        pass
    runs.tune(1, OptimiserSpec(name="adam", learning_rate=0.003), StopSpec())
    stepped(runs, 4)
    first, second = runs.all
    assert runs.front is first
    for number, step, run, stands in (
        (2, None, second, 14),
        (1, None, second, 20),
        (1, 7, second, 7),
        (0, 99, first, 20),
    ):
        for _ in runs.going_on(number, step):
            pass
        assert runs.front is run
        assert (run.line.number, run.step_count) == (number, stands)
        assert all(r.step_count == min(stands, r.line.head) for r in runs.all)
        assert stand(runs, first.step_count, second.step_count)
    for _ in runs.going_on(77):
        pass
    assert runs.front is first, "a line that there is not is not put in front"
    runs.forget(2)
    assert [line.number for _, _, line in runs.lines] == [0, 1]
    runs.forget(1)
    assert [line.number for _, _, line in runs.lines] == [0, 1], "its run goes on along it"


# --- one of them is not finite any more ------------------------------------------------------------------------------


def halted(runs: Runs, most: int = 400) -> tuple[int, object]:
    """The step after which they were halted, and why."""
    for step in range(1, most):
        if (halt := runs.step()) is not None:
            return step, halt
    raise AssertionError("not halted")


def test_a_run_that_diverges_rests_while_the_others_go_on() -> None:
    """At its last finite step, without a halt, as long as another is in front and one goes on."""
    runs = in_lock_step(tiny_run(), DIVERGING, tiny_run(seed=6))
    stepped(runs, 30)
    rests = runs.all[1]
    assert rests.line.ended is not None
    assert rests.step_count == rests.line.head < 30
    assert rests.session.parameters.isfinite().all()
    assert stand(runs, 30, rests.line.head, 30)
    assert [run.line.ended for run in (runs.all[0], runs.all[2])] == [None, None]


def test_the_run_in_front_halts_all() -> None:
    """With what might help; the others have taken the step."""
    runs = in_lock_step(DIVERGING, tiny_run())
    step, halt = halted(runs)
    front = runs.front
    assert (halt.line, halt.sentence) == (0, front.line.ended.sentence)
    limit = front.line.ended.limit
    assert halt.rescue == (front.line.ended.back, pytest.approx(min(1000 / 3, limit / 2) if limit > 0 else 1000 / 3))
    assert stand(runs, front.line.head, step)


def test_the_last_that_diverges_halts_all() -> None:
    """One behind the front rests in silence; when nothing is left that goes on, it is said, wherever that was."""
    runs = in_lock_step(DIVERGING, GONE)
    for _ in runs.going_on(1):
        pass
    while not all(run.line.ended for run in runs.all):
        before = [run.line.ended for run in runs.all]
        halt = runs.step()
        ended = [k for k, run in enumerate(runs.all) if run.line.ended is not before[k]]
        resting = all(run.line.ended for run in runs.all)
        assert (halt is not None) == bool(ended and (1 in ended or resting))
    assert stand(runs, *(run.line.head for run in runs.all))
    assert runs.step() is None, "there is nothing left to step"


def test_a_run_that_has_ended_is_played_again_up_to_its_end() -> None:
    """Gone back together, they take the same steps together again; the one that ended rests where it did."""
    runs = stepped(in_lock_step(tiny_run(), DIVERGING), 12)
    end = runs.all[1].line.head
    assert end > 0
    for _ in runs.going_to(0):
        pass
    stepped(runs, 1)
    assert [run.step_count for run in runs.all] == [1, 1]
    stepped(runs, 11)
    assert [run.step_count for run in runs.all] == [12, end]
    assert stand(runs, 12, end)


def test_a_gentler_learning_rate_lets_it_go_on() -> None:
    """The change takes back that it has ended, and it goes on with the others, on a branch or from its end."""
    for back in (0, None):
        runs = stepped(in_lock_step(tiny_run(), DIVERGING), 12)
        run = runs.all[1]
        end = run.line.head
        if back is not None:
            run.go_to(back)
        gentler = run.line.optimiser_at(run.step_count).model_copy(update={"learning_rate": 1e-3})
        start = run.step_count
        runs.tune(1, gentler, StopSpec())
        assert run.line.ended is None
        assert (run.line.number == 1) == (back is None)
        stepped(runs, 3)
        assert run.step_count == start + 3
        assert run.session.parameters.isfinite().all() or back is None
        assert end >= start


# --- what is seen ----------------------------------------------------------------------------------------------------


def test_paths_of_runs_with_the_same_network_are_on_one_plane() -> None:
    """Brute force: least squares of each recorded moment; a run with another network has no path."""
    runs = stepped(in_lock_step(tiny_run(), tiny_run(seed=6), tiny_run(network__hidden=(4,))), 9)
    origin = runs.front.session.snapshot()
    x, y = torch.randn(2, len(origin), generator=torch.Generator().manual_seed(0))
    runs.project(4, Plane(origin, Direction(x, "x", ""), Direction(y, "y", "")))
    runs.all[1].go_to(5)
    runs.tune(1, OptimiserSpec(learning_rate=0.1), StopSpec())
    stepped(runs, 2)
    for _, run, line in runs.lines:
        step = run.step_count if line is run.line else line.head
        m = line.at(step)
        path = run.path(line, step, m.parameters)
        if run is runs.all[2]:
            assert path is None
            continue
        moments = [line.at(s) for s in line.recorded().tolist() if s <= step]
        points = np.stack([(m.parameters.double() - origin.double()).numpy() for m in moments], axis=1)
        wanted = np.linalg.lstsq(np.stack([x.double(), y.double()], axis=1), points, rcond=None)[0]
        assert path.plane == 4
        assert path.steps.tolist() == [m.step for m in moments]
        np.testing.assert_allclose([path.alpha, path.beta], wanted, atol=1e-8)


@given(st.lists(st.booleans(), max_size=12))
@settings(max_examples=15)
def test_whether_the_newest_step_is_measured(measured: list[bool]) -> None:
    """At the head without measures, and only there."""
    runs, owed = in_lock_step(tiny_run(), tiny_run(seed=6)), False
    for measure in measured:
        stepped(runs, 1)
        owed = True
        if measure:
            runs.measure()
            owed = False
        assert runs.unmeasured == owed
        columns = runs.front.line.series.columns()
        assert (columns["step"][-1] == runs.front.step_count) == (not owed)
    for _ in runs.going_to(0):
        pass
    assert not runs.unmeasured or not measured
