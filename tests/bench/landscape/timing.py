"""Time, processor time, and how many points a method can be given."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import torch

T = TypeVar("T")

PEAK_SIZE = 1024


def timed(work: Callable[[], T]) -> tuple[T, float, float]:
    """What ``work`` gives, the processor time it took and the wall time, in seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = work()
    return result, time.process_time() - cpu, time.perf_counter() - wall


def peak(repeats: int = 5) -> float:
    """Operations per second of processor time of a product of two 1024x1024 float32 matrices: the best of a few."""
    a, b = torch.rand(2, PEAK_SIZE, PEAK_SIZE, generator=torch.Generator().manual_seed(0)).unbind()
    out = torch.empty_like(a)
    torch.mm(a, b, out=out)
    spans = [timed(lambda: torch.mm(a, b, out=out))[1] for _ in range(repeats)]
    return 2 * PEAK_SIZE**3 / min(spans)


def side_within(budget: float, side: int, seconds: Callable[[int], float]) -> int:
    """The largest odd grid of at most ``side`` that a method computes within so many seconds, at least 3.

    ``seconds(side)`` tries one. Two are tried, so that what a method prepares once is not taken for the points' time.
    """
    first = seconds(3)
    tried = min(side, _fitting(budget, first / 9))
    if tried in (3, side):
        return tried
    per_point = (seconds(tried) - first) / (tried**2 - 9)
    return min(side, max(3, _fitting(budget - first, per_point)))


def _fitting(budget: float, per_point: float) -> int:
    count = int((max(budget, 0.0) / max(per_point, 1e-9)) ** 0.5)
    return max(3, count - 1 + count % 2)
