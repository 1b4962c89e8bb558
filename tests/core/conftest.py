"""What every test of the core stands on: one torch thread, and the same numbers each time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
import torch

from thalweg.core.training import session


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Torch on one thread, as in the workers."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def same_numbers() -> Iterator[None]:
    """Torch's global generator, from which modules draw their weights, begins anew with each test."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        yield


@pytest.fixture
def a_second_for_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock of its own for training: how long steps take is the one thing in which two same runs differ."""
    monkeypatch.setattr(session, "perf_counter", count().__next__)
