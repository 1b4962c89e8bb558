"""Surfaces as named numpy arrays.

Arrays ``x`` [nx], ``y`` [ny], ``loss``, ``accuracy`` (0 to 1) and ``evaluated`` [ny, nx]; ``format``, ``version`` and
``about`` (JSON) as scalars. No pickles, neither written nor read.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from thalweg.core.store.surfaces.surface import (
    FORMAT,
    VERSION,
    Surface,
    SurfaceError,
    check_size,
    check_version,
    dump_about,
    load_about,
)

_ARRAYS = ("x", "y", "loss", "accuracy", "evaluated")


def write(path: Path, surface: Surface) -> None:
    """Write the arrays, compressed. Raises OSError."""
    arrays = {name: getattr(surface, name) for name in _ARRAYS}
    with path.open("wb") as file:  # given a name, numpy would add a suffix to it
        np.savez_compressed(file, format=FORMAT, version=VERSION, about=dump_about(surface.about), **arrays)


def read(path: Path) -> Surface:
    """Read the arrays. Raises SurfaceError, OSError."""
    if not zipfile.is_zipfile(path):
        raise SurfaceError("not an NPZ file, or cut short")
    try:
        with zipfile.ZipFile(path) as packed:
            check_size(max((entry.file_size for entry in packed.infolist()), default=0) // 8)
        with np.load(path, allow_pickle=False) as found:
            if "format" not in found or str(found["format"]) != FORMAT:
                raise SurfaceError("an NPZ file, but not a surface of Thalweg")
            check_version(found["version"][()])
            about = load_about(str(found["about"]))
            x, y, loss, accuracy, evaluated = (found[name] for name in _ARRAYS)
            return Surface(x, y, loss, accuracy, evaluated, about)
    except SurfaceError:
        raise
    except (KeyError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, MemoryError) as e:
        raise SurfaceError(f"a damaged surface ({e})") from None
