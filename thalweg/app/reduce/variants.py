"""Further runs beside the first: added, cured, removed. Reductions of what a person wants; no Qt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pydantic import ValidationError

from thalweg.app.intents import AddVariant, CureWith, RemoveVariant
from thalweg.app.reduce.dispatch import reduce
from thalweg.app.reduce.scenes import applied
from thalweg.app.state import AppState
from thalweg.core.scene import RunSpec, SpecError
from thalweg.core.scene.cures import BY_ID, cured
from thalweg.core.scene.layers import layer_shapes
from thalweg.core.scene.scene import MOST_VARIANTS
from thalweg.core.scene.spec import explain

TOO_MANY = f"Not added: {MOST_VARIANTS + 1} variants are not accepted; expected at most {MOST_VARIANTS}"


@reduce.register
def _(m: AddVariant, state: AppState) -> AppState:
    scene = state.draft or state.scene
    source = (scene.run, *scene.variants)[state.form]
    if len(scene.variants) >= MOST_VARIANTS:
        return replace(state, sentence=TOO_MANY)
    try:
        variants = [v.model_dump() for v in (*scene.variants, source.model_copy(update={"name": ""}))]
        draft = scene.edited({"variants": variants})
    except SpecError as e:
        return replace(state, sentence=str(e))
    return replace(state, draft=draft, form=len(draft.variants), controls=True, sentence="")


@reduce.register
def _(m: CureWith, state: AppState) -> AppState:
    scene, number = state.draft or state.scene, state.front_form
    source = (scene.run, *scene.variants)[number]
    if len(scene.variants) >= MOST_VARIANTS:
        return replace(state, sentence=TOO_MANY)
    try:
        run = cured(source, BY_ID[m.cure], _norms_at_start(state))
        same = [other for other in scene.runs() if other.model_copy(update={"name": run.name}) == run]
        if same:
            return replace(state, sentence=f"Not added: there is a run with {BY_ID[m.cure].title} already.")
        variants = [v.model_dump() for v in (*scene.variants, run)]
        wanted = scene.edited({"variants": variants})
    except ValidationError as e:
        return replace(state, sentence=f"Not added: {explain(e, RunSpec)}")
    except SpecError as e:
        return replace(state, sentence=f"Not added: {e}")
    return replace(applied(state, wanted, playing=True), form=len(variants))


def _norms_at_start(state: AppState) -> tuple[float, ...]:
    """The norms of the gradient in each layer of the run in front, at its first measured step; none before."""
    series = state.current.series if state.current is not None else {}
    names = [f"gradient_{n}" for n in range(1, len(layer_shapes(state.spec.network)) + 1)]
    began = series.get("step", np.ones(1))[:1] == 0  # not where a layer was put back, and all was measured anew
    known = [float(series[name][0]) for name in names if began.any() and len(series.get(name, ()))]
    return tuple(known) if len(known) == len(names) else ()


@reduce.register
def _(m: RemoveVariant, state: AppState) -> AppState:
    if not state.form:
        return state
    if state.form > len(state.scene.variants):
        return replace(state, draft=None, form=0)
    kept = [v.model_dump() for k, v in enumerate(state.scene.variants, start=1) if k != state.form]
    return replace(applied(state, state.scene.edited({"variants": kept})), form=0)
