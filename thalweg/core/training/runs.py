"""Several runs that are trained in lock-step, one of them in front."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from thalweg.core.data import Dataset
from thalweg.core.history import MEMORY
from thalweg.core.plane.plane import Plane
from thalweg.core.scene import OptimiserSpec, RunSpec, StopSpec
from thalweg.core.training.divergence import GENTLER, settle
from thalweg.core.training.line import Line
from thalweg.core.training.run import Run
from thalweg.core.training.stopping import Watch


@dataclass(frozen=True)
class Halt:
    """Why training is to pause: of a line, with the step to go back to and the learning rate to try there."""

    sentence: str
    line: int
    rescue: tuple[int, float] | None = None


class Runs:
    """Runs that take each step together. Each goes on along one of its lines; the lines of all have numbers of one row.

    A run whose loss is not finite any more rests while the others go on.
    """

    def __init__(
        self, generation: int, specs: tuple[RunSpec, ...], dataset: Dataset, device: str, memory: int = MEMORY
    ) -> None:
        self.generation, self.dataset = generation, dataset
        self._numbers = count()
        self.specs = specs
        self.all = [Run(generation, spec, dataset, device, self._numbers) for spec in specs]
        self.stops = {k: spec.stop for k, spec in enumerate(specs)}
        self._watches: dict[int, Watch] = {}
        self.front = self.all[0]
        self.asides: list[Halt] = []
        """Why others than the one in front have ended, since it was last asked."""
        self._memory = memory
        self.restrict(memory)

    @property
    def lines(self) -> Iterator[tuple[int, Run, Line]]:
        """Every line with its run and the run's number, in the order in which they began."""
        found = [(k, run, line) for k, run in enumerate(self.all) for line in run.lines.values()]
        return iter(sorted(found, key=lambda entry: entry[2].number))

    def continue_numbers(self, number: int) -> None:
        """Number the next lines from here on."""
        self._numbers = count(number)
        for run in self.all:
            run.numbers = self._numbers

    def project(self, number: int, plane: Plane) -> None:
        """Draw the paths of all lines on this plane from now on."""
        for run in self.all:
            run.project(number, plane)

    def restrict(self, memory: int) -> None:
        """Let everything that is recorded take no more than so many bytes."""
        self._memory = memory
        for run in self.all:
            run.restrict(memory // len(self.all))

    # --- forward -----------------------------------------------------------------------------------------------------

    def step(self) -> Halt | None:
        """One step of every run that goes on; why to pause, if something says so. What else has ended is an aside."""
        halts = [halt for run in self.all if not _rests(run) and (halt := self._step(run)) is not None]
        resting = all(_rests(run) for run in self.all)
        pausing = [h for h in halts if h.line == self.front.line.number or resting or not h.rescue]
        self.asides += [h for h in halts if h not in pausing[:1]]
        return pausing[0] if pausing else None

    def take_asides(self) -> list[Halt]:
        """The asides, each once."""
        found, self.asides = self.asides, []
        return found

    def _step(self, run: Run) -> Halt | None:
        new, line, passes = run.step_count == run.line.head, run.line, run.session.epoch_count
        loss = run.step()
        if not math.isfinite(loss):
            ended = settle(run, loss)
            rate = run.line.optimiser_at(ended.back).learning_rate / GENTLER
            rate = min(rate, ended.limit / 2) if ended.limit > 0 else rate  # the edge itself is no place to stay
            return Halt(ended.sentence, line.number, (ended.back, rate))
        if not new:
            return None
        session = run.session
        if line.number not in self._watches:
            self._watches[line.number] = Watch(midway=session.epoch_count == passes)
        watch = self._watches[line.number]
        said = watch.after(
            self.stops[self.all.index(run)], session.step_count, session.epoch_count, session.epoch_over, loss
        )
        return Halt(said, line.number) if said else None

    def again(self) -> None:
        """Let the line in front try to go on where it ended."""
        self.front.line.ended = None

    def tune(self, number: int, optimiser: OptimiserSpec, stop: StopSpec) -> None:
        """Change the optimiser of a run, and when it stops."""
        if number >= len(self.all):
            return
        self.stops[number] = stop
        run = self.all[number]
        if optimiser != run.line.optimiser_at(run.step_count):
            run.tune(optimiser)
            run.line.ended = None

    def measure(self) -> None:
        """Measure every run where it stands."""
        for run in self.all:
            run.measure()

    def measuring(self, costly: Sequence[str]) -> Iterator[None]:
        """Make these of the measures that take long, of every run; a generator that yields after each part of it."""
        for run in (self.front, *(r for r in self.all if r is not self.front)):
            yield from run.measuring(costly)

    @property
    def unmeasured(self) -> bool:
        """Whether the run in front stands at its newest step, which has no measures yet."""
        line, here = self.front.line, self.front.step_count
        return here == line.head and line.series.last_step < here

    # --- back and aside ----------------------------------------------------------------------------------------------

    def going_to(self, step: int) -> Iterator[None]:
        """Put every run to a step, or as far towards it as it has come; None after each step that is repeated."""
        for run in self.all:
            yield from run.going_to(min(step, run.line.head))

    def going_on(self, number: int, step: int | None = None) -> Iterator[None]:
        """Put a line in front: its run goes on along it, and stands at ``step`` of it, or at its head.

        The others stand at the same step, or as far towards it as they have come: all go on in lock-step.
        """
        for _, run, line in self.lines:
            if line.number == number:
                self.front = run
                if line is not run.line or step is not None:
                    yield from run.going_to(line.head if step is None else min(step, line.head), line)
        for run in self.all:
            if run.step_count != (at := min(self.front.step_count, run.line.head)):
                yield from run.going_to(at)

    def put_in_front(self, number: int) -> None:
        """Put the run that goes on along this line in front, where it stands."""
        self.front = next((run for run in self.all if run.line.number == number), self.front)

    def is_live(self, number: int) -> bool:
        """Whether a line is the one that its run goes on along."""
        return any(run.line.number == number for run in self.all)

    def forget(self, number: int) -> None:
        """Drop a line that its run does not go on along."""
        for run in self.all:
            run.forget(number)
        self.restrict(self._memory)


def _rests(run: Run) -> bool:
    """Whether a run stands at the end of a line that goes on no further."""
    return run.line.ended is not None and run.step_count >= run.line.head
