"""A recording shown through the same commands and events as a session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from thalweg.core import data as datasets
from thalweg.core.data import DataError
from thalweg.core.history import MEMORY
from thalweg.core.measures.chain_rule import chain_rule
from thalweg.core.messages import Acknowledge, Failed, MeasureAlso, PlaneLaid, SessionCommand, SessionEvent, Start
from thalweg.core.plane.projection import plane_of
from thalweg.core.store.recording import Recording
from thalweg.core.training.frames import Frames
from thalweg.core.training.looking import Looking
from thalweg.core.training.run import started
from thalweg.core.training.runs_record import runs_of


class Replay:
    """Answers as a session would that stands at a step of the line in front; the plane is laid at step 0.

    A step that was not recorded is trained again from the one before it that was, exactly.
    """

    def __init__(self, recording: Recording, step: int | None = None, cache: Path | None = None) -> None:
        self._recording, self._cache = recording, cache
        head = recording.front.head
        self.step = head if step is None else min(step, head)
        """The step that is shown."""
        self._frames, self._looking, self._first = Frames(), Looking(), True
        self._factors = False

    def handle(self, command: SessionCommand) -> Iterator[SessionEvent]:
        """The events that answer a command; commands that would train change nothing."""
        match command:
            case Start():
                try:
                    dataset = datasets.load_for(command.run, self._cache)
                    self._runs = runs_of(self._recording, command.generation, dataset, "cpu", MEMORY)
                except (DataError, ValueError) as e:
                    yield Failed(command.generation, str(e))
                    return
                front = self._runs.front
                yield started(command.generation, self._runs.specs, dataset, front.problem, "cpu")
            case MeasureAlso(_, names):
                self._factors = "chain-rule" in names
            case PlaneLaid():
                self._runs.project(command.plane, plane_of(command, self._runs.front.session.parameters))
            case Acknowledge(_, _, axes, _, newest):
                from_history = any(axis.from_history for axis in axes)  # laid where all of the history is behind it
                step = 0 if self._first and not from_history else self.step
                self._first = False
                self._looking.go(self._runs.going_to(step), step)
                self._looking.arrive(self._runs)
                front = self._runs.front
                if self._factors:  # where the step has a row of measures, which the last has
                    found = chain_rule(front.problem, front.session.snapshot())
                    front.line.series.complete(front.step_count, found)
                yield self._frames.make(
                    self._runs,
                    self._looking,
                    stepping=False,
                    steps_per_second=0.0,
                    parameters=True,
                    axes=axes,
                    newest=newest,
                )
