"""Where descent on a ravine is in closed form, to be drawn over what was trained. Pure functions, no Qt."""

from __future__ import annotations

import numpy as np

from thalweg.core.measures.quadratic_descent import positions, steepness
from thalweg.core.messages import Frame, Started
from thalweg.core.scene import Scene

LARGEST = float(np.finfo(np.float32).max)
"""Of the numbers that training reckons with: what is larger in closed form has no counterpart, and is not drawn."""


def is_of(frame: Frame | None, started: Started | None) -> bool:
    """Whether the frame is of the runs that have begun: while new ones begin, those before stay on screen."""
    return frame is None or started is None or frame.generation == started.generation


def places(frame: Frame | None, started: Started | None, scene: Scene, steps: np.ndarray) -> np.ndarray | None:
    """Where the line in front is at these steps in closed form, float64 [n, 2]; NaN where that is too large.

    None where it is not to be drawn, or not known.
    """
    if frame is None or started is None or not scene.view.theory or frame.line.run >= len(started.runs):
        return None
    network = started.runs[frame.line.run].network
    steep = steepness(network)
    if steep is None:
        return None
    found = positions(steep, (network.x_start, network.y_start), frame.line.changes, steps)
    return None if found is None else np.where(np.abs(found) <= LARGEST, found, np.nan)


def loss(frame: Frame | None, started: Started | None, scene: Scene) -> np.ndarray | None:
    """C of the line in front in closed form at the rows of its series, float64 [n]; as :func:`places` else."""
    steps = frame.series.get("step") if frame is not None else None
    found = None if steps is None else places(frame, started, scene, steps)
    if found is None or started is None or frame is None:
        return None
    network = started.runs[frame.line.run].network
    value = found**2 @ np.array([network.a, network.b])
    return np.where(np.abs(value) <= LARGEST, value, np.nan)
