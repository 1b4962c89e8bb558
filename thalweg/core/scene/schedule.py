"""Learning-rate schedules: what the learning rate is multiplied with at each step. Pure functions of the step."""

from __future__ import annotations

import math
from typing import Literal

Schedule = Literal["constant", "step", "exponential", "cosine", "warm-up", "one-cycle"]

SCHEDULES: dict[str, str] = {
    "constant": "Constant",
    "step": "Steps down",
    "exponential": "Exponential",
    "cosine": "Cosine",
    "warm-up": "Warm-up",
    "one-cycle": "One cycle",
}
"""Every schedule and what it is called."""

RISE = 0.3
"""One cycle: part of its length in which the rate rises (Smith & Topin 2018, with torch's values for all three)."""

FIRST = 1 / 25
"""One cycle: where it begins."""

LAST = FIRST / 10_000
"""One cycle: where it ends."""


def rate_factor(schedule: Schedule, step: int, length: int, share: float) -> float:
    """What the learning rate is multiplied with for the step from ``step`` to the next; from 0 to 1.

    After ``length`` steps ``share`` of the rate is left, and again of what is left then, at once (step) or little by
    little (exponential); or the rate falls to it along half a cosine and stays there (cosine: Loshchilov & Hutter 2017,
    without restarts), or rises from it to the whole in a straight line (warm-up). One cycle rises from a 25th to the
    whole rate, and falls to almost none.

    >>> [round(rate_factor("step", k, 10, 0.5), 3) for k in (0, 9, 10, 25)]
    [1.0, 1.0, 0.5, 0.25]
    >>> [round(rate_factor("warm-up", k, 10, 0.0), 3) for k in (0, 5, 10, 25)]
    [0.0, 0.5, 1.0, 1.0]
    """
    done = min(1.0, step / length)
    match schedule:
        case "constant":
            return 1.0
        case "step":
            return float(share ** (step // length))
        case "exponential":
            return float(share ** (step / length))
        case "cosine":
            return _between(1.0, share, done)
        case "warm-up":
            return share + (1 - share) * done
        case "one-cycle":
            top, end = RISE * length - 1, length - 1.0
            if step <= top:
                return _between(FIRST, 1.0, step / top if top > 0 else 1.0)
            return _between(1.0, LAST, min(1.0, (step - top) / (end - top)))


def _between(first: float, last: float, done: float) -> float:
    """Along half a cosine from ``first`` to ``last``."""
    return last + (first - last) * (1 + math.cos(math.pi * done)) / 2
