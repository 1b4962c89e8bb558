"""What the training worker says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from thalweg.core.scene import AxisSpec, OptimiserSpec, RunSpec, Scene

NO_BUFFERS = np.empty(0, dtype=np.float32)
"""The running statistics of a network that has none."""

MEASURE_SHARE = 0.04
"""Share of the time that measuring may take while training runs flat out; what is costly may take as much again."""


@dataclass(frozen=True)
class Started:
    """A run stands at step 0: what its views need to know once."""

    generation: int
    runs: tuple[RunSpec, ...]
    data: str
    measured: int
    train_count: int
    test_count: int
    objective: str
    unit: str
    device: str
    examples: np.ndarray
    """The first training images, uint8 [n, rows, columns]."""
    labels: tuple[str, ...]

    @property
    def run(self) -> RunSpec:
        """The first run."""
        return self.runs[0]


@dataclass(frozen=True)
class Path:
    """The optimiser's path on a plane: coordinates of recorded steps, the last of them the current point."""

    plane: int
    steps: np.ndarray
    alpha: np.ndarray
    beta: np.ndarray
    share: float
    """Share of the squared distance from the first to the current point that lies in the plane."""


@dataclass(frozen=True)
class GivenAxis:
    """A direction [size] that was read off a run's history, with what it is; ``reason`` says why there is none."""

    vector: np.ndarray
    label: str = ""
    unit: str = ""
    reason: str = ""


@dataclass(frozen=True)
class LineNow:
    """One line of training as it stands: a run of the scene from its start, or a branch of one."""

    number: int
    run: int
    """Which of the runs, from 0."""
    start: int
    """Where it left its ``parent``, or 0."""
    head: int
    """The newest step."""
    step: int
    """The step that is looked at."""
    live: bool
    """Whether it is the line that its run goes on with."""
    recorded: np.ndarray
    """The steps that can be shown at once, int64, ascending."""
    changes: tuple[tuple[int, OptimiserSpec], ...]
    """From which step on which optimiser."""
    series: dict[str, np.ndarray] | None
    """The measures; None: as in the frame before."""
    weight_map: np.ndarray
    """What the first layer looks at, float32 [rows, columns]; empty where that has no weight for each pixel."""
    path: Path | None = None
    parent: int | None = None
    ended: str = ""
    """Why it goes on no further, if it does not."""
    put_back: tuple[tuple[int, int], ...] = ()
    """At which steps which layers, from 1, were put back to their values at step 0, in its past too."""


@dataclass(frozen=True)
class Frame:
    """Everything that moves, at one moment; a later frame replaces an earlier one."""

    generation: int
    step: int
    """The step that is looked at."""
    epoch: float
    stepping: bool
    """Whether steps are due or being taken."""
    steps_per_second: float
    lines: tuple[LineNow, ...]
    focus: int
    """The number of the line in front."""
    following: bool = True
    """Whether the step is the newest, and will be."""
    apart: bool = False
    """Whether an earlier step is looked at while the runs stand elsewhere."""
    tuned: int = 0
    """The number of the last Tune that was taken up."""
    tuned_at: tuple[int, int] = (0, 0)
    """The line and the step at which that was."""
    parameters: np.ndarray | None = None
    of: tuple[int, int] = (0, 0)
    """The line and the step that the parameters are of."""
    newest: np.ndarray | None = None
    """The parameters at the newest step of that line, where they were asked for and it is another step."""
    newest_step: int = -1
    """That step; -1: it was not asked for."""
    axes: tuple[AxisSpec, ...] = ()
    """The axes that directions were asked for."""
    given: tuple[GivenAxis | None, ...] = ()
    """The directions of ``axes`` at this step; None for those that do not come from the history."""
    buffers: np.ndarray = field(default_factory=lambda: NO_BUFFERS)
    """The running statistics that belong to the parameters, float32 [count]; see :mod:`thalweg.core.buffers`."""
    costs: Mapping[str, float] = field(default_factory=dict)
    """Seconds that a ``step``, and each kind of measure, of the run in front took lately."""

    @property
    def line(self) -> LineNow:
        """The line in front."""
        return next(line for line in self.lines if line.number == self.focus)

    @property
    def series(self) -> dict[str, np.ndarray]:
        """The measures of the line in front."""
        return self.line.series or {}

    @property
    def weight_map(self) -> np.ndarray:
        """That of the line in front."""
        return self.line.weight_map

    @property
    def path(self) -> Path | None:
        """The path of the line in front."""
        return self.line.path

    def after(self, before: Frame | None) -> Frame:
        """The same with the measures that were left out because they are those of the frame ``before``."""
        if before is None or all(line.series is not None for line in self.lines):
            return self
        known = {line.number: line.series for line in before.lines}
        lines = tuple(
            replace(line, series=known.get(line.number)) if line.series is None else line for line in self.lines
        )
        return replace(self, lines=lines)


@dataclass(frozen=True)
class Part:
    """A vector that a step is made of: its coordinates on the plane, by least squares, and its norm as a whole.

    ``slope`` are its products with the axes: of a gradient, the partial derivatives along them.
    """

    along: tuple[float, float]
    slope: tuple[float, float]
    norm: float


@dataclass(frozen=True)
class Dissected:
    """What the next step of a line is made of. Places and coordinates are (alpha, beta) on the plane ``plane``.

    ``parts`` by name: ``gradient``; ``penalty`` (what is added to it for the size of the weights) and ``penalised``,
    both together, where there is one; ``clipped`` where that was too long; ``kept`` and ``velocity`` (momentum: what is
    kept of the last one, and the new); ``mean`` and ``root`` (running mean of the gradients, and root of that of their
    squares), ``blend`` (of mean and gradient), ``scaled`` (what is divided by the root, downhill), ``decayed`` (what
    weight decay adds); ``uphill`` (the way to where the gradient is taken); ``direction`` (what the learning rate, or
    the length that was found, is multiplied with); ``plain`` (the step before the layers' own rates) and ``step``.
    """

    generation: int
    line: int
    step: int
    plane: int
    optimiser: OptimiserSpec
    rate: float
    """The learning rate, or the length that a line search has found."""
    start: tuple[float, float]
    end: tuple[float, float]
    slope: tuple[float, float]
    """The partial derivatives of the batch's loss along the axes."""
    drawn_slope: tuple[float, float]
    """Those of the loss that the map is of."""
    parts: dict[str, Part]
    promise: float
    """The change of the batch's loss if its slope stayed as it is."""
    loss: tuple[float, float]
    """The batch's, before and after."""
    drawn_loss: tuple[float, float]
    """The map's, before and after."""


@dataclass(frozen=True)
class WayOut:
    """The loss on the straight way from the point that was judged to the newest step of another line, float64 [n].

    ``highest`` and ``last``: the greatest and the newest loss measured on the training examples on that line's own
    way, from the step ``since`` at which it parted from the one that was judged, or was at the very point that was
    judged; not numbers where too little of it was measured, or where a layer was put back there. ``measured``: the
    newest step of these, over so many ``examples``.
    """

    line: int
    step: int
    loss: np.ndarray
    since: int = 0
    highest: float = float("nan")
    last: float = float("nan")
    measured: int = 0
    examples: int = 0


@dataclass(frozen=True)
class Judged:
    """Whether a step is a minimum: loss, norm of the gradient, and the Hessian's extreme eigenvalues there.

    The eigenvalues are known to ``error``; ``gain`` is what a step down the gradient gains at least. ``curves_down``:
    it certainly is none. The ``ways`` lead to where lines went that were there or began where this one did.
    """

    generation: int
    line: int
    step: int
    loss: float
    gradient: float
    largest: float
    smallest: float
    error: float
    gain: float
    curves_down: bool
    examples: int
    size: int
    ways: tuple[WayOut, ...] = ()


@dataclass(frozen=True)
class Stopped:
    """Training stopped by itself; the sentence says why. Not ``paused``: of one run alone, and the others go on.

    ``rescue``: the step to go back to and the learning rate to try there, where the loss is not finite any more.
    """

    generation: int
    sentence: str
    line: int = 0
    rescue: tuple[int, float] | None = None
    paused: bool = True


@dataclass(frozen=True)
class Opened:
    """A run file was taken up: its scene. Started and a frame follow."""

    generation: int
    path: str
    scene: Scene


@dataclass(frozen=True)
class NotOpened:
    """A run file could not be taken up; the sentence says why, and everything is as it was."""

    generation: int
    path: str
    sentence: str
    foreign: bool = False
    """Whether it is a whole HDF5 file that is no run, as a surface is."""


@dataclass(frozen=True)
class Saved:
    """A run file was written, or not: then the sentence says why, and the old file is as it was."""

    generation: int
    path: str
    kept: bool
    step: int = 0
    sentence: str = ""


@dataclass(frozen=True)
class DataMissing:
    """The run's data set is not on this machine; the sentence says what can be done."""

    generation: int
    name: str
    sentence: str


@dataclass(frozen=True)
class Failed:
    """Something could not be done; the sentence says what and why."""

    generation: int
    sentence: str
    worker: str = "training"
    number: int = 0
    """Of the map request that failed; 0 for others."""


@dataclass(frozen=True)
class Progress:
    """How far a long job is: ``done`` of ``total`` (0: unknown) in ``unit``."""

    generation: int
    job: str
    done: int
    total: int
    unit: str


@dataclass(frozen=True)
class Downloaded:
    """A data set is in the cache now."""

    generation: int
    name: str


SessionEvent = (
    Started | Frame | Dissected | Judged | Stopped | Opened | NotOpened | Saved | DataMissing | Downloaded | Failed
    | Progress
)  # fmt: skip
