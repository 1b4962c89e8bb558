"""Run files, the recorder and the replay."""

from __future__ import annotations

import dataclasses
import itertools
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from thalweg.core.messages import Acknowledge, Advance, Frame, PlaneLaid, Play, Start, Started
from thalweg.core.scene import OptimiserSpec, PaceSpec, Scene
from thalweg.core.store.recording import LineRecord, Recording, Remembered
from thalweg.core.store.run_file import VERSION, RunFileError, read, write
from thalweg.core.store.soundness import STREAM_BYTES
from thalweg.core.training.recorder import record
from thalweg.core.training.replay import Replay
from thalweg.core.training.runs import Halt
from thalweg.core.training.service import TrainingService

from .toys import Uninterrupted


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


def same(a: object, b: object) -> bool:
    """Whether everything in them is equal, bit for bit; a list of rows is the array that is made of them."""
    if isinstance(a, Recording | LineRecord | Remembered):
        return type(a) is type(b) and all(same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, np.ndarray | list):
        one, other = np.array(a), np.array(b)
        return (one.shape, one.dtype, one.tobytes()) == (other.shape, other.dtype, other.tobytes())
    return bool(a == b)


# --- files -----------------------------------------------------------------------------------------------------------

RATES = st.floats(0, 1000, exclude_min=True)
FLOATS = st.floats(width=32, allow_nan=True, allow_infinity=True)


NEWER = VERSION + 1


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
    stride = data.draw(st.integers(1, 10**6))
    steps = np.arange(count) * stride
    steps[-1] -= data.draw(st.integers(0, stride - 1)) if count > 1 else 0
    values = np.resize(data.draw(hnp.arrays(np.float32, 7, elements=FLOATS)), (count, size_of(scene)))
    whole = np.array(sorted({0, count - 1} | data.draw(st.sets(st.integers(0, count - 1)))), dtype=np.int64)
    line = LineRecord(
        steps,
        values,
        {"step": np.arange(rows)} | {n: series[:, i].copy() for i, n in enumerate(names)},
        epochs=data.draw(hnp.arrays(np.int64, count, elements=st.integers(3, 4))),
        at=data.draw(hnp.arrays(np.int64, count, elements=st.integers(0, scene.run.data.train_count))),
        whole=whole,
        memory={
            "exp_avg": Remembered(whole, values[whole] * 2),
            "step": Remembered(whole[1:], np.arange(len(whole) - 1, dtype=np.float32)),
        }
        if len(whole) > 1
        else {},
        streams={k: np.resize(np.arange(k, dtype=np.uint8), STREAM_BYTES) for k in (3, 4)},
        changes=((0, OptimiserSpec()), (3, OptimiserSpec(name="adam", learning_rate=data.draw(RATES)))),
        passes=np.array([0, 10, 20]),
        number=data.draw(st.integers(0, 99)),
        start=int(steps[0]),
        head=int(steps[-1]),
        stride=stride,
        ended=data.draw(st.none() | st.tuples(st.integers(0, 99), st.text(max_size=20), st.integers(0, 99))),
    )
    made = Recording(scene, (line,), line.number)
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
        "import resource, sys; from pathlib import Path; from thalweg.core.training.recorder import record;"
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


# --- recorder --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("a_second_for_each_step")
def test_the_same_scene_gives_the_same_file(tmp_path: Path) -> None:
    """Byte for byte, but for the time that it took; another seed gives another."""
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
    seen = []
    made = record(scene_of(), 50, progress=lambda step: seen.append(step) or step < 9)
    assert made.steps[-1] == made.series["step"][-1] == 9
    assert seen == list(range(1, 10))


def test_a_run_that_diverges_is_recorded_to_where_it_did(tmp_path: Path) -> None:
    """To the last step that is finite, with the measures that are not; the reason is told and kept in the file."""
    scene = scene_of(
        run__network__activation="relu", run__objective__loss="squared-error", run__optimiser__learning_rate=1000.0
    )
    halts: list[Halt] = []
    made = record(scene, 400, halted=halts.append)
    assert 0 < made.steps[-1] < 400
    assert np.isfinite(made.parameters).all()
    assert not np.isfinite(made.series["train_loss"][-1])
    (halt,) = halts
    assert halt.rescue is not None
    assert made.front.ended == (made.series["step"][-1], halt.sentence, halt.rescue[0])
    write(tmp_path / "run.h5", made)
    assert same(read(tmp_path / "run.h5"), made)


# --- replay ----------------------------------------------------------------------------------------------------------


def live_frames(scene: Scene, steps: int) -> dict[int, Frame]:
    """What a session shows at each of its steps."""
    service = TrainingService(now=lambda: 0.0)
    _, first = service.handle(Start(1, scene.runs()))
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
    """Parameters, weight map, epoch, path and measures of that step; the time is that of the recording."""
    replay = Replay(recording, step)
    started, *_ = replay.handle(Start(1, recording.scene.runs()))
    assert isinstance(started, Started)
    (first,) = replay.handle(Acknowledge(1, True))
    assert np.array_equal(first.parameters, recording.parameters[0])
    list(replay.handle(laid(first.parameters)))
    (shown,) = replay.handle(Acknowledge(1, True))
    live = live_frames(recording.scene, 30)[30 if step is None else step]
    assert shown.step == live.step == replay.step
    shown = shown.after(first)
    assert np.array_equal(shown.parameters, live.parameters)
    assert np.array_equal(shown.weight_map, live.weight_map)
    assert shown.epoch == pytest.approx(live.epoch)
    assert shown.series["step"].tolist() == list(range(31)), "the measures are those of the whole line"
    for name in live.series.keys() - {"seconds"}:
        np.testing.assert_equal(shown.series[name][shown.step], live.series[name][-1])
    if live.path is not None:
        assert np.array_equal(shown.path.steps, live.path.steps)
        assert shown.path.alpha == pytest.approx(live.path.alpha)
        assert shown.path.share == pytest.approx(live.path.share)


def test_a_step_that_was_not_recorded_is_shown_exactly() -> None:
    """It is trained again from the one before it that was, in a recording of which little is left."""
    made = record(scene_of(run__optimiser__name="adam", run__optimiser__learning_rate=0.01), 40)
    plain = Uninterrupted(made.scene.run)
    thin = Recording(made.scene, tuple(line.thinned(3) for line in made.lines))
    assert len(thin.steps) < 6
    for step in (1, 7, 39, 40):
        replay = Replay(thin, step)
        list(replay.handle(Start(1, made.scene.runs())))
        first, shown = (next(replay.handle(Acknowledge(1, True))) for _ in range(2))
        assert (first.step, shown.step) == (0, step)
        assert np.array_equal(shown.parameters, plain.at(step).parameters.numpy())


def test_a_replay_knows_what_the_session_knew(recording: Recording) -> None:
    """Its Started is the session's own."""
    service = TrainingService(now=lambda: 0.0)
    live, _ = service.handle(Start(1, recording.scene.runs()))
    shown, *_ = Replay(recording).handle(Start(1, recording.scene.runs()))
    assert np.array_equal(live.examples, shown.examples)
    kept = {k: v for k, v in vars(live).items() if k != "examples"}
    assert kept == {k: v for k, v in vars(shown).items() if k != "examples"}


@given(st.integers(0, 10**7))
def test_the_nearest_recorded_step_is_shown(recording: Recording, step: int) -> None:
    """No other is nearer."""
    at = recording.front.nearest(step)
    assert abs(recording.steps[at] - step) == np.abs(recording.steps - step).min()


def test_commands_that_train_change_nothing(recording: Recording) -> None:
    """A recording is over."""
    replay = Replay(recording, 5)
    list(replay.handle(Start(1, recording.scene.runs())))
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
