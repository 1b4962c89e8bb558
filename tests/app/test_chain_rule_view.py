"""The chain rule's figure: the factors of the step that is looked at, in words and as curves."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PyQt6.QtCore import QPointF

from thalweg.app import chain_captions
from thalweg.app.factors import BY_LINK, factors_of, typical
from thalweg.app.state import AppState
from thalweg.app.views.chain_rule import DERIVATIVES, ChainRuleFigure
from thalweg.app.views.figure import Figure
from thalweg.core.scene import NetworkSpec

from .rig import frame, line, started, state_of

Draw = Callable[..., Figure]


def series(ratio: float = 0.25, layers: int = 4, steps: tuple[int, ...] = (0, 5, 9)) -> dict[str, np.ndarray]:
    """Measures of which the chain rule's have been made from the second row on; each layer multiplies by ``ratio``."""
    late = np.array([np.nan, *[1.0] * (len(steps) - 1)])
    found = {"step": np.array(steps), "train_loss": np.ones(len(steps))}
    for k in range(1, layers + 1):
        found[f"signal_{k}"] = found[f"measured_{k}"] = late * 2.0 * ratio ** (layers - k)
    for k in range(1, layers):
        for name in BY_LINK:
            found[f"{name}_{k}"] = late * {"gain": 1.0, "slope": ratio, "bound": max(0.25, ratio)}.get(name, 0.5)
    return found


def state(columns: dict[str, np.ndarray], step: int = 9) -> AppState:
    """A state that has these measures and looks at a step."""
    own = replace(line(0, step, head=9), series=columns)
    return replace(state_of(), started=started(), frame=replace(frame(1, step), lines=(own,), step=step))


def test_the_factors_are_those_of_the_last_measured_row() -> None:
    """At or before the step; before the first, and without such measures, there are none."""
    found = factors_of(series(), 7)
    assert found is not None
    assert found.step == 5
    assert found.signal == pytest.approx([2 / 64, 2 / 16, 2 / 4, 2])
    assert found.products == pytest.approx([0.25] * 3)
    assert factors_of(series(), 3) is None
    assert factors_of({"step": np.arange(3)}, 2) is None
    assert typical(found) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("ratio", "words"),
    [(0.25, "×0.25 for each layer back, vanishing"), (3.0, "×3 for each layer back, exploding")],
)
def test_the_heading_says_which_case_it_is(ratio: float, words: str) -> None:
    """By what a layer makes of the signal in the geometric mean."""
    assert chain_captions.heading(state(series(ratio))) == f"Chain rule at step 9: {words}"


def test_a_mean_of_one_is_steady_only_where_each_layer_is() -> None:
    """A signal that rises and falls is not."""
    even = series(1.02)
    assert chain_captions.heading(state(even)).endswith("×1 for each layer back in the mean, steady")
    uneven = even | {"slope_2": even["slope_2"] * 3, "slope_3": even["slope_3"] / 3}
    assert chain_captions.heading(state(uneven)).endswith("×1 for each layer back in the mean, but uneven")


def test_signals_of_zero_or_no_number_have_no_such_word() -> None:
    """Where no unit passes anything on there is no ratio."""
    for value in (0.0, np.nan, np.inf):
        columns = series()
        columns["signal_1"] = np.full(3, value)
        assert chain_captions.heading(state(columns)) == "Chain rule at step 9"


def test_the_figure_draws_signal_and_factors(draw: Draw) -> None:
    """The product as a curve, what is measured as rings on it, the factors between the layers, all in the table."""
    figure = draw("chain-rule", state(series()), (520, 560))
    assert isinstance(figure, ChainRuleFigure)
    x, y = figure.curves["signal"].getData()
    assert x.tolist() == [1, 2, 3, 4]
    assert 10**y == pytest.approx([2 / 64, 2 / 16, 2 / 4, 2])
    assert figure.curves["product"].getData()[0].tolist() == [1.5, 2.5, 3.5]
    assert 10 ** figure.curves["bound"].getData()[1] == pytest.approx([0.25] * 3)
    assert [text.toPlainText() for text in figure.texts] == ["×0.25"] * 3
    assert len(figure.measured.points()) == 4
    table = figure.table()
    assert table["layer"].tolist() == [1, 2, 3, 4]
    assert np.isnan(table["slope"][-1])
    assert not figure.body.opacity() < 1


def test_a_network_of_one_layer_has_a_signal_and_no_factors(draw: Draw) -> None:
    """Nothing is between its layers, so that nothing is bounded."""
    shown = state(series(layers=1))
    figure = draw("chain-rule", shown, (420, 560))
    assert isinstance(figure, ChainRuleFigure)
    assert 10 ** figure.curves["signal"].getData()[1] == pytest.approx([2.0])
    assert chain_captions.bound(shown) == "" and "≤" not in chain_captions.caption(shown)
    assert not figure.bound.isVisible()


def test_it_is_empty_until_there_are_factors(draw: Draw) -> None:
    """And says why: of other networks there are none."""
    columns = {"step": np.arange(3), "train_loss": np.ones(3)}
    figure = draw("chain-rule", state(columns, 2))
    assert figure.body.opacity() == 0
    assert "next measures" in chain_captions.caption(state(columns, 2))


def test_a_low_figure_has_no_names(draw: Draw) -> None:
    """Its plots need the room; a higher one has them again."""
    figure = draw("chain-rule", state(series()), (420, 260))
    assert isinstance(figure, ChainRuleFigure)
    assert not any(legend.isVisible() for legend in figure.legends.values())
    low = [plot.getViewBox().sceneBoundingRect() for plot in figure.plots.values()]
    assert all(rect.bottom() <= 260 for rect in low)
    figure.resize(420, 600)
    assert all(legend.isVisible() for legend in figure.legends.values())


@pytest.mark.parametrize(
    ("activation", "greatest", "words"),
    [
        ("sigmoid", 0.25, "≤ 1/4 (sigmoid)"),
        ("tanh", 1.0, "≤ 1 (tanh)"),
        ("relu", 1.0, "≤ 1 (ReLU)"),
        ("leaky-relu", 1.0, "≤ 1 (leaky ReLU)"),
        ("gelu", 1.1289, "≤ 1.13 (GELU)"),
    ],
)
def test_the_bound_is_that_of_the_activation_in_use(activation: str, greatest: float, words: str) -> None:
    """As it was measured, as a fraction where it is one; without factors there is none."""
    columns = series() | {f"bound_{k}": np.array([np.nan, greatest, greatest]) for k in (1, 2, 3)}
    shown = state(columns)
    runs = (shown.started.runs[0].model_copy(update={"network": NetworkSpec(activation=activation)}),)
    shown = replace(shown, started=replace(shown.started, runs=runs))
    assert chain_captions.bound(shown) == words
    assert words in chain_captions.caption(shown)
    assert chain_captions.bound(state(columns, 3)) == ""


def test_examples_in_the_docstrings() -> None:
    """They are true."""
    assert doctest.testmod(chain_captions).failed == 0


@pytest.mark.parametrize("size", [(520, 560), (420, 560), (280, 560), (420, 300), (420, 400)])
@pytest.mark.parametrize("dress", ["light", "dark", "projector"])
def test_the_bound_stands_within_its_plot_and_on_nothing(draw: Draw, size: tuple[int, int], dress: str) -> None:
    """Above its line or behind its end, where no curve is; in a plot that is too low it is left out."""
    columns = series(0.2)
    figure = draw("chain-rule", state(columns), size, dress)
    assert isinstance(figure, ChainRuleFigure)
    box = figure.plots["slope"].getViewBox()
    if size[1] == 560 and dress != "projector":
        assert figure.bound.toPlainText() == "≤ 1/4 (sigmoid)" and figure.bound.isVisible()
    if not figure.bound.isVisible():
        assert box.height() < 60
        return
    text = figure.bound.mapRectToScene(figure.bound.boundingRect()).adjusted(4, 4, -4, -4)  # without its margin
    place = box.mapRectToScene(box.rect())
    assert place.left() <= text.left() and text.right() <= place.right()
    assert place.top() - 1 <= text.top() and text.bottom() <= place.bottom() + 1
    for name in DERIVATIVES:
        x, y = figure.curves[name].getData()
        points = [box.mapViewToScene(QPointF(a, b)) for a, b in zip(x, y, strict=True)]
        assert not any(text.contains(p) for p in points)
        assert all(place.adjusted(-1, -1, 1, 1).contains(p) for p in points), "the curves are in view"
        if text.left() < points[-1].x():
            assert all(p.y() >= text.bottom() for p in points)
