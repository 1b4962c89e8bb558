"""What the slices show: the loss along one direction of each layer, all other layers standing still."""

from __future__ import annotations

from typing import Literal

from thalweg.core.scene.spec import Spec, spec_field

SliceKinds = Literal["both", "gradient", "random", "way"]
SliceKind = Literal["gradient", "random", "way"]
OtherLayers = Literal["now", "start", "end", "both", "all"]
OthersAt = Literal["now", "start", "end"]
"""The values that the other layers have: of the step that is looked at, of step 0, of the newest step of the line."""


class SlicesSpec(Spec):
    """Which slices are computed, and how they are drawn."""

    kinds: SliceKinds = spec_field(
        "both",
        "Directions",
        "What each layer is moved along: its own negative gradient at the current point, a random direction scaled "
        "filter by filter to its weights (Li et al. 2018), or both; or the straight way from where the run started to "
        "where it is now (Goodfellow et al. 2015), of each layer alone and of all layers together.",
        labels={"both": "Both", "gradient": "Gradient", "random": "Random", "way": "Way from the start"},
    )
    others: OtherLayers = spec_field(
        "now",
        "Other layers",
        "The values that all other layers have meanwhile: those of now, which is the step that is looked at; those of "
        "the start of the run; or those of the newest step, once an earlier one is looked at. Or the slice is drawn "
        "with each of them.",
        labels={
            "now": "As they are now",
            "start": "As at the start",
            "end": "As at the newest step",
            "both": "Now and start, to compare",
            "all": "All three, to compare",
        },
    )
    distance: float = spec_field(
        5.0,
        "Gradient, half width",
        "How far to both sides a layer is moved along its gradient, in Euclidean distance.",
        unit="distance",
        gt=0,
        le=1e6,
        allow_inf_nan=False,
    )
    norms: float = spec_field(
        1.0,
        "Random, half width",
        "How far to both sides a layer is moved along its random direction, in filter norms: 1 is the norm of each "
        "unit's weights.",
        unit="filter norms",
        gt=0,
        le=1e6,
        allow_inf_nan=False,
    )
    ways: float = spec_field(
        1.0,
        "Way, half width",
        "How far to both sides a layer is moved along its way from the start: 1 is the whole way, so that -1 is where "
        "it started and 0 where it is now.",
        unit="of the way",
        gt=0,
        le=1e3,
        allow_inf_nan=False,
    )
    seed: int = spec_field(1, "Seed", "Seed of the random directions.", ge=0, le=2**31 - 1)
    points: int = spec_field(81, "Points", "Points of each slice.", unit="points", ge=5, le=1001)
    examples: int = spec_field(
        1000,
        "Examples",
        "Training examples, from the first, that the loss is the mean of.",
        unit="examples",
        ge=1,
        le=60000,
    )
    scale: Literal["same", "own"] = spec_field(
        "same",
        "Loss scale",
        "The same loss axis for all layers, so that they can be compared, or for each layer the one that fits it.",
        labels={"same": "Same for all layers", "own": "Each its own"},
    )
    tangent: bool = spec_field(True, "Tangent", "Draw the line with the loss's value and slope at the point.")
    parabola: bool = spec_field(
        True, "Parabola", "Draw the parabola with the loss's value, slope and curvature at the point."
    )

    @property
    def directions(self) -> tuple[SliceKind, ...]:
        """The kinds of direction, in the order in which they are computed."""
        return ("gradient", "random") if self.kinds == "both" else (self.kinds,)

    @property
    def settings_of_others(self) -> tuple[OthersAt, ...]:
        """Which values the other layers have, in the order in which the slices are computed."""
        match self.others:
            case "both":
                return ("now", "start")
            case "all":
                return ("now", "start", "end")
            case one:
                return (one,)

    def settings_at(self, newest: bool) -> tuple[OthersAt, ...]:
        """The same without what would be computed twice: where now is the ``newest`` step, it is the end too."""
        settings: tuple[OthersAt, ...] = self.settings_of_others
        return tuple(dict.fromkeys("now" if newest and way == "end" else way for way in settings))

    def half_width(self, kind: str) -> float:
        """How far a slice of this kind of direction reaches to both sides, in the direction's unit."""
        return {"gradient": self.distance, "random": self.norms, "way": self.ways}[kind]

    def numbers(self, layers: int) -> range:
        """The numbers of the slices' layers, of so many that there are; 0 stands for all of them together."""
        return range(0 if self.kinds == "way" else 1, layers + 1)

    def total(self, layers: int, newest: bool = False) -> int:
        """How many slices that is; ``newest``: through the newest step of a line."""
        ways = len(self.settings_at(newest))
        return sum((ways if n else 1) * len(self.directions) for n in self.numbers(layers))

    def computed(self) -> SlicesSpec:
        """The same with all that only changes the drawing at its default: equal values mean equal numbers."""
        drawing = ("scale", "tangent", "parabola")
        return self.model_copy(update={name: type(self).model_fields[name].default for name in drawing})
