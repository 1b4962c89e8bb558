"""Controls that take the focus by Tab only, so that Space still plays after a click, and then keep their keys."""

from __future__ import annotations

from PyQt6.QtCore import QEvent, QObject, Qt
from PyQt6.QtGui import QKeyEvent
from PyQt6.QtWidgets import QComboBox, QWidget

_OWN = (Qt.Key.Key_Space, Qt.Key.Key_Left, Qt.Key.Key_Right)


class _Keys(QObject):
    """Claims the keys that move or press its control, before they become shortcuts."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Accept them while the control has the focus."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride:
            letter = isinstance(watched, QComboBox) and event.text().isalnum() and not event.modifiers()
            if (event.key() in _OWN and not event.modifiers()) or letter:
                event.accept()
                return True
        return False


def tab_focus(control: QWidget) -> None:
    """Let this control have the focus by Tab only, and then its own keys."""
    control.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    control.installEventFilter(_Keys(control))
