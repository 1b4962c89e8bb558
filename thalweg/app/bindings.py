"""Which part of the state each figure shows: the same for the window and for files."""

from __future__ import annotations

from thalweg.app import captions
from thalweg.app.binding import Binding
from thalweg.app.state import AppState
from thalweg.app.theme import THEMES
from thalweg.app.views.curves import CurvesFigure
from thalweg.app.views.figure import Figure
from thalweg.app.views.gradient_norms import GradientNormsFigure
from thalweg.app.views.landscape import LandscapeFigure
from thalweg.app.views.slices import SlicesFigure
from thalweg.app.views.surface import SurfaceFigure
from thalweg.app.views.weight_map import WeightMapFigure

CALM = 0.1
"""Seconds between two drawings of a figure that need not be smooth."""


def bindings(figures: dict[str, Figure]) -> list[Binding]:
    """The bindings of these figures; the theme's comes first, as drawing needs its colours."""
    found = [Binding(lambda s: (THEMES[s.settings.theme],), f.set_theme) for f in figures.values()]
    for figure in figures.values():
        match figure:
            case LandscapeFigure():
                found += _landscape(figure)
            case CurvesFigure():
                found += _curves(figure)
            case GradientNormsFigure():
                found += _gradient_norms(figure)
            case WeightMapFigure():
                found += _weight_map(figure)
            case SurfaceFigure():
                found += _surface(figure)
            case SlicesFigure():
                found += _slices(figure)
    return found


def _unit(state: AppState) -> str:
    return state.started.unit if state.started else "1"


def _series(state: AppState) -> dict[str, object]:
    return state.frame.series if state.frame else {}  # type: ignore[return-value]


def _drawn(state: AppState) -> tuple[str, bool, bool]:
    plane = state.scene.view.plane
    return plane.quantity, plane.labels, plane.arrows


def _layers(state: AppState) -> tuple[str, ...]:
    return state.started.layers if state.started else ()


def _landscape(figure: LandscapeFigure) -> list[Binding]:
    return [
        Binding(
            lambda s: (s.map, s.scene.view.plane.colour == "log", s.scene.view.plane.levels, _unit(s), *_drawn(s)),
            figure.set_map,
        ),
        Binding(lambda s: (s.zoom,), figure.set_zoom),
        Binding(lambda s: (s.path if s.map else None,), figure.set_path),
        Binding(lambda s: (captions.landscape_heading(s),), figure.set_heading, CALM),
        Binding(lambda s: (captions.landscape(s),), figure.set_caption, CALM),
    ]


def _curves(figure: CurvesFigure) -> list[Binding]:
    return [
        Binding(
            lambda s: (_series(s), _unit(s), s.scene.view.log_loss, s.scene.view.log_steps),
            figure.set_series,
            CALM,
        ),
        Binding(lambda s: ("Loss, and accuracy below",), figure.set_heading),
        Binding(lambda s: (captions.curves(s),), figure.set_caption, CALM),
    ]


def _gradient_norms(figure: GradientNormsFigure) -> list[Binding]:
    return [
        Binding(lambda s: (_series(s), s.scene.view.log_steps, _unit(s), _layers(s)), figure.set_series, CALM),
        Binding(lambda s: ("Gradient norm per layer",), figure.set_heading),
        Binding(lambda s: (captions.gradient_norms(s),), figure.set_caption, CALM),
    ]


def _weight_map(figure: WeightMapFigure) -> list[Binding]:
    def norms(state: AppState) -> tuple[object, ...]:
        return state.frame.weight_map if state.frame else None, captions.no_weight_map(state)

    def example(state: AppState) -> tuple[object, ...]:
        return state.started, state.scene.view.example, captions.example_label(state)

    def show_norms(found: object, reason: str) -> None:
        if found is not None:
            figure.set_weights(found, reason)  # type: ignore[arg-type]

    def show_example(started: object, number: int, label: str) -> None:
        if started is not None:
            images = started.examples  # type: ignore[attr-defined]
            figure.set_example(images[min(number, len(images) - 1)], label)

    return [
        Binding(norms, show_norms, CALM),
        Binding(example, show_example),
        Binding(lambda s: ("Input-weight map, and an example",), figure.set_heading),
        Binding(lambda s: (captions.weight_map(s),), figure.set_caption, CALM),
    ]


def _surface(figure: SurfaceFigure) -> list[Binding]:
    def camera(state: AppState) -> tuple[float, float, float]:
        c = state.scene.view.camera
        return c.azimuth, c.elevation, c.zoom

    return [
        Binding(camera, figure.set_camera),
        Binding(
            lambda s: (s.map, s.scene.view.plane.colour == "log", s.scene.view.plane.levels, _unit(s)),
            figure.set_map,
        ),
        Binding(lambda s: (s.path if s.map else None,), figure.set_path, CALM),
        Binding(lambda s: (captions.surface_heading(s),), figure.set_heading, CALM),
        Binding(lambda s: (captions.surface(s),), figure.set_caption, CALM),
    ]


def _slices(figure: SlicesFigure) -> list[Binding]:
    return [
        Binding(lambda s: (s.slicing.shown, s.scene.view.slices, _unit(s)), figure.set_slices, CALM),
        Binding(lambda s: (captions.slices_heading(s),), figure.set_heading, CALM),
        Binding(lambda s: (captions.slices(s),), figure.set_caption, CALM),
    ]
