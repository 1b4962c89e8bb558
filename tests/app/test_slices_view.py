"""The slices' figure, looked at by measuring: which curve is where, what the axes share, what has room."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PyQt6.QtCore import QRectF
from PyQt6.QtGui import QColor
from PyQt6.QtWidgets import QApplication, QGraphicsItem

from thalweg.app import theme
from thalweg.app.export.figure import export
from thalweg.app.tables import table_of
from thalweg.app.theme import THEMES
from thalweg.app.views.slice_grid import columns_for
from thalweg.app.views.slice_plot import STYLES, SlicePlot, notes, slice_pen
from thalweg.app.views.slices import SlicesFigure, x_label
from thalweg.core.messages import SliceCurve, SlicesDrawn
from thalweg.core.scene import SlicesSpec

from .figures import put_away
from .rig import a_slice, no_slice, slices_drawn
from .test_slicing import shown, standing

pytestmark = [
    pytest.mark.usefixtures("qapp"),
    pytest.mark.qt_log_level_fail("WARNING"),
    pytest.mark.qt_log_ignore(r"This plugin does not support \w+\(\)"),
]

Draw = Callable[..., SlicesFigure]


@pytest.fixture
def draw(qtbot: object) -> Iterator[Draw]:
    """Draws slices at a size in a theme, and closes the figures."""
    made: list[SlicesFigure] = []

    def make(
        drawn: SlicesDrawn, size: tuple[int, int] = (420, 215), dress: str = "light", **view: object
    ) -> SlicesFigure:
        theme.apply(THEMES[dress], QApplication.instance())
        figure = SlicesFigure()
        made.append(figure)
        figure.resize(*size)
        figure.show()
        figure.set_theme(THEMES[dress])
        figure.set_slices(drawn, drawn.view.model_copy(update=view), "nats")
        figure.set_heading("Layer slices at step 0")
        figure.set_caption("Each layer moves alone, so far along its own negative gradient. " * 3)
        settle()
        return figure

    yield make
    put_away(made)


def settle() -> None:
    """Let the layouts come to rest."""
    for _ in range(5):
        QApplication.processEvents()


def place(item: QGraphicsItem) -> QRectF:
    """Where an item stands in the figure."""
    return item.mapRectToScene(item.boundingRect())


def changed(drawn: SlicesDrawn, layer: int, change: Callable[[SliceCurve], SliceCurve]) -> SlicesDrawn:
    """The same with the curves of one layer changed."""
    return replace(drawn, curves=tuple(change(c) if c.layer == layer else c for c in drawn.curves))


# --- what is drawn ---------------------------------------------------------------------------------------------------


def test_each_layer_has_its_curves_in_its_plot(draw: Draw) -> None:
    """In order, the numbers as they are; a random direction is stretched to the gradient's axis."""
    drawn = slices_drawn(layers=3, others="both")
    figure = draw(drawn)
    assert [p.layer for p in figure.plots] == [1, 2, 3]
    for c in drawn.curves:
        x, y = figure.plots[c.layer - 1].lines[c.kind, c.others].getData()
        assert np.array_equal(y, c.loss)
        assert x == pytest.approx(c.t * (1 if c.kind == "gradient" else 5))
    for plot in figure.plots:
        points = plot.points.getData()
        assert points[0].tolist() == [0.0] * 4
        assert sorted(points[1]) == sorted(c.value for c in drawn.curves if c.layer == plot.layer)


def test_tangent_and_parabola_touch_the_loss_at_the_point(draw: Draw) -> None:
    """The slices of the rig are parabolas, so that theirs lie on them, and tangents below; only where inside."""
    figure = draw(slices_drawn(layers=2, others="both"))
    low, high = figure.plots[0].getViewBox().viewRange()[1]
    for plot in figure.plots:
        assert {key for key, _ in plot.guides} == {("gradient", "now"), ("random", "now")}
        for (key, name), item in plot.guides.items():
            x, y = item.getData()
            curve = a_slice(plot.layer, *key)
            t = x if key[0] == "gradient" else x / 5
            exact = 0.5 + (curve.curvature / 2) * (t - 1) ** 2
            inside = (y > low) & (y < high)
            assert inside.any()
            if name == "parabola":
                assert y[inside] == pytest.approx(exact[inside])
            else:
                assert (y <= exact + 1e-9)[inside].all()
                assert np.abs(y - exact).min() < 1e-2
            assert np.abs(x).max() == pytest.approx(2.5)


@pytest.mark.parametrize(("tangent", "parabola"), [(True, False), (False, True), (False, False)])
def test_guides_are_drawn_and_named_when_they_are_on(draw: Draw, tangent: bool, parabola: bool) -> None:
    """The legend has what the plots have."""
    figure = draw(slices_drawn(), tangent=tangent, parabola=parabola)
    wanted = {n for n, on in (("tangent", tangent), ("parabola", parabola)) if on}
    assert {name for p in figure.plots for _, name in p.guides} == wanted
    assert {label.text for _, label in figure.legend.items} == {"gradient", "random"} | wanted


def test_the_legend_names_kinds_and_settings_of_the_others(draw: Draw) -> None:
    """As few words as there is to tell apart."""
    figure = draw(slices_drawn(others="both", kinds="gradient"))
    assert [label.text for _, label in figure.legend.items] == [
        "gradient (now)", "gradient (start)", "tangent", "parabola",
    ]  # fmt: skip
    figure.set_slices(slices_drawn(kinds="random", others="start"), SlicesSpec(), "nats")
    assert [label.text for _, label in figure.legend.items] == ["random", "tangent", "parabola"]


def test_with_the_others_as_trained_there_is_a_third_curve(draw: Draw) -> None:
    """Where an earlier step is looked at; at the newest one there is nothing to tell apart, and no such line."""
    figure = draw(slices_drawn(others="all", kinds="way", newest=9), (700, 500))
    assert [label.text for _, label in figure.legend.items][:3] == ["way (now)", "way (start)", "way (end)"]
    assert set(figure.plots[1].lines) == {("way", "now"), ("way", "start"), ("way", "end")}
    assert set(figure.plots[0].lines) == {("way", "now")}
    drawn = slices_drawn(others="all", kinds="way")
    figure.set_slices(drawn, drawn.view, "nats")
    assert [label.text for _, label in figure.legend.items][:2] == ["way (now)", "way (start)"]
    assert set(figure.plots[1].lines) == {("way", "now"), ("way", "start")}
    figure = draw(slices_drawn(others="end", newest=9))
    assert [label.text for _, label in figure.legend.items][:2] == ["gradient", "random"]
    assert set(figure.plots[0].lines) == {("gradient", "end"), ("random", "end")}
    assert figure.plots[0].guides, "the guides are those of what is drawn"


@pytest.mark.parametrize("dress", THEMES)
@pytest.mark.parametrize("kinds", ["both", "way"])
def test_sorts_of_slices_are_told_apart_by_colour_and_by_line(dress: str, kinds: str) -> None:
    """No two of one picture have the same of either, so that a grey print serves too."""
    pens = [slice_pen(THEMES[dress], key) for key in STYLES if key[0] in SlicesSpec(kinds=kinds).directions]
    assert len(pens) > 1
    assert len({QColor(p.color()).name() for p in pens}) == len(pens)
    assert len({tuple(p.dashPattern()) for p in pens}) == len(pens)


def test_where_the_loss_is_not_finite_there_is_a_gap_and_a_note(draw: Draw) -> None:
    """The rest of the slice is drawn, and the axis is that of the rest."""
    drawn = changed(slices_drawn(), 1, lambda c: replace(c, loss=np.where(c.t > 0, np.inf, c.loss)))
    figure = draw(drawn)
    _, y = figure.plots[0].lines["gradient", "now"].getData()
    assert np.array_equal(np.isnan(y), drawn.curves[0].t > 0)
    assert figure.plots[0].note.text == "Gaps: loss not finite."
    assert figure.plots[1].note.text == ""
    assert np.isfinite(figure.plots[0].getViewBox().viewRange()).all()


def test_a_layer_without_a_slice_says_why_in_its_plot(draw: Draw) -> None:
    """And has the other one, if there is another."""
    drawn = changed(slices_drawn(), 1, lambda c: no_slice(1) if c.kind == "gradient" else c)
    figure = draw(drawn, (420, 400))
    plot = figure.plots[0]
    assert set(plot.lines) == {("random", "now")}
    assert "the gradient of layer 1 has norm 0 here" in plot.note.text
    assert place(plot.getViewBox()).adjusted(-2, -2, 2, 2).contains(place(plot.note._item))
    assert notes([no_slice(1), no_slice(1, others="start")]).count("No gradient slice") == 1


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300, 0.0, 2.3])
def test_whatever_the_losses_are_they_are_drawn(draw: Draw, value: float) -> None:
    """Nothing finite, everything equal, huge, in both scales."""
    drawn = slices_drawn()
    for layer in (1, 2):
        drawn = changed(drawn, layer, lambda c: replace(c, loss=np.full(9, value), slope=value, curvature=value))
    for scale in ("same", "own"):
        figure = draw(drawn, scale=scale)
        figure.grab()
        low, high = figure.plots[0].getViewBox().viewRange()[1]
        assert low < high


# --- axes ------------------------------------------------------------------------------------------------------------


def test_one_scale_for_all_or_each_its_own(draw: Draw) -> None:
    """The same holds every loss of every layer; its own holds the layer's, and no more than a margin."""
    drawn = slices_drawn(layers=3)
    figure = draw(drawn)
    ranges = [p.getViewBox().viewRange()[1] for p in figure.plots]
    every = np.concatenate([c.loss for c in drawn.curves])
    assert all(r == pytest.approx(ranges[0]) for r in ranges)
    assert ranges[0][0] < every.min() < every.max() < ranges[0][1]
    figure.set_slices(drawn, SlicesSpec(scale="own"), "nats")
    for plot in figure.plots:
        low, high = plot.getViewBox().viewRange()[1]
        mine = np.concatenate([c.loss for c in drawn.curves if c.layer == plot.layer])
        assert low < mine.min() < mine.max() < high
        assert (high - low) < 1.2 * np.ptp(mine)


def test_the_axis_names_its_unit() -> None:
    """And what it is for the second direction."""
    assert x_label(SlicesSpec()) == "distance (random: 5 = 1 filter norm)"
    assert x_label(SlicesSpec(distance=2.5, norms=2.0)) == "distance (random: 2.5 = 2 filter norms)"
    assert x_label(SlicesSpec(kinds="gradient")) == "distance"
    assert x_label(SlicesSpec(kinds="random")) == "filter norms"


def test_a_random_direction_alone_has_its_own_axis(draw: Draw) -> None:
    """In filter norms."""
    figure = draw(slices_drawn(kinds="random"))
    assert figure.plots[0].lines["random", "now"].getData()[0] == pytest.approx(a_slice(1, "random").t)


@given(st.integers(1, 60), st.floats(60, 2000), st.floats(40, 1500))
def test_the_columns_suit_the_figure(count: int, width: float, height: float) -> None:
    """No column is empty, and a wider figure never has fewer of them."""
    columns = columns_for(count, width, height)
    assert 1 <= columns <= count
    assert columns_for(count, 1e5, 40.0) == count
    assert columns_for(count, 1.0, 1e5) == 1


def test_four_layers_stand_in_two_rows_or_in_one(draw: Draw) -> None:
    """As the size has it; none is left over."""
    drawn = slices_drawn(layers=4)
    assert draw(drawn, (420, 560)).grid.columns == 2
    assert draw(drawn, (420, 215)).grid.columns == 4


# --- room ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dress", THEMES)
@pytest.mark.parametrize("size", [(420, 215), (420, 600), (900, 560)])
@pytest.mark.parametrize("layers", [2, 4, 5, 50])
def test_all_plots_have_room_and_none_is_cut(draw: Draw, layers: int, size: tuple[int, int], dress: str) -> None:
    """Each inside the figure, none over another, below the legend and above the caption; the legend is whole."""
    figure = draw(slices_drawn(layers=layers, others="both"), size, dress)
    whole = QRectF(figure.viewport().rect()).adjusted(-2, -2, 2, 2)
    boxes = [place(p.getViewBox()) for p in figure.plots]
    assert len(boxes) == layers
    for k, box in enumerate(boxes):
        assert whole.contains(box), (k, box)
        assert box.width() > 8
        assert box.height() > 6
        assert box.top() > place(figure.legend).bottom() - 2
        assert box.bottom() < place(figure.caption).top() + 2
        for other in boxes[k + 1 :]:
            common = box.intersected(other)
            assert common.width() < 1 or common.height() < 1
    for _, label in figure.legend.items:
        assert whole.contains(place(label)), label.text
    if layers < 50:
        widths = [b.width() for b in boxes]
        assert max(widths) < 1.25 * min(widths), "the plots are equally wide"


def test_a_figure_that_grows_takes_more_columns_and_fewer_again(draw: Draw) -> None:
    """The plots are placed anew, and all are there."""
    figure = draw(slices_drawn(layers=6), (300, 700))
    few = figure.grid.columns
    figure.resize(1000, 300)
    settle()
    assert figure.grid.columns > few
    figure.resize(300, 700)
    settle()
    assert figure.grid.columns == few
    assert [p.layer for p in figure.plots] == [1, 2, 3, 4, 5, 6]


def test_another_network_has_other_plots(draw: Draw) -> None:
    """As many as it has layers; None clears them all."""
    figure = draw(slices_drawn(layers=4))
    for layers in (2, 7, 1):
        figure.set_slices(slices_drawn(layers=layers), SlicesSpec(), "nats")
        settle()
        assert len(figure.plots) == layers
        assert len([i for i in figure.scene().items() if isinstance(i, SlicePlot)]) == layers
    figure.set_slices(None, SlicesSpec(), "nats")
    assert figure.body.opacity() == 0
    assert figure.table() == {}
    figure.set_slices(slices_drawn(layers=2), SlicesSpec(), "nats")
    assert figure.body.opacity() == 1
    assert len(figure.legend.items) == 4


# --- numbers and files -----------------------------------------------------------------------------------------------


def test_the_table_has_every_point_of_every_slice(draw: Draw) -> None:
    """T in the unit of its kind; a layer without a slice has no rows."""
    drawn = changed(slices_drawn(layers=2, others="both"), 1, lambda c: no_slice(1) if c.kind == "gradient" else c)
    table = draw(drawn).table()
    assert list(table)[:2] == ["layer", "kind"]
    assert {"t", "loss", "accuracy", "slope", "curvature"} <= set(table)
    assert {len(column) for column in table.values()} == {6 * 9}
    for c in drawn.curves:
        rows = (table["layer"] == c.layer) & (table["kind"] == c.kind) & (table["others"] == c.others)
        assert np.array_equal(table["t"][rows], c.t)
        assert np.array_equal(table["loss"][rows], c.loss)
        assert (table["slope"][rows] == c.slope).all()
        assert (table["curvature"][rows] == c.curvature).all()
    assert draw(changed(changed(drawn, 1, lambda c: no_slice(1)), 2, lambda c: no_slice(2))).table()["t"].size == 0


def test_the_numbers_go_to_a_file_with_the_captions_words(draw: Draw, tmp_path: Path) -> None:
    """Comment lines, names, one row for each point."""
    state = shown(standing())
    assert state.slicing.shown is not None
    figure = draw(state.slicing.shown)
    export(figure, tmp_path / "a.csv", 96, table_of(figure, state))
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines[0].endswith("Layer slices at step 0")
    assert "layer,kind,others,unit,t,loss,accuracy,slope,curvature" in lines
    assert sum(line.startswith(("1,gradient,now,distance,", "2,random,now,filter norms,")) for line in lines) == 18


def test_the_way_from_the_start_has_a_plot_of_all_layers_first(draw: Draw) -> None:
    """And says in which unit it is drawn."""
    figure = draw(slices_drawn(kinds="way", others="both"), (700, 500))
    assert [p.layer for p in figure.plots] == [0, 1, 2]
    assert figure.plots[0].titleLabel.text == "all layers"
    assert set(figure.plots[0].lines) == {("way", "now")}
    assert set(figure.plots[1].lines) == {("way", "now"), ("way", "start")}
    figure = draw(slices_drawn())
    assert [p.layer for p in figure.plots] == [1, 2]
