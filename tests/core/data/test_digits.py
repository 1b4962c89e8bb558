from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from thalweg.core.data import CLASS_NAMES, Dataset, load
from thalweg.core.data.digits import enlarged, split_order
from thalweg.core.scene import DataSpec


@pytest.fixture(scope="module")
def digits() -> Dataset:
    """All digits as the program shows them."""
    return load(DataSpec())


def test_shapes_and_types(digits: Dataset) -> None:
    """1,500 training and 297 test digits of 784 pixels, in the types that the rest relies on."""
    assert digits.train_images.shape == (1500, 784) and digits.train_images.dtype == np.float32
    assert digits.test_images.shape == (297, 784) and digits.test_images.dtype == np.float32
    assert digits.train_labels.shape == (1500,) and digits.train_labels.dtype == np.int64
    assert digits.test_labels.shape == (297,) and digits.test_labels.dtype == np.int64
    assert (digits.name, digits.shape, digits.classes) == ("digits", (28, 28), 10)


def test_range(digits: Dataset) -> None:
    """Pixels use the whole of 0 to 1 and never leave it."""
    for images in (digits.train_images, digits.test_images):
        assert images.min() == 0
        assert images.max() == 1


def test_class_counts(digits: Dataset) -> None:
    """Both sides together hold each class as often as scikit-learn's digits do; each side holds all ten."""
    both = np.concatenate([digits.train_labels, digits.test_labels])
    np.testing.assert_array_equal(np.bincount(both), np.bincount(load_digits().target))
    assert np.bincount(digits.train_labels, minlength=10).min() >= 130
    assert np.bincount(digits.test_labels, minlength=10).min() >= 20
    assert len(CLASS_NAMES["digits"]) == digits.classes


def test_border(digits: Dataset) -> None:
    """The outer four pixels are empty, as in MNIST, and the box inside is used up to its edge."""
    images = np.concatenate([digits.train_images, digits.test_images]).reshape(-1, 28, 28)
    framed = images.copy()
    framed[:, 4:-4, 4:-4] = 0
    assert not framed.any()
    assert images[:, 4].any() and images[:, -5].any() and images[:, :, -5].any()


def test_split_is_disjoint_and_complete() -> None:
    """Every original is on exactly one side."""
    np.testing.assert_array_equal(np.sort(split_order(1797)), np.arange(1797))


def test_split_never_changes(digits: Dataset) -> None:
    """The split is part of what a figure shows: these examples came first when it was first drawn."""
    assert split_order(1797)[:5].tolist() == [1081, 1707, 927, 713, 262]
    assert digits.train_labels[:5].tolist() == [2, 8, 2, 6, 6]
    np.testing.assert_array_equal(load(DataSpec()).train_images, digits.train_images)


def test_nothing_is_lost(digits: Dataset) -> None:
    """Averaged back to 8×8, every digit is its original, label included (correlation above 0.95)."""
    originals = load_digits()
    order = split_order(1797)
    images = np.concatenate([digits.train_images, digits.test_images]).reshape(-1, 28, 28)[:, 4:-4, 4:-4]
    # 20 = 8 cells of 2.5 pixels: cut each pixel in two, then average 5×5 halves
    halves = images.repeat(2, axis=1).repeat(2, axis=2)
    back = halves.reshape(-1, 8, 5, 8, 5).mean(axis=(2, 4)).reshape(-1, 64)
    wanted = originals.images[order].reshape(-1, 64) / 16
    back, wanted = (x - x.mean(axis=1, keepdims=True) for x in (back, wanted))
    correlation = (back * wanted).sum(1) / np.sqrt((back**2).sum(1) * (wanted**2).sum(1))
    assert correlation.min() > 0.95
    labels = np.concatenate([digits.train_labels, digits.test_labels])
    np.testing.assert_array_equal(labels, originals.target[order])


def test_enlarging_is_linear_and_keeps_symmetry() -> None:
    """A full image becomes a full box; mirroring and turning commute with enlarging; digits do not mix."""
    full = enlarged(np.full((1, 8, 8), 16.0)).reshape(28, 28)
    assert (full[4:-4, 4:-4] == 1).all() and full.sum() == 400
    image = np.random.default_rng(1).uniform(0, 16, (2, 8, 8))
    big = enlarged(image).reshape(2, 28, 28)
    flipped = enlarged(image[:, ::-1].copy()).reshape(2, 28, 28)
    turned = enlarged(image.transpose(0, 2, 1).copy()).reshape(2, 28, 28)
    np.testing.assert_allclose(flipped[:, ::-1], big, atol=1e-6)
    np.testing.assert_allclose(turned.transpose(0, 2, 1), big, atol=1e-6)
    np.testing.assert_allclose(enlarged(image[1:])[0], big[1].ravel(), atol=1e-7)


def test_cut_takes_the_first(digits: Dataset) -> None:
    """A smaller set is the beginning of the whole one, and the description says so."""
    cut = load(DataSpec(train=100, test=10))
    np.testing.assert_array_equal(cut.train_images, digits.train_images[:100])
    np.testing.assert_array_equal(cut.test_labels, digits.test_labels[:10])
    assert cut.description.startswith("the first 100 of 1,500 training digits (scikit-learn's 8×8 digits,")
    assert digits.description == (
        "1,500 of 1,500 training digits (scikit-learn's 8×8 digits, interpolated to 20×20 and centred in "
        "28×28; pixels in [0, 1])"
    )
