"""Initial weights of linear layers, drawn from an explicit generator."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor, nn

Deviation = Callable[[int, int], float]

_WEIGHTS: dict[str, tuple[Deviation, float]] = {
    # name: (standard deviation of a weight from fan-in and fan-out, of a bias)
    "fan-in": (lambda i, o: 1 / math.sqrt(i), 1.0),  # Nielsen 2015, chapter 3
    "normal": (lambda i, o: 1.0, 1.0),
    "lecun": (lambda i, o: 1 / math.sqrt(i), 0.0),  # LeCun et al. 1998, section 4.6
    "xavier": (lambda i, o: math.sqrt(2 / (i + o)), 0.0),  # Glorot & Bengio 2010, eq. 12
    "he": (lambda i, o: math.sqrt(2 / i), 0.0),  # He et al. 2015, eq. 10
}


@torch.no_grad()
def initialise(module: nn.Module, name: str, generator: Generator) -> None:
    """Draw the weights and biases of every linear layer in place, normally distributed, layer by layer."""
    weight_deviation, bias_deviation = _WEIGHTS[name]
    for part in module.modules():
        if isinstance(part, nn.Linear):
            part.weight.copy_(_normal(part.weight, weight_deviation(part.in_features, part.out_features), generator))
            part.bias.copy_(_normal(part.bias, bias_deviation, generator))


def _normal(like: Tensor, deviation: float, generator: Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator) * deviation
