"""Forms below one another, under headings, in a page that scrolls up and down only."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from PyQt6.QtCore import QSize, Qt, pyqtSignal
from PyQt6.QtGui import QFont, QPainter, QPaintEvent, QPalette
from PyQt6.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from thalweg.app.panels.form import SpecForm
from thalweg.core.scene import Scene


class FormStack(QScrollArea):
    """Several forms that take the same setters; must not change state.

    ``sections`` are the titles of the specs at some paths, ``below`` are widgets to stand below some of them.
    """

    edited = pyqtSignal(str, object)

    def __init__(self, sections: Mapping[str, str], below: Mapping[str, QWidget] | None = None) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(8, 4, 8, 8)
        column.setSpacing(4)
        self.forms: dict[str, SpecForm] = {}
        self._headings: dict[str, QWidget] = {}
        for path, title in sections.items():
            self._headings[path] = _heading(title)
            column.addWidget(self._headings[path])
            form = SpecForm(path, title)
            form.edited.connect(self.edited)
            column.addWidget(form)
            if below and path in below:
                column.addWidget(below[path])
            self.forms[path] = form
        column.addStretch(1)
        self.setWidget(page)

    def set_values(self, scene: Scene) -> None:
        """Show the values of a scene."""
        for path, form in self.forms.items():
            form.set_values(scene)
            self._headings[path].setVisible(form.any_shown)
            form.setVisible(form.any_shown)

    def set_changed(self, paths: Collection[str]) -> None:
        """Print these fields bold."""
        for form in self.forms.values():
            form.set_changed(paths)

    def set_error(self, path: str, sentence: str) -> bool:
        """Say below the field at ``path`` what is wrong with it; False when no form shows that field."""
        shown = [form.set_error(path, sentence) for form in self.forms.values()]
        return any(shown)

    def clear_errors(self) -> None:
        """Take all sentences away."""
        for form in self.forms.values():
            form.clear_errors()

    def paths(self) -> list[str]:
        """The fields shown, from top to bottom."""
        return [path for form in self.forms.values() for path in form.rows]

    def sizeHint(self) -> QSize:
        """Wide enough for label and number side by side, at any font size."""
        return QSize(36 * self.fontMetrics().horizontalAdvance("0"), 44 * self.fontMetrics().height())

    def minimumSizeHint(self) -> QSize:
        """As narrow as labels of two lines still read well."""
        return QSize(31 * self.fontMetrics().horizontalAdvance("0"), 8 * self.fontMetrics().height())


def _heading(title: str) -> QWidget:
    box = QWidget()
    column = QVBoxLayout(box)
    column.setContentsMargins(0, 8, 0, 0)
    column.setSpacing(1)
    label = QLabel(title)
    font = QFont()
    font.setWeight(QFont.Weight.DemiBold)
    label.setFont(font)
    column.addWidget(label)
    column.addWidget(_Rule())
    return box


class _Rule(QWidget):
    """A thin line, quiet in every theme."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(1)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw it in a breath of the text's colour."""
        colour = self.palette().color(QPalette.ColorRole.WindowText)
        colour.setAlpha(70)
        QPainter(self).fillRect(self.rect(), colour)
