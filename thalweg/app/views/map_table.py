"""The numbers behind a landscape, on the plane or as a surface."""

from __future__ import annotations

import numpy as np

from thalweg.core.messages import Map, Path


def map_table(found: Map | None, path: Path | None) -> dict[str, np.ndarray]:
    """One row for each grid point and each point of the path, whose loss is not known here (NaN)."""
    if found is None:
        return {}
    x, y = np.meshgrid(found.x, found.y)
    columns = {"alpha": x.ravel(), "beta": y.ravel(), "loss": found.loss.ravel(), "accuracy": found.accuracy.ravel()}
    # what was not computed yet has an interpolated loss, and no accuracy
    between = (not found.complete) & np.isnan(found.accuracy.ravel()) & np.isfinite(found.loss.ravel())
    kind = np.where(between, "interpolated", "grid")
    step = np.full(x.size, found.step)
    if path is not None:
        n = len(path.steps)
        columns["alpha"] = np.r_[columns["alpha"], path.alpha]
        columns["beta"] = np.r_[columns["beta"], path.beta]
        for name in ("loss", "accuracy"):
            columns[name] = np.r_[columns[name], np.full(n, np.nan)]
        kind, step = np.r_[kind, np.full(n, "path")], np.r_[step, path.steps]
    return {"part": kind, "step": step, **columns}
