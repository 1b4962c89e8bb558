"""The optimiser's path on a plane, kept up to date as the trajectory grows."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from thalweg.core.messages import Path, PlaneLaid
from thalweg.core.plane.direction import Direction
from thalweg.core.plane.plane import Plane

FORGET = 4096
"""So many projected steps are kept; then those that are not drawn any more are forgotten."""


class Past(Protocol):
    """Recorded snapshots of a run, the first first."""

    @property
    def steps(self) -> np.ndarray:
        """Their steps, int64 [n]."""

    def rows(self, chosen: slice = slice(None)) -> Tensor:
        """Their parameters, [n, size]."""


class Projection:
    """Projects each snapshot of a line once, as long as the plane stays."""

    def __init__(self) -> None:
        self._plane: tuple[int, Plane] | None = None
        self._known: dict[int, np.ndarray] = {}

    def use(self, number: int, plane: Plane) -> None:
        """Project on this plane from now on."""
        self._plane, self._known = (number, plane), {}

    def use_none(self) -> None:
        """Draw no path."""
        self._plane, self._known = None, {}

    @property
    def plane(self) -> tuple[int, Plane] | None:
        """Number and plane in use."""
        return self._plane

    def use_that_of(self, other: Projection, until: int) -> None:
        """Project on the plane of another, whose snapshots are the same up to the step ``until``."""
        self._plane, self._known = other._plane, {s: at for s, at in other._known.items() if s <= until}

    def cut(self, step: int) -> None:
        """Forget what is known of later steps: they are to be others."""
        self._known = {s: at for s, at in self._known.items() if s <= step}

    def path(self, past: Past, step: int, current: Tensor) -> Path | None:
        """The path through the snapshots to the current point [size] at ``step``; None without a plane."""
        if self._plane is None:
            return None
        number, plane = self._plane
        steps = past.steps
        self._learn(plane, past, steps)
        found = np.array([self._known[s] for s in steps.tolist()]).reshape(-1, 3)
        if not len(steps) or steps[-1] != step:
            steps, found = np.append(steps, step), np.concatenate([found, plane.project(current[None])])
        first = past.rows(slice(0, 1))[0] if len(past.steps) else current
        return Path(number, steps, found[:, 0], found[:, 1], plane.share_of(first, current))

    def _learn(self, plane: Plane, past: Past, steps: np.ndarray) -> None:
        """Project what is new, in stretches of what stands side by side."""
        if len(self._known) > FORGET:
            drawn = set(steps.tolist())
            self._known = {s: p for s, p in self._known.items() if s in drawn}
        new = np.array([s not in self._known for s in steps.tolist()])
        edges = np.flatnonzero(np.diff(np.r_[False, new, False].astype(np.int8)))
        for first, end in zip(edges[::2], edges[1::2], strict=True):
            part = slice(int(first), int(end))
            self._known |= dict(zip(steps[part].tolist(), plane.project(past.rows(part)), strict=True))


def plane_of(laid: PlaneLaid, like: Tensor) -> Plane:
    """The plane of a message, on the device of ``like``."""
    origin, x, y = (torch.from_numpy(a).to(like.device) for a in (laid.origin, laid.x, laid.y))
    return Plane(origin, Direction(x, laid.labels[0], laid.units[0]), Direction(y, laid.labels[1], laid.units[1]))
