"""Runs as one HDF5 file: the scene, every line's trajectory, checkpoints and measures, and landscapes.

Layout: attributes ``format`` = "thalweg run", ``version`` = 2, or 3 with layers put back, ``scene`` (TOML) and
``focus`` (the line in front) on the root. ``lines/N`` for each line, with the attributes ``run``, ``parent`` (-1:
none), ``start``, ``head``, ``stride``,
``live`` (its run went on along it), ``forgotten`` (branches alone need it), where it has ended, ``ended`` (JSON), and
where it began with a layer put back to its start, ``put_back`` (the layer's number, from 1); in it

- ``trajectory/steps`` int64 [n], ``trajectory/parameters`` float32 [n, size], ``trajectory/epoch`` and
  ``trajectory/at`` int64 [n] (passes begun, examples of this pass used); for a network with running statistics
  ``trajectory/buffers`` float32 [n, count]; where they were counted, ``trajectory/evaluations`` int64 [n] (gradients,
  and products with the Hessian) and ``trajectory/seconds`` float64 [n] (time spent in training steps);
- ``checkpoints/rows`` int64 [k], the rows of the trajectory that training can go on from,
  ``checkpoints/memory/NAME/rows`` and ``values`` [r, ...] (the optimiser's), ``checkpoints/passes`` int64 [p]
  and ``checkpoints/streams`` uint8 [p, bytes] (the generator's state from which the order of a pass is drawn);
- ``changes/steps`` int64 [c] and ``changes/optimisers`` [c] (JSON): from which step on which optimiser;
- ``epochs`` int64: the steps at which passes began; ``series/NAME`` float64 [m] with ``series/step`` among them
  (``series/evaluations`` and ``series/seconds`` where they were counted). Two files of the same run differ in their
  seconds alone.

Texts have a fixed length, so that all metadata have checksums: a damaged byte elsewhere can make the HDF5 library
itself hang. ``landscapes/N`` are surfaces in the field's layout, see :mod:`thalweg.core.store.surfaces.hdf5`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from pydantic import ValidationError

from thalweg.core.files import replacing
from thalweg.core.scene import OptimiserSpec, SpecError, dumps, loads
from thalweg.core.scene.spec import explain
from thalweg.core.store.recording import NO_BUFFERS, LineRecord, Recording, Remembered
from thalweg.core.store.soundness import check
from thalweg.core.store.surfaces import Surface
from thalweg.core.store.surfaces.hdf5 import put as put_surface

FORMAT = "thalweg run"
OLDEST, VERSION = 2, 3
"""The formats that are read. What says nothing of layers put back is written in the older one, which others read."""

TOGETHER = 2**20
"""Bytes that are written at once, so that whoever shares the processor with the writer does not wait for long."""


class RunFileError(Exception):
    """A run file that cannot be read or written; the text names the file and the reason."""


class ForeignFileError(RunFileError):
    """An HDF5 file that is no run."""


# --- writing ---------------------------------------------------------------------------------------------------------


def write(path: Path, recording: Recording, landscapes: Sequence[Surface] = ()) -> None:
    """Write a run file; on any failure the old file is intact. Raises RunFileError."""
    try:
        with replacing(path) as temporary, h5py.File(temporary, "w", libver=("v110", "v110")) as h:
            jumps = any(line.put_back for line in recording.lines)
            h.attrs["format"], h.attrs["version"] = _bytes(FORMAT), VERSION if jumps else OLDEST
            h.attrs["scene"], h.attrs["focus"] = _bytes(dumps(recording.scene)), recording.focus
            lines, kept = _group(h, "lines"), _group(h, "landscapes")
            for line in recording.lines:
                _put_line(_group(lines, str(line.number)), line)
            for number, surface in enumerate(landscapes):
                put_surface(_group(kept, str(number)), surface)
    except (OSError, RuntimeError) as e:  # a full disk is found out when the file is closed, by HDF5
        raise RunFileError(f"{path}: cannot be written: {_reason(e)}") from None


def _reason(error: Exception) -> str:
    """What the system said, out of all that HDF5 makes of it."""
    said = re.search(r"error message = '([^']*)'", str(error))
    return said[1] if said else getattr(error, "strerror", None) or str(error)


def _group(h: h5py.Group, name: str) -> h5py.Group:
    return h.create_group(name, track_times=False)  # the same run is the same file, whenever it is written


def _bytes(text: str) -> np.bytes_:
    """A text as it stands in an attribute: of fixed length, as one of any length lies in a heap without checksum."""
    return np.bytes_(text.encode())


def _put_line(h: h5py.Group, line: LineRecord) -> None:
    h.attrs["run"], h.attrs["parent"] = line.run, -1 if line.parent is None else line.parent
    h.attrs["start"], h.attrs["head"], h.attrs["stride"] = line.start, line.head, line.stride
    h.attrs["live"], h.attrs["forgotten"] = line.live, line.forgotten
    if line.ended:
        h.attrs["ended"] = _bytes(json.dumps(line.ended))
    if line.put_back:
        h.attrs["put_back"] = line.put_back
    trajectory = _group(h, "trajectory")
    trajectory["steps"] = line.steps.astype(np.int64)
    _put_rows(trajectory, "parameters", line.parameters)
    trajectory["epoch"], trajectory["at"] = line.epochs.astype(np.int64), line.at.astype(np.int64)
    if len(line.evaluations):
        trajectory["evaluations"] = line.evaluations.astype(np.int64)
    if len(line.seconds):
        trajectory["seconds"] = line.seconds.astype(np.float64)
    if len(line.buffers):
        _put_rows(trajectory, "buffers", line.buffers)
    checkpoints = _group(h, "checkpoints")
    checkpoints["rows"] = line.whole.astype(np.int64)
    memory = _group(checkpoints, "memory")
    for name, kept in line.memory.items():
        of = _group(memory, name)
        of["rows"] = kept.rows.astype(np.int64)
        _put_rows(of, "values", kept.values)
    checkpoints["passes"] = np.array(list(line.streams), dtype=np.int64)
    checkpoints["streams"] = np.array(list(line.streams.values()), dtype=np.uint8)
    changes = _group(h, "changes")
    changes["steps"] = np.array([step for step, _ in line.changes], dtype=np.int64)
    changes["optimisers"] = np.array([o.model_dump_json().encode() for _, o in line.changes])
    h["epochs"] = line.passes.astype(np.int64)
    series = _group(h, "series")
    series.attrs["names"] = _bytes(json.dumps(list(line.series)))
    for name, values in line.series.items():
        series[name] = values


def _put_rows(h: h5py.Group, name: str, rows: Sequence[np.ndarray] | np.ndarray) -> None:
    """A data set of equally large rows, a few at a time: they are not copied into one array first."""
    shape = rows[0].shape if len(rows) else (0,)
    data = h.create_dataset(name, (len(rows), *shape), np.float32)
    few = max(1, TOGETHER // max(1, 4 * int(np.prod(shape))))
    for start in range(0, len(rows), few):
        data[start : start + few] = np.stack(list(rows[start : start + few]))


# --- reading ---------------------------------------------------------------------------------------------------------


def holds_run(path: Path) -> bool:
    """Whether an HDF5 file says that it is a run of Thalweg; raises RunFileError for one that cannot be opened."""
    if not path.is_file():
        raise RunFileError(f"{path}: there is no such file")
    try:
        with h5py.File(path, "r") as h:
            return bool(_text(h.attrs.get("format")) == FORMAT)
    except OSError as e:
        raise RunFileError(f"{path}: not an HDF5 file, or cut short ({e})") from None


def read(path: Path) -> Recording:
    """Read a run file; raises RunFileError for one that is missing, not ours, cut short or of another version."""
    if not path.is_file():
        raise RunFileError(f"{path}: there is no such file")
    try:
        with h5py.File(path, "r") as h:
            if _text(h.attrs.get("format")) != FORMAT:
                raise ForeignFileError(f"{path}: an HDF5 file, but not a run of Thalweg")
            version = int(h.attrs["version"])
            if version > VERSION:
                raise RunFileError(
                    f"{path}: written by a newer Thalweg (format {version}; this one reads up to {VERSION})"
                )
            if version < OLDEST:
                raise RunFileError(f"{path}: written by an early Thalweg (format {version}); run its scene again")
            scene = loads(_text(h.attrs["scene"]), path.name)
            lines = tuple(_line(int(name), h["lines"][name]) for name in sorted(h["lines"], key=int))
            found = Recording(scene, lines, int(h.attrs["focus"]))
            check(found)
    except OSError as e:
        raise RunFileError(f"{path}: not an HDF5 file, or cut short ({e})") from None
    except (KeyError, ValueError, TypeError, AttributeError, IndexError, SpecError, RuntimeError, MemoryError) as e:
        raise RunFileError(f"{path}: a damaged run file ({e})") from None
    return found


def _line(number: int, h: h5py.Group) -> LineRecord:
    trajectory, checkpoints = h["trajectory"], h["checkpoints"]
    ended = json.loads(_text(h.attrs["ended"])) if "ended" in h.attrs else None
    found = LineRecord(
        steps=_column(trajectory["steps"]),
        parameters=np.asarray(trajectory["parameters"][()]),
        series={name: _column(h["series"][name]) for name in json.loads(_text(h["series"].attrs["names"]))},
        buffers=np.asarray(trajectory["buffers"][()]) if "buffers" in trajectory else NO_BUFFERS,
        epochs=_column(trajectory["epoch"]),
        at=_column(trajectory["at"]),
        evaluations=_column(trajectory["evaluations"]) if "evaluations" in trajectory else np.empty(0, dtype=np.int64),
        seconds=_column(trajectory["seconds"]) if "seconds" in trajectory else np.empty(0),
        whole=_column(checkpoints["rows"]),
        memory={name: _remembered(h) for name, h in checkpoints["memory"].items()},
        streams=dict(zip(_column(checkpoints["passes"]).tolist(), np.asarray(checkpoints["streams"][()]), strict=True)),
        live=bool(h.attrs["live"]),
        forgotten=bool(h.attrs["forgotten"]),
        changes=tuple(
            (int(step), _optimiser(bytes(text)))
            for step, text in zip(h["changes/steps"][()], h["changes/optimisers"][()], strict=True)
        ),
        passes=_column(h["epochs"], 0),
        number=number,
        run=int(h.attrs["run"]),
        parent=None if h.attrs["parent"] < 0 else int(h.attrs["parent"]),
        start=int(h.attrs["start"]),
        head=int(h.attrs["head"]),
        stride=int(h.attrs["stride"]),
        ended=(int(ended[0]), str(ended[1]), int(ended[2])) if ended else None,
        put_back=int(h.attrs.get("put_back", 0)),
    )
    return found


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _optimiser(text: bytes) -> OptimiserSpec:
    try:
        return OptimiserSpec.model_validate_json(text)
    except ValidationError as e:
        raise ValueError(f"changes: {explain(e, OptimiserSpec)}".partition("\n")[0]) from None


def _remembered(h: h5py.Group) -> Remembered:
    return Remembered(_column(h["rows"]), np.asarray(h["values"][()]))


def _column(data: h5py.Dataset, least: int = 1) -> np.ndarray:
    """A data set of numbers in one dimension."""
    found = np.asarray(data[()])
    if found.ndim != 1 or found.dtype.kind not in "fiu" or len(found) < least:
        raise ValueError(f"{data.name}: shape {found.shape} of {found.dtype}, expected numbers in one dimension")
    return found
