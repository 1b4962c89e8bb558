"""Surfaces as files: what is written comes back, and other tools' orientation and units are met."""

from __future__ import annotations

import base64
import json
import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thalweg.core.landscape.grid import Landscape
from thalweg.core.store.surfaces import SUFFIXES, Surface, SurfaceFileError, read_surface, write_surface
from thalweg.core.store.surfaces.surface import SurfaceError

X = np.array([-1.0, -0.5, 0.0, 2.0])
Y = np.array([10.0, 20.0, 40.0])


def asymmetric() -> Surface:
    """A 4 x 3 grid whose every value tells where it belongs: loss = 100 x + y."""
    loss = 100 * X[None, :] + Y[:, None]
    accuracy = np.arange(12, dtype=np.float64).reshape(3, 4) / 12
    return Surface(X, Y, loss, accuracy, np.ones((3, 4), dtype=bool), {"x": "negative gradient of layer 1"})


def bits(values: np.ndarray) -> list[object]:
    """Values to compare: the bits of a number, so that -0.0 is not 0.0; every NaN alike."""
    return ["nan" if np.isnan(v) else struct.pack("<d", v) for v in values.ravel()]


def same(a: Surface, b: Surface) -> bool:
    """Whether everything is equal, bit for bit."""
    return (
        bits(a.x) == bits(b.x)
        and bits(a.y) == bits(b.y)
        and a.loss.shape == b.loss.shape
        and bits(a.loss) == bits(b.loss)
        and bits(a.accuracy) == bits(b.accuracy)
        and np.array_equal(a.evaluated, b.evaluated)
        and dict(a.about) == dict(b.about)
    )


@st.composite
def surfaces(draw: st.DrawFn) -> Surface:
    """Grids of every shape with every float in them, and any text."""
    finite = st.floats(allow_nan=False, allow_infinity=False)
    axes = [np.array(sorted(draw(st.sets(finite, min_size=2, max_size=6)))) for _ in range(2)]
    size = len(axes[0]) * len(axes[1])

    def grid(values: st.SearchStrategy[Any], kind: type) -> np.ndarray:
        flat = draw(st.lists(values, min_size=size, max_size=size))
        return np.array(flat, dtype=kind).reshape(len(axes[1]), len(axes[0]))

    shares = st.floats(0, 1) | st.just(np.nan) | st.fractions(0, 1, max_denominator=1000).map(float)
    about = draw(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3))
    losses = st.floats() | st.just(-1.0)
    return Surface(*axes, grid(losses, np.float64), grid(shares, np.float64), grid(st.booleans(), np.bool_), about)


# --- round trips -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(surface=surfaces())
def test_what_is_written_is_read_back_equal(suffix: str, surface: Surface, tmp_path_factory: Any) -> None:
    """Bit for bit, values that are not finite included; nothing where nothing was computed."""
    path = tmp_path_factory.mktemp("surfaces") / f"surface{suffix}"
    write_surface(path, surface)
    assert same(read_surface(path), surface.computed())
    assert [p.name for p in path.parent.iterdir()] == [path.name], "no temporary is left"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_grid_that_is_not_square_keeps_its_orientation(suffix: str, tmp_path: Path) -> None:
    """Every loss says where it belongs."""
    write_surface(tmp_path / f"a{suffix.upper()}", asymmetric())
    found = read_surface(tmp_path / f"a{suffix.upper()}")
    np.testing.assert_array_equal(found.loss, 100 * found.x[None, :] + found.y[:, None])
    assert found.loss.shape == (3, 4)
    assert found.about == {"x": "negative gradient of layer 1"}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_holds_only_what_was_computed(suffix: str, tmp_path: Path) -> None:
    """The interpolated losses of a coarse picture are left out; a computed NaN is told from a point not computed."""
    whole = asymmetric()
    done = np.array([[True, False, True, True]] * 3)
    loss = whole.loss.copy()
    loss[0, 0] = np.nan
    surface = Surface.of(Landscape(X, Y, loss, whole.accuracy, done))
    write_surface(tmp_path / f"a{suffix}", surface)
    found = read_surface(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(found.evaluated, done)
    assert np.isnan(found.loss[:, 1]).all()
    assert np.isnan(found.loss[0, 0])
    assert found.evaluated[0, 0]


# --- as other readers see them ---------------------------------------------------------------------------------------


def test_hdf5_is_as_the_reference_writes_and_draws_it(tmp_path: Path) -> None:
    """Names, per cent, and values where numpy's meshgrid(x, y) puts them, as the reference's plots have it."""
    write_surface(tmp_path / "a.h5", asymmetric())
    with h5py.File(tmp_path / "a.h5") as h:
        x, y = np.meshgrid(h["xcoordinates"][:], h["ycoordinates"][:])
        np.testing.assert_array_equal(h["train_loss"][:], 100 * x + y)
        np.testing.assert_allclose(h["train_acc"][:], 100 * np.arange(12).reshape(3, 4) / 12)
        assert h["train_loss"].dtype == h["train_acc"].dtype == np.float64


@pytest.mark.parametrize("columns", [4, 3])
def test_a_file_of_the_reference_is_read_where_it_was_computed(columns: int, tmp_path: Path) -> None:
    """Made as its plot_surface.crunch fills it: shape (nx, ny), points numbered by meshgrid(x, y), -1 for unfilled."""
    x, y = X[:columns], Y
    losses, accuracies = -np.ones((len(x), len(y))), -np.ones((len(x), len(y)))
    mesh_x, mesh_y = np.meshgrid(x, y)
    for k in range(losses.size - 2):  # the last two are still to be computed
        losses.ravel()[k] = 100 * mesh_x.ravel()[k] + mesh_y.ravel()[k]
        accuracies.ravel()[k] = 50.0
    with h5py.File(tmp_path / "a.h5", "w") as h:
        h["dir_file"] = "net_weights_xnorm=filter.h5"
        h["xcoordinates"], h["ycoordinates"] = x, y
        h["train_loss"], h["train_acc"] = losses, accuracies
    found = read_surface(tmp_path / "a.h5")
    wanted = 100 * x[None, :] + y[:, None]
    assert found.evaluated.sum() == losses.size - 2
    assert not found.evaluated[-1, -2:].any()
    np.testing.assert_array_equal(found.loss[found.evaluated], wanted[found.evaluated])
    assert np.isnan(found.loss[-1, -2:]).all()
    assert set(found.accuracy[found.evaluated]) == {0.5}
    assert found.about == {"directions": "net_weights_xnorm=filter.h5"}


def test_hdf5_accuracy_that_another_tool_has_changed_is_believed(tmp_path: Path) -> None:
    """The share that Thalweg keeps beside it counts only as long as it agrees."""
    write_surface(tmp_path / "a.h5", asymmetric())
    with h5py.File(tmp_path / "a.h5", "a") as h:
        h["train_acc"][0, 0] = 75.0
    assert read_surface(tmp_path / "a.h5").accuracy[0, 0] == 0.75


def vts(text: str) -> dict[str, np.ndarray]:
    """An independent reader of inline binary VTK arrays, by regular expressions."""
    kinds = {"Float64": np.float64, "UInt8": np.uint8, "Int32": np.int32}
    arrays = {}
    for tag, body in re.findall(r"<DataArray ([^>]*)>([^<]*)</DataArray>", text):
        attributes = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        if attributes["format"] == "binary":
            raw = base64.b64decode(body)
            (size,) = struct.unpack("<Q", raw[:8])
            assert size == len(raw) - 8
            arrays[attributes["Name"]] = np.frombuffer(raw[8:], kinds[attributes["type"]])
    return arrays


def test_vtk_grid_parsed_by_another_reader(tmp_path: Path) -> None:
    """Points run along x fastest, the loss as height and as point data, the extent that of the grid."""
    write_surface(tmp_path / "a.vts", asymmetric())
    text = (tmp_path / "a.vts").read_text()
    assert 'WholeExtent="0 3 0 2 0 0"' in text
    assert '<Piece Extent="0 3 0 2 0 0">' in text
    assert 'type="StructuredGrid" version="1.0" byte_order="LittleEndian" header_type="UInt64"' in text
    arrays = vts(text)
    points = arrays["Points"].reshape(-1, 3)
    assert [tuple(p) for p in points[:5]] == [(-1, 10, -90), (-0.5, 10, -40), (0, 10, 10), (2, 10, 210), (-1, 20, -80)]
    np.testing.assert_array_equal(points[:, 2], 100 * points[:, 0] + points[:, 1])
    np.testing.assert_array_equal(arrays["loss"], points[:, 2])
    np.testing.assert_array_equal(arrays["accuracy"], np.arange(12) / 12)
    codes = re.search(r'Name="about"[^>]*>([\d ]*)<', text)
    assert codes is not None
    assert json.loads(bytes(map(int, codes[1].split())).rstrip(b"\0")) == {"x": "negative gradient of layer 1"}


def test_vtk_heights_are_finite_where_losses_are_not(tmp_path: Path) -> None:
    """The geometry can be drawn; the point data says what is."""
    whole = asymmetric()
    whole.loss[0] = [np.nan, np.inf, -np.inf, 5.0]
    write_surface(tmp_path / "a.vts", whole)
    arrays = vts((tmp_path / "a.vts").read_text())
    assert list(arrays["Points"].reshape(-1, 3)[:4, 2]) == [240.0, 240.0, -80.0, 5.0]
    assert bits(arrays["loss"][:4]) == bits(np.array([np.nan, np.inf, -np.inf, 5.0]))
    write_surface(
        tmp_path / "b.vts", Surface(X[:2], Y[:2], np.full((2, 2), np.nan), np.ones((2, 2)), np.ones((2, 2)) > 0)
    )
    assert vts((tmp_path / "b.vts").read_text())["Points"][2] == 0


def test_csv_is_what_a_spreadsheet_expects(tmp_path: Path) -> None:
    """Numpy's own reader gets the same numbers."""
    write_surface(tmp_path / "a.csv", asymmetric())
    table = np.genfromtxt(tmp_path / "a.csv", delimiter=",", names=True, comments="#", skip_header=2)
    assert table.dtype.names == ("x", "y", "loss", "accuracy")
    np.testing.assert_array_equal(table["loss"], 100 * table["x"] + table["y"])
    assert len(table) == 12


def test_npz_is_read_without_pickles(tmp_path: Path) -> None:
    """By numpy itself."""
    write_surface(tmp_path / "a.npz", asymmetric())
    with np.load(tmp_path / "a.npz", allow_pickle=False) as found:
        assert set(found) == {"format", "version", "about", "x", "y", "loss", "accuracy", "evaluated"}
        assert found["loss"].shape == (3, 4)


# --- what is refused -------------------------------------------------------------------------------------------------


def refused(path: Path) -> str:
    """The one sentence with which a file is refused."""
    with pytest.raises(SurfaceFileError) as caught:
        read_surface(path)
    text = str(caught.value)
    assert text.startswith(str(path))
    assert "\n" not in text
    return text.removeprefix(f"{path}: ")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_cut_short_anywhere_is_refused(suffix: str, tmp_path: Path) -> None:
    """At every length: no part of a file is a surface."""
    path = tmp_path / f"a{suffix}"
    write_surface(path, asymmetric())
    whole = path.read_bytes()
    complete = read_surface(path)
    for length in [*range(0, len(whole), max(1, len(whole) // 150)), *range(max(0, len(whole) - 40), len(whole))]:
        path.write_bytes(whole[:length])
        if suffix == ".vts" and length == len(whole) - 1:  # only the last line's end is gone
            assert same(read_surface(path), complete)
            continue
        refused(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(data=st.data())
def test_a_damaged_file_is_refused_or_read_but_never_fails_otherwise(
    suffix: str, data: st.DataObject, tmp_path_factory: Any
) -> None:
    """Bytes overwritten anywhere: a sentence, or a surface whose parts fit."""
    path = tmp_path_factory.mktemp("surfaces") / f"a{suffix}"
    write_surface(path, asymmetric())
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        assert read_surface(path).loss.ndim == 2
    except SurfaceFileError as e:
        assert str(e).startswith(str(path))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_foreign_files_are_refused(suffix: str, tmp_path: Path) -> None:
    """Text, noise, nothing, a folder, no file."""
    path = tmp_path / f"a{suffix}"
    for content in (b"", b"hello\n", bytes(range(256)), b"<VTKFile></VTKFile>", b"x,y,loss\n1,2,3\n"):
        path.write_bytes(content)
        refused(path)
    assert refused(tmp_path / f"missing{suffix}") == "there is no such file"
    (tmp_path / f"folder{suffix}").mkdir()
    refused(tmp_path / f"folder{suffix}")


def test_foreign_hdf5_npz_and_vtk_say_what_they_are(tmp_path: Path) -> None:
    """Files of the right kind that hold something else."""
    with h5py.File(tmp_path / "run.h5", "w") as h:
        h.attrs["format"] = "thalweg run"
    assert refused(tmp_path / "run.h5") == "a run, not a surface; draw it with `thalweg render`"
    with h5py.File(tmp_path / "other.h5", "w") as h:
        h["weights"] = X
    assert refused(tmp_path / "other.h5") == "an HDF5 file, but not a surface: it has no xcoordinates"
    with h5py.File(tmp_path / "curve.h5", "w") as h:
        h["xcoordinates"], h["train_loss"] = X, X
    assert refused(tmp_path / "curve.h5") == "a curve (it has no ycoordinates), not a surface"
    np.savez(tmp_path / "other.npz", x=X)
    assert refused(tmp_path / "other.npz") == "an NPZ file, but not a surface of Thalweg"
    np.savez(tmp_path / "pickled.npz", format=np.array([object()], dtype=object))
    assert "damaged" in refused(tmp_path / "pickled.npz")
    (tmp_path / "image.vts").write_text('<VTKFile type="ImageData"/>')
    assert refused(tmp_path / "image.vts") == "not a VTK structured grid"
    (tmp_path / "other.vts").write_text('<VTKFile type="StructuredGrid"><StructuredGrid/></VTKFile>')
    assert refused(tmp_path / "other.vts") == "a VTK structured grid, but not a surface of Thalweg"


def test_inconsistent_hdf5_is_refused(tmp_path: Path) -> None:
    """Shapes that do not fit, coordinates that do not ascend, groups and text in the place of numbers."""

    def changed(**changes: Any) -> str:
        path = tmp_path / "a.h5"
        parts: dict[str, Any] = {"xcoordinates": X, "ycoordinates": Y, "train_loss": np.zeros((3, 4))}
        with h5py.File(path, "w") as h:
            for name, value in (parts | changes).items():
                h[name] = value
        return refused(path)

    assert "train_loss has the shape (3, 5), but the coordinates ask for (3, 4)" in changed(train_loss=np.zeros((3, 5)))
    assert "train_loss has the shape (12,)" in changed(train_loss=np.zeros(12))
    assert "train_acc has the shape (1, 4)" in changed(train_acc=np.zeros((1, 4)))
    assert changed(xcoordinates=X[::-1]) == "the x coordinates do not ascend"
    assert changed(ycoordinates=np.array([1.0, np.nan, 2.0])) == "the y coordinates do not ascend"
    assert "ycoordinates holds no row of numbers" in changed(ycoordinates="text")
    assert "train_loss holds no numbers" in changed(train_loss="text")
    assert "about" not in read_surface_about(tmp_path)


def read_surface_about(folder: Path) -> dict[str, str]:
    """The words of a file without any."""
    with h5py.File(folder / "plain.h5", "w") as h:
        h["xcoordinates"], h["ycoordinates"], h["train_loss"] = X, Y, np.ones((3, 4), dtype=np.float32)
    found = read_surface(folder / "plain.h5")
    assert found.evaluated.all()
    assert np.isnan(found.accuracy).all()
    return dict(found.about)


def test_csv_and_vtk_points_off_the_grid_are_refused(tmp_path: Path) -> None:
    """One coordinate changed."""
    path = tmp_path / "a.csv"
    write_surface(path, asymmetric())
    path.write_text(path.read_text().replace("2.0,20.0,", "2.5,20.0,"))
    assert refused(path) == "its points do not lie on a grid"
    path = tmp_path / "a.vts"
    write_surface(path, asymmetric())
    points = vts(path.read_text())["Points"]
    moved = points.copy()
    moved[3] += 0.25
    old, new = (base64.b64encode(struct.pack("<Q", p.nbytes) + p.tobytes()).decode() for p in (points, moved))
    path.write_text(path.read_text().replace(old, new))
    assert refused(path) == "its points do not lie on a grid"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_newer_version_is_refused(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may mean something else."""
    import thalweg.core.store.surfaces as package

    name = {".h5": "hdf5", ".hdf5": "hdf5"}.get(suffix, suffix[1:])
    with monkeypatch.context() as m:
        m.setattr(getattr(package, name), "VERSION", 2)
        write_surface(tmp_path / f"a{suffix}", asymmetric())
    assert refused(tmp_path / f"a{suffix}") == "written by a newer Thalweg (format 2; this one reads up to 1)"


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    """With the suffixes that are accepted."""
    for act in (lambda p: write_surface(p, asymmetric()), read_surface):
        with pytest.raises(SurfaceFileError, match=r"ends in one of \.h5, \.hdf5, \.npz, \.vts, \.csv, not '\.txt'"):
            act(tmp_path / "a.txt")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_cannot_be_written_leaves_the_old_one(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, a missing folder."""
    path = tmp_path / f"a{suffix}"
    write_surface(path, asymmetric())
    before = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as m:
        m.setattr(Path, "replace", full)
        with pytest.raises(SurfaceFileError, match="cannot be written: No space left on device"):
            write_surface(path, asymmetric())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(SurfaceFileError, match="cannot be written: No such file or directory"):
        write_surface(tmp_path / "missing" / path.name, asymmetric())


def test_a_folder_that_may_not_be_written_in_is_named(read_only_folder: Path) -> None:
    """With the system's reason."""
    with pytest.raises(SurfaceFileError, match="cannot be written: Permission denied"):
        write_surface(read_only_folder / "a.h5", asymmetric())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"x": X[::-1]}, "the x coordinates do not ascend"),
        ({"x": np.array([])}, "the x coordinates are"),
        ({"y": np.array([1.0, 1.0, 2.0])}, "the y coordinates do not ascend"),
        ({"loss": np.zeros((4, 3))}, r"its loss is float64 of shape \(4, 3\)"),
        ({"loss": np.zeros((3, 4), dtype=np.float32)}, "its loss is float32"),
        ({"evaluated": np.ones((3, 4))}, "its evaluated is float64"),
    ],
)
def test_arrays_that_are_no_surface_are_refused(changes: dict[str, np.ndarray], words: str) -> None:
    """Before anything is written."""
    fields = {name: getattr(asymmetric(), name) for name in ("x", "y", "loss", "accuracy", "evaluated")}
    with pytest.raises(SurfaceError, match=words):
        Surface(**fields | changes)


def test_surface_files_need_no_torch() -> None:
    """The window writes them, and its process never imports torch."""
    code = "import sys, thalweg.core.store.surfaces; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("shape", [(1, 4), (4, 1), (1, 1)])
def test_a_row_is_no_surface(shape: tuple[int, int]) -> None:
    """Nothing could be drawn between its points."""
    y, x = (np.arange(n, dtype=np.float64) for n in shape)
    with pytest.raises(SurfaceError, match="two or more each way"):
        Surface(x, y, np.zeros(shape), np.zeros(shape), np.ones(shape, dtype=bool))


@pytest.mark.parametrize("suffix", [".h5", ".npz"])
def test_a_small_file_of_a_huge_surface_is_refused(tmp_path: Path, suffix: str) -> None:
    """Before it is unpacked."""
    side = 2100
    path = tmp_path / f"huge{suffix}"
    axis, grid = np.arange(side, dtype=np.float64), np.zeros((side, side))
    if suffix == ".npz":
        np.savez_compressed(path, format="thalweg surface", version=1, about="{}", x=axis, y=axis, loss=grid,
                            accuracy=grid, evaluated=grid.astype(bool))  # fmt: skip
    else:
        with h5py.File(path, "w") as h:
            h["xcoordinates"], h["ycoordinates"] = axis, axis
            h.create_dataset("train_loss", data=grid, compression="gzip")
    with pytest.raises(SurfaceFileError, match="too large"):
        read_surface(path)
