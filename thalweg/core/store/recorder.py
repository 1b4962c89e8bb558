"""Training without a window: from a scene to a recording."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from thalweg.core import data as datasets
from thalweg.core.scene import Scene
from thalweg.core.store.run_file import Recording
from thalweg.core.training.run import Run
from thalweg.core.training.service import require_device

MEASURES = 400
"""Rows of measures that a recording has, or a few less."""


def record(
    scene: Scene,
    steps: int,
    progress: Callable[[int, float], bool] = lambda step, loss: True,
    device: str = "cpu",
    cache: Path | None = None,
) -> Recording:
    """Train ``steps`` steps of the scene's run and keep what happened.

    ``progress(step, loss of the batch)`` is called after each step; when it answers False, or the loss is no longer
    finite, training ends there. The same scene gives the same recording, bit for bit. Raises DataError, and
    RuntimeError when the device is not there.
    """
    require_device(device)
    run = Run(0, scene.run, datasets.load(scene.run.data, cache), device)
    every = max(1, steps // MEASURES)
    for step in range(1, steps + 1):
        loss = run.step()
        if step % every == 0:
            run.measure()
        if not progress(step, loss) or not np.isfinite(loss):
            break
    run.measure()
    return recording_of(scene, run)


def recording_of(scene: Scene, run: Run) -> Recording:
    """What a run has recorded so far, its current step included."""
    steps, rows, buffers = run.trajectory.steps, run.trajectory.rows, run.trajectory.buffers
    if steps[-1] != run.session.step_count:
        steps = np.append(steps, run.session.step_count)
        rows = torch.cat([rows, run.session.parameters.detach()[None]])
        buffers = torch.cat([buffers, run.session.buffers[None]])
    return Recording(scene, steps, _numpy(rows), run.series.columns(), _numpy(buffers))


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.cpu().numpy().copy()
