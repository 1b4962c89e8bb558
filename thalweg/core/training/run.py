"""A session with its lines: what is recorded of it, how it goes back, and what the views need to know of it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from time import perf_counter

import numpy as np
import torch
from torch import Tensor

from thalweg.core import data as datasets
from thalweg.core.data import Dataset
from thalweg.core.history import MEMORY, ROWS, evenly, spaced
from thalweg.core.measures.activations import activations
from thalweg.core.measures.block_curvature import block_curvature_steps
from thalweg.core.measures.chain_rule import chain_rule_steps
from thalweg.core.measures.curves import curves
from thalweg.core.measures.gradient_norms import gradient_norms
from thalweg.core.measures.layer_sizes import layer_sizes
from thalweg.core.measures.noise import noise_steps
from thalweg.core.measures.time_steps import time_steps_steps
from thalweg.core.messages import GivenAxis, Path, Started
from thalweg.core.networks.surface import Surface
from thalweg.core.plane.from_history import given_axes
from thalweg.core.plane.plane import Plane
from thalweg.core.plane.projection import Projection
from thalweg.core.problem import Problem, build
from thalweg.core.scene import AxisSpec, OptimiserSpec, RunSpec
from thalweg.core.training.costs import Costs
from thalweg.core.training.line import Change, Line
from thalweg.core.training.moment import Moment
from thalweg.core.training.putting_back import put_back as moment_put_back
from thalweg.core.training.session import Session

EXAMPLES_SHOWN = 200
"""Training images that are sent to be looked at."""

Costly = Callable[[Problem, Tensor, int], Generator[None, None, dict[str, float]]]

COSTLY: dict[str, Costly] = {
    "noise": noise_steps,
    "curvature": block_curvature_steps,
    "chain-rule": chain_rule_steps,
    "state": time_steps_steps,
    "cell": time_steps_steps,
}
"""Measures that take as long as many steps: they are made when they are looked at."""


@dataclass(frozen=True)
class Past:
    """Recorded moments of a line, evenly spaced and not too many, up to where it is looked at."""

    moments: list[Moment]

    @property
    def steps(self) -> np.ndarray:
        """Their steps, int64 [n]."""
        return np.array([m.step for m in self.moments], dtype=np.int64)

    def rows(self, chosen: slice = slice(None)) -> Tensor:
        """The parameters of some of them, [n, size]; a copy."""
        return torch.stack([m.parameters for m in self.moments[chosen]])


class Run:
    """A session, the lines recorded of it, and their paths on the plane in use.

    The session stands at a step of one line, ``line``. At that line's head a step goes on; before it, a step repeats
    what was done there. A change made before the head begins a branch.
    """

    def __init__(
        self,
        generation: int,
        run: RunSpec,
        dataset: Dataset,
        device: str,
        numbers: Iterator[int] | None = None,
        memory: int = MEMORY,
    ) -> None:
        self.generation, self.spec, self.dataset = generation, run, dataset
        self.problem: Problem = build(run, dataset, device)
        self.session = Session(run, self.problem)
        self.numbers, self._memory = numbers or count(), memory
        self.line = Line(next(self.numbers), self.session.moment(), limit=memory)
        self.lines: dict[int, Line] = {self.line.number: self.line}
        self.projections: dict[int, Projection] = {self.line.number: Projection()}
        self._room = torch.empty_like(self.session.parameters.detach())
        self._before: Tensor | None = None
        """The parameters before the last step, in memory that is used again: fresh memory would cost more."""
        self.costs = Costs()
        self._made: dict[str, tuple[int, int]] = {}
        self.measure()

    @property
    def step_count(self) -> int:
        """The step that the session stands at."""
        return self.session.step_count

    # --- forward -----------------------------------------------------------------------------------------------------

    def step(self) -> float:
        """One training step, recorded if it is a new one; the batch's loss before it."""
        session, line = self.session, self.line
        self._before = self._room.copy_(session.parameters.detach())
        passes, seconds = session.epoch_count, session.seconds
        loss = session.step()
        self.costs.note("step", session.seconds - seconds)
        if session.step_count > line.head:
            line.head, line.tip = session.step_count, None
            if session.epoch_count > passes:
                line.epochs.append(session.step_count - 1)
            line.trajectory.offer(session)
            if isinstance(self.problem.module, Surface):  # two numbers: as cheap as a step
                self.measure()
        else:
            session.seconds = line.seconds_at(session.step_count, session.seconds)
            if (jump := line.jump_at(session.step_count)) is not None:
                session.restore(jump)
            self._take_up_changes()
        return loss

    def _take_up_changes(self) -> None:
        """Have the optimiser that the line has from this step on."""
        optimiser = self.line.optimiser_at(self.session.step_count)
        if optimiser != self.session.optimiser_spec:
            self.session.tune(optimiser)

    def tune(self, optimiser: OptimiserSpec) -> None:
        """Go on with another learning rate, momentum or batch size; before the head, on a branch that begins here."""
        step = self.session.step_count
        if step < self.line.head and optimiser == self.line.optimiser_at(step):
            return
        if step < self.line.head:
            self.branch()
        self.session.tune(optimiser)
        if step == self.line.head:
            self.line.change(Change(step, optimiser))
            self.line.tip = None
            self.projections[self.line.number].cut(step)

    def measure(self) -> None:
        """Add the current step's row of measures, if it is new and has none yet."""
        step, line = self.session.step_count, self.line
        if step < line.head or line.series.last_step >= step:
            return
        found = self.measures()
        known = line.series if len(line.series) or line.parent is None else line.parent.series
        if len(known) and "evaluations" not in known.names:  # it began in a file that had not counted them
            del found["evaluations"], found["seconds"]
        line.series.add(step, found)

    def measuring(self, costly: Sequence[str]) -> Iterator[None]:
        """Complete the row of the step where the session stands now by those of :data:`COSTLY` that are named.

        A generator that yields after each part of the work; training may go on between.
        """
        self.measure()
        line, step = self.line, self.session.step_count
        wanted = [name for name in costly if self._made.get(name) != (line.number, step)]
        if line.series.last_step != step or not wanted:
            return
        problem = replace(self.problem, module=copy.deepcopy(self.problem.module))  # with the buffers of now
        vector = self.session.snapshot()
        for name in wanted:
            work, took = COSTLY[name](problem, vector, self.spec.data.measured_count), 0.0
            while True:
                began = perf_counter()
                try:
                    next(work)
                except StopIteration as end:
                    found: dict[str, float] = end.value
                    break
                finally:
                    took += perf_counter() - began
                yield
            self.costs.note(name, took)
            self._made[name] = (line.number, step)
            line.series.complete(step, found)

    def measures(self) -> dict[str, float]:
        """The measures where the session stands, by name, and what it took to come there."""
        vector, number = self.session.parameters.detach(), self.spec.data.measured_count
        spent = {"evaluations": float(self.session.evaluations), "seconds": self.session.seconds}
        if isinstance(self.problem.module, Surface):  # only over all pushes is it the surface itself
            number = len(self.problem.train[1])
            return curves(self.problem, vector, number) | gradient_norms(self.problem, vector, number) | spent
        with self.costs.timed("curves"):
            found = curves(self.problem, vector, number)
        with self.costs.timed("gradient"):
            found |= gradient_norms(self.problem, vector, number)
        with self.costs.timed("sizes"):
            found |= layer_sizes(self.problem, vector, self.before)
        with self.costs.timed("activations"):
            found |= activations(self.problem, vector, number)
        return found | spent

    @property
    def before(self) -> Tensor | None:
        """The parameters [size] before the last step, where they are known; they change with the next step.

        None where a layer was put back since that step.
        """
        if self._before is not None and self.line.jump_at(self.session.step_count) is None:
            return self._before
        return self._before_step(self.session.step_count)

    def _before_step(self, step: int) -> Tensor | None:
        """The recorded parameters [size] from which a step of training led to ``step`` of the line."""
        recorded = self.line.at(step - 1) if self.line.jump_at(step) is None else None
        return recorded.parameters if recorded is not None else None

    # --- back and aside ----------------------------------------------------------------------------------------------

    def going_to(self, step: int, line: Line | None = None) -> Iterator[None]:
        """Put the session to a step of a line, exactly; a generator that yields after each step that is repeated.

        Raises ValueError for a step that the line has not come to.
        """
        line = line or self.line
        if not 0 <= step <= line.head:
            raise ValueError(f"step: {step} is not between 0 and {line.head}")
        self._leave()
        at_hand = self.session.step_count
        if line is not self.line or not at_hand <= step or line.whole_before(step).step > at_hand:
            self.session.restore(line.whole_before(step))
        self.line, self._before = line, None
        self._take_up_changes()
        while self.session.step_count < step:
            self.step()
            yield

    def go_to(self, step: int, line: Line | None = None) -> None:
        """As :meth:`going_to`, in one go."""
        for _ in self.going_to(step, line):
            pass

    def _leave(self) -> None:
        """Keep the head of the line that the session stands at, so that it is found again at once."""
        if self.line.tip is None and self.session.step_count == self.line.head:
            self.line.tip = self.session.moment()
            self.restrict(self._memory)

    def branch(self, put_back: int = 0) -> Line:
        """A new line that begins where the session stands, or with a layer there put back to its start."""
        self._leave()
        if put_back:
            start, layer = self.line.at(0), self.problem.layout.layers[put_back - 1]
            assert start is not None, "the first moment stays"
            self.session.restore(moment_put_back(self.session.moment(), start.parameters, layer.span))
            self._before = None
        line = Line(next(self.numbers), self.session.moment(), self.line, put_back=put_back)
        self.lines[line.number] = line
        projection = Projection()
        projection.use_that_of(self.projections[self.line.number], line.start - bool(put_back))
        self.projections[line.number] = projection
        self.line = line
        self.restrict(self._memory)
        return line

    def put_back(self, layer: int) -> Line:
        """Go on, on a branch that begins here, with a layer (from 1) as it was at step 0 and the others as they are.

        What is remembered of the layer is forgotten, see :func:`thalweg.core.training.putting_back.put_back`. Raises
        ValueError for a layer that is not there, and at step 0.
        """
        count = len(self.problem.layout.layers)
        if not 1 <= layer <= count:
            raise ValueError(f"layer: {layer} is not between 1 and {count}")
        if not self.session.step_count:
            raise ValueError("step: 0 is the start itself; a layer can be put back from step 1 on")
        line = self.branch(layer)
        self.measure()
        return line

    def take_up(self, lines: list[Line], line: Line) -> None:
        """Have these lines in the place of its own, and stand at the head of one of them."""
        self.lines = {each.number: each for each in lines}
        self.projections = {each.number: Projection() for each in lines}
        self.line = line
        self.session.restore(line.whole_before(line.head))

    def forget(self, number: int) -> None:
        """Drop a line that the session does not stand at; its branches keep what they share with it."""
        if number != self.line.number:
            self.lines.pop(number, None)
            self.projections.pop(number, None)
            self.restrict(self._memory)

    def restrict(self, memory: int) -> None:
        """Let all lines together take no more than so many bytes."""
        self._memory = memory
        lines = self.all_lines
        for line in lines:
            # each is to have its head, too, once the session is put elsewhere
            room = line.tip.nbytes if line.tip else self.session.moment_bytes
            line.trajectory.restrict(memory // len(lines) - room)

    @property
    def all_lines(self) -> list[Line]:
        """Its lines, and those that were forgotten, but whose branches share what they recorded; parents first."""
        found: dict[int, Line] = {}
        for line in self.lines.values():
            above: Line | None = line
            while above is not None:
                found[above.number] = above
                above = above.parent
        return [found[number] for number in sorted(found)]

    # --- what is seen ------------------------------------------------------------------------------------------------

    def past(self, line: Line, step: int) -> Past:
        """What was recorded of a line up to ``step``, evenly spaced."""
        return Past(spaced(line.moments(step), ROWS))

    def given(self, axes: tuple[AxisSpec, ...], step: int, current: Tensor) -> tuple[GivenAxis | None, ...]:
        """The directions of those axes that are read off what was recorded up to ``step``, None for others.

        ``current`` are the parameters there, [size].
        """
        if not axes:
            return ()
        before = self.before if step == self.session.step_count else self._before_step(step)
        past = Past(evenly(self.line.moments(step), ROWS))
        return given_axes(axes, past, step, current, before, self.problem.layout)

    def path(self, line: Line, step: int, current: Tensor) -> Path | None:
        """A line's recorded steps up to ``step``, where the parameters are ``current``, on the plane in use."""
        return self.projections[line.number].path(self.past(line, step), step, current)

    def project(self, number: int, plane: Plane) -> None:
        """Draw the paths of all lines on this plane from now on, unless it belongs to another network."""
        for projection in self.projections.values():
            if plane.origin.shape == self.session.parameters.shape:
                projection.use(number, plane)
            else:
                projection.use_none()


def started(generation: int, specs: tuple[RunSpec, ...], dataset: Dataset, problem: Problem, device: str) -> Started:
    """What the views need to know once."""
    spec = specs[0]
    images = dataset.train_images[:EXAMPLES_SHOWN].reshape(-1, *dataset.shape)
    names = datasets.CLASS_NAMES[spec.data.name]
    return Started(
        generation=generation,
        runs=specs,
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
