"""Strips of several lines, one below the other: which, where, and what a person clicks on."""

from __future__ import annotations

import doctest
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PyQt6.QtCore import QPoint, QPointF, Qt
from PyQt6.QtWidgets import QApplication

from thalweg.app.overlay import DrawnLine
from thalweg.app.views import strip_stack
from thalweg.app.views.depth import DepthFigure
from thalweg.app.views.strip_stack import MOST, fits, gap_for, place_at, places_of, stacked
from thalweg.core.scene.depth import DepthSpec

from .figures import Draw
from .rig import state_of

STEPS = np.array([0, 1, 2, 10, 100])


def a_line(number: int, *, front: bool = False, style: int | None = None, factor: float = 1.0) -> DrawnLine:
    """A line of four layers whose gradient is this many times 1, 2, 3, 4."""
    series = {"step": STEPS} | {f"gradient_{n}": np.full(5, factor * n) for n in range(1, 5)}
    return DrawnLine(
        number=number, name=f"line {number}", style=number if style is None else style, front=front, past=False,
        ended=False, fan=-1, step=10, series=series, path=None, layers=tuple(f"layer {n}" for n in range(1, 5)),
    )  # fmt: skip


def test_examples() -> None:
    """Those in the docstrings."""
    assert doctest.testmod(strip_stack).failed == 0


def test_there_is_one_strip_for_each_style_and_always_that_in_front() -> None:
    """Seeds of one run share a style; of many lines the first are drawn, and the one in front, in their order."""
    lines = [a_line(0, style=0), a_line(1, style=0, front=True), a_line(2, style=1)]
    assert [line.number for line in stacked(lines)] == [1, 2]
    many = [a_line(n, front=n == 9) for n in range(10)]
    assert [line.number for line in stacked(many)] == [*range(MOST - 1), 9]


@given(st.integers(1, 6), st.integers(1, 50), st.floats(50, 1000), st.floats(5, 40))
def test_names_are_as_high_as_their_text_where_there_is_room(
    count: int, depth: int, height: float, text: float
) -> None:
    """All strips and names together fill the height."""
    gap = gap_for(count, depth, height, text)
    assert 0 < gap <= depth
    if fits(count, depth, height, text):
        pixels = height / (count * (depth + gap))
        assert gap * pixels == pytest.approx(text) or gap == depth


@given(st.integers(1, 6), st.integers(1, 9), st.floats(0.1, 3.0), st.data())
def test_what_is_at_a_height_is_what_was_put_there(count: int, depth: int, gap: float, data: st.DataObject) -> None:
    """Every layer of every strip is found again within half a layer; above and below all, the first and last."""
    places = places_of([a_line(n) for n in range(count)], depth, gap)
    k, layer = data.draw(st.integers(0, count - 1)), data.draw(st.integers(1, depth))
    row = places[k].offset + layer + data.draw(st.floats(-0.45, 0.45))
    assert place_at(places, row, 1, depth) == (places[k], layer)
    assert place_at(places, -100.0, 1, depth) == (places[0], 1)
    assert place_at(places, 1e4, 1, depth) == (places[-1], depth)


def drawn(draw: Draw, lines: list[DrawnLine], height: int = 500) -> DepthFigure:
    """The figure of these lines."""
    figure = draw("depth", state_of(), (700, height))
    assert isinstance(figure, DepthFigure)
    figure.set_lines(lines, DepthSpec(), False, "gradient norm")
    for _ in range(4):
        QApplication.processEvents()
    return figure


def test_several_lines_have_a_strip_each_on_one_scale(draw: Draw) -> None:
    """A line of ten times the gradient has other colours, not the same on a scale of its own; each under its name."""
    figure = drawn(draw, [a_line(0, front=True), a_line(1, factor=10.0)])
    one, other = figure.images[:2]
    assert one.cells[0, 0].tolist() != other.cells[0, 0].tolist()
    shown = [t for t in figure._titles if t.isVisible()]
    assert [t.toPlainText() for t in shown] == ["line 0", "line 1"]
    tops = [t.sceneBoundingRect().top() for t in shown]
    bottoms = [t.sceneBoundingRect().bottom() for t in shown]
    assert bottoms[0] < tops[1]
    figure.set_lines([a_line(0, front=True)], DepthSpec(), False, "gradient norm")
    assert not any(t.isVisible() for t in figure._titles)
    assert not figure.images[1].crosses.cells


def test_where_there_is_no_room_the_strip_in_front_stands_alone(draw: Draw) -> None:
    """Under its name, so that one knows which it is."""
    figure = drawn(draw, [a_line(n, front=n == 2) for n in range(5)], height=190)
    shown = [t.toPlainText() for t in figure._titles if t.isVisible()]
    assert shown == ["line 2"]


def test_a_click_on_any_strip_chooses_the_layer_there(qtbot, draw: Draw) -> None:
    """The third layer of the second strip, the fourth of the first."""
    figure = drawn(draw, [a_line(0, front=True), a_line(1)])
    for place, layer in ((figure._stack[1], 3), (figure._stack[0], 4)):
        with qtbot.waitSignal(figure.layer_requested) as found:
            box = figure.strip.getViewBox()
            at = figure.mapFromScene(box.mapViewToScene(QPointF(50.0, place.offset + layer)))
            qtbot.mouseClick(figure.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(round(at.x()), round(at.y())))
        assert found.args == [layer]


def test_a_line_that_is_not_finite_is_crossed_out_in_its_own_strip(draw: Draw) -> None:
    """And nowhere else."""
    lost = a_line(1)
    series = dict(lost.series) | {"gradient_2": np.array([1.0, 1.0, np.nan, np.nan, np.nan])}
    figure = drawn(draw, [a_line(0, front=True), replace(lost, series=series)])
    assert not figure.images[0].crosses.cells
    (cell,) = figure.images[1].crosses.cells
    assert cell.center().y() == pytest.approx(figure._stack[1].offset + 2)


def test_another_height_while_nothing_can_be_drawn_changes_nothing(draw: Draw) -> None:
    """On a logarithmic axis step 0 has no place: new lines that stand there have no curves yet."""
    figure = drawn(draw, [a_line(0, front=True), a_line(1)])
    begun = [replace(a_line(n, front=n == 0), series={k: v[:1] for k, v in a_line(n).series.items()}) for n in range(3)]
    figure.set_lines(begun, DepthSpec(), True, "gradient norm")
    figure.resize(700, 300)
    for _ in range(4):
        QApplication.processEvents()
    figure.set_lines([a_line(n, front=n == 0) for n in range(3)], DepthSpec(), False, "gradient norm")
    assert sum(t.isVisible() for t in figure._titles) in (1, 3)


def test_the_course_gives_way_to_the_strips_before_they_give_way_to_one(draw: Draw) -> None:
    """From low to high: one strip, all strips without a course, all with it; and never back."""
    figure = drawn(draw, [a_line(n, front=n == 0) for n in range(5)], height=150)
    seen = []
    for height in range(150, 620, 20):
        figure.resize(700, height)
        for _ in range(4):
            QApplication.processEvents()
        shown = sum(t.isVisible() for t in figure._titles)
        seen.append((shown, figure.course in figure.body.items))
    several = [shown == 5 for shown, _ in seen]
    assert several == sorted(several)
    assert (5, False) in seen
    assert seen[-1] == (5, True)
    assert {shown for shown, _ in seen} == {1, 5}
