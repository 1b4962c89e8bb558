"""What the strip of layers and steps shows."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from thalweg.core.scene.spec import Spec, SpecError, spec_field

DepthQuantity = Literal[
    "gradient", "speed", "ratio", "weight", "mean", "spread", "saturated", "dead", "noise", "curvature", "state", "cell"
]

BY_TIME: tuple[DepthQuantity, ...] = ("state", "cell")
"""What there is of each time step of a recurrent network, one of each row of the image, and not of each layer."""

COSTLY: tuple[DepthQuantity, ...] = ("noise", "curvature", *BY_TIME)
"""What takes as long as many steps, and is measured only while it is looked at."""

LINEAR: tuple[DepthQuantity, ...] = ("mean", "saturated", "dead")
"""What has its colours and axes in equal steps; all else is positive, and has them in powers of ten."""


ACTIVATION_EXAMPLES = 256
"""Training examples, from the first, that activations are looked at of: enough for two digits of a mean, and cheap."""

FLAT = 0.05
"""Share of its greatest slope below which a nonlinearity counts as saturated.

That lets through less than a twentieth of the gradient. A sigmoid is so flat where its output is below 0.013 or above
0.987: what one would call saturated by eye.
"""

NOISE_BATCH = 32
"""Examples of each of the batches whose gradients are compared ..."""

NOISE_BATCHES = 32
"""... and how many of them there are at most."""

CURVATURE_EXAMPLES = 128
"""Training examples, from the first, that curvature is taken over."""


class DepthSpec(Spec):
    """A quantity of each layer, over all steps."""

    quantity: DepthQuantity = spec_field(
        "gradient",
        "Quantity",
        "What is shown of each layer: norm of the gradient; of the gradient of the biases alone, Nielsen's "
        "speed of learning; size of the last step relative to the weights; norm of the "
        "weights; mean or spread of what its units give; share of units whose nonlinearity is flat, or that give "
        "nothing at all; how noisy the gradient is from batch to batch; largest curvature of the loss along the layer. "
        "Of an LSTM, for each row of the image that it reads, a time step, and not for each layer: how large the "
        "derivative of the loss by its state, or by its cell, is there. "
        "The last four take as long as many steps and are measured only while they are shown.",
        labels={
            "gradient": "Gradient norm",
            "speed": "Speed of learning",
            "ratio": "Step relative to weights",
            "weight": "Weight norm",
            "mean": "Mean activation",
            "spread": "Spread of activations",
            "saturated": "Saturated units",
            "dead": "Dead units",
            "noise": "Gradient noise scale",
            "curvature": "Largest curvature",
            "state": "Gradient by time step",
            "cell": "Gradient of the cell by time step",
        },
    )
    layer: int = spec_field(
        1,
        "Layer",
        "The layer, or the time step where the quantity has one, whose curve over the steps is drawn below the strip.",
        ge=1,
    )
    lock: bool = spec_field(
        False,
        "Lock the range",
        "Keep the range of the colours as it is, so that other runs and later steps can be compared; otherwise it goes "
        "from the 2nd to the 98th percentile of what is shown.",
    )
    low: float = spec_field(0.0, "From", "The lowest value with a colour of its own.", allow_inf_nan=False)
    high: float = spec_field(1.0, "To", "The highest value with a colour of its own.", allow_inf_nan=False)

    @model_validator(mode="after")
    def _is_a_range(self) -> DepthSpec:
        if self.lock and self.logarithmic and self.low <= 0:
            raise SpecError(f"low: {self.low:g} is not accepted; expected a number above 0 (the scale is logarithmic)")
        if self.lock and self.low >= self.high:
            raise SpecError(f"low: {self.low:g} is not accepted; expected a number below {self.high:g} (high)")
        return self

    @property
    def logarithmic(self) -> bool:
        """Whether colours and axes go in powers of ten."""
        return self.quantity not in LINEAR

    @property
    def by_time(self) -> bool:
        """Whether the strip has a row for each time step, and not for each layer."""
        return self.quantity in BY_TIME
