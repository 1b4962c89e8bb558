"""What is recorded of a run takes no more memory than it was given, however long it goes on and branches."""

from __future__ import annotations

import pytest

from thalweg.core.training.line import Line
from thalweg.core.training.moment import Moment
from thalweg.core.training.run import Run
from thalweg.core.training.runs import Runs

from .toys import OPTIMISERS, Uninterrupted, changes_of, in_lock_step, same_moment, tiny_run, training

ADAM = tiny_run(network__hidden=(2,), optimiser=OPTIMISERS["adam"].model_dump())
SIZE = 4 * (785 * 2 + 30)
"""Bytes of the parameters; with Adam's memory it is three times as much."""


def held(run: Run) -> int:
    """Bytes of all moments that can be reached from the lines of a run, each once."""
    found: dict[int, Moment] = {}
    lines: list[Line] = list(run.lines.values())
    while lines:
        line = lines.pop()
        lines += [line.parent] if line.parent else []
        tip = [line.tip] if line.tip else []
        found |= {id(m): m for m in (*line.trajectory.moments, *tip)}
    return sum(m.nbytes for m in found.values())


def turned(run: Run, at: int) -> None:
    """Begin a branch with half the learning rate."""
    run.go_to(at)
    spec = run.line.optimiser_at(at)
    run.tune(spec.model_copy(update={"learning_rate": spec.learning_rate / 2}))


@pytest.mark.parametrize("moments", [40, 100, 400])
def test_a_long_run_is_within_its_memory_at_every_step(moments: int) -> None:
    """Hundreds of steps of one line; its first and newest step are there, and between them whole ones to go on from."""
    run = training(ADAM, moments * SIZE)
    for step in range(1, 700):
        run.step()
        assert held(run) <= moments * SIZE
        first = run.line.at(0)
        assert first is not None
        assert held(run) <= run.line.nbytes <= held(run) + first.nbytes, "it says itself how much it is"
        for back in (step, step // 2, step - 1):
            found = run.line.whole_before(back)
            assert found.whole
            assert found.step <= back
    assert len(run.line.trajectory.moments) > moments / 8, "no more is dropped than has to be"
    assert run.line.at(0) is not None
    assert run.line.recorded()[[0, -1]].tolist() == [0, 699]


def test_changes_at_the_head_do_not_fill_the_memory() -> None:
    """Somebody who drags a slider leaves a moment at each step; they are counted with the others."""
    run = training(ADAM, 100 * SIZE)
    for step in range(300):
        run.tune(ADAM.optimiser.model_copy(update={"learning_rate": 0.001 + step / 1e5}))
        run.step()
        assert held(run) <= 100 * SIZE, f"at step {step}"
    plain = Uninterrupted(ADAM)
    for step in (0, 57, 300):
        run.go_to(step)
        assert same_moment(run.session.moment(), plain.at(step, changes_of(run.line)))


@pytest.mark.parametrize("forgets", [False, True], ids=["kept", "forgotten"])
def test_branches_share_the_memory(forgets: bool) -> None:
    """With each branch, and with each line that is forgotten, all that can still be reached is within the limit."""
    run, most = training(ADAM, 300 * SIZE), 300 * SIZE
    for round_ in range(8):
        for _ in range(60):
            run.step()
            assert held(run) <= most, f"in round {round_} at step {run.step_count}"
        turned(run, run.step_count - 25)
        assert held(run) <= most
        if forgets:
            run.forget(run.line.number - 1)
            assert held(run) <= most
    plain = Uninterrupted(ADAM)
    for line in run.lines.values():
        for step in (line.head, line.start, 3):
            run.go_to(step, line)
            assert same_moment(run.session.moment(), plain.at(step, changes_of(line)))


@pytest.mark.parametrize("count", [1, 3])
def test_less_memory_is_kept_to_at_once(count: int) -> None:
    """Several runs share it; every step is still found again exactly."""
    runs: Runs = in_lock_step(*(ADAM.model_copy(update={"seed": k}) for k in range(count)))
    for _ in range(200):
        runs.step()
    for run in runs.all:
        turned(run, 150)
    for _ in range(20):
        runs.step()
    before = sum(held(run) for run in runs.all)
    for moments in (200, 120, 60):
        runs.restrict(count * moments * SIZE)
        assert sum(held(run) for run in runs.all) <= count * moments * SIZE < before
        for _ in range(30):
            runs.step()
            assert sum(held(run) for run in runs.all) <= count * moments * SIZE
    for run in runs.all:
        plain = Uninterrupted(run.spec)
        for line in run.lines.values():
            for step in (line.head, 77):
                run.go_to(step, line)
                assert same_moment(run.session.moment(), plain.at(step, changes_of(line)))
