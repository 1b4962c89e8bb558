"""The frozen specs that describe a picture, and their TOML form. Imports neither torch nor Qt."""

from thalweg.core.scene.axis import AxisSpec
from thalweg.core.scene.data import DataSpec
from thalweg.core.scene.network import NetworkSpec
from thalweg.core.scene.scene import Scene, dumps, load, loads, parse, save
from thalweg.core.scene.slices import SlicesSpec
from thalweg.core.scene.spec import Spec, SpecError
from thalweg.core.scene.training import ObjectiveSpec, OptimiserSpec, RunSpec, StopSpec
from thalweg.core.scene.view import PaceSpec, PlaneSpec, ViewSpec

__all__ = [
    "AxisSpec",
    "DataSpec",
    "NetworkSpec",
    "ObjectiveSpec",
    "OptimiserSpec",
    "PaceSpec",
    "PlaneSpec",
    "RunSpec",
    "Scene",
    "SlicesSpec",
    "Spec",
    "SpecError",
    "StopSpec",
    "ViewSpec",
    "dumps",
    "load",
    "loads",
    "parse",
    "save",
]
