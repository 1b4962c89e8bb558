"""The gradient in each time step of an LSTM, against torch's own LSTM and finite differences in float64."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

from thalweg.core.measures.time_steps import BLOCK, row_by_row, time_steps, time_steps_steps
from thalweg.core.networks.lstm import RowLSTM
from thalweg.core.problem import Problem
from thalweg.core.scene.depth import ACTIVATION_EXAMPLES, BY_TIME, COSTLY
from thalweg.core.scene.layers import time_steps as rows_of
from thalweg.core.training.run import COSTLY as MADE

from .toys import NETWORKS, made, plain_loss, problem_of, tiny_run, training

ROWS, COLUMNS, UNITS, CLASSES = 5, 3, 4, 3


def small(loss: str = "cross-entropy", examples: int = 6) -> Problem:
    """An LSTM of four units that reads five rows of three numbers."""
    module = made(lambda: RowLSTM(UNITS, (ROWS, COLUMNS), CLASSES))
    return problem_of(module, ROWS * COLUMNS, CLASSES, loss, examples)


def exact(problem: Problem) -> RowLSTM:
    """A float64 copy of its module."""
    module = copy.deepcopy(problem.module).double()
    assert isinstance(module, RowLSTM)
    return module


def onwards(module: RowLSTM, rows: Tensor, h: Tensor, c: Tensor) -> Tensor:
    """The scores that torch's own LSTM comes to from these states, with the rows that are left; [1, classes]."""
    if len(rows):
        _, (h, c) = module.lstm(rows[None], (h[None], c[None]))
        h = h[0]
    return module.linear(h)


def states_of(module: RowLSTM, rows: Tensor) -> tuple[Tensor, Tensor]:
    """The states h and c [1, units] after these rows, as torch's own LSTM has them."""
    _, (h, c) = module.lstm(rows[None])
    return h[0], c[0]


@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
def test_it_is_what_a_push_of_the_state_makes_of_the_loss(loss: str) -> None:
    """Central differences: h after row t is pushed, and torch's LSTM goes on from there; c takes its own h along."""
    problem = small(loss)
    module, push = exact(problem), 1e-6
    output = module.lstm.weight_ih_l0[3 * UNITS :], module.lstm.weight_hh_l0[3 * UNITS :]
    bias = (module.lstm.bias_ih_l0 + module.lstm.bias_hh_l0)[3 * UNITS :]
    squares = {name: torch.zeros(ROWS, dtype=torch.float64) for name in ("state", "cell")}
    images, labels = problem.train
    with torch.no_grad():
        for image, label in zip(images.double(), labels, strict=True):
            rows = image.view(ROWS, COLUMNS)
            for t in range(ROWS):
                before = states_of(module, rows[:t])[0] if t else torch.zeros(1, UNITS, dtype=torch.float64)
                h, c = states_of(module, rows[: t + 1])
                gate = torch.sigmoid(rows[t] @ output[0].T + before @ output[1].T + bias)
                for unit in range(UNITS):
                    ends = {"state": [], "cell": []}
                    for sign in (1, -1):
                        moved = torch.zeros(1, UNITS, dtype=torch.float64)
                        moved[0, unit] = sign * push
                        pairs = {"state": (h + moved, c), "cell": (gate * torch.tanh(c + moved), c + moved)}
                        for name, pair in pairs.items():
                            ends[name].append(plain_loss(loss, onwards(module, rows[t + 1 :], *pair), label[None]))
                    for name, (up, down) in ends.items():
                        squares[name][t] += ((up - down) / (2 * push)) ** 2
    found = time_steps(problem, problem.start, len(labels))
    assert list(found) == [f"{name}_{t}" for name in BY_TIME for t in range(1, ROWS + 1)]
    for name in BY_TIME:
        wanted = (squares[name] / len(labels)).sqrt()
        assert [found[f"{name}_{t}"] for t in range(1, ROWS + 1)] == pytest.approx(wanted.tolist(), rel=1e-4)


def test_row_by_row_gives_the_networks_own_scores() -> None:
    """And its states are those of torch's LSTM, of a network of 28 rows."""
    run = training(tiny_run(network=NETWORKS["lstm"]))
    module, images = run.problem.module, run.problem.train[0][:20]
    scores, states, cells = row_by_row(run.problem, run.problem.start, images)
    with torch.no_grad():
        assert torch.allclose(scores, module(images), atol=1e-6)
        every, (_, last) = module.lstm(module.rows(images))
    assert torch.allclose(torch.stack(states, dim=1), every, atol=1e-6)
    assert torch.allclose(cells[-1], last[0], atol=1e-6)
    assert len(states) == len(cells) == rows_of(run.spec.network) == 28


def test_the_last_state_has_the_gradient_of_the_linear_layer_alone() -> None:
    """The softmax's error times the weights: nothing else follows the last row."""
    problem = small()
    module = exact(problem)
    with torch.no_grad():
        scores = module(problem.train[0].double())
    error = torch.softmax(scores, dim=1) - torch.nn.functional.one_hot(problem.train[1], CLASSES)
    wanted = (error @ module.linear.weight).square().sum(dim=1).mean().sqrt().item()
    assert time_steps(problem, problem.start, 6)[f"state_{ROWS}"] == pytest.approx(wanted, rel=1e-5)


def test_a_cell_that_only_remembers_passes_all_of_its_gradient_on() -> None:
    """With forget gates that are open and no way back from h the gradient of the cell is the same at every row.

    With half-open gates it halves from row to row (Gers et al. 2000).
    """
    problem = small()
    for bias, share in ((30.0, 1.0), (0.0, 0.5)):
        vector = problem.start.clone()
        p = problem.layout.views(vector)
        p["lstm.weight_hh_l0"].zero_()
        p["lstm.weight_ih_l0"][UNITS : 2 * UNITS].zero_()
        p["lstm.bias_hh_l0"].zero_()
        p["lstm.bias_ih_l0"][UNITS : 2 * UNITS] = bias
        found = time_steps(problem, vector, 6)
        cells = [found[f"cell_{t}"] for t in range(1, ROWS + 1)]
        assert cells == pytest.approx([cells[-1] * share ** (ROWS - t) for t in range(1, ROWS + 1)], rel=1e-4)


def test_examples_in_blocks_are_as_examples_at_once() -> None:
    """One part of the work for each block, up to the most that are looked at; then there is no number twice."""
    problem = small(examples=2 * BLOCK + 9)
    parts = sum(1 for _ in time_steps_steps(problem, problem.start, 2 * BLOCK + 9))
    assert parts == -(-min(ACTIVATION_EXAMPLES, 2 * BLOCK + 9) // BLOCK)
    whole = time_steps(problem, problem.start, BLOCK + 10)
    halves = (range(BLOCK), range(BLOCK, BLOCK + 10))
    squares = dict.fromkeys(whole, 0.0)
    for half in halves:
        batch = tuple(part[half.start : half.stop] for part in problem.train)
        own = Problem(problem.module, problem.layout, problem.objective, batch, problem.test, problem.start)
        for name, value in time_steps(own, problem.start, len(half)).items():
            squares[name] += len(half) * value**2
    assert whole == pytest.approx({name: (s / (BLOCK + 10)) ** 0.5 for name, s in squares.items()}, rel=1e-5)


@pytest.mark.parametrize("name", ["mlp", "residual"])
def test_other_networks_have_no_time_steps(name: str) -> None:
    """Nothing is measured of them."""
    run = training(tiny_run(network=NETWORKS[name]))
    assert time_steps(run.problem, run.problem.start, 20) == {}
    assert rows_of(run.spec.network) == 0


def test_it_is_measured_while_it_is_looked_at() -> None:
    """Of the step at which it began; the row has a number for every time step then."""
    assert set(BY_TIME) < set(COSTLY) == set(MADE) - {"chain-rule"}
    run = training(tiny_run(network=NETWORKS["lstm"]))
    assert not any(n.startswith("state_") for n in run.line.series.names)
    for _ in run.measuring(("state",)):
        pass
    assert {f"state_{t}" for t in range(1, 29)} < set(run.line.series.names)
