"""A quantity of each layer over all measured steps, as a strip of layers and steps shows it. Pure functions, no Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from thalweg.app.overlay import DrawnLine, fan_of, last_measured
from thalweg.core.scene.depth import BY_TIME, COSTLY, DepthQuantity

PERCENTILES = (2.0, 98.0)
"""Of the finite values: the range of the colours goes from the one to the other, so that few values do not take it."""

SELDOM: tuple[DepthQuantity, ...] = ("ratio", *COSTLY)
"""What is not measured in every row: there was no step before, or it takes long."""

LEAST_RATIO = 1.05
"""The narrowest range of a logarithmic scale, as a ratio: below it colours would show rounding."""


@dataclass(frozen=True, eq=False)
class Strip:
    """A quantity of one line of training: ``values`` [layers, steps] of the layers ``numbers``, at ``steps``.

    Of what has a row for each time step of the network, and not for each layer, those are in the layers' place.
    """

    steps: np.ndarray
    numbers: tuple[int, ...]
    values: np.ndarray

    @property
    def known(self) -> bool:
        """Whether there is anything to draw."""
        return bool(self.numbers and len(self.steps))

    def row(self, layer: int) -> np.ndarray:
        """The values of a layer over the steps; not a number where it has none."""
        if layer in self.numbers:
            found: np.ndarray = self.values[self.numbers.index(layer)]
            return found
        return np.full(len(self.steps), np.nan)

    def nearest(self, step: int) -> int:
        """Index of the measured step that is looked at: the last up to ``step``, or the first."""
        return last_measured(self.steps, step)


def strip_of(line: DrawnLine, quantity: DepthQuantity) -> Strip:
    """What is known of a quantity on a line, without the steps at which it was not measured."""
    steps = np.asarray(line.series.get("step", np.empty(0)), dtype=np.int64)
    prefix = f"{quantity}_"
    numbers = tuple(sorted(int(n.removeprefix(prefix)) for n in line.series if n.startswith(prefix)))
    values = np.array([line.series[f"{prefix}{n}"] for n in numbers], dtype=float).reshape(len(numbers), len(steps))
    if quantity in SELDOM:
        there = ~np.isnan(values).all(axis=0)
        steps, values = steps[there], values[:, there]
    return Strip(steps, numbers, values)


@dataclass(frozen=True, eq=False)
class FanStrip:
    """A quantity of a fan: least, median and greatest of its members' strips."""

    low: Strip
    median: Strip
    high: Strip


def fan_strip_of(members: Sequence[DrawnLine], quantity: DepthQuantity) -> FanStrip:
    """Median and range of the members of a fan, as :func:`thalweg.app.overlay.fan_of` has them.

    What takes long is measured of one member after the other, and seldom at the same step of all: between two
    measurements a member has the value of the one before, and steps before the first of each are left out.
    """
    strips = [strip_of(m, quantity) for m in members]
    numbers = tuple(n for n in strips[0].numbers if all(n in s.numbers for s in strips))
    if not numbers or not all(len(s.steps) for s in strips):
        nothing = Strip(np.empty(0, dtype=np.int64), (), np.empty((0, 0)))
        return FanStrip(nothing, nothing, nothing)
    if quantity in SELDOM:
        members = _held(members, strips, quantity)
    fans = [fan_of(members, f"{quantity}_{n}") for n in numbers]
    low, median, high = (np.stack([getattr(f, part) for f in fans]) for part in ("low", "median", "high"))
    return FanStrip(*(Strip(fans[0].steps, numbers, values) for values in (low, median, high)))


def _held(members: Sequence[DrawnLine], strips: Sequence[Strip], quantity: DepthQuantity) -> list[DrawnLine]:
    """The members with rows at the same steps, each with what was measured of it last; one that ended ends there."""
    steps = np.unique(np.concatenate([s.steps for s in strips]))
    steps = steps[steps >= max(int(s.steps[0]) for s in strips)]
    found = []
    for member, strip in zip(members, strips, strict=True):
        last = np.searchsorted(strip.steps, steps, side="right") - 1
        over = member.ended & (steps > strip.steps[-1])
        rows = {f"{quantity}_{n}": np.where(over, np.nan, strip.row(n)[last]) for n in strip.numbers}
        found.append(replace(member, series={"step": steps, **rows}))
    return found


def row_name(number: int, quantity: DepthQuantity, layers: Sequence[str]) -> str:
    """What a row of the strip is called: a layer by its own name, a time step by the row of the image that is read.

    >>> row_name(2, "gradient", ("1 LSTM", "2 linear")), row_name(2, "state", ("1 LSTM", "2 linear"))
    ('2 linear', 'row 2')
    """
    if quantity in BY_TIME:
        return f"row {number}"
    return layers[number - 1] if number <= len(layers) else f"layer {number}"


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
