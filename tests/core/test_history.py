"""The memory of a run is bounded, and what it keeps is what happened."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from thalweg.core import history
from thalweg.core.history import Series, Trajectory


def parameters_at(step: int, size: int = 3) -> torch.Tensor:
    """A vector that names its step."""
    return torch.arange(size) * 1000.0 + step


@pytest.mark.parametrize("rows", [4, 5, 6, 9, 16])
def test_trajectory_keeps_multiples_of_its_stride(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """After every step: the steps are 0, stride, 2 stride, ... up to now, the rows theirs, and never too many."""
    monkeypatch.setattr(history, "TRAJECTORY_ROWS", rows)
    kept = Trajectory(3)
    for step in range(200):
        kept.offer(step, parameters_at(step))
        assert kept.steps.dtype == np.int64
        assert kept.steps.tolist() == list(range(0, step + 1, kept.stride))
        assert torch.equal(kept.rows, torch.stack([parameters_at(s) for s in kept.steps.tolist()]))
        assert len(kept.rows) <= rows
        assert kept.stride & (kept.stride - 1) == 0, "the stride doubles, so it is a power of two"
        assert len(kept.rows) * kept.stride > step - kept.stride
    assert kept.stride <= 2 * 200 / (rows - rows % 2), "no more is dropped than has to be"


def test_trajectory_of_the_same_steps_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offering a step twice, or a step that is not due, changes nothing."""
    monkeypatch.setattr(history, "TRAJECTORY_ROWS", 6)
    once, often = Trajectory(3), Trajectory(3)
    for step in range(50):
        once.offer(step, parameters_at(step))
        for _ in range(3):
            often.offer(step, parameters_at(step))
        often.offer(step - 1, torch.full((3,), torch.nan))
        often.offer(step + 100, torch.full((3,), torch.nan))
    assert once.stride == often.stride
    assert torch.equal(once.rows, often.rows)


def test_trajectory_keeps_copies() -> None:
    """Parameters that are changed in place later do not change what was recorded."""
    kept, vector = Trajectory(3), torch.zeros(3)
    kept.offer(0, vector)
    vector += 1
    kept.offer(1, vector.requires_grad_())
    assert kept.rows.tolist() == [[0, 0, 0], [1, 1, 1]]
    assert not kept.rows.requires_grad


@given(st.integers(1, 10**7))
def test_trajectory_memory_is_bounded(size: int) -> None:
    """Whatever the network's size: at most 128 MiB (or four rows) and 512 snapshots, an even number of rows."""
    with torch.device("meta"):
        rows = Trajectory(size, "meta")._rows
    assert len(rows) <= 512
    assert len(rows) % 2 == 0
    assert len(rows) >= 4
    assert rows.numel() * 4 <= 128 * 2**20 or len(rows) == 4


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
            assert len(found) <= rows


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


def test_an_empty_series_has_an_empty_step_column() -> None:
    """Nothing measured yet is no error."""
    assert Series().columns()["step"].tolist() == []
