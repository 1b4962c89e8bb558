"""A session that takes commands and gives events: the same in a worker process, in a test and on the command line."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from thalweg.core import data as datasets
from thalweg.core.data import DataError, Dataset
from thalweg.core.measures.weight_map import weight_map
from thalweg.core.messages import (
    NO_BUFFERS,
    Acknowledge,
    Advance,
    Cancel,
    DataMissing,
    Download,
    Downloaded,
    Failed,
    Frame,
    PlaneLaid,
    Play,
    Progress,
    SessionCommand,
    SessionEvent,
    Start,
    Stopped,
    Tune,
)
from thalweg.core.plane.projection import plane_of
from thalweg.core.scene import AxisSpec, DataSpec
from thalweg.core.training.clock import Clock
from thalweg.core.training.run import Run, started

MEASURE_SHARE = 0.04
"""Share of the time that measuring loss, accuracy and gradient norms may take while training runs flat out."""

SLOW_MEASURE_SHARE = 0.25
"""The same share while training waits for its next step to be due."""

RATE_WINDOW = 1.0
"""Seconds over which steps per second are averaged."""


class TrainingService:
    """Takes commands, trains in slices of time, and makes frames on demand."""

    def __init__(
        self,
        device: str = "cpu",
        cache: Path | None = None,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.run: Run | None = None
        self._dataset: tuple[DataSpec, Dataset] | None = None
        self._device, self._cache, self._now = device, cache, now
        self._clock = Clock(now)
        self.report: Callable[[SessionEvent], None] = lambda event: None
        """Says something in the middle of a command; whoever owns the service sets it."""
        self._rate: deque[tuple[float, int]] = deque(maxlen=400)
        self._next_measure = 0.0
        self._want_parameters = False
        self._axes: tuple[AxisSpec, ...] = ()
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
            case Acknowledge(_, parameters, axes):
                self._may_send = True
                self._want_parameters, self._axes = parameters, axes
                return
            case Cancel():
                self._clock.set(False, self._clock.pace)
        self._dirty = True

    def _start(self, command: Start) -> Iterator[SessionEvent]:
        self.run, self._clock = None, Clock(self._now)
        self._rate.clear()
        try:
            require_device(self._device)
            dataset = self._load(command.run.data)
            self.run = Run(command.generation, command.run, dataset, self._device)
        except datasets.DataMissing as e:
            yield DataMissing(command.generation, e.name, str(e))
        except (DataError, RuntimeError, MemoryError) as e:  # RuntimeError: torch's, out of memory among them
            yield Failed(command.generation, str(e))
        else:
            yield started(command.generation, command.run, dataset, self.run.problem, self._device)
            self._may_send = self._want_parameters = self._dirty = True
            self._axes = ()
            if (first := self.frame()) is not None:  # before any step, so that a plane can be laid at step 0
                yield first

    def _load(self, spec: DataSpec) -> Dataset:
        """The data set of a spec, remembered: a reset does not read the files again."""
        if self._dataset is None or self._dataset[0] != spec:
            self._dataset = (spec, datasets.load(spec, self._cache))
        return self._dataset[1]

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
        session = run.session
        here = (_numpy(session.parameters), _numpy(session.buffers)) if self._want_parameters else (None, NO_BUFFERS)
        # while measures are owed, or time passes at a slow pace, the next frame still has something new
        self._dirty = run.series.last_step != run.session.step_count
        axes, self._axes = self._axes, ()
        self._may_send = self._want_parameters = False
        return Frame(
            generation=run.generation,
            step=run.session.step_count,
            epoch=run.session.epoch,
            stepping=self._clock.busy,
            steps_per_second=self._steps_per_second(),
            series=run.series.columns(),
            weight_map=weight_map(run.problem, run.session.parameters, run.dataset.shape),
            path=run.path(),
            parameters=here[0],
            buffers=here[1],
            axes=axes,
            given=run.given(axes),
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


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy().copy()


def require_device(name: str) -> None:
    """Raise RuntimeError with a sentence when torch cannot compute on this device here."""
    if name == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("device: 'cuda' is not available here; choose cpu in the settings (Ctrl+,)")
