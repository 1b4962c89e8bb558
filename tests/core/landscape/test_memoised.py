"""Modules whose flow depends on values, with a memory for what stands still."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from thalweg.core.landscape import memoised, tiled
from thalweg.core.landscape.memoised import Memoised
from thalweg.core.landscape.pointwise import Pointwise
from thalweg.core.landscape.sample import sample_of
from thalweg.core.landscape.tiled import Tiled

from ..toys import made, problem_of
from .test_evaluators import FAR, assert_right, losses, plane_in, problem_from
from .zoo import FEATURES, ZOO, Function


@pytest.mark.parametrize("name", [n for n in ZOO if n != "the input changed"])
@pytest.mark.parametrize("layers", [(1,), (), (-1,)])
def test_what_is_remembered_is_what_would_be_computed(name: str, layers: tuple[int, ...]) -> None:
    """To the last bit, for networks of every kind; those that write into what stands still included."""
    problem = problem_from(name)
    layers = tuple(n % (len(problem.layout.layers) + 1) for n in layers)
    plane, sample = plane_in(problem, layers, layers), sample_of(problem, problem.train)
    for budget in (2**20, 500):
        with mock.patch.object(tiled, "STORE_BYTES", budget):
            found = losses(Tiled(sample, Memoised(sample, plane), torch.device("cpu")), FAR)
        wanted = losses(Pointwise(sample, plane), FAR)
        # torch has a kernel of its own for attention, which it takes in the plain loop only
        np.testing.assert_allclose(found[0], wanted[0], rtol=1e-6 if name == "attention" else 0)
        np.testing.assert_array_equal(found[1], wanted[1])


def test_calls_on_what_stands_still_are_made_once() -> None:
    """And the flow is the one that each point's values ask for."""
    made_calls, ways = [], []

    def run(m: Function, x: Tensor) -> Tensor:
        h = torch.tanh(m.first(x))
        h = torch.relu(m.second(h))
        ways.append(bool(m.second.bias[0] > 0))
        return m.out(h if ways[-1] else -h)

    def make() -> Function:
        m = Function(run, first=nn.Linear(FEATURES, 4), second=nn.Linear(4, 4), out=nn.Linear(4, 3))
        nn.init.zeros_(m.second.bias)  # so that both ways are gone: FAR has points on either side
        return m

    problem = problem_of(made(make), FEATURES, 3)
    plane, sample = plane_in(problem, (2,), (2, 3)), sample_of(problem, problem.train)
    plan = Memoised(sample, plane)
    with mock.patch.object(memoised.Memory, "put", autospec=True, side_effect=memoised.Memory.put) as put:
        evaluator = Tiled(sample, plan, torch.device("cpu"))
        assert_right(problem, plane, evaluator)
        made_calls += [c.args[1][0].__name__ for c in put.call_args_list]
    assert sorted(made_calls) == ["linear", "tanh"]
    assert len(set(ways)) == 2
