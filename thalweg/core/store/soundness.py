"""Whether what was read fits together, so that a damaged file is refused before anything is made of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from thalweg.core.scene import Scene
from thalweg.core.scene.layers import buffer_count, layer_names, parameter_count
from thalweg.core.store.recording import LineRecord, Recording

CURVES = ("step", "train_loss", "train_accuracy", "test_loss", "test_accuracy")
"""The series that every run has."""

STREAM_BYTES = 5056
"""Bytes of the state of torch's generator."""


def check(recording: Recording) -> None:
    """Raise ValueError, with the part that is wrong, unless all lines are whole and go together."""
    runs, above = recording.scene.runs(), dict[int, LineRecord]()
    for line in recording.lines:
        where = f"lines/{line.number}"
        if not 0 <= line.run < len(runs):
            raise ValueError(f"{where}: run {line.run} is not one of {len(runs)}")
        if line.parent is None and line.start:
            raise ValueError(f"{where}: it begins at step {line.start}, but has no parent")
        if line.parent is not None and (line.parent not in above or above[line.parent].run != line.run):
            raise ValueError(f"{where}: its parent {line.parent} is no earlier line of the same run")
        layers = len(layer_names(runs[line.run].network))
        if line.put_back and (line.parent is None or not 1 <= line.put_back <= layers):
            raise ValueError(f"{where}: put_back: {line.put_back} is no layer of a branch, from 1 to {layers}")
        above[line.number] = line
        try:
            _check_trajectory(line, recording.scene)
            _check_checkpoints(line)
            _check_measures(line)
        except ValueError as e:
            raise ValueError(f"{where}: {e}") from None
    seen = [line for line in recording.lines if not line.forgotten]
    if missing := set(range(len(runs))) - {line.run for line in seen}:
        raise ValueError(f"lines: run {min(missing)} has none")
    if recording.focus not in [line.number for line in seen]:
        raise ValueError(f"focus: line {recording.focus} is missing")


def _check_trajectory(line: LineRecord, scene: Scene) -> None:
    run, n = scene.runs()[line.run], len(line.steps)
    size, count = (counted(run.network) for counted in (parameter_count, buffer_count))
    _expect("steps", line.steps, (n,), "iu")
    _expect("parameters", line.parameters, (n, size), "f")
    _expect("buffers", line.buffers, (n, count) if count else (0, 0), "f")
    for name, most in (("epochs", np.inf), ("at", run.data.train_count)):
        values = getattr(line, name)
        _expect(name, values, (n,), "iu")
        if (values < 0).any() or (values > most).any():
            raise ValueError(f"{name}: not all of them are from 0 to {most}")
    for name, values, kinds in (("evaluations", line.evaluations, "iu"), ("seconds", line.seconds, "f")):
        if len(values) and (values.shape != (n,) or values.dtype.kind not in kinds):
            raise ValueError(f"{name}: shape {values.shape} of {values.dtype}, expected {(n,)}")
        if not ((values >= 0) & (values < np.inf)).all():
            raise ValueError(f"{name}: not all of them are finite and 0 or more")
    ends = (int(line.steps[0]), int(line.steps[-1]))
    if not (np.diff(line.steps) > 0).all() or ends != (line.start, line.head):
        raise ValueError(f"steps: they do not ascend from {line.start} to {line.head}")
    even = line.steps[(line.steps - line.start) % max(line.stride, 1) == 0]
    if line.stride < 1 or len(line.steps) - len(even) > 1 or (np.diff(even) != line.stride).any():
        raise ValueError(f"steps: they are not {line.stride} apart")


def _check_checkpoints(line: LineRecord) -> None:
    n = len(line.steps)
    _expect("checkpoints", line.whole, (len(line.whole),), "iu")
    if not {0, n - 1} <= set(line.whole.tolist()) <= set(range(n)):
        raise ValueError(f"checkpoints: rows {line.whole.tolist()}, expected the first and the last of {n} among them")
    for name, kept in line.memory.items():
        _expect(f"memory/{name}", kept.rows, (len(kept.rows),), "iu")
        shape = np.shape(kept.values)
        if shape not in ((len(kept.rows),), (len(kept.rows), np.shape(line.parameters)[1])):
            raise ValueError(f"memory/{name}: shape {shape} does not fit")
    for number, state in line.streams.items():
        if state.shape != (STREAM_BYTES,) or state.dtype != np.uint8:
            raise ValueError(
                f"streams: pass {number} has {state.shape} of {state.dtype}, expected {STREAM_BYTES} bytes"
            )
    if missing := set(line.epochs[line.whole].tolist()) - set(line.streams):
        raise ValueError(f"streams: pass {min(missing)} is missing")
    steps = [step for step, _ in line.changes]
    if not steps or steps[0] != 0 or steps != sorted(steps):
        raise ValueError(f"changes: at steps {steps}, expected to ascend from 0")


def _check_measures(line: LineRecord) -> None:
    if missing := [name for name in CURVES if name not in line.series]:
        raise ValueError(f"series: {', '.join(missing)} missing")
    lengths = {len(values) for values in line.series.values()}
    if len(lengths) != 1:
        raise ValueError(f"series: lengths {sorted(lengths)}, expected one length")


def _expect(name: str, values: Any, shape: tuple[int, ...], kinds: str) -> None:
    found = np.asarray(values)
    exact = "f" not in kinds or found.dtype == np.float32
    if found.shape != shape or found.dtype.kind not in kinds or not exact:
        raise ValueError(f"{name}: shape {found.shape} of {found.dtype}, expected {shape}")
