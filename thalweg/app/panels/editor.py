"""What all editors of a field share: a value shown, a value committed, and how a refused one is marked."""

from __future__ import annotations

from html import escape
from typing import Any

from PyQt6.QtCore import QEvent, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QKeyEvent, QPalette
from PyQt6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from thalweg.app.theme import DARK, LIGHT

_NOTHING = object()


class Editor(QWidget):
    """Shows one value and says what a person makes of it; must not change state itself.

    ``committed`` carries each value that differs from the one shown: of the field's type where the text could
    be read, the text otherwise.
    """

    committed = pyqtSignal(object)

    wide = False
    """Whether it wants a line of its own."""

    def __init__(self, inner: QWidget | None = None) -> None:
        super().__init__()
        self._value: Any = None
        self._refused: Any = _NOTHING
        self._wrong = False
        self._inner: QWidget = self if inner is None else inner  # an empty combo box is false
        if inner is not None:
            row = QHBoxLayout(self)
            row.setContentsMargins(0, 0, 0, 0)
            row.addWidget(inner)
            self.setFocusProxy(inner)

    @property
    def value(self) -> Any:
        """The value that was set last."""
        return self._value

    @property
    def wrong(self) -> bool:
        """Whether what it shows is not accepted."""
        return self._wrong

    def set_value(self, value: Any) -> None:
        """Show a value. Text that is being typed, or was refused, stays until the value is another one."""
        if _same(value, self._value):
            if not self._wrong and not self.typing():
                self.display(value)
            return
        self._value, self._refused = value, _NOTHING
        self.set_wrong(False)
        self.display(value)

    def set_wrong(self, wrong: bool) -> None:
        """Mark what it shows as not accepted, or take the mark off and show the value again."""
        was, self._wrong = self._wrong, wrong
        self._colour()
        if wrong and self._refused is not _NOTHING:
            self.display(self._refused)
        elif was and not wrong:
            self.display(self._value)

    def commit(self, value: Any) -> None:
        """Send a value up, unless it is the one that is set and there is no mark to be taken off."""
        if _same(value, self._value):
            self._refused = _NOTHING
            was_wrong = self._wrong
            self.set_wrong(False)
            self.display(value)
            if was_wrong:
                self.committed.emit(value)
            return
        self._refused = value
        if isinstance(value, str) and not isinstance(self._value, str):
            self.set_wrong(True)
        self.committed.emit(value)

    def set_texts(self, name: str, help: str) -> None:
        """Its name for screen readers, and what its tooltip says."""
        self._inner.setAccessibleName(name)
        self._inner.setAccessibleDescription(help)
        self.setToolTip(tip(help))

    def display(self, value: Any) -> None:
        """Put a value, or a text that was refused, on screen without a signal."""
        raise NotImplementedError

    def typing(self) -> bool:
        """Whether a person is at work in it."""
        return False

    def event(self, event: QEvent | None) -> bool:
        """While something is typed, Escape is its own and no shortcut of the window."""
        override = isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride
        if override and event is not None and self._takes_back(event):
            event.accept()
            return True
        return super().event(event)

    def _takes_back(self, event: QEvent) -> bool:
        escape = isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape
        return escape and (self.typing() or self._wrong)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Escape takes back what was typed."""
        if event is not None and self._takes_back(event):
            self.commit(self._value)
            return
        super().keyPressEvent(event)

    def changeEvent(self, event: QEvent | None) -> None:
        """Follow the theme."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange:
            self._colour()

    def _colour(self) -> None:
        if self._inner is self:
            return
        palette = QPalette()
        if self._wrong:
            theme = DARK if self.palette().color(QPalette.ColorRole.Base).lightness() < 128 else LIGHT
            for role in (QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
                palette.setColor(role, QColor(theme.error))
        for widget in (self._inner, *self._inner.findChildren(QLineEdit)):
            widget.setPalette(palette)
        self._inner.setProperty("role", "error" if self._wrong else None)


def tip(text: str) -> str:
    """A text as a tooltip that breaks its lines; Qt breaks only those of rich text."""
    return f"<qt>{escape(text).replace(chr(10), '<br>')}</qt>" if text else ""


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(a == b)
