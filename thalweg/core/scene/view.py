"""What is looked at: the plane of the landscape, and the panels."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from thalweg.core.scene.spec import Spec, SpecError, spec_field

DirectionKind = Literal["gradient", "random", "weight"]
PlaneMode = Literal["fixed", "follow", "re-aim"]
PanelName = Literal["landscape", "weight-map", "curves", "gradient-norms"]
LayerNumber = Annotated[int, Field(ge=1)]


class AxisSpec(Spec):
    """One axis of the plane: a direction in the space of the parameters."""

    layers: tuple[LayerNumber, ...] = spec_field(
        (), "Layers", "Layers that move along this axis, counted from 1; none chosen means all.", strict=False
    )
    kind: DirectionKind = spec_field(
        "gradient",
        "Direction",
        "The layers' negative gradient where the plane is laid; a random direction scaled filter by filter to "
        "the weights (Li et al. 2018); or one single weight.",
        labels={
            "gradient": "Negative gradient",
            "random": "Random, filter-normalised",
            "weight": "Single weight",
        },
    )
    source: int = spec_field(0, "From input", "Single weight: number of the unit or pixel it comes from, from 0.", ge=0)
    target: int = spec_field(0, "To unit", "Single weight: number of the unit it leads to, from 0.", ge=0)
    seed: int = spec_field(1, "Seed", "Seed of a random direction.", ge=0, le=2**31 - 1)
    low: float = spec_field(-1.0, "From", "Lower end of the axis.", ge=-1e6, le=1e6, allow_inf_nan=False)
    high: float = spec_field(1.0, "To", "Upper end of the axis.", ge=-1e6, le=1e6, allow_inf_nan=False)

    @model_validator(mode="after")
    def _ordered(self) -> AxisSpec:
        if not self.low < self.high:
            raise SpecError(f"low: {self.low:g} is not accepted; expected a number below high ({self.high:g})")
        if len(set(self.layers)) != len(self.layers):
            raise SpecError(f"layers: {list(self.layers)} is not accepted; expected each layer once")
        if self.kind == "weight" and len(self.layers) != 1:
            raise SpecError(f"layers: {list(self.layers)} is not accepted; a single weight lies in exactly one layer")
        return self


class PlaneSpec(Spec):
    """A plane through the parameters, and the grid that the loss is computed on."""

    x: AxisSpec = Field(AxisSpec(layers=(1,), low=-2.0, high=4.0), title="Horizontal axis")
    y: AxisSpec = Field(AxisSpec(layers=(4,), low=-2.0, high=4.0, seed=2), title="Vertical axis")
    mode: PlaneMode = spec_field(
        "follow",
        "Plane",
        "Stay where it was laid, and the path is projected onto a fixed map; follow the current point with the "
        "same axes, so that the map is the loss around where the network is now; or be laid anew at the current "
        "point, directions included.",
        labels={"fixed": "Stays where laid", "follow": "Follows the point", "re-aim": "Re-aims each time"},
    )
    auto_range: bool = spec_field(True, "Grow with the path", "Widen the axes when the path would leave them.")
    resolution: int = spec_field(41, "Resolution", "Grid points along each axis.", unit="points", ge=5, le=201)
    examples: int = spec_field(
        1000,
        "Examples",
        "Training examples, from the first, that the landscape's loss is the mean of.",
        unit="examples",
        ge=1,
        le=60000,
    )
    colour: Literal["linear", "log"] = spec_field(
        "linear",
        "Colour scale",
        "Spacing of the contour levels.",
        labels={"linear": "Linear", "log": "Logarithmic"},
    )
    levels: int = spec_field(16, "Contour levels", "Contour lines between the lowest and highest loss.", ge=3, le=60)


class ViewSpec(Spec):
    """How a run is looked at."""

    plane: PlaneSpec = Field(PlaneSpec(), title="Landscape")
    panels: tuple[PanelName, ...] = spec_field(
        ("landscape", "weight-map", "curves", "gradient-norms"),
        "Panels",
        "Panels that are open.",
        strict=False,
    )
    log_loss: bool = spec_field(False, "Logarithmic loss", "Draw the loss curves on a logarithmic axis.")
    log_steps: bool = spec_field(False, "Logarithmic steps", "Draw steps on a logarithmic axis.")
    example: int = spec_field(0, "Example", "Training example drawn beside the input-weight map, from 0.", ge=0, le=199)


class PaceSpec(Spec):
    """How fast training is played."""

    speed: float = spec_field(
        float("inf"), "Speed", "Steps per second, from one every two seconds; inf is flat out.", ge=0.5
    )
    step: Literal["batch", "epoch", "batches"] = spec_field(
        "batch",
        "One step is",
        "What a step of the player is: one batch, a whole epoch, or a number of batches.",
        labels={"batch": "one batch", "epoch": "one epoch", "batches": "N batches"},
    )
    batches: int = spec_field(10, "N", "Batches in one step of the player, when a step is N batches.", ge=1, le=10**6)
    play: bool = spec_field(False, "Play at once", "Start training as soon as the scene is open.")
