"""One line of training: what was recorded of it, and what was changed on its way. A branch shares its past."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thalweg.core.history import MEMORY, Series, Trajectory
from thalweg.core.scene import OptimiserSpec
from thalweg.core.training.moment import Moment


@dataclass(frozen=True)
class Change:
    """From ``step`` on, training goes on with this optimiser."""

    step: int
    optimiser: OptimiserSpec


@dataclass(frozen=True)
class Ended:
    """Why a line does not go on after its last step, and what might help: a sentence for the person.

    ``step`` is where the loss was not finite any more, ``back`` where it may be tried again; ``sharpness`` the largest
    curvature there, if it was found, and ``limit`` the learning rate that it allows.
    """

    step: int
    sentence: str
    back: int
    sharpness: float = float("nan")
    limit: float = float("nan")


class Line:
    """What was recorded from ``start`` to ``head``; before ``start`` it is what its ``parent`` recorded.

    ``put_back``: the layer, from 1, that was put back to its values at step 0 where the line begins; 0: none was.
    Such a line begins elsewhere than where its parent was, so that its measures begin there, too.
    """

    def __init__(
        self, number: int, first: Moment, parent: Line | None = None, limit: int = MEMORY, put_back: int = 0
    ) -> None:
        self.number, self.parent, self.start, self.head = number, parent, first.step, first.step
        self.put_back = put_back
        self.trajectory = Trajectory(first.step, limit)
        self.trajectory.append(first)
        self.series = Series()
        if parent is not None and not put_back:
            self.series = parent.series.until(first.step)
        if parent is None:
            self.epochs, self.changes = list[int](), [Change(first.step, first.optimiser)]
        else:
            self.epochs = [s for s in parent.epochs if s < first.step]
            self.changes = [c for c in parent.changes if c.step <= first.step]
        self.tip: Moment | None = None
        """Where it stood when the session was put elsewhere."""
        self.ended: Ended | None = None

    def optimiser_at(self, step: int) -> OptimiserSpec:
        """The optimiser that takes the step from ``step`` to the next."""
        return next(c.optimiser for c in reversed(self.changes) if c.step <= step)

    def change(self, change: Change) -> None:
        """Note a change; one that is made at the same step takes the place of the one before."""
        self.changes = [*(c for c in self.changes if c.step < change.step), change]
        if self.series.last_step > change.step:  # where it ended without the change
            self.series = self.series.until(change.step)

    def at(self, step: int) -> Moment | None:
        """The moment of exactly this step, if it was recorded."""
        if step == self.head and self.tip is not None:
            return self.tip
        if step < self.start and self.parent is not None:
            return self.parent.at(step)
        return self.trajectory.at(step)

    def seconds_at(self, step: int, seconds: float) -> float:
        """The training time up to a step that was taken again, whose own count is ``seconds``.

        That of the first time where it was recorded; else its own, between what was recorded before and after it, so
        that time does not run backwards from the record of a line to what is added to it or to a branch.
        """
        known = self.at(step)
        if known is not None:
            return known.seconds
        if step < self.start and self.parent is not None:
            return self.parent.seconds_at(step, seconds)
        least, most = self.series.around("seconds", step)
        return min(max(seconds, least), most, self.tip.seconds if self.tip else most)

    @property
    def layers_put_back(self) -> tuple[tuple[int, int], ...]:
        """At which steps which layers were put back, in its past too."""
        above = self.parent.layers_put_back if self.parent is not None else ()
        own = ((self.start, self.put_back),) if self.put_back else ()
        return (*(put for put in above if put[0] <= self.start), *own)

    def jump_at(self, step: int) -> Moment | None:
        """The moment of a step to which no step of training leads, because a layer was put back there; else None."""
        line, found = self, None
        while line.parent is not None and step <= line.start:
            if step == line.start:
                found = found or line.trajectory.moments[0]  # a branch of the branch that begins there, too, is there
                if line.put_back:
                    return found
            line = line.parent
        return None

    def near(self, step: int) -> Moment | None:
        """The moment of this step, or the last evenly recorded one before it."""
        exact = self.at(min(step, self.head))
        if exact is not None:
            return exact
        if step < self.start and self.parent is not None:
            return self.parent.near(step)
        return next(iter(reversed(list(self.trajectory.until(step)))), None)

    def whole_before(self, step: int) -> Moment:
        """The last recorded moment at or before ``step`` that training can go on from."""
        if self.tip is not None and self.tip.step <= step:
            return self.tip
        if step < self.start and self.parent is not None:
            return self.parent.whole_before(step)
        found = self.trajectory.whole_before(step)
        assert found is not None, "the first moment stays"
        return found

    def moments(self, step: int) -> list[Moment]:
        """The evenly recorded moments from step 0 to ``step``, its parents' among them."""
        before = self.parent.moments(min(step, self.start - 1)) if self.parent is not None else []
        return [*before, *self.trajectory.until(step)]

    def recorded(self) -> np.ndarray:
        """All recorded steps, ascending; int64."""
        parts: list[Sequence[int] | np.ndarray] = [self.trajectory.steps, [self.head]]
        if self.parent is not None:
            above = self.parent.recorded()
            parts.append(above[above < self.start])
        return np.unique(np.concatenate([np.asarray(p, dtype=np.int64) for p in parts]))

    def parted_from(self, other: Line) -> int:
        """The last step that it shares with another line from the same start; 0 where they are of two runs."""
        its = other._until()
        return max((min(step, its[number]) for number, step in self._until().items() if number in its), default=0)

    def _until(self) -> dict[int, int]:
        """Up to which step it goes along which lines, its own number among them."""
        found, line, step = dict[int, int](), self, self.head
        while True:
            found[line.number], step = step, min(step, line.start)
            if line.parent is None:
                return found
            line = line.parent

    def epoch_before(self, step: int) -> int:
        """The last step before ``step`` at which a pass through the examples began; 0 where there is none."""
        return max((s for s in self.epochs if s < step), default=0)

    def cut(self, step: int) -> None:
        """Forget what was recorded after ``step``; the measures stay."""
        self.head, self.tip = step, None
        self.epochs = [s for s in self.epochs if s < step]
        self.changes = [c for c in self.changes if c.step <= step]
        self.trajectory.cut(step)

    @property
    def nbytes(self) -> int:
        """The memory that is this line's alone."""
        return self.trajectory.nbytes + (self.tip.nbytes if self.tip else 0)
