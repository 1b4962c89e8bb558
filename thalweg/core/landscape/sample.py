"""What is evaluated at the points of a plane: a module's copy, blocks of examples, and how outputs are scored."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call

from thalweg.core.landscape.program import copied, own_buffers
from thalweg.core.parameters import Layout
from thalweg.core.problem import BLOCK, Batch, Problem
from thalweg.core.training.objectives import Objective

KEPT_CLASSES = 32
"""Up to so many classes, the places of a block's labels are kept."""


@dataclass(frozen=True)
class Block:
    """Examples that pass through the network together: ``module(*args, **kwargs)`` is compared with ``targets``."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    targets: Any
    count: int
    _marks: dict[int, Tensor] = field(default_factory=dict, repr=False, compare=False)

    def marks(self, scores: Tensor) -> Tensor | None:
        """Where the labels stand among scores [g, classes, n], kept; None where they are too many to be kept."""
        classes = scores.shape[1]
        if classes > KEPT_CLASSES:
            return None
        if classes not in self._marks:
            self._marks[classes] = marked(self.targets, classes, scores)
        return self._marks[classes]


class Score(Protocol):
    """Loss and right answers of outputs, both summed over the examples of a block; float64."""

    def one(self, outputs: Any, block: Block) -> tuple[Tensor, Tensor]:
        """Of the outputs at one point; scalars."""

    def several(self, scores: Tensor, block: Block) -> tuple[Tensor, Tensor]:
        """Of the scores [g, classes, n] at g points; [g]."""


@dataclass(frozen=True)
class Sample:
    """A module of its own, in the modes that it is evaluated in, with blocks of examples and their score.

    ``seed`` is that of torch's random numbers at each point; ``cuttable`` says that blocks may be cut by
    examples, ``guarded`` that a pass gets copies of its inputs.
    """

    module: nn.Module
    layout: Layout
    blocks: tuple[Block, ...]
    score: Score
    seed: int = 1
    cuttable: bool = True
    guarded: bool = False

    @property
    def count(self) -> int:
        """How many examples there are."""
        return sum(b.count for b in self.blocks)

    def cut(self, examples: int) -> Sample:
        """The same in blocks of at most so many examples, where they may be cut."""
        if not self.cuttable or all(b.count <= examples for b in self.blocks):
            return self
        parts = [part for b in self.blocks for part in pieces(b, examples)]
        return replace(self, blocks=tuple(parts))

    def at(self, vector: Tensor) -> tuple[float, float]:
        """Mean loss and share of right answers at the parameters ``vector`` [size]: one plain pass over the blocks.

        Buffers and torch's random numbers are the same each time, whatever a pass did.
        """
        parameters = typed(self, vector)
        loss = right = 0.0
        with own_buffers(self.module), randomness(vector.device, self.seed):
            for block in self.blocks:
                outputs = self.outputs(parameters, block)
                losses, answers = self.score.one(outputs, block)
                loss, right = loss + losses.item(), right + answers.item()
        return loss / self.count, right / self.count

    def outputs(self, parameters: dict[str, Tensor], block: Block) -> Any:
        """The module's output for a block, by a plain pass."""
        args, kwargs = copied((block.args, block.kwargs)) if self.guarded else (block.args, block.kwargs)
        return functional_call(self.module, parameters, args, dict(kwargs))


def typed(sample: Sample, vector: Tensor) -> dict[str, Tensor]:
    """The parameters by name as views of ``vector`` [size], each of the module's own type and on its device."""
    own = dict(sample.module.named_parameters(remove_duplicate=False))
    return {n: v.to(own[n]) for n, v in sample.layout.views(vector).items()}


def pieces(block: Block, examples: int) -> Iterator[Block]:
    """A block cut by its examples, along the first axis of every tensor that has as many."""
    for start in range(0, block.count, examples):
        part = slice(start, min(start + examples, block.count))
        args, kwargs, targets = (_part(v, part, block.count) for v in (block.args, block.kwargs, block.targets))
        yield Block(args, kwargs, targets, part.stop - part.start)


def _part(value: Any, part: slice, count: int) -> Any:
    if isinstance(value, Tensor):
        return value[part] if value.dim() and len(value) == count else value
    if isinstance(value, Mapping):
        return {k: _part(v, part, count) for k, v in value.items()}
    if isinstance(value, tuple | list):
        parts = [_part(v, part, count) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value


@torch.inference_mode(False)
def sample_of(problem: Problem, batch: Batch) -> Sample:
    """A batch of a problem, its network in evaluation mode."""
    module = copy.deepcopy(problem.module).eval()
    inputs, labels = (t.clone() if t.is_inference() else t for t in batch)
    block = Block((inputs,), {}, labels, len(labels))
    return Sample(module, problem.layout, tuple(pieces(block, BLOCK)), ObjectiveScore(problem.objective))


@dataclass(frozen=True)
class ObjectiveScore:
    """The score of an objective: its loss of class scores, and the share of labels with the highest score."""

    objective: Objective
    _rooms: dict[tuple[torch.dtype, torch.device], Tensor] = field(default_factory=dict, repr=False, compare=False)

    def one(self, outputs: Any, block: Block) -> tuple[Tensor, Tensor]:
        """Of scores [n, classes]."""
        loss, right = self.several(outputs.T.contiguous()[None], block)
        return loss[0], right[0]

    def several(self, scores: Tensor, block: Block) -> tuple[Tensor, Tensor]:
        """Of scores [g, classes, n], the layout that the softmax is fastest in."""
        room = self._room(scores)
        right = right_answers(scores, block.targets, block.marks(scores), room)
        loss = self.objective.per_example(scores, block.targets, 1, room).sum(1, dtype=torch.float64)
        return loss, right

    def _room(self, scores: Tensor) -> Tensor:
        """Memory of the shape of the scores, the same each time: it stays in the cache, and no page is mapped anew."""
        key, size = (scores.dtype, scores.device), scores.numel()
        if key not in self._rooms or self._rooms[key].numel() < size:
            self._rooms[key] = torch.empty(size, dtype=scores.dtype, device=scores.device)
        return self._rooms[key][:size].view(scores.shape)


@dataclass(frozen=True)
class GivenScore:
    """The score of two functions (outputs, targets), each to a mean or to a value for each example."""

    loss: Callable[[Any, Any], Any]
    accuracy: Callable[[Any, Any], Any]

    def one(self, outputs: Any, block: Block) -> tuple[Tensor, Tensor]:
        """The means times the number of examples."""
        loss = _mean(self.loss(outputs, block.targets), "loss") * block.count
        return loss, _mean(self.accuracy(outputs, block.targets), "accuracy") * block.count

    def several(self, scores: Tensor, block: Block) -> tuple[Tensor, Tensor]:
        """Of scores [g, classes, n], point by point."""
        found = [self.one(s.T, block) for s in scores]
        return torch.stack([f[0] for f in found]), torch.stack([f[1] for f in found])


def _mean(value: Any, name: str) -> Tensor:
    """A loss, or the losses of the examples, as one float64 on the CPU."""
    found = torch.as_tensor(value).detach().cpu()
    if found.numel() == 0:
        raise ValueError(f"{name}: gives a tensor without elements; expected a scalar, or a value for each example")
    return found.double().mean()


def right_answers(scores: Tensor, labels: Tensor, marks: Tensor | None = None, room: Tensor | None = None) -> Tensor:
    """How many of the labels [n] have the highest of the scores [g, classes, n]; float64 [g].

    The first class wins a tie, as argmax has it; NaN where a score is. ``marks`` [classes n] are those of
    :func:`marked`, for labels that are asked about often; ``room`` is memory of the scores' shape and type.
    """
    marks = marked(labels, scores.shape[1], scores) if marks is None else marks
    top = scores.amax(1, keepdim=True)
    # floats are compared faster into floats than into booleans; their sums are exact below 2^24
    highest = torch.eq(scores, top, out=torch.empty_like(scores) if room is None else room).view(len(scores), -1)
    right, odd = (highest @ marks).double(), highest.sum(1) != len(labels)
    if odd.any():  # a tie, or no number: argmax decides, but it is many times slower
        some = scores[odd]
        decided = (some.argmax(1) == labels).sum(1).double().masked_fill(top[odd].isnan().any(2).any(1), torch.nan)
        right = right.masked_scatter(odd, decided)
    return right


def marked(labels: Tensor, classes: int, like: Tensor) -> Tensor:
    """A one for each label's place among the scores [classes, n], otherwise zeros; [classes n]."""
    return like.new_zeros(classes, len(labels)).scatter_(0, labels[None], 1).view(-1)


@contextmanager
def randomness(device: torch.device, seed: int) -> Iterator[None]:
    """Torch's random numbers from this seed inside, and as if nothing had been drawn outside."""
    generators = [torch.default_generator]
    if device.type == "cuda":
        generators.append(torch.cuda.default_generators[device.index or 0])
    states = [g.get_state() for g in generators]
    try:
        for g in generators:
            g.manual_seed(seed)
        yield
    finally:
        for g, state in zip(generators, states, strict=True):
            g.set_state(state)
