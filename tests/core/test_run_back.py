"""A run goes back to any step that it has come to, exactly, and on from there as it did."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thalweg.core.history import MEMORY
from thalweg.core.scene import OptimiserSpec, RunSpec
from thalweg.core.training.run import Run

from .toys import NETWORKS, OPTIMISERS, Uninterrupted, changes_of, same_moment, tiny_run, training

KINDS = [pytest.param(o, n, id=f"{o}, {n}") for n in NETWORKS for o in OPTIMISERS]


def run_of(optimiser: str, network: str = "mlp") -> RunSpec:
    """A tiny run with one of the optimisers and networks."""
    return tiny_run(network=NETWORKS[network], optimiser=OPTIMISERS[optimiser].model_dump())


def tuned_on_the_way(spec: RunSpec) -> dict[int, OptimiserSpec]:
    """A change of learning rate, of momentum and of batch size, in the middle of passes and between two."""
    first = spec.optimiser
    slower = first.model_copy(update={"learning_rate": first.learning_rate / 3})
    heavier = slower.model_copy(update={"momentum": 0.0 if first.momentum else 0.7})
    larger = heavier.model_copy(update={"batch_size": 17})
    return {7: slower, 10: heavier, 16: larger, 23: first}


def forward(run: Run, steps: int, changes: dict[int, OptimiserSpec] | None = None) -> Run:
    """The run after it went on to this step, tuned on its way."""
    while run.step_count < steps:
        if run.step_count in (changes or {}):
            run.tune((changes or {})[run.step_count])
        run.step()
    return run


@cache
def known(optimiser: str) -> Uninterrupted:
    """The same run without going back, computed once."""
    return Uninterrupted(run_of(optimiser))


@pytest.mark.parametrize("dense", [True, False], ids=["dense", "thinned"])
@pytest.mark.parametrize(("optimiser", "network"), KINDS)
def test_every_step_is_found_again_exactly(optimiser: str, network: str, dense: bool) -> None:
    """Parameters, running statistics and the optimiser's memory, recorded or not; and the same steps follow.

    With changes of learning rate, momentum and batch size on the way, and with memory for everything or for little.
    """
    spec = run_of(optimiser, network)
    changes = tuned_on_the_way(spec)
    plain, made = Uninterrupted(spec), [(0, spec.optimiser), *changes.items()]
    run = training(spec, MEMORY if dense else 1)
    forward(run, 30, changes)
    assert same_moment(run.session.moment(), plain.at(30, made))
    assert len(run.line.recorded()) > 30 if dense else len(run.line.recorded()) < 15
    for step in (20, 29, 3, 30, 0, 10, 9, 8, 16, 24, 23, 22, 7, 11, 1):
        run.go_to(step)
        assert same_moment(run.session.moment(), plain.at(step, made))
        for k in range(1, 4):
            if step + k <= 30:
                run.step()
                assert same_moment(run.session.moment(), plain.at(step + k, made))
    assert changes_of(run.line) == made
    assert (run.line.head, len(run.lines)) == (30, 1)
    run.go_to(30)
    for step in range(31, 45):
        run.step()
        assert same_moment(run.session.moment(), plain.at(step, made))


@pytest.mark.parametrize("memory", [1, 600_000, MEMORY])
@given(
    optimiser=st.sampled_from(sorted(OPTIMISERS)),
    head=st.integers(0, 60),
    steps=st.lists(st.integers(0, 70), min_size=1, max_size=5),
)
@settings(max_examples=20)
def test_back_ten_and_forward_ten_changes_nothing(memory: int, optimiser: str, head: int, steps: list[int]) -> None:
    """From wherever, by stepping or by being put there: it is the identity."""
    run, plain, furthest = forward(training(run_of(optimiser), memory), head), known(optimiser), head
    for k, wanted in enumerate(steps):
        step = min(wanted, run.line.head)
        run.go_to(step)
        assert same_moment(run.session.moment(), plain.at(step))
        run.go_to(max(step - 10, 0))
        if k % 2:
            run.go_to(step)
        else:
            forward(run, step)
        assert same_moment(run.session.moment(), plain.at(step))
        forward(run, step + 2)
        furthest = max(furthest, step + 2)
        assert run.line.head == furthest


@pytest.mark.parametrize("memory", [1, MEMORY])
@given(st.lists(st.integers(0, 50), min_size=1, max_size=8))
@settings(max_examples=15)
def test_no_more_steps_are_repeated_than_have_to_be(memory: int, steps: list[int]) -> None:
    """Those from the last moment that training can go on from, or from where it stands if that is nearer.

    To the head there are none.
    """
    run = forward(training(run_of("adam"), memory), 50)
    for step in steps:
        before, whole = run.step_count, run.line.whole_before(step)
        assert whole.step <= step
        from_here = step - before if before <= step else 50
        assert len(list(run.going_to(step))) == min(step - whole.step, from_here)
        assert run.step_count == step
    assert len(list(run.going_to(50))) == 0


@pytest.mark.parametrize("step", [-1, 13, 10**9])
def test_a_step_that_was_not_come_to_is_refused(step: int) -> None:
    """With the steps that there are; the run stands where it stood."""
    run = forward(training(run_of("sgd")), 12)
    run.go_to(5)
    with pytest.raises(ValueError, match=rf"step: {step} is not between 0 and 12"):
        run.go_to(step)
    assert same_moment(run.session.moment(), known("sgd").at(5))


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 12))
@settings(max_examples=20)
def test_a_way_that_is_left_is_no_harm(first: int, second: int, taken: int) -> None:
    """Wherever it was left, the next one leads to exactly its step."""
    run = forward(training(run_of("adam"), memory=1), 30)
    way = run.going_to(first)
    for _ in range(taken):
        next(way, None)
    run.go_to(second)
    assert same_moment(run.session.moment(), known("adam").at(second))
    forward(run, 35)
    assert same_moment(run.session.moment(), known("adam").at(35))


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_a_change_at_the_head_holds_when_it_is_walked_across(optimiser: str) -> None:
    """Changed at the head, gone back, and stepped on over it: the new optimiser takes the steps after it."""
    spec = run_of(optimiser)
    changes = {12: tuned_on_the_way(spec)[10]}
    made, plain = [(0, spec.optimiser), *changes.items()], Uninterrupted(spec)
    for back in (1, 3, 12):
        run = forward(training(spec), 12)
        run.tune(changes[12])
        run.go_to(12 - back)
        for step in range(13 - back, 20):
            run.step()
            assert same_moment(run.session.moment(), plain.at(step, made))
        assert len(run.lines) == 1


def test_what_is_repeated_leaves_the_record_as_it_was() -> None:
    """Measures, passes, changes and what is kept are those of the first time."""
    run = training(run_of("adam"))
    for step in range(1, 34):
        run.step()
        if step % 3 == 0:
            run.measure()
    kept = run.line.trajectory.steps.tolist(), run.line.series.columns(), list(run.line.epochs), run.line.nbytes
    assert kept[2] == [0, 10, 20, 30]
    run.go_to(4)
    for _ in range(20):
        run.step()
        run.measure()
    run.go_to(33)
    run.measure()
    now = run.line.trajectory.steps.tolist(), run.line.series.columns(), list(run.line.epochs)
    assert now[0] == kept[0]
    assert list(now[1]) == list(kept[1])
    assert all(np.array_equal(v, kept[1][n], equal_nan=True) for n, v in now[1].items())
    assert now[2] == kept[2]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=4), st.integers(0, 60))
@settings(max_examples=20)
def test_the_steps_at_which_passes_began(sizes: list[int], step: int) -> None:
    """Also where the batch size changed on the way: brute force over the epochs of an uninterrupted run."""
    spec = run_of("sgd")
    optimisers = [spec.optimiser.model_copy(update={"batch_size": size}) for size in sizes]
    run, plain = training(spec), Uninterrupted(spec)
    forward(run, 50, {7 * k: o for k, o in enumerate(optimisers)})
    moments = [plain.at(s, changes_of(run.line)) for s in range(51)]
    begun = [s for s in range(50) if moments[s + 1].epoch > moments[s].epoch]
    assert run.line.epochs == begun
    assert run.line.epoch_before(step) == max((s for s in begun if s < step), default=0)
