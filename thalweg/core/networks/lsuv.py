"""Layer-sequential unit-variance initialisation: weights scaled by what the first examples make of them."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

Scaled = nn.Linear | nn.Conv2d

EXAMPLES = 256
"""Training examples, from the first, over which the variance is taken."""

TOLERANCE = 0.1
"""How far from 1 the variance may be."""

TRIES = 10
"""Scalings of one layer at most."""


@torch.no_grad()
def scale_to_unit_variance(module: nn.Module, inputs: Tensor) -> None:
    """Scale the weights of every linear layer and convolution in place, first to last, so that what it puts out over
    ``inputs`` [n, features] has a variance of 1 to :data:`TOLERANCE` (Mishkin & Matas 2016, algorithm 1).

    Their other step, orthogonal weights, comes before. Normalisations take the statistics of these examples. A layer
    that puts out one value alone stays as it is, and so do the gates of an LSTM, which are no map of its inputs alone.

    The sums are in double precision and the factors in single, so that it makes no difference how a processor orders
    the sums: every process finds the same weights.
    """
    trial = copy.deepcopy(module).double().train()
    originals: dict[nn.Module, Scaled] = {
        part: original
        for part, original in zip(trial.modules(), module.modules(), strict=True)
        if isinstance(part, Scaled) and isinstance(original, Scaled)
    }

    def scaled(part: Scaled, args: tuple[Any, ...], output: Tensor) -> Tensor:
        for _ in range(TRIES):
            variance = output.var(correction=0).item()
            if abs(variance - 1) < TOLERANCE or not 0 < variance < torch.inf:
                break
            factor = torch.tensor(variance**-0.5, dtype=torch.float32)
            for each in (part, originals[part]):
                each.weight.mul_(factor)
            output = part.forward(*args)
        return output

    for part in originals:
        part.register_forward_hook(scaled)
    trial(inputs[:EXAMPLES].double())
