"""A form for one spec, made from its fields."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QGridLayout, QWidget

from thalweg.app.panels.applies import applies, shown
from thalweg.app.panels.described import fields_at
from thalweg.app.panels.fields import editor_for
from thalweg.app.panels.layer_buttons import LayerButtons
from thalweg.app.panels.row import RESTART_MARK, FieldRow
from thalweg.core.scene import Scene
from thalweg.core.scene.layers import layer_names

LABEL_SHARE, EDITOR_SHARE = 9, 11


class SpecForm(QWidget):
    """The fields of the spec at a dotted path, specs inside it left out; must not change state.

    ``edited`` carries the path of a field and what was entered: a value of the field's type, or the text when
    it could not be read.
    """

    edited = pyqtSignal(str, object)

    def __init__(self, path: str, section: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(4)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(0, LABEL_SHARE)
        grid.setColumnStretch(2, EDITOR_SHARE)
        grid.setColumnMinimumWidth(1, self.fontMetrics().horizontalAdvance(RESTART_MARK))
        self.rows: dict[str, FieldRow] = {}
        for described in fields_at(path):
            if (editor := editor_for(described)) is not None:
                editor.committed.connect(lambda value, p=described.path: self.edited.emit(p, value))
                self.rows[described.path] = FieldRow(described, editor, grid, section)

    def set_values(self, scene: Scene) -> None:
        """Show the values of a scene, and which fields count in it."""
        for path, row in self.rows.items():
            if isinstance(row.editor, LayerButtons):
                row.editor.set_layers(layer_names(scene.run.network))
                row.place_editor()
                row.editor.set_single(scene.value(path.replace(".layers", ".kind")) == "weight")
            row.editor.set_value(scene.value(path))
            if not row.editor.wrong:
                row.set_error("")
            row.set_enabled(applies(path, scene))
            row.set_shown(shown(path, scene))

    @property
    def any_shown(self) -> bool:
        """Whether there is a field that is there."""
        return any(row.shown for row in self.rows.values())

    def set_changed(self, paths: Collection[str]) -> None:
        """Print these fields bold: they differ from what is running."""
        for path, row in self.rows.items():
            row.set_changed(path in paths)

    def set_error(self, path: str, sentence: str) -> bool:
        """Say below the field at ``path`` what is wrong; False when the form does not show it."""
        if path in self.rows:
            self.rows[path].set_error(sentence)
        return path in self.rows

    def clear_errors(self) -> None:
        """Take all sentences away; refused text gives way to the value again."""
        for row in self.rows.values():
            row.set_error("")

    def value(self, path: str) -> Any:
        """The value shown at a path."""
        return self.rows[path].editor.value
