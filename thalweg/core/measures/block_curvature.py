"""How much the loss curves at most along each layer."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from itertools import islice

from torch import Tensor

from thalweg.core.curvature.error import CurvatureError
from thalweg.core.curvature.sharpness import sharpness_steps
from thalweg.core.curvature.steps import finish
from thalweg.core.problem import Problem
from thalweg.core.scene.depth import CURVATURE_EXAMPLES

TOLERANCE = 0.05
"""How far the eigenvalue may be off, as a share of it: less than a colour shows."""

PRODUCTS = 10
"""Products with each layer's block at most: what is found then is below the eigenvalue, by a few per cent."""


def block_curvature_steps(
    problem: Problem, vector: Tensor, measured: int, tolerance: float = TOLERANCE, most: int = PRODUCTS
) -> Generator[None, None, dict[str, float]]:
    """``curvature_i``: the largest eigenvalue of layer i's block of the Hessian, in loss per squared distance.

    The loss is the mean over the first ``measured`` examples, :data:`CURVATURE_EXAMPLES` at most; all other layers
    stand still. It is approached from below until it is known to ``tolerance``, or with ``most`` products. Not a number
    where loss or gradient are not finite. A generator that yields after each product.
    """
    batch = problem.first(min(measured, CURVATURE_EXAMPLES))
    found: dict[str, float] = {}
    for i in range(1, len(problem.layout.layers) + 1):
        found[f"curvature_{i}"] = float("nan")
        with suppress(CurvatureError):
            for estimate in islice(sharpness_steps(problem, vector, batch, (i,), tolerance=tolerance), most):
                found[f"curvature_{i}"] = float(estimate.values[0])
                yield
    return found


def block_curvature(
    problem: Problem, vector: Tensor, measured: int, tolerance: float = TOLERANCE, most: int = PRODUCTS
) -> dict[str, float]:
    """As :func:`block_curvature_steps`, in one go."""
    return finish(block_curvature_steps(problem, vector, measured, tolerance, most))
