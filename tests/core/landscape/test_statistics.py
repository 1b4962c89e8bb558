"""BatchNorm's statistics estimated anew at each point."""

from __future__ import annotations

import copy
from unittest import mock

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import vector_to_parameters

from thalweg.core.landscape import evaluators
from thalweg.core.landscape.evaluators import evaluator_for
from thalweg.core.landscape.grid import landscape

from ..toys import plain_loss
from .test_evaluators import losses, plane_in, problem_from, state_of

POINTS = np.array([(0.0, 0.0), (1.0, -0.5), (-3.0, 2.0)])


@pytest.mark.parametrize("name", ["batch norm", "residual", "max pooling, normed"])
@pytest.mark.parametrize("block", [5, 128])
def test_they_are_those_of_the_whole_batch(name: str, block: int) -> None:
    """A float64 copy with BatchNorm alone in training mode, on all examples at once, however they are cut."""
    problem = problem_from(name, examples=19)
    plane = plane_in(problem, (), ())
    before = state_of(problem)
    with mock.patch.object(evaluators, "CONVOLVED", block):
        found, accuracy = losses(evaluator_for(problem, plane, problem.train, "re-estimated"), POINTS)
    assert state_of(problem) == before
    module = copy.deepcopy(problem.module).double().eval()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.train()
    for k, (a, b) in enumerate(POINTS):
        vector_to_parameters(plane.at(a, b).double(), module.parameters())
        with torch.no_grad():
            scores = module(problem.train[0].double())
        wanted = plain_loss("cross-entropy", scores, problem.train[1]).item()
        assert found[k] == pytest.approx(wanted, rel=1e-5)
        assert accuracy[k] == pytest.approx((scores.argmax(1) == problem.train[1]).double().mean().item(), abs=0.06)


def test_the_landscape_takes_the_option() -> None:
    """Stored statistics unless asked; a network without BatchNorm has one landscape only."""
    x = np.linspace(-1, 1, 3)
    for name, differs in (("batch norm", True), ("dense tanh", False)):
        problem = problem_from(name)
        plane = plane_in(problem, (), ())
        *_, stored = landscape(problem, plane, x, x, problem.train)
        *_, anew = landscape(problem, plane, x, x, problem.train, statistics="re-estimated")
        assert stored and anew
        assert np.allclose(stored.loss, anew.loss) != differs
