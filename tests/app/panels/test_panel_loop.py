"""Panel and reducer together: edits go up, state comes down, as the controller does it."""

import pytest
from PyQt6.QtWidgets import QLineEdit

from thalweg.app.intents import DiscardDraft, Edit
from thalweg.app.panels.run_panel import RunPanel
from thalweg.app.reduce import reduce
from thalweg.app.settings import Settings
from thalweg.app.state import opened
from thalweg.core.scene import Scene


class Loop:
    """A run panel whose edits are reduced, and which shows what comes of them."""

    def __init__(self, panel):
        self.panel, self.state = panel, opened(Scene(), "test", Settings())
        panel.edited.connect(lambda path, value: self.take(Edit(path, value)))
        self.panel.set_scene(self.state.scene, None)

    def take(self, message):
        """Reduce, and call the setters whose input changed."""
        before, self.state = self.state, reduce(message, self.state)
        now = self.state
        if (before.scene, before.draft) != (now.scene, now.draft):
            self.panel.set_scene(now.scene, now.draft)
        if before.field_error != now.field_error:
            self.panel.clear_errors()
            if now.field_error:
                self.panel.set_error(*now.field_error)

    def row(self, path):
        """The row of a field."""
        return next(f.rows[path] for f in self.panel.forms.forms.values() if path in f.rows)

    def text(self, path):
        """What stands in a field."""
        return self.row(path).editor.findChild(QLineEdit).text()


@pytest.fixture
def loop(qtbot):
    """A panel in a loop with the reducer."""
    panel = RunPanel()
    qtbot.addWidget(panel)
    panel.show()
    return Loop(panel)


def test_live_and_restarting_edits(loop, enter):
    """A learning rate is taken up at once, a network waits in the draft."""
    enter(loop.row("run.optimiser.learning_rate").editor, "1e-2")
    assert loop.state.scene.run.optimiser.learning_rate == 0.01 and loop.state.draft is None
    enter(loop.row("run.network.hidden").editor, "12")
    assert loop.state.draft.run.network.hidden == (12,) and loop.panel.bar.isVisible()
    loop.take(DiscardDraft())
    assert loop.text("run.network.hidden") == "30, 30, 30" and not loop.panel.bar.isVisible()


@pytest.mark.parametrize("text", ["many", "0", "99999", "", "1.5"])
def test_refused_mended_and_taken_back(loop, enter, text):
    """What is refused stays with its sentence until it is mended, or the old value is typed again."""
    path = "run.optimiser.batch_size"
    row = loop.row(path)
    for _ in range(2):
        enter(row.editor, text)
        assert row.editor.wrong and row.sentence.isVisible() and loop.text(path).startswith(text)
        assert loop.state.scene == Scene()
    enter(row.editor, "10")
    assert not row.editor.wrong and not row.sentence.isVisible() and loop.text(path) == "10 examples"
    enter(row.editor, text)
    enter(row.editor, "20")
    assert not row.editor.wrong and not row.sentence.isVisible()
    assert loop.state.scene.run.optimiser.batch_size == 20


def test_another_edit_shows_the_truth_again(loop, enter):
    """A refused text does not outlive its sentence."""
    enter(loop.row("run.seed").editor, "-1")
    assert loop.text("run.seed") == "-1"
    enter(loop.row("run.steps").editor, "50")
    assert loop.text("run.seed") == "0" and not loop.row("run.seed").editor.wrong
