"""The function by which the state changes; each kind of message registers its own way with it."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from thalweg.app.state import AppState


@singledispatch
def reduce(message: Any, state: AppState) -> AppState:
    """The state after an intent or an event; what is of an older generation changes nothing."""
    raise TypeError(f"no reduction for {type(message).__name__}")
