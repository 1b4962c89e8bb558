"""Levels, lines and bands of a landscape."""

from __future__ import annotations

from typing import cast

import numpy as np
from contourpy import FillType, LineType, contour_generator


def levels(values: np.ndarray, count: int, log: bool) -> np.ndarray:
    """Up to ``count`` round contour levels inside the range of the finite values; ascending, possibly empty.

    Linear levels are multiples of 1, 2, 2.5 or 5 times a power of ten. Logarithmic ones are the same few multiples of
    every power of ten, of the positive values only; where those are too few, they are evenly spaced in the logarithm.
    """
    finite = values[np.isfinite(values) & ((values > 0) | (not log))]
    if finite.size == 0:
        return np.empty(0)
    low, high = float(finite.min()), float(finite.max())
    if not high - low > max(1e-12 * max(abs(low), abs(high)), 1e-300):
        return np.empty(0)
    if log:
        return _log_levels(low, high, count)
    step = _round_up((high - low) / count)
    first = np.floor(low / step) + 1
    found: np.ndarray = step * np.arange(first, np.ceil(high / step))
    return found


_MANTISSAS = (
    np.arange(10, 100) / 10,
    np.arange(4, 40) / 4,
    (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8),
    (1, 1.5, 2, 3, 5, 7),
    (1, 2, 5),
    (1, 3),
    (1,),
)
"""Multiples of a power of ten that serve as logarithmic levels, the finest first."""


def _log_levels(low: float, high: float, count: int) -> np.ndarray:
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.floor(np.log10(high)) + 1)
    for mantissas in _MANTISSAS:
        found: np.ndarray = np.outer(powers, mantissas).ravel()
        found = found[(found > low) & (found < high)]
        if len(found) <= count:
            break
    return found if min(4, count) <= len(found) <= count else np.geomspace(low, high, count + 2)[1:-1]


def _round_up(step: float) -> float:
    """The next larger 1, 2, 2.5 or 5 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(step))
    return next(float(m * power) for m in (1, 2, 2.5, 5, 10) if m * power >= step * (1 - 1e-9))


def lines(x: np.ndarray, y: np.ndarray, values: np.ndarray, level: float) -> list[np.ndarray]:
    """The lines of one level as arrays of points [n, 2]; non-finite values are left out."""
    generator = contour_generator(x, y, np.ma.masked_invalid(values), line_type=LineType.Separate)
    return cast("list[np.ndarray]", generator.lines(level))


def band(
    x: np.ndarray, y: np.ndarray, values: np.ndarray, low: float, high: float
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The area between two levels (``high`` may be infinite) as polygons: points [n, 2], offsets of their rings."""
    generator = contour_generator(x, y, np.ma.masked_invalid(values), fill_type=FillType.OuterOffset)
    points, offsets = cast("tuple[list[np.ndarray], list[np.ndarray]]", generator.filled(low, high))
    return list(zip(points, offsets, strict=True))
