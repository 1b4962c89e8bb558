"""Landscapes on demand: the same in a worker process, in a test and on the command line."""

from __future__ import annotations

import copy
import time
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from thalweg.core import buffers
from thalweg.core import data as datasets
from thalweg.core.data import DataError
from thalweg.core.landscape.evaluators import Ways
from thalweg.core.landscape.grid import Landscape, axis, landscape, through
from thalweg.core.landscape.slices import NoSlice, Slice, slices
from thalweg.core.measures.curves import loss_and_accuracy
from thalweg.core.messages import (
    Failed,
    LandscapeEvent,
    Map,
    MapProgress,
    MapRequest,
    PlaneLaid,
    SliceCurve,
    SliceRequest,
    SlicesDrawn,
)
from thalweg.core.plane.direction import Direction, DirectionError
from thalweg.core.plane.lay import Given, lay
from thalweg.core.plane.plane import Plane
from thalweg.core.problem import Problem, build, initial_network
from thalweg.core.scene import RunSpec, SlicesSpec

PATIENCE = 1.0
"""Seconds after which it is told how far a map is, or the slices that there are so far are shown."""


class LandscapeService:
    """Answers map requests; remembers the problem, the plane and the last map, so that nothing is computed twice."""

    def __init__(self, device: str = "cpu", cache: Path | None = None) -> None:
        self._device, self._cache = device, cache
        self._problem: tuple[object, Problem] | None = None
        self._plane: tuple[object, Plane] | None = None
        self._map: tuple[object, Landscape] | None = None
        self._done = 0
        self._ways: Ways = {}

    def answer(self, request: MapRequest) -> Iterator[LandscapeEvent | None]:
        """The events that answer a request; None after every few grid points, where it may be left."""
        try:
            yield from self._answer(request)
        except (DirectionError, DataError, RuntimeError, MemoryError) as e:  # RuntimeError: torch's, of many kinds
            yield Failed(request.generation, f"No landscape: {e}", "landscape", request.number)

    def _answer(self, request: MapRequest) -> Iterator[LandscapeEvent | None]:
        began = time.perf_counter()
        problem = self._problem_of(request.run)
        laid, plane = yield from self._plane_of(problem, request)
        if laid:
            yield laid
        buffers.load(problem.module, self._tensor(request.buffers))
        point = self._tensor(request.point)
        if request.view.mode == "follow":
            plane = plane.through(point)
        batch = problem.first(request.view.examples)
        alpha, beta, _ = plane.project(point[None])[0]
        losses = [loss_and_accuracy(problem, v, batch)[0] for v in (point, plane.at(alpha, beta))]
        told = time.perf_counter()
        for found in self._landscapes(problem, plane, request, (float(alpha), float(beta))):
            if found is None:
                if time.perf_counter() - told < PATIENCE:
                    yield None
                    continue
                told = time.perf_counter()
                total = request.view.resolution**2
                yield MapProgress(request.generation, request.number, self._done, total, told - began)
                continue
            yield Map(
                generation=request.generation,
                number=request.number,
                plane=request.plane,
                step=request.step,
                laid_step=request.laid_step,
                view=request.view,
                x=found.x,
                y=found.y,
                loss=found.loss,
                accuracy=found.accuracy,
                evaluated=int(found.evaluated.sum()),
                complete=found.complete,
                examples=len(batch[1]),
                point=(float(alpha), float(beta)),
                loss_at_point=losses[0],
                loss_at_projection=losses[1],
                seconds=time.perf_counter() - began,
                labels=(plane.x.label, plane.y.label),
                units=(plane.x.unit, plane.y.unit),
                cosine=plane.cosine,
                line=request.line,
                surface=request.run.network.kind == "surface" and request.view.is_coordinates,
            )

    def slices(self, request: SliceRequest) -> Iterator[LandscapeEvent | None]:
        """The events that answer a request for slices; None after every few points, where it may be left for a map.

        What there is so far is told once in a while, the whole at the end.
        """
        view, told = request.view, time.perf_counter()
        try:
            problem = self._problem_of(request.run)
            # its own module: a map that comes between has the running statistics of another step
            problem = replace(problem, module=copy.deepcopy(problem.module))
            buffers.load(problem.module, self._tensor(request.buffers))
            vectors = {"now": self._tensor(request.point), "start": _start(problem, request.run)}
            if request.newest is not None:
                vectors["end"] = self._tensor(request.newest)
        except (DataError, RuntimeError) as e:
            yield Failed(request.generation, f"No slices: {e}", "slices", request.number)
            return
        newest = request.newest is None
        count, ways = len(problem.layout.layers), view.settings_at(newest)
        drawn = SlicesDrawn(
            generation=request.generation,
            number=request.number,
            step=request.step,
            view=view,
            layers=count,
            curves=(),
            total=view.total(count, newest),
            examples=min(view.examples, len(problem.train[1])),
            newest=None if newest else request.newest_step,
        )
        for found in _in_order(problem, vectors, view, ways):
            if found is None:
                yield None
                continue
            drawn = replace(drawn, curves=(*drawn.curves, *_curves(found, ways if found.layer else ("now",))))
            if drawn.complete or time.perf_counter() - told >= PATIENCE:
                told = time.perf_counter()
                yield drawn

    def _landscapes(
        self, problem: Problem, plane: Plane, request: MapRequest, at: tuple[float, float]
    ) -> Iterator[Landscape | None]:
        view = request.view
        # with other running statistics it is another function of the parameters, so a fixed map is computed again too
        statistics = request.buffers.tobytes()
        still = (request.generation, request.plane, request.x_range, request.y_range, view, statistics)
        if view.mode == "fixed" and self._map and self._map[0] == still:
            yield self._map[1]
            return
        # the point itself is on the grid; a map that stays is made for where it was laid
        place = (0.0, 0.0) if view.mode == "fixed" else at
        ranges = (request.x_range, request.y_range)
        x, y = (through(axis(*r, view.resolution), p) for r, p in zip(ranges, place, strict=True))
        for found in landscape(
            problem,
            plane,
            x,
            y,
            problem.first(view.examples),
            statistics=view.statistics,
            progress=self._note,
            ways=self._ways,
        ):
            if found and found.complete:
                self._map = (still, found)
            yield found

    def _note(self, done: int) -> None:
        self._done = done

    def _problem_of(self, run: RunSpec) -> Problem:
        key = (
            run.data,
            run.network,
            run.objective,
        )  # a landscape does not depend on how the network is trained
        if self._problem is None or self._problem[0] != key:
            self._problem = (key, build(run, datasets.load_for(run, self._cache), self._device))
            self._map, self._ways = None, {}
        return self._problem[1]

    def _plane_of(self, problem: Problem, request: MapRequest) -> Generator[None, None, tuple[PlaneLaid | None, Plane]]:
        key = (request.generation, request.plane)
        if self._plane and self._plane[0] == key:
            return None, self._plane[1]
        buffers.load(problem.module, self._tensor(request.laid_buffers))
        origin = self._tensor(request.laid)
        plane = yield from _each_step(lay(problem, origin, request.view, _given(request, origin)))
        self._plane = (key, plane)
        start, x, y = (_numpy(t) for t in (plane.origin, plane.x.vector, plane.y.vector))
        return PlaneLaid(
            generation=request.generation,
            plane=request.plane,
            step=request.laid_step,
            origin=start,
            x=x,
            y=y,
            labels=(plane.x.label, plane.y.label),
            units=(plane.x.unit, plane.y.unit),
            cosine=plane.cosine,
        ), plane

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).to(self._device)


def _given(request: MapRequest, like: torch.Tensor) -> Given:
    """The directions that came with the request; raises DirectionError with the reason where there is none."""
    found: list[Direction | None] = [None, None]
    for i, given in enumerate(request.given):
        if given is not None:
            if given.reason:
                raise DirectionError(given.reason)
            found[i] = Direction(torch.from_numpy(given.vector).to(like), given.label, given.unit)
    return found[0], found[1]


def _each_step(steps: Generator[object, None, Plane]) -> Generator[None, None, Plane]:
    """The same generator, with None for whatever it yields."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            plane: Plane = end.value
            return plane
        yield None


def _start(problem: Problem, run: RunSpec) -> torch.Tensor:
    """The parameters at the start of a run; the problem at hand may have been built for another seed."""
    return problem.layout.flatten(dict(initial_network(run, problem.train[0].cpu()).named_parameters())).to(
        problem.start
    )


def _in_order(
    problem: Problem, vectors: dict[str, torch.Tensor], view: SlicesSpec, ways: tuple[str, ...]
) -> Iterator[Slice | NoSlice | None]:
    """Layer by layer, each with all its directions, so that what is there so far is whole layers."""
    for layer in view.numbers(len(problem.layout.layers)):
        others: dict[str, torch.Tensor] = {name: vectors[name] for name in (ways if layer else ("now",))}
        for kind in view.directions:
            yield from slices(
                problem,
                vectors["now"],
                _coordinates(view, kind),
                examples=view.examples,
                kinds=(kind,),
                layers=(layer,),
                seed=view.seed,
                target=vectors["start"],
                others=others,
            )


def _coordinates(view: SlicesSpec, kind: str) -> np.ndarray:
    """Where along a direction the loss is computed; on the way from the start at the start itself, too."""
    half = view.half_width(kind)
    even = np.linspace(-1, 1, view.points) * half
    return np.union1d(even[np.abs(even + 1) > 1e-9], [-1.0]) if kind == "way" and half >= 1 else even


def _curves(found: Slice | NoSlice, ways: tuple[str, ...]) -> list[SliceCurve]:
    """The message's form of a slice; a layer without a direction has none with any values of the others."""
    nothing = np.empty(0)
    if isinstance(found, NoSlice):
        return [
            SliceCurve(found.layer, found.kind, name, "", "", nothing, nothing, nothing, np.nan, np.nan, found.reason)
            for name in ways
        ]
    fields = ("layer", "kind", "others", "label", "unit", "t", "loss", "accuracy", "slope", "curvature")
    return [SliceCurve(*(getattr(found, name) for name in fields))]


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy().copy()
