"""How much of the gradient comes back to each time step of a recurrent network."""

from __future__ import annotations

from collections.abc import Generator

import torch
from torch import Tensor

from thalweg.core.curvature.steps import finish
from thalweg.core.networks.lstm import RowLSTM
from thalweg.core.problem import Batch, Problem
from thalweg.core.scene.depth import ACTIVATION_EXAMPLES

BLOCK = 128
"""Examples that pass through the network together, between two parts of the work."""


def time_steps(problem: Problem, vector: Tensor, measured: int) -> dict[str, float]:
    """As :func:`time_steps_steps`, in one go."""
    return finish(time_steps_steps(problem, vector, measured))


def time_steps_steps(problem: Problem, vector: Tensor, measured: int) -> Generator[None, None, dict[str, float]]:
    """``state_t`` and ``cell_t`` of each row t that an LSTM reads, the first is 1; nothing for other networks.

    ``state_t`` is the root of the mean over examples of |dC/dh_t|², where C is an example's loss and h_t the hidden
    state after row t: through all that follows, the rows themselves standing still. ``cell_t`` is the same of the
    cell's state c_t, whose own hidden state moves with it. Both in loss per unit of the state, over the first
    ``measured`` examples, :data:`ACTIVATION_EXAMPLES` at most.

    From row to row dC/dc_t is dC/dc_{t+1} times the forget gate, and what comes back through the gates is added
    (Hochreiter & Schmidhuber 1997; Gers et al. 2000). A generator that yields after each :data:`BLOCK` of examples.
    """
    if not isinstance(problem.module, RowLSTM):
        return {}
    inputs, labels = problem.first(min(measured, ACTIVATION_EXAMPLES))
    squares = vector.new_zeros(1, dtype=torch.float64)
    for batch in zip(inputs.split(BLOCK), labels.split(BLOCK), strict=True):
        squares = squares + _squares(problem, vector, batch)
        yield
    sizes = (squares / len(labels)).sqrt().tolist()
    count = len(sizes) // 2
    names = [f"{name}_{t}" for name in ("state", "cell") for t in range(1, count + 1)]
    return dict(zip(names, sizes, strict=True))


def _squares(problem: Problem, vector: Tensor, batch: Batch) -> Tensor:
    """The sum over a batch of |dC/dh_t|² for every row t, then of |dC/dc_t|²; float64 [2 rows]."""
    inputs, labels = batch
    with torch.enable_grad():
        scores, states, cells = row_by_row(problem, vector, inputs)
        total = problem.objective.mean(scores, labels) * len(labels)  # of a sum each example has its own derivative
        gradients = torch.autograd.grad(total, [*states, *cells])
    return torch.stack([g.double().square().sum() for g in gradients])


def row_by_row(problem: Problem, vector: Tensor, inputs: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """The scores [n, classes] of an LSTM over rows, and its states h_t and c_t [n, units] after each row.

    The equations of :class:`torch.nn.LSTM`, one row after the other: there every state is a tensor that a gradient can
    be taken in, c_t with the way through its own h_t. The parameters ``vector`` [size] stand still.
    """
    assert isinstance(problem.module, RowLSTM)
    p = problem.layout.views(vector.detach())
    given = problem.module.rows(inputs) @ p["lstm.weight_ih_l0"].T + (p["lstm.bias_ih_l0"] + p["lstm.bias_hh_l0"])
    h = given.new_zeros(len(inputs), problem.module.lstm.hidden_size, requires_grad=True)
    c = torch.zeros_like(h)
    states, cells = [], []
    for row in given.unbind(1):
        entry, forget, candidate, output = (row + h @ p["lstm.weight_hh_l0"].T).chunk(4, dim=1)
        c = forget.sigmoid() * c + entry.sigmoid() * candidate.tanh()
        h = output.sigmoid() * c.tanh()
        states.append(h)
        cells.append(c)
    return h @ p["linear.weight"].T + p["linear.bias"], states, cells
