"""One axis of a plane: a direction in the space of the parameters."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from thalweg.core.scene.spec import Spec, SpecError, spec_field

DirectionKind = Literal["gradient", "random", "weight", "principal", "hessian", "towards", "update"]
LayerNumber = Annotated[int, Field(ge=1)]

RUN_FILE = re.compile(r"(?P<path>.+\.h5)(#(?P<step>\d+))?")
"""A run file in the field ``towards``, with the step of it that is meant; without one, the last."""


class AxisSpec(Spec):
    """One axis of the plane: a direction in the space of the parameters."""

    layers: tuple[LayerNumber, ...] = spec_field(
        (), "Layers", "Layers that move along this axis, counted from 1; none chosen means all.", strict=False
    )
    kind: DirectionKind = spec_field(
        "gradient",
        "Direction",
        "The layers' negative gradient where the plane is laid; a random direction (Li et al. 2018); one single "
        "weight; a principal component of the path so far; an eigenvector of the loss's Hessian; the way to another "
        "point of this run or to a run file; or the optimiser's last update.",
        labels={
            "gradient": "Negative gradient",
            "random": "Random",
            "weight": "Single weight",
            "principal": "Principal component of the path",
            "hessian": "Hessian eigenvector",
            "towards": "Towards another point",
            "update": "Last update",
        },
    )
    biases: Literal["usual", "move", "rest"] = spec_field(
        "usual",
        "Biases",
        "Whether biases and normalisation parameters move with the weights; as usual: they rest along a random "
        "direction (Li et al. 2018) and move along all others.",
        labels={"usual": "As usual", "move": "Move", "rest": "Rest"},
    )
    normalisation: Literal["filter", "layer", "none"] = spec_field(
        "filter",
        "Scaled to",
        "Random direction: what is scaled to the norm that it has in the network: each filter (the weights into one "
        "unit, Li et al. 2018), each weight matrix, or nothing.",
        labels={"filter": "each filter", "layer": "each matrix", "none": "nothing"},
    )
    seed: int = spec_field(1, "Seed", "Seed of a random direction.", ge=0, le=2**31 - 1)
    source: int = spec_field(0, "From input", "Single weight: number of the unit or pixel it comes from, from 0.", ge=0)
    target: int = spec_field(0, "To unit", "Single weight: number of the unit it leads to, from 0.", ge=0)
    rank: int = spec_field(1, "Number", "Which component or eigenvector: 1 is the first.", ge=1, le=20)
    end: Literal["largest", "most negative"] = spec_field(
        "largest",
        "Eigenvalue",
        "Hessian: counted from the largest eigenvalue down, or from the most negative up.",
        labels={"largest": "largest", "most negative": "most negative"},
    )
    centre: Literal["mean", "last"] = spec_field(
        "mean",
        "Measured from",
        "Principal component: of the path around its mean, as principal components are; or around its last "
        "point, so that the plane of the first two passes near the path as seen from there (Li et al. 2018).",
        labels={"mean": "the path's mean", "last": "its last point"},
    )
    towards: str = spec_field(
        "start",
        "Point",
        "Towards: start, the number of a recorded step, or a run file such as other.h5, which means its last step; "
        "other.h5#400 means its step 400.",
    )
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
        if self.towards != "start" and not self.towards.isdecimal() and not RUN_FILE.fullmatch(self.towards):
            raise SpecError(
                f"towards: {self.towards!r} is not accepted; expected start, the number of a step, or a run file (.h5)"
            )
        return self

    @property
    def vectors(self) -> bool:
        """Whether biases and normalisation parameters move too."""
        return self.biases == "move" or (self.biases == "usual" and self.kind != "random")

    @property
    def from_history(self) -> bool:
        """Whether the direction is read off what happened in the run, which its session knows."""
        in_run = self.kind == "towards" and not RUN_FILE.fullmatch(self.towards)
        return in_run or self.kind in ("principal", "update")
