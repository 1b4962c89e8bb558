"""Which network learns."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from thalweg.core.scene.data import CLASSES, SHAPE
from thalweg.core.scene.spec import Spec, spec_field

Architecture = Literal["mlp", "cnn", "residual", "lstm"]
Activation = Literal["sigmoid", "tanh", "relu"]
Initialisation = Literal["fan-in", "normal", "lecun", "xavier", "he"]
Units = Annotated[int, Field(ge=1, le=4096)]
Channels = Annotated[int, Field(ge=1, le=256)]


class NetworkSpec(Spec):
    """A network: its architecture with the fields that belong to it, activation and initial weights."""

    kind: Architecture = spec_field(
        "mlp",
        "Architecture",
        "Fully connected layers; convolutions with pooling; blocks of convolutions with skip connections; or an LSTM "
        "that reads the image row by row. Convolutions learn best with ReLU, He weights and a learning rate near 0.05.",
        labels={"mlp": "Fully connected", "cnn": "Convolutional", "residual": "Residual", "lstm": "LSTM over rows"},
    )
    hidden: tuple[Units, ...] = spec_field(
        (30, 30, 30),
        "Hidden layers",
        "Units of each hidden layer, first to last, separated by commas. Input and output sizes come from the data.",
        strict=False,
        max_length=50,
    )
    channels: tuple[Channels, ...] = spec_field(
        (8, 16),
        "Convolutions",
        "Filters of each 3x3 convolution, first to last, separated by commas. The activation and 2x2 max pooling "
        "follow each of them, a linear layer the last.",
        strict=False,
        min_length=1,
        max_length=4,
    )
    width: int = spec_field(
        16, "Block width", "Channels of every block of a residual network.", unit="channels", ge=1, le=256
    )
    blocks: int = spec_field(2, "Blocks", "Blocks of two 3x3 convolutions each.", unit="blocks", ge=1, le=12)
    skips: bool = spec_field(
        True,
        "Skip connections",
        "Add each block's input to its output; without, the same network is plain (He et al. 2016).",
    )
    batch_norm: bool = spec_field(
        True,
        "Batch norm",
        "Normalise each channel after every convolution: over the batch while training, with the running mean and "
        "variance for every curve and landscape (Ioffe & Szegedy 2015).",
    )
    units: int = spec_field(32, "LSTM units", "Units of the LSTM.", unit="units", ge=1, le=1024)
    activation: Activation = spec_field(
        "sigmoid",
        "Activation",
        "The nonlinearity after every hidden layer. An LSTM has its own.",
        labels={"sigmoid": "Sigmoid", "tanh": "tanh", "relu": "ReLU"},
    )
    initialisation: Initialisation = spec_field(
        "fan-in",
        "Initial weights",
        "How weights and biases are drawn before training. Batch norm begins with scale 1 and shift 0.",
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
        """Units of every layer of the fully connected network, input and output included."""
        return (SHAPE[0] * SHAPE[1], *self.hidden, CLASSES)
