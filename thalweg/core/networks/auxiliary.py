"""Networks whose hidden layers have outputs of their own while training."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from thalweg.core.networks.mlp import hidden_ends


class AuxiliaryOutputs(nn.Module):
    """A linear map from each hidden layer to the classes; zero at first, so that no random number is drawn for it."""

    def __init__(self, widths: Sequence[int], classes: int) -> None:
        super().__init__()
        for k, width in enumerate(widths, start=1):
            self.register_parameter(f"weight_{k}", nn.Parameter(torch.zeros(classes, width)))
            self.register_parameter(f"bias_{k}", nn.Parameter(torch.zeros(classes)))

    def forward(self, number: int, hidden: Tensor) -> Tensor:
        """The scores [n, classes] that hidden layer ``number`` (from 1) leads to, of its units [n, width]."""
        weight, bias = getattr(self, f"weight_{number}"), getattr(self, f"bias_{number}")
        return F.linear(hidden, weight, bias)


class DeeplySupervised(nn.Module):
    """A fully connected network, and auxiliary outputs whose losses are to be added with ``weight``.

    Lee et al. 2015, "Deeply-supervised nets". Used, it is the network alone; the auxiliary outputs' parameters stand
    behind all others.
    """

    def __init__(self, network: nn.Sequential, widths: Sequence[int], classes: int, weight: float) -> None:
        super().__init__()
        self.network, self.auxiliary, self.weight = network, AuxiliaryOutputs(widths, classes), weight
        self._ends = hidden_ends(network)

    def forward(self, x: Tensor, every: bool = False) -> Tensor | tuple[Tensor, list[Tensor]]:
        """Inputs [n, features] to the network's scores [n, classes].

        ``every``: and those of each hidden layer's own outputs, first to last, each [n, classes].
        """
        if not every:
            scores: Tensor = self.network(x)
            return scores
        others: list[Tensor] = []
        for k, part in enumerate(self.network):
            x = part(x)
            if k in self._ends:
                others.append(self.auxiliary(len(others) + 1, x))
        return x, others
