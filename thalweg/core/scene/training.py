"""What is minimised, and how."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from thalweg.core.scene.data import DataSpec
from thalweg.core.scene.layers import buffer_count, layer_shapes, over_batches
from thalweg.core.scene.network import NetworkSpec
from thalweg.core.scene.schedule import SCHEDULES, Schedule, rate_factor
from thalweg.core.scene.spec import Spec, SpecError, spec_field


class ObjectiveSpec(Spec):
    """The loss that training minimises: the mean over the examples."""

    loss: Literal["cross-entropy", "squared-error", "sigmoid-cross-entropy", "sigmoid-squared-error"] = spec_field(
        "cross-entropy",
        "Loss",
        "Cross-entropy of the softmax of the outputs (nats), or half the squared distance of the outputs from the "
        "one-hot label. With a sigmoid at each output instead (Nielsen 2015): their cross-entropy, summed over the "
        "classes (nats), or half the squared distance of the sigmoids from the one-hot label, with which the last "
        "layer learns slowly where its units are saturated.",
        labels={
            "cross-entropy": "Cross-entropy",
            "squared-error": "Squared error",
            "sigmoid-cross-entropy": "Sigmoids, cross-entropy",
            "sigmoid-squared-error": "Sigmoids, squared error",
        },
    )


Rate = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]

OPTIMISERS = {
    "sgd": "SGD",
    "nesterov": "Nesterov",
    "adagrad": "AdaGrad",
    "rmsprop": "RMSProp",
    "adam": "Adam",
    "adam-uncorrected": "Adam, uncorrected",
    "adamw": "AdamW",
    "radam": "RAdam",
    "qhm": "QHM",
    "qhadam": "QHAdam",
    "lars": "LARS",
    "lamb": "LAMB",
    "sam": "SAM",
    "steepest": "Steepest descent, exact line search",
    "conjugate": "Conjugate gradients",
    "lbfgs": "L-BFGS",
    "newton": "Newton, damped",
    "gauss-newton": "Gauss-Newton (natural gradient)",
}
"""Every optimiser and what it is called."""

LEAST_RATE = 1e-30
"""The learning rate that a schedule ends at, at the least: no float32 moves by it."""

NESTEROV = 0.9
"""Nesterov's momentum where none is given."""

WITH_LINE_SEARCH = ("steepest", "conjugate", "lbfgs")
"""Methods that find the length of their steps by themselves, from the gradient at several points."""

SECOND_ORDER = ("newton", "gauss-newton")
"""Methods that divide by the curvature of the loss."""

UNCLIPPED = (*WITH_LINE_SEARCH, *SECOND_ORDER)
"""Methods that take more from the loss than a gradient to step along: nothing to be clipped, or to be added to."""

WITHOUT_STATISTICS = (*UNCLIPPED, "sam")
"""Methods that look at other points than the step's own, where running statistics would be others."""


class OptimiserSpec(Spec):
    """The rule that turns gradients into steps."""

    name: Literal[
        "sgd", "nesterov", "adagrad", "rmsprop", "adam", "adam-uncorrected", "adamw", "radam", "qhm", "qhadam",
        "lars", "lamb", "sam", "steepest", "conjugate", "lbfgs", "newton", "gauss-newton",
    ] = spec_field(
        "sgd",
        "Optimiser",
        "Gradient descent, plain or with momentum; methods that scale each coordinate by itself (AdaGrad to QHAdam) or "
        "each tensor by its size (LARS, LAMB); SAM, which looks uphill first; methods that go along a line as far as "
        "the loss falls (steepest descent, conjugate gradients, L-BFGS: they want a batch of all examples); Newton's "
        "and the Gauss-Newton method, which divide by the curvature.",
        labels=OPTIMISERS,
    )  # fmt: skip
    learning_rate: float = spec_field(
        0.5,
        "Learning rate",
        "Length of a step per unit of gradient. Newton, Gauss-Newton: part of the step that is taken, 1 as a rule. "
        "With a line search: the first length that is tried.",
        live=True,
        gt=0,
        le=1000,
        allow_inf_nan=False,
    )
    momentum: float = spec_field(
        0.0,
        "Momentum",
        "Share of the last step that is kept (SGD, RMSProp; Nesterov, where 0 stands for 0.9).",
        live=True,
        ge=0,
        lt=1,
    )
    layer_rates: tuple[Rate, ...] = spec_field(
        (),
        "Layer rates",
        "What the step of each layer is multiplied with, first layer to last, separated by commas; none: 1 for all.",
        live=True,
        strict=False,
        max_length=64,
    )
    clip: float = spec_field(
        0.0,
        "Gradient clipping",
        "A gradient of a batch that is longer than this, over all layers together, is shortened to it before the step "
        "(Pascanu et al. 2013); 0: never.",
        live=True,
        ge=0,
        le=1e9,
        allow_inf_nan=False,
    )
    l2: float = spec_field(
        0.0,
        "L2 penalty",
        "What is added to the gradient: so many times each weight, of matrices and filters, biases not (Nielsen 2015, "
        "eq. 93, where it is λ/n). The loss that is shown is without it; a surface has no weights. 0: none.",
        live=True,
        ge=0,
        le=1000,
        allow_inf_nan=False,
    )
    decay: float = spec_field(
        0.01,
        "Weight decay",
        "AdamW: share of each weight that a step of length 1 takes away.",
        live=True,
        ge=0,
        le=10,
        allow_inf_nan=False,
    )
    damping: float = spec_field(
        0.0,
        "Damping",
        "Newton, Gauss-Newton: what is added to the curvature in every direction, so that flat ones do not make giant "
        "steps.",
        live=True,
        ge=0,
        le=1e9,
        allow_inf_nan=False,
    )
    schedule: Schedule = spec_field(
        "constant",
        "Schedule",
        "How the learning rate goes on from step to step.",
        live=True,
        labels=SCHEDULES,
    )
    schedule_steps: int = spec_field(
        1000,
        "Schedule length",
        "Steps from one step down to the next, or from the schedule's beginning at step 0 to its end.",
        live=True,
        unit="steps",
        ge=1,
        le=10**9,
    )
    schedule_share: float = spec_field(
        0.1,
        "Schedule share",
        "Part of the learning rate that is left after that many steps (steps down, exponential: and again of the rest; "
        "cosine: at the end); a warm-up begins with it.",
        live=True,
        gt=0,
        le=1,
    )
    batch_size: int = spec_field(10, "Batch size", "Training examples per step.", live=True, unit="examples", ge=1)

    def rate_at(self, step: int) -> float:
        """The learning rate of the step from ``step`` to the next; never quite 0, by which methods could not divide."""
        if self.schedule == "constant":
            return self.learning_rate
        factor = rate_factor(self.schedule, step, self.schedule_steps, self.schedule_share)
        return max(LEAST_RATE, self.learning_rate * factor)


class StopSpec(Spec):
    """When training stops by itself; 0 is never."""

    steps: int = spec_field(0, "After steps", "Stop at this step; 0: never.", live=True, unit="steps", ge=0, le=10**9)
    epochs: int = spec_field(
        0,
        "After epochs",
        "Stop after so many passes through the training examples; 0: never.",
        live=True,
        unit="epochs",
        ge=0,
        le=10**6,
    )
    loss: float = spec_field(
        0.0,
        "Below a loss",
        "Stop when the loss of the batches, taken over a whole epoch, is below this; 0: never.",
        live=True,
        ge=0,
        allow_inf_nan=False,
    )
    flat: int = spec_field(
        0,
        "When flat for",
        "Stop when so many epochs in a row have brought the loss of an epoch's batches no 1 % below the lowest before; "
        "0: never.",
        live=True,
        unit="epochs",
        ge=0,
        le=10**6,
    )


LAST_SEED = 2**31 - 1


class RunSpec(Spec):
    """One training run: all that is needed to reproduce its parameters step by step."""

    name: str = spec_field(
        "",
        "Name",
        "What the legends call this run; empty: what sets it apart from the first.",
        live=True,
        max_length=40,
    )
    data: DataSpec = Field(DataSpec(), title="Data")
    network: NetworkSpec = Field(NetworkSpec(), title="Network")
    objective: ObjectiveSpec = Field(ObjectiveSpec(), title="Objective")
    optimiser: OptimiserSpec = Field(OptimiserSpec(), title="Optimiser")
    stop: StopSpec = Field(StopSpec(), title="Stop by itself")
    seed: int = spec_field(
        0, "Seed", "Start of the random numbers for initial weights and shuffling.", ge=0, le=LAST_SEED
    )
    seeds: int = spec_field(
        1,
        "Number of seeds",
        "So many runs side by side that differ in their seed alone, from this one on; drawn as median and band.",
        unit="seeds",
        ge=1,
        le=32,
    )
    steps: int = spec_field(
        2000,
        "Steps of thalweg run",
        "Steps that `thalweg run` trains; the window goes on for as long as it plays.",
        live=True,
        unit="steps",
        ge=1,
        le=10**9,
    )

    @model_validator(mode="after")
    def _batch_fits(self) -> RunSpec:
        size, count = self.optimiser.batch_size, self.data.train_count
        if size > count:
            raise SpecError(
                f"optimiser.batch_size: {size} is not between 1 and {count} (the number of training examples)"
            )
        return self

    @model_validator(mode="after")
    def _method_fits(self) -> RunSpec:
        o, layers = self.optimiser, len(layer_shapes(self.network))
        if len(o.layer_rates) > layers:
            raise SpecError(f"optimiser.layer_rates: {len(o.layer_rates)} rates for {layers} layers")
        if o.layer_rates and o.name in WITH_LINE_SEARCH:
            raise SpecError(
                f"optimiser.layer_rates: {', '.join(f'{rate:g}' for rate in o.layer_rates)} is not accepted with "
                f"{o.name}, which finds the length of its steps by itself; expected none"
            )
        if o.clip and o.name in UNCLIPPED:
            raise SpecError(
                f"optimiser.clip: {o.clip:g} is not accepted with {o.name}, which does not step along the gradient by "
                "the learning rate; expected 0"
            )
        if o.l2 and o.name in UNCLIPPED:
            raise SpecError(
                f"optimiser.l2: {o.l2:g} is not accepted with {o.name}, which takes more from the loss than a gradient "
                "that something could be added to; expected 0"
            )
        if o.name == "gauss-newton" and self.network.kind == "surface":
            raise SpecError(
                "optimiser.name: gauss-newton is not accepted for a surface, which has no outputs between parameters "
                "and loss; expected newton"
            )
        if o.name in SECOND_ORDER and self.network.supervised:
            raise SpecError(
                f"optimiser.name: {o.name} is not accepted with an auxiliary loss, whose curvature it does not know; "
                "expected another method, or network.auxiliary 0"
            )
        if o.name in WITHOUT_STATISTICS and buffer_count(self.network):
            raise SpecError(
                f"optimiser.name: {o.name} is not accepted with batch norm, whose statistics would be those of other "
                "points; expected another method, or a network without it"
            )
        return self

    @model_validator(mode="after")
    def _batch_can_be_normalised(self) -> RunSpec:
        if self.optimiser.batch_size == 1 and over_batches(self.network):
            raise SpecError(
                "optimiser.batch_size: 1 is not accepted with batch norm of fully connected layers, as one example has "
                "no spread; expected at least 2"
            )
        return self

    @model_validator(mode="after")
    def _all_seeds_exist(self) -> RunSpec:
        if (last := self.seed + self.seeds - 1) > LAST_SEED:
            raise SpecError(f"seed: {self.seeds} seeds from {self.seed} on end at {last}; expected at most {LAST_SEED}")
        return self
