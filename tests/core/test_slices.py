"""Slices against a plain float64 loop, their derivatives against torch.func's dense ones."""

from __future__ import annotations

import copy
from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.func import functional_call, hessian, jacrev
from torch.nn.attention import SDPBackend, sdpa_kernel

from thalweg.core.landscape.slices import NoSlice, Slice, slices, with_zero
from thalweg.core.plane.random import random_direction
from thalweg.core.problem import Problem
from thalweg.core.training.objectives import OBJECTIVES

from .toys import made, plain, plain_loss, problem_of, toy

T = np.linspace(-1, 2, 7)


def found(problem: Problem, *args: Any, **more: Any) -> list[Slice]:
    """The slices alone."""
    return [s for s in slices(problem, *args, **more) if isinstance(s, Slice)]


def in_float64(problem: Problem) -> Problem:
    """The same problem in double precision."""
    return replace(
        problem,
        module=copy.deepcopy(problem.module).double(),
        train=(problem.train[0].double(), problem.train[1]),
        start=problem.start.double(),
    )


def dense(problem: Problem, vector: Tensor) -> tuple[Tensor, Tensor]:
    """Gradient [size] and Hessian [size, size] of the mean training loss, in float64, by torch.func."""
    module = copy.deepcopy(problem.module).double().eval()
    inputs, labels = problem.train

    def loss(at: Tensor) -> Tensor:
        scores = functional_call(module, problem.layout.views(at), (inputs.double(),))
        return plain_loss(problem.objective.name, scores, labels)

    with sdpa_kernel(SDPBackend.MATH):
        return jacrev(loss)(vector.double()), hessian(loss)(vector.double())


def direction_of(problem: Problem, origin: Tensor, one: Slice, target: Tensor | None = None) -> Tensor:
    """The direction of a slice, made anew from torch.func's gradient; float64 [size]."""
    mask = problem.layout.mask((one.layer,)).double()
    if one.kind == "gradient":
        g = dense(problem, origin)[0] * mask
        return -g / g.norm()
    if one.kind == "towards":
        assert target is not None
        return (target - origin).double() * mask
    return random_direction(problem, origin, (one.layer,), 1).vector.double()


@st.composite
def problems(draw: st.DrawFn, activations: tuple[str, ...] = ("sigmoid", "tanh", "relu")) -> Problem:
    """Small networks of every activation and loss."""
    depth = draw(st.integers(1, 3))
    sizes = (*draw(st.lists(st.integers(1, 5), min_size=depth, max_size=depth)), draw(st.integers(2, 4)))
    return toy(
        sizes,
        draw(st.sampled_from(activations)),
        draw(st.sampled_from(list(OBJECTIVES))),
        examples=draw(st.integers(1, 20)),
        seed=draw(st.integers(0, 1000)),
    )


@given(problems())
def test_every_layer_is_the_plain_loop(problem: Problem) -> None:
    """Loss and accuracy at every coordinate of every layer, on its gradient and on a random direction."""
    some = list(slices(problem, problem.start, T))
    results = [s for s in some if s is not None]
    assert [(s.layer, s.kind) for s in results] == [
        (k, kind) for k in range(1, len(problem.layout.layers) + 1) for kind in ("gradient", "random")
    ]
    for one in results:
        if isinstance(one, NoSlice):
            assert one.kind == "gradient", "only a gradient can be zero here"
            assert not (dense(problem, problem.start)[0] * problem.layout.mask((one.layer,))).norm() > 1e-6
            continue
        d = direction_of(problem, problem.start, one)
        wanted = np.array([plain(problem, problem.start.double() + t * d, problem.train) for t in one.t])
        assert one.loss.dtype == one.accuracy.dtype == np.float64
        # float32 directions against float64 ones
        np.testing.assert_allclose(one.loss, wanted[:, 0], rtol=2e-5, atol=1e-5 * (1 + wanted[:, 2].max()))
        assert one.value == one.loss[list(one.t).index(0.0)]


@given(problems())
def test_slope_and_curvature_are_those_of_the_dense_derivatives(problem: Problem) -> None:
    """In double precision g . d and d' H d; along the negative gradient the slope is minus its norm."""
    problem = in_float64(problem)
    g, h = dense(problem, problem.start)
    for one in found(problem, problem.start, T):
        d = direction_of(problem, problem.start, one)
        scale = 1e-9 * (1 + h.abs().max().item())
        assert one.slope == pytest.approx((g @ d).item(), rel=1e-9, abs=1e-12)
        assert one.curvature == pytest.approx((d @ h @ d).item(), rel=1e-7, abs=scale)
        if one.kind == "gradient":
            part = g[problem.layout.layers[one.layer - 1].span]
            assert one.slope == pytest.approx(-part.norm().item(), rel=1e-9)


def test_the_derivatives_do_not_depend_on_how_the_examples_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of unequal size weigh by their examples."""
    problem = in_float64(toy(examples=17))
    whole = found(problem, problem.start, T)
    monkeypatch.setattr("thalweg.core.landscape.slices.EXAMPLES", 5)
    for a, b in zip(whole, found(problem, problem.start, T), strict=True):
        assert (a.slope, a.curvature) == pytest.approx((b.slope, b.curvature), rel=1e-12)


@given(st.integers(0, 1000), st.integers(1, 5), st.integers(2, 4))
def test_a_linear_model_with_squared_error_is_its_own_parabola(seed: int, features: int, classes: int) -> None:
    """The loss is quadratic in the parameters, so parabola and slice are one."""
    problem = in_float64(toy((features, classes), loss="squared-error", seed=seed))
    for one in found(problem, problem.start, np.linspace(-3, 5, 9)):
        np.testing.assert_allclose(one.parabola(one.t), one.loss, rtol=1e-9, atol=1e-10)
        assert one.curvature >= 0


@given(problems(("sigmoid", "tanh")))
def test_tangent_and_parabola_touch_the_loss_to_first_and_second_order(problem: Problem) -> None:
    """Halving the distance divides what is left by about 4, and by about 8: the orders of Taylor's theorem."""
    problem = in_float64(problem)
    h = 2e-3
    for one in found(problem, problem.start, np.array([-h, -h / 2, h / 2, h]), kinds=("random",)):
        left = np.abs(one.loss - one.parabola(one.t))[[0, 1, 3, 4]]
        bent = np.abs(one.loss - one.tangent(one.t) - one.curvature / 2 * one.t**2)[[0, 1, 3, 4]]
        np.testing.assert_allclose(left, bent, atol=1e-15)
        assert (left[[0, 3]] <= 12 * left[[1, 2]] + 1e-13).all()
        assert (left <= 1e4 * np.abs(one.t[[0, 1, 3, 4]]) ** 3 + 1e-13).all()


def conv() -> nn.Module:
    """A convolution, BatchNorm with statistics of its own, Dropout, a readout."""
    net = nn.Sequential(
        nn.Unflatten(1, (1, 4, 4)), nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Tanh(), nn.Dropout(), nn.Flatten(),
        nn.Linear(12, 3),
    )  # fmt: skip
    net[2].running_mean.copy_(torch.tensor([0.1, -0.2, 0.3]))  # type: ignore[union-attr, operator]
    return net


class Recurrent(nn.Module):
    """An LSTM read out at its last step."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.out = nn.LSTM(4, 5, batch_first=True), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of sequences [n, 16] of four steps."""
        y: Tensor = self.out(self.lstm(x.view(-1, 4, 4))[0][:, -1])
        return y


class Attention(nn.Module):
    """Self-attention, whose fused kernels cannot be differentiated twice."""

    def __init__(self) -> None:
        super().__init__()
        self.attention, self.out = nn.MultiheadAttention(4, 2, batch_first=True), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of sequences [n, 16] of four steps."""
        x = x.view(-1, 4, 4)
        y: Tensor = self.out(self.attention(x, x, x, need_weights=False)[0].mean(1))
        return y


@pytest.mark.parametrize("make", [conv, Recurrent, Attention])
@pytest.mark.parametrize("training", [True, False])
def test_every_kind_of_network(make: Any, training: bool) -> None:
    """Values and derivatives in evaluation mode, whatever mode the module is in; nothing of it moves."""
    problem = in_float64(problem_of(made(make), 16, 3))
    problem.module.train(training)
    before = copy.deepcopy(problem.module.state_dict())
    g, h = dense(problem, problem.start)
    still = copy.deepcopy(problem.module).eval()
    some = list(slices(problem, problem.start, T))
    assert sum(isinstance(s, Slice) for s in some) >= 2 * len(problem.layout.layers) - 1
    for one in [s for s in some if isinstance(s, Slice)]:
        d = direction_of(problem, problem.start, one)
        assert one.slope == pytest.approx((g @ d).item(), rel=1e-7, abs=1e-10)
        assert one.curvature == pytest.approx((d @ h @ d).item(), rel=1e-6, abs=1e-9)
        wanted = [plain(replace(problem, module=still), problem.start + t * d, problem.train)[0] for t in one.t]
        np.testing.assert_allclose(one.loss, wanted, rtol=1e-9)
    assert problem.module.training is training
    for name, value in problem.module.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_flat_here_or_flat_everywhere() -> None:
    """One movement of one layer, with the other layers at several values; slope and curvature are those there."""
    problem = in_float64(toy((6, 5, 4, 3)))
    target = problem.start + torch.randn(problem.layout.size, generator=torch.Generator().manual_seed(3)).double()
    rest = {"initial": problem.start, "trained": target}
    results = found(problem, problem.start, T, kinds=("towards", "gradient"), target=target, others=rest, layers=(2,))
    assert [(s.kind, s.others) for s in results] == [
        ("towards", "initial"), ("towards", "trained"), ("gradient", "initial"), ("gradient", "trained"),
    ]  # fmt: skip
    span = problem.layout.layers[1].span
    for one in results:
        point = rest[one.others].clone()
        point[span] = problem.start[span]
        d = direction_of(problem, problem.start, one, target)
        wanted = [plain(problem, point + t * d, problem.train)[0] for t in one.t]
        np.testing.assert_allclose(one.loss, wanted, rtol=1e-9)
        g, h = dense(problem, point)
        assert one.slope == pytest.approx((g @ d).item(), rel=1e-8)
        assert one.curvature == pytest.approx((d @ h @ d).item(), rel=1e-7)
    arrived = results[1]
    assert arrived.loss[list(arrived.t).index(1.0)] == pytest.approx(plain(problem, target, problem.train)[0])


@given(st.lists(st.floats(-1e6, 1e6), max_size=30))
def test_coordinates_contain_zero_exactly(values: list[float]) -> None:
    """Ascending, 0 once and without a sign, every other value kept."""
    t = with_zero(np.array(values))
    assert (np.diff(t) > 0).all()
    assert (t == 0).sum() == 1
    assert not np.signbit(t[t == 0]).any()
    largest = max(map(abs, values), default=0.0)
    assert {v for v in values if abs(v) > 1e-12 * largest} == set(t[t != 0])


def test_what_rounding_left_of_zero_is_zero() -> None:
    """A range cut in steps of a tenth."""
    t = with_zero(np.arange(-0.3, 0.4, 0.1))
    assert 0.0 in t
    assert len(t) == 7


def test_it_can_be_left_at_every_yield_and_answers_layer_by_layer() -> None:
    """None after few points, then a slice; leaving early leaves nothing behind."""
    problem = toy((6, 5, 4, 3))
    before = problem.start.clone()
    some = list(slices(problem, problem.start, T))
    assert some[0] is None
    assert isinstance(some[-1], Slice)
    for stop in range(len(some)):
        generator = slices(problem, problem.start, T)
        for _ in range(stop):
            next(generator)
        generator.close()  # type: ignore[attr-defined]
    assert torch.equal(problem.start, before)
    assert torch.is_grad_enabled()
    assert torch.backends.cudnn.enabled
    with pytest.raises(FrozenInstanceError):
        some[-1].layer = 3  # type: ignore[misc]


def test_it_works_where_gradients_are_off() -> None:
    """Under no_grad, and under inference_mode with a point made there; the caller's setting stays."""
    problem = problem_of(made(conv), 16, 3)
    wanted = found(problem, problem.start, T)
    for context in (torch.no_grad, torch.inference_mode):
        with context():
            results = found(problem, problem.start.clone(), T)
            assert not torch.is_grad_enabled()
            assert torch.is_inference_mode_enabled() is (context is torch.inference_mode)
        for a, b in zip(wanted, results, strict=True):
            assert (a.slope, a.curvature) == (b.slope, b.curvature)
            np.testing.assert_array_equal(a.loss, b.loss)


def test_a_layer_without_a_direction_says_so_and_the_others_are_drawn() -> None:
    """Dead ReLU units pass no gradient to the first layer."""
    problem = toy((4, 3, 3), "relu")
    origin = problem.start.clone()
    origin[problem.layout.layers[0].span] = -1.0
    first, *rest = [s for s in slices(problem, origin, T) if s is not None]
    assert isinstance(first, NoSlice)
    assert first.reason == "the gradient of layer 1 has norm 0 here, so it gives no direction"
    assert all(isinstance(s, Slice) for s in rest)
    (same,) = [s for s in slices(problem, origin, T, kinds=("towards",), layers=(2,), target=origin) if s]
    assert isinstance(same, NoSlice)


def test_values_that_are_not_finite_are_shown_as_they_are() -> None:
    """Far out, float32 overflows."""
    problem = toy((4, 3, 3), "relu", "squared-error")
    (one,) = found(problem, problem.start, np.array([0.0, 1e38]), kinds=("random",), layers=(1,))
    assert np.isfinite(one.loss[0])
    assert not np.isfinite(one.loss[1])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"layers": (4,)}, "layers: 4 is not between 0 .all layers. and 3"),
        ({"layers": (-1,)}, "layers: -1 is not between 0 .all layers. and 3"),
        ({"kinds": ("towards",)}, "target: none was given"),
        ({"kinds": ("gradient", "way")}, "target: none was given; a slice of the kind 'way'"),
        ({"target": torch.zeros(3)}, r"target: shape \(3,\), expected \(74,\)"),
        ({"others": {"initial": torch.zeros(2)}}, r"initial: shape \(2,\)"),
        ({"coordinates": np.array([np.nan])}, "coordinates: not all of them are finite"),
    ],
)
def test_what_does_not_fit_is_refused_at_once(wrong: dict[str, Any], words: str) -> None:
    """With a sentence, before anything is computed."""
    problem = toy()
    with pytest.raises(ValueError, match=words):
        slices(problem, problem.start, **{"coordinates": T} | wrong)
