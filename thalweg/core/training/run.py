"""A session with its history: what is recorded of it, and what the views need to know of it."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from thalweg.core import data as datasets
from thalweg.core.data import Dataset
from thalweg.core.history import Series, Trajectory
from thalweg.core.measures.curves import curves
from thalweg.core.measures.gradient_norms import gradient_norms
from thalweg.core.messages import GivenAxis, Path, Started
from thalweg.core.plane.from_history import given_axes
from thalweg.core.plane.projection import Projection
from thalweg.core.problem import Problem, build
from thalweg.core.scene import AxisSpec, RunSpec
from thalweg.core.training.session import Session

EXAMPLES_SHOWN = 200
"""Training images that are sent to be looked at."""


class Run:
    """A session, the trajectory and series recorded of it, and its path on the plane in use."""

    def __init__(self, generation: int, run: RunSpec, dataset: Dataset, device: str) -> None:
        self.generation, self.spec, self.dataset = generation, run, dataset
        self.problem: Problem = build(run, dataset, device)
        self.session = Session(run, self.problem)
        self.trajectory = Trajectory(self.problem.layout.size, device, len(self.session.buffers))
        self.series = Series()
        self.projection = Projection()
        self._before: Tensor | None = None
        self._keeps_before = False
        self.trajectory.offer(0, self.session.parameters, self.session.buffers)
        self.measure()

    def step(self) -> float:
        """One training step, recorded; the batch's loss before it."""
        if self._keeps_before:
            self._before = self.session.snapshot()
        loss = self.session.step()
        self.trajectory.offer(self.session.step_count, self.session.parameters, self.session.buffers)
        return loss

    def measure(self) -> None:
        """Add the current step's row of measures, if it has none yet."""
        step, vector, count = (
            self.session.step_count,
            self.session.parameters.detach(),
            self.spec.data.measured_count,
        )
        if self.series.last_step != step:
            row = curves(self.problem, vector, count) | gradient_norms(self.problem, vector, count)
            self.series.add(step, row)

    def given(self, axes: tuple[AxisSpec, ...]) -> tuple[GivenAxis | None, ...]:
        """The directions of those axes that are read off what was recorded, None for others."""
        self._keeps_before |= any(axis.kind == "update" for axis in axes)
        now, before = self.session.parameters.detach(), self._before
        if before is None and self.trajectory.stride == 1 and len(self.trajectory.rows) > 1:
            before = self.trajectory.rows[-2]  # every step so far was recorded
        return given_axes(axes, self.trajectory, self.session.step_count, now, before, self.problem.layout)

    def path(self) -> Path | None:
        """Recorded steps and the current point, projected on the plane in use."""
        return self.projection.path(self.trajectory, self.session.step_count, self.session.parameters.detach())


def started(generation: int, spec: RunSpec, dataset: Dataset, problem: Problem, device: str) -> Started:
    """What the views need to know once."""
    images = dataset.train_images[:EXAMPLES_SHOWN].reshape(-1, *dataset.shape)
    names = datasets.CLASS_NAMES[spec.data.name]
    return Started(
        generation=generation,
        run=spec,
        layers=tuple(layer.name for layer in problem.layout.layers),
        data=dataset.description,
        measured=spec.data.measured_count,
        train_count=spec.data.train_count,
        test_count=spec.data.test_count,
        objective=problem.objective.title,
        unit=problem.objective.unit,
        device=device,
        examples=np.round(images * 255).astype(np.uint8),
        labels=tuple(names[k] for k in dataset.train_labels[:EXAMPLES_SHOWN]),
    )
