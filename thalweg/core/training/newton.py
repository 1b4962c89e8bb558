"""Newton's method with damping, without the Hessian: conjugate gradients on its products (Martens 2010)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from thalweg.core.training.method import Method

PRODUCTS = 50
"""Products with the Hessian in one step at most."""

ACCURACY = 1e-6
"""Where the residual is this part of the gradient, the step is found."""

Product = Callable[[Tensor], Tensor]


class Newton(Method):
    """A step of lr times the solution of (H + damping I) s = -g, with H of the same batch.

    Where the curvature along the way is negative, the step found so far is taken; where it is so from the beginning,
    the gradient's.
    """

    def __init__(
        self, parameter: nn.Parameter, lr: float, damping: float, curvature: Callable[[], tuple[Tensor, Product]]
    ) -> None:
        super().__init__([parameter], {"lr": lr, "damping": damping})
        self._curvature = curvature

    def move(self, p: Tensor, group: dict[str, Any]) -> None:
        """Solve for the step, and take it."""
        gradient, product = self._curvature()
        found = solve(gradient, lambda v: product(v) + group["damping"] * v)
        p.sub_(found.to(p), alpha=group["lr"])


def solve(gradient: Tensor, product: Product) -> Tensor:
    """S with A s = g, by conjugate gradients (Hestenes & Stiefel 1952); float64 [size].

    It ends where A is not positive along the next direction.
    """
    found = torch.zeros_like(gradient)
    rest, along = gradient.clone(), gradient.clone()
    size = rest @ rest
    if not size < torch.inf:
        return gradient.clone()  # nor is the step finite
    for k in range(PRODUCTS):
        if not size > (ACCURACY**2) * (gradient @ gradient):
            break
        image = product(along)
        bend = along @ image
        if not bend > 0:
            return found if k else gradient.clone()
        share = size / bend
        found += share * along
        rest -= share * image
        before, size = size, rest @ rest
        along = rest + (size / before) * along
    return found
