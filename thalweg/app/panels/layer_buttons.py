"""A button for each layer of the network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PyQt6.QtCore import QEvent
from PyQt6.QtGui import QPalette
from PyQt6.QtWidgets import QApplication, QToolButton, QWidget

from thalweg.app.panels.editor import Editor, tip
from thalweg.app.panels.flow import FlowLayout
from thalweg.app.panels.tab_focus import tab_focus

FEW_LAYERS = 4
"""Layers whose buttons fit beside a label."""


class LayerButtons(Editor):
    """Which layers, counted from 1; none chosen means all of them."""

    def __init__(self) -> None:
        super().__init__()
        self._flow = FlowLayout(self)
        self._single = False
        self._name = self._help = ""
        self._names: tuple[str, ...] = ()
        self._all = self._button("all")
        self._all.clicked.connect(lambda: self.commit(()))
        self._layers: list[QToolButton] = []

    def set_layers(self, names: Sequence[str]) -> None:
        """Follow the network: one numbered button for each of its layers, with the layer's name as its tooltip."""
        count = len(names)
        self._names = tuple(names)
        while len(self._layers) > count:
            button = self._layers.pop()
            self._flow.removeWidget(button)
            button.setParent(None)
            button.deleteLater()
        while len(self._layers) < count:
            number = len(self._layers) + 1
            button = self._button(str(number))
            button.clicked.connect(lambda _, n=number: self._clicked(n))
            QWidget.setTabOrder(self._layers[-1] if self._layers else self._all, button)
            self._layers.append(button)
        self.wide = count > FEW_LAYERS
        self.set_texts(self._name, self._help)
        self.display(self.value or ())
        self.updateGeometry()

    def set_single(self, single: bool) -> None:
        """Let exactly one layer be chosen, or any number."""
        self._single = single
        self._all.setEnabled(not single)

    def set_texts(self, name: str, help: str) -> None:
        """Its name for screen readers, and what its tooltip says."""
        super().set_texts(name, help)
        self._name, self._help = name, help
        self._all.setAccessibleName(f"{name}: all")
        for layer, button in zip(self._names, self._layers, strict=True):
            button.setAccessibleName(f"{name}: {layer}")
            button.setToolTip(tip(f"{layer}\n{help}"))

    def display(self, value: Any) -> None:
        """Press the buttons of these layers."""
        _press(self._all, not value)
        for number, button in enumerate(self._layers, 1):
            _press(button, number in value)

    def changeEvent(self, event: QEvent | None) -> None:
        """Follow the theme."""
        super().changeEvent(event)
        if event is not None and event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self.display(self.value or ())

    def _clicked(self, number: int) -> None:
        chosen = {number} if self._single else set(self.value or ()) ^ {number}
        self.display(chosen)
        self.commit(tuple(sorted(chosen)))

    def _button(self, text: str) -> QToolButton:
        button = QToolButton(self)
        button.setText(text)
        button.setCheckable(True)
        tab_focus(button)
        self._flow.addWidget(button)
        button.show()
        return button


def _press(button: QToolButton, pressed: bool) -> None:
    """Check a button, in the colours of a selection: the style's own shade is not seen on a dark window."""
    button.setChecked(pressed)
    palette, role, normal = QPalette(), QPalette.ColorRole, QApplication.palette()
    if pressed:
        palette.setColor(role.Button, normal.color(role.Highlight))
        palette.setColor(role.ButtonText, normal.color(role.HighlightedText))
    button.setPalette(palette)
