"""The training service: commands in, events out, with a clock that the test turns by hand."""

from __future__ import annotations

import math
import re
from pathlib import Path as FilePath

import numpy as np
import pytest
import torch

from thalweg.core import data as datasets
from thalweg.core.measures.activations import activations
from thalweg.core.measures.curves import curves
from thalweg.core.measures.gradient_norms import gradient_norms
from thalweg.core.measures.layer_sizes import layer_sizes
from thalweg.core.messages import (
    Acknowledge,
    Advance,
    Cancel,
    DataMissing,
    Failed,
    Focus,
    Forget,
    Frame,
    Limit,
    MeasureAlso,
    Move,
    PlaneLaid,
    Play,
    Save,
    SaveParameters,
    SessionCommand,
    SessionEvent,
    Show,
    Start,
    Started,
    Stopped,
    Tune,
)
from thalweg.core.problem import build
from thalweg.core.scene import OptimiserSpec, PaceSpec, RunSpec, Scene
from thalweg.core.scene.view import ViewSpec
from thalweg.core.training.run import EXAMPLES_SHOWN
from thalweg.core.training.service import SLOW_MEASURE_SHARE, TrainingService
from thalweg.core.training.session import Session

from .toys import tiny_run

FLAT_OUT = PaceSpec()
DIVERGING = {
    "network__activation": "relu",
    "objective__loss": "squared-error",
    "optimiser__learning_rate": 1000.0,
}


class FakeClock:
    """Seconds that pass when the test says so, and ``tick`` seconds each time somebody looks."""

    def __init__(self, tick: float = 0.0) -> None:
        self.time, self.tick = 100.0, tick

    def __call__(self) -> float:
        self.time += self.tick
        return self.time


class Desk:
    """A service with a clock, and short ways to say things to it."""

    def __init__(self, run: RunSpec | None = None, tick: float = 0.0, **settings: object) -> None:
        self.clock = FakeClock(tick)
        self.service = TrainingService(now=self.clock, **settings)
        self.seen: Frame | None = None
        self.events = self.say(Start(1, (run or tiny_run(),)))

    def say(self, command: SessionCommand) -> list[SessionEvent]:
        """What the service answers to a command; a frame in it is the one seen last."""
        found = list(self.service.handle(command))
        self.seen = next((e for e in found if isinstance(e, Frame)), self.seen)
        return found

    def play(self, pace: PaceSpec = FLAT_OUT) -> None:
        """Press play."""
        assert self.say(Play(1, True, pace)) == []

    def pause(self) -> None:
        """Press pause."""
        self.say(Play(1, False, FLAT_OUT))

    def advance(self, steps: int = 1) -> SessionEvent | None:
        """Take steps of the player, to their end."""
        assert self.say(Advance(1, steps)) == []
        return self.service.work(1e9)

    def frame(self, parameters: bool = True) -> Frame:
        """Acknowledge, and take the frame that comes, with the measures that were in the one before."""
        self.say(Acknowledge(1, parameters))
        found = self.service.frame()
        assert isinstance(found, Frame)
        self.seen = found.after(self.seen)
        return self.seen

    def until_measured(self, name: str) -> dict[str, np.ndarray]:
        """Go on, frame after frame, until this was measured; all that was."""
        for _ in range(400):
            self.service.work(0.05)
            self.look()
            if self.seen and np.isfinite(self.seen.series.get(name, np.array([np.nan]))).any():
                return self.seen.series
        raise AssertionError(f"{name}: never measured")

    def look(self) -> None:
        """Acknowledge, and take the frame that comes, if one does."""
        self.say(Acknowledge(1, False))
        if (found := self.service.frame()) is not None:
            self.seen = found.after(self.seen)

    @property
    def step(self) -> int:
        """Steps of training so far."""
        assert self.service.runs
        return self.service.runs.front.step_count

    @property
    def parameters(self) -> torch.Tensor:
        """A copy of the parameters now."""
        assert self.service.runs
        return self.service.runs.front.session.snapshot()


# --- start and frames ------------------------------------------------------------------------------------------------


def test_start_is_answered_with_what_the_views_need() -> None:
    """One Started, with the run's own numbers, and a frame of step 0."""
    run = tiny_run()
    found, frame = Desk(run).events
    assert isinstance(found, Started)
    assert isinstance(frame, Frame)
    assert found.generation == 1
    assert found.runs == (run,)
    assert found.run.network.sizes == (784, 8, 10)
    assert (found.train_count, found.test_count, found.measured) == (100, 20, 50)
    assert (found.objective, found.unit, found.device) == ("cross-entropy", "nats", "cpu")
    data = datasets.load(run.data)
    assert found.examples.shape == (100, 28, 28)
    assert found.examples.dtype == np.uint8
    assert np.abs(found.examples.reshape(100, -1) / 255 - data.train_images).max() <= 0.5 / 255 + 1e-6
    assert found.labels == tuple(str(k) for k in data.train_labels)


def test_as_many_examples_are_sent_as_can_be_looked_at() -> None:
    """The view's example is always one of them."""
    found, _ = Desk(tiny_run(data__train=300)).events
    assert isinstance(found, Started)
    assert len(found.examples) == len(found.labels) == EXAMPLES_SHOWN
    highest = ViewSpec.model_json_schema()["properties"]["example"]["maximum"]
    assert highest == EXAMPLES_SHOWN - 1


def test_data_that_is_not_there_is_said_to_be_missing(tmp_path: FilePath) -> None:
    """No run, no frame; an event with the data set's name; commands are ignored until the next start."""
    desk = Desk(RunSpec(data={"name": "mnist"}), cache=tmp_path)
    (found,) = desk.events
    assert isinstance(found, DataMissing)
    assert (found.generation, found.name) == (1, "mnist")
    assert "MNIST" in found.sentence
    desk.play()
    assert desk.service.work(1.0) is None
    assert desk.service.wait() == math.inf
    assert desk.service.frame() is None
    assert isinstance(desk.say(Start(2, (tiny_run(),)))[0], Started)


def test_a_folder_without_data_is_a_failure_with_a_sentence(tmp_path: FilePath) -> None:
    """The folder's name is in it."""
    (found,) = Desk(RunSpec(data={"name": "fashion", "folder": str(tmp_path)})).events
    assert isinstance(found, Failed)
    assert str(tmp_path) in found.sentence


def test_a_frame_comes_after_the_start_and_then_only_when_asked_for_and_new() -> None:
    """The start brings the first, with parameters; without an acknowledgement, or without news, there is no next."""
    desk = Desk()
    first = desk.events[1]
    assert isinstance(first, Frame)
    assert (first.generation, first.step, first.epoch, first.stepping) == (1, 0, 0.0, False)
    assert first.parameters is not None
    assert first.path is None
    desk.advance()
    assert desk.service.frame() is None, "the first frame has not been acknowledged"
    desk.say(Acknowledge(1, False))
    second = desk.service.frame()
    assert second is not None
    assert (second.step, second.parameters) == (1, None)
    desk.say(Acknowledge(1, False))
    assert desk.service.frame() is None, "nothing is new"
    desk.say(Acknowledge(1, True))
    assert desk.service.frame() is not None, "but parameters that were asked for are sent"


def test_a_frame_shows_the_current_moment() -> None:
    """Step, epoch, parameters, weight map and the last row of the series all belong to the same step."""
    run = tiny_run()
    desk = Desk(run)
    desk.advance(7)
    found = desk.frame()
    problem = build(run, datasets.load(run.data))
    session = Session(run, problem)
    for _ in range(7):
        before = session.snapshot()
        session.step()
    vector = session.snapshot()
    assert found.step == 7
    assert found.epoch == pytest.approx(0.7)
    assert np.array_equal(found.parameters, vector.numpy())
    weights = vector.numpy()[: 784 * 8].reshape(8, 784).astype(np.float64)
    np.testing.assert_allclose(found.weight_map.ravel(), np.linalg.norm(weights, axis=0), rtol=1e-5)
    row = curves(problem, vector, 50) | gradient_norms(problem, vector, 50) | {"evaluations": 7}
    row |= layer_sizes(problem, vector, before) | activations(problem, vector, 50)
    assert found.series["step"].tolist() == [0, 7]
    assert {n: v[-1] for n, v in found.series.items() if n not in ("step", "seconds")} == pytest.approx(row)
    kept = found.parameters.copy()
    desk.advance(3)
    assert np.array_equal(found.parameters, kept), "a frame does not change after it was made"


def test_parameters_of_a_frame_are_enough_to_compute_its_measures() -> None:
    """The window may hand them to the landscape worker: they give the frame's own loss."""
    desk = Desk()
    desk.advance(5)
    found = desk.frame()
    assert desk.service.runs
    again = curves(desk.service.runs.front.problem, torch.from_numpy(found.parameters), 50)
    assert found.series["train_loss"][-1] == pytest.approx(again["train_loss"])


# --- steps of the player ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pace", "batches"), [("batch", 1), ("epoch", 10), ("batches", 7)])
def test_one_step_of_the_player_is_what_the_pace_says(pace: str, batches: int) -> None:
    """A batch, an epoch, or N batches; then it stands still."""
    desk = Desk()
    desk.say(Play(1, False, PaceSpec(step=pace, batches=7)))
    desk.advance()
    assert desk.step == batches
    assert desk.service.work(1e9) is None
    assert desk.step == batches
    assert desk.service.wait() == math.inf
    desk.advance(2)
    assert desk.step == 3 * batches


def test_an_epoch_step_goes_to_the_end_of_the_epoch() -> None:
    """From the middle of an epoch, one step finishes it."""
    desk = Desk()
    desk.advance(3)
    desk.say(Play(1, False, PaceSpec(step="epoch")))
    desk.advance()
    assert (desk.step, desk.frame().epoch) == (10, 1.0)


@pytest.mark.parametrize("commands", [[2], [1, 1]])
def test_two_epoch_steps_end_at_the_end_of_an_epoch(commands: list[int]) -> None:
    """From the middle of an epoch, two steps finish it and do one more, asked for at once or one after the other."""
    desk = Desk()
    desk.advance(3)
    desk.say(Play(1, False, PaceSpec(step="epoch")))
    for steps in commands:
        desk.say(Advance(1, steps))
    desk.service.work(1e9)
    assert (desk.step, desk.frame().epoch) == (20, 2.0)


def test_an_epoch_step_ends_with_the_epoch_whatever_the_batch_size_becomes() -> None:
    """Larger batches from the middle of the step on do not carry it into the next epochs."""
    desk = Desk(tick=1e-3)
    desk.say(Play(1, False, PaceSpec(step="epoch")))
    desk.say(Advance(1, 1))
    desk.service.work(3.5e-3)
    assert 0 < desk.step < 10
    desk.say(Tune(1, 1, OptimiserSpec(batch_size=50)))
    desk.service.work(1e9)
    assert desk.frame().epoch == 1.0


def test_pausing_gives_up_the_step_that_was_begun() -> None:
    """An epoch in progress stops at the batch it has reached."""
    desk = Desk(tick=1e-3)
    desk.play(PaceSpec(step="epoch"))
    desk.service.work(3.5e-3)
    reached = desk.step
    assert 0 < reached < 10
    desk.pause()
    desk.service.work(1.0)
    assert desk.step == reached
    assert not desk.frame().stepping


def test_cancel_pauses() -> None:
    """Nothing more is trained."""
    desk = Desk(tick=1e-3)
    desk.play()
    desk.service.work(0.01)
    reached = desk.step
    desk.say(Cancel(1))
    desk.service.work(1.0)
    assert desk.step == reached > 0


# --- pace ------------------------------------------------------------------------------------------------------------


def test_half_a_step_per_second_is_one_every_two_seconds() -> None:
    """The first at once, then on the second; in between the service says how long there is nothing to do."""
    desk = Desk()
    begun = desk.clock.time
    desk.play(PaceSpec(speed=0.5))
    for seconds, steps in ((0, 1), (0.5, 1), (1.9, 1), (2.0, 2), (3.9, 2), (4.0, 3), (4.1, 3), (6.05, 4), (8.0, 5)):
        desk.clock.time = begun + seconds
        desk.service.work(1.0)
        assert desk.step == steps, seconds
        assert desk.service.wait() == pytest.approx(2 * steps - seconds)


@pytest.mark.parametrize("speed", [0.5, 1.0, 7.0, 60.0])
@pytest.mark.parametrize("frame", [0.003, 1 / 60])
def test_the_pace_is_kept_over_time(speed: float, frame: float) -> None:
    """However often the service is called: after 20 seconds, 20 times the speed in steps."""
    desk = Desk()
    desk.play(PaceSpec(speed=speed))
    begun = desk.clock.time
    while desk.clock.time < begun + 20:
        desk.service.work(0.01)
        desk.clock.time += frame
    assert desk.step == pytest.approx(20 * speed, abs=2)


def test_a_step_of_the_player_at_a_pace_is_all_its_batches() -> None:
    """Two steps a second of five batches each are ten batches a second."""
    desk = Desk()
    desk.play(PaceSpec(speed=2.0, step="batches", batches=5))
    for _ in range(4):
        desk.service.work(1.0)
        desk.clock.time += 0.5
    assert desk.step == 20


def test_steps_that_came_too_late_are_not_all_made_up_for() -> None:
    """After a minute of sleep the player goes on at its pace, rather than in a rush."""
    desk = Desk()
    desk.play(PaceSpec(speed=10.0))
    desk.service.work(1.0)
    desk.clock.time += 60
    desk.service.work(1.0)
    assert 2 <= desk.step <= 4


def test_flat_out_trains_until_the_time_is_up() -> None:
    """All of the slice is used, no more, and there is always something to do."""
    desk = Desk(tick=1e-3)
    desk.play()
    assert desk.service.wait() == 0
    before = desk.clock.time
    desk.service.work(0.1)
    assert desk.step > 10
    assert desk.clock.time - before < 0.11


def test_a_change_of_pace_takes_effect_at_once() -> None:
    """From one step in two seconds to a hundred a second without waiting for the two seconds."""
    desk = Desk()
    desk.play(PaceSpec(speed=0.5))
    desk.service.work(1.0)
    desk.clock.time += 0.01
    desk.play(PaceSpec(speed=100.0))
    desk.service.work(1.0)
    assert desk.step == 2


def test_steps_per_second_is_what_was_trained() -> None:
    """Measured over the frames of the last second."""
    desk = Desk()
    desk.play(PaceSpec(speed=50.0))
    for _ in range(150):
        desk.service.work(0.01)
        found = desk.frame(parameters=False) if desk.clock.time else None
        desk.clock.time += 0.02
    assert found is not None
    assert found.steps_per_second == pytest.approx(50, rel=0.05)


# --- the same run, however it is looked at ---------------------------------------------------------------------------


def played(steps: int) -> Desk:
    """Flat out, in slices, with frames and measures in between."""
    desk = Desk(tick=1e-4)
    desk.play()
    while desk.step < steps:
        desk.service.work(5e-4)
        desk.frame()
    return desk


def test_played_stepped_and_measured_runs_are_the_same_bit_for_bit() -> None:
    """How a run is played, looked at and projected does not change one bit of its parameters."""
    run = tiny_run()
    session = Session(run, build(run, datasets.load(run.data)))
    flat_out = played(60)
    while session.step_count < flat_out.step:
        session.step()
    assert torch.equal(flat_out.parameters, session.parameters)

    stepped = Desk()
    while stepped.step < flat_out.step:
        stepped.advance()
        if stepped.step % 3 == 0:
            stepped.frame()
        if stepped.step == 10:
            stepped.say(plane_laid(stepped))
    assert torch.equal(stepped.parameters, session.parameters)

    measured = Desk()
    while measured.step < flat_out.step:
        measured.advance()
        if measured.step % 4 == 0:
            measured.service.runs.measure()
    assert torch.equal(measured.parameters, session.parameters)


def test_measuring_takes_its_share_of_the_time_while_playing() -> None:
    """Where each look at the clock costs the same, most frames of a fast run come without a new row of measures."""
    desk = Desk(tick=1e-3)
    desk.play()
    rows = []
    for _ in range(40):
        desk.service.work(0.005)
        rows.append(len(desk.frame().series["step"]))
    assert 2 <= rows[-1] < 30
    assert rows == sorted(rows)
    desk.pause()
    last = desk.frame()
    assert last.series["step"][-1] == last.step, "at rest the current step is always measured"


def test_measures_that_take_longer_than_a_step_at_a_slow_pace_keep_the_larger_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A step that became due while they were made is not training that is behind: they come again soon."""
    desk = Desk()
    runs = desk.service.runs
    assert runs is not None
    measure = runs.measure

    def slowly() -> None:
        measure()
        desk.clock.time += 0.2

    monkeypatch.setattr(runs, "measure", slowly)
    desk.play(PaceSpec(speed=20.0))
    begun = desk.clock.time
    while desk.clock.time < begun + 10:
        desk.service.work(0.01)
        desk.look()
        desk.clock.time += 0.005
    assert desk.seen is not None
    assert len(desk.seen.series["step"]) > 0.8 * 10 * SLOW_MEASURE_SHARE / 0.2


# --- tuning and stopping ---------------------------------------------------------------------------------------------


def test_tune_changes_the_run_from_the_next_step_on() -> None:
    """Learning rate and batch size go to the session as if it had been tuned by hand."""
    run, tuned = tiny_run(), OptimiserSpec(learning_rate=0.01, momentum=0.5, batch_size=25)
    desk, session = Desk(run), Session(run, build(run, datasets.load(run.data)))
    desk.advance(5)
    assert desk.say(Tune(1, 7, tuned)) == []
    assert desk.frame().tuned == 7
    desk.advance(5)
    for step in range(10):
        if step == 5:
            session.tune(tuned)
        session.step()
    assert torch.equal(desk.parameters, session.parameters)


@pytest.mark.parametrize("playing", [True, False])
def test_a_run_that_diverges_stops_and_says_so(playing: bool) -> None:
    """At a learning rate of 1000: one Stopped that names loss, steps and rate; it stands at the last finite step."""
    desk = Desk(tiny_run(**DIVERGING), tick=1e-6)
    if playing:
        desk.play()
        stopped = desk.service.work(10.0)
    else:
        stopped = desk.advance(500)
    assert isinstance(stopped, Stopped)
    assert stopped.generation == 1
    reached = desk.step
    assert stopped.sentence.startswith(f"Training stands at step {reached}, the last that is finite: at step ")
    assert re.search(r"at step \d+ the loss is (inf|nan)\.", stopped.sentence)
    assert "The learning rate 1000 is above 2/sharpness" in stopped.sentence
    assert stopped.rescue is not None
    assert desk.parameters.isfinite().all()
    assert desk.service.work(1.0) is None
    assert desk.step == reached
    assert desk.service.wait() == math.inf
    found = desk.frame()
    assert not found.stepping
    assert found.step == reached == found.line.head < found.series["step"][-1]
    assert found.line.ended == stopped.sentence
    assert not np.isfinite(found.series["train_loss"][-1])


def test_the_sentence_names_the_learning_rate_in_use() -> None:
    """After a change of the learning rate, it is the new one that was too large."""
    desk = Desk(tiny_run(**(DIVERGING | {"optimiser__learning_rate": 0.125})))
    assert desk.advance(2) is None
    desk.say(Tune(1, 1, OptimiserSpec(learning_rate=999.0)))
    stopped = desk.advance(500)
    assert isinstance(stopped, Stopped)
    assert "999" in stopped.sentence
    assert "0.125" not in stopped.sentence


def test_a_new_start_after_divergence_trains() -> None:
    """Nothing of the failed run is left in the next."""
    desk = Desk(tiny_run(**DIVERGING))
    assert isinstance(desk.advance(500), Stopped)
    _, found = desk.say(Start(2, (tiny_run(),)))
    assert isinstance(found, Frame)
    assert (found.generation, found.step) == (2, 0)
    assert found.series["step"].tolist() == [0]
    desk.say(Advance(2, 5))
    assert desk.service.work(1e9) is None
    run = tiny_run()
    session = Session(run, build(run, datasets.load(run.data)))
    for _ in range(5):
        session.step()
    assert torch.equal(desk.parameters, session.parameters)


# --- generations -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("old", [0, 2])
def test_commands_of_another_generation_are_ignored(old: int, tmp_path: FilePath) -> None:
    """Nothing that was meant for another run reaches this one."""
    desk = Desk(tick=1e-3)
    desk.advance(2)
    before = desk.parameters
    laid = plane_laid(desk)
    for command in (
        Advance(old, 5),
        Play(old, True, FLAT_OUT),
        Acknowledge(old, True),
        PlaneLaid(**(vars(laid) | {"generation": old})),
        Tune(old, 1, OptimiserSpec(learning_rate=9.0)),
        Show(old, 1),
        Move(old, -1),
        Focus(old, 0, 1),
        Forget(old, 0),
        Limit(old, 1),
        Save(old, str(tmp_path / "run.h5"), Scene()),
        SaveParameters(old, str(tmp_path / "p.pt")),
    ):
        assert desk.say(command) == []
        assert desk.service.work(0.1) is None
        assert desk.service.frame() is None
    assert torch.equal(desk.parameters, before)
    assert list(tmp_path.iterdir()) == []
    desk.play()
    desk.say(Cancel(old))
    desk.say(Play(old, False, FLAT_OUT))
    desk.service.work(0.01)
    assert desk.step > 2, "an old pause does not pause"
    found = desk.frame()
    assert found.path is None
    assert desk.service.runs
    twin = Desk()
    twin.advance(desk.step)
    assert torch.equal(twin.parameters, desk.parameters), "an old learning rate was not taken up"


# --- the path on a plane ---------------------------------------------------------------------------------------------


def plane_laid(desk: Desk, number: int = 3) -> PlaneLaid:
    """A plane of two oblique directions at the current point."""
    origin = desk.parameters
    x, y = torch.randn(2, len(origin), generator=torch.Generator().manual_seed(0))
    return PlaneLaid(
        1, number, desk.step, origin.numpy(), x.numpy(), (y + 0.3 * x).numpy(), ("u", "v"), ("1", "1"), 0.3
    )


def test_the_path_is_projected_on_the_plane_that_was_laid() -> None:
    """Coordinates of every recorded step by least squares, the last of them the current point's; the plane's number."""
    desk = Desk()
    points = [desk.parameters]
    for _ in range(6):
        desk.advance()
        points.append(desk.parameters)
    laid = plane_laid(desk)
    desk.say(laid)
    path = desk.frame().path
    assert path is not None
    assert path.plane == 3
    assert path.steps.tolist() == list(range(7))
    basis = np.stack([laid.x, laid.y], axis=1).astype(np.float64)
    moved = np.stack([(p.double() - torch.from_numpy(laid.origin).double()).numpy() for p in points], axis=1)
    wanted = np.linalg.lstsq(basis, moved, rcond=None)[0]
    np.testing.assert_allclose(path.alpha, wanted[0], atol=1e-9)
    np.testing.assert_allclose(path.beta, wanted[1], atol=1e-9)
    assert (path.alpha[-1], path.beta[-1]) == (0, 0)
    inside = basis @ (wanted[:, -1] - wanted[:, 0])
    total = moved[:, -1] - moved[:, 0]
    assert path.share == pytest.approx((inside @ inside) / (total @ total))


def test_the_path_ends_at_the_current_point_when_steps_are_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two recorded steps, the current one is added; steps rise."""
    from thalweg.core import history

    monkeypatch.setattr(history, "ROWS", 4)
    desk = Desk()
    desk.say(plane_laid(desk))
    for step in range(1, 30):
        desk.advance()
        path = desk.frame().path
        assert path is not None
        assert path.steps[0] == 0
        assert path.steps[-1] == step
        assert (np.diff(path.steps) > 0).all()
        assert len(path.steps) == len(path.alpha) == len(path.beta) <= 5


def test_a_diverged_path_is_still_a_frame() -> None:
    """It ends at the last finite step, however often somebody presses play again; the steps before are as they were.

    One step on, points that are not finite are told as such.
    """
    desk = Desk(tiny_run(**DIVERGING))
    desk.say(plane_laid(desk))
    assert isinstance(desk.advance(500), Stopped)
    reached, there = desk.step, desk.parameters
    path = desk.frame().path
    assert path is not None
    assert path.steps.tolist() == list(range(reached + 1))
    assert np.isfinite(path.alpha).all()
    assert np.isfinite(path.beta).all()
    for _ in range(5):
        assert isinstance(desk.advance(9), Stopped)
        assert desk.step == reached
        assert torch.equal(desk.parameters, there)
        again = desk.frame().path
        assert again is not None
        assert np.array_equal(again.alpha, path.alpha)


def test_points_that_are_not_finite_are_told_as_such() -> None:
    """A path that leads to one is still drawn up to there, and does not claim to lie in the plane."""
    desk = Desk(tiny_run(**DIVERGING))
    plane = plane_laid(desk)
    desk.say(plane)
    desk.advance(2)
    assert desk.service.runs
    run = desk.service.runs.front
    path = run.path(run.line, desk.step + 1, torch.full_like(desk.parameters, math.nan))
    assert path is not None
    assert np.isfinite(path.alpha[:-1]).all()
    assert not np.isfinite(path.alpha[-1])
    assert not path.share > 0


# --- measures that take long -----------------------------------------------------------------------------------------


def test_what_takes_long_comes_when_it_is_asked_for_at_rest() -> None:
    """The step that stands still is measured for it, to the end, and the next frame has it; it is not made twice."""
    desk = Desk()
    desk.advance(3)
    assert not any(name.startswith("noise") for name in desk.frame().series)
    desk.say(MeasureAlso(1, ("noise",)))
    assert desk.service.wait() == 0, "it has begun"
    while desk.service.wait() == 0:
        desk.service.work(0.01)
    found = desk.frame()
    assert found.series["step"].tolist() == [0, 3]
    assert np.isnan(found.series["noise_1"][0]) and found.series["noise_1"][1] > 0
    assert found.costs["noise"] > 0
    desk.say(Acknowledge(1, False))
    assert desk.service.frame() is None, "nothing is new"


def test_what_takes_long_has_a_share_of_its_own_while_training_runs() -> None:
    """With a clock on which every look takes a while, it comes, and training goes on."""
    desk = Desk(tick=0.01)
    desk.say(MeasureAlso(1, ("curvature",)))
    desk.play()
    columns = desk.until_measured("curvature_1")
    measured = np.isfinite(columns["curvature_1"])
    assert measured.any()
    assert np.isfinite(columns["gradient_1"]).all()
    assert desk.step > columns["step"][measured][0]


def test_what_takes_long_is_made_of_the_step_at_which_it_was_asked_for() -> None:
    """Of the start, where it is asked for at the start: training that is played at once does not run away from it."""
    desk = Desk(tick=0.01)
    desk.say(MeasureAlso(1, ("noise",)))
    desk.play()
    columns = desk.until_measured("noise_1")
    assert desk.step > 0
    assert columns["step"][np.isfinite(columns["noise_1"])][0] == 0


def test_another_run_measures_nothing_that_was_not_asked_for() -> None:
    """What was asked for is forgotten with the run that it was asked of."""
    desk = Desk()
    desk.say(MeasureAlso(1, ("noise", "curvature")))
    desk.say(Start(1, (tiny_run(),)))
    desk.frame()
    assert desk.service.wait() == np.inf
    assert not any(name.startswith(("noise", "curvature")) for name in desk.frame().series)
