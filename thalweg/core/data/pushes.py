"""What stands in the place of data for a surface C(x, y): pushes that make its gradient noisy, or one that is none."""

from __future__ import annotations

import numpy as np

from thalweg.core.data.dataset import Dataset
from thalweg.core.scene.network import NetworkSpec
from thalweg.core.scene.surfaces import PUSHES

SEED = 0
"""Seed of the pushes, the same for every run: seeds differ in their order."""


def pushes(network: NetworkSpec) -> Dataset:
    """Vectors (u, v) of mean 0 and variance 1, so that over all of them the gradient is the surface's own."""
    vectors, words = np.zeros((1, 2), dtype=np.float32), "No data."
    if network.surface == "noisy-ravine":
        drawn = np.random.default_rng(SEED).standard_normal((PUSHES, 2))
        vectors = ((drawn - drawn.mean(axis=0)) / drawn.std(axis=0)).astype(np.float32)
        words = f"{PUSHES:,} pushes of the gradient, normally distributed with standard deviation {network.noise:g}."
    labels = np.zeros(len(vectors), dtype=np.int64)
    return Dataset("surface", words, vectors, labels, vectors, labels, (1, 2), 1)
