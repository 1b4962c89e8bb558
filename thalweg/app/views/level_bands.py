"""The bands of a landscape: which values share a colour, the same for the map and for the surface. No Qt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thalweg.app.views.numbers import short
from thalweg.core.landscape.contours import levels


@dataclass(frozen=True)
class LevelBands:
    """Contour levels of a grid of losses, and the edges of the bands between them, in the values as they are shown."""

    log: bool
    shown: np.ndarray
    """The losses, or their logarithms to base ten; not finite where the loss is not."""
    values: np.ndarray
    """The levels as losses."""
    inner: np.ndarray
    """The levels as shown."""
    edges: np.ndarray
    """The edges of all bands, as shown; empty when no loss is finite."""

    def ticks(self, most: int = 9) -> list[tuple[float, str]]:
        """About ``most`` of the levels: where they are shown, and their losses as texts."""
        every = max(1, len(self.values) // most)
        return list(zip(self.inner[::every].tolist(), told_apart(self.values[::every]), strict=True))


def level_bands(loss: np.ndarray, count: int, log: bool) -> LevelBands:
    """About ``count`` bands of the finite losses; logarithmic only where some loss is positive."""
    finite = np.isfinite(loss)
    log = log and bool((loss[finite] > 0).any())
    values = levels(loss, count, log)
    positive = loss[finite & (loss > 0)]
    # a loss of exactly zero has no logarithm but is no fault: it is drawn with the lowest; one below has none
    with np.errstate(invalid="ignore"):
        shown = np.log10(np.where(loss == 0, positive.min(initial=np.inf), loss)) if log else loss
    inner = np.log10(values) if log else values
    drawn = shown[np.isfinite(shown)]
    edges = _edges(inner, float(drawn.min()), float(drawn.max())) if drawn.size else np.empty(0)
    return LevelBands(log, shown, values, inner, edges)


def told_apart(values: np.ndarray) -> list[str]:
    """The values as short texts with as many digits as it takes to tell them apart, at least two."""
    rounded = values
    for digits in range(2, 12):
        rounded = np.array([float(f"{v:.{digits}g}") for v in values])
        told = len(set(rounded.tolist())) == len(rounded)
        if told and np.allclose(rounded, values, rtol=2e-2 / max(1, len(values))):
            break
    return [short(v) for v in rounded.tolist()]


def _edges(inner: np.ndarray, low: float, high: float) -> np.ndarray:
    """The edges of all bands: the levels, and one more on each side where values lie beyond them."""
    if len(inner) == 0:
        span = abs(low) * 1e-3 + 1e-12
        return np.array([low - span, high + span])
    step = inner[1] - inner[0] if len(inner) > 1 else max(high - low, 1e-12)
    # a little below the least, so that it is covered too
    below = [min(inner[0] - step, low - 1e-9 * step)] if low < inner[0] else []
    above = [max(inner[-1] + step, high)] if high > inner[-1] else []
    return np.array([*below, *inner, *above])
