"""Sharpness-aware minimisation (Foret et al. 2021): the gradient is taken uphill of where the step begins."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim import Optimizer

from thalweg.core.training.method import Closure, evaluated

RHO = 0.05
"""How far uphill the gradient is taken."""


class SAM(Optimizer):
    """A plain step with the gradient at w + rho g/|g|: algorithm 1. Two gradients for each step."""

    def __init__(self, parameters: list[nn.Parameter], lr: float, rho: float = RHO) -> None:
        super().__init__(parameters, {"lr": lr, "rho": rho})

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> float | None:  # type: ignore[override]
        """One step; the loss of ``closure`` where it begins. Raises ValueError without one."""
        if closure is None:
            raise ValueError("closure: None is not accepted; the gradient is needed at two points")
        loss = evaluated(closure)
        group = self.param_groups[0]
        p = group["params"][0]
        length = p.grad.norm()
        if length > 0:
            here = p.clone()
            p.add_(p.grad, alpha=float(group["rho"] / length))
            evaluated(closure)
            p.copy_(here)
        p.sub_(p.grad, alpha=group["lr"])
        return loss
