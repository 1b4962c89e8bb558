"""Fully connected networks."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

ACTIVATIONS: dict[str, type[nn.Module]] = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}


def mlp(sizes: tuple[int, ...], activation: str) -> nn.Sequential:
    """A network of ``len(sizes) - 1`` linear layers with the activation between them; outputs are raw scores.

    Its weights are torch's defaults: see :mod:`thalweg.core.networks.initialisers`.
    """
    parts: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        parts += [nn.Linear(fan_in, fan_out), ACTIVATIONS[activation]()]
    return nn.Sequential(*parts[:-1])
