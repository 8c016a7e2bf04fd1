"""Which of the keys that are here is the one that the ledger is signed with now."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from schemas.errors import SettingsError
from schemas.ledger.note import SigningKey

LoadSeeds = Callable[[], list[bytes]]
"""The seeds of the keys that may sign here; a new ledger begins with the first. SettingsError."""


def key_in_force(origin: str, seeds: Sequence[bytes], current: str | None) -> SigningKey:
    """`current`: as `ledger_keys` has it. SettingsError if it is not among ours."""
    for seed in seeds:
        key = SigningKey(origin, seed)
        if str(key.verifying) == current:
            return key
    raise SettingsError(
        f"the signing key here is not the ledger's, which is {current}; see `kakehashi ledger rotate-key`",
        field="KAKEHASHI_LEDGER_KEY",
    )
