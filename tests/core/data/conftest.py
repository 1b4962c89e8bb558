"""Files to read: IDX bytes made here, and the real ones where they are at hand."""

from __future__ import annotations

import gzip
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

CODES = {"uint8": 0x08, "int8": 0x09, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}


def _idx_bytes(array: NDArray) -> bytes:
    header = struct.pack(f">HBB{array.ndim}I", 0, CODES[array.dtype.name], array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.fixture(scope="session")
def idx_bytes() -> Callable[[NDArray], bytes]:
    """An IDX file's content, written independently of the reader."""
    return _idx_bytes


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A path to overwrite again and again."""
    return tmp_path_factory.mktemp("idx") / "file"


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """The folder of a published data set's four .gz files; skips, or fails if required, without it."""

    def find(name: str) -> Path:
        default = Path(__file__).resolve().parents[3].parent / "shared" / "data"
        folder = Path(os.environ.get("THALWEG_TEST_DATA", default)) / name
        if (folder / "train-images-idx3-ubyte.gz").is_file():
            return folder
        reason = f"the files of {name} are not in {folder}; set THALWEG_TEST_DATA to the folder above theirs"
        if os.environ.get("THALWEG_REQUIRE_DATA") == "1":
            pytest.fail(reason)
        pytest.skip(reason)

    return find


@pytest.fixture(scope="session")
def blank_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four files in MNIST's form that nobody published: black images, labels 0 to 9 in turn."""
    folder = tmp_path_factory.mktemp("blank")
    for part, count in (("train", 60000), ("t10k", 10000)):
        images, labels = np.zeros((count, 28, 28), np.uint8), (np.arange(count) % 10).astype(np.uint8)
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(_idx_bytes(images), 1))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(_idx_bytes(labels))
    return folder
