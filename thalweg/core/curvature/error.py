"""What goes wrong with curvature."""

from __future__ import annotations


class CurvatureError(ValueError):
    """A curvature that cannot be computed; the text says why."""
