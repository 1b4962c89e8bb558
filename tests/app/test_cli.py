"""The command line as a person uses it: figures and runs without a display, and a sentence for every mistake."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PyQt6.QtGui import QImage
from PyQt6.QtPdf import QPdfDocument

from thalweg import assets
from thalweg.app import cli
from thalweg.app.cli import ThemeChoice, View
from thalweg.app.theme import THEMES
from thalweg.core.scene import save
from thalweg.core.store.run_file import read

from .rig import tiny_scene

Thalweg = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def thalweg(tmp_path: Path) -> Thalweg:
    """The program in a process of its own, its cache empty, ``folder`` as the working folder."""

    def call(*words: object, folder: Path = tmp_path, **env: str) -> subprocess.CompletedProcess[str]:
        # two words of Python stand for the installed script, so that the tests need no PATH
        code = "from thalweg.app.cli import main; main()"
        return subprocess.run(
            [sys.executable, "-c", code, *map(str, words)],
            capture_output=True,
            text=True,
            cwd=folder,
            env=os.environ | {"XDG_CACHE_HOME": str(tmp_path.parent / "cache")} | env,
        )

    return call


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs the command line here, where it has to end with 1 and one sentence, which it returns."""

    def call(*words: object) -> str:
        monkeypatch.setattr(sys, "argv", ["thalweg", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capsys.readouterr()
        assert end.value.code == 1, err
        assert out == ""
        assert "Traceback" not in err
        assert err.strip()
        return err.strip()

    return call


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene file of a small network."""
    path = tmp_path_factory.mktemp("scene") / "tiny.toml"
    save(tiny_scene(title="Tiny & <small>"), path)
    return path


def colours(path: Path) -> int:
    """Distinct colours of a picture."""
    image = QImage(str(path)).convertToFormat(QImage.Format.Format_RGB32)
    assert not image.isNull()
    pixels = np.frombuffer(image.constBits().asarray(image.sizeInBytes()), np.uint32).copy()
    return len(np.unique(pixels))


MANY = """
import json, sys
from thalweg.app.cli import main
for words in json.loads(sys.argv[1]):
    sys.argv = ["thalweg", *words]
    try:
        main()
    except SystemExit as end:
        assert not end.code, words
"""
"""Runs the command line for each list of words, so that torch is loaded only once."""


def many(calls: Sequence[Sequence[object]]) -> None:
    """Do all this; nothing of it may fail."""
    words = json.dumps([[str(w) for w in c] for c in calls])
    done = subprocess.run([sys.executable, "-c", MANY, words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# --- what it can do --------------------------------------------------------------------------------------------------


def test_scenes_are_listed_with_the_default_first(thalweg: Thalweg) -> None:
    """Name, then description."""
    done = thalweg("scenes")
    assert (done.returncode, done.stderr) == (0, "")
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names == assets.scene_names()
    assert names[0] == "first-light"
    for line, name in zip(done.stdout.splitlines(), names, strict=True):
        assert line.endswith(assets.shipped_scene(name).description)


def test_help_names_every_command(thalweg: Thalweg) -> None:
    """Also through ``-m``."""
    done = subprocess.run([sys.executable, "-m", "thalweg.app", "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    for name in cli.COMMANDS:
        assert re.search(rf"^  {name}\b", done.stdout, re.MULTILINE)
    assert {c.name or c.callback.__name__ for c in cli.app.registered_commands if c.callback} == set(cli.COMMANDS)


def test_a_surface_is_descended_on_and_drawn(thalweg: Thalweg, tmp_path: Path) -> None:
    """Without a window: what is said and drawn is C(x, y), and no accuracy."""
    done = thalweg("run", "ravine", "-o", "run.h5", "--steps", 4)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("run.h5: 4 steps; C(x, y) = 17.64")
    assert read(tmp_path / "run.h5").parameters[-1].tolist() == pytest.approx([-0.4096, 0.929921], abs=1e-6)
    done = thalweg("render", "run.h5", "-o", "a.svg")
    assert done.returncode == 0, done.stderr
    assert "landscape at step 4" in done.stdout


def test_run_then_render_a_step_of_it(thalweg: Thalweg, tiny: Path, tmp_path: Path) -> None:
    """The run file is what was trained; the figure is of the step that was asked for, or says which it is."""
    done = thalweg("run", tiny, "-o", "run.h5", "--steps", 40)
    assert done.returncode == 0, done.stderr
    recording = read(tmp_path / "run.h5")
    assert recording.steps[-1] == 40
    loss = recording.series["train_loss"][-1]
    assert f"run.h5: 40 steps; training loss {loss:.4g}" in done.stdout
    done = thalweg("render", "run.h5", "--step", 17, "-o", "a.csv")
    assert done.returncode == 0, done.stderr
    assert "landscape at step 17" in done.stdout
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines[0] == "# Tiny & <small>: Loss landscape at step 17"
    rows = [r for r in lines if r.startswith("path,")]
    assert len(rows) == 18
    assert sum(r.startswith("grid,17,") for r in lines) == 81
    done = thalweg("render", "run.h5", "--step", 1000, "-o", "b.png", "--view", "curves")
    assert done.returncode == 0
    assert "the run ends before step 1,000; the figure shows step 40" in done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv", "b.png", "run.h5"]


def test_the_same_command_gives_the_same_figure(tiny: Path, tmp_path: Path) -> None:
    """Pixel for pixel, whether trained now or read from a run file."""
    calls: list[list[object]] = [["run", tiny, "-o", tmp_path / "run.h5", "--steps", 12]]
    for source, name in ((tiny, "a.png"), (tiny, "b.png"), (tmp_path / "run.h5", "c.png")):
        calls.append(["render", source, "--step", 12, "--size", "500x400", "-o", tmp_path / name])
    many(calls)
    a, b, c = (QImage(str(tmp_path / f"{n}.png")) for n in "abc")
    assert a == b == c
    assert (a.width(), a.height()) == (500, 400)


def test_every_view_in_every_theme_and_format(tiny: Path, tmp_path: Path) -> None:
    """No figure is blank; a dark one is dark; vectors are vectors; numbers are numbers."""
    assert {t.value for t in ThemeChoice} == set(THEMES)
    pictures = [(v.value, t.value, tmp_path / f"{v.value}-{t.value}.png") for v in View for t in ThemeChoice]
    files = [(v.value, "light", tmp_path / f"{v.value}{suffix}") for v in View for suffix in (".svg", ".pdf", ".csv")]
    run = tmp_path / "run.h5"
    calls = [["run", tiny, "-o", run, "--steps", 20]]
    calls += [["render", run, "--view", v, "--theme", t, "--size", "520x420", "-o", p] for v, t, p in pictures + files]
    many(calls)
    for view, theme, path in pictures:
        image = QImage(str(path))
        assert (image.width(), image.height()) == (520, 420)
        assert colours(path) > 40, path
        dark = image.pixelColor(2, 2).lightness() < 128
        assert dark is (theme == "dark"), (view, theme)
    for view, _, path in files:
        content = path.read_bytes()
        if path.suffix == ".svg":
            assert content.startswith(b"<?xml")
            assert b"<text" in content
            assert b"nan" not in content
        elif path.suffix == ".pdf":
            document = QPdfDocument(None)
            document.load(str(path))
            assert document.pageCount() == 1
            assert document.getAllText(0).text().strip()
        else:
            table = [line for line in content.decode().splitlines() if not line.startswith("#")]
            assert len(table) > (2 if view == "chain-rule" else 5), view  # a row for each of two layers
            assert len({line.count(",") for line in table}) == 1
    assert len(list(tmp_path.iterdir())) == len(calls)


def test_a_run_that_diverges_still_gives_a_figure(tmp_path: Path) -> None:
    """A landscape where nothing is finite is no reason to fail."""
    wild = tiny_scene(run__network__activation="relu", run__objective__loss="squared-error",
                      run__optimiser__learning_rate=1000.0)  # fmt: skip
    save(wild, tmp_path / "wild.toml")
    figures = {v.value: tmp_path / f"{v.value}.png" for v in View}
    scene = tmp_path / "wild.toml"
    many([["render", scene, "--view", v, "--size", "400x300", "-o", path] for v, path in figures.items()])
    assert all(colours(path) > 10 for path in figures.values())


def test_a_run_without_a_length_has_that_of_its_scene(thalweg: Thalweg, tmp_path: Path) -> None:
    """As the help says."""
    save(tiny_scene(run__steps=7), tmp_path / "short.toml")
    done = thalweg("run", "short.toml", "-o", "run.h5")
    assert done.returncode == 0, done.stderr
    assert "7 steps" in done.stdout


def test_step_zero_can_be_drawn(thalweg: Thalweg, tiny: Path, tmp_path: Path) -> None:
    """Before any training."""
    done = thalweg("render", tiny, "--step", 0, "--size", "400x300", "-o", "a.png")
    assert done.returncode == 0, done.stderr
    assert "landscape at step 0" in done.stdout
    assert colours(tmp_path / "a.png") > 40


# --- what it refuses -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "display", [{"DISPLAY": ""}, {"DISPLAY": ":999"}, {"DISPLAY": "nowhere:1"}], ids=lambda d: d["DISPLAY"] or "none"
)
def test_without_a_display_it_says_how_to_draw_without_one(thalweg: Thalweg, display: dict[str, str]) -> None:
    """Qt would abort with a dump."""
    done = thalweg("first-light", QT_QPA_PLATFORM="", WAYLAND_DISPLAY="", **display)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no display" in done.stderr
    assert "thalweg render" in done.stderr
    assert len(done.stderr.splitlines()) == 1


BAD_SCENES = {
    "unknown.toml": ("[run.network]\ncolour = 3\n", r"unknown\.toml.*colour"),
    "type.toml": ('[run]\nseed = "four"\n', r"type\.toml.*run\.seed.*four"),
    "range.toml": ("[run.optimiser]\nbatch_size = 0\n", r"batch_size: 0 "),
    "large.toml": ("[run.optimiser]\nbatch_size = 1501\n", r"batch_size: 1501 .*1500"),
    "broken.toml": ("title = \n", "not a TOML file"),
    "empty-value.toml": ("title = 3\n", "title: 3"),
}


@pytest.mark.parametrize("command", ["open", "run", "render"])
@pytest.mark.parametrize("name", [*BAD_SCENES, "binary.toml", "folder.toml", "folder", "missing.toml", "no-such-scene",
                                  "x.h5", "x" * 300])  # fmt: skip
def test_a_scene_that_is_none(
    refused: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, command: str
) -> None:
    """Each is told in a sentence that names it, before anything is trained or written."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary.toml").write_bytes(bytes(range(256)))
    for other, (text, _) in BAD_SCENES.items():
        (tmp_path / other).write_text(text)
    before = sorted(tmp_path.iterdir())
    said = refused(*([name] if command == "open" else [command, name, "-o", tmp_path / "out.png"]))
    shown = name.removesuffix(".toml")[:60]  # one sentence, however long the name
    expected = BAD_SCENES[name][1] if name in BAD_SCENES else re.escape(shown)
    assert re.search(expected, said), said
    if name == "no-such-scene":
        assert "first-light" in said
    if name == "x.h5":
        assert "there is no such file" in said
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "size", ["900", "900x", "x700", "0x0", "199x500", "500x8001", "-5x300", "9e2x700", "a", "1x1 "]
)
def test_a_size_that_is_none(refused: Callable[..., str], tiny: Path, tmp_path: Path, size: str) -> None:
    """The sentence says what is accepted."""
    said = refused("render", tiny, "--size", size, "-o", tmp_path / "a.png")
    assert "--size" in said
    assert size in said
    assert "200 to 8000" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("command", "ending"), [("run", ".h5"), ("render", ".png")])
@pytest.mark.parametrize("name", ["missing/a", "folder", "file/a"])
def test_a_place_where_nothing_can_be_written(
    refused: Callable[..., str], tiny: Path, tmp_path: Path, command: str, ending: str, name: str
) -> None:
    """Refused before time is spent on training."""
    (tmp_path / f"folder{ending}").mkdir()
    (tmp_path / "file").write_text("")
    said = refused(command, tiny, "-o", tmp_path / f"{name}{ending}")
    assert "cannot be written" in said
    assert str(tmp_path) in said
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", f"folder{ending}"]


def test_a_folder_without_permission(refused: Callable[..., str], tiny: Path, tmp_path: Path, monkeypatch) -> None:
    """As the system tells it; root may write everywhere, so the system's answer is made up."""
    monkeypatch.setattr(cli.os, "access", lambda path, mode: False)
    assert "no permission" in refused("run", tiny, "-o", tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("command", "name"),
    [
        *(("render", n) for n in ("a.jpg", "a", "a.png.bak", "a.gif", "a.toml")),
        *(("run", n) for n in ("a.png", "a", "h5")),
    ],
)
def test_an_ending_that_says_no_format(refused: Callable[..., str], tmp_path: Path, command: str, name: str) -> None:
    """Before anything is trained: this scene would take minutes."""
    long = tmp_path / "long.toml"
    save(tiny_scene(run__steps=10**9), long)
    trained = []
    original, cli._record = cli._record, lambda *a: trained.append(a) or original(a[0], 1)
    try:
        said = refused(command, long, "-o", tmp_path / name)
    finally:
        cli._record = original
    assert {"render": ".png, .svg, .pdf", "run": ".h5, .hdf5"}[command] in said
    assert trained == []
    assert [p.name for p in tmp_path.iterdir()] == ["long.toml"]


@pytest.mark.parametrize("content", [None, b"", b"hello", b"\x89HDF\r\n\x1a\n"])
def test_a_run_file_that_is_none(refused: Callable[..., str], tmp_path: Path, content: bytes | None) -> None:
    """Missing, empty, or something else."""
    if content is not None:
        (tmp_path / "run.h5").write_bytes(content)
    said = refused("render", tmp_path / "run.h5", "-o", tmp_path / "a.png")
    assert said.startswith(f"{tmp_path / 'run.h5'}: ")
    assert not (tmp_path / "a.png").exists()


def test_data_that_is_not_here(thalweg: Thalweg, tmp_path: Path) -> None:
    """The scene of MNIST says how to get it, and downloads nothing by itself."""
    done = thalweg("run", "mnist", "-o", "a.h5", "--steps", 1)
    assert done.returncode == 1
    assert "MNIST" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [("first-light",), ("run", "first-light", "-o", "a.h5")])
def test_a_device_that_is_none(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words) -> None:
    """The accepted ones are named; a word that the command line does not know ends with 2, as everywhere."""
    monkeypatch.setattr(sys, "argv", ["thalweg", *words, "--device", "abacus"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert "abacus" in said
    assert "'cpu', 'cuda'" in said


# --- runs that end early ---------------------------------------------------------------------------------------------


def test_a_run_that_diverges_keeps_its_run_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends with 1, and says where it stopped and why."""
    wild = tiny_scene(run__network__activation="relu", run__objective__loss="squared-error",
                      run__optimiser__learning_rate=1000.0)  # fmt: skip
    save(wild, tmp_path / "wild.toml")
    monkeypatch.setattr(sys, "argv", ["thalweg", "run", str(tmp_path / "wild.toml"), "-o", str(tmp_path / "a.h5")])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 1
    last = read(tmp_path / "a.h5").steps[-1]
    assert 0 < last < wild.run.steps
    said = capsys.readouterr().err
    assert re.search(rf"Training stands at step {last}, the last that is finite.*The run file ends there", said)
    assert "learning rate 1000" in said


def test_ctrl_c_keeps_what_was_trained(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run file ends where the run did; the program ends with 1 and a sentence, and Ctrl-C is as it was before."""
    from thalweg.core.training.run import Run

    step, before = Run.step, signal.getsignal(signal.SIGINT)

    def interrupted(run: Run) -> float:
        loss = step(run)
        if run.session.step_count == 13:
            os.kill(os.getpid(), signal.SIGINT)
        return loss

    monkeypatch.setattr(Run, "step", interrupted)
    monkeypatch.setattr(sys, "argv", ["thalweg", "run", str(tiny), "-o", str(tmp_path / "a.h5"), "--steps", "1000"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 1
    assert signal.getsignal(signal.SIGINT) is before
    recording = read(tmp_path / "a.h5")
    assert recording.steps[-1] == recording.series["step"][-1] == 13
    out, err = capsys.readouterr()
    assert "a.h5: 13 steps" in out
    assert "it was interrupted at step 13; the run file ends there" in err
    assert "Traceback" not in err
