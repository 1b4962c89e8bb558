"""Eigenvectors of the loss's Hessian, of the whole network or of chosen layers."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from thalweg.core.curvature.error import CurvatureError
from thalweg.core.curvature.hvp import hessian_operator
from thalweg.core.curvature.lanczos import FLOOR, Eigenpairs, Estimate, Extremes, lanczos
from thalweg.core.curvature.steps import finish
from thalweg.core.plane.direction import Direction, DirectionError, layers_in_words
from thalweg.core.problem import Problem

End = Literal["largest", "most negative"]
"""Which end of the spectrum eigenvalues are counted from."""

_TOLD = 0.01


@dataclass(frozen=True)
class HessianEnds:
    """Extreme eigenpairs of a Hessian's block, their vectors among all parameters of the network."""

    extremes: Extremes
    words: str

    def pairs(self, which: End) -> Eigenpairs:
        """Those of this end, the most extreme first; vectors float64 [k, parameters]."""
        return self.extremes.largest if which == "largest" else self.extremes.smallest

    def direction(self, which: End, rank: int, like: Tensor) -> Direction:
        """The eigenvector of this rank (from 1), of the type and on the device of ``like``; see hessian_direction."""
        pairs = self.pairs(which)
        if not 1 <= rank <= len(pairs.values):
            raise DirectionError(f"rank {rank} is not among the {len(pairs.values)} eigenvectors of {self.words}")
        value, residual = float(pairs.values[rank - 1]), float(pairs.residuals[rank - 1])
        name = f"{_ordinal(rank)}{which}"
        size = value if which == "largest" else -value
        if not size > max(residual, FLOOR * self.extremes.scale):
            sought = "positive" if which == "largest" else "negative"
            raise DirectionError(
                f"the {name} Hessian eigenvalue of {self.words} is {value:.3g} ± {residual:.1g} here, "
                f"which cannot be told to be {sought}"
            )
        told = f" ± {residual:.1g}" if residual > _TOLD * size else ""
        vector = _signed(pairs.vectors[rank - 1]).to(like)
        return Direction(
            vector, f"Hessian eigenvector of {self.words}, {name} eigenvalue {value:.3g}{told}", "distance"
        )


def hessian_steps(
    problem: Problem,
    origin: Tensor,
    layers: tuple[int, ...],
    examples: int,
    *,
    largest: int = 0,
    smallest: int = 0,
    seed: int = 0,
    vectors: bool = True,
) -> Generator[Estimate, None, HessianEnds]:
    """The extreme eigenpairs for one or two axes in one search; a generator that yields after each product.

    Arguments and errors else as in :func:`hessian_direction`.
    """
    words = layers_in_words(layers, len(problem.layout.layers), vectors)
    try:
        operator = hessian_operator(problem, origin, problem.first(examples), layers, vectors)
        generator = torch.Generator().manual_seed(seed)
        found = yield from lanczos(operator, operator.size, largest, smallest, generator, device=operator.device)
    except CurvatureError as e:
        raise DirectionError(f"no Hessian eigenvector of {words}: {e}") from e
    high, low = (replace(p, vectors=operator.embed(p.vectors)) for p in (found.largest, found.smallest))
    return HessianEnds(replace(found, largest=high, smallest=low), words)


def hessian_direction(
    problem: Problem,
    origin: Tensor,
    layers: tuple[int, ...],
    which: End,
    rank: int,
    examples: int,
    *,
    seed: int = 0,
) -> Direction:
    """The unit eigenvector of the Hessian's ``rank``-th (from 1) largest or most negative eigenvalue at ``origin``.

    The Hessian is that of the mean loss over the first ``examples`` training examples, or its diagonal block of these
    layers (from 1; none means all); all other layers do not move. Along the vector the loss curves with the
    eigenvalue that the label tells (loss per squared distance), with its error bound where that is above 1 %.

    The sign is free, and chosen so that the entry of the largest size is positive; ``seed`` draws the vector that the
    search starts from. So the same problem gives the same picture.

    Raises DirectionError where parameters or loss are not finite, and where the eigenvalue cannot be told from zero or
    has the other sign: a layer that curves upwards everywhere has no most negative direction.
    """
    ends = finish(
        hessian_steps(
            problem,
            origin,
            layers,
            examples,
            largest=rank if which == "largest" else 0,
            smallest=rank if which == "most negative" else 0,
            seed=seed,
        )
    )
    return ends.direction(which, rank, origin)


def _signed(vector: Tensor) -> Tensor:
    return vector if vector[vector.abs().argmax()] > 0 else -vector


def _ordinal(rank: int) -> str:
    """Nothing for 1, then ``2nd``, ``3rd``, ``4th`` ... and a space."""
    if rank == 1:
        return ""
    ending = "th" if rank % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(rank % 10, "th")
    return f"{rank}{ending} "
