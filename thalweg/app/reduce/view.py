"""What is looked at and what belongs to the person, and what the controller has done; no Qt."""

from __future__ import annotations

from dataclasses import replace

from thalweg.app import keeping, slicing
from thalweg.app.changes import ZoomError, zoomed
from thalweg.app.intents import (
    AskedForMap,
    AskedForSlices,
    Dismiss,
    Keep,
    LayPlane,
    LeftBehind,
    MapArrived,
    MapCancelled,
    Report,
    SetSettings,
    ShowControls,
    SlicesCancelled,
    WholePlane,
    Zoom,
)
from thalweg.app.reduce.dispatch import reduce
from thalweg.app.state import AppState, ordered, re_laid, restarted
from thalweg.core.messages import Limit

RATE_WINDOW = 2.0
"""Seconds over which landscape pictures per second are averaged."""


@reduce.register
def _(m: ShowControls, state: AppState) -> AppState:
    return replace(state, controls=m.shown)


@reduce.register
def _(m: LayPlane, state: AppState) -> AppState:
    return replace(re_laid(state), landscape_deaths=0)


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
def _(m: SetSettings, state: AppState) -> AppState:
    if m.settings.device != state.settings.device:
        fresh = restarted(replace(state, settings=m.settings, ready=frozenset()), state.scene, playing=False)
        return replace(fresh, draft=state.draft, form=state.form)
    if (m.settings.theme == "projector") != (state.settings.theme == "projector"):
        state = replace(state, controls=m.settings.theme != "projector")  # in a hall the figures need the room
    if m.settings.memory != state.settings.memory:
        state = ordered(state, Limit(state.generation, m.settings.memory_bytes))
    return replace(state, settings=m.settings)


@reduce.register
def _(m: Report, state: AppState) -> AppState:
    return replace(state, sentence=m.sentence)


@reduce.register
def _(m: Dismiss, state: AppState) -> AppState:
    if state.sentence or state.missing or state.stopped:
        return replace(state, sentence="", missing=None, stopped=None)
    return replace(state, keeping=replace(state.keeping, left=None))


# --- what the controller has done ------------------------------------------------------------------------------------


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


@reduce.register
def _(m: Keep, state: AppState) -> AppState:
    return replace(state, keeping=keeping.asked(state.keeping, m.key, m.at))


@reduce.register
def _(m: LeftBehind, state: AppState) -> AppState:
    return replace(state, keeping=replace(state.keeping, left=(m.path, m.when)))
