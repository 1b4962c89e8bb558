"""All figures by the name of their panel."""

from __future__ import annotations

from thalweg.app.views.chain_rule import ChainRuleFigure
from thalweg.app.views.curves import CurvesFigure
from thalweg.app.views.depth import DepthFigure
from thalweg.app.views.figure import Figure
from thalweg.app.views.gradient_norms import GradientNormsFigure
from thalweg.app.views.landscape import LandscapeFigure
from thalweg.app.views.slices import SlicesFigure
from thalweg.app.views.surface import SurfaceFigure
from thalweg.app.views.weight_map import WeightMapFigure

FIGURES: dict[str, type[Figure]] = {
    "landscape": LandscapeFigure,
    "weight-map": WeightMapFigure,
    "curves": CurvesFigure,
    "gradient-norms": GradientNormsFigure,
    "surface": SurfaceFigure,
    "slices": SlicesFigure,
    "depth": DepthFigure,
    "chain-rule": ChainRuleFigure,
}
"""The figures by their panel's name."""
