"""From where a surface is looked at, and how space comes onto the screen: parallel projection. No Qt.

Parallel lines stay parallel and equal heights equal, wherever they stand, so that the picture can be measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Camera:
    """A direction to look from, in degrees.

    At azimuth 0 the first axis points right and the second away; a greater azimuth is further round, counter-clockwise
    as seen from above. At elevation 90, azimuth 0, the picture is the map.
    """

    azimuth: float
    elevation: float

    @cached_property
    def axes(self) -> np.ndarray:
        """Unit vectors as rows [3, 3]: to the right on the screen, up on it, and out of it towards the viewer."""
        a, e = np.radians([self.azimuth, self.elevation])
        return np.array(
            [
                [np.cos(a), np.sin(a), 0.0],
                [-np.sin(e) * np.sin(a), np.sin(e) * np.cos(a), np.cos(e)],
                [np.cos(e) * np.sin(a), -np.cos(e) * np.cos(a), np.sin(e)],
            ]
        )

    @property
    def towards(self) -> np.ndarray:
        """The unit vector [3] towards the viewer."""
        towards: np.ndarray = self.axes[2]
        return towards

    def project(self, points: np.ndarray) -> np.ndarray:
        """Points [..., 3] on the screen [..., 2]: to the right, and up."""
        projected: np.ndarray = points @ self.axes[:2].T
        return projected


@dataclass(frozen=True)
class Placing:
    """Where on the screen a camera's picture stands: logical pixels per unit, and where the origin comes to lie."""

    camera: Camera
    scale: float
    centre: tuple[float, float]

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """Points [..., 3] as pixels [..., 2], to the right and down."""
        placed: np.ndarray = self.camera.project(points) * [self.scale, -self.scale] + np.array(self.centre)
        return placed
