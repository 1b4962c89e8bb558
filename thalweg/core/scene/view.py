"""What is looked at: the plane of the landscape, and the panels."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from thalweg.core.scene.axis import AxisSpec
from thalweg.core.scene.depth import COSTLY, DepthSpec
from thalweg.core.scene.slices import SlicesSpec
from thalweg.core.scene.spec import Spec, spec_field

PlaneMode = Literal["fixed", "follow", "re-aim"]
PanelName = Literal[
    "landscape", "weight-map", "curves", "gradient-norms", "surface", "slices", "depth", "chain-rule"
]  # fmt: skip
MAP_PANELS: tuple[PanelName, ...] = ("landscape", "surface")
"""The panels that show the map: it is computed while one of them is open."""


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
    counted: Literal["point", "zero"] = spec_field(
        "point",
        "Axes count",
        "Single weights: the change from where the plane was laid, or the weight's own value.",
        labels={"point": "from where laid", "zero": "the weight's own value"},
    )
    auto_range: bool = spec_field(True, "Grow with the path", "Widen the axes when the path would leave them.")
    equal: bool = spec_field(
        False,
        "Equal scales",
        "One unit is equally long on both axes, so that arrows downhill look at right angles to the contour lines. "
        "Inside one step it is so in any case.",
    )
    resolution: int = spec_field(41, "Resolution", "Grid points along each axis.", unit="points", ge=5, le=201)
    examples: int = spec_field(
        1000,
        "Examples",
        "Training examples, from the first, that the landscape's loss is the mean of.",
        unit="examples",
        ge=1,
        le=60000,
    )
    statistics: Literal["stored", "re-estimated"] = spec_field(
        "stored",
        "Batch norm",
        "Networks with batch normalisation: the running statistics of this step at every point, as the network "
        "is used; or statistics estimated anew at each point over the examples, as training would, which takes many "
        "times longer.",
        labels={"stored": "Running statistics", "re-estimated": "Re-estimated"},
    )
    quantity: Literal["loss", "accuracy"] = spec_field(
        "loss",
        "Show",
        "What the colours and contour lines are of: the loss, or the share of examples that are classified right.",
        labels={"loss": "Loss", "accuracy": "Accuracy"},
    )
    colour: Literal["linear", "log"] = spec_field(
        "linear",
        "Colour scale",
        "Spacing of the contour levels of the loss; those of the accuracy are always linear.",
        labels={"linear": "Linear", "log": "Logarithmic"},
    )
    levels: int = spec_field(16, "Contour levels", "Contour lines between the lowest and highest value.", ge=3, le=60)
    labels: bool = spec_field(True, "Values on lines", "Write the values on the contour lines, where there is room.")
    arrows: bool = spec_field(
        False,
        "Downhill arrows",
        "Arrows that point where the loss falls fastest on the plane as it is drawn. They show the slope of the map, "
        "not the whole gradient of the network.",
    )

    @property
    def is_coordinates(self) -> bool:
        """Whether the axes are the parameters of two layers of one weight each, by their own values: x and y."""
        axes = ((self.x, 1), (self.y, 2))
        return self.counted == "zero" and all(a.kind == "weight" and a.layers == (n,) for a, n in axes)


class CameraSpec(Spec):
    """From where the surface is looked at, in parallel projection."""

    azimuth: float = spec_field(
        125.0,
        "Azimuth",
        "How far round the surface is looked at: 0 is from the front, as the map is drawn; more is further round "
        "to the right.",
        unit="°",
        ge=-180.0,
        le=180.0,
    )
    elevation: float = spec_field(
        35.0,
        "Elevation",
        "How far from above the surface is looked at; 90 is straight down.",
        unit="°",
        ge=5.0,
        le=90.0,
    )
    zoom: float = spec_field(1.0, "Magnification", "Size of the surface; 1 fits its place.", ge=0.5, le=5.0)


class ViewSpec(Spec):
    """How a run is looked at."""

    plane: PlaneSpec = Field(PlaneSpec(), title="Landscape")
    slices: SlicesSpec = Field(SlicesSpec(), title="Layer slices")
    depth: DepthSpec = Field(DepthSpec(), title="Layers over time")
    panels: tuple[PanelName, ...] = spec_field(
        ("landscape", "curves", "gradient-norms", "weight-map"),
        "Panels",
        "Panels that are open.",
        strict=False,
    )
    middle: PanelName = spec_field(
        "landscape",
        "In the middle",
        "The panel that has the most room, if it is open; landscape and 3-D surface share it.",
        labels={
            "landscape": "Landscape",
            "weight-map": "Input-weight map",
            "curves": "Curves",
            "gradient-norms": "Gradient norms",
            "surface": "3-D surface",
            "slices": "Layer slices",
            "depth": "Layers over time",
            "chain-rule": "Chain rule",
        },
    )
    arrange: Literal["overlay", "tile"] = spec_field(
        "overlay",
        "Several runs",
        "Draw them over one another in each picture, or each in a picture of its own, side by side.",
        labels={"overlay": "Over one another", "tile": "Side by side"},
    )
    measured_on: Literal["both", "training", "test"] = spec_field(
        "both",
        "Curves of",
        "On which examples loss and accuracy are drawn.",
        labels={"both": "Training and test", "training": "Training", "test": "Test"},
    )
    against: Literal["steps", "evaluations", "seconds"] = spec_field(
        "steps",
        "Curves against",
        "What loss and accuracy are drawn against: steps; gradients of a batch, where a product with the Hessian "
        "counts as one; or the time that the training steps alone took on this machine, without measuring and drawing.",
        labels={"steps": "Steps", "evaluations": "Gradient evaluations", "seconds": "Training time"},
    )
    log_loss: bool = spec_field(False, "Logarithmic loss", "Draw the loss curves on a logarithmic axis.")
    log_steps: bool = spec_field(
        False, "Logarithmic steps", "Draw steps, or what else the curves are against, on a logarithmic axis."
    )
    camera: CameraSpec = Field(CameraSpec(), title="3-D surface")
    instant: int = spec_field(
        0,
        "At once",
        "On a surface: so many steps are taken anew, at once, whenever its start or its settings change; 0: none.",
        unit="steps",
        ge=0,
        le=5000,
    )
    theory: bool = spec_field(
        True,
        "Closed form",
        "On a ravine, for gradient descent without noise: rings where theory puts each step, and its curve of C, drawn "
        "over what was trained.",
    )
    example: int = spec_field(0, "Example", "Training example drawn beside the input-weight map, from 0.", ge=0, le=199)

    @property
    def in_the_middle(self) -> tuple[PanelName, ...]:
        """The open panels that stand in the middle; the maps, or the first, where the one asked for is closed."""
        maps = tuple(panel for panel in MAP_PANELS if panel in self.panels)
        if self.middle in self.panels and self.middle not in MAP_PANELS:
            return (self.middle,)
        return maps or self.panels[:1]

    @property
    def costly(self) -> tuple[str, ...]:
        """The measures that take long and are looked at."""
        strip = (self.depth.quantity,) if "depth" in self.panels and self.depth.quantity in COSTLY else ()
        return (*strip, *(("chain-rule",) if "chain-rule" in self.panels else ()))


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
