"""One sentence above the figures, with what can be done about it. Must not change state."""

from __future__ import annotations

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy

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
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(8, 4, 8, 4)
        self._row.setSpacing(8)
        self._row.addWidget(self.label, 1)
        self._row.addWidget(self.bar)
        self.buttons: dict[str, QPushButton] = {}
        self.hide()

    def set_trouble(self, trouble: bool) -> None:
        """Whether the sentence is about something that went wrong: then it is red."""
        self.label.setProperty("role", "error" if trouble else "")
        if (style := self.label.style()) is not None:
            style.polish(self.label)

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
        self.fit()
        self.bar.setVisible(progress is not None)
        if progress is not None:
            self.bar.setRange(0, progress.total if progress.total < 2**31 else 0)
            self.bar.setValue(min(progress.done, 2**31 - 1))

    def fit(self) -> None:
        """No higher than the sentence needs in its width and font: a label that wraps asks for more."""
        self.label.setFixedHeight(max(self.label.heightForWidth(max(200, self.label.width())), 1))

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Wrap to the new width."""
        super().resizeEvent(event)
        self.fit()
