from __future__ import annotations

import gzip
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from thalweg.core.data import CLASS_NAMES, DataError, DataMissing, is_downloaded, load
from thalweg.core.scene import DataSpec

STEMS = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def test_real_mnist(real_data: Callable[[str], Path]) -> None:
    """The published MNIST: counts, first labels, mean and deviation of the training pixels, the sentence."""
    data = load(DataSpec(name="mnist", folder=str(real_data("mnist"))))
    assert data.train_images.shape == (60000, 784) and data.test_images.shape == (10000, 784)
    assert data.train_images.dtype == np.float32 and data.train_labels.dtype == np.int64
    assert data.train_labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert data.test_labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert data.train_images.mean(dtype=np.float64) == pytest.approx(0.1307, abs=5e-5)
    assert data.train_images.std(dtype=np.float64) == pytest.approx(0.3081, abs=5e-5)
    assert (data.train_images.min(), data.train_images.max()) == (0, 1)
    assert np.bincount(data.train_labels).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    assert data.description == "60,000 of 60,000 training digits (MNIST, 28×28; pixels in [0, 1])"


def test_real_fashion(real_data: Callable[[str], Path]) -> None:
    """The published Fashion-MNIST: equal classes, first labels, mean of the training pixels, the sentence."""
    data = load(DataSpec(name="fashion", folder=str(real_data("fashion")), test=500))
    assert np.bincount(data.train_labels).tolist() == [6000] * 10
    assert data.train_labels[:5].tolist() == [9, 0, 0, 3, 0]
    assert CLASS_NAMES["fashion"][data.train_labels[0]] == "Ankle boot"
    assert data.test_images.shape == (500, 784)
    assert data.train_images.mean(dtype=np.float64) == pytest.approx(0.2860, abs=5e-5)
    assert data.description == "60,000 of 60,000 training images (Fashion-MNIST, 28×28; pixels in [0, 1])"


def test_real_cut_takes_the_first(real_data: Callable[[str], Path]) -> None:
    """A smaller set is the beginning of the files, in their order."""
    data = load(DataSpec(name="mnist", folder=str(real_data("mnist")), train=5, test=2))
    assert data.train_labels.tolist() == [5, 0, 4, 1, 9] and data.test_labels.tolist() == [7, 2]
    assert data.train_images.shape == (5, 784)
    assert data.description.startswith("the first 5 of 60,000 training digits")


def test_one_set_for_the_other(real_data: Callable[[str], Path]) -> None:
    """Fashion-MNIST's files are not shown as MNIST."""
    with pytest.raises(DataError, match="holds Fashion-MNIST; expected MNIST"):
        load(DataSpec(name="mnist", folder=str(real_data("fashion"))))


def test_own_files_are_called_so(blank_set: Path) -> None:
    """Files of the right form with other content are taken, and not passed off as MNIST."""
    data = load(DataSpec(name="mnist", folder=str(blank_set), train=20, test=10))
    assert data.train_labels.tolist() == [*range(10)] * 2
    assert not data.train_images.any()
    assert "in the form of MNIST that are not the published ones" in data.description


def test_usual_names(blank_set: Path, tmp_path: Path) -> None:
    """A "." before "idx" is read as well, packed or not; a folder of that name does not get in the way."""
    for stem in STEMS:
        packed = blank_set / f"{stem}.gz"
        source = packed if packed.exists() else blank_set / stem
        shutil.copy(source, tmp_path / (stem.replace("-idx", ".idx") + source.suffix))
    (tmp_path / STEMS[0]).mkdir()
    assert load(DataSpec(name="fashion", folder=str(tmp_path), train=3, test=1)).train_labels.tolist() == [
        0,
        1,
        2,
    ]


def test_home_is_expanded(blank_set: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder below "~" is found; the home of somebody unknown is an error in words."""
    monkeypatch.setenv("HOME", str(blank_set.parent))
    monkeypatch.setenv("USERPROFILE", str(blank_set.parent))
    assert load(DataSpec(name="mnist", folder=f"~/{blank_set.name}", train=1, test=1)).test_labels.tolist() == [0]
    with pytest.raises(DataError, match="expected the folder with the four IDX files of MNIST"):
        load(DataSpec(name="mnist", folder="~nobody-of-that-name/x"))


def test_faulty_folders(tmp_path: Path) -> None:
    """No folder, a file for a folder, a path that cannot be, and an empty folder are told apart."""
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    for folder, found in {
        "none": "does not exist",
        "file": "is not a folder",
        "x" * 5000: "cannot be read",
        "empty": "holds no train-labels-idx1-ubyte and no ",
    }.items():
        with pytest.raises(DataError, match=found) as caught:
            load(DataSpec(name="fashion", folder=str(tmp_path / folder)))
        assert "expected the folder with the four IDX files of Fashion-MNIST" in str(caught.value)


def _with(blank: Path, folder: Path, stem: str, content: bytes) -> DataSpec:
    for path in blank.iterdir():
        if not path.name.startswith(stem):
            shutil.copy(path, folder)
    (folder / stem).write_bytes(content)
    return DataSpec(name="mnist", folder=str(folder))


@pytest.mark.parametrize(
    ("stem", "array", "message"),
    [
        (
            "train-labels-idx1-ubyte",
            np.zeros(59999, np.uint8),
            "holds 59,999 values of type uint8; expected 60,000 values of type uint8",
        ),
        (
            "train-labels-idx1-ubyte",
            np.zeros(60000, np.int32),
            "type int32; expected 60,000 values of type uint8",
        ),
        ("t10k-labels-idx1-ubyte", np.full(10000, 10, np.uint8), "the label 10; expected labels from 0 to 9"),
        (
            "t10k-images-idx3-ubyte",
            np.zeros((4, 14, 14), np.uint8),
            "holds 4 × 14 × 14 values of type uint8; expected 10,000 × 28 × 28",
        ),
    ],
    ids=["count", "type", "label", "shape"],
)
def test_faulty_content(
    stem: str,
    array: NDArray,
    message: str,
    blank_set: Path,
    idx_bytes: Callable[[NDArray], bytes],
    tmp_path: Path,
) -> None:
    """A wrong count, type, label or image size names the file, what it holds and what was expected."""
    with pytest.raises(DataError) as caught:
        load(_with(blank_set, tmp_path, stem, idx_bytes(array)))
    assert message in str(caught.value) and stem in str(caught.value)


def test_damaged_file(blank_set: Path, tmp_path: Path) -> None:
    """A file that was cut is named."""
    content = gzip.compress(bytes.fromhex("00000801 0000ea60"))
    with pytest.raises(DataError, match=r"train-labels-idx1-ubyte: ends after 0 bytes of values; expected 60,000"):
        load(_with(blank_set, tmp_path, "train-labels-idx1-ubyte", content))


def test_not_downloaded(tmp_path: Path) -> None:
    """Without a folder and a download, the error says which set is missing and what can be done."""
    assert not is_downloaded("mnist", tmp_path)
    with pytest.raises(DataMissing) as caught:
        load(DataSpec(name="mnist"), tmp_path)
    assert caught.value.name == "mnist"
    assert str(caught.value) == (
        "MNIST is not downloaded yet; download it, name a folder that holds its four files, or use the built-in digits."
    )
    assert not list(tmp_path.iterdir())


def test_from_the_cache(blank_set: Path, tmp_path: Path) -> None:
    """The cache is used when no folder is named; a damaged file there asks for another download."""
    shutil.copytree(blank_set, tmp_path / "mnist")
    assert is_downloaded("mnist", tmp_path)
    assert load(DataSpec(name="mnist", train=1, test=1), tmp_path).train_labels.tolist() == [0]
    (tmp_path / "mnist" / "t10k-labels-idx1-ubyte").write_bytes(b"")
    with pytest.raises(DataError, match=r"is empty; expected an IDX file; download MNIST again"):
        load(DataSpec(name="mnist"), tmp_path)


def test_errors_cross_processes() -> None:
    """A worker can send the error as it is."""
    copy = pickle.loads(pickle.dumps(DataMissing("MNIST is not downloaded yet.", "mnist")))
    assert (str(copy), copy.name) == ("MNIST is not downloaded yet.", "mnist")


def test_what_is_imported() -> None:
    """The data layer imports neither torch nor Qt, and the slow libraries only once they are used."""
    code = (
        "import sys, thalweg.core.data; "
        "print([m for m in ('torch', 'PyQt6', 'sklearn', 'scipy', 'pooch', 'requests') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
