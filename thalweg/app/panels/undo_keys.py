"""Undo and redo of the program reach it from a field, too, unless there is text in it that was not entered yet."""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtCore import QEvent, QObject
from PyQt6.QtGui import QKeyEvent, QKeySequence
from PyQt6.QtWidgets import QWidget


class _UndoKeys(QObject):
    """Leaves Ctrl+Z and Ctrl+Shift+Z to the menu, where the field itself has nothing to take back."""

    def __init__(self, widget: QWidget, typing: Callable[[], bool]) -> None:
        super().__init__(widget)
        self._typing = typing

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Do not claim these keys."""
        if not isinstance(event, QKeyEvent) or event.type() != QEvent.Type.ShortcutOverride or self._typing():
            return False
        if event.matches(QKeySequence.StandardKey.Undo) or event.matches(QKeySequence.StandardKey.Redo):
            event.ignore()
            return True
        return False


def leave_undo(widget: QWidget, typing: Callable[[], bool]) -> None:
    """Let undo and redo pass by this field while it is not ``typing``."""
    widget.installEventFilter(_UndoKeys(widget, typing))
