"""What the workers say: runs begun, frames, maps, files, and what went wrong; no Qt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from thalweg.app import keeping, slicing
from thalweg.app.changes import grown, history_axes
from thalweg.app.intents import Range
from thalweg.app.overlay import line_names
from thalweg.app.reduce.dispatch import reduce
from thalweg.app.state import (
    LANDSCAPE_DEATHS,
    NOT_YET,
    AppState,
    Here,
    Kept,
    Newest,
    re_laid,
    remembered,
    restarted,
)
from thalweg.app.verdict import verdict
from thalweg.core.messages import (
    DataMissing,
    Died,
    Dissected,
    Downloaded,
    Failed,
    Frame,
    Judged,
    Map,
    MapProgress,
    NotOpened,
    Opened,
    PlaneLaid,
    Progress,
    Ready,
    Saved,
    SlicesDrawn,
    Started,
    Stopped,
)
from thalweg.core.scene import OptimiserSpec, Scene


@reduce.register
def _(m: Ready, state: AppState) -> AppState:
    ready = state.ready | {m.worker}
    if m.worker != "training" or state.dead is None:
        return replace(state, ready=ready)
    # it knows nothing of the run that it had: the file that was written last does
    kept, wanted = state.keeping.done, state.opening
    fresh = replace(restarted(state, state.scene, playing=False), ready=ready, dead=None, draft=state.draft)
    if wanted:  # a file that the person has chosen since
        return replace(fresh, generation=state.generation, opening=wanted, reserved=fresh.generation, bare=True)
    if kept is None or kept.generation != state.generation:
        return fresh
    return replace(fresh, generation=state.generation, opening=kept.path, reserved=fresh.generation, bare=True)


@reduce.register
def _(m: Died, state: AppState) -> AppState:
    sliced = slicing.worker_died(state.slicing, m.sentence, mapping=state.busy)
    state = replace(state, ready=state.ready - {m.worker}, busy=False)
    if m.worker == "training":
        kept = keeping.begun_again(state.keeping)
        return replace(
            state, dead=(m.worker, m.sentence), playing=False, progress=None, opening="", bare=False, keeping=kept
        )
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
    if state.smooth and state.frame is not None and state.started is not None:
        return replace(state, started=m, missing=None, progress=None)
    state = replace(state, started=m, frame=None, map=None, maps={}, path=None, drawn=(), missing=None, progress=None)
    return replace(state, slicing=replace(state.slicing, shown=None))


@reduce.register
def _(m: Frame, state: AppState) -> AppState:
    if m.generation != state.generation:
        return state
    before = state.current
    m = m.after(before)
    state = replace(state, frame=m, ranges=_grown(state, m))
    # the run that is to be in front is not there yet
    arrives = state.smooth and before is None and m.line.run != state.front
    if (before is None or before.focus != m.focus) and state.draft is None and not arrives:
        state = replace(state, form=state.front_form)
    state = _in_force(state, m)
    if before is not None and m.tuned > before.tuned:
        state = _placed(state, m)
    if state.progress is not None and state.progress.unit == "steps":
        state = replace(state, progress=None)  # the step that was asked for is there
    if m.parameters is not None:
        here = Here(m.of[1], m.parameters, m.buffers, m.of[0])
        state = replace(state, newest=Newest(m.newest_step, m.newest) if m.newest_step >= 0 else None)
        if state.laid is not None and here.parameters.shape != state.laid.parameters.shape:
            state = re_laid(state)  # a run with another network has come to the front
        state = _here(state, here, m)
    if m.path and state.arriving and m.path.plane == state.arriving.plane:
        return replace(state, map=state.arriving, arriving=None, path=m.path)
    if m.path and state.map and m.path.plane == state.map.plane:
        return replace(state, path=m.path)
    return state


def _in_force(state: AppState, frame: Frame) -> AppState:
    """With the optimiser that the line in front has at its newest step, and that of the step that is looked at."""
    if frame.tuned != state.tunes or frame.line.run >= len(state.scene.runs()) or not frame.line.changes:
        return state  # a change is on its way
    changes, number = frame.line.changes, state.scene.spec_of(frame.line.run)
    there = next((o for step, o in reversed(changes) if step <= frame.step), changes[0][1])
    scene = _with_optimiser(state.scene, number, changes[-1][1])
    if there == changes[-1][1]:
        return replace(state, scene=scene, past_scene=None)
    past = _with_optimiser(scene, number, there)
    return replace(state, scene=scene, past_scene=state.past_scene if state.past_scene == past else past)


def _with_optimiser(scene: Scene, number: int, optimiser: OptimiserSpec) -> Scene:
    """The scene in which the first run (0) or a variant has this optimiser; the same where it has it."""
    if (scene.run, *scene.variants)[number].optimiser == optimiser:
        return scene
    runs = [scene.run, *scene.variants]
    runs[number] = runs[number].model_copy(update={"optimiser": optimiser})
    return scene.model_copy(update={"run": runs[0], "variants": tuple(runs[1:])})


def _placed(state: AppState, frame: Frame) -> AppState:
    """With the step at which the run has taken up a change, to which undo leads."""
    at = (state.generation, *frame.tuned_at)

    def placed(kept: Kept) -> Kept:
        own = kept.at is not None and kept.at[0] == state.generation and kept.tune == frame.tuned
        return replace(kept, at=at) if own else kept

    return replace(state, past=tuple(placed(kept) for kept in state.past))


def _here(state: AppState, here: Here, frame: Frame) -> AppState:
    """New parameters have come: a plane that waits for them is laid there, and one that re-aims always is."""
    plane = state.scene.view.plane
    again = (
        state.laid is not None
        and plane.mode == "re-aim"
        and (here.line, here.step) != (state.laid.line, state.laid.step)
    )
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
    lines = [line for line in frame.lines if line.number not in state.hidden and not line.ended]
    shown = [line.path for line in lines if line.path]
    paths = [path, *(p for p in shown if p.plane == path.plane)]
    alpha, beta = (np.concatenate([getattr(p, name) for p in paths]) for name in ("alpha", "beta"))
    return grown(state.ranges[0], alpha), grown(state.ranges[1], beta)


@reduce.register
def _(m: Judged, state: AppState) -> AppState:
    if m.generation != state.generation:
        return state
    said = verdict(state, m)
    return replace(state, sentence=said, news=said, progress=None)


@reduce.register
def _(m: Dissected, state: AppState) -> AppState:
    return replace(state, dissected=m) if m.generation == state.generation else state


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
    if m.generation != state.generation or m.plane > state.plane or _older(m, state.maps.get(m.line)):
        return state
    busy = state.busy and not (m.complete and m.number == state.map_number)
    state = replace(state, busy=busy, map_error="", landscape_deaths=0, maps={**state.maps, m.line: m})
    if state.frame is not None and m.line != state.frame.focus:
        return state
    if _older(m, state.arriving or state.map):
        return state
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
    if m.generation != state.generation:
        return state
    names = line_names(state.current.lines, state.started.runs) if state.current and state.started else {}
    name = f"{_begun(names[m.line])}: " if len(names) > 1 and m.line in names else ""
    m = replace(m, sentence=name + m.sentence)
    news = state.news if m.rescue else m.sentence
    return replace(state, playing=state.playing and not m.paused, sentence=m.sentence, news=news, stopped=m)


def _begun(name: str) -> str:
    return name[:1].upper() + name[1:]


@reduce.register
def _(m: Opened, state: AppState) -> AppState:
    if m.generation != state.reserved or m.generation <= state.generation:
        return state
    fresh = restarted(remembered(state, m.scene, f"the run {m.path}"), m.scene, playing=False)
    own = m.path == state.keeping.path  # the same run again, after its worker had ended
    name, kept = state.name if own else "", fresh.keeping
    if own and kept.done is not None:
        kept = replace(kept, done=replace(kept.done, generation=m.generation))
    if kept.resumed == m.path:
        kept = replace(kept, resumed_as=m.generation)
    return replace(
        fresh, generation=m.generation, taken_up=m.generation, opening="", bare=False, name=name, form=0,
        keeping=kept, scenes_opened=state.scenes_opened + (not own),
        saved=state.saved if own else None, past=state.past if own else fresh.past,
    )  # fmt: skip


@reduce.register
def _(m: NotOpened, state: AppState) -> AppState:
    if m.generation != state.reserved or not state.opening:
        return state
    state = replace(state, opening="", keeping=replace(state.keeping, resumed=""))
    if state.started is None or state.bare:  # there is no run to stay with
        state = restarted(state, state.scene, bare=False)
    return replace(state, foreign=m.path) if m.foreign else replace(state, sentence=m.sentence)


@reduce.register
def _(m: Saved, state: AppState) -> AppState:
    if not m.kept:
        return replace(state, sentence=m.sentence or state.sentence, written=m)
    if m.generation != state.generation:
        return state
    before = state.keeping.failed
    state = replace(state, keeping=keeping.answered(state.keeping, m))
    if m.sentence and m.sentence != before:
        return replace(state, sentence=f"The run cannot be kept in case of a crash: {m.sentence}")
    return state


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
        state, playing=False, started=None, frame=None, map=None, maps={}, arriving=None, path=None, progress=None,
        drawn=(), slicing=replace(state.slicing, shown=None),
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
    return replace(restarted(state, state.scene, playing=state.scene.pace.play), draft=state.draft)
