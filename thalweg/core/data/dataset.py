"""What a loaded data set is, and how loading one can fail."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thalweg.core.scene.data import CLASSES, SHAPE


class DataError(Exception):
    """Data that cannot be had; the text is one plain sentence that can be shown as it stands."""


class DataMissing(DataError):
    """A data set that is not downloaded yet, while no folder was named for it.

    ``name`` is the data set's name, as :func:`~thalweg.core.data.download.download` takes it.
    """

    def __init__(self, sentence: str, name: str) -> None:
        super().__init__(sentence, name)  # both in args: an exception is pickled by them
        self.name = name

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled images, ready to be learnt from.

    Images are float32 of shape [n, rows·columns], row by row, 0 (background) to 1; labels are int64 of
    shape [n], 0 to classes-1. ``description`` says in one sentence, for figures, what the training examples
    are.
    """

    name: str
    description: str
    train_images: NDArray[np.float32]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.float32]
    test_labels: NDArray[np.int64]
    shape: tuple[int, int] = SHAPE
    classes: int = CLASSES


def share(used: int, available: int) -> str:
    """In words, how much of a data set is used: "1,500 of 1,500", "the first 100 of 1,500"."""
    return f"{'the first ' if used < available else ''}{used:,} of {available:,}"
