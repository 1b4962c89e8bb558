"""What the window and its workers say to each other: frozen, picklable, numpy inside, no torch.

Every message carries the generation of the run that it belongs to; a message of an older generation is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from thalweg.core.scene import AxisSpec, OptimiserSpec, PaceSpec, PlaneSpec, RunSpec, Scene, SlicesSpec, StopSpec

if TYPE_CHECKING:
    from thalweg.core.store.surfaces.surface import Surface

NO_BUFFERS = np.empty(0, dtype=np.float32)
"""The running statistics of a network that has none."""

MEASURE_SHARE = 0.04
"""Share of the time that measuring may take while training runs flat out; what is costly may take as much again."""

# --- to the session worker -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Start:
    """Begin runs at step 0, to be trained in lock-step; ``memory`` bytes may be taken by what is recorded of them."""

    generation: int
    runs: tuple[RunSpec, ...]
    memory: int = 512 * 2**20

    @property
    def run(self) -> RunSpec:
        """The first run."""
        return self.runs[0]


@dataclass(frozen=True)
class Play:
    """Play or pause, at this pace."""

    generation: int
    playing: bool
    pace: PaceSpec


@dataclass(frozen=True)
class Advance:
    """Take so many steps of the player, then stop."""

    generation: int
    steps: int
    batches: bool = False
    """Whether a step is one batch, whatever a step of the player is."""


@dataclass(frozen=True)
class Dissect:
    """Take the next step of the run in front apart, as it is seen on the plane in use, without taking it.

    The loss of the map is the mean over so many training ``examples``.
    """

    generation: int
    examples: int


@dataclass(frozen=True)
class Judge:
    """Find out whether the step that is looked at is a minimum, of the mean loss over so many training ``examples``."""

    generation: int
    examples: int


@dataclass(frozen=True)
class Tune:
    """Change learning rate, momentum or batch size of a run, or when it stops, without starting again.

    Of a run that stands before its newest step, another optimiser begins a branch. ``number`` counts these commands.
    """

    generation: int
    number: int
    optimiser: OptimiserSpec
    stop: StopSpec = field(default_factory=StopSpec)
    run: int = 0


@dataclass(frozen=True)
class MeasureAlso:
    """Of the measures that take long, make those of these names from now on: ``noise``, ``curvature``."""

    generation: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class Show:
    """Look at this step, or at the newest (None). While training is paused it goes on from there."""

    generation: int
    step: int | None


@dataclass(frozen=True)
class Move:
    """Look so many steps of the player further back (below 0) or on, as far as is recorded."""

    generation: int
    by: int


@dataclass(frozen=True)
class Focus:
    """Put a line in front: forms, maps and weights are its own; ``step``: and stand there, exactly."""

    generation: int
    line: int
    step: int | None = None


@dataclass(frozen=True)
class Forget:
    """Drop a line that is not in front."""

    generation: int
    line: int


@dataclass(frozen=True)
class Limit:
    """Let what is recorded take no more than so many bytes."""

    generation: int
    memory: int


@dataclass(frozen=True)
class Save:
    """Write everything to a run file, in the background; ``landscapes`` are those on screen.

    ``kept``: as the file of the last session, to be offered at the next start, not because the person asked for it.
    """

    generation: int
    path: str
    scene: Scene
    landscapes: tuple[Surface, ...] = ()
    kept: bool = False


@dataclass(frozen=True)
class SaveParameters:
    """Write the parameters of the step that is looked at: as safetensors, or (``.pt``) as torch's state dict."""

    generation: int
    path: str


@dataclass(frozen=True)
class Open:
    """Take up the run of a file, in the place of what there is; on any failure that stays."""

    generation: int
    path: str
    memory: int = 512 * 2**20


@dataclass(frozen=True)
class PlaneLaid:
    """A plane: event of the landscape worker, and command to the session worker to project the path on it.

    ``x`` and ``y`` are the directions [size], ``origin`` the point where it was laid [size].
    """

    generation: int
    plane: int
    step: int
    origin: np.ndarray
    x: np.ndarray
    y: np.ndarray
    labels: tuple[str, str]
    units: tuple[str, str]
    cosine: float


@dataclass(frozen=True)
class Acknowledge:
    """The last frame was drawn: send the next. ``parameters``: with the current parameters in it.

    They are those of ``line``, or of the line in front (None). ``axes``: with the directions of those among these axes
    that are read off the run's history.
    """

    generation: int
    parameters: bool
    axes: tuple[AxisSpec, ...] = ()
    line: int | None = None


@dataclass(frozen=True)
class Download:
    """Fetch a data set to the cache, because the person asked for it."""

    generation: int
    name: str


@dataclass(frozen=True)
class Cancel:
    """Give up the download, or the maps, of this generation."""

    generation: int


SessionCommand = (
    Start | Play | Advance | Dissect | Judge | Tune | MeasureAlso | Show | Move | Focus | Forget | Limit | Save
    | SaveParameters
    | Open | PlaneLaid | Acknowledge | Download | Cancel
)  # fmt: skip

# --- from the session worker -----------------------------------------------------------------------------------------


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

    ``parts`` by name: ``gradient``, and ``clipped`` where it was too long; ``kept`` and ``velocity`` (momentum: what is
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
    """The loss on the straight way from the point that was judged to the newest step of another line, float64 [n]."""

    line: int
    step: int
    loss: np.ndarray


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

# --- to and from the landscape worker --------------------------------------------------------------------------------


@dataclass(frozen=True)
class MapRequest:
    """Compute the landscape on a plane.

    ``laid`` is the point where the plane is laid [size] and decides its directions; ``point`` is the current point
    [size]. With mode ``follow`` the map is that of the parallel plane through ``point``. The map takes the running
    statistics of the current point, ``buffers``; the directions are those with ``laid_buffers``.
    """

    generation: int
    number: int
    run: RunSpec
    view: PlaneSpec
    plane: int
    laid_step: int
    laid: np.ndarray
    step: int
    point: np.ndarray
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    line: int = 0
    """The line of training that the point is on."""
    given: tuple[GivenAxis | None, ...] = ()
    """The directions of the axes that are read off the run's history, as they were at ``laid_step``."""
    buffers: np.ndarray = field(default_factory=lambda: NO_BUFFERS)
    laid_buffers: np.ndarray = field(default_factory=lambda: NO_BUFFERS)


@dataclass(frozen=True)
class Map:
    """A landscape, whole or as far as it is; ``loss[j, i]`` belongs to ``(x[i], y[j])``."""

    generation: int
    number: int
    plane: int
    step: int
    laid_step: int
    view: PlaneSpec
    x: np.ndarray
    y: np.ndarray
    loss: np.ndarray
    accuracy: np.ndarray
    evaluated: int
    complete: bool
    examples: int
    point: tuple[float, float]
    """Coordinates of the current point's projection."""
    loss_at_point: float
    loss_at_projection: float
    seconds: float = 0.0
    labels: tuple[str, str] = ("", "")
    units: tuple[str, str] = ("", "")
    cosine: float = 0.0
    line: int = 0
    surface: bool = False
    """Whether it is a surface C(x, y) in its own coordinates, and no network's loss."""


@dataclass(frozen=True)
class MapProgress:
    """How far a map that takes longer than a second is: ``done`` of ``total`` grid points after ``seconds``."""

    generation: int
    number: int
    done: int
    total: int
    seconds: float

    @property
    def seconds_left(self) -> float:
        """At the speed so far; infinite before the first point."""
        return self.seconds * (self.total - self.done) / self.done if self.done else float("inf")


@dataclass(frozen=True)
class Share:
    """The share of its time, 0 to 1, that the landscape worker may compute."""

    share: float


@dataclass(frozen=True)
class SliceRequest:
    """Compute the slices of every layer through ``point`` [size], the parameters at ``step``."""

    generation: int
    number: int
    run: RunSpec
    view: SlicesSpec
    step: int
    point: np.ndarray
    buffers: np.ndarray = field(default_factory=lambda: NO_BUFFERS)


@dataclass(frozen=True)
class CancelSlices:
    """Give up the slices of this generation."""

    generation: int


@dataclass(frozen=True)
class SliceCurve:
    """The loss along one direction of one layer, or the ``reason`` why there is no such direction.

    ``t`` [n] ascends and contains 0, in ``unit``; ``loss`` and ``accuracy`` [n]; ``slope`` and ``curvature`` are the
    first and second derivative of the loss with respect to t at 0. ``layer`` counts from 1, 0 are all layers together;
    ``others`` is ``now`` or ``start``, whichever values the other layers have.
    """

    layer: int
    kind: str
    others: str
    label: str
    unit: str
    t: np.ndarray
    loss: np.ndarray
    accuracy: np.ndarray
    slope: float
    curvature: float
    reason: str = ""

    @property
    def value(self) -> float:
        """The loss at t = 0; not a number where there is no slice."""
        return float(self.loss[np.searchsorted(self.t, 0.0)]) if len(self.t) else float("nan")


@dataclass(frozen=True)
class SlicesDrawn:
    """The slices through one point, all ``total`` of them or as many as there are so far."""

    generation: int
    number: int
    step: int
    view: SlicesSpec
    layers: int
    curves: tuple[SliceCurve, ...]
    total: int
    examples: int

    @property
    def complete(self) -> bool:
        """Whether all slices are there."""
        return len(self.curves) == self.total


LandscapeCommand = MapRequest | Cancel | Share | SliceRequest | CancelSlices
LandscapeEvent = PlaneLaid | Map | MapProgress | Failed | SlicesDrawn

# --- from the process itself -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ready:
    """A worker has loaded and listens."""

    worker: str


@dataclass(frozen=True)
class Died:
    """A worker's process is gone."""

    worker: str
    sentence: str
