"""A step width for each tensor, from the size of its weights: LARS (You et al. 2017), LAMB (You et al. 2020)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


class Layerwise(Optimizer):
    """Steps of length lr |w| for each tensor w: along its gradient (LARS), or along Adam's direction (``adam``: LAMB).

    The parameters are one flat vector, in which the tensors stand at the ``spans``. A tensor of zeros has no size to go
    by, and takes a step of lr times its direction.
    """

    def __init__(self, parameter: nn.Parameter, spans: Sequence[slice], lr: float, adam: bool) -> None:
        super().__init__([parameter], {"lr": lr, "betas": (0.9, 0.999), "adam": adam})
        self._spans = tuple(spans)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step; the loss of ``closure``, which finds the gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        group = self.param_groups[0]
        p = group["params"][0]
        along = self._adam(p, *group["betas"]) if group["adam"] else p.grad
        for span in self._spans:
            weights, direction = p[span], along[span]
            size, length = weights.norm(), direction.norm()
            trust = torch.where((size > 0) & (length > 0), size / length, torch.ones_like(size))
            weights.sub_(direction * trust, alpha=group["lr"])
        return loss

    def _adam(self, p: Tensor, beta1: float, beta2: float) -> Tensor:
        assert p.grad is not None
        state = self.state[p]
        mean = state.setdefault("exp_avg", torch.zeros_like(p))
        square = state.setdefault("exp_avg_sq", torch.zeros_like(p))
        count = state.setdefault("step", torch.zeros(()))
        count += 1
        mean.mul_(beta1).add_(p.grad, alpha=1 - beta1)
        square.mul_(beta2).addcmul_(p.grad, p.grad, value=1 - beta2)
        first, second = (1 - b ** float(count) for b in (beta1, beta2))
        found: Tensor = (mean / first) / ((square / second).sqrt() + 1e-6)
        return found
