"""The slope of a landscape in the coordinates of its plane."""

from __future__ import annotations

import numpy as np

LONGEST_AT = 90.0
"""Percentile of the slopes of a map from which on its arrows have their full length."""


def slope(x: np.ndarray, y: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The partial derivatives along x and y at each grid point [ny, nx, 2], per unit of each axis; at least 3 x 3.

    Central differences of second order, one-sided ones at the border: exact for a quadratic surface. NaN beside values
    that are not finite.
    """
    finite = np.where(np.isfinite(values), values, np.nan)
    along_y, along_x = np.gradient(finite, y, x, edge_order=2)
    return np.stack([along_x, along_y], axis=2)


def full_slope(x: np.ndarray, y: np.ndarray, values: np.ndarray) -> float:
    """The slope at and above which arrows have their full length: the 90th percentile; 0 where there is none."""
    size = np.hypot(*np.moveaxis(slope(x, y, values), 2, 0))
    finite = size[np.isfinite(size)]
    if not finite.size:
        return 0.0
    found = float(np.percentile(finite, LONGEST_AT))
    rounding = 1e-12 * np.abs(values[np.isfinite(values)]).max() / min(np.diff(x).min(), np.diff(y).min())
    return found if found > rounding else 0.0
