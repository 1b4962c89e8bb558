"""The negative gradient of chosen layers."""

from __future__ import annotations

from torch import Tensor

from thalweg.core.parameters import Layout
from thalweg.core.plane.direction import Direction, DirectionError, layers_in_words
from thalweg.core.problem import Problem


def negative_gradient(
    problem: Problem, origin: Tensor, layers: tuple[int, ...], examples: int, vectors: bool = True
) -> Direction:
    """The unit vector along which these layers descend most steeply at ``origin``, all other layers fixed.

    The gradient is that of the mean loss over the first ``examples`` training examples. ``vectors``: with biases and
    other parameters that are no weight matrix or filter. Raises DirectionError where it is zero or not finite.
    """
    return descent(problem.gradient(origin, problem.first(examples)), layers, problem.layout, vectors)


def descent(gradient: Tensor, layers: tuple[int, ...], layout: Layout, vectors: bool = True) -> Direction:
    """The direction of steepest descent in these layers, from the gradient [size]; see negative_gradient."""
    words = layers_in_words(layers, len(layout.layers), vectors)
    if not layout.moving(layers, vectors):
        raise DirectionError(f"there is no weight matrix or filter in {words.removeprefix('the weights of ')}")
    chosen = gradient.double() * layout.mask(layers, vectors).to(gradient.device)
    norm = chosen.norm()
    if not norm > 0 or not norm.isfinite():
        raise DirectionError(f"the gradient of {words} has norm {norm.item():g} here, so it gives no direction")
    return Direction((-chosen / norm).to(gradient), f"negative gradient of {words}", "distance")
