"""Convolutional, residual and recurrent networks: what they compute, how they begin, and that they learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from thalweg.core import data as datasets
from thalweg.core.curvature.hvp import hessian_operator
from thalweg.core.curvature.steps import finish
from thalweg.core.landscape.grid import landscape
from thalweg.core.landscape.slices import slices
from thalweg.core.measures.curves import curves, loss_and_accuracy
from thalweg.core.measures.gradient_norms import gradient_norms
from thalweg.core.measures.weight_map import weight_map
from thalweg.core.networks.architectures import network
from thalweg.core.networks.cnn import cnn
from thalweg.core.networks.initialisers import initialise
from thalweg.core.networks.lstm import RowLSTM
from thalweg.core.networks.residual import residual
from thalweg.core.plane.lay import lay
from thalweg.core.problem import build
from thalweg.core.scene import AxisSpec, PlaneSpec, RunSpec
from thalweg.core.scene.network import NetworkSpec
from thalweg.core.training.session import Session

from .test_networks import DEVIATIONS, within
from .toys import made

KINDS: dict[str, dict[str, object]] = {
    "cnn": {"kind": "cnn", "channels": (4, 8), "activation": "relu", "initialisation": "he"},
    "residual": {"kind": "residual", "width": 8, "activation": "relu", "initialisation": "he"},
    "plain": {"kind": "residual", "width": 8, "skips": False, "activation": "relu", "initialisation": "he"},
    "no batch norm": {
        "kind": "residual",
        "width": 8,
        "batch_norm": False,
        "activation": "relu",
        "initialisation": "he",
    },
    "lstm": {"kind": "lstm", "units": 24, "initialisation": "lecun"},
}
WITH_STATISTICS = ["residual", "plain"]


def run_of(kind: str, rate: float = 0.05, batch: int = 10, **data: int) -> RunSpec:
    """A run of this kind on a few digits."""
    optimiser = {"learning_rate": rate, "batch_size": batch}
    if kind == "lstm":
        optimiser = {"name": "adam", "learning_rate": 0.01, "batch_size": batch}
    tree = {"data": {"train": 300, "test": 50, "measured": 60} | data, "network": KINDS[kind], "optimiser": optimiser}
    return RunSpec.model_validate(tree)


def session_of(run: RunSpec) -> Session:
    """A session at step 0."""
    return Session(run, build(run, datasets.load(run.data)))


# --- what they compute -----------------------------------------------------------------------------------------------


def convolved(images: Tensor, conv: nn.Conv2d, stride: int = 1) -> Tensor:
    """A 3x3 convolution as explicit sums over shifted images, float64; [n, filters, rows, columns]."""
    padded = F.pad(images.double(), (1, 1, 1, 1))
    rows, columns = images.shape[-2:]
    out = torch.zeros(len(images), conv.out_channels, rows, columns, dtype=torch.float64)
    for i in range(3):
        for j in range(3):
            shifted = padded[:, :, i : i + rows, j : j + columns]
            out += torch.einsum("ncij,kc->nkij", shifted, conv.weight[:, :, i, j].double())
    if conv.bias is not None:
        out += conv.bias.double()[None, :, None, None]
    return out[:, :, ::stride, ::stride]


def halved(images: Tensor) -> Tensor:
    """The largest of each 2x2 places."""
    n, c, rows, columns = images.shape
    kept = images[:, :, : rows - rows % 2, : columns - columns % 2]
    return kept.reshape(n, c, rows // 2, 2, columns // 2, 2).amax((3, 5))


def scored(features: Tensor, linear: nn.Linear) -> Tensor:
    """Scores of flat features, float64."""
    return features.double() @ linear.weight.double().T + linear.bias.double()


@torch.no_grad()
def test_a_convolutional_network_is_its_definition() -> None:
    """Convolve, activate, take the largest of four; then one linear map."""
    module = made(lambda: cnn((2, 3), "tanh", (6, 4), 5))
    flat = torch.rand(4, 24, generator=torch.Generator().manual_seed(1))
    first, second = (p for p in module if isinstance(p, nn.Conv2d))
    h = halved(convolved(flat.view(4, 1, 6, 4), first).tanh())
    h = halved(convolved(h, second).tanh())
    torch.testing.assert_close(module(flat).double(), scored(h.flatten(1), module[-1]), rtol=1e-5, atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("skips", [True, False])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_a_residual_network_is_its_definition(skips: bool, batch_norm: bool) -> None:
    """act(x + conv(act(conv(x)))) block by block, or without x; in training mode normalised over the batch."""
    options = {"skips": skips, "batch_norm": batch_norm, "shape": (28, 28), "classes": 10}
    module = made(lambda: residual(3, 2, "relu", **options)).train()
    flat = torch.rand(4, 784, generator=torch.Generator().manual_seed(1))
    convs = [p for p in module.modules() if isinstance(p, nn.Conv2d)]

    def normalised(x: Tensor) -> Tensor:
        if not batch_norm:
            return x
        mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), correction=0, keepdim=True)
        return (x - mean) / (variance + 1e-5).sqrt()

    h = halved(normalised(convolved(flat.view(4, 1, 28, 28), convs[0], stride=2)).relu())
    for one, two in (convs[1:3], convs[3:5]):
        y = normalised(convolved(normalised(convolved(h, one)).relu(), two))
        h = (h + y if skips else y).relu()
    torch.testing.assert_close(module(flat).double(), scored(h.mean((2, 3)), module[-1]), rtol=1e-4, atol=1e-5)
    assert (convs[0].bias is None) is batch_norm


@torch.no_grad()
def test_an_lstm_is_its_definition() -> None:
    """Input, forget, cell and output gates row by row (Hochreiter & Schmidhuber 1997; Gers et al. 2000)."""
    module = made(lambda: RowLSTM(4, (5, 3), 6))
    flat = torch.rand(7, 15, generator=torch.Generator().manual_seed(1))
    own = {n: p.double() for n, p in module.lstm.named_parameters()}
    h = c = torch.zeros(7, 4, dtype=torch.float64)
    for row in flat.double().view(7, 5, 3).unbind(1):
        z = row @ own["weight_ih_l0"].T + own["bias_ih_l0"] + h @ own["weight_hh_l0"].T + own["bias_hh_l0"]
        i, f, g, o = z.split(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
    torch.testing.assert_close(module(flat).double(), scored(h, module.linear), rtol=1e-5, atol=1e-6)


# --- how they begin --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DEVIATIONS)
def test_filters_have_their_mean_and_deviation(name: str) -> None:
    """The fan-in of a filter is channels x rows x columns."""
    conv = made(lambda: nn.Conv2d(20, 400, 3))
    initialise(conv, name, torch.Generator().manual_seed(0))
    variance, bias = DEVIATIONS[name]
    assert within(conv.weight.detach(), variance(20 * 9, 400 * 9))
    assert within(conv.bias.detach(), bias)


@pytest.mark.parametrize("name", DEVIATIONS)
def test_gates_have_their_mean_and_deviation(name: str) -> None:
    """Each gate is drawn as a layer from the inputs and one from the states; its bias is as named, once."""
    lstm = made(lambda: nn.LSTM(30, 200))
    initialise(lstm, name, torch.Generator().manual_seed(0))
    variance, bias = DEVIATIONS[name]
    for weights, fan_in in ((lstm.weight_ih_l0, 30), (lstm.weight_hh_l0, 200)):
        for gate in weights.detach().chunk(4):
            assert within(gate, variance(fan_in, 200))
    assert within((lstm.bias_ih_l0 + lstm.bias_hh_l0).detach(), bias)


@pytest.mark.parametrize("name", DEVIATIONS)
def test_normalisations_begin_as_the_identity(name: str) -> None:
    """Scale 1, shift 0, whatever the initial weights."""
    norm = nn.BatchNorm2d(5)
    nn.init.normal_(norm.weight, generator=torch.Generator().manual_seed(0))
    initialise(norm, name, torch.Generator().manual_seed(0))
    assert (norm.weight == 1).all()
    assert (norm.bias == 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_run_begins_the_same_bit_for_bit(kind: str) -> None:
    """Whatever the global generator's state; every weight is drawn."""
    run = run_of(kind)
    one = build(run, datasets.load(run.data)).start
    with torch.random.fork_rng():
        torch.manual_seed(99)
        assert torch.equal(one, build(run, datasets.load(run.data)).start)
    other = run.model_copy(update={"seed": 1})
    assert (one != build(other, datasets.load(run.data)).start).double().mean() > 0.8


# --- how they learn --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_architecture_learns(kind: str) -> None:
    """After 800 steps it knows far more of the test digits than one in ten."""
    session = session_of(run_of(kind))
    for _ in range(800):
        session.step()
    found = curves(session.problem, session.parameters.detach(), 60)
    assert found["test_accuracy"] > 0.35, found


@pytest.mark.parametrize("kind", KINDS)
def test_looking_at_any_architecture_changes_nothing(kind: str) -> None:
    """Measures, planes and landscapes between steps: parameters and statistics the same, bit for bit."""
    view = PlaneSpec(x=AxisSpec(kind="random"), y=AxisSpec(layers=(1,)), resolution=5, examples=20)
    undisturbed, watched = session_of(run_of(kind)), session_of(run_of(kind))
    problem, grid = watched.problem, np.linspace(-1, 1, 3)
    for step in range(8):
        assert undisturbed.step() == watched.step()
        vector, mode = watched.parameters.detach(), problem.module.training
        curves(problem, vector, 20)
        gradient_norms(problem, vector, 20)
        weight_map(problem, vector, (28, 28))
        list(landscape(problem, finish(lay(problem, vector, view)), grid, grid, problem.first(20)))[: step % 3]
        assert problem.module.training is mode
        assert torch.equal(undisturbed.parameters, watched.parameters)
        assert torch.equal(undisturbed.buffers, watched.buffers)
        assert torch.equal(undisturbed.gradient, watched.gradient)
    assert len(watched.buffers) == (0 if kind not in WITH_STATISTICS else 2 * 8 * 5)


@pytest.mark.parametrize("kind", WITH_STATISTICS)
def test_running_statistics_are_torchs(kind: str) -> None:
    """A module trained as in torch's tutorial has the same statistics after each step, and they moved."""
    session = session_of(run_of(kind))
    ordinary = made(lambda: network(NetworkSpec.model_validate(KINDS[kind]))).train()
    nn.utils.vector_to_parameters(session.problem.start.clone(), ordinary.parameters())
    optimiser = torch.optim.SGD(ordinary.parameters(), lr=0.05)
    seen: list[Tensor] = []
    session.problem.module.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    labels = {tuple(x.tolist()): y for x, y in zip(*session.problem.train, strict=True)}
    for _ in range(5):
        session.step()
        optimiser.zero_grad()
        wanted = torch.stack([labels[tuple(x.tolist())] for x in seen[-1]])
        F.cross_entropy(ordinary(seen[-1]), wanted).backward()
        optimiser.step()
        held = torch.cat([b.flatten() for b in ordinary.buffers() if b.is_floating_point()])
        torch.testing.assert_close(session.buffers, held, rtol=1e-4, atol=1e-5)
    assert (held[: len(held) // 2] != 0).any()


def test_a_session_begins_with_fresh_statistics() -> None:
    """Also the second one of the same problem."""
    run = run_of("residual")
    problem = build(run, datasets.load(run.data))
    first = Session(run, problem)
    for _ in range(3):
        first.step()
    after, left = first.snapshot(), first.buffers.clone()
    again = Session(run, problem)
    assert set(again.buffers.tolist()) == {0.0, 1.0}
    for _ in range(3):
        again.step()
    assert torch.equal(again.snapshot(), after)
    assert torch.equal(again.buffers, left)


@pytest.mark.parametrize("kind", KINDS)
def test_curvature_and_slices_are_those_of_the_loss_that_is_drawn(kind: str) -> None:
    """They copy the module: its statistics come along, and the session's stay."""
    session = session_of(run_of(kind))
    for _ in range(10):
        session.step()
    problem, vector, before = session.problem, session.parameters.detach(), session.buffers.clone()
    loss, _ = loss_and_accuracy(problem, vector, problem.first(40))
    operator = hessian_operator(problem, vector, problem.first(40), (1,))
    assert operator.loss == pytest.approx(loss, rel=1e-5)
    assert operator(torch.ones(operator.size)).isfinite().all()
    found = [s for s in slices(problem, vector, np.linspace(-1, 1, 3), examples=40, layers=(1,)) if s]
    assert [s.value for s in found] == pytest.approx([loss, loss], rel=1e-6)
    assert torch.equal(session.buffers, before)


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_of_one_trains(kind: str) -> None:
    """The blocks see 7x7 places, so that one example is enough to normalise over."""
    session = session_of(run_of(kind, batch=1))
    assert all(math.isfinite(session.step()) for _ in range(3))
    assert session.parameters.isfinite().all()


def test_a_network_without_a_weight_for_each_pixel_has_no_map() -> None:
    """A convolution's are shared by all places, an LSTM's by all rows."""
    for kind in KINDS:
        session = session_of(run_of(kind))
        assert weight_map(session.problem, session.parameters, (28, 28)).shape == (0, 0)
