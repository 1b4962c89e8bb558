"""The negative gradient of chosen layers."""

from __future__ import annotations

from torch import Tensor

from thalweg.core.plane.direction import Direction, DirectionError, layers_in_words
from thalweg.core.problem import Problem


def negative_gradient(problem: Problem, origin: Tensor, layers: tuple[int, ...], examples: int) -> Direction:
    """The unit vector along which these layers descend most steeply at ``origin``, all other layers fixed.

    The gradient is that of the mean loss over the first ``examples`` training examples. Raises DirectionError where
    it is zero or not finite.
    """
    words = layers_in_words(layers, len(problem.layout.layers))
    gradient = problem.gradient(origin, problem.first(examples)) * problem.layout.mask(layers).to(origin)
    norm = gradient.double().norm()
    if not norm > 0 or not norm.isfinite():
        raise DirectionError(f"the gradient of {words} has norm {norm.item():g} here, so it gives no direction")
    return Direction((-gradient.double() / norm).to(origin), f"negative gradient of {words}", "distance")
