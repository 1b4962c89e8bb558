"""The memory of a run is bounded, and what it keeps is what happened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from thalweg.core import history
from thalweg.core.history import LEAST, WHOLE, Series, Trajectory, evenly, spaced
from thalweg.core.scene import OptimiserSpec
from thalweg.core.training.moment import Moment


class Counted:
    """A session that does nothing but count: its parameters name the step, and its optimiser's memory does too."""

    def __init__(self, size: int = 3, memory: int = 0) -> None:
        self.size, self.memory, self.step_count = size, memory, 0

    def moment(self, whole: bool = True) -> Moment:
        """The moment now."""
        step = float(self.step_count)
        kept = {f"m{k}": torch.full((self.size,), step) for k in range(self.memory)}
        parameters, buffers = torch.arange(self.size) * 1000.0 + step, torch.full((2,), -step)
        remembered = kept if whole or not kept else None
        return Moment(self.step_count, 1, 0, torch.empty(0), parameters, buffers, remembered, OptimiserSpec())

    def at(self, step: int, whole: bool = True) -> Moment:
        """The moment of a step."""
        self.step_count = step
        return self.moment(whole)


@contextmanager
def rows(most: int, sparse: int = 10**9) -> Iterator[None]:
    """Trajectories that are thinned at so many moments while their stride is below ``sparse``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history, "ROWS", most)
        patch.setattr(history, "SPARSE", sparse)
        yield


def offered(kept: Trajectory, session: Counted, last: int, first: int = 0) -> Trajectory:
    """The trajectory after every step from the first to the last was offered."""
    for step in range(first, last + 1):
        session.step_count = step
        kept.offer(session)
    return kept


# --- trajectory ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [4, 5, 6, 9, 16])
@pytest.mark.parametrize("start", [0, 7])
def test_trajectory_keeps_multiples_of_its_stride(most: int, start: int) -> None:
    """After every step: the steps are start, + stride, + 2 stride, ... up to now, the moments theirs, never too many.

    Parameters and running statistics are those of that step.
    """
    kept, session, even = Trajectory(start), Counted(), most + most % 2
    with rows(most):
        for step in range(start, start + 200):
            offered(kept, session, step, step)
            assert kept.steps.dtype == np.int64
            assert kept.steps.tolist() == list(range(start, step + 1, kept.stride))
            assert [m.step for m in kept.moments] == kept.steps.tolist()
            for m in kept.moments:
                assert m.parameters.tolist() == [m.step, 1000 + m.step, 2000 + m.step]
                assert m.buffers.tolist() == [-m.step, -m.step]
            assert len(kept.moments) <= even
            assert kept.stride & (kept.stride - 1) == 0, "the stride doubles, so it is a power of two"
            assert len(kept.moments) * kept.stride > step - start - kept.stride
    assert kept.stride <= 2 * 200 / even, "no more is dropped than has to be"


def test_trajectory_of_the_same_steps_is_the_same() -> None:
    """Offering a step twice, or a step that is not due, changes nothing."""
    once, often, session = Trajectory(), Trajectory(), Counted(memory=2)
    with rows(6):
        for step in range(50):
            offered(once, session, step, step)
            for _ in range(3):
                offered(often, session, step, step)
            for other in (step - 1, step + 100):
                offered(often, session, other, other)
    assert once.stride == often.stride
    assert [m.parameters.tolist() for m in once.moments] == [m.parameters.tolist() for m in often.moments]
    assert [m.whole for m in once.moments] == [m.whole for m in often.moments]


@given(size=st.integers(1, 50), memory=st.integers(0, 3), limit=st.integers(1, 60), most=st.integers(4, 40))
def test_trajectory_memory_is_bounded(size: int, memory: int, limit: int, most: int) -> None:
    """Whatever the network's size: after every step no more than the limit, where that is enough for a few moments.

    A limit that is too small for them leaves the fewest that a trajectory has.
    """
    session, sizes = Counted(size, memory), 4 * (size + 2)
    largest = sizes + 4 * size * memory
    few = (LEAST + 2) * sizes + 4 * largest
    bound = few + limit * sizes
    kept = Trajectory(limit=bound)
    with rows(most, sparse=4):
        for step in range(300):
            offered(kept, session, step, step)
            assert kept.nbytes == sum(m.nbytes for m in kept.moments)
            assert kept.nbytes <= bound
        assert len(kept.moments) * kept.stride > 299 - kept.stride
        kept.restrict(1)
        assert LEAST // 2 <= len(kept.moments) <= LEAST
        offered(kept, session, 600, 300)
        assert kept.steps.tolist() == list(range(0, 601, kept.stride))
        assert len(kept.moments) <= LEAST + 2


def test_trajectory_grows_up_to_its_memory_when_it_is_sparse() -> None:
    """A long run is thinned at so many moments only while it is dense; then memory alone bounds it."""
    kept = Trajectory(limit=10**9)
    with rows(8, sparse=4):
        offered(kept, Counted(), 999)
    assert kept.stride == 4
    assert len(kept.moments) == 250


@given(st.integers(0, 90), st.integers(0, 20), st.integers(0, 120))
def test_the_last_whole_moment_before_a_step(last: int, start: int, step: int) -> None:
    """Of those that are kept: whole, not later than the step, and no other is nearer."""
    kept, session = Trajectory(start), Counted(memory=1)
    with rows(8):
        for now in range(start, start + last + 1):
            offered(kept, session, now, now)
    held = [m for m in kept.moments if m.whole and m.step <= step]
    found = kept.whole_before(step)
    assert (found is None) == (not held) == (step < start)
    if found is not None:
        assert found.whole
        assert found.step == max(m.step for m in held)
        assert found.parameters[0] == found.step


@given(st.integers(0, 90), st.integers(-5, 120))
def test_a_moment_is_found_at_its_step_alone(last: int, step: int) -> None:
    """``at`` has exactly what is held; ``until`` the evenly recorded ones up to there, the first first."""
    kept, session = Trajectory(3), Counted(memory=1)
    with rows(8):
        offered(kept, session, 3 + last, 3)
    found = kept.at(step)
    held = {m.step for m in kept.moments}
    assert (found is not None) == (step in held)
    assert found is None or found.step == step
    assert [m.step for m in kept.until(step)] == [s for s in kept.steps.tolist() if s <= step]


def test_every_eighth_moment_keeps_the_memory_of_the_optimiser() -> None:
    """Also after thinning; what remembers nothing is whole at no cost."""
    for memory in (0, 2):
        kept, session = Trajectory(), Counted(memory=memory)
        with rows(32):
            for step in range(300):
                offered(kept, session, step, step)
                whole = [m.whole for m in kept.moments]
                assert whole == [not memory or k % WHOLE == 0 for k in range(len(whole))]


def test_cut_and_filled_trajectories_go_on_as_others() -> None:
    """What is later is dropped; from there on, the same steps are kept as without; so it is after filling."""
    with rows(16):
        session, cut, undisturbed = Counted(memory=1), Trajectory(), Trajectory()
        offered(cut, session, 45)
        stride = cut.stride
        cut.cut(31)
        assert max(m.step for m in cut.moments) <= 31
        assert cut.nbytes == sum(m.nbytes for m in cut.moments)
        filled = Trajectory()
        filled.fill(cut.stride, list(cut.moments))
        for each in (cut, filled):
            offered(each, session, 200, 32)
        offered(undisturbed, session, 200)
        assert stride == 4
        for each in (cut, filled):
            assert each.steps.tolist() == undisturbed.steps.tolist()
            assert each.nbytes == sum(m.nbytes for m in each.moments)


@given(memory=st.integers(0, 2), count=st.integers(20, 60), limit=st.integers(0, 40))
def test_a_filled_trajectory_is_bounded_too(memory: int, count: int, limit: int) -> None:
    """What was filled in counts from the first moment that is offered."""
    session = Counted(10, memory)
    moments = [session.at(step, whole=step % WHOLE == 0) for step in range(count)]
    kept = Trajectory(limit=sum(m.nbytes for m in moments) + limit * moments[1].nbytes)
    kept.fill(1, moments)
    kept.restrict(kept.limit)
    for step in range(count, 300):
        offered(kept, session, step, step)
        assert kept.nbytes <= kept.limit
        assert kept.steps.tolist() == list(range(0, step + 1, kept.stride))


def moments_of(*stretches: range) -> list[Moment]:
    """Moments at these steps."""
    return [Counted(1).at(step) for stretch in stretches for step in stretch]


@given(count=st.integers(1, 400), stride=st.sampled_from([1, 2, 16]), most=st.sampled_from([8, 32, 64]))
def test_a_long_path_has_every_second_point_of_a_shorter_one(count: int, stride: int, most: int) -> None:
    """Never more than so many points, the first among them; those of a longer path, as far as both go, or all."""
    moments = moments_of(range(0, count * stride, stride))
    found = [m.step for m in spaced(moments, most)]
    assert len(found) <= most
    assert len(found) > min(count, most) / 2 - 1
    assert found[0] == 0
    assert len(set(np.diff(found))) <= 1, "evenly"
    longer = [m.step for m in spaced(moments_of(range(0, (count + 9) * stride, stride)), most)]
    common = [s for s in longer if s <= moments[-1].step]
    assert common in (found, found[::2])


@given(
    before=st.integers(1, 200),
    parent=st.sampled_from([1, 2, 16]),
    after=st.integers(1, 200),
    child=st.sampled_from([1, 2, 4, 16]),
    rest=st.integers(1, 16),
)
def test_a_branch_is_drawn_like_its_past(before: int, parent: int, after: int, child: int, rest: int) -> None:
    """Wherever it leaves its parent, and however densely each was recorded: never too many, and no stretch is lost."""
    left = (before - 1) * parent + rest
    moments = moments_of(range(0, before * parent, parent), range(left, left + after * child, child))
    moments = [m for k, m in enumerate(moments) if not k or m.step > moments[k - 1].step]
    found = [m.step for m in spaced(moments, 32)]
    steps = [m.step for m in moments]
    assert len(found) <= 32
    assert found[0] == 0
    assert set(found) <= set(steps)
    places = [*(steps.index(s) for s in found), len(steps)]
    assert max(np.diff(places)) <= max(1, 2 * len(steps) / 32), "no stretch is left out"


@given(
    before=st.integers(1, 100),
    parent=st.sampled_from([1, 2, 16]),
    after=st.integers(0, 200),
    child=st.sampled_from([1, 2, 16]),
    most=st.sampled_from([8, 32]),
)
def test_a_past_at_equal_distances(before: int, parent: int, after: int, child: int, most: int) -> None:
    """However densely its parts were recorded: at every multiple of one distance the last moment until then, once."""
    left = before * parent - parent // 2
    moments = moments_of(range(0, left, parent), range(left, left + after * child, child))
    steps, found = [m.step for m in moments], [m.step for m in evenly(moments, most)]
    assert found[0] == 0
    assert len(found) <= most
    gaps = np.diff(steps)
    gap = next(g for g in (int(max(gaps, default=1)) * 2**k for k in range(20)) if steps[-1] // g + 1 <= most)
    assert found == sorted({max(s for s in steps if s <= at) for at in range(0, steps[-1] + 1, gap)})


# --- series ----------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 400), min_size=1, max_size=300), st.integers(4, 20))
def test_series_is_bounded_sorted_and_aligned(jumps: list[int], rows: int) -> None:
    """After every row: first and newest kept, steps rising, every column the value of its step, never too many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history, "SERIES_ROWS", rows)
        series, step, offered = Series(), 0, []
        for jump in jumps:
            step += jump
            offered.append(step)
            series.add(step, {"loss": step / 7, "accuracy": -float(step)})
            columns = series.columns()
            found = columns["step"]
            assert list(columns) == ["step", "loss", "accuracy"]
            assert found.dtype == np.int64
            assert found[0] == offered[0]
            assert found[-1] == step == series.last_step
            assert (np.diff(found) > 0).all()
            assert set(found.tolist()) <= set(offered)
            assert np.array_equal(columns["loss"], found / 7)
            assert np.array_equal(columns["accuracy"], -found.astype(float))
            assert len(found) == len(series) <= rows


def test_series_of_many_even_steps_is_evenly_spaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thinning loses detail everywhere alike: no gap but the last is shorter or twice as long as another."""
    monkeypatch.setattr(history, "SERIES_ROWS", 32)
    series = Series()
    for step in range(3000):
        series.add(step, {"loss": 0.0})
    gaps = np.diff(series.columns()["step"])[:-1]
    assert gaps.max() <= 2 * gaps.min()
    assert len(gaps) >= 12, "no more is dropped than has to be"


def test_series_keeps_the_first_row_of_a_step() -> None:
    """A second measurement of a step is ignored, and so is one of a step that has passed."""
    series = Series()
    assert series.last_step == -1
    series.add(0, {"loss": 1.0})
    series.add(0, {"loss": 2.0})
    series.add(5, {"loss": 3.0})
    series.add(4, {"loss": 4.0})
    assert series.columns()["loss"].tolist() == [1.0, 3.0]


def test_series_columns_follow_names_not_order() -> None:
    """A row is a mapping: the order of its entries means nothing."""
    series = Series()
    series.add(0, {"loss": 1.0, "accuracy": 0.5})
    series.add(1, {"accuracy": 0.6, "loss": 0.9})
    assert series.columns()["loss"].tolist() == [1.0, 0.9]
    assert series.columns()["accuracy"].tolist() == [0.5, 0.6]


@given(st.lists(st.integers(1, 9), max_size=20), st.integers(-2, 120))
def test_the_rows_around_a_step(jumps: list[int], step: int) -> None:
    """A measure in the last row up to it and in the first from it on: brute force over all rows."""
    series, rows = Series(), dict[int, float]()
    for at in np.cumsum(jumps, dtype=int).tolist():
        rows[at] = at / 7
        series.add(at, {"loss": rows[at]})
    found = series.columns()["step"].tolist()  # the spacing may have dropped some
    least = max((s for s in found if s <= step), default=None)
    most = min((s for s in found if s >= step), default=None)
    assert series.around("loss", step) == (rows.get(least, 0.0), rows.get(most, np.inf))
    assert series.around("another", step) == (0.0, np.inf)


def test_an_empty_series_has_an_empty_step_column() -> None:
    """Nothing measured yet is no error."""
    assert Series().columns()["step"].tolist() == []
    assert len(Series.of(Series().columns())) == 0


@given(st.lists(st.integers(0, 20), max_size=40), st.integers(-1, 500), st.integers(0, 400))
def test_a_series_up_to_a_step_goes_its_own_way(jumps: list[int], step: int, later: int) -> None:
    """It has the rows up to there, and what is added to either is not in the other."""
    series = Series()
    for at in np.cumsum(jumps).tolist():
        series.add(at, {"loss": at / 7})
    kept = series.columns()
    early = series.until(step)
    for name, values in early.columns().items():
        assert np.array_equal(values, kept[name][kept["step"] <= step] if name in kept else [])
    early.add(early.last_step + 1 + later, {"loss": -1.0})
    assert {n: v.tolist() for n, v in series.columns().items()} == {n: v.tolist() for n, v in kept.items()}
    series.add(1000, {"loss": -2.0})
    assert 1000 not in early.columns()["step"]


@given(st.lists(st.tuples(st.integers(1, 20), st.floats(), st.floats()), max_size=40), st.integers(8, 60))
def test_a_series_is_made_again_from_its_columns(entries: list[tuple[int, float, float]], most: int) -> None:
    """Every row and name, numbers that are not finite too; of too many, some."""
    series, step = Series(), 0
    for jump, loss, accuracy in entries:
        step += jump
        series.add(step, {"loss": loss, "accuracy": accuracy})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history, "SERIES_ROWS", most)
        columns, found = series.columns(), Series.of(series.columns()).columns()
        assert list(found) == list(columns)
        if len(entries) <= most:
            assert all(found[n].tobytes() == columns[n].tobytes() for n in columns)
        assert len(found["step"]) <= most
        assert not entries or (found["step"][0], found["step"][-1]) == (columns["step"][0], columns["step"][-1])


# --- measures that come later ----------------------------------------------------------------------------------------


def test_a_measure_that_comes_later_is_no_number_before() -> None:
    """Nor where a row has not been measured for it; nothing else moves."""
    kept = Series()
    kept.add(0, {"a": 1.0})
    kept.add(3, {"a": 2.0, "b": 5.0})
    kept.add(4, {"b": 6.0})
    found = kept.columns()
    assert list(found) == ["step", "a", "b"]
    np.testing.assert_array_equal(found["a"], [1.0, 2.0, np.nan])
    np.testing.assert_array_equal(found["b"], [np.nan, 5.0, 6.0])
    again = Series.of(found)
    again.add(9, {"c": 7.0})
    np.testing.assert_array_equal(again.columns()["c"], [np.nan] * 3 + [7.0])
    assert kept.until(3).columns()["b"].tolist()[1:] == [5.0]


def test_a_row_is_completed_by_what_it_lacks_alone() -> None:
    """What it has stays, a row that is gone stays gone, and each addition is seen in the count."""
    kept = Series()
    kept.add(0, {"a": 1.0})
    kept.add(3, {"a": 2.0})
    before = kept.changes
    kept.complete(2, {"b": 4.0})
    assert (kept.changes, list(kept.columns())) == (before, ["step", "a"])
    kept.complete(0, {"a": 9.0, "b": 4.0})
    found = kept.columns()
    assert kept.changes == before + 1
    assert found["a"].tolist() == [1.0, 2.0]
    np.testing.assert_array_equal(found["b"], [4.0, np.nan])
    kept.complete(3, {"b": 8.0})
    assert kept.columns()["b"].tolist() == [4.0, 8.0]


@given(st.lists(st.tuples(st.sampled_from(["add", "more", "complete", "until"]), st.integers(0, 3)), max_size=40))
def test_columns_that_are_made_again_are_those_of_all_rows(changes: list[tuple[str, int]]) -> None:
    """Whatever was added, completed, named or cut between: the same as of a series that has never been asked before."""
    series, step = Series(), 0
    for kind, by in changes:
        if kind == "add":
            step += 1 + by
            series.add(step, {"a": float(step)})
        elif kind == "more":
            step += 1 + by
            series.add(step, {"a": 1.0, f"b{by}": float(step)})
        elif kind == "complete":
            series.complete(step, {"c": float(by)})
        else:
            series = series.until(step - by)
            step = max(series.last_step, 0)
        found, fresh = series.columns(), series.until(10**9).columns()
        assert found.keys() == fresh.keys()
        assert all(np.array_equal(found[name], fresh[name], equal_nan=True) for name in found)
