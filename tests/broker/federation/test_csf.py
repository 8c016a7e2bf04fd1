"""The context source filter: what registrations say decides who is asked."""

from __future__ import annotations

import pytest

from broker.federation.csf import registered
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.q import parse_q
from schemas.platform import Coverage, Mode, Platform

SAID = {
    "id": "urn:r",
    "type": "ContextSourceRegistration",
    "information": [],
    CORE.expand("dataQuality"): 3,
    CORE.expand("operator"): {"type": "Property", "value": "Tokyo"},
}
PLATFORM = Platform(
    "urn:r",
    "ngsi_ld",
    "https://cityos.example.jp",
    area="takeshiba",
    name="Takeshiba",
    mode=Mode.AUXILIARY,
    coverage=Coverage(registration=SAID),
)


@pytest.mark.parametrize(
    ("csf", "expected"),
    [
        ('area=="takeshiba"', True),
        ('area=="toyosu"', False),
        ("dataQuality>=3", True),
        ("dataQuality>3", False),
        ('operator=="Tokyo";mode=="auxiliary"', True),
        ('registrationName=="Takeshiba"', True),
        ("organisation", False),
        ("!organisation", True),
        ('endpoint=="https://cityos.example.jp"', True),
        ("information", False),
    ],
)
def test_fits(csf: str, expected: bool) -> None:
    assert parse_q(csf, context=CORE).matches(registered(PLATFORM, CORE)) is expected
