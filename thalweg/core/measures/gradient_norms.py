"""How large the gradient is in each layer."""

from __future__ import annotations

from torch import Tensor

from thalweg.core.problem import Problem


def gradient_norms(problem: Problem, vector: Tensor, measured: int) -> dict[str, float]:
    """Euclidean norm of the loss gradient with respect to all parameters of each layer, its weights and biases.

    The loss is the mean over the first ``measured`` training examples; the keys are ``gradient_1`` (the first layer)
    and so on. This is the "speed of learning" of Nielsen 2015, chapter 5, with weights and biases together.
    """
    gradient = problem.gradient(vector, problem.first(measured))
    return {
        f"gradient_{i}": gradient[layer.span].double().norm().item()
        for i, layer in enumerate(problem.layout.layers, start=1)
    }
