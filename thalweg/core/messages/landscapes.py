"""What the landscape worker is told, and what it says."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from thalweg.core.messages.session_commands import Cancel, PlaneLaid
from thalweg.core.messages.session_events import NO_BUFFERS, Failed, GivenAxis
from thalweg.core.scene import PlaneSpec, RunSpec, SlicesSpec


@dataclass(frozen=True)
class MapRequest:
    """Compute the landscape on a plane.

    ``laid`` is the point where the plane is laid [size] and decides its directions; ``point`` is the current point
    [size]. With mode ``follow`` the map is that of the parallel plane through ``point``. The map takes the running
    statistics of the current point, ``buffers``; the directions are those with ``laid_buffers``.
    """

    generation: int
    number: int
    run: RunSpec
    view: PlaneSpec
    plane: int
    laid_step: int
    laid: np.ndarray
    step: int
    point: np.ndarray
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    line: int = 0
    """The line of training that the point is on."""
    given: tuple[GivenAxis | None, ...] = ()
    """The directions of the axes that are read off the run's history, as they were at ``laid_step``."""
    buffers: np.ndarray = field(default_factory=lambda: NO_BUFFERS)
    laid_buffers: np.ndarray = field(default_factory=lambda: NO_BUFFERS)


@dataclass(frozen=True)
class Map:
    """A landscape, whole or as far as it is; ``loss[j, i]`` belongs to ``(x[i], y[j])``."""

    generation: int
    number: int
    plane: int
    step: int
    laid_step: int
    view: PlaneSpec
    x: np.ndarray
    y: np.ndarray
    loss: np.ndarray
    accuracy: np.ndarray
    evaluated: int
    complete: bool
    examples: int
    point: tuple[float, float]
    """Coordinates of the current point's projection."""
    loss_at_point: float
    loss_at_projection: float
    seconds: float = 0.0
    labels: tuple[str, str] = ("", "")
    units: tuple[str, str] = ("", "")
    cosine: float = 0.0
    line: int = 0
    surface: bool = False
    """Whether it is a surface C(x, y) in its own coordinates, and no network's loss."""


@dataclass(frozen=True)
class MapProgress:
    """How far a map that takes longer than a second is: ``done`` of ``total`` grid points after ``seconds``."""

    generation: int
    number: int
    done: int
    total: int
    seconds: float

    @property
    def seconds_left(self) -> float:
        """At the speed so far; infinite before the first point."""
        return self.seconds * (self.total - self.done) / self.done if self.done else float("inf")


@dataclass(frozen=True)
class Share:
    """The share of its time, 0 to 1, that the landscape worker may compute."""

    share: float


@dataclass(frozen=True)
class SliceRequest:
    """Compute the slices of every layer through ``point`` [size], the parameters at ``step``.

    ``newest`` are the parameters [size] at the newest step of the line, ``newest_step``; None: it is this one.
    """

    generation: int
    number: int
    run: RunSpec
    view: SlicesSpec
    step: int
    point: np.ndarray
    buffers: np.ndarray = field(default_factory=lambda: NO_BUFFERS)
    newest: np.ndarray | None = None
    newest_step: int = 0


@dataclass(frozen=True)
class CancelSlices:
    """Give up the slices of this generation."""

    generation: int


@dataclass(frozen=True)
class SliceCurve:
    """The loss along one direction of one layer, or the ``reason`` why there is no such direction.

    ``t`` [n] ascends and contains 0, in ``unit``; ``loss`` and ``accuracy`` [n]; ``slope`` and ``curvature`` are the
    first and second derivative of the loss with respect to t at 0. ``layer`` counts from 1, 0 are all layers together;
    ``others`` is ``now``, ``start`` or ``end``, whichever values the other layers have.
    """

    layer: int
    kind: str
    others: str
    label: str
    unit: str
    t: np.ndarray
    loss: np.ndarray
    accuracy: np.ndarray
    slope: float
    curvature: float
    reason: str = ""

    @property
    def value(self) -> float:
        """The loss at t = 0; not a number where there is no slice."""
        return float(self.loss[np.searchsorted(self.t, 0.0)]) if len(self.t) else float("nan")


@dataclass(frozen=True)
class SlicesDrawn:
    """The slices through one point, all ``total`` of them or as many as there are so far."""

    generation: int
    number: int
    step: int
    view: SlicesSpec
    layers: int
    curves: tuple[SliceCurve, ...]
    total: int
    examples: int
    newest: int | None = None
    """The newest step of the line, which is ``end``; None: this one."""

    @property
    def settings_of_others(self) -> tuple[str, ...]:
        """The values of the other layers with which each slice is computed."""
        return self.view.settings_at(self.newest is None)

    @property
    def complete(self) -> bool:
        """Whether all slices are there."""
        return len(self.curves) == self.total


LandscapeCommand = MapRequest | Cancel | Share | SliceRequest | CancelSlices
LandscapeEvent = PlaneLaid | Map | MapProgress | Failed | SlicesDrawn
