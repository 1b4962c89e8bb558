"""The scene of the two remedies on a network: what it says of gradients and of plateaus is so, for other starts too."""

from __future__ import annotations

import math

import pytest

from thalweg.assets import shipped_scene
from thalweg.core import data as datasets
from thalweg.core.measures.gradient_norms import gradient_norms
from thalweg.core.problem import Problem, build
from thalweg.core.scene import RunSpec
from thalweg.core.training.session import Session

GUESSING = math.log(10)
"""The loss of ten equal probabilities, nats."""


def problem_of(run: RunSpec) -> Problem:
    """The network and data of a run."""
    return build(run, datasets.load(run.data))


def trained(run: RunSpec, steps: int) -> float:
    """The loss on all training examples after so many steps of a run."""
    session = Session(run, problem_of(run))
    for _ in range(steps):
        session.step()
    problem = session.problem
    return float(problem.loss(problem.layout.views(session.snapshot()), problem.train))


def runs(seed: int = 0) -> list[RunSpec]:
    """Plain descent, the same with a larger rate, with a rate for each layer, and Gauss-Newton."""
    return [RunSpec.model_validate(run.model_dump() | {"seed": seed}) for run in shipped_scene("remedies").runs()]


def test_the_runs_differ_in_their_method_alone() -> None:
    """The same initial weights, and the same batches."""
    plain, *others = runs()
    for other in others:
        same = {"name": "", "optimiser": None}
        assert other.model_dump() | same == plain.model_dump() | same
        assert other.optimiser.batch_size == plain.optimiser.batch_size


def test_the_rates_are_inverse_to_the_gradients_of_the_layers_at_the_start() -> None:
    """Within the two digits that the scene gives."""
    by_layer = runs()[2]
    problem = problem_of(by_layer)
    found = gradient_norms(problem, problem.start, by_layer.data.measured_count)
    norms = [norm for name, norm in found.items() if name.startswith("gradient_")]
    assert by_layer.optimiser.layer_rates == pytest.approx([norms[-1] / norm for norm in norms], rel=0.02)


@pytest.mark.parametrize("seed", [0, 1])
def test_both_remedies_leave_the_plateau_on_which_plain_descent_stays(seed: int) -> None:
    """After half the steps plain descent does no better than guessing; the remedies do, and beat a larger rate.

    With the network of another start the rates are no longer the inverse of its gradients, and still do it.
    """
    steps = shipped_scene("remedies").run.steps // 2
    plain, larger, by_layer, gauss_newton = (trained(run, steps) for run in runs(seed))
    assert plain == pytest.approx(GUESSING, rel=0.02)
    assert max(by_layer, gauss_newton) < 0.75 * GUESSING
    assert max(by_layer, gauss_newton) < larger < plain
