"""A recording shown through the same commands and events as a session."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from thalweg.core import data as datasets
from thalweg.core.data import DataError
from thalweg.core.measures.weight_map import weight_map
from thalweg.core.messages import Acknowledge, Failed, Frame, GivenAxis, PlaneLaid, SessionCommand, SessionEvent, Start
from thalweg.core.plane.from_history import Recorded, given_axes
from thalweg.core.plane.plane import Plane
from thalweg.core.plane.projection import path_on, plane_of
from thalweg.core.problem import build
from thalweg.core.scene import AxisSpec
from thalweg.core.store.run_file import Recording
from thalweg.core.training.run import started


class Replay:
    """Answers as a session would that stands at a recorded step; the plane is laid at the first recorded one."""

    def __init__(self, recording: Recording, step: int | None = None, cache: Path | None = None) -> None:
        self._recording, self._cache = recording, cache
        self._at = recording.nearest(step)
        self._plane: tuple[int, Plane] | None = None
        self._first = True

    @property
    def step(self) -> int:
        """The recorded step that is shown."""
        return int(self._recording.steps[self._at])

    def handle(self, command: SessionCommand) -> Iterator[SessionEvent]:
        """The events that answer a command; commands that would train change nothing."""
        match command:
            case Start():
                try:
                    self._dataset = datasets.load(command.run.data, self._cache)
                except DataError as e:
                    yield Failed(command.generation, str(e))
                    return
                self._problem = build(command.run, self._dataset)
                yield started(command.generation, command.run, self._dataset, self._problem, "cpu")
            case PlaneLaid():
                self._plane = (command.plane, plane_of(command, self._problem.start))
            case Acknowledge():
                yield self._frame(command.generation, command.axes)

    def _frame(self, generation: int, axes: tuple[AxisSpec, ...]) -> Frame:
        from_history = any(axis.from_history for axis in axes)  # laid where all of the history is behind it
        at = 0 if self._first and not from_history else self._at
        self._first = False
        rows = torch.from_numpy(self._recording.parameters[: at + 1])
        steps, series = self._recording.steps[: at + 1], self._recording.series
        shown = series["step"] <= steps[-1]
        batch, count = self._recording.scene.run.optimiser.batch_size, len(self._dataset.train_labels)
        return Frame(
            generation=generation,
            step=int(steps[-1]),
            epoch=int(steps[-1]) / math.ceil(count / batch),
            stepping=False,
            steps_per_second=0.0,
            series={k: v[shown] for k, v in series.items()},
            weight_map=weight_map(self._problem, rows[-1], self._dataset.shape),
            path=path_on(*self._plane, steps, rows) if self._plane else None,
            parameters=np.ascontiguousarray(rows[-1].numpy()),
            axes=axes,
            given=self._given(axes, steps, rows),
            buffers=self._recording.buffers_at(at),
        )

    def _given(self, axes: tuple[AxisSpec, ...], steps: np.ndarray, rows: torch.Tensor) -> tuple[GivenAxis | None, ...]:
        before = rows[-2] if len(steps) > 1 and steps[-1] - steps[-2] == 1 else None
        return given_axes(axes, Recorded(steps, rows), int(steps[-1]), rows[-1], before, self._problem.layout)
