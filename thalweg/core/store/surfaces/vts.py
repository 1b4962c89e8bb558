"""Surfaces as a VTK XML structured grid, which ParaView, VisIt and PyVista open.

Points are (x, y, z) with x fastest; z is the loss, so that the grid *is* the surface. The loss, the accuracy (0 to 1)
and whether a point was computed are the point data ``loss``, ``accuracy`` and ``evaluated``. A point at nan or inf
cannot be drawn and would leave the whole grid without bounds, so there z is the highest finite loss (the lowest for
-inf); the point data ``loss`` has the value as it is. Arrays are binary (base64): VTK's text reader does not read nan
(paraview#19042). The description is the field data ``about`` (JSON).
"""

from __future__ import annotations

import base64
import binascii
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np

from thalweg.core.store.surfaces.surface import VERSION, Surface, SurfaceError, check_version, dump_about, load_about

_MARK = "thalweg_surface"
_TYPES = {"Float64": "<f8", "UInt8": "u1", "Int32": "<i4"}


def write(path: Path, surface: Surface) -> None:
    """Write the grid. Raises OSError."""
    x, y = np.meshgrid(surface.x, surface.y)
    points = np.stack([x, y, _heights(surface.loss)], axis=-1)
    extent = f"0 {len(surface.x) - 1} 0 {len(surface.y) - 1} 0 0"
    codes = " ".join(str(b) for b in dump_about(surface.about).encode("ascii") + b"\0")
    path.write_text(
        f"""<?xml version="1.0"?>
<VTKFile type="StructuredGrid" version="1.0" byte_order="LittleEndian" header_type="UInt64">
<StructuredGrid WholeExtent="{extent}">
<FieldData>
{_array(_MARK, "Int32", np.array([VERSION]), 'NumberOfTuples="1"')}
<Array type="String" Name="about" NumberOfTuples="1" format="ascii">{codes}</Array>
</FieldData>
<Piece Extent="{extent}">
<PointData Scalars="loss">
{_array("loss", "Float64", surface.loss)}
{_array("accuracy", "Float64", surface.accuracy)}
{_array("evaluated", "UInt8", surface.evaluated)}
</PointData>
<Points>
{_array("Points", "Float64", points, 'NumberOfComponents="3"')}
</Points>
</Piece>
</StructuredGrid>
</VTKFile>
""",
        encoding="ascii",
        newline="\n",
    )


def _heights(loss: np.ndarray) -> np.ndarray:
    finite = loss[np.isfinite(loss)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    heights: np.ndarray = np.nan_to_num(loss, nan=high, posinf=high, neginf=low)
    return heights


def _array(name: str, kind: str, values: np.ndarray, extra: str = "") -> str:
    """A DataArray: the length in bytes as an unsigned 64-bit number, then the bytes, together in base64."""
    content = np.ascontiguousarray(values, dtype=_TYPES[kind]).tobytes()
    text = base64.b64encode(len(content).to_bytes(8, "little") + content).decode("ascii")
    return f'<DataArray type="{kind}" Name="{name}" {extra} format="binary">{text}</DataArray>'


def read(path: Path) -> Surface:
    """Read a grid that Thalweg wrote. Raises SurfaceError, OSError."""
    try:
        root = ET.fromstring(path.read_bytes())
    except (ET.ParseError, ValueError) as e:
        raise SurfaceError(f"not a VTK XML file, or cut short ({e})") from None
    if root.tag != "VTKFile" or root.get("type") != "StructuredGrid":
        raise SurfaceError("not a VTK structured grid")
    arrays = {a.get("Name", ""): a for a in root.iter("DataArray")}
    if _MARK not in arrays:
        raise SurfaceError("a VTK structured grid, but not a surface of Thalweg")
    check_version(int(_values(arrays, _MARK, "Int32")[0]))
    columns, rows = _extent(root)
    points = _shaped(_values(arrays, "Points", "Float64"), (rows, columns, 3))
    if (points[..., 0] != points[:1, :, 0]).any() or (points[..., 1] != points[:, :1, 1]).any():
        raise SurfaceError("its points do not lie on a grid")
    return Surface(
        x=points[0, :, 0].copy(),
        y=points[:, 0, 1].copy(),
        loss=_shaped(_values(arrays, "loss", "Float64"), (rows, columns)),
        accuracy=_shaped(_values(arrays, "accuracy", "Float64"), (rows, columns)),
        evaluated=_shaped(_values(arrays, "evaluated", "UInt8"), (rows, columns)).astype(bool),
        about=_about(root),
    )


def _extent(root: ET.Element) -> tuple[int, int]:
    piece = root.find("StructuredGrid/Piece")
    numbers = piece.get("Extent", "").split() if piece is not None else []
    try:
        low_x, high_x, low_y, high_y, low_z, high_z = map(int, numbers)
    except ValueError:
        raise SurfaceError("a damaged surface (it has no extent)") from None
    if low_x or low_y or low_z or high_z or min(high_x, high_y) < 0:
        raise SurfaceError("a damaged surface (its extent is not that of a surface)")
    return high_x + 1, high_y + 1


def _values(arrays: dict[str, ET.Element], name: str, kind: str) -> np.ndarray:
    array = arrays.get(name)
    if array is None or array.get("type") != kind or array.get("format") != "binary":
        raise SurfaceError(f"it has no array {name!r} that is stored as Thalweg stores it")
    try:
        content = base64.b64decode((array.text or "").strip(), validate=True)
    except (binascii.Error, ValueError):
        content = b""
    size, body = content[:8], content[8:]
    width = np.dtype(_TYPES[kind]).itemsize
    if len(size) < 8 or int.from_bytes(size, "little") != len(body) or len(body) % width or not body:
        raise SurfaceError(f"a damaged surface (its array {name!r} is cut short)")
    return np.frombuffer(body, dtype=_TYPES[kind])


def _shaped(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if values.size != int(np.prod(shape)):
        raise SurfaceError(f"a damaged surface ({values.size} values, where its extent asks for {int(np.prod(shape))})")
    native: np.ndarray = values.astype(values.dtype.newbyteorder("=")).reshape(shape)
    return native


def _about(root: ET.Element) -> dict[str, str]:
    about = next((a for a in root.iter("Array") if a.get("Name") == "about" and a.get("format") == "ascii"), None)
    try:
        text = bytes(map(int, (about.text or "").split())).decode("ascii") if about is not None else "{}\0"
    except ValueError:
        text = ""
    return load_about(text.removesuffix("\0"))
