"""Losses, per example, so that their means can be taken in float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

EXACT = 40.0
"""Where ln(1 + e^z) is z to the last digit, in double precision too, and e^z still a float32."""


class PerExample(Protocol):
    """A loss of each example; ``room``, of the scores' shape and type, is memory that may be written over."""

    def __call__(self, scores: Tensor, labels: Tensor, dim: int, room: Tensor | None = None) -> Tensor:
        """The losses; the classes' axis ``dim`` is gone."""


@dataclass(frozen=True)
class Objective:
    """A loss of scores [n, classes] (or [..., classes, n], with ``dim`` the classes' axis) and labels [n].

    ``mean(scores [n, classes], labels [n])`` is what training minimises; ``per_example(scores, labels, dim)`` gives
    the loss of each example, in the unit ``unit``.

    ``convex`` is for a ``mean`` that is not convex in the scores: a function of the scores, and a mean loss that is
    convex in what it gives, which one after the other are ``mean``.
    """

    name: str
    title: str
    unit: str
    mean: Callable[[Tensor, Tensor], Tensor]
    per_example: PerExample
    convex: tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]] | None = None


def _cross_entropy(scores: Tensor, labels: Tensor, dim: int, room: Tensor | None = None) -> Tensor:
    logs = F.log_softmax(scores, dim) if room is None else torch.log_softmax(scores, dim, out=room)
    return -_pick(logs, labels, dim)


def _squared_error(scores: Tensor, labels: Tensor, dim: int, room: Tensor | None = None) -> Tensor:
    return torch.sub(scores, _one_hot(scores, labels, dim), out=room).square().sum(dim) / 2


def _sigmoid_cross_entropy(scores: Tensor, labels: Tensor, dim: int, room: Tensor | None = None) -> Tensor:
    """-ln of what the sigmoid gives the truth, which is ln(1 + e^z) of z turned against it, summed over the classes."""
    return F.softplus(_against(scores, labels, dim, room), threshold=EXACT).sum(dim)


def _sigmoid_squared_error(scores: Tensor, labels: Tensor, dim: int, room: Tensor | None = None) -> Tensor:
    """An output is wrong by the sigmoid of z turned against the truth: 1 - s(z) = s(-z), without cancellation."""
    return torch.sigmoid(_against(scores, labels, dim, room)).square().sum(dim) / 2


def _against(scores: Tensor, labels: Tensor, dim: int, room: Tensor | None) -> Tensor:
    """The scores with the sign that makes large ones wrong: those of the labels turned round."""
    return torch.mul(scores, 1 - 2 * _one_hot(scores, labels, dim), out=room)


def _one_hot(scores: Tensor, labels: Tensor, dim: int) -> Tensor:
    """1 where the label is, 0 elsewhere; [n, classes], or [classes, n] where ``dim`` says that classes come first."""
    wanted = F.one_hot(labels, scores.shape[dim]).to(scores)
    return wanted if dim % scores.dim() == scores.dim() - 1 else wanted.T


def _pick(scores: Tensor, labels: Tensor, dim: int) -> Tensor:
    """The score of each example's label; the classes' axis is gone."""
    if dim % scores.dim() == scores.dim() - 1:
        return scores.gather(-1, labels.expand(*scores.shape[:-1]).unsqueeze(-1)).squeeze(-1)
    n = scores.shape[-1]
    places = labels * n + torch.arange(n, device=labels.device)  # faster than gathering, which reads an index each
    return scores.flatten(-2).index_select(-1, places)


def _mean_squared_error(scores: Tensor, labels: Tensor) -> Tensor:
    return _squared_error(scores, labels, 1).mean()


def _mean_sigmoid_cross_entropy(scores: Tensor, labels: Tensor) -> Tensor:
    return _sigmoid_cross_entropy(scores, labels, 1).mean()


def _mean_sigmoid_squared_error(scores: Tensor, labels: Tensor) -> Tensor:
    return _sigmoid_squared_error(scores, labels, 1).mean()


def _value(scores: Tensor, labels: Tensor, dim: int, room: Tensor | None = None) -> Tensor:
    return scores.squeeze(dim)


VALUE = Objective("value", "C(x, y)", "1", lambda scores, labels: scores.mean(), _value)
"""The value of a surface, which has no labels: its one score for each example."""

OBJECTIVES = {
    "cross-entropy": Objective("cross-entropy", "cross-entropy", "nats", F.cross_entropy, _cross_entropy),
    "squared-error": Objective("squared-error", "half squared error", "1", _mean_squared_error, _squared_error),
    "sigmoid-cross-entropy": Objective(  # Nielsen 2015, eq. 63
        "sigmoid-cross-entropy",
        "cross-entropy of sigmoids",
        "nats",
        _mean_sigmoid_cross_entropy,
        _sigmoid_cross_entropy,
    ),
    "sigmoid-squared-error": Objective(  # Nielsen 2015, eq. 6
        "sigmoid-squared-error",
        "half squared error of sigmoids",
        "1",
        _mean_sigmoid_squared_error,
        _sigmoid_squared_error,
        (torch.sigmoid, _mean_squared_error),
    ),
}
