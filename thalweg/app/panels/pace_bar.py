"""How fast training is played: a piece of the tool bar."""

from __future__ import annotations

import math

from PyQt6.QtCore import QSignalBlocker, QSize, Qt, pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QSlider, QWidget

from thalweg.app.panels.calm import calm
from thalweg.app.panels.described import field_at
from thalweg.app.panels.editor import Editor, tip
from thalweg.app.panels.fields import editor_for
from thalweg.core.scene import PaceSpec

SPEEDS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, math.inf)
"""Steps per second at each mark of the slider."""


class PaceBar(QWidget):
    """Steps per second, and what one step is; must not change state."""

    edited = pyqtSignal(str, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        speed = field_at("pace.speed")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, len(SPEEDS) - 1)
        self.slider.setPageStep(3)
        self.slider.setMinimumWidth(14 * self.fontMetrics().horizontalAdvance("0"))
        self.slider.setAccessibleName(speed.title)
        self.slider.setAccessibleDescription(speed.help)
        self.slider.setToolTip(tip(speed.help))
        calm(self.slider)
        self.label = _SteadyLabel(tuple(map(speed_text, SPEEDS)))
        self.label.setToolTip(tip(speed.help))
        self.slider.valueChanged.connect(lambda mark: self.edited.emit("pace.speed", SPEEDS[mark]))
        self.step, self.batches = self._editor("pace.step"), self._editor("pace.batches")
        row = QHBoxLayout(self)
        row.setContentsMargins(4, 0, 4, 0)
        row.setSpacing(6)
        row.addWidget(QLabel(speed.title))
        row.addWidget(self.slider)
        row.addWidget(self.label)
        row.addWidget(QLabel(field_at("pace.step").title))
        row.addWidget(self.step)
        row.addWidget(self.batches)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)

    def set_pace(self, pace: PaceSpec) -> None:
        """Show a pace; a speed between two marks puts the slider at the nearer one."""
        with QSignalBlocker(self.slider):
            self.slider.setValue(mark_of(pace.speed))
        self.label.setText(speed_text(pace.speed))
        self.step.set_value(pace.step)
        self.batches.set_value(pace.batches)
        self.batches.setEnabled(pace.step == "batches")

    def set_error(self, path: str, sentence: str) -> bool:
        """Mark the field at ``path``, what is wrong in its tooltip; False when it is not shown here."""
        editor = {"pace.step": self.step, "pace.batches": self.batches}.get(path)
        if editor is not None:
            editor.set_wrong(True)
            editor.setToolTip(tip(sentence.removeprefix(f"{path}: ")))
        return editor is not None

    def clear_errors(self) -> None:
        """Take the marks away."""
        for path, editor in (("pace.step", self.step), ("pace.batches", self.batches)):
            editor.set_wrong(False)
            editor.setToolTip(tip(field_at(path).help))

    def _editor(self, path: str) -> Editor:
        editor = editor_for(field_at(path))
        assert editor is not None, path
        editor.committed.connect(lambda value: self.edited.emit(path, value))
        return editor


def speed_text(speed: float) -> str:
    """A speed in words.

    >>> [speed_text(s) for s in (0.5, 1.0, 100.0, math.inf)]
    ['1 step every 2 s', '1 step/s', '100 steps/s', 'flat out']
    """
    if math.isinf(speed):
        return "flat out"
    if speed < 1:
        return f"1 step every {1 / speed:.3g} s"
    return f"{speed:.4g} step{'' if speed == 1 else 's'}/s"


def mark_of(speed: float) -> int:
    """The slider's mark that is nearest to a speed, in proportion."""
    if math.isinf(speed):
        return len(SPEEDS) - 1
    return min(range(len(SPEEDS) - 1), key=lambda mark: abs(math.log(SPEEDS[mark] / speed)))


class _SteadyLabel(QLabel):
    """A label as wide as the widest of its texts, so that nothing beside it moves."""

    def __init__(self, texts: tuple[str, ...]) -> None:
        super().__init__()
        self._texts = texts

    def sizeHint(self) -> QSize:
        """The widest text's size."""
        width = max(self.fontMetrics().horizontalAdvance(text) for text in self._texts)
        return QSize(width + 4, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        """The same."""
        return self.sizeHint()
