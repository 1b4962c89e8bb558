"""Loss and accuracy on the training and test examples."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core.problem import BLOCK, Batch, Problem


@torch.no_grad()
def loss_and_accuracy(problem: Problem, vector: Tensor, batch: Batch) -> tuple[float, float]:
    """Mean loss (in the objective's unit, summed in float64) and share of examples classified rightly, 0 to 1.

    The share is NaN where a score is, and for a surface: there nothing is classified.
    """
    parameters = problem.layout.views(vector)
    loss, right = 0.0, 0.0
    for inputs, labels in zip(batch[0].split(BLOCK), batch[1].split(BLOCK), strict=True):
        scores = torch.func.functional_call(problem.module, parameters, (inputs,))
        loss += problem.objective.per_example(scores, labels, 1).double().sum().item()
        classifies = scores.shape[1] > 1 and not scores.isnan().any()
        right += float((scores.argmax(1) == labels).sum()) if classifies else float("nan")
    return loss / len(batch[1]), right / len(batch[1])


def curves(problem: Problem, vector: Tensor, measured: int) -> dict[str, float]:
    """Training measures on the first ``measured`` examples, test measures on all; see :func:`loss_and_accuracy`."""
    train = loss_and_accuracy(problem, vector, problem.first(measured))
    test = loss_and_accuracy(problem, vector, problem.test)
    names = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
    return dict(zip(names, (*train, *test), strict=True))
