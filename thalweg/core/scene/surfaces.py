"""The surfaces C(x, y) that have a name: as formulas, with a good start and the part that is looked at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Surface:
    """A named surface: its formula, a good start, the part that is looked at, and where its minima are.

    ``minima`` are (x, y) of all global minima in the literature; none where it has no lowest point.
    """

    title: str
    formula: str
    start: tuple[float, float]
    x: tuple[float, float]
    y: tuple[float, float]
    rate: float
    minima: tuple[tuple[float, float], ...] = ()
    value: float = 0.0
    """The value at the minima."""


PUSHES = 1000
"""Examples of a noisy surface."""

SURFACES: dict[str, Surface] = {
    "ravine": Surface(
        "Ravine a x² + b y²", "a*x**2 + b*y**2", (-1, 1), (-1.5, 1.5), (-1.5, 1.5), 0.009, ((0, 0),)
    ),
    "noisy-ravine": Surface(
        "Noisy ravine", "a*x**2 + b*y**2", (-1, 1), (-1.5, 1.5), (-1.5, 1.5), 0.004, ((0, 0),)
    ),
    "plateau": Surface(
        "Plateau", "1 - exp(-(x**2 + y**2)/2)", (-3, 2.2), (-4, 4), (-4, 4), 0.5, ((0, 0),)
    ),
    "saddle": Surface("Saddle", "x**2 - y**2", (-1.5, 0.01), (-2, 2), (-2, 2), 0.05),
    "monkey-saddle": Surface("Monkey saddle", "x**3 - 3*x*y**2", (0.9, 0.01), (-1.5, 1.5), (-1.5, 1.5), 0.05),
    "two-wells": Surface(
        "Two unequal wells", "(x**2 - 1)**2 + 0.3*x + y**2", (1.6, 1.2), (-2, 2), (-2, 2), 0.05,
        ((-1.035579, 0),), -0.305428,
    ),
    "hills": Surface(
        "Hills", "sin(2*x)*sin(2*y)/2 + (x**2 + y**2)/8", (2.2, 2.4), (-3, 3), (-3, 3), 0.1,
    ),
    "rosenbrock": Surface(
        "Rosenbrock", "(1 - x)**2 + 100*(y - x**2)**2", (-1.2, 1), (-2, 2), (-1, 3), 0.001, ((1, 1),)
    ),
    "beale": Surface(
        "Beale",
        "(1.5 - x + x*y)**2 + (2.25 - x + x*y**2)**2 + (2.625 - x + x*y**3)**2",
        (1, 1.5), (-4.5, 4.5), (-4.5, 4.5), 0.005, ((3, 0.5),),
    ),
    "himmelblau": Surface(
        "Himmelblau", "(x**2 + y - 11)**2 + (x + y**2 - 7)**2", (0, 0), (-5, 5), (-5, 5), 0.01,
        ((3, 2), (-2.805118, 3.131313), (-3.779310, -3.283186), (3.584428, -1.848127)),
    ),
    "rastrigin": Surface(
        "Rastrigin", "20 + x**2 - 10*cos(2*pi*x) + y**2 - 10*cos(2*pi*y)", (-2, 3.5), (-5.12, 5.12), (-5.12, 5.12),
        0.001, ((0, 0),),
    ),
    "ackley": Surface(
        "Ackley",
        "20 + e - 20*exp(-0.2*sqrt((x**2 + y**2)/2)) - exp((cos(2*pi*x) + cos(2*pi*y))/2)",
        (2.5, 1.7), (-5, 5), (-5, 5), 0.05, ((0, 0),),
    ),
    "booth": Surface("Booth", "(x + 2*y - 7)**2 + (2*x + y - 5)**2", (-6, 7), (-10, 10), (-10, 10), 0.05, ((1, 3),)),
}  # fmt: skip
"""The surfaces with a name; minima as in Jamil & Yang 2013 and Molga & Smutnicki 2005."""
