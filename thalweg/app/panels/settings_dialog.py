"""The settings that belong to the person and the machine. Must not change state."""

from __future__ import annotations

from typing import get_args

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from thalweg.app.panels.calm import calm
from thalweg.app.settings import Settings
from thalweg.core.scene.spec import bounds_of, extra_of


class SettingsDialog(QDialog):
    """The landscape's share of a core, the memory and the file of a run, and the device."""

    changed = pyqtSignal(object)
    """The Settings as they now are."""

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Settings")
        self._settings = settings
        fields = Settings.model_fields
        self.share = QSlider(Qt.Orientation.Horizontal)
        self.share.setRange(0, 20)
        self.share.setValue(round(settings.landscape_share * 20))
        self.share.setAccessibleName(fields["landscape_share"].title)
        self.share.setToolTip(fields["landscape_share"].description)
        self._shown = QLabel()
        self.memory, self.autosave = self._number("memory", 64), self._number("autosave", 5)
        self.autosave.setSpecialValueText("never")
        self.device = QComboBox()
        self.device.addItems(get_args(fields["device"].annotation))
        self.device.setCurrentText(settings.device)
        self.device.setToolTip(f"{fields['device'].description} A change starts training again.")
        form = QFormLayout()
        form.addRow(fields["landscape_share"].title, self.share)
        form.addRow("", self._shown)
        form.addRow(fields["memory"].title, self.memory)
        form.addRow(fields["autosave"].title, self.autosave)
        form.addRow(fields["device"].title, self.device)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addWidget(buttons)
        self._say()
        self.share.valueChanged.connect(self._change)
        self.memory.valueChanged.connect(self._change)
        self.autosave.valueChanged.connect(self._change)
        self.device.activated.connect(self._change)
        calm(self.device)
        self.resize(420, self.sizeHint().height())

    def _number(self, name: str, step: int) -> QSpinBox:
        """An editor for a whole number among the settings, with its bounds and its unit."""
        field = Settings.model_fields[name]
        low, high = bounds_of(field)
        editor = QSpinBox()
        editor.setRange(int(low or 0), int(high or 10**6))
        editor.setSingleStep(step)
        editor.setKeyboardTracking(False)
        editor.setSuffix(f" {extra_of(field)['unit']}")
        editor.setValue(getattr(self._settings, name))
        editor.setToolTip(field.description or "")
        editor.setAccessibleName(field.title or name)
        calm(editor)
        return editor

    def _change(self) -> None:
        update = {
            "landscape_share": self.share.value() / 20,
            "memory": self.memory.value(),
            "autosave": self.autosave.value(),
            "device": self.device.currentText(),
        }
        self._settings = self._settings.model_copy(update=update)
        self._say()
        self.changed.emit(self._settings)

    def _say(self) -> None:
        share = self.share.value() * 5
        self._shown.setText(f"{share} % of one core" if share else "landscapes are switched off")
