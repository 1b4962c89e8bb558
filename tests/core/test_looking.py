"""Which step is looked at: recorded ones while training stays or goes on, any other by putting the runs there."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thalweg.core.scene import PaceSpec
from thalweg.core.training.clock import Clock
from thalweg.core.training.looking import Looking
from thalweg.core.training.runs import Runs

from .toys import OPTIMISERS, Uninterrupted, in_lock_step, same_bits, same_moment, tiny_run

ADAM = tiny_run(optimiser=OPTIMISERS["adam"].model_dump())
PLAIN = {seed: Uninterrupted(ADAM.model_copy(update={"seed": seed})) for seed in (5, 6)}


def trained(steps: int, memory: int | None = None, count: int = 1) -> Runs:
    """Runs of different seeds after so many steps; with little memory, many of the steps are not recorded."""
    specs = (ADAM.model_copy(update={"seed": 5 + k}) for k in range(count))
    runs = in_lock_step(*specs, **({"memory": memory} if memory else {}))
    for _ in range(steps):
        runs.step()
    return runs


def sees(looking: Looking, runs: Runs, step: int) -> bool:
    """Whether of each run that step is seen, exactly."""
    for run in runs.all:
        seen, there = looking.sight(run), PLAIN[run.spec.seed].at(step)
        if seen.step != step or not same_bits(seen.parameters, there.parameters):
            return False
        if not math.isclose(seen.epoch, there.epoch - 1 + there.at / 100 if there.epoch else 0.0):
            return False
    return True


def paused(pace: PaceSpec | None = None) -> Clock:
    """A clock that stands."""
    clock = Clock(lambda: 0.0)
    clock.set(False, pace or PaceSpec())
    return clock


def playing() -> Clock:
    """A clock that runs."""
    clock = Clock(lambda: 0.0)
    clock.set(True, PaceSpec())
    return clock


def arrived(looking: Looking) -> int:
    """The steps of the way that are taken until nothing is left of it."""
    steps = 0
    while looking.under_way:
        looking.advance()
        steps += 1
    return steps


def test_at_first_it_is_where_the_runs_stand() -> None:
    """And it goes with them."""
    runs, looking = trained(3), Looking()
    assert sees(looking, runs, 3)
    runs.step()
    assert sees(looking, runs, 4)


@pytest.mark.parametrize("count", [1, 2])
@given(steps=st.lists(st.integers(-3, 40), min_size=1, max_size=6))
@settings(max_examples=10)
def test_a_recorded_step_is_seen_at_once(count: int, steps: list[int]) -> None:
    """Nothing is trained or put elsewhere; beyond the ends it is the first or the newest."""
    runs, looking = trained(30, count=count), Looking()
    for step in steps:
        looking.show(runs, step, playing=False)
        assert not looking.under_way
        assert [run.step_count for run in runs.all] == [30] * count
        assert sees(looking, runs, min(max(step, 0), 30))
    looking.arrive(runs)
    assert [run.step_count for run in runs.all] == [min(max(steps[-1], 0), 30)] * count
    for run in runs.all:
        assert same_moment(run.session.moment(), PLAIN[run.spec.seed].at(run.step_count))


@pytest.mark.parametrize("count", [1, 2])
@given(steps=st.lists(st.integers(0, 60), min_size=1, max_size=4))
@settings(max_examples=10)
def test_any_other_step_is_come_to(count: int, steps: list[int]) -> None:
    """The runs are put there, some steps of the way at a time; where it is left for another, that is come to."""
    runs, looking = trained(60, memory=count, count=count), Looking()
    for k, step in enumerate(steps):
        known = runs.front.line.at(step) is not None
        looking.show(runs, step, playing=False)
        assert not (known and looking.under_way)
        if k % 2 == 0:
            looking.advance()
        else:
            arrived(looking)
        if not looking.under_way:
            assert sees(looking, runs, step)
    looking.show(runs, None, playing=False)
    arrived(looking)
    assert sees(looking, runs, 60)
    assert looking.at is None


@given(st.integers(-5, 90))
@settings(max_examples=25)
def test_while_it_plays_the_nearest_recorded_step_is_seen(step: int) -> None:
    """No other is nearer, and the runs are where they were; the newest goes on with them."""
    runs, looking = trained(60, memory=1), Looking()
    looking.show(runs, step, playing=True)
    recorded = runs.front.line.recorded()
    seen = looking.sight(runs.front).step
    assert abs(seen - min(max(step, 0), 60)) == np.abs(recorded - min(max(step, 0), 60)).min()
    assert runs.front.step_count == 60
    runs.step()
    assert looking.sight(runs.front).step == (61 if seen == 60 else seen)
    looking.show(runs, None, playing=True)
    assert looking.sight(runs.front).step == 61


def test_a_step_that_is_thinned_away_while_it_is_looked_at() -> None:
    """It is seen as long as it is recorded; then the last before it that is. It is come to all the same."""
    runs, looking = trained(20), Looking()
    looking.show(runs, 7, playing=True)
    assert sees(looking, runs, 7)
    runs.restrict(1)
    assert runs.front.line.at(7) is None
    recorded = runs.front.line.trajectory.steps
    assert sees(looking, runs, int(recorded[recorded <= 7].max()))
    looking.arrive(runs)
    assert sees(looking, runs, 7)


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=8), st.sampled_from(["batch", "batches", "epoch"]))
@settings(max_examples=25)
def test_steps_of_the_player_back_and_on(moves: list[int], unit: str) -> None:
    """Paused: so many batches, N batches, or to the beginnings of epochs, never beyond the ends; brute force."""
    runs, looking, clock = trained(37), Looking(), paused(PaceSpec(step=unit, batches=7))
    at = 37
    for by in moves:
        looking.move(runs, by, clock)
        arrived(looking)
        for _ in range(abs(by)):
            if unit == "epoch":
                ends = [0, 10, 20, 30, 37]
                at = (
                    max([e for e in ends if e < at], default=0)
                    if by < 0
                    else min([e for e in ends if e > at], default=37)
                )
            else:
                at += (1 if by > 0 else -1) * (7 if unit == "batches" else 1)
        at = min(max(at, 0), 37)
        assert sees(looking, runs, at)
    assert runs.front.line.head == 37


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=8))
@settings(max_examples=15)
def test_while_it_plays_moves_are_along_what_is_recorded(moves: list[int]) -> None:
    """From one recorded step to the next, as far as they go; it goes on playing."""
    runs, looking, clock = trained(60, memory=1), Looking(), playing()
    recorded = runs.front.line.recorded().tolist()
    place = len(recorded) - 1
    for by in moves:
        looking.move(runs, by, clock)
        place = min(max(place + by, 0), len(recorded) - 1)
        assert looking.sight(runs.front).step == recorded[place]
        assert runs.front.step_count == 60


def test_looking_at_a_run_that_came_less_far() -> None:
    """It is seen at its own newest step."""
    runs, looking = trained(12, count=2), Looking()
    runs.all[1].go_to(5)
    runs.all[1].line.cut(5)
    looking.show(runs, 9, playing=False)
    assert [looking.sight(run).step for run in runs.all] == [9, 5]
    looking.arrive(runs)
    assert [run.step_count for run in runs.all] == [9, 5]


def test_putting_a_line_in_front_shows_where_it_stands() -> None:
    """What was looked at before is left."""
    runs, looking = trained(20), Looking()
    looking.show(runs, 4, playing=False)
    looking.go(runs.going_on(0, 15), 15)
    assert looking.aim == 15
    looking.arrive(runs)
    assert looking.at is None
    assert sees(looking, runs, 15)


def test_all_runs_are_put_where_the_one_in_front_stands_already() -> None:
    """A way that was left when the first had come to its end: looked at again, the others are put there too."""
    runs, looking = trained(60, memory=2, count=2), Looking()
    wanted = next(s for s in range(59, 0, -1) if runs.front.line.at(s) is None)
    looking.show(runs, wanted, playing=False)
    while runs.front.step_count != wanted:
        looking.advance()
    assert looking.under_way
    looking.show(runs, 0, playing=False)
    assert sees(looking, runs, 0)
    looking.show(runs, wanted, playing=False)
    arrived(looking)
    assert sees(looking, runs, wanted)
    looking.arrive(runs)
    runs.step()
    assert [run.step_count for run in runs.all] == [wanted + 1] * 2
