"""A spin box that takes any text, and steps as the field wants it."""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtCore import QEvent, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QValidator
from PyQt6.QtWidgets import QAbstractSpinBox, QLineEdit, QStyle, QStyleOptionSpinBox

from thalweg.app.panels.calm import calm
from thalweg.app.panels.undo_keys import leave_undo

Stepper = Callable[[str, int], str | None]


class NumberBox(QAbstractSpinBox):
    """A line of text with two arrows; ``entered`` comes with Enter, focus-out or a step, not while typing."""

    entered = pyqtSignal(str)
    _stepped = False
    """Whether an arrow was used last, and nothing typed since; Qt asks before the box is made."""

    def __init__(self, step: Stepper, unit: str = "") -> None:
        super().__init__()
        self._step, self._unit = step, f" {unit}" if unit else ""
        self.setAccelerated(True)
        calm(self)
        leave_undo(self, self.typing)
        self._typing = False  # the line's own isModified() is reset by Enter before anybody can ask
        self._line().textEdited.connect(self._typed)
        self.editingFinished.connect(self._finish)

    def set_text(self, text: str, is_number: bool = True) -> None:
        """Show a number with its unit, or a text that is no number."""
        self._typing = False
        self._line().setText(text + self._unit if is_number else text)
        self._line().setCursorPosition(0)

    def text_without_unit(self) -> str:
        """What stands there, without the unit."""
        return self.text().strip().removesuffix(self._unit.strip()).strip()

    def typing(self) -> bool:
        """Whether there is text that was not entered yet."""
        return self._typing

    def stepBy(self, steps: int) -> None:
        """Go up or down; the new number is entered at once."""
        text = self._step(self.text_without_unit(), steps)
        if text is not None:
            self.set_text(text)
            self._stepped = True
            self.selectAll()
            self.entered.emit(text)

    def stepEnabled(self) -> QAbstractSpinBox.StepEnabledFlag:
        """Which of the two arrows lead anywhere."""
        flag, text = QAbstractSpinBox.StepEnabledFlag, self.text_without_unit()
        up = flag.StepUpEnabled if self._step(text, 1) is not None else flag.StepNone
        return up | (flag.StepDownEnabled if self._step(text, -1) is not None else flag.StepNone)

    def validate(self, text: str | None, position: int) -> tuple[QValidator.State, str, int]:
        """Any text may be typed: the spec says in a sentence what is wrong with it."""
        return QValidator.State.Acceptable, text or "", position

    def sizeHint(self) -> QSize:
        """Room for a number of some digits and the unit."""
        option = QStyleOptionSpinBox()
        self.initStyleOption(option)
        metrics = self.fontMetrics()
        contents = QSize(metrics.horizontalAdvance("0000000" + self._unit), self._line().sizeHint().height())
        style = self.style()
        assert style is not None
        size = style.sizeFromContents(QStyle.ContentsType.CT_SpinBox, option, contents, self)
        return size.expandedTo(QSize(0, metrics.height() + 8))  # the style alone cuts descenders

    def minimumSizeHint(self) -> QSize:
        """The same height, less wide."""
        return QSize(self.fontMetrics().horizontalAdvance("0000000000"), self.sizeHint().height())

    def event(self, event: QEvent | None) -> bool:
        """After an arrow, letters and Backspace are the program's keys and not the number's."""
        if self._stepped and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride:
            plain = not event.modifiers() & ~Qt.KeyboardModifier.ShiftModifier
            if plain and (Qt.Key.Key_A <= event.key() <= Qt.Key.Key_Z or event.key() == Qt.Key.Key_Backspace):
                event.ignore()
                return False
        return bool(super().event(event))

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Who points into the number wants to write."""
        self._stepped = False
        super().mousePressEvent(event)

    def focusInEvent(self, event: QFocusEvent | None) -> None:
        """Who comes to the number may want to write."""
        self._stepped = False
        super().focusInEvent(event)

    def _typed(self, _: str) -> None:
        self._typing, self._stepped = True, False

    def _finish(self) -> None:
        if self._typing:
            self._typing = False
            self.entered.emit(self.text_without_unit())

    def _line(self) -> QLineEdit:
        line = self.lineEdit()
        assert line is not None
        return line
