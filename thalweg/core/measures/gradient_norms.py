"""How large the gradient is in each layer."""

from __future__ import annotations

from torch import Tensor

from thalweg.core.parameters import Layer
from thalweg.core.problem import Problem


def gradient_norms(problem: Problem, vector: Tensor, measured: int) -> dict[str, float]:
    """``gradient_1`` (the first layer) and so on, and ``speed_1`` ... of the layers that have biases.

    ``gradient_i`` is the Euclidean norm of the loss gradient with respect to all parameters of the layer, its weights
    and biases, ``speed_i`` that with respect to its biases alone: the "speed of learning" of Nielsen 2015, chapter 5,
    which is the mean error that comes back to the layer, however many inputs it has. The loss is the mean over the
    first ``measured`` training examples; the losses of auxiliary outputs are added as in training, an L2 penalty never
    is.
    """
    gradient = problem.gradient(vector, problem.first(measured), trained=True)
    layers = list(enumerate(problem.layout.layers, start=1))
    parts = problem.layout.views(gradient)
    found = {f"gradient_{i}": gradient[layer.span].double().norm().item() for i, layer in layers}
    biases = [(i, name) for i, layer in layers if (name := _bias(layer))]
    return found | {f"speed_{i}": parts[name].double().norm().item() for i, name in biases}


def _bias(layer: Layer) -> str:
    """The name of the layer's biases; of two that torch adds up, of the first."""
    return next((name for name in layer.parameters if name.rpartition(".")[2] in ("bias", "bias_ih_l0")), "")
