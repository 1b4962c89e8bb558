"""Problems: loss, gradient, and random numbers that depend on the seed alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from thalweg.core import data as datasets
from thalweg.core import problem as problems
from thalweg.core.problem import build, random_streams
from thalweg.core.scene import NetworkSpec, RunSpec
from thalweg.core.training.objectives import OBJECTIVES

from .toys import plain, plain_loss, tiny_run, toy


@pytest.mark.parametrize("loss", OBJECTIVES)
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_the_gradient_is_that_of_the_module(loss: str, activation: str) -> None:
    """The flat gradient is what backward through the plain module leaves in its parameters."""
    problem = toy(activation=activation, loss=loss)
    found = problem.gradient(problem.start, problem.train)
    plain_loss(loss, problem.module(problem.train[0]), problem.train[1]).backward()
    wanted = torch.cat([p.grad.flatten() for p in problem.module.parameters()])
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-7)


def test_the_gradient_is_the_slope_of_the_loss() -> None:
    """Central differences of the float64 loss, for every parameter."""
    problem = toy(sizes=(3, 2, 2), examples=5)
    found, at, h = problem.gradient(problem.start, problem.train), problem.start.double(), 1e-5
    for k in range(problem.layout.size):
        shift = torch.zeros_like(at)
        shift[k] = h
        slope = (plain(problem, at + shift, problem.train)[0] - plain(problem, at - shift, problem.train)[0]) / (2 * h)
        assert found[k].item() == pytest.approx(slope, abs=1e-6)


def test_the_gradient_does_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Examples in blocks of five, the last of two, give the gradient of the mean over all."""
    problem = toy(examples=17)
    whole = problem.gradient(problem.start, problem.train)
    monkeypatch.setattr(problems, "BLOCK", 5)
    torch.testing.assert_close(problem.gradient(problem.start, problem.train), whole, rtol=1e-5, atol=1e-7)


def test_loss_is_that_of_the_plain_module() -> None:
    """Loss at given parameters, with the module's own left alone."""
    problem = toy()
    vector = problem.start * 1.5
    found = problem.loss(problem.layout.views(vector), problem.train)
    assert found.item() == pytest.approx(plain(problem, vector, problem.train)[0], rel=1e-6)
    assert torch.equal(problem.layout.flatten(dict(problem.module.named_parameters())), problem.start)


def test_first_takes_the_first_examples() -> None:
    """As many as asked for, or all there are."""
    problem = toy(examples=6)
    inputs, labels = problem.first(4)
    assert torch.equal(inputs, problem.train[0][:4])
    assert torch.equal(labels, problem.train[1][:4])
    assert len(problem.first(100)[1]) == 6


def test_build_gives_the_same_problem_bit_for_bit() -> None:
    """The same run twice: same initial parameters, same data; another seed: other parameters, same data."""
    run = tiny_run()
    one, same, other = (build(r, datasets.load(r.data)) for r in (run, run, tiny_run(seed=6)))
    assert torch.equal(one.start, same.start)
    assert torch.equal(one.train[0], same.train[0])
    assert torch.equal(one.train[0], other.train[0])
    assert (one.start != other.start).double().mean() > 0.99
    assert one.start.dtype == torch.float32
    assert len(one.train[1]) == 100
    assert len(one.test[1]) == 20


def test_the_global_generator_decides_nothing() -> None:
    """Whatever torch's global seed is, the run's own seed gives the initial parameters."""
    run, found = tiny_run(), []
    with torch.random.fork_rng():
        for seed in (0, 1):
            torch.manual_seed(seed)
            found.append(build(run, datasets.load(run.data)).start)
    assert torch.equal(*found)


def test_only_network_and_seed_decide_the_initial_parameters() -> None:
    """Another optimiser, loss, length or number of examples starts at the same point."""
    runs = [
        tiny_run(),
        tiny_run(optimiser__name="adam", objective__loss="squared-error", steps=7, data__train=50),
    ]
    one, other = (build(r, datasets.load(r.data)).start for r in runs)
    assert torch.equal(one, other)


def test_build_takes_the_network_of_the_spec() -> None:
    """Layers as in the spec, from pixels to classes."""
    run = RunSpec(network=NetworkSpec(hidden=(4, 3), activation="relu"), data=tiny_run().data)
    layout = build(run, datasets.load(run.data)).layout
    assert [tuple(s) for s in layout.shapes] == [(4, 784), (4,), (3, 4), (3,), (10, 3), (10,)]
    assert [layer.name for layer in layout.layers] == ["layer 1", "layer 2", "layer 3"]


def test_random_streams_depend_on_the_seed_alone() -> None:
    """The same seed gives the same two streams, however much was drawn from the other."""
    (a, b), (c, d) = random_streams(7), random_streams(7)
    torch.randn(1000, generator=a)
    assert torch.equal(torch.randperm(100, generator=b), torch.randperm(100, generator=d))
    assert torch.equal(torch.randn(10, generator=random_streams(7)[0]), torch.randn(10, generator=c))


def test_random_streams_are_independent() -> None:
    """The streams of neighbouring seeds, and the two of one seed, are all different and uncorrelated."""
    n = 2000
    rows = torch.stack([torch.randn(n, generator=g) for seed in range(40) for g in random_streams(seed)]).double()
    correlation = np.corrcoef(rows.numpy())
    off = np.abs(correlation - np.eye(len(correlation)))
    assert off.max() < 6 / np.sqrt(n)
