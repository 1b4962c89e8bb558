"""Hessian-vector products, Lanczos and sharpness, against dense Hessians in float64."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor, nn
from torch.func import functional_call

from thalweg.core.curvature import hvp
from thalweg.core.curvature import lanczos as lanczos_file
from thalweg.core.curvature.error import CurvatureError
from thalweg.core.curvature.hvp import hessian_operator
from thalweg.core.curvature.lanczos import lanczos
from thalweg.core.curvature.sharpness import sharpness, sharpness_steps, stable_learning_rate
from thalweg.core.curvature.steps import finish
from thalweg.core.parameters import layout_of
from thalweg.core.problem import Batch, Problem
from thalweg.core.training.objectives import OBJECTIVES

from .toys import made, plain, plain_loss, problem_of, toy


def double(problem: Problem) -> Problem:
    """The same problem in float64."""
    (inputs, labels), (test, test_labels) = problem.train, problem.test
    return dataclasses.replace(
        problem,
        module=copy.deepcopy(problem.module).double(),
        train=(inputs.double(), labels),
        test=(test.double(), test_labels),
        start=problem.start.double(),
    )


def dense(problem: Problem, vector: Tensor, batch: Batch) -> Tensor:
    """The whole Hessian [size, size] of a copy of the module in evaluation mode, by torch's own second derivatives."""
    module = copy.deepcopy(problem.module).eval()

    def loss(flat: Tensor) -> Tensor:
        parts = dict(zip(problem.layout.names, flat.split([s.numel() for s in problem.layout.shapes]), strict=True))
        shaped = {n: p.view(s) for (n, p), s in zip(parts.items(), problem.layout.shapes, strict=True)}
        return plain_loss(problem.objective.name, functional_call(module, shaped, (batch[0],)), batch[1])

    if any(isinstance(m, nn.LSTM | nn.TransformerEncoderLayer) for m in module.modules()):
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            return torch.autograd.functional.hessian(loss, vector)
    return torch.func.hessian(loss)(vector)


def block_of(problem: Problem, whole: Tensor, layers: tuple[int, ...]) -> Tensor:
    """The rows and columns of a dense Hessian that belong to these layers."""
    every = problem.layout.layers
    inside = torch.cat([torch.arange(every[n - 1].start, every[n - 1].stop) for n in layers])
    return whole[inside][:, inside]


def close(found: Tensor, wanted: Tensor, tolerance: float) -> None:
    """Equal to ``tolerance`` of the largest entry."""
    torch.testing.assert_close(found.double(), wanted.double(), rtol=0, atol=tolerance * wanted.abs().max().item())


class Recurrent(nn.Module):
    """An LSTM over four time steps, and a layer that reads its last state."""

    def __init__(self) -> None:
        super().__init__()
        self.before = nn.Linear(2, 2)
        self.recurrent = nn.LSTM(2, 3, batch_first=True)
        self.read = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the last step."""
        return self.read(self.recurrent(self.before(x.view(len(x), 4, 2)))[0][:, -1])


class Attention(nn.Module):
    """One transformer layer over four tokens, with control flow that looks at the data."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.TransformerEncoderLayer(2, 1, 3, dropout=0.5, batch_first=True)
        self.read = nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the mean token."""
        x = x.view(len(x), 4, 2)
        return self.read((self.mix(x) if x.sum() > 0 else x).mean(dim=1))


ZOO = {
    "tanh": lambda: nn.Sequential(nn.Linear(8, 4), nn.Tanh(), nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)),
    "relu": lambda: nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2)),
    "convolution": lambda: nn.Sequential(
        nn.Unflatten(1, (2, 2, 2)),
        nn.Conv2d(2, 3, 2, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(3, 2),
    ),
    "normalised": lambda: nn.Sequential(
        nn.Linear(8, 4), nn.BatchNorm1d(4), nn.Sigmoid(), nn.Dropout(0.5), nn.Linear(4, 2)
    ),
    "lstm": Recurrent,
    "attention": Attention,
}


# --- products --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", OBJECTIVES)
@pytest.mark.parametrize("kind", ZOO)
def test_products_are_those_of_the_dense_hessian(kind: str, loss: str) -> None:
    """For every kind of module: of the whole network, and of each layer's block; with loss and gradient beside them."""
    problem = double(problem_of(made(ZOO[kind]), 8, 2, loss))
    batch = problem.first(11)
    whole = dense(problem, problem.start, batch)
    count = len(problem.layout.layers)
    for layers in [(), *((n,) for n in range(1, count + 1)), (count, 1)]:
        operator = hessian_operator(problem, problem.start, batch, layers)
        found = torch.stack([operator(row) for row in torch.eye(operator.size, dtype=torch.float64)])
        named = tuple(sorted(layers)) or tuple(range(1, count + 1))
        wanted = block_of(problem, whole, named)
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-11 * whole.abs().max().item())
    still = dataclasses.replace(problem, module=copy.deepcopy(problem.module).eval())
    operator = hessian_operator(problem, problem.start, batch)
    assert operator.loss == pytest.approx(plain(still, problem.start, batch)[0])
    torch.testing.assert_close(operator.gradient, still.gradient(problem.start, batch))


@pytest.mark.parametrize("retained", [0, 10**9])
@pytest.mark.parametrize("layers", [(), (2,)])
def test_blocks_add_up(monkeypatch: pytest.MonkeyPatch, layers: tuple[int, ...], retained: int) -> None:
    """Blocks of examples, the last one short, kept or made anew for each product, change nothing."""
    problem = double(toy())
    v = torch.randn(problem.layout.size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    once = hessian_operator(problem, problem.start, problem.train, layers)
    monkeypatch.setattr(hvp, "BLOCK", 5)
    monkeypatch.setattr(hvp, "RETAINED_BYTES", retained)
    parts = hessian_operator(problem, problem.start, problem.train, layers)
    assert (len(parts._retained), len(parts._anew)) == ((1, 3) if retained == 0 else (4, 0))
    v = parts.restrict(v)
    for _ in range(2):  # graphs outlive a product
        torch.testing.assert_close(parts(v), once(v), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(parts.gradient, once.gradient, rtol=1e-12, atol=1e-14)
    assert parts.loss == pytest.approx(once.loss, rel=1e-12)


def test_blocks_shrink_where_an_example_takes_much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the memory makes blocks of a tenth of the examples; parameters and data are not counted."""
    wide = problem_of(made(lambda: nn.Sequential(nn.Linear(8, 500), nn.Tanh(), nn.Linear(500, 2))), 8, 2, examples=3000)
    sizes = []
    for memory in (10**6, 10**5):
        monkeypatch.setattr(hvp, "BLOCK_BYTES", memory)
        monkeypatch.setattr(hvp, "RETAINED_BYTES", 0)
        sizes.append(len(hessian_operator(wide, wide.start, wide.train)._anew))
    assert 7 < (sizes[1] + 1) / (sizes[0] + 1) < 13


@given(st.integers(0, 1000), st.sampled_from([(), (1,), (2, 3)]), st.floats(-3, 3))
def test_the_operator_is_linear_and_symmetric(seed: int, layers: tuple[int, ...], factor: float) -> None:
    """H(u + a v) = H u + a H v and u'Hv = v'Hu, to the precision of float32 products."""
    problem = toy(seed=seed % 7, activation=("tanh", "sigmoid", "relu")[seed % 3])
    operator = hessian_operator(problem, problem.start, problem.train, layers)
    u, v = torch.randn(2, operator.size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    hu, hv = operator(u), operator(v)
    scale = float(hu.norm() + hv.norm()) * (1 + abs(factor))
    assert float((operator(u + factor * v) - hu - factor * hv).norm()) < 2e-6 * scale
    assert float(abs(u @ hv - v @ hu)) < 2e-6 * scale * float(u.norm() + v.norm())
    assert hu.dtype == torch.float64


def test_products_in_float32_are_near_those_in_float64() -> None:
    """The blocks' products in the network's own type cost about six digits, no more."""
    problem = toy(sizes=(20, 15, 10, 5), examples=200)
    v = torch.randn(problem.layout.size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    exact = hessian_operator(double(problem), problem.start.double(), double(problem).train)(v)
    close(hessian_operator(problem, problem.start, problem.train)(v), exact, 3e-6)


@given(st.sampled_from([(), (1,), (2,), (3, 1)]), st.integers(0, 100))
def test_restrict_undoes_embed(layers: tuple[int, ...], seed: int) -> None:
    """What is embedded stands in its layers, and nowhere else; rows of vectors too."""
    problem = toy()
    operator = hessian_operator(problem, problem.start, problem.first(3), layers)
    v = torch.randn(2, operator.size, generator=torch.Generator().manual_seed(seed))
    whole = operator.embed(v)
    assert torch.equal(operator.restrict(whole), v)
    assert not whole[:, problem.layout.mask(layers) == 0].any()
    assert torch.equal(operator.embed(v[0]), whole[0])


def test_layers_without_curvature_give_zero() -> None:
    """A layer that takes no part in the loss, alone or beside others; and a loss that is linear in its layer."""

    class Idle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.idle = nn.Linear(4, 2), nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.used(x)

    problem = double(problem_of(made(Idle), 4, 2))
    whole = hessian_operator(problem, problem.start, problem.train)
    v = torch.ones(whole.size, dtype=torch.float64)
    assert whole(v)[:10].any()
    assert not whole(v)[10:].any()
    alone = hessian_operator(problem, problem.start, problem.train, (2,))
    assert not alone(torch.ones(12)).any()
    assert alone.loss == pytest.approx(whole.loss)
    linear = dataclasses.replace(
        problem, objective=dataclasses.replace(problem.objective, mean=lambda scores, labels: scores.mean())
    )
    assert not hessian_operator(linear, problem.start, problem.train)(v).any()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_no_curvature_where_something_is_not_finite(bad: float) -> None:
    """Parameters that are not finite, parameters whose loss is not, and no examples, are refused with a sentence."""
    problem = toy()
    broken = problem.start.clone()
    broken[3] = bad
    with pytest.raises(CurvatureError, match="parameters are not finite"):
        hessian_operator(problem, broken, problem.train)
    with pytest.raises(CurvatureError, match="not finite here"):
        hessian_operator(toy(loss="squared-error", activation="relu"), problem.start * 1e13, problem.train)
    with pytest.raises(CurvatureError, match="batch is empty"):
        hessian_operator(problem, problem.start, problem.first(0))


def state_of(problem: Problem) -> tuple[object, ...]:
    """Everything of a module that a computation could leave behind."""
    named = list(problem.module.named_parameters())
    return (
        [(n, p.requires_grad, p.data_ptr(), p.detach().clone().numpy().tobytes()) for n, p in named],
        [None if p.grad is None else p.grad.clone().numpy().tobytes() for _, p in named],
        [(n, b.clone().numpy().tobytes()) for n, b in problem.module.named_buffers()],
        [m.training for m in problem.module.modules()],
        problem.start.numpy().tobytes(),
        torch.random.get_rng_state().numpy().tobytes(),
        (torch.is_grad_enabled(), torch.backends.cudnn.enabled, torch.backends.cuda.flash_sdp_enabled()),
    )


@pytest.mark.parametrize("kind", ["normalised", "lstm", "attention"])
@pytest.mark.parametrize("leave_after", [1, 3, None])
def test_nothing_is_left_behind(kind: str, leave_after: int | None) -> None:
    """Parameters, gradients, requires_grad, statistics, mode, flags: as found, also when it is left half-way."""
    problem = problem_of(made(ZOO[kind]), 8, 2)
    for i, p in enumerate(problem.module.parameters()):
        p.requires_grad_(i % 2 == 0)
        p.grad = torch.full_like(p, 3.0) if i % 2 == 0 else None
    problem.module.train()
    next(problem.module.children()).eval()
    before = state_of(problem)
    with torch.no_grad():
        steps = sharpness_steps(problem, problem.start, problem.train)
        for n, _ in enumerate(steps, start=1):
            assert not torch.is_grad_enabled()
            if n == leave_after:
                steps.close()
    assert state_of(problem) == before


def test_nothing_is_left_behind_when_the_module_raises() -> None:
    """An error within the forward pass leaves the flags as they were."""

    class Raising(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("out of order")

    problem = problem_of(made(Raising), 4, 2)
    before = state_of(problem)
    with pytest.raises(RuntimeError, match="out of order"):
        hessian_operator(problem, problem.start, problem.train)
    assert state_of(problem) == before


# --- Lanczos ---------------------------------------------------------------------------------------------------------


def symmetric(size: int, seed: int) -> Tensor:
    """A dense symmetric matrix with eigenvalues of both signs."""
    drawn = torch.randn(size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return (drawn + drawn.T) / 2


def ends_of(matrix: Tensor, largest: int, smallest: int, seed: int = 0, **options):
    """Lanczos on a dense matrix, to the end."""
    generator = torch.Generator().manual_seed(seed)
    return finish(lanczos(lambda v: matrix @ v, len(matrix), largest, smallest, generator, **options))


@given(st.integers(1, 90), st.integers(0, 4), st.integers(0, 4), st.integers(0, 10**6))
def test_both_ends_of_a_spectrum(size: int, largest: int, smallest: int, seed: int) -> None:
    """Values and vectors are those of the dense matrix, in the order that is promised."""
    largest, smallest = min(largest, size), min(smallest, size)
    if largest + smallest > size or not largest + smallest:
        return
    matrix = symmetric(size, seed)
    values = torch.linalg.eigvalsh(matrix)
    found = ends_of(matrix, largest, smallest, tolerance=1e-5)
    scale = values.abs().max().item()
    assert found.converged
    torch.testing.assert_close(found.largest.values, values.flip(0)[:largest], rtol=0, atol=1e-5 * scale)
    torch.testing.assert_close(found.smallest.values, values[:smallest], rtol=0, atol=1e-5 * scale)
    for pairs in (found.largest, found.smallest):
        gram = pairs.vectors @ pairs.vectors.T
        torch.testing.assert_close(gram, torch.eye(len(gram), dtype=torch.float64), rtol=0, atol=1e-10)


@given(st.integers(5, 120), st.integers(0, 10**6), st.integers(3, 60), st.booleans())
def test_residuals_bound_the_error(size: int, seed: int, most: int, restarts: bool) -> None:
    """Early and late, with restarts and without: the residual is |Hv - value v|, and an eigenvalue is that near."""
    matrix = symmetric(size, seed)
    values = torch.linalg.eigvalsh(matrix)
    with pytest.MonkeyPatch.context() as patch:
        if restarts:
            patch.setattr(lanczos_file, "_BASIS", 24)
        found = ends_of(matrix, 1, 1, most=most, tolerance=1e-4)
    assert found.products <= max(most, 2)
    for pairs in (found.largest, found.smallest):
        v, value = pairs.vectors[0], pairs.values[0]
        rest = (matrix @ v - value * v).norm().item()
        slack = 1e-12 * values.abs().max().item()
        assert rest == pytest.approx(pairs.residuals[0].item(), rel=1e-6, abs=slack)
        assert (values - value).abs().min().item() <= rest + slack
        assert (v @ matrix @ v).item() == pytest.approx(value.item(), rel=1e-9, abs=slack)
        assert v.norm().item() == pytest.approx(1)
        assert found.converged or found.products == most


@pytest.mark.parametrize(("largest", "smallest"), [(3, 0), (0, 3), (2, 2)])
def test_a_full_basis_is_restarted(monkeypatch: pytest.MonkeyPatch, largest: int, smallest: int) -> None:
    """In 28 vectors' memory, what takes many more products is found; scipy's eigsh finds the same."""
    monkeypatch.setattr(lanczos_file, "_BASIS", 20)
    matrix = symmetric(600, 4)
    found = ends_of(matrix, largest, smallest, tolerance=1e-6)
    assert found.converged
    assert found.products > 40
    operator = LinearOperator(matrix.shape, matvec=lambda v: matrix.numpy() @ v, dtype=np.float64)
    for pairs, which in ((found.largest, "LA"), (found.smallest, "SA")):
        if len(pairs.values):
            wanted = np.sort(eigsh(operator, len(pairs.values), which=which, return_eigenvectors=False))
            np.testing.assert_allclose(np.sort(pairs.values.numpy()), wanted, rtol=1e-6)


@given(st.integers(2, 100), st.integers(0, 10**6))
def test_estimates_grow_towards_the_end(size: int, seed: int) -> None:
    """The largest Ritz value never falls (Cauchy interlacing), also across a restart; one estimate for each product."""
    matrix = symmetric(size, seed)
    calls = 0

    def count(v: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return matrix @ v

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lanczos_file, "_BASIS", 22)
        before = -torch.inf
        for n, step in enumerate(lanczos(count, size, 1, 0, torch.Generator().manual_seed(0), tolerance=1e-7), start=1):
            assert step.products == calls == n
            assert step.values[0] >= before - 1e-12 * size
            before = step.values[0].item()
    assert before == pytest.approx(torch.linalg.eigvalsh(matrix)[-1].item(), rel=1e-6)


def test_the_same_seed_gives_the_same_bits() -> None:
    """And another seed the same eigenvector, but for its sign."""
    matrix = symmetric(50, 2)
    first, again, other = (ends_of(matrix, 2, 1, seed, tolerance=1e-9) for seed in (3, 3, 4))
    assert torch.equal(first.largest.vectors, again.largest.vectors)
    assert torch.equal(first.smallest.values, again.smallest.values)
    cosines = (first.largest.vectors * other.largest.vectors).sum(dim=1).abs()
    torch.testing.assert_close(cosines, torch.ones(2, dtype=torch.float64))


@given(st.floats(0.02, 0.5), st.integers(0, 10**6))
def test_the_largest_is_found_among_thousands_of_flat_directions(gap: float, seed: int) -> None:
    """From any start, with a gap of 2 % to the next."""
    values = torch.zeros(3000, dtype=torch.float64)
    values[:10] = (1 - gap) ** torch.arange(10)
    generator = torch.Generator().manual_seed(seed)
    found = finish(lanczos(lambda v: values * v, 3000, 1, 0, generator)).largest
    assert found.values[0].item() == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize(
    "matrix", [torch.zeros(7, 7), torch.eye(7), torch.diag(torch.tensor([5.0, 5, 1, 1, 1, -2, -2]))]
)
def test_eigenvalues_that_occur_several_times(matrix: Tensor) -> None:
    """When the Krylov space is exhausted early, the search goes on elsewhere, and finds all that are there."""
    found = ends_of(matrix.double(), 7, 0)
    torch.testing.assert_close(found.largest.values, torch.linalg.eigvalsh(matrix.double()).flip(0), rtol=0, atol=1e-9)
    assert found.converged


def test_a_search_can_be_left_and_limited() -> None:
    """No product is made before it is asked for or after it is left; out of products, it says so."""
    matrix, calls = symmetric(300, 0), []
    steps = lanczos(lambda v: calls.append(1) or matrix @ v, 300, 1, 1, torch.Generator().manual_seed(0))
    assert not calls
    next(steps)
    next(steps)
    steps.close()
    assert len(calls) == 2
    found = ends_of(matrix, 1, 0, most=5)
    assert (found.products, found.converged) == (5, False)
    assert found.largest.residuals[0] > 1e-3 * found.largest.values[0]


def test_what_cannot_be_found_is_refused() -> None:
    """More pairs than there are, none, and products that are not finite."""
    for largest, smallest in ((3, 2), (0, 0), (-1, 2)):
        with pytest.raises(CurvatureError, match="expected a number from 1 to 4"):
            ends_of(symmetric(4, 0), largest, smallest)
    with pytest.raises(CurvatureError, match="not finite"):
        ends_of(symmetric(4, 0) * torch.inf, 1, 0)


# --- sharpness -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layers", [(), (1,), (2,), (3,), (1, 3)])
def test_sharpness_is_the_largest_eigenvalue(layers: tuple[int, ...]) -> None:
    """Of the dense Hessian, or of its block; the vector is zero in all other layers, and curves so much."""
    problem = double(toy())
    whole = dense(problem, problem.start, problem.train)
    found = sharpness(problem, problem.start, problem.train, layers, tolerance=1e-6)
    wanted = torch.linalg.eigvalsh(block_of(problem, whole, layers or (1, 2, 3)))[-1].item()
    assert found.value == pytest.approx(wanted, rel=1e-8)
    assert abs(found.value - wanted) <= found.residual + 1e-12
    assert found.converged
    assert not found.vector[problem.layout.mask(layers) == 0].any()
    assert (found.vector @ whole @ found.vector).item() == pytest.approx(wanted, rel=1e-8)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("factor", [0.97, 1.03])
def test_gradient_descent_diverges_above_the_stable_learning_rate(momentum: float, factor: float) -> None:
    """On a bowl, torch's own SGD: 3 % below the limit it comes down, 3 % above it goes up without end."""
    module = made(lambda: nn.Linear(5, 2))
    problem = double(problem_of(module, 5, 2, "squared-error"))
    found = sharpness(problem, problem.start, problem.train, tolerance=1e-6)
    weights = nn.Parameter(problem.start.clone())
    sgd = torch.optim.SGD([weights], lr=factor * found.stable_learning_rate(momentum), momentum=momentum)
    first = problem.loss(problem.layout.views(weights), problem.train).item()
    for _ in range(2000):
        weights.grad = problem.gradient(weights, problem.train)
        sgd.step()
    last = problem.loss(problem.layout.views(weights), problem.train).item()
    assert last < first if factor < 1 else not last < 1e6 * first


def test_every_learning_rate_is_stable_where_nothing_curves_upwards() -> None:
    """No curvature, no limit; twice the sharpness, half the rate."""
    assert stable_learning_rate(0.0) == stable_learning_rate(-1.0) == float("inf")
    assert stable_learning_rate(4.0) == 0.5
    assert stable_learning_rate(4.0, 0.5) == 0.75


def test_layouts_of_the_zoo_are_what_the_tests_think() -> None:
    """Recurrent layers are one layer each, so that their blocks are tested too."""
    assert [len(layout_of(made(ZOO[k])).layers) for k in ("lstm", "attention", "convolution")] == [3, 7, 2]
