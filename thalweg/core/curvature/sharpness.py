"""Sharpness, the largest eigenvalue of the loss's Hessian, and the learning rates that it allows."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor

from thalweg.core.curvature.hvp import hessian_operator
from thalweg.core.curvature.lanczos import TOLERANCE, Estimate, lanczos
from thalweg.core.curvature.steps import finish
from thalweg.core.problem import Batch, Problem


@dataclass(frozen=True)
class Sharpness:
    """The largest eigenvalue of a Hessian, in units of the loss per squared distance, and its unit vector.

    ``vector`` is float64 [parameters], zero in layers that were held; ``residual`` bounds the distance from ``value``
    to the nearest eigenvalue; ``converged`` is False when the products ran out.
    """

    value: float
    residual: float
    vector: Tensor
    products: int
    converged: bool

    def stable_learning_rate(self, momentum: float = 0.0) -> float:
        """The learning rate above which full-batch gradient descent diverges here; see the function of this name."""
        return stable_learning_rate(self.value, momentum)


def stable_learning_rate(sharpness: float, momentum: float = 0.0) -> float:
    """The learning rate above which full-batch gradient descent diverges on a quadratic bowl of this sharpness.

    2 / sharpness (LeCun et al. 1998, "Efficient BackProp"; Cohen et al. 2021); with heavy-ball momentum, as in torch's
    SGD, (2 + 2 momentum) / sharpness (Cohen et al. 2021). Infinite where nothing curves upwards.
    A network is not a bowl: there the sharpness itself gives way, and hovers at this limit (Cohen et al. 2021).
    """
    return (2 + 2 * momentum) / sharpness if sharpness > 0 else math.inf


def sharpness_steps(
    problem: Problem,
    vector: Tensor,
    batch: Batch,
    layers: tuple[int, ...] = (),
    *,
    seed: int = 0,
    tolerance: float = TOLERANCE,
) -> Generator[Estimate, None, Sharpness]:
    """The sharpness of the batch's mean loss at ``vector`` [parameters]; a generator that yields after each product.

    Of the whole network, or of the Hessian's block of these layers (from 1; none means all).
    Raises CurvatureError where something is not finite.
    """
    operator = hessian_operator(problem, vector, batch, layers)
    generator = torch.Generator().manual_seed(seed)
    found = yield from lanczos(operator, operator.size, 1, 0, generator, tolerance=tolerance, device=operator.device)
    pair = found.largest
    return Sharpness(
        value=float(pair.values[0]),
        residual=float(pair.residuals[0]),
        vector=operator.embed(pair.vectors[0]),
        products=found.products,
        converged=found.converged,
    )


def sharpness(
    problem: Problem,
    vector: Tensor,
    batch: Batch,
    layers: tuple[int, ...] = (),
    *,
    seed: int = 0,
    tolerance: float = TOLERANCE,
) -> Sharpness:
    """As :func:`sharpness_steps`, in one go."""
    return finish(sharpness_steps(problem, vector, batch, layers, seed=seed, tolerance=tolerance))
