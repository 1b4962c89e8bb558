"""Measures against plain computations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from thalweg.core.measures import curves as curves_module
from thalweg.core.measures.curves import curves, loss_and_accuracy
from thalweg.core.measures.gradient_norms import gradient_norms
from thalweg.core.measures.weight_map import weight_map
from thalweg.core.training.objectives import OBJECTIVES

from .toys import plain, plain_loss, toy

LOSSES = list(OBJECTIVES)


@pytest.mark.parametrize("loss", LOSSES)
@given(st.integers(0, 50), st.sampled_from(["sigmoid", "tanh", "relu"]), st.integers(1, 30), st.integers(1, 9))
def test_loss_and_accuracy_are_the_plain_ones(loss: str, seed: int, activation: str, examples: int, block: int) -> None:
    """The mean loss and the share of right answers of a float64 copy, whatever the size of the blocks."""
    problem = toy(activation=activation, loss=loss, seed=seed, examples=examples)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(curves_module, "BLOCK", block)
        found = loss_and_accuracy(problem, problem.start, problem.train)
    wanted = plain(problem, problem.start, problem.train)
    assert found[0] == pytest.approx(wanted[0], rel=1e-5)
    assert found[1] == wanted[1]


def test_curves_measure_the_first_training_and_all_test_examples() -> None:
    """Four numbers under their names."""
    problem = toy(examples=17)
    found = curves(problem, problem.start, 5)
    train, test = (plain(problem, problem.start, b) for b in (problem.first(5), problem.test))
    assert list(found) == ["train_loss", "train_accuracy", "test_loss", "test_accuracy"]
    assert list(found.values()) == pytest.approx([*train[:2], *test[:2]], rel=1e-5)
    assert train[:2] != plain(problem, problem.start, problem.train)[:2], "the first five differ from all"


def test_a_network_without_scores_classifies_nothing() -> None:
    """Its accuracy is not a number, rather than that of one who always answers 0; one example is enough."""
    problem = toy(examples=17)
    vector = torch.full_like(problem.start, torch.nan)
    loss, accuracy = loss_and_accuracy(problem, vector, problem.train)
    assert not np.isfinite(loss)
    assert np.isnan(accuracy)
    inputs, labels = problem.train
    inputs = inputs.clone()
    inputs[9] = torch.nan
    assert np.isnan(loss_and_accuracy(problem, problem.start, (inputs, labels))[1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(curves_module, "BLOCK", 4)
        assert np.isnan(loss_and_accuracy(problem, problem.start, (inputs, labels))[1])
    for name, value in curves(problem, vector, 5).items():
        assert not np.isfinite(value), name


@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_norms_are_those_of_each_layers_parameters(loss: str) -> None:
    """Norm of weights' and biases' gradients together, and of biases' alone, from an ordinary backward pass."""
    problem = toy(loss=loss)
    found = gradient_norms(problem, problem.start, 6)
    inputs, labels = problem.first(6)
    plain_loss(loss, problem.module(inputs), labels).backward()
    grads = [p.grad for p in problem.module.parameters()]
    wanted = {
        f"gradient_{k + 1}": torch.cat([grads[2 * k].flatten(), grads[2 * k + 1]]).double().norm().item()
        for k in range(3)
    }
    wanted |= {f"speed_{k + 1}": grads[2 * k + 1].double().norm().item() for k in range(3)}
    assert found == pytest.approx(wanted, rel=1e-5)
    assert list(found) == list(wanted)


def test_gradient_norms_of_a_vanishing_gradient_are_small_but_right() -> None:
    """A squared gradient below float32's range has a norm all the same."""
    problem = toy(sizes=(4, *[3] * 16, 3), activation="sigmoid", examples=5)
    found = gradient_norms(problem, problem.start, 5)
    module = problem.module.double()
    plain_loss("cross-entropy", module(problem.train[0].double()), problem.train[1]).backward()
    first = torch.cat([module[0].weight.grad.flatten(), module[0].bias.grad]).norm().item()
    assert 0 < found["gradient_1"] < 1e-10
    assert found["gradient_1"] == pytest.approx(first, rel=1e-3)


def test_weight_map_is_the_norm_of_each_pixels_outgoing_weights() -> None:
    """Pixel (r, c) is input r * columns + c."""
    problem = toy(sizes=(6, 5, 3))
    found = weight_map(problem, problem.start, (2, 3))
    weights = problem.module[0].weight.detach().numpy().astype(np.float64)
    assert found.shape == (2, 3)
    assert found.dtype == np.float32
    for r in range(2):
        for c in range(3):
            assert found[r, c] == pytest.approx(np.sqrt((weights[:, 3 * r + c] ** 2).sum()), rel=1e-6)


def test_weight_map_of_an_unconnected_pixel_is_zero() -> None:
    """A pixel that no weight leaves is invisible."""
    problem = toy(sizes=(6, 5, 3))
    vector = problem.start.clone()
    problem.layout.views(vector)["0.weight"][:, 4] = 0
    assert (weight_map(problem, vector, (2, 3)) == 0).tolist() == [[False] * 3, [False, True, False]]
