"""Initial weights, drawn from an explicit generator."""

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
    """Draw the weights and biases of every layer in place, normally distributed, layer by layer.

    The fan-in of a filter is channels x rows x columns, its fan-out filters x rows x columns (He et al. 2015). Each
    gate of an LSTM is a layer of its own from the inputs, and one from the states before. Normalisations begin with
    scale 1 and shift 0.
    """
    weight_deviation, bias_deviation = _WEIGHTS[name]

    def weights(parameter: Tensor, fan_in: int, fan_out: int) -> None:
        parameter.copy_(_normal(parameter, weight_deviation(fan_in, fan_out), generator))

    def biases(parameter: Tensor | None) -> None:
        if parameter is not None:
            parameter.copy_(_normal(parameter, bias_deviation, generator))

    for part in module.modules():
        match part:
            case nn.Linear():
                weights(part.weight, part.in_features, part.out_features)
                biases(part.bias)
            case nn.Conv2d():
                places = part.kernel_size[0] * part.kernel_size[1]
                weights(part.weight, part.in_channels * places, part.out_channels * places)
                biases(part.bias)
            case nn.LSTM():
                own = dict(part.named_parameters())
                weights(own["weight_ih_l0"], part.input_size, part.hidden_size)
                weights(own["weight_hh_l0"], part.hidden_size, part.hidden_size)
                biases(own["bias_ih_l0"])
                own["bias_hh_l0"].zero_()  # torch adds two biases: drawn both, their sum would not be as named
            case nn.BatchNorm2d():
                part.reset_parameters()


def _normal(like: Tensor, deviation: float, generator: Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator) * deviation
