"""What the window shows, as one frozen value. No Qt. How it changes: :mod:`thalweg.app.reduce`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from thalweg.app.changes import ranges_of
from thalweg.app.intents import MapKey, Range
from thalweg.app.keeping import Keeping, begun_again
from thalweg.app.settings import Settings
from thalweg.app.slicing import Slicing
from thalweg.core.messages import (
    DataMissing,
    Dissected,
    Frame,
    GivenAxis,
    LineNow,
    Map,
    MapProgress,
    Path,
    PlaneLaid,
    Progress,
    Saved,
    SessionCommand,
    Started,
    Stopped,
)
from thalweg.core.scene import OptimiserSpec, RunSpec, Scene

LANDSCAPE_DEATHS = 3
"""So many ends of the landscape worker without a map between them, and it is left off."""

NOT_YET = "No landscape yet: "
"""How the reason begins why there is no plane so far; it is tried again at later steps."""


class Here(NamedTuple):
    """A step of a line, the parameters there [size], and the running statistics that belong to them [count]."""

    step: int
    parameters: np.ndarray
    buffers: np.ndarray
    line: int = 0


class Newest(NamedTuple):
    """The newest step of a line, and the parameters there [size]; None where that is the step that is looked at."""

    step: int
    parameters: np.ndarray | None


@dataclass(frozen=True)
class Kept:
    """A scene that undo can return to, with the file that it belongs to.

    ``what`` is the change that lies between it and the next; ``at`` where that was made in a run that went on:
    generation, line and step, of the ``tune``-th change of the run. ``drag`` names what was moved, while it is: all of
    that is one change. ``put_back``: the change is none of the scene, but that this layer was put back there.
    """

    scene: Scene
    name: str
    saved: Scene | None
    what: str = ""
    at: tuple[int, int, int] | None = None
    tune: int = 0
    drag: str = ""
    put_back: int = 0


@dataclass(frozen=True)
class AppState:
    """All that is on screen. Derived values are functions of it, not fields."""

    scene: Scene
    past_scene: Scene | None = None
    """The scene as it was at an earlier step that is looked at, where another optimiser was in force."""
    name: str = ""
    saved: Scene | None = None
    draft: Scene | None = None
    past: tuple[Kept, ...] = ()
    future: tuple[Kept, ...] = ()
    settings: Settings = field(default_factory=Settings)
    generation: int = 1
    reserved: int = 0
    """The generation that a run file under way will have."""
    taken_up: int = 0
    """The generation that the training worker has begun by itself, with a run file."""
    opening: str = ""
    """The run file that is to be taken up."""
    bare: bool = False
    """Whether the training worker has begun again and has no run yet."""
    scenes_opened: int = 0
    """How many scenes and runs were opened: the panels are arranged anew for each."""
    foreign: str = ""
    """A file that was to be opened as a run, and is another HDF5 file."""
    playing: bool = False
    advances: int = 0
    """Single steps asked for in this run."""
    pauses: int = 0
    """How often the person has paused, which also ends a long step."""
    orders: int = 0
    """How many orders the training worker was given in this session."""
    order: SessionCommand | None = None
    """The last of them."""
    tunes: int = 0
    """How often the optimiser or the stop rules of a run were changed while it went on."""
    front: int = 0
    """The run that is to be in front once the runs have begun."""
    smooth: bool = False
    """Whether the pictures before stay until those of the new runs are there."""
    form: int = 0
    """Which run the forms show: the first (0) or a variant (1, 2, ...)."""
    hidden: frozenset[int] = frozenset()
    """The lines that are not drawn."""
    ready: frozenset[str] = frozenset()
    dead: tuple[str, str] | None = None
    """Name of a worker that has ended, and the sentence that says so."""
    started: Started | None = None
    frame: Frame | None = None
    parameters: Here | None = None
    """Where a map can be asked for."""
    newest: Newest | None = None
    """The newest step, when the parameters came, of the line that they are of; None where it was not asked for."""
    plane: int = 0
    laid: Here | None = None
    """Where the plane is laid; None: at the next parameters that arrive."""
    given: tuple[GivenAxis | None, ...] = ()
    """The directions of the plane's axes that are read off the run's history."""
    plane_laid: PlaneLaid | None = None
    ranges: tuple[Range, Range] = ((-1.0, 1.0), (-1.0, 1.0))
    """Of the whole plane, as far as it has grown."""
    zoom: tuple[Range, Range] | None = None
    """The part of the plane that is looked at; None: the whole."""
    asked: MapKey | None = None
    map_number: int = 0
    busy: bool = False
    map_progress: MapProgress | None = None
    """How far the map under way is; None for one that takes no time to speak of."""
    map: Map | None = None
    maps: Mapping[int, Map] = field(default_factory=dict)
    """The newest map of each line that has one."""
    arriving: Map | None = None
    """A map on a new plane, shown once the path on that plane is there too."""
    path: Path | None = None
    """The path on the plane of the map on screen."""
    drawn: tuple[float, ...] = ()
    """When the last maps arrived, in seconds."""
    map_error: str = ""
    """Why there is no map."""
    field_error: tuple[str, str] | None = None
    sentence: str = ""
    news: str = ""
    """The last sentence that told of no trouble: why training has stopped as it was to."""
    written: Saved | None = None
    """The run file, or the parameters, that the person had written last."""
    stopped: Stopped | None = None
    """Why training has stopped by itself."""
    controls: bool = True
    """Whether the forms are shown."""
    landscape_deaths: int = 0
    """How often the landscape worker has ended since it last made a map."""
    missing: DataMissing | None = None
    progress: Progress | None = None
    inside: int | None = None
    """Which phase of the next step is looked at; None: the step is not taken apart."""
    dissected: Dissected | None = None
    """The last step that was taken apart."""
    slicing: Slicing = field(default_factory=Slicing)
    keeping: Keeping = field(default_factory=Keeping)

    @property
    def one_step(self) -> Dissected | None:
        """The step that is looked into, if what is known of it is of here and now."""
        d, frame = self.dissected, self.current
        if self.inside is None or d is None or frame is None or frame.path is None:
            return None
        here = (frame.generation, frame.focus, frame.step, frame.path.plane, self.optimiser_now)
        return d if (d.generation, d.line, d.step, d.plane, d.optimiser) == here else None

    @property
    def stepping(self) -> bool:
        """Whether a single step of the player, which may have many batches, is still being taken."""
        return self.frame is not None and self.frame.stepping and not self.playing

    @property
    def shown_ranges(self) -> tuple[Range, Range]:
        """The ranges that the map is to have: those zoomed into, or the whole plane's."""
        return self.zoom or self.ranges

    @property
    def seen_scene(self) -> Scene:
        """The scene as it is, or was, at the step that is looked at."""
        return self.past_scene or self.scene

    @property
    def front_form(self) -> int:
        """Which run's form is that of the line in front."""
        frame = self.current
        if frame is None or frame.line.run >= len(self.scene.runs()):
            return min(self.form, len(self.scene.variants))
        return self.scene.spec_of(frame.line.run)

    @property
    def modified(self) -> bool:
        """Whether the scene differs from its file."""
        return self.saved is not None and self.scene != self.saved

    @property
    def current(self) -> Frame | None:
        """The frame of the run that is trained now; None while that of an older one is still on screen."""
        return self.frame if self.frame is not None and self.frame.generation == self.generation else None

    @property
    def line(self) -> LineNow | None:
        """The line in front."""
        return self.frame.line if self.frame is not None else None

    @property
    def optimiser_now(self) -> OptimiserSpec:
        """The optimiser in force at the step of the line in front that is looked at."""
        line = self.line
        return next(o for step, o in reversed(line.changes) if step <= line.step) if line else self.spec.optimiser

    @property
    def spec(self) -> RunSpec:
        """The run that the line in front is of; before there is one, the scene's first."""
        if self.started is None:
            return self.scene.run
        return self.started.runs[self.line.run] if self.line is not None else self.started.run


def opened(scene: Scene, name: str, settings: Settings) -> AppState:
    """The state of a window that has just opened a scene."""
    return AppState(
        scene,
        name=name,
        saved=scene,
        settings=settings,
        playing=scene.pace.play,
        ranges=ranges_of(scene.view.plane),
    )


def restarted(state: AppState, scene: Scene, **changes: Any) -> AppState:
    """The state at the beginning of runs of ``scene``; the last pictures stay until new ones are there."""
    return replace(
        state,
        scene=scene,
        past_scene=None,
        draft=None,
        generation=max(state.generation, state.reserved) + 1,
        opening="",
        advances=0,
        front=0,
        smooth=False,
        tunes=0,
        form=min(state.form, len(scene.variants)),
        hidden=frozenset(),
        parameters=None,
        newest=None,
        laid=None,
        plane=state.plane + 1,
        ranges=ranges_of(scene.view.plane),
        zoom=None,
        busy=False,
        asked=None,
        arriving=None,
        map_error=state.map_error if state.landscape_deaths >= LANDSCAPE_DEATHS else "",
        field_error=None,
        sentence="",
        stopped=None,
        missing=None,
        progress=None,
        inside=None,
        slicing=Slicing(number=state.slicing.number, shown=state.slicing.shown),
        keeping=begun_again(state.keeping),
        **changes,
    )


def remembered(
    state: AppState, scene: Scene, what: str, at: tuple[int, int, int] | None = None, tune: int = 0
) -> AppState:
    """The state with another scene, after which undo can return to this one; to its optimiser ``at`` a step."""
    kept = Kept(state.seen_scene if at else state.scene, state.name, state.saved, what, at, tune)
    return replace(state, scene=scene, past_scene=None, past=(*state.past[-99:], kept), future=())


def begun_at_once(state: AppState, scene: Scene, what: str, drag: str = "") -> AppState:
    """The state at the beginning of runs of ``scene`` that are looked at as those before, without a gap."""
    if drag and state.past and state.past[-1].drag == drag:
        past = state.past
    else:
        past = (*state.past[-99:], Kept(state.scene, state.name, state.saved, what, drag=drag))
    frame = state.current
    front = frame.line.run if frame is not None else state.front
    return replace(
        restarted(state, scene, playing=state.playing),
        past=past, future=(), zoom=state.zoom, ranges=state.ranges, hidden=state.hidden, form=state.form,
        front=front, smooth=True, inside=state.inside,
    )  # fmt: skip


def ordered(state: AppState, order: SessionCommand) -> AppState:
    """The state after which the training worker is to be told this."""
    return replace(state, orders=state.orders + 1, order=order)


def re_laid(state: AppState) -> AppState:
    """The state whose plane is to be laid anew at the next parameters that arrive."""
    ranges = ranges_of(state.scene.view.plane)
    return replace(
        state, plane=state.plane + 1, laid=None, busy=False, map_error="", ranges=ranges, zoom=None, arriving=None
    )
