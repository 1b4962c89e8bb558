"""Scikit-learn's handwritten digits, laid out like MNIST; the data that comes with the program.

1,797 digits of 8×8 pixels with 17 grey levels (Alpaydin and Kaynak 1998, "Optical recognition of handwritten
digits", UCI Machine Learning Repository; scikit-learn bundles its test part).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from thalweg.core.data.dataset import Dataset, share
from thalweg.core.scene.data import SHAPE, SIZES

LEVELS = 16
"""Value of a full pixel in the original."""

BOX = 20
"""Rows and columns that a digit is scaled to, as in MNIST; the rest of the image is an empty border."""

SPLIT_SEED = 0
"""Seed of the one split into training and test examples, the same for every run."""


def load_digits28(train: int = SIZES["digits"][0], test: int = SIZES["digits"][1]) -> Dataset:
    """The first ``train`` of 1,500 training and the first ``test`` of 297 test digits, as 28×28 images.

    Each digit is divided by its 16 levels, interpolated linearly from 8×8 to 20×20 and put in the centre of
    an empty 28×28 image. The same writers occur on both sides of the split.
    """
    images, labels = _originals()
    order = split_order(len(images))
    first, second = order[: SIZES["digits"][0]][:train], order[SIZES["digits"][0] :][:test]
    return Dataset(
        name="digits",
        description=(
            f"{share(train, SIZES['digits'][0])} training digits (scikit-learn's 8×8 digits, interpolated to "
            f"{BOX}×{BOX} and centred in {SHAPE[0]}×{SHAPE[1]}; pixels in [0, 1])"
        ),
        train_images=enlarged(images[first]),
        train_labels=labels[first],
        test_images=enlarged(images[second]),
        test_labels=labels[second],
    )


def split_order(count: int) -> NDArray[np.int64]:
    """The order of the originals, int64 [count]: training examples first, then test examples."""
    # RandomState, not default_rng: its streams are frozen (NEP 19), so the split survives a new numpy.
    return np.random.RandomState(SPLIT_SEED).permutation(count).astype(np.int64)


def enlarged(images: NDArray[Any]) -> NDArray[np.float32]:
    """Images [n, 8, 8] with values 0 to 16 as float32 [n, 784] with values 0 to 1, in the middle of 28×28."""
    from scipy.ndimage import zoom

    n, rows, columns = images.shape
    # grid_mode: pixels are areas, so that the outermost keep their full width.
    scale = (1, BOX / rows, BOX / columns)
    box = zoom(images.astype(np.float64) / LEVELS, scale, order=1, mode="nearest", grid_mode=True)
    top, left = (SHAPE[0] - BOX) // 2, (SHAPE[1] - BOX) // 2
    framed = np.zeros((n, *SHAPE), np.float32)
    framed[:, top : top + BOX, left : left + BOX] = np.clip(box, 0, 1)
    return framed.reshape(n, -1)


def _originals() -> tuple[NDArray[Any], NDArray[np.int64]]:
    from sklearn.datasets import load_digits  # takes a second or more to import

    bunch = load_digits()
    return np.asarray(bunch.images), np.asarray(bunch.target, np.int64)
