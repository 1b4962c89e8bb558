"""What the workers are to be told, as pure functions of the state: no Qt, nothing sent here."""

from __future__ import annotations

from thalweg.app.intents import MapKey
from thalweg.app.state import AppState
from thalweg.core.messages import (
    Advance,
    Cancel,
    LandscapeCommand,
    MapRequest,
    Play,
    SessionCommand,
    Share,
    Start,
    Tune,
)


def session_commands(before: AppState, now: AppState) -> list[SessionCommand]:
    """The commands that take the session from one state to the next."""
    generation, run = now.generation, now.scene.run
    if "training" not in now.ready:
        return []
    if generation != before.generation or "training" not in before.ready:
        return [Start(generation, run), Play(generation, now.playing, now.scene.pace)]
    commands: list[SessionCommand] = []
    if now.playing != before.playing or now.pauses > before.pauses or now.scene.pace != before.scene.pace:
        commands.append(Play(generation, now.playing, now.scene.pace))
    if now.advances > before.advances:
        commands.append(Advance(generation, now.advances - before.advances))
    if run.optimiser != before.scene.run.optimiser:
        commands.append(Tune(generation, run.optimiser))
    if now.plane_laid is not None and now.plane_laid is not before.plane_laid:
        commands.append(now.plane_laid)
    return commands


def landscape_commands(before: AppState, now: AppState) -> list[LandscapeCommand]:
    """The commands that the landscape worker is owed after a change, map requests aside."""
    share = now.settings.landscape_share
    commands: list[LandscapeCommand] = []
    if "landscape" in now.ready and (share != before.settings.landscape_share or "landscape" not in before.ready):
        commands.append(Share(share))
    if landscape_on(before) and not landscape_on(now) and now.busy:
        commands.append(Cancel(now.generation))
    return commands


def landscape_on(state: AppState) -> bool:
    """Whether landscapes are to be computed at all."""
    shown = "landscape" in state.scene.view.panels
    return shown and state.settings.landscape_share > 0 and "landscape" in state.ready and state.started is not None


def wants_parameters(state: AppState) -> bool:
    """Whether the next frame is to bring the parameters, because a map is to be asked for."""
    if not landscape_on(state) or state.missing or (state.busy and state.laid is not None):
        return False
    if state.parameters is None or state.laid is None or state.frame is None:
        return True
    return state.frame.step != state.parameters[0]


def map_key(state: AppState) -> MapKey | None:
    """What the map on screen is to depend on now, None while there are no parameters."""
    if not landscape_on(state) or state.parameters is None or state.laid is None:
        return None
    view = state.scene.view.plane
    return MapKey(
        state.generation,
        state.plane,
        state.parameters[0],
        *state.ranges,
        resolution=view.resolution,
        mode=view.mode,
    )


def map_request(state: AppState) -> tuple[MapRequest, MapKey] | None:
    """The next map to ask for, if there is one; the plane is laid anew at every point in the mode ``re-aim``."""
    key = map_key(state)
    if key is None or state.parameters is None or state.laid is None or key == state.asked:
        return None
    asked = state.asked
    if state.busy and asked and _same_but_for_step(key, asked):
        return None  # let it be finished: training moves on faster than maps are made
    step, point = state.parameters
    laid_step, laid = state.laid
    request = MapRequest(
        generation=state.generation,
        number=state.map_number + 1,
        run=state.scene.run,
        view=state.scene.view.plane,
        plane=state.plane,
        laid_step=laid_step,
        laid=laid,
        step=step,
        point=point,
        x_range=key.x_range,
        y_range=key.y_range,
    )
    return request, key


def _same_but_for_step(a: MapKey, b: MapKey) -> bool:
    return (a.generation, a.plane, a.x_range, a.y_range, a.resolution, a.mode) == (
        b.generation,
        b.plane,
        b.x_range,
        b.y_range,
        b.resolution,
        b.mode,
    )
