"""What happened in a run: the trajectory of its parameters and the series of its measures, in bounded memory."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

TRAJECTORY_BYTES = 128 * 2**20
"""Memory that a trajectory takes at most."""

TRAJECTORY_ROWS = 512
"""Snapshots that a trajectory holds at most, whatever their size."""

SERIES_ROWS = 2048
"""Rows that a series holds at most."""


class Trajectory:
    """Snapshots of the parameters at steps 0, stride, 2 stride, ...

    When full, every second snapshot is dropped and the stride doubles; which steps are kept depends on the steps
    alone, so the same run leaves the same trajectory. With each go the network's running statistics, ``buffers`` many.
    """

    def __init__(self, size: int, device: torch.device | str = "cpu", buffers: int = 0) -> None:
        rows = max(4, min(TRAJECTORY_ROWS, TRAJECTORY_BYTES // (4 * (size + buffers))))
        # touched at once: page faults on first touch would cost several steps each while training
        self._rows = torch.empty((rows - rows % 2, size), device=device).zero_()
        self._buffers = torch.zeros((len(self._rows), buffers), device=device)
        self._count = 0
        self.stride = 1

    def offer(self, step: int, parameters: Tensor, buffers: Tensor | None = None) -> None:
        """Keep a copy of the parameters [size] and statistics [buffers] of this step, if it is the next that is due."""
        if step != self._count * self.stride:
            return
        if self._count == len(self._rows):
            half = self._count // 2
            for i in range(half):  # ascending, so that no row is overwritten before it is read
                self._rows[i] = self._rows[2 * i]
                self._buffers[i] = self._buffers[2 * i]
            self._count, self.stride = half, 2 * self.stride
        self._rows[self._count] = parameters.detach()
        if buffers is not None:
            self._buffers[self._count] = buffers
        self._count += 1

    @property
    def steps(self) -> np.ndarray:
        """The recorded steps; int64 [snapshots]."""
        return np.arange(self._count, dtype=np.int64) * self.stride

    @property
    def rows(self) -> Tensor:
        """The recorded parameters; [snapshots, size], a view that the next snapshot may change."""
        return self._rows[: self._count]

    @property
    def buffers(self) -> Tensor:
        """The recorded statistics; [snapshots, buffers], a view that the next snapshot may change."""
        return self._buffers[: self._count]


class Series:
    """Rows of measures by step, each row a mapping from names to numbers; thinned to an even spacing when full."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, tuple[float, ...]]] = []
        self._names: tuple[str, ...] = ()
        self._gap = 1

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Append a row; a later row of the same step is ignored, and so is one that comes sooner than the spacing."""
        self._names = self._names or tuple(values)
        if self._rows and step - self._rows[-1][0] < 1:
            return
        if len(self._rows) > 1 and self._rows[-1][0] - self._rows[-2][0] < self._gap:
            self._rows.pop()  # the newest row is always kept, so the one before it may have to go
        self._rows.append((step, tuple(values[n] for n in self._names)))
        if len(self._rows) > SERIES_ROWS:
            self._thin()

    def _thin(self) -> None:
        while len(self._rows) > SERIES_ROWS // 2 + 1:
            self._gap *= 2
            kept, last = [self._rows[0]], self._rows[-1]
            for row in self._rows[1:-1]:
                if row[0] - kept[-1][0] >= self._gap:
                    kept.append(row)
            self._rows = [*kept, last]

    @property
    def last_step(self) -> int:
        """Step of the newest row, -1 when there is none."""
        return self._rows[-1][0] if self._rows else -1

    def columns(self) -> dict[str, np.ndarray]:
        """``step`` (int64) and one float64 array for every measure, all of the same length."""
        steps = np.array([s for s, _ in self._rows], dtype=np.int64)
        values = np.array([v for _, v in self._rows], dtype=np.float64).reshape(len(self._rows), len(self._names))
        return {"step": steps} | {n: values[:, i] for i, n in enumerate(self._names)}
