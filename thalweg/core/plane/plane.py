"""A plane through the parameters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from thalweg.core.plane.direction import Direction, DirectionError

PARALLEL = 0.999
"""Two directions with a cosine beyond this are one direction."""

_BLOCK = 64


@dataclass(frozen=True)
class Plane:
    """All points ``origin + alpha x + beta y``; raises DirectionError when x and y are parallel."""

    origin: Tensor
    x: Direction
    y: Direction

    def __post_init__(self) -> None:
        if abs(self.cosine) > PARALLEL:
            raise DirectionError(
                f"the two axes are parallel (cosine {self.cosine:.4f}); choose other layers, another kind or seed"
            )

    @cached_property
    def _basis(self) -> tuple[Tensor, Tensor]:
        """The directions in float64 [2, size], and the inverse of their inner products [2, 2]."""
        basis = torch.stack([self.x.vector, self.y.vector]).double()
        return basis, torch.linalg.inv(basis @ basis.T)

    @property
    def cosine(self) -> float:
        """Cosine of the angle between the axes; 0 means perpendicular."""
        x, y = self.x.vector.double(), self.y.vector.double()
        return float(x @ y / (x.norm() * y.norm()))

    def at(self, alpha: float, beta: float) -> Tensor:
        """The parameters [size] at these coordinates."""
        return self.origin + alpha * self.x.vector + beta * self.y.vector

    def through(self, point: Tensor) -> Plane:
        """The parallel plane through ``point`` [size], with coordinates that agree on every projection."""
        alpha, beta, _ = self.project(point[None])[0]
        return replace(self, origin=point - alpha * self.x.vector - beta * self.y.vector)

    def project(self, points: Tensor) -> np.ndarray:
        """Least-squares coordinates of points [n, size]: float64 [n, 3] with alpha, beta, distance off the plane."""
        basis, inverse = self._basis
        found = []
        for block in points.split(_BLOCK):  # in blocks: the points in float64 would take twice their memory
            moved = block.double() - self.origin.double()
            coordinates = moved @ basis.T @ inverse
            off = (moved - coordinates @ basis).norm(dim=1, keepdim=True)
            found.append(torch.cat([coordinates, off], dim=1))
        return torch.cat(found).cpu().numpy() if found else np.empty((0, 3))

    def share_of(self, start: Tensor, end: Tensor) -> float:
        """Share of the squared distance between two points [size] that lies in the plane.

        1 when there is no distance, NaN when it is not finite.
        """
        moved = end.double() - start.double()
        basis, inverse = self._basis
        inside = inverse @ (basis @ moved) @ basis
        whole = float(moved @ moved)
        if not whole < torch.inf:
            return float("nan")
        return min(1.0, float(inside @ inside) / whole) if whole else 1.0
