"""Tables as the benchmarks print them."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence

import torch


def machine() -> str:
    """What the figures were measured with."""
    return f"{platform.system()}, Python {platform.python_version()}, torch {torch.__version__}"


def show(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]], markdown: bool) -> None:
    """Print a table in aligned columns, or as it stands in docs/benchmarks.md."""
    table = [tuple(headings), *(tuple(row) for row in rows)]
    widths = [max(len(row[k]) for row in table) for k in range(len(headings))]
    print(f"\n{title}\n")
    for number, row in enumerate(table):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print(f"| {' | '.join(row)} |" if markdown else "  ".join(cells).rstrip())
        if markdown and not number:
            print(f"|{' --- |' * len(headings)}")
