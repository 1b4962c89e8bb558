"""Whether training stands at a minimum: the gradient, both ends of the Hessian's spectrum, and the way to elsewhere."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from thalweg.core.curvature.hvp import hessian_operator
from thalweg.core.curvature.lanczos import Estimate, lanczos
from thalweg.core.measures.curves import loss_and_accuracy
from thalweg.core.problem import Batch, Problem

TOLERANCE = 0.01
"""Part of an eigenvalue's size to which it is found: its sign is what counts."""

POINTS = 21
"""Points of a straight way on which the loss is found, both ends included."""


@dataclass(frozen=True)
class Verdict:
    """What is known of a point: the loss there, its gradient's norm, and the Hessian's extreme eigenvalues.

    An eigenvalue is at most ``error`` away from each of the two. ``size`` parameters, ``products`` with the Hessian.
    """

    loss: float
    gradient: float
    largest: float
    smallest: float
    error: float
    examples: int
    size: int
    products: int

    @property
    def curves_down(self) -> bool:
        """Whether some direction certainly has negative curvature, so that the point is no minimum."""
        return self.smallest < -self.error

    @property
    def gain(self) -> float:
        """What one step along the gradient gains at least, by the largest curvature: |g|²/2λ (Nesterov 2004, 1.2.3)."""
        return self.gradient**2 / (2 * self.largest) if self.largest > 0 else float("inf")


def verdict_steps(problem: Problem, vector: Tensor, batch: Batch, seed: int = 0) -> Generator[Estimate, None, Verdict]:
    """The verdict on ``vector`` [parameters] for the batch's mean loss; a generator that yields after each product.

    Raises CurvatureError where something is not finite.
    """
    operator = hessian_operator(problem, vector, batch)
    generator, ends = torch.Generator().manual_seed(seed), min(1, operator.size - 1)
    found = yield from lanczos(operator, operator.size, 1, ends, generator, tolerance=TOLERANCE, device=operator.device)
    pairs = [found.largest, found.smallest if ends else found.largest]
    return Verdict(
        loss=operator.loss,
        gradient=float(operator.gradient.norm()),
        largest=float(pairs[0].values[0]),
        smallest=float(pairs[1].values[0]),
        error=max(float(p.residuals[0]) for p in pairs),
        examples=len(batch[1]),
        size=operator.size,
        products=found.products,
    )


def way(problem: Problem, start: Tensor, end: Tensor, batch: Batch) -> np.ndarray:
    """The batch's mean loss on the straight way between two points [parameters]; float64 [POINTS].

    Goodfellow et al. 2015: whether anything stands between where training is and where it might have been.
    """
    shares = np.linspace(0, 1, POINTS)
    return np.array([loss_and_accuracy(problem, torch.lerp(start, end, float(s)), batch)[0] for s in shares])
