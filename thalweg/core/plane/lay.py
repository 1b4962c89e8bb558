"""From the spec of a plane to the plane."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from thalweg.core.plane.direction import Direction, DirectionError
from thalweg.core.plane.gradient import negative_gradient
from thalweg.core.plane.plane import Plane
from thalweg.core.plane.random import random_direction
from thalweg.core.plane.weight import single_weight
from thalweg.core.problem import Problem
from thalweg.core.scene import AxisSpec, PlaneSpec


def lay(problem: Problem, origin: Tensor, spec: PlaneSpec) -> Plane:
    """The plane of this spec at ``origin`` [size]; raises DirectionError with a sentence when there is none."""
    x = _direction(problem, origin, spec.x, spec.examples)
    y = _direction(problem, origin, spec.y, spec.examples)
    if spec.x.kind == spec.y.kind == "random":
        y = perpendicular(y, x, problem.layout.mask(spec.y.layers).to(origin))
    return Plane(origin.clone(), x, y)


def _direction(problem: Problem, origin: Tensor, axis: AxisSpec, examples: int) -> Direction:
    match axis.kind:
        case "gradient":
            return negative_gradient(problem, origin, axis.layers, examples)
        case "random":
            return random_direction(problem, origin, axis.layers, axis.seed)
        case "weight":
            return single_weight(problem, origin, axis.layers[0], axis.source, axis.target)


def perpendicular(y: Direction, x: Direction, mask: Tensor) -> Direction:
    """``y`` made perpendicular to ``x``, as a random second axis is to be (Li et al. 2018).

    What is taken away is a multiple of ``x`` within the layers of ``y``, so that no other layer begins to move.
    """
    u, v = x.vector.double(), y.vector.double()
    inside = u * mask.double()
    shared = inside @ inside
    rest = v - (u @ v) / shared * inside if shared > 0 else v
    if rest.norm() < 1e-3 * v.norm():
        cosine = float(u @ v / (u.norm() * v.norm()))
        raise DirectionError(f"the two axes are parallel (cosine {cosine:.4f}); choose another seed for one of them")
    return replace(y, vector=rest.to(y.vector))
