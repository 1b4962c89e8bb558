"""The panels are tested without a screen."""

import os

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QAbstractSpinBox, QLineEdit

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture
def enter(qtbot):
    """Replaces the text of an editor and presses Enter, or another key, or none."""

    def type_text(editor, text, key=Qt.Key.Key_Return):
        line = editor.findChild(QLineEdit)
        line.selectAll()
        if text:
            qtbot.keyClicks(line, text)
        else:
            qtbot.keyClick(line, Qt.Key.Key_Delete)
        if key is not None:
            qtbot.keyClick(editor.findChild(QAbstractSpinBox) or line, key)

    return type_text
