"""The optimiser's path on a plane, kept up to date as the trajectory grows."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from thalweg.core.history import Trajectory
from thalweg.core.messages import Path, PlaneLaid
from thalweg.core.plane.direction import Direction
from thalweg.core.plane.plane import Plane


class Projection:
    """Projects each snapshot of a trajectory once, as long as the plane stays."""

    def __init__(self) -> None:
        self._plane: tuple[int, Plane] | None = None
        self._known = np.empty((0, 3))
        self._stride = 1

    def use(self, number: int, plane: Plane) -> None:
        """Project on this plane from now on."""
        self._plane, self._known = (number, plane), np.empty((0, 3))

    def path(self, trajectory: Trajectory, step: int, current: Tensor) -> Path | None:
        """The path through the snapshots to the current point [size] at ``step``; None without a plane."""
        if self._plane is None:
            return None
        number, plane = self._plane
        if trajectory.stride != self._stride:
            self._known = self._known[:: trajectory.stride // self._stride]
            self._stride = trajectory.stride
        steps, rows = trajectory.steps, trajectory.rows
        self._known = np.concatenate([self._known, plane.project(rows[len(self._known) :])])
        found = self._known
        if steps[-1] != step:
            steps, found = np.append(steps, step), np.concatenate([found, plane.project(current[None])])
        return Path(number, steps, found[:, 0], found[:, 1], plane.share_of(rows[0], current))


def path_on(number: int, plane: Plane, steps: np.ndarray, rows: Tensor) -> Path:
    """The path through the parameters ``rows`` [n, size] of these steps, on the plane of this number."""
    found = plane.project(rows)
    return Path(number, steps, found[:, 0], found[:, 1], plane.share_of(rows[0], rows[-1]))


def plane_of(laid: PlaneLaid, like: Tensor) -> Plane:
    """The plane of a message, on the device of ``like``."""
    origin, x, y = (torch.from_numpy(a).to(like.device) for a in (laid.origin, laid.x, laid.y))
    return Plane(origin, Direction(x, laid.labels[0], laid.units[0]), Direction(y, laid.labels[1], laid.units[1]))
