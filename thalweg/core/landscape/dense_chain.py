"""Loss at points of a plane for a chain of dense layers: the fast path.

Along ``theta = theta0 + a D1 + b D2`` the first layer that moves is affine in (a, b) when its input does not move:
``z(a, b) = z0 + a z1 + b z2``, three products for the whole plane. Layers before it are computed once. The layers
after it are computed for several points at a time as batched products, with the examples innermost
(features-major), which is what both the products and the softmax are fastest in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from thalweg.core.plane.plane import Plane
from thalweg.core.problem import Batch, Problem

EXAMPLES = 1024
"""Examples in one block."""

BUFFER_BYTES = 3 * 2**18
"""Size of the largest activation of the points computed together: it is to stay in a core's cache."""

STORE_BYTES = 2**27
"""Memory for the first moving layer's affine parts; what does not fit is computed again for each batch of points."""

InPlace = Callable[[Tensor], Tensor]


def _tanh(z: Tensor) -> Tensor:
    # tanh(z) = 2 sigmoid(2 z) - 1; torch's sigmoid is vectorised far better than its tanh
    return z.mul_(2).sigmoid_().mul_(2).sub_(1)


_IN_PLACE: dict[type[nn.Module], InPlace] = {
    nn.Sigmoid: Tensor.sigmoid_,
    nn.ReLU: Tensor.relu_,
    nn.Tanh: _tanh,
}


@dataclass(frozen=True)
class Link:
    """One dense layer of a chain: the names of its weight and bias, and what follows it."""

    weight: str
    bias: str
    activation: InPlace | None


def chain_of(module: nn.Module) -> tuple[Link, ...] | None:
    """The links of a module that is nothing but linear layers with sigmoid, tanh or ReLU between; None for others."""
    if type(module) is not nn.Sequential:
        return None
    links: list[Link] = []
    parts = [module, *module._modules.values()]
    if any(p._forward_hooks or p._forward_pre_hooks for p in parts):
        return None
    linear = [p for p in parts if type(p) is nn.Linear]
    if len({id(p) for p in linear}) < len(linear):
        return None
    for name, part in module._modules.items():
        if type(part) is nn.Linear and part.bias is not None:
            links.append(Link(f"{name}.weight", f"{name}.bias", None))
        elif type(part) in _IN_PLACE and links and links[-1].activation is None:
            links[-1] = Link(links[-1].weight, links[-1].bias, _IN_PLACE[type(part)])
        else:
            return None
    return tuple(links) or None


class DenseChain:
    """Loss and accuracy of one batch at points of one plane, for a chain of dense layers."""

    @torch.no_grad()
    def __init__(self, problem: Problem, chain: tuple[Link, ...], plane: Plane, batch: Batch) -> None:
        self._objective = problem.objective
        views = problem.layout.views
        at, d1, d2 = views(plane.origin), views(plane.x.vector), views(plane.y.vector)
        first = next((k for k, n in enumerate(chain) if _moves(n, d1) or _moves(n, d2)), len(chain) - 1)
        self._head, self._tail = chain[first], chain[first + 1 :]
        triple = [torch.stack([p[name].flatten() for p in (at, d1, d2)]) for name in _names(self._tail)]
        self._later = torch.cat(triple, dim=1) if triple else at[self._head.bias].new_zeros(3, 0)
        self._shapes = [at[name].shape for name in _names(self._tail)]
        self._affine_of = partial(self._affine, chain[:first], at, d1, d2)
        self._inputs, self._labels = batch[0].split(EXAMPLES), batch[1].split(EXAMPLES)
        self._count = len(batch[1])
        kept = STORE_BYTES // (12 * at[self._head.bias].numel() * min(EXAMPLES, self._count))
        self._stored = [self._affine_of(x) for x in self._inputs[:kept]]
        widths = [at[n.bias].numel() for n in chain[first:]]
        self._chunk = max(1, BUFFER_BYTES // (4 * max(widths) * min(EXAMPLES, self._count)))

    def _affine(
        self,
        before: tuple[Link, ...],
        at: dict[str, Tensor],
        d1: dict[str, Tensor],
        d2: dict[str, Tensor],
        x: Tensor,
    ) -> Tensor:
        """The first moving layer's z0, z1 and z2 for a block of inputs [n, features]; [3, units, n]."""
        h = x.T
        for link in before:
            h = torch.addmm(at[link.bias][:, None], at[link.weight], h)
            h = link.activation(h) if link.activation else h
        weights = torch.cat([p[self._head.weight] for p in (at, d1, d2)])
        biases = torch.cat([p[self._head.bias] for p in (at, d1, d2)])
        return torch.addmm(biases[:, None], weights, h).view(3, -1, h.shape[1])

    @torch.no_grad()
    def evaluate(self, points: np.ndarray) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Loss and accuracy at the coordinates ``points`` [n, 2], as many at a time as the cache holds."""
        for start in range(0, len(points), self._chunk):
            part = slice(start, min(start + self._chunk, len(points)))
            where = torch.from_numpy(points[part]).to(self._later)
            loss, right = self._losses(torch.cat([torch.ones_like(where[:, :1]), where], dim=1))
            yield part, loss.cpu().numpy() / self._count, right.cpu().numpy() / self._count

    def _losses(self, coefficients: Tensor) -> tuple[Tensor, Tensor]:
        """Sums over the examples of the loss and of the right answers, for coefficients [g, 3] of (1, a, b)."""
        later = (coefficients @ self._later).split([s.numel() for s in self._shapes], dim=1)
        parameters = [p.view(-1, *s) for p, s in zip(later, self._shapes, strict=True)]
        loss = coefficients.new_zeros(len(coefficients), dtype=torch.float64)
        right = torch.zeros_like(loss)
        for k, labels in enumerate(self._labels):
            affine = self._stored[k] if k < len(self._stored) else self._affine_of(self._inputs[k])
            scores = self._scores(coefficients, affine, parameters)
            loss += self._objective.per_example(scores, labels, 1).sum(1, dtype=torch.float64)
            right += _right_answers(scores, labels)
        return loss, right

    def _scores(self, coefficients: Tensor, affine: Tensor, parameters: list[Tensor]) -> Tensor:
        h = (coefficients @ affine.flatten(1)).view(-1, *affine.shape[1:])
        h = self._head.activation(h) if self._head.activation else h
        for link, weight, bias in zip(self._tail, parameters[::2], parameters[1::2], strict=True):
            h = torch.baddbmm(bias[:, :, None], weight, h)
            h = link.activation(h) if link.activation else h
        return h


def _right_answers(scores: Tensor, labels: Tensor) -> Tensor:
    """How many of the labels [n] have the highest of the scores [g, classes, n]; [g].

    The first class wins a tie, as argmax has it; NaN where a score is.
    """
    top = scores.amax(1)
    unknown = top.isnan().any(1)
    if (scores == top[:, None]).sum() > top.numel():  # a tie: argmax decides, but it is many times slower
        right = (scores.argmax(1) == labels).sum(1)
    else:
        right = (top <= scores.gather(1, labels.expand(len(scores), 1, -1)).squeeze(1)).sum(1)
    return right.double().masked_fill(unknown, torch.nan)


def _moves(link: Link, direction: dict[str, Tensor]) -> bool:
    return bool(direction[link.weight].any() or direction[link.bias].any())


def _names(links: tuple[Link, ...]) -> list[str]:
    return [name for link in links for name in (link.weight, link.bias)]
