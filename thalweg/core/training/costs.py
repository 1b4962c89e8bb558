"""How long steps and measures take."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from time import perf_counter

LATELY = 15
"""So many of the last times are looked at: the first of all are longer than any other."""


class Costs:
    """The seconds that steps and each kind of measure took lately, by name."""

    def __init__(self) -> None:
        self._lately: dict[str, deque[float]] = {}

    def note(self, name: str, seconds: float) -> None:
        """Once more, this took so long."""
        self._lately.setdefault(name, deque(maxlen=LATELY)).append(seconds)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Note how long what is done meanwhile takes."""
        began = perf_counter()
        yield
        self.note(name, perf_counter() - began)

    def medians(self) -> dict[str, float]:
        """The middle one of the last times of each, in seconds."""
        return {name: median(seconds) for name, seconds in self._lately.items()}
