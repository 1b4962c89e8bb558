"""Tiles of points, blocks of examples, and a budget for what is kept."""

from __future__ import annotations

import contextlib
from unittest import mock

import numpy as np
import pytest

from thalweg.core.landscape import dense_chain, evaluators, tiled
from thalweg.core.landscape.evaluators import evaluator_for
from thalweg.core.landscape.tiled import Tiled

from .test_evaluators import FAR, assert_right, losses, plane_in, problem_from


@pytest.mark.parametrize("name", ["dense tanh", "max pooling", "LSTM", "residual", "layer norm"])
@pytest.mark.parametrize("budget", [0, 6000, 2**20])
def test_what_does_not_fit_is_computed_again(name: str, budget: int) -> None:
    """What is kept never passes the budget, and the values are the same to the last bit."""
    problem = problem_from(name, examples=40)
    plane = plane_in(problem, (1,), (1, 2))
    sizes = ((dense_chain, "EXAMPLES"), (evaluators, "CONVOLVED"), (evaluators, "RECURRED"))
    with contextlib.ExitStack() as stack:
        for owner, name_of_size in sizes:
            stack.enter_context(mock.patch.object(owner, name_of_size, 7))
        whole = losses(evaluator_for(problem, plane, problem.train), FAR)
        with mock.patch.object(tiled, "STORE_BYTES", budget):
            evaluator = evaluator_for(problem, plane, problem.train)
            assert isinstance(evaluator, Tiled)
            prepared = sum(evaluator.plan.prepare(k).nbytes for k in range(6))
            found = losses(evaluator, FAR)
            assert evaluator.kept_bytes <= budget
            assert evaluator.kept_bytes == prepared or prepared > budget
            assert_right(problem, plane, evaluator)
    np.testing.assert_array_equal(found[0], whole[0])
    np.testing.assert_array_equal(found[1], whole[1])


def test_one_can_leave_between_blocks() -> None:
    """Where a tile takes longer than the time between two looks, there are empty parts."""
    problem = problem_from("max pooling", examples=40)
    with mock.patch.object(tiled, "LOOK", 0.0), mock.patch.object(evaluators, "CONVOLVED", 7):
        parts = list(evaluator_for(problem, plane_in(problem, (), ()), problem.train).evaluate(FAR))
    assert sum(len(p[1]) == 0 for p in parts) >= 6 * len(FAR)
    assert sum(len(p[1]) for p in parts) == len(FAR)
