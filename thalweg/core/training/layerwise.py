"""A step width for each tensor, from the size of its weights: LARS (You et al. 2017), LAMB (You et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from thalweg.core.training.method import Method, adam_means

BETAS = (0.9, 0.999)
EPSILON = 1e-6
"""LAMB's."""


class Layerwise(Method):
    """Steps of length lr |w| for each tensor w: along its gradient (LARS), or along Adam's direction (``adam``: LAMB).

    Both without their weight decay, LARS without its momentum. The parameters are one flat vector, in which the tensors
    stand at the ``spans``. A tensor of zeros has no size to go by, and takes a step of lr times its direction.
    """

    def __init__(self, parameter: nn.Parameter, spans: Sequence[slice], lr: float, adam: bool) -> None:
        super().__init__([parameter], {"lr": lr, "adam": adam})
        self._spans = tuple(spans)

    def move(self, p: Tensor, group: dict[str, Any]) -> None:
        """Step tensor by tensor."""
        along = p.grad
        if group["adam"]:
            mean, square = adam_means(p, self.state[p], BETAS)
            along = mean / (square.sqrt() + EPSILON)
        assert along is not None
        for span in self._spans:
            weights, direction = p[span], along[span]
            size, length = weights.norm(), direction.norm()
            trust = torch.where((size > 0) & (length > 0), size / length, torch.ones_like(size))
            weights.sub_(direction * trust, alpha=group["lr"])
