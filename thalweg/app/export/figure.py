"""Write a figure to a file; the suffix of the file says how."""

from collections.abc import Callable
from pathlib import Path

from PyQt6.QtWidgets import QGraphicsView

from thalweg.app.export.data import FigureTable, csv_text
from thalweg.app.export.errors import ExportError
from thalweg.core.files import write_atomically
from thalweg.core.store.surfaces import SUFFIXES as ALL_SURFACES
from thalweg.core.store.surfaces import Surface, SurfaceFileError, write_surface

PICTURES = (".png", ".svg", ".pdf")
SURFACES = tuple(s for s in ALL_SURFACES if s != ".csv")  # a figure's CSV is its table, the path included
SUFFIXES = (*PICTURES, ".csv", *SURFACES)

__all__ = ["SUFFIXES", "ExportError", "FigureTable", "export"]


def export(
    view: QGraphicsView,
    path: Path,
    dpi: float = 96,
    table: FigureTable | None = None,
    surface: Callable[[], Surface] | None = None,
) -> None:
    """Write a figure as PNG (at ``dpi``), SVG or PDF, its ``table`` as CSV, or a landscape's ``surface`` as a file.

    Raises ExportError, whatever goes wrong; a file that was there before is then as it was.
    """
    suffix = path.suffix.lower()
    _refuse_early(path, suffix, table, surface)
    if suffix in SURFACES and surface is not None:
        try:
            write_surface(path, surface())
        except SurfaceFileError as e:
            raise ExportError(str(e)) from None
        return
    try:
        content = _content(view, suffix, dpi, table)
    except ExportError as e:
        raise ExportError(f"{path}: {e}") from None
    try:
        write_atomically(path, content)
    except (OSError, ValueError) as e:  # ValueError: a name that no file can have
        raise ExportError(f"{path}: cannot be written: {getattr(e, 'strerror', None) or e}") from None


def _refuse_early(path: Path, suffix: str, table: FigureTable | None, surface: Callable[[], Surface] | None) -> None:
    """Say what cannot work before any time is spent on drawing."""
    accepted = ", ".join((*PICTURES, *(".csv",) * (table is not None), *SURFACES * (surface is not None)))
    if suffix not in SUFFIXES:
        named = f"the ending {path.suffix!r}" if suffix else "a name without an ending"
        raise ExportError(f"{path}: {named} does not say how to write a figure; accepted are {accepted}")
    if suffix == ".csv" and table is None:
        raise ExportError(f"{path}: this figure has no table of numbers; accepted are {accepted}")
    if suffix in SURFACES and surface is None:
        raise ExportError(f"{path}: this figure is no landscape; accepted are {accepted}")
    if _is_folder(path):
        raise ExportError(f"{path}: cannot be written: this is a folder")
    if not _is_folder(path.parent):
        raise ExportError(f"{path}: cannot be written: there is no folder {path.parent}")


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name too long to ask about
        return False


def _content(view: QGraphicsView, suffix: str, dpi: float, table: FigureTable | None) -> bytes:
    # The drawing routes load QtPdf and QtSvg, which the window does not need until something is exported.
    from thalweg.app.export.raster import to_png
    from thalweg.app.export.vector import to_pdf, to_svg

    if suffix == ".csv" and table is not None:
        return csv_text(table).encode()
    if suffix == ".png":
        return to_png(view, dpi)
    return to_pdf(view) if suffix == ".pdf" else to_svg(view)
