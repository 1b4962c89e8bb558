"""Which step of the runs is looked at: the one they stand at, or a recorded one while training stays or goes on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from thalweg.core.training.clock import Clock
from thalweg.core.training.run import Run
from thalweg.core.training.runs import Runs


@dataclass(frozen=True)
class Sight:
    """What is seen of a run at the step that is looked at."""

    step: int
    epoch: float
    parameters: Tensor
    buffers: Tensor


class Looking:
    """The step that is looked at, and the way of the runs to a step that they are to stand at."""

    def __init__(self) -> None:
        self.at: int | None = None
        """A recorded step that is looked at while the runs stand elsewhere; None: where they stand."""
        self._way: Iterator[None] | None = None
        self.aim = 0

    @property
    def under_way(self) -> bool:
        """Whether the runs are being put to another step."""
        return self._way is not None

    def sight(self, run: Run) -> Sight:
        """What is seen of a run."""
        session = run.session
        if self.at is not None and (m := run.line.near(self.at)) is not None:
            epoch = m.epoch - 1 + m.at / len(run.problem.train[1]) if m.epoch else 0.0
            return Sight(m.step, epoch, m.parameters, m.buffers)
        return Sight(session.step_count, session.epoch, session.parameters.detach(), session.buffers)

    def show(self, runs: Runs, step: int | None, playing: bool) -> None:
        """Look at a step; None is the newest. Paused, the runs are put there, unless it is recorded and can wait."""
        line = runs.front.line
        wanted = line.head if step is None else int(np.clip(step, 0, line.head))
        self.at = None
        if playing:  # the runs go on, so that recorded steps alone can be seen
            recorded = line.recorded()
            near = int(recorded[np.abs(recorded - wanted).argmin()])
            self.at = None if step is None or near == line.head else near
        elif self.under_way or any(run.step_count != min(wanted, run.line.head) for run in runs.all):
            if step is not None and _recorded(runs, wanted):
                self.at = wanted
                self._way = None
            else:
                self.go(runs.going_to(wanted), wanted)

    def move(self, runs: Runs, by: int, clock: Clock) -> None:
        """Look so many steps of the player back or on."""
        line, here = runs.front.line, self.aim if self.under_way else self.sight(runs.front).step
        if clock.playing:
            recorded = line.recorded()
            index = int(np.searchsorted(recorded, here)) + by
            self.show(runs, int(recorded[np.clip(index, 0, len(recorded) - 1)]), playing=True)
            return
        step = here
        for _ in range(abs(by)):
            if clock.pace.step == "epoch":
                later = [s for s in (*line.epochs, line.head) if s > step]
                step = line.epoch_before(step) if by < 0 else min(later, default=line.head)
            else:
                size = clock.pace.batches if clock.pace.step == "batches" else 1
                step += size if by > 0 else -size
        self.show(runs, step, playing=False)

    def go(self, way: Iterator[None], aim: int) -> None:
        """Begin to put the runs to another step."""
        self._way, self.aim, self.at = way, aim, None

    def advance(self) -> bool:
        """Take one step of the way; whether there is more."""
        if self._way is not None and next(self._way, self) is self:
            self._way = None
        return self._way is not None

    def stay(self, runs: Runs) -> None:
        """At rest, have what is looked at be exact: the runs are put there where it is not recorded any more."""
        if self.at is not None and not _recorded(runs, self.at):
            self.go(runs.going_to(self.at), self.at)

    def arrive(self, runs: Runs) -> None:
        """Have the runs stand at the step that is looked at."""
        if self.at is not None:
            self.go(runs.going_to(self.at), self.at)
        while self.advance():
            pass


def _recorded(runs: Runs, step: int) -> bool:
    """Whether each run has recorded this very step, or its last where that is earlier."""
    return all(run.line.at(min(step, run.line.head)) is not None for run in runs.all)
