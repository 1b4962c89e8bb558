"""Principal components of the path, and what a random walk would show (Antognini & Sohl-Dickstein 2018)."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from scipy.linalg import eigh
from torch import Tensor

from thalweg.core.curvature.steps import finish
from thalweg.core.parameters import Layout
from thalweg.core.plane.direction import Direction, DirectionError, layers_in_words

Centre = Literal["mean", "first", "last"]
"""What the snapshots are measured from."""

_COLUMNS = 2048
_NOTHING = 1e-12


@dataclass(frozen=True)
class Components:
    """Principal components of a path: ``shares`` [k] of its squared distance from the centre, descending, and
    ``vectors`` [k, size], orthonormal rows; both float64.

    ``snapshots`` is how many there are, ``moving`` how many parameters the chosen layers have.
    """

    shares: np.ndarray
    vectors: Tensor
    snapshots: int
    moving: int
    centre: Centre
    words: str

    def direction(self, rank: int, like: Tensor) -> Direction:
        """The component of this rank (from 1), of the type and on the device of ``like``; see principal_direction."""
        if not 1 <= rank <= len(self.shares):
            raise DirectionError(
                f"the path in {self.words} has {len(self.shares)} principal component"
                f"{'s' if len(self.shares) > 1 else ''} so far, so there is no number {rank}"
            )
        told = f"{self.snapshots} snapshots"
        if self.moving > self.snapshots:  # otherwise the null does not hold
            told += f"; a random walk: {100 * random_walk_null(self.snapshots, self.centre)[rank - 1]:.1f} %"
        share = f"{100 * self.shares[rank - 1]:.1f} %"
        label = f"principal component {rank} of the path in {self.words}, {share} of it ({told})"
        return Direction(self.vectors[rank - 1].to(like), label, "distance")


def principal_steps(
    rows: Tensor,
    layers: tuple[int, ...],
    layout: Layout,
    count: int = 2,
    centre: Centre = "mean",
    vectors: bool = True,
) -> Generator[None, None, Components]:
    """The first ``count`` components, or as many as the path has; a generator that yields after each few columns.

    Arguments and errors else as in :func:`principal_direction`.
    """
    words = layers_in_words(layers, len(layout.layers), vectors)
    spans = layout.spans(layout.moving(layers, vectors))
    n, moving = len(rows), sum(span.stop - span.start for span in spans)
    if n < 2:
        raise DirectionError(f"the path has {n} snapshot so far; a principal component needs 2")
    gram = torch.zeros((n, n), dtype=torch.float64)
    for _, block in _blocks(rows, spans, centre):
        gram += (block @ block.T).cpu()
        yield
    if not gram.isfinite().all():
        raise DirectionError(f"the path in {words} is not finite, so it has no principal components")
    total = float(gram.trace())
    if not total > 0:
        raise DirectionError(f"{words} did not move along the path, so it has no principal components")
    count = max(1, min(count, n))
    values, mixing = eigh(gram.numpy(), subset_by_index=(n - count, n - 1))
    order = [i for i in range(count - 1, -1, -1) if values[i] > _NOTHING * total]
    values, mixing = values[order], torch.from_numpy(mixing[:, order].copy())
    mixing = mixing * torch.where(mixing[-1] - mixing[0] < 0, -1.0, 1.0)
    found = torch.zeros((len(order), layout.size), dtype=torch.float64, device=rows.device)
    for span, block in _blocks(rows, spans, centre):
        found[:, span] = mixing.T.to(block) @ block
        yield
    found = found / found.norm(dim=1, keepdim=True)
    return Components(values / total, found, n, moving, centre, words)


def principal_direction(
    rows: Tensor, layers: tuple[int, ...], rank: int, layout: Layout, centre: Centre = "mean"
) -> Direction:
    """The ``rank``-th (from 1) principal component of the snapshots ``rows`` [n, parameters] in these layers.

    A unit vector, zero in all other layers, that points the way the path went from its first to its last snapshot. The
    label tells the share of the path that it explains and, beside it, what the same component of a random walk would.

    Measured from the mean, as principal components are: shares are shares of variance, and comparable with other
    programs' and with the known null. ``centre="last"`` is Li et al. 2018 (section 7.2: the matrix of theta_i -
    theta_n): the best plane that is made to pass through the last snapshot, with larger shares, and a larger null. The
    snapshots are equally spaced in steps, and count alike.

    From the Gram matrix [n, n] in float64, block by block of columns, so that nothing of the size of the path is
    copied; its eigenvectors by LAPACK, which needs no start vector and gives the last ones too.

    Raises DirectionError for fewer than 2 snapshots, a path that does not move in these layers or is not finite, and
    when it has fewer components than ``rank``.
    """
    return finish(principal_steps(rows, layers, layout, rank, centre)).direction(rank, rows)


def random_walk_null(snapshots: int, centre: Centre = "mean") -> np.ndarray:
    """The shares that the principal components of a random walk in very many dimensions explain; [snapshots - 1].

    With n snapshots and independent steps of equal covariance, of a rank far above n, component k explains the share

        (1 / (4 sin²(pi k / 2n))) / ((n² - 1) / 6)  ->  6 / (pi² k²)  for many snapshots

    (Antognini & Sohl-Dickstein 2018: 60.8 %, 15.2 %, 6.8 %; two together 76.0 %). A path that explains no more than
    this in two components has shown no structure by it. Measured from the first or the last snapshot instead of from
    the mean, the m = n - 1 others have the inner products min(i, j), and component k explains

        (1 / (4 sin²(pi (2k - 1) / (4m + 2)))) / (m (m + 1) / 2)  ->  8 / (pi² (2k - 1)²)

    which is 81.1 %, 9.0 %, 3.2 % (the Karhunen-Loève expansion of Brownian motion).
    """
    if snapshots < 2:
        return np.empty(0)
    m = snapshots - 1
    k = np.arange(1, snapshots)
    shares: np.ndarray
    if centre == "mean":
        shares = 6 / (4 * np.sin(np.pi * k / (2 * snapshots)) ** 2 * (snapshots**2 - 1))
    else:
        shares = 2 / (4 * np.sin(np.pi * (2 * k - 1) / (4 * m + 2)) ** 2 * m * (m + 1))
    return shares


def _blocks(rows: Tensor, spans: list[slice], centre: Centre) -> Iterator[tuple[slice, Tensor]]:
    """Some columns at a time: where they stand, and how far each snapshot is from the centre there, in float64."""
    for span in spans:
        for start in range(span.start, span.stop, _COLUMNS):
            part = slice(start, min(start + _COLUMNS, span.stop))
            block = rows[:, part].double()
            block = block - block[-1 if centre == "last" else 0]  # exactly zero where nothing moved
            yield part, block - block.mean(dim=0) if centre == "mean" else block
