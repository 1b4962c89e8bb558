"""Gradients that are too long are shortened before the step, as by torch; what has no such step refuses it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import nn

from thalweg.core.measures.quadratic_descent import is_known
from thalweg.core.scene import OptimiserSpec, RunSpec, Scene, SpecError
from thalweg.core.scene.training import UNCLIPPED
from thalweg.core.training.one_step import parts_of

from .toys import ALONG_A_GRADIENT, TORCHS, Uninterrupted, changes_of, same_moment, session_of, tiny_run, training


def run_of(name: str = "sgd", clip: float = 0.5, **others: Any) -> RunSpec:
    """A tiny run that clips."""
    momentum = 0.5 if name == "sgd" else 0.0
    settings = {"name": name, "learning_rate": 0.01, "momentum": momentum, "clip": clip, "batch_size": 10}
    return tiny_run(optimiser=settings | others)


@pytest.mark.parametrize("clip", [0.1, 1.0, 1e6])
@pytest.mark.parametrize("name", TORCHS)
def test_steps_are_those_of_torchs_loop_with_its_clipping(name: str, clip: float) -> None:
    """clip_grad_norm_ over all parameters between backward and step, as in its documentation; step by step."""
    session = session_of(run_of(name, clip))
    module = copy.deepcopy(session.problem.module)
    for p in module.parameters():
        p.data, p.grad = p.data.clone(), None
    make, options = TORCHS[name]
    optimiser, longest = make(module.parameters(), lr=0.01, **options), 0.0
    for _ in range(12):
        session.step()
        inputs, labels = session._batch
        optimiser.zero_grad()
        F.cross_entropy(module(inputs), labels).backward()
        longest = max(longest, float(nn.utils.clip_grad_norm_(module.parameters(), clip)))
        optimiser.step()
        wanted = nn.utils.parameters_to_vector(module.parameters())
        torch.testing.assert_close(session.parameters.detach(), wanted.detach(), rtol=1e-4, atol=1e-5)
    assert (longest > clip) == (clip < 1e6)


@pytest.mark.parametrize("name", ALONG_A_GRADIENT)
def test_a_limit_that_is_never_reached_changes_nothing(name: str) -> None:
    """Bit for bit; a lower one does, where the length of the gradient counts."""
    ends = []
    for clip in (0.0, 1e6, 1e-2):
        session = session_of(run_of(name, clip))
        for _ in range(4):
            session.step()
        ends.append(session.snapshot())
    assert torch.equal(ends[0], ends[1])
    if name in ("sgd", "nesterov", "qhm"):
        assert not torch.allclose(ends[0], ends[2])


@given(clip=st.floats(0.1, 10), rate=st.floats(0.05, 1))
@settings(max_examples=20, deadline=None)
def test_a_plain_step_is_never_longer_than_limit_and_rate_allow(clip: float, rate: float) -> None:
    """And leads along the gradient."""
    session = session_of(run_of(clip=clip, momentum=0.0, learning_rate=rate))
    for _ in range(3):
        trial = session.trial()
        step = trial.end - trial.start
        assert step.norm() <= clip * rate * (1 + 1e-3) + 1e-6
        assert F.cosine_similarity(-step, trial.gradient, dim=0) > 0.99
        session.step()


def test_a_surface_is_clipped_too() -> None:
    """(200, 2) shortened to 1: a step of the learning rate."""
    network = {"kind": "surface", "surface": "ravine", "x_start": 1.0, "y_start": 1.0}
    run = RunSpec.model_validate({"network": network, "optimiser": {"learning_rate": 0.25, "clip": 1.0}})
    session = session_of(run)
    session.step()
    moved = session.parameters.detach() - torch.tensor([1.0, 1.0])
    assert moved.tolist() == pytest.approx([-0.25 * 200 / 200.01, -0.25 * 2 / 200.01], rel=1e-4)


def test_clipping_is_taken_up_while_it_runs_and_gone_back_over() -> None:
    """A change on the way is a branch; there and back again, each step is the same bit for bit."""
    run = run_of()
    found, plain = training(run), Uninterrupted(run)
    for _ in range(5):
        found.step()
    found.tune(run.optimiser.model_copy(update={"clip": 0.05}))
    for _ in range(5):
        found.step()
    for step in (2, 7, 0, 10, 5):
        found.go_to(step)
        assert same_moment(found.session.moment(), plain.at(step, changes_of(found.line)))
    assert not torch.equal(plain.at(10, changes_of(found.line)).parameters, plain.at(10).parameters)


def test_one_step_taken_apart_names_what_is_left_of_the_gradient() -> None:
    """Its length is the limit; velocity is what was kept and that; nothing is named where nothing was cut."""
    for clip in (0.05, 1e6):
        session = session_of(run_of(clip=clip))
        for _ in range(3):
            session.step()
        parts = {n: v.double() for n, v in parts_of(session.trial(), 3, 0.01).items()}
        assert ("clipped" in parts) == (clip < 1)
        used = parts.get("clipped", parts["gradient"])
        torch.testing.assert_close(parts["kept"] + used, parts["velocity"], rtol=1e-3, atol=1e-6)
        if "clipped" in parts:
            assert float(used.norm()) == pytest.approx(clip)


@pytest.mark.parametrize("name", UNCLIPPED)
def test_methods_that_find_more_than_a_gradient_refuse_it(name: str) -> None:
    """By name; without a limit they are as they were."""
    with pytest.raises(ValidationError, match=f"optimiser.clip: 0.5 is not accepted with {name}"):
        run_of(name)
    with pytest.raises(SpecError, match=rf"run\.optimiser\.clip: 0\.5 is not accepted with {name}.*; expected 0"):
        Scene().edited({"run.optimiser.name": name, "run.optimiser.clip": 0.5})
    assert run_of(name, clip=0.0).optimiser.clip == 0


def test_no_closed_form_is_known_of_steps_that_are_clipped() -> None:
    """Plain descent has one."""
    assert is_known(OptimiserSpec())
    assert not is_known(OptimiserSpec(clip=1.0))
