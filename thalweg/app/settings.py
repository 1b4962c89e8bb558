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
    memory: int = spec_field(
        512,
        "Memory",
        "What is recorded of a run, so that it can be shown again, takes no more than this; when it is full, every "
        "second moment is dropped, and is trained again when it is looked at.",
        unit="MB",
        ge=16,
        le=65536,
    )
    autosave: int = spec_field(
        10,
        "Keep the run every",
        "While it changes, the run is written to a file so often; after a crash no more than this is lost. 0: never.",
        unit="s",
        ge=0,
        le=3600,
    )
    device: Literal["cpu", "cuda"] = spec_field("cpu", "Device", "Where networks are trained.")

    @property
    def memory_bytes(self) -> int:
        """The memory in bytes."""
        return self.memory * 2**20
