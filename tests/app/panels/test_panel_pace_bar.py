"""The pace bar: marks of the slider, words, and what one step is."""

import math

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QComboBox

from thalweg.app.panels.pace_bar import SPEEDS, PaceBar, mark_of, speed_text
from thalweg.core.scene import PaceSpec


@pytest.fixture
def bar(qtbot):
    """A bar on the default pace, and what it has sent."""
    bar, sent = PaceBar(), []
    qtbot.addWidget(bar)
    bar.edited.connect(lambda path, value: sent.append((path, value)))
    bar.set_pace(PaceSpec())
    bar.show()
    return bar, sent


def test_every_mark_is_accepted_and_comes_back(bar):
    """All marks are speeds of the spec; setting one sends nothing."""
    for mark, speed in enumerate(SPEEDS):
        bar[0].set_pace(PaceSpec(speed=speed))
        assert bar[0].slider.value() == mark == mark_of(speed)
        assert bar[0].label.text() == speed_text(speed)
    assert bar[1] == []


def test_a_speed_between_marks_is_shown_as_it_is(bar):
    """The slider takes the nearer mark, the words do not."""
    bar[0].set_pace(PaceSpec(speed=30.0))
    assert SPEEDS[bar[0].slider.value()] == 20.0 and bar[0].label.text() == "30 steps/s"
    assert SPEEDS[mark_of(1e9)] == 1000.0


def test_keys_move_the_slider(bar, qtbot):
    """One key, one mark, one signal."""
    qtbot.keyClick(bar[0].slider, Qt.Key.Key_Left)
    qtbot.keyClick(bar[0].slider, Qt.Key.Key_End)
    assert bar[1] == [("pace.speed", 1000.0), ("pace.speed", math.inf)]


def test_one_step_is(bar, qtbot, enter):
    """The number of batches counts only when a step is a number of batches."""
    bar, sent = bar
    assert not bar.batches.isEnabled()
    qtbot.keyClick(bar.step.findChild(QComboBox), Qt.Key.Key_End)
    assert sent == [("pace.step", "batches")]
    bar.set_pace(PaceSpec(step="batches"))
    assert bar.batches.isEnabled()
    enter(bar.batches, "25")
    assert sent[1:] == [("pace.batches", 25)]


def test_nonsense_is_marked(bar):
    """The sentence stands in the tooltip: a tool bar has no line below."""
    bar, _ = bar
    assert bar.set_error("pace.batches", "pace.batches: 0 is not accepted") and bar.batches.wrong
    assert "0 is not accepted" in bar.batches.toolTip()
    bar.clear_errors()
    assert not bar.batches.wrong and not bar.set_error("run.seed", "not here")


def test_the_width_does_not_depend_on_the_speed(bar):
    """Nothing beside the words moves while the slider does."""
    widths = set()
    for speed in SPEEDS:
        bar[0].set_pace(PaceSpec(speed=speed))
        widths.add(bar[0].sizeHint().width())
    assert len(widths) == 1


def test_names(bar):
    """A screen reader can tell the parts apart."""
    names = [
        bar[0].slider.accessibleName(),
        *(e.focusProxy().accessibleName() for e in (bar[0].step, bar[0].batches)),
    ]
    assert all(names) and len(set(names)) == 3
