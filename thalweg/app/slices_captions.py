"""What is said of the layer slices: directions and units, what stands still, data, guides, and gaps. No Qt."""

from __future__ import annotations

import numpy as np

from thalweg.app.captions import network, statistics
from thalweg.app.state import AppState
from thalweg.app.surface_captions import is_surface
from thalweg.core.messages import SlicesDrawn
from thalweg.core.scene import SlicesSpec


def heading(state: AppState) -> str:
    """The line above the slices: what is drawn, at which step."""
    drawn = state.slicing.shown
    return f"Layer slices at step {drawn.step:,}" if drawn else "Layer slices"


def caption(state: AppState) -> str:
    """The slices' caption: directions and units, what stands still, data, the guides, and layers without a slice.

    Where they take long, how far they are.
    """
    drawn = state.slicing.shown
    error = f"{state.slicing.error} Other settings or a new run try again." if state.slicing.error else ""
    if state.missing is not None or (state.started is None and not error):
        return ""
    if drawn is None or state.started is None:
        if "slices" not in state.scene.view.panels:
            return "The slices are computed when their panel is open."
        off = not state.settings.landscape_share
        return error or ("Landscapes and slices are switched off." if off else "The slices are being computed.")
    s = state.started
    lines = [
        f"Each layer moves alone: {' and '.join(_way(drawn.view, kind) for kind in drawn.view.directions)}. "
        f"{_others(drawn)}",
        f"{network(state)}. {_guides(state)}"
        if is_surface(state)
        else f"{s.objective.capitalize()} of {network(state)}, mean over the first {drawn.examples:,} of "
        f"{s.train_count:,} training examples.{_as_now(state, drawn)} {_guides(state)}",
    ]
    news = error or _progress(state)
    return "\n".join([news] * bool(news) + lines + _without(drawn))


def _progress(state: AppState) -> str:
    """How far slices that take long have come."""
    done, asked = state.slicing.done, state.slicing.asked
    return f"Step {asked.step:,}: {done[0]} of {done[1]} slices so far." if done and asked else ""


def _as_now(state: AppState, drawn: SlicesDrawn) -> str:
    as_now = " also where the other layers are as at step 0" * ("start" in drawn.view.settings_of_others)
    return statistics(state).removesuffix(".") + as_now + "." if statistics(state) else ""


def _way(view: SlicesSpec, kind: str) -> str:
    if kind == "gradient":
        return f"±{view.distance:g} in Euclidean distance along its own negative gradient"
    if kind == "way":
        return "along its straight way from step 0 (-1) to this step (0), and on; all layers: together"
    return f"±{view.norms:g} in norms of each unit's weights along a random direction (seed {view.seed})"


def _others(drawn: SlicesDrawn) -> str:
    same = ", which is the same here" if drawn.step == 0 else ""
    return {
        "now": "All other layers stay as they are at this step.",
        "start": "All other layers are as at step 0.",
        "both": f"All other layers are as at this step (now), or as at step 0 (start){same}.",
    }[drawn.view.others]


def _guides(state: AppState) -> str:
    view = state.scene.view.slices
    drawn = [n for n, on in (("tangent", view.tangent), ("parabola", view.parabola)) if on]
    exact = "exact slope and curvature there" if view.parabola else "exact slope there"
    guides = f"; {' and '.join(drawn)}: {exact}" if drawn else ""
    if drawn and view.others == "both":
        guides += ", of the slices with the others as now"
    return f"●: the layer as it is at this step{guides}."


def _without(drawn: SlicesDrawn) -> list[str]:
    reasons = {(c.layer, c.kind): c.reason for c in drawn.curves if c.reason}
    gaps = sorted({c.layer for c in drawn.curves if not np.isfinite(c.loss).all()})
    lines = [
        f"{f'Layer {layer} has' if layer else 'All layers have'} no {kind} slice: {reason}."
        for (layer, kind), reason in reasons.items()
    ]
    if gaps:
        numbers = [str(n) for n in gaps if n]
        alone = f"layer{'s' * (len(numbers) > 1)} {', '.join(numbers)}" if numbers else ""
        which = " and ".join(filter(None, (alone, "all layers" * (0 in gaps))))
        lines.append(f"Gaps in {which}: the loss is not finite there.")
    return lines
