"""Which network learns."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from thalweg.core.scene.data import CLASSES, SHAPE
from thalweg.core.scene.spec import Spec, spec_field

Activation = Literal["sigmoid", "tanh", "relu"]
Initialisation = Literal["fan-in", "normal", "lecun", "xavier", "he"]
Units = Annotated[int, Field(ge=1, le=4096)]


class NetworkSpec(Spec):
    """A fully connected network: its hidden layers, activation and initial weights."""

    hidden: tuple[Units, ...] = spec_field(
        (30, 30, 30),
        "Hidden layers",
        "Units of each hidden layer, first to last, separated by commas. Input and output sizes come from the data.",
        strict=False,
        max_length=50,
    )
    activation: Activation = spec_field(
        "sigmoid",
        "Activation",
        "The nonlinearity after every hidden layer.",
        labels={"sigmoid": "Sigmoid", "tanh": "tanh", "relu": "ReLU"},
    )
    initialisation: Initialisation = spec_field(
        "fan-in",
        "Initial weights",
        "How weights and biases are drawn before training.",
        labels={
            "fan-in": "W ~ N(0, 1)/√fan-in, b ~ N(0, 1)",
            "normal": "W, b ~ N(0, 1)",
            "lecun": "LeCun: W ~ N(0, 1/fan-in), b = 0",
            "xavier": "Xavier (Glorot), b = 0",
            "he": "He (Kaiming), b = 0",
        },
    )

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of every layer, input and output included."""
        return (SHAPE[0] * SHAPE[1], *self.hidden, CLASSES)
