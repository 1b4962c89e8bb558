"""The values of a surface C(x, y) at points of its plane: all at once, in float64."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from thalweg.core.landscape.tiled import Part
from thalweg.core.networks.surface import Surface, value
from thalweg.core.plane.plane import Plane


class OnSurface:
    """The surface itself: the pushes of its gradient have the mean 0."""

    def __init__(self, surface: Surface, plane: Plane) -> None:
        self._formula = surface.formula
        self._origin = plane.origin.double().cpu()
        self._axes = torch.stack([plane.x.vector, plane.y.vector]).double().cpu()

    @torch.no_grad()
    def evaluate(self, points: np.ndarray) -> Iterator[Part]:
        """The values at the coordinates ``points`` [n, 2]; no accuracy."""
        at = self._origin + torch.from_numpy(points).double() @ self._axes
        values = value(self._formula, at[:, 0], at[:, 1]).numpy()
        yield slice(0, len(points)), values, np.full(len(points), np.nan)
