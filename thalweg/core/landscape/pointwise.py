"""Loss at points of a plane, one forward pass for each: right for every module."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from thalweg.core.landscape.sample import Sample
from thalweg.core.landscape.tiled import Part
from thalweg.core.plane.plane import Plane


class Pointwise:
    """The plain evaluator: sets the parameters, runs the network, takes the mean in float64."""

    def __init__(self, sample: Sample, plane: Plane) -> None:
        self._sample, self._plane = sample, plane

    @torch.inference_mode(False)
    @torch.no_grad()
    def evaluate(self, points: np.ndarray) -> Iterator[Part]:
        """Loss and accuracy at the coordinates ``points`` [n, 2], point by point."""
        for k, (alpha, beta) in enumerate(points.tolist()):
            loss, accuracy = self._sample.at(self._plane.at(alpha, beta))
            yield slice(k, k + 1), np.array([loss]), np.array([accuracy])
