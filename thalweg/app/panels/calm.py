"""The mouse wheel leaves a widget alone unless it has the focus: a form can be scrolled over safely."""

from __future__ import annotations

from PyQt6.QtCore import QEvent, QObject, Qt
from PyQt6.QtWidgets import QWidget


class _Calm(QObject):
    """Hands the wheel on to the parent while its widget has no focus."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Hold back the wheel."""
        if event is None or not isinstance(watched, QWidget) or event.type() != QEvent.Type.Wheel:
            return False
        if watched.hasFocus():
            return False
        event.ignore()
        return True


def calm(widget: QWidget) -> None:
    """Let the wheel change this widget only while it has the focus, and not give it the focus."""
    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    widget.installEventFilter(_Calm(widget))
