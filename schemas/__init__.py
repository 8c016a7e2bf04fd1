"""The language everyone speaks: pure data and pure functions. Nothing here does I/O or knows a web framework."""
