"""Which part of the state each figure shows: the same for the window and for files."""

from __future__ import annotations

from functools import partial
from typing import Any

from thalweg.app import captions, chain_captions, depth_captions, inside, slices_captions, theory
from thalweg.app.binding import Binding
from thalweg.app.factors import factors_of
from thalweg.app.overlay import drawn_lines
from thalweg.app.state import AppState
from thalweg.app.theme import THEMES
from thalweg.app.views.chain_rule import ChainRuleFigure
from thalweg.app.views.curves import CurvesFigure
from thalweg.app.views.depth import DepthFigure
from thalweg.app.views.figure import Figure
from thalweg.app.views.gradient_norms import GradientNormsFigure
from thalweg.app.views.landscape import LandscapeFigure
from thalweg.app.views.slices import SlicesFigure
from thalweg.app.views.surface import SurfaceFigure
from thalweg.app.views.weight_map import WeightMapFigure
from thalweg.core.messages import Frame, Map, Path, Started
from thalweg.core.scene import RunSpec, Scene

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
            case ChainRuleFigure():
                found += _chain_rule(figure)
            case DepthFigure():
                found += _depth(figure)
    return found


def _unit(state: AppState) -> str:
    return state.started.unit if state.started else "1"


def _drawn(state: AppState) -> tuple[str, bool, bool]:
    plane = state.scene.view.plane
    return plane.quantity, plane.labels, plane.arrows


def _lines(state: AppState) -> tuple[Frame | None, tuple[RunSpec, ...], Scene, frozenset[int]]:
    """What the lines of training depend on; see :func:`thalweg.app.overlay.drawn_lines`."""
    return state.frame, state.started.runs if state.started else (), state.scene, state.hidden


def _landscape(figure: LandscapeFigure) -> list[Binding]:
    return [
        Binding(
            lambda s: (s.map, s.scene.view.plane.colour == "log", s.scene.view.plane.levels, _unit(s), *_drawn(s)),
            figure.set_map,
        ),
        Binding(lambda s: (s.scene.view.plane.equal or s.inside is not None,), figure.set_equal),
        Binding(lambda s: (s.zoom,), figure.set_zoom),
        Binding(lambda s: (inside.phase_of(s),), figure.set_phase),
        Binding(lambda s: (s.path if s.map else None,), figure.set_path),
        Binding(lambda s: (s.map, s.path, s.frame, s.started, s.scene), partial(_rings, figure)),
        Binding(lambda s: (s.map, *_lines(s)), partial(_others, figure), CALM),
        Binding(lambda s: (captions.landscape_heading(s),), figure.set_heading, CALM),
        Binding(lambda s: (captions.landscape(s),), figure.set_caption, CALM),
    ]


def _others(
    figure: LandscapeFigure,
    found: Map | None,
    frame: Frame | None,
    specs: tuple[RunSpec, ...],
    scene: Scene,
    hidden: frozenset[int],
) -> None:
    """The paths of the lines that are not in front, on the plane of the map."""
    lines = drawn_lines(frame, specs, scene, hidden) if found is not None else ()
    figure.set_others(
        tuple((m.path, m.style) for m in lines if found and not m.front and m.path and m.path.plane == found.plane)
    )


def _rings(
    figure: LandscapeFigure,
    found: Map | None,
    path: Path | None,
    frame: Frame | None,
    started: Started | None,
    scene: Scene,
) -> None:
    """The closed form's places at the steps of the path, on a surface's own map."""
    if theory.is_of(frame, started):
        on = found is not None and found.surface and path is not None and path.plane == found.plane
        figure.set_theory(theory.places(frame, started, scene, path.steps) if on and path is not None else None)


def _curves(figure: CurvesFigure) -> list[Binding]:
    def show(started: Started | None, *given: Any) -> None:
        frame, specs, scene, hidden, *axes = given
        figure.set_lines(drawn_lines(frame, specs, scene, hidden), *axes)
        if theory.is_of(frame, started):
            figure.set_theory(theory.loss(frame, started, scene))

    def axes(state: AppState) -> tuple[object, ...]:
        view = state.scene.view
        return _unit(state), view.log_loss, view.log_steps, captions.measured_on(state), view.against

    return [
        Binding(lambda s: (s.started, *_lines(s), *axes(s)), show, CALM),
        Binding(lambda s: (captions.curves_heading(s),), figure.set_heading),
        Binding(lambda s: (captions.curves(s),), figure.set_caption, CALM),
    ]


def _gradient_norms(figure: GradientNormsFigure) -> list[Binding]:
    def show(*given: Any) -> None:
        *lines, log_steps, unit = given
        figure.set_lines(drawn_lines(*lines), log_steps, unit)

    return [
        Binding(lambda s: (*_lines(s), s.scene.view.log_steps, _unit(s)), show, CALM),
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
        Binding(lambda s: (slices_captions.heading(s),), figure.set_heading, CALM),
        Binding(lambda s: (slices_captions.caption(s),), figure.set_caption, CALM),
    ]


def _chain_rule(figure: ChainRuleFigure) -> list[Binding]:
    def show(frame: Frame | None) -> None:
        figure.set_factors(factors_of(frame.series, frame.step) if frame is not None else None)

    return [
        Binding(lambda s: (s.frame,), show, CALM),
        Binding(lambda s: (chain_captions.bound(s),), figure.set_bound, CALM),
        Binding(lambda s: (chain_captions.heading(s),), figure.set_heading, CALM),
        Binding(lambda s: (chain_captions.caption(s),), figure.set_caption, CALM),
    ]


def _depth(figure: DepthFigure) -> list[Binding]:
    def show(*given: Any) -> None:
        *lines, spec, log_steps, label = given
        figure.set_lines(drawn_lines(*lines), spec, log_steps, label)

    return [
        Binding(
            lambda s: (*_lines(s), s.scene.view.depth, s.scene.view.log_steps, depth_captions.axis(s)),
            show,
            CALM,
        ),
        Binding(lambda s: (depth_captions.reference(s),), figure.set_reference),
        Binding(lambda s: (depth_captions.heading(s),), figure.set_heading),
        Binding(lambda s: (depth_captions.caption(s),), figure.set_caption, CALM),
    ]
