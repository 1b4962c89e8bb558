"""A menu of what an action can be done with, which changes as the state does."""

from __future__ import annotations

from PyQt6.QtCore import QPoint, pyqtSignal
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QMenu, QWidget

from thalweg.app.actions import Choice


class ChoiceMenu(QMenu):
    """Choices, those of one group in a menu of their own. Must not change state."""

    chosen = pyqtSignal(str)
    """The id of the choice that the person made."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setToolTipsVisible(True)
        self._choices: tuple[Choice, ...] = ()
        self._below: list[QMenu] = []

    def set_choices(self, choices: tuple[Choice, ...]) -> None:
        """Offer these."""
        if choices == self._choices:
            return
        self._choices = choices
        self.clear()
        for menu in self._below:
            menu.deleteLater()
        groups = dict.fromkeys(c.group for c in choices if c.group)
        menus = {group: QMenu(group, self) for group in groups}
        self._below = list(menus.values())
        for choice in choices:
            menu = menus.get(choice.group, self)
            if menu is not self and menu.isEmpty():
                menu.setToolTipsVisible(True)
                self.addMenu(menu)
            action = QAction(choice.title, menu)
            action.setToolTip(choice.tip)
            action.triggered.connect(lambda _=False, name=choice.id: self.chosen.emit(name))
            menu.addAction(action)

    def open_in(self, window: QWidget) -> None:
        """Open in the upper left part of a window, for whoever has asked by a key."""
        if self._choices:
            self.popup(window.mapToGlobal(QPoint(window.width() // 4, window.height() // 6)))
