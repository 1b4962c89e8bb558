"""Figures on screen, drawn of a state: what the fixture ``draw`` gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from PyQt6.QtCore import QEvent
from PyQt6.QtWidgets import QApplication

from thalweg.app import theme
from thalweg.app.theme import THEMES
from thalweg.app.views.figure import Figure

SIZES = {
    "landscape": (563, 634),
    "curves": (420, 214),
    "gradient-norms": (420, 185),
    "weight-map": (420, 214),
    "surface": (563, 608),
    "slices": (420, 214),
    "chain-rule": (420, 400),
    "depth": (420, 214),
}
"""What the figures have in a window of 1280 x 720."""

Draw = Callable[..., Figure]


def put_away(figures: Iterable[Figure]) -> None:
    """Close figures, and have the application dressed as it was."""
    for figure in figures:
        figure.close()
        figure.deleteLater()
        QApplication.sendPostedEvents(figure, QEvent.Type.DeferredDelete)
    theme.apply(THEMES["light"], QApplication.instance())
