"""Training without a window: from a scene to a recording."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from thalweg.core import data as datasets
from thalweg.core.history import MEMORY
from thalweg.core.scene import Scene
from thalweg.core.store.recording import Recording
from thalweg.core.training.runs import Halt, Runs
from thalweg.core.training.runs_record import recording_of, runs_of
from thalweg.core.training.service import require_device

MEASURES = 400
"""Rows of measures that a recording has, or a few less."""


def record(
    source: Scene | Recording,
    steps: int,
    progress: Callable[[int], bool] = lambda step: True,
    device: str = "cpu",
    cache: Path | None = None,
    halted: Callable[[Halt], None] = lambda halt: None,
) -> Recording:
    """Train ``steps`` steps of a scene's runs, or of those of a recording from where they end, and keep what happened.

    ``progress(step)`` is called after each step, the first is 1; when it answers False, training ends there. It ends
    too where a stop rule says so, or a loss is no longer finite, and ``halted`` is told why. The same scene gives the
    same recording, bit for bit, but for the seconds that its steps took. Raises DataError, and RuntimeError when the
    device is not there.
    """
    require_device(device)
    scene = source if isinstance(source, Scene) else source.scene
    dataset = datasets.load_for(scene.run, cache)
    runs = (
        Runs(0, scene.runs(), dataset, device)
        if isinstance(source, Scene)
        else runs_of(source, 0, dataset, device, MEMORY)
    )
    every = max(1, steps // MEASURES)

    def measure(runs: Runs) -> None:
        runs.measure()
        for _ in runs.measuring(scene.view.costly):
            pass

    measure(runs)
    for step in range(1, steps + 1):
        halt = runs.step()
        if halt is not None:
            halted(halt)
            break
        if step % every == 0:
            measure(runs)
        if not progress(step):
            break
    measure(runs)
    return recording_of(scene, runs)
