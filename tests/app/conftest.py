"""Torch as in the workers, and figures of a state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from PyQt6.QtWidgets import QApplication

from thalweg.app import theme
from thalweg.app.bindings import bindings
from thalweg.app.state import AppState
from thalweg.app.theme import THEMES
from thalweg.app.views.figure import Figure
from thalweg.app.views.gallery import FIGURES

from .figures import SIZES, put_away


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch on one thread."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def draw(qtbot: object) -> Iterator[Callable[..., Figure]]:
    """Draws figures of a state at a size in a theme, and closes them."""
    made: list[Figure] = []

    def make(name: str, state: AppState, size: tuple[int, int] | None = None, dress: str = "light") -> Figure:
        theme.apply(THEMES[dress], QApplication.instance())
        state = replace(state, settings=state.settings.model_copy(update={"theme": dress}))
        figure = FIGURES[name]()
        made.append(figure)
        figure.resize(*(size or SIZES[name]))
        figure.show()
        for binding in bindings({name: figure}):
            binding.show(state, 0.0)
        for _ in range(4):
            QApplication.processEvents()
        return figure

    yield make
    put_away(made)
