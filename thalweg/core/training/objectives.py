"""Losses, per example, so that their means can be taken in float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor


class PerExample(Protocol):
    """A loss of each example; ``room``, of the scores' shape and type, is memory that may be written over."""

    def __call__(self, scores: Tensor, labels: Tensor, dim: int, room: Tensor | None = None) -> Tensor:
        """The losses; the classes' axis ``dim`` is gone."""


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
    per_example: PerExample


def _cross_entropy(scores: Tensor, labels: Tensor, dim: int, room: Tensor | None = None) -> Tensor:
    logs = F.log_softmax(scores, dim) if room is None else torch.log_softmax(scores, dim, out=room)
    return -_pick(logs, labels, dim)


def _squared_error(scores: Tensor, labels: Tensor, dim: int, room: Tensor | None = None) -> Tensor:
    wanted = F.one_hot(labels, scores.shape[dim]).to(scores)  # [n, classes]
    last = dim % scores.dim() == scores.dim() - 1
    return torch.sub(scores, wanted if last else wanted.T, out=room).square().sum(dim) / 2


def _pick(scores: Tensor, labels: Tensor, dim: int) -> Tensor:
    """The score of each example's label; the classes' axis is gone."""
    if dim % scores.dim() == scores.dim() - 1:
        return scores.gather(-1, labels.expand(*scores.shape[:-1]).unsqueeze(-1)).squeeze(-1)
    n = scores.shape[-1]
    places = labels * n + torch.arange(n, device=labels.device)  # faster than gathering, which reads an index each
    return scores.flatten(-2).index_select(-1, places)


def _mean_squared_error(scores: Tensor, labels: Tensor) -> Tensor:
    return _squared_error(scores, labels, 1).mean()


def _value(scores: Tensor, labels: Tensor, dim: int, room: Tensor | None = None) -> Tensor:
    return scores.squeeze(dim)


VALUE = Objective("value", "C(x, y)", "1", lambda scores, labels: scores.mean(), _value)
"""The value of a surface, which has no labels: its one score for each example."""

OBJECTIVES = {
    "cross-entropy": Objective("cross-entropy", "cross-entropy", "nats", F.cross_entropy, _cross_entropy),
    "squared-error": Objective("squared-error", "half squared error", "1", _mean_squared_error, _squared_error),
}
