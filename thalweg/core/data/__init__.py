"""The data sets: built-in digits, MNIST, Fashion-MNIST. Needs neither torch nor Qt.

>>> from thalweg.core.scene import DataSpec
>>> load(DataSpec(train=100)).train_images.shape
(100, 784)
"""

from __future__ import annotations

from pathlib import Path

from thalweg.core.data.dataset import DataError, DataMissing, Dataset
from thalweg.core.data.digits import load_digits28
from thalweg.core.data.download import ADVICE, DownloadCancelled, cache_folder, download, is_downloaded
from thalweg.core.data.idx import read_idx
from thalweg.core.data.mnist import TITLES, load_folder
from thalweg.core.data.pushes import pushes
from thalweg.core.scene.data import DataSpec
from thalweg.core.scene.training import RunSpec

_DIGITS = tuple("0123456789")

CLASS_NAMES: dict[str, tuple[str, ...]] = {
    "digits": _DIGITS,
    "mnist": _DIGITS,
    "fashion": (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
}
"""What the labels 0 to 9 of each data set stand for."""


def load_for(run: RunSpec, cache: Path | None = None) -> Dataset:
    """The data that a run learns from: that of its spec, see :func:`load`; a surface has none, but perhaps noise."""
    return pushes(run.network) if run.network.kind == "surface" else load(run.data, cache)


def load(spec: DataSpec, cache: Path | None = None) -> Dataset:
    """The data that a spec describes: the first ``train_count`` and ``test_count`` examples of its set.

    MNIST and Fashion-MNIST are read from the spec's folder or, if it names none, from what was downloaded
    into ``cache`` (None: the person's cache). Nothing is downloaded.

    Raises :class:`DataMissing` if no folder is named and the set is not downloaded, and :class:`DataError`
    for files that are missing or faulty.
    """
    if spec.name == "digits":
        return load_digits28(spec.train_count, spec.test_count)
    if spec.folder:
        return load_folder(spec.name, spec.folder, spec.train_count, spec.test_count)
    title = TITLES[spec.name]
    if not is_downloaded(spec.name, cache):
        raise DataMissing(f"{title} is not downloaded yet; download it, {ADVICE}.", spec.name)
    try:
        return load_folder(spec.name, cache_folder(spec.name, cache), spec.train_count, spec.test_count)
    except DataError as error:
        raise DataError(f"{error}; download {title} again") from error


__all__ = [
    "CLASS_NAMES",
    "DataError",
    "DataMissing",
    "Dataset",
    "DownloadCancelled",
    "cache_folder",
    "download",
    "is_downloaded",
    "load",
    "load_digits28",
    "load_for",
    "read_idx",
]
