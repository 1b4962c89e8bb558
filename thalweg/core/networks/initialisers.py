"""Initial weights, drawn from an explicit generator."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from thalweg.core.networks.lsuv import scale_to_unit_variance
from thalweg.core.scene.network import NetworkSpec

Width = Callable[[int, int], float]
Draw = Callable[[Tensor, int, int], Tensor]
"""Weights like a tensor, of a layer with this fan-in and fan-out."""

_NORMAL: dict[str, tuple[Width, float]] = {
    # name: (standard deviation of a weight from fan-in and fan-out, of a bias)
    "fan-in": (lambda i, o: 1 / math.sqrt(i), 1.0),  # Nielsen 2015, chapter 3
    "normal": (lambda i, o: 1.0, 1.0),
    "lecun": (lambda i, o: 1 / math.sqrt(i), 0.0),  # LeCun et al. 1998, section 4.6
    "xavier": (lambda i, o: math.sqrt(2 / (i + o)), 0.0),  # Glorot & Bengio 2010, eq. 12
    "he": (lambda i, o: math.sqrt(2 / i), 0.0),  # He et al. 2015, eq. 10
}

_UNIFORM: dict[str, Width] = {
    # name: largest size of a weight; biases are 0
    "torch-uniform": lambda i, o: 1 / math.sqrt(i),  # Glorot & Bengio 2010, eq. 1: the standard of their time
    "xavier-uniform": lambda i, o: math.sqrt(6 / (i + o)),  # the same, eq. 16
    "he-uniform": lambda i, o: math.sqrt(6 / i),  # the variance of He et al. 2015, eq. 10
}


def initialise_as(spec: NetworkSpec, module: nn.Module, generator: Generator, inputs: Tensor) -> None:
    """Give the module of this spec its initial weights, in place.

    ``inputs`` [n, features] are training examples, which only LSUV looks at: the first of them.
    """
    initialise(module, spec.initialisation, generator, constant=spec.constant)
    if spec.initialisation == "lsuv":
        scale_to_unit_variance(module, inputs)
    if spec.gain != 1:
        scale_weights(module, spec.gain)


@torch.no_grad()
def initialise(module: nn.Module, name: str, generator: Generator, constant: float = 0.0) -> None:
    """Draw the weights and biases of every layer in place, layer by layer; ``constant`` is that of constant weights.

    The fan-in of a filter is channels x rows x columns, its fan-out filters x rows x columns (He et al. 2015). Each
    gate of an LSTM is a layer of its own from the inputs, and one from the states before. Normalisations begin with
    scale 1 and shift 0. LSUV begins with orthogonal weights.
    """
    draw, bias_deviation = _drawing(name, generator, constant)

    def weights(parameter: Tensor, fan_in: int, fan_out: int, gates: int = 1) -> None:
        whole = name in _NORMAL or gates == 1  # normal weights need no cutting, and keep their order
        for part in (parameter,) if whole else parameter.chunk(gates):
            part.copy_(draw(part, fan_in, fan_out))

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
                weights(own["weight_ih_l0"], part.input_size, part.hidden_size, gates=4)
                weights(own["weight_hh_l0"], part.hidden_size, part.hidden_size, gates=4)
                biases(own["bias_ih_l0"])
                own["bias_hh_l0"].zero_()  # torch adds two biases: drawn both, their sum would not be as named
            case _BatchNorm() | nn.LayerNorm():
                part.reset_parameters()


@torch.no_grad()
def scale_weights(module: nn.Module, gain: float) -> None:
    """Multiply the weights of every layer, not its biases and not what belongs to normalisations, in place."""
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Conv2d | nn.LSTM):
            for name, parameter in part.named_parameters(recurse=False):
                if name.startswith("weight"):
                    parameter.mul_(gain)


def _drawing(name: str, generator: Generator, constant: float) -> tuple[Draw, float]:
    """How weights are drawn, and the standard deviation of a bias."""
    if name in _NORMAL:
        deviation, of_bias = _NORMAL[name]
        return lambda like, i, o: _normal(like, deviation(i, o), generator), of_bias
    if name in _UNIFORM:
        largest = _UNIFORM[name]
        return lambda like, i, o: (2 * torch.rand(like.shape, generator=generator) - 1) * largest(i, o), 0.0
    match name:
        case "orthogonal" | "lsuv":  # Saxe et al. 2014; Mishkin & Matas 2016
            return lambda like, i, o: _orthogonal(like, generator), 0.0
        case "identity":  # Le et al. 2015
            return lambda like, i, o: _identity(like), 0.0
        case "constant":
            return lambda like, i, o: torch.full_like(like, constant), 0.0
    known = ", ".join((*_NORMAL, *_UNIFORM, "orthogonal", "lsuv", "identity", "constant"))
    raise ValueError(f"initialisation: {name} is not accepted; expected one of {known}")


def _orthogonal(like: Tensor, generator: Generator) -> Tensor:
    """Rows or columns of norm 1 at right angles; in double precision, where the order of sums makes no difference."""
    return nn.init.orthogonal_(torch.empty(like.shape, dtype=torch.float64), generator=generator)


def _identity(like: Tensor) -> Tensor:
    """Ones where a unit meets the input of its number, zeros elsewhere; in a filter, at its middle."""
    empty = torch.empty(like.shape)
    return nn.init.eye_(empty) if like.dim() == 2 else nn.init.dirac_(empty)


def _normal(like: Tensor, deviation: float, generator: Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator) * deviation
