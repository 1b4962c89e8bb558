"""What is said of a step that was judged: is it a minimum? Pure functions, no Qt."""

from __future__ import annotations

import numpy as np

from thalweg.app.overlay import line_names
from thalweg.app.state import AppState
from thalweg.app.telling import number
from thalweg.core.messages import Judged, WayOut

NEXT_TO_NOTHING = 1e-3
"""Part of the loss that a step down the gradient has to gain to be worth a word."""


def verdict(state: AppState, m: Judged) -> str:
    """The verdict in a few sentences, with the numbers that it stands on, and the ways out that other runs took."""
    if m.curves_down:
        said = "No minimum: there is a direction in which the loss curves downwards."
    elif m.gain > NEXT_TO_NOTHING * abs(m.loss):
        said = f"No minimum yet: nothing curves downwards, but one step down the gradient gains {number(m.gain)}."
    else:
        said = "Nothing curves downwards and the gradient gains next to nothing: a minimum, or too flat to tell."
    lines = state.frame.lines if state.frame else ()
    names = line_names(lines, state.started.runs) if state.started else {}
    ways = "".join(f" {_way(names.get(w.line, f'line {w.line}'), w)}{_own_way(w, m.step)}" for w in m.ways)
    return (
        f"{said} Step {m.step:,}: loss {number(m.loss)}, gradient {number(m.gradient)}, curvature from "
        f"{number(m.smallest)} to {number(m.largest)} (± {number(float(f'{m.error:.1g}'))}), on the first "
        f"{m.examples:,} examples{_left_out(state)}.{ways}"
    )


def _left_out(state: AppState) -> str:
    """What training minimises beside the loss that is judged, so that it may rest elsewhere."""
    parts = {"the L2 penalty": state.optimiser_now.l2 > 0, "the auxiliary loss": state.spec.network.supervised}
    named = [words for words, there in parts.items() if there]
    return f", without {' and '.join(named)}" if named else ""


def _own_way(w: WayOut, here: int) -> str:
    """What the loss did that was measured on the other run's own way."""
    if not np.isfinite([w.highest, w.last]).all():
        return ""
    since = "here" if w.since == here else f"step {w.since:,}"
    return (
        f" Measured on its own way from {since}, on {w.examples:,} examples: {number(w.highest)} at most, and "
        f"{number(w.last)} at step {w.measured:,}."
    )


def _way(name: str, w: WayOut) -> str:
    """What lies on the straight way to where another run went."""
    first, last = float(w.loss[0]), float(w.loss[-1])
    if not np.isfinite(w.loss).all():
        return f"On the straight way to {name} the loss is not finite."
    top, came = float(w.loss.max()), f"{name} came to {number(last)} at step {w.step:,}"
    if last >= first:
        return f"{name} is at step {w.step:,} no lower: {number(last)}."
    if top > first + NEXT_TO_NOTHING * abs(first):
        return f"{came}; the straight way there climbs to {number(top)} first."
    return f"{came}, and the straight way there climbs nowhere."
