"""One line of a form: label, mark, editor, and the sentence that says what is wrong."""

from __future__ import annotations

import re

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QFont
from PyQt6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QWidget

from thalweg.app.panels.described import Described
from thalweg.app.panels.editor import Editor, tip

RESTART_MARK = "↻"
RESTART_TIP = "Changing this starts training again"


class FieldRow:
    """The widgets of one field in the grid of a form: label and mark left, editor right, sentence below."""

    def __init__(self, described: Described, editor: Editor, grid: QGridLayout, section: str) -> None:
        self.path, self.editor = described.path, editor
        name = f"{section}: {described.title}" if section else described.title
        editor.set_texts(name, described.help)
        self.label = QLabel(described.title)
        self.label.setToolTip(tip(described.help))
        self.label.setBuddy(editor)
        self.mark = QLabel(RESTART_MARK if described.restarts else "")
        self.mark.setToolTip(RESTART_TIP if described.restarts else "")
        self.sentence = QLabel()
        self.sentence.setProperty("role", "error")
        self.sentence.setTextFormat(Qt.TextFormat.PlainText)
        self.sentence.hide()
        for label in (self.label, self.sentence):
            label.setWordWrap(True)
            _yield_width(label)
        _yield_width(editor)
        self._grid, self._top = grid, grid.rowCount()
        self.shown = True
        grid.addWidget(self.label, self._top, 0)
        grid.addWidget(self.mark, self._top, 1)
        self.place_editor()
        grid.addWidget(self.sentence, self._top + 2, 0, 1, 3)

    def set_enabled(self, enabled: bool) -> None:
        """Whether the field can be changed."""
        for widget in (self.label, self.mark, self.editor):
            widget.setEnabled(enabled)

    def set_shown(self, shown: bool) -> None:
        """Whether the field is there at all."""
        self.shown = shown
        for widget in (self.label, self.mark, self.editor):
            widget.setVisible(shown)
        self.sentence.setVisible(shown and bool(self.sentence.text()))

    def set_changed(self, changed: bool) -> None:
        """Print the label bold, or not."""
        font = QFont()
        if changed:
            font.setBold(True)
        self.label.setFont(font)

    def set_error(self, sentence: str) -> None:
        """Say what is wrong below the editor; an empty sentence says nothing."""
        self.editor.set_wrong(bool(sentence))
        self.sentence.setText(breakable(sentence.removeprefix(f"{self.path}: ")))
        self.sentence.setVisible(bool(sentence))

    def place_editor(self) -> None:
        """Put the editor beside its label, or below when it wants a line of its own."""
        self._grid.removeWidget(self.editor)
        if self.editor.wide:
            self._grid.addWidget(self.editor, self._top + 1, 0, 1, 3)
        else:
            self._grid.addWidget(self.editor, self._top, 2)


def breakable(text: str) -> str:
    """The text with places inside its long words where a line may end."""
    return re.sub(r"\S{18,}", lambda word: re.sub(r"([./,_])", "\\1\u200b", word[0]), text)


def _yield_width(widget: QWidget) -> None:
    policy = widget.sizePolicy()
    policy.setHorizontalPolicy(QSizePolicy.Policy.Ignored)
    widget.setSizePolicy(policy)
