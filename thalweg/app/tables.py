"""The numbers behind a figure, with the sentences that say what they are."""

from __future__ import annotations

from thalweg.app import captions
from thalweg.app.export.data import FigureTable
from thalweg.app.state import AppState
from thalweg.app.views.figure import Figure


def table_of(figure: Figure, state: AppState) -> FigureTable:
    """The figure's columns, under its title, its caption and the names of its axes."""
    axes: tuple[str, ...] = ()
    if state.map is not None and figure.title in ("Landscape", "3-D surface"):
        axes = tuple(
            f"{name}: {label} ({unit})"
            for name, label, unit in zip(("alpha", "beta"), state.map.labels, state.map.units, strict=True)
        )
    comments = (
        f"{state.scene.title}: {figure.heading.text}",
        *axes,
        *figure.caption.text.split("\n"),
        captions.optimiser(state),
        state.started.data if state.started else "",
    )
    return FigureTable(tuple(c for c in comments if c), figure.table())
