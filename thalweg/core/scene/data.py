"""Which examples a network learns from."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from thalweg.core.scene.spec import Spec, SpecError, spec_field

DataName = Literal["digits", "mnist", "fashion"]

SIZES: dict[str, tuple[int, int]] = {
    "digits": (1500, 297),
    "mnist": (60000, 10000),
    "fashion": (60000, 10000),
}
"""Training and test examples that each data set has."""

SHAPE = (28, 28)
"""Rows and columns of every image."""

CLASSES = 10
"""Classes of every data set."""


class DataSpec(Spec):
    """A data set and how much of it is used."""

    name: DataName = spec_field(
        "digits",
        "Data set",
        "Handwritten digits that come with the program, MNIST, or Fashion-MNIST.",
        labels={"digits": "Digits (built in)", "mnist": "MNIST", "fashion": "Fashion-MNIST"},
    )
    folder: str = spec_field(
        "",
        "Folder",
        "Folder with the four original IDX files of MNIST or Fashion-MNIST (.gz or unpacked). "
        "Empty: the copy that was downloaded.",
    )
    train: int = spec_field(
        0, "Training (0: all)", "How many training examples are used, from the first; 0 takes all.", ge=0
    )
    test: int = spec_field(0, "Test (0: all)", "How many test examples are used, from the first; 0 takes all.", ge=0)

    measured: int = spec_field(
        2000,
        "Measured (0: all)",
        "Training examples, from the first, that training loss, accuracy and gradient norms are measured on; "
        "0 takes all. The test measures use every test example.",
        unit="examples",
        ge=0,
    )

    @model_validator(mode="after")
    def _within_the_set(self) -> DataSpec:
        for field, available in zip(("train", "test"), SIZES[self.name], strict=True):
            if getattr(self, field) > available:
                raise SpecError(
                    f"{field}: {getattr(self, field)} is not accepted; expected a whole number from 0 (all) "
                    f"to {available} (what {self.name} has)"
                )
        return self

    @property
    def train_count(self) -> int:
        """Training examples in use."""
        return self.train or SIZES[self.name][0]

    @property
    def measured_count(self) -> int:
        """Training examples that the curves are measured on."""
        return min(self.measured or self.train_count, self.train_count)

    @property
    def test_count(self) -> int:
        """Test examples in use."""
        return self.test or SIZES[self.name][1]
