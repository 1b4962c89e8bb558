"""Thalweg's own ways to the same losses."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from thalweg.core.landscape.evaluators import evaluator_for
from thalweg.core.landscape.from_module import loss_landscape
from thalweg.core.landscape.grid import axis, landscape
from thalweg.core.parameters import layout_of
from thalweg.core.plane.direction import Direction
from thalweg.core.plane.plane import Plane
from thalweg.core.problem import Problem
from thalweg.core.training.objectives import OBJECTIVES

from .plain import Values, grid
from .subjects import Job


def evaluator(job: Job, side: int) -> Values:
    """The evaluator alone, set-up included."""
    problem, plane = _problem(job), _plane(job)
    points, losses = grid(side), np.full(side * side, np.nan)
    for part, found, _ in evaluator_for(problem, plane, problem.train).evaluate(points):
        losses[part] = found
    return Values(losses, points)


def whole(job: Job, side: int) -> Values:
    """``landscape(...)`` as the app uses it: coarse to fine, with the pictures between."""
    problem, plane, at = _problem(job), _plane(job), axis(-1, 1, side)
    last = None
    for found in landscape(problem, plane, at, at, problem.train):
        last = found or last
    assert last is not None and last.complete
    return Values(last.loss.ravel(), grid(side))


def from_python(job: Job, side: int) -> Values:
    """``loss_landscape(...)`` as a person calls it."""
    x, y = (torch.cat([t.flatten() for t in d]) for d in (job.x, job.y))
    found = loss_landscape(job.module, (job.inputs, job.labels), F.cross_entropy, x=x, y=y, points=side)
    return Values(found.loss.ravel(), grid(side))


def _problem(job: Job) -> Problem:
    layout = layout_of(job.module)
    batch = (job.inputs, job.labels)
    start = layout.flatten(dict(job.module.named_parameters()))
    return Problem(job.module, layout, OBJECTIVES["cross-entropy"], batch, batch, start)


def _plane(job: Job) -> Plane:
    origin, x, y = (torch.cat([t.detach().flatten() for t in d]) for d in (job.module.parameters(), job.x, job.y))
    return Plane(origin, Direction(x, "x", "filter norms"), Direction(y, "y", "filter norms"))
