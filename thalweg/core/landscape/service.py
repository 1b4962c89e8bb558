"""Landscapes on demand: the same in a worker process, in a test and on the command line."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from thalweg.core import data as datasets
from thalweg.core.data import DataError
from thalweg.core.landscape.grid import Landscape, axis, landscape
from thalweg.core.measures.curves import loss_and_accuracy
from thalweg.core.messages import Failed, LandscapeEvent, Map, MapRequest, PlaneLaid
from thalweg.core.plane.direction import DirectionError
from thalweg.core.plane.lay import lay
from thalweg.core.plane.plane import Plane
from thalweg.core.problem import Problem, build
from thalweg.core.scene import RunSpec


class LandscapeService:
    """Answers map requests; remembers the problem, the plane and the last map, so that nothing is computed twice."""

    def __init__(self, device: str = "cpu", cache: Path | None = None) -> None:
        self._device, self._cache = device, cache
        self._problem: tuple[object, Problem] | None = None
        self._plane: tuple[object, Plane] | None = None
        self._map: tuple[object, Landscape] | None = None

    def answer(self, request: MapRequest) -> Iterator[LandscapeEvent | None]:
        """The events that answer a request; None after every few grid points, where it may be left."""
        began = time.perf_counter()
        try:
            problem = self._problem_of(request.run)
            laid, plane = self._plane_of(problem, request)
        except (
            DirectionError,
            DataError,
            RuntimeError,
        ) as e:  # RuntimeError: torch, out of memory or without the device
            yield Failed(request.generation, f"No landscape: {e}", "landscape", request.number)
            return
        if laid:
            yield laid
        point = torch.from_numpy(request.point).to(self._device)
        if request.view.mode == "follow":
            plane = plane.through(point)
        batch = problem.first(request.view.examples)
        alpha, beta, _ = plane.project(point[None])[0]
        losses = [loss_and_accuracy(problem, v, batch)[0] for v in (point, plane.at(alpha, beta))]
        for found in self._landscapes(problem, plane, request):
            if found is None:
                yield None
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
            )

    def _landscapes(self, problem: Problem, plane: Plane, request: MapRequest) -> Iterator[Landscape | None]:
        view = request.view
        still = (request.generation, request.plane, request.x_range, request.y_range, view)
        if view.mode == "fixed" and self._map and self._map[0] == still:
            yield self._map[1]
            return
        x, y = (axis(*r, view.resolution) for r in (request.x_range, request.y_range))
        for found in landscape(problem, plane, x, y, problem.first(view.examples)):
            if found and found.complete:
                self._map = (still, found)
            yield found

    def _problem_of(self, run: RunSpec) -> Problem:
        key = (
            run.data,
            run.network,
            run.objective,
        )  # a landscape does not depend on how the network is trained
        if self._problem is None or self._problem[0] != key:
            self._problem = (key, build(run, datasets.load(run.data, self._cache), self._device))
            self._map = None
        return self._problem[1]

    def _plane_of(self, problem: Problem, request: MapRequest) -> tuple[PlaneLaid | None, Plane]:
        key = (request.generation, request.plane)
        if self._plane and self._plane[0] == key:
            return None, self._plane[1]
        plane = lay(problem, torch.from_numpy(request.laid).to(self._device), request.view)
        self._plane = (key, plane)
        origin, x, y = (_numpy(t) for t in (plane.origin, plane.x.vector, plane.y.vector))
        return PlaneLaid(
            generation=request.generation,
            plane=request.plane,
            step=request.laid_step,
            origin=origin,
            x=x,
            y=y,
            labels=(plane.x.label, plane.y.label),
            units=(plane.x.unit, plane.y.unit),
            cosine=plane.cosine,
        ), plane


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy().copy()
