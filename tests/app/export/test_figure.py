"""Writing to files: the suffix decides, and a failure says why and harms nothing."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from thalweg.app.export import figure
from thalweg.app.export.figure import ExportError, FigureTable, export
from thalweg.core import files as atomic

TABLE = FigureTable(("loss per step",), {"step": np.arange(3), "loss": np.array([1.0, 0.5, 0.1])})
STARTS = {
    ".png": b"\x89PNG",
    ".svg": b"<?xml",
    ".pdf": b"%PDF",
    ".csv": b"# loss per step\nstep,loss\n0,1.0\n",
}


@pytest.mark.parametrize("suffix", [*STARTS, ".PNG", ".Pdf"])
def test_suffix_decides(make_figure, tmp_path, suffix):
    """Each accepted ending, in any case, and nothing else left in the folder."""
    path = tmp_path / f"figure{suffix}"
    export(make_figure(), path, table=TABLE)
    assert path.read_bytes().startswith(STARTS[suffix.lower()])
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a.jpg", "'.jpg' does not say.*accepted are .png, .svg, .pdf$"),
        ("figure", "without an ending"),
        ("a.csv", "no table of numbers; accepted are .png, .svg, .pdf$"),
        ("missing/a.png", "there is no folder .*missing"),
        ("folder.pdf", "this is a folder"),
        ("a\0b.png", "null"),
        ("x" * 300 + ".svg", "too long"),
    ],
)
def test_paths_that_cannot_be(make_figure, tmp_path, name, reason):
    """One sentence that begins with the path."""
    (tmp_path / "folder.pdf").mkdir()
    with pytest.raises(ExportError, match=reason) as refusal:
        export(make_figure(), tmp_path / name)
    assert str(refusal.value).startswith(str(tmp_path / name))
    assert [p.name for p in tmp_path.iterdir()] == ["folder.pdf"]


@pytest.mark.parametrize("suffix", STARTS)
def test_full_disk_leaves_the_old_file(make_figure, tmp_path, monkeypatch, suffix):
    """A real ENOSPC while the new file is written."""
    path = tmp_path / f"figure{suffix}"
    path.write_bytes(b"old")

    def full(dir: Path, prefix: str) -> tuple[int, str]:
        (tmp_path / "unfinished").symlink_to("/dev/full")
        return os.open(os.devnull, os.O_WRONLY), str(tmp_path / "unfinished")

    monkeypatch.setattr(atomic.tempfile, "mkstemp", full)
    with pytest.raises(ExportError, match=f"{path}: cannot be written: {os.strerror(errno.ENOSPC)}"):
        export(make_figure(), path, table=TABLE)
    assert path.read_bytes() == b"old"


def test_unwritable_folder(make_figure, tmp_path, monkeypatch):
    """Refused by the system, told in its words."""
    path = tmp_path / "a.svg"
    path.write_bytes(b"old")

    def refused(*args: object, **kwargs: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "elsewhere")

    monkeypatch.setattr(atomic.tempfile, "mkstemp", refused)
    with pytest.raises(ExportError, match=f"{path}: cannot be written: Permission denied$"):
        export(make_figure(), path)
    assert path.read_bytes() == b"old"


def test_read_only_folder(make_figure, read_only_folder):
    """The same with a real folder and a user whom permissions bind."""
    with pytest.raises(ExportError, match="cannot be written"):
        export(make_figure(), read_only_folder / "a.svg")
    assert list(read_only_folder.iterdir()) == []


def test_drawing_errors_name_the_file(make_figure, tmp_path):
    """An impossible resolution is told with the path, and nothing is written."""
    with pytest.raises(ExportError, match=r"a\.png: at 99999 dpi"):
        export(make_figure(), tmp_path / "a.png", dpi=99999)
    assert list(tmp_path.iterdir()) == []


def test_starting_up_does_not_load_the_routes():
    """QtPdf and QtSvg are loaded by the first export, not by the import."""
    source = Path(figure.__file__).read_text().split("def ")[0]
    assert "raster" not in source
    assert "vector" not in source
