"""The pieces of the landscape benchmark: operations, checks, the choice of grids, tables. No time is asserted."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from .landscape import peers
from .landscape.checking import WrongLossError, check, spots
from .landscape.flop import Call, calls_of, needed
from .landscape.limit import POINTS, limit, remaining
from .landscape.measuring import EVALUATOR, LOOP, METHODS, PYTHON, Cell, Result, Row, Sample, _summary, measure
from .landscape.packages import PACKAGES
from .landscape.plain import Exact, Values, grid, plain_loop
from .landscape.report import data, limit_table, line, tables
from .landscape.subjects import SUBJECTS, Job, job, owners
from .landscape.timing import peak, side_within


@pytest.mark.parametrize("name", ["mlp", "cnn", "residual", "other"])
def test_products_are_those_that_torch_counts(name: str) -> None:
    """All of one forward: torch's own counter sees every product that is called."""
    subject = job(name, "all layers", 6)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        subject.module(subject.inputs)
    assert sum(c.inputs + c.state for c in calls_of(subject.module, subject.inputs)) == counter.get_total_flops()


def test_products_of_an_lstm_are_those_of_its_cell_at_each_row() -> None:
    """The fused LSTM is no product to torch's counter; the same cell, called row by row, is two for each row."""
    cell, state = nn.LSTMCell(28, 32), (torch.zeros(6, 32), torch.zeros(6, 32))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        for row in torch.rand(28, 6, 28):
            state = cell(row, state)
    found = job("lstm", "all layers", 6)
    lstm, fc = calls_of(found.module, found.inputs)
    assert lstm.inputs + lstm.state == counter.get_total_flops()
    assert lstm.inputs * 32 == lstm.state * 28
    assert fc.inputs == 2 * 6 * 32 * 10


def test_a_layer_that_is_not_known_is_refused() -> None:
    """Rather than counted as nothing."""
    with pytest.raises(TypeError, match="Bilinear"):
        calls_of(nn.Sequential(nn.Flatten(), _Twice(nn.Bilinear(4, 4, 2))), torch.rand(3, 4))


class _Twice(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.inner(x, x)
        return out


def test_needed_operations_of_three_layers_by_hand() -> None:
    """Before the first that moves: once; it: three times and a combination at each point; after it: at each point."""
    calls = [Call("a", 100, 0, 7), Call("b", 60, 0, 5), Call("c", 30, 0, 3)]
    assert needed(calls, ["a", "b", "c"], 9) == 3 * 100 + 9 * 4 * 7 + 9 * (60 + 30)
    assert needed(calls, ["b"], 9) == 100 + 3 * 60 + 9 * 4 * 5 + 9 * 30
    assert needed(calls, ["c"], 9) == 100 + 60 + 3 * 30 + 9 * 4 * 3
    assert needed([Call("r", 100, 50, 7)], ["r"], 9) == 3 * 100 + 9 * (4 * 7 + 50)


def test_the_later_the_first_layer_that_moves_the_less_is_needed() -> None:
    """On a grid of many points."""
    subject = job("mlp", "all layers", 20)
    calls = calls_of(subject.module, subject.inputs)
    counts = [needed(calls, [c.owner], 441) for c in calls]
    assert all(a > b for a, b in pairwise(counts))


@pytest.mark.parametrize("name", list(SUBJECTS))
@pytest.mark.parametrize("plane", ["all layers", "last layer"])
def test_every_method_of_this_project_passes_the_check(name: str, plane: str) -> None:
    """On every network; the module is found as it was left."""
    subject = job(name, plane, 12)
    before = [p.clone() for p in subject.module.parameters()]
    for method in (METHODS[m][0] for m in METHODS if m != "vmap"):
        assert check(method(subject, 3), Exact(subject)) == 5
    assert all(torch.equal(p, b) for p, b in zip(subject.module.parameters(), before, strict=True))


@pytest.mark.parametrize("factor", [1 + 3e-4, 1 - 3e-4, float("nan"), float("inf")])
@pytest.mark.parametrize("which", [0, 4, 8])
def test_a_wrong_loss_is_refused(factor: float, which: int) -> None:
    """One of the compared points is enough."""
    subject = job("mlp", "all layers", 12)
    values = plain_loop(subject, 3)
    values.losses[which] *= factor
    with pytest.raises(WrongLossError, match="instead of"):
        check(values, Exact(subject))


def test_another_plane_is_refused() -> None:
    """The losses of one plane are not those of another."""
    values = plain_loop(job("mlp", "layer 2", 12), 3)
    with pytest.raises(WrongLossError):
        check(values, Exact(job("mlp", "layers 2-4", 12)))


def test_points_that_a_package_chose_itself_are_not_compared() -> None:
    """All unknown: none; only the middle known: that one."""
    subject = job("mlp", "all layers", 12)
    values = Values(plain_loop(subject, 3).losses, np.full((9, 2), np.nan))
    assert check(values, Exact(subject)) == 0
    values.points[4] = 0
    assert check(values, Exact(subject)) == 1
    values.losses[4] += 1
    with pytest.raises(WrongLossError):
        check(values, Exact(subject))


@given(st.integers(1, 10_000))
def test_spots_are_points_with_both_ends(count: int) -> None:
    """Each once, in order."""
    found = spots(count)
    assert found[0] == 0 and found[-1] == count - 1
    assert (np.diff(found) > 0).all()


@given(
    st.floats(0.01, 10),
    st.integers(1, 50).map(lambda k: 2 * k + 1),
    st.floats(0, 1),
    st.floats(1e-5, 1),
)
def test_the_grid_is_the_largest_that_the_time_allows(budget: float, side: int, once: float, point: float) -> None:
    """For a method that takes some time once and some for each point."""
    found = side_within(budget, side, lambda s: once + point * s * s)
    assert found % 2 == 1 and 3 <= found <= side
    assert found == 3 or once + point * found**2 <= budget * (1 + 1e-6)


def test_jobs_are_the_same_each_time_and_move_what_they_say() -> None:
    """Filters of the module's norm in the layers of the plane, nothing elsewhere."""
    one, again = job("cnn", "last layer", 5), job("cnn", "last layer", 5)
    assert torch.equal(one.inputs, again.inputs) and torch.equal(one.x[-2], again.x[-2])
    assert one.owners == (owners(one.module)[-1],)
    assert [bool(t.any()) for t in one.x] == [False] * 4 + [True, False]
    weight = list(one.module.parameters())[-2].detach()
    assert torch.allclose(one.x[-2].norm(dim=1), weight.norm(dim=1))
    assert not torch.equal(one.x[-2], one.y[-2])


def test_ratios_are_taken_within_a_round() -> None:
    """A machine that is three times slower in one round slows both sides of it."""
    own = [Sample(1.0, 2.0, 100, 5), Sample(3.0, 6.0, 100, 5), Sample(1.0, 2.0, 100, 4)]
    loop = [Sample(1.0, 1.0, 10, 5), Sample(3.0, 3.0, 10, 5), Sample(1.0, 1.0, 10, 5)]
    found = _summary("fast", 9, own, loop)
    assert (found.cpu_ratio, found.wall_ratio, found.checked) == (pytest.approx(10), pytest.approx(5), 4)


def test_a_row_is_measured_and_drawn() -> None:
    """What cannot be done is named below the table, what was scaled is marked, the target stands beside it."""
    row = measure(Cell("lstm", "last layer", 10, 5), 1, 1.0, None)
    assert {r.method for r in row.results} == set(METHODS)
    refused = row.result("vmap")
    assert refused is not None and "aten::lstm" in refused.error and not refused.wrong
    ours = row.result(PYTHON)
    assert ours is not None and ours.checked == 5 and ours.cpu_ratio > 0
    text = tables([row])
    assert "not possible: RuntimeError" in text and "| 30 |" in text
    assert "target 30" in line(row)
    (found,) = data([row])
    assert found["target"] == 30 and [r["cpu_ratio"] for r in found["results"] if r["error"]] == [None]


def test_marks_in_the_table() -> None:
    """A smaller grid has a star; a wrong loss has no figure."""
    cell = Cell("mlp", "all layers", 1000, 21)
    good = Result(LOOP, 11, 5, 1.0, 1.0, 2.0, 3.0)
    ours = replace(good, method=EVALUATOR, side=21, cpu_ratio=12.34, wall_ratio=11.1, cpu_ms=0.5)
    row = Row(cell, (good, ours, Result("other", error="WrongLossError: 1 instead of 2", wrong=True)), 44_100_000, 1e9)
    text = tables([row])
    assert "| 2\\* |" in text and "| 12.3 (11.1) |" in text and "| wrong |" in text
    assert "other: wrong loss: WrongLossError: 1 instead of 2 (all layers)" in text
    assert row.share == pytest.approx(44_100_000 / (0.5e-3 * 441) / 1e9)


def test_a_package_answers_with_times_or_with_what_it_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the pipe there are lines of JSON only; a loss that differs is an error too."""

    def raising(wanted: object, side: int) -> Values:
        raise KeyError("running_mean")

    def off(wanted: Job, side: int) -> Values:
        return replace(plain_loop(wanted, side), losses=np.ones(side * side))

    monkeypatch.setitem(peers.METHODS, "raising", raising)
    monkeypatch.setitem(peers.METHODS, "off", off)
    request = {"subject": "mlp", "plane": "last layer", "examples": 10, "side": 3}
    good = json.loads(json.dumps(peers.answer({"method": "loop", **request})))
    assert Sample(**good).points == 9 and Sample(**good).checked == 5
    assert peers.answer({"method": "raising", **request}) == {"error": "KeyError: 'running_mean'"}
    assert peers.answer({"method": "off", **request})["error"].startswith("WrongLossError: 1 instead of")
    assert {p.title for p in PACKAGES} < set(peers.METHODS)


@pytest.mark.parametrize("plane", POINTS)
def test_the_remaining_calls_are_those_of_the_plane(plane: str) -> None:
    """Their products are what the network needs at each point beyond the first layer that moves."""
    calls = remaining(plane, 40)
    with FlopCounterMode(display=False) as counter:
        for name in ("products", "last product"):
            calls.get(name, lambda: None)()
    layers = calls_of(job("mlp", plane, 40).module, torch.rand(40, 784))
    first = {"all layers": 0, "layers 2-4": 1, "last layer": 3}[plane]
    assert counter.get_total_flops() == POINTS[plane] * sum(c.inputs for c in layers[first + 1 :])
    found = limit(plane, 40, 1)
    assert found.ratio > 0 and set(found.calls) == set(calls)
    assert f"| {plane} |" in limit_table([found])


def test_the_grid_runs_along_x_first() -> None:
    """As the losses of a landscape do, row by row."""
    assert grid(3)[:4].tolist() == [[-1, -1], [0, -1], [1, -1], [-1, 0]]


def test_the_peak_is_a_speed() -> None:
    """Operations per second: more than a million on any machine that runs this."""
    assert peak(1) > 1e6


def test_high_water_sees_what_was_given_back() -> None:
    """In a fresh process: 200 MB that are used and freed stay on the mark."""
    code = (
        "from landscape.memory import high_water; before = high_water(); block = bytearray(b'1') * 200_000_000;"
        "del block; print(high_water() - before)"
    )
    folder = Path(__file__).parent
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert 120_000_000 < int(done.stdout) < 260_000_000
