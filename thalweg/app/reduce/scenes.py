"""Scenes: opened, edited field by field, begun anew, and undo. What a person wants; no Qt."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from thalweg.app import putting_back
from thalweg.app.changes import described, differences, directions_of, needs_restart, ranges_of, tuned
from thalweg.app.intents import (
    ApplyDraft,
    Change,
    DiscardDraft,
    Edit,
    NewSeed,
    OpenRun,
    OpenScene,
    Redo,
    Reset,
    SceneSaved,
    StartAt,
    Undo,
)
from thalweg.app.overlay import lines_of
from thalweg.app.reduce.dispatch import reduce
from thalweg.app.state import AppState, Kept, begun_at_once, ordered, re_laid, remembered, restarted
from thalweg.app.strip import robust_range, strip_of
from thalweg.core.messages import Focus
from thalweg.core.scene import PlaneSpec, Scene, SpecError


@reduce.register
def _(m: OpenScene, state: AppState) -> AppState:
    fresh = restarted(remembered(state, m.scene, f"the scene {m.scene.title}"), m.scene, playing=m.scene.pace.play)
    return replace(fresh, name=m.name, saved=m.scene, form=0, scenes_opened=state.scenes_opened + 1)


@reduce.register
def _(m: SceneSaved, state: AppState) -> AppState:
    return replace(state, name=m.name, saved=state.scene)


@reduce.register
def _(m: OpenRun, state: AppState) -> AppState:
    reserved = max(state.generation, state.reserved) + 1
    left = state.keeping.left
    kept = replace(state.keeping, left=None, resumed=m.path if left and left[0] == m.path else "")
    return replace(state, opening=m.path, reserved=reserved, foreign="", sentence="", keeping=kept)


@reduce.register
def _(m: Edit, state: AppState) -> AppState:
    path = of_form(state, m.path)
    adding = state.form > len(state.scene.variants)  # a variant that is in the draft alone
    try:
        target = state.draft or state.seen_scene
        if target.value(path) == m.value and type(target.value(path)) is type(m.value):
            return replace(state, field_error=None)
        values = _passed_on(target, path, m.value) if needs_restart(path) else {path: m.value}
        if path == "view.middle" and m.value not in target.view.panels:
            values |= {"view.panels": (*target.view.panels, m.value)}  # to see it there, it has to be open
        if path == "view.depth.lock" and m.value:
            values |= _range_of_now(state)
        if _at_once(state, path):
            edited = state.scene.edited(values)
            return begun_at_once(state, edited, described(state.scene, edited), drag=path)
        edited = target.edited(values)
        if path == "run.network.kind" and m.value == state.scene.run.network.kind:
            edited = edited.edited(_as_in(state.scene))
        if needs_restart(path) or (adding and path.startswith("variants.")):
            return replace(state, draft=None if edited == state.seen_scene else edited, field_error=None)
        seen = state.seen_scene.edited(values)
        changes = tuned(state.seen_scene, seen)
        scene = seen if changes else state.scene.edited(values)
    except SpecError as e:
        said = str(e).splitlines()
        own = [line for line in said if line.startswith(f"{path}:")] or said  # it may have been passed on to variants
        return replace(state, field_error=(m.path, "\n".join(own).replace(f"{path}:", f"{m.path}:")))
    draft = edited if state.draft else None
    if changes:
        what, tune = described(state.seen_scene, scene), state.tunes + 1
        changed = remembered(state, scene, what, _here(state), tune)
        changed = replace(changed, draft=draft, field_error=None, tunes=tune, stopped=None)
        return _put_there(changed) if only_looked_at(state) else changed
    changed = remembered(state, scene, described(state.scene, scene))
    changed = replace(changed, draft=draft, field_error=None, past_scene=seen if state.past_scene else None)
    return _looked_at_anew(changed, state.scene.view.plane)


def _range_of_now(state: AppState) -> dict[str, Any]:
    """The range that the strip of layers and steps has now, to be locked."""
    spec = state.scene.view.depth
    found = robust_range([strip_of(line, spec.quantity) for line in lines_of(state)], spec.logarithmic)
    low, high = found or ((1e-6, 1.0) if spec.logarithmic else (0.0, 1.0))
    return {"view.depth.low": float(f"{low:.3g}"), "view.depth.high": float(f"{high:.3g}")}


def _put_there(state: AppState) -> AppState:
    """Paused at the step that is looked at while training goes on: what is changed there begins a branch there."""
    frame = state.current
    if frame is None:
        return state
    state = replace(state, playing=False, pauses=state.pauses + 1)
    return ordered(state, Focus(state.generation, frame.focus, frame.step))


def _at_once(state: AppState, path: str) -> bool:
    """Whether a change of a run begins it anew at once: on a surface whose whole path is drawn with each change."""
    return _surface_at_once(state.scene, state.scene) and _is_of_runs(path) and not state.draft


def _surface_at_once(*scenes: Scene) -> bool:
    return all(scene.view.instant and scene.run.network.kind == "surface" for scene in scenes)


def _is_of_runs(path: str) -> bool:
    """Whether a field changes what is trained."""
    return path.partition(".")[0] in ("run", "variants") and not path.endswith((".name", ".kind"))


def _as_in(scene: Scene) -> dict[str, Any]:
    """What a change of the kind of network takes with it, as it is in a scene: for one that is taken back."""
    view = {f"view.{name}": getattr(scene.view, name) for name in ("panels", "log_loss")}
    return view | {"view.plane": scene.view.plane.model_dump(), "run.optimiser": scene.run.optimiser.model_dump()}


def _passed_on(scene: Scene, path: str, value: Any) -> dict[str, Any]:
    """The change of a field; one of the first run is of all variants too that had the same there: they differ from it
    in what they were made to differ.
    """
    found = {path: value}
    if path.startswith("run.") and path != "run.name" and not path.startswith("run.data."):
        before = scene.value(path)
        for number in range(len(scene.variants)):
            other = f"variants.{number}.{path.removeprefix('run.')}"
            if scene.value(other) == before:
                found[other] = value
    return found


def of_form(state: AppState, path: str) -> str:
    """The path of a field of a run, as the forms name it, in the scene."""
    if state.form and path.startswith("run."):
        return f"variants.{state.form - 1}.{path.removeprefix('run.')}"
    return path


def _here(state: AppState) -> tuple[int, int, int] | None:
    frame = state.current
    return (state.generation, frame.focus, frame.step) if frame is not None else None


def _looked_at_anew(state: AppState, before: PlaneSpec) -> AppState:
    """After a change of the view: lay the plane anew where its directions changed, drop grown ranges where set."""
    now = state.scene.view.plane
    if now == before:
        return state
    if ranges_of(now) != ranges_of(before) or (before.auto_range and not now.auto_range) or now.mode != before.mode:
        state = replace(state, ranges=ranges_of(now), zoom=None)
    if directions_of(now) != directions_of(before) or (now.mode != before.mode and "re-aim" in (now.mode, before.mode)):
        state = re_laid(state)
    return state


@reduce.register
def _(m: ApplyDraft, state: AppState) -> AppState:
    if state.draft is None:
        return state
    form = state.form
    return replace(applied(state, state.draft), form=form)


def applied(state: AppState, scene: Scene, **changes: Any) -> AppState:
    """The state with another scene whose runs begin anew."""
    return restarted(remembered(state, scene, described(state.scene, scene)), scene, **changes)


@reduce.register
def _(m: DiscardDraft, state: AppState) -> AppState:
    return replace(state, draft=None, field_error=None, form=state.front_form)


@reduce.register
def _(m: Reset, state: AppState) -> AppState:
    return replace(restarted(state, state.scene, playing=False), draft=state.draft, form=state.form)


@reduce.register
def _(m: NewSeed, state: AppState) -> AppState:
    try:
        fresh = applied(state, state.scene.edited(_passed_on(state.scene, "run.seed", m.seed)))
        draft = state.draft.edited(_passed_on(state.draft, "run.seed", m.seed)) if state.draft else None
    except SpecError as e:
        return replace(state, sentence=str(e))
    return replace(fresh, draft=draft, form=state.form)


@reduce.register
def _(m: Change, state: AppState) -> AppState:
    try:
        scene = state.scene.edited(m.values)
    except SpecError as e:
        return replace(state, sentence=str(e))
    return applied(state, scene, playing=scene.pace.play)


@reduce.register
def _(m: StartAt, state: AppState) -> AppState:
    scene = state.scene
    if scene.run.network.kind != "surface":
        return state
    owners = ("run", *(f"variants.{k}" for k in range(len(scene.variants))))
    places = {"x_start": float(f"{m.x:.4g}"), "y_start": float(f"{m.y:.4g}")}
    try:
        scene = scene.edited({f"{o}.network.{name}": at for o in owners for name, at in places.items()})
    except SpecError as e:
        return replace(state, sentence=str(e))
    if scene == state.scene:
        return state if not m.done else _let_go(state)
    now = begun_at_once(state, scene, "the start", drag="start")
    return _let_go(now) if m.done else now


def _let_go(state: AppState) -> AppState:
    """What was dragged stays where it is: the next drag is another change."""
    return replace(state, past=(*state.past[:-1], replace(state.past[-1], drag=""))) if state.past else state


def only_looked_at(state: AppState) -> bool:
    """Whether training goes on while an earlier step is looked at."""
    return state.playing and state.current is not None and state.current.apart


# --- undo ------------------------------------------------------------------------------------------------------------


@reduce.register
def _(m: Undo, state: AppState) -> AppState:
    if state.draft:
        return replace(state, draft=None, field_error=None, form=state.front_form)
    if not state.past:
        return state
    to = state.past[-1]
    if to.put_back:
        return putting_back.taken_back(replace(state, past=state.past[:-1], future=(to, *state.future)), to)
    now = Kept(state.scene, state.name, state.saved, to.what, to.at)
    return _travelled(state, to, to.at, state.past[:-1], (now, *state.future))


@reduce.register
def _(m: Redo, state: AppState) -> AppState:
    if not state.future:
        return state
    to = state.future[0]
    if to.put_back:
        return putting_back.done_again(replace(state, past=(*state.past, to), future=state.future[1:]), to)
    now = Kept(state.scene, state.name, state.saved, to.what, to.at)
    return _travelled(state, to, to.at, (*state.past, now), state.future[1:])


def _travelled(
    state: AppState, to: Kept, at: tuple[int, int, int] | None, past: tuple[Kept, ...], future: tuple[Kept, ...]
) -> AppState:
    """The state with an earlier or a later scene; a change that was made while training went on leads to its step."""
    scene, before = to.scene, state.scene.view.plane
    paths = differences(state.scene, scene)
    if state.draft is None and _surface_at_once(state.scene, scene) and any(_is_of_runs(path) for path in paths):
        state = begun_at_once(state, scene, "")
    elif any(needs_restart(path) for path in paths):
        state = restarted(state, scene)
    else:
        there = state.current.lines if state.current is not None else ()
        leads = at is not None and at[0] == state.generation and any(line.number == at[1] for line in there)
        tunes = state.tunes + (leads or bool(tuned(state.scene, scene)))
        state = _looked_at_anew(replace(state, scene=scene, past_scene=None, tunes=tunes), before)
        if leads and at is not None:
            state = replace(state, playing=False, pauses=state.pauses + state.playing, stopped=None)
            state = ordered(state, Focus(state.generation, at[1], at[2]))
    return replace(state, name=to.name, saved=to.saved, past=past, future=future, field_error=None)
