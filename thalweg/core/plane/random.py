"""Random directions, scaled filter by filter (Li et al. 2018)."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core.plane.direction import Direction, DirectionError, layers_in_words
from thalweg.core.problem import Problem


def random_direction(problem: Problem, origin: Tensor, layers: tuple[int, ...], seed: int) -> Direction:
    """A Gaussian direction whose every filter has the norm of the network's filter (Li et al. 2018, section 4).

    A filter is the row of weights into one unit. Biases and other vectors do not move, as in the reference.
    """
    generator = torch.Generator().manual_seed(seed)
    parts = []
    for value in problem.layout.views(origin).values():
        drawn = torch.randn(value.shape, generator=generator).to(origin)
        parts.append(_scaled(drawn, value).reshape(-1))
    vector = torch.cat(parts) * problem.layout.mask(layers).to(origin)
    words = layers_in_words(layers, len(problem.layout.layers))
    if not vector.isfinite().all():
        raise DirectionError(f"the weights of {words} are not finite here")
    if not vector.any():
        raise DirectionError(f"the weights of {words} are all zero, so a filter-normalised direction is zero too")
    return Direction(vector, f"random direction of {words} (filter-normalised, seed {seed})", "filter norms")


def _scaled(drawn: Tensor, like: Tensor) -> Tensor:
    if like.dim() < 2:
        return torch.zeros_like(like)
    rows, model = drawn.flatten(1), like.flatten(1)
    scaled: Tensor = rows * (model.norm(dim=1, keepdim=True) / rows.norm(dim=1, keepdim=True))
    return scaled.view_as(like)
