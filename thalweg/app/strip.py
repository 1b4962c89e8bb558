"""A quantity of each layer over all measured steps, as a strip of layers and steps shows it. Pure functions, no Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thalweg.app.overlay import DrawnLine
from thalweg.core.scene.depth import COSTLY, DepthQuantity

PERCENTILES = (2.0, 98.0)
"""Of the finite values: the range of the colours goes from the one to the other, so that few values do not take it."""

LEAST_RATIO = 1.05
"""The narrowest range of a logarithmic scale, as a ratio: below it colours would show rounding."""


@dataclass(frozen=True, eq=False)
class Strip:
    """A quantity of one line of training: ``values`` [layers, steps] of the layers ``numbers``, at ``steps``."""

    steps: np.ndarray
    numbers: tuple[int, ...]
    values: np.ndarray

    def row(self, layer: int) -> np.ndarray:
        """The values of a layer over the steps; not a number where it has none."""
        if layer in self.numbers:
            found: np.ndarray = self.values[self.numbers.index(layer)]
            return found
        return np.full(len(self.steps), np.nan)

    def nearest(self, step: int) -> int:
        """Index of the measured step that is looked at: the last up to ``step``, or the first."""
        return max(0, int(np.searchsorted(self.steps, step, side="right")) - 1)


def strip_of(line: DrawnLine, quantity: DepthQuantity) -> Strip:
    """What is known of a quantity on a line, without the steps at which it was not measured."""
    steps = np.asarray(line.series.get("step", np.empty(0)), dtype=np.int64)
    prefix = f"{quantity}_"
    numbers = tuple(sorted(int(n.removeprefix(prefix)) for n in line.series if n.startswith(prefix)))
    values = np.array([line.series[f"{prefix}{n}"] for n in numbers], dtype=float).reshape(len(numbers), len(steps))
    if quantity == "ratio" or quantity in COSTLY:
        there = ~np.isnan(values).all(axis=0)
        steps, values = steps[there], values[:, there]
    return Strip(steps, numbers, values)


def robust_range(strips: Sequence[Strip], logarithmic: bool) -> tuple[float, float] | None:
    """The range of the colours of these strips together; None where no value has a place on the scale.

    >>> line = Strip(np.arange(101), (1,), np.arange(101.0)[None])
    >>> robust_range([line], False)
    (2.0, 98.0)
    """
    values = np.concatenate([s.values.ravel() for s in strips]) if strips else np.empty(0)
    values = values[np.isfinite(values) & ((values > 0) | (not logarithmic))]
    if not len(values):
        return None
    low, high = (float(v) for v in np.percentile(np.log10(values) if logarithmic else values, PERCENTILES))
    if logarithmic:
        least = np.log10(LEAST_RATIO)
        if high - low < least:
            middle = (low + high) / 2
            low, high = middle - least / 2, middle + least / 2
        return float(10**low), float(10**high)
    return (low, high) if high > low else (low - max(abs(low), 1e-3) / 2, high + max(abs(high), 1e-3) / 2)


def sampled(places: np.ndarray, low: float, high: float, columns: int) -> np.ndarray:
    """For each of ``columns`` equal parts of the range the index of the nearest of the ascending ``places`` [n].

    So each measured step is as wide as there is no other nearer to it, however unevenly they were measured.
    """
    middles = low + (np.arange(columns) + 0.5) * (high - low) / columns
    halves = (places[:-1] + places[1:]) / 2
    found: np.ndarray = np.searchsorted(halves, middles, side="right")
    return found


def beyond(strips: Sequence[Strip], low: float, high: float) -> tuple[bool, bool]:
    """Whether there are finite values below and above a range."""
    values = np.concatenate([s.values.ravel() for s in strips]) if strips else np.empty(0)
    values = values[np.isfinite(values)]
    return bool((values < low).any()), bool((values > high).any())
