"""A penalty on large weights: what is added to the gradient, as in torch; what has no such gradient refuses it."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch import nn

from thalweg.app.panels.applies import applies
from thalweg.core.measures.quadratic_descent import is_known
from thalweg.core.scene import OptimiserSpec, RunSpec, Scene, SpecError
from thalweg.core.scene.training import UNCLIPPED
from thalweg.core.store.run_file import read, write
from thalweg.core.training.one_step import parts_of
from thalweg.core.training.recorder import record

from .toys import (
    ALONG_A_GRADIENT,
    NETWORKS,
    TORCHS,
    Uninterrupted,
    changes_of,
    same_moment,
    session_of,
    tiny_run,
    training,
)


def run_of(name: str = "sgd", l2: float = 0.1, **others: Any) -> RunSpec:
    """A tiny run with a penalty."""
    momentum = 0.5 if name == "sgd" else 0.0
    settings = {"name": name, "learning_rate": 0.01, "momentum": momentum, "l2": l2, "batch_size": 10}
    return tiny_run(optimiser=settings | others)


@pytest.mark.parametrize("clip", [0.0, 0.5])
@pytest.mark.parametrize("name", TORCHS)
def test_steps_are_those_of_torchs_weight_decay_of_the_matrices(name: str, clip: float) -> None:
    """Torch's weight_decay for a group of the weights alone; with clipping, l2/2 |w|^2 in the loss before it."""
    session = session_of(run_of(name, 0.1, clip=clip))
    module = copy.deepcopy(session.problem.module)
    for p in module.parameters():
        p.data, p.grad = p.data.clone(), None
    make, options = TORCHS[name]
    weights = [p for p in module.parameters() if p.dim() > 1]
    biases = [p for p in module.parameters() if p.dim() == 1]
    decayed = {"params": weights, "weight_decay": 0.0 if clip else 0.1}
    optimiser = make([decayed, {"params": biases}], lr=0.01, **options)
    for _ in range(12):
        session.step()
        inputs, labels = session._batch
        optimiser.zero_grad()
        loss = F.cross_entropy(module(inputs), labels)
        if clip:
            loss = loss + 0.1 / 2 * sum(w.square().sum() for w in weights)
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(module.parameters(), clip)
        optimiser.step()
        wanted = nn.utils.parameters_to_vector(module.parameters())
        torch.testing.assert_close(session.parameters.detach(), wanted.detach(), rtol=1e-4, atol=1e-5)


def test_a_step_is_nielsens() -> None:
    """Eq. 93: w -> (1 - eta l2) w - eta dC/dw; eq. 94: b -> b - eta dC/db; the loss is that without the penalty."""
    plain, penalised = (session_of(run_of(l2=l2, momentum=0.0, learning_rate=0.25)) for l2 in (0.0, 0.4))
    start = plain.snapshot()
    assert plain.step() == penalised.step()
    for name, p in penalised.problem.layout.views(penalised.snapshot()).items():
        w, without = (penalised.problem.layout.views(v)[name] for v in (start, plain.snapshot()))
        wanted = without - 0.25 * 0.4 * w if name.endswith("weight") else without
        torch.testing.assert_close(p, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", NETWORKS)
def test_of_every_network_matrices_and_filters_are_penalised_and_nothing_else(kind: str) -> None:
    """Biases, and what batch norm learns, move as without it."""
    run = tiny_run(network=NETWORKS[kind], optimiser={"learning_rate": 0.1, "batch_size": 10})
    plain = session_of(run)
    penalised = session_of(run.model_copy(update={"optimiser": run.optimiser.model_copy(update={"l2": 0.5})}))
    start = plain.snapshot()
    plain.step()
    penalised.step()
    views = penalised.problem.layout.views
    apart = views(penalised.snapshot() - plain.snapshot())
    for name, w in views(start).items():
        wanted = -0.1 * 0.5 * w if w.dim() > 1 else torch.zeros_like(w)
        torch.testing.assert_close(apart[name], wanted, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("name", ALONG_A_GRADIENT)
def test_no_penalty_changes_nothing_and_one_makes_weights_smaller(name: str) -> None:
    """Every method that steps along a gradient takes it up."""
    ends = []
    for l2 in (0.0, 10.0):
        session = session_of(run_of(name, l2, momentum=0.0))
        before = session.snapshot()
        for _ in range(4):
            session.step()
        matrices = session.problem.layout.mask(vectors=False)
        ends.append(float((session.snapshot() * matrices).norm() / (before * matrices).norm()))
    assert ends[1] < min(1.0, ends[0])


def test_a_surface_has_nothing_to_be_penalised() -> None:
    """Bit for bit; the closed form stays known, and the field does not count."""
    ends = []
    for l2 in (0.0, 1.0):
        network = {"kind": "surface", "surface": "ravine"}
        session = session_of(
            RunSpec.model_validate({"network": network, "optimiser": {"learning_rate": 1e-3, "l2": l2}})
        )
        for _ in range(5):
            session.step()
        ends.append(session.snapshot())
    assert torch.equal(*ends)
    assert is_known(OptimiserSpec(l2=1.0))
    scene = Scene()
    assert applies("run.optimiser.l2", scene)
    assert not applies("run.optimiser.l2", scene.edited({"run.network.kind": "surface"}))
    assert not applies("run.optimiser.l2", scene.edited({"run.optimiser.name": "newton"}))


def test_a_penalty_is_taken_up_while_it_runs_and_gone_back_over() -> None:
    """A change on the way is a branch; there and back again, each step is the same bit for bit."""
    run = run_of()
    found, plain = training(run), Uninterrupted(run)
    for _ in range(5):
        found.step()
    found.tune(run.optimiser.model_copy(update={"l2": 2.0}))
    for _ in range(5):
        found.step()
    for step in (2, 7, 0, 10, 5):
        found.go_to(step)
        assert same_moment(found.session.moment(), plain.at(step, changes_of(found.line)))
    assert not torch.equal(plain.at(10, changes_of(found.line)).parameters, plain.at(10).parameters)


@pytest.mark.parametrize("name", ["sgd", "nesterov", "adam", "sam", "lars", "qhm"])
def test_one_step_taken_apart_names_the_penalty(name: str) -> None:
    """Gradient and penalty make up what the method steps along; without one, none is named."""
    for l2 in (0.5, 0.0):
        session = session_of(run_of(name, l2))
        for _ in range(3):
            session.step()
        trial = session.trial()
        parts = {n: v.double() for n, v in parts_of(trial, 3, 0.01).items()}
        assert ("penalty" in parts) == ("penalised" in parts) == (l2 > 0)
        used = parts.get("penalised", parts["gradient"])
        if l2:
            wanted = l2 * trial.start * session.problem.layout.mask(vectors=False)
            torch.testing.assert_close(parts["penalty"], wanted.double())
            torch.testing.assert_close(parts["gradient"] + parts["penalty"], used)
        if name == "sgd":
            torch.testing.assert_close(parts["kept"] + used, parts["velocity"], rtol=1e-3, atol=1e-6)
        if name == "qhm":
            torch.testing.assert_close(0.3 * used + 0.7 * parts["mean"], parts["blend"], rtol=1e-3, atol=1e-6)
        if name == "sam":
            assert float(F.cosine_similarity(parts["uphill"], used, dim=0)) == pytest.approx(1)
        torch.testing.assert_close(0.01 * parts["direction"], parts["plain"], rtol=1e-2, atol=1e-6)


def test_what_is_clipped_is_gradient_and_penalty_together() -> None:
    """As the step has it: its length is the limit."""
    session = session_of(run_of(l2=3.0, clip=0.05, momentum=0.0))
    parts = parts_of(session.trial(), 0, 0.01)
    assert float(parts["clipped"].norm()) == pytest.approx(0.05)
    assert float(F.cosine_similarity(parts["clipped"], parts["penalised"], dim=0)) == pytest.approx(1)
    torch.testing.assert_close(-0.01 * parts["clipped"], parts["step"], rtol=1e-2, atol=1e-6)


@pytest.mark.parametrize("name", UNCLIPPED)
def test_methods_that_find_more_than_a_gradient_refuse_it(name: str) -> None:
    """By name; without a penalty they are as they were."""
    with pytest.raises(ValidationError, match=f"optimiser.l2: 0.5 is not accepted with {name}"):
        run_of(name, 0.5)
    with pytest.raises(SpecError, match=rf"run\.optimiser\.l2: 0\.5 is not accepted with {name}.*; expected 0"):
        Scene().edited({"run.optimiser.name": name, "run.optimiser.l2": 0.5})
    assert run_of(name, 0.0).optimiser.l2 == 0


def test_files_from_before_there_was_a_penalty_have_none(tmp_path: Path) -> None:
    """Of the scene and of what was changed on the way: a run file without the field is read, and goes on alike."""
    scene = Scene(run=run_of(l2=0.0), view={"plane": {"x": {"layers": (1,)}, "y": {"layers": (2,)}}})
    file = tmp_path / "run.h5"
    recording = record(scene, 3)
    write(file, recording)
    with h5py.File(file, "r+") as h:
        found = _without(h)
    assert found == 2, "in the scene, and in what was changed on the way"
    again = read(file)
    assert again.scene == scene
    assert [o.l2 for line in again.lines for _, o in line.changes] == [0.0] * sum(len(n.changes) for n in again.lines)


def _without(h: h5py.Group) -> int:
    """Take the field out of every text in the file; how many there were."""
    count = 0
    for holder in (h, *h.values()):
        for name, value in holder.attrs.items():
            if isinstance(value, bytes) and b"l2 = " in value:
                holder.attrs[name] = np.bytes_(re.sub(rb"(?m)^l2 = .*\n", b"", value))
                count += 1
    for item in h.values():
        if isinstance(item, h5py.Group):
            count += _without(item)
        elif item.dtype.kind in "OS" and any(b"l2" in text for text in item[()].tolist()):
            item[...] = [re.sub(rb'"l2":[^,}]*,', b"", text) for text in item[()].tolist()]
            count += 1
    return count
