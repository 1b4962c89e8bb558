"""What optimisers of our own have in common: how they find the gradient, and Adam's running means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

Closure = Callable[[], float]
"""Finds the gradient where the parameters are; gives the loss there."""


class Method(Optimizer):
    """An optimiser of one flat vector of parameters, whose step is :meth:`move`."""

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> float | None:  # type: ignore[override]
        """One step; the loss of ``closure`` before it, if there is one."""
        loss = None if closure is None else evaluated(closure)
        group = self.param_groups[0]
        self.move(group["params"][0], group)
        return loss

    def move(self, p: Tensor, group: dict[str, Any]) -> None:
        """Change the parameters, whose gradient was found."""
        raise NotImplementedError


def evaluated(closure: Closure) -> float:
    """The loss of a closure, with gradients on."""
    with torch.enable_grad():
        return closure()


def adam_means(
    p: Tensor, state: dict[str, Tensor], betas: tuple[float, float], corrected: bool = True
) -> tuple[Tensor, Tensor]:
    """The running means of the gradient and of its square (Kingma & Ba 2015, algorithm 1), updated in ``state``.

    ``corrected`` for having begun at 0.
    """
    assert p.grad is not None
    mean = state.setdefault("exp_avg", torch.zeros_like(p))
    square = state.setdefault("exp_avg_sq", torch.zeros_like(p))
    count = state.setdefault("step", torch.zeros(()))
    count += 1
    mean.mul_(betas[0]).add_(p.grad, alpha=1 - betas[0])
    square.mul_(betas[1]).addcmul_(p.grad, p.grad, value=1 - betas[1])
    first, second = (1 - beta ** float(count) if corrected else 1.0 for beta in betas)
    return mean / first, square / second
