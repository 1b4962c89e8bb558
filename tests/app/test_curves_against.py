"""Curves against steps, gradient evaluations and training time: where their points, dots and marks stand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PyQt6.QtWidgets import QApplication

from thalweg.app import captions
from thalweg.app.intents import Edit, Undo
from thalweg.app.overlay import DrawnLine
from thalweg.app.reduce import reduce
from thalweg.app.state import AppState
from thalweg.app.views.curves import MEASURES, CurvesFigure
from thalweg.core.scene import Scene, SpecError, dumps, loads
from thalweg.core.training.recorder import record

from .figures import Draw
from .rig import drawn_line, frame, line
from .test_state import running
from .test_views import shown_state

pytestmark = [
    pytest.mark.usefixtures("qapp"),
    pytest.mark.qt_log_level_fail("WARNING"),
    pytest.mark.qt_log_ignore(r"This plugin does not support \w+\(\)"),
]

CHOICES = ("steps", "evaluations", "seconds")


def lines(count: int, **changes: Any) -> list[DrawnLine]:
    """So many lines of 41 steps; line k takes k + 1 gradients for each step, and more time for each than the last."""
    steps = np.arange(41)
    return [
        drawn_line(
            {"step": steps}
            | dict.fromkeys(MEASURES, (k + 1.5) / (2 + steps))
            | {"evaluations": (k + 1.0) * steps, "seconds": 0.001 * (k + 1) * steps**2},
            k,
            **changes,
        )
        for k in range(count)
    ]


def curves(draw: Draw, found: list[DrawnLine], against: str, log: bool = False) -> CurvesFigure:
    """Loss and accuracy of these lines."""
    figure = draw("curves", shown_state())
    assert isinstance(figure, CurvesFigure)
    show(figure, found, against, log)
    return figure


def show(figure: CurvesFigure, found: list[DrawnLine], against: str, log: bool = False) -> None:
    """Draw these lines in it."""
    figure.set_lines(found, "nats", False, log, "both", against)
    QApplication.processEvents()


def places(found: DrawnLine, against: str) -> np.ndarray:
    """Where the points of a line stand."""
    return found.series["step" if against == "steps" else against]


# --- where things stand ----------------------------------------------------------------------------------------------


def test_a_method_of_two_gradients_is_drawn_twice_as_long(draw: Draw) -> None:
    """Sharpness-aware and plain descent on the ravine: as long against steps, and twice against gradients."""
    scene = Scene().edited({"run.network.kind": "surface"}).edited({"run.optimiser.learning_rate": 0.004})
    scene = scene.edited({"variants": [scene.edited({"run.optimiser.name": "sam"}).run.model_dump()]})
    made = record(scene, 25)
    found = [drawn_line(one.series, one.number) for one in made.lines]
    ends = {}
    for against in CHOICES:
        figure = curves(draw, found, against)
        ends[against] = [figure.curves[n, "train_loss"].item.getData()[0][-1] for n in (0, 1)]
    assert ends["steps"] == [25, 25]
    assert ends["evaluations"] == [25, 50]
    assert ends["seconds"] == [one.series["seconds"][-1] for one in made.lines]


@pytest.mark.parametrize("against", CHOICES)
@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("step", [0, 17, 40])
def test_points_and_dots_stand_where_the_choice_says(draw: Draw, against: str, log: bool, step: int) -> None:
    """The dot at the step that is looked at; on a logarithmic axis what is 0 has no place."""
    found = lines(3, step=step)
    figure = curves(draw, found, against, log)
    for one in found:
        expected = places(one, against)
        for name in ("train_loss", "test_accuracy"):
            curve = figure.curves[one.number, name]
            x, _ = curve.item.getData()
            assert x == pytest.approx(np.log10(expected[1:]) if log else expected)
            at, _ = curve._newest.getData()
            there = np.log10(expected[[step]]) if log and step else expected[[step]]
            assert at == pytest.approx(there if step or not log else np.empty(0))


def test_a_step_between_two_measures_has_its_dot_at_the_one_before(draw: Draw) -> None:
    """As against steps."""
    found = [
        replace(one, series={name: values[::4] for name, values in one.series.items()}) for one in lines(1, step=11)
    ]
    for against in CHOICES:
        x, _ = curves(draw, found, against).curves[0, "train_loss"]._newest.getData()
        assert x == pytest.approx([places(lines(1)[0], against)[8]])


@pytest.mark.parametrize("against", CHOICES)
@pytest.mark.parametrize("ended", [(), (0,), (0, 1, 2)])
def test_a_fan_stands_at_the_median_of_its_members(draw: Draw, against: str, ended: tuple[int, ...]) -> None:
    """Of those that go on, or of all: the same ones at every step, so that it does not run backwards."""
    found = [replace(one, ended=one.number in ended) for one in lines(3, fan=0, style=0, step=30)]
    fan = curves(draw, found, against).fans[-1, "train_loss"]
    going = [one for one in found if not one.ended] or found
    expected = np.median([places(one, against) for one in going], axis=0)
    x, _ = fan.item.getData()
    assert x == pytest.approx(expected)
    assert fan._low.getData()[0] == pytest.approx(expected)
    assert fan.median._newest.getData()[0] == pytest.approx(expected[[30]])
    for member, one in zip(fan._members, found, strict=True):
        assert member.x == pytest.approx(places(one, against))


@pytest.mark.parametrize("against", CHOICES)
def test_what_is_not_finite_is_marked_where_it_was_counted(draw: Draw, against: str) -> None:
    """Above the place of its step on the axis that there is."""
    found = lines(2)
    loss = found[1].series["train_loss"].copy()
    loss[[30, 31]] = (np.inf, np.nan)
    found[1] = replace(found[1], series=found[1].series | {"train_loss": loss})
    figure = curves(draw, found, against)
    assert figure.lost.places == pytest.approx(places(found[1], against)[[30, 31]])


@pytest.mark.parametrize("log", [False, True])
def test_another_choice_fits_the_axis_anew(draw: Draw, log: bool) -> None:
    """All points are in view, and fill it, also where a person had zoomed; the label says what is counted."""
    found = lines(2)
    figure = curves(draw, found, "steps", log)
    words = {"steps": "step", "evaluations": "gradient evaluations", "seconds": "training time (s"}
    for against in ("seconds", "evaluations", "steps", "evaluations", "seconds", "steps"):
        figure.loss.setXRange(0.3, 0.4)
        show(figure, found, against, log)
        x = np.concatenate([figure.curves[n, "train_loss"].item.getData()[0] for n in (0, 1)])
        for plot in (figure.loss, figure.accuracy):
            low, high = plot.getViewBox().viewRange()[0]
            assert low <= x.min() + 1e-9
            assert high >= x.max()
            assert x.max() - x.min() > 0.85 * (high - low)
        text = figure.accuracy.getAxis("bottom").labelText
        assert text.startswith(words[against])
        assert ("logarithmic; " in text) is log
        assert figure.loss.getAxis("bottom").labelText == ""


# --- what was not counted --------------------------------------------------------------------------------------------


def without(found: DrawnLine) -> DrawnLine:
    """The line as a file holds it that was written before the counts were kept."""
    series = {name: values for name, values in found.series.items() if name not in ("evaluations", "seconds")}
    return replace(found, series=series)


def test_a_line_that_was_not_counted_is_drawn_against_steps_alone(draw: Draw) -> None:
    """It is no curve and no name against anything else; where there is no other, there are no axes either."""
    some = [lines(2)[0], without(lines(2)[1])]
    for found, left in ((some, {0}), ([without(one) for one in some], set())):
        figure = curves(draw, found, "steps")
        assert {n for n, _ in figure.curves} == {0, 1}
        show(figure, found, "seconds")
        assert {n for n, _ in figure.curves} == left
        assert figure.body.opacity() == float(bool(left))
        assert (len(figure.legend.items) > 0) is bool(left)
        show(figure, found, "steps")
        assert {n for n, _ in figure.curves} == {0, 1}
        assert figure.body.opacity() == 1


def test_the_table_has_the_counts_where_there_are_any(draw: Draw) -> None:
    """Not a number for a line without them; no such columns where no line has them."""
    one, other = lines(2)
    table = curves(draw, [one, without(other)], "steps").table()
    for column, name in (("gradient_evaluations", "evaluations"), ("training_seconds", "seconds")):
        assert np.array_equal(table[column], np.r_[one.series[name], np.full(41, np.nan)], equal_nan=True)
    assert set(curves(draw, [without(one)], "steps").table()) == {"step", *MEASURES}


# --- the choice ------------------------------------------------------------------------------------------------------


def seen(*counted: bool) -> AppState:
    """A run at step 5 with such a line each, whose measures have the counts or not."""
    state = running()
    counts = {"evaluations": 2.0 * np.arange(6), "seconds": 0.1 * np.arange(6)}
    found = [line(n, 5, parent=None if n == 0 else 0) for n in range(len(counted))]
    pairs = zip(found, counted, strict=True)
    made = (replace(one, series=(one.series or {}) | (counts if has else {})) for one, has in pairs)
    return reduce(frame(state.generation, 5, lines=tuple(made)), state)


def test_the_caption_says_what_is_counted_and_where_it_is_not() -> None:
    """Nothing against steps."""
    for state in (seen(True), seen(False)):
        assert "Horizontal" not in captions.curves(state)
        assert "Not recorded" not in captions.curves(state)
    against = {name: Edit("view.against", name) for name in CHOICES}
    text = captions.curves(reduce(against["evaluations"], seen(True)))
    assert "Horizontal: gradient evaluations; a product with the Hessian counts as one." in text
    assert "Not recorded" not in text
    assert "Horizontal: time of the training steps alone" in captions.curves(reduce(against["seconds"], seen(True)))
    for name in ("evaluations", "seconds"):
        assert "Not recorded in this file." in captions.curves(reduce(against[name], seen(False)))
        some = captions.curves(reduce(against[name], seen(True, False)))
        assert "Not recorded in this file: from 0." in some
        assert captions.gradient_norms(reduce(against[name], seen(True))) == captions.gradient_norms(seen(True))


def test_the_choice_is_part_of_the_scene(draw: Draw) -> None:
    """It goes through files, can be undone, reaches the figure, and trains nothing anew."""
    before = seen(True)
    now = reduce(Edit("view.against", "evaluations"), before)
    assert now.generation == before.generation
    assert loads(dumps(now.scene), "").view.against == "evaluations"
    figure = draw("curves", now)
    assert isinstance(figure, CurvesFigure)
    assert figure.curves[0, "train_loss"].item.getData()[0].tolist() == [0, 2, 4, 6, 8, 10]
    assert reduce(Undo(), now).scene.view.against == "steps"
    with pytest.raises(SpecError, match="one of steps, evaluations, seconds"):
        now.scene.edited({"view.against": "epochs"})
