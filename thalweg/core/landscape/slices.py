"""One-dimensional slices: the loss along one layer's own direction, everything else standing still.

The picture that answers "is the loss flat in the early layers, or only *here*?": the same movement of one layer is
drawn once with the other layers where they are, and once with the other layers where they were, or will be
(``others``). Slope and curvature at the point are exact, so that tangent and parabola can be drawn beside the loss.
"""

from __future__ import annotations

import copy
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from thalweg.core.landscape.evaluators import evaluator_for
from thalweg.core.plane.direction import Direction, DirectionError
from thalweg.core.plane.gradient import negative_gradient
from thalweg.core.plane.plane import Plane
from thalweg.core.plane.random import random_direction
from thalweg.core.plane.towards import towards
from thalweg.core.problem import Batch, Problem

SliceKind = Literal["gradient", "random", "towards", "way"]

EXAMPLES = 256
"""Examples that are differentiated twice together: the graph of a second derivative is several times a gradient's."""


@dataclass(frozen=True)
class Slice:
    """The loss along one direction of one layer.

    ``t`` [n] ascends and contains 0 exactly, in units of ``unit``; ``loss`` [n] in the objective's unit (float64),
    ``accuracy`` [n] from 0 to 1. ``slope`` = g . d and ``curvature`` = d' H d are the first and second derivative of
    the loss with respect to t at t = 0, in loss per unit and per squared unit. ``layer`` is numbered from 1; 0 are all
    layers together.
    ``others`` names the values that the other layers have: one of the keys given to :func:`slices`, or "".
    """

    layer: int
    kind: SliceKind
    others: str
    label: str
    unit: str
    t: np.ndarray
    loss: np.ndarray
    accuracy: np.ndarray
    slope: float
    curvature: float

    @property
    def value(self) -> float:
        """The loss at t = 0."""
        return float(self.loss[np.searchsorted(self.t, 0.0)])

    def tangent(self, t: np.ndarray) -> np.ndarray:
        """The straight line that touches the loss at t = 0; same shape as ``t``."""
        line: np.ndarray = self.value + self.slope * t
        return line

    def parabola(self, t: np.ndarray) -> np.ndarray:
        """The parabola with the loss's value, slope and curvature at t = 0; same shape as ``t``."""
        curve: np.ndarray = self.tangent(t) + self.curvature / 2 * t**2
        return curve


@dataclass(frozen=True)
class NoSlice:
    """A layer that has no such direction here, as one whose gradient is zero; ``reason`` says why."""

    layer: int
    kind: SliceKind
    reason: str


def with_zero(coordinates: np.ndarray) -> np.ndarray:
    """The coordinates ascending, each once, with 0 among them exactly; float64 [n] or [n + 1].

    Values that differ from 0 by rounding only (1e-12 of the largest) become 0. Raises ValueError where a coordinate
    is not finite.
    """
    values = np.asarray(coordinates, dtype=np.float64).ravel()
    if not np.isfinite(values).all():
        raise ValueError("coordinates: not all of them are finite")
    values = np.where(np.abs(values) <= 1e-12 * np.abs(values).max(initial=0.0), 0.0, values)
    return np.union1d(values, [0.0])


def slices(
    problem: Problem,
    origin: Tensor,
    coordinates: np.ndarray,
    *,
    examples: int = 1000,
    kinds: tuple[SliceKind, ...] = ("gradient", "random"),
    layers: tuple[int, ...] = (),
    seed: int = 1,
    target: Tensor | None = None,
    others: Mapping[str, Tensor] | None = None,
) -> Iterator[Slice | NoSlice | None]:
    """The slices of each layer through ``origin`` [size], a generator that can be left at any of its yields.

    It yields None after every few points, and one Slice, or NoSlice, for every layer, kind and entry of ``others``, in
    this order. The network is evaluated as a landscape is: in evaluation mode, on a copy, over the first ``examples``
    training examples; nothing of the problem is changed.

    kinds: "gradient" is the unit negative gradient of the layer at ``origin`` (unit: distance); "random" a Gaussian
    direction scaled filter by filter (Li et al. 2018; ``seed``); "towards" leads to the layer's values in ``target``
    [size], which it reaches at t = 1; "way" comes from there, where it was at t = -1 (linear interpolation, Goodfellow
    et al. 2015).
    layers: numbers from 1, and 0 for all of them together; none means each.
    others: vectors [size] that the *other* layers take their values from, by name, as {"initial": ..., "trained":
    ...}; the layer's own value and its direction stay those at ``origin``. None: they stay at ``origin`` too.

    The derivatives are those of automatic differentiation, differentiated twice along the direction: g . d and
    d' H d (Pearlmutter 1994), to the precision of the parameters; where a ReLU is at its kink, those of the side that
    torch takes. Raises ValueError for a layer number, a vector's shape or a kind that does not fit.
    """
    count = len(problem.layout.layers)
    if wrong := [n for n in layers if not 0 <= n <= count]:
        raise ValueError(f"layers: {wrong[0]} is not between 0 (all layers) and {count}")
    if target is None and (needy := [k for k in kinds if k in ("towards", "way")]):
        raise ValueError(
            f"target: none was given; a slice of the kind {needy[0]!r} needs the parameters at its other end"
        )
    for name, vector in {"origin": origin, "target": target, **(others or {})}.items():
        if vector is not None and vector.shape != (problem.layout.size,):
            raise ValueError(f"{name}: shape {tuple(vector.shape)}, expected ({problem.layout.size},)")
    with torch.inference_mode(False):
        still = replace(problem, module=copy.deepcopy(problem.module).eval())
        begin = origin.detach().clone()
    return _each(still, begin, with_zero(coordinates), examples, kinds, layers, seed, target, others)


def _each(
    problem: Problem,
    origin: Tensor,
    t: np.ndarray,
    examples: int,
    kinds: tuple[SliceKind, ...],
    layers: tuple[int, ...],
    seed: int,
    target: Tensor | None,
    others: Mapping[str, Tensor] | None,
) -> Iterator[Slice | NoSlice | None]:
    batch = problem.first(examples)
    for layer in layers or range(1, len(problem.layout.layers) + 1):
        span = problem.layout.layers[layer - 1].span if layer else slice(None)
        for kind in kinds:
            try:
                direction = _direction(problem, origin, layer, kind, examples, seed, target)
            except DirectionError as e:
                yield NoSlice(layer, kind, str(e))
                continue
            for name, rest in (others or {"": origin}).items():
                point = rest.detach().to(origin).clone()
                point[span] = origin[span]
                loss, accuracy = yield from _along(problem, point, direction, batch, t)
                slope, curvature = yield from _derivatives(problem, point, direction.vector, batch)
                yield Slice(
                    layer, kind, name, direction.label, direction.unit, t, loss, accuracy, slope, curvature
                )  # fmt: skip


def _direction(
    problem: Problem,
    origin: Tensor,
    layer: int,
    kind: SliceKind,
    examples: int,
    seed: int,
    target: Tensor | None,
) -> Direction:
    layers = (layer,) if layer else ()
    match kind:
        case "gradient":
            with differentiable():
                return negative_gradient(problem, origin, layers, examples)
        case "random":
            return random_direction(problem, origin, layers, seed)
        case "towards":
            assert target is not None
            return towards(origin, target.detach(), layers, problem.layout, "the target")
        case "way":
            assert target is not None
            back = towards(origin, target.detach(), layers, problem.layout, "the start")
            return Direction(-back.vector, back.label.replace("towards", "away from", 1), back.unit)


def _along(
    problem: Problem, point: Tensor, direction: Direction, batch: Batch, t: np.ndarray
) -> Generator[None, None, tuple[np.ndarray, np.ndarray]]:
    """Loss and accuracy [n] at ``point + t direction``: the grid's evaluator on a plane whose second axis stands."""
    nothing = Direction(torch.zeros_like(point), "", "")
    evaluator = evaluator_for(problem, Plane(point, direction, nothing), batch)
    loss, accuracy = np.full(len(t), np.nan), np.full(len(t), np.nan)
    for part, losses, right in evaluator.evaluate(np.stack([t, np.zeros_like(t)], axis=1)):
        loss[part], accuracy[part] = losses, right
        yield None
    return loss, accuracy


def _derivatives(
    problem: Problem, point: Tensor, direction: Tensor, batch: Batch
) -> Generator[None, None, tuple[float, float]]:
    """First and second derivative of the mean loss along ``direction`` at ``point``; None after every block."""
    slope = curvature = 0.0
    for inputs, labels in zip(batch[0].split(EXAMPLES), batch[1].split(EXAMPLES), strict=True):
        first, second = _twice(problem, point, direction, (inputs, labels))
        slope += first * (len(labels) / len(batch[1]))
        curvature += second * (len(labels) / len(batch[1]))
        yield None
    return slope, curvature


def _twice(problem: Problem, point: Tensor, direction: Tensor, block: Batch) -> tuple[float, float]:
    # d/dt L(p + t d) = g . d and d²/dt² = d' H d: the scalar t is all that is differentiated for
    with differentiable():
        t = point.new_zeros((), requires_grad=True)
        moved = point.clone() + t * direction.clone()  # clones: what was made in inference mode has no gradient
        loss = problem.loss(problem.layout.views(moved), block)
        (first,) = torch.autograd.grad(loss, t, create_graph=True)
        if not first.requires_grad:  # the loss is linear in t
            return first.item(), 0.0
        (second,) = torch.autograd.grad(first, t, allow_unused=True, materialize_grads=True)
    return first.item(), second.item()


@contextmanager
def differentiable() -> Iterator[None]:
    """Gradients on, whatever the caller set, by operations that can be differentiated twice in evaluation mode.

    cuDNN's recurrent layers and the fused attention kernels cannot; torch's plain ones can.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        yield
