"""The files that sessions keep by themselves: whose they are, what is offered, and that none is lost on the way."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from thalweg.app.desk import Desk
from thalweg.app.intents import LeftBehind
from thalweg.app.keeping import Keeping
from thalweg.app.kept_runs import KeptRuns
from thalweg.core.store.run_file import read, write
from thalweg.core.training.recorder import record

from .rig import tiny_scene
from .test_window import Open, opened  # noqa: F401  a fixture

SESSION = """
import sys, time
from pathlib import Path
from thalweg.app.kept_runs import KeptRuns
kept = KeptRuns(Path(sys.argv[1]))
path = Path(kept.begin())
path.write_bytes(b"a run")
(path.parent / f".{path.name}.half").write_bytes(b"half of")
print(path, flush=True)
time.sleep(600)
"""


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Callable[[], tuple[subprocess.Popen[str], Path]]]:
    """Begins sessions of other processes in this test's folder, each with a file and half of a newer one."""
    begun: list[subprocess.Popen[str]] = []

    def begin() -> tuple[subprocess.Popen[str], Path]:
        process = subprocess.Popen([sys.executable, "-c", SESSION, tmp_path], stdout=subprocess.PIPE, text=True)
        begun.append(process)
        assert process.stdout is not None
        return process, Path(process.stdout.readline().strip())

    yield begin
    for process in begun:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def killed(session: Callable) -> Callable[[], Path]:
    """Begins such a session and kills it; the file that it leaves."""

    def left() -> Path:
        process, path = session()
        process.kill()
        process.wait()
        return path

    return left


def names(folder: Path) -> set[str]:
    """The files of a folder."""
    return {p.name for p in folder.iterdir()}


def test_a_run_is_offered_only_once_its_session_is_gone(session: Callable, tmp_path: Path) -> None:
    """Not while its process lives, however long; once it was killed, its file is offered, as often as asked."""
    process, path = session()
    kept = KeptRuns(tmp_path)
    assert kept.begin() != str(path)
    assert kept.left() == []
    assert path.with_name(f".{path.name}.half").exists()
    process.kill()
    process.wait()
    for _ in range(2):
        ((found, when),) = kept.left()
        assert found == str(path)
        assert when.startswith("today at ")
    assert path.read_bytes() == b"a run"


def test_what_was_half_written_goes_with_the_session_that_wrote_it(session: Callable, tmp_path: Path) -> None:
    """And no other: neither that of a session that lives, nor this one's, nor a file that is not of a session."""
    killed, gone = session()
    _, alive = session()
    kept = KeptRuns(tmp_path)
    mine = Path(kept.begin())
    half = mine.with_name(f".{mine.name}.half")
    half.write_bytes(b"half of")
    for name in (".other", "last-run.h5", "notes.txt"):
        (tmp_path / name).write_bytes(b"another")
    killed.kill()
    killed.wait()
    kept.left()
    assert not gone.with_name(f".{gone.name}.half").exists()
    assert alive.with_name(f".{alive.name}.half").exists()
    assert half.exists()
    assert {".other", "last-run.h5", "notes.txt", gone.name, alive.name} <= names(tmp_path)


def test_a_session_that_has_written_nothing_leaves_nothing(session: Callable, tmp_path: Path) -> None:
    """Its lock goes too."""
    process, path = session()
    path.unlink()
    process.kill()
    process.wait()
    kept = KeptRuns(tmp_path)
    assert kept.left() == []
    assert names(tmp_path) == set()


def test_the_newest_is_offered_first(killed: Callable, tmp_path: Path) -> None:
    """By when it was written, not by its name."""
    paths = []
    for age in (0, 5000, 300):
        path = killed()
        then = path.stat().st_mtime - age
        os.utime(path, (then, then))
        paths.append(path)
    assert [Path(p) for p, _ in KeptRuns(tmp_path).left()] == [paths[0], paths[2], paths[1]]


def test_two_sessions_of_one_moment_have_files_of_their_own(tmp_path: Path) -> None:
    """Or one of them has none: never the same."""
    one, other = KeptRuns(tmp_path), KeptRuns(tmp_path)
    first = one.begin()
    assert first
    assert other.begin() != first
    assert one.left() == []


def test_a_session_that_ends_well_leaves_its_run_as_the_last(tmp_path: Path) -> None:
    """In the place of the one before; nothing else of it stays, and nothing is offered."""
    for text in (b"first", b"second"):
        kept = KeptRuns(tmp_path)
        Path(kept.begin()).write_bytes(text)
        kept.leave()
        assert kept.last.read_bytes() == text
        assert names(tmp_path) == {"last-run.h5"}
        assert KeptRuns(tmp_path).left() == []


def test_a_session_that_has_kept_nothing_leaves_the_last_run_alone(tmp_path: Path) -> None:
    """Looking at something for a second must not cost the run of yesterday."""
    (tmp_path / "last-run.h5").write_bytes(b"yesterday")
    kept = KeptRuns(tmp_path)
    kept.begin()
    kept.leave()
    assert kept.last.read_bytes() == b"yesterday"


def test_what_was_opened_again_goes_when_it_is_in_another_file(killed: Callable, tmp_path: Path) -> None:
    """Else each start would offer it anew."""
    path = killed()
    kept = KeptRuns(tmp_path)
    mine = Path(kept.begin())
    mine.write_bytes(b"the same run")
    kept.leave(str(path))
    assert not path.exists()
    assert kept.last.read_bytes() == b"the same run"


def test_what_was_opened_again_stays_while_it_is_nowhere_else(killed: Callable, tmp_path: Path) -> None:
    """The session has written nothing: it was never to, or it could not."""
    path = killed()
    kept = KeptRuns(tmp_path)
    kept.begin()
    kept.leave()
    assert path.read_bytes() == b"a run"
    assert [p for p, _ in KeptRuns(tmp_path).left()] == [str(path)]


def test_what_nobody_wants_is_gone(killed: Callable, tmp_path: Path) -> None:
    """Discarded, it is not offered again; twice is no error."""
    path = killed()
    kept = KeptRuns(tmp_path)
    for _ in range(2):
        kept.discard(str(path))
    assert kept.left() == []
    assert not path.exists()


def test_a_folder_that_cannot_be_written_in_keeps_nothing(read_only_folder: Path) -> None:
    """No path, no error; with or without the folder there."""
    for folder in (read_only_folder, read_only_folder / "runs"):
        kept = KeptRuns(folder)
        assert kept.begin() == ""
        assert kept.left() == []
        kept.leave()


# --- behind the window -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("damaged", "every"), [(False, 0), (True, 0), (True, 1)])
def test_a_run_that_was_left_is_not_lost_by_looking_at_it(
    opened: Callable[..., Open],  # noqa: F811
    killed: Callable,
    tmp_path: Path,
    damaged: bool,
    every: int,
) -> None:
    """It cannot be opened, or the run is not kept by itself: closing must not delete the only file of it."""
    path = killed()
    if not damaged:
        write(path, record(tiny_scene(title="Left"), 7))
    content = path.read_bytes()
    one = opened(autosave=every)
    assert isinstance(one.desk, Desk)
    kept = one.desk.kept_runs = KeptRuns(tmp_path)
    one.controller.state = replace(one.state, keeping=Keeping(path=kept.begin()))
    (left,) = kept.left()
    one.until(lambda s: s.frame)
    one.controller.dispatch(LeftBehind(*left))
    one.window.banner.chosen.emit("resume")
    one.until(lambda s: s.sentence if damaged else s.frame and s.scene.title == "Left" and s.frame.step == 7)
    one.window.close()
    assert path.read_bytes() == content


def test_a_run_that_was_left_goes_once_it_is_kept_as_that_of_this_session(
    opened: Callable[..., Open],  # noqa: F811
    killed: Callable,
    tmp_path: Path,
) -> None:
    """Opened again and closed: it is the last run, and is not offered a second time."""
    path = killed()
    write(path, record(tiny_scene(title="Left"), 7))
    one = opened(autosave=1)
    kept = one.desk.kept_runs = KeptRuns(tmp_path)
    one.controller.state = replace(one.state, keeping=Keeping(path=kept.begin()))
    (left,) = kept.left()
    one.until(lambda s: s.frame)
    one.controller.dispatch(LeftBehind(*left))
    one.window.banner.chosen.emit("resume")
    one.until(lambda s: s.frame and s.scene.title == "Left" and s.frame.step == 7)
    one.window.close()
    assert {p.name for p in tmp_path.iterdir()} == {"last-run.h5"}
    assert read(kept.last).front.head == 7
