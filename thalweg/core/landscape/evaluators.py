"""Which way of computing the loss at points of a plane suits a network."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from thalweg.core.landscape import dense_chain
from thalweg.core.landscape.dense_chain import DenseChain, chain_of
from thalweg.core.landscape.memoised import Memoised
from thalweg.core.landscape.on_surface import OnSurface
from thalweg.core.landscape.pointwise import Pointwise
from thalweg.core.landscape.program import NotStaticError, Program, copied, leaves, mapped, own_buffers, record, same
from thalweg.core.landscape.replayed import Replayed
from thalweg.core.landscape.sample import GivenScore, Sample, pieces, randomness, sample_of, typed
from thalweg.core.landscape.stages import Stages, convolves, cut
from thalweg.core.landscape.statistics import ReEstimated, Statistics
from thalweg.core.landscape.tiled import Part, Plan, Tiled
from thalweg.core.networks.surface import Surface
from thalweg.core.plane.plane import Plane
from thalweg.core.problem import Batch, Problem

CONVOLVED = 128
"""Examples in one block of a network with convolutions: their activations are larger."""

RECURRED = 512
"""Examples in one block of a network with a recurrence."""

_RECURRENT = {"lstm", "gru", "rnn_tanh", "rnn_relu"}

ACTIVATION_BYTES = 2**24
"""Memory for all the activations of one block of examples."""

TRIED = 32
"""Examples that a way of computing is tried on."""

ROUGHNESS = 10
"""How many times the change of the loss by the parameters' last bits two ways of computing may differ by."""

_PLACES = ((0.0, 0.0), (0.37, -0.81), (-23.0, 17.0))


class Evaluator(Protocol):
    """Computes loss and accuracy at points of one plane, for one batch."""

    def evaluate(self, points: np.ndarray) -> Iterator[Part]:
        """Loss and accuracy at the coordinates ``points`` [n, 2], a few points at a time."""


@dataclass(frozen=True)
class Way:
    """What was found out about a network where some of its parameters move: enough to go the same way again."""

    guarded: bool
    cuttable: bool
    block: int
    program: Program


Ways = dict[tuple[object, ...], Way]
"""Ways by what they hold for; for one problem, and kept by whoever asks for many landscapes of it."""


def evaluator_for(
    problem: Problem,
    plane: Plane,
    batch: Batch,
    statistics: Statistics = "stored",
    ways: Ways | None = None,
) -> Evaluator:
    """The fastest evaluator that is known to be right for a network; see :func:`fastest`.

    statistics: BatchNorm's; "stored" as in evaluation, "re-estimated" over the batch at each point.
    """
    if isinstance(problem.module, Surface):
        return OnSurface(problem.module, plane)
    sample = sample_of(problem, batch)
    normalised = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in sample.module.modules())
    if statistics == "re-estimated" and normalised:
        return ReEstimated(sample.cut(CONVOLVED), plane)
    return fastest(sample, plane, {} if ways is None else ways)


@torch.inference_mode(False)
@torch.no_grad()
def fastest(sample: Sample, plane: Plane, ways: Ways | None = None) -> Evaluator:
    """An evaluator that knows the module from what it does, or the plain loop.

    It is tried on a few examples at three points, one of them far out, against the plain loop: where the two do not
    agree, and where anything is in the way, the plain loop it is. A way that is among ``ways`` was tried before.
    """
    plain = replace(sample, cuttable=False)
    ways = {} if ways is None else ways
    key = (*moving(sample, plane), sample.count, str(plane.origin.device), str(plane.origin.dtype))
    try:
        if way := ways.get(key):
            again = replace(sample, guarded=way.guarded, cuttable=way.cuttable).cut(way.block)
            return Tiled(again, planned(again, plane, way.program)[0], plane.origin.device)
        sample = replace(sample, guarded=_written(sample, plane))
        sample = plain = replace(sample, cuttable=divisible(sample, plane))
        small = _first(sample, TRIED)
        plan, program = planned(small, plane, None)
        _agree(small, plane, Tiled(small, plan, plane.origin.device))
        block = together(program, small.blocks[0].count)
        sample = sample.cut(block)
        plan, _ = planned(sample, plane, program)
        ways[key] = Way(sample.guarded, sample.cuttable, block, program)
        return Tiled(sample, plan, plane.origin.device)
    except Exception:  # whatever is in the way; what the module itself raises, the plain loop will
        convolves_here = any(isinstance(m, nn.Conv1d | nn.Conv2d | nn.Conv3d) for m in sample.module.modules())
        return remembering(plain.cut(CONVOLVED if convolves_here else dense_chain.EXAMPLES), plane)


def remembering(sample: Sample, plane: Plane) -> Evaluator:
    """The plain loop, with calls remembered that give the same at every point where that turns out to be faster."""
    plainly = Pointwise(sample, plane)
    try:
        few = _first(sample, TRIED)
        _agree(few, plane, Tiled(few, Memoised(few, plane), plane.origin.device))
        found = Tiled(sample, Memoised(sample, plane), plane.origin.device)
        points = np.array(_PLACES[:2])
        for _ in found.evaluate(points[:1]):  # what is remembered is computed for the first time
            pass
        # to the last bit the two are the same, so that the choice by the clock changes no value
        return found if _seconds(found, points) < _seconds(plainly, points) else plainly
    except Exception:
        return plainly


def _seconds(evaluator: Evaluator, points: np.ndarray) -> float:
    """The processor's time for these points."""
    began = time.process_time()
    for _ in evaluator.evaluate(points):
        pass
    return time.process_time() - began


def together(program: Program, count: int) -> int:
    """How many examples are to pass through the network together, by the program of a block of ``count``."""
    numbers = sum(program.shapes[n].numel() for node in program.nodes for n in node.outputs)
    most = CONVOLVED if convolves(program.nodes) else dense_chain.EXAMPLES
    if any(node.name in _RECURRENT for node in program.nodes):
        most = RECURRED
    return max(1, min(most, ACTIVATION_BYTES * count // max(1, 4 * numbers)))


def planned(sample: Sample, plane: Plane, known: Program | None) -> tuple[Plan, Program]:
    """A plan for these blocks, and the program of the first; ``known`` is one of other blocks, which it is to be like.

    Raises NotStaticError where there is none, and whatever the module raises.
    """
    moves = moving(sample, plane)
    parameters = typed(sample, plane.origin if known is None else plane.at(0.5, 0.5))
    found: dict[Any, Stages] = {}
    stages: list[Stages] = []
    for block in sample.blocks:
        key = signature((block.args, block.kwargs))
        if key not in found:
            with randomness(plane.origin.device, sample.seed):
                program = record(sample.module, parameters, block.args, block.kwargs)
            known = known or program
            if not same(known, program):
                raise NotStaticError("the forward pass is not the same each time")
            found[key] = cut(program, moves)
        stages.append(found[key])
    chain = chain_of(stages[0])
    plan = DenseChain(sample, plane, stages, chain) if chain else Replayed(sample, plane, stages)
    assert known is not None
    return plan, known


def moving(sample: Sample, plane: Plane) -> list[str]:
    """The names of the parameters that move in a plane."""
    vectors = [sample.layout.views(v) for v in (plane.x.vector, plane.y.vector)]
    return [n for n in sample.layout.names if any(v[n].any() for v in vectors)]


def signature(value: Any) -> str:
    """What a program depends on of its inputs: their nesting, shapes and types, and what is no tensor."""
    return repr(mapped(value, lambda v: (tuple(v.shape), v.dtype) if isinstance(v, Tensor) else v))


def _first(sample: Sample, examples: int) -> Sample:
    """A few examples; where blocks cannot be cut, the first two, for one may leave something to the next."""
    if sample.cuttable:
        return replace(sample, blocks=(next(pieces(sample.blocks[0], examples)),))
    return replace(sample, blocks=sample.blocks[:2])


def _written(sample: Sample, plane: Plane) -> bool:
    """Whether a forward pass writes into its inputs."""
    block = _first(sample, TRIED).blocks[0]
    args, kwargs = copied((block.args, block.kwargs))
    given = [t for t in leaves((args, kwargs)) if isinstance(t, Tensor)]
    with own_buffers(sample.module), randomness(plane.origin.device, sample.seed):
        sample.outputs(typed(sample, plane.origin), replace(block, args=args, kwargs=kwargs))
    return any(t._version for t in given)


def divisible(sample: Sample, plane: Plane) -> bool:
    """Whether each example passes through the network on its own, so that it does not matter how they are cut.

    Of a person's own loss it is looked at on all examples, for it may weigh them as it likes.
    """
    if not sample.cuttable:
        return False
    try:
        few = sample if isinstance(sample.score, GivenScore) else _first(sample, TRIED)
        halves = few.cut(max(1, min(few.blocks[0].count // 2, CONVOLVED)))
        somewhere = plane.at(*_PLACES[1])
        return _close(few.at(somewhere)[0], halves.at(somewhere)[0])
    except Exception:  # as from targets that cannot be cut
        return False


def _agree(sample: Sample, plane: Plane, evaluator: Evaluator) -> None:
    """Raises NotStaticError where loss or accuracy are not those of the plain loop."""
    for part, losses, rights in evaluator.evaluate(np.array(_PLACES)):
        for k, loss, right in zip(range(part.start, part.stop), losses, rights, strict=True):
            expected = sample.at(plane.at(*_PLACES[k]))
            near = np.isnan(right) == np.isnan(expected[1]) and not abs(right - expected[1]) > 0.1
            same_loss = _close(expected[0], float(loss)) or _rough(
                sample, plane.at(*_PLACES[k]), expected[0], float(loss)
            )
            if not same_loss or not near:
                raise NotStaticError(f"loss {loss} and accuracy {right}, but the plain loop has {expected}")


def _rough(sample: Sample, vector: Tensor, expected: float, found: float) -> bool:
    """Whether the loss is no further off than the plain loop itself goes when the parameters' last bits change.

    Far out a recurrence can make much of little: there no way of computing is nearer to the truth than another.
    """
    beside = sample.at(torch.nextafter(vector, torch.full_like(vector, torch.inf)))[0]
    return abs(found - expected) <= ROUGHNESS * abs(beside - expected)


def _close(expected: float, found: float) -> bool:
    """Equal to float32's rounding, or both not finite."""
    if not np.isfinite(expected):
        return not np.isfinite(found)
    return abs(found - expected) <= 1e-4 * abs(expected) + 1e-5
