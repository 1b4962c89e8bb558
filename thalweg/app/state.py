"""What the window shows, as one frozen value, and how it changes: ``reduce(state, message) -> state``. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import singledispatch
from typing import Any

import numpy as np

from thalweg.app import slicing
from thalweg.app.changes import (
    ZoomError,
    differences,
    directions_of,
    grown,
    history_axes,
    needs_restart,
    ranges_of,
    zoomed,
)
from thalweg.app.intents import (
    ApplyDraft,
    AskedForMap,
    AskedForSlices,
    Change,
    DiscardDraft,
    Dismiss,
    Edit,
    LayPlane,
    MapArrived,
    MapCancelled,
    MapKey,
    NewSeed,
    OpenScene,
    Range,
    Redo,
    Report,
    Reset,
    SceneSaved,
    SetPlaying,
    SetSettings,
    ShowControls,
    SlicesCancelled,
    StepOnce,
    Undo,
    WholePlane,
    Zoom,
)
from thalweg.app.settings import Settings
from thalweg.app.slicing import Slicing
from thalweg.core.messages import (
    DataMissing,
    Died,
    Downloaded,
    Failed,
    Frame,
    GivenAxis,
    Map,
    MapProgress,
    Path,
    PlaneLaid,
    Progress,
    Ready,
    SlicesDrawn,
    Started,
    Stopped,
)
from thalweg.core.scene import OptimiserSpec, PlaneSpec, Scene, SpecError

LANDSCAPE_DEATHS = 3
"""So many ends of the landscape worker without a map between them, and it is left off."""

NOT_YET = "No landscape yet: "
"""How the reason begins why there is no plane so far; it is tried again at later steps."""

RATE_WINDOW = 2.0
"""Seconds over which landscape pictures per second are averaged."""

Here = tuple[int, np.ndarray, np.ndarray]
"""A step, the parameters there [size], and the running statistics that belong to them [count]."""

# --- the state -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kept:
    """A scene that undo can return to, with the file that it belongs to."""

    scene: Scene
    name: str
    saved: Scene | None


@dataclass(frozen=True)
class AppState:
    """All that is on screen. Derived values are functions of it, not fields."""

    scene: Scene
    name: str = ""
    saved: Scene | None = None
    draft: Scene | None = None
    past: tuple[Kept, ...] = ()
    future: tuple[Kept, ...] = ()
    settings: Settings = field(default_factory=Settings)
    generation: int = 1
    playing: bool = False
    advances: int = 0
    """Single steps asked for in this run."""
    pauses: int = 0
    """How often the person has paused, which also ends a long step."""
    ready: frozenset[str] = frozenset()
    dead: tuple[str, str] | None = None
    """Name of a worker that has ended, and the sentence that says so."""
    started: Started | None = None
    frame: Frame | None = None
    parameters: Here | None = None
    """Step, parameters and running statistics that a map can be asked for at."""
    plane: int = 0
    laid: Here | None = None
    """The same where the plane is laid; None: at the next parameters that arrive."""
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
    retuned: tuple[str, ...] = ()
    """What was changed while the run went on, and from which step."""
    controls: bool = True
    """Whether the forms are shown."""
    landscape_deaths: int = 0
    """How often the landscape worker has ended since it last made a map."""
    missing: DataMissing | None = None
    progress: Progress | None = None
    slicing: Slicing = field(default_factory=Slicing)

    @property
    def stepping(self) -> bool:
        """Whether a single step of the player, which may have many batches, is still being taken."""
        return self.frame is not None and self.frame.stepping and not self.playing

    @property
    def shown_ranges(self) -> tuple[Range, Range]:
        """The ranges that the map is to have: those zoomed into, or the whole plane's."""
        return self.zoom or self.ranges

    @property
    def modified(self) -> bool:
        """Whether the scene differs from its file."""
        return self.saved is not None and self.scene != self.saved


def opened(scene: Scene, name: str, settings: Settings) -> AppState:
    """The state of a window that has just opened a scene."""
    return AppState(
        scene,
        name,
        saved=scene,
        settings=settings,
        playing=scene.pace.play,
        ranges=ranges_of(scene.view.plane),
    )


@singledispatch
def reduce(message: Any, state: AppState) -> AppState:
    """The state after an intent or an event; what is of an older generation changes nothing."""
    raise TypeError(f"no reduction for {type(message).__name__}")


def _restarted(state: AppState, scene: Scene, **changes: Any) -> AppState:
    """The state at the beginning of a run of ``scene``; the last pictures stay until new ones are there."""
    return replace(
        state,
        scene=scene,
        draft=None,
        retuned=(),
        generation=state.generation + 1,
        advances=0,
        parameters=None,
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
        missing=None,
        progress=None,
        slicing=Slicing(number=state.slicing.number, shown=state.slicing.shown),
        **changes,
    )


def _remembered(state: AppState, scene: Scene) -> AppState:
    return replace(state, scene=scene, past=(*state.past[-99:], _kept(state)), future=())


def _kept(state: AppState) -> Kept:
    return Kept(state.scene, state.name, state.saved)


# --- intents ---------------------------------------------------------------------------------------------------------


@reduce.register
def _(m: OpenScene, state: AppState) -> AppState:
    fresh = _restarted(_remembered(state, m.scene), m.scene, playing=m.scene.pace.play)
    return replace(fresh, name=m.name, saved=m.scene)


@reduce.register
def _(m: SceneSaved, state: AppState) -> AppState:
    return replace(state, name=m.name, saved=state.scene)


@reduce.register
def _(m: Edit, state: AppState) -> AppState:
    try:
        target = state.draft or state.scene
        if target.value(m.path) == m.value and type(target.value(m.path)) is type(m.value):
            return replace(state, field_error=None)
        edited = target.edited({m.path: m.value})
        if needs_restart(m.path):
            return replace(state, draft=None if edited == state.scene else edited, field_error=None)
        scene = state.scene.edited({m.path: m.value})
    except SpecError as e:
        return replace(state, field_error=(m.path, str(e)))
    changed = replace(_remembered(state, scene), draft=edited if state.draft else None, field_error=None)
    changed = _retuned(changed, state.scene.run.optimiser)
    return _looked_at_anew(changed, state.scene.view.plane)


def _retuned(state: AppState, before: OptimiserSpec) -> AppState:
    """After a change of the scene while its run goes on: note what is new about the optimiser, and from which step."""
    frame = state.frame
    if frame is None or frame.generation != state.generation:
        return state  # noted when the run has started
    return replace(state, retuned=(*state.retuned, *_notes(before, state.scene.run.optimiser, frame.step))[-3:])


def _notes(before: OptimiserSpec, now: OptimiserSpec, step: int) -> tuple[str, ...]:
    return tuple(
        f"{name.replace('_', ' ')} {getattr(now, name):g} from step {step:,}" for name in differences(before, now)
    )


def _looked_at_anew(state: AppState, before: PlaneSpec) -> AppState:
    """After a change of the view: lay the plane anew where its directions changed, drop grown ranges where set."""
    now = state.scene.view.plane
    if now == before:
        return state
    if ranges_of(now) != ranges_of(before) or (before.auto_range and not now.auto_range) or now.mode != before.mode:
        state = replace(state, ranges=ranges_of(now), zoom=None)
    if directions_of(now) != directions_of(before) or (now.mode != before.mode and "re-aim" in (now.mode, before.mode)):
        state = replace(
            state,
            plane=state.plane + 1,
            laid=None,
            busy=False,
            map_error="",
            ranges=ranges_of(now),
            zoom=None,
            arriving=None,
        )
    return state


@reduce.register
def _(m: ApplyDraft, state: AppState) -> AppState:
    return _restarted(_remembered(state, state.scene), state.draft) if state.draft else state


@reduce.register
def _(m: DiscardDraft, state: AppState) -> AppState:
    return replace(state, draft=None, field_error=None)


@reduce.register
def _(m: SetPlaying, state: AppState) -> AppState:
    return replace(state, playing=m.playing, pauses=state.pauses + (not m.playing), sentence="")


@reduce.register
def _(m: StepOnce, state: AppState) -> AppState:
    return replace(state, playing=False, advances=state.advances + 1)


@reduce.register
def _(m: Reset, state: AppState) -> AppState:
    return replace(_restarted(state, state.scene, playing=False), draft=state.draft)


@reduce.register
def _(m: NewSeed, state: AppState) -> AppState:
    fresh = _restarted(_remembered(state, state.scene), state.scene.edited({"run.seed": m.seed}))
    return replace(fresh, draft=state.draft.edited({"run.seed": m.seed}) if state.draft else None)


@reduce.register
def _(m: Change, state: AppState) -> AppState:
    try:
        scene = state.scene.edited(m.values)
    except SpecError as e:
        return replace(state, sentence=str(e))
    return _restarted(_remembered(state, scene), scene, playing=scene.pace.play)


@reduce.register
def _(m: ShowControls, state: AppState) -> AppState:
    return replace(state, controls=m.shown)


@reduce.register
def _(m: LayPlane, state: AppState) -> AppState:
    ranges = ranges_of(state.scene.view.plane)
    state = replace(state, plane=state.plane + 1, laid=None, busy=False, ranges=ranges, zoom=None)
    return replace(state, map_error="", landscape_deaths=0)


@reduce.register
def _(m: Zoom, state: AppState) -> AppState:
    try:
        return replace(state, zoom=zoomed((m.x_range, m.y_range), state.ranges), sentence="")
    except ZoomError as e:
        return replace(state, sentence=str(e))


@reduce.register
def _(m: WholePlane, state: AppState) -> AppState:
    return replace(state, zoom=None)


@reduce.register
def _(m: Undo, state: AppState) -> AppState:
    if state.draft:
        return replace(state, draft=None, field_error=None)
    return _travelled(state, state.past[-1], state.past[:-1], (_kept(state), *state.future)) if state.past else state


@reduce.register
def _(m: Redo, state: AppState) -> AppState:
    if not state.future:
        return state
    return _travelled(state, state.future[0], (*state.past, _kept(state)), state.future[1:])


def _travelled(state: AppState, to: Kept, past: tuple[Kept, ...], future: tuple[Kept, ...]) -> AppState:
    scene = to.scene
    restart = any(needs_restart(path) for path in differences(state.scene, scene))
    before = state.scene.view.plane
    if restart:
        state = _restarted(state, scene)
    else:
        optimiser = state.scene.run.optimiser
        state = _retuned(_looked_at_anew(replace(state, scene=scene), before), optimiser)
    return replace(state, name=to.name, saved=to.saved, past=past, future=future, field_error=None)


@reduce.register
def _(m: SetSettings, state: AppState) -> AppState:
    if m.settings.device != state.settings.device:
        fresh = _restarted(replace(state, settings=m.settings, ready=frozenset()), state.scene, playing=False)
        return replace(fresh, draft=state.draft)
    if (m.settings.theme == "projector") != (state.settings.theme == "projector"):
        state = replace(state, controls=m.settings.theme != "projector")  # in a hall the figures need the room
    return replace(state, settings=m.settings)


@reduce.register
def _(m: Report, state: AppState) -> AppState:
    return replace(state, sentence=m.sentence)


@reduce.register
def _(m: Dismiss, state: AppState) -> AppState:
    return replace(state, sentence="", missing=None)


@reduce.register
def _(m: AskedForMap, state: AppState) -> AppState:
    return replace(state, asked=m.key, map_number=m.number, busy=True, map_progress=None)


@reduce.register
def _(m: MapCancelled, state: AppState) -> AppState:
    return replace(state, busy=False, asked=None)


@reduce.register
def _(m: AskedForSlices, state: AppState) -> AppState:
    return replace(state, slicing=slicing.asked_for(state.slicing, m.key, m.number))


@reduce.register
def _(m: SlicesCancelled, state: AppState) -> AppState:
    return replace(state, slicing=slicing.cancelled(state.slicing))


@reduce.register
def _(m: MapArrived, state: AppState) -> AppState:
    return replace(state, drawn=(*(t for t in state.drawn if t > m.at - RATE_WINDOW), m.at))


# --- events ----------------------------------------------------------------------------------------------------------


@reduce.register
def _(m: Ready, state: AppState) -> AppState:
    ready = state.ready | {m.worker}
    if m.worker == "training" and state.dead is not None:  # it knows nothing of the run that it had
        return replace(_restarted(state, state.scene, playing=False), ready=ready, dead=None, draft=state.draft)
    return replace(state, ready=ready)


@reduce.register
def _(m: Died, state: AppState) -> AppState:
    sliced = slicing.worker_died(state.slicing, m.sentence, mapping=state.busy)
    state = replace(state, ready=state.ready - {m.worker}, busy=False)
    if m.worker == "training":
        return replace(state, dead=(m.worker, m.sentence), playing=False, progress=None)
    state = replace(state, slicing=sliced)
    deaths = state.landscape_deaths + 1
    if deaths < LANDSCAPE_DEATHS:
        return replace(state, landscape_deaths=deaths, asked=None)
    sentence = f"No landscape: {m.sentence} It has done so {deaths} times and stays off; L tries again."
    return replace(state, landscape_deaths=deaths, map_error=sentence)


@reduce.register
def _(m: Started, state: AppState) -> AppState:
    if m.generation != state.generation:
        return state
    notes = _notes(m.run.optimiser, state.scene.run.optimiser, 0)  # changed while it was being loaded
    state = replace(state, started=m, frame=None, map=None, path=None, drawn=(), missing=None, progress=None)
    return replace(state, retuned=notes, slicing=replace(state.slicing, shown=None))


@reduce.register
def _(m: Frame, state: AppState) -> AppState:
    if m.generation != state.generation:
        return state
    state = replace(state, frame=m, ranges=_grown(state, m))
    if m.parameters is not None:
        state = _here(state, (m.step, m.parameters, m.buffers), m)
    if m.path and state.arriving and m.path.plane == state.arriving.plane:
        return replace(state, map=state.arriving, arriving=None, path=m.path)
    if m.path and state.map and m.path.plane == state.map.plane:
        return replace(state, path=m.path)
    return state


def _here(state: AppState, here: Here, frame: Frame) -> AppState:
    """New parameters have come: a plane that waits for them is laid there, and one that re-aims always is."""
    plane = state.scene.view.plane
    again = state.laid is not None and plane.mode == "re-aim" and here[0] != state.laid[0]
    axes = history_axes(plane)
    if (state.laid is not None and not again) or (axes and frame.axes != axes):
        return replace(state, parameters=here)
    if axes and (reasons := [g.reason for g in frame.given if g and g.reason]):
        return replace(state, parameters=here, map_error=f"{NOT_YET}{reasons[0]}.")
    given = frame.given if axes else ()
    error = "" if state.map_error.startswith(NOT_YET) else state.map_error
    return replace(state, parameters=here, laid=here, given=given, plane=state.plane + again, map_error=error)


def _grown(state: AppState, frame: Frame) -> tuple[Range, Range]:
    plane, path = state.scene.view.plane, frame.path
    re_aims = plane.mode == "re-aim"
    if not plane.auto_range or path is None or (re_aims and not history_axes(plane)):
        return state.ranges
    if path.plane != state.plane and not re_aims:
        return state.ranges
    return grown(state.ranges[0], path.alpha), grown(state.ranges[1], path.beta)


@reduce.register
def _(m: PlaneLaid, state: AppState) -> AppState:
    if m.generation != state.generation or m.plane != state.plane:
        return state
    return replace(state, plane_laid=m)


@reduce.register
def _(m: MapProgress, state: AppState) -> AppState:
    if (m.generation, m.number) != (state.generation, state.map_number):
        return state
    return replace(state, map_progress=m)


@reduce.register
def _(m: Map, state: AppState) -> AppState:
    if m.generation != state.generation or m.plane > state.plane or _older(m, state.arriving or state.map):
        return state
    busy = state.busy and not (m.complete and m.number == state.map_number)
    state = replace(state, busy=busy, map_error="", landscape_deaths=0)
    path = state.frame.path if state.frame else None
    if state.map is None or state.map.plane == m.plane or (path and path.plane == m.plane):
        return replace(state, map=m, arriving=None, path=path if path and path.plane == m.plane else state.path)
    return replace(state, arriving=m)


def _older(m: Map, shown: Map | None) -> bool:
    return shown is not None and shown.generation == m.generation and m.number < shown.number


@reduce.register
def _(m: SlicesDrawn, state: AppState) -> AppState:
    if m.generation != state.generation:
        return state
    return replace(state, slicing=slicing.arrived(state.slicing, m))


@reduce.register
def _(m: Stopped, state: AppState) -> AppState:
    return replace(state, playing=False, sentence=m.sentence) if m.generation == state.generation else state


@reduce.register
def _(m: DataMissing, state: AppState) -> AppState:
    return replace(_without_run(state), missing=m) if m.generation == state.generation else state


@reduce.register
def _(m: Failed, state: AppState) -> AppState:
    if m.generation != state.generation:
        return state
    if m.worker == "slices":
        return replace(state, slicing=slicing.failed(state.slicing, m))
    if m.worker == "landscape":
        stale = m.number and (m.number < state.map_number or not state.busy)
        return state if stale else replace(state, map_error=m.sentence, busy=False)
    if state.started is None or state.started.generation != state.generation:
        state = _without_run(state)
    return replace(state, playing=False, sentence=m.sentence, progress=None)


def _without_run(state: AppState) -> AppState:
    """There is no run of the scene on screen, so the pictures of the one before it go."""
    return replace(
        state, playing=False, started=None, frame=None, map=None, arriving=None, path=None, progress=None, drawn=(),
        slicing=replace(state.slicing, shown=None),
    )  # fmt: skip


@reduce.register
def _(m: Progress, state: AppState) -> AppState:
    if m.generation != state.generation:
        return state
    return replace(state, progress=m)


@reduce.register
def _(m: Downloaded, state: AppState) -> AppState:
    if m.generation != state.generation:
        return state
    return replace(_restarted(state, state.scene, playing=state.scene.pace.play), draft=state.draft)
