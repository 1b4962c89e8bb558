"""The middle of the window: one figure, or several that share the place as tabs."""

from __future__ import annotations

from collections.abc import Mapping

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QSizePolicy, QTabWidget, QWidget


class Centre(QTabWidget):
    """Figures with their titles; tabs are there only while there is more than one. Must not change state."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setDocumentMode(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(320, 240)
        if (bar := self.tabBar()) is not None:
            bar.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            bar.setExpanding(False)
            bar.hide()

    def set_figures(self, figures: Mapping[str, QWidget]) -> None:
        """Hold these, by their titles and in this order; one that is new comes to the front.

        Those that were here are left without a place, and hidden.
        """
        for place in reversed(range(self.count())):
            figure = self.widget(place)
            if figure is not None and figure not in figures.values():
                self.removeTab(place)
                figure.setParent(self)
                figure.hide()
        for place, (title, figure) in enumerate(figures.items()):
            if self.indexOf(figure) < 0:
                self.setCurrentIndex(self.insertTab(place, figure, title))
        if (bar := self.tabBar()) is not None:
            bar.setVisible(self.count() > 1)
        self.setVisible(self.count() > 0)
