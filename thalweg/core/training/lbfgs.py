"""Torch's L-BFGS (Liu & Nocedal 1989), an iteration for each step, with a memory that can be kept and taken up."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn, optim

HISTORY = 10
"""Pairs of differences that the curvature is estimated from."""

EVALUATIONS = 26
"""Gradients of one step, or one more: the line search gives up then."""

LISTS = {"y": "old_dirs", "s": "old_stps", "rho": "ro"}
"""What the memory calls torch's lists: differences of gradients, steps, and one over their product."""


class LBFGS(optim.LBFGS):
    """One iteration, with a length that the strong Wolfe conditions accept, or the best one found.

    ``lr`` is the first length that is tried; where the loss is not finite there, neither may be the step.

    All gradients of a step are of one batch, but the estimate of the curvature compares steps: it wants full batches.
    """

    def __init__(self, parameter: nn.Parameter, lr: float) -> None:
        super().__init__([parameter], lr, 1, EVALUATIONS, history_size=HISTORY, line_search_fn="strong_wolfe")

    def memory(self) -> dict[str, Tensor]:
        """Copies of all that the next step depends on, by name; empty before the first."""
        state = self.state[self._params[0]]
        if not state.get("n_iter"):
            return {}
        numbers = {name: torch.as_tensor(float(state[name])) for name in ("n_iter", "t", "H_diag")}
        tensors = {name: state[name].clone() for name in ("d", "prev_flat_grad")}
        rows = {f"{name}_{k}": row.clone() for name, own in LISTS.items() for k, row in enumerate(state[own])}
        return numbers | tensors | rows

    def remember(self, kept: dict[str, Tensor]) -> None:
        """Take up what :meth:`memory` gave, in the place of what there is."""
        self.state.pop(self._params[0], None)
        if not kept:
            return
        state: dict[str, Any] = {"n_iter": int(kept["n_iter"]), "func_evals": 0, "t": float(kept["t"])}
        state |= {name: kept[name].clone() for name in ("d", "prev_flat_grad", "H_diag")}
        count = sum(name.startswith("rho_") for name in kept)
        for name, own in LISTS.items():
            state[own] = [kept[f"{name}_{k}"].clone() for k in range(count)]
        self.state[self._params[0]] = state


def shapes(like: Tensor, pairs: int) -> dict[str, torch.Size]:
    """What the memory holds of a parameter as ``like`` once it has begun, with so many pairs of differences."""
    none = torch.Size()
    of_step = {"n_iter": none, "t": none, "H_diag": none, "d": like.shape, "prev_flat_grad": like.shape}
    of_pairs = {"y": like.shape, "s": like.shape, "rho": none}
    return of_step | {f"{name}_{k}": shape for name, shape in of_pairs.items() for k in range(pairs)}
