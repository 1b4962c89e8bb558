"""A moment of a session is everything that its next steps depend on."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from thalweg.core.problem import build
from thalweg.core.scene import OptimiserSpec, RunSpec
from thalweg.core.training import optimisers
from thalweg.core.training.session import Session

from .toys import NETWORKS, OPTIMISERS, Uninterrupted, dataset, same_bits, same_moment, tiny_run

KINDS = [
    *(pytest.param(o, "mlp", id=f"{o}, mlp") for o in OPTIMISERS),
    *(pytest.param("adam", n, id=f"adam, {n}") for n in NETWORKS if n != "mlp"),
    pytest.param("sgd with momentum", "residual", id="sgd with momentum, residual"),
]


def run_of(optimiser: str, network: str = "mlp") -> RunSpec:
    """A tiny run with one of the optimisers and networks."""
    spec = OPTIMISERS[optimiser].model_dump()
    return tiny_run(network=NETWORKS[network], optimiser=spec)


def session_of(run: RunSpec) -> Session:
    """A session at step 0."""
    return Session(run, build(run, dataset(run.data)))


@cache
def uninterrupted(optimiser: str) -> Uninterrupted:
    """The run with this optimiser, known once for all examples."""
    return Uninterrupted(run_of(optimiser))


def states(session: Session, count: int) -> list[tuple[float, Tensor, Tensor]]:
    """Loss, parameters and running statistics after each of so many further steps."""
    return [(session.step(), session.snapshot(), session.buffers.clone()) for _ in range(count)]


def equal(a: list[tuple[float, Tensor, Tensor]], b: list[tuple[float, Tensor, Tensor]]) -> bool:
    """Bit for bit."""
    return all(
        one[0] == other[0] and same_bits(one[1], other[1]) and same_bits(one[2], other[2])
        for one, other in zip(a, b, strict=True)
    )


@pytest.mark.parametrize(("optimiser", "network"), KINDS)
def test_training_goes_on_from_a_moment_as_it_did(optimiser: str, network: str) -> None:
    """From every step, those around the ends of the passes too: in the same session, and in one that never was there.

    The moment is as it was after all of that, and the session's own is that moment again.
    """
    run, moments = run_of(optimiser, network), []
    session = session_of(run)
    for _ in range(23):
        moments.append(session.moment())
        states(session, 1)
    ends = states(session, 12)
    there = [(m.parameters.clone(), m.buffers.clone()) for m in moments]
    for k in (22, 0, 10, 9, 11, 20, 3, 1, 0, 19, 21):
        other = session_of(run)
        for each in (session, other):
            each.restore(moments[k])
            found = each.moment()
            assert same_moment(found, moments[k])
            assert torch.equal(found.stream, moments[k].stream)
            assert each.epoch == moments[k].epoch - 1 + moments[k].at / 100 or not k
            for m in moments[k + 1 :]:
                states(each, 1)
                assert same_moment(each.moment(), m)
            states(each, 1)
            assert equal(states(each, 12), ends)
    for m, (parameters, buffers) in zip(moments, there, strict=True):
        assert same_bits(m.parameters, parameters)
        assert same_bits(m.buffers, buffers)


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@settings(max_examples=10)
@given(path=st.lists(st.integers(0, 34), min_size=2, max_size=6))
def test_moments_taken_on_the_way_back_are_as_good(optimiser: str, path: list[int]) -> None:
    """Restored, a few steps on, kept again, restored from that, any number of times: always the one and only run."""
    session, plain = session_of(run_of(optimiser)), uninterrupted(optimiser)
    first = kept = session.moment()
    for target in path:
        session.restore(kept if kept.step <= target else first)
        while session.step_count < target:
            session.step()
        kept = session.moment()
        assert same_moment(kept, plain.at(target))
        states(session, 5)
        assert same_moment(session.moment(), plain.at(target + 5))


@pytest.mark.parametrize("name", ["sgd", "rmsprop", "adam", "adagrad"])
@pytest.mark.parametrize(("before", "after"), [(0.0, 0.6), (0.6, 0.0)])
def test_a_moment_knows_its_optimiser(name: str, before: float, after: float) -> None:
    """Learning rate, momentum and batch size are those of the moment, whatever the session has had since."""
    first = OptimiserSpec(name=name, learning_rate=0.01, momentum=before, batch_size=10)
    then = OptimiserSpec(name=name, learning_rate=0.03, momentum=after, batch_size=7)
    run = tiny_run(optimiser=first.model_dump())
    session = session_of(run)
    early = states(session, 6)
    middle = session.moment()
    session.tune(then)
    tuned = session.moment()
    late = states(session, 20)
    for each in (session, session_of(run)):
        each.restore(middle)
        assert each.optimiser_spec == first
        assert not equal(states(each, 20), late)
        each.restore(middle)
        each.tune(then)
        assert equal(states(each, 20), late)
        each.restore(tuned)
        assert each.optimiser_spec == then
        assert equal(states(each, 20), late)
    assert len(early) == 6


def test_a_moment_to_look_at_cannot_be_trained_from() -> None:
    """The sentence says which; the session stays where it is. Without a memory to leave out, it is the same moment."""
    session = session_of(run_of("adam"))
    states(session, 3)
    for seen in (session.moment(whole=False), session.moment().to_look_at()):
        assert not seen.whole
        assert seen.nbytes == session.parameters.numel() * 4
        assert session.moment().nbytes == 3 * seen.nbytes + 4
        states(session, 1)
        there = session.moment()
        with pytest.raises(ValueError, match="moment: step 3 was kept without the optimiser's memory"):
            session.restore(seen)
        assert same_moment(session.moment(), there)
        session.restore(session_of(run_of("adam")).moment())
        states(session, 3)
    plain = session_of(run_of("sgd"))
    states(plain, 3)
    assert plain.moment(whole=False).whole
    assert plain.moment().to_look_at().whole
    assert plain.moment().nbytes == plain.parameters.numel() * 4


def test_a_moment_of_a_network_with_statistics_counts_them() -> None:
    """The memory that a moment takes is that of all its tensors, once for each moment."""
    session = session_of(run_of("sgd", "residual"))
    states(session, 2)
    m = session.moment()
    assert m.nbytes == 4 * (len(m.parameters) + len(m.buffers))
    assert len(m.buffers) > 0
    assert replace(m, memory={"x": torch.zeros(5)}).nbytes == m.nbytes + 20


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_the_memory_of_an_optimiser_is_taken_up(optimiser: str) -> None:
    """What one remembers, another of the same spec goes on with; copies on both ways."""
    spec, slopes = OPTIMISERS[optimiser], torch.randn(9, 4, generator=torch.Generator().manual_seed(0))
    one, other = (nn.Parameter(torch.ones(4)) for _ in range(2))
    first, second = optimisers.build(spec, one), optimisers.build(spec, other)
    for slope in slopes[:5]:
        one.grad = slope.clone()
        first.step()
    kept = optimisers.memory(first)
    assert kept is not None
    frozen = {name: v.clone() for name, v in kept.items()}
    other.data.copy_(one.data)
    optimisers.remember(second, kept)
    for slope in slopes[5:]:
        one.grad, other.grad = slope.clone(), slope.clone()
        first.step()
        second.step()
        assert torch.equal(one, other)
    assert all(torch.equal(kept[name], frozen[name]) for name in frozen)
    assert (optimisers.memory(first, copied=False) is None) == bool(kept)


@pytest.mark.parametrize(("examples", "batch_size"), [(100, 10), (95, 10), (100, 100), (7, 3)])
def test_the_last_step_of_an_epoch_is_known(examples: int, batch_size: int) -> None:
    """``epoch_over`` after the step that used the last example, also where the session was put there."""
    run = tiny_run(data__train=examples, optimiser__batch_size=batch_size)
    session, count = session_of(run), -(-examples // batch_size)
    assert not session.epoch_over
    for step in range(1, 3 * count + 1):
        session.step()
        assert session.epoch_over == (step % count == 0)
        other = session_of(run)
        other.restore(session.moment())
        assert other.epoch_over == session.epoch_over
        assert other.batches_left == session.batches_left
