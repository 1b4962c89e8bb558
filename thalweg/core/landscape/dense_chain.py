"""Loss at points of a plane for a chain of dense layers: the fast path.

Along ``theta = theta0 + a D1 + b D2`` the first layer that moves is affine in (a, b) when its input does not move:
``z(a, b) = z0 + a z1 + b z2``, three products for the whole plane. Layers before it are computed once. The layers
after it are computed for several points at a time as batched products, with the examples innermost
(features-major), which is what both the products and the softmax are fastest in.

What is a chain is read off the recorded calls: from an affine value [n, features] on, nothing but dense layers and
functions of each element. Whatever stands still may come before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from thalweg.core.landscape.affine import AFFINE, MOVING
from thalweg.core.landscape.program import Node, Program, Ref, argument, leaves
from thalweg.core.landscape.replayed import Replayed
from thalweg.core.landscape.sample import Sample
from thalweg.core.landscape.stages import Stages
from thalweg.core.plane.plane import Plane

EXAMPLES = 1024
"""Examples in one block."""

BUFFER_BYTES = 2**21
"""Size of the largest activation of the points computed together: it is to stay in the cache, and large enough that
the calls themselves cost little beside it."""

Activation = Callable[[Tensor], Tensor]


def _tanh(z: Tensor) -> Tensor:
    # tanh(z) = 2 sigmoid(2 z) - 1; torch's sigmoid is vectorised far better than its tanh
    return z.mul_(2).sigmoid_().mul_(2).sub_(1)


_IN_PLACE: dict[str, Activation] = {"sigmoid": Tensor.sigmoid_, "relu": Tensor.relu_, "tanh": _tanh}

_ELEMENTWISE = {
    "leaky_relu", "elu", "gelu", "silu", "softplus", "hardtanh", "relu6", "selu", "celu", "mish", "hardswish",
    "hardsigmoid", "softsign", "log_sigmoid", "logsigmoid", "tanhshrink", "hardshrink", "softshrink", "threshold",
    "sin", "cos", "exp", "erf", "abs", "neg", "square", "atan", "arctan", "asinh", "sinh", "clamp", "add", "sub", "mul",
    "div", "pow", "__mul__", "__rmul__", "__add__", "__radd__", "__sub__", "__rsub__", "__truediv__", "__pow__",
    "__neg__",
}  # fmt: skip
"""Functions of each element; with numbers, not tensors, as further arguments."""

_SHAPING = {"view", "reshape", "flatten", "contiguous", "clone", "dropout", "alpha_dropout", "detach"}
"""Functions that leave a matrix as it is where its shape does not change; dropout in evaluation mode."""


@dataclass(frozen=True)
class Link:
    """A dense layer, and what follows it: the numbers of weight and bias; the weight may stand transposed."""

    weight: int
    bias: int | None
    transposed: bool
    activations: tuple[Activation, ...]


@dataclass(frozen=True)
class Chain:
    """An affine value [n, features], what follows it, and dense layers."""

    head: int
    activations: tuple[Activation, ...]
    links: tuple[Link, ...]


def chain_of(stages: Stages) -> Chain | None:
    """The chain that the moving calls of a program are; None for others."""
    program, output = stages.program, stages.program.output
    first = stages.moving[0].args[0] if stages.moving and stages.moving[0].args else output
    if not isinstance(output, Ref) or not isinstance(first, Ref) or stages.random or stages.cloned:
        return None
    if stages.kinds[first.number] != AFFINE or first.number in stages.parameters:
        return None
    if len(program.shapes[first.number]) != 2 or len(program.shapes[output.number]) != 2:
        return None
    current, parts = first.number, [Link(-1, None, False, ())]
    for node in stages.moving:
        others = (*node.args[1:], *node.kwargs.values())
        if node.writes or not node.alone or not node.args or node.args[0] != Ref(current):
            return None
        link = _link(node, stages)
        if link:
            parts.append(link)
        elif any(isinstance(v, Ref) for v in leaves(others)):
            return None
        elif not _same(node, program):
            act = _activation(node)
            if act is None:
                return None
            last = parts[-1]
            parts[-1] = Link(last.weight, last.bias, last.transposed, (*last.activations, act))
        current = node.outputs[0]
    return Chain(first.number, parts[0].activations, tuple(parts[1:])) if current == output.number else None


def _link(node: Node, stages: Stages) -> Link | None:
    weight = argument(node.args, node.kwargs, 1, "weight" if node.name == "linear" else "other")
    bias = argument(node.args, node.kwargs, 2, "bias") if node.name == "linear" else None
    if node.name not in ("linear", "matmul", "__matmul__", "mm") or not isinstance(weight, Ref):
        return None
    if len(stages.program.shapes[weight.number]) != 2 or stages.kinds[weight.number] == MOVING:
        return None
    if bias is not None and (not isinstance(bias, Ref) or stages.kinds[bias.number] == MOVING):
        return None
    return Link(weight.number, bias.number if bias else None, node.name != "linear", ())


def _same(node: Node, program: Program) -> bool:
    """Whether the call leaves a matrix as it is."""
    shapes = [program.shapes[n] for n in (node.reads[0], node.outputs[0])]
    idle = node.name in _SHAPING and shapes[0] == shapes[1]
    return idle and not any(isinstance(v, torch.dtype) for v in leaves((node.args, node.kwargs)))


def _activation(node: Node) -> Activation | None:
    if node.name in _IN_PLACE and len(node.args) == 1:
        return _IN_PLACE[node.name]
    if node.name not in _ELEMENTWISE:
        return None
    function, args, kwargs = node.function, node.args[1:], node.kwargs
    return lambda z: function(z, *args, **kwargs)


class Affine:
    """The head's parts for one block, features-major: [3, features, n]."""

    def __init__(self, parts: Tensor) -> None:
        self.parts = parts

    @property
    def nbytes(self) -> int:
        """Their memory."""
        return self.parts.numel() * self.parts.element_size()


class DenseChain:
    """A plan for a chain of dense layers: several points at once."""

    random = False

    @torch.no_grad()
    def __init__(self, sample: Sample, plane: Plane, stages: Sequence[Stages], chain: Chain) -> None:
        self._chain, self._blocks, self._score = chain, sample.blocks, sample.score
        self._before = Replayed(sample, plane, stages, channels_last=False)
        weights = [self._before.triple(k.weight, transposed=k.transposed) for k in chain.links]
        biases = [
            self._before.triple(k.bias) if k.bias is not None else w.new_zeros(3, w.shape[1])
            for k, w in zip(chain.links, weights, strict=True)
        ]
        triples = [t for pair in zip(weights, biases, strict=True) for t in pair]
        self._later = torch.cat([t.flatten(1) for t in triples], dim=1) if triples else plane.origin.new_zeros(3, 0)
        self._shapes = [t.shape[1:] for t in triples]
        self._rooms: dict[int, Tensor] = {}
        examples = max(b.count for b in sample.blocks)
        width = max([stages[0].program.shapes[chain.head][1], *(b.shape[1] for b in biases)])
        self.chunk = max(1, BUFFER_BYTES // (self._later.element_size() * width * examples))
        self.tile = -(-64 // self.chunk) * self.chunk

    def prepare(self, k: int) -> Affine:
        """The head's parts for block ``k``."""
        parts = self._before.prepare(k).affine[self._chain.head]
        return Affine(torch.stack([p.T for p in parts]))

    def _room(self, k: int, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Memory for the ``k``-th value of some points, the same each time: it stays in the cache."""
        size = math.prod(shape)
        if k not in self._rooms or self._rooms[k].numel() < size:
            self._rooms[k] = like.new_empty(size)
        return self._rooms[k][:size].view(shape)

    def measure(self, prepared: Affine, k: int, where: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and right answers of block ``k`` at the points ``where`` [g, 2]."""
        place = where.to(prepared.parts)
        coefficients = torch.cat([torch.ones_like(place[:, :1]), place], dim=1)
        later = (coefficients @ self._later).split([s.numel() for s in self._shapes], dim=1) if self._shapes else ()
        parameters = [p.view(-1, *s) for p, s in zip(later, self._shapes, strict=True)]
        parts = prepared.parts
        h = torch.mm(coefficients, parts.flatten(1), out=self._room(0, (len(where), parts[0].numel()), parts))
        h = h.view(-1, *parts.shape[1:])
        for act in self._chain.activations:
            h = act(h)
        for number, (link, weight, bias) in enumerate(
            zip(self._chain.links, parameters[::2], parameters[1::2], strict=True), start=1
        ):
            room = self._room(number, (len(where), weight.shape[1], h.shape[2]), h)
            h = torch.baddbmm(bias[:, :, None], weight, h, out=room)
            for act in link.activations:
                h = act(h)
        return self._score.several(h, self._blocks[k])
