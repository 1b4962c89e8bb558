"""Frames of several runs and lines: what is told of each belongs to the step that is seen of it."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from thalweg.core.messages import Acknowledge, Advance, Focus, Frame, LineNow, PlaneLaid, Play, Show, Start, Tune
from thalweg.core.scene import PaceSpec
from thalweg.core.training.service import TrainingService

from .toys import Uninterrupted, tiny_run

RUNS = (tiny_run(), tiny_run(seed=6), tiny_run(network__hidden=(4,)))
SLOWER = RUNS[0].optimiser.model_copy(update={"learning_rate": 0.05})
PLAIN = [Uninterrupted(run) for run in RUNS]


class Shown:
    """A service with three runs, and the frames that it shows."""

    def __init__(self) -> None:
        self.service = TrainingService(now=lambda: 0.0)
        *_, frame = self.service.handle(Start(1, RUNS))
        assert isinstance(frame, Frame)
        self.last = self.raw = frame

    def say(self, *commands: object) -> Shown:
        """Commands, and all the training that they ask for."""
        for command in commands:
            assert list(self.service.handle(command)) == []
            while self.service.wait() == 0.0:
                self.service.work(1.0)
        return self

    def frame(self, **wanted: object) -> Frame:
        """The next frame, with the measures of the one before where they are left out."""
        self.say(Acknowledge(1, True, **wanted))
        found = self.service.frame()
        assert found is not None
        self.raw, self.last = found, found.after(self.last)
        return self.last


def lived() -> Shown:
    """Twelve steps of all; then the first goes on from step 5 on a branch, three steps of all."""
    shown = Shown().say(Advance(1, 12))
    shown.frame()
    return shown.say(Show(1, 5), Tune(1, 1, SLOWER), Advance(1, 3))


def there(line: LineNow) -> torch.Tensor:
    """The parameters of a line at the step that is seen of it."""
    return PLAIN[line.run].at(line.step, line.changes).parameters


def test_every_line_is_told_at_its_own_step() -> None:
    """The lines that runs go on along at the step that is looked at, others at their head."""
    shown = lived()
    frame = shown.frame()
    assert [(line.number, line.run, line.parent) for line in frame.lines] == [
        (0, 0, None), (1, 1, None), (2, 2, None), (3, 0, 0)
    ]  # fmt: skip
    assert [(line.start, line.head, line.step, line.live) for line in frame.lines] == [
        (0, 12, 12, False), (0, 12, 8, True), (0, 12, 8, True), (5, 8, 8, True)
    ]  # fmt: skip
    assert frame.focus == 3
    assert frame.line is frame.lines[3]
    frame = shown.say(Show(1, 2)).frame()
    assert [line.step for line in frame.lines] == [12, 2, 2, 2]
    assert (frame.step, frame.following) == (2, False)
    frame = shown.say(Focus(1, 0)).frame()
    assert [line.live for line in frame.lines] == [True, True, True, False]
    assert (frame.step, frame.focus, frame.following) == (12, 0, True)


def test_weight_maps_are_those_of_the_lines() -> None:
    """Brute force: the norm of each pixel's weights in the parameters of the line's step."""
    shown = lived()
    for command in (Show(1, 7), Show(1, None), Focus(1, 0), Show(1, 3)):
        frame = shown.say(command).frame()
        for line in frame.lines:
            units = RUNS[line.run].network.hidden[0]
            weights = there(line)[: 784 * units].reshape(units, 784).double().numpy()
            np.testing.assert_allclose(line.weight_map.ravel(), np.linalg.norm(weights, axis=0), rtol=1e-5)
        assert frame.weight_map is frame.line.weight_map


@pytest.mark.parametrize("number", [None, 0, 1, 2, 3, 99])
def test_parameters_of_any_line_can_be_asked_for(number: int | None) -> None:
    """With the step that they are of; of a line that is gone, those of the one in front."""
    shown = lived()
    for command in (Show(1, 6), Show(1, None)):
        frame = shown.say(command).frame(**({} if number is None else {"line": number}))
        line = next((line for line in frame.lines if line.number == number), frame.line)
        assert frame.of == (line.number, line.step)
        assert np.array_equal(frame.parameters, there(line).numpy())


def test_measures_are_sent_when_there_are_new_ones() -> None:
    """Of each line by itself; a frame after the one before has them all, and the one before is as it was."""
    shown = lived()
    shown.frame()
    frame = shown.frame()
    assert [line.series for line in shown.raw.lines] == [None] * 4
    assert [int(line.series["step"][-1]) for line in frame.lines] == [12, 12, 12, 8]
    kept = pickle.dumps(frame)
    shown.say(Advance(1, 1))
    later = shown.frame()
    assert [line.series is None for line in shown.raw.lines] == [True, True, True, False]
    assert [int(line.series["step"][-1]) for line in later.lines] == [12, 12, 12, 9]
    assert pickle.dumps(frame) == kept
    assert later.series is later.line.series
    assert later.after(frame) is later


@given(st.lists(st.booleans(), min_size=3, max_size=3), st.booleans())
def test_a_frame_after_another(left_out: list[bool], known: bool) -> None:
    """What is left out is that of the frame before, line by line; what the other did not know stays out."""

    def frame(rows: int, which: list[bool]) -> Frame:
        series = {"step": np.arange(rows)}
        lines = tuple(
            LineNow(k, 0, 0, 9, 9, True, np.arange(3), (), None if gone else series, np.zeros((2, 2)))
            for k, gone in enumerate(which)
        )
        return Frame(1, 9, 0.9, False, 0.0, lines, 0)

    before, now = frame(3, [not known, False, False]), frame(5, left_out)
    found = now.after(before)
    for k, line in enumerate(found.lines):
        if not left_out[k]:
            assert len(line.series["step"]) == 5
        elif k or known:
            assert len(line.series["step"]) == 3
        else:
            assert line.series is None
    assert now.after(None) is now
    assert [line.series is None for line in now.lines] == left_out


def test_paths_of_all_lines_lead_to_the_steps_that_are_seen() -> None:
    """Brute force: least squares of the recorded moments; none of a run with another network."""
    shown = lived()
    origin = shown.frame().parameters
    x, y = np.random.default_rng(0).standard_normal((2, len(origin)), dtype=np.float32)
    shown.say(PlaneLaid(1, 7, 8, origin, x, y, ("", ""), ("", ""), 0.0))
    for command in (Show(1, None), Show(1, 4), Advance(1, 2), Focus(1, 0), Show(1, 11)):
        frame = shown.say(command).frame()
        for line in frame.lines:
            if line.run == 2:
                assert line.path is None
                continue
            assert line.path.plane == 7
            assert line.path.steps.tolist() == list(range(line.step + 1))
            points = [PLAIN[line.run].at(s, line.changes).parameters.numpy() for s in range(line.step + 1)]
            moved = (np.stack(points, axis=1) - origin[:, None]).astype(np.float64)
            wanted = np.linalg.lstsq(np.stack([x, y], axis=1).astype(np.float64), moved, rcond=None)[0]
            np.testing.assert_allclose([line.path.alpha, line.path.beta], wanted, atol=1e-6)


def test_what_was_looked_at_apart_is_told_to_be() -> None:
    """A recorded step, while the runs stand or go on elsewhere; not where they stand."""
    shown = Shown().say(Advance(1, 9))
    assert not shown.frame().apart
    frame = shown.say(Show(1, 4)).frame()
    assert (frame.apart, frame.following, frame.stepping) == (True, False, False)
    for command in (Play(1, True, PaceSpec(speed=1.0)), Acknowledge(1, True)):
        list(shown.service.handle(command))
    frame = shown.service.frame()
    assert frame is not None
    assert (frame.apart, frame.step, frame.stepping) == (False, 4, True)


# --- the newest step -------------------------------------------------------------------------------------------------


def test_the_parameters_of_the_newest_step_come_when_they_are_asked_for() -> None:
    """Of the line that the parameters are of; nothing where that is the step itself, or where nobody asked."""
    shown = lived()
    frame = shown.frame(newest=True)
    assert (frame.step, frame.newest_step, frame.newest) == (8, 8, None)
    frame = shown.say(Show(1, 2)).frame(newest=True)
    line = frame.lines[3]
    assert (frame.step, frame.newest_step) == (2, 8)
    assert frame.newest is not None and frame.parameters is not None
    assert torch.equal(torch.from_numpy(frame.newest), PLAIN[0].at(8, line.changes).parameters)
    assert torch.equal(torch.from_numpy(frame.parameters), PLAIN[0].at(2, line.changes).parameters)
    frame = shown.frame(newest=True, line=1)
    assert frame.newest is not None
    assert (frame.of, frame.newest_step) == ((1, 2), 12)
    assert torch.equal(torch.from_numpy(frame.newest), PLAIN[1].at(12).parameters)
    frame = shown.frame(newest=True, line=0)
    assert (frame.of, frame.newest_step, frame.newest) == ((0, 12), 12, None)
    frame = shown.frame()
    assert (frame.newest_step, frame.newest) == (-1, None)


def test_while_training_goes_on_the_newest_step_is_that_of_now() -> None:
    """Though an earlier one is looked at; it is told which it is."""
    shown = Shown().say(Advance(1, 12))
    list(shown.service.handle(Play(1, True, PaceSpec())))
    list(shown.service.handle(Show(1, 4)))
    assert shown.service.runs is not None
    for _ in range(3):
        shown.service.runs.step()
    list(shown.service.handle(Acknowledge(1, True, newest=True)))
    frame = shown.service.frame()
    assert frame is not None and frame.newest is not None
    assert (frame.step, frame.line.head, frame.newest_step) == (4, 15, 15)
    assert torch.equal(torch.from_numpy(frame.newest), PLAIN[0].at(15).parameters)
