"""A landscape on screen as a surface file's content, and back: its numbers with the words of the figure. No Qt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thalweg.app import captions
from thalweg.app.export.errors import ExportError
from thalweg.app.state import AppState
from thalweg.core.messages import Map
from thalweg.core.scene import PlaneSpec
from thalweg.core.store.surfaces import Surface


def surface_of(state: AppState) -> Surface:
    """The landscape on screen with its axes, heading and caption; raises ExportError while it is not complete."""
    m = state.map
    if m is None or not m.complete or m.generation != state.generation or state.map_error:
        raise ExportError("the landscape is not complete yet; try again in a moment")
    about = {
        "title": state.scene.title,
        "heading": captions.landscape_heading(state),
        "caption": captions.landscape(state),
        "x axis": m.labels[0],
        "y axis": m.labels[1],
        "x unit": m.units[0],
        "y unit": m.units[1],
        "loss unit": state.started.unit if state.started else "1",
    }
    return Surface(m.x, m.y, m.loss, m.accuracy, np.ones(m.loss.shape, dtype=bool), about)


@dataclass(frozen=True)
class Shown:
    """What a landscape figure is told of a surface from a file."""

    map: Map
    unit: str
    heading: str
    caption: str


def shown(surface: Surface, name: str) -> Shown:
    """A surface from the file ``name`` as a landscape figure shows it; what the file does not say is not made up."""
    about = surface.about
    known = int(surface.evaluated.sum())
    size = f"{len(surface.x)}×{len(surface.y)} points"
    whole = known == surface.loss.size
    read = f"Read from {name}: {size}{'' if whole else f', {known:,} of them computed'}."
    found = Map(
        generation=0,
        number=0,
        plane=0,
        step=0,
        laid_step=0,
        view=PlaneSpec(),
        x=surface.x,
        y=surface.y,
        loss=surface.loss,
        accuracy=surface.accuracy,
        evaluated=known,
        complete=whole,
        examples=0,
        point=(0.0, 0.0),
        loss_at_point=float("nan"),
        loss_at_projection=float("nan"),
        labels=(about.get("x axis", "x coordinate"), about.get("y axis", "y coordinate")),
        units=(about.get("x unit", "1"), about.get("y unit", "1")),
    )
    heading = " · ".join(filter(None, (about.get("title"), about.get("heading")))) or f"Loss landscape {name}"
    caption = "\n".join(filter(None, (about.get("caption"), read)))
    return Shown(found, about.get("loss unit", "1"), heading, caption)
