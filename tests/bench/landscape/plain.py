"""The plain ways: one forward for each point, and torch.func.vmap over points. Torch and numpy alone."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call, vmap

from .subjects import Job


@dataclass(frozen=True)
class Values:
    """Losses [n] at points [n, 2]; a point is NaN where a package has left the plane for one of its own."""

    losses: np.ndarray
    points: np.ndarray


def grid(side: int) -> np.ndarray:
    """The points [side², 2] of a grid from -1 to 1, x fastest."""
    x, y = np.meshgrid(np.linspace(-1, 1, side), np.linspace(-1, 1, side))
    return np.stack([x.ravel(), y.ravel()], axis=1)


@torch.no_grad()
def plain_loop(job: Job, side: int) -> Values:
    """What is called 1x: set the parameters, one forward of all examples, the mean loss."""
    own = list(job.module.parameters())
    start, losses = [p.clone() for p in own], []
    points = grid(side)
    for a, b in points.tolist():
        for p, at, u, v in zip(own, start, job.x, job.y, strict=True):
            p.copy_(at).add_(u, alpha=a).add_(v, alpha=b)
        losses.append(F.cross_entropy(job.module(job.inputs), job.labels).item())
    for p, at in zip(own, start, strict=True):
        p.copy_(at)
    return Values(np.array(losses), points)


@torch.no_grad()
def vmapped(job: Job, side: int) -> Values:
    """A few points at a time with functional_call under torch.func.vmap."""
    named = {n: p.detach() for n, p in job.module.named_parameters()}
    directions = dict(zip(named, zip(job.x, job.y, strict=True), strict=True))

    def loss_at(where: Tensor) -> Tensor:
        at = {n: p + where[0] * directions[n][0] + where[1] * directions[n][1] for n, p in named.items()}
        return F.cross_entropy(functional_call(job.module, at, (job.inputs,)), job.labels)

    points = grid(side)
    losses = [vmap(loss_at)(part) for part in torch.from_numpy(points).float().split(job.chunk)]
    return Values(torch.cat(losses).numpy(), points)


class Exact:
    """The losses [n] at points [n, 2] in float64, by a copy of the module; remembers the points it was asked for."""

    def __init__(self, job: Job) -> None:
        self._job, self._known = job, dict[tuple[float, float], float]()
        self._module = copy.deepcopy(job.module).double()

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """As a plain loop over double-precision forwards."""
        return np.array([self._loss(a, b) for a, b in points.tolist()])

    @torch.no_grad()
    def _loss(self, a: float, b: float) -> float:
        if (a, b) not in self._known:
            job = self._job
            for p, at, u, v in zip(self._module.parameters(), job.module.parameters(), job.x, job.y, strict=True):
                p.copy_(at.double() + a * u.double() + b * v.double())
            self._known[a, b] = F.cross_entropy(self._module(job.inputs.double()), job.labels).item()
        return self._known[a, b]
