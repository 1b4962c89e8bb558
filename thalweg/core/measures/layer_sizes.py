"""How large the weights of each layer are, and how much the last step has changed the layer."""

from __future__ import annotations

from torch import Tensor

from thalweg.core.problem import Problem


def layer_sizes(problem: Problem, vector: Tensor, before: Tensor | None) -> dict[str, float]:
    """``weight_1`` ... and ``ratio_1`` ..., one of each for every layer.

    ``weight_i`` is the Euclidean norm of the layer's weights: of its matrices and filters, or of all it has where it
    has none (a normalisation). ``ratio_i`` is the norm of what the last step changed in the layer, from the parameters
    ``before`` [size] to ``vector`` [size], over the norm that the layer had before: not a number where no step was
    taken (``before`` is None), infinite where the layer was zero and moved.
    """
    layout = problem.layout
    parameters = layout.views(vector.detach())
    weights: dict[str, float] = {}
    ratios: dict[str, float] = {}
    for i, layer in enumerate(layout.layers, start=1):
        own = [parameters[name] for name in layer.parameters]
        matrices = [p for p in own if p.dim() > 1] or own
        weights[f"weight_{i}"] = sum(p.double().square().sum().item() for p in matrices) ** 0.5
        ratios[f"ratio_{i}"] = float("nan")
        if before is not None:
            was = before[layer.span].double()
            change, size = (vector.detach()[layer.span].double() - was).norm().item(), was.norm().item()
            ratios[f"ratio_{i}"] = change / size if size else (0.0 if change == 0 else float("inf"))
    return weights | ratios
