"""The nonlinearities after hidden layers, by their names in the spec."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Sine(nn.Module):
    """sin(x) of each element (Sitzmann et al. 2020, with a frequency of 1)."""

    def forward(self, x: Tensor) -> Tensor:
        """The sine of each element."""
        return torch.sin(x)


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky-relu": lambda: nn.LeakyReLU(0.01),  # Maas et al. 2013
    "elu": nn.ELU,  # Clevert et al. 2016
    "gelu": nn.GELU,  # Hendrycks & Gimpel 2016, with the exact error function
    "silu": nn.SiLU,  # Elfwing et al. 2018
    "softplus": nn.Softplus,  # Dugas et al. 2001
    "hard-tanh": nn.Hardtanh,  # Collobert 2004: x, cut at -1 and 1
    "sine": Sine,
}
"""What makes the module of each."""
