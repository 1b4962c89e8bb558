"""Modules that draw random numbers, or keep state, at each pass: the same draws at every point, as the plain loop."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from thalweg.core.landscape.evaluators import fastest
from thalweg.core.landscape.from_module import Subject, layer_names, loss_landscape
from thalweg.core.landscape.tiled import Tiled

from ..toys import made
from .zoo import FEATURES, ZOO, Function


def _always_dropping() -> nn.Module:
    return Function(
        lambda m, x: m.out(F.dropout(torch.tanh(m.first(x)), 0.4) + 0.1 * torch.randn(len(x), 4)),
        first=nn.Linear(FEATURES, 4), out=nn.Linear(4, 3),
    )  # fmt: skip


def _normed_and_dropping() -> nn.Module:
    return nn.Sequential(
        nn.Linear(FEATURES, 6), nn.BatchNorm1d(6), nn.ReLU(inplace=True), nn.Dropout(0.4), nn.Linear(6, 3)
    )


def _of_the_whole_batch() -> nn.Module:
    """Every example's scores depend on the others."""
    return Function(
        lambda m, x: m.out(torch.tanh(m.first(x) - m.first(x).mean(0))),
        first=nn.Linear(FEATURES, 4), out=nn.Linear(4, 3),
    )  # fmt: skip


def _own_statistics() -> nn.Module:
    return nn.Sequential(
        nn.Linear(FEATURES, 5), nn.BatchNorm1d(5, track_running_stats=False), nn.ReLU(), nn.Linear(5, 3)
    )


MODULES: list[Callable[[], nn.Module]] = [
    _always_dropping, _normed_and_dropping, _of_the_whole_batch, _own_statistics, ZOO["LSTM"], ZOO["residual"],
]  # fmt: skip


@pytest.mark.parametrize("make", MODULES)
@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("moving", ["first", "last", "all"])
def test_several_batches_are_those_of_the_plain_loop(make: Callable[[], nn.Module], mode: str, moving: str) -> None:
    """Draws, batch statistics and means of batches of unequal size; and the fast way is taken."""
    generator = torch.Generator().manual_seed(0)
    data = [
        (torch.randn(n, FEATURES, generator=generator), torch.randint(3, (n,), generator=generator)) for n in (7, 12, 7)
    ]
    layers = {"first": 1, "last": len(layer_names(made(make))), "all": ()}[moving]
    losses = (F.cross_entropy, lambda o, t: F.cross_entropy(o, t, label_smoothing=0.1))
    for loss in losses:
        options = {"mode": mode, "seed": 3}
        subject = Subject.of(made(make), data, loss, **options)  # type: ignore[arg-type]
        plane = subject.plane("random", "random", layers, layers)  # type: ignore[arg-type]
        before = torch.get_rng_state()
        found = loss_landscape(made(make), data, loss, layers=layers, points=3, x_range=(-3, 3), **options)  # type: ignore[arg-type]
        assert torch.equal(before, torch.get_rng_state())
        for j, i in np.ndindex(found.loss.shape):
            wanted = subject.loss_and_accuracy(plane.at(float(found.x[i]), float(found.y[j])))
            assert found.loss[j, i] == pytest.approx(wanted[0], rel=2e-5)
            assert found.accuracy[j, i] == pytest.approx(wanted[1], abs=0.05)
        with torch.no_grad():
            assert isinstance(fastest(subject.sample(), plane), Tiled)
