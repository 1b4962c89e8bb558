"""Training on one flat vector is ordinary training, step by step, and repeatable bit for bit."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor, nn, optim

from thalweg.core import data as datasets
from thalweg.core.curvature.steps import finish
from thalweg.core.landscape.grid import landscape
from thalweg.core.measures.curves import curves
from thalweg.core.measures.gradient_norms import gradient_norms
from thalweg.core.measures.weight_map import weight_map
from thalweg.core.plane.lay import lay
from thalweg.core.problem import Problem, build, random_streams
from thalweg.core.scene import AxisSpec, DataSpec, OptimiserSpec, PlaneSpec, RunSpec
from thalweg.core.training.objectives import OBJECTIVES, Objective
from thalweg.core.training.session import Session

from .toys import plain_loss, tiny_run, toy

TORCHS = {
    "sgd": lambda p, s: optim.SGD(p, lr=s.learning_rate, momentum=s.momentum),
    "adagrad": lambda p, s: optim.Adagrad(p, lr=s.learning_rate),
    "rmsprop": lambda p, s: optim.RMSprop(p, lr=s.learning_rate, momentum=s.momentum),
    "adam": lambda p, s: optim.Adam(p, lr=s.learning_rate),
}
OPTIMISERS = [
    OptimiserSpec(name="sgd", learning_rate=0.5, batch_size=4),
    OptimiserSpec(name="sgd", learning_rate=0.1, momentum=0.9, batch_size=5),
    OptimiserSpec(name="adagrad", learning_rate=0.05, batch_size=4),
    OptimiserSpec(name="rmsprop", learning_rate=0.01, batch_size=4),
    OptimiserSpec(name="rmsprop", learning_rate=0.01, momentum=0.5, batch_size=17),
    OptimiserSpec(name="adam", learning_rate=0.01, batch_size=4),
]


def name_of(spec: OptimiserSpec) -> str:
    """Short, for the test's id."""
    return f"{spec.name}-{spec.momentum}"


def run_of(spec: OptimiserSpec, seed: int = 3) -> RunSpec:
    """A run with this optimiser; its data and network are those of the problem at hand."""
    return RunSpec(optimiser=spec, seed=seed)


class Ordinary:
    """The training loop as it stands in torch's tutorial: a parameter per tensor, its own permutations."""

    def __init__(self, problem: Problem, spec: OptimiserSpec, seed: int = 3) -> None:
        self.module = copy.deepcopy(problem.module)
        self.problem, self.spec = problem, spec
        self.optimiser = TORCHS[spec.name](self.module.parameters(), spec)
        self.stream = random_streams(seed)[1]
        self.order: list[int] = []

    def step(self) -> float:
        """One step on the next batch."""
        inputs, labels = self.problem.train
        self.order = self.order or torch.randperm(len(labels), generator=self.stream).tolist()
        chosen, self.order = self.order[: self.spec.batch_size], self.order[self.spec.batch_size :]
        self.optimiser.zero_grad()
        loss = plain_loss(self.problem.objective.name, self.module(inputs[chosen]), labels[chosen])
        loss.backward()
        self.optimiser.step()
        return loss.item()

    @property
    def parameters(self) -> Tensor:
        """All parameters, flat."""
        return nn.utils.parameters_to_vector(self.module.parameters())


@pytest.mark.parametrize("loss", OBJECTIVES)
@pytest.mark.parametrize("spec", OPTIMISERS, ids=name_of)
def test_a_session_is_an_ordinary_training_loop(spec: OptimiserSpec, loss: str) -> None:
    """After each of 40 steps, over several epochs with a partial last batch, loss and parameters are torch's."""
    problem = toy(loss=loss)
    ordinary = Ordinary(problem, spec)
    session = Session(run_of(spec), problem)
    for _ in range(40):
        assert session.step() == pytest.approx(ordinary.step(), rel=1e-4, abs=1e-6)
        torch.testing.assert_close(session.parameters.detach(), ordinary.parameters.detach(), rtol=1e-4, atol=1e-5)
    assert (session.parameters - problem.start).norm() > 0.1, "it moved"


@pytest.mark.parametrize("spec", OPTIMISERS, ids=name_of)
def test_a_retuned_session_is_a_retuned_training_loop(spec: OptimiserSpec) -> None:
    """A learning rate and a momentum that change mid-run do what they do in torch; the optimiser's memory stays."""
    problem = toy()
    tuned = spec.model_copy(update={"learning_rate": spec.learning_rate / 4, "momentum": 0.3 if spec.momentum else 0.0})
    ordinary = Ordinary(problem, spec)
    session = Session(run_of(spec), problem)
    for step in range(30):
        if step == 11:
            session.tune(tuned)
            for group in ordinary.optimiser.param_groups:
                group["lr"] = tuned.learning_rate
                if "momentum" in group:
                    group["momentum"] = tuned.momentum
        session.step()
        ordinary.step()
        torch.testing.assert_close(session.parameters.detach(), ordinary.parameters.detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", TORCHS)
@pytest.mark.parametrize(("before", "after"), [(0.0, 0.5), (0.5, 0.0)])
def test_momentum_can_be_turned_on_and_off_mid_run(name: str, before: float, after: float) -> None:
    """Momentum is a live field of every optimiser: it can be changed from and to 0 while training."""
    spec = OptimiserSpec(name=name, learning_rate=0.01, momentum=before, batch_size=5)
    session = Session(run_of(spec), toy())
    for momentum in (before, after, before):
        session.tune(spec.model_copy(update={"momentum": momentum}))
        for _ in range(3):
            assert np.isfinite(session.step())
    assert session.parameters.isfinite().all()


def test_turning_momentum_on_changes_the_steps_from_then_on() -> None:
    """RMSProp with momentum from step 5 on moves farther than without, and the same until then."""
    spec = OptimiserSpec(name="rmsprop", learning_rate=0.01, batch_size=5)
    ends = []
    for momentum in (0.0, 0.9):
        session = Session(run_of(spec), toy())
        for step in range(15):
            if step == 5:
                five = session.snapshot()
                session.tune(spec.model_copy(update={"momentum": momentum}))
            session.step()
        ends.append((five, session.snapshot()))
    assert torch.equal(ends[0][0], ends[1][0])
    assert not torch.equal(ends[0][1], ends[1][1])


def test_the_modules_parameters_are_views_of_the_vector() -> None:
    """A step changes both, and the gradient's vector holds the module's gradients."""
    problem = toy()
    session = Session(run_of(OPTIMISERS[0]), problem)
    session.step()
    assert torch.equal(nn.utils.parameters_to_vector(problem.module.parameters()), session.parameters)
    grads = torch.cat([p.grad.flatten() for p in problem.module.parameters()])
    assert torch.equal(grads, session.gradient)
    assert grads.any()


def test_a_session_leaves_the_start_of_its_problem() -> None:
    """The initial parameters are there to begin again from."""
    problem = toy()
    before = problem.start.clone()
    session = Session(run_of(OPTIMISERS[0]), problem)
    session.step()
    assert torch.equal(problem.start, before)
    snapshot = session.snapshot()
    kept = snapshot.clone()
    session.step()
    assert torch.equal(snapshot, kept)
    again = Session(run_of(OPTIMISERS[0]), problem)
    again.step()
    assert torch.equal(again.parameters, kept)


# --- determinism -----------------------------------------------------------------------------------------------------


def trained(run: RunSpec, steps: int, global_seed: int = 0) -> Tensor:
    """Parameters after so many steps of a run on real data."""
    session = Session(run, build(run, datasets.load(run.data)))
    with torch.random.fork_rng():
        torch.manual_seed(global_seed)
        for _ in range(steps):
            session.step()
    return session.snapshot()


@pytest.mark.parametrize("name", TORCHS)
def test_the_same_run_ends_at_the_same_parameters_bit_for_bit(name: str) -> None:
    """200 steps twice, whatever the global seed; and another seed ends elsewhere."""
    changes = {"optimiser__name": name, "optimiser__learning_rate": 0.01}
    one = trained(tiny_run(**changes), 200)
    assert torch.equal(one, trained(tiny_run(**changes), 200, global_seed=1))
    assert not torch.equal(one, trained(tiny_run(**changes, seed=6), 200))
    assert one.isfinite().all()


@pytest.mark.parametrize("spec", OPTIMISERS, ids=name_of)
def test_looking_changes_nothing(spec: OptimiserSpec) -> None:
    """Measures, planes and landscapes (finished or left early) between steps: same parameters, bit for bit."""
    views = [
        PlaneSpec(
            x=AxisSpec(layers=(1,)), y=AxisSpec(layers=(2, 3), kind="random"), resolution=5, examples=7, mode="fixed"
        ),
        PlaneSpec(x=AxisSpec(layers=(3,), kind="weight"), y=AxisSpec(), resolution=9, examples=100),
    ]
    undisturbed, watched = (Session(run_of(spec), toy()) for _ in range(2))
    problem, grid = watched.problem, np.linspace(-1, 1, 9)
    for step in range(25):
        assert undisturbed.step() == watched.step()
        vector = watched.parameters.detach()
        curves(problem, vector, 10)
        gradient_norms(problem, vector, 10)
        weight_map(problem, watched.parameters, (2, 3))
        plane = finish(lay(problem, vector, views[step % 2]))
        plane.through(vector).project(torch.stack([vector, problem.start]))
        looked = landscape(problem, plane, grid, grid, problem.first(7))
        for _ in range(step % 5):
            next(looked)
        if step % 3:
            looked.close()
        assert torch.equal(undisturbed.parameters, watched.parameters)
        assert torch.equal(undisturbed.gradient, watched.gradient)


# --- the order of the examples ---------------------------------------------------------------------------------------


def watched_session(examples: int, batch_size: int, seed: int = 0) -> tuple[Session, list[list[int]]]:
    """A session, and the list of which examples each of its batches had."""
    problem, seen = toy(examples=examples), []

    def mean(scores: Tensor, labels: Tensor) -> Tensor:
        seen.append(labels.tolist())
        return scores.square().mean()

    objective = Objective("watched", "", "", mean, problem.objective.per_example)
    numbered = problem.train[0], torch.arange(examples)
    problem = dataclasses.replace(problem, objective=objective, train=numbered)
    return Session(run_of(OptimiserSpec(batch_size=batch_size, learning_rate=0.01), seed), problem), seen


@pytest.mark.parametrize(("examples", "batch_size"), [(12, 4), (13, 4), (7, 7), (5, 1), (9, 8)])
def test_each_epoch_visits_each_example_once(examples: int, batch_size: int) -> None:
    """Every epoch is a permutation, cut into batches of which only the last is smaller; each epoch another one."""
    session, seen = watched_session(examples, batch_size)
    orders = []
    for epoch in range(1, 5):
        seen.clear()
        count = -(-examples // batch_size)
        for k in range(count):
            assert session.batches_left == count - k
            session.step()
            assert session.epoch == pytest.approx(epoch - 1 + min((k + 1) * batch_size, examples) / examples)
        order = [n for batch in seen for n in batch]
        assert sorted(order) == list(range(examples))
        assert [len(b) for b in seen[:-1]] == [batch_size] * (count - 1)
        assert len(seen[-1]) == examples - (count - 1) * batch_size
        assert session.epoch_count == epoch
        orders.append(tuple(order))
    assert session.batches_left == count
    assert len(set(orders)) == 4


def test_inputs_and_labels_stay_together() -> None:
    """A batch's labels are those of its inputs."""
    problem = toy(examples=11)
    inputs = torch.arange(11.0)[:, None].expand(-1, 6).contiguous()
    seen: list[tuple[Tensor, Tensor]] = []
    problem.module.register_forward_pre_hook(lambda _, args: seen.append(args[0]))

    def mean(scores: Tensor, labels: Tensor) -> Tensor:
        assert torch.equal(seen[-1][:, 0].long(), labels)
        return scores.square().mean()

    objective = Objective("watched", "", "", mean, problem.objective.per_example)
    problem = dataclasses.replace(problem, objective=objective, train=(inputs, torch.arange(11)))
    session = Session(run_of(OptimiserSpec(batch_size=4, learning_rate=1e-6)), problem)
    for _ in range(6):
        session.step()
    assert len(seen) == 6


def test_a_change_of_batch_size_still_visits_each_example_once() -> None:
    """The epoch in progress goes on with the examples that are left, in batches of the new size."""
    session, seen = watched_session(20, 3)
    for _ in range(3):
        session.step()
    session.tune(OptimiserSpec(batch_size=8, learning_rate=0.01))
    assert session.batches_left == 2
    for _ in range(2):
        session.step()
    assert [len(b) for b in seen] == [3, 3, 3, 8, 3]
    assert sorted(n for b in seen for n in b) == list(range(20))
    assert session.epoch == 1
    session.step()
    assert len(seen[-1]) == 8


def test_the_order_depends_on_the_seed_alone() -> None:
    """The same seed, another network: the same order. Another seed: another."""
    orders = []
    for seed, batch_size in ((0, 4), (0, 12), (1, 12)):
        session, seen = watched_session(12, batch_size, seed)
        while session.epoch < 2:
            session.step()
        orders.append([n for b in seen for n in b])
    assert orders[0] == orders[1] != orders[2]


def test_a_session_before_its_first_step() -> None:
    """Step 0, epoch 0, the problem's start."""
    run = tiny_run(data=DataSpec(train=95, test=5).model_dump())
    session = Session(run, build(run, datasets.load(run.data)))
    assert (session.step_count, session.epoch, session.epoch_count) == (0, 0.0, 0)
    assert session.batches_left == 10
    assert torch.equal(session.parameters, session.problem.start)
