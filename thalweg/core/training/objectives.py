"""Losses, per example, so that their means can be taken in float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Objective:
    """A loss of scores [n, classes] (or [..., classes, n], with ``dim`` the classes' axis) and labels [n].

    ``mean(scores [n, classes], labels [n])`` is what training minimises; ``per_example(scores, labels, dim)`` gives
    the loss of each example, in the unit ``unit``.
    """

    name: str
    title: str
    unit: str
    mean: Callable[[Tensor, Tensor], Tensor]
    per_example: Callable[[Tensor, Tensor, int], Tensor]


def _cross_entropy(scores: Tensor, labels: Tensor, dim: int) -> Tensor:
    return -_pick(F.log_softmax(scores, dim), labels, dim)


def _squared_error(scores: Tensor, labels: Tensor, dim: int) -> Tensor:
    # |o - e_y|² = |o|² - 2 o_y + 1, without a one-hot of the scores' size
    return ((scores * scores).sum(dim) - 2 * _pick(scores, labels, dim) + 1) / 2


def _pick(scores: Tensor, labels: Tensor, dim: int) -> Tensor:
    """The score of each example's label; the classes' axis is gone."""
    dim = dim % scores.dim()
    shape = list(scores.shape)
    shape[dim] = 1
    index = labels.unsqueeze(dim if dim == scores.dim() - 1 else 0).expand(shape)
    return scores.gather(dim, index).squeeze(dim)


def _mean_squared_error(scores: Tensor, labels: Tensor) -> Tensor:
    return _squared_error(scores, labels, 1).mean()


OBJECTIVES = {
    "cross-entropy": Objective("cross-entropy", "cross-entropy", "nats", F.cross_entropy, _cross_entropy),
    "squared-error": Objective("squared-error", "half squared error", "1", _mean_squared_error, _squared_error),
}
