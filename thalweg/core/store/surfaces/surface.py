"""What a surface file holds. Numpy only: the window writes surfaces too, and it never imports torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from thalweg.core.landscape.grid import Landscape

FORMAT = "thalweg surface"
VERSION = 1

MOST_POINTS = 4_000_000
"""Points that a surface may have: 2,000 by 2,000."""


class SurfaceError(ValueError):
    """Arrays, or the content of a file, that are no surface; the text says why."""


@dataclass(frozen=True)
class Surface:
    """A landscape's numbers and words: ``loss[j, i]`` belongs to ``(x[i], y[j])``, as in a Landscape.

    x [nx] and y [ny] ascend; loss [ny, nx] in the objective's unit; accuracy [ny, nx] from 0 to 1, NaN where there is
    none; evaluated [ny, nx] says which values were computed. ``about`` holds what the figure says of itself (axes,
    seed, data), by name. Raises SurfaceError for arrays that do not fit each other.
    """

    x: np.ndarray
    y: np.ndarray
    loss: np.ndarray
    accuracy: np.ndarray
    evaluated: np.ndarray
    about: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("x", "y"):
            values = getattr(self, name)
            if values.ndim != 1 or len(values) == 0 or values.dtype != np.float64:
                raise SurfaceError(f"the {name} coordinates are {_words(values)}, expected float64 of shape (n,)")
            if len(values) < 2:
                raise SurfaceError(f"it has one {name} coordinate only; a surface has two or more each way")
            if not np.isfinite(values).all() or not (np.diff(values) > 0).all():
                raise SurfaceError(f"the {name} coordinates do not ascend")
        shape = (len(self.y), len(self.x))
        for name, kind in (("loss", np.float64), ("accuracy", np.float64), ("evaluated", np.bool_)):
            values = getattr(self, name)
            if values.shape != shape or values.dtype != kind:
                wanted = f"{np.dtype(kind)} of shape {shape}"
                raise SurfaceError(f"its {name} is {_words(values)}, but the coordinates ask for {wanted}")

    @classmethod
    def of(cls, landscape: Landscape, about: Mapping[str, str] | None = None) -> Surface:
        """The surface of a landscape."""
        return cls(
            landscape.x, landscape.y, landscape.loss, landscape.accuracy, landscape.evaluated, dict(about or {})
        )  # fmt: skip

    def computed(self) -> Surface:
        """The same without what was not computed: NaN stands there."""
        return replace(
            self,
            loss=np.where(self.evaluated, self.loss, np.nan),
            accuracy=np.where(self.evaluated, self.accuracy, np.nan),
        )


def _words(values: np.ndarray) -> str:
    return f"{values.dtype} of shape {values.shape}"


def check_size(points: int) -> None:
    """Raises SurfaceError for more points than a surface may have: before they are unpacked into memory."""
    if points > MOST_POINTS:
        raise SurfaceError(f"too large: {points:,} points, where {MOST_POINTS:,} are accepted")


def check_version(version: object) -> None:
    """Raises SurfaceError for a format number that is none, or newer than this one."""
    if not isinstance(version, int | np.integer) or version < 1:
        raise SurfaceError(f"a damaged surface (format number {version!r})")
    if version > VERSION:
        raise SurfaceError(f"written by a newer Thalweg (format {version}; this one reads up to {VERSION})")


def dump_about(about: Mapping[str, str]) -> str:
    """The words as one line of JSON in ASCII, which every format can hold."""
    return json.dumps(dict(about), ensure_ascii=True)


def load_about(text: str) -> dict[str, str]:
    """The words of :func:`dump_about`; raises SurfaceError for anything else."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise SurfaceError("a damaged surface (its description cannot be read)")
    return found
