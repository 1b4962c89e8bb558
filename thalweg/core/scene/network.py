"""Which network learns."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from thalweg.core.scene.data import CLASSES, SHAPE
from thalweg.core.scene.expression import FormulaError, Node, parse
from thalweg.core.scene.spec import Spec, SpecError, spec_field
from thalweg.core.scene.surfaces import SURFACES

Architecture = Literal["mlp", "cnn", "residual", "lstm", "surface"]
Activation = Literal[
    "sigmoid", "tanh", "relu", "leaky-relu", "elu", "gelu", "silu", "softplus", "hard-tanh", "sine"
]  # fmt: skip
Initialisation = Literal[
    "fan-in",
    "normal",
    "lecun",
    "xavier",
    "he",
    "torch-uniform",
    "xavier-uniform",
    "he-uniform",
    "orthogonal",
    "lsuv",
    "identity",
    "constant",
]
HiddenNorm = Literal["none", "batch", "layer"]
SurfaceName = Literal[
    "ravine",
    "noisy-ravine",
    "plateau",
    "saddle",
    "monkey-saddle",
    "two-wells",
    "hills",
    "rosenbrock",
    "beale",
    "himmelblau",
    "rastrigin",
    "ackley",
    "booth",
    "formula",
]
Units = Annotated[int, Field(ge=1, le=4096)]
Channels = Annotated[int, Field(ge=1, le=256)]


RAVINES = ("ravine", "noisy-ravine")
"""The surfaces with steepnesses a and b."""


class NetworkSpec(Spec):
    """A network: its architecture with the fields that belong to it, activation and initial weights.

    A surface C(x, y) stands in its place as a network of two parameters, each a layer of its own.
    """

    kind: Architecture = spec_field(
        "mlp",
        "Architecture",
        "Fully connected layers; convolutions with pooling; blocks of convolutions with skip connections; an LSTM "
        "that reads the image row by row; or no network, but a surface C(x, y) of two parameters. Convolutions learn "
        "best with ReLU, He weights and a learning rate near 0.05.",
        labels={
            "mlp": "Fully connected",
            "cnn": "Convolutional",
            "residual": "Residual",
            "lstm": "LSTM over rows",
            "surface": "Surface C(x, y)",
        },
    )
    hidden: tuple[Units, ...] = spec_field(
        (30, 30, 30),
        "Hidden layers",
        "Units of each hidden layer, first to last, separated by commas. Input and output sizes come from the data.",
        strict=False,
        max_length=50,
    )
    hidden_norm: HiddenNorm = spec_field(
        "none",
        "Normalisation",
        "What each hidden layer's linear map is normalised by before the activation: each unit over the batch while "
        "training, with its running mean and variance for every curve and landscape (Ioffe & Szegedy 2015); or each "
        "example over the layer's units (Ba et al. 2016).",
        labels={"none": "Without", "batch": "Batch norm", "layer": "Layer norm"},
    )
    hidden_skips: bool = spec_field(
        False,
        "Skips around layers",
        "Add the input of each hidden layer that has as many inputs as units to its output (He et al. 2016).",
    )
    auxiliary: float = spec_field(
        0.0,
        "Auxiliary loss",
        "While training, each hidden layer has outputs of its own (a linear layer, zero at first), whose loss is added "
        "with this weight, so that the gradient reaches it on a short way; 0: none (Lee et al. 2015). Loss, accuracy "
        "and landscapes are those of the last layer alone.",
        ge=0,
        le=100,
        allow_inf_nan=False,
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
        labels={
            "sigmoid": "Sigmoid",
            "tanh": "tanh",
            "relu": "ReLU",
            "leaky-relu": "Leaky ReLU (0.01)",
            "elu": "ELU",
            "gelu": "GELU",
            "silu": "SiLU",
            "softplus": "Softplus",
            "hard-tanh": "Hard tanh",
            "sine": "Sine",
        },
    )
    initialisation: Initialisation = spec_field(
        "fan-in",
        "Initial weights",
        "How weights and biases are drawn before training. LSUV: orthogonal, then each layer scaled so that its output "
        "over the first 256 training examples has variance 1 (Mishkin & Matas 2016). Constant: all units of a layer "
        "are and stay the same. Normalisations begin with scale 1 and shift 0.",
        labels={
            "fan-in": "W ~ N(0, 1)/√fan-in, b ~ N(0, 1)",
            "normal": "W, b ~ N(0, 1)",
            "lecun": "LeCun: W ~ N(0, 1/fan-in), b = 0",
            "xavier": "Xavier (Glorot), b = 0",
            "he": "He (Kaiming), b = 0",
            "torch-uniform": "Uniform: W ~ U(±1/√fan-in), b = 0",
            "xavier-uniform": "Xavier (Glorot), uniform, b = 0",
            "he-uniform": "He (Kaiming), uniform, b = 0",
            "orthogonal": "Orthogonal, b = 0",
            "lsuv": "LSUV: unit variance of outputs, b = 0",
            "identity": "Identity: ones on the diagonal, b = 0",
            "constant": "Constant: all weights alike, b = 0",
        },
    )
    constant: float = spec_field(
        0.01,
        "Constant weight",
        "The value of every weight where initial weights are constant.",
        ge=-1000,
        le=1000,
        allow_inf_nan=False,
    )
    gain: float = spec_field(
        1.0,
        "Weight scale",
        "What all initial weights are multiplied by, biases not: small, and gradients vanish on their way back through "
        "the layers; large, and they explode or, where units saturate, vanish.",
        ge=0,
        le=1000,
        allow_inf_nan=False,
    )

    surface: SurfaceName = spec_field(
        "ravine",
        "Surface",
        "The function that is descended on: one with a name, or a formula of your own.",
        labels={name: surface.title for name, surface in SURFACES.items()} | {"formula": "A formula"},
    )
    formula: str = spec_field(
        "100*x**2 + y**2",
        "Formula",
        "C(x, y), in x and y with + - * / ** and sin, cos, tan, exp, log, sqrt, tanh, sigmoid, abs, min, max, pi, e.",
    )
    a: float = spec_field(100.0, "a", "Steepness along x.", ge=-1e6, le=1e6, allow_inf_nan=False)
    b: float = spec_field(1.0, "b", "Steepness along y.", ge=-1e6, le=1e6, allow_inf_nan=False)
    noise: float = spec_field(
        20.0,
        "Gradient noise",
        "Standard deviation of what each example adds to either partial derivative; over a batch it averages.",
        ge=0,
        le=1e6,
        allow_inf_nan=False,
    )
    x_start: float = spec_field(-1.0, "Start x", "Where the descent begins.", ge=-1e6, le=1e6, allow_inf_nan=False)
    y_start: float = spec_field(1.0, "Start y", "Where the descent begins.", ge=-1e6, le=1e6, allow_inf_nan=False)
    x_name: str = spec_field("a late layer", "x stands for", "What x is called on axes and in legends.", max_length=40)
    y_name: str = spec_field(
        "an early layer", "y stands for", "What y is called on axes and in legends.", max_length=24
    )

    @model_validator(mode="after")
    def _readable(self) -> NetworkSpec:
        try:
            parse(self.formula)
        except FormulaError as e:
            raise SpecError(f"formula: {e}") from None
        return self

    @property
    def function(self) -> str:
        """The formula of the surface, its numbers put in."""
        text = self.formula if self.surface == "formula" else SURFACES[self.surface].formula
        if self.surface in RAVINES:
            for name, steepness in (("a*", self.a), ("b*", self.b)):
                text = text.replace(name, "" if steepness == 1 else f"{steepness:.10g}*")
        return text

    @property
    def supervised(self) -> bool:
        """Whether hidden layers have auxiliary outputs."""
        return self.kind == "mlp" and bool(self.auxiliary and self.hidden)

    @property
    def tree(self) -> Node:
        """The surface's formula, read."""
        return parse(self.function)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of every layer of the fully connected network, input and output included."""
        return (SHAPE[0] * SHAPE[1], *self.hidden, CLASSES)
