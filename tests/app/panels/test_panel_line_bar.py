"""The legend of lines: shown or hidden, put in front, forgotten; gone while there is one line only."""

from __future__ import annotations

from typing import Any

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QApplication

from thalweg.app.marks import Entry
from thalweg.app.panels.line_bar import LineBar
from thalweg.app.theme import LINE_STYLES, THEMES


def entry(number: int, *, front: bool = False, shown: bool = True, past: bool = False, lines: Any = None) -> Entry:
    """An entry of one line."""
    return Entry(lines or (number,), f"line {number}", number, front, shown, past, (lines or (number,))[0])


FAN = Entry((4, 5, 6), "3 seeds: seed 0 … seed 2", 3, False, True, False, 4)
ENTRIES = (entry(0, front=True), entry(1, past=True), entry(2, shown=False), FAN)


class Bar:
    """A bar on screen, and what it has said."""

    def __init__(self, qtbot: Any) -> None:
        self.widget, self.said = LineBar(), []
        qtbot.addWidget(self.widget)
        self.widget.resize(900, 30)
        for name in ("show", "front", "forget"):
            signal = getattr(self.widget, f"{name}_requested")
            signal.connect(lambda *given, name=name: self.said.append((name, *given)))


@pytest.fixture
def bar(qtbot: Any) -> Bar:
    """A bar with a line in front, one of the past, one that is hidden, and a fan."""
    made = Bar(qtbot)
    made.widget.set_entries(ENTRIES)
    QApplication.processEvents()
    return made


def test_one_line_needs_no_legend(bar: Bar) -> None:
    """Nor does none; from two on it is there."""
    for count in (0, 1, 2, 1, 4, 0):
        bar.widget.set_entries(ENTRIES[:count])
        assert bar.widget.isHidden() is (count < 2)
        assert len(bar.widget.chips) == count


def test_what_is_clicked_is_said_with_its_line(qtbot: Any, bar: Bar) -> None:
    """And changes nothing by itself; all lines of a fan are shown or hidden, its first is put in front."""
    left = Qt.MouseButton.LeftButton
    for number in (1, 3):
        qtbot.mouseClick(bar.widget.chips[number].name, left)
    chips = bar.widget.chips
    qtbot.mouseClick(chips[1].drop, left)
    assert bar.said == [("front", 1), ("front", 4), ("forget", 1)]
    bar.said.clear()
    for number in (1, 2, 3):
        chips[number].box.click()
    assert bar.said == [("show", (1,), False), ("show", (2,), True), ("show", (4, 5, 6), False)]
    assert len(bar.widget.chips) == 4


def test_showing_entries_says_nothing(bar: Bar) -> None:
    """Whatever changes in them: the state comes here at every frame."""
    for entries in (ENTRIES[::-1], ENTRIES[:2], (entry(9), entry(2, front=True)), ENTRIES):
        bar.widget.set_entries(entries)
        bar.widget.set_theme(THEMES["dark"])
    assert bar.said == []


def test_what_is_said_is_of_the_entries_that_are_shown_now(qtbot: Any, bar: Bar) -> None:
    """Not of those that stood there before."""
    bar.widget.set_entries((entry(7, past=True), entry(8, front=True)))
    chip = bar.widget.chips[0]
    chip.box.click()
    qtbot.mouseClick(chip.name, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(chip.drop, Qt.MouseButton.LeftButton)
    assert bar.said == [("show", (7,), False), ("front", 7), ("forget", 7)]


def test_the_line_in_front_stands_out_and_is_always_drawn(bar: Bar) -> None:
    """It can be neither hidden nor forgotten."""
    for chip, given in zip(bar.widget.chips, ENTRIES, strict=True):
        assert chip.name.text() == given.name
        assert chip.name.font().bold() is given.front
        assert chip.box.isEnabled() is not given.front
        assert chip.box.isChecked() is given.shown
        assert chip.drop.isVisibleTo(bar.widget) is (given.past and not given.front)


@pytest.mark.parametrize("theme", THEMES)
def test_samples_tell_the_lines_apart(bar: Bar, theme: str) -> None:
    """No two pictures of a line are the same, in any theme."""
    bar.widget.set_theme(THEMES[theme])
    bar.widget.set_entries(tuple(entry(n) for n in range(len(LINE_STYLES) + 2)))
    pictures = []
    for chip in bar.widget.chips:
        image = chip.name.icon().pixmap(30, 10).toImage()
        pictures.append(bytes(image.constBits().asarray(image.sizeInBytes())))
    assert len(set(pictures)) == len(pictures)


def test_every_control_has_a_name_for_those_who_do_not_see_it(bar: Bar) -> None:
    """Of its own line, also after the lines have changed."""
    bar.widget.set_entries((entry(7, past=True), entry(8, front=True)))
    for chip, given in zip(bar.widget.chips, (7, 8), strict=True):
        for control in (chip.box, chip.drop):
            assert f"line {given}" in control.accessibleName()


def test_lines_that_find_no_room_are_scrolled_to(bar: Bar) -> None:
    """The bar grows by the height of the scroll bar alone, which covers no line."""
    bar.widget.show()
    bar.widget.set_entries(tuple(entry(n) for n in range(2)))
    low = bar.widget.height()
    bar.widget.set_entries(tuple(entry(n) for n in range(30)))
    for _ in range(4):
        QApplication.processEvents()
    page, view = bar.widget.widget(), bar.widget.viewport()
    assert page is not None
    assert view is not None
    assert page.width() > bar.widget.width()
    assert bar.widget.horizontalScrollBar().maximum() > 0
    assert bar.widget.height() < low + 30
    assert view.height() >= max(chip.sizeHint().height() for chip in bar.widget.chips)
