"""What belongs to the person and the machine rather than to a scene. No Qt."""

from __future__ import annotations

from typing import Literal

from thalweg.core.scene.spec import Spec, spec_field


class Settings(Spec):
    """Kept between starts of the program."""

    theme: Literal["light", "dark", "projector"] = spec_field(
        "light", "Theme", "Light, dark, or large and high-contrast for a projector."
    )
    landscape_share: float = spec_field(
        0.7,
        "Landscape's share",
        "Share of one core that computing landscapes may take; 0 switches them off.",
        ge=0.0,
        le=1.0,
    )
    device: Literal["cpu", "cuda"] = spec_field("cpu", "Device", "Where networks are trained.")
