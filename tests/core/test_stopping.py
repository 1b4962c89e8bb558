"""Stop rules: each says so once, at the step where it comes to be met."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thalweg.core.messages import Advance, Frame, Play, Show, Start, Stopped, Tune
from thalweg.core.problem import build
from thalweg.core.scene import PaceSpec, RunSpec, Scene, StopSpec
from thalweg.core.training.runs_record import recording_of, runs_of
from thalweg.core.training.service import TrainingService
from thalweg.core.training.session import Session
from thalweg.core.training.stopping import LESS, Watch

from .toys import dataset, in_lock_step, tiny_run

LOSSES = st.one_of(st.floats(0.01, 4), st.sampled_from([0.5, 0.7, 0.702, 0.699, 1.0, 2.0, math.nan, math.inf]))


def said(watch: Watch, rules: StopSpec, epochs: list[list[float]]) -> dict[int, str]:
    """What is said after which step, of epochs with these batch losses."""
    found, step = {}, 0
    for number, losses in enumerate(epochs, start=1):
        for k, loss in enumerate(losses, start=1):
            step += 1
            if words := watch.after(rules, step, number, k == len(losses), loss):
                found[step] = words
    return found


EPOCHS = st.lists(st.lists(LOSSES, min_size=1, max_size=5), min_size=1, max_size=20)


@given(EPOCHS, st.integers(1, 60))
def test_after_so_many_steps(epochs: list[list[float]], steps: int) -> None:
    """At that step, if the run comes to it."""
    found = said(Watch(), StopSpec(steps=steps), epochs)
    assert list(found) == [steps] * (steps <= sum(map(len, epochs)))
    assert all(f"at step {steps}," in words for words in found.values())


@given(EPOCHS, st.integers(1, 25))
def test_after_so_many_epochs(epochs: list[list[float]], count: int) -> None:
    """After the last step of that epoch."""
    found = said(Watch(), StopSpec(epochs=count), epochs)
    assert list(found) == [sum(map(len, epochs[:count]))] * (count <= len(epochs))
    assert all(f"after {count} epoch" in words for words in found.values())


@given(EPOCHS, st.floats(0.1, 3))
def test_below_a_loss(epochs: list[list[float]], below: float) -> None:
    """After each epoch whose mean is below, where that of the epoch before was not: brute force."""
    means = [sum(losses) / len(losses) for losses in epochs]
    ends = [sum(map(len, epochs[: k + 1])) for k in range(len(epochs))]
    wanted = [e for k, e in enumerate(ends) if means[k] < below and not (k and means[k - 1] < below)]
    found = said(Watch(), StopSpec(loss=below), epochs)
    assert list(found) == wanted
    for k, e in enumerate(ends):
        assert e not in found or f"over epoch {k + 1} is {means[k]:.4g}, below {below:g}" in found[e]


@given(EPOCHS, st.integers(1, 4))
def test_when_flat(epochs: list[list[float]], flat: int) -> None:
    """After so many epochs in a row without a new lowest by a hundredth, and after as many more: brute force."""
    means = [sum(losses) / len(losses) for losses in epochs]
    wanted, lowest, since = [], math.inf, 0
    for k, mean in enumerate(means):
        if mean < LESS * lowest:
            lowest, since = mean, 0
        else:
            since += 1
        if since and since % flat == 0:
            wanted.append(sum(map(len, epochs[: k + 1])))
    assert list(said(Watch(), StopSpec(flat=flat), epochs)) == wanted


@given(EPOCHS, st.builds(StopSpec, steps=st.integers(0, 30), epochs=st.integers(0, 9), flat=st.integers(0, 3)))
def test_rules_do_not_get_in_each_others_way(epochs: list[list[float]], rules: StopSpec) -> None:
    """Several say so where each alone would, one sentence at a time; without rules nothing is said."""
    alone = [said(Watch(), StopSpec(**{name: getattr(rules, name)}), epochs) for name in ("steps", "epochs", "flat")]
    found = said(Watch(), rules, epochs)
    assert set(found) == {step for each in alone for step in each}
    assert all("\n" not in words and words.startswith("Stopped") for words in found.values())
    assert said(Watch(), StopSpec(), epochs) == {}


# --- in training -----------------------------------------------------------------------------------------------------


def batch_losses(run: RunSpec, steps: int) -> list[float]:
    """Of a plain session."""
    session = Session(run, build(run, dataset(run.data)))
    return [session.step() for _ in range(steps)]


def rules_of_each_kind() -> list[tuple[StopSpec, int]]:
    """A rule, and the step at which the tiny run meets it first."""
    losses = batch_losses(tiny_run(), 200)
    below = (means(losses)[4] + means(losses)[5]) / 2
    return [
        (StopSpec(steps=17), 17),
        (StopSpec(epochs=2), 20),
        (StopSpec(loss=below), 10 * (1 + next(k for k, m in enumerate(means(losses)) if m < below))),
    ]


@pytest.mark.parametrize("kind", range(3))
@pytest.mark.parametrize("step", ["batch", "epoch"])
def test_playing_stops_at_the_step_of_the_rule(kind: int, step: str) -> None:
    """Once; playing on from there goes on, and so does playing again what was played before."""
    rules, wanted = rules_of_each_kind()[kind]
    service = TrainingService(now=iter(range(10**9)).__next__)
    list(service.handle(Start(1, (tiny_run(stop=rules.model_dump()),))))
    assert service.runs
    list(service.handle(Play(1, True, PaceSpec(step=step))))
    found = service.work(1000)
    assert isinstance(found, Stopped)
    assert service.runs.front.step_count == wanted
    assert (found.generation, found.line, found.rescue) == (1, 0, None)
    assert service.wait() == math.inf
    assert service.work(1000) is None
    assert service.runs.front.step_count == wanted
    list(service.handle(Play(1, True, PaceSpec(step=step))))
    assert service.work(60) is None
    assert service.runs.front.step_count > wanted + 10
    list(service.handle(Play(1, False, PaceSpec())))
    list(service.handle(Show(1, 3)))
    list(service.handle(Advance(1, wanted + 5)))
    assert service.work(1000) is None
    assert service.runs.front.step_count == wanted + 8


def test_a_rule_can_be_changed_on_the_way() -> None:
    """It holds from then on, for the run that it is of; the run goes on along its line."""
    runs = in_lock_step(tiny_run(), tiny_run(seed=6))
    optimiser = tiny_run().optimiser
    runs.tune(1, optimiser, StopSpec(steps=7))
    halts = [(s, halt) for s in range(1, 20) if (halt := runs.step()) is not None]
    assert [(s, halt.line) for s, halt in halts] == [(7, 1)]
    runs.tune(0, optimiser, StopSpec(steps=21))
    runs.tune(1, optimiser, StopSpec())
    assert [s for s in range(20, 40) if runs.step() is not None] == [21]
    assert len(list(runs.lines)) == 2


@given(st.integers(1, 29), st.integers(1, 40))
@settings(max_examples=15)
def test_a_branch_has_epochs_of_its_own(at: int, more: int) -> None:
    """It meets a rule at its own steps; what its parent met is behind it."""
    runs = in_lock_step(tiny_run(stop={"steps": 30, "epochs": 2}))
    assert [s for s in range(1, 31) if runs.step() is not None] == [20, 30]
    front = runs.front
    front.go_to(at)
    runs.tune(0, front.spec.optimiser.model_copy(update={"learning_rate": 0.1}), runs.stops[0])
    found = [s for s in range(at + 1, at + more + 1) if runs.step() is not None]
    assert found == [s for s in (20, 30) if at < s <= at + more]


@pytest.mark.parametrize("way", ["file", "branch"])
def test_a_part_of_an_epoch_is_never_judged(way: str) -> None:
    """Of a run that was taken up in the middle of one, or a branch that begins there: the loss is a whole epoch's."""
    losses = batch_losses(tiny_run(), 60)
    parts = [(k, left) for k in range(1, 6) for left in (1, 2, 3)]
    end, left = next(  # the end of an epoch whose last batches happen to be lower than all of it
        (10 * k, left)
        for k, left in parts
        if sum(losses[10 * k - left : 10 * k]) / left < min(means(losses)[:k]) - 1e-3
    )
    below = min(means(losses)[: end // 10]) - 1e-4
    runs = in_lock_step(tiny_run(stop={"loss": below}))
    front = runs.front
    for _ in range(end - left):
        assert runs.step() is None
    if way == "file":
        scene = Scene(run=front.spec, view={"plane": {"y": {"layers": (2,)}}})
        runs = runs_of(recording_of(scene, runs), 1, dataset(front.spec.data), "cpu", 2**20)
    else:
        assert runs.step() is None
        front.go_to(end - left)
        gentler = front.spec.optimiser.model_copy(update={"learning_rate": front.spec.optimiser.learning_rate * 0.999})
        runs.tune(0, gentler, front.spec.stop)
    for _ in range(left):
        assert runs.step() is None
    assert runs.front.session.epoch_over


def means(losses: list[float]) -> list[float]:
    """Of each epoch of ten batches."""
    return [sum(losses[k : k + 10]) / 10 for k in range(0, len(losses), 10)]


def test_the_first_frame_of_a_run_with_rules_is_as_any() -> None:
    """Nothing stops before the first step."""
    service = TrainingService(now=lambda: 0.0)
    *_, frame = service.handle(Start(1, (tiny_run(stop={"loss": 1e9, "flat": 1}),)))
    assert isinstance(frame, Frame)
    assert not frame.stepping
    list(service.handle(Tune(1, 1, tiny_run().optimiser, StopSpec(loss=1e9))))
    assert service.work(1.0) is None
