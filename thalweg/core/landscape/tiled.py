"""The points of a plane in tiles, the examples in blocks: what does not move is kept, or computed once for a tile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from thalweg.core.landscape.sample import Sample, randomness

STORE_BYTES = 64 * 2**20
"""Memory for what was computed once for each block; what does not fit is computed again for each tile of points."""

LOOK = 0.03
"""Seconds between two looks at whether the computation is still wanted."""

Part = tuple[slice, np.ndarray, np.ndarray]
"""Which of the points, their mean losses (float64), their accuracies (float64, 0 to 1)."""


class Prepared(Protocol):
    """What was computed once for a block of examples."""

    @property
    def nbytes(self) -> int:
        """The memory that it takes."""


class Plan(Protocol):
    """A way to compute the sums of loss and right answers over one block of examples at points of a plane.

    ``chunk``: how many points at once; ``tile``: how many points share what is prepared, where it is not kept.
    """

    chunk: int
    tile: int
    random: bool

    def prepare(self, k: int) -> Prepared:
        """What of block ``k`` does not depend on the point."""

    def measure(self, prepared: Any, k: int, where: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and right answers, float64 [g], of block ``k`` at the coordinates ``where`` [g, 2]."""


class Tiled:
    """Loss and accuracy of a sample at points of a plane, by a plan."""

    def __init__(self, sample: Sample, plan: Plan, device: torch.device) -> None:
        self.plan, self._sample, self._device = plan, sample, device
        self._kept: dict[int, Prepared] = {}
        self._tile = 1 if plan.random else plan.tile

    @property
    def kept_bytes(self) -> int:
        """The memory of what is kept between tiles; never above STORE_BYTES."""
        return sum(p.nbytes for p in self._kept.values())

    @torch.inference_mode(False)
    @torch.no_grad()
    def evaluate(self, points: np.ndarray) -> Iterator[Part]:
        """Loss and accuracy at the coordinates ``points`` [n, 2], a few at a time.

        Between two parts there are empty ones, where it may be left too.
        """
        looked = time.monotonic()
        for start in range(0, len(points), self._tile):
            where = torch.from_numpy(points[start : start + self._tile])
            loss, right = np.zeros(len(where)), np.zeros(len(where))
            if self.plan.random:  # nobody is to come between two draws
                with randomness(self._device, self._sample.seed):
                    for _ in self._add(where, loss, right):
                        pass
            else:
                for _ in self._add(where, loss, right):
                    if time.monotonic() - looked > LOOK:
                        yield slice(start, start), np.empty(0), np.empty(0)
                        looked = time.monotonic()
            unknown = ~np.isfinite(where.numpy()).all(axis=1)  # no parameters, so no loss
            loss[unknown] = right[unknown] = np.nan
            yield slice(start, start + len(where)), loss / self._sample.count, right / self._sample.count
            looked = time.monotonic()

    def _add(self, where: Tensor, loss: np.ndarray, right: np.ndarray) -> Iterator[None]:
        """Add the sums over all blocks at the points ``where`` [g, 2]; None after each few."""
        for k in range(len(self._sample.blocks)):
            prepared = self._prepared(k)
            yield None
            for first in range(0, len(where), self.plan.chunk):
                part = slice(first, min(first + self.plan.chunk, len(where)))
                losses, answers = self.plan.measure(prepared, k, where[part])
                loss[part] += losses.cpu().numpy()
                right[part] += answers.cpu().numpy()
                yield None

    def _prepared(self, k: int) -> Prepared:
        if k in self._kept:
            return self._kept[k]
        prepared = self.plan.prepare(k)
        if self.kept_bytes + prepared.nbytes <= STORE_BYTES:
            self._kept[k] = prepared
        return prepared
