"""The timeline: dragging, keys, marks and the way back to the newest step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtGui import QHelpEvent
from PyQt6.QtWidgets import QApplication, QToolTip

from thalweg.app.marks import Mark
from thalweg.app.panels.timeline import REACH, Timeline
from thalweg.app.theme import MARK_COLOURS

STRIDE = 64
RECORDED = np.arange(0, 1281, STRIDE)
MARKS = (Mark(400, "From step 400: learning rate 0.5 to 0.25", "change"), Mark(900, "Another line", "branch"))


class Line:
    """A timeline on screen, and what it has said."""

    def __init__(self, qtbot: Any) -> None:
        self.widget, self.said = Timeline(), []
        qtbot.addWidget(self.widget)
        self.widget.moved.connect(self.said.append)
        self.widget.resize(900, 40)
        self.widget.show()

    def steps(self, step: int, head: int = 1280, recorded: np.ndarray | None = RECORDED, marks: Any = ()) -> None:
        """Have it show a step of a run."""
        self.widget.set_steps(head, step, step == head, recorded, marks)

    def at(self, step: int) -> QPoint:
        """Where a step is on the slider."""
        return QPoint(round(self.widget.slider.place_of(step)), self.widget.slider.height() // 2)


@pytest.fixture
def line(qtbot: Any) -> Line:
    """A run of 1,280 steps, every 64th of them recorded, the newest looked at."""
    made = Line(qtbot)
    made.steps(1280)
    QApplication.processEvents()
    return made


@pytest.fixture
def drag(qtbot: Any, line: Line) -> Callable[..., None]:
    """Presses at the first of some steps, goes to each other, and lets go at the last."""

    def go(*steps: int) -> None:
        slider = line.widget.slider
        qtbot.mousePress(slider, Qt.MouseButton.LeftButton, pos=line.at(steps[0]))
        for step in steps[1:]:
            qtbot.mouseMove(slider, line.at(step))
        qtbot.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=line.at(steps[-1]))

    return go


# --- what it says ----------------------------------------------------------------------------------------------------


def test_dragging_says_recorded_steps(line: Line, drag: Callable[..., None]) -> None:
    """Those nearest to the pointer, each as it is come to."""
    places = (200, 500, 777, 30)
    drag(*places)
    pixel = 1280 / 800
    assert len(line.said) == len(places)
    for step, place in zip(line.said, places, strict=True):
        assert step in RECORDED
        assert isinstance(step, int)
        assert abs(step - place) <= STRIDE / 2 + pixel


def test_dragging_to_the_end_is_the_newest_and_what_follows(line: Line, drag: Callable[..., None]) -> None:
    """Also beyond the end of the groove."""
    drag(500, 1280)
    assert line.said[-1] is None
    line.steps(500)
    slider = line.widget.slider
    assert slider.step_at(1e6) == 1280
    assert slider.step_at(-1e6) == 0


def test_showing_steps_says_nothing(line: Line) -> None:
    """It must not change state: every frame comes here, also while the range grows and shrinks."""
    for head in (10, 5000, 3, 0, 1280):
        for step in (0, head // 2, head):
            line.steps(step, head, np.arange(0, head + 1), MARKS)
    line.steps(0, 0, None)
    assert line.said == []


def test_what_is_shown_while_it_is_dragged_does_not_move_it_away(qtbot: Any, line: Line) -> None:
    """Training goes on under the pointer; once it is let go the slider stands at the step that is looked at."""
    slider = line.widget.slider
    qtbot.mousePress(slider, Qt.MouseButton.LeftButton, pos=line.at(500))
    held = slider.value()
    line.steps(512, 1400)
    assert slider.value() == held
    qtbot.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=line.at(500))
    line.steps(512, 1500)
    assert slider.value() == 512
    assert len(line.said) == 1


def test_the_button_leads_to_the_newest(qtbot: Any, line: Line) -> None:
    """It is down while what follows is looked at."""
    assert line.widget.follow.isChecked()
    line.steps(64)
    assert not line.widget.follow.isChecked()
    qtbot.mouseClick(line.widget.follow, Qt.MouseButton.LeftButton)
    assert line.said == [None]


@pytest.mark.parametrize(("key", "sign"), [(Qt.Key.Key_Right, 1), (Qt.Key.Key_Left, -1)])
def test_an_arrow_key_goes_to_the_next_step_that_can_be_looked_at(qtbot: Any, line: Line, key: Any, sign: int) -> None:
    """However far apart the recorded steps are: a key that does nothing seems broken."""
    line.steps(640)
    line.widget.slider.setFocus()
    qtbot.keyClick(line.widget.slider, key)
    assert len(line.said) == 1
    assert sign * (line.said[0] - 640) > 0


def test_the_ends_of_the_keyboard(qtbot: Any, line: Line) -> None:
    """Home is step 0, End the newest."""
    line.steps(640)
    line.widget.slider.setFocus()
    qtbot.keyClick(line.widget.slider, Qt.Key.Key_Home)
    qtbot.keyClick(line.widget.slider, Qt.Key.Key_End)
    assert line.said == [0, None]


# --- what it shows ---------------------------------------------------------------------------------------------------


def test_before_there_is_a_run_it_cannot_be_used(line: Line) -> None:
    """And can once there is one, also at step 0, where there is nothing to go back to."""
    line.steps(0, 0, None)
    assert not line.widget.isEnabled()
    line.steps(0, 0, np.zeros(1, dtype=np.int64))
    assert line.widget.isEnabled()
    assert line.widget.label.text() == "0 of 0"


def test_the_step_is_told_in_figures(line: Line) -> None:
    """The one that is looked at, of how many; the place of the text does not jump as the figures grow."""
    line.steps(640)
    assert line.widget.label.text() == "640 of 1,280"
    widths = []
    for step in (1, 640, 1280):
        line.steps(step)
        QApplication.processEvents()
        widths.append(line.widget.slider.width())
    assert len(set(widths)) == 1


@pytest.mark.parametrize("width", [300, 900, 1900])
def test_places_and_steps_are_inverse(line: Line, width: int) -> None:
    """What is pressed is what is gone to, within a pixel; both ends can be reached."""
    line.widget.resize(width, 40)
    QApplication.processEvents()
    slider = line.widget.slider
    per_pixel = 1280 / slider.width()
    for step in range(0, 1281, 7):
        assert abs(slider.step_at(slider.place_of(step)) - step) <= 1
        assert abs(slider.step_at(round(slider.place_of(step))) - step) <= per_pixel
    assert 0 <= slider.place_of(0) < slider.place_of(1280) <= slider.width()


def help_at(line: Line, x: float) -> str:
    """The tool tip at a place of the slider."""
    slider = line.widget.slider
    at = QPoint(round(x), slider.height() // 2)
    QApplication.sendEvent(slider, QHelpEvent(QHelpEvent.Type.ToolTip, at, slider.mapToGlobal(at)))
    return QToolTip.text()


def test_a_mark_says_what_happened_there(line: Line) -> None:
    """Near it, and no farther; marks that are close together say all."""
    close = Mark(402, "From step 402: batch size 10 to 7", "change")
    line.steps(1280, marks=(*MARKS, close))
    slider = line.widget.slider
    both = help_at(line, slider.place_of(400) + 3)
    assert both.splitlines() == [MARKS[0].words, close.words]
    assert help_at(line, slider.place_of(900)) == MARKS[1].words
    assert MARKS[1].words not in help_at(line, slider.place_of(900) + 3 * REACH)


@pytest.mark.parametrize("kind", MARK_COLOURS)
def test_a_mark_is_drawn_at_its_step_in_the_colour_of_its_kind(line: Line, kind: Any) -> None:
    """Above the groove; without marks there is no such colour."""
    slider = line.widget.slider

    def drawn() -> list[int]:
        image = slider.grab().toImage()
        ratio = image.width() / slider.width()
        row = round(2 * ratio)
        return [x for x in range(image.width()) if image.pixelColor(x, row).name() == MARK_COLOURS[kind]]

    line.steps(64)
    assert drawn() == []
    line.steps(64, marks=(Mark(700, "Here", kind),))
    found = drawn()
    assert found
    assert abs(float(np.mean(found)) * slider.width() / slider.grab().width() - slider.place_of(700)) <= 2
