"""Loss at points of a plane, one forward pass for each: right for every module."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from thalweg.core.measures.curves import loss_and_accuracy
from thalweg.core.plane.plane import Plane
from thalweg.core.problem import Batch, Problem


class Pointwise:
    """The plain evaluator: sets the parameters, runs the network, takes the mean in float64."""

    def __init__(self, problem: Problem, plane: Plane, batch: Batch) -> None:
        self._problem = replace(problem, module=copy.deepcopy(problem.module).eval())
        self._plane, self._batch = plane, batch

    @torch.no_grad()
    def evaluate(self, points: np.ndarray) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Loss and accuracy at the coordinates ``points`` [n, 2], point by point."""
        for k, (alpha, beta) in enumerate(points.tolist()):
            loss, accuracy = loss_and_accuracy(self._problem, self._plane.at(alpha, beta), self._batch)
            yield slice(k, k + 1), np.array([loss]), np.array([accuracy])
