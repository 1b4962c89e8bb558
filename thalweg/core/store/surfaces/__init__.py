"""Surfaces as files, in the formats that other tools read: one entry point, by the name's suffix.

| suffix       | format                                                     | written for                   |
|--------------|------------------------------------------------------------|-------------------------------|
| .h5, .hdf5   | the HDF5 layout of tomgoldstein/loss-landscape             | the field's own scripts       |
| .npz         | named numpy arrays                                         | numpy                         |
| .vts         | VTK XML structured grid, the loss as height and as data    | ParaView, PyVista             |
| .csv         | one line for each grid point                               | spreadsheets, pandas, R       |

Every format gives back what was written, bit for bit, values that are not finite included; a loss that was not
computed (a coarse picture's interpolation) is not written.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from thalweg.core.files import replacing
from thalweg.core.store.surfaces import csv, hdf5, npz, vts
from thalweg.core.store.surfaces.surface import Surface, SurfaceError

__all__ = ["FORMATS", "SUFFIXES", "Surface", "SurfaceFileError", "read_surface", "write_surface"]

FORMATS: dict[str, tuple[Callable[[Path, Surface], None], Callable[[Path], Surface]]] = {
    ".h5": (hdf5.write, hdf5.read),
    ".hdf5": (hdf5.write, hdf5.read),
    ".npz": (npz.write, npz.read),
    ".vts": (vts.write, vts.read),
    ".csv": (csv.write, csv.read),
}
MOST_BYTES = 2**30
"""Size of the largest file that is read."""

SUFFIXES = tuple(FORMATS)
"""The suffixes that can be written and read."""


class SurfaceFileError(Exception):
    """A surface file that cannot be read or written; one sentence names the file and the reason."""


def write_surface(path: Path | str, surface: Surface) -> None:
    """Write a surface in the format of the path's suffix; on any failure an older file is intact.

    Raises SurfaceFileError for a suffix that is none of ``SUFFIXES`` and for a file that cannot be written.
    """
    path = Path(path)
    write, _ = _format(path)
    try:
        with replacing(path) as temporary:
            write(temporary, surface.computed())
    except OSError as e:
        raise SurfaceFileError(f"{path}: cannot be written: {e.strerror or e}") from None


def read_surface(path: Path | str) -> Surface:
    """Read a surface in the format of the path's suffix.

    Raises SurfaceFileError for a file that is missing, foreign, cut short, contradicts itself, or was written by a
    newer version. Nothing in a file is ever executed: numpy reads it without pickles.
    """
    path = Path(path)
    _, read = _format(path)
    if not path.is_file():
        raise SurfaceFileError(f"{path}: there is no such file")
    try:
        if path.stat().st_size > MOST_BYTES:
            raise SurfaceError(f"too large: {path.stat().st_size:,} bytes, where {MOST_BYTES:,} are accepted")
        return read(path)
    except SurfaceError as e:
        raise SurfaceFileError(f"{path}: {e}") from None
    except OSError as e:
        raise SurfaceFileError(f"{path}: cannot be read: {e.strerror or e}") from None


def _format(path: Path) -> tuple[Callable[[Path, Surface], None], Callable[[Path], Surface]]:
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        accepted = ", ".join(SUFFIXES)
        raise SurfaceFileError(f"{path}: a surface's name ends in one of {accepted}, not {path.suffix!r}") from None
