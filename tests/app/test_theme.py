"""The application dressed in a theme."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from PyQt6.QtCore import QEvent
from PyQt6.QtWidgets import QApplication, QWidget

from thalweg.app import theme
from thalweg.app.theme import DARK, LIGHT


class Witness(QWidget):
    """Notes whether garbage might be collected while Qt tells widgets of another style or font."""

    def __init__(self) -> None:
        super().__init__()
        self.collected: list[bool] = []

    def changeEvent(self, event: QEvent | None) -> None:
        """As for every widget."""
        self.collected.append(gc.isenabled())
        super().changeEvent(event)


@pytest.fixture
def light(qapp: QApplication) -> Iterator[QApplication]:
    """The application in light, before and after."""
    theme.apply(LIGHT, qapp)
    yield qapp
    theme.apply(LIGHT, qapp)


def test_no_garbage_is_collected_while_qt_goes_through_all_widgets(light: QApplication, qtbot) -> None:
    """What a closed figure leaves would be deleted before Qt comes to it; afterwards it is collected as before."""
    witness = Witness()
    qtbot.addWidget(witness)
    witness.show()
    assert gc.isenabled()
    theme.apply(DARK, light)
    assert witness.collected
    assert not any(witness.collected)
    assert gc.isenabled()


def test_what_is_worn_is_not_put_on_again(light: QApplication, qtbot) -> None:
    """No widget is told of anything; another theme is told again."""
    witness = Witness()
    qtbot.addWidget(witness)
    witness.show()
    before = len(witness.collected)
    theme.apply(LIGHT, light)
    assert len(witness.collected) == before
    theme.apply(DARK, light)
    assert len(witness.collected) > before
