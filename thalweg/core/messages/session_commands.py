"""What the training worker is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from thalweg.core.scene import AxisSpec, OptimiserSpec, PaceSpec, RunSpec, Scene, StopSpec

if TYPE_CHECKING:
    from thalweg.core.store.surfaces.surface import Surface


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
class PutBack:
    """Pause, and put a layer (from 1) of the run in front back to its values at step 0, on a branch that begins there.

    At this ``step`` of this ``line``; None: where the run stands.
    """

    generation: int
    layer: int
    line: int | None = None
    step: int | None = None


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
    that are read off the run's history. ``newest``: with the parameters at the newest step of the line, too.
    """

    generation: int
    parameters: bool
    axes: tuple[AxisSpec, ...] = ()
    line: int | None = None
    newest: bool = False


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
    Start | Play | Advance | Dissect | Judge | Tune | MeasureAlso | Show | Move | Focus | Forget | PutBack | Limit
    | Save | SaveParameters
    | Open | PlaneLaid | Acknowledge | Download | Cancel
)  # fmt: skip
