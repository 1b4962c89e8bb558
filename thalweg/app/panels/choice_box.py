"""A combo box that says with an ellipsis where its text goes on."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QComboBox, QStyle, QStyleOptionComboBox

from thalweg.app.panels.calm import calm


class ChoiceBox(QComboBox):
    """As narrow as the form needs it; its list is as wide as its longest entry."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        calm(self)

    def showPopup(self) -> None:
        """Open the list, wide enough to be read."""
        if (view := self.view()) is not None:
            view.setMinimumWidth(view.sizeHintForColumn(0) + 2 * self.fontMetrics().horizontalAdvance("0"))
        super().showPopup()

    def initStyleOption(self, option: QStyleOptionComboBox | None) -> None:
        """Cut the text that is drawn to the width there is."""
        super().initStyleOption(option)
        style = self.style()
        if option is None or style is None:
            return
        part = QStyle.SubControl.SC_ComboBoxEditField
        room = style.subControlRect(QStyle.ComplexControl.CC_ComboBox, option, part, self).width() - 2
        option.currentText = option.fontMetrics.elidedText(option.currentText, Qt.TextElideMode.ElideRight, room)
