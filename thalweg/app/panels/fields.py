"""One editor for each kind of field."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PyQt6.QtWidgets import QCheckBox, QFileDialog, QHBoxLayout, QLineEdit, QToolButton, QWidget

from thalweg.app.panels.choice_box import ChoiceBox
from thalweg.app.panels.described import Described
from thalweg.app.panels.editor import Editor
from thalweg.app.panels.layer_buttons import LayerButtons
from thalweg.app.panels.number_box import NumberBox
from thalweg.app.panels.reading import (
    read_number,
    read_whole,
    read_wholes,
    show_number,
    step_by_decade,
    step_by_difference,
    step_by_factor,
)
from thalweg.app.panels.undo_keys import leave_undo

LONG_CHOICE = 20
"""Characters from which on a choice gets a line of its own."""


def editor_for(described: Described) -> Editor | None:
    """The editor of a field, with its texts; None for a field that no form shows (the open panels)."""
    editor = _made(described)
    if editor is not None:
        editor.set_texts(described.title, described.help)
    return editor


def _made(described: Described) -> Editor | None:
    match described.kind:
        case "choices":
            return None
        case "choice":
            return ChoiceEditor(described.choices)
        case "switch":
            return SwitchEditor()
        case "whole":
            return WholeEditor(described)
        case "number":
            return NumberEditor(described)
        case "wholes":
            return WholesEditor()
        case "layers":
            return LayerButtons()
        case "folder":
            return FolderEditor()
        case "text":
            return TextEditor()


class ChoiceEditor(Editor):
    """One of several values, by its readable name."""

    def __init__(self, choices: Mapping[str, str]) -> None:
        self._box = ChoiceBox()
        super().__init__(self._box)
        self.wide = any(len(label) > LONG_CHOICE for label in choices.values())
        for value, label in choices.items():
            self._box.addItem(label, value)
        self._box.activated.connect(lambda index: self.commit(self._box.itemData(index)))

    def display(self, value: Any) -> None:
        """Choose the value; one that is not on the list shows nothing."""
        self._box.setCurrentIndex(self._box.findData(value))


class SwitchEditor(Editor):
    """Yes or no."""

    def __init__(self) -> None:
        self._box = QCheckBox()
        super().__init__(self._box)
        self._box.clicked.connect(self.commit)

    def display(self, value: Any) -> None:
        """Tick it or not."""
        self._box.setChecked(value is True)


class _BoxEditor(Editor):
    """A number in a box with arrows."""

    def __init__(self, described: Described) -> None:
        self._box = NumberBox(self._stepped, described.unit)
        super().__init__(self._box)
        self._described = described
        self._box.entered.connect(lambda text: self.commit(self._read(text)))

    def display(self, value: Any) -> None:
        """Show the number, or the text that was refused."""
        refused = isinstance(value, str)
        self._box.set_text(value if refused else self._shown(value), is_number=not refused)

    def typing(self) -> bool:
        """Whether there is text that was not entered yet."""
        return self._box.typing()

    def _read(self, text: str) -> float | str:
        raise NotImplementedError

    def _shown(self, value: float) -> str:
        return show_number(value)

    def _next(self, value: float, steps: int) -> float:
        raise NotImplementedError

    def _stepped(self, text: str, steps: int) -> str | None:
        """The text after some steps, None where the bounds or the text allow none."""
        value = self._read(text)
        if isinstance(value, str) or not math.isfinite(value):
            return None
        low, high = self._described.bounds
        new = self._next(value, steps)
        new = new if low is None else max(new, type(new)(low))
        new = new if high is None else min(new, type(new)(high))
        refused = [b for b, is_open in zip((low, high), self._described.open_ends, strict=True) if is_open]
        return None if new == value or new in refused else self._shown(new)


class WholeEditor(_BoxEditor):
    """A whole number; what counts things steps by a tenth of its decade, a plain number by one."""

    def _shown(self, value: float) -> str:
        return str(value)

    def _read(self, text: str) -> float | str:
        return read_whole(text)

    def _next(self, value: float, steps: int) -> float:
        high = self._described.bounds[1]
        counts_many = self._described.unit and (high is None or high >= 1000)
        return step_by_decade(int(value), steps) if counts_many else int(value) + steps


class NumberEditor(_BoxEditor):
    """A number; positive ones step along 1, 2, 5, 10, ..., others by an equal amount."""

    def _read(self, text: str) -> float | str:
        return read_number(text)

    def _next(self, value: float, steps: int) -> float:
        low, high = self._described.bounds
        if low is not None and (low > 0 or self._described.open_ends[0]):
            return step_by_factor(value, steps)
        step = min(0.5, (high - low) / 20) if low is not None and high is not None else 0.5
        return step_by_difference(value, step * steps)


class TextEditor(Editor):
    """A line of text."""

    def __init__(self) -> None:
        self._line = QLineEdit()
        leave_undo(self._line, self._line.isModified)
        super().__init__(self._line)
        self._line.editingFinished.connect(self._finish)

    def display(self, value: Any) -> None:
        """Show the text from its beginning."""
        self._line.setText(str(value))
        self._line.setCursorPosition(0)

    def typing(self) -> bool:
        """Whether there is text that was not entered yet."""
        return self._line.isModified()

    def read(self, text: str) -> Any:
        """The value of a text."""
        return text

    def _finish(self) -> None:
        if self._line.isModified():
            self._line.setModified(False)
            self.commit(self.read(self._line.text()))


class WholesEditor(TextEditor):
    """Whole numbers, separated by commas."""

    def display(self, value: Any) -> None:
        """Show the numbers, or the text that was refused."""
        super().display(value if isinstance(value, str) else ", ".join(map(str, value)))

    def read(self, text: str) -> Any:
        """The numbers, or the text when it is something else."""
        return read_wholes(text)


class FolderEditor(TextEditor):
    """The path of a folder, typed or chosen."""

    def __init__(self) -> None:
        super().__init__()
        self._browse = QToolButton()
        self._browse.setText("…")
        self._browse.setToolTip("Choose a folder")
        self._browse.setAccessibleName("Choose a folder")
        self._browse.clicked.connect(self._choose)
        row = self.layout()
        assert isinstance(row, QHBoxLayout)
        row.setSpacing(2)
        row.addWidget(self._browse)
        QWidget.setTabOrder(self._line, self._browse)

    def _choose(self) -> None:
        start = str(self.value or Path.home())
        if chosen := QFileDialog.getExistingDirectory(self, self._line.accessibleName(), start):
            self.commit(chosen)
            self.display(chosen)
