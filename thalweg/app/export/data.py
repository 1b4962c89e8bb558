"""The numbers of a figure as CSV text."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from thalweg.app.export.errors import ExportError


@dataclass(frozen=True)
class FigureTable:
    """What a figure shows, as numbers: comment lines, and named columns of equal length."""

    comments: tuple[str, ...]
    columns: Mapping[str, np.ndarray]

    def __post_init__(self) -> None:
        for name, column in self.columns.items():
            if not name.strip():
                raise ExportError("a column of the table has no name")
            if np.ndim(column) != 1:
                raise ExportError(f"the column {name!r} is not one-dimensional: its shape is {np.shape(column)}")
            if column.dtype.kind not in "fiubU":
                raise ExportError(f"the column {name!r} holds {column.dtype}, not numbers or text")
        lengths = {name: len(column) for name, column in self.columns.items()}
        if len(set(lengths.values())) > 1:
            listed = ", ".join(f"{name}: {length}" for name, length in lengths.items())
            raise ExportError(f"the columns of the table are not equally long ({listed})")


def csv_text(table: FigureTable) -> str:
    """The table as CSV: '# ' comment lines, the names, then one row per line.

    Every float is written with the fewest digits that give the same number back in double precision; what is
    not finite as nan, inf and -inf; true and false as 1 and 0.
    """
    lines = [f"# {line}".rstrip() for comment in table.comments for line in comment.splitlines() or [""]]
    lines.append(",".join(map(_quoted, table.columns)))
    lines += map(",".join, zip(*map(_cells, table.columns.values()), strict=True))
    return "\n".join(lines) + "\n"


def _cells(column: np.ndarray) -> list[str]:
    wide = column.dtype.kind == "f" and column.dtype.itemsize > 8  # long double, which Python has no type for
    values: list[Any] = (column.astype(float) if wide else column).tolist()
    return [_quoted(v) if isinstance(v, str) else repr(int(v) if isinstance(v, bool) else v) for v in values]


def _quoted(text: str) -> str:
    """A text cell; in quotes where a reader would take it for more than one cell or for a comment."""
    if text and not any(c in text for c in ',"\r\n') and not text.startswith("#") and text == text.strip():
        return text
    return '"' + text.replace('"', '""') + '"'
