"""What every test of the core stands on: one torch thread, repeatable properties."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import torch
from hypothesis import HealthCheck, settings

settings.register_profile(
    "thalweg",
    deadline=None,  # two slow cores are no fault of the code
    derandomize=True,
    database=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("explore", settings.get_profile("thalweg"), derandomize=False, max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "thalweg"))


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Torch on one thread, as in the workers."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
