"""The IDX file format: a typed, big-endian array behind a short header.

Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits", section "File formats". The
header is two zero bytes, one byte for the element type, one for the number of dimensions, then each dimension
as 32 bits.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thalweg.core.data.dataset import DataError

ELEMENT_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""The format's element types: code in the header, numpy's name."""

MAX_DIMENSIONS = 32
"""More dimensions than this are refused (numpy 1 has no more)."""

MAX_BYTES = 1 << 30
"""A header that announces more bytes of values than this is refused (MNIST's largest file has 47 million)."""

_GZIP_MAGIC = b"\x1f\x8b"
_PIECE = 1 << 20


def read_idx(path: str | Path) -> NDArray[Any]:
    """The array in an IDX file, plain or compressed with gzip (told by its content, not its name).

    Shape and element type are those in the header; the values are in this machine's byte order. Memory is
    taken for what the file holds, never for what its header promises.

    Raises :class:`DataError`, naming the file, what was found and what was expected, for a file that is
    missing, unreadable, empty, not IDX, damaged, or shorter or longer than its header says.
    """
    path = Path(path)
    try:
        with _opened(path) as stream:
            dtype, shape = _header(path, stream)
            values = _values(path, stream, dtype, shape)
    except EOFError as error:
        raise DataError(f"{path}: the compressed data breaks off; expected a whole gzip file") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: damaged gzip data ({error}); expected a whole gzip file") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}); expected an IDX file") from error
    return values.reshape(shape).astype(dtype.newbyteorder("="), copy=False)


@contextmanager
def _opened(path: Path) -> Iterator[BufferedIOBase]:
    if path.is_dir():
        raise DataError(f"{path}: is a folder; expected an IDX file")
    if path.exists() and not path.is_file():  # a pipe would wait for ever
        raise DataError(f"{path}: is not a regular file; expected an IDX file")
    with path.open("rb") as raw:
        compressed = raw.read(2) == _GZIP_MAGIC
        raw.seek(0)
        if not compressed:
            yield raw
            return
        with gzip.GzipFile(fileobj=raw) as unpacked:
            yield unpacked


def _header(path: Path, stream: BufferedIOBase) -> tuple[np.dtype[Any], tuple[int, ...]]:
    magic = stream.read(4)
    if not magic:
        raise DataError(f"{path}: is empty; expected an IDX file")
    known = len(magic) == 4 and magic[:2] == b"\0\0" and magic[2] in ELEMENT_TYPES
    if not known or not 1 <= magic[3] <= MAX_DIMENSIONS:
        types = ", ".join(f"{code:02x}" for code in ELEMENT_TYPES)
        raise DataError(
            f"{path}: starts with the bytes {magic.hex(' ')}; expected an IDX header: "
            f"00 00, an element type ({types}) and the number of dimensions (01 to {MAX_DIMENSIONS:02x})"
        )
    sizes = stream.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise DataError(f"{path}: ends within the header; expected {magic[3]} dimensions of 4 bytes each")
    return np.dtype(ELEMENT_TYPES[magic[2]]), struct.unpack(f">{magic[3]}I", sizes)


def _values(path: Path, stream: BufferedIOBase, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    announced = f"({' × '.join(f'{n:,}' for n in shape)} values of {dtype.itemsize} bytes)"
    # An empty dimension makes the product zero and would let absurd others through to reshape.
    if math.prod(max(n, 1) for n in shape) * dtype.itemsize > MAX_BYTES:
        raise DataError(f"{path}: the header announces {announced[1:-1]}; expected at most {MAX_BYTES:,} bytes")
    size = math.prod(shape) * dtype.itemsize
    payload = bytearray()
    while len(payload) < size and (piece := stream.read(min(_PIECE, size - len(payload)))):
        payload += piece
    if len(payload) < size:
        raise DataError(f"{path}: ends after {len(payload):,} bytes of values; expected {size:,} {announced}")
    if stream.read(1):
        raise DataError(f"{path}: goes on after {size:,} bytes of values; expected to end there {announced}")
    return np.frombuffer(payload, dtype)
