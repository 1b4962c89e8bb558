"""The factors of the chain rule at the step that is looked at, as they are drawn. Pure functions, no Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

BY_LINK = (
    "gain", "slope", "mean_slope", "bound", "spectral", "frobenius", "stretch", "middle", "squeeze",
)  # fmt: skip
"""What there is for every layer but the last; see :func:`thalweg.core.measures.chain_rule.chain_rule`."""


@dataclass(frozen=True, eq=False)
class Factors:
    """The backward signal of each layer [layers], and by name its factors [layers - 1], at one step."""

    step: int
    signal: np.ndarray
    measured: np.ndarray
    by_link: dict[str, np.ndarray]

    @property
    def products(self) -> np.ndarray:
        """What the signal is multiplied with from each layer to the one before; [layers - 1]."""
        found: np.ndarray = self.by_link["gain"] * self.by_link["slope"]
        return found


def factors_of(series: Mapping[str, np.ndarray], step: int) -> Factors | None:
    """The factors at the last measured row at or before ``step``; None where the series has none."""
    if "signal_1" not in series:
        return None
    made = series.get("bound_1", series["signal_1"])  # a network of one layer has no factors, and no bound
    rows = np.flatnonzero((series["step"] <= step) & ~np.isnan(made))
    if not len(rows):
        return None
    row = int(rows[-1])
    count = sum(name.startswith("signal_") for name in series)

    def column(name: str, last: int) -> np.ndarray:
        return np.array([series[f"{name}_{k}"][row] for k in range(1, last + 1)])

    return Factors(
        step=int(series["step"][row]),
        signal=column("signal", count),
        measured=column("measured", count),
        by_link={name: column(name, count - 1) for name in BY_LINK},
    )


def typical(factors: Factors) -> float:
    """What the signal is multiplied with for each layer back, as the geometric mean; NaN where there is none."""
    first, last = factors.signal[0], factors.signal[-1]
    links = len(factors.signal) - 1
    return float((first / last) ** (1 / links)) if links and first > 0 and last > 0 else float("nan")
