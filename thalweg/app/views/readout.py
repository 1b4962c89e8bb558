"""What the map says under the mouse pointer. Not part of the picture: no file has it."""

from __future__ import annotations

import math

import numpy as np
from PyQt6.QtCore import QPoint, QRect, Qt
from PyQt6.QtWidgets import QLabel, QWidget

from thalweg.app.theme import Theme
from thalweg.core.landscape.between import value_at
from thalweg.core.messages import Map, Path

REACH = 12.0
"""Logical pixels within which a point of the path counts as pointed at."""


class Readout(QLabel):
    """A few words in the upper right corner of the map, or in the left one while the pointer is there."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.hide()

    def set_theme(self, theme: Theme) -> None:
        """Dress in a theme."""
        self.setFont(theme.font(0.92))
        self.setStyleSheet(
            f"QLabel {{ color: {theme.text}; background: {theme.base}; border: 1px solid {theme.quiet}; "
            "padding: 2px 5px; }"
        )

    def show_text(self, text: str, area: QRect, pointer: QPoint | None) -> None:
        """Show this text in a corner of ``area`` away from the pointer; an empty one hides it."""
        if text:
            if text != self.text():
                self.setText(text)
            self.adjustSize()
            place = QRect(QPoint(area.right() - self.width() - 3, area.top() + 4), self.size())
            if pointer is not None and place.adjusted(-30, -30, 30, 30).contains(pointer):
                place.moveLeft(area.left() + 4)
            self.move(place.topLeft())
        self.setVisible(bool(text))


def reading(found: Map, path: Path | None, at: tuple[float, float], pixel: tuple[float, float]) -> str:
    """Coordinates, loss, accuracy, and the step of a near point of the path; ``pixel``: a pixel's size in units.

    The map's values are known on its grid only; between its points they are interpolated.
    """
    lines = [f"({', '.join(_to_pixel(*v) for v in zip(at, pixel, strict=True))})"]
    if found.x[0] <= at[0] <= found.x[-1] and found.y[0] <= at[1] <= found.y[-1]:
        loss = value_at(found.x, found.y, found.loss, at)
        words = [f"loss ≈ {loss:.4g}" if math.isfinite(loss) else "loss not finite"]
        if found.complete and math.isfinite(accuracy := value_at(found.x, found.y, found.accuracy, at)):
            words.append(f"accuracy ≈ {100 * accuracy:.3g} %")
        lines.append(", ".join(words))
    if (step := near_step(path, found.plane, at, pixel)) is not None:
        lines.append(f"path at step {step:,}")
    return "\n".join(lines)


def near_step(path: Path | None, plane: int, at: tuple[float, float], pixel: tuple[float, float]) -> int | None:
    """The step of the path's point nearest to a place, None when it is further than a few pixels."""
    if path is None or path.plane != plane or not len(path.steps):
        return None
    apart = np.hypot((path.alpha - at[0]) / pixel[0], (path.beta - at[1]) / pixel[1])
    apart = np.where(np.isfinite(apart), apart, np.inf)
    nearest = int(apart.argmin())
    return int(path.steps[nearest]) if apart[nearest] <= REACH else None


def _to_pixel(value: float, pixel: float) -> str:
    """A coordinate with as many decimals as a pixel can tell apart."""
    return f"{value:.{min(12, max(0, math.ceil(-math.log10(pixel))))}f}"
