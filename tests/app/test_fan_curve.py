"""A fan of runs that differ in their seed alone: median, band, and the member that the pointer is at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PyQt6.QtCore import QPointF

from thalweg.app.overlay import fan_of
from thalweg.app.views.fan_curve import REACH, FanCurve

from .figures import Draw
from .test_several_lines import curves, lines, look, norms

pytestmark = [
    pytest.mark.usefixtures("qapp"),
    pytest.mark.qt_log_level_fail("WARNING"),
    pytest.mark.qt_log_ignore(r"This plugin does not support \w+\(\)"),
]


def test_a_fan_is_one_curve_with_a_band(draw: Draw) -> None:
    """Its median where numpy has it, its range between the least and the greatest; its members are no curves."""
    members = lines(5, fan=0, style=0)
    figure = curves(draw, members)
    assert figure.curves == {}
    fan = figure.fans[-1, "train_loss"]
    values = np.stack([m.series["train_loss"] for m in members])
    x, y = fan.item.getData()
    assert np.array_equal(x, np.arange(41))
    assert y == pytest.approx(np.median(values, axis=0))
    assert fan._low.getData()[1] == pytest.approx(values.min(axis=0))
    assert fan._high.getData()[1] == pytest.approx(values.max(axis=0))
    assert [label.text for _, label in figure.legend.items] == ["5 seeds: median, range"]
    accuracy = figure.fans[-1, "train_accuracy"].item.getData()[1]
    assert accuracy == pytest.approx(100 * fan_of(members, "train_accuracy").median)


def test_a_fan_of_which_one_member_is_shown_is_a_line(draw: Draw) -> None:
    """A band of one has no width."""
    figure = curves(draw, lines(1, fan=0))
    assert figure.fans == {}
    assert (0, "train_loss") in figure.curves


def test_two_fans_and_a_line_have_looks_of_their_own(draw: Draw) -> None:
    """In both figures, and a name each."""
    found = lines(5)
    found = [replace(m, fan=(0, 0, 1, 1, -1)[n], style=(0, 0, 1, 1, 2)[n]) for n, m in enumerate(found)]
    figure = curves(draw, found)
    looks = [look(figure.fans[key, "train_loss"].item) for key in (-1, -2)] + [
        look(figure.curves[4, "train_loss"].item)
    ]
    for part in (0, 1):
        assert len({one[part] for one in looks}) == 3
    assert len(figure.legend.items) == 3
    below = norms(draw, found)
    styles = [look(below.fans[key, "gradient_1"].item)[1] for key in (-1, -2)]
    styles.append(look(below.curves[4, "gradient_1"].item)[1])
    assert len(set(styles)) == 3


@pytest.fixture
def fan(draw: Draw) -> FanCurve:
    """The fan of five members in a figure on screen."""
    return curves(draw, lines(5, fan=0, style=0)).fans[-1, "train_loss"]


def scene_at(fan: FanCurve, x: float, y: float, down: float = 0.0) -> QPointF:
    """A place of the plot, and so many pixels below it."""
    return fan._plot.getViewBox().mapViewToScene(QPointF(x, y)) + QPointF(0, down)


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("x", [3.5, 20.0])
def test_the_pointer_finds_the_nearest_member(fan: FanCurve, number: int, x: float) -> None:
    """Between two steps too, as the line is drawn there; its name stands beside the pointer."""
    member = fan._members[number]
    y = float(np.interp(x, member.x, member.y))
    assert fan.point_at(scene_at(fan, x, y))
    assert fan.label.isVisible()
    assert fan.label.toPlainText() == member.name
    assert np.array_equal(fan._member.item.getData()[1], member.y)


def test_the_pointer_finds_nothing_where_there_is_nothing(fan: FanCurve) -> None:
    """Too far above all of them, before the first step and after the last; and nothing once it has left."""
    top = fan._members[-1]
    y = float(top.y[20])
    assert not fan.point_at(scene_at(fan, 20, y, down=-2 * REACH))
    assert fan.point_at(scene_at(fan, 20, y, down=-0.5 * REACH))
    for x in (-3.0, 43.0):
        assert not fan.point_at(scene_at(fan, x, float(top.y[0 if x < 0 else -1])))
        assert not fan.label.isVisible()
    assert fan.point_at(scene_at(fan, 20, y))
    fan.leave()
    assert not fan.label.isVisible()
    assert not fan._member.item.isVisible()


def test_a_member_that_ended_is_found_as_far_as_it_goes(draw: Draw) -> None:
    """Gaps in it are not taken for values."""
    members = lines(3, fan=0, style=0)
    gone = {k: (v if k == "step" else np.where(np.arange(41) > 20, np.nan, v)) for k, v in members[2].series.items()}
    figure = curves(draw, [*members[:2], replace(members[2], series=gone)])
    fan = figure.fans[-1, "train_loss"]
    assert fan.point_at(scene_at(fan, 10, float(gone["train_loss"][10])))
    assert fan.label.toPlainText() == "line 2"
    fan.point_at(scene_at(fan, 35, float(members[2].series["train_loss"][35])))
    assert not fan.label.isVisible() or fan.label.toPlainText() != "line 2"
    assert np.isfinite(fan._low.getData()[1]).all()
