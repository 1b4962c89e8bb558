"""Which inputs the first layer can see: the size of the weights that leave each of them."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from thalweg.core.problem import Problem


def weight_map(problem: Problem, vector: Tensor, shape: tuple[int, int]) -> np.ndarray:
    """For each pixel the Euclidean norm of its outgoing first-layer weights; float32 of ``shape``.

    Empty, [0, 0], for a network whose first layer has no weights for each pixel: those of a convolution are the same
    for all places, those of an LSTM for all rows.
    """
    weights = problem.layout.views(vector.detach())[problem.layout.layers[0].parameters[0]]
    if weights.dim() != 2 or weights.shape[1] != shape[0] * shape[1]:
        return np.empty((0, 0), dtype=np.float32)
    norms: np.ndarray = weights.norm(dim=0).reshape(shape).cpu().numpy()
    return norms
