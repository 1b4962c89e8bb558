"""What is said of the layer slices: directions and units, what stands still, data, guides, and gaps. No Qt."""

from __future__ import annotations

import numpy as np

from thalweg.app.captions import network, statistics
from thalweg.app.state import AppState
from thalweg.app.surface_captions import is_surface
from thalweg.app.telling import number
from thalweg.core.messages import SliceCurve, SlicesDrawn
from thalweg.core.scene import SlicesSpec

OTHERS = {"now": "as now", "start": "as at the start", "end": "as at the newest step"}
"""The other layers, as a part of a sentence."""

MOST_TOLD = 4
"""Layers whose numbers are told; of more, so many that are evenly spaced, the first and the last among them."""


def heading(state: AppState) -> str:
    """The line above the slices: what is drawn, at which step."""
    drawn = state.slicing.shown
    return f"Layer slices at step {drawn.step:,}" if drawn else "Layer slices"


def caption(state: AppState) -> str:
    """The slices' caption: what the ways from the start have changed, what is drawn, and layers without a slice.

    What is drawn: directions and units, what stands still, data, the guides. Where they take long, how far they are.
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
    return "\n".join([news] * bool(news) + _ways(drawn, is_surface(state)) + lines + _without(drawn))


def _ways(drawn: SlicesDrawn, surface: bool) -> list[str]:
    """Whether the loss is flat in the first layer, or only where the others are; and what each layer is needed for."""
    if drawn.view.kinds != "way":
        return []
    said = [sentence for sentence in (_changed(drawn), _put_back(drawn, surface)) if sentence]
    return [" ".join(said)] * bool(said)


def _changed(drawn: SlicesDrawn) -> str:
    """How much the loss changes on the first layer's way from the start, for each of the values of the others."""
    order = {"start": 0, "now": 1, "end": 2}
    mine = sorted((c for c in drawn.curves if c.layer == 1 and not c.reason), key=lambda c: order[c.others])
    told = [(c.others, change) for c in mine if (change := _change(c)) is not None]
    if not told:
        return ""
    (first, by), *rest = told
    further = "".join(f"; {OTHERS[others]}, by {_short(change)}" for others, change in rest)
    return f"With the others {OTHERS[first]}, layer 1's way changes the loss by {_short(by)}{further}."


def _change(c: SliceCurve) -> float | None:
    """The difference of the greatest and the least loss from where the layer started to where it is now."""
    on_it = c.loss[(c.t >= -1) & (c.t <= 0)]
    known = _at_start(c) is not None and len(on_it) and np.isfinite(on_it).all()
    return float(np.ptp(on_it)) if known else None


def _at_start(c: SliceCurve) -> int | None:
    """Which point of a way is where the layer started; None where the way does not reach so far back."""
    found = np.flatnonzero(c.t == -1.0)
    return int(found[0]) if len(found) else None


def _put_back(drawn: SlicesDrawn, surface: bool) -> str:
    """Loss, and share classified right, with each layer put back to its start and the others as now."""
    mine = {c.layer: c for c in drawn.curves if c.layer and c.others == "now" and not c.reason}
    places = {layer: k for layer, c in mine.items() if (k := _at_start(c)) is not None}
    if not places:
        return ""
    layers = list(places)
    told = [layers[k] for k in dict.fromkeys(np.linspace(0, len(layers) - 1, MOST_TOLD).round().astype(int).tolist())]

    def result(c: SliceCurve, k: int) -> str:
        loss = f"loss {_short(float(c.loss[k]))}"
        return loss if surface else f"{100 * c.accuracy[k]:.0f} % right ({loss})"

    said = ", ".join(f"layer {n} {'leaves ' * (n == told[0])}{result(mine[n], places[n])}" for n in told)
    here = mine[told[0]]
    return f"Put back to its start, the others as now, {said}; now {result(here, int(np.searchsorted(here.t, 0.0)))}."


def _short(value: float) -> str:
    """Two digits are enough to compare."""
    return number(float(f"{value:.2g}"))


def _progress(state: AppState) -> str:
    """How far slices that take long have come."""
    done, asked = state.slicing.done, state.slicing.asked
    return f"Step {asked.step:,}: {done[0]} of {done[1]} slices so far." if done and asked else ""


def _as_now(state: AppState, drawn: SlicesDrawn) -> str:
    steps = [
        f"step {step:,}" for way, step in (("start", 0), ("end", drawn.newest or 0)) if way in drawn.settings_of_others
    ]
    as_now = f" also where the other layers are as at {' or '.join(steps)}" if steps else ""
    return statistics(state).removesuffix(".") + as_now + "." if statistics(state) else ""


def _way(view: SlicesSpec, kind: str) -> str:
    if kind == "gradient":
        return f"±{view.distance:g} in Euclidean distance along its own negative gradient"
    if kind == "way":
        return "along its straight way from step 0 (-1) to this step (0), and on; all layers: together"
    return f"±{view.norms:g} in norms of each unit's weights along a random direction (seed {view.seed})"


def _others(drawn: SlicesDrawn) -> str:
    same = ", which is the same here" if drawn.step == 0 else ""
    both = f"All other layers are as at this step (now), or as at step 0 (start){same}"
    if drawn.newest is None:
        end, third = "which is this one", "; this step is the newest (end)"
    else:
        end, third = f"{drawn.newest:,}", f", or as at the newest step, {drawn.newest:,} (end)"
    return {
        "now": "All other layers stay as they are at this step.",
        "start": "All other layers are as at step 0.",
        "end": f"All other layers are as at the newest step, {end}.",
        "both": f"{both}.",
        "all": f"{both}{third}.",
    }[drawn.view.others]


def _guides(state: AppState) -> str:
    view = state.scene.view.slices
    drawn = [n for n, on in (("tangent", view.tangent), ("parabola", view.parabola)) if on]
    exact = "exact slope and curvature there" if view.parabola else "exact slope there"
    guides = f"; {' and '.join(drawn)}: {exact}" if drawn else ""
    if drawn and view.others in ("both", "all"):
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
