"""The form of the view: the plane of the landscape, its axes, and the curves."""

from __future__ import annotations

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from thalweg.app.panels.described import specs_in
from thalweg.app.panels.form_stack import FormStack
from thalweg.core.scene import Scene

PLANE = "view.plane"


class ViewPanel(QWidget):
    """How the run is looked at; must not change state."""

    edited = pyqtSignal(str, object)
    lay_requested = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        axes = specs_in(PLANE)
        self.lay = QPushButton("Lay the plane here")
        self.lay.setToolTip("Lay the plane through the current point, with the directions as they are there")
        self.lay.setAccessibleName(self.lay.text())
        self.lay.setAccessibleDescription(self.lay.toolTip())
        self.lay.clicked.connect(lambda: self.lay_requested.emit())
        inside = specs_in("view")
        sections = {PLANE: inside[PLANE]} | axes | inside | {"view": "Curves and examples"}
        self.forms = FormStack(sections, below={list(axes)[-1]: self.lay})
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.forms)
        self.forms.edited.connect(self.edited)

    def set_scene(self, scene: Scene) -> None:
        """Show how a scene is looked at."""
        self.forms.set_values(scene)

    def set_error(self, path: str, sentence: str) -> bool:
        """Say below the field at ``path`` what is wrong with it; False when it is not shown here."""
        return self.forms.set_error(path, sentence)

    def clear_errors(self) -> None:
        """Take all sentences away; refused text gives way to the value again."""
        self.forms.clear_errors()
