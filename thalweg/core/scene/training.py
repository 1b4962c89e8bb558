"""What is minimised, and how."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from thalweg.core.scene.data import DataSpec
from thalweg.core.scene.network import NetworkSpec
from thalweg.core.scene.spec import Spec, SpecError, spec_field


class ObjectiveSpec(Spec):
    """The loss that training minimises: the mean over the examples."""

    loss: Literal["cross-entropy", "squared-error"] = spec_field(
        "cross-entropy",
        "Loss",
        "Cross-entropy of the softmax of the outputs (nats), or half the squared distance of the outputs "
        "from the one-hot label.",
        labels={"cross-entropy": "Cross-entropy", "squared-error": "Squared error"},
    )


class OptimiserSpec(Spec):
    """The rule that turns gradients into steps."""

    name: Literal["sgd", "adagrad", "rmsprop", "adam"] = spec_field(
        "sgd",
        "Optimiser",
        "Stochastic gradient descent, or a method that scales each coordinate by itself.",
        labels={"sgd": "SGD", "adagrad": "AdaGrad", "rmsprop": "RMSProp", "adam": "Adam"},
    )
    learning_rate: float = spec_field(
        0.5,
        "Learning rate",
        "Length of a step per unit of gradient.",
        live=True,
        gt=0,
        le=1000,
        allow_inf_nan=False,
    )
    momentum: float = spec_field(
        0.0, "Momentum", "Share of the last step that is kept (SGD and RMSProp).", live=True, ge=0, lt=1
    )
    batch_size: int = spec_field(10, "Batch size", "Training examples per step.", live=True, unit="examples", ge=1)


class RunSpec(Spec):
    """One training run: all that is needed to reproduce its parameters step by step."""

    data: DataSpec = Field(DataSpec(), title="Data")
    network: NetworkSpec = Field(NetworkSpec(), title="Network")
    objective: ObjectiveSpec = Field(ObjectiveSpec(), title="Objective")
    optimiser: OptimiserSpec = Field(OptimiserSpec(), title="Optimiser")
    seed: int = spec_field(
        0, "Seed", "Start of the random numbers for initial weights and shuffling.", ge=0, le=2**31 - 1
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
