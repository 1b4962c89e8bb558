"""From the spec of a plane to the plane."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from thalweg.core.parameters import Layout
from thalweg.core.plane.direction import Direction, DirectionError, check_layers
from thalweg.core.plane.gradient import descent
from thalweg.core.plane.hessian import hessian_steps
from thalweg.core.plane.plane import Plane
from thalweg.core.plane.random import random_direction
from thalweg.core.plane.towards import towards
from thalweg.core.plane.weight import single_weight
from thalweg.core.problem import Problem
from thalweg.core.scene import AxisSpec, PlaneSpec
from thalweg.core.scene.axis import RUN_FILE
from thalweg.core.store.run_file import RunFileError, read

Given = tuple[Direction | None, Direction | None]
"""The directions of those axes that are read off a run's history."""


def lay(
    problem: Problem, origin: Tensor, spec: PlaneSpec, given: Given = (None, None)
) -> Generator[object, None, Plane]:
    """The plane of this spec at ``origin`` [size]; a generator that may be left at each of its yields.

    ``given`` are the directions of the axes with ``from_history``. Raises DirectionError with a sentence when there is
    no such plane.
    """
    axes = (spec.x, spec.y)
    found: list[Direction | None] = list(given)
    gradient: Tensor | None = None
    for i, axis in enumerate(axes):
        check_layers(axis.layers, len(problem.layout.layers))
        match axis.kind:
            case "gradient":
                if gradient is None:
                    gradient = problem.gradient(origin, problem.first(spec.examples))
                    yield None
                found[i] = descent(gradient, axis.layers, problem.layout, axis.vectors)
            case "random":
                found[i] = random_direction(problem, origin, axis.layers, axis.seed, axis.normalisation, axis.vectors)
            case "weight":
                found[i] = single_weight(problem, origin, axis.layers[0], axis.source, axis.target)
            case "towards" if not axis.from_history:
                found[i] = _towards_run_file(problem, origin, axis)
    yield from _eigenvectors(problem, origin, spec, found)
    x, y = found
    if x is None or y is None:
        name = "horizontal" if x is None else "vertical"
        raise DirectionError(f"the {name} axis is read off the run, and nothing of it was recorded")
    if spec.x.kind == spec.y.kind == "random" and spec.x.normalisation == spec.y.normalisation == "filter":
        y = perpendicular_by_filters(y, x, problem.layout)
    elif spec.x.kind == spec.y.kind == "random":
        y = perpendicular(y, x, problem.layout.mask(spec.y.layers, spec.y.vectors).to(origin))
    origin = origin.clone()
    if spec.counted == "zero":
        for i, axis in enumerate(axes):
            if axis.kind == "weight":
                origin[(x, y)[i].vector != 0] = 0
        x, y = (replace(d, unit="value") if a.kind == "weight" else d for d, a in zip((x, y), axes, strict=True))
    return Plane(origin, x, y)


def _eigenvectors(
    problem: Problem, origin: Tensor, spec: PlaneSpec, found: list[Direction | None]
) -> Generator[object, None, None]:
    """Put the Hessian's eigenvectors into ``found``: one search for both axes when they have the same layers."""
    searches: dict[tuple[object, ...], list[int]] = {}
    for i, axis in enumerate((spec.x, spec.y)):
        if axis.kind == "hessian":
            searches.setdefault((frozenset(axis.layers), axis.vectors), []).append(i)
    for numbers in searches.values():
        axes = [(spec.x, spec.y)[i] for i in numbers]
        counts = {e: max((a.rank for a in axes if a.end == e), default=0) for e in ("largest", "most negative")}
        ends = yield from hessian_steps(
            problem,
            origin,
            axes[0].layers,
            spec.examples,
            largest=counts["largest"],
            smallest=counts["most negative"],
            vectors=axes[0].vectors,
        )
        for i, axis in zip(numbers, axes, strict=True):
            found[i] = ends.direction(axis.end, axis.rank, origin)


def _towards_run_file(problem: Problem, origin: Tensor, axis: AxisSpec) -> Direction:
    named = RUN_FILE.fullmatch(axis.towards)
    assert named is not None
    path = Path(named["path"]).expanduser()
    try:
        recording = read(path)
    except RunFileError as e:
        raise DirectionError(f"towards: {e}") from e
    line = recording.whole_of(recording.front)
    at = line.nearest(int(named["step"]) if named["step"] else None)
    name = f"step {line.steps[at]:,} of {path.name}"
    return towards(
        origin, torch.from_numpy(np.array(line.parameters[at])), axis.layers, problem.layout, name, axis.vectors
    )


def perpendicular_by_filters(y: Direction, x: Direction, layout: Layout) -> Direction:
    """``y`` made perpendicular to ``x`` filter by filter, each filter of it keeping its norm.

    So two filter-normalised directions are perpendicular, and stay filter-normalised: the plane of a ReLU network does
    not change when one layer is scaled up and the next down. A filter of one weight that moves along ``x`` rests, if
    there are others.
    """
    rest = y.vector.double().clone()
    for u, v in zip(layout.views(x.vector.double()).values(), layout.views(rest).values(), strict=True):
        along, across = (t.flatten(1) if t.dim() > 1 else t.view(1, -1) for t in (u, v))
        norm, length = across.norm(dim=1, keepdim=True), along.norm(dim=1, keepdim=True)
        unit = along / length.clamp_min(torch.finfo(length.dtype).tiny)
        apart = across - (across * unit).sum(1, keepdim=True) * unit
        left = apart.norm(dim=1, keepdim=True)
        across.copy_(torch.where(left > 1e-6 * norm, apart * (norm / left.clamp_min(1e-300)), 0.0))
    if not rest.norm() > 1e-3 * y.vector.double().norm():  # filters of one weight, or the same direction
        return perpendicular(y, x, (y.vector != 0).to(y.vector))
    return replace(y, vector=rest.to(y.vector))


def perpendicular(y: Direction, x: Direction, mask: Tensor) -> Direction:
    """``y`` made perpendicular to ``x``, as a random second axis is to be (Li et al. 2018).

    What is taken away is a multiple of ``x`` within the layers of ``y``, so that no other layer begins to move.
    """
    u, v = x.vector.double(), y.vector.double()
    inside = u * mask.double()
    shared = inside @ inside
    rest = v - (u @ v) / shared * inside if shared > 0 else v
    if rest.norm() < 1e-3 * v.norm():
        cosine = float(u @ v / (u.norm() * v.norm()))
        raise DirectionError(f"the two axes are parallel (cosine {cosine:.4f}); choose another seed for one of them")
    return replace(y, vector=rest.to(y.vector))
