"""Editors: one for each kind of field, values down, edits up."""

import pytest
from PyQt6.QtCore import QEvent, QPoint, QPointF, Qt
from PyQt6.QtGui import QAction, QKeyEvent, QKeySequence, QWheelEvent
from PyQt6.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QLineEdit,
    QMainWindow,
    QToolButton,
)

from thalweg.app.panels.described import field_at, fields_at
from thalweg.app.panels.fields import editor_for
from thalweg.app.panels.number_box import NumberBox
from thalweg.core.scene import Scene
from thalweg.core.scene.training import OPTIMISERS

SPECS = ("", "run", "run.data", "run.network", "run.objective", "run.optimiser", "pace", "view", "view.plane")
ALL = [f for spec in (*SPECS, "view.plane.x", "view.plane.y") for f in fields_at(spec)]


class Edited:
    """An editor on screen with a value, and what it has sent up."""

    def __init__(self, qtbot, path, value=None):
        self.sent = []
        self.editor = editor_for(field_at(path))
        qtbot.addWidget(self.editor)
        if hasattr(self.editor, "set_layers"):
            self.editor.set_layers(("1 conv", "2 conv", "3 conv", "4 linear"))
        self.editor.set_value(Scene().value(path) if value is None else value)
        self.editor.committed.connect(self.sent.append)
        self.editor.show()

    def child(self, kind):
        """The widget inside."""
        return self.editor.findChild(kind)

    @property
    def text(self):
        """What stands there."""
        return self.child(QLineEdit).text()


@pytest.mark.parametrize("field", ALL, ids=lambda f: f.path)
def test_every_field_has_an_editor(qtbot, field):
    """A form can be made of any spec; the open panels alone belong to a menu."""
    editor = editor_for(field)
    if field.kind == "choices":
        assert editor is None
        return
    qtbot.addWidget(editor)
    sent = []
    editor.committed.connect(sent.append)
    value = Scene().value(field.path)
    editor.set_value(value)
    editor.set_value(value)
    assert editor.value == value and sent == []
    assert editor.toolTip()


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("run.optimiser.batch_size", "32", 32),
        ("run.optimiser.batch_size", "32 examples", 32),
        ("run.optimiser.batch_size", "0", 0),
        ("run.steps", "1e4", 10_000),
        ("run.seed", "99999999999", 99_999_999_999),
        ("run.optimiser.learning_rate", "1e-3", 0.001),
        ("run.optimiser.learning_rate", "2", 2.0),
        ("view.plane.x.low", "-0.25", -0.25),
        ("run.network.hidden", "10, 20", (10, 20)),
        ("run.network.hidden", "10 20", (10, 20)),
        ("run.network.hidden", "", ()),
        ("run.data.folder", "/data", "/data"),
        ("title", "Mine", "Mine"),
    ],
)
def test_typing_sends_one_value_of_the_right_type(qtbot, path, text, value, enter):
    """Enter sends it, leaving the field afterwards does not send it again."""
    it = Edited(qtbot, path)
    enter(it.editor, text, key=None)
    assert it.sent == []
    enter(it.editor, text)
    qtbot.keyClick(it.child(QLineEdit), Qt.Key.Key_Tab)
    it.editor.clearFocus()
    assert it.sent == [value] and type(it.sent[0]) is type(value)
    assert not it.editor.wrong


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("run.optimiser.batch_size", "many"),
        ("run.optimiser.batch_size", ""),
        ("run.optimiser.batch_size", "1.5"),
        ("run.optimiser.learning_rate", "fast"),
        ("run.optimiser.learning_rate", "0,5"),
        ("run.network.hidden", "30, x"),
    ],
)
def test_nonsense_stays_visible_and_goes_up_as_text(qtbot, path, text, enter):
    """The spec answers with its sentence; the person sees what was typed, marked."""
    it = Edited(qtbot, path)
    enter(it.editor, text)
    assert it.sent == [text]
    assert it.editor.wrong and it.text == text
    it.editor.set_value(Scene().value(path))
    assert it.text == text
    it.editor.set_wrong(False)
    assert it.text != text and not it.editor.wrong


def test_a_refused_value_comes_back_with_its_mark(qtbot, enter):
    """The order of the setters does not matter: value first, sentence second."""
    it = Edited(qtbot, "run.optimiser.batch_size")
    enter(it.editor, "0")
    it.editor.set_value(10)
    it.editor.set_wrong(True)
    assert it.text == "0 examples"


def test_focus_out_enters(qtbot, enter):
    """Leaving a field is as good as Enter."""
    it = Edited(qtbot, "run.network.hidden")
    other = QLineEdit()
    qtbot.addWidget(other)
    it.editor.setFocus()
    enter(it.editor, "5", key=None)
    it.child(QLineEdit).editingFinished.emit()
    assert it.sent == [(5,)]


def test_the_same_value_is_not_an_edit(qtbot, enter):
    """Writing 0.50 for 0.5 tidies the text."""
    it = Edited(qtbot, "run.optimiser.learning_rate")
    enter(it.editor, "0.50")
    assert it.sent == [] and it.text == "0.5"


def test_typing_is_not_interrupted(qtbot, enter):
    """The scene may change elsewhere while a person types here; a new value of this field wins."""
    it = Edited(qtbot, "run.optimiser.learning_rate")
    enter(it.editor, "0.2", key=None)
    it.editor.set_value(0.5)
    assert it.text == "0.2"
    it.editor.set_value(0.7)
    assert it.text == "0.7"


def test_escape_takes_back(qtbot, enter):
    """Typed text gives way; a refused text too, and the error is cleared upstream by the old value."""
    for path in ("run.optimiser.learning_rate", "run.network.hidden"):
        it = Edited(qtbot, path)
        before = it.text
        enter(it.editor, "zz", key=Qt.Key.Key_Escape)
        assert it.text == before and it.sent == []
        enter(it.editor, "zz")
        enter(it.editor, "z", key=Qt.Key.Key_Escape)
        assert it.text == before and it.sent == ["zz", it.editor.value] and not it.editor.wrong


@pytest.mark.parametrize(
    ("path", "value", "up", "down"),
    [
        ("run.optimiser.learning_rate", 0.5, 1.0, 0.2),
        ("run.optimiser.learning_rate", 1000.0, None, 500.0),
        ("run.optimiser.momentum", 0.0, 0.05, None),
        ("run.optimiser.momentum", 0.95, None, 0.9),
        ("run.optimiser.batch_size", 100, 110, 99),
        ("run.optimiser.batch_size", 1, 2, None),
        ("run.steps", 1_000_000, 1_100_000, 990_000),
        ("run.seed", 2**31 - 1, None, 2**31 - 2),
        ("view.plane.resolution", 201, None, 200),
        ("view.plane.x.low", -2.0, -1.5, -2.5),
    ],
)
def test_arrow_keys_step_within_bounds(qtbot, path, value, up, down):
    """A step is an edit at once; at a bound there is none."""
    for key, expected in ((Qt.Key.Key_Up, up), (Qt.Key.Key_Down, down)):
        it = Edited(qtbot, path, value)
        qtbot.keyClick(it.child(NumberBox), key)
        assert it.sent == ([] if expected is None else [expected])
        assert all(type(v) is type(value) for v in it.sent)


def test_the_unit_stands_behind_the_number(qtbot):
    """As the spec names it."""
    assert Edited(qtbot, "view.plane.resolution").text == "41 points"


def _wheel(widget):
    centre = QPointF(widget.rect().center())
    QApplication.sendEvent(
        widget,
        QWheelEvent(
            centre,
            widget.mapToGlobal(centre),
            QPoint(),
            QPoint(0, -120),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        ),
    )


@pytest.mark.parametrize(("path", "kind"), [("run.optimiser.batch_size", NumberBox), ("run.optimiser.name", QComboBox)])
def test_the_wheel_needs_the_focus(qtbot, path, kind):
    """Scrolling over a form changes nothing."""
    it = Edited(qtbot, path)
    widget = it.child(kind)
    widget.clearFocus()
    _wheel(widget)
    assert it.sent == []
    it.editor.activateWindow()
    widget.setFocus()
    qtbot.waitUntil(widget.hasFocus)
    _wheel(widget)
    assert len(it.sent) == 1


def test_choice(qtbot):
    """Readable names outside, values inside."""
    it = Edited(qtbot, "run.optimiser.name")
    box = it.child(QComboBox)
    assert [box.itemText(i) for i in range(box.count())] == list(OPTIMISERS.values())
    qtbot.keyClick(box, Qt.Key.Key_Down)
    assert it.sent == [list(OPTIMISERS)[1]]


def test_switch(qtbot):
    """A tick is true."""
    it = Edited(qtbot, "view.log_loss")
    it.child(QCheckBox).click()
    assert it.sent == [True]


def test_folder_is_chosen(qtbot, monkeypatch):
    """A cancelled dialog changes nothing."""
    it = Edited(qtbot, "run.data.folder")
    for answer in ("", "/some/where"):
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, answer=answer: answer)
        it.child(QToolButton).click()
    assert it.sent == ["/some/where"] and it.text == "/some/where"


def _buttons(it):
    return {b.text(): b for b in it.editor.findChildren(QToolButton)}


def test_layer_buttons(qtbot):
    """Buttons toggle layers; "all" and no layer at all are the same."""
    it = Edited(qtbot, "view.plane.x.layers", (1,))
    buttons = _buttons(it)
    assert list(buttons) == ["all", "1", "2", "3", "4"] and buttons["1"].isChecked()
    buttons["3"].click()
    buttons["1"].click()
    buttons["all"].click()
    assert it.sent == [(1, 3), (), ()]
    it.editor.set_value(())
    buttons["all"].click()
    assert it.sent == [(1, 3), (), ()] and buttons["all"].isChecked() and not buttons["1"].isChecked()


def test_layer_buttons_follow_the_depth(qtbot):
    """Fewer or more layers, fewer or more buttons."""
    it = Edited(qtbot, "view.plane.x.layers", (1,))
    for count in (2, 51, 1):
        it.editor.set_layers([f"layer {n}" for n in range(1, count + 1)])
        assert len(_buttons(it)) == count + 1
    assert it.sent == []


def test_layer_buttons_say_what_a_layer_is(qtbot):
    """By their tooltips, with the help of the field below, and to screen readers."""
    it = Edited(qtbot, "view.plane.x.layers", (1,))
    button = _buttons(it)["4"]
    assert "4 linear" in button.toolTip() and "counted from 1" in button.toolTip()
    assert button.accessibleName().endswith(": 4 linear")
    it.editor.set_layers(("1 LSTM", "2 linear"))
    assert "1 LSTM" in _buttons(it)["1"].toolTip()


def test_a_single_weight_has_one_layer(qtbot):
    """Then another button replaces the layer."""
    it = Edited(qtbot, "view.plane.x.layers", (1,))
    it.editor.set_single(True)
    buttons = _buttons(it)
    buttons["3"].click()
    buttons["1"].click()
    assert it.sent == [(3,)] and buttons["1"].isChecked() and not buttons["all"].isEnabled()


@pytest.mark.parametrize("path", ["run.optimiser.learning_rate", "run.optimiser.batch_size", "run.network.formula"])
def test_undo_of_the_program_passes_by_a_field_that_nothing_was_typed_into(qtbot, path):
    """What was entered is a change of the scene; text that was not entered yet is the field's own to take back."""
    window = QMainWindow()
    qtbot.addWidget(window)
    editor = editor_for(field_at(path))
    window.setCentralWidget(editor)
    undone = []
    action = QAction("Undo", window)
    action.setShortcut(QKeySequence.StandardKey.Undo)
    action.triggered.connect(lambda: undone.append(1))
    window.addAction(action)
    editor.set_value(Scene().value(path))
    window.show()
    window.activateWindow()
    line = editor.findChild(QLineEdit)
    box = line.parentWidget() if isinstance(line.parentWidget(), QAbstractSpinBox) else line
    box.setFocus()
    qtbot.waitUntil(box.hasFocus)
    qtbot.keyClick(box, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert undone == [1]
    qtbot.keyClick(box, Qt.Key.Key_3)
    qtbot.keyClick(box, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert undone == [1]


def test_after_an_arrow_letters_are_the_programs_keys(qtbot):
    """So that a step of the learning rate and the key that shows what it does follow each other; typing ends that."""
    it = Edited(qtbot, "run.optimiser.learning_rate")
    box = it.child(NumberBox)

    def taken(key: Qt.Key) -> bool:
        """Whether the box keeps a key for itself."""
        event = QKeyEvent(QEvent.Type.ShortcutOverride, key, Qt.KeyboardModifier.NoModifier, chr(key).lower())
        event.ignore()
        box.event(event)
        return event.isAccepted()

    assert taken(Qt.Key.Key_I)
    qtbot.keyClick(box, Qt.Key.Key_Up)
    assert not taken(Qt.Key.Key_I)
    assert taken(Qt.Key.Key_5)
    qtbot.keyClicks(box, "5")
    assert taken(Qt.Key.Key_I)
