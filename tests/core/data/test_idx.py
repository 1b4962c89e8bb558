from __future__ import annotations

import gzip
import os
import struct
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from thalweg.core.data import DataError, read_idx

arrays = hnp.arrays(
    dtype=st.sampled_from(["uint8", "int8", "int16", "int32", "float32", "float64"]),
    shape=hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5),
)
ONE_BY_THREE = struct.pack(">HBBII", 0, 0x08, 2, 1, 3)


def refused(path: Path, content: bytes | None = None) -> str:
    """The text of the error that reading raises, which begins with the path."""
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_idx(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "; expected " in str(caught.value)
    return str(caught.value)


@given(array=arrays, compressed=st.booleans())
@settings(deadline=None)
def test_round_trip(array: NDArray, compressed: bool, idx_bytes: Callable[[NDArray], bytes], scratch: Path) -> None:
    """What was written comes back: shape, type in native byte order, every value, plain and compressed."""
    content = idx_bytes(array)
    scratch.write_bytes(gzip.compress(content) if compressed else content)
    back = read_idx(str(scratch))
    assert back.shape == array.shape
    assert back.dtype == array.dtype and back.dtype.isnative
    assert back.flags.writeable
    np.testing.assert_array_equal(back, array)


def test_known_bytes(tmp_path: Path) -> None:
    """A file spelt out by hand: 16-bit values are read with the high byte first."""
    (tmp_path / "f").write_bytes(bytes.fromhex("00000b01 00000003 0001 0100 ffff"))
    assert read_idx(tmp_path / "f").tolist() == [1, 256, -1]


@given(content=st.binary(max_size=200), compressed=st.booleans())
@settings(deadline=None)
def test_random_bytes(content: bytes, compressed: bool, scratch: Path) -> None:
    """Random bytes raise nothing but DataError."""
    scratch.write_bytes(gzip.compress(content) if compressed else content)
    with suppress(DataError):
        read_idx(scratch)


@given(array=arrays, compressed=st.booleans(), data=st.data())
@settings(deadline=None)
def test_changed_bytes(
    array: NDArray,
    compressed: bool,
    data: st.DataObject,
    idx_bytes: Callable[[NDArray], bytes],
    scratch: Path,
) -> None:
    """A good file with one byte changed or the end cut off is read or refused with DataError."""
    content = bytearray(gzip.compress(idx_bytes(array)) if compressed else idx_bytes(array))
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    scratch.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with suppress(DataError):
        read_idx(scratch)


@given(array=arrays.filter(lambda a: a.size > 0), data=st.data(), compressed=st.booleans())
@settings(deadline=None)
def test_cut_or_lengthened(
    array: NDArray,
    data: st.DataObject,
    compressed: bool,
    idx_bytes: Callable[[NDArray], bytes],
    scratch: Path,
) -> None:
    """No file that is shorter or longer than its header says is accepted, compressed or not."""
    content = idx_bytes(array)
    change = data.draw(st.one_of(st.integers(0, len(content) - 1), st.binary(min_size=1, max_size=5)))
    content = content[:change] if isinstance(change, int) else content + change
    refused(scratch, gzip.compress(content) if compressed else content)


def test_empty(tmp_path: Path) -> None:
    """An empty file, and an empty one compressed, are called empty."""
    assert "is empty" in refused(tmp_path / "f", b"")
    assert "is empty" in refused(tmp_path / "f.gz", gzip.compress(b""))


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"\x89PNG\r\n", "89 50 4e 47"),
        (b"\0\0\x08", "00 00 08"),
        (b"\0\0\x0a\x01", "00 00 0a 01"),
        (b"\0\0\x08\x00", "00 00 08 00"),
        (b"\0\0\x08\x21" + b"\0\0\0\1" * 33, "00 00 08 21"),
    ],
    ids=["another format", "too short", "unknown type", "no dimension", "33 dimensions"],
)
def test_wrong_magic(content: bytes, shown: str, tmp_path: Path) -> None:
    """A wrong beginning is shown byte by byte, with what an IDX file begins with."""
    message = refused(tmp_path / "f", content)
    assert f"starts with the bytes {shown};" in message
    assert "08, 09, 0b, 0c, 0d, 0e" in message


def test_cut_header(tmp_path: Path) -> None:
    """A header without all its dimensions is refused."""
    assert "ends within the header; expected 2 dimensions" in refused(tmp_path / "f", ONE_BY_THREE[:9])


def test_truncated(tmp_path: Path) -> None:
    """Too few values: what is there and what was announced are both named."""
    message = refused(tmp_path / "f", ONE_BY_THREE + b"ab")
    assert "ends after 2 bytes of values; expected 3 (1 × 3 values of 1 bytes)" in message


def test_too_long(tmp_path: Path) -> None:
    """More bytes than the header announces are refused, not ignored."""
    assert "goes on after 3 bytes of values" in refused(tmp_path / "f", ONE_BY_THREE + b"abcd")


def test_truncated_gzip(tmp_path: Path) -> None:
    """A compressed file that was cut says so."""
    whole = gzip.compress(ONE_BY_THREE + b"abc")
    assert "breaks off" in refused(tmp_path / "f.gz", whole[:-3])


def test_damaged_gzip(tmp_path: Path) -> None:
    """A compressed file whose checksum does not fit is refused."""
    whole = bytearray(gzip.compress(ONE_BY_THREE + b"abc"))
    whole[-6] ^= 1
    assert "damaged gzip data" in refused(tmp_path / "f.gz", bytes(whole))
    assert "damaged gzip data" in refused(tmp_path / "g.gz", b"\x1f\x8b\x09" + bytes(20))


def test_content_not_name_decides(tmp_path: Path) -> None:
    """A plain file called .gz and a compressed file without .gz are both read."""
    (tmp_path / "plain.gz").write_bytes(ONE_BY_THREE + b"abc")
    (tmp_path / "compressed").write_bytes(gzip.compress(ONE_BY_THREE + b"abc"))
    assert read_idx(tmp_path / "plain.gz").tolist() == read_idx(tmp_path / "compressed").tolist()


def test_missing_and_folder(tmp_path: Path) -> None:
    """A path without a file, a folder, and a path that no file can have are named as such."""
    assert "No such file" in refused(tmp_path / "none")
    assert "is a folder" in refused(tmp_path)
    assert "cannot be read" in refused(tmp_path / ("x" * 5000))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipe(tmp_path: Path) -> None:
    """A named pipe is refused rather than waited on."""
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in refused(tmp_path / "pipe")


@pytest.mark.parametrize("shape", [(2**32 - 1,) * 4, (2**30 + 1,), (0, 2**32 - 1, 2**32 - 1)])
def test_absurd_sizes(shape: tuple[int, ...], tmp_path: Path) -> None:
    """A header that announces more than a data set can hold is refused, also behind an empty dimension."""
    header = struct.pack(f">HBB{len(shape)}I", 0, 0x08, len(shape), *shape)
    assert "expected at most 1,073,741,824 bytes" in refused(tmp_path / "f", header)


@pytest.mark.parametrize("compressed", [False, True])
def test_no_memory_on_trust(compressed: bool, tmp_path: Path) -> None:
    """A header that promises a gibibyte with ten bytes behind it takes almost no memory."""
    content = struct.pack(">HBBI", 0, 0x08, 1, 2**30) + bytes(10)
    tracemalloc.start()
    try:
        refused(tmp_path / "f", gzip.compress(content) if compressed else content)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20


def test_nothing_is_run(tmp_path: Path) -> None:
    """A pickle is not an IDX file."""
    import pickle

    assert "starts with the bytes 80" in refused(tmp_path / "f", pickle.dumps({"a": 1}))
