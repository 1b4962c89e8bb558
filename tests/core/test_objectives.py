"""Losses against torch's own."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from thalweg.core.training.objectives import OBJECTIVES

from .toys import plain_loss

NAMES = list(OBJECTIVES)


def drawn(count: int, classes: int, seed: int, scale: float, dtype: torch.dtype = torch.float64):
    """Scores [n, c] and labels [n]."""
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(count, classes, generator=generator, dtype=dtype) * scale
    return scores, torch.randint(classes, (count,), generator=generator)


def each(name: str, scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The loss of every example [n], as torch has it."""
    if name == "cross-entropy":
        return F.cross_entropy(scores, labels, reduction="none")
    target = F.one_hot(labels, scores.shape[1]).to(scores)
    if name == "sigmoid-cross-entropy":
        return F.binary_cross_entropy_with_logits(scores, target, reduction="none").sum(1)
    scores = torch.sigmoid(scores) if name == "sigmoid-squared-error" else scores
    return F.mse_loss(scores, target, reduction="none").sum(1) / 2


@pytest.mark.parametrize("name", NAMES)
@given(st.integers(1, 7), st.integers(2, 6), st.integers(0, 99), st.sampled_from([0.01, 1.0, 30.0]))
def test_the_mean_is_torchs(name: str, count: int, classes: int, seed: int, scale: float) -> None:
    """Cross-entropy in nats; half the squared distance from the one-hot label, summed over classes."""
    scores, labels = drawn(count, classes, seed, scale)
    torch.testing.assert_close(OBJECTIVES[name].mean(scores, labels), plain_loss(name, scores, labels))


@pytest.mark.parametrize("name", NAMES)
@given(st.integers(1, 7), st.integers(2, 6), st.integers(0, 99))
def test_examples_by_classes_gives_each_examples_loss(name: str, count: int, classes: int, seed: int) -> None:
    """Scores [n, c] with dim=1 (and -1) give each example's loss [n], and the mean is their mean."""
    scores, labels = drawn(count, classes, seed, 3.0)
    for dim in (1, -1):
        found = OBJECTIVES[name].per_example(scores, labels, dim)
        torch.testing.assert_close(found, each(name, scores, labels))
    torch.testing.assert_close(found.mean(), OBJECTIVES[name].mean(scores, labels))


@pytest.mark.parametrize("name", NAMES)
@given(st.integers(1, 4), st.integers(1, 7), st.integers(2, 6), st.integers(0, 99))
def test_points_by_classes_by_examples_gives_the_same(
    name: str, points: int, count: int, classes: int, seed: int
) -> None:
    """Scores [g, c, n] with dim=1 (and -2) give [g, n]: point by point what [n, c] gives."""
    labels = drawn(count, classes, seed, 1.0)[1]
    blocks = [drawn(count, classes, seed + k, 3.0)[0] for k in range(points)]
    stacked = torch.stack([b.T for b in blocks])
    wanted = torch.stack([each(name, b, labels) for b in blocks])
    for dim in (1, -2):
        torch.testing.assert_close(OBJECTIVES[name].per_example(stacked, labels, dim), wanted)


@pytest.mark.parametrize("name", NAMES)
def test_as_many_classes_as_examples_is_not_confused(name: str) -> None:
    """The classes' axis is the one that ``dim`` names, also when the shape does not give it away."""
    scores, labels = drawn(4, 4, 0, 2.0)
    torch.testing.assert_close(OBJECTIVES[name].per_example(scores, labels, 1), each(name, scores, labels))
    found = OBJECTIVES[name].per_example(scores.T[None], labels, 1)
    torch.testing.assert_close(found[0], each(name, scores, labels))


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_is_torchs(name: str) -> None:
    """What is minimised has the slope that it should have."""
    scores, labels = drawn(5, 4, 1, 2.0)
    ours, theirs = (scores.clone().requires_grad_() for _ in range(2))
    OBJECTIVES[name].mean(ours, labels).backward()
    plain_loss(name, theirs, labels).backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_squared_error_of_a_perfect_answer_is_zero() -> None:
    """The shortcut without a one-hot gives exactly 0 at the one-hot itself."""
    labels = torch.arange(5)
    assert OBJECTIVES["squared-error"].mean(torch.eye(5), labels).item() == 0


@pytest.mark.parametrize("name", NAMES)
def test_far_scores_stay_finite_or_say_so(name: str) -> None:
    """Scores of 1e4 give their true loss; NaN gives NaN."""
    scores, labels = torch.tensor([[1e4, -1e4]]), torch.tensor([1])
    found = OBJECTIVES[name].per_example(scores, labels, 1)
    assert found.item() == pytest.approx(each(name, scores.double(), labels).item(), rel=1e-6)
    assert OBJECTIVES[name].per_example(scores * torch.nan, labels, 1).isnan().all()


@pytest.mark.parametrize("name", NAMES)
@given(st.integers(1, 3), st.integers(1, 5), st.integers(2, 5), st.integers(0, 99), st.booleans())
def test_room_that_may_be_written_over_changes_nothing(
    name: str, points: int, count: int, classes: int, seed: int, last: bool
) -> None:
    """Whichever axis is that of the classes; the scores themselves stay."""
    labels = drawn(count, classes, seed, 1.0)[1]
    blocks = torch.stack([drawn(count, classes, seed + k, 3.0)[0] for k in range(points)])
    scores, dim = (blocks, 2) if last else (blocks.transpose(1, 2).contiguous(), 1)
    before = scores.clone()
    found = OBJECTIVES[name].per_example(scores, labels, dim, torch.full_like(scores, torch.nan))
    torch.testing.assert_close(found, torch.stack([each(name, b, labels) for b in blocks]))
    assert torch.equal(scores, before)


@pytest.mark.parametrize("name", NAMES)
@given(st.integers(0, 99))
def test_slopes_are_right_whichever_axis_is_that_of_the_classes(name: str, seed: int) -> None:
    """By automatic differentiation of torch's own loss, example by example."""
    scores, labels = drawn(4, 3, seed, 3.0)
    wanted = torch.autograd.functional.jacobian(lambda s: each(name, s, labels).sum(), scores)
    across = torch.autograd.functional.jacobian(lambda s: OBJECTIVES[name].per_example(s, labels, 0).sum(), scores.T)
    along = torch.autograd.functional.jacobian(lambda s: OBJECTIVES[name].per_example(s, labels, 1).sum(), scores)
    torch.testing.assert_close(along, wanted)
    torch.testing.assert_close(across.T, wanted)


@pytest.mark.parametrize("z", [-90.0, -30.0, 0.5, 30.0, 90.0])
@pytest.mark.parametrize("name", ["sigmoid-cross-entropy", "sigmoid-squared-error"])
def test_saturated_sigmoids_lose_no_digits(name: str, z: float) -> None:
    """In single precision the loss is what it is in exact numbers, however right or wrong an output is."""
    scores, labels = torch.tensor([[z, -z]]), torch.tensor([0])
    wrong = 1 / (1 + math.exp(z))  # of either output
    cross_entropy = math.log1p(math.exp(-z)) if z > 0 else math.log1p(math.exp(z)) - z
    wanted = 2 * cross_entropy if name == "sigmoid-cross-entropy" else wrong**2
    assert OBJECTIVES[name].per_example(scores, labels, 1).item() == pytest.approx(wanted, rel=1e-5, abs=1e-37)


def test_nielsens_errors_at_the_outputs() -> None:
    """The cross-entropy's error is a - y (eq. 68), the quadratic cost's (a - y) times the sigmoid's slope (eq. BP1)."""
    scores, labels = drawn(6, 4, 3, 4.0)
    activations, y = torch.sigmoid(scores), F.one_hot(labels, 4)
    slope = activations * (1 - activations)
    for name, wanted in (
        ("sigmoid-cross-entropy", activations - y),
        ("sigmoid-squared-error", (activations - y) * slope),
    ):
        found = torch.autograd.functional.jacobian(lambda s, n=name: OBJECTIVES[n].mean(s, labels), scores)
        torch.testing.assert_close(6 * found, wanted)


@pytest.mark.parametrize("name", NAMES)
@given(st.integers(0, 99))
def test_what_is_called_convex_is(name: str, seed: int) -> None:
    """The Hessian of the convex part is positive semidefinite, and the parts one after the other are the loss."""
    objective, (scores, labels) = OBJECTIVES[name], drawn(1, 4, seed, 3.0)
    through, loss = objective.convex or (lambda s: s, objective.mean)
    torch.testing.assert_close(loss(through(scores), labels), objective.mean(scores, labels))
    bend = torch.autograd.functional.hessian(lambda s: loss(s, labels), through(scores)).view(4, 4)
    assert torch.linalg.eigvalsh(bend).min() >= -1e-12
