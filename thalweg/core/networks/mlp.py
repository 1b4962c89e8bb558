"""Fully connected networks, plain or with normalisation and skip connections."""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from thalweg.core.networks.activations import ACTIVATIONS


class BatchNorm(nn.BatchNorm1d):
    """Torch's normalisation of each unit over the batch; a batch of one is normalised by the running statistics.

    One example has no spread. The last batch of an epoch may be one, and torch would refuse it.
    """

    part_of_layer_before = True

    def forward(self, input: Tensor) -> Tensor:
        """Units [n, width], normalised, scaled and shifted; the statistics of one example are not taken in."""
        if self.training and len(input) == 1:
            return F.batch_norm(input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        return super().forward(input)


class LayerNorm(nn.LayerNorm):
    """Torch's normalisation of each example over the units."""

    part_of_layer_before = True


class Skip(nn.Module):
    """x + f(x): the layers ``around`` which the input goes (He et al. 2016), which leave its shape as it is."""

    def __init__(self, around: nn.Module) -> None:
        super().__init__()
        self.around = around

    def forward(self, x: Tensor) -> Tensor:
        """The input, and what is made of it."""
        out: Tensor = x + self.around(x)
        return out


def mlp(sizes: tuple[int, ...], activation: str, *, norm: str = "none", skips: bool = False) -> nn.Sequential:
    """A network of ``len(sizes) - 1`` linear layers with the activation between them; outputs are raw scores.

    ``norm`` ("batch", "layer" or "none") comes between each hidden layer's linear map and its activation. With
    ``skips`` the input of each hidden layer of as many inputs as units is added to what comes out of its activation.
    Its weights are torch's defaults: see :mod:`thalweg.core.networks.initialisers`.
    """
    parts: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes[:-1]):
        hidden = [*_normalised(fan_in, fan_out, norm), ACTIVATIONS[activation]()]
        parts += [Skip(nn.Sequential(*hidden))] if skips and fan_in == fan_out else hidden
    return nn.Sequential(*parts, nn.Linear(sizes[-2], sizes[-1]))


def hidden_ends(network: nn.Sequential) -> tuple[int, ...]:
    """Which parts of such a network are the last of a hidden layer: its nonlinearity, or the skip around it."""
    own = (nn.Linear, BatchNorm, LayerNorm)
    return tuple(k for k, part in enumerate(network) if not isinstance(part, own))


def _normalised(fan_in: int, fan_out: int, norm: str) -> list[nn.Module]:
    """A linear map, and what normalises it; batch norm's shift takes the place of a bias, which it would take away."""
    linear = nn.Linear(fan_in, fan_out, bias=norm != "batch")
    match norm:
        case "batch":
            return [linear, BatchNorm(fan_out)]
        case "layer":
            return [linear, LayerNorm(fan_out)]
        case _:
            return [linear]
