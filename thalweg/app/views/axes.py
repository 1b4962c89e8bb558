"""Axes that fit their plot: labels that are dropped when there is no room, powers of ten on logarithmic ones."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pyqtgraph as pg
from PyQt6.QtGui import QFontMetricsF
from PyQt6.QtWidgets import QApplication

from thalweg.app.views.numbers import power_of_ten

MINOR = 0.0999
"""The spacing that marks the ticks between decades; no others have it."""

BETWEEN = 0.4999
"""The spacing that marks ticks where so little is in view that neither a decade nor twice or five times one is."""


class FittingAxis(pg.AxisItem):
    """An axis that drops its label where the plot is too small for it, and ticks beyond ``within``."""

    def __init__(self, orientation: str, within: tuple[float, float] | None = None) -> None:
        super().__init__(orientation)
        self._within = within

    def updateAutoSIPrefix(self) -> None:
        """The numbers stay as they are, however small the axis has been: none are counted in thousandths."""

    def resizeEvent(self, event: object = None) -> None:
        """Place the label, if there is room for it."""
        self.fit_label()

    def setLabel(self, *args: object, **kwargs: object) -> None:
        """Set the label, and show it if there is room for it."""
        super().setLabel(*args, **kwargs)
        self.fit_label()

    def fit_label(self) -> None:
        """The whole label where there is room, else without its unit, else none."""
        if self.label is None:  # pyqtgraph takes it away on close, and may resize the axis after that
            return
        room = self.size().height() if self.orientation in ("left", "right") else self.size().width()
        whole = self.labelString()
        short = self.labelText
        for _ in range(3):
            self.label.setHtml(whole.replace(self.labelText, short))
            if self.label.boundingRect().width() <= room:
                break
            short = short.rpartition(" (")[0] if short.endswith(")") else short
        self.label.setOpacity(1.0 if self.label.boundingRect().width() <= room else 0.0)
        super().resizeEvent(None)

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        """Ticks as usual, without those that mean nothing."""
        found: list[tuple[float, list[float]]] = super().tickValues(low, high, size)
        if self._within is not None:
            first, last = self._within
            found = [(spacing, [v for v in values if first <= v <= last]) for spacing, values in found]
        if self.orientation in ("left", "right") and found and high > low:
            spacing, values = found[0]
            every = math.ceil(1.2 * self._text_height() / (size * spacing / (high - low)))
            if every > 1:  # the texts would touch
                apart = [v for v in values if round(v / spacing) % every == 0]
                return [(every * spacing, apart if len(apart) > 1 else [*values[:1], *values[1:][-1:]])]
        return found

    def _text_height(self) -> float:
        return QFontMetricsF(self.style["tickFont"] or QApplication.font()).height()


class SwitchableAxis(FittingAxis):
    """An axis that reads its values as they are, or, when ``logarithmic``, as logarithms to base ten."""

    def __init__(self, orientation: str) -> None:
        super().__init__(orientation)
        self.logarithmic = False
        self._pixels = 0.0
        """Of the length 1, at the last look."""

    def set_logarithmic(self, on: bool) -> None:
        """Read the values as logarithms from now on, or no longer."""
        if on != self.logarithmic:
            self.logarithmic = on
            self.picture = None
            self.update()

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        """Decades, and between them 2 to 9 without labels; 1, 2 and 5 where less than a decade is in view."""
        if not self.logarithmic:
            return super().tickValues(low, high, size)
        low, high = min(low, high), max(low, high)
        self._pixels = size / (high - low) if high > low else 0.0
        first, last = math.floor(low), math.ceil(high)
        skip = max(1, math.ceil((last - first) / max(2.0, size / self._decade())))
        decades = [float(d) for d in range(first, last + 1) if d % skip == 0 and low <= d <= high]
        if not decades and not any(low <= d + math.log10(m) <= high for d in range(first, last + 1) for m in (2, 5)):
            return [(BETWEEN, self._between(low, high))]
        minor = [d + math.log10(m) for d in range(first, last + 1) for m in range(2, 10)] if skip == 1 else []
        return [(float(skip), decades), (MINOR, [v for v in minor if low <= v <= high])]

    def _between(self, low: float, high: float) -> list[float]:
        """Logarithms of round numbers, as many as have room for their texts."""
        for most in range(int(self._pixels * (high - low) / 24), 0, -1):
            found = [math.log10(v) for v in round_numbers(10**low, 10**high, most)]
            if self._have_room(found, [f"{10**v:.4g}" for v in found]):
                break
        else:
            found = [math.log10(v) for v in round_numbers(10**low, 10**high, 1)][:1]
        return found

    def _have_room(self, values: list[float], texts: list[str]) -> bool:
        """Whether these texts, at these ascending places, stand apart."""
        upright = self.orientation in ("left", "right")
        wide = 24.0 if upright else 8.0 + max(map(self._width, texts), default=0.0)
        return all((b - a) * self._pixels >= wide for a, b in pairwise(values))

    def _decade(self) -> float:
        """Pixels that the texts of two decades are apart at least."""
        if self.orientation in ("left", "right"):
            return 24.0
        return max(24.0, 1.2 * self._width("0.01"))

    def _width(self, text: str) -> float:
        return QFontMetricsF(self.style["tickFont"] or QApplication.font()).horizontalAdvance(text)

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        """Powers of ten on the decades; between them only where fewer than two decades are in view."""
        if not self.logarithmic:
            found: list[str] = super().tickStrings(values, scale, spacing)
            return found
        low, high = self.range
        if spacing >= 1:
            return [power_of_ten(round(v)) for v in values]
        if spacing == BETWEEN:
            return [f"{10**v:.4g}" for v in values]
        few = high - low < 1.5
        texts = [f"{10**v:.3g}" if few and round(10 ** (v % 1)) in (2, 5) else "" for v in values]
        decades = [float(d) for d in range(math.ceil(low), math.floor(high) + 1)]
        said = [(v, t) for v, t in zip(values, texts, strict=True) if t]
        both = sorted([*said, *((d, power_of_ten(round(d))) for d in decades)])
        if self._have_room([v for v, _ in both], [t for _, t in both]):
            return texts
        first = said[0][0] if said and not decades else None
        return [t if v == first else "" for v, t in zip(values, texts, strict=True)]


def round_numbers(low: float, high: float, most: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten between two positive numbers: at most so many, but at least one.

    >>> round_numbers(0.123, 0.149, 3)
    [0.13, 0.14]
    """
    if not 0 < low < high < math.inf:
        return []
    found: list[float] = []
    exponent = math.ceil(math.log10(high - low)) + 1
    for step in (m * 10.0**e for e in range(exponent, exponent - 6, -1) for m in (5, 2, 1)):
        values = [float(f"{k * step:.12g}") for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
        if found and len(values) > max(1, most):
            break
        found = values
    return found


def step_place(step: float, logarithmic: bool) -> float:
    """Where a step stands on an axis of steps; on a logarithmic one step 0 is infinitely far to the left."""
    if not logarithmic:
        return float(step)
    return float(np.log10(step)) if step > 0 else -np.inf


def step_places(steps: np.ndarray, logarithmic: bool) -> np.ndarray:
    """The same for many steps, for curves: step 0 has no place (NaN) on a logarithmic axis."""
    return log10(steps.astype(float)) if logarithmic else steps.astype(float)


def log10(values: np.ndarray) -> np.ndarray:
    """Logarithms to base ten; NaN where there is none, so that the curve has a gap there."""
    out = np.full(len(values), np.nan)
    np.log10(values, where=(values > 0) & np.isfinite(values), out=out)
    return out


DECADES = 16
"""Powers of ten below the largest value that a logarithmic plot shows."""


def lowest_of(columns: Iterable[np.ndarray]) -> float:
    """The logarithm of the least value that a plot of all these shows: that many powers of ten below the largest.

    Minus infinite where nothing has a logarithm.
    """
    tops = [float(np.nanmax(y)) for y in map(log10, columns) if len(y) and not np.isnan(y).all()]
    return max(tops, default=-np.inf) - DECADES


def log10_from(values: np.ndarray, lowest: float) -> np.ndarray:
    """Logarithms to base ten; ``lowest`` for 0 and all that is too small to be shown; NaN as :func:`log10` has it."""
    out = log10(values)
    return np.where(values == 0, lowest, np.maximum(out, lowest)) if np.isfinite(lowest) else out
