"""Damaged run files: whatever is wrong in one, reading it is one sentence, and no other error."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from thalweg.core.scene import OptimiserSpec, Scene
from thalweg.core.store.recording import Recording
from thalweg.core.store.run_file import VERSION, ForeignFileError, RunFileError, holds_run, read, write
from thalweg.core.training.recorder import record
from thalweg.core.training.runs_record import recording_of

from .toys import in_lock_step, tiny_run

SIZE = 785 + 20
"""Parameters of a network with one hidden unit."""

NEWER = VERSION + 1
Change = Callable[[h5py.File], None]


def scene_of(variants: int = 0) -> Scene:
    """One hidden unit, and so many further runs."""
    run = tiny_run(network__hidden=(1,))
    return Scene(run=run, variants=(run,) * variants, view={"plane": {"y": {"layers": (2,)}}})


@pytest.fixture(scope="module")
def recording() -> Recording:
    """Thirty steps."""
    return record(scene_of(), 30)


@pytest.fixture(scope="module")
def branched() -> Recording:
    """Two runs; lines 0 and 1 from their starts, 2 and 3 branches of the first, 3 a branch of 2."""
    scene = scene_of(variants=1)
    runs = in_lock_step(*scene.runs())
    for _ in range(20):
        runs.step()
    for step, rate in ((10, 0.1), (5, 0.2)):
        runs.front.go_to(step, runs.front.lines[0 if step == 10 else 2])
        runs.front.tune(OptimiserSpec(learning_rate=rate))
        for _ in range(4):
            runs.step()
    return recording_of(scene, runs)


# --- what no run is --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_short(recording: Recording, tmp_path: Path, share: float) -> None:
    """Wherever it ends."""
    path = tmp_path / "run.h5"
    write(path, recording)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(RunFileError, match=r"run\.h5: "):
        read(path)


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x89PNG\r\n\x1a\n", bytes(range(256)) * 9, b"\x89HDF\r\n\x1a\n" + b"\0" * 99]
)
def test_a_file_of_another_kind(content: bytes, tmp_path: Path) -> None:
    """Text, a picture, noise, and the beginning of an HDF5 file."""
    path = tmp_path / "run.h5"
    path.write_bytes(content)
    with pytest.raises(RunFileError, match=r"run\.h5: "):
        read(path)


def test_a_file_says_whether_it_holds_a_run(recording: Recording, tmp_path: Path) -> None:
    """Of an HDF5 file alone, whatever its version; anything else is the sentence that reading it gives."""
    path = tmp_path / "run.h5"
    write(path, recording)
    assert holds_run(path)
    for name, value, holds in (("version", NEWER, True), ("format", "other", False)):
        with h5py.File(path, "r+") as h:
            h.attrs[name] = value
        assert holds_run(path) == holds
    path.write_bytes(b"hello")
    for other in (path, tmp_path / "none.h5", tmp_path):
        with pytest.raises(RunFileError, match=f"^{other}: "):
            holds_run(other)


# --- what does not fit -----------------------------------------------------------------------------------------------

WRONG: dict[str, list[object]] = {
    "trajectory": [None, np.arange(3)],
    "trajectory/steps": [None, 3, np.arange(4), np.empty(0, np.int64), np.arange(31)[::-1], np.zeros(31, np.int64)],
    "trajectory/parameters": [
        None,
        np.zeros((31, 5), np.float32),
        np.zeros((30, SIZE), np.float32),
        np.zeros((31, SIZE), np.int64),
        np.zeros((31, SIZE), np.float64),
        np.zeros(31, np.float32),
        "text",
    ],
    "trajectory/epoch": [None, np.zeros(30, np.int64), np.zeros(31), np.full(31, -1), "text"],
    "trajectory/at": [None, np.zeros(32, np.int64), np.zeros((31, 2), np.int64), np.full(31, -1), np.full(31, 101)],
    "trajectory/evaluations": [np.zeros(30, np.int64), np.zeros(31), np.arange(31) - 1, np.empty(0, np.int64), "text"],
    "trajectory/seconds": [np.zeros(32), np.zeros(31, np.int64), np.full(31, -0.5), np.full(31, np.nan), "text"],
    "checkpoints": [None, 3],
    "checkpoints/rows": [None, np.empty(0, np.int64), np.array([31]), np.array([-1]), np.array([0.5])],
    "checkpoints/memory": [None, np.arange(2)],
    "checkpoints/passes": [None, np.arange(2), np.empty(0, np.int64)],
    "checkpoints/streams": [None, np.zeros((4, 3), np.uint8), np.empty((0, 5056), np.uint8), "text"],
    "changes": [None, 3],
    "changes/steps": [None, np.arange(2), np.empty(0, np.int64), np.array([5]), "text"],
    "changes/optimisers": [None, 3, [b"{}", b"{}"], [b"not json"], [b'{"name": "lion"}'], [b'{"learning_rate": -1}']],
    "epochs": [None, np.zeros((2, 2), np.int64), "text"],
    "series": [None, np.arange(3)],
    "series/step": [None, np.arange(2.0)],
    "series/train_loss": [None, np.arange(2.0), "text"],
}
"""What does not fit, in the place of each part of a line that has 31 steps; None: nothing."""

MARKS: dict[str, list[object]] = {
    "run": [None, 1, -1, "first"],
    "parent": [None, 0, 5, "none"],
    "start": [None, -1, 3, 31, "text"],
    "head": [None, -1, 29, 31, "text"],
    "stride": [None, 0, -1, 7, "text"],
    "ended": ["", "[3]", "{", '["x", "y", 4]'],
}
"""The same for a line's attributes."""


def put(name: str, value: object) -> Change:
    """Replace a part of the file."""

    def change(h: h5py.File) -> None:
        del h[name]
        if value is not None:
            h[name] = value

    return change


def mark(name: str, value: object, line: str = "lines/0") -> Change:
    """Replace an attribute of a line, or of the file."""

    def change(h: h5py.File) -> None:
        marks = h[line].attrs
        if value is None:
            del marks[name]
        else:
            marks[name] = value

    return change


def shown(value: object) -> str:
    """Short, for the test's id."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{list(value.shape)}{value.ravel()[:1].tolist()}"
    return str(value)[:20]


CASES: list[tuple[str, Change, str]] = [
    *((f"{n}={shown(v)}", put(f"lines/0/{n}", v), "damaged") for n, values in WRONG.items() for v in values),
    *((f"{n}={shown(v)}", mark(n, v), "damaged") for n, values in MARKS.items() for v in values),
    ("format=other", mark("format", "other", "/"), "not a run of Thalweg"),
    ("format=None", mark("format", None, "/"), "not a run of Thalweg"),
    ("newer", mark("version", NEWER, "/"), rf"newer Thalweg \(format {NEWER}; this one reads up to {VERSION}\)$"),
    ("older", mark("version", 1, "/"), r"early Thalweg \(format 1\); run its scene again$"),
    *((f"version={v}", mark("version", v, "/"), "damaged") for v in (None, "one", np.arange(3))),
    *((f"focus={v}", mark("focus", v, "/"), "damaged") for v in (None, 7, "front")),
    *(
        (f"scene={v}", mark("scene", v, "/"), "damaged")
        for v in (None, "title = ", "colour = 3", "[run.network]\nhidden = [9]")
    ),
    *((f"lines={v}", put("lines", v), "damaged") for v in (None, np.arange(3))),
    *((f"lines/0={v}", put("lines/0", v), "damaged") for v in (None, 3.0)),
    ("lines/first", lambda h: h.move("lines/0", "lines/first"), "damaged"),
]


@pytest.mark.parametrize(("change", "reason"), [pytest.param(c, r, id=name) for name, c, r in CASES])
def test_a_file_with_something_wrong_in_it(recording: Recording, tmp_path: Path, change: Change, reason: str) -> None:
    """Missing, of another shape or type, out of range, or written by a program of another time."""
    refused(recording, tmp_path / "run.h5", change, reason)


def refused(recording: Recording, path: Path, change: Change, reason: str = "damaged") -> None:
    """The changed file is one sentence."""
    write(path, recording)
    assert read(path).focus == recording.focus
    with h5py.File(path, "r+") as h:
        change(h)
    with pytest.raises(RunFileError, match=reason) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value), "one sentence"
    assert isinstance(caught.value, ForeignFileError) == ("not a run" in reason)


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        (0, "parent", 0),
        (0, "parent", 2),
        (0, "parent", 3),
        (2, "parent", 2),
        (2, "parent", 3),
        (2, "parent", 9),
        (3, "parent", 3),
        (3, "parent", -1),
        (2, "parent", 1),
        (2, "run", 1),
        (3, "run", 2),
        (1, "run", 0),
    ],
)
def test_lines_that_do_not_go_together(branched: Recording, tmp_path: Path, line: int, name: str, value: int) -> None:
    """Parents that are missing, later, or of another run; a branch without one; a run without a line."""
    refused(branched, tmp_path / "run.h5", mark(name, value, f"lines/{line}"))


@pytest.mark.parametrize("line", [0, 1, 2, 3])
def test_a_file_without_one_of_its_lines(branched: Recording, tmp_path: Path, line: int) -> None:
    """A parent, the only line of a run, or the one in front."""
    refused(branched, tmp_path / "run.h5", put(f"lines/{line}", None))


def test_noise_in_a_file_is_refused_or_harmless(branched: Recording, tmp_path: Path) -> None:
    """Whatever bytes are changed, it is a run of the right shape or a sentence; in a process of its own."""
    path = tmp_path / "run.h5"
    write(path, branched)
    code = f"""
import sys, numpy as np
from pathlib import Path
from thalweg.core import data
from thalweg.core.scene import DataSpec
from thalweg.core.store.run_file import RunFileError, read
from thalweg.core.training.runs_record import runs_of
path, rng = Path(sys.argv[1]), np.random.default_rng(0)
whole = np.frombuffer(path.read_bytes(), np.uint8)
refused = 0
for trial in range(150):
    noisy = whole.copy()
    where = rng.integers(0, min(len(whole), 6000 if trial % 2 else len(whole)), 1 + trial % 9)
    noisy[where] = rng.integers(0, 256, len(where))
    path.write_bytes(noisy.tobytes())
    try:
        found = read(path)
    except RunFileError:
        refused += 1
        continue
    assert found.parameters.shape == (len(found.steps), {SIZE})
    try:
        runs = runs_of(found, 0, data.load(found.scene.run.data), "cpu", 2**20)
    except ValueError:
        continue
    assert {{line.number for line in found.lines}} == {{line.number for _, _, line in runs.lines}}
print(refused)
"""
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-900:]
    assert int(done.stdout) > 10
