"""The bar that says that some edits wait for a restart."""

from __future__ import annotations

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QFrame, QLabel, QPushButton, QVBoxLayout, QWidget

from thalweg.app.panels.flow import FlowLayout

APPLY_TIP = "Take up the changes and train from step 0"


class DraftBar(QFrame):
    """Apply the edits and start again, or forget them."""

    apply_requested = pyqtSignal()
    discard_requested = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 6, 8, 6)
        column.setSpacing(6)
        text = QLabel("These changes start training again from step\u00a00.")
        text.setWordWrap(True)
        self.apply = QPushButton("Apply and restart")
        self.apply.setToolTip(APPLY_TIP)
        self.discard = QPushButton("Discard")
        self.discard.setToolTip("Forget the changes; training goes on as it is")
        self.apply.clicked.connect(lambda: self.apply_requested.emit())
        self.discard.clicked.connect(lambda: self.discard_requested.emit())
        buttons = FlowLayout(spacing=6)
        for button in (self.apply, self.discard):
            button.setAccessibleName(button.text())
            button.setAccessibleDescription(button.toolTip())
            buttons.addWidget(button)
        column.addWidget(text)
        column.addLayout(buttons)

    def set_wrong(self, wrong: bool) -> None:
        """Whether a field holds what is not accepted: applied, it would be lost without a word."""
        self.apply.setEnabled(not wrong)
        self.apply.setToolTip(
            "Correct the field in red first" if wrong else "Take up the changes and train from step 0"
        )
