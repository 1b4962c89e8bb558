"""Where settings and the window's geometry are kept between starts."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError
from PyQt6.QtCore import QSettings

from thalweg.app.settings import Settings


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
    kind = Settings.model_fields[name].annotation
    return kind(text) if kind in (int, float) else text


def home() -> Path:
    """The folder of the settings file."""
    return Path(store().fileName()).parent
