"""How noisy the gradient of each layer is from batch to batch."""

from __future__ import annotations

from collections.abc import Generator

import torch
from torch import Tensor

from thalweg.core.curvature.steps import finish
from thalweg.core.problem import Problem
from thalweg.core.scene.depth import NOISE_BATCH, NOISE_BATCHES


def noise_steps(
    problem: Problem, vector: Tensor, measured: int, batch: int = NOISE_BATCH, most: int = NOISE_BATCHES
) -> Generator[None, None, dict[str, float]]:
    """``noise_i``: the simple gradient noise scale of each layer, in examples (McCandlish et al. 2018, equation 2.9).

    That is tr(S) / |G|², where G is the gradient of the loss in the layer and S the covariance of the gradients of
    single examples: in a batch of so many examples, noise and gradient are of one size. It is estimated from the
    gradients of ``most`` batches (or as many as there are) of ``batch`` of the first ``measured`` examples each,
    without bias in tr(S) and in |G|². Infinite where no gradient can be told from the noise; not a number for fewer
    than two batches. A generator that yields after each batch.
    """
    size = min(batch, measured // 2)
    count = min(most, measured // size) if size else 0
    layers = problem.layout.layers
    if count < 2:
        return {f"noise_{i}": float("nan") for i in range(1, len(layers) + 1)}
    inputs, labels = problem.first(count * size)
    rows: list[Tensor] = []
    for part in zip(inputs.split(size), labels.split(size), strict=True):
        rows.append(problem.gradient(vector, part, trained=True))
        yield
    gradients = torch.stack(rows)
    found: dict[str, float] = {}
    for i, layer in enumerate(layers, start=1):
        own = gradients[:, layer.span].double()
        mean = own.mean(dim=0)
        spread = (own - mean).square().sum().item() / (count - 1)  # of batches: tr(S) / size
        squared = mean.square().sum().item() - spread / count  # |mean|² holds a part of the noise
        nothing = spread == 0 and squared == 0
        found[f"noise_{i}"] = size * spread / squared if squared > 0 else float("nan" if nothing else "inf")
    return found


def noise(
    problem: Problem, vector: Tensor, measured: int, batch: int = NOISE_BATCH, most: int = NOISE_BATCHES
) -> dict[str, float]:
    """As :func:`noise_steps`, in one go."""
    return finish(noise_steps(problem, vector, measured, batch, most))
