"""What the contracts stand on: one torch thread."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PyQt6.QtCore import QLocale  # noqa: F401  Qt before torch, as in the app


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Torch on one thread, as in the workers."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
