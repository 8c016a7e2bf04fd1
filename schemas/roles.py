"""What somebody may be: roles of people and of services, as area, secretariat and audit need them kept apart."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    SERVICE = "service"
    """Asks for data."""
    OPERATOR = "operator"
    """エリアマネジメント団体: platforms, agreements and entities of its own area."""
    SECRETARIAT = "secretariat"
    """事務局: projects, KPI, reports of all of them."""
    AUDITOR = "auditor"
    """Reads everything that was recorded, and changes nothing."""
    ADMINISTRATOR = "administrator"
    """Runs the gateway; may do all of it."""
