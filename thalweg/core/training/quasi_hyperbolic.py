"""Quasi-hyperbolic momentum and Adam (Ma & Yarats 2019), and Adam with or without its correction for the start."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.optim import Optimizer

EPSILON = 1e-8


class QHM(Optimizer):
    """A step along (1 - nu) g + nu d, with d the running mean of the gradients: eq. 4 and 5 of the paper.

    nu = 1 is momentum with damping, nu = 0 plain gradient descent.
    """

    def __init__(self, parameters: list[nn.Parameter], lr: float, beta: float = 0.999, nu: float = 0.7) -> None:
        super().__init__(parameters, {"lr": lr, "beta": beta, "nu": nu})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step; the loss of ``closure``, which finds the gradient."""
        loss = _evaluated(closure)
        for group in self.param_groups:
            beta, nu = group["beta"], group["nu"]
            for p in group["params"]:
                state = self.state[p]
                mean = state.setdefault("mean", torch.zeros_like(p))
                mean.mul_(beta).add_(p.grad, alpha=1 - beta)
                p.add_(p.grad.mul(1 - nu).add_(mean, alpha=nu), alpha=-group["lr"])
        return loss


class QHAdam(Optimizer):
    """Adam with a share of the plain gradient in the numerator, and of its square in the denominator: section 4.

    ``nus`` = (1, 1) is Adam (Kingma & Ba 2015); not ``corrected``, its running means begin at 0 and stay too small
    until they have run in.
    """

    def __init__(
        self,
        parameters: list[nn.Parameter],
        lr: float,
        betas: tuple[float, float] = (0.995, 0.999),
        nus: tuple[float, float] = (0.7, 1.0),
        corrected: bool = True,
    ) -> None:
        super().__init__(parameters, {"lr": lr, "betas": betas, "nus": nus, "corrected": corrected})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step; the loss of ``closure``, which finds the gradient."""
        loss = _evaluated(closure)
        for group in self.param_groups:
            (beta1, beta2), (nu1, nu2) = group["betas"], group["nus"]
            for p in group["params"]:
                state = self.state[p]
                mean = state.setdefault("exp_avg", torch.zeros_like(p))
                square = state.setdefault("exp_avg_sq", torch.zeros_like(p))
                count = state.setdefault("step", torch.zeros(()))
                count += 1
                mean.mul_(beta1).add_(p.grad, alpha=1 - beta1)
                square.mul_(beta2).addcmul_(p.grad, p.grad, value=1 - beta2)
                ends = [1 - b ** float(count) if group["corrected"] else 1.0 for b in (beta1, beta2)]
                along = p.grad.mul(1 - nu1).add_(mean, alpha=nu1 / ends[0])
                size = p.grad.square().mul_(1 - nu2).add_(square, alpha=nu2 / ends[1]).sqrt_().add_(EPSILON)
                p.addcdiv_(along, size, value=-group["lr"])
        return loss


def _evaluated(closure: Callable[[], float] | None) -> float | None:
    if closure is None:
        return None
    with torch.enable_grad():
        return closure()
