"""One sentence above the figures, with what can be done about it. Must not change state."""

from __future__ import annotations

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout

from thalweg.app.panels.tab_focus import tab_focus
from thalweg.core.messages import Progress


class Banner(QFrame):
    """Hidden while there is nothing to say."""

    chosen = pyqtSignal(str)
    """The name of the answer that was pressed."""

    def __init__(self) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setAutoFillBackground(True)
        self.label = QLabel()
        self.label.setWordWrap(True)
        self.label.setProperty("role", "error")
        self.label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.bar = QProgressBar()
        self.bar.setMaximumWidth(220)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 4, 8, 4)
        column.setSpacing(4)
        column.addWidget(self.label)
        self._row = QHBoxLayout()
        self._row.addWidget(self.bar)
        self._row.addStretch(1)
        column.addLayout(self._row)
        self.buttons: dict[str, QPushButton] = {}
        self.hide()

    def set_message(self, sentence: str, answers: tuple[tuple[str, str], ...], progress: Progress | None) -> None:
        """Show a sentence with a button for each (name, title), and how far a long job is."""
        self.setVisible(bool(sentence))
        self.label.setText(sentence)
        if tuple(self.buttons) != tuple(name for name, _ in answers):
            for button in self.buttons.values():
                self._row.removeWidget(button)
                button.deleteLater()
            self.buttons = {}
            for name, title in answers:
                button = QPushButton(title)
                button.clicked.connect(lambda _=False, n=name: self.chosen.emit(n))
                tab_focus(button)
                self.buttons[name] = button
                self._row.addWidget(button)
        self.bar.setVisible(progress is not None)
        if progress is not None:
            self.bar.setRange(0, progress.total if progress.total < 2**31 else 0)
            self.bar.setValue(min(progress.done, 2**31 - 1))
