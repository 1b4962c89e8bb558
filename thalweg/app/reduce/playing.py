"""The player and the lines of training: on, back, inside a step, another line in front. Reductions; no Qt."""

from __future__ import annotations

from dataclasses import replace

from thalweg.app import putting_back
from thalweg.app.changes import described
from thalweg.app.inside import phases_of
from thalweg.app.intents import (
    AskWhetherMinimum,
    ForgetLine,
    LookAt,
    LookInside,
    LookOutside,
    PutAhead,
    PutLayerBack,
    Rescue,
    SetPlaying,
    ShowLine,
    StepBack,
    StepOn,
)
from thalweg.app.reduce.dispatch import reduce
from thalweg.app.reduce.scenes import of_form, only_looked_at
from thalweg.app.state import AppState, ordered, re_laid, remembered
from thalweg.core.messages import Advance, Focus, Forget, Judge, Move, Show


@reduce.register
def _(m: SetPlaying, state: AppState) -> AppState:
    inside = None if m.playing else state.inside
    return replace(
        state, playing=m.playing, pauses=state.pauses + (not m.playing), sentence="", stopped=None, inside=inside
    )


@reduce.register
def _(m: StepOn, state: AppState) -> AppState:
    if only_looked_at(state):
        return ordered(state, Move(state.generation, m.by))
    return replace(state, playing=False, advances=state.advances + m.by, stopped=None)


@reduce.register
def _(m: StepBack, state: AppState) -> AppState:
    if not only_looked_at(state):
        state = replace(state, playing=False, pauses=state.pauses + state.playing)
    return ordered(state, Move(state.generation, -m.by))


@reduce.register
def _(m: AskWhetherMinimum, state: AppState) -> AppState:
    paused = replace(state, playing=False, pauses=state.pauses + (state.playing or state.stepping), sentence="")
    return ordered(paused, Judge(state.generation, state.scene.view.plane.examples))


@reduce.register
def _(m: LookInside, state: AppState) -> AppState:
    if state.inside is None:
        state = replace(state, playing=False, pauses=state.pauses + (state.playing or state.stepping))
        return replace(state, inside=0) if m.by > 0 else state
    count, phase = len(phases_of(state)), state.inside + m.by
    if phase < 0:
        return replace(state, inside=None)
    if not count:  # it is still being taken apart
        return state
    if phase < count:
        return replace(state, inside=phase)
    return ordered(replace(state, inside=0, stopped=None), Advance(state.generation, 1, batches=True))


@reduce.register
def _(m: LookOutside, state: AppState) -> AppState:
    return replace(state, inside=None)


@reduce.register
def _(m: LookAt, state: AppState) -> AppState:
    return ordered(state, Show(state.generation, m.step))


@reduce.register
def _(m: PutAhead, state: AppState) -> AppState:
    frame = state.current
    line = next((line for line in frame.lines if line.number == m.line), None) if frame is not None else None
    if frame is None or line is None or m.line == frame.focus:
        return state
    if not line.live:  # its run is put there
        state = replace(state, playing=False, pauses=state.pauses + state.playing)
    return ordered(state, Focus(state.generation, m.line))


@reduce.register
def _(m: ForgetLine, state: AppState) -> AppState:
    stopped = None if state.stopped and state.stopped.line == m.line else state.stopped
    return ordered(replace(state, hidden=state.hidden - {m.line}, stopped=stopped), Forget(state.generation, m.line))


@reduce.register
def _(m: PutLayerBack, state: AppState) -> AppState:
    return putting_back.put_back(state, m.layer)


@reduce.register
def _(m: ShowLine, state: AppState) -> AppState:
    return replace(state, hidden=state.hidden - {m.line} if m.shown else state.hidden | {m.line})


@reduce.register
def _(m: Rescue, state: AppState) -> AppState:
    stopped = state.stopped
    if stopped is None or stopped.rescue is None or state.current is None:
        return state
    step, rate = stopped.rescue
    line = next((line for line in state.current.lines if line.number == stopped.line), None)
    if line is None:
        return replace(state, stopped=None)
    form = state.scene.spec_of(line.run)
    path = of_form(replace(state, form=form), "run.optimiser.learning_rate")
    scene = state.scene.edited({path: float(f"{rate:.3g}")})
    here = (state.generation, stopped.line, step)
    tune = state.tunes + 1
    changed = replace(remembered(state, scene, described(state.scene, scene), here, tune), form=form)
    changed = replace(re_laid(changed), sentence="", stopped=None, tunes=tune)
    return ordered(changed, Focus(state.generation, stopped.line, step))
