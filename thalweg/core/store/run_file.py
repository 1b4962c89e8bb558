"""A run as one HDF5 file: the scene, the trajectory of the parameters, the series of the measures.

Layout: attributes ``format`` = "thalweg run", ``version`` = 1 and ``scene`` (TOML) on the root;
``trajectory/steps`` int64 [n], ``trajectory/parameters`` float32 [n, size]; for a network with running statistics
``trajectory/buffers`` float32 [n, count]; ``series/NAME`` float64 [m] with ``series/step`` among them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from thalweg.core.files import replacing
from thalweg.core.scene import Scene, SpecError, dumps, loads
from thalweg.core.scene.layers import buffer_count, parameter_count

FORMAT = "thalweg run"
VERSION = 1

CURVES = ("step", "train_loss", "train_accuracy", "test_loss", "test_accuracy")
"""The series that every run has."""


class RunFileError(Exception):
    """A run file that cannot be read or written; the text names the file and the reason."""


@dataclass(frozen=True)
class Recording:
    """What happened in a run: parameters [n, size] at the steps [n], and the measures by name.

    ``buffers`` [n, count] are the running statistics at these steps, nothing for networks that have none.
    """

    scene: Scene
    steps: np.ndarray
    parameters: np.ndarray
    series: dict[str, np.ndarray]
    buffers: np.ndarray = field(default_factory=lambda: np.empty((0, 0), dtype=np.float32))

    def buffers_at(self, index: int) -> np.ndarray:
        """The running statistics [count] of the recorded step of this index."""
        return self.buffers[index] if self.buffers.size else np.empty(0, dtype=np.float32)

    def nearest(self, step: int | None) -> int:
        """Index of the recorded step nearest to ``step``; of the last when None."""
        return len(self.steps) - 1 if step is None else int(np.abs(self.steps - step).argmin())


def write(path: Path, recording: Recording) -> None:
    """Write a run file; on any failure the old file is intact. Raises RunFileError."""
    try:
        with replacing(path) as temporary, h5py.File(temporary, "w", libver=("v110", "v110")) as h:
            h.attrs["format"], h.attrs["version"], h.attrs["scene"] = FORMAT, VERSION, dumps(recording.scene)
            for group in ("trajectory", "series"):
                h.create_group(group, track_times=False)  # the same run is the same file, whenever it is written
            h["trajectory/steps"] = recording.steps.astype(np.int64)
            h["trajectory/parameters"] = recording.parameters.astype(np.float32)
            if recording.buffers.size:
                h["trajectory/buffers"] = recording.buffers.astype(np.float32)
            for name, values in recording.series.items():
                h[f"series/{name}"] = values
    except OSError as e:
        raise RunFileError(f"{path}: cannot be written: {e.strerror or e}") from None


def holds_run(path: Path) -> bool:
    """Whether an HDF5 file says that it is a run of Thalweg; raises RunFileError for one that cannot be opened."""
    if not path.is_file():
        raise RunFileError(f"{path}: there is no such file")
    try:
        with h5py.File(path, "r") as h:
            return bool(h.attrs.get("format") == FORMAT)
    except OSError as e:
        raise RunFileError(f"{path}: not an HDF5 file, or cut short ({e})") from None


def read(path: Path) -> Recording:
    """Read a run file; raises RunFileError for one that is missing, not ours, cut short or of a newer version."""
    if not path.is_file():
        raise RunFileError(f"{path}: there is no such file")
    try:
        with h5py.File(path, "r") as h:
            if h.attrs.get("format") != FORMAT:
                raise RunFileError(f"{path}: an HDF5 file, but not a run of Thalweg")
            if h.attrs["version"] > VERSION:
                raise RunFileError(
                    f"{path}: written by a newer Thalweg (format {h.attrs['version']}; this one reads up to {VERSION})"
                )
            found = Recording(
                scene=loads(str(h.attrs["scene"]), path.name),
                steps=_column(h["trajectory/steps"]),
                parameters=np.asarray(h["trajectory/parameters"][()]),
                series={name: _column(h["series"][name]) for name in h["series"]},
                buffers=_buffers(h),
            )
            _check(found)
    except OSError as e:
        raise RunFileError(f"{path}: not an HDF5 file, or cut short ({e})") from None
    except (KeyError, ValueError, TypeError, AttributeError, SpecError) as e:
        raise RunFileError(f"{path}: a damaged run file ({e})") from None
    return found


def _buffers(h: h5py.File) -> np.ndarray:
    """The running statistics; nothing where the file has none, as those of networks without, and all old ones."""
    found = h["trajectory"].get("buffers")
    return np.empty((0, 0), dtype=np.float32) if found is None else np.asarray(found[()])


def _column(data: h5py.Dataset) -> np.ndarray:
    """A data set of numbers in one dimension."""
    found = np.asarray(data[()])
    if found.ndim != 1 or found.dtype.kind not in "fiu" or not len(found):
        raise ValueError(f"{data.name}: shape {found.shape} of {found.dtype}, expected numbers in one dimension")
    return found


def _check(found: Recording) -> None:
    """Raise ValueError unless everything that is drawn is there and fits together."""
    size, count = (counted(found.scene.run.network) for counted in (parameter_count, buffer_count))
    if found.parameters.shape != (len(found.steps), size) or found.parameters.dtype.kind != "f":
        raise ValueError(f"parameters: shape {found.parameters.shape}, expected ({len(found.steps)}, {size})")
    wanted = (len(found.steps), count) if count else (0, 0)
    if found.buffers.shape != wanted or found.buffers.dtype != np.float32:
        raise ValueError(f"buffers: shape {found.buffers.shape} of {found.buffers.dtype}, expected {wanted} of float32")
    lengths = {len(values) for values in found.series.values()}
    if missing := [name for name in CURVES if name not in found.series]:
        raise ValueError(f"series: {', '.join(missing)} missing")
    if len(lengths) != 1:
        raise ValueError(f"series: lengths {sorted(lengths)}, expected one length")
