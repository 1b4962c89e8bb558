"""What belongs to the person and the machine rather than to a scene."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import ValidationError
from PyQt6.QtCore import QSettings

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
    device: Literal["cpu", "cuda", "mps"] = spec_field("cpu", "Device", "Where networks are trained.")


def store() -> QSettings:
    """The file that settings and window geometry are kept in."""
    return QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "thalweg", "thalweg")


def load() -> Settings:
    """The settings as they were left; whatever is not valid falls back to its default."""
    kept, found = store(), Settings()
    for name in Settings.model_fields:
        value = kept.value(f"settings/{name}")
        if value is not None:
            try:
                found = Settings.model_validate(found.model_dump() | {name: _typed(name, str(value))})
            except (ValidationError, ValueError):
                continue
    return found


def save(settings: Settings) -> None:
    """Keep the settings for the next start."""
    kept = store()
    for name, value in settings.model_dump().items():
        kept.setValue(f"settings/{name}", str(value))


def _typed(name: str, text: str) -> object:
    return float(text) if name == "landscape_share" else text


def home() -> Path:
    """The folder of the settings file."""
    return Path(store().fileName()).parent
