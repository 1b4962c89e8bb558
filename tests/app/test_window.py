"""The real window: keys, menus, scenes, files, themes, closing. A few tests from end to end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PyQt6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PyQt6.QtGui import QAction, QDragEnterEvent, QDropEvent, QKeySequence
from PyQt6.QtWidgets import QApplication, QCheckBox, QLineEdit, QMenu

from thalweg import assets
from thalweg.app import dialogs, marks, settings_file, theme, window
from thalweg.app.actions import ACTIONS
from thalweg.app.compute.inline import InlineLandscapes, InlineSession
from thalweg.app.compute.process import landscape_worker, session_worker
from thalweg.app.controller import Controller
from thalweg.app.desk import Desk
from thalweg.app.intents import Edit, OpenScene, Report, SceneSaved
from thalweg.app.main_window import MainWindow
from thalweg.app.state import AppState
from thalweg.app.views.gallery import FIGURES
from thalweg.app.views.landscape import LandscapeFigure
from thalweg.core import data as datasets
from thalweg.core.scene import Scene, load, save
from thalweg.core.training.service import TrainingService

from .inline_desk import Watched, settled
from .processes import children, none_left
from .rig import FakeClock, state_of, tiny_scene

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.qt_log_level_fail("WARNING"),
    pytest.mark.qt_log_ignore(r"This plugin does not support \w+\(\)"),
]


class Open(Watched):
    """A window on a tiny run, trained in this process when its timer ticks, one step for each look while it plays."""

    def __init__(self, scene: Scene | None = None, **changes: object) -> None:
        self.clock = FakeClock()
        self.service = TrainingService(now=self.clock)
        state = state_of(scene, landscape_share=1.0, **changes)
        self.controller = Controller(state, InlineSession(self.service), InlineLandscapes(), self.clock)
        QApplication.instance().setApplicationName("Thalweg")
        self.window = MainWindow([(n, assets.shipped_scene(n).title) for n in assets.scene_names()])
        self.desk = Desk(self.window, self.controller)
        self.desk._timer.stop()  # the test looks, so that nothing depends on how fast the machine is
        self.window.resize(1280, 720)
        self.window.show()

    def look(self, times: int = 1) -> None:
        """What the timer does, a hundredth of a second apart."""
        for _ in range(times):
            self.clock.time += 0.01
            self.controller.tick()
            QApplication.processEvents()

    def until(self, done: Callable[[AppState], object]) -> None:
        """Look until it is so."""
        for _ in range(100):
            if done(self.state):
                return
            self.look()
        raise AssertionError(f"never: {self.state.sentence} {self.state.map_error}")

    def calm(self) -> None:
        """All figures show the newest state."""
        self.clock.time += 1
        self.look(2)

    def action(self, name: str) -> QAction:
        """An action of the window."""
        return self.window.actions_by_id[name]

    def close(self) -> None:
        """As a person does, then what the end of the program does."""
        self.window.close()
        gone(self.window)


def gone(closed: MainWindow) -> None:
    """Let a closed window go now, not when the garbage collector finds it; open ones would be dressed forever."""
    for figure in closed.figures.values():
        figure.close()
    closed.deleteLater()
    QApplication.sendPostedEvents(closed, QEvent.Type.DeferredDelete)


@pytest.fixture
def opened(qtbot: object) -> Iterator[Callable[..., Open]]:
    """Opens windows, which are closed at the end."""
    made: list[Open] = []

    def make(scene: Scene | None = None, **changes: object) -> Open:
        made.append(Open(scene, **changes))
        return made[-1]

    yield make
    for one in made:
        one.close()
    theme.apply(theme.LIGHT, QApplication.instance())


@pytest.fixture
def there(opened: Callable[..., Open]) -> Open:
    """A window with a landscape on it."""
    made = opened(tiny_scene(pace__speed=100.0))
    made.until(settled)
    made.calm()
    return made


def press(qtbot: object, open_: Open, text: str) -> None:
    """Press the keys of a shortcut in the window."""
    combination = QKeySequence(text)[0]
    qtbot.keyClick(open_.window, combination.key(), combination.keyboardModifiers())  # type: ignore[attr-defined]
    QApplication.processEvents()


# --- keys ------------------------------------------------------------------------------------------------------------


def test_space_plays_and_pauses(qtbot, there: Open) -> None:
    """And the action says what it will do."""
    press(qtbot, there, "Space")
    assert there.state.playing
    assert there.action("play").isChecked()
    assert there.action("play").text() == "&Pause"
    there.look(5)
    assert there.step == 5 or there.step == 6
    press(qtbot, there, "Space")
    assert not there.state.playing
    before = there.step
    there.look(5)
    assert there.step == before


def test_right_takes_one_step(qtbot, there: Open) -> None:
    """Each time; while playing it pauses first."""
    for expected in (1, 2, 3):
        press(qtbot, there, "Right")
        there.look(3)
        assert there.step == expected
    press(qtbot, there, "Space")
    press(qtbot, there, "Right")
    there.look(5)
    assert there.step == 4
    assert not there.state.playing


def test_one_step_of_many_batches(qtbot, opened: Callable[..., Open]) -> None:
    """What one step is, is the scene's to say, also before anything was played and after a reset."""
    one = opened(tiny_scene(pace__step="batches", pace__batches=5))
    one.until(settled)
    press(qtbot, one, "Right")
    one.look(8)
    assert one.step == 5
    press(qtbot, one, "R")
    one.look(3)
    press(qtbot, one, "Right")
    one.look(8)
    assert one.step == 5


def test_reset_and_new_seed(qtbot, there: Open) -> None:
    """R: the same weights, bit for bit; N: others, and undo brings the old ones back."""
    first = there.parameters
    press(qtbot, there, "Right")
    there.look(3)
    assert not np.array_equal(there.parameters, first)
    press(qtbot, there, "R")
    there.look(3)
    assert (there.step, there.state.playing) == (0, False)
    assert np.array_equal(there.parameters, first)
    press(qtbot, there, "N")
    there.look(3)
    assert there.state.scene.run.seed != 0
    assert not np.array_equal(there.parameters, first)
    press(qtbot, there, "Ctrl+Z")
    there.look(3)
    assert there.state.scene.run.seed == 0
    assert np.array_equal(there.parameters, first)
    press(qtbot, there, "Ctrl+Shift+Z")
    there.look(3)
    assert there.state.scene.run.seed != 0


def test_undo_in_the_window(qtbot, there: Open) -> None:
    """A switch pressed is taken back; undo is enabled only when there is something to undo."""
    assert not there.action("undo").isEnabled()
    press(qtbot, there, "G")
    assert there.state.scene.view.log_loss
    assert there.action("log-loss").isChecked()
    assert there.action("undo").isEnabled()
    assert there.window.isWindowModified()
    press(qtbot, there, "Ctrl+Z")
    assert not there.state.scene.view.log_loss
    assert not there.action("log-loss").isChecked()
    assert not there.window.isWindowModified()


def test_a_letter_typed_in_a_field_is_no_command(qtbot, there: Open) -> None:
    """R and N stand for reset and new seed elsewhere."""
    there.window.controls.show()
    line = next(e for e in there.window.run_panel.findChildren(QLineEdit) if e.isVisible())
    line.setFocus()
    generation = there.state.generation
    qtbot.keyClicks(line, "rn")
    assert there.state.generation == generation


def test_a_control_that_has_the_focus_keeps_its_keys(qtbot, there: Open) -> None:
    """Without a mouse, Space is how a box is ticked and a button pressed, and Right how a slider is moved."""
    there.window.controls.show()
    there.window.controls.widget().setCurrentWidget(there.window.view_panel)
    box = next(b for b in there.window.view_panel.findChildren(QCheckBox) if b.isEnabled())
    ticked = box.isChecked()
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_Space)
    assert not there.state.playing
    assert box.isChecked() is not ticked
    plane = there.state.plane
    there.window.view_panel.lay.setFocus()
    qtbot.keyClick(there.window.view_panel.lay, Qt.Key.Key_Space)
    assert not there.state.playing
    assert there.state.plane == plane + 1
    slider = there.window.pace_bar.slider
    mark = slider.value()
    slider.setFocus()
    qtbot.keyClick(slider, Qt.Key.Key_Right)
    assert slider.value() == mark + 1
    assert there.state.advances == 0


# --- menus and bars --------------------------------------------------------------------------------------------------


def in_menus(menu: QMenu) -> list[QAction]:
    """The actions of a menu and of those in it."""
    return [
        a for action in menu.actions() for a in (in_menus(action.menu()) if action.menu() else [action])
    ]  # fmt: skip


def test_every_action_is_in_a_menu_with_a_shortcut_of_its_own(there: Open) -> None:
    """The table's, and no other; every shipped scene is in the menu of scenes."""
    bar = there.window.menuBar()
    menus = [top.menu() for top in bar.actions()]
    found = [a for menu in menus for a in in_menus(menu)]
    of_choices = [a for menu in menus for a in menu.actions() if a.objectName() in there.window.choice_menus]
    found += of_choices
    assert {a.objectName() for a in found if a.objectName()} == {a.id for a in ACTIONS}
    keys = [k.toString() for a in found for k in a.shortcuts()]
    assert sorted(keys) == sorted(QKeySequence(a.shortcut).toString() for a in ACTIONS if a.shortcut)
    assert len(set(keys)) == len(keys)
    texts = [a.text() for a in found if not a.objectName()]
    for name in assets.scene_names():
        assert sum(f"({name})" in t for t in texts) == 1
    titles = [top.text() for top in bar.actions()]
    assert len({t[t.index("&") + 1].lower() for t in titles}) == len(titles)


@pytest.mark.qt_log_ignore("does not support")  # what a screen that is not there cannot do
def test_a_cure_is_chosen_from_its_menu_and_trains_beside(qtbot, there: Open) -> None:
    """Its key opens the menu; what is chosen there is trained from the same start, and has its line in the legend."""
    menu = there.window.choice_menus["cure"]
    there.until(lambda s: s.started is not None)
    there.calm()
    press(qtbot, there, "C")
    assert menu.isVisible()
    menu.close()
    groups = [a.menu() for a in menu.actions()]
    assert [g.title() for g in groups][:2] == ["Activation", "Initial weights"]
    choice = next(a for a in groups[0].actions() if a.text().startswith("ReLU"))
    choice.trigger()
    there.until(lambda s: s.current is not None and len(s.current.lines) == 2 and s.current.step > 3)
    assert [e.name for e in marks.entries(there.controller.state)][1] == "ReLU, He weights, rate 0.1"
    assert there.controller.state.playing


@pytest.mark.qt_log_ignore("does not support")  # what a screen that is not there cannot do
def test_a_layer_is_put_back_from_its_menu(qtbot, there: Open) -> None:
    """There is nothing to choose at step 0; then each layer of the run in front, and the branch has its line."""
    menu = there.window.choice_menus["put-back"]
    there.until(lambda s: s.current is not None)
    assert not there.action("put-back").isEnabled()
    press(qtbot, there, "Right")
    there.until(lambda s: s.current.step > 0 and not s.current.stepping)
    there.until(lambda s: there.action("put-back").isEnabled() and menu.actions())
    there.calm()
    press(qtbot, there, "B")
    assert menu.isVisible()
    menu.close()
    names = [a.text() for a in menu.actions()]
    assert names == [f"Layer {n}" for n in range(1, len(names) + 1)] and len(names) > 1
    step = there.controller.state.current.step
    menu.actions()[0].trigger()
    there.until(lambda s: s.current is not None and len(s.current.lines) == 2)
    entries = marks.entries(there.controller.state)
    assert [e.name for e in entries] == ["original", f"from {step:,}, layer 1 as at the start"]
    assert entries[1].front and not there.controller.state.playing
    press(qtbot, there, "Home")
    there.until(lambda s: s.current is not None and s.current.step == 0)
    there.until(lambda s: not there.action("put-back").isEnabled())


def test_the_status_line(there: Open) -> None:
    """Step, epoch, pace, landscapes, device."""
    texts = [label.text() for label in there.window._status]
    assert texts == ["step 0", "epoch 0.00", "paused", "landscape at rest", "cpu"]
    there.window.triggered.emit("play")
    there.look(20)
    texts = [label.text() for label in there.window._status]
    assert texts[0] != "step 0"
    assert texts[2].endswith("steps/s")
    assert texts[3].endswith("landscapes/s")


def test_panels_are_switched_by_their_keys_and_by_the_scene(qtbot, there: Open) -> None:
    """Window, menu and scene say the same; undo brings a panel back."""
    for key, name in (("F2", "landscape"), ("F3", "curves"), ("F4", "gradient-norms"), ("F5", "weight-map")):
        figure = there.window.figures[name]
        assert figure.isVisible()
        press(qtbot, there, key)
        assert not figure.isVisible()
        assert name not in there.state.scene.view.panels
        assert not there.action(f"panel-{name}").isChecked()
        press(qtbot, there, "Ctrl+Z")
        assert figure.isVisible()
        assert there.action(f"panel-{name}").isChecked()
    press(qtbot, there, "F6")  # closed until it is wanted
    assert there.window.figures["slices"].isVisible()
    assert there.state.scene.view.panels[-1] == "slices"
    docks = there.window.docks.all  # the window is too low for a place of its own
    assert docks["slices"] in there.window.tabifiedDockWidgets(docks["weight-map"])
    there.controller.dispatch(Edit("view.panels", ("curves",)))
    assert [n for n, f in there.window.figures.items() if f.isVisible()] == ["curves"]


def test_landscape_and_surface_share_the_middle(qtbot, there: Open) -> None:
    """Tabs are there only while both are open; what is opened comes to the front; alone it has all the room."""
    centre, figures = there.window.centre, there.window.figures
    before = figures["landscape"].size()
    assert not centre.tabBar().isVisible()
    press(qtbot, there, "Shift+F2")
    assert figures["surface"].isVisible()
    assert not figures["landscape"].isVisible()
    assert [centre.tabText(k) for k in range(centre.count())] == ["Landscape", "3-D surface"]
    assert centre.tabBar().isVisible()
    centre.setCurrentIndex(0)
    assert figures["landscape"].isVisible()
    press(qtbot, there, "Shift+F2")
    there.calm()
    assert figures["landscape"].size() == before
    there.controller.dispatch(Edit("view.panels", ("surface",)))
    assert figures["surface"].isVisible()
    assert not centre.tabBar().isVisible()
    press(qtbot, there, "Shift+F2")
    assert not figures["surface"].isVisible()
    press(qtbot, there, "F2")
    assert figures["landscape"].isVisible()


def test_every_figure_belongs_to_the_window(there: Open) -> None:
    """Open or closed, in the middle or beside it: what belongs to nobody would outlive the window."""
    for panels in (("landscape", "depth"), (), ("depth", "slices", "curves")):
        there.controller.dispatch(Edit("view.panels", panels))
        there.look(2)
        assert all(figure.window() is there.window for figure in there.window.figures.values())


def test_any_panel_can_stand_in_the_middle(qtbot, there: Open) -> None:
    """The map stands beside it then; where the panel is closed, the middle is the map's again."""
    window, figures = there.window, there.window.figures
    there.controller.dispatch(Edit("view.panels", ("landscape", "curves", "depth")))
    there.controller.dispatch(Edit("view.middle", "depth"))
    there.calm()
    assert window.centre.isAncestorOf(figures["depth"])
    assert window.docks.all["landscape"].isAncestorOf(figures["landscape"])
    assert [figures[n].isVisible() for n in ("landscape", "curves", "depth")] == [True] * 3
    assert figures["depth"].width() > figures["landscape"].width()
    press(qtbot, there, "F7")
    there.calm()
    assert window.centre.isAncestorOf(figures["landscape"])
    assert not window.docks.all["landscape"].isVisible()
    press(qtbot, there, "F7")
    assert window.centre.isAncestorOf(figures["depth"])
    press(qtbot, there, "Ctrl+Z")
    press(qtbot, there, "Ctrl+Z")
    press(qtbot, there, "Ctrl+Z")
    assert window.centre.isAncestorOf(figures["landscape"])


def test_panels_are_arranged_anew_with_another_scene_alone(opened: Callable[..., Open]) -> None:
    """Each has a place of its own while there is room; what the person has moved stays until another scene."""
    there = opened()
    there.window.resize(1280, 1000)
    there.look()
    docks = there.window.docks.all
    scene = there.state.scene.edited({"view.panels": ("landscape", "curves", "slices", "depth")})
    there.controller.dispatch(OpenScene(scene, "three"))
    there.look(3)
    three = [docks[name] for name in ("curves", "slices", "depth")]
    assert all(not there.window.tabifiedDockWidgets(dock) for dock in three)
    tops = [dock.geometry().top() for dock in three]
    assert tops == sorted(tops)
    assert len(set(tops)) == 3
    there.window.tabifyDockWidget(three[0], three[1])
    there.controller.dispatch(Edit("view.log_loss", True))
    there.controller.dispatch(Edit("view.panels", ("landscape", "curves", "slices", "depth", "chain-rule")))
    there.look(3)
    assert three[1] in there.window.tabifiedDockWidgets(three[0])
    assert docks["chain-rule"].isVisible()
    there.controller.dispatch(SceneSaved("elsewhere.toml"))
    there.look(3)
    assert three[1] in there.window.tabifiedDockWidgets(three[0]), "saved under another name it is the same scene"
    there.controller.dispatch(OpenScene(scene, "again"))
    there.look(3)
    assert not there.window.tabifiedDockWidgets(three[0])


def test_lines_side_by_side_and_over_one_another_again(opened: Callable[..., Open]) -> None:
    """While it goes on: the tiles that are closed are shown nothing more."""
    scene = tiny_scene(view__panels=("landscape", "curves", "depth"), pace__speed=100.0)
    there = opened(scene.edited({"variants": [scene.run.model_dump() | {"seed": 5}]}))
    there.until(lambda s: s.map is not None and s.map.complete)
    there.window.triggered.emit("play")
    for arranged in ("tile", "overlay", "tile", "overlay"):
        there.controller.dispatch(Edit("view.arrange", arranged))
        there.look(4)
        assert bool(there.window.tiles["landscape"].figures) == (arranged == "tile")
    assert not there.state.sentence


def test_a_sentence_is_whole_in_the_large_font_of_a_hall(there: Open) -> None:
    """Also one that was there before the theme changed."""
    there.controller.dispatch(Report("Something long that has to be told, and wraps. " * 6))
    there.calm()
    for name in ("theme-projector", "theme-light"):
        there.window.triggered.emit(name)
        there.calm()
        label = there.window.banner.label
        assert label.height() >= label.heightForWidth(label.width())


def test_turning_the_surface_is_one_edit_of_the_scene(qtbot, there: Open) -> None:
    """It can be undone, starts nothing again and asks for no map."""
    press(qtbot, there, "Shift+F2")
    there.calm()
    figure, generation, number = there.window.figures["surface"], there.state.generation, there.state.map_number
    assert figure.heading.text == "Loss surface at step 0"
    before, past = figure.camera, len(there.state.past)
    area = figure.stage.sceneBoundingRect().center()
    at = figure.mapFromScene(area)
    qtbot.mousePress(figure.viewport(), Qt.MouseButton.LeftButton, pos=at)
    for k in range(1, 5):
        qtbot.mouseMove(figure.viewport(), at + QPoint(9 * k, 6 * k))
    assert len(there.state.past) == past
    qtbot.mouseRelease(figure.viewport(), Qt.MouseButton.LeftButton, pos=at + QPoint(36, 24))
    camera = there.state.scene.view.camera
    assert (camera.azimuth, camera.elevation, camera.zoom) == figure.camera != before
    assert len(there.state.past) == past + 1
    there.look(3)
    assert (there.state.generation, there.state.map_number) == (generation, number)
    press(qtbot, there, "Ctrl+Z")
    there.calm()
    assert figure.camera == before


def test_controls_and_full_screen(qtbot, there: Open) -> None:
    """F9 and F11, there and back."""
    shown = there.window.controls.isVisible()
    press(qtbot, there, "F9")
    assert there.window.controls.isVisible() is not shown
    press(qtbot, there, "F11")
    assert there.window.isFullScreen()
    press(qtbot, there, "F11")
    assert not there.window.isFullScreen()


# --- captions --------------------------------------------------------------------------------------------------------


def test_captions_say_what_is_shown(qtbot, there: Open) -> None:
    """Plane, units, data, seed, and how far the slice can be trusted."""
    press(qtbot, there, "Right")
    there.until(lambda s: s.frame.step == 1 and settled(s))
    there.calm()
    figures = there.window.figures
    m = there.state.map
    assert m is not None
    caption = figures["landscape"].caption.text
    for words in ("current point, axes as laid at step 0", "Euclidean distance 1", "seed 0", "784-8-10 sigmoid",
                  "first 50 of 100 training examples", f"{m.loss_at_point:.4g}", f"{m.loss_at_projection:.4g}",
                  "% of the squared distance", "9×9 points"):  # fmt: skip
        assert words in caption, words
    assert figures["landscape"].heading.text == "Loss landscape at step 1"
    for words in ("first 50 of 100", "test: 20", "seed 0", "learning rate 0.5", "batch size 10"):
        assert words in figures["curves"].caption.text, words
    for words in ("cross-entropy", "first 50 training examples", "seed 0", "weights and biases"):
        assert words in figures["gradient-norms"].caption.text, words
    assert "8 weights" in figures["weight-map"].caption.text
    assert "step 1" in figures["weight-map"].caption.text
    assert there.state.started is not None
    assert there.state.started.data in figures["weight-map"].caption.text


def test_an_example_beyond_those_sent_is_not_shown_under_a_false_number(opened: Callable[..., Open]) -> None:
    """The picture beside the map is the one that its label names."""
    scene = tiny_scene(run__data__train=1500)
    one = opened(scene.edited({"view.example": 199}))
    one.until(settled)
    one.calm()
    figure = one.window.figures["weight-map"]
    shown = figure._digit.image
    label = figure.example.getAxis("bottom").labelText
    images = datasets.load(scene.run.data).train_images.reshape(-1, 28, 28)
    which = [n for n, image in enumerate(images) if shown is not None and np.array_equal(np.round(image * 255), shown)]
    assert any(f"example {n}:" in label for n in which), (which[:3], label)


def test_captions_never_speak_of_another_run_than_the_picture(there: Open) -> None:
    """A scene whose data is missing leaves the old picture: its caption must stay that of the old run."""
    before = there.window.figures["landscape"].caption.text
    assert "784-8-10 sigmoid, seed 0" in before
    other = there.state.scene.edited(
        {"run.data.folder": "/no/such/folder", "run.data.name": "mnist", "run.network.activation": "tanh"}
    )
    there.controller.dispatch(OpenScene(other, "other"))
    there.look(3)
    there.calm()
    assert there.state.sentence or there.state.missing
    if there.state.map is not None:
        assert "tanh" not in there.window.figures["landscape"].caption.text


# --- themes ----------------------------------------------------------------------------------------------------------


def test_all_themes_while_it_runs(qtbot, there: Open, settings_folder: Path) -> None:
    """From each to each, and the last one is kept for the next start."""
    press(qtbot, there, "Space")
    for number in (1, 2, 3, 1, 3, 2):
        press(qtbot, there, f"Ctrl+{number}")
        there.look(3)
        name = ("light", "dark", "projector")[number - 1]
        assert there.state.settings.theme == name
        assert [there.action(f"theme-{t}").isChecked() for t in theme.THEMES] == [t == name for t in theme.THEMES]
        assert all(f.theme.name == name for f in there.window.figures.values())
        dark = there.window.grab().toImage().pixelColor(3, there.window.height() // 2).lightness() < 128
        assert dark is (name == "dark")
    assert settings_file.load().theme == "dark"
    assert Path(settings_file.store().fileName()).is_relative_to(settings_folder)


def test_a_theme_keeps_the_colour_scale_that_the_person_chose(there: Open) -> None:
    """Also when no map has come since."""
    figure = there.window.figures["landscape"]
    there.controller.dispatch(Edit("view.plane.colour", "log"))
    there.controller.dispatch(Edit("view.plane.levels", 5))
    there.calm()
    label, levels = figure.bar.getAxis("right").labelText, list(figure._levels)
    assert "log" in label
    there.window.triggered.emit("theme-dark")
    there.calm()
    assert figure.bar.getAxis("right").labelText == label
    assert list(figure._levels) == levels


# --- scenes and files ------------------------------------------------------------------------------------------------


def test_a_scene_from_the_menu(there: Open) -> None:
    """Its run starts, its name is in the title, undo brings the old one back."""
    old = there.state.scene
    there.window.scene_chosen.emit("relu")
    assert there.state.scene == assets.shipped_scene("relu")
    assert "ReLU" in there.window.windowTitle()
    assert "relu" in there.window.windowTitle()
    there.window.triggered.emit("undo")
    assert there.state.scene == old
    assert "tiny.toml" in there.window.windowTitle()


@pytest.mark.parametrize("name", ["missing.toml", "wrong.toml", "folder.toml", "binary.toml", "run.h5", "nonsense"])
def test_a_file_that_is_no_scene(qtbot, there: Open, tmp_path: Path, name: str) -> None:
    """A sentence above the figures; scene and run are as they were; the sentence can be closed."""
    (tmp_path / "wrong.toml").write_text("[run]\nseed = -1\n")
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "binary.toml").write_bytes(bytes(range(256)))
    before = there.state.scene, there.state.generation, there.state.name
    there.desk.dialogs.open(str(tmp_path / name) if name != "nonsense" else name)
    QApplication.processEvents()
    assert (there.state.scene, there.state.generation, there.state.name) == before
    assert there.window.banner.isVisible()
    assert name in there.window.banner.label.text()
    qtbot.mouseClick(there.window.banner.buttons["dismiss"], Qt.MouseButton.LeftButton)
    assert not there.window.banner.isVisible()


def drop(open_: Open, path: Path) -> bool:
    """Drag a file onto the window and let go; whether the window would have it."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(300, 300), copy, mime, left, none)
    enter.ignore()
    QApplication.sendEvent(open_.window, enter)
    if enter.isAccepted():
        QApplication.sendEvent(open_.window, QDropEvent(QPointF(300, 300), copy, mime, left, none))
    return enter.isAccepted()


def test_a_dropped_file_is_opened(there: Open, tmp_path: Path) -> None:
    """And becomes the file that is saved to."""
    path = tmp_path / "dropped.toml"
    save(tiny_scene(title="Dropped", run__seed=6), path)
    assert drop(there, path)
    assert there.state.scene.title == "Dropped"
    assert there.state.name == str(path)
    there.look(3)
    assert there.state.started is not None
    assert there.state.started.generation == there.state.generation
    assert not any(f.acceptDrops() for f in there.window.figures.values())


def test_saving(there: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the scene's own file, to another, and not at all where it cannot be written."""
    path = tmp_path / "mine.toml"
    save(tiny_scene(), path)
    there.desk.dialogs.open(str(path))
    there.window.triggered.emit("log-loss")
    assert there.window.isWindowModified()
    there.window.triggered.emit("save")
    assert load(path) == there.state.scene
    assert load(path).view.log_loss
    assert not there.window.isWindowModified()
    other = tmp_path / "other"
    monkeypatch.setattr(dialogs.QFileDialog, "getSaveFileName", lambda *a: (str(other), ""))
    there.window.triggered.emit("save-as")
    assert load(tmp_path / "other.toml") == there.state.scene
    assert there.state.name == str(tmp_path / "other.toml")
    monkeypatch.setattr(dialogs.QFileDialog, "getSaveFileName", lambda *a: (str(tmp_path / "no" / "a.toml"), ""))
    there.window.triggered.emit("save-as")
    assert "cannot be written" in there.window.banner.label.text()
    assert there.state.name == str(tmp_path / "other.toml")


def test_a_shipped_scene_is_saved_elsewhere(there: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Saving asks for a place; giving none changes nothing."""
    there.desk.dialogs.open("relu")
    asked = []
    monkeypatch.setattr(dialogs.QFileDialog, "getSaveFileName", lambda *a: asked.append(a) or ("", ""))
    there.window.triggered.emit("save")
    assert len(asked) == 1
    assert there.state.name == "relu"


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf", ".csv"])
def test_exporting_every_figure(there: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    """Through the dialog, which proposes the figures that are open."""
    names = iter(("landscape", "weight-map", "curves", "gradient-norms", "slices"))

    def accept(dialog: dialogs.ExportDialog) -> int:
        name = next(names)
        dialog.figure.setCurrentIndex(dialog.figure.findData(name))
        assert dialog.path.name == f"tiny-step-{there.state.frame.step}-{name}.png"
        dialog.file.setText(str(tmp_path / f"{name}{suffix}"))
        dialog.accept()
        return dialog.result()

    monkeypatch.setattr(dialogs.ExportDialog, "exec", accept)
    for _ in range(5):
        there.window.triggered.emit("export")
        assert "Written" in there.window.statusBar().currentMessage()
    assert len([p for p in tmp_path.iterdir() if p.stat().st_size > 100]) == 5
    assert there.state.sentence == ""


def test_an_export_that_fails_says_so(there: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dialog stays open with the reason, nothing that was chosen is lost, and no file is left."""

    def accept(dialog: dialogs.ExportDialog) -> int:
        dialog.file.setText(str(tmp_path / "a.jpg"))
        dialog.accept()
        assert ".jpg" in dialog._error.text()
        assert dialog.result() == 0
        return dialog.result()

    monkeypatch.setattr(dialogs.ExportDialog, "exec", accept)
    there.window.triggered.emit("export")
    assert list(tmp_path.iterdir()) == []


def test_exporting_with_every_panel_closed(there: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every figure can be exported, shown or not."""
    there.controller.dispatch(Edit("view.panels", ()))
    offered: list[int] = []
    monkeypatch.setattr(dialogs.ExportDialog, "exec", lambda dialog: offered.append(dialog.figure.count()))
    there.window.triggered.emit("export")
    assert offered == [len(FIGURES)]


def test_dialogs_open(there: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings are taken up and kept; the page of keys and the licence come up."""

    def change(dialog: dialogs.SettingsDialog) -> None:
        dialog.share.setValue(4)

    shown: list[str] = []
    monkeypatch.setattr(dialogs.SettingsDialog, "exec", change)
    monkeypatch.setattr(dialogs.QMessageBox, "exec", lambda box: shown.append(box.text()))
    monkeypatch.setattr(dialogs.QMessageBox, "about", lambda parent, title, text: shown.append(text))
    there.window.triggered.emit("settings")
    assert there.state.settings.landscape_share == settings_file.load().landscape_share == 0.2
    there.window.triggered.emit("keys")
    there.window.triggered.emit("about")
    assert "Space" in shown[0]
    assert "General Public License" in shown[1]


def test_a_wrong_value_is_told_at_its_field_or_above_the_figures(there: Open) -> None:
    """Never swallowed."""
    there.controller.dispatch(Edit("run.optimiser.batch_size", 0))
    assert there.state.field_error is not None
    assert not there.window.banner.isVisible()
    there.controller.dispatch(Edit("title", 3))
    assert there.window.banner.isVisible()
    assert "title" in there.window.banner.label.text()


def test_clicking_the_example_shows_the_next_one(qtbot, there: Open) -> None:
    """Round and round through those that were sent."""
    figure = there.window.figures["weight-map"]
    figure.example_clicked.emit(1)
    assert there.state.scene.view.example == 1
    figure.example_clicked.emit(-1)
    figure.example_clicked.emit(-1)
    assert there.state.scene.view.example == 99
    there.calm()
    assert "example 99" in figure.example.getAxis("bottom").labelText


def test_zooming_in_and_back(qtbot, there: Open) -> None:
    """The map is computed in the part asked for; Esc shows the whole plane again, and does nothing after that."""
    figure = there.window.figures["landscape"]
    assert isinstance(figure, LandscapeFigure)
    whole = there.state.shown_ranges
    assert not there.action("whole").isEnabled()
    part = ((0.25, 0.75), (-0.5, 0.5))
    figure.zoom_requested.emit(*part)
    assert figure.box.viewRange() == [list(r) for r in part]
    there.until(lambda s: s.map.complete and (s.map.x[0], s.map.x[-1]) == part[0])
    assert (there.state.map.y[0], there.state.map.y[-1]) == part[1]
    assert there.state.map.loss.shape == (9, 9)
    there.calm()
    assert "zoomed in" in figure.heading.text
    qtbot.keyClick(there.window, Qt.Key.Key_Escape)
    assert there.state.shown_ranges == whole
    there.until(lambda s: (s.map.x[0], s.map.x[-1]) == whole[0])
    there.calm()
    assert "zoomed in" not in figure.heading.text
    assert not there.action("whole").isEnabled()
    figure.zoom_requested.emit((0.5, 0.5), (0.0, 1.0))
    assert there.state.sentence.startswith("Not zoomed")


def test_escape_in_a_field_takes_back_what_was_typed_and_leaves_the_zoom(qtbot, there: Open) -> None:
    """The second one is the window's."""
    there.window.figures["landscape"].zoom_requested.emit((0.25, 0.75), (-0.5, 0.5))
    there.window.activateWindow()
    field = there.window.run_panel.findChildren(QLineEdit)[-1]
    before = field.text()
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, "77")
    assert field.text() != before
    qtbot.keyClick(field, Qt.Key.Key_Escape)
    assert field.text() == before
    assert there.state.zoom is not None
    qtbot.keyClick(field, Qt.Key.Key_Escape)
    assert there.state.zoom is None


def test_what_the_landscape_shows_is_chosen_in_the_form(there: Open) -> None:
    """Accuracy, values on lines, arrows: no new map is needed."""
    figure = there.window.figures["landscape"]
    assert isinstance(figure, LandscapeFigure)
    number = there.state.map_number
    for path, value in (("quantity", "accuracy"), ("labels", False), ("arrows", True)):
        there.window.view_panel.edited.emit(f"view.plane.{path}", value)
    there.calm()
    assert figure.bar.getAxis("right").labelText == "training accuracy (%)"
    assert "Arrows: " in figure.caption.text
    assert "Accuracy" in figure.heading.text
    assert there.state.map_number == number


def test_the_last_session_can_be_opened_again(opened: Callable[..., Open]) -> None:
    """As it was when the window was closed."""
    one = opened(tiny_scene(title="Mine"))
    one.controller.dispatch(Edit("view.log_loss", True))
    one.window.close()
    other = opened(tiny_scene())
    other.window.triggered.emit("last")
    assert other.state.scene.title == "Mine"
    assert other.state.scene.view.log_loss


# --- starting and closing --------------------------------------------------------------------------------------------


@pytest.fixture
def program(qtbot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., int]]:
    """Runs the program's own start-up on a scene; ``do`` is done instead of waiting for the person."""
    import signal
    import sys

    hook, handlers = sys.excepthook, {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}
    windows: list[MainWindow] = []

    def start(scene: Scene, do: Callable[[MainWindow], None], real: bool = False) -> int:
        if not real:
            monkeypatch.setattr(window, "session_worker", lambda device: InlineSession())
            monkeypatch.setattr(window, "landscape_worker", lambda device, share: InlineLandscapes())

        def execute(*_: object) -> int:
            found = [w for w in QApplication.topLevelWidgets() if isinstance(w, MainWindow) and w not in windows]
            windows.append(found[0])
            do(found[0])
            found[0].close()
            return 0

        monkeypatch.setattr(QApplication, "exec", execute)
        return window.open_window(scene, "tiny.toml")

    yield start
    sys.excepthook = hook
    for number, handler in handlers.items():
        signal.signal(number, handler)
    for one in windows:
        gone(one)
    theme.apply(theme.LIGHT, QApplication.instance())


def test_the_programs_own_start_up(program: Callable[..., int]) -> None:
    """The window is on screen with the scene's panels, and errors in it are caught."""
    import sys

    def look(found: MainWindow) -> None:
        assert found.isVisible()
        assert "Mine" in found.windowTitle()
        assert sys.excepthook is not sys.__excepthook__

    assert program(tiny_scene(title="Mine"), look) == 0


@pytest.mark.parametrize(
    ("first", "second"), [(("landscape",), ("landscape", "curves")), (("landscape", "curves"), ("landscape",))]
)
def test_kept_geometry_does_not_open_or_close_panels(
    program: Callable[..., int], first: tuple[str, ...], second: tuple[str, ...]
) -> None:
    """Which panels are open is the scene's to say, whatever was open when the window was last closed."""
    program(tiny_scene(view__panels=first), lambda w: None)

    def look(found: MainWindow) -> None:
        assert {n for n, f in found.figures.items() if f.isVisible()} == set(second)

    program(tiny_scene(view__panels=second), look)


def test_geometry_is_kept(program: Callable[..., int]) -> None:
    """A window comes back as large as it was left, and not as large as a new one."""
    sizes: list[tuple[int, int]] = []

    def note(found: MainWindow) -> None:
        QApplication.processEvents()
        sizes.append((found.width(), found.height()))

    def shrink(found: MainWindow) -> None:
        note(found)
        found.resize(found.width(), found.height() - 90)
        note(found)

    program(tiny_scene(), shrink)
    program(tiny_scene(), note)
    assert sizes[1] == sizes[2] != sizes[0]


def test_closing_in_mid_run_leaves_no_process(qtbot, program: Callable[..., int]) -> None:
    """With the real workers, while it plays and a map is computed."""
    before = children()
    mine: set[int] = set()

    def run(found: MainWindow) -> None:
        mine.update(children() - before)
        status = found._status[0]
        qtbot.waitUntil(lambda: status.text() not in ("step –", "step 0"), timeout=60_000)

    assert program(tiny_scene(pace__play=True), run, real=True) == 0
    assert len(mine) == 2
    assert none_left(mine)


def test_an_error_in_the_window_is_told_in_the_window(there: Open, capsys: pytest.CaptureFixture[str]) -> None:
    """Qt would end the program."""
    error = ValueError("seven")
    window._report_to(there.controller)(ValueError, error, None)
    assert "ValueError: seven" in there.window.banner.label.text()
    assert "seven" in capsys.readouterr().err
    there.controller.dispatch(Report(""))
    assert not there.window.banner.isVisible()


def test_real_workers_behind_a_real_window(qtbot, opened: Callable[..., Open]) -> None:
    """The timer alone brings the landscape; torch's processes end with the window."""
    before = children()
    one = Open.__new__(Open)
    controller = Controller(state_of(), session_worker("cpu"), landscape_worker("cpu", 1.0))
    one.controller, one.window = controller, MainWindow([])
    one.desk = Desk(one.window, controller)
    one.window.show()
    try:
        qtbot.waitUntil(lambda: settled(controller.state), timeout=60_000)
        mine = children() - before
    finally:
        one.close()
    assert len(mine) == 2
    assert none_left(mine)
