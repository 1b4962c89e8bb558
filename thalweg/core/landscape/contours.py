"""Levels, lines and bands of a landscape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from contourpy import FillType, LineType, contour_generator


def levels(values: np.ndarray, count: int, log: bool) -> np.ndarray:
    """Up to ``count`` round contour levels inside the range of the finite values; ascending, possibly empty.

    Linear levels are multiples of 1, 2, 2.5 or 5 times a power of ten. Logarithmic ones are the same few multiples of
    every power of ten, of the positive values only, or linear ones where the highest value is less than three times the
    lowest; where those are too few, they are evenly spaced in the logarithm.
    """
    finite = values[np.isfinite(values) & ((values > 0) | (not log))]
    if finite.size == 0:
        return np.empty(0)
    low, high = float(finite.min()), float(finite.max())
    if not high - low > max(1e-12 * max(abs(low), abs(high)), 1e-300):
        return np.empty(0)
    if log:
        return _log_levels(low, high, count)
    return _linear_levels(low, high, count)


def _linear_levels(low: float, high: float, count: int) -> np.ndarray:
    step = _round_up((high - low) / count)
    first = np.floor(low / step) + 1
    found: np.ndarray = step * np.arange(first, np.ceil(high / step))
    return found


_MANTISSAS = (
    np.arange(10, 100) / 10,
    np.arange(4, 40) / 4,
    np.arange(2, 20) / 2,
    (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8),
    (1, 1.5, 2, 3, 4, 6, 8),
    (1, 1.5, 2.5, 4, 6),
    (1, 2, 3, 6),
    (1, 2, 5),
    (1, 3),
    (1,),
)
"""Multiples of a power of ten that serve as logarithmic levels, the finest first.

From ten on each set is but a little smaller than the one before, so that a range that widens does not lose half of its
levels at once.
"""


def _log_levels(low: float, high: float, count: int) -> np.ndarray:
    found = np.empty(0)
    if high < 3 * low:  # so short a piece of a logarithmic scale is all but linear
        found = _linear_levels(low, high, count)
    else:
        powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.floor(np.log10(high)) + 1)
        for mantissas in _MANTISSAS:
            found = np.outer(powers, mantissas).ravel()
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
    return lines_of_levels(x, y, values, np.array([level]))[0]


def lines_of_levels(x: np.ndarray, y: np.ndarray, values: np.ndarray, levels: np.ndarray) -> list[list[np.ndarray]]:
    """The lines of each of several levels, as :func:`lines` gives them; faster than one level after another."""
    generator = contour_generator(x, y, np.ma.masked_invalid(values), line_type=LineType.Separate)
    return cast("list[list[np.ndarray]]", generator.multi_lines(levels))


def band(
    x: np.ndarray, y: np.ndarray, values: np.ndarray, low: float, high: float
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The area between two levels (``high`` may be infinite) as polygons: points [n, 2], offsets of their rings."""
    return bands(x, y, values, [(low, high)])[0]


def bands(
    x: np.ndarray, y: np.ndarray, values: np.ndarray, limits: Sequence[tuple[float, float]]
) -> list[list[tuple[np.ndarray, np.ndarray]]]:
    """The areas between several pairs of levels, as :func:`band` gives them; faster than one after another."""
    generator = contour_generator(x, y, np.ma.masked_invalid(values), fill_type=FillType.OuterOffset)
    found = [cast("tuple[list[np.ndarray], list[np.ndarray]]", generator.filled(*pair)) for pair in limits]
    return [list(zip(points, offsets, strict=True)) for points, offsets in found]
