"""What the workers are to be told, as pure functions of the state: no Qt, nothing sent here."""

from __future__ import annotations

from dataclasses import replace

from thalweg.app import keeping
from thalweg.app.changes import history_axes, tuned
from thalweg.app.intents import MapKey
from thalweg.app.slicing import SliceKey, refused
from thalweg.app.state import NOT_YET, AppState
from thalweg.core.messages import (
    Acknowledge,
    Advance,
    Cancel,
    CancelSlices,
    Dissect,
    Focus,
    LandscapeCommand,
    LineNow,
    MapRequest,
    MeasureAlso,
    Open,
    Play,
    Save,
    SessionCommand,
    Share,
    SliceRequest,
    Start,
    Tune,
)
from thalweg.core.scene import AxisSpec, RunSpec
from thalweg.core.scene.layers import parameter_count
from thalweg.core.scene.surfaces import PUSHES
from thalweg.core.scene.view import MAP_PANELS

MOST_TILES = 9
"""Lines that are drawn side by side at most."""

AHEAD = 0.2
"""Share of a map's points from which on the point of the next map is asked for: its second pass has a quarter."""


def session_commands(before: AppState, now: AppState) -> list[SessionCommand]:
    """The commands that take the session from one state to the next."""
    generation = now.generation
    if "training" not in now.ready:
        return []
    fresh = "training" not in before.ready
    if now.opening and (fresh or now.reserved != before.reserved):
        return [Open(now.reserved, now.opening, now.settings.memory_bytes)]
    if now.bare:
        return []
    if generation != before.generation or fresh:
        play = Play(generation, now.playing, now.scene.pace)
        also = [MeasureAlso(generation, now.scene.view.costly)] if now.scene.view.costly else []
        if now.taken_up == generation:
            return [play, *also]
        start = Start(generation, now.scene.runs(), now.settings.memory_bytes)
        front = [Focus(generation, now.front)] if now.front else []
        steps = _steps_at_once(now)
        return [start, *also, play, *front, *([Advance(generation, steps)] if steps else [])]
    commands: list[SessionCommand] = []
    if now.playing != before.playing or now.pauses > before.pauses or now.scene.pace != before.scene.pace:
        commands.append(Play(generation, now.playing, now.scene.pace))
    if now.scene.view.costly != before.scene.view.costly:
        commands.append(MeasureAlso(generation, now.scene.view.costly))
    if now.orders > before.orders and now.order is not None:
        commands.append(now.order)
    if now.advances > before.advances:
        commands.append(Advance(generation, now.advances - before.advances))
    if now.tunes > before.tunes:
        commands += _tunes(before, now)
    if now.plane_laid is not None and now.plane_laid is not before.plane_laid:
        commands.append(now.plane_laid)
    if (key := inside_key(now)) is not None and key != inside_key(before):
        commands.append(Dissect(generation, now.scene.view.plane.examples))
    return commands


def inside_key(state: AppState) -> object:
    """What the step that is looked into depends on; None where none is, or it is still on its way."""
    frame = state.current
    if state.inside is None or frame is None or frame.path is None or frame.stepping or state.playing:
        return None
    if frame.tuned != state.tunes or not landscape_on(state):
        return None
    return frame.generation, frame.focus, frame.step, frame.path.plane, state.tunes, state.scene.view.plane.examples


def _steps_at_once(state: AppState) -> int:
    """Steps of the player that are taken as soon as a descent on a surface has begun."""
    run, pace = state.scene.run, state.scene.pace
    if run.network.kind != "surface" or state.playing or not state.scene.view.instant:
        return 0
    noisy = run.network.surface == "noisy-ravine"
    each = {"batch": 1, "batches": pace.batches, "epoch": -(-PUSHES // run.optimiser.batch_size) if noisy else 1}
    return max(1, state.scene.view.instant // each[pace.step])


def _tunes(before: AppState, now: AppState) -> list[Tune]:
    """Every run whose optimiser or stop rules have changed is told, and at least one that there was a change."""
    changed, scene = tuned(before.scene, now.scene), now.scene
    owners = [scene.spec_of(number) for number in range(len(scene.runs()))]
    told = [number for number, owner in enumerate(owners) if owner in changed] or [_front(now)]
    runs = scene.runs()
    return [Tune(now.generation, now.tunes, runs[n].optimiser, runs[n].stop, n) for n in told]


def _front(state: AppState) -> int:
    """The run of the line that is being put in front, or is there."""
    number = state.order.line if isinstance(state.order, Focus) else None
    lines = state.current.lines if state.current is not None else ()
    runs = [line.run for line in lines if line.number == number]
    return runs[0] if runs else state.current.line.run if state.current is not None else 0


def landscape_commands(before: AppState, now: AppState) -> list[LandscapeCommand]:
    """The commands that the landscape worker is owed after a change, requests aside."""
    share = now.settings.landscape_share
    commands: list[LandscapeCommand] = []
    if "landscape" in now.ready and (share != before.settings.landscape_share or "landscape" not in before.ready):
        commands.append(Share(share))
    if before.generation != now.generation and before.busy:  # its run is gone
        commands.append(Cancel(before.generation))
    elif landscape_on(before) and not landscape_on(now) and now.busy:
        commands.append(Cancel(now.generation))
    if before.generation != now.generation and before.slicing.busy:
        commands.append(CancelSlices(before.generation))
    elif slices_on(before) and not slices_on(now) and now.slicing.busy:
        commands.append(CancelSlices(now.generation))
    return commands


def landscape_on(state: AppState) -> bool:
    """Whether landscapes are to be computed at all."""
    shown = bool(set(MAP_PANELS) & set(state.scene.view.panels))
    return shown and state.settings.landscape_share > 0 and "landscape" in state.ready and state.started is not None


def slices_on(state: AppState) -> bool:
    """Whether layer slices are to be computed at all."""
    shown = "slices" in state.scene.view.panels
    return shown and state.settings.landscape_share > 0 and "landscape" in state.ready and state.started is not None


def wants_parameters(state: AppState) -> bool:
    """Whether the next frame is to bring the parameters, because a map or slices are to be asked for.

    Both are of the same moment, so that neither goes without while training moves on.
    """
    busy = state.busy or state.slicing.busy
    if not (landscape_on(state) or slices_on(state)) or state.missing:
        return False
    if busy and state.laid is not None:
        return _next_is_near(state)
    if state.parameters is None or state.frame is None:
        return True
    if state.laid is None and not state.map_error.startswith(NOT_YET):
        return True
    wanted = mapped_line(state)
    if wanted is None or not wants_newest(state):
        return wanted is not None and (wanted.number, wanted.step) != (state.parameters.line, state.parameters.step)
    known = state.newest.step if state.newest is not None else None
    return (wanted.number, wanted.step, wanted.head) != (state.parameters.line, state.parameters.step, known)


def wants_newest(state: AppState) -> bool:
    """Whether the parameters of the newest step are to come with those of the step that is looked at."""
    return slices_on(state) and "end" in state.scene.view.slices.settings_of_others


def mapped_line(state: AppState) -> LineNow | None:
    """The line whose map is wanted next: the one in front; where lines are tiled, each in turn that has none of now."""
    frame = state.current
    if frame is None:
        return None
    if not tiled(state):
        return frame.line
    asked = state.asked
    done = {n: (m.step, m.plane) for n, m in state.maps.items() if m.complete}
    size = parameter_count(run_of(state, frame.focus).network)
    fits = [line for line in tile_lines(state) if parameter_count(run_of(state, line.number).network) == size]
    stale = [line for line in fits if done.get(line.number) != (line.step, state.plane)]
    later = [line for line in stale if asked is not None and line.number > asked.line]
    return (later or stale or [frame.line])[0]


def tiled(state: AppState) -> bool:
    """Whether the lines are drawn side by side, and there is more than one."""
    return len(tile_lines(state)) > 1


def tile_lines(state: AppState) -> tuple[LineNow, ...]:
    """The lines that are drawn side by side: the first that are not hidden, and the one in front."""
    frame = state.current
    if frame is None or state.scene.view.arrange == "overlay":
        return ()
    shown = [line for line in frame.lines if line.number not in state.hidden or line.number == frame.focus]
    others = [line for line in shown if line.number != frame.focus][: MOST_TILES - 1]
    return tuple(line for line in shown if line.number == frame.focus or line in others)


def _next_is_near(state: AppState) -> bool:
    """Whether the map under way is so far that the point of the next is to be at hand when it is complete.

    Not with slices, which are of the same moment as the map, nor where a new point is a new plane.
    """
    if slices_on(state) or state.asked is None or state.scene.view.plane.mode == "re-aim":
        return False
    m, here, frame = state.arriving or state.map, state.parameters, state.frame
    if m is None or here is None or frame is None or (m.number, m.complete) != (state.map_number, False):
        return False
    wanted = mapped_line(state)
    if wanted is None:
        return False
    on_it = (here.line, here.step) == (state.asked.line, state.asked.step) != (wanted.number, wanted.step)
    return m.evaluated >= AHEAD * m.loss.size and on_it


def wanted_axes(state: AppState) -> tuple[AxisSpec, ...]:
    """The axes whose directions are to come with the parameters, because a plane is about to be laid there."""
    plane = state.scene.view.plane
    return history_axes(plane) if state.laid is None or plane.mode == "re-aim" else ()


def acknowledgement(state: AppState, wanted: bool) -> Acknowledge:
    """That the last frame was drawn; ``wanted``: parameters are to come with the next, and of which line."""
    if not wanted:
        return Acknowledge(state.generation, False)
    line = mapped_line(state) if tiled(state) and state.laid is not None else None
    return Acknowledge(state.generation, True, wanted_axes(state), line.number if line else None, wants_newest(state))


def map_key(state: AppState) -> MapKey | None:
    """What the map on screen is to depend on now, None while there are no parameters."""
    if not landscape_on(state) or state.parameters is None or state.laid is None:
        return None
    view = state.scene.view.plane
    return MapKey(
        state.generation,
        state.plane,
        state.parameters.step,
        *state.shown_ranges,
        resolution=view.resolution,
        mode=view.mode,
        statistics=view.statistics,
        line=state.parameters.line,
    )


def map_request(state: AppState) -> tuple[MapRequest, MapKey] | None:
    """The next map to ask for, if there is one; the plane is laid anew at every point in the mode ``re-aim``."""
    key = map_key(state)
    if key is None or state.parameters is None or state.laid is None or key == state.asked:
        return None
    asked = state.asked
    if state.busy and asked and _same_but_for_step(key, asked):
        return None  # let it be finished: training moves on faster than maps are made
    step, point, buffers, line = state.parameters
    laid_step, laid, laid_buffers, _ = state.laid
    request = MapRequest(
        generation=state.generation,
        number=state.map_number + 1,
        run=run_of(state, line),
        view=state.scene.view.plane,
        plane=state.plane,
        laid_step=laid_step,
        laid=laid,
        step=step,
        point=point,
        x_range=key.x_range,
        y_range=key.y_range,
        given=state.given,
        buffers=buffers,
        laid_buffers=laid_buffers,
        line=line,
    )
    return request, key


def _same_but_for_step(a: MapKey, b: MapKey) -> bool:
    return replace(a, step=b.step, line=b.line) == b


def run_of(state: AppState, line: int) -> RunSpec:
    """The run that a line is of."""
    runs = state.scene.runs()
    found = [each.run for each in state.frame.lines if each.number == line] if state.frame else []
    return runs[found[0]] if found and found[0] < len(runs) else runs[0]


def slice_key(state: AppState) -> SliceKey | None:
    """What the slices on screen are to depend on now, None while there are no parameters."""
    if not slices_on(state) or state.parameters is None:
        return None
    here, newest = state.parameters, None
    if wants_newest(state):
        if state.newest is None:
            return None  # it is on its way
        newest = state.newest.step
    return SliceKey(state.generation, here.step, state.scene.view.slices.computed(), here.line, newest)


def slice_request(state: AppState) -> tuple[SliceRequest, SliceKey] | None:
    """The next slices to ask for, if there are any: once the map of the moment is complete, where one is shown."""
    key, asked = slice_key(state), state.slicing.asked
    if key is None or state.parameters is None or key == asked or refused(state.slicing, key):
        return None
    if landscape_on(state) and (state.busy or map_request(state) is not None):
        return None  # the map comes first
    if state.slicing.busy and asked and (key.generation, key.view) == (asked.generation, asked.view):
        return None  # let them be finished: only the step is another one
    step, point, buffers, line = state.parameters
    request = SliceRequest(
        generation=state.generation,
        number=state.slicing.number + 1,
        run=run_of(state, line),
        view=state.scene.view.slices,
        step=step,
        point=point,
        buffers=buffers,
        newest=state.newest.parameters if state.newest is not None and wants_newest(state) else None,
        newest_step=state.newest.step if state.newest is not None else step,
    )
    return request, key


def keep_key(state: AppState) -> object:
    """What the run's file depends on: equal keys, equal files; None while there is nothing to keep."""
    frame = state.current
    if frame is None or state.missing or state.bare:
        return None
    lines = tuple((line.number, line.head, line.live, line.changes) for line in frame.lines)
    return state.generation, lines, frame.focus, state.scene


def keep_request(state: AppState, now: float) -> tuple[Save, object] | None:
    """The run written as that of this session, if that is due."""
    key = keep_key(state)
    if key is None or not keeping.due(state.keeping, key, now, float(state.settings.autosave)):
        return None
    return Save(state.generation, state.keeping.path, state.scene, kept=True), key
