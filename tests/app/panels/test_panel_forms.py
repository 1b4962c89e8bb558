"""Forms and panels: made from the specs, values down, edits up."""

from itertools import pairwise
from typing import get_args

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QApplication, QCheckBox, QComboBox, QLabel, QLineEdit, QToolButton, QWidget

from thalweg.app.panels.described import fields_at
from thalweg.app.panels.form import SpecForm
from thalweg.app.panels.run_panel import RunPanel
from thalweg.app.panels.view_panel import ViewPanel
from thalweg.core.scene import Scene
from thalweg.core.scene.axis import DirectionKind

RUN = ("run", "run.data", "run.network", "run.objective", "run.optimiser", "run.stop")
VIEW = ("view", "view.plane", "view.plane.x", "view.plane.y", "view.camera", "view.slices", "view.depth")


def _shown(widget, qtbot, *arguments):
    qtbot.addWidget(widget)
    sent = []
    widget.edited.connect(lambda path, value: sent.append((path, value)))
    if hasattr(widget, "set_scene"):
        widget.set_scene(*arguments)
    else:
        widget.set_values(*arguments)
    widget.show()
    return widget, sent


@pytest.fixture
def run_panel(qtbot):
    """A run panel on the default scene, and what it has sent."""
    return _shown(RunPanel(), qtbot, Scene(), None)


@pytest.fixture
def view_panel(qtbot):
    """A view panel on the default scene, and what it has sent."""
    return _shown(ViewPanel(), qtbot, Scene())


@pytest.mark.parametrize("path", [*RUN, *VIEW, "pace", ""])
def test_a_form_shows_each_field_and_round_trips(qtbot, path):
    """Setting values sends nothing."""
    scene = Scene().edited({"run.network.hidden": (5,), "view.plane.x.kind": "random", "run.seed": 9})
    form, sent = _shown(SpecForm(path), qtbot, scene)
    assert list(form.rows) == [f.path for f in fields_at(path) if f.kind != "choices"]
    assert all(form.value(p) == scene.value(p) for p in form.rows)
    form.set_values(Scene())
    assert all(form.value(p) == Scene().value(p) for p in form.rows) and sent == []


def test_panels_show_every_field_of_run_and_view(run_panel, view_panel):
    """None is forgotten, none comes twice."""
    for (panel, _), specs in ((run_panel, RUN), (view_panel, VIEW)):
        expected = [f.path for spec in specs for f in fields_at(spec) if f.kind != "choices"]
        assert sorted(panel.forms.paths()) == sorted(expected)


def test_edits_go_up_with_their_path(run_panel, enter):
    """One edit, one signal; live or not makes no difference here."""
    panel, sent = run_panel
    for path, text in (
        ("run.optimiser.learning_rate", "0.1"),
        ("run.seed", "7"),
        ("run.network.hidden", "8"),
    ):
        enter(_row(panel, path).editor, text)
    assert sent == [("run.optimiser.learning_rate", 0.1), ("run.seed", 7), ("run.network.hidden", (8,))]


def _row(panel, path):
    return next(form.rows[path] for form in panel.forms.forms.values() if path in form.rows)


def test_restart_marks(run_panel, view_panel):
    """Fields that start training again carry a mark that says so."""
    marked = _row(run_panel[0], "run.network.hidden").mark
    assert marked.text() == "↻" and marked.toolTip() == "Changing this starts training again"
    assert _row(run_panel[0], "run.optimiser.batch_size").mark.text() == ""
    assert all(_row(view_panel[0], p).mark.text() == "" for p in view_panel[0].forms.paths())


def test_fields_that_do_not_count_are_disabled(run_panel):
    """Momentum is nothing to Adam."""
    panel, _ = run_panel
    assert _row(panel, "run.optimiser.momentum").editor.isEnabled()
    panel.set_scene(Scene().edited({"run.optimiser.name": "adam"}), None)
    assert not _row(panel, "run.optimiser.momentum").editor.isEnabled()
    assert not _row(panel, "run.data.folder").label.isEnabled()


@pytest.mark.parametrize("kind", get_args(DirectionKind))
def test_an_axis_shows_the_fields_of_its_kind(view_panel, kind):
    """What has no meaning for the other kinds of direction is not there at all."""
    panel, _ = view_panel
    panel.set_scene(Scene().edited({"view.plane.x.kind": kind}))
    names = [path.rpartition(".")[2] for path in panel.forms.paths() if path.startswith("view.plane.x.")]
    there = {n for n in names if _row(panel, f"view.plane.x.{n}").editor.isVisible()}
    own = {
        "gradient": {"biases"},
        "random": {"biases", "normalisation", "seed"},
        "weight": {"source", "target"},
        "principal": {"biases", "rank", "centre"},
        "hessian": {"biases", "rank", "end"},
        "towards": {"biases", "towards"},
        "update": {"biases"},
    }
    assert there == {"layers", "kind", "low", "high"} | own[kind]


@pytest.mark.parametrize(
    ("kind", "counts"),
    [
        ("mlp", {"hidden", "hidden_norm", "hidden_skips", "auxiliary", "activation"}),
        ("cnn", {"channels", "activation"}),
        ("residual", {"width", "blocks", "skips", "batch_norm", "activation"}),
        ("lstm", {"units"}),
    ],
)
def test_fields_of_other_architectures_are_disabled(run_panel, kind, counts):
    """Each has its own; all have initial weights."""
    panel, _ = run_panel
    panel.set_scene(Scene().edited({"run.network.kind": kind}), None)
    enabled = {f.path for f in fields_at("run.network") if _row(panel, f.path).editor.isEnabled()}
    assert enabled == {f"run.network.{name}" for name in counts | {"kind", "initialisation", "gain"}}


def test_error_sentence_below_the_field(run_panel):
    """In the theme's error role, without the path that is above it anyway."""
    panel, sent = run_panel
    row = _row(panel, "run.optimiser.batch_size")
    assert panel.set_error(row.path, f"{row.path}: 0 is not accepted; expected 1")
    assert row.sentence.isVisible() and row.sentence.text() == "0 is not accepted; expected 1"
    assert row.sentence.property("role") == "error" and row.sentence.wordWrap() and row.editor.wrong
    panel.clear_errors()
    assert not row.sentence.isVisible() and not row.editor.wrong
    assert not panel.set_error("view.example", "not here") and sent == []


def test_nonsense_stays_until_it_is_cleared(run_panel, enter):
    """Also when the scene changes elsewhere."""
    panel, sent = run_panel
    line = _row(panel, "run.seed").editor.findChild(QLineEdit)
    enter(_row(panel, "run.seed").editor, "none")
    panel.set_error("run.seed", "run.seed: 'none' is not accepted")
    panel.set_scene(Scene().edited({"run.steps": 5}), None)
    assert line.text() == "none" and sent == [("run.seed", "none")]
    panel.set_scene(Scene().edited({"run.seed": 5}), None)
    assert line.text() == "5" and not _row(panel, "run.seed").sentence.isVisible()


def test_draft_bar(run_panel, qtbot):
    """It comes with a draft and goes with it; the draft is shown, what differs is bold."""
    panel, sent = run_panel
    scene = Scene()
    assert not panel.bar.isVisible()
    panel.set_scene(scene, scene.edited({"run.seed": 4}))
    assert panel.bar.isVisible() and _row(panel, "run.seed").editor.value == 4
    assert _row(panel, "run.seed").label.font().bold() and not _row(panel, "run.steps").label.font().bold()
    for signal, button in (
        (panel.apply_requested, panel.bar.apply),
        (panel.discard_requested, panel.bar.discard),
    ):
        with qtbot.waitSignal(signal, timeout=500):
            button.click()
    panel.set_scene(scene, None)
    assert not panel.bar.isVisible() and _row(panel, "run.seed").editor.value == 0
    assert not _row(panel, "run.seed").label.font().bold() and sent == []


def test_layer_buttons_follow_the_network(view_panel):
    """One button for each layer of the scene's network, and "all"."""
    panel, sent = view_panel
    for hidden in ((3, 3), (3,) * 10, ()):
        panel.set_scene(Scene().edited({"run.network.hidden": hidden}))
        buttons = _row(panel, "view.plane.x.layers").editor.findChildren(QToolButton)
        assert [b.text() for b in buttons] == ["all", *map(str, range(1, len(hidden) + 2))]
    assert sent == []


def test_layer_buttons_follow_the_architecture(view_panel):
    """A residual network of two blocks has eleven layers, six without the normalisations."""
    panel, sent = view_panel
    for batch_norm, count in ((True, 11), (False, 6)):
        changes = {"run.network.kind": "residual", "run.network.batch_norm": batch_norm}
        panel.set_scene(Scene().edited(changes))
        buttons = _row(panel, "view.plane.y.layers").editor.findChildren(QToolButton)
        assert [b.text() for b in buttons] == ["all", *map(str, range(1, count + 1))]
        assert buttons[count].isChecked() and "linear" in buttons[count].toolTip()
    assert sent == []


def test_lay_the_plane(view_panel, qtbot):
    """The button asks for it."""
    with qtbot.waitSignal(view_panel[0].lay_requested, timeout=500):
        view_panel[0].lay.click()


@pytest.mark.parametrize("size", [9, 14])
def test_no_field_is_cut_off(qtbot, size):
    """At the preferred width with a scroll bar, and with large type, all editors lie within the page."""
    app = QApplication.instance()
    font = app.font()
    larger = app.font()
    larger.setPointSize(size)
    app.setFont(larger)
    try:
        scene = Scene().edited({"run.network.hidden": (2,) * 50})
        for panel in (_shown(RunPanel(), qtbot, scene, scene)[0], _shown(ViewPanel(), qtbot, scene)[0]):
            panel.resize(panel.forms.sizeHint().width(), 300)
            qtbot.wait(1)
            assert not panel.forms.horizontalScrollBar().isVisible()
            assert panel.forms.widget().width() <= panel.forms.viewport().width()
            for path in panel.forms.paths():
                row = _row(panel, path)
                if not row.editor.isVisible():
                    continue
                assert row.editor.geometry().right() <= row.editor.parentWidget().width()
                assert row.label.height() >= row.label.heightForWidth(row.label.width())
    finally:
        app.setFont(font)


def test_everything_has_a_name_and_a_place_in_the_tab_order(run_panel, view_panel):
    """Names are told apart over both panels; Tab goes from top to bottom."""
    names = []
    for panel, _ in (run_panel, view_panel):
        kinds = (QComboBox, QCheckBox, QLineEdit, QToolButton)
        inputs = [w for k in kinds for w in panel.forms.widget().findChildren(k)]
        inputs = [w for w in inputs if w.objectName() != "qt_spinbox_lineedit"]
        assert all(w.accessibleName() for w in inputs)
        names += [_row(panel, p).editor for p in panel.forms.paths()]
        order, widget = [], panel.nextInFocusChain()
        while widget is not panel:
            inside = panel.forms.widget().isAncestorOf(widget) and widget.isVisible()
            if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and inside:
                order.append(widget)
            widget = widget.nextInFocusChain()
        tops = [w.mapTo(panel.forms.widget(), w.rect().topLeft()).y() for w in order]
        assert all(a <= b + 6 for a, b in pairwise(tops))
    spoken = {e.focusProxy().accessibleName() for e in names if isinstance(e.focusProxy(), QWidget)}
    assert {"Horizontal axis: From", "Vertical axis: From"} <= spoken


def test_labels_have_no_mark_up_of_their_own(run_panel):
    """The titles are those of the specs."""
    texts = {label.text() for label in run_panel[0].findChildren(QLabel)}
    assert {"Learning rate", "Batch size", "Hidden layers", "Data", "Optimiser"} <= texts
