"""Losses against torch's own."""

from __future__ import annotations

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
    return F.mse_loss(scores, F.one_hot(labels, scores.shape[1]).to(scores), reduction="none").sum(1) / 2


@pytest.mark.parametrize("name", NAMES)
@given(st.integers(1, 7), st.integers(2, 6), st.integers(0, 99), st.sampled_from([0.01, 1.0, 30.0]))
def test_the_mean_is_torchs(name: str, count: int, classes: int, seed: int, scale: float) -> None:
    """Cross-entropy of the softmax in nats; half the squared distance from the one-hot label, summed over classes."""
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
