"""Adapters: one folder per kind of platform, knowing one foreign dialect and nothing else. No broker, no SQL."""
