"""Steepest descent (Cauchy 1847) and conjugate gradients (Polak & Ribière 1969) with an exact line search."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from scipy.optimize import brentq
from torch import Tensor, nn
from torch.optim import Optimizer

from thalweg.core.training.method import Closure, evaluated

DOUBLINGS = 40
"""Lengths that are tried to find where the loss rises again."""

ACCURACY = 1e-7
"""Of the length, as a share of it: what float32 can tell apart."""

TRIES = 8
"""Valleys that are tried where the loss at the end of one is not below that at the beginning."""

Along = Callable[[float], tuple[float, float]]
"""Loss, and its slope, at a length of step along the direction."""


class LineSearch(Optimizer):
    """Steps as long as the batch's loss falls along the direction; ``lr`` is the first length that is tried.

    The direction is the negative gradient; ``conjugate``: with a share of the last direction, so that on a quadratic
    of n parameters the minimum is reached in n steps. The share is max(0, g·(g - g')/g'·g'), and where the direction
    would lead uphill it begins anew with the gradient.
    """

    def __init__(self, parameter: nn.Parameter, lr: float, conjugate: bool = False) -> None:
        super().__init__([parameter], {"lr": lr, "conjugate": conjugate})

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> float | None:  # type: ignore[override]
        """One step; the loss of ``closure`` where it begins. Raises ValueError without one."""
        if closure is None:
            raise ValueError("closure: None is not accepted; the gradient is needed at several points")
        loss = evaluated(closure)
        group = self.param_groups[0]
        p: Tensor = group["params"][0]
        assert p.grad is not None
        direction = self._direction(p, p.grad) if group["conjugate"] else -p.grad
        here = p.clone()

        def along(length: float) -> tuple[float, float]:
            p.copy_(here).add_(direction, alpha=length)
            assert p.grad is not None
            return evaluated(closure), float(p.grad.double() @ direction.double())

        slope = float(p.grad.double() @ direction.double())
        length = lowest(along, (loss, slope), group["lr"]) if math.isfinite(loss) else math.nan
        p.copy_(here).add_(direction, alpha=length)
        return loss

    def _direction(self, p: Tensor, gradient: Tensor) -> Tensor:
        state = self.state[p]
        before, direction = state.get("gradient"), -gradient
        if before is not None:
            share = float(gradient @ (gradient - before)) / max(float(before @ before), torch.finfo(p.dtype).tiny)
            turned = direction + max(0.0, share) * state["direction"]
            direction = turned if float(turned @ gradient) < 0 else direction
        state["gradient"], state["direction"] = gradient.clone(), direction.clone()
        return direction


def lowest(along: Along, here: tuple[float, float], first: float) -> float:
    """The length of step at which the loss stops falling, from ``here`` (loss and slope at length 0).

    It is a zero of the slope, from falling to rising, with a loss not above that here; or as far as is looked, where
    the loss falls all the way. 0 where it does not fall at all. ``first`` is the first length that is tried.
    """
    loss, slope = here
    if not slope < 0:
        return 0.0
    for _ in range(TRIES):
        low, high = _bracket(along, loss, first)
        if low == high:
            return low
        found = float(
            brentq(
                lambda length: _rising(along(length)[1]),
                low,
                high,
                xtol=1e-3 * ACCURACY * high,
                rtol=ACCURACY,
                disp=False,
            )
        )
        if along(found)[0] <= loss:
            return found
        first = found / 4
    return low


def _bracket(along: Along, loss: float, first: float) -> tuple[float, float]:
    """Lengths between which the loss stops falling: it falls at the first and rises at the second."""
    low, high, end = 0.0, first, math.inf
    for _ in range(DOUBLINGS):
        there, slope = along(high)
        if slope >= 0 and math.isfinite(there):
            return low, high
        if math.isfinite(there) and math.isfinite(slope) and there <= loss:
            low, high = high, min(2 * high, (high + end) / 2)
        else:  # beyond a hill, or where nothing is defined
            high, end = low + (high - low) / 4, high
    return low, low


def _rising(slope: float) -> float:
    """The slope; where it is none, as if the loss rose."""
    return slope if math.isfinite(slope) else 1.0
