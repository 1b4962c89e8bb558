"""One single weight as a direction."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core.plane.direction import Direction, DirectionError
from thalweg.core.problem import Problem


def single_weight(problem: Problem, origin: Tensor, layer: int, source: int, target: int) -> Direction:
    """The weight of a layer (numbered from 1) from input ``source`` to unit ``target`` (both from 0)."""
    vector = torch.zeros_like(origin)
    weights = problem.layout.views(vector)[problem.layout.layers[layer - 1].parameters[0]]
    if target >= weights.shape[0] or source >= weights.shape[1]:
        raise DirectionError(
            f"layer {layer} has no weight from {source} to {target}; it has inputs 0 to {weights.shape[1] - 1} "
            f"and units 0 to {weights.shape[0] - 1}"
        )
    weights[target, source] = 1
    if weights.numel() == 1:  # a parameter that is a layer of its own
        return Direction(vector, problem.layout.layers[layer - 1].name, "weight")
    words = f"pixel ({source // 28}, {source % 28})" if layer == 1 and weights.shape[1] == 784 else f"unit {source}"
    return Direction(vector, f"weight from {words} to unit {target} of layer {layer}", "weight")
