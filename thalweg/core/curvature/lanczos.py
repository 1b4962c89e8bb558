"""Extreme eigenpairs of a symmetric map that is known by its products: thick-restart Lanczos (Wu & Simon 2000).

Why not ``scipy.sparse.linalg.eigsh``: ARPACK runs to its end in one call. Progress can be counted inside the product
and an exception raised there ends it, but a worker that has to look at its pipe between two products cannot be asked to
wait, short of a thread or of scipy's private classes; and it is stopped by one tolerance for all pairs, relative to
each eigenvalue, which an eigenvalue near zero never meets in float32. Measured on the default network it took 21
products for two pairs where this takes 10. The tests hold this against dense eigenvalues.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

import torch
from torch import Tensor

from thalweg.core.curvature.error import CurvatureError

TOLERANCE = 1e-3
"""A pair has converged when its residual is below this part of its eigenvalue's size ..."""

FLOOR = 1e-6
"""... or below this part of the largest eigenvalue's size: products in float32 are not more exact."""

PRODUCTS = 300
"""Products that are spent at most."""

_BASIS = 60
_TINY = 1e-13

Operator = Callable[[Tensor], Tensor]
"""A symmetric linear map of vectors float64 [size]."""


@dataclass(frozen=True)
class Estimate:
    """Where the search stands after a number of products: what is known of the wanted eigenvalues so far.

    ``values`` and ``residuals``, float64 [wanted]: the largest in descending order, then the smallest in ascending
    order; empty until there are as many as are wanted.
    """

    products: int
    values: Tensor
    residuals: Tensor
    converged: bool


@dataclass(frozen=True)
class Eigenpairs:
    """Eigenvalues [k], their eigenvectors as unit rows [k, size] and the norms |H v - value v| [k]; all float64.

    Within ``residuals[i]`` of ``values[i]`` there is an eigenvalue (Parlett 1998, theorem 4.5.1), as far as products
    are exact; and ``values[i]`` is the curvature v' H v along ``vectors[i]``, whether the pair has converged or not.
    """

    values: Tensor
    vectors: Tensor
    residuals: Tensor


@dataclass(frozen=True)
class Extremes:
    """Both ends of a spectrum: ``largest`` in descending order, ``smallest`` (most negative first) in ascending order.

    ``converged`` is False when the products ran out first. ``scale`` is the size of the largest eigenvalue met, which
    is |H| when both ends were asked for, or the larger was.
    """

    largest: Eigenpairs
    smallest: Eigenpairs
    products: int
    converged: bool
    scale: float


def lanczos(
    operator: Operator,
    size: int,
    largest: int,
    smallest: int,
    generator: torch.Generator,
    *,
    tolerance: float = TOLERANCE,
    most: int = PRODUCTS,
    device: torch.device | str = "cpu",
) -> Generator[Estimate, None, Extremes]:
    """The ``largest`` largest and ``smallest`` smallest eigenpairs; a generator that yields after each product.

    It may be left at any yield. ``generator`` draws the start vector on the CPU, so that the same seed finds the same
    vectors, bit for bit.

    There is no start from the vectors of a step before: it saves a fifth of the products at best, and it can confirm an
    eigenvector that has been overtaken by a few per cent, with a small residual.

    It stops when each wanted pair has a residual of at most ``tolerance`` times its eigenvalue's size or FLOOR times
    the largest size met, when the whole space is spanned, or after ``most`` products. As with every method of products
    alone, an eigenvalue that hardly shows in the start vector can be missed, and one that occurs several times counts
    once unless the space is exhausted.

    The basis is float64 and reorthogonalised in full, twice (Giraud et al. 2005: twice is enough); when it is full,
    the best half of the Ritz vectors is kept. Raises CurvatureError for more pairs than there are, and when a product
    is not finite.
    """
    wanted = largest + smallest
    if largest < 0 or smallest < 0 or not 0 < wanted <= size:
        raise CurvatureError(f"{wanted} eigenpairs were asked for; expected a number from 1 to {size}")
    room = min(size, max(_BASIS, 2 * wanted + 20))
    basis = torch.zeros((room, size), dtype=torch.float64, device=device)
    projected = torch.zeros((room, room), dtype=torch.float64)
    basis[0] = _noise(size, generator).to(device)
    j = products = 0
    while True:
        w = _product(operator, basis[j])
        products += 1
        inside, w = _orthogonal(w, basis[: j + 1])
        projected[j, : j + 1] = projected[: j + 1, j] = inside.cpu()
        left = float(w.norm())
        values, mixing = torch.linalg.eigh(projected[: j + 1, : j + 1])
        scale = float(values.abs().max())
        chosen = _ends(j + 1, largest, smallest) if j + 1 >= wanted else []
        # the map of the basis leaves it through its last vector alone, by `left`
        residuals = left * mixing[j, chosen].abs()
        limits = torch.clamp(tolerance * values[chosen].abs(), min=FLOOR * scale)
        spanned = j + 1 == size
        converged = bool(chosen) and (spanned or bool((residuals <= limits).all()))
        yield Estimate(products, values[chosen], residuals, converged)
        if converged or (products >= most and chosen):
            break
        if j + 1 == room:
            kept = _kept(room, largest, smallest)
            basis[: len(kept)] = mixing[:, kept].T.to(basis) @ basis
            projected.zero_()
            projected[range(len(kept)), range(len(kept))] = values[kept]
            j = len(kept) - 1
        j += 1
        if left > _TINY * scale:
            basis[j] = w / left
        else:  # the basis is mapped into itself: go on from elsewhere
            fresh = _orthogonal(_noise(size, generator).to(basis), basis[:j])[1]
            basis[j] = fresh / fresh.norm()
    vectors = mixing[:, chosen].T.to(basis) @ basis[: j + 1]
    vectors /= vectors.norm(dim=1, keepdim=True)
    high, low = slice(0, largest), slice(largest, wanted)
    found = [Eigenpairs(values[chosen][s], vectors[s], residuals[s]) for s in (high, low)]
    return Extremes(found[0], found[1], products, converged, scale)


def _product(operator: Operator, v: Tensor) -> Tensor:
    product = operator(v).to(v)
    if not product.isfinite().all():
        raise CurvatureError("a product with the Hessian is not finite here: no eigenvectors")
    return product


def _orthogonal(w: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
    """The coordinates of ``w`` in an orthonormal basis [n, size], and what is left of it outside."""
    first = basis @ w
    w = w - first @ basis
    second = basis @ w
    return first + second, w - second @ basis


def _noise(size: int, generator: torch.Generator) -> Tensor:
    drawn = torch.randn(size, generator=generator, dtype=torch.float64)
    drawn /= drawn.norm()
    return drawn


def _ends(count: int, largest: int, smallest: int) -> list[int]:
    """Places of the largest, descending, and the smallest, ascending, among ``count`` ascending values."""
    return [*range(count - 1, count - 1 - largest, -1), *range(smallest)]


def _kept(room: int, largest: int, smallest: int) -> list[int]:
    """Places of the Ritz values that survive a restart: half of them, from both ends as they are wanted."""
    wanted = largest + smallest
    spare = max(0, room // 2 - wanted)
    return _ends(room, largest + spare * largest // wanted, smallest + spare * smallest // wanted)
