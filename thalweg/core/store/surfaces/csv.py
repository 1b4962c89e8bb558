"""Surfaces as text: one line for each grid point.

Two comment lines (how many points, and the description as JSON), the names ``x,y,loss,accuracy``, then a line for each
point, x fastest. Floats have the fewest digits that give the same number back; what is not finite is nan, inf or
-inf; a point that was not computed has no loss and no accuracy. ``pandas.read_csv(path, comment="#")`` reads it.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from thalweg.core.store.surfaces.surface import (
    FORMAT,
    VERSION,
    Surface,
    SurfaceError,
    check_version,
    dump_about,
    load_about,
)

_FIRST = re.compile(rf"# {FORMAT} (\d{{1,9}}): (\d{{1,9}}) x (\d{{1,9}}) points")
_ABOUT = "# about: "
_NAMES = "x,y,loss,accuracy"


def write(path: Path, surface: Surface) -> None:
    """Write the lines. Raises OSError."""
    lines = [
        f"# {FORMAT} {VERSION}: {len(surface.x)} x {len(surface.y)} points",
        _ABOUT + dump_about(surface.about),
        _NAMES,
    ]
    x, losses, shares = surface.x.tolist(), surface.loss.tolist(), surface.accuracy.tolist()
    for y, loss, share, done in zip(surface.y.tolist(), losses, shares, surface.evaluated.tolist(), strict=True):
        for i, at in enumerate(x):
            lines.append(f"{at!r},{y!r}," + (f"{loss[i]!r},{share[i]!r}" if done[i] else ","))
    path.write_bytes(("\n".join(lines) + "\n").encode("ascii"))


def read(path: Path) -> Surface:
    """Read the lines. Raises SurfaceError, OSError."""
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise SurfaceError("not a surface of Thalweg (not plain text)") from None
    if "\npart,step,alpha,beta," in text:
        raise SurfaceError("the table of a figure, path included; a landscape that can be opened is .h5, .npz or .vts")
    whole = text.endswith("\n")
    lines = text.splitlines()
    first = _FIRST.fullmatch(lines[0]) if lines else None
    if not first:
        raise SurfaceError(f"not a surface of Thalweg (its first line does not begin with '# {FORMAT}')")
    version, columns, rows = map(int, first.groups())
    check_version(version)
    if not whole or len(lines) != 3 + rows * columns or lines[2] != _NAMES or not lines[1].startswith(_ABOUT):
        raise SurfaceError(
            f"cut short or damaged: {max(0, len(lines) - 3)} points, where {rows * columns} were written"
        )
    about = load_about(lines[1].removeprefix(_ABOUT))
    return _surface([line.split(",") for line in lines[3:]], (rows, columns), about)


def _surface(cells: list[list[str]], shape: tuple[int, int], about: dict[str, str]) -> Surface:
    try:
        table = np.array([[float(c) if c else np.nan for c in row] for row in cells], dtype=np.float64)
        x, y, loss, accuracy = table.T.reshape(4, *shape)
    except ValueError as e:
        raise SurfaceError(f"a damaged surface ({e})") from None
    if (x != x[:1]).any() or (y != y[:, :1]).any():
        raise SurfaceError("its points do not lie on a grid")
    evaluated = np.array([bool(row[2]) for row in cells]).reshape(shape)
    return Surface(x[0].copy(), y[:, 0].copy(), loss.copy(), accuracy.copy(), evaluated, about)
