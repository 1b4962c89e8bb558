"""Gradient descent on the ravine a x² + b y² in closed form: powers of a number, with momentum of a matrix. No torch.

In a coordinate of curvature λ (2a, 2b) the gradient is λ x. A step of plain descent multiplies x by 1 - η λ. With
momentum m (Polyak 1964; Nesterov 1983, as torch has it) a step is linear in x and the velocity v, which is 0 at first:
a 2x2 matrix, whose powers give any step.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from thalweg.core.scene import NetworkSpec, OptimiserSpec
from thalweg.core.scene.network import RAVINES
from thalweg.core.scene.training import NESTEROV

METHODS = ("sgd", "nesterov")
"""The optimisers whose steps on a ravine are known in closed form; with momentum, at one learning rate."""


def steepness(network: NetworkSpec) -> tuple[float, float] | None:
    """The a and b of a ravine on which every step has the exact gradient; None for all else."""
    noisy = network.surface == "noisy-ravine" and network.noise > 0
    return (network.a, network.b) if network.kind == "surface" and network.surface in RAVINES and not noisy else None


def is_known(optimiser: OptimiserSpec) -> bool:
    """Whether the steps of an optimiser on a ravine are known in closed form."""
    plain = optimiser.schedule == "constant" or not momentum(optimiser)
    return optimiser.name in METHODS and plain and not optimiser.clip


def momentum(optimiser: OptimiserSpec) -> float:
    """Share of the last step that one of :data:`METHODS` keeps."""
    return optimiser.momentum or (NESTEROV if optimiser.name == "nesterov" else 0.0)


def rates(optimiser: OptimiserSpec) -> np.ndarray:
    """Learning rate of x and of y, layer rates put in; float64 [2]."""
    return np.array([*optimiser.layer_rates, 1.0, 1.0][:2]) * optimiser.learning_rate


def positions(
    steep: tuple[float, float],
    start: tuple[float, float],
    changes: Sequence[tuple[int, OptimiserSpec]],
    steps: np.ndarray,
) -> np.ndarray | None:
    """Where descent from ``start`` on a ravine of steepness ``steep`` is at ``steps``; float64 [n, 2].

    ``steps`` are integers [n]; ``changes`` say from which step on which optimiser, the first where it begins, and what
    momentum has gathered goes on across them. What is too large is infinite. None where no closed form is known.
    """
    if not all(is_known(optimiser) for _, optimiser in changes):
        return None
    found = np.full((len(steps), 2), np.nan)
    state = np.stack([np.array(start, dtype=np.float64), np.zeros(2)], axis=1)  # x and v of each coordinate
    for k, (first, optimiser) in enumerate(changes):
        last = changes[k + 1][0] if k + 1 < len(changes) else first
        inside = (steps >= first) & ((steps <= last) | (k + 1 == len(changes)))
        passed = _after(optimiser, 2 * np.array(steep), state, first, np.append(steps[inside], last) - first)
        found[inside], state = passed[:-1, :, 0], passed[-1]
    return found


def products(factors: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Products of the first ``counts`` [n] factors; [n, 2].

    ``factors`` are the same at every step [2], or as many as the largest count [steps, 2].
    """
    if factors.ndim == 1:
        return np.asarray(factors ** counts[:, None])
    found: np.ndarray = np.concatenate([np.ones((1, 2)), np.cumprod(factors, axis=0)])[counts]
    return found


def factors(optimiser: OptimiserSpec, steep: tuple[float, float]) -> np.ndarray:
    """What a step of plain descent multiplies x and y with; float64 [2]."""
    return np.asarray(1 - rates(optimiser) * 2 * np.array(steep))


def growth(optimiser: OptimiserSpec, steep: tuple[float, float]) -> np.ndarray:
    """What a step multiplies the size of x and y with in the long run: the largest root's modulus; float64 [2]."""
    roots = np.linalg.eigvals(_matrices(optimiser, 2 * np.array(steep)))
    return np.asarray(np.abs(roots).max(axis=1))


def limit(optimiser: OptimiserSpec) -> float:
    """The product of learning rate and curvature below which descent is stable: 2 without momentum."""
    m = momentum(optimiser)
    return (2 + 2 * m) / (1 + 2 * m) if optimiser.name == "nesterov" else 2 + 2 * m


def _after(
    optimiser: OptimiserSpec, curvature: np.ndarray, state: np.ndarray, first: int, counts: np.ndarray
) -> np.ndarray:
    """The state [2, 2] after ``counts`` [n] steps of one optimiser from the step ``first`` on; [n, 2, 2]."""
    with np.errstate(over="ignore", invalid="ignore"):
        if not momentum(optimiser):  # torch leaves the velocity as it was
            grown = products(1 - _scheduled(optimiser, first, counts) * curvature, counts)
            passed = np.stack([grown * state[:, 0], np.broadcast_to(state[:, 1], grown.shape)], axis=2)
        else:
            passed = _powered(_matrices(optimiser, curvature), state, counts)
    passed[np.isnan(passed)] = np.inf  # of infinite numbers
    passed[:, ~state.any(axis=1)] = 0.0  # what stands at the minimum stays there
    return passed


def _scheduled(optimiser: OptimiserSpec, first: int, counts: np.ndarray) -> np.ndarray:
    """The rates of x and y [2], or, where they change from step to step, those of all steps from ``first`` [k, 2]."""
    if optimiser.schedule == "constant":
        return rates(optimiser)
    count = int(counts.max())
    shares = _shares(optimiser, first, 1 << max(0, count - 1).bit_length())[:count]
    return np.asarray(shares[:, None] * rates(optimiser))


@lru_cache(maxsize=16)
def _shares(optimiser: OptimiserSpec, first: int, count: int) -> np.ndarray:
    """What the learning rate is multiplied with at ``count`` steps from ``first`` on; kept, as it is drawn at each."""
    return np.array([optimiser.rate_at(first + k) for k in range(count)]) / optimiser.learning_rate


def _matrices(optimiser: OptimiserSpec, curvature: np.ndarray) -> np.ndarray:
    """What a step makes of (x, v), for each coordinate; [2, 2, 2].

    v' = m v + λ x; x' = x - η v', and Nesterov's x' = x - η (λ x + m v').
    """
    m = momentum(optimiser)
    gradient = np.stack([curvature, np.zeros(2)], axis=1)
    velocity = gradient + np.array([0.0, m])
    moved = gradient + m * velocity if optimiser.name == "nesterov" else velocity
    return np.stack([np.array([1.0, 0.0]) - rates(optimiser)[:, None] * moved, velocity], axis=1)


def _powered(matrices: np.ndarray, state: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Powers of the matrices [2, 2, 2] times the state [2, 2], by repeated squaring, also with double roots; [n, 2, 2].

    Powers of one matrix commute, so each square that a count needs is applied to the vectors as it comes.
    """
    found = np.broadcast_to(state, (len(counts), 2, 2)).copy()
    square, left = matrices, counts.copy()
    while left.any():
        odd = left % 2 == 1
        found[odd] = np.einsum("cij,ncj->nci", square, found[odd])
        left //= 2
        if left.any():
            square = square @ square
    return found
