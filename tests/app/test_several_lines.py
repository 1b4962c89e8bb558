"""Several lines of training in one figure, looked at by measuring: who is drawn how, dots, what is not finite."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyqtgraph as pg
import pytest
from PyQt6.QtWidgets import QApplication

from thalweg.app.overlay import DrawnLine
from thalweg.app.theme import LINE_STYLES, THEMES
from thalweg.app.views.curve import PALE
from thalweg.app.views.curves import MEASURES, CurvesFigure
from thalweg.app.views.gradient_norms import GradientNormsFigure
from thalweg.app.views.landscape import LandscapeFigure
from thalweg.app.views.lost import LostMarks

from .figures import Draw
from .rig import drawn_line, path
from .test_views import picture, shown_state

pytestmark = [
    pytest.mark.usefixtures("qapp"),
    pytest.mark.qt_log_level_fail("WARNING"),
    pytest.mark.qt_log_ignore(r"This plugin does not support \w+\(\)"),
]


def lines(count: int, **changes: Any) -> list[DrawnLine]:
    """So many lines, each with measures of its own."""
    steps = np.arange(41)
    names = (*MEASURES, "gradient_1", "gradient_2")
    return [
        drawn_line({"step": steps} | dict.fromkeys(names, (k + 1.5) / (2 + steps)), k, **changes) for k in range(count)
    ]


def look(item: pg.PlotCurveItem) -> tuple[str, Any]:
    """Colour and line style."""
    pen = item.opts["pen"]
    return pen.color().name(), pen.style()


def curves(draw: Draw, found: list[DrawnLine], *, log: tuple[bool, bool] = (False, False)) -> CurvesFigure:
    """Loss and accuracy of these lines."""
    figure = draw("curves", shown_state())
    assert isinstance(figure, CurvesFigure)
    figure.set_lines(found, "nats", *log)
    QApplication.processEvents()
    return figure


def norms(draw: Draw, found: list[DrawnLine], log_steps: bool = False) -> GradientNormsFigure:
    """Gradient norms of these lines."""
    figure = draw("gradient-norms", shown_state())
    assert isinstance(figure, GradientNormsFigure)
    figure.set_lines(found, log_steps, "nats")
    QApplication.processEvents()
    return figure


# --- who is drawn how ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", THEMES)
def test_every_line_has_a_colour_and_a_line_style_of_its_own(draw: Draw, theme: str) -> None:
    """As many as fit: in colour any few differ in both, and none is like another."""
    figure = curves(draw, lines(30))
    figure.set_theme(THEMES[theme])
    looks = [look(figure.curves[n, "train_loss"].item) for n in range(30)]
    assert len(set(looks)) == 30
    first = looks[: min(len(LINE_STYLES), len(THEMES[theme].series))]
    for part in (0, 1):
        assert len({found[part] for found in first}) == len(first)


def test_a_line_looks_the_same_in_every_curve_and_test_examples_are_paler(draw: Draw) -> None:
    """Alone they are told apart by colour, as they always were."""
    figure = curves(draw, lines(3))
    for number in range(3):
        assert len({look(figure.curves[number, name].item) for name in MEASURES}) == 1
        for name in MEASURES:
            alpha = figure.curves[number, name].item.opts["pen"].color().alpha()
            assert alpha == (PALE if name.startswith("test") else 255)
    alone = curves(draw, lines(1))
    assert len({look(alone.curves[0, name].item) for name in MEASURES}) == 2
    assert {alone.curves[0, name].item.opts["pen"].color().alpha() for name in MEASURES} == {255}
    assert [label.text for _, label in alone.legend.items] == ["training", "test"]


def test_what_a_run_left_behind_stands_back(draw: Draw) -> None:
    """In both figures; it is still there."""
    found = lines(2)
    found[0] = replace(found[0], past=True, front=False)
    for figure, name in ((curves(draw, found), "train_loss"), (norms(draw, found), "gradient_1")):
        pale, plain = (figure.curves[n, name].item.opts["pen"].color().alpha() for n in (0, 1))
        assert pale < plain == 255


def test_what_is_not_among_the_lines_is_not_drawn(draw: Draw) -> None:
    """Nor named: a line that was hidden leaves no curve, no dot and no word; shown again it is as before."""
    found = lines(3)
    figure, below = curves(draw, found), norms(draw, found)
    before = look(figure.curves[2, "train_loss"].item)
    count = len(figure.loss.items)
    figure.set_lines(found[::2], "nats", False, False)
    below.set_lines(found[::2], False, "nats")
    assert {n for n, _ in figure.curves} == {n for n, _ in below.curves} == {0, 2}
    assert [label.text for _, label in figure.legend.items] == ["line 0", "line 2"]
    assert look(figure.curves[2, "train_loss"].item) == before
    assert len(figure.loss.items) < count
    figure.set_lines(found, "nats", False, False)
    assert len(figure.loss.items) == count


def test_layers_have_their_colours_and_lines_their_styles(draw: Draw) -> None:
    """The legend says both, without a line's style in a layer's place."""
    figure = norms(draw, lines(3))
    looks = {key: look(curve.item) for key, curve in figure.curves.items()}
    assert len(set(looks.values())) == 6
    for layer in ("gradient_1", "gradient_2"):
        assert len({looks[n, layer][0] for n in range(3)}) == 1
        assert len({looks[n, layer][1] for n in range(3)}) == 3
    words = [label.text for _, label in figure.legend.items]
    assert words == ["layer 1", "layer 2", "line 0", "line 1", "line 2"]
    samples = [item.item for item, _ in figure.legend.items[2:]]
    assert [look(s)[1] for s in samples] == [looks[n, "gradient_1"][1] for n in range(3)]


@pytest.mark.parametrize("which", ["both", "training", "test"])
def test_which_examples_are_drawn_is_the_persons_choice(draw: Draw, which: str) -> None:
    """Of several lines too; one alone always has a name in the legend."""
    figure = curves(draw, lines(2))
    figure.set_lines(lines(2), "nats", False, False, which)
    splits = {name.partition("_")[0] for _, name in figure.curves}
    assert splits == {"both": {"train", "test"}, "training": {"train"}, "test": {"test"}}[which]
    assert [label.text for _, label in figure.legend.items] == ["line 0", "line 1"]


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("step", [0, 17, 40])
def test_the_dot_stands_at_the_step_that_is_looked_at(draw: Draw, log: bool, step: int) -> None:
    """Of each line; on a logarithmic axis step 0 has no place, and so no dot."""
    found = lines(2, step=step)
    for figure, name in (
        (curves(draw, found, log=(False, log)), "train_loss"),
        (norms(draw, found, log), "gradient_1"),
    ):
        for line in found:
            x, y = figure.curves[line.number, name]._newest.getData()
            if log and step == 0:
                assert len(x) == 0
                continue
            expected = line.series[name][step]
            assert x == pytest.approx([np.log10(step) if log else step])
            assert y == pytest.approx([np.log10(expected) if name.startswith("gradient") else expected])


def test_the_table_has_all_lines_one_after_the_other(draw: Draw) -> None:
    """Each row with the name of its run; of one line alone there is no such column."""
    found = lines(3)
    for figure in (curves(draw, found), norms(draw, found)):
        table = figure.table()
        assert {len(column) for column in table.values()} == {3 * 41}
        for line in found:
            rows = table["run"] == line.name
            for name in set(table) - {"run"}:
                assert np.array_equal(table[name][rows].astype(float), line.series[name].astype(float))
    assert "run" not in curves(draw, found[:1]).table()


# --- what is not finite ----------------------------------------------------------------------------------------------


def test_what_is_not_finite_is_marked_where_it_is(draw: Draw) -> None:
    """Above its step, inside the plot; once for a step, however many lines are lost there."""
    found = lines(3)
    for number, bad in ((0, [30, 31]), (2, [31, 40])):
        loss = found[number].series["train_loss"].copy()
        loss[bad] = (np.inf, np.nan)
        found[number] = replace(found[number], series=found[number].series | {"train_loss": loss})
    figure = curves(draw, found)
    assert figure.lost.places.tolist() == [30, 31, 40]
    x, y = figure.lost._marks.getData()
    assert x.tolist() == [30, 31, 40]
    low, high = figure.loss.getViewBox().viewRange()[1]
    assert ((y > low) & (y < high)).all()
    assert figure.lost._label.isVisible()
    figure.set_lines(lines(3), "nats", False, False)
    assert len(figure.lost.places) == 0
    assert not figure.lost._label.isVisible()
    picture(figure)


def test_the_marks_stay_at_the_edge_when_the_plot_is_moved(draw: Draw) -> None:
    """And what has no place has no mark: step 0 on a logarithmic axis."""
    figure = curves(draw, lines(1))
    marks = LostMarks(figure.loss)
    marks.dress(THEMES["light"])
    marks.set([(np.array([np.nan, 1.0, 2.0]), np.array([np.nan, np.inf, 1.0]))])
    assert marks.places.tolist() == [1.0]
    for low, high in ((0.0, 1.0), (-50.0, 7.0)):
        figure.loss.setYRange(low, high, padding=0)
        (y,) = marks._marks.getData()[1]
        assert low + 0.9 * (high - low) < y < high
    marks.set([])
    assert len(marks.places) == 0


# --- the landscape ---------------------------------------------------------------------------------------------------


def others(figure: LandscapeFigure) -> list[tuple[str, Any]]:
    """Colour and dashes of the paths beside that of the line in front."""
    return [(item._core.name(), item._dashes) for item in figure.others]


def test_other_paths_are_drawn_behind_the_one_in_front(draw: Draw) -> None:
    """Each in its style, whatever came before; none leaves nothing."""
    figure = draw("landscape", shown_state())
    assert isinstance(figure, LandscapeFigure)
    before = picture(figure)
    paths = [path(0, np.linspace(-1, 3, 30), np.full(30, 0.4 * k)) for k in range(5)]
    figure.set_others(tuple((p, k) for k, p in enumerate(paths)))
    QApplication.processEvents()
    assert (picture(figure) != before).any()
    assert len(set(others(figure))) == 5
    assert all(item.zValue() < figure.path.zValue() for item in figure.others)
    for item, wanted in zip(figure.others, paths, strict=True):
        assert np.array_equal(item._points, np.stack([wanted.alpha, wanted.beta], axis=1))
    assert len({item._marker for item in figure.others}) == 5, "each ends in a marker of its own"
    two = others(figure)[3:]
    figure.set_others(tuple((paths[k], k) for k in (3, 4)))
    assert others(figure) == two
    figure.set_theme(THEMES["projector"])
    assert len(figure.others) == 2
    figure.set_theme(THEMES["light"])
    figure.set_others(())
    QApplication.processEvents()
    assert figure.others == []
    assert (picture(figure) == before).all()
