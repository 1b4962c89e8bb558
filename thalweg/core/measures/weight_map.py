"""Which inputs the first layer can see: the size of the weights that leave each of them."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from thalweg.core.problem import Problem


def weight_map(problem: Problem, vector: Tensor, shape: tuple[int, int]) -> np.ndarray:
    """For each pixel the Euclidean norm of its outgoing first-layer weights; float32 of ``shape``."""
    weights = problem.layout.views(vector.detach())[problem.layout.layers[0].parameters[0]]
    norms: np.ndarray = weights.norm(dim=0).reshape(shape).cpu().numpy()
    return norms
