"""The form of the run: data, network, objective, optimiser, seed and length."""

from __future__ import annotations

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QVBoxLayout, QWidget

from thalweg.app.panels.described import specs_in
from thalweg.app.panels.draft_bar import DraftBar
from thalweg.app.panels.form_stack import FormStack
from thalweg.core.scene import Scene


class RunPanel(QWidget):
    """What trains, and the edits that wait for a restart; must not change state."""

    edited = pyqtSignal(str, object)
    apply_requested = pyqtSignal()
    discard_requested = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.forms = FormStack(specs_in("run") | {"run": "Run"})
        self.bar = DraftBar()
        self.bar.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.forms, 1)
        column.addWidget(self.bar)
        self.forms.edited.connect(self.edited)
        self.bar.apply_requested.connect(self.apply_requested)
        self.bar.discard_requested.connect(self.discard_requested)

    def set_scene(self, scene: Scene, draft: Scene | None) -> None:
        """Show a scene; with a draft the draft, what differs in bold, and the bar."""
        shown = scene if draft is None else draft
        self.forms.set_values(shown)
        self.forms.set_changed({p for p in self.forms.paths() if shown.value(p) != scene.value(p)})
        self.bar.setVisible(draft is not None)

    def set_error(self, path: str, sentence: str) -> bool:
        """Say below the field at ``path`` what is wrong with it; False when it is not shown here."""
        found = self.forms.set_error(path, sentence)
        self.bar.set_wrong(found)
        return found

    def clear_errors(self) -> None:
        """Take all sentences away; refused text gives way to the value again."""
        self.forms.clear_errors()
        self.bar.set_wrong(False)
