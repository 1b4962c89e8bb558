"""Landscapes of any module: right against a plain float64 loop, and the module is as it was."""

from __future__ import annotations

import copy
from collections import namedtuple
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters
from torch.utils.data import DataLoader, TensorDataset

from thalweg.core.landscape.from_module import Subject, layer_names, loss_landscape
from thalweg.core.landscape.grid import landscape
from thalweg.core.plane.direction import Direction, DirectionError
from thalweg.core.plane.plane import Plane
from thalweg.core.plane.random import random_direction

from .toys import made, toy

GRID: dict[str, Any] = {"points": (3, 5), "x_range": (-1, 1), "y_range": (-2, 1)}


class Branching(nn.Module):
    """Control flow that depends on the values, an argument with a default, a submodule used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.out, self.scale = nn.Linear(6, 6), nn.Linear(6, 3), nn.Parameter(torch.tensor(0.7))

    def forward(self, x: Tensor, turns: int = 2) -> Tensor:
        """Scores of inputs [n, 6]."""
        for _ in range(turns):
            x = torch.relu(self.body(x)) if x.mean() > 0 else torch.tanh(self.body(x)) * self.scale
        y: Tensor = self.out(x)
        return y


class Sequences(nn.Module):
    """An LSTM with steps first, read out at its last step."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.out = nn.LSTM(2, 4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of inputs [n, 6]: three steps of two."""
        y: Tensor = self.out(self.lstm(x.view(-1, 3, 2).transpose(0, 1))[0][-1])
        return y


class Tied(nn.Module):
    """An autoencoder's weights, used there and back."""

    def __init__(self) -> None:
        super().__init__()
        self.there, self.back, self.out = nn.Linear(6, 6, bias=False), nn.Linear(6, 6, bias=False), nn.Linear(6, 3)
        self.back.weight = self.there.weight

    def forward(self, x: Tensor) -> Tensor:
        """Scores of inputs [n, 6]."""
        y: Tensor = self.out(self.back(torch.tanh(self.there(x))))
        return y


def with_batchnorm() -> nn.Module:
    """Statistics that are not the initial ones, one parameter frozen."""
    net = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 3))
    net[1].running_mean.copy_(torch.tensor([0.1, -0.2, 0.3, 0.0]))  # type: ignore[union-attr, operator]
    net[0].bias.requires_grad_(False)  # type: ignore[union-attr]
    return net


def mlp() -> nn.Module:
    """Two dense layers."""
    return nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 3))


def convolutional() -> nn.Module:
    """A convolution and a readout."""
    return nn.Sequential(nn.Unflatten(1, (1, 2, 3)), nn.Conv2d(1, 4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3))


def with_dropout() -> nn.Module:
    """Half of the hidden units dropped."""
    return nn.Sequential(nn.Linear(6, 8), nn.Sigmoid(), nn.Dropout(0.5), nn.Linear(8, 3))


KINDS: list[Callable[[], nn.Module]] = [
    mlp, convolutional, with_batchnorm, with_dropout, Sequences, Branching, Tied,
]  # fmt: skip


def examples(count: int = 20, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Inputs [n, 6], labels [n] of three classes."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 6, generator=generator), torch.randint(3, (count,), generator=generator)


def module_of(make: Callable[[], nn.Module]) -> nn.Module:
    """A module in training mode, with gradients from an earlier step."""
    with torch.no_grad():
        module = made(make).train()
    for p in module.parameters():
        p.grad = torch.full_like(p, 0.25) if p.requires_grad else None
    return module


def everything_of(module: nn.Module) -> list[Any]:
    """All that a call could have changed: bytes, gradients, flags, modes, identities, torch's random state."""
    tensors = [*module.named_parameters(), *module.named_buffers()]
    return [
        [(n, id(t), t.requires_grad, t.detach().numpy().tobytes(), t.data_ptr()) for n, t in tensors],
        [(id(p.grad), None if p.grad is None else p.grad.numpy().tobytes()) for p in module.parameters()],
        [(n, m.training, sorted(vars(m))) for n, m in module.named_modules()],
        torch.get_rng_state().numpy().tobytes(),
        torch.is_grad_enabled(),
    ]


def plane_of(module: nn.Module, **more: Any) -> tuple[Plane, Subject]:
    """The plane that the call takes."""
    subject = Subject.of(module, examples(), F.cross_entropy)
    return subject.plane(more.get("x", "random"), more.get("y", "random")), subject


def plain(module: nn.Module, vector: Tensor, batch: tuple[Tensor, Tensor]) -> tuple[float, float]:
    """Loss and accuracy of a float64 copy in the mode that it is in."""
    own = copy.deepcopy(module).double()
    vector_to_parameters(vector, own.parameters())
    with torch.no_grad():
        scores = own(batch[0].double())
    return F.cross_entropy(scores, batch[1]).item(), (scores.argmax(1) == batch[1]).double().mean().item()


# --- right -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("axes", [("random", "random"), ("gradient", "random")])
def test_every_kind_of_module_is_the_plain_loop(make: Callable[[], nn.Module], axes: tuple[str, str]) -> None:
    """In evaluation mode; the middle of the grid is the module itself; the module stays as it was."""
    module = module_of(make)
    before = everything_of(module)
    found = loss_landscape(module, examples(), F.cross_entropy, x=axes[0], y=axes[1], **GRID)
    assert everything_of(module) == before
    assert found.complete
    assert found.loss.shape == found.accuracy.shape == (5, 3)
    assert found.loss.dtype == np.float64
    plane, _ = plane_of(module, x=axes[0], y=axes[1])
    still = copy.deepcopy(module).eval()
    for j, b in enumerate(found.y):
        for i, a in enumerate(found.x):
            loss, right = plain(still, plane.at(float(a), float(b)), examples())
            assert found.loss[j, i] == pytest.approx(loss, rel=1e-5)
            assert found.accuracy[j, i] == pytest.approx(right)
    assert plane.cosine == pytest.approx(0, abs=1e-6) or "gradient" in axes
    centre = loss_landscape(module, examples(), F.cross_entropy, points=3)
    own = plain(still, parameters_to_vector(module.parameters()).double(), examples())
    assert centre.loss[1, 1] == pytest.approx(own[0], rel=1e-6)


def test_it_is_the_landscape_of_the_app() -> None:
    """The same directions by the same seeds, the same numbers as the fast evaluator's."""
    problem = toy((6, 5, 4, 3))
    x, y = np.linspace(-1, 1, 3), np.linspace(-1, 1, 5)
    found = loss_landscape(problem.module, problem.train, F.cross_entropy, x_layers=1, y_layers=3, points=(3, 5))
    plane = Plane(
        problem.start,
        random_direction(problem, problem.start, (1,), 1),
        random_direction(problem, problem.start, (3,), 2),
    )
    *_, wanted = [p for p in landscape(problem, plane, x, y, problem.train) if p]
    np.testing.assert_allclose(found.loss, wanted.loss, rtol=1e-6)
    np.testing.assert_allclose(found.accuracy, wanted.accuracy)
    np.testing.assert_array_equal(found.x, wanted.x)


def test_batchnorm_in_training_mode_takes_each_batch_as_it_comes() -> None:
    """Its own statistics, which no point leaves behind for the next; "as found" takes each submodule's mode."""
    module = module_of(with_batchnorm)
    before = everything_of(module)
    found = loss_landscape(module, examples(), F.cross_entropy, mode="train", **GRID)
    as_found = loss_landscape(module, examples(), F.cross_entropy, mode="as found", **GRID)
    assert everything_of(module) == before
    np.testing.assert_array_equal(as_found.loss, found.loss)
    plane, _ = plane_of(module)
    for j, i in np.ndindex(found.loss.shape):
        wanted = plain(module, plane.at(float(found.x[i]), float(found.y[j])), examples())[0]
        assert found.loss[j, i] == pytest.approx(wanted, rel=1e-5)
    evaluated = loss_landscape(module, examples(), F.cross_entropy, **GRID)
    assert not np.allclose(evaluated.loss, found.loss)


def test_dropout_in_training_mode_drops_the_same_units_everywhere() -> None:
    """The landscape is a function: twice the same, and smooth where the module is."""
    module = module_of(with_dropout)
    first = loss_landscape(module, examples(), F.cross_entropy, mode="train", points=9, x_range=(-1e-3, 1e-3))
    second = loss_landscape(module, examples(), F.cross_entropy, mode="train", points=9, x_range=(-1e-3, 1e-3))
    np.testing.assert_array_equal(first.loss, second.loss)
    assert np.abs(np.diff(first.loss, axis=1)).max() < 1e-2
    other = loss_landscape(module, examples(), F.cross_entropy, mode="train", points=9, seed=2)
    assert not np.allclose(first.loss[4, 4], other.loss[4, 4])


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.booleans())
def test_batches_weigh_by_their_examples(sizes: list[int], each: bool) -> None:
    """However the examples are cut, also when the loss gives one value for each."""
    module = made(mlp)
    inputs, labels = examples(sum(sizes))
    whole = loss_landscape(module, (inputs, labels), F.cross_entropy, points=2)
    parts = list(zip(inputs.split(sizes), labels.split(sizes), strict=True))
    loss = nn.CrossEntropyLoss(reduction="none" if each else "mean")
    cut = loss_landscape(module, parts, loss, points=2)
    np.testing.assert_allclose(cut.loss, whole.loss, rtol=1e-6)
    np.testing.assert_allclose(cut.accuracy, whole.accuracy)


def test_a_shuffling_loader_is_read_once() -> None:
    """Every point sees the same examples, and torch's random state is not used up."""
    module = module_of(mlp)
    loader = DataLoader(TensorDataset(*examples()), batch_size=7, shuffle=True, drop_last=True)
    before = everything_of(module)
    first = loss_landscape(module, loader, F.cross_entropy, points=3)
    second = loss_landscape(module, loader, F.cross_entropy, points=3)
    np.testing.assert_array_equal(first.loss, second.loss)
    assert everything_of(module) == before
    listed = list(loader)
    once = loss_landscape(module, (batch for batch in listed), F.cross_entropy, points=3)
    again = loss_landscape(module, listed, F.cross_entropy, points=3)
    np.testing.assert_array_equal(once.loss, again.loss)


# --- directions and layers -------------------------------------------------------------------------------------------


def test_the_gradient_is_torchs_own() -> None:
    """Over batches of unequal size; unit length, downhill; frozen parameters included."""
    module = made(with_batchnorm).eval()
    inputs, labels = examples()
    parts = list(zip(inputs.split(13), labels.split(13), strict=True))
    subject = Subject.of(module, parts, F.cross_entropy)
    free = copy.deepcopy(module).requires_grad_(True)
    F.cross_entropy(free(inputs), labels).backward()
    wanted = parameters_to_vector([p.grad for p in free.parameters() if p.grad is not None])
    torch.testing.assert_close(subject.gradient(subject.origin).float(), wanted, rtol=1e-5, atol=1e-7)
    x = subject.plane("gradient", "random").x
    assert x.vector.norm().item() == pytest.approx(1)
    assert (x.vector @ wanted.double()).item() == pytest.approx(-wanted.norm().item(), rel=1e-5)
    assert (x.label, x.unit) == ("negative gradient of all layers", "distance")


def test_directions_of_ones_own() -> None:
    """A dict by name, a list in order and a flat vector are one direction; towards another module, t = 1 is it."""
    module, other = made(mlp), made(mlp)
    with torch.no_grad():
        for p in other.parameters():
            p += torch.randn(p.shape, generator=torch.Generator().manual_seed(p.numel()))
    there = dict(other.named_parameters())
    by_name = {n: there[n] - p for n, p in module.named_parameters()}
    ways = [by_name, list(by_name.values()), parameters_to_vector(by_name.values())]
    options: dict[str, Any] = {"y": "random", "x_range": (0, 1), "points": 3}
    grids = [loss_landscape(module, examples(), F.cross_entropy, x=w, **options).loss for w in ways]
    np.testing.assert_array_equal(grids[0], grids[1])
    np.testing.assert_array_equal(grids[0], grids[2])
    for t, one in ((0, module), (2, other)):
        wanted = F.cross_entropy(one(examples()[0]), examples()[1]).item()
        assert grids[0][1, t] == pytest.approx(wanted, rel=1e-6)


def test_layers_by_number_and_by_name() -> None:
    """A name stands for what lies inside it; what is not chosen rests."""

    def net() -> nn.Module:
        return nn.ModuleDict({"body": nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 4)), "out": mlp()})

    module = made(net)
    module.forward = lambda x: module["out"](module["body"](x) @ torch.ones(4, 6))  # type: ignore[index, assignment]
    assert layer_names(module) == ("body.0", "body.2", "out.0", "out.2")
    subject = Subject.of(module, examples(), F.cross_entropy)
    for chosen, wanted in ((1, {0}), ("body", {0, 1}), ([2, "out.2"], {1, 3}), ((), {0, 1, 2, 3}), ("out.0", {2})):
        plane = subject.plane("random", "random", chosen, chosen)
        for direction in (plane.x.vector, plane.y.vector):
            assert {k for k, layer in enumerate(subject.layout.layers) if direction[layer.span].any()} == wanted
    assert (
        subject.plane("random", "random", "body").x.label
        == "random direction of layers 1, 2 (filter-normalised, seed 1)"
    )


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"layers": 3}, ValueError, "layers: 3 is neither a number from 1 to 2 nor one of"),
        ({"layers": "nowhere"}, ValueError, "layers: 'nowhere'"),
        ({"x": "sideways"}, ValueError, "'sideways' is none of them"),
        ({"x": "gradient", "y": "gradient"}, DirectionError, "parallel"),
        ({"x": torch.ones(3)}, DirectionError, r"shape \(3,\); expected \(43,\)"),
        ({"x": [torch.ones(3)]}, DirectionError, "a direction of 1 tensors; the module has 4"),
        ({"x": {"3.weight": torch.ones(3)}}, DirectionError, "'3.weight', which is no parameter"),
        ({"x": {"0.bias": torch.ones(3)}}, DirectionError, r"'0.bias' has the shape \(3,\); expected \(4,\)"),
        ({"x": torch.zeros(43)}, DirectionError, "norm 0"),
        ({"x": torch.full((43,), torch.nan)}, DirectionError, "norm nan"),
        ({"x_range": (1, 1)}, ValueError, "x: 3 points from 1 to 1"),
        ({"points": 1}, ValueError, "x: 1 points"),
        ({"mode": "test"}, ValueError, "mode: 'test'"),
        ({"loss": nn.CrossEntropyLoss(reduction="sum")}, ValueError, "its reduction is 'sum'"),
        ({"data": []}, ValueError, "there are no examples"),
        ({"data": (torch.empty(0, 6), torch.empty(0))}, ValueError, "there are no examples"),
        ({"data": [torch.ones(3, 6)]}, ValueError, "Tensor is no pair"),
        ({"module": nn.ReLU()}, ValueError, "ReLU has no parameters"),
        ({"module": nn.LazyLinear(3)}, ValueError, "'weight' has no shape yet"),
        ({"module": nn.ParameterList([torch.ones(3, dtype=torch.complex64)])}, ValueError, "'0' holds torch.complex64"),
        ({"loss": lambda o, t: (o.argmax(1) != t).float(), "x": "gradient"}, DirectionError, "does not depend"),
        ({"loss": lambda o, t: o[:0]}, ValueError, "without elements"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(changes: dict[str, Any], kind: type, words: str) -> None:
    """Which names what was given and what is accepted."""
    arguments = {"module": made(mlp), "data": examples(), "loss": F.cross_entropy, "points": 3} | changes
    with pytest.raises(kind, match=words):
        loss_landscape(**arguments)


# --- any data, loss, outputs -----------------------------------------------------------------------------------------


class Several(nn.Module):
    """Two arguments, two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(6, 2), nn.Linear(6, 2)

    def forward(self, left: Tensor, right: Tensor) -> dict[str, Tensor]:
        """Outputs by name."""
        return {"sum": self.left(left) + self.right(right), "left": self.left(left)}


Target = namedtuple("Target", "sum left")


@pytest.mark.parametrize("named", [True, False])
def test_several_arguments_targets_and_outputs(named: bool) -> None:
    """As tuples or by name; a loss of one's own; an accuracy of one's own."""
    module = made(Several)
    a, b = examples()[0], examples(seed=1)[0]
    inputs = {"left": a, "right": b} if named else (a, b)
    targets = Target(torch.ones(20, 2), torch.zeros(20, 2))

    def loss(outputs: dict[str, Tensor], targets: Target) -> Tensor:
        return F.mse_loss(outputs["sum"], targets.sum) + F.l1_loss(outputs["left"], targets.left)

    found = loss_landscape(module, (inputs, targets), loss, points=3, accuracy=lambda o, t: (o["sum"] > 0).float())
    with torch.no_grad():
        outputs = module(a, b)
    assert found.loss[1, 1] == pytest.approx(loss(outputs, targets).item(), rel=1e-6)
    assert found.accuracy[1, 1] == pytest.approx((outputs["sum"] > 0).float().mean().item())


def test_accuracy_is_nan_where_there_is_none() -> None:
    """Regression has no classes; scores that are NaN classify nothing; labels at every place of an output count."""
    inputs, labels = examples()
    regression = loss_landscape(made(mlp), (inputs, torch.ones(20, 3)), F.mse_loss, points=2)
    assert np.isnan(regression.accuracy).all()
    far = loss_landscape(made(mlp), (inputs, labels), F.cross_entropy, points=3, x_range=(-1e39, 1e39))
    assert np.isnan(far.loss[:, 0]).all() or np.isinf(far.loss[:, 0]).all()
    assert np.isnan(far.accuracy[:, 0]).all()
    assert np.isfinite(far.loss[1, 1])
    places = loss_landscape(
        nn.Conv1d(1, 3, 1), (torch.randn(4, 1, 5), torch.zeros(4, 5).long()), F.cross_entropy, points=2
    )
    assert ((places.accuracy >= 0) & (places.accuracy <= 1)).all()


def test_half_precision_and_a_device_are_the_modules_own_matter() -> None:
    """The directions are laid in float64; a bfloat16 module is evaluated in bfloat16; "meta" shows that it moves."""
    module = made(mlp).to(torch.bfloat16)
    found = loss_landscape(module, (examples()[0].bfloat16(), examples()[1]), F.cross_entropy, points=3, device="cpu")
    with torch.no_grad():
        own = F.cross_entropy(module(examples()[0].bfloat16()), examples()[1]).item()
    assert found.loss[1, 1] == pytest.approx(own, rel=1e-2)
    with pytest.raises(RuntimeError, match="meta tensors"):
        loss_landscape(module, examples(), F.cross_entropy, points=3, device="meta")


# --- everything untouched --------------------------------------------------------------------------------------------


class Stop(Exception):
    """Raised on purpose."""


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("error", [Stop, KeyboardInterrupt])
@pytest.mark.parametrize("where", ["forward", "loss", "progress", "data"])
def test_an_interrupted_call_leaves_everything_as_it_was(
    make: Callable[[], nn.Module], error: type[BaseException], where: str
) -> None:
    """Wherever it stops: in the module, in the loss, in the progress call, in the loader."""
    module = module_of(make)
    calls = iter(range(10**6))

    def stop(*_: object) -> None:
        if next(calls) == 3:
            raise error

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        if where == "loss":
            stop()
        return F.cross_entropy(outputs, targets)

    def data() -> Iterator[tuple[Tensor, Tensor]]:
        for k in range(5):
            if where == "data":
                stop()
            yield examples(4, k)

    hook = nn.modules.module.register_module_forward_hook(stop) if where == "forward" else None
    before = everything_of(module)
    try:
        with pytest.raises(error):
            loss_landscape(
                module, data(), loss, x="gradient", points=3, mode="train",
                progress=stop if where == "progress" else False,
            )  # fmt: skip
    finally:
        if hook:
            hook.remove()
    assert everything_of(module) == before


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_it_works_whatever_gradient_mode_is_on(context: Callable[[], Any]) -> None:
    """Also with a module and data that were made in inference mode."""
    wanted = loss_landscape(made(mlp), examples(), F.cross_entropy, x="gradient", points=3)
    with context():
        found = loss_landscape(made(mlp), examples(), F.cross_entropy, x="gradient", points=3)
        inside = (torch.is_grad_enabled(), torch.is_inference_mode_enabled())
    np.testing.assert_array_equal(found.loss, wanted.loss)
    assert inside == (context is torch.enable_grad, context is torch.inference_mode)


def test_a_module_that_keeps_what_it_computed() -> None:
    """Activations kept from a training step, in an attribute and in a list, are no obstacle, and stay."""
    module = made(mlp)
    inputs, labels = examples()
    module.last = module(inputs)
    module.kept = [module.last * 2]
    before = everything_of(module)
    last, kept = module.last, module.kept
    loss_landscape(module, (inputs, labels), F.cross_entropy, points=2)
    assert everything_of(module) == before
    assert module.last is last
    assert module.kept is kept
    assert module.last.requires_grad


def test_a_module_that_cannot_be_copied_says_so() -> None:
    """As one that holds a generator."""
    module = made(mlp)
    module.stream = (k for k in range(3))
    with pytest.raises(ValueError, match="Sequential cannot be copied"):
        loss_landscape(module, examples(), F.cross_entropy, points=2)


def test_weight_norm_old_and_new() -> None:
    """A weight that a hook or a parametrisation computes moves with the parameters behind it."""

    def old() -> nn.Module:
        with pytest.warns(FutureWarning):
            return nn.Sequential(nn.utils.weight_norm(nn.Linear(6, 4)), nn.Linear(4, 3))  # type: ignore[no-untyped-call]

    def new() -> nn.Module:
        return nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(6, 4)), nn.Linear(4, 3))

    for make in (old, new):
        module = made(make)
        found = loss_landscape(module, examples(), F.cross_entropy, layers=1, points=3)
        assert len(np.unique(found.loss.round(9))) == 9
        own = F.cross_entropy(module(examples()[0]), examples()[1]).item()
        assert found.loss[1, 1] == pytest.approx(own, rel=1e-6)


class Counting(nn.Module):
    """Its output depends on how often it was called, by a buffer that it changes or replaces."""

    def __init__(self, replaces: bool) -> None:
        super().__init__()
        self.out, self.replaces = nn.Linear(6, 3), replaces
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Scores of inputs [n, 6]."""
        if self.replaces:
            self.calls = self.calls + 1
        else:
            self.calls += 1
        y: Tensor = self.out(x) * self.calls
        return y


@pytest.mark.parametrize("replaces", [True, False])
def test_no_point_leaves_its_buffers_to_the_next(replaces: bool) -> None:
    """Every point begins with the buffers as found."""
    module = made(lambda: Counting(replaces))
    before = everything_of(module)
    found = loss_landscape(module, examples(), F.cross_entropy, points=3)
    assert everything_of(module) == before
    same = loss_landscape(module.out, examples(), F.cross_entropy, points=3)
    np.testing.assert_allclose(found.loss, same.loss, rtol=1e-6)


def test_progress(capsys: pytest.CaptureFixture[str]) -> None:
    """A function is told after each point; a bar is shown on request only."""
    seen: list[tuple[int, int]] = []
    loss_landscape(made(mlp), examples(), F.cross_entropy, points=(2, 3), progress=lambda k, n: seen.append((k, n)))
    assert seen == [(k, 6) for k in range(1, 7)]
    assert capsys.readouterr().err == ""
    loss_landscape(made(mlp), examples(), F.cross_entropy, points=2, progress=True)
    assert "4/4" in capsys.readouterr().err


def test_points_made_in_the_plane_come_back_from_its_projection() -> None:
    """The plane that is behind the call, for a path on it."""
    plane, subject = plane_of(made(mlp))
    assert isinstance(plane.x, Direction)
    points = torch.stack([plane.at(0.5, -0.25), subject.origin])
    np.testing.assert_allclose(plane.project(points)[:, :2], [[0.5, -0.25], [0, 0]], atol=1e-12)


@pytest.mark.parametrize(
    "options",
    [{"ignore_index": 1}, {"weight": torch.tensor([1.0, 5.0, 0.5])}, {"label_smoothing": 0.2}, {"reduction": "none"}],
    ids=lambda options: next(iter(options)),
)
def test_every_option_of_the_cross_entropy_counts(options: dict[str, Any]) -> None:
    """The loss in the middle of the grid is the loss that was given, of the whole batch."""
    module, batch = module_of(mlp).eval(), examples()
    loss = nn.CrossEntropyLoss(**options)
    found = loss_landscape(module, batch, loss, points=3)
    with torch.no_grad():
        assert found.loss[1, 1] == pytest.approx(loss(module(batch[0]), batch[1]).mean().item(), rel=1e-5)
