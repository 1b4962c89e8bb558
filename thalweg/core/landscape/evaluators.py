"""Which way of computing the loss at points of a plane suits a network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from thalweg.core.landscape.dense_chain import DenseChain, chain_of
from thalweg.core.landscape.pointwise import Pointwise
from thalweg.core.plane.plane import Plane
from thalweg.core.problem import Batch, Problem

Part = tuple[slice, np.ndarray, np.ndarray]
"""Which of the points, their mean losses (float64), their accuracies (float64, 0 to 1)."""


class Evaluator(Protocol):
    """Computes loss and accuracy at points of one plane, for one batch."""

    def evaluate(self, points: np.ndarray) -> Iterator[Part]:
        """Loss and accuracy at the coordinates ``points`` [n, 2], a few points at a time."""


def evaluator_for(problem: Problem, plane: Plane, batch: Batch) -> Evaluator:
    """The fast evaluator for a chain of dense layers, otherwise one that serves every module."""
    chain = chain_of(problem.module)
    return DenseChain(problem, chain, plane, batch) if chain else Pointwise(problem, plane, batch)
