"""The sources and the gateway of the end-to-end tests serve here, too."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "e2e"))
