"""Directions that are read off what happened in a run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from thalweg.core.curvature.steps import finish
from thalweg.core.messages import GivenAxis
from thalweg.core.parameters import Layout
from thalweg.core.plane.direction import Direction, DirectionError, check_layers
from thalweg.core.plane.principal import Components, principal_steps
from thalweg.core.plane.projection import Past
from thalweg.core.plane.towards import towards
from thalweg.core.plane.update import last_update
from thalweg.core.scene import AxisSpec

SNAPSHOTS = 128
"""Snapshots that principal components are taken of at most: of a longer trajectory, evenly spaced ones."""


@dataclass(frozen=True)
class Recorded:
    """A past that is over: the parameters [n, size] at these steps [n]."""

    steps: np.ndarray
    parameters: Tensor

    def rows(self, chosen: slice = slice(None)) -> Tensor:
        """The parameters of some of the steps."""
        return self.parameters[chosen]


def given_axes(
    axes: tuple[AxisSpec, ...], past: Past, step: int, current: Tensor, before: Tensor | None, layout: Layout
) -> tuple[GivenAxis | None, ...]:
    """The directions of those axes with ``from_history``, for the run that stands at ``step``; None for other axes.

    ``current`` are the parameters [size] there, ``before`` those before the last step, if they were kept. Where there
    is no such direction, or not yet, the sentence is in ``reason``.
    """
    components = _Components(axes, past, step, current, layout)
    found: list[GivenAxis | None] = []
    for axis in axes:
        try:
            direction = _direction(axis, components, past, step, current, before, layout) if axis.from_history else None
        except DirectionError as e:
            found.append(GivenAxis(np.empty(0, np.float32), reason=str(e)))
        else:
            found.append(_sent(direction) if direction else None)
    return tuple(found)


def _sent(direction: Direction) -> GivenAxis:
    return GivenAxis(direction.vector.detach().cpu().numpy().copy(), direction.label, direction.unit)


def _direction(
    axis: AxisSpec,
    components: _Components,
    past: Past,
    step: int,
    current: Tensor,
    before: Tensor | None,
    layout: Layout,
) -> Direction:
    check_layers(axis.layers, len(layout.layers))
    if axis.kind == "principal":
        return components.of(axis).direction(axis.rank, current)
    if axis.kind == "update":
        if before is None:
            raise DirectionError("the last update is known once another step was taken")
        return last_update(before, current, axis.layers, layout, axis.vectors)
    if axis.towards == "start":
        return towards(current, past.rows(slice(0, 1))[0], axis.layers, layout, "the start", axis.vectors)
    wanted = int(axis.towards)
    if wanted > step:
        raise DirectionError(f"the run has not come to step {wanted:,}; it is at step {step:,}")
    at = int(abs(past.steps - wanted).argmin())
    found = int(past.steps[at])
    name = f"step {found:,}" + (f", the recorded step nearest to {wanted:,}," if found != wanted else "")
    return towards(current, past.rows(slice(at, at + 1))[0], axis.layers, layout, name, axis.vectors)


class _Components:
    """The principal components that some axes ask for, computed once for axes of the same layers."""

    def __init__(self, axes: tuple[AxisSpec, ...], past: Past, step: int, current: Tensor, layout: Layout) -> None:
        self._count = max((a.rank for a in axes if a.kind == "principal"), default=0)
        self._rows = partial(_spaced, past, step, current)
        self._layout = layout
        self._known: dict[object, Components] = {}

    def of(self, axis: AxisSpec) -> Components:
        """Those that this axis is one of; raises DirectionError when there are none."""
        key = (frozenset(axis.layers), axis.vectors, axis.centre)
        if key not in self._known:
            steps = principal_steps(self._rows(), axis.layers, self._layout, self._count, axis.centre, axis.vectors)
            self._known[key] = finish(steps)
        return self._known[key]


def _spaced(past: Past, step: int, current: Tensor) -> Tensor:
    """Evenly spaced snapshots up to the current point [n, size]."""
    every = -(-len(past.steps) // SNAPSHOTS)
    rows = past.rows(slice(None, None, every))
    at_end = past.steps[::every][-1] == step
    return rows if at_end else torch.cat([rows, current[None]])
