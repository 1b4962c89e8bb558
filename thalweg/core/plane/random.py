"""Random directions, scaled filter by filter or layer by layer (Li et al. 2018)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from thalweg.core.plane.direction import Direction, DirectionError, layers_in_words
from thalweg.core.problem import Problem

Normalisation = Literal["filter", "layer", "none"]
"""What is given the norm that the network has there: every filter, every parameter tensor, or nothing."""

UNITS: dict[Normalisation, str] = {
    "filter": "filter norms",
    "layer": "layer norms",
    "none": "standard deviations",
}

_NAMES: dict[Normalisation, str] = {
    "filter": "filter-normalised",
    "layer": "layer-normalised",
    "none": "not normalised",
}


def random_direction(
    problem: Problem,
    origin: Tensor,
    layers: tuple[int, ...],
    seed: int,
    normalisation: Normalisation = "filter",
    vectors: bool = False,
) -> Direction:
    """A Gaussian direction, scaled to the network at ``origin`` (Li et al. 2018, section 4).

    "filter": every filter has the norm of the network's filter; a filter is the row of weights into one unit. "layer":
    every weight matrix has the norm of the network's. "none": independent standard normal entries.

    Biases and other vectors do not move, as in the reference, unless ``vectors``: then each has, as one filter, the
    norm of the network's. Raises DirectionError where the parameters are not finite, or all zero.
    """
    generator = torch.Generator().manual_seed(seed)
    parts = []
    for value in problem.layout.views(origin).values():
        drawn = torch.randn(value.shape, generator=generator).to(origin)
        parts.append(_scaled(drawn, value, normalisation).reshape(-1))
    words = layers_in_words(layers, len(problem.layout.layers))
    if not problem.layout.moving(layers, vectors):
        raise DirectionError(f"{words} has no weight matrix or filter, and its other parameters rest along this axis")
    vector = torch.cat(parts) * problem.layout.mask(layers, vectors).to(origin)
    if not vector.isfinite().all():
        raise DirectionError(f"the parameters of {words} are not finite here")
    if not vector.any():
        name = _NAMES[normalisation]
        raise DirectionError(f"the weights of {words} are all zero, so a {name} direction is zero too")
    told = f"{_NAMES[normalisation]}, {'biases too, ' if vectors else ''}seed {seed}"
    return Direction(vector, f"random direction of {words} ({told})", UNITS[normalisation])


def _scaled(drawn: Tensor, like: Tensor, normalisation: Normalisation) -> Tensor:
    if normalisation == "none":
        return drawn
    whole = like.dim() < 2 or normalisation == "layer"
    rows, model = (t.reshape(1, -1) if whole else t.flatten(1) for t in (drawn, like))
    scaled: Tensor = rows * (model.norm(dim=1, keepdim=True) / rows.norm(dim=1, keepdim=True))
    return scaled.view_as(like)
