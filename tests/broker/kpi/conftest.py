"""Bundles are forged here as for the ledger."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "schemas" / "ledger"))
