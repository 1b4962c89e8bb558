"""What a person can want, and what the controller has done: what changes the state beside the workers' events."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from thalweg.app.settings import Settings
from thalweg.app.slicing import SliceKey
from thalweg.core.scene import Scene

Range = tuple[float, float]


@dataclass(frozen=True)
class OpenScene:
    """Show this scene from the start; ``name`` is its file or short name."""

    scene: Scene
    name: str


@dataclass(frozen=True)
class SceneSaved:
    """The scene on screen was written to the file of this name."""

    name: str


@dataclass(frozen=True)
class Edit:
    """Set the field at a dotted path."""

    path: str
    value: Any


@dataclass(frozen=True)
class ApplyDraft:
    """Take up the edits that need a restart, and start again."""


@dataclass(frozen=True)
class DiscardDraft:
    """Forget the edits that need a restart."""


@dataclass(frozen=True)
class SetPlaying:
    """Play or pause."""

    playing: bool


@dataclass(frozen=True)
class StepOn:
    """Go so many steps of the player on: what is recorded is shown again, beyond it is trained.

    A player that plays pauses; unless its past is looked at, then the look alone moves.
    """

    by: int = 1


@dataclass(frozen=True)
class StepBack:
    """Go so many steps of the player back."""

    by: int = 1


@dataclass(frozen=True)
class AskWhetherMinimum:
    """Find out whether the step that is looked at is a minimum."""


@dataclass(frozen=True)
class LookInside:
    """Go so many phases of the next step on, or back: the first begins to look into it, the last takes it."""

    by: int = 1


@dataclass(frozen=True)
class LookOutside:
    """Do not look into the step any more."""


@dataclass(frozen=True)
class LookAt:
    """Look at a step, or at the newest and at all that follow it (None)."""

    step: int | None


@dataclass(frozen=True)
class PutAhead:
    """Put a line of training in front."""

    line: int


@dataclass(frozen=True)
class ForgetLine:
    """Drop a line that is not in front."""

    line: int


@dataclass(frozen=True)
class PutLayerBack:
    """Pause, and go on from the step that is looked at with this layer, from 1, as it was at step 0."""

    layer: int


@dataclass(frozen=True)
class ShowLine:
    """Draw a line, or do not."""

    line: int
    shown: bool


@dataclass(frozen=True)
class Rescue:
    """Go back to before the loss was not finite any more, and go on with a smaller learning rate."""


@dataclass(frozen=True)
class AddVariant:
    """Begin to add a run beside those that there are: a copy of the one in front, to be changed and applied."""


@dataclass(frozen=True)
class RemoveVariant:
    """Take the variant that the forms show out of the scene."""


@dataclass(frozen=True)
class OpenRun:
    """Take up the run of a file."""

    path: str


@dataclass(frozen=True)
class Keep:
    """Write the run to the file of this session; the controller has asked for it, at this time in seconds."""

    key: object
    at: float


@dataclass(frozen=True)
class LeftBehind:
    """A session that did not end well has left a run file, written at this time."""

    path: str
    when: str


@dataclass(frozen=True)
class Reset:
    """Back to step 0 and the same initial weights."""


@dataclass(frozen=True)
class NewSeed:
    """Start again from other initial weights."""

    seed: int = field(default_factory=lambda: random.SystemRandom().randrange(1, 100_000))


@dataclass(frozen=True)
class LayPlane:
    """Lay the plane anew at the current point."""


@dataclass(frozen=True)
class StartAt:
    """Descend on the surface from here; all runs do. Not ``done`` while the start is being dragged."""

    x: float
    y: float
    done: bool = True


@dataclass(frozen=True)
class Zoom:
    """Look at these ranges of the plane; ranges that hold the whole plane show the whole."""

    x_range: Range
    y_range: Range


@dataclass(frozen=True)
class WholePlane:
    """Look at the whole plane again."""


@dataclass(frozen=True)
class Undo:
    """Take the last edit back."""


@dataclass(frozen=True)
class Redo:
    """Do again what was taken back."""


@dataclass(frozen=True)
class SetSettings:
    """Change what belongs to the person and the machine."""

    settings: Settings


@dataclass(frozen=True)
class Report:
    """Show a sentence: something could not be done."""

    sentence: str


@dataclass(frozen=True)
class Dismiss:
    """The person has read the sentence."""


@dataclass(frozen=True)
class AskedForMap:
    """The controller has sent a request for this map."""

    key: MapKey
    number: int


@dataclass(frozen=True)
class MapCancelled:
    """The controller has told the landscape worker to drop the map under way."""


@dataclass(frozen=True)
class AskedForSlices:
    """The controller has sent a request for these slices."""

    key: SliceKey
    number: int


@dataclass(frozen=True)
class SlicesCancelled:
    """The controller has told the landscape worker to drop the slices under way."""


@dataclass(frozen=True)
class MapArrived:
    """A map has come in, at this time in seconds."""

    at: float


@dataclass(frozen=True)
class MapKey:
    """Everything that a map depends on; equal keys mean equal maps."""

    generation: int
    plane: int
    step: int
    x_range: Range
    y_range: Range
    resolution: int
    mode: str
    statistics: str = "stored"
    line: int = 0


@dataclass(frozen=True)
class Change:
    """Set several fields at once and start again; whether the scene counts as saved does not change by it."""

    values: Mapping[str, Any]


@dataclass(frozen=True)
class CureWith:
    """Train another run from the same start as the one in front, with this cure."""

    cure: str


@dataclass(frozen=True)
class ShowControls:
    """Show the forms, or hide them."""

    shown: bool
