"""Tiny problems, and the plain float64 computations that the core is compared with."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import vector_to_parameters

from thalweg.core.networks.initialisers import initialise
from thalweg.core.networks.mlp import mlp
from thalweg.core.parameters import layout_of
from thalweg.core.problem import Batch, Problem
from thalweg.core.scene import AxisSpec, PlaneSpec, RunSpec, Scene, ViewSpec
from thalweg.core.training.objectives import OBJECTIVES


def toy(
    sizes: tuple[int, ...] = (6, 5, 4, 3),
    activation: str = "tanh",
    loss: str = "cross-entropy",
    examples: int = 17,
    seed: int = 0,
    initialisation: str = "fan-in",
) -> Problem:
    """A fully connected network with random inputs and labels."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():  # torch's own initial weights are drawn from the global generator
        module = mlp(sizes, activation)
    initialise(module, initialisation, generator)
    return problem_of(module, sizes[0], sizes[-1], loss, examples, seed)


def problem_of(
    module: nn.Module, features: int, classes: int, loss: str = "cross-entropy", examples: int = 17, seed: int = 0
) -> Problem:
    """Any module with random inputs [n, features] and labels below ``classes``."""
    generator = torch.Generator().manual_seed(seed + 1000)

    def batch(count: int) -> Batch:
        inputs = torch.rand(count, features, generator=generator)
        return inputs, torch.randint(classes, (count,), generator=generator)

    layout = layout_of(module)
    start = layout.flatten(dict(module.named_parameters()))
    return Problem(module, layout, OBJECTIVES[loss], batch(examples), batch(9), start)


def made(make: Callable[[], nn.Module]) -> nn.Module:
    """The module that ``make`` gives, its weights the same each time, the global generator untouched."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make()


def plain(problem: Problem, vector: Tensor, batch: Batch) -> tuple[float, float, float]:
    """Loss, accuracy and largest absolute score of a float64 copy of the module: nothing of the core's is used."""
    module = copy.deepcopy(problem.module).double()
    vector_to_parameters(vector.double(), module.parameters())
    with torch.no_grad():
        scores = module(batch[0].double())
    accuracy = float((scores.argmax(1) == batch[1]).double().mean())
    return plain_loss(problem.objective.name, scores, batch[1]).item(), accuracy, float(scores.abs().max())


def plain_loss(name: str, scores: Tensor, labels: Tensor) -> Tensor:
    """The mean loss of scores [n, classes] as torch has it."""
    if name == "cross-entropy":
        return F.cross_entropy(scores, labels)
    target = F.one_hot(labels, scores.shape[1]).to(scores)
    return F.mse_loss(scores, target, reduction="none").sum(1).mean() / 2


def tiny_run(**changes: object) -> RunSpec:
    """A run on a hundred of the built-in digits with a hidden layer of eight, changed at dotted paths."""
    tree = {
        "data": {"train": 100, "test": 20, "measured": 50},
        "network": {"hidden": (8,)},
        "optimiser": {"batch_size": 10},
        "seed": 5,
    }
    for path, value in changes.items():
        *parents, leaf = path.split("__")
        node = tree
        for p in parents:
            node = node.setdefault(p, {})
        node[leaf] = value
    return RunSpec.model_validate(tree)


def tiny_scene() -> Scene:
    """The tiny run on a plane of all layers."""
    plane = PlaneSpec(x=AxisSpec(kind="random"), y=AxisSpec(kind="random", seed=2))
    return Scene(run=tiny_run(), view=ViewSpec(plane=plane))
