"""Lines of training: a change before the head begins a branch, and nothing else is touched by it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thalweg.core.scene import OptimiserSpec
from thalweg.core.training.line import Change, Ended, Line
from thalweg.core.training.run import Run

from .toys import OPTIMISERS, Uninterrupted, changes_of, same_moment, tiny_run, training

STEPS = st.integers(0, 40)


def run_of(optimiser: str) -> Run:
    """A run with one of the optimisers at step 0."""
    return training(tiny_run(optimiser=OPTIMISERS[optimiser].model_dump()))


def forward(run: Run, steps: int) -> Run:
    """The run after it went on to this step."""
    while run.step_count < steps:
        run.step()
    return run


def slower(run: Run, by: float = 2) -> OptimiserSpec:
    """The optimiser where the run stands, with a smaller learning rate."""
    spec = run.line.optimiser_at(run.step_count)
    return spec.model_copy(update={"learning_rate": spec.learning_rate / by})


def exact(run: Run, line: Line, *steps: int) -> bool:
    """Whether the line is at each of these steps what a run is that never was elsewhere."""
    plain = Uninterrupted(run.spec)
    for step in steps:
        run.go_to(step, line)
        if not same_moment(run.session.moment(), plain.at(step, changes_of(line))):
            return False
    return True


# --- branches --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@given(at=st.integers(0, 24), on=st.integers(0, 30))
@settings(max_examples=6)
def test_a_change_before_the_head_begins_a_branch(optimiser: str, at: int, on: int) -> None:
    """It begins there with its own optimiser; the line it left is untouched, and its head found again at once."""
    run = forward(run_of(optimiser), 25)
    first, head = run.line, run.session.moment()
    kept = first.trajectory.steps.tolist(), list(first.changes), first.nbytes
    run.go_to(at)
    changed = slower(run)
    run.tune(changed)
    branch = run.line
    assert branch is not first
    assert (branch.parent, branch.start, branch.head) == (first, at, at)
    assert run.lines == {first.number: first, branch.number: branch}
    assert branch.optimiser_at(at) == changed
    forward(run, at + on)
    assert branch.head == at + on
    assert exact(run, branch, at, at + on, at + on // 2, max(at - 3, 0), 0, at + on)
    assert (first.trajectory.steps.tolist(), list(first.changes)) == kept[:2]
    assert first.head == 25
    assert len(list(run.going_to(25, first))) == 0
    assert run.line is first
    assert same_moment(run.session.moment(), head)
    forward(run, 30)
    assert exact(run, first, 30, 12, 25)
    assert exact(run, branch, at + on)


@given(first=st.integers(1, 20), second=st.integers(0, 30), third=st.integers(0, 30), on=st.integers(1, 12))
@settings(max_examples=20)
def test_a_branch_of_a_branch(first: int, second: int, third: int, on: int) -> None:
    """Wherever it leaves, before the beginning of its parent too: every line is exact at all of its steps."""
    run = forward(run_of("adam"), 20)
    for step in (first, second, third):
        run.go_to(min(step, max(run.line.head - 1, 0)))
        run.tune(slower(run))
        forward(run, run.step_count + on)
    assert len(run.lines) == 4
    for line in run.lines.values():
        assert exact(run, line, line.head, line.start, 0, line.head // 2, max(line.start - 1, 0))


@given(st.lists(st.tuples(STEPS, st.sampled_from([0.5, 0.1, 0.02])), max_size=6))
@settings(max_examples=30)
def test_a_change_to_what_it_is_is_none(entries: list[tuple[int, float]]) -> None:
    """Before the head the same optimiser begins no branch; the line goes on as it was."""
    run = run_of("sgd")
    for step, rate in sorted(entries):
        forward(run, step)
        run.tune(run.spec.optimiser.model_copy(update={"learning_rate": rate}))
    forward(run, 45)
    made = changes_of(run.line)
    for step in (0, 3, 20, 44):
        run.go_to(step)
        run.tune(run.line.optimiser_at(step))
        assert len(run.lines) == 1
    assert exact(run, run.line, 45, 0)
    assert changes_of(run.line) == made


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_a_branch_that_is_trained_as_its_parent_is_its_parent_again(optimiser: str) -> None:
    """Changed and changed back before the first step of it: step by step the same moments, and those after."""
    run = forward(run_of(optimiser), 25)
    original = run.line
    run.go_to(8)
    spec = run.line.optimiser_at(8)
    run.tune(slower(run))
    run.tune(spec)
    assert run.line is not original
    assert changes_of(run.line) == [(0, spec), (8, spec)] or changes_of(run.line) == [(0, spec)]
    plain = Uninterrupted(run.spec)
    for step in range(9, 30):
        run.step()
        assert same_moment(run.session.moment(), plain.at(step))


@pytest.mark.parametrize("at", [0, 1, 10, 13])
def test_a_branch_keeps_its_own_moments(at: int) -> None:
    """Evenly from where it begins, as its parent does; recorded and drawn are its parent's until then, then its own."""
    run = forward(run_of("adam"), 20)
    first = run.line
    run.go_to(at)
    run.tune(slower(run))
    forward(run, at + 15)
    branch = run.line
    assert branch.recorded().tolist() == list(range(at + 16))
    assert branch.trajectory.steps.tolist() == list(range(at, at + 16))
    assert [m.step for m in branch.moments(at + 12)] == list(range(at + 13))
    assert [m.step for m in branch.moments(max(at - 1, 0))] == list(range(max(at, 1)))
    assert first.recorded().tolist() == list(range(21))
    plain = Uninterrupted(run.spec)
    for step in range(at + 16):
        found = branch.at(step)
        assert found is not None
        assert np.array_equal(found.parameters, plain.at(step, changes_of(branch)).parameters)
        assert (found is first.at(step)) == (step < at)
        assert branch.whole_before(step).whole
        assert branch.whole_before(step).step <= step


def test_measures_and_passes_of_a_branch() -> None:
    """Its parent's up to where it begins, then its own; its parent's stay as they are."""
    run = run_of("sgd")
    for step in range(26):
        forward(run, step)
        if step % 5 == 0:
            run.measure()
    first = run.line
    before = first.series.columns()
    run.go_to(12)
    run.tune(slower(run, 10))
    for step in range(12, 35):
        forward(run, step)
        if step % 4 == 0:
            run.measure()
    found = run.line.series.columns()
    assert found["step"].tolist() == [0, 5, 10, 12, 16, 20, 24, 28, 32]
    assert all(np.array_equal(found[n][:3], before[n][:3], equal_nan=True) for n in before)
    assert run.line.epochs == [0, 10, 20, 30]
    assert first.series.columns().keys() == before.keys()
    assert all(np.array_equal(v, before[n], equal_nan=True) for n, v in first.series.columns().items())
    assert first.epochs == [0, 10, 20]
    assert found["train_loss"][5] != before["train_loss"][4], "at step 20 both, with other parameters"


# --- forgetting ------------------------------------------------------------------------------------------------------


def family() -> tuple[Run, list[Line]]:
    """A line, a branch of it from 12, one of that from 15, and another of the first from 5."""
    run = forward(run_of("adam"), 20)
    for parent, step in ((0, 12), (1, 15), (0, 5)):
        run.go_to(step, run.lines[parent])
        run.tune(slower(run))
        forward(run, step + 9)
    return run, [run.lines[k] for k in range(4)]


@pytest.mark.parametrize("gone", [[0], [1], [2], [0, 1], [1, 2], [2, 0], [0, 1, 2]])
def test_lines_can_be_forgotten(gone: list[int]) -> None:
    """Those that are left are exact at every step, what they share with a forgotten one included."""
    run, lines = family()
    for number in gone:
        run.forget(number)
    left = [k for k in range(4) if k not in gone]
    assert list(run.lines) == left
    for k in left:
        assert exact(run, lines[k], *range(lines[k].head, -1, -4), lines[k].head)
    run.go_to(3, lines[3])
    run.tune(slower(run))
    assert run.line.number == 4, "numbers are not given again"


def test_the_line_that_it_stands_at_cannot_be_forgotten() -> None:
    """Nor one that there is not: nothing happens."""
    run, _ = family()
    for number in (3, 9, -1):
        run.forget(number)
        assert list(run.lines) == [0, 1, 2, 3]


# --- the record of a line --------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(STEPS, st.integers(1, 9)), max_size=8), STEPS)
def test_the_optimiser_of_a_step(entries: list[tuple[int, int]], step: int) -> None:
    """The last that was changed to at or before it; of two changes at one step the second counts."""
    line = Line(0, run_of("sgd").session.moment())
    made = {0: line.optimiser_at(0)}
    for at, size in sorted(entries, key=lambda e: e[0]):
        made[at] = OptimiserSpec(batch_size=size)
        line.change(Change(at, made[at]))
    assert line.optimiser_at(step) == made[max(s for s in made if s <= step)]
    assert changes_of(line) == sorted(made.items())


@given(st.integers(0, 30))
@settings(max_examples=15)
def test_a_line_that_is_cut(step: int) -> None:
    """Nothing later is left but the measures; it goes on from there as before."""
    run = forward(run_of("adam"), 7)
    run.tune(slower(run))
    forward(run, 18)
    run.tune(slower(run))
    forward(run, 30)
    run.measure()
    changes = [c for c in changes_of(run.line) if c[0] <= step]
    run.go_to(step)
    run.line.cut(step)
    assert run.line.head == step == run.line.recorded()[-1]
    assert changes_of(run.line) == changes
    assert max(run.line.epochs, default=-1) < max(step, 0)
    assert run.line.series.last_step == 30
    assert exact(run, run.line, step, 0, step // 2)
    forward(run, step + 9)
    assert exact(run, run.line, step + 9, step, step + 1)


def test_why_a_line_ended_is_kept_with_it() -> None:
    """A branch of one that has ended goes on."""
    run = forward(run_of("sgd"), 10)
    run.line.ended = Ended(11, "no further", 3)
    run.go_to(3)
    run.tune(slower(run))
    assert run.line.ended is None
    assert run.lines[0].ended == Ended(11, "no further", 3)


# --- where lines part ------------------------------------------------------------------------------------------------


@given(data=st.data())
@settings(max_examples=30)
def test_lines_part_at_the_last_step_that_they_share(data: st.DataObject) -> None:
    """Compared with the moments that they have at each step: the same objects up to there, and no further."""
    run = forward(run_of("sgd"), 12)
    for _ in range(data.draw(st.integers(1, 4))):
        line = run.lines[data.draw(st.sampled_from(sorted(run.lines)))]
        run.go_to(data.draw(st.integers(1, line.head)), line)
        if data.draw(st.booleans()):
            run.put_back(1)
        else:
            run.branch()
        forward(run, run.step_count + data.draw(st.integers(1, 4)))
    for a in run.lines.values():
        for b in run.lines.values():
            parted = a.parted_from(b)
            assert parted == b.parted_from(a)
            assert all(a.at(step) is b.at(step) for step in range(parted))
            if a is not b:
                later = range(parted + 1, min(a.head, b.head) + 1)
                assert all(a.at(step) is not b.at(step) for step in later)
            else:
                assert parted == a.head
