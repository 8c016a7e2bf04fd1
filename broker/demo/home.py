"""The home of a gateway as a folder that is there."""

from __future__ import annotations

from pathlib import Path

from broker.settings import Settings
from schemas.errors import SettingsError


def home_of(settings: Settings) -> Path:
    """Absolute; made if it is not there. SettingsError if it can't be."""
    home = settings.home.expanduser().resolve()
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise SettingsError(f"the home can't be made: {e.strerror}", field="KAKEHASHI_HOME", value=str(home)) from None
    return home
