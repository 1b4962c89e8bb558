"""The middle of the window: one figure, or several that share the place as tabs."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QSizePolicy, QTabWidget, QWidget

from thalweg.app.panels.tiles import Tiles


class Centre(QTabWidget):
    """Figures by their panel's name; tabs are there only while more than one is open. Must not change state."""

    def __init__(self, figures: Mapping[str, Tiles], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._figures = figures
        self.setDocumentMode(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(320, 240)
        if (bar := self.tabBar()) is not None:
            bar.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            bar.setExpanding(False)
            bar.hide()
        for figure in figures.values():
            figure.setParent(self)
            figure.hide()

    def set_open(self, names: Collection[str]) -> None:
        """Which figures are open; one that is opened comes to the front."""
        for name, figure in self._figures.items():
            place = self.indexOf(figure)
            if name not in names and place >= 0:
                self.removeTab(place)
                figure.setParent(self)
                figure.hide()
            elif name in names and place < 0:
                before = [f for n, f in self._figures.items() if n in names]
                self.setCurrentIndex(self.insertTab(before.index(figure), figure, figure.title))
        if (bar := self.tabBar()) is not None:
            bar.setVisible(self.count() > 1)
        self.setVisible(self.count() > 0)
