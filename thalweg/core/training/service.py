"""A session that takes commands and gives events: the same in a worker process, in a test and on the command line."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path as FilePath

import numpy as np
import torch

from thalweg.core import data as datasets
from thalweg.core.data import DataError, Dataset
from thalweg.core.history import Series, Trajectory
from thalweg.core.measures.curves import curves
from thalweg.core.measures.gradient_norms import gradient_norms
from thalweg.core.measures.weight_map import weight_map
from thalweg.core.messages import (
    Acknowledge,
    Advance,
    Cancel,
    DataMissing,
    Download,
    Downloaded,
    Failed,
    Frame,
    Path,
    PlaneLaid,
    Play,
    Progress,
    SessionCommand,
    SessionEvent,
    Start,
    Started,
    Stopped,
    Tune,
)
from thalweg.core.plane.direction import Direction
from thalweg.core.plane.plane import Plane
from thalweg.core.plane.projection import Projection
from thalweg.core.problem import Problem, build
from thalweg.core.scene import PaceSpec, RunSpec
from thalweg.core.training.session import Session

MEASURE_SHARE = 0.04
"""Share of the time that measuring loss, accuracy and gradient norms may take while training runs flat out."""

SLOW_MEASURE_SHARE = 0.25
"""The same share while training waits for its next step to be due."""

EXAMPLES_SHOWN = 200
"""Training images that are sent to be looked at."""

RATE_WINDOW = 1.0
"""Seconds over which steps per second are averaged."""


class Run:
    """A session with its history: what is recorded after each step, and what can be shown of it."""

    def __init__(self, generation: int, run: RunSpec, dataset: Dataset, device: str) -> None:
        self.generation, self.spec, self.dataset = generation, run, dataset
        self.problem: Problem = build(run, dataset, device)
        self.session = Session(run, self.problem)
        self.trajectory = Trajectory(self.problem.layout.size, device)
        self.series = Series()
        self.projection = Projection()
        self.trajectory.offer(0, self.session.parameters)
        self.measure()

    def step(self) -> float:
        """One training step, recorded; the batch's loss before it."""
        loss = self.session.step()
        self.trajectory.offer(self.session.step_count, self.session.parameters)
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

    def path(self) -> Path | None:
        """Recorded steps and the current point, projected on the plane in use."""
        return self.projection.path(self.trajectory, self.session.step_count, self.session.parameters.detach())


def started(generation: int, spec: RunSpec, dataset: Dataset, problem: Problem, device: str) -> Started:
    """What the views need to know once."""
    images = dataset.train_images[:EXAMPLES_SHOWN].reshape(-1, *dataset.shape)
    names = datasets.CLASS_NAMES[spec.data.name]
    return Started(
        generation=generation,
        layers=tuple(layer.name for layer in problem.layout.layers),
        sizes=spec.network.sizes,
        parameter_count=problem.layout.size,
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


class Clock:
    """When the player's next step is due, and how many batches it has."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.pace, self.playing, self.pending, self._due = PaceSpec(), False, 0, 0.0
        self.owed = 0

    def set(self, playing: bool, pace: PaceSpec) -> None:
        """Play or pause at a pace; a step that was begun is given up when pausing."""
        if not playing:
            self.pending = self.owed = 0
        if (playing and not self.playing) or pace != self.pace:
            self._due = self._now()
        self.playing, self.pace = playing, pace

    def batches(self, session: Session) -> int:
        """Batches of one step of the player."""
        match self.pace.step:
            case "batch":
                return 1
            case "epoch":
                return session.batches_left
            case "batches":
                return self.pace.batches

    def tick(self, session: Session) -> None:
        """Begin the next step if it is due."""
        if self.pending and self.pace.step == "epoch":
            self.pending = min(self.pending, self.batches(session))
        if not self.pending and self.owed:
            self.owed -= 1
            self.pending = self.batches(session)
        if self.playing and not self.pending and self.wait() <= 0:
            self.pending = self.batches(session)
            self._due = max(self._due + 1 / self.pace.speed, self._now() - 0.1)  # late steps are not all made up for

    def wait(self) -> float:
        """Seconds until there is something to do; infinite when paused."""
        if self.pending or self.owed:
            return 0.0
        return max(0.0, self._due - self._now()) if self.playing else math.inf


class TrainingService:
    """Takes commands, trains in slices of time, and makes frames on demand."""

    def __init__(
        self,
        device: str = "cpu",
        cache: FilePath | None = None,
        now: Callable[[], float] = time.perf_counter,
        measure_every: int | None = None,
    ) -> None:
        """``measure_every``: measure at the multiples of this step; None: as often as the time's share allows."""
        self.run: Run | None = None
        self._device, self._cache, self._now = device, cache, now
        self._every = measure_every
        self._clock = Clock(now)
        self.report: Callable[[SessionEvent], None] = lambda event: None
        """Says something in the middle of a command; whoever owns the service sets it."""
        self._rate: deque[tuple[float, int]] = deque(maxlen=400)
        self._next_measure = 0.0
        self._want_parameters = False
        self._may_send = False
        self._dirty = False

    def handle(self, command: SessionCommand, cancelled: Callable[[], bool] = lambda: False) -> Iterator[SessionEvent]:
        """Carry out a command; yields what there is to say about it. A download looks at ``cancelled``."""
        if isinstance(command, Start):
            yield from self._start(command)
        elif isinstance(command, Download):
            yield from self._download(command, cancelled)
        elif self.run and command.generation == self.run.generation:
            self._obey(self.run, command)

    def _obey(self, run: Run, command: SessionCommand) -> None:
        match command:
            case Play(_, playing, pace):
                self._clock.set(playing, pace)
            case Advance(_, steps):
                self._clock.owed += steps
            case Tune(_, optimiser):
                run.session.tune(optimiser)
            case PlaneLaid():
                run.projection.use(command.plane, plane_of(command, run.session.parameters))
            case Acknowledge(_, parameters):
                self._may_send = True
                self._want_parameters = parameters
                return
            case Cancel():
                self._clock.set(False, self._clock.pace)
        self._dirty = True

    def _start(self, command: Start) -> Iterator[SessionEvent]:
        self.run, self._clock = None, Clock(self._now)
        self._rate.clear()
        try:
            dataset = datasets.load(command.run.data, self._cache)
            self.run = Run(command.generation, command.run, dataset, self._device)
        except datasets.DataMissing as e:
            yield DataMissing(command.generation, e.name, str(e))
        except (DataError, RuntimeError) as e:  # RuntimeError: torch, out of memory or without the device
            yield Failed(command.generation, str(e))
        else:
            yield started(command.generation, command.run, dataset, self.run.problem, self._device)
            self._may_send = self._want_parameters = self._dirty = True
            if (first := self.frame()) is not None:  # before any step, so that a plane can be laid at step 0
                yield first

    def _download(self, command: Download, cancelled: Callable[[], bool]) -> Iterator[SessionEvent]:
        try:
            datasets.download(
                command.name,
                self._cache,
                progress=lambda file, done, total: self.report(
                    Progress(command.generation, f"Downloading {file}", done, total, "bytes")
                ),
                cancelled=cancelled,
            )
        except DataError as e:
            yield Failed(command.generation, str(e))
        else:
            yield Downloaded(command.generation, command.name)

    def wait(self) -> float:
        """Seconds until there is training to do; infinite when paused."""
        return self._clock.wait() if self.run else math.inf

    def work(self, seconds: float) -> SessionEvent | None:
        """Train for at most so long, or until nothing is due; the event that stopped training, if one did."""
        run = self.run
        if run is None:
            return None
        until = self._now() + seconds
        while self._now() < until:
            self._clock.tick(run.session)
            if not self._clock.pending:
                return None
            self._clock.pending -= 1
            loss = run.step()
            self._dirty = True
            if self._every and run.session.step_count % self._every == 0:
                run.measure()
            if not math.isfinite(loss):
                self._clock.set(False, self._clock.pace)
                run.measure()
                return Stopped(
                    run.generation,
                    f"Training stopped: the loss became {loss} at step {run.session.step_count}; "
                    f"a smaller learning rate than {run.session.optimiser_spec.learning_rate:g} may help",
                )
        return None

    def frame(self) -> Frame | None:
        """The current moment, when something has changed and the last frame was acknowledged; measures on the way."""
        run = self.run
        if run is None or not self._may_send or not (self._dirty or self._want_parameters):
            return None
        self._measure(run)
        self._rate.append((self._now(), run.session.step_count))
        parameters = run.session.parameters.detach().cpu().numpy().copy() if self._want_parameters else None
        # while measures are owed, or time passes at a slow pace, the next frame still has something new
        self._dirty = run.series.last_step != run.session.step_count
        self._may_send = self._want_parameters = False
        return Frame(
            generation=run.generation,
            step=run.session.step_count,
            epoch=run.session.epoch,
            playing=self._clock.playing,
            steps_per_second=self._steps_per_second(),
            series=run.series.columns(),
            weight_map=weight_map(run.problem, run.session.parameters, run.dataset.shape),
            path=run.path(),
            parameters=parameters,
        )

    def _measure(self, run: Run) -> None:
        """Measure, unless that has had its share of the time already; a session at rest always measures."""
        wait = self._clock.wait()
        now = self._now()
        if now < self._next_measure and wait < self._next_measure - now:
            return
        run.measure()
        took = self._now() - now
        self._next_measure = now + took / (MEASURE_SHARE if wait == 0 else SLOW_MEASURE_SHARE)

    def _steps_per_second(self) -> float:
        now = self._rate[-1][0]
        while len(self._rate) > 2 and now - self._rate[0][0] > RATE_WINDOW:
            self._rate.popleft()
        (t0, s0), (t1, s1) = self._rate[0], self._rate[-1]
        return (s1 - s0) / (t1 - t0) if t1 > t0 else 0.0


def plane_of(laid: PlaneLaid, like: torch.Tensor) -> Plane:
    """The plane of a message, on the device of ``like``."""
    origin, x, y = (torch.from_numpy(a).to(like.device) for a in (laid.origin, laid.x, laid.y))
    return Plane(origin, Direction(x, laid.labels[0], laid.units[0]), Direction(y, laid.labels[1], laid.units[1]))
