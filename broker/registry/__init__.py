"""Platforms and registrations in memory, matched without I/O and fed by the store's change feed. No HTTP, no SQL."""
