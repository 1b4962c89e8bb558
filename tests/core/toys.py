"""Tiny problems, and the plain float64 computations that the core is compared with."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn, optim
from torch.nn.utils import vector_to_parameters

from thalweg.core import data as datasets
from thalweg.core.data import Dataset
from thalweg.core.history import MEMORY
from thalweg.core.networks.initialisers import initialise
from thalweg.core.networks.mlp import mlp
from thalweg.core.parameters import layout_of
from thalweg.core.problem import Batch, Problem, build
from thalweg.core.scene import AxisSpec, DataSpec, OptimiserSpec, PlaneSpec, RunSpec, Scene, ViewSpec
from thalweg.core.scene.training import OPTIMISERS as NAMES
from thalweg.core.scene.training import UNCLIPPED
from thalweg.core.training.line import Line
from thalweg.core.training.moment import Moment
from thalweg.core.training.objectives import OBJECTIVES
from thalweg.core.training.run import Run
from thalweg.core.training.runs import Runs
from thalweg.core.training.session import Session

TORCHS: dict[str, Any] = {
    "sgd": (optim.SGD, {"momentum": 0.5}),
    "adagrad": (optim.Adagrad, {}),
    "rmsprop": (optim.RMSprop, {}),
    "adam": (optim.Adam, {}),
}
"""Torch's own classes of some methods, with the momentum that they are to have."""

ALONG_A_GRADIENT = [name for name in NAMES if name not in UNCLIPPED]
"""Methods whose gradient may be shortened or added to."""


def session_of(run: RunSpec) -> Session:
    """A session at its start."""
    return Session(run, build(run, datasets.load_for(run)))


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
    if name == "sigmoid-cross-entropy":
        return F.binary_cross_entropy_with_logits(scores, target, reduction="none").sum(1).mean()
    scores = torch.sigmoid(scores) if name == "sigmoid-squared-error" else scores
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


# --- training that goes back and forth -------------------------------------------------------------------------------

OPTIMISERS = {
    "sgd": OptimiserSpec(name="sgd", learning_rate=0.3),
    "sgd with momentum": OptimiserSpec(name="sgd", learning_rate=0.1, momentum=0.8),
    "adagrad": OptimiserSpec(name="adagrad", learning_rate=0.03),
    "rmsprop with momentum": OptimiserSpec(name="rmsprop", learning_rate=0.003, momentum=0.5),
    "adam": OptimiserSpec(name="adam", learning_rate=0.01),
}
"""All optimisers, with and without momentum."""

NETWORKS = {
    "mlp": {"hidden": (8,)},
    "residual": {"kind": "residual", "width": 3, "blocks": 1, "activation": "relu", "initialisation": "he"},
    "lstm": {"kind": "lstm", "units": 5},
}
"""One network of layers alone, one with running statistics, one with a memory of its own."""


@cache
def dataset(spec: DataSpec) -> Dataset:
    """A data set, loaded once for all tests."""
    return datasets.load(spec)


def training(run: RunSpec, memory: int = MEMORY) -> Run:
    """A run at step 0."""
    return Run(1, run, dataset(run.data), "cpu", memory=memory)


def in_lock_step(*specs: RunSpec, memory: int = MEMORY) -> Runs:
    """Several runs at step 0."""
    return Runs(1, specs, dataset(specs[0].data), "cpu", memory)


class Uninterrupted:
    """A run that only ever goes forward: what a session that went back and forth is compared with.

    For each way of changing the optimiser, one plain session that is never put to another step.
    """

    def __init__(self, run: RunSpec) -> None:
        self.run, self.data = run, dataset(run.data)
        self._known: dict[object, tuple[Session, list[Moment]]] = {}

    def at(
        self,
        step: int,
        changes: Sequence[tuple[int, OptimiserSpec]] = (),
        put_back: Sequence[tuple[int, int]] = (),
    ) -> Moment:
        """The moment at a step, where from each of these steps on the optimiser was another one.

        ``put_back``: at which steps which layers were put back to their start.
        """
        made, puts = (tuple(c for c in found if c[0] <= step) for found in (changes, put_back))
        key = made, puts
        if key not in self._known:
            self._known[key] = (Session(self.run, build(self.run, self.data)), [])
        session, moments = self._known[key]
        while len(moments) <= step:
            if moments:
                session.step()
            for _, layer in (put for put in puts if put[0] == session.step_count):
                begin_layer_anew(session, layer)
            for at, optimiser in made:
                if at == session.step_count:
                    session.tune(optimiser)
            moments.append(session.moment())
        return moments[step]


def begin_layer_anew(session: Session, layer: int) -> None:
    """Write the start's values over a layer, and zeros over what torch's optimiser keeps of it."""
    span, size = session.problem.layout.layers[layer - 1].span, len(session.parameters)
    with torch.no_grad():
        session.parameters[span] = session.problem.start[span]
    for kept in session._optimiser.state.values():
        for value in kept.values():
            if isinstance(value, Tensor) and value.numel() == size:
                value[span] = 0


def changes_of(line: Line) -> list[tuple[int, OptimiserSpec]]:
    """From which step on a line has which optimiser."""
    return [(c.step, c.optimiser) for c in line.changes]


def same_moment(a: Moment, b: Moment) -> bool:
    """Whether training goes on alike from both, bit for bit; what is not remembered yet is zero."""
    counts = ((m.step, m.epoch, m.at, m.evaluations) for m in (a, b))
    if len(set(counts)) > 1 or a.memory is None or b.memory is None:
        return False
    pairs = [(a.parameters, b.parameters), (a.buffers, b.buffers)]
    for name in a.memory.keys() | b.memory.keys():
        one, other = a.memory.get(name), b.memory.get(name)
        known = one if one is not None else other
        assert known is not None
        pairs.append(tuple(torch.zeros_like(known) if t is None else t for t in (one, other)))
    return all(same_bits(one, other) for one, other in pairs)


def same_bits(a: Tensor, b: Tensor) -> bool:
    """Equal in every bit, numbers that are not finite too."""
    one, other = a.detach().numpy(), b.detach().numpy()
    return (one.shape, one.dtype, one.tobytes()) == (other.shape, other.dtype, other.tobytes())
