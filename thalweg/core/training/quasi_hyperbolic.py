"""Quasi-hyperbolic momentum and Adam (Ma & Yarats 2019), and Adam with or without its correction for the start."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from thalweg.core.training.method import Method, adam_means

EPSILON = 1e-8

NU = 0.7
"""Share of the mean beside the plain gradient."""

QUASI_BETAS = (0.995, 0.999)
"""QHAdam's shares of what was before, in the means of the gradient and of its square."""


class QHM(Method):
    """A step along (1 - nu) g + nu d, with d the running mean of the gradients.

    nu = 1 is momentum with damping, nu = 0 plain gradient descent.
    """

    def __init__(self, parameters: list[nn.Parameter], lr: float, beta: float = 0.999, nu: float = NU) -> None:
        super().__init__(parameters, {"lr": lr, "beta": beta, "nu": nu})

    def move(self, p: Tensor, group: dict[str, Any]) -> None:
        """Update the mean, and step."""
        assert p.grad is not None
        beta, nu = group["beta"], group["nu"]
        mean = self.state[p].setdefault("mean", torch.zeros_like(p))
        mean.mul_(beta).add_(p.grad, alpha=1 - beta)
        p.add_(p.grad.mul(1 - nu).add_(mean, alpha=nu), alpha=-group["lr"])


class QHAdam(Method):
    """Adam with a share of the plain gradient in the numerator, and of its square in the denominator.

    ``nus`` = (1, 1) is Adam (Kingma & Ba 2015); not ``corrected``, its running means begin at 0 and stay too small
    until they have run in.
    """

    def __init__(
        self,
        parameters: list[nn.Parameter],
        lr: float,
        betas: tuple[float, float] = QUASI_BETAS,
        nus: tuple[float, float] = (NU, 1.0),
        corrected: bool = True,
    ) -> None:
        super().__init__(parameters, {"lr": lr, "betas": betas, "nus": nus, "corrected": corrected})

    def move(self, p: Tensor, group: dict[str, Any]) -> None:
        """Update the means, and step."""
        assert p.grad is not None
        nu1, nu2 = group["nus"]
        mean, square = adam_means(p, self.state[p], group["betas"], group["corrected"])
        along = p.grad.mul(1 - nu1).add_(mean, alpha=nu1)
        size = p.grad.square().mul_(1 - nu2).add_(square, alpha=nu2).sqrt_().add_(EPSILON)
        p.addcdiv_(along, size, value=-group["lr"])
