"""Run files, the recorder and the replay."""

from __future__ import annotations

import itertools
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from thalweg.core.messages import Acknowledge, Advance, Frame, PlaneLaid, Play, Start, Started
from thalweg.core.scene import PaceSpec, Scene
from thalweg.core.store.recorder import record
from thalweg.core.store.replay import Replay
from thalweg.core.store.run_file import Recording, RunFileError, read, write
from thalweg.core.training.service import TrainingService


def scene_of(hidden: tuple[int, ...] = (8,), **changes: object) -> Scene:
    """A hundred built-in digits."""
    tree = {"run.data.train": 100, "run.data.test": 20, "run.data.measured": 50, "run.network.hidden": hidden}
    return Scene().edited(tree | {k.replace("__", "."): v for k, v in changes.items()})


def size_of(scene: Scene) -> int:
    """Parameters of its network, counted layer by layer."""
    sizes = (784, *scene.run.network.hidden, 10)
    return sum((i + 1) * o for i, o in itertools.pairwise(sizes))


@pytest.fixture(scope="module")
def recording() -> Recording:
    """Thirty steps."""
    return record(scene_of(), 30)


def same(a: Recording, b: Recording) -> bool:
    """Whether everything in them is equal, bit for bit."""
    return (
        a.scene == b.scene
        and np.array_equal(a.steps, b.steps)
        and a.parameters.tobytes() == b.parameters.tobytes()
        and a.series.keys() == b.series.keys()
        and all(a.series[k].tobytes() == b.series[k].tobytes() for k in a.series)
    )


# --- files -----------------------------------------------------------------------------------------------------------

FLOATS = st.floats(width=32, allow_nan=True, allow_infinity=True)


@given(
    hidden=st.lists(st.integers(1, 3), max_size=3).map(tuple),
    count=st.integers(1, 4),
    rows=st.integers(1, 5),
    seed=st.integers(0, 2**31 - 1),
    title=st.text(max_size=80).filter(lambda t: "\x00" not in t and t.isprintable()),
    data=st.data(),
)
def test_what_was_written_is_read(hidden, count, rows, seed, title, data, tmp_path_factory) -> None:
    """Any network, any number of snapshots and measures, numbers that are not finite too."""
    scene = scene_of(hidden, run__seed=seed, title=title)
    if len(hidden) < 3:
        assert scene.view.plane.y.layers == (len(hidden) + 1,)
    names = ["train_loss", "test_loss", "train_accuracy", "test_accuracy"]
    names += [f"gradient_{k}" for k in range(1, len(hidden) + 2)]
    series = data.draw(hnp.arrays(np.float64, (rows, len(names)), elements=st.floats(allow_nan=True)))
    made = Recording(
        scene,
        np.cumsum(data.draw(hnp.arrays(np.int64, count, elements=st.integers(1, 10**6)))),
        np.resize(data.draw(hnp.arrays(np.float32, 7, elements=FLOATS)), (count, size_of(scene))),
        {"step": np.arange(rows)} | {n: series[:, i].copy() for i, n in enumerate(names)},
    )
    path = tmp_path_factory.mktemp("run") / "run.h5"
    write(path, made)
    assert same(read(path), made)
    assert [p.name for p in path.parent.iterdir()] == ["run.h5"]


def test_a_new_file_replaces_the_old_one(recording: Recording, tmp_path: Path) -> None:
    """And nothing else is left in the folder."""
    path = tmp_path / "run.h5"
    path.write_bytes(b"old")
    write(path, recording)
    assert same(read(path), recording)
    assert list(tmp_path.iterdir()) == [path]


def test_a_run_file_is_as_readable_as_any_other(recording: Recording, tmp_path: Path) -> None:
    """It is made to be passed on."""
    before = os.umask(0o22)
    try:
        write(tmp_path / "run.h5", recording)
        (tmp_path / "plain").write_bytes(b"")
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / n).stat().st_mode) for n in ("run.h5", "plain")]
    assert modes[0] == modes[1]


@pytest.mark.parametrize("old", [b"old", None])
def test_a_disk_that_fills_leaves_the_old_file(old: bytes | None, tmp_path: Path) -> None:
    """A real limit on the size of files, in a process of its own; half a file is nowhere."""
    path = tmp_path / "run.h5"
    if old:
        path.write_bytes(old)
    code = (
        "import resource, sys; from pathlib import Path; from thalweg.core.store.recorder import record;"
        "from thalweg.core.store.run_file import RunFileError, write; from thalweg.core.scene import Scene;"
        "made = record(Scene().edited({'run.data.train': 50, 'run.data.test': 9}), 5);"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, {resource.RLIM_INFINITY}))\n"
        "try:\n    write(Path(sys.argv[1]), made)\n"
        "except RunFileError as e:\n    print(e)\n    sys.exit(7)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert done.returncode == 7, done.stderr[-400:]
    assert done.stdout.startswith(f"{path}: cannot be written: ")
    assert [p.name for p in tmp_path.iterdir()] == (["run.h5"] if old else [])
    assert not old or path.read_bytes() == old


def test_a_folder_that_is_not_there(recording: Recording, tmp_path: Path) -> None:
    """One sentence with the path."""
    with pytest.raises(RunFileError, match=r"missing/run\.h5: cannot be written"):
        write(tmp_path / "missing" / "run.h5", recording)
    with pytest.raises(RunFileError, match="there is no such file"):
        read(tmp_path / "run.h5")
    with pytest.raises(RunFileError):
        read(tmp_path)


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


def _set(name: str, value: object):
    def change(h: h5py.File) -> None:
        h.attrs[name] = value

    return change


def _put(name: str, value: object):
    def change(h: h5py.File) -> None:
        del h[name]
        if value is not None:
            h[name] = value

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_set("format", "other"), "not a run of Thalweg"),
        (lambda h: h.attrs.__delitem__("format"), "not a run of Thalweg"),
        (_set("version", 2), "newer"),
        (_set("version", "one"), "damaged"),
        (_set("version", np.arange(3)), "damaged"),
        (lambda h: h.attrs.__delitem__("version"), "damaged"),
        (lambda h: h.attrs.__delitem__("scene"), "damaged"),
        (_set("scene", "title = "), "damaged"),
        (_set("scene", "colour = 3"), "damaged"),
        (_set("scene", "[run.network]\nhidden = [9]"), "damaged"),
        (_put("trajectory/parameters", None), "damaged"),
        (_put("trajectory/steps", None), "damaged"),
        (_put("trajectory/steps", 3), "damaged"),
        (_put("trajectory/steps", np.arange(4)), "damaged"),
        (_put("trajectory/steps", np.empty(0, np.int64)), "damaged"),
        (_put("trajectory/parameters", np.zeros((31, 5), np.float32)), "damaged"),
        (_put("trajectory/parameters", np.zeros((31, 6370), np.int64)), "damaged"),
        (_put("trajectory/parameters", "text"), "damaged"),
        (_put("trajectory", None), "damaged"),
        (_put("trajectory", np.arange(3)), "damaged"),
        (_put("series", None), "damaged"),
        (_put("series", np.arange(3)), "damaged"),
        (_put("series/step", None), "damaged"),
        (_put("series/train_loss", None), "damaged"),
        (_put("series/train_loss", np.arange(2.0)), "damaged"),
        (_put("series/train_loss", "text"), "damaged"),
    ],
)
def test_a_file_with_something_wrong_in_it(recording: Recording, tmp_path: Path, change, reason: str) -> None:
    """Missing, of another shape or type, or written by a newer program."""
    path = tmp_path / "run.h5"
    write(path, recording)
    with h5py.File(path, "r+") as h:
        change(h)
    with pytest.raises(RunFileError, match=reason):
        read(path)


def test_noise_in_a_file_is_refused_or_harmless(recording: Recording, tmp_path: Path) -> None:
    """Whatever bytes are changed, it is a run of the right shape or a sentence; in a process of its own."""
    path = tmp_path / "run.h5"
    write(path, recording)
    code = """
import sys, numpy as np
from pathlib import Path
from thalweg.core.store.run_file import RunFileError, read
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
        assert found.parameters.shape == (len(found.steps), 6370)
    except RunFileError:
        refused += 1
print(refused)
"""
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-900:]
    assert int(done.stdout) > 10


# --- recorder --------------------------------------------------------------------------------------------------------


def test_the_same_scene_gives_the_same_file(tmp_path: Path) -> None:
    """Byte for byte; another seed gives another."""
    files = []
    for name, seed in (("a.h5", 3), ("b.h5", 3), ("c.h5", 4)):
        write(tmp_path / name, record(scene_of(run__seed=seed), 12))
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1] != files[2]


@pytest.mark.parametrize("steps", [0, 1, 7, 30])
def test_a_recording_ends_at_its_last_step(steps: int) -> None:
    """With its parameters and measures, step 0 first."""
    made = record(scene_of(), steps)
    assert made.steps.tolist() == list(range(steps + 1))
    assert made.series["step"][0] == 0
    assert made.series["step"][-1] == steps
    assert {len(v) for v in made.series.values()} == {len(made.series["step"])}
    assert made.parameters.dtype == np.float32


def test_long_recordings_are_thinned_but_keep_their_ends() -> None:
    """Evenly."""
    made = record(scene_of(), 1100)
    assert len(made.steps) <= 514
    assert (made.steps[0], made.steps[-1]) == (0, 1100)
    assert len(set(np.diff(made.steps[:-1]))) == 1
    assert made.series["step"].tolist() == list(range(0, 1101, 2)), "not how fast the machine is, but the step decides"


def test_recording_can_be_left() -> None:
    """What has been trained by then is kept."""
    made = record(scene_of(), 50, progress=lambda step, loss: step < 9 and np.isfinite(loss))
    assert made.steps[-1] == made.series["step"][-1] == 9


def test_a_run_that_diverges_is_recorded_to_where_it_did() -> None:
    """The file can be written and read."""
    scene = scene_of(
        run__network__activation="relu", run__objective__loss="squared-error", run__optimiser__learning_rate=1000.0
    )
    made = record(scene, 400)
    assert 0 < made.steps[-1] < 400
    assert not np.isfinite(made.series["train_loss"][-1])


# --- replay ----------------------------------------------------------------------------------------------------------


def live_frames(scene: Scene, steps: int) -> dict[int, Frame]:
    """What a session shows at each of its steps."""
    service = TrainingService(now=lambda: 0.0)
    _, first = service.handle(Start(1, scene.run))
    found = {0: first}
    list(service.handle(Play(1, False, PaceSpec())))
    list(service.handle(laid(first.parameters)))
    for step in range(1, steps + 1):
        list(service.handle(Advance(1, 1)))
        service.work(1.0)
        list(service.handle(Acknowledge(1, True)))
        found[step] = service.frame()
    return found


def laid(origin: np.ndarray) -> PlaneLaid:
    """A plane at a point, with two fixed directions."""
    x, y = np.random.default_rng(1).standard_normal((2, len(origin)), dtype=np.float32)
    return PlaneLaid(1, 4, 0, origin, x, y, ("x", "y"), ("distance", "distance"), 0.0)


@pytest.mark.parametrize("step", [0, 1, 17, 30, None])
def test_a_replay_shows_what_the_live_run_showed(recording: Recording, step: int | None) -> None:
    """Parameters, weight map, epoch, path and measures of that step."""
    replay = Replay(recording, step)
    started, *_ = replay.handle(Start(1, recording.scene.run))
    assert isinstance(started, Started)
    (first,) = replay.handle(Acknowledge(1, True))
    assert np.array_equal(first.parameters, recording.parameters[0])
    list(replay.handle(laid(first.parameters)))
    (shown,) = replay.handle(Acknowledge(1, True))
    live = live_frames(recording.scene, 30)[30 if step is None else step]
    assert shown.step == live.step == replay.step
    assert np.array_equal(shown.parameters, live.parameters)
    assert np.array_equal(shown.weight_map, live.weight_map)
    assert shown.epoch == pytest.approx(live.epoch)
    for name in live.series:
        assert shown.series[name][-1] == live.series[name][-1]
    if live.path is not None:
        assert np.array_equal(shown.path.steps, live.path.steps)
        assert shown.path.alpha == pytest.approx(live.path.alpha)
        assert shown.path.share == pytest.approx(live.path.share)


def test_a_replay_knows_what_the_session_knew(recording: Recording) -> None:
    """Its Started is the session's own."""
    service = TrainingService(now=lambda: 0.0)
    live, _ = service.handle(Start(1, recording.scene.run))
    shown, *_ = Replay(recording).handle(Start(1, recording.scene.run))
    assert np.array_equal(live.examples, shown.examples)
    kept = {k: v for k, v in vars(live).items() if k != "examples"}
    assert kept == {k: v for k, v in vars(shown).items() if k != "examples"}


@given(st.integers(0, 10**7))
def test_the_nearest_recorded_step_is_shown(recording: Recording, step: int) -> None:
    """No other is nearer."""
    at = recording.nearest(step)
    assert abs(recording.steps[at] - step) == np.abs(recording.steps - step).min()


def test_commands_that_train_change_nothing(recording: Recording) -> None:
    """A recording is over."""
    replay = Replay(recording, 5)
    list(replay.handle(Start(1, recording.scene.run)))
    assert list(replay.handle(Play(1, True, PaceSpec()))) == []
    assert list(replay.handle(Advance(1, 3))) == []
    assert replay.step == 5


def test_the_umask_is_as_it_was(recording: Recording, tmp_path: Path) -> None:
    """Writing changes nothing of the process."""
    before = os.umask(0o22)
    os.umask(before)
    write(tmp_path / "run.h5", recording)
    now = os.umask(before)
    assert now == before
