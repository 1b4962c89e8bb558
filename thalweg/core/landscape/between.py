"""Values between the points of a grid."""

from __future__ import annotations

import numpy as np


def value_at(x: np.ndarray, y: np.ndarray, values: np.ndarray, at: tuple[float, float]) -> float:
    """The value at (x, y) = ``at``, bilinear between values[j, i] at (x[i], y[j]); exact at a grid point.

    NaN outside the grid, and beside a value that is not finite.
    """
    if not (x[0] <= at[0] <= x[-1] and y[0] <= at[1] <= y[-1]):
        return float("nan")
    i, u = _cell(x, at[0])
    j, v = _cell(y, at[1])
    weights = np.outer([1 - v, v], [1 - u, u])
    counts = weights > 0  # a corner without weight may be anything
    return float(weights[counts] @ values[j : j + 2, i : i + 2][counts])


def _cell(places: np.ndarray, at: float) -> tuple[int, float]:
    """The number of the grid line before a place, and how far it is to the next, 0 to 1."""
    k = int(np.clip(np.searchsorted(places, at, side="right") - 1, 0, len(places) - 2))
    return k, float((at - places[k]) / (places[k + 1] - places[k]))
