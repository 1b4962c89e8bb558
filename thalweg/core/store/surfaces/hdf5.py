"""Surfaces in the HDF5 layout of the field's reference tool, tomgoldstein/loss-landscape (Li et al. 2018).

Datasets ``xcoordinates`` [nx], ``ycoordinates`` [ny], ``train_loss`` and ``train_acc``; the accuracy is in per cent; -1
in both stands for a point that was not computed (there, ``plot_surface.crunch``).

Orientation: rows are y. ``crunch`` allocates its arrays as (nx, ny), but numbers the points by ``meshgrid(x, y)``,
which has x fastest, and fills the raveled array: the *memory* is that of [y, x]. On a square grid that is simply
``train_loss[j, i]`` at ``(x[i], y[j])``, and so do ``plot_2D`` and ``h52vtp`` draw it. On a grid that is not square the
reference's shape and memory disagree, and its own plots refuse the file. So [ny, nx] is written, which its contour
plots read; and where the shape in a file is (nx, ny), the memory is believed, not the shape.

What the layout has no place for stands beside it, where other readers overlook it: the attributes ``format`` and
``version``, ``about`` (JSON), and ``accuracy`` (0 to 1), as 100 times a share cannot always be divided back exactly.
"""

from __future__ import annotations

from pathlib import Path

import h5py
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

_UNFILLED = -1.0


def write(path: Path, surface: Surface) -> None:
    """Write the datasets. Raises OSError.

    In HDF5 1.10's layout and with strings of fixed length, whose metadata have checksums: on the older layout's, a
    damaged byte can make the HDF5 library itself crash.
    """
    with h5py.File(path, "w", libver=("v110", "v110")) as h:
        put(h, surface)


def put(h: h5py.Group, surface: Surface) -> None:
    """The datasets of a surface into an open file, or a group of one. Raises OSError."""
    h.attrs["format"], h.attrs["version"] = np.bytes_(FORMAT), VERSION
    h["xcoordinates"], h["ycoordinates"] = surface.x, surface.y
    h["train_loss"] = np.where(surface.evaluated, surface.loss, _UNFILLED)
    h["train_acc"] = np.where(surface.evaluated, 100 * surface.accuracy, _UNFILLED)
    h["accuracy"] = surface.accuracy
    h["about"] = np.bytes_(dump_about(surface.about))


def read(path: Path) -> Surface:
    """Read the datasets, of Thalweg or of the reference tool. Raises SurfaceError, OSError."""
    try:
        h = h5py.File(path, "r")
    except OSError as e:
        raise SurfaceError(f"not an HDF5 file, or cut short ({e})") from None
    with h:
        try:
            return _surface(h)
        except (KeyError, TypeError, ValueError, OSError, RuntimeError, MemoryError) as e:
            if isinstance(e, SurfaceError):
                raise
            raise SurfaceError(f"a damaged surface ({e})") from None


def _surface(h: h5py.File) -> Surface:
    form = _text(h.attrs.get("format", FORMAT))
    if form == "thalweg run":
        raise SurfaceError("a run, not a surface; draw it with `thalweg render`")
    if form != FORMAT:
        raise SurfaceError(f"an HDF5 file, but not a surface: its format is {form!r}")
    if "version" in h.attrs:
        check_version(h.attrs["version"])
    if "xcoordinates" in h and "train_loss" in h and "ycoordinates" not in h:
        raise SurfaceError("a curve (it has no ycoordinates), not a surface")
    if missing := [name for name in ("xcoordinates", "ycoordinates", "train_loss") if name not in h]:
        raise SurfaceError(f"an HDF5 file, but not a surface: it has no {missing[0]}")
    x, y = _numbers(h, "xcoordinates"), _numbers(h, "ycoordinates")
    shape = (len(y), len(x))
    loss = _grid(h, "train_loss", shape)
    percent = _grid(h, "train_acc", shape) if "train_acc" in h else None
    evaluated = ~((loss == _UNFILLED) & (True if percent is None else percent == _UNFILLED))
    share = np.full(shape, np.nan) if percent is None else percent / 100
    if "accuracy" in h and percent is not None:
        ours = _grid(h, "accuracy", shape)
        share = np.where(100 * ours == percent, ours, share)
    about = load_about(_text(h["about"][()])) if "about" in h else {}
    if "dir_file" in h:
        about.setdefault("directions", _text(h["dir_file"][()]))
    return Surface(x, y, loss, share, evaluated, about).computed()


def _numbers(h: h5py.File, name: str) -> np.ndarray:
    found = h[name]
    if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "fiu" or found.ndim != 1:
        raise SurfaceError(f"a damaged surface ({name} holds no row of numbers)")
    check_size(found.size)
    numbers: np.ndarray = found[()].astype(np.float64)
    return numbers


def _grid(h: h5py.File, name: str, shape: tuple[int, int]) -> np.ndarray:
    """The values as [ny, nx]; from the memory order, where the file says (nx, ny)."""
    found = h[name]
    if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "fiu":
        raise SurfaceError(f"a damaged surface ({name} holds no numbers)")
    if found.shape not in (shape, shape[::-1]):
        raise SurfaceError(f"its {name} has the shape {found.shape}, but the coordinates ask for {shape}")
    check_size(found.size)
    values: np.ndarray = found[()].astype(np.float64).reshape(shape)
    return values


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
