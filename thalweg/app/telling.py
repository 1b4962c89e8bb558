"""What one step is told with: arrows at the scale of the picture, and numbers as they stand in formulas. No Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from thalweg.core.messages import Dissected

Two = tuple[float, float]

LONGEST = 0.38
"""Part of the shorter side of the map that arrows of slopes take at most."""

ROUNDED = 0.01
"""Part of a step from which on its rounding is told."""

SHORTEST = 0.12
"""Part of it that the longest arrow of a step takes at least: shorter ones are drawn longer, which is said."""

LEGIBLE = 0.2
"""Part of the gradient's arrow from which on what is added to it has a name of its own."""


@dataclass(frozen=True)
class Arrow:
    """An arrow on the map, in its coordinates; ``pale`` if it belongs to an earlier phase."""

    start: Two
    end: Two
    label: str = ""
    pale: bool = False


@dataclass(frozen=True)
class Phase:
    """One moment of the slow motion: what it is, a sentence, the formula, and a note on how it is drawn.

    ``tangent`` is the direction of the contour line at the point, where it is shown.
    """

    title: str
    sentence: str
    formula: str
    note: str = ""
    arrows: tuple[Arrow, ...] = ()
    tangent: Two | None = None
    landing: Two | None = None
    point: Two = (0.0, 0.0)


@dataclass(frozen=True)
class Words:
    """What is called how: the function, its variables, whether the plane's coordinates are all there is.

    ``noisy``: whether a step sees the loss of a batch, which is not that of the map; ``auxiliary``: and with it those
    of the hidden layers' own outputs.
    """

    function: str = "C"
    names: tuple[str, str] = ("x", "y")
    whole: bool = True
    noisy: bool = False
    auxiliary: bool = False
    examples: int = 1
    unit: str = ""


@dataclass
class Telling:
    """The parts of a step in the words and at the scale of one picture."""

    d: Dissected
    words: Words
    span: float
    slopes: float = field(init=False)
    """What slopes are drawn with."""
    steps: float = field(init=False)
    """What steps are drawn with."""

    def __post_init__(self) -> None:
        steepest = math.hypot(*self.d.slope) or 1.0
        rate = self.d.rate or 1.0
        wanted = min(rate * steepest, LONGEST * self.span)
        self.slopes = max(wanted, SHORTEST * self.span) / steepest
        longest = max(math.hypot(*self.d.parts[name].along) for name in ("step", "plain")) or 1.0
        short = longest < SHORTEST * self.span  # what is no number is not
        self.steps = round_number(SHORTEST * self.span / longest) if short else 1.0

    # --- arrows ------------------------------------------------------------------------------------------------------

    def by_slope(self, along: Two, label: str, pale: bool = False) -> Arrow:
        """Downhill along a slope (partial derivatives), from the point."""
        return self._arrow(self.d.start, along, -self.slopes, label, pale)

    def by_step(self, along: Two, label: str, pale: bool = False, start: Two | None = None, by: float = 1.0) -> Arrow:
        """Along a step, or a vector that ``by`` makes one, from the point or from another."""
        return self._arrow(start or self.d.start, along, by * self.steps, label, pale)

    def _arrow(self, start: Two, along: Two, by: float, label: str, pale: bool) -> Arrow:
        return Arrow(start, (start[0] + by * along[0], start[1] + by * along[1]), label, pale)

    # --- words -------------------------------------------------------------------------------------------------------

    def vector(self, name: str, by: float = 1.0) -> str:
        """The coordinates of a part, as they are written."""
        a, b = self.d.parts[name].along
        return pair((by * a, by * b))

    def partials(self, name: str) -> str:
        """The slopes of a gradient along the axes, as they are written."""
        return pair(self.d.parts[name].slope)

    def phase(
        self, title: str, sentence: str, formula: str, *arrows: Arrow, landing: Two | None = None, true: bool = False
    ) -> Phase:
        """A phase at the point, with arrows of steps; ``true``: none of them is drawn longer than it is."""
        note = "" if self.steps == 1.0 or true else f"Steps are drawn {self.steps:g} times as long."
        return Phase(title, sentence, formula, note, arrows, None, landing, self.d.start)

    def slope_phase(self, title: str, sentence: str, formula: str, *arrows: Arrow, tangent: Two | None = None) -> Phase:
        """A phase at the point, with arrows of slopes."""
        note = f"Arrows: {float(f'{self.slopes:.2g}'):g} of an axis's unit for a slope of 1."
        return Phase(title, sentence, formula, note, arrows, tangent, None, self.d.start)

    @property
    def of(self) -> str:
        """Whose loss a step sees, where that is not the map's."""
        auxiliary = ", auxiliary losses included," if self.words.auxiliary else ""
        return f" of this batch{auxiliary}" if self.words.noisy else auxiliary

    @property
    def used(self) -> str:
        """What the gradient that the method steps along is called."""
        changed = {"clipped", "penalised"} & self.d.parts.keys()
        return "g" if changed else f"∇{self.words.function}"

    @property
    def tangent(self) -> Two | None:
        """The direction of the contour line of the map; None where there is none."""
        along_x, along_y = self.d.drawn_slope
        size = math.hypot(along_x, along_y)
        return (-along_y / size, along_x / size) if 0 < size < math.inf else None

    @property
    def angle(self) -> float:
        """Degrees between the batch's gradient and the contour line of the map; NaN where one of them is none."""
        sizes = math.hypot(*self.d.slope) * math.hypot(*self.d.drawn_slope)
        if not 0 < sizes < math.inf:
            return math.nan
        across = self.d.slope[0] * self.d.drawn_slope[0] + self.d.slope[1] * self.d.drawn_slope[1]
        return 90 - math.degrees(math.acos(max(-1.0, min(1.0, abs(across) / sizes))))


def number(value: float) -> str:
    """A number as it stands in a formula.

    >>> number(-0.12345678)
    '−0.1235'
    """
    return f"{value + 0.0:.4g}".replace("-", "−")


def pair(value: Two) -> str:
    """Two coordinates.

    >>> pair((1.8, -0.018))
    '(1.8, −0.018)'
    """
    return f"({number(value[0])}, {number(value[1])})"


def squared(value: float) -> str:
    """A number squared, as it is written."""
    return f"({number(value)})²" if value < 0 else f"{number(value)}²"


def shown(t: Telling, name: str) -> float:
    """What a part that is no step is drawn with, so that it is seen."""
    size = math.hypot(*t.d.parts[name].along) or 1.0
    return max(1.0, SHORTEST * t.span / size / t.steps)


def tip(t: Telling, name: str) -> Two:
    """Where the arrow of such a part ends."""
    return t.by_step(t.d.parts[name].along, "", by=shown(t, name)).end


def round_number(value: float) -> float:
    """The next larger of 1, 2, 5, 10, 20 ..."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * m for m in (1, 2, 5, 10) if power * m >= value * (1 - 1e-9))
