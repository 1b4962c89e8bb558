"""Keys and the mouse in the window: Space plays unless a person has tabbed to something that wants it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QPushButton,
    QSlider,
    QToolButton,
    QWidget,
)

from thalweg.app.intents import Edit, Report

from .rig import tiny_scene
from .test_window import Open, opened, press, there  # noqa: F401  fixtures

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.qt_log_level_fail("WARNING"),
    pytest.mark.qt_log_ignore(r"This plugin does not support \w+\(\)"),
]

LEFT = Qt.MouseButton.LeftButton


def controls(open_: Open) -> list[QWidget]:
    """All that can be pressed, ticked, chosen or moved and is on screen now."""
    kinds = (QCheckBox, QComboBox, QPushButton, QSlider, QToolButton)
    return [w for w in open_.window.findChildren(kinds) if w.isVisible() and w.isEnabled()]


def show_forms(open_: Open, panel: str) -> None:
    """Bring the form of the run or of the view to the front."""
    open_.window.controls.widget().setCurrentWidget(getattr(open_.window, f"{panel}_panel"))
    QApplication.processEvents()


@pytest.mark.parametrize("panel", ["run", "view"])
def test_no_control_takes_the_focus_by_a_click(there: Open, panel: str) -> None:  # noqa: F811
    """By Tab all of them do, also those that came later: the banner's answers, the layers' buttons."""
    there.controller.dispatch(Report("Something to close."))
    there.controller.dispatch(Edit("run.seed", 9))  # the draft's two buttons
    there.look()
    show_forms(there, panel)
    found = controls(there)
    assert {type(w).__name__ for w in found} >= {"QPushButton", "QSlider", "QToolButton"}
    names = [w.text() for w in found if isinstance(w, QPushButton)]
    assert "Close" in names
    for control in found:
        policy = control.focusPolicy()
        assert not policy & Qt.FocusPolicy.ClickFocus, (control, getattr(control, "text", str)())


def test_space_plays_after_a_click_on_anything(qtbot, there: Open) -> None:  # noqa: F811
    """The click does what it does; the key does not do it once more."""
    show_forms(there, "view")
    box = next(b for b in there.window.view_panel.findChildren(QCheckBox) if b.isVisible())
    qtbot.mouseClick(box, LEFT, pos=QPoint(8, box.height() // 2))
    ticked = box.isChecked()
    press(qtbot, there, "Space")
    assert there.state.playing
    assert box.isChecked() is ticked
    plane = there.state.plane
    qtbot.mouseClick(there.window.view_panel.lay, LEFT)
    assert there.state.plane == plane + 1
    press(qtbot, there, "Space")
    assert not there.state.playing
    assert there.state.plane == plane + 1
    slider = there.window.pace_bar.slider
    qtbot.mouseClick(slider, LEFT, pos=QPoint(slider.width() // 2, slider.height() // 2))
    mark, advances = slider.value(), there.state.advances
    press(qtbot, there, "Right")
    assert slider.value() == mark
    assert there.state.advances == advances + 1


def tabbed(qtbot, open_: Open, control: QWidget) -> None:
    """Reach a control as Tab does."""
    open_.window.activateWindow()
    control.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(control.hasFocus, timeout=2000)


def test_an_answer_of_the_banner_can_be_given_without_a_mouse(qtbot, there: Open) -> None:  # noqa: F811
    """Tab to it, then Space presses it, and does not play."""
    there.controller.dispatch(Report("Something to close."))
    there.look()
    button = there.window.banner.buttons["dismiss"]
    tabbed(qtbot, there, button)
    qtbot.keyClick(button, Qt.Key.Key_Space)
    assert there.state.sentence == ""
    assert not there.state.playing


def test_a_layers_button_can_be_pressed_without_a_mouse(qtbot, there: Open) -> None:  # noqa: F811
    """They are made anew when the network changes its depth."""
    show_forms(there, "view")
    row = next(f.rows["view.plane.y.layers"] for f in there.window.view_panel.forms.forms.values()
               if "view.plane.y.layers" in f.rows)  # fmt: skip
    button = next(b for b in row.editor.findChildren(QToolButton) if b.text() == "1")
    tabbed(qtbot, there, button)
    qtbot.keyClick(button, Qt.Key.Key_Space)
    assert not there.state.playing
    assert 1 in there.state.scene.view.plane.y.layers


def test_letters_in_a_choice_choose(qtbot, opened: Callable[..., Open]) -> None:  # noqa: F811
    """R is RMSProp there, not a reset."""
    one = opened(tiny_scene())
    one.until(lambda s: s.started and s.frame)
    show_forms(one, "run")
    box = next(b for b in one.window.run_panel.findChildren(QComboBox) if b.findText("RMSProp") >= 0)
    tabbed(qtbot, one, box)
    generation = one.state.generation
    qtbot.keyClick(box, Qt.Key.Key_R)
    assert one.state.generation == generation
    assert box.currentText() == "RMSProp"
