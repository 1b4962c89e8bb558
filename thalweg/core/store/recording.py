"""What happened in the runs of a scene, as numbers that a file can hold. Numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from thalweg.core.scene import OptimiserSpec, Scene

NO_BUFFERS = np.empty((0, 0), dtype=np.float32)


@dataclass(frozen=True)
class Remembered:
    """A tensor of an optimiser: its values [k, ...] at the rows [k] of a line that have it."""

    rows: np.ndarray
    values: Sequence[np.ndarray] | np.ndarray

    def moved(self, places: dict[int, int]) -> Remembered:
        """For those rows that have a new place, there."""
        kept = [k for k, row in enumerate(self.rows.tolist()) if row in places]
        rows = np.array([places[int(self.rows[k])] for k in kept], dtype=np.int64)
        return Remembered(rows, [self.values[k] for k in kept])


@dataclass(frozen=True)
class LineRecord:
    """One line of training. Before ``start`` it is what the line ``parent`` recorded.

    ``steps`` [n] ascend; ``parameters`` [n, size] and ``buffers`` [n, count] belong to them, and ``epochs`` and ``at``
    [n]: passes begun, and examples of this pass used. Steps at start + k ``stride`` are the evenly recorded
    ones; the newest is there too. From the rows ``whole`` [k] training can go on; ``memory`` holds the optimiser's
    tensors by name, each with the rows that have it. ``streams`` are the states of the generator that the
    order of a pass is drawn from, by the number of the pass. ``evaluations`` and ``seconds`` [n] are what training had
    taken by each of the ``steps``: gradients and Hessian products, and time; empty where they were not counted.
    """

    steps: np.ndarray
    parameters: Sequence[np.ndarray] | np.ndarray
    series: dict[str, np.ndarray]
    buffers: Sequence[np.ndarray] | np.ndarray = field(default_factory=lambda: NO_BUFFERS)
    epochs: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    at: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    evaluations: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    seconds: np.ndarray = field(default_factory=lambda: np.empty(0))
    whole: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    memory: dict[str, Remembered] = field(default_factory=dict)
    streams: dict[int, np.ndarray] = field(default_factory=dict)
    live: bool = True
    """Whether its run went on along it."""
    forgotten: bool = False
    """Whether it is there only because branches of it share what it recorded."""
    changes: tuple[tuple[int, OptimiserSpec], ...] = ()
    passes: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    """The steps at which passes through the examples began."""
    number: int = 0
    run: int = 0
    parent: int | None = None
    start: int = 0
    head: int = 0
    stride: int = 1
    ended: tuple[int, str, int] | None = None
    """Step, sentence and the step to try again at, of a line whose loss is not finite any more."""
    put_back: int = 0
    """The layer, from 1, that was put back to its values at step 0 where the line begins; 0: none was."""

    def nearest(self, step: int | None) -> int:
        """Index of the recorded step nearest to ``step``; of the last when None."""
        return len(self.steps) - 1 if step is None else int(np.abs(self.steps - step).argmin())

    def buffers_at(self, index: int) -> np.ndarray:
        """The running statistics [count] of the recorded step of this index."""
        return self.buffers[index] if len(self.buffers) else np.empty(0, dtype=np.float32)

    def thinned(self, most: int) -> LineRecord:
        """With no more than about so many of the evenly recorded steps; the newest stays."""
        every = -(-len(self.steps) // most)
        if every <= 1:
            return self
        stride = self.stride * every
        even = (self.steps - self.start) % stride == 0
        rows = np.flatnonzero(even | (self.steps == self.head)).tolist()
        places = {row: k for k, row in enumerate(rows)}
        return replace(
            self,
            steps=self.steps[rows],
            parameters=[self.parameters[i] for i in rows],
            buffers=[self.buffers[i] for i in rows] if len(self.buffers) else NO_BUFFERS,
            epochs=self.epochs[rows],
            at=self.at[rows],
            evaluations=self.evaluations[rows] if len(self.evaluations) else self.evaluations,
            seconds=self.seconds[rows] if len(self.seconds) else self.seconds,
            whole=np.array([places[row] for row in self.whole.tolist() if row in places], dtype=np.int64),
            memory={name: kept.moved(places) for name, kept in self.memory.items()},
            stride=stride,
        )


@dataclass(frozen=True)
class Recording:
    """The lines of a scene's runs, and which of them stood in front."""

    scene: Scene
    lines: tuple[LineRecord, ...]
    focus: int = 0

    @property
    def front(self) -> LineRecord:
        """The line in front."""
        return next(line for line in self.lines if line.number == self.focus)

    def whole_of(self, line: LineRecord) -> LineRecord:
        """A line with all of its past: what its parents recorded before it stands before its own steps."""
        if line.parent is None:
            return line
        above = self.whole_of(next(a for a in self.lines if a.number == line.parent))
        before = np.flatnonzero(above.steps < line.start).tolist()
        return replace(
            line,
            steps=np.concatenate([above.steps[before], line.steps]),
            parameters=[*(above.parameters[i] for i in before), *line.parameters],
            buffers=[*(above.buffers[i] for i in before), *line.buffers] if len(line.buffers) else NO_BUFFERS,
        )

    @property
    def steps(self) -> np.ndarray:
        """The recorded steps of the line in front, its past included."""
        return self.whole_of(self.front).steps

    @property
    def series(self) -> dict[str, np.ndarray]:
        """The measures of the line in front."""
        return self.front.series

    @property
    def parameters(self) -> np.ndarray:
        """The parameters [n, size] at :attr:`steps`."""
        return np.stack(list(self.whole_of(self.front).parameters))
