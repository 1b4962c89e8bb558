"""A session that takes commands and gives events: the same in a worker process, in a test and on the command line."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from thalweg.core import data as datasets
from thalweg.core.data import DataError, Dataset
from thalweg.core.messages import (
    MEASURE_SHARE,
    Acknowledge,
    Advance,
    Cancel,
    DataMissing,
    Dissect,
    Download,
    Downloaded,
    Failed,
    Focus,
    Forget,
    Frame,
    Judge,
    Limit,
    MeasureAlso,
    Move,
    NotOpened,
    Open,
    Opened,
    PlaneLaid,
    Play,
    Progress,
    PutBack,
    Save,
    Saved,
    SaveParameters,
    SessionCommand,
    SessionEvent,
    Show,
    Start,
    Stopped,
    Tune,
)
from thalweg.core.plane.projection import plane_of
from thalweg.core.scene import AxisSpec, RunSpec
from thalweg.core.store import parameter_file
from thalweg.core.store.run_file import ForeignFileError, RunFileError, read
from thalweg.core.training.clock import Clock
from thalweg.core.training.frames import Frames
from thalweg.core.training.judging import judged
from thalweg.core.training.keeper import Keeper
from thalweg.core.training.looking import Looking
from thalweg.core.training.one_step import dissected
from thalweg.core.training.run import started
from thalweg.core.training.runs import Runs
from thalweg.core.training.runs_record import runs_of

SLOW_MEASURE_SHARE = 0.25
"""The same share while training waits for its next step to be due."""

RATE_WINDOW = 1.0
"""Seconds over which steps per second are averaged."""

COSTLY_SLICE = 0.04
"""Seconds that measures which take long go on without a look at what else there is to do."""

PATIENCE = 0.5
"""Seconds after which it is told how far the way to another step is."""


class TrainingService:
    """Takes commands, trains in slices of time, and makes frames on demand."""

    def __init__(
        self,
        device: str = "cpu",
        cache: Path | None = None,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.runs: Runs | None = None
        self._dataset: tuple[object, Dataset] | None = None
        self._device, self._cache, self._now = device, cache, now
        self._clock = Clock(now)
        self._looking = Looking()
        self._frames = Frames()
        self._keeper = Keeper()
        self.report: Callable[[SessionEvent], None] = lambda event: None
        """Says something in the middle of a command; whoever owns the service sets it."""
        self._rate: deque[tuple[float, int]] = deque(maxlen=400)
        self._next_measure = self._next_costly = 0.0
        self._costly: tuple[str, ...] = ()
        self._measuring: Iterator[None] | None = None
        """What is left of measures that take long."""
        self._told = math.inf
        self.urgent = False
        """Whether the next frame is one that a person waits for."""
        self._tuned, self._tuned_at = 0, (0, 0)
        self._want_parameters = self._want_newest = False
        self._axes: tuple[AxisSpec, ...] = ()
        self._of: int | None = None
        self._may_send = False
        self._dirty = False

    def handle(self, command: SessionCommand, cancelled: Callable[[], bool] = lambda: False) -> Iterator[SessionEvent]:
        """Carry out a command; yields what there is to say about it. What takes long looks at ``cancelled``."""
        if isinstance(command, Start):
            yield from self._start(command)
        elif isinstance(command, Open):
            yield from self._open(command)
        elif isinstance(command, Download):
            yield from self._download(command, cancelled)
        elif self.runs and command.generation == self.runs.generation and isinstance(command, SaveParameters):
            yield self._save_parameters(self.runs, command)
        elif self.runs and command.generation == self.runs.generation and isinstance(command, Dissect):
            if not self._clock.busy:
                self._looking.arrive(self.runs)
                if (found := dissected(self.runs.front, command.examples)) is not None:
                    yield found
        elif self.runs and command.generation == self.runs.generation and isinstance(command, Judge):
            yield from self._judge(self.runs, command, cancelled)
        elif self.runs and command.generation == self.runs.generation and isinstance(command, PutBack):
            yield from self._put_back(self.runs, command)
        elif self.runs and command.generation == self.runs.generation:
            self._obey(self.runs, command)

    def _obey(self, runs: Runs, command: SessionCommand) -> None:
        looking, clock = self._looking, self._clock
        match command:
            case Play(_, playing, pace):
                if playing and not clock.playing:
                    looking.arrive(runs)
                    runs.again()
                clock.set(playing, pace)
            case Advance(_, steps, batches):
                looking.arrive(runs)
                runs.again()
                if batches:
                    clock.pending += steps
                else:
                    clock.owed += steps
            case Tune(_, tuned, optimiser, stop, number):
                if not clock.playing:
                    looking.arrive(runs)
                run = runs.all[number] if number < len(runs.all) else runs.front
                self._tuned, self._tuned_at = tuned, (run.line.number, run.step_count)
                runs.tune(number, optimiser, stop)
            case Show(_, step):
                looking.show(runs, step, clock.playing)
            case Move(_, by):
                looking.move(runs, by, clock)
            case Focus(_, line, step):
                if step is None and runs.is_live(line):  # at the step that is looked at
                    runs.put_in_front(line)
                else:
                    clock.set(False, clock.pace)
                    looking.go(runs.going_on(line, step), step or 0)
                    looking.arrive(runs)
            case Forget(_, line):
                runs.forget(line)
            case Limit(_, memory):
                runs.restrict(memory)
            case MeasureAlso(_, names):
                self._costly, self._next_costly = names, 0.0
                self._measuring = runs.measuring(names) if names else None
                next(self._measuring or iter(()), None)  # of this very step, however soon training goes on
            case Save():
                self._keeper.save(command, runs)
                return
            case PlaneLaid():
                runs.project(command.plane, plane_of(command, runs.front.session.parameters))
            case Acknowledge(_, parameters, axes, line, newest):
                self._may_send = True
                self._want_parameters, self._axes, self._of, self._want_newest = parameters, axes, line, newest
                return
            case Cancel():
                clock.set(False, clock.pace)
        if not clock.playing:
            looking.stay(runs)
        self._dirty = True
        self.urgent = isinstance(command, Show | Move | Focus | Advance)
        if not isinstance(command, PlaneLaid | MeasureAlso):
            self._rate.clear()

    def _put_back(self, runs: Runs, command: PutBack) -> Iterator[SessionEvent]:
        """Pause, go to the step that is meant, and begin a branch there with a layer put back; or say why not."""
        self._clock.set(False, self._clock.pace)
        self._rate.clear()
        if command.line is not None and command.step is not None:
            if command.line not in [line.number for _, _, line in runs.lines]:
                yield Failed(runs.generation, "No layer was put back: the line of training is not there any more.")
                return
            self._looking.go(runs.going_on(command.line, command.step), command.step)
        self._looking.arrive(runs)
        try:
            runs.front.put_back(command.layer)
        except ValueError as e:
            yield Failed(runs.generation, f"No layer was put back: {e}.")
        self._dirty = self.urgent = True

    def _start(self, command: Start) -> Iterator[SessionEvent]:
        self._afresh(None)
        try:
            require_device(self._device)
            dataset = self._load(command.run)
            self.runs = Runs(command.generation, command.runs, dataset, self._device, command.memory)
        except datasets.DataMissing as e:
            yield DataMissing(command.generation, e.name, str(e))
        except (DataError, RuntimeError, MemoryError) as e:  # RuntimeError: torch's, out of memory among them
            yield Failed(command.generation, str(e))
        else:
            yield from self._begin(self.runs)

    def _open(self, command: Open) -> Iterator[SessionEvent]:
        """Take up the runs of a file; whatever goes wrong, those that are there stay."""
        try:
            require_device(self._device)
            recording = read(Path(command.path))
            dataset = self._load(recording.scene.run)
            runs = runs_of(recording, command.generation, dataset, self._device, command.memory)
        except (RunFileError, DataError) as e:
            foreign = isinstance(e, ForeignFileError)
            yield NotOpened(command.generation, command.path, str(e), foreign)
        except (ValueError, KeyError, IndexError, RuntimeError, MemoryError) as e:
            yield NotOpened(command.generation, command.path, f"{command.path}: a damaged run file ({e})")
        else:
            self._afresh(runs)
            yield Opened(command.generation, command.path, recording.scene)
            yield from self._begin(runs)

    def _afresh(self, runs: Runs | None) -> None:
        """Have these runs, at rest, and nothing of those before."""
        self.runs, self._clock, self._looking, self._frames = runs, Clock(self._now), Looking(), Frames()
        self._tuned, self._tuned_at = 0, (0, 0)
        self._costly, self._measuring = (), None
        self._rate.clear()

    def _save_parameters(self, runs: Runs, command: SaveParameters) -> SessionEvent:
        run = runs.front
        seen = self._looking.sight(run)
        path = Path(command.path)
        try:
            spec = run.spec.model_copy(update={"optimiser": run.line.optimiser_at(seen.step)})
            about = {"run": spec.model_dump(mode="json"), "step": seen.step}
            found = parameter_file.state_dict(run.problem, seen.parameters, seen.buffers, seen.step)
            parameter_file.write(path, found, about)
        except parameter_file.ParameterFileError as e:
            return Saved(command.generation, command.path, False, sentence=str(e))
        return Saved(command.generation, command.path, False, seen.step)

    def news(self) -> list[Saved]:
        """What was written to files since the last time."""
        return self._keeper.news()

    def _begin(self, runs: Runs) -> Iterator[SessionEvent]:
        """What there is to say of new runs: what they are, and where they stand."""
        run = runs.front
        yield started(runs.generation, runs.specs, runs.dataset, run.problem, self._device)
        self._may_send = self._want_parameters = self._dirty = True
        self._axes = ()
        if (first := self.frame()) is not None:  # before any step, so that a plane can be laid at step 0
            yield first

    def _load(self, run: RunSpec) -> Dataset:
        """The data set of a run, remembered: a reset does not read the files again."""
        key = run.network if run.network.kind == "surface" else run.data
        if self._dataset is None or self._dataset[0] != key:
            self._dataset = (key, datasets.load_for(run, self._cache))
        return self._dataset[1]

    def _judge(self, runs: Runs, command: Judge, cancelled: Callable[[], bool]) -> Iterator[SessionEvent]:
        """Whether the step that is looked at is a minimum; may be cancelled between two products with the Hessian."""
        self._clock.set(False, self._clock.pace)
        self._looking.arrive(runs)
        yield judged(runs, command.examples, self.report, cancelled)

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
        if self._looking.under_way or (self.runs and self._measuring):
            return 0.0
        return self._clock.wait() if self.runs else math.inf

    def work(self, seconds: float) -> SessionEvent | None:
        """Train for at most so long, or until nothing is due; the event that stopped training, if one did."""
        runs = self.runs
        if runs is None:
            return None
        until = self._now() + seconds
        if self._looking.under_way:
            return self._travel(runs, until)
        while self._now() < until:
            self._clock.tick(runs.front.session)
            if not self._clock.pending:
                if self._measuring:
                    self._measure_on(runs, min(seconds, COSTLY_SLICE))
                return None
            self._clock.pending -= 1
            halt = runs.step()
            self._dirty = True
            for aside in runs.take_asides():
                self.report(Stopped(runs.generation, aside.sentence, aside.line, aside.rescue, paused=False))
            if halt is not None:
                self._clock.set(False, self._clock.pace)
                self._rate.clear()
                runs.measure()
                return Stopped(runs.generation, halt.sentence, halt.line, halt.rescue)
        return None

    def _travel(self, runs: Runs, until: float) -> SessionEvent | None:
        """Go on towards the step that is to be looked at; how far it is, where that takes long."""
        looking, began = self._looking, self._told
        if began == math.inf:
            self._told = began = self._now()
        while self._now() < until:
            if not looking.advance():
                self._dirty, self._told = True, math.inf
                return None
        if self._now() - began < PATIENCE:
            return None
        self._told = self._now()
        step = runs.front.step_count
        return Progress(runs.generation, f"To step {looking.aim:,}", step, looking.aim, "steps")

    def frame(self) -> Frame | None:
        """The current moment, when something has changed and the last frame was acknowledged; measures on the way."""
        runs = self.runs
        if runs is None or not self._may_send or not (self._dirty or self._want_parameters):
            return None
        if self._looking.under_way:
            return None
        self._measure(runs)
        session = runs.front.session
        self._rate.append((self._now(), session.step_count))
        # while measures are owed, or time passes at a slow pace, the next frame still has something new
        self._dirty = runs.unmeasured
        axes, self._axes = self._axes, ()
        wanted, self._want_parameters, self._may_send, self.urgent = self._want_parameters, False, False, False
        return self._frames.make(
            runs,
            self._looking,
            stepping=self._clock.busy,
            steps_per_second=self._steps_per_second(),
            parameters=wanted,
            of=self._of,
            newest=self._want_newest,
            axes=axes,
            tuned=self._tuned,
            tuned_at=self._tuned_at,
        )

    def _measure(self, runs: Runs) -> None:
        """Measure, unless that has had its share of the time already; a session at rest always measures."""
        if not self._has_had_its_share(self._next_measure):
            now, share = self._now(), self._share
            runs.measure()
            self._next_measure = now + (self._now() - now) / share
        if self._costly and not self._has_had_its_share(self._next_costly):
            self._measure_on(runs, COSTLY_SLICE)

    def _measure_on(self, runs: Runs, seconds: float) -> None:
        """Go on with the measures that take long, for about so many seconds; begin anew where they were through."""
        now, share = self._now(), self._share
        self._measuring = self._measuring or runs.measuring(self._costly)
        while self._now() < now + seconds:
            if next(self._measuring, self) is self:
                self._measuring, self._dirty = None, True
                break
        self._next_costly = now + (self._now() - now) / share

    def _has_had_its_share(self, next_time: float) -> bool:
        now = self._now()
        return now < next_time and self._clock.wait() < next_time - now

    @property
    def _share(self) -> float:
        """To be looked at before measuring, during which steps may become due that training was not behind with."""
        return MEASURE_SHARE if self._clock.wait() == 0 else SLOW_MEASURE_SHARE

    def _steps_per_second(self) -> float:
        now = self._rate[-1][0]
        while len(self._rate) > 2 and now - self._rate[0][0] > RATE_WINDOW:
            self._rate.popleft()
        (t0, s0), (t1, s1) = self._rate[0], self._rate[-1]
        return (s1 - s0) / (t1 - t0) if t1 > t0 else 0.0


def require_device(name: str) -> None:
    """Raise RuntimeError with a sentence when torch cannot compute on this device here."""
    if name == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("device: 'cuda' is not available here; choose cpu in the settings (Ctrl+,)")
