"""Whether a method gives the loss: compared in float64 at some of its own points, in the run that is timed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .plain import Values

TOLERANCE = 1e-4
"""Largest relative difference."""


class WrongLossError(Exception):
    """A method gave another loss; the text says where."""


def spots(count: int, wanted: int = 5) -> np.ndarray:
    """Numbers of some of ``count`` points: the first, the last, the middle, and those between."""
    return np.unique(np.linspace(0, count - 1, wanted).round().astype(int))


def check(values: Values, exact: Callable[[np.ndarray], np.ndarray]) -> int:
    """How many points were compared, of those that are known; raises WrongLossError for one that differs."""
    known = np.flatnonzero(np.isfinite(values.points).all(1))
    if not len(known):
        return 0
    at = known[spots(len(known))]
    expected = exact(values.points[at])
    for (a, b), found, right in zip(values.points[at], values.losses[at], expected, strict=True):
        if not abs(found - right) <= TOLERANCE * abs(right):  # not: a NaN is wrong too
            raise WrongLossError(f"{found:.6g} instead of {right:.6g} at ({a:g}, {b:g})")
    return len(at)


def in_one_line(error: Exception) -> str:
    """What was raised, short enough for a note below a table."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:140]
