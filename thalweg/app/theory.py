"""Where descent on a ravine is in closed form, to be drawn over what was trained. Pure functions, no Qt."""

from __future__ import annotations

import numpy as np

from thalweg.core.measures.quadratic_descent import is_known, positions, steepness
from thalweg.core.messages import Frame, Started
from thalweg.core.scene import NetworkSpec, Scene

LARGEST = float(np.finfo(np.float32).max)
"""Of the numbers that training reckons with: what is larger in closed form has no counterpart, and is not drawn."""


def is_of(frame: Frame | None, started: Started | None) -> bool:
    """Whether the frame is of the runs that have begun: while new ones begin, those before stay on screen."""
    return frame is None or started is None or frame.generation == started.generation


def known(frame: Frame | None, started: Started | None, scene: Scene) -> NetworkSpec | None:
    """The ravine that the line in front is on, where all its steps are known in closed form and are to be drawn."""
    if frame is None or started is None or not scene.view.theory or frame.line.run >= len(started.runs):
        return None
    network = started.runs[frame.line.run].network
    methods = all(is_known(optimiser) for _, optimiser in frame.line.changes) and not frame.line.put_back
    return network if methods and steepness(network) is not None else None


def places(frame: Frame | None, started: Started | None, scene: Scene, steps: np.ndarray) -> np.ndarray | None:
    """Where the line in front is at these steps, float64 [n, 2]; NaN where that is too large.

    None where it is not known, or not to be drawn.
    """
    network = known(frame, started, scene)
    if network is None or frame is None:
        return None
    start = network.x_start, network.y_start
    found = positions((network.a, network.b), start, frame.line.changes, steps)
    return None if found is None else np.where(np.abs(found) <= LARGEST, found, np.nan)


def loss(frame: Frame | None, started: Started | None, scene: Scene) -> np.ndarray | None:
    """C of the line in front at the rows of its series, float64 [n]; else as :func:`places`."""
    network = known(frame, started, scene)
    if network is None or frame is None or "step" not in frame.series:
        return None
    found = places(frame, started, scene, frame.series["step"])
    value = None if found is None else found**2 @ np.array([network.a, network.b])
    return None if value is None else np.where(np.abs(value) <= LARGEST, value, np.nan)
