"""Colours, pens and fonts: light, dark, and projector for the last row of a hall."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import pyqtgraph as pg
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor, QFont, QPalette, QPen
from PyQt6.QtWidgets import QApplication

ThemeName = Literal["light", "dark", "projector"]


@dataclass(frozen=True)
class Theme:
    """Everything that decides how a figure looks; sizes are points for text, logical pixels for lines."""

    name: ThemeName
    window: str
    base: str
    text: str
    quiet: str
    accent: str
    error: str
    grid: str
    series: tuple[str, ...]
    font_size: float
    line_width: float
    colour_map: str = "viridis"

    def pen(
        self, colour: str | QColor | None = None, width: float = 1.0, style: Qt.PenStyle = Qt.PenStyle.SolidLine
    ) -> QPen:
        """A cosmetic pen; ``width`` counts in the theme's line width."""
        pen: QPen = pg.mkPen(colour or self.text, width=width * self.line_width, style=style)
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)  # square caps would close the gaps of dashes in exported files
        return pen

    def font(self, scale: float = 1.0) -> QFont:
        """The figure's font, ``scale`` times the normal size."""
        font = QFont(QApplication.font())
        font.setPointSizeF(self.font_size * scale)
        return font


# Okabe & Ito 2008 (blue, vermillion, green, purple, orange, sky): told apart with any colour vision; the lightness of
# each differs, and every curve has a line style of its own besides, so that greyscale serves too.
_ON_LIGHT = ("#0072b2", "#d55e00", "#007a5a", "#a8457f", "#b07800", "#3a8fc4", "#4b2e83")
_ON_DARK = ("#56b4e9", "#ff8c42", "#2fd0a0", "#e79ac4", "#f0c040", "#b9dcf5", "#b39ddb")

ON_MAP = ("#9fd3ff", "#ffb380", "#8ff0cf", "#f5b8dc", "#ffe08a", "#d6e9ff", "#cbb8ff")
"""The same colours in the same order for lines on a map, which is dark and bright: light, with a dark rim."""

LIGHT = Theme("light", "#f2f2f2", "#ffffff", "#1a1a1a", "#5a5a5a", "#0072b2", "#b00020", "#d5d5d5", _ON_LIGHT, 9.0, 1.0)
DARK = Theme("dark", "#26282b", "#1b1d1f", "#eeeeee", "#a8adb3", "#56b4e9", "#ff8a80", "#3c4045", _ON_DARK, 9.0, 1.0)
PROJECTOR = Theme(
    "projector",
    "#ffffff",
    "#ffffff",
    "#000000",
    "#333333",
    "#004f8a",
    "#b00020",
    "#c8c8c8",
    _ON_LIGHT,
    13.0,
    2.2,
)
THEMES: dict[str, Theme] = {t.name: t for t in (LIGHT, DARK, PROJECTOR)}

MARK_COLOURS = {"change": "#d55e00", "branch": "#0072b2", "end": "#b00020"}
"""Of what is marked on the timeline; dark enough for a light ground, and light enough for a dark one."""

LINE_STYLES = (
    Qt.PenStyle.SolidLine,
    Qt.PenStyle.DashLine,
    Qt.PenStyle.DotLine,
    Qt.PenStyle.DashDotLine,
    Qt.PenStyle.DashDotDotLine,
)


def palette(theme: Theme) -> QPalette:
    """The widgets' palette: Fusion draws everything from it."""
    made = QPalette()
    role = QPalette.ColorRole
    button = QColor(theme.window).lighter(118) if theme.name == "dark" else QColor(theme.window)
    for r, colour in {
        role.Window: theme.window,
        role.Base: theme.base,
        role.AlternateBase: theme.window,
        role.Text: theme.text,
        role.WindowText: theme.text,
        role.ButtonText: theme.text,
        role.Button: button,
        role.ToolTipBase: theme.base,
        role.ToolTipText: theme.text,
        role.Highlight: theme.accent,
        role.HighlightedText: theme.base,
        role.PlaceholderText: theme.quiet,
        role.Link: theme.accent,
    }.items():
        made.setColor(r, QColor(colour))
    for r in (role.Text, role.WindowText, role.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, r, QColor(theme.quiet))
    return made


WORN = "worn theme"
"""The property of the application that names the theme that it was dressed in last."""


def apply(theme: Theme, app: QApplication) -> None:
    """Dress the whole application; figures take their theme through their own setters.

    One that is dressed so already is left alone: to dress it again would polish every widget there is.
    """
    if app.property(WORN) == theme.name:
        return
    app.setProperty(WORN, theme.name)
    with _no_collection():
        _dress(theme, app)


def _dress(theme: Theme, app: QApplication) -> None:
    app.setStyle("Fusion")
    app.setPalette(palette(theme))
    font = QFont(app.font())
    font.setPointSizeF(theme.font_size)
    app.setFont(font)
    dark = Qt.ColorScheme.Dark if theme.name == "dark" else Qt.ColorScheme.Light
    if (hints := app.styleHints()) is not None:
        hints.setColorScheme(dark)
    app.setStyleSheet(
        f'QLabel[role="error"] {{ color: {theme.error}; }} QLabel[role="quiet"] {{ color: {theme.quiet}; }} '
        f"QToolTip {{ color: {theme.text}; background: {theme.base}; border: 1px solid {theme.quiet}; }}"
    )


@contextmanager
def _no_collection() -> Iterator[None]:
    """Meanwhile no garbage is collected: Qt goes through all widgets there are, and calls Python on its way.

    A figure that is closed leaves menus that belong to no window, in cycles; deleted on the way, Qt would come to them.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
