"""What is said of a worker's process itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ready:
    """A worker has loaded and listens."""

    worker: str


@dataclass(frozen=True)
class Died:
    """A worker's process is gone."""

    worker: str
    sentence: str
