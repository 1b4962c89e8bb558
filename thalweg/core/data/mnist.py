"""MNIST and the sets published in its form: four IDX files in a folder.

MNIST: LeCun, Bottou, Bengio and Haffner 1998, "Gradient-based learning applied to document recognition".
Fashion-MNIST: Xiao, Rasul and Vollgraf 2017, "Fashion-MNIST: a novel image dataset for benchmarking machine
learning algorithms".
"""

from __future__ import annotations

import hashlib
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thalweg.core.data.dataset import DataError, Dataset, share
from thalweg.core.data.idx import read_idx
from thalweg.core.scene.data import CLASSES, SHAPE, SIZES, DataSpec
from thalweg.core.scene.spec import extra_of

TITLES: dict[str, str] = extra_of(DataSpec.model_fields["name"])["labels"]
"""The data sets' names as shown."""

PUBLISHED: dict[str, dict[str, str]] = {
    "mnist": {
        "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    },
    "fashion": {
        "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    },
}
"""SHA-256 of each published file once unpacked: the same data circulates compressed in several ways."""


def load_folder(name: str, folder: str | Path, train: int, test: int) -> Dataset:
    """The first ``train`` and ``test`` examples of the set ``name`` ("mnist" or "fashion") in a folder.

    The folder holds the four original files, compressed or not, under their published names or with "."
    before "idx", as some programs unpack them. Pixels are divided by 255.

    Files of the right form with other content than the published are taken, and the description says so.
    Raises :class:`DataError` if a file is missing or faulty, or if the content is that of the other set.
    """
    arrays = {stem: _checked(path, _shape(name, stem)) for stem, path in _found(name, Path(folder)).items()}
    return Dataset(
        name=name,
        description=f"{share(train, SIZES[name][0])} training {_kind(name, Path(folder), arrays)}",
        train_images=_scaled(arrays["train-images-idx3-ubyte"][:train]),
        train_labels=arrays["train-labels-idx1-ubyte"][:train].astype(np.int64),
        test_images=_scaled(arrays["t10k-images-idx3-ubyte"][:test]),
        test_labels=arrays["t10k-labels-idx1-ubyte"][:test].astype(np.int64),
    )


def find_file(folder: Path, stem: str) -> Path | None:
    """The published file ``stem`` in ``folder``, under any of its usual names, or None."""
    for variant in (stem, stem.replace("-idx", ".idx")):
        for path in (folder / variant, folder / f"{variant}.gz"):
            if path.is_file():
                return path
    return None


def file_size(name: str, stem: str) -> int:
    """Bytes of a published file once unpacked."""
    shape = _shape(name, stem)
    return len(_header(shape)) + math.prod(shape)


def _found(name: str, folder: Path) -> dict[str, Path]:
    expected = f"expected the folder with the four IDX files of {TITLES[name]}"
    try:
        folder = folder.expanduser()
        if not folder.is_dir():
            raise DataError(f"{folder}: {'is not a folder' if folder.exists() else 'does not exist'}; {expected}")
        found = {stem: find_file(folder, stem) for stem in PUBLISHED[name]}
    except (OSError, RuntimeError) as error:  # RuntimeError: "~" of a person without a home
        raise DataError(f"{folder}: cannot be read ({error}); {expected}") from error
    if missing := [stem for stem, path in found.items() if path is None]:
        raise DataError(f"{folder}: holds no {' and no '.join(missing)} (plain or .gz); {expected}")
    return {stem: path for stem, path in found.items() if path is not None}


def _shape(name: str, stem: str) -> tuple[int, ...]:
    count = SIZES[name][0 if stem.startswith("train") else 1]
    return (count, *SHAPE) if "images" in stem else (count,)


def _header(shape: tuple[int, ...]) -> bytes:
    return struct.pack(f">HBB{len(shape)}I", 0, 0x08, len(shape), *shape)


def _checked(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    array = read_idx(path)
    if array.shape != shape or array.dtype != np.uint8:
        raise DataError(f"{path}: holds {_form(array.shape, array.dtype)}; expected {_form(shape, np.dtype(np.uint8))}")
    if array.ndim == 1 and array.max() >= CLASSES:
        raise DataError(f"{path}: holds the label {array.max()}; expected labels from 0 to {CLASSES - 1}")
    return array


def _form(shape: tuple[int, ...], dtype: np.dtype[Any]) -> str:
    return f"{' × '.join(f'{n:,}' for n in shape)} values of type {dtype.name}"


def _kind(name: str, folder: Path, arrays: dict[str, NDArray[np.uint8]]) -> str:
    """What the examples are, in words; an error if they are another set's."""
    digests = {stem: _digest(array) for stem, array in arrays.items()}
    if digests == PUBLISHED[name]:
        noun = "digits" if name == "mnist" else "images"
        return f"{noun} ({TITLES[name]}, {SHAPE[0]}×{SHAPE[1]}; pixels in [0, 1])"
    for other, published in PUBLISHED.items():
        if other != name and digests == published:
            raise DataError(
                f"{folder}: holds {TITLES[other]}; expected {TITLES[name]} "
                f"(choose the data set {TITLES[other]}, or name another folder)"
            )
    return (
        f"images (from files in the form of {TITLES[name]} that are not the published ones, "
        f"{SHAPE[0]}×{SHAPE[1]}; pixels in [0, 1])"
    )


def _digest(array: NDArray[np.uint8]) -> str:
    digest = hashlib.sha256(_header(array.shape))
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _scaled(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    scaled = images.reshape(len(images), -1).astype(np.float32)
    scaled /= 255
    return scaled
