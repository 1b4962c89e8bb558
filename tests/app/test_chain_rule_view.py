"""The chain rule's figure: the factors of the step that is looked at, in words and as curves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from thalweg.app import chain_captions
from thalweg.app.factors import BY_LINK, factors_of, typical
from thalweg.app.state import AppState
from thalweg.app.views.chain_rule import ChainRuleFigure
from thalweg.app.views.figure import Figure

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
