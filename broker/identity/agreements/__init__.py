"""Agreements (データ利用協定) as this worker knows them: who may use what, and how much. No HTTP, no SQL."""
